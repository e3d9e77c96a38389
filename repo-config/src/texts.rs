//! The texts of `repo.toml` and its drop-ins, read so that all mistakes in them are found at once.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::ops::Range;
use std::os::unix::fs::MetadataExt as _;

use camino::{Utf8Path, Utf8PathBuf};
use serde::de::Deserialize as _;
use toml::de::{DeArray, DeTable, DeValue};
use toml::{Spanned, Table, Value};
use toml_edit::Key;

use crate::error::{ConfigError, Place, UnknownWord};
use crate::file::File;
use crate::nearest::nearest;
use crate::ownership;
use crate::place;
use crate::regular_file;

/// A file of the configuration: its path and its text.
pub(crate) type Source = (Utf8PathBuf, String);

/// The tables that have names which other settings refer to.
const NAMED: [&str; 3] = ["repositories", "suite", "profile"];

/// The most mistakes of one file that are listed.
const MOST: usize = 100;

/// The text of `repo.toml` in `root` and of every `repo.d/*.toml`, in the order of their names. What in `repo.d` belongs to others is
/// refused.
pub(crate) fn sources(root: &Utf8Path) -> Result<Vec<Source>, ConfigError> {
    let (sources, refused) = readable_sources(root)?;
    refused.into_iter().next().map_or(Ok(sources), Err)
}

/// The same, with what cannot be read of `repo.d` beside what can.
pub(crate) fn readable_sources(root: &Utf8Path) -> Result<(Vec<Source>, Vec<ConfigError>), ConfigError> {
    let main = root.join("repo.toml");
    let text = regular_file::read_to_string(&main).map_err(ConfigError::io("read", &main))?;
    let owner = main.metadata().map_err(ConfigError::io("look at", &main))?.uid();
    let (mut sources, mut refused) = (vec![(main, text)], Vec::new());
    match drop_ins(&root.join("repo.d"), owner) {
        Err(error) => refused.push(error),
        Ok(paths) => {
            for path in paths {
                match ownership::read(&path, owner) {
                    Ok(text) => sources.push((path, text)),
                    Err(error) => refused.push(error),
                }
            }
        }
    }
    Ok((sources, refused))
}

/// What sound texts say together, as a table.
pub(crate) fn merged(sources: &[Source]) -> Table {
    let mut merged = Table::new();
    for table in sources.iter().filter_map(|(_, text)| text.parse().ok()) {
        merge(&mut merged, table);
    }
    merged
}

/// What texts say, as far as they can be understood.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    /// What they say together.
    pub(crate) file: File,
    /// What is wrong with each of them.
    pub(crate) mistakes: Vec<ConfigError>,
    /// The keys of what was left out of `file` because of a mistake: what is said of them says nothing.
    pub(crate) spoiled: BTreeSet<String>,
    /// Whether a whole text was left out.
    pub(crate) is_partial: bool,
}

impl Reading {
    /// Lays each text over those before: tables are merged, lists are appended, and any other value replaces the one before.
    pub(crate) fn of(sources: &[Source]) -> Self {
        let (mut reading, mut merged) = (Self::default(), Table::new());
        for (path, text) in sources {
            match reading.understand(path, text) {
                Some(table) => merge(&mut merged, table),
                None => reading.is_partial = true,
            }
        }
        match merged.try_into() {
            Ok(file) => reading.file = file,
            Err(error) => {
                let place = |_: &Range<usize>| Place::of_all(sources);
                reading.mistakes.push(mistake(place, Place::of_all(sources), error));
                reading.is_partial = true;
            }
        }
        reading
    }

