//! Where uploads lie until they are added: a private directory of this process, below that of the store for temporary files.
//!
//! The directory has a file `lock` that this process holds. The store removes directories whose lock nobody holds, so nothing is left
//! behind for long when the server is killed.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use camino::{Utf8Path, Utf8PathBuf};
use hyper::body::{Body as _, Bytes, Incoming};
use rustix::fs::{FlockOperation, flock};

use super::answer::Refusal;
use crate::connection::Pulse;
use crate::unconfined::Files;

/// So many bytes stay free on the file system of the store, whatever is uploaded.
const KEPT_FREE: u64 = 128 << 20;
/// The free space is looked at again after so many bytes.
const LOOK_AGAIN_AFTER: u64 = 16 << 20;
/// How long a client may send nothing in the middle of a body.
const PATIENCE: Duration = Duration::from_secs(30);
/// Bytes a second: a client that sends more slowly on the whole is not waited for.
const SLOWEST: u64 = 8 << 10;
/// What is written at once.
const PIECE: usize = 256 << 10;
/// How long the files of an upload wait for the rest of it.
const WAITING: Duration = Duration::from_secs(24 * 3600);
/// How often files that waited too long are looked for.
const CLEAN_EVERY: Duration = Duration::from_secs(3600);
/// How the names of directories begin in which files wait.
const WAITING_PREFIX: &str = "waiting.";
/// How many files of one token may wait, and how many bytes, as a multiple of the largest upload.
const MOST_WAITING: usize = 500;
const MOST_WAITING_UPLOADS: u64 = 4;

/// The directory with all uploads of this process.
#[derive(Debug)]
pub(crate) struct Staging {
    area: Utf8PathBuf,
    current: Mutex<Option<Current>>,
    next: AtomicU64,
    /// When files that waited too long were last looked for.
    cleaned: Mutex<Option<Instant>>,
}

#[derive(Debug)]
struct Current {
    directory: Utf8PathBuf,
    _lock: File,
}

/// A directory for one upload. It is removed with all that is in it when this is dropped.
pub(crate) struct Place {
    path: Utf8PathBuf,
    files: Files,
}

impl Place {
    pub(crate) fn path(&self) -> &Utf8Path {
        &self.path
    }

    /// Removes several, and waits until they are gone.
    pub(crate) async fn remove(places: Vec<Self>) {
        let Some(files) = places.first().map(|place| place.files.clone()) else { return };
        let paths: Vec<_> = places.into_iter().map(Self::into_path).collect();
        let _ = files.run(move || paths.iter().for_each(|path| remove(path))).await;
    }

    /// Returns its path, and leaves it to the caller to remove it.
    fn into_path(mut self) -> Utf8PathBuf {
        std::mem::take(&mut self.path)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let path = std::mem::take(&mut self.path);
        if !path.as_str().is_empty() {
            self.files.run_later(move || remove(&path));
        }
    }
}

fn remove(place: &Utf8Path) {
    // What cannot be removed now goes with the directory of the process.
    let _ = std::fs::remove_dir_all(place);
}

impl Staging {
    /// Uploads will lie below `area`.
    pub(crate) fn new(area: Utf8PathBuf) -> Self {
        Self { area, current: Mutex::default(), next: AtomicU64::new(0), cleaned: Mutex::default() }
    }

