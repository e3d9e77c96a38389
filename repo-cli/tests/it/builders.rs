//! Packages of the tools that people build with: each is added, published and installed.

use std::fs;
use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};
use testkit::builders::foreign_packages;
use testkit::package::archive;
use testkit::{Apt, Environment};

use crate::{configure, store};

/// The tool for applications of Electron.
const ELECTRON: &str = "electron-installer-debian";

/// Installs a package file with dpkg into a root of its own; says so and gives nothing where that is not possible.
fn install(environment: &Environment, package: &str, file: &Utf8Path) -> Option<Utf8PathBuf> {
    if !testkit::all_installed(&["dpkg", "id"]) {
        return None;
    }
    if environment.finish(Command::new("id").arg("-u")).stdout != "0\n" {
        testkit::skipped("dpkg --install needs root");
        return None;
    }
    let root = environment.path(format!("root-{package}"));
    let database = root.join("var/lib/dpkg");
    for directory in ["info", "updates"] {
        fs::create_dir_all(database.join(directory)).unwrap();
    }
    for name in ["status", "available"] {
        fs::write(database.join(name), "").unwrap();
    }
    let mut dpkg = environment.other(&["dpkg", "--force-script-chrootless"]);
    if package == ELECTRON {
        // Names the libraries of a desktop in `Depends`, and the root has no other packages.
        dpkg.arg("--force-depends");
    }
    dpkg.args(["--root", root.as_str(), "--install", file.as_str()]);
    let _ = environment.finish(&mut dpkg).succeeds();
    Some(root)
}

/// Adds the packages with all checks, has a client fetch each, and installs what it fetched.
fn publish_and_install(packages: &[(String, Vec<u8>)]) {
    let environment = store();
    configure(&environment, "contents = true\n");
    for (name, bytes) in packages {
        let file = environment.write(&format!("files/{name}.deb"), bytes);
        let _ = environment.run(&["add", "preprod", "--check-data", file.as_str()]).succeeds();
    }
    let Some(apt) = Apt::new(&environment, "client") else { return };
    let directory = environment.public("preprod");
    apt.source(
        "x",
        &format!("Types: deb\nURIs: file:{directory}\nSuites: bookworm\nComponents: main\nTrusted: yes\n"),
    );
    let _ = apt.update().succeeds();
    for (name, bytes) in packages {
        assert!(apt.download(name) == *bytes, "{name}");
        let file = environment.write(&format!("files/{name}-fetched.deb"), bytes);
        let Some(root) = install(&environment, name, &file) else { return };
        // Where applications of Electron are.
        let library = root.join(format!("usr/lib/{name}/content"));
        let share = root.join(format!("usr/share/{name}/content"));
        let content = fs::read_to_string(if library.exists() { library } else { share });
        assert_eq!(content.unwrap(), *name);
    }
}

#[test]
fn packages_with_the_headers_of_every_tool_are_installed() {
    let packages = foreign_packages().into_iter().map(|package| (package.name, package.bytes));
    publish_and_install(&packages.collect::<Vec<_>>());
}

fn control(name: &str) -> String {
    format!(
        "Package: {name}\nVersion: 1.0\nArchitecture: all\nMaintainer: Test <test@example.org>\nDescription: x\n"
    )
}

/// A tool that people build packages with.
struct Builder {
    /// The program, which is also the name of the package.
    program: &'static str,
    /// What else it needs.
    needs: &'static [&'static str],
    /// What it reads beside the file `content`.
    files: &'static [(&'static str, &'static str)],
    /// Commands of a shell that build the package in the directory.
    build: &'static str,
}

