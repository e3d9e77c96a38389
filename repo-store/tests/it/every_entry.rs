//! Every file, link and directory of a published tree and of the store is missed when it goes or becomes something else.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};
use repo_store::maintenance::fsck::{FsckOptions, Problem};
use repo_store::model::TagName;
use repo_store::operations::keyring::KeyringContent;
use repo_store::{AddOptions, PublishOptions, RepositoryName, RepositorySettings, Store};

use crate::fixture::{Fixture, context, everything_below, overwrite, settings, signer, suite};
use crate::sources::lists;

/// Two repositories with a removal, a rollback, tags, a source package, patches, and a flat form.
struct Populated {
    fixture: Fixture,
    signer: apt_sign::OpenPgpSigner,
    repositories: Vec<RepositorySettings>,
}

fn populated() -> Populated {
    let (mut fixture, signer) = (Fixture::in_memory(), signer());
    let mut prod = settings("prod", &["trixie"]);
    prod.suites[0].architectures.truncate(1);
    prod.flat = Some(suite("trixie"));
    prod.suites[0].alias = Some(suite("stable"));
    fixture.preprod = settings("preprod", &["bookworm"]);
    fixture.preprod.suites[0].architectures.truncate(1);
    fixture.preprod.contents = true;
    fixture.preprod.pdiffs = 2;
    fixture.preprod.pdiffs_from = 1;
    let repositories = vec![fixture.preprod.clone(), prod.clone()];
    let store = &fixture.store;
    let publish = |of: &RepositorySettings, seconds| {
        store.publish_with(of, &signer, PublishOptions::default(), &context(seconds)).unwrap()
    };
    let add = |of: &RepositorySettings, files: &[Utf8PathBuf], seconds| {
        let report = store.add(of, files, &AddOptions::default(), &context(seconds)).unwrap();
        report.into_result().unwrap();
        publish(of, seconds);
    };
    let many: Vec<_> =
        (0..4).map(|number| fixture.package(&format!("many{number}"), "1", "amd64", "m")).collect();
    add(&repositories[0], &many, 0);
    let upload = native_source(&fixture);
    add(&repositories[0], &[fixture.package("hello", "1.0", "amd64", "h"), upload], 60);
    add(&repositories[0], &[fixture.package("hello", "1.1", "amd64", "i")], 120);
    add(&prod, &[fixture.package("shop", "1.0", "amd64", "s")], 130);
    let tag = |of: &RepositorySettings, name: &str, state: &str, seconds| {
        let state = store.resolve(&of.name, state).unwrap();
        store.tag(&state, &TagName::parse(name).unwrap(), &context(seconds)).unwrap();
    };
    tag(&prod, "opening", "1", 135);
    tag(&repositories[0], "early", "1", 136);
    add(&prod, &[fixture.package("shop", "1.1", "amd64", "t")], 140);
    let first = store.resolve(&prod.name, "1").unwrap();
    store.plan_rollback(&first, &[]).unwrap().apply(store, &context(150)).unwrap();
    publish(&prod, 150);
    let certificate = crate::fixture::secret_key().certificate();
    let binary = apt_sign::Keyring::new(vec![certificate.clone()]).binary().unwrap();
    let keys = [certificate.fingerprint()];
    let content = KeyringContent { binary: &binary, keys: &keys };
    store.add_keyring(&prod, content, &context(160)).unwrap();
    publish(&prod, 160);
    Populated { fixture, signer, repositories }
}

/// The upload of a source package, with the record of its build.
fn native_source(fixture: &Fixture) -> Utf8PathBuf {
    use deb_parse::checksum::Sha256;
    let tarball = b"a tarball";
    fixture.file("tool_1.0.tar.xz", tarball);
    let (size, sha256) = (tarball.len(), Sha256::of(tarball));
    let text = format!(
        "Format: 3.0 (native)\nSource: tool\nBinary: tool\nArchitecture: any\nVersion: 1.0\n\
         Maintainer: Test <test@example.org>\nChecksums-Sha256:\n {sha256} {size} tool_1.0.tar.xz\n"
    );
    let dsc = fixture.file("tool_1.0.dsc", text.as_bytes());
    let directory = dsc.parent().unwrap();
    let head = "Source: tool\nVersion: 1.0\nArchitecture: source\n";
    let info = format!("Format: 1.0\n{head}{}", lists(directory, &["tool_1.0.dsc"], ""));
    fixture.file("tool_1.0_source.buildinfo", info.split("Files:").next().unwrap().as_bytes());
    let all = ["tool_1.0.dsc", "tool_1.0.tar.xz", "tool_1.0_source.buildinfo"];
    let changes = format!("Format: 1.8\n{head}{}", lists(directory, &all, "misc optional "));
    fixture.file("tool_1.0_source.changes", changes.as_bytes())
}

