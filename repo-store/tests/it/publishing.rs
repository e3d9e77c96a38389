//! Publications: switched in one step, never rewritten without need, and always newer than the one before.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;

use camino::Utf8Path;
use deb_parse::deb822;
use repo_store::{PublishOptions, RepositorySettings};

use crate::fixture::{Fixture, context, files_below, publish, settings, signer, suite};

/// The packages and versions that a client reading the index of a suite sees.
pub(crate) fn visible(fixture: &Fixture, suite: &str) -> Vec<String> {
    visible_below(fixture, "dists", suite)
}

/// The same below another `dists` of the repository.
pub(crate) fn visible_below(fixture: &Fixture, dists: &str, suite: &str) -> Vec<String> {
    let directory = fixture.store.public(&fixture.preprod.name).join(dists).join(suite);
    let file = std::fs::read(directory.join("main/binary-amd64/Packages.gz")).unwrap();
    let mut text = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::MultiGzDecoder::new(&*file), &mut text).unwrap();
    let mut found: Vec<String> = deb822::paragraphs(&text)
        .map(|stanza| {
            let file = stanza.get_str("Filename").unwrap();
            assert!(fixture.store.public(&fixture.preprod.name).join(file).is_file(), "{file}");
            format!("{} {}", stanza.get_str("Package").unwrap(), stanza.get_str("Version").unwrap())
        })
        .collect();
    found.sort();
    found
}

fn release_field(fixture: &Fixture, suite: &str, field: &str) -> String {
    let path = fixture.store.public(&fixture.preprod.name).join("dists").join(suite).join("Release");
    let text = std::fs::read(path).unwrap();
    deb822::paragraphs(&text).next().unwrap().get_str(field).unwrap_or_default().to_owned()
}

fn modified(fixture: &Fixture, suite: &str) -> i64 {
    let path = fixture.store.public(&fixture.preprod.name).join("dists").join(suite).join("InRelease");
    std::fs::metadata(path).unwrap().mtime()
}

/// Inode and time of every file below a directory.
fn identities(directory: &Utf8Path) -> BTreeMap<String, (u64, i64)> {
    let identity = |path: &Utf8Path| {
        let metadata = std::fs::symlink_metadata(path).unwrap();
        (metadata.ino(), metadata.mtime())
    };
    files_below(directory).iter().map(|path| (path.to_string(), identity(path))).collect()
}

#[test]
fn publishing_again_without_a_change_rewrites_nothing() {
    let (fixture, signer) = (Fixture::new(), signer());
    fixture.add(&[fixture.package("hello", "1.0", "amd64", "a")]);
    assert!(publish(&fixture, &signer, 0).publication.is_some());
    let before = identities(&fixture.store.root().join("public"));
    assert_eq!(publish(&fixture, &signer, 100).publication, None);
    assert_eq!(identities(&fixture.store.root().join("public")), before);
}

