//! `sbom`: what a state of a repository is made of, as SPDX or CycloneDX.

mod cyclonedx;
mod dependencies;
mod spdx;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr as _;
use std::sync::Arc;

use clap::ValueEnum;
use deb_parse::SuiteName;
use deb_parse::checksum::Sha256;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use repo_store::model::record::{Build, Record, RecordKey};
use repo_store::settings::{Distribution, ReleaseName};
use repo_store::{RepositorySettings, Revision};
use serde::Serialize;
use serde_json::Value;

use crate::clock;
use crate::error::{Failure, Outcome};
use crate::json_value::JsonDocument;
use crate::output::{Output, release_of_suite, suites_in_order};
use crate::revision_spec::RevisionSpec;
use crate::session::Session;

/// What may stand in a part of a package URL as it is.
const PART: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b':');

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct SbomArguments {
    /// A repository or one suite of it, in the present state or another: `prod@release-42`, `prod/bookworm`, `prod@41`
    #[arg(value_name = "REPOSITORY[/SUITE][@STATE]", value_parser = RevisionSpec::from_str)]
    state: RevisionSpec,
    /// Only this suite; may be given several times
    #[arg(long = "suite", value_name = "NAME", value_parser = SuiteName::parse)]
    suites: Vec<SuiteName>,
    /// The format
    #[arg(long, value_enum, default_value = "spdx", value_name = "FORMAT")]
    format: SbomFormat,
    /// Only the newest version of each package, as machines install it
    #[arg(long)]
    newest: bool,
}

/// In which form it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum SbomFormat {
    /// SPDX 2.3, as JSON
    Spdx,
    /// CycloneDX 1.6, as JSON
    Cyclonedx,
}

/// The document of `sbom`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct SbomJson {
    /// How many package files it names
    packages: usize,
    /// The bill of materials itself, in the format that was asked for
    sbom: Value,
}

impl JsonDocument for SbomJson {}

/// A state of a repository, as both formats describe it.
struct Bill<'a> {
    name: String,
    repository: &'a RepositorySettings,
    revision: &'a Revision<'a>,
    uuid: Uuid,
    /// Sorted by name, version and architecture.
    packages: Vec<Listed>,
    /// The packages that each one needs, by their places.
    needs: Vec<BTreeSet<usize>>,
    /// The source package of each, by its place, where it is there too.
    sources: Vec<Option<usize>>,
}

/// A package file and the suites it is in.
struct Listed {
    record: Arc<Record>,
    /// In the order of their releases.
    suites: Vec<SuiteName>,
}

pub(crate) fn run(arguments: &SbomArguments, session: &Session, output: &Output) -> Result<Outcome, Failure> {
    let state = &arguments.state;
    let (repository, head) = state.resolve(session)?;
    state.check_suites(repository, head.as_ref(), &arguments.suites)?;
    let Some(revision) = head else {
        return Err(Failure::NoHistory { repository: repository.name.clone() });
    };
    let named = state.suites(repository, Some(&revision));
    let is_asked = |suite: &&SuiteName| {
        named.contains(suite) && (arguments.suites.is_empty() || arguments.suites.contains(suite))
    };
    let suites: Vec<&SuiteName> = revision.commit().suites.keys().filter(is_asked).collect();
    let packages = packages(&revision, &suites, arguments.newest)?;
    let bill = Bill {
        name: format!("{}@{}", repository.name, revision.commit().sequence),
        repository,
        revision: &revision,
        uuid: Uuid::of(&revision, &suites, arguments.newest),
        needs: dependencies::needs(&packages),
        sources: sources(&packages),
        packages,
    };
    let written = match arguments.format {
        SbomFormat::Spdx => serde_json::to_value(spdx::document(&bill)),
        SbomFormat::Cyclonedx => serde_json::to_value(cyclonedx::document(&bill)),
    };
    let sbom = written.map_err(|error| Failure::Io {
        verb: "write",
        path: "the bill of materials".to_owned(),
        source: error.into(),
    })?;
    let document = SbomJson { packages: bill.packages.len(), sbom };
    output.result(&document, || output.line(&format!("{:#}", document.sbom)));
    Ok(Outcome::Done)
}

