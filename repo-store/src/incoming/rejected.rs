//! Moving aside what is refused, with the reason beside it.

use std::fs;
use std::io::ErrorKind;

use camino::{Utf8Path, Utf8PathBuf};

use crate::files::{self, mode};
use crate::{Error, Refused};

/// The folder, below a drop folder, with what was refused.
pub(super) const REJECTED: &str = "rejected";

/// Moves a file aside, together with the others that came with it, and writes the reason.
pub(super) fn reject<'a>(
    folder: &Utf8Path,
    refused: &'a Refused,
    others: impl Iterator<Item = &'a Utf8PathBuf>,
) -> Result<(), Error> {
    let aside = folder.join(REJECTED);
    files::create_directories(&aside)?;
    let files: Vec<&Utf8PathBuf> = std::iter::once(&refused.file).chain(others).collect();
    let names: Vec<&str> = files.iter().filter_map(|file| file.file_name()).collect();
    let is_free = |ending: &str| {
        names.iter().all(|name| aside.join(format!("{name}{ending}")).symlink_metadata().is_err())
    };
    // What came together keeps names that show it.
    let numbered = (1_u32..).map(|number| format!(".{number}"));
    let ending = std::iter::once(String::new()).chain(numbered).find(|ending| is_free(ending));
    let ending = ending.unwrap_or_default();
    let mut moved = false;
    for (file, name) in files.iter().zip(&names) {
        match fs::rename(file, aside.join(format!("{name}{ending}"))) {
            // It never came, or somebody else took it away in the meantime.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            result => {
                result.map_err(Error::io("move aside", *file))?;
                moved = true;
            }
        }
    }
    if !moved {
        return Ok(());
    }
    let name = names.first().copied().unwrap_or("unnamed");
    let note = aside.join(format!("{name}{ending}.reason"));
    files::remove_if_present(&note)?;
    files::write_new(&note, reason(refused).as_bytes(), mode::MUTABLE).map(drop)
}

/// The error and what caused it, in one line.
fn reason(refused: &Refused) -> String {
    let mut reason = refused.error.to_string();
    let mut source = std::error::Error::source(&refused.error);
    while let Some(error) = source {
        reason.push_str(": ");
        reason.push_str(&error.to_string());
        source = error.source();
    }
    reason.push('\n');
    reason
}
