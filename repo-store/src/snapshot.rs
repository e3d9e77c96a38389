use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;

use deb_parse::{PackageName, deb822};

use crate::objects::Objects;
use crate::{ChunkId, Error, Record, RecordKey, SnapshotId, chunk};

/// The whole content of one suite at one moment: a sorted list of chunks.
///
/// The same content always makes the same snapshot with the same id, however it came about. As text:
///
/// ```text
/// Records: 1450
/// Chunks:
///  <chunk id> <number of records> <package> <version> <architecture of the first record>
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    chunks: Vec<ChunkRef>,
}

/// A chunk as a snapshot refers to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ChunkRef {
    pub(crate) id: ChunkId,
    pub(crate) records: u64,
    pub(crate) first: RecordKey,
}

impl Snapshot {
    pub(crate) fn from_chunks(chunks: Vec<ChunkRef>) -> Self {
        Self { chunks }
    }

    pub(crate) fn chunks(&self) -> &[ChunkRef] {
        &self.chunks
    }

    /// How many records it holds.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.chunks.iter().map(|chunk| chunk.records).sum()
    }

    pub(crate) fn write(&self, objects: &Objects<'_>) -> Result<SnapshotId, Error> {
        let text = self.to_text();
        let id = SnapshotId::of(text.as_bytes());
        objects.write(&id, text.as_bytes())?;
        Ok(id)
    }

    pub(crate) fn read(objects: &Objects<'_>, id: SnapshotId) -> Result<Self, Error> {
        let text = objects.read(&id)?;
        Self::parse(&text).ok_or_else(|| Error::damaged(SnapshotId::KIND, &id, "it is malformed"))
    }

    /// The ids of the chunks in the text of a snapshot that are not in `known`, the text of another: all that is needed to know
    /// what it refers to. Neighbours in a history have nearly all lines in common, at the start and at the end.
    pub(crate) fn chunk_ids(id: SnapshotId, text: &[u8], known: &[u8]) -> Result<Vec<ChunkId>, Error> {
        const STEP: usize = 256;
        let alike = |pair: &(&[u8], &[u8])| pair.0 == pair.1;
        let start = STEP * text.chunks_exact(STEP).zip(known.chunks_exact(STEP)).take_while(alike).count();
        let start = text.get(..start).and_then(|same| memchr::memrchr(b'\n', same)).map_or(0, |end| end + 1);
        let (text, known) = (text.get(start..).unwrap_or_default(), known.get(start..).unwrap_or_default());
        let end = STEP * text.rchunks_exact(STEP).zip(known.rchunks_exact(STEP)).take_while(alike).count();
        // A line of which only the end is the same is read to its end.
        let same = text.len() - end;
        let rest = memchr::memchr(b'\n', text.get(same..).unwrap_or_default());
        let text = text.get(..rest.map_or(text.len(), |line| same + line)).unwrap_or_default();
        let lines = text.split(|byte| *byte == b'\n').filter_map(|line| line.strip_prefix(b" "));
        let ids = lines.map(|line| {
            let word = line.split(|byte| *byte == b' ').next().unwrap_or_default();
            std::str::from_utf8(word).ok()?.parse().ok()
        });
        ids.collect::<Option<_>>().ok_or_else(|| Error::damaged(SnapshotId::KIND, &id, "it is malformed"))
    }

    fn to_text(&self) -> String {
        let mut text = format!("Records: {}\n", self.records());
        if !self.chunks.is_empty() {
            text.push_str("Chunks:\n");
        }
        for ChunkRef { id, records, first } in &self.chunks {
            // Writing to a String cannot fail.
            let _ = writeln!(text, " {id} {records} {first}");
        }
        text
    }

    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        let paragraph = deb822::paragraphs(text).next()?;
        let chunks = paragraph.get_str("Chunks").unwrap_or_default();
        let chunks = chunks.lines().map(str::trim_start).filter(|line| !line.is_empty()).map(|line| {
            let mut words = line.splitn(3, ' ');
            Some(ChunkRef {
                id: words.next()?.parse().ok()?,
                records: words.next()?.parse().ok()?,
                first: RecordKey::parse(words.next()?)?,
            })
        });
        Some(Self { chunks: chunks.collect::<Option<_>>()? })
    }

    /// Every record, in order. Chunks are read as they are needed.
    pub(crate) fn iterate<'a>(
        &'a self,
        objects: Objects<'a>,
    ) -> impl Iterator<Item = Result<Arc<Record>, Error>> + 'a {
        self.chunks.iter().flat_map(move |reference| match chunk::read(&objects, reference.id) {
            Ok(records) => records.into_iter().map(Ok).collect::<Vec<_>>(),
            Err(error) => vec![Err(error)],
        })
    }

    /// The record with that key.
    pub(crate) fn get(&self, objects: &Objects<'_>, key: &RecordKey) -> Result<Option<Arc<Record>>, Error> {
        let Some(id) = self.chunk_for(key) else { return Ok(None) };
        Ok(chunk::read(objects, id)?.into_iter().find(|record| record.key() == key))
    }

    /// The chunk that holds `key` if any does.
    pub(crate) fn chunk_for(&self, key: &RecordKey) -> Option<ChunkId> {
        let behind = self.chunks.partition_point(|chunk| chunk.first <= *key);
        Some(self.chunks.get(behind.checked_sub(1)?)?.id)
    }

    /// Every version and architecture of all these packages, in order. Each chunk is read once.
    pub(crate) fn versions_of_all(
        &self,
        objects: &Objects<'_>,
        packages: &BTreeSet<PackageName>,
    ) -> Result<Vec<Arc<Record>>, Error> {
        let mut found = Vec::new();
        for (place, reference) in self.chunks.iter().enumerate() {
            let first = &reference.first.package;
            let next = self.chunks.get(place + 1).map(|chunk| &chunk.first.package);
            let reached = packages.range::<PackageName, _>(first..).next();
            if reached.is_some_and(|package| next.is_none_or(|next| package <= next)) {
                let records = chunk::read(objects, reference.id)?;
                found.extend(records.into_iter().filter(|record| packages.contains(&record.key().package)));
            }
        }
        Ok(found)
    }

    /// Every version and architecture of a package, in order.
    pub(crate) fn versions(
        &self,
        objects: &Objects<'_>,
        package: &PackageName,
    ) -> Result<Vec<Arc<Record>>, Error> {
        let mut found = Vec::new();
        for id in self.chunks_with(package) {
            let records = chunk::read(objects, id)?;
            found.extend(records.into_iter().filter(|record| record.key().package == *package));
        }
        Ok(found)
    }

    /// The chunks that hold the records of a package if any do.
    pub(crate) fn chunks_with(&self, package: &PackageName) -> impl Iterator<Item = ChunkId> {
        let start = self.chunks.partition_point(|chunk| chunk.first.package < *package).saturating_sub(1);
        let reach = |chunk: &&ChunkRef| chunk.first.package <= *package;
        self.chunks.iter().skip(start).take_while(reach).map(|chunk| chunk.id)
    }
}

