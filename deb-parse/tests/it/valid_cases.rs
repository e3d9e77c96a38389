//! Packages that look odd and are sound: taken, and read as dpkg reads them.

use crate::dpkg;
use crate::fixture::*;
use deb_parse::deb::EntryKind;

fn control(text: &str) -> Vec<u8> {
    with_control(control_but("", text))
}

fn members(members: &[(&str, &[u8])]) -> Vec<u8> {
    ar(members)
}

fn control_directory(mode: &[u8]) -> Vec<u8> {
    let directory = Header::new(b"./", b'5', 0).with(100, mode);
    with_control_tar(&Tar::default().raw(&directory, b"").file("./control", CONTROL).end())
}

#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn cases() -> Vec<(&'static str, Vec<u8>)> {
    let (c, d) = (control_tar(CONTROL), data_tar());
    let (cg, dg) = (gz(&c), gz(&d));
    let c_ = ("control.tar.gz", &cg[..]);
    let d_ = ("data.tar.gz", &dg[..]);
    let many: String = (0..2000).map(|number| format!("X-Field-{number}: {number}\n")).collect();
    let long = format!("Description-Extra: x\n{}", " line of text\n".repeat(22_000));
    let data = |tar: Tar| with_data_tar(&tar.end());
    let mut no_pad = members(&[VERSION, c_, d_, ("_x", b"abc")]);
    no_pad.pop();
    let mut nul_pad = members(&[VERSION, ("_x", b"abc"), c_, d_]);
    let at = nul_pad.windows(4).position(|window| window == b"abc\n").unwrap() + 3;
    nul_pad[at] = 0;
    let header = |path: &[u8], kind, size| Header::new(path, kind, size);
    let v7 = |header: Header| header.with(257, &[0; 8]).with(265, &[0; 64]);
    let deep = format!("./{}x", "d/".repeat(120));
    let mut directories = Tar::new();
    for depth in 1..=120 {
        let path = format!("./{}", "d/".repeat(depth));
        directories = if path.len() > 100 {
            let record = format!("{path}\0");
            directories
                .raw(&header(b"././@LongLink", b'L', record.len()), record.as_bytes())
                .raw(&header(&path.as_bytes()[..100], b'5', 0), b"")
        } else {
            directories.dir(&path)
        };
    }
    let record = format!("{deep}\0");
    let gnu = directories
        .raw(&header(b"././@LongLink", b'L', record.len()), record.as_bytes())
        .raw(&header(&deep.as_bytes()[..100], b'0', 2), b"hi");
    vec![
        ("plain", with_control(CONTROL)),
        ("control directory without a mode", control_directory(&[0; 8])),
        ("control directory of mode 0", control_directory(b"0000000\0")),
        ("control directory of mode 555", control_directory(b"0000555\0")),
        ("control.tar.gz of two members", members(&[VERSION, ("control.tar.gz", &gz_members(&c, 700)), d_])),
        (
            "control.tar.gz with a zero",
            members(&[VERSION, ("control.tar.gz", &[&cg[..], &[0]].concat()), d_]),
        ),
        ("data.tar.gz of two members", members(&[VERSION, c_, ("data.tar.gz", &gz_members(&d, 700))])),
        (
            "data.tar.gz and an empty member",
            members(&[VERSION, c_, ("data.tar.gz", &gz_members(&d, d.len()))]),
        ),
        (
            "data.tar.gz with 600 zeros",
            members(&[VERSION, c_, ("data.tar.gz", &[&dg[..], &[0; 600]].concat())]),
        ),
        ("control.tar", members(&[VERSION, ("control.tar", &c), d_])),
        ("control.tar.xz", members(&[VERSION, ("control.tar.xz", &xz(&c)), d_])),
        ("control.tar.zst", members(&[VERSION, ("control.tar.zst", &zst(&c)), d_])),
        ("data.tar", members(&[VERSION, c_, ("data.tar", &d)])),
        ("data.tar.xz", members(&[VERSION, c_, ("data.tar.xz", &xz(&d))])),
        ("data.tar.zst", members(&[VERSION, c_, ("data.tar.zst", &zst(&d))])),
        ("data.tar.bz2", members(&[VERSION, c_, ("data.tar.bz2", &bz2(&d))])),
        ("data.tar.lzma", members(&[VERSION, c_, ("data.tar.lzma", &lzma(&d))])),
        (
            "GNU names",
            members(&[("debian-binary/", b"2.0\n"), ("control.tar.gz/", &cg), ("data.tar.gz/", &dg)]),
        ),
        ("version 2.1", members(&[("debian-binary", b"2.1\n"), c_, d_])),
        ("more lines in the version", members(&[("debian-binary", b"2.0\nmore\n"), c_, d_])),
        ("underscore before control", members(&[VERSION, ("_x", b"ab"), c_, d_])),
        ("underscore before data", members(&[VERSION, c_, ("_x", b"ab"), d_])),
        ("member after data", members(&[VERSION, c_, d_, ("_gpgorigin", b"abc")])),
        ("other member after data", members(&[VERSION, c_, d_, ("foo", b"abc"), ("bar", b"")])),
        ("no padding at the end", no_pad),
        ("NUL as padding", nul_pad),
        ("control without dot", with_control_tar(&Tar::default().file("control", CONTROL).end())),
        ("no root directory", with_control_tar(&Tar::default().file("./control", CONTROL).end())),
        ("root without slash", with_control_tar(&Tar::default().dir(".").file("./control", CONTROL).end())),
        (
            "control last",
            with_control_tar(&Tar::new().file("./postinst", "#!/bin/sh\n").file("./control", CONTROL).end()),
        ),
        (
            "own file in control",
            with_control_tar(&Tar::new().file("./control", CONTROL).file("./my-data", "x").end()),
        ),
        ("control without end mark", with_control_tar(&Tar::new().file("./control", CONTROL).0)),
        ("data without end mark", with_data_tar(&Tar::new().file("./x", "x").0)),
        ("one zero block", with_data_tar(&[&Tar::new().file("./x", "x").0[..], &[0; 512]].concat())),
        ("many zero blocks", with_data_tar(&[&d[..], &[0; 20 * 512]].concat())),
        (
            "old tar",
            with_control_tar(
                &Tar::default()
                    .raw(&v7(header(b"./control", b'\0', CONTROL.len())), CONTROL.as_bytes())
                    .end(),
            ),
        ),
        (
            "POSIX tar",
            with_control_tar(
                &Tar::default()
                    .raw(
                        &header(b"./control", b'0', CONTROL.len()).with(257, b"ustar\x0000"),
                        CONTROL.as_bytes(),
                    )
                    .end(),
            ),
        ),
        (
            "size in base 256",
            data(Tar::new().raw(&header(b"./x", b'0', 0).with(124, b"\x80\0\0\0\0\0\0\0\0\0\0\x02"), b"hi")),
        ),
        (
            "size with blanks",
            data(Tar::new().raw(&header(b"./x", b'0', 0).with(124, b"          2 "), b"hi")),
        ),
        ("empty data", with_data_tar(&Tar::default().end())),
        ("root alone", data(Tar::new())),
        ("absolute path", data(Tar::new().file("/x", "x"))),
        ("no dot in paths", data(Tar::default().dir("usr/").file("usr/x", "x"))),
        ("same path twice", data(Tar::new().file("./x", "x").file("./x", "y"))),
        ("blanks in a path", data(Tar::new().file("./a b", "x"))),
        ("path not ASCII", data(Tar::new().file("./größe", "x"))),
        ("path not UTF-8", data(Tar::new().raw(&header(b"./\xe9", b'0', 1), b"x"))),
        (
            "links",
            data(
                Tar::new()
                    .file("./x", "x")
                    .raw(&header(b"./s", b'2', 0).with(157, b"../../etc"), b"")
                    .raw(&header(b"./h", b'1', 0).with(157, b"./x"), b""),
            ),
        ),
        ("GNU long names", data(gnu)),
        ("name lib", with_control(control_but("Package: probe", "Package: lib"))),
        ("name of two characters", with_control(control_but("Package: probe", "Package: xx"))),
        ("name with all signs", with_control(control_but("Package: probe", "Package: 0a+b-c.d"))),
        (
            "name of 200 characters",
            with_control(control_but("Package: probe", &format!("Package: {}", "a".repeat(200)))),
        ),
        ("epoch", with_control(control_but("1.0-1", "3:1.0-1"))),
        ("epoch 0", with_control(control_but("1.0-1", "0:1.0-1"))),
        ("largest epoch", with_control(control_but("1.0-1", "2147483647:1"))),
        ("tilde", with_control(control_but("1.0-1", "1.0~~rc1~-0~bpo12+1"))),
        ("many hyphens", with_control(control_but("1.0-1", "1-2-3-4"))),
        ("no revision", with_control(control_but("1.0-1", "20240101"))),
        ("tab after the colon", with_control(control_but("Version: ", "Version:\t"))),
        ("no blank after the colon", with_control(control_but("Version: ", "Version:"))),
        ("many blanks", with_control(control_but("Version: 1.0-1", "Version:   1.0-1  "))),
        (
            "fields in lower case",
            with_control(CONTROL.replace("Package", "package").replace("Version", "VERSION")),
        ),
        ("empty lines around", with_control(format!("\n\n{CONTROL}\n\n"))),
        ("no description", with_control(CONTROL.replace("Description: probe\n", ""))),
        ("no maintainer", with_control(CONTROL.replace("Maintainer: A <a@example.org>\n", ""))),
        ("empty field", control("X-Empty:\nX-Other: a")),
        ("empty relations", control("Depends:\nX-Other: a")),
        ("2000 fields", with_control(format!("{CONTROL}{many}"))),
        ("description of 300 kB", with_control(format!("{CONTROL}{long}"))),
        ("HTML in a value", control("X-Text: <script>alert(1)</script>")),
        ("UTF-8", control("X-Text: żółć ☃ 漢字 \u{1f980}")),
        ("Latin-1", with_control([CONTROL.as_bytes(), b"X-Text: caf\xe9\n"].concat())),
        ("hash in a continuation", control("X-Text: a\n # b")),
        ("hash in a value", control("X-Text: # b")),
        ("colons in a value", control("X-Text: a: b: c")),
        ("tabs in a continuation", control("X-Text: a\n\tb\n .\n\t\tc")),
        ("tab in a value", control("X-Text: a\tb")),
        ("section with component", control("Section: non-free/libs")),
        ("unknown priority", control("Priority: whatever")),
        ("source with version", control("Source: other (2:1.0-2)")),
        ("source without blank", control("Source: other(1.0)")),
        ("relations", control("Depends: a, bb (>= 1) | cc (<< 2~), dd:any (= 1:2-3), ee(>2), ff (<=1)")),
        ("folded relations", control("Depends: aa,\n bb\n (>= 1),\n\tcc | dd")),
        ("relation to odd names", control("Depends: Foo_Bar, x")),
        ("versioned provides", control("Provides: aa (= 1), bb")),
        ("essential", control("Essential: yes\nImportant: NO")),
        ("multi-arch", control("Multi-Arch: foreign")),
        ("another architecture", with_control(control_but("all", "kfreebsd-amd64"))),
        (
            "conffiles",
            with_control_tar(
                &Tar::new()
                    .file("./control", CONTROL)
                    .file("./conffiles", "/etc/a\nremove-on-upgrade /etc/b\n")
                    .end(),
            ),
        ),
    ]
}

