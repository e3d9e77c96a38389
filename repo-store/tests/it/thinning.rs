//! Past publications become fewer with time, and what stays of them is whole.

use std::collections::BTreeSet;

use apt_sign::OpenPgpSigner;
use jiff::SignedDuration;
use proptest::prelude::*;
use repo_store::history::KeepHistory;
use repo_store::maintenance::fsck::{FsckOptions, ProblemKind};
use repo_store::maintenance::gc::GcOptions;
use repo_store::model::{PublicationId, TagName};

use crate::fixture::{Fixture, context, files_below, publish, settings, signer};
use crate::publishing::visible_below;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// So many publications stay whatever their age.
const NEWEST: usize = 16;

/// A repository of one suite.
fn fixture() -> Fixture {
    let mut fixture = Fixture::in_memory();
    fixture.preprod = settings("preprod", &["bookworm"]);
    fixture
}

/// Publishes the same packages again, as another publication.
fn publish_again(fixture: &mut Fixture, signer: &OpenPgpSigner, seconds: i64) -> PublicationId {
    fixture.preprod.pdiffs += 1;
    publish(fixture, signer, seconds).publication.unwrap()
}

/// The names in a directory below the public one.
fn names(fixture: &Fixture, directory: &str) -> BTreeSet<String> {
    let directory = fixture.store.public(&fixture.preprod.name).join(directory);
    directory.read_dir_utf8().unwrap().map(|entry| entry.unwrap().file_name().to_owned()).collect()
}

fn assert_sound(fixture: &Fixture, seconds: i64) {
    let report = fixture.store.fsck(&FsckOptions::default(), &context(seconds)).unwrap();
    // One with the clock ahead is told, and is another matter.
    let problems = report.problems.iter().filter(|problem| problem.kind != ProblemKind::Date);
    let problems: Vec<String> = problems.map(ToString::to_string).collect();
    assert_eq!(problems, [""; 0]);
}

/// What is left in all places of a publication is left of the same ones.
fn left(fixture: &Fixture) -> BTreeSet<PublicationId> {
    let records = fixture.store.root().join("store/publications/preprod");
    let names_of =
        |names: BTreeSet<String>| names.iter().filter_map(|name| PublicationId::parse(name)).collect();
    let left: BTreeSet<PublicationId> = names_of(names(fixture, ".publications"));
    assert_eq!(left, names_of(names(fixture, "snapshot")));
    let recorded = files_below(&records).into_iter().map(|path| path.file_name().unwrap().to_owned());
    assert_eq!(left, names_of(recorded.collect()));
    left
}

#[test]
fn an_hour_later_a_burst_has_left_the_newest_and_what_has_a_tag() {
    let (mut fixture, signer) = (fixture(), signer());
    // When a record came to the store is told by the clock of the system.
    let clock = || jiff::Timestamp::now().as_second() - context(0).now.as_second();
    let now = clock();
    fixture.add(&[fixture.package("hello", "1.0", "amd64", "a")]);
    let first = publish(&fixture, &signer, now).publication.unwrap();
    let head = fixture.store.head(&fixture.preprod.name).unwrap().unwrap();
    let tag = TagName::parse("first").unwrap();
    fixture.store.tag(&head, &tag, &context(now)).unwrap();
    drop(head);
    // All in one moment, so their ids run ahead of the clock.
    let mut ids = Vec::new();
    for number in 0..50 {
        if number < 10 {
            fixture.add(&[fixture.package("hello", &format!("2.{number}"), "amd64", "b")]);
        }
        ids.push(publish_again(&mut fixture, &signer, now));
    }
    let made = clock();
    publish(&fixture, &signer, now + HOUR - MINUTE);
    assert_eq!(left(&fixture).len(), 51, "all of the last hour");
    let files = names(&fixture, ".by-hash/SHA256").len();

    // Nothing is new, and by their ids the last ones are not an hour old, where making them took a few seconds.
    let later = HOUR + (now + 20).max(made + 2);
    assert_eq!(publish(&fixture, &signer, later).publication, None);
    let newest = ids[ids.len() - NEWEST..].iter().copied();
    assert_eq!(left(&fixture), newest.chain([first]).collect());
    assert!(names(&fixture, ".by-hash/SHA256").len() < files);
    assert_eq!(visible_below(&fixture, "snapshot/first/dists", "bookworm"), ["hello 1.0"]);
    assert_eq!(visible_below(&fixture, "dists", "bookworm").len(), 11);
    assert_sound(&fixture, later);
}

