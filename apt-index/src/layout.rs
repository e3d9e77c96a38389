use std::fmt::Write as _;
use std::ops::Range;

use deb_parse::checksum::Blake3;
use deb_parse::{Quoted, deb822};

use crate::digest::HashState;
use crate::{Encoding, Error};

/// No sum of recorded numbers of one kind is greater. Nothing that can be published comes near, and no sum of two overflows.
const MOST: u64 = 1 << 48;

/// How a published index is cut into segments: what is needed to change the index without rendering all of it.
///
/// A segment is a run of items that was compressed on its own. apt does not care for their order, so an index
/// is a cold base in large segments followed by a hot tail of small ones, and whatever is added goes to the end. The
/// layout belongs to the publication, as a file beside it; the content of a suite does not depend on it. The default is that of a file
/// that is always made from scratch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    pub(crate) encodings: Vec<Encoding>,
    pub(crate) segments: Vec<Segment>,
    /// In rising order of segments.
    pub(crate) marks: Vec<Mark>,
}

/// One independently compressed run of items.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    /// The smallest and the greatest package name in it: a search for a package skips the others.
    pub(crate) first: String,
    pub(crate) last: String,
    pub(crate) items: u64,
    pub(crate) lines: u64,
    /// Bytes of text.
    pub(crate) plain: u64,
    /// Bytes of each compressed form without padding, in the order of [`Layout::encodings`].
    pub(crate) sizes: Vec<u64>,
    /// CRC32 of each compressed form as it stands in its file: what is copied must not have rotted on the disk.
    pub(crate) checks: Vec<u32>,
    /// BLAKE3 of the same bytes: what is read back and hashed again must be what was rendered, even if somebody else can write to the
    /// published files. Empty in layouts of older versions, upon which nothing is built.
    pub(crate) hashes: Vec<Blake3>,
}

/// The states of the hashes behind the first `segments` segments, so that these need not be hashed again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) segments: usize,
    pub(crate) plain: HashState,
    /// In the order of [`Layout::encodings`].
    pub(crate) encoded: Vec<HashState>,
}

impl Layout {
    /// The number of items in the index.
    #[must_use]
    pub fn items(&self) -> u64 {
        self.segments.iter().map(|segment| segment.items).sum()
    }

    /// The number of lines in the index.
    #[must_use]
    pub fn lines(&self) -> u64 {
        self.segments.iter().map(|segment| segment.lines).sum()
    }

    /// The number of segments the index is cut into.
    #[must_use]
    pub fn segments(&self) -> usize {
        self.segments.len()
    }

    /// Whether every segment has the hashes that prove what is read back of it. The layouts of older versions have none: the index is
    /// rendered from its items once.
    #[must_use]
    pub fn is_provable(&self) -> bool {
        self.segments.iter().all(|segment| segment.hashes.len() == self.encodings.len())
    }

    /// Where one of the segments stands in the file of an encoding, and the BLAKE3 of the bytes there; `turn` decides which. `None` when
    /// there is none, or its layout is of an older version.
    #[must_use]
    pub fn segment_of(&self, encoding: Encoding, turn: u64) -> Option<(Range<u64>, Blake3)> {
        let nth = self.encodings.iter().position(|present| *present == encoding)?;
        let number = usize::try_from(turn.checked_rem(self.segments.len() as u64)?).ok()?;
        let hash = *self.segments.get(number)?.hashes.get(nth)?;
        Some((self.end_of(nth, number)..self.end_of(nth, number + 1), hash))
    }

    /// The number of lines before the segment with that number.
    pub(crate) fn lines_before(&self, segment: usize) -> u64 {
        self.segments.iter().take(segment).map(|segment| segment.lines).sum()
    }

    /// The fields that record this layout, for a paragraph of the caller's; [`parse`](Self::parse) reads them back.
    #[must_use]
    pub fn to_fields(&self) -> String {
        let names: Vec<&str> = self.encodings.iter().map(|encoding| encoding.name()).collect();
        let mut text = format!("Encodings: {}\n", names.join(" "));
        // Writing to a String cannot fail.
        if !self.marks.is_empty() {
            text.push_str("Marks:\n");
        }
        for Mark { segments, plain, encoded } in &self.marks {
            let _ = write!(text, " {segments} {plain}");
            for state in encoded {
                let _ = write!(text, " {state}");
            }
            text.push('\n');
        }
        if !self.segments.is_empty() {
            text.push_str("Segments:\n");
        }
        for Segment { first, last, items, lines, plain, sizes, checks, hashes } in &self.segments {
            let _ = write!(text, " {first} {last} {items} {lines} {plain}");
            for (nth, (size, check)) in sizes.iter().zip(checks).enumerate() {
                let _ = write!(text, " {size}/{check:08x}");
                if let Some(hash) = hashes.get(nth) {
                    let _ = write!(text, "/{hash}");
                }
            }
            text.push('\n');
        }
        text
    }

