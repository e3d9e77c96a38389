mod alone;
#[cfg(test)]
mod documentation;

use std::ffi::OsString;

use camino::Utf8PathBuf;
use clap::builder::Styles;
use clap::{ArgMatches, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum as _};
use repo_config::error::InvalidValue;
use repo_config::{Config, FromText};
use repo_store::settings::gate::{GateOverride, GateRule};

use crate::cmd;
use crate::output::{ColorChoice, Output, RowLimit};

/// Reads the value of an argument, which the configuration knows too.
pub(crate) fn argument<T: FromText>(text: &str) -> Result<T, InvalidValue> {
    T::from_text(text)
}

/// Returns whether `--json` is among arguments that clap could not make sense of.
pub(crate) fn ask_for_json(arguments: impl IntoIterator<Item = OsString>) -> bool {
    arguments.into_iter().take_while(|argument| argument != "--").any(|argument| argument == "--json")
}

/// Returns what `--color` among the arguments says, also when clap cannot make sense of all of them.
pub(crate) fn color_choice(arguments: impl IntoIterator<Item = OsString>) -> ColorChoice {
    let mut words = arguments.into_iter().take_while(|argument| argument != "--").peekable();
    let mut chosen = ColorChoice::Auto;
    while let Some(word) = words.next() {
        let word = word.to_string_lossy();
        let value = match word.strip_prefix("--color") {
            Some("") => words.peek().map(|next| next.to_string_lossy().into_owned()),
            Some(value) => value.strip_prefix('=').map(str::to_owned),
            None => None,
        };
        chosen = value.and_then(|value| ColorChoice::from_str(&value, false).ok()).unwrap_or(chosen);
    }
    chosen
}

/// Manages APT repositories: every version kept, every change undoable, signed metadata switched in one step.
#[derive(Debug, Parser)]
#[command(name = "repo-cli", version, propagate_version = true, max_term_width = 110)]
#[command(
    after_help = "Exit status: 0 done, 1 refused or failed, 2 wrong usage, 3 `diff` or `import verify` found differences,\n\
                  or `check`, `vulnerabilities`, `status`, `doctor` or `key check` something that needs a person, 130 interrupted."
)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
    /// The verb in words, as it was given: `suite remove`.
    #[arg(skip)]
    pub(crate) verb: String,
}

/// Returns the words of the verb.
fn verb_of(matches: &ArgMatches) -> String {
    let first = matches.subcommand();
    let words = std::iter::successors(first, |(_, matches)| matches.subcommand()).map(|(word, _)| word);
    words.collect::<Vec<_>>().join(" ")
}

/// When the log tells of a verb.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Logging {
    /// Never: it changes nothing.
    Nothing,
    /// At its end.
    Change,
    /// When it begins and when it ends: it goes on, and tells of what changes meanwhile itself.
    Service,
    /// At its end, as the configuration of the store that it made in this directory says.
    NewStore(Option<Utf8PathBuf>),
}

impl Arguments {
    /// Reads the arguments of the program.
    ///
    /// What is wrong with them is said without colours: only then can what the message quotes of the arguments be told apart from what clap
    /// adds, and be escaped.
    pub(crate) fn read() -> Result<Self, clap::Error> {
        // Help is coloured as everything else.
        let color = match color_choice(std::env::args_os()) {
            ColorChoice::Auto => clap::ColorChoice::Auto,
            ColorChoice::Always => clap::ColorChoice::Always,
            ColorChoice::Never => clap::ColorChoice::Never,
        };
        let read = |command: clap::Command| {
            let mut matches = command.try_get_matches_from(std::env::args_os())?;
            let verb = verb_of(&matches);
            Ok(Self { verb, ..Self::from_arg_matches_mut(&mut matches)? })
        };
        let arguments = alone::command(std::env::args_os()).and_then(|command| read(command).ok());
        if let Some(arguments) = arguments {
            return Ok(arguments);
        }
        read(Self::command().color(color)).map_err(|error: clap::Error| {
            if !error.use_stderr() {
                return error;
            }
            read(Self::command().styles(Styles::plain())).err().unwrap_or(error)
        })
    }
}

