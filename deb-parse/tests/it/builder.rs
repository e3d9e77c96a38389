//! What we write, dpkg takes.

use crate::dpkg;
use deb_parse::deb::{self, Builder, Compression, EntryKind, Options};
use deb_parse::{Architecture, PackageName, Version};

fn builder() -> Builder {
    Builder::new(
        PackageName::parse("probe").unwrap(),
        Version::parse("1:2.0-3").unwrap(),
        Architecture::parse("all").unwrap(),
    )
    .description("greets\n A longer text.\n .\n And more.")
    .field("Maintainer", "A <a@example.org>")
    .file("usr/bin/probe", "#!/bin/sh\n", 0o755)
    .file("etc/probe.conf", "a = 1\n", 0o644)
    .file("etc/probe.d/x", vec![b'x'; 3000], 0o600)
    .file(format!("usr/share/{}", "n".repeat(150)), "long", 0o644)
    .symlink("usr/bin/alias", "probe")
    .symlink("usr/bin/far", "../".repeat(40) + "etc")
    .directory("var/lib/probe", 0o700)
    .conffile("/etc/probe.conf")
    .maintainer_script("postinst", "#!/bin/sh\nset -e\n")
    .mtime(1_700_000_000)
}

const FORMATS: [Compression; 4] = [Compression::None, Compression::Gzip, Compression::Xz, Compression::Zstd];

