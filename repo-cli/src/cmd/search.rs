//! Finding packages by what they say of themselves, and by the files in them.

use std::collections::BTreeMap;
use std::str::FromStr as _;
use std::sync::Arc;

use deb_parse::SuiteName;
use deb_parse::deb::EntryKind;
use regex_lite::{Regex, RegexBuilder};
use repo_store::history::RecordInSuites;
use repo_store::manifest::ManifestFile;
use repo_store::model::is_newest;
use repo_store::model::record::{Record, RecordKey};
use repo_store::settings::WildPattern;
use repo_store::{RepositoryName, RepositorySettings, Revision};
use serde::Serialize;

use super::list::ListedJson;
use crate::args::LimitArguments;
use crate::columns::{ColumnArguments, ListColumn, PackageListing};
use crate::error::{Failure, Outcome};
use crate::json_value::{self, JsonDocument};
use crate::output::{Output, count, joined};
use crate::package_count::PackageCount;
use crate::package_names;
use crate::revision_spec::RevisionSpec;
use crate::session::Session;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct SearchArguments {
    /// Texts to look for in names and descriptions, in upper or lower case; a package must have all of them
    #[arg(value_name = "TEXT", required_unless_present = "files")]
    texts: Vec<String>,
    /// Find packages with this file: a path (usr/bin/hello), the end of a path (bin/hello), or a pattern with * and ?; may be given several
    /// times. Only packages whose content is known are searched: those of repositories with `contents`
    #[arg(long = "file", value_name = "PATH")]
    files: Vec<String>,
    /// Look for the texts in this field of the control file instead, such as Maintainer; may be given several times
    #[arg(long = "field", value_name = "NAME")]
    fields: Vec<String>,
    /// Look for the texts in names only
    #[arg(long, conflicts_with = "fields")]
    names_only: bool,
    /// Read texts and paths as regular expressions
    #[arg(long)]
    regex: bool,
    /// Only this repository or one suite of it, in the present state or another, such as `prod@-1`; may be given several times
    #[arg(long = "repository", value_name = "REPOSITORY[/SUITE][@STATE]", value_parser = RevisionSpec::from_str)]
    states: Vec<RevisionSpec>,
    /// Only this suite; may be given several times
    #[arg(long = "suite", value_name = "NAME", value_parser = SuiteName::parse)]
    suites: Vec<SuiteName>,
    /// Every version, not only the newest for each architecture
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    columns: ColumnArguments,
    #[command(flatten)]
    rows: LimitArguments,
}

impl SearchArguments {
    /// Returns whether JSON is asked for.
    pub(crate) fn prints_json(&self) -> bool {
        self.columns.prints_json()
    }
}

/// A package that was found.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct FoundJson {
    /// The first line of its description, or null; absent with `--file`
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, schemars(with = "json_value::TextOrNull"))]
    description: Option<Option<String>>,
    /// The package file
    entry: ListedJson,
    /// The files that were looked for; absent without `--file`
    #[serde(skip_serializing_if = "Option::is_none")]
    files: Option<Vec<String>>,
    /// The repository that has it
    repository: json_value::Text<RepositoryName>,
}

/// The document of `search`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct SearchJson {
    /// The packages that were found
    packages: Vec<FoundJson>,
    /// How many source packages were not looked into: they install no files; absent without `--file`
    #[serde(skip_serializing_if = "Option::is_none")]
    sources_skipped: Option<usize>,
}

impl JsonDocument for SearchJson {}

/// A text that is looked for.
enum Text {
    /// In lower case.
    Plain(String),
    Regex(Regex),
}

impl Text {
    fn is_in(&self, value: &str) -> bool {
        match self {
            Self::Plain(text) => value.to_lowercase().contains(text),
            Self::Regex(regex) => regex.is_match(value),
        }
    }
}

/// A path that is looked for.
enum Path {
    /// The path, or its end from a slash on.
    Plain(String),
    Wild(WildPattern),
    Regex(Regex),
}

impl Path {
    fn is(&self, path: &str) -> bool {
        match self {
            Self::Plain(wanted) => path
                .strip_suffix(wanted.as_str())
                .is_some_and(|start| start.is_empty() || start.ends_with('/')),
            Self::Wild(pattern) => pattern.matches(path),
            Self::Regex(regex) => regex.is_match(path),
        }
    }
}

/// What is looked for.
struct Query<'a> {
    texts: Vec<Text>,
    files: Vec<Path>,
    fields: &'a [String],
    names_only: bool,
}

impl<'a> Query<'a> {
    fn new(arguments: &'a SearchArguments) -> Result<Self, Failure> {
        let regex = |pattern: &String, ignores_case: bool| {
            let built = RegexBuilder::new(pattern).case_insensitive(ignores_case).build();
            built.map_err(|source| Failure::Pattern { pattern: pattern.clone(), source })
        };
        let text = |text: &String| {
            Ok(if arguments.regex {
                Text::Regex(regex(text, true)?)
            } else {
                Text::Plain(text.to_lowercase())
            })
        };
        let path = |path: &String| {
            // Packages have their files below the root.
            let relative = path.trim_start_matches("./").trim_start_matches('/');
            Ok(match () {
                () if arguments.regex => Path::Regex(regex(path, false)?),
                () if path.contains(['*', '?']) => Path::Wild(WildPattern::new(relative)),
                () => Path::Plain(relative.to_owned()),
            })
        };
        Ok(Self {
            texts: arguments.texts.iter().map(text).collect::<Result<_, Failure>>()?,
            files: arguments.files.iter().map(path).collect::<Result<_, Failure>>()?,
            fields: &arguments.fields,
            names_only: arguments.names_only,
        })
    }

