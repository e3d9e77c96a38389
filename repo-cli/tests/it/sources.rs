//! Source packages and uploads: from the builder's directory to a real apt-get source.

use std::fs;
use std::time::SystemTime;

use apt_sign::{Keyring, OpenPgpSigner, SecretKey, Signer as _};
use camino::{Utf8Path, Utf8PathBuf};
use testkit::{Apt, Environment, Output, Server, Source, Tree};

use crate::http::get;
use crate::published::Published;
use crate::{configure, store};

fn client<'e>(environment: &'e Environment, server: &Server, repository: &str) -> Option<Apt<'e>> {
    let apt = Apt::new(environment, &format!("client-of-{repository}"))?;
    let url = server.url();
    let sources = environment
        .run(&["client-config", "--inline", repository, "--suite", "bookworm", "--url", &url])
        .succeeds();
    apt.source(repository, &sources.stdout);
    Some(apt)
}

fn source(environment: &Environment, name: &str, version: &str) -> Source {
    Source::new(&environment.path("files"), name, version)
}

/// Writes an upload of a source package and a binary one.
fn upload(environment: &Environment, version: &str, distribution: &str) -> Utf8PathBuf {
    let hello = source(environment, "hello", version).field("Build-Depends", "greeter (>= 1.0)");
    let dsc = hello.quilt();
    let binary = environment.package("hello", version, "amd64");
    let upstream = version.split_once('-').unwrap().0;
    let files = [
        dsc.file_name().unwrap(),
        &format!("hello_{upstream}.orig.tar.gz"),
        &format!("hello_{version}.debian.tar.gz"),
        binary.file_name().unwrap(),
    ];
    hello.changes(distribution, "source amd64", &files)
}

/// Moves everything that was built into the drop folder.
fn drop_all(environment: &Environment) {
    let folder = environment.path("drop");
    fs::create_dir_all(&folder).unwrap();
    for entry in environment.path("files").read_dir_utf8().unwrap() {
        let entry = entry.unwrap();
        fs::rename(entry.path(), folder.join(entry.file_name())).unwrap();
    }
}

fn take(environment: &Environment, options: &[&str]) -> Output {
    environment.run(&[&["incoming", "preprod", "drop", "--once"], options].concat())
}

fn names(folder: &Utf8Path) -> Vec<String> {
    Tree::of(folder).paths().map(ToString::to_string).filter(|path| !path.is_empty()).collect()
}

