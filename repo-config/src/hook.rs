//! Hooks: whom the store tells what happens. [`Config`] has one [`Hook`] for each `[[hook]]`.

use std::fmt;

use camino::Utf8PathBuf;
use http::Uri;
use jiff::SignedDuration;
use repo_store::RepositoryName;
use repo_store::model::HookName;

use crate::config::Config;
use crate::error::{ConfigError, Contradiction, HookFault, InvalidValue};
use crate::file::HookTable;
use crate::value::{FromText, Text, plain};

/// Whom the store tells what happens: `[[hook]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Hook {
    /// Its name, which no other hook has.
    pub name: HookName,
    /// The events that it is told of.
    pub on: Vec<HookEvents>,
    /// How it is told.
    pub target: HookTarget,
    /// The repositories that it is for; all when empty.
    pub repositories: Vec<RepositoryName>,
    /// The time that it has for each event.
    pub timeout: SignedDuration,
}

/// How a hook is told.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HookTarget {
    /// A web server.
    Web {
        /// Its address.
        url: HookUrl,
        /// What it understands.
        format: HookFormat,
        /// The file whose first line is the secret.
        secret_file: Option<Utf8PathBuf>,
        /// Whether its address may be a private one.
        allow_private: bool,
    },
    /// A command with its arguments.
    Command(Vec<String>),
    /// An address that is sent mail.
    Mail(MailAddress),
}

/// What a web server understands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HookFormat {
    /// Everything that is known, in JSON.
    #[default]
    Json,
    /// A message for Slack.
    Slack,
    /// A message for Mattermost.
    Mattermost,
    /// A message in a room of Matrix.
    Matrix,
    /// A message for Microsoft Teams.
    Teams,
}

impl HookFormat {
    /// Returns the word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Slack => "slack",
            Self::Mattermost => "mattermost",
            Self::Matrix => "matrix",
            Self::Teams => "teams",
        }
    }
}

/// Defines the words of an enumeration.
macro_rules! words {
    ($(#[$about:meta])* $name:ident { $($(#[$meaning:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name {
            $($(#[$meaning])* $variant,)*
        }

        impl $name {
            const ALL: &[Self] = &[$(Self::$variant),*];

            /// Returns the word for it.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }

            fn of(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.as_str() == word)
            }
        }
    };
}

words! {
    /// An operation that hooks are told of.
    HookOperation {
        /// Packages are taken in.
        Add = "add",
        /// Packages are copied to the next repository.
        Promote = "promote",
        /// Packages are taken out.
        Remove = "remove",
        /// A repository gets the content of an earlier state.
        Rollback = "rollback",
        /// A change is taken back.
        Undo = "undo",
        /// Clients are shown a state.
        Publish = "publish",
        /// Old versions are taken out by rule.
        Retention = "retention",
        /// Files are deleted that nothing refers to.
        Gc = "gc",
        /// The store is checked.
        Fsck = "fsck",
        /// The store is backed up.
        Backup = "backup",
    }
}

words! {
    /// How far an operation is.
    HookStage {
        /// It begins.
        Start = "start",
        /// It was done.
        Success = "success",
        /// It failed.
        Failure = "failure",
    }
}

/// Something that hooks are told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HookEvent {
    /// An operation begins or ends.
    Operation(HookOperation, HookStage),
    /// A signing key expires soon, or has expired.
    KeyExpires,
}

const KEY_EXPIRES: &str = "key.expires";

impl fmt::Display for HookEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Operation(operation, stage) => write!(f, "{}.{}", operation.as_str(), stage.as_str()),
            Self::KeyExpires => f.write_str(KEY_EXPIRES),
        }
    }
}

/// The events of an entry of `on`: `promote.success` is one, and `promote` means that it succeeds or fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HookEvents {
    /// This event alone.
    One(HookEvent),
    /// The end of an operation, whichever way it ends.
    End(HookOperation),
}

