//! What of a file system a power cut leaves.
//!
//! A file's bytes are durable as they were when the file was synced last, a directory's names as they were when the directory was,
//! both as they were when the whole file system was. What came later may be there or not, each for itself.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, Metadata};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::time::SystemTime;

use camino::{Utf8Path, Utf8PathBuf};

/// Device numbers do not matter here, and inode numbers are used again.
type Id = (u64, SystemTime);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Entry {
    File(Id),
    Directory(Id),
    Symbolic(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Content {
    bytes: Vec<u8>,
    modified: SystemTime,
    mode: u32,
}

type Names = BTreeMap<String, Entry>;

/// Files by what they are and directories by what they list.
#[derive(Clone, Debug, Default)]
struct Image {
    files: BTreeMap<Id, Content>,
    directories: BTreeMap<Id, (u32, Names)>,
}

/// What happens to what was never synced.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Unsynced {
    /// None of it is there.
    Lost,
    /// Files have their names and not their bytes.
    Empty,
    /// Each name and each file is as it was or as it was to be, at random.
    Mixed(u64),
}

/// A directory tree and what of it is durable.
#[derive(Clone, Debug)]
pub(crate) struct Disk {
    root: Utf8PathBuf,
    root_id: Id,
    durable: Image,
}

fn id(metadata: &Metadata) -> Id {
    (metadata.ino(), metadata.created().unwrap_or(SystemTime::UNIX_EPOCH))
}

impl Image {
    fn file(&mut self, path: &Utf8Path, metadata: &Metadata) {
        let content = Content {
            bytes: fs::read(path).unwrap(),
            modified: metadata.modified().unwrap(),
            mode: metadata.mode() & 0o777,
        };
        self.files.insert(id(metadata), content);
    }

    fn directory(&mut self, path: &Utf8Path, metadata: &Metadata) {
        let mut names = Names::new();
        for entry in path.read_dir_utf8().unwrap() {
            let entry = entry.unwrap();
            let metadata = entry.path().symlink_metadata().unwrap();
            let kind = if metadata.is_symlink() {
                Entry::Symbolic(entry.path().read_link_utf8().unwrap().into_string())
            } else if metadata.is_dir() {
                Entry::Directory(id(&metadata))
            } else {
                Entry::File(id(&metadata))
            };
            names.insert(entry.file_name().to_owned(), kind);
        }
        self.directories.insert(id(metadata), (metadata.mode() & 0o777, names));
    }

    fn everything(&mut self, path: &Utf8Path) {
        let metadata = path.symlink_metadata().unwrap();
        if metadata.is_dir() {
            self.directory(path, &metadata);
            for entry in path.read_dir_utf8().unwrap() {
                self.everything(entry.unwrap().path());
            }
        } else if metadata.is_file() {
            self.file(path, &metadata);
        }
    }

    fn of(root: &Utf8Path) -> Self {
        let mut image = Self::default();
        image.everything(root);
        image
    }
}

impl Disk {
    /// A tree that is durable as it is.
    pub(crate) fn of(root: &Utf8Path) -> Self {
        let root_id = id(&fs::metadata(root).unwrap());
        Self { root: root.to_owned(), root_id, durable: Image::of(root) }
    }

    pub(crate) fn sync(&mut self, path: &Utf8Path) {
        let metadata = fs::metadata(path).unwrap();
        if metadata.is_dir() {
            self.durable.directory(path, &metadata);
        } else {
            self.durable.file(path, &metadata);
        }
    }

    pub(crate) fn sync_everything(&mut self) {
        self.durable.everything(&self.root);
    }

    /// Makes a copy of the tree at `to` as it would be found after the power came back.
    pub(crate) fn after_a_cut(&self, to: &Utf8Path, unsynced: Unsynced) {
        self.make(to, &Image::of(&self.root), unsynced);
    }

    /// Makes a copy of the tree at `to` as it is durable.
    pub(crate) fn copy(&self, to: &Utf8Path) {
        self.make(to, &self.durable, Unsynced::Lost);
    }

    fn make(&self, to: &Utf8Path, now: &Image, unsynced: Unsynced) {
        let dice = if let Unsynced::Mixed(seed) = unsynced { seed } else { 0 };
        let mut cut = Cut { durable: &self.durable, now, unsynced, dice, made: BTreeMap::new() };
        cut.directory(self.root_id, to);
    }
}

struct Cut<'a> {
    durable: &'a Image,
    now: &'a Image,
    unsynced: Unsynced,
    dice: u64,
    /// Where a file was made that has more than one name.
    made: BTreeMap<Id, Utf8PathBuf>,
}

