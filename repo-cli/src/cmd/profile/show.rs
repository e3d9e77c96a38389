use deb_parse::{Architecture, SuiteName};
use repo_store::model::{HolderName, ProfileName};
use repo_store::settings::profile::{PackageRange, ProfilePackage};
use serde::Serialize;

use super::find;
use super::list::{SuiteWithProfileJson, everywhere, in_words};
use crate::args::{LimitArguments, RowLimits as _};
use crate::error::{Failure, Outcome};
use crate::json_value::{JsonDocument, Text};
use crate::output::{Column, Output, joined};
use crate::session::Session;

#[derive(Clone, Debug, clap::Args)]
pub(super) struct ShowArguments {
    /// The profile
    #[arg(value_parser = ProfileName::parse, required_unless_present = "machine")]
    profile: Option<ProfileName>,
    /// The profile that this machine is to have by [machine.NAME] in repo.toml
    #[arg(long, value_name = "NAME", value_parser = HolderName::parse, conflicts_with = "profile")]
    machine: Option<HolderName>,
    #[command(flatten)]
    rows: LimitArguments,
}

/// The document of `profile show`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ShownProfileJson {
    /// Where it is built
    built: Vec<SuiteWithProfileJson>,
    /// The machines that are to have it by the configuration
    machines: Vec<Text<HolderName>>,
    /// The packages, those of included profiles first
    packages: Vec<ProfilePackageJson>,
    /// `exact` or `at-least`
    pin: &'static str,
    /// Its name
    profile: Text<ProfileName>,
}

impl JsonDocument for ShownProfileJson {}

/// A package of a profile.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct ProfilePackageJson {
    /// The architectures of the machines that run it; null for all
    architectures: Option<Vec<Text<Architecture>>>,
    /// The profile that names it
    from: Text<ProfileName>,
    /// The package and the range of its versions, as a dependency is written
    package: Text<PackageRange>,
    /// The suites whose machines run it; null for all
    suites: Option<Vec<Text<SuiteName>>>,
}

impl ProfilePackageJson {
    fn new(package: &ProfilePackage) -> Self {
        let suites = package.suites.as_ref().map(|suites| suites.iter().cloned().map(Text).collect());
        let architectures = package.architectures.as_ref();
        Self {
            architectures: architectures.map(|listed| listed.iter().cloned().map(Text).collect()),
            from: Text(package.from.clone()),
            package: Text(package.range.clone()),
            suites,
        }
    }
}

pub(super) fn run(arguments: &ShowArguments, session: &Session, output: &Output) -> Result<Outcome, Failure> {
    let of_machine = |machine: &HolderName| {
        let found = session.config.profile_of(machine);
        found.ok_or_else(|| Failure::NoProfile { machine: machine.clone() })
    };
    let name = match (&arguments.profile, &arguments.machine) {
        (Some(name), _) => name,
        (None, Some(machine)) => of_machine(machine)?,
        (None, None) => return Err(Failure::Usage("name a profile, or give --machine")),
    };
    let profile = find(session, name)?;
    let document = ShownProfileJson {
        built: everywhere(session, name)?,
        machines: session.config.machines_with(name).cloned().map(Text).collect(),
        packages: profile.packages.iter().map(ProfilePackageJson::new).collect(),
        pin: profile.pin.as_str(),
        profile: Text(name.clone()),
    };
    let limits =
        |listed: Option<Vec<String>>| listed.map_or_else(|| "all".to_owned(), |listed| joined(&listed));
    let row = |package: &ProfilePackage| {
        let texts = |names: &mut dyn Iterator<Item = String>| names.collect::<Vec<_>>();
        let suites = package.suites.as_ref();
        let architectures = package.architectures.as_ref();
        [
            package.range.to_string(),
            package.from.to_string(),
            limits(suites.map(|all| texts(&mut all.iter().map(ToString::to_string)))),
            limits(architectures.map(|all| texts(&mut all.iter().map(ToString::to_string)))),
        ]
    };
    output.result(&document, || {
        output.line(&format!("profile: {name} ({})", document.pin));
        output.line(&format!("built: {}", in_words(&document.built)));
        if !document.machines.is_empty() {
            let machines: Vec<String> = document.machines.iter().map(|one| one.0.to_string()).collect();
            output.line(&format!("machines: {}", joined(&machines)));
        }
        let rows: Vec<[String; 4]> = profile.packages.iter().map(row).collect();
        let head = [
            Column::text("PACKAGE"),
            Column::names("FROM"),
            Column::words("SUITES"),
            Column::words("ARCHITECTURES"),
        ];
        output.table(&head, &rows, arguments.rows.limit(output));
    });
    Ok(Outcome::Done)
}