impl HookEvents {
    /// Returns whether an event is among them.
    #[must_use]
    pub fn contain(&self, event: HookEvent) -> bool {
        match self {
            Self::One(one) => *one == event,
            Self::End(end) => matches!(
                event,
                HookEvent::Operation(operation, HookStage::Success | HookStage::Failure) if operation == *end
            ),
        }
    }
}

impl fmt::Display for HookEvents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(event) => event.fmt(f),
            Self::End(operation) => f.write_str(operation.as_str()),
        }
    }
}

impl FromText for HookEvents {
    fn from_text(text: &str) -> Result<Self, InvalidValue> {
        let (operation, stage) =
            text.split_once('.').map_or((text, None), |(first, rest)| (first, Some(rest)));
        let found = match (HookOperation::of(operation), stage) {
            (Some(operation), None) => Some(Self::End(operation)),
            (Some(operation), Some(stage)) => {
                HookStage::of(stage).map(|stage| Self::One(HookEvent::Operation(operation, stage)))
            }
            (None, _) => (text == KEY_EXPIRES).then_some(Self::One(HookEvent::KeyExpires)),
        };
        found.ok_or_else(|| {
            let operations: Vec<&str> = HookOperation::ALL.iter().map(|one| one.as_str()).collect();
            format!(
                "`{}` is not an event: write one of {}, alone or followed by .start, .success or .failure, or {KEY_EXPIRES}",
                text.escape_debug(),
                operations.join(", ")
            )
            .into()
        })
    }
}

/// The address of a web server that is told of events. What follows the host is often a secret, so `Debug` and `Display` leave it out.
#[derive(Clone, PartialEq, Eq)]
pub struct HookUrl {
    text: String,
    /// The scheme and the host, with its port.
    place: String,
    host: String,
}

impl HookUrl {
    /// Returns all of it, for who sends to it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// Returns the host: a name or an address, without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }
}

impl FromText for HookUrl {
    fn from_text(text: &str) -> Result<Self, InvalidValue> {
        // No message quotes it.
        let wrong = |rule: &str| Err(format!("not the address of a web server: {rule}").into());
        let Some((scheme, rest)) = text.split_once("://") else {
            return wrong("it begins with https:// or http://");
        };
        if !matches!(scheme, "http" | "https") {
            return wrong("it begins with https:// or http://");
        }
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let Ok(uri) = text.parse::<Uri>() else {
            return wrong("a host, and perhaps a port, a path and a query without spaces follow the slashes");
        };
        let Some(host) = uri.host().filter(|host| !host.is_empty()) else { return wrong("it names no host") };
        if authority.contains('@') {
            return wrong("it has a user or a password in it; a secret belongs in `secret_file`");
        }
        let behind = authority.strip_prefix(host).unwrap_or_default();
        if !behind.is_empty() && uri.port_u16().is_none_or(|port| port == 0) {
            return wrong("the port is not a number from 1 to 65535");
        }
        if text.contains('#') {
            return wrong("what follows a `#` is never sent");
        }
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        Ok(Self { text: text.to_owned(), place: format!("{scheme}://{authority}"), host })
    }
}

impl fmt::Display for HookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hides = self.text.len() > self.place.len() + 1;
        write!(f, "{}{}", self.place, if hides { "/…" } else { "" })
    }
}

impl fmt::Debug for HookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HookUrl({self})")
    }
}

/// An address that mail is sent to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailAddress(String);

impl MailAddress {
    /// Returns it as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromText for MailAddress {
    fn from_text(text: &str) -> Result<Self, InvalidValue> {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || ".!#$%&'*+/=?^_`{|}~-".contains(c);
        let is_address = |(user, host): (&str, &str)| {
            let is_host = |host: &str| host.chars().all(|c| c.is_ascii_alphanumeric() || ".-".contains(c));
            !user.is_empty()
                && !user.starts_with('-')
                && user.chars().all(is_plain)
                && !host.is_empty()
                && is_host(host)
        };
        match text.split_once('@') {
            Some(parts) if is_address(parts) && text.len() <= 254 => Ok(Self(text.to_owned())),
            _ => Err(format!("`{}` is not an address such as ops@example.org", text.escape_debug()).into()),
        }
    }
}