impl Cut<'_> {
    /// SplitMix64.
    fn toss(&mut self) -> bool {
        self.dice = self.dice.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.dice;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) & 1 == 1
    }

    fn directory(&mut self, id: Id, to: &Utf8Path) {
        let empty = (0o755, Names::new());
        let (mode, durable) = self.durable.directories.get(&id).unwrap_or(&empty);
        let (_, now) = self.now.directories.get(&id).unwrap_or(&empty);
        fs::create_dir(to).unwrap();
        for name in durable.keys().chain(now.keys()).collect::<BTreeSet<_>>() {
            let entry = match self.unsynced {
                Unsynced::Lost => durable.get(name),
                Unsynced::Empty => now.get(name),
                Unsynced::Mixed(_) => {
                    if self.toss() {
                        durable.get(name)
                    } else {
                        now.get(name)
                    }
                }
            };
            let path = to.join(name);
            match entry {
                None => {}
                Some(Entry::Directory(id)) => self.directory(*id, &path),
                Some(Entry::Symbolic(target)) => std::os::unix::fs::symlink(target, path).unwrap(),
                Some(Entry::File(id)) => self.file(*id, path),
            }
        }
        fs::set_permissions(to, fs::Permissions::from_mode(*mode)).unwrap();
    }

    fn file(&mut self, id: Id, to: Utf8PathBuf) {
        if let Some(first) = self.made.get(&id) {
            fs::hard_link(first, to).unwrap();
            return;
        }
        let (durable, now) = (self.durable.files.get(&id), self.now.files.get(&id));
        let mixed = matches!(self.unsynced, Unsynced::Mixed(_));
        let known = if mixed && self.toss() { now.or(durable) } else { durable };
        let mode = now.map_or(0o644, |now| now.mode);
        let nothing = Content { bytes: Vec::new(), modified: SystemTime::now(), mode };
        let content = known.unwrap_or(&nothing);
        fs::write(&to, &content.bytes).unwrap();
        let file = fs::File::options().write(true).open(&to).unwrap();
        file.set_modified(content.modified).unwrap();
        file.set_permissions(fs::Permissions::from_mode(content.mode)).unwrap();
        self.made.insert(id, to);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(path: &Utf8Path) -> Option<String> {
        fs::read_to_string(path).ok()
    }

    #[test]
    fn what_was_synced_is_there_and_nothing_else_is_certain() {
        let directory = tempfile::tempdir().unwrap();
        let top = Utf8Path::from_path(directory.path()).unwrap();
        let root = top.join("root");
        fs::create_dir(&root).unwrap();
        fs::write(root.join("old"), "old").unwrap();
        let mut disk = Disk::of(&root);
        fs::write(root.join("bytes without a name"), "x").unwrap();
        disk.sync(&root.join("bytes without a name"));
        fs::write(root.join("old"), "new").unwrap();
        let all: Vec<_> = [Unsynced::Lost, Unsynced::Empty]
            .into_iter()
            .chain((1..20).map(Unsynced::Mixed))
            .enumerate()
            .map(|(number, unsynced)| {
                let to = top.join(number.to_string());
                disk.after_a_cut(&to, unsynced);
                (read(&to.join("old")).unwrap(), read(&to.join("bytes without a name")))
            })
            .collect();
        assert_eq!(all[0], ("old".to_owned(), None));
        assert_eq!(all[1], ("old".to_owned(), Some("x".to_owned())));
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), 4, "all of {all:?}");

        disk.sync(&root);
        disk.sync(&root.join("old"));
        fs::remove_file(root.join("old")).unwrap();
        disk.after_a_cut(&top.join("synced"), Unsynced::Lost);
        assert_eq!(read(&top.join("synced/old")).unwrap(), "new");
        assert_eq!(read(&top.join("synced/bytes without a name")).unwrap(), "x");
    }
}
