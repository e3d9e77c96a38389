//! What lost its content, or leads nowhere, replaces no good copy in a backup, and a backup that lacks it does not end with 0.

use std::fs;

use testkit::{Environment, Output};

use crate::{configure, store};

/// A published store with uploaders, a list of suites, a drop-in, a token and a keyring package, and its backup `saved`.
fn saved() -> Environment {
    let environment = store();
    environment.add("prod", &["hello=1.0"]);
    let _ = environment.run(&["key", "publish", "prod"]).succeeds();
    let _ = environment.run(&["access", "add", "prod", "ci"]).succeeds();
    fs::copy(environment.public("prod").join("key.gpg"), environment.root().join("up.gpg")).unwrap();
    fs::copy(environment.public("prod").join("key.gpg"), environment.path("outside.gpg")).unwrap();
    let outside = environment.path("outside.gpg");
    configure(
        &environment,
        &format!("uploaders = \"up.gpg\"\n[repositories.prod]\nuploaders = \"{outside}\"\n"),
    );
    let _ = environment.run(&["backup", "saved"]).succeeds();
    environment
}

fn names_it(output: &Output, path: &str) {
    assert!(output.stderr.contains(&format!("{path} is damaged or missing, and was not saved")), "{output}");
}

/// Both verbs name the file, into the backup that is there and into a new one.
fn is_named(environment: &Environment, path: &str, also_new: bool) {
    for directory in if also_new { &["saved", "new"][..] } else { &["saved"] } {
        names_it(&environment.run(&["backup", directory, "--dry-run"]).ends_with(1), path);
        names_it(&environment.run(&["backup", directory]).ends_with(1), path);
    }
}

#[test]
fn what_lost_its_content_replaces_no_good_copy() {
    let environment = saved();
    let outside = environment.path("outside.gpg");
    let in_backup = format!("outside{outside}");
    for (path, copy, also_new) in [
        (environment.root().join("up.gpg"), "up.gpg", true),
        (outside, in_backup.as_str(), true),
        (environment.root().join("repo.d/test.toml"), "repo.d/test.toml", false),
    ] {
        let (good, before) = (fs::read(&path).unwrap(), environment.path("saved").join(copy));
        for content in ["", "\n"] {
            fs::write(&path, content).unwrap();
            let relative = path.strip_prefix(environment.root()).unwrap_or(&path);
            let told =
                relative.as_str().replace(environment.path("").as_str().trim_end_matches('/'), "<DIR>");
            let named = if relative.is_absolute() { relative.file_name().unwrap() } else { &told };
            is_named(&environment, named, also_new);
            assert_eq!(fs::read(&before).ok().as_ref(), Some(&good), "{copy}");
            assert!(environment.path("saved").join(&in_backup).is_file(), "{copy}");
        }
        fs::write(&path, good).unwrap();
        fs::remove_dir_all(environment.path("new")).unwrap_or_default();
        let _ = environment.run(&["backup", "saved"]).succeeds();
    }
}

#[test]
fn a_configuration_that_leads_nowhere_is_named_and_keeps_what_the_backup_has_of_it() {
    let environment = saved();
    let copies = ["repo.toml", "repo.d/test.toml"].map(|path| environment.path("saved").join(path));
    let outside = format!("saved/outside{}", environment.path("outside.gpg"));
    for name in ["repo.toml", "repo.d/test.toml"] {
        let path = environment.root().join(name);
        fs::rename(&path, environment.path("aside")).unwrap();
        std::os::unix::fs::symlink("/nowhere", &path).unwrap();
        for directory in ["saved", "new"] {
            let output = environment.run(&["backup", directory]).ends_with(1);
            assert!(output.stderr.contains(name), "{output}");
        }
        assert!(copies.iter().all(|copy| copy.is_file()), "{name}");
        assert!(name != "repo.toml" || environment.path(&outside).is_file(), "{name}");
        fs::remove_file(&path).unwrap();
        fs::rename(environment.path("aside"), &path).unwrap();
        fs::remove_dir_all(environment.path("new")).unwrap();
        let _ = environment.run(&["backup", "saved"]).succeeds();
    }
}

#[test]
fn a_new_backup_names_the_documents_that_were_there() {
    let environment = saved();
    for path in ["store/keyrings/prod", "store/tokens/prod"] {
        let place = environment.root().join(path);
        fs::rename(&place, environment.path("aside")).unwrap();
        is_named(&environment, path, true);
        assert!(environment.path("saved").join(path).is_file());
        fs::remove_dir_all(environment.path("new")).unwrap();
        fs::rename(environment.path("aside"), place).unwrap();
    }
}

#[test]
fn a_backup_goes_on_after_a_repair_without_a_copy_of_the_log() {
    for content in [None, Some("no whole line"), Some("")] {
        let environment = saved();
        let log = environment.root().join("store/ops/log");
        let whole = fs::read(environment.path("saved/store/ops/log")).unwrap();
        match content {
            None => fs::remove_file(&log).unwrap(),
            Some(content) => fs::write(&log, content).unwrap(),
        }
        // Whatever is left of the log, the backup is not that of another store.
        names_it(&environment.run(&["backup", "saved"]).ends_with(1), "store/ops/log");
        assert_eq!(fs::read(environment.path("saved/store/ops/log")).unwrap(), whole);
        let _ = environment.run(&["fsck", "--repair"]).succeeds();
        let after = environment.run(&["backup", "saved"]);
        assert!(!after.stderr.contains("another store"), "{after}");
        let _ = environment.run(&["backup", "new"]);
        let other = Environment::with_store(crate::PROGRAM, &["bookworm"]);
        // Two stores in which one person did the same within one second have the same log.
        other.add("prod", &["other=1.0"]);
        let mut command = other.command();
        let refused = other.finish(command.args(["backup", environment.path("saved").as_str()])).ends_with(1);
        assert!(refused.stderr.contains("is the backup of another store"), "{refused}");
    }
}

#[test]
fn a_backup_misses_the_keys_that_signed_though_others_are_there() {
    let environment = store();
    environment.add("prod", &["hello=1.0"]);
    let good = environment.run(&["backup", "first"]).succeeds();
    assert!(!good.stderr.contains("warning"), "{good}");
    let keys = environment.root().join("keys");
    for file in keys.read_dir_utf8().unwrap() {
        std::fs::remove_file(file.unwrap().path()).unwrap();
    }
    let _ = environment.run(&["key", "generate"]).succeeds();
    let lost = environment.run(&["backup", "second"]).ends_with(1);
    assert!(lost.stderr.contains("the keys that signed what clients see are gone from keys/"), "{lost}");
    // A rotation keeps what signed before.
    let _ = environment.run(&["publish", "--allow-key-change"]).succeeds();
    let _ = environment.run(&["backup", "third"]).succeeds();
}
