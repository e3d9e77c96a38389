//! What [`Store`] offers to change repositories. Each method calls the file that is about it; what a plan does stands with the plan.

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::Arc;

use apt_sign::Fingerprint;
use camino::{Utf8Path, Utf8PathBuf};
use deb_parse::SuiteName;
use jiff::Timestamp;

use crate::context::Context;
use crate::error::Error;
use crate::history::revision::Revision;
use crate::history::selector::Selector;
use crate::model::approval::{Approval, Approver, ApproverId};
use crate::model::freeze::Freeze;
use crate::model::gate_rule::{GateOverride, GateRule};
use crate::model::id::{BaseIndexId, CommitId};
use crate::model::name::{HolderName, ProfileName, RepositoryName, TagName};
use crate::model::publication_id::PublicationId;
use crate::model::record::Record;
use crate::model::snapshot::Snapshot;
use crate::operations::approvals::{ApprovalPlan, Approvals};
use crate::operations::bases::{BaseInUse, BaseIndexBuilder, KeptArchive, KeptBase};
use crate::operations::details::SourceChange;
use crate::operations::import::{
    AddError, AddOptions, AddReport, ArchiveOptions, ArchivePackage, ImportPlan,
};
use crate::operations::incoming::{IncomingOptions, IncomingReport};
use crate::operations::keyring::{KeyringContent, KeyringPlan, KeyringService};
use crate::operations::machine_states::MachineStanding;
use crate::operations::phasing::{PhasingPlan, PhasingRequest};
use crate::operations::pipeline::{InPipeline, PipelineOptions};
use crate::operations::profiles::ProfilePlan;
use crate::operations::promotion::{PromoteOptions, PromotionPlan};
use crate::operations::reissue::{ReissuePlan, ReissueRequest};
use crate::operations::release::ReleasePlan;
use crate::operations::removal::RemovalPlan;
use crate::operations::retention::{RetentionPlan, RetentionRule};
use crate::operations::rollback::RollbackPlan;
use crate::operations::shared_paths::SharedPaths;
use crate::operations::undo::UndoPlan;
use crate::operations::undo_removal::UndoRemovalPlan;
use crate::settings::RepositorySettings;
use crate::settings::base::Base;
use crate::storage::HeldLock;
use crate::store::Store;
use crate::transaction::Committed;

impl Store {
    /// What changed from one content of a suite to another, source by source.
    ///
    /// Nothing is compared but the highest version before and the highest after of each package and architecture. Reads the
    /// [manifests](Self::manifest) of these, and makes those that are missing. A package file that cannot be unpacked, or is over a
    /// limit, is [named](crate::operations::details::PackageChange::contents_unknown); the others are compared all the same.
    ///
    /// # Errors
    /// As [`difference`](Self::difference) and [`manifest`](Self::manifest).
    pub fn details(
        &self,
        before: &Snapshot,
        after: &Snapshot,
        context: &Context,
    ) -> Result<Vec<SourceChange>, Error> {
        super::details::details(self, before, after, context)
    }

    /// Adds packages to a repository: package files, source packages (`.dsc`) and uploads (`.changes`).
    ///
    /// Each file is read once: hashed, checked and copied into the store at the same time. All are added in one commit or, unless
    /// [`keep_going`](AddOptions::keep_going) is set, none is. An upload is always added as a whole, or not.
    ///
    /// A `.dsc` stands for the files it lists, which lie beside it; a `.changes` for everything it lists, whatever of it is given
    /// as well.
    ///
    /// # Errors
    /// [`AddError::Refused`] when a file is refused and [`keep_going`](AddOptions::keep_going) is not set: nothing was added. With it, refused
    /// files are part of the report. Otherwise when the store itself fails; [`Error::Settings`] for settings that cannot be used.
    pub fn add(
        &self,
        repository: &RepositorySettings,
        files: &[Utf8PathBuf],
        options: &AddOptions,
        context: &Context,
    ) -> Result<AddReport, AddError> {
        super::import::add(self, repository, files, options, context)
    }

