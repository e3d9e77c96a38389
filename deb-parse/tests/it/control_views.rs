//! The typed views: what they read, and what they refuse.

use deb_parse::control::{Buildinfo, Changes, Dsc, Fields, PackagesStanza, Release, SourcesStanza};
use deb_parse::{Limits, deb822};

const DSC: &str = "-----BEGIN PGP SIGNED MESSAGE-----
Hash: SHA256

Format: 3.0 (quilt)
Source: hello
Binary: hello, hello-dbg
Architecture: any all
Version: 2.10-3
Maintainer: A <a@example.org>
Uploaders: B <b@example.org>,
 C <c@example.org>
Standards-Version: 4.6.2
Build-Depends: debhelper-compat (= 13), libfoo-dev [linux-any] <!nocheck>,
Vcs-Git: https://example.org/hello.git
Testsuite: autopkgtest
Package-List:
 hello deb devel optional arch=any
Checksums-Sha1:
 2aae6c35c94fcfb415dbe95f408b9ce91ee846ed 5 hello_2.10.orig.tar.gz
Checksums-Sha256:
 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 5 hello_2.10.orig.tar.gz
 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 6 hello_2.10-3.debian.tar.xz
Files:
 d41d8cd98f00b204e9800998ecf8427e 5 hello_2.10.orig.tar.gz
 d41d8cd98f00b204e9800998ecf8427e 6 hello_2.10-3.debian.tar.xz

-----BEGIN PGP SIGNATURE-----

AAAA
-----END PGP SIGNATURE-----
";

fn limits() -> Limits {
    Limits::default()
}

#[test]
fn a_dsc() {
    let dsc = Dsc::parse(DSC.as_bytes(), &limits()).unwrap();
    assert_eq!((dsc.source().as_str(), dsc.version().as_str()), ("hello", "2.10-3"));
    assert_eq!(dsc.architectures().collect::<Vec<_>>(), ["any", "all"]);
    assert_eq!(dsc.binary(), Some("hello, hello-dbg"));
    assert_eq!(dsc.uploaders(), Some("B <b@example.org>,\n C <c@example.org>"));
    assert_eq!(
        dsc.build_depends().unwrap().to_string(),
        "debhelper-compat (= 13), libfoo-dev [linux-any] <!nocheck>"
    );
    assert_eq!(
        (dsc.vcs_git(), dsc.testsuite()),
        (Some("https://example.org/hello.git"), Some("autopkgtest"))
    );
    let files: Vec<_> = dsc
        .files()
        .iter()
        .map(|f| (f.path.as_str(), f.size, f.md5.is_some(), f.sha1.is_some(), f.sha256.is_some()))
        .collect();
    assert_eq!(
        files,
        [
            ("hello_2.10.orig.tar.gz", 5, true, true, true),
            ("hello_2.10-3.debian.tar.xz", 6, true, false, true)
        ]
    );
}

