//! `vulnerabilities`: which sources of a repository have known vulnerabilities, and what a promotion would change.

mod in_use;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufReader, Read, stdin};
use std::str::FromStr as _;

use camino::Utf8Path;
use deb_advisories::{Advisories, Distribution, Finding, Release, Status};
use deb_parse::deb::Compression;
use deb_parse::{PackageName, SourceName, SuiteName, Version};
use repo_store::settings::{Distribution as Maker, ReleaseName};
use repo_store::{RepositorySettings, Revision};
use serde::Serialize;

use crate::args::{RowArguments, RowLimits as _};
use crate::columns::{ListFormat, separated};
use crate::error::{Failure, Outcome};
use crate::fetch;
use crate::json_value::JsonDocument;
use crate::output::{Column, Output, count, joined, release_of_suite, suites_in_order};
use crate::revision_spec::RevisionSpec;
use crate::session::Session;
use in_use::{InUse, Newest};

/// The tracker's data are 70 MB.
const MOST: u64 = 4 << 30;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct VulnerabilitiesArguments {
    /// A repository or one suite of it, in the present state or another: `prod`, `prod/bookworm`, `prod@41`, `prod@-1`
    #[arg(value_name = "REPOSITORY[/SUITE][@STATE]", value_parser = RevisionSpec::from_str)]
    state: RevisionSpec,
    /// Data about vulnerabilities: the JSON of Debian's security tracker, or records of OSV; a file, plain or compressed (.gz, .xz, .zst, .bz2), a
    /// URL, or `-` for standard input; may be given several times
    #[arg(long, value_name = "FILE|URL", required = true)]
    data: Vec<String>,
    /// Only this suite; may be given several times
    #[arg(long = "suite", value_name = "NAME", value_parser = SuiteName::parse)]
    suites: Vec<SuiteName>,
    /// Also what would change if everything in this repository was promoted
    #[arg(long, value_name = "REPOSITORY[@STATE]", value_parser = RevisionSpec::from_str)]
    from: Option<RevisionSpec>,
    /// The release of Debian or Ubuntu by which suites are judged that are not named after one
    #[arg(long, value_name = "NAME", value_parser = release_name)]
    release: Option<ReleaseName>,
    /// Also what the security team calls unimportant
    #[arg(long)]
    unimportant: bool,
    /// How the list is printed
    #[arg(long, value_enum, default_value = "text", value_name = "FORM")]
    format: ListFormat,
    #[command(flatten)]
    rows: RowArguments,
}

impl VulnerabilitiesArguments {
    /// Returns whether JSON is asked for.
    pub(crate) fn prints_json(&self) -> bool {
        self.format == ListFormat::Json
    }
}

fn release_name(text: &str) -> Result<ReleaseName, String> {
    ReleaseName::of_series(text)
        .ok_or_else(|| format!("`{}` is not a release of Debian or Ubuntu", text.escape_debug()))
}

/// A version of another release or repository.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct FixedElsewhereJson {
    /// The release, or the repository
    place: String,
    /// The version of the source
    version: String,
}

/// A vulnerability that a version of a source has, or may have.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct VulnerabilityJson {
    /// Other names of the vulnerability
    aliases: Vec<String>,
    /// The first version without it in the release; null when there is none yet
    fixed: Option<String>,
    /// What brought a fix to other releases
    fixed_elsewhere: Vec<FixedElsewhereJson>,
    /// The repositories of the store whose suite of that name has a version without it
    fixed_in_repositories: Vec<FixedElsewhereJson>,
    /// Why nothing is done about it, as the data say; may be empty
    note: String,
    /// The packages that machines install and that were built from it
    packages: Vec<String>,
    /// What a promotion would do: `fixes`, `keeps` or `brings`; null when none is asked about
    promotion: Option<&'static str>,
    /// The release by which the suite is judged
    release: &'static str,
    /// The source package
    source: String,
    /// `affected` or `undetermined`
    status: &'static str,
    /// The suite
    suite: String,
    /// What it is, as the data say; may be empty
    summary: String,
    /// How urgent it is, as the data say; may be empty
    urgency: String,
    /// The version of the source
    version: String,
    /// The name of the vulnerability
    vulnerability: String,
}

