//! Source packages and uploads of them, as dpkg-source and dpkg-genchanges make them.

use std::io::Write as _;

use camino::{Utf8Path, Utf8PathBuf};
use deb_parse::checksum::{HashKinds, Hasher};
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::package::{tar, tar_member};

/// A source package in the making: its files lie in one directory, and so will its `.dsc`.
#[derive(Debug)]
pub struct Source {
    directory: Utf8PathBuf,
    name: String,
    version: String,
    fields: String,
}

impl Source {
    /// A source package without files.
    #[must_use]
    pub fn new(directory: &Utf8Path, name: &str, version: &str) -> Self {
        let fields = String::new();
        Self { directory: directory.to_owned(), name: name.to_owned(), version: version.to_owned(), fields }
    }

    /// With one more field in its `.dsc`.
    #[must_use]
    pub fn field(mut self, name: &str, value: &str) -> Self {
        self.fields += &format!("{name}: {value}\n");
        self
    }

    /// Writes a package of format 3.0 (native): one tarball. Returns the `.dsc`.
    ///
    /// # Panics
    /// When that fails.
    #[must_use]
    pub fn native(&self) -> Utf8PathBuf {
        let tarball =
            self.write(&format!("{}.tar.gz", self.full()), &self.tarball(&["debian/control", "hello.c"]));
        self.dsc("3.0 (native)", &[&tarball])
    }

    /// Writes a package of format 3.0 (quilt): the upstream tarball and the Debian one. Returns the `.dsc`.
    ///
    /// # Panics
    /// When that fails.
    #[must_use]
    pub fn quilt(&self) -> Utf8PathBuf {
        let upstream = self.upstream();
        let debian = self.debian_tarball();
        let debian = self.write(&format!("{}.debian.tar.gz", self.full()), &debian);
        self.dsc("3.0 (quilt)", &[&upstream, &debian])
    }

    /// Writes a package of format 1.0: the upstream tarball and a diff. Returns the `.dsc`.
    ///
    /// # Panics
    /// When that fails.
    #[must_use]
    pub fn with_diff(&self) -> Utf8PathBuf {
        let upstream = self.upstream();
        let (name, version) = (&self.name, self.upstream_version());
        let diff = format!(
            "--- {name}-{version}.orig/debian/control\n+++ {name}-{version}/debian/control\n@@ -0,0 +1,1 @@\n+Source: {name}\n"
        );
        let diff = self.write(&format!("{}.diff.gz", self.full()), &gzip(diff.as_bytes()));
        self.dsc("1.0", &[&upstream, &diff])
    }

    /// Writes a `.changes` that lists these files, which lie in the directory. Returns it.
    ///
    /// # Panics
    /// When that fails.
    #[must_use]
    pub fn changes(&self, distribution: &str, architectures: &str, files: &[&str]) -> Utf8PathBuf {
        let text = format!(
            "Format: 1.8\nDate: Sat, 21 Nov 2026 08:00:00 +0000\nSource: {name}\nBinary: {name}\n\
             Architecture: {architectures}\nVersion: {version}\nDistribution: {distribution}\nUrgency: medium\n\
             Maintainer: Test <test@example.org>\nDescription:\n {name} - a package of the tests\nChanges:\n {name} ({version})\n{lists}",
            name = self.name,
            version = self.version,
            lists = self.lists(files, "misc optional "),
        );
        let name = self.write(&format!("{}_upload.changes", self.full()), text.as_bytes());
        self.directory.join(name)
    }

    /// Writes a `.buildinfo` that says how these files were built, which lie in the directory. Returns it.
    ///
    /// # Panics
    /// When that fails.
    #[must_use]
    pub fn buildinfo(&self, architecture: &str, files: &[&str]) -> Utf8PathBuf {
        let lists = self.lists(files, "");
        let text = format!(
            "Format: 1.0\nSource: {name}\nBinary: {name}\nArchitecture: {architecture}\nVersion: {version}\n{lists}\
             Build-Origin: Test\nBuild-Architecture: amd64\nInstalled-Build-Depends:\n gcc (= 4:12.2.0-3)\n",
            name = self.name,
            version = self.version,
            lists = lists.split("Files:").next().unwrap_or_default(),
        );
        let name = self.write(&format!("{}_{architecture}.buildinfo", self.full()), text.as_bytes());
        self.directory.join(name)
    }

