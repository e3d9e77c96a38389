//! What one pass over a package tells of its parts besides their names.

use crate::fixture::*;
use deb_parse::checksum::Sha256;
use deb_parse::deb::{self, Data, Options, OwnChangelog};

#[test]
fn control_files_have_size_mode_and_checksum() {
    let script = vec![b'#'; 100_000];
    let tar = Tar::new()
        .raw(&Header::new(b"./postinst", b'0', script.len()).with(100, b"0000755"), &script)
        .file("./md5sums", "x")
        .file("./conffiles", "/etc/a\n")
        .file("./triggers", "interest a\n")
        .file("./my-data", "")
        .file("./control", CONTROL);
    let package = read(&with_control_tar(&tar.end())).unwrap();
    let expected: [(&str, u32, &[u8]); 6] = [
        ("conffiles", 0o644, b"/etc/a\n"),
        ("control", 0o644, CONTROL.as_bytes()),
        ("md5sums", 0o644, b"x"),
        ("my-data", 0o644, b""),
        ("postinst", 0o755, &script),
        ("triggers", 0o644, b"interest a\n"),
    ];
    let found: Vec<_> = package
        .control_files
        .iter()
        .map(|file| (file.name.as_str(), file.mode, file.size, file.sha256))
        .collect();
    assert_eq!(
        found,
        expected.map(|(name, mode, content)| (name, mode, content.len() as u64, Sha256::of(content)))
    );
    assert_eq!(package.maintainer_scripts().map(|file| &file.name).collect::<Vec<_>>(), ["postinst"]);
}

#[test]
fn conffiles_have_the_checksum_of_what_is_installed() {
    let control = Tar::new()
        .file("./control", CONTROL)
        .file(
            "./conffiles",
            "/etc/a \n\n/etc/./b//c\n/etc/link\n/etc/same\n/etc/other\n/etc/dir\n/etc/none\n\
             remove-on-upgrade  /etc/old\n/../etc/up\n/usr/share/doc/probe/changelog.Debian\n",
        )
        .end();
    let link = |path: &[u8], kind, target: &[u8]| Header::new(path, kind, 0).with(157, target);
    let data = Tar::new()
        .file("./etc/a", "first")
        .file("./etc/a", vec![b'a'; 100_000])
        .file("./etc/b/c", "")
        .raw(&link(b"./etc/link", b'2', b"../a"), b"")
        .file("./etc/no", "no")
        .raw(&link(b"./etc/same", b'1', b"./etc/a"), b"")
        .raw(&link(b"./etc/other", b'1', b"./etc/no"), b"")
        .dir("./etc/dir")
        .file("./usr/share/doc/probe/changelog.Debian", NEW)
        .file("./usr/share/doc/probe/z", "z")
        .end();
    let deb = ar(&[VERSION, ("control.tar", &control), ("data.tar", &data)]);
    let options = Options { changelog: Some(1000), ..Options::default() };
    let package = deb::read(&deb[..], &options).unwrap();
    let digest = |content: &[u8]| Some(Sha256::of(content));
    let expected = [
        ("/etc/a", digest(&[b'a'; 100_000])),
        ("/etc/./b//c", digest(b"")),
        ("/etc/link", digest(b"../a")),
        ("/etc/same", digest(&[b'a'; 100_000])),
        ("/etc/other", None),
        ("/etc/dir", None),
        ("/etc/none", None),
        ("remove-on-upgrade  /etc/old", None),
        ("/../etc/up", None),
        ("/usr/share/doc/probe/changelog.Debian", digest(NEW.as_bytes())),
    ];
    let found: Vec<_> = package.conffiles.iter().map(|file| (file.line.as_str(), file.sha256)).collect();
    assert_eq!(found, expected);
    assert_eq!(package.files.unwrap().len(), 10);

    let unread = deb::read(&deb[..], &Options { data: Data::Skip, ..options }).unwrap().conffiles;
    assert_eq!(unread.iter().map(|file| &file.line).collect::<Vec<_>>(), expected.map(|(line, _)| line));
    assert!(unread.iter().all(|file| file.sha256.is_none()));
}

