//! `bundle`: published repositories as files, for sites without network.

pub(crate) mod apply;
pub(crate) mod create;
pub(crate) mod failure;
pub(crate) mod inspect;
mod opened;
mod watched;

use apt_bundle::{Manifest, PublicationTime, RepositoryState};
use repo_store::model::PublicationId;
use serde::Serialize;

use self::opened::BundleFile;
use crate::args::Global;
use crate::error::{Failure, Outcome};
use crate::json_value::Text;
use crate::output::Output;
use crate::session::Session;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct BundleArguments {
    #[command(subcommand)]
    command: BundleCommand,
}

#[derive(Clone, Debug, clap::Subcommand)]
enum BundleCommand {
    /// Write what changed in published repositories to one file, signed by the keys of the first one
    ///
    /// A bundle holds the signed indices of a publication, and the packages that the site lacks. The site has the state that --since names, or
    /// the one in the receipt that it sent; without both, the bundle carries everything. The file is encrypted to the keys that --to names.
    Create(create::CreateArguments),
    /// Show what a bundle leads to, and who signed it; the files in it are not read
    Inspect(inspect::InspectArguments),
    /// Read a bundle to its end and compare every file in it with the signed manifest
    Verify(inspect::InspectArguments),
    /// Apply a bundle to a directory that apt reads: all of it, or nothing
    ///
    /// Every byte is compared with the manifest, and the manifest with the keyring, before anything in the directory changes; then one rename shows
    /// clients the new state. A bundle that is out of order, older than what is there, or for another site is refused. Neither repo.toml nor a
    /// store is needed; where there is a repo.toml, its `[bundle]` says what this site is called and whose bundles it takes.
    Apply(apply::ApplyArguments),
    /// Show clients of a directory the state before the last bundle again
    Undo(apply::UndoArguments),
    /// Print which state a directory has, to be carried back for `create --receipt`
    Receipt(apply::ReceiptArguments),
}

pub(crate) fn run(
    arguments: &BundleArguments,
    global: &Global,
    session: &dyn Fn() -> Result<Session, Failure>,
    output: &Output,
) -> Result<Outcome, Failure> {
    let settings = || BundleFile::settings(global);
    match &arguments.command {
        BundleCommand::Create(arguments) => create::run(arguments, &session()?, output),
        BundleCommand::Inspect(arguments) => inspect::inspect(arguments, &settings()?, output),
        BundleCommand::Verify(arguments) => inspect::verify(arguments, &settings()?, output),
        BundleCommand::Apply(arguments) => apply::apply(arguments, &settings()?, output),
        BundleCommand::Undo(arguments) => apply::undo(arguments, output),
        BundleCommand::Receipt(arguments) => apply::receipt(arguments, output),
    }
}

/// A repository in a bundle or a tree.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct BundledRepositoryJson {
    /// The number of the state
    commit: u64,
    /// How many files the publication has
    files: usize,
    /// The name of the repository
    name: String,
    /// The publication
    publication: Text<PublicationId>,
    /// The publication that the site must have; null when the bundle carries everything
    since: Option<Text<PublicationId>>,
}

impl BundledRepositoryJson {
    fn all(manifest: &Manifest) -> Vec<Self> {
        let of = |state: &RepositoryState| Self {
            commit: state.commit,
            files: state.files.len(),
            name: state.name.to_string(),
            publication: id_of(state.publication),
            since: state.since.map(id_of),
        };
        manifest.repositories().iter().map(of).collect()
    }
}

/// Returns the id of a publication as other verbs print it.
fn id_of(publication: PublicationTime) -> Text<PublicationId> {
    Text(PublicationId::of_time(publication.timestamp()))
}

/// Returns what a manifest leads to, in words: `prod 42 (20261129T014000Z)`.
fn states_in_words(manifest: &Manifest) -> String {
    let state = |state: &RepositoryState| format!("{} {} ({})", state.name, state.commit, state.publication);
    manifest.repositories().iter().map(state).collect::<Vec<_>>().join(", ")
}
