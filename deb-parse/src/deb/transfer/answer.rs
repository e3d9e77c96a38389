//! What was found out, as bytes, and the strict reading of them.

use std::io::{self, Read, Write};
use std::sync::Arc;

use super::wire::{Decoder, Encoder, invalid};
use crate::checksum::{Blake3, HashKinds, Hashes, Md5, Sha1, Sha256, Sha512};
use crate::control::BinaryControl;
use crate::deb::compression::Compression;
use crate::deb::conffiles::Conffile;
use crate::deb::control_archive::{ControlFile, is_plain_name};
use crate::deb::own_changelog::OwnChangelog;
use crate::deb::package::{Contents, Data, FileEntry, FileList, Options};
use crate::deb::tar::{EntryKind, Owner};
use crate::error::Error;
use crate::limits::{LimitKind, Limits};
use crate::path::FilePath;

const FOUND: u8 = b'f';
const REFUSED: u8 = b'r';

const RULE: u8 = 0;
const RULE_AT_PLACE: u8 = 1;
const LIMIT: u8 = 2;
const WITHIN: u8 = 3;

/// The longest text of an error, in bytes, and the most errors within each other.
const ERROR_TEXT: usize = 64 << 10;
const ERROR_DEPTH: usize = 8;

/// The longest name of an owner: a tar header has 32 bytes for it, and what replaces a byte that is not UTF-8 takes three.
const OWNER_NAME: usize = 96;

/// The longest name of a member of an `ar` archive.
const MEMBER_NAME: usize = 16;

/// A target of a link that is not written as a long name has at most so many bytes.
const SHORT_TARGET: usize = 512;

/// A byte that is not UTF-8 is replaced by three.
const REPLACED: usize = 3;

const COMPRESSIONS: [Compression; 6] = [
    Compression::None,
    Compression::Gzip,
    Compression::Xz,
    Compression::Zstd,
    Compression::Bzip2,
    Compression::Lzma,
];

const KINDS: [EntryKind; 7] = [
    EntryKind::File,
    EntryKind::HardLink,
    EntryKind::Symlink,
    EntryKind::CharacterDevice,
    EntryKind::BlockDevice,
    EntryKind::Directory,
    EntryKind::Fifo,
];

pub(super) fn write_contents(output: impl Write, read: &Result<Contents, Error>) -> io::Result<()> {
    let mut out = Encoder(output);
    match read {
        Err(error) => refused(&mut out, error),
        Ok(contents) => {
            out.byte(FOUND)?;
            write_found(&mut out, contents)
        }
    }
}

fn write_found(out: &mut Encoder<impl Write>, contents: &Contents) -> io::Result<()> {
    out.bytes(contents.control.as_bytes())?;
    out.list(&contents.control_files, |out, file| {
        out.bytes(file.name.as_bytes())?;
        out.number(file.size)?;
        out.number(file.mode.into())?;
        out.0.write_all(file.sha256.as_bytes())?;
        out.option(file.content.as_deref(), Encoder::bytes)
    })?;
    out.list(&contents.conffiles, |out, conffile| {
        out.bytes(conffile.line.as_bytes())?;
        out.option(conffile.sha256, |out, sha256| out.0.write_all(sha256.as_bytes()))
    })?;
    out.option(contents.md5sums.as_deref(), Encoder::bytes)?;
    out.option(contents.triggers.as_deref(), Encoder::bytes)?;
    out.list(&contents.extra_members, |out, name| out.bytes(name.as_bytes()))?;
    for compression in [contents.control_compression, contents.data_compression] {
        out.byte(place_in(&COMPRESSIONS, &compression))?;
    }
    out.option(contents.files.as_deref(), write_entries)?;
    out.option(contents.changelog.as_ref(), |out, changelog| {
        out.bytes(changelog.text.as_bytes())?;
        out.byte(u8::from(changelog.complete))
    })
}

pub(super) fn write_files(output: impl Write, listed: &Result<Vec<FileEntry>, Error>) -> io::Result<()> {
    let mut out = Encoder(output);
    match listed {
        Err(error) => refused(&mut out, error),
        Ok(files) => {
            out.byte(FOUND)?;
            write_entries(&mut out, files)
        }
    }
}