/// Options that every verb knows.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// The directory that holds repo.toml [default: the nearest one upwards]
    #[arg(long, global = true, env = "REPO_ROOT", value_name = "DIR", hide_env_values = true)]
    pub(crate) root: Option<Utf8PathBuf>,
    /// Print JSON instead of text
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// When to colour the output
    #[arg(long, global = true, value_enum, default_value = "auto", value_name = "WHEN")]
    pub(crate) color: ColorChoice,
    /// Print nothing but errors and what was asked for
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
    /// Who does this, as the history shows it [default: the user]
    #[arg(long, global = true, env = "REPO_ACTOR", value_name = "NAME", hide_env_values = true)]
    pub(crate) actor: Option<String>,
    /// Run the verb on the server at this address, through its interface for programs
    #[arg(long, global = true, env = "REPO_REMOTE", value_name = "URL", hide_env_values = true)]
    pub(crate) remote: Option<String>,
    /// The file with the token for --remote [default: the credential `repo-token` of the service]
    #[arg(long, global = true, env = "REPO_TOKEN_FILE", value_name = "FILE", hide_env_values = true)]
    pub(crate) token_file: Option<Utf8PathBuf>,
    /// The OpenPGP key that signs what is done, as `history --verify` shows it
    #[arg(long, global = true, env = "REPO_ACTOR_KEY", value_name = "FILE", hide_env_values = true)]
    pub(crate) actor_key: Option<Utf8PathBuf>,
}

/// Shared by all verbs that change a repository.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct ChangeArguments {
    /// Show what would be done and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Leave publishing to a later `publish`
    #[arg(long)]
    pub(crate) no_publish: bool,
}

/// Shared by the verbs that meet gates.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct OverrideArguments {
    /// Go on with what does not meet this rule of a [[gate]]; may be given several times
    #[arg(long = "override", value_name = "RULE", value_parser = gate_rule, requires = "reason")]
    rules: Vec<GateRule>,
    /// Why the rule does not count, for the history
    #[arg(long, value_name = "TEXT", requires = "rules", value_parser = reason)]
    reason: Option<String>,
}

impl OverrideArguments {
    /// Returns the rules that do not count, if there are any, and why.
    pub(crate) fn gate_override(&self) -> Option<GateOverride> {
        let reason = self.reason.as_ref().filter(|_| !self.rules.is_empty())?;
        Some(GateOverride::new(self.rules.iter().copied(), reason))
    }
}

pub(crate) fn gate_rule(text: &str) -> Result<GateRule, InvalidValue> {
    GateRule::from_name(text).ok_or_else(|| {
        let known = GateRule::ALL.map(GateRule::as_str).join(", ");
        format!("`{}` is not a rule; the rules are {known}", text.escape_debug()).into()
    })
}

pub(crate) fn reason(text: &str) -> Result<String, InvalidValue> {
    if text.trim().is_empty() { Err("a reason is needed".to_owned().into()) } else { Ok(text.to_owned()) }
}

/// How much of a long table is printed.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub(crate) struct LimitArguments {
    /// Print at most this many rows of a table; 0 for all [default: 50 on a terminal, all elsewhere]
    #[arg(long, value_name = "NUMBER")]
    limit: Option<usize>,
}

/// The same for verbs where `--all`, as the option was once called, can mean nothing else.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct RowArguments {
    /// Print at most this many rows of a table; 0 for all [default: 50 on a terminal, all elsewhere]
    #[arg(long, value_name = "NUMBER")]
    limit: Option<usize>,
    /// Print every row
    #[arg(long = "all", conflicts_with = "limit", hide = true)]
    every: bool,
}

/// How many rows are printed, by the arguments.
pub(crate) trait RowLimits {
    /// Returns the number that is given; 0 for all.
    fn given(&self) -> Option<usize>;

