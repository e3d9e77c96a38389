//! Whatever happens to a file of a store, the check finds it, says whom it affects, and a true copy puts it right.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use apt_sign::{Keyring, OpenPgpSigner};
use camino::{Utf8Path, Utf8PathBuf};
use repo_store::maintenance::fsck::{
    CopySource, FsckOptions, FsckReport, ProblemKind, RepairReport, SignedSuite,
};
use repo_store::model::TagName;
use repo_store::{Context, Store};

use crate::fixture::{
    Fixture, context, everything_below, overwrite, publish, publish_with_other_keys, secret_key, settings,
    signer,
};
use crate::planned_repairs::repaired_as_planned;
use crate::publishing::{assert_indices_are_as_signed, visible};

/// Two packages, a current and an earlier publication, and a tag.
pub(crate) fn small() -> Fixture {
    let mut fixture = Fixture::in_memory();
    fixture.preprod = settings("preprod", &["trixie"]);
    fixture.preprod.contents = true;
    fixture.preprod.suites[0].architectures.truncate(1);
    let signer = signer();
    for (number, version) in ["1.0", "1.1"].iter().enumerate() {
        let seconds = i64::try_from(number).unwrap() * 60;
        let file = fixture.package("hello", version, "amd64", version);
        fixture
            .store
            .add(&fixture.preprod, &[file], &repo_store::AddOptions::default(), &context(seconds))
            .unwrap()
            .into_result()
            .unwrap();
        publish(&fixture, &signer, seconds);
    }
    let first = fixture.store.resolve(&fixture.preprod.name, "1").unwrap();
    fixture.store.tag(&first, &TagName::parse("first").unwrap(), &context(90)).unwrap();
    fixture
}

fn check(store: &Store) -> FsckReport {
    store.fsck(&FsckOptions::default(), &context(1000)).unwrap()
}

fn repair(store: &Store, sources: &[Utf8PathBuf]) -> RepairReport {
    let sources: Vec<_> = sources.iter().map(|directory| CopySource::Directory(directory)).collect();
    repaired_as_planned(store, &FsckOptions::default(), &sources, &context(1000))
}

fn lines(report: &FsckReport) -> Vec<String> {
    report.problems.iter().map(ToString::to_string).collect()
}

/// The regular files that the check answers for.
fn promised(root: &Utf8Path) -> Vec<Utf8PathBuf> {
    let outside = ["store/locks", "store/tmp", "store/cache"];
    let mut files = everything_below(root);
    files.retain(|path| {
        let relative = path.strip_prefix(root).unwrap();
        path.symlink_metadata().unwrap().is_file() && !outside.iter().any(|o| relative.starts_with(o))
    });
    files
}

/// The store with its problems, or the refusal to open it.
fn found(root: &Utf8Path) -> Option<String> {
    match Store::open(root) {
        Err(error) => Some(error.to_string()),
        Ok(store) => {
            let report = check(&store);
            report.problems.first().map(ToString::to_string)
        }
    }
}

#[test]
fn a_whole_store_is_clean() {
    let fixture = small();
    let report = check(&fixture.store);
    assert_eq!(lines(&report), [""; 0]);
    assert_eq!(report.blobs, 2);
    assert!(report.objects >= 7 && report.published > 10, "{report:?}");
}

#[test]
fn an_empty_store_is_clean() {
    assert_eq!(lines(&check(&Fixture::new().store)), [""; 0]);
}

/// Flips a bit of every byte of every file of a store of its own, and lets the check look each time; of `shares` the one with
/// this number.
fn flip(share: usize, shares: usize) -> usize {
    let fixture = small();
    let root = fixture.store.root();
    // One thread for each store.
    let alone = Context { threads: std::num::NonZeroUsize::MIN, ..context(1000) };
    let mut tried = 0;
    for path in promised(root) {
        let bytes = fs::read(&path).unwrap();
        let mut changed = bytes.clone();
        for position in (share..bytes.len()).step_by(shares) {
            changed[position] ^= 1 << (position % 8);
            overwrite(&path, &changed);
            changed[position] = bytes[position];
            let is_found = Store::open(root)
                .map_or(true, |store| !store.fsck(&FsckOptions::default(), &alone).unwrap().is_clean());
            assert!(is_found, "{path} byte {position}");
            tried += 1;
        }
        overwrite(&path, &bytes);
    }
    assert_eq!(found(root), None, "the damage was undone");
    tried
}

