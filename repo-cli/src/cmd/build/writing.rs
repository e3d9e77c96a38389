//! Writing packages: first beside the others, and under their own names when all of them are wanted.

use std::fs::{self, File};
use std::io::{self, BufWriter, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use deb_build::{Changelog, Plan, Release};
use deb_parse::checksum::{HashKinds, Hasher, Sha256};
use deb_parse::{Architecture, PackageName, Version};
use repo_store::settings::ReleaseName;
use rustix::fs::{FlockOperation, Mode, OFlags, flock};
use tempfile::TempDir;

use super::buildinfo;
use super::failure::BuildFailure;
use super::source::Source;
use super::version::Stem;
use crate::error::Failure;
use crate::output::Output;

/// A directory for packages until it is known that they are wanted. What is left in it is removed with it; what a process that was killed left is
/// removed by the next one.
pub(super) struct Scratch {
    _directory: TempDir,
    /// Held as long as the directory is in use.
    _lock: File,
    path: Utf8PathBuf,
}

/// What such directories are called.
const PREFIX: &str = ".repo-cli-build-";

/// A directory that is younger may belong to a process that has not locked it yet.
const IN_THE_MAKING: Duration = Duration::from_secs(60);

impl Scratch {
    /// Makes one where the packages are to go, so that a package is moved there whole or not at all; or else where the system keeps such files.
    pub(super) fn new(target: Option<&Utf8Path>) -> Result<Self, Failure> {
        let mut builder = tempfile::Builder::new();
        builder.prefix(PREFIX);
        let parent = target.map_or_else(std::env::temp_dir, |target| target.as_std_path().to_owned());
        let made = match target {
            Some(target) => {
                fs::create_dir_all(target).map_err(Failure::io("make", target))?;
                builder.tempdir_in(target)
            }
            None => builder.tempdir(),
        };
        remove_left_over(&parent);
        let directory = made.map_err(Failure::io("make a directory in", parent.display()))?;
        let path = Utf8Path::from_path(directory.path())
            .ok_or_else(|| Failure::NotUtf8 { path: directory.path().to_string_lossy().into_owned() })?
            .to_owned();
        let lock = lock(directory.path()).map_err(Failure::io("lock", &path))?;
        Ok(Self { _directory: directory, _lock: lock, path })
    }
}

/// Opens a directory of the user and locks it.
fn lock(directory: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(directory, flags, Mode::empty())?);
    if file.metadata()?.uid() != rustix::process::geteuid().as_raw() {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    flock(&file, FlockOperation::NonBlockingLockExclusive)?;
    Ok(file)
}

/// Removes the directories that killed processes left in another one. What cannot be removed is not in the way.
fn remove_left_over(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    for entry in entries.flatten() {
        if !entry.file_name().as_encoded_bytes().starts_with(PREFIX.as_bytes()) {
            continue;
        }
        let Ok(lock) = lock(&entry.path()) else { continue };
        let age = lock.metadata().and_then(|found| found.modified()).map(|made| made.elapsed());
        if matches!(age, Ok(Ok(age)) if age > IN_THE_MAKING) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// A package that was built.
pub(super) struct Built {
    pub(super) name: PackageName,
    pub(super) version: Version,
    pub(super) architecture: Architecture,
    pub(super) release: Option<ReleaseName>,
    pub(super) file: Utf8PathBuf,
    pub(super) size: u64,
    pub(super) installed_size: u64,
    pub(super) paths: usize,
    pub(super) sha256: Sha256,
}

impl Built {
    /// Returns the path of the file that says how the package was built, beside it.
    pub(super) fn buildinfo(&self) -> Utf8PathBuf {
        self.file.with_extension("buildinfo")
    }

    /// Moves the package and how it was built to a directory. A package of the same name with another content is replaced, with a warning.
    pub(super) fn move_to(&mut self, directory: &Utf8Path, output: &Output) -> Result<(), Failure> {
        let to = directory.join(self.file.file_name().unwrap_or_default());
        let is_replaced = match digest(&to) {
            Ok((_, sha256)) => sha256 != self.sha256,
            Err(DigestFailure::Read(error)) if error.kind() == io::ErrorKind::NotFound => false,
            Err(error) => return Err(error.at(&to)),
        };
        let buildinfo = self.buildinfo();
        fs::rename(&self.file, &to).map_err(Failure::io("write", &to))?;
        self.file = to;
        fs::rename(&buildinfo, self.buildinfo()).map_err(Failure::io("write", &self.buildinfo()))?;
        if is_replaced {
            output.warn(
                "W-BUILD-REPLACED",
                format!("{} had another content and was replaced: the version is the same", self.file),
            );
        }
        Ok(())
    }
}

/// One package to build.
pub(super) struct Build<'a> {
    pub(super) source: &'a Source,
    pub(super) changelog: &'a Changelog,
    pub(super) time: u64,
    pub(super) release: Option<ReleaseName>,
    pub(super) scratch: &'a Scratch,
}

impl Build<'_> {
    /// Builds the version with a number, and writes how it was built.
    pub(super) fn build(&self, stem: &Stem, number: u64) -> Result<Built, Failure> {
        let invalid = |source| BuildFailure::Version {
            place: self.source.file.to_string(),
            text: stem.text(number),
            source,
        };
        let version = stem.version(number).map_err(invalid)?;
        let mut release = Release::new(version.clone(), self.time).changelog(self.changelog.clone());
        if let Some(name) = self.release {
            release = release.distribution(name.series());
        }
        let failure = |error| self.source.failure(error);
        let plan = Plan::new(&self.source.spec, &self.source.folder, &release).map_err(failure)?;
        let file = self.scratch.path.join(plan.file_name());
        let output = File::create(&file).map_err(Failure::io("write", &file))?;
        let output = plan.write_to(BufWriter::new(output)).map_err(|error| match error {
            deb_build::Error::Write { source } => Failure::io("write", &file)(source),
            error => failure(error),
        })?;
        output
            .into_inner()
            .map_err(io::IntoInnerError::into_error)
            .and_then(|output| output.sync_all())
            .map_err(Failure::io("write", &file))?;
        let (size, sha256) = digest(&file).map_err(|error| error.at(&file))?;
        let built = Built {
            name: self.source.spec.name().clone(),
            version,
            architecture: plan.architecture().clone(),
            release: self.release,
            file,
            size,
            installed_size: plan.installed_size(),
            paths: plan.paths().count(),
            sha256,
        };
        self.write_buildinfo(&built)?;
        Ok(built)
    }

    fn write_buildinfo(&self, built: &Built) -> Result<(), Failure> {
        let path = built.buildinfo();
        let invalid = |source| Failure::Argument { argument: path.to_string(), source };
        let text = buildinfo::text(built, self.time).map_err(invalid)?;
        fs::write(&path, text).map_err(Failure::io("write", &path))
    }
}

/// Why the checksum of a file is not known.
enum DigestFailure {
    Read(io::Error),
    Hash(deb_parse::Error),
}

impl DigestFailure {
    fn at(self, path: &Utf8Path) -> Failure {
        match self {
            Self::Read(error) => Failure::io("read", path)(error),
            Self::Hash(source) => Failure::Argument { argument: path.to_string(), source },
        }
    }
}

/// Returns the size and the SHA-256 of a file.
fn digest(path: &Utf8Path) -> Result<(u64, Sha256), DigestFailure> {
    let mut file = File::open(path).map_err(DigestFailure::Read)?;
    let mut hasher = Hasher::new(HashKinds::default()).map_err(DigestFailure::Hash)?;
    let mut buffer = vec![0; 128 * 1024];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(length) => hasher.update(buffer.get(..length).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(DigestFailure::Read(error)),
        }
    }
    let hashes = hasher.finish();
    Ok((hashes.size, hashes.sha256))
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn what_a_killed_build_left_goes_with_the_next_one_and_what_is_in_use_stays() {
        let directory = tempfile::tempdir().unwrap();
        let target = Utf8Path::from_path(directory.path()).unwrap();
        let left = target.join(".repo-cli-build-killed");
        fs::create_dir(&left).unwrap();
        fs::write(left.join("x.deb"), "").unwrap();
        let in_use = Scratch::new(Some(target)).unwrap();
        assert!(left.exists(), "it may just have been made");
        for path in [&left, &in_use.path] {
            File::open(path).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
        }
        let new = Scratch::new(Some(target)).unwrap();
        assert!(!left.exists() && in_use.path.exists() && new.path.exists());
        drop((in_use, new));
        assert_eq!(fs::read_dir(target).unwrap().count(), 0);
    }
}
