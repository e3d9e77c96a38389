use std::collections::BTreeSet;
use std::sync::Arc;

use deb_parse::{PackageName, deb822};

use crate::model::chunk::Chunk;
use crate::model::id::{ChunkId, PageId, SnapshotId};
use crate::model::objects::Objects;
use crate::model::record::Record;
use crate::model::run::Run;
use crate::model::{page, run};
use crate::storage::StorageError;

/// The whole content of one suite at one moment: a sorted list of pages, each of which lists chunks.
///
/// The same content always makes the same snapshot with the same id, however it came about. As text:
///
/// ```text
/// Records: 1450
/// Pages:
///  <page id> <number of records> <package> <version> <architecture of the first record>
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    pages: Vec<Run<PageId>>,
}

impl Snapshot {
    pub(crate) fn from_pages(pages: Vec<Run<PageId>>) -> Self {
        Self { pages }
    }

    pub(crate) fn pages(&self) -> &[Run<PageId>] {
        &self.pages
    }

    /// How many records it holds.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.pages.iter().map(|page| page.records).sum()
    }

    pub(crate) fn to_text(&self) -> String {
        let mut text = format!("Records: {}\n", self.records());
        if !self.pages.is_empty() {
            text.push_str(&run::write("Pages", &self.pages));
        }
        text
    }

    pub(crate) fn write(&self, objects: &Objects<'_>) -> Result<SnapshotId, StorageError> {
        let text = self.to_text();
        let id = SnapshotId::of(text.as_bytes());
        objects.write(&id, text.as_bytes())?;
        Ok(id)
    }

    pub(crate) fn read(objects: &Objects<'_>, id: SnapshotId) -> Result<Self, StorageError> {
        Self::parse(&objects.read(&id)?).ok_or_else(|| malformed(id))
    }

    /// The ids of the pages of a snapshot.
    pub(crate) fn page_ids(objects: &Objects<'_>, id: SnapshotId) -> Result<Vec<PageId>, StorageError> {
        run::ids(&objects.read(&id)?).ok_or_else(|| malformed(id))
    }

    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        let paragraph = deb822::paragraphs(text).next()?;
        let snapshot = Self { pages: run::parse(paragraph.get_str("Pages").unwrap_or_default())? };
        // Pages that some other program calls otherwise are not to pass for none.
        let records: u64 = paragraph.get_str("Records")?.parse().ok()?;
        (snapshot.records() == records).then_some(snapshot)
    }

    /// Every chunk, in order. Pages are read as they are needed.
    pub(crate) fn chunks<'a>(
        &'a self,
        objects: Objects<'a>,
    ) -> impl Iterator<Item = Result<ChunkId, StorageError>> + 'a {
        self.pages.iter().flat_map(move |reference| match page::read(&objects, reference.id) {
            Ok(chunks) => chunks.into_iter().map(|chunk| Ok(chunk.id)).collect::<Vec<_>>(),
            Err(error) => vec![Err(error)],
        })
    }

    /// Every record, in order. Pages and chunks are read as they are needed.
    pub(crate) fn iterate<'a>(
        &'a self,
        objects: Objects<'a>,
    ) -> impl Iterator<Item = Result<Arc<Record>, StorageError>> + 'a {
        self.chunks(objects).flat_map(move |id| match id.and_then(|id| Chunk::read(&objects, id)) {
            Ok(chunk) => chunk.records().collect::<Vec<_>>(),
            Err(error) => vec![Err(error)],
        })
    }

    /// Every version and architecture of all these packages, in order. Each chunk is read once.
    pub(crate) fn versions_of_all(
        &self,
        objects: &Objects<'_>,
        packages: &BTreeSet<PackageName>,
    ) -> Result<Vec<Arc<Record>>, StorageError> {
        let mut found = Vec::new();
        for (page, end) in run::with_any(&self.pages, None, packages) {
            let chunks = page::read(objects, page.id)?;
            for (chunk, _) in run::with_any(&chunks, end, packages) {
                for record in Chunk::read(objects, chunk.id)?.records() {
                    let record = record?;
                    if packages.contains(&record.key().package) {
                        found.push(record);
                    }
                }
            }
        }
        Ok(found)
    }
}

fn malformed(id: SnapshotId) -> StorageError {
    StorageError::damaged(SnapshotId::KIND, &id, "it is malformed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_records_that_cannot_be_added_up_are_malformed() {
        let id = "ab".repeat(32);
        let snapshot = |one: u64, other: u64, sum: u64| {
            let text = format!("Records: {sum}\nPages:\n {id} {one} aa 1 amd64\n {id} {other} bb 1 amd64\n");
            Snapshot::parse(text.as_bytes())
        };
        assert_eq!(snapshot(1, 2, 3).unwrap().records(), 3);
        assert_eq!(snapshot(u64::MAX, 2, 1), None);
    }
}