#[test]
fn what_is_built_is_read_again() {
    for format in FORMATS {
        let bytes = builder().compression(format).build().unwrap();
        assert_eq!(bytes, builder().compression(format).build().unwrap());
        let package = deb::read(&bytes[..], &Options::default()).unwrap();
        assert_eq!(package.control_compression, format);
        assert_eq!(package.maintainer_scripts().map(|file| &file.name).collect::<Vec<_>>(), ["postinst"]);
        assert_eq!(package.conffiles[0].line, "/etc/probe.conf");
        assert_eq!(package.control.installed_size(), package.installed_size);
        let list: String = package
            .files
            .unwrap()
            .iter()
            .filter(|file| file.path.len() < 100)
            .map(|file| {
                format!(
                    "{:?} {:o} {} {}\n",
                    file.kind,
                    file.mode,
                    file.size,
                    String::from_utf8_lossy(&file.path)
                )
            })
            .collect();
        insta::allow_duplicates! {
            insta::assert_snapshot!(list, @r"
            Directory 755 0 etc
            File 644 6 etc/probe.conf
            Directory 755 0 etc/probe.d
            File 600 3000 etc/probe.d/x
            Directory 755 0 usr
            Directory 755 0 usr/bin
            Symlink 777 0 usr/bin/alias
            Symlink 777 0 usr/bin/far
            File 755 10 usr/bin/probe
            Directory 755 0 usr/share
            Directory 755 0 var
            Directory 755 0 var/lib
            Directory 700 0 var/lib/probe
            ");
        }
    }
}

#[test]
fn the_order_of_calls_does_not_matter() {
    let new = || {
        let name = PackageName::parse("probe").unwrap();
        Builder::new(name, Version::parse("1").unwrap(), Architecture::parse("all").unwrap())
    };
    let one = new().file("a/b", "1", 0o644).file("a.c", "2", 0o644).directory("a", 0o755);
    let two = new().directory("a", 0o755).file("a.c", "2", 0o644).file("a/b", "1", 0o644);
    assert_eq!(one.build().unwrap(), two.build().unwrap());
}

#[test]
fn the_files_have_checksums_but_for_conffiles() {
    let bytes = builder().build().unwrap();
    let md5sums = deb::read(&bytes[..], &Options::default()).unwrap().md5sums.unwrap();
    insta::assert_snapshot!(String::from_utf8(md5sums).unwrap().replace(&"n".repeat(150), "<LONG>"), @"
    33d7ac42e3aa0f3146843833c23e4365  etc/probe.d/x
    3e2b31c72181b87149ff995e7202c0e3  usr/bin/probe
    0f5264038205edfb1ac05fbb0e8c5e94  usr/share/<LONG>
    ");
    let empty = Builder::new(
        PackageName::parse("probe").unwrap(),
        Version::parse("1").unwrap(),
        Architecture::parse("all").unwrap(),
    );
    assert_eq!(deb::read(&empty.build().unwrap()[..], &Options::default()).unwrap().md5sums, None);
}

/// The bytes are a promise: who rebuilds an old package gets the old checksum.
#[test]
fn the_bytes_are_pinned() {
    let bytes = builder().compression(Compression::None).build().unwrap();
    insta::assert_snapshot!(deb_parse::checksum::Sha256::of(&bytes), @"c83dd2021a0d1b909301d6218c439aa3d3f8907de505a9cbf7b17db55214d02a");
}

#[test]
fn dpkg_takes_what_is_built() {
    for format in FORMATS {
        let bytes = builder().compression(format).build().unwrap();
        let Some(reading) = dpkg::dpkg_deb(&bytes) else { return };
        let reading = reading.unwrap();
        assert_eq!(reading.fields, ["probe", "1:2.0-3", "all"]);
        assert_eq!(reading.scripts, ["conffiles", "control", "md5sums", "postinst"]);
        assert_eq!(reading.files.len(), 15);
        if let Some(status) = dpkg::unpack(&bytes) {
            assert!(status.unwrap().status.contains("Version: 1:2.0-3"));
        }
    }
}

#[test]
fn what_a_package_cannot_hold_is_refused() {
    let message = |builder: Builder| builder.build().unwrap_err().to_string();
    insta::assert_snapshot!(message(builder().file("../x", "", 0o644)), @r#"path "../x": must be elements that are neither empty nor `.` nor `..`"#);
    insta::assert_snapshot!(message(builder().file("etc/probe.conf", "", 0o644)), @r#"path "etc/probe.conf": occurs twice in the package"#);
    insta::assert_snapshot!(message(builder().file("etc/probe.conf/x", "", 0o644)), @r#"path "etc/probe.conf/x": lies below something that is not a directory"#);
    insta::assert_snapshot!(message(builder().conffile("etc/none")), @r#"conffile "etc/none": must be a file of the package"#);
    insta::assert_snapshot!(message(builder().maintainer_script("postfoo", "")), @r#"maintainer script "postfoo": must be one of those that dpkg runs"#);
    insta::assert_snapshot!(message(builder().field("Depends", "a\nFilename: x")), @r#"field value "a\nFilename: x": must have its further lines indented"#);
    insta::assert_snapshot!(message(builder().field("Version", "2")), @r#"field name "Version": occurs twice in this paragraph"#);
    insta::assert_snapshot!(message(builder().compression(Compression::Bzip2)), @r#"compression ".bz2": must be one that dpkg takes for the control archive"#);
}

#[test]
fn hard_cases_of_paths() {
    for length in [95, 96, 97, 98, 99, 100, 101, 255] {
        let name = "n".repeat(length);
        let bytes = builder().file(&name, "x", 0o644).symlink("l", &name).build().unwrap();
        let files = deb::read(&bytes[..], &Options::default()).unwrap().files.unwrap();
        let file = files.iter().find(|file| file.path == name.as_bytes()).unwrap();
        assert_eq!((file.kind, file.size), (EntryKind::File, 1));
        assert!(files.iter().any(|file| file.target == name.as_bytes()));
    }
}

/// However the input comes, and wherever a member starts in the reader's buffer.
#[test]
fn pieces_of_any_size_read_alike() {
    struct Pieces<'a>(&'a [u8], usize);
    impl std::io::Read for Pieces<'_> {
        fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
            let length = self.1.min(self.0.len()).min(out.len());
            out[..length].copy_from_slice(&self.0[..length]);
            self.0 = &self.0[length..];
            Ok(length)
        }
    }
    for format in FORMATS {
        for script in [0, 130_000, 131_000] {
            // Not to be compressed, so that the data start where a piece ends.
            let mut noise = deb_parse::checksum::Sha256::of(b"").as_bytes().to_vec();
            while noise.len() < script {
                noise.extend(deb_parse::checksum::Sha512::of(&noise[noise.len() - 32..]).as_bytes());
            }
            let bytes = builder().compression(format).maintainer_script("prerm", noise).build().unwrap();
            let expected = deb::read(&bytes[..], &Options::default()).unwrap();
            for data in [deb::Data::Skip, deb::Data::List] {
                for size in [1, 7, 4096, 131_072] {
                    let options = Options { data, ..Options::default() };
                    let package = deb::read(Pieces(&bytes, size), &options).unwrap();
                    assert_eq!(
                        (package.size, package.sha256, package.blake3),
                        (expected.size, expected.sha256, expected.blake3)
                    );
                    assert_eq!(package.sha256, deb_parse::checksum::Sha256::of(&bytes));
                }
            }
        }
    }
}

#[test]
fn failures_of_the_input_are_passed_on() {
    struct Failing<'a>(&'a [u8]);
    impl std::io::Read for Failing<'_> {
        fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
            match std::io::Read::read(&mut self.0, out)? {
                0 => Err(std::io::Error::other("disk on fire")),
                length => Ok(length),
            }
        }
    }
    let bytes = builder().build().unwrap();
    for length in [0, 100, bytes.len() / 2, bytes.len()] {
        let error = deb::read(Failing(&bytes[..length]), &Options::default()).unwrap_err();
        assert!(matches!(error, deb_parse::Error::Io(_)), "{error}");
    }
}
