//! A store in a temporary directory, and packages for it.

use std::num::NonZeroUsize;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use apt_index::pool::PackageKind;
use apt_sign::{OpenPgpSigner, SecretKey};
use camino::{Utf8Path, Utf8PathBuf};
use deb_parse::checksum::Sha256;
use deb_parse::control::BinaryControl;
use deb_parse::deb::Builder;
use deb_parse::{Architecture, Component, Limits, PackageName, SuiteName, Version};
use jiff::Timestamp;
use repo_store::model::BlobId;
use repo_store::model::record::{Digests, Record};
use repo_store::operations::import::{AddError, AddReport};
use repo_store::progress::Progress;
use repo_store::publish::PublishReport;
use repo_store::{
    AddOptions, Context, PublishOptions, RepositoryName, RepositorySettings, Store, SuiteSettings,
};

/// A store, and a directory beside it for files.
pub(crate) struct Fixture {
    directory: tempfile::TempDir,
    pub(crate) store: Store,
    pub(crate) preprod: RepositorySettings,
}

impl Fixture {
    /// With the suites `bookworm` and `trixie`.
    pub(crate) fn new() -> Self {
        Self::at(tempfile::tempdir().unwrap())
    }

    /// The same on a file system in memory where there is one: for thousands of small writes.
    pub(crate) fn in_memory() -> Self {
        Self::at(tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap())
    }

    fn at(directory: tempfile::TempDir) -> Self {
        let store = Store::create(&path(directory.path()).join("root")).unwrap();
        Self { directory, store, preprod: settings("preprod", &["bookworm", "trixie"]) }
    }

    /// Writes a package file that installs one file with `content`.
    pub(crate) fn package(
        &self,
        name: &str,
        version: &str,
        architecture: &str,
        content: &str,
    ) -> Utf8PathBuf {
        let bytes = Builder::new(
            PackageName::parse(name).unwrap(),
            Version::parse(version).unwrap(),
            Architecture::parse(architecture).unwrap(),
        )
        .description(format!("test package {name}"))
        .file(format!("usr/share/{name}/content"), content, 0o644)
        .build()
        .unwrap();
        let digest = BlobId::of(&bytes).short();
        self.file(&format!("{name}-{digest}.deb"), &bytes)
    }

    /// Writes a file beside the store.
    pub(crate) fn file(&self, name: &str, bytes: &[u8]) -> Utf8PathBuf {
        let file = path(self.directory.path()).join(name);
        std::fs::write(&file, bytes).unwrap();
        file
    }

    /// Writes a package file that was built from the source package `source`.
    pub(crate) fn package_of(
        &self,
        name: &str,
        version: &str,
        architecture: &str,
        source: &str,
    ) -> Utf8PathBuf {
        let bytes = Builder::new(
            PackageName::parse(name).unwrap(),
            Version::parse(version).unwrap(),
            Architecture::parse(architecture).unwrap(),
        )
        .field("Source", source)
        .build()
        .unwrap();
        let file = path(self.directory.path()).join(format!("{name}_{version}_{architecture}.deb"));
        std::fs::write(&file, bytes).unwrap();
        file
    }

    /// Adds files; all are taken.
    pub(crate) fn add(&self, files: &[Utf8PathBuf]) {
        self.try_add(files).into_result().unwrap();
    }

    /// Adds files, or none of them; returns what became of each.
    pub(crate) fn try_add(&self, files: &[Utf8PathBuf]) -> AddReport {
        let added = self.store.add(&self.preprod, files, &AddOptions::default(), &context(0));
        added.or_else(AddError::into_report).unwrap()
    }
}

pub(crate) fn settings(name: &str, suites: &[&str]) -> RepositorySettings {
    let architectures = ["amd64", "arm64"].map(|name| Architecture::parse(name).unwrap()).to_vec();
    let suites = suites.iter().map(|suite| SuiteSettings::new(self::suite(suite), architectures.clone()));
    RepositorySettings::new(RepositoryName::parse(name).unwrap(), suites.collect())
}

