use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};

use apt_bundle::parts::PartWriter;
use apt_bundle::receipt::{MAX_RECEIPT, Receipt};
use apt_bundle::{
    LinkedName, ListedFile, Manifest, Member, Name, PublicationTime, RepositoryState, write_bundle,
};
use apt_sign::Keyring;
use apt_sign::encryption::{EncryptionError, Recipients};
use camino::Utf8PathBuf;
use repo_store::RepositoryName;
use repo_store::model::PublicationId;
use repo_store::progress::Amount;
use repo_store::publish::{PublicationOf, PublishedFiles, TreeFile};
use serde::Serialize;

use super::failure::BundleFailure;
use super::watched::{Counted, watched};
use super::{BundledRepositoryJson, states_in_words};
use crate::error::{Failure, Outcome};
use crate::json_value::JsonDocument;
use crate::output::{Output, bytes, count};
use crate::published_archive::read_keyrings;
use crate::revision_spec::RevisionSpec;
use crate::session::Session;

#[derive(Clone, Debug, clap::Args)]
pub(super) struct CreateArguments {
    /// What the bundle leads to: repositories, each with a suite and a state if not all or the present one is meant, such as prod/bookworm@release-42
    #[arg(value_name = "REPOSITORY[/SUITE][@REVISION]", required = true)]
    states: Vec<RevisionSpec>,
    /// The state that the site has, by number, tag or time
    #[arg(long, value_name = "REVISION", conflicts_with = "receipt")]
    since: Option<String>,
    /// What `bundle receipt` printed at the site
    #[arg(long, value_name = "FILE")]
    receipt: Option<Utf8PathBuf>,
    /// The site that the bundle is for; no other one takes it [default: the one of the receipt, or any]
    #[arg(long, value_name = "NAME", value_parser = super::apply::site)]
    site: Option<Name>,
    /// The public keys of those who may read the bundle; may be given several times
    #[arg(long = "to", value_name = "FILE", required_unless_present = "plain")]
    recipients: Vec<Utf8PathBuf>,
    /// Do not encrypt the bundle
    #[arg(long, conflicts_with = "recipients")]
    plain: bool,
    /// Write pieces of at most this size, such as 4000M: FILE.001, FILE.002 and so on
    #[arg(long, value_name = "SIZE", value_parser = size)]
    split: Option<u64>,
    /// The file to write
    #[arg(long, short, value_name = "FILE")]
    output: Utf8PathBuf,
}

/// Reads a size such as `4G` or `700 MiB`; units are powers of 1024.
fn size(text: &str) -> Result<u64, String> {
    let refused = || format!("invalid size `{}`; use for example 4000M or 4 GiB", text.escape_debug());
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let unit: u64 = match unit.trim().trim_end_matches("iB") {
        "K" => 1 << 10,
        "M" => 1 << 20,
        "G" => 1 << 30,
        _ => return Err(refused()),
    };
    let bytes = number.parse::<u64>().ok().and_then(|number| number.checked_mul(unit));
    bytes.filter(|bytes| *bytes > 0).ok_or_else(refused)
}

/// The document of `bundle create`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct CreatedBundleJson {
    /// How many bytes the files have that the bundle carries
    bytes: u64,
    /// How many files the bundle carries
    carried: usize,
    /// The files that were written, in order
    files: Vec<String>,
    /// The repositories
    repositories: Vec<BundledRepositoryJson>,
    /// The site that it is for; null for any
    site: Option<String>,
}

impl JsonDocument for CreatedBundleJson {}

/// Where the files of a bundle lie in the store, by their digests.
type Sources = BTreeMap<[u8; 32], (RepositoryName, TreeFile)>;

