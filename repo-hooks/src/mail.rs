//! Mail through `sendmail`.

use std::ffi::OsStr;
use std::path::Path;
use std::time::Duration;

use crate::error::DeliveryError;
use crate::payload::Payload;
use crate::program::{Program, run};

/// The longest line of a mail (RFC 5322, section 2.1.1), in bytes.
const LINE: usize = 900;

/// The longest name that is shown in the headers, in characters.
const NAME: usize = 100;

/// A mail that tells of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    to: String,
    text: String,
}

impl Mail {
    /// Writes the mail of an event. The address of the receiver must be one line.
    #[must_use]
    pub fn new(payload: &Payload, to: &str) -> Self {
        let repository = payload.repository.as_ref();
        let repository = repository.map_or_else(String::new, |name| format!(" ({})", in_header(name)));
        let mut text = format!(
            "To: {to}\nSubject: [repo-cli] {}{repository}\nMessage-ID: <{}@repo-cli.invalid>\nAuto-Submitted: auto-generated\n\
             MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n",
            in_header(&payload.event),
            in_header(&payload.id)
        );
        folded(&payload.text, &mut text);
        for (name, value) in [
            ("event", Some(&payload.event)),
            ("time", Some(&payload.time)),
            ("actor", Some(&payload.actor)),
            ("operation", payload.operation.as_ref()),
            ("commit", payload.change.as_ref().map(|change| &change.commit)),
            ("publication", payload.publication.as_ref()),
            ("error", payload.error.as_ref().map(|error| &error.code)),
        ] {
            if let Some(value) = value {
                folded(&format!("{name}: {value}"), &mut text);
            }
        }
        Self { to: to.to_owned(), text }
    }

    /// Returns the text with its headers.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Hands it to the program `sendmail`, which keeps it until it is delivered.
    ///
    /// # Errors
    /// As [`run`].
    pub fn send(&self, sendmail: &OsStr, directory: &Path, timeout: Duration) -> Result<(), DeliveryError> {
        run(&Program {
            program: sendmail,
            // A line with a dot alone does not end the text.
            arguments: &["-oi".to_owned(), self.to.clone()],
            variables: &[],
            directory,
            input: self.text.as_bytes(),
            timeout,
        })
    }
}

/// Returns a text that fits into a line of the headers, together with two others, and begins no line of its own.
fn in_header(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(NAME).collect()
}

/// Adds lines that are short enough.
fn folded(text: &str, to: &mut String) {
    for line in text.lines() {
        let mut length = 0;
        for c in line.chars().filter(|c| !c.is_control()) {
            if length + c.len_utf8() > LINE {
                to.push('\n');
                length = 0;
            }
            length += c.len_utf8();
            to.push(c);
        }
        to.push('\n');
    }
}
