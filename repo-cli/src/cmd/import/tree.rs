//! Reading an archive that somebody published into a plan: its Releases, their indices, and nothing that they do not vouch for.

use apt_fetch::apt_index::pool::{PackageKind, pool_path, source_directory};
use apt_fetch::{
    Address, Archive, Client, FetchedIndex, FetchedRelease, Index, Package, Problem, RefusedStanza, Release,
    Rules, Source, SourcePackage, Suite, Trust,
};
use deb_parse::control::PackagesStanza;
use deb_parse::deb::Compression;
use deb_parse::{Architecture, Component, PackageName, SuiteName, deb822};
use jiff::Timestamp;
use repo_store::history::ArchiveOrigin;
use repo_store::model::record::{Build, RecordKey};

use super::failure::ImportFailure;
use super::plan::{Finding, Gathering, ImportPlan, PlannedPackage, PlannedSuite, ReleaseFacts};
use crate::output::count;

/// The part of an archive to read, and what the archive must be.
#[derive(Clone, Copy, Debug)]
pub(super) struct TreeRequest<'a> {
    pub(super) address: &'a Address,
    pub(super) client: &'a Client,
    pub(super) suites: &'a [Suite],
    pub(super) trust: Trust<'a>,
    pub(super) now: Timestamp,
    /// Whether a Release that has expired counts.
    pub(super) allow_expired: bool,
    /// What a flat archive, which has no name, is called here.
    pub(super) target: Option<&'a SuiteName>,
    /// The components that are read; all when there are none.
    pub(super) components: &'a [Component],
    /// The architectures that are read, besides `all` and source packages; all when there are none.
    pub(super) architectures: &'a [Architecture],
}

/// Reads an archive.
pub(super) fn read(request: &TreeRequest<'_>) -> ImportPlan {
    let mut gathering = Gathering::default();
    let releases = fetch_releases(request, &mut gathering);
    let mut suites = Vec::new();
    for (archive, release) in &releases {
        let Some(mut suite) = name_suite(request, archive, release, &releases, &mut gathering) else {
            continue;
        };
        gathering.findings.extend(release_findings(&suite, release));
        read_indices(request, archive, release, &mut suite, &mut gathering);
        suites.push(suite);
    }
    let date = releases.iter().map(|(_, release)| release.date()).max();
    let (packages, findings, refusals) = gathering.finish();
    let origin = ArchiveOrigin::new(&request.address.url.to_string(), date);
    ImportPlan { origin, suites, packages, findings, refusals }
}

fn fetch_releases<'c>(
    request: &TreeRequest<'c>,
    gathering: &mut Gathering,
) -> Vec<(Archive<'c>, Box<Release>)> {
    let rules = Rules { allow_expired: request.allow_expired, ..Rules::new(request.trust, request.now) };
    let mut releases = Vec::new();
    for suite in request.suites {
        let archive = Archive::new(request.client, Source::new(request.address.clone(), suite.clone()));
        match archive.fetch_release(&rules) {
            Ok(FetchedRelease::New(release)) => releases.push((archive, release)),
            // Only one that was seen before can be unchanged.
            Ok(_) => {}
            Err(error) => gathering.refusals.push(ImportFailure::Release(Box::new(error))),
        }
    }
    releases
}

