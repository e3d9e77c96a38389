//! Verbs that go through all repositories: one that fails keeps none of the others from what is due.

use testkit::Environment;

use crate::published::Published;
use crate::{configure, store};

/// A store in which preprod cannot be published, and prod has something that is not published yet.
fn half_broken_store() -> Environment {
    let environment = store();
    let file = environment.package("hello", "1.0", "all");
    let _ = environment.run(&["add", "prod", "--no-publish", file.as_str()]).succeeds();
    configure(&environment, "[repositories.preprod]\nlabel = \"other\"\n[[retention]]\nkeep_versions = 1\n");
    environment
}

#[test]
fn what_follows_a_repository_that_cannot_be_published_is_published() {
    let environment = half_broken_store();
    insta::assert_snapshot!(environment.run(&["publish"]), @"
    status: 1
    ---- stdout
    published prod <PUBLICATION>: bookworm
    ---- stderr
    error: preprod: bookworm would change its Label from `preprod` to `other`: clients refuse that
    hint: take it back in repo.toml; or `repo-cli publish --allow-release-info-change`, and on every client `apt-get update --allow-releaseinfo-change`
    ");
    assert_eq!(Published::of(&environment, "prod").read().unwrap()["bookworm"].len(), 1);
    insta::assert_snapshot!(environment.run(&["publish", "--json"]), @r#"
    status: 1
    ---- stdout
    {"format":1,"dry_run":false,"failed":["preprod"],"published":[{"date":"<TIME>","publication":null,"removed":[],"repository":"prod","suites":[],"tags_ahead":[]}],"ok":false,"error":{"code":"E-RELEASE-INFO-CHANGE","message":"preprod: bookworm would change its Label from `preprod` to `other`: clients refuse that","hint":"take it back in repo.toml; or `repo-cli publish --allow-release-info-change`, and on every client `apt-get update --allow-releaseinfo-change`","file":null,"line":null}}
    ---- stderr
    error: preprod: bookworm would change its Label from `preprod` to `other`: clients refuse that
    hint: take it back in repo.toml; or `repo-cli publish --allow-release-info-change`, and on every client `apt-get update --allow-releaseinfo-change`
    "#);
}

#[test]
fn what_they_all_lack_is_said_once() {
    let environment = store();
    std::fs::remove_dir_all(environment.root().join("keys")).unwrap();
    insta::assert_snapshot!(environment.run(&["publish"]), @"
    status: 1
    ---- stderr
    error: no signing key in <DIR>/store/keys
    hint: restore keys/ from the backup. If the keys are lost: `repo-cli key generate`, give clients the new key, then `repo-cli publish --allow-key-change`
    ");
}

#[test]
fn retention_looks_through_all() {
    let environment = half_broken_store();
    let newer = environment.package("hello", "2.0", "all");
    let _ = environment.run(&["add", "prod", "--no-publish", newer.as_str()]).succeeds();
    insta::assert_snapshot!(environment.run(&["retention"]), @"
    status: 1
    ---- stdout
    preprod: nothing to remove
    prod: removed 1 package and kept 1 package (commit 3), published <PUBLICATION>
    undo with: repo-cli undo prod
    ---- stderr
    error: preprod: bookworm would change its Label from `preprod` to `other`: clients refuse that
    hint: take it back in repo.toml; or `repo-cli publish --allow-release-info-change`, and on every client `apt-get update --allow-releaseinfo-change`
    ");
}

#[test]
fn a_drop_folder_that_is_missing_leaves_no_other_untouched() {
    let environment = store();
    let file = environment.package("hello", "1.0", "all");
    std::fs::create_dir(environment.path("drop")).unwrap();
    std::fs::rename(file, environment.path("drop/hello_1.0_all.deb")).unwrap();
    insta::assert_snapshot!(environment.run(&["incoming", "--once", "prod", "missing", "drop"]), @"
    status: 1
    ---- stdout
    added hello 1.0 all -> bookworm (every suite)
    added 1 package to prod (commit 1), published <PUBLICATION>
    ---- stderr
    error: cannot list missing: No such file or directory (os error 2)
    ");
}

#[test]
fn retention_tells_of_a_change_that_could_not_be_published() {
    let environment = half_broken_store();
    for version in ["1.0", "2.0"] {
        let file = environment.package("hello", version, "all");
        let _ = environment.run(&["add", "preprod", "--no-publish", file.as_str()]).succeeds();
    }
    let output = environment.run(&["retention", "preprod", "--json"]).ends_with(1);
    assert!(output.stderr.contains("committed but not published"), "{output}");
    let document: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
    let done = &document["retention"][0];
    assert_eq!(done["repository"], "preprod");
    assert!(done["commit"].is_string(), "{document}");
    assert_eq!(done["verdicts"].as_array().unwrap().len(), 2, "{document}");
}

#[test]
fn a_misspelt_repository_is_guessed_and_another_one_is_not() {
    let environment = crate::store();
    let hint = |name: &str| environment.run(&["list", name]).ends_with(1).stderr;
    assert!(hint("preprdo").contains("hint: did you mean `preprod`? (repositories: preprod, prod)"));
    assert!(hint("staging").contains("hint: the repositories are preprod, prod"));
}

#[test]
fn the_suite_or_package_that_was_probably_meant_is_named() {
    let environment = Environment::with_store(crate::PROGRAM, &["bookworm", "trixie"]);
    environment.add("preprod", &["hello=1.0", "acme-shop=1.5"]);
    let said = |arguments: &[&str], hint: &str| {
        let output = environment.run(arguments).ends_with(1);
        assert!(output.stderr.ends_with(&format!("hint: {hint}\n")), "{arguments:?}: {output}");
    };
    for arguments in [
        &["list", "preprod/bokworm"][..],
        &["list", "preprod", "--suite", "bokworm"],
        &["versions", "hello", "--repository", "preprod/bokworm"],
        &["diff", "preprod/bokworm", "prod"],
        &["remove", "preprod", "hello", "--suite", "bokworm"],
        &["rollback", "preprod", "--to", "0", "--suite", "bokworm"],
        &["history", "preprod", "--suite", "bokworm"],
        &["client-config", "preprod", "--suite", "bokworm"],
    ] {
        said(arguments, "did you mean `bookworm`? (suites: bookworm, trixie)");
    }
    said(&["list", "preprod/sid"], "the suites are bookworm, trixie");
    let promote = |name| ["promote", "--from", "preprod", "--to", "prod", name];
    for arguments in
        [&promote("acme-hsop")[..], &["remove", "preprod", "acmeshop=1.5"], &["show", "preprod", "acme-shp"]]
    {
        said(arguments, "did you mean `acme-shop`? (run repo-cli list preprod)");
    }
    said(&promote("hello=3.0"), "run repo-cli versions hello --repository preprod");
    said(&promote("nothing"), "run repo-cli list preprod");
    said(&promote("hell[ox]*x"), "run repo-cli list preprod");
    // The forms of a time that it shows are of the day on which it is asked.
    let none = environment.run(&["rollback", "preprod", "--to", "none"]).ends_with(1);
    assert!(none.stderr.contains("hint: run repo-cli history preprod; a state is a number, `@-1`"), "{none}");
    said(&["tag", "preprod", "none", "--delete"], "run repo-cli tag preprod");
}
