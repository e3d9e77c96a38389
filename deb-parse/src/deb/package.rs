//! One pass over a package.

use super::ar::{self, Header};
use super::compression::Compression;
use super::conffiles::{Conffile, Conffiles};
use super::content::{Content, Watchers};
use super::control_archive::{self, ControlArchive, ControlFile};
use super::own_changelog::{Collector, OwnChangelog};
use super::source::{Hashed, Member, Source};
use super::stream_end::StreamEnd;
use super::tar::{Dialect, Entry, EntryKind, Owner, Tar};
use super::unpacked::Unpacked;
use super::unpacking::{self, UnpackProblem};
use crate::LimitKind;
use crate::checksum::{Blake3, HashKinds, Hasher, Hashes, Md5, Sha1, Sha256, Sha512};
use crate::control::BinaryControl;
use crate::error::{Error, Quoted};
use crate::limits::Limits;
use crate::path;
use std::io::{self, Read};
use std::sync::Arc;

/// How many times larger than packed a data archive may be in any case; see [`Limits::data_unpacked`].
pub(super) const HONEST_RATIO: u64 = 20;

/// What an owner that differs from the one before takes of [`Limits::list_bytes`].
const OWNER_BYTES: usize = 256;

/// How [`read`] reads.
///
/// ```
/// use deb_parse::{Limits, checksum::HashKinds, deb};
/// let options = deb::Options {
///     limits: Limits::default().with_data_unpacked(1 << 30),
///     hashes: HashKinds { md5: true, ..HashKinds::default() },
///     changelog: Some(1 << 20),
///     ..deb::Options::default()
/// };
/// assert_eq!(options.data, deb::Data::List);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Limits.
    pub limits: Limits,
    /// Checksums to compute besides SHA-256 and BLAKE3.
    pub hashes: HashKinds,
    /// What to do with the data archive.
    pub data: Data,
    /// Keep that many bytes, unpacked, of the package's own changelog; needs [`Data::List`]. Changelogs of 100 KiB are
    /// usual, and some have 10 MiB; the newest entries come first.
    pub changelog: Option<usize>,
    /// Compute checksums of each file of the data archive: SHA-256, BLAKE3 and those in the set; needs [`Data::List`].
    pub file_hashes: Option<HashKinds>,
    /// Keep the content of each file of the control archive that has at most that many bytes.
    pub control_contents: Option<usize>,
}

/// What to do with the data archive of a package.
///
/// ```
/// # use deb_parse::{Architecture, PackageName, Version, deb};
/// # let bytes = deb::Builder::new(PackageName::parse("hello")?, Version::parse("1.0")?, Architecture::parse("all")?).build()?;
/// let options = deb::Options { data: deb::Data::Skip, ..deb::Options::default() };
/// assert!(deb::read(&bytes[..], &options)?.files.is_none());
/// # Ok::<(), deb_parse::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Data {
    /// Hash it with the rest of the file, without unpacking it. What is seen without that is checked: its name, that it
    /// starts as its compression format does, and that the stream is whole (footer and index of xz, the headers of the frame
    /// and of all blocks of zstd, the size at the end of gzip, the mark at the end of bzip2). An archive that is not
    /// compressed is checked as with [`List`](Self::List).
    Skip,
    /// Unpack it to its end, check it, and list the files in it.
    #[default]
    List,
}