    /// Adds the package file that a reader gives, such as the body of a request. It is read once, and written only into the store.
    ///
    /// Everything is checked as [`add`](Self::add) checks a file, and the result is the same. A reader cannot be read again, so a package is
    /// refused at once if the [`PackageReader`](crate::package_reader::PackageReader) fails at it. The format alone bounds what is written: give
    /// `input.take(limit)` for a body from the network. Nothing is opened under `name`: it is what
    /// messages and the report call the file, and a name that ends with `.udeb` makes the package one for installers. Source packages and
    /// uploads consist of several files, so they are added by their paths.
    ///
    /// ```
    /// # use camino::Utf8Path;
    /// # use deb_parse::{Architecture, PackageName, SuiteName, Version, deb};
    /// # use repo_store::{AddOptions, Context, RepositoryName, RepositorySettings, Store, SuiteSettings};
    /// # let directory = tempfile::tempdir()?;
    /// # let store = Store::create(Utf8Path::from_path(directory.path()).unwrap())?;
    /// # let amd64 = Architecture::parse("amd64")?;
    /// # let suite = SuiteSettings::new(SuiteName::parse("bookworm")?, vec![amd64.clone()]);
    /// # let prod = RepositorySettings::new(RepositoryName::parse("prod")?, vec![suite]);
    /// # let context = Context::new("doc", jiff::Timestamp::now());
    /// let body = deb::Builder::new(PackageName::parse("hello")?, Version::parse("1.0")?, amd64).build()?;
    /// let report = store.add_reader(&prod, "hello.deb", &body[..], &AddOptions::default(), &context)?;
    /// assert_eq!(report.added[0].key.to_string(), "hello 1.0 amd64");
    ///
    /// let junk = store.add_reader(&prod, "junk.deb", &b"junk"[..], &AddOptions::default(), &context);
    /// assert!(junk.unwrap_err().to_string().starts_with("junk.deb"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Why the file was refused, whatever [`keep_going`](AddOptions::keep_going) is; when the store itself fails; [`Error::Settings`] for
    /// settings that cannot be used. What the reader fails with is the source of an
    /// [`ImportError::Package`](crate::error::ImportError::Package). Nothing is added then.
    pub fn add_reader(
        &self,
        repository: &RepositorySettings,
        name: &str,
        mut input: impl Read,
        options: &AddOptions,
        context: &Context,
    ) -> Result<AddReport, Error> {
        super::import::add_reader(self, repository, (name, &mut input), options, context)
    }

    /// Returns which of these packages have files at the same paths although neither declares that it replaces the other, and no script diverts the
    /// path. Versions of one package are not compared with each other. What is inside the packages is read from their manifests.
    ///
    /// # Errors
    /// As [`manifest`](Self::manifest).
    pub fn shared_paths(&self, records: &[Arc<Record>]) -> Result<Vec<SharedPaths>, Error> {
        super::shared_paths::shared_paths(self, records)
    }

    /// Plans to let a version go to another share of the machines than before.
    ///
    /// # Errors
    /// [`Error::UnknownSuite`] for a suite that the repository does not have; [`Error::Settings`] for settings that cannot be used.
    pub fn plan_phasing(
        &self,
        repository: &RepositorySettings,
        request: &PhasingRequest,
    ) -> Result<PhasingPlan, Error> {
        super::phasing::plan_phasing(self, repository, request)
    }

    /// Plans to add files: reads and checks each as [`add`](Self::add) does, and keeps nothing.
    ///
    /// # Errors
    /// As there.
    pub fn plan_import(
        &self,
        repository: &RepositorySettings,
        files: &[Utf8PathBuf],
        options: &AddOptions,
        context: &Context,
    ) -> Result<ImportPlan, Error> {
        super::import::plan_import(self, repository, files, options, context)
    }

