//! Changing the configuration by program: the files keep their comments and their order, and nothing is written that could not be read.
//!
//! An [`Edit`] collects what is to change, shows it as [`FileChange`]s, and writes it.

mod unset;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};

use camino::{Utf8Path, Utf8PathBuf};
use deb_parse::SuiteName;
use repo_store::RepositoryName;
use toml::de::{DeTable, DeValue};
use toml_edit::{Array, DocumentMut, Item, Key, Table, TableLike, Value};

use crate::config::Config;
use crate::description::{self, Kind};
use crate::error::ConfigError;
use crate::place::find;
use crate::regular_file;
use crate::reserved::is_reserved;
use crate::texts::{self, Source};

pub use crate::edit_error::{EditError, Editable};

/// A changed configuration that is not written yet.
///
/// ```
/// # let directory = tempfile::tempdir()?;
/// # let root = camino::Utf8Path::from_path(directory.path()).ok_or("not UTF-8")?;
/// std::fs::write(
///     root.join("repo.toml"),
///     "suites = [\"bookworm\"] # all of them\narchitectures = [\"amd64\"]\n[repositories.prod]\n",
/// )?;
/// let mut edit = repo_config::edit::Edit::new(root)?;
/// edit.set("repositories.prod.valid_for", "14d")?;
/// edit.add_suite(&deb_parse::SuiteName::parse("trixie")?)?;
/// edit.save()?;
/// assert_eq!(
///     std::fs::read_to_string(root.join("repo.toml"))?,
///     "suites = [\"bookworm\", \"trixie\"] # all of them\narchitectures = [\"amd64\"]\n[repositories.prod]\nvalid_for = \"14d\"\n"
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Edit {
    root: Utf8PathBuf,
    /// The files of the configuration, with the changes.
    sources: Vec<Source>,
    /// Files with lists of names, with the changes.
    lists: BTreeMap<Utf8PathBuf, String>,
    /// What the changed files were.
    before: BTreeMap<Utf8PathBuf, String>,
}

/// A file that is changed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileChange {
    /// The file.
    pub path: Utf8PathBuf,
    /// Its text before.
    pub before: String,
    /// Its text after.
    pub after: String,
}

impl Edit {
    /// Begins with the configuration in `root` as it is. It may have mistakes: a change may put them right.
    ///
    /// # Errors
    /// [`ConfigError::Io`], [`ConfigError::Ownership`].
    pub fn new(root: &Utf8Path) -> Result<Self, ConfigError> {
        let sources = texts::sources(root)?;
        Ok(Self { root: root.to_owned(), sources, lists: BTreeMap::new(), before: BTreeMap::new() })
    }

    /// Sets a setting in the file that has it, or else in the file that has its table, or else in `repo.toml`. A text needs no
    /// quotation marks, and a list may be written with commas alone. An inline table sets what is in it and leaves the other settings of the
    /// table as they are: settings that cannot stand alone come together so.
    ///
    /// # Errors
    /// [`EditError::UnknownSetting`], [`EditError::Table`], [`EditError::NoSuch`], [`EditError::SeveralFiles`].
    pub fn set(&mut self, key: &str, value: &str) -> Result<(), EditError> {
        let unknown = |known| EditError::UnknownSetting { key: key.to_owned(), known };
        let keys: Vec<String> = Key::parse(key)
            .map_err(|_| unknown(Vec::new()))?
            .iter()
            .map(|key| key.get().to_owned())
            .collect();
        let Some(found) = description::find(&keys) else { return Err(unknown(known_settings(&keys))) };
        if let Some(whole) = table_kind(&found.kind) {
            let table = value.parse().ok().filter(|_| matches!(found.kind, Kind::Table(_)));
            let Some(Value::InlineTable(table)) = table else {
                return Err(EditError::Table { key: key.to_owned(), whole });
            };
            return table.iter().try_for_each(|(name, value)| {
                let name = Key::new(name);
                self.set(&format!("{key}.{name}"), value.to_string().trim())
            });
        }
        if let [table, name, ..] = &*keys
            && table == "repositories"
            && !self.repositories().contains(name)
        {
            let known = self.repositories();
            return Err(EditError::NoSuch { what: Editable::Repository, name: name.clone(), known });
        }
        let value = edited_value(&found.kind, value);
        if let Some((rule, number, inner)) = rule_in(&keys) {
            return self.change_rule(&rule, number, |table| put(table, &inner, value));
        }
        let having = self.files_with(&keys);
        if having.len() > 1 && value.is_array() {
            let files = having.iter().filter_map(|at| self.sources.get(*at)).map(|(path, _)| path.clone());
            return Err(EditError::SeveralFiles { key: key.to_owned(), files: files.collect() });
        }
        let with_table = |keys: &[String]| self.files_with(keys).last().copied();
        let table = keys.split_last().and_then(|(_, table)| with_table(table).filter(|_| !table.is_empty()));
        let place = having.last().copied().or(table).unwrap_or(0);
        self.change(place, |document| put(document.as_table_mut(), &keys, value))
    }

