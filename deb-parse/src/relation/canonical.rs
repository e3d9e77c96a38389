//! The canonical form of relations, for indices that every apt reads as dpkg reads the package.
//!
//! dpkg takes more forms than apt does. When a field ends in `(=1)` or `(<9)`, apt up to 2.6 refuses the whole index; when it
//! ends in `(1)`, apt 3.0 does so too. When a list in `<>` has two blanks in a row, every apt crashes, and apt up to 2.6 also
//! does when one in `[]` has.

use super::Relations;
use super::field::{Grammar, RelationField};
use crate::error::Error;
use crate::limits::Limits;

/// Rewrites the value of a relationship field that some apt cannot read, or reads differently from dpkg.
///
/// The new value has dpkg's meaning, in the form in which dpkg prints it: `(>1)` becomes `(>= 1)`, `(<9)` becomes `(<= 9)`,
/// and `(1)` becomes `(= 1)`. It is empty when the field holds no relation at all. `None` means that the value can stay as it
/// is: every apt reads it as dpkg does, or the field does not hold relations. A field of a source package that is not
/// understood also stays, unless a word of it may be longer than apt can hold: nothing but an attempt to build that package fails.
///
/// ```
/// use deb_parse::relation::canonical;
/// assert_eq!(canonical("Depends", b"a (>1), b|c(=2)")?.as_deref(), Some("a (>= 1), b | c (= 2)"));
/// assert_eq!(canonical("Depends", b"a(>= 1),b")?, None);
/// assert_eq!(canonical("Homepage", b"(1)")?, None);
/// # Ok::<(), deb_parse::Error>(())
/// ```
///
/// # Errors
/// [`Error::Value`] for a field of a binary package that dpkg refuses.
pub fn canonical(field: &str, value: &[u8]) -> Result<Option<String>, Error> {
    let Some(RelationField { grammar, .. }) = RelationField::named(field) else { return Ok(None) };
    if is_plain(value, *grammar) {
        return Ok(None);
    }
    let is_long = value.len() > LONGEST_WORD;
    let relations = std::str::from_utf8(value)
        .map_err(|_| Error::value("relation", value, "must be UTF-8"))
        // The size of the text was limited when the package was read.
        .and_then(|text| Relations::parse_as(text, *grammar, &Limits::default().with_relations(usize::MAX)));
    match relations {
        Ok(_) if is_long && reads_alike(value, *grammar) => Ok(None),
        Ok(relations) => Ok(Some(relations.to_string())),
        Err(error) if is_long || *grammar == Grammar::Binary => Err(error),
        Err(_) => Ok(None),
    }
}

/// apt keeps the lengths of words in 16 bits. It aborts on a longer one, whatever it was asked for.
const LONGEST_WORD: usize = 65_534;

/// Returns whether every apt reads a text as dpkg does, as far as a quick look tells, and none of its words is too long.
pub(crate) fn is_plain(text: &[u8], grammar: Grammar) -> bool {
    text.len() <= LONGEST_WORD && reads_alike(text, grammar)
}

/// Whether every apt reads a text as dpkg does, as far as a quick look tells.
fn reads_alike(text: &[u8], grammar: Grammar) -> bool {
    let text = text.trim_ascii_start();
    match grammar {
        // Most of all fields. Their relations have no lists.
        Grammar::Binary => relations_read_alike(text, memchr::memchr3_iter(b'(', b',', b'|', text)),
        Grammar::Source | Grammar::General => {
            let is_mark = |(_, byte): &(usize, &u8)| b"(,|[<".contains(byte);
            relations_read_alike(text, text.iter().enumerate().filter(is_mark).map(|(at, _)| at))
        }
    }
}

/// The same for the text of relations; `marks` are the places of what stands between and behind names.
fn relations_read_alike(text: &[u8], marks: impl Iterator<Item = usize>) -> bool {
    let is_separator = |byte: Option<&u8>| matches!(byte, Some(b',' | b'|'));
    if is_separator(text.first()) {
        return false;
    }
    // Where what was looked at together with a mark ends.
    let mut end = 0;
    for at in marks {
        if at < end {
            continue;
        }
        let Some((mark, behind)) = text.get(at..).and_then(<[u8]>::split_first) else { return false };
        let after = match mark {
            b'(' => after_version(behind),
            b'[' => after_list(behind, b']'),
            b'<' => after_list(behind, b'>'),
            separator => {
                let next = behind.trim_ascii_start();
                // apt 2.2 does not pass over what is missing, and no apt over what is missing behind the last `|`.
                let is_missing = is_separator(next.first()) || next.is_empty() && *separator == b'|';
                (!is_missing).then_some(behind)
            }
        };
        match after {
            Some(after) => end = text.len() - after.len(),
            None => return false,
        }
    }
    true
}

