//! `why`: who needs a package, through which others, and what would break without it; or why it cannot be installed.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::str::FromStr as _;

use apt_solve::dependents::{Dependent, Met};
use apt_solve::{Builder, Checker, Label, Limits, PackageId, SourceId, Universe, Verdict, View};
use deb_parse::{Architecture, PackageName, SuiteName};
use serde::Serialize;

use super::check::scope::{Bases, ScopeArguments, add_records, binaries, machines};
use crate::args::{LimitArguments, RowLimits as _};
use crate::error::{Failure, Outcome};
use crate::json_value::JsonDocument;
use crate::output::{Column, Output, count, joined};
use crate::package_names;
use crate::revision_spec::RevisionSpec;
use crate::session::Session;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct WhyArguments {
    /// A repository or one suite of it, in the present state or another: `prod`, `prod/bookworm`, `prod@41`, `prod@-1`
    #[arg(value_name = "REPOSITORY[/SUITE][@STATE]", value_parser = RevisionSpec::from_str)]
    state: RevisionSpec,
    /// The name of a package, of the repository or of what its clients have besides, or a name that packages provide
    #[arg(value_parser = PackageName::parse)]
    package: PackageName,
    #[command(flatten)]
    scope: ScopeArguments,
    #[command(flatten)]
    rows: LimitArguments,
}

/// The document of `why`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct WhyJson<'a> {
    /// One for each suite and each architecture of machines
    answers: &'a [AnswerJson],
    /// The name that was asked about
    package: &'a str,
    /// The state of the repository, as it was given
    state: &'a str,
}

impl JsonDocument for WhyJson<'_> {}

/// The answer for one suite and one kind of machine.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct AnswerJson {
    /// The architecture of the machines
    architecture: String,
    /// What could not be installed any more if the repository did not have the package; null when the repository does not have it
    breaks_without: Option<Vec<BrokenJson>>,
    /// What machines would install under that name
    candidates: Vec<CandidateJson>,
    /// The shortest chains of dependencies that lead to the package, from other packages of the repository
    chains: Vec<Vec<PackageJson>>,
    /// False when there are too many packages and dependencies to look at all of them
    complete: bool,
    /// The shortest chain that leads there from an essential package; null without one
    essential_chain: Option<Vec<PackageJson>>,
    /// The dependencies that the package meets, and those on its name
    needed_by: Vec<DependentJson>,
    /// The packages that provide the name
    providers: Vec<PackageJson>,
    /// The suite
    suite: String,
}

/// A package of the repository, or of what its clients have besides.
#[derive(Clone, Serialize, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct PackageJson {
    /// The architecture that it is built for
    architecture: String,
    /// Where it is from: the state of the repository, or what clients have besides
    from: String,
    /// Its name
    package: String,
    /// Its version
    version: String,
}

impl PackageJson {
    fn new(label: &Label) -> Self {
        Self {
            architecture: label.architecture.clone(),
            from: label.source.clone(),
            package: label.name.clone(),
            version: label.version.to_string(),
        }
    }

    fn all(labels: &[Label]) -> Vec<Self> {
        labels.iter().map(Self::new).collect()
    }

    fn in_words(&self) -> String {
        format!("{} {}", self.package, self.version)
    }
}

/// A package that machines would install.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct CandidateJson {
    /// Whether every machine has it
    essential: bool,
    /// The package
    package: PackageJson,
    /// Why it cannot be installed, in words; null when it can, or that is not decided
    reason: Option<String>,
    /// `installable`, `broken` or `not-decided`
    verdict: &'static str,
}

/// A package that would break.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct BrokenJson {
    /// The package
    package: PackageJson,
    /// Why it could not be installed, in words; null when that is not decided
    reason: Option<String>,
}

