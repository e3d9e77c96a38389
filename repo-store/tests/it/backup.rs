//! A backup holds what cannot be made again, at any moment; a store made from it shows clients what the first one did.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;

use camino::{Utf8Path, Utf8PathBuf};
use repo_store::maintenance::backup::{NamedFile, NamedFileKind};
use repo_store::maintenance::fsck::FsckOptions;
use repo_store::model::TagName;
use repo_store::{AddOptions, Store};

use crate::fixture::{
    Fixture, context, everything_below, publish, publish_with_other_keys, settings, signer, suite,
};

fn lines(store: &Store) -> Vec<String> {
    let report = store.fsck(&FsckOptions::default(), &context(1000)).unwrap();
    report.problems.iter().map(ToString::to_string).collect()
}

fn beside(fixture: &Fixture, name: &str) -> Utf8PathBuf {
    fixture.store.root().parent().unwrap().join(name)
}

/// Everything a client or `ls -lR` sees: kinds, modes, times of files, link targets, contents, and which names are one file.
fn picture(directory: &Utf8Path) -> Vec<String> {
    let mut inodes: BTreeMap<u64, usize> = BTreeMap::new();
    everything_below(directory)
        .iter()
        .map(|path| {
            let metadata = path.symlink_metadata().unwrap();
            let (name, mode) = (path.strip_prefix(directory).unwrap(), metadata.mode());
            if metadata.is_symlink() {
                return format!("{name} -> {}", path.read_link_utf8().unwrap());
            }
            if metadata.is_dir() {
                return format!("{name} {mode:o}");
            }
            let number = inodes.len();
            let inode = inodes.entry(metadata.ino()).or_insert(number);
            let content = blake3::hash(&fs::read(path).unwrap());
            format!("{name} {mode:o} {} {inode} {content}", metadata.mtime())
        })
        .collect()
}

/// Some history: an addition, one for one suite only, a removal, a rollback; each published.
fn eventful() -> Fixture {
    let (fixture, signer) = (Fixture::new(), signer());
    fixture
        .add(&[fixture.package("hello", "1.0", "amd64", "a"), fixture.package("common", "1.0", "all", "b")]);
    publish(&fixture, &signer, 0);
    fixture.add(&[fixture.package("hello", "1.1+deb12u1", "amd64", "c")]);
    publish(&fixture, &signer, 10);
    let plan = fixture.store.plan_removal(&fixture.preprod, &["common".parse().unwrap()], &[]).unwrap();
    plan.apply(&fixture.store, &context(20)).unwrap();
    publish(&fixture, &signer, 20);
    let target = fixture.store.resolve(&fixture.preprod.name, "1").unwrap();
    fixture.store.plan_rollback(&target, &[]).unwrap().apply(&fixture.store, &context(30)).unwrap();
    publish(&fixture, &signer, 30);
    fixture.store.tag(&target, &TagName::parse("first").unwrap(), &context(35)).unwrap();
    fs::write(fixture.store.root().join("repo.toml"), "# configured\n").unwrap();
    fixture
}

#[test]
fn a_restored_store_is_the_same_to_the_byte() {
    let (fixture, backup, restored) = (eventful(), "backup", "restored");
    let (backup, restored) = (beside(&fixture, backup), beside(&fixture, restored));
    let report = fixture.store.backup(&backup, &context(40)).unwrap();
    assert!(report.damaged.is_empty() && report.copied > 20, "{report:?}");
    let before = picture(&fixture.store.root().join("public"));
    let (store, report) = Store::restore(&backup, &restored, &context(50)).unwrap();
    assert!(report.damaged.is_empty());
    assert_eq!(report.publications, 4);
    assert_eq!(picture(&restored.join("public")), before);
    assert_eq!(lines(&store), [""; 0]);
    assert_eq!(fs::read_to_string(restored.join("repo.toml")).unwrap(), "# configured\n");
    assert_eq!(store.operations().unwrap(), fixture.store.operations().unwrap());
    // And it goes on where the other one stopped.
    let head = |store: &Store| store.head(&fixture.preprod.name).unwrap().unwrap().id();
    assert_eq!(head(&store), head(&fixture.store));
}

#[test]
fn a_restored_store_has_nothing_to_publish() {
    let (fixture, signer) = (Fixture::new(), signer());
    fixture.add(&[fixture.package("hello", "1.0", "amd64", "a")]);
    publish(&fixture, &signer, 0);
    let (backup, restored) = (beside(&fixture, "backup"), beside(&fixture, "restored"));
    fixture.store.backup(&backup, &context(40)).unwrap();
    let (store, _) = Store::restore(&backup, &restored, &context(50)).unwrap();
    assert_eq!(store.publish(&fixture.preprod, &signer, &context(60)).unwrap().publication, None);
    let file = fixture.package("hello", "2.0", "amd64", "b");
    store
        .add(&fixture.preprod, &[file], &AddOptions::default(), &context(70))
        .unwrap()
        .into_result()
        .unwrap();
    assert!(store.publish(&fixture.preprod, &signer, &context(80)).unwrap().publication.is_some());
    assert_eq!(lines(&store), [""; 0]);
}

