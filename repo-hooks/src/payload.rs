//! What a receiver is told.

use serde::{Deserialize, Serialize};

/// The number of the form of a payload. Fields may be added to it; none is removed or changes its meaning.
const FORMAT: u32 = 1;

/// What happened, as a receiver gets it in JSON. `docs/hooks.md` describes each field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Payload {
    /// The number of this form: 1.
    pub format: u32,
    /// The id of the event. A receiver that gets it twice has been told twice.
    pub id: String,
    /// The event, such as `promote.success`.
    pub event: String,
    /// When it happened, as RFC 3339 writes it.
    pub time: String,
    /// Who did it.
    pub actor: String,
    /// One sentence for people.
    pub text: String,
    /// The repository, for an event about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    /// What was done, in the words of the history.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// The change of the content, for an event that changed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<Change>,
    /// The id of the publication that clients see from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publication: Option<String>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Fault>,
    /// The signing key that expires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Key>,
}

/// A change of the content of a repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The number of the new state.
    pub number: u64,
    /// The id of its commit.
    pub commit: String,
    /// The id of the commit before.
    pub before: Option<String>,
    /// How many package files are in suites that were not before.
    pub added: u64,
    /// How many are not in suites now.
    pub removed: u64,
}

/// Why an operation failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// A code that stays the same in every later version, such as `E-NO-MATCH`.
    pub code: String,
    /// What went wrong, for people.
    pub message: String,
}

/// A signing key that expires.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// Its fingerprint.
    pub fingerprint: String,
    /// The full days that are left.
    pub days: u64,
}

impl Payload {
    /// Makes a payload of what every event has.
    #[must_use]
    pub fn new(event: &str, id: &str, time: &str, actor: &str, text: &str) -> Self {
        let owned = str::to_owned;
        Self {
            format: FORMAT,
            id: owned(id),
            event: owned(event),
            time: owned(time),
            actor: owned(actor),
            text: owned(text),
            repository: None,
            operation: None,
            change: None,
            publication: None,
            error: None,
            key: None,
        }
    }

    /// Writes it as JSON in one line.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Texts and numbers can always be written.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads what [`to_json`](Self::to_json) wrote; `None` for anything else.
    #[must_use]
    pub fn from_json(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }
}
