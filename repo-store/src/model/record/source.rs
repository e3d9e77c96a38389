//! Making the record of a source package.

use std::fmt::Write as _;

use apt_index::pool::{PackageKind, source_directory};
use apt_index::stanza::{IndexedFile, SourceFacts, Stanza};
use deb_parse::control::Dsc;
use deb_parse::{Component, PackageName, Version};

use super::{Build, FILES, Record, RecordKey, check_reserved};
use crate::model::id::BlobId;

/// A file of a source package that was read and is what its `.dsc` says.
#[derive(Clone, Debug)]
pub(crate) struct SourceFile {
    pub(crate) blob: BlobId,
    pub(crate) listed: IndexedFile,
}

impl Record {
    /// The record of a source package: `own` is the `.dsc` itself, `others` are the files that it lists, in its order.
    ///
    /// # Errors
    /// [`apt_index::Error`] when the `.dsc` cannot be listed in an index, or lists a file that cannot lie in the pool.
    pub(crate) fn of_source(
        dsc: &Dsc,
        component: Component,
        section: Option<(&str, &str)>,
        own: &SourceFile,
        others: &[SourceFile],
    ) -> Result<Self, apt_index::Error> {
        check_reserved(dsc.paragraph())?;
        let stanza_error = |rule| apt_index::Error::Stanza { rule };
        if others.is_empty() {
            return Err(stanza_error("a source package has more files than its .dsc"));
        }
        for file in others {
            check_name(dsc, &file.listed.name).map_err(stanza_error)?;
        }
        let facts = SourceFacts {
            directory: source_directory(&component, dsc.source(), dsc.version())?,
            section,
            files: std::iter::once(own).chain(others).map(|file| file.listed.clone()).collect(),
        };
        let stanza = Stanza::render_source(dsc, &facts)?;
        let key = Self::key_of_source(dsc)?;
        let mut list = format!("{FILES}:\n");
        for SourceFile { blob, listed } in others {
            // Writing to a String cannot fail.
            let _ = writeln!(list, " {blob} {}", listed.name);
        }
        Self::assemble(key, PackageKind::Deb, own.blob, component, stanza, &list)
    }

    /// The key of a source package.
    ///
    /// # Errors
    /// [`apt_index::Error::Stanza`] when no package could be called that.
    pub(crate) fn key_of_source(dsc: &Dsc) -> Result<RecordKey, apt_index::Error> {
        let package = PackageName::parse(dsc.source().as_str());
        let package =
            package.map_err(|_| apt_index::Error::Stanza { rule: "its name is not a valid package name" })?;
        Ok(RecordKey { package, version: dsc.version().clone(), architecture: Build::Source })
    }

    /// The name of the `.dsc` of a source package in the pool, whatever it was called when it arrived.
    pub(crate) fn dsc_name(dsc: &Dsc) -> String {
        format!("{}_{}.dsc", dsc.source(), without_epoch(dsc.version()))
    }
}

/// A file in the pool is called after its source package and version: so it meets neither files of others nor package files,
/// which have two underscores in their names.
fn check_name(dsc: &Dsc, name: &str) -> Result<(), &'static str> {
    let full = without_epoch(dsc.version());
    let upstream = full.rsplit_once('-').map_or(full, |(upstream, _)| upstream);
    let rest = name.strip_prefix(&format!("{}_{upstream}", dsc.source()));
    if !rest.is_some_and(|rest| rest.starts_with(['.', '-'])) {
        return Err("the name of a file that it lists does not start with `<source>_<upstream version>`");
    }
    let plain = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'+' | b'~' | b'-');
    if !rest.is_some_and(|rest| rest.bytes().all(plain)) || name.ends_with(".dsc") {
        return Err("a file that it lists is called as no part of a source package is");
    }
    Ok(())
}

pub(super) fn without_epoch(version: &Version) -> &str {
    let text = version.as_str();
    text.split_once(':').map_or(text, |(_, rest)| rest)
}

#[cfg(test)]
mod tests {
    use deb_parse::checksum::{Md5, Sha256};
    use deb_parse::{Limits, deb822};

    use super::*;

    fn dsc(version: &str) -> Dsc {
        let text = format!(
            "Format: 3.0 (quilt)\nSource: hello\nBinary: hello, hello-data\nArchitecture: any\nVersion: {version}\n\
             Maintainer: A <a@example.org>\nDirectory: ../..\nPackage-List:\n hello deb misc optional arch=any\n\
             Checksums-Sha256:\n {:064} 7 hello_2.10.orig.tar.gz\n {:064} 8 hello_2.10-3.debian.tar.xz\n",
            1, 2
        );
        Dsc::parse(text.as_bytes(), &Limits::default()).unwrap()
    }