fn write_entries<W: Write>(out: &mut Encoder<W>, files: &[FileEntry]) -> io::Result<()> {
    let mut last: Option<Arc<Owner>> = None;
    out.list(files, |out, file| {
        out.byte(place_in(&KINDS, &file.kind))?;
        out.number(file.mode.into())?;
        out.number(file.size)?;
        out.bytes(&file.path)?;
        out.bytes(&file.target)?;
        let is_new = last.as_ref().is_none_or(|last| !Arc::ptr_eq(last, &file.owner));
        let new = is_new.then_some(&file.owner);
        out.option(new, |out, owner| {
            out.number(owner.uid.into())?;
            out.number(owner.gid.into())?;
            out.bytes(owner.user.as_bytes())?;
            out.bytes(owner.group.as_bytes())
        })?;
        if is_new {
            last = Some(Arc::clone(&file.owner));
        }
        out.option(file.hashes.as_deref(), write_hashes)
    })
}

fn write_hashes<W: Write>(out: &mut Encoder<W>, hashes: &Hashes) -> io::Result<()> {
    out.number(hashes.size)?;
    out.0.write_all(hashes.sha256.as_bytes())?;
    out.0.write_all(hashes.blake3.as_bytes())?;
    out.option(hashes.md5, |out, digest| out.0.write_all(digest.as_bytes()))?;
    out.option(hashes.sha1, |out, digest| out.0.write_all(digest.as_bytes()))?;
    out.option(hashes.sha512, |out, digest| out.0.write_all(digest.as_bytes()))
}

fn refused(out: &mut Encoder<impl Write>, error: &Error) -> io::Result<()> {
    out.byte(REFUSED)?;
    write_error(out, error)
}

/// Writes an error so that it is read back with the same text. Of those that have more than a text, only what a limit is about stays apart:
/// callers ask for that.
fn write_error(out: &mut Encoder<impl Write>, error: &Error) -> io::Result<()> {
    match error {
        Error::Archive { place: Some(place), rule } => {
            out.byte(RULE_AT_PLACE)?;
            out.bytes(printable(place).as_bytes())?;
            out.bytes(printable(rule).as_bytes())
        }
        Error::Limit { what, limit } => {
            out.byte(LIMIT)?;
            out.byte(place_in(&LimitKind::ALL, what))?;
            out.number(*limit)
        }
        Error::Within { place, error } => {
            out.byte(WITHIN)?;
            out.bytes(printable(place).as_bytes())?;
            write_error(out, error)
        }
        other => {
            out.byte(RULE)?;
            out.bytes(printable(&other.to_string()).as_bytes())
        }
    }
}

/// Where something stands in a table that has everything of its kind.
fn place_in<T: PartialEq>(table: &[T], value: &T) -> u8 {
    let place = table.iter().position(|other| other == value);
    place.and_then(|place| u8::try_from(place).ok()).unwrap_or(u8::MAX)
}

/// Whether a character can stand in the text of an error; see [`Quoted`](crate::Quoted).
fn is_printable(c: char) -> bool {
    matches!(c, ' '..='~' | '…') || c.is_alphanumeric()
}

fn printable(text: &str) -> String {
    let mut printable = String::with_capacity(text.len());
    for c in text.chars() {
        if is_printable(c) {
            printable.push(c);
        } else {
            printable.extend(c.escape_default());
        }
        if printable.len() > ERROR_TEXT - 16 {
            break;
        }
    }
    printable
}

pub(super) fn read_contents(input: impl Read, options: &Options) -> io::Result<Result<Contents, Error>> {
    let mut input = Decoder(input);
    match input.byte()? {
        FOUND => read_found(&mut input, options).map(Ok),
        REFUSED => read_error(&mut input, ERROR_DEPTH).map(Err),
        _ => Err(invalid("it is neither what was found nor an error")),
    }
}

pub(super) fn read_files(input: impl Read, limits: &Limits) -> io::Result<Result<Vec<FileEntry>, Error>> {
    let mut input = Decoder(input);
    match input.byte()? {
        FOUND => read_entries(&mut input, limits, None, is_entry_of_tarball).map(Ok),
        REFUSED => read_error(&mut input, ERROR_DEPTH).map(Err),
        _ => Err(invalid("it is neither what was found nor an error")),
    }
}