/// The document of `vulnerabilities`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct VulnerabilitiesJson {
    /// The repository that would be promoted from; null when none is asked about
    from: Option<String>,
    /// The suites that were not judged, because they are not named after a release or because the data say nothing about it
    not_judged: Vec<String>,
    /// How many versions of sources were judged
    sources: usize,
    /// The state of the repository, as it was given
    state: String,
    /// How many were left out because the security team calls them unimportant
    unimportant: usize,
    /// What was found
    vulnerabilities: Vec<VulnerabilityJson>,
}

impl JsonDocument for VulnerabilitiesJson {}

/// A suite with what machines install from it.
struct Judged {
    suite: SuiteName,
    release: ReleaseName,
    now: InUse,
    /// After the promotion that is asked about.
    then: Option<InUse>,
}

pub(crate) fn run(
    arguments: &VulnerabilitiesArguments,
    session: &Session,
    output: &Output,
) -> Result<Outcome, Failure> {
    if output.is_json() && !matches!(arguments.format, ListFormat::Text | ListFormat::Json) {
        return Err(Failure::Usage("--json and --format exclude each other"));
    }
    let (repository, head) = arguments.state.resolve(session)?;
    arguments.state.check_suites(repository, head.as_ref(), &arguments.suites)?;
    let (judged, not_judged) = judged_suites(arguments, (repository, head.as_ref()), session)?;
    let in_use = judged.iter().flat_map(|one| [Some(&one.now), one.then.as_ref()]).flatten();
    let wanted: BTreeSet<&str> = in_use.flat_map(BTreeMap::keys).map(|(name, _)| name.as_str()).collect();
    let mut advisories = Advisories::default();
    for place in &arguments.data {
        read(&mut advisories, place, &|source| wanted.contains(source))?;
    }
    let (judged, unknown): (Vec<Judged>, Vec<Judged>) =
        judged.into_iter().partition(|one| release_in(&advisories, one.release).is_some());
    for one in &unknown {
        let (suite, release) = (&one.suite, one.release.series());
        output.warn("W-NOT-JUDGED", format!("{suite} is not judged: the data say nothing about {release}"));
    }
    for suite in &not_judged {
        output.warn(
            "W-NOT-JUDGED",
            format!(
                "{suite} is not judged: it is not named after a release, and --release NAME can name one"
            ),
        );
    }
    let not_judged = unknown.iter().map(|one| &one.suite).chain(&not_judged);
    let mut document = VulnerabilitiesJson {
        from: arguments.from.as_ref().map(|from| from.text.clone()),
        not_judged: suites_in_order(not_judged).into_iter().map(ToString::to_string).collect(),
        sources: judged.iter().flat_map(|one| one.now.keys()).collect::<BTreeSet<_>>().len(),
        state: arguments.state.text.clone(),
        unimportant: 0,
        vulnerabilities: Vec::new(),
    };
    for one in &judged {
        let found = one.findings(&advisories);
        let sources = found.iter().map(|(found, _)| found.source).collect();
        let others = elsewhere(one, &sources, repository, (&advisories, session))?;
        for (found, promotion) in found {
            if found.finding.is_unimportant() && !arguments.unimportant {
                document.unimportant += 1;
                continue;
            }
            document.vulnerabilities.push(found.json(one, promotion, fixed_in(&others, &found)));
        }
    }
    print(&document, arguments, output);
    if document.vulnerabilities.is_empty() && document.not_judged.is_empty() {
        let sources: BTreeSet<&SourceName> =
            judged.iter().flat_map(|one| one.now.keys()).map(|(name, _)| name).collect();
        let mentioned = sources.iter().filter(|name| advisories.mention(name.as_str())).count();
        let total = count(document.sources, "source");
        // Data for others would make every version look well.
        output.found_nothing(&format!(
            "no known vulnerability in {total} of {}; the data mention {mentioned} of them",
            document.state
        ));
    }
    let is_clean = document.vulnerabilities.is_empty() && document.not_judged.is_empty();
    Ok(if is_clean { Outcome::Done } else { Outcome::Different })
}

