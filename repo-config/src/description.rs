//! What every setting is, as the types in which the configuration is read tell: the schema, the documentation, the settings that count and
//! their editing all go by it.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;

use apt_index::Encoding;
use apt_sign::Fingerprint;
use camino::Utf8PathBuf;
use deb_parse::{Architecture, Component, PackageName, SuiteName};
use jiff::SignedDuration;
use repo_store::RepositoryName;
use repo_store::model::{HolderName, HookName, ProfileName};
use repo_store::settings::profile::{PackageRange, Pin};

use crate::drop_folders::AfterTaking;
use crate::file::{All, Attested, File, OnUnknownRelease, Publish, Together};
use crate::freeze::DaysOfWeek;
use crate::hook::{HookEvents, HookFormat, HookUrl, MailAddress};
use crate::log_target::LogTarget;
use crate::monitoring::{AccessLog, MetricsAddress};
use crate::network::Network;
use crate::passphrase::Credential;
use crate::schedule::{BackupTime, Recurrence};
use crate::url::Url;
use crate::value::{HistoryLength, Line, Listen, OrNone, Size, Text};
use crate::ways_in::Condition;

/// A setting in a table.
#[derive(Clone, Debug)]
pub(crate) struct Description {
    pub(crate) key: &'static str,
    pub(crate) kind: Kind,
    pub(crate) meaning: &'static str,
    default: &'static str,
    pub(crate) example: &'static str,
}

