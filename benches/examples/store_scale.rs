//! What a store of a size costs: `store_scale PACKAGES COMMITS`.
//!
//! Makes a store in `TMPDIR` with two repositories of that many packages and a history of that many commits, each of which adds a
//! package, and prints the median wall time and the mean processor time of every operation in one thread; then the peak of
//! memory and what lies on the disk. Package files hold nothing but their control data.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::print_stdout)]

use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use apt_index::pool::PackageKind;
use benches::packages;
use camino::{Utf8Path, Utf8PathBuf};
use deb_parse::checksum::Sha256;
use deb_parse::control::BinaryControl;
use deb_parse::{Architecture, Component, Limits, PackageName, SuiteName};
use jiff::Timestamp;
use repo_store::maintenance::fsck::FsckOptions;
use repo_store::maintenance::gc::GcOptions;
use repo_store::model::BlobId;
use repo_store::model::record::{Digests, Record, RecordKey};
use repo_store::operations::promotion::PromoteOptions;
use repo_store::{Context, RepositoryName, RepositorySettings, Store, SuiteSettings};

fn main() {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<u64>().unwrap());
    let (packages, commits) = (arguments.next().unwrap(), arguments.next().unwrap());
    let directory = tempfile::tempdir().unwrap();
    let root = Utf8PathBuf::from_path_buf(directory.path().join("root")).unwrap();
    let mut scale = Scale {
        store: Store::create(&root).unwrap(),
        preprod: settings("preprod"),
        prod: settings("prod"),
        at_first: Vec::new(),
        next: 0,
        now: Timestamp::from_second(1_790_000_000).unwrap(),
    };
    println!(
        "{packages} packages, {commits} commits; milliseconds of wall time (median) and of a processor (mean)"
    );
    scale.fill(packages, commits);
    scale.operations(scale.at_first.len());
    print_status(&root);
}

struct Scale {
    store: Store,
    preprod: RepositorySettings,
    prod: RepositorySettings,
    /// What `prod` has at first, in order.
    at_first: Vec<RecordKey>,
    next: u64,
    now: Timestamp,
}

fn suite() -> SuiteName {
    SuiteName::parse("bookworm").unwrap()
}

fn settings(name: &str) -> RepositorySettings {
    let architectures = vec![Architecture::parse("amd64").unwrap()];
    let suites = vec![SuiteSettings::new(suite(), architectures)];
    RepositorySettings::new(RepositoryName::parse(name).unwrap(), suites)
}

/// The median of the wall time of some runs and the mean of their processor time, printed.
fn measure<T>(name: &str, runs: u32, mut prepare: impl FnMut() -> T, mut work: impl FnMut(T)) {
    let mut processor = Duration::ZERO;
    let mut wall: Vec<Duration> = (0..runs)
        .map(|_| {
            let input = prepare();
            let (start, before) = (Instant::now(), processor_time());
            work(input);
            processor += processor_time() - before;
            start.elapsed()
        })
        .collect();
    wall.sort_unstable();
    let median = wall[wall.len() / 2].as_secs_f64() * 1e3;
    println!("{name:28} {median:10.2} {:10.2}", (processor / runs).as_secs_f64() * 1e3);
}

/// How long this thread has been on a processor, as of the last tick of the scheduler's clock.
fn processor_time() -> Duration {
    let text = fs::read_to_string("/proc/self/schedstat").unwrap();
    Duration::from_nanos(text.split(' ').next().unwrap().parse().unwrap())
}

fn print_status(root: &Utf8Path) {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    for line in status.lines().filter(|line| line.starts_with("VmHWM")) {
        println!("{line}");
    }
    let (mut files, mut bytes) = (0_u64, 0);
    let mut directories = vec![root.join("store/objects")];
    while let Some(directory) = directories.pop() {
        for entry in directory.read_dir_utf8().unwrap() {
            let entry = entry.unwrap();
            let metadata = entry.metadata().unwrap();
            if metadata.is_dir() {
                directories.push(entry.path().to_owned());
            } else {
                files += 1;
                bytes += metadata.len();
            }
        }
    }
    println!("objects: {files} files of {bytes} bytes");
}

impl Scale {
    fn context(&mut self) -> Context {
        self.now += jiff::SignedDuration::from_secs(1);
        Context::new("bench", self.now)
    }

