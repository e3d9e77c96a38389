use std::collections::HashSet;
use std::ops::Range;

use deb_parse::deb822;

use crate::index::{Assembly, Text, Tier, compress};
use crate::layout::Segment;
use crate::{Encoding, Error, IndexOptions, Layout, Rendered, Stanza};

/// What differs between the index that was published and the one to publish.
#[derive(Clone, Debug, Default)]
pub struct Change<'a> {
    /// Stanzas to take out, byte for byte as they were put in.
    pub removed: Vec<Stanza<'a>>,
    /// Stanzas to put in.
    pub added: Vec<Stanza<'a>>,
}

/// Gives access to the files of the index that was published before.
pub trait PreviousFiles {
    /// The bytes of that range of the file of that encoding.
    ///
    /// # Errors
    /// Whatever reading it says.
    fn read(&self, encoding: Encoding, range: Range<u64>) -> std::io::Result<Vec<u8>>;
}

/// Renders an index that differs by `change` from the one that `layout` describes.
///
/// The result holds the same stanzas as an index rendered anew, not in the same order: what is added stands in small
/// segments at the end, which are merged into larger ones as they pile up. The cost follows the change and the few
/// segments it touches. Everything before them is copied as it is, and its hash is taken up from the layout's marks.
///
/// # Errors
/// [`Error::Diverged`] when the previous files are not what `layout` says or lack a removed stanza, and
/// [`Error::Previous`] when they cannot be read; render the index anew then. [`Error::Encoding`] when a compressor fails.
pub fn update(
    layout: &Layout,
    previous: &dyn PreviousFiles,
    change: &Change<'_>,
    options: &IndexOptions,
) -> Result<Rendered, Error> {
    if layout.encodings != options.encodings {
        return Err(Error::Diverged { what: "it is compressed otherwise" });
    }
    let previous = Previous { layout, files: previous };
    let mut segments: Vec<Work> = (0..layout.segments.len()).map(Work::Kept).collect();
    remove(&mut segments, &previous, &change.removed)?;
    add(&mut segments, &previous, &change.added, options)?;
    merge(&mut segments, &previous, options)?;
    assemble(segments, &previous, options)
}

/// A segment of the new index.
enum Work {
    /// The segment with that number of the previous index, as it is.
    Kept(usize),
    New(Text),
}

struct Previous<'a> {
    layout: &'a Layout,
    files: &'a dyn PreviousFiles,
}

impl<'a> Previous<'a> {
    fn segment(&self, number: usize) -> Result<&'a Segment, Error> {
        self.layout.segments.get(number).ok_or(Error::Diverged { what: "a segment is missing" })
    }

    /// Where a segment stands in the file of the `nth` encoding, and its bytes there.
    fn piece(&self, number: usize, nth: usize) -> Result<(Range<u64>, Vec<u8>), Error> {
        let range = self.layout.end_of(nth, number)..self.layout.end_of(nth, number + 1);
        let encoding =
            *self.layout.encodings.get(nth).ok_or(Error::Diverged { what: "an encoding is missing" })?;
        let bytes = self
            .files
            .read(encoding, range.clone())
            .map_err(|source| Error::Previous { encoding, source })?;
        if bytes.len() as u64 != range.end - range.start {
            return Err(Error::Diverged { what: "a file is shorter" });
        }
        if self.segment(number)?.checks.get(nth) != Some(&crc32fast::hash(&bytes)) {
            return Err(Error::Diverged { what: "a segment is damaged" });
        }
        Ok((range, bytes))
    }

    fn text(&self, number: usize) -> Result<Vec<u8>, Error> {
        let nth = Encoding::CHEAPEST_FIRST
            .iter()
            .find_map(|encoding| self.layout.encodings.iter().position(|present| present == encoding))
            .ok_or(Error::Diverged { what: "it has no file" })?;
        let encoding = *self.layout.encodings.get(nth).ok_or(Error::Diverged { what: "it has no file" })?;
        let segment = self.segment(number)?;
        let damaged = |_| Error::Diverged { what: "a segment does not decompress" };
        let text = encoding.decode(&self.piece(number, nth)?.1, segment.plain).map_err(damaged)?;
        if text.len() as u64 != segment.plain {
            return Err(Error::Diverged { what: "a segment has another size" });
        }
        Ok(text)
    }

    /// The stanzas of a segment for which `keep` holds, as a text to be changed.
    fn reopened(&self, number: usize, keep: impl Fn(&[u8]) -> bool) -> Result<Text, Error> {
        let bytes = self.text(number)?;
        let mut text = Text::default();
        for paragraph in deb822::paragraphs(&bytes) {
            if keep(paragraph.as_bytes()) {
                let package =
                    paragraph.get_str("Package").ok_or(Error::Diverged { what: "a stanza is broken" })?;
                text.push(package, paragraph.as_bytes());
            }
        }
        Ok(text)
    }
}