    /// Changes the table of a number, from 1, among those of one name in all files.
    fn change_rule(
        &mut self,
        rule: &[String],
        number: usize,
        change: impl FnOnce(&mut dyn TableLike) -> Option<()>,
    ) -> Result<(), EditError> {
        let mut before = 0;
        for place in 0..self.sources.len() {
            let Some((_, text)) = self.sources.get(place) else { break };
            let (table, _) = DeTable::parse_recoverable(text);
            let here = find(table.get_ref(), rule).and_then(|(_, value)| value.get_ref().as_array());
            let here = here.map_or(0, |rules| rules.len());
            if let Some(index) = number.checked_sub(before + 1).filter(|index| *index < here) {
                return self.change(place, |document| {
                    let rules =
                        rule.iter().try_fold(document.as_item_mut(), |item, key| item.get_mut(key))?;
                    change(rules.get_mut(index)?.as_table_like_mut()?)
                });
            }
            before += here;
        }
        let (what, name) = (Editable::Table, format!("{}.{number}", rule.join(".")));
        Err(EditError::NoSuch { what, name, known: Vec::new() })
    }

    /// Adds a suite: to the list, in the file that has it, or to the file of its own that has the list.
    ///
    /// # Errors
    /// [`EditError::Exists`].
    pub fn add_suite(&mut self, suite: &SuiteName) -> Result<(), EditError> {
        let config = self.config();
        if config.suite_names.contains(suite) {
            return Err(EditError::Exists { what: Editable::Suite, name: suite.to_string() });
        }
        if let Some(path) = config.file.suites_file.as_ref().map(|path| self.root.join(path)) {
            return self.change_list(&path, |text| {
                let end = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
                format!("{text}{end}{suite}\n")
            });
        }
        let place = self.files_with(&["suites".to_owned()]).last().copied().unwrap_or(0);
        self.change(place, |document| {
            let list = document.as_table_mut().entry("suites").or_insert(Item::Value(Array::new().into()));
            push(list.as_array_mut()?, suite.as_str());
            Some(())
        })
    }

