//! Damage in what clients no longer see is mended or withdrawn, and what they see stays as it is.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};
use repo_store::maintenance::fsck::{FsckOptions, Problem, RepairReport, Withdrawn};
use repo_store::model::{PublicationId, TagName};
use repo_store::{PublishOptions, RepositoryName, Store};

use crate::fixture::{Fixture, context, everything_below, overwrite, publish, settings, signer};
use crate::planned_repairs::repaired_as_planned;
use crate::publishing::{assert_indices_are_as_signed, visible, visible_below};

/// Three publications with an index of a package's files, the first of them with a tag. The second one has an index whose order is not
/// that of the records.
fn three() -> (Fixture, apt_sign::OpenPgpSigner, Vec<PublicationId>) {
    let (mut fixture, signer) = (Fixture::in_memory(), signer());
    fixture.preprod = settings("preprod", &["trixie"]);
    fixture.preprod.contents = true;
    fixture.preprod.origin = Some("Example".to_owned());
    fixture.preprod.suites[0].architectures.truncate(1);
    let mut ids = Vec::new();
    for (seconds, (name, version)) in
        [("world", "1.0"), ("hello", "1.0"), ("world", "1.1")].iter().enumerate()
    {
        let seconds = i64::try_from(seconds).unwrap() * 60;
        fixture.add(&[fixture.package(name, version, "amd64", version)]);
        ids.extend(publish(&fixture, &signer, seconds).publication);
    }
    let first = fixture.store.resolve(&fixture.preprod.name, "1").unwrap();
    fixture.store.tag(&first, &tag(), &context(200)).unwrap();
    (fixture, signer, ids)
}

fn tag() -> TagName {
    TagName::parse("first").unwrap()
}

fn repair(store: &Store) -> RepairReport {
    repaired_as_planned(store, &FsckOptions::default(), &[], &context(1000))
}

fn lines(problems: &[Problem]) -> Vec<String> {
    problems.iter().map(ToString::to_string).collect()
}

fn assert_clean(store: &Store) {
    let report = store.fsck(&FsckOptions::default(), &context(1000)).unwrap();
    assert_eq!(lines(&report.problems), [""; 0]);
}

fn public(store: &Store) -> Utf8PathBuf {
    store.public(&RepositoryName::parse("preprod").unwrap())
}

/// A copy of a store with the hard links that it has.
fn copy_of(root: &Utf8Path, nth: usize) -> Store {
    let copy = root.parent().unwrap().join(format!("copy{nth}"));
    assert!(Command::new("cp").args(["-a", root.as_str(), copy.as_str()]).status().unwrap().success());
    Store::open(&copy).unwrap()
}

/// What belongs to other publications than the one with this id: files, and links that are no directories.
fn of_older(store: &Store, current: PublicationId) -> Vec<Utf8PathBuf> {
    let public = public(store);
    let inode = |path: &Utf8PathBuf| {
        use std::os::unix::fs::MetadataExt as _;
        path.symlink_metadata().unwrap().ino()
    };
    let current = everything_below(&public.join(".publications").join(current.to_string()));
    let shown: BTreeSet<u64> = current.iter().map(inode).collect();
    let areas = [".publications", "snapshot", ".by-hash"].map(|area| everything_below(&public.join(area)));
    let mut older: Vec<Utf8PathBuf> = areas.into_iter().flatten().collect();
    older.retain(|path| {
        let is_current = path.as_str().contains(&ids_name(&current));
        !path.symlink_metadata().unwrap().is_dir() && !shown.contains(&inode(path)) && !is_current
    });
    older
}

/// The id in the path of the first of some files of a publication.
fn ids_name(files: &[Utf8PathBuf]) -> String {
    let path = files.first().unwrap();
    path.iter().find(|name| PublicationId::parse(name).is_some()).unwrap().to_owned()
}

fn flip(path: &Utf8Path) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    overwrite(path, &bytes);
}

