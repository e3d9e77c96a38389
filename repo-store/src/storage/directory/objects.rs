//! Objects as files that get their names once they are durable.

use std::io::{ErrorKind, Read};

use camino::{Utf8Path, Utf8PathBuf};
use jiff::Timestamp;

use crate::storage::beneath::At;
use crate::storage::directory::Directory;
use crate::storage::directory::staged::StagedFile;
use crate::storage::files::mode;
use crate::storage::object_store::{ObjectInfo, ObjectStore, Staged};
use crate::storage::obstacle::Obstacle;
use crate::storage::own_directories::refuse_in_linked;
use crate::storage::{Key, StorageError, files};

impl ObjectStore for Directory {
    fn get(&self, key: &Key) -> Result<Option<Vec<u8>>, StorageError> {
        files::read_kept(&self.place(key))
    }

    fn get_range(&self, key: &Key, start: u64, length: u64) -> Result<Option<Vec<u8>>, StorageError> {
        files::read_range(&self.place(key), start, length)
    }

    fn open(&self, key: &Key) -> Result<Option<Box<dyn Read + Send>>, StorageError> {
        let path = self.place(key);
        match files::open_kept(&path) {
            Ok(file) => Ok(Some(Box::new(file))),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(StorageError::io("open", path)(error)),
        }
    }

    fn head(&self, key: &Key) -> Result<Option<ObjectInfo>, StorageError> {
        let path = self.place(key);
        let status = At::from(&path).status_if_present().map_err(StorageError::io("look at", &path))?;
        Ok(status.map(|status| ObjectInfo::new(status.size, status.changed_at())))
    }

    fn contains(&self, key: &Key) -> Result<bool, StorageError> {
        let path = self.place(key);
        match files::metadata_of_itself(&path) {
            Ok(found) if found.is_file() => Ok(true),
            Ok(_) => match Obstacle::in_place_of_file(&path) {
                Some(obstacle) => Err(StorageError::io("read", path)(obstacle.into_error())),
                // It went, or became a file this moment.
                None => Ok(files::is_taken(&path)),
            },
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(StorageError::io("look for", path)(error)),
        }
    }

    fn stage(&self) -> Result<Box<dyn Staged + '_>, StorageError> {
        let path = self.writing()?.next_path();
        let file = files::create_new(&path, mode::IMMUTABLE)?;
        Ok(Box::new(StagedFile { storage: self, path, file: Some(file) }))
    }

    fn touch(&self, key: &Key) -> Result<bool, StorageError> {
        if self.kept().contains_key(key) {
            return Ok(true);
        }
        // Garbage collection spares what changed since the oldest session began: there must be one before that change.
        self.writing()?;
        let path = self.path_to_change(key)?;
        if !files::touch(&path)? {
            return Ok(false);
        }
        self.renewed().extend(path.ancestors().skip(1).take(2).map(Utf8Path::to_owned));
        Ok(true)
    }

    fn sync(&self) -> Result<(), StorageError> {
        let kept = std::mem::take(&mut *self.kept());
        files::sync_all(kept.values().cloned().collect())?;
        let mut changed = std::mem::take(&mut *self.renewed());
        for (key, temporary) in &kept {
            changed.extend(self.name(temporary, &self.path_to_change(key)?)?);
        }
        files::sync_all(changed)
    }

    fn delete(&self, key: &Key) -> Result<(), StorageError> {
        let place = self.place(key);
        refuse_in_linked(&place)?;
        files::remove_if_present(&place)
    }

    fn delete_if_older(
        &self,
        key: &Key,
        than: Timestamp,
        before: &mut dyn FnMut() -> Result<(), StorageError>,
    ) -> Result<bool, StorageError> {
        files::remove_settled(&self.path_to_change(key)?, than, before)
    }

    fn each(&self, area: &str, take: &mut dyn FnMut(&str, Option<ObjectInfo>)) -> Result<(), StorageError> {
        self.each_file(area, |key| take(key, None))
    }

    fn now(&self) -> Result<Timestamp, StorageError> {
        let path = self.session()?.next_path();
        files::create_new(&path, mode::IMMUTABLE)?;
        let metadata = files::metadata(&path).map_err(StorageError::io("look at", &path))?;
        files::remove_if_present(&path)?;
        Ok(files::changed(&metadata))
    }

    fn oldest_other_writer(&self) -> Result<Option<Timestamp>, StorageError> {
        // Those that died without a word were swept away when this session began.
        let own = &self.session()?.directory;
        let area = self.root.join("tmp");
        let mut oldest = None;
        for directory in files::names_in(&area)?.into_iter().map(|name| area.join(name)) {
            if directory == *own {
                continue;
            }
            // One without a lock file has only just begun, or has ended by now.
            let lock = directory.join("lock");
            let began = match files::metadata(&lock) {
                Ok(metadata) => files::changed(&metadata),
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(error) => return Err(StorageError::io("look at", lock)(error)),
            };
            oldest = Some(oldest.map_or(began, |oldest: Timestamp| oldest.min(began)));
        }
        Ok(oldest)
    }

    fn local_file(&self, key: &Key) -> Option<Utf8PathBuf> {
        Some(self.place(key))
    }
}

impl Directory {
    /// Calls `take` with the key of every file below an area.
    pub(super) fn each_file(&self, area: &str, mut take: impl FnMut(&str)) -> Result<(), StorageError> {
        let mut directories = vec![area.to_owned()];
        while let Some(mut below) = directories.pop() {
            below.push('/');
            let length = below.len();
            let path = self.root.join(below.trim_end_matches('/'));
            files::each_entry_in(&path, |name, is_directory| {
                below.truncate(length);
                below.push_str(name);
                if is_directory { directories.push(below.clone()) } else { take(&below) }
            })?;
        }
        Ok(())
    }
}
