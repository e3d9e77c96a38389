//! A published repository as clients see it, with what is wrong with it.

pub(crate) mod finding;
mod indices;
mod pool;
mod release;
mod server;
mod signature;

use apt_fetch::{Archive, Client, ClientOptions, Limits, Source, Suite};
use apt_sign::Keyring;
use camino::Utf8PathBuf;
use clap::ValueEnum;
use jiff::Timestamp;

use self::finding::{Finding, Findings};
use crate::args::{LimitArguments, RowLimits as _};
use crate::clock;
use crate::error::{Failure, Outcome};
use crate::fetch::{USER_AGENT, authorities, proxies};
use crate::output::Output;
use crate::published_archive::{address, read_keyrings, suites};

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct DoctorArguments {
    /// The root of the repository: the URL of a web server, or a directory
    #[arg(value_name = "URL|DIR")]
    place: String,
    /// Only this suite, or a flat directory such as ./; may be given several times [default: all of a directory; a web server lists none, so
    /// there it is needed unless the repository is flat]
    #[arg(long = "suite", value_name = "SUITE")]
    suites: Vec<String>,
    /// The public keys that clients trust, armored or binary; may be given several times
    #[arg(long = "keyring", value_name = "FILE")]
    keyrings: Vec<Utf8PathBuf>,
    /// Compare so many package files of each suite with the index
    #[arg(long, value_name = "NUMBER", default_value_t = 20)]
    sample: usize,
    /// Compare all package files with the index, and over the network also large indices that list no packages
    #[arg(long, conflicts_with = "sample")]
    all: bool,
    /// Print it for a monitoring system
    #[arg(long, value_name = "FORMAT", conflicts_with = "json")]
    format: Option<Format>,
    #[command(flatten)]
    rows: LimitArguments,
}

/// What a monitoring system reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// One line, as plugins of Nagios and Icinga print it, and their exit status
    Nagios,
}

/// What was looked at.
#[derive(Clone, Copy, Debug, Default)]
struct Checked {
    indices: usize,
    files: usize,
    listed: usize,
}

impl Checked {
    fn add(&mut self, other: &Self) {
        self.indices += other.indices;
        self.files += other.files;
        self.listed += other.listed;
    }
}

/// How often a suite is looked at that is published again each time.
const ATTEMPTS: u32 = 3;

/// What all checks of a suite share.
struct Examination<'c> {
    archive: Archive<'c>,
    keyring: Option<&'c Keyring>,
    now: Timestamp,
    /// How many files of the pool are compared; `None` for all.
    sample: Option<usize>,
}

pub(crate) fn run(arguments: &DoctorArguments, output: &Output) -> Result<Outcome, Failure> {
    match look(arguments, output) {
        // A monitoring system must hear of that in its own way, too.
        Err(failure) if arguments.format.is_some() => {
            output.line(&format!("UNKNOWN - {}", failure.report().message));
            Ok(Outcome::Different)
        }
        ended => ended,
    }
}

fn look(arguments: &DoctorArguments, output: &Output) -> Result<Outcome, Failure> {
    let keyring = read_keyrings(&arguments.keyrings)?;
    let address = address(&arguments.place)?;
    let client = Client::new(ClientOptions {
        user_agent: USER_AGENT.to_owned(),
        authorities: if address.url.scheme().is_local() { Vec::new() } else { authorities() },
        proxies: proxies()?,
        // What is asked again would only be told later.
        limits: Limits { tries: 2, ..Limits::default() },
        ..ClientOptions::default()
    });
    let suites = suites(&arguments.suites, &address, &client)?;
    let (mut checked, mut found) = (Checked::default(), Vec::new());
    for suite in &suites {
        let examination = Examination {
            archive: Archive::new(&client, Source::new(address.clone(), suite.clone())),
            keyring: keyring.as_ref(),
            now: clock::now(),
            sample: (!arguments.all).then_some(arguments.sample),
        };
        found.extend(examination.run(&mut checked));
    }
    Ok(match arguments.format {
        Some(Format::Nagios) => {
            output.line(&finding::nagios(&address.url, &found));
            finding::nagios_outcome(&found)
        }
        None => {
            let names: Vec<String> = suites.iter().map(Suite::to_string).collect();
            finding::print(&address.url, &names, &found, checked, arguments.rows.limit(output), output);
            if found.iter().any(Finding::needs_a_person) { Outcome::Different } else { Outcome::Done }
        }
    })
}

impl Examination<'_> {
    /// Returns the suite as apt names it in its messages.
    fn repository(&self) -> String {
        let Source { address, suite, .. } = self.archive.source();
        format!("{} {suite} Release", address.url)
    }

    /// Returns whether what is large is not fetched when a look at its size tells most.
    fn spares_network(&self) -> bool {
        self.sample.is_some() && !self.archive.source().address.url.scheme().is_local()
    }

    /// Checks one suite, and once more when it was published meanwhile: half of what was seen is then of another state.
    fn run(&self, checked: &mut Checked) -> Vec<Finding> {
        let mut attempts = 0;
        loop {
            attempts += 1;
            let (mut own, mut findings) = (Checked::default(), self.no_findings());
            let forms = release::fetch(self, &mut findings);
            if let Some(forms) = &forms {
                self.check(forms, &mut own, &mut findings);
            }
            let found = findings.into_list();
            let is_settled = || release::fetch(self, &mut self.no_findings()) == forms;
            if found.is_empty() || attempts == ATTEMPTS || is_settled() {
                checked.add(&own);
                return found;
            }
        }
    }

    fn no_findings(&self) -> Findings {
        Findings::new(&self.archive.source().suite)
    }

    /// Checks one suite by its Release: first what vouches for the rest.
    fn check(&self, forms: &release::Forms, checked: &mut Checked, findings: &mut Findings) {
        let Some(release) = release::check(self, forms, findings) else { return };
        let files = indices::check(self, &release, checked, findings);
        pool::check(self, &files, checked, findings);
        if !self.archive.source().address.url.scheme().is_local() {
            server::check(self, &files, findings);
        }
    }
}
