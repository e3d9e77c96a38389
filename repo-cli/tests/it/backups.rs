//! What a backup holds besides the store: the files that the configuration names, wherever they lie.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use camino::{Utf8Path, Utf8PathBuf};
use serde_json::Value;
use testkit::Environment;

use crate::{configure, store};

/// One user `anna`, whose password is `a`.
const USERS: &str = "anna:{SHA}hvfkN/qlp/zhXR3cuerq6jd2Z7g=\n";

/// A store whose configuration names files outside the root, inside it, and in a directory of it.
fn with_named_files() -> (Environment, Utf8PathBuf) {
    let environment = store();
    let etc = environment.path("etc/repo");
    fs::create_dir_all(&etc).unwrap();
    fs::create_dir(environment.root().join("lists")).unwrap();
    fs::write(etc.join("suites"), "bookworm\ntrixie\n").unwrap();
    fs::write(environment.root().join("lists/architectures"), "amd64\n").unwrap();
    fs::write(etc.join("users"), USERS).unwrap();
    fs::write(environment.root().join("own-users"), USERS).unwrap();
    fs::set_permissions(etc.join("users"), fs::Permissions::from_mode(0o640)).unwrap();
    let keyring = environment.run(&["key", "export"]).succeeds().stdout;
    fs::write(environment.path("uploaders.asc"), keyring).unwrap();
    let toml = fs::read_to_string(environment.root().join("repo.toml")).unwrap();
    let kept =
        toml.lines().filter(|line| !line.starts_with("suites =") && !line.starts_with("architectures ="));
    let toml = kept.collect::<Vec<_>>().join("\n");
    fs::write(environment.root().join("repo.toml"), toml).unwrap();
    fs::write(
        etc.join("drop-in.toml"),
        format!(
            "suites_file = \"{etc}/suites\"\narchitectures_file = \"lists/architectures\"\n\
             uploaders = \"../uploaders.asc\"\n[repositories.prod]\nusers = \"{etc}/users\"\n\
             [repositories.preprod]\nusers = \"./own-users\"\n"
        ),
    )
    .unwrap();
    // As configuration management places it.
    fs::create_dir(environment.root().join("repo.d")).unwrap();
    symlink(etc.join("drop-in.toml"), environment.root().join("repo.d/managed.toml")).unwrap();
    (environment, etc)
}

fn outside(root: &Utf8Path, path: &Utf8Path) -> Utf8PathBuf {
    root.join("outside").join(path.strip_prefix("/").unwrap())
}

#[test]
fn files_that_the_configuration_names_are_saved_and_restored_below_the_target() {
    let (environment, etc) = with_named_files();
    let (backup, restored) = (environment.path("backup"), environment.path("restored"));
    let saved = environment.run(&["backup", backup.as_str()]).succeeds();
    assert!(
        saved
            .stdout
            .contains(&format!("saved {etc}/users, which is outside the root, as outside{etc}/users"))
    );
    fs::remove_dir_all(&etc).unwrap();
    let said = environment.run(&["restore", backup.as_str(), restored.as_str()]).succeeds().stdout;
    for path in [etc.join("suites"), etc.join("users"), environment.path("uploaders.asc")] {
        let place = outside(&restored, &path);
        assert!(said.contains(&format!("restored {place}; it belongs at {path}\n")), "{said}");
        assert!(place.is_file(), "{place}");
    }
    assert!(!etc.exists(), "nothing is written but below the target");
    let mode = |path: &Utf8Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&restored.join("outside")), 0o700);
    assert_eq!(mode(&outside(&restored, &etc.join("users"))), 0o640);
    for path in ["lists/architectures", "own-users", "repo.toml"] {
        let same = |root: &Utf8Path| fs::read(root.join(path)).unwrap();
        assert_eq!(same(&restored), same(&environment.root()), "{path}");
    }
    let drop_in = restored.join("repo.d/managed.toml");
    assert!(!drop_in.is_symlink() && fs::read_to_string(&drop_in).unwrap().contains("own-users"));

    // Put where it belongs, the store is what it was.
    fs::create_dir_all(&etc).unwrap();
    for name in ["suites", "users"] {
        fs::copy(outside(&restored, &etc.join(name)), etc.join(name)).unwrap();
    }
    let listed = environment.run(&["publish", "--root", restored.as_str()]).succeeds().stdout;
    assert!(listed.contains("trixie"), "{listed}");
    let _ = environment.run(&["fsck", "--root", restored.as_str()]).succeeds();
}

