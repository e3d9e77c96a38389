use std::collections::HashSet;
use std::ops::Range;

use crate::Error;
use crate::index::{Assembly, IndexOptions, Rendered, Text, Tier, compress, lines_in};
use crate::item::Item;
use crate::layout::Layout;
use crate::previous::{Previous, PreviousFiles};

/// What differs between the index that was published and the one to publish.
#[derive(Clone, Debug)]
pub struct Change<I> {
    /// Items to take out, byte for byte as they were put in.
    pub removed: Vec<I>,
    /// Items to put in.
    pub added: Vec<I>,
}

/// Renders an index that differs by `change` from the one that `layout` describes.
///
/// The result holds the same items as an index rendered from scratch, in another order: what is added stands in small
/// segments at the end, which are merged into larger ones as they pile up. The cost follows the change and the few
/// segments it touches. Everything before them is copied as it is, and its hash is taken up from the layout's marks. One segment
/// of that is read and checked all the same, another one each time: who shares its blocks between files instead of copying them
/// reads none of it.
///
/// The previous files are not trusted. Nothing of them reaches the hashes of the result unless its BLAKE3 is the one that `layout`
/// has for it, so the caller has to keep only the layout where nobody else can change it.
///
/// # Errors
/// [`Error::Diverged`] when the previous files are not what `layout` says or lack a removed item, when `layout` cannot
/// [prove](Layout::is_provable) what they are, and
/// [`Error::Previous`] when they cannot be read; then render the index from scratch. [`Error::Encoding`] when a compressor fails.
pub fn update<I: Item>(
    layout: &Layout,
    previous: &dyn PreviousFiles,
    change: &Change<I>,
    options: &IndexOptions,
) -> Result<Rendered, Error> {
    if layout.encodings != options.encodings {
        return Err(Error::Diverged { what: "it is compressed otherwise" });
    }
    if !layout.is_provable() {
        return Err(Error::Diverged { what: "an older version wrote its layout" });
    }
    let previous = Previous { layout, files: previous };
    let mut segments: Vec<Work> = (0..layout.segments.len()).map(Work::Kept).collect();
    let removed_lines = remove(&mut segments, &previous, &change.removed)?;
    add(&mut segments, &previous, &change.added, options)?;
    merge::<I>(&mut segments, &previous, options)?;
    assemble(segments, &previous, options)?.finish(Some(removed_lines))
}

/// A segment of the new index.
enum Work {
    /// The segment with that number of the previous index, as it is.
    Kept(usize),
    New(Text),
}

impl Work {
    fn plain(&self, previous: &Previous<'_>) -> u64 {
        match self {
            Self::Kept(number) => previous.segment(*number).map_or(0, |segment| segment.plain),
            Self::New(text) => text.bytes.len() as u64,
        }
    }

    fn into_text<I: Item>(self, previous: &Previous<'_>) -> Result<Text, Error> {
        match self {
            Self::Kept(number) => previous.reopened::<I>(number, |_| true),
            Self::New(text) => Ok(text),
        }
    }
}

/// Takes items out and says which lines of the previous index they were.
fn remove<I: Item>(
    segments: &mut Vec<Work>,
    previous: &Previous<'_>,
    removed: &[I],
) -> Result<Vec<Range<u64>>, Error> {
    let mut left: HashSet<&[u8]> = removed.iter().map(Item::as_bytes).collect();
    let mut packages: Vec<&str> = removed.iter().map(Item::package).collect();
    packages.sort_unstable();
    let mut removed_lines = Vec::new();
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
        let mut line = previous.layout.lines_before(number);
        let text = previous.reopened::<I>(number, |item| {
            let start = line;
            line += lines_in(item) + lines_in(I::SEPARATOR);
            let goes = left.remove(item);
            if goes {
                removed_lines.push(start..line);
            }
            !goes
        })?;
        if text.items != segment.items
            && let Some(work) = segments.get_mut(number)
        {
            *work = Work::New(text);
        }
    }
    if !left.is_empty() {
        return Err(Error::Diverged { what: "an item to remove is not in it" });
    }
    segments.retain(|work| !matches!(work, Work::New(text) if text.items == 0));
    removed_lines.sort_unstable_by_key(|lines| lines.start);
    Ok(removed_lines)
}

fn add<I: Item>(
    segments: &mut Vec<Work>,
    previous: &Previous<'_>,
    added: &[I],
    options: &IndexOptions,
) -> Result<(), Error> {
    if added.is_empty() {
        return Ok(());
    }
    let mut open = match segments.pop_if(|last| last.plain(previous) < options.tail as u64) {
        Some(last) => last.into_text::<I>(previous)?,
        None => Text::default(),
    };
    for item in added {
        open.push::<I>(item.package(), item.as_bytes());
        if open.bytes.len() >= options.base {
            segments.push(Work::New(std::mem::take(&mut open)));
        }
    }
    if open.items > 0 {
        segments.push(Work::New(open));
    }
    Ok(())
}

/// Merges the small segments at the end when together they are as large as one of the next tier, so that the index never
/// consists of many small ones and each item is compressed only a bounded number of times.
fn merge<I: Item>(
    segments: &mut Vec<Work>,
    previous: &Previous<'_>,
    options: &IndexOptions,
) -> Result<(), Error> {
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
            merged.append(work.into_text::<I>(previous)?);
        }
        segments.push(Work::New(merged));
    }
    Ok(())
}

fn assemble(segments: Vec<Work>, previous: &Previous<'_>, options: &IndexOptions) -> Result<Assembly, Error> {
    let unchanged = segments
        .iter()
        .enumerate()
        .take_while(|(place, work)| matches!(work, Work::Kept(number) if number == place))
        .count();
    let mut assembly = Assembly::resume(previous.layout, unchanged, options);
    if let Some(number) = drawn(previous.layout, assembly.segments()) {
        previous.pieces(number)?;
    }
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
            let pieces = previous.pieces(number)?;
            assembly.push_kept(previous.segment(number)?, &previous.text(number)?, &pieces)?;
        } else if let Some((text, pieces)) = compressed.next() {
            assembly.push_new(text, pieces)?;
        }
    }
    Ok(assembly)
}

/// One of the first `segments` segments, drawn by the check of the last one, which changes with every addition.
fn drawn(layout: &Layout, segments: usize) -> Option<usize> {
    let lot = *layout.segments.last()?.checks.first()?;
    (lot as usize).checked_rem(segments)
}

#[cfg(test)]
mod tests;
