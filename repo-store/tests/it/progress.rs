//! Every long operation tells how far it is, and can be cancelled wherever it asks.

use std::collections::BTreeSet;
use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use apt_sign::OpenPgpSigner;
use camino::Utf8PathBuf;
use jiff::SignedDuration;
use repo_store::maintenance::fsck::FsckOptions;
use repo_store::maintenance::gc::GcOptions;
use repo_store::operations::incoming::IncomingOptions;
use repo_store::operations::promotion::PromoteOptions;
use repo_store::progress::{Amount, Observer, Phase, Progress};
use repo_store::{AddOptions, Context, Error, PublishOptions, RepositorySettings, Selector, Store};

use crate::fixture::{Fixture, context, everything_below, publish, settings, signer};

/// A phase as it was told.
#[derive(Clone, Copy, Debug)]
struct Told {
    phase: Phase,
    total: Amount,
    done: Amount,
    has_ended: bool,
}

/// Writes down what it is told, and cancels when it is asked for the `cancel_at`th time.
#[derive(Default)]
struct Recorder {
    told: Mutex<Vec<Told>>,
    asked: AtomicUsize,
    cancel_at: Option<usize>,
}

impl Observer for Recorder {
    fn begin(&self, phase: Phase, total: Amount) {
        let mut told = self.told.lock().unwrap();
        assert!(told.last().is_none_or(|last| last.has_ended), "two phases at once: {told:?}");
        told.push(Told { phase, total, done: Amount::default(), has_ended: false });
    }

    fn advance(&self, done: Amount) {
        let mut told = self.told.lock().unwrap();
        let now = told.last_mut().unwrap();
        assert!(!now.has_ended);
        now.done.items += done.items;
        now.done.bytes += done.bytes;
        assert!(now.done.items <= now.total.items && now.done.bytes <= now.total.bytes, "{now:?}");
    }

    fn end(&self) {
        let mut told = self.told.lock().unwrap();
        let now = told.last_mut().unwrap();
        assert!(!std::mem::replace(&mut now.has_ended, true));
    }

    fn is_cancelled(&self) -> bool {
        let number = self.asked.fetch_add(1, Ordering::Relaxed);
        self.cancel_at.is_some_and(|at| number >= at)
    }
}

/// A store with two repositories, and everything that the operations need.
struct World {
    fixture: Fixture,
    prod: RepositorySettings,
    signer: OpenPgpSigner,
    files: Vec<Utf8PathBuf>,
}

impl World {
    fn new() -> Self {
        let fixture = Fixture::in_memory();
        let mut prod = settings("prod", &["bookworm", "trixie"]);
        prod.contents = true;
        let first =
            [fixture.package("hello", "1.0", "amd64", "a"), fixture.package("old", "1.0", "all", "b")];
        fixture.add(&first);
        let signer = signer();
        publish(&fixture, &signer, 0);
        let plan = fixture.store.plan_removal(&fixture.preprod, &[selector("old")], &[]).unwrap();
        plan.apply(&fixture.store, &context(10)).unwrap();
        let files = (0..3).map(|number| fixture.package(&format!("new{number}"), "2.0", "amd64", "c"));
        let files = files.collect();
        Self { fixture, prod, signer, files }
    }

    fn store(&self) -> &Store {
        &self.fixture.store
    }

    fn beside(&self, name: &str) -> Utf8PathBuf {
        self.store().root().parent().unwrap().join(name)
    }

    fn is_clean(&self) {
        let report = self.store().fsck(&FsckOptions::default(), &context(9000)).unwrap();
        assert!(report.is_clean(), "{:?}", report.problems);
    }
}

fn selector(text: &str) -> Selector {
    text.parse().unwrap()
}

type Run = fn(&World, &Context) -> Result<(), Error>;

fn add(world: &World, context: &Context) -> Result<(), Error> {
    let report = world.store().add(&world.fixture.preprod, &world.files, &AddOptions::default(), context)?;
    assert!(report.refused.is_empty(), "{:?}", report.refused);
    Ok(())
}