impl FromText for HookName {
    fn from_text(text: &str) -> Result<Self, InvalidValue> {
        Self::parse(text).map_err(|error| error.to_string().into())
    }
}

/// The time that a hook has when nothing else is said.
const TIMEOUT: SignedDuration = SignedDuration::from_secs(10);

/// The longest time that a hook may have.
const LONGEST_TIMEOUT: SignedDuration = SignedDuration::from_mins(10);

impl Config {
    /// Returns the configured hooks, in the order of the configuration.
    #[must_use]
    pub fn hooks(&self) -> Vec<Hook> {
        self.file.hook.iter().filter_map(|table| self.hook(table).ok()).collect()
    }

    /// Reads a table.
    fn hook(&self, table: &HookTable) -> Result<Hook, HookFault> {
        let HookTable {
            name,
            on,
            url,
            command,
            mail,
            format,
            secret_file,
            allow_private,
            timeout,
            repositories,
        } = table;
        let is_for_web = format.is_some() || secret_file.is_some() || *allow_private;
        let target = match (url, command, mail) {
            (Some(Text(url)), None, None) => {
                let format = format.unwrap_or_default();
                if format == HookFormat::Matrix && secret_file.is_none() {
                    return Err(HookFault::NoToken);
                }
                let secret_file = secret_file.as_ref().map(|path| self.root.join(path));
                HookTarget::Web { url: url.clone(), format, secret_file, allow_private: *allow_private }
            }
            (None, Some(command), None) if command.first().is_some_and(|program| !program.is_empty()) => {
                HookTarget::Command(command.clone())
            }
            (None, None, Some(Text(address))) => HookTarget::Mail(address.clone()),
            _ => return Err(HookFault::Target),
        };
        if is_for_web && !matches!(target, HookTarget::Web { .. }) {
            return Err(HookFault::OnlyWithUrl);
        }
        let timeout = timeout.as_ref().map_or(TIMEOUT, |Text(timeout)| *timeout);
        if !timeout.is_positive() || timeout > LONGEST_TIMEOUT {
            return Err(HookFault::Timeout);
        }
        let name = name.as_ref().map(|Text(name)| name.clone()).or_else(|| default_name(&target));
        Ok(Hook {
            name: name.ok_or(HookFault::NoName)?,
            on: plain(on),
            target,
            repositories: plain(repositories),
            timeout,
        })
    }

    /// Finds hooks that could never work.
    pub(crate) fn check_hooks(&self, found: &mut Vec<ConfigError>) {
        let mut names = Vec::new();
        for (place, table) in self.file.hook.iter().enumerate() {
            let number = place + 1;
            let mut wrong = |fault| found.push(self.contradiction(Contradiction::Hook { number, fault }));
            if table.on.is_empty() {
                wrong(HookFault::NoEvents);
            }
            match self.hook(table) {
                Ok(hook) if names.contains(&hook.name) => wrong(HookFault::SameName { name: hook.name }),
                Ok(hook) => names.push(hook.name),
                Err(fault) => wrong(fault),
            }
            for Text(repository) in &table.repositories {
                if !self.file.repositories.contains_key(repository) {
                    let known = self.file.repositories.keys().map(|Text(name)| name.to_string()).collect();
                    wrong(HookFault::UnknownRepository { repository: repository.clone(), known });
                }
            }
        }
    }
}