    /// The record of the package with a number, and its file in the store.
    fn record(&self, number: u64) -> Arc<Record> {
        let text = packages::control(number);
        let control = BinaryControl::parse(text.as_bytes(), &Limits::default()).unwrap();
        let digests = Digests { sha256: Sha256::of(text.as_bytes()), md5: None, sha1: None };
        let (component, blob) = (Component::parse("main").unwrap(), BlobId::of(text.as_bytes()));
        let digits = blob.to_string();
        let file = self.store.root().join("store/blobs").join(&digits[..2]).join(&digits[2..]);
        if !file.exists() {
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, &text).unwrap();
        }
        Arc::new(
            Record::new(&control, component, PackageKind::Deb, blob, text.len() as u64, &digests).unwrap(),
        )
    }

    fn insert(&mut self, to: &RepositorySettings, mut records: Vec<Arc<Record>>) {
        records.sort_by(|a, b| a.key().cmp(b.key()));
        let change = |transaction: &mut repo_store::transaction::Transaction<'_>| {
            for record in &records {
                transaction.insert(&suite(), record)?;
            }
            Ok((repo_store::history::Operation::Other("add".to_owned()), ()))
        };
        let context = self.context();
        assert!(self.store.transact(&to.name, &context, change).unwrap().0.commit.is_some());
    }

    fn new_record(&mut self) -> Arc<Record> {
        self.next += 1;
        self.record(self.next - 1)
    }

    fn fill(&mut self, packages: u64, commits: u64) {
        let (preprod, prod) = (self.preprod.clone(), self.prod.clone());
        let all: Vec<Arc<Record>> = (0..packages).map(|_| self.new_record()).collect();
        self.insert(&prod, all.clone());
        self.at_first = all.iter().map(|record| record.key().clone()).collect();
        self.at_first.sort_unstable();
        self.insert(&preprod, all);
        print_status(self.store.root());
        for _ in 0..commits {
            let record = self.new_record();
            self.insert(&preprod, vec![record]);
        }
        print_status(self.store.root());
    }

    /// Takes that many packages, every `step`th by name, out of `prod`, which has all others.
    fn withhold(&mut self, count: usize, step: usize) {
        let start = self.store.resolve(&self.prod.name, "1").unwrap();
        let context = Context::new("", self.now);
        self.store.plan_rollback(&start, &[]).unwrap().apply(&self.store, &context).unwrap();
        let keys: Vec<_> = self.at_first.iter().step_by(step).take(count).cloned().collect();
        let change = |transaction: &mut repo_store::transaction::Transaction<'_>| {
            for key in &keys {
                transaction.remove(&suite(), key)?;
            }
            Ok((repo_store::history::Operation::Other("withhold".to_owned()), ()))
        };
        self.store.transact(&self.prod.name, &context, change).unwrap();
    }

    fn promote(&mut self, count: usize, step: usize) {
        let options = PromoteOptions { everything: true, ..PromoteOptions::default() };
        // What it starts from has no more than `prod` had at first.
        let context = self.context();
        let start = self.store.resolve(&self.preprod.name, "1").unwrap();
        self.store.plan_rollback(&start, &[]).unwrap().apply(&self.store, &context).unwrap();
        let scale = std::cell::RefCell::new(self);
        measure(
            &format!("promote {count}, every {step}."),
            11,
            || scale.borrow_mut().withhold(count, step),
            |()| {
                let mut scale = scale.borrow_mut();
                let context = scale.context();
                let Scale { store, preprod, prod, .. } = &**scale;
                let plan = store.plan_promotion(preprod, prod, &options).unwrap();
                assert_eq!(plan.changes().iter().count(), count);
                plan.apply(store, &context).unwrap();
            },
        );
    }

    fn operations(&mut self, packages: usize) {
        let preprod = self.preprod.clone();
        let scale = std::cell::RefCell::new(self);
        measure(
            "add one",
            31,
            || scale.borrow_mut().new_record(),
            |record| scale.borrow_mut().insert(&preprod, vec![record]),
        );
        let scale = scale.into_inner();
        let package = PackageName::parse(&packages::name(packages as u64 / 2)).unwrap();
        measure(
            "versions of one",
            31,
            || (),
            |()| {
                let head = scale.store.head(&preprod.name).unwrap().unwrap();
                assert_eq!(head.versions(&suite(), &package).unwrap().len(), 1);
            },
        );
        scale.withhold(100, packages / 100);
        let of = |revision: &str| {
            scale.store.resolve(&scale.prod.name, revision).unwrap().snapshot(&suite()).unwrap()
        };
        let (first, second) = (of("1"), of("2"));
        measure(
            "difference by 100",
            31,
            || (),
            |()| {
                let difference = scale.store.difference(&first, &second).unwrap();
                assert_eq!((difference.only_first.len(), difference.only_second.len()), (100, 0));
            },
        );
        let context = scale.context();
        measure(
            "gc, nothing to do",
            5,
            || (),
            |()| {
                let report = scale.store.collect_garbage(&GcOptions::default(), &context).unwrap();
                assert_eq!(report.removed, []);
            },
        );
        measure(
            "fsck",
            3,
            || (),
            |()| {
                let report = scale.store.fsck(&FsckOptions::default(), &context).unwrap();
                assert!(
                    report
                        .problems
                        .iter()
                        .all(|problem| problem.kind == repo_store::maintenance::fsck::ProblemKind::Mode)
                );
            },
        );
        scale.promote(1, 1);
        scale.promote(1000, packages / 1000);
        scale.promote(1000, 1);
        scale.roll_back(100, packages / 100);
        scale.roll_back(100, 1);
    }

    fn roll_back(&mut self, count: usize, step: usize) {
        let scale = std::cell::RefCell::new(self);
        measure(
            &format!("roll back {count}, every {step}."),
            11,
            || scale.borrow_mut().withhold(count, step),
            |()| {
                let mut scale = scale.borrow_mut();
                let context = scale.context();
                let head = scale.store.head(&scale.prod.name).unwrap().unwrap();
                let before = head.parent().unwrap().unwrap();
                scale.store.plan_rollback(&before, &[]).unwrap().apply(&scale.store, &context).unwrap();
            },
        );
    }
}