    /// Returns how many rows are printed: on a terminal a page, and elsewhere all, unless a number is given.
    fn limit(&self, output: &Output) -> RowLimit {
        let page = |is_terminal: bool| if is_terminal { ROWS } else { 0 };
        let rows = |is_terminal| self.given().unwrap_or_else(|| page(is_terminal));
        RowLimit::new(rows(output.is_terminal()), rows(output.talks_to_terminal()))
    }

    /// Returns how many rows are printed for programs: all unless a number is given.
    fn limit_of_data(&self) -> RowLimit {
        let rows = self.given().unwrap_or(0);
        RowLimit::new(rows, rows)
    }
}

impl RowLimits for LimitArguments {
    fn given(&self) -> Option<usize> {
        self.limit
    }
}

impl RowLimits for RowArguments {
    fn given(&self) -> Option<usize> {
        self.limit.or(self.every.then_some(0))
    }
}

/// How many rows of a table are printed on a terminal when nobody asks for another number.
const ROWS: usize = 50;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Set up, fill, publish and serve a store in one go: to see how it works
    Quickstart(cmd::quickstart::QuickstartArguments),
    /// Make a store with its repositories, a signing key and a commented repo.toml
    Init(cmd::init::InitArguments),
    /// Add packages, source packages and uploads to a repository
    Add(cmd::add::AddArguments),
    /// Take finished packages and uploads out of drop folders
    Incoming(cmd::incoming::IncomingArguments),
    /// List what a repository holds
    List(cmd::list::ListArguments),
    /// List every version of a package
    Versions(cmd::versions::VersionsArguments),
    /// Search names, descriptions, fields and files of packages
    Search(cmd::search::SearchArguments),
    /// Show everything known about a package, or a state of a repository
    Show(cmd::show::ShowArguments),
    /// Compare two states of suites or repositories
    Diff(cmd::diff::DiffArguments),
    /// Find packages that cannot be installed (exit status 3 when there are some)
    ///
    /// Each package of a suite is tried alone, together with what clients have besides: `--base` and `--base-suite`. What is checked is what
    /// apt decides by: dependencies, conflicts, virtual packages, architectures, essential packages. Only the newest version of each package counts,
    /// as for apt, unless `--all-versions` is given.
    Check(cmd::check::CheckArguments),
    /// Explain why a package is needed, and what would break without it; or why it cannot be installed
    ///
    /// It lists the dependencies that the package meets, by its own name or by one that it provides, and what else meets them; and the chains that lead
    /// there from other packages of the repository. What clients have besides counts too.
    #[command(alias = "rdepends")]
    Why(cmd::why::WhyArguments),
    /// Show what machines would do, by their dpkg status files (exit status 3 when one would lose packages)
    ///
    /// What counts is what `apt-get dist-upgrade` does on each machine with what clients would see: the state that is named, or a promotion (`--from`) or
    /// rollback (`--to`) that has not happened yet, with what clients have besides by [[base]]. It is compared with what clients see now, and only what is
    /// worse than that decides the exit status; when nothing changes, all that machines lose now does. A machine that cannot be read or decided counts as one
    /// that is worse. Machines in the same state are worked out once.
    Preview(cmd::preview::PreviewArguments),
    /// Show where each version stands on its way through the repositories: what is started, finished and released
    ///
    /// The way is `channels` in repo.toml. A version is started when something keeps it out of the next repository: a gate, a missing approval, a freeze, a
    /// hold. It is finished when it can be promoted, and released in the last repository.
    Pipeline(cmd::pipeline::PipelineArguments),
    /// Find sources with known vulnerabilities (exit status 3 when there are some, or a suite cannot be judged)
    ///
    /// What counts is the newest version of each package, as machines install it, and what the data say of its source in the release that the suite is
    /// named after. A version that was mended by somebody else is known to have a fix only by its number.
    Vulnerabilities(cmd::vulnerabilities::VulnerabilitiesArguments),
    /// Write what a state of a repository is made of, as SPDX or CycloneDX
    ///
    /// The same state gives the same bytes. Licences are not named: the packages hold them, and the repository does not read them.
    Sbom(cmd::sbom::SbomArguments),
    /// Copy packages from one repository to another
    Promote(cmd::promote::PromoteArguments),
    /// Give a repository the content of another one, and keep what it had in a third
    ///
    /// The repository then has exactly what the other one has, in the suites that both have. What it had until then goes to the repository
    /// for old releases, if there is one. Both are one change, and `undo` takes back both.
    Release(cmd::release::ReleaseArguments),
    /// Remove packages from a repository
    Remove(cmd::remove::RemoveArguments),
    /// Keep versions out of a repository
    Hold(cmd::hold::HoldArguments),
    /// Allow versions again that were held, removed or rolled back
    Unhold(cmd::hold::UnholdArguments),
    /// List the versions that are kept out of a repository, and why
    Holds(cmd::hold::HoldsArguments),
    /// Approve versions for promotion: what a gate with `approvals` asks for
    Approve(cmd::approve::ApproveArguments),
    /// List who has approved which versions in a repository
    Approvals(cmd::approve::ApprovalsArguments),
    /// Let nothing into a repository and remove nothing from it for a while
    ///
    /// It stops `add`, `incoming`, `promote`, `release`, `remove`, `retention` and larger shares of `rollout`, and ends by itself. `rollback`, `reissue`, `undo`, `remove --undo` and
    /// publishing are never stopped. What cannot wait takes --override freeze --reason TEXT.
    Freeze(cmd::freeze::FreezeArguments),
    /// End the freeze of a repository
    Thaw(cmd::freeze::ThawArguments),
    /// List the changes of a repository
    History(cmd::history::HistoryArguments),
    /// Give a repository the content it had before
    Rollback(cmd::rollback::RollbackArguments),
    /// Undo the last change of a repository
    ///
    /// What the change brought in is held from then on, so that nobody brings it in again unasked; the holds that a removal or a
    /// rollback made end with it. Undoing an undo makes the change again. Publishing, tagging and deleting files do not count as changes here.
    Undo(cmd::undo::UndoArguments),
    /// Publish an old version again above a bad one, so that machines go back with their next upgrade
    ///
    /// apt never goes back by itself. So the whole source comes out again: the files of the old version, byte for byte, under a version such as
    /// 2.1-1+0~reissue1, in exactly the suites that the bad version is in or was taken out of. What that cannot undo on machines is shown, and
    /// refused unless --accept names it. Freezes do not stop it, and of the rules of gates only `installable` does.
    Reissue(cmd::reissue::ReissueArguments),
    /// Let a version go to a share of the machines first
    Rollout(cmd::rollout::RolloutArguments),
    /// Name a state of a repository, so that it is kept and can be found
    Tag(cmd::tag::TagArguments),
    /// Remove old versions by the rules in repo.toml
    Retention(cmd::retention::RetentionArguments),
    /// Remove files that nothing refers to any more
    Gc(cmd::gc::GcArguments),
    /// Publish repositories
    Publish(cmd::publish::PublishArguments),
    /// Make signatures apart from publishing
    Sign(cmd::sign::SignArguments),
    /// Show whether all is well (exit status 3 when something needs a person)
    Status(cmd::status::StatusArguments),
    /// Check a published repository as clients see it, ours or another one (exit status 3 when something is found)
    ///
    /// It needs no store. It looks at the Release and its signatures as apt 2 and apt 3 judge them, at dates, at every index under each of its names, at
    /// package files, and at what a web server does with conditional requests, ranges and caches. Each finding has what clients print, and how to mend it.
    Doctor(cmd::doctor::DoctorArguments),
    /// Build a package from a folder and a short description of it
    ///
    /// The description is TOML: the name, the version, which files go where, and what the package needs (docs/building.md). `build new` writes one to begin with.
    /// The same folder gives the same bytes on every machine. With --add, a version that the repository has with another content gets the next number.
    Build(cmd::build::BuildArguments),
    /// Import another repository
    Import(cmd::import::ImportArguments),
    /// Read and list what clients have besides the repositories, for checks
    Base(cmd::base::BaseArguments),
    /// Carry published repositories to sites without network: files that are applied whole or not at all
    Bundle(cmd::bundle::BundleArguments),
    /// Check that everything in the store is what was written
    Fsck(cmd::fsck::FsckArguments),
    /// Copy what cannot be made again to another directory, while the store is in use
    Backup(cmd::backup::BackupArguments),
    /// Make a store from a backup
    Restore(cmd::restore::RestoreArguments),
    /// Serve the published repositories over HTTP
    ///
    /// A change of the configuration counts within two seconds: the repositories, who may read them, the proxies that are trusted,
    /// the files of users and the tokens. Where to listen is decided at the start; and a change that drops `trusted_proxies`, or after which
    /// nobody asks where clients of a repository come from, or what they show, counts after a restart.
    Serve(cmd::serve::ServeArguments),
    /// Print what a client needs to install from a repository
    ClientConfig(cmd::client_config::ClientConfigArguments),
    /// Tell other systems what happens: list, test and retry the hooks of repo.toml
    Hooks(cmd::hooks::HooksArguments),
    /// Make, list and revoke the tokens of machines and jobs
    Access(cmd::access::AccessArguments),
    /// List the machines that read repositories, and what each of them has
    ///
    /// `serve` sees them: by the token that a machine shows, or by its address when it shows none. What it has seen is written once a minute.
    Machines(cmd::machines::MachinesArguments),
    /// Curate what machines of a role run: metapackages that pin what a repository has
    ///
    /// A profile is a table of repo.toml (docs/profiles.md). Machines that install its metapackage have what it pins, and get what is promoted with it.
    Profile(cmd::profile::ProfileArguments),
    /// Make, list, rotate and check signing keys
    Key(cmd::key::KeyArguments),
    /// Check, show and change the configuration
    Config(cmd::config::ConfigArguments),
    /// Add, list and remove suites in the configuration
    Suite(cmd::suite::SuiteArguments),
    /// Add, list and remove repositories in the configuration
    Repository(cmd::repository::RepositoryArguments),
    /// Maintain the store itself
    Store(cmd::store::StoreArguments),
    /// Print what completes commands in a shell
    Completions(cmd::completions::CompletionsArguments),
    /// Write the manual pages, one for each verb
    #[command(hide = true)]
    Manual(cmd::manual::ManualArguments),
}