pub(super) fn run(
    arguments: &CreateArguments,
    session: &Session,
    output: &Output,
) -> Result<Outcome, Failure> {
    let now = session.context().now;
    let recipients = read_keyrings(&arguments.recipients)?.map(|keyring: Keyring| {
        Recipients::new(keyring.certificates().to_vec(), now.into()).map_err(BundleFailure::Encrypt)
    });
    let recipients = recipients.transpose()?;
    let receipt = arguments.receipt.as_ref().map(read_receipt).transpose()?;
    let site = site_of(arguments.site.as_ref(), receipt.as_ref())?;
    let (mut states, mut sources) = (Vec::new(), Sources::new());
    for spec in &arguments.states {
        states.push(state(spec, arguments.since.as_deref(), receipt.as_ref(), session, &mut sources)?);
    }
    if states.iter().all(|state| state.since == Some(state.publication)) {
        return Err(BundleFailure::Nothing.into());
    }
    let had = receipt.iter().flat_map(|receipt| &receipt.repositories);
    if let Some(left) = had.map(|had| &had.name).find(|name| !states.iter().any(|state| state.name == **name))
    {
        return Err(BundleFailure::LeftOut { repository: left.clone() }.into());
    }
    carry_all_names(&mut states);
    let manifest = Manifest::new(site, now, states).map_err(BundleFailure::Manifest)?;
    let (first, _) = arguments.states.first().ok_or(Failure::Usage("name a repository"))?.resolve(session)?;
    let signed = session.sign_text(&first.name, manifest.to_text().as_bytes())?;

    let (carried, size) = (manifest.members().len(), manifest.carried_bytes());
    let watch = output.watch();
    let files = watched(watch, Amount { items: carried as u64, bytes: size }, || {
        let mut writer = PartWriter::new(&arguments.output, arguments.split);
        let mut open = |member: &Member<'_>| {
            let (repository, file) =
                sources.get(member.sha256.as_bytes()).ok_or(std::io::ErrorKind::NotFound)?;
            let file = session.store.open_published(repository, file)?;
            Ok(Box::new(Counted::new(file, watch)) as Box<dyn Read>)
        };
        let not_written = |source| Failure::io("write", &arguments.output)(source);
        let mut write = |output: &mut dyn Write| write_bundle(&manifest, signed.inline(), &mut open, output);
        let written = match &recipients {
            Some(recipients) => match recipients.encrypt(&mut writer, write) {
                Err(EncryptionError::Write { source }) => return Err(not_written(source)),
                encrypted => encrypted.map_err(BundleFailure::Encrypt)?,
            },
            None => write(&mut writer),
        };
        written.map_err(|error| match error {
            apt_bundle::Error::Write { source, .. } => not_written(source),
            error => BundleFailure::Write(error).into(),
        })?;
        writer.finish().map_err(Failure::io("write", &arguments.output))
    })?;

    let document = CreatedBundleJson {
        bytes: size,
        carried,
        files: files.iter().map(ToString::to_string).collect(),
        repositories: BundledRepositoryJson::all(&manifest),
        site: manifest.site().map(ToString::to_string),
    };
    output.result(&document, || files.iter().for_each(|file| output.line(file.as_str())));
    let what = states_in_words(&manifest);
    output.say(&format!(
        "wrote {what} with {} ({}) to {}",
        count(carried, "file"),
        bytes(size),
        arguments.output
    ));
    Ok(Outcome::Done)
}

fn read_receipt(path: &Utf8PathBuf) -> Result<Receipt, Failure> {
    let file = std::fs::File::open(path).map_err(Failure::io("open", path))?;
    let mut bytes = Vec::new();
    file.take(MAX_RECEIPT as u64 + 1).read_to_end(&mut bytes).map_err(Failure::io("read", path))?;
    let receipt = Receipt::parse(&bytes);
    Ok(receipt.map_err(|problem| BundleFailure::Receipt { file: path.clone(), problem })?)
}

/// Returns the site that the bundle is for. A name and a receipt that differ are a slip.
fn site_of(site: Option<&Name>, receipt: Option<&Receipt>) -> Result<Option<Name>, Failure> {
    let receipt = receipt.and_then(|receipt| receipt.site.as_ref());
    match (site, receipt) {
        (Some(site), Some(receipt)) if site != receipt => {
            let (site, receipt) = (site.clone(), receipt.clone());
            Err(BundleFailure::OtherReceipt { site, receipt }.into())
        }
        (site, receipt) => Ok(site.or(receipt).cloned()),
    }
}

