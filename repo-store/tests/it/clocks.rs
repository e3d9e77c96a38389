//! One publication with the clock ahead does not decide what clients see for years.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt as _;

use deb_parse::deb822;
use jiff::{SignedDuration, Timestamp};
use repo_store::PublishOptions;
use repo_store::maintenance::fsck::{FsckOptions, ProblemKind};
use repo_store::maintenance::gc::GcOptions;
use repo_store::model::{PublicationId, TagName};
use repo_store::publish::PublishReport;

use crate::fixture::{Fixture, context, publish, settings, signer};
use crate::publishing::{assert_indices_are_as_signed, visible, visible_below};

const YEARS: i64 = 4 * 366 * 24 * 3600;

fn date(fixture: &Fixture, suite: &str) -> String {
    date_below(fixture, "dists", suite)
}

fn date_below(fixture: &Fixture, dists: &str, suite: &str) -> String {
    let path = fixture.store.public(&fixture.preprod.name).join(dists).join(suite).join("Release");
    let text = std::fs::read(path).unwrap();
    deb822::paragraphs(&text).next().unwrap().get_str("Date").unwrap().to_owned()
}

fn rfc2822(time: Timestamp) -> String {
    time.strftime("%a, %d %b %Y %H:%M:%S UTC").to_string()
}

/// A repository published now, then with the clock ahead, and again with the right time.
fn published_from_the_future() -> (Fixture, apt_sign::OpenPgpSigner) {
    let (fixture, signer) = (Fixture::new(), signer());
    for (version, seconds) in [("1.0", 0), ("1.1", YEARS), ("1.2+deb13u1", 100)] {
        fixture.add(&[fixture.package("hello", version, "amd64", version)]);
        publish(&fixture, &signer, seconds);
    }
    (fixture, signer)
}

#[test]
fn a_date_from_the_future_is_told_and_does_not_go_back_by_itself() {
    let (fixture, signer) = published_from_the_future();
    let ahead = context(YEARS).now;
    assert_eq!(fixture.store.latest_date(&fixture.preprod.name).unwrap(), Some(ahead));
    let report = publish(&fixture, &signer, 200);
    assert_eq!((report.publication, report.date, report.corrected), (None, Some(ahead), None));
    assert_eq!(date(&fixture, "trixie"), rfc2822(ahead));
}

#[test]
fn signing_again_sets_the_date_the_time_and_the_ids_right() {
    let (fixture, signer) = published_from_the_future();
    let report = fixture
        .store
        .sign_again(&fixture.preprod, &signer, PublishOptions::default(), &context(300))
        .unwrap();
    assert_eq!(report.corrected, Some(context(YEARS).now));
    assert_eq!(report.date, Some(context(300).now));
    assert_eq!(report.publication.unwrap().seconds(), context(300).now.as_second());
    for suite in ["bookworm", "trixie"] {
        assert_eq!(date(&fixture, suite), rfc2822(context(300).now));
        let in_release =
            fixture.store.public(&fixture.preprod.name).join("dists").join(suite).join("InRelease");
        assert_eq!(in_release.metadata().unwrap().mtime(), context(300).now.as_second());
        assert_indices_are_as_signed(&fixture, suite);
    }
    assert_eq!(visible(&fixture, "trixie"), ["hello 1.0", "hello 1.1", "hello 1.2+deb13u1"]);

    // Nothing of the future is left in what comes after.
    fixture.add(&[fixture.package("hello", "1.3", "amd64", "c")]);
    let next = publish(&fixture, &signer, 400);
    assert_eq!(next.publication.unwrap().seconds(), context(400).now.as_second());
    assert_eq!(date(&fixture, "bookworm"), rfc2822(context(400).now));
    assert!(
        fixture
            .store
            .fsck(&repo_store::maintenance::fsck::FsckOptions::default(), &context(500))
            .unwrap()
            .is_clean()
    );
}

