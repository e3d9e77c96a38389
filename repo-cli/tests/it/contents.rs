//! Which package has a file: `Contents` indices, as they are published and as `apt-file` finds its way in them.

use std::fs;

use camino::Utf8PathBuf;
use testkit::{Apt, Environment, Server, Source};

use crate::{configure, store};

fn contents(environment: &Environment) -> String {
    contents_of(environment, "amd64")
}

fn contents_of(environment: &Environment, what: &str) -> String {
    let path = environment.public("preprod").join(format!("dists/bookworm/main/Contents-{what}.gz"));
    let output = environment.finish(environment.other(&["zcat"]).arg(path)).succeeds();
    let mut lines: Vec<&str> = output.stdout.lines().collect();
    lines.sort_unstable();
    lines.join("\n")
}

fn add(environment: &Environment, name: &str, version: &str, files: &[&str]) {
    let file = environment.build(name, version, "amd64", |builder| {
        files.iter().fold(builder, |builder, file| builder.file(*file, "x", 0o755))
    });
    let _ = environment.run(&["add", "preprod", file.as_str()]).succeeds();
}

#[test]
fn they_follow_every_change() {
    let environment = store();
    add(&environment, "old", "1", &["usr/bin/old"]);
    let path = environment.public("preprod").join("dists/bookworm/main");
    assert!(!path.join("Contents-amd64.gz").exists(), "nobody asked for it");

    configure(&environment, "contents = true");
    let _ = environment.run(&["publish"]).succeeds();
    insta::assert_snapshot!(contents(&environment), @"
    usr/bin/old	misc/old
    usr/share/old/content	misc/old
    ");
    add(&environment, "new", "1", &["usr/bin/new", "usr/bin/both"]);
    add(&environment, "new", "2", &["usr/bin/newer", "usr/bin/both"]);
    environment.add("preprod", &["for-all=1"]);
    insta::assert_snapshot!(contents(&environment), @"
    usr/bin/both	misc/new
    usr/bin/new	misc/new
    usr/bin/newer	misc/new
    usr/bin/old	misc/old
    usr/share/for-all/content	misc/for-all
    usr/share/new/content	misc/new
    usr/share/old/content	misc/old
    ");
    let _ = environment.run(&["remove", "preprod", "new=1"]).succeeds();
    let _ = environment.run(&["remove", "preprod", "old"]).succeeds();
    insta::assert_snapshot!(contents(&environment), @"
    usr/bin/both	misc/new
    usr/bin/newer	misc/new
    usr/share/for-all/content	misc/for-all
    usr/share/new/content	misc/new
    ");
    let release = fs::read_to_string(environment.public("preprod").join("dists/bookworm/Release")).unwrap();
    let listed: Vec<&str> = release
        .lines()
        .filter_map(|line| line.rsplit(' ').next())
        .filter(|path| path.contains("Contents"))
        .collect();
    assert_eq!(listed, ["main/Contents-amd64", "main/Contents-amd64.gz", "main/Contents-amd64.xz"]);
    let _ = environment.run(&["fsck"]).succeeds();

    configure(&environment, "contents = false");
    let _ = environment.run(&["publish"]).succeeds();
    assert!(!path.join("Contents-amd64.gz").exists(), "nobody asks for it any more");
}

#[test]
fn what_an_update_makes_lists_what_a_fresh_start_would() {
    let environment = store();
    configure(&environment, "contents = true");
    for number in 0..40 {
        let (name, file) = (format!("package{:02}", number % 20), format!("usr/share/data/{}", number % 7));
        add(&environment, &name, &number.to_string(), &[&file, "usr/share/common"]);
    }
    let updated = contents(&environment);
    fs::remove_dir_all(environment.root().join("public")).unwrap();
    fs::remove_dir_all(environment.root().join("store/manifests")).unwrap();
    fs::remove_dir_all(environment.root().join("store/publications")).unwrap();
    fs::create_dir(environment.root().join("public")).unwrap();
    let _ = environment.run(&["publish"]).succeeds();
    assert_eq!(updated, contents(&environment));
}

#[test]
fn apt_file_finds_the_package_of_a_file() {
    let environment = store();
    configure(&environment, "contents = true");
    add(&environment, "hello", "1", &["usr/bin/hello", "usr/share/with blank/\u{e9}t\u{e9}"]);
    add(&environment, "world", "1", &["usr/bin/world", "usr/share/shared"]);
    add(&environment, "hello", "2", &["usr/bin/hello", "usr/share/shared"]);
    let server: Server = environment.serve();
    let Some(apt) = Apt::new(&environment, "client") else { return };
    if !apt.with_apt_file() {
        return;
    }
    let url = server.url();
    let source =
        environment.run(&["client-config", "--inline", "preprod", "--suite", "bookworm", "--url", &url]);
    apt.source("preprod", &source.succeeds().stdout);
    let _ = apt.file(&["update"]).succeeds();
    assert_eq!(apt.file(&["search", "bin/hello"]).succeeds().stdout, "hello: /usr/bin/hello\n");
    assert_eq!(
        apt.file(&["search", "usr/share/shared"]).succeeds().stdout,
        "hello: /usr/share/shared\nworld: /usr/share/shared\n"
    );
    insta::assert_snapshot!(apt.file(&["list", "hello"]).succeeds().stdout, @"
    hello: /usr/bin/hello
    hello: /usr/share/hello/content
    hello: /usr/share/shared
    hello: /usr/share/with blank/été
    ");
    insta::assert_snapshot!(apt.file(&["search", "-x", "^/usr/share/with blank/"]).succeeds().stdout, @"hello: /usr/share/with blank/été");

    let _ = environment.run(&["remove", "preprod", "world"]).succeeds();
    let _ = apt.file(&["update"]).succeeds();
    assert_eq!(apt.file(&["search", "usr/share/shared"]).succeeds().stdout, "hello: /usr/share/shared\n");
}

fn source(environment: &Environment, name: &str, version: &str) -> Source {
    Source::new(&environment.path("files"), name, version)
}

/// A client with all that apt-file can ask for.
fn client<'e>(environment: &'e Environment, server: &Server) -> Option<Apt<'e>> {
    let apt = Apt::new(environment, "client")?;
    if !apt.with_apt_file() {
        return None;
    }
    let all = "Acquire::IndexTargets::deb-src::Contents-dsc::DefaultEnabled \"true\";\n\
               Acquire::IndexTargets::deb::Contents-udeb::DefaultEnabled \"true\";\n";
    fs::write(apt.path("etc/apt/apt.conf.d/60all"), all).unwrap();
    let url = server.url();
    let entry =
        environment.run(&["client-config", "--inline", "preprod", "--suite", "bookworm", "--url", &url]);
    apt.source("preprod", &entry.succeeds().stdout);
    Some(apt)
}

#[test]
fn the_files_of_source_packages_are_listed_as_they_are_unpacked() {
    let environment = store();
    configure(&environment, "contents = true");
    let directory = environment.public("preprod").join("dists/bookworm/main");
    environment.add("preprod", &["for-all=1"]);
    assert!(!directory.join("Contents-source.gz").exists(), "there are none");
    let add = |dsc: Utf8PathBuf| environment.run(&["add", "preprod", dsc.as_str()]).succeeds();
    let _ = add(source(&environment, "plain", "1.0").native());
    let _ = add(source(&environment, "hello", "1:2.10-3").quilt());
    let _ = add(source(&environment, "older", "0.9-1").with_diff());
    insta::assert_snapshot!(contents_of(&environment, "source"), @"
    debian/control	hello
    debian/control	older
    debian/control	plain
    debian/source/format	hello
    hello.c	hello
    hello.c	older
    hello.c	plain
    ");
    // The second version shares the upstream tarball, which is not unpacked again.
    let _ = add(source(&environment, "hello", "1:2.10-4").quilt());
    let _ = environment.run(&["remove", "preprod", "plain"]).succeeds();
    let _ = environment.run(&["remove", "preprod", "hello=1:2.10-3"]).succeeds();
    let updated = contents_of(&environment, "source");
    insta::assert_snapshot!(updated, @"
    debian/control	hello
    debian/control	older
    debian/source/format	hello
    hello.c	hello
    hello.c	older
    ");
    let release = fs::read_to_string(environment.public("preprod").join("dists/bookworm/Release")).unwrap();
    assert!(release.contains(" main/Contents-source.xz\n"), "{release}");
    let _ = environment.run(&["fsck"]).succeeds();

    for made in ["public", "store/manifests", "store/publications"] {
        fs::remove_dir_all(environment.root().join(made)).unwrap();
    }
    fs::create_dir(environment.root().join("public")).unwrap();
    let _ = environment.run(&["publish"]).succeeds();
    assert_eq!(contents_of(&environment, "source"), updated);
}

#[test]
fn dpkg_source_unpacks_the_files_that_are_listed() {
    let environment = store();
    configure(&environment, "contents = true");
    if !testkit::all_installed(&["dpkg-source", "tar", "xz", "bzip2"]) {
        return;
    }
    let files = environment.path("files");
    let tarball = |name: &str, arguments: &[&str], members: &[&str]| {
        let tree = environment.path("tree");
        for member in members {
            let path = tree.join(member);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            let content = if path.ends_with("source/format") { "3.0 (quilt)\n" } else { "x\n" };
            fs::write(path, content).unwrap();
        }
        let mut tar = environment.other(&["tar", "-caf", files.join(name).as_str(), "-C", tree.as_str()]);
        let _ = environment.finish(tar.args(arguments).arg(".")).succeeds();
        fs::remove_dir_all(tree).unwrap();
    };
    let long = format!("up-1/{}/main.c", "deep".repeat(50));
    tarball("big_1.orig.tar.xz", &["--format=posix"], &[&long, "up-1/README", "up-1/debian/leftover"]);
    tarball("big_1.orig-extra.tar.bz2", &["--format=gnu"], &["one", "two/three"]);
    tarball("big_1-1.debian.tar.gz", &[], &["debian/control", "debian/source/format"]);
    let names = ["big_1.orig.tar.xz", "big_1.orig-extra.tar.bz2", "big_1-1.debian.tar.gz"];
    let made = [
        source(&environment, "big", "1-1").dsc("3.0 (quilt)", &names),
        source(&environment, "plain", "1.0").native(),
        source(&environment, "older", "0.9-1").with_diff(),
    ];
    for dsc in made {
        let _ = environment.run(&["add", "preprod", dsc.as_str()]).succeeds();
        let (name, unpacked) =
            (dsc.file_name().unwrap().split('_').next().unwrap(), environment.path("unpacked"));
        let arguments = ["dpkg-source", "--no-check", "--no-copy", "-x", dsc.as_str(), unpacked.as_str()];
        let _ = environment.finish(&mut environment.other(&arguments)).succeeds();
        let list = ["find", unpacked.as_str(), "-not", "-type", "d", "-printf", "%P\n"];
        let list = environment.finish(&mut environment.other(&list)).succeeds().stdout;
        // What quilt notes down for itself belongs to no package, and the name of the format is written where it is missing.
        let is_own =
            |path: &&str| !path.starts_with(".pc/") && (name != "plain" || *path != "debian/source/format");
        let mut found: Vec<&str> = list.lines().filter(is_own).collect();
        found.sort_unstable();
        let contents = contents_of(&environment, "source");
        let listed = contents.lines().filter_map(|line| line.strip_suffix(&format!("\t{name}")));
        assert_eq!(listed.collect::<Vec<_>>(), found, "{name}");
        fs::remove_dir_all(unpacked).unwrap();
    }
}

#[test]
fn apt_file_finds_the_source_package_or_installer_package_of_a_file() {
    let environment = store();
    configure(&environment, "contents = true");
    let dsc = source(&environment, "hello", "2.10-3").quilt();
    let deb = environment.build("anna", "1.91", "amd64", |builder| builder.file("bin/anna", "x", 0o755));
    let udeb = deb.with_extension("udeb");
    fs::rename(deb, &udeb).unwrap();
    add(&environment, "world", "1", &["usr/bin/world"]);
    let _ = environment.run(&["add", "preprod", dsc.as_str(), udeb.as_str()]).succeeds();
    insta::assert_snapshot!(contents_of(&environment, "udeb-amd64"), @"
    bin/anna	misc/anna
    usr/share/anna/content	misc/anna
    ");
    let server = environment.serve();
    let Some(apt) = client(&environment, &server) else { return };
    let _ = apt.file(&["update"]).succeeds();
    let search = |index: &str, file: &str| apt.file(&["search", "-I", index, file]).stdout;
    assert_eq!(search("dsc", "hello.c"), "hello: /hello.c\n");
    assert_eq!(search("dsc", "debian/control"), "hello: /debian/control\n");
    assert_eq!(search("udeb", "bin/anna"), "anna: /bin/anna\n");
    assert_eq!(search("deb", "bin/world"), "world: /usr/bin/world\n");
    assert_eq!(search("deb", "bin/anna"), "", "an installer's package is nothing for machines");
    let _ = environment.run(&["remove", "preprod", "hello", "anna"]).succeeds();
    let _ = apt.file(&["update"]).succeeds();
    assert_eq!(search("dsc", "hello.c") + &search("udeb", "bin/anna"), "");
}

#[test]
fn a_package_whose_files_cannot_be_listed_is_named_and_keeps_nobody_from_publishing() {
    let environment = store();
    let broken = environment.package("broken", "1", "amd64");
    let mut bytes = fs::read(&broken).unwrap();
    let place = bytes.len() - 20;
    bytes[place] ^= 0xff;
    fs::write(&broken, bytes).unwrap();
    let _ = environment.run(&["add", "preprod", broken.as_str()]).succeeds();
    add(&environment, "good", "1", &["usr/bin/good"]);
    configure(&environment, "contents = true");
    insta::assert_snapshot!(environment.run(&["publish", "preprod"]), @"
    status: 0
    ---- stdout
    published preprod <PUBLICATION>: bookworm
    ---- stderr
    warning: broken 1 amd64: its files could not be listed: data.tar.gz: the compressed data is cut short
    ");
    assert_eq!(contents(&environment), "usr/bin/good\tmisc/good\nusr/share/good/content\tmisc/good");

    // Only dpkg-source can tell that a tarball is none.
    let odd = source(&environment, "odd", "1.0");
    fs::write(environment.path("files/odd_1.0.tar.gz"), "what is this").unwrap();
    let dsc = odd.dsc("3.0 (native)", &["odd_1.0.tar.gz"]);
    insta::assert_snapshot!(environment.run(&["add", "preprod", dsc.as_str()]), @"
    status: 0
    ---- stdout
    added odd 1.0 source -> bookworm (every suite)
    added 1 package to preprod (commit 3), published <PUBLICATION>
    ---- stderr
    warning: odd 1.0 source: its files could not be listed: tarball: is neither a tar archive nor a diff
    ");
    add(&environment, "good", "2", &["usr/bin/better"]);
    assert!(contents(&environment).contains("usr/bin/better"));

    // A package that dpkg could not install is not taken where files are listed.
    let worse = environment.path("files/broken_2_amd64.deb");
    fs::copy(&broken, &worse).unwrap();
    let _ = environment.run(&["remove", "preprod", "broken", "odd"]).succeeds();
    insta::assert_snapshot!(environment.run(&["add", "preprod", worse.as_str()]), @"
    status: 1
    ---- stderr
    error: <DIR>/files/broken_2_amd64.deb: data.tar.gz: the compressed data is cut short
    1 of 1 file refused
    ");
}
