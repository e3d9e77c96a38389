mod begun;

use apt_sign::UserId;
use begun::BegunStore;
use camino::{Utf8Path, Utf8PathBuf};
use deb_parse::{Architecture, SuiteName};
use repo_config::edit::EditError;
use repo_config::error::InvalidValue;
use repo_config::keys::{KeyDirectory, NewKey};
use repo_config::{Config, FromText as _, Line, OnUnknownRelease, RESERVED, Template, Url};
use repo_store::storage::StorageError;
use repo_store::{RepositoryName, RepositorySettings, Store, SuiteSettings};
use serde::Serialize;

use super::key::KeyFile;
use crate::args::{Global, argument};
use crate::clock::{self, Hazard};
use crate::error::{Failure, Outcome};
use crate::json_value::{JsonDocument, Text};
use crate::output::{Output, joined};
use crate::session::{Publishing, Session, has_repositories};

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct InitArguments {
    /// Where [default: the current directory]
    #[arg(value_name = "DIR")]
    pub(crate) directory: Option<Utf8PathBuf>,
    #[command(flatten)]
    pub(crate) layout: LayoutArguments,
    /// Show what would be made and make nothing
    #[arg(long)]
    dry_run: bool,
}

impl InitArguments {
    /// Returns where a store is made; `None` when none is.
    pub(crate) fn new_store(&self) -> Option<Option<Utf8PathBuf>> {
        (!self.dry_run).then(|| self.directory.clone())
    }
}

/// What a new store looks like.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct LayoutArguments {
    /// A repository; may be given several times [default: preprod and prod]
    #[arg(long = "repository", value_name = "NAME", value_parser = argument::<RepositoryName>, default_values = ["preprod", "prod"], hide_default_value = true)]
    pub(crate) repositories: Vec<RepositoryName>,
    /// A suite; may be given several times [default: bookworm and trixie]
    #[arg(long = "suite", value_name = "NAME", value_parser = argument::<SuiteName>, default_values = ["bookworm", "trixie"], hide_default_value = true)]
    pub(crate) suites: Vec<SuiteName>,
    /// An architecture; may be given several times [default: amd64 and arm64]
    #[arg(long = "architecture", value_name = "NAME", value_parser = argument::<Architecture>, default_values = ["amd64", "arm64"], hide_default_value = true)]
    pub(crate) architectures: Vec<Architecture>,
    /// Who publishes, as clients see it; better never changed later
    #[arg(long, value_name = "TEXT", default_value = "In-house packages", value_parser = origin)]
    pub(crate) origin: Line,
    /// The address under which clients will reach the repositories
    #[arg(long, value_name = "URL", value_parser = argument::<Url>)]
    pub(crate) url: Option<Url>,
    /// Accept this hazard, in a directory in which a store was begun before
    #[arg(long, value_name = "HAZARD")]
    pub(crate) accept: Vec<Hazard>,
}

/// Reads an origin, which the name of the signing key holds too.
fn origin(text: &str) -> Result<Line, InvalidValue> {
    let origin = Line::from_text(text)?;
    key_name(&origin).map_err(|error| InvalidValue::from(error.to_string()))?;
    Ok(origin)
}

/// Returns the name of the signing key of a new store.
fn key_name(origin: &Line) -> Result<UserId, apt_sign::Error> {
    UserId::parse(&format!("{origin} (archive signing key)"))
}

impl LayoutArguments {
    /// Returns how the new store is published first.
    pub(crate) fn publishing(&self) -> Publishing {
        Publishing { accept_clock: self.accept.contains(&Hazard::Clock), ..Publishing::default() }
    }
}