/// A package that needs the name.
#[derive(Serialize, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct DependentJson {
    /// The package with the dependency
    package: PackageJson,
    /// `Depends` or `Pre-Depends`
    field: &'static str,
    /// The dependency, with its alternatives
    relation: String,
    /// Whether the package meets it
    met: bool,
    /// The provided name by which it does; null when by its own
    provides: Option<String>,
    /// Other packages that meet it as well
    others: Vec<PackageJson>,
}

impl DependentJson {
    fn new(dependent: &Dependent) -> Self {
        let provides = match &dependent.met {
            Met::ByProvides(name) => Some(name.clone()),
            _ => None,
        };
        Self {
            package: PackageJson::new(&dependent.package),
            field: dependent.link.field(),
            relation: dependent.relation.clone(),
            met: dependent.met != Met::No,
            provides,
            others: PackageJson::all(&dependent.others),
        }
    }

    /// Returns how the dependency is met.
    fn met_in_words(&self) -> String {
        let mut words = match (&self.provides, self.met) {
            (Some(name), _) => vec![format!("as {name}")],
            (None, true) => vec!["yes".to_owned()],
            (None, false) => Vec::new(),
        };
        if !self.others.is_empty() {
            let others: Vec<String> = self.others.iter().map(PackageJson::in_words).collect();
            let or = if words.is_empty() { "by" } else { "or by" };
            words.push(format!("{or} {}", joined_or_more(&others)));
        }
        if words.is_empty() { "no".to_owned() } else { words.join(", ") }
    }
}

/// Returns names with commas; of many only the first.
fn joined_or_more(names: &[String]) -> String {
    const SHOWN: usize = 5;
    match names.get(..SHOWN).filter(|_| names.len() > SHOWN) {
        Some(first) => format!("{} and {} more", joined(first), names.len() - SHOWN),
        None => joined(names),
    }
}

pub(crate) fn run(arguments: &WhyArguments, session: &Session, output: &Output) -> Result<Outcome, Failure> {
    let (state, scope) = (&arguments.state, &arguments.scope);
    let (repository, head) = state.resolve(session)?;
    state.check_suites(repository, head.as_ref(), &scope.suites)?;
    let bases = scope.bases(repository, session)?;
    let mut answers = Vec::new();
    if let Some(head) = &head {
        for suite in &scope.suites_of(state, repository, head) {
            let records = binaries(head, suite)?;
            let published = repository.suite(suite).map_or(&[][..], |suite| &suite.architectures);
            for architecture in machines(&records, published, &scope.architectures) {
                let mut builder = Universe::builder(&architecture);
                let own = state.without_suite();
                let source = builder.add_source(&own);
                add_records(&mut builder, source, &records, &own)?;
                let question = Question { suite, architecture: &architecture, bases: &bases };
                answers.push(question.answer(builder, source, arguments.package.as_str())?);
            }
        }
    }
    let is_asked = |asked: &Architecture| answers.iter().any(|one| one.architecture == asked.as_str());
    scope.check_architectures(repository, is_asked)?;
    if answers.iter().all(AnswerJson::is_empty) {
        return Err(package_names::no_match(
            session,
            &repository.name,
            vec![arguments.package.to_string()],
            false,
        ));
    }
    let package = arguments.package.as_str();
    let json = WhyJson { answers: &answers, package, state: &state.text };
    output.result(&json, || print(&answers, package, &state.without_suite(), arguments, output));
    Ok(Outcome::Done)
}

/// One suite and one kind of machine.
struct Question<'a> {
    suite: &'a SuiteName,
    architecture: &'a Architecture,
    bases: &'a Bases<'a>,
}

