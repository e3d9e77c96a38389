//! Reads a published tree as a client would and trusts nothing in it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read as _;
use std::time::SystemTime;

use apt_sign::Keyring;
use camino::{Utf8Path, Utf8PathBuf};
use deb_parse::checksum::Sha256;
use deb_parse::control::{PackagesStanza, Release, SourcesStanza};
use deb_parse::{Limits, deb822};
use testkit::Environment;

/// The packages of each suite, as `NAME VERSION ARCHITECTURE`.
pub(crate) type Content = BTreeMap<String, BTreeSet<String>>;

/// A published repository and what its clients know.
pub(crate) struct Published {
    root: Utf8PathBuf,
    keyring: Keyring,
}

impl Published {
    /// The repository, with the keys it had when this was called.
    pub(crate) fn of(environment: &Environment, repository: &str) -> Self {
        let key = environment.run(&["key", "export"]).succeeds().stdout;
        let keyring = Keyring::parse(key.as_bytes()).unwrap();
        Self { root: environment.public(repository), keyring }
    }

    /// The repository, with the keys that are published in it.
    pub(crate) fn with_its_keys(environment: &Environment, repository: &str) -> Self {
        let root = environment.public(repository);
        let keyring = Keyring::parse(&fs::read(root.join("key.gpg")).unwrap()).unwrap();
        Self { root, keyring }
    }

    /// Reads everything that clients can reach from `dists`; the content of each suite, or what is wrong.
    pub(crate) fn read(&self) -> Result<Content, String> {
        // One look at the link, as a web server's document root has it: what follows must be consistent.
        let dists =
            self.root.join(self.root.join("dists").read_link_utf8().map_err(|e| format!("dists: {e}"))?);
        let mut content = Content::new();
        for entry in dists.read_dir_utf8().map_err(|e| format!("{dists}: {e}"))? {
            let entry = entry.map_err(|e| e.to_string())?;
            content.insert(entry.file_name().to_owned(), self.read_suite(entry.path())?);
        }
        Ok(content)
    }

    fn read_suite(&self, directory: &Utf8Path) -> Result<BTreeSet<String>, String> {
        let signed = read(&directory.join("InRelease"))?;
        let now = SystemTime::now();
        let verified = self.keyring.verify_inline(&signed, now).map_err(|e| format!("{directory}: {e}"))?;
        let text = read(&directory.join("Release"))?;
        if verified.text().trim_ascii_end() != text.trim_ascii_end() {
            return Err(format!("{directory}: InRelease and Release differ"));
        }
        let detached = read(&directory.join("Release.gpg"))?;
        self.keyring.verify_detached(&text, &detached, now).map_err(|e| format!("{directory}: {e}"))?;
        let release = Release::parse(&text, &Limits::default()).map_err(|e| e.to_string())?;
        let mut packages = BTreeSet::new();
        for file in release.files() {
            let sha256 = file.sha256.ok_or_else(|| format!("{}: no SHA256", file.path))?;
            let path = directory.join(&file.path);
            let by_hash = path.parent().unwrap().join("by-hash/SHA256").join(sha256.to_string());
            let plain = path.extension().is_none();
            // The uncompressed form is listed and need not be there.
            if plain && !path.exists() {
                continue;
            }
            for path in [&path, &by_hash] {
                let bytes = read(path)?;
                if bytes.len() as u64 != file.size || Sha256::of(&bytes) != sha256 {
                    return Err(format!("{path} is not what {directory}/Release lists"));
                }
            }
            match path.file_name() {
                Some("Packages.xz") => self.read_packages(&path, &mut packages)?,
                Some("Sources.xz") => self.read_sources(&path, &mut packages)?,
                _ => {}
            }
        }
        Ok(packages)
    }

    fn read_sources(&self, path: &Utf8Path, packages: &mut BTreeSet<String>) -> Result<(), String> {
        for paragraph in deb822::paragraphs(&decompressed(path)?) {
            let stanza = SourcesStanza::new(paragraph);
            let read_fields = || {
                let name = format!("{} {} source", stanza.package()?, stanza.version()?);
                Ok::<_, deb_parse::Error>((name, stanza.directory()?, stanza.files()?))
            };
            let (name, directory, files) = read_fields().map_err(|e| format!("{path}: {e}"))?;
            for listed in files {
                let file = read(&self.root.join(directory).join(&listed.path))?;
                if file.len() as u64 != listed.size || Some(Sha256::of(&file)) != listed.sha256 {
                    return Err(format!("{} is not what {path} lists", listed.path));
                }
            }
            packages.insert(name);
        }
        Ok(())
    }

    fn read_packages(&self, path: &Utf8Path, packages: &mut BTreeSet<String>) -> Result<(), String> {
        for paragraph in deb822::paragraphs(&decompressed(path)?) {
            let stanza = PackagesStanza::new(paragraph);
            let read_fields = || {
                let name = format!("{} {} {}", stanza.package()?, stanza.version()?, stanza.architecture()?);
                Ok::<_, deb_parse::Error>((name, stanza.filename()?, stanza.size()?, stanza.sha256()?))
            };
            let (name, filename, size, sha256) = read_fields().map_err(|e| format!("{path}: {e}"))?;
            let file = read(&self.root.join(filename))?;
            if file.len() as u64 != size || Some(Sha256::of(&file)) != sha256 {
                return Err(format!("{filename} is not what {path} lists"));
            }
            packages.insert(name);
        }
        Ok(())
    }
}

/// Reads one stream, as apt does.
fn decompressed(path: &Utf8Path) -> Result<Vec<u8>, String> {
    let mut text = Vec::new();
    xz2::read::XzDecoder::new(&read(path)?[..])
        .read_to_end(&mut text)
        .map_err(|error| format!("{path}: {error}"))?;
    Ok(text)
}

fn read(path: &Utf8Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|error| format!("{path}: {error}"))
}