#[test]
fn every_flipped_byte_is_found() {
    let shares = std::thread::available_parallelism().map_or(1, usize::from).min(8);
    let tried: usize = std::thread::scope(|scope| {
        let shares: Vec<_> = (0..shares).map(|share| scope.spawn(move || flip(share, shares))).collect();
        shares.into_iter().map(|share| share.join().unwrap()).sum()
    });
    assert!(tried > 5_000, "{tried}");
}

#[test]
fn files_cut_short_grown_lost_or_replaced_are_found() {
    let fixture = small();
    let root = fixture.store.root();
    let elsewhere = root.parent().unwrap().join("elsewhere");
    for path in promised(root) {
        let bytes = fs::read(&path).unwrap();
        let longer = [bytes.as_slice(), b"\n"].concat();
        for changed in [&bytes[..0], &bytes[..bytes.len() - 1], &longer] {
            overwrite(&path, changed);
            assert!(found(root).is_some(), "{path} of {} bytes", changed.len());
        }
        overwrite(&path, &bytes);

        fs::rename(&path, &elsewhere).unwrap();
        // A manifest is made again when it is needed.
        let may_go = path.starts_with(root.join("store/manifests"));
        assert_eq!(found(root).is_some(), !may_go, "{path} is gone");
        fs::create_dir(&path).unwrap();
        assert!(found(root).is_some(), "{path} is a directory");
        fs::remove_dir(&path).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", &path).unwrap();
        assert!(found(root).is_some(), "{path} is a symbolic link");
        fs::remove_file(&path).unwrap();
        fs::rename(&elsewhere, &path).unwrap();
    }
    for path in everything_below(root) {
        if path.symlink_metadata().unwrap().is_symlink() {
            let target = fs::read_link(&path).unwrap();
            fs::remove_file(&path).unwrap();
            assert!(found(root).is_some(), "{path} is gone");
            std::os::unix::fs::symlink("elsewhere", &path).unwrap();
            assert!(found(root).is_some(), "{path} leads elsewhere");
            fs::remove_file(&path).unwrap();
            std::os::unix::fs::symlink(target, &path).unwrap();
        }
    }
    assert_eq!(found(root), None, "the damage was undone");
}

#[test]
fn exchanged_files_are_found() {
    let fixture = small();
    let root = fixture.store.root();
    for area in ["store/objects", "store/blobs", "store/publications", "public/preprod/.by-hash"] {
        let files: Vec<_> =
            promised(root).into_iter().filter(|path| path.starts_with(root.join(area))).collect();
        for pair in files.windows(2) {
            let (first, second) = (fs::read(&pair[0]).unwrap(), fs::read(&pair[1]).unwrap());
            overwrite(&pair[0], &second);
            overwrite(&pair[1], &first);
            assert!(found(root).is_some(), "{} and {}", pair[0], pair[1]);
            overwrite(&pair[0], &first);
            overwrite(&pair[1], &second);
        }
    }
    assert_eq!(found(root), None, "the damage was undone");
}

#[test]
fn a_shortened_history_is_whole_and_its_end_is_guarded() {
    let fixture = small();
    let store = &fixture.store;
    let options = repo_store::maintenance::gc::GcOptions {
        grace: jiff::SignedDuration::ZERO,
        keep_history: [(fixture.preprod.name.clone(), repo_store::history::KeepHistory::States(1))].into(),
    };
    store.delete_tag(&fixture.preprod.name, &TagName::parse("first").unwrap(), &context(2000)).unwrap();
    for round in 1..4 {
        store.collect_garbage(&options, &context(10_000 * round)).unwrap();
        assert_eq!(lines(&check(store)), [""; 0], "round {round}");
    }
    assert!(store.resolve(&fixture.preprod.name, "1").is_err(), "something was collected");
    let end = store.root().join("store/history/preprod");
    let bytes = fs::read(&end).unwrap();
    for position in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[position] ^= 1 << (position % 8);
        overwrite(&end, &changed);
        assert!(!check(store).is_clean(), "byte {position}");
    }
    let report = repair(store, &[]);
    assert_eq!(lines(&report.remaining), [""; 0]);
    assert_eq!(store.history(&fixture.preprod.name).map(Result::unwrap).count(), 1);
}