#[test]
fn few_publications_stay_however_old_they_are() {
    let (mut fixture, signer) = (fixture(), signer());
    for number in 0..20 {
        publish_again(&mut fixture, &signer, number);
    }
    publish(&fixture, &signer, 300 * DAY);
    assert_eq!(left(&fixture).len(), 20, "it is not worth the reading of all records");
}

/// What a client read before its publication was taken away leads to package files that are still there, until the grace period is over.
#[test]
fn package_files_stay_for_the_grace_period_and_go_then() {
    let (mut fixture, signer) = (fixture(), signer());
    fixture.add(&[fixture.package("hello", "1.0", "amd64", "a")]);
    publish(&fixture, &signer, 0);
    let plan = fixture.store.plan_removal(&fixture.preprod, &["hello".parse().unwrap()], &[]).unwrap();
    plan.apply(&fixture.store, &context(MINUTE)).unwrap();
    for number in 0..30 {
        publish_again(&mut fixture, &signer, MINUTE + number);
    }
    publish(&fixture, &signer, 2 * HOUR);
    assert_eq!(left(&fixture).len(), NEWEST);
    let in_pool =
        |fixture: &Fixture| files_below(&fixture.store.public(&fixture.preprod.name).join("pool")).len();
    let keep_history = [(fixture.preprod.name.clone(), KeepHistory::States(1))].into();
    let options = GcOptions { keep_history, ..GcOptions::default() };
    fixture.store.collect_garbage(&options, &context(6 * DAY)).unwrap();
    assert_eq!(in_pool(&fixture), 1);
    assert_sound(&fixture, 6 * DAY);
    // The history still has it, so it is the pool alone that is cleared.
    fixture.store.collect_garbage(&GcOptions::default(), &context(8 * DAY)).unwrap();
    assert_eq!(in_pool(&fixture), 0);
    assert_sound(&fixture, 8 * DAY);
}

/// A collection that takes no publication away walks the pool if publishing took some away.
#[test]
fn a_collection_clears_the_pool_of_what_only_thinned_publications_listed() {
    let (mut fixture, signer) = (fixture(), signer());
    fixture.add(&[fixture.package("hello", "1.0", "amd64", "a")]);
    publish(&fixture, &signer, 0);
    let plan = fixture.store.plan_removal(&fixture.preprod, &["hello".parse().unwrap()], &[]).unwrap();
    plan.apply(&fixture.store, &context(1)).unwrap();
    // Then all but the newest go, and after a week these.
    let times = (1..40).chain([2 * HOUR, 3 * HOUR]).chain((0..24).map(|number| 8 * DAY + number));
    for seconds in times {
        publish_again(&mut fixture, &signer, seconds);
    }
    let kept = left(&fixture);
    assert_eq!(kept.len(), 25);
    let pool = fixture.store.public(&fixture.preprod.name).join("pool");
    let collect = |seconds| {
        fixture.store.collect_garbage(&GcOptions::default(), &context(seconds)).unwrap();
        assert_eq!(left(&fixture), kept);
        files_below(&pool).len()
    };
    assert_eq!(collect(6 * DAY), 1);
    assert_eq!(collect(8 * DAY), 0);
}

