//! Tables of a description, read strictly: a value of the wrong type and a key that nobody asked for are errors with their positions.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use crate::error::{Error, Position};

/// A value with its place in the description.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct At<T> {
    pub(crate) value: T,
    /// The key with that of its table.
    pub(crate) key: String,
    pub(crate) position: Position,
}

impl<T> At<T> {
    /// The error that the value breaks a rule.
    pub(crate) fn error(&self, reason: impl Into<String>) -> Error {
        Error::Value { position: self.position, key: self.key.clone(), reason: reason.into() }
    }

    /// Turns the value into another one, at the same place.
    pub(crate) fn map<U>(&self, value: U) -> At<U> {
        At { value, key: self.key.clone(), position: self.position }
    }

    /// Checks the value and turns it into another one.
    pub(crate) fn check<U, E: ToString>(
        &self,
        check: impl FnOnce(&T) -> Result<U, E>,
    ) -> Result<At<U>, Error> {
        match check(&self.value) {
            Ok(value) => Ok(self.map(value)),
            Err(reason) => Err(self.error(reason.to_string())),
        }
    }
}

/// A table that is being read. [`finish`](Self::finish) finds the keys that nobody asked for.
pub(crate) struct Table<'a> {
    text: &'a str,
    /// The name; none for the top level.
    name: Option<&'static str>,
    pub(crate) position: Position,
    entries: &'a DeTable<'a>,
    known: Vec<&'static str>,
}

impl<'a> Table<'a> {
    pub(crate) fn top(text: &'a str, entries: &'a DeTable<'a>) -> Self {
        Self { text, name: None, position: Position { line: 1, column: 1 }, entries, known: Vec::new() }
    }

    /// Returns a value and remembers that its key is known.
    fn value(&mut self, key: &'static str) -> Option<At<&'a DeValue<'a>>> {
        self.known.push(key);
        let value = self.entries.get(key)?;
        Some(self.at(key, value.span(), value.get_ref()))
    }

    fn at<T>(&self, key: &str, span: Range<usize>, value: T) -> At<T> {
        let key = self.name.map_or_else(|| key.to_owned(), |table| format!("{table}.{key}"));
        At { value, key, position: Position::of(self.text, span.start) }
    }

    pub(crate) fn text(&mut self, key: &'static str) -> Result<Option<At<String>>, Error> {
        self.value(key).map(|value| text_of(&value)).transpose()
    }

    /// A text that may have several lines.
    pub(crate) fn long_text(&mut self, key: &'static str) -> Result<Option<At<String>>, Error> {
        self.value(key).map(|value| checked_text(&value, |c| c == '\n' || c == '\t')).transpose()
    }

    pub(crate) fn needed_text(&mut self, key: &'static str) -> Result<At<String>, Error> {
        self.text(key)?.ok_or_else(|| self.missing(key))
    }

    /// The error that a key is not there, or that it is misspelt.
    pub(crate) fn missing(&self, key: &'static str) -> Error {
        let mut others =
            self.entries.iter().map(|(key, _)| key).filter(|other| !self.known.contains(&&**other.get_ref()));
        if let Some(slip) = others.find(|other| nearest(other.get_ref(), &[key]).is_some()) {
            return self.unknown(slip, &[key]);
        }
        let key = self.name.map_or_else(|| key.to_owned(), |table| format!("{table}.{key}"));
        Error::MissingKey { position: self.position, key }
    }

    /// A list of texts. One text alone is a list of one.
    pub(crate) fn texts(&mut self, key: &'static str) -> Result<Vec<At<String>>, Error> {
        let Some(value) = self.value(key) else { return Ok(Vec::new()) };
        let Some(items) = value.value.as_array() else { return Ok(vec![text_of(&value)?]) };
        items.iter().map(|item| text_of(&self.at(key, item.span(), item.get_ref()))).collect()
    }

    pub(crate) fn flag(&mut self, key: &'static str) -> Result<Option<bool>, Error> {
        let Some(value) = self.value(key) else { return Ok(None) };
        let flag = value.value.as_bool();
        flag.map(Some).ok_or_else(|| value.error("must be true or false"))
    }