/// What a reference, a tag or the end of a history can turn into, up to its whole directory.
#[test]
fn no_damage_to_a_reference_ends_the_check() {
    let fixture = small();
    let (store, root) = (&fixture.store, fixture.store.root());
    let options = repo_store::maintenance::gc::GcOptions {
        grace: jiff::SignedDuration::ZERO,
        keep_history: [(fixture.preprod.name.clone(), repo_store::history::KeepHistory::States(1))].into(),
    };
    store.collect_garbage(&options, &context(10_000)).unwrap();
    assert_eq!(lines(&check(store)), [""; 0]);
    let backup = root.parent().unwrap().join("backup");
    copy_tree(root, &backup);
    let whole = root.parent().unwrap().join("whole");
    for path in [
        "store/tags/preprod/first",
        "store/tags/preprod",
        "store/tags",
        "store/history/preprod",
        "store/history",
        "store/refs/preprod",
        "store/refs",
        "store/publications/preprod",
        "store/publications",
        "store/ops/log",
        "store/ops",
        "public/preprod/dists",
        "public/preprod",
        "public",
    ] {
        fs::rename(root.join(path), &whole).unwrap();
        for turned_into in ["nothing", "an empty file", "noise", "a directory", "a link"] {
            let place = root.join(path);
            match turned_into {
                "an empty file" => fs::write(&place, "").unwrap(),
                "noise" => fs::write(&place, b"\xff\0\n\xfe not what was written").unwrap(),
                "a directory" => fs::create_dir(&place).unwrap(),
                "a link" => std::os::unix::fs::symlink("/nowhere", &place).unwrap(),
                _ => {}
            }
            let moment = format!("{path} is {turned_into}");
            let report = store.fsck(&FsckOptions::default(), &context(20_000));
            let report = report.unwrap_or_else(|error| panic!("{moment}: {error}"));
            let expected = Utf8Path::new(path);
            let named = |problem: &repo_store::maintenance::fsck::Problem| {
                problem.path.starts_with(expected) || expected.starts_with(&problem.path)
            };
            // Without its end a history is as long as its states are there, and here all are still.
            let is_no_loss = path.starts_with("store/history")
                && ["nothing", "a directory", "a link"].contains(&turned_into);
            assert!(is_no_loss || report.problems.iter().any(named), "{moment}: {:?}", lines(&report));
            if place.is_dir() && !place.is_symlink() {
                fs::remove_dir(&place).unwrap();
            } else if turned_into != "nothing" {
                fs::remove_file(&place).unwrap();
            }
        }
        fs::rename(&whole, root.join(path)).unwrap();
    }
    assert_eq!(lines(&check(store)), [""; 0], "the damage was undone");
}

#[test]
fn a_report_names_the_file_and_whom_it_affects() {
    let fixture = small();
    let store = &fixture.store;
    let head = store.head(&fixture.preprod.name).unwrap().unwrap();
    let record = head.records(&crate::fixture::suite("trixie")).unwrap().remove(1);
    let blob = store.blob_path(record.blob()).unwrap();
    overwrite(&blob, b"damaged");
    let report = check(store);
    let [pool, problem] = report.problems.as_slice() else { panic!("{report:?}") };
    assert_eq!(pool.path, "public/preprod/pool/main/h/hello/hello_1.1_amd64.deb");
    assert_eq!(pool.what, "it is a hard link to a damaged package file");
    assert_eq!(store.root().join(&problem.path), blob);
    assert_eq!(problem.kind, ProblemKind::Damaged);
    let affects: Vec<String> = problem.affects.iter().map(ToString::to_string).collect();
    assert_eq!(affects, ["preprod trixie hello 1.1 amd64"]);
}

#[test]
fn a_signature_that_clients_refuse_is_found() {
    let fixture = small();
    let verify = |keyring: &Keyring, suite: SignedSuite<'_>| {
        let now = std::time::SystemTime::now();
        keyring.verify_inline(suite.in_release, now)?;
        keyring.verify_detached(suite.release, suite.release_gpg, now).map(drop)
    };
    let kinds = |keyring: Keyring| {
        let check = |suite: SignedSuite<'_>| verify(&keyring, suite);
        let options = FsckOptions { signatures: Some(&check), ..FsckOptions::default() };
        let report = fixture.store.fsck(&options, &context(1000)).unwrap();
        report.problems.iter().map(|problem| problem.kind).collect::<Vec<_>>()
    };
    let other = Keyring::new(vec![secret_key().certificate()]);
    assert_eq!(kinds(other), [ProblemKind::Signature]);
    let key = secret_key();
    let own = Keyring::new(vec![key.certificate()]);
    let file = fixture.package("hello", "2.0", "amd64", "c");
    fixture.add(&[file]);
    publish_with_other_keys(&fixture, &OpenPgpSigner::new(vec![key]).unwrap(), 500);
    assert_eq!(kinds(own), []);
}

