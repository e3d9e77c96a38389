//! Texts that stand in the configuration of another server.

use std::fmt;

use super::FrontError;

/// A text that every one of the four servers reads as it is when double quotes stand around it: it has no quotation mark, backslash, line end,
/// brace, nor any character of a variable or a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Printable(String);

impl Printable {
    /// Checks a text, such as the path of a directory; `what` it is stands in the error.
    ///
    /// # Errors
    /// [`FrontError::Unprintable`] for any other character.
    pub(crate) fn parse(what: &'static str, text: &str) -> Result<Self, FrontError> {
        let is_safe = |c: char| c.is_alphanumeric() || " /._-+~@:=,".contains(c);
        if text.chars().all(is_safe) {
            return Ok(Self(text.to_owned()));
        }
        Err(FrontError::Unprintable { what, text: text.to_owned() })
    }

    /// Returns the text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Printable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
