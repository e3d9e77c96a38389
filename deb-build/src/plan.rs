//! What will be in a package, as a value; and writing it.

use std::collections::BTreeMap;
use std::io::{self, Read, Seek, Write};

use camino::Utf8Path;
use deb_parse::checksum::{HashKinds, Hasher, Md5};
use deb_parse::deb::{Compression, Writer};
use deb_parse::{Architecture, Version};

use crate::changelog::Changelog;
use crate::elf::{self, Machine};
use crate::error::{Error, PathFault, Position};
use crate::folder::Folder;
use crate::gzip::gzip;
use crate::spec::Spec;
use crate::target::Target;
use crate::tree::{Entry, Node, Tree};
use crate::{control, copyright, scripts};

/// Which version is built, and when.
///
/// ```
/// let release = deb_build::Release::new("1.0-1+deb12u1".parse()?, 1_700_000_000).distribution("bookworm");
/// # Ok::<(), deb_parse::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Release {
    version: Version,
    time: u64,
    distribution: String,
    changelog: Changelog,
}

impl Release {
    /// A version with the time of all its files, in seconds since 1970: pass on `SOURCE_DATE_EPOCH`, or the time of the changelog.
    pub fn new(version: Version, time: u64) -> Self {
        Self { version, time, distribution: "unstable".to_owned(), changelog: Changelog::default() }
    }

    /// Sets the suite that the changelog names.
    #[must_use]
    pub fn distribution(mut self, name: impl Into<String>) -> Self {
        self.distribution = name.into();
        self
    }

    /// Sets the changelog.
    #[must_use]
    pub fn changelog(mut self, changelog: Changelog) -> Self {
        self.changelog = changelog;
        self
    }
}

/// A package that can be written: all its paths, with sizes and checksums.
pub struct Plan {
    folder: Folder,
    tree: Tree,
    control_files: BTreeMap<String, (Vec<u8>, u32)>,
    md5sums: BTreeMap<String, Md5>,
    architecture: Architecture,
    installed_size: u64,
    name: String,
    release: Release,
}

impl Plan {
    /// Looks at the folder and decides what will be in the package. Every file of it is read once.
    ///
    /// # Errors
    /// What is wrong with the description together with the folder: paths that leave it, files that cannot be read or that are named twice,
    /// programs for another architecture.
    pub fn new(spec: &Spec, folder: &Utf8Path, release: &Release) -> Result<Self, Error> {
        let start = Position { line: 1, column: 1 };
        let folder = Folder::new(folder).map_err(|source| Error::Read {
            position: start,
            path: folder.to_owned(),
            source,
        })?;
        let mut tree = Tree::collect(spec, &folder)?;
        add_documentation(&mut tree, spec, &folder, release)?;
        tree.complete()?;
        let (md5sums, machines) = look_at_files(&tree, &folder)?;
        let architecture = architecture(spec, &machines)?;
        let installed_size =
            tree.entries().map(|(_, entry)| entry.size().map_or(1, |size| size.div_ceil(1024))).sum();
        let control = control::paragraph(spec, &release.version, &architecture, installed_size)?;
        let mut files = BTreeMap::from([("control".to_owned(), (control.to_bytes(), 0o644))]);
        let lists = [
            ("conffiles", conffiles(&tree)),
            ("md5sums", list_of(&md5sums, &tree)),
            (
                "triggers",
                spec.triggers.iter().map(|(directive, name)| format!("{directive} {name}\n")).collect(),
            ),
        ];
        for (name, text) in lists {
            if !text.is_empty() {
                files.insert(name.to_owned(), (text.into_bytes(), 0o644));
            }
        }
        for (name, text) in scripts::scripts(spec, &tree, &folder)? {
            files.insert(name.to_owned(), (text, 0o755));
        }
        let name = spec.name.as_str().to_owned();
        Ok(Self {
            folder,
            tree,
            control_files: files,
            md5sums,
            architecture,
            installed_size,
            name,
            release: release.clone(),
        })
    }

    /// Returns the name of the package file, without the epoch of the version as usual.
    pub fn file_name(&self) -> String {
        let version = self.release.version.as_str();
        let version = version.split_once(':').map_or(version, |(_, version)| version);
        format!("{}_{version}_{}.deb", self.name, self.architecture)
    }