    /// Removes a suite: from the list, from the lists of repositories, and with its table. What else names it stays, and is a mistake then.
    ///
    /// # Errors
    /// [`EditError::NoSuch`].
    pub fn remove_suite(&mut self, suite: &SuiteName) -> Result<(), EditError> {
        let config = self.config();
        if !config.suite_names.contains(suite) {
            let known = config.suite_names.iter().map(ToString::to_string).collect();
            return Err(EditError::NoSuch { what: Editable::Suite, name: suite.to_string(), known });
        }
        if let Some(path) = config.file.suites_file.as_ref().map(|path| self.root.join(path)) {
            let is_other = |line: &&str| line.split('#').next().unwrap_or_default().trim() != suite.as_str();
            self.change_list(&path, |text| text.split_inclusive('\n').filter(is_other).collect())?;
        }
        for place in 0..self.sources.len() {
            self.remove_table(place, &["suite".to_owned(), suite.to_string()])?;
            self.change(place, |document| {
                let root = document.as_table_mut();
                if let Some(list) = root.get_mut("suites").and_then(Item::as_array_mut) {
                    take(list, suite.as_str());
                }
                let repositories = root.get_mut("repositories").and_then(Item::as_table_like_mut);
                for (_, table) in repositories.into_iter().flat_map(|tables| tables.iter_mut()) {
                    let list = table.get_mut("suites").and_then(Item::as_array_mut);
                    list.into_iter().for_each(|list| take(list, suite.as_str()));
                }
                Some(())
            })?;
        }
        Ok(())
    }

    /// Adds a repository, with these suites or with all: in the file that has the others, or in `repo.toml`.
    ///
    /// # Errors
    /// [`EditError::Exists`]; [`EditError::Reserved`] for one of the [names](crate::RESERVED) under which something else is served.
    pub fn add_repository(&mut self, name: &RepositoryName, suites: &[SuiteName]) -> Result<(), EditError> {
        if is_reserved(name) {
            return Err(EditError::Reserved { name: name.clone() });
        }
        if self.repositories().iter().any(|known| known == name.as_str()) {
            return Err(EditError::Exists { what: Editable::Repository, name: name.to_string() });
        }
        let place = self.files_with(&["repositories".to_owned()]).last().copied().unwrap_or(0);
        self.change(place, |document| {
            let mut implicit = Table::new();
            implicit.set_implicit(true);
            let all = document.as_table_mut().entry("repositories").or_insert(Item::Table(implicit));
            let mut table = Table::new();
            if !suites.is_empty() {
                let list: Array = suites.iter().map(SuiteName::as_str).collect();
                table.insert("suites", Item::Value(list.into()));
            }
            let all = all.as_table_like_mut()?;
            // Behind the other repositories, with what comments there are between them.
            let last = all.iter().filter_map(|(_, item)| item.as_table()?.position()).max();
            table.set_position(last);
            all.insert(name.as_str(), Item::Table(table));
            Some(())
        })
    }

    /// Removes a repository and takes it out of the order of promotion. What else names it stays, and is a mistake then.
    ///
    /// # Errors
    /// [`EditError::NoSuch`].
    pub fn remove_repository(&mut self, name: &str) -> Result<(), EditError> {
        let known = self.repositories();
        if !known.iter().any(|known| known == name) {
            return Err(EditError::NoSuch { what: Editable::Repository, name: name.to_owned(), known });
        }
        for place in 0..self.sources.len() {
            self.remove_table(place, &["repositories".to_owned(), name.to_owned()])?;
            self.change(place, |document| {
                if let Some(list) = document.as_table_mut().get_mut("channels").and_then(Item::as_array_mut) {
                    take(list, name);
                }
                Some(())
            })?;
        }
        Ok(())
    }

    /// Returns the files that are changed.
    #[must_use]
    pub fn changes(&self) -> Vec<FileChange> {
        let lists = self.lists.iter();
        // A drop-in before what it lies on: what is taken out is not named any more then.
        let files = self.sources.iter().rev().map(|(path, text)| (path, text)).chain(lists);
        let changed = files.filter_map(|(path, after)| {
            let before = self.before.get(path).filter(|before| *before != after)?;
            Some(FileChange { path: path.clone(), before: before.clone(), after: after.clone() })
        });
        changed.collect()
    }