#[test]
fn a_second_backup_copies_what_is_new() {
    let fixture = eventful();
    let backup = beside(&fixture, "backup");
    let first = fixture.store.backup(&backup, &context(40)).unwrap();
    let again = fixture.store.backup(&backup, &context(41)).unwrap();
    assert_eq!((again.copied, again.kept), (0, first.copied + first.kept));
    fixture.add(&[fixture.package("new", "1.0", "all", "x")]);
    let third = fixture.store.backup(&backup, &context(42)).unwrap();
    // The package, a chunk, a page and a snapshot for each suite that may be one, the commit, the reference and the log.
    assert!((6..=9).contains(&third.copied), "{third:?}");
    let (store, _) = Store::restore(&backup, &beside(&fixture, "restored"), &context(50)).unwrap();
    assert_eq!(lines(&store), [""; 0]);
}

#[test]
fn a_backup_shares_nothing_with_the_store() {
    let fixture = eventful();
    let backup = beside(&fixture, "backup");
    fixture.store.backup(&backup, &context(40)).unwrap();
    let inodes = |directory: &Utf8Path| -> std::collections::BTreeSet<u64> {
        let files = everything_below(directory).into_iter().map(|path| path.symlink_metadata().unwrap());
        files.filter(fs::Metadata::is_file).map(|metadata| metadata.ino()).collect()
    };
    assert!(inodes(fixture.store.root()).is_disjoint(&inodes(&backup)));
}

#[test]
fn the_list_names_what_the_backup_holds() {
    let fixture = eventful();
    let backup = beside(&fixture, "backup");
    fixture.store.backup(&backup, &context(40)).unwrap();
    let mut listed = fixture.store.backup_files(&[]).unwrap();
    listed.sort();
    let mut held: Vec<Utf8PathBuf> = everything_below(&backup)
        .into_iter()
        .filter(|path| !path.symlink_metadata().unwrap().is_dir())
        .map(|path| path.strip_prefix(&backup).unwrap().to_owned())
        .collect();
    held.sort();
    assert_eq!(listed, held);
}

#[test]
fn a_file_that_is_only_named_is_not_copied() {
    let fixture = eventful();
    let (backup, restored) = (beside(&fixture, "backup"), beside(&fixture, "restored"));
    let named = |setting: &str, name: &str, kind| {
        let path = beside(&fixture, name);
        fs::write(&path, name).unwrap();
        NamedFile { setting: setting.to_owned(), path, kind }
    };
    let list = named("suites_file", "suites", NamedFileKind::Saved);
    let secret = named("serve.tls.key", "tls.key", NamedFileKind::NamedOnly);
    let all = [list.clone(), secret.clone(), list.clone()];
    let report = fixture.store.backup_with(&backup, &all, &context(40)).unwrap();
    assert_eq!(report.named_only, std::slice::from_ref(&secret));
    assert_eq!(report.outside.len(), 1);
    let (_, restored) = (Store::restore(&backup, &restored, &context(50)).unwrap(), restored);
    for (file, is_there) in [(&list, true), (&secret, false)] {
        let place = Utf8Path::new("outside").join(file.path.strip_prefix("/").unwrap());
        assert_eq!(restored.join(&place).exists(), is_there, "{place}");
        assert_eq!(fixture.store.backup_files(&all).unwrap().contains(&file.path), is_there);
    }
}

#[test]
fn damage_is_never_copied() {
    let fixture = eventful();
    let (backup, second) = (beside(&fixture, "backup"), beside(&fixture, "second"));
    fixture.store.backup(&backup, &context(40)).unwrap();
    let head = fixture.store.head(&fixture.preprod.name).unwrap().unwrap();
    let record = head.records(&suite("trixie")).unwrap().remove(0);
    let blob = fixture.store.blob_path(record.blob()).unwrap();
    let bytes = fs::read(&blob).unwrap();
    fs::remove_file(&blob).unwrap();
    fs::write(&blob, vec![0; bytes.len()]).unwrap();
    let report = fixture.store.backup(&second, &context(41)).unwrap();
    assert_eq!(report.damaged, [blob.strip_prefix(fixture.store.root()).unwrap()]);
    assert!(!second.join("store/refs").exists(), "no reference to what is not there");
    let report = fixture.store.backup(&backup, &context(42)).unwrap();
    assert_eq!(report.damaged, [""; 0], "the true copy from earlier stays");
}