/// An entry of a package's data archive.
///
/// ```
/// # use deb_parse::{Architecture, PackageName, Version, deb};
/// # let bytes = deb::Builder::new(PackageName::parse("hello")?, Version::parse("1.0")?, Architecture::parse("all")?)
/// #     .file("usr/bin/hello", "x", 0o4755).build()?;
/// let files = deb::read(&bytes[..], &deb::Options::default())?.files.unwrap();
/// let file = files.iter().find(|file| file.kind == deb::EntryKind::File).unwrap();
/// assert_eq!((file.path.as_slice(), file.size, file.mode), (&b"usr/bin/hello"[..], 1, 0o4755));
/// assert_eq!(file.owner.to_string(), "root:root");
/// # Ok::<(), deb_parse::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileEntry {
    /// Path below the root, such as `usr/bin/hello`, without `./` before it or `/` after it. It has no `..` and no
    /// newline, but need not be UTF-8.
    pub path: Vec<u8>,
    /// What it is.
    pub kind: EntryKind,
    /// Size in bytes; 0 unless it is a file.
    pub size: u64,
    /// Permissions, with the bits for set-user-id `0o4000`, set-group-id `0o2000` and sticky `0o1000`.
    pub mode: u32,
    /// To whom it belongs; entries share one where they have the same.
    pub owner: Arc<Owner>,
    /// What a symbolic link points to, or the path that a hard link is another name for; empty for others.
    pub target: Vec<u8>,
    /// The checksums of a file's content, if [`Options::file_hashes`] asks for them.
    pub hashes: Option<Box<Hashes>>,
}

/// What one pass over a package found out.
///
/// ```
/// # use deb_parse::{Architecture, PackageName, Version, deb};
/// # let bytes = deb::Builder::new(PackageName::parse("hello")?, Version::parse("1.0")?, Architecture::parse("all")?)
/// #     .file("etc/hello.conf", "x", 0o644).conffile("etc/hello.conf").build()?;
/// let package = deb::read(&bytes[..], &deb::Options::default())?;
/// assert_eq!(package.control.version().as_str(), "1.0");
/// assert_eq!(package.conffiles[0].line, "/etc/hello.conf");
/// assert_eq!(package.control_files.len(), 2);
/// # Ok::<(), deb_parse::Error>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Package {
    /// The control file.
    pub control: BinaryControl,
    /// Size of the package file in bytes.
    pub size: u64,
    /// SHA-256 of the package file.
    pub sha256: Sha256,
    /// BLAKE3 of the package file.
    pub blake3: Blake3,
    /// MD5 of the package file, if it was asked for.
    pub md5: Option<Md5>,
    /// SHA-1 of the package file, if it was asked for.
    pub sha1: Option<Sha1>,
    /// SHA-512 of the package file, if it was asked for.
    pub sha512: Option<Sha512>,
    /// The files in the control archive, sorted by name.
    pub control_files: Vec<ControlFile>,
    /// The configuration files, in the order of `conffiles`.
    pub conffiles: Vec<Conffile>,
    /// The content of `md5sums`, if it is there.
    pub md5sums: Option<Vec<u8>>,
    /// The content of `triggers`, if it is there.
    pub triggers: Option<Vec<u8>>,
    /// The names of the members that dpkg passes over, such as the signature `_gpgorigin`, before and behind the data archive.
    pub extra_members: Vec<String>,
    /// Compression of the control archive.
    pub control_compression: Compression,
    /// Compression of the data archive.
    pub data_compression: Compression,
    /// The entries of the data archive in their order, with [`Data::List`].
    pub files: Option<Vec<FileEntry>>,
    /// Why dpkg cannot unpack the data archive in the order of its entries, with [`Data::List`]; nothing if it can.
    pub unpack_problem: Option<UnpackProblem>,
    /// Size when installed in KiB, summed as dpkg-gencontrol does (files rounded up, 1 for all else), with
    /// [`Data::List`].
    pub installed_size: Option<u64>,
    /// The package's own changelog, if it was asked for and is there.
    pub changelog: Option<OwnChangelog>,
}

impl Package {
    /// The maintainer scripts, sorted by name: some of `config`, `postinst`, `postrm`, `preinst`, `prerm`.
    pub fn maintainer_scripts(&self) -> impl Iterator<Item = &ControlFile> {
        self.control_files.iter().filter(|file| file.is_maintainer_script())
    }
}