fn lines(problems: &[Problem]) -> Vec<String> {
    problems.iter().map(ToString::to_string).collect()
}

/// Everything that a check answers for, from the root.
fn answered_for(root: &Utf8Path) -> Vec<Utf8PathBuf> {
    // What may be lost at any time, and what the store finds again by itself.
    let outside = ["locks", "tmp", "cache", "damaged", "trash", "manifests"];
    let mut all = everything_below(&root.join("public"));
    all.extend(everything_below(&root.join("store")));
    all.retain(|path| {
        let relative = path.strip_prefix(root.join("store")).unwrap_or(Utf8Path::new(""));
        !outside.iter().any(|area| relative.starts_with(area))
    });
    let relative = all.iter().map(|path| path.strip_prefix(root).unwrap().to_owned());
    relative.collect()
}

/// What others do to an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Flipped,
    Gone,
    Directory,
    Link,
    File,
}

const WAYS: [Way; 5] = [Way::Flipped, Way::Gone, Way::Directory, Way::Link, Way::File];

/// Returns whether that makes a difference.
fn damage(path: &Utf8Path, way: Way) -> bool {
    let found = path.symlink_metadata().unwrap();
    match way {
        Way::Flipped if !found.is_file() || found.len() == 0 => return false,
        Way::Directory if found.is_dir() => return false,
        Way::Flipped => {
            let mut bytes = fs::read(path).unwrap();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 0x10;
            overwrite(path, &bytes);
            return true;
        }
        _ if found.is_dir() => fs::remove_dir_all(path).unwrap(),
        _ => fs::remove_file(path).unwrap(),
    }
    match way {
        Way::Directory => fs::create_dir(path).unwrap(),
        Way::Link => symlink("nowhere", path).unwrap(),
        Way::File => fs::write(path, "x").unwrap(),
        Way::Flipped | Way::Gone => {}
    }
    true
}

/// Whether nothing else in the store tells what lay there.
fn is_lost(root: &Utf8Path, relative: &Utf8Path, way: Way) -> bool {
    let is_directory = root.join(relative).symlink_metadata().unwrap().is_dir();
    let in_pool =
        matches!(relative.iter().nth(2), Some("pool" | "buildinfo")) && relative.extension().is_some();
    // Such a file is the blob itself, so its bytes are lost with it.
    (way == Way::Flipped && (in_pool || relative.starts_with("store/blobs")))
        || relative.starts_with("store/objects")
        || relative.starts_with("store/keyrings")
        || relative == "store/format"
        // A link or a file where a directory belongs is for a person to look at.
        || (is_directory && relative.starts_with("public") && matches!(way, Way::Link | Way::File))
}

#[test]
fn whatever_goes_or_is_replaced_is_named_and_mended_or_said_to_be_lost() {
    let populated = populated();
    let root = populated.fixture.store.root();
    assert_eq!(problems(&populated.fixture.store), [""; 0]);
    let all = answered_for(root);
    assert!(all.len() > 350, "{}", all.len());
    let cases: Vec<(&Utf8PathBuf, Way)> = all.iter().flat_map(|path| WAYS.map(|way| (path, way))).collect();
    // All of them take minutes: each day others are looked at, and all when that is asked for.
    let is_exhaustive = std::env::var_os("REPO_TEST_EXHAUSTIVE").is_some_and(|value| value == "1");
    let day = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() / 86400;
    let step = if is_exhaustive { 1 } else { 31 };
    let first = usize::try_from(day).unwrap() % step;
    for (nth, (relative, way)) in cases.iter().enumerate().skip(first).step_by(step) {
        populated.look_at(relative, *way, nth);
    }
}