/// What follows the closing parenthesis; `None` when apt may not read what stands before it.
fn after_version(text: &[u8]) -> Option<&[u8]> {
    let version = match text.trim_ascii_start() {
        [b'<', b'<' | b'=', version @ ..] | [b'>', b'>' | b'=', version @ ..] => version,
        // At the end of a field, apt wants four bytes behind the opening parenthesis.
        [b'=', b')', ..] | [b'=', _, b')', ..] => return None,
        [b'=', version @ ..] => version,
        // An operator that dpkg calls obsolete, or none.
        _ => return None,
    };
    version.get(memchr::memchr(b')', version)? + 1..)
}

/// What follows a list that ends with `close`; `None` when apt may crash on it or misread it.
fn after_list(text: &[u8], close: u8) -> Option<&[u8]> {
    let (list, rest) = text.split_at_checked(memchr::memchr(close, text)?)?;
    let has_stray_blank = list.trim_ascii().len() != list.len()
        || list.windows(2).any(|pair| pair.iter().all(u8::is_ascii_whitespace));
    if has_stray_blank { None } else { rest.get(1..) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mended(field: &str, value: &str) -> String {
        match canonical(field, value.as_bytes()) {
            Ok(None) => "as it is".to_owned(),
            Ok(Some(text)) => text,
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn what_an_apt_cannot_read_is_written_as_dpkg_prints_it() {
        let cases = [
            ("Depends", "foo (=1)", "foo (= 1)"),
            ("Depends", "foo(>1)", "foo (>= 1)"),
            ("Pre-Depends", "foo (<9)", "foo (<= 9)"),
            ("recommends", "foo (1)", "foo (= 1)"),
            ("Suggests", "foo (12)", "foo (= 12)"),
            ("Enhances", "foo ( 1:2-3 )", "foo (= 1:2-3)"),
            ("Provides", "a(=1)\t,\n b", "a (= 1), b"),
            ("Breaks", "a (>1), b", "a (>= 1), b"),
            ("Depends", "a:any (=1)", "a:any (= 1)"),
            ("Built-Using", "a (=1)", "a (= 1)"),
            ("Build-Depends", "a,,b", "a, b"),
            ("Build-Depends", ", a", "a"),
            ("Build-Depends", ",", ""),
            ("Build-Depends", "a |", "a"),
            ("Build-Depends", "a | , b (>= git1)", "a, b (>= git1)"),
            ("Build-Depends", "a [i386  amd64]", "a [i386 amd64]"),
            ("Build-Depends-Arch", "a [i386\n amd64] <!x>", "a [i386 amd64] <!x>"),
            ("Build-Depends-Indep", "a < !nocheck >", "a <!nocheck>"),
            ("Build-Conflicts", "a <!pkg.b.c_d  !e>", "a <!pkg.b.c_d !e>"),
        ];
        for (field, value, wanted) in cases {
            assert_eq!(mended(field, value), wanted, "{field}: {value}");
            assert_eq!(mended(field, wanted), "as it is", "{wanted}");
        }
    }

    #[test]
    fn what_every_apt_reads_stays_as_it_is() {
        for (field, value) in [
            ("Depends", "foo (= 1)"),
            ("Depends", "foo(=12)|bar ( >>1 ),\n baz:any (<<\t2)"),
            ("Build-Depends", "a,"),
            ("Build-Depends", "\n a,\n b [linux-any !arm64]<!nocheck><stage1 cross>,\n"),
            ("Description", "a (1)"),
            ("Build-Depends", "no | | sense (=1)"),
        ] {
            assert_eq!(mended(field, value), "as it is", "{field}: {value}");
        }
    }

    #[test]
    fn words_that_apt_cannot_hold_are_errors_and_long_fields_are_not() {
        for field in ["Depends", "Provides", "Build-Depends", "Built-Using"] {
            let long = format!("a, foo:{}", "q".repeat(70_000));
            assert!(canonical(field, long.as_bytes()).is_err(), "{field}");
            let many = vec!["some-package (>= 1.0)"; 9000].join(", ");
            assert_eq!(mended(field, &many), "as it is", "{field}");
        }
    }

    #[test]
    fn what_dpkg_refuses_is_an_error() {
        insta::assert_snapshot!(mended("Depends", "a, b (=1"), @r#"relation "1": the `)` after a version is missing"#);
        insta::assert_snapshot!(mended("Depends", "a,, b"), @r#"relation ", b": a relation must start with a package name (Policy 7.1)"#);
    }
}