#[test]
fn files_have_owner_and_special_bits() {
    let file = |path: &str| Header::new(path.as_bytes(), b'0', 0);
    let tar = Tar::new()
        .raw(&file("./a").with(100, b"0004755"), b"")
        .raw(&file("./b").with(100, b"0002755").with(116, b"0000074\0").with(297, b"games\0"), b"")
        .raw(&file("./c").with(297, b"games\0").with(116, b"0000074\0"), b"")
        .raw(&file("./d").with(265, &[0; 64]).with(108, b"0001750\0"), b"")
        .raw(&file("./e").with(257, &[0; 8]), b"")
        .raw(&file("./f").with(265, b"\xff\0\0\0"), b"");
    let files = read(&with_data_tar(&tar.end())).unwrap().files.unwrap();
    let list: String = files
        .iter()
        .map(|file| format!("{} {:04o} {}\n", String::from_utf8_lossy(&file.path), file.mode, file.owner))
        .collect();
    insta::assert_snapshot!(list, @"
    a 4755 root:root
    b 2755 root:games
    c 0644 root:games
    d 0644 1000:0
    e 0644 root:root
    f 0644 �:root
    ");
    assert!(std::sync::Arc::ptr_eq(&files[1].owner, &files[2].owner));
}

const NEW: &str =
    "probe (1.0-1) sid; urgency=low\n\n  * New.\n\n -- A <a@b>  Sat, 01 Jan 2022 10:00:00 +0000\n";
const REBUILD: &str = "probe (1.0-1+b1) sid; urgency=low, binary-only=yes\n\n  * Rebuild.\n\n -- A <a@b>  Sat, 01 Jan 2022 10:00:00 +0000\n";

fn changelog(control: &str, files: &[(&str, &[u8])], limit: usize) -> Option<OwnChangelog> {
    let mut tar = Tar::new();
    for (name, content) in files {
        tar = tar.file(&format!("./usr/share/doc/{name}"), content);
    }
    let members = [VERSION, ("control.tar", &control_tar(control)), ("data.tar", &tar.end())];
    let options = Options { changelog: Some(limit), ..Options::default() };
    let package = deb::read(&ar(&members)[..], &options).unwrap();
    assert_eq!(package.files.unwrap().len(), files.len());
    package.changelog
}

#[test]
fn the_changelog_of_a_package_is_kept_if_asked_for() {
    let native = CONTROL.replace("1.0-1", "1.0");
    let text = |control: &str, files: &[(&str, &[u8])]| {
        changelog(control, files, 1 << 20).map(|own| {
            assert!(own.complete);
            own.text
        })
    };
    let packed = gz(NEW.as_bytes());
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(text(CONTROL, &[("probe/changelog.Debian.gz", &packed)]), some(NEW));
    assert_eq!(text(CONTROL, &[("probe/changelog.Debian", NEW.as_bytes())]), some(NEW));
    assert_eq!(text(&native, &[("probe/changelog.gz", &packed)]), some(NEW));
    assert_eq!(text(&native, &[("probe/changelog", NEW.as_bytes())]), some(NEW));
    assert_eq!(text(CONTROL, &[("probe/changelog.gz", &packed)]), None, "that is upstream's");
    assert_eq!(text(CONTROL, &[("other/changelog.Debian.gz", &packed)]), None);
    assert_eq!(
        text(CONTROL, &[("probe/changelog.Debian.amd64.gz", &packed)]),
        None,
        "of another architecture"
    );
    assert_eq!(
        text(&native, &[("probe/changelog.gz", b"upstream's"), ("probe/changelog.Debian.gz", &packed)]),
        some(NEW)
    );
    assert_eq!(
        text(
            CONTROL,
            &[
                ("probe/changelog.Debian.gz", &packed),
                ("probe/changelog.Debian.all.gz", &gz(REBUILD.as_bytes()))
            ]
        ),
        Some(format!("{REBUILD}{NEW}"))
    );
    assert_eq!(text(CONTROL, &[("probe/changelog.Debian", b"A \xc4\n")]), some("A \u{fffd}\n"));
    let none = deb::read(&with_control(CONTROL)[..], &Options::default()).unwrap();
    assert_eq!(none.changelog, None);
}

#[test]
fn a_changelog_is_cut_at_the_limit_and_never_a_reason_to_refuse() {
    let long = NEW.repeat(10_000);
    let kept = |content: &[u8], limit| {
        let own = changelog(CONTROL, &[("probe/changelog.Debian.gz", content)], limit).unwrap();
        assert!(own.text.len() <= limit);
        (own.text.len(), own.complete)
    };
    let packed = gz(long.as_bytes());
    assert_eq!(kept(&packed, long.len()), (long.len(), true));
    assert!(!kept(&packed, long.len() - 1).1);
    assert_eq!(kept(&packed, NEW.len() * 3 + 5), (NEW.len() * 3, false));
    assert_eq!(kept(&packed, 0), (0, false));
    let (length, complete) = kept(&packed[..packed.len() / 2], long.len());
    assert!(length > NEW.len() && !complete);
    assert_eq!(kept(b"no gzip", 1000), (0, false));
    assert_eq!(kept(b"", 1000), (0, false));
    assert!(!kept(&[&packed[..], b"more"].concat(), long.len()).1);
    // 1 GiB of zeros in 1 MiB.
    let bomb = gz(&vec![0; 64 << 20]);
    assert_eq!(kept(&bomb, 1000), (0, false));
}