/// Reads a package from its first to its last byte.
///
/// ```
/// use deb_parse::{PackageName, Version, Architecture, deb};
/// let bytes = deb::Builder::new(PackageName::parse("hello")?, Version::parse("1.0")?, Architecture::parse("all")?)
///     .description("greets")
///     .file("usr/bin/hello", "#!/bin/sh\necho hello\n", 0o755)
///     .build()?;
/// let package = deb::read(&bytes[..], &deb::Options::default())?;
/// assert_eq!(package.control.package().as_str(), "hello");
/// assert_eq!(package.size, bytes.len() as u64);
/// assert_eq!(package.files.unwrap().last().unwrap().path, b"usr/bin/hello");
/// # Ok::<(), deb_parse::Error>(())
/// ```
///
/// # Errors
/// One for everything that the module's documentation says is refused, naming the member, the file and the rule;
/// [`Error::Limit`] for what is too large; [`Error::Io`] for what `input` gives.
pub fn read(input: impl Read, options: &Options) -> Result<Package, Error> {
    read_package(input, options, None)
}

/// Reads a package as [`read`] does, and shows `visit` each file of the data archive with its content while that goes by, in the order of
/// the archive.
///
/// What `visit` does not read is passed over. [`FileEntry::hashes`] is empty then: the content is yet to come. Nothing is shown with
/// [`Data::Skip`].
///
/// Do not trust what was shown before this returned the package: what comes later may be what is refused.
///
/// ```
/// use deb_parse::{Architecture, PackageName, Version, deb};
/// use std::io::Read as _;
/// let bytes = deb::Builder::new(PackageName::parse("hello")?, Version::parse("1.0")?, Architecture::parse("all")?)
///     .file("usr/share/hello/greeting", "hello, world", 0o644)
///     .build()?;
/// let mut greeting = String::new();
/// deb::read_with(&bytes[..], &deb::Options::default(), |file, content| {
///     if file.path == b"usr/share/hello/greeting" {
///         content.take(1024).read_to_string(&mut greeting)?;
///     }
///     Ok(())
/// })?;
/// assert_eq!(greeting, "hello, world");
/// # Ok::<(), deb_parse::Error>(())
/// ```
///
/// # Errors
/// As [`read`]; and [`Error::Io`] for what `visit` gives, after which nothing more is read.
pub fn read_with(
    input: impl Read,
    options: &Options,
    mut visit: impl FnMut(&FileEntry, &mut dyn Read) -> io::Result<()>,
) -> Result<Package, Error> {
    read_package(input, options, Some(&mut visit))
}

/// Sees the files of a data archive.
pub(super) type Visitor<'v> = &'v mut dyn FnMut(&FileEntry, &mut dyn Read) -> io::Result<()>;

fn read_package(input: impl Read, options: &Options, visitor: Option<Visitor<'_>>) -> Result<Package, Error> {
    let mut source = Source::new(Hashed::new(input, options.hashes)?);
    let contents = read_contents(&mut source, options, visitor)?;
    Ok(contents.with_hashes(&source.into_input().finish()))
}

/// What is found out of a package besides its size and its checksums.
pub(super) struct Contents {
    pub(super) control: BinaryControl,
    pub(super) control_files: Vec<ControlFile>,
    pub(super) conffiles: Vec<Conffile>,
    pub(super) md5sums: Option<Vec<u8>>,
    pub(super) triggers: Option<Vec<u8>>,
    pub(super) extra_members: Vec<String>,
    pub(super) control_compression: Compression,
    pub(super) data_compression: Compression,
    pub(super) files: Option<Vec<FileEntry>>,
    pub(super) changelog: Option<OwnChangelog>,
}