/// In the order of their names. What a machine lacks is skipped; `.ci/run` installs what is quick to install.
const BUILDERS: [Builder; 5] = [
    Builder {
        program: "checkinstall",
        needs: &["dpkg-deb"],
        files: &[(
            "install.sh",
            "mkdir -p /usr/share/checkinstall && cp content /usr/share/checkinstall/content\n",
        )],
        build: "checkinstall -y --install=no --fstrans=yes --pkgname=checkinstall --pkgversion=1.0 --pkgarch=all --nodoc \
                --backup=no --maintainer=test@example.org sh install.sh",
    },
    Builder {
        program: "cpack",
        needs: &["cmake"],
        files: &[(
            "CMakeLists.txt",
            "cmake_minimum_required(VERSION 3.5)\nproject(cpack VERSION 1.0 LANGUAGES NONE)\n\
             install(FILES content DESTINATION share/cpack)\nset(CPACK_GENERATOR DEB)\n\
             set(CPACK_PACKAGE_CONTACT \"Test <test@example.org>\")\n\
             set(CPACK_DEBIAN_PACKAGE_ARCHITECTURE all)\ninclude(CPack)\n",
        )],
        build: "cmake -DCMAKE_INSTALL_PREFIX=/usr . && cpack && rm -rf _CPack_Packages",
    },
    Builder {
        program: ELECTRON,
        needs: &["dpkg-deb", "fakeroot"],
        files: &[
            ("app/version", "v20.0.0"),
            ("app/LICENSE", "x"),
            ("app/electron-installer-debian", "x"),
            (
                "app/resources/app/package.json",
                r#"{"name": "electron-installer-debian", "version": "1.0.0", "description": "x", "author": "Test <test@example.org>"}"#,
            ),
        ],
        build: "cp content app/content && electron-installer-debian --src app --dest . --arch all",
    },
    Builder {
        program: "equivs-build",
        needs: &["dpkg-deb"],
        files: &[(
            "control",
            "Package: equivs-build\nVersion: 1.0\nArchitecture: all\nMaintainer: Test <test@example.org>\n\
             Description: x\nFiles: content /usr/share/equivs-build\n",
        )],
        // It leaves the package in the directory for temporary files.
        build: "TMPDIR=$PWD equivs-build control",
    },
    Builder {
        program: "nfpm",
        needs: &[],
        files: &[(
            "nfpm.yaml",
            "name: nfpm\narch: all\nversion: \"1.0\"\nmaintainer: Test <test@example.org>\ndescription: x\n\
             contents:\n- {src: content, dst: /usr/share/nfpm/content}\n",
        )],
        build: "nfpm package --packager deb --target .",
    },
];

impl Builder {
    /// Builds the package; `None` where a program is missing.
    fn package(&self, environment: &Environment) -> Option<(String, Vec<u8>)> {
        let Self { program, needs, files, build } = self;
        if !testkit::all_installed(&[&[*program], *needs].concat()) {
            return None;
        }
        fs::create_dir_all(environment.path(format!("{program}/app/resources/app"))).unwrap();
        for (name, text) in [("content", *program)].iter().chain(*files) {
            let _ = environment.write(&format!("{program}/{name}"), text);
        }
        let directory = environment.path(program);
        let mut shell = environment.other(&["sh", "-ec", build]);
        let built = environment.finish(shell.current_dir(&directory)).succeeds();
        let mut found = directory.read_dir_utf8().unwrap().map(|entry| entry.unwrap().into_path());
        let file = found.find(|path| path.extension() == Some("deb"));
        let file = file.unwrap_or_else(|| panic!("{program} built nothing: {built}"));
        Some(((*program).to_owned(), fs::read(file).unwrap()))
    }
}

/// The tools themselves, each as far as the machine has it.
#[test]
fn packages_of_the_tools_themselves_are_installed() {
    let environment = Environment::new(crate::PROGRAM);
    publish_and_install(&BUILDERS.iter().filter_map(|tool| tool.package(&environment)).collect::<Vec<_>>());
}

/// dpkg-deb itself, which also equivs, checkinstall, electron-installer-debian and dpkg-buildpackage run.
#[test]
fn packages_of_dpkg_deb_are_installed() {
    let environment = Environment::new(crate::PROGRAM);
    if !testkit::all_installed(&["dpkg-deb"]) {
        return;
    }
    let mut packages = Vec::new();
    for compression in ["none", "gzip", "xz", "zstd"] {
        let name = format!("dpkg-deb-{compression}");
        let tree = environment.path(format!("tree-{compression}"));
        fs::create_dir_all(tree.join("DEBIAN")).unwrap();
        fs::create_dir_all(tree.join(format!("usr/share/{name}"))).unwrap();
        fs::write(tree.join("DEBIAN/control"), control(&name)).unwrap();
        fs::write(tree.join(format!("usr/share/{name}/content")), &name).unwrap();
        let file = environment.path(format!("{name}.deb"));
        let mut build = environment.other(&["dpkg-deb", "--root-owner-group", "-Z", compression, "--build"]);
        if build.args([tree.as_str(), file.as_str()]).output().unwrap().status.success() {
            packages.push((name, fs::read(file).unwrap()));
        } else {
            testkit::skipped(&format!("this dpkg-deb does not write {compression}"));
        }
    }
    publish_and_install(&packages);
}

/// fpm has GNU ar and GNU tar make its packages, with the numbers of the user who builds.
#[test]
fn packages_of_ar_and_tar_are_installed() {
    let environment = Environment::new(crate::PROGRAM);
    if !testkit::all_installed(&["ar", "tar"]) {
        return;
    }
    let name = "fpm".to_owned();
    let directory = environment.path("fpm");
    fs::create_dir_all(directory.join("data/usr/share/fpm")).unwrap();
    fs::create_dir_all(directory.join("control")).unwrap();
    fs::write(directory.join("data/usr/share/fpm/content"), &name).unwrap();
    fs::write(directory.join("control/control"), control(&name)).unwrap();
    fs::write(directory.join("debian-binary"), "2.0\n").unwrap();
    for part in ["control", "data"] {
        let archive = directory.join(format!("{part}.tar.gz"));
        let mut tar =
            environment.other(&["tar", "--format=gnu", "--numeric-owner", "-czf", archive.as_str()]);
        tar.args([
            "--owner=builder:4000000",
            "--group=builder:4000000",
            "-C",
            directory.join(part).as_str(),
            ".",
        ]);
        let _ = environment.finish(&mut tar).succeeds();
    }
    let mut ar =
        environment.other(&["ar", "-qcD", "fpm.deb", "debian-binary", "control.tar.gz", "data.tar.gz"]);
    let _ = environment.finish(ar.current_dir(&directory)).succeeds();
    publish_and_install(&[(name, fs::read(directory.join("fpm.deb")).unwrap())]);
}

