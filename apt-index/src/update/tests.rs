//! The law: whatever was added and removed in whatever order, the files hold exactly the stanzas they should, each file
//! is valid for a reader that stops after the first stream, and what the plan says of it is true.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::io::Read as _;

use proptest::prelude::*;

use deb_parse::deb822;

use super::*;
use crate::Encoding;
use crate::index::{Builder, Part};
use crate::stanza::Stanza;
use crate::whole::Whole;

/// The files of one published index, and how many bytes were read back from them.
struct Published {
    files: BTreeMap<Encoding, Vec<u8>>,
    layout: Layout,
    read: Cell<u64>,
}

impl PreviousFiles for Published {
    fn read(&self, encoding: Encoding, range: Range<u64>) -> std::io::Result<Vec<u8>> {
        self.read.set(self.read.get() + range.end - range.start);
        Ok(self.files[&encoding][range.start as usize..range.end as usize].to_vec())
    }
}

fn publish(rendered: &Rendered, previous: Option<&Published>) -> Published {
    let mut files = BTreeMap::new();
    for file in rendered.files() {
        let mut bytes = Vec::new();
        for part in file.parts() {
            match part {
                Part::Bytes(new) => bytes.extend_from_slice(new),
                Part::Previous { range, crc32 } => {
                    let old = &previous.unwrap().files[&file.encoding()];
                    let copied = &old[range.start as usize..range.end as usize];
                    assert_eq!(crc32fast::hash(copied), *crc32);
                    bytes.extend_from_slice(copied);
                }
            }
        }
        let mut hash = crate::digest::ResumableSha256::default();
        hash.update(&bytes);
        assert_eq!((bytes.len() as u64, hash.finish()), (file.size(), file.sha256()), "{}", file.encoding());
        files.insert(file.encoding(), bytes);
    }
    Published { files, layout: rendered.layout().clone(), read: Cell::new(0) }
}

/// The text as a client of each encoding reads it; all must agree with what the plan says of the plain file.
fn text(published: &Published, rendered: &Rendered) -> Vec<u8> {
    let mut texts = published.files.iter().map(|(encoding, bytes)| {
        let mut text = Vec::new();
        match encoding {
            Encoding::Xz => xz2::read::XzDecoder::new(bytes.as_slice()).read_to_end(&mut text),
            Encoding::Gz => flate2::read::MultiGzDecoder::new(bytes.as_slice()).read_to_end(&mut text),
            Encoding::Zst => zstd::Decoder::new(bytes.as_slice()).unwrap().read_to_end(&mut text),
            // One stream only, as apt reads.
            Encoding::Bz2 => bzip2::read::BzDecoder::new(bytes.as_slice()).read_to_end(&mut text),
            Encoding::Plain => bytes.as_slice().read_to_end(&mut text),
        }
        .unwrap();
        text
    });
    let first = texts.next().unwrap();
    assert!(texts.all(|other| other == first));
    let mut hash = crate::digest::ResumableSha256::default();
    hash.update(&first);
    assert_eq!(rendered.plain(), (first.len() as u64, hash.finish()));
    first
}

fn stanzas(text: &[u8]) -> Vec<Vec<u8>> {
    let mut stanzas: Vec<_> = deb822::paragraphs(text).map(|p| p.as_bytes().to_vec()).collect();
    stanzas.sort_unstable();
    stanzas
}

fn stanza(number: u16) -> Vec<u8> {
    let filler = "x".repeat(usize::from(number % 90));
    format!("Package: p{:04}\nVersion: {number}\nDescription: {filler}\n", number % 500).into_bytes()
}

fn options() -> IndexOptions {
    let mut options = IndexOptions::new(vec![Encoding::Xz, Encoding::Gz, Encoding::Zst, Encoding::Plain]);
    (options.base, options.tail) = (6000, 300);
    options
}

fn build(numbers: &[u16]) -> Rendered {
    build_with(numbers, &options())
}