impl Contents {
    pub(super) fn with_hashes(self, hashes: &Hashes) -> Package {
        let unpack_problem =
            self.files.as_ref().and_then(|files| unpacking::find_problem(files, &self.control));
        let installed_size = self.files.as_deref().map(installed_size);
        Package {
            control: self.control,
            size: hashes.size,
            sha256: hashes.sha256,
            blake3: hashes.blake3,
            md5: hashes.md5,
            sha1: hashes.sha1,
            sha512: hashes.sha512,
            control_files: self.control_files,
            conffiles: self.conffiles,
            md5sums: self.md5sums,
            triggers: self.triggers,
            extra_members: self.extra_members,
            control_compression: self.control_compression,
            data_compression: self.data_compression,
            files: self.files,
            unpack_problem,
            installed_size,
            changelog: self.changelog,
        }
    }
}

/// Sums up as dpkg-gencontrol does, in KiB.
fn installed_size(files: &[FileEntry]) -> u64 {
    let size = |file: &FileEntry| if file.kind == EntryKind::File { file.size.div_ceil(1024) } else { 1 };
    files.iter().map(size).fold(0, u64::saturating_add)
}

/// Reads a package from its first to its last byte.
pub(super) fn read_contents<R: Read>(
    source: &mut Source<R>,
    options: &Options,
    visitor: Option<Visitor<'_>>,
) -> Result<Contents, Error> {
    ar::read_magic(source)?;
    let mut reading = Reading { options, visitor, extra: Vec::new(), control: None, data: None };
    let mut members = 0;
    while let Some(header) = ar::read_header(source)? {
        members += 1;
        if members > options.limits.members() {
            let limit = options.limits.members() as u64;
            return Err(Error::Limit { what: LimitKind::Members, limit });
        }
        reading.member(source, &header, members)?;
    }
    let Some((control_compression, control)) = reading.control else {
        return Err(Error::whole_archive("the member `control.tar` is missing (deb(5))"));
    };
    let Some((data_compression, data)) = reading.data else {
        return Err(Error::whole_archive("the member `data.tar` is missing (deb(5))"));
    };
    let ControlArchive { control, files: control_files, conffiles, md5sums, triggers } = control;
    let (files, changelog, conffiles) = match data {
        Some(found) => (Some(found.files), found.changelog, found.conffiles),
        None => (None, None, conffiles_of(conffiles.as_deref())),
    };
    Ok(Contents {
        control,
        control_files,
        conffiles: conffiles.finish(),
        md5sums,
        triggers,
        extra_members: reading.extra,
        control_compression,
        data_compression,
        files,
        changelog,
    })
}

/// What walking the data archive gives.
struct Listing {
    files: Vec<FileEntry>,
    changelog: Option<OwnChangelog>,
    conffiles: Conffiles,
}

struct Reading<'o, 'v> {
    options: &'o Options,
    visitor: Option<Visitor<'v>>,
    extra: Vec<String>,
    control: Option<(Compression, ControlArchive)>,
    data: Option<(Compression, Option<Listing>)>,
}

impl Reading<'_, '_> {
    fn member<R: Read>(
        &mut self,
        source: &mut Source<R>,
        header: &Header,
        number: usize,
    ) -> Result<(), Error> {
        let (name, size) = (header.name.as_str(), header.size);
        let limits = &self.options.limits;
        let quoted = || Quoted::new(name).to_string();
        if number == 1 {
            if name != "debian-binary" {
                return Err(Error::archive(quoted(), "the first member must be `debian-binary` (deb(5))"));
            }
            return read_version(source, header);
        }
        let control = name.strip_prefix("control.tar");
        let data = name.strip_prefix("data.tar");
        match (&self.control, &self.data) {
            // deb(5): members whose names start with an underscore may stand before the data and are passed over.
            (_, None) if name.starts_with('_') => self.extra.push(name.to_owned()),
            (None, _) => {
                let Some(format) = control.and_then(Compression::for_control) else {
                    return Err(Error::archive(
                        quoted(),
                        "`control.tar`, plain or as .gz, .xz or .zst, must come here (deb(5))",
                    ));
                };
                let limit = limits.control_unpacked();
                let limited = LimitKind::ControlUnpacked;
                let input = Unpacked::new(Member::new(source, name, size), format, limits, limit, limited)?;
                self.control =
                    Some((format, control_archive::read(input, limits, self.options.control_contents)?));
                return skip_padding(source, size);
            }
            (Some((_, control)), None) => {
                let Some(format) = data.and_then(Compression::for_data) else {
                    let rule =
                        "`data.tar`, plain or as .gz, .xz, .zst, .bz2 or .lzma, must come here (deb(5))";
                    return Err(Error::archive(quoted(), rule));
                };
                let member = Member::new(source, name, size);
                let listing = read_data(member, format, control, (self.options, &mut self.visitor))?;
                self.data = Some((format, listing));
                return skip_padding(source, size);
            }
            (Some(_), Some(_)) => {
                if control.is_some() || data.is_some() || name == "debian-binary" {
                    return Err(Error::archive(quoted(), "the member occurs a second time"));
                }
                self.extra.push(name.to_owned());
            }
        }
        Member::new(source, name, size).read_to_end(|_| Ok(()))?;
        skip_padding(source, size)
    }
}

