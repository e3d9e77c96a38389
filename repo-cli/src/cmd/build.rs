mod buildinfo;
pub(crate) mod failure;
mod git;
pub(crate) mod template;
mod version;

use std::fs::{self, File};
use std::io::BufWriter;

use camino::{Utf8Path, Utf8PathBuf};
use deb_build::{Changelog, ChangelogSource, Plan, Release, Spec, VersionSource};
use deb_parse::checksum::{HashKinds, Hasher, Sha256};
use deb_parse::{Architecture, PackageName, Version};
use repo_config::error::InvalidValue;
use repo_store::settings::ReleaseName;
use repo_store::{AddOptions, RepositorySettings};
use serde::Serialize;

use self::failure::BuildFailure;
use self::template::NewArguments;
use self::version::Stem;
use super::add;
use crate::args::{ChangeArguments, LimitArguments, OverrideArguments, RowLimits as _};
use crate::clock;
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
struct Built {
    name: PackageName,
    version: Version,
    architecture: Architecture,
    release: Option<ReleaseName>,
    file: Utf8PathBuf,
    size: u64,
    installed_size: u64,
    paths: usize,
    sha256: Sha256,
}

impl Built {
    /// Returns the path of the file that says how the package was built, beside it.
    fn buildinfo(&self) -> Utf8PathBuf {
        self.file.with_extension("buildinfo")
    }
}

