//! What dpkg has on machines: the file `/var/lib/dpkg/status`.
//!
//! ```text
//! bytes of a machine ─▶ Status ─▶ Fleet (each distinct state once) ─▶ Universe, Machine ─▶ Archives::upgrade
//! ```
//!
//! A status file is a foreign thing. What is wrong with one is an error that names the line; nothing in it is skipped, since a machine that is only
//! half known would look better than it is.

mod error;
mod fleet;

pub use self::error::StatusError;
pub use self::fleet::{Fleet, Kind, StateId};

use crate::package::Link;
use crate::universe::Builder;
use deb_parse::control::{Fields as _, PackagesStanza};
use deb_parse::deb822::{self, Paragraph};
use deb_parse::relation::Relations;
use deb_parse::{Architecture, Limits as ParseLimits};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::Read;
use std::sync::Arc;

/// How many paragraphs are read.
const MAX_PARAGRAPHS: usize = 200_000;

/// What is installed on a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    native: Architecture,
    packages: Vec<Installed>,
    /// How many packages dpkg began to install and knows no version of.
    without_version: usize,
}

/// What a paragraph of a status file describes.
enum Described {
    /// Nothing but configuration files is there, or nothing at all.
    Nothing,
    /// dpkg began to install the package, and does not know its version: nothing can need what is there.
    WithoutVersion,
    Package(Installed),
}

/// A package that is installed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Installed {
    name: String,
    architecture: Architecture,
    /// The fields that decide what can be installed, in one order and on one line each.
    stanza: Arc<[u8]>,
    is_held: bool,
    /// Whether dpkg has not finished with it.
    is_unfinished: bool,
}

/// What dpkg says about a package, after the word for what is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing but configuration files is there, or nothing at all.
    Absent,
    /// dpkg did not come to the end of unpacking it.
    HalfInstalled,
    Unfinished,
    Installed,
}

impl Status {
    /// How many bytes of a status file are read: a package has about 1 KiB there.
    pub const MAX_BYTES: u64 = 64 * 1024 * 1024;

    /// Reads the status file of a machine, in plain text: at most [`Status::MAX_BYTES`] and 200,000 paragraphs.
    ///
    /// A package with nothing left but configuration files is not installed. One that dpkg has unpacked or not configured yet is, as for apt. A
    /// half-installed one can be without `Version`, for dpkg too: it is only counted, by [`Fleet::unfinished`]. The native
    /// architecture is that of the package `dpkg`, and without that package the one that most packages have; the others that packages have are foreign.
    ///
    /// ```
    /// use apt_solve::status::Status;
    /// let text = b"Package: hello\nStatus: hold ok installed\nArchitecture: amd64\nVersion: 1\n\n\
    ///     Package: gone\nStatus: deinstall ok config-files\nArchitecture: amd64\nVersion: 1\n";
    /// let status = Status::read(&text[..])?;
    /// assert_eq!((status.len(), status.native().as_str()), (1, "amd64"));
    /// # Ok::<(), apt_solve::status::StatusError>(())
    /// ```
    ///
    /// # Errors
    /// [`StatusError`] for what cannot be read, is not a status file, or has more than that.
    pub fn read(text: impl Read) -> Result<Self, StatusError> {
        let limits = ParseLimits::default();
        // One byte more than is allowed shows that there is more.
        let mut text = Counted { inner: text.take(Self::MAX_BYTES + 1), bytes: 0 };
        let mut reader = deb822::Reader::new(&mut text, &limits);
        let mut packages: BTreeMap<(String, Architecture), Installed> = BTreeMap::new();
        let (mut paragraphs, mut without_version) = (0, 0);
        while let Some(paragraph) = reader.next()? {
            paragraphs += 1;
            if paragraphs > MAX_PARAGRAPHS {
                return Err(StatusError::TooLarge);
            }
            let installed = match Installed::read(paragraph)? {
                Described::Nothing => continue,
                Described::WithoutVersion => {
                    without_version += 1;
                    continue;
                }
                Described::Package(installed) => installed,
            };
            let (name, architecture) = (installed.name.clone(), installed.architecture.clone());
            if packages.insert((name.clone(), architecture.clone()), installed).is_some() {
                return Err(StatusError::Duplicate { name, architecture, line: paragraph.line() });
            }
        }
        if text.bytes > Self::MAX_BYTES {
            return Err(StatusError::TooLarge);
        }
        let native = native(&packages)?;
        let packages: Vec<Installed> = packages.into_values().collect();
        Ok(Self { native, packages, without_version })
    }

    /// Returns the native architecture.
    pub fn native(&self) -> &Architecture {
        &self.native
    }

    /// Returns the architectures of other packages.
    pub fn foreign(&self) -> BTreeSet<&Architecture> {
        let all = self.packages.iter().map(|one| &one.architecture);
        all.filter(|one| !one.is_all() && **one != self.native).collect()
    }

