//! `fsck`, `backup` and `restore` as people and jobs call them; modes whatever the umask.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use camino::{Utf8Path, Utf8PathBuf};
use testkit::Environment;

use crate::{PROGRAM, store};

fn first_file_below(directory: &Utf8Path) -> Utf8PathBuf {
    let mut entries: Vec<_> = directory.read_dir_utf8().unwrap().map(|entry| entry.unwrap()).collect();
    entries.sort_by_key(|entry| entry.file_name().to_owned());
    let first = entries.first().unwrap();
    if first.path().is_dir() { first_file_below(first.path()) } else { first.path().to_owned() }
}

#[test]
fn damage_is_reported_and_repaired_from_a_backup() {
    let environment = store();
    environment.add("preprod", &["hello=1.0"]);
    let backup = environment.path("backup");
    let _ = environment.run(&["fsck"]).succeeds();
    let _ = environment.run(&["backup", backup.as_str()]).succeeds();
    let blob = first_file_below(&environment.root().join("store/blobs"));
    fs::set_permissions(&blob, fs::Permissions::from_mode(0o644)).unwrap();
    fs::write(&blob, "damaged").unwrap();
    let found = environment.run(&["fsck"]).ends_with(1);
    assert!(found.stdout.contains("affects preprod bookworm hello"), "{}", found.text());
    let json = environment.run(&["fsck", "--json"]).ends_with(1).stdout;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["clean"], false);
    assert!(json["problems"].as_array().unwrap().iter().any(|problem| problem["kind"] == "mode"));
    let from = ["fsck", "--repair", "--from", backup.as_str()];
    let planned = environment.run(&[&from[..], &["--dry-run"]].concat()).ends_with(1);
    assert!(
        planned.stdout.contains(&format!("    copy it from {}", backup.join("store/blobs"))),
        "{planned}"
    );
    assert!(planned.stderr.contains("would repair 4 of 4 problems"), "{planned}");
    let json = environment.run(&[&from[..], &["--dry-run", "--json"]].concat()).ends_with(1).stdout;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let copied: Vec<_> =
        json["steps"].as_array().unwrap().iter().filter(|step| step["means"] == "copy").collect();
    assert_eq!(copied.len(), 1, "{json}");
    assert_eq!(copied[0]["problem"]["affects"][0]["package"], "hello", "{json}");
    let _ = environment.run(&["fsck", "--repair"]).ends_with(1);
    let _ = environment.run(&from).succeeds();
    let _ = environment.run(&["fsck"]).succeeds();
}

#[test]
fn damage_in_an_older_publication_does_not_stay() {
    let environment = store();
    environment.add("preprod", &["hello=1.0"]);
    let _ = environment.run(&["tag", "preprod", "first"]).succeeds();
    environment.add("preprod", &["hello=2.0"]);
    let link = environment.public("preprod").join("snapshot/first");
    let id = link.read_link_utf8().unwrap();
    let damage = |name: &str| {
        let file = link.join("dists/bookworm").join(name);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        fs::write(&file, "damaged").unwrap();
        let found = environment.run(&["fsck"]).ends_with(1);
        assert!(found.stderr.contains("withdraws older publications"), "{found}");
    };
    damage("main/binary-amd64/Packages.xz");
    let repaired = environment.run(&["fsck", "--repair"]).succeeds();
    assert!(!repaired.stdout.contains("withdrew"), "{repaired}");
    let _ = environment.run(&["fsck"]).succeeds();

    damage("InRelease");
    let before = environment.public("preprod").join("dists").read_link_utf8().unwrap();
    let json = environment.run(&["fsck", "--repair", "--json"]).succeeds().stdout;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let withdrawn = &json["withdrawn"][0];
    assert_eq!(
        (&withdrawn["repository"], &withdrawn["publication"]),
        (&"preprod".into(), &id.as_str().into())
    );
    let now = link.read_link_utf8().unwrap();
    assert_ne!(now, id);
    assert_eq!(withdrawn["tags"], serde_json::json!([{ "tag": "first", "publication": now.as_str() }]));
    assert_eq!(environment.public("preprod").join("dists").read_link_utf8().unwrap(), before);
    assert!(link.join("dists/bookworm/InRelease").exists());
    let _ = environment.run(&["fsck"]).succeeds();

    // Without a key the tag is gone until there is one.
    damage("InRelease");
    let keys = environment.root().join("keys");
    let elsewhere = environment.path("keys");
    fs::rename(&keys, &elsewhere).unwrap();
    let repaired = environment.run(&["fsck", "--repair"]).ends_with(1);
    assert!(repaired.stdout.contains(&format!("withdrew publication {now} of preprod")), "{repaired}");
    assert!(repaired.stdout.contains("run repo-cli sign again preprod"), "{repaired}");
    fs::rename(&elsewhere, &keys).unwrap();
    let _ = environment.run(&["fsck"]).succeeds();
    let _ = environment.run(&["sign", "again", "preprod"]).succeeds();
    assert!(link.join("dists/bookworm/InRelease").exists());
    let _ = environment.run(&["fsck"]).succeeds();
}

