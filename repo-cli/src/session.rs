//! What nearly every verb needs: the store, the configuration, the keys, the time and the person.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::os::unix::fs::MetadataExt as _;
use std::rc::Rc;
use std::sync::Arc;
use std::time::SystemTime;

use apt_sign::{Fingerprint, KeyProblem, OpenPgpSigner, Signed, Signer as _};
use camino::{Utf8Path, Utf8PathBuf};
use deb_parse::{Architecture, Limits, PackageName};
use jiff::{SignedDuration, Timestamp};
use repo_config::Config;
use repo_config::keys::{ExternalKey, KeyDirectory, KeyError, KeyWarning};
use repo_store::error::{HistoryError, PublishError};
use repo_store::history::{ActorSigner, Envelope};
use repo_store::maintenance::upkeep::{UpkeepKind, UpkeepRun};
use repo_store::model::{CommitId, TagName};
use repo_store::progress::Progress;
use repo_store::publish::{Exported, LastPublication, PublicationPlan, PublishReport, UnsignedRelease};
use repo_store::settings::IndexKind;
use repo_store::storage::Format;
use repo_store::{Context, Error, PublishOptions, RepositoryName, RepositorySettings, Revision, Store};

use crate::access;
use crate::actor_key;
use crate::args::{ChangeArguments, Global};
use crate::clock;
use crate::error::{Failure, chain};
use crate::hooks::{Note, Observer};
use crate::moment;
use crate::nearest;
use crate::operation_log::{Fault, OperationLog};
use crate::output::{Output, count, joined, suite_list};
use crate::package_readers;
use crate::passphrase;

/// An open store with its configuration.
pub(crate) struct Session {
    pub(crate) root: Utf8PathBuf,
    pub(crate) store: Store,
    pub(crate) config: Config,
    actor: String,
    /// The key of the actor, if the verb writes and there is one.
    actor_signer: Option<Arc<dyn ActorSigner>>,
    keys: KeyDirectory,
    threads: NonZeroUsize,
    /// Who is told how far operations are.
    progress: Progress,
    /// The keys of each list of a repository, and without a list. Their public parts are read once for a verb.
    signing: RefCell<BTreeMap<Option<Vec<Fingerprint>>, Rc<SigningKeys>>>,
    /// What clients see of the repositories that are about to be changed, for the publication of the change.
    last: RefCell<BTreeMap<RepositoryName, LastPublication>>,
}

/// The keys that sign, and what is to be said of them.
struct SigningKeys {
    signer: OpenPgpSigner,
    warnings: Vec<KeyWarning>,
    /// The time of the signatures, if it differs from the current time.
    as_of: Option<Timestamp>,
}

impl SigningKeys {
    /// Returns the failure of a publication. A key that clients know may be skipped only because the clock is wrong.
    fn failure(&self, error: Error) -> Failure {
        let Error::Publish(PublishError::KeyChange { keys: known, .. }) = &error else { return error.into() };
        let is_known =
            |fingerprint: &Fingerprint| known.is_empty() || known.contains(&fingerprint.to_string());
        let skipped = self.warnings.iter().find_map(|warning| match warning {
            KeyWarning::DoesNotSign { fingerprint, problem: KeyProblem::NotYetValid { created }, .. }
                if is_known(fingerprint) =>
            {
                Some((fingerprint.clone(), Timestamp::try_from(*created).ok()?))
            }
            _ => None,
        });
        match skipped {
            Some((fingerprint, created)) => {
                Failure::KnownKeyOfTheFuture { refusal: Box::new(error), fingerprint, created }
            }
            None => error.into(),
        }
    }
}

impl Session {
    /// Opens the store in the directory given, or in the nearest one upwards that has a `repo.toml`.
    pub(crate) fn open(global: &Global) -> Result<Self, Failure> {
        let root = find_root(global)?;
        Self::with(Config::load(&root)?, root, global)
    }

    /// Opens the store in a root whose configuration was read already.
    pub(crate) fn with(config: Config, root: Utf8PathBuf, global: &Global) -> Result<Self, Failure> {
        let store = package_readers::confine(Store::open(&root)?, config.limits());
        Ok(Self::of(root, store, config, global))
    }