    /// Returns the directory of this process. It is made when it does not exist, as after somebody removed it.
    fn directory(&self) -> io::Result<Utf8PathBuf> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(current) = current.as_ref().filter(|current| current.directory.is_dir()) {
            return Ok(current.directory.clone());
        }
        let process = std::process::id();
        for attempt in 0_u32..1000 {
            let directory = self.area.join(format!("api-{process}-{attempt}"));
            match private_directory(&directory) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::AlreadyExists => continue,
                Err(error) => return Err(error),
            }
            let lock = create(&directory.join("lock"))?;
            flock(&lock, FlockOperation::NonBlockingLockExclusive)?;
            *current = Some(Current { directory: directory.clone(), _lock: lock });
            return Ok(directory);
        }
        Err(ErrorKind::AlreadyExists.into())
    }

    /// Makes a directory for one upload.
    pub(crate) fn place(&self, files: Files) -> io::Result<Place> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let directory = self.directory()?;
        self.clean(&directory, WAITING);
        let path = directory.join(number.to_string());
        private_directory(&path)?;
        Ok(Place { path, files })
    }

    /// Removes files that have waited longer than `age` for the rest of their upload, of all tokens, once an hour.
    fn clean(&self, directory: &Utf8Path, age: Duration) {
        {
            let mut cleaned = self.cleaned.lock().unwrap_or_else(PoisonError::into_inner);
            if cleaned.is_some_and(|time| time.elapsed() < CLEAN_EVERY) {
                return;
            }
            *cleaned = Some(Instant::now());
        }
        let Ok(entries) = directory.read_dir_utf8() else { return };
        let waiting = entries.flatten().filter(|entry| entry.file_name().starts_with(WAITING_PREFIX));
        let files = waiting.filter_map(|entry| entry.path().read_dir_utf8().ok()).flatten().flatten();
        for file in files {
            let modified = file.metadata().and_then(|metadata| metadata.modified());
            if modified.is_ok_and(|time| is_older(time, age)) {
                let _ = std::fs::remove_file(file.path());
            }
        }
    }

    /// Returns the directory in which files of a token for a repository wait for the rest of their upload.
    fn waiting(&self, repository: &str, token: &str) -> io::Result<Utf8PathBuf> {
        let path = self.directory()?.join(format!("{WAITING_PREFIX}{token}.{repository}"));
        match private_directory(&path) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
            _ => Ok(path),
        }
    }

    /// Keeps a received file until the rest of its upload comes.
    pub(crate) fn keep(
        &self,
        (repository, token): (&str, &str),
        received: &Received,
        largest: u64,
    ) -> Result<(), Refusal> {
        let waiting = self.waiting(repository, token).map_err(Refusal::trouble)?;
        let (mut files, mut bytes) = (0, received.size);
        for entry in waiting.read_dir_utf8().map_err(Refusal::trouble)? {
            let entry = entry.map_err(Refusal::trouble)?;
            let metadata = entry.metadata().map_err(Refusal::trouble)?;
            if entry.file_name() != received.name {
                files += 1;
                bytes += metadata.len();
            }
        }
        if files >= MOST_WAITING || bytes > largest.saturating_mul(MOST_WAITING_UPLOADS) {
            let what = "too many files wait for the .changes file of their upload";
            return Err(
                Refusal::new(413, "E-API-SIZE", what).hint("upload the .changes file of what was uploaded")
            );
        }
        std::fs::rename(&received.path, waiting.join(&received.name)).map_err(Refusal::trouble)
    }

    /// Brings the waiting files that a list names to it. They go on waiting: the upload may turn out to be incomplete.
    ///
    /// A file is named where its name stands between blanks, as in every list of Debian's; what the list means is left to the verb.
    pub(crate) fn gather(
        &self,
        (repository, token): (&str, &str),
        list: &Received,
    ) -> Result<Vec<Utf8PathBuf>, Refusal> {
        if list.size > MOST_OF_A_LIST {
            return Err(Refusal::new(
                413,
                "E-API-SIZE",
                format!("{} is too large for a list of files", list.name),
            ));
        }
        let text = std::fs::read(&list.path).map_err(Refusal::trouble)?;
        let text = String::from_utf8_lossy(&text);
        let words: std::collections::BTreeSet<&str> = text.split_ascii_whitespace().collect();
        let waiting = self.waiting(repository, token).map_err(Refusal::trouble)?;
        let place = list.path.parent().unwrap_or(&list.path);
        let mut gathered = Vec::new();
        for entry in waiting.read_dir_utf8().map_err(Refusal::trouble)? {
            let entry = entry.map_err(Refusal::trouble)?;
            if words.contains(entry.file_name()) && entry.file_name() != list.name {
                std::fs::hard_link(entry.path(), place.join(entry.file_name())).map_err(Refusal::trouble)?;
                gathered.push(entry.path().to_owned());
            }
        }
        Ok(gathered)
    }
}

/// The largest `.changes` or `.dsc` file that is looked into.
const MOST_OF_A_LIST: u64 = 4 << 20;

pub(super) fn is_older(time: SystemTime, age: Duration) -> bool {
    time.elapsed().is_ok_and(|elapsed| elapsed > age)
}

fn private_directory(path: &Utf8Path) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(path)
}

/// Makes a file that nobody else reads.
pub(super) fn create(path: &Utf8Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// A file that came in whole.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) path: Utf8PathBuf,
    pub(crate) name: String,
    pub(crate) size: u64,
    pub(crate) digest: blake3::Hash,
}

/// Why no more of a body is read.
#[derive(Debug)]
enum Broken {
    TooLarge,
    Cut,
    Slow,
}

impl From<Broken> for Refusal {
    fn from(broken: Broken) -> Self {
        match broken {
            Broken::TooLarge => Self::new(413, "E-API-SIZE", "the body is too large"),
            Broken::Cut => Self::request("the body was cut short"),
            Broken::Slow => Self::new(408, "E-API-REQUEST", "the body took too long"),
        }
    }
}