#[test]
fn a_restored_store_has_nothing_to_publish() {
    let environment = store();
    environment.add("preprod", &["hello=1.0"]);
    let (backup, restored) = (environment.path("backup"), environment.path("restored"));
    let _ = environment.run(&["backup", backup.as_str()]).succeeds();
    let _ = environment.run(&["restore", backup.as_str(), restored.as_str()]).succeeds();
    let dists = |root: &Utf8Path| fs::read_link(root.join("public/preprod/dists")).unwrap();
    assert_eq!(dists(&restored), dists(&environment.root()));
    let said = environment.run(&["publish", "--root", restored.as_str()]).succeeds().stdout;
    assert!(said.contains("preprod: already up to date"), "{said}");
    let _ = environment.run(&["restore", backup.as_str(), restored.as_str()]).ends_with(1);
}

#[test]
fn the_list_is_of_files_that_are_there() {
    let environment = store();
    environment.add("preprod", &["hello=1.0"]);
    let list = environment.run(&["backup", "--list"]).succeeds().stdout;
    assert!(list.lines().count() > 10);
    for line in list.lines() {
        assert!(environment.root().join(line).symlink_metadata().is_ok(), "{line}");
    }
    assert!(list.lines().any(|line| line == "repo.toml"));
    assert!(list.lines().any(|line| line.starts_with("keys/")));
}

/// Every entry of a store with its mode, but for names that differ from store to store.
fn modes(root: &Utf8Path) -> Vec<String> {
    fn visit(directory: &Utf8Path, depth: usize, found: &mut Vec<String>) {
        for entry in directory.read_dir_utf8().unwrap() {
            let entry = entry.unwrap();
            let metadata = entry.path().symlink_metadata().unwrap();
            if metadata.is_symlink() {
                continue;
            }
            let mode = metadata.permissions().mode() & 0o7777;
            let kind = if metadata.is_dir() { "directory" } else { "file" };
            let area = directory.iter().nth_back(depth).unwrap_or_default();
            found.push(format!("{area} {depth} {kind} {mode:o}"));
            if metadata.is_dir() {
                visit(entry.path(), depth + 1, found);
            }
        }
    }
    let mut found = Vec::new();
    visit(root, 0, &mut found);
    found.sort();
    found.dedup();
    found
}

#[test]
fn the_umask_does_not_matter() {
    let with_umask = |umask: &str| {
        let environment = Environment::new(PROGRAM);
        let script = format!("umask {umask}; exec \"$@\"");
        let run = |arguments: &[&str]| {
            let mut command = environment.wrapped(&["sh", "-c", &script, "sh"]);
            let _ = environment.finish(command.args(arguments)).succeeds();
        };
        let root = environment.root();
        run(&["init", root.as_str(), "--suite", "bookworm", "--architecture", "amd64"]);
        let package = environment.package("hello", "1.0", "amd64");
        run(&["add", "preprod", package.as_str()]);
        run(&["tag", "preprod", "first"]);
        run(&["fsck"]);
        let backup = environment.path("backup");
        run(&["backup", backup.as_str()]);
        (modes(&root), modes(&backup))
    };
    let (open, open_backup) = with_umask("000");
    let (closed, closed_backup) = with_umask("077");
    assert_eq!(open, closed);
    assert_eq!(open_backup, closed_backup);
    assert!(open.iter().any(|line| line.contains("444")), "{open:?}");
}

#[test]
fn a_key_that_others_can_read_does_not_sign() {
    let environment = store();
    let key = first_file_below(&environment.root().join("keys"));
    for mode in [0o640, 0o604, 0o644] {
        fs::set_permissions(&key, fs::Permissions::from_mode(mode)).unwrap();
        let package = environment.package("hello", "1.0", "amd64");
        let refused = environment.run(&["add", "preprod", package.as_str()]).ends_with(1);
        assert!(refused.stderr.contains("wider than 0600"), "{}", refused.text());
        let _ = environment.run(&["publish"]).ends_with(1);
    }
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    fs::set_permissions(environment.root().join("keys"), fs::Permissions::from_mode(0o755)).unwrap();
    let _ = environment.run(&["publish"]).ends_with(1);
    fs::set_permissions(environment.root().join("keys"), fs::Permissions::from_mode(0o700)).unwrap();
    let _ = environment.run(&["publish"]).succeeds();
}

#[test]
fn a_wrong_mode_below_public_is_mended_without_a_backup() {
    let environment = crate::store();
    environment.add("preprod", &["hello=1.0"]);
    let file = environment.public("preprod").join("pool/main/h/hello/hello_1.0_all.deb");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).unwrap();
    let found = environment.run(&["fsck"]).ends_with(1);
    assert!(found.stderr.contains("hint: `repo-cli fsck --repair` sets wrong modes right"), "{found}");
    assert!(!found.stderr.contains("BACKUP"), "{found}");
    let _ = environment.run(&["fsck", "--repair"]).succeeds();
    let _ = environment.run(&["fsck"]).succeeds();
}