/// Returns the suites that are asked about, with what machines install from them, and those that nothing can be said of.
fn judged_suites(
    arguments: &VulnerabilitiesArguments,
    (repository, head): (&RepositorySettings, Option<&Revision<'_>>),
    session: &Session,
) -> Result<(Vec<Judged>, Vec<SuiteName>), Failure> {
    let from = arguments.from.as_ref().map(|from| from.resolve(session)).transpose()?;
    let from = from.and_then(|(_, revision)| revision);
    let named = arguments.state.suites(repository, head);
    let is_asked = |suite: &&SuiteName| arguments.suites.is_empty() || arguments.suites.contains(suite);
    let (mut judged, mut not_judged) = (Vec::new(), Vec::new());
    for suite in suites_in_order(named.iter().filter(is_asked)) {
        let Some(release) = release_of_suite(suite).or(arguments.release) else {
            not_judged.push(suite.clone());
            continue;
        };
        let now = head.map_or_else(|| Ok(Newest::default()), |head| Newest::of(head, suite))?;
        let then = match (&from, &arguments.from) {
            (Some(from), _) => Some(now.with(Newest::of(from, suite)?).sources()),
            (None, Some(_)) => Some(now.sources()),
            (None, None) => None,
        };
        judged.push(Judged { suite: suite.clone(), release, now: now.sources(), then });
    }
    Ok((judged, not_judged))
}

/// Returns a release as the data name it, if they say anything of it.
fn release_in(advisories: &Advisories, release: ReleaseName) -> Option<Release> {
    let distribution = match release.distribution() {
        Maker::Debian => Distribution::Debian,
        Maker::Ubuntu => Distribution::Ubuntu,
        _ => return None,
    };
    Some(Release::new(distribution, release.series(), release.number()))
        .filter(|release| advisories.know(release))
}

fn read(advisories: &mut Advisories, place: &str, wanted: &dyn Fn(&str) -> bool) -> Result<(), Failure> {
    let unusable = |what: String| Failure::UnusableFile { path: place.into(), what };
    let data: Box<dyn Read> = if place == "-" {
        Box::new(stdin())
    } else if fetch::WebServer::is_url(place) {
        fetch::open(place, MOST)?
    } else {
        let file = File::open(Utf8Path::new(place));
        Box::new(file.map_err(|source| Failure::Io { verb: "read", path: place.to_owned(), source })?)
    };
    let data: Box<dyn Read> = match Compression::of_name(place) {
        Compression::None => data,
        packed => {
            let plain = packed.reader(data, &deb_parse::Limits::default());
            Box::new(plain.map_err(|error| unusable(error.to_string()))?)
        }
    };
    let seen = advisories.read(BufReader::with_capacity(1 << 16, data), wanted);
    // An empty file would make every version look well.
    match seen.map_err(|error| unusable(error.to_string()))? {
        0 => Err(unusable("it says nothing about any source".to_owned())),
        _ => Ok(()),
    }
}

/// The newest version of a source in another repository, and what any of its versions there has.
struct Other {
    newest: Version,
    has: BTreeSet<String>,
}

/// What the suite of that name in other repositories has of some sources.
type Elsewhere = Vec<(String, BTreeMap<SourceName, Other>)>;

fn elsewhere(
    judged: &Judged,
    sources: &BTreeSet<&SourceName>,
    own: &RepositorySettings,
    (advisories, session): (&Advisories, &Session),
) -> Result<Elsewhere, Failure> {
    let Some(release) = release_in(advisories, judged.release).filter(|_| !sources.is_empty()) else {
        return Ok(Vec::new());
    };
    let mut others = Vec::new();
    for repository in session.config.repositories().filter(|one| one.name != own.name) {
        let Some(head) = session.store.head(&repository.name)? else { continue };
        if !head.commit().suites.contains_key(&judged.suite) {
            continue;
        }
        let mut found: BTreeMap<SourceName, Other> = BTreeMap::new();
        for (name, version) in Newest::of(&head, &judged.suite)?.sources().into_keys() {
            if !sources.contains(&name) {
                continue;
            }
            let all = advisories.of(name.as_str(), &version, &release);
            let has = all.iter().map(|finding| finding.id.to_owned());
            let other =
                found.entry(name).or_insert_with(|| Other { newest: version.clone(), has: BTreeSet::new() });
            other.has.extend(has);
            if version > other.newest {
                other.newest = version;
            }
        }
        others.push((repository.name.to_string(), found));
    }
    Ok(others)
}

/// Names the repositories whose versions of a source are all free of a vulnerability.
fn fixed_in(others: &Elsewhere, found: &Found<'_>) -> Vec<FixedElsewhereJson> {
    let fixed = others.iter().filter_map(|(repository, sources)| {
        let other = sources.get(found.source).filter(|other| !other.has.contains(found.finding.id))?;
        Some(FixedElsewhereJson { place: repository.clone(), version: other.newest.to_string() })
    });
    fixed.collect()
}

/// A vulnerability of a version.
struct Found<'a> {
    source: &'a SourceName,
    version: &'a Version,
    packages: &'a BTreeSet<PackageName>,
    finding: Finding<'a>,
}

