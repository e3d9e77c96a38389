//! A reader of packages that fails says nothing of the package.

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use camino::Utf8Path;
use deb_parse::checksum::HashKinds;
use deb_parse::deb::tarball::Tarball;
use deb_parse::deb::{Options, Package};
use deb_parse::{Architecture, Limits, SuiteName};
use jiff::Timestamp;

use crate::context::Context;
use crate::error::{Error, ImportError};
use crate::model::name::RepositoryName;
use crate::operations::import::AddOptions;
use crate::package_reader::{InThisProcess, PackageError, PackageReader};
use crate::settings::{RepositorySettings, SuiteSettings};
use crate::storage::Memory;
use crate::store::Store;
use crate::tests::packages;
use crate::tests::signer::RememberingSigner;

/// Fails so often before it reads.
#[derive(Debug)]
struct Failing(AtomicU32);

impl Failing {
    fn fails(&self) -> bool {
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
    }
}

impl PackageReader for Failing {
    fn read_package(&self, file: &mut dyn Read, options: &Options) -> Result<Package, PackageError> {
        if self.fails() {
            return Err(PackageError::ReaderFailed("it ended".into()));
        }
        InThisProcess.read_package(file, options)
    }

    fn read_tarball(
        &self,
        file: &mut dyn Read,
        size: u64,
        hashes: HashKinds,
        limits: &Limits,
    ) -> Result<Tarball, PackageError> {
        InThisProcess.read_tarball(file, size, hashes, limits)
    }
}

fn context(seconds: i64) -> Context {
    Context::new("tester", Timestamp::from_second(seconds).unwrap())
}

fn settings(contents: bool) -> RepositorySettings {
    let suite =
        SuiteSettings::new(SuiteName::parse("trixie").unwrap(), vec![Architecture::parse("amd64").unwrap()]);
    let mut settings = RepositorySettings::new(RepositoryName::parse("prod").unwrap(), vec![suite]);
    settings.contents = contents;
    settings
}

fn store(memory: &Memory, failures: u32) -> Store {
    let reader = Failing(AtomicU32::new(failures));
    Store::with_storage("none".into(), memory.clone()).with_package_reader(Arc::new(reader))
}

#[test]
fn a_package_is_read_once_more_and_refused_when_its_reader_fails_again() {
    let directory = tempfile::tempdir().unwrap();
    let file = [packages::package(Utf8Path::from_path(directory.path()).unwrap(), "hello", "1.0")];
    let add = |failures| {
        let store = store(&Memory::default(), failures);
        let report = store.add(&settings(false), &file, &AddOptions::default(), &context(0));
        report.map(|report| report.added.len()).map_err(Error::from)
    };
    assert_eq!(add(1).unwrap(), 1);
    let refused = add(2).unwrap_err();
    assert!(
        matches!(refused, Error::Import(ImportError::Package { source: PackageError::ReaderFailed(_), .. })),
        "{refused}"
    );
}

#[test]
fn an_index_is_not_made_without_a_package_whose_reader_failed() {
    let directory = tempfile::tempdir().unwrap();
    let file = [packages::package(Utf8Path::from_path(directory.path()).unwrap(), "hello", "1.0")];
    let (memory, signer) = (Memory::default(), RememberingSigner::new(0));
    let added = store(&memory, 0).add(&settings(false), &file, &AddOptions::default(), &context(0));
    added.unwrap().into_result().unwrap();
    let publish = |failures, time| {
        store(&memory, failures)
            .publish(&settings(true), &signer, &context(time))
            .map(|report| report.unlisted)
    };
    assert!(publish(1, 10).is_err());
    assert!(publish(0, 20).unwrap().is_empty());
}
