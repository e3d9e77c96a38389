//! Indices that some repository of the store has published already.
//!
//! Most of what a repository publishes first another one has published before it: what was tested is promoted. Compressing it again
//! takes longer than everything else.

use deb_parse::checksum::Blake3;

use super::publication::{MadeFrom, Publication, PublishedIndex};
use crate::model::name::RepositoryName;
use crate::model::publication_id::PublicationId;
use crate::store::Store;

/// The number of publications whose records are read to find an index, the current ones first, then the newest.
const MOST_LOOKED_AT: usize = 256;

/// An index of a publication.
pub(super) struct Equal {
    /// The repository that published it.
    pub(super) repository: RepositoryName,
    pub(super) index: PublishedIndex,
}

/// Looks for indices that were made from the same, in all repositories of the store. What cannot be read there is passed over.
pub(super) fn find(store: &Store, wanted: &[MadeFrom]) -> Vec<Option<Equal>> {
    let mut found: Vec<Option<Equal>> = wanted.iter().map(|_| None).collect();
    for (repository, id) in publications(store) {
        let mut open: Vec<_> = found.iter_mut().zip(wanted).filter(|(equal, _)| equal.is_none()).collect();
        if open.is_empty() {
            break;
        }
        let Ok(Some(text)) = store.storage().objects().get(&Publication::key(&repository, id)) else {
            continue;
        };
        // Most records name none of them, and need not be read as a whole.
        let names = |digest: Blake3| memchr::memmem::find(&text, digest.to_string().as_bytes()).is_some();
        if !open.iter().any(|(_, wanted)| wanted.digests().any(names)) {
            continue;
        }
        let Some(publication) = Publication::parse(&text).filter(|publication| publication.id == id) else {
            continue;
        };
        for index in publication.suites.values().flat_map(|suite| suite.indices.values()) {
            let Some(made_from) = index.made_from.filter(|_| index.layout.is_provable()) else { continue };
            for (equal, wanted) in &mut open {
                if equal.is_none()
                    && wanted.digests().any(|digest| made_from.digests().any(|own| own == digest))
                {
                    let index = PublishedIndex { diff: None, ..index.clone() };
                    **equal = Some(Equal { repository: repository.clone(), index });
                }
            }
        }
    }
    found
}

/// The publications of all repositories: the newest of each, then the others from the newest on.
fn publications(store: &Store) -> Vec<(RepositoryName, PublicationId)> {
    let (mut newest, mut others) = (Vec::new(), Vec::new());
    for repository in store.repositories().unwrap_or_default() {
        let mut ids = Publication::recorded(store, &repository).unwrap_or_default();
        newest.extend(ids.pop_last().map(|id| (repository.clone(), id)));
        others.extend(ids.into_iter().map(|id| (repository.clone(), id)));
    }
    others.sort_unstable_by(|(_, first), (_, second)| second.cmp(first));
    newest.extend(others);
    newest.truncate(MOST_LOOKED_AT);
    newest
}
