//! The number that a build has, after what a repository has already.

use deb_build::Spec;
use deb_parse::Architecture;
use deb_parse::checksum::Sha256;
use repo_store::RepositorySettings;
use repo_store::model::record::RecordKey;

use super::failure::BuildFailure;
use super::version::Stem;
use super::writing::{Build, Built};
use crate::error::Failure;
use crate::session::Session;

/// The builds of a version that a repository has.
#[derive(Default)]
pub(super) struct KnownBuilds(Vec<KnownBuild>);

struct KnownBuild {
    number: u64,
    architecture: String,
    sha256: Option<Sha256>,
}

impl KnownBuilds {
    /// Returns those of a repository, in all its suites.
    pub(super) fn of(
        stem: &Stem,
        spec: &Spec,
        repository: &RepositorySettings,
        session: &Session,
    ) -> Result<Self, Failure> {
        let Some(head) = session.store.head(&repository.name)? else { return Ok(Self::default()) };
        let mut known = Vec::new();
        for suite in head.commit().suites.keys() {
            for record in head.versions(suite, spec.name())? {
                let key = record.key();
                if let Some(number) = stem.number_of(key.version.as_str()) {
                    let architecture = key.architecture.to_string();
                    known.push(KnownBuild { number, architecture, sha256: record.sha256() });
                }
            }
        }
        Ok(Self(known))
    }

    /// Adds packages that are there with another content.
    pub(super) fn and_taken(mut self, stem: &Stem, taken: &[RecordKey]) -> Self {
        self.0.extend(taken.iter().filter_map(|key| {
            let number = stem.number_of(key.version.as_str())?;
            Some(KnownBuild { number, architecture: key.architecture.to_string(), sha256: None })
        }));
        self
    }

    /// Returns the highest number that the description allows: what is below it was built before the description was raised.
    fn last(&self, stem: &Stem) -> Option<u64> {
        self.0.iter().map(|known| known.number).filter(|number| *number >= stem.first()).max()
    }

    /// Returns whether another package has the number, for the same architecture.
    fn differs(&self, number: u64, architecture: &Architecture, sha256: Sha256) -> bool {
        self.0.iter().any(|known| {
            known.number == number
                && known.architecture == architecture.as_str()
                && known.sha256 != Some(sha256)
        })
    }
}

/// Builds the version with the highest number that is known, and, if that has another content by now, the next one.
pub(super) fn numbered(build: &Build<'_>, stem: &Stem, known: &KnownBuilds) -> Result<Built, Failure> {
    let Some(last) = known.last(stem) else { return build.build(stem, stem.first()) };
    let built = build.build(stem, last)?;
    if !known.differs(last, &built.architecture, built.sha256) {
        return Ok(built);
    }
    let next =
        last.checked_add(1).ok_or_else(|| BuildFailure::LastNumber { version: built.version.clone() })?;
    build.build(stem, next)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use camino::Utf8Path;
    use deb_build::Changelog;

    use super::super::source::Source;
    use super::super::writing::Scratch;
    use super::*;

    const SPEC: &str = "name = 'acme'\nmaintainer = 'A <a@example.org>'\nsummary = 'x'\ncopyright = { license = 'MIT', holder = 'A' }\n";

    #[test]
    fn the_next_number_comes_after_that_of_the_repository_and_that_of_the_description() {
        let directory = tempfile::tempdir().unwrap();
        let folder = Utf8Path::from_path(directory.path()).unwrap();
        fs::write(folder.join("build.toml"), SPEC).unwrap();
        let source = Source::read(folder).unwrap();
        let scratch = Scratch::new(None).unwrap();
        let changelog = Changelog::default();
        let build =
            Build { source: &source, changelog: &changelog, time: 0, release: None, scratch: &scratch };
        let number = |described: &str, known: &[(u64, Option<Sha256>)]| {
            let stem = Stem::new(&described.parse().unwrap(), None);
            let known = known.iter().map(|(number, sha256)| KnownBuild {
                number: *number,
                architecture: "all".to_owned(),
                sha256: *sha256,
            });
            numbered(&build, &stem, &KnownBuilds(known.collect()))
        };
        let version = |built: Result<Built, Failure>| built.unwrap().version.to_string();
        assert_eq!(version(number("1.5-3", &[])), "1.5-3");
        assert_eq!(version(number("1.5-3", &[(1, None)])), "1.5-3");
        assert_eq!(version(number("1.5-3", &[(1, None), (4, None), (3, None)])), "1.5-5");
        let same = number("1.5-4", &[]).unwrap().sha256;
        assert_eq!(version(number("1.5-3", &[(4, Some(same))])), "1.5-4");
        let last = number("1.5-18446744073709551615", &[(u64::MAX, None)]).err().unwrap();
        assert_eq!(
            last.to_string(),
            "1.5-18446744073709551615 is in the repository with another content, and its number cannot be raised"
        );
    }
}
