//! Where in the texts of a configuration a setting stands.

use std::fmt;
use std::ops::Range;

use camino::{Utf8Path, Utf8PathBuf};
use repo_store::error::{RouteFault, SettingsError};
use repo_store::model::ProfileName;
use toml::Spanned;
use toml::de::{DeArray, DeString, DeTable, DeValue};

use crate::error::{Contradiction, GateFault, HookFault, Place, ProfileFault};
use crate::texts::Source;

impl Place {
    /// A file, and no particular place in it.
    pub(crate) fn in_file(path: &Utf8Path) -> Self {
        Self { path: path.to_owned(), line: None, column: None, with_drop_ins: false, excerpt: None }
    }

    /// The place of some bytes of the text of a file.
    pub(crate) fn in_text(path: &Utf8Path, text: &str, span: &Range<usize>) -> Self {
        let start = (0..=span.start.min(text.len())).rev().find(|at| text.is_char_boundary(*at));
        let start = start.unwrap_or(0);
        let before = text.get(..start).unwrap_or_default();
        let number = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
        let begin = before.rfind('\n').map_or(0, |at| at + 1);
        let line = text.get(begin..).unwrap_or_default().lines().next().unwrap_or_default();
        let column = before.get(begin..).unwrap_or_default().chars().count() + 1;
        let end = span.end.min(begin + line.len());
        let width = text.get(start..end).map_or(1, |marked| marked.chars().count().max(1));
        let excerpt = (!may_hold_secret(line)).then(|| Excerpt::new(number, line, column, width));
        Self { line: Some(number), column: Some(column), excerpt, ..Self::in_file(path) }
    }

    /// No particular place in what the texts make together.
    pub(crate) fn of_all(sources: &[Source]) -> Self {
        let path = sources.first().map_or_else(|| "repo.toml".into(), |(path, _)| path.clone());
        Self { with_drop_ins: sources.len() > 1, ..Self::in_file(&path) }
    }

    /// The place of the first of these settings that is there. The last text that has it decides what it is, unless it is a list.
    pub(crate) fn of(sources: &[Source], settings: &[Setting]) -> Self {
        settings.iter().find_map(|setting| setting.find(sources)).unwrap_or_else(|| Self::of_all(sources))
    }
}

/// Returns whether a line sets what nobody else should read. Secrets do not belong in the configuration, but a mistake may put one there.
pub(crate) fn may_hold_secret(line: &str) -> bool {
    let key = line.split('=').next().unwrap_or_default().to_ascii_lowercase();
    let is_file = key.trim_end().ends_with("_file");
    // Of a hook: anybody who knows the path of its address, or its query, can write there.
    let has_path = || {
        let (_, value) = line.split_once("url").unwrap_or_default();
        let rest = value.split_once("://").map_or(value, |(_, rest)| rest);
        rest.trim_end_matches(['/', '\'', '"', ' ']).contains(['/', '?', '@'])
    };
    !is_file && (["pass", "secret", "token"].iter().any(|word| key.contains(word)) || has_path())
}

/// A line of a text with a mark below what is wrong in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excerpt {
    text: String,
}

impl Excerpt {
    /// The most characters of a line that are shown.
    const LONGEST: usize = 160;

    fn new(number: usize, line: &str, column: usize, width: usize) -> Self {
        let skipped = if column > Self::LONGEST / 2 { column - Self::LONGEST / 4 } else { 0 };
        let shown: String = line.chars().skip(skipped).take(Self::LONGEST).collect();
        let shown = shown.replace('\t', " ");
        let before = column.saturating_sub(1 + skipped);
        let width = width.min(shown.chars().count().saturating_sub(before)).max(1);
        let (shown, carets) = (shown.trim_end(), "^".repeat(width));
        Self { text: format!("{number:>5} | {shown}\n      | {:before$}{carets}", "") }
    }
}

impl Excerpt {
    /// Replaces the number of the line by the mark of a line that is added.
    pub(crate) fn forget_number(&mut self) {
        if let Some((_, rest)) = self.text.split_once(" | ") {
            self.text = format!("    + | {rest}");
        }
    }
}

impl fmt::Display for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A setting, as far as a place is looked for.
#[derive(Clone, Debug)]
pub(crate) struct Setting {
    /// The keys that lead to it.
    keys: Vec<String>,
    /// The number, from 1, among the tables of one name in all texts, and the keys from that table on.
    rule: Option<(usize, Vec<String>)>,
    /// The item of the list that is meant.
    item: Option<String>,
}

impl Setting {
    /// The setting that these keys lead to.
    pub(crate) fn of(keys: &[&str]) -> Self {
        Self { keys: owned(keys), rule: None, item: None }
    }

