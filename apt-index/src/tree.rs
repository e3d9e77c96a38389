//! A rendered suite on a disk.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

use deb_parse::checksum::Sha256;

use crate::suite::RenderedSuite;
use crate::{Error, RelPath};

/// The signatures of the [text](RenderedSuite::text) of a `Release`, as apt-sign or gpg make them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReleaseSignatures<'a> {
    /// The clear-signed text, for `InRelease`.
    pub inline: &'a [u8],
    /// The signature alone, for `Release.gpg`.
    pub detached: &'a [u8],
}

/// Writes a suite below the root of an archive: `dists/<suite>` with the indices, `Release`, and its signatures if there are any. Nothing is
/// signed here, and the pool is the caller's.
///
/// Each file is written beside its place, synced and renamed, so a client never reads half of one. Index files come first and `InRelease` comes
/// last. If the release has [`acquire_by_hash`](crate::release::Release::acquire_by_hash), each index file lies under its digest too, where a
/// client that read an older `InRelease` still finds those of the last time. Neither these nor the files of an architecture or a form that the suite
/// no longer has are removed. Without `signatures`, existing ones are: they would not match. Two callers must not write one suite at once.
///
/// ```
/// use apt_index::Encoding;
/// use apt_index::index::IndexOptions;
/// use apt_index::release::Release;
/// use apt_index::suite::{SuiteIndices, write_tree};
/// use deb_parse::SuiteName;
///
/// # let directory = tempfile::tempdir()?;
/// # let root = directory.path();
/// let release = Release::new(SuiteName::parse("stable")?, jiff::Timestamp::UNIX_EPOCH);
/// let suite = SuiteIndices::new(release).render(&IndexOptions::new(vec![Encoding::Xz]))?;
/// write_tree(root, &suite, None)?;
/// assert_eq!(std::fs::read_to_string(root.join("dists/stable/Release"))?, suite.text());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`Error::ReleaseField`] for a Release with neither Suite nor Codename. [`Error::Write`] names the file; what was there before it is complete, and the suite can be written again.
pub fn write_tree(
    root: &Path,
    suite: &RenderedSuite,
    signatures: Option<ReleaseSignatures<'_>>,
) -> Result<(), Error> {
    // Clients of a Release without a Suite find it by its codename.
    let names = suite.release();
    let name = names.suite.as_ref().or(names.codename.as_ref());
    let nameless = || Error::ReleaseField { field: "Suite", value: String::new() };
    let directory = RelPath::suite_directory(name.ok_or_else(nameless)?);
    for (path, bytes) in suite.files() {
        let path = directory.join(path.as_str())?;
        if suite.release().acquire_by_hash {
            write(root, &by_hash(&path, Sha256::of(bytes))?, bytes)?;
        }
        write(root, &path, bytes)?;
    }
    let [release, detached, inline] =
        ["Release", "Release.gpg", "InRelease"].map(|name| directory.join(name));
    let (release, detached, inline) = (release?, detached?, inline?);
    if signatures.is_none() {
        remove(root, &inline)?;
        remove(root, &detached)?;
    }
    write(root, &release, suite.text().as_bytes())?;
    if let Some(signatures) = signatures {
        write(root, &detached, signatures.detached)?;
        write(root, &inline, signatures.inline)?;
    }
    Ok(())
}

/// Returns where the file of that path and digest lies for clients that ask by digest.
fn by_hash(path: &RelPath, digest: Sha256) -> Result<RelPath, Error> {
    let (directory, _) = path.as_str().rsplit_once('/').unwrap_or_default();
    RelPath::parse(&format!("{directory}/by-hash/SHA256/{digest}"))
}

fn write(root: &Path, path: &RelPath, bytes: &[u8]) -> Result<(), Error> {
    write_durably(&root.join(path.as_str()), bytes)
        .map_err(|source| Error::Write { path: path.clone(), source })
}

fn write_durably(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let directory = path.parent().unwrap_or(path);
    make_directories(directory)?;
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let new = directory.join(name);
    let write = || {
        let mut file = File::create(&new)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&new, path)
    };
    if let Err(error) = write() {
        // Clients list the directory too. The first error says more than another one.
        let _ = fs::remove_file(&new);
        return Err(error);
    }
    File::open(directory)?.sync_all()
}

/// Makes a directory and those above it that are missing, each synced into the one above.
fn make_directories(directory: &Path) -> io::Result<()> {
    if directory.is_dir() {
        return Ok(());
    }
    // The parent of a relative name is the directory that the program is in.
    let above = directory.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
    make_directories(above)?;
    match fs::create_dir(directory) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => File::open(above)?.sync_all(),
    }
}

