//! `base`: what clients have besides the repositories, for checks.

mod update;

use deb_parse::SuiteName;
use repo_store::model::{BaseIndexId, duration_in_words};
use repo_store::operations::bases::{BaseInUse, BaseState, KeptArchive};
use serde::Serialize;

use crate::args::{LimitArguments, RowLimits as _};
use crate::clock;
use crate::error::{Failure, Outcome};
use crate::json_value::{JsonDocument, Text, Time};
use crate::output::{Column, Output};
use crate::session::Session;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct BaseArguments {
    #[command(subcommand)]
    command: BaseCommand,
}

#[derive(Clone, Debug, clap::Subcommand)]
enum BaseCommand {
    /// Read the archives of [[base]] in repo.toml again, and keep what they have for checks
    ///
    /// An archive is verified as apt does it, by the keys that `Signed-By` names, and never replaced by an older state. One that did not change
    /// costs one conditional request. One that fails leaves what was last read of it, which then counts until `max_age`.
    Update(UpdateArguments),
    /// List what clients have besides the repositories, and how old that is
    List(ListArguments),
}

#[derive(Clone, Debug, clap::Args)]
struct UpdateArguments {
    /// Only the bases of this suite; may be given several times
    #[arg(long = "suite", value_name = "NAME", value_parser = SuiteName::parse)]
    suites: Vec<SuiteName>,
}

#[derive(Clone, Debug, clap::Args)]
struct ListArguments {
    #[command(flatten)]
    rows: LimitArguments,
}

impl BaseArguments {
    /// Returns whether the verb writes to the store.
    pub(crate) fn writes(&self) -> bool {
        matches!(self.command, BaseCommand::Update(_))
    }
}

pub(crate) fn run(arguments: &BaseArguments, session: &Session, output: &Output) -> Result<Outcome, Failure> {
    match &arguments.command {
        BaseCommand::Update(arguments) => update::run(&arguments.suites, session, output),
        BaseCommand::List(arguments) => {
            print(&bases(session, &[])?, &[], arguments.rows, session, output);
            Ok(Outcome::Done)
        }
    }
}

/// Returns the bases of these suites, or of all if none is named, with what the store has of each.
fn bases(session: &Session, suites: &[SuiteName]) -> Result<Vec<BaseInUse>, Failure> {
    let mut found = Vec::new();
    for base in session.config.all_bases() {
        if suites.is_empty() || suites.contains(&base.suite) {
            found.extend(session.store.bases_of([&base], &base.suite)?);
        }
    }
    Ok(found)
}

/// The document of `base list` and `base update`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct BasesJson {
    /// The bases, in the order of the configuration
    bases: Vec<BaseJson>,
}

impl JsonDocument for BasesJson {}

/// A base.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct BaseJson {
    /// The archives that it consists of; none for a suite of the store, and for a base that was never read
    archives: Vec<ArchiveJson>,
    /// `current`, `too-old`, `missing`, or `suite` for a suite of the store
    state: &'static str,
    /// What `base update` did: `new`, `unchanged` or `failed`; absent where nothing was read
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<&'static str>,
    /// Where it is read from, as it is configured
    source: String,
    /// The suite whose clients have it
    suite: Text<SuiteName>,
}

/// An archive of a base.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct ArchiveJson {
    /// Its address, suite and components, or the path of a file
    archive: String,
    /// The date of its Release; null for a file
    date: Option<Time>,
    /// Its packages, a list for each architecture
    indices: Vec<IndexJson>,
    /// When it was last seen to be as it is kept
    seen: Time,
}

/// The packages of an archive for one architecture.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct IndexJson {
    /// The architecture; null where one list is for all
    architecture: Option<String>,
    /// The digest of the list: the same packages have the same
    digest: Text<BaseIndexId>,
    /// How many packages it has
    packages: u64,
}

fn archive_json(archive: &KeptArchive) -> ArchiveJson {
    let indices = archive.indices.iter().map(|index| IndexJson {
        architecture: index.architecture.clone(),
        digest: Text(index.id),
        packages: index.packages,
    });
    ArchiveJson {
        archive: archive.name.clone(),
        date: archive.release.as_ref().map(|release| Time(release.date)),
        indices: indices.collect(),
        seen: Time(archive.seen),
    }
}

/// Returns the word for the state of a base.
pub(super) fn state_of(base: &BaseInUse, session: &Session) -> &'static str {
    match (&base.state, base.fault(session.context().now)) {
        (BaseState::Missing, _) => "missing",
        (BaseState::Suite(_), _) => "suite",
        (BaseState::Kept(_), Some(_)) => "too-old",
        (BaseState::Kept(_), None) => "current",
    }
}

const HEAD: [Column<'_>; 7] = [
    Column::whole("SUITE"),
    Column::text("SOURCE"),
    Column::whole("STATE"),
    Column::whole("DATE"),
    Column::whole("AGE"),
    Column::whole("PACKAGES"),
    Column::words("DIGEST"),
];

/// Prints bases; `results` has what was done with each, if something was.
fn print(
    bases: &[BaseInUse],
    results: &[&'static str],
    rows: LimitArguments,
    session: &Session,
    output: &Output,
) {
    let json = |(at, base): (usize, &BaseInUse)| BaseJson {
        archives: match &base.state {
            BaseState::Kept(archives) => archives.iter().map(archive_json).collect(),
            BaseState::Missing | BaseState::Suite(_) => Vec::new(),
        },
        state: state_of(base, session),
        result: results.get(at).copied(),
        source: base.base.source.to_string(),
        suite: Text(base.base.suite.clone()),
    };
    let document = BasesJson { bases: bases.iter().enumerate().map(json).collect() };
    output.result(&document, || {
        let lines: Vec<_> = bases.iter().map(|base| row(base, session)).collect();
        if !lines.is_empty() {
            output.table(&HEAD, &lines, rows.limit(output));
        }
    });
    if bases.is_empty() {
        output.found_nothing("no [[base]] in repo.toml");
    }
}

fn row(base: &BaseInUse, session: &Session) -> [String; 7] {
    let (mut date, mut packages, mut digests) = (None, 0, Vec::new());
    if let BaseState::Kept(archives) = &base.state {
        date = archives.iter().filter_map(|archive| archive.release.as_ref()).map(|one| one.date).max();
        for index in archives.iter().flat_map(|archive| &archive.indices) {
            packages += index.packages;
            digests.push(index.id.short());
        }
    }
    if let BaseState::Suite(Some(snapshot)) = &base.state {
        digests.push(snapshot.short());
    }
    let age = base.age(session.context().now);
    let none = || "-".to_owned();
    [
        base.base.suite.to_string(),
        base.base.source.to_string(),
        state_of(base, session).to_owned(),
        date.map_or_else(none, clock::minute),
        age.map_or_else(none, duration_in_words),
        packages.to_string(),
        if digests.is_empty() { none() } else { digests.join(" ") },
    ]
}
