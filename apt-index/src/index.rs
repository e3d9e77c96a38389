//! A whole index: made from its items by a [`Builder`], or from the one before it by [`update`], as [`IndexOptions`] say.
//!
//! The result is a [`Rendered`], whose [`Layout`] says how it was cut; a later [`update`] needs that.

use std::num::NonZeroUsize;
use std::ops::Range;

use deb_parse::checksum::{Blake3, Sha256};

use crate::digest::ResumableSha256;
use crate::encoding::Piece;
use crate::layout::{Mark, Segment, joined_check};
use crate::parallel::parallel_map;
use crate::previous::PlacedPiece;
use crate::whole::Whole;
use crate::{Encoding, Error};

pub use crate::item::Item;
pub use crate::layout::Layout;
pub use crate::previous::PreviousFiles;
pub use crate::update::{Change, update};

/// How an index is cut and compressed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct IndexOptions {
    /// The files to make, beside the plain form that `Release` always lists.
    pub encodings: Vec<Encoding>,
    /// Text of a cold segment, in bytes. Larger compresses better, smaller is cheaper to change: see `docs/design.md`.
    pub base: usize,
    /// Text up to which the last segment is still added to, in bytes.
    pub tail: usize,
    /// Threads used to compress.
    pub threads: NonZeroUsize,
}

impl IndexOptions {
    /// Default sizes for these encodings, on one thread.
    #[must_use]
    pub fn new(encodings: Vec<Encoding>) -> Self {
        Self { encodings, base: 2 << 20, tail: 16 << 10, threads: NonZeroUsize::MIN }
    }

    /// Text of a segment between a cold and a hot one: as many hot ones are merged into it.
    pub(crate) fn middle(&self) -> usize {
        self.tail.saturating_mul(16).min(self.base)
    }

    /// How settled a segment of that much text is: the more, the less often it will be merged or changed again.
    pub(crate) fn tier(&self, plain: u64) -> Tier {
        // Half, so that a segment keeps its tier when something is removed from it.
        if plain >= self.base as u64 / 2 {
            Tier::Cold
        } else if plain >= self.middle() as u64 / 2 {
            Tier::Middle
        } else {
            Tier::Hot
        }
    }
}

/// See [`IndexOptions::tier`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Tier {
    Hot,
    Middle,
    Cold,
}

/// An index as a value: the files to write and the layout to remember.
#[derive(Clone, Debug)]
pub struct Rendered {
    layout: Layout,
    plain: (u64, Sha256),
    files: Vec<RenderedFile>,
    removed_lines: Option<Vec<Range<u64>>>,
    hashed: u64,
    compressed: u64,
}

/// One file of an index: which bytes, and what `Release` says of them.
#[derive(Clone, Debug)]
pub struct RenderedFile {
    encoding: Encoding,
    size: u64,
    sha256: Sha256,
    parts: Vec<Part>,
}

/// A run of bytes of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// New bytes.
    Bytes(Vec<u8>),
    /// Bytes of the file of the same encoding that was published before.
    Previous {
        /// The bytes to copy.
        range: Range<u64>,
        /// Their CRC32. When what is copied has another, the file was damaged: render the index from scratch. Where the new file shares
        /// blocks with the old one instead, they need not be read.
        crc32: u32,
    },
}

impl Rendered {
    /// How the index is cut.
    #[must_use]
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// How the index is cut, taken out.
    #[must_use]
    pub fn into_layout(self) -> Layout {
        self.layout
    }

    /// Size in bytes and SHA-256 of the uncompressed index.
    #[must_use]
    pub fn plain(&self) -> (u64, Sha256) {
        self.plain
    }

    /// Which lines of the index before it is without, counted from 0, in order. All new lines stand behind those it kept.
    /// `None` when it was not made from another.
    #[must_use]
    pub fn removed_lines(&self) -> Option<&[Range<u64>]> {
        self.removed_lines.as_deref()
    }

    /// Of how many bytes SHA-256 was computed to make it, of the plain index and of all files together. What an update shares with
    /// the index before it up to a mark is not among them.
    #[must_use]
    pub fn hashed(&self) -> u64 {
        self.hashed
    }