#[test]
fn a_publication_hashes_what_it_lists_once() {
    let (mut fixture, signer) = (Fixture::new(), signer());
    fixture.preprod = settings("preprod", &["bookworm"]);
    fixture.add(&[fixture.package("hello", "1.0", "amd64", "a")]);
    let hashed = publish(&fixture, &signer, 0).hashed;
    let listed = release_field(&fixture, "bookworm", "SHA256");
    let sizes = listed.lines().filter_map(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    assert_eq!(hashed, sizes.sum::<u64>());
    assert_eq!(publish(&fixture, &signer, 1).hashed, 0);
}

#[test]
fn a_change_of_one_suite_leaves_the_files_of_the_other_alone() {
    let (fixture, signer) = (Fixture::new(), signer());
    fixture.add(&[fixture.package("hello", "1.0", "amd64", "a")]);
    publish(&fixture, &signer, 0);
    let dists = fixture.store.public(&fixture.preprod.name).join("dists");
    let inode = |name: &str| std::fs::metadata(dists.join(name)).unwrap().ino();
    let (trixie, bookworm) = (inode("trixie/InRelease"), inode("bookworm/InRelease"));
    fixture.add(&[fixture.package("hello", "1.1+deb12u1", "amd64", "b")]);
    let report = publish(&fixture, &signer, 10);
    assert_eq!(report.suites, [suite("bookworm")]);
    assert_eq!(inode("trixie/InRelease"), trixie);
    assert_ne!(inode("bookworm/InRelease"), bookworm);
    assert_eq!(visible(&fixture, "trixie"), ["hello 1.0"]);
    assert_eq!(visible(&fixture, "bookworm"), ["hello 1.0", "hello 1.1+deb12u1"]);
}

#[test]
fn going_back_is_a_newer_publication_of_the_old_content() {
    let (fixture, signer) = (Fixture::new(), signer());
    fixture.add(&[fixture.package("hello", "1.0", "amd64", "a")]);
    publish(&fixture, &signer, 0);
    let (first_date, first_time) = (release_field(&fixture, "trixie", "Date"), modified(&fixture, "trixie"));
    fixture.add(&[fixture.package("hello", "2.0", "amd64", "b")]);
    publish(&fixture, &signer, 60);
    assert_eq!(visible(&fixture, "trixie"), ["hello 1.0", "hello 2.0"]);

    let target = fixture.store.resolve(&fixture.preprod.name, "1").unwrap();
    fixture.store.plan_rollback(&target, &[]).unwrap().apply(&fixture.store, &context(120)).unwrap();
    publish(&fixture, &signer, 120);
    assert_eq!(visible(&fixture, "trixie"), ["hello 1.0"]);
    assert_ne!(release_field(&fixture, "trixie", "Date"), first_date);
    assert_eq!(modified(&fixture, "trixie"), first_time + 120);

    let start = fixture.store.resolve(&fixture.preprod.name, "0").unwrap();
    fixture.store.plan_rollback(&start, &[]).unwrap().apply(&fixture.store, &context(180)).unwrap();
    publish(&fixture, &signer, 180);
    assert_eq!(visible(&fixture, "trixie"), [""; 0]);
    let history: Vec<_> = fixture
        .store
        .history(&fixture.preprod.name)
        .map(|revision| revision.unwrap().commit().sequence)
        .collect();
    assert_eq!(history, [4, 3, 2, 1, 0], "a rollback takes nothing out of the history");
}

#[test]
fn the_time_of_in_release_rises_in_a_burst_and_when_the_clock_is_set_back() {
    let (fixture, signer) = (Fixture::new(), signer());
    let mut last = 0;
    let mut last_date = String::new();
    for (number, seconds) in [0, 0, 0, -5000, -4999].into_iter().enumerate() {
        fixture.add(&[fixture.package("hello", &format!("{number}"), "amd64", "a")]);
        publish(&fixture, &signer, seconds);
        assert!(modified(&fixture, "trixie") > last);
        last = modified(&fixture, "trixie");
        let date = release_field(&fixture, "trixie", "Date");
        assert!(last_date.is_empty() || date == last_date, "{date} after {last_date}");
        last_date = date;
    }
}

#[test]
fn an_index_named_by_an_older_publication_stays_after_going_forth_and_back() {
    let (fixture, signer) = (Fixture::new(), signer());
    let public = fixture.store.public(&fixture.preprod.name);
    let by_hash = || files_below(&public.join(".by-hash"));
    let mut seen = Vec::new();
    for (number, go_back) in [(0, false), (1, false), (2, true), (3, false)] {
        if go_back {
            let target = fixture.store.resolve(&fixture.preprod.name, "1").unwrap();
            fixture
                .store
                .plan_rollback(&target, &[])
                .unwrap()
                .apply(&fixture.store, &context(number))
                .unwrap();
        } else {
            fixture.add(&[fixture.package("hello", &format!("{number}"), "amd64", "a")]);
        }
        publish(&fixture, &signer, number);
        let now = by_hash();
        assert!(seen.iter().all(|file| now.contains(file)));
        seen = now;
    }
    let listed = public.join("dists/trixie/main/binary-amd64/by-hash/SHA256");
    assert_eq!(
        std::fs::read_dir(listed).unwrap().count(),
        seen.len(),
        "clients reach them through the suite"
    );
}

#[test]
fn a_removed_package_stays_in_the_pool() {
    let (fixture, signer) = (Fixture::new(), signer());
    fixture.add(&[fixture.package("hello", "1.0", "amd64", "a")]);
    publish(&fixture, &signer, 0);
    let selectors = ["hello".parse().unwrap()];
    let plan = fixture.store.plan_removal(&fixture.preprod, &selectors, &[]).unwrap();
    plan.apply(&fixture.store, &context(1)).unwrap();
    publish(&fixture, &signer, 1);
    let file = fixture.store.public(&fixture.preprod.name).join("pool/main/h/hello/hello_1.0_amd64.deb");
    assert!(file.is_file());
    // And so another content cannot take its name.
    let report = fixture.try_add(&[fixture.package("hello", "1.0", "amd64", "other")]);
    assert!(report.refused[0].error.to_string().contains("still in the pool"));
}

#[test]
fn pool_files_are_hard_links_of_the_blobs() {
    let (fixture, signer) = (Fixture::new(), signer());
    fixture.add(&[fixture.package("hello", "1.0", "amd64", "a")]);
    publish(&fixture, &signer, 0);
    let head = fixture.store.head(&fixture.preprod.name).unwrap().unwrap();
    let record = &head.records(&suite("trixie")).unwrap()[0];
    let blob = std::fs::metadata(fixture.store.blob_path(record.blob()).unwrap()).unwrap();
    let pool = fixture.store.public(&fixture.preprod.name).join(record.pool_path().unwrap());
    assert_eq!(std::fs::metadata(pool).unwrap().ino(), blob.ino());
    assert_eq!(blob.mode() & 0o777, 0o444);
}

#[test]
fn what_a_crash_left_half_built_is_cleared_away() {
    let (fixture, signer) = (Fixture::new(), signer());
    fixture.add(&[fixture.package("hello", "1.0", "amd64", "a")]);
    publish(&fixture, &signer, 0);
    let public = fixture.store.public(&fixture.preprod.name);
    let half = public.join(".publications/20990101T000000Z/dists/trixie");
    std::fs::create_dir_all(&half).unwrap();
    std::fs::write(half.join("InRelease"), "half").unwrap();
    fixture.add(&[fixture.package("hello", "1.1", "amd64", "b")]);
    publish(&fixture, &signer, 10);
    assert!(!half.exists());
    assert_eq!(visible(&fixture, "trixie"), ["hello 1.0", "hello 1.1"]);
}

/// Every index file that the Release file of a suite names has the size and hash that it says.
pub(crate) fn assert_indices_are_as_signed(fixture: &Fixture, suite: &str) {
    let directory = fixture.store.public(&fixture.preprod.name).join("dists").join(suite);
    let text = std::fs::read(directory.join("Release")).unwrap();
    let release = deb_parse::control::Release::parse(&text, &deb_parse::Limits::default()).unwrap();
    let mut seen = 0;
    for file in release.files() {
        let Ok(bytes) = std::fs::read(directory.join(&file.path)) else { continue };
        assert_eq!(deb_parse::checksum::Sha256::of(&bytes), file.sha256.unwrap(), "{}", file.path);
        seen += 1;
    }
    assert!(seen >= 4, "only {seen} files were looked at");
}

#[test]
fn a_dists_that_was_led_back_by_one_publication_is_damage_and_an_interrupted_publish_is_not() {
    let (fixture, signer) = (Fixture::new(), signer());
    let public = fixture.store.public(&fixture.preprod.name);
    let lead_to = |id: repo_store::model::PublicationId| {
        std::fs::remove_file(public.join("dists")).unwrap();
        std::os::unix::fs::symlink(format!(".publications/{id}/dists"), public.join("dists")).unwrap();
    };
    let check = |seconds| {
        let options = repo_store::maintenance::fsck::FsckOptions::default();
        let report = fixture.store.fsck(&options, &context(seconds)).unwrap();
        let problems: Vec<String> = report.problems.iter().map(ToString::to_string).collect();
        (problems, report.notes)
    };
    let ids: Vec<_> = ["1.0", "1.1"]
        .iter()
        .zip([0, 60])
        .map(|(version, seconds)| {
            fixture.add(&[fixture.package("hello", version, "amd64", version)]);
            publish(&fixture, &signer, seconds).publication.unwrap()
        })
        .collect();
    assert_eq!(check(100), (vec![], vec![]));
    lead_to(ids[0]);
    let damage = format!(
        "damaged public/preprod/dists: it leads to .publications/{}/dists, and {} was shown after that: `publish` puts it right",
        ids[0], ids[1]
    );
    assert_eq!(check(100), (vec![damage], vec![]));
    // Also when clients saw the same content before: they know a later date.
    let target = fixture.store.resolve(&fixture.preprod.name, "1").unwrap();
    fixture.store.plan_rollback(&target, &[]).unwrap().apply(&fixture.store, &context(110)).unwrap();
    let report = publish(&fixture, &signer, 120);
    assert_eq!(report.suites.len(), 2, "all are signed again");
    assert_eq!(report.date, Some(context(120).now));
    assert_eq!(check(130), (vec![], vec![]));
    assert_eq!(publish(&fixture, &signer, 140).publication, None);

    // A repair leads it forward again.
    lead_to(ids[1]);
    let options = repo_store::maintenance::fsck::FsckOptions::default();
    assert!(fixture.store.repair(&options, &[], &context(150)).unwrap().remaining.is_clean());
    assert_eq!(
        public.join("dists").read_link_utf8().unwrap().parent().unwrap().file_name().unwrap(),
        report.publication.unwrap().to_string()
    );

    // A publication mends it too, also when it shows the same state.
    lead_to(ids[1]);
    assert_eq!(check(150).0.len(), 1);
    assert!(publish(&fixture, &signer, 160).publication.is_some());
    assert_eq!(check(170), (vec![], vec![]));

    // A process that died before the switch has noted nothing.
    std::fs::remove_file(fixture.store.root().join("store/cache/shown.preprod")).unwrap();
    lead_to(ids[1]);
    let (problems, notes) = check(160);
    assert_eq!((problems, notes.len()), (vec![], 1));
    assert!(notes[0].contains("was announced, and clients see"), "{notes:?}");
}

#[test]
fn a_damaged_index_is_not_built_upon() {
    for ending in ["xz", "gz"] {
        let (fixture, signer) = (Fixture::new(), signer());
        for number in 0..4 {
            fixture.add(&[fixture.package("hello", &format!("{number}"), "amd64", "a")]);
        }
        publish(&fixture, &signer, 0);
        let public = fixture.store.public(&fixture.preprod.name);
        let index = public.join(format!("dists/trixie/main/binary-amd64/Packages.{ending}"));
        let mut bytes = std::fs::read(&index).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0x55;
        // In place: the file under the name of its digest is the same one.
        std::fs::set_permissions(&index, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
        std::fs::write(&index, bytes).unwrap();
        fixture.add(&[fixture.package("hello", "9", "amd64", "b")]);
        publish(&fixture, &signer, 10);
        assert_eq!(visible(&fixture, "trixie").len(), 5);
        assert_indices_are_as_signed(&fixture, "trixie");
    }
}

#[test]
fn a_lost_record_or_a_damaged_index_costs_time_and_nothing_else() {
    let (fixture, signer) = (Fixture::new(), signer());
    fixture.add(&[fixture.package("hello", "1.0", "amd64", "a")]);
    publish(&fixture, &signer, 0);
    std::fs::remove_dir_all(fixture.store.root().join("store/publications")).unwrap();
    fixture.add(&[fixture.package("hello", "1.1", "amd64", "b")]);
    let public = fixture.store.public(&fixture.preprod.name);
    let shown = public.join(public.join("dists").read_link_utf8().unwrap());
    publish(&fixture, &signer, 10);
    assert!(shown.is_dir(), "a client in the middle of an update still reads it");
    assert_eq!(visible(&fixture, "trixie"), ["hello 1.0", "hello 1.1"]);

    for file in files_below(&fixture.store.public(&fixture.preprod.name).join(".by-hash")) {
        std::fs::remove_file(file).unwrap();
    }
    fixture.add(&[fixture.package("hello", "1.2", "amd64", "c")]);
    publish(&fixture, &signer, 20);
    assert_eq!(visible(&fixture, "trixie"), ["hello 1.0", "hello 1.1", "hello 1.2"]);
}

#[test]
fn what_clients_refuse_when_it_changes_is_not_published_unless_allowed() {
    let (mut fixture, signer) = (Fixture::new(), signer());
    fixture.preprod.origin = Some("Example".to_owned());
    publish(&fixture, &signer, 0);
    let before = identities(&fixture.store.root().join("public"));
    let changed = |change: &dyn Fn(&mut RepositorySettings)| {
        let mut settings = fixture.preprod.clone();
        change(&mut settings);
        settings
    };
    let changes = [
        changed(&|settings| settings.origin = None),
        changed(&|settings| settings.label = Some("packages".to_owned())),
        changed(&|settings| settings.suites[1].not_automatic = true),
    ];
    let errors = changes
        .each_ref()
        .map(|settings| fixture.store.publish(settings, &signer, &context(60)).unwrap_err().to_string());
    assert_eq!(
        errors,
        [
            "bookworm would change its Origin from `Example` to ``: clients refuse that",
            "bookworm would change its Label from `` to `packages`: clients refuse that",
            "trixie would change its default priority from `500` to `1`: clients refuse that",
        ]
    );
    assert_eq!(identities(&fixture.store.root().join("public")), before);

    let options = PublishOptions { allow_release_info_change: true, ..PublishOptions::default() };
    fixture.store.publish_with(&changes[0], &signer, options, &context(120)).unwrap();
    assert_eq!(release_field(&fixture, "trixie", "Origin"), "");
    let described = |settings: &mut RepositorySettings| {
        settings.origin = None;
        settings.suites[1].description = Some("for people".to_owned());
        settings.suites[1].but_automatic_upgrades = true;
    };
    fixture.store.publish(&changed(&described), &signer, &context(180)).unwrap();
    assert_eq!(release_field(&fixture, "trixie", "Description"), "for people");
}

#[test]
fn what_clients_read_goes_away_only_when_that_is_allowed() {
    let mut fixture = Fixture::new();
    let signer = signer();
    fixture.preprod.suites[1].alias = Some(suite("stable"));
    fixture.preprod.flat = Some(suite("trixie"));
    publish(&fixture, &signer, 0);
    let before = identities(&fixture.store.root().join("public"));

    let mut fewer = fixture.preprod.clone();
    fewer.suites.pop();
    fewer.flat = None;
    let error = fixture.store.publish(&fewer, &signer, &context(60)).unwrap_err().to_string();
    assert_eq!(
        error,
        "trixie, ./, stable would no longer be published: clients would find nothing there (404)"
    );
    assert_eq!(identities(&fixture.store.root().join("public")), before);

    // A name that leads elsewhere is still there.
    fewer.suites[0].alias = Some(suite("stable"));
    let error = fixture.store.publish(&fewer, &signer, &context(60)).unwrap_err().to_string();
    assert_eq!(error, "trixie, ./ would no longer be published: clients would find nothing there (404)");

    let mut options = PublishOptions { allow_removal: true, ..PublishOptions::default() };
    let error = fixture.store.publish_with(&fewer, &signer, options, &context(60)).unwrap_err().to_string();
    assert_eq!(error, "bookworm would change its Codename from `trixie` to `bookworm`: clients refuse that");
    options.allow_release_info_change = true;
    let report = fixture.store.publish_with(&fewer, &signer, options, &context(60)).unwrap();
    assert_eq!(report.removed, ["trixie", "./"]);
    assert_eq!(
        fixture.store.publish(&fewer, &signer, &context(120)).unwrap().publication,
        None,
        "what is gone is not missed again"
    );
}
