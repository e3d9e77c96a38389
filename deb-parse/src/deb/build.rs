//! Writes packages: the same input gives the same bytes, always.

use super::compression::Compression;
use super::tar::Owner;
use super::writer::{Writer, checked_path};
use crate::checksum::Md5;
use crate::deb822::ParagraphBuf;
use crate::error::Error;
use crate::name::{Architecture, PackageName};
use crate::version::Version;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Cursor, Write};

/// Builds a package.
///
/// The result depends on what is given here and on nothing else: entries are sorted, belong to root, and have one time,
/// 0 unless [`mtime`](Self::mtime) sets another (pass on `SOURCE_DATE_EPOCH`). Directories are added as needed, and so is
/// `md5sums`, by which `dpkg --verify` finds damaged files.
///
/// ```
/// use deb_parse::{Architecture, PackageName, Version, deb::Builder};
/// let builder = Builder::new(PackageName::parse("hello")?, Version::parse("1.0")?, Architecture::parse("all")?)
///     .description("greets the world")
///     .file("usr/bin/hello", "#!/bin/sh\necho hello\n", 0o755)
///     .symlink("usr/bin/hi", "hello")
///     .file("etc/hello.conf", "greeting = hello\n", 0o644)
///     .conffile("etc/hello.conf")
///     .maintainer_script("postinst", "#!/bin/sh\nset -e\n");
/// assert_eq!(builder.build()?, builder.build()?);
/// # Ok::<(), deb_parse::Error>(())
/// ```
///
/// What is wrong with the input is an error of [`build`](Self::build), so that calls can be chained.
#[derive(Clone, Debug)]
pub struct Builder {
    package: PackageName,
    version: Version,
    architecture: Architecture,
    description: Option<String>,
    fields: Vec<(String, Vec<u8>)>,
    entries: Vec<(String, Entry)>,
    conffiles: Vec<String>,
    control_files: Vec<(String, Vec<u8>, u32)>,
    mtime: u64,
    compression: Compression,
}

#[derive(Clone, Debug, PartialEq)]
enum Entry {
    Directory(u32),
    File(Vec<u8>, u32),
    Symlink(String),
}

const SCRIPTS: [&str; 5] = ["config", "postinst", "postrm", "preinst", "prerm"];

impl Builder {
    /// Starts a package without files. It is compressed with xz if this build can, and not at all otherwise.
    pub fn new(package: PackageName, version: Version, architecture: Architecture) -> Self {
        Self {
            package,
            version,
            architecture,
            description: None,
            fields: Vec::new(),
            entries: Vec::new(),
            conffiles: Vec::new(),
            control_files: Vec::new(),
            mtime: 0,
            compression: if cfg!(feature = "xz") { Compression::Xz } else { Compression::None },
        }
    }

    /// Sets the description: a synopsis, and after it lines that are indented by a blank. Without one, the name of the
    /// package stands in.
    #[must_use]
    pub fn description(mut self, text: impl Into<String>) -> Self {
        self.description = Some(text.into());
        self
    }

    /// Adds a control field. `Package`, `Version`, `Architecture`, `Installed-Size` and `Description` come from
    /// elsewhere.
    #[must_use]
    pub fn field(mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        self.fields.push((name.into(), value.into()));
        self
    }

    /// Adds all fields of a paragraph; see [`field`](Self::field).
    #[must_use]
    pub fn fields(mut self, paragraph: &ParagraphBuf) -> Self {
        self.fields.extend(paragraph.fields().map(|(name, value)| (name.to_owned(), value.to_vec())));
        self
    }

    /// Adds a file. `path` is below the root, such as `usr/bin/hello`; `mode` its permissions, such as `0o755`.
    #[must_use]
    pub fn file(mut self, path: impl Into<String>, content: impl Into<Vec<u8>>, mode: u32) -> Self {
        self.entries.push((path.into(), Entry::File(content.into(), mode)));
        self
    }

    /// Adds a symbolic link at `path` that points to `target`.
    #[must_use]
    pub fn symlink(mut self, path: impl Into<String>, target: impl Into<String>) -> Self {
        self.entries.push((path.into(), Entry::Symlink(target.into())));
        self
    }

    /// Adds a directory. Those that files need are added of themselves, with permissions `0o755`.
    #[must_use]
    pub fn directory(mut self, path: impl Into<String>, mode: u32) -> Self {
        self.entries.push((path.into(), Entry::Directory(mode)));
        self
    }

    /// Marks the file at `path`, which must be added too, as a configuration file.
    #[must_use]
    pub fn conffile(mut self, path: impl Into<String>) -> Self {
        self.conffiles.push(path.into());
        self
    }

    /// Adds a maintainer script: `config`, `postinst`, `postrm`, `preinst` or `prerm`.
    #[must_use]
    pub fn maintainer_script(mut self, name: impl Into<String>, content: impl Into<Vec<u8>>) -> Self {
        self.control_files.push((name.into(), content.into(), 0o755));
        self
    }

    /// Sets the time of all entries, in seconds since 1970.
    #[must_use]
    pub fn mtime(mut self, seconds: u64) -> Self {
        self.mtime = seconds;
        self
    }

