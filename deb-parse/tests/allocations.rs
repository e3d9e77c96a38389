//! The hot path allocates nothing: counted by the allocator, which is why this is a binary of its own.
#![allow(clippy::unwrap_used)]

use deb_parse::{Limits, deb822, relation, version};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn count(work: impl FnOnce()) -> usize {
    let region = Region::new(ALLOCATOR);
    work();
    region.change().allocations + region.change().reallocations
}

/// 60 MB of stanzas that look like those of Debian.
fn packages() -> Vec<u8> {
    let mut text = Vec::with_capacity(61 << 20);
    let mut number = 0;
    while text.len() < 60_000_000 {
        let stanza = format!(
            "Package: package-{number}\nSource: source-{number} (1.{number})\nVersion: 1.{number}-1+b1\nInstalled-Size: {number}\n\
             Maintainer: Some Body <somebody@example.org>\nArchitecture: amd64\nDepends: libc6 (>= 2.36), libfoo{number} (= 1.{number}-1) | libbar\n\
             Description: package of number {number}\n A text of two lines,\n which goes on.\nHomepage: https://example.org/{number}\n\
             Section: misc\nPriority: optional\nFilename: pool/main/p/package-{number}/package-{number}_1.{number}-1+b1_amd64.deb\n\
             Size: {number}\nSHA256: {number:064}\n\n"
        );
        text.extend_from_slice(stanza.as_bytes());
        number += 1;
    }
    text
}

// One test: others at the same time would be counted too.
#[test]
fn reading_allocates_no_more_for_more_text() {
    let text = packages();
    let mut stanzas = 0;
    let allocations = count(|| {
        for paragraph in deb822::paragraphs(&text) {
            let values = paragraph.get_many(["Package", "Version", "Architecture", "Filename", "SHA256"]);
            assert!(values.iter().all(Option::is_some));
            stanzas += 1;
        }
    });
    assert!(stanzas > 80_000);
    assert!(allocations <= 1, "{allocations} allocations for {stanzas} stanzas");

    let mut fields = 0;
    let allocations = count(|| {
        for paragraph in deb822::paragraphs(&text) {
            for field in paragraph.fields() {
                fields += usize::from(!field.name().is_empty() && !field.value().is_empty());
            }
            for relation in relation::iter(paragraph.get_str("depends").unwrap()) {
                fields += relation.unwrap().name().len();
            }
            assert!(version::compare(paragraph.get_str("VERSION").unwrap(), "1.0").is_ge());
        }
    });
    assert!(fields > 1_000_000);
    assert!(allocations <= 1, "{allocations} allocations for {fields} fields");

    let limits = Limits::default();
    let mut found = 0;
    let allocations = count(|| found = deb822::parse(&text, &limits).unwrap().len());
    assert_eq!(found, stanzas);
    assert!(allocations < 100, "{allocations} allocations of the strict reader");
}