    /// Returns the configuration as it would be.
    ///
    /// # Errors
    /// [`EditError::Refused`] with the first mistake that it would have.
    pub fn check(&self) -> Result<Config, EditError> {
        let (config, mistakes) = Config::judged_with(&self.root, &self.sources, &self.lists, false);
        let Some(mut error) = mistakes.into_iter().next() else { return Ok(config) };
        // Nobody finds a line that is not written.
        if error.path().is_some_and(|path| self.before.contains_key(path)) {
            error.forget_line();
        }
        Err(EditError::Refused(error))
    }

    /// Replaces each changed file in one step, if the configuration is right then. Modes and owners stay as they are.
    ///
    /// # Errors
    /// [`EditError::Refused`]; [`EditError::Changed`] when somebody else changed a file meanwhile; [`ConfigError::Io`].
    pub fn save(&self) -> Result<Vec<FileChange>, EditError> {
        self.check()?;
        let changes = self.changes();
        // Of two who change it at once the second finds what the first wrote.
        let _lock = lock(&self.root).map_err(ConfigError::io("lock", &self.root))?;
        for change in &changes {
            let now = regular_file::read_to_string(&change.path);
            if now.map_err(ConfigError::io("read", &change.path))? != change.before {
                return Err(EditError::Changed { path: change.path.clone() });
            }
        }
        for change in &changes {
            replace(&change.path, &change.after).map_err(ConfigError::io("write", &change.path))?;
        }
        Ok(changes)
    }

    fn config(&self) -> Config {
        Config::judged_with(&self.root, &self.sources, &self.lists, false).0
    }

    /// The names of the repositories, also of those that have a mistake.
    fn repositories(&self) -> Vec<String> {
        let table = texts::merged(&self.sources);
        let table = table.get("repositories").and_then(toml::Value::as_table);
        table.map_or_else(Vec::new, |table| table.keys().cloned().collect())
    }

    /// The places of the files that have a setting or a table.
    fn files_with(&self, keys: &[String]) -> Vec<usize> {
        let has = |(_, (_, text)): &(usize, &Source)| {
            find(DeTable::parse_recoverable(text).0.get_ref(), keys).is_some()
        };
        self.sources.iter().enumerate().filter(has).map(|(place, _)| place).collect()
    }

    fn change(
        &mut self,
        place: usize,
        change: impl FnOnce(&mut DocumentMut) -> Option<()>,
    ) -> Result<(), EditError> {
        let Some((path, text)) = self.sources.get_mut(place) else { return Ok(()) };
        let mut document: DocumentMut = match text.parse() {
            Ok(document) => document,
            Err(_) => {
                let mistakes = Config::judged_with(&self.root, &self.sources, &self.lists, false).1;
                return mistakes.into_iter().next().map_or(Ok(()), |error| Err(EditError::Refused(error)));
            }
        };
        change(&mut document).ok_or_else(|| EditError::Form { path: path.clone() })?;
        let after = document.to_string();
        if after != *text {
            let before = std::mem::replace(text, after);
            self.before.entry(path.clone()).or_insert(before);
        }
        Ok(())
    }

    fn change_list(&mut self, path: &Utf8Path, change: impl FnOnce(&str) -> String) -> Result<(), EditError> {
        let text = match self.lists.get(path) {
            Some(text) => text.clone(),
            None => regular_file::read_to_string(path).map_err(ConfigError::io("read", path))?,
        };
        self.lists.insert(path.to_owned(), change(&text));
        self.before.entry(path.to_owned()).or_insert(text);
        Ok(())
    }

    /// Removes a table with its header. What is written above it stays: it may be about more than this table.
    fn remove_table(&mut self, place: usize, keys: &[String]) -> Result<(), EditError> {
        let Some((path, text)) = self.sources.get_mut(place) else { return Ok(()) };
        if let Some(after) = without_table(text, keys) {
            let before = std::mem::replace(text, after);
            self.before.entry(path.clone()).or_insert(before);
            return Ok(());
        }
        self.change(place, |document| unset::take_out(document.as_table_mut(), keys))
    }
}

