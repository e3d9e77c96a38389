//! Copies of what was taken, where a drop folder keeps them.

use std::io::{self, ErrorKind};

use camino::{Utf8Path, Utf8PathBuf};

use super::rejected::with_ending;
use crate::error::Error;
use crate::operations::import::DropFolder;
use crate::storage::beneath::{At, DirectoryHandle};
use crate::storage::files;
use crate::storage::files::mode;

/// A directory that gets a copy of each file before it is removed from a drop folder.
pub(super) struct Archive(DirectoryHandle);

impl Archive {
    pub(super) fn open(path: &Utf8Path) -> Result<Self, Error> {
        Ok(Self(At::from(path).open_directory().map_err(Error::io("open", path))?))
    }

    /// Copies a file, durably, under its name or one with a number behind it. One that is there with the same content is not copied again:
    /// the last attempt was cut short.
    pub(super) fn keep(&self, folder: &DropFolder, file: &Utf8PathBuf) -> Result<(), Error> {
        let Some(name) = file.file_name() else { return Ok(()) };
        let temporary = || self.0.at(format!(".{}", with_ending(name, ".new")));
        files::remove_if_present(temporary())?;
        let failed = || Error::io("archive", file);
        // A link in its place is not followed: nobody knows what it leads to.
        let mut from = folder.at(file).open_at_once(true).map_err(failed())?;
        let mut copy = files::create_new(temporary(), mode::MUTABLE)?;
        io::copy(&mut from, &mut copy).and_then(|_| copy.sync_all()).map_err(failed())?;
        let mut number = 0_u32;
        loop {
            let ending = if number == 0 { String::new() } else { format!(".{number}") };
            let place = || self.0.at(with_ending(name, &ending));
            match files::rename_to_free(&temporary(), &place()) {
                Ok(()) => break,
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                    let is_same = files::sha256(place()).map_err(failed())?
                        == files::sha256(temporary()).map_err(failed())?;
                    if is_same {
                        files::remove_if_present(temporary())?;
                        break;
                    }
                    number += 1;
                }
                Err(error) => return Err(failed()(error)),
            }
        }
        Ok(files::sync_path(self.0.at(""))?)
    }
}