#[cfg(test)]
mod tests {
    use deb_parse::{Architecture, Version};

    use super::*;
    use crate::Build;

    fn snapshot(numbers: impl IntoIterator<Item = u64>) -> Snapshot {
        let chunk = |number: u64| ChunkRef {
            id: ChunkId::of(&number.to_le_bytes()),
            records: 1,
            first: RecordKey {
                package: PackageName::parse(&format!("package{number:05}")).unwrap(),
                version: Version::parse("1.0").unwrap(),
                architecture: Build::For(Architecture::parse("all").unwrap()),
            },
        };
        Snapshot::from_chunks(numbers.into_iter().map(chunk).collect())
    }

    #[test]
    fn every_chunk_that_the_other_lacks_is_found() {
        let id = SnapshotId::of(b"any");
        for length in [0_u64, 1, 2, 3, 40] {
            let known = snapshot(0..length);
            let found = |wanted: &Snapshot, known: &Snapshot| {
                let found =
                    Snapshot::chunk_ids(id, wanted.to_text().as_bytes(), known.to_text().as_bytes()).unwrap();
                let old: Vec<ChunkId> = known.chunks.iter().map(|chunk| chunk.id).collect();
                wanted.chunks.iter().map(|chunk| chunk.id).all(|id| found.contains(&id) || old.contains(&id))
            };
            assert!(found(&known, &Snapshot::default()) && found(&Snapshot::default(), &known));
            for place in 0..length {
                let others = [
                    snapshot((0..length).map(|number| if number == place { 77_777 } else { number })),
                    snapshot((0..length).filter(|number| *number != place)),
                    snapshot((0..=length).map(|number| if number > place { number - 1 } else { number })),
                    snapshot((0..length).flat_map(|n| if n == place { vec![n, 88_888] } else { vec![n] })),
                ];
                assert!(others.iter().all(|other| found(other, &known) && found(&known, other)));
            }
        }
    }
}
