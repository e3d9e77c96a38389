//! Tags: names for states that stay findable.

use jiff::SignedDuration;
use repo_store::Error;
use repo_store::error::HistoryError;
use repo_store::maintenance::fsck::FsckOptions;
use repo_store::maintenance::gc::GcOptions;
use repo_store::model::TagName;

use crate::fixture::{Fixture, context, publish, signer};
use camino::Utf8PathBuf;

#[test]
fn a_tag_stands_for_one_state_until_it_is_deleted() {
    let fixture = Fixture::new();
    let (store, preprod) = (&fixture.store, &fixture.preprod.name);
    fixture.add(&[fixture.package("hello", "1.0", "amd64", "a")]);
    let first = store.head(preprod).unwrap().unwrap();
    let name = TagName::parse("release-1").unwrap();
    assert!(matches!(
        store.delete_tag(preprod, &name, &context(0)),
        Err(Error::History(HistoryError::UnknownTag { .. }))
    ));
    store.tag(&first, &name, &context(0)).unwrap();
    store.tag(&first, &name, &context(0)).unwrap();

    fixture.add(&[fixture.package("hello", "2.0", "amd64", "b")]);
    let second = store.head(preprod).unwrap().unwrap();
    assert_eq!(store.resolve(preprod, "release-1").unwrap().id(), first.id());
    assert!(matches!(
        store.tag(&second, &name, &context(1)),
        Err(Error::History(HistoryError::TagExists { .. }))
    ));
    let tags = store.tags(preprod).unwrap();
    assert_eq!(
        tags.iter().map(|tag| (tag.name.as_str(), tag.commit)).collect::<Vec<_>>(),
        [("release-1", first.id())]
    );

    assert_eq!(store.delete_tag(preprod, &name, &context(2)).unwrap(), first.id());
    assert!(store.tags(preprod).unwrap().is_empty());
    assert!(matches!(
        store.resolve(preprod, "release-1"),
        Err(Error::History(HistoryError::UnknownRevision { .. }))
    ));
    store.tag(&second, &name, &context(3)).unwrap();
    let operations = store.operations().unwrap();
    let words: Vec<String> = operations.iter().map(|entry| entry.operation.to_string()).collect();
    assert_eq!(
        words,
        [
            "add hello 1.0 amd64",
            "tag release-1",
            "add hello 2.0 amd64",
            "delete tag release-1",
            "tag release-1"
        ]
    );
}

/// What a tag leads clients to; `None` when to nothing.
fn shown(fixture: &Fixture, tag: &str) -> Option<Utf8PathBuf> {
    let link = fixture.store.public(&fixture.preprod.name).join("snapshot").join(tag);
    link.join("dists/bookworm/InRelease").is_file().then(|| link.read_link_utf8().unwrap())
}

fn problems(fixture: &Fixture) -> Vec<String> {
    let report = fixture.store.fsck(&FsckOptions::default(), &context(1000)).unwrap();
    report.problems.iter().map(ToString::to_string).collect()
}

#[test]
fn a_tagged_state_is_found_under_the_name_of_its_tag_once_it_was_published() {
    let (fixture, signer) = (Fixture::new(), signer());
    let (store, preprod) = (&fixture.store, &fixture.preprod.name);
    let [early, late] = ["early", "late"].map(|name| TagName::parse(name).unwrap());
    fixture.add(&[fixture.package("hello", "1.0", "amd64", "a")]);
    let first = store.head(preprod).unwrap().unwrap();
    assert_eq!(store.tag(&first, &early, &context(0)).unwrap(), None);
    assert_eq!(shown(&fixture, "early"), None);
    let id = publish(&fixture, &signer, 0).publication.unwrap();
    assert_eq!(shown(&fixture, "early"), Some(id.to_string().into()));

    fixture.add(&[fixture.package("hello", "2.0", "amd64", "b")]);
    publish(&fixture, &signer, 10);
    assert_eq!(shown(&fixture, "early"), Some(id.to_string().into()), "the tag stays where it is");
    assert_eq!(store.tag(&first, &late, &context(20)).unwrap(), Some(id));
    assert_eq!(shown(&fixture, "late"), Some(id.to_string().into()));
    assert_eq!(problems(&fixture), [""; 0]);

    store.delete_tag(preprod, &early, &context(30)).unwrap();
    assert_eq!(shown(&fixture, "early"), None);
    // Long after, what has a tag is still there, and no more.
    let options = GcOptions { grace: SignedDuration::ZERO, ..GcOptions::default() };
    store.collect_garbage(&options, &context(40)).unwrap();
    assert_eq!(shown(&fixture, "late"), Some(id.to_string().into()));
    store.delete_tag(preprod, &late, &context(50)).unwrap();
    store.collect_garbage(&options, &context(60)).unwrap();
    assert_eq!(shown(&fixture, &id.to_string()), None);
    assert_eq!(problems(&fixture), [""; 0]);
}