    /// Returns how many pieces of files were compressed to make it. What is taken from the index before it is not among them.
    #[must_use]
    pub fn compressed(&self) -> u64 {
        self.compressed
    }

    /// The files, one for each encoding of the options.
    #[must_use]
    pub fn files(&self) -> &[RenderedFile] {
        &self.files
    }
}

impl RenderedFile {
    /// Its compression.
    #[must_use]
    pub fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// Size in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// SHA-256 of the whole file.
    #[must_use]
    pub fn sha256(&self) -> Sha256 {
        self.sha256
    }

    /// Returns the whole file; `None` when some of its bytes are to be copied from the one published before, as after an
    /// [`update`].
    #[must_use]
    pub fn bytes(&self) -> Option<Vec<u8>> {
        let parts = self.parts.iter().map(|part| match part {
            Part::Bytes(bytes) => Some(bytes.as_slice()),
            Part::Previous { .. } => None,
        });
        Some(parts.collect::<Option<Vec<_>>>()?.concat())
    }

    /// The bytes, in order.
    #[must_use]
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }
}

/// Renders an index from its items, in the order in which they are pushed.
///
/// Memory is bounded by a few segments of text and the compressed result, not by the text of the index.
#[derive(Debug)]
pub struct Builder {
    options: IndexOptions,
    open: Text,
    /// Full segments that wait until every thread has one to compress.
    waiting: Vec<Text>,
    assembly: Assembly,
}

impl Builder {
    /// An empty index.
    #[must_use]
    pub fn new(options: &IndexOptions) -> Self {
        Self {
            assembly: Assembly::new(options),
            options: options.clone(),
            open: Text::default(),
            waiting: Vec::new(),
        }
    }

    /// Adds an item. All items of an index are of one type.
    ///
    /// # Errors
    /// [`Error::Encoding`] when a compressor fails.
    pub fn push<I: Item>(&mut self, item: &I) -> Result<(), Error> {
        self.open.push::<I>(item.package(), item.as_bytes());
        if self.open.bytes.len() >= self.options.base {
            self.waiting.push(std::mem::take(&mut self.open));
        }
        // Two for each thread: they are not equally long to compress.
        if self.waiting.len() >= self.options.threads.get() * 2 { self.compress_waiting() } else { Ok(()) }
    }

    /// The finished index.
    ///
    /// # Errors
    /// [`Error::Encoding`] when a compressor fails.
    pub fn finish(mut self) -> Result<Rendered, Error> {
        if !self.open.bytes.is_empty() {
            self.waiting.push(std::mem::take(&mut self.open));
        }
        self.compress_waiting()?;
        self.assembly.finish(None)
    }

    fn compress_waiting(&mut self) -> Result<(), Error> {
        let texts = std::mem::take(&mut self.waiting);
        for (text, pieces) in texts.iter().zip(compress(&texts, &self.options)?) {
            self.assembly.push_new(text, pieces)?;
        }
        Ok(())
    }
}

/// Every text in every encoding, on as many threads as the options allow.
pub(crate) fn compress(texts: &[Text], options: &IndexOptions) -> Result<Vec<Vec<Piece>>, Error> {
    let jobs: Vec<(&Text, Encoding)> = texts
        .iter()
        .flat_map(|text| options.encodings.iter().map(move |encoding| (text, *encoding)))
        .collect();
    let mut pieces =
        parallel_map(&jobs, options.threads, |(text, encoding)| encoding.encode(&text.bytes)).into_iter();
    texts.iter().map(|_| pieces.by_ref().take(options.encodings.len()).collect()).collect()
}

/// The text of one segment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Text {
    pub(crate) bytes: Vec<u8>,
    pub(crate) items: u64,
    first: String,
    last: String,
}

impl Text {
    pub(crate) fn append(&mut self, other: Self) {
        self.bytes.extend_from_slice(&other.bytes);
        self.items += other.items;
        if self.first.is_empty() || other.first < self.first {
            self.first = other.first;
        }
        if other.last > self.last {
            self.last = other.last;
        }
    }

