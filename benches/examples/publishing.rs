//! What publishing costs as a repository grows: `publishing SIZE…`.
//!
//! For each size, in processor time (user and system) and in bytes handed to and taken from the system: taking so many packages in,
//! publishing them for the first time, and then the mean of twenty for publishing nothing, one more package, its publication,
//! and its promotion to another repository; and going back once.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::num::NonZeroUsize;

use apt_sign::{OpenPgpSigner, SecretKey};
use benches::packages;
use camino::Utf8PathBuf;
use deb_parse::{Architecture, SuiteName};
use jiff::Timestamp;
use repo_store::{
    AddOptions, Context, PromoteOptions, RepositoryName, RepositorySettings, Store, SuiteSettings,
};

/// Processor time in milliseconds, and bytes read and written, since the process began.
#[derive(Clone, Copy)]
struct Spent {
    milliseconds: f64,
    read: u64,
    written: u64,
}

impl Spent {
    fn so_far() -> Self {
        let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
        // Behind the name, which may hold anything but ends with the last parenthesis.
        let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_ascii_whitespace().collect();
        let ticks: u64 = [11, 12].iter().map(|nth| fields.get(*nth).unwrap().parse::<u64>().unwrap()).sum();
        let io = std::fs::read_to_string("/proc/self/io").unwrap();
        let bytes = |name: &str| {
            io.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<u64>().ok()).unwrap()
        };
        // A tick is a hundredth of a second on every Linux in use.
        Self { milliseconds: ticks as f64 * 10.0, read: bytes("rchar:"), written: bytes("wchar:") }
    }

    fn since(self, before: Self) -> Self {
        Self {
            milliseconds: self.milliseconds - before.milliseconds,
            read: self.read - before.read,
            written: self.written - before.written,
        }
    }
}

/// So often each small change is made.
const TIMES: u64 = 20;

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
    fn new(size: u64) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let root = Utf8PathBuf::from_path_buf(directory.path().join("root")).unwrap();
        let store = Store::create(&root).unwrap();
        let created = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_780_000_000);
        let key = SecretKey::generate("Bench", created, None).unwrap();
        let suite = SuiteSettings::new(
            SuiteName::parse("bookworm").unwrap(),
            vec![Architecture::parse("amd64").unwrap()],
        );
        let settings =
            |name| RepositorySettings::new(RepositoryName::parse(name).unwrap(), vec![suite.clone()]);
        let (preprod, prod) = (settings("preprod"), settings("prod"));
        let signer = OpenPgpSigner::new(vec![key]).unwrap();
        Self { _directory: directory, root, store, signer, preprod, prod, size, seconds: 0 }
    }

    fn context(&mut self) -> Context {
        self.seconds += 1;
        Context {
            actor: "bench".to_owned(),
            now: Timestamp::from_second(1_790_000_000 + self.seconds).unwrap(),
            threads: NonZeroUsize::new(2).unwrap(),
        }
    }

    fn add(&mut self, numbers: std::ops::Range<u64>) {
        let folder = self.root.with_file_name("packages");
        std::fs::create_dir_all(&folder).unwrap();
        let files: Vec<Utf8PathBuf> = numbers.map(|number| folder.join(format!("{number}.deb"))).collect();
        let context = self.context();
        let report = self.store.add(&self.preprod, &files, &AddOptions::default(), &context).unwrap();
        assert_eq!((report.added.len(), report.refused.len()), (files.len(), 0));
    }

    fn make(&self, numbers: std::ops::Range<u64>) {
        let folder = self.root.with_file_name("packages");
        std::fs::create_dir_all(&folder).unwrap();
        for number in numbers {
            std::fs::write(folder.join(format!("{number}.deb")), packages::archive(number).unwrap()).unwrap();
        }
    }

    /// Publishes; says whether there was anything to publish.
    fn publish(&mut self, repository: &RepositorySettings) -> bool {
        let context = self.context();
        self.store.publish(repository, &self.signer, &context).unwrap().publication.is_some()
    }

    /// Promotes one package, or all that `prod` lacks.
    fn promote(&mut self, package: Option<u64>) {
        let selectors = package.map(|number| packages::name(number).parse().unwrap()).into_iter().collect();
        let options =
            PromoteOptions { selectors, everything: package.is_none(), ..PromoteOptions::default() };
        let plan = self.store.plan_promotion(&self.preprod, &self.prod, &options).unwrap();
        let context = self.context();
        let (from, to) = (&self.preprod.name, &self.prod.name);
        let committed = self.store.promote(&plan, from, to, false, &context).unwrap();
        assert!(committed.commit.is_some());
    }

    fn roll_back(&mut self) {
        let context = self.context();
        let head = self.store.head(&self.prod.name).unwrap().unwrap();
        let before = head.parent().unwrap().unwrap();
        assert!(self.store.roll_back(&before, &[], &context).unwrap().commit.is_some());
    }

    fn step(&mut self, name: &str, times: u64, mut work: impl FnMut(&mut Self, u64)) {
        let before = Spent::so_far();
        for nth in 0..times {
            work(self, nth);
        }
        let Spent { milliseconds, read, written } = Spent::so_far().since(before);
        let each = |sum: u64| sum / times;
        println!(
            "| {} | {name} | {:.1} | {} | {} |",
            self.size,
            milliseconds / times as f64,
            each(read),
            each(written)
        );
    }

    fn run(&mut self) {
        let (preprod, prod, size) = (self.preprod.clone(), self.prod.clone(), self.size);
        self.make(0..size + 2 * TIMES);
        self.step("take in", 1, |trial, _| trial.add(0..size));
        self.step("publish for the first time", 1, |trial, _| assert!(trial.publish(&preprod)));
        self.promote(None);
        assert!(self.publish(&prod));
        self.step("publish nothing", TIMES, |trial, _| assert!(!trial.publish(&preprod)));
        self.step("add one", TIMES, |trial, nth| trial.add(size + nth..size + nth + 1));
        assert!(self.publish(&preprod));
        self.step("add one and publish", TIMES, |trial, nth| {
            trial.add(size + TIMES + nth..size + TIMES + nth + 1);
            assert!(trial.publish(&preprod));
        });
        self.step("promote one and publish", TIMES, |trial, nth| {
            trial.promote(Some(size + nth));
            assert!(trial.publish(&prod));
        });
        self.step("go back and publish", 1, |trial, _| {
            trial.roll_back();
            assert!(trial.publish(&prod));
        });
    }
}

fn main() {
    println!("| packages | work | CPU ms | bytes read | bytes written |\n|---|---|---|---|---|");
    for size in std::env::args().skip(1) {
        Trial::new(size.parse().unwrap()).run();
    }
}