    /// Returns the architecture: that of the description, or that of the programs in the package, or `all`.
    pub fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    /// Returns the version.
    pub fn version(&self) -> &Version {
        &self.release.version
    }

    /// Returns the installed size in KiB, as the control file has it.
    pub fn installed_size(&self) -> u64 {
        self.installed_size
    }

    /// Returns the paths that the package has, without a `/` at their start; directories end with one.
    pub fn paths(&self) -> impl Iterator<Item = String> {
        self.tree.entries().map(|(path, entry)| match entry.node {
            Node::Directory => format!("{path}/"),
            _ => path,
        })
    }

    /// Returns a file of the control archive, such as `control` or `postinst`.
    pub fn control_file(&self, name: &str) -> Option<&[u8]> {
        self.control_files.get(name).map(|(content, _)| content.as_slice())
    }

    /// Writes the package and returns what it was written to.
    ///
    /// # Errors
    /// [`Error::Path`] with [`PathFault::Changed`] when a file is not what it was for the plan; what the folder and the output give.
    pub fn write_to<W: Write + Seek>(&self, output: W) -> Result<W, Error> {
        let mut writer = Writer::new(output, Compression::Xz, self.release.time, &self.control_files)?;
        for (path, entry) in self.tree.entries() {
            let owner = entry.owner.in_archive();
            match &entry.node {
                Node::Directory => writer.directory(&path, entry.mode, &owner)?,
                Node::Link(target) => writer.symlink(&path, target, &owner)?,
                Node::Made(bytes) => {
                    writer.file(&path, (entry.mode, &owner), bytes.len() as u64, &**bytes)?;
                }
                Node::File(source, size) => {
                    let file = self.folder.open(source).map_err(|error| read_error(entry, source, error))?;
                    let mut content = Summed { input: file, hasher: hasher()?, failure: None };
                    let written = writer.file(&path, (entry.mode, &owner), *size, &mut content);
                    if let Some(error) = content.failure {
                        return Err(read_error(entry, source, error));
                    }
                    let read = content.hasher.finish();
                    if read.size != *size || read.md5.as_ref() != self.md5sums.get(&path) {
                        // Unless it is the output that fails.
                        if let Err(error @ deb_parse::Error::Io(_)) = written {
                            return Err(error.into());
                        }
                        return Err(Error::Path {
                            position: entry.position,
                            path: source.clone(),
                            fault: PathFault::Changed,
                        });
                    }
                    written?;
                }
            }
        }
        Ok(writer.finish()?)
    }
}

impl Entry {
    /// Returns the size of a file.
    fn size(&self) -> Option<u64> {
        match &self.node {
            Node::File(_, size) => Some(*size),
            Node::Made(bytes) => Some(bytes.len() as u64),
            Node::Directory | Node::Link(_) => None,
        }
    }
}

/// Computes checksums of what is read.
struct Summed<R> {
    input: R,
    hasher: Hasher,
    /// Why it could not be read, so that this is not taken for a fault of the output.
    failure: Option<io::Error>,
}

impl<R: Read> Read for Summed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.input.read(buffer).map_err(|error| {
            let kind = error.kind();
            if kind != io::ErrorKind::Interrupted {
                self.failure = Some(error);
            }
            kind
        })?;
        self.hasher.update(buffer.get(..length).unwrap_or_default());
        Ok(length)
    }
}

fn hasher() -> Result<Hasher, deb_parse::Error> {
    Hasher::new(HashKinds { md5: true, ..HashKinds::default() })
}

fn read_error(entry: &Entry, path: &Utf8Path, source: io::Error) -> Error {
    Error::Read { position: entry.position, path: path.to_owned(), source }
}

