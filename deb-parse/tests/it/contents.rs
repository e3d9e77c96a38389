//! What is in the files of a package: shown while it goes by, with checksums, compared with `md5sums`; and compressed files.

use crate::fixture::*;
use deb_parse::checksum::{HashKinds, Md5, Sha256};
use deb_parse::deb::{self, Compression, EntryKind, Md5sumsProblem, Options};
use deb_parse::{Architecture, Error, Limits, PackageName, Version};
use std::io::{self, ErrorKind, Read as _};

fn builder() -> deb::Builder {
    let name = PackageName::parse("hello").unwrap();
    deb::Builder::new(name, Version::parse("1.0").unwrap(), Architecture::parse("all").unwrap())
}

fn with_md5() -> Options {
    Options { file_hashes: Some(HashKinds { md5: true, ..HashKinds::default() }), ..Options::default() }
}

fn deb_of(control: &[u8], data: &[u8]) -> Vec<u8> {
    ar(&[VERSION, ("control.tar.gz", &gz(control)), ("data.tar.gz", &gz(data))])
}

/// A package with a control file and data entries as they are.
fn package(md5sums: &str, data: Tar) -> Vec<u8> {
    let control = Tar::new().file("./control", CONTROL).file("./md5sums", md5sums);
    deb_of(&control.end(), &data.end())
}

#[test]
fn a_visitor_reads_as_much_as_it_wants_and_changes_nothing_of_the_rest() {
    let large: Vec<u8> = (0..200_000_u32).flat_map(u32::to_le_bytes).collect();
    let log = "hello (1.0) sid; urgency=low\n\n  * New.\n\n -- A <a@example.org>  Sat, 01 Jan 2022 10:00:00 +0000\n";
    let bytes = builder()
        .file("etc/hello.conf", "x=1\n", 0o644)
        .conffile("etc/hello.conf")
        .file("usr/lib/hello/large", large.clone(), 0o644)
        .file("usr/share/doc/hello/changelog", log, 0o644)
        .symlink("usr/bin/hi", "hello")
        .build()
        .unwrap();
    let options = Options { changelog: Some(1000), ..with_md5() };
    let plain = deb::read(&bytes[..], &options).unwrap();
    for part in [0, 3, 70_000, u64::MAX] {
        let mut shown = Vec::new();
        let package = deb::read_with(&bytes[..], &options, |file, content| {
            let mut start = Vec::new();
            content.take(part).read_to_end(&mut start)?;
            assert_eq!((file.kind, &file.hashes), (EntryKind::File, &None));
            shown.push((file.path.clone(), start));
            Ok(())
        })
        .unwrap();
        let start =
            |content: &[u8]| content.iter().copied().take(part.min(1 << 30) as usize).collect::<Vec<u8>>();
        assert_eq!(
            shown,
            [
                (b"etc/hello.conf".to_vec(), start(b"x=1\n")),
                (b"usr/lib/hello/large".to_vec(), start(&large)),
                (b"usr/share/doc/hello/changelog".to_vec(), start(log.as_bytes())),
            ]
        );
        assert_eq!(package.files, plain.files);
        assert_eq!(package.conffiles, plain.conffiles);
        assert_eq!(package.changelog, plain.changelog);
        assert_eq!((package.sha256, package.installed_size), (plain.sha256, plain.installed_size));
    }
    assert_eq!(plain.conffiles[0].sha256, Some(Sha256::of(b"x=1\n")));
    assert_eq!(plain.changelog.unwrap().text, log);
}

#[test]
fn what_a_visitor_gives_ends_the_reading_and_what_the_archive_gives_is_told_as_ever() {
    let bytes = builder().file("usr/bin/hello", vec![1; 100_000], 0o755).build().unwrap();
    let refused = deb::read_with(&bytes[..], &Options::default(), |_, _| Err(io::Error::other("no")));
    assert!(matches!(refused, Err(Error::Io(error)) if error.to_string() == "no"));
    let data = Tar::new().raw(&Header::new(b"./a", b'0', 5000), &[0; 512]);
    let cut = deb_of(&Tar::new().file("./control", CONTROL).end(), &data.0);
    let expected = deb::read(&cut[..], &Options::default()).unwrap_err().to_string();
    // Whether the visitor passes the error on or not.
    for passes in [true, false] {
        let error = deb::read_with(&cut[..], &Options::default(), |_, content| {
            let read = io::copy(content, &mut io::sink());
            assert!(content.read(&mut [0]).is_err());
            if passes { read.map(drop) } else { Ok(()) }
        });
        assert_eq!(error.unwrap_err().to_string(), expected);
    }
}

