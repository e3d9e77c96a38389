use apt_bundle::{Bundle, Manifest};
use repo_config::bundle::BundleSettings;
use serde::Serialize;

use super::opened::BundleFile;
use super::{BundledRepositoryJson, states_in_words};
use crate::clock;
use crate::error::{Failure, Outcome};
use crate::json_value::{JsonDocument, Time};
use crate::output::{Column, Output, RowLimit, bytes, count};

#[derive(Clone, Debug, clap::Args)]
pub(super) struct InspectArguments {
    #[command(flatten)]
    bundle: BundleFile,
}

/// The document of `bundle inspect` and `bundle verify`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct BundleJson {
    /// How many bytes the files have that the bundle carries
    bytes: u64,
    /// How many files the bundle carries
    carried: usize,
    /// When it was made
    made: Time,
    /// The repositories
    repositories: Vec<BundledRepositoryJson>,
    /// The fingerprints of the keys that signed it and are in the keyring
    signers: Vec<String>,
    /// The site that it is for; null for any
    site: Option<String>,
    /// Whether every file was compared with the manifest
    verified: bool,
}

impl JsonDocument for BundleJson {}

/// Prints what the manifest of a bundle says.
pub(super) fn inspect(
    arguments: &InspectArguments,
    settings: &BundleSettings,
    output: &Output,
) -> Result<Outcome, Failure> {
    let now = clock::now();
    let (manifest, signers) = arguments.bundle.read(settings, now, output.watch(), |input, keyring| {
        let bundle = Bundle::open(input, keyring, now.into())?;
        Ok((bundle.manifest().clone(), signers(&bundle)))
    })?;
    print(&manifest, signers, false, output);
    Ok(Outcome::Done)
}

/// Reads all of a bundle.
pub(super) fn verify(
    arguments: &InspectArguments,
    settings: &BundleSettings,
    output: &Output,
) -> Result<Outcome, Failure> {
    let now = clock::now();
    let (manifest, signers) = arguments.bundle.read(settings, now, output.watch(), |input, keyring| {
        let bundle = Bundle::open(input, keyring, now.into())?;
        let signers = signers(&bundle);
        Ok((bundle.finish()?, signers))
    })?;
    print(&manifest, signers, true, output);
    let (number, size) = (manifest.members().len(), bytes(manifest.carried_bytes()));
    output.say(&format!("verified {} ({size}): {}", count(number, "file"), states_in_words(&manifest)));
    Ok(Outcome::Done)
}

fn signers<R: std::io::Read>(bundle: &Bundle<R>) -> Vec<String> {
    bundle.signers().iter().map(|signer| signer.certificate.to_string()).collect()
}

fn print(manifest: &Manifest, signers: Vec<String>, verified: bool, output: &Output) {
    let document = BundleJson {
        bytes: manifest.carried_bytes(),
        carried: manifest.members().len(),
        made: Time(manifest.made()),
        repositories: BundledRepositoryJson::all(manifest),
        site: manifest.site().map(ToString::to_string),
        signers,
        verified,
    };
    output.result(&document, || {
        output.line(&format!("made:    {}", clock::minute(manifest.made())));
        output.line(&format!("site:    {}", document.site.as_deref().unwrap_or("any")));
        output.line(&format!("signed:  {}", document.signers.join(", ")));
        output.line(&format!("carries: {} ({})", count(document.carried, "file"), bytes(document.bytes)));
        let head = [
            Column::whole("REPOSITORY"),
            Column::whole("COMMIT"),
            Column::whole("PUBLICATION"),
            Column::whole("SINCE"),
            Column::whole("FILES"),
        ];
        let rows: Vec<[String; 5]> = manifest
            .repositories()
            .iter()
            .map(|state| {
                let since = state.since.map_or_else(|| "-".to_owned(), |since| since.to_string());
                let (name, commit) = (state.name.to_string(), state.commit.to_string());
                [name, commit, state.publication.to_string(), since, state.files.len().to_string()]
            })
            .collect();
        output.table(&head, &rows, RowLimit::NONE);
    });
}