impl Work {
    fn plain(&self, previous: &Previous<'_>) -> u64 {
        match self {
            Self::Kept(number) => previous.segment(*number).map_or(0, |segment| segment.plain),
            Self::New(text) => text.bytes.len() as u64,
        }
    }

    fn into_text(self, previous: &Previous<'_>) -> Result<Text, Error> {
        match self {
            Self::Kept(number) => previous.reopened(number, |_| true),
            Self::New(text) => Ok(text),
        }
    }
}

fn remove(segments: &mut Vec<Work>, previous: &Previous<'_>, removed: &[Stanza<'_>]) -> Result<(), Error> {
    let mut left: HashSet<&[u8]> = removed.iter().map(Stanza::as_bytes).collect();
    let mut packages: Vec<&str> = removed.iter().map(Stanza::package).collect();
    packages.sort_unstable();
    // The tail first: what is taken back is most often what came last.
    for number in (0..segments.len()).rev() {
        if left.is_empty() {
            break;
        }
        let segment = previous.segment(number)?;
        let candidates = packages.partition_point(|package| *package < segment.first.as_str());
        if packages.get(candidates).is_none_or(|package| *package > segment.last.as_str()) {
            continue;
        }
        let text = previous.reopened(number, |stanza| !left.contains(stanza))?;
        if text.stanzas != segment.stanzas {
            for paragraph in deb822::paragraphs(&previous.text(number)?) {
                left.remove(paragraph.as_bytes());
            }
            if let Some(work) = segments.get_mut(number) {
                *work = Work::New(text);
            }
        }
    }
    if !left.is_empty() {
        return Err(Error::Diverged { what: "a stanza to remove is not in it" });
    }
    segments.retain(|work| !matches!(work, Work::New(text) if text.stanzas == 0));
    Ok(())
}

fn add(
    segments: &mut Vec<Work>,
    previous: &Previous<'_>,
    added: &[Stanza<'_>],
    options: &IndexOptions,
) -> Result<(), Error> {
    if added.is_empty() {
        return Ok(());
    }
    let mut open = match segments.pop_if(|last| last.plain(previous) < options.tail as u64) {
        Some(last) => last.into_text(previous)?,
        None => Text::default(),
    };
    for stanza in added {
        open.push(stanza.package(), stanza.as_bytes());
        if open.bytes.len() >= options.base {
            segments.push(Work::New(std::mem::take(&mut open)));
        }
    }
    if open.stanzas > 0 {
        segments.push(Work::New(open));
    }
    Ok(())
}

/// Merges the small segments at the end when together they are as large as one of the next tier, so that the index never
/// consists of many small ones and each stanza is compressed only a bounded number of times.
fn merge(segments: &mut Vec<Work>, previous: &Previous<'_>, options: &IndexOptions) -> Result<(), Error> {
    for (tier, size) in [(Tier::Middle, options.middle()), (Tier::Cold, options.base)] {
        let smaller =
            segments.iter().rev().take_while(|work| options.tier(work.plain(previous)) < tier).count();
        let run = segments.len() - smaller;
        let total: u64 = segments.iter().skip(run).map(|work| work.plain(previous)).sum();
        if smaller < 2 || total < size as u64 {
            continue;
        }
        let mut merged = Text::default();
        for work in segments.drain(run..).collect::<Vec<_>>() {
            merged.append(work.into_text(previous)?);
        }
        segments.push(Work::New(merged));
    }
    Ok(())
}

fn assemble(segments: Vec<Work>, previous: &Previous<'_>, options: &IndexOptions) -> Result<Rendered, Error> {
    let unchanged = segments
        .iter()
        .enumerate()
        .take_while(|(place, work)| matches!(work, Work::Kept(number) if number == place))
        .count();
    let mut assembly = Assembly::resume(previous.layout, unchanged, options);
    let rest: Vec<Work> = segments.into_iter().skip(assembly.segments()).collect();
    let (texts, kept): (Vec<_>, Vec<_>) = rest
        .into_iter()
        .map(|work| match work {
            Work::New(text) => (Some(text), None),
            Work::Kept(number) => (None, Some(number)),
        })
        .unzip();
    let new: Vec<Text> = texts.into_iter().flatten().collect();
    let mut compressed = new.iter().zip(compress(&new, options)?);
    for number in kept {
        if let Some(number) = number {
            let pieces: Vec<_> = (0..options.encodings.len())
                .map(|nth| previous.piece(number, nth))
                .collect::<Result<_, _>>()?;
            assembly.push_kept(previous.segment(number)?, &previous.text(number)?, &pieces);
        } else if let Some((text, pieces)) = compressed.next() {
            assembly.push_new(text, pieces);
        }
    }
    assembly.finish()
}

#[cfg(test)]
mod tests;