#[test]
fn a_file_that_is_named_from_the_root_moves_with_the_root() {
    let (environment, etc) = with_named_files();
    let (backup, restored) = (environment.path("backup"), environment.path("else/where/restored"));
    let _ = environment.run(&["backup", backup.as_str()]).succeeds();
    let said = environment.run(&["restore", backup.as_str(), restored.as_str()]).succeeds().stdout;
    let belongs = environment.path("else/where/uploaders.asc");
    let from = outside(&restored, &environment.path("uploaders.asc"));
    assert!(said.contains(&format!("restored {from}; it belongs at {belongs}\n")), "{said}");
    assert!(said.contains(&format!("it belongs at {etc}/users\n")), "{said}");
}

#[test]
fn the_list_and_json_name_them_too() {
    let (environment, etc) = with_named_files();
    let (backup, restored) = (environment.path("backup"), environment.path("restored"));
    let list = environment.run(&["backup", "--list"]).succeeds().stdout;
    let uploaders = environment.path("uploaders.asc");
    for path in [&format!("{etc}/suites"), uploaders.as_str(), "lists/architectures", "repo.d/managed.toml"] {
        assert_eq!(list.lines().filter(|line| *line == path).count(), 1, "{path}: {list}");
    }
    let json = |arguments: &[&str]| -> Value { serde_json::from_str(&environment.json(arguments)).unwrap() };
    let saved = json(&["backup", backup.as_str()]);
    let expected = format!("outside{etc}/users");
    let names = |document: &Value| -> Vec<String> {
        let outside = document["outside"].as_array().unwrap().iter();
        outside.map(|file| file["saved_as"].as_str().unwrap().to_owned()).collect()
    };
    assert!(names(&saved).contains(&expected), "{saved}");
    assert_eq!(names(&saved).len(), 3);
    let restored = json(&["restore", backup.as_str(), restored.as_str()]);
    assert!(names(&restored).contains(&expected), "{restored}");
    assert_eq!(json(&["backup", "--list"])["files"].as_array().unwrap().len(), list.lines().count());
}

#[test]
fn a_named_file_that_cannot_be_read_keeps_nothing_else_from_being_saved() {
    let (environment, etc) = with_named_files();
    let backup = environment.path("backup");
    let _ = environment.run(&["backup", backup.as_str()]).succeeds();
    fs::remove_file(etc.join("users")).unwrap();
    fs::remove_file(environment.root().join("own-users")).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        environment.root().join("own-users").as_std_path(),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o644),
        0,
    )
    .unwrap();
    configure(&environment, "origin = \"In-house packages\"\n");
    let failed = environment.run(&["backup", backup.as_str()]).ends_with(1);
    let said = format!("error: {etc}/users, which `repositories.prod.users` names, is not in the backup");
    assert!(failed.stderr.contains(&said), "{failed}");
    assert!(failed.stderr.contains("own-users is not a regular file"), "{failed}");
    assert!(backup.join("repo.d/test.toml").is_file());
    assert_eq!(fs::read_to_string(outside(&backup, &etc.join("users"))).unwrap(), USERS, "from earlier");
}

#[test]
fn what_the_configuration_no_longer_has_is_not_restored() {
    let (environment, etc) = with_named_files();
    let backup = environment.path("backup");
    configure(&environment, "[repositories.prod]\nlabel = \"x\"\n");
    let _ = environment.run(&["backup", backup.as_str()]).succeeds();
    fs::remove_file(environment.root().join("repo.d/test.toml")).unwrap();
    let text = fs::read_to_string(etc.join("drop-in.toml")).unwrap();
    fs::write(etc.join("drop-in.toml"), text.replace(&format!("{etc}/users"), "own-users")).unwrap();
    let _ = environment.run(&["backup", backup.as_str()]).succeeds();
    let restored = environment.path("restored");
    let said = environment.run(&["restore", backup.as_str(), restored.as_str()]).succeeds().stdout;
    assert!(!restored.join("repo.d/test.toml").exists());
    assert!(!said.contains("/users"), "{said}");
}