#[test]
fn modes_are_found_and_enforced() {
    let fixture = small();
    let root = fixture.store.root();
    for path in everything_below(root) {
        let metadata = path.symlink_metadata().unwrap();
        let relative = path.strip_prefix(root).unwrap();
        if !metadata.is_symlink() && !relative.starts_with("store/tmp") {
            fs::set_permissions(&path, fs::Permissions::from_mode(metadata.mode() & 0o700 | 0o022)).unwrap();
        }
    }
    let problems = check(&fixture.store).problems;
    assert!(problems.len() > 30 && problems.iter().all(|p| p.kind == ProblemKind::Mode), "{problems:?}");
    let report = repair(&fixture.store, &[]);
    assert_eq!(report.repaired.len(), problems.len());
    assert_eq!(lines(&report.remaining), [""; 0]);
}

/// A copy that shares no inode, with the times kept.
fn copy_tree(from: &Utf8Path, to: &Utf8Path) {
    let status = std::process::Command::new("cp").args(["-a", from.as_str(), to.as_str()]).status().unwrap();
    assert!(status.success());
}

#[test]
fn a_true_copy_puts_any_file_right() {
    let fixture = small();
    let root = fixture.store.root();
    let backup = root.parent().unwrap().join("backup");
    copy_tree(root, &backup);
    for path in promised(root) {
        if path.ends_with("store/format") {
            // A store without it cannot be opened, and the documentation says what is in it.
            continue;
        }
        let before = fs::read(&path).unwrap();
        let modified = fs::metadata(&path).unwrap().mtime();
        for damage in ["flip", "delete"] {
            if damage == "delete" && path.starts_with(root.join("store/manifests")) {
                // It is made again when it is needed.
                continue;
            }
            if damage == "flip" {
                let mut bytes = before.clone();
                bytes[before.len() / 2] ^= 4;
                overwrite(&path, &bytes);
            } else {
                fs::remove_file(&path).unwrap();
            }
            let report = repair(&fixture.store, std::slice::from_ref(&backup));
            assert_eq!(lines(&report.remaining), [""; 0], "{path} {damage}");
            assert!(!report.repaired.is_empty());
            assert!(fs::read(&path).unwrap() == before, "{path} {damage}");
            if path.starts_with(root.join("public")) {
                assert_eq!(fs::metadata(&path).unwrap().mtime(), modified, "{path} {damage}");
            }
        }
    }
    let head = fixture.store.head(&fixture.preprod.name).unwrap().unwrap();
    for record in head.records(&crate::fixture::suite("trixie")).unwrap() {
        let blob = fs::metadata(fixture.store.blob_path(record.blob()).unwrap()).unwrap();
        let pool = fixture.store.public(&fixture.preprod.name).join(record.pool_path().unwrap());
        assert_eq!(fs::metadata(pool).unwrap().ino(), blob.ino(), "the pool holds the new file");
    }
}

#[test]
fn a_directory_of_packages_is_enough_for_a_package_file() {
    let fixture = small();
    let store = &fixture.store;
    let packages = store.root().parent().unwrap().to_owned();
    for blob in everything_below(&store.root().join("store/blobs")) {
        if blob.is_file() {
            overwrite(&blob, b"gone");
        }
    }
    assert!(!repair(store, &[]).remaining.is_clean(), "a hard link is no true copy");
    let report = repair(store, &[packages]);
    assert_eq!(lines(&report.remaining), [""; 0]);
    assert!(
        store.root().join("store/damaged").read_dir_utf8().unwrap().count() >= 2,
        "nothing is thrown away"
    );
}

