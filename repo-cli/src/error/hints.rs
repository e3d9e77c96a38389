//! What to do about a failure, where that is known.

use std::collections::BTreeSet;
use std::error::Error;
use std::io;

use apt_sign::{KeyFileFault, KeyProblem};
use deb_parse::Component;
use repo_config::edit::{EditError, Editable};
use repo_config::error::{ConfigError, UnknownWord};
use repo_config::keys::KeyError;
use repo_hooks::DeliveryError;
use repo_store::error::{
    AccessError, ChangeError, HistoryError, ImportError, MaintenanceError, ProfileError, PublishError,
    ReissueError, RuleError, SettingsError,
};
use repo_store::model::TagName;
use repo_store::package_reader::PackageError;
use repo_store::progress::{Cancelled, Phase};
use repo_store::settings::gate::GateRule;
use repo_store::storage::permissions::EntryKind;
use repo_store::storage::{Obstacle, StorageError};

use super::Failure;
use crate::nearest;
use crate::output::suites_in_order;
use crate::package_names::Meant;

/// Returns what to do when a full file system is at the bottom of a failure, whatever it kept from being done.
pub(crate) fn full_disk_hint(failure: &(dyn Error + 'static)) -> Option<String> {
    let causes = std::iter::successors(Some(failure), |error: &&(dyn Error + 'static)| (*error).source());
    let kinds = causes.filter_map(|error| error.downcast_ref::<io::Error>()).map(io::Error::kind);
    let is_full = |kind| matches!(kind, io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
    kinds.into_iter().any(is_full).then(|| "make room there, and give the command again".to_owned())
}

impl Failure {
    /// What to do about it, where that is known.
    pub(super) fn hint(&self) -> Option<String> {
        full_disk_hint(self).or_else(|| self.hint_of_kind())
    }

    fn hint_of_kind(&self) -> Option<String> {
        match self {
            Self::Store(error) => store_hint(error),
            Self::NoConfiguration { .. } => Some(
                "take repo.toml from the last backup: another one would not have who may read, and a new key is one that clients refuse"
                    .to_owned(),
            ),
            Self::NoRoot { .. } => {
                Some("make one with `repo-cli init`, or name its directory with --root".to_owned())
            }
            Self::Config(error) => config_hint(error),
            Self::Edit(error) => edit_hint(error),
            Self::UnknownSetting { name, known } => Some(setting_hint(name, known)),
            Self::Front(error) => Some(error.hint()),
            Self::Import(error) => error.hint(),
            Self::Bundle(error) => error.hint(),
            Self::Build(error) => error.hint(),
            Self::CannotPublish(KeyError::ClockBeforeKey { .. }) => Some(
                "set the clock; or give --no-publish as well, and then `repo-cli publish --accept clock`"
                    .to_owned(),
            ),
            Self::Keys(error) | Self::CannotPublish(error) => key_hint(error),
            Self::Guarded { .. } | Self::RecentFiles { .. } => Some("use --yes if that is intended".to_owned()),
            Self::ClockAhead { .. } => Some(
                "set the clock; if it is right, give --accept clock: what is removed cannot be brought back"
                    .to_owned(),
            ),
            Self::ClockBehind { .. } => {
                Some("set the clock; if it is right, give --accept clock: the key is dated by it".to_owned())
            }
            Self::KnownKeyOfTheFuture { fingerprint, created, .. } => Some(format!(
                "set the clock: key {} is known to clients, and was made only at {}",
                fingerprint.short(),
                crate::clock::seconds(*created)
            )),
            Self::Unsound { hint, .. } => hint.map(str::to_owned),
            Self::NotOffline { repository } => Some(format!("run repo-cli publish {repository}")),
            Self::NotBackedUp { .. } => Some("`repo-cli fsck` says what that affects".to_owned()),
            Self::NotRestored { path } if path == "repo.toml" => Some(
                "copy one from another backup, or write it: a table `[repositories.NAME]` for each repository, and its `suites` \
                 (`repo-cli config check` says what is wrong)"
                    .to_owned(),
            ),
            Self::Drastic { .. } => {
                Some("look at the rules and at the clock; --yes does it all the same".to_owned())
            }
            Self::NotRetirable { fingerprint, .. } => Some(format!(
                "wait until all is met, check your machines, then run repo-cli key retire {fingerprint} --force"
            )),
            Self::UnknownHook { known, .. } if known.is_empty() => Some("repo.toml has no [[hook]]".to_owned()),
            Self::UnknownHook { name, known } => Some(nearest::hint(name, known, "hooks")),
            Self::Hook { source: DeliveryError::PrivateAddress { .. }, hook } => {
                Some(format!("set allow_private = true in the [[hook]] of {hook} if that is meant"))
            }
            Self::UnknownUser { .. } => {
                Some("add the user to the system, or change `owners` of the [[incoming]] in repo.toml".to_owned())
            }
            Self::NoDropFolder => Some(
                "name a repository and its folders, `repo-cli incoming preprod /srv/incoming`, or add [[incoming]] to repo.toml".to_owned(),
            ),
            _ => self.name_hint(),
        }
    }

    /// What to do about a name that nothing has.
    fn name_hint(&self) -> Option<String> {
        let meant = |name: &str, known: &[String]| {
            let meant = nearest::nearest(name, known.iter().map(String::as_str))?;
            Some(format!("did you mean `{meant}`?"))
        };
        match self {
            Self::NoHold { repository, meant: Some(meant), .. } => {
                Some(format!("did you mean `{meant}`? (run repo-cli holds {repository})"))
            }
            Self::NoApproval { repository, .. } => Some(format!("run repo-cli approvals {repository}")),
            Self::NoHold { repository, .. } => Some(format!("run repo-cli holds {repository}")),
            Self::MadeTogether { repository } => Some(format!(
                "run repo-cli undo {repository} where the store is, or go back to an earlier state with rollback"
            )),
            Self::NoRemoval { repository, .. } => {
                Some(format!("`repo-cli history {repository}` shows what was removed"))
            }
            Self::UnknownColumn { name, known } => Some(meant(name, known).unwrap_or_else(|| {
                "a column is one of those that --help lists, or a field of the packages".to_owned()
            })),
            Self::Pattern { .. } => Some("leave out --regex to look for the text as it is".to_owned()),
            Self::NoMatch { meant: Some(meant @ (Meant::BuiltFrom(_) | Meant::Pins(_))), .. } => {
                Some(meant.hint())
            }
            Self::NoMatch { names, repository, meant: Some(Meant::Name(meant)) } => {
                let is_there = names.iter().any(|name| name.split('=').next() == Some(meant));
                Some(match is_there {
                    true => format!("run repo-cli versions {meant} --repository {repository}"),
                    false => format!("did you mean `{meant}`? (run repo-cli list {repository})"),
                })
            }
            Self::PackageInPlace { name, repositories } => {
                let shows =
                    repositories.iter().map(|repository| format!("repo-cli show {repository} {name}"));
                Some(format!("run repo-cli versions {name}, or {}", shows.collect::<Vec<_>>().join(" or ")))
            }
            Self::InOtherPlace { places, .. } => {
                Some(format!("it is in {}; pin it for machines that read that", places.join(", ")))
            }
            Self::NoMatch { repository, .. } => Some(format!("run repo-cli list {repository}")),
            _ => None,
        }
    }
}

/// What to do about a change of the configuration.
fn edit_hint(error: &EditError) -> Option<String> {
    match error {
        EditError::Config(error) | EditError::Refused(error) => config_hint(error),
        EditError::UnknownSetting { key, known } => Some(setting_hint(key, known)),
        EditError::NoSuch { what, name, known } if !known.is_empty() => {
            Some(nearest::hint(name, known, if *what == Editable::Suite { "suites" } else { "repositories" }))
        }
        EditError::Table { key, .. } => Some(format!("run repo-cli config show {key}")),
        EditError::SeveralFiles { .. } => Some("change the list in one of them with an editor".to_owned()),
        EditError::Form { .. } => Some("change it with an editor, then run repo-cli config check".to_owned()),
        EditError::Changed { .. } => Some("give the same command again".to_owned()),
        _ => None,
    }
}

fn setting_hint(name: &str, known: &[String]) -> String {
    let meant = nearest::nearest(name, known.iter().map(String::as_str));
    meant.map_or_else(|| "run repo-cli config show".to_owned(), |meant| format!("did you mean `{meant}`?"))
}

/// What to do about the configuration.
fn config_hint(error: &ConfigError) -> Option<String> {
    match error {
        ConfigError::UnknownRepository { known, .. } if known.is_empty() => {
            Some("repo.toml has none: add a line `[repositories.NAME]`".to_owned())
        }
        ConfigError::UnknownRepository { name, known }
            if name
                .split_once('/')
                .is_some_and(|(name, _)| known.iter().any(|known| known.as_str() == name)) =>
        {
            let (name, suite) = name.split_once('/')?;
            Some(format!(
                "name the repository alone, {name}; where a verb takes a suite, it is --suite {suite}"
            ))
        }
        ConfigError::UnknownRepository { name, known } => {
            let known: Vec<String> = known.iter().map(ToString::to_string).collect();
            Some(nearest::hint(name, &known, "repositories"))
        }
        ConfigError::Settings { source: SettingsError::NoSuites { .. }, .. } => {
            Some("list them in `suites`, or in the file that `suites_file` names".to_owned())
        }
        ConfigError::Settings { source: SettingsError::NoArchitectures { .. }, .. } => {
            Some("list them in `architectures`, or in the file that `architectures_file` names".to_owned())
        }
        ConfigError::Loosened { .. } => Some("restart serve if that is meant".to_owned()),
        error => {
            let UnknownWord { word, known } = error.unknown_word()?;
            let meant = nearest::nearest(&word, known.iter().map(String::as_str))?;
            Some(format!("did you mean `{meant}`?"))
        }
    }
}

/// What to do about the keys of the store.
fn key_hint(error: &KeyError) -> Option<String> {
    Some(match error {
        KeyError::Key(apt_sign::Error::KeyFile { path, fault }) => key_file_hint(path, *fault),
        KeyError::Key(apt_sign::Error::Locked { .. })
        | KeyError::BadKey { source: apt_sign::Error::Locked { .. }, .. } => UNLOCK.to_owned(),
        KeyError::Key(apt_sign::Error::Offline { .. }) => EXPORT.to_owned(),
        KeyError::BadKey { path, .. } if path.extension() == Some("revocation") => {
            let fingerprint = path.file_stem().unwrap_or_default();
            format!("take the file from the backup; or remove it, then run repo-cli key revoke {fingerprint} again")
        }
        KeyError::BadKey { .. } => {
            "put a copy of the key there from the backup, or remove the file if it is not a key".to_owned()
        }
        KeyError::NoKey { is_published: true, .. } => {
            "restore keys/ from the backup. If the keys are lost: `repo-cli key generate`, give clients the new key, \
             then `repo-cli publish --allow-key-change`"
                .to_owned()
        }
        KeyError::NoKey { .. } => "make one with `repo-cli key generate`".to_owned(),
        KeyError::ClockBeforeKey { .. } => {
            "set the clock; or `repo-cli publish --accept clock` signs as of that time. If the clock was wrong when the key was made: \
             `repo-cli key generate --accept clock`, then `repo-cli publish --allow-key-change`, and `repo-cli sign again`"
                .to_owned()
        }
        KeyError::Unusable { fingerprint, problem: KeyProblem::Expired { .. }, .. } => {
            format!("run repo-cli key extend {fingerprint} --expires 3y, then give clients the new public key (repo-cli client-config)")
        }
        KeyError::UnknownKey { .. } => "run repo-cli key list".to_owned(),
        KeyError::Elsewhere { .. } => {
            "it is changed where it is kept; then run repo-cli key publish. To end signing with it, take its [[signing.signer]] out of \
             repo.toml once clients have another key"
                .to_owned()
        }
        KeyError::LastKey { .. } => "first run repo-cli key rotate --all".to_owned(),
        KeyError::EndsTooSoon { .. } => {
            "run repo-cli key list, then repo-cli key extend FINGERPRINT --expires 3y".to_owned()
        }
        KeyError::Unusable { problem: KeyProblem::NotYetValid { .. }, .. } => SET_THE_CLOCK.to_owned(),
        KeyError::Unusable { fingerprint, problem: KeyProblem::Revoked, .. } => {
            format!("run repo-cli key revoke {fingerprint}: it makes another key, and brings it to clients")
        }
        KeyError::Unusable { .. } => NEW_KEY.to_owned(),
        _ => return None,
    })
}

/// What to do when a key is protected by a passphrase that is not known.
const UNLOCK: &str = "set passphrase_file in [signing] of repo.toml, or run the command on a terminal";

/// What to do when a person signs on another machine.
const EXPORT: &str = "run repo-cli sign export DIR, sign there, then run repo-cli sign attach DIR";

/// What to do when signatures that were made elsewhere do not fit.
const EXPORT_AGAIN: &str =
    "clients see what they saw before; run repo-cli sign export with a new directory, and sign again";

/// What to do when a key was made later than the clock says.
pub(crate) const SET_THE_CLOCK: &str = "set the clock: the key is good";

/// What to do when no key can sign any more.
pub(crate) const NEW_KEY: &str = "make a new key: `repo-cli key generate`, give it to clients (`repo-cli client-config`), then \
                                  `repo-cli publish --allow-key-change`";

/// What to do when a key has expired.
pub(crate) const EXTEND_KEY: &str = "extend the expired key with `repo-cli key extend FINGERPRINT --expires 3y` and give clients the \
                                     new public key (`repo-cli client-config`)";

/// Returns what to do about a key file that others could read or replace.
fn key_file_hint(path: &std::path::Path, fault: KeyFileFault) -> String {
    let path = path.display();
    match fault {
        KeyFileFault::FileMode => {
            format!(
                "run `chmod 600 {path}`, or `repo-cli fsck --repair`; make a new key if others may have read it"
            )
        }
        KeyFileFault::DirectoryMode => {
            format!(
                "run `chmod 700 {path}`, or `repo-cli fsck --repair`; make a new key if others may have read one"
            )
        }
        KeyFileFault::SymbolicLink => "replace the link with the key file itself".to_owned(),
        _ => "keys are files of mode 0600 in a directory of mode 0700, owned by the one who signs".to_owned(),
    }
}

/// Returns the setting in the table `[limits]` for what a package has too much of, if there is one.
fn limit_setting(error: &deb_parse::Error) -> Option<&'static str> {
    use deb_parse::LimitKind;
    match error {
        deb_parse::Error::Limit { what, .. } => match what {
            LimitKind::ControlUnpacked => Some("control_unpacked"),
            LimitKind::DataUnpacked | LimitKind::TarballUnpacked => Some("data_unpacked"),
            LimitKind::DataEntries => Some("data_entries"),
            _ => None,
        },
        deb_parse::Error::Within { error, .. } => limit_setting(error),
        _ => None,
    }
}
/// Whether something else lies where a file or a directory of the store belongs.
fn belongs_there(error: &std::io::Error, kind: EntryKind) -> bool {
    let obstacle = error.get_ref().and_then(|inner| inner.downcast_ref::<Obstacle>());
    obstacle.is_some_and(|obstacle| obstacle.belongs == kind)
}

/// Whether something else lies where a file of the store belongs.
fn is_in_place_of_a_file(error: &std::io::Error) -> bool {
    belongs_there(error, EntryKind::File)
}

/// What to do about an error of the store: advice stands here and not in the library.
#[expect(clippy::too_many_lines, reason = "a match with an arm for each error")]
pub(crate) fn store_hint(error: &repo_store::Error) -> Option<String> {
    use repo_store::Error;
    use repo_store::storage::PathFault;
    if let Error::Import(ImportError::Package { source: PackageError::Invalid(source), .. }) = error
        && let Some(setting) = limit_setting(source)
    {
        return Some(format!("raise `{setting}` in the table [limits] of repo.toml if the package is sound"));
    }
    match error {
        // A check opens the store too.
        Error::Storage(StorageError::Io { path, source, .. })
            if is_in_place_of_a_file(source) && path.ends_with("store/format") =>
        {
            return Some(format!("move {path} away, and put the file of the backup there"));
        }
        Error::Storage(StorageError::Io { path, source, .. })
            if path.ends_with("store/tmp") && belongs_there(source, EntryKind::Directory) =>
        {
            return Some(format!(
                "remove {path}: the directory is made again by the next command that writes"
            ));
        }
        Error::Storage(StorageError::NoStore { path }) if path.join("store/objects").is_dir() => {
            return Some("store/format is missing: put the file of the backup there".to_owned());
        }
        Error::Storage(StorageError::Io { source, .. }) if is_in_place_of_a_file(source) => {
            return Some("`repo-cli fsck --repair` moves it aside and mends the file".to_owned());
        }
        Error::Storage(StorageError::UnsafePath { path, fault: PathFault::NotADirectory, .. }) => {
            return Some(format!(
                "a directory belongs there: move {path} away; below public/ `repo-cli fsck --repair` does that"
            ));
        }
        Error::Storage(StorageError::UnsafePath { path, fault: PathFault::NotAFile, .. }) => {
            return Some(format!("move {path} away: a file belongs there"));
        }
        Error::UnknownSuite { suite, known, .. } if !known.is_empty() => {
            let known = suites_in_order(known).into_iter();
            let known: Vec<String> = known.map(ToString::to_string).collect();
            return Some(nearest::hint(suite.as_str(), &known, "suites"));
        }
        Error::Publish(PublishError::EarlierState { repository, .. }) => {
            return Some(format!(
                "run `repo-cli fsck --repair --from BACKUP` to bring the later state back; without one, look at `repo-cli list {repository}`, \
                 then run `repo-cli publish {repository} --allow-earlier-state`"
            ));
        }
        Error::History(HistoryError::UnknownRevision { repository, revision, known }) => {
            let wanted = revision.trim_start_matches('@').trim_start_matches("tag:");
            if let Some(meant) = nearest::nearest(wanted, known.iter().map(TagName::as_str)) {
                return Some(format!("did you mean the tag `{meant}`? (run repo-cli tag {repository})"));
            }
            return Some(format!(
                "run repo-cli history {repository}; a state is a number, `@-1`, eight digits of an id, a tag (`tag:NAME`) or a time: \
                 `2026-11-26`, `2026-11-26 20:16`, `2026-11-26T20:16:00Z`, `yesterday`, `2 hours ago`"
            ));
        }
        Error::History(HistoryError::LostReference { .. }) => {
            return Some("`repo-cli fsck --repair` brings it back from what the store has twice".to_owned());
        }
        Error::History(HistoryError::BeforeHistory { repository, .. }) => {
            return Some(format!("run repo-cli history {repository}"));
        }
        Error::History(HistoryError::ChangedSince { repository, .. }) => {
            return Some(format!(
                "run repo-cli history {repository}, then repo-cli rollback {repository} --to NUMBER for this repository alone"
            ));
        }
        Error::History(HistoryError::TagExists { repository, tag }) => {
            return Some(format!(
                "choose another name, or first run repo-cli tag {repository} {tag} --delete"
            ));
        }
        Error::Access(AccessError::HolderTaken { repository, holder }) => {
            return Some(format!(
                "choose another name, or first run repo-cli access revoke {repository} {holder}"
            ));
        }
        Error::Access(AccessError::UnknownHolder { holder, known, .. }) if !known.is_empty() => {
            let known: Vec<String> = known.iter().map(ToString::to_string).collect();
            return Some(nearest::hint(holder.as_str(), &known, "holders"));
        }
        Error::Rule(RuleError::Frozen { freeze, .. }) if freeze.is_weekly => {
            return Some("wait, or give --override freeze --reason TEXT".to_owned());
        }
        Error::Rule(RuleError::Frozen { repository, .. }) => {
            return Some(format!(
                "wait, give --override freeze --reason TEXT, or end the freeze with repo-cli thaw {repository}"
            ));
        }
        Error::Rule(RuleError::Uninstallable { .. }) => {
            return Some("to do it all the same, give --override installable --reason TEXT".to_owned());
        }
        Error::Rule(RuleError::Profile(error)) => return hint_of_profile(error),
        Error::Rule(RuleError::Gated { violations, .. }) => {
            let rules: BTreeSet<GateRule> = violations.iter().map(|violation| violation.rule).collect();
            let words: Vec<String> = rules.iter().map(|rule| format!("--override {rule}")).collect();
            let remedies = [
                (GateRule::Approvals, "have it approved with repo-cli approve, or "),
                (GateRule::Together, "take the rest along with --whole-source, or "),
            ];
            let remedies = remedies.into_iter().filter(|(rule, _)| rules.contains(rule));
            let first: String = remedies.map(|(_, remedy)| remedy).collect();
            let words = words.join(" ");
            return Some(format!("{first}to let it in all the same, give {words} --reason TEXT"));
        }
        Error::Access(AccessError::UnknownMachine { name, known, .. }) if !known.is_empty() => {
            return Some(nearest::hint(name, known, "machines"));
        }
        Error::History(HistoryError::UnknownTag { repository, tag, known }) => {
            let known: Vec<&str> = known.iter().map(TagName::as_str).collect();
            return Some(match nearest::nearest(tag.as_str(), known) {
                Some(meant) => format!("did you mean `{meant}`? (run repo-cli tag {repository})"),
                None => format!("run repo-cli tag {repository}"),
            });
        }
        Error::History(HistoryError::Reissue(error)) => return hint_of_reissue(error),
        Error::Change(ChangeError::UnlistedComponent { component, known, .. }) => {
            let meant = nearest::nearest(component.as_str(), known.iter().map(Component::as_str));
            return Some(match meant {
                Some(meant) => format!("did you mean `{meant}`? (or add it to `components` in repo.toml)"),
                None => "add it to `components` in repo.toml, or choose one with --component".to_owned(),
            });
        }
        Error::Change(ChangeError::Present { key, repository, .. }) => {
            return Some(format!(
                "run repo-cli remove {repository} {}={}: it also holds what it removes",
                key.package, key.version
            ));
        }
        _ => {}
    }
    let hint = match error {
        Error::Change(ChangeError::Conflict { .. }) => {
            "a package that changes needs a new version: clients cannot tell two files of one version apart"
        }
        Error::Import(ImportError::Package { source: PackageError::ReaderFailed(_), .. }) => {
            "add the package again; if that fails too, do not take it: it may be meant to do harm"
        }
        Error::Import(ImportError::NotUnpackable { .. }) => {
            "build the package with an entry for each of its directories, as dpkg-deb does"
        }
        Error::Cancelled(Cancelled { during }) => after_cancellation(*during),
        Error::Rule(RuleError::Held { .. }) => "to accept it anyway, use --despite-hold",
        Error::Change(ChangeError::ReservedName { .. }) => {
            "give the package another name; the keyring package is made by `repo-cli key publish`"
        }
        Error::Change(ChangeError::KeyringVersion { .. }) => {
            "remove that package with repo-cli remove, then give the command again"
        }
        Error::Change(ChangeError::PathConflict { .. }) => {
            "versions of a source package share their upstream tarballs: a tarball that changes needs a new upstream version"
        }
        Error::Import(ImportError::Incomplete { .. }) => {
            "put it there; only a file that the repository has already may be left out"
        }
        Error::Import(ImportError::NameNotAllowed { .. }) => {
            "use the folder or the token that is for it, or add its name to `names` of the [[incoming]] in repo.toml"
        }
        Error::Import(ImportError::NotSigned { .. }) => {
            "only keys in the keyring named by `uploaders` in repo.toml may upload"
        }
        Error::Change(ChangeError::OtherComponent { .. }) => {
            "to move it, remove it with `repo-cli remove` and add it again: the file it was added from will do"
        }
        Error::Storage(StorageError::UnsafePath { fault: PathFault::OtherOwner, .. }) => {
            "remove the directory, or give it to the owner of the folder it lies in"
        }
        Error::Storage(StorageError::UnsafePath { fault: PathFault::InTheWay, .. }) => {
            "remove it as its owner or as root, then run repo-cli publish"
        }
        Error::Storage(StorageError::UnsafePath { fault: PathFault::LinkedDirectory, .. }) => {
            "remove the link and move what it leads to in its place; a store on another volume is mounted there"
        }
        Error::Storage(StorageError::UnsafePath { .. }) => {
            "nothing below public/ or in a drop folder is reached through a link: remove it, or put the directory back; below public/ \
             `repo-cli fsck --repair` does that"
        }
        Error::Import(ImportError::NoSuite { .. }) => {
            "list suites in repo.toml, in `suites` or the file that `suites_file` names"
        }
        Error::Import(ImportError::UnknownRelease { .. }) => {
            "choose suites with --suite, or set unknown_release = \"everywhere\" in repo.toml"
        }
        Error::Import(ImportError::NoRoutedSuite { .. }) => {
            "add one to the rule in repo.toml, or choose one with --suite"
        }
        Error::Change(ChangeError::UnlistedArchitecture { .. }) => "add it to `architectures` in repo.toml",
        Error::Publish(PublishError::ReleaseInfoChange { .. }) => {
            "take it back in repo.toml; or `repo-cli publish --allow-release-info-change`, and on every client \
             `apt-get update --allow-releaseinfo-change`"
        }
        Error::Publish(PublishError::KeyChange { .. }) => {
            "restore keys/ from the backup; or give clients the new key (`repo-cli client-config`), then \
             `repo-cli publish --allow-key-change`"
        }
        Error::Publish(PublishError::Sign { source: apt_sign::Error::Locked { .. }, .. }) => UNLOCK,
        Error::Publish(PublishError::Sign { source: apt_sign::Error::Offline { .. }, .. }) => EXPORT,
        Error::Publish(PublishError::Stale { .. }) => EXPORT_AGAIN,
        Error::Publish(PublishError::Sign { source: apt_sign::Error::NotAttached, .. }) => EXPORT_AGAIN,
        Error::Publish(PublishError::Sign { source: apt_sign::Error::Program { .. }, .. }) => {
            "clients see what they saw before; when the program works again, run repo-cli publish"
        }
        Error::Publish(PublishError::Removal { .. }) => {
            "take it back in repo.toml; or `repo-cli publish --allow-removal`"
        }
        Error::UnknownSuite { .. } => "the suites are listed in repo.toml",
        Error::Storage(StorageError::NewerFormat { .. }) => {
            "use the version of repo-cli that wrote the store, or a newer one"
        }
        Error::Storage(StorageError::OlderFormat { .. }) => "run repo-cli store upgrade",
        Error::Maintenance(MaintenanceError::BackupInStore { .. }) => {
            "choose a directory outside the store, better on another disk"
        }
        Error::Maintenance(MaintenanceError::OtherBackup { .. }) => "give each store a directory of its own",
        Error::Storage(StorageError::OtherFileSystem { .. }) => {
            "move one of the two, or mount the directory that holds both as one file system"
        }
        Error::Storage(StorageError::NotEmpty { .. }) => "choose a new or an empty directory",
        Error::Storage(StorageError::InUse { .. }) => "try again when the other command has finished",
        Error::Maintenance(MaintenanceError::NoWayBack { .. }) => "restore a backup made before the upgrade",
        Error::Maintenance(MaintenanceError::LostRecord { .. }) => {
            "run `repo-cli fsck --repair --from BACKUP`; without a backup, `repo-cli fsck --repair` publishes what clients see again and \
             withdraws the older publications that lost their records"
        }
        Error::History(HistoryError::Unfinished { .. }) => {
            "run repo-cli publish, which completes it, or the same command without --dry-run"
        }
        Error::Maintenance(MaintenanceError::OutdatedCollection { .. }) => "run repo-cli gc again",
        Error::Storage(StorageError::Damaged { .. } | StorageError::Missing { .. }) => {
            "restore the file from a backup of store/"
        }
        _ => return None,
    };
    Some(hint.to_owned())
}

/// What helps when a profile cannot be built.
fn hint_of_profile(error: &ProfileError) -> Option<String> {
    Some(match error {
        ProfileError::Unknown { known, .. } if known.is_empty() => {
            "a profile is a table [profile.NAME] in repo.toml; see docs/profiles.md".to_owned()
        }
        ProfileError::Unknown { name, known } => {
            let known: Vec<String> = known.iter().map(ToString::to_string).collect();
            nearest::hint(name.as_str(), &known, "profiles")
        }
        ProfileError::OutOfRange { profile, .. } => {
            format!(
                "add or promote a version in that range, or change it in [profile.{profile}] of repo.toml"
            )
        }
        ProfileError::OtherArchitecture { profile, .. } => {
            format!(
                "add it for that architecture, or set `architectures` in [profile.{profile}] of repo.toml"
            )
        }
        ProfileError::NotBuilt { profile, repository } => {
            format!("run repo-cli profile build {profile} --repository {repository}")
        }
        ProfileError::Superseded { key, repository, .. } => {
            format!("run repo-cli remove {repository} {}={}", key.package, key.version)
        }
        _ => return None,
    })
}

/// Returns what to do about an old version that cannot come out again.
fn hint_of_reissue(error: &ReissueError) -> Option<String> {
    Some(match error {
        ReissueError::UnknownSource { repository, .. } => {
            format!("name the source package, as `Source` shows it: repo-cli show {repository} PACKAGE")
        }
        ReissueError::UnknownVersion { known, .. } => {
            let known: Vec<String> = known.iter().map(ToString::to_string).collect();
            format!("name the version of the source: {}", known.join(", "))
        }
        ReissueError::SeveralVersions { repository, source_name, good, versions } => {
            let (version, _) = versions.first()?;
            format!("name one: repo-cli reissue {repository} {source_name}={version} --as {good}")
        }
        ReissueError::NothingAbove { .. } => {
            "machines take this version anyway: nothing has to be undone".to_owned()
        }
        ReissueError::NotAbove { .. } => "write the bad version first and the old one behind --as".to_owned(),
        ReissueError::Superseded { repository, source_name, good, newer, .. } => {
            format!(
                "to bring machines back to {good}: repo-cli reissue {repository} {source_name}={newer} --as {good}"
            )
        }
        ReissueError::FileGone { .. } => {
            "add the package file of the old version again, or restore it from a backup of store/".to_owned()
        }
        ReissueError::Hazards { kinds, .. } => {
            let accept: Vec<String> = kinds.iter().map(|kind| format!("--accept {kind}")).collect();
            format!("to go on all the same, add {}; docs/undoing.md tells what remains", accept.join(" "))
        }
        _ => return None,
    })
}

/// Returns in which state things are after Ctrl-C.
fn after_cancellation(during: Phase) -> &'static str {
    match during {
        Phase::Reading | Phase::Changing => {
            "the repository is as it was; give the same command again to change it"
        }
        Phase::Linking | Phase::Unpacking | Phase::Rendering => {
            "clients see what they saw before; run repo-cli publish to go on"
        }
        Phase::Checking | Phase::Comparing => "the check is not complete; give the same command again",
        Phase::Marking | Phase::Removing => {
            "only files that nothing refers to were removed; give the same command again to go on"
        }
        _ => "the copy is not complete; give the same command again to go on",
    }
}