#[test]
fn whatever_is_damaged_of_an_older_publication_a_repair_leaves_nothing_to_be_done() {
    let (fixture, _, ids) = three();
    let root = fixture.store.root();
    let older = of_older(&fixture.store, ids[2]);
    assert!(older.len() > 25, "{older:?}");
    let mut withdrawn = BTreeSet::new();
    for (nth, path) in older.iter().enumerate() {
        let relative = path.strip_prefix(root).unwrap();
        let is_file = path.symlink_metadata().unwrap().is_file();
        for (way, name) in ["flipped", "gone", "a directory", "elsewhere"].iter().enumerate() {
            if way == 0 && (!is_file || fs::metadata(path).unwrap().len() == 0) {
                continue;
            }
            let store = copy_of(root, nth * 4 + way);
            let damaged = store.root().join(relative);
            match way {
                0 => flip(&damaged),
                _ => fs::remove_file(&damaged).unwrap(),
            }
            match way {
                2 => fs::create_dir(&damaged).unwrap(),
                3 => std::os::unix::fs::symlink("nowhere", &damaged).unwrap(),
                _ => {}
            }
            let report = repair(&store);
            assert_eq!(lines(&report.remaining.problems), [""; 0], "{relative} is {name}");
            assert_clean(&store);
            let shown = public(&store).join("dists").read_link_utf8().unwrap();
            assert_eq!(shown, format!(".publications/{}/dists", ids[2]), "{relative} is {name}");
            for path in everything_below(&public(&store)) {
                assert!(path.exists(), "{path} leads nowhere after {relative} is {name}");
            }
            for of in report.withdrawn {
                assert_ne!(of.publication, ids[2]);
                withdrawn.insert(relative.file_name().unwrap().to_owned());
            }
            fs::remove_dir_all(store.root()).unwrap();
        }
    }
    let lost: Vec<&str> = withdrawn.iter().map(String::as_str).collect();
    assert_eq!(lost, ["InRelease", "Release", "Release.gpg"], "the rest is made again");
}

#[test]
fn every_form_of_an_index_comes_back_when_another_form_or_the_records_tell_its_text() {
    let (fixture, _, ids) = three();
    let directory = public(&fixture.store).join(".publications").join(ids[0].to_string());
    let names = ["Packages.xz", "Packages.gz", "Release"];
    let files = names.map(|name| directory.join("dists/trixie/main/binary-amd64").join(name));
    let before = files.each_ref().map(|file| fs::read(file).unwrap());
    files.iter().for_each(|file| flip(file));
    let report = repair(&fixture.store);
    assert_eq!(report.withdrawn, []);
    assert_eq!(files.each_ref().map(|file| fs::read(file).unwrap()), before);
    assert_clean(&fixture.store);
    assert_eq!(visible_below(&fixture, "snapshot/first/dists", "trixie"), ["world 1.0"]);
}

#[test]
fn an_index_of_which_nothing_tells_the_order_takes_its_publication_away() {
    let (fixture, signer, ids) = three();
    let directory = public(&fixture.store).join(".publications").join(ids[1].to_string());
    for name in ["Packages.xz", "Packages.gz"] {
        flip(&directory.join("dists/trixie/main/binary-amd64").join(name));
    }
    let report = repair(&fixture.store);
    let gone = Withdrawn { repository: fixture.preprod.name.clone(), publication: ids[1], tags: Vec::new() };
    assert_eq!(report.withdrawn, [gone]);
    assert!(
        !directory.exists() && !public(&fixture.store).join("snapshot").join(ids[1].to_string()).exists()
    );
    assert_clean(&fixture.store);
    assert_eq!(publish(&fixture, &signer, 2000).publication, None, "clients see the same");
    // What was moved away is not thrown away.
    let aside = everything_below(&fixture.store.root().join("store/damaged"));
    assert!(aside.iter().any(|path| path.file_name() == Some("InRelease")), "{aside:?}");
}

#[test]
fn a_tag_whose_publication_was_withdrawn_is_published_by_signing_again() {
    let (fixture, signer, ids) = three();
    let link = public(&fixture.store).join("snapshot/first");
    flip(&link.join("dists/trixie/InRelease"));
    let report = repair(&fixture.store);
    assert_eq!(report.withdrawn.len(), 1);
    assert_eq!((report.withdrawn[0].publication, &report.withdrawn[0].tags), (ids[0], &vec![(tag(), None)]));
    assert!(link.symlink_metadata().is_err(), "it leads nowhere");
    assert_clean(&fixture.store);
    let options = PublishOptions::default();
    let again = fixture.store.sign_again(&fixture.preprod, &signer, options, &context(900)).unwrap();
    assert_eq!(again.signed_tags, [tag()]);
    assert_eq!(visible_below(&fixture, "snapshot/first/dists", "trixie"), ["world 1.0"]);
    assert_eq!(visible(&fixture, "trixie"), ["hello 1.0", "world 1.0", "world 1.1"]);
    assert_clean(&fixture.store);
}

