//! The manual pages, for those who package the program.

use camino::Utf8PathBuf;
use clap::CommandFactory as _;
use serde::Serialize;

use crate::args::Arguments;
use crate::error::{Failure, Outcome};
use crate::json_value::JsonDocument;
use crate::output::{Output, count};

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ManualArguments {
    /// Where to; made if need be
    #[arg(value_name = "DIR")]
    directory: Utf8PathBuf,
}

/// The document of `manual`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ManualJson<'a> {
    /// The directory with the pages
    #[cfg_attr(test, schemars(with = "String"))]
    directory: &'a Utf8PathBuf,
}

impl JsonDocument for ManualJson<'_> {}

pub(crate) fn run(arguments: &ManualArguments, output: &Output) -> Result<Outcome, Failure> {
    let directory = &arguments.directory;
    std::fs::create_dir_all(directory).map_err(Failure::io("create", directory))?;
    // Options that every verb knows stand on the first page alone.
    let command = Arguments::command().disable_help_subcommand(true);
    clap_mangen::generate_to(command, directory).map_err(Failure::io("write the pages in", directory))?;
    let pages = std::fs::read_dir(directory).map_err(Failure::io("list", directory))?.count();
    output.result(&ManualJson { directory }, || {});
    output.say(&format!("wrote {} to {directory}", count(pages, "page")));
    Ok(Outcome::Done)
}