    pub(crate) fn number(&mut self, key: &'static str) -> Result<Option<At<i32>>, Error> {
        let Some(value) = self.value(key) else { return Ok(None) };
        let number = value
            .value
            .as_integer()
            .and_then(|integer| i32::from_str_radix(integer.as_str(), integer.radix()).ok());
        number.map(|number| Some(value.map(number))).ok_or_else(|| value.error("must be a whole number"))
    }

    /// Permissions, as octal digits in quotes.
    pub(crate) fn mode(&mut self, key: &'static str) -> Result<Option<u32>, Error> {
        let rule = "must be three or four octal digits in quotes, such as \"0644\"";
        let Some(value) = self.value(key) else { return Ok(None) };
        let digits = value.value.as_str().ok_or_else(|| value.error(rule))?;
        let is_octal =
            matches!(digits.len(), 3 | 4) && digits.bytes().all(|digit| matches!(digit, b'0'..=b'7'));
        let mode = u32::from_str_radix(digits, 8).ok().filter(|_| is_octal);
        mode.map(Some).ok_or_else(|| value.error(rule))
    }

    /// A table below this one.
    pub(crate) fn table(&mut self, key: &'static str) -> Result<Option<Table<'a>>, Error> {
        let Some(value) = self.value(key) else { return Ok(None) };
        let entries =
            value.value.as_table().ok_or_else(|| value.error(format!("must be a table: [{key}]")))?;
        Ok(Some(self.below(key, value.position, entries)))
    }

    /// The tables of a list of them.
    pub(crate) fn tables(&mut self, key: &'static str) -> Result<Vec<Table<'a>>, Error> {
        let Some(value) = self.value(key) else { return Ok(Vec::new()) };
        let rule = || value.error(format!("must be written as [[{key}]]"));
        let items = value.value.as_array().ok_or_else(rule)?;
        let table = |item: &'a Spanned<DeValue<'a>>| {
            let entries = item.get_ref().as_table().ok_or_else(rule)?;
            Ok(self.below(key, Position::of(self.text, item.span().start), entries))
        };
        items.iter().map(table).collect()
    }

    fn below(&self, name: &'static str, position: Position, entries: &'a DeTable<'a>) -> Table<'a> {
        Table { text: self.text, name: Some(name), position, entries, known: Vec::new() }
    }

    /// Refuses keys that nobody asked for.
    pub(crate) fn finish(self) -> Result<(), Error> {
        let unknown = self.entries.iter().filter(|(key, _)| !self.known.contains(&&**key.get_ref()));
        // The first in the text: the table is sorted by its keys.
        match unknown.min_by_key(|(key, _)| key.span().start) {
            None => Ok(()),
            Some((key, _)) => Err(self.unknown(key, &self.known)),
        }
    }

    fn unknown(&self, key: &Spanned<DeString<'_>>, known: &[&'static str]) -> Error {
        Error::UnknownKey {
            position: Position::of(self.text, key.span().start),
            nearest: nearest(key.get_ref(), known),
            key: key.get_ref().to_string(),
            table: self.name,
            known: known.to_vec(),
        }
    }
}

fn text_of(value: &At<&DeValue<'_>>) -> Result<At<String>, Error> {
    checked_text(value, |_| false)
}

fn checked_text(value: &At<&DeValue<'_>>, is_allowed: fn(char) -> bool) -> Result<At<String>, Error> {
    let text = value.value.as_str().ok_or_else(|| value.error("must be a text in quotes"))?;
    if text.chars().any(|c| c.is_control() && !is_allowed(c)) {
        return Err(value.error("must be one line without control characters"));
    }
    Ok(value.map(text.to_owned()))
}

/// Returns the key that was probably meant: one slip away, or one in three letters of a long name.
fn nearest(key: &str, known: &[&'static str]) -> Option<&'static str> {
    let near = known.iter().map(|known| (strsim::damerau_levenshtein(key, known), *known)).min()?;
    (near.0 <= (key.chars().count() / 3).max(1)).then_some(near.1)
}