    /// Returns whether every text is in one of the places where texts are looked for.
    fn fits(&self, record: &Record) -> bool {
        let description = || record.field("Description").unwrap_or_default();
        self.texts.iter().all(|text| match self.fields {
            [] => {
                let is_in_name = text.is_in(record.key().package.as_str());
                is_in_name || !self.names_only && text.is_in(description())
            }
            fields => fields.iter().filter_map(|name| record.field(name)).any(|value| text.is_in(value)),
        })
    }

    /// Returns the path of a file that is looked for. A directory belongs to many packages.
    fn path_of(&self, file: &ManifestFile<'_>) -> Option<String> {
        let path = String::from_utf8_lossy(file.path);
        let is_wanted = file.kind != EntryKind::Directory && self.files.iter().any(|wanted| wanted.is(&path));
        is_wanted.then(|| path.into_owned())
    }
}

/// What was found.
struct Found<'a> {
    query: Query<'a>,
    listing: PackageListing,
    json: Vec<FoundJson>,
    /// What was found.
    keys: Vec<RecordKey>,
    /// How many source packages were passed over, because files were looked for.
    sources: usize,
    /// How many packages of a repository have files that are not known.
    unknown: BTreeMap<RepositoryName, usize>,
}

pub(crate) fn run(
    arguments: &SearchArguments,
    session: &Session,
    output: &Output,
) -> Result<Outcome, Failure> {
    let query = Query::new(arguments)?;
    let looks_into_files = !query.files.is_empty();
    let listing = arguments.columns.listing(&columns(looks_into_files), looks_into_files, output)?;
    let mut found =
        Found { query, listing, json: Vec::new(), keys: Vec::new(), sources: 0, unknown: BTreeMap::new() };
    let mut states = arguments.states.clone();
    if states.is_empty() {
        states =
            session.config.repositories().map(|settings| RevisionSpec::head_of(&settings.name)).collect();
    }
    let mut revisions = Vec::new();
    let mut known_suites = Vec::new();
    for state in &states {
        let (repository, revision) = state.resolve(session)?;
        let named = state.suites(repository, revision.as_ref());
        // A suite need not be in each of several repositories.
        let asked = arguments.suites.iter().filter(|suite| named.contains(suite)).cloned();
        let others: Vec<SuiteName> =
            if states.len() > 1 { asked.collect() } else { arguments.suites.clone() };
        state.check_suites(repository, revision.as_ref(), &others)?;
        let is_asked = |suite: &&SuiteName| arguments.suites.is_empty() || arguments.suites.contains(*suite);
        let suites: Vec<SuiteName> = named.iter().filter(is_asked).cloned().collect();
        known_suites.extend(named.into_iter().map(|suite| (repository, suite)));
        if let Some(revision) = revision {
            found.search(&revision, &suites, repository, (state, arguments.all), session)?;
            revisions.push(revision);
        }
    }
    if let Some(suite) =
        arguments.suites.iter().find(|suite| known_suites.iter().all(|(_, known)| known != *suite))
        && let Some((repository, _)) = known_suites.first()
    {
        let mut known: Vec<SuiteName> = known_suites.iter().map(|(_, suite)| suite.clone()).collect();
        known.sort();
        known.dedup();
        let (repository, suite) = (repository.name.clone(), suite.clone());
        return Err(repo_store::Error::UnknownSuite { repository, suite, known }.into());
    }
    let Found { listing, json, keys, sources, unknown, .. } = found;
    listing.check_columns()?;
    let document = SearchJson { packages: json, sources_skipped: looks_into_files.then_some(sources) };
    output.result(&document, || {
        let rows = listing.print(&arguments.rows, output);
        output.total(rows, &format!("{} found", PackageCount::of(&keys)));
    });
    if sources > 0 {
        let them = if sources == 1 { "it installs" } else { "they install" };
        output.found_nothing(&format!("skipped {}: {them} no files", count(sources, "source package")));
    }
    for (repository, packages) in unknown {
        warn_of_unknown_files(&repository, packages, session, output);
    }
    if keys.is_empty() {
        let wanted: Vec<String> = arguments.texts.iter().chain(&arguments.files).cloned().collect();
        if let ([name], true) = (wanted.as_slice(), arguments.fields.is_empty() && !looks_into_files) {
            package_names::say_unmatched(std::slice::from_ref(name), "", &revisions, output)?;
        } else {
            output.found_nothing(&format!("no packages match {}", joined(&wanted)));
        }
    }
    Ok(Outcome::Done)
}