#[test]
fn what_the_store_has_twice_needs_no_backup() {
    let fixture = small();
    let root = fixture.store.root();
    let public = fixture.store.public(&fixture.preprod.name);
    let dists = fs::read_link(public.join("dists")).unwrap();
    fs::remove_dir_all(public.join("pool")).unwrap();
    fs::remove_dir_all(public.join(".by-hash")).unwrap();
    fs::remove_dir_all(public.join("snapshot")).unwrap();
    fs::remove_file(public.join("dists")).unwrap();
    fs::remove_file(root.join("store/refs/preprod")).unwrap();
    let report = repair(&fixture.store, &[]);
    assert_eq!(lines(&report.remaining), [""; 0]);
    assert_eq!(fs::read_link(public.join("dists")).unwrap(), dists);

    fs::write(root.join("store/ops/log"), "").unwrap();
    assert_eq!(lines(&check(&fixture.store)).len(), 1);
    let report = repair(&fixture.store, &[]);
    assert_eq!(lines(&report.remaining), [""; 0]);
    let operations = fixture.store.operations().unwrap();
    // Those of the commits and of what clients saw come back, in their order.
    let words: Vec<_> = operations
        .iter()
        .map(|entry| entry.operation.to_string().split(' ').next().unwrap().to_owned())
        .collect();
    assert_eq!(words, ["add", "publish", "add", "publish"], "{operations:?}");
    assert_eq!(operations[0].operation.to_string(), "add hello 1.0 amd64");
}

#[test]
fn one_repair_brings_back_a_history_that_lost_every_object_and_file() {
    let fixture = small();
    let root = fixture.store.root().to_owned();
    let backup = root.parent().unwrap().join("backup");
    let _ = fixture.store.backup(&backup, &context(500)).unwrap();
    for area in ["objects", "blobs"] {
        let area = root.join("store").join(area);
        for file in everything_below(&area).iter().filter(|file| !file.is_dir()) {
            fs::remove_file(file).unwrap();
        }
    }
    fs::remove_dir_all(root.join("public/preprod/pool")).unwrap();
    assert!(!check(&fixture.store).is_clean());
    let report = repair(&fixture.store, &[backup]);
    assert_eq!(lines(&report.remaining), [""; 0]);
    assert_eq!(lines(&check(&fixture.store)), [""; 0]);
}

#[test]
fn an_index_that_cannot_be_made_again_is_rendered_by_the_next_publication() {
    let (fixture, signer) = (small(), signer());
    let shown = |seconds| publish(&fixture, &signer, seconds).publication;
    // It comes last in the index and first in the records: without the other form nothing tells the order.
    fixture.add(&[fixture.package("hello", "0.9", "amd64", "0.9")]);
    assert!(publish_with_other_keys(&fixture, &signer, 400).publication.is_some());
    for ending in ["xz", "gz"] {
        let index = format!("dists/trixie/main/binary-amd64/Packages.{ending}");
        let index = fixture.store.public(&fixture.preprod.name).join(index);
        let mut bytes = fs::read(&index).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0x55;
        overwrite(&index, &bytes);
    }
    assert_eq!(shown(500), None, "nothing says that it is damaged");

    let report = repair(&fixture.store, &[]);
    assert!(!report.remaining.is_clean());
    assert_eq!(report.withdrawn, [], "clients see it");
    assert!(shown(600).is_some());
    assert_eq!(visible(&fixture, "trixie"), ["hello 0.9", "hello 1.0", "hello 1.1"]);
    assert_indices_are_as_signed(&fixture, "trixie");
    assert_eq!(shown(700), None, "it is whole");
}

/// The first publication of a repository has its tree and its record before clients are led to it.
#[test]
fn a_first_publication_that_is_being_made_is_no_damage() {
    let fixture = small();
    fs::remove_file(fixture.store.root().join("public/preprod/dists")).unwrap();
    let check = || fixture.store.fsck(&FsckOptions::default(), &context(100)).unwrap();
    let lock = fs::File::create(fixture.store.root().join("store/locks/publish.preprod")).unwrap();
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive).unwrap();
    let running = check();
    let told: Vec<_> = running.problems.iter().filter(|problem| problem.path.ends_with("dists")).collect();
    assert!(told.is_empty(), "{told:?}");
    assert_eq!(running.notes, ["preprod: clients find nothing, and a publish is running"]);
    // A process that another test is just starting may have the file open for a moment longer.
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::Unlock).unwrap();
    let left = check();
    assert!(left.problems.iter().any(|problem| problem.path.ends_with("dists")), "{left:?}");
}
