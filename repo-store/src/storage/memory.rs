use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

use camino::Utf8PathBuf;

use super::{Key, Staged, Storage};
use crate::storage::{StorageError, log};

/// A storage that is gone with the process: for tests.
#[derive(Debug, Default)]
pub struct Memory {
    files: Mutex<BTreeMap<Key, Vec<u8>>>,
}

impl Memory {
    fn files(&self) -> MutexGuard<'_, BTreeMap<Key, Vec<u8>>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct StagedBytes<'a> {
    memory: &'a Memory,
    bytes: Vec<u8>,
}

impl Write for StagedBytes<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.bytes.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Staged for StagedBytes<'_> {
    fn finish(&mut self) -> Result<(), StorageError> {
        Ok(())
    }

    fn keep(self: Box<Self>, key: &Key) -> Result<(), StorageError> {
        self.memory.files().entry(key.clone()).or_insert(self.bytes);
        Ok(())
    }
}

impl Storage for Memory {
    fn read(&self, key: &Key) -> Result<Option<Vec<u8>>, StorageError> {
        Ok(self.files().get(key).cloned())
    }

    fn open(&self, key: &Key) -> Result<Option<Box<dyn Read + Send>>, StorageError> {
        let bytes = self.read(key)?;
        Ok(bytes.map(|bytes| Box::new(std::io::Cursor::new(bytes)) as Box<dyn Read + Send>))
    }

    fn contains(&self, key: &Key) -> Result<bool, StorageError> {
        Ok(self.files().contains_key(key))
    }

    fn stage(&self) -> Result<Box<dyn Staged + '_>, StorageError> {
        Ok(Box::new(StagedBytes { memory: self, bytes: Vec::new() }))
    }

    fn renew(&self, key: &Key) -> Result<bool, StorageError> {
        self.contains(key)
    }

    fn sync(&self) -> Result<(), StorageError> {
        Ok(())
    }

    fn settle(&self, _: &Key) -> Result<(), StorageError> {
        Ok(())
    }

    fn compare_and_swap(&self, key: &Key, expected: Option<&[u8]>, new: &[u8]) -> Result<bool, StorageError> {
        let mut files = self.files();
        let unchanged = files.get(key).map(Vec::as_slice) == expected;
        if unchanged {
            files.insert(key.clone(), new.to_vec());
        }
        Ok(unchanged)
    }

    fn compare_and_remove(&self, key: &Key, expected: &[u8]) -> Result<bool, StorageError> {
        let mut files = self.files();
        let unchanged = files.get(key).is_some_and(|bytes| bytes == expected);
        if unchanged {
            files.remove(key);
        }
        Ok(unchanged)
    }

    fn log_and_swap(
        &self,
        key: &Key,
        expected: Option<&[u8]>,
        new: &[u8],
        log: &Key,
        line: &str,
    ) -> Result<bool, StorageError> {
        let swapped = self.compare_and_swap(key, expected, new)?;
        if swapped {
            self.append_line(log, line)?;
        }
        Ok(swapped)
    }

    fn append_line(&self, key: &Key, line: &str) -> Result<(), StorageError> {
        let mut files = self.files();
        let log = files.entry(key.clone()).or_default();
        let sealed = log::seal(log, line);
        log.extend_from_slice(sealed.as_bytes());
        Ok(())
    }

    fn list(&self, area: &str) -> Result<Vec<Key>, StorageError> {
        let below = |key: &&Key| key.as_str().strip_prefix(area).is_some_and(|rest| rest.starts_with('/'));
        Ok(self.files().keys().filter(below).cloned().collect())
    }

    fn local_path(&self, _: &Key) -> Option<Utf8PathBuf> {
        None
    }
}