#[test]
fn a_tag_of_a_state_that_looks_like_the_one_before_has_its_link_too() {
    let (fixture, signer) = (Fixture::new(), signer());
    let (store, preprod) = (&fixture.store, &fixture.preprod.name);
    fixture.add(&[fixture.package("hello", "1.0", "amd64", "a")]);
    let first = publish(&fixture, &signer, 0).publication.unwrap();
    fixture.add(&[fixture.package("hello", "2.0", "amd64", "b")]);
    let plan = store.plan_removal(&fixture.preprod, &["hello=2.0".parse().unwrap()], &[]).unwrap();
    plan.apply(store, &context(1)).unwrap();
    let head = store.head(preprod).unwrap().unwrap();
    store.tag(&head, &TagName::parse("before").unwrap(), &context(2)).unwrap();
    let report = publish(&fixture, &signer, 10);
    let second = report.publication.unwrap();
    assert!(second > first && report.suites.is_empty(), "{report:?}");
    assert_eq!(publish(&fixture, &signer, 20).publication, None);
    store.tag(&head, &TagName::parse("after").unwrap(), &context(30)).unwrap();
    for tag in ["before", "after"] {
        assert_eq!(shown(&fixture, tag), Some(second.to_string().into()));
    }
    let signed = |id: &str| {
        let root = store.public(preprod).join("snapshot").join(id);
        std::fs::read(root.join("dists/bookworm/InRelease")).unwrap()
    };
    assert_eq!(signed(&first.to_string()), signed(&second.to_string()), "clients see no difference");
    assert_eq!(problems(&fixture), [""; 0]);
}

#[test]
fn what_a_crash_left_of_a_tag_is_mended() {
    let (fixture, signer) = (Fixture::new(), signer());
    let (store, preprod) = (&fixture.store, &fixture.preprod.name);
    fixture.add(&[fixture.package("hello", "1.0", "amd64", "a")]);
    let id = publish(&fixture, &signer, 0).publication.unwrap();
    let head = store.head(preprod).unwrap().unwrap();
    for name in ["lost", "astray"] {
        store.tag(&head, &TagName::parse(name).unwrap(), &context(1)).unwrap();
    }
    let snapshots = store.public(preprod).join("snapshot");
    let point = |name: &str, target: &str| {
        let _ = std::fs::remove_file(snapshots.join(name));
        std::os::unix::fs::symlink(target, snapshots.join(name)).unwrap();
    };
    // A link without a tag is nobody's fault; one to a publication that was never made is mended by the next one.
    point("nobody", &id.to_string());
    point("astray", "20300101T000000Z");
    std::fs::remove_file(snapshots.join("lost")).unwrap();
    insta::assert_snapshot!(problems(&fixture).join("\n"), @"
    damaged public/preprod/snapshot/astray: it does not lead to a publication of the tagged state
    missing public/preprod/snapshot/lost: the tagged state was published
    ");
    fixture.add(&[fixture.package("hello", "2.0", "amd64", "b")]);
    publish(&fixture, &signer, 10);
    assert!(snapshots.join("nobody").symlink_metadata().is_err());
    assert_eq!(shown(&fixture, "astray"), Some(id.to_string().into()));
    let report = store.repair(&FsckOptions::default(), &[], &context(20)).unwrap();
    assert_eq!(report.repaired.len(), 1);
    assert_eq!(shown(&fixture, "lost"), Some(id.to_string().into()));
    assert_eq!(problems(&fixture), [""; 0]);
}