impl Command {
    /// Returns whether a person is asked when the clock is odd: the verb writes times into the store, and is not meant to set a wrong one
    /// right.
    pub(crate) fn asks_about_clock(&self) -> bool {
        self.writes() && !matches!(self, Self::Sign(_) | Self::Fsck(_) | Self::Hooks(_))
    }

    /// Returns whether the verb goes by settings. One that does not runs without a `repo.toml`.
    pub(crate) fn needs_settings(&self) -> bool {
        match self {
            Self::List(_)
            | Self::Versions(_)
            | Self::Search(_)
            | Self::Show(_)
            | Self::History(_)
            | Self::Holds(_)
            | Self::Approvals(_) => false,
            Self::Fsck(_) | Self::Gc(_) => self.writes(),
            _ => true,
        }
    }

    /// Returns whether the verb writes to an existing store, which then must have the newest format.
    pub(crate) fn writes(&self) -> bool {
        match self {
            Self::Add(arguments) => arguments.writes(),
            Self::Build(arguments) => arguments.writes(),
            Self::Import(arguments) => arguments.writes(),
            Self::Incoming(arguments) => arguments.writes(),
            Self::Profile(arguments) => arguments.writes(),
            Self::Promote(arguments) => arguments.writes(),
            Self::Release(arguments) => arguments.writes(),
            Self::Remove(arguments) => arguments.writes(),
            Self::Rollback(arguments) => arguments.writes(),
            Self::Undo(arguments) => arguments.writes(),
            Self::Reissue(arguments) => arguments.writes(),
            Self::Rollout(arguments) => arguments.writes(),
            Self::Tag(arguments) => arguments.writes(),
            Self::Hold(arguments) => arguments.writes(),
            Self::Unhold(arguments) => arguments.writes(),
            Self::Approve(arguments) => arguments.writes(),
            Self::Freeze(arguments) => arguments.writes(),
            Self::Thaw(arguments) => arguments.writes(),
            Self::Retention(arguments) => arguments.writes(),
            Self::Gc(arguments) => arguments.writes(),
            Self::Publish(arguments) => arguments.writes(),
            Self::Sign(arguments) => arguments.writes(),
            Self::Fsck(arguments) => arguments.writes(),
            // `quickstart` and `init` make a store; `store upgrade` says itself what it does; the others only read.
            Self::Quickstart(_)
            | Self::Init(_)
            | Self::Store(_)
            | Self::List(_)
            | Self::Versions(_)
            | Self::Search(_)
            | Self::Show(_)
            | Self::Diff(_)
            | Self::Check(_)
            | Self::Why(_)
            | Self::Preview(_)
            | Self::Pipeline(_)
            | Self::Sbom(_)
            | Self::Vulnerabilities(_)
            | Self::History(_)
            | Self::Holds(_)
            | Self::Approvals(_)
            | Self::Backup(_)
            | Self::Restore(_)
            | Self::Serve(_)
            | Self::Status(_)
            | Self::Doctor(_)
            | Self::Bundle(_)
            | Self::Completions(_)
            | Self::Config(_)
            | Self::Suite(_)
            | Self::Repository(_)
            | Self::Manual(_)
            | Self::ClientConfig(_) => false,
            Self::Access(arguments) => arguments.writes(),
            Self::Machines(arguments) => arguments.writes(),
            Self::Key(arguments) => arguments.writes(),
            Self::Hooks(arguments) => arguments.writes(),
            Self::Base(arguments) => arguments.writes(),
        }
    }