fn take_incoming(world: &World, context: &Context) -> Result<(), Error> {
    let folder = world.beside("incoming");
    if !folder.exists() {
        fs::create_dir(&folder).unwrap();
        for file in &world.files {
            fs::copy(file, folder.join(file.file_name().unwrap())).unwrap();
        }
    }
    let options = IncomingOptions { patience: Duration::ZERO, ..IncomingOptions::default() };
    let report = world.store().take_incoming(&world.fixture.preprod, &folder, &options, context)?;
    assert!(report.report.refused.is_empty() && report.left.is_empty(), "{report:?}");
    Ok(())
}

fn publish_it(world: &World, context: &Context) -> Result<(), Error> {
    world.store().publish(&world.fixture.preprod, &world.signer, context).map(drop)
}

fn publish_contents(world: &World, context: &Context) -> Result<(), Error> {
    let mut preprod = world.fixture.preprod.clone();
    preprod.contents = true;
    world.store().publish(&preprod, &world.signer, context).map(drop)
}

fn sign_again(world: &World, context: &Context) -> Result<(), Error> {
    let options = PublishOptions::default();
    world.store().sign_again(&world.fixture.preprod, &world.signer, options, context).map(drop)
}

fn promote(world: &World, context: &Context) -> Result<(), Error> {
    let options = PromoteOptions { everything: true, ..PromoteOptions::default() };
    let plan = world.store().plan_promotion(&world.fixture.preprod, &world.prod, &options)?;
    plan.apply(world.store(), context).map(drop)
}

fn remove(world: &World, context: &Context) -> Result<(), Error> {
    let plan = world.store().plan_removal(&world.fixture.preprod, &[selector("hello")], &[])?;
    plan.apply(world.store(), context).map(drop)
}

fn check(world: &World, context: &Context) -> Result<(), Error> {
    let report = world.store().fsck(&FsckOptions::default(), context)?;
    assert!(report.is_clean(), "{:?}", report.problems);
    Ok(())
}

fn repair(world: &World, context: &Context) -> Result<(), Error> {
    world.store().repair(&FsckOptions::default(), &[], context).map(drop)
}

/// Without a grace period, so that what was removed goes and the first publication with it.
fn collect(world: &World, context: &Context) -> Result<(), Error> {
    let options = GcOptions { grace: SignedDuration::ZERO, ..GcOptions::default() };
    world.store().collect_garbage(&options, context).map(drop)
}

fn back_up(world: &World, context: &Context) -> Result<(), Error> {
    let report = world.store().backup(&world.beside("backup"), context)?;
    assert!(report.damaged.is_empty(), "{:?}", report.damaged);
    Ok(())
}

fn restore(world: &World, context: &Context) -> Result<(), Error> {
    let (backup, to) = (world.beside("backup"), world.beside("restored"));
    if !backup.exists() {
        world.store().backup(&backup, &self::context(5000)).unwrap();
    }
    let (store, report) = Store::restore(&backup, &to, context)?;
    assert!(report.damaged.is_empty() && report.publications > 0, "{report:?}");
    assert!(store.fsck(&FsckOptions::default(), &self::context(9000)).unwrap().is_clean());
    Ok(())
}

/// What must have been done before an operation has anything to do.
fn nothing(_: &World) {}

fn added(world: &World) {
    add(world, &context(100)).unwrap();
}

fn two_publications(world: &World) {
    publish_it(world, &context(20)).unwrap();
}

/// The name, what comes before it, the operation, and the phases that it has something to do in.
type Case = (&'static str, fn(&World), Run, &'static [Phase]);

const CASES: [Case; 12] = [
    ("add", nothing, add, &[Phase::Reading, Phase::Changing]),
    ("incoming", nothing, take_incoming, &[Phase::Reading, Phase::Changing]),
    ("publish", added, publish_it, &[Phase::Linking, Phase::Rendering]),
    ("contents", added, publish_contents, &[Phase::Linking, Phase::Unpacking, Phase::Rendering]),
    ("sign again", added, sign_again, &[Phase::Linking, Phase::Rendering]),
    ("promote", added, promote, &[Phase::Changing]),
    ("remove", added, remove, &[]),
    ("fsck", added, check, &[Phase::Checking, Phase::Comparing]),
    ("repair", added, repair, &[Phase::Checking, Phase::Comparing]),
    ("gc", two_publications, collect, &[Phase::Marking, Phase::Removing]),
    ("backup", added, back_up, &[Phase::Copying]),
    ("restore", added, restore, &[Phase::Copying, Phase::Restoring]),
];

