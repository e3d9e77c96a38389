//! A store is made to its end or not at all: what fails leaves nothing, and what was killed is completed by the same command.

use std::fs;

use camino::{Utf8Path, Utf8PathBuf};
use testkit::{Environment, Output};

use crate::PROGRAM;

const VERBS: [&[&str]; 2] = [&["init"], &["quickstart", "--no-serve"]];

fn begin(environment: &Environment, verb: &[&str], prefix: &[&str]) -> Output {
    let root = environment.path("new");
    let arguments = [prefix, &[PROGRAM], verb, &[root.as_str()]].concat();
    environment.finish(environment.other(&arguments).env_remove("REPO_ROOT"))
}

/// Every file, link and directory below a directory, with the content of files.
fn everything_in(directory: &Utf8Path) -> Vec<(Utf8PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in directory.read_dir_utf8().into_iter().flatten() {
        let path = entry.unwrap().into_path();
        found.push((path.clone(), fs::read(&path).unwrap_or_default()));
        if path.symlink_metadata().unwrap().is_dir() {
            found.extend(everything_in(&path));
        }
    }
    found.sort();
    found
}

#[test]
fn a_dry_run_says_what_would_be_made_and_makes_nothing() {
    let environment = Environment::new(PROGRAM);
    let good = environment.package("hello", "1.0", "all");
    let bad = environment.write("bad.deb", "no package");
    let nothing = everything_in(&environment.path(""));
    let run = |arguments: &[&str]| environment.run(&[arguments, &["--dry-run"]].concat());
    insta::assert_snapshot!(run(&["init", "new", "--repository", "prod", "--suite", "trixie"]), @"
    status: 0
    ---- stdout
    would make a store in new: repo.toml, keys, public, store
    would make a signing key: In-house packages (archive signing key)
    would publish prod: trixie (amd64, arm64)
    ");
    insta::assert_snapshot!(run(&["init", "new", "--suite", "trixie", "--json"]), @r#"
    status: 0
    ---- stdout
    {"format":1,"dry_run":true,"files":["repo.toml","keys","public","store"],"key":"In-house packages (archive signing key)","repositories":[{"repository":"preprod","suites":[{"architectures":["amd64","arm64"],"suite":"trixie"}]},{"repository":"prod","suites":[{"architectures":["amd64","arm64"],"suite":"trixie"}]}],"root":"new"}
    "#);
    insta::assert_snapshot!(run(&["quickstart", "new"]), @"
    status: 0
    ---- stdout
    would make a store in new: repo.toml, keys, public, store
    would make a signing key: In-house packages (archive signing key)
    would publish preprod: bookworm (amd64, arm64), trixie (amd64, arm64)
    would publish prod: bookworm (amd64, arm64), trixie (amd64, arm64)
    would write example packages to new/examples and add them to preprod
    would serve http://127.0.0.1:<PORT>
    ");
    insta::assert_snapshot!(run(&["quickstart", "new", good.as_str(), "--no-serve"]), @"
    status: 0
    ---- stdout
    would make a store in new: repo.toml, keys, public, store
    would make a signing key: In-house packages (archive signing key)
    would publish preprod: bookworm (amd64, arm64), trixie (amd64, arm64)
    would publish prod: bookworm (amd64, arm64), trixie (amd64, arm64)
    would add hello 1.0 all -> bookworm, trixie (every suite)
    would add 1 package to preprod
    ");
    insta::assert_snapshot!(run(&["quickstart", "new", good.as_str(), bad.as_str()]), @"
    status: 1
    ---- stdout
    would make a store in new: repo.toml, keys, public, store
    would make a signing key: In-house packages (archive signing key)
    would publish preprod: bookworm (amd64, arm64), trixie (amd64, arm64)
    would publish prod: bookworm (amd64, arm64), trixie (amd64, arm64)
    ---- stderr
    error: <DIR>/bad.deb: not a .deb file: no ar header (deb(5))
    1 of 2 files refused: nothing would be added; `repo-cli add --keep-going` adds the others
    ");
    assert_eq!(everything_in(&environment.path("")), nothing);

    let _ = environment.run(&["quickstart", "new", "--no-serve"]).succeeds();
    let before = everything_in(&environment.path(""));
    insta::assert_snapshot!(run(&["quickstart", "new", good.as_str()]), @"
    status: 0
    ---- stdout
    would add hello 1.0 all -> bookworm, trixie (every suite)
    would add 1 package to preprod
    would serve http://127.0.0.1:<PORT>
    ");
    insta::assert_snapshot!(run(&["init", "new"]), @"
    status: 1
    ---- stderr
    error: new is the root of a store already
    ");
    assert_eq!(everything_in(&environment.path("")), before);
}

#[test]
fn what_is_refused_leaves_what_was_there_and_nothing_else() {
    type Put = fn(&Utf8Path);
    let is_in_the_way: [(&str, Put); 7] = [
        ("keys", |path| fs::write(path, "x").unwrap()),
        ("public", |path| fs::write(path, "x").unwrap()),
        ("public", |path| std::os::unix::fs::symlink("nowhere", path).unwrap()),
        ("store", |path| fs::write(path, "x").unwrap()),
        ("store", |path| std::os::unix::fs::symlink("nowhere", path).unwrap()),
        ("repo.toml", |path| fs::write(path, "").unwrap()),
        ("repo.toml", |path| std::os::unix::fs::symlink("nowhere", path).unwrap()),
    ];
    for verb in VERBS {
        for (name, put) in is_in_the_way {
            for empty in [false, true] {
                let environment = Environment::new(PROGRAM);
                let root = environment.path("new");
                fs::create_dir(&root).unwrap();
                put(&root.join(name));
                if empty && name != "public" {
                    fs::create_dir(root.join("public")).unwrap();
                }
                fs::write(root.join("notes"), "mine").unwrap();
                let before = everything_in(&root);
                let refused = begin(&environment, verb, &[]).ends_with(1);
                assert!(refused.stderr.starts_with("error: "), "{refused}");
                assert_eq!(everything_in(&root), before, "{name} {refused}");
            }
        }
    }
}

#[test]
fn a_clock_behind_an_earlier_key_leaves_the_key_alone() {
    if !testkit::all_installed(&["faketime"]) {
        return;
    }
    for verb in VERBS {
        let environment = Environment::new(PROGRAM);
        let root = environment.path("new");
        let _ = begin(&environment, verb, &[]).succeeds();
        for name in ["public", "store"] {
            fs::remove_dir_all(root.join(name)).unwrap();
        }
        fs::remove_file(root.join("repo.toml")).unwrap();
        let before = everything_in(&root);
        assert!(before.iter().any(|(path, _)| path.extension() == Some("asc")), "{before:?}");
        let refused = begin(&environment, verb, &["faketime", "-f", "-2d"]).ends_with(1);
        assert!(refused.stderr.contains("the newest signing key was made at"), "{refused}");
        assert_eq!(everything_in(&root), before, "{refused}");
        let _ = begin(&environment, verb, &[]).succeeds();
    }
}

#[test]
fn what_was_killed_is_completed_by_the_same_command() {
    // In the reverse of the order in which they are made.
    let steps: [&[&str]; 5] =
        [&["repo.toml"], &["keys"], &["store/format"], &["public", "store/publications"], &["store/locks"]];
    for verb in VERBS {
        let environment = Environment::new(PROGRAM);
        let root = environment.path("new");
        for reached in 0..=steps.len() {
            let _ = begin(&environment, verb, &[]).succeeds();
            assert_eq!(environment.run(&["--root", root.as_str(), "fsck"]).status, Some(0), "{reached}");
            for path in steps[..=reached.min(steps.len() - 1)].iter().copied().flatten() {
                let path = root.join(path);
                if path.is_dir() { fs::remove_dir_all(path).unwrap() } else { fs::remove_file(path).unwrap() }
            }
            // Before there is a `repo.toml` nothing is added or published.
            for path in ["public", "store/ops", "store/publications", "store/refs", "store/cache", "examples"]
            {
                let _ = fs::remove_dir_all(root.join(path));
            }
        }
    }
}