#[test]
fn every_archive_root_and_every_link_in_it_is_missed_and_made_again() {
    let populated = populated();
    let root = populated.fixture.store.root();
    let mut looked_at = 0;
    for (nth, relative) in answered_for(root).iter().enumerate() {
        let is_below_snapshot = relative.iter().nth(2) == Some("snapshot");
        let is_at_the_root = relative.starts_with("public") && relative.components().count() == 3;
        // What was replaced is looked at in turn, with everything else.
        if is_below_snapshot || is_at_the_root {
            populated.look_at(relative, Way::Gone, nth);
            looked_at += 1;
        }
    }
    assert!(looked_at > 30, "{looked_at}");
}

#[test]
fn a_publication_makes_archive_roots_and_tags_again_that_went() {
    for is_emptied in [false, true] {
        let Populated { fixture, signer, repositories } = populated();
        for of in &repositories {
            let snapshots = fixture.store.public(&of.name).join("snapshot");
            let before = everything_below(&snapshots);
            if is_emptied {
                fs::remove_dir_all(&snapshots).unwrap();
                fs::create_dir(&snapshots).unwrap();
            } else {
                // The current one is the last, the tag comes behind the publications.
                let first = snapshots.read_dir_utf8().unwrap().map(|entry| entry.unwrap().into_path());
                let first = first.filter(|path| !path.is_symlink()).min().unwrap();
                fs::remove_dir_all(first).unwrap();
            }
            let report = fixture.store.publish(of, &signer, &context(1500)).unwrap();
            assert!(report.restored >= 2, "{report:?}");
            let after = everything_below(&snapshots);
            assert!(before.iter().all(|path| after.contains(path) && path.exists()), "{before:?} {after:?}");
        }
        assert_eq!(problems(&fixture.store), [""; 0]);
    }
}

/// The problems of a store, in words.
fn problems(store: &Store) -> Vec<String> {
    let report = store.fsck(&FsckOptions::default(), &context(2100)).unwrap();
    report.problems.iter().map(ToString::to_string).collect()
}

impl Populated {
    /// Damages an entry of a copy of the store: a check names it, a repair mends it or says what is lost, and clients find everything.
    fn look_at(&self, relative: &Utf8Path, way: Way, nth: usize) {
        let root = self.fixture.store.root();
        let copy = root.with_file_name(format!("copy{nth}{way:?}"));
        assert!(Command::new("cp").args(["-a", root.as_str(), copy.as_str()]).status().unwrap().success());
        if damage(&copy.join(relative), way) {
            // A store without its format is not opened.
            if let Ok(store) = Store::open(&copy) {
                self.check(&store, relative, way, is_lost(root, relative, way));
            } else {
                assert!(relative.starts_with("store/format"), "{relative} {way:?}");
            }
        }
        fs::remove_dir_all(&copy).unwrap();
    }

    fn check(&self, store: &Store, relative: &Utf8Path, way: Way, is_lost: bool) {
        let report = store.fsck(&FsckOptions::default(), &context(1000)).unwrap();
        let is_named = |problem: &Problem| {
            !problem.what.is_empty()
                && (problem.path.starts_with(relative) || relative.starts_with(&problem.path))
        };
        // An object that only an older state needs may stand for the history that ends there.
        assert!(report.problems.iter().any(is_named), "{relative} {way:?}: {:?}", lines(&report.problems));
        let publish = |name: &RepositoryName| {
            let of = self.repositories.iter().find(|of| of.name == *name).unwrap();
            store.publish(of, &self.signer, &context(1000)).is_ok()
        };
        let options = FsckOptions { publish: Some(&publish), ..FsckOptions::default() };
        let repaired = store.repair(&options, &[], &context(1000));
        if is_lost {
            // It is told, or mended after all.
            let told = repaired.as_ref().map_or(1, |report| report.remaining.problems.len());
            assert_eq!(told == 0, problems(store).is_empty(), "{relative} {way:?}");
            return;
        }
        let remaining = repaired.unwrap().remaining.problems;
        assert_eq!(lines(&remaining), [""; 0], "{relative} {way:?}");
        assert_eq!(problems(store), [""; 0], "{relative} {way:?}");
        for of in &self.repositories {
            store.publish(of, &self.signer, &context(2000)).unwrap();
        }
        assert_eq!(problems(store), [""; 0], "{relative} {way:?}");
        for path in everything_below(&store.root().join("public")) {
            assert!(path.exists(), "{path} leads nowhere after {relative} {way:?}");
        }
    }
}