fn build_with(numbers: &[u16], options: &IndexOptions) -> Rendered {
    let mut builder = Builder::new(options);
    for number in numbers {
        builder.push(&Stanza::parse(&stanza(*number)).unwrap()).unwrap();
    }
    builder.finish().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn an_updated_index_holds_what_a_new_one_would(
        start in prop::collection::btree_set(0_u16..2000, 0..150),
        steps in prop::collection::vec(
            (prop::collection::btree_set(0_u16..2000, 0..40), prop::collection::vec(any::<prop::sample::Index>(), 0..6)),
            1..12,
        ),
        with_bz2: bool,
    ) {
        let mut options = options();
        options.encodings.extend(with_bz2.then_some(Encoding::Bz2));
        let mut present: Vec<u16> = start.into_iter().collect();
        let mut rendered = build_with(&present, &options);
        let mut published = publish(&rendered, None);
        for (added, removed) in steps {
            let mut gone: Vec<u16> =
                removed.iter().filter(|_| !present.is_empty()).map(|nth| present[nth.index(present.len())]).collect();
            gone.sort_unstable();
            gone.dedup();
            present.retain(|number| !gone.contains(number));
            let new: Vec<u16> = added.into_iter().filter(|n| !present.contains(n) && !gone.contains(n)).collect();
            present.extend(&new);

            let bytes = |numbers: &[u16]| numbers.iter().map(|n| stanza(*n)).collect::<Vec<_>>();
            let (gone, new) = (bytes(&gone), bytes(&new));
            let change = Change {
                removed: gone.iter().map(|s| Stanza::parse(s).unwrap()).collect(),
                added: new.iter().map(|s| Stanza::parse(s).unwrap()).collect(),
            };
            let before = text(&published, &rendered);
            rendered = update(&published.layout, &published, &change, &options).unwrap();
            published = publish(&rendered, Some(&published));
            let after = text(&published, &rendered);
            prop_assert!(after.starts_with(&without(&before, rendered.removed_lines().unwrap())));
            prop_assert_eq!(rendered.layout().lines(), lines_in(&after));
            prop_assert_eq!(&cold(&after, rendered.layout()), &published.files);
            let mut expected = bytes(&present);
            expected.sort_unstable();
            prop_assert_eq!(stanzas(&after), expected);
            prop_assert_eq!(rendered.layout().items(), present.len() as u64);
        }
    }
}

/// A text less some of its lines.
fn without(text: &[u8], removed: &[Range<u64>]) -> Vec<u8> {
    let lines = text.split_inclusive(|byte| *byte == b'\n').zip(0_u64..);
    let kept = lines.filter(|(_, number)| !removed.iter().any(|range| range.contains(number)));
    kept.flat_map(|(line, _)| line).copied().collect()
}

/// The files of an index of that text, cut as the layout says, with nothing taken from earlier files.
fn cold(text: &[u8], layout: &Layout) -> BTreeMap<Encoding, Vec<u8>> {
    let file = |encoding: &Encoding| {
        if let Some(mut whole) = Whole::new(*encoding) {
            whole.push(text).unwrap();
            return (*encoding, whole.finish().unwrap());
        }
        let mut bytes = encoding.header().to_vec();
        let (mut rest, mut sizes) = (text, Vec::new());
        for segment in &layout.segments {
            let (text, behind) = rest.split_at(usize::try_from(segment.plain).unwrap());
            let piece = encoding.encode(text).unwrap();
            bytes.extend_from_slice(&piece.bytes);
            sizes.push((piece.size, segment.plain));
            rest = behind;
        }
        assert!(rest.is_empty());
        bytes.extend(encoding.trailer(sizes.into_iter()).unwrap());
        (*encoding, bytes)
    };
    layout.encodings.iter().map(file).collect()
}