#[derive(Clone, Debug)]
enum Step {
    Add,
    Publish(u8),
    Wait(i64),
    Tag,
    Untag(usize),
    Collect,
    /// Publishes while the clock is wrong by that much.
    Wrong(i64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => Just(Step::Add),
        6 => (1_u8..14).prop_map(Step::Publish),
        4 => prop_oneof![0..2 * HOUR, 0..2 * DAY].prop_map(Step::Wait),
        1 => Just(Step::Tag),
        1 => (0_usize..4).prop_map(Step::Untag),
        1 => Just(Step::Collect),
        1 => (-3 * DAY..30 * DAY).prop_map(Step::Wrong),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, max_shrink_iters: 20, ..ProptestConfig::default() })]
    /// Whatever is published, tagged and collected when, also by a wrong clock: what was replaced less than an hour ago by the clock of that
    /// time, the newest ones and what has a tag is there and whole.
    #[test]
    fn what_somebody_may_still_read_is_there(steps in prop::collection::vec(step(), 6..16)) {
        let (mut fixture, signer) = (fixture(), signer());
        let name = fixture.preprod.name.clone();
        let (mut now, mut version, mut is_right) = (0, 0, true);
        // All publications in order, each with the time at which it was made.
        let mut made: Vec<(PublicationId, i64)> = vec![(publish_again(&mut fixture, &signer, now), now)];
        let mut tags: Vec<TagName> = Vec::new();
        for step in steps {
            match step {
                Step::Add => {
                    version += 1;
                    fixture.add(&[fixture.package("hello", &version.to_string(), "amd64", &version.to_string())]);
                    made.push((publish_again(&mut fixture, &signer, now), now));
                }
                Step::Publish(times) => {
                    for _ in 0..times {
                        made.push((publish_again(&mut fixture, &signer, now), now));
                        now += 40;
                    }
                }
                Step::Wait(seconds) => now += seconds,
                Step::Tag => {
                    if let Some(head) = fixture.store.head(&name).unwrap() {
                        let tag = TagName::parse(&format!("tag-{}", made.len())).unwrap();
                        if fixture.store.tag(&head, &tag, &context(now)).unwrap().is_some() {
                            tags.push(tag);
                        }
                    }
                }
                Step::Untag(number) if number < tags.len() => {
                    let tag = tags.swap_remove(number);
                    fixture.store.delete_tag(&name, &tag, &context(now)).unwrap();
                }
                Step::Untag(_) => {}
                Step::Collect => {
                    let options = GcOptions { grace: SignedDuration::from_hours(7 * 24), ..GcOptions::default() };
                    fixture.store.collect_garbage(&options, &context(now)).unwrap();
                }
                Step::Wrong(by) => {
                    made.push((publish_again(&mut fixture, &signer, now + by), now));
                    // By such a clock the others are old.
                    is_right &= by < 0;
                }
            }
            let left = left(&fixture);
            let replaced = made.iter().skip(1).map(|(_, made)| *made).chain([i64::MAX]);
            for (number, ((id, _), replaced)) in made.iter().zip(replaced).enumerate().skip(made.len().saturating_sub(40)) {
                let is_young = is_right && now - replaced < HOUR;
                let is_newest = now - replaced < 7 * DAY && number + NEWEST >= made.len();
                prop_assert!(left.contains(id) || !(is_young || is_newest), "{id} of {made:?} at {now}");
            }
            for tag in &tags {
                let root = fixture.store.public(&name).join("snapshot").join(tag.as_str());
                prop_assert!(root.join("dists/bookworm/InRelease").is_file(), "{tag}");
            }
            assert_sound(&fixture, now);
        }
    }
}

/// The note of what goes lies in `store/cache`, which no backup has.
#[test]
fn a_backup_made_after_thinning_was_killed_is_restored_whole() {
    let (mut fixture, signer) = (fixture(), signer());
    fixture.add(&[fixture.package("hello", "1.0", "amd64", "hello")]);
    let first = publish(&fixture, &signer, 0).publication.unwrap();
    for number in 1..4 {
        publish_again(&mut fixture, &signer, number);
    }
    let (root, public) = (fixture.store.root().to_owned(), fixture.store.public(&fixture.preprod.name));
    std::fs::write(root.join("store/cache/going.preprod"), format!("{first}\n")).unwrap();
    for directory in ["snapshot", ".publications"] {
        std::fs::remove_dir_all(public.join(directory).join(first.to_string())).unwrap();
    }
    assert_sound(&fixture, 10);
    let (backup, to) = (root.parent().unwrap().join("backup"), root.parent().unwrap().join("restored"));
    let report = fixture.store.backup(&backup, &context(10)).unwrap();
    assert!(report.damaged.is_empty(), "{:?}", report.damaged);
    let (restored, report) = repo_store::Store::restore(&backup, &to, &context(20)).unwrap();
    assert!(report.damaged.is_empty(), "{:?}", report.damaged);
    let found = restored.fsck(&FsckOptions::default(), &context(20)).unwrap();
    assert!(found.is_clean(), "{:?}", found.problems);
}