/// Writes how a package was built, beside it.
fn write_buildinfo(built: &Built, time: u64) -> Result<(), Failure> {
    let path = built.buildinfo();
    let invalid = |source| Failure::Argument { argument: path.to_string(), source };
    let text = buildinfo::text(built, time).map_err(invalid)?;
    fs::write(&path, text).map_err(Failure::io("write", &path))
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
    let changelog = source.changelog()?;
    let time = source.time(&changelog, output)?;
    // Files that nobody asked for are gone at the end.
    let scratch = tempfile::tempdir().map_err(Failure::io("make", "a temporary directory"))?;
    let scratch = Utf8Path::from_path(scratch.path())
        .ok_or_else(|| Failure::NotUtf8 { path: scratch.path().to_string_lossy().into_owned() })?;
    let is_kept = !arguments.change.dry_run && (repository.is_none() || arguments.output.is_some());
    let directory = match &arguments.output {
        _ if !is_kept => scratch,
        Some(directory) => {
            fs::create_dir_all(directory).map_err(Failure::io("make", directory))?;
            directory
        }
        None => Utf8Path::new(""),
    };
    let mut built: Vec<Built> = Vec::new();
    for release in arguments.releases() {
        let build = Build { source: &source, changelog: &changelog, time, release, directory };
        let stem = Stem::new(&version, release);
        let known = match (&session, &repository) {
            (Some(session), Some(repository)) => known_builds(&stem, &source.spec, repository, session)?,
            _ => Vec::new(),
        };
        let package = build.numbered(&stem, &known)?;
        write_buildinfo(&package, time)?;
        built.push(package);
    }
    let shown = |built: &Built| {
        if is_kept {
            built.file.clone()
        } else {
            Utf8PathBuf::from(built.file.file_name().unwrap_or_default())
        }
    };
    let files: Vec<Utf8PathBuf> = built.iter().map(shown).collect();
    let (Some(session), Some(repository)) = (&session, &repository) else {
        let document =
            BuiltPackagesJson { added: None, built: json(&built, &files), dry_run: arguments.change.dry_run };
        output.result(&document, || print(&built, &files, arguments, output));
        return Ok(Outcome::Done);
    };
    if !output.is_json() {
        print(&built, &files, arguments, output);
    }
    let options = AddOptions {
        gate_override: arguments.gates.gate_override(),
        attestations: built.iter().map(Built::buildinfo).collect(),
        ..AddOptions::default()
    };
    let packages: Vec<Utf8PathBuf> = built.iter().map(|built| built.file.clone()).collect();
    let limit = arguments.rows.limit(output);
    add::add_files(
        repository,
        &packages,
        &options,
        (arguments.change, limit),
        session,
        output,
        |report, complete| {
            let dry_run = arguments.change.dry_run;
            let added = Some(add::json(report, complete, dry_run));
            let document = BuiltPackagesJson { added, built: json(&built, &files), dry_run };
            add::print_document(&document, report, (complete, dry_run, false), limit, output);
        },
    )
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

/// A description with its folder.
struct Source {
    file: Utf8PathBuf,
    folder: Utf8PathBuf,
    text: String,
    spec: Spec,
}

impl Source {
    fn read(path: &Utf8Path) -> Result<Self, Failure> {
        let file = if path.is_dir() { path.join("build.toml") } else { path.to_owned() };
        let parent = file.parent().filter(|parent| !parent.as_str().is_empty());
        let folder = parent.map_or_else(|| Utf8PathBuf::from("."), Utf8Path::to_owned);
        if path.is_dir() && !file.exists() {
            return Err(BuildFailure::NoSpec { folder: path.to_owned() }.into());
        }
        let bytes = fs::read(&file).map_err(Failure::io("read", &file))?;
        let text = String::from_utf8(bytes)
            .map_err(|_| Failure::UnusableFile { path: file.clone(), what: "not UTF-8".to_owned() })?;
        match Spec::parse(&text) {
            Ok(spec) => Ok(Self { file, folder, text, spec }),
            Err(source) => Err(BuildFailure::of_spec(&file, &text, source).into()),
        }
    }

    /// What is wrong with the description or the folder.
    fn failure(&self, error: deb_build::Error) -> Failure {
        BuildFailure::of_spec(&self.file, &self.text, error).into()
    }

    fn version(&self, given: Option<&Version>) -> Result<Version, Failure> {
        if let Some(given) = given {
            return Ok(given.clone());
        }
        let (text, place) = match self.spec.version() {
            None => return Err(BuildFailure::NoVersion { file: self.file.clone() }.into()),
            Some(VersionSource::Fixed(text)) => (text.clone(), self.file.to_string()),
            Some(VersionSource::Git) => (git::version(&self.folder)?, "git".to_owned()),
            Some(VersionSource::File(path)) => {
                let text = self.spec.read_version(&self.folder).map_err(|error| self.failure(error))?;
                (text.unwrap_or_default(), path.to_string())
            }
        };
        Version::parse(&text).map_err(|source| BuildFailure::Version { place, text, source }.into())
    }

    fn changelog(&self) -> Result<Changelog, Failure> {
        match self.spec.changelog() {
            None => Ok(Changelog::default()),
            Some(ChangelogSource::Git) => Ok(Changelog::of_items(git::changes(&self.folder)?)),
            Some(ChangelogSource::File(_)) => {
                let changelog = self.spec.read_changelog(&self.folder);
                Ok(changelog.map_err(|error| self.failure(error))?.unwrap_or_default())
            }
        }
    }

    /// Returns the time of everything in the package: as reproducible builds agree on it, or else the newest of the changelog, or else that
    /// of the commit.
    fn time(&self, changelog: &Changelog, output: &Output) -> Result<u64, Failure> {
        if let Ok(text) = std::env::var("SOURCE_DATE_EPOCH") {
            return text.parse().map_err(|_| BuildFailure::Time { text }.into());
        }
        if let Some(time) = changelog.newest_time().or_else(|| git::time(&self.folder)) {
            return Ok(time);
        }
        output.warn(
            "W-BUILD-TIME",
            "the changelog has no date and there is no commit, so the packages have the present time and differ from those of another \
             day (set SOURCE_DATE_EPOCH, or name a changelog with dates)",
        );
        Ok(u64::try_from(clock::now().as_second()).unwrap_or_default())
    }
}

impl BuildFailure {
    fn of_spec(file: &Utf8Path, text: &str, source: deb_build::Error) -> Self {
        let excerpt = source.position().and_then(|position| {
            let line = text.lines().nth(position.line.checked_sub(1)?)?;
            let shown: String = line.chars().take(160).collect();
            let before = position.column.checked_sub(1).filter(|before| *before < 160)?;
            Some(format!("{:>5} | {}\n      | {:before$}^", position.line, shown.replace('\t', " "), ""))
        });
        Self::Spec { file: file.to_owned(), source: Box::new(source), excerpt }
    }
}

/// A package that the repository has, built from the same version before.
struct KnownBuild {
    number: u64,
    architecture: String,
    sha256: Option<Sha256>,
}

/// Returns the builds of a version that the repository has.
fn known_builds(
    stem: &Stem,
    spec: &Spec,
    repository: &RepositorySettings,
    session: &Session,
) -> Result<Vec<KnownBuild>, Failure> {
    let Some(head) = session.store.head(&repository.name)? else { return Ok(Vec::new()) };
    let mut known = Vec::new();
    for suite in head.commit().suites.keys() {
        for record in head.versions(suite, spec.name())? {
            let key = record.key();
            if let Some(number) = stem.number_of(key.version.as_str()) {
                known.push(KnownBuild {
                    number,
                    architecture: key.architecture.to_string(),
                    sha256: record.sha256(),
                });
            }
        }
    }
    Ok(known)
}

/// One package to build.
struct Build<'a> {
    source: &'a Source,
    changelog: &'a Changelog,
    time: u64,
    release: Option<ReleaseName>,
    directory: &'a Utf8Path,
}