/// Adds the numbers one by one and returns the last state.
fn add_each(mut published: Published, numbers: impl Iterator<Item = u16>) -> Published {
    for number in numbers {
        let bytes = stanza(number);
        let change = Change { removed: vec![], added: vec![Stanza::parse(&bytes).unwrap()] };
        let rendered = update(&published.layout, &published, &change, &options()).unwrap();
        published = publish(&rendered, Some(&published));
    }
    published
}

#[test]
fn adding_one_reads_back_no_more_from_a_large_index_than_from_a_small_one() {
    let read = |size: u16| {
        let rendered = build(&(0..size).collect::<Vec<_>>());
        let published = add_each(publish(&rendered, None), 10_000..10_003);
        published.read.set(0);
        let bytes = stanza(20_000);
        let change = Change { removed: vec![], added: vec![Stanza::parse(&bytes).unwrap()] };
        update(&published.layout, &published, &change, &options()).unwrap();
        published.read.get()
    };
    let (small, large) = (read(300), read(6000));
    assert!(large <= small.max(options().base as u64) * 2, "{small} bytes at 300, {large} at 6000");
}

#[test]
fn adding_one_hashes_no_more_of_a_large_index_than_of_a_small_one() {
    let hashed = |size: u16| {
        let rendered = build(&(0..size).collect::<Vec<_>>());
        let all =
            rendered.plain().0 + rendered.files().iter().map(crate::index::RenderedFile::size).sum::<u64>();
        assert_eq!(rendered.hashed(), all);
        let published = add_each(publish(&rendered, None), 10_000..10_003);
        let bytes = stanza(20_000);
        let change = Change { removed: vec![], added: vec![Stanza::parse(&bytes).unwrap()] };
        update(&published.layout, &published, &change, &options()).unwrap().hashed()
    };
    let (small, large) = (hashed(300), hashed(6000));
    // Of each of the four files and of the plain index at most what lies behind the last cold segment.
    assert!(large <= small.max(options().base as u64) * 2, "{small} bytes at 300, {large} at 6000");
}

#[test]
fn single_additions_do_not_leave_many_small_segments() {
    let published = add_each(publish(&build(&[]), None), 0..600);
    let total: u64 = published.layout.segments.iter().map(|s| s.plain).sum();
    let bound = 2 * total / options().base as u64 + 40;
    assert!((published.layout.segments() as u64) < bound, "{} segments", published.layout.segments());
}

#[test]
fn what_is_not_there_cannot_be_removed() {
    let published = publish(&build(&[1, 2, 3]), None);
    let bytes = stanza(4);
    let change = Change { removed: vec![Stanza::parse(&bytes).unwrap()], added: vec![] };
    assert!(matches!(
        update(&published.layout, &published, &change, &options()),
        Err(Error::Diverged { .. })
    ));
}

#[test]
fn damage_of_previous_files_is_noticed() {
    for nth in 0..options().encodings.len() {
        let mut published = publish(&build(&(0..50).collect::<Vec<_>>()), None);
        let encoding = published.layout.encodings[nth];
        let file = published.files.get_mut(&encoding).unwrap();
        let middle = file.len() / 2;
        file[middle] ^= 1;
        let bytes = stanza(7);
        let change = Change { removed: vec![Stanza::parse(&bytes).unwrap()], added: vec![] };
        // Where the damaged file is the one that is read, or lies behind the last mark, it is noticed at once; before a mark
        // by the code that copies it, which is told the CRC32.
        match update(&published.layout, &published, &change, &options()) {
            Err(Error::Diverged { .. }) => {}
            Err(error) => panic!("{encoding}: {error}"),
            Ok(rendered) => {
                let file = rendered.files().iter().find(|file| file.encoding() == encoding).unwrap();
                let sound = file.parts().iter().all(|part| match part {
                    Part::Bytes(_) => true,
                    Part::Previous { range, crc32 } => {
                        let old = &published.files[&encoding][range.start as usize..range.end as usize];
                        crc32fast::hash(old) == *crc32
                    }
                });
                let copies = file.parts().iter().any(
                    |part| matches!(part, Part::Previous { range, .. } if range.contains(&(middle as u64))),
                );
                assert_eq!(sound, !copies, "{encoding}");
            }
        }
    }
}

