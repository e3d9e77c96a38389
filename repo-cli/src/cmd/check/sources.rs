//! Source packages: whether they can be built, and whether they and what was built from them go together.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use apt_solve::{Checker, Limits, Universe, Verdict, View};
use deb_parse::{Architecture, SourceName, SuiteName, Version, deb822};
use repo_store::Revision;
use repo_store::model::record::{Build, Record};

use super::problem::{Problem, ProblemKind};
use super::scope::{Target, add_records};
use crate::error::Failure;

/// A version of a source package.
type SourceVersion = (SourceName, Version);

/// Returns the source packages of a suite.
pub(super) fn sources(revision: &Revision<'_>, suite: &SuiteName) -> Result<Vec<Arc<Record>>, Failure> {
    let mut records = Vec::new();
    for item in revision.records_in([suite])? {
        let (record, _) = item?;
        if record.key().architecture == Build::Source {
            records.push(record);
        }
    }
    Ok(records)
}

/// Returns sources that nothing was built from, and packages whose source is missing. A suite without sources misses none.
pub(super) fn unpaired(sources: &[Arc<Record>], binaries: &[Arc<Record>], state: &str) -> Vec<Problem> {
    if sources.is_empty() {
        return Vec::new();
    }
    let versions = |records: &[Arc<Record>]| -> BTreeSet<SourceVersion> {
        records.iter().map(|record| record.source()).collect()
    };
    let (known, built) = (versions(sources), versions(binaries));
    let without_binaries = known.difference(&built).map(|(name, version)| {
        let reason = "no package of the suite was built from this version".to_owned();
        Problem::of_source(name, version, state, ProblemKind::NoBinaries, reason)
    });
    let mut lacking: BTreeMap<&SourceVersion, BTreeSet<&str>> = BTreeMap::new();
    let missing: BTreeSet<SourceVersion> = built.difference(&known).cloned().collect();
    for record in binaries {
        if let Some(source) = missing.get(&record.source()) {
            lacking.entry(source).or_default().insert(record.key().package.as_str());
        }
    }
    let without_source = lacking.iter().map(|((name, version), packages)| {
        let packages: Vec<&str> = packages.iter().copied().collect();
        let reason = format!("the suite has {} without it", crate::output::joined(&packages));
        Problem::of_source(name, version, state, ProblemKind::NoSource, reason)
    });
    without_binaries.chain(without_source).collect()
}

/// Returns what keeps sources from being built on such machines, and packages for `all` and for the architecture that were built from different
/// versions of one source.
pub(super) fn problems(
    target: &Target<'_>,
    sources: &[Arc<Record>],
    architecture: &Architecture,
) -> Result<Vec<Problem>, Failure> {
    let mut problems = out_of_step(target, architecture);
    if sources.is_empty() {
        return Ok(problems);
    }
    let name = &target.state.text;
    let mut builder = Universe::builder(architecture);
    let own = builder.add_source(name);
    add_records(&mut builder, own, target.records, name)?;
    target.bases.add_to(&mut builder, target.suite, architecture)?;
    let builds = builder.add_source(name);
    for record in sources {
        for paragraph in deb822::paragraphs(record.stanza()) {
            if let Err(error) = builder.add_build(builds, paragraph) {
                let (source, version) = record.source();
                let kind = ProblemKind::BuildDependency;
                problems.push(Problem::of_source(&source, &version, name, kind, error.to_string()));
            }
        }
    }
    let universe = builder.build();
    let report = Checker::new(&universe, View::Newest, Limits::default()).source(builds);
    problems.extend(report.findings.iter().map(|finding| {
        let reason = match &finding.verdict {
            Verdict::Broken(reason) => reason.to_string(),
            _ => super::NOT_DECIDED.to_owned(),
        };
        Problem::new(&finding.package, ProblemKind::BuildDependency, reason)
    }));
    Ok(problems)
}

/// The newest versions of one source that packages were built from: for `all`, and for the architecture.
#[derive(Default)]
struct Built {
    all: Option<Version>,
    own: Option<Version>,
}

fn out_of_step(target: &Target<'_>, architecture: &Architecture) -> Vec<Problem> {
    let mut built: BTreeMap<SourceName, Built> = BTreeMap::new();
    for record in target.records {
        let Build::For(own) = &record.key().architecture else { continue };
        let (source, version) = record.source();
        let built = built.entry(source).or_default();
        let newest = match own.is_all() {
            true => &mut built.all,
            false if own == architecture => &mut built.own,
            false => continue,
        };
        *newest = newest.take().max(Some(version));
    }
    let mut problems = Vec::new();
    for (source, Built { all, own }) in built {
        let (Some(all), Some(own)) = (all, own) else { continue };
        if all != own {
            let reason = format!("packages for all are from {all}, those for {architecture} from {own}");
            let newest = all.max(own);
            let kind = ProblemKind::OutOfStep;
            problems.push(Problem::of_source(&source, &newest, &target.state.text, kind, reason));
        }
    }
    problems
}