    /// Shows how far operations are from now on, and lets Ctrl-C stop them.
    pub(crate) fn watched(mut self, output: &Output) -> Self {
        self.progress = output.watch().progress();
        self
    }

    /// The same for a verb that needs no settings: a store that a library made has no `repo.toml`. Its repositories then have no suites
    /// of their own, and those of their states are all that is known.
    pub(crate) fn open_to_read(global: &Global) -> Result<Self, Failure> {
        let root = find_store_root(global)?;
        if root.join("repo.toml").exists() {
            return Self::open(&Global { root: Some(root), ..global.clone() });
        }
        let store = package_readers::confine(Store::open(&root)?, Limits::default());
        let config = Config::without_file(&root, store.repositories()?);
        Ok(Self::of(root, store, config, global))
    }

    fn of(root: Utf8PathBuf, store: Store, config: Config, global: &Global) -> Self {
        let keys = key_directory(&root, &config);
        let (actor, threads, progress) = (actor(global), processors(), Progress::silent());
        let (signing, last) = (RefCell::default(), RefCell::default());
        Self { root, store, config, actor, actor_signer: None, keys, threads, progress, signing, last }
    }

    /// Reads the key of the actor, if there is one, before anything is changed.
    pub(crate) fn load_actor_key(&mut self, global: &Global) -> Result<(), Failure> {
        self.actor_signer = global.actor_key.as_deref().map(actor_key::load).transpose()?;
        Ok(())
    }

    /// Brings a store of an older format to the newest, and says so: something is about to be written.
    pub(crate) fn upgrade_store(&mut self, output: &Output) -> Result<(), Failure> {
        if self.store.format() < Format::WRITTEN {
            let before = self.store.upgrade()?;
            output.note(&format!(
                "upgraded the store from format {before} to format {}; older versions of repo-cli can no longer open it",
                Format::WRITTEN
            ));
        }
        Ok(())
    }

    /// Whether the store belongs to the user who runs this, who then sees all of it.
    pub(crate) fn is_owner(&self) -> bool {
        is_owner(&self.store)
    }

    /// Begins the line of a verb that goes on, if the configuration asks for one.
    pub(crate) fn operation_log(&self, verb: &str) -> Option<OperationLog> {
        OperationLog::begin(&self.config, verb.to_owned(), self.actor.clone())
    }

    /// Begins to note what a round of a verb does that goes on, if a hook is configured.
    pub(crate) fn observer_of_rounds(&self) -> Option<Observer> {
        Observer::of_rounds(&self.root, &self.config, self.actor.clone())
    }

    /// Who acts, when, and on how many threads.
    pub(crate) fn context(&self) -> Context {
        Context {
            actor: self.actor.clone(),
            signer: self.actor_signer.clone(),
            // Whole seconds, as they are shown: a time copied from `history` means the commit it was copied from.
            now: Timestamp::from_second(crate::clock::now().as_second()).unwrap_or(Timestamp::UNIX_EPOCH),
            threads: self.threads,
            progress: self.progress.clone(),
        }
    }

    /// The settings of a configured repository.
    pub(crate) fn repository(&self, name: &str) -> Result<&RepositorySettings, Failure> {
        self.config
            .repository(name)
            .map_err(|error| self.package_in_place(name).unwrap_or_else(|| error.into()))
    }

    /// Finds out whether what is not a repository is a package.
    fn package_in_place(&self, name: &str) -> Option<Failure> {
        let package = PackageName::parse(name).ok()?;
        let has_it = |repository: &&RepositorySettings| {
            let Ok(Some(head)) = self.store.head(&repository.name) else { return false };
            let mut suites = head.commit().suites.keys();
            suites.any(|suite| head.versions(suite, &package).is_ok_and(|versions| !versions.is_empty()))
        };
        let repositories: Vec<RepositoryName> =
            self.config.repositories().filter(has_it).map(|repository| repository.name.clone()).collect();
        (!repositories.is_empty()).then(|| Failure::PackageInPlace { name: name.to_owned(), repositories })
    }