    fn file(name: &str, size: u64) -> SourceFile {
        let (sha256, md5) = (Sha256::from_bytes([size.to_le_bytes()[0]; 32]), Md5::from_bytes([0xcd; 16]));
        let listed = IndexedFile { name: name.to_owned(), size, sha256, md5: Some(md5), sha1: None };
        SourceFile { blob: BlobId::of(name.as_bytes()), listed }
    }

    fn record(version: &str, others: &[&str]) -> Result<Record, apt_index::Error> {
        let others: Vec<SourceFile> = others.iter().zip(7..).map(|(name, size)| file(name, size)).collect();
        let dsc = dsc(version);
        let own = file(&Record::dsc_name(&dsc), 1200);
        Record::of_source(&dsc, Component::parse("main").unwrap(), Some(("misc", "optional")), &own, &others)
    }

    #[test]
    fn a_record_of_a_source_package_leads_to_all_its_files() {
        let record = record("2.10-3", &["hello_2.10.orig.tar.gz", "hello_2.10-3.debian.tar.xz"]).unwrap();
        insta::assert_snapshot!(String::from_utf8_lossy(record.as_bytes()), @"
        Package: hello
        Format: 3.0 (quilt)
        Binary: hello, hello-data
        Architecture: any
        Version: 2.10-3
        Maintainer: A <a@example.org>
        Package-List:
         hello deb misc optional arch=any
        Priority: optional
        Section: misc
        Directory: pool/main/h/hello
        Files:
         cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd 1200 hello_2.10-3.dsc
         cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd 7 hello_2.10.orig.tar.gz
         cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd 8 hello_2.10-3.debian.tar.xz
        Checksums-Sha256:
         b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0 1200 hello_2.10-3.dsc
         0707070707070707070707070707070707070707070707070707070707070707 7 hello_2.10.orig.tar.gz
         0808080808080808080808080808080808080808080808080808080808080808 8 hello_2.10-3.debian.tar.xz
        Store-Blob: 3b4548d30490ad1bbfaa1da4f11286f1d0c7fd3e298fe259176ddb08ca6c027d
        Store-Component: main
        Store-Files:
         52728af2aa91bd78eb42a0b0d96855c636bbbef9cc96e6cf30dda30ab65f7fbc hello_2.10.orig.tar.gz
         1a0e8c16bf84fd3308593bd8f2472dd4f5941625025b451185e998b8c6cfacd0 hello_2.10-3.debian.tar.xz
        ");
        assert_eq!(record.key().to_string(), "hello 2.10-3 source");
        assert_eq!(RecordKey::parse("hello 2.10-3 source").as_ref(), Some(record.key()));
        let files: Vec<String> =
            record.files().unwrap().iter().map(|file| format!("{} {}", file.size, file.path)).collect();
        assert_eq!(
            files,
            [
                "1200 pool/main/h/hello/hello_2.10-3.dsc",
                "7 pool/main/h/hello/hello_2.10.orig.tar.gz",
                "8 pool/main/h/hello/hello_2.10-3.debian.tar.xz",
            ]
        );
        assert_eq!((record.size(), record.source().1.as_str()), (1215, "2.10-3"));
        let blobs: Vec<BlobId> = record.files().unwrap().iter().map(|file| file.blob).collect();
        assert_eq!(super::super::blobs_in(record.as_bytes()).unwrap(), blobs);
        let paragraph = deb822::paragraphs(record.as_bytes()).next().unwrap();
        assert_eq!(Record::parse(&paragraph).unwrap(), record);
    }

    #[test]
    fn a_version_with_an_epoch_has_its_own_directory() {
        let record = record("1:2.10-3", &["hello_2.10-3.tar.gz"]).unwrap();
        assert_eq!(record.pool_path().unwrap().as_str(), "pool/main/h/hello/epoch-1/hello_2.10-3.dsc");
    }

    #[test]
    fn a_file_that_could_meet_another_package_is_refused() {
        for name in [
            "hello_2.10-3_amd64.deb",
            "hello_2.10-3.dsc",
            "other_2.10.orig.tar.gz",
            "hello_2.1.orig.tar.gz",
            "hello_2.101.orig.tar.gz",
            "hello_2.10",
            "hello_2.10.orig\u{7f}.tar.gz",
        ] {
            assert!(record("2.10-3", &[name]).is_err(), "{name}");
        }
        assert!(record("2.10-3", &[]).is_err(), "a .dsc alone is no source package");
    }
}
