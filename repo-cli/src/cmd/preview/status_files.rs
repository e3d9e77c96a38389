//! The status files of machines, and which machine each belongs to.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};

use apt_index::parallel::parallel_map;
use apt_solve::status::{Fleet, StateId, Status, StatusError};
use camino::{Utf8Path, Utf8PathBuf};
use deb_parse::deb::Compression;

use crate::error::Failure;
use crate::session::processors;

/// How many bytes the packages and states of all machines may have: 20,000 machines with 3,000 packages each, no two in the same state, stay below it.
const MAX_FLEET_BYTES: usize = 1024 * 1024 * 1024;

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
    /// Why it cannot be read, as far as that is known already.
    problem: Option<String>,
}

/// What was read of a file: its digest, and its content unless it is known.
type Reading = Result<(blake3::Hash, Option<Status>), String>;

impl Machines {
    /// Reads status files. What is wrong with one file does not stop the others.
    pub(super) fn read(paths: &[Utf8PathBuf]) -> Result<Self, Failure> {
        Ok(Self::read_files(&find(paths)?, MAX_FLEET_BYTES))
    }

    fn read_files(files: &[StatusFile], max_bytes: usize) -> Self {
        let mut machines = Self { fleet: Fleet::default(), names: HashMap::new(), unreadable: Vec::new() };
        let mut known: HashMap<blake3::Hash, StateId> = HashMap::new();
        // A few at a time: what was read of these is in memory at once.
        for files in files.chunks(processors().get()) {
            let readings = parallel_map(files, processors(), |file| file.read(&known));
            for (file, reading) in files.iter().zip(readings) {
                let state = reading.and_then(|(digest, status)| match (known.get(&digest), status) {
                    (Some(state), _) => Ok(*state),
                    (None, Some(status)) if machines.fleet.bytes() < max_bytes => {
                        let state = machines.fleet.add(&status);
                        known.insert(digest, state);
                        Ok(state)
                    }
                    (None, _) => Err("the machines before it have too many different packages".to_owned()),
                });
                match state {
                    Ok(state) => machines.names.entry(state).or_default().push(file.machine.clone()),
                    Err(reason) => machines.unreadable.push((file.machine.clone(), reason)),
                }
            }
        }
        machines.names.values_mut().for_each(|names| names.sort());
        machines.unreadable.sort();
        machines
    }

    /// Returns how many machines there are, with those that cannot be read.
    pub(super) fn len(&self) -> usize {
        self.names.values().map(Vec::len).sum::<usize>() + self.unreadable.len()
    }
}

impl StatusFile {
    fn read(&self, known: &HashMap<blake3::Hash, StateId>) -> Reading {
        if let Some(problem) = &self.problem {
            return Err(problem.clone());
        }
        let (path, limit) = (&self.path, Status::MAX_BYTES + 1);
        let mut bytes = Vec::new();
        let read = match path.as_str() {
            "-" => io::stdin().lock().take(limit).read_to_end(&mut bytes),
            _ => File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes)),
        };
        read.map_err(|error| error.to_string())?;
        if bytes.len() as u64 > Status::MAX_BYTES {
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
            let inside = in_directory(path).map_err(io)?;
            if inside.is_empty() {
                let what = "no status files in this directory".to_owned();
                return Err(Failure::UnusableFile { path: path.clone(), what });
            }
            found.extend(inside);
        } else {
            found.push((path.clone(), None));
        }
    }
    let mut numbers: HashMap<String, usize> = HashMap::new();
    found.iter().for_each(|(path, _)| *numbers.entry(machine_of(path)).or_default() += 1);
    let files = found.into_iter().map(|(path, problem)| {
        let name = machine_of(&path);
        // A name that several files give is not one.
        let machine = if numbers.get(&name) == Some(&1) { name } else { path.to_string() };
        StatusFile { path, machine, problem }
    });
    Ok(files.collect())
}

