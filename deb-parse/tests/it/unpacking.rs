//! Whether dpkg can unpack the entries of a data archive in their order, with `dpkg --unpack` as the judge.

use deb_parse::deb::UnpackProblem;

use crate::dpkg;
use crate::fixture::*;

fn link(tar: Tar, path: &str, kind: u8, target: &str) -> Tar {
    tar.raw(&Header::new(path.as_bytes(), kind, 0).with(157, target.as_bytes()), b"")
}

fn missing(path: &str, directory: &str) -> Option<UnpackProblem> {
    let (path, directory) = (path.into(), directory.into());
    Some(UnpackProblem::MissingDirectory { path, directory })
}

fn unlinked(path: &str, target: &str) -> Option<UnpackProblem> {
    Some(UnpackProblem::MissingLinkTarget { path: path.into(), target: target.into() })
}

fn cases() -> Vec<(&'static str, Tar, Option<UnpackProblem>)> {
    let tar = Tar::new;
    let acme = || tar().dir("./opt/").dir("./opt/acme/");
    vec![
        ("all directories", acme().file("./opt/acme/x", "x"), None),
        ("no directory", tar().file("./opt/acme/x", "x"), missing("opt/acme/x", "opt/acme")),
        (
            "a directory too late",
            tar().file("./opt/acme/x", "x").dir("./opt/acme/"),
            missing("opt/acme/x", "opt/acme"),
        ),
        ("a directory in one that is missing", tar().dir("./opt/a/b/"), missing("opt/a/b", "opt/a")),
        (
            "a file as the directory",
            tar().file("./opt/a", "").file("./opt/a/b", ""),
            missing("opt/a/b", "opt/a"),
        ),
        (
            "directories of every system",
            tar().file("./usr/bin/x", "x").file("./bin/y", "").file("./opt/z", ""),
            None,
        ),
        (
            "a link as the directory",
            link(acme(), "./opt/l", b'2', "acme").file("./opt/l/x", ""),
            missing("opt/l/x", "opt/l"),
        ),
        ("links in one that is missing", link(tar(), "./opt/a/l", b'2', "x"), missing("opt/a/l", "opt/a")),
        ("links in one that comes later", link(tar(), "./opt/a/l", b'2', "x").dir("./opt/a/"), None),
        (
            "links in a link",
            link(link(acme(), "./opt/l", b'2', "acme"), "./opt/l/m", b'2', "x"),
            missing("opt/l/m", "opt/l"),
        ),
        ("hard link", link(acme().file("./opt/acme/x", "x"), "./opt/acme/y", b'1', "./opt/acme/x"), None),
        (
            "hard link to a hard link",
            link(link(tar().file("./x", ""), "./y", b'1', "./x"), "./z", b'1', "y"),
            None,
        ),
        ("hard link to nothing", link(tar(), "./y", b'1', "./x"), unlinked("y", "x")),
        ("hard link first", link(tar(), "./y", b'1', "./x").file("./x", ""), unlinked("y", "x")),
        ("hard link to a link", link(link(tar(), "./x", b'2', "z"), "./y", b'1', "./x"), unlinked("y", "x")),
        ("hard link to a directory", link(tar().dir("./x/"), "./y", b'1', "./x"), unlinked("y", "x")),
    ]
}

#[test]
fn what_dpkg_cannot_unpack_is_known() {
    for (name, tar, problem) in cases() {
        let bytes = with_data_tar(&tar.end());
        assert_eq!(read(&bytes).unwrap().unpack_problem, problem, "{name}");
        let Some(theirs) = dpkg::unpack_beside(&bytes, &["usr/bin", "bin", "opt"]) else { continue };
        let theirs = theirs.err();
        assert_eq!(theirs.is_some(), problem.is_some(), "{name}: {theirs:?}");
    }
}

#[test]
fn a_directory_may_be_that_of_a_package_that_is_depended_on() {
    let data = Tar::new().file("./usr/lib/nagios/plugins/x", "x").end();
    let problem = |relations: &str| {
        let control = gz(&control_tar(format!("{CONTROL}{relations}\n")));
        let bytes = ar(&[VERSION, ("control.tar.gz", &control), ("data.tar.gz", &gz(&data))]);
        read(&bytes).unwrap().unpack_problem.map(|problem| problem.to_string())
    };
    assert_eq!(problem("Depends: libc6 (>= 2.36), monitoring-plugins-basic"), None);
    assert_eq!(problem("Pre-Depends: nagios"), None);
    let words = "\"usr/lib/nagios/plugins/x\": dpkg cannot unpack it, because the archive has no entry for the directory \"usr/lib/nagios/plugins\"";
    assert_eq!(problem("Depends: libc6, libssl3").as_deref(), Some(words));
    assert_eq!(problem("Recommends: nagios").as_deref(), Some(words));
}

#[test]
fn the_directories_of_every_system_need_no_entry() {
    let data = |path: &str| read(&with_data_tar(&Tar::new().file(path, "x").end())).unwrap().unpack_problem;
    for path in [
        "lib/systemd/system",
        "usr/lib/x86_64-linux-gnu",
        "usr/share/man/man8",
        "usr/share/man/de/man1",
        "etc/cron.d",
        "lib64",
    ] {
        assert_eq!(data(&format!("./{path}/x")), None, "{path}");
    }
    for path in ["etc/acme", "usr/lib/acme", "usr/share/doc/acme", "usr/share/man/de/x", "opt/acme", "acme"] {
        assert_eq!(data(&format!("./{path}/x")), missing(&format!("{path}/x"), path));
    }
}