/// Adds the changelog and the copyright file, which every package must have (Policy 12.5 and 12.7).
fn add_documentation(tree: &mut Tree, spec: &Spec, folder: &Folder, release: &Release) -> Result<(), Error> {
    let name = spec.name.as_str();
    let documentation = Target::known(format!("usr/share/doc/{name}"));
    let text = release.changelog.to_debian(
        name,
        &release.version,
        &release.distribution,
        &spec.maintainer,
        release.time,
    );
    tree.add_made(&documentation.join("changelog.Debian.gz"), gzip(text.as_bytes()));
    // lintian expects the first version of a package to close a bug of Debian's, which others have no use for.
    if release.version.as_str().ends_with("-1") && text.matches("\n -- ").count() == 1 {
        let overrides = format!(
            "# It is not in Debian, so there is no bug to close.\n{name}: initial-upload-closes-no-bugs\n"
        );
        tree.add_made(&Target::known(format!("usr/share/lintian/overrides/{name}")), overrides.into_bytes());
    }
    let target = documentation.join("copyright");
    if tree.get(&target).is_some() {
        return Ok(());
    }
    let Some(copyright) = &spec.copyright else {
        return Err(Error::MissingKey {
            position: Position { line: 1, column: 1 },
            key: "copyright.license".to_owned(),
        });
    };
    let license = copyright.file.as_ref().map(|file| folder.read_text(file)).transpose()?;
    let homepage =
        spec.fields.iter().find(|(field, _)| *field == "Homepage").map(|(_, value)| value.as_str());
    let text = copyright::file(name, homepage, copyright, license.as_deref())?;
    tree.add_made(&target, text.into_bytes());
    Ok(())
}

/// For which machine a file was built, where it was.
struct Built {
    path: String,
    position: Position,
    machine: Machine,
}

/// Reads every file once: for its checksum, and to see whether it is a program.
fn look_at_files(tree: &Tree, folder: &Folder) -> Result<(BTreeMap<String, Md5>, Vec<Built>), Error> {
    let (mut sums, mut built) = (BTreeMap::new(), Vec::new());
    let mut buffer = vec![0; 128 * 1024];
    for (path, entry) in tree.entries() {
        let (mut input, source): (Box<dyn Read + '_>, &Utf8Path) = match &entry.node {
            Node::Directory | Node::Link(_) => continue,
            Node::Made(bytes) => (Box::new(bytes.as_slice()), Utf8Path::new("")),
            Node::File(source, _) => {
                (Box::new(folder.open(source).map_err(|error| read_error(entry, source, error))?), source)
            }
        };
        let (mut hasher, mut head) = (hasher()?, Vec::new());
        loop {
            let length = match input.read(&mut buffer) {
                Ok(0) => break,
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(read_error(entry, source, error)),
            };
            let piece = buffer.get(..length).unwrap_or_default();
            head.extend(piece.iter().take(elf::HEAD.saturating_sub(head.len())));
            hasher.update(piece);
        }
        let machine = elf::machine(&head);
        if machine != Machine::None {
            built.push(Built { path: path.clone(), position: entry.position, machine });
        }
        sums.extend(hasher.finish().md5.map(|md5| (path, md5)));
    }
    Ok((sums, built))
}

/// Returns the architecture that the description and the programs agree on.
fn architecture(spec: &Spec, built: &[Built]) -> Result<Architecture, Error> {
    let mut found = spec
        .architecture
        .as_ref()
        .map(|named| (named.value.clone(), format!("architecture = \"{}\"", named.value)));
    for Built { path, position, machine } in built {
        let refused = |reason: String| {
            Err(Error::Value {
                position: *position,
                key: "file".to_owned(),
                reason: format!("/{path} {reason}"),
            })
        };
        let Machine::Known(name) = machine else {
            if spec.architecture.is_none() {
                return refused(
                    "is built for a machine that is not known here; set `architecture`".to_owned(),
                );
            }
            continue;
        };
        match &found {
            None => found = Some((Architecture::parse(name)?, format!("/{path}"))),
            Some((known, _)) if known.as_str() == *name => {}
            Some((known, by)) => {
                return refused(format!("is built for {name}, and the package is for {known} ({by})"));
            }
        }
    }
    Ok(match found {
        Some((architecture, _)) => architecture,
        None => Architecture::parse("all")?,
    })
}

fn conffiles(tree: &Tree) -> String {
    tree.entries().filter(|(_, entry)| entry.is_conffile).map(|(path, _)| format!("/{path}\n")).collect()
}

/// Lists checksums but for files that the administrator may change (deb-md5sums(5)).
fn list_of(md5sums: &BTreeMap<String, Md5>, tree: &Tree) -> String {
    let is_listed = |path: &str| tree.get(&Target::known(path)).is_some_and(|entry| !entry.is_conffile);
    md5sums.iter().filter(|(path, _)| is_listed(path)).map(|(path, md5)| format!("{md5}  {path}\n")).collect()
}
