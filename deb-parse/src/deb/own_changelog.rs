//! The changelog that a package ships for itself (Policy 12.7), kept while its data archive goes by.

use super::codec::{self, Decode};
use super::compression::Compression;
use crate::control::BinaryControl;
use crate::error::Error;
use crate::limits::Limits;

/// What a package says of its own changes, from `usr/share/doc/PACKAGE/`.
///
/// That is `changelog.Debian.gz`, or `changelog.gz` of a native package, or either of them not compressed. What a rebuild
/// says for itself (`changelog.Debian.ARCHITECTURE.gz`) comes before it. Read it with [`changelog`](crate::changelog).
///
/// ```
/// use deb_parse::{Architecture, PackageName, Version, changelog, deb};
/// let text = "hello (1.0) bookworm; urgency=low\n\n  * New.\n\n -- A <a@example.org>  Sat, 01 Jan 2022 10:00:00 +0000\n";
/// let bytes = deb::Builder::new(PackageName::parse("hello")?, Version::parse("1.0")?, Architecture::parse("all")?)
///     .file("usr/share/doc/hello/changelog", text, 0o644)
///     .build()?;
/// let options = deb::Options { changelog: Some(64 * 1024), ..deb::Options::default() };
/// let own = deb::read(&bytes[..], &options)?.changelog.unwrap();
/// assert!(own.complete);
/// assert_eq!(changelog::entries(&own.text).next().unwrap().changes, "  * New.");
/// # Ok::<(), deb_parse::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OwnChangelog {
    /// The text. Bytes that are no UTF-8, which changelogs of the nineties have, are replaced.
    pub text: String,
    /// Whether this is all of it: neither cut at the limit nor damaged, which dpkg would not notice either.
    pub complete: bool,
}

/// Which of the files was found.
#[derive(Clone, Copy)]
enum Place {
    Rebuild,
    Debian,
    Native,
}

/// Looks out for the files among the entries of the data archive.
pub(super) struct Collector {
    directory: String,
    rebuild: String,
    is_native: bool,
    limit: usize,
    /// By [`Place`].
    found: [Option<Kept>; 3],
}

/// One of the files, while its content goes by.
pub(super) struct Changelog {
    place: Place,
    decoder: Box<dyn Decode>,
    /// It is not compressed, and so has no end of its own.
    is_plain: bool,
    limit: usize,
    text: Vec<u8>,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// It goes on.
    Within,
    /// The compressed stream is at its end.
    Ended,
    /// The rest is not looked at: it is damaged, or more than the limit.
    GivenUp,
}

struct Kept {
    text: Vec<u8>,
    complete: bool,
}

impl Collector {
    /// Keeps at most `limit` bytes.
    pub(super) fn new(control: &BinaryControl, limit: usize) -> Self {
        Self {
            directory: format!("usr/share/doc/{}/", control.package()),
            rebuild: format!("changelog.Debian.{}", control.architecture()),
            is_native: control.version().revision().is_none(),
            limit,
            found: Default::default(),
        }
    }

    /// Begins to read a file at `path`, if it is one of those looked for.
    pub(super) fn begin(&self, path: &[u8], limits: &Limits) -> Result<Option<Changelog>, Error> {
        let Some(name) = path.strip_prefix(self.directory.as_bytes()) else { return Ok(None) };
        let plain = name.strip_suffix(b".gz");
        let place = match plain.unwrap_or(name) {
            name if name == self.rebuild.as_bytes() => Place::Rebuild,
            b"changelog.Debian" => Place::Debian,
            // That of any other package is its upstream's, in whatever form.
            b"changelog" if self.is_native => Place::Native,
            _ => return Ok(None),
        };
        let format = if plain.is_some() { Compression::Gzip } else { Compression::None };
        let decoder = codec::decoder(format, limits)?;
        Ok(Some(Changelog {
            place,
            decoder,
            is_plain: format == Compression::None,
            limit: self.limit,
            text: Vec::new(),
            state: State::Within,
        }))
    }

    /// Keeps what was read.
    pub(super) fn keep(&mut self, read: Changelog) {
        if let Some(slot) = self.found.get_mut(read.place as usize) {
            let complete = match read.state {
                State::Within => read.is_plain,
                State::Ended => true,
                State::GivenUp => false,
            };
            *slot = Some(Kept { text: read.text, complete });
        }
    }

    pub(super) fn finish(self) -> Option<OwnChangelog> {
        let [rebuild, debian, native] = self.found;
        let main = debian.or(native);
        if rebuild.is_none() && main.is_none() {
            return None;
        }
        let mut all = Kept { text: Vec::new(), complete: true };
        for part in [rebuild, main].into_iter().flatten() {
            all.text.extend(part.text);
            all.complete &= part.complete;
        }
        if all.text.len() > self.limit {
            cut(&mut all.text, self.limit);
            all.complete = false;
        }
        Some(OwnChangelog { text: String::from_utf8_lossy(&all.text).into_owned(), complete: all.complete })
    }
}

impl Changelog {
    /// Takes in the next piece of the file.
    pub(super) fn update(&mut self, mut piece: &[u8]) {
        let mut output = [0; 8 * 1024];
        while !piece.is_empty() && self.state != State::GivenUp {
            let within = self.state == State::Within;
            let step = if within { self.decoder.step(piece, &mut output).ok() } else { None };
            let Some(step) = step.filter(|step| step.consumed + step.produced > 0 || step.ended) else {
                self.state = State::GivenUp;
                return;
            };
            self.text.extend_from_slice(output.get(..step.produced).unwrap_or_default());
            if self.text.len() > self.limit {
                cut(&mut self.text, self.limit);
                self.state = State::GivenUp;
                return;
            }
            piece = piece.get(step.consumed..).unwrap_or_default();
            if step.ended {
                self.state = State::Ended;
            }
        }
    }
}

/// Keeps the whole lines within `limit`.
fn cut(text: &mut Vec<u8>, limit: usize) {
    text.truncate(limit);
    text.truncate(memchr::memrchr(b'\n', text).map_or(0, |at| at + 1));
}