    /// The settings of the repositories named, or of all when none is.
    pub(crate) fn repositories(&self, names: &[String]) -> Result<Vec<&RepositorySettings>, Failure> {
        if names.is_empty() {
            return Ok(self.config.repositories().collect());
        }
        names.iter().map(|name| self.repository(name)).collect()
    }

    /// The settings of a repository that is about to be changed. When the change is to be published at once, it fails here
    /// if it cannot be signed, and not when half of the work is done.
    pub(crate) fn repository_to_change(
        &self,
        name: &str,
        arguments: ChangeArguments,
    ) -> Result<&RepositorySettings, Failure> {
        let repository = self.repository(name)?;
        if self.publishes(repository, arguments) {
            let keys = self.keys_that_last(repository, false).map_err(Failure::CannotPublish)?;
            keys.signer.prepare().map_err(|error| Failure::CannotPublish(error.into()))?;
            self.store.check_file_systems(&repository.name)?;
            let checked = self.store.check_keys(&repository.name, &keys.signer, &self.context());
            let last = checked.map_err(|error| keys.failure(error))?;
            self.last.borrow_mut().insert(repository.name.clone(), last);
        }
        Ok(repository)
    }

    /// The same for a repository that is about to be added to, with those whose uploads it takes.
    pub(crate) fn repository_to_add_to(
        &self,
        name: &str,
        arguments: ChangeArguments,
    ) -> Result<RepositorySettings, Failure> {
        let mut repository = self.repository_to_change(name, arguments)?.clone();
        repository.uploaders = self.config.uploaders(&repository.name)?;
        Ok(repository)
    }

    fn publishes(&self, repository: &RepositorySettings, arguments: ChangeArguments) -> bool {
        !arguments.no_publish
            && !arguments.dry_run
            && self.config.publishes_at_once()
            && !self.signs_offline(repository)
    }

    /// Returns whether a person signs a repository on another machine.
    pub(crate) fn signs_offline(&self, repository: &RepositorySettings) -> bool {
        // What is wrong with the keys is told when they are to sign.
        self.keys_of(&repository.name).signs_offline().unwrap_or(false)
    }

    /// Says how a change comes to clients that was not published.
    pub(crate) fn say_unpublished(&self, repository: &RepositorySettings, output: &Output) {
        let name = &repository.name;
        output.say(&match self.signs_offline(repository) {
            true => {
                format!("not published yet; {name} is signed offline: run repo-cli sign export DIR {name}")
            }
            false => format!("not published yet; run repo-cli publish {name}"),
        });
    }

    /// Returns what a person has to sign for a repository, with the time and the state that it is for.
    pub(crate) fn export_unsigned(
        &self,
        repository: &RepositorySettings,
    ) -> Result<(Exported, Vec<UnsignedRelease>), Failure> {
        let keys = self.keys_that_last(repository, false)?;
        let (options, context) = (PublishOptions::default(), self.context());
        let exported = self.store.export_unsigned(repository, &keys.signer, options, &context);
        exported.map_err(|error| keys.failure(error))
    }

    /// Signs what clients see of a repository again, where half of the validity of its signatures is over.
    pub(crate) fn refresh(
        &self,
        repository: &RepositorySettings,
        output: &Output,
    ) -> Result<PublishReport, Failure> {
        let keys = self.keys_that_last(repository, false)?;
        warn_of_keys(&keys.warnings, output);
        let report = self.store.refresh_signatures(repository, &keys.signer, &self.context());
        report
            .map_err(|error| keys.failure(error))
            .inspect_err(|failure| note_failure(repository, failure, output))
    }

