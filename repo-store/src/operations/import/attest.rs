//! Files that say how packages were built and are given with them: statements, and records of builds.

use std::collections::BTreeSet;
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use deb_parse::Limits;
use deb_parse::checksum::Sha256;
use deb_parse::control::Buildinfo;

use super::intake::stage_unless_present;
use super::listed::{List, read_text};
use super::{Candidate, Request};
use crate::error::Error;
use crate::model::attestation::Attestation;
use crate::model::record::{MOST_PROVENANCE, Provenance, Record};
use crate::store::Store;

/// A file that was read.
struct Given<'a> {
    path: &'a Utf8Path,
    bytes: Vec<u8>,
    /// The digests of the files that it tells of.
    subjects: BTreeSet<Sha256>,
    content: Content,
}

enum Content {
    Buildinfo(Box<Buildinfo>),
    Attestation(Attestation),
}

/// Keeps each file with the packages that it names by their SHA-256; it must name one at least, if the candidates are all that was given:
/// otherwise it may be about one that was refused.
///
/// # Errors
/// [`ImportError::InconsistentUpload`](crate::error::ImportError::InconsistentUpload) when a file is no such file, or names none of the packages.
pub(super) fn attest<'a>(
    store: &'a Store,
    files: &[Utf8PathBuf],
    (candidates, are_all): (&mut [(usize, Candidate<'a>)], bool),
    request: &Request<'_>,
) -> Result<(), Error> {
    for path in files {
        let list = List { path, origin: request.origin };
        let given = read(list, request)?;
        let mut is_about_any = false;
        for (_, candidate) in candidates.iter_mut() {
            if !candidate.record.sha256().is_some_and(|digest| given.subjects.contains(&digest)) {
                continue;
            }
            is_about_any = true;
            let provenance = given.provenance_of(&candidate.record);
            let provenance = provenance.ok_or_else(|| list.misfit("it cannot be kept under its name"))?;
            if request.keeps {
                // Each has a copy of its own: one of them may be refused.
                let copy = stage_unless_present(store, given.path, &given.bytes, provenance.blob)?;
                candidate.stage(copy.map(|copy| (Store::blob_key(provenance.blob), copy)));
            }
            let kept = candidate.record.provenance()?;
            if kept.len() >= MOST_PROVENANCE && !kept.contains(&provenance) {
                let what = format!(
                    "{} has {MOST_PROVENANCE} such files already, which is the most",
                    candidate.record.key()
                );
                return Err(list.misfit(what));
            }
            let told = candidate.record.with_provenance(&[provenance]);
            if let Some(told) = candidate.record.with_provenance_of(&told)? {
                candidate.record = Arc::new(told);
            }
        }
        if !is_about_any && are_all {
            return Err(list.misfit("it names none of the packages that are given by its SHA-256"));
        }
    }
    Ok(())
}

fn read<'a>(list: List<'a>, request: &Request<'_>) -> Result<Given<'a>, Error> {
    let path = list.path;
    let bytes = read_text(path, request.origin)?;
    let (subjects, content) = if path.extension() == Some("buildinfo") {
        let info = Buildinfo::parse(&bytes, &Limits::default()).map_err(|source| list.error(source))?;
        let subjects = info.files().iter().filter_map(|file| file.sha256).collect();
        (subjects, Content::Buildinfo(Box::new(info)))
    } else {
        let attestation = Attestation::parse(&bytes).map_err(|fault| list.misfit(fault.to_string()))?;
        (attestation.subjects.clone(), Content::Attestation(attestation))
    };
    Ok(Given { path, bytes, subjects, content })
}

impl Given<'_> {
    fn provenance_of(&self, record: &Record) -> Option<Provenance> {
        match &self.content {
            Content::Buildinfo(info) => Provenance::of_buildinfo(&self.bytes, info),
            Content::Attestation(attestation) => {
                let (source, version) = record.source();
                Provenance::of_attestation(&self.bytes, attestation, (&source, &version))
            }
        }
    }
}
