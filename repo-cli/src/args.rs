use std::ffi::OsString;

use camino::Utf8PathBuf;
use clap::builder::Styles;
use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum as _};
use repo_config::{FromText, InvalidValue};

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
    after_help = "Exit status: 0 done, 1 refused or failed, 2 wrong usage, 3 `diff` found differences, or `status`\n\
                  or `key check` something that needs a person, 130 interrupted."
)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
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
            Self::from_arg_matches_mut(&mut matches)
        };
        read(Self::command().color(color)).map_err(|error| {
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

/// How much of a long table is printed, for verbs that change something: there `--all` would be taken for more packages.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct LimitArguments {
    /// Print at most this many rows of a table; 0 for all [default: 50]
    #[arg(long, value_name = "NUMBER")]
    limit: Option<usize>,
}

impl LimitArguments {
    /// Returns how many rows are printed.
    pub(crate) fn limit(self) -> RowLimit {
        RowLimit::new(self.limit.unwrap_or(ROWS), "--limit 0")
    }
}

/// How much of a long table is printed, for verbs that show something.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct RowArguments {
    /// Print at most this many rows of a table; 0 for all, as --all [default: 50]
    #[arg(long, value_name = "NUMBER")]
    limit: Option<usize>,
    /// Print every row
    #[arg(long = "all", conflicts_with = "limit")]
    every: bool,
}

/// How many rows of a listing are printed, by its arguments.
pub(crate) trait RowLimits {
    /// Returns the number that is given.
    fn given(&self) -> Option<RowLimit>;

    /// Returns the limit when no number is given.
    fn default_limit(&self) -> RowLimit;

    /// Returns how many rows a listing has that other programs search: off a terminal every row unless a number is given.
    fn limit_of_listing(&self, output: &Output) -> RowLimit {
        let usual = || if output.is_terminal() { self.default_limit() } else { RowLimit::NONE };
        self.given().unwrap_or_else(usual)
    }

    /// Returns how many rows are printed for programs: every row unless a number is given.
    fn limit_of_data(&self) -> RowLimit {
        self.given().unwrap_or(RowLimit::NONE)
    }
}

impl RowLimits for RowArguments {
    fn given(&self) -> Option<RowLimit> {
        (self.limit.is_some() || self.every).then(|| self.limit())
    }

    fn default_limit(&self) -> RowLimit {
        self.limit()
    }
}

impl RowLimits for LimitArguments {
    fn given(&self) -> Option<RowLimit> {
        self.limit.map(|_| self.limit())
    }

    fn default_limit(&self) -> RowLimit {
        self.limit()
    }
}

impl RowArguments {
    /// Returns how many rows are printed.
    pub(crate) fn limit(self) -> RowLimit {
        RowLimit::new(if self.every { 0 } else { self.limit.unwrap_or(ROWS) }, "--all")
    }

    /// The same for JSON, which has everything unless a number is given.
    pub(crate) fn limit_of_json(self) -> RowLimit {
        RowLimit::new(self.limit.unwrap_or(0), "")
    }

    /// Returns whether every row is asked for.
    pub(crate) fn shows_every(self) -> bool {
        self.every || self.limit == Some(0)
    }
}

