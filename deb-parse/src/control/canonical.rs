//! A quick look at a paragraph: whether an index can list it as it is.

use crate::deb822::{LineStarts, Paragraph, has_name};
use crate::relation::{FIELDS, reads_alike};

/// Whether all fields of a paragraph are in the form that every apt reads, as far as a quick look tells.
///
/// If it is, no field is without a value, relations are [canonical](crate::relation::canonical), `Multi-Arch` is in lower case,
/// and a version in `Source` stands behind one blank. A paragraph for which it is not may still have nothing to change.
///
/// ```
/// use deb_parse::{control::looks_canonical, deb822};
/// let looks = |text| deb822::paragraphs(text).next().map(looks_canonical);
/// assert_eq!(looks(b"Package: a\nDepends: b (>= 1)\nMulti-Arch: same\n"), Some(true));
/// assert_eq!(looks(b"Package: a\nDepends: b (1)\n"), Some(false));
/// assert_eq!(looks(b"Package: a\nProvides:\n"), Some(false));
/// ```
pub fn looks_canonical(paragraph: Paragraph<'_>) -> bool {
    let text = paragraph.as_bytes();
    // Where the current field starts, if it is one of those to look at.
    let mut field = 0;
    for start in LineStarts::new(text).chain([text.len()]) {
        if matches!(text.get(start), Some(b' ' | b'\t' | b'#')) {
            continue;
        }
        // A field without a value ends in its colon, or in blanks.
        let line = text.get(field..start).unwrap_or_default();
        let end = line.strip_suffix(b"\n").unwrap_or(line).last();
        if matches!(end, Some(b':' | b' ' | b'\t')) || !field_looks_canonical(line) {
            return false;
        }
        field = start;
    }
    true
}

/// The same for one field and its name.
fn field_looks_canonical(field: &[u8]) -> bool {
    let Some([first, second]) = field.first_chunk().map(|start| start.map(|c| c | 0x20)) else { return true };
    let value = |name: &str| field.get(name.len() + 1..).unwrap_or_default();
    match &[first, second] {
        b"mu" if has_name(field, MULTI_ARCH) => !value(MULTI_ARCH).iter().any(u8::is_ascii_uppercase),
        b"so" if has_name(field, SOURCE) => version_looks_canonical(value(SOURCE)),
        // The two letters that the names of fields with relations start with.
        b"de" | b"pr" | b"re" | b"su" | b"en" | b"br" | b"co" | b"bu" | b"st" => {
            let known = FIELDS.iter().find(|known| has_name(field, known.name));
            known.is_none_or(|known| reads_alike(value(known.name).trim_ascii(), known.grammar))
        }
        _ => true,
    }
}

const MULTI_ARCH: &str = "Multi-Arch";
const SOURCE: &str = "Source";

/// Whether a value of `Source` is `name` or `name (version)`.
fn version_looks_canonical(value: &[u8]) -> bool {
    let Some(open) = memchr::memchr(b'(', value) else { return true };
    let (before, behind) = (value.get(..open).unwrap_or_default(), value.get(open + 1..).unwrap_or_default());
    before.ends_with(b" ")
        && !before.ends_with(b"  ")
        && !behind.trim_ascii_end().iter().any(u8::is_ascii_whitespace)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_with_relations_is_looked_at() {
        for field in &FIELDS {
            assert!(!field_looks_canonical(format!("{}: a (1)\n", field.name).as_bytes()), "{}", field.name);
        }
    }
}