fn read_data<R: Read>(
    mut member: Member<'_, R>,
    format: Compression,
    control: &ControlArchive,
    (options, visitor): (&Options, &mut Option<Visitor<'_>>),
) -> Result<Option<Listing>, Error> {
    let limits = &options.limits;
    match options.data {
        Data::Skip if format != Compression::None => {
            let name = member.name();
            if !format.matches(member.peek(Compression::MAGIC_LEN)?) {
                return Err(Error::archive(name, "is not compressed as its name says"));
            }
            let mut end = StreamEnd::new(format, member.left(), limits);
            member.read_to_end(|piece| end.update(piece))?;
            end.finish().map_err(|rule| Error::archive(name, rule))?;
            Ok(None)
        }
        // What is not compressed costs nothing to check.
        Data::Skip => {
            let _ = list(unpack(member, format, limits)?, control, (options, &mut None))?;
            Ok(None)
        }
        Data::List => Ok(Some(list(unpack(member, format, limits)?, control, (options, visitor))?)),
    }
}

fn unpack<'a, R: Read>(
    member: Member<'a, R>,
    format: Compression,
    limits: &Limits,
) -> Result<Unpacked<'a, R>, Error> {
    let limit = limits.data_unpacked().max(member.left().saturating_mul(HONEST_RATIO));
    Unpacked::new(member, format, limits, limit, LimitKind::DataUnpacked)
}

/// Reads the member `debian-binary`: the version of the format, 2.x, in a line that others may follow.
fn read_version<R: Read>(source: &mut Source<R>, header: &Header) -> Result<(), Error> {
    const MAX: u64 = 1024;
    let place = header.name.as_str();
    if header.size > MAX {
        return Err(Error::archive(place, "must not be longer than 1024 bytes"));
    }
    let mut text = vec![0; usize::try_from(header.size).unwrap_or_default()];
    if source.read_full(&mut text)? < text.len() {
        return Err(Error::archive(place, "is cut short: the file ends inside this member"));
    }
    let line = text.iter().position(|c| *c == b'\n').and_then(|end| text.get(..end));
    let minor = line.and_then(|line| line.strip_prefix(b"2."));
    if !minor.is_some_and(|minor| !minor.is_empty() && minor.iter().all(u8::is_ascii_digit)) {
        return Err(Error::archive(place, "must be the format version 2.0 and a newline (deb(5))"));
    }
    skip_padding(source, header.size)
}

/// Members start at even bytes.
pub(super) fn skip_padding<R: Read>(source: &mut Source<R>, size: u64) -> Result<(), Error> {
    if size % 2 == 1 && !source.fill()?.is_empty() {
        source.consume(1);
    }
    Ok(())
}