fn remove(root: &Path, path: &RelPath) -> Result<(), Error> {
    match fs::remove_file(root.join(path.as_str())) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(Error::Write { path: path.clone(), source })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use deb_parse::{Architecture, Component, SuiteName};

    use super::*;
    use crate::Encoding;
    use crate::index::IndexOptions;
    use crate::pool::PackageKind;
    use crate::release::Release;
    use crate::stanza::Stanza;
    use crate::suite::SuiteIndices;

    fn suite(version: &str, acquire_by_hash: bool) -> RenderedSuite {
        let (main, amd64) = (Component::parse("main").unwrap(), Architecture::parse("amd64").unwrap());
        let mut release = Release::new(SuiteName::parse("stable").unwrap(), jiff::Timestamp::UNIX_EPOCH);
        release.components = vec![main.clone()];
        release.architectures = vec![amd64.clone()];
        release.acquire_by_hash = acquire_by_hash;
        let mut indices = SuiteIndices::new(release);
        let text = format!("Package: hello\nVersion: {version}\n");
        let stanza = Stanza::parse(text.as_bytes()).unwrap();
        indices.push_package(&main, &amd64, PackageKind::Deb, stanza).unwrap();
        indices.render(&IndexOptions::new(vec![Encoding::Plain, Encoding::Gz])).unwrap()
    }

    /// The names of the files in a directory.
    fn names(directory: &Path) -> BTreeSet<String> {
        let entries = fs::read_dir(directory).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    const SIGNATURES: ReleaseSignatures<'_> = ReleaseSignatures { inline: b"inline", detached: b"detached" };

    #[test]
    fn every_file_that_is_listed_lies_there_by_its_name_and_by_its_digest() {
        let root = tempfile::tempdir().unwrap();
        let suite = suite("1.0", true);
        write_tree(root.path(), &suite, Some(SIGNATURES)).unwrap();
        let directory = root.path().join("dists/stable");
        assert_eq!(
            names(&directory),
            BTreeSet::from(["InRelease", "Release", "Release.gpg", "main"].map(String::from))
        );
        assert_eq!(fs::read(directory.join("InRelease")).unwrap(), b"inline");
        assert_eq!(suite.release().files.len(), 2);
        for (path, listed) in &suite.release().files {
            let bytes = fs::read(directory.join(path.as_str())).unwrap();
            assert_eq!((bytes.len() as u64, Sha256::of(&bytes)), (listed.size, listed.sha256));
            let by_hash = format!("main/binary-amd64/by-hash/SHA256/{}", listed.sha256);
            assert_eq!(fs::read(directory.join(by_hash)).unwrap(), bytes);
        }
    }

    #[test]
    fn what_the_last_release_named_stays_by_its_digest_and_old_signatures_go() {
        let root = tempfile::tempdir().unwrap();
        write_tree(root.path(), &suite("1.0", true), Some(SIGNATURES)).unwrap();
        write_tree(root.path(), &suite("2.0", true), None).unwrap();
        let directory = root.path().join("dists/stable");
        assert_eq!(names(&directory), BTreeSet::from(["Release", "main"].map(String::from)));
        assert_eq!(names(&directory.join("main/binary-amd64/by-hash/SHA256")).len(), 4);
        let index = fs::read_to_string(directory.join("main/binary-amd64/Packages")).unwrap();
        assert_eq!(index, "Package: hello\nVersion: 2.0\n\n");
    }

    #[test]
    fn without_acquire_by_hash_nothing_lies_under_its_digest_and_nothing_says_so() {
        let root = tempfile::tempdir().unwrap();
        let suite = suite("1.0", false);
        write_tree(root.path(), &suite, None).unwrap();
        assert!(!suite.text().contains("Acquire-By-Hash"));
        let names = names(&root.path().join("dists/stable/main/binary-amd64"));
        assert_eq!(names, BTreeSet::from(["Packages", "Packages.gz"].map(String::from)));
    }

    #[test]
    fn a_file_that_cannot_be_written_is_named() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("dists"), "in the way").unwrap();
        let error = write_tree(root.path(), &suite("1.0", false), None).unwrap_err();
        assert_eq!(error.to_string(), "cannot write or remove dists/stable/main/binary-amd64/Packages");
    }

    #[test]
    fn a_file_that_cannot_take_its_place_leaves_nothing_beside_it() {
        let root = tempfile::tempdir().unwrap();
        let directory = root.path().join("dists/stable/main/binary-amd64");
        fs::create_dir_all(directory.join("Packages/in-the-way")).unwrap();
        let _ = write_tree(root.path(), &suite("1.0", false), None).unwrap_err();
        assert_eq!(names(&directory), BTreeSet::from(["Packages".to_owned()]));
    }
}
