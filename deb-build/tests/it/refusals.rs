//! What is refused, with the line and column.

use std::os::unix::fs::symlink;
use std::process::Command;

use deb_build::{Changelog, Error, PathFault, Spec};

use crate::folder::{COPYRIGHT, Folder, HEAD};

#[test]
fn wrong_descriptions_are_refused_where_they_are_wrong() {
    let lines = [
        "section = 1",
        "sumary = 'x'",
        "colour = 'red'",
        "section = 'Admin!'",
        "priority = 'high'",
        "homepage = 'acme.example'",
        "architecture = 'any'",
        "depends = 'libc6 (=> 2)'",
        "depends = ['a', 'b [amd64]']",
        "depends = ''",
        "conflicts = 'a | b'",
        "provides = 'a (>= 2)'",
        "manual = ['acme']",
        "sysusers = 'missing.conf'",
        "cron = '../cron'",
        "[[file]]\nfrom = 'a'",
        "[[file]]\nfrom = '/etc/passwd'\nto = '/usr/share/acme/'",
        "[[file]]\nfrom = 'x/../../y'\nto = '/usr/share/acme/'",
        "[[file]]\nfrom = 'a'\nto = 'usr/bin'",
        "[[file]]\nfrom = 'a'\nto = '/usr/../bin/a'",
        "[[file]]\nfrom = 'a'\nto = '/bin/'",
        "[[file]]\nfrom = 'a'\nto = '/usr/local/bin/'",
        "[[file]]\nfrom = 'a'\nto = '/etc/acme/a '",
        "[[file]]\nfrom = 'blank'\nto = '/etc/acme'",
        "[[file]]\nfrom = 'a'\nto = '/var/lib/dpkg/info/acme.list'",
        "[[file]]\nfrom = 'a'\nto = '/etc/alternatives/a'",
        "[[file]]\nfrom = 'a'\nto = '/usr/bin/'\nmode = '0999'",
        "[[file]]\nfrom = 'a'\nto = '/usr/bin/'\nmode = 644",
        "[[file]]\nfrom = 'a'\nto = '/usr/bin/'\nowner = 'a b'",
        "[[file]]\nfrom = 'a'\nto = '/'\n[[file]]\nfrom = 'a'\nto = '/a'",
        "[[file]]\nfrom = 'a'\nto = '/opt/a'\n[[file]]\nfrom = 'a'\nto = '/opt/a/b'",
        "[[file]]\nfrom = 'rootfs'\nto = '/'",
        "[[file]]\nfrom = 'rootfs/usr/*/*'\nto = '/usr'",
        "[[file]]\nfrom = 'inner'\nto = '/usr/share/acme'",
        "[[directory]]\npath = '/srv/acme'\nowner = 'acme'\n[[file]]\nfrom = 'a'\nto = '/srv/acme/d/hosts'",
        "[[directory]]\npath = '/srv/acme'\nowner = 'www-data'\n[[directory]]\npath = '/srv/acme/d'\nowner = 'www-data'",
        "[[directory]]\npath = '/srv/acme'\nowner = 'root:acme'\nmode = '0770'\n[[link]]\npath = '/srv/acme/d'\ntarget = 'x'",
        "[[directory]]\npath = '/etc/cron.d'\nowner = 'acme'",
        "[[directory]]\npath = '/var/log'\nmode = '0777'",
        "[[directory]]\npath = '/srv/acme'\n[[directory]]\npath = '/srv/acme'\nmode = '0700'",
        "[[file]]\nfrom = '*.none'\nto = '/usr/bin/'",
        "[[file]]\nfrom = 'out'\nto = '/usr/bin/'",
        "[[file]]\nfrom = 'links'\nto = '/usr/share/acme'",
        "[[file]]\nfrom = 'absolute'\nto = '/usr/share/acme'",
        "[[file]]\nfrom = 'special'\nto = '/usr/share/acme'",
        "[[unit]]\nfile = 'a'",
        "[[unit]]\nfile = 'plain.service'\nenable = true",
        "[unit]\nfile = 'plain.service'",
        "[[alternative]]\nname = 'a'\nlink = '/usr/bin/a'\npath = '/usr/bin/b'",
        "[[alternative]]\nname = 'a'\nlink = '/usr/bin/a;reboot'\npath = '/usr/bin/b'",
        "[scripts]\npostinst = 'python'",
        "[triggers]\ninterest = 'a b'",
        "[copyright]\nlicense = 'Acme'\nholder = 'Acme'",
        "[copyright]\nlicense = 'Zlib'\nholder = 'Acme'",
        "[copyright]\nlicense = 'MIT'",
    ];
    let folder = Folder::new(&[
        ("a", "a"),
        ("plain.service", "[Service]\n"),
        ("python", "#!/usr/bin/python3\n"),
        ("links/x", ""),
        ("absolute/x", ""),
        ("special/x", ""),
        ("blank/x ", ""),
        ("rootfs/bin/x", ""),
        ("rootfs/usr/local/x", ""),
        ("inner/x", ""),
    ]);
    symlink("/etc", folder.path().join("out")).unwrap();
    symlink("../../secret", folder.path().join("links/up")).unwrap();
    symlink("../a", folder.path().join("inner/up")).unwrap();
    symlink("/etc/passwd", folder.path().join("absolute/passwd")).unwrap();
    let made = Command::new("mkfifo").arg(folder.path().join("special/pipe")).status().unwrap();
    assert!(made.success());
    let mut shown = String::new();
    for line in lines {
        let copyright = if line.contains("[copyright]") { "" } else { COPYRIGHT };
        // Keys of the top level stand before tables.
        let rest = if line.starts_with('[') {
            format!("{copyright}{line}\n")
        } else {
            format!("{line}\n{copyright}")
        };
        let error = match folder.plan(&rest) {
            Ok(plan) => panic!("{line}: {}", plan.file_name()),
            Err(error) => error,
        };
        shown.push_str(&format!("{}\n    {error}\n", line.replace('\n', "; ")));
    }
    insta::assert_snapshot!(shown);
}

