//! The documents that verbs print with `--json`, and the values that they are made of.
//!
//! Each verb has a type for its document. Its fields stand in the order in which they are printed, and their comments are the descriptions
//! in `docs/schemas/` and `docs/json.md`.

#[cfg(test)]
mod schema;

use std::fmt;

#[cfg(test)]
pub(crate) use schema::TextOrNull;

use jiff::Timestamp;
use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::clock;

/// A document that a verb prints, which is an object.
pub(crate) trait JsonDocument: Serialize + HasSchema {
    /// Whether the fields of every object in it are printed in the order of their names, where the types have another order.
    const IS_SORTED: bool = false;
}

/// What has a schema: the tests see to that, and the program has none of it.
#[cfg(not(test))]
pub(crate) trait HasSchema {}

#[cfg(not(test))]
impl<T> HasSchema for T {}

/// What has a schema.
#[cfg(test)]
pub(crate) trait HasSchema: schemars::JsonSchema {}

#[cfg(test)]
impl<T: schemars::JsonSchema> HasSchema for T {}

/// A document that something else describes, such as one that a server answered with. It must be an object.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(transparent)]
pub(crate) struct ForeignJson<'a>(pub(crate) &'a Value);

impl JsonDocument for ForeignJson<'_> {}

/// A value that is written as its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Text<T>(pub(crate) T);

impl<'a, T> Text<&'a T> {
    /// Returns all of these as texts.
    pub(crate) fn all(values: impl IntoIterator<Item = &'a T>) -> Vec<Self> {
        values.into_iter().map(Text).collect()
    }
}

impl<T: fmt::Display> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// A moment, written as RFC 3339 in UTC with whole seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Time(pub(crate) Timestamp);

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&clock::rfc_3339(self.0))
    }
}
