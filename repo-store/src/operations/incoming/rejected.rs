//! Moving aside what is refused, with the reason beside it.

use std::io::ErrorKind;

use apt_index::LONGEST_NAME;
use camino::{Utf8Path, Utf8PathBuf};

use crate::error::Error;
use crate::operations::import::{DropFolder, Refused};
use crate::storage::beneath::{DirectoryHandle, PathFault};
use crate::storage::files::mode;
use crate::storage::{StorageError, files};

/// The folder, below a drop folder, with what was refused.
pub(super) const REJECTED: &str = "rejected";

/// Moves a file aside, together with the others that came with it, and writes the reason. Returns where the file lies now. Only regular files are moved, and nothing
/// that lies there already is replaced.
pub(super) fn reject<'a>(
    folder: &DropFolder,
    refused: &'a Refused,
    others: impl Iterator<Item = &'a Utf8PathBuf>,
) -> Result<Option<Utf8PathBuf>, Error> {
    let aside = open_aside(folder)?;
    let is_file = |file: &&Utf8PathBuf| folder.at(file).status().is_ok_and(|status| status.is_file());
    let files: Vec<&Utf8PathBuf> = std::iter::once(&refused.file).chain(others).filter(is_file).collect();
    let names: Vec<&str> = files.iter().filter_map(|file| file.file_name()).collect();
    let Some(first) = names.first() else { return Ok(None) };
    let is_taken =
        |name: String| aside.at(&name).exists().map_err(Error::io("look at", aside.path().join(&name)));
    let is_free = |ending: &str| {
        let moved = names.iter().map(|name| with_ending(name, ending));
        for name in moved.chain(NOTES.map(|note| with_ending(first, &format!("{ending}{note}")))) {
            if is_taken(name)? {
                return Ok(false);
            }
        }
        Ok::<_, Error>(true)
    };
    // What came together keeps names that show it.
    let mut ending = String::new();
    let mut number = 0_u32;
    while !is_free(&ending)? {
        number += 1;
        ending = format!(".{number}");
    }
    let mut moved = false;
    let mut moved_to = None;
    for (file, name) in files.iter().zip(&names) {
        match files::rename_to_free(&folder.at(file), &aside.at(with_ending(name, &ending))) {
            // It never came, or somebody else took it away in the meantime.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            result => {
                result.map_err(Error::io("move aside", *file))?;
                moved = true;
                if *file == &refused.file {
                    moved_to = Some(aside.path().join(with_ending(name, &ending)));
                }
            }
        }
    }
    if !moved {
        return Ok(None);
    }
    let reason = reason(&refused.error);
    let names: Vec<String> = names.iter().map(|name| with_ending(name, &ending)).collect();
    let document = serde_json::json!({
        "format": 1,
        "files": names,
        "error": { "code": refused.error.code(), "message": reason },
    });
    for (note, text) in NOTES.iter().zip([reason, document.to_string()]) {
        let note = aside.at(with_ending(first, &format!("{ending}{note}")));
        files::write_new(note, format!("{text}\n").as_bytes(), mode::MUTABLE)?;
    }
    Ok(moved_to)
}

/// What the files end in that say why others were refused, to people and to programs.
const NOTES: [&str; 2] = [".reason", ".reason.json"];

/// The folder `rejected`, which is made if need be. It must be a directory, and that of somebody who may do with the files as they like:
/// the owner of the drop folder, or the user who runs this.
fn open_aside(folder: &DropFolder) -> Result<DirectoryHandle, Error> {
    let (aside, _) = folder.handle().make(Utf8Path::new(REJECTED))?;
    let owner = aside.status().map_err(Error::io("look at", aside.path()))?.owner;
    if [0, rustix::process::geteuid().as_raw(), folder.owner()].contains(&owner) {
        Ok(aside)
    } else {
        Err(Error::Storage(StorageError::UnsafePath {
            path: aside.path().to_owned(),
            fault: PathFault::OtherOwner,
        }))
    }
}

/// A name with something behind it, shortened so that a file system holds it.
pub(super) fn with_ending(name: &str, ending: &str) -> String {
    let mut length = name.len().min(LONGEST_NAME.saturating_sub(ending.len()));
    while !name.is_char_boundary(length) {
        length -= 1;
    }
    format!("{}{ending}", name.get(..length).unwrap_or_default())
}

/// The error and what caused it, in one line.
fn reason(error: &Error) -> String {
    let causes = std::iter::successors(std::error::Error::source(error), |cause| cause.source());
    std::iter::once(error.to_string()).chain(causes.map(ToString::to_string)).collect::<Vec<_>>().join(": ")
}
