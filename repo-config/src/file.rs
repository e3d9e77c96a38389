//! The text of `repo.toml` and its drop-ins, as tables.

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroUsize;

use apt_index::Encoding;
use apt_sign::Fingerprint;
use camino::Utf8PathBuf;
use deb_parse::{Architecture, Component, SuiteName};
use jiff::SignedDuration;
use repo_store::RepositoryName;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};

use crate::network::Network;
use crate::passphrase::Credential;
use crate::url::Url;
use crate::value::{HistoryLength, Line, Listen, Size, Text};

/// All tables together.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default, remote = "Self")]
pub(crate) struct File {
    pub(crate) origin: Option<Text<Line>>,
    pub(crate) url: Option<Text<Url>>,
    #[serde(deserialize_with = "suites")]
    pub(crate) suites: Vec<Text<SuiteName>>,
    pub(crate) suites_file: Option<Utf8PathBuf>,
    pub(crate) architectures: Vec<Text<Architecture>>,
    pub(crate) architectures_file: Option<Utf8PathBuf>,
    pub(crate) components: Option<Vec<Text<Component>>>,
    pub(crate) compress: Option<Vec<Text<Encoding>>>,
    pub(crate) compress_index: CompressTable,
    pub(crate) translations: bool,
    pub(crate) contents: bool,
    pub(crate) unknown_release: Option<OnUnknownRelease>,
    pub(crate) valid_for: Option<Text<SignedDuration>>,
    pub(crate) pdiffs: Option<usize>,
    pub(crate) pdiffs_from: Option<Text<Size>>,
    pub(crate) uploaders: Option<Utf8PathBuf>,
    pub(crate) publish: Publish,
    pub(crate) signing: SigningTable,
    pub(crate) serve: ServeTable,
    pub(crate) channels: Vec<Text<RepositoryName>>,
    pub(crate) repositories: BTreeMap<Text<RepositoryName>, RepositoryTable>,
    pub(crate) suite: BTreeMap<Text<SuiteName>, SuiteTable>,
    pub(crate) route: Vec<RouteTable>,
    pub(crate) incoming: Vec<IncomingTable>,
    pub(crate) retention: Vec<RetentionTable>,
    pub(crate) gc: GcTable,
    pub(crate) limits: LimitsTable,
}

/// Compressed forms of indices of one kind.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default, remote = "Self")]
pub(crate) struct CompressTable {
    pub(crate) packages: Option<Vec<Text<Encoding>>>,
    pub(crate) sources: Option<Vec<Text<Encoding>>>,
    pub(crate) contents: Option<Vec<Text<Encoding>>>,
    pub(crate) translation: Option<Vec<Text<Encoding>>>,
}

/// Where packages for all architectures are listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum All {
    #[default]
    Folded,
    Apart,
}

/// What becomes of a package for a release that has no suite, by its version or its upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnUnknownRelease {
    /// It is refused.
    Refuse,
    /// It goes to every suite.
    Everywhere,
}

/// When changes are published.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Publish {
    #[default]
    Auto,
    Manual,
}

/// Where the passphrase of the signing keys comes from, and what else signs.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default, remote = "Self")]
pub(crate) struct SigningTable {
    pub(crate) passphrase: Option<Text<Credential>>,
    pub(crate) passphrase_file: Option<Utf8PathBuf>,
    pub(crate) signer: Vec<SignerTable>,
}

/// What signs with a key that is kept elsewhere.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default, remote = "Self")]
pub(crate) struct SignerTable {
    pub(crate) gpg: Option<Text<Fingerprint>>,
    pub(crate) command: Option<Vec<String>>,
    pub(crate) offline: bool,
    pub(crate) public_key: Option<Utf8PathBuf>,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default, remote = "Self")]
pub(crate) struct ServeTable {
    pub(crate) listen: Option<Text<Listen>>,
    pub(crate) trusted_proxies: Vec<Text<Network>>,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default, remote = "Self")]