#[test]
fn what_was_published_from_the_future_is_collected_like_all_else() {
    let (fixture, signer) = published_from_the_future();
    fixture.store.sign_again(&fixture.preprod, &signer, PublishOptions::default(), &context(300)).unwrap();
    let snapshots = fixture.store.public(&fixture.preprod.name).join("snapshot");
    let count = || snapshots.read_dir_utf8().unwrap().count();
    assert_eq!(count(), 4);
    let options = GcOptions { grace: SignedDuration::from_hours(24), ..GcOptions::default() };
    fixture.store.collect_garbage(&options, &context(1000)).unwrap();
    assert_eq!(count(), 4, "they were replaced a moment ago");
    fixture.store.collect_garbage(&options, &context(2 * 24 * 3600)).unwrap();
    assert_eq!(count(), 1);
}

#[test]
fn a_tag_leads_to_what_was_signed_again() {
    let (fixture, signer) = (Fixture::new(), signer());
    fixture.add(&[fixture.package("hello", "1.0", "amd64", "a")]);
    publish(&fixture, &signer, YEARS);
    let id = fixture
        .store
        .sign_again(&fixture.preprod, &signer, PublishOptions::default(), &context(60))
        .unwrap()
        .publication
        .unwrap();
    let head = fixture.store.head(&fixture.preprod.name).unwrap().unwrap();
    fixture.store.tag(&head, &repo_store::model::TagName::parse("first").unwrap(), &context(70)).unwrap();
    let link = fixture.store.public(&fixture.preprod.name).join("snapshot/first");
    assert_eq!(link.read_link_utf8().unwrap(), id.to_string());
}

#[test]
fn signing_again_in_a_burst_gives_a_later_time_all_the_same() {
    let (mut fixture, signer) = (Fixture::new(), signer());
    fixture.preprod = settings("preprod", &["trixie"]);
    let mut last = 0;
    for number in 0..5 {
        fixture.add(&[fixture.package("hello", &format!("{number}"), "amd64", "a")]);
        last = publish(&fixture, &signer, 0).publication.unwrap().seconds();
    }
    let report =
        fixture.store.sign_again(&fixture.preprod, &signer, PublishOptions::default(), &context(1)).unwrap();
    assert!(report.publication.unwrap().seconds() > last, "clients that have it would not fetch the new one");
}

/// A repository with three tagged states; the second was published with the clock ahead.
fn tagged_in_the_future() -> (Fixture, apt_sign::OpenPgpSigner) {
    let (fixture, signer) = (Fixture::new(), signer());
    for (version, seconds, tag) in [("1.0", 0, "first"), ("1.1", YEARS, "second"), ("1.2", 100, "third")] {
        fixture.add(&[fixture.package("hello", version, "amd64", version)]);
        publish(&fixture, &signer, seconds);
        let head = fixture.store.head(&fixture.preprod.name).unwrap().unwrap();
        fixture.store.tag(&head, &tag_name(tag), &context(seconds)).unwrap();
    }
    fixture.add(&[fixture.package("hello", "2.0", "amd64", "2.0")]);
    publish(&fixture, &signer, 110);
    (fixture, signer)
}

fn tag_name(name: &str) -> TagName {
    TagName::parse(name).unwrap()
}

/// The `Date` that clients of a tag are told, and the packages that they find.
fn tagged(fixture: &Fixture, tag: &str) -> (String, Vec<String>) {
    let dists = format!("snapshot/{tag}/dists");
    (date_below(fixture, &dists, "trixie"), visible_below(fixture, &dists, "trixie"))
}

