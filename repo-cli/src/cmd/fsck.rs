pub(crate) mod problems;

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;

use self::problems::{
    CheckedStoreJson, ProblemJson, RepairPlanJson, RepairStepJson, UnhelpfulJson, WithdrawnJson,
};
use camino::Utf8PathBuf;
use repo_config::keys::KeyDirectory;
use repo_store::RepositoryName;
use repo_store::maintenance::fsck::{
    CopySource, FailedSource, FsckOptions, FsckReport, Problem, ProblemKind, RepairPlan, RepairReport,
    RepairStep, SignedSuite, Withdrawn,
};
use repo_store::maintenance::upkeep::{UpkeepKind, UpkeepRun};
use repo_store::model::TagName;
use repo_store::storage::Obstacle;

use crate::access;
use crate::args::{RowArguments, RowLimits as _};
use crate::clock;
use crate::error::{Failure, Outcome};
use crate::fetch::WebServer;
use crate::key_check::CheckedKeys;
use crate::output::{Column, Output, RowLimit, count};
use crate::session::{self, Publishing, Session, has_repositories};

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct FsckArguments {
    /// Put right what can be: modes, links, forged and damaged indices, and files that have a true copy elsewhere; withdraw
    /// older publications that have lost a part
    #[arg(long)]
    repair: bool,
    /// Show what would be put right, and change nothing; no server is asked
    #[arg(long, requires = "repair")]
    dry_run: bool,
    /// Take true copies from here: a backup, another root, a directory of packages, or the URL of one of these or of a
    /// published tree; may be given several times
    #[arg(long, value_name = "DIR|URL", requires = "repair")]
    from: Vec<String>,
    #[command(flatten)]
    rows: RowArguments,
}

impl FsckArguments {
    /// Returns whether the verb writes to the store.
    pub(crate) fn writes(&self) -> bool {
        self.repair && !self.dry_run
    }
}

/// Where true copies are taken from.
enum Place {
    Directory(Utf8PathBuf),
    Server(Box<WebServer>),
}

impl Place {
    fn parse(text: &str) -> Result<Self, Failure> {
        if WebServer::is_url(text) {
            return WebServer::parse(text).map(|server| Self::Server(Box::new(server)));
        }
        let directory = Utf8PathBuf::from(text);
        std::fs::read_dir(&directory).map_err(|error| {
            Failure::io("list", &directory)(Obstacle::explain_directory(&directory, error))
        })?;
        Ok(Self::Directory(directory))
    }

    fn source(&self) -> CopySource<'_> {
        match self {
            Self::Directory(directory) => CopySource::Directory(directory),
            Self::Server(server) => CopySource::Remote(&**server),
        }
    }
}

/// How many of those affected are listed; JSON has all.
const SHOWN: usize = 5;