pub(crate) struct RepositoryTable {
    pub(crate) url: Option<Text<Url>>,
    pub(crate) label: Option<Text<Line>>,
    pub(crate) suites: Option<Vec<Text<SuiteName>>>,
    pub(crate) flat: Option<Text<SuiteName>>,
    pub(crate) translations: Option<bool>,
    pub(crate) contents: Option<bool>,
    pub(crate) unknown_release: Option<OnUnknownRelease>,
    pub(crate) valid_for: Option<Text<SignedDuration>>,
    pub(crate) pdiffs: Option<usize>,
    pub(crate) uploaders: Option<Utf8PathBuf>,
    #[serde(deserialize_with = "networks_that_may_read")]
    pub(crate) allow: Vec<Text<Network>>,
    pub(crate) users: Option<Utf8PathBuf>,
    pub(crate) keep_history: Option<HistoryLength>,
    #[serde(deserialize_with = "signing_keys")]
    pub(crate) keys: Option<Vec<Text<Fingerprint>>>,
}

/// The keys of a repository. Without any, nothing could be published.
fn signing_keys<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Vec<Text<Fingerprint>>>, D::Error> {
    let keys = Vec::deserialize(deserializer)?;
    if keys.is_empty() {
        return Err(serde::de::Error::custom("an empty list lets no key sign; leave it out to let all sign"));
    }
    Ok(Some(keys))
}

/// Without the list everyone may read, so an empty one cannot mean its letter.
fn networks_that_may_read<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<Text<Network>>, D::Error> {
    let networks = Vec::deserialize(deserializer)?;
    if networks.is_empty() {
        let rule =
            "an empty list allows nobody; leave it out to allow all, or name a network such as 10.0.0.0/8";
        return Err(serde::de::Error::custom(rule));
    }
    Ok(networks)
}

/// Words that mark a version; an empty one would mark none.
fn words<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<String>>, D::Error> {
    let words = Vec::<String>::deserialize(deserializer)?;
    if words.iter().any(|word| word.trim().is_empty()) {
        return Err(serde::de::Error::custom("an empty marker marks nothing; leave it out"));
    }
    Ok(Some(words))
}

/// The suites of a file, each once. Only another file may list one again.
fn suites<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Text<SuiteName>>, D::Error> {
    let suites = Vec::<Text<SuiteName>>::deserialize(deserializer)?;
    let is_repeated =
        |(place, suite): (usize, &Text<SuiteName>)| suites.iter().take(place).any(|other| other == suite);
    if let Some(Text(suite)) = suites.iter().enumerate().find(|one| is_repeated(*one)).map(|(_, suite)| suite)
    {
        return Err(serde::de::Error::custom(format!("`{suite}` is listed twice")));
    }
    Ok(suites)
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default, remote = "Self")]
pub(crate) struct SuiteTable {
    pub(crate) architectures: Option<Vec<Text<Architecture>>>,
    pub(crate) architecture_all: All,
    pub(crate) components: Option<Vec<Text<Component>>>,
    #[serde(deserialize_with = "words")]
    pub(crate) markers: Option<Vec<String>>,
    pub(crate) only_routed: bool,
    pub(crate) alias: Option<Text<SuiteName>>,
    pub(crate) version: Option<Text<Line>>,
    pub(crate) changelogs: Option<Text<Line>>,
    pub(crate) description: Option<Text<Line>>,
    pub(crate) not_automatic: bool,
    pub(crate) but_automatic_upgrades: bool,
}

/// A rule about where packages go.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default, remote = "Self")]
pub(crate) struct RouteTable {
    pub(crate) repositories: Vec<Text<RepositoryName>>,
    pub(crate) packages: Vec<String>,
    pub(crate) sections: Vec<String>,
    pub(crate) fields: BTreeMap<String, String>,
    pub(crate) component: Option<Text<Component>>,
    pub(crate) suites: Vec<Text<SuiteName>>,
}

/// A drop folder.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, remote = "Self")]
pub(crate) struct IncomingTable {
    pub(crate) folder: Utf8PathBuf,
    pub(crate) repository: Text<RepositoryName>,
    #[serde(default)]
    pub(crate) suites: Vec<Text<SuiteName>>,
    #[serde(default)]
    pub(crate) component: Option<Text<Component>>,
}

/// A rule of retention.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default, remote = "Self")]
pub(crate) struct RetentionTable {
    pub(crate) repositories: Vec<Text<RepositoryName>>,
    pub(crate) suites: Vec<Text<SuiteName>>,
    pub(crate) packages: Vec<String>,
    pub(crate) sections: Vec<String>,
    pub(crate) fields: BTreeMap<String, String>,
    pub(crate) keep_versions: Option<NonZeroUsize>,
    pub(crate) keep_for: Option<Text<SignedDuration>>,
    pub(crate) kept_by: Vec<Text<RepositoryName>>,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default, remote = "Self")]
