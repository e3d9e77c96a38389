//! A history is shortened without taking away the way from what clients see to the current state.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use apt_sign::{OpenPgpSigner, SecretKey};
use camino::{Utf8Path, Utf8PathBuf};
use deb_parse::{Architecture, SuiteName};
use jiff::{SignedDuration, Timestamp};

use crate::context::Context;
use crate::history::horizon::{End, Ends, KeepHistory};
use crate::maintenance::fsck::FsckOptions;
use crate::maintenance::gc::GcOptions;
use crate::model::name::RepositoryName;
use crate::operations::import::AddOptions;
use crate::settings::{RepositorySettings, SuiteSettings};
use crate::store::Store;
use crate::tests::packages;

const DAY: i64 = 24 * 60 * 60;

fn context(day: i64) -> Context {
    Context::new("tester", Timestamp::from_second(1_790_000_000 + day * DAY).unwrap())
}

struct World {
    directory: tempfile::TempDir,
    store: Store,
    settings: RepositorySettings,
    signer: OpenPgpSigner,
}

impl World {
    /// A store with a state that clients see and three that came later.
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(directory.path()).unwrap().join("root");
        let created = SystemTime::UNIX_EPOCH + Duration::from_secs(1_780_000_000);
        let signer = OpenPgpSigner::new(vec![SecretKey::generate("Test", created, None).unwrap()]).unwrap();
        let suite = SuiteName::parse("trixie").unwrap();
        let suites = vec![SuiteSettings::new(suite, vec![Architecture::parse("amd64").unwrap()])];
        let settings = RepositorySettings::new(RepositoryName::parse("preprod").unwrap(), suites);
        let world = Self { directory, store: Store::create(&root).unwrap(), settings, signer };
        world.add(0);
        world.publish(0);
        for day in 1..4 {
            world.add(day);
        }
        world
    }

    fn add(&self, day: i64) {
        let files: [Utf8PathBuf; 1] = [packages::package(
            Utf8Path::from_path(self.directory.path()).unwrap(),
            "hello",
            &day.to_string(),
        )];
        let report = self.store.add(&self.settings, &files, &AddOptions::default(), &context(day)).unwrap();
        report.into_result().unwrap();
    }

    fn publish(&self, day: i64) {
        self.store.publish(&self.settings, &self.signer, &context(day)).unwrap();
    }

    /// Keeps as little as can be.
    fn collect(&self, day: i64) {
        // Files that came in the present tick of the file system's clock stay.
        std::thread::sleep(Duration::from_millis(20));
        let keep_history = BTreeMap::from([(self.settings.name.clone(), KeepHistory::States(1))]);
        let options = GcOptions { grace: SignedDuration::ZERO, keep_history };
        self.store.collect_garbage(&options, &context(day)).unwrap();
    }

    fn check(&self) {
        let report = self.store.fsck(&FsckOptions::default(), &context(20)).unwrap();
        assert!(report.is_clean(), "{report:?}");
    }

    fn length(&self) -> usize {
        self.store.history(&self.settings.name).count()
    }
}

#[test]
fn what_clients_see_belongs_to_a_history_that_is_shortened() {
    let world = World::new();
    world.collect(10);
    world.collect(11);
    assert_eq!(world.length(), 4, "the state that clients see, and all that came later");
    world.check();
    world.publish(12);
    world.collect(13);
    world.collect(14);
    assert_eq!(world.length(), 1);
    world.check();
}

#[test]
fn a_history_that_an_earlier_version_shortened_further_can_be_published() {
    published_though_shortened(false);
    published_though_shortened(true);
}

/// `is_removed` tells whether what the history lost is gone already.
fn published_though_shortened(is_removed: bool) {
    let world = World::new();
    let name = &world.settings.name;
    let head = world.store.head(name).unwrap().unwrap();
    let end = End { commit: head.id(), sequence: head.commit().sequence, since: context(5).now };
    let ends = Ends::load(&world.store, name).unwrap();
    ends.replaced_by(Ends(vec![end])).save(world.store.storage()).unwrap();
    assert_eq!(world.length(), 1);
    world.check();
    if is_removed {
        world.collect(10);
        world.check();
    }
    world.publish(11);
    world.check();
}
