//! The form with a paragraph for each source.

use deb_parse::Limits;
use deb_parse::deb822::{self, Paragraph};

use super::{Entry, Options, Raw, SyntaxError};

pub(super) fn parse(text: &str) -> Result<Vec<Entry>, SyntaxError> {
    let paragraphs = deb822::parse(text.as_bytes(), &Limits::default()).map_err(|error| match error {
        deb_parse::Error::Syntax { line, rule, .. } => SyntaxError::new(line, rule),
        _ => SyntaxError::new(1, "the file is larger than any file of sources"),
    })?;
    let read = |paragraph: &Paragraph<'_>| Some(read(*paragraph).transpose()?.and_then(Raw::check));
    paragraphs.iter().filter_map(read).collect()
}

/// Reads a paragraph; nothing if it is switched off.
fn read(paragraph: Paragraph<'_>) -> Result<Option<Raw<'_>>, SyntaxError> {
    let mut raw = Raw {
        line: paragraph.line().unwrap_or(1),
        types: Vec::new(),
        uris: Vec::new(),
        suites: Vec::new(),
        components: Vec::new(),
        options: Options::default(),
    };
    let mut is_enabled = true;
    for field in paragraph.fields() {
        let fault = |rule| SyntaxError::new(raw.line, rule).showing(field.name());
        let value = field.value_str().ok_or_else(|| fault("a field must be text in UTF-8"))?;
        let lines = value.split('\n').filter(|line| !line.starts_with('#'));
        let words: Vec<&str> = lines.flat_map(str::split_ascii_whitespace).collect();
        match field.name().to_ascii_lowercase().as_str() {
            "types" => raw.types = words,
            "uris" => raw.uris = words,
            "suites" => raw.suites = words,
            "components" => raw.components = words,
            "enabled" => is_enabled = !matches!(value, "no" | "false" | "0" | "off" | "without" | "disable"),
            // For people, and for programs that change sources.
            "description" => {}
            name if name.starts_with("x-") => {}
            name => raw.options.set(raw.line, name, &words, value)?,
        }
    }
    Ok(is_enabled.then_some(raw))
}
