//! One piece of work on a store: `store_work prepare DIRECTORY` makes the store, `store_work NAME DIRECTORY` does the work. `count` runs it.
//!
//! The store has two repositories of 500 packages, which are published, and package files to add. The work is done once before it is
//! done in [`measured`], which is all that is counted: what is only made once for a process is not.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::hint::black_box;
use std::time::{Duration, SystemTime};

use apt_sign::{Keyring, OpenPgpSigner, SecretKey, Signer as _};
use benches::packages;
use camino::{Utf8Path, Utf8PathBuf};
use deb_parse::{Architecture, SuiteName};
use jiff::{SignedDuration, Timestamp};
use repo_store::maintenance::gc::GcOptions;
use repo_store::operations::promotion::PromoteOptions;
use repo_store::{AddOptions, Context, RepositoryName, RepositorySettings, Store, SuiteSettings};

const PACKAGES: u64 = 500;
/// Package files for the work that is done first, and for the one that is counted.
const MORE: u64 = 2;
const START: i64 = 1_790_000_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name, directory] = arguments.as_slice() else {
        return Err("usage: store_work prepare|NAME DIRECTORY".into());
    };
    let directory = Utf8Path::new(directory);
    if name == "prepare" {
        return prepare(directory);
    }
    let mut trial = Trial::open(directory)?;
    let work = work(name).ok_or_else(|| format!("no work is named {name}"))?;
    for number in 0..MORE {
        (work.prepare)(&mut trial, PACKAGES + number);
        if number + 1 < MORE {
            (work.run)(&mut trial, PACKAGES + number);
        } else {
            measured(work.run, &mut trial, PACKAGES + number);
        }
    }
    Ok(())
}

/// What is counted.
#[inline(never)]
fn measured(run: fn(&mut Trial, u64), trial: &mut Trial, number: u64) {
    run(black_box(trial), black_box(number));
}

/// A piece of work on the package with a number, and what has to be done before it.
struct Work {
    prepare: fn(&mut Trial, u64),
    run: fn(&mut Trial, u64),
}

fn work(name: &str) -> Option<Work> {
    let [prepare, run]: [fn(&mut Trial, u64); 2] = match name {
        "add" => [|_, _| {}, Trial::add],
        "publish" => [Trial::add, |trial, _| trial.publish()],
        "publish-nothing" => [|_, _| {}, |trial, _| trial.publish_nothing()],
        "promote" => [Trial::add, Trial::promote],
        "diff" => [Trial::add, |trial, _| trial.diff()],
        "rollback" => [Trial::add, |trial, _| trial.roll_back()],
        "gc" => [|_, _| {}, |trial, _| trial.collect()],
        "list" => [|_, _| {}, |trial, _| trial.list()],
        "sign" => [|_, _| {}, |trial, _| trial.sign()],
        "verify" => [|_, _| {}, |trial, _| trial.verify()],
        _ => return None,
    };
    Some(Work { prepare, run })
}

fn prepare(directory: &Utf8Path) -> Result<(), Box<dyn std::error::Error>> {
    std::fs::create_dir_all(directory.join("packages"))?;
    for number in 0..PACKAGES + MORE {
        std::fs::write(file(directory, number), packages::archive(number)?)?;
    }
    let created = SystemTime::UNIX_EPOCH + Duration::from_secs(1_780_000_000);
    let key = SecretKey::generate("Bench", created, None)?;
    std::fs::write(directory.join("key.asc"), key.to_armored()?.as_bytes())?;
    Store::create(&directory.join("root"))?;
    let mut trial = Trial::open(directory)?;
    let files: Vec<Utf8PathBuf> = (0..PACKAGES).map(|number| file(directory, number)).collect();
    let context = trial.context();
    trial.store.add(&trial.preprod, &files, &AddOptions::default(), &context)?.into_result()?;
    trial.publish();
    let everything = PromoteOptions { everything: true, ..PromoteOptions::default() };
    let context = trial.context();
    trial.store.plan_promotion(&trial.preprod, &trial.prod, &everything)?.apply(&trial.store, &context)?;
    let context = trial.context();
    trial.store.publish(&trial.prod, &trial.signer, &context)?;
    let release = trial.store.root().join("public/prod/dists/bookworm");
    std::fs::copy(release.join("Release"), directory.join("Release"))?;
    std::fs::copy(release.join("InRelease"), directory.join("InRelease"))?;
    Ok(())
}

fn file(directory: &Utf8Path, number: u64) -> Utf8PathBuf {
    directory.join("packages").join(format!("{number}.deb"))
}

