//! What publishing costs as a repository grows: `publishing [--contents] SIZE…`.
//!
//! For each size: taking so many packages in, publishing them for the first time, publishing nothing, one more package, its
//! publication with and without patches, its promotion to another repository, and going back. With `--contents`, packages have
//! realistic lists of files, and `Contents` is published.
//!
//! Small changes are made twenty times; of processor time (user and system) the median counts, and of all else the mean; now
//! and then small segments are merged, so there is a mean of processor time as well. Read and written is what was
//! taken from and handed to the system. Hashed are the packages taken in, and what publishing reports.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::print_stdout)]

use std::num::NonZeroUsize;
use std::ops::Range;

use apt_sign::{OpenPgpSigner, SecretKey};
use benches::packages;
use camino::Utf8PathBuf;
use deb_parse::{Architecture, SuiteName};
use jiff::Timestamp;
use repo_store::operations::promotion::PromoteOptions;
use repo_store::progress::Progress;
use repo_store::{AddOptions, Context, RepositoryName, RepositorySettings, Store, SuiteSettings};

/// Processor time in milliseconds, and bytes read and written, since the process began.
#[derive(Clone, Copy)]
struct Spent {
    milliseconds: f64,
    read: u64,
    written: u64,
}

impl Spent {
    fn so_far() -> Self {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        let io = std::fs::read_to_string("/proc/self/io").unwrap();
        let bytes = |name: &str| {
            io.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<u64>().ok()).unwrap()
        };
        Self {
            milliseconds: time.tv_sec as f64 * 1e3 + time.tv_nsec as f64 / 1e6,
            read: bytes("rchar:"),
            written: bytes("wchar:"),
        }
    }
}

/// So often each small change is made.
const TIMES: u64 = 20;
/// From so many earlier states there are patches.
const PATCHES: u64 = RepositorySettings::DEFAULT_PDIFFS as u64;

struct Trial {
    _directory: tempfile::TempDir,
    root: Utf8PathBuf,
    store: Store,
    signer: OpenPgpSigner,
    preprod: RepositorySettings,
    prod: RepositorySettings,
    size: u64,
    seconds: i64,
}

