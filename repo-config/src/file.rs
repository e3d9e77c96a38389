//! The text of `repo.toml` and its drop-ins, as tables.

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroUsize;
use std::os::unix::fs::MetadataExt as _;

use apt_index::Encoding;
use apt_sign::Fingerprint;
use camino::{Utf8Path, Utf8PathBuf};
use deb_parse::{Architecture, Component, SuiteName};
use jiff::SignedDuration;
use repo_store::RepositoryName;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use toml::{Table, Value};

use crate::error::{ConfigError, Place, UnknownWord};
use crate::network::Network;
use crate::ownership;
use crate::passphrase::Credential;
use crate::place::line_at;
use crate::regular_file;
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

/// A file of the configuration: its path and its text.
pub(crate) type Source = (Utf8PathBuf, String);

/// The text of `repo.toml` in `root` and of every `repo.d/*.toml`, in the order of their names. What in `repo.d` belongs to others is
/// refused.
pub(crate) fn sources(root: &Utf8Path) -> Result<Vec<Source>, ConfigError> {
    let main = root.join("repo.toml");
    let text = regular_file::read_to_string(&main).map_err(ConfigError::io("read", &main))?;
    let owner = main.metadata().map_err(ConfigError::io("look at", &main))?.uid();
    let mut sources = vec![(main, text)];
    for path in drop_ins(&root.join("repo.d"), owner)? {
        let text = ownership::read(&path, owner)?;
        sources.push((path, text));
    }
    Ok(sources)
}

impl File {
    /// Lays each text over those before: tables are merged, lists are appended, and any other value replaces the one before.
    pub(crate) fn of(sources: &[Source]) -> Result<Self, ConfigError> {
        let mut table = Table::new();
        for (path, text) in sources {
            let mistake = |error| mistake(Place::in_file(path, None), text, error);
            // On its own too, as only then a mistake has its line.
            toml::from_str::<Self>(text).map_err(mistake)?;
            merge(&mut table, text.parse().map_err(mistake)?);
        }
        table.try_into().map_err(|error| mistake(Place::of_all(sources), "", error))
    }
}

/// An error with the line and the key it is at.
fn mistake(mut place: Place, text: &str, mut error: toml::de::Error) -> ConfigError {
    place.line = error.span().filter(|_| !text.is_empty()).map(|span| line_at(text, span.start));
    let message = error.message().split_whitespace().collect::<Vec<_>>().join(" ");
    // Words of the language the program is written in.
    let ours = [
        ("expected a nonzero usize", "expected a number from 1 on"),
        ("expected usize", "expected a number from 0 on"),
        ("expected a sequence", "expected a list"),
        ("expected a map", "expected a table"),
        ("expected a boolean", "expected true or false"),
        ("expected a UTF-8 path string", "expected a path"),
        ("invalid type: sequence", "invalid type: list"),
        ("invalid type: map", "invalid type: table"),
    ];
    let message = ours.iter().fold(message, |message, (theirs, ours)| message.replace(theirs, ours));
    // Without the text it is shown with the key, which has no other way out.
    error.set_input(None);
    let shown = error.to_string();
    let key = shown.trim_end().rsplit_once("\nin `").and_then(|(_, key)| key.strip_suffix('`'));
    let unknown = unknown_word(&message);
    ConfigError::Text { place, key: key.map(str::to_owned), what: message, unknown: unknown.map(Box::new) }
}

/// The word that a message is about, and those that it lists: serde tells of them in no other way.
fn unknown_word(message: &str) -> Option<UnknownWord> {
    let rest = message.strip_prefix("unknown field ").or_else(|| message.strip_prefix("unknown variant "))?;
    let mut words = rest.split('`').skip(1).step_by(2).map(str::to_owned);
    Some(UnknownWord { word: words.next()?, known: words.collect() })
}

fn drop_ins(directory: &Utf8Path, owner: u32) -> Result<Vec<Utf8PathBuf>, ConfigError> {
    let entries = match directory.read_dir_utf8() {
        Ok(entries) => entries,
        Err(error) => match repo_store::Obstacle::explain_directory(directory, error) {
            error if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            error => return Err(ConfigError::io("list", directory)(error)),
        },
    };
    ownership::check_directory(directory, owner)?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path().to_owned()));
    let mut paths = paths.collect::<Result<Vec<_>, _>>().map_err(ConfigError::io("list", directory))?;
    // Hidden files are an editor's; one of a lock, say, cannot even be read.
    let is_hidden = |path: &Utf8PathBuf| path.file_name().is_some_and(|name| name.starts_with('.'));
    paths.retain(|path| path.extension() == Some("toml") && !is_hidden(path));
    paths.sort_unstable();
    Ok(paths)
}