pub(crate) fn run(arguments: &InitArguments, global: &Global, output: &Output) -> Result<Outcome, Failure> {
    let directory = arguments.directory.clone().or_else(|| global.root.clone());
    let directory = directory.map_or_else(crate::session::current_directory, Ok)?;
    let plan = StorePlan::new(&directory, &arguments.layout, OnUnknownRelease::Refuse)?;
    if arguments.dry_run {
        output.result(&plan.document(), || {});
        plan.say(output);
        return Ok(Outcome::Done);
    }
    plan.make(output)?;
    let session = Session::open(&Global { root: Some(directory), ..global.clone() })?.watched(output);
    let published = session.publish_each(
        session.config.repositories().collect(),
        arguments.layout.publishing(),
        output,
    )?;
    let mut failed = 0;
    for published in published {
        let (_, report) = published?;
        failed += usize::from(report.is_none());
    }
    output.result(&NewStoreJson { root: &session.root }, || {});
    Ok(Outcome::of(failed == 0))
}

/// The document of `init`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct NewStoreJson<'a> {
    /// The directory of the store
    #[cfg_attr(test, schemars(with = "String"))]
    root: &'a Utf8Path,
}

impl JsonDocument for NewStoreJson<'_> {}

/// The document of `init --dry-run`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct StorePlanJson<'a> {
    /// Whether nothing was changed: true
    dry_run: bool,
    /// The files and directories that would be made, below the directory of the store
    files: Vec<&'static str>,
    /// The name of the signing key that would be made
    key: String,
    /// The repositories that would be made
    repositories: Vec<NewRepositoryJson<'a>>,
    /// The directory of the store
    #[cfg_attr(test, schemars(with = "String"))]
    root: &'a Utf8Path,
}

impl JsonDocument for StorePlanJson<'_> {}

/// A repository that would be made.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct NewRepositoryJson<'a> {
    /// The name of the repository
    repository: Text<&'a RepositoryName>,
    /// The suites of the repository
    suites: Vec<NewSuiteJson<'a>>,
}

impl<'a> NewRepositoryJson<'a> {
    fn new(repository: &'a RepositorySettings) -> Self {
        let suite = |suite: &'a SuiteSettings| NewSuiteJson {
            architectures: Text::all(&suite.architectures),
            suite: Text(&suite.name),
        };
        Self { repository: Text(&repository.name), suites: repository.suites.iter().map(suite).collect() }
    }
}

/// A suite that would be made.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct NewSuiteJson<'a> {
    /// The architectures of the suite
    architectures: Vec<Text<&'a Architecture>>,
    /// The name of the suite
    suite: Text<&'a SuiteName>,
}

/// The key that signs what a new store publishes.
pub(crate) enum NewStoreKey {
    /// A new one of this name.
    Generate(UserId),
    /// That of what was published elsewhere before.
    Import(KeyFile),
}

impl NewStoreKey {
    /// Makes a key that is named after who publishes.
    pub(crate) fn generate(origin: &Line) -> Result<Self, Failure> {
        Ok(Self::Generate(key_name(origin)?))
    }
}

impl std::fmt::Display for NewStoreKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Generate(name) => write!(f, "make a signing key: {name}"),
            Self::Import(file) => write!(f, "take over the signing key of {file}"),
        }
    }
}

/// A store that is to be made.
pub(crate) struct StorePlan<'a> {
    root: &'a Utf8Path,
    accepts_clock: bool,
    template: Template,
    /// What `repo.toml` will say.
    pub(crate) config: Config,
    key: NewStoreKey,
}

impl<'a> StorePlan<'a> {
    /// Checks everything that can be checked before anything is there: what is wrong with it could not be put right by giving other
    /// arguments.
    pub(crate) fn new(
        root: &'a Utf8Path,
        layout: &'a LayoutArguments,
        unknown_release: OnUnknownRelease,
    ) -> Result<Self, Failure> {
        let accepts_clock = layout.accept.contains(&Hazard::Clock);
        let key = NewStoreKey::generate(&layout.origin)?;
        Self::of_template(root, template(layout, unknown_release), key, accepts_clock)
    }

