//! Which package was probably meant by a name that matches none.

use std::collections::BTreeSet;

use repo_store::model::record::Record;
use repo_store::{RepositoryName, Revision, Selector};

use crate::error::Failure;
use crate::nearest;
use crate::output::{Output, first_of, joined};
use crate::session::Session;

/// What was probably meant by a name that no package has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Meant {
    /// A package, or a source where one may be named.
    Name(String),
    /// The packages that were built from the source of that name.
    BuiltFrom(Vec<String>),
    /// The command that pins what was built from a version of a source.
    Pins(String),
}

impl Meant {
    /// Returns what a hint says.
    pub(crate) fn hint(&self) -> String {
        match self {
            Self::Name(name) => format!("did you mean `{name}`?"),
            Self::BuiltFrom(packages) => format!(
                "that is a source; name a package built from it: {} (promote takes all with --whole-source)",
                first_of(packages)
            ),
            Self::Pins(command) => format!("that is a source; to pin what was built from it, run {command}"),
        }
    }
}

/// Returns what was probably meant by a name that matches no package in these states. `sources`: a source may be named as well.
pub(crate) fn meant<'a, 's: 'a>(
    name: &str,
    states: impl IntoIterator<Item = &'a Revision<'s>>,
    sources: bool,
) -> Result<Option<Meant>, Failure> {
    let name = name.split(['=', '(']).next().unwrap_or(name).trim_end();
    if name.contains(['*', '?']) {
        return Ok(None);
    }
    let (mut known, mut built) = (BTreeSet::new(), BTreeSet::new());
    for state in states {
        for item in state.records_in(state.commit().suites.keys())? {
            let (record, _) = item?;
            let package = record.key().package.to_string();
            let (source, _) = record.source();
            if source.as_str() == name && package != name {
                built.insert(package.clone());
            }
            if sources {
                known.insert(source.to_string());
            }
            known.insert(package);
        }
    }
    if !built.is_empty() && !known.contains(name) {
        return Ok(Some(Meant::BuiltFrom(built.into_iter().collect())));
    }
    let nearest = nearest::nearest(name, known.iter().map(String::as_str));
    Ok(nearest.map(|name| Meant::Name(name.to_owned())))
}

/// Returns the failure of a verb whose names or patterns match no package of a repository.
pub(crate) fn no_match(
    session: &Session,
    repository: &RepositoryName,
    names: Vec<String>,
    sources: bool,
) -> Failure {
    let first = names.first().map_or("", String::as_str);
    let found = session.store.head(repository).map_err(Failure::from);
    match found.and_then(|head| meant(first, &head, sources)) {
        Ok(meant) => Failure::NoMatch { names, repository: repository.clone(), meant },
        Err(failure) => failure,
    }
}

/// Says which of these names match nothing, and what was probably meant by them.
pub(crate) fn say_unmatched<'a, 's: 'a>(
    unmatched: &[String],
    place: &str,
    states: impl IntoIterator<Item = &'a Revision<'s>>,
    output: &Output,
) -> Result<(), Failure> {
    let Some(first) = unmatched.first() else { return Ok(()) };
    output.found_nothing(&format!("no packages match {}{place}", joined(unmatched)));
    hint_at(first, states, output)
}

/// Says what was probably meant by a name that matches no package in these states.
pub(crate) fn hint_at<'a, 's: 'a>(
    name: &str,
    states: impl IntoIterator<Item = &'a Revision<'s>>,
    output: &Output,
) -> Result<(), Failure> {
    // Nobody reads it with `--json`, and it costs reading all names.
    if !output.is_json()
        && let Some(meant) = meant(name, states, false)?
    {
        output.found_nothing(&format!("hint: {}", meant.hint()));
    }
    Ok(())
}

/// Returns the names of selectors that match none of these packages.
pub(crate) fn unmatched<'a>(
    selectors: &[Selector],
    found: &(impl Iterator<Item = &'a Record> + Clone),
) -> Vec<String> {
    let is_unmatched = |selector: &&Selector| !found.clone().any(|record| selector.matches(record));
    selectors.iter().filter(is_unmatched).map(ToString::to_string).collect()
}