/// Reads the packages of some suites.
fn packages(revision: &Revision<'_>, suites: &[&SuiteName], newest: bool) -> Result<Vec<Listed>, Failure> {
    let mut found: BTreeMap<RecordKey, Listed> = BTreeMap::new();
    for suite in suites {
        let mut records: Vec<Arc<Record>> = Vec::new();
        for item in revision.records_in([*suite])? {
            let (record, _) = item?;
            records.push(record);
        }
        if newest {
            let mut of_name = BTreeMap::new();
            for record in records {
                let key = (record.key().package.clone(), record.key().architecture.clone());
                let known = of_name.entry(key).or_insert_with(|| Arc::clone(&record));
                if record.key().version > known.key().version {
                    *known = record;
                }
            }
            records = of_name.into_values().collect();
        }
        for record in records {
            let listed =
                found.entry(record.key().clone()).or_insert_with(|| Listed { record, suites: Vec::new() });
            listed.suites.push((*suite).clone());
        }
    }
    let mut packages: Vec<Listed> = found.into_values().collect();
    for listed in &mut packages {
        listed.suites = suites_in_order(&listed.suites).into_iter().cloned().collect();
    }
    Ok(packages)
}

/// Finds the source package of each package.
fn sources(packages: &[Listed]) -> Vec<Option<usize>> {
    let mut places = BTreeMap::new();
    for (place, listed) in packages.iter().enumerate() {
        let key = listed.record.key();
        if key.architecture.is_source() {
            places.insert((key.package.as_str().to_owned(), key.version.clone()), place);
        }
    }
    let of = |listed: &Listed| {
        let (name, version) = listed.record.source();
        let is_binary = !listed.record.key().architecture.is_source();
        places.get(&(name.as_str().to_owned(), version)).copied().filter(|_| is_binary)
    };
    packages.iter().map(of).collect()
}

impl Bill<'_> {
    /// Returns when the state came to be, as both formats write it.
    fn date(&self) -> String {
        clock::rfc_3339(self.revision.commit().date)
    }

    /// Returns the package URL of a package (`pkg:deb/debian/hello@2.10-3?arch=amd64&distro=bookworm`).
    ///
    /// Its vendor is the distribution that its first suite is named after, since scanners look there for vulnerabilities, and otherwise the Origin.
    fn package_url(&self, listed: &Listed) -> String {
        let release = listed.suites.iter().find_map(release_of_suite);
        let vendor = match release.map(ReleaseName::distribution) {
            Some(Distribution::Debian) => "debian".to_owned(),
            Some(Distribution::Ubuntu) => "ubuntu".to_owned(),
            _ => self.repository.origin.as_deref().unwrap_or("unknown").to_lowercase(),
        };
        let key = listed.record.key();
        let part = |text: &str| utf8_percent_encode(text, PART).to_string();
        let distro = release.map_or_else(String::new, |release| format!("&distro={}", release.series()));
        format!(
            "pkg:deb/{}/{}@{}?arch={}{distro}",
            part(&vendor),
            part(key.package.as_str()),
            part(key.version.as_str()),
            part(key.architecture.as_str()),
        )
    }
}

impl Listed {
    /// Returns the first line of the description.
    fn summary(&self) -> Option<&str> {
        let description = self.record.field("Description")?;
        description.lines().next().map(str::trim).filter(|line| !line.is_empty())
    }

    /// Returns the digest of the file; of a source package, that of its `.dsc`.
    fn sha256(&self) -> Option<Sha256> {
        if self.record.key().architecture != Build::Source {
            return self.record.sha256();
        }
        let lines = self.record.field("Checksums-Sha256")?.lines();
        let dsc = lines.map(str::trim).find(|line| line.ends_with(".dsc"))?;
        Sha256::parse(dsc.split_ascii_whitespace().next()?).ok()
    }

    /// Returns the web page, if the field holds the address of one.
    fn homepage(&self) -> Option<&str> {
        let text = self.record.field("Homepage")?.trim();
        let is_address = text.starts_with("https://") || text.starts_with("http://");
        (is_address && !text.contains(|c: char| c.is_whitespace() || c.is_control())).then_some(text)
    }
}

/// A name that no other bill has, and that the same one always has.
struct Uuid(Sha256);

impl Uuid {
    fn of(revision: &Revision<'_>, suites: &[&SuiteName], newest: bool) -> Self {
        let suites: Vec<&str> = suites.iter().map(|suite| suite.as_str()).collect();
        let (repository, state) = (revision.repository(), revision.id());
        Self(Sha256::of(format!("{repository} {state} {} {newest}", suites.join(" ")).as_bytes()))
    }
}

impl fmt::Display for Uuid {
    /// Writes a UUID of version 8, whose bits are ours to choose (RFC 9562, section 5.8).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        let part = |from: usize, to: usize| digits.get(from..to).unwrap_or_default();
        write!(f, "{}-{}-8{}-8{}-{}", part(0, 8), part(8, 12), part(12, 15), part(15, 18), part(18, 30))
    }
}
