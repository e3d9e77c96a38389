//! Directories among the files to add.

use std::fs::DirEntry;

use camino::Utf8PathBuf;

use crate::error::Failure;
use crate::output::{Output, count};

/// So many files that are skipped are named.
const NAMED: usize = 10;

/// No tree of packages has more levels.
const MOST_LEVELS: usize = 64;

/// Returns the files, and in place of each directory the packages and uploads in it, in the order of their paths. With `recursive`,
/// those in its directories too, but never behind a symbolic link. What else lies there is named.
pub(crate) fn read(
    paths: &[Utf8PathBuf],
    recursive: bool,
    output: &Output,
) -> Result<Vec<Utf8PathBuf>, Failure> {
    let mut files = Vec::with_capacity(paths.len());
    let mut skipped = Vec::new();
    for path in paths {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let mut found = Vec::new();
        collect(path, if recursive { MOST_LEVELS } else { 0 }, &mut found, &mut skipped)?;
        if found.is_empty() {
            return Err(Failure::NoPackageFile { path: path.clone() });
        }
        found.sort_unstable();
        files.extend(found);
    }
    skipped.sort_unstable();
    for skipped in skipped.iter().take(NAMED) {
        output.note(skipped);
    }
    if skipped.len() > NAMED {
        output.note(&format!("skipped {} more", count(skipped.len() - NAMED, "file")));
    }
    Ok(files)
}

fn collect(
    directory: &Utf8PathBuf,
    levels: usize,
    found: &mut Vec<Utf8PathBuf>,
    skipped: &mut Vec<String>,
) -> Result<(), Failure> {
    let failed = |error| Failure::io("list", directory)(error);
    for entry in directory.read_dir().map_err(failed)? {
        let entry: DirEntry = entry.map_err(failed)?;
        let name = entry.file_name();
        let Some(name) = name.to_str() else {
            let name = name.as_encoded_bytes().escape_ascii();
            skipped.push(format!("skipped {directory}/{name}: the name is not UTF-8"));
            continue;
        };
        let path = directory.join(name);
        let kind = entry.file_type().map_err(failed)?;
        if kind.is_dir() {
            match levels.checked_sub(1) {
                Some(levels) => collect(&path, levels, found, skipped)?,
                None => skipped.push(format!("skipped {path}: a directory")),
            }
        } else if matches!(path.extension(), Some("deb" | "udeb" | "ddeb" | "dsc" | "changes")) {
            found.push(path);
        } else if !comes_with_others(name) {
            skipped.push(format!("skipped {path}: not a package or an upload"));
        }
    }
    Ok(())
}

/// Whether a `.dsc` or `.changes` may list a file of that name.
fn comes_with_others(name: &str) -> bool {
    let name = name.strip_suffix(".asc").unwrap_or(name);
    let is_archive = [".tar.", ".diff."].iter().any(|part| name.contains(part));
    is_archive || name.ends_with(".buildinfo")
}
