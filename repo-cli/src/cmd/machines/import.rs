//! What the access log of another server tells of machines.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read as _};

use camino::Utf8PathBuf;
use jiff::Timestamp;
use repo_serve::log::{LONGEST_LOG_LINE, LoggedRequest};
use repo_store::RepositoryName;
use repo_store::access::{SeenRequest, Sighting};
use repo_store::model::PublicationId;
use serde::Serialize;

use crate::error::{Failure, Outcome};
use crate::json_value::JsonDocument;
use crate::output::{Output, count};
use crate::session::Session;

#[derive(Clone, Debug, clap::Args)]
pub(super) struct ImportArguments {
    /// The log: the combined format of nginx or Apache, the JSON of Caddy or of `serve`
    #[arg(value_name = "FILE")]
    file: Utf8PathBuf,
    /// The repository at the root of the server [default: the first element of each path names one]
    #[arg(long, value_name = "REPOSITORY")]
    repository: Option<String>,
}

/// So many requests are put in order before they are written.
const BATCH: usize = 100_000;

/// The document of `machines import-log`: what was found in a log.
#[derive(Default, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ImportedLogJson {
    /// How many lines were read
    lines: usize,
    /// How many requests told something new of a machine
    noted: usize,
    /// How many lines were skipped, as they have another format
    unreadable: usize,
}

impl JsonDocument for ImportedLogJson {}

/// A repository, with those who have tokens for it and when it was published.
struct Known {
    holders: Vec<String>,
    publications: BTreeMap<Timestamp, PublicationId>,
    sightings: Vec<Sighting>,
}

pub(super) fn run(
    arguments: &ImportArguments,
    session: &Session,
    output: &Output,
) -> Result<Outcome, Failure> {
    let only = arguments.repository.as_deref().map(|name| session.repository(name)).transpose()?;
    let only = only.map(|repository| repository.name.clone());
    let mut known = BTreeMap::new();
    for repository in session.config.repositories() {
        let name = &repository.name;
        let tokens = session.store.tokens(name)?;
        let holders = tokens.entries().iter().map(|entry| entry.holder.to_string()).collect();
        let publications = session.store.publication_times(name)?;
        known.insert(name.clone(), Known { holders, publications, sightings: Vec::new() });
    }
    let file = File::open(&arguments.file).map_err(Failure::io("open", &arguments.file))?;
    let mut log = BufReader::new(file);
    let (mut counts, mut waiting) = (ImportedLogJson::default(), 0);
    while let Some(line) = next_line(&mut log).map_err(Failure::io("read", &arguments.file))? {
        counts.lines += 1;
        let Some(request) = line.as_deref().and_then(LoggedRequest::parse) else {
            counts.unreadable += 1;
            continue;
        };
        waiting += usize::from(keep(&request, only.as_ref(), &mut known));
        if waiting >= BATCH {
            write(&mut known, session, &mut counts)?;
            waiting = 0;
        }
    }
    write(&mut known, session, &mut counts)?;
    output.result(&counts, || {});
    let ImportedLogJson { lines, unreadable, noted } = counts;
    output.say(&format!("read {}, noted {}", count(lines, "line"), count(noted, "request")));
    if unreadable > 0 {
        let message = format!("{} of another format skipped", count(unreadable, "line"));
        output.warn("W-LOG-LINES", message);
    }
    Ok(Outcome::of(unreadable == 0 || unreadable < lines))
}

/// Reads a line; the inner value is `None` for one that is too long, which is skipped.
fn next_line(log: &mut impl BufRead) -> std::io::Result<Option<Option<Vec<u8>>>> {
    let mut line = Vec::new();
    let most = LONGEST_LOG_LINE as u64 + 1;
    if log.by_ref().take(most).read_until(b'\n', &mut line)? == 0 {
        return Ok(None);
    }
    if line.last() == Some(&b'\n') || (line.len() as u64) < most {
        return Ok(Some(Some(line)));
    }
    log.skip_until(b'\n')?;
    Ok(Some(None))
}

/// Keeps what a request tells of a machine; returns whether it tells anything.
fn keep(
    request: &LoggedRequest,
    only: Option<&RepositoryName>,
    known: &mut BTreeMap<RepositoryName, Known>,
) -> bool {
    let found = match only {
        Some(repository) => request.at_root().map(|path| (repository.clone(), path)),
        None => {
            request.in_repository().and_then(|(name, path)| Some((RepositoryName::parse(&name).ok()?, path)))
        }
    };
    let Some((repository, path)) = found.filter(|_| request.method == "GET") else { return false };
    let Some(of_repository) = known.get_mut(&repository) else { return false };
    let user = request.user.as_deref();
    let sighting = Sighting::of(
        &SeenRequest {
            address: request.address,
            user,
            has_token: user.is_some_and(|user| of_repository.holders.iter().any(|holder| holder == user)),
            agent: request.agent.as_deref(),
            path: &path,
            status: request.status,
            time: request.time,
            // A log does not tell which publication a file is of, but when it was asked for.
            publication: of_repository.publications.range(..=request.time).next_back().map(|(_, id)| *id),
        },
        &repository,
    );
    of_repository.sightings.extend(sighting.clone());
    sighting.is_some()
}

fn write(
    known: &mut BTreeMap<RepositoryName, Known>,
    session: &Session,
    counts: &mut ImportedLogJson,
) -> Result<(), Failure> {
    for (repository, of_repository) in known {
        let sightings = std::mem::take(&mut of_repository.sightings);
        if !sightings.is_empty() {
            counts.noted += session.store.import_machines(repository, &sightings, session.context().now)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_too_long_hides_no_other() {
        let long = "x".repeat(3 * LONGEST_LOG_LINE);
        let text = format!("one\n{long}\ntwo\n{}", "y".repeat(LONGEST_LOG_LINE));
        let mut log = BufReader::with_capacity(100, text.as_bytes());
        let mut lengths = Vec::new();
        while let Some(line) = next_line(&mut log).unwrap() {
            lengths.push(line.map(|line| line.len()));
        }
        assert_eq!(lengths, [Some(4), None, Some(4), Some(LONGEST_LOG_LINE)]);
    }
}
