//! The patches that lead from earlier states of an index to the present one, which clients load instead of the whole index.
//!
//! A [`PatchHistory`] knows the earlier states, and makes [`Patches`] from them.

use std::fmt::Write as _;
use std::ops::Range;

use deb_parse::checksum::Sha256;
use sha2::Digest as _;

use crate::encoding::Gzip;
use crate::layout::Layout;
use crate::previous::{Previous, PreviousFiles};
use crate::release::ReleaseFile;
use crate::{Encoding, Error, RelPath};

/// The earlier states of an index from which a client can come to the present one by a patch, the oldest first.
///
/// An [`update`](crate::index::update) takes lines out and puts new ones behind all that it keeps. So the way from any earlier state to the
/// present one is known without comparing them: the lines of the earlier state that are gone, and the end of the present index.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PatchHistory {
    states: Vec<State>,
}

/// An earlier state.
#[derive(Clone, Debug, PartialEq, Eq)]
struct State {
    id: String,
    plain: ReleaseFile,
    lines: u64,
    /// Which of its lines are gone by now, counted from 0, in order and not adjoining.
    gone: Vec<Range<u64>>,
}

/// What is published so that clients can patch an earlier state of an index.
#[derive(Clone, Debug)]
pub struct Patches {
    /// The file `Index` that lists the patches.
    pub index: Vec<u8>,
    /// Name and content of each patch, which lie beside it.
    pub patches: Vec<(String, Vec<u8>)>,
}

/// A state that is gone to pieces is better fetched as a whole.
const MOST_RANGES: usize = 1000;

impl PatchHistory {
    /// Whether no earlier state is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.states.is_empty()
    }

    /// The history after one more change.
    ///
    /// `id` and `plain` are those of the state that was present until now and `layout` is its layout; `removed` are the
    /// [lines](crate::index::Rendered::removed_lines) that the present state, of the layout `present`, is without. At most `length` states are
    /// kept, and none that has more than half of the present index to fetch.
    #[must_use]
    pub fn advance(
        &self,
        (id, plain, layout): (&str, ReleaseFile, &Layout),
        (present, removed): (&Layout, &[Range<u64>]),
        length: usize,
    ) -> Self {
        let last = State { id: id.to_owned(), plain, lines: layout.lines(), gone: Vec::new() };
        let earlier = self.states.iter().filter(|state| state.plain.sha256 != plain.sha256);
        let mut states: Vec<State> = earlier.cloned().chain([last]).collect();
        for state in &mut states {
            state.lose(removed);
        }
        let lines = present.lines();
        states.retain(|state| {
            (lines - state.kept().min(lines)) * 2 <= lines && state.gone.len() <= MOST_RANGES
        });
        states.drain(..states.len().saturating_sub(length));
        Self { states }
    }

    /// The patches that lead from each earlier state to the present one, which has the id `to`; `None` when there is none.
    ///
    /// Each leads there at once (`X-Patch-Precedence: merged`). They are compressed with gzip, which is all that apt takes, and
    /// their names hold both ids, because apt fetches them by name.
    ///
    /// # Errors
    /// [`Error::Previous`] and [`Error::Diverged`] when the files of the present index cannot be read back.
    pub fn patches(
        &self,
        to: &str,
        present: ReleaseFile,
        layout: &Layout,
        files: &dyn PreviousFiles,
    ) -> Result<Option<Patches>, Error> {
        let states = || self.states.iter().filter(|state| state.plain.sha256 != present.sha256);
        let Some(first_new) = states().map(State::kept).min() else { return Ok(None) };
        let end = Previous { layout, files }.text_from(first_new)?;
        let mut encoder = Gzip::default();
        let (mut history, mut texts, mut downloads) = (String::new(), String::new(), String::new());
        let mut patches = Vec::new();
        for state in states() {
            let Some(script) = state.script(&end, first_new) else { continue };
            let name = format!("T-{to}-F-{}", state.id);
            let packed = encoder.member(&script).map_err(|source| Encoding::Gz.error(source))?;
            // Writing to a String cannot fail.
            let _ = writeln!(history, " {} {name}", of(&state.plain));
            let _ = writeln!(texts, " {} {name}", of(&described(&script)));
            let _ = writeln!(downloads, " {} {name}.gz", of(&described(&packed)));
            patches.push((format!("{name}.gz"), packed));
        }
        let index = format!(
            "SHA256-Current: {}\nSHA256-History:\n{history}SHA256-Patches:\n{texts}SHA256-Download:\n{downloads}\
             X-Patch-Precedence: merged\n",
            of(&present)
        );
        Ok((!patches.is_empty()).then(|| Patches { index: index.into_bytes(), patches }))
    }

    /// The lines that record it, without indentation; [`parse`](Self::parse) reads them back.
    #[must_use]
    pub fn to_lines(&self) -> Vec<String> {
        let line = |State { id, plain, lines, gone }: &State| {
            let gone: String = gone.iter().map(|range| format!(" {}-{}", range.start, range.end)).collect();
            format!("{id} {} {} {lines}{gone}", plain.size, plain.sha256)
        };
        self.states.iter().map(line).collect()
    }

    /// Reads what [`to_lines`](Self::to_lines) wrote; `None` when it is something else.
    pub fn parse<'l>(lines: impl Iterator<Item = &'l str>) -> Option<Self> {
        let states = lines.map(|line| {
            let mut words = line.split(' ');
            // The id becomes a part of a file's name.
            let id = RelPath::parse(words.next()?).ok().filter(|id| !id.as_str().contains('/'))?.to_string();
            let plain =
                ReleaseFile { size: words.next()?.parse().ok()?, sha256: words.next()?.parse().ok()? };
            let lines = words.next()?.parse().ok()?;
            let range = |word: &str| {
                let (start, end) = word.split_once('-')?;
                let (start, end) = (start.parse().ok()?, end.parse().ok()?);
                // A range has at least one line: `ed` has no command that removes none.
                (start < end).then_some(start..end)
            };
            let gone = words.map(range).collect::<Option<Vec<Range<u64>>>>()?;
            let mut borders = gone.iter().flat_map(|range| [range.start, range.end]).chain([lines]);
            let mut last = None;
            let rising = borders.all(|border| last.replace(border).is_none_or(|last| last <= border));
            rising.then_some(State { id, plain, lines, gone })
        });
        Some(Self { states: states.collect::<Option<_>>()? })
    }
}