    /// Returns what a text says without what is wrong in it; `None` when it is not TOML.
    fn understand(&mut self, path: &Utf8Path, text: &str) -> Option<Table> {
        let place = |span: &Range<usize>| Place::in_text(path, text, span);
        let (mut table, errors) = DeTable::parse_recoverable(text);
        if !errors.is_empty() {
            let mut last = None;
            for error in errors.into_iter().take(MOST) {
                let first = error.span().and_then(|span| first_of_two(text, &span));
                let is_duplicate = error.message().trim_start().starts_with("duplicate key");
                let mut mistake = mistake(place, Place::in_file(path), error);
                if let (ConfigError::Text { what, .. }, Some(first)) =
                    (&mut mistake, first.filter(|_| is_duplicate))
                {
                    let line = place(&first).line.unwrap_or_default();
                    let _ = write!(what, "; the first is in line {line}");
                }
                // What follows on the same line comes of it.
                if mistake.line().is_none() || mistake.line() != last {
                    last = mistake.line();
                    self.mistakes.push(mistake);
                }
            }
            return None;
        }
        for _ in 0..MOST {
            let Err(error) = File::deserialize(toml::de::Deserializer::from(table.clone())) else {
                return Table::deserialize(toml::de::Deserializer::from(table)).ok();
            };
            let span = error.span();
            let mistake = mistake(place, Place::in_file(path), error);
            if let Some(UnknownWord { word, known }) = mistake.unknown_word() {
                self.spoiled.extend(nearest(&word, known.iter().map(String::as_str)).map(str::to_owned));
            }
            // A setting that was left out is not missing.
            let is_told = self.spoiled.iter().any(|key| lacks(&mistake, key));
            if !is_told {
                self.mistakes.push(mistake);
            }
            let keys = span.and_then(|span| take_out(table.get_mut(), &span))?;
            // What names a repository, a suite or a profile goes with it; one with a mistake inside is there all the same.
            let is_name = matches!(&*keys, [table, _] if NAMED.contains(&&**table));
            self.spoiled.extend(keys.into_iter().rev().take(1 + usize::from(is_name)));
        }
        None
    }
}

/// Returns where the table or setting stands first that stands once more at `second`.
fn first_of_two(text: &str, second: &Range<usize>) -> Option<Range<usize>> {
    let keys_of = |line: &str| -> Option<Vec<String>> {
        let keys = Key::parse(line.trim_start().strip_prefix('[')?.split(']').next()?).ok()?;
        Some(keys.iter().map(|key| key.get().to_owned()).collect())
    };
    let before = text.get(..second.start)?;
    let begin = before.rfind('\n').map_or(0, |at| at + 1);
    let line = text.get(begin..)?.lines().next()?;
    let keys = match keys_of(line) {
        Some(keys) => keys,
        None => {
            let mut keys = text.get(..begin)?.lines().rev().find_map(keys_of).unwrap_or_default();
            keys.extend(Key::parse(line.split('=').next()?).ok()?.iter().map(|key| key.get().to_owned()));
            keys
        }
    };
    // The table of the whole text has the second.
    let (table, _) = DeTable::parse_recoverable(text.get(..begin)?);
    place::find(table.get_ref(), &keys).map(|(key, _)| key.span())
}

/// Returns whether an error is about the lack of a setting.
fn lacks(error: &ConfigError, key: &str) -> bool {
    matches!(error, ConfigError::Text { what, .. } if *what == format!("missing field `{key}`"))
}

