//! Whose drop-ins count. `repo.d` is listed, so anyone who can put a file there would decide what is served and to whom.

use std::fs::Metadata;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;

use camino::Utf8Path;

use crate::error::{ConfigError, OwnershipFault};
use crate::regular_file;

/// Everybody else may write.
const OTHERS_WRITE: u32 = 0o002;

/// Refuses a directory of drop-ins that does not belong to the owner of `repo.toml` or to root, or that everybody may write to. A link is
/// judged by its own owner and by what it leads to.
pub(crate) fn check_directory(directory: &Utf8Path, owner: u32) -> Result<(), ConfigError> {
    let failed = || ConfigError::io("look at", directory);
    check(directory, &directory.symlink_metadata().map_err(failed())?, owner)?;
    check(directory, &directory.metadata().map_err(failed())?, owner)
}

/// Reads a drop-in, under the same rules.
pub(crate) fn read(path: &Utf8Path, owner: u32) -> Result<String, ConfigError> {
    let failed = || ConfigError::io("read", path);
    check(path, &path.symlink_metadata().map_err(failed())?, owner)?;
    let mut file = regular_file::open(path).map_err(failed())?;
    check(path, &file.metadata().map_err(failed())?, owner)?;
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(failed())?;
    Ok(text)
}

fn check(path: &Utf8Path, metadata: &Metadata, owner: u32) -> Result<(), ConfigError> {
    let fault = if ![0, owner].contains(&metadata.uid()) {
        OwnershipFault::OtherOwner { uid: metadata.uid(), owner }
    } else if !metadata.is_symlink() && metadata.mode() & OTHERS_WRITE != 0 {
        OwnershipFault::Writable { mode: metadata.mode() & 0o7777 }
    } else {
        return Ok(());
    };
    Err(ConfigError::Ownership { path: path.to_owned(), fault })
}