pub(crate) fn suite(name: &str) -> SuiteName {
    SuiteName::parse(name).unwrap()
}

/// A moment some seconds after a fixed one.
pub(crate) fn context(seconds: i64) -> Context {
    Context {
        actor: "tester".to_owned(),
        signer: None,
        now: Timestamp::from_second(1_790_000_000 + seconds).unwrap(),
        threads: NonZeroUsize::new(2).unwrap(),
        progress: Progress::silent(),
    }
}

/// A record of a package that is in no file: for what looks at records only.
pub(crate) fn record(name: &str, version: &str) -> Arc<Record> {
    record_for(name, version, "amd64")
}

/// The same for an architecture.
pub(crate) fn record_for(name: &str, version: &str, architecture: &str) -> Arc<Record> {
    let control = format!(
        "Package: {name}\nVersion: {version}\nArchitecture: {architecture}\nMaintainer: Test <test@example.org>\n\
         Description: synthetic package\n Only its control data exists.\n"
    );
    let control = BinaryControl::parse(control.as_bytes(), &Limits::default()).unwrap();
    let blob = BlobId::of(format!("{name} {version} {architecture}").as_bytes());
    let digests = Digests { sha256: Sha256::from_bytes([0; 32]), md5: None, sha1: None };
    Arc::new(
        Record::new(&control, Component::parse("main").unwrap(), PackageKind::Deb, blob, 1, &digests)
            .unwrap(),
    )
}

pub(crate) fn signer() -> OpenPgpSigner {
    OpenPgpSigner::new(vec![secret_key()]).unwrap()
}

pub(crate) fn secret_key() -> SecretKey {
    let created = SystemTime::UNIX_EPOCH + Duration::from_secs(1_780_000_000);
    SecretKey::generate("Test", created, None).unwrap()
}

pub(crate) fn publish(fixture: &Fixture, signer: &OpenPgpSigner, seconds: i64) -> PublishReport {
    fixture.store.publish(&fixture.preprod, signer, &context(seconds)).unwrap()
}

/// Publishes although clients know none of the keys.
pub(crate) fn publish_with_other_keys(
    fixture: &Fixture,
    signer: &OpenPgpSigner,
    seconds: i64,
) -> PublishReport {
    let options = PublishOptions { allow_key_change: true, ..PublishOptions::default() };
    fixture.store.publish_with(&fixture.preprod, signer, options, &context(seconds)).unwrap()
}

/// Writes through the inode, as a decaying disk or somebody with the right to write does, and leaves no other trace.
pub(crate) fn overwrite(path: &Utf8Path, bytes: &[u8]) {
    let metadata = std::fs::metadata(path).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o644)).unwrap();
    std::fs::write(path, bytes).unwrap();
    let file = std::fs::File::options().write(true).open(path).unwrap();
    file.set_modified(metadata.modified().unwrap()).unwrap();
    file.set_permissions(metadata.permissions()).unwrap();
}

/// Every file, link and directory below a directory.
pub(crate) fn everything_below(directory: &Utf8Path) -> Vec<Utf8PathBuf> {
    let mut found = Vec::new();
    for entry in directory.read_dir_utf8().unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            found.extend(everything_below(entry.path()));
        }
        found.push(entry.path().to_owned());
    }
    found.sort();
    found
}

/// Every file below a directory.
pub(crate) fn files_below(directory: &Utf8Path) -> Vec<Utf8PathBuf> {
    let mut found = Vec::new();
    for entry in directory.read_dir_utf8().unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            found.extend(files_below(entry.path()));
        } else {
            found.push(entry.path().to_owned());
        }
    }
    found.sort();
    found
}

fn path(path: &Path) -> Utf8PathBuf {
    Utf8PathBuf::from_path_buf(path.to_owned()).unwrap()
}
