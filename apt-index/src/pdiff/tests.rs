//! The law: whatever was added and removed since, each patch leads from its state to the present one.

use std::collections::BTreeMap;
use std::io::Read as _;

use proptest::prelude::*;

use super::*;
use crate::index::{Builder, IndexOptions, Part, Rendered};
use crate::stanza::Stanza;
use crate::update::{Change, update};

struct Files(BTreeMap<Encoding, Vec<u8>>);

impl PreviousFiles for Files {
    fn read(&self, encoding: Encoding, range: Range<u64>) -> std::io::Result<Vec<u8>> {
        Ok(self.0[&encoding][range.start as usize..range.end as usize].to_vec())
    }
}

fn options() -> IndexOptions {
    let mut options = IndexOptions::new(vec![Encoding::Plain]);
    (options.base, options.tail) = (1500, 200);
    options
}

fn stanza(number: u16) -> Stanza<'static> {
    let filler = "x\n .\n ".repeat(usize::from(number % 4));
    let text = format!("Package: p{number:04}\nVersion: {number}\nDescription: {filler}x\n");
    Stanza::parse(text.as_bytes()).unwrap().into_owned()
}

fn written(rendered: &Rendered, before: Option<&Files>) -> Files {
    let mut bytes = Vec::new();
    for part in rendered.files()[0].parts() {
        match part {
            Part::Bytes(new) => bytes.extend_from_slice(new),
            Part::Previous { range, .. } => {
                bytes.extend(before.unwrap().read(Encoding::Plain, range.clone()).unwrap());
            }
        }
    }
    Files(BTreeMap::from([(Encoding::Plain, bytes)]))
}

/// What `ed` makes of a text.
fn patched(text: &[u8], script: &[u8]) -> Vec<u8> {
    let mut lines: Vec<&[u8]> = text.split_inclusive(|byte| *byte == b'\n').collect();
    let mut script = script.split_inclusive(|byte| *byte == b'\n');
    let mut last = usize::MAX;
    while let Some(command) = script.next() {
        let command = std::str::from_utf8(command).unwrap().trim_end();
        let (place, verb) = command.split_at(command.len() - 1);
        let (start, end) = place.split_once(',').unwrap_or((place, place));
        let (start, end): (usize, usize) = (start.parse().unwrap(), end.parse().unwrap());
        assert!(end <= last, "apt wants the last line first");
        last = start;
        match verb {
            "a" => drop(lines.splice(start..start, script.by_ref().take_while(|line| *line != b".\n"))),
            "d" => drop(lines.drain(start - 1..end)),
            other => panic!("{other}"),
        }
    }
    lines.concat()
}

fn plain(rendered: &Rendered) -> ReleaseFile {
    let (size, sha256) = rendered.plain();
    ReleaseFile { size, sha256 }
}

fn digest(bytes: &[u8]) -> String {
    of(&described(bytes))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_patch_leads_from_any_earlier_state_to_the_present_one(
        start in 40_u16..80,
        steps in prop::collection::vec((0_u16..5, prop::collection::vec(any::<prop::sample::Index>(), 0..4)), 1..9),
    ) {
        let mut present: Vec<u16> = (0..start).collect();
        let mut next = start;
        let mut builder = Builder::new(&options());
        present.iter().try_for_each(|number| builder.push(&stanza(*number))).unwrap();
        let mut rendered = builder.finish().unwrap();
        let mut files = written(&rendered, None);
        let mut history = PatchHistory::default();
        let mut states = Vec::new();
        for (step, (added, removed)) in steps.into_iter().enumerate() {
            let mut gone: Vec<u16> = removed.iter().map(|nth| present[nth.index(present.len())]).collect();
            gone.sort_unstable();
            gone.dedup();
            present.retain(|number| !gone.contains(number));
            let new = next..next + added;
            present.extend(new.clone());
            next += added;
            let change = Change {
                removed: gone.iter().map(|number| stanza(*number)).collect(),
                added: new.map(stanza).collect(),
            };
            let updated = update(rendered.layout(), &files, &change, &options()).unwrap();
            let id = format!("s{step}");
            let before = (id.as_str(), plain(&rendered), rendered.layout());
            let after = (updated.layout(), updated.removed_lines().unwrap());
            history = history.advance(before, after, 5);
            let lines = history.to_lines();
            prop_assert_eq!(PatchHistory::parse(lines.iter().map(String::as_str)), Some(history.clone()));
            states.push((id, files.0[&Encoding::Plain].clone()));
            files = written(&updated, Some(&files));
            rendered = updated;

            let now = &files.0[&Encoding::Plain];
            let patches = history.patches("now", plain(&rendered), rendered.layout(), &files).unwrap();
            prop_assert_eq!(patches.is_none(), states.iter().all(|(_, old)| old == now));
            let Some(patches) = patches else { continue };
            let index = String::from_utf8(patches.index).unwrap();
            prop_assert!(index.contains(&digest(now)));
            prop_assert!(patches.patches.len() <= 5);
            for (name, packed) in patches.patches {
                let mut script = Vec::new();
                flate2::read::GzDecoder::new(packed.as_slice()).read_to_end(&mut script).unwrap();
                let id = name.strip_prefix("T-now-F-").unwrap().strip_suffix(".gz").unwrap();
                let old = &states.iter().find(|(state, _)| state == id).unwrap().1;
                prop_assert_eq!(&patched(old, &script), now);
                let plain_name = name.trim_end_matches(".gz");
                for listed in [format!("{} {plain_name}\n", digest(old)), format!("{} {plain_name}\n", digest(&script)),
                    format!("{} {name}\n", digest(&packed))] {
                    prop_assert!(index.contains(&listed), "{}", listed);
                }
            }
        }
    }
}

#[test]
fn a_state_of_which_little_is_left_is_forgotten() {
    let index = |numbers: Range<u16>| {
        let mut builder = Builder::new(&options());
        numbers.for_each(|number| builder.push(&stanza(number)).unwrap());
        builder.finish().unwrap()
    };
    let (old, small, large) = (index(0..20), index(0..30), index(0..60));
    let advance = |new: &Rendered| {
        PatchHistory::default().advance(("a", plain(&old), old.layout()), (new.layout(), &[]), 5)
    };
    assert!(!advance(&small).is_empty());
    assert!(advance(&large).is_empty());
}

#[test]
fn a_broken_record_is_refused() {
    let digest = "0".repeat(64);
    for bad in [
        "",
        "a",
        "a/b 1 0 1",
        "a 1 x 1",
        "../a 1 {} 1",
        "a 1 {} 5 3-2",
        "a 1 {} 5 1-3 2-4",
        "a 1 {} 5 4-6",
        "a 1 {} 5 2-2",
    ] {
        let line = bad.replace("{}", &digest);
        assert_eq!(PatchHistory::parse([line.as_str()].into_iter()), None, "{line}");
    }
}
