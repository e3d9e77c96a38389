//! `base update`: reads what clients have besides, and keeps it.

mod archive;
mod files;

use deb_parse::SuiteName;
use repo_store::operations::bases::KeptArchive;
use repo_store::settings::{Base, BaseSource};

use crate::args::LimitArguments;
use crate::error::{Failure, Outcome};
use crate::output::{Output, RowLimit, count};
use crate::session::Session;

/// What was read of a base.
struct ReadBase {
    archives: Vec<KeptArchive>,
    /// Whether all archives are as they were.
    is_unchanged: bool,
    /// Archives that could not be read. What was last read of them stays.
    failures: Vec<Failure>,
    /// Packages that no check could read.
    refused: Vec<String>,
}

pub(super) fn run(suites: &[SuiteName], session: &Session, output: &Output) -> Result<Outcome, Failure> {
    let all = session.config.all_bases();
    if let Some(unknown) = suites.iter().find(|suite| !all.iter().any(|base| base.suite == **suite)) {
        return Err(Failure::NoBase { suite: unknown.clone() });
    }
    let asked = all.iter().filter(|base| suites.is_empty() || suites.contains(&base.suite));
    let (mut results, mut failures) = (Vec::new(), Vec::new());
    for base in asked {
        let failed = failures.len();
        match update(base, session, output) {
            Ok(Some(read)) => {
                failures.extend(read.failures);
                results.push(match (failures.len() == failed, read.is_unchanged) {
                    (false, _) => "failed",
                    (true, true) => "unchanged",
                    (true, false) => "new",
                });
            }
            Ok(None) => results.push("unchanged"),
            Err(failure) => {
                failures.push(failure);
                results.push("failed");
            }
        }
    }
    if suites.is_empty() {
        let known = all.iter().filter_map(|base| match &base.source {
            BaseSource::Path(path) => Some((&base.suite, path.as_str())),
            _ => None,
        });
        session.store.forget_other_bases(&known.collect::<Vec<_>>())?;
    }
    let (bases, rows) = (super::bases(session, suites)?, LimitArguments::default());
    super::print(&bases, &results, rows, session, output);
    let is_done = failures.is_empty();
    output.report_each(RowLimit::NONE, failures.iter().map(Failure::report).collect(), "failure");
    if !is_done && !bases.is_empty() {
        output.note("what was last read of an archive that failed stays, and counts until max_age");
    }
    let new = results.iter().filter(|result| **result == "new").count();
    output.say(&format!("updated {} of {}", new, count(bases.len(), "base")));
    Ok(Outcome::of(is_done))
}

/// Reads one base and keeps what it has; `None` for a suite of the store, which is read when it is needed.
fn update(base: &Base, session: &Session, output: &Output) -> Result<Option<ReadBase>, Failure> {
    let BaseSource::Path(path) = &base.source else { return Ok(None) };
    let place = session.config.root().join(path);
    let kept = session.store.kept_base(&base.suite, path.as_str())?;
    let known = kept.as_ref().map_or(&[][..], |kept| &kept.archives);
    let read = match place.extension() {
        Some("sources" | "list") if !place.is_dir() => archive::read(&place, base, known, session)?,
        _ => files::read(&place, base, known, session)?,
    };
    if let Some(first) = read.refused.first() {
        let left = count(read.refused.len(), "package");
        output.warn("W-BASE", format!("{path}: {left} left out that no check can read, such as: {first}"));
    }
    session.store.keep_base(&base.suite, path.as_str(), read.archives.clone())?;
    Ok(Some(read))
}

/// Returns the architectures of the machines that have a suite.
fn architectures(base: &Base, session: &Session) -> Vec<String> {
    let suites = session.config.repositories().filter_map(|repository| repository.suite(&base.suite));
    let mut names: Vec<String> =
        suites.flat_map(|suite| &suite.architectures).map(ToString::to_string).collect();
    names.sort();
    names.dedup();
    names
}
