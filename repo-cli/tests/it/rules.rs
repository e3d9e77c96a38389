//! The rules that clients impose on what is published.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::time::{SystemTime, UNIX_EPOCH};

use camino::Utf8PathBuf;
use deb_parse::Limits;
use deb_parse::control::Release;
use testkit::{Environment, Tree};

use crate::published::Published;
use crate::{PROGRAM, configure, store};

/// The directory of a suite as it is published now.
fn suite(environment: &Environment, repository: &str) -> Utf8PathBuf {
    environment.public(repository).join("dists/bookworm")
}

fn release_text(environment: &Environment, repository: &str) -> String {
    fs::read_to_string(suite(environment, repository).join("Release")).unwrap()
}

fn release(environment: &Environment, repository: &str) -> Release {
    Release::parse(release_text(environment, repository).as_bytes(), &Limits::default()).unwrap()
}

#[test]
fn the_uncompressed_index_is_listed_though_it_need_not_exist() {
    let environment = store();
    environment.add("prod", &["hello=1.0"]);
    let release = release(&environment, "prod");
    let paths: Vec<&str> = release.files().iter().map(|file| file.path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "main/binary-amd64/Packages",
            "main/binary-amd64/Packages.gz",
            "main/binary-amd64/Packages.xz",
            "main/binary-amd64/Release"
        ]
    );
    let xz = fs::File::open(suite(&environment, "prod").join("main/binary-amd64/Packages.xz")).unwrap();
    let mut plain = Vec::new();
    std::io::Read::read_to_end(&mut xz2::read::XzDecoder::new(xz), &mut plain).unwrap();
    let listed = &release.files()[0];
    assert_eq!(listed.size, plain.len() as u64);
    assert_eq!(listed.sha256, Some(deb_parse::checksum::Sha256::of(&plain)));
}

#[test]
fn the_only_hash_is_sha256() {
    let environment = store();
    environment.add("prod", &["hello=1.0"]);
    for file in release(&environment, "prod").files() {
        assert!(file.sha256.is_some());
        assert!(file.md5.is_none() && file.sha1.is_none() && file.sha512.is_none());
    }
    let by_hash = suite(&environment, "prod").join("main/binary-amd64/by-hash");
    let families: Vec<String> =
        by_hash.read_dir_utf8().unwrap().map(|entry| entry.unwrap().file_name().to_owned()).collect();
    assert_eq!(families, ["SHA256"]);
}

#[test]
fn the_last_line_of_a_release_is_no_index() {
    let environment = store();
    for name in ["Release", "InRelease"] {
        let text = fs::read_to_string(suite(&environment, "prod").join(name)).unwrap();
        let signed = text.split("-----BEGIN PGP SIGNATURE-----").next().unwrap();
        let last = signed.trim_end_matches('\n').lines().last().unwrap();
        assert!(!last.starts_with(' '), "{name} ends with {last:?}");
    }
}

#[test]
fn no_field_binds_clients_to_a_key() {
    let environment = store();
    assert!(!release_text(&environment, "prod").contains("Signed-By"));
}

#[test]
fn origin_label_and_codename_stay_over_all_changes() {
    let environment = store();
    let fields = || {
        let release = release(&environment, "prod");
        let own = |value: Option<&str>| value.map(str::to_owned);
        (own(release.origin()), own(release.label()), own(release.suite()), own(release.codename()))
    };
    let at_first = fields();
    assert_eq!(at_first.3.as_deref(), Some("bookworm"));
    environment.add("prod", &["hello=1.0"]);
    assert_eq!(fields(), at_first);
    let _ = environment.run(&["rollback", "prod", "--to", "0", "--yes"]).succeeds();
    assert_eq!(fields(), at_first);
}

