//! A published suite, as a client finds it on the disk of a server.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;

use camino::{Utf8Path, Utf8PathBuf};

use crate::case::{Checked, Shortfall, ensure, miss};
use crate::digest;
use crate::shell;
use crate::stanza::{self, Stanza};

/// A suite below the root of an archive.
#[derive(Clone, Debug)]
pub(crate) struct Published {
    /// The directory that holds `dists` and the files of packages.
    pub(crate) root: Utf8PathBuf,
    /// What stands behind `dists/`.
    pub(crate) distribution: String,
}

/// A file that a Release file lists, with its checksums by kind.
#[derive(Clone, Debug, Default)]
pub(crate) struct Listed {
    pub(crate) sizes: Vec<u64>,
    pub(crate) checksums: BTreeMap<String, String>,
}

/// A Release file.
#[derive(Clone, Debug)]
pub(crate) struct Release {
    pub(crate) fields: Stanza,
    pub(crate) files: BTreeMap<String, Listed>,
}

/// The forms in which an index may be published, with the programs that unpack them. The plain form is first.
pub(crate) const FORMS: [(&str, &str); 5] =
    [("", "cat"), (".xz", "xz"), (".gz", "gzip"), (".bz2", "bzip2"), (".zst", "zstd")];

/// Unpacks a file by what its name ends in.
pub(crate) fn unpacked(name: &str, bytes: &[u8]) -> Checked<Vec<u8>> {
    let form = FORMS.iter().skip(1).find(|(ending, _)| name.ends_with(ending));
    let Some((_, program)) = form else { return Ok(bytes.to_vec()) };
    shell::filter(program, &["-dc"], bytes)?
        .ok_or_else(|| Shortfall::Missed(format!("{name}: {program} does not unpack it")))
}

impl Release {
    /// Reads what stands in a Release file.
    pub(crate) fn read(text: &str) -> Checked<Self> {
        let stanzas = stanza::read(text);
        let [fields] = stanzas.as_slice() else {
            miss!("the Release file has {} paragraphs", stanzas.len());
        };
        let mut files: BTreeMap<String, Listed> = BTreeMap::new();
        for kind in digest::KINDS {
            for line in fields.text(kind).lines().filter(|line| !line.trim().is_empty()) {
                let words: Vec<&str> = line.split_whitespace().collect();
                let [checksum, size, name] = words.as_slice() else { miss!("Release has the line `{line}`") };
                let Ok(size) = size.parse() else { miss!("Release has the size `{size}`") };
                let listed = files.entry((*name).to_owned()).or_default();
                listed.sizes.push(size);
                listed.checksums.insert(kind.to_owned(), (*checksum).to_owned());
            }
        }
        Ok(Self { fields: fields.clone(), files })
    }

    /// Returns a time in a field, as seconds since 1970.
    pub(crate) fn time(&self, field: &str) -> Checked<i64> {
        let text = self.fields.text(field);
        // `GMT`, `UTC` and `+0000` are what apt takes.
        let numeric = text.replace("UTC", "+0000").replace("GMT", "+0000");
        match jiff::fmt::rfc2822::parse(&numeric) {
            Ok(time) => Ok(time.timestamp().as_second()),
            Err(error) => miss!("{field} is `{text}`: {error}"),
        }
    }

