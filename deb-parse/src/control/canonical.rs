//! A quick look at a paragraph: whether an index can list it as it is.

use crate::deb822::{LineStarts, Paragraph, has_name};
use crate::relation::{FIELDS, is_plain};

/// Whether all fields of a paragraph are in the form that every apt reads, as far as a quick look tells.
///
/// If it is, no field is without a value, relations are [canonical](crate::relation::canonical), `Multi-Arch` is in lower case,
/// and a version in `Source` stands behind one blank. Another paragraph may still have nothing to change.
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
        if matches!(end, Some(b':' | b' ' | b'\t')) || !field_looks_canonical(paragraph, line) {
            return false;
        }
        field = start;
    }
    true
}

/// Returns whether an index must leave a field of a paragraph out: some apt misreads it, and dpkg gives it no meaning.
///
/// - `Description-de` and the like beside a `Description`: every apt crashes when one stands before it. Translations belong into
///   indices of their own.
/// - `Description-md5` before `Description`, which makes apt crash too, or with anything but an MD5: apt up to 2.6 refuses the
///   whole index.
/// - `Phased-Update-Percentage` with anything but a number up to 100: apt takes `50x` for 50 and other words for 0, which keeps the
///   package from every machine that heeds the field, or warns at each command.
///
/// ```
/// use deb_parse::{control::is_left_out, deb822};
/// let text = b"Package: a\nDescription-de: kurz\nDescription: short\nPhased-Update-Percentage: 10\n";
/// let paragraph = deb822::paragraphs(text).next().unwrap();
/// let left_out = paragraph.fields().filter(|field| is_left_out(paragraph, field.name().as_bytes(), field.value()));
/// assert_eq!(left_out.map(|field| field.name()).collect::<Vec<_>>(), ["Description-de"]);
/// ```
pub fn is_left_out(paragraph: Paragraph<'_>, name: &[u8], value: &[u8]) -> bool {
    match name.split_at_checked(DESCRIPTION.len()) {
        Some((start, kind)) if start.eq_ignore_ascii_case(DESCRIPTION) => {
            if kind.eq_ignore_ascii_case(b"md5") {
                let is_md5 = value.len() == 32 && value.iter().all(u8::is_ascii_hexdigit);
                let mut fields = paragraph.fields().skip_while(|field| !field.has_name("Description-md5"));
                !is_md5 || fields.any(|field| field.has_name("Description"))
            } else {
                paragraph.get("Description").is_some()
            }
        }
        _ => name.eq_ignore_ascii_case(b"Phased-Update-Percentage") && !is_percentage(value),
    }
}

/// What the names of fields with descriptions in another form or language start with.
const DESCRIPTION: &[u8] = b"Description-";

fn is_percentage(value: &[u8]) -> bool {
    let digits =
        std::str::from_utf8(value).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    digits.and_then(|text| text.parse::<u8>().ok()).is_some_and(|number| number <= 100)
}

/// The same for one field and its name.
fn field_looks_canonical(paragraph: Paragraph<'_>, field: &[u8]) -> bool {
    let Some([first, second]) = field.first_chunk().map(|start| start.map(|c| c | 0x20)) else { return true };
    let value = |name: &str| field.get(name.len() + 1..).unwrap_or_default();
    if matches!(&[first, second], b"de" | b"ph") {
        let colon = memchr::memchr(b':', field).unwrap_or(field.len());
        let (name, value) =
            (field.get(..colon).unwrap_or_default(), field.get(colon + 1..).unwrap_or_default());
        if is_left_out(paragraph, name, value.trim_ascii()) {
            return false;
        }
    }
    match &[first, second] {
        b"mu" if has_name(field, MULTI_ARCH) => !value(MULTI_ARCH).iter().any(u8::is_ascii_uppercase),
        b"so" if has_name(field, SOURCE) => version_looks_canonical(value(SOURCE)),
        // The two letters that the names of fields with relations start with.
        b"de" | b"pr" | b"re" | b"su" | b"en" | b"br" | b"co" | b"bu" | b"st" => {
            let known = FIELDS.iter().find(|known| has_name(field, known.name));
            known.is_none_or(|known| is_plain(value(known.name).trim_ascii(), known.grammar))
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
            let text = format!("{}: a (1)\n", field.name);
            let paragraph = crate::deb822::paragraphs(text.as_bytes()).next().unwrap();
            assert!(!looks_canonical(paragraph), "{}", field.name);
        }
    }
}