/// A body that is read within limits.
struct Reader<'a> {
    body: &'a mut Incoming,
    pulse: &'a Pulse,
    limit: u64,
    read: u64,
    begun: Instant,
}

impl<'a> Reader<'a> {
    fn new(body: &'a mut Incoming, pulse: &'a Pulse, limit: u64) -> Self {
        Self { body, pulse, limit, read: 0, begun: Instant::now() }
    }

    async fn next(&mut self) -> Result<Option<Bytes>, Broken> {
        loop {
            let body = &mut *self.body;
            let frame = std::future::poll_fn(|cx| std::pin::Pin::new(&mut *body).poll_frame(cx));
            let frame = tokio::time::timeout(PATIENCE, frame).await.map_err(|_| Broken::Slow)?;
            let Some(frame) = frame else { return Ok(None) };
            self.pulse.beat();
            // Trailers are of no use.
            let Ok(data) = frame.map_err(|_| Broken::Cut)?.into_data() else { continue };
            self.read += data.len() as u64;
            if self.read > self.limit {
                return Err(Broken::TooLarge);
            }
            if self.begun.elapsed() > PATIENCE + Duration::from_secs(self.read / SLOWEST) {
                return Err(Broken::Slow);
            }
            return Ok(Some(data));
        }
    }
}