fn read_found(input: &mut Decoder<impl Read>, options: &Options) -> io::Result<Contents> {
    let limits = &options.limits;
    let control = BinaryControl::parse(&input.bytes(limits.control())?, limits)
        .map_err(|_| invalid("a control file is none"))?;
    let control_files = read_control_files(input, options)?;
    let conffiles = read_conffiles(input, limits)?;
    let unpacked = usize::try_from(limits.control_unpacked()).unwrap_or(usize::MAX);
    let md5sums = input.option(|input| input.bytes(unpacked))?;
    let triggers = input.option(|input| input.bytes(limits.control()))?;
    let mut extra_members = Vec::new();
    input.each(limits.members(), |input| {
        let name = input.text(MEMBER_NAME)?;
        if name.is_empty() || !name.bytes().all(|c| c.is_ascii_graphic() && c != b'/') {
            return Err(invalid("a member has no name"));
        }
        extra_members.push(name);
        Ok(())
    })?;
    let mut compression = || {
        let place = usize::from(input.byte()?);
        COMPRESSIONS.get(place).copied().ok_or_else(|| invalid("a compression is unknown"))
    };
    let (control_compression, data_compression) = (compression()?, compression()?);
    if Compression::for_control(control_compression.suffix()).is_none() {
        return Err(invalid("a control archive is compressed as none can be"));
    }
    let files =
        input.option(|input| read_entries(input, limits, options.file_hashes, is_entry_of_package))?;
    if files.is_some() != (options.data == Data::List) {
        return Err(invalid("the files are listed, or not, against what was asked"));
    }
    let changelog = input.option(|input| {
        let limit = options.changelog.filter(|_| files.is_some());
        let limit = limit.ok_or_else(|| invalid("a changelog was not asked for"))?;
        Ok(OwnChangelog { text: input.text(limit.saturating_mul(REPLACED))?, complete: input.flag()? })
    })?;
    Ok(Contents {
        control,
        control_files,
        conffiles,
        md5sums,
        triggers,
        extra_members,
        control_compression,
        data_compression,
        files,
        changelog,
    })
}

fn read_control_files(input: &mut Decoder<impl Read>, options: &Options) -> io::Result<Vec<ControlFile>> {
    let limits = &options.limits;
    let unpacked = usize::try_from(limits.control_unpacked()).unwrap_or(usize::MAX);
    let mut files: Vec<ControlFile> = Vec::new();
    let mut left = unpacked;
    input.each(limits.control_entries(), |input| {
        let (name, size) = (input.text(limits.path())?, input.number()?);
        let (mode, sha256) = (input.small()?, Sha256::from_bytes(input.digest()?));
        let content = input.option(|input| {
            let keep = options.control_contents.ok_or_else(|| invalid("a content was not asked for"))?;
            input.bytes(keep.min(left))
        })?;
        left -= content.as_ref().map_or(0, Vec::len);
        let is_next = files.last().is_none_or(|last| last.name < name);
        let is_whole = content.as_ref().is_none_or(|content| content.len() as u64 == size);
        if !is_plain_name(&name) || !is_next || !is_whole || size > limits.control_unpacked() {
            return Err(invalid("a file of the control archive cannot be there"));
        }
        files.push(ControlFile { name, size, mode, sha256, content });
        Ok(())
    })?;
    Ok(files)
}

fn read_conffiles(input: &mut Decoder<impl Read>, limits: &Limits) -> io::Result<Vec<Conffile>> {
    let mut conffiles = Vec::new();
    let mut left = limits.control().saturating_mul(REPLACED);
    input.each(limits.control(), |input| {
        let line = input.text(left)?;
        if line.is_empty() || line.contains('\n') {
            return Err(invalid("a conffile is not one line"));
        }
        left -= line.len();
        let sha256 = input.option(|input| Ok(Sha256::from_bytes(input.digest()?)))?;
        conffiles.push(Conffile { line, sha256 });
        Ok(())
    })?;
    Ok(conffiles)
}

