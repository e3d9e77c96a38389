//! The control archive: `control` and the small files beside it.

use super::conffiles;
use super::tar::{Dialect, EntryKind, Tar};
use super::unpacked::Unpacked;
use crate::LimitKind;
use crate::checksum::Sha256;
use crate::control::BinaryControl;
use crate::error::{Error, Quoted};
use crate::limits::Limits;
use std::collections::HashSet;
use std::io::Read;

/// A file of a package's control archive.
///
/// ```
/// # use deb_parse::{Architecture, PackageName, Version, deb};
/// # let bytes = deb::Builder::new(PackageName::parse("hello")?, Version::parse("1.0")?, Architecture::parse("all")?)
/// #     .maintainer_script("postinst", "#!/bin/sh\n").build()?;
/// let package = deb::read(&bytes[..], &deb::Options::default())?;
/// let script = package.maintainer_scripts().next().unwrap();
/// assert_eq!((script.name.as_str(), script.size, script.mode), ("postinst", 10, 0o755));
/// # Ok::<(), deb_parse::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ControlFile {
    /// Name, such as `postinst`; visible ASCII without `/`.
    pub name: String,
    /// Size in bytes.
    pub size: u64,
    /// Permissions.
    pub mode: u32,
    /// SHA-256 of the content.
    pub sha256: Sha256,
    /// The content, if [`Options::control_contents`](super::Options::control_contents) asks for it.
    pub content: Option<Vec<u8>>,
}

impl ControlFile {
    /// Whether dpkg or debconf runs it: `config`, `postinst`, `postrm`, `preinst` or `prerm`.
    pub fn is_maintainer_script(&self) -> bool {
        SCRIPTS.contains(&self.name.as_str())
    }
}

const SCRIPTS: [&str; 5] = ["config", "postinst", "postrm", "preinst", "prerm"];

pub(super) struct ControlArchive {
    pub(super) control: BinaryControl,
    pub(super) files: Vec<ControlFile>,
    pub(super) conffiles: Option<Vec<u8>>,
    pub(super) md5sums: Option<Vec<u8>>,
    pub(super) triggers: Option<Vec<u8>>,
}

/// Reads a control archive to its end. It must hold plain files by plain names, each once.
///
/// With `keep`, contents of up to so many bytes are kept.
pub(super) fn read<R: Read>(
    input: Unpacked<'_, R>,
    limits: &Limits,
    keep: Option<usize>,
) -> Result<ControlArchive, Error> {
    let mut tar = Tar::new(input, Dialect::Control, limits.path());
    let mut seen = HashSet::new();
    let mut control = None;
    let (mut found_conffiles, mut md5sums, mut triggers) = (None, None, None);
    let mut files = Vec::new();
    let mut entries = 0;
    while let Some(entry) = tar.next()? {
        entries += 1;
        if entries > limits.control_entries() {
            let limit = limits.control_entries() as u64;
            return Err(Error::Limit { what: LimitKind::ControlEntries, limit }.within(tar.name()));
        }
        let quoted = Quoted::new(&entry.path);
        let error = |rule: &str| Err(tar.error(&format!("{quoted}: {rule}")));
        if entry.kind == EntryKind::Directory && matches!(entry.path.as_slice(), b"." | b"./") {
            // Its mode does not matter: dpkg reads the archive as root. Some builders write none at all.
            if !seen.insert(".".to_owned()) {
                return error("the directory occurs twice");
            }
            continue;
        }
        if entry.kind == EntryKind::Directory {
            return error("dpkg allows no directories in the control archive");
        }
        if entry.kind != EntryKind::File {
            return error("only regular files are allowed in the control archive");
        }
        let path = entry.path.strip_prefix(b"./").unwrap_or(&entry.path);
        let name = match std::str::from_utf8(path) {
            Ok(name) if is_plain_name(name) => name.to_owned(),
            _ => {
                return error("a file in the control archive must have a plain name");
            }
        };
        if !seen.insert(name.clone()) {
            return error("the file occurs twice");
        }
        let place = || format!("{}: {quoted}", tar.name());
        let is_kept = keep.is_some_and(|limit| entry.size <= limit as u64);
        let kept = |text: &Vec<u8>| is_kept.then(|| text.clone());
        let (sha256, content) = match name.as_str() {
            "control" => {
                if entry.size > limits.control() as u64 {
                    let limit = limits.control() as u64;
                    return Err(Error::Limit { what: LimitKind::Control, limit }.within(place()));
                }
                let place = place();
                let text = tar.read_content(limits.control())?;
                if !text.ends_with(b"\n") {
                    let rule = "the file must end with a newline, or dpkg does not read it";
                    return Err(Error::syntax(&text, text.len(), rule).within(place));
                }
                control = Some(BinaryControl::parse(&text, limits).map_err(|error| error.within(place))?);
                (Sha256::of(&text), kept(&text))
            }
            "conffiles" => {
                let place = place();
                let text = tar.read_content(limits.control())?;
                conffiles::check(&text).map_err(|error| error.within(place))?;
                let text = found_conffiles.insert(text);
                (Sha256::of(text), kept(text))
            }
            "triggers" => {
                let text = triggers.insert(tar.read_content(limits.control())?);
                (Sha256::of(text), kept(text))
            }
            "md5sums" => {
                let text = md5sums.insert(tar.read_content(usize::MAX)?);
                (Sha256::of(text), kept(text))
            }
            _ if is_kept => {
                let text = tar.read_content(usize::MAX)?;
                (Sha256::of(&text), Some(text))
            }
            _ => (tar.hash_content()?, None),
        };
        files.push(ControlFile { name, size: entry.size, mode: entry.mode, sha256, content });
    }
    let control = control.ok_or_else(|| tar.error("the file `control` is missing"))?;
    files.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    Ok(ControlArchive { control, files, conffiles: found_conffiles, md5sums, triggers })
}

pub(super) fn is_plain_name(name: &str) -> bool {
    !name.is_empty()
        && !matches!(name, "." | "..")
        && name.bytes().all(|c| c.is_ascii_graphic() && !b"/\\".contains(&c))
}