pub(crate) fn run(arguments: &FsckArguments, session: &Session, output: &Output) -> Result<Outcome, Failure> {
    if arguments.writes() {
        check_owner(session)?;
    }
    let context = session.context();
    let keys = CheckedKeys::new(session.keys().clone(), output);
    // A log that cannot be read is among what the check finds.
    let _ = clock::warn(&session.store, context.now, output);
    if let Some(unsynchronised) = clock::unsynchronised() {
        output.note(&format!("note: {unsynchronised}"));
    }
    let check = |suite: SignedSuite<'_>| keys.verify(suite);
    let look = || keys.look();
    let of_users: Vec<Problem> = session
        .config
        .repositories()
        .flat_map(|repository| access::unusable_users(&session.config, &repository.name))
        .map(|(path, what)| Problem { kind: ProblemKind::Damaged, path, what, affects: Vec::new() })
        .chain(of_configuration(session))
        .collect();
    let sign_again = |name: &RepositoryName| {
        let publishing = Publishing { again: true, ..Publishing::default() };
        let signed = session
            .repository(name.as_str())
            .and_then(|repository| session.publish(repository, publishing, output));
        signed.inspect_err(|error| output.failed(name, error)).is_ok()
    };
    let publish = |name: &RepositoryName| {
        let published = session
            .repository(name.as_str())
            .and_then(|repository| session.publish(repository, Publishing::default(), output));
        published.inspect_err(|error| output.failed(name, error)).is_ok()
    };
    let sign_tags = |name: &RepositoryName, tags: &[TagName]| {
        let signed = session
            .repository(name.as_str())
            .and_then(|repository| session.sign_tags(repository, tags, output));
        signed.inspect_err(|error| output.failed(name, error)).is_ok()
    };
    let options = FsckOptions {
        signatures: Some(&check),
        keys: Some(&look),
        problems: &of_users,
        sign_again: Some(&sign_again),
        sign_tags: Some(&sign_tags),
        publish: Some(&publish),
    };
    let places: Vec<Place> =
        arguments.from.iter().map(|text| Place::parse(text)).collect::<Result<_, _>>()?;
    let sources: Vec<_> = places.iter().map(Place::source).collect();
    if arguments.dry_run {
        let plan = session.store.plan_repair(&options, &sources, &context)?;
        print_plan(&plan, arguments.rows.limit(output), output);
        return Ok(Outcome::of(plan.steps().is_empty() && plan.left().is_empty()));
    }
    let report = if arguments.repair {
        session.store.repair(&options, &sources, &context)?
    } else {
        RepairReport { remaining: session.store.fsck(&options, &context)?, ..RepairReport::default() }
    };
    let left = u64::try_from(report.remaining.problems.len()).unwrap_or(u64::MAX);
    session::note_upkeep(&session.store, UpkeepKind::Check, &UpkeepRun::now(&context, left), output);
    print(&report, arguments.repair, &keys, arguments.rows.limit(output), output);
    Ok(Outcome::of(report.remaining.is_clean()))
}

/// Only the owner of the store repairs it: with files of another, root's above all, the owner could not go on.
fn check_owner(session: &Session) -> Result<(), Failure> {
    let path = session.root.join("store");
    let owner = path.metadata().map_err(Failure::io("read", &path))?.uid();
    if owner == rustix::process::geteuid().as_raw() {
        return Ok(());
    }
    Err(Failure::NotOwner { path, owner })
}

/// Prints what a repair would do.
fn print_plan(plan: &RepairPlan, limit: RowLimit, output: &Output) {
    let json = RepairPlanJson {
        dry_run: true,
        left: plan.left().iter().map(ProblemJson::new).collect(),
        steps: plan.steps().iter().map(RepairStepJson::new).collect(),
    };
    let (steps, left) = (plan.steps(), plan.left());
    output.result(&json, || {
        for RepairStep { problem, means, .. } in steps.iter().take(limit.of(steps.len())) {
            output.line(&format!("would repair: {problem}"));
            output.line(&format!("    {means}"));
        }
        output.rest(limit, steps.len(), "problem");
        for problem in left.iter().take(limit.of(left.len())) {
            output.line(&format!("would stay: {problem}"));
        }
        output.rest(limit, left.len(), "problem");
    });
    if steps.is_empty() && left.is_empty() {
        output.say("clean: nothing to repair");
        return;
    }
    output.note(&format!("would repair {} of {}", steps.len(), count(steps.len() + left.len(), "problem")));
    if !steps.is_empty() && !left.is_empty() {
        output.note("note: what stays because of the others is repaired with them, and so is what they hide");
    }
    output.record(Failure::Unsound { problems: steps.len() + left.len(), hint: None }.report());
}

