//! How values are written and read by serde: names, ids and operations as the text that they are everywhere else, records by what a reader of
//! a list wants to know. What is read is parsed.

use std::fmt::Display;

use serde::de::{Deserialize, Deserializer, Error as _};
use serde::ser::{Serialize, SerializeStruct as _, Serializer};

use super::approval::ApproverId;
use super::gate_rule::GateRule;
use super::id::{BlobId, ChunkId, CommitId, HoldsId, PageId, SnapshotId};
use super::index_kind::IndexKind;
use super::name::{HolderName, HookName, RepositoryName, TagName};
use super::operation::Operation;
use super::publication_id::PublicationId;
use super::record::{Build, Record, RecordKey};

/// Values that are written as the text that they are elsewhere.
macro_rules! written {
    ($($name:ty),+ $(,)?) => {$(
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                $crate::model::serialized::as_text(self, serializer)
            }
        }
    )+};
}
pub(crate) use written;

/// Values that are read from text too.
macro_rules! parsed {
    ($($name:ty),+ $(,)?) => {$(
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text: String = serde::Deserialize::deserialize(deserializer)?;
                Self::parse(&text).map_err(<D::Error as serde::de::Error>::custom)
            }
        }
    )+};
}
pub(crate) use parsed;

written!(BlobId, ChunkId, CommitId, HoldsId, PageId, SnapshotId);
written!(HolderName, HookName, RepositoryName, TagName);
written!(ApproverId, Build, GateRule, IndexKind, Operation, PublicationId);
parsed!(HolderName, HookName, RepositoryName, TagName);

macro_rules! parsed_ids {
    ($($name:ty),+) => {$(
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
            }
        }
    )+};
}

parsed_ids!(BlobId, ChunkId, CommitId, HoldsId, PageId, SnapshotId);

impl<'de> Deserialize<'de> for PublicationId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| D::Error::custom(format!("invalid publication {text:?}")))
    }
}

impl Serialize for Record {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let RecordKey { package, version, architecture } = self.key();
        let mut fields = serializer.serialize_struct("Record", 5)?;
        fields.serialize_field("package", package)?;
        fields.serialize_field("version", version)?;
        fields.serialize_field("architecture", architecture)?;
        fields.serialize_field("component", self.component())?;
        fields.serialize_field("blob", &self.blob())?;
        fields.end()
    }
}

/// Writes an id as text.
pub(crate) fn as_text<T: Display, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

/// Writes names as a list.
pub(crate) fn as_texts<T: Display, S: Serializer>(values: &[T], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(values.iter().map(ToString::to_string))
}

/// Writes an id as text, if there is one.
pub(crate) fn maybe_as_text<T: Display, S: Serializer>(
    id: &Option<T>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match id {
        Some(id) => serializer.collect_str(id),
        None => serializer.serialize_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_ids_are_text_and_are_checked_when_they_are_read() {
        fn again<T: Serialize + for<'de> Deserialize<'de> + PartialEq + std::fmt::Debug>(
            value: &T,
        ) -> String {
            let json = serde_json::to_string(value).unwrap();
            assert_eq!(serde_json::from_str::<T>(&json).unwrap(), *value);
            json
        }
        assert_eq!(again(&RepositoryName::parse("prod").unwrap()), r#""prod""#);
        assert_eq!(again(&TagName::parse("release-1").unwrap()), r#""release-1""#);
        assert_eq!(again(&CommitId::of(b"")), format!("\"{}\"", CommitId::of(b"")));
        let publication = PublicationId::of_time("2026-03-01T07:08:09Z".parse().unwrap());
        assert_eq!(again(&publication), format!("\"{publication}\""));
        assert!(serde_json::from_str::<RepositoryName>(r#""../prod""#).is_err());
        assert!(serde_json::from_str::<BlobId>(r#""00""#).is_err());
        assert!(serde_json::from_str::<PublicationId>(r#""yesterday""#).is_err());
    }
}