#[test]
fn odd_packages_are_taken() {
    let refused: Vec<String> = cases()
        .iter()
        .filter_map(|(name, bytes)| read(bytes).err().map(|error| format!("{name}: {error}")))
        .collect();
    assert!(refused.is_empty(), "{}", refused.join("\n"));
}

#[test]
fn odd_packages_are_read_as_dpkg_reads_them() {
    for (name, bytes) in cases() {
        let Some(theirs) = dpkg::dpkg_deb(&bytes) else { return };
        let theirs = theirs.unwrap_or_else(|error| panic!("{name}: dpkg-deb refuses it: {error}"));
        let ours = read(&bytes).unwrap();
        let control = &ours.control;
        // dpkg leaves an epoch of 0 out.
        let version = control.version().as_str().trim_start_matches("0:");
        let fields = [control.package().as_str(), version, control.architecture().as_str()];
        assert_eq!(fields, theirs.fields.each_ref().map(String::as_str), "{name}");
        let names: Vec<_> = ours.control_files.iter().map(|file| file.name.clone()).collect();
        assert_eq!(names, theirs.scripts, "{name}");
        let plain = |path: &str| path.trim_start_matches("./").trim_matches('/').to_owned();
        let files: Vec<String> = theirs
            .files
            .iter()
            .map(|path| plain(path))
            .filter(|path| !matches!(path.as_str(), "" | "."))
            .collect();
        let own: Vec<String> =
            ours.files.unwrap().iter().map(|file| String::from_utf8_lossy(&file.path).into_owned()).collect();
        assert_eq!(own, files, "{name}");
    }
}

