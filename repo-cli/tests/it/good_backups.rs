//! A backup keeps the good copy of what the store lost or has damaged, and says so; what somebody deleted goes from it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use camino::{Utf8Path, Utf8PathBuf};
use testkit::Environment;

use crate::{exhaustive, store};

/// A store with everything that is saved, changed since it was backed up to `saved`.
fn backed_up() -> Environment {
    let environment = store();
    let _ = environment.run(&["key", "publish"]).succeeds();
    environment.add("prod", &["hello=1.0"]);
    let _ = environment.run(&["tag", "prod", "first"]).succeeds();
    let _ = environment.run(&["access", "add", "prod", "ci"]).succeeds();
    let _ = environment.run(&["backup", "saved"]).succeeds();
    environment.add("prod", &["hello=1.1"]);
    environment
}

fn remove(path: &Utf8Path) {
    match path.symlink_metadata() {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path).unwrap(),
        Ok(_) => fs::remove_file(path).unwrap(),
        Err(_) => {}
    }
}

fn copy(environment: &Environment, from: &Utf8Path, to: &Utf8Path) {
    remove(to);
    assert!(environment.other(&["cp", "-a", from.as_str(), to.as_str()]).status().unwrap().success());
}

fn spoil(environment: &Environment, path: &Utf8Path, way: &str) {
    let bytes = fs::read(path).unwrap_or_default();
    remove(path);
    let changed = match way {
        "empty" => Vec::new(),
        "cut" => bytes[..bytes.len() - 3].to_vec(),
        "longer" => [&bytes[..], b"x\n"].concat(),
        "flipped" => {
            let mut bytes = bytes;
            let middle = bytes.len() / 2;
            bytes[middle] ^= 0x01;
            bytes
        }
        "gone" => return,
        "a directory" => return fs::create_dir(path).unwrap(),
        "a link" => return std::os::unix::fs::symlink("nowhere", path).unwrap(),
        _ => {
            assert!(environment.other(&["mkfifo", path.as_str()]).status().unwrap().success());
            return;
        }
    };
    fs::write(path, changed).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

fn key(root: &Utf8Path) -> Utf8PathBuf {
    let mut keys = root.join("keys").read_dir_utf8().unwrap().map(|entry| entry.unwrap().into_path());
    let key = keys.find(|path| path.extension() == Some("asc")).unwrap();
    key.strip_prefix(root).unwrap().to_owned()
}

#[test]
fn no_good_copy_is_replaced_or_removed_because_of_damage() {
    let environment = backed_up();
    let (root, saved) = (environment.root(), environment.path("saved"));
    let (good_root, good_saved) = (environment.path("good-root"), environment.path("good-saved"));
    copy(&environment, &root, &good_root);
    copy(&environment, &saved, &good_saved);
    let contents: &[&str] = &["cut", "empty", "longer", "flipped", "gone"];
    let kinds: &[&str] = &["gone", "a directory", "a link", "a pipe"];
    let key = key(&root);
    for (path, ways) in [
        (key.as_str(), &["flipped", "empty"][..]),
        ("repo.toml", &["empty", "gone"]),
        ("store/refs/prod", &contents[..3]),
        ("store/tags/prod/first", &contents[..3]),
        ("store/keyrings/prod", contents),
        ("store/tokens/prod", contents),
        ("store/ops/log", &["empty", "gone", "flipped", "longer"]),
        ("store/format", &["longer"]),
        ("store/refs/prod", kinds),
        ("store/tags/prod/first", kinds),
        ("store/tags/prod", &["gone"]),
        ("store/tags", &["gone"]),
        ("store/keyrings/prod", &kinds[1..]),
        ("public/prod/dists", &["gone"]),
    ] {
        // Every way is tried by somebody who has the time.
        for way in ways.iter().take(if exhaustive() { ways.len() } else { 1 }) {
            copy(&environment, &good_root, &root);
            copy(&environment, &good_saved, &saved);
            spoil(&environment, &root.join(path), way);
            for to in ["saved", "new"] {
                let planned = environment.run(&["backup", to, "--dry-run"]);
                let made = environment.run(&["backup", to]);
                assert_eq!(planned.status, made.status, "{path} {way}: {planned} {made}");
                // That a document is gone of which nothing else tells, only the backup that has it shows.
                let is_told =
                    to == "saved" || *way != "gone" || !path.contains("/prod") || path.contains("/tags/");
                assert!(!is_told || made.status == Some(1), "{path} {way}: {made}");
            }
            remove(&environment.path("new"));
            let restored = environment.run(&["restore", "saved", "again"]);
            let again = environment.path("again");
            for kept in [
                key.as_str(),
                "store/tags/prod/first",
                "store/keyrings/prod",
                "store/tokens/prod",
                "repo.toml",
            ] {
                let same = fs::read(again.join(kept)).ok() == fs::read(good_root.join(kept)).ok();
                assert!(same, "{path} {way}: {kept} {restored}");
            }
            let _ = environment.run(&["--root", "again", "fsck", "--repair"]).succeeds();
            let listed = environment.run(&["--root", "again", "list", "prod"]).succeeds();
            assert!(listed.stdout.contains("1.1"), "{path} {way}: {listed}");
            remove(&again);
        }
    }
}

#[test]
fn what_somebody_deleted_goes_from_the_backup() {
    let environment = backed_up();
    let saved = environment.path("saved");
    let _ = environment.run(&["tag", "prod", "first", "--delete"]).succeeds();
    let _ = environment.run(&["access", "revoke", "prod", "ci"]).succeeds();
    let key = key(&environment.root());
    let _ = environment.run(&["key", "generate"]).succeeds();
    let _ = environment.run(&["publish"]).succeeds();
    let _ = environment.run(&["key", "retire", key.file_stem().unwrap(), "--force"]).succeeds();
    let _ = environment.run(&["backup", "saved"]).succeeds();
    assert!(!saved.join(&key).exists() && saved.join(format!("{key}.retired")).exists());
    assert!(!saved.join("store/tags/prod/first").exists());
    assert!(!saved.join("store/tokens/prod").exists());
    let _ = environment.run(&["restore", "saved", "again"]).succeeds();
}

#[test]
fn a_new_backup_of_a_store_that_lost_a_record_says_so() {
    let environment = backed_up();
    let dists = environment.public("prod").join("dists").read_link_utf8().unwrap();
    let id = dists.parent().unwrap().file_name().unwrap();
    let record = Utf8Path::new("store/publications/prod").join(id);
    for way in ["cut", "gone"] {
        spoil(&environment, &environment.root().join(&record), way);
        for arguments in [&["backup", "new", "--dry-run"][..], &["backup", "new"]] {
            let told = environment.run(arguments).ends_with(1);
            assert!(told.text().contains(record.as_str()), "{way}: {told}");
        }
        remove(&environment.path("new"));
    }
}

#[test]
fn a_damaged_key_that_others_may_read_replaces_no_good_copy() {
    let environment = backed_up();
    let path = key(&environment.root());
    let good = fs::read(environment.path("saved").join(&path)).unwrap();
    for text in [Vec::new(), good[..good.len() / 2].to_vec()] {
        let damaged = environment.root().join(&path);
        fs::write(&damaged, text).unwrap();
        fs::set_permissions(&damaged, fs::Permissions::from_mode(0o644)).unwrap();
        for more in [&["--dry-run"][..], &[]] {
            let told = environment.run(&[&["backup", "saved"], more].concat()).ends_with(1);
            assert!(told.stderr.contains(path.as_str()), "{told}");
        }
        assert_eq!(fs::read(environment.path("saved").join(&path)).unwrap(), good);
    }
}