    pub(crate) fn push<I: Item>(&mut self, package: &str, item: &[u8]) {
        self.bytes.extend_from_slice(item);
        self.bytes.extend_from_slice(I::SEPARATOR);
        self.items += 1;
        if self.first.is_empty() || package < self.first.as_str() {
            package.clone_into(&mut self.first);
        }
        if package > self.last.as_str() {
            package.clone_into(&mut self.last);
        }
    }
}

/// How many lines end in `text`.
pub(crate) fn lines_in(text: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', text).count() as u64
}

/// Joins segments into the files of an index, hashing as it goes.
#[derive(Debug)]
pub(crate) struct Assembly {
    options: IndexOptions,
    layout: Layout,
    plain_size: u64,
    plain: ResumableSha256,
    files: Vec<OpenFile>,
    compressed: u64,
}

#[derive(Debug)]
struct OpenFile {
    encoding: Encoding,
    size: u64,
    hash: ResumableSha256,
    parts: Vec<Part>,
    /// What compresses the file when that is done whole; then there is nothing in it before the end.
    whole: Option<Whole>,
}

impl Assembly {
    pub(crate) fn new(options: &IndexOptions) -> Self {
        let files = options.encodings.iter().map(|encoding| {
            let mut file = OpenFile {
                encoding: *encoding,
                size: 0,
                hash: ResumableSha256::default(),
                parts: Vec::new(),
                whole: Whole::new(*encoding),
            };
            file.push(encoding.header());
            file
        });
        Self {
            files: files.collect(),
            layout: Layout { encodings: options.encodings.clone(), segments: Vec::new(), marks: Vec::new() },
            options: options.clone(),
            plain_size: 0,
            plain: ResumableSha256::default(),
            compressed: 0,
        }
    }

    /// Starts with the segments of `previous` that lie before one of its marks, the last mark that keeps no more than
    /// `unchanged` segments. Without such a mark it starts empty.
    pub(crate) fn resume(previous: &Layout, unchanged: usize, options: &IndexOptions) -> Self {
        let at_mark = |(nth, mark): (usize, &Mark)| {
            let kept = previous.segments.get(..mark.segments)?;
            let files =
                previous.encodings.iter().zip(&mark.encoded).enumerate().map(|(nth, (encoding, state))| {
                    let size = previous.end_of(nth, mark.segments);
                    let hash = ResumableSha256::resume(state)?;
                    let crc32 = previous.check_of(nth, mark.segments);
                    let parts = vec![Part::Previous { range: 0..size, crc32 }];
                    Some(OpenFile { encoding: *encoding, size, hash, parts, whole: None })
                });
            Some(Self {
                files: files.collect::<Option<_>>()?,
                plain: ResumableSha256::resume(&mark.plain)?,
                plain_size: kept.iter().map(|segment| segment.plain).sum(),
                layout: Layout {
                    encodings: previous.encodings.clone(),
                    segments: kept.to_vec(),
                    marks: previous.marks.get(..=nth)?.to_vec(),
                },
                compressed: 0,
                options: options.clone(),
            })
        };
        // What is compressed whole needs the whole text again.
        let unchanged =
            if previous.encodings.iter().any(|encoding| encoding.is_whole()) { 0 } else { unchanged };
        let mut usable = previous.marks.iter().enumerate().filter(|(_, mark)| mark.segments <= unchanged);
        usable.next_back().and_then(at_mark).unwrap_or_else(|| Self::new(options))
    }

    /// How many segments it holds.
    pub(crate) fn segments(&self) -> usize {
        self.layout.segments.len()
    }

    /// Adds a segment that was just compressed.
    pub(crate) fn push_new(&mut self, text: &Text, pieces: Vec<Piece>) -> Result<(), Error> {
        let segment = Segment {
            first: text.first.clone(),
            last: text.last.clone(),
            items: text.items,
            lines: lines_in(&text.bytes),
            plain: text.bytes.len() as u64,
            sizes: pieces.iter().map(|piece| piece.size).collect(),
            checks: pieces.iter().map(|piece| crc32fast::hash(&piece.bytes)).collect(),
            hashes: pieces.iter().map(|piece| Blake3::of(&piece.bytes)).collect(),
        };
        for (file, piece) in self.files.iter_mut().zip(pieces) {
            self.compressed += u64::from(file.is_compressed_apart());
            file.push(&piece.bytes);
        }
        self.push(segment, &text.bytes)
    }