/// Walks the data archive to its end.
fn list<R: Read>(
    input: Unpacked<'_, R>,
    control: &ControlArchive,
    (options, visitor): (&Options, &mut Option<Visitor<'_>>),
) -> Result<Listing, Error> {
    let limits = &options.limits;
    let mut tar = Tar::new(input, Dialect::Data, limits.path());
    let mut changelog = options.changelog.map(|limit| Collector::new(&control.control, limit));
    let mut conffiles = conffiles_of(control.conffiles.as_deref());
    let mut files = FileList::default();
    while let Some(entry) = tar.next()? {
        let Some(mut file) = file_entry(entry, &tar)? else { continue };
        let is_conffile = conffiles.contains(&file.path);
        let mut digest = None;
        if file.kind == EntryKind::File {
            let begun =
                changelog.as_ref().map(|changelog| changelog.begin(&file.path, limits)).transpose()?;
            let watchers = Watchers {
                conffile: is_conffile.then(sha2::Sha256::default),
                changelog: begun.flatten(),
                hasher: options.file_hashes.map(Hasher::new).transpose()?,
            };
            let mut content = Content::new(&mut tar, watchers);
            if let Some(visit) = visitor {
                content.show(|content| visit(&file, content))?;
            }
            let seen = content.finish()?;
            (digest, file.hashes) = (seen.conffile, seen.hashes.map(Box::new));
            if let (Some(changelog), Some(read)) = (&mut changelog, seen.changelog) {
                changelog.keep(read);
            }
        }
        if is_conffile {
            conffiles.found(&file.path, file.kind, &file.target, digest);
        }
        files.push(file, limits, tar.name())?;
    }
    let changelog = changelog.and_then(Collector::finish);
    Ok(Listing { files: files.files, changelog, conffiles })
}

/// Returns what the list says of an entry; nothing of the root.
fn file_entry<R: Read>(entry: Entry, tar: &Tar<'_, R>) -> Result<Option<FileEntry>, Error> {
    let error = |rule: &str| tar.error(&format!("{}: {rule}", Quoted::new(&entry.path)));
    let path = path::plain(&entry.path).map_err(error)?;
    if path.is_empty() {
        if entry.kind != EntryKind::Directory {
            return Err(error("only a directory can be the root"));
        }
        return Ok(None);
    }
    let target = match entry.kind {
        EntryKind::HardLink => path::plain(&entry.target).map_err(error)?,
        EntryKind::Symlink => entry.target,
        _ => Vec::new(),
    };
    let is_link = matches!(entry.kind, EntryKind::HardLink | EntryKind::Symlink);
    if is_link && target.is_empty() {
        return Err(tar.error(&format!("{}: a link must have a target", Quoted::new(&path))));
    }
    let Entry { kind, size, mode, owner, .. } = entry;
    Ok(Some(FileEntry { path, kind, size, mode, owner, target, hashes: None }))
}

/// The entries of an archive, as many as are allowed.
#[derive(Default)]
pub(super) struct FileList {
    pub(super) files: Vec<FileEntry>,
    bytes: usize,
}

impl FileList {
    pub(super) fn push(&mut self, file: FileEntry, limits: &Limits, archive: &str) -> Result<(), Error> {
        self.bytes += file.path.len() + file.target.len();
        if self.files.last().is_none_or(|last| !Arc::ptr_eq(&last.owner, &file.owner)) {
            self.bytes += OWNER_BYTES;
        }
        if self.files.len() == limits.data_entries() {
            let limit = limits.data_entries() as u64;
            return Err(Error::Limit { what: LimitKind::DataEntries, limit }.within(archive));
        }
        if self.bytes > limits.list_bytes() {
            let limit = limits.list_bytes() as u64;
            return Err(Error::Limit { what: LimitKind::ListBytes, limit }.within(archive));
        }
        self.files.push(file);
        Ok(())
    }
}

fn conffiles_of(text: Option<&[u8]>) -> Conffiles {
    text.map(Conffiles::of).unwrap_or_default()
}