    /// Reads a layout from the paragraph that holds its fields.
    ///
    /// # Errors
    /// [`Error::Layout`] when a field is missing or malformed, or when numbers in it add up to more than any index has. A hash state written with another version of the hash
    /// library is no error: it is left out, and the next update hashes the whole index once.
    pub fn parse(paragraph: &deb822::Paragraph<'_>) -> Result<Self, Error> {
        let names = paragraph.get_str("Encodings").ok_or_else(|| broken("no field `Encodings`"))?;
        let encodings: Vec<Encoding> = names
            .split_ascii_whitespace()
            .map(|name| {
                Encoding::from_name(name).ok_or_else(|| broken(&format!("no encoding {}", Quoted::new(name))))
            })
            .collect::<Result<_, _>>()?;
        let segments: Vec<Segment> = lines(paragraph, "Segments")
            .map(|line| {
                Segment::parse(line, encodings.len())
                    .ok_or_else(|| broken(&format!("segment {}", Quoted::new(line))))
            })
            .collect::<Result<_, _>>()?;
        if !is_plausible(&segments) {
            return Err(broken("a number that no index reaches"));
        }
        let marks = lines(paragraph, "Marks")
            .filter_map(|line| Mark::parse(line, encodings.len()))
            .filter(|mark| mark.segments <= segments.len())
            .collect();
        Ok(Self { encodings, segments, marks })
    }

    /// The CRC32 of the first `segments` segments of the file of the `nth` encoding, with what stands before them.
    pub(crate) fn check_of(&self, nth: usize, segments: usize) -> u32 {
        let Some(encoding) = self.encodings.get(nth) else { return 0 };
        let header = (crc32fast::hash(encoding.header()), encoding.header().len() as u64);
        let pieces = self.segments.iter().take(segments).filter_map(|segment| {
            Some((*segment.checks.get(nth)?, encoding.stored(*segment.sizes.get(nth)?)))
        });
        pieces.fold(header, joined_check).0
    }

    /// Where the first `segments` segments end in the file of the `nth` encoding.
    pub(crate) fn end_of(&self, nth: usize, segments: usize) -> u64 {
        let Some(encoding) = self.encodings.get(nth) else { return 0 };
        let sizes = self.segments.iter().take(segments).filter_map(|segment| segment.sizes.get(nth));
        encoding.header().len() as u64 + sizes.map(|size| encoding.stored(*size)).sum::<u64>()
    }
}

impl Segment {
    fn parse(line: &str, encodings: usize) -> Option<Self> {
        let mut words = line.split_ascii_whitespace();
        let first = words.next()?.to_owned();
        let last = words.next()?.to_owned();
        let mut number = || words.next()?.parse::<u64>().ok();
        let (items, lines, plain) = (number()?, number()?, number()?);
        let (mut sizes, mut checks, mut hashes) = (Vec::new(), Vec::new(), Vec::new());
        for word in words {
            let mut parts = word.split('/');
            sizes.push(parts.next()?.parse::<u64>().ok()?);
            checks.push(u32::from_str_radix(parts.next()?, 16).ok()?);
            if let Some(hash) = parts.next() {
                hashes.push(Blake3::parse(hash).ok()?);
            }
            if parts.next().is_some() {
                return None;
            }
        }
        let is_whole = sizes.len() == encodings && (hashes.is_empty() || hashes.len() == encodings);
        is_whole.then_some(Self { first, last, items, lines, plain, sizes, checks, hashes })
    }
}

/// Whether the numbers of the segments stay in their bounds, one by one and added up.
fn is_plausible(segments: &[Segment]) -> bool {
    fn within(mut numbers: impl Iterator<Item = u64>) -> bool {
        let add = |sum: u64, number| sum.checked_add(number).filter(|sum| *sum <= MOST);
        numbers.try_fold(0, add).is_some()
    }
    within(segments.iter().map(|segment| segment.items))
        && within(segments.iter().map(|segment| segment.lines))
        && within(segments.iter().map(|segment| segment.plain))
        && within(segments.iter().flat_map(|segment| segment.sizes.iter().copied()))
}

