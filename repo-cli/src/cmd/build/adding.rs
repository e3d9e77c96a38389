//! Adding what was built to a repository: only where there is a suite for it, and under the next number when somebody else took one meanwhile.

use camino::Utf8PathBuf;
use deb_parse::Version;
use repo_store::error::ChangeError;
use repo_store::model::record::RecordKey;
use repo_store::operations::import::AddReport;
use repo_store::settings::{ReleaseName, Route, UnknownRelease, route};
use repo_store::{AddOptions, Error, RepositorySettings};

use super::PackageArguments;
use super::failure::BuildFailure;
use super::version::Stem;
use super::writing::Built;
use crate::cmd::add;
use crate::error::Failure;
use crate::session::Session;

/// How often a package is built again because another process took its number.
const MOST_TRIES: usize = 32;

/// Refuses a release that the repository has no suite for, where nobody decided that such packages go to every suite.
pub(super) fn check_suites(
    releases: &[Option<ReleaseName>],
    version: &Version,
    repository: &RepositorySettings,
    session: &Session,
) -> Result<(), Failure> {
    if repository.unknown_release == UnknownRelease::Everywhere
        && session.config.decides_on_unknown_releases(&repository.name)
    {
        return Ok(());
    }
    // A suite that takes only what is routed to it is one as well.
    let mut open = repository.clone();
    open.suites.iter_mut().for_each(|suite| suite.only_routed = false);
    for release in releases.iter().flatten() {
        let stem = Stem::new(version, Some(*release));
        // What is not a version is refused where the package is built.
        let Ok(version) = stem.version(stem.first()) else { continue };
        if !matches!(route(&open, &version), Route::Release { .. }) {
            return Err(BuildFailure::NoSuite {
                release: release.series(),
                repository: repository.name.clone(),
                suites: repository.suites.iter().map(|suite| suite.name.clone()).collect(),
            }
            .into());
        }
    }
    Ok(())
}

/// Builds packages and adds them. `build` learns what others have added since it was asked first. Returns the packages, and what became of them.
pub(super) fn add(
    arguments: &PackageArguments,
    repository: &RepositorySettings,
    session: &Session,
    build: impl Fn(&[RecordKey]) -> Result<Vec<Built>, Failure>,
) -> Result<(Vec<Built>, Result<AddReport, Failure>), Failure> {
    let mut taken = Vec::new();
    let mut tries = 0;
    loop {
        let built = build(&taken)?;
        let options = AddOptions {
            gate_override: arguments.gates.gate_override(),
            attestations: built.iter().map(Built::buildinfo).collect(),
            ..AddOptions::default()
        };
        let packages: Vec<Utf8PathBuf> = built.iter().map(|built| built.file.clone()).collect();
        let report = add::try_files(repository, &packages, &options, arguments.change, session);
        tries += 1;
        match report.as_ref().map(overtaken) {
            Ok(keys) if !keys.is_empty() && tries < MOST_TRIES => taken.extend(keys),
            _ => return Ok((built, report)),
        }
    }
}

/// Returns the packages that are in the repository with another content, if nothing else was refused.
fn overtaken(report: &AddReport) -> Vec<RecordKey> {
    let key = |error: &Error| match error {
        Error::Change(ChangeError::Conflict { key, .. }) => Some(key.clone()),
        _ => None,
    };
    let keys: Option<Vec<RecordKey>> = report.refused.iter().map(|refused| key(&refused.error)).collect();
    keys.unwrap_or_default()
}

/// Names the packages in a report by the files that a person sees, instead of those that they were built as.
pub(super) fn with_names(mut report: AddReport, built: &[Utf8PathBuf], shown: &[Utf8PathBuf]) -> AddReport {
    let added = report.added.iter_mut().map(|added| &mut added.file);
    for file in added.chain(report.refused.iter_mut().map(|refused| &mut refused.file)) {
        if let Some((_, shown)) = built.iter().zip(shown).find(|(built, _)| *built == file) {
            file.clone_from(shown);
        }
    }
    report
}