#[test]
fn odd_packages_are_unpacked_by_dpkg() {
    for (name, bytes) in cases() {
        // dpkg refuses other architectures than the machine's here, and old releases the newer forms of conffiles.
        if matches!(
            name,
            "another architecture" | "conffiles" | "absolute path" | "links" | "no dot in paths"
        ) {
            continue;
        }
        let Some(result) = dpkg::unpack(&bytes) else { return };
        let status = result.unwrap_or_else(|error| panic!("{name}: dpkg refuses it: {error}")).status;
        let version = read(&bytes).unwrap().control.version().clone();
        let line = status.lines().find_map(|line| line.strip_prefix("Version: "));
        let line = line.unwrap_or_else(|| panic!("{name}: {status}"));
        assert_eq!(line.parse::<deb_parse::Version>().unwrap(), version, "{name}");
    }
}

#[test]
fn links_have_targets() {
    let tar = Tar::new()
        .file("./x", "x")
        .raw(&Header::new(b"./s", b'2', 0).with(157, b"../../etc"), b"")
        .raw(&Header::new(b"./h", b'1', 0).with(157, b"./x"), b"");
    let files = read(&with_data_tar(&tar.end())).unwrap().files.unwrap();
    let link = |at: usize| (files[at].kind, String::from_utf8_lossy(&files[at].target).into_owned());
    assert_eq!(link(1), (EntryKind::Symlink, "../../etc".into()));
    assert_eq!(link(2), (EntryKind::HardLink, "x".into()));
}