#[test]
fn lists_that_contradict_themselves_are_refused() {
    let message = |from: &str, to: &str| {
        assert!(DSC.contains(from));
        Dsc::parse(DSC.replacen(from, to, 1).as_bytes(), &limits()).unwrap_err().to_string()
    };
    insta::assert_snapshot!(message("427e 5 hello", "427e 7 hello"), @r#"line 19, column 45, field Checksums-Sha1: file "hello_2.10.orig.tar.gz": must have the same size in all lists"#);
    insta::assert_snapshot!(message("b855 6 hello_2.10-3.debian.tar.xz", "b855 5 hello_2.10.orig.tar.gz"), @r#"line 22, column 69, field Checksums-Sha256: file "hello_2.10.orig.tar.gz": must not be listed twice"#);
    insta::assert_snapshot!(message("5 hello_2.10", "5 ../hello_2.10"), @r#"line 19, column 45, field Checksums-Sha1: file "../hello_2.10.orig.tar.gz": must be a name without directories, or a relative path in a Release"#);
    insta::assert_snapshot!(message("5 hello_2.10.orig.tar.gz", "5"), @r#"line 19, column 2, field Checksums-Sha1: file "2aae6c35c94fcfb415dbe95f408b9ce91ee846ed 5": must have a checksum, a size and a name"#);
    insta::assert_snapshot!(message("5 hello_2.10", "-5 hello_2.10"), @r#"line 19, column 43, field Checksums-Sha1: size "-5": must be a number without sign or unit"#);
    insta::assert_snapshot!(message("2aae6c", "2aae6x"), @r#"line 19, column 2, field Checksums-Sha1: SHA-1 "2aae6x35c94fcfb415dbe95f408b9ce91ee846ed": must be 40 hexadecimal digits"#);
    insta::assert_snapshot!(message("Source: hello", "Source: ../hello"), @r#"line 5, column 9, field Source: source package name "../hello": must be lower-case letters, digits, `+`, `-` and `.`, and start with a letter or digit (Policy 5.6.1)"#);
    insta::assert_snapshot!(message("Version: 2.10-3\n", ""), @"line 4, column 1: field Version is missing");
    assert!(message("Vcs-Git", "\nVcs-Git").ends_with("must be exactly one paragraph"));
    assert!(message("5 hello_2.10.orig", "5 hello 2.10.orig").ends_with("a name without blanks"));
}

#[test]
fn changes_and_buildinfo() {
    let text = "Format: 1.8\nDate: Sat, 10 Jun 2023 08:53:33 +0000\nSource: hello (2.10-3)\nBinary: hello\nArchitecture: source amd64\n\
        Version: 2.10-3+b1\nDistribution: bookworm\nUrgency: low\nCloses: 1 2\nChanges:\n hello (2.10-3) bookworm; urgency=low\n .\n   * x\n\
        Files:\n d41d8cd98f00b204e9800998ecf8427e 5 contrib/devel optional hello_2.10-3.dsc\n";
    let changes = Changes::parse(text.as_bytes(), &limits()).unwrap();
    assert_eq!((changes.source().as_str(), changes.version().as_str()), ("hello", "2.10-3+b1"));
    assert_eq!(changes.architectures().collect::<Vec<_>>(), ["source", "amd64"]);
    assert_eq!(
        (changes.distribution(), changes.urgency(), changes.closes()),
        (Some("bookworm"), Some("low"), Some("1 2"))
    );
    assert!(Fields::changes(&changes).unwrap().ends_with("   * x"));
    let details = changes.file_details().unwrap();
    assert_eq!((details[0].section.as_str(), details[0].priority.as_str()), ("contrib/devel", "optional"));
    assert_eq!(details[0].name, changes.files()[0].path);
    let bad = text.replace("contrib/devel optional ", "");
    let error = Changes::parse(bad.as_bytes(), &limits()).unwrap().file_details().unwrap_err();
    insta::assert_snapshot!(error, @r#"line 15, column 2, field Files: file "d41d8cd98f00b204e9800998ecf8427e 5 hello_2.10-3.dsc": must have a checksum, a size, a section, a priority and a name"#);

    let text = "Format: 1.0\nSource: hello\nBinary: hello\nArchitecture: amd64\nVersion: 1\nChecksums-Md5:\n d41d8cd98f00b204e9800998ecf8427e 5 hello_1_amd64.deb\n\
        Build-Origin: Debian\nBuild-Kernel-Version: #1 SMP 6.1\nBuild-Tainted-By:\n merged-usr-via-aliased-dirs\n usr-local-has-programs\n\
        Binary-Only-Changes:\n hello (1+b1) sid; urgency=low, binary-only=yes\n .\n   * Rebuild\nBuild-Architecture: amd64\nBuild-Date: Sat, 10 Jun 2023 08:53:33 +0000\nInstalled-Build-Depends:\n gcc (= 4:12.2.0-3),\n make (= 4.3-4.1)\n\
        Environment:\n DEB_BUILD_OPTIONS=\"parallel=4\"\n LANG=\"C\"\n";
    let info = Buildinfo::parse(text.as_bytes(), &limits()).unwrap();
    assert_eq!((info.build_architecture(), info.build_path()), (Some("amd64"), None));
    assert_eq!((info.build_origin(), info.build_kernel_version()), (Some("Debian"), Some("#1 SMP 6.1")));
    let tainted: Vec<_> = info.build_tainted_by().collect();
    assert_eq!(tainted, ["merged-usr-via-aliased-dirs", "usr-local-has-programs"]);
    assert!(info.binary_only_changes().unwrap().ends_with("   * Rebuild"));
    assert_eq!(info.installed_build_depends().unwrap().all().len(), 2);
    assert!(info.environment().unwrap().contains("LANG"));
    assert_eq!(info.files()[0].path, "hello_1_amd64.deb");
}

#[test]
fn stanzas_of_indices() {
    let text = b"Package: hello\nSource: hello-src (1)\nVersion: 1+b1\nInstalled-Size: 12\nArchitecture: amd64\nMulti-Arch: allowed\nEssential: yes\n\
        Depends: libc6\nDescription: greets\n more\nSection: devel\nFilename: pool/main/h/hello/hello_1_amd64.deb\nSize: 5\nMD5sum: d41d8cd98f00b204e9800998ecf8427e\n\
        SHA256: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n";
    let stanza = PackagesStanza::new(deb822::paragraphs(text).next().unwrap());
    assert_eq!(stanza.package().unwrap().as_str(), "hello");
    assert_eq!(stanza.source().unwrap().1.as_str(), "1");
    assert_eq!(stanza.installed_size().unwrap(), Some(12));
    assert_eq!((stanza.synopsis(), stanza.section()), (Some("greets"), Some("devel")));
    assert!(stanza.is_essential() && stanza.sha256().unwrap().is_some() && stanza.sha1().unwrap().is_none());
    for path in ["../x", "/x", "a/../b", "a//b", "", "a/"] {
        let text = format!("Filename: {path}\nDirectory: {path}\n");
        let paragraph = deb822::paragraphs(text.as_bytes()).next().unwrap();
        assert!(PackagesStanza::new(paragraph).filename().is_err(), "{path}");
        assert!(SourcesStanza::new(paragraph).directory().is_err(), "{path}");
    }
    assert!(
        PackagesStanza::new(deb822::paragraphs(b"Filename: ./a.deb\n").next().unwrap()).filename().is_ok()
    );
}

#[test]
fn fields_of_the_installer_and_of_builds() {
    let text = b"Package: kernel-image-di\nPackage-Type: udeb\nKernel-Version: 6.1.0-30-amd64\nSubarchitecture: versatile omap\n\
        Installer-Menu-Item: 3900\nBuilt-For-Profiles: nocheck nodoc\nBuild-Essential: yes\n\n\
        Package: plain\nBuild-Profiles: <!nocheck> <cross>\nBuild-Driver: debhelper\nBuild-Essential: no\n";
    let mut paragraphs = deb822::paragraphs(text);
    let udeb = PackagesStanza::new(paragraphs.next().unwrap());
    assert_eq!(
        (udeb.kernel_version(), udeb.subarchitecture()),
        (Some("6.1.0-30-amd64"), Some("versatile omap"))
    );
    assert_eq!(
        (udeb.installer_menu_item(), udeb.built_for_profiles()),
        (Some("3900"), Some("nocheck nodoc"))
    );
    let plain = PackagesStanza::new(paragraphs.next().unwrap());
    assert_eq!(
        (plain.build_profiles(), plain.build_driver()),
        (Some("<!nocheck> <cross>"), Some("debhelper"))
    );
    assert_eq!((udeb.is_build_essential(), plain.is_build_essential()), (true, false));
}

#[test]
fn a_release() {
    let text = "Origin: Debian\nLabel: Debian\nSuite: stable\nVersion: 12.0\nCodename: bookworm\nDate: Sat, 10 Jun 2023 08:53:33 UTC\nAcquire-By-Hash: yes\n\
        NotAutomatic: yes\nArchitectures: all amd64\nComponents: main updates/contrib\nMD5Sum:\n d41d8cd98f00b204e9800998ecf8427e        5 main/binary-amd64/Packages\n\
        SHA256:\n e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855        5 main/binary-amd64/Packages\n \
        e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855        6 main/source/Sources.xz\n";
    let release = Release::parse(text.as_bytes(), &limits()).unwrap();
    assert_eq!(
        (release.codename(), release.version(), release.valid_until()),
        (Some("bookworm"), Some("12.0"), None)
    );
    assert_eq!(release.components().collect::<Vec<_>>(), ["main", "updates/contrib"]);
    assert!(release.acquire_by_hash() && release.not_automatic() && !release.but_automatic_upgrades());
    assert_eq!(release.files().len(), 2);
    assert!(release.files()[0].md5.is_some() && release.files()[1].md5.is_none());
    for path in ["../Packages", "/Packages", "main/../../x", "main//x"] {
        assert!(
            Release::parse(text.replace("main/source/Sources.xz", path).as_bytes(), &limits()).is_err(),
            "{path}"
        );
    }
}

#[test]
fn checksums() {
    use deb_parse::checksum::{HashKinds, Hasher, Md5, Sha512};
    for bad in [
        "",
        "d41d8cd98f00b204e9800998ecf8427",
        "d41d8cd98f00b204e9800998ecf8427ex",
        "g41d8cd98f00b204e9800998ecf8427e",
        "+41d8cd98f00b204e9800998ecf8427e",
    ] {
        assert!(Md5::parse(bad).is_err(), "{bad}");
    }
    let upper = "D41D8CD98F00B204E9800998ECF8427E";
    assert_eq!(Md5::parse(upper).unwrap().to_string(), upper.to_lowercase());
    let all = HashKinds { md5: true, sha1: cfg!(feature = "sha1"), sha512: true };
    let hashes = Hasher::new(all).unwrap().finish();
    assert_eq!(hashes.sha512, Some(Sha512::of(b"")));
    assert_eq!(hashes.md5, Some(Md5::parse(upper).unwrap()));
}

#[test]
fn errors_of_fields_say_where_they_are() {
    let text = b"Package: a1\nVersion: 1\n\n# comment\n\nPackage: b1\nDepends: c,\n d (\n# here\nVersion: 1_2\nSize: 7\n";
    let messages = |paragraph| {
        let stanza = PackagesStanza::new(paragraph);
        [
            stanza.version().unwrap_err().to_string(),
            stanza.depends().unwrap_err().to_string(),
            stanza.filename().unwrap_err().to_string(),
        ]
    };
    insta::assert_debug_snapshot!(messages(deb822::parse(text, &Limits::default()).unwrap()[1]), @r#"
    [
        "line 10, column 10, field Version: version \"1_2\": the upstream version must be letters, digits and `.+-~` (Policy 5.6.12)",
        "line 8, column 2, field Depends: relation \"d (\": parentheses must start with `<<`, `<=`, `=`, `>=` or `>>`",
        "line 6, column 1: field Filename is missing",
    ]
    "#);
    insta::assert_debug_snapshot!(messages(deb822::paragraphs(text).nth(1).unwrap()), @r#"
    [
        "byte 80, field Version: version \"1_2\": the upstream version must be letters, digits and `.+-~` (Policy 5.6.12)",
        "byte 60, field Depends: relation \"d (\": parentheses must start with `<<`, `<=`, `=`, `>=` or `>>`",
        "byte 35: field Filename is missing",
    ]
    "#);
    let limits = Limits::default();
    let mut reader = deb822::Reader::new(&text[..], &limits);
    reader.next().unwrap();
    assert_eq!(messages(reader.next().unwrap().unwrap()), messages(deb822::parse(text, &limits).unwrap()[1]));
}

#[test]
fn lines_of_signed_files_are_counted_from_their_start() {
    let message = |dsc: &str| {
        let text = format!(
            "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n{dsc}-----BEGIN PGP SIGNATURE-----\n\nAAAA\n-----END PGP SIGNATURE-----\n"
        );
        let limits = Limits::default();
        let checked = Dsc::parse(text.as_bytes(), &limits).and_then(|dsc| dsc.check_relations(&limits));
        checked.unwrap_err().to_string()
    };
    insta::assert_snapshot!(message("Source: aa\nVersion: 1\nFiles:\n x 7 a\n"), @r#"line 7, column 2, field Files: MD5 "x": must be 32 hexadecimal digits"#);
    insta::assert_snapshot!(message("Source: aa\nVersion: 1\nBuild-Depends: bb,\n cc ~ dd\n"), @r#"line 7, column 5, field Build-Depends: relation "~ dd": a relation must be followed by `,` or `|` (Policy 7.1)"#);
    insta::assert_snapshot!(message("Source: aa\nVersion\n"), @"line 5, column 8: a field name must be followed by a colon");
    insta::assert_snapshot!(message("Source: aa\n"), @"line 4, column 1: field Version is missing");
}
