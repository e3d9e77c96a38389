//! Stores that a library made: they have no `repo.toml`, and what needs no settings works all the same.

use deb_parse::{Architecture, SuiteName};
use repo_store::{AddOptions, Context, RepositoryName, RepositorySettings, Store, SuiteSettings};
use testkit::Environment;

use crate::{PROGRAM, configure, store, traces};

/// A store with one package in one repository, made without the program.
fn library_store() -> Environment {
    let environment = Environment::new(PROGRAM);
    std::fs::create_dir_all(environment.root()).unwrap();
    let store = Store::create(&environment.root()).unwrap();
    let suite = SuiteName::parse("bookworm").unwrap();
    let suite = SuiteSettings::new(suite, vec![Architecture::parse("amd64").unwrap()]);
    let settings = RepositorySettings::new(RepositoryName::parse("prod").unwrap(), vec![suite]);
    let context = Context::new("library", jiff::Timestamp::now());
    let file = environment.package("hello", "1.0", "all");
    let report = store.add(&settings, &[file], &AddOptions::default(), &context).unwrap();
    assert_eq!(report.into_result().unwrap().len(), 1);
    environment
}

#[test]
fn what_needs_no_settings_works_without_repo_toml() {
    let environment = library_store();
    for (arguments, said) in [
        (&["list", "prod"][..], "hello"),
        (&["list", "prod", "--suite", "bookworm"], "hello"),
        (&["versions", "hello"], "1.0"),
        (&["show", "prod", "hello"], "Package: hello"),
        (&["history", "prod"], "add hello 1.0"),
        (&["holds", "prod"], ""),
        (&["fsck"], "clean"),
        (&["gc", "--dry-run"], ""),
    ] {
        let output = environment.run(arguments).succeeds();
        assert!(output.stdout.contains(said), "{arguments:?}: {output}");
    }
    let backup = environment.path("backup");
    let _ = environment.run(&["backup", backup.as_str()]).succeeds();
    assert!(backup.join("store/refs/prod").is_file());
}

#[test]
fn what_needs_settings_asks_for_repo_toml() {
    let environment = library_store();
    for arguments in [&["publish"][..], &["gc"], &["fsck", "--repair"], &["add", "prod", "x.deb"]] {
        let output = environment.run(arguments).ends_with(1);
        assert!(output.stderr.contains("no repo.toml"), "{arguments:?}: {output}");
    }
    let unknown = environment.run(&["list", "prod", "--suite", "sid"]).ends_with(1);
    assert!(unknown.stderr.contains("prod has no suite `sid`"), "{unknown}");
}

#[test]
fn a_verb_reads_the_signing_keys_once_and_only_to_sign() {
    if !testkit::traces_files(&[]) {
        return;
    }
    let environment = store();
    let log = environment.path("strace.log");
    let wrapper = ["strace", "-f", "-qq", "-y", "-o", log.as_str(), "-e", "trace=openat", "--"];
    for (version, option, times) in
        [("1.0", None, 1), ("2.0", Some("--no-publish"), 0), ("3.0", Some("--dry-run"), 0)]
    {
        let file = environment.package("hello", version, "all");
        let mut add = environment.wrapped(&wrapper);
        add.args(["add", "preprod", file.as_str()]).args(option);
        if environment.finish(&mut add).status != Some(0) {
            testkit::skipped("strace cannot trace here");
            return;
        }
        let calls = traces::calls(&log);
        let is_key =
            |line: &&String| line.contains(".asc") && line.contains("keys") && !line.contains("public");
        assert_eq!(calls.iter().filter(is_key).count(), times, "{option:?}: {calls:#?}");
    }
}

#[test]
fn a_protected_key_is_opened_once_and_only_to_sign() {
    if !testkit::traces_files(&[]) {
        return;
    }
    let environment = store();
    let passphrase = environment.write("passphrase", "correct horse\n");
    std::fs::set_permissions(&passphrase, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    configure(&environment, &format!("[signing]\npassphrase_file = \"{passphrase}\"\n"));
    let _ = environment.run(&["key", "rotate", "--all"]).succeeds();
    environment.add("preprod", &["hello=1.0"]);
    let again = environment.path("files/hello_1.0_all.deb");
    let other = environment.package("other", "1.0", "all");
    let log = environment.path("strace.log");
    let wrapper = ["strace", "-f", "-qq", "-y", "-o", log.as_str(), "-e", "trace=openat", "--"];
    for (arguments, times) in [
        (&["publish"][..], 0),
        (&["list", "preprod"], 0),
        (&["history", "preprod"], 0),
        (&["key", "list"], 0),
        (&["key", "export"], 0),
        (&["key", "check"], 0),
        (&["client-config", "preprod"], 0),
        (&["fsck"], 0),
        (&["add", "preprod", other.as_str(), "--no-publish"], 0),
        (&["publish"], 1),
        (&["publish"], 0),
        (&["add", "preprod", again.as_str()], 1),
        (&["sign", "again"], 1),
        (&["key", "rotate", "--all"], 0),
    ] {
        let traced = environment.finish(environment.wrapped(&wrapper).args(arguments));
        if traced.status.is_none_or(|status| status != 0 && arguments != ["key", "check"]) {
            testkit::skipped("strace cannot trace here");
            return;
        }
        let calls = traces::calls(&log);
        let opened = calls.iter().filter(|line| line.contains(passphrase.as_str())).count();
        assert_eq!(opened, times, "{arguments:?}: {calls:#?}");
    }
}