#[test]
fn a_first_backup_finds_nothing_there() {
    let environment = store();
    for version in ["1.0", "2.0", "3.0"] {
        environment.add("preprod", &[&format!("hello={version}")]);
    }
    fs::create_dir(environment.path("backup")).unwrap();
    let first: Value = serde_json::from_str(&environment.json(&["backup", "backup"])).unwrap();
    let listed = environment.run(&["backup", "--list"]).succeeds().stdout;
    let is_file = |line: &&str| environment.root().join(line).symlink_metadata().unwrap().is_file();
    let files = listed.lines().filter(is_file).count() as u64;
    assert_eq!((first["kept"].as_u64(), first["copied"].as_u64()), (Some(0), Some(files)));
    let again: Value = serde_json::from_str(&environment.json(&["backup", "backup"])).unwrap();
    assert_eq!((again["kept"].as_u64(), again["copied"].as_u64()), (Some(files), Some(0)));
    let said = environment.run(&["backup", "other"]).succeeds().stdout;
    assert!(!said.contains("already there"), "{said}");
}

/// Links planted at each level of a backup lead nowhere, and what they hide is not restored.
#[test]
fn a_restoration_follows_no_link_of_the_backup() {
    let (environment, etc) = with_named_files();
    let _ = environment.run(&["backup", "backup"]).succeeds();
    let secrets = environment.path("secrets");
    fs::create_dir_all(secrets.join("repo")).unwrap();
    for name in ["managed.toml", "users", "repo/users", "architectures"] {
        fs::write(secrets.join(name), "secret").unwrap();
    }
    let backup = environment.path("backup");
    let levels: Vec<Utf8PathBuf> = outside(&backup, &etc.join("users"))
        .ancestors()
        .take_while(|path| *path != backup)
        .map(Utf8Path::to_owned)
        .chain(["repo.d", "repo.d/managed.toml", "lists", "own-users"].map(|name| backup.join(name)))
        .collect();
    assert!(levels.len() > 6);
    for (number, level) in levels.iter().enumerate() {
        let away = environment.path("away");
        fs::rename(level, &away).unwrap();
        let target = if away.is_dir() { secrets.clone() } else { secrets.join("users") };
        symlink(&target, level).unwrap();
        let restored = environment.path(format!("restored{number}"));
        // What is not taken is named where the configuration needs it in the root.
        let restoring = environment.run(&["restore", backup.as_str(), restored.as_str()]);
        let named = restoring.stderr.contains("is damaged or missing in the backup");
        assert_eq!(restoring.status, Some(i32::from(named)), "{restoring}");
        let mut left = vec![restored];
        while let Some(directory) = left.pop() {
            for entry in directory.read_dir_utf8().unwrap() {
                let path = entry.unwrap().path().to_owned();
                let kind = path.symlink_metadata().unwrap();
                if kind.is_dir() {
                    left.push(path);
                } else if kind.is_file() {
                    assert_ne!(fs::read(&path).unwrap(), b"secret", "{level}: {path}");
                }
            }
        }
        fs::remove_file(level).unwrap();
        fs::rename(&away, level).unwrap();
    }
}

#[test]
fn a_backup_harms_neither_its_store_nor_the_backup_of_another() {
    let environment = store();
    environment.add("prod", &["hello=1.0"]);
    let root = environment.root();
    for place in ["", "public/prod", "public/prod/new/deep", "store", "backups"] {
        let refused = environment.run(&["backup", root.join(place).as_str()]).ends_with(1);
        assert!(refused.stderr.contains("is in the store in"), "{refused}");
    }
    assert!(!environment.public("prod").join("keys").exists());

    let backup = environment.path("backup");
    let _ = environment.run(&["backup", backup.as_str()]).succeeds();
    let other = environment.path("other");
    let _ = environment.run(&["init", other.as_str(), "--suite", "bookworm"]).succeeds();
    let file = environment.package("world", "1.0", "all");
    let _ = environment.run(&["--root", other.as_str(), "add", "prod", file.as_str()]).succeeds();
    let refused = environment.run(&["--root", other.as_str(), "backup", backup.as_str()]).ends_with(1);
    assert!(refused.stderr.contains("is the backup of another store"), "{refused}");
    let _ = environment.run(&["backup", backup.as_str()]).succeeds();
}

