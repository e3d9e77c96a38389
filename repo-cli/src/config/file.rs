//! The text of `repo.toml` and its drop-ins, as tables.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use jiff::SignedDuration;
use serde::Deserialize;
use toml::{Table, Value};

use crate::error::Failure;

/// All tables together.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct File {
    pub(super) origin: Option<String>,
    pub(super) url: Option<String>,
    pub(super) suites: Vec<String>,
    pub(super) suites_file: Option<Utf8PathBuf>,
    pub(super) architectures: Vec<String>,
    pub(super) architectures_file: Option<Utf8PathBuf>,
    pub(super) components: Option<Vec<String>>,
    pub(super) compress: Option<Vec<String>>,
    pub(super) compress_index: CompressTable,
    pub(super) translations: bool,
    pub(super) contents: bool,
    pub(super) valid_for: Option<String>,
    pub(super) pdiffs: Option<usize>,
    pub(super) uploaders: Option<Utf8PathBuf>,
    pub(super) publish: Publish,
    pub(super) serve: ServeTable,
    pub(super) repositories: BTreeMap<String, RepositoryTable>,
    pub(super) suite: BTreeMap<String, SuiteTable>,
    pub(super) route: Vec<RouteTable>,
    pub(super) retention: Vec<RetentionTable>,
    pub(super) gc: GcTable,
}

/// Compressed forms of indices of one kind.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct CompressTable {
    pub(super) packages: Option<Vec<String>>,
    pub(super) sources: Option<Vec<String>>,
    pub(super) contents: Option<Vec<String>>,
    pub(super) translation: Option<Vec<String>>,
}

/// Where packages for all architectures are listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum All {
    #[default]
    Folded,
    Apart,
}

/// When changes are published.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Publish {
    #[default]
    Auto,
    Manual,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ServeTable {
    pub(super) listen: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RepositoryTable {
    pub(super) label: Option<String>,
    pub(super) suites: Option<Vec<String>>,
    pub(super) flat: Option<String>,
    pub(super) translations: Option<bool>,
    pub(super) contents: Option<bool>,
    pub(super) valid_for: Option<String>,
    pub(super) pdiffs: Option<usize>,
    pub(super) uploaders: Option<Utf8PathBuf>,
    pub(super) allow: Vec<String>,
    pub(super) users: Option<Utf8PathBuf>,
    pub(super) keep_history: Option<HistoryLength>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct SuiteTable {
    pub(super) architectures: Option<Vec<String>>,
    pub(super) architecture_all: All,
    pub(super) components: Option<Vec<String>>,
    pub(super) markers: Option<Vec<String>>,
    pub(super) only_routed: bool,
    pub(super) alias: Option<String>,
    pub(super) version: Option<String>,
    pub(super) changelogs: Option<String>,
    pub(super) description: Option<String>,
    pub(super) not_automatic: bool,
    pub(super) but_automatic_upgrades: bool,
}

/// A rule about where packages go.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RouteTable {
    pub(super) repositories: Vec<String>,
    pub(super) packages: Vec<String>,
    pub(super) sections: Vec<String>,
    pub(super) fields: BTreeMap<String, String>,
    pub(super) component: Option<String>,
    pub(super) suites: Vec<String>,
}

/// A rule of retention.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RetentionTable {
    pub(super) repositories: Vec<String>,
    pub(super) suites: Vec<String>,
    pub(super) packages: Vec<String>,
    pub(super) sections: Vec<String>,
    pub(super) fields: BTreeMap<String, String>,
    pub(super) keep_versions: Option<usize>,
    pub(super) keep_for: Option<String>,
    pub(super) kept_by: Vec<String>,
}

/// How much of a history is kept: so many states, or those of a time.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum HistoryLength {
    States(u64),
    Time(String),
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct GcTable {
    pub(super) grace: Option<String>,
    pub(super) keep_history: Option<HistoryLength>,
}

impl File {
    /// Reads `repo.toml` and lays every `repo.d/*.toml` over it: tables are merged, lists are appended, and any other value
    /// replaces the one before.
    pub(super) fn load(root: &Utf8Path) -> Result<Self, Failure> {
        let main = root.join("repo.toml");
        let mut table = read(&main)?;
        let mut paths = vec![main.clone()];
        for path in drop_ins(&root.join("repo.d"))? {
            merge(&mut table, read(&path)?);
            paths.push(path);
        }
        table.try_into().map_err(|error: toml::de::Error| {
            let path = if paths.len() == 1 { main } else { format!("{main} with its repo.d").into() };
            Failure::Config { path, what: one_line(&error) }
        })
    }
}

fn read(path: &Utf8Path) -> Result<Table, Failure> {
    let text = std::fs::read_to_string(path).map_err(Failure::io("read", path))?;
    text.parse().map_err(|error: toml::de::Error| {
        let line = error.span().map(|span| text.get(..span.start).unwrap_or_default().lines().count().max(1));
        let place = line.map(|line| format!("line {line}: ")).unwrap_or_default();
        Failure::Config { path: path.to_owned(), what: format!("{place}{}", one_line(&error)) }
    })
}

fn drop_ins(directory: &Utf8Path) -> Result<Vec<Utf8PathBuf>, Failure> {
    let entries = match directory.read_dir_utf8() {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Failure::io("list", directory)(error)),
    };
    let paths = entries.map(|entry| entry.map(|entry| entry.path().to_owned()));
    let mut paths = paths.collect::<Result<Vec<_>, _>>().map_err(Failure::io("list", directory))?;
    paths.retain(|path| path.extension() == Some("toml"));
    paths.sort_unstable();
    Ok(paths)
}

fn merge(table: &mut Table, over: Table) {
    for (key, value) in over {
        match (table.get_mut(&key), value) {
            (Some(Value::Table(below)), Value::Table(value)) => merge(below, value),
            (Some(Value::Array(below)), Value::Array(value)) => below.extend(value),
            (_, value) => {
                table.insert(key, value);
            }
        }
    }
}

fn one_line(error: &toml::de::Error) -> String {
    error.message().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A time such as `14d`, `36h`, `90m` or `30s`.
pub(crate) fn duration(text: &str) -> Option<SignedDuration> {
    let unit_starts = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at_checked(unit_starts)?;
    let seconds = match unit.trim() {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        "w" => 7 * 86_400,
        _ => return None,
    };
    let number: i64 = number.parse().ok()?;
    number.checked_mul(seconds).filter(|seconds| *seconds > 0).map(SignedDuration::from_secs)
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
        let file: File = table.try_into().unwrap();
        assert_eq!(file.suites, ["a", "b"]);
        assert_eq!(file.url.as_deref(), Some("y"));
        let prod = &file.repositories["prod"];
        assert_eq!((prod.label.as_deref(), prod.valid_for.as_deref()), (Some("p"), Some("1d")));
    }

    #[test]
    fn durations() {
        assert_eq!(duration("14d"), Some(SignedDuration::from_hours(14 * 24)));
        assert_eq!(duration("90m"), Some(SignedDuration::from_mins(90)));
        for bad in ["", "d", "14", "-1d", "0h", "1y", "99999999999999999999d"] {
            assert_eq!(duration(bad), None, "{bad}");
        }
    }
}
