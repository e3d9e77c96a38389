//! What lies where a directory belongs is named, with what it is and that a directory belongs there; a dry run says the same.

use std::fs;

use camino::Utf8Path;
use testkit::{Environment, Output};

use crate::{configure, store};

/// What is put there, and what it is called.
const KINDS: [(&str, &str); 4] = [
    ("file", "a regular file"),
    ("dangling", "a symbolic link that leads nowhere"),
    ("link", "a symbolic link to something that is not a directory"),
    ("pipe", "a named pipe"),
];

fn put(environment: &Environment, kind: &str, path: &Utf8Path) {
    if path.is_dir() && !path.is_symlink() {
        fs::remove_dir_all(path).unwrap();
    } else {
        let _ = fs::remove_file(path);
    }
    match kind {
        "file" => fs::write(path, "x").unwrap(),
        "dangling" => std::os::unix::fs::symlink("nowhere", path).unwrap(),
        "directory" => fs::create_dir(path).unwrap(),
        "link" => std::os::unix::fs::symlink("/etc/hostname", path).unwrap(),
        _ => assert!(environment.other(&["mkfifo", path.as_str()]).status().unwrap().success()),
    }
}

fn copy(environment: &Environment) {
    let root = environment.path("copy");
    let _ = fs::remove_dir_all(&root);
    let from = environment.root();
    let copied = environment.other(&["cp", "-a", from.as_str(), root.as_str()]).status().unwrap();
    assert!(copied.success());
}

fn is_named(output: &Output, place: &str, what: &str) -> bool {
    let said = output.to_string();
    said.contains(&format!("{place} is {what}; a directory belongs there"))
        || said.contains(&format!("{place}: it is {what}; a directory belongs there"))
}

/// Directories of a store, and a verb that needs each.
const OF_A_STORE: [(&str, &[&str]); 11] = [
    ("public", &["publish"]),
    ("store", &["list", "prod"]),
    ("keys", &["publish"]),
    ("keys", &["key", "list"]),
    ("repo.d", &["list", "prod"]),
    ("store/refs", &["fsck"]),
    ("store/objects", &["fsck"]),
    ("store/publications", &["fsck"]),
    ("store/publications/prod", &["fsck"]),
    ("store/locks", &["publish"]),
    ("store/tmp", &["publish"]),
];

#[test]
fn what_lies_in_place_of_a_directory_of_a_store_is_named() {
    let environment = store();
    environment.add("prod", &["hello=1.0"]);
    let root = environment.path("copy");
    // Each kind at each place takes long.
    for (nth, (place, verb)) in OF_A_STORE.iter().enumerate() {
        let (kind, what) = KINDS[nth % KINDS.len()];
        for (kind, what) in [(kind, what), KINDS[1]] {
            copy(&environment);
            put(&environment, kind, &root.join(place));
            let refused = environment.run(&[&["--root", root.as_str()], *verb].concat()).ends_with(1);
            assert!(is_named(&refused, place, what), "{kind} {refused}");
        }
    }
}

#[test]
fn a_check_names_it_everywhere_and_a_repair_moves_it_aside() {
    let environment = store();
    environment.add("prod", &["hello=1.0"]);
    let _ = environment.run(&["tag", "prod", "first"]).succeeds();
    let _ = environment.run(&["backup", "saved"]).succeeds();
    let saved = environment.path("saved");
    let root = environment.path("copy");
    let places = [
        "locks",
        "refs",
        "tags",
        "tags/prod",
        "ops",
        "publications",
        "publications/prod",
        "objects",
        "blobs",
    ];
    for (nth, place) in places.iter().enumerate() {
        let (kind, what) = KINDS[nth % KINDS.len()];
        let place = format!("store/{place}");
        copy(&environment);
        put(&environment, kind, &root.join(&place));
        if place != "store/locks" && place != "store/ops" {
            let found = environment.run(&["--root", root.as_str(), "fsck"]).ends_with(1);
            assert!(is_named(&found, &place, what), "{kind} {found}");
        }
        let repair = ["--root", root.as_str(), "fsck", "--repair", "--from", saved.as_str()];
        if place == "store/locks" || place == "store/ops" {
            continue;
        }
        let _ = environment.run(&repair).succeeds();
        assert!(root.join(&place).is_dir(), "{place}");
        let _ = environment.run(&["--root", root.as_str(), "fsck"]).succeeds();
    }
}

#[test]
fn a_dry_run_refuses_what_the_verb_itself_refuses_with_the_same_words() {
    let environment = store();
    environment.add("prod", &["hello=1.0"]);
    let _ = environment.run(&["backup", "good"]).succeeds();
    let same = |arguments: &[&str]| {
        let dry = environment.run(&[arguments, &["--dry-run"]].concat()).ends_with(1);
        let done = environment.run(arguments).ends_with(1);
        let error = |output: &Output| {
            output.stderr.lines().find(|line| line.starts_with("error: ")).unwrap().to_owned()
        };
        assert_eq!(error(&dry), error(&done), "{arguments:?}");
        done
    };
    for (kind, what) in KINDS {
        for place in ["there", "there/below"] {
            put(&environment, kind, &environment.path("there"));
            for arguments in [&["backup", place][..], &["restore", "good", place]] {
                let refused = same(arguments);
                assert!(is_named(&refused, "there", what), "{kind} {refused}");
            }
        }
        // Another command takes something from there.
        let from = same(&["restore", "there", "new"]);
        assert!(from.stderr.contains("there"), "{from}");
        let repair = environment.run(&["fsck", "--repair", "--from", "there"]).ends_with(1);
        assert!(is_named(&repair, "there", what), "{kind} {repair}");
        for verb in [&["init", "there"][..], &["init", "there/below"], &["quickstart", "--no-serve", "there"]]
        {
            let refused =
                environment.finish(environment.command().env_remove("REPO_ROOT").args(verb)).ends_with(1);
            assert!(is_named(&refused, "there", what), "{kind} {refused}");
        }
        // A directory of a backup.
        put(&environment, kind, &environment.path("good/public/prod/.by-hash"));
        let refused = same(&["backup", "good"]);
        assert!(refused.stderr.contains("public/prod/.by-hash"), "{refused}");
        fs::remove_dir_all(environment.path("good")).unwrap();
        let _ = environment.run(&["backup", "good"]).succeeds();
    }
    fs::create_dir(environment.path("full")).unwrap();
    environment.write("full/notes", "mine");
    let _ = same(&["restore", "good", "full"]);
    let _ = same(&["restore", "good", environment.root().as_str()]);
    let _ = same(&["restore", "nothing", "new"]);
    let _ = same(&["backup", environment.root().join("inside").as_str()]);
    assert!(!environment.path("new").exists());
}