#[test]
fn a_label_that_clients_would_refuse_is_published_only_when_asked_for() {
    let environment = store();
    environment.add("prod", &["hello=1.0"]);
    crate::configure(&environment, "[repositories.prod]\nlabel = \"packages\"\n");
    insta::assert_snapshot!(environment.run(&["publish", "prod"]), @"
    status: 1
    ---- stderr
    error: prod: bookworm would change its Label from `prod` to `packages`: clients refuse that
    hint: take it back in repo.toml; or `repo-cli publish --allow-release-info-change`, and on every client `apt-get update --allow-releaseinfo-change`
    ");
    let allowed = environment.run(&["publish", "prod", "--allow-release-info-change"]).succeeds();
    assert!(release_text(&environment, "prod").contains("Label: packages"), "{allowed}");
    let _ = environment.run(&["publish", "prod"]).succeeds();
}

#[test]
fn a_suite_that_left_the_configuration_is_shown_until_its_end_is_asked_for() {
    let environment = Environment::with_store(PROGRAM, &["bookworm", "trixie"]);
    configure(&environment, "[repositories.prod]\nsuites = [\"bookworm\"]\n");
    insta::assert_snapshot!(environment.run(&["publish"]), @"
    status: 1
    ---- stdout
    preprod: already up to date
    ---- stderr
    error: prod: trixie would no longer be published: clients would find nothing there (404)
    hint: take it back in repo.toml; or `repo-cli publish --allow-removal`
    ");
    assert!(environment.public("prod").join("dists/trixie/InRelease").is_file());
    insta::assert_snapshot!(environment.run(&["publish", "--allow-removal"]), @"
    status: 0
    ---- stdout
    preprod: already up to date
    published prod <PUBLICATION>: as before
    prod no longer publishes trixie
    ");
    assert!(!environment.public("prod").join("dists/trixie").exists());
}

#[test]
fn an_emptied_list_of_suites_is_no_wish_to_publish_none() {
    let environment = store();
    let path = environment.root().join("repo.toml");
    let text = fs::read_to_string(&path).unwrap();
    let mut said = Vec::new();
    for suites in ["suites = []", "", "suites_file = \"suites.list\""] {
        fs::write(&path, text.replace("suites = [\"bookworm\"]", suites)).unwrap();
        fs::write(environment.root().join("suites.list"), "# none\n").unwrap();
        said.push(environment.run(&["publish"]).ends_with(1).to_string());
    }
    configure(&environment, "[repositories.prod]\nsuites = []\n");
    fs::write(&path, &text).unwrap();
    said.push(environment.run(&["publish"]).ends_with(1).to_string());
    insta::assert_snapshot!(said.join(""), @r#"
    status: 1
    ---- stderr
    error: <DIR>/store/repo.toml:12:10: preprod has no suites
       12 | suites = []
          |          ^^
    hint: list them in `suites`, or in the file that `suites_file` names
    status: 1
    ---- stderr
    error: <DIR>/store/repo.toml:78:15: preprod has no suites
       78 | [repositories.preprod]
          |               ^^^^^^^
    hint: list them in `suites`, or in the file that `suites_file` names
    status: 1
    ---- stderr
    error: <DIR>/store/repo.toml:12:15: preprod has no suites
       12 | suites_file = "suites.list"
          |               ^^^^^^^^^^^^^
    hint: list them in `suites`, or in the file that `suites_file` names
    status: 1
    ---- stderr
    error: <DIR>/store/repo.d/test.toml:2:10: prod has no suites
        2 | suites = []
          |          ^^
    hint: list them in `suites`, or in the file that `suites_file` names
    "#);
    assert!(environment.public("prod").join("dists/bookworm/InRelease").is_file());
}

fn now() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap()
}

fn seconds(date: &str) -> i64 {
    httpdate::parse_http_date(&date.replace("UTC", "GMT"))
        .map(|time| i64::try_from(time.duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap())
        .unwrap()
}

#[test]
fn in_a_burst_times_of_files_rise_and_dates_do_not_run_ahead() {
    let environment = store();
    let mut times = Vec::new();
    let mut contents = Vec::new();
    for round in 0..5 {
        // Forwards and, by rolling back, backwards.
        if round % 2 == 0 {
            environment.add("prod", &[format!("hello={round}").as_str()]);
        } else {
            let _ = environment.run(&["rollback", "prod", "--to", "0", "--yes"]).succeeds();
        }
        let path = suite(&environment, "prod").join("InRelease");
        times.push(path.metadata().unwrap().mtime());
        contents.push(fs::read(&path).unwrap());
        let text = release_text(&environment, "prod");
        let date = text.lines().find_map(|line| line.strip_prefix("Date: ")).unwrap();
        assert!(seconds(date) <= now(), "{date} is ahead of the clock");
    }
    assert!(times.is_sorted_by(|a, b| a < b), "{times:?}");
    contents.sort();
    contents.dedup();
    assert_eq!(contents.len(), 5);
}

#[test]
fn nothing_is_published_when_nothing_changed() {
    let environment = store();
    environment.add("prod", &["hello=1.0"]);
    let before = Tree::of(&environment.root());
    let output = environment.run(&["publish"]).succeeds();
    before.is_still(&Tree::of(&environment.root()), &output.to_string());
}

#[test]
fn all_signatures_stand_in_one_block() {
    let environment = store();
    let _ = environment.run(&["key", "generate"]).succeeds();
    environment.add("prod", &["hello=1.0"]);
    for name in ["InRelease", "Release.gpg"] {
        let text = fs::read_to_string(suite(&environment, "prod").join(name)).unwrap();
        assert_eq!(text.matches("BEGIN PGP SIGNATURE").count(), 1, "{name}");
    }
    Published::of(&environment, "prod").read().unwrap();
}

/// A shell command's words, run in the directory of the suite's index.
fn runs(environment: &Environment, repository: &str, words: &[&str]) {
    let mut command = environment.other(words);
    let directory = suite(environment, repository);
    let _ = environment.finish(command.current_dir(directory)).succeeds();
}

#[test]
fn other_tools_read_the_compressed_indices() {
    if !testkit::all_installed(&["xz", "gzip"]) {
        return;
    }
    let environment = store();
    for (repository, fill) in [("preprod", false), ("prod", true)] {
        if fill {
            environment.add(repository, &["hello=1.0"]);
            // Twice, so that the index is put together from what was there and what is new.
            environment.add(repository, &["hello=2.0", "other=1.0"]);
        }
        runs(&environment, repository, &["gzip", "-t", "main/binary-amd64/Packages.gz"]);
        runs(&environment, repository, &["xz", "-t", "--single-stream", "main/binary-amd64/Packages.xz"]);
        let directory = suite(&environment, repository);
        let plain = |program: &str, file: &str| {
            let mut command = environment.other(&[program, "-dc", file]);
            environment.finish(command.current_dir(&directory)).succeeds().stdout
        };
        let text = plain("gzip", "main/binary-amd64/Packages.gz");
        assert_eq!(plain("xz", "main/binary-amd64/Packages.xz"), text);
        assert_eq!(text.matches("Package: ").count(), if fill { 3 } else { 0 });
        let list = environment.finish(
            environment
                .other(&["xz", "--robot", "--list"])
                .arg(directory.join("main/binary-amd64/Packages.xz")),
        );
        let streams = list.stdout.lines().find_map(|line| line.strip_prefix("file\t")?.split('\t').next());
        assert_eq!(streams, Some("1"), "{list}");
    }
}

#[test]
fn gpgv_accepts_both_forms_by_either_key() {
    if !testkit::all_installed(&["gpgv"]) {
        return;
    }
    let environment = store();
    let _ = environment.run(&["key", "generate"]).succeeds();
    environment.add("prod", &["hello=1.0"]);
    let mut export = environment.command();
    let keyring = export.args(["key", "export", "--binary"]).output().unwrap().stdout;
    let keyring = environment.write("keyring.gpg", keyring);
    let keyring = format!("--keyring={keyring}");
    runs(&environment, "prod", &["gpgv", &keyring, "InRelease"]);
    runs(&environment, "prod", &["gpgv", &keyring, "Release.gpg", "Release"]);
}

#[test]
fn a_suite_without_packages_has_all_its_files() {
    let environment = Environment::with_store(PROGRAM, &["bookworm", "trixie"]);
    let content = Published::of(&environment, "prod").read().unwrap();
    assert_eq!(content.keys().collect::<Vec<_>>(), ["bookworm", "trixie"]);
    assert!(content.values().all(std::collections::BTreeSet::is_empty));
    assert_eq!(release(&environment, "prod").files().len(), 4);
}

#[test]
fn a_suite_added_later_is_published_next_to_the_others() {
    let environment = store();
    environment.add("prod", &["hello=1.0"]);
    configure(&environment, "suites = [\"trixie\"]\n");
    let _ = environment.run(&["publish"]).succeeds();
    environment.add("prod", &["hello=2.0"]);
    let content = Published::of(&environment, "prod").read().unwrap();
    assert_eq!(content["bookworm"].len(), 2);
    assert_eq!(content["trixie"].iter().collect::<Vec<_>>(), ["hello 2.0 all"]);
}

#[test]
fn validity_is_stated_when_it_is_configured() {
    let environment = store();
    configure(&environment, "valid_for = \"14d\"\n");
    let _ = environment.run(&["publish"]).succeeds();
    let text = release_text(&environment, "prod");
    let field = |name: &str| seconds(text.lines().find_map(|line| line.strip_prefix(name)).unwrap());
    assert_eq!(field("Valid-Until: ") - field("Date: "), 14 * 86_400);
}