    fn version_in_names(&self) -> &str {
        self.version.split_once(':').map_or(self.version.as_str(), |(_, rest)| rest)
    }

    fn upstream_version(&self) -> &str {
        let version = self.version_in_names();
        version.rsplit_once('-').map_or(version, |(upstream, _)| upstream)
    }

    fn full(&self) -> String {
        format!("{}_{}", self.name, self.version_in_names())
    }

    fn upstream(&self) -> String {
        self.write(
            &format!("{}_{}.orig.tar.gz", self.name, self.upstream_version()),
            &self.tarball(&["hello.c"]),
        )
    }

    /// The files of the package below the directory that upstream tarballs have.
    fn tarball(&self, names: &[&str]) -> Vec<u8> {
        let top = format!("{}-{}", self.name, self.upstream_version());
        let member = |name: &&str| tar_member(&format!("{top}/{name}"), self.content(name).as_bytes());
        gzip(&tar(names.iter().flat_map(member).collect()))
    }

    fn debian_tarball(&self) -> Vec<u8> {
        let members = ["debian/control", "debian/source/format"];
        gzip(&tar(members.iter().flat_map(|name| tar_member(name, self.content(name).as_bytes())).collect()))
    }

    fn content(&self, name: &str) -> String {
        match name {
            "debian/control" => format!("Source: {}\nMaintainer: Test <test@example.org>\n", self.name),
            "debian/source/format" => "3.0 (quilt)\n".to_owned(),
            _ => format!("/* {name} of {} {} */\n", self.name, self.upstream_version()),
        }
    }

    /// Writes a `.dsc` that lists these files, which lie in the directory. Returns it.
    ///
    /// # Panics
    /// When that fails.
    #[must_use]
    pub fn dsc(&self, format: &str, files: &[&str]) -> Utf8PathBuf {
        let text = format!(
            "Format: {format}\nSource: {name}\nBinary: {name}\nArchitecture: any\nVersion: {version}\n\
             Maintainer: Test <test@example.org>\n{fields}Package-List:\n {name} deb misc optional arch=any\n{lists}",
            name = self.name,
            version = self.version,
            fields = self.fields,
            lists = self.lists(files, ""),
        );
        self.directory.join(self.write(&format!("{}.dsc", self.full()), text.as_bytes()))
    }

    /// The lists of checksums of files; `details` stand before the names in `Files`.
    fn lists(&self, files: &[&str], details: &str) -> String {
        let [mut sha1, mut sha256, mut md5] = [const { String::new() }; 3];
        for name in files {
            let bytes = std::fs::read(self.directory.join(name)).expect("a file to list");
            let mut hasher =
                Hasher::new(HashKinds { md5: true, sha1: true, sha512: false }).expect("all checksums");
            hasher.update(&bytes);
            let hashes = hasher.finish();
            sha1 += &format!("\n {} {} {name}", hashes.sha1.expect("a SHA-1"), hashes.size);
            sha256 += &format!("\n {} {} {name}", hashes.sha256, hashes.size);
            md5 += &format!("\n {} {} {details}{name}", hashes.md5.expect("an MD5"), hashes.size);
        }
        format!("Checksums-Sha1:{sha1}\nChecksums-Sha256:{sha256}\nFiles:{md5}\n")
    }

    fn write(&self, name: &str, bytes: &[u8]) -> String {
        std::fs::write(self.directory.join(name), bytes).expect("a file");
        name.to_owned()
    }
}

/// Always the same bytes for the same content.
fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}
