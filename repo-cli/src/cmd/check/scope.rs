//! What is checked: suites, kinds of machines, and what their clients have besides.

use std::collections::BTreeSet;
use std::fs::File;
use std::str::FromStr as _;
use std::sync::Arc;

use apt_index::pool::PackageKind;
use apt_solve::{Builder, SourceId};
use camino::{Utf8Path, Utf8PathBuf};
use deb_parse::deb::Compression;
use deb_parse::{Architecture, SuiteName, deb822};
use repo_store::model::record::{Build, Record};
use repo_store::operations::bases::BaseInUse;
use repo_store::{RepositorySettings, Revision};

use crate::error::Failure;
use crate::revision_spec::RevisionSpec;
use crate::session::Session;

/// Shared by the verbs that ask what can be installed.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ScopeArguments {
    /// Only this suite; may be given several times
    #[arg(long = "suite", value_name = "NAME", value_parser = SuiteName::parse)]
    pub(crate) suites: Vec<SuiteName>,
    /// Only machines of this architecture; may be given several times [default: each that the suite has packages for]
    #[arg(long = "architecture", value_name = "NAME", value_parser = Architecture::parse)]
    pub(crate) architectures: Vec<Architecture>,
    #[command(flatten)]
    besides: BesidesArguments,
}

/// What clients have besides the repository.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct BesidesArguments {
    /// Packages that clients can install besides: a Packages file, plain or compressed (.gz, .xz, .zst, .bz2); may be given several times
    #[arg(long = "base", value_name = "FILE")]
    base_files: Vec<Utf8PathBuf>,
    /// Packages that clients can install besides: another repository of the store, with a suite if its name differs; may be given several
    /// times
    #[arg(long = "base-suite", value_name = "REPOSITORY[/SUITE][@STATE]", value_parser = RevisionSpec::from_str)]
    base_states: Vec<RevisionSpec>,
    /// Leave out what clients have besides by [[base]] in repo.toml
    #[arg(long)]
    no_base: bool,
}

impl ScopeArguments {
    /// Returns what the clients of a repository have besides.
    pub(crate) fn bases<'a>(
        &'a self,
        repository: &'a RepositorySettings,
        session: &'a Session,
    ) -> Result<Bases<'a>, Failure> {
        self.besides.bases(repository, session)
    }

    /// Returns the suites of a state that are asked about.
    pub(crate) fn suites_of(
        &self,
        spec: &RevisionSpec,
        repository: &RepositorySettings,
        revision: &Revision<'_>,
    ) -> Vec<SuiteName> {
        let named = spec.suites(repository, Some(revision));
        let is_asked = |suite: &&SuiteName| {
            named.contains(suite) && (self.suites.is_empty() || self.suites.contains(suite))
        };
        revision.commit().suites.keys().filter(is_asked).cloned().collect()
    }

    /// Refuses an architecture that was asked for and that the repository has nothing for. `checked`: whether there is such a kind of machine.
    pub(crate) fn check_architectures(
        &self,
        repository: &RepositorySettings,
        checked: impl Fn(&Architecture) -> bool,
    ) -> Result<(), Failure> {
        let is_published =
            |asked: &Architecture| repository.suites.iter().any(|suite| suite.architectures.contains(asked));
        match self.architectures.iter().all(|asked| checked(asked) || is_published(asked)) {
            true => Ok(()),
            false => Err(Failure::Usage("--architecture names one that the repository has nothing for")),
        }
    }
}

impl BesidesArguments {
    /// Returns what the clients of a repository have besides.
    pub(crate) fn bases<'a>(
        &'a self,
        repository: &'a RepositorySettings,
        session: &'a Session,
    ) -> Result<Bases<'a>, Failure> {
        self.base_files.iter().try_for_each(|path| check_file(path))?;
        let configured = if self.no_base { &[][..] } else { &repository.bases[..] };
        let mut bases = Bases { files: &self.base_files, states: Vec::new(), configured, session };
        for spec in &self.base_states {
            let (settings, revision) = spec.resolve(session)?;
            spec.check_suites(settings, revision.as_ref(), &[])?;
            if let Some(revision) = revision {
                bases.states.push((spec, spec.suites(settings, Some(&revision)), revision));
            }
        }
        Ok(bases)
    }
}

/// Returns the packages of a suite that dpkg installs.
pub(crate) fn binaries(revision: &Revision<'_>, suite: &SuiteName) -> Result<Vec<Arc<Record>>, Failure> {
    let mut records = Vec::new();
    for item in revision.records_in([suite])? {
        let (record, _) = item?;
        if record.kind() == PackageKind::Deb && record.key().architecture != Build::Source {
            records.push(record);
        }
    }
    Ok(records)
}