fn read_entries(
    input: &mut Decoder<impl Read>,
    limits: &Limits,
    hashes: Option<HashKinds>,
    is_possible: fn(&FileEntry) -> bool,
) -> io::Result<Vec<FileEntry>> {
    let mut files = FileList::default();
    let mut owner: Option<Arc<Owner>> = None;
    input.each(limits.data_entries(), |input| {
        let kind = KINDS.get(usize::from(input.byte()?)).copied();
        let kind = kind.ok_or_else(|| invalid("an entry is of an unknown kind"))?;
        let (mode, size) = (input.small()?, input.number()?);
        let path = input.bytes(limits.path().max(SHORT_TARGET))?;
        let target = input.bytes(limits.path().max(SHORT_TARGET))?;
        if let Some(new) = input.option(read_owner)? {
            owner = Some(Arc::new(new));
        }
        let owner = owner.clone().ok_or_else(|| invalid("an entry belongs to nobody"))?;
        let of_content = input.option(|input| {
            let set = hashes.ok_or_else(|| invalid("checksums were not asked for"))?;
            read_hashes(input, set)
        })?;
        if of_content.is_some() != (hashes.is_some() && kind == EntryKind::File) {
            return Err(invalid("an entry has checksums, or none, against what was asked"));
        }
        let file = FileEntry { path, kind, size, mode, owner, target, hashes: of_content.map(Box::new) };
        if !is_possible(&file) {
            return Err(invalid("an entry cannot be in such an archive"));
        }
        files.push(file, limits, "").map_err(|_| invalid("there are more entries than are allowed"))
    })?;
    Ok(files.files)
}

fn is_entry_of_package(file: &FileEntry) -> bool {
    let is_target_possible = match file.kind {
        EntryKind::HardLink => FilePath::parse(&file.target).is_ok(),
        EntryKind::Symlink => !file.target.is_empty(),
        _ => file.target.is_empty(),
    };
    is_target_possible && is_entry_of_tarball(file)
}

fn is_entry_of_tarball(file: &FileEntry) -> bool {
    FilePath::parse(&file.path).is_ok()
}

fn read_owner(input: &mut Decoder<impl Read>) -> io::Result<Owner> {
    let (uid, gid) = (input.small()?, input.small()?);
    Ok(Owner { uid, gid, user: input.text(OWNER_NAME)?, group: input.text(OWNER_NAME)? })
}

fn read_hashes(input: &mut Decoder<impl Read>, set: HashKinds) -> io::Result<Hashes> {
    let hashes = Hashes {
        size: input.number()?,
        sha256: Sha256::from_bytes(input.digest()?),
        blake3: Blake3::from_bytes(input.digest()?),
        md5: input.option(|input| Ok(Md5::from_bytes(input.digest()?)))?,
        sha1: input.option(|input| Ok(Sha1::from_bytes(input.digest()?)))?,
        sha512: input.option(|input| Ok(Sha512::from_bytes(input.digest()?)))?,
    };
    let found = (hashes.md5.is_some(), hashes.sha1.is_some(), hashes.sha512.is_some());
    if found == (set.md5, set.sha1, set.sha512) {
        Ok(hashes)
    } else {
        Err(invalid("checksums are not those that were asked for"))
    }
}

fn read_error<R: Read>(input: &mut Decoder<R>, depth: usize) -> io::Result<Error> {
    match input.byte()? {
        RULE => Ok(Error::Archive { place: None, rule: read_rule(input)? }),
        RULE_AT_PLACE => {
            let place = Some(read_error_text(input)?);
            Ok(Error::Archive { place, rule: read_rule(input)? })
        }
        LIMIT => {
            let what = LimitKind::ALL.get(usize::from(input.byte()?)).copied();
            let what = what.ok_or_else(|| invalid("a limit is unknown"))?;
            Ok(Error::Limit { what, limit: input.number()? })
        }
        WITHIN if depth > 0 => {
            let place = read_error_text(input)?;
            Ok(Error::Within { place, error: Box::new(read_error(input, depth - 1)?) })
        }
        _ => Err(invalid("an error is unknown")),
    }
}

/// Reads what is wrong, which nobody would see if the text were empty.
fn read_rule(input: &mut Decoder<impl Read>) -> io::Result<String> {
    let rule = read_error_text(input)?;
    if rule.trim().is_empty() { Err(invalid("an error has no text")) } else { Ok(rule) }
}

fn read_error_text(input: &mut Decoder<impl Read>) -> io::Result<String> {
    let text = input.text(ERROR_TEXT)?;
    if text.chars().all(is_printable) { Ok(text) } else { Err(invalid("an error cannot be printed")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_without_a_text_is_not_an_answer() {
        let answer = |rule: &str| {
            let mut answer = vec![REFUSED];
            let error = Error::Archive { place: None, rule: rule.to_owned() };
            write_error(&mut Encoder(&mut answer), &error).unwrap();
            read_files(&answer[..], &Limits::default())
        };
        assert_eq!(answer("no ar header").unwrap().unwrap_err().to_string(), "no ar header");
        for nothing in ["", " "] {
            assert_eq!(answer(nothing).unwrap_err().kind(), io::ErrorKind::InvalidData);
        }
    }
}
