//! Package files against the index.

use std::io;
use std::num::NonZeroUsize;
use std::sync::Mutex;

use apt_fetch::{Conditions, Error, PoolFile, Problem};

use super::finding::Findings;
use super::release::tell_problem;
use super::{Checked, Examination};

const CONNECTIONS: NonZeroUsize = NonZeroUsize::new(4).unwrap();
/// The most files that are named one by one for one kind of fault.
const NAMED: usize = 20;

/// Compares files of the pool with what the indices say: the size of each in a directory, and the digest of a sample.
pub(super) fn check(
    examination: &Examination<'_>,
    files: &[PoolFile],
    checked: &mut Checked,
    findings: &mut Findings,
) {
    let mut faults = Vec::new();
    let sample: Vec<PoolFile> = match examination.sample {
        None => files.to_vec(),
        Some(number) => {
            // To look whether a file is there costs nothing in a directory.
            if examination.archive.source().address.url.scheme().is_local() {
                faults.extend(files.iter().filter_map(|file| look(examination, file)));
            }
            evenly(files, number)
        }
    };
    checked.files += sample.len();
    let found = Mutex::new(Vec::new());
    let done = |_: &PoolFile, result: Result<_, Error>| {
        if let (Err(error), Ok(mut found)) = (result, found.lock()) {
            found.push(error);
        }
        true
    };
    examination.archive.fetch_files(&sample, CONNECTIONS, |_| Ok(io::sink()), done);
    faults.extend(found.into_inner().unwrap_or_default());
    faults.sort_by(|one, other| one.url.cmp(&other.url));
    faults.dedup_by(|one, other| one.url == other.url);
    for error in faults.iter().take(NAMED) {
        tell(error, findings);
    }
    if let Some(more) = faults.len().checked_sub(NAMED).filter(|more| *more > 0) {
        let root = &examination.archive.source().address.url;
        findings.error("pool", root, format!("{more} further package files are missing or different"));
    }
}

fn tell(error: &Error, findings: &mut Findings) {
    match &error.problem {
        Problem::NotFound => {
            findings
                .error("file-missing", &error.url, "is listed, and is not there")
                .client(format!("E: Failed to fetch {}  404  Not Found", error.url))
                .mend("put the file back, or take the package out of the suite and publish it again");
        }
        Problem::TooLong { .. } | Problem::TooShort { .. } => {
            findings
                .error("file-differs", &error.url, format!("is not what the index lists: {}", error.problem))
                .client(format!(
                    "E: Failed to fetch {}  File has unexpected size. Mirror sync in progress?",
                    error.url
                ))
                .mend("put the right file back; a file of the pool may never change under its name");
        }
        problem if problem.is_mismatch() => {
            findings
                .error("file-differs", &error.url, format!("is not what the index lists: {problem}"))
                .client(format!("E: Failed to fetch {}  Hash Sum mismatch", error.url))
                .mend("put the right file back; a file of the pool may never change under its name");
        }
        _ => tell_problem(error, findings),
    }
}

/// Looks whether a file is there and has its size.
fn look(examination: &Examination<'_>, file: &PoolFile) -> Option<Error> {
    let address = examination.archive.address(file.path.as_str());
    let problem = match examination.archive.client().open(&address, &Conditions::head(), 0) {
        Err(error) => return Some(error),
        Ok(answer) => match answer.length {
            Some(found) if found < file.expected.size() => {
                Problem::TooShort { expected: file.expected.size(), found }
            }
            Some(found) if found > file.expected.size() => Problem::TooLong { limit: file.expected.size() },
            _ => return None,
        },
    };
    Some(Error::new(&address.url, problem))
}

/// Returns so many of them, spread over all.
fn evenly(files: &[PoolFile], number: usize) -> Vec<PoolFile> {
    if number >= files.len() {
        return files.to_vec();
    }
    (0..number).filter_map(|n| files.get(n * files.len() / number)).cloned().collect()
}