    /// Returns the strongest kind of checksums that is listed.
    pub(crate) fn strongest(&self) -> &'static str {
        digest::KINDS.into_iter().find(|kind| self.fields.get(kind).is_some()).unwrap_or("none")
    }

    /// Returns the names of listed indices without the endings of compressed forms.
    pub(crate) fn indices(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.files.keys().map(|name| plain(name)).collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

/// Returns the name of the uncompressed form of an index.
pub(crate) fn plain(name: &str) -> &str {
    FORMS.iter().skip(1).find_map(|(ending, _)| name.strip_suffix(ending)).unwrap_or(name)
}

/// Takes the signed text out of a clear-signed message (RFC 9580, section 7), without a look at the signature.
pub(crate) fn clear_text(message: &str) -> Checked<String> {
    let Some(rest) = message.strip_prefix("-----BEGIN PGP SIGNED MESSAGE-----\n") else {
        miss!("InRelease does not begin with a signed message");
    };
    let (Some((_, rest)), true) = (rest.split_once("\n\n"), rest.contains("\n-----BEGIN PGP SIGNATURE-----"))
    else {
        miss!("InRelease has no text or no signature");
    };
    let text = rest.split("\n-----BEGIN PGP SIGNATURE-----").next().unwrap_or_default();
    let lines: Vec<&str> = text.split('\n').map(|line| line.strip_prefix("- ").unwrap_or(line)).collect();
    Ok(lines.join("\n") + "\n")
}

impl Published {
    /// Returns a path below `dists/DISTRIBUTION`.
    pub(crate) fn path(&self, name: &str) -> Utf8PathBuf {
        self.root.join("dists").join(&self.distribution).join(name)
    }

    /// Reads a file below `dists/DISTRIBUTION`.
    pub(crate) fn bytes(&self, name: &str) -> Checked<Vec<u8>> {
        read(&self.path(name))
    }

    /// Reads a text below `dists/DISTRIBUTION`.
    pub(crate) fn text(&self, name: &str) -> Checked<String> {
        Ok(String::from_utf8_lossy(&self.bytes(name)?).into_owned())
    }

    /// Reads what InRelease says; nothing is verified.
    pub(crate) fn release(&self) -> Checked<Release> {
        Release::read(&clear_text(&self.text("InRelease")?)?)
    }

    /// Returns when InRelease was last changed, in whole seconds: what HTTP servers tell clients.
    pub(crate) fn modified(&self) -> Checked<i64> {
        Ok(fs::metadata(self.path("InRelease"))?.mtime())
    }

    /// Reads an index by its plain name, in the first form that is listed and there. What was read has the checksums that are listed.
    pub(crate) fn index(&self, name: &str) -> Checked<Vec<u8>> {
        let release = self.release()?;
        for (ending, _) in
            [".xz", ".gz", ""].iter().filter_map(|ending| FORMS.iter().find(|(form, _)| form == ending))
        {
            let name = format!("{name}{ending}");
            if let (Some(listed), Ok(bytes)) = (release.files.get(&name), self.bytes(&name)) {
                check(&name, listed, &bytes)?;
                return unpacked(&name, &bytes);
            }
        }
        miss!("{name}: no form of it is both listed and there");
    }

    /// Reads the stanzas of an index.
    pub(crate) fn stanzas(&self, name: &str) -> Checked<Vec<Stanza>> {
        Ok(stanza::read(&String::from_utf8_lossy(&self.index(name)?)))
    }

    /// Reads the packages of a component for an architecture.
    pub(crate) fn packages(&self, component: &str, architecture: &str) -> Checked<Vec<Stanza>> {
        self.stanzas(&format!("{component}/binary-{architecture}/Packages"))
    }

    /// Finds a package for amd64 in the component `main`; its newest version is not looked for.
    pub(crate) fn package(&self, name: &str) -> Checked<Stanza> {
        let stanzas = self.packages("main", "amd64")?;
        match stanzas.into_iter().find(|stanza| stanza.text("Package") == name) {
            Some(stanza) => Ok(stanza),
            None => miss!("main/binary-amd64/Packages has no {name}"),
        }
    }

    /// Returns the versions of a package that are listed for amd64 in the component `main`.
    pub(crate) fn versions(&self, name: &str) -> Checked<Vec<String>> {
        let stanzas = self.packages("main", "amd64")?;
        let of_name = stanzas.iter().filter(|stanza| stanza.text("Package") == name);
        Ok(of_name.map(|stanza| stanza.text("Version").to_owned()).collect())
    }

    /// Reads the file that a stanza names.
    pub(crate) fn file(&self, stanza: &Stanza) -> Checked<Vec<u8>> {
        read(&self.root.join(stanza.text("Filename")))
    }

    /// Checks everything that a client will ever check: signatures apart, each listed file that is there, at least one form of each
    /// index, and each file of a package.
    pub(crate) fn is_whole(&self) -> Checked {
        let release = self.release()?;
        for name in release.indices() {
            let mut found = false;
            for (ending, _) in FORMS {
                let name = format!("{name}{ending}");
                if let (Some(listed), Ok(bytes)) = (release.files.get(&name), self.bytes(&name)) {
                    check(&name, listed, &bytes)?;
                    found = true;
                }
            }
            let listed_size = release.files.get(name).and_then(|listed| listed.sizes.first().copied());
            ensure!(found || listed_size == Some(0), "{name}: listed, and no form of it is there");
            if name.ends_with("/Packages") {
                for stanza in self.stanzas(name)? {
                    let bytes = self.file(&stanza)?;
                    let id = stanza.id();
                    ensure!(
                        stanza.text("Size") == bytes.len().to_string(),
                        "{id}: the file has another size"
                    );
                    ensure!(
                        stanza.text("SHA256") == digest::sha256(&bytes),
                        "{id}: the file has another SHA256"
                    );
                }
            }
        }
        Ok(())
    }
}

/// Compares a file with what is listed of it.
pub(crate) fn check(name: &str, listed: &Listed, bytes: &[u8]) -> Checked {
    for size in &listed.sizes {
        ensure!(*size == bytes.len() as u64, "{name} has {} bytes; Release lists {size}", bytes.len());
    }
    for (kind, checksum) in &listed.checksums {
        ensure!(digest::of(kind, bytes) == *checksum, "{name} has another {kind} than Release lists");
    }
    Ok(())
}

/// Reads a file, and says which one is missing.
pub(crate) fn read(path: &Utf8Path) -> Checked<Vec<u8>> {
    fs::read(path).map_err(|error| {
        // The directory of the run says nothing to anybody.
        let mut names: Vec<&str> =
            path.components().rev().take(5).map(|component| component.as_str()).collect();
        names.reverse();
        Shortfall::Missed(format!("{}: {error}", names.join("/")))
    })
}

/// Returns every file and link below a directory, links not followed.
pub(crate) fn walk(root: &Utf8Path) -> Checked<Vec<Utf8PathBuf>> {
    let mut waiting = vec![root.to_owned()];
    let mut found = Vec::new();
    while let Some(directory) = waiting.pop() {
        for entry in directory.read_dir_utf8()? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                waiting.push(entry.path().to_owned());
            } else {
                found.push(entry.path().to_owned());
            }
        }
    }
    found.sort();
    Ok(found)
}
