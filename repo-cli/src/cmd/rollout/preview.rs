//! `rollout preview`: which machines take a version at a share.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, stdin};

use apt_solve::phasing::{Apt, is_taken};
use camino::Utf8PathBuf;
use deb_parse::{SuiteName, Version};
use repo_store::model::record::UpdatePercentage;
use repo_store::operations::phasing::PhasingRequest;
use serde::Serialize;

use super::check_found;
use crate::args::{RowArguments, RowLimits as _};
use crate::error::{Failure, Outcome};
use crate::json_value::JsonDocument;
use crate::named_source::NamedSource;
use crate::output::{Column, Output};
use crate::session::Session;

/// A list of a million machines is below it.
const MOST: u64 = 1 << 28;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct PreviewArguments {
    /// The repository
    repository: String,
    /// The source package, and its version [default: the newest of the suite]
    #[arg(value_name = "SOURCE[=VERSION]")]
    source: NamedSource,
    /// How many of a hundred machines would take it
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u8).range(0..=100))]
    percent: u8,
    /// IDs of machines, one per line, each followed by a name if you like; `-` for standard input
    #[arg(long, value_name = "FILE")]
    machines: Utf8PathBuf,
    /// The suite, where suites have different versions of the source
    #[arg(long, value_name = "NAME", value_parser = SuiteName::parse)]
    suite: Option<SuiteName>,
    #[command(flatten)]
    rows: RowArguments,
}

/// A machine, and whether it takes the version.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct MachineDrawJson {
    /// The id of the machine
    id: String,
    /// Its name, or its id where it has none
    name: String,
    /// Whether apt before 3.3 takes the version
    takes_before_apt_3_3: bool,
    /// Whether apt 3.3 and newer take the version
    takes_since_apt_3_3: bool,
}

/// The document of `rollout preview`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct MachineSharesJson {
    /// The machines, in the order of the file
    machines: Vec<MachineDrawJson>,
    /// How many of a hundred machines take it
    percent: u8,
    /// The source package
    source: String,
    /// The version that machines go by: that of the source
    version: String,
}

impl JsonDocument for MachineSharesJson {}

pub(super) fn run(
    arguments: &PreviewArguments,
    session: &Session,
    output: &Output,
) -> Result<Outcome, Failure> {
    let repository = session.repository(&arguments.repository)?;
    let source = &arguments.source.name;
    let request = PhasingRequest {
        source: source.clone(),
        version: arguments.source.version.clone(),
        percentage: UpdatePercentage::new(arguments.percent),
        suites: arguments.suite.iter().cloned().collect(),
    };
    let plan = session.store.plan_phasing(repository, &request)?;
    check_found(&plan, &arguments.source, &repository.name, session)?;
    let version = only_version(plan.chosen())?;
    let mut machines = Vec::new();
    for (id, name) in read(&arguments.machines)? {
        let takes = |apt| is_taken(source.as_str(), version.as_str(), &id, arguments.percent, apt);
        let (takes_before_apt_3_3, takes_since_apt_3_3) = (takes(Apt::Before3_3), takes(Apt::Since3_3));
        machines.push(MachineDrawJson { id, name, takes_before_apt_3_3, takes_since_apt_3_3 });
    }
    let document = MachineSharesJson {
        machines,
        percent: arguments.percent,
        source: source.to_string(),
        version: version.to_string(),
    };
    output.result(&document, || print(&document, arguments, output));
    Ok(Outcome::Done)
}

/// Each suite may have a version of its own, and machines draw by the version.
fn only_version(chosen: &BTreeMap<SuiteName, Version>) -> Result<&Version, Failure> {
    let mut versions: Vec<&Version> = chosen.values().collect();
    versions.dedup();
    match versions.as_slice() {
        [version] => Ok(version),
        _ => Err(Failure::Usage("suites have different versions of the source: name one with --suite")),
    }
}

/// Reads ids, each with a name or itself.
fn read(path: &Utf8PathBuf) -> Result<Vec<(String, String)>, Failure> {
    let io = |source| Failure::Io { verb: "read", path: path.to_string(), source };
    let input: Box<dyn Read> =
        if path == "-" { Box::new(stdin()) } else { Box::new(File::open(path).map_err(io)?) };
    let mut machines = Vec::new();
    let mut input = BufReader::new(input.take(MOST + 1));
    let (mut line, mut number, mut length) = (String::new(), 0, 0);
    loop {
        line.clear();
        let read = input.read_line(&mut line).map_err(io)?;
        (number, length) = (number + 1, length + read as u64);
        if length > MOST {
            let what = format!("it is larger than {MOST} bytes");
            return Err(Failure::UnusableFile { path: path.to_string().into(), what });
        }
        if read == 0 {
            break;
        }
        let mut words = line.split_ascii_whitespace();
        let Some(id) = words.next().filter(|id| !id.starts_with('#')) else { continue };
        if id.len() != 32 || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            let what = format!("line {number}: an id of a machine has 32 hexadecimal digits");
            return Err(Failure::UnusableFile { path: path.to_string().into(), what });
        }
        machines.push((id.to_owned(), words.next().unwrap_or(id).to_owned()));
    }
    Ok(machines)
}

fn print(document: &MachineSharesJson, arguments: &PreviewArguments, output: &Output) {
    let word = |takes: bool| if takes { "takes it" } else { "waits" }.to_owned();
    let rows: Vec<[String; 3]> = document
        .machines
        .iter()
        .map(|one| [one.name.clone(), word(one.takes_before_apt_3_3), word(one.takes_since_apt_3_3)])
        .collect();
    output.table(
        &[Column::names("MACHINE"), Column::words("APT BEFORE 3.3"), Column::words("APT SINCE 3.3")],
        &rows,
        arguments.rows.limit(output),
    );
    let of = |takes: fn(&MachineDrawJson) -> bool| document.machines.iter().filter(|one| takes(one)).count();
    let (before, since) = (of(|one| one.takes_before_apt_3_3), of(|one| one.takes_since_apt_3_3));
    output.total(
        rows.len(),
        &format!(
            "of {} machines, {before} take {} {} with apt before 3.3, and {since} with apt 3.3 or newer",
            rows.len(),
            document.source,
            document.version
        ),
    );
}