impl Question<'_> {
    fn answer(&self, mut builder: Builder, own: SourceId, name: &str) -> Result<AnswerJson, Failure> {
        self.bases.add_to(&mut builder, self.suite, self.architecture)?;
        let universe = builder.build();
        let checker = Checker::new(&universe, View::Newest, Limits::default());
        let found = checker.dependents(name, own);
        let is_complete = found.is_some();
        let found = found.unwrap_or_default();
        let candidates = universe.packages_named(name).filter_map(|id| candidate(&universe, &checker, id));
        let mut needed_by: Vec<DependentJson> = found.direct.iter().map(DependentJson::new).collect();
        needed_by.sort();
        let mut providers = checker.providers(name);
        providers.sort();
        Ok(AnswerJson {
            complete: is_complete,
            suite: self.suite.to_string(),
            architecture: self.architecture.to_string(),
            candidates: candidates.collect(),
            breaks_without: breaks_without(&universe, &checker, own, name),
            needed_by,
            chains: found.chains.iter().map(|chain| PackageJson::all(chain)).collect(),
            essential_chain: found.essential.as_deref().map(PackageJson::all),
            providers: PackageJson::all(&providers),
        })
    }
}

/// Returns what machines would do with a package; `None` for one that is not a candidate.
fn candidate(universe: &Universe, checker: &Checker<'_>, id: PackageId) -> Option<CandidateJson> {
    let (verdict, reason) = match checker.package(id) {
        Verdict::Superseded(_) => return None,
        Verdict::Installable => ("installable", None),
        Verdict::Broken(reason) => ("broken", Some(reason.to_string())),
        _ => ("not-decided", None),
    };
    let package = PackageJson::new(&universe.label(id)?);
    Some(CandidateJson { essential: universe.is_essential(id), package, reason, verdict })
}

/// Returns what could not be installed any more if the repository did not have the packages of that name; `None` when it has none.
fn breaks_without(
    universe: &Universe,
    before: &Checker<'_>,
    own: SourceId,
    name: &str,
) -> Option<Vec<BrokenJson>> {
    let is_own = |id: &PackageId| universe.source_of(*id) == Some(own);
    let going: Vec<PackageId> = universe.packages_named(name).filter(is_own).collect();
    if going.is_empty() {
        return None;
    }
    let affected = universe.affected_by(&going);
    let absent: HashSet<PackageId> = going.into_iter().collect();
    let after = Checker::without(universe, View::Newest, Limits::default(), absent).each(affected);
    let mut broken: Vec<BrokenJson> = Vec::new();
    for finding in after.findings {
        if !matches!(before.package(finding.id), Verdict::Broken(_)) {
            let reason = match finding.verdict {
                Verdict::Broken(reason) => Some(reason.to_string()),
                _ => None,
            };
            broken.push(BrokenJson { package: PackageJson::new(&finding.package), reason });
        }
    }
    broken.sort_by(|a, b| a.package.cmp(&b.package));
    Some(broken)
}

impl AnswerJson {
    /// Returns whether nothing is known of the name.
    fn is_empty(&self) -> bool {
        self.candidates.is_empty() && self.needed_by.is_empty() && self.providers.is_empty()
    }

    fn place(&self) -> String {
        format!("{} {}", self.suite, self.architecture)
    }
}

const HEAD: [Column<'_>; 8] = [
    Column::names("NEEDED BY"),
    Column::whole("VERSION"),
    Column::text("FROM"),
    Column::words("ARCHITECTURE"),
    Column::words("SUITES"),
    Column::whole("FIELD"),
    Column::text("RELATION"),
    Column::text("MET"),
];

fn print(answers: &[AnswerJson], name: &str, state: &str, arguments: &WhyArguments, output: &Output) {
    let all = answers.len();
    let lines = |of: &dyn Fn(&AnswerJson) -> Vec<String>| merged(answers, of, all);
    for line in lines(&|answer| answer.candidates_in_words(name)) {
        output.line(&line);
    }
    let rows = rows(answers);
    let limit = arguments.rows.limit(output);
    if !rows.is_empty() {
        output.table(&HEAD, &rows, limit);
    }
    let chains = lines(&|answer| {
        let longer = answer.chains.iter().filter(|chain| chain.len() > 2);
        let of_all = answer.essential_chain.iter().map(|chain| format!("every machine: {}", arrows(chain)));
        of_all.chain(longer.map(|chain| arrows(chain))).collect()
    });
    chains.iter().take(limit.of(chains.len())).for_each(|line| output.line(line));
    output.rest(limit, chains.len(), "chain");
    for line in lines(&|answer| answer.loss_in_words(state)) {
        output.line(&line);
    }
}