impl Build<'_> {
    /// Builds the version with the highest number that is known, and, if that has another content by now, the next one.
    fn numbered(&self, stem: &Stem, known: &[KnownBuild]) -> Result<Built, Failure> {
        // What is below the number of the description was built before that was raised.
        let numbers = known.iter().map(|known| known.number).filter(|number| *number >= stem.first());
        let Some(highest) = numbers.max() else {
            return self.build(stem, stem.first())?.finish();
        };
        let unfinished = self.build(stem, highest)?;
        let built = &unfinished.built;
        let mut same = known.iter().filter(|known| known.number == highest);
        let is_other = |known: &KnownBuild| {
            known.architecture == built.architecture.as_str() && known.sha256 != Some(built.sha256)
        };
        if !same.any(is_other) {
            return unfinished.finish();
        }
        fs::remove_file(&unfinished.file).map_err(Failure::io("remove", &unfinished.file))?;
        self.build(stem, highest.saturating_add(1))?.finish()
    }

    fn build(&self, stem: &Stem, number: u64) -> Result<Unfinished, Failure> {
        let invalid = |source| BuildFailure::Version {
            place: self.source.file.to_string(),
            text: stem.text(number),
            source,
        };
        let version = stem.version(number).map_err(invalid)?;
        let mut release = Release::new(version.clone(), self.time).changelog(self.changelog.clone());
        if let Some(name) = self.release {
            release = release.distribution(name.series());
        }
        let failure = |error| self.source.failure(error);
        let plan = Plan::new(&self.source.spec, &self.source.folder, &release).map_err(failure)?;
        let file = self.directory.join(plan.file_name());
        // Others who look at the directory meanwhile see a whole package or none.
        let unfinished = self.directory.join(format!(".{}.new", plan.file_name()));
        let output = File::create(&unfinished).map_err(Failure::io("write", &unfinished))?;
        let written = plan.write_to(BufWriter::new(output)).map_err(failure).and_then(|output| {
            let file = output
                .into_inner()
                .map_err(std::io::IntoInnerError::into_error)
                .map_err(Failure::io("write", &unfinished))?;
            file.sync_all().map_err(Failure::io("write", &unfinished))
        });
        if let Err(error) = written {
            let _ = fs::remove_file(&unfinished);
            return Err(error);
        }
        let (size, sha256) = digest(&unfinished)?;
        let built = Built {
            name: self.source.spec.name().clone(),
            version,
            architecture: plan.architecture().clone(),
            release: self.release,
            file,
            size,
            installed_size: plan.installed_size(),
            paths: plan.paths().count(),
            sha256,
        };
        Ok(Unfinished { built, file: unfinished })
    }
}

/// A package that does not have its name yet: what has that name may be another build, which stays unless this one is wanted.
struct Unfinished {
    built: Built,
    file: Utf8PathBuf,
}

impl Unfinished {
    fn finish(self) -> Result<Built, Failure> {
        fs::rename(&self.file, &self.built.file).map_err(Failure::io("write", &self.built.file))?;
        Ok(self.built)
    }
}

/// Returns the size and the SHA-256 of a file.
fn digest(path: &Utf8Path) -> Result<(u64, Sha256), Failure> {
    let mut file = File::open(path).map_err(Failure::io("read", path))?;
    let mut hasher = Hasher::new(HashKinds::default())
        .map_err(|source| Failure::Argument { argument: path.to_string(), source })?;
    let mut buffer = vec![0; 128 * 1024];
    loop {
        let length = std::io::Read::read(&mut file, &mut buffer).map_err(Failure::io("read", path))?;
        if length == 0 {
            break;
        }
        hasher.update(buffer.get(..length).unwrap_or_default());
    }
    let hashes = hasher.finish();
    Ok((hashes.size, hashes.sha256))
}