#[test]
fn only_an_empty_directory_is_restored_to() {
    let fixture = eventful();
    let backup = beside(&fixture, "backup");
    assert!(Store::restore(&backup, &beside(&fixture, "restored"), &context(50)).is_err(), "no backup");
    fixture.store.backup(&backup, &context(40)).unwrap();
    let error = Store::restore(&backup, fixture.store.root(), &context(50)).unwrap_err();
    assert!(matches!(
        error,
        repo_store::Error::Storage(repo_store::storage::StorageError::StoreExists { .. })
    ));
}

#[test]
fn a_restoration_that_was_cut_short_goes_on() {
    use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
    let fixture = eventful();
    let keys = fixture.store.root().join("keys");
    fs::DirBuilder::new().mode(0o700).create(&keys).unwrap();
    fs::write(keys.join("one.asc"), "secret").unwrap();
    fs::set_permissions(keys.join("one.asc"), fs::Permissions::from_mode(0o600)).unwrap();
    let (backup, restored) = (beside(&fixture, "backup"), beside(&fixture, "restored"));
    fixture.store.backup(&backup, &context(40)).unwrap();
    // Killed just behind making a directory, and before it got its mode.
    fs::create_dir_all(restored.join(".incomplete")).unwrap();
    fs::create_dir(restored.join("keys")).unwrap();
    let (store, _) = Store::restore(&backup, &restored, &context(50)).unwrap();
    assert_eq!(lines(&store), [""; 0], "its keys are closed to others");
    assert!(!restored.join(".incomplete").exists());
    assert!(Store::restore(&backup, &restored, &context(60)).is_err(), "it came to its end");
}

#[test]
fn a_backup_made_while_others_write_is_whole() {
    let fixture = Fixture::new();
    let preprod = settings("preprod", &["trixie"]);
    let files: Vec<_> =
        (0..40).map(|n| fixture.package("hello", &format!("{n}"), "amd64", &format!("{n}"))).collect();
    let signer = signer();
    let backup = beside(&fixture, "backup");
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let store = Store::open(fixture.store.root()).unwrap();
            for (n, file) in files.iter().enumerate() {
                let context = context(i64::try_from(n).unwrap());
                let one = std::slice::from_ref(file);
                store.add(&preprod, one, &AddOptions::default(), &context).unwrap().into_result().unwrap();
                store.publish(&preprod, &signer, &context).unwrap();
            }
        });
        let mut rounds = 0;
        while !writer.is_finished() || rounds < 2 {
            let report = fixture.store.backup(&backup, &context(100)).unwrap();
            assert!(report.damaged.is_empty(), "{report:?}");
            if backup.join("store/format").exists() {
                let restored = beside(&fixture, &format!("restored{rounds}"));
                let (store, _) = Store::restore(&backup, &restored, &context(100)).unwrap();
                assert_eq!(lines(&store), [""; 0]);
                fs::remove_dir_all(&restored).unwrap();
            }
            assert_eq!(lines(&fixture.store), [""; 0], "nor does a check mistake work for damage");
            rounds += 1;
        }
    });
}

#[test]
fn a_plan_tells_what_a_backup_and_a_restoration_copy_and_writes_nothing() {
    let fixture = eventful();
    let (to, elsewhere) = (beside(&fixture, "backup"), beside(&fixture, "restored"));
    let outside = fixture.file("list", b"bookworm\n");
    let named = [NamedFile { path: outside, setting: "suites_file".to_owned(), kind: NamedFileKind::Saved }];
    // At first all, then what came since, then nothing.
    for round in 0..3 {
        if round == 1 {
            fixture.add(&[fixture.package("later", "1.0", "amd64", "e")]);
            publish_with_other_keys(&fixture, &signer(), 50);
        }
        let before = to.exists().then(|| picture(&to));
        let plan = fixture.store.plan_backup(&to, &named).unwrap();
        assert_eq!(to.exists().then(|| picture(&to)), before);
        let report = plan.apply(&fixture.store, &context(60)).unwrap();
        assert!(report.damaged.is_empty());
        let copied = (plan.copies().len() as u64, plan.bytes(), plan.kept());
        assert_eq!(copied, (report.copied, report.bytes, report.kept), "round {round}");
        assert_eq!(plan.copies().is_empty(), round == 2);
    }
    let plan = Store::plan_restore(&to, &elsewhere).unwrap();
    assert!(!elsewhere.exists());
    let (store, report) = plan.apply(&context(70)).unwrap();
    let restored = (plan.copies().len() as u64, plan.bytes(), plan.publications());
    assert_eq!(restored, (report.copied, report.bytes, report.publications));
    assert_eq!(lines(&store), [""; 0]);
    let refused = Store::plan_restore(&to, &elsewhere).unwrap_err();
    assert_eq!(refused.code(), "E-STORE-EXISTS");
}