fn watched(recorder: &Arc<Recorder>, seconds: i64) -> Context {
    let observer: Arc<dyn Observer> = Arc::<Recorder>::clone(recorder);
    Context { progress: Progress::watched(observer), ..context(seconds) }
}

#[test]
fn each_phase_comes_to_its_total() {
    for (name, prepare, run, expected) in CASES {
        let world = World::new();
        prepare(&world);
        let recorder = Arc::new(Recorder::default());
        run(&world, &watched(&recorder, 200)).unwrap();
        let told = recorder.told.lock().unwrap().clone();
        for one in &told {
            assert!(one.has_ended && one.done == one.total, "{name}: {one:?}");
        }
        let busy: Vec<Phase> = told.iter().filter(|one| one.total.items > 0).map(|one| one.phase).collect();
        // Each suite that shows something else is linked by itself.
        let mut phases: Vec<Phase> = Vec::new();
        for phase in busy {
            if !phases.contains(&phase) {
                phases.push(phase);
            }
        }
        assert_eq!(phases, expected, "{name}");
        let counts_bytes = [Phase::Reading, Phase::Checking, Phase::Copying, Phase::Restoring];
        for one in told.iter().filter(|one| one.total.items > 0) {
            assert_eq!(one.total.bytes > 0, counts_bytes.contains(&one.phase), "{name}: {one:?}");
        }
    }
}

#[test]
fn what_is_read_is_told_byte_for_byte() {
    let world = World::new();
    let recorder = Arc::new(Recorder::default());
    let bytes: u64 = world.files.iter().map(|file| file.metadata().unwrap().len()).sum();
    add(&world, &watched(&recorder, 200)).unwrap();
    let reading = recorder.told.lock().unwrap()[0];
    assert_eq!(reading.total, Amount { items: world.files.len() as u64, bytes });
}

#[test]
fn a_cancelled_operation_leaves_a_sound_store_and_can_be_given_again() {
    for (name, prepare, run, _) in CASES {
        let complete = |world: &World| {
            let head = |settings: &RepositorySettings| {
                let head = world.store().head(&settings.name).unwrap();
                head.map(|head| head.commit().suites.clone())
            };
            let names = |below: &str| -> BTreeSet<String> {
                let root = world.store().root().join(below);
                let files = everything_below(&root).into_iter().filter(|path| path.is_file());
                files.map(|path| path.strip_prefix(&root).unwrap().to_string()).collect()
            };
            (
                head(&world.fixture.preprod),
                head(&world.prod),
                names("public/preprod/pool"),
                names("store/blobs"),
            )
        };
        let whole = World::new();
        prepare(&whole);
        run(&whole, &context(200)).unwrap();
        let whole = complete(&whole);
        let mut cancelled = 0;
        loop {
            let world = World::new();
            prepare(&world);
            let recorder = Arc::new(Recorder { cancel_at: Some(cancelled), ..Recorder::default() });
            match run(&world, &watched(&recorder, 200)) {
                Ok(()) => break,
                // Where there are many safe points they are alike.
                Err(Error::Cancelled(_)) => cancelled += if cancelled < 8 { 1 } else { 9 },
                Err(error) => panic!("{name}, cancelled at {cancelled}: {error:?}"),
            }
            assert!(recorder.told.lock().unwrap().iter().all(|one| one.has_ended));
            world.is_clean();
            run(&world, &context(300)).unwrap();
            assert_eq!(complete(&world), whole, "{name}, cancelled at {cancelled}");
        }
        assert!(cancelled > 0, "{name} never asks");
    }
}
