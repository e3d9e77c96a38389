//! `build`: packages from folders, for releases, into repositories, and by dpkg onto machines.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use camino::Utf8Path;
use serde_json::Value;
use testkit::{Environment, Machine, normalised};

use crate::PROGRAM;

const SPEC: &str = "\
name = \"acme-shop\"
version = \"1.5\"
maintainer = \"Acme Operations <ops@acme.example>\"
changelog = \"CHANGELOG.md\"
summary = \"web shop of Acme\"

[copyright]
license = \"MIT\"
holder = \"2026 Acme Ltd\"

[[file]]
from = \"public/**\"
to = \"/usr/share/acme-shop\"
";

const CHANGELOG: &str =
    "# Changelog\n\n## [1.5] - 2026-02-01\n\n- Sells.\n\n## [1.4] - 2026-01-01\n\n- Greets.\n";

/// A store for two releases, and a folder with a description.
fn shop() -> Environment {
    let environment = Environment::with_store(PROGRAM, &["bookworm", "trixie"]);
    let folder = environment.path("shop");
    fs::create_dir_all(folder.join("public")).unwrap();
    fs::write(folder.join("build.toml"), SPEC).unwrap();
    fs::write(folder.join("CHANGELOG.md"), CHANGELOG).unwrap();
    fs::write(folder.join("public/index.php"), "<?php\n").unwrap();
    environment
}

fn versions(environment: &Environment) -> Vec<String> {
    let listed: Value = serde_json::from_str(&environment.json(&["list", "preprod"])).unwrap();
    let packages = listed["packages"].as_array().unwrap_or_else(|| panic!("{listed}"));
    packages
        .iter()
        .map(|package| format!("{} {}", package["version"].as_str().unwrap(), package["suites"]))
        .collect()
}

