mod adding;
mod buildinfo;
pub(crate) mod failure;
mod git;
mod numbering;
mod source;
pub(crate) mod template;
mod version;
mod writing;

use camino::{Utf8Path, Utf8PathBuf};
use deb_parse::checksum::Sha256;
use deb_parse::{Architecture, PackageName, Version};
use repo_config::error::InvalidValue;
use repo_store::model::record::RecordKey;
use repo_store::operations::import::AddReport;
use repo_store::settings::ReleaseName;
use serde::Serialize;

use self::numbering::KnownBuilds;
use self::source::Source;
use self::template::NewArguments;
use self::version::Stem;
use self::writing::{Build, Built, Scratch};
use super::add;
use crate::args::{ChangeArguments, LimitArguments, OverrideArguments, RowLimits as _};
use crate::error::{Failure, Outcome};
use crate::json_value::{JsonDocument, Text};
use crate::output::{Output, Style, count};
use crate::session::Session;

#[derive(Clone, Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct BuildArguments {
    #[command(subcommand)]
    command: Option<BuildCommand>,
    #[command(flatten)]
    package: PackageArguments,
}

#[derive(Clone, Debug, clap::Subcommand)]
enum BuildCommand {
    /// Build a package [default]
    Package(PackageArguments),
    /// Write a build.toml to begin with, with the files that it names
    New(NewArguments),
}

#[derive(Clone, Debug, clap::Args)]
struct PackageArguments {
    /// The description of the package, or the folder with it in build.toml
    #[arg(value_name = "SPEC.toml|DIR", default_value = ".")]
    spec: Utf8PathBuf,
    /// The version, instead of the one in the description
    #[arg(long, value_name = "VERSION", value_parser = Version::parse)]
    set_version: Option<Version>,
    /// Build a package for each of these releases, whose names go into the versions: `1.5-1+deb12u1`, `1.5-1~jammy1`
    #[arg(long = "for", value_name = "RELEASE,…", value_delimiter = ',', value_parser = release)]
    releases: Vec<ReleaseName>,
    /// Add the packages to this repository, in one change; what it has already is counted on
    #[arg(long = "add", value_name = "REPOSITORY")]
    repository: Option<String>,
    /// Write the packages to this directory [default: the current one, or none with --add]
    #[arg(long, value_name = "DIR")]
    output: Option<Utf8PathBuf>,
    #[command(flatten)]
    gates: OverrideArguments,
    #[command(flatten)]
    rows: LimitArguments,
    #[command(flatten)]
    change: ChangeArguments,
}

impl PackageArguments {
    /// Returns the releases that packages are built for, each once; `None` alone for a package for all of them.
    fn releases(&self) -> Vec<Option<ReleaseName>> {
        let mut releases: Vec<Option<ReleaseName>> = Vec::new();
        for release in self.releases.iter().copied().map(Some) {
            if !releases.contains(&release) {
                releases.push(release);
            }
        }
        if releases.is_empty() { vec![None] } else { releases }
    }
}

impl BuildArguments {
    /// Returns the arguments of the package that is to be built, if one is.
    fn package(&self) -> Option<&PackageArguments> {
        match &self.command {
            None => Some(&self.package),
            Some(BuildCommand::Package(arguments)) => Some(arguments),
            Some(BuildCommand::New(_)) => None,
        }
    }

    /// Returns whether the verb writes to the store.
    pub(crate) fn writes(&self) -> bool {
        self.repository().is_some() && self.package().is_some_and(|package| !package.change.dry_run)
    }

    /// Returns the repository that it changes.
    pub(crate) fn repository(&self) -> Option<&str> {
        self.package()?.repository.as_deref()
    }
}

fn release(text: &str) -> Result<ReleaseName, InvalidValue> {
    ReleaseName::of_series(text).ok_or_else(|| {
        let known = ReleaseName::all().map(ReleaseName::series);
        let hint = match repo_config::nearest(text, known) {
            Some(nearest) => format!("did you mean `{nearest}`?"),
            None => "name releases of Debian or Ubuntu, such as bookworm or jammy".to_owned(),
        };
        format!("no release named `{}`\nhint: {hint}", text.escape_debug()).into()
    })
}

/// A package that was built.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct BuiltJson<'a> {
    /// What the package is built for
    architecture: Text<&'a Architecture>,
    /// The package file; with `--dry-run`, and with `--add` without `--output`, its name alone
    file: &'a str,
    /// How much the package takes on a machine, in KiB
    installed_size: u64,
    /// The name of the package
    package: Text<&'a PackageName>,
    /// The release that it is built for; null for all of them
    release: Option<&'static str>,
    /// The SHA-256 of the package file
    sha256: Text<&'a Sha256>,
    /// The size of the package file in bytes
    size: u64,
    /// The version of the package
    version: Text<&'a Version>,
}

/// The document of `build package`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct BuiltPackagesJson<'a> {
    /// What was added to the repository; null without `--add`
    added: Option<add::AddJson<'a>>,
    /// The packages, in the order of `--for`
    built: Vec<BuiltJson<'a>>,
    /// Whether nothing was changed and no file written
    dry_run: bool,
}