impl State {
    /// How many of its lines are still there: so many lines the present index starts with.
    fn kept(&self) -> u64 {
        self.lines - self.gone.iter().map(|range| range.end - range.start).sum::<u64>()
    }

    /// Takes out more lines, counted in the index as it is now.
    fn lose(&mut self, removed: &[Range<u64>]) {
        let mut lost = Vec::new();
        let mut start = 0;
        // How many lines that are still there stand before `start`.
        let mut before = 0;
        for gone in self.gone.iter().cloned().chain(std::iter::once(self.lines..self.lines)) {
            let run = before..before + (gone.start - start);
            for range in removed {
                let both = range.start.max(run.start)..range.end.min(run.end);
                if both.start < both.end {
                    lost.push(start + (both.start - before)..start + (both.end - before));
                }
            }
            before = run.end;
            start = gone.end;
        }
        let mut all: Vec<Range<u64>> = self.gone.drain(..).chain(lost).collect();
        all.sort_unstable_by_key(|range| range.start);
        for range in all {
            match self.gone.last_mut() {
                Some(last) if last.end == range.start => last.end = range.end,
                _ => self.gone.push(range),
            }
        }
    }

    /// The patch as commands of `ed`, from the last line to the first; `end` is the end of the present index from the line
    /// `first` on. `None` when they cannot say it.
    fn script(&self, end: &[u8], first: u64) -> Option<Vec<u8>> {
        let skipped = usize::try_from(self.kept() - first).ok()?;
        let added: Vec<&[u8]> = end.split_inclusive(|byte| *byte == b'\n').skip(skipped).collect();
        // A line of only a dot ends the text to add.
        if added.iter().any(|line| *line == b".\n" || !line.ends_with(b"\n")) {
            return None;
        }
        let mut script = Vec::new();
        if !added.is_empty() {
            script.extend_from_slice(format!("{}a\n", self.lines).as_bytes());
            added.iter().for_each(|line| script.extend_from_slice(line));
            script.extend_from_slice(b".\n");
        }
        for Range { start, end } in self.gone.iter().rev() {
            let command =
                if end - start == 1 { format!("{end}d\n") } else { format!("{},{end}d\n", start + 1) };
            script.extend_from_slice(command.as_bytes());
        }
        Some(script)
    }
}

fn described(bytes: &[u8]) -> ReleaseFile {
    let sha256 = Sha256::from_bytes(sha2::Sha256::digest(bytes).into());
    ReleaseFile { size: bytes.len() as u64, sha256 }
}

fn of(file: &ReleaseFile) -> String {
    format!("{} {}", file.sha256, file.size)
}

#[cfg(test)]
mod tests;