impl Judged {
    /// Returns what is found, each with what a promotion would do to it.
    fn findings<'a>(&'a self, advisories: &'a Advisories) -> Vec<(Found<'a>, Option<&'static str>)> {
        let now = self.found_in(&self.now, advisories);
        let Some(then) = &self.then else {
            return now.into_iter().map(|found| (found, None)).collect();
        };
        let then = self.found_in(then, advisories);
        let named = |all: &[Found<'_>]| -> BTreeSet<(SourceName, String)> {
            all.iter().map(|one| (one.source.clone(), one.finding.id.to_owned())).collect()
        };
        let (had, has) = (named(&now), named(&then));
        let is_in = |all: &BTreeSet<_>, one: &Found<'_>| {
            all.contains(&(one.source.clone(), one.finding.id.to_owned()))
        };
        let mut found = Vec::new();
        for one in now {
            let promotion = if is_in(&has, &one) { "keeps" } else { "fixes" };
            found.push((one, Some(promotion)));
        }
        found.extend(then.into_iter().filter(|one| !is_in(&had, one)).map(|one| (one, Some("brings"))));
        found
    }

    fn found_in<'a>(&self, in_use: &'a InUse, advisories: &'a Advisories) -> Vec<Found<'a>> {
        let Some(release) = release_in(advisories, self.release) else { return Vec::new() };
        let mut found = Vec::new();
        for ((source, version), packages) in in_use {
            let findings = advisories.of(source.as_str(), version, &release).into_iter();
            found.extend(findings.map(|finding| Found { source, version, packages, finding }));
        }
        found
    }
}