/// How many rows of a table are printed when nobody asks for another number.
pub(crate) const ROWS: usize = 50;

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
    /// Show everything known of a package
    Show(cmd::show::ShowArguments),
    /// Compare two states of suites or repositories
    Diff(cmd::diff::DiffArguments),
    /// Copy packages from one repository to another
    Promote(cmd::promote::PromoteArguments),
    /// Take packages out of a repository
    Remove(cmd::remove::RemoveArguments),
    /// Keep versions out of a repository
    Hold(cmd::hold::HoldArguments),
    /// Let versions in again that were held, removed or rolled back
    Unhold(cmd::hold::UnholdArguments),
    /// List the versions that are kept out of a repository, and why
    Holds(cmd::hold::HoldsArguments),
    /// List what was done to a repository
    History(cmd::history::HistoryArguments),
    /// Give a repository the content it had before
    Rollback(cmd::rollback::RollbackArguments),
    /// Undo the last change of a repository
    ///
    /// What the change brought in is held from then on, so that nobody brings it in again unasked; the holds that a removal or a
    /// rollback made end with it. Undoing an undo makes the change again. Publishing, tagging and deleting files do not count as changes here.
    Undo(cmd::undo::UndoArguments),
    /// Name a state of a repository, so that it is kept and can be found
    Tag(cmd::tag::TagArguments),
    /// Take out old versions by the rules in repo.toml
    Retention(cmd::retention::RetentionArguments),
    /// Remove files that nothing refers to any more
    Gc(cmd::gc::GcArguments),
    /// Show clients the current state of repositories
    Publish(cmd::publish::PublishArguments),
    /// Make signatures apart from publishing
    Sign(cmd::sign::SignArguments),
    /// Show whether all is well (exit status 3 when something needs a person)
    Status(cmd::status::StatusArguments),
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
    /// Make, list and revoke the tokens of machines and jobs
    Access(cmd::access::AccessArguments),
    /// Make, list, rotate and check signing keys
    Key(cmd::key::KeyArguments),
    /// Check, show and change the configuration
    Config(cmd::config::ConfigArguments),
    /// Add, list and remove suites in the configuration
    Suite(cmd::suite::SuiteArguments),
    /// Add, list and remove repositories in the configuration
    Repository(cmd::repository::RepositoryArguments),
    /// Look after the store itself
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
        self.writes() && !matches!(self, Self::Sign(_) | Self::Fsck(_))
    }

    /// Returns whether the verb goes by settings. One that does not runs without a `repo.toml`.
    pub(crate) fn needs_settings(&self) -> bool {
        match self {
            Self::List(_)
            | Self::Versions(_)
            | Self::Search(_)
            | Self::Show(_)
            | Self::History(_)
            | Self::Holds(_) => false,
            Self::Fsck(_) | Self::Gc(_) => self.writes(),
            _ => true,
        }
    }

    /// Returns whether the verb writes to an existing store, which then must have the newest format.
    pub(crate) fn writes(&self) -> bool {
        match self {
            Self::Add(arguments) => arguments.writes(),
            Self::Incoming(arguments) => arguments.writes(),
            Self::Promote(arguments) => arguments.writes(),
            Self::Remove(arguments) => arguments.writes(),
            Self::Rollback(arguments) => arguments.writes(),
            Self::Undo(arguments) => arguments.writes(),
            Self::Tag(arguments) => arguments.writes(),
            Self::Hold(arguments) => arguments.writes(),
            Self::Unhold(arguments) => arguments.writes(),
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
            | Self::History(_)
            | Self::Holds(_)
            | Self::Backup(_)
            | Self::Restore(_)
            | Self::Serve(_)
            | Self::Status(_)
            | Self::Completions(_)
            | Self::Config(_)
            | Self::Suite(_)
            | Self::Repository(_)
            | Self::Manual(_)
            | Self::ClientConfig(_) => false,
            Self::Access(arguments) => arguments.writes(),
            Self::Key(arguments) => arguments.writes(),
        }
    }
}

impl Command {
    /// Returns the name under which the log tells of the verb, if it changes something. One that goes on tells of each round itself.
    pub(crate) fn logged_as(&self) -> Option<&'static str> {
        let name = match self {
            Self::Config(arguments) if arguments.writes() => "config set",
            Self::Suite(arguments) if arguments.writes() => "suite",
            Self::Repository(arguments) if arguments.writes() => "repository",
            Self::Backup(_) => "backup",
            Self::Store(_) => "store upgrade",
            Self::Incoming(arguments) if !arguments.ends() => return None,
            command if !command.writes() => return None,
            Self::Add(_) => "add",
            Self::Incoming(_) => "incoming",
            Self::Promote(_) => "promote",
            Self::Remove(_) => "remove",
            Self::Rollback(_) => "rollback",
            Self::Undo(_) => "undo",
            Self::Tag(_) => "tag",
            Self::Hold(_) => "hold",
            Self::Unhold(_) => "unhold",
            Self::Retention(_) => "retention",
            Self::Gc(_) => "gc",
            Self::Publish(_) => "publish",
            Self::Sign(_) => "sign",
            Self::Fsck(_) => "fsck",
            Self::Key(_) => "key",
            Self::Access(_) => "access",
            _ => return None,
        };
        Some(name)
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
            _ => false,
        }
    }
}
