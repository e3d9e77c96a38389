//! `preview`: what machines would do.

use testkit::Environment;

use crate::{configure, store};

/// Adds a package that has one field besides.
fn add(environment: &Environment, repository: &str, name: &str, version: &str, field: &str) {
    let file = environment.build(name, version, "amd64", |builder| match field.split_once(": ") {
        Some((field, value)) => builder.field(field, value),
        None => builder,
    });
    let _ = environment.run(&["add", repository, file.as_str()]).succeeds();
}

fn status(packages: &[&str]) -> String {
    let mut text = String::new();
    for package in packages {
        let (name, fields) = package.split_once(' ').unwrap();
        text += &format!(
            "Package: {name}\nStatus: install ok installed\nArchitecture: amd64\nVersion: {}\n\n",
            fields.replace("; ", "\n")
        );
    }
    text
}

#[test]
fn preview_names_the_machines_that_a_promotion_or_a_rollback_breaks() {
    let environment = store();
    let base = ["libc6 2.36", "bash 5.2"].map(|one| one.replace(' ', "\nVersion: "));
    let base = base.map(|one| format!("Package: {one}\nArchitecture: amd64\n\n")).concat();
    let _ = environment.write("store/base.Packages", base);
    configure(&environment, "[[base]]\nsuite = \"bookworm\"\nsource = \"base.Packages\"\n");
    let _ = environment.run(&["base", "update"]).succeeds();
    add(&environment, "prod", "libfoo", "1.0", "");
    add(&environment, "prod", "app", "1.0", "Depends: libfoo");
    add(&environment, "preprod", "libfoo", "2.0", "Breaks: old (<< 2)");
    add(&environment, "preprod", "app", "2.0", "Depends: libfoo (>= 2), bash");

    let web = status(&["app 1.0; Depends: libfoo", "libfoo 1.0", "libc6 2.36", "local 1.0"]);
    for name in ["web1", "web2", "web3"] {
        std::fs::create_dir_all(environment.path("fleet").join(name)).unwrap();
        let _ = environment.write(&format!("fleet/{name}/status"), &web);
    }
    let db = status(&["libfoo 1.0", "libc6 2.35", "old 1.0; Depends: libfoo"]);
    let _ = environment.write("fleet/db1.status", db);
    let held = status(&["libfoo 1.0", "app 1.0; Depends: libfoo"]).replacen("install ok", "hold ok", 1);
    let _ = environment.write("fleet/held.status", held);
    let _ = environment.write("fleet/broken.status", status(&["app 1.0; Depends: nowhere"]));
    let _ = environment.write("fleet/rubbish", "Package: app\nVersion: 1\n");
    let fleet = environment.path("fleet");

    insta::assert_snapshot!(environment.run(&["preview", "prod", "--status", fleet.as_str()]), @"
    status: 3
    ---- stdout
    MACHINES  RESULT         UPGRADE  INSTALL  REMOVE  KEEP BACK  NEWER  NAMES
    1         apt refuses    0        0        0       0          0      broken
    1         changes        1        0        0       0          0      db1
    4         nothing to do  0        0        0       0          0      held, web1, web2, web3
    PACKAGE  VERSION       ACTION   MACHINES  REASON
    libc6    2.35 -> 2.36  upgrade  1
    apt refuses to upgrade broken: app 1.0 needs nowhere, which is not installed
    prod/bookworm: 7 machines in 4 states: 1 refused by apt, 1 would change, 4 would do nothing, 1 not readable
    ---- stderr
    warning: rubbish: line 1: a package without the field Status: not a status file of dpkg
    ");
    let promotion = ["preview", "prod", "--from", "preprod", "--status", fleet.as_str()];
    insta::assert_snapshot!(environment.run(&promotion), @"
    status: 3
    ---- stdout
    MACHINES  RESULT                  UPGRADE  INSTALL  REMOVE  KEEP BACK  NEWER  NAMES
    1         loses packages          2        0        1       0          0      db1
    1         apt refuses (now, too)  0        0        0       0          0      broken
    3         changes                 2        1        0       0          0      web1, web2, web3
    1         changes                 0        0        0       2          0      held
    PACKAGE  VERSION       ACTION     MACHINES  REASON
    old      1.0           remove     1         libfoo 2.0 breaks old 1.0
    app      1.0 -> 2.0    keep back  1         app 2.0 needs libfoo (>= 2), which only prod has; the machine has 1.0
    libfoo   1.0 -> 2.0    hold       1         on hold
    app      1.0 -> 2.0    upgrade    3
    libc6    2.35 -> 2.36  upgrade    1
    libfoo   1.0 -> 2.0    upgrade    4
    bash     5.2           install    3
    apt refuses to upgrade broken: app 1.0 needs nowhere, which is not installed
    prod/bookworm: 7 machines in 4 states: 1 would lose packages, 1 refused by apt already, 4 would change, 1 not readable
    ---- stderr
    warning: rubbish: line 1: a package without the field Status: not a status file of dpkg
    ");

    let both = ["preview", "prod@1", "--from", "preprod", "--status", fleet.as_str()];
    insta::assert_snapshot!(environment.run(&both), @"
    status: 2
    ---- stderr
    error: a promotion changes the present state: give --from or REPOSITORY@STATE, not both
    ");

    let _ = environment.run(&["promote", "--all", "--from", "preprod", "--to", "prod"]).succeeds();
    let new = status(&["app 2.0; Depends: libfoo (>= 2)", "libfoo 2.0"]);
    let new = environment.write("new.status", new);
    insta::assert_snapshot!(environment.run(&["preview", "prod", "--to", "@-1", "--status", new.as_str()]), @"
    status: 0
    ---- stdout
    MACHINES  RESULT         UPGRADE  INSTALL  REMOVE  KEEP BACK  NEWER  NAMES
    1         nothing to do  0        0        0       0          2      new
    PACKAGE  VERSION  ACTION      MACHINES  REASON
    app      2.0      keep newer  1         prod would have 1.0
    libfoo   2.0      keep newer  1         prod would have 1.0
    prod/bookworm: 1 machine in 1 state: 1 would do nothing
    ");
}
