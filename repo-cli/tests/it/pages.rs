//! Pages for people: what they show and to whom, hostile packages, the feed, and a real browser.

use std::process::Command;
use std::time::{Duration, Instant};

use base64::Engine as _;
use testkit::{Environment, Server};

use crate::browser::Browser;
use crate::{configure, http, store};

/// A store with pages, in which `prod` lacks something of `preprod`.
fn with_pages(more: &str) -> Environment {
    let environment = store();
    configure(&environment, &format!("[serve]\npages = true\n{more}"));
    environment.add("preprod", &["hello=1.0", "other=1"]);
    let _ = environment.run(&["promote", "hello", "--from", "preprod", "--to", "prod"]).succeeds();
    environment.add("preprod", &["hello=1.1"]);
    environment
}

#[track_caller]
fn page(server: &Server, path: &str) -> String {
    let (status, body) = http::get(server, path);
    assert_eq!(status, 200, "{path}: {}", String::from_utf8_lossy(&body));
    String::from_utf8(body).unwrap()
}

#[track_caller]
fn has(page: &str, parts: &[&str]) {
    for part in parts {
        assert!(page.contains(part), "{part}: {page}");
    }
}

fn basic(name: &str, password: &str) -> String {
    let login = base64::engine::general_purpose::STANDARD.encode(format!("{name}:{password}"));
    format!("Authorization: Basic {login}\r\n")
}

#[test]
fn pages_tell_what_clients_see() {
    let environment = with_pages("");
    let server = environment.serve();
    has(
        &page(&server, "/"),
        &["<a href=\"-/preprod/\">preprod</a>", "<a href=\"-/prod/\">prod</a>", "bookworm"],
    );
    let prod = page(&server, "/-/prod/");
    let hash = deb_parse::checksum::Sha256::of(&http::get(&server, "/prod/key.gpg").1).to_string();
    has(
        &prod,
        &[
            "<h2>What prod lacks of preprod</h2>",
            "<bdi>1.1</bdi>",
            "promote hello 1.0 all",
            &hash,
            "/usr/share/keyrings/prod-archive-keyring.gpg",
            "Suites: bookworm\n",
        ],
    );
    let keys = environment.run(&["key", "list", "--json"]).succeeds().stdout;
    let fingerprint = prod.split("<code class=\"fingerprint\">").nth(1).unwrap().split('<').next().unwrap();
    assert!(fingerprint.len() == 40 && keys.contains(fingerprint), "{keys}");
    let suite = page(&server, "/-/prod/suite/bookworm");
    has(
        &suite,
        &["<a href=\"../../../-/prod/package/hello\">hello</a>", "<bdi>1.0</bdi>", "a package of the tests"],
    );
    let hello = page(&server, "/-/preprod/package/hello");
    has(&hello, &["<bdi>1.1</bdi>", "<bdi>1.0</bdi>", "<h2>What prod lacks of preprod</h2>", "Here since"]);
    // The link leads to the file.
    let file = hello.split("href=\"../../../preprod/pool").nth(1).unwrap().split('"').next().unwrap();
    assert_eq!(http::get(&server, &format!("/preprod/pool{file}")).0, 200);
    let found = page(&server, "/-/search?q=HELL");
    has(&found, &["2 packages have “HELL”", "prod/package/hello"]);
    assert!(!found.contains("other"), "{found}");
    has(&page(&server, "/-/prod/search?q=other"), &["No package has “other”"]);
    has(&page(&server, "/-/prod/search"), &["Names and descriptions of packages are searched"]);
    for none in ["/-/prod/suite/trixie", "/-/prod/package/other", "/-/prod/package/..", "/-/prod/suite/%20"] {
        assert_eq!(http::get(&server, none).0, 404, "{none}");
    }
    assert_eq!(server.interrupt().0, Some(0));
}

#[test]
fn what_was_never_published_lacks_everything() {
    let environment = store();
    configure(&environment, "[serve]\npages = true\n");
    environment.add("preprod", &["hello=1.0"]);
    let server = environment.serve();
    let prod = page(&server, "/-/prod/");
    has(
        &prod,
        &[
            "Nothing is published yet.",
            "<h2>What prod lacks of preprod</h2>",
            "package/hello",
            "<td>none</td>",
        ],
    );
    has(&page(&server, "/-/prod/suite/bookworm"), &["The suite is empty."]);
    has(&page(&server, "/-/prod/search?q=hello"), &["No package has"]);
    assert_eq!(http::get(&server, "/-/prod/package/hello").0, 404);
    has(&page(&server, "/-/prod/changes.atom"), &["<updated>1970-01-01T00:00:00Z</updated>"]);
}