/// What counts when a setting is not set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WhenUnset {
    /// Nothing.
    Nothing,
    /// This value, as TOML.
    Value(&'static str),
    /// The value of another setting.
    SameAs(&'static str),
    /// What these words say.
    Words(&'static str),
}

impl Description {
    pub(crate) fn new(
        key: &'static str,
        kind: Kind,
        meaning: &'static str,
        default: &'static str,
        example: &'static str,
    ) -> Self {
        Self { key, kind, meaning: meaning.trim_ascii(), default, example }
    }

    /// Returns what counts when it is not set.
    pub(crate) fn when_unset(&self) -> WhenUnset {
        match (self.default, self.default.strip_prefix('^'), self.default.strip_prefix('(')) {
            ("", ..) => WhenUnset::Nothing,
            (_, Some(other), _) => WhenUnset::SameAs(other),
            (_, _, Some(words)) => WhenUnset::Words(words.trim_end_matches(')')),
            (value, ..) => WhenUnset::Value(value),
        }
    }

    /// Returns whether its table cannot do without it.
    pub(crate) fn is_required(&self) -> bool {
        self.when_unset() == WhenUnset::Words("required")
    }
}

/// What the value of a setting can be.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    /// A text, and what it is.
    Text(&'static str),
    /// One of these words.
    Word(&'static [&'static str]),
    /// `true` or `false`.
    Truth,
    /// A number that is not less than this.
    Number(u64),
    /// A number of states, or a time.
    HistoryLength,
    /// Any number of these.
    List(Box<Kind>),
    /// Texts by names of one's own.
    Texts,
    /// A table.
    Table(Vec<Description>),
    /// A table for each name, and what has the names.
    Named(&'static str, Box<Kind>),
}

impl Kind {
    /// Says what the value is.
    #[cfg(test)]
    pub(crate) fn words(&self) -> String {
        match self {
            Self::Text(what) => (*what).to_owned(),
            Self::Word(words) => {
                let words: Vec<String> = words.iter().map(|word| format!("`\"{word}\"`")).collect();
                format!("one of {}", words.join(", "))
            }
            Self::Truth => "`true` or `false`".to_owned(),
            Self::Number(least) => format!("number from {least} on"),
            Self::HistoryLength => "number of states, or duration".to_owned(),
            Self::List(kind) => format!("list: {}", kind.words()),
            Self::Texts => "table of texts".to_owned(),
            Self::Table(_) | Self::Named(..) => "table".to_owned(),
        }
    }
}

/// A type in which a setting is read.
pub(crate) trait Typed {
    /// Returns what the value can be.
    fn kind() -> Kind;
}

impl<T: Typed> Typed for Option<T> {
    fn kind() -> Kind {
        T::kind()
    }
}

impl<T: Typed> Typed for Vec<T> {
    fn kind() -> Kind {
        Kind::List(Box::new(T::kind()))
    }
}

impl<K: Named, T: Typed> Typed for BTreeMap<Text<K>, T> {
    fn kind() -> Kind {
        Kind::Named(K::WHAT, Box::new(T::kind()))
    }
}

impl Typed for BTreeMap<String, String> {
    fn kind() -> Kind {
        Kind::Texts
    }
}

/// A name by which there are tables.
pub(crate) trait Named {
    /// What has the name.
    const WHAT: &'static str;
}

impl Named for RepositoryName {
    const WHAT: &'static str = "REPOSITORY";
}

impl Named for ProfileName {
    const WHAT: &'static str = "PROFILE";
}

impl Named for HolderName {
    const WHAT: &'static str = "MACHINE";
}

impl Named for SuiteName {
    const WHAT: &'static str = "SUITE";
}

macro_rules! kinds {
    ($($type:ty: $kind:expr;)*) => {$(
        impl Typed for $type {
            fn kind() -> Kind {
                $kind
            }
        }
    )*};
}

kinds! {
    bool: Kind::Truth;
    usize: Kind::Number(0);
    NonZeroUsize: Kind::Number(1);
    String: Kind::Text("text");
    Utf8PathBuf: Kind::Text("path");
    HistoryLength: Kind::HistoryLength;
    All: Kind::Word(&["folded", "apart"]);
    OnUnknownRelease: Kind::Word(&["refuse", "everywhere"]);
    Publish: Kind::Word(&["auto", "manual"]);
    Together: Kind::Word(&["source"]);
    Attested: Kind::Word(&["build"]);
    Text<Condition>: Kind::Text("network, `users:FILE`, `tokens` or `public`");
    Text<BackupTime>: Kind::Text("`after-change`, `hourly`, `daily HH:MM` or `weekly DAY HH:MM`");
    Text<Recurrence>: Kind::Text("`hourly`, `daily HH:MM` or `weekly DAY HH:MM`");
    Text<DaysOfWeek>: Kind::Text("part of the week: `DAY HH:MM .. DAY HH:MM`");
    Text<AfterTaking>: Kind::Text("`delete`, or `archive:` and a directory");
    Text<Architecture>: Kind::Text("architecture");
    Text<Component>: Kind::Text("component");
    Text<Credential>: Kind::Text("`credential:NAME`");
    Text<Encoding>: Kind::Word(&["xz", "gz", "zst", "bz2", "none"]);
    Text<Fingerprint>: Kind::Text("fingerprint");
    HookFormat: Kind::Word(&["json", "slack", "mattermost", "matrix", "teams"]);
    Text<HookEvents>: Kind::Text("event");
    Text<HookName>: Kind::Text("name");
    Text<HookUrl>: Kind::Text("URL of a web server");
    Text<MailAddress>: Kind::Text("mail address");
    Text<LogTarget>: Kind::Text("`journald`, `syslog:FACILITY`, `stderr` or `json`");
    Text<AccessLog>: Kind::Text("`journald`, `stderr`, `json`, `combined:FILE` or `json:FILE`");
    Text<MetricsAddress>: Kind::Text("address and port");
    Text<Line>: Kind::Text("line of text");
    Text<OrNone<Line>>: Kind::Text("line of text");
    Text<OrNone<SuiteName>>: Kind::Text("suite");
    Text<Listen>: Kind::Text("address and port");
    Text<Network>: Kind::Text("network or address");
    Pin: Kind::Word(&["exact", "at-least"]);
    Text<PackageName>: Kind::Text("package");
    Text<PackageRange>: Kind::Text("package, perhaps with a range of versions");
    Text<ProfileName>: Kind::Text("profile");
    Text<RepositoryName>: Kind::Text("repository");
    Text<SignedDuration>: Kind::Text("duration");
    Text<Size>: Kind::Text("size");
    Text<SuiteName>: Kind::Text("suite");
    Text<Url>: Kind::Text("URL");
}

/// Returns every setting of the top.
pub(crate) fn settings() -> Vec<Description> {
    match File::kind() {
        Kind::Table(settings) => settings,
        _ => Vec::new(),
    }
}

/// Returns the setting that keys lead to; a name of one's own and a number may be any.
pub(crate) fn find(keys: &[String]) -> Option<Description> {
    let (first, mut rest) = keys.split_first()?;
    let mut found = settings().into_iter().find(|setting| setting.key == first)?;
    while !rest.is_empty() {
        let (key, below) = rest.split_first()?;
        (found, rest) = match found.kind {
            Kind::Table(settings) => (settings.into_iter().find(|setting| setting.key == key)?, below),
            Kind::Named(_, table) => (Description { kind: *table, ..found }, below),
            Kind::List(table) if matches!(*table, Kind::Table(_)) => {
                (Description { kind: *table, ..found }, below)
            }
            Kind::Texts => (Description { kind: Kind::Text("text"), ..found }, below),
            _ => return None,
        };
    }
    Some(found)
}

/// Returns the keys that may stand in the table that keys lead to.
pub(crate) fn keys_in(keys: &[String]) -> Vec<String> {
    let settings = if keys.is_empty() {
        settings()
    } else {
        match find(keys).map(|found| found.kind) {
            Some(Kind::Table(settings)) => settings,
            _ => Vec::new(),
        }
    };
    settings.iter().map(|setting| setting.key.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    /// Every setting with the text of its table, into which a line of it can be put.
    fn walk(settings: &[Description], header: &str, see: &mut dyn FnMut(&Description, &str)) {
        for setting in settings {
            see(setting, header);
            let path = |header: &str, name: &str| match header.trim_matches(['[', ']', '\n']) {
                "" => name.to_owned(),
                table => format!("{table}.{name}"),
            };
            match &setting.kind {
                Kind::Table(inner) => walk(inner, &format!("[{}]\n", path(header, setting.key)), see),
                Kind::Named(_, kind) => {
                    let Kind::Table(inner) = &**kind else { continue };
                    walk(inner, &format!("[{}.bookworm]\n", path(header, setting.key)), see);
                }
                Kind::List(kind) => {
                    let Kind::Table(inner) = &**kind else { continue };
                    walk(inner, &format!("[[{}]]\n", path(header, setting.key)), see);
                }
                _ => {}
            }
        }
    }

    const BASE: &str = "suites = ['bookworm']\narchitectures = ['amd64']\n[repositories.bookworm]\n";

    #[test]
    fn every_example_can_be_read_and_what_is_of_another_kind_cannot() {
        let mut count = 0;
        walk(&settings(), "", &mut |setting, header| {
            assert!(!setting.meaning.is_empty() && setting.meaning.ends_with('.'), "{}", setting.key);
            if setting.example.is_empty() {
                return;
            }
            count += 1;
            let required = match header {
                "[[incoming]]\n" => "folder = 'x'\nrepository = 'y'\n",
                "[[base]]\n" => "suite = 'x'\nsource = 'y'\n",
                "[[freeze]]\n" => "days = 'Fri 16:00 .. Mon 08:00'\n",
                "[[hook]]\n" => "on = ['gc']\n",
                "[schedule.backup]\n" => "to = 'x'\nwhen = 'hourly'\n",
                _ => "",
            };
            let required = required.lines().filter(|line| !line.starts_with(&format!("{} ", setting.key)));
            let required = required.collect::<Vec<_>>().join("\n");
            let read = |value: &str| {
                let text = format!("{header}{} = {value}\n{required}", setting.key);
                File::of(&[("repo.toml".into(), text)])
            };
            assert!(read(setting.example).is_ok(), "{header}{}: {:?}", setting.key, read(setting.example));
            assert!(read("[[]]").is_err() && read("1979-05-27").is_err(), "{header}{}", setting.key);
        });
        assert!(count > 60, "{count}");
    }

    #[test]
    fn a_default_is_what_counts_without_the_setting() {
        let config = |text: &str| Config::of("/r".into(), &[("/r/repo.toml".into(), text.to_owned())]);
        let effect = |config: &Config| {
            let repositories: Vec<_> = config.repositories().collect();
            let name = repositories[0].name.clone();
            let of_one = (config.keep_history(&name), config.needs_password(&name), config.keys_of(&name));
            format!(
                "{repositories:?} {of_one:?} {:?} {:?} {:?} {:?} {:?} {:?}",
                (config.listen(), config.trusted_proxies(), config.publishes_at_once(), config.channels()),
                config.grace(),
                config.limits(),
                (config.drop_folders(), config.hooks()),
                config.passphrase_place(),
                (
                    config.bundle(),
                    config.external_signers(),
                    config.api(),
                    config.max_upload(),
                    config.shows_pages()
                ),
            )
        };
        let before = effect(&config(BASE).unwrap());
        walk(&settings(), "", &mut |setting, header| {
            let WhenUnset::Value(value) = setting.when_unset() else { return };
            // These do not stand alone.
            if header.starts_with("[[") || ["suites", "architectures"].contains(&setting.key) {
                return;
            }
            let line = format!("{} = {value}\n", setting.key);
            let text = match header {
                "" => format!("{line}{BASE}"),
                "[repositories.bookworm]\n" => format!("{BASE}{line}"),
                // One without packages is refused, and the suite may be anything.
                "[profile.bookworm]\n" => return,
                header => format!("{BASE}{header}{line}"),
            };
            assert_eq!(effect(&config(&text).unwrap()), before, "{header}{line}");
        });
    }

    #[test]
    fn a_setting_is_found_by_its_keys() {
        let found = |keys: &str| {
            let keys: Vec<String> = keys.split('.').map(str::to_owned).collect();
            find(&keys).map(|found| found.key)
        };
        assert_eq!(found("gc.grace"), Some("grace"));
        assert_eq!(found("repositories.x.valid_for"), Some("valid_for"));
        assert_eq!(found("incoming.1.folder"), Some("folder"));
        assert_eq!(found("route.1.fields.Origin"), Some("fields"));
        assert_eq!(found("gc.grase"), None);
        assert_eq!(found("origin.x"), None);
        assert!(keys_in(&["gc".to_owned()]).contains(&"grace".to_owned()));
    }
}
