//! Where in the texts of a configuration a setting stands.

use repo_store::SettingsError;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::error::{Contradiction, Place};
use crate::file::Source;

impl Place {
    /// A place in a file.
    pub(crate) fn in_file(path: &camino::Utf8Path, line: Option<usize>) -> Self {
        Self { path: path.to_owned(), line, with_drop_ins: false }
    }

    /// No particular place in what the texts make together.
    pub(crate) fn of_all(sources: &[Source]) -> Self {
        let path = sources.first().map_or_else(|| "repo.toml".into(), |(path, _)| path.clone());
        Self { path, line: None, with_drop_ins: sources.len() > 1 }
    }

    /// The place of the first of these settings that is there. The last text that has it decides what it is, unless it is a list.
    pub(crate) fn of(sources: &[Source], settings: &[Setting]) -> Self {
        settings.iter().find_map(|setting| setting.find(sources)).unwrap_or_else(|| Self::of_all(sources))
    }
}

/// A setting, as far as a place is looked for.
#[derive(Debug)]
pub(crate) enum Setting {
    /// The keys that lead to it.
    Keys(Vec<String>),
    /// The table of a number, from 1, among the tables of one name in all texts.
    Rule(&'static str, usize),
}

impl Setting {
    fn find(&self, sources: &[Source]) -> Option<Place> {
        let mut tables =
            sources.iter().filter_map(|(path, text)| Some((path, text, DeTable::parse(text).ok()?)));
        let (path, text, start) = match self {
            Self::Keys(keys) => {
                let find = |(path, text, table): (_, _, Spanned<DeTable<'_>>)| {
                    Some((path, text, start_of(table.get_ref(), keys)?))
                };
                tables.filter_map(find).next_back()?
            }
            Self::Rule(name, number) => {
                let mut before = 0;
                tables.find_map(|(path, text, table)| {
                    let rules = entry(table.get_ref(), name)?.1.get_ref().as_array()?;
                    let rule = rules.get(number.checked_sub(before + 1)?);
                    before += rules.len();
                    Some((path, text, rule?.span().start))
                })?
            }
        };
        Some(Place::in_file(path, Some(line_at(text, start))))
    }
}

fn entry<'a, 'i>(
    table: &'a DeTable<'i>,
    name: &str,
) -> Option<(&'a Spanned<std::borrow::Cow<'i, str>>, &'a Spanned<DeValue<'i>>)> {
    table.iter().find(|(key, _)| key.get_ref() == name)
}

/// Where the key begins to which these lead.
fn start_of(table: &DeTable<'_>, keys: &[String]) -> Option<usize> {
    let (first, rest) = keys.split_first()?;
    let (key, value) = entry(table, first)?;
    if rest.is_empty() { Some(key.span().start) } else { start_of(value.get_ref().as_table()?, rest) }
}

/// The line of a byte, from 1.
pub(crate) fn line_at(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}

fn keys(keys: &[&str]) -> Setting {
    Setting::Keys(keys.iter().map(|key| (*key).to_owned()).collect())
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
        SettingsError::NoComponents { suite } | SettingsError::InstallerComponent { suite, .. } => {
            of_suite(suite.as_str(), "components")
        }
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
        SettingsError::Route { number, .. } => vec![Setting::Rule("route", *number)],
        // The rest is refused where the texts are read.
        _ => Vec::new(),
    }
}

/// The settings that a contradiction is about.
pub(crate) fn contradicting(fault: &Contradiction) -> Vec<Setting> {
    match fault {
        Contradiction::ListedTwice { key } => vec![keys(&[&format!("{key}_file")])],
        Contradiction::TableWithoutSuite { suite, .. } => vec![keys(&["suite", suite.as_str()])],
        Contradiction::SameAddress { first, second, .. } => vec![
            keys(&["repositories", second.as_str(), "url"]),
            keys(&["repositories", first.as_str(), "url"]),
        ],
        Contradiction::Signer { .. } => vec![keys(&["signing", "signer"])],
        Contradiction::UnknownSuite { repository, .. } => {
            vec![keys(&["repositories", repository.as_str(), "suites"])]
        }
        Contradiction::ChannelWithoutRepository { .. } | Contradiction::ChannelTwice { .. } => {
            vec![keys(&["channels"])]
        }
        Contradiction::FolderOfNoRepository { number, .. }
        | Contradiction::FolderOfNoSuite { number, .. }
        | Contradiction::FolderOfNoComponent { number, .. }
        | Contradiction::FolderInStore { number, .. }
        | Contradiction::FolderTwice { number, .. } => vec![Setting::Rule("incoming", *number)],
        Contradiction::RouteOfNoRepository { number, .. }
        | Contradiction::RouteWithoutSuites { number, .. } => vec![Setting::Rule("route", *number)],
        Contradiction::RetentionOfNoRepository { number, .. }
        | Contradiction::RetentionOfNoSuite { number, .. }
        | Contradiction::RetentionWithoutLimit { number } => vec![Setting::Rule("retention", *number)],
    }
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
        let place = |setting| Place::of(&sources, &[setting]).to_string();
        assert_eq!(place(keys(&["compress"])), "repo.d/a.toml: line 3");
        assert_eq!(place(keys(&["suite", "a", "alias"])), "repo.toml: line 3");
        assert_eq!(place(keys(&["suite", "b", "alias"])), "repo.toml with its repo.d");
        assert_eq!(place(Setting::Rule("route", 1)), "repo.toml: line 5");
        assert_eq!(place(Setting::Rule("route", 3)), "repo.d/a.toml: line 5");
        assert_eq!(place(Setting::Rule("route", 4)), "repo.toml with its repo.d");
    }
}