struct Trial {
    directory: Utf8PathBuf,
    store: Store,
    signer: OpenPgpSigner,
    keyring: Keyring,
    preprod: RepositorySettings,
    prod: RepositorySettings,
    /// Bytes of a `Release` and of an `InRelease`, once there are some.
    signed: [Vec<u8>; 2],
    seconds: i64,
}

impl Trial {
    fn open(directory: &Utf8Path) -> Result<Self, Box<dyn std::error::Error>> {
        let key = SecretKey::from_bytes(&std::fs::read(directory.join("key.asc"))?, None)?;
        let suite = SuiteSettings::new(SuiteName::parse("bookworm")?, vec![Architecture::parse("amd64")?]);
        let settings = |name: &str| {
            RepositoryName::parse(name).map(|name| RepositorySettings::new(name, vec![suite.clone()]))
        };
        Ok(Self {
            store: Store::open(&directory.join("root"))?,
            keyring: Keyring::new(vec![key.certificate()]),
            signer: OpenPgpSigner::new(vec![key])?,
            preprod: settings("preprod")?,
            prod: settings("prod")?,
            signed: ["Release", "InRelease"]
                .map(|name| std::fs::read(directory.join(name)).unwrap_or_default()),
            // Later than all that was done when the store was made.
            seconds: i64::from(directory.join("Release").exists()) * 3600,
            directory: directory.to_owned(),
        })
    }

    fn context(&mut self) -> Context {
        self.seconds += 1;
        // One thread, so that the counts are those of the work.
        Context::new("bench", Timestamp::from_second(START + self.seconds).unwrap())
    }

    fn add(&mut self, number: u64) {
        let files = [file(&self.directory, number)];
        let context = self.context();
        let report = self.store.add(&self.preprod, &files, &AddOptions::default(), &context).unwrap();
        assert_eq!(report.into_result().unwrap().len(), 1);
    }

    fn publish(&mut self) {
        let context = self.context();
        let report = self.store.publish(&self.preprod, &self.signer, &context).unwrap();
        assert!(report.publication.is_some());
    }

    fn publish_nothing(&mut self) {
        let context = self.context();
        let report = self.store.publish(&self.preprod, &self.signer, &context).unwrap();
        assert!(report.publication.is_none());
    }

    fn promote(&mut self, number: u64) {
        let selectors = vec![packages::name(number).parse().unwrap()];
        let options = PromoteOptions { selectors, ..PromoteOptions::default() };
        let context = self.context();
        let plan = self.store.plan_promotion(&self.preprod, &self.prod, &options).unwrap();
        assert!(plan.apply(&self.store, &context).unwrap().commit.is_some());
    }

    fn diff(&mut self) {
        let suite = SuiteName::parse("bookworm").unwrap();
        let snapshot = |settings: &RepositorySettings| {
            self.store.head(&settings.name).unwrap().unwrap().snapshot(&suite).unwrap()
        };
        let (first, second) = (snapshot(&self.prod), snapshot(&self.preprod));
        let difference = self.store.difference(&first, &second).unwrap();
        assert!(!difference.only_second.is_empty());
    }

    fn roll_back(&mut self) {
        let context = self.context();
        let head = self.store.head(&self.preprod.name).unwrap().unwrap();
        let before = head.parent().unwrap().unwrap();
        let plan = self.store.plan_rollback(&before, &[]).unwrap();
        assert!(plan.apply(&self.store, &context).unwrap().commit.is_some());
    }

    fn collect(&mut self) {
        let options = GcOptions { grace: SignedDuration::from_hours(24), ..GcOptions::default() };
        let context = self.context();
        let report = self.store.collect_garbage(&options, &context).unwrap();
        assert!(report.removed.is_empty());
    }

    fn list(&mut self) {
        let suite = SuiteName::parse("bookworm").unwrap();
        let head = self.store.head(&self.preprod.name).unwrap().unwrap();
        let text: Vec<String> =
            head.records(&suite).unwrap().iter().map(|record| record.key().to_string()).collect();
        assert_eq!(black_box(text).len() as u64, PACKAGES);
    }

    fn sign(&mut self) {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(START.unsigned_abs());
        let signed = self.signer.sign(&self.signed[0], time).unwrap();
        black_box(signed.inline().len());
    }

    fn verify(&mut self) {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(START.unsigned_abs() + 3600);
        let verified = self.keyring.verify_inline(&self.signed[1], time).unwrap();
        assert_eq!(verified.text(), self.signed[0]);
    }
}