    /// A setting in the table of a number, from 1, among those of one name in all texts; without keys the table itself.
    pub(crate) fn in_rule(name: &[&str], number: usize, keys: &[&str]) -> Self {
        Self { keys: owned(name), rule: Some((number, owned(keys))), item: None }
    }

    /// The same, and an item in the list that it is.
    fn item(mut self, item: &impl ToString) -> Self {
        self.item = Some(item.to_string());
        self
    }

    fn find(&self, sources: &[Source]) -> Option<Place> {
        let tables = sources.iter().map(|(path, text)| (path, text, DeTable::parse_recoverable(text).0));
        match &self.rule {
            None => self.find_value(&tables.collect::<Vec<_>>()),
            Some((number, keys)) => self.find_in_rule(tables, *number, keys),
        }
    }

    fn find_value(&self, tables: &[Parsed<'_>]) -> Option<Place> {
        let with_item = |(path, text, table): &Parsed<'_>| {
            let span = item_span(find(table.get_ref(), &self.keys)?.1, self.item.as_deref()?)?;
            Some(Place::in_text(path, text, &span))
        };
        let value = |(path, text, table): &Parsed<'_>| {
            let (key, value) = find(table.get_ref(), &self.keys)?;
            Some(Place::in_text(path, text, &span_of(key, value)))
        };
        tables.iter().rev().find_map(with_item).or_else(|| tables.iter().rev().find_map(value))
    }

    fn find_in_rule<'a>(
        &self,
        tables: impl Iterator<Item = Parsed<'a>>,
        number: usize,
        keys: &[String],
    ) -> Option<Place> {
        let mut before = 0;
        for (path, text, table) in tables {
            let rules = find(table.get_ref(), &self.keys).and_then(|(_, value)| value.get_ref().as_array());
            let Some(rules) = rules else { continue };
            if let Some(rule) = number.checked_sub(before + 1).and_then(|at| rules.get(at)) {
                let found = rule.get_ref().as_table().and_then(|table| find(table, keys));
                let span = found.map(|(key, value)| {
                    let item = self.item.as_deref().and_then(|item| item_span(value, item));
                    item.unwrap_or_else(|| span_of(key, value))
                });
                return Some(Place::in_text(path, text, &span.unwrap_or_else(|| rule.span())));
            }
            before += rules.len();
        }
        None
    }
}

/// A file, its text, and what that says.
type Parsed<'a> = (&'a Utf8PathBuf, &'a String, Spanned<DeTable<'a>>);

fn owned(keys: &[&str]) -> Vec<String> {
    keys.iter().map(|key| (*key).to_owned()).collect()
}

type Pair<'a, 'i> = (&'a Spanned<DeString<'i>>, &'a Spanned<DeValue<'i>>);

/// The key and the value to which these keys lead.
pub(crate) fn find<'a, 'i>(table: &'a DeTable<'i>, keys: &[String]) -> Option<Pair<'a, 'i>> {
    let (first, rest) = keys.split_first()?;
    let (key, value) = table.iter().find(|(key, _)| key.get_ref() == first)?;
    if rest.is_empty() { Some((key, value)) } else { find(value.get_ref().as_table()?, rest) }
}

/// What is marked of a setting: its value, or its key where the value is a table and may be long.
pub(crate) fn span_of(key: &Spanned<DeString<'_>>, value: &Spanned<DeValue<'_>>) -> Range<usize> {
    let has_tables = |values: &DeArray<'_>| values.iter().any(|value| value.get_ref().is_table());
    let is_table = value.get_ref().is_table() || value.get_ref().as_array().is_some_and(has_tables);
    if is_table { key.span() } else { value.span() }
}

/// The item of a list. The last of two that are the same is the one too many.
fn item_span(value: &Spanned<DeValue<'_>>, item: &str) -> Option<Range<usize>> {
    let mut items = value.get_ref().as_array()?.iter().rev();
    items.find(|value| value.get_ref().as_str() == Some(item)).map(Spanned::span)
}

fn keys(keys: &[&str]) -> Setting {
    Setting::of(keys)
}

