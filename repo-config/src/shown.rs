//! Which settings count, and where each value comes from.

use camino::Utf8PathBuf;
use toml::Table;

use crate::config::Config;
use crate::description::{self, Description, Kind, WhenUnset};
use crate::error::Place;
use crate::hook::HookUrl;
use crate::place::Setting;
use crate::texts::merged;
use crate::value::{FromText as _, Text};

/// A setting that counts.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ShownSetting {
    /// The keys that lead to it, with dots between them; tables of a list have their number, from 1.
    pub key: String,
    /// Its value; `None` when nothing is set.
    pub value: Option<toml::Value>,
    /// What counts where no value does, in words.
    pub words: Option<&'static str>,
    /// Where it is set: several places for a list that several files add to. Empty for a default.
    pub places: Vec<(Utf8PathBuf, Option<usize>)>,
}

impl Config {
    /// Returns every setting that counts: those that are set, those that a repository or a suite takes over, and the defaults.
    #[must_use]
    pub fn shown(&self) -> Vec<ShownSetting> {
        let table = merged(&self.sources);
        let mut shown = Vec::new();
        self.show_table(&description::settings(), &[], &table, &mut shown);
        shown
    }

    fn show_table(
        &self,
        settings: &[Description],
        above: &[String],
        table: &Table,
        shown: &mut Vec<ShownSetting>,
    ) {
        for setting in settings {
            let keys = [above, &[setting.key.to_owned()]].concat();
            match &setting.kind {
                Kind::Table(settings) => self.show_table(settings, &keys, table, shown),
                Kind::Named(_, kind) => {
                    let Kind::Table(settings) = &**kind else { continue };
                    for name in self.names_of(setting.key) {
                        self.show_table(settings, &[&*keys, &[name]].concat(), table, shown);
                    }
                }
                Kind::List(kind) if matches!(**kind, Kind::Table(_)) => {
                    let Kind::Table(settings) = &**kind else { continue };
                    self.show_rules(settings, &keys, table, shown);
                }
                _ => shown.push(self.show(setting, &keys, table)),
            }
        }
    }

    /// The names by which there are tables.
    fn names_of(&self, key: &str) -> Vec<String> {
        match key {
            "suite" => self.suite_names.iter().map(ToString::to_string).collect(),
            "profile" => self.file.profile.keys().map(|Text(name)| name.to_string()).collect(),
            "machine" => self.file.machine.keys().map(|Text(name)| name.to_string()).collect(),
            _ => self.repositories.keys().map(ToString::to_string).collect(),
        }
    }

    /// The tables of a list: only what is set in them.
    fn show_rules(
        &self,
        settings: &[Description],
        keys: &[String],
        table: &Table,
        shown: &mut Vec<ShownSetting>,
    ) {
        let rules = value_at(table, keys).and_then(|value| value.as_array().cloned()).unwrap_or_default();
        let name: Vec<&str> = keys.iter().map(String::as_str).collect();
        for (place, rule) in rules.iter().enumerate() {
            for setting in settings {
                let Some(value) = rule.get(setting.key) else { continue };
                let value =
                    if name == ["hook"] && setting.key == "url" { masked(value) } else { value.clone() };
                let place_of = Setting::in_rule(&name, place + 1, &[setting.key]);
                shown.push(ShownSetting {
                    key: format!("{}.{}.{}", keys.join("."), place + 1, setting.key),
                    value: Some(value),
                    words: None,
                    places: place_in(&Place::of(&self.sources, &[place_of])),
                });
            }
        }
    }

    fn show(&self, setting: &Description, keys: &[String], table: &Table) -> ShownSetting {
        let key = dotted(keys);
        let of_list = |value: toml::Value, path: &Utf8PathBuf| ShownSetting {
            key: dotted(keys),
            value: Some(value),
            words: None,
            places: vec![(self.root.join(path), None)],
        };
        // A list in a file of its own.
        let names = |names: Vec<String>| toml::Value::from(names);
        match (&*key, &self.file.suites_file, &self.file.architectures_file) {
            ("suites", Some(path), _) => {
                return of_list(names(self.suite_names.iter().map(ToString::to_string).collect()), path);
            }
            ("architectures", _, Some(path)) => {
                return of_list(names(self.architectures.iter().map(ToString::to_string).collect()), path);
            }
            _ => {}
        }
        if let Some(value) = value_at(table, keys) {
            let places = self.places_of(keys, value.is_array());
            return ShownSetting { key, value: Some(value.clone()), words: None, places };
        }
        let unset = |value, words| ShownSetting { key: key.clone(), value, words, places: Vec::new() };
        match setting.when_unset() {
            WhenUnset::Nothing => unset(None, None),
            WhenUnset::Words(words) => unset(None, Some(words)),
            WhenUnset::Value(text) => unset(value_of(text), None),
            WhenUnset::SameAs(other) => {
                let other: Vec<String> = other.split('.').map(str::to_owned).collect();
                let found = description::find(&other).map(|setting| self.show(&setting, &other, table));
                found.map_or_else(|| unset(None, None), |found| ShownSetting { key: key.clone(), ..found })
            }
        }
    }