    /// Returns the repositories that the verb was given to change; none when it is about all of them.
    pub(crate) fn repositories(&self, config: &Config) -> Vec<String> {
        if let Self::Promote(arguments) = self {
            return arguments.to(config).into_iter().collect();
        }
        self.named_repositories().into_iter().map(str::to_owned).collect()
    }

    fn named_repositories(&self) -> Vec<&str> {
        match self {
            Self::Add(arguments) => vec![arguments.repository()],
            Self::Import(arguments) => arguments.repository().into_iter().collect(),
            Self::Build(arguments) => arguments.repository().into_iter().collect(),
            Self::Incoming(arguments) => arguments.repository().into_iter().collect(),
            Self::Profile(arguments) => arguments.repository().into_iter().collect(),
            Self::Remove(arguments) => vec![arguments.repository()],
            Self::Rollback(arguments) => vec![arguments.repository()],
            Self::Undo(arguments) => vec![arguments.repository()],
            Self::Reissue(arguments) => vec![arguments.repository()],
            Self::Rollout(arguments) => arguments.repository().into_iter().collect(),
            Self::Retention(arguments) => arguments.repositories(),
            Self::Publish(arguments) => arguments.repositories(),
            Self::Sign(arguments) => arguments.repositories(),
            _ => Vec::new(),
        }
    }
}