    /// Adds a segment that stays as it is in the previous files; its `pieces` there must be hashed.
    pub(crate) fn push_kept(
        &mut self,
        segment: &Segment,
        text: &[u8],
        pieces: &[PlacedPiece],
    ) -> Result<(), Error> {
        for (file, (range, bytes)) in self.files.iter_mut().zip(pieces) {
            file.keep(range.clone(), bytes);
        }
        self.push(segment.clone(), text)
    }

    fn push(&mut self, segment: Segment, text: &[u8]) -> Result<(), Error> {
        self.files
            .iter_mut()
            .filter_map(|file| file.whole.as_mut())
            .try_for_each(|whole| whole.push(text))?;
        self.plain.update(text);
        self.plain_size += text.len() as u64;
        let tier = self.options.tier(segment.plain);
        self.layout.segments.push(segment);
        if tier > Tier::Hot {
            self.mark(tier);
        }
        Ok(())
    }

    /// Remembers the state of the hashes here. Marks behind less settled segments give way: one for each tier is enough
    /// to start from.
    fn mark(&mut self, tier: Tier) {
        let Layout { segments, marks, .. } = &mut self.layout;
        let tier_at = |mark: &Mark| {
            let last = mark.segments.checked_sub(1).and_then(|nth| segments.get(nth));
            last.map_or(Tier::Hot, |segment| self.options.tier(segment.plain))
        };
        marks.retain(|mark| tier_at(mark) > tier);
        marks.push(Mark {
            segments: segments.len(),
            plain: self.plain.state(),
            encoded: self.files.iter().map(|file| file.hash.state()).collect(),
        });
    }

    pub(crate) fn finish(self, removed_lines: Option<Vec<Range<u64>>>) -> Result<Rendered, Error> {
        let (mut hashed, mut compressed) = (self.plain.hashed(), self.compressed);
        let files = self.files.into_iter().enumerate().map(|(nth, mut file)| {
            let sizes = self.layout.segments.iter().filter_map(|s| Some((*s.sizes.get(nth)?, s.plain)));
            let trailer = file.encoding.trailer(sizes)?;
            file.push(&trailer);
            if let Some(whole) = file.whole.take() {
                file.push(&whole.finish()?);
                compressed += 1;
            }
            hashed += file.hash.hashed();
            Ok(RenderedFile {
                encoding: file.encoding,
                size: file.size,
                sha256: file.hash.finish(),
                parts: file.parts,
            })
        });
        Ok(Rendered {
            files: files.collect::<Result<_, Error>>()?,
            plain: (self.plain_size, self.plain.finish()),
            layout: self.layout,
            removed_lines,
            hashed,
            compressed,
        })
    }
}

impl OpenFile {
    /// Returns whether its pieces are compressed, each on its own.
    fn is_compressed_apart(&self) -> bool {
        self.whole.is_none() && self.encoding != Encoding::Plain
    }

    fn push(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        self.hash.update(bytes);
        self.size += bytes.len() as u64;
        if let Some(Part::Bytes(last)) = self.parts.last_mut() {
            last.extend_from_slice(bytes);
        } else {
            self.parts.push(Part::Bytes(bytes.to_vec()));
        }
    }

    fn keep(&mut self, range: Range<u64>, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        self.hash.update(bytes);
        self.size += bytes.len() as u64;
        let own = (crc32fast::hash(bytes), bytes.len() as u64);
        match self.parts.last_mut() {
            Some(Part::Previous { range: last, crc32 }) if last.end == range.start => {
                *crc32 = joined_check((*crc32, last.end - last.start), own).0;
                last.end = range.end;
            }
            _ => self.parts.push(Part::Previous { range, crc32: own.0 }),
        }
    }
}
