//! Texts that others have written, as a page may show them.

use std::fmt;

/// How many characters of a text are shown.
const LONGEST: usize = 2000;

/// How many characters of a description are shown.
const LONGEST_DESCRIPTION: usize = 20_000;

/// Returns whether a character is escaped wherever the text of others is shown: control characters, those that change the direction of the text
/// around them, those that nobody sees, and the separators of lines and paragraphs.
fn is_hostile(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

/// Returns the text with hostile characters written as Rust escapes, cut after `longest` characters.
fn cleaned(text: &str, longest: usize, is_kept: impl Fn(char) -> bool) -> String {
    let mut clean = String::with_capacity(text.len().min(longest));
    let mut characters = text.chars();
    for c in characters.by_ref().take(longest) {
        match c {
            c if is_kept(c) => clean.push(c),
            '\n' | '\t' => clean.push(' '),
            c if is_hostile(c) => clean.extend(c.escape_unicode()),
            c => clean.push(c),
        }
    }
    if characters.next().is_some() {
        clean.push('…');
    }
    clean
}

/// A text in one line of at most 2,000 characters, without any that changes how the text around it is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Line(String);

impl Line {
    /// Reads a text of any origin. Hostile characters become escapes such as `\u{202e}`, and line breaks become blanks.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(cleaned(text, LONGEST, |_| false))
    }

    /// Returns the text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns whether the text is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A text of several lines, such as the extended description of a package, or commands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Description(String);

impl Description {
    /// Reads a text whose lines count as they are, at most 20,000 characters of it.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(cleaned(text.trim_end(), LONGEST_DESCRIPTION, |c| c == '\n'))
    }

    /// Reads the lines behind the synopsis in a `Description` field (Debian Policy, section 5.6.13).
    #[must_use]
    pub fn of_field(field: &str) -> Self {
        let lines = field.lines().skip(1).map(|line| {
            let line = line.strip_prefix(' ').unwrap_or(line);
            if line.trim_end() == "." { "" } else { line }
        });
        Self::new(&lines.collect::<Vec<_>>().join("\n"))
    }

    /// Returns the text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns whether the text is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_others_changes_nothing_around_it() {
        let line = Line::new("a\u{202e}b\u{2066}c\u{0}d\u{1b}[31me\nf\tg\u{200b}\u{ad}\u{e0041}");
        assert_eq!(line.as_str(), "a\\u{202e}b\\u{2066}c\\u{0}d\\u{1b}[31me f g\\u{200b}\\u{ad}\\u{e0041}");
        assert_eq!(Line::new("Müller 日本 1.0~rc1+b2").as_str(), "Müller 日本 1.0~rc1+b2");
    }

    #[test]
    fn a_long_text_is_cut() {
        let line = Line::new(&"é".repeat(LONGEST + 1));
        assert_eq!(line.as_str().chars().count(), LONGEST + 1);
        assert!(line.as_str().ends_with('…'));
        assert!(!Line::new(&"é".repeat(LONGEST)).as_str().ends_with('…'));
    }

    #[test]
    fn a_description_keeps_its_lines() {
        let field = "a synopsis\n The first\n paragraph.\n .\n  * as it is\u{202e}\n";
        assert_eq!(Description::of_field(field).as_str(), "The first\nparagraph.\n\n * as it is\\u{202e}");
        assert!(Description::of_field("a synopsis").is_empty());
    }
}
