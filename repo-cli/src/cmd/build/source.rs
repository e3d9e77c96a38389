//! The description of a package with its folder, and what these say about the version, the changelog and the time.

use camino::{Utf8Path, Utf8PathBuf};
use deb_build::{Changelog, ChangelogSource, PathFault, Spec, VersionSource};
use deb_parse::Version;

use super::failure::BuildFailure;
use super::git;
use crate::clock;
use crate::error::Failure;
use crate::output::Output;

/// A description with its folder.
pub(super) struct Source {
    pub(super) file: Utf8PathBuf,
    pub(super) folder: Utf8PathBuf,
    text: String,
    pub(super) spec: Spec,
}

impl Source {
    pub(super) fn read(path: &Utf8Path) -> Result<Self, Failure> {
        let file = if path.is_dir() { path.join("build.toml") } else { path.to_owned() };
        let parent = file.parent().filter(|parent| !parent.as_str().is_empty());
        let folder = parent.map_or_else(|| Utf8PathBuf::from("."), Utf8Path::to_owned);
        if path.is_dir() && file.symlink_metadata().is_err() {
            return Err(BuildFailure::NoSpec { folder: path.to_owned() }.into());
        }
        let text = Spec::read_text(&file).map_err(|error| match error {
            deb_build::Error::Path { fault: PathFault::NothingFound, .. } => {
                Failure::io("read", &file)(rustix::io::Errno::NOENT.into())
            }
            deb_build::Error::Path { fault, .. } => {
                Failure::UnusableFile { path: file.clone(), what: fault.to_string() }
            }
            deb_build::Error::Read { source, .. } => Failure::io("read", &file)(source),
            error => BuildFailure::of_spec(&file, "", error).into(),
        })?;
        match Spec::parse(&text) {
            Ok(spec) => Ok(Self { file, folder, text, spec }),
            Err(source) => Err(BuildFailure::of_spec(&file, &text, source).into()),
        }
    }

    /// What is wrong with the description or the folder.
    pub(super) fn failure(&self, error: deb_build::Error) -> Failure {
        BuildFailure::of_spec(&self.file, &self.text, error).into()
    }

    pub(super) fn version(&self, given: Option<&Version>) -> Result<Version, Failure> {
        if let Some(given) = given {
            return Ok(given.clone());
        }
        let (text, place) = match self.spec.version() {
            None => return Err(BuildFailure::NoVersion { file: self.file.clone() }.into()),
            Some(VersionSource::Fixed(text)) => (text.clone(), self.file.to_string()),
            Some(VersionSource::Git) => (git::version(&self.folder)?, "git".to_owned()),
            Some(VersionSource::File(path)) => {
                let text = self.spec.read_version(&self.folder).map_err(|error| self.failure(error))?;
                (text.unwrap_or_default(), path.to_string())
            }
        };
        Version::parse(&text).map_err(|source| BuildFailure::Version { place, text, source }.into())
    }

    pub(super) fn changelog(&self) -> Result<Changelog, Failure> {
        match self.spec.changelog() {
            None => Ok(Changelog::default()),
            Some(ChangelogSource::Git) => Ok(Changelog::of_items(git::changes(&self.folder)?)),
            Some(ChangelogSource::File(_)) => {
                let changelog = self.spec.read_changelog(&self.folder);
                Ok(changelog.map_err(|error| self.failure(error))?.unwrap_or_default())
            }
        }
    }

    /// Returns the time of everything in the package: as reproducible builds agree on it, or else the newest of the changelog, or else that
    /// of the commit.
    pub(super) fn time(&self, changelog: &Changelog, output: &Output) -> Result<u64, Failure> {
        if let Ok(text) = std::env::var("SOURCE_DATE_EPOCH") {
            return text.parse().map_err(|_| BuildFailure::Time { text }.into());
        }
        if let Some(time) = changelog.newest_time().or_else(|| git::time(&self.folder)) {
            return Ok(time);
        }
        output.warn(
            "W-BUILD-TIME",
            "the changelog has no date and the folder has no commit, so the packages have the present time and differ from those of another \
             day (set SOURCE_DATE_EPOCH, or name a changelog with dates)",
        );
        Ok(u64::try_from(clock::now().as_second()).unwrap_or_default())
    }
}

impl BuildFailure {
    fn of_spec(file: &Utf8Path, text: &str, source: deb_build::Error) -> Self {
        let excerpt = source.position().and_then(|position| {
            let line = text.lines().nth(position.line.checked_sub(1)?)?;
            let shown: String = line.chars().take(160).collect();
            let before = position.column.checked_sub(1).filter(|before| *before < 160)?;
            Some(format!("{:>5} | {}\n      | {:before$}^", position.line, shown.replace('\t', " "), ""))
        });
        Self::Spec { file: file.to_owned(), source: Box::new(source), excerpt }
    }
}