/// Reads a small body.
pub(crate) async fn read(body: &mut Incoming, pulse: &Pulse, limit: u64) -> Result<Vec<u8>, Refusal> {
    let mut reader = Reader::new(body, pulse, limit);
    let mut bytes = Vec::new();
    while let Some(piece) = reader.next().await? {
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}

/// Reads on for a moment what is left of the body of a refused request: a client that still sends would not see the answer otherwise.
pub(crate) async fn discard(body: &mut Incoming, pulse: &Pulse) {
    const MOST: u64 = 16 << 20;
    const LONGEST: Duration = Duration::from_secs(5);
    let mut reader = Reader::new(body, pulse, MOST);
    let rest = async { while let Ok(Some(_)) = reader.next().await {} };
    let _ = tokio::time::timeout(LONGEST, rest).await;
}

/// Writes a body to a new file of that name in a place.
pub(crate) async fn receive(
    body: &mut Incoming,
    pulse: &Pulse,
    (place, name, file): (&Utf8Path, &str, File),
    limit: u64,
) -> Result<Received, Refusal> {
    let announced = body.size_hint().lower();
    if announced > limit {
        return Err(Broken::TooLarge.into());
    }
    has_room(place, announced)?;
    let path = place.join(name);
    let mut writer = Writer {
        file,
        hasher: blake3::Hasher::new(),
        piece: Vec::with_capacity(PIECE.min(usize::try_from(announced).unwrap_or(PIECE)) + 1),
    };
    let mut reader = Reader::new(body, pulse, limit);
    let mut looked_at = 0;
    while let Some(data) = reader.next().await? {
        writer.piece.extend_from_slice(&data);
        if writer.piece.len() >= PIECE {
            if reader.read - looked_at > LOOK_AGAIN_AFTER {
                looked_at = reader.read;
                has_room(place, announced.saturating_sub(reader.read))?;
            }
            writer = writer.write().await?;
        }
    }
    let size = reader.read;
    let writer = writer.write().await?;
    Ok(Received { path, name: name.to_owned(), size, digest: writer.hasher.finalize() })
}

struct Writer {
    file: File,
    hasher: blake3::Hasher,
    piece: Vec<u8>,
}

impl Writer {
    /// Writes what was collected, on a thread that may wait for the disk.
    async fn write(mut self) -> Result<Self, Refusal> {
        let written = tokio::task::spawn_blocking(move || {
            self.hasher.update(&self.piece);
            self.file.write_all(&self.piece)?;
            self.piece.clear();
            Ok::<_, io::Error>(self)
        });
        match written.await {
            Ok(Ok(writer)) => Ok(writer),
            Ok(Err(error)) if error.kind() == ErrorKind::StorageFull => Err(no_space()),
            Ok(Err(error)) => Err(Refusal::trouble(error)),
            Err(error) => Err(Refusal::trouble(error)),
        }
    }
}

fn has_room(place: &Utf8Path, wanted: u64) -> Result<(), Refusal> {
    let Ok(found) = rustix::fs::statvfs(place.as_std_path()) else { return Ok(()) };
    if leaves_enough(found.f_bavail.saturating_mul(found.f_frsize), wanted) {
        Ok(())
    } else {
        Err(no_space())
    }
}

fn leaves_enough(available: u64, wanted: u64) -> bool {
    available >= wanted.saturating_add(KEPT_FREE)
}

fn no_space() -> Refusal {
    Refusal::new(507, "E-API-SPACE", "the disk of the store is nearly full")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(staging: &Staging) -> Files {
        let apart = crate::unconfined::Unconfined::start().unwrap();
        let directories = (staging.area.clone(), staging.area.clone());
        Files::new(apart, std::sync::Arc::new(|_: &[&Utf8Path]| Ok(())), directories)
    }

    fn staging() -> (tempfile::TempDir, Staging) {
        let directory = tempfile::tempdir().unwrap();
        let area = Utf8PathBuf::from_path_buf(directory.path().to_owned()).unwrap();
        (directory, Staging::new(area))
    }

    fn received(staging: &Staging, name: &str, text: &str) -> (Place, Received) {
        let place = staging.place(files(staging)).unwrap();
        let path = place.path().join(name);
        std::fs::write(&path, text).unwrap();
        let received = Received {
            path,
            name: name.to_owned(),
            size: text.len() as u64,
            digest: blake3::hash(text.as_bytes()),
        };
        (place, received)
    }

    #[test]
    fn an_upload_is_gathered_from_the_files_of_its_own_token() {
        let (_directory, staging) = staging();
        for (token, name) in [("ci", "a.deb"), ("ci", "other.deb"), ("mallory", "b.deb")] {
            let (_place, file) = received(&staging, name, "x");
            staging.keep(("prod", token), &file, 100).map_err(|_| ()).unwrap();
        }
        let (place, list) =
            received(&staging, "a.changes", "Files:\n 12 x a.deb\n 12 x b.deb\n 12 x lock ../lock\n");
        let gathered = staging.gather(("prod", "ci"), &list).map_err(|_| ()).unwrap();
        assert_eq!(gathered.len(), 1);
        let mut names: Vec<String> = place
            .path()
            .read_dir_utf8()
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_owned())
            .collect();
        names.sort();
        assert_eq!(names, ["a.changes", "a.deb"]);
        let path = place.path().to_owned();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(Place::remove(vec![place]));
        assert!(!path.exists() && gathered[0].exists());
    }

    #[test]
    fn what_an_upload_leaves_is_removed_in_the_background() {
        let (_directory, staging) = staging();
        let (place, file) = received(&staging, "a.deb", "x");
        drop(place);
        let begun = Instant::now();
        while file.path.exists() {
            assert!(begun.elapsed() < Duration::from_secs(30), "{} stays", file.path);
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    #[test]
    fn waiting_files_of_a_token_are_bounded() {
        let (_directory, staging) = staging();
        let keep = |name: &str, text: &str| {
            let (_place, file) = received(&staging, name, text);
            staging.keep(("prod", "ci"), &file, 2).is_ok()
        };
        assert!(keep("a", "12345") && keep("a", "123456") && keep("b", "12"));
        assert!(!keep("c", "1"), "8 bytes are the most");
    }

    #[test]
    fn files_that_waited_too_long_are_removed_with_the_next_upload() {
        let (_directory, staging) = staging();
        for name in ["old.deb", "new.deb"] {
            let (_place, file) = received(&staging, name, "x");
            staging.keep(("prod", "ci"), &file, 100).map_err(|_| ()).unwrap();
        }
        let waiting = staging.waiting("prod", "ci").unwrap();
        let before = SystemTime::now() - WAITING - Duration::from_secs(60);
        let old = File::options().write(true).open(waiting.join("old.deb")).unwrap();
        old.set_modified(before).unwrap();
        let remaining = || {
            let _place = staging.place(files(&staging)).unwrap();
            let names = waiting.read_dir_utf8().unwrap().map(|entry| entry.unwrap().file_name().to_owned());
            names.collect::<Vec<_>>()
        };
        assert_eq!(remaining().len(), 2, "not an hour has passed");
        *staging.cleaned.lock().unwrap() = None;
        assert_eq!(remaining(), ["new.deb"]);
    }

    #[test]
    fn a_directory_that_was_removed_is_made_again() {
        let (_directory, staging) = staging();
        let place = staging.place(files(&staging)).unwrap();
        std::fs::remove_dir_all(place.path().parent().unwrap()).unwrap();
        let place = staging.place(files(&staging)).unwrap();
        assert!(place.path().is_dir() && place.path().parent().unwrap().join("lock").is_file());
    }

    #[test]
    fn some_space_stays_free() {
        assert!(leaves_enough(KEPT_FREE + 10, 10));
        assert!(!leaves_enough(KEPT_FREE + 10, 11) && !leaves_enough(u64::MAX - 1, u64::MAX));
    }
}
