//! What can be wrong with a description, or with the folder that it is about.

use std::fmt;
use std::io;

use camino::Utf8PathBuf;

/// A place in the text of a description.
///
/// ```
/// use deb_build::Spec;
/// let error = Spec::parse("name = \"hello\"\nversion = 1.0\n").unwrap_err();
/// let position = error.position().unwrap();
/// assert_eq!((position.line, position.column), (2, 11));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// Line, counted from 1.
    pub line: usize,
    /// Column in characters, counted from 1.
    pub column: usize,
}

impl Position {
    /// The position of a byte of a text.
    pub(crate) fn of(text: &str, byte: usize) -> Self {
        let before = text.get(..byte).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let column = before.get(line_start..).unwrap_or_default().chars().count() + 1;
        Self { line: before.matches('\n').count() + 1, column }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// Why a package was not built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The description is not TOML.
    #[error("{position}: {}", printable(.reason))]
    Syntax {
        /// Where it stops being TOML.
        position: Position,
        /// What the parser of TOML says.
        reason: String,
    },
    /// A key that means nothing here.
    #[error("{position}: unknown key `{}`{}", printable(.key), .table.as_ref().map_or_else(String::new, |table| format!(" in `{table}`")))]
    UnknownKey {
        /// Where the key is.
        position: Position,
        /// The key.
        key: String,
        /// The table that it is in; none for the top level.
        table: Option<&'static str>,
        /// The known key that was probably meant.
        nearest: Option<&'static str>,
        /// All keys that are known here.
        known: Vec<&'static str>,
    },
    /// A key that must be there is missing.
    #[error("{position}: {key} is missing")]
    MissingKey {
        /// Where its table begins.
        position: Position,
        /// The key with that of its table.
        key: String,
    },
    /// A value that breaks a rule: of its type, of Debian Policy, or because of another value.
    #[error("{position}: {key}: {}", printable(.reason))]
    Value {
        /// Where the value is.
        position: Position,
        /// The key with that of its table.
        key: String,
        /// The rule that it breaks.
        reason: String,
    },
    /// A path of the folder that cannot be packaged.
    #[error("{position}: {}: {fault}", printable(.path.as_str()))]
    Path {
        /// Where the description names it, or a pattern that finds it.
        position: Position,
        /// The path, relative to the folder.
        path: Utf8PathBuf,
        /// What is wrong with it.
        fault: PathFault,
    },
    /// A file or directory that cannot be read.
    #[error("{position}: cannot read {}", printable(.path.as_str()))]
    Read {
        /// Where the description names it, or a pattern that finds it.
        position: Position,
        /// The path, relative to the folder.
        path: Utf8PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A changelog that cannot be used.
    #[error("{}, line {line}: {reason}", printable(.path.as_str()))]
    Changelog {
        /// The file, relative to the folder.
        path: Utf8PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// The rule that it breaks.
        reason: &'static str,
    },
    /// The package cannot be written: a full disk is not a fault of the description.
    #[error("cannot write the package")]
    Write {
        /// What the output says.
        source: io::Error,
    },
    /// What a package cannot hold.
    #[error(transparent)]
    Package(deb_parse::Error),
}

impl From<deb_parse::Error> for Error {
    fn from(error: deb_parse::Error) -> Self {
        match error {
            // What is read is a file of the folder, which fails as itself.
            deb_parse::Error::Io(source) => Self::Write { source },
            error => Self::Package(error),
        }
    }
}

impl Error {
    /// Returns where in the description the error is; none for what is wrong elsewhere.
    pub fn position(&self) -> Option<Position> {
        match self {
            Self::Syntax { position, .. }
            | Self::UnknownKey { position, .. }
            | Self::MissingKey { position, .. }
            | Self::Value { position, .. }
            | Self::Path { position, .. }
            | Self::Read { position, .. } => Some(*position),
            Self::Changelog { .. } | Self::Write { .. } | Self::Package(_) => None,
        }
    }
}

/// Makes a text of the description safe to print on one line: characters that are not seen are escaped, and a long text is cut.
fn printable(text: &str) -> String {
    const LONGEST: usize = 500;
    let mut out = String::new();
    for c in text.chars().take(LONGEST) {
        let is_plain = matches!(c, '"' | '\'' | '\\') || c.escape_debug().len() == 1;
        if is_plain { out.push(c) } else { out.extend(c.escape_debug()) }
    }
    if text.chars().nth(LONGEST).is_some() {
        out.push('…');
    }
    out
}

/// What is wrong with a path of the folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PathFault {
    /// It is absolute, or goes up with `..`.
    LeavesFolder,
    /// It is a symbolic link whose target lies outside of the folder.
    LinkLeavesFolder,
    /// It is a symbolic link whose target lies in the folder, but not below the directory that is packaged with it: on a machine it would
    /// lead elsewhere.
    LinkLeavesTarget,
    /// It is neither a file, a directory nor a symbolic link.
    Special,
    /// Its name is not UTF-8, or has a newline in it.
    Name,
    /// It does not exist, or the pattern matches nothing.
    NothingFound,
    /// A file is wanted, and it is a directory.
    Directory,
    /// It is larger than what is read into memory.
    TooLarge,
    /// It is not UTF-8.
    NotText,
    /// Its content changed while the package was built.
    Changed,
}

impl fmt::Display for PathFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LeavesFolder => "a path must stay in the folder: relative, without `..`",
            Self::LinkLeavesFolder => "the symbolic link leads out of the folder",
            Self::LinkLeavesTarget => {
                "the symbolic link leads out of the directory that it is packaged with; write it as [[link]]"
            }
            Self::Special => "not a file, a directory or a symbolic link",
            Self::Name => "the name is not UTF-8, or has a newline in it",
            Self::NothingFound => "nothing found",
            Self::Directory => "a directory, where a file is needed",
            Self::TooLarge => "too large for what it is used for (16 MiB at most)",
            Self::NotText => "not UTF-8",
            Self::Changed => "the file changed while the package was built",
        })
    }
}
