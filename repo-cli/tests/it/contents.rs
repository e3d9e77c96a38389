//! Which package has a file: `Contents` indices, as they are published and as `apt-file` finds its way in them.

use std::fs;

use testkit::{Apt, Environment, Server};

use crate::{configure, store};

fn contents(environment: &Environment) -> String {
    let path = environment.public("preprod").join("dists/bookworm/main/Contents-amd64.gz");
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
    let source = environment.run(&["client-config", "preprod", "--suite", "bookworm", "--url", &url]);
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
