//! Pages that were rendered, as long as clients see what they show.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Mutex, PoisonError};

use repo_pages::Place;
use repo_serve::renderer::Document;
use repo_store::RepositoryName;
use repo_store::model::PublicationId;

/// The most that is kept, in bytes.
const MOST: usize = 16 << 20;

/// What a page depends on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) place: Place,
    /// The package behind which a list begins.
    pub(super) after: Option<String>,
    pub(super) readable: BTreeSet<String>,
    pub(super) may_log_in: bool,
    pub(super) publications: BTreeMap<RepositoryName, PublicationId>,
}

/// The pages rendered last.
#[derive(Default)]
pub(super) struct Cache(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    documents: BTreeMap<Key, Document>,
    /// In the order in which they came.
    order: VecDeque<Key>,
    bytes: usize,
}

impl Cache {
    pub(super) fn get(&self, key: &Key) -> Option<Document> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).documents.get(key).cloned()
    }

    /// Keeps a page, in place of those that came first.
    pub(super) fn put(&self, key: Key, document: Document) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.documents.contains_key(&key) {
            return;
        }
        kept.bytes += document.length();
        kept.order.push_back(key.clone());
        kept.documents.insert(key, document);
        while kept.bytes > MOST
            && let Some(first) = kept.order.pop_front()
        {
            if let Some(document) = kept.documents.remove(&first) {
                kept.bytes -= document.length();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> Key {
        Key {
            place: Place::Repository(name.to_owned()),
            after: None,
            readable: BTreeSet::new(),
            may_log_in: false,
            publications: BTreeMap::new(),
        }
    }

    #[test]
    fn what_came_first_goes_first() {
        let cache = Cache::default();
        let document = |size| Document::new("text/plain", "", "x".repeat(size));
        for name in ["a", "b", "b", "c"] {
            cache.put(key(name), document(MOST / 3));
        }
        assert!(["a", "b", "c"].iter().all(|name| cache.get(&key(name)).is_some()));
        cache.put(key("d"), document(MOST / 3));
        assert!(cache.get(&key("a")).is_none() && cache.get(&key("d")).is_some());
        // One that is larger than all is not kept, and neither is anything that came before it.
        cache.put(key("e"), document(MOST + 1));
        let kept = cache.0.lock().unwrap();
        assert_eq!((kept.bytes, kept.documents.len(), kept.order.len()), (0, 0, 0));
    }
}