/// Returns the columns that are printed when none is chosen.
fn columns(looks_into_files: bool) -> Vec<ListColumn> {
    let last = if looks_into_files { ListColumn::File } else { ListColumn::Field("description".to_owned()) };
    vec![
        ListColumn::Package,
        ListColumn::Version,
        ListColumn::Architecture,
        ListColumn::Repository,
        ListColumn::Suites,
        last,
    ]
}

impl Found<'_> {
    /// Searches these suites of a state. One package is at hand at a time.
    fn search(
        &mut self,
        revision: &Revision<'_>,
        suites: &[SuiteName],
        repository: &RepositorySettings,
        (state, takes_all): (&RevisionSpec, bool),
        session: &Session,
    ) -> Result<(), Failure> {
        let mut package: Vec<RecordInSuites> = Vec::new();
        for item in revision.records_in(suites)? {
            let item = item?;
            if package.first().is_some_and(|(first, _)| first.key().package != item.0.key().package) {
                self.take(std::mem::take(&mut package), repository, (state, takes_all), session)?;
            }
            package.push(item);
        }
        self.take(package, repository, (state, takes_all), session)
    }

    /// Takes what fits of the versions of one package, the newest ones unless all are wanted.
    fn take(
        &mut self,
        mut package: Vec<RecordInSuites>,
        repository: &RepositorySettings,
        (state, takes_all): (&RevisionSpec, bool),
        session: &Session,
    ) -> Result<(), Failure> {
        if !package.iter().any(|(record, _)| self.query.fits(record)) {
            return Ok(());
        }
        if !takes_all {
            keep_newest(&mut package, repository);
        }
        package.retain(|(record, _)| self.query.fits(record));
        for (record, suites) in package {
            let files = if self.query.files.is_empty() {
                Vec::new()
            } else {
                let files = self.files_of(&record, &repository.name, session)?;
                if files.is_empty() {
                    continue;
                }
                files
            };
            self.push(&record, &suites, (repository, state), &files);
        }
        Ok(())
    }

    /// Returns the files of a package that are looked for, each once. Source packages are not looked into: they install none.
    fn files_of(
        &mut self,
        record: &Arc<Record>,
        repository: &RepositoryName,
        session: &Session,
    ) -> Result<Vec<String>, Failure> {
        if record.key().architecture.is_source() {
            self.sources += 1;
            return Ok(Vec::new());
        }
        let Some(manifest) = session.store.kept_manifest(record.blob())? else {
            *self.unknown.entry(repository.clone()).or_default() += 1;
            return Ok(Vec::new());
        };
        let mut files: Vec<String> = manifest.files().filter_map(|file| self.query.path_of(&file)).collect();
        files.sort_unstable();
        files.dedup();
        Ok(files)
    }

    fn push(
        &mut self,
        record: &Record,
        suites: &[SuiteName],
        (repository, state): (&RepositorySettings, &RevisionSpec),
        files: &[String],
    ) {
        self.keys.push(record.key().clone());
        let name = state.without_suite();
        if files.is_empty() {
            self.listing.push(record, suites, &name, "");
        }
        files.iter().for_each(|file| self.listing.push(record, suites, &name, file));
        let entry = ListedJson::new(record, suites).with_fields(self.listing.fields(record));
        let repository = json_value::Text(repository.name.clone());
        let found = if self.query.files.is_empty() {
            let description = record.field("Description").and_then(|text| text.lines().next());
            FoundJson { description: Some(description.map(str::to_owned)), files: None, entry, repository }
        } else {
            FoundJson { description: None, files: Some(files.to_vec()), entry, repository }
        };
        self.json.push(found);
    }
}

/// Leaves of the versions of a package what machines would install, in each suite.
fn keep_newest(package: &mut Vec<RecordInSuites>, repository: &RepositorySettings) {
    let mut suites: Vec<SuiteName> = package.iter().flat_map(|(_, suites)| suites.clone()).collect();
    suites.sort_unstable();
    suites.dedup();
    for suite in suites {
        let settings = repository.suite(&suite);
        let architectures = settings.map(|suite| suite.architectures.as_slice()).unwrap_or_default();
        let there = package.iter().filter(|(_, suites)| suites.contains(&suite));
        let newest = is_newest(there.map(|(record, _)| record.key()), architectures);
        let mut newest = newest.into_iter();
        for (_, suites) in package.iter_mut().filter(|(_, suites)| suites.contains(&suite)) {
            if !newest.next().unwrap_or(true) {
                suites.retain(|known| *known != suite);
            }
        }
    }
    package.retain(|(_, suites)| !suites.is_empty());
}

/// Warns of packages that may have a file that is looked for.
fn warn_of_unknown_files(name: &RepositoryName, packages: usize, session: &Session, output: &Output) {
    let keeps = session.repository(name.as_str()).is_ok_and(|settings| settings.contents);
    let advice = if keeps {
        format!("run repo-cli publish {name}")
    } else {
        format!(
            "set `contents = true` in [repositories.{name}] of repo.toml, then run repo-cli publish {name}"
        )
    };
    let packages = count(packages, "package file");
    output.warn("W-NO-CONTENTS", format!("{name}: the content of {packages} is not known; {advice}"));
}
