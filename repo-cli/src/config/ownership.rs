//! Whose drop-ins count. `repo.d` is listed, so whoever can put a file there would decide what is served and to whom.

use std::fs::Metadata;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;

use camino::Utf8Path;

use super::regular_file;
use crate::error::Failure;

/// Everybody else may write.
const OTHERS_WRITE: u32 = 0o002;

/// Refuses a directory of drop-ins that does not belong to the owner of `repo.toml` or to root, or that everybody may write to. A link is
/// judged by its own owner and by what it leads to.
pub(super) fn check_directory(directory: &Utf8Path, owner: u32) -> Result<(), Failure> {
    let failed = || Failure::io("look at", directory);
    check(directory, &directory.symlink_metadata().map_err(failed())?, owner)?;
    check(directory, &directory.metadata().map_err(failed())?, owner)
}

/// Reads a drop-in, under the same rules.
pub(super) fn read(path: &Utf8Path, owner: u32) -> Result<String, Failure> {
    let failed = || Failure::io("read", path);
    check(path, &path.symlink_metadata().map_err(failed())?, owner)?;
    let mut file = regular_file::open(path).map_err(failed())?;
    check(path, &file.metadata().map_err(failed())?, owner)?;
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(failed())?;
    Ok(text)
}

fn check(path: &Utf8Path, metadata: &Metadata, owner: u32) -> Result<(), Failure> {
    let what = if ![0, owner].contains(&metadata.uid()) {
        format!("it belongs to uid {} and not to the owner of repo.toml (uid {owner})", metadata.uid())
    } else if !metadata.is_symlink() && metadata.mode() & OTHERS_WRITE != 0 {
        format!("mode {:04o} lets everybody write to it", metadata.mode() & 0o7777)
    } else {
        return Ok(());
    };
    Err(Failure::Config { path: path.to_owned(), drop_ins: false, line: None, what })
}