impl Command {
    /// Returns when the log tells of the verb.
    pub(crate) fn logging(&self) -> Logging {
        let is_change = match self {
            Self::Config(arguments) => arguments.writes(),
            Self::Suite(arguments) => arguments.writes(),
            Self::Repository(arguments) => arguments.writes(),
            Self::Key(arguments) => arguments.changes(),
            Self::Backup(arguments) => arguments.writes(),
            Self::Store(_) => true,
            Self::Incoming(arguments) if !arguments.ends() => return Logging::Service,
            Self::Serve(_) => return Logging::Service,
            // Deliveries change nothing that the log tells of, and are told to no hook.
            Self::Hooks(_) => return Logging::Nothing,
            Self::Init(arguments) => {
                return arguments.new_store().map_or(Logging::Nothing, Logging::NewStore);
            }
            Self::Quickstart(arguments) => {
                return arguments.new_store().map_or(Logging::Nothing, |root| Logging::NewStore(Some(root)));
            }
            Self::Restore(arguments) => {
                let root = arguments.new_store();
                return root.map_or(Logging::Nothing, |root| Logging::NewStore(Some(root.clone())));
            }
            command => command.writes(),
        };
        if is_change { Logging::Change } else { Logging::Nothing }
    }
}

impl Command {
    /// Returns whether arguments of the verb itself ask for JSON.
    pub(crate) fn prints_json(&self) -> bool {
        match self {
            Self::Diff(arguments) => arguments.prints_json(),
            Self::List(arguments) => arguments.prints_json(),
            Self::Versions(arguments) => arguments.prints_json(),
            Self::Search(arguments) => arguments.prints_json(),
            Self::Vulnerabilities(arguments) => arguments.prints_json(),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// Verbs that only read, or write to standard output alone.
    const READING: [&str; 41] = [
        "access list",
        "approvals",
        "base list",
        "bundle inspect",
        "bundle receipt",
        "bundle verify",
        "check",
        "client-config",
        "completions",
        "config check",
        "config schema",
        "config show",
        "diff",
        "doctor",
        "history",
        "holds",
        "hooks list",
        "import verify",
        "key check",
        "key export",
        "key list",
        "list",
        "machines list",
        "machines show",
        "pipeline",
        "preview",
        "profile check",
        "profile diff",
        "profile list",
        "profile show",
        "repository list",
        "rollout preview",
        "rollout status",
        "sbom",
        "search",
        "show",
        "status",
        "suite list",
        "versions",
        "vulnerabilities",
        "why",
    ];

    /// Verbs that change something and have no `--dry-run`, and why.
    const WITHOUT: [(&str, &str); 12] = [
        ("base update", "it keeps what checks read, and changes nothing that clients see"),
        ("build new", "it writes to a new directory, and nowhere else"),
        ("bundle create", "it writes a new file, which nobody reads before it is carried away"),
        (
            "config proxy",
            "it prints; --write-credentials writes what another server reads of users and tokens, and nothing else",
        ),
        ("hooks deliver", "it is what verbs leave behind"),
        ("hooks retry", "it delivers what `hooks list` shows"),
        ("hooks test", "it sends one event that says that it is a test"),
        ("key certify", "it writes one new file, and asks a key service to sign it: both are what it is for"),
        ("machines import-log", "it notes who asked for what; `machines forget` takes that back"),
        ("manual", "it writes manual pages to a directory of its own, for packagers"),
        ("serve", "it shows what is published and changes none of it"),
        ("sign export", "it writes to a new or empty directory, which nobody reads before it is signed"),
    ];

    /// The verbs at the ends of the tree, each with whether it takes `--dry-run`.
    fn leaves(command: &clap::Command, path: &str, found: &mut BTreeMap<String, bool>) {
        for verb in command.get_subcommands() {
            let path = format!("{path} {}", verb.get_name()).trim_start().to_owned();
            if verb.has_subcommands() {
                leaves(verb, &path, found);
            } else {
                let takes = verb.get_arguments().any(|argument| argument.get_long() == Some("dry-run"));
                found.insert(path, takes);
            }
        }
    }

    #[test]
    fn every_verb_that_changes_something_shows_it_before() {
        let mut found = BTreeMap::new();
        leaves(&Arguments::command(), "", &mut found);
        let without: Vec<&str> = WITHOUT.iter().map(|(verb, _)| *verb).collect();
        for (verb, takes) in &found {
            let is_known = READING.contains(&verb.as_str()) || without.contains(&verb.as_str());
            assert_eq!(*takes, !is_known, "{verb}");
        }
        for verb in READING.iter().chain(&without) {
            assert!(found.contains_key(*verb), "the list names {verb}, which does not exist");
        }
    }
}