#[test]
fn a_page_changes_when_clients_see_something_else() {
    let environment = with_pages("");
    let server = environment.serve();
    let head = http::head_with(&server, "/-/prod/", "");
    let etag = head.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap().to_owned();
    let ask = || http::get_with(&server, "/-/prod/", &format!("If-None-Match: {etag}\r\n")).0;
    assert_eq!(ask(), 304);
    let _ = environment
        .run(&["add", "prod", environment.package("late", "1", "all").as_str(), "--no-publish"])
        .succeeds();
    assert_eq!(ask(), 304);
    assert_eq!(http::get(&server, "/-/prod/package/late").0, 404);
    let _ = environment.run(&["publish", "prod"]).succeeds();
    assert_eq!(ask(), 200);
    has(&page(&server, "/-/prod/"), &["add late"]);
    assert_eq!(http::get(&server, "/-/prod/package/late").0, 200);
}

#[test]
fn a_page_obeys_the_access_of_its_repository() {
    let environment = with_pages("[repositories.preprod]\nusers = \"preprod.htpasswd\"\n");
    // The password is `secret`, as `htpasswd -s` writes it.
    environment.write("store/preprod.htpasswd", "alice:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n");
    let server = environment.serve();
    let list = page(&server, "/");
    assert!(!list.contains("preprod") && list.contains("href=\"?login\""), "{list}");
    let prod = page(&server, "/-/prod/");
    assert!(!prod.contains("lacks of") && !prod.contains("1.1"), "{prod}");
    assert!(!page(&server, "/-/search?q=other").contains("preprod"));
    for closed in [
        "/-/preprod/",
        "/-/preprod/suite/bookworm",
        "/-/preprod/suite/none",
        "/-/preprod/package/hello",
        "/-/preprod/package/none",
        "/-/preprod/search?q=hello",
        "/-/preprod/changes.atom",
    ] {
        assert_eq!(http::get(&server, closed).0, 401, "{closed}");
        assert_eq!(http::get_with(&server, closed, &basic("alice", "wrong")).0, 401, "{closed}");
    }
    let login = basic("alice", "secret");
    let with_login = |path: &str| String::from_utf8(http::get_with(&server, path, &login).1).unwrap();
    has(&with_login("/"), &["preprod"]);
    assert!(!with_login("/").contains("?login"));
    has(&with_login("/-/prod/"), &["<h2>What prod lacks of preprod</h2>"]);
    has(&with_login("/-/preprod/"), &["/etc/apt/auth.conf.d/preprod.conf", "login NAME"]);
    has(&with_login("/-/search?q=other"), &["preprod/package/other"]);
    // Those who came later and may see less are not sent what was kept for others.
    assert!(!page(&server, "/-/prod/").contains("lacks of"));
}

#[test]
fn hostile_packages_are_only_shown() {
    let environment = with_pages("");
    let hostile = environment.build("hostile", "1", "all", |builder| {
        builder
            .field("Homepage", "javascript:alert(1)")
            .description("</bdi><script>alert('x')</script> \"quoted\" \u{202e}gpj.exe")
    });
    let _ = environment.run(&["--actor", "<b>mallory</b>", "add", "prod", hostile.as_str()]).succeeds();
    let server = environment.serve();
    for path in [
        "/-/prod/",
        "/-/prod/suite/bookworm",
        "/-/prod/package/hostile",
        "/-/prod/search?q=%3Cscript%3Ealert",
        "/-/prod/changes.atom",
    ] {
        let page = page(&server, path);
        for bad in ["<script>", "<b>mallory", "\u{202e}", "href=\"javascript"] {
            assert!(!page.contains(bad), "{path}: {bad}: {page}");
        }
    }
    has(
        &page(&server, "/-/prod/package/hostile"),
        &["&lt;script&gt;alert(", "\\u{202e}gpj.exe", "&lt;b&gt;mallory"],
    );
    has(&page(&server, "/-/prod/search?q=%3Cscript%3Ealert"), &["1 package has “&lt;script&gt;alert”"]);
}

#[test]
fn a_package_is_shown_in_its_newest_version_with_the_words_of_its_binaries() {
    let environment = with_pages("");
    for (version, description) in [("2.0", "greets people"), ("2.1", "waves at people")] {
        let file = environment.build("wave", version, "amd64", |builder| builder.description(description));
        let _ = environment.run(&["add", "prod", file.as_str()]).succeeds();
    }
    let dsc = testkit::Source::new(&environment.path("files"), "wave", "2.1").native();
    let _ = environment.run(&["add", "prod", dsc.as_str()]).succeeds();
    let server = environment.serve();
    has(&page(&server, "/-/prod/suite/bookworm"), &["<bdi>2.1</bdi>", "<bdi>waves at people</bdi>"]);
    // By the name, and by what only the older version says.
    for text in ["wave", "greets"] {
        let found = page(&server, &format!("/-/prod/search?q={text}"));
        has(&found, &["1 package has", "<bdi>2.1</bdi>", "<bdi>waves at people</bdi>"]);
    }
}

