//! The status files of machines, and which machine each belongs to.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::sync::atomic::{AtomicUsize, Ordering};

use apt_solve::status::{Fleet, StateId, Status, StatusError};
use camino::{Utf8Path, Utf8PathBuf};
use deb_parse::deb::Compression;

use crate::error::Failure;
use crate::session::processors;

/// How much of a file is kept in memory: a status file is not larger than that even when everything of Debian is installed.
const MAX_BYTES: u64 = 256 * 1024 * 1024;

/// What is known of machines.
pub(super) struct Machines {
    pub(super) fleet: Fleet,
    /// The names of the machines in each state, in order.
    pub(super) names: HashMap<StateId, Vec<String>>,
    /// The machines whose status cannot be read, each with the reason.
    pub(super) unreadable: Vec<(String, String)>,
}

/// A file, and the name of its machine.
struct StatusFile {
    path: Utf8PathBuf,
    machine: String,
}

/// What was read of a file: its digest, and its content unless it is known.
type Reading = Result<(blake3::Hash, Option<Status>), String>;

impl Machines {
    /// Reads status files. What is wrong with one file does not stop the others.
    pub(super) fn read(paths: &[Utf8PathBuf]) -> Result<Self, Failure> {
        let files = find(paths)?;
        let mut machines = Self { fleet: Fleet::default(), names: HashMap::new(), unreadable: Vec::new() };
        let mut known: HashMap<blake3::Hash, StateId> = HashMap::new();
        // Some at a time: what was read of these is in memory at once.
        for files in files.chunks(64) {
            let readings = read_all(files, &known);
            for (file, reading) in files.iter().zip(readings) {
                let state = match reading {
                    Ok((digest, status)) => {
                        let state =
                            status.map(|status| machines.fleet.add(&status)).or(known.get(&digest).copied());
                        state.inspect(|state| {
                            known.insert(digest, *state);
                        })
                    }
                    Err(reason) => {
                        machines.unreadable.push((file.machine.clone(), reason));
                        None
                    }
                };
                let names = state.map(|state| machines.names.entry(state).or_default());
                names.into_iter().for_each(|names| names.push(file.machine.clone()));
            }
        }
        machines.names.values_mut().for_each(|names| names.sort());
        machines.unreadable.sort();
        Ok(machines)
    }

    /// Returns how many machines there are, with those that cannot be read.
    pub(super) fn len(&self) -> usize {
        self.names.values().map(Vec::len).sum::<usize>() + self.unreadable.len()
    }
}

/// Reads files on all processors.
fn read_all(files: &[StatusFile], known: &HashMap<blake3::Hash, StateId>) -> Vec<Reading> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(file) = files.get(at) else { return done };
            done.push((at, read(&file.path, known)));
        }
    };
    let mut readings: Vec<(usize, Reading)> = std::thread::scope(|scope| {
        let threads: Vec<_> = (1..processors().get().min(files.len())).map(|_| scope.spawn(work)).collect();
        let own = work();
        own.into_iter().chain(threads.into_iter().flat_map(|one| one.join().unwrap_or_default())).collect()
    });
    readings.sort_by_key(|(at, _)| *at);
    readings.into_iter().map(|(_, reading)| reading).collect()
}

fn read(path: &Utf8Path, known: &HashMap<blake3::Hash, StateId>) -> Reading {
    let mut bytes = Vec::new();
    let read = match path.as_str() {
        "-" => io::stdin().lock().take(MAX_BYTES + 1).read_to_end(&mut bytes),
        _ => File::open(path).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes)),
    };
    read.map_err(|error| error.to_string())?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(StatusError::TooLarge.to_string());
    }
    let digest = blake3::hash(&bytes);
    if known.contains_key(&digest) {
        return Ok((digest, None));
    }
    let status = match compression(path, &bytes) {
        Compression::None => Status::read(&bytes[..]),
        packed => {
            let text = packed.reader(&bytes[..], &deb_parse::Limits::default());
            text.map_err(StatusError::from).and_then(Status::read)
        }
    };
    status.map(|status| (digest, Some(status))).map_err(|error| error.to_string())
}

/// Returns how a file is compressed, by its name; what has no such name can be plain or compressed by gzip or xz.
fn compression(path: &Utf8Path, bytes: &[u8]) -> Compression {
    match Compression::of_name(path.as_str()) {
        Compression::None if bytes.starts_with(b"\x1f\x8b") => Compression::Gzip,
        Compression::None if bytes.starts_with(b"\xfd7zXZ\0") => Compression::Xz,
        named => named,
    }
}

/// Finds the files, and what the machines are called: by the file, or by its directory where the file is called `status`.
fn find(paths: &[Utf8PathBuf]) -> Result<Vec<StatusFile>, Failure> {
    let mut found = Vec::new();
    for path in paths {
        let io = |source| Failure::Io { verb: "read", path: path.to_string(), source };
        if path != "-" && std::fs::metadata(path).map_err(io)?.is_dir() {
            let before = found.len();
            found.extend(in_directory(path).map_err(io)?);
            if found.len() == before {
                let what = "no status files in this directory".to_owned();
                return Err(Failure::UnusableFile { path: path.clone(), what });
            }
        } else {
            found.push(path.clone());
        }
    }
    let mut numbers: HashMap<String, usize> = HashMap::new();
    found.iter().for_each(|path| *numbers.entry(machine_of(path)).or_default() += 1);
    let files = found.into_iter().map(|path| {
        let name = machine_of(&path);
        // A name that several files give is not one.
        let machine = if numbers.get(&name) == Some(&1) { name } else { path.to_string() };
        StatusFile { path, machine }
    });
    Ok(files.collect())
}

fn in_directory(directory: &Utf8Path) -> io::Result<Vec<Utf8PathBuf>> {
    let mut found = Vec::new();
    for entry in directory.read_dir_utf8()? {
        let entry = entry?;
        if entry.file_name().starts_with('.') {
            continue;
        }
        let kind = std::fs::metadata(entry.path());
        match kind {
            Ok(kind) if kind.is_dir() => {
                let names = ["status", "status.gz", "status.xz", "status.zst", "status.bz2"];
                let mut inside = names.iter().map(|name| entry.path().join(name));
                found.extend(inside.find(|path| path.is_file()));
            }
            Ok(kind) if kind.is_file() => found.push(entry.into_path()),
            // Pipes and devices are read where they are named, and a link to nothing is not a machine.
            _ => {}
        }
    }
    found.sort();
    Ok(found)
}

/// Returns the name of the machine that a file belongs to, if no other file has the same.
fn machine_of(path: &Utf8Path) -> String {
    let name = path.file_name().unwrap_or(path.as_str());
    let plain = name.strip_suffix(Compression::of_name(name).suffix()).unwrap_or(name);
    match plain {
        "status" => path.parent().and_then(Utf8Path::file_name).unwrap_or(plain).to_owned(),
        _ => plain.strip_suffix(".status").unwrap_or(plain).to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::machine_of;

    #[test]
    fn a_machine_is_called_as_its_file_or_directory() {
        for (path, name) in [
            ("fleet/web1", "web1"),
            ("fleet/web1.example.org.status.gz", "web1.example.org"),
            ("fleet/web1.xz", "web1"),
            ("fleet/web1/status", "web1"),
            ("status", "status"),
            ("-", "-"),
        ] {
            assert_eq!(machine_of(path.into()), name);
        }
    }
}
