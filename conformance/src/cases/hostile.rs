//! Packages that must be refused, or be harmless to every client: after each the suite is whole, apt updates without a warning, nothing
//! was written outside of the directory of the manager, and the good packages are as they were.

use std::fs;

use testkit::package::{archive, tar, tar_member, with_control, with_control_members};

use crate::case::{Case, Checked, ensure, miss};
use crate::desk::{Desk, MAIN, tail};
use crate::manager::{Answer, Request};
use crate::published::walk;
use crate::worlds::HOSTILE;

const CONTROL: &str = "Package: evil\nVersion: 1.0\nArchitecture: all\nMaintainer: Test <test@example.org>\nSection: misc\nPriority: optional\nDescription: evil\n";

/// What may become of a package.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Expected {
    /// dpkg cannot install it, or installs something else: it must not be listed.
    Refused,
    /// It may be listed, as long as it does no harm.
    Harmless,
}

/// Adds a package of these bytes.
fn add(desk: &Desk<'_>, bytes: &[u8], expected: Expected) -> Checked {
    let file = desk.write("evil_1.0_all.deb", bytes)?;
    add_path(desk, &file, expected)
}

/// Checks that a package with two control files, the last of version 9.9, is not listed as the first says.
fn is_what_dpkg_installs(desk: &Desk<'_>) -> Checked {
    let versions = desk.bookworm().versions("evil")?;
    ensure!(versions.iter().all(|version| version == "9.9"), "listed is {versions:?}, and dpkg installs 9.9");
    Ok(())
}

fn control(desk: &Desk<'_>, text: &str, expected: Expected) -> Checked {
    add(desk, &with_control(text), expected)
}

fn add_path(desk: &Desk<'_>, path: &str, expected: Expected) -> Checked {
    let outside = |desk: &Desk<'_>| -> Checked<Vec<String>> {
        // What is beside the directory of the manager, but for our own files and GnuPG's.
        let root = desk.environment.path("");
        let files =
            walk(&root)?.into_iter().map(|path| path.strip_prefix(&root).unwrap_or(&path).to_string());
        Ok(files
            .filter(|name| {
                !["state/", "home/", "log", "files/", "apt", "tmp/", "kept/"]
                    .iter()
                    .any(|own| name.starts_with(own))
            })
            .collect())
    };
    let before = outside(desk)?;
    let answer = desk.ask(&Request::Add(MAIN, &[path.to_owned()]))?;
    ensure!(answer != Answer::Hung, "adding it does not end");
    let published = desk.ask(&Request::Publish("preprod"))?;
    if let Answer::Failed(text) = &published {
        miss!("publishing fails from then on: {}", tail(text));
    }
    ensure!(published == Answer::Done, "publishing does not end");
    let new: Vec<String> = outside(desk)?.into_iter().filter(|name| !before.contains(name)).collect();
    ensure!(new.is_empty(), "it was written to {new:?}");
    let suite = desk.bookworm();
    for stanza in suite.packages("main", "amd64")? {
        let filename = stanza.text("Filename");
        ensure!(!filename.split('/').any(|part| part == ".."), "Filename is {filename}");
        for (name, value) in &stanza.0 {
            let is_control = |c: char| c.is_control() && c != '\n' && c != '\t';
            ensure!(
                !name.is_empty() && !value.contains(is_control),
                "the index holds control characters or broken lines"
            );
        }
        let known = stanza.text("Package").ends_with("-archive-keyring")
            || ["hello", "tool"].contains(&stanza.text("Package"));
        if expected == Expected::Refused && !known {
            miss!("it is listed, as {}", stanza.id());
        }
    }
    suite.is_whole()?;
    let server = desk.serve(&suite)?;
    let client = desk.client("apt", &server, &suite)?;
    client.update()?;
    client.sees("hello", "1.0")?;
    client.sees("tool", "1.0")
}