#[test]
fn a_repair_that_may_sign_leaves_every_tag_published_and_clients_where_they_were() {
    let (fixture, signer, ids) = three();
    let link = public(&fixture.store).join("snapshot/first");
    flip(&link.join("dists/trixie/Release.gpg"));
    let sign_tags = |_: &RepositoryName, tags: &[TagName]| {
        fixture.store.sign_tags_again(&fixture.preprod, tags, &signer, &context(1000)).unwrap() == tags
    };
    let options = FsckOptions { sign_tags: Some(&sign_tags), ..FsckOptions::default() };
    let report = repaired_as_planned(&fixture.store, &options, &[], &context(1000));
    assert_eq!(lines(&report.remaining.problems), [""; 0]);
    let [Withdrawn { publication, tags, .. }] = report.withdrawn.as_slice() else { panic!("{report:?}") };
    assert_eq!(*publication, ids[0]);
    assert_eq!(tags[0].1.unwrap().to_string(), link.read_link_utf8().unwrap());
    assert_eq!(visible_below(&fixture, "snapshot/first/dists", "trixie"), ["world 1.0"]);
    let shown = public(&fixture.store).join("dists").read_link_utf8().unwrap();
    assert_eq!(shown, format!(".publications/{}/dists", ids[2]));
    assert_clean(&fixture.store);
    assert_eq!(publish(&fixture, &signer, 2000).publication, None, "clients see the same");
    assert_indices_are_as_signed(&fixture, "trixie");
    assert_clean(&fixture.store);
}

#[test]
fn what_clients_see_is_never_withdrawn() {
    let (fixture, signer, ids) = three();
    let directory = public(&fixture.store).join(".publications").join(ids[2].to_string());
    flip(&directory.join("dists/trixie/InRelease"));
    let report = repair(&fixture.store);
    assert_eq!(report.withdrawn, []);
    assert!(!report.remaining.is_clean());
    assert!(publish(&fixture, &signer, 2000).publication.is_some());
    assert_indices_are_as_signed(&fixture, "trixie");
    // It is an older publication by now.
    let report = fixture.store.repair(&FsckOptions::default(), &[], &context(2100)).unwrap();
    assert_eq!(report.withdrawn.iter().map(|of| of.publication).collect::<Vec<_>>(), [ids[2]]);
    assert!(report.remaining.is_clean());
}

#[test]
fn patches_of_an_older_publication_are_made_again() {
    let (mut fixture, signer) = (Fixture::in_memory(), signer());
    fixture.preprod = settings("preprod", &["trixie"]);
    fixture.preprod.pdiffs = 4;
    fixture.preprod.pdiffs_from = 64 << 10;
    let mut state = 1_u64;
    let mut noise = || {
        let mut line = String::from(" ");
        while line.len() < 30_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            line.push_str(&format!("{state:016x}"));
        }
        line
    };
    let mut ids = Vec::new();
    for number in 0..5 {
        let count = if number == 0 { 12 } else { 1 };
        let files: Vec<_> = (0..count)
            .map(|nth| {
                let bytes = deb_parse::deb::Builder::new(
                    deb_parse::PackageName::parse(&format!("p{number}-{nth}")).unwrap(),
                    deb_parse::Version::parse("1.0").unwrap(),
                    deb_parse::Architecture::parse("amd64").unwrap(),
                )
                .description(format!("large\n{}", noise()))
                .build()
                .unwrap();
                fixture.file(&format!("p{number}-{nth}.deb"), &bytes)
            })
            .collect();
        fixture.add(&files);
        ids.extend(publish(&fixture, &signer, number * 60).publication);
    }
    let directory = public(&fixture.store).join(".publications").join(ids[2].to_string());
    let patches = everything_below(&directory.join("dists/trixie/main/binary-amd64/Packages.diff"));
    let files: Vec<_> = patches.into_iter().filter(|path| path.is_file() && !path.is_symlink()).collect();
    let files: Vec<_> = files.into_iter().filter(|path| !path.as_str().contains("/by-hash/")).collect();
    assert!(files.len() >= 2, "{files:?}");
    let before: Vec<_> = files.iter().map(|file| fs::read(file).unwrap()).collect();
    files.iter().for_each(|file| flip(file));
    let report = repair(&fixture.store);
    assert_eq!(report.withdrawn, []);
    assert_eq!(files.iter().map(|file| fs::read(file).unwrap()).collect::<Vec<_>>(), before);
    assert_clean(&fixture.store);
}

#[test]
fn a_damaged_index_that_no_publication_names_and_a_foreign_file_are_moved_away() {
    let (fixture, _, ids) = three();
    let by_hash = public(&fixture.store).join(".by-hash/SHA256").join("0".repeat(64));
    let foreign = public(&fixture.store).join(".publications").join(ids[0].to_string()).join("dists/notes");
    for path in [&by_hash, &foreign] {
        fs::write(path, "x").unwrap();
        fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o444)).unwrap();
    }
    let report = repair(&fixture.store);
    assert_eq!(lines(&report.remaining.problems), [""; 0]);
    assert_eq!(report.withdrawn, []);
    assert!(!by_hash.exists() && !foreign.exists());
    assert_clean(&fixture.store);
}
