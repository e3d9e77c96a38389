//! The schemas of values that are written as their text.

use std::borrow::Cow;

use apt_sign::Fingerprint;
use deb_parse::checksum::Sha256;
use deb_parse::{Architecture, Component, PackageName, SuiteName, Version};
use jiff::Timestamp;
use repo_store::RepositoryName;
use repo_store::history::Operation;
use repo_store::model::record::{Build, RecordKey};
use repo_store::model::{
    BaseIndexId, BlobId, CommitId, HolderName, HookName, ProfileName, PublicationId, TagName,
};
use repo_store::operations::approvals::ApproverId;
use repo_store::settings::profile::PackageRange;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::{Text, Time};

/// A type whose text stands in documents.
trait Described {
    /// The name of its schema.
    const NAME: &'static str;
    /// What the text is.
    const DESCRIPTION: &'static str;
    /// What every such text matches.
    const PATTERN: Option<&'static str> = None;
    /// The format of the text, as JSON Schema names it.
    const FORMAT: Option<&'static str> = None;
}

impl Described for Timestamp {
    const NAME: &'static str = "Time";
    const DESCRIPTION: &'static str = "A moment in UTC (RFC 3339)";
    const PATTERN: Option<&'static str> =
        Some("^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]+)?Z$");
    const FORMAT: Option<&'static str> = Some("date-time");
}

impl<T: Described> Described for &T {
    const NAME: &'static str = T::NAME;
    const DESCRIPTION: &'static str = T::DESCRIPTION;
    const PATTERN: Option<&'static str> = T::PATTERN;
    const FORMAT: Option<&'static str> = T::FORMAT;
}

macro_rules! described {
    ($($type:ty: $name:literal, $description:literal $(, $pattern:literal)?;)*) => {
        $(impl Described for $type {
            const NAME: &'static str = $name;
            const DESCRIPTION: &'static str = $description;
            $(const PATTERN: Option<&'static str> = Some($pattern);)?
        })*
    };
}

described! {
    ApproverId: "Approver", "Who approves: `user NUMBER` or `token HOLDER`";
    Architecture: "Architecture", "An architecture that dpkg knows, such as `amd64`";
    BaseIndexId: "BaseIndexId", "The digest of a list of packages: its BLAKE3 digest in hexadecimal digits", "^[0-9a-f]{64}$";
    BlobId: "BlobId", "The id of a file's content: its BLAKE3 digest in hexadecimal digits", "^[0-9a-f]{64}$";
    Build: "Build", "What a package file is built for: an architecture, `all` or `source`";
    CommitId: "CommitId", "The id of a state of a repository, in hexadecimal digits", "^[0-9a-f]{64}$";
    Component: "Component", "A component of a repository, such as `main`";
    Fingerprint: "Fingerprint", "The fingerprint of an OpenPGP key, in upper-case hexadecimal digits", "^[0-9A-F]{40,64}$";
    HolderName: "HolderName", "The name of a token's holder";
    HookName: "HookName", "The name of a hook";
    Operation: "Operation", "What was done, in words: for people, and free to change";
    PackageName: "PackageName", "The name of a package";
    PackageRange: "PackageRange", "A package and the range of its versions, as a dependency is written: `shop (>= 4.1)`";
    ProfileName: "ProfileName", "The name of a profile";
    PublicationId: "PublicationId", "The id of a publication: its time, and a number where one second has several", "^[0-9]{8}T[0-9]{6}Z";
    RecordKey: "PackageKey", "The name, version and architecture of a package file, separated by blanks";
    RepositoryName: "RepositoryName", "The name of a repository";
    Sha256: "Sha256", "A SHA-256 in hexadecimal digits", "^[0-9a-f]{64}$";
    SuiteName: "SuiteName", "The name of a suite";
    TagName: "TagName", "The name of a tag";
    Version: "Version", "The version of a package";
}

impl<T: Described> JsonSchema for Text<T> {
    fn schema_name() -> Cow<'static, str> {
        T::NAME.into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let mut schema = json_schema!({ "type": "string", "description": T::DESCRIPTION });
        for (keyword, value) in [("pattern", T::PATTERN), ("format", T::FORMAT)] {
            if let Some(value) = value {
                schema.insert(keyword.to_owned(), value.into());
            }
        }
        schema
    }
}

/// The schema of a text that may be null, and may be absent too.
pub(crate) struct TextOrNull;

impl JsonSchema for TextOrNull {
    fn schema_name() -> Cow<'static, str> {
        "TextOrNull".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "null"], "description": "A text, or null" })
    }
}

impl JsonSchema for Time {
    fn schema_name() -> Cow<'static, str> {
        Timestamp::NAME.into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Text::<Timestamp>::json_schema(generator)
    }
}