    /// Returns which of these packages the store has in the present state of any repository: the same file in the same component. Their files
    /// need not be fetched to [import](Self::import_archive) them.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn has_packages(&self, packages: &[ArchivePackage]) -> Result<Vec<bool>, Error> {
        super::import::has_packages(self, packages)
    }

    /// Takes in the packages that another archive lists, in one commit: each goes to the suites and the component in which it stands there.
    ///
    /// Each file is read once, as [`add`](Self::add) reads it, and must be the one that is listed. One that the store [has](Self::has_packages)
    /// is not read again. Nothing is taken in if any package is refused.
    ///
    /// # Errors
    /// Those of [`add`](Self::add).
    pub fn import_archive(
        &self,
        repository: &RepositorySettings,
        packages: &[ArchivePackage],
        options: &ArchiveOptions,
        context: &Context,
    ) -> Result<AddReport, AddError> {
        super::import::import_archive(self, repository, packages, options, context)
    }

    /// Takes the finished packages and uploads out of a drop folder and adds them to a repository.
    ///
    /// A package is finished when it can be read to its end, an upload when everything that its `.changes` lists is there; so
    /// nobody has to rename anything after copying. What cannot be read is left alone while it may still be arriving, and goes
    /// to `rejected/` with the reason after that. The files are removed from the folder when the commit is durable, not before.
    ///
    /// What a `.changes` in the folder lists belongs to that upload, and is taken or rejected with it. A package that belongs to
    /// none is taken alone, unless the repository has [uploaders](RepositorySettings::uploaders): nothing says whose it is. While a
    /// `.changes` lies there that may not be read or is not complete, such packages are left: it may list them. In a folder in which
    /// several users write, that holds for the packages of its owner.
    ///
    /// What a removal or a rollback took out of the repository is rejected, unless [`despite_hold`](IncomingOptions::despite_hold)
    /// is set: the same signed files may be dropped again by anybody who has them.
    ///
    /// What the user who runs this may not read is left. In a folder in which several users write, a `.changes` moves and removes only the
    /// files of its own owner.
    ///
    /// The folder belongs to others. It is opened once, and nothing in it is reached through a link. Only regular files are ever
    /// moved or removed, and only those whose names are of packages or of what comes with them.
    ///
    /// # Errors
    /// When the folder cannot be read or the store fails; [`Error::Settings`] for settings that cannot be used.
    pub fn take_incoming(
        &self,
        repository: &RepositorySettings,
        folder: &Utf8Path,
        options: &IncomingOptions,
        context: &Context,
    ) -> Result<IncomingReport, Error> {
        super::incoming::take_incoming(self, repository, folder, options, context)
    }

    /// Says which version of the keyring package a repository needs for these keys, and which suites lack it.
    ///
    /// # Errors
    /// [`ChangeError::KeyringVersion`](crate::error::ChangeError::KeyringVersion) when a package of that name is there with a version that ours cannot exceed; [`Error::Settings`] for
    /// settings that cannot be used; when the store cannot be read.
    pub fn plan_keyring(
        &self,
        repository: &RepositorySettings,
        content: KeyringContent<'_>,
        context: &Context,
    ) -> Result<KeyringPlan, Error> {
        super::keyring::plan_keyring(self, repository, content, context)
    }

    /// Makes the keyring package for these keys, unless its newest version has them, and puts it into every suite of the repository by
    /// one commit. Rules of routing do not count.
    ///
    /// The package is written down as the repository's own before it is committed: a command that was interrupted in between is
    /// completed by giving it again, with the same version.
    ///
    /// # Errors
    /// Those of [`plan_keyring`](Self::plan_keyring) and [`transact`](Self::transact).
    pub fn add_keyring(
        &self,
        repository: &RepositorySettings,
        content: KeyringContent<'_>,
        context: &Context,
    ) -> Result<(KeyringPlan, Committed), Error> {
        super::keyring::add_keyring(self, repository, content, context)
    }

    /// Waits for the right to change the keys of the store, which lasts until the returned value is dropped: two rotations at once
    /// would make two keys.
    ///
    /// # Errors
    /// When it cannot be waited for.
    pub fn lock_keys(&self) -> Result<Box<dyn HeldLock>, Error> {
        super::keyring::lock_keys(self)
    }

    /// Notes that clients find the newest version of the keyring package now, if they find it in every published suite. The first
    /// time counts.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn note_published_keyring(
        &self,
        repository: &RepositoryName,
        context: &Context,
    ) -> Result<(), Error> {
        super::keyring::note_published_keyring(self, repository, context)
    }

    /// Says in which published suites clients find a version of the keyring package that has this key, and since when.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn keyring_service(
        &self,
        repository: &RepositoryName,
        key: &Fingerprint,
    ) -> Result<KeyringService, Error> {
        super::keyring::keyring_service(self, repository, key)
    }

    /// Plans a promotion from one repository to another.
    ///
    /// # Errors
    /// [`Error::UnknownSuite`] for a suite that either repository lacks, [`Error::Settings`] for settings that cannot be used; with a profile,
    /// [`ProfileError`](crate::error::ProfileError) when it cannot be built from what the other repository will have.
    pub fn plan_promotion(
        &self,
        from: &RepositorySettings,
        to: &RepositorySettings,
        options: &PromoteOptions,
    ) -> Result<PromotionPlan, Error> {
        super::promotion::plan_promotion(self, from, to, options)
    }

    /// Plans to build a profile of a repository: a metapackage for each suite that pins the versions which the suite has now, unless it has that metapackage already.
    /// Into these suites, or into all that the profile is for when none is named.
    ///
    /// # Errors
    /// [`ProfileError`](crate::error::ProfileError) when there is no such profile, or a suite has no version that it allows;
    /// [`Error::UnknownSuite`] for a suite that the repository lacks; [`Error::Settings`] for settings that cannot be used.
    pub fn plan_profile(
        &self,
        repository: &RepositorySettings,
        profile: &ProfileName,
        suites: &[SuiteName],
    ) -> Result<ProfilePlan, Error> {
        super::profiles::plan_profile(self, repository, profile, suites)
    }

    /// Plans a release: `to` gets the content of `from`, and `old`, if it is given, what `to` has until then; in the suites that both have.
    ///
    /// # Errors
    /// [`ChangeError::NoCommonSuite`](crate::error::ChangeError::NoCommonSuite) when two of them have no suite in common;
    /// [`HistoryError::Unfinished`](crate::error::HistoryError::Unfinished) when another change of one of them together with others is not complete;
    /// [`Error::Settings`] for settings that cannot be used; when the store cannot be read.
    pub fn plan_release(
        &self,
        from: &RepositorySettings,
        to: &RepositorySettings,
        old: Option<&RepositorySettings>,
    ) -> Result<ReleasePlan, Error> {
        super::release::plan_release(self, from, to, old)
    }

    /// Plans a removal: every version that a selector matches, of all suites when none is named.
    ///
    /// # Errors
    /// [`Error::UnknownSuite`] for a suite that the repository lacks, [`Error::Settings`] for settings that cannot be used.
    pub fn plan_removal(
        &self,
        repository: &RepositorySettings,
        selectors: &[Selector],
        suites: &[SuiteName],
    ) -> Result<RemovalPlan, Error> {
        super::removal::plan_removal(self, repository, selectors, suites)
    }

    /// What `rules` would take out of a repository at the time `now`, and what they would leave, and why.
    ///
    /// Of the history only what is younger than the longest [`keep_for`](RetentionRule::keep_for) is read.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn plan_retention(
        &self,
        repository: &RepositorySettings,
        rules: &[RetentionRule],
        now: Timestamp,
    ) -> Result<RetentionPlan, Error> {
        super::retention::plan_retention(self, repository, rules, now)
    }

    /// Plans to give suites of a repository the content they had in an earlier state: all suites when none is named.
    ///
    /// # Errors
    /// [`Error::UnknownSuite`] for a suite that neither state knows.
    pub fn plan_rollback(&self, target: &Revision<'_>, suites: &[SuiteName]) -> Result<RollbackPlan, Error> {
        super::rollback::plan_rollback(self, target, suites)
    }

    /// Plans to publish an old version of a source again above a bad one, so that machines that have the bad one go back with an ordinary
    /// upgrade.
    ///
    /// The whole source comes out again: all its binary packages, for all architectures, in exactly the suites and components that the
    /// bad version is in, or was taken out of. The plan has no packages when that was done already.
    ///
    /// # Errors
    /// [`ReissueError`](crate::error::ReissueError) when one of the two versions is not there; [`Error::Settings`] for settings that cannot be used.
    pub fn plan_reissue(
        &self,
        repository: &RepositorySettings,
        request: &ReissueRequest,
    ) -> Result<ReissuePlan, Error> {
        super::reissue::plan_reissue(self, repository, request, None)
    }

    /// Gives a state of a repository a name, durably. To give it that name again changes nothing.
    ///
    /// Returns the publication that clients find under that name too, as `snapshot/<name>`: the newest that shows the state.
    /// When nothing showed it yet, the next publication of it will be found there.
    ///
    /// # Errors
    /// [`HistoryError::TagExists`](crate::error::HistoryError::TagExists) when the name stands for another state: a tag is deleted before it is made again;
    /// [`NameError::TagLikeTime`](crate::model::NameError::TagLikeTime) for a name that reads as a time.
    pub fn tag(
        &self,
        revision: &Revision<'_>,
        name: &TagName,
        context: &Context,
    ) -> Result<Option<PublicationId>, Error> {
        super::tagging::tag(self, revision, name, context)
    }

    /// Takes a name away from the state it stands for, and returns that state.
    ///
    /// # Errors
    /// [`HistoryError::UnknownTag`](crate::error::HistoryError::UnknownTag) when the tag does not exist.
    pub fn delete_tag(
        &self,
        repository: &RepositoryName,
        name: &TagName,
        context: &Context,
    ) -> Result<CommitId, Error> {
        super::tagging::delete_tag(self, repository, name, context)
    }

    /// Finds out where versions stand on their way through repositories that follow each other, such as `preprod` and `prod`: what each has
    /// that the next one lacks, since when, who brought it, and what keeps it out of the next; and what came to the last.
    ///
    /// The entries are sorted by source, the newest version first. Nothing is changed.
    ///
    /// # Errors
    /// [`ChangeError::NoCommonSuite`](crate::error::ChangeError::NoCommonSuite) when two that follow each other share no suite;
    /// [`Error::Settings`] for settings that cannot be used; when the store cannot be read.
    pub fn pipeline(
        &self,
        channels: &[&RepositorySettings],
        options: &PipelineOptions,
        now: Timestamp,
    ) -> Result<Vec<InPipeline>, Error> {
        super::pipeline::pipeline(self, channels, options, now)
    }

    /// Plans to take back the last change of a repository, and what was done to others as a whole with it.
    ///
    /// # Errors
    /// [`ChangeError::NothingToUndo`](crate::error::ChangeError::NothingToUndo) when nothing was changed yet, or the history no longer reaches the state before;
    /// [`HistoryError::Unfinished`](crate::error::HistoryError::Unfinished) when a change of it together with others was begun and is not complete;
    /// [`HistoryError::ChangedSince`](crate::error::HistoryError::ChangedSince) when the change was made together with that of another repository, which has changed since.
    pub fn plan_undo(&self, repository: &RepositoryName) -> Result<UndoPlan, Error> {
        super::undo::plan_undo(self, repository)
    }

    /// Completes the changes of several repositories that were begun with this one and are not complete, whether the process that began
    /// them died or is still at work. Returns whether there were any. Every change and every publication of the repository does the same first;
    /// only a plan cannot, as it writes nothing.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn complete_begun(&self, repository: &RepositoryName) -> Result<bool, Error> {
        crate::intent::complete_of(self, repository)
    }

    /// Plans to bring back what was removed.
    ///
    /// # Errors
    /// [`Error::UnknownSuite`] for a suite that the repository lacks, [`Error::Settings`] for settings that cannot be used.
    pub fn plan_undo_removal(
        &self,
        repository: &RepositorySettings,
        selectors: &[Selector],
        suites: &[SuiteName],
    ) -> Result<UndoRemovalPlan, Error> {
        super::undo_removal::plan_undo_removal(self, repository, selectors, suites)
    }

    /// Returns how the machines that were seen reading a repository stand at that time.
    ///
    /// # Errors
    /// When the list of machines, the operation log or the current publication cannot be read.
    pub fn machine_standings(
        &self,
        repository: &RepositoryName,
        now: Timestamp,
    ) -> Result<Vec<MachineStanding>, Error> {
        super::machine_states::machine_standings(self, repository, now)
    }

    /// Returns the publications of a repository by when they were announced, as the operation log tells.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn publication_times(
        &self,
        repository: &RepositoryName,
    ) -> Result<BTreeMap<Timestamp, PublicationId>, Error> {
        super::machine_states::publication_times(self, repository)
    }

    /// Returns who has approved what in a repository.
    ///
    /// # Errors
    /// When the list cannot be read.
    pub fn approvals(&self, repository: &RepositoryName) -> Result<Approvals, Error> {
        super::approvals::approvals(self, repository)
    }

    /// Finds what is to be approved: what the repository has of these versions in any suite and architecture, and with `whole_source`
    /// what was built from the sources of these names.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn plan_approval(
        &self,
        repository: &RepositoryName,
        selectors: &[Selector],
        whole_source: bool,
    ) -> Result<ApprovalPlan, Error> {
        super::approvals::plan(self, repository, selectors, whole_source)
    }

    /// Takes back what somebody has approved, also of what the repository no longer has, and returns it.
    ///
    /// # Errors
    /// When the list cannot be read or written.
    pub fn withdraw_approvals(
        &self,
        repository: &RepositoryName,
        selectors: &[Selector],
        approver: &Approver,
        context: &Context,
    ) -> Result<Vec<Approval>, Error> {
        super::approvals::withdraw(self, repository, selectors, approver, context)
    }

    /// Makes what the holder of a token has approved approvals of the name that the holder has now: under both names it would count twice.
    ///
    /// # Errors
    /// When the list cannot be read or written.
    pub fn rename_approver(
        &self,
        repository: &RepositoryName,
        (from, to): (&HolderName, &HolderName),
    ) -> Result<(), Error> {
        let from = ApproverId::Token(from.clone());
        super::approvals::rename(self, repository, (&from, &Approver::token(to.clone())))
    }

    /// Returns what is kept of a base, by its suite and by its source as the configuration has it. What it lost is
    /// told [for each archive](crate::operations::bases::KeptArchive::is_whole).
    ///
    /// # Errors
    /// When the document cannot be read.
    pub fn kept_base(&self, suite: &SuiteName, source: &str) -> Result<Option<KeptBase>, Error> {
        super::bases::kept(self, suite, source)
    }

    /// Keeps a list of packages for [`keep_base`](Self::keep_base), and returns its id: the same packages have the same.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn keep_base_index(&self, index: &BaseIndexBuilder) -> Result<BaseIndexId, Error> {
        super::bases::keep_index(self, index)
    }

    /// Keeps these archives of a base instead of those that were kept of it.
    ///
    /// # Errors
    /// When the document cannot be read or written.
    pub fn keep_base(
        &self,
        suite: &SuiteName,
        source: &str,
        archives: Vec<KeptArchive>,
    ) -> Result<(), Error> {
        super::bases::keep(self, suite, source, archives)
    }

    /// Forgets all bases but these, each with its suite and its source as the configuration has it.
    ///
    /// # Errors
    /// When the document cannot be read or written.
    pub fn forget_other_bases(&self, known: &[(&SuiteName, &str)]) -> Result<(), Error> {
        super::bases::forget_others(self, known)
    }

    /// Returns the bases that a suite has by these settings, with what the store knows of each.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn bases_of<'b>(
        &self,
        bases: impl IntoIterator<Item = &'b Base>,
        suite: &SuiteName,
    ) -> Result<Vec<BaseInUse>, Error> {
        super::bases::state::bases_of(self, bases, suite)
    }

    /// Freezes a repository until then, and returns the freeze, which replaces any before it.
    ///
    /// # Errors
    /// When the document cannot be read or written.
    pub fn freeze(
        &self,
        repository: &RepositoryName,
        until: Timestamp,
        reason: &str,
        context: &Context,
    ) -> Result<Freeze, Error> {
        super::freezes::freeze(self, repository, until, reason, context)
    }

    /// Ends the freeze of a repository, and returns it; `None` when it is not frozen.
    ///
    /// # Errors
    /// When the document cannot be read or written.
    pub fn thaw(&self, repository: &RepositoryName, context: &Context) -> Result<Option<Freeze>, Error> {
        super::freezes::thaw(self, repository, context)
    }

    /// Returns the freeze of a repository at that time, if it is frozen: the one that ends last of what somebody decided and what its
    /// settings say.
    ///
    /// # Errors
    /// When the document cannot be read.
    pub fn freeze_of(
        &self,
        repository: &RepositorySettings,
        now: Timestamp,
    ) -> Result<Option<Freeze>, Error> {
        super::freezes::freeze_of(self, (&repository.name, &repository.freezes), now)
    }

    /// Returns the freeze that somebody decided, if it is in force at that time: the one that [`thaw`](Self::thaw) ends.
    ///
    /// # Errors
    /// When the document cannot be read.
    pub fn decided_freeze(
        &self,
        repository: &RepositoryName,
        now: Timestamp,
    ) -> Result<Option<Freeze>, Error> {
        super::freezes::decided(self, repository, now)
    }

    /// Returns the rule that is passed by somebody's decision: [`GateRule::Freeze`] in a frozen repository, and none in any other.
    ///
    /// # Errors
    /// [`RuleError::Frozen`](crate::error::RuleError::Frozen) when the repository is frozen and nobody decided that this does not count.
    pub fn pass_freeze(
        &self,
        repository: &RepositorySettings,
        gate_override: Option<&GateOverride>,
        now: Timestamp,
    ) -> Result<Option<GateRule>, Error> {
        super::freezes::pass(self, (&repository.name, &repository.freezes), gate_override, now)
    }
}