    /// The state of a repository that a person means.
    pub(crate) fn resolve(
        &self,
        repository: &RepositoryName,
        revision: &str,
    ) -> Result<Revision<'_>, Failure> {
        // A tag that is called like a time is reached by this spelling alone.
        let text = match revision.strip_prefix('@').unwrap_or(revision).strip_prefix("tag:") {
            Some(tag) => tag.to_owned(),
            None => moment::absolute(revision, self.context().now),
        };
        let found = self.store.resolve(repository, &text);
        Ok(found.map_err(|error| match error {
            // As it was given, and not the moment that it stands for.
            Error::History(HistoryError::UnknownRevision { repository, known, .. }) => {
                let revision = revision.to_owned();
                Error::History(HistoryError::UnknownRevision { repository, revision, known })
            }
            Error::History(HistoryError::BeforeHistory { repository, begins, .. }) => {
                Error::History(HistoryError::BeforeHistory {
                    repository,
                    revision: revision.to_owned(),
                    begins,
                })
            }
            error => error,
        })?)
    }

    pub(crate) fn keys(&self) -> &KeyDirectory {
        &self.keys
    }

    /// Returns the keys of a repository.
    pub(crate) fn keys_of(&self, repository: &RepositoryName) -> KeyDirectory {
        self.keys.limited_to(self.config.keys_of(repository))
    }

    /// Returns the fingerprints of the keys that sign a repository.
    pub(crate) fn signing_fingerprints(&self, repository: &RepositoryName) -> Result<Vec<String>, Failure> {
        let fingerprints = self.signing_keys(repository, false)?.signer.fingerprints();
        Ok(fingerprints.iter().map(ToString::to_string).collect())
    }

    /// Signs a statement with the keys of a repository.
    pub(crate) fn attest(&self, repository: &RepositoryName, statement: &str) -> Result<Envelope, Failure> {
        let keys = self.signing_keys(repository, false)?;
        Ok(Envelope::of_statement(statement, &keys.signer, SystemTime::from(self.context().now))?)
    }

    /// Signs a text with the keys of a repository.
    pub(crate) fn sign_text(&self, repository: &RepositoryName, text: &[u8]) -> Result<Signed, Failure> {
        let keys = self.signing_keys(repository, false)?;
        Ok(keys.signer.sign(text, SystemTime::from(self.context().now))?)
    }

    /// Publishes a repository after a change, unless that is left for later, and says so.
    ///
    /// Also when there was nothing to commit: a verb that was interrupted between committing and publishing is completed by
    /// giving it again.
    pub(crate) fn publish_after(
        &self,
        repository: &RepositorySettings,
        commit: Option<CommitId>,
        arguments: ChangeArguments,
        output: &Output,
    ) -> Result<(), Failure> {
        self.publish_after_with(PublishOptions::default(), (repository, commit), arguments, output)
    }

    /// The same, with choices.
    pub(crate) fn publish_after_with(
        &self,
        options: PublishOptions,
        (repository, commit): (&RepositorySettings, Option<CommitId>),
        arguments: ChangeArguments,
        output: &Output,
    ) -> Result<(), Failure> {
        if self.publishes(repository, arguments) {
            self.publish(repository, Publishing { options, ..Publishing::default() }, output)
                .inspect_err(|_| note_unpublished(repository, commit, output))?;
        } else if commit.is_some() {
            self.say_unpublished(repository, output);
        }
        Ok(())
    }

    /// The same for a change that is said in one line, which begins with `done` and names the commit and the publication.
    pub(crate) fn finish_change(
        &self,
        done: &str,
        change: (&RepositorySettings, Option<CommitId>),
        arguments: ChangeArguments,
        output: &Output,
    ) -> Result<(), Failure> {
        self.finish_change_with(PublishOptions::default(), done, change, arguments, output)
    }

    /// The same, with choices.
    pub(crate) fn finish_change_with(
        &self,
        options: PublishOptions,
        done: &str,
        (repository, commit): (&RepositorySettings, Option<CommitId>),
        arguments: ChangeArguments,
        output: &Output,
    ) -> Result<(), Failure> {
        let Some(id) = commit else {
            output.say(done);
            return self.publish_after_with(options, (repository, commit), arguments, output);
        };
        let done = format!("{done} (commit {})", self.sequence(repository, id)?);
        if !self.publishes(repository, arguments) {
            output.say(&done);
            self.say_unpublished(repository, output);
            return Ok(());
        }
        let publishing = Publishing { options, ..Publishing::default() };
        let report = self.publish_unsaid(repository, publishing, output).inspect_err(|_| {
            output.say(&done);
            note_unpublished(repository, commit, output);
        })?;
        match report.publication {
            Some(publication) => output.say(&format!("{done}, published {publication}")),
            None => output.say(&done),
        }
        say_no_longer_published(repository, &report, output);
        Ok(())
    }

    /// Returns the number of a commit in its repository.
    pub(crate) fn sequence(&self, repository: &RepositorySettings, commit: CommitId) -> Result<u64, Failure> {
        Ok(self.store.resolve(&repository.name, &commit.to_string())?.commit().sequence)
    }

    /// Publishes each of these repositories when it is asked for, whatever becomes of the others, and says which failed and why. Only Ctrl-C
    /// ends it.
    pub(crate) fn publish_each<'a>(
        &self,
        repositories: Vec<&'a RepositorySettings>,
        publishing: Publishing,
        output: &Output,
    ) -> Result<impl Iterator<Item = Result<(&'a RepositorySettings, Option<PublishReport>), Failure>>, Failure>
    {
        // Without a key all fail for the one reason, which is said once.
        if let Some(first) = repositories.first()
            && !self.config.has_lists_of_keys()
        {
            let keys = self.signing_keys(&first.name, publishing.accept_clock)?;
            if publishing.again {
                keys.signer.prepare().map_err(KeyError::from)?;
            }
        }
        let publish = move |repository: &'a RepositorySettings| {
            match self.publish(repository, publishing, output) {
                // A person who does not want to wait for this one does not want to wait for the others either.
                Err(failure) if failure.is_cancellation() => Err(failure),
                Err(failure) => {
                    output.failed(&repository.name, &failure);
                    Ok((repository, None))
                }
                Ok(report) => Ok((repository, Some(report))),
            }
        };
        Ok(repositories.into_iter().map(publish))
    }

    /// The keys that sign a repository; their public parts are read once. With `accept_clock`, and a clock before the time at which
    /// they were made, they sign as of that time.
    fn signing_keys(
        &self,
        repository: &RepositoryName,
        accept_clock: bool,
    ) -> Result<Rc<SigningKeys>, KeyError> {
        let list = self.config.keys_of(repository);
        if let Some(keys) = self.signing.borrow().get(&list) {
            return Ok(keys.clone());
        }
        let keys = self.keys_of(repository);
        let (loaded, as_of) = match keys.signer(SystemTime::from(self.context().now)) {
            Err(KeyError::ClockBeforeKey { created, .. }) if accept_clock => {
                (keys.signer(SystemTime::from(created)), Some(created))
            }
            result => (result, None),
        };
        let (signer, warnings) = loaded?;
        let keys = Rc::new(SigningKeys { signer, warnings, as_of });
        self.signing.borrow_mut().insert(list, keys.clone());
        Ok(keys)
    }

    /// Returns the keys that sign, if one of them can still sign when the signatures end that it would make now: clients refuse what an
    /// expired key signed.
    fn keys_that_last(
        &self,
        repository: &RepositorySettings,
        accept_clock: bool,
    ) -> Result<Rc<SigningKeys>, KeyError> {
        let keys = self.signing_keys(&repository.name, accept_clock)?;
        let validity = repository.valid_for.unwrap_or_default().max(TOMORROW);
        let now = keys.as_of.unwrap_or(self.context().now);
        let until = now.checked_add(validity).unwrap_or(Timestamp::MAX);
        if keys.signer.outlasts(SystemTime::from(until)) {
            Ok(keys)
        } else {
            Err(KeyError::EndsTooSoon { until })
        }
    }

    /// Publishes a repository and says so.
    pub(crate) fn publish(
        &self,
        repository: &RepositorySettings,
        publishing: Publishing,
        output: &Output,
    ) -> Result<PublishReport, Failure> {
        let report = self.publish_unsaid(repository, publishing, output)?;
        if let Some(id) = report.publication {
            let suites =
                if report.suites.is_empty() { "as before".to_owned() } else { suite_list(&report.suites) };
            output.say(&format!("published {} {id}: {suites}", repository.name));
        }
        say_no_longer_published(repository, &report, output);
        Ok(report)
    }

    /// Renders and signs what these tags of a repository lead to again.
    pub(crate) fn sign_tags(
        &self,
        repository: &RepositorySettings,
        tags: &[TagName],
        output: &Output,
    ) -> Result<(), Failure> {
        let keys = self.signing_keys(&repository.name, false)?;
        keys.warnings.iter().for_each(|warning| output.warn(warning.code(), warning.to_string()));
        let signed = self.store.sign_tags_again(repository, tags, &keys.signer, &self.context());
        let signed = signed.map_err(|error| keys.failure(error))?;
        if !signed.is_empty() {
            let states = count(signed.len(), "tagged state");
            output.say(&format!("signed {states} of {} again: {}", repository.name, joined(&signed)));
        }
        Ok(())
    }

    /// Finds out what publishing a repository would do.
    pub(crate) fn plan_publication(
        &self,
        repository: &RepositorySettings,
        publishing: Publishing,
        output: &Output,
    ) -> Result<PublicationPlan, Failure> {
        let keys = self.keys_that_last(repository, publishing.accept_clock)?;
        let SigningKeys { signer, warnings, as_of } = &*keys;
        warnings.iter().for_each(|warning| output.warn(warning.code(), key_warning(warning)));
        let mut context = self.context();
        context.now = as_of.unwrap_or(context.now);
        let plan = if publishing.again {
            self.store.plan_signing_again(repository, signer, publishing.options, &context)
        } else {
            self.store.plan_publication(repository, signer, publishing.options, &context)
        };
        let plan = plan.map_err(|error| keys.failure(error))?;
        warn_of_architectures(repository, output);
        Ok(plan)
    }

    /// Publishes a repository, and says only what is unusual about it.
    fn publish_unsaid(
        &self,
        repository: &RepositorySettings,
        publishing: Publishing,
        output: &Output,
    ) -> Result<PublishReport, Failure> {
        let published = self.try_to_publish(repository, publishing, output);
        published.inspect_err(|failure| note_failure(repository, failure, output))
    }

    fn try_to_publish(
        &self,
        repository: &RepositorySettings,
        publishing: Publishing,
        output: &Output,
    ) -> Result<PublishReport, Failure> {
        let keys = self.keys_that_last(repository, publishing.accept_clock)?;
        let SigningKeys { signer, warnings, as_of } = &*keys;
        warn_of_keys(warnings, output);
        let mut context = self.context();
        context.now = as_of.unwrap_or(context.now);
        let last = self.last.borrow_mut().remove(&repository.name);
        let report = if publishing.again {
            self.store.sign_again(repository, signer, publishing.options, &context)
        } else if let Some(last) = last {
            self.store.publish_after(last, repository, signer, publishing.options, &context)
        } else {
            self.store.publish_with(repository, signer, publishing.options, &context)
        };
        let report = report.map_err(|error| keys.failure(error))?;
        for repo_store::publish::Unlisted { package, index, reason, .. } in &report.unlisted {
            let what = match index {
                IndexKind::Contents => "its files could not be listed".to_owned(),
                index => format!("left out of {index}"),
            };
            output.warn("W-UNLISTED", format!("{package}: {what}: {reason}"));
        }
        warn_of_architectures(repository, output);
        let name = &repository.name;
        for (_, problem) in access::unusable_users(&self.config, name) {
            output.warn("W-USERS", problem);
        }
        let is_ahead = |thing: &str, date| {
            // By the clock, also where it was signed as of a later time.
            if let Some(refused) = clock::refused_until(date, clock::now()) {
                let cure = format!("`repo-cli sign again {name}` gives it the right one");
                output.warn("W-DATE", format!("{thing}: {refused}; {cure}"));
            }
        };
        is_ahead(name.as_str(), report.date);
        for (tag, date) in &report.tags_ahead {
            is_ahead(&format!("snapshot {tag} of {name}"), Some(*date));
        }
        if let Some(first) = report.lacking.first() {
            let files = count(report.lacking.len(), "package file");
            let path = format!("public/{name}/{first}");
            output.warn(
                "W-LACKING",
                format!(
                    "{name}: clients cannot fetch {files}, such as {path}, which the store does not have whole: \
                     `repo-cli fsck --repair --from BACKUP` takes true copies"
                ),
            );
        }
        if report.restored > 0 {
            let entries = count(usize::try_from(report.restored).unwrap_or(usize::MAX), "missing file");
            output.say(&format!("{}: put back {entries}", repository.name));
        }
        Ok(report)
    }
}