impl Mark {
    fn parse(line: &str, encodings: usize) -> Option<Self> {
        let mut words = line.split_ascii_whitespace();
        let segments = words.next()?.parse().ok()?;
        let plain = HashState::parse(words.next()?)?;
        let encoded: Vec<HashState> = words.map(HashState::parse).collect::<Option<_>>()?;
        (encoded.len() == encodings).then_some(Self { segments, plain, encoded })
    }
}

/// The CRC32 and length of two runs of bytes, one behind the other.
pub(crate) fn joined_check(first: (u32, u64), second: (u32, u64)) -> (u32, u64) {
    let mut hasher = crc32fast::Hasher::new_with_initial_len(first.0, first.1);
    hasher.combine(&crc32fast::Hasher::new_with_initial_len(second.0, second.1));
    (hasher.finalize(), first.1 + second.1)
}

fn lines<'a>(paragraph: &deb822::Paragraph<'a>, field: &str) -> impl Iterator<Item = &'a str> {
    let value = paragraph.get_str(field).unwrap_or_default();
    value.lines().map(str::trim).filter(|line| !line.is_empty())
}

fn broken(what: &str) -> Error {
    Error::Layout { what: what.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::{Builder, IndexOptions};
    use crate::stanza::Stanza;

    #[test]
    fn a_layout_reads_back_as_it_was_written() {
        let mut options = IndexOptions::new(vec![Encoding::Xz, Encoding::Gz]);
        options.base = 100;
        options.tail = 40;
        for count in [0, 1, 30] {
            let mut builder = Builder::new(&options);
            for n in 0..count {
                let text = format!("Package: p{n:03}\nVersion: 1\n");
                builder.push(&Stanza::parse(text.as_bytes()).unwrap()).unwrap();
            }
            let layout = builder.finish().unwrap().into_layout();
            let text = layout.to_fields();
            let paragraph = deb822::paragraphs(text.as_bytes()).next().unwrap();
            assert_eq!(Layout::parse(&paragraph).unwrap(), layout, "{text}");
        }
    }

    #[test]
    fn a_malformed_layout_is_refused() {
        let greatest = u64::MAX;
        for bad in [
            "Segments:\n a b 1 1 2 3\n",
            "Encodings: lz4\n",
            "Encodings: xz\nSegments:\n a b 1 1 2 3\n",
            "Encodings: xz\nSegments:\n a b 1 1 2 3/00000000/00\n",
            "Encodings: xz gz\nSegments:\n a b 1 1 2 3/00000000/0000000000000000000000000000000000000000000000000000000000000000 3/00000000\n",
            &format!("Encodings: xz\nSegments:\n a b 1 1 2 {greatest}/00000000\n"),
            &format!("Encodings: xz\nSegments:\n a b {greatest} 1 2 3/00000000\n a b 1 1 2 3/00000000\n"),
            &format!("Encodings: xz\nSegments:\n a b 1 {greatest} 2 3/00000000\n a b 1 1 2 3/00000000\n"),
            &format!("Encodings: xz\nSegments:\n a b 1 1 {greatest} 3/00000000\n a b 1 1 2 3/00000000\n"),
        ] {
            let paragraph = deb822::paragraphs(bad.as_bytes()).next().unwrap();
            assert!(Layout::parse(&paragraph).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_layout_is_said_in_one_short_line() {
        for bad in [
            "Encodings: \u{1b}[31mxz\n".to_owned(),
            "Encodings: xz\nSegments:\n a\u{7} b 1\n".to_owned(),
            format!("Encodings: xz\nSegments:\n {}\n", "a".repeat(100_000)),
        ] {
            let paragraph = deb822::paragraphs(bad.as_bytes()).next().unwrap();
            let text = Layout::parse(&paragraph).unwrap_err().to_string();
            assert!(text.len() < 400 && !text.contains(char::is_control), "{text:?}");
        }
    }

    #[test]
    fn a_layout_of_an_older_version_is_read_and_proves_nothing() {
        let text = "Encodings: xz\nSegments:\n a b 1 1 2 3/0000002a\n";
        let paragraph = deb822::paragraphs(text.as_bytes()).next().unwrap();
        let layout = Layout::parse(&paragraph).unwrap();
        assert!(!layout.is_provable());
        assert_eq!(layout.to_fields(), text);
    }
}