/// Returns what is in a directory, in order: each file or directory is a machine, and where it cannot be one, the reason is with it. A machine left out
/// would be taken for one that is fine.
fn in_directory(directory: &Utf8Path) -> io::Result<Vec<(Utf8PathBuf, Option<String>)>> {
    let mut found = Vec::new();
    for entry in directory.read_dir_utf8()? {
        let entry = entry?;
        if entry.file_name().starts_with('.') {
            continue;
        }
        let path = entry.into_path();
        found.push(match std::fs::metadata(&path) {
            Ok(kind) if kind.is_dir() => of_host(&path),
            Ok(kind) if kind.is_file() => (path, None),
            // Pipes and devices are read where they are named.
            Ok(_) => (path, Some("not a file or directory".to_owned())),
            Err(error) => (path, Some(error.to_string())),
        });
    }
    found.sort();
    Ok(found)
}

/// Returns the status file in the directory of a machine, or why it cannot be read.
fn of_host(host: &Utf8Path) -> (Utf8PathBuf, Option<String>) {
    for name in ["status", "status.gz", "status.xz", "status.zst", "status.bz2"] {
        let path = host.join(name);
        let problem = match std::fs::metadata(&path) {
            Ok(kind) if kind.is_file() => None,
            Ok(_) => Some(format!("{name} is not a file")),
            // A link to nothing is there as a link.
            Err(error) if error.kind() == io::ErrorKind::NotFound && !path.is_symlink() => continue,
            Err(error) => Some(format!("{name}: {error}")),
        };
        return (path, problem);
    }
    (host.join("status"), Some("no status file in this directory".to_owned()))
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
    use std::os::unix::fs::symlink;

    use camino::Utf8Path;

    use super::{Machines, find, machine_of};

    /// Writes a status file with one package.
    fn write(path: &Utf8Path, package: &str) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let fields = "Status: install ok installed\nArchitecture: amd64\nVersion: 1\n";
        std::fs::write(path, format!("Package: {package}\n{fields}")).unwrap();
    }

    #[test]
    fn a_machine_whose_status_cannot_be_read_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let fleet = Utf8Path::from_path(directory.path()).unwrap();
        write(&fleet.join("web1/status"), "app");
        write(&fleet.join("pipes/status/x"), "app");
        std::fs::create_dir(fleet.join("empty")).unwrap();
        std::fs::create_dir(fleet.join("dangling")).unwrap();
        symlink("nowhere", fleet.join("dangling/status")).unwrap();
        // What may not be looked at and what leads to itself fail alike, and root may look at everything.
        std::fs::create_dir(fleet.join("loop")).unwrap();
        symlink("status", fleet.join("loop/status")).unwrap();
        symlink("nowhere", fleet.join("link")).unwrap();
        let _listener = std::os::unix::net::UnixListener::bind(fleet.join("socket")).unwrap();
        let machines = Machines::read(&[fleet.to_owned()]).unwrap();
        assert_eq!(machines.names.values().flatten().collect::<Vec<_>>(), ["web1"]);
        let unreadable = machines.unreadable.iter().map(|(machine, reason)| format!("{machine}: {reason}\n"));
        insta::assert_snapshot!(unreadable.collect::<String>(), @"
        dangling: status: No such file or directory (os error 2)
        empty: no status file in this directory
        link: No such file or directory (os error 2)
        loop: status: Too many levels of symbolic links (os error 40)
        pipes: status is not a file
        socket: not a file or directory
        ");
    }

    #[test]
    fn machines_that_are_too_much_are_named_and_known_states_are_not() {
        let directory = tempfile::tempdir().unwrap();
        let fleet = Utf8Path::from_path(directory.path()).unwrap();
        for (machine, package) in [("a", "app"), ("b", "other"), ("c", "app")] {
            write(&fleet.join(machine), package);
        }
        let machines = Machines::read_files(&find(&[fleet.to_owned()]).unwrap(), 1);
        assert_eq!(machines.names.values().flatten().collect::<Vec<_>>(), ["a", "c"]);
        assert_eq!(machines.unreadable.len(), 1);
        assert_eq!(machines.unreadable[0].0, "b");
    }

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
