//! Bundles in directories that apt reads.

use std::os::unix::fs::PermissionsExt as _;

use apt_bundle::Bundle;
use apt_bundle::tree::{Tree, TreeError};
use apt_bundle::{Manifest, Name};
use camino::{Utf8Path, Utf8PathBuf};
use deb_parse::SuiteName;
use repo_config::bundle::BundleSettings;
use repo_store::model::PublicationId;
use serde::Serialize;

use super::failure::BundleFailure;
use super::opened::BundleFile;
use super::{BundledRepositoryJson, id_of, states_in_words};
use crate::clock;
use crate::error::{Failure, Outcome};
use crate::json_value::{JsonDocument, Text};
use crate::output::{Output, bytes, count};

#[derive(Clone, Debug, clap::Args)]
pub(super) struct ApplyArguments {
    #[command(flatten)]
    bundle: BundleFile,
    /// The directory that apt reads by `file:` or a web server; made when it does not exist
    #[arg(long, value_name = "DIR")]
    tree: Utf8PathBuf,
    /// The name of this site; needed for the first bundle that is made for one site [default: `site` of `[bundle]` in repo.toml, or the name that the directory has]
    #[arg(long, value_name = "NAME", value_parser = site)]
    site: Option<Name>,
    /// Read and compare all of the bundle, and change nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Clone, Debug, clap::Args)]
pub(super) struct UndoArguments {
    /// The directory
    #[arg(long, value_name = "DIR")]
    tree: Utf8PathBuf,
    /// Show which state clients would see, and change nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Clone, Debug, clap::Args)]
pub(super) struct ReceiptArguments {
    /// The directory
    #[arg(long, value_name = "DIR")]
    tree: Utf8PathBuf,
}

pub(super) fn site(text: &str) -> Result<Name, String> {
    Name::parse(text).map_err(|error| error.rule.to_owned())
}

/// The document of `bundle apply`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct AppliedJson<'a> {
    /// How many bytes the files have that the bundle brings
    bytes: u64,
    /// Whether nothing was changed because of `--dry-run`
    dry_run: bool,
    /// How many files the bundle brings
    received: usize,
    /// How many files of older states were removed
    removed: usize,
    /// The repositories that clients see now
    repositories: Vec<BundledRepositoryJson>,
    /// The directory
    #[cfg_attr(test, schemars(with = "String"))]
    tree: &'a Utf8Path,
}

impl JsonDocument for AppliedJson<'_> {}

/// The document of `bundle undo`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct UndoneTreeJson<'a> {
    /// Whether nothing was changed because of `--dry-run`
    dry_run: bool,
    /// The repositories that clients see now
    repositories: Vec<BundledRepositoryJson>,
    /// The directory
    #[cfg_attr(test, schemars(with = "String"))]
    tree: &'a Utf8Path,
}

impl JsonDocument for UndoneTreeJson<'_> {}

/// The document of `bundle receipt`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ReceiptJson {
    /// The repositories that the directory has
    repositories: Vec<ReceivedJson>,
    /// The name of the site; null when it has none
    site: Option<String>,
}

impl JsonDocument for ReceiptJson {}

/// A repository that a directory has.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct ReceivedJson {
    /// The name of the repository
    name: String,
    /// The publication
    publication: Text<PublicationId>,
    /// The suites
    suites: Vec<Text<SuiteName>>,
}

pub(super) fn apply(
    arguments: &ApplyArguments,
    settings: &BundleSettings,
    output: &Output,
) -> Result<Outcome, Failure> {
    let (tree, now) = (Tree::new(&arguments.tree), clock::now());
    let configured =
        settings.site.as_deref().map(Name::parse).transpose().map_err(BundleFailure::Manifest)?;
    let site = arguments.site.as_ref().or(configured.as_ref());
    let (manifest, received, removed) =
        arguments.bundle.read(settings, now, output.watch(), |input, keyring| {
            if arguments.dry_run {
                let bundle = Bundle::open(input, keyring, now.into())?;
                tree.check(bundle.manifest(), site)?;
                let manifest = bundle.finish()?;
                let received = manifest.members().len();
                return Ok((manifest, received, 0));
            }
            let applied = tree.apply(input, keyring, site, now.into())?;
            Ok((applied.manifest, applied.received, applied.removed))
        })?;
    let size = manifest.carried_bytes();
    let document = AppliedJson {
        bytes: size,
        dry_run: arguments.dry_run,
        received,
        removed,
        repositories: BundledRepositoryJson::all(&manifest),
        tree: &arguments.tree,
    };
    output.result(&document, || {});
    let verb = if arguments.dry_run { "would apply" } else { "applied" };
    let states = states_in_words(&manifest);
    output.say(&format!("{verb} {states}: {} ({})", count(received, "file"), bytes(size)));
    if !arguments.dry_run {
        warn_of_mode(&arguments.tree, output);
        say_sources(&manifest, &arguments.tree, output);
    }
    Ok(Outcome::Done)
}

/// Warns when others cannot read the directory itself, whose mode is left as it is.
fn warn_of_mode(tree: &Utf8Path, output: &Output) {
    let Ok(found) = tree.metadata() else { return };
    let mode = found.permissions().mode() & 0o7777;
    if mode & 0o005 != 0o005 {
        output.warn(
            "W-BUNDLE-MODE",
            format!("{tree} has mode {mode:04o}: apt reads it as user _apt, and a web server as another (chmod a+rx {tree})"),
        );
    }
}

/// Says what a client needs to read the tree on this machine.
fn say_sources(manifest: &Manifest, tree: &Utf8Path, output: &Output) {
    let tree = tree.canonicalize_utf8().unwrap_or_else(|_| tree.to_owned());
    for repository in manifest.repositories() {
        let root = tree.join(repository.name.as_str());
        let has_key = repository.files.iter().any(|file| file.path.as_str() == "key.gpg");
        let key = if has_key { format!("[signed-by={root}/key.gpg] ") } else { String::new() };
        output.say(&format!("apt on this machine: deb {key}file:{root} SUITE COMPONENT"));
    }
}

pub(super) fn undo(arguments: &UndoArguments, output: &Output) -> Result<Outcome, Failure> {
    let tree = Tree::new(&arguments.tree);
    let state = if arguments.dry_run { tree.previous() } else { tree.undo() };
    let manifest = state.map_err(BundleFailure::Tree)?;
    let document = UndoneTreeJson {
        dry_run: arguments.dry_run,
        repositories: BundledRepositoryJson::all(&manifest),
        tree: &arguments.tree,
    };
    output.result(&document, || {});
    let verb = if arguments.dry_run { "clients would see" } else { "clients see" };
    output.say(&format!("{verb} {} again", states_in_words(&manifest)));
    Ok(Outcome::Done)
}

pub(super) fn receipt(arguments: &ReceiptArguments, output: &Output) -> Result<Outcome, Failure> {
    let receipt = Tree::new(&arguments.tree).receipt().map_err(BundleFailure::Tree)?;
    let nothing = || BundleFailure::Tree(TreeError::NothingApplied { root: arguments.tree.clone() });
    let receipt = receipt.ok_or_else(nothing)?;
    let received = receipt.repositories.iter().map(|had| ReceivedJson {
        name: had.name.to_string(),
        publication: id_of(had.publication),
        suites: had.suites.iter().cloned().map(Text).collect(),
    });
    let document = ReceiptJson {
        repositories: received.collect(),
        site: receipt.site.as_ref().map(ToString::to_string),
    };
    output.result(&document, || output.bytes(receipt.to_text().as_bytes()));
    Ok(Outcome::Done)
}
