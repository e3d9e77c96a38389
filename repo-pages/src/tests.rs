//! Each page as it is sent, with texts of people who mean no good.

use insta::assert_snapshot;
use jiff::Timestamp;

use super::*;

const HOSTILE: &str = "<script>alert(\"1\")</script> & 'x' \u{202e}gpj\u{0}\u{1b}[31m";

fn line(text: &str) -> Line {
    Line::new(text)
}

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn change() -> Change {
    Change {
        sequence: 7,
        id: line("c0ffee"),
        date: time("2026-11-26T20:16:05Z"),
        actor: line("alice"),
        operation: line("promote hello from preprod"),
        reason: Some(line("minimum_age: a fix that cannot wait")),
        packages: vec![
            ChangedPackage {
                sign: Sign::Removed,
                package: line("hello"),
                version: line("1.0"),
                architectures: line("amd64"),
                suites: vec![line("bookworm")],
            },
            ChangedPackage {
                sign: Sign::Added,
                package: line("hello"),
                version: line("1.1"),
                architectures: line("amd64, arm64"),
                suites: vec![line("bookworm"), line("trixie")],
            },
        ],
        more: 0,
    }
}

/// A change in which everything that others write is hostile.
fn hostile_change() -> Change {
    let hostile = || line(HOSTILE);
    let package = ChangedPackage {
        sign: Sign::Added,
        package: hostile(),
        version: hostile(),
        architectures: hostile(),
        suites: vec![hostile()],
    };
    Change {
        sequence: 8,
        id: hostile(),
        date: time("2026-11-27T08:00:00Z"),
        actor: hostile(),
        operation: hostile(),
        reason: Some(hostile()),
        packages: vec![package; 6],
        more: 3,
    }
}

fn comparison() -> Comparison {
    let waiting = |package: &str, present: Option<&str>, is_held| Waiting {
        package: line(package),
        version: line("1.2"),
        present: present.map(line),
        architectures: line("amd64"),
        suites: vec![line("bookworm")],
        is_held,
    };
    let waiting = vec![waiting("g++", None, false), waiting("hello", Some("1.1"), true)];
    Comparison { from: line("preprod"), to: line("prod"), waiting, more: 2 }
}

fn suite() -> SuiteSummary {
    SuiteSummary {
        name: line("bookworm"),
        components: vec![line("main"), line("debug")],
        architectures: vec![line("amd64"), line("arm64")],
        files: 1,
    }
}

fn overview() -> Overview {
    let summary = |name: &str, changed| RepositorySummary {
        name: line(name),
        suites: vec![line("bookworm"), line("trixie")],
        architectures: vec![line("amd64")],
        files: 12,
        changed,
    };
    let changed = Some(time("2026-11-26T20:16:05Z"));
    Overview { repositories: vec![summary("preprod", changed), summary("prod", None)], may_log_in: true }
}

fn repository() -> RepositoryPage {
    let setup = ClientSetup {
        has_address: false,
        needs_login: true,
        login: (
            line("/etc/apt/auth.conf.d/prod.conf"),
            Description::new("machine https://deb.example.org/prod/\nlogin NAME\n"),
        ),
        key: Description::new(
            "apt-helper download-file 'https://deb.example.org/prod/key.gpg' \"$d/key.gpg\" &&\nrm",
        ),
        sources_path: line("/etc/apt/sources.list.d/prod.sources"),
        sources: ["bookworm", "trixie"]
            .map(|suite| (line(suite), Description::new("Types: deb\nSuites: x\n")))
            .to_vec(),
        keyring_package: Some(line("prod-archive-keyring")),
    };
    RepositoryPage {
        name: line("prod"),
        published: Some(time("2026-11-26T20:16:05Z")),
        valid_until: Some(time("2026-12-10T20:16:05Z")),
        suites: vec![suite()],
        fingerprints: vec![line("0123456789ABCDEF0123456789ABCDEF01234567")],
        setup: Some(setup),
        comparisons: vec![comparison()],
        changes: vec![change()],
        is_cut: true,
    }
}

fn suite_page() -> SuitePage {
    let package = ListedPackage {
        name: line("g++"),
        version: line("1.2~rc1+b2"),
        architectures: vec![line("amd64")],
        older: 2,
        size: 13_212_058,
        synopsis: line("a compiler"),
    };
    SuitePage {
        repository: line("prod"),
        suite: suite(),
        after: Some(line("a")),
        packages: vec![package],
        goes_on: true,
    }
}

fn package() -> PackagePage {
    let version = |version: &str, since, file: Option<&str>| PackageVersion {
        version: line(version),
        architecture: line("amd64"),
        component: line("main"),
        suites: vec![line("bookworm")],
        size: 2048,
        since,
        file: file.map(line),
    };
    let date = time("2026-11-26T20:16:05Z");
    PackagePage {
        repository: line("prod"),
        name: line("hello"),
        synopsis: line("says hello"),
        description: Description::of_field("says hello\n It does that.\n .\n  * well\n"),
        fields: vec![("Homepage", line("https://example.org/")), ("Depends", line("libc6 (>= 2.36), a | b"))],
        versions: vec![
            version("1.1", Since::Change(date), Some("../../../prod/pool/main/h/hello/hello_1.1_amd64.deb")),
            version("1.0", Since::Before(date), None),
            version("0.9", Since::Unknown, None),
        ],
        comparisons: Vec::new(),
        changes: vec![change()],
        is_cut: false,
    }
}

fn search() -> SearchPage {
    let hit = Hit {
        repository: line("prod"),
        package: line("hello"),
        version: line("1.1"),
        suites: vec![line("bookworm")],
        synopsis: line("says hello"),
    };
    SearchPage { repository: None, text: line("hell"), hits: vec![hit], is_cut: false }
}