#[test]
fn md5sums_are_compared_with_the_files() {
    let bytes =
        builder().file("usr/bin/hello", "a", 0o755).file("usr/bin/other", "b", 0o755).build().unwrap();
    let sound = deb::read(&bytes[..], &with_md5()).unwrap();
    assert_eq!(sound.md5sums_problems(), Some(vec![]));
    assert_eq!(deb::read(&bytes[..], &Options::default()).unwrap().md5sums_problems(), None);
    let [a, b] = [b"a", b"b"].map(|content| Md5::of(content));
    let text = format!(
        "{a}  usr/a\n{a}  usr/b\n{a} usr/a\n{a}  ./usr/link\n{b}  usr/a-link\n{b}  usr/none\n\n{a}  usr\n"
    );
    let data = Tar::new()
        .dir("./usr/")
        .file("./usr/a", "a")
        .file("./usr/b", "b")
        .raw(&Header::new(b"./usr/link", b'1', 0).with(157, b"./usr/a"), b"")
        .raw(&Header::new(b"./usr/a-link", b'1', 0).with(157, b"usr/a"), b"");
    let found = deb::read(&package(&text, data)[..], &with_md5()).unwrap().md5sums_problems().unwrap();
    let path = |text: &str| text.as_bytes().to_vec();
    assert_eq!(
        found,
        [
            Md5sumsProblem::Differs { path: path("usr/b") },
            Md5sumsProblem::Line { number: 3 },
            Md5sumsProblem::Differs { path: path("usr/a-link") },
            Md5sumsProblem::Missing { path: path("usr/none") },
            Md5sumsProblem::Missing { path: path("usr") },
        ]
    );
    insta::assert_snapshot!(found.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"), @r#"
    "usr/b": its content is not the one that md5sums names
    line 3 of md5sums must be a checksum, two blanks and a path
    "usr/a-link": its content is not the one that md5sums names
    "usr/none": md5sums names it, and it is not in the package
    "usr": md5sums names it, and it is not in the package
    "#);
}

#[test]
fn contents_of_small_control_files_are_kept() {
    let bytes = builder().maintainer_script("postinst", "#!/bin/sh\n").build().unwrap();
    let contents = |limit| {
        let options = Options { control_contents: limit, ..Options::default() };
        let files = deb::read(&bytes[..], &options).unwrap().control_files;
        files
            .into_iter()
            .map(|file| (file.name, file.content.map(|text| text.len() as u64 == file.size)))
            .collect::<Vec<_>>()
    };
    let named = |control, script| vec![("control".to_owned(), control), ("postinst".to_owned(), script)];
    assert_eq!(contents(None), named(None, None));
    assert_eq!(contents(Some(10)), named(None, Some(true)));
    assert_eq!(contents(Some(9)), named(None, None));
    assert_eq!(contents(Some(1000)), named(Some(true), Some(true)));
}

#[test]
fn compressed_files_are_read_as_their_programs_read_them() {
    let text: Vec<u8> = (0..300_000_u32).flat_map(u32::to_be_bytes).collect();
    let read = |format: Compression, bytes: &[u8]| {
        let mut out = Vec::new();
        format
            .reader(bytes, &Limits::default())
            .unwrap()
            .read_to_end(&mut out)
            .map(|_| out)
            .map_err(|error| error.kind())
    };
    assert_eq!(read(Compression::None, &text), Ok(text.clone()));
    for format in [Compression::Gzip, Compression::Xz, Compression::Zstd, Compression::Bzip2] {
        let pack = match format {
            Compression::Gzip => gz,
            Compression::Xz => xz,
            Compression::Zstd => zst,
            _ => bz2,
        };
        let (first, second) = text.split_at(100_001);
        let packed = pack(&text);
        assert_eq!(read(format, &packed), Ok(text.clone()));
        assert_eq!(read(format, &[pack(first), pack(second)].concat()), Ok(text.clone()));
        assert_eq!(read(format, &[&packed[..], &[0; 8]].concat()), Ok(text.clone()));
        assert_eq!(read(format, &[&packed[..], b"more"].concat()), Err(ErrorKind::InvalidData), "{format:?}");
        assert!(read(format, &packed[..packed.len() / 2]).is_err());
        assert_eq!(read(format, b""), Err(ErrorKind::UnexpectedEof), "{format:?}");
        assert!(read(format, b"no such format").is_err());
    }
}