/// The text without a table that has a header of its own, from that to its last value.
fn without_table(text: &str, keys: &[String]) -> Option<String> {
    let (document, _) = DeTable::parse_recoverable(text);
    let (key, value) = find(document.get_ref(), keys)?;
    let begin = text.get(..key.span().start)?.rfind('\n').map_or(0, |at| at + 1);
    if !text.get(begin..)?.starts_with('[') {
        return None;
    }
    let last = end_of(value.get_ref()).max(key.span().end);
    let end = text.get(last..)?.find('\n').map_or(text.len(), |at| last + at + 1);
    let (above, below) = (text.get(..begin)?, text.get(end..)?);
    // Of two blank lines one is too many.
    let is_apart = above.ends_with("\n\n") && (below.is_empty() || below.starts_with('\n'));
    let above = if is_apart { above.get(..begin - 1)? } else { above };
    Some(format!("{above}{below}"))
}

/// Where the last value in it ends.
fn end_of(value: &DeValue<'_>) -> usize {
    match value {
        DeValue::Table(table) => {
            let ends = table
                .iter()
                .map(|(key, value)| key.span().end.max(value.span().end).max(end_of(value.get_ref())));
            ends.max().unwrap_or(0)
        }
        _ => 0,
    }
}

/// Puts a value into a table, with what tables are needed; `None` when something else is in the way.
fn put(table: &mut dyn TableLike, keys: &[String], value: Value) -> Option<()> {
    let (first, rest) = keys.split_first()?;
    if !rest.is_empty() {
        let mut implicit = Table::new();
        implicit.set_implicit(rest.len() > 1);
        let inner = table.entry(first).or_insert(Item::Table(implicit));
        return put(inner.as_table_like_mut()?, rest, value);
    }
    match table.get_mut(first) {
        Some(Item::Value(old)) => {
            let decor = old.decor().clone();
            *old = value;
            *old.decor_mut() = decor;
        }
        Some(Item::None) | None => drop(table.insert(first, Item::Value(value))),
        Some(_) => return None,
    }
    Some(())
}

/// Adds an item as the last one is written.
fn push(list: &mut Array, item: &str) {
    let prefix = list.iter().last().and_then(|last| last.decor().prefix()?.as_str());
    // What is written behind the item before stays there.
    let prefix = match prefix.and_then(|prefix| prefix.rfind('\n').and_then(|at| prefix.get(at..))) {
        Some(line) => line.to_owned(),
        None if list.is_empty() => String::new(),
        None => " ".to_owned(),
    };
    let mut value = Value::from(item);
    value.decor_mut().set_prefix(prefix);
    let behind = list.trailing().as_str().unwrap_or_default().to_owned();
    if let Some((comment, _)) = behind.split_once('\n').filter(|(comment, _)| comment.contains('#')) {
        let rest = behind.get(comment.len()..).unwrap_or_default().to_owned();
        let prefix =
            format!("{comment}{}", value.decor().prefix().and_then(|prefix| prefix.as_str()).unwrap_or("\n"));
        value.decor_mut().set_prefix(prefix);
        list.set_trailing(rest);
    }
    list.push_formatted(value);
}

/// Takes an item out of a list, with what is written behind it on its line.
fn take(list: &mut Array, item: &str) {
    let place_of = |list: &Array| list.iter().position(|value| value.as_str() == Some(item));
    while let Some(place) = place_of(list) {
        let prefix = |value: &Value| {
            value.decor().prefix().and_then(|prefix| prefix.as_str()).unwrap_or_default().to_owned()
        };
        let removed = prefix(&list.remove(place));
        let next = list.get(place).map(prefix);
        let follows = next.clone().unwrap_or_else(|| list.trailing().as_str().unwrap_or_default().to_owned());
        let line_end = |text: &str| text.find('\n');
        let joined = match (line_end(&removed), line_end(&follows)) {
            (Some(own), Some(end)) => {
                [removed.get(..own), follows.get(end..)].into_iter().flatten().collect()
            }
            _ if place == 0 => follows.trim_start_matches(' ').to_owned(),
            _ => follows,
        };
        match list.get_mut(place) {
            Some(value) => value.decor_mut().set_prefix(joined),
            None => list.set_trailing(joined),
        }
    }
}

