//! `preview`: what machines would do, by their dpkg status files, if a repository were what it would become.

mod change;
mod effect;
pub(crate) mod json;
mod print;
mod status_files;

use std::collections::{HashMap, HashSet};
use std::str::FromStr as _;

use apt_index::parallel::parallel_map;
use apt_solve::status::{Fleet, StateId};
use apt_solve::upgrade::{Archives, Machine};
use apt_solve::{Limits, PackageId, Universe};
use camino::Utf8PathBuf;
use deb_parse::SuiteName;
use repo_store::Selector;

use self::change::Change;
use self::effect::Effect;
use self::status_files::Machines;
use super::check::scope::BesidesArguments;
use crate::args::{LimitArguments, RowLimits as _};
use crate::error::{Failure, Outcome};
use crate::output::Output;
use crate::revision_spec::RevisionSpec;
use crate::session::{Session, processors};

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct PreviewArguments {
    /// A repository or one suite of it, in the present state or another: `prod`, `prod/bookworm`, `prod@41`, `prod@-1`
    #[arg(value_name = "REPOSITORY[/SUITE][@STATE]", value_parser = RevisionSpec::from_str)]
    state: RevisionSpec,
    /// With --from, the names or patterns of packages, as `promote` takes them
    #[arg(value_name = "PACKAGE[=VERSION]", requires = "from", conflicts_with = "all")]
    selectors: Vec<Selector>,
    /// The status files of machines (/var/lib/dpkg/status), plain or compressed (.gz, .xz, .zst, .bz2), directories with such files or with HOST/status, or `-` for
    /// standard input
    #[arg(long, value_name = "FILE", required = true, num_args = 1..)]
    status: Vec<Utf8PathBuf>,
    /// Preview a promotion from this repository
    #[arg(long, value_name = "REPOSITORY", conflicts_with = "to")]
    from: Option<String>,
    /// With --from, all that the repository lacks [default: that, where no package is named]
    #[arg(long, requires = "from")]
    all: bool,
    /// With --from, take along all packages built from the same version of the source, as `promote` does
    #[arg(long, requires = "from")]
    whole_source: bool,
    /// With --from, take along what the packages need, as `promote` does
    #[arg(long, requires = "from")]
    with_dependencies: bool,
    /// Preview a rollback to this state: a number or commit as `history` shows them, a tag, `@-1` for the one before the last change, or a time
    #[arg(long, value_name = "REVISION", allow_hyphen_values = true)]
    to: Option<String>,
    /// The suite that the machines use [default: the only one of the repository]
    #[arg(long, value_name = "NAME", value_parser = SuiteName::parse)]
    suite: Option<SuiteName>,
    #[command(flatten)]
    besides: BesidesArguments,
    #[command(flatten)]
    rows: LimitArguments,
}

pub(crate) fn run(
    arguments: &PreviewArguments,
    session: &Session,
    output: &Output,
) -> Result<Outcome, Failure> {
    let change = Change::find(arguments, session, output)?;
    let bases = arguments.besides.bases(change.repository, session)?;
    let now = session.context().now;
    for base in bases.in_use(&change.suite)? {
        if let Some(fault) = base.fault(now) {
            output.warn("W-BASE", base.in_words(fault));
        }
    }
    let machines = Machines::read(&arguments.status)?;
    let mut effects: HashMap<StateId, Effect> = HashMap::new();
    for kind in machines.fleet.kinds() {
        let universe = change.universe(&bases, (&machines.fleet, kind))?;
        effects.extend(work_out(&machines.fleet, &universe));
    }
    let groups = effect::groups(&machines, effects);
    let is_worse = groups.iter().any(|group| group.effect.is_worse()) || !machines.unreadable.is_empty();
    let json = json::document(arguments, &change, &machines, &groups);
    output.result(&json, || print::print(&change, &groups, arguments.rows.limit(output), output));
    print::conclude(&change, (&machines, &groups), arguments.rows.limit(output), output);
    Ok(if is_worse { Outcome::Different } else { Outcome::Done })
}

/// What machines of one kind can have, before the change and after it.
struct Prepared {
    universe: Universe,
    machines: Vec<(StateId, Machine)>,
    /// What no archive has before the change; `None` when nothing changes.
    absent_before: Option<HashSet<PackageId>>,
    absent_after: HashSet<PackageId>,
}

/// Works out what becomes of each state of one kind of machine, on all processors.
fn work_out(fleet: &Fleet, prepared: &Prepared) -> Vec<(StateId, Effect)> {
    let Prepared { universe, machines, absent_before, absent_after } = prepared;
    let before = absent_before.as_ref().map(|absent| Archives::new(universe, absent));
    let after = Archives::new(universe, absent_after);
    let limits = Limits::default();
    parallel_map(machines, processors(), |(state, machine)| {
        let plan = after.upgrade(machine, &limits);
        let earlier = before.as_ref().map(|before| before.upgrade(machine, &limits));
        let newer = effect::newer(universe, &after, machine);
        (*state, Effect::new(earlier, plan, newer, fleet.unfinished(*state)))
    })
}
