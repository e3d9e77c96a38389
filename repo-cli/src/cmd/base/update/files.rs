//! Bases that are files: a `Packages` file, or a directory with such.

use std::fs::File;

use camino::{Utf8Path, Utf8PathBuf};
use deb_parse::deb::Compression;
use repo_store::operations::bases::{BaseIndexBuilder, KeptArchive, KeptIndex};
use repo_store::settings::Base;

use super::ReadBase;
use crate::error::Failure;
use crate::session::Session;

/// Reads a file, or all files in a directory whose names end with `Packages`: those of `/var/lib/apt/lists` do.
pub(super) fn read(
    place: &Utf8Path,
    base: &Base,
    known: &[KeptArchive],
    session: &Session,
) -> Result<ReadBase, Failure> {
    let mut builder = BaseIndexBuilder::new();
    let files = files(place, base)?;
    if files.is_empty() {
        return Err(failed(base, place.as_str(), "no Packages file is in it"));
    }
    for path in files {
        let file = File::open(&path).map_err(Failure::io("read", &path))?;
        let text = Compression::of_name(path.as_str()).reader(file, &deb_parse::Limits::default());
        let text = text.map_err(|error| failed(base, path.as_str(), &error.to_string()))?;
        builder.read(text).map_err(|error| failed(base, path.as_str(), &error.to_string()))?;
    }
    if builder.packages() == 0 {
        return Err(failed(base, place.as_str(), "it lists no package"));
    }
    let id = session.store.keep_base_index(&builder)?;
    let index = KeptIndex { architecture: None, packages: builder.packages(), id };
    let archive = KeptArchive::new(place.as_str(), session.context().now, None, vec![index]);
    let is_unchanged = known.iter().any(|known| known.indices == archive.indices);
    let refused = builder.refused().to_vec();
    Ok(ReadBase { archives: vec![archive], is_unchanged, failures: Vec::new(), refused })
}

/// Compressed forms that apt may keep its lists in and that are not read here.
const UNREADABLE: [&str; 2] = ["Packages.lz4", "Packages.lzma"];

fn files(place: &Utf8Path, base: &Base) -> Result<Vec<Utf8PathBuf>, Failure> {
    if !std::fs::metadata(place).map_err(Failure::io("read", place))?.is_dir() {
        return Ok(vec![place.to_owned()]);
    }
    let mut found = Vec::new();
    for entry in place.read_dir_utf8().map_err(Failure::io("read", place))? {
        let path = entry.map_err(Failure::io("read", place))?.into_path();
        let name = path.file_name().unwrap_or_default();
        let plain = name.strip_suffix(Compression::of_name(name).suffix()).unwrap_or(name);
        if plain.ends_with("Packages") && path.is_file() {
            found.push(path);
        } else if UNREADABLE.iter().any(|ending| plain.ends_with(ending)) {
            // Without it a part of what clients have would pass for all.
            return Err(failed(base, path.as_str(), "no list with this compression can be read"));
        }
    }
    found.sort();
    Ok(found)
}

pub(super) fn failed(base: &Base, place: &str, what: &str) -> Failure {
    Failure::BaseNotRead { suite: base.suite.clone(), place: place.to_owned(), what: what.to_owned() }
}
