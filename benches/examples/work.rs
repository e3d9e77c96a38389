//! One piece of work, many times: `work NAME FILE TIMES`. `count` and `compare` run it.
//!
//! FILE is a Packages file; for `deb` it is a package.

#![allow(clippy::unwrap_used)]

use std::hint::black_box;

use apt_index::Encoding;
use apt_index::index::{Builder, IndexOptions};
use apt_index::stanza::Stanza;
use deb_parse::{Limits, deb, deb822, relation, version};

const FIVE: [&str; 5] = ["Package", "Version", "Architecture", "Filename", "SHA256"];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name, file, times] = arguments.as_slice() else {
        return Err("usage: work NAME FILE TIMES".into());
    };
    let bytes = std::fs::read(file)?;
    for _ in 0..times.parse::<u32>()? {
        black_box(work(name, black_box(&bytes))?);
    }
    Ok(())
}

fn work(name: &str, bytes: &[u8]) -> Result<usize, Box<dyn std::error::Error>> {
    let limits = Limits::default();
    let field = |name: &'static str| deb822::paragraphs(bytes).filter_map(move |stanza| stanza.get_str(name));
    Ok(match name {
        "newlines" => memchr::memchr_iter(b'\n', bytes).count(),
        "iterate" => deb822::paragraphs(bytes).map(black_box).count(),
        "five-fields" => deb822::paragraphs(bytes)
            .map(|stanza| black_box(stanza.get_many(FIVE)).iter().flatten().count())
            .sum(),
        "strict" => deb822::parse(bytes, &limits)?.len(),
        "stanzas" => {
            let stanzas = deb822::paragraphs(bytes).map(|stanza| Stanza::parse(stanza.as_bytes()));
            stanzas.map(|stanza| stanza.map(black_box)).collect::<Result<Vec<_>, _>>()?.len()
        }
        "canonical" => {
            let stanzas =
                deb822::paragraphs(bytes).map(|stanza| Stanza::parse(stanza.as_bytes())?.canonical());
            stanzas.map(|stanza| stanza.map(black_box)).collect::<Result<Vec<_>, _>>()?.len()
        }
        "relations" => field("Depends").flat_map(relation::iter).map(black_box).count(),
        "sort-versions" => {
            let mut versions: Vec<&str> = field("Version").collect();
            version::sort_by(&mut versions, |text| text);
            black_box(versions).len()
        }
        "deb" => deb::read(bytes, &deb::Options::default())?.files.unwrap().len(),
        "render" => {
            let mut index = Builder::new(&IndexOptions::new(Encoding::DEFAULT.to_vec()));
            for stanza in deb822::paragraphs(bytes) {
                index.push(&Stanza::parse(stanza.as_bytes())?)?;
            }
            index.finish()?.files().len()
        }
        _ => return Err(format!("no work is named {name}").into()),
    })
}