/// Takes the innermost thing at these bytes out of a table; returns the keys that led to it.
fn take_out(table: &mut DeTable<'_>, span: &Range<usize>) -> Option<Vec<String>> {
    for (key, value) in table.iter_mut() {
        if let Some(keys) = take_out_of_value(value.get_mut(), span) {
            // An empty list would be another mistake.
            let is_over = value.get_ref().as_array().is_some_and(|items| items.is_empty());
            let (key, name) = (key.clone(), key.get_ref().to_string());
            if is_over {
                table.remove(&key);
            }
            return Some([vec![name], keys].concat());
        }
    }
    let is_meant =
        |(key, value): &(&Spanned<_>, &Spanned<DeValue<'_>>)| key.span() == *span || value.span() == *span;
    let key = table.iter().find(is_meant)?.0.clone();
    table.remove(&key);
    Some(vec![key.get_ref().to_string()])
}

fn take_out_of_value(value: &mut DeValue<'_>, span: &Range<usize>) -> Option<Vec<String>> {
    match value {
        DeValue::Table(table) => take_out(table, span),
        DeValue::Array(items) => {
            if let Some(keys) = items.iter_mut().find_map(|item| take_out_of_value(item.get_mut(), span)) {
                return Some(keys);
            }
            items.iter().find(|item| item.span() == *span)?;
            *items = items.iter().filter(|item| item.span() != *span).cloned().collect::<DeArray<'_>>();
            Some(Vec::new())
        }
        _ => None,
    }
}

#[cfg(test)]
impl File {
    /// Returns what the texts say together.
    ///
    /// # Errors
    /// [`ConfigError::Text`] with the first mistake.
    pub(crate) fn of(sources: &[Source]) -> Result<Self, ConfigError> {
        let Reading { file, mistakes, .. } = Reading::of(sources);
        mistakes.into_iter().next().map_or(Ok(file), Err)
    }
}

/// An error with the place and the key it is at.
fn mistake(
    place: impl Fn(&Range<usize>) -> Place,
    elsewhere: Place,
    mut error: toml::de::Error,
) -> ConfigError {
    let place = error.span().map_or(elsewhere, |span| place(&span));
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
    let message = match message.split_once(", expected ") {
        // It quotes what may be a secret in the wrong form.
        Some((_, expected)) if key.is_some_and(place::may_hold_secret) => format!("expected {expected}"),
        _ => message,
    };
    let unknown = unknown_word(&message);
    ConfigError::Text {
        place: place.into(),
        key: key.map(str::to_owned),
        what: message,
        unknown: unknown.map(Box::new),
    }
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
        Err(error) => match repo_store::storage::Obstacle::explain_directory(directory, error) {
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
    fn what_stands_twice_is_named_with_its_first_place() {
        for (text, first) in [
            ("[serve]\n[suite.a]\nalias = 'x'\n[serve]\n", Some(1)),
            ("[suite.a]\nalias = 'x'\n[suite.b]\nalias = 'y'\nlabel = 'l'\nalias = 'z'\n", Some(4)),
            ("# one\npdiffs = 1\npdiffs = 2\n", Some(2)),
            ("[suite.a]\n[suite.b]\n[suite.\"a\"]\n", Some(1)),
            ("pdiffs = \n", None),
        ] {
            let reading = Reading::of(&[("repo.toml".into(), text.to_owned())]);
            let said = reading.mistakes.first().unwrap().to_string();
            let line = said.rsplit_once("; the first is in line ").map(|(_, line)| line.parse().unwrap());
            assert_eq!(line, first, "{said}");
        }
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
        repo.d/a.toml:1:10: pdiffs: invalid type: string "many", expected a number from 0 on
        repo.d/a.toml:1:10: pdiffs: invalid value: integer `-1`, expected a number from 0 on
        repo.d/a.toml:4:16: gc.keep_history: it is at least 1: the current state always stays
        repo.d/a.toml:2:16: repositories.prod.keep_history: invalid duration `long`; use for example 14d or 36h
        repo.d/a.toml:2:16: repositories.prod.keep_history: invalid type: boolean `true`, expected a number of states or a time such as "365d"
        repo.d/a.toml:4:17: retention.keep_versions: invalid value: integer `0`, expected a number from 1 on
        repo.d/a.toml:2:1: repositories.prod: unknown field `lable`, expected one of `url`, `label`, `suites`, `flat`, `translations`, `contents`, `unknown_release`, `valid_for`, `pdiffs`, `uploaders`, `allow`, `users`, `access`, `keep_history`, `keys`
        repo.d/a.toml:3:3: suites: suite "../x": must be one path element of letters, digits and `+._-`, and not `by-hash`
        repo.d/a.toml:1:15: repositories: `../x` cannot be the name of a repository: that has lower-case letters, digits, `-`, `_` and `.`, begins with a letter or digit, and is no longer than 64 bytes
        repo.d/a.toml:1:7: url: `h` is not an address for clients: it begins with http://, https://, file:/ or copy:/, perhaps behind a prefix such as tor+
        repo.d/a.toml:1:13: valid_for: `9000000d` is longer than a hundred years
        repo.d/a.toml:1:10: suites: invalid type: string "bookworm", expected a list
        repo.d/a.toml:1:6: gc: invalid type: integer `7`, expected a table
        repo.d/a.toml:2:8: repositories.prod: invalid type: integer `7`, expected a table
        repo.d/a.toml:1:16: repositories: invalid type: list, expected a table
        repo.d/a.toml:2:8: repositories.prod: invalid type: list, expected a table
        repo.d/a.toml:1:6: gc: invalid type: list, expected a table
        repo.d/a.toml:1:10: route: invalid type: list, expected a table
        repo.d/a.toml:1:1: retention: invalid type: table, expected a list
        repo.d/a.toml:1:16: translations: invalid type: string "yes", expected true or false
        repo.d/a.toml:1:13: uploaders: invalid type: integer `7`, expected a path
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
}