/// What a broken upload leaves is refused by a plain `add` too.
#[test]
fn an_archive_that_was_cut_is_refused_by_every_add() {
    let environment = store();
    let file = environment.package("hello", "1.0", "all");
    let whole = fs::read(&file).unwrap();
    let at = whole.windows(11).position(|window| window == b"data.tar.gz").unwrap();
    let data = &whole[at + 60..];
    let control = {
        let at = whole.windows(14).position(|window| window == b"control.tar.gz").unwrap();
        let size: usize = String::from_utf8_lossy(&whole[at + 48..at + 58]).trim().parse().unwrap();
        &whole[at + 60..at + 60 + size]
    };
    let cut = archive(&[
        ("debian-binary", b"2.0\n"),
        ("control.tar.gz", control),
        ("data.tar.gz", &data[..data.len() / 2]),
    ]);
    let file = environment.write("files/cut.deb", cut);
    let output = environment.run(&["add", "preprod", file.as_str()]).ends_with(1);
    assert!(output.stderr.contains("data.tar.gz: the compressed data is cut short"), "{output}");
}

/// Where the archive is unpacked anyway, what dpkg cannot unpack is refused.
#[test]
fn a_package_without_its_directories_is_refused_where_it_is_unpacked() {
    let file_entry = testkit::package::tar_member("./opt/acme/x", b"x");
    let bytes = archive(&[
        ("debian-binary", b"2.0\n"),
        (
            "control.tar",
            &testkit::package::tar(testkit::package::tar_member("./control", control("acme").as_bytes())),
        ),
        ("data.tar", &testkit::package::tar(file_entry)),
    ]);
    let said = "\"opt/acme/x\": dpkg cannot unpack it, because the archive has no entry for the directory \"opt/acme\"";
    let environment = store();
    let file = environment.write("files/acme.deb", &bytes);
    let output = environment.run(&["add", "preprod", "--check-data", file.as_str()]).ends_with(1);
    assert!(output.stderr.contains(said) && output.stderr.contains("hint: "), "{output}");
    fs::create_dir(environment.path("incoming")).unwrap();
    let dropped = environment.write("incoming/acme.deb", &bytes);
    let output = environment.run(&["incoming", "--once", "preprod", environment.path("incoming").as_str()]);
    assert!(output.to_string().contains(said) && !dropped.exists(), "{output}");
    configure(&environment, "contents = true\n");
    let output = environment.run(&["add", "preprod", file.as_str()]).ends_with(1);
    assert!(output.stderr.contains(said), "{output}");
}

/// A limit that a package is over is named, and raised in repo.toml.
#[test]
fn limits_are_set_in_the_configuration() {
    let environment = store();
    let file = environment
        .build("large", "1.0", "all", |builder| builder.file("opt/large", "x".repeat(100_000), 0o644));
    let add = ["add", "preprod", "--check-data", file.as_str()];
    configure(&environment, "[limits]\ndata_unpacked = \"20 KiB\"\n");
    let output = environment.run(&add).ends_with(1);
    insta::assert_snapshot!(output, @"
    status: 1
    ---- stderr
    error: <DIR>/files/large_1.0_all.deb: data.tar.gz: more than 20480 bytes of the unpacked data archive, which is the limit
    hint: raise `data_unpacked` in the table [limits] of repo.toml if the package is sound
    1 of 1 file refused
    ");
    // No setting raises this one, so no hint names one.
    let control = format!("Package: large\nVersion: 2\nX: {}\n", "x".repeat(1 << 20));
    let control = environment.write("files/control.deb", testkit::package::with_control(&control));
    let refused = environment.run(&["add", "preprod", control.as_str()]).ends_with(1);
    assert!(refused.stderr.contains("which is the limit"), "{refused}");
    assert!(!refused.stderr.contains("[limits]"), "{refused}");
    configure(&environment, "[limits]\ndata_unpacked = \"20 KB\"\n");
    let said = "limits.data_unpacked: invalid size `20 KB`; use for example 512 MiB or 4 GiB";
    assert!(environment.run(&add).stderr.contains(said));
    configure(&environment, "[limits]\ndata_unpacked = \"200 KiB\"\n");
    let _ = environment.run(&add).succeeds();
}