#[test]
fn data_archives_that_dpkg_cannot_unpack_are_refused() {
    let case = |name, tar: Tar, words| (name, with_data_tar(&tar.end()), words);
    let header = |path: &[u8], kind| Header::new(path, kind, 0);
    let pax = "30 path=./usr/share/other-name\n";
    assert_refused([
        case("newline in a path", Tar::new().file("./a\nb", ""), "newline"),
        case("parent", Tar::new().file("./../x", ""), "`..`"),
        case("parent inside", Tar::new().file("./a/../../x", ""), "`..`"),
        case(
            "hard link to the parent",
            Tar::new().raw(&header(b"./h", b'1').with(157, b"../x"), b""),
            "`..`",
        ),
        case("link to nothing", Tar::new().raw(&header(b"./s", b'2'), b""), "a target"),
        case("root as a file", Tar::new().file("./.", ""), "the root"),
        case(
            "pax",
            Tar::new().raw(&Header::new(b"./PaxHeaders/x", b'x', pax.len()), pax.as_bytes()).file("./x", ""),
            "pax",
        ),
        case("contiguous", Tar::new().raw(&header(b"./x", b'7'), b""), "unknown"),
        case("Solaris", Tar::new().raw(&header(b"./x", b'A'), b""), "unknown"),
        case("sparse", Tar::new().raw(&header(b"./x", b'S'), b""), "unknown"),
        case(
            "long name of nothing",
            Tar::new().raw(&Header::new(b"././@LongLink", b'L', 2), b"x\0"),
            "followed by its entry",
        ),
        case(
            "two long names",
            Tar::new()
                .raw(&Header::new(b"././@LongLink", b'L', 2), b"x\0")
                .raw(&Header::new(b"././@LongLink", b'L', 2), b"y\0")
                .file("./x", ""),
            "two long names",
        ),
        case(
            "NUL in a long name",
            Tar::new().raw(&Header::new(b"././@LongLink", b'L', 4), b"x\0y\0").file("./x", ""),
            "NUL",
        ),
    ]);
}

#[test]
fn every_architecture_of_dpkg_is_known_and_a_slip_is_not() {
    for name in ["amd46", "aarch64", "x86-64", "i686", "riscv128", "hurd-amd46"] {
        assert!(!deb_parse::Architecture::parse(name).unwrap().is_known(), "{name}");
    }
    for name in ["all", "amd64", "hurd-amd64", "kfreebsd-i386", "musl-linux-armhf", "newos-riscv64"] {
        assert!(deb_parse::Architecture::parse(name).unwrap().is_known(), "{name}");
    }
    let Some(output) = crate::dpkg::run("dpkg-architecture", &["-L"]) else { return };
    for name in String::from_utf8_lossy(&output.stdout).lines() {
        assert!(deb_parse::Architecture::parse(name).unwrap().is_known(), "{name}");
    }
}