    /// Where a setting is set: in every file that has it when it is a list, or else in the last one.
    fn places_of(&self, keys: &[String], is_list: bool) -> Vec<(Utf8PathBuf, Option<usize>)> {
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let found = self.sources.iter().filter_map(|source| {
            let place = Place::of(std::slice::from_ref(source), &[Setting::of(&keys)]);
            place.line.is_some().then_some((place.path, place.line))
        });
        let mut places: Vec<_> = found.collect();
        if !is_list {
            places.drain(..places.len().saturating_sub(1));
        }
        places
    }
}

/// The address of a hook without what may be a secret.
fn masked(url: &toml::Value) -> toml::Value {
    let read = url.as_str().and_then(|text| HookUrl::from_text(text).ok());
    toml::Value::from(read.map_or_else(|| "…".to_owned(), |url| url.to_string()))
}

fn place_in(place: &Place) -> Vec<(Utf8PathBuf, Option<usize>)> {
    vec![(place.path.clone(), place.line)]
}

/// Keys with dots between them; one that has a dot in it is quoted.
fn dotted(keys: &[String]) -> String {
    let quoted = |key: &String| if key.contains('.') { format!("\"{key}\"") } else { key.clone() };
    keys.iter().map(quoted).collect::<Vec<_>>().join(".")
}

fn value_at<'a>(table: &'a Table, keys: &[String]) -> Option<&'a toml::Value> {
    let (first, rest) = keys.split_first()?;
    let value = table.get(first)?;
    if rest.is_empty() { Some(value) } else { value_at(value.as_table()?, rest) }
}

/// A value that is written as TOML.
pub(crate) fn value_of(text: &str) -> Option<toml::Value> {
    let value = toml::de::ValueDeserializer::parse(text).ok()?;
    serde::Deserialize::deserialize(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_has_its_origin() {
        let sources = [
            (
                "/r/repo.toml".into(),
                "suites = ['a']\narchitectures = ['amd64']\nvalid_for = '7d'\n[repositories.prod]\n\
                 [[retention]]\nkeep_versions = 3\n"
                    .to_owned(),
            ),
            (
                "/r/repo.d/x.toml".into(),
                "suites = ['b']\nvalid_for = '9d'\n[repositories.\"t.x\"]\nvalid_for = '2d'\n[[retention]]\nkeep_for = '1d'\n"
                    .to_owned(),
            ),
        ];
        let shown = Config::of("/r".into(), &sources).unwrap().shown();
        let line = |key: &str| {
            let shown = shown.iter().find(|shown| shown.key == key).unwrap();
            let places = shown.places.iter().map(|(path, line)| format!("{path}:{}", line.unwrap_or(0)));
            let value =
                shown.value.as_ref().map_or_else(|| format!("{:?}", shown.words), ToString::to_string);
            format!("{key} = {value} ({})", places.collect::<Vec<_>>().join(", "))
        };
        let keys = [
            "suites",
            "valid_for",
            "pdiffs",
            "origin",
            "repositories.prod.valid_for",
            "repositories.\"t.x\".valid_for",
            "repositories.prod.label",
            "repositories.prod.pdiffs",
            "repositories.prod.suites",
            "repositories.prod.keep_history",
            "suite.b.components",
            "retention.1.keep_versions",
            "retention.2.keep_for",
            "gc.grace",
        ];
        insta::assert_snapshot!(keys.map(line).join("\n"), @r#"
        suites = ["a", "b"] (/r/repo.toml:1, /r/repo.d/x.toml:1)
        valid_for = "9d" (/r/repo.d/x.toml:2)
        pdiffs = 14 ()
        origin = None ()
        repositories.prod.valid_for = "9d" (/r/repo.d/x.toml:2)
        repositories."t.x".valid_for = "2d" (/r/repo.d/x.toml:4)
        repositories.prod.label = Some("its name") ()
        repositories.prod.pdiffs = 14 ()
        repositories.prod.suites = ["a", "b"] (/r/repo.toml:1, /r/repo.d/x.toml:1)
        repositories.prod.keep_history = None ()
        suite.b.components = ["main"] ()
        retention.1.keep_versions = 3 (/r/repo.toml:6)
        retention.2.keep_for = "1d" (/r/repo.d/x.toml:6)
        gc.grace = "7d" ()
        "#);
    }
}