#[test]
fn a_patch_that_leads_elsewhere_is_found_and_goes() {
    let Populated { fixture, signer, repositories } = populated();
    let store = &fixture.store;
    let of = &repositories[0];
    let public = store.public(&of.name);
    let shown = public.join("dists").read_link_utf8().unwrap();
    let id = shown.parent().unwrap().file_name().unwrap().to_owned();
    let record = store.root().join("store/publications/preprod").join(&id);
    let text = fs::read_to_string(&record).unwrap();
    let line = text.lines().skip_while(|line| *line != "Diff-Patches:").nth(1).unwrap().to_owned();
    let [name, size, digest] = line.trim().split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
    let forged = {
        use std::io::Write as _;
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(b"0a\nPackage: evil\n.\n").unwrap();
        encoder.finish().unwrap()
    };
    // As if it had been signed when a part of the index was forged: the record has its digest.
    let new = deb_parse::checksum::Sha256::of(&forged);
    let content = text.rsplit_once("\nBLAKE3: ").unwrap().0;
    let content =
        content.replace(&format!("{name} {size} {digest}"), &format!("{name} {} {new}", forged.len()));
    let check = deb_parse::checksum::Blake3::of(content.as_bytes());
    overwrite(&record, format!("{content}\nBLAKE3: {check}\n").as_bytes());
    let by_hash = public.join(".by-hash/SHA256").join(new.to_string());
    let is_patch = |path: &Utf8PathBuf| {
        path.file_name() == Some(name)
            && fs::read(path).is_ok_and(|bytes| deb_parse::checksum::Sha256::of(&bytes).to_string() == digest)
    };
    let named = everything_below(&public.join(&shown)).into_iter().find(is_patch).unwrap();
    fs::write(&by_hash, &forged).unwrap();
    fs::set_permissions(&by_hash, std::os::unix::fs::PermissionsExt::from_mode(0o444)).unwrap();
    fs::remove_file(&named).unwrap();
    fs::hard_link(&by_hash, &named).unwrap();

    let report = store.fsck(&FsckOptions::default(), &context(1000)).unwrap();
    let is_it = |problem: &&Problem| problem.path.ends_with(new.to_string());
    let found = report.problems.iter().find(is_it).unwrap();
    assert_eq!(found.kind, repo_store::maintenance::fsck::ProblemKind::Forged);
    assert!(found.affects[0].current, "{found:?}");
    let sign_again =
        |_: &RepositoryName| store.sign_again(of, &signer, PublishOptions::default(), &context(1000)).is_ok();
    let options = FsckOptions { sign_again: Some(&sign_again), ..FsckOptions::default() };
    let repaired = store.repair(&options, &[], &context(1000)).unwrap();
    assert_eq!(lines(&repaired.remaining.problems), [""; 0]);
    assert!(!by_hash.exists() && !named.exists());
    assert_eq!(problems(store), [""; 0]);
}

#[test]
fn what_a_collection_that_was_killed_left_is_no_damage_and_goes_with_the_next() {
    let Populated { fixture, signer, repositories } = populated();
    let store = &fixture.store;
    let of = &repositories[0];
    let public = store.public(&of.name);
    let roots = public.join("snapshot").read_dir_utf8().unwrap().map(|entry| entry.unwrap().into_path());
    let mut roots: Vec<Utf8PathBuf> = roots.filter(|path| !path.is_symlink()).collect();
    roots.sort();
    let id = roots[1].file_name().unwrap();
    // It notes what goes, and removes the archive root before all else.
    let cache = store.root().join("store/cache");
    fs::write(cache.join("going.preprod"), format!("{id}\n")).unwrap();
    fs::remove_dir_all(&roots[1]).unwrap();
    assert_eq!(problems(store), [""; 0]);
    fs::remove_dir_all(public.join(".publications").join(id)).unwrap();
    assert_eq!(problems(store), [""; 0]);
    store.publish(of, &signer, &context(1500)).unwrap();
    assert!(!roots[1].exists(), "it does not come back");
    let options = repo_store::maintenance::gc::GcOptions {
        grace: jiff::SignedDuration::from_hours(24 * 365),
        ..Default::default()
    };
    store.collect_garbage(&options, &context(1600)).unwrap();
    assert!(!store.root().join("store/publications/preprod").join(id).exists());
    assert!(!cache.join("going.preprod").exists());
    assert_eq!(problems(store), [""; 0]);
}