/// The list of tables that keys lead into, the number in it, and the keys from there on.
fn rule_in(keys: &[String]) -> Option<(Vec<String>, usize, Vec<String>)> {
    let place = keys.iter().position(|key| key.parse::<usize>().is_ok())?;
    let (rule, rest) = keys.split_at_checked(place)?;
    let (number, inner) = rest.split_first()?;
    let is_list = description::find(rule).is_some_and(|found| matches!(found.kind, Kind::List(_)));
    is_list.then(|| Some((rule.to_vec(), number.parse().ok()?, inner.to_vec())))?
}

/// What is set one by one in what is not a value.
fn table_kind(kind: &Kind) -> Option<&'static str> {
    match kind {
        Kind::Table(_) | Kind::Named(..) => Some("a table"),
        Kind::Texts => Some("a table of texts"),
        Kind::List(kind) if matches!(**kind, Kind::Table(_)) => Some("a list of tables"),
        _ => None,
    }
}

/// The settings beside one that does not exist, with the keys that lead to them.
fn known_settings(keys: &[String]) -> Vec<String> {
    let wrong = (1..=keys.len()).find(|end| keys.get(..*end).and_then(description::find).is_none());
    let above = wrong.and_then(|end| keys.get(..end - 1)).unwrap_or_default();
    let with_path = |key: String| [above, &[key]].concat().join(".");
    description::keys_in(above).into_iter().map(with_path).collect()
}

/// A value as it was given: TOML, or a text without quotation marks.
fn edited_value(kind: &Kind, text: &str) -> Value {
    let parsed = text.parse::<Value>().ok();
    let is_quoted = |value: &Value| value.is_str();
    match kind {
        Kind::Truth | Kind::Number(_) => parsed.unwrap_or_else(|| text.into()),
        Kind::HistoryLength => {
            parsed.filter(|value| value.is_integer() || value.is_str()).unwrap_or_else(|| text.into())
        }
        Kind::List(_) if text.trim_start().starts_with('[') => parsed.unwrap_or_else(|| text.into()),
        Kind::List(_) => {
            let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
            Value::from(items.collect::<Array>())
        }
        _ => parsed.filter(is_quoted).unwrap_or_else(|| text.into()),
    }
}

/// Waits until nobody else writes the configuration, and holds that off.
fn lock(root: &Utf8Path) -> io::Result<File> {
    let directory = File::open(root)?;
    rustix::fs::flock(&directory, rustix::fs::FlockOperation::LockExclusive)?;
    Ok(directory)
}

/// Replaces a file, or what a link to it leads to, in one step and durably.
fn replace(path: &Utf8Path, text: &str) -> io::Result<()> {
    let path = path.canonicalize_utf8()?;
    let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    let before = path.metadata()?;
    // What was left behind by one that was killed is in nobody's way.
    let new = directory.join(format!(".{name}.{}.new", std::process::id()));
    let write = || {
        // Of a process of that number that was killed.
        match fs::remove_file(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = File::options().write(true).create_new(true).mode(0o600).open(&new)?;
        file.write_all(text.as_bytes())?;
        let made = file.metadata()?;
        if (made.uid(), made.gid()) != (before.uid(), before.gid()) {
            std::os::unix::fs::fchown(&file, Some(before.uid()), Some(before.gid()))?;
        }
        file.set_permissions(fs::Permissions::from_mode(before.mode() & 0o7777))?;
        file.sync_all()?;
        fs::rename(&new, &path)
    };
    write().inspect_err(|_| {
        let _ = fs::remove_file(&new);
    })?;
    File::open(directory)?.sync_all()
}

#[cfg(test)]
mod tests;
