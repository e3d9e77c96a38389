//! Changing and publishing a repository: the cost must follow the change and not the size of the suite.
//!
//! Wall time, with every sync that makes a commit durable: run it on the file system that matters (`TMPDIR`).

#![allow(clippy::unwrap_used)]

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex};

use apt_index::pool::PackageKind;
use apt_sign::{OpenPgpSigner, SecretKey};
use benches::inputs::in_trial_or;
use benches::packages;
use camino::Utf8PathBuf;
use deb_parse::checksum::Sha256;
use deb_parse::control::BinaryControl;
use deb_parse::{Architecture, Component, Limits, PackageName, SuiteName};
use divan::Bencher;
use divan::counter::ItemsCount;
use jiff::Timestamp;
use repo_store::model::BlobId;
use repo_store::model::record::{Digests, Record};
use repo_store::operations::promotion::PromoteOptions;
use repo_store::progress::Progress;
use repo_store::{AddOptions, Context, RepositoryName, RepositorySettings, Store, SuiteSettings};

fn main() {
    divan::main();
    // Statics are not dropped, and their directories would stay.
    FILLED.lock().unwrap().clear();
    PUBLISHED.lock().unwrap().clear();
}

/// Made once for all benches: filling the large one takes long.
static FILLED: LazyLock<Mutex<HashMap<u64, Arc<Filled>>>> = LazyLock::new(Mutex::default);
static PUBLISHED: LazyLock<Mutex<HashMap<u64, Arc<Published>>>> = LazyLock::new(Mutex::default);

fn sizes() -> [u64; 3] {
    in_trial_or([200, 400, 800], [1_000, 10_000, 100_000])
}

/// How many real packages are added before one more is published.
fn published_sizes() -> [u64; 2] {
    in_trial_or([5, 20], [1_500, 10_000])
}

fn suite() -> SuiteName {
    SuiteName::parse("bookworm").unwrap()
}

fn settings(name: &str) -> RepositorySettings {
    let architectures = vec![Architecture::parse("amd64").unwrap()];
    RepositorySettings::new(
        RepositoryName::parse(name).unwrap(),
        vec![SuiteSettings::new(suite(), architectures)],
    )
}

/// Each a second later than the one before, as publications are.
fn context() -> Context {
    static SECONDS: AtomicU64 = AtomicU64::new(0);
    let seconds = i64::try_from(SECONDS.fetch_add(1, Ordering::Relaxed)).unwrap();
    Context {
        actor: "bench".to_owned(),
        signer: None,
        now: Timestamp::from_second(1_790_000_000 + seconds).unwrap(),
        threads: NonZeroUsize::new(2).unwrap(),
        progress: Progress::silent(),
    }
}

/// The record of a package without a file: enough for all that does not publish.
fn record(number: u64) -> Arc<Record> {
    let text = packages::control(number);
    let control = BinaryControl::parse(text.as_bytes(), &Limits::default()).unwrap();
    let digests = Digests { sha256: Sha256::of(text.as_bytes()), md5: None, sha1: None };
    let (component, blob) = (Component::parse("main").unwrap(), BlobId::of(text.as_bytes()));
    Arc::new(Record::new(&control, component, PackageKind::Deb, blob, 1, &digests).unwrap())
}

fn insert(store: &Store, repository: &RepositorySettings, mut records: Vec<Arc<Record>>) {
    records.sort_by(|a, b| a.key().cmp(b.key()));
    let (committed, ()) = store
        .transact(&repository.name, &context(), |transaction| {
            for record in &records {
                transaction.insert(&suite(), record)?;
            }
            Ok((repo_store::history::Operation::Other("add".to_owned()), ()))
        })
        .unwrap();
    assert!(committed.commit.is_some());
}

/// A store on disk whose repositories `preprod` and `prod` started with the same packages: the commit 1, to which each
/// bench goes back.
struct Filled {
    _directory: tempfile::TempDir,
    store: Store,
    preprod: RepositorySettings,
    prod: RepositorySettings,
    size: u64,
    next: AtomicU64,
}

impl Filled {
    fn get(size: u64) -> Arc<Self> {
        Arc::clone(FILLED.lock().unwrap().entry(size).or_insert_with(|| Arc::new(Self::new(size))))
    }

    fn new(size: u64) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let root = Utf8PathBuf::from_path_buf(directory.path().join("root")).unwrap();
        let store = Store::create(&root).unwrap();
        let (preprod, prod) = (settings("preprod"), settings("prod"));
        insert(&store, &preprod, (0..size).map(record).collect());
        insert(&store, &prod, (0..size).map(record).collect());
        Self { _directory: directory, store, preprod, prod, size, next: AtomicU64::new(size) }
    }

    fn count(&self, repository: &RepositorySettings) -> u64 {
        self.store.head(&repository.name).unwrap().unwrap().snapshot(&suite()).unwrap().records()
    }

    /// Takes that many packages, evenly spread, out of `prod`.
    fn withhold(&self, count: u64) {
        let head = self.store.resolve(&self.prod.name, "1").unwrap();
        self.store.plan_rollback(&head, &[]).unwrap().apply(&self.store, &context()).unwrap();
        let (committed, ()) = self
            .store
            .transact(&self.prod.name, &context(), |transaction| {
                for nth in 0..count {
                    transaction.remove(&suite(), record(nth * (self.size / count)).key())?;
                }
                Ok((repo_store::history::Operation::Other("withhold".to_owned()), ()))
            })
            .unwrap();
        assert!(committed.commit.is_some());
        assert_eq!(self.count(&self.prod), self.size - count);
    }
}