    /// The same of a configuration. A clock that is behind what was done before is accepted when that is asked for.
    pub(crate) fn of_template(
        root: &'a Utf8Path,
        template: Template,
        key: NewStoreKey,
        accepts_clock: bool,
    ) -> Result<Self, Failure> {
        check_is_new(root)?;
        if let Some(name) = template.repositories.iter().find(|name| RESERVED.contains(&name.as_str())) {
            return Err(EditError::Reserved { name: name.clone() }.into());
        }
        let config = template.check(root)?;
        Ok(Self { root, accepts_clock, template, config, key })
    }

    /// Makes the store, its key and its configuration.
    pub(crate) fn make(self, output: &Output) -> Result<(), Failure> {
        let Self { root, accepts_clock, template, key, .. } = self;
        let begun = BegunStore::new(root)?;
        check_is_new(root)?;
        let store = match Store::create(root) {
            // Without a repo.toml it was not made to the end.
            Err(repo_store::Error::Storage(StorageError::StoreExists { .. })) => Store::open(root)?,
            result => result?,
        };
        let (keys, now) = (KeyDirectory::new(root), crate::clock::now());
        if !accepts_clock {
            clock::check_for_key(&store, &keys, now)?;
        }
        let (fingerprint, made) = match key {
            NewStoreKey::Generate(name) => {
                (keys.generate(&NewKey::named(name), now.into())?.fingerprint(), "made a")
            }
            NewStoreKey::Import(file) => (file.take(&keys, now, false)?.0, "took over the"),
        };
        // Last: a directory with a repo.toml is a store that was made to the end.
        let path = template.save_new(root)?;
        begun.complete();
        output.say(&format!("made a store in {root}: configure it in {path}"));
        output.say(&format!("{made} signing key: {fingerprint}"));
        Ok(())
    }

    /// Prints what would be made.
    pub(crate) fn say(&self, output: &Output) {
        output.say(&format!("would make a store in {}: {}", self.root, begun::missing(self.root).join(", ")));
        output.say(&format!("would {}", self.key));
        for repository in self.config.repositories() {
            let suites = repository.suites.iter();
            let suites = suites.map(|suite| format!("{} ({})", suite.name, joined(&suite.architectures)));
            let suites: Vec<String> = suites.collect();
            output.say(&format!("would publish {}: {}", repository.name, joined(&suites)));
        }
    }

    /// Returns what would be made, for programs.
    pub(crate) fn document(&self) -> StorePlanJson<'_> {
        StorePlanJson {
            dry_run: true,
            files: begun::missing(self.root),
            key: match &self.key {
                NewStoreKey::Generate(name) => name.to_string(),
                NewStoreKey::Import(file) => file.to_string(),
            },
            repositories: self.config.repositories().map(NewRepositoryJson::new).collect(),
            root: self.root,
        }
    }
}

/// Refuses a directory with a `repo.toml`.
fn check_is_new(root: &Utf8Path) -> Result<(), Failure> {
    if root.join("repo.toml").symlink_metadata().is_err() {
        // One that is in use had a configuration, which said who may read, and keys.
        return if has_repositories(root) {
            Err(Failure::NoConfiguration { root: root.to_owned() })
        } else {
            Ok(())
        };
    }
    let (path, is_store) = (root.to_owned(), root.join("store/format").exists());
    let error = if is_store { StorageError::StoreExists { path } } else { StorageError::NotEmpty { path } };
    Err(repo_store::Error::from(error).into())
}

/// What `repo.toml` is to say.
fn template(layout: &LayoutArguments, unknown_release: OnUnknownRelease) -> Template {
    let mut template = Template::new(layout.origin.clone());
    template.url.clone_from(&layout.url);
    template.unknown_release = unknown_release;
    template.suites.clone_from(&layout.suites);
    template.architectures.clone_from(&layout.architectures);
    template.repositories.clone_from(&layout.repositories);
    template
}