impl JsonDocument for BuiltPackagesJson<'_> {}

pub(crate) fn run(
    arguments: &BuildArguments,
    session: impl Fn() -> Result<Session, Failure>,
    output: &Output,
) -> Result<Outcome, Failure> {
    match &arguments.command {
        Some(BuildCommand::New(arguments)) => template::run(arguments, output),
        Some(BuildCommand::Package(arguments)) => build(arguments, session, output),
        None => build(&arguments.package, session, output),
    }
}

fn build(
    arguments: &PackageArguments,
    session: impl Fn() -> Result<Session, Failure>,
    output: &Output,
) -> Result<Outcome, Failure> {
    let source = Source::read(&arguments.spec)?;
    let session = arguments.repository.as_ref().map(|_| session()).transpose()?;
    let repository = match (&session, &arguments.repository) {
        (Some(session), Some(name)) => Some(session.repository_to_add_to(name, arguments.change)?),
        _ => None,
    };
    let version = source.version(arguments.set_version.as_ref())?;
    let to_add_to = session.as_ref().zip(repository.as_ref());
    if let Some((session, repository)) = to_add_to {
        adding::check_suites(&arguments.releases(), &version, repository, session)?;
    }
    let changelog = source.changelog()?;
    let time = source.time(&changelog, output)?;
    let is_kept = !arguments.change.dry_run && (repository.is_none() || arguments.output.is_some());
    let target = if is_kept { Some(arguments.output.as_deref().unwrap_or(Utf8Path::new("."))) } else { None };
    let scratch = Scratch::new(target)?;
    let build = |taken: &[RecordKey]| -> Result<Vec<Built>, Failure> {
        let builds = arguments.releases().into_iter().map(|release| {
            let build = Build { source: &source, changelog: &changelog, time, release, scratch: &scratch };
            let stem = Stem::new(&version, release);
            let known = to_add_to
                .map(|(session, repository)| KnownBuilds::of(&stem, &source.spec, repository, session));
            let known = known.transpose()?.unwrap_or_default().and_taken(&stem, taken);
            numbering::numbered(&build, &stem, &known)
        });
        builds.collect()
    };
    let keep = |built: &mut Vec<Built>| -> Result<Vec<Utf8PathBuf>, Failure> {
        let directory = arguments.output.as_deref().unwrap_or(Utf8Path::new(""));
        let shown = |built: &mut Built| {
            if is_kept {
                built.move_to(directory, output)?;
                return Ok(built.file.clone());
            }
            Ok(Utf8PathBuf::from(built.file.file_name().unwrap_or_default()))
        };
        built.iter_mut().map(shown).collect()
    };
    let Some((session, repository)) = to_add_to else {
        let mut built = build(&[])?;
        let files = keep(&mut built)?;
        let document =
            BuiltPackagesJson { added: None, built: json(&built, &files), dry_run: arguments.change.dry_run };
        output.result(&document, || print(&built, &files, arguments, output));
        return Ok(Outcome::Done);
    };
    let (mut built, report) = adding::add(arguments, repository, session, build)?;
    let before: Vec<Utf8PathBuf> = built.iter().map(|built| built.file.clone()).collect();
    let files = keep(&mut built)?;
    let report = adding::with_names(report?, &before, &files);
    if !output.is_json() {
        print(&built, &files, arguments, output);
    }
    let limit = arguments.rows.limit(output);
    let complete = report.refused.is_empty();
    let show = |report: &AddReport, complete| {
        let dry_run = arguments.change.dry_run;
        let added = Some(add::json(report, complete, dry_run));
        let document = BuiltPackagesJson { added, built: json(&built, &files), dry_run };
        add::print_document(&document, report, (complete, dry_run, false), limit, output);
    };
    add::conclude(&report, repository, complete, (arguments.change, limit), session, output, show)
}

fn json<'a>(built: &'a [Built], files: &'a [Utf8PathBuf]) -> Vec<BuiltJson<'a>> {
    let document = |(built, file): (&'a Built, &'a Utf8PathBuf)| BuiltJson {
        architecture: Text(&built.architecture),
        file: file.as_str(),
        installed_size: built.installed_size,
        package: Text(&built.name),
        release: built.release.map(ReleaseName::series),
        sha256: Text(&built.sha256),
        size: built.size,
        version: Text(&built.version),
    };
    built.iter().zip(files).map(document).collect()
}

fn print(built: &[Built], files: &[Utf8PathBuf], arguments: &PackageArguments, output: &Output) {
    let verb = if arguments.change.dry_run { "would build" } else { "built" };
    for (built, file) in built.iter().zip(files) {
        let size = indicatif::BinaryBytes(built.size);
        let release = built.release.map_or_else(String::new, |release| format!(" for {}", release.series()));
        output.styled_line(&[
            (Style::New, verb),
            (Style::Plain, " "),
            (Style::Name, file.as_str()),
            (Style::Plain, &format!("{release} ({}, {size})", count(built.paths, "path"))),
        ]);
    }
}