/// Warns of an architecture that is probably written wrong. A name that is like no other may be a new port.
fn warn_of_architectures(repository: &RepositorySettings, output: &Output) {
    let listed = repository.suites.iter().flat_map(|suite| &suite.architectures);
    for architecture in listed.filter(|architecture| !architecture.is_known()) {
        let nearest = || nearest::nearest(architecture.as_str(), Architecture::known_names());
        if let Some(meant) = architecture.foreign_name().or_else(nearest) {
            output.warn(
                "W-ARCHITECTURE",
                format!("architecture `{architecture}` is unknown to dpkg; did you mean `{meant}`?"),
            );
        }
    }
}

/// Returns the keys of the store in a root, those that the configuration says are kept elsewhere among them.
pub(crate) fn key_directory(root: &Utf8Path, config: &Config) -> KeyDirectory {
    let external = config.external_signers().into_iter().map(ExternalKey::new).collect();
    let keys = KeyDirectory::new(root).with_external(external);
    keys.with_passphrase(passphrase::source(config.passphrase_place()))
}

/// Signatures must hold for so long at least, also where they have no end of their own.
const TOMORROW: SignedDuration = SignedDuration::from_hours(24);

/// Warns of keys, and has hooks told of those that expire.
fn warn_of_keys(warnings: &[KeyWarning], output: &Output) {
    for warning in warnings {
        output.warn(warning.code(), key_warning(warning));
        Note::of_key(warning).into_iter().for_each(|note| output.note_for_hooks(note));
    }
}

