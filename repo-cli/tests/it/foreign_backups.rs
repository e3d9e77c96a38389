//! Backups in a directory to which others can write: nothing is written or read through a link, and no pipe is waited for.

use std::fs;
use std::os::unix::fs::symlink;
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use testkit::{Environment, Output, Tree};

use crate::{configure, store};

/// A store and a backup of it.
fn with_backup() -> (Environment, Utf8PathBuf) {
    let environment = store();
    environment.add("prod", &["hello=1.0"]);
    let backup = environment.path("backup");
    let _ = environment.run(&["backup", backup.as_str()]).succeeds();
    (environment, backup)
}

#[test]
fn nothing_is_written_or_read_through_a_link_in_a_backup() {
    for place in [
        "store",
        "keys",
        "public",
        ".incomplete",
        "store/ops",
        "store/objects",
        "store/blobs",
        "store/refs",
        "store/publications",
        "store/publications/prod",
    ] {
        let (environment, backup) = with_backup();
        let elsewhere = environment.path("elsewhere");
        let planted = backup.join(place);
        if planted.exists() {
            fs::rename(&planted, &elsewhere).unwrap();
        } else {
            fs::create_dir(&elsewhere).unwrap();
        }
        symlink(&elsewhere, &planted).unwrap();
        let before = Tree::of(&elsewhere);
        environment.add("prod", &["new=1.0"]);
        let _ = environment.run(&["key", "generate", "--name", "Second"]).succeeds();
        let refused = environment.run(&["backup", backup.as_str()]).ends_with(1);
        assert!(refused.stderr.contains(&format!("{planted} is a symbolic link")), "{place}: {refused}");
        before.is_still(&Tree::of(&elsewhere), place);
        if place == ".incomplete" || place == "keys" {
            continue;
        }
        let restored = environment.path("restored");
        let refused = environment.run(&["restore", backup.as_str(), restored.as_str()]).ends_with(1);
        assert!(refused.stderr.contains(&format!("{planted} is a symbolic link")), "{place}: {refused}");
        assert!(!restored.join("store/format").exists(), "{place}");
    }
}

/// Runs the program, which must end soon.
fn soon(environment: &Environment, arguments: &[&str]) -> Output {
    let start = Instant::now();
    let output = environment.finish(environment.wrapped(&["timeout", "60"]).args(arguments));
    assert!(
        start.elapsed() < Duration::from_secs(50) && output.status != Some(124),
        "{arguments:?}: {output}"
    );
    output
}

#[test]
fn no_pipe_in_a_backup_is_waited_for() {
    if !testkit::all_installed(&["mkfifo", "timeout"]) {
        return;
    }
    let (environment, backup) = with_backup();
    let mut files: Vec<Utf8PathBuf> = Tree::of(&backup)
        .paths()
        .map(Utf8Path::to_owned)
        .filter(|path| backup.join(path).symlink_metadata().unwrap().is_file())
        .collect();
    files.retain(|path| path.starts_with("store") || path.starts_with("keys"));
    assert!(files.len() > 8, "{files:?}");
    for path in files {
        let planted = backup.join(&path);
        let good = environment.path("good");
        fs::rename(&planted, &good).unwrap();
        let _ = environment.finish(&mut environment.other(&["mkfifo", planted.as_str()])).succeeds();
        let restored = environment.path("restored");
        let output = soon(&environment, &["restore", backup.as_str(), restored.as_str()]);
        if path.starts_with("store") {
            assert!(output.status == Some(1) && output.stderr.contains(path.as_str()), "{path}: {output}");
        }
        let _ = soon(&environment, &["fsck", "--repair", "--from", backup.as_str()]).succeeds();
        let output = soon(&environment, &["backup", backup.as_str()]);
        assert!(output.status == Some(0) || output.stderr.contains(path.as_str()), "{path}: {output}");
        let _ = fs::remove_dir_all(&restored);
        fs::remove_file(&planted).unwrap();
        fs::rename(&good, &planted).unwrap();
    }
}

#[test]
fn a_pipe_in_the_place_of_a_published_file_keeps_nothing_else_from_being_saved() {
    if !testkit::all_installed(&["mkfifo", "timeout"]) {
        return;
    }
    let environment = store();
    environment.add("prod", &["hello=1.0"]);
    let publications = environment.public("prod").join(".publications");
    let publication = publications.read_dir_utf8().unwrap().next().unwrap().unwrap();
    let planted = publication.path().join("dists/bookworm/InRelease");
    environment.add("prod", &["hello=2.0"]);
    fs::remove_file(&planted).unwrap();
    let _ = environment.finish(&mut environment.other(&["mkfifo", planted.as_str()])).succeeds();
    let backup = environment.path("backup");
    let output = soon(&environment, &["backup", backup.as_str()]);
    assert!(backup.join("store/refs/prod").is_file() && backup.join("keys").is_dir(), "{output}");
    let _ = environment.run(&["restore", backup.as_str(), environment.path("restored").as_str()]).succeeds();
}

#[test]
fn a_list_that_is_gone_keeps_nothing_else_from_being_saved() {
    let environment = store();
    environment.add("prod", &["hello=1.0"]);
    configure(&environment, "architectures_file = 'gone'\n");
    let toml = fs::read_to_string(environment.root().join("repo.toml")).unwrap();
    let kept: Vec<&str> = toml.lines().filter(|line| !line.starts_with("architectures =")).collect();
    fs::write(environment.root().join("repo.toml"), kept.join("\n")).unwrap();
    let backup = environment.path("backup");
    let output = environment.run(&["backup", backup.as_str()]).ends_with(1);
    assert!(output.stderr.contains("gone") && output.stderr.contains("architectures_file"), "{output}");
    assert!(backup.join("store/refs/prod").is_file() && backup.join("keys").is_dir(), "{output}");
    // A mistake in the configuration does not either.
    fs::write(environment.root().join("repo.toml"), &toml).unwrap();
    configure(&environment, "no_such_setting = 1\n");
    let second = environment.path("second");
    let output = environment.run(&["backup", second.as_str()]).ends_with(1);
    assert!(output.stderr.contains("no_such_setting"), "{output}");
    assert!(second.join("store/refs/prod").is_file() && second.join("repo.d/test.toml").is_file());
}

#[test]
fn what_is_in_the_way_of_a_new_store_is_named_as_what_it_is() {
    let (environment, backup) = with_backup();
    let place = environment.path("place");
    fs::create_dir(&place).unwrap();
    fs::write(place.join("notes"), "x").unwrap();
    let refused = environment.run(&["restore", backup.as_str(), place.as_str()]).ends_with(1);
    assert!(refused.stderr.contains(&format!("{place} is not empty")), "{refused}");
    fs::write(place.join("repo.toml"), "").unwrap();
    let refused = environment.run(&["init", place.as_str(), "--suite", "bookworm"]).ends_with(1);
    assert!(refused.stderr.contains(&format!("{place} is not empty")), "{refused}");
    let root = environment.root();
    let refused = environment.run(&["restore", backup.as_str(), root.as_str()]).ends_with(1);
    assert!(refused.stderr.contains("is the root of a store already"), "{refused}");
}