/// The kinds of what meets are the same: each text was read on its own.
fn merge(table: &mut Table, over: Table) {
    for (key, value) in over {
        match (table.get_mut(&key), value) {
            (Some(Value::Table(below)), Value::Table(value)) => merge(below, value),
            (Some(Value::Array(below)), Value::Array(mut value)) => {
                // A drop-in may list again what is there.
                value.retain(|item| !item.is_str() || !below.contains(item));
                below.extend(value);
            }
            (_, value) => {
                table.insert(key, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drop_ins_add_to_lists_and_tables() {
        let mut table: Table = "suites = ['a']\nurl = 'x'\n[repositories.prod]\nlabel = 'p'".parse().unwrap();
        merge(
            &mut table,
            "suites = ['b']\nurl = 'y'\n[repositories.prod]\nvalid_for = '1d'".parse().unwrap(),
        );
        assert_eq!(
            table.to_string(),
            "suites = [\"a\", \"b\"]\nurl = \"y\"\n\n[repositories.prod]\nlabel = \"p\"\nvalid_for = \"1d\"\n"
        );
    }

    #[test]
    fn hidden_files_are_no_drop_ins() {
        let directory = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(directory.path()).unwrap();
        std::fs::write(root.join("b.toml"), "").unwrap();
        std::fs::write(root.join("a.toml"), "").unwrap();
        std::fs::write(root.join(".swap.toml"), "").unwrap();
        // As Emacs makes them: it leads nowhere.
        std::os::unix::fs::symlink("me@here.1", root.join(".#a.toml")).unwrap();
        assert_eq!(
            drop_ins(root, root.metadata().unwrap().uid()).unwrap(),
            [root.join("a.toml"), root.join("b.toml")]
        );
    }

    #[test]
    fn only_drop_ins_of_the_owner_of_repo_toml_or_of_root_count() {
        let directory = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(directory.path()).unwrap();
        let (folder, file) = (root.join("repo.d"), root.join("repo.d/a.toml"));
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(root.join("repo.toml"), "").unwrap();
        std::fs::write(&file, "").unwrap();
        let mode = |path: &Utf8Path, mode| {
            let permissions = std::os::unix::fs::PermissionsExt::from_mode(mode);
            std::fs::set_permissions(path, permissions).unwrap();
        };
        let said = || sources(root).map(|found| found.len()).map_err(|failure| failure.to_string());
        for (path, right, wrong) in [(&folder, 0o775, 0o777), (&file, 0o664, 0o666)] {
            mode(path, wrong);
            assert_eq!(said(), Err(format!("{path}: mode {wrong:04o} lets everybody write to it")));
            mode(path, right);
            assert_eq!(said(), Ok(2));
        }
        let ours = root.metadata().unwrap().uid();
        if std::os::unix::fs::chown(&file, Some(ours + 1), None).is_err() {
            // Only root can give files away.
            return;
        }
        let refused = |path: &Utf8Path, owner| {
            Err(format!("{path}: it belongs to uid {owner} and not to the owner of repo.toml (uid {ours})"))
        };
        assert_eq!(said(), refused(&file, ours + 1));
        std::os::unix::fs::chown(&file, Some(ours), None).unwrap();
        std::os::unix::fs::chown(&folder, Some(ours + 1), None).unwrap();
        assert_eq!(said(), refused(&folder, ours + 1));
        std::os::unix::fs::chown(&folder, Some(ours), None).unwrap();
        // A link that somebody else moved there, to a file of the owner.
        std::fs::rename(&file, root.join("text")).unwrap();
        std::os::unix::fs::symlink(root.join("text"), &file).unwrap();
        assert_eq!(said(), Ok(2));
        std::os::unix::fs::lchown(&file, Some(ours + 1), None).unwrap();
        assert_eq!(said(), refused(&file, ours + 1));
    }

    #[test]
    fn mistakes_have_their_line_and_key() {
        let of = |text: &str| {
            let sources = [("repo.toml".into(), String::new()), ("repo.d/a.toml".into(), text.to_owned())];
            File::of(&sources).unwrap_err().to_string()
        };
        let said = [
            "pdiffs = \"many\"",
            "pdiffs = -1",
            "\n[gc]\n\nkeep_history = -5",
            "[repositories.prod]\nkeep_history = \"long\"",
            "[repositories.prod]\nkeep_history = true",
            "[[retention]]\nkeep_versions = 1\n[[retention]]\nkeep_versions = 0",
            "[repositories.prod]\nlable = \"x\"",
            "suites = [\n  \"bookworm\",\n  \"../x\",\n]",
            "[repositories.\"../x\"]",
            "url = \"h\"",
            "valid_for = \"9000000d\"",
            "suites = \"bookworm\"",
            "gc = 7",
            "[repositories]\nprod = 7",
            "repositories = []",
            "[repositories]\nprod = []",
            "gc = []",
            "route = [[]]",
            "[retention]\nkeep_versions = 1",
            "translations = \"yes\"",
            "uploaders = 7",
        ]
        .map(of);
        insta::assert_snapshot!(said.join("\n"), @r#"
        repo.d/a.toml: line 1: pdiffs: invalid type: string "many", expected a number from 0 on
        repo.d/a.toml: line 1: pdiffs: invalid value: integer `-1`, expected a number from 0 on
        repo.d/a.toml: line 4: gc.keep_history: it is at least 1: the current state always stays
        repo.d/a.toml: line 2: repositories.prod.keep_history: invalid duration `long`; use for example 14d or 36h
        repo.d/a.toml: line 2: repositories.prod.keep_history: invalid type: boolean `true`, expected a number of states or a time such as "365d"
        repo.d/a.toml: line 4: retention.keep_versions: invalid value: integer `0`, expected a number from 1 on
        repo.d/a.toml: line 2: repositories.prod: unknown field `lable`, expected one of `url`, `label`, `suites`, `flat`, `translations`, `contents`, `unknown_release`, `valid_for`, `pdiffs`, `uploaders`, `allow`, `users`, `keep_history`, `keys`
        repo.d/a.toml: line 3: suites: suite "../x": must be one path element of letters, digits and `+._-`, and not `by-hash`
        repo.d/a.toml: line 1: repositories: `../x` cannot be the name of a repository: that has lower-case letters, digits, `-`, `_` and `.`, begins with a letter or digit, and is no longer than 64 bytes
        repo.d/a.toml: line 1: url: `h` is not an address for clients: it begins with http://, https://, file:/ or copy:/, perhaps behind a prefix such as tor+
        repo.d/a.toml: line 1: valid_for: `9000000d` is longer than a hundred years
        repo.d/a.toml: line 1: suites: invalid type: string "bookworm", expected a list
        repo.d/a.toml: line 1: gc: invalid type: integer `7`, expected a table
        repo.d/a.toml: line 2: repositories.prod: invalid type: integer `7`, expected a table
        repo.d/a.toml: line 1: repositories: invalid type: list, expected a table
        repo.d/a.toml: line 2: repositories.prod: invalid type: list, expected a table
        repo.d/a.toml: line 1: gc: invalid type: list, expected a table
        repo.d/a.toml: line 1: route: invalid type: list, expected a table
        repo.d/a.toml: line 1: retention: invalid type: table, expected a list
        repo.d/a.toml: line 1: translations: invalid type: string "yes", expected true or false
        repo.d/a.toml: line 1: uploaders: invalid type: integer `7`, expected a path
        "#);
    }

    #[test]
    fn a_mistake_names_the_words_that_may_stand_there() {
        let of = |text: &str| {
            let error = File::of(&[("repo.toml".into(), text.to_owned())]).unwrap_err();
            error.unknown_word().map(|UnknownWord { word, known }| (word, known))
        };
        for (text, word, meant) in [
            ("sutes = []", "sutes", "suites"),
            ("[repositories.prod]\nlable = 'x'", "lable", "label"),
            ("unknown_release = 'refuze'", "refuze", "refuse"),
            ("[suite.a]\narchitecture_all = 'appart'", "appart", "apart"),
            ("publish = 'automatic'", "automatic", "auto"),
        ] {
            let (found, known) = of(text).unwrap();
            assert!(found == word && known.iter().any(|known| known == meant), "{text}: {known:?}");
        }
        assert_eq!(of("pdiffs = 'many'"), None);
    }

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