/// One file of each kind below `store/`, and whether a repair with a backup makes it again.
fn files_of_a_store(root: &Utf8Path) -> Vec<(String, bool)> {
    let first_in = |area: &str| {
        let mut path = root.join(area);
        while path.is_dir() {
            let mut names: Vec<_> =
                path.read_dir_utf8().unwrap().map(|entry| entry.unwrap().path().to_owned()).collect();
            names.sort();
            path = names.swap_remove(0);
        }
        assert!(path.is_file(), "{path}");
        path.strip_prefix(root).unwrap().to_string()
    };
    let areas = ["objects", "blobs", "manifests", "publications", "keyrings", "history", "refs", "tags"];
    let mut files: Vec<_> = areas.map(|area| (first_in(&format!("store/{area}")), true)).into();
    files.push(("store/ops/log".to_owned(), true));
    // `status` and the check itself make one of these again.
    files.push((first_in("store/upkeep"), false));
    files.push(("store/format".to_owned(), false));
    files.push(("store/locks/gc".to_owned(), false));
    files
}

/// Runs a verb that must come to an end.
fn limited(environment: &Environment, root: &Utf8Path, verb: &[&str]) -> Output {
    let program = environment.command().get_program().to_str().unwrap().to_owned();
    let words = [&["timeout", "120", program.as_str(), "--root", root.as_str()], verb].concat();
    let output = environment.finish(&mut environment.other(&words));
    assert!(matches!(output.status, Some(0 | 1 | 3)), "it hangs or dies: {output}");
    output
}

#[test]
fn what_lies_in_place_of_a_file_of_a_store_stops_no_verb_for_ever_and_is_mended() {
    let environment = store();
    // So that there are manifests, a keyring and an end of the history.
    configure(&environment, "contents = true\n[gc]\nkeep_history = 1\n");
    environment.add("prod", &["hello=1.0"]);
    let _ = environment.run(&["key", "publish", "prod"]).succeeds();
    let _ = environment.run(&["tag", "prod", "first"]).succeeds();
    environment.add("prod", &["hello=2.0"]);
    let _ = environment.run(&["publish"]).succeeds();
    let _ = environment.run(&["gc", "--grace", "0", "--yes"]).succeeds();
    let _ = environment.run(&["fsck"]).succeeds();
    let _ = environment.run(&["backup", "saved"]).succeeds();
    let package = environment.package("new", "1", "all");
    let (saved, root) = (environment.path("saved"), environment.path("copy"));
    let kinds = [
        ("pipe", "a named pipe"),
        ("dangling", "a symbolic link that leads nowhere"),
        ("link", "a symbolic link"),
        ("directory", "a directory"),
    ];
    for (nth, (place, is_mended)) in files_of_a_store(&environment.root()).into_iter().enumerate() {
        // Each kind at each place takes long.
        for (kind, what) in [kinds[0], kinds[1 + nth % 3]] {
            copy(&environment);
            put(&environment, kind, &root.join(&place));
            let named = format!("{what}; a regular file belongs there");
            let is_named = |output: &Output| output.to_string().contains(&named);
            for verb in [&["status"][..], &["add", "prod", package.as_str()], &["publish"], &["gc"]] {
                let output = limited(&environment, &root, verb);
                // Status 3: `status` found something else, such as a check that is long ago.
                let is_done = output.status == Some(0) || (verb == ["status"] && output.status == Some(3));
                assert!(is_done || is_named(&output), "{place} {kind} {verb:?} {output}");
            }
            assert!(!root.join("store/ops/nowhere").exists(), "{place} {kind}: written through a link");
            let public = root.join("public");
            let pipes = environment.finish(&mut environment.other(&["find", public.as_str(), "-type", "p"]));
            assert_eq!(pipes.stdout, "", "{place} {kind}");
            let repair = ["fsck", "--repair", "--from", saved.as_str()];
            if is_mended {
                let check = limited(&environment, &root, &["fsck"]).ends_with(1);
                assert!(
                    check.stdout.contains(&format!("damaged {place}: it is {named}")),
                    "{place} {kind} {check}"
                );
                let _ = limited(&environment, &root, &repair).succeeds();
                let _ = limited(&environment, &root, &["fsck"]).succeeds();
                let _ = limited(&environment, &root, &["publish"]).succeeds();
            } else {
                for verb in [&["fsck"][..], &repair] {
                    let output = limited(&environment, &root, verb);
                    assert!(output.status == Some(0) || is_named(&output), "{place} {kind} {output}");
                }
            }
        }
    }
}