/// The settings that a refusal of the store may be about, the likeliest first.
pub(crate) fn refused(error: &SettingsError) -> Vec<Setting> {
    let of_suite = |suite: &str, key: &str| vec![keys(&["suite", suite, key]), keys(&[key])];
    match error {
        SettingsError::NoSuites { repository } => vec![
            keys(&["repositories", repository.as_str(), "suites"]),
            keys(&["suites"]),
            keys(&["suites_file"]),
            keys(&["repositories", repository.as_str()]),
        ],
        SettingsError::AliasTaken { suite, .. } => vec![keys(&["suite", suite.as_str(), "alias"])],
        SettingsError::NoArchitectures { suite } => {
            let mut found = of_suite(suite.as_str(), "architectures");
            found.push(keys(&["architectures_file"]));
            found
        }
        SettingsError::NoComponents { suite } => of_suite(suite.as_str(), "components"),
        SettingsError::InstallerComponent { suite, component, .. } => of_suite(suite.as_str(), "components")
            .into_iter()
            .map(|setting| setting.item(component))
            .collect(),
        SettingsError::UnknownFlat { repository, .. } => {
            vec![keys(&["repositories", repository.as_str(), "flat"])]
        }
        SettingsError::NoEncoding { kind: Some(kind) } => {
            let key = crate::compress::key_of(*kind);
            key.map(|key| keys(&["compress_index", key])).into_iter().collect()
        }
        SettingsError::NoEncoding { kind: None } => vec![keys(&["compress"])],
        SettingsError::NoCommonEncoding => {
            vec![keys(&["compress_index", "packages"]), keys(&["compress"])]
        }
        SettingsError::Route { number, fault } => {
            let rule = |keys: &[&str]| Setting::in_rule(&["route"], *number, keys);
            vec![match fault {
                RouteFault::UnknownSuite { suite, .. } => rule(&["suites"]).item(suite),
                RouteFault::UnknownComponent { .. } => rule(&["component"]),
                _ => rule(&[]),
            }]
        }
        // The rest is refused where the texts are read.
        _ => Vec::new(),
    }
}

/// The setting that a profile or a machine cannot work with.
pub(crate) fn in_profile(fault: &ProfileFault) -> Setting {
    let profile = |name: &ProfileName, key: &str| keys(&["profile", name.as_str(), key]);
    match fault {
        ProfileFault::UnknownProfile { table, name, key, unknown, .. } => {
            keys(&[table, name, key]).item(unknown)
        }
        ProfileFault::Cycle { profile: name, include, .. } => profile(name, "includes").item(include),
        ProfileFault::Empty { profile } => keys(&["profile", profile.as_str()]),
        ProfileFault::Exclude { profile: name, package, .. } => profile(name, "exclude").item(package),
        ProfileFault::UnknownSuite { profile: name, suite, .. } => profile(name, "suites").item(suite),
        ProfileFault::UnknownArchitecture { profile: name, architecture, .. } => {
            profile(name, "architectures").item(architecture)
        }
    }
}