fn feed() -> Feed {
    let id = line("https://deb.example.org/prod");
    Feed { repository: line("prod"), id, changes: vec![change()] }
}

/// Every page with hostile texts wherever others write.
fn hostile_pages() -> Vec<String> {
    let hostile = || line(HOSTILE);
    let changes = || vec![hostile_change()];
    let mut package = package();
    package.synopsis = hostile();
    package.description = Description::new(HOSTILE);
    package.fields = vec![
        ("Homepage", line("javascript:alert(1)")),
        ("Homepage", line("https://x/\" onclick=\"alert(1)")),
        ("Maintainer", hostile()),
    ];
    package.versions[0].version = hostile();
    package.versions[0].file = Some(hostile());
    package.changes = changes();
    let mut suite = suite_page();
    suite.packages[0] = ListedPackage {
        name: hostile(),
        version: hostile(),
        architectures: vec![hostile()],
        synopsis: hostile(),
        ..suite.packages[0].clone()
    };
    suite.after = Some(hostile());
    let mut search = search();
    search.text = hostile();
    search.hits[0].synopsis = hostile();
    let mut repository = repository();
    repository.changes = changes();
    repository.comparisons[0].waiting[0].version = hostile();
    vec![package.html(), suite.html(), search.html(), repository.html()]
}

#[test]
fn the_list_of_repositories() {
    assert_snapshot!(overview().html());
}

#[test]
fn the_page_of_a_repository() {
    assert_snapshot!(repository().html());
}

#[test]
fn the_page_of_a_suite() {
    assert_snapshot!(suite_page().html());
}

#[test]
fn the_page_of_a_package() {
    assert_snapshot!(package().html());
}

#[test]
fn the_page_of_a_search() {
    assert_snapshot!(search().html());
}

#[test]
fn the_feed_of_a_repository() {
    assert_snapshot!(feed().xml());
}

#[test]
fn hostile_texts_are_only_shown() {
    for page in hostile_pages() {
        assert_eq!(page.matches("<script").count(), page.matches("<script src=\"").count(), "{page}");
        for bad in
            ["alert(\"1\")", "\u{202e}", "\u{0}", "\u{1b}", "href=\"javascript:", "\" onclick=", " 'x' <"]
        {
            assert!(!page.contains(bad), "{bad:?}: {page}");
        }
        assert!(page.contains(
            "&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt; &amp; 'x' \\u{202e}gpj\\u{0}\\u{1b}[31m"
        ));
    }
}

#[test]
fn no_markup_has_a_style_or_a_script_of_its_own_and_nothing_is_loaded_from_elsewhere() {
    let own =
        [overview().html(), repository().html(), suite_page().html(), package().html(), search().html()];
    for page in own.into_iter().chain(hostile_pages()) {
        for bad in [" style=", "<style", " onclick=\"", " onload=", "src=\"http", "src=\"//"] {
            assert!(!page.contains(bad), "{bad}: {page}");
        }
        let sheets = page.matches("rel=\"stylesheet\"").count();
        assert_eq!((sheets, page.matches("<link rel=\"icon\" href=\"data:,\">").count()), (1, 1));
        assert!(
            page.contains("<html lang=\"en\">")
                && page.matches("<h1>").count() == 1
                && page.contains("<main id=\"content\">")
        );
    }
    assert!(!STYLE.contains("url(") && !STYLE.contains("@import"));
}

/// Reads XML as strictly as is needed for what is written here, and returns the names of the elements that are opened, with their texts.
fn elements(xml: &str) -> Vec<(String, String)> {
    let (mut open, mut all): (Vec<usize>, Vec<(String, String)>) = (Vec::new(), Vec::new());
    let mut rest = xml.strip_prefix("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n").unwrap();
    while let Some(start) = rest.find('<') {
        let text = &rest[..start];
        assert!(!text.contains('>') || text.contains("&gt;"), "{text}");
        if let Some(of) = open.last() {
            all[*of].1.push_str(text);
        }
        let end = start + rest[start..].find('>').unwrap();
        let tag = &rest[start + 1..end];
        rest = &rest[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(all[open.pop().unwrap()].0, name);
            continue;
        }
        let name = tag.split([' ', '/']).next().unwrap();
        all.push((name.to_owned(), String::new()));
        if !tag.ends_with('/') {
            open.push(all.len() - 1);
        }
    }
    assert!(open.is_empty() && rest.trim().is_empty(), "{rest}");
    all
}

#[test]
fn the_feed_is_well_formed_and_has_what_atom_asks_for() {
    let feed = Feed { changes: vec![hostile_change(), change()], ..feed() };
    let elements = elements(&feed.xml());
    let count = |name: &str| elements.iter().filter(|(of, _)| of == name).count();
    // RFC 4287, sections 4.1.1 and 4.1.2: each entry has an id, a title, a time and an author, and the feed all but the author.
    assert_eq!((count("feed"), count("entry"), count("id"), count("title")), (1, 2, 3, 3));
    assert_eq!((count("updated"), count("author"), count("name"), count("content")), (3, 2, 2, 2));
    for (_, text) in &elements {
        let entities = ["&amp;", "&lt;", "&gt;", "&quot;"];
        assert_eq!(
            text.matches('&').count(),
            entities.iter().map(|of| text.matches(of).count()).sum::<usize>()
        );
    }
    let empty = Feed { changes: Vec::new(), ..feed };
    assert!(empty.xml().contains("<updated>1970-01-01T00:00:00Z</updated>"));
}
