use std::fmt;
use std::process::ExitStatus;

/// How a command ended and what it printed.
///
/// Shown as text it is fit for a snapshot: whatever differs from run to run is replaced by a placeholder.
#[derive(Clone, Debug)]
#[must_use]
pub struct Output {
    /// The exit status; `None` when a signal ended it.
    pub status: Option<i32>,
    /// What it printed.
    pub stdout: String,
    /// What it said.
    pub stderr: String,
    place: String,
}

impl Output {
    /// `place` is the directory whose path is replaced by `<DIR>`.
    pub(crate) fn new(status: ExitStatus, stdout: &[u8], stderr: &[u8], place: &str) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self { status: status.code(), stdout: text(stdout), stderr: text(stderr), place: place.to_owned() }
    }

    /// Both texts.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }

    /// The status must be this one.
    ///
    /// # Panics
    /// When it is another.
    #[track_caller]
    pub fn ends_with(self, status: i32) -> Self {
        assert_eq!(self.status, Some(status), "{self}");
        self
    }

    /// The command must have succeeded.
    ///
    /// # Panics
    /// When it has not.
    #[track_caller]
    pub fn succeeds(self) -> Self {
        self.ends_with(0)
    }
}

impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.status {
            Some(status) => writeln!(f, "status: {status}")?,
            None => writeln!(f, "status: killed")?,
        }
        for (name, text) in [("stdout", &self.stdout), ("stderr", &self.stderr)] {
            if !text.is_empty() {
                writeln!(f, "---- {name}\n{}", normalised(&text.replace(&self.place, "<DIR>")))?;
            }
        }
        Ok(())
    }
}

/// Replaces ids, fingerprints, times, ports and keys.
#[must_use]
pub fn normalised(text: &str) -> String {
    let mut result = String::new();
    let mut in_key = false;
    for line in text.trim_end().lines() {
        if line.contains("BEGIN PGP") {
            in_key = true;
            result.push_str(line);
            result.push_str("\n <KEY>\n");
        } else if line.starts_with("base64 -d") {
            in_key = true;
            result.push_str(line);
            result.push_str("\n<KEY>\n");
        } else if line.contains("END PGP") || line == "END" {
            in_key = false;
        }
        if !in_key {
            result.push_str(&words(line));
            result.push('\n');
        }
    }
    result.truncate(result.trim_end().len());
    result
}

fn words(line: &str) -> String {
    let mut result = String::new();
    let mut rest = line;
    while let Some(first) = rest.chars().next() {
        let part_of_word = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == ':';
        let length = if part_of_word(first) {
            rest.find(|c: char| !part_of_word(c)).unwrap_or(rest.len())
        } else {
            first.len_utf8()
        };
        // A colon at the end belongs to the sentence.
        let length = rest.split_at(length).0.trim_end_matches(':').len().max(first.len_utf8());
        let (word, after) = rest.split_at(length);
        match placeholder(word) {
            Some(placeholder) => result.push_str(placeholder),
            // `127.0.0.1:8080` ends in a word with a colon.
            // The minute of `2026-11-21 03:45 UTC`.
            None if result.ends_with("<DAY> ") && after.starts_with(" UTC") => {
                result.push_str(if word.len() > 5 { "<SECOND>" } else { "<MINUTE>" });
            }
            None if result.ends_with("127.0.0.") && word.starts_with("1:") => result.push_str("1:<PORT>"),
            None => result.push_str(word),
        }
        rest = after;
    }
    result
}

fn placeholder(word: &str) -> Option<&'static str> {
    let bytes = word.as_bytes();
    let hexadecimal = bytes.iter().all(|c| c.is_ascii_digit() || matches!(c, b'a'..=b'f'));
    let shape: String = word.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    match bytes.len() {
        64 | 12 if hexadecimal => Some("<ID>"),
        40 if bytes.iter().all(|c| c.is_ascii_digit() || matches!(c, b'A'..=b'F')) => Some("<FINGERPRINT>"),
        _ if shape == "0000-00-00T00:00:00Z" => Some("<TIME>"),
        _ if shape == "00000000T000000Z" => Some("<PUBLICATION>"),
        _ if shape == "0000-00-00" => Some("<DAY>"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::normalised;

    #[test]
    fn what_differs_from_run_to_run_is_replaced() {
        let id = "9cd1da4590e189543d9b58e43cc142e8bdb393f43f7145c93d643aa2268b3cc1";
        let fingerprint = "63B042FF853CA1EDCFED3354BEC434324FC7AC2F";
        let text = format!(
            "{id} f45d208d89e0 {fingerprint} 2026-11-21T03:45:43Z published 20261121T034543Z: x\n\
             at 2026-11-21 03:45 UTC, 2026-11-21 03:45:43 UTC, http://127.0.0.1:4711/p, 1.2-1:2, 20261121\n"
        );
        assert_eq!(
            normalised(&text),
            "<ID> <ID> <FINGERPRINT> <TIME> published <PUBLICATION>: x\n\
             at <DAY> <MINUTE> UTC, <DAY> <SECOND> UTC, http://127.0.0.1:<PORT>/p, 1.2-1:2, 20261121"
        );
    }
}