#[divan::bench(args = sizes(), sample_size = 1)]
fn add_one(bencher: Bencher<'_, '_>, size: u64) {
    let filled = Filled::get(size);
    bencher.with_inputs(|| record(filled.next.fetch_add(1, Ordering::Relaxed))).bench_local_values(
        |record| {
            let before = filled.count(&filled.preprod);
            insert(&filled.store, &filled.preprod, vec![record]);
            assert_eq!(filled.count(&filled.preprod), before + 1);
        },
    );
}

#[divan::bench(args = sizes())]
fn versions_of_one(bencher: Bencher<'_, '_>, size: u64) {
    let filled = Filled::get(size);
    let package = PackageName::parse(&packages::name(size / 2)).unwrap();
    bencher.bench_local(|| {
        let head = filled.store.head(&filled.preprod.name).unwrap().unwrap();
        assert_eq!(head.versions(&suite(), &package).unwrap().len(), 1);
    });
}

#[divan::bench(args = sizes())]
fn difference_by_100(bencher: Bencher<'_, '_>, size: u64) {
    let filled = Filled::get(size);
    let first = filled.store.resolve(&filled.prod.name, "1").unwrap().snapshot(&suite()).unwrap();
    filled.withhold(100);
    let second = filled.store.head(&filled.prod.name).unwrap().unwrap().snapshot(&suite()).unwrap();
    bencher.bench_local(|| {
        let difference = filled.store.difference(&first, &second).unwrap();
        assert_eq!((difference.only_first.len(), difference.only_second.len()), (100, 0));
    });
}

fn promote(bencher: Bencher<'_, '_>, size: u64, count: u64) {
    let filled = Filled::get(size);
    // Both start equal, whatever was added before.
    let start = filled.store.resolve(&filled.preprod.name, "1").unwrap();
    filled.store.plan_rollback(&start, &[]).unwrap().apply(&filled.store, &context()).unwrap();
    let options = PromoteOptions { everything: true, ..PromoteOptions::default() };
    bencher.counter(ItemsCount::new(count)).with_inputs(|| filled.withhold(count)).bench_local_values(|()| {
        let plan = filled.store.plan_promotion(&filled.preprod, &filled.prod, &options).unwrap();
        plan.apply(&filled.store, &context()).unwrap();
        assert_eq!(filled.count(&filled.prod), size);
    });
}

#[divan::bench(args = sizes(), sample_count = 20, sample_size = 1)]
fn promote_one(bencher: Bencher<'_, '_>, size: u64) {
    promote(bencher, size, 1);
}

/// A hundred in a trial.
#[divan::bench(args = sizes(), sample_count = 20, sample_size = 1)]
fn promote_1000(bencher: Bencher<'_, '_>, size: u64) {
    promote(bencher, size, in_trial_or(100, 1000));
}

#[divan::bench(args = sizes(), sample_count = 50, sample_size = 1)]
fn roll_back(bencher: Bencher<'_, '_>, size: u64) {
    let filled = Filled::get(size);
    bencher.with_inputs(|| filled.withhold(100)).bench_local_values(|()| {
        let head = filled.store.head(&filled.prod.name).unwrap().unwrap();
        filled
            .store
            .plan_rollback(&head.parent().unwrap().unwrap(), &[])
            .unwrap()
            .apply(&filled.store, &context())
            .unwrap();
        assert_eq!(filled.count(&filled.prod), size);
    });
}

/// A repository with files, published once.
struct Published {
    directory: tempfile::TempDir,
    store: Store,
    repository: RepositorySettings,
    signer: OpenPgpSigner,
    next: AtomicU64,
}

impl Published {
    fn get(size: u64) -> Arc<Self> {
        Arc::clone(PUBLISHED.lock().unwrap().entry(size).or_insert_with(|| Arc::new(Self::new(size))))
    }

    fn new(size: u64) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let root = Utf8PathBuf::from_path_buf(directory.path().join("root")).unwrap();
        let created = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_780_000_000);
        let published = Self {
            store: Store::create(&root).unwrap(),
            directory,
            repository: settings("preprod"),
            signer: OpenPgpSigner::new(vec![SecretKey::generate("Bench", created, None).unwrap()]).unwrap(),
            next: AtomicU64::new(0),
        };
        published.add(size);
        assert!(published.publish());
        published
    }

    fn add(&self, count: u64) {
        let first = self.next.fetch_add(count, Ordering::Relaxed);
        let files: Vec<Utf8PathBuf> = (first..first + count)
            .map(|number| {
                let path = self.directory.path().join(format!("{number}.deb"));
                std::fs::write(&path, packages::archive(number).unwrap()).unwrap();
                Utf8PathBuf::from_path_buf(path).unwrap()
            })
            .collect();
        let report = self.store.add(&self.repository, &files, &AddOptions::default(), &context()).unwrap();
        assert_eq!(report.added.len() as u64, count);
    }

    /// Whether there was something to publish.
    fn publish(&self) -> bool {
        self.store.publish(&self.repository, &self.signer, &context()).unwrap().publication.is_some()
    }
}

#[divan::bench(args = published_sizes(), sample_count = 50, sample_size = 1)]
fn publish_one_added(bencher: Bencher<'_, '_>, size: u64) {
    let published = Published::get(size);
    bencher.with_inputs(|| published.add(1)).bench_local_values(|()| assert!(published.publish()));
}

#[divan::bench(args = published_sizes())]
fn publish_nothing(bencher: Bencher<'_, '_>, size: u64) {
    let published = Published::get(size);
    published.publish();
    bencher.bench_local(|| assert!(!published.publish()));
}