/// Has hooks told that a repository could not be published.
fn note_failure(repository: &RepositorySettings, failure: &Failure, output: &Output) {
    let (repository, fault) = (repository.name.clone(), Fault::of(&failure.report()));
    output.note_for_hooks(Note::NotPublished { repository, fault });
}

/// Says what is about a key. The nearer its end is, the plainer.
fn key_warning(warning: &KeyWarning) -> String {
    let KeyWarning::Problem { fingerprint, problem: KeyProblem::ExpiresSoon { days, .. } } = warning else {
        return warning.to_string();
    };
    let command = format!("repo-cli key extend {fingerprint} --expires 3y");
    match days {
        0..7 => format!("{warning}. From then on clients refuse what it signed. Run now: {command}"),
        7..30 => format!("{warning}; run {command}"),
        _ => warning.to_string(),
    }
}

fn say_no_longer_published(repository: &RepositorySettings, report: &PublishReport, output: &Output) {
    if !report.removed.is_empty() {
        output.say(&format!("{} no longer publishes {}", repository.name, joined(&report.removed)));
    }
}

/// Notes that a change was committed and could not be published.
fn note_unpublished(repository: &RepositorySettings, commit: Option<CommitId>, output: &Output) {
    if commit.is_some() {
        let name = &repository.name;
        output.note(&format!("the change is committed but not published; run repo-cli publish {name}"));
    }
}