/// Returns the suite that a Release is imported as; `None` for a second name of another one, and for a name that no suite can have.
fn name_suite(
    request: &TreeRequest<'_>,
    archive: &Archive<'_>,
    release: &Release,
    all: &[(Archive<'_>, Box<Release>)],
    gathering: &mut Gathering,
) -> Option<PlannedSuite> {
    let was = archive.source().suite.clone();
    let fields = release.fields();
    let name = match &was {
        Suite::Named(name) => match SuiteName::parse(name) {
            Ok(name) => name,
            Err(_) => {
                gathering.refusals.push(ImportFailure::SuiteName { name: name.clone() });
                return None;
            }
        },
        Suite::Flat(_) => {
            let told = [fields.codename(), fields.suite()].into_iter().flatten();
            let told = told.filter_map(|name| SuiteName::parse(name).ok()).next();
            let Some(name) = request.target.cloned().or(told) else {
                let place = archive.address_in_suite("").url.to_string();
                gathering.refusals.push(ImportFailure::NoSuiteName { place });
                return None;
            };
            name
        }
    };
    let names = |archive: &Archive<'_>| archive.source().suite.to_string();
    let same: Vec<String> = all
        .iter()
        .filter(|(_, other)| other.files() == release.files())
        .map(|(archive, _)| names(archive))
        .filter(|_| matches!(was, Suite::Named(_)))
        .collect();
    let main = same.iter().find(|name| Some(name.as_str()) == fields.codename()).or(same.first());
    if main.is_some_and(|main| main.as_str() != name.as_str()) {
        return None;
    }
    let mut others = same.iter().filter(|other| other.as_str() != name.as_str());
    let alias = others.next().and_then(|alias| SuiteName::parse(alias).ok());
    for other in others {
        let what = format!("{name} is called {other} too; a suite here has one second name");
        gathering.findings.push(Finding::new("second-name", what));
    }
    Some(PlannedSuite {
        name,
        was,
        alias,
        release: Some(facts(release)),
        architectures: Vec::new(),
        components: Vec::new(),
    })
}

fn facts(release: &Release) -> ReleaseFacts {
    let fields = release.fields();
    let text = |value: Option<&str>| value.map(str::to_owned);
    ReleaseFacts {
        date: release.date(),
        origin: text(fields.origin()),
        label: text(fields.label()),
        suite: text(fields.suite()),
        codename: text(fields.codename()),
        version: text(fields.version()),
        description: text(fields.description()),
        changelogs: text(fields.changelogs()),
        not_automatic: fields.not_automatic(),
        but_automatic_upgrades: fields.but_automatic_upgrades(),
        signers: release.signers().iter().map(|signer| signer.certificate.to_string()).collect(),
    }
}

/// Returns findings about what in a Release has no counterpart here, or must be set by a person.
fn release_findings(suite: &PlannedSuite, release: &Release) -> Vec<Finding> {
    let (fields, name) = (release.fields(), &suite.name);
    let mut findings = Vec::new();
    if let Some(keys) = fields.paragraph().get_str("Signed-By") {
        let what = format!(
            "{name}: Signed-By in the old Release ties clients to {}; it is not written here, and those that know it refuse other keys",
            keys.split_whitespace().collect::<Vec<_>>().join(" ")
        );
        findings.push(Finding::new("signed-by", what));
    }
    if let Some(until) = release.valid_until() {
        let days = until.duration_since(release.date()).as_hours() / 24;
        let what =
            format!("{name}: clients refuse the old Release after {days} days; set `valid_for` for the same");
        findings.push(Finding::new("valid-until", what));
    }
    let lists_packages = |index: &Index| matches!(last(index.path()), "Packages" | "Sources" | "Release");
    let indices = release.indices();
    let other = indices.iter().filter(|index| !lists_packages(index) && !index.path().contains(".diff/"));
    let other: Vec<String> = other.map(|index| index.path().to_owned()).collect();
    let what = format!("{name}: indices that are not taken over (`contents` and `translations` make some)");
    findings.extend(Finding::about("indices", what, other));
    if let Suite::Flat(directory) = &suite.was
        && directory != "./"
    {
        let what =
            format!("{name}: clients will not find it at {directory}, but below dists/ and at the root");
        findings.push(Finding::new("flat-directory", what));
    }
    findings
}

/// What an index lists, by its path.
struct IndexPlace {
    component: Component,
    is_sources: bool,
}

impl IndexPlace {
    /// Reads the path of an index; `None` for one that lists no packages.
    fn of(index: &Index, suite: &Suite) -> Option<Self> {
        let is_sources = match last(index.path()) {
            "Packages" => false,
            "Sources" => true,
            _ => return None,
        };
        let component = match suite {
            Suite::Flat(_) => (last(index.path()) == index.path()).then_some("main")?,
            Suite::Named(_) => {
                let (directory, _) = index.path().rsplit_once('/')?;
                let (component, last) = directory.rsplit_once('/')?;
                let is_it = if is_sources { last == "source" } else { last.starts_with("binary-") };
                let component = component.strip_suffix("/debian-installer").unwrap_or(component);
                is_it.then_some(component)?
            }
        };
        Some(Self { component: Component::parse(component).ok()?, is_sources })
    }
}

fn last(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}

/// Reads all that the indices of a suite list.
fn read_indices(
    request: &TreeRequest<'_>,
    archive: &Archive<'_>,
    release: &Release,
    suite: &mut PlannedSuite,
    gathering: &mut Gathering,
) {
    let indices: Vec<(Index, IndexPlace)> = release
        .indices()
        .into_iter()
        .filter_map(|index| IndexPlace::of(&index, &suite.was).map(|place| (index, place)))
        .filter(|(_, place)| request.components.is_empty() || request.components.contains(&place.component))
        .collect();
    let is_there = |component: &Component| indices.iter().any(|(_, place)| place.component == *component);
    let listed = release.fields().components().filter_map(|name| Component::parse(name).ok());
    suite.components.extend(listed.filter(is_there));
    for (_, place) in &indices {
        if !suite.components.contains(&place.component) {
            suite.components.push(place.component.clone());
        }
    }
    let listed = release.fields().architectures().filter_map(|name| Architecture::parse(name).ok());
    suite.architectures.extend(listed.filter(|name| name.as_str() != "source" && wants(request, name)));
    for (index, place) in indices {
        let at = archive.address_in_suite(index.path()).url;
        if !index.forms().iter().any(|form| form.compression == Compression::None) {
            let what =
                format!("{at} is listed in compressed forms alone, so apt never read it; it is imported");
            gathering.findings.push(Finding::new("never-read", what));
        }
        match archive.fetch_index(release, &index) {
            Err(error) => gathering.refusals.push(ImportFailure::Index(error)),
            Ok(fetched) => {
                let read = read_index(request, &fetched, &place, suite, gathering);
                if let Err(problem) = read {
                    let error = apt_fetch::Error::new(fetched.url(), problem);
                    gathering.refusals.push(ImportFailure::Index(error));
                }
            }
        }
    }
}

/// Whether packages of an architecture are imported.
fn wants(request: &TreeRequest<'_>, architecture: &Architecture) -> bool {
    !architecture.is_all()
        && (request.architectures.is_empty() || request.architectures.contains(architecture))
}

fn read_index(
    request: &TreeRequest<'_>,
    fetched: &FetchedIndex,
    place: &IndexPlace,
    suite: &mut PlannedSuite,
    gathering: &mut Gathering,
) -> Result<(), Problem> {
    let listed_in = fetched.url().to_string();
    let mut found = Vec::new();
    let mut refuse = |source: RefusedStanza| {
        gathering.refusals.push(ImportFailure::Stanza { index: listed_in.clone(), source });
    };
    if place.is_sources {
        for source in fetched.sources()? {
            match source? {
                Ok(source) => found.push(source_of(source, place, suite, &listed_in)),
                Err(error) => refuse(error),
            }
        }
    } else {
        for package in fetched.packages()? {
            match package? {
                Ok(package) => {
                    let architecture = &package.architecture;
                    if architecture.is_all() || wants(request, architecture) {
                        found.push(Ok(package_of(package, place, suite, &listed_in)));
                    }
                }
                Err(error) => refuse(error),
            }
        }
    }
    // The text has come to its end, and is the one that was listed.
    for found in found {
        match found {
            Ok(package) => {
                suite.take(&package.key, &package.component);
                gathering.add(package);
            }
            Err(failure) => gathering.refusals.push(failure),
        }
    }
    Ok(())
}

fn package_of(package: Package, place: &IndexPlace, suite: &PlannedSuite, listed_in: &str) -> PlannedPackage {
    let paragraph = deb822::paragraphs(&package.stanza).next();
    let source = paragraph.and_then(|paragraph| PackagesStanza::new(paragraph).source().ok());
    let Package { name, version, architecture, file, stanza, .. } = package;
    let kind = match file.path.as_str().ends_with(".udeb") {
        true => PackageKind::Udeb,
        false => PackageKind::Deb,
    };
    let new_path = source.and_then(|(source, _)| {
        pool_path(&place.component, &source, &name, &version, &architecture, kind).ok()
    });
    PlannedPackage {
        key: RecordKey { package: name, version, architecture: Build::For(architecture) },
        component: place.component.clone(),
        suites: vec![suite.name.clone()],
        file,
        others: Vec::new(),
        listed_in: listed_in.to_owned(),
        new_path: new_path.map(|path| path.to_string()),
        stanza,
    }
}

fn source_of(
    source: SourcePackage,
    place: &IndexPlace,
    suite: &PlannedSuite,
    listed_in: &str,
) -> Result<PlannedPackage, ImportFailure> {
    let SourcePackage { name, version, mut files, .. } = source;
    let unusable = |what: &str| ImportFailure::NotAPackage {
        file: format!("{listed_in}: {name} {version}"),
        what: what.to_owned(),
    };
    let dsc = files.iter().position(|file| file.path.as_str().ends_with(".dsc"));
    let dsc = dsc.ok_or_else(|| unusable("a source package without a .dsc"))?;
    let file = files.swap_remove(dsc);
    let package = PackageName::parse(name.as_str());
    let package = package.map_err(|error| unusable(&error.to_string()))?;
    let directory = source_directory(&place.component, &name, &version).ok();
    let text = version.as_str();
    let without_epoch = text.split_once(':').map_or(text, |(_, rest)| rest).to_owned();
    let new_path = directory.map(|directory| format!("{directory}/{name}_{without_epoch}.dsc"));
    Ok(PlannedPackage {
        key: RecordKey { package, version, architecture: Build::Source },
        component: place.component.clone(),
        suites: vec![suite.name.clone()],
        file,
        others: files,
        listed_in: listed_in.to_owned(),
        new_path,
        stanza: Vec::new(),
    })
}

/// Returns what is lost or changed of the files: those that lie elsewhere in the new tree.
pub(super) fn moved_files(packages: &[PlannedPackage]) -> Option<Finding> {
    let has_moved = |package: &&PlannedPackage| {
        package.new_path.as_deref().is_some_and(|new| new != package.file.path.as_str())
    };
    let moved: Vec<String> = packages
        .iter()
        .filter(has_moved)
        .map(|package| {
            format!("{} -> {}", package.file.path, package.new_path.as_deref().unwrap_or_default())
        })
        .collect();
    let what = format!("direct links to {} break, for other paths", count(moved.len(), "file"));
    Finding::about("moved", what, moved)
}
