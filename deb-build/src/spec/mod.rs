//! The description of a package: `build.toml`.

mod read;
mod table;

use camino::{Utf8Path, Utf8PathBuf};
use deb_parse::{Architecture, PackageName};

pub(crate) use read::canonical;
pub(crate) use table::At;

use crate::changelog::Changelog;
use crate::error::{Error, Position};
use crate::folder::Folder;
use crate::owner::Ownership;
use crate::target::Target;

/// The description of a package. Names, versions, relations and paths have been checked; what the folder has is looked at by
/// [`Plan`](crate::Plan).
///
/// ```
/// use deb_build::{Spec, VersionSource};
/// let spec = Spec::parse("
///     name = 'acme-tools'
///     version = 'git'
///     maintainer = 'Acme Operations <ops@acme.example>'
///     summary = 'tools for machines of Acme'
///     depends = ['curl', 'default-mta | mail-transport-agent']
/// ")?;
/// assert_eq!((spec.name().as_str(), spec.version()), ("acme-tools", Some(&VersionSource::Git)));
/// let error = Spec::parse("name = 'a'\nsumary = 'x'").unwrap_err();
/// assert_eq!(error.to_string(), "line 1, column 8: name: must have at least two characters (Policy 5.6.7)");
/// # Ok::<(), deb_build::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Spec {
    pub(crate) name: PackageName,
    pub(crate) version: Option<At<VersionSource>>,
    pub(crate) architecture: Option<At<Architecture>>,
    pub(crate) summary: String,
    pub(crate) description: String,
    pub(crate) maintainer: String,
    /// Other fields, as they are written into the control file.
    pub(crate) fields: Vec<(&'static str, String)>,
    /// Relations by their fields, in the order of the control file. `${version}` in them stands for the version of the package.
    pub(crate) relations: Vec<RelationTexts>,
    pub(crate) changelog: Option<At<ChangelogSource>>,
    pub(crate) copyright: Option<Copyright>,
    pub(crate) files: Vec<FileRule>,
    pub(crate) directories: Vec<DirectoryRule>,
    pub(crate) links: Vec<LinkRule>,
    pub(crate) manual: Vec<At<String>>,
    pub(crate) units: Vec<UnitRule>,
    pub(crate) sysusers: Option<At<String>>,
    pub(crate) tmpfiles: Option<At<String>>,
    pub(crate) cron: Option<At<String>>,
    pub(crate) logrotate: Option<At<String>>,
    pub(crate) alternatives: Vec<Alternative>,
    /// Directives of deb-triggers(5) with the names of triggers.
    pub(crate) triggers: Vec<(&'static str, String)>,
    /// Files with parts of maintainer scripts, by the scripts.
    pub(crate) snippets: Vec<(&'static str, At<String>)>,
}

impl Spec {
    /// Reads a description.
    ///
    /// # Errors
    /// The first thing that is wrong with it, with its line and column.
    pub fn parse(text: &str) -> Result<Self, Error> {
        read::spec(text)
    }

    /// Returns the name of the package.
    pub fn name(&self) -> &PackageName {
        &self.name
    }

    /// Returns where the version comes from; none where the description leaves it to the caller.
    pub fn version(&self) -> Option<&VersionSource> {
        self.version.as_ref().map(|version| &version.value)
    }

    /// Reads the version from the file that has it; none when no file has it.
    ///
    /// # Errors
    /// [`Error::Path`] and [`Error::Read`] for a file that cannot be read, or that is not in the folder.
    pub fn read_version(&self, folder: &Utf8Path) -> Result<Option<String>, Error> {
        let Some(At { value: VersionSource::File(path), .. }) = &self.version else { return Ok(None) };
        let text = read(folder, self.version.as_ref().map(|version| version.map(path.to_string())))?;
        Ok(text.map(|text| text.lines().next().unwrap_or_default().trim().to_owned()))
    }

    /// Reads the text of a description: a file of its folder, which is not left through a symbolic link.
    ///
    /// # Errors
    /// [`Error::Path`] when it is not a regular file, lies outside of the folder, has more than 16 MiB or is not UTF-8; [`Error::Read`].
    pub fn read_text(file: &Utf8Path) -> Result<String, Error> {
        let folder = file.parent().filter(|parent| !parent.as_str().is_empty()).unwrap_or(Utf8Path::new("."));
        let position = Position { line: 1, column: 1 };
        let named = At {
            position,
            value: file.file_name().unwrap_or_default().to_owned(),
            key: "description".into(),
        };
        Ok(read(folder, Some(named))?.unwrap_or_default())
    }

    /// Returns where the changelog comes from.
    pub fn changelog(&self) -> Option<&ChangelogSource> {
        self.changelog.as_ref().map(|changelog| &changelog.value)
    }

    /// Reads the changelog from the file that has it; none when no file has it.
    ///
    /// # Errors
    /// As for [`read_version`](Self::read_version), and [`Error::Changelog`] for one that breaks its grammar.
    pub fn read_changelog(&self, folder: &Utf8Path) -> Result<Option<Changelog>, Error> {
        let Some(At { value: ChangelogSource::File(path), .. }) = &self.changelog else { return Ok(None) };
        let text = read(folder, self.changelog.as_ref().map(|changelog| changelog.map(path.to_string())))?;
        text.map(|text| Changelog::parse(path, &text)).transpose()
    }
}

/// Reads a text of the folder.
fn read(folder: &Utf8Path, named: Option<At<String>>) -> Result<Option<String>, Error> {
    let start = Position { line: 1, column: 1 };
    let failure = |source| Error::Read { position: start, path: folder.to_owned(), source };
    let folder = Folder::new(folder).map_err(failure)?;
    named.map(|named| folder.read_text(&named)).transpose()
}

/// The name of a relationship field, with the texts that make up its value.
pub(crate) type RelationTexts = (&'static str, Vec<At<String>>);

/// Where the version of a package comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VersionSource {
    /// The description has it.
    Fixed(String),
    /// The first line of this file of the folder has it: `file:VERSION`.
    File(Utf8PathBuf),
    /// `git describe` says it: `git`.
    Git,
}

/// Where the changelog of a package comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChangelogSource {
    /// A file of the folder.
    File(Utf8PathBuf),
    /// The commits since the last tag: `git`.
    Git,
}

/// Under which licence the files are.
#[derive(Clone, Debug)]
pub(crate) struct Copyright {
    /// An SPDX expression.
    pub(crate) license: At<spdx::Expression>,
    /// Years and names, a line each.
    pub(crate) holders: Vec<String>,
    /// File with the text of the licence.
    pub(crate) file: Option<At<String>>,
}

/// Files of the folder that go into the package.
#[derive(Clone, Debug)]
pub(crate) struct FileRule {
    /// A path or pattern, relative to the folder.
    pub(crate) from: At<String>,
    pub(crate) to: Target,
    /// Whether `to` ends with a `/`.
    pub(crate) into_directory: bool,
    /// Permissions; by default those of the file, as far as they say whether it may be run.
    pub(crate) mode: Option<u32>,
    pub(crate) owner: Ownership,
    /// Whether they are configuration files; by default those below `/etc` are.
    pub(crate) conffile: Option<bool>,
    pub(crate) exclude: Vec<At<glob::Pattern>>,
}

/// A directory that the package has.
#[derive(Clone, Debug)]
pub(crate) struct DirectoryRule {
    pub(crate) path: At<Target>,
    pub(crate) mode: u32,
    pub(crate) owner: Ownership,
}

/// A symbolic link that the package has.
#[derive(Clone, Debug)]
pub(crate) struct LinkRule {
    pub(crate) path: At<Target>,
    pub(crate) target: String,
}

/// A systemd unit.
#[derive(Clone, Debug)]
pub(crate) struct UnitRule {
    pub(crate) file: At<String>,
    /// Whether it is enabled when the package is installed; by default if it has an `[Install]` section.
    pub(crate) enable: Option<bool>,
    /// Whether it is started when the package is installed; by default if it is enabled.
    pub(crate) start: Option<bool>,
    /// Whether it is restarted when the package is upgraded.
    pub(crate) restart: bool,
}

/// A name that several packages may provide (update-alternatives(1)).
#[derive(Clone, Debug)]
pub(crate) struct Alternative {
    pub(crate) name: String,
    pub(crate) link: Target,
    pub(crate) path: At<Target>,
    pub(crate) priority: i32,
}