/// Prints what a check found, and what a repair did.
pub(crate) fn print(
    done: &RepairReport,
    repair: bool,
    keys: &CheckedKeys<'_>,
    limit: RowLimit,
    output: &Output,
) {
    let RepairReport { repaired, withdrawn, remaining: report, unhelpful, .. } = done;
    for FailedSource { place, what, .. } in unhelpful {
        output.note(&format!("{place}: {what}"));
    }
    for note in &report.notes {
        output.note(&format!("note: {note}"));
    }
    let json = CheckedStoreJson {
        blobs: report.blobs,
        bytes: report.bytes,
        clean: report.is_clean(),
        notes: &report.notes,
        objects: report.objects,
        problems: report.problems.iter().map(ProblemJson::new).collect(),
        published: report.published,
        repaired: repaired.iter().map(ProblemJson::new).collect(),
        unhelpful: unhelpful.iter().map(UnhelpfulJson::new).collect(),
        withdrawn: withdrawn.iter().map(WithdrawnJson::new).collect(),
    };
    output.result(&json, || {
        for problem in repaired.iter().take(limit.of(repaired.len())) {
            output.line(&format!("repaired: {problem}"));
        }
        output.rest(limit, repaired.len(), "repaired problem");
        for withdrawn in withdrawn {
            say_withdrawn(withdrawn, output);
        }
        for problem in report.problems.iter().take(limit.of(report.problems.len())) {
            output.line(&problem.to_string());
            for affected in problem.affects.iter().take(SHOWN) {
                output.line(&format!("    affects {affected}"));
            }
            if problem.affects.len() > SHOWN {
                output.line(&format!("    and {} more", problem.affects.len() - SHOWN));
            }
        }
        output.rest(limit, report.problems.len(), "problem");
        if limit.of(report.problems.len()) < report.problems.len() {
            output.line("");
            output.table(
                &[Column::text("KIND"), Column::whole("PROBLEMS")],
                &by_kind(&report.problems),
                limit,
            );
        }
    });
    let looked = format!(
        "{}, {} and {} read",
        count(usize::try_from(report.blobs).unwrap_or(usize::MAX), "package file"),
        count(usize::try_from(report.objects).unwrap_or(usize::MAX), "object"),
        count(usize::try_from(report.published).unwrap_or(usize::MAX), "published file"),
    );
    if report.is_clean() {
        output.say(&format!("clean: {looked}"));
    } else {
        let problems = report.problems.len();
        output.note(&format!("{}: {looked}", count(problems, "problem")));
        let hints = hints(report, repair, keys);
        for hint in &hints {
            output.note(&format!("hint: {hint}"));
        }
        output.record(Failure::Unsound { problems, hint: hints.first().copied() }.report());
    }
}

/// Says which publication a repair took away, and what became of its tags.
fn say_withdrawn(Withdrawn { repository, publication, tags, .. }: &Withdrawn, output: &Output) {
    output.line(&format!(
        "withdrew publication {publication} of {repository}: a damaged part of it cannot be made again; it is in store/damaged/, and \
         snapshot/{publication} is gone"
    ));
    for (tag, leads_to) in tags {
        match leads_to {
            Some(id) => output.line(&format!("    snapshot/{tag} leads to publication {id} now")),
            None => output.line(&format!(
                "    snapshot/{tag} is gone too; run repo-cli sign again {repository} to publish it again"
            )),
        }
    }
}

/// Returns how many problems there are of each kind.
fn by_kind(problems: &[Problem]) -> Vec<[String; 2]> {
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for problem in problems {
        *kinds.entry(problem.kind.name()).or_default() += 1;
    }
    kinds.into_iter().map(|(kind, number)| [kind.to_owned(), number.to_string()]).collect()
}

/// A configuration that is gone, or says nothing: nobody sees that from what is published.
fn of_configuration(session: &Session) -> Option<Problem> {
    let (root, path) = (&session.root, Utf8PathBuf::from("repo.toml"));
    let problem = |kind, what: &str| Problem { kind, path, what: what.to_owned(), affects: Vec::new() };
    if !root.join("repo.toml").exists() {
        // A program that uses the library may have a configuration of its own; then it has its keys elsewhere too.
        let is_ours = !KeyDirectory::new(root).is_empty() && has_repositories(root);
        let what = "it says who may read, and what is published: take it from the last backup";
        return is_ours.then(|| problem(ProblemKind::Missing, what));
    }
    let has_none = session.config.repositories().next().is_none() && has_repositories(root);
    has_none.then(|| problem(ProblemKind::Damaged, "it names none of the repositories that the store has"))
}