/// How a repository is published.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Publishing {
    pub(crate) options: PublishOptions,
    /// Take nothing over from what clients see.
    pub(crate) again: bool,
    /// When the clock is before the time at which the keys were made, sign as of that time.
    pub(crate) accept_clock: bool,
}

/// What `actor` does now, on all processors.
pub(crate) fn context(actor: String, output: &Output) -> Context {
    Context {
        actor,
        signer: None,
        now: crate::clock::now(),
        threads: processors(),
        progress: output.watch().progress(),
    }
}

/// Returns how many processors this process may use. To find that out means to read several files.
pub(crate) fn processors() -> NonZeroUsize {
    std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

pub(crate) fn find_root(global: &Global) -> Result<Utf8PathBuf, Failure> {
    if let Some(root) = &global.root {
        let found = root.join("repo.toml").exists();
        return if found { Ok(root.clone()) } else { Err(no_root(root, root.as_str())) };
    }
    let here = current_directory()?;
    let found = here.ancestors().find(|directory| directory.join("repo.toml").exists());
    found.map(Utf8Path::to_owned).ok_or_else(|| no_root(&here, &format!("{here} or above")))
}

/// What is missing of a place without a `repo.toml`: all, or the configuration of a store that is in use.
fn no_root(directory: &Utf8Path, place: &str) -> Failure {
    if has_repositories(directory) {
        return Failure::NoConfiguration { root: directory.to_owned() };
    }
    Failure::NoRoot { place: place.to_owned() }
}

/// Returns whether a store in that directory has repositories that something was done to.
pub(crate) fn has_repositories(directory: &Utf8Path) -> bool {
    let is_used = |store: Store| {
        let repositories = store.repositories()?;
        // One whose state cannot be read was used too.
        Ok::<_, repo_store::Error>(repositories.iter().any(|name| !matches!(store.head(name), Ok(None))))
    };
    Store::open(directory).and_then(is_used).unwrap_or(false)
}

/// Finds the directory of a store, with or without a `repo.toml`: the one given, or the nearest upwards.
pub(crate) fn find_store_root(global: &Global) -> Result<Utf8PathBuf, Failure> {
    let is_root = |directory: &Utf8Path| {
        directory.join("repo.toml").exists() || directory.join("store/format").exists()
    };
    let found = match &global.root {
        Some(root) => Some(root.clone()).filter(|root| is_root(root)),
        None => current_directory()?.ancestors().find(|directory| is_root(directory)).map(Utf8Path::to_owned),
    };
    found.map_or_else(|| find_root(global), Ok)
}

/// The directory the program was started in.
pub(crate) fn current_directory() -> Result<Utf8PathBuf, Failure> {
    let here = std::env::current_dir().map_err(Failure::io("find", "the current directory"))?;
    Utf8PathBuf::from_path_buf(here).map_err(|path| Failure::NotUtf8 { path: path.display().to_string() })
}

/// The person, behind `sudo` too; the name in the database of users, which jobs without an environment have as well.
pub(crate) fn actor(global: &Global) -> String {
    let behind_sudo = || std::env::var("SUDO_USER").ok().filter(|name| !name.is_empty());
    let given = global.actor.clone().filter(|name| !name.is_empty());
    given.or_else(behind_sudo).unwrap_or_else(|| login_name(rustix::process::getuid().as_raw()))
}

/// Returns the login name of a user, or the number where the system knows no name.
pub(crate) fn login_name(number: u32) -> String {
    let user = nix::unistd::User::from_uid(nix::unistd::Uid::from_raw(number));
    user.ok().flatten().map_or_else(|| format!("uid {number}"), |user| user.name)
}

/// Notes what was done to look after the store, for `status`, if its owner did it: a file of another, root's above all, would be in the
/// owner's way. A store of an older format is left as it is.
pub(crate) fn note_upkeep(store: &Store, kind: UpkeepKind, run: &UpkeepRun, output: &Output) {
    if !is_owner(store) || store.format() < Format::WRITTEN {
        return;
    }
    if let Err(error) = store.note_upkeep(kind, run) {
        output.warn("W-NOT-NOTED", format!("`status` will not know of this run: {}", chain(&error)));
    }
}

/// Whether the store belongs to the user who runs this.
pub(crate) fn is_owner(store: &Store) -> bool {
    let owner = std::fs::metadata(store.root().join("store")).map(|found| found.uid());
    owner.is_ok_and(|owner| owner == rustix::process::geteuid().as_raw())
}
