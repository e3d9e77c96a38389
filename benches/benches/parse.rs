//! Reading, beside the limit: one pass of `memchr` over the same bytes.

#![allow(clippy::unwrap_used)]

#[cfg(feature = "codspeed")]
extern crate codspeed_divan_compat as divan;

use std::hint::black_box;
use std::sync::LazyLock;

use benches::inputs::{ARCHIVES, INDEX};
use deb_parse::deb::{Data, Options};
use deb_parse::deb822::{self, Paragraph};
use deb_parse::{Limits, VersionRef, deb, relation, version};
use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};

fn main() {
    divan::main();
}

/// Counted by the plainest means at hand.
static STANZAS: LazyLock<usize> =
    LazyLock::new(|| INDEX.lines().filter(|line| line.starts_with("Package:")).count());

static VERSIONS: LazyLock<Vec<&'static str>> =
    LazyLock::new(|| INDEX.lines().filter_map(|line| line.strip_prefix("Version: ")).collect());

const RELATIONS: [&str; 9] = [
    "Depends",
    "Pre-Depends",
    "Recommends",
    "Suggests",
    "Enhances",
    "Breaks",
    "Conflicts",
    "Replaces",
    "Provides",
];

static RELATION_FIELDS: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    let fields = deb822::paragraphs(INDEX.as_bytes()).flat_map(|stanza| stanza.fields());
    fields.filter(|field| RELATIONS.contains(&field.name())).filter_map(|f| f.value_str()).collect()
});

const FIVE: [&str; 5] = ["Package", "Version", "Architecture", "Filename", "SHA256"];