    /// Sets how both archives are compressed. Only formats that dpkg takes for both: none, gzip, xz and zstd.
    #[must_use]
    pub fn compression(mut self, compression: Compression) -> Self {
        self.compression = compression;
        self
    }

    /// Builds the package.
    ///
    /// # Errors
    /// [`Error::Value`] for a field, path or script that a package cannot hold; [`Error::Unsupported`] if this build
    /// lacks the compression.
    pub fn build(&self) -> Result<Vec<u8>, Error> {
        let tree = self.tree()?;
        let mut writer =
            Writer::new(Cursor::new(Vec::new()), self.compression, self.mtime, &self.control_files(&tree)?)?;
        let root = Owner::root();
        // A directory must come before what is in it: `a/b` after `a`, and not `a.b` between them.
        let mut sorted: Vec<_> = tree.iter().collect();
        sorted.sort_by_key(|(path, _)| path.split('/').collect::<Vec<_>>());
        for (path, entry) in sorted {
            match entry {
                Entry::Directory(mode) => writer.directory(path, *mode, &root)?,
                Entry::File(content, mode) => {
                    writer.file(path, (*mode, &root), content.len() as u64, &**content)?;
                }
                Entry::Symlink(target) => writer.symlink(path, target, &root)?,
            }
        }
        Ok(writer.finish()?.into_inner())
    }

    /// Builds the package and writes it.
    pub fn write_to(&self, mut output: impl Write) -> Result<(), Error> {
        Ok(output.write_all(&self.build()?)?)
    }

    /// All entries by their paths, with the directories they need.
    fn tree(&self) -> Result<BTreeMap<&str, Entry>, Error> {
        let mut tree = BTreeMap::new();
        for (path, entry) in &self.entries {
            let path = checked_path(path)?;
            if tree.insert(path, entry.clone()).is_some() {
                return Err(Error::value("path", path, "occurs twice in the package"));
            }
        }
        for (path, _) in &self.entries {
            let mut path = checked_path(path)?;
            while let Some((parent, _)) = path.rsplit_once('/') {
                match tree.entry(parent).or_insert(Entry::Directory(0o755)) {
                    Entry::Directory(_) => path = parent,
                    _ => {
                        return Err(Error::value(
                            "path",
                            path,
                            "lies below something that is not a directory",
                        ));
                    }
                }
            }
        }
        for path in &self.conffiles {
            if !matches!(tree.get(checked_path(path)?), Some(Entry::File(..))) {
                return Err(Error::value("conffile", path, "must be a file of the package"));
            }
        }
        Ok(tree)
    }

    /// Returns the files of the control archive by their names, with their modes.
    fn control_files(&self, tree: &BTreeMap<&str, Entry>) -> Result<BTreeMap<String, (Vec<u8>, u32)>, Error> {
        let mut files: BTreeMap<String, (Vec<u8>, u32)> = BTreeMap::new();
        files.insert("control".to_owned(), (self.control(tree)?.to_bytes(), 0o644));
        let conffiles: BTreeSet<&str> =
            self.conffiles.iter().map(|path| checked_path(path)).collect::<Result<_, _>>()?;
        let md5sums = md5sums(tree, &conffiles);
        if !md5sums.is_empty() {
            files.insert("md5sums".to_owned(), (md5sums.into_bytes(), 0o644));
        }
        if !conffiles.is_empty() {
            let text: String = conffiles.iter().map(|path| format!("/{path}\n")).collect();
            files.insert("conffiles".to_owned(), (text.into_bytes(), 0o644));
        }
        for (name, content, mode) in &self.control_files {
            if !SCRIPTS.contains(&name.as_str()) {
                return Err(Error::value("maintainer script", name, "must be one of those that dpkg runs"));
            }
            if files.insert(name.clone(), (content.clone(), *mode)).is_some() {
                return Err(Error::value("maintainer script", name, "occurs twice in the package"));
            }
        }
        Ok(files)
    }

    fn control(&self, tree: &BTreeMap<&str, Entry>) -> Result<ParagraphBuf, Error> {
        let installed: usize = tree
            .values()
            .map(|entry| if let Entry::File(content, _) = entry { content.len().div_ceil(1024) } else { 1 })
            .sum();
        let mut control = ParagraphBuf::new();
        control.push("Package", self.package.as_str())?;
        control.push("Version", self.version.as_str())?;
        control.push("Architecture", self.architecture.as_str())?;
        control.push("Installed-Size", installed.to_string())?;
        for (name, value) in &self.fields {
            control.push(name, value)?;
        }
        control.push("Description", self.description.as_deref().unwrap_or(self.package.as_str()))?;
        Ok(control)
    }
}

/// Lists the files with their checksums, but for those that the administrator may change (deb-md5sums(5)).
fn md5sums(tree: &BTreeMap<&str, Entry>, conffiles: &BTreeSet<&str>) -> String {
    tree.iter()
        .filter(|(path, _)| !conffiles.contains(*path))
        .filter_map(|(path, entry)| match entry {
            Entry::File(content, _) => Some(format!("{}  {path}\n", Md5::of(content))),
            _ => None,
        })
        .collect()
}
