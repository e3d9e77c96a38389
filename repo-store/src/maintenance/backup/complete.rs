//! Whether a backup holds everything that a reference leads to.

use std::collections::HashSet;

use camino::Utf8PathBuf;

use crate::error::Error;
use crate::model::chunk::Chunk;
use crate::model::commit::Commit;
use crate::model::hold::Holds;
use crate::model::id::CommitId;
use crate::model::objects::AREA;
use crate::model::page;
use crate::model::snapshot::Snapshot;
use crate::storage::Key;
use crate::store::Store;

/// The files, from the root, that these commits lead to, each as far back as the given number, and `store` does not have or cannot read.
pub(super) fn missing(
    store: &Store,
    heads: impl IntoIterator<Item = (CommitId, Option<u64>)>,
) -> Result<Vec<Utf8PathBuf>, Error> {
    let objects = store.objects();
    let mut seen = HashSet::new();
    let mut missing = Vec::new();
    let mut lack = |key: Key| missing.push(Utf8PathBuf::from(format!("store/{key}")));
    for (head, oldest) in heads {
        let mut next = Some(head);
        while let Some(id) = next {
            if !seen.insert(id.0) {
                break;
            }
            let Ok(commit) = Commit::read(&objects, id) else {
                lack(Key::object(AREA, &id));
                break;
            };
            if let Some(id) = commit.holds.filter(|id| seen.insert(id.0))
                && Holds::read(&objects, Some(id)).is_err()
            {
                lack(Key::object(AREA, &id));
            }
            for id in commit.suites.values() {
                if !seen.insert(id.0) {
                    continue;
                }
                let Ok(snapshot) = Snapshot::read(&objects, *id) else {
                    lack(Key::object(AREA, id));
                    continue;
                };
                let mut chunks = Vec::new();
                for id in snapshot.pages().iter().map(|page| page.id).filter(|id| seen.insert(id.0)) {
                    match page::chunk_ids(&objects, id) {
                        Ok(listed) => chunks.extend(listed),
                        Err(_) => lack(Key::object(AREA, &id)),
                    }
                }
                for id in chunks {
                    if !seen.insert(id.0) {
                        continue;
                    }
                    let records = Chunk::read(&objects, id).and_then(|chunk| chunk.records().collect());
                    let Ok::<Vec<_>, _>(records) = records else {
                        lack(Key::object(AREA, &id));
                        continue;
                    };
                    for record in &records {
                        for blob in record.kept_files()?.iter().map(|file| file.blob) {
                            let key = Store::blob_key(blob);
                            if seen.insert(blob.0) && !store.storage().objects().contains(&key)? {
                                lack(key);
                            }
                        }
                    }
                }
            }
            next = commit.parent.filter(|_| oldest.is_none_or(|oldest| commit.sequence > oldest));
        }
    }
    Ok(missing)
}