#[test]
fn names_and_versions_follow_policy() {
    let mut shown = String::new();
    for (key, value) in [
        ("name", "Acme"),
        ("name", "a"),
        ("name", "acme_shop"),
        ("version", "v1.0"),
        ("version", "1.0_1"),
        ("version", ""),
        ("maintainer", "ops@acme.example"),
        ("maintainer", "A, B <a@b.example>"),
        ("summary", ""),
        ("summary", "a\\nb"),
    ] {
        let line = HEAD.lines().find(|line| line.starts_with(&format!("{key} = "))).unwrap();
        let text = HEAD.replace(line, &format!("{key} = \"{value}\""));
        let error = Spec::parse(&text).unwrap_err();
        assert!(error.position().is_some());
        shown.push_str(&format!("{key} = {value:?}\n    {error}\n"));
    }
    insta::assert_snapshot!(shown);
    assert_eq!(Spec::parse("name = ").unwrap_err().position().unwrap().line, 1);
}

#[test]
fn changelogs_that_are_wrong_name_the_line() {
    let said = |path: &str, text: &str| Changelog::parse(path.into(), text).unwrap_err().to_string();
    assert_eq!(
        said("CHANGELOG.md", "# x\n\n## 1.0 - 2026-13-45\n"),
        "CHANGELOG.md, line 3: the date is not one of the form 2026-11-29"
    );
    let text = "acme (1.0) unstable; urgency=low\n\n  * x\n\n -- nobody\n";
    assert!(said("changelog", text).starts_with("changelog, line 5: "), "{}", said("changelog", text));
}

#[test]
fn a_description_is_a_regular_file_of_its_folder() {
    let folder = Folder::new(&[("build.toml", "name = 'a'"), ("specs/inner.toml", "name = 'b'")]);
    let outside = Folder::new(&[("secret", "root:x")]);
    let at = |name: &str| folder.path().join(name);
    symlink("specs/inner.toml", at("link.toml")).unwrap();
    symlink(outside.path().join("secret"), at("outside.toml")).unwrap();
    symlink("/dev/zero", at("endless.toml")).unwrap();
    assert!(Command::new("mkfifo").arg(at("pipe.toml")).status().unwrap().success());
    let fault = |name: &str| match Spec::read_text(&at(name)) {
        Err(Error::Path { fault, .. }) => fault,
        other => panic!("{name}: {other:?}"),
    };
    assert_eq!(Spec::read_text(&at("build.toml")).unwrap(), "name = 'a'");
    assert_eq!(Spec::read_text(&at("link.toml")).unwrap(), "name = 'b'");
    assert_eq!(fault("outside.toml"), PathFault::LinkLeavesFolder);
    assert_eq!(fault("endless.toml"), PathFault::LinkLeavesFolder);
    assert_eq!(fault("pipe.toml"), PathFault::Special);
    assert_eq!(fault("specs"), PathFault::Directory);
}