#[test]
fn a_file_beside_the_repositories_is_no_hindrance() {
    let environment = store();
    environment.add("prod", &["hello=1.0"]);
    environment.write("store/public/key.asc", "a key");
    let backup = environment.path("backup");
    let _ = environment.run(&["backup", backup.as_str()]).succeeds();
}

#[test]
fn a_backup_removes_nothing_behind_a_link() {
    let environment = store();
    environment.add("prod", &["hello=1.0"]);
    let (backup, elsewhere) = (environment.path("backup"), environment.path("elsewhere"));
    fs::create_dir_all(backup.join("store")).unwrap();
    fs::create_dir(&elsewhere).unwrap();
    fs::write(elsewhere.join("precious"), "x").unwrap();
    for place in ["repo.d", "outside", "store/refs", "store/tags", "store/history"] {
        symlink(&elsewhere, backup.join(place)).unwrap();
    }
    let _ = environment.run(&["backup", backup.as_str()]);
    assert!(elsewhere.join("precious").exists());
}

#[test]
fn a_dry_run_says_what_is_done_without_it_and_writes_nothing() {
    let (environment, _) = with_named_files();
    environment.add("preprod", &["hello=1.0"]);
    let last = |output: &testkit::Output| output.stdout.trim_end().rsplit('\n').next().unwrap().to_owned();
    let compare = |arguments: &[&str], place: &str| {
        let planned = environment.run(&[arguments, &["--dry-run"]].concat()).succeeds();
        assert!(!environment.path(place).exists(), "{place}");
        assert!(planned.stdout.starts_with("FILE "), "{planned}");
        let limited = environment.run(&[arguments, &["--dry-run", "--limit", "1"]].concat()).succeeds();
        assert_eq!(limited.stdout.lines().count(), 4, "{limited}");
        let done = environment.run(arguments).succeeds();
        let planned = last(&planned);
        let (_, planned) = planned.split_once(' ').unwrap();
        let planned = planned.replacen("copy", "copied", 1).replacen("restore", "restored", 1);
        assert!(done.stdout.contains(&planned), "{planned}\n{done}");
    };
    compare(&["backup", "saved"], "saved");
    compare(&["restore", "saved", "again"], "again");
    let nothing = environment.run(&["backup", "saved", "--dry-run"]).succeeds();
    assert!(nothing.stdout.starts_with("would copy 0 files (0 bytes) to saved; "), "{nothing}");
    assert!(environment.json(&["backup", "saved", "--dry-run"]).contains(r#""copies":[]"#));
}

/// What is put where a file belongs, and its name in messages.
const KINDS: [(&str, &str); 5] = [
    ("pipe", "a named pipe"),
    ("directory", "a directory"),
    ("socket", "a socket"),
    ("link", "a symbolic link"),
    ("dangling", "a symbolic link that leads nowhere"),
];

fn put(environment: &Environment, kind: &str, path: &Utf8Path) {
    match kind {
        "directory" => fs::create_dir(path).unwrap(),
        "socket" => drop(std::os::unix::net::UnixListener::bind(path).unwrap()),
        "link" => symlink("/etc/hostname", path).unwrap(),
        "dangling" => symlink("nowhere", path).unwrap(),
        _ => assert!(environment.other(&["mkfifo", path.as_str()]).status().unwrap().success()),
    }
}

/// The file of the only key.
fn key_file(root: &Utf8Path) -> Utf8PathBuf {
    let mut keys = root.join("keys").read_dir_utf8().unwrap();
    keys.next().unwrap().unwrap().path().to_owned()
}

#[test]
fn a_key_file_that_cannot_be_saved_is_named_and_the_copy_from_earlier_stays() {
    let environment = store();
    environment.add("prod", &["hello=1.0"]);
    let key = key_file(&environment.root());
    let bytes = fs::read(&key).unwrap();
    let backup = environment.path("backup");
    let _ = environment.run(&["backup", backup.as_str()]).succeeds();
    let copy = backup.join("keys").join(key.file_name().unwrap());
    for (kind, what) in KINDS {
        // In the place of the only key, and beside a good one.
        let beside = key.with_file_name("other.asc");
        for place in [&key, &beside] {
            let aside = environment.path("aside");
            if place == &key {
                fs::rename(&key, &aside).unwrap();
            }
            put(&environment, kind, place);
            let saved = environment.run(&["backup", backup.as_str()]).ends_with(1);
            assert!(saved.stderr.contains(&format!("keys/{}", place.file_name().unwrap())), "{kind} {saved}");
            assert!(
                saved.stderr.contains(&format!("is {what}; a regular file belongs there")),
                "{kind} {saved}"
            );
            assert!(!saved.stderr.contains("has no keys"), "{kind} {saved}");
            assert_eq!(fs::read(&copy).unwrap(), bytes, "{kind}");
            let _ = fs::remove_file(place).or_else(|_| fs::remove_dir(place));
            if place == &key {
                fs::rename(&aside, &key).unwrap();
            }
        }
    }
    let _ = environment.run(&["backup", backup.as_str()]).succeeds();
}

#[test]
fn keys_that_signed_and_are_gone_are_told_of_by_a_backup() {
    let environment = store();
    environment.add("prod", &["hello=1.0"]);
    let _ = environment.run(&["backup", "backup"]).succeeds();
    let key = key_file(&environment.root());
    fs::remove_dir_all(environment.root().join("keys")).unwrap();
    let saved = environment.run(&["backup", "backup"]).ends_with(1);
    assert!(saved.stderr.contains("the keys that signed what clients see are gone"), "{saved}");
    assert!(environment.path("backup/keys").join(key.file_name().unwrap()).is_file());
}

#[test]
fn a_restoration_names_a_configuration_and_a_drop_in_that_the_backup_does_not_have() {
    let environment = store();
    environment.add("prod", &["hello=1.0"]);
    configure(&environment, "contents = true\n");
    let _ = environment.run(&["backup", "backup"]).succeeds();
    let is_named = |output: &testkit::Output, path: &str| {
        output.stderr.contains(&format!("{path} is damaged or missing in the backup"))
    };
    for place in ["repo.toml", "repo.d/test.toml"] {
        let path = environment.path("backup").join(place);
        let bytes = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        for (kind, _) in KINDS.iter().filter(|(kind, _)| *kind != "directory") {
            put(&environment, kind, &path);
            let restored = environment.run(&["restore", "backup", "new"]).ends_with(1);
            assert!(is_named(&restored, place), "{place} {kind} {restored}");
            assert!(environment.path("new").join(place).symlink_metadata().is_err(), "{place} {kind}");
            fs::remove_file(&path).unwrap();
            fs::remove_dir_all(environment.path("new")).unwrap();
        }
        if place == "repo.toml" {
            let restored = environment.run(&["restore", "backup", "new"]).ends_with(1);
            assert!(is_named(&restored, place), "{restored}");
            assert!(restored.stderr.contains("[repositories.NAME]"), "{restored}");
            assert!(!restored.stderr.contains("init"), "{restored}");
            fs::remove_dir_all(environment.path("new")).unwrap();
        }
        fs::write(&path, bytes).unwrap();
    }
    let _ = environment.run(&["restore", "backup", "new"]).succeeds();
}

#[test]
fn a_line_break_in_the_name_of_a_key_file_starts_no_line_of_a_warning() {
    let environment = store();
    let key = environment.root().join("keys/a\nwarning: all is well.asc");
    fs::write(&key, "no key").unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    let file = environment.package("hello", "1.0", "all");
    let added = environment.run(&["add", "prod", file.as_str()]).succeeds();
    assert!(added.stderr.contains("keys/a\\nwarning: all is well.asc"), "{added}");
    assert!(!added.stderr.lines().any(|line| line.starts_with("warning: all is well")), "{added}");
}