/// A package with another value of a field.
fn with(field: &str, value: &str) -> String {
    let lines = CONTROL.lines().map(|line| {
        let own = line.split_once(':').is_some_and(|(name, _)| name == field);
        if own { format!("{field}: {value}\n") } else { format!("{line}\n") }
    });
    let text: String = lines.collect();
    if text.contains(&format!("{field}: ")) { text } else { format!("{text}{field}: {value}\n") }
}

macro_rules! field {
    ($name:literal, $rule:literal, $field:literal, $value:literal, $expected:ident) => {
        Case::changing($name, $rule, &HOSTILE, |desk| {
            control(desk, &with($field, $value), Expected::$expected)
        })
    };
}

fn tar_with_type(name: &str, kind: u8, link: &str) -> Vec<u8> {
    let mut bytes = tar_member(name, b"");
    bytes.splice(156..157, [kind]);
    bytes.splice(157..157 + link.len(), link.bytes());
    bytes.splice(148..156, *b"        ");
    let sum: u32 = bytes.iter().take(512).map(|byte| u32::from(*byte)).sum();
    bytes.splice(148..156, format!("{sum:06o}\0 ").into_bytes());
    bytes
}

fn deb_of(control_tar: Vec<u8>) -> Vec<u8> {
    archive(&[
        ("debian-binary", b"2.0\n"),
        ("control.tar", &tar(control_tar)),
        ("data.tar", &tar(Vec::new())),
    ])
}

fn good() -> Vec<u8> {
    with_control(CONTROL)
}

