//! Where packages come from that another archive published.

use std::fmt;

use jiff::Timestamp;

/// The archive that packages were imported from: its address, and the date of what it had published.
///
/// ```
/// use repo_store::history::ArchiveOrigin;
///
/// let origin = ArchiveOrigin::new("https://packages.example.org/old apt", None);
/// assert_eq!(origin.to_string(), "https://packages.example.org/old%20apt");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ArchiveOrigin {
    /// One word.
    address: String,
    date: Option<Timestamp>,
}

impl ArchiveOrigin {
    /// Names an archive. Blanks and control characters of the address, and a colon at its end, are written as they are in a URL. Of the date, whole
    /// seconds count.
    #[must_use]
    pub fn new(address: &str, date: Option<Timestamp>) -> Self {
        let mut word = String::with_capacity(address.len());
        for character in address.chars() {
            if character.is_whitespace() || character.is_control() {
                let mut bytes = [0; 4];
                for byte in character.encode_utf8(&mut bytes).bytes() {
                    word.push_str(&format!("%{byte:02X}"));
                }
            } else {
                word.push(character);
            }
        }
        // The words of an operation go on behind a colon and a blank.
        if word.ends_with(':') {
            word.pop();
            word.push_str("%3A");
        }
        let date = date.and_then(|date| Timestamp::from_second(date.as_second()).ok());
        Self { address: word, date }
    }

    /// Reads what [`Display`](fmt::Display) writes.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text.split_once(" (") {
            Some((address, date)) => Some(Self::new(address, Some(date.strip_suffix(')')?.parse().ok()?))),
            None => Some(Self::new(text, None)),
        }
    }

    /// Returns the address.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Returns the date of the newest Release that counted.
    #[must_use]
    pub fn date(&self) -> Option<Timestamp> {
        self.date
    }
}

impl fmt::Display for ArchiveOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.address)?;
        self.date.map_or(Ok(()), |date| write!(f, " ({date})"))
    }
}
