//! The one JSON document that a command prints under `--json`.

use std::io;

use serde::Serialize;
use serde_json::Serializer;
use serde_json::ser::Formatter;

use super::Warning;
use super::escape::is_hostile;
use crate::error::Report;

/// The number of the JSON form. Fields may be added to it; none is removed or changes its meaning.
const FORMAT: u32 = 1;

/// Writes JSON in one line that a terminal can show as it is: control and bidirectional characters are escaped.
struct SafeFormatter;

impl Formatter for SafeFormatter {
    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut rest = fragment;
        while let Some(place) = rest.find(is_hostile) {
            let (plain, hostile) = rest.split_at(place);
            writer.write_all(plain.as_bytes())?;
            let mut characters = hostile.chars();
            if let Some(c) = characters.next() {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    write!(writer, "\\u{unit:04x}")?;
                }
            }
            rest = characters.as_str();
        }
        writer.write_all(rest.as_bytes())
    }
}

/// Serializes a value as JSON in one line.
fn to_vec(value: &impl Serialize) -> serde_json::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    value.serialize(&mut Serializer::with_formatter(&mut bytes, SafeFormatter))?;
    Ok(bytes)
}

#[derive(Serialize)]
struct Content<'a, T: Serialize> {
    format: u32,
    #[serde(flatten)]
    content: &'a T,
}

#[derive(Serialize)]
struct Empty {}

#[derive(Serialize)]
struct Failed<'a> {
    ok: bool,
    error: &'a Report,
    /// All of them, where there are several.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [Report],
}

#[derive(Serialize)]
struct Warned<'a> {
    warnings: &'a [Warning],
}

/// The document as far as it is known.
pub(super) enum Document {
    /// The content, as JSON text. Failures of the rest of the command may be added.
    Pending(Vec<u8>),
    /// Written: the command goes on and has no other result.
    Printed,
}

impl Document {
    /// Makes a document of the result of a command, whose form is an object.
    pub(super) fn of(content: &impl Serialize) -> serde_json::Result<Self> {
        to_vec(&Content { format: FORMAT, content }).map(Self::Pending)
    }

    /// Makes the document of a command that has no result.
    pub(super) fn empty() -> serde_json::Result<Self> {
        Self::of(&Empty {})
    }

    /// Takes another document for this one, unless this one is printed.
    pub(super) fn replace_by(&mut self, other: Self) {
        if matches!(self, Self::Pending(_)) {
            *self = other;
        }
    }

    /// Returns the text, with the failures and warnings if there are any, and counts as printed from then on. `None` if it did already.
    pub(super) fn take(
        &mut self,
        failures: &[Report],
        warnings: &[Warning],
    ) -> serde_json::Result<Option<Vec<u8>>> {
        let Self::Pending(mut bytes) = std::mem::replace(self, Self::Printed) else { return Ok(None) };
        if !warnings.is_empty() {
            append(&mut bytes, &Warned { warnings })?;
        }
        if let Some(error) = failures.first() {
            let errors = if failures.len() > 1 { failures } else { &[] };
            append(&mut bytes, &Failed { ok: false, error, errors })?;
        }
        Ok(Some(bytes))
    }
}

/// Adds fields to an object that is not empty.
fn append(object: &mut Vec<u8>, fields: &impl Serialize) -> serde_json::Result<()> {
    let fields = to_vec(fields)?;
    object.pop();
    object.push(b',');
    object.extend(fields.get(1..).unwrap_or_default());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn text(content: &Value, failures: &[Report]) -> String {
        let bytes = Document::of(content).unwrap().take(failures, &[]).unwrap().unwrap();
        String::from_utf8(bytes).unwrap()
    }

    fn report(message: &str) -> Report {
        Report {
            code: "E-TEST".into(),
            message: message.to_owned(),
            hint: None,
            file: None,
            line: Some(3),
            column: None,
            excerpt: None,
        }
    }

    #[test]
    fn hostile_characters_are_json_escapes() {
        let hostile = "\u{1b}\u{7f}\u{9b}\u{61c}\u{200f}\u{2028}\u{2029}\u{202e}\u{2069}\t\"\u{1f600}";
        assert_eq!(
            text(&json!({ hostile: hostile }), &[]),
            format!(
                r#"{{"format":1,"{0}":"{0}"}}"#,
                r#"\u001b\u007f\u009b\u061c\u200f\u2028\u2029\u202e\u2069\t\"😀"#
            )
        );
    }

    #[test]
    fn failures_are_part_of_the_document() {
        assert_eq!(
            text(&json!({}), &[report("no")]),
            r#"{"format":1,"ok":false,"error":{"code":"E-TEST","message":"no","hint":null,"file":null,"line":3}}"#
        );
        let both: Value =
            serde_json::from_str(&text(&json!({ "a": [1] }), &[report("one"), report("two")])).unwrap();
        assert_eq!(both["a"], json!([1]));
        assert_eq!(both["error"]["message"], "one");
        assert_eq!(both["errors"][1]["message"], "two");
    }

    #[test]
    fn warnings_are_part_of_the_document() {
        let warning = Warning { code: "W-TEST", message: "odd\u{9b}".to_owned() };
        let bytes = Document::of(&json!({ "a": 1 })).unwrap().take(&[], &[warning]).unwrap().unwrap();
        assert_eq!(
            String::from_utf8(bytes).unwrap(),
            r#"{"format":1,"a":1,"warnings":[{"code":"W-TEST","message":"odd\u009b"}]}"#
        );
    }

    #[test]
    fn a_document_is_printed_once() {
        let mut document = Document::empty().unwrap();
        assert_eq!(document.take(&[], &[]).unwrap().as_deref(), Some(&br#"{"format":1}"#[..]));
        assert_eq!(document.take(&[report("late")], &[]).unwrap(), None);
    }

    proptest! {
        #[test]
        fn every_text_comes_back_and_none_is_hostile(hostile in "\\PC*|[\\x00-\u{ff}\u{2000}-\u{206f}]*|.*") {
            let shown = text(&json!({ "a": hostile }), &[report(&hostile)]);
            let back: Value = serde_json::from_str(&shown).unwrap();
            prop_assert_eq!(back["a"].as_str(), Some(hostile.as_str()));
            prop_assert_eq!(back["error"]["message"].as_str(), Some(hostile.as_str()));
            prop_assert!(!shown.contains(is_hostile), "{}", shown);
        }
    }
}