#[test]
fn a_package_for_each_release_goes_into_a_repository_in_one_change() {
    let environment = shop();
    let folder = environment.path("shop");
    let build = ["build", folder.as_str(), "--for", "bookworm,trixie", "--add", "preprod"];
    let shown = environment.run(&[&build[..], &["--dry-run"]].concat()).succeeds();
    insta::assert_snapshot!(normalised(&shown.text()));
    insta::assert_snapshot!(normalised(&environment.run(&build).succeeds().text()));
    let first = versions(&environment);
    insta::assert_snapshot!(first.join("\n"), @r#"
    1.5-1+deb12u1 ["bookworm"]
    1.5-1+deb13u1 ["trixie"]
    "#);
    // The same folder is the same package, on another day too.
    fs::set_permissions(folder.join("public/index.php"), fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(folder.join("public/index.php"), "<?php\n").unwrap();
    let again = environment.run(&build).succeeds();
    assert!(again.text().contains("nothing to add"), "{again}");
    fs::write(folder.join("public/index.php"), "<?php // 2\n").unwrap();
    let _ = environment.run(&build).succeeds();
    let second = versions(&environment);
    assert!(second.iter().any(|one| one.starts_with("1.5-1+deb12u2 ")) && second.len() == 4, "{second:?}");
    let history: Value = serde_json::from_str(&environment.json(&["history", "preprod"])).unwrap();
    let additions = history["history"].as_array().unwrap().iter().filter(|change| change["added"] == 2);
    assert_eq!(additions.count(), 2, "{history}");
    // Without --add the files are the result, and nothing else is left.
    let _ =
        environment.run(&["build", folder.as_str(), "--output", environment.path("out").as_str()]).succeeds();
    let mut files: Vec<String> = environment
        .path("out")
        .read_dir_utf8()
        .unwrap()
        .map(|file| file.unwrap().file_name().to_owned())
        .collect();
    files.sort();
    assert_eq!(files, ["acme-shop_1.5-1_all.buildinfo", "acme-shop_1.5-1_all.deb"]);
    let info = fs::read_to_string(environment.path("out").join(&files[0])).unwrap();
    // Of this machine and this version of the program alone.
    let info: Vec<&str> = info.lines().filter(|line| !line.starts_with("Build-Architecture: ")).collect();
    insta::assert_snapshot!(info.join("\n").replace(env!("CARGO_PKG_VERSION"), "OURS"));
    // A build that is in a repository is not touched by what is tried later; one that nobody has is replaced, with a warning.
    let released = environment.path("released");
    let build =
        ["build", folder.as_str(), "--set-version", "2.0", "--add", "preprod", "--output", released.as_str()];
    let _ = environment.run(&build).succeeds();
    let first = fs::read(released.join("acme-shop_2.0-1_all.deb")).unwrap();
    fs::write(folder.join("public/index.php"), "<?php // 3\n").unwrap();
    let _ = environment.run(&build).succeeds();
    assert!(first == fs::read(released.join("acme-shop_2.0-1_all.deb")).unwrap());
    let mut names: Vec<String> =
        released.read_dir_utf8().unwrap().map(|file| file.unwrap().file_name().to_owned()).collect();
    names.sort();
    assert_eq!(
        names,
        ["1_all.buildinfo", "1_all.deb", "2_all.buildinfo", "2_all.deb"]
            .map(|end| format!("acme-shop_2.0-{end}"))
    );
    let out = environment.path("out");
    let words = ["build", folder.as_str(), "--output", out.as_str()];
    assert!(environment.json(&words).contains("W-BUILD-REPLACED"));
    assert!(!environment.json(&words).contains("W-BUILD-REPLACED"));
    // What the repository has, it knows how it was built.
    let shown = environment.run(&["show", "preprod", "acme-shop=1.5-1+deb12u2"]).succeeds();
    assert!(shown.text().contains("acme-shop_1.5-1+deb12u2_all.buildinfo"), "{shown}");
    assert_eq!(folder.read_dir_utf8().unwrap().count(), 3);
}

#[test]
fn builds_at_the_same_time_get_different_numbers_and_a_release_without_a_suite_is_refused() {
    let environment = shop();
    let folders: Vec<_> = (0..4).map(|number| environment.path(format!("shop-{number}"))).collect();
    for folder in &folders {
        fs::create_dir_all(folder.join("public")).unwrap();
        for file in ["build.toml", "CHANGELOG.md"] {
            fs::copy(environment.path("shop").join(file), folder.join(file)).unwrap();
        }
        fs::write(folder.join("public/index.php"), folder.as_str()).unwrap();
    }
    std::thread::scope(|scope| {
        for folder in &folders {
            scope.spawn(|| environment.run(&["build", folder.as_str(), "--add", "preprod"]).succeeds());
        }
    });
    let mut built = versions(&environment);
    built.sort();
    let everywhere = "[\"bookworm\",\"trixie\"]";
    assert_eq!(built, ["1", "2", "3", "4"].map(|number| format!("1.5-{number} {everywhere}")));

    // A number that was taken and is in no suite any more stays taken.
    let _ = environment.run(&["remove", "preprod", "acme-shop=1.5-4"]).succeeds();
    fs::write(folders[0].join("public/index.php"), "another").unwrap();
    let _ = environment.run(&["build", folders[0].as_str(), "--add", "preprod"]).succeeds();
    let _ = environment.run(&["remove", "preprod", "acme-shop=1.5-3"]).succeeds();
    let left = versions(&environment);
    assert!(!left.iter().any(|version| version.starts_with("1.5-3 ")), "{left:?}");

    let build =
        ["build", folders[0].as_str(), "--for", "bookworm,jammy", "--add", "preprod", "--output", "out"];
    insta::assert_snapshot!(environment.run(&build).ends_with(1).stderr, @"
    error: preprod has no suite for jammy
    hint: add a suite for it, or leave jammy out of --for (suites: bookworm, trixie)
    ");
    assert!(!environment.path("out").exists());
}

#[test]
fn a_mistake_is_shown_where_it_is() {
    let environment = shop();
    let folder = environment.path("shop");
    let mut said = String::new();
    for (from, to) in [
        ("summary =", "sumary ="),
        ("version = \"1.5\"\n", ""),
        ("public/**", "../public"),
        ("public/**", "private"),
        ("MIT", "Acme"),
        ("CHANGELOG.md", "NEWS"),
        ("\"1.5\"", "\"file:../VERSION\""),
    ] {
        fs::write(folder.join("build.toml"), SPEC.replace(from, to)).unwrap();
        said.push_str(&environment.run(&["build", folder.as_str()]).ends_with(1).text());
        said.push('\n');
    }
    fs::write(folder.join("build.toml"), SPEC).unwrap();
    symlink("/etc/passwd", folder.join("public/passwd")).unwrap();
    said.push_str(&environment.run(&["build", folder.as_str()]).ends_with(1).text());
    said.push_str(&environment.run(&["build", environment.path("none").as_str()]).ends_with(1).text());
    said.push_str(&environment.run(&["build", folder.as_str(), "--for", "bokworm"]).ends_with(2).text());
    insta::assert_snapshot!(
        said.replace(folder.as_str(), "shop").replace(environment.path("none").as_str(), "none")
    );
}

#[test]
fn git_knows_the_version_the_changes_and_the_time() {
    let environment = shop();
    let folder = environment.path("shop");
    let spec = SPEC.replace("\"1.5\"", "\"git\"").replace("CHANGELOG.md", "git");
    fs::write(folder.join("build.toml"), spec).unwrap();
    let git = |script: &str| {
        let script = format!(
            "cd {folder} && git() {{ command git -c user.name=A -c user.email=a@example.org -c init.defaultBranch=main \"$@\"; }} && {script}"
        );
        environment.finish(
            environment.other(&["sh", "-c", &script]).env("GIT_COMMITTER_DATE", "2026-03-01T00:00:00Z"),
        )
    };
    if git("git --version").status != Some(0) {
        testkit::skipped("git is not installed");
        return;
    }
    let refused = environment.run(&["build", folder.as_str()]).ends_with(1);
    assert!(refused.text().contains("hint: make a tag such as v1.0"), "{refused}");
    let _ = git("git init -q && git add . && git commit -qm 'Sell' && git tag v1.5-rc1").succeeds();
    let _ = git("echo 2 >public/2 && git add . && git commit -qm 'Sell two' && git commit -q --allow-empty -m 'Sell $(three)'").succeeds();
    let built: Value =
        serde_json::from_str(&environment.json(&["build", folder.as_str(), "--dry-run"])).unwrap();
    let version = built["built"][0]["version"].as_str().unwrap();
    assert!(version.starts_with("1.5~rc1+2.g") && version.ends_with("-1"), "{version}");
    let out = environment.path("out");
    let _ = environment.run(&["build", folder.as_str(), "--output", out.as_str()]).succeeds();
    let unpacked = environment.finish(&mut environment.other(&[
        "sh",
        "-c",
        &format!("dpkg-deb -x {out}/*.deb {out}/tree && zcat {out}/tree/usr/share/doc/acme-shop/changelog.Debian.gz"),
    ]));
    if unpacked.status == Some(0) {
        let text = unpacked.stdout.replace(version, "VERSION");
        insta::assert_snapshot!(text, @r"
        acme-shop (VERSION) unstable; urgency=medium

          * Sell two

         -- Acme Operations <ops@acme.example>  Sun, 01 Mar 2026 00:00:00 +0000
        ");
    }
}

/// The templates, each with the name of a package.
const TEMPLATES: [(&str, &str); 10] = [
    ("service", "acme-agent"),
    ("static-site", "acme-site"),
    ("configuration", "acme-settings"),
    ("metapackage", "acme-machine"),
    ("keyring", "acme-archive-keyring"),
    ("php", "acme-shop"),
    ("python", "acme-report"),
    ("node", "acme-page"),
    ("go", "acme-go"),
    ("rust", "acme-rust"),
];

/// Makes a package of each template, and puts it into `out`.
fn build_templates(environment: &Environment, out: &Utf8Path, version: &str) {
    for (template, name) in TEMPLATES {
        let folder = environment.path(name);
        if !folder.exists() {
            let _ =
                environment.run(&["build", "new", template, name, "--directory", folder.as_str()]).succeeds();
        }
        let program = match template {
            "keyring" => {
                fs::write(folder.join(format!("{name}.gpg")), b"\x98").unwrap();
                None
            }
            "go" => Some(folder.join(name)),
            "rust" => Some(folder.join("target/release").join(name)),
            _ => None,
        };
        if let Some(program) = program {
            fs::create_dir_all(program.parent().unwrap()).unwrap();
            fs::copy("/bin/true", program).unwrap();
        }
        if template == "go" {
            // What stands in for a static program is not one.
            let spec = fs::read_to_string(folder.join("build.toml")).unwrap();
            if !spec.contains("libc6") {
                let spec = spec.replace("manual = ", "depends = \"libc6\"\nmanual = ");
                fs::write(folder.join("build.toml"), spec).unwrap();
            }
        }
        let words = ["build", folder.as_str(), "--set-version", version, "--output", out.as_str()];
        let _ = environment.run(&words).succeeds();
    }
}

#[test]
fn every_template_is_a_package_that_a_repository_takes() {
    let environment = Environment::with_store(PROGRAM, &["bookworm"]);
    let out = environment.path("out");
    build_templates(&environment, &out, "1.0");
    let added = environment.run(&["add", "preprod", out.as_str()]).succeeds();
    assert!(added.text().contains(&format!("added {} packages", TEMPLATES.len())), "{added}");
    let exists = environment.run(&[
        "build",
        "new",
        "php",
        "acme-shop",
        "--directory",
        environment.path("acme-shop").as_str(),
    ]);
    assert!(exists.ends_with(1).text().contains("already exists"));
}

/// On a whole system of Debian 12 or later: what stands in for a program of one's own is one of this machine.
mod packages_of_templates {
    use super::*;

    /// lintian judges them, and dpkg installs, upgrades, downgrades, removes and purges them.
    #[test]
    fn every_template_is_installed_upgraded_downgraded_and_purged() {
        let environment = Environment::new(PROGRAM);
        let Some(machine) = Machine::new(&environment, "machine") else { return };
        let (first, second) = (environment.path("first"), environment.path("second"));
        build_templates(&environment, &first, "1.0");
        build_templates(&environment, &second, "1.1");
        let judged = environment.finish(&mut environment.other(&[
            "sh",
            "-c",
            &format!("lintian --allow-root --fail-on error,warning {first}/*.deb"),
        ]));
        if judged.status == Some(127) {
            testkit::skipped("lintian is not installed");
        } else {
            let _ = judged.succeeds();
        }
        for directory in [&first, &second] {
            let to = environment.path("machine/changed/var/tmp").join(directory.file_name().unwrap());
            fs::create_dir_all(&to).unwrap();
            for file in directory.read_dir_utf8().unwrap() {
                let file = file.unwrap();
                fs::copy(file.path(), to.join(file.file_name())).unwrap();
            }
        }
        let before = machine.files();
        // What they depend on is not the matter here.
        let dpkg = |what: &str| machine.run(&format!("dpkg --force-depends {what}")).succeeds();
        let _ = dpkg("-i /var/tmp/first/*.deb");
        let _ = machine.run("echo changed >>/etc/acme-settings/acme-settings.conf").succeeds();
        let user = machine.run("getent passwd acme-agent && test -L /etc/systemd/system/multi-user.target.wants/acme-agent.service");
        let _ = user.succeeds();
        let owner = machine.run("stat -c '%U %a' /var/lib/acme-shop && acme-go && acme-rust").succeeds();
        assert!(owner.stdout.starts_with("www-data 755\n"), "{owner}");
        let _ = dpkg("--force-confold -i /var/tmp/second/*.deb");
        let _ = dpkg("--force-confold --force-downgrade -i /var/tmp/first/*.deb");
        let kept = machine.run("tail -n 1 /etc/acme-settings/acme-settings.conf").succeeds();
        assert_eq!(kept.stdout, "changed\n");
        let verified = machine.run("dpkg --verify acme-site acme-shop acme-page acme-rust").succeeds();
        assert_eq!(verified.stdout, "");
        let names = TEMPLATES.map(|(_, name)| name).join(" ");
        let _ = dpkg(&format!("--remove {names}"));
        let _ = dpkg(&format!("--purge {names}"));
        let after = machine.files();
        let left: Vec<_> = after.difference(&before).filter(|line| line.contains("acme")).collect();
        assert!(left.is_empty(), "{left:#?}");
    }
}