/// Returns the name of a hook that is given none: that of the host, the program or the address, as far as a name can have it.
fn default_name(target: &HookTarget) -> Option<HookName> {
    let text = match target {
        HookTarget::Web { url, .. } => url.host(),
        HookTarget::Command(command) => command.first()?.rsplit('/').next()?,
        HookTarget::Mail(address) => address.as_str(),
    };
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let text: String = text.chars().map(|c| if is_plain(c) { c } else { '-' }).take(64).collect();
    HookName::parse(text.trim_start_matches(['.', '-', '_'])).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: &str = "suites = ['a']\narchitectures = ['amd64']\n[repositories.prod]\n";

    fn of(hooks: &str) -> Result<Config, ConfigError> {
        Config::of("/r".into(), &[("/r/repo.toml".into(), format!("{BASE}{hooks}"))])
    }

    #[test]
    fn a_hook_is_told_in_one_way_and_has_a_name() {
        let config = of(
            "[[hook]]\non = ['promote', 'key.expires']\nurl = 'https://chat.example.org:8443/hooks/abc?x=1'\nformat = 'slack'\n\
             secret_file = 'hook.secret'\nrepositories = ['prod']\n\
             [[hook]]\non = ['publish.success']\ncommand = ['/usr/local/bin/purge-cdn', 'all']\ntimeout = '1m'\n\
             [[hook]]\non = ['gc']\nmail = 'ops@example.org'\n[[hook]]\nname = 'x'\non = ['gc']\nmail = 'ops@example.org'\n",
        );
        let hooks = config.unwrap().hooks();
        let names: Vec<&str> = hooks.iter().map(|hook| hook.name.as_str()).collect();
        assert_eq!(names, ["chat.example.org", "purge-cdn", "ops-example.org", "x"]);
        let HookTarget::Web { url, secret_file, .. } = &hooks[0].target else { panic!("{:?}", hooks[0]) };
        assert_eq!(secret_file.as_deref().unwrap(), "/r/hook.secret");
        assert_eq!(url.expose(), "https://chat.example.org:8443/hooks/abc?x=1");
        assert!(!format!("{url} {:?}", hooks[0]).contains("abc"), "{:?}", hooks[0]);
        assert_eq!(url.to_string(), "https://chat.example.org:8443/…");
        assert_eq!(hooks[1].timeout, SignedDuration::from_mins(1));
    }

    #[test]
    fn an_operation_means_both_of_its_ends_and_not_its_start() {
        let event = |text: &str| HookEvents::from_text(text).unwrap();
        let at = |stage| HookEvent::Operation(HookOperation::Promote, stage);
        assert!(
            event("promote").contain(at(HookStage::Success))
                && event("promote").contain(at(HookStage::Failure))
        );
        assert!(!event("promote").contain(at(HookStage::Start)));
        assert!(event("promote.start").contain(at(HookStage::Start)));
        assert!(!event("promote.start").contain(at(HookStage::Success)));
        assert!(event("key.expires").contain(HookEvent::KeyExpires));
        for operation in HookOperation::ALL {
            assert_eq!(event(operation.as_str()).to_string(), operation.as_str());
        }
        for bad in ["", "deploy", "promote.", "promote.end", "key", "key.expired"] {
            assert!(HookEvents::from_text(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_can_never_work_is_refused_with_its_place_and_without_a_secret() {
        let mut said = Vec::new();
        for bad in [
            "on = ['gc']",
            "on = ['gc']\nurl = 'https://a'\nmail = 'a@b'",
            "on = ['gc']\ncommand = []",
            "on = []\nurl = 'https://a'",
            "on = ['gc']\nmail = 'a@b'\nformat = 'slack'",
            "on = ['gc']\ncommand = ['x']\nsecret_file = 'y'",
            "on = ['gc']\nmail = 'a@b'\nallow_private = true",
            "on = ['gc']\nurl = 'https://a'\nformat = 'matrix'",
            "on = ['gc']\nurl = 'https://a'\ntimeout = '0s'",
            "on = ['gc']\nurl = 'https://a'\ntimeout = '1h'",
            "on = ['gc']\nurl = 'https://a'\nrepositories = ['prodd']",
            "on = ['gc']\nurl = 'https://a'\n[[hook]]\non = ['gc']\nurl = 'https://a/SECRET'",
            "on = ['gc']\ncommand = ['/']",
            "on = ['deploy']\nurl = 'https://a'",
            "on = ['gc']\nurl = 'a/SECRET'",
            "on = ['gc']\nurl = 'ftp://a/SECRET'",
            "on = ['gc']\nurl = 'https://u:SECRET@a'",
            "on = ['gc']\nurl = 'https://a:x/SECRET'",
            "on = ['gc']\nurl = 'https:///SECRET'",
            "on = ['gc']\nurl = 'https://a b/SECRET'",
            "on = ['gc']\nmail = 'ops'",
            "on = ['gc']\nmail = '-f@b'",
            "on = ['gc']\nmail = 'a@b, c@d'",
            "on = ['gc']\nname = '../x'\nmail = 'a@b'",
            "on = ['gc']\nsecret = 'SECRET'\nurl = 'https://a'",
        ] {
            let refused = of(&format!("[[hook]]\n{bad}")).unwrap_err();
            assert!(refused.line().is_some(), "{bad}: {refused}");
            let excerpt = refused.place().and_then(|place| place.excerpt.as_ref()).map(ToString::to_string);
            assert!(
                !format!("{refused} {}", excerpt.unwrap_or_default()).contains("SECRET"),
                "{bad}: {refused}"
            );
            said.push(refused.to_string());
        }
        insta::assert_snapshot!(said.join("\n"), @"
        /r/repo.toml:4:1: hook 1: set one of url, command and mail
        /r/repo.toml:4:1: hook 1: set one of url, command and mail
        /r/repo.toml:4:1: hook 1: set one of url, command and mail
        /r/repo.toml:5:6: hook 1: `on` names no event
        /r/repo.toml:4:1: hook 1: format, secret_file and allow_private are settings of a hook with `url`
        /r/repo.toml:4:1: hook 1: format, secret_file and allow_private are settings of a hook with `url`
        /r/repo.toml:4:1: hook 1: format, secret_file and allow_private are settings of a hook with `url`
        /r/repo.toml:7:10: hook 1: a message for Matrix is sent with an access token: name its file in `secret_file`
        /r/repo.toml:7:11: hook.timeout: invalid duration `0s`; use for example 14d or 36h
        /r/repo.toml:7:11: hook 1: the timeout must be longer than 0 and at most 10m
        /r/repo.toml:7:17: hook 1: no repository named `prodd`
        /r/repo.toml:7:1: hook 2: another hook is named a: set `name`
        /r/repo.toml:4:1: hook 1: no name can be made for it: set `name`
        /r/repo.toml:5:7: hook.on: `deploy` is not an event: write one of add, promote, remove, rollback, undo, publish, retention, gc, fsck, backup, alone or followed by .start, .success or .failure, or key.expires
        /r/repo.toml:6:7: hook.url: not the address of a web server: it begins with https:// or http://
        /r/repo.toml:6:7: hook.url: not the address of a web server: it begins with https:// or http://
        /r/repo.toml:6:7: hook.url: not the address of a web server: it has a user or a password in it; a secret belongs in `secret_file`
        /r/repo.toml:6:7: hook.url: not the address of a web server: the port is not a number from 1 to 65535
        /r/repo.toml:6:7: hook.url: not the address of a web server: a host, and perhaps a port, a path and a query without spaces follow the slashes
        /r/repo.toml:6:7: hook.url: not the address of a web server: a host, and perhaps a port, a path and a query without spaces follow the slashes
        /r/repo.toml:6:8: hook.mail: `ops` is not an address such as ops@example.org
        /r/repo.toml:6:8: hook.mail: `-f@b` is not an address such as ops@example.org
        /r/repo.toml:6:8: hook.mail: `a@b, c@d` is not an address such as ops@example.org
        /r/repo.toml:6:8: hook.name: `../x` cannot be the name of a hook: letters, digits, `.`, `_` and `-`, a letter or a digit first, at most 64
        /r/repo.toml:6:1: hook: unknown field `secret`, expected one of `name`, `on`, `url`, `command`, `mail`, `format`, `secret_file`, `allow_private`, `timeout`, `repositories`
        ");
    }
}