fn over_index(bencher: Bencher<'_, '_>, mut work: impl FnMut(&'static [u8]) -> usize) {
    let (text, expected) = (INDEX.as_bytes(), *STANZAS);
    bencher.counter(BytesCount::of_slice(text)).bench_local(|| assert_eq!(work(black_box(text)), expected));
}

fn over_versions(bencher: Bencher<'_, '_>, mut compare: impl FnMut(&str, &str) -> std::cmp::Ordering) {
    let versions = &*VERSIONS;
    let (mut less, mut greater) = (0, 0);
    for (a, b) in versions.iter().zip(versions.iter().skip(1)) {
        let order = VersionRef::parse(a).unwrap().cmp(&VersionRef::parse(b).unwrap());
        less += usize::from(order.is_lt());
        greater += usize::from(order.is_gt());
    }
    bencher.counter(ItemsCount::new(versions.len() - 1)).bench_local(|| {
        let (mut lower, mut higher) = (0, 0);
        for (a, b) in versions.iter().zip(versions.iter().skip(1)) {
            let order = compare(black_box(a), black_box(b));
            lower += usize::from(order.is_lt());
            higher += usize::from(order.is_gt());
        }
        assert_eq!((lower, higher), (less, greater));
    });
}

fn over_archives(bencher: Bencher<'_, '_>, mut work: impl FnMut(&[u8]) -> deb_parse::checksum::Sha256) {
    let expected: Vec<_> = ARCHIVES.iter().map(|bytes| deb_parse::checksum::Sha256::of(bytes)).collect();
    bencher.counter(BytesCount::new(ARCHIVES.iter().map(Vec::len).sum::<usize>())).bench_local(|| {
        for (bytes, expected) in ARCHIVES.iter().zip(&expected) {
            assert_eq!(work(bytes), *expected);
        }
    });
}

#[divan::bench]
fn limit_newlines(bencher: Bencher<'_, '_>) {
    let (text, expected) = (INDEX.as_bytes(), INDEX.lines().count());
    bencher
        .counter(BytesCount::of_slice(text))
        .bench_local(|| assert_eq!(memchr::memchr_iter(b'\n', black_box(text)).count(), expected));
}

#[divan::bench]
fn limit_blank_lines(bencher: Bencher<'_, '_>) {
    let finder = memchr::memmem::Finder::new(b"\n\n");
    over_index(bencher, |text| finder.find_iter(text).count() + usize::from(!text.ends_with(b"\n\n")));
}

#[divan::bench]
fn iterate(bencher: Bencher<'_, '_>) {
    over_index(bencher, |text| deb822::paragraphs(text).map(black_box).count());
}

#[divan::bench]
fn five_fields(bencher: Bencher<'_, '_>) {
    let complete = |stanza: &Paragraph<'_>| black_box(stanza.get_many(FIVE)).iter().all(Option::is_some);
    over_index(bencher, |text| deb822::paragraphs(text).filter(complete).count());
}

#[divan::bench]
fn strict(bencher: Bencher<'_, '_>) {
    let limits = Limits::default();
    over_index(bencher, |text| deb822::parse(text, &limits).unwrap().len());
}

/// Bounded memory, from a reader.
#[divan::bench]
fn stream(bencher: Bencher<'_, '_>) {
    let limits = Limits::default();
    over_index(bencher, |text| {
        let (mut reader, mut count) = (deb822::Reader::new(text, &limits), 0);
        while reader.next().unwrap().is_some() {
            count += 1;
        }
        count
    });
}

/// Every relation field of the index, borrowed.
#[divan::bench]
fn relations(bencher: Bencher<'_, '_>) {
    let fields = &*RELATION_FIELDS;
    let expected: usize = fields.iter().map(|value| value.split([',', '|']).count()).sum();
    bencher.counter(ItemsCount::new(fields.len())).bench_local(|| {
        let count: usize = fields
            .iter()
            .map(|value| relation::iter(black_box(value)).inspect(|one| assert!(one.is_ok())).count())
            .sum();
        assert_eq!(count, expected);
    });
}

#[divan::bench]
fn limit_versions_as_bytes(bencher: Bencher<'_, '_>) {
    let versions = &*VERSIONS;
    bencher.counter(ItemsCount::new(versions.len() - 1)).bench_local(|| {
        versions.iter().zip(versions.iter().skip(1)).filter(|(a, b)| black_box(a) < black_box(b)).count()
    });
}

#[divan::bench]
fn compare_versions(bencher: Bencher<'_, '_>) {
    over_versions(bencher, version::compare);
}

fn over_sorting(bencher: Bencher<'_, '_>, sort: impl Fn(&mut Vec<&'static str>)) {
    bencher.counter(ItemsCount::new(VERSIONS.len())).with_inputs(|| VERSIONS.clone()).bench_local_values(
        |mut versions| {
            sort(&mut versions);
            versions
        },
    );
    let mut versions = VERSIONS.clone();
    sort(&mut versions);
    assert!(versions.is_sorted_by(|a, b| version::compare(a, b).is_le()));
}

#[divan::bench]
fn sort_versions(bencher: Bencher<'_, '_>) {
    over_sorting(bencher, |versions| version::sort_by(versions, |text| text));
}

#[divan::bench]
fn sort_versions_by_compare(bencher: Bencher<'_, '_>) {
    over_sorting(bencher, |versions| versions.sort_by(|a, b| version::compare(a, b)));
}

/// What reading a package costs at the least: both its checksums.
#[divan::bench]
fn limit_hashes(bencher: Bencher<'_, '_>) {
    over_archives(bencher, |bytes| {
        black_box(blake3::hash(bytes));
        deb_parse::checksum::Sha256::of(bytes)
    });
}

#[divan::bench]
fn deb_control_and_hashes(bencher: Bencher<'_, '_>) {
    let options = Options { data: Data::Skip, ..Options::default() };
    over_archives(bencher, |bytes| deb::read(bytes, &options).unwrap().sha256);
}

#[divan::bench]
fn deb_with_file_list(bencher: Bencher<'_, '_>) {
    let options = Options::default();
    over_archives(bencher, |bytes| {
        let package = deb::read(bytes, &options).unwrap();
        assert!(package.files.is_some());
        package.sha256
    });
}

/// The same work by other crates. They are built with `--features peers`.
#[cfg(feature = "peers")]
mod peers {
    use std::hint::black_box;
    use std::str::FromStr as _;

    use benches::inputs::INDEX;
    use divan::Bencher;
    use divan::counter::{BytesCount, ItemsCount};

    use super::{FIVE, STANZAS, VERSIONS, over_versions};

    fn over_index(bencher: Bencher<'_, '_>, mut work: impl FnMut(&'static str) -> usize) {
        let (text, expected) = (INDEX.as_str(), *STANZAS);
        bencher.counter(BytesCount::of_str(text)).bench_local(|| assert_eq!(work(black_box(text)), expected));
    }

    #[divan::bench]
    fn iterate_deb822_fast(bencher: Bencher<'_, '_>) {
        over_index(bencher, |text| {
            deb822_fast::borrowed::iter_paragraphs_borrowed(text).filter(|stanza| stanza.is_ok()).count()
        });
    }

    #[divan::bench]
    fn five_fields_deb822_fast(bencher: Bencher<'_, '_>) {
        over_index(bencher, |text| {
            deb822_fast::borrowed::iter_paragraphs_borrowed(text)
                .map(Result::unwrap)
                .filter(|stanza| FIVE.iter().all(|field| black_box(stanza.get_single(field)).is_some()))
                .count()
        });
    }

    #[divan::bench(sample_count = 5, sample_size = 1)]
    fn iterate_deb822_lossless(bencher: Bencher<'_, '_>) {
        over_index(bencher, |text| deb822_lossless::Deb822::from_str(text).unwrap().paragraphs().count());
    }

    #[divan::bench]
    fn compare_versions_deb_version(bencher: Bencher<'_, '_>) {
        over_versions(bencher, deb_version::compare_versions);
    }

    /// From text, as it has no comparison without parsing.
    #[divan::bench]
    fn compare_versions_debversion(bencher: Bencher<'_, '_>) {
        let parse = |text: &str| debversion::Version::from_str(text).unwrap();
        over_versions(bencher, |a, b| parse(a).cmp(&parse(b)));
    }

    #[divan::bench]
    fn sort_versions_debversion(bencher: Bencher<'_, '_>) {
        bencher.counter(ItemsCount::new(VERSIONS.len())).bench_local(|| {
            let mut versions: Vec<debversion::Version> =
                VERSIONS.iter().map(|text| text.parse().unwrap()).collect();
            versions.sort();
            versions
        });
    }
}