impl Found<'_> {
    fn json(
        &self,
        judged: &Judged,
        promotion: Option<&'static str>,
        fixed_in_repositories: Vec<FixedElsewhereJson>,
    ) -> VulnerabilityJson {
        let finding = &self.finding;
        let elsewhere = finding.fixed_elsewhere.iter();
        VulnerabilityJson {
            aliases: finding.aliases.to_vec(),
            fixed: finding.fixed.map(ToString::to_string),
            fixed_elsewhere: elsewhere
                .map(|(place, version)| FixedElsewhereJson {
                    place: place.clone(),
                    version: version.to_string(),
                })
                .collect(),
            fixed_in_repositories,
            note: finding.note.to_owned(),
            packages: self.packages.iter().map(ToString::to_string).collect(),
            promotion,
            release: judged.release.series(),
            source: self.source.to_string(),
            status: match finding.status {
                Status::Affected => "affected",
                Status::Undetermined => "undetermined",
            },
            suite: judged.suite.to_string(),
            summary: finding.summary.to_owned(),
            urgency: finding.urgency.to_owned(),
            version: self.version.to_string(),
            vulnerability: finding.id.to_owned(),
        }
    }
}

const COLUMNS: [&str; 8] =
    ["suite", "source", "version", "vulnerability", "status", "urgency", "fixed in", "promotion"];

impl VulnerabilityJson {
    fn cells(&self) -> [String; 8] {
        [
            self.suite.clone(),
            self.source.clone(),
            self.version.clone(),
            self.vulnerability.clone(),
            self.status.to_owned(),
            self.urgency.clone(),
            self.fixes(),
            self.promotion.unwrap_or_default().to_owned(),
        ]
    }

    /// Names what has a fix: what can be promoted first, then the release itself, then others.
    fn fixes(&self) -> String {
        let named = |one: &FixedElsewhereJson| format!("{} in {}", one.version, one.place);
        let own = self.fixed.as_ref().map(|fixed| format!("{fixed} in {}", self.release));
        let mut all: Vec<String> = self.fixed_in_repositories.iter().map(named).chain(own).collect();
        if all.is_empty() {
            all.extend(self.fixed_elsewhere.iter().map(named));
        }
        joined(&all)
    }
}

fn print(document: &VulnerabilitiesJson, arguments: &VulnerabilitiesArguments, output: &Output) {
    let rows: Vec<[String; 8]> = document.vulnerabilities.iter().map(VulnerabilityJson::cells).collect();
    // The last column is about a promotion.
    let width = if document.from.is_some() { COLUMNS.len() } else { COLUMNS.len() - 1 };
    let rows: Vec<Vec<String>> = rows.into_iter().map(|row| row.into_iter().take(width).collect()).collect();
    if let ListFormat::Csv | ListFormat::Tsv = arguments.format {
        let separator = if arguments.format == ListFormat::Csv { ',' } else { '\t' };
        let head: Vec<String> = COLUMNS.iter().take(width).map(ToString::to_string).collect();
        let shown = rows.iter().take(arguments.rows.limit_of_data().of(rows.len()));
        std::iter::once(&head).chain(shown).for_each(|row| output.line(&separated(row, separator)));
        return;
    }
    output.result(document, || {
        let titles: Vec<String> = COLUMNS.iter().take(width).map(|name| name.to_uppercase()).collect();
        let head: Vec<Column<'_>> = titles.iter().map(|title| Column::text(title)).collect();
        if !rows.is_empty() {
            output.table(&head, &rows, arguments.rows.limit(output));
        }
        output.total(rows.len(), &summary(document));
        if document.unimportant > 0 {
            output.note(&format!(
                "{} not shown that the security team calls unimportant: --unimportant shows them",
                count(document.unimportant, "vulnerability")
            ));
        }
    });
}

fn summary(document: &VulnerabilitiesJson) -> String {
    let of = |promotion: &str| {
        let all = document.vulnerabilities.iter();
        all.filter(|one| one.promotion == Some(promotion)).count()
    };
    let had = document.vulnerabilities.len() - of("brings");
    let now = format!(
        "{} in {} of {}",
        count(had, "vulnerability"),
        count(document.sources, "source"),
        document.state
    );
    match &document.from {
        None => now,
        Some(from) => {
            format!("{now}; promoting all of {from} fixes {} and brings {}", of("fixes"), of("brings"))
        }
    }
}