#[test]
fn a_package_with_many_versions_in_one_change_tells_how_many_are_not_shown() {
    let environment = with_pages("");
    let versions: Vec<String> = (0..53).map(|number| format!("many=1.{number}")).collect();
    environment.add("prod", &versions.iter().map(String::as_str).collect::<Vec<_>>());
    let server = environment.serve();
    has(&page(&server, "/-/prod/package/many"), &["53 package versions", "and 3 more"]);
}

#[test]
fn a_long_list_goes_on_on_the_next_page() {
    let environment = with_pages("");
    let packages: Vec<String> = (0..203).map(|number| format!("p{number:03}=1")).collect();
    environment.add("prod", &packages.iter().map(String::as_str).collect::<Vec<_>>());
    let server = environment.serve();
    let first = page(&server, "/-/prod/suite/bookworm");
    // `hello` comes before the others.
    has(&first, &["package/hello", "package/p198\"", "bookworm?after=p198\""]);
    assert!(!first.contains("package/p199"));
    let next = page(&server, "/-/prod/suite/bookworm?after=p198");
    has(&next, &["package/p199", "package/p202", "First packages"]);
    assert!(!next.contains("package/p198") && !next.contains("Next packages"));
    has(&page(&server, "/-/prod/suite/bookworm?after=zzz"), &["No package follows zzz."]);
    has(&page(&server, "/-/prod/search?q=p"), &["The first 100 packages"]);
}

#[test]
fn the_feed_is_xml_that_a_reader_takes() {
    let environment = with_pages("");
    let _ = environment.run(&["--actor", "a & <b>", "hold", "prod", "hello", "2.0"]);
    environment.add("prod", &["xy=1"]);
    let server = environment.serve();
    let feed = page(&server, "/-/prod/changes.atom");
    has(&feed, &["<title>add xy 1 all</title>", "added xy 1 (all) to bookworm"]);
    let head = http::head_with(&server, "/-/prod/changes.atom", "");
    assert!(head.contains("content-type: application/atom+xml; charset=utf-8"), "{head}");
    if !testkit::all_installed(&["python3"]) {
        return;
    }
    environment.write("feed.xml", &feed);
    let script = "import sys, xml.etree.ElementTree as t\n\
        a = '{http://www.w3.org/2005/Atom}'\n\
        feed = t.parse(sys.argv[1]).getroot()\n\
        entries = feed.findall(a + 'entry')\n\
        assert feed.tag == a + 'feed' and entries, feed.tag\n\
        for each in [feed] + entries:\n  \
            for name in ('id', 'title', 'updated'):\n    \
                assert each.find(a + name).text, name\n\
        assert all(e.find(a + 'author').find(a + 'name').text for e in entries)\n\
        ids = [e.find(a + 'id').text for e in entries]\n\
        assert len(set(ids)) == len(ids)\n";
    let read =
        Command::new("python3").args(["-c", script, environment.path("feed.xml").as_str()]).output().unwrap();
    assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
}

#[test]
fn pages_are_off_unless_they_are_asked_for_and_come_with_the_setting() {
    let environment = store();
    environment.add("prod", &["hello=1.0"]);
    let server = environment.serve();
    assert_eq!(http::get(&server, "/-/prod/").0, 404);
    configure(&environment, "[serve]\npages = true\n");
    soon("the pages do not come", || http::get(&server, "/-/prod/").0 == 200);
}

#[track_caller]
fn soon(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(60), "{what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// All pages, as a browser opens them.
const PAGES: [&str; 6] = [
    "/",
    "/-/prod/",
    "/-/preprod/",
    "/-/preprod/suite/bookworm",
    "/-/preprod/package/hello",
    "/-/search?q=hello",
];

#[test]
fn a_browser_opens_the_pages_and_an_accessibility_checker_finds_nothing_serious() {
    let Some(mut browser) = Browser::start() else { return };
    let environment = with_pages("");
    let server = environment.serve();
    let axe = crate::browser::axe();
    for path in PAGES {
        for is_dark in [false, true] {
            browser.open(&format!("{}{path}", server.url()), is_dark);
            assert_eq!(browser.run("return document.styleSheets.length"), 1, "{path}");
            // On a phone the page is as wide as its window.
            let width = "return document.documentElement.scrollWidth - document.documentElement.clientWidth";
            assert_eq!(browser.run(width), 0, "{path}");
            if let Some(axe) = &axe {
                let found = browser.violations(axe);
                assert!(found.is_empty(), "{path} (dark: {is_dark}): {found:?}");
            }
        }
        let problems = browser.problems();
        assert!(problems.is_empty(), "{path}: {problems:?}");
    }
    // The script of the search.
    browser.open(&format!("{}/-/search", server.url()), false);
    let typed = "document.getElementById('q').value = 'other'; document.getElementById('q').dispatchEvent(new Event('input'))";
    let _ = browser.run(typed);
    soon("nothing was found while typing", || {
        browser.run("return document.querySelector('#results tbody') !== null") == true
    });
    let text = browser.run("return document.getElementById('told').textContent");
    assert_eq!(text, "1 package has “other” in its name or description");
    assert!(browser.problems().is_empty());
}