#[test]
fn apt_get_source_fetches_and_unpacks_every_format() {
    let environment = store();
    let native = source(&environment, "plain", "1.0").native();
    let quilt = source(&environment, "hello", "1:2.10-3").quilt();
    let old = source(&environment, "older", "0.9-1").with_diff();
    insta::assert_snapshot!(environment.run(&["add", "preprod", native.as_str(), quilt.as_str(), old.as_str()]), @"
    status: 0
    ---- stdout
    added hello 1:2.10-3 source -> bookworm (every suite)
    added older 0.9-1 source -> bookworm (every suite)
    added plain 1.0 source -> bookworm (every suite)
    added 3 packages to preprod (commit 1), published <PUBLICATION>
    ");
    let server = environment.serve();
    let Some(apt) = client(&environment, &server, "preprod") else { return };
    let _ = apt.update().succeeds();
    for (name, files, unpacked) in [
        ("plain", vec!["plain_1.0.dsc", "plain_1.0.tar.gz"], "plain-1.0/debian/control"),
        (
            "hello",
            vec!["hello_2.10-3.debian.tar.gz", "hello_2.10-3.dsc", "hello_2.10.orig.tar.gz"],
            "hello-2.10/debian/control",
        ),
        (
            "older",
            vec!["older_0.9-1.diff.gz", "older_0.9-1.dsc", "older_0.9.orig.tar.gz"],
            "older-0.9/debian/control",
        ),
    ] {
        let _ = apt.get(&["source", "--download-only", name]).succeeds();
        for file in files {
            let fetched = fs::read(apt.path("downloads").join(file)).unwrap();
            assert_eq!(fetched, fs::read(environment.path("files").join(file)).unwrap(), "{file}");
        }
        if testkit::all_installed(&["dpkg-source"]) {
            let output = apt.get(&["source", name]).succeeds();
            let control = fs::read_to_string(apt.path("downloads").join(unpacked));
            assert!(control.is_ok_and(|text| text.starts_with(&format!("Source: {name}\n"))), "{output}");
        }
    }
}

#[test]
fn apt_get_build_dep_resolves_what_an_upload_needs() {
    let environment = store();
    // apt needs it for every build.
    environment.add("preprod", &["greeter=1.1", "build-essential=1.0"]);
    let changes = upload(&environment, "2.10-3", "unstable");
    let _ = environment.run(&["add", "preprod", changes.as_str()]).succeeds();
    let server = environment.serve();
    let Some(apt) = client(&environment, &server, "preprod") else { return };
    let _ = apt.update().succeeds();
    let output = apt.get(&["build-dep", "--simulate", "hello"]).succeeds();
    assert!(output.stdout.contains("Inst greeter (1.1"), "{output}");
}

#[test]
fn a_name_means_the_source_package_as_well_as_the_binary_one() {
    let environment = store();
    let changes = upload(&environment, "2.10-3", "unstable");
    let _ = environment.run(&["add", "preprod", changes.as_str()]).succeeds();
    let listed = |repository: &str| environment.run(&["list", repository]).succeeds().stdout;
    let _ = environment.run(&["promote", "hello", "--from", "preprod", "--to", "prod"]).succeeds();
    insta::assert_snapshot!(listed("prod"), @"
    PACKAGE  VERSION  ARCHITECTURE   SUITES
    hello    2.10-3   amd64, source  bookworm
    ");
    let published = Published::of(&environment, "prod").read().unwrap();
    assert_eq!(
        published["bookworm"].iter().collect::<Vec<_>>(),
        ["hello 2.10-3 amd64", "hello 2.10-3 source"]
    );
    let _ = environment.run(&["rollback", "prod", "--to", "0", "--yes"]).succeeds();
    let _ = environment
        .run(&["promote", "--all", "--despite-hold", "--from", "preprod", "--to", "prod"])
        .succeeds();
    insta::assert_snapshot!(environment.run(&["diff", "preprod", "prod"]), @"
    status: 0
    ---- stderr
    no differences between preprod and prod
    ");
    insta::assert_snapshot!(environment.run(&["versions", "hello"]), @"
    status: 0
    ---- stdout
    VERSION  ARCHITECTURE   REPOSITORY  SUITES
    2.10-3   amd64, source  preprod     bookworm
    2.10-3   amd64, source  prod        bookworm
    ");
    let shown = environment.run(&["show", "prod", "hello"]).succeeds().stdout;
    let comments: Vec<&str> = shown.lines().filter(|line| line.starts_with('#')).collect();
    insta::assert_snapshot!(comments.join("\n"), @"
    # hello 2.10-3 amd64 in prod: bookworm
    # hello 2.10-3 source in prod: bookworm
    # pool/main/h/hello/hello_2.10-3.dsc (697 bytes)
    # pool/main/h/hello/hello_2.10.orig.tar.gz (125 bytes)
    # pool/main/h/hello/hello_2.10-3.debian.tar.gz (220 bytes)
    ");
    let _ = environment.run(&["remove", "prod", "hello", "--yes"]).succeeds();
    assert_eq!(listed("prod"), "");
    let server = environment.serve();
    let Some(apt) = client(&environment, &server, "prod") else { return };
    let output = apt.update().succeeds();
    assert!(!output.text().contains("W:"), "an index that was there once stays: {output}");
}

#[test]
fn a_suite_without_source_packages_has_no_index_of_them() {
    let environment = store();
    environment.add("preprod", &["hello=1.0"]);
    assert!(!environment.public("preprod").join("dists/bookworm/main/source").exists());
    let config = environment.run(&["client-config", "--inline", "preprod"]).succeeds().stdout;
    assert!(config.starts_with("Types: deb\n"), "{config}");
    let dsc = source(&environment, "plain", "1.0").native();
    let _ = environment.run(&["add", "preprod", dsc.as_str()]).succeeds();
    assert!(environment.public("preprod").join("dists/bookworm/main/source/Sources.xz").is_file());
    let config = environment.run(&["client-config", "--inline", "preprod"]).succeeds().stdout;
    assert!(config.starts_with("Types: deb deb-src\n"), "{config}");
}

#[test]
fn an_upload_is_taken_out_of_the_drop_folder_when_it_is_complete() {
    let environment = store();
    let changes = upload(&environment, "2.10-3", "bookworm");
    drop_all(&environment);
    let folder = environment.path("drop");
    let tarball = folder.join("hello_2.10.orig.tar.gz");
    let whole = fs::read(&tarball).unwrap();
    let complete = names(&folder);

    fs::write(&tarball, &whole[..10]).unwrap();
    insta::assert_snapshot!(take(&environment, &[]), @"
    status: 0
    ---- stdout
    left drop/hello_2.10-3_upload.changes: it is not complete yet
    ");
    assert_eq!(names(&folder), complete, "all of it waits");
    fs::remove_file(&tarball).unwrap();
    let _ = take(&environment, &[]).succeeds();
    fs::write(&tarball, whole).unwrap();
    insta::assert_snapshot!(take(&environment, &[]), @"
    status: 0
    ---- stdout
    added hello 2.10-3 amd64 -> bookworm (named by the upload)
    added hello 2.10-3 source -> bookworm (named by the upload)
    added 1 package (2 files) to preprod (commit 1), published <PUBLICATION>
    ");
    assert_eq!(names(&folder), [""; 0]);
    assert!(!changes.exists());
}

#[test]
fn an_upload_that_is_refused_goes_aside_as_a_whole_with_one_reason() {
    let environment = store();
    let _ = upload(&environment, "2.10-3", "bookworm");
    drop_all(&environment);
    let folder = environment.path("drop");
    fs::remove_file(folder.join("hello_2.10.orig.tar.gz")).unwrap();
    let _ = environment.package("other", "1.0", "all");
    drop_all(&environment);
    insta::assert_snapshot!(take(&environment, &["--patience", "0"]), @r#"
    status: 1
    ---- stdout
    added other 1.0 all -> bookworm (every suite)
    added 1 package to preprod (commit 1), published <PUBLICATION>
    ---- stderr
    error: drop/hello_2.10-3_upload.changes: drop/hello_2.10-3.dsc lists "hello_2.10.orig.tar.gz", which is not beside it
    hint: put it there; only a file that the repository has already may be left out
    1 of 2 files refused: the others were added
    "#);
    insta::assert_snapshot!(names(&folder).join("\n"), @"
    rejected
    rejected/hello_2.10-3.debian.tar.gz
    rejected/hello_2.10-3.dsc
    rejected/hello_2.10-3_amd64.deb
    rejected/hello_2.10-3_upload.changes
    rejected/hello_2.10-3_upload.changes.reason
    rejected/hello_2.10-3_upload.changes.reason.json
    ");
    insta::assert_snapshot!(fs::read_to_string(folder.join("rejected/hello_2.10-3_upload.changes.reason")).unwrap(), @r#"drop/hello_2.10-3.dsc lists "hello_2.10.orig.tar.gz", which is not beside it"#);
}

#[test]
fn an_upload_that_lists_what_is_not_its_own_takes_nothing_along() {
    let environment = store();
    let folder = environment.path("drop");
    fs::create_dir_all(folder.join("rejected")).unwrap();
    fs::write(folder.join("rejected/old"), "old").unwrap();
    let _ = upload(&environment, "2.10-3", "bookworm");
    drop_all(&environment);
    let entry = |name: &str| format!("\n {:064} 1 {name}", 0);
    let listed = ["rejected", "hello_2.10-3_upload.changes"].map(entry).concat();
    fs::write(folder.join("bad.changes"), format!("Source: bad\nVersion: 1\nChecksums-Sha256:{listed}\n"))
        .unwrap();
    let _ = take(&environment, &["--patience", "0"]).ends_with(1);
    assert_eq!(
        names(&folder),
        [
            "rejected",
            "rejected/bad.changes",
            "rejected/bad.changes.reason",
            "rejected/bad.changes.reason.json",
            "rejected/old"
        ]
    );
    assert!(environment.run(&["list", "preprod"]).stdout.contains("source"));
}

#[test]
fn a_package_that_arrived_before_its_upload_is_no_hindrance() {
    let environment = store();
    let _ = upload(&environment, "2.10-3", "bookworm");
    drop_all(&environment);
    let (folder, changes) = (environment.path("drop"), "hello_2.10-3_upload.changes");
    fs::rename(folder.join(changes), environment.path(changes)).unwrap();
    let _ = take(&environment, &[]).succeeds();
    assert!(!folder.join("hello_2.10-3_amd64.deb").exists(), "it was taken alone");
    fs::rename(environment.path(changes), folder.join(changes)).unwrap();
    let _ = take(&environment, &[]).succeeds();
    assert_eq!(names(&folder), [""; 0]);
    assert!(environment.run(&["list", "preprod"]).stdout.contains("source"));
}

/// A repository that takes uploads of one key only; returns that key.
fn with_uploaders(environment: &Environment) -> SecretKey {
    let key = SecretKey::generate("Uploader", SystemTime::now(), None).unwrap();
    let keyring = Keyring::new(vec![key.certificate()]);
    environment.write("store/uploaders.asc", keyring.armored().unwrap());
    configure(environment, "[repositories.preprod]\nuploaders = 'uploaders.asc'\n");
    key
}

fn sign(path: &Utf8Path, key: SecretKey) {
    let text = fs::read(path).unwrap();
    let signed = OpenPgpSigner::new(vec![key]).unwrap().sign(&text, SystemTime::now()).unwrap();
    fs::write(path, signed.inline()).unwrap();
}

#[test]
fn only_what_an_uploader_signed_is_taken() {
    let environment = store();
    let key = with_uploaders(&environment);
    let changes = upload(&environment, "2.10-3", "bookworm");
    let add = || environment.run(&["add", "preprod", changes.as_str()]);
    insta::assert_snapshot!(add(), @"
    status: 1
    ---- stderr
    error: <DIR>/files/hello_2.10-3_upload.changes is not signed by an uploader: line 1: not a well-formed clear-signed message: it does not start with the line of a signed message
    hint: only keys in the keyring named by `uploaders` in repo.toml may upload
    1 of 1 file refused
    ");
    let text = fs::read(&changes).unwrap();
    sign(&changes, SecretKey::generate("Stranger", SystemTime::now(), None).unwrap());
    let output = add().ends_with(1);
    assert!(
        output.stderr.contains("is not signed by an uploader: signed by none of the trusted keys"),
        "{output}"
    );

    fs::write(&changes, text).unwrap();
    sign(&changes, key);
    let signed = fs::read_to_string(&changes).unwrap();
    fs::write(&changes, signed.replacen("Distribution: bookworm", "Distribution: trixie", 1)).unwrap();
    assert!(add().ends_with(1).stderr.contains("bad signature"));
    fs::write(&changes, format!("Origin: unsigned\n{signed}")).unwrap();
    let _ = add().ends_with(1);
    fs::write(&changes, signed).unwrap();
    let _ = add().succeeds();
}

#[test]
fn where_uploads_are_signed_a_package_alone_is_not_taken_from_a_drop_folder() {
    let environment = store();
    let key = with_uploaders(&environment);
    let changes = upload(&environment, "2.10-3", "bookworm");
    sign(&changes, key);
    let _ = environment.package("alone", "1.0", "all");
    drop_all(&environment);
    insta::assert_snapshot!(take(&environment, &[]), @"
    status: 0
    ---- stdout
    left drop/alone_1.0_all.deb: it belongs to no .changes file
    added hello 2.10-3 amd64 -> bookworm (named by the upload)
    added hello 2.10-3 source -> bookworm (named by the upload)
    added 1 package (2 files) to preprod (commit 1), published <PUBLICATION>
    ");
    let by_hand = environment.package("by-hand", "1.0", "all");
    let _ = environment.run(&["add", "preprod", by_hand.as_str()]).succeeds();
}

#[test]
fn suites_without_source_packages_have_an_entry_of_their_own() {
    let environment = store();
    configure(
        &environment,
        "suites = [\"bookworm-debug\"]\ncomponents = [\"main\", \"contrib\"]\n[suite.bookworm-debug]\ncomponents = [\"debug\"]\nonly_routed = true\n",
    );
    let dsc = source(&environment, "hello", "1.0").native();
    let _ = environment.run(&["add", "preprod", "--suite", "bookworm", dsc.as_str()]).succeeds();
    let server = environment.serve();
    let config =
        environment.run(&["client-config", "--inline", "preprod", "--url", &server.url()]).succeeds();
    insta::assert_snapshot!(config, @"
    status: 0
    ---- stdout
    # /etc/apt/sources.list.d/preprod.sources for the suite bookworm alone
    Types: deb deb-src
    URIs: http://127.0.0.1:<PORT>/preprod
    Suites: bookworm
    Components: main contrib
    Architectures: amd64
    Signed-By:
     -----BEGIN PGP PUBLIC KEY BLOCK-----
     <KEY>
     -----END PGP PUBLIC KEY BLOCK-----

    # /etc/apt/sources.list.d/preprod.sources for the suite bookworm-debug alone
    Types: deb
    URIs: http://127.0.0.1:<PORT>/preprod
    Suites: bookworm-debug
    Components: debug
    Architectures: amd64
    Signed-By:
     -----BEGIN PGP PUBLIC KEY BLOCK-----
     <KEY>
     -----END PGP PUBLIC KEY BLOCK-----
    ---- stderr
    warning: with a key in an entry, apt before 2.4 (Debian 11, Ubuntu 20.04) refuses every source of the machine, and the key can only be replaced by hand
    ");
    let Some(apt) = Apt::new(&environment, "client") else { return };
    apt.source("preprod", &config.stdout);
    let update = apt.update().succeeds();
    assert_eq!(update.stderr, "");
    let _ = apt.get(&["source", "--download-only", "hello"]).succeeds();
}

#[test]
fn a_withdrawn_upload_does_not_come_back_when_its_signed_files_are_dropped_again() {
    let environment = store();
    let key = with_uploaders(&environment);
    let changes = upload(&environment, "2.10-3", "bookworm");
    sign(&changes, key);
    let kept = environment.path("kept");
    fs::create_dir(&kept).unwrap();
    for file in environment.path("files").read_dir_utf8().unwrap() {
        let file = file.unwrap().into_path();
        fs::copy(&file, kept.join(file.file_name().unwrap())).unwrap();
    }
    let drop_again = || {
        for file in kept.read_dir_utf8().unwrap() {
            let file = file.unwrap().into_path();
            fs::copy(&file, environment.path("drop").join(file.file_name().unwrap())).unwrap();
        }
    };
    drop_all(&environment);
    let _ = take(&environment, &[]).succeeds();
    let _ = environment.run(&["rollback", "preprod", "--to", "0", "--yes"]).succeeds();

    drop_again();
    let rejected = take(&environment, &[]).ends_with(1);
    assert!(
        rejected.stderr.contains("hello 2.10-3 amd64 is held out of preprod since ")
            && rejected.stderr.contains(" (tester: roll back to 0 (")
            && rejected
                .stderr
                .contains("hint: to accept it anyway, run repo-cli add preprod --despite-hold ")
            && rejected.stderr.contains("drop/rejected/hello_2.10-3_upload.changes\n"),
        "{rejected}"
    );
    let reason =
        fs::read_to_string(environment.path("drop/rejected/hello_2.10-3_upload.changes.reason")).unwrap();
    assert!(reason.starts_with("hello 2.10-3 amd64 is held out of preprod since "), "{reason}");
    assert_eq!(environment.run(&["list", "preprod"]).succeeds().stdout, "");

    drop_again();
    let _ = take(&environment, &["--despite-hold"]).succeeds();
    assert!(environment.run(&["list", "preprod"]).succeeds().stdout.contains("hello"));
    // The last decision counts.
    let _ = environment.run(&["remove", "preprod", "hello", "--yes"]).succeeds();
    drop_again();
    let _ = take(&environment, &[]).ends_with(1);
    let _ = environment.run(&["remove", "preprod", "hello", "--undo"]).succeeds();
    drop_again();
    let _ = take(&environment, &[]).succeeds();
}

#[test]
fn a_release_that_an_upload_names_besides_is_not_dropped_unsaid() {
    let environment = store();
    let _ = upload(&environment, "2.10-3", "focal bookworm");
    drop_all(&environment);
    crate::configure(&environment, "unknown_release = \"refuse\"\n");
    let refused = take(&environment, &["--dry-run", "--patience", "0"]).ends_with(1);
    assert!(refused.stderr.contains("focal"), "{refused}");
    crate::configure(&environment, "unknown_release = \"everywhere\"\n");
    let output = take(&environment, &["--patience", "0"]).succeeds();
    let warning = "the upload is also for `focal`, which has no suite; it goes only to bookworm";
    assert!(output.stderr.contains(warning), "{output}");
    assert!(output.stdout.contains("-> bookworm (named by the upload, which is for focal too)"), "{output}");
}

#[test]
fn source_packages_are_passed_over_in_a_search_for_files_and_that_is_said() {
    let environment = store();
    let native = source(&environment, "plain", "1.0").native();
    let _ = environment.run(&["add", "preprod", native.as_str()]).succeeds();
    let found = environment.run(&["search", "--file", "usr/bin/hello", "--repository", "preprod"]).succeeds();
    assert!(found.stderr.contains("skipped 1 source package: it installs no files"), "{found}");
    let json = environment.json(&["search", "--file", "usr/bin/hello", "--repository", "preprod"]);
    assert!(json.contains("\"sources_skipped\":1"), "{json}");
}

/// As dak and reprepro do, unless somebody names the suite.
#[test]
fn an_upload_that_is_not_to_be_released_is_refused_like_one_for_an_unknown_release() {
    let environment = store();
    configure(&environment, "unknown_release = \"refuse\"\n");
    let changes = upload(&environment, "2.10-3", "UNRELEASED");
    let refused = environment.run(&["add", "preprod", changes.as_str()]).ends_with(1);
    assert!(refused.stderr.contains("preprod has no suite for `UNRELEASED`"), "{refused}");
    assert!(refused.stderr.contains("hint: choose suites with --suite"), "{refused}");
    let _ = environment.run(&["add", "preprod", changes.as_str(), "--suite", "bookworm"]).succeeds();
}

#[test]
fn the_record_of_a_build_is_kept_shown_and_served_beside_the_pool() {
    let environment = store();
    let binary = environment.package("hello", "1.0-1", "amd64");
    let hello = source(&environment, "hello", "1.0-1");
    let info = hello.buildinfo("amd64", &[binary.file_name().unwrap()]);
    let files = [binary.file_name().unwrap(), info.file_name().unwrap()];
    let changes = hello.changes("bookworm", "amd64", &files);
    let content = fs::read(&info).unwrap();
    let _ = environment.run(&["add", "preprod", changes.as_str()]).succeeds();

    let shown: serde_json::Value =
        serde_json::from_str(&environment.json(&["show", "preprod", "hello"])).unwrap();
    let [told] = shown["packages"][0]["provenance"].as_array().unwrap().as_slice() else { panic!("{shown}") };
    assert_eq!(told["name"], "hello_1.0-1_amd64.buildinfo");
    assert_eq!(told["size"], content.len());
    let path = told["path"].as_str().unwrap();
    assert!(
        path.starts_with("buildinfo/h/hello/") && path.ends_with("/hello_1.0-1_amd64.buildinfo"),
        "{path}"
    );
    let text = environment.run(&["show", "preprod", "hello"]).succeeds().stdout;
    assert!(text.contains(&format!("# {path} ({} bytes)\n", content.len())), "{text}");

    let _ = environment.run(&["promote", "hello", "--from", "preprod", "--to", "prod"]).succeeds();
    assert_eq!(fs::read(environment.root().join("public/prod").join(path)).unwrap(), content);
    let server = Server::start(environment.command().arg("serve"));
    let (status, answer) = get(&server, &format!("/prod/{path}"));
    assert_eq!(status, 200);
    assert!(answer.ends_with(&content));
    let _ = environment.run(&["fsck"]).succeeds();
}

#[test]
fn a_statement_of_the_builder_is_kept_with_the_package_that_it_names() {
    let environment = store();
    configure(&environment, "[[gate]]\nto = [\"prod\"]\nattested = [\"build\"]\n");
    let file = environment.package("hello", "1.0", "amd64");
    let digest = deb_parse::checksum::Sha256::of(&fs::read(&file).unwrap());
    let statement = format!(
        r#"{{"_type":"https://in-toto.io/Statement/v1","subject":[{{"name":"hello","digest":{{"sha256":"{digest}"}}}}],"predicateType":"https://slsa.dev/provenance/v1","predicate":{{}}}}"#
    );
    environment.write("build.json", &statement);
    environment.write("other.json", statement.replace(&digest.to_string(), &"0".repeat(64)));
    let add =
        |attestation: &str| environment.run(&["add", "preprod", file.as_str(), "--attest", attestation]);
    insta::assert_snapshot!(add("other.json").ends_with(1).stderr, @"error: other.json: it names none of the packages that are given by its SHA-256");
    let _ = environment.run(&["add", "preprod", file.as_str()]).succeeds();
    let promote = || environment.run(&["promote", "hello", "--from", "preprod", "--to", "prod"]);
    let stopped = promote().ends_with(1);
    assert!(
        stopped
            .stderr
            .contains("no file says how it was built, and prod takes nothing without one (attested)"),
        "{stopped}"
    );

    let kept = add("build.json").succeeds();
    assert!(kept.stdout.contains("kept in preprod how 1 package was built"), "{kept}");
    let shown: serde_json::Value =
        serde_json::from_str(&environment.json(&["show", "preprod", "hello"])).unwrap();
    let told = &shown["packages"][0]["provenance"][0];
    assert_eq!((&told["kind"], &told["name"]), (&"statement".into(), &"hello_1.0.intoto.json".into()));
    let _ = promote().succeeds();
    let published = environment.root().join("public/prod").join(told["path"].as_str().unwrap());
    assert_eq!(fs::read_to_string(published).unwrap(), statement);
    let _ = environment.run(&["fsck"]).succeeds();
}