/// The settings that a contradiction is about.
pub(crate) fn contradicting(fault: &Contradiction) -> Vec<Setting> {
    let folder = |number: &usize, keys: &[&str]| Setting::in_rule(&["incoming"], *number, keys);
    let route = |number: &usize, keys: &[&str]| Setting::in_rule(&["route"], *number, keys);
    let retention = |number: &usize, keys: &[&str]| Setting::in_rule(&["retention"], *number, keys);
    vec![match fault {
        Contradiction::ListedTwice { key } => keys(&[&format!("{key}_file")]),
        Contradiction::TableWithoutSuite { suite, .. } => keys(&["suite", suite.as_str()]),
        Contradiction::SameAddress { first, second, .. } => {
            return vec![
                keys(&["repositories", second.as_str(), "url"]),
                keys(&["repositories", first.as_str(), "url"]),
            ];
        }
        Contradiction::NoCertificate => return vec![keys(&["serve", "tls"]), keys(&["serve", "listen"])],
        Contradiction::LoginBeforeTls { repository } => {
            return vec![keys(&["repositories", repository.as_str(), "url"]), keys(&["url"])];
        }
        Contradiction::ListensTwice { second, .. } => {
            keys(&["serve", "listen"]).item(&second.strip_prefix("http://").unwrap_or(second))
        }
        Contradiction::NothingToRedirectTo => keys(&["serve", "redirect_to_https"]),
        Contradiction::AccessTwice { repository } => keys(&["repositories", repository.as_str(), "access"]),
        Contradiction::Signer { number } => Setting::in_rule(&["signing", "signer"], *number, &[]),
        Contradiction::UnknownSuite { repository, suite, .. } => {
            keys(&["repositories", repository.as_str(), "suites"]).item(suite)
        }
        Contradiction::ChannelWithoutRepository { repository, .. }
        | Contradiction::ChannelTwice { repository } => keys(&["channels"]).item(repository),
        Contradiction::FolderOfNoRepository { number, .. } => folder(number, &["repository"]),
        Contradiction::FolderOfNoSuite { number, suite, .. } => folder(number, &["suites"]).item(suite),
        Contradiction::FolderOfNoComponent { number, .. } => folder(number, &["component"]),
        Contradiction::FolderInStore { number, .. } | Contradiction::FolderTwice { number, .. } => {
            folder(number, &["folder"])
        }
        Contradiction::ArchiveInStore { number, .. } => folder(number, &["after"]),
        Contradiction::BackupInStore { .. } => keys(&["schedule", "backup", "to"]),
        Contradiction::RouteOfNoRepository { number, repository, .. } => {
            route(number, &["repositories"]).item(repository)
        }
        Contradiction::RouteWithoutSuites { number, .. } => route(number, &["suites"]),
        Contradiction::Gate { number, fault } => {
            let gate = |keys: &[&str]| Setting::in_rule(&["gate"], *number, keys);
            match fault {
                GateFault::UnknownRepository { key, repository, .. } => gate(&[key]).item(repository),
                GateFault::Everything { key } => gate(&[key]),
                GateFault::NotATag { .. } => gate(&["tagged"]),
                GateFault::NotAField { .. } => gate(&["require_fields"]),
                GateFault::TooOld { .. } => gate(&["minimum_age"]),
                GateFault::NowhereFirst { key } | GateFault::DropFolder { key, .. } => gate(&[key]),
                GateFault::ToItself { .. } => gate(&["from"]),
                GateFault::NoRule => gate(&[]),
            }
        }
        Contradiction::Hook { number, fault } => {
            let hook = |keys: &[&str]| Setting::in_rule(&["hook"], *number, keys);
            match fault {
                HookFault::UnknownRepository { repository, .. } => hook(&["repositories"]).item(repository),
                HookFault::NoEvents => hook(&["on"]),
                HookFault::Timeout => hook(&["timeout"]),
                HookFault::NoToken => hook(&["format"]),
                HookFault::Target
                | HookFault::OnlyWithUrl
                | HookFault::SameName { .. }
                | HookFault::NoName => hook(&[]),
            }
        }
        Contradiction::RuleOfNoRepository { table, number, key, repository, .. } => {
            Setting::in_rule(&[table], *number, &[key]).item(repository)
        }
        Contradiction::RuleOfNoSuite { table, number, key, suite, .. } => {
            Setting::in_rule(&[table], *number, &[key]).item(suite)
        }
        Contradiction::RetentionWithoutLimit { number } => retention(number, &["kept_by"]),
    }]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_found_in_the_text_that_decides() {
        let sources = [
            ("repo.toml".into(), "compress = ['xz']\n[suite.a]\nalias = 'x'\n\n[[route]]\n".to_owned()),
            ("repo.d/a.toml".into(), "\n\ncompress = ['gz']\n[[route]]\n[[route]]\n".to_owned()),
        ];
        let place = |setting: Setting| Place::of(&sources, &[setting]).to_string();
        let route = |number| Setting::in_rule(&["route"], number, &[]);
        assert_eq!(place(keys(&["compress"])), "repo.d/a.toml:3:12");
        assert_eq!(place(keys(&["suite", "a", "alias"])), "repo.toml:3:9");
        assert_eq!(place(keys(&["suite", "a"])), "repo.toml:2:8");
        assert_eq!(place(keys(&["compress"]).item(&"gz")), "repo.d/a.toml:3:13");
        assert_eq!(place(keys(&["compress"]).item(&"xz")), "repo.toml:1:13");
        assert_eq!(place(keys(&["suite", "b", "alias"])), "repo.toml with its repo.d");
        assert_eq!(place(route(1)), "repo.toml:5:1");
        assert_eq!(place(route(3)), "repo.d/a.toml:5:1");
        assert_eq!(place(route(4)), "repo.toml with its repo.d");
    }

    #[test]
    fn the_mark_is_below_what_is_meant() {
        let excerpt = |text: &str, span: Range<usize>| {
            let place = Place::in_text("x".into(), text, &span);
            (place.line, place.column, place.excerpt.map(|excerpt| excerpt.to_string()))
        };
        let shown = |number, column, text: &str| (Some(number), Some(column), Some(text.to_owned()));
        assert_eq!(excerpt("a = 1\nbé\t= 'x'\n", 12..15), shown(2, 6, "    2 | bé = 'x'\n      |      ^^^"));
        assert_eq!(excerpt("a", 9..12), shown(1, 2, "    1 | a\n      |  ^"));
        assert_eq!(excerpt("a = [\n1]", 4..8), shown(1, 5, "    1 | a = [\n      |     ^"));
        let long = format!("a = '{}'", "x".repeat(500));
        assert!(excerpt(&long, 400..401).2.unwrap().lines().all(|line| line.len() < 180));
        assert_eq!(excerpt("passphrase = 'hunter2'", 13..22), (Some(1), Some(14), None));
        assert!(excerpt("passphrase_file = 7", 18..19).2.is_some());
    }
}