pub(crate) struct GcTable {
    pub(crate) grace: Option<Text<SignedDuration>>,
    pub(crate) keep_history: Option<HistoryLength>,
}

/// How much of a package file is read before it is refused.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default, remote = "Self")]
pub(crate) struct LimitsTable {
    pub(crate) control_unpacked: Option<Text<Size>>,
    pub(crate) data_unpacked: Option<Text<Size>>,
    pub(crate) data_entries: Option<NonZeroUsize>,
    pub(crate) xz_memory: Option<Text<Size>>,
}

/// What derives `Deserialize` takes a list as well, with the fields in their order: one in a drop-in would replace the whole table.
macro_rules! from_tables_only {
    ($($table:ty),* $(,)?) => {$(
        impl<'de> Deserialize<'de> for $table {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Fields;
                impl<'de> Visitor<'de> for Fields {
                    type Value = $table;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str("a table")
                    }

                    fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<$table, A::Error> {
                        // The derived one, which is no method of the trait.
                        <$table>::deserialize(MapAccessDeserializer::new(fields))
                    }
                }
                deserializer.deserialize_map(Fields)
            }
        }
    )*};
}

from_tables_only!(
    File,
    CompressTable,
    SigningTable,
    SignerTable,
    ServeTable,
    RepositoryTable,
    SuiteTable,
    RouteTable,
    IncomingTable,
    RetentionTable,
    GcTable,
    LimitsTable
);

#[cfg(test)]
mod tests {
    use toml::Table;

    use super::*;

    /// The template of `init` with every setting in it set.
    fn full_template() -> String {
        let filled = crate::template::TEXT
            .replace("@ORIGIN@", "\"us\"")
            .replace("@URL@", "#url = \"http://h\"")
            .replace("@UNKNOWN_RELEASE@", "\"refuse\"")
            .replace("@SUITES@", "\"bookworm\"")
            .replace("@ARCHITECTURES@", "\"amd64\"")
            .replace("@CHANNELS@", "channels = [\"prod\"]")
            .replace("@REPOSITORIES@", "[repositories.prod]");
        let is_setting = |text: &str| text.starts_with(|c: char| c.is_ascii_lowercase() || c == '[');
        let lines = filled.lines().map(|line| match line.strip_prefix('#') {
            Some(setting) if is_setting(setting) => setting,
            _ => line,
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    /// The names that a table takes, as it says itself.
    fn fields<T: serde::de::DeserializeOwned>() -> Vec<String> {
        let error = toml::from_str::<T>("no_such = 1").err().unwrap();
        let names = error.message().split('`').skip(1).step_by(2).skip(1);
        names.map(str::to_owned).collect()
    }

    #[test]
    fn the_template_has_every_setting_and_no_other() {
        let text = full_template();
        let file = File::of(&[("repo.toml".into(), text.clone())]);
        assert!(file.is_ok(), "{}", file.unwrap_err());
        let table: Table = text.parse().unwrap();
        let inner = |key: &str, inner: &str| table[key][inner].as_table().unwrap().clone();
        let first = |key: &str| table[key][0].as_table().unwrap().clone();
        let named = |key: &str| table[key].as_table().unwrap().clone();
        let signers = table["signing"]["signer"].as_array().unwrap().iter();
        let signers = signers.flat_map(|signer| signer.as_table().unwrap().clone()).collect();
        for (place, table, fields) in [
            ("the top", table.clone(), fields::<File>()),
            ("signing", named("signing"), fields::<SigningTable>()),
            ("a signer", signers, fields::<SignerTable>()),
            ("serve", named("serve"), fields::<ServeTable>()),
            ("a repository", inner("repositories", "prod"), fields::<RepositoryTable>()),
            ("route", first("route"), fields::<RouteTable>()),
            ("compress_index", named("compress_index"), fields::<CompressTable>()),
            ("incoming", first("incoming"), fields::<IncomingTable>()),
            ("retention", first("retention"), fields::<RetentionTable>()),
            ("gc", named("gc"), fields::<GcTable>()),
            ("a suite", inner("suite", "bookworm"), fields::<SuiteTable>()),
        ] {
            assert!(!fields.is_empty(), "{place}");
            for field in fields {
                assert!(table.contains_key(&field), "{place} lacks {field}");
            }
        }
    }
}