#[test]
fn tagged_states_from_the_future_are_told_of_and_signed_again() {
    let (fixture, signer) = tagged_in_the_future();
    let (name, now) = (&fixture.preprod.name, context(200).now);
    let ahead =
        |report: &PublishReport| report.tags_ahead.iter().map(|(tag, _)| tag.to_string()).collect::<Vec<_>>();
    let quiet = publish(&fixture, &signer, 200);
    assert_eq!((quiet.publication, ahead(&quiet)), (None, vec!["second".to_owned(), "third".to_owned()]));
    let found = fixture.store.fsck(&FsckOptions::default(), &context(200)).unwrap();
    let found: Vec<_> = found.problems.iter().filter(|problem| problem.kind == ProblemKind::Date).collect();
    for tag in ["second", "third"] {
        let path = format!("public/{name}/snapshot/{tag}");
        assert!(found.iter().any(|problem| problem.path == path), "{found:?}");
    }

    let report = fixture
        .store
        .sign_again(&fixture.preprod, &signer, PublishOptions::default(), &context(200))
        .unwrap();
    let signed: BTreeSet<_> = report.signed_tags.iter().map(ToString::to_string).collect();
    assert_eq!(signed, BTreeSet::from(["first", "second", "third"].map(str::to_owned)));
    assert_eq!(ahead(&report), Vec::<String>::new());
    for (tag, versions) in [
        ("first", &["hello 1.0"][..]),
        ("second", &["hello 1.0", "hello 1.1"]),
        ("third", &["hello 1.0", "hello 1.1", "hello 1.2"]),
    ] {
        let (date, found) = tagged(&fixture, tag);
        assert_eq!(
            (date, found),
            (rfc2822(now), versions.iter().map(ToString::to_string).collect()),
            "{tag}"
        );
    }
    let clean = fixture.store.fsck(&FsckOptions::default(), &context(300)).unwrap();
    assert!(clean.is_clean(), "{:?}", clean.problems);
    // What clients see has the highest id, so that the next one has a later time.
    let names = fixture.store.public(name).join("snapshot").read_dir_utf8().unwrap();
    let right = names.filter_map(|entry| PublicationId::parse(entry.unwrap().file_name()));
    assert_eq!(right.filter(|id| *id < id_at(YEARS)).max(), report.publication);

    // What is left of the future goes, and what the tags lead to stays.
    let options = GcOptions { grace: SignedDuration::from_hours(24), ..GcOptions::default() };
    fixture.store.collect_garbage(&options, &context(3 * 24 * 3600)).unwrap();
    for entry in fixture.store.public(name).join("snapshot").read_dir_utf8().unwrap() {
        let id = PublicationId::parse(entry.unwrap().file_name());
        assert!(id.is_none_or(|id| id < id_at(YEARS)), "{id:?}");
    }
    assert_eq!(tagged(&fixture, "second").1, ["hello 1.0", "hello 1.1"]);
    assert!(fixture.store.fsck(&FsckOptions::default(), &context(3 * 24 * 3600)).unwrap().is_clean());
}

fn id_at(seconds: i64) -> PublicationId {
    PublicationId::parse(&context(seconds).now.strftime("%Y%m%dT%H%M%SZ").to_string()).unwrap()
}

#[test]
fn a_tagged_state_with_a_suite_that_left_the_settings_is_kept_until_its_date_is_refused() {
    for (seconds, again) in [(0, false), (YEARS, true)] {
        let (mut fixture, signer) = (Fixture::new(), signer());
        fixture.add(&[fixture.package("hello", "1.0", "amd64", "1.0")]);
        publish(&fixture, &signer, seconds);
        let head = fixture.store.head(&fixture.preprod.name).unwrap().unwrap();
        fixture.store.tag(&head, &tag_name("first"), &context(1)).unwrap();
        fixture.add(&[fixture.package("hello", "1.1", "amd64", "1.1")]);
        fixture.preprod = settings("preprod", &["trixie"]);
        let options = PublishOptions { allow_removal: true, ..PublishOptions::default() };
        let report = fixture.store.sign_again(&fixture.preprod, &signer, options, &context(100)).unwrap();
        assert_eq!(!report.signed_tags.is_empty(), again);
        let root = fixture.store.public(&fixture.preprod.name).join("snapshot/first/dists");
        assert_eq!(root.join("bookworm").exists(), !again);
        assert!(fixture.store.fsck(&FsckOptions::default(), &context(200)).unwrap().is_clean());
    }
}