pub(super) const CASES: &[Case] = &[
    field!(
        "hostile/source-with-dots",
        "A Source that leads upwards does not become a path: dpkg never checks that field.",
        "Source",
        "../../../../x",
        Harmless
    ),
    field!(
        "hostile/source-absolute",
        "An absolute Source does not become a path.",
        "Source",
        "/tmp/x",
        Harmless
    ),
    field!(
        "hostile/package-with-dots",
        "A Package that leads upwards is refused (Debian Policy, 5.6.7).",
        "Package",
        "../../evil",
        Refused
    ),
    field!(
        "hostile/package-with-a-slash",
        "A Package with a slash is refused (Debian Policy, 5.6.7).",
        "Package",
        "a/evil",
        Refused
    ),
    field!(
        "hostile/package-like-an-option",
        "A Package that begins like an option is refused: it would reach command lines.",
        "Package",
        "-rf",
        Refused
    ),
    field!(
        "hostile/package-with-a-blank",
        "A Package with a blank is refused.",
        "Package",
        "evil two",
        Refused
    ),
    field!(
        "hostile/package-in-capitals",
        "A Package in capitals is refused: names are in small letters (Debian Policy, 5.6.1).",
        "Package",
        "EVIL",
        Refused
    ),
    field!(
        "hostile/package-with-shell-characters",
        "A Package with characters of the shell is refused.",
        "Package",
        "evil$(id)",
        Refused
    ),
    field!(
        "hostile/version-with-a-slash",
        "A Version with a slash is refused: it becomes the name of a file.",
        "Version",
        "1.0/../../x",
        Refused
    ),
    field!(
        "hostile/version-with-a-blank",
        "A Version with a blank is refused.",
        "Version",
        "1.0 2.0",
        Refused
    ),
    field!(
        "hostile/version-empty-epoch",
        "A Version with an empty epoch is refused, as dpkg refuses it.",
        "Version",
        ":1.0",
        Refused
    ),
    field!(
        "hostile/architecture-with-a-slash",
        "A package whose Architecture has a slash is in no index: no machine can have it, and dpkg never checks the field.",
        "Architecture",
        "amd64/../x",
        Refused
    ),
    field!(
        "hostile/architecture-source",
        "A package for the architecture `source` is in no index of packages: no machine can have it.",
        "Architecture",
        "source",
        Refused
    ),
    field!(
        "hostile/architecture-any",
        "A package for `any` is in no index: that is a pattern and not an architecture (Debian Policy, 5.6.8).",
        "Architecture",
        "any",
        Refused
    ),
    field!(
        "hostile/empty-provides",
        "An empty Provides does not reach clients: apt before 3.0 cannot read it, and no source works any more.",
        "Provides",
        "",
        Harmless
    ),
    field!(
        "hostile/relation-without-blanks",
        "A relation such as `foo (=1)` at the end of a field is harmless to apt before 3.0, which cannot read it.",
        "Depends",
        "hello (=1)",
        Harmless
    ),
    field!(
        "hostile/relation-without-an-operator",
        "A relation without an operator does not keep apt from reading the index.",
        "Depends",
        "hello (1)",
        Harmless
    ),
    field!(
        "hostile/relation-not-closed",
        "A relation that is not closed does not keep apt from reading the index.",
        "Depends",
        "hello (>= 1",
        Harmless
    ),
    field!(
        "hostile/brings-its-own-filename",
        "A Filename in the package does not replace that of the archive.",
        "Filename",
        "../../etc/passwd",
        Harmless
    ),
    field!(
        "hostile/brings-its-own-size",
        "A Size in the package does not replace the true one.",
        "Size",
        "1",
        Harmless
    ),
    field!(
        "hostile/brings-its-own-checksum",
        "A SHA256 in the package does not replace the true one.",
        "SHA256",
        "00",
        Harmless
    ),
    field!(
        "hostile/terminal-codes-in-the-description",
        "Codes for terminals in a description do not reach the index: apt prints them.",
        "Description",
        "\u{1b}]0;x\u{7}red",
        Harmless
    ),
    Case::changing(
        "hostile/ten-thousand-alternatives",
        "A relation of 10,000 alternatives stops neither the manager nor apt.",
        &HOSTILE,
        |desk| {
            let value = vec!["hello"; 10_000].join(" | ");
            control(desk, &with("Depends", &value), Expected::Harmless)
        },
    ),
    Case::changing(
        "hostile/nul-in-a-field",
        "A field with a NUL is refused: programs in C read half of it.",
        &HOSTILE,
        |desk| control(desk, &with("Section", "mi\0sc"), Expected::Refused),
    ),
    Case::changing(
        "hostile/carriage-return-in-a-field",
        "A carriage return within a field does not begin a new line for anybody.",
        &HOSTILE,
        |desk| control(desk, &with("Section", "misc\rFilename: x"), Expected::Harmless),
    ),
    Case::changing(
        "hostile/field-twice",
        "A package with a field that occurs twice is refused, as dpkg refuses it.",
        &HOSTILE,
        |desk| control(desk, &format!("{CONTROL}Version: 2.0\n"), Expected::Refused),
    ),
    Case::changing(
        "hostile/two-paragraphs",
        "A second paragraph in the control file does not become a package of the index.",
        &HOSTILE,
        |desk| {
            control(
                desk,
                &format!("{CONTROL}\nPackage: hello\nVersion: 99\nArchitecture: amd64\n"),
                Expected::Refused,
            )
        },
    ),
    Case::changing(
        "hostile/line-of-blanks",
        "A line of blanks harms nobody: for some readers it ends the paragraph, for others it does not.",
        &HOSTILE,
        |desk| control(desk, &format!("{CONTROL}   \nX-After: 1\n"), Expected::Harmless),
    ),
    Case::changing(
        "hostile/no-version",
        "A package without a Version is refused (Debian Policy, 5.3).",
        &HOSTILE,
        |desk| control(desk, &CONTROL.replace("Version: 1.0\n", ""), Expected::Refused),
    ),
    Case::changing(
        "hostile/no-architecture",
        "A package without an Architecture is refused (Debian Policy, 5.3).",
        &HOSTILE,
        |desk| control(desk, &CONTROL.replace("Architecture: all\n", ""), Expected::Refused),
    ),
    Case::changing(
        "hostile/line-that-is-not-a-field",
        "A control file with a line that is not a field is refused, as dpkg refuses it.",
        &HOSTILE,
        |desk| control(desk, &format!("{CONTROL}not a field at all\n"), Expected::Refused),
    ),
    Case::changing(
        "hostile/two-control-files",
        "Of two control files dpkg takes the last: the package is refused, or listed as dpkg installs it.",
        &HOSTILE,
        |desk| {
            let second = CONTROL.replace("1.0", "9.9");
            add(
                desk,
                &with_control_members(&[("./control", CONTROL), ("./control", &second)]),
                Expected::Harmless,
            )?;
            is_what_dpkg_installs(desk)
        },
    ),
    Case::changing(
        "hostile/two-control-files-of-two-spellings",
        "`./control` and `control` are one file to dpkg, which takes the last: the package is refused, or listed as dpkg installs it.",
        &HOSTILE,
        |desk| {
            let second = CONTROL.replace("1.0", "9.9");
            add(
                desk,
                &with_control_members(&[("./control", CONTROL), ("control", &second)]),
                Expected::Harmless,
            )?;
            is_what_dpkg_installs(desk)
        },
    ),
    Case::changing(
        "hostile/control-is-a-link",
        "A control file that is a symbolic link is refused.",
        &HOSTILE,
        |desk| add(desk, &deb_of(tar_with_type("./control", b'2', "/etc/passwd")), Expected::Refused),
    ),
    Case::changing(
        "hostile/control-is-a-fifo",
        "A control file that is a FIFO does not block the manager.",
        &HOSTILE,
        |desk| add(desk, &deb_of(tar_with_type("./control", b'6', "")), Expected::Refused),
    ),
    Case::changing(
        "hostile/control-is-a-directory",
        "A control file that is a directory is refused.",
        &HOSTILE,
        |desk| add(desk, &deb_of(tar_with_type("./control", b'5', "")), Expected::Refused),
    ),
    Case::changing(
        "hostile/no-control-file",
        "A package without a control file is refused.",
        &HOSTILE,
        |desk| add(desk, &deb_of(tar_member("./postinst", b"#!/bin/sh\n")), Expected::Refused),
    ),
    Case::changing(
        "hostile/no-data",
        "A package without a data archive is refused: dpkg cannot unpack it (deb(5)).",
        &HOSTILE,
        |desk| {
            let control = tar(tar_member("./control", CONTROL.as_bytes()));
            add(desk, &archive(&[("debian-binary", b"2.0\n"), ("control.tar", &control)]), Expected::Refused)
        },
    ),
    Case::changing(
        "hostile/two-data-archives",
        "A package with two data archives is refused or harmless: readers differ in which one they take.",
        &HOSTILE,
        |desk| {
            let (control, data) = (tar(tar_member("./control", CONTROL.as_bytes())), tar(Vec::new()));
            add(
                desk,
                &archive(&[
                    ("debian-binary", b"2.0\n"),
                    ("control.tar", &control),
                    ("data.tar", &data),
                    ("data.tar", &data),
                ]),
                Expected::Harmless,
            )
        },
    ),
    Case::changing(
        "hostile/format-of-the-future",
        "A package of format 3.0 is refused: dpkg cannot read it (deb(5)).",
        &HOSTILE,
        |desk| {
            let (control, data) = (tar(tar_member("./control", CONTROL.as_bytes())), tar(Vec::new()));
            add(
                desk,
                &archive(&[("debian-binary", b"3.0\n"), ("control.tar", &control), ("data.tar", &data)]),
                Expected::Refused,
            )
        },
    ),
    Case::changing(
        "hostile/no-debian-binary",
        "A package that does not begin with debian-binary is refused (deb(5)).",
        &HOSTILE,
        |desk| {
            let (control, data) = (tar(tar_member("./control", CONTROL.as_bytes())), tar(Vec::new()));
            add(desk, &archive(&[("control.tar", &control), ("data.tar", &data)]), Expected::Refused)
        },
    ),
    Case::changing(
        "hostile/size-below-zero",
        "A member with a size below zero does not block the manager (CVE-2020-27350).",
        &HOSTILE,
        |desk| {
            let mut bytes = good();
            let at = 8 + 60 + 4 + 48;
            bytes.splice(at..at + 10, b"-60       ".iter().copied());
            add(desk, &bytes, Expected::Refused)
        },
    ),
    Case::changing(
        "hostile/cut-short",
        "A package that is cut short is refused: an upload may have broken off.",
        &HOSTILE,
        |desk| {
            let file = desk.deb("evil", "1.0", "all")?;
            let bytes = fs::read(&file)?;
            let half = bytes.get(..bytes.len() - bytes.len() / 4).unwrap_or_default();
            add(desk, half, Expected::Refused)
        },
    ),
    Case::changing("hostile/empty-file", "An empty file is refused.", &HOSTILE, |desk| {
        add(desk, b"", Expected::Refused)
    }),
    Case::changing(
        "hostile/not-a-package",
        "A file that is not a package is refused, whatever it is called.",
        &HOSTILE,
        |desk| add(desk, b"<html>404 Not Found</html>\n", Expected::Refused),
    ),
    Case::changing(
        "hostile/damaged-compression",
        "A package with damage in its compressed control archive is refused.",
        &HOSTILE,
        |desk| {
            let file = desk.deb("evil", "1.0", "all")?;
            let mut bytes = fs::read(&file)?;
            let at = 8 + 60 + 4 + 60 + 40;
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 0xff;
            }
            add(desk, &bytes, Expected::Refused)
        },
    ),
    Case::changing(
        "hostile/bomb",
        "A control archive that unpacks to 256 MiB does not block the manager.",
        &HOSTILE,
        |desk| {
            let zeros = desk.environment.path("zeros");
            desk.program(&format!("head -c 268435456 /dev/zero > {zeros}"))?;
            let mut tarball = tar_member("./control", CONTROL.as_bytes());
            let mut member = tar_member("./templates", b"");
            member.splice(124..136, *b"02000000000\0");
            member.splice(148..156, *b"        ");
            let sum: u32 = member.iter().map(|byte| u32::from(*byte)).sum();
            member.splice(148..156, format!("{sum:06o}\0 ").into_bytes());
            tarball.extend(member);
            let head = desk.environment.write("head", tarball);
            let packed = desk.environment.path("bomb.gz");
            desk.program(&format!(
                "(cat {head} {zeros}; head -c 1024 /dev/zero) | gzip -1 > {packed}; rm {zeros}"
            ))?;
            let control = fs::read(&packed)?;
            add(
                desk,
                &archive(&[
                    ("debian-binary", b"2.0\n"),
                    ("control.tar.gz", &control),
                    ("data.tar", &tar(Vec::new())),
                ]),
                Expected::Harmless,
            )
        },
    ),
    Case::changing(
        "hostile/fifo-called-deb",
        "A FIFO with the name of a package does not block the manager.",
        &HOSTILE,
        |desk| {
            let path = desk.environment.path("files/fifo_1.0_all.deb");
            desk.program(&format!("rm -f {path}; mkfifo {path}"))?;
            let found = add_path(desk, path.as_str(), Expected::Refused);
            fs::remove_file(path)?;
            found
        },
    ),
    Case::changing(
        "hostile/link-to-another-file",
        "A link with the name of a package that leads to another file brings no content of that file to clients.",
        &HOSTILE,
        |desk| {
            let path = desk.environment.path("files/link_1.0_all.deb");
            desk.program(&format!("rm -f {path}; ln -s /etc/passwd {path}"))?;
            add_path(desk, path.as_str(), Expected::Refused)
        },
    ),
    Case::changing(
        "hostile/good-one-is-still-taken",
        "The package on which the others are modelled is taken, so that they are refused for the right reason.",
        &HOSTILE,
        |desk| {
            add(desk, &good(), Expected::Harmless)?;
            ensure!(desk.bookworm().versions("evil")? == ["1.0"], "it is not listed");
            Ok(())
        },
    ),
];
