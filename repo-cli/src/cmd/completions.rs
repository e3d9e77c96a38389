//! Completions for shells.

use clap::CommandFactory as _;
use clap_complete::Shell;
use serde::Serialize;

use crate::args::Arguments;
use crate::error::{Failure, Outcome};
use crate::json_value::JsonDocument;
use crate::output::Output;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct CompletionsArguments {
    /// The shell
    shell: Shell,
}

/// The document of `completions`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct CompletionsJson<'a> {
    /// The script for the shell
    completions: &'a str,
}

impl JsonDocument for CompletionsJson<'_> {}

pub(crate) fn run(arguments: &CompletionsArguments, output: &Output) -> Result<Outcome, Failure> {
    let mut text = Vec::new();
    clap_complete::generate(arguments.shell, &mut Arguments::command(), "repo-cli", &mut text);
    let text = String::from_utf8_lossy(&text);
    output.result(&CompletionsJson { completions: &text }, || output.bytes(text.as_bytes()));
    Ok(Outcome::Done)
}