impl Trial {
    fn new(size: u64, contents: bool) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let root = Utf8PathBuf::from_path_buf(directory.path().join("root")).unwrap();
        let store = Store::create(&root).unwrap();
        let created = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_780_000_000);
        let key = SecretKey::generate("Bench", created, None).unwrap();
        let suite = SuiteSettings::new(
            SuiteName::parse("bookworm").unwrap(),
            vec![Architecture::parse("amd64").unwrap()],
        );
        let settings = |name| {
            let name = RepositoryName::parse(name).unwrap();
            let mut settings = RepositorySettings::new(name, vec![suite.clone()]);
            settings.contents = contents;
            settings
        };
        let (preprod, prod) = (settings("preprod"), settings("prod"));
        let signer = OpenPgpSigner::new(vec![key]).unwrap();
        Self { _directory: directory, root, store, signer, preprod, prod, size, seconds: 0 }
    }

    fn context(&mut self) -> Context {
        self.seconds += 1;
        Context {
            actor: "bench".to_owned(),
            signer: None,
            now: Timestamp::from_second(1_790_000_000 + self.seconds).unwrap(),
            threads: NonZeroUsize::new(2).unwrap(),
            progress: Progress::silent(),
        }
    }

    fn file(&self, number: u64) -> Utf8PathBuf {
        self.root.with_file_name("packages").join(format!("{number}.deb"))
    }

    fn make(&self, numbers: Range<u64>) {
        std::fs::create_dir_all(self.root.with_file_name("packages")).unwrap();
        let archive = if self.preprod.contents { packages::archive_with_files } else { packages::archive };
        for number in numbers {
            std::fs::write(self.file(number), archive(number).unwrap()).unwrap();
        }
    }

    /// Takes packages in; returns how many bytes that are.
    fn add(&mut self, numbers: Range<u64>) -> u64 {
        let files: Vec<Utf8PathBuf> = numbers.map(|number| self.file(number)).collect();
        let context = self.context();
        let report = self.store.add(&self.preprod, &files, &AddOptions::default(), &context).unwrap();
        assert_eq!((report.added.len(), report.refused.len()), (files.len(), 0));
        files.iter().map(|file| file.metadata().unwrap().len()).sum()
    }

    /// Publishes a change; returns how many bytes were hashed.
    fn publish(&mut self, repository: &RepositorySettings) -> u64 {
        let context = self.context();
        let report = self.store.publish(repository, &self.signer, &context).unwrap();
        assert!(report.publication.is_some() && report.unlisted.is_empty());
        report.hashed
    }

    fn publish_nothing(&mut self, repository: &RepositorySettings) -> u64 {
        let context = self.context();
        let report = self.store.publish(repository, &self.signer, &context).unwrap();
        assert!(report.publication.is_none());
        report.hashed
    }

    /// Promotes one package, or all that `prod` lacks.
    fn promote(&mut self, package: Option<u64>) {
        let selectors = package.map(|number| packages::name(number).parse().unwrap()).into_iter().collect();
        let options =
            PromoteOptions { selectors, everything: package.is_none(), ..PromoteOptions::default() };
        let plan = self.store.plan_promotion(&self.preprod, &self.prod, &options).unwrap();
        let context = self.context();
        let committed = plan.apply(&self.store, &context).unwrap();
        assert!(committed.commit.is_some());
    }

    fn roll_back(&mut self) {
        let context = self.context();
        let head = self.store.head(&self.prod.name).unwrap().unwrap();
        let before = head.parent().unwrap().unwrap();
        assert!(
            self.store
                .plan_rollback(&before, &[])
                .unwrap()
                .apply(&self.store, &context)
                .unwrap()
                .commit
                .is_some()
        );
    }

    /// Measures what `work` costs, which returns how many bytes it hashed.
    fn step(&mut self, name: &str, times: u64, mut work: impl FnMut(&mut Self, u64) -> u64) {
        let before = Spent::so_far();
        let (mut milliseconds, mut hashed, mut last) = (Vec::new(), 0, before);
        for nth in 0..times {
            hashed += work(self, nth);
            let now = Spent::so_far();
            milliseconds.push(now.milliseconds - last.milliseconds);
            last = now;
        }
        milliseconds.sort_unstable_by(f64::total_cmp);
        let mean = milliseconds.iter().sum::<f64>() / times as f64;
        let kilobytes = |sum: u64| sum.div_ceil(times).div_ceil(1000);
        println!(
            "| {} | {name} | {:.1} | {mean:.1} | {} | {} | {} |",
            self.size,
            milliseconds[milliseconds.len() / 2],
            kilobytes(last.read - before.read),
            kilobytes(last.written - before.written),
            kilobytes(hashed),
        );
    }

    fn run(&mut self) {
        let (preprod, prod, size) = (self.preprod.clone(), self.prod.clone(), self.size);
        let mut without = preprod.clone();
        without.pdiffs = 0;
        let mut new = size..;
        let mut next = move || new.next().map(|number| number..number + 1).unwrap();
        self.make(0..size + 3 * TIMES + PATCHES);
        self.step("take in", 1, |trial, _| trial.add(0..size));
        self.step("publish for the first time", 1, |trial, _| trial.publish(&without));
        self.promote(None);
        self.publish(&prod);
        self.step("publish nothing", TIMES, |trial, _| trial.publish_nothing(&without));
        self.step("add one", TIMES, |trial, _| trial.add(next()));
        self.publish(&without);
        self.step("add one and publish, without patches", TIMES, |trial, _| {
            trial.add(next()) + trial.publish(&without)
        });
        for _ in 0..PATCHES {
            self.add(next());
            self.publish(&preprod);
        }
        self.step("add one and publish", TIMES, |trial, _| trial.add(next()) + trial.publish(&preprod));
        self.step("promote one and publish", TIMES, |trial, nth| {
            trial.promote(Some(size + nth));
            trial.publish(&prod)
        });
        self.step("go back and publish", 1, |trial, _| {
            trial.roll_back();
            trial.publish(&prod)
        });
    }
}

fn main() {
    println!(
        "| packages | work | CPU ms, median | mean | KB read | KB written | KB hashed |\n|---|---|---|---|---|---|---|"
    );
    let (options, sizes): (Vec<String>, _) = std::env::args().skip(1).partition(|word| word.starts_with('-'));
    let contents = options == ["--contents"];
    assert!(contents || options.is_empty(), "usage: publishing [--contents] SIZE…");
    for size in sizes {
        Trial::new(size.parse().unwrap(), contents).run();
    }
}
