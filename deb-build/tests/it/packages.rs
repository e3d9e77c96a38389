//! What is in packages.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::process::Command;

use deb_build::Error;

use crate::folder::{COPYRIGHT, Folder};

const WHOLE: &str = r#"
section = "admin"
homepage = "https://acme.example"
depends = ["libc6 (>=2.36)", "default-mta|mail-transport-agent", "acme-data (= ${version})"]
provides = "acme-api (= 2)"
manual = "acme.1"
sysusers = "acme.sysusers"
tmpfiles = "acme.tmpfiles"
cron = "acme.cron"
logrotate = "acme.logrotate"

[copyright]
license = "MIT OR Apache-2.0"
holder = ["2024-2026 Acme Ltd", "2025 Somebody Else"]

[[file]]
from = "bin/*"
to = "/usr/bin"

[[file]]
from = "etc"
to = "/etc/acme"

[[file]]
from = "secret.conf"
to = "/etc/acme/"
owner = "root:acme"
mode = "0640"

[[file]]
from = "web/**"
to = "/usr/share/acme/web"
owner = "root:www-data"
exclude = ["web/tests", "**/*.map"]

[[directory]]
path = "/var/lib/acme"
owner = "acme:acme"
mode = "0750"

[[link]]
path = "/usr/bin/acmectl"
target = "acme"

[[unit]]
file = "acme.service"

[[unit]]
file = "acme-job.service"

[[unit]]
file = "acme-job.timer"
restart = false

[[unit]]
file = "acme@.service"

[[alternative]]
name = "shop"
link = "/usr/bin/shop"
path = "/usr/bin/acme"
priority = 20

[triggers]
interest_noawait = ["/usr/share/acme/plugins"]

[scripts]
postinst = "setup.sh"
prerm = "teardown.sh"
"#;

fn whole() -> Folder {
    let folder = Folder::new(&[
        ("+bin/acme", "#!/bin/sh\necho acme\n"),
        ("bin/README", "not to be run\n"),
        ("etc/acme.conf", "[acme]\n"),
        ("etc/conf.d/10.conf", "# empty\n"),
        ("secret.conf", "secret\n"),
        ("web/index.html", "<p>"),
        ("web/js/app.js", "1"),
        ("web/js/app.js.map", "map"),
        ("web/tests/a.js", "2"),
        ("acme.1", ".TH ACME 1\n"),
        ("acme.sysusers", "u acme - \"Acme\"\n"),
        ("acme.tmpfiles", "d /run/acme 0755 acme acme\n"),
        ("acme.cron", "5 5 * * * acme /usr/bin/acme\n"),
        ("acme.logrotate", "/var/log/acme.log {\n}\n"),
        ("acme.service", "[Service]\nExecStart=/usr/bin/acme\n\n[Install]\nWantedBy=multi-user.target\n"),
        ("acme-job.service", "[Service]\nType=oneshot\nExecStart=/usr/bin/acme\n"),
        ("acme-job.timer", "[Timer]\nOnCalendar=daily\n\n[Install]\nWantedBy=timers.target\n"),
        ("acme@.service", "[Service]\nExecStart=/usr/bin/acme %i\n\n[Install]\nWantedBy=multi-user.target\n"),
        ("setup.sh", "#!/bin/sh\n[ \"$1\" = configure ] || exit 0\necho set up\n"),
        ("teardown.sh", "echo torn down\n"),
    ]);
    symlink("index.html", folder.path().join("web/home.html")).unwrap();
    fs::create_dir(folder.path().join("web/empty")).unwrap();
    folder
}

#[test]
fn everything_that_a_description_may_say_is_in_the_package() {
    let plan = whole().plan(WHOLE).unwrap_or_else(|error| panic!("{error}"));
    let mut shown = String::new();
    for name in ["control", "conffiles", "triggers", "postinst", "prerm", "postrm"] {
        let text = String::from_utf8_lossy(plan.control_file(name).unwrap_or_default());
        shown.push_str(&format!("==== {name}\n{text}"));
    }
    shown.push_str(&format!("==== {}\n", plan.file_name()));
    shown.extend(plan.paths().map(|path| path + "\n"));
    insta::assert_snapshot!(shown);
}

/// A program's output, or `None` when it is not installed.
fn run(program: &str, arguments: &[&str]) -> Option<String> {
    let output = match Command::new(program).args(arguments).env("LC_ALL", "C").env("TZ", "UTC").output() {
        Ok(output) => output,
        Err(error) => {
            eprintln!("SKIPPED: {program} is not installed: {error}");
            return None;
        }
    };
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap())
}