    /// Returns how many packages are installed.
    pub fn len(&self) -> usize {
        self.packages.len()
    }

    /// Returns whether nothing is installed; a status file that was read has at least one package.
    pub fn is_empty(&self) -> bool {
        self.packages.is_empty()
    }
}

fn native(packages: &BTreeMap<(String, Architecture), Installed>) -> Result<Architecture, StatusError> {
    if packages.is_empty() {
        return Err(StatusError::Empty);
    }
    let of_machines = || packages.values().filter(|one| !one.architecture.is_all());
    if let Some(dpkg) = of_machines().find(|one| one.name == "dpkg") {
        return Ok(dpkg.architecture.clone());
    }
    let mut numbers: HashMap<&Architecture, usize> = HashMap::new();
    of_machines().for_each(|one| *numbers.entry(&one.architecture).or_default() += 1);
    // Of equal numbers the first by name, so that the answer does not vary.
    let most = numbers.into_iter().max_by(|a, b| a.1.cmp(&b.1).then_with(|| b.0.as_str().cmp(a.0.as_str())));
    most.map(|(architecture, _)| architecture.clone()).ok_or(StatusError::NoArchitecture)
}

impl Installed {
    fn read(paragraph: Paragraph<'_>) -> Result<Described, StatusError> {
        let line = paragraph.line();
        let text = paragraph.get_str("Status").ok_or(StatusError::NoStatus { line })?;
        let parsed = parse_state(text);
        let (is_held, state) =
            parsed.ok_or_else(|| StatusError::UnknownStatus { text: text.to_owned(), line })?;
        match state {
            State::Absent => return Ok(Described::Nothing),
            // dpkg asks for a version in every other state.
            State::HalfInstalled if paragraph.get("Version").is_none() => {
                return Ok(Described::WithoutVersion);
            }
            State::HalfInstalled | State::Unfinished | State::Installed => {}
        }
        let stanza = PackagesStanza::new(paragraph);
        let (name, architecture) = (stanza.package()?.to_string(), stanza.architecture()?);
        stanza.version()?;
        stanza.multi_arch()?;
        stanza.provides()?;
        for link in Link::ALL {
            let value = paragraph.get(link.field()).unwrap_or_default();
            let value = std::str::from_utf8(value).unwrap_or("\u{fffd}");
            Relations::parse(value, &ParseLimits::default()).map_err(|error| {
                match link {
                    Link::PreDepends => stanza.pre_depends().err(),
                    Link::Depends => stanza.depends().err(),
                    Link::Conflicts => stanza.conflicts().err(),
                    Link::Breaks => stanza.breaks().err(),
                }
                .unwrap_or(error)
            })?;
        }
        let stanza = canonical(paragraph);
        let is_unfinished = state != State::Installed;
        Ok(Described::Package(Self { name, architecture, stanza, is_held, is_unfinished }))
    }
}

/// Returns whether a package is on hold, and what of it is there: `WANT FLAG STATE`, as dpkg writes them.
fn parse_state(text: &str) -> Option<(bool, State)> {
    let words: Vec<String> = text.split_ascii_whitespace().map(str::to_ascii_lowercase).collect();
    let [want, flag, state] = words.as_slice() else { return None };
    let is_held = match want.as_str() {
        "hold" => true,
        "unknown" | "install" | "deinstall" | "purge" => false,
        _ => return None,
    };
    let is_broken = match flag.as_str() {
        "ok" => false,
        "reinstreq" => true,
        _ => return None,
    };
    let state = match state.as_str() {
        "not-installed" | "config-files" => State::Absent,
        "installed" | "triggers-awaited" | "triggers-pending" if !is_broken => State::Installed,
        "half-installed" => State::HalfInstalled,
        "installed" | "triggers-awaited" | "triggers-pending" | "unpacked" | "half-configured" => {
            State::Unfinished
        }
        _ => return None,
    };
    Some((is_held, state))
}

/// Returns the fields that decide what can be installed: the same package has the same text, wherever its lines were folded.
fn canonical(paragraph: Paragraph<'_>) -> Arc<[u8]> {
    let mut text = Vec::new();
    for (field, value) in Builder::FIELDS.iter().zip(paragraph.get_many(Builder::FIELDS)) {
        let Some(value) = value else { continue };
        text.extend_from_slice(field.as_bytes());
        text.push(b':');
        for word in value.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()) {
            text.push(b' ');
            text.extend_from_slice(word);
        }
        text.push(b'\n');
    }
    text.into()
}

/// A reader that knows how much was read.
struct Counted<R> {
    inner: R,
    bytes: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.bytes += read as u64;
        Ok(read)
    }
}