/// Returns the architectures of the machines that packages are checked for: those that any of them is built for, or those published if all
/// are for `all`. Of these only what is `asked` for, if anything is, and what is asked for need only be published: packages for `all` are
/// installed on such machines too.
pub(crate) fn machines(
    records: &[Arc<Record>],
    published: &[Architecture],
    asked: &[Architecture],
) -> BTreeSet<Architecture> {
    if records.is_empty() {
        return BTreeSet::new();
    }
    let of_machines = |record: &Arc<Record>| match &record.key().architecture {
        Build::For(architecture) if !architecture.is_all() => Some(architecture.clone()),
        Build::For(_) | Build::Source => None,
    };
    let built: BTreeSet<Architecture> = records.iter().filter_map(of_machines).collect();
    if !asked.is_empty() {
        let is_known = |one: &&Architecture| built.contains(*one) || published.contains(one);
        return asked.iter().filter(is_known).cloned().collect();
    }
    if built.is_empty() { published.iter().cloned().collect() } else { built }
}

/// One suite of a state that is checked.
pub(crate) struct Target<'a> {
    pub(crate) state: &'a RevisionSpec,
    pub(crate) repository: &'a RepositorySettings,
    pub(crate) suite: &'a SuiteName,
    /// The packages that dpkg installs.
    pub(crate) records: &'a [Arc<Record>],
    pub(crate) bases: &'a Bases<'a>,
}

/// What clients have besides.
pub(crate) struct Bases<'a> {
    pub(crate) session: &'a Session,
    /// What the configuration says.
    configured: &'a [repo_store::settings::Base],
    files: &'a [Utf8PathBuf],
    /// States of repositories, and their suites.
    states: Vec<(&'a RevisionSpec, Vec<SuiteName>, Revision<'a>)>,
}

impl Bases<'_> {
    /// Returns what the configuration says that clients of a suite have, as it is now.
    pub(crate) fn in_use(&self, suite: &SuiteName) -> Result<Vec<BaseInUse>, Failure> {
        Ok(self.session.store.bases_of(self.configured, suite)?)
    }

    /// Adds what the clients of a suite have, and returns the sources that it is in.
    pub(crate) fn add_to(
        &self,
        builder: &mut Builder,
        suite: &SuiteName,
        architecture: &Architecture,
    ) -> Result<Vec<SourceId>, Failure> {
        let mut sources = Vec::new();
        for base in self.in_use(suite)? {
            sources.push(base.add_to(&self.session.store, builder, architecture)?);
        }
        for (spec, suites, revision) in &self.states {
            let of_same_name = |one: &&SuiteName| spec.names_a_suite() || *one == suite;
            for suite in suites.iter().filter(of_same_name) {
                let source = builder.add_source(&spec.text);
                sources.push(source);
                add_records(builder, source, &binaries(revision, suite)?, &spec.text)?;
            }
        }
        for path in self.files {
            sources.push(add_file(builder, path)?);
        }
        Ok(sources)
    }
}

pub(crate) fn add_records(
    builder: &mut Builder,
    source: SourceId,
    records: &[Arc<Record>],
    name: &str,
) -> Result<(), Failure> {
    for record in records {
        for paragraph in deb822::paragraphs(record.stanza()) {
            builder.add(source, paragraph).map_err(|error| unusable(name.into(), &error))?;
        }
    }
    Ok(())
}

/// Makes sure that a file can be read again for each suite and architecture: a pipe has its content only once.
fn check_file(path: &Utf8Path) -> Result<(), Failure> {
    let found = std::fs::metadata(path);
    let found = found.map_err(|source| Failure::Io { verb: "read", path: path.to_string(), source })?;
    if found.is_file() {
        return Ok(());
    }
    Err(Failure::UnusableFile { path: path.to_owned(), what: "it is not a regular file".to_owned() })
}

fn add_file(builder: &mut Builder, path: &Utf8Path) -> Result<SourceId, Failure> {
    let io = |source| Failure::Io { verb: "read", path: path.to_string(), source };
    let file = File::open(path).map_err(io)?;
    let source = builder.add_source(path.file_name().unwrap_or(path.as_str()));
    let read = match Compression::of_name(path.as_str()) {
        Compression::None => builder.read(source, file),
        packed => {
            let text = packed.reader(file, &deb_parse::Limits::default());
            builder.read(source, text.map_err(|error| unusable(path.into(), &error))?)
        }
    };
    read.map(|_| source).map_err(|error| unusable(path.into(), &error))
}

/// Returns the failure about packages that cannot be read: the message is the first cause, which knows most.
fn unusable(path: Utf8PathBuf, error: &dyn std::error::Error) -> Failure {
    let first = std::iter::successors(Some(error), |error| error.source()).last();
    Failure::UnusableFile { path, what: first.unwrap_or(error).to_string() }
}