/// Returns the state that a repository is led to, and notes where its files lie.
fn state(
    spec: &RevisionSpec,
    since: Option<&str>,
    receipt: Option<&Receipt>,
    session: &Session,
    sources: &mut Sources,
) -> Result<RepositoryState, Failure> {
    let (settings, revision) = spec.resolve(session)?;
    spec.check_suites(settings, revision.as_ref(), &[])?;
    let suites = if spec.names_a_suite() { spec.suites(settings, revision.as_ref()) } else { Vec::new() };
    let repository = &settings.name;
    let name = Name::parse(repository.as_str()).map_err(BundleFailure::Manifest)?;
    let which = match &revision {
        Some(revision) if spec.names_a_revision() => PublicationOf::Commit(revision.id()),
        _ => PublicationOf::Present,
    };
    let found = session.store.published_files(repository, which, &suites)?;
    let found = found.ok_or_else(|| BundleFailure::NotPublished { state: spec.text.clone() })?;
    let publication = publication_time(found.publication)?;

    let had = match (since, receipt) {
        (Some(since), _) => {
            let commit = session.resolve(repository, since)?.id();
            let had = session.store.published_files(repository, PublicationOf::Commit(commit), &suites)?;
            Some(had.ok_or_else(|| BundleFailure::NotPublished { state: format!("{repository}@{since}") })?)
        }
        (None, Some(receipt)) => had_by(receipt, &name, session, repository)?,
        (None, None) => None,
    };
    let had_files = had.iter().flat_map(|had| &had.files);
    // Packages count by their paths, all else by content: that is how a tree keeps them.
    let had_files: BTreeSet<(Option<&str>, [u8; 32])> = had_files.map(kept_as).collect();
    for file in &found.files {
        sources.entry(*file.sha256.as_bytes()).or_insert_with(|| (repository.clone(), file.clone()));
    }
    let files = found.files.iter().map(|file| ListedFile {
        path: file.path.clone(),
        size: file.size,
        sha256: file.sha256,
        carried: !had_files.contains(&kept_as(file)),
    });
    Ok(RepositoryState {
        name,
        commit: found.sequence,
        publication,
        since: had.as_ref().map(|had| publication_time(had.publication)).transpose()?,
        links: found
            .links
            .iter()
            .map(|(path, target)| LinkedName { path: path.clone(), target: target.clone() })
            .collect(),
        files: files.collect(),
    })
}

/// Returns by what a site knows that it has a file.
fn kept_as(file: &TreeFile) -> (Option<&str>, [u8; 32]) {
    let path = Some(file.path.as_str()).filter(|path| path.starts_with("pool/"));
    (path, *file.sha256.as_bytes())
}

/// Carries what any repository needs for all that list it: a content is carried or not.
fn carry_all_names(states: &mut [RepositoryState]) {
    let files = states.iter().flat_map(|state| &state.files).filter(|file| file.carried);
    let carried: BTreeSet<[u8; 32]> = files.map(|file| *file.sha256.as_bytes()).collect();
    for file in states.iter_mut().flat_map(|state| &mut state.files) {
        file.carried = carried.contains(file.sha256.as_bytes());
    }
}

/// Returns what a site has of a repository by its receipt; nothing when the receipt does not name it.
fn had_by(
    receipt: &Receipt,
    name: &Name,
    session: &Session,
    repository: &RepositoryName,
) -> Result<Option<PublishedFiles>, Failure> {
    let Some(had) = receipt.repositories.iter().find(|had| had.name == *name) else { return Ok(None) };
    let publication = had.publication;
    let forgotten = || BundleFailure::Forgotten { repository: name.clone(), publication };
    let id = PublicationId::parse(&publication.to_string()).ok_or_else(forgotten)?;
    let had = session.store.published_files(repository, PublicationOf::Id(id), &had.suites)?;
    Ok(Some(had.ok_or_else(forgotten)?))
}

fn publication_time(id: PublicationId) -> Result<PublicationTime, Failure> {
    Ok(PublicationTime::parse(&id.to_string()).map_err(BundleFailure::Manifest)?)
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes() {
        assert_eq!(size("4G"), Ok(4 << 30));
        assert_eq!(size("700 MiB"), Ok(700 << 20));
        for bad in ["", "4", "G", "0G", "-1G", "4T", "99999999999999999999K", "18446744073709551615G"] {
            assert!(size(bad).is_err(), "{bad}");
        }
    }
}