/// What to do about the problems, the most needed first.
fn hints(report: &FsckReport, repair: bool, keys: &CheckedKeys<'_>) -> Vec<&'static str> {
    let has = |kind| report.problems.iter().any(|problem| problem.kind == kind);
    let mut hints = keys.hints(report);
    let others_sign = report.problems.iter().any(|problem| problem.kind == ProblemKind::Key);
    // What was signed in the future does not hold yet, and is signed again.
    let is_ahead = |of: &Problem| {
        let is_date =
            |problem: &Problem| problem.kind == ProblemKind::Date && problem.path.starts_with(&of.path);
        report.problems.iter().any(is_date)
    };
    if !repair && report.problems.iter().any(is_of_a_publication) {
        hints.push(
            "`repo-cli fsck --repair` makes damaged indices again, publishes again what clients see when a part of it is lost, and \
             withdraws older publications that have lost a part",
        );
    }
    if !repair
        && report.problems.iter().any(|problem| needs_a_copy(problem, others_sign || is_ahead(problem)))
    {
        hints.push("`repo-cli fsck --repair --from BACKUP` takes true copies from a backup");
    } else if repair && report.problems.iter().any(|problem| problem.path.starts_with("store/refs")) {
        hints.push(
            "`repo-cli fsck --repair --from BACKUP` brings back a lost state from a backup; without one, look at `repo-cli history` and \
             `repo-cli list` before you publish",
        );
    } else if repair && report.problems.iter().any(is_of_a_publication) {
        hints.push(
            "run `repo-cli publish` to show clients the present state, then `repo-cli fsck --repair`: a repair publishes nothing that \
             clients do not see yet",
        );
    }
    let is_of_mode =
        |problem: &Problem| problem.kind == ProblemKind::Mode && !problem.path.starts_with("keys");
    if !repair && report.problems.iter().any(is_of_mode) {
        hints.push("`repo-cli fsck --repair` sets wrong modes right");
    }
    // A link in the place of a directory of the store stops the check, and is for a person to undo.
    let was_checked = report.blobs + report.objects + report.published > 0;
    let in_the_way = |problem: &&Problem| problem.kind == ProblemKind::InTheWay;
    if report.problems.iter().filter(in_the_way).any(|problem| problem.path == "public") {
        hints.push("mount what `public` leads to, or put the directory back, and check again");
    } else if has(ProblemKind::InTheWay) && !repair && was_checked {
        hints.push(
            "`repo-cli fsck --repair` moves what is in the way of a directory to store/damaged/, and recreates what belongs there",
        );
    }
    if has(ProblemKind::Forged) {
        hints.push(
            "somebody wrote to public/; `repo-cli fsck --repair` moves the forged files aside, and `repo-cli sign again` \
             renders what clients see from the records",
        );
    }
    if has(ProblemKind::Date) {
        hints.push("`repo-cli sign again` publishes with the present time as the Date, tagged states too");
    }
    hints
}

/// Whether a part of a publication is lost, be it an older one.
fn is_of_a_publication(problem: &Problem) -> bool {
    let is_lost =
        matches!(problem.kind, ProblemKind::Missing | ProblemKind::Damaged | ProblemKind::Unreadable);
    let mut names = problem.path.iter();
    let is_published = match names.next() {
        Some("public") => names.nth(1).is_some_and(|area| {
            [".publications", ".by-hash", "snapshot", "dists", "key.asc", "key.gpg"].contains(&area)
        }),
        Some("store") => names.next() == Some("publications"),
        _ => false,
    };
    is_lost && is_published
}

/// Whether a true copy would help. `is_explained`: a signature that does not hold is explained by the keys or by the clock.
fn needs_a_copy(problem: &Problem, is_explained: bool) -> bool {
    match problem.kind {
        ProblemKind::Date
        | ProblemKind::Forged
        | ProblemKind::InTheWay
        | ProblemKind::Key
        | ProblemKind::Mode
        | ProblemKind::Stray => false,
        ProblemKind::Signature => !is_explained,
        _ => ["store", "public"].iter().any(|area| problem.path.starts_with(area)),
    }
}