fn arrows(chain: &[PackageJson]) -> String {
    chain.iter().map(PackageJson::in_words).collect::<Vec<_>>().join(" -> ")
}

/// Returns the lines of all answers, each once, and with the suites and architectures that it is about unless these are all.
fn merged(answers: &[AnswerJson], of: &dyn Fn(&AnswerJson) -> Vec<String>, all: usize) -> Vec<String> {
    let mut found: Vec<(String, Vec<String>)> = Vec::new();
    for answer in answers {
        for line in of(answer) {
            match found.iter_mut().find(|(known, _)| *known == line) {
                Some((_, places)) => places.push(answer.place()),
                None => found.push((line, vec![answer.place()])),
            }
        }
    }
    let with_places = |(line, places): (String, Vec<String>)| match places.len() == all {
        true => line,
        false => format!("{line} ({})", joined(&places)),
    };
    found.into_iter().map(with_places).collect()
}

/// Returns the rows of the table: the same in several suites is one row.
fn rows(answers: &[AnswerJson]) -> Vec<[String; 8]> {
    let mut found: BTreeMap<(&DependentJson, &str), BTreeSet<&str>> = BTreeMap::new();
    for answer in answers {
        for dependent in &answer.needed_by {
            found.entry((dependent, &answer.architecture)).or_default().insert(&answer.suite);
        }
    }
    let row = |((one, architecture), suites): (&(&DependentJson, &str), &BTreeSet<&str>)| {
        let suites: Vec<&str> = suites.iter().copied().collect();
        let PackageJson { package, version, from, .. } = &one.package;
        [
            package.clone(),
            version.clone(),
            from.clone(),
            (*architecture).to_owned(),
            joined(&suites),
            one.field.to_owned(),
            one.relation.clone(),
            one.met_in_words(),
        ]
    };
    found.iter().map(row).collect()
}

impl AnswerJson {
    /// Returns what machines would do with packages of the name.
    fn candidates_in_words(&self, name: &str) -> Vec<String> {
        let mut lines = Vec::new();
        for CandidateJson { essential, package, reason, verdict } in &self.candidates {
            let what = format!("{} of {}", package.in_words(), package.from);
            lines.push(match (reason, *verdict) {
                (Some(reason), _) => format!("{what} cannot be installed: {reason}"),
                (None, "installable") if *essential => format!("{what} is on every machine: it is essential"),
                (None, "installable") => format!("{what} can be installed"),
                (None, _) => format!("{what}: whether it can be installed is not decided"),
            });
        }
        let providers: Vec<String> = self.providers.iter().map(PackageJson::in_words).collect();
        match (lines.is_empty(), providers.is_empty()) {
            (true, true) => lines.push(format!("no package is named {name}")),
            (true, false) => {
                lines
                    .push(format!("{name} is a virtual package, provided by {}", joined_or_more(&providers)));
            }
            (false, false) => {
                lines.push(format!("{name} is also provided by {}", joined_or_more(&providers)));
            }
            (false, true) => {}
        }
        if !self.complete {
            lines
                .push("who needs it is not decided: there are too many packages and dependencies".to_owned());
        } else if self.needed_by.is_empty() {
            lines.push(format!("no package needs {name}"));
        }
        lines
    }

    /// Returns what would break without it.
    fn loss_in_words(&self, state: &str) -> Vec<String> {
        let Some(broken) = &self.breaks_without else { return Vec::new() };
        let names: Vec<String> = broken.iter().map(|one| one.package.in_words()).collect();
        match names.len() {
            0 => vec![format!("removing it from {state} would break nothing")],
            number => {
                let (packages, names) = (count(number, "package"), joined_or_more(&names));
                vec![format!("removing it from {state} would break {packages}: {names}")]
            }
        }
    }
}
