//! Rendering an index from scratch, and bringing one up to date: the second must not depend on how large the index is.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, LazyLock, Mutex};

use apt_index::index::{Builder, Change, IndexOptions, Layout, Part, PreviousFiles, Rendered, update};
use apt_index::release::{Release, ReleaseFile};
use apt_index::stanza::Stanza;
use apt_index::{Encoding, RelPath};
use benches::inputs::in_trial_or;
use benches::packages;
use deb_parse::checksum::Sha256;
use deb_parse::{Architecture, Component, SuiteName, deb822};
use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};

fn main() {
    divan::main();
}

fn sizes() -> [u64; 3] {
    in_trial_or([0, 50, 400], [1_500, 10_000, 65_000])
}

fn options() -> IndexOptions {
    let mut options = IndexOptions::new(Encoding::DEFAULT.to_vec());
    options.threads = std::thread::available_parallelism().unwrap();
    options
}

fn render(text: &str) -> Rendered {
    let options = options();
    let mut builder = Builder::new(&options);
    for stanza in deb822::paragraphs(text.as_bytes()) {
        builder.push(&Stanza::parse(stanza.as_bytes()).unwrap()).unwrap();
    }
    builder.finish().unwrap()
}

/// The files of a published index, in memory.
struct Published {
    files: HashMap<&'static str, Vec<u8>>,
    layout: Layout,
}

impl Published {
    fn new(rendered: &Rendered) -> Self {
        let bytes = |parts: &[Part]| {
            parts.iter().fold(Vec::new(), |mut all, part| {
                match part {
                    Part::Bytes(bytes) => all.extend_from_slice(bytes),
                    Part::Previous { .. } => unreachable!("there is none before the first"),
                }
                all
            })
        };
        let files = rendered.files().iter().map(|file| (file.encoding().name(), bytes(file.parts())));
        Self { files: files.collect(), layout: rendered.layout().clone() }
    }
}

impl PreviousFiles for Published {
    fn read(&self, encoding: Encoding, range: Range<u64>) -> std::io::Result<Vec<u8>> {
        let place = usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap();
        Ok(self.files[encoding.name()][place].to_vec())
    }
}

/// The published index of that many packages: made once for all benches, as the large one takes long.
fn published(size: u64) -> Arc<Published> {
    static MADE: LazyLock<Mutex<HashMap<u64, Arc<Published>>>> = LazyLock::new(Mutex::default);
    let mut made = MADE.lock().unwrap();
    let entry = made.entry(size);
    Arc::clone(entry.or_insert_with(|| Arc::new(Published::new(&render(&packages::index(size))))))
}

#[divan::bench(args = sizes(), sample_count = 3, sample_size = 1)]
fn cold(bencher: Bencher<'_, '_>, size: u64) {
    let text = packages::index(size);
    bencher.counter(BytesCount::of_str(&text)).bench_local(|| {
        let rendered = render(&text);
        assert_eq!(rendered.layout().items(), size);
        assert_eq!(rendered.plain(), (text.len() as u64, Sha256::of(text.as_bytes())));
    });
}

#[divan::bench(args = sizes())]
fn add_one(bencher: Bencher<'_, '_>, size: u64) {
    let (before, options, new) = (published(size), options(), packages::stanza(size));
    bencher.bench_local(|| {
        let change = Change { removed: vec![], added: vec![Stanza::parse(new.as_bytes()).unwrap()] };
        let rendered = update(&before.layout, &*before, &change, &options).unwrap();
        assert_eq!(rendered.layout().items(), size + 1);
    });
}

/// Taken from the middle, so that a large segment is compressed again.
#[divan::bench(args = sizes(), sample_count = 20, sample_size = 1)]
fn remove_one(bencher: Bencher<'_, '_>, size: u64) {
    let (before, options, old) = (published(size), options(), packages::stanza(size / 2));
    bencher.bench_local(|| {
        let change = Change { removed: vec![Stanza::parse(old.as_bytes()).unwrap()], added: vec![] };
        let left = update(&before.layout, &*before, &change, &options).map(|new| new.layout().items());
        assert_eq!(left.ok(), size.checked_sub(1));
    });
}

/// The Release of a suite with that many index files.
#[divan::bench(args = [10, 1000])]
fn release(bencher: Bencher<'_, '_>, files: u64) {
    let mut release = Release::new(SuiteName::parse("bookworm").unwrap(), jiff::Timestamp::UNIX_EPOCH);
    release.architectures = vec![Architecture::parse("amd64").unwrap()];
    release.components = vec![Component::parse("main").unwrap()];
    for number in 0..files {
        let path = RelPath::parse(&format!("main/binary-amd64/Packages{number}")).unwrap();
        let sha256 = Sha256::of(&number.to_le_bytes());
        release.files.insert(path, ReleaseFile { size: number, sha256 });
    }
    bencher.counter(ItemsCount::new(files)).bench_local(|| {
        let text = release.render().unwrap();
        assert_eq!(text.matches("/Packages").count() as u64, files);
    });
}