#[test]
fn damage_is_found_in_time_by_who_shares_blocks_and_copies_nothing() {
    let options = options();
    for (nth, encoding) in options.encodings.iter().enumerate() {
        let mut published = publish(&build(&(0..500).collect::<Vec<_>>()), None);
        let settled = published.layout.marks.last().unwrap().segments;
        assert!(settled >= 5, "{settled} segments");
        let place = published.layout.end_of(nth, settled / 2) as usize + 20;
        let flip = |published: &mut Published| published.files.get_mut(encoding).unwrap()[place] ^= 1;
        let found = (500..700).position(|number| {
            let bytes = stanza(number);
            let change = Change { removed: vec![], added: vec![Stanza::parse(&bytes).unwrap()] };
            flip(&mut published);
            let rendered = update(&published.layout, &published, &change, &options);
            flip(&mut published);
            match rendered {
                Err(Error::Diverged { .. }) => true,
                rendered => {
                    published = publish(&rendered.unwrap(), Some(&published));
                    false
                }
            }
        });
        assert!(found.is_some_and(|updates| updates > 0), "{encoding}: {found:?}");
    }
}

/// Sets the four bytes at `place` so that the whole has that CRC32: a CRC is linear, so 32 equations in 32 bits give them.
fn with_crc32(mut bytes: Vec<u8>, place: usize, wanted: u32) -> Vec<u8> {
    bytes[place..place + 4].fill(0);
    let start = crc32fast::hash(&bytes);
    let mut rows: Vec<(u32, u32)> = (0..32)
        .map(|bit| {
            let mut other = bytes.clone();
            other[place + bit / 8] ^= 1 << (bit % 8);
            (crc32fast::hash(&other) ^ start, 1 << bit)
        })
        .collect();
    let (mut left, mut chosen) = (wanted ^ start, 0);
    for bit in 0..32 {
        let row = rows.iter().position(|(effect, _)| effect >> bit & 1 == 1).unwrap();
        let (effect, bits) = rows.swap_remove(row);
        rows.iter_mut().filter(|(other, _)| other >> bit & 1 == 1).for_each(|(other, with)| {
            (*other, *with) = (*other ^ effect, *with ^ bits);
        });
        if left >> bit & 1 == 1 {
            (left, chosen) = (left ^ effect, chosen ^ bits);
        }
    }
    bytes[place..place + 4].copy_from_slice(&u32::to_le_bytes(chosen));
    assert_eq!((left, crc32fast::hash(&bytes)), (0, wanted));
    bytes
}

#[test]
fn a_forged_segment_with_the_right_length_and_crc_is_not_built_upon() {
    let mut published = publish(&build(&[1, 2, 3]), None);
    let honest = published.files[&Encoding::Plain].clone();
    let mut forged = honest.clone();
    let version = forged.windows(10).position(|text| text == b"Version: 2").unwrap();
    forged[version + 9] = b'9';
    let filler = forged.iter().rposition(|byte| *byte == b' ').unwrap() - 8;
    let forged = with_crc32(forged, filler, crc32fast::hash(&honest));
    assert_ne!(forged, honest);
    published.files.insert(Encoding::Plain, forged);
    let bytes = stanza(4);
    let change = Change { removed: vec![], added: vec![Stanza::parse(&bytes).unwrap()] };
    assert!(matches!(
        update(&published.layout, &published, &change, &options()),
        Err(Error::Diverged { .. })
    ));
}

#[test]
fn a_layout_of_an_older_version_is_not_built_upon() {
    let mut published = publish(&build(&[1, 2, 3]), None);
    published.layout.segments.iter_mut().for_each(|segment| segment.hashes.clear());
    let change = Change::<Stanza<'_>> { removed: vec![], added: vec![] };
    assert!(matches!(
        update(&published.layout, &published, &change, &options()),
        Err(Error::Diverged { .. })
    ));
}