#[test]
fn dpkg_reads_and_verifies_what_is_built() {
    let folder = whole();
    let file = folder.path().join("acme.deb");
    fs::write(&file, folder.build(WHOLE)).unwrap();
    let Some(listed) = run("dpkg-deb", &["-c", file.as_str()]) else { return };
    insta::assert_snapshot!(listed);
    let tree = folder.path().join("tree");
    run("dpkg-deb", &["-R", file.as_str(), tree.as_str()]);
    for script in ["postinst", "prerm", "postrm"] {
        let script = tree.join("DEBIAN").join(script);
        run("sh", &["-n", script.as_str()]);
        run("shellcheck", &["--severity=warning", script.as_str()]);
    }
    let sums = fs::read_to_string(tree.join("DEBIAN/md5sums")).unwrap();
    assert!(sums.contains("  usr/bin/acme\n") && !sums.contains("etc/"), "{sums}");
    run("sh", &["-c", &format!("cd {tree} && md5sum --quiet -c DEBIAN/md5sums")]);
    let changelog = format!("{tree}/usr/share/doc/acme/changelog.Debian.gz");
    let text = run("zcat", &[&changelog]).unwrap();
    insta::assert_snapshot!(text, @r"
    acme (1.0-1) unstable; urgency=medium

      * First version.

     -- Acme Operations <ops@acme.example>  Tue, 14 Nov 2023 22:13:20 +0000
    ");
    insta::assert_snapshot!(fs::read_to_string(tree.join("usr/share/doc/acme/copyright")).unwrap());
}

#[test]
fn only_files_have_the_owner_of_a_rule_and_directories_those_of_their_own() {
    let folder = Folder::new(&[("etc/cron.d/x", ""), ("etc/acme/y", "")]);
    let rules = "\n[[file]]\nfrom = \"etc/**\"\nto = \"/etc\"\nowner = \"acme\"\n\n[[directory]]\npath = \"/srv/acme\"\nowner = \"acme\"\n";
    let plan = folder.plan(&format!("{COPYRIGHT}{rules}")).unwrap();
    let postinst = String::from_utf8(plan.control_file("postinst").unwrap().to_vec()).unwrap();
    let given: Vec<&str> = postinst.lines().filter_map(|line| line.strip_prefix("    give_away ")).collect();
    let expected = ["/etc/acme/y", "/etc/cron.d/x"].map(|path| format!("acme:acme 0644 '{path}'"));
    assert_eq!(given, [&*expected[0], &*expected[1], "acme:acme 0755 '/srv/acme'"]);
}

/// `postinst` for real, on a root of its own, with programs that write down what they are asked for.
#[test]
fn a_script_gives_away_only_what_is_there_and_what_only_root_could_have_put_there() {
    let folder = Folder::new(&[("a", ""), ("b", ""), ("c", ""), ("d", "")]);
    let rules: String = ["/etc/acme/a", "/etc/acme/b", "/etc/acme/c", "/srv/foreign/sub/d"]
        .map(|to| {
            let from = &to[to.len() - 1..];
            format!("\n[[file]]\nfrom = \"{from}\"\nto = \"{to}\"\nowner = \"root:acme\"\nmode = \"0640\"\n")
        })
        .concat();
    let plan = folder.plan(&format!("{COPYRIGHT}{rules}")).unwrap();
    let (root, programs) = (folder.path().join("root"), folder.path().join("programs"));
    fs::create_dir_all(root.join("etc/acme")).unwrap();
    fs::create_dir_all(root.join("srv/foreign/sub")).unwrap();
    fs::create_dir(&programs).unwrap();
    // The administrator deleted a, and c is a link that leads nowhere.
    fs::write(root.join("etc/acme/b"), "").unwrap();
    symlink("/nowhere", root.join("etc/acme/c")).unwrap();
    fs::write(root.join("srv/foreign/sub/d"), "").unwrap();
    for (name, script) in [
        ("stat", "case \"$4\" in */foreign) echo 1000 ;; *) echo 0 ;; esac"),
        ("dpkg-statoverride", "exit 1"),
        ("chown", "echo chown \"$@\""),
        ("chmod", "echo chmod \"$@\""),
    ] {
        let path = programs.join(name);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let script = folder.path().join("postinst");
    fs::write(&script, plan.control_file("postinst").unwrap()).unwrap();
    let output = Command::new("sh")
        .args([script.as_str(), "configure"])
        .env("DPKG_ROOT", &root)
        .env("PATH", format!("{programs}:/usr/bin:/bin"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8(output.stdout).unwrap().replace(root.as_str(), "");
    assert_eq!(said, "chown -h root:acme /etc/acme/b\nchmod 0640 /etc/acme/b\n");
    let warned = String::from_utf8(output.stderr).unwrap();
    assert_eq!(
        warned,
        "warning: /srv/foreign/sub/d keeps its owner, because /srv/foreign does not belong to root\n"
    );
}

#[test]
fn neither_times_nor_umask_nor_the_order_of_files_change_the_bytes() {
    let (first, second) = (whole(), whole());
    for entry in fs::read_dir(second.path()).unwrap() {
        let entry = entry.unwrap();
        let times = fs::FileTimes::new().set_modified(std::time::UNIX_EPOCH);
        fs::File::open(entry.path()).unwrap().set_times(times).unwrap();
        // As an umask of 077 leaves it.
        let mode = entry.metadata().unwrap().permissions().mode() & 0o700;
        fs::set_permissions(entry.path(), fs::Permissions::from_mode(mode)).unwrap();
    }
    let built = first.build(WHOLE);
    assert!(built == second.build(WHOLE));
    assert!(built == first.build(WHOLE));
}

#[test]
fn a_program_decides_the_architecture() {
    let elf = |class: char, machine: char| format!("\u{7f}ELF{class}\u{1}{}{machine}\u{0}", "\0".repeat(12));
    let (amd64, armhf) = (elf('\u{2}', '\u{3e}'), elf('\u{1}', '\u{28}'));
    let files = format!("{COPYRIGHT}\n[[file]]\nfrom = \"bin\"\nto = \"/usr/bin\"\n");
    let folder = Folder::new(&[("+bin/a", &*amd64)]);
    assert_eq!(folder.plan(&files).unwrap().file_name(), "acme_1.0-1_amd64.deb");
    let refused =
        |rest: &str, files: &[(&str, &str)]| Folder::new(files).plan(rest).err().unwrap().to_string();
    let both = [("+bin/a", &*amd64), ("+bin/b", &*armhf)];
    insta::assert_snapshot!(refused(&files, &both), @"line 12, column 8: file: /usr/bin/b is built for armhf, and the package is for amd64 (/usr/bin/a)");
    insta::assert_snapshot!(refused(&format!("architecture = \"all\"\n{files}"), &both[..1]), @r#"line 13, column 8: file: /usr/bin/a is built for amd64, and the package is for all (architecture = "all")"#);
}

#[test]
fn a_file_that_changes_meanwhile_is_noticed() {
    let folder = Folder::new(&[("a", "1234")]);
    let plan =
        folder.plan(&format!("{COPYRIGHT}\n[[file]]\nfrom = \"a\"\nto = \"/usr/share/acme/\"\n")).unwrap();
    for other in ["1235", "12345", "123", ""] {
        fs::write(folder.path().join("a"), other).unwrap();
        let error = plan.write_to(std::io::Cursor::new(Vec::new())).err().unwrap();
        assert_eq!(error.to_string(), "line 12, column 8: a: the file changed while the package was built");
    }
}

/// An output that has room for so many bytes.
struct Small(std::io::Cursor<Vec<u8>>, usize);

impl std::io::Write for Small {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.1 = self.1.checked_sub(bytes.len()).ok_or(std::io::ErrorKind::StorageFull)?;
        std::io::Write::write(&mut self.0, bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl std::io::Seek for Small {
    fn seek(&mut self, to: std::io::SeekFrom) -> std::io::Result<u64> {
        std::io::Seek::seek(&mut self.0, to)
    }
}

#[test]
fn a_full_disk_is_no_fault_of_the_description() {
    let folder = Folder::new(&[("a", "1234")]);
    let plan =
        folder.plan(&format!("{COPYRIGHT}\n[[file]]\nfrom = \"a\"\nto = \"/usr/share/acme/\"\n")).unwrap();
    let size = plan.write_to(std::io::Cursor::new(Vec::new())).unwrap().into_inner().len();
    for room in (0..size).step_by(97) {
        match plan.write_to(Small(std::io::Cursor::new(Vec::new()), room)) {
            Err(Error::Write { source }) => assert_eq!(source.kind(), std::io::ErrorKind::StorageFull),
            Err(other) => panic!("{other:?}"),
            Ok(_) => panic!("no room for it"),
        }
    }
}
