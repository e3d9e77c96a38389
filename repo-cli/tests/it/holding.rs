//! What is taken out of a repository stays out, and machines can be brought back.

use testkit::{Apt, Environment, Source};

use crate::store;

fn promote(environment: &Environment, what: &[&str]) -> testkit::Output {
    environment.run(&[&["promote", "--from", "preprod", "--to", "prod"], what].concat())
}

#[test]
fn promote_takes_the_newest_version_of_each_architecture() {
    let environment = Environment::new(crate::PROGRAM);
    let _ = environment
        .run(&["init", "--suite", "bookworm", "--architecture", "amd64", "--architecture", "arm64"])
        .succeeds();
    let add = |name: &str, version: &str, architecture: &str| {
        let file = environment.package(name, version, architecture);
        let _ = environment.run(&["add", "preprod", "--no-publish", file.as_str()]).succeeds();
    };
    for (version, architecture) in [("1.0", "amd64"), ("1.0", "arm64"), ("1.1", "amd64")] {
        add("hello", version, architecture);
    }
    // One came to be for all architectures, the other ceased to be: machines for amd64 have the version for all.
    for (name, version, architecture) in
        [("tool", "1", "amd64"), ("tool", "2", "all"), ("lib", "1", "all"), ("lib", "2", "arm64")]
    {
        add(name, version, architecture);
    }
    insta::assert_snapshot!(promote(&environment, &["hello", "tool", "lib"]), @"
    status: 0
    ---- stdout
    PACKAGE  VERSION  ARCHITECTURE  SUITES    ACTION
    hello    1.0      arm64         bookworm  add
    hello    1.1      amd64         bookworm  add
    lib      1        all           bookworm  add
    lib      2        arm64         bookworm  add
    tool     2        all           bookworm  add
    promoted 5 packages from preprod to prod (commit 1), published <PUBLICATION>
    undo with: repo-cli undo prod --yes
    ");
    insta::assert_snapshot!(promote(&environment, &["hello", "tool", "lib"]), @"
    status: 0
    ---- stdout
    nothing to promote: prod already has the newest version of every match
    ");
}

#[test]
fn promote_names_what_was_built_from_the_same_source_and_stays_behind() {
    let environment = store();
    let source =
        Source::new(&environment.path("files"), "greet", "1.0").field("Uploaders", "T <t@example.org>");
    let dsc = source.native();
    let text = std::fs::read_to_string(&dsc).unwrap().replace("Binary: greet", "Binary: greet, greet-data");
    std::fs::write(&dsc, text).unwrap();
    let data = environment.build("greet-data", "1.0", "all", |builder| builder.field("Source", "greet"));
    let binary = environment.package("greet", "1.0", "amd64");
    let _ = environment.run(&["add", "preprod", dsc.as_str(), data.as_str(), binary.as_str()]).succeeds();
    insta::assert_snapshot!(promote(&environment, &["greet"]), @"
    status: 0
    ---- stdout
    PACKAGE  VERSION  ARCHITECTURE   SUITES    ACTION
    greet    1.0      amd64, source  bookworm  add
    promoted 1 package (2 files) from preprod to prod (commit 1), published <PUBLICATION>
    undo with: repo-cli undo prod --yes
    ---- stderr
    warning: 1 package built from greet 1.0 stays behind: greet-data 1.0 all; to take all of them: repo-cli promote greet --from preprod --to prod --whole-source
    ");
    insta::assert_snapshot!(promote(&environment, &["greet", "--whole-source"]), @"
    status: 0
    ---- stdout
    PACKAGE     VERSION  ARCHITECTURE  SUITES    ACTION
    greet-data  1.0      all           bookworm  add
    promoted 1 package from preprod to prod (commit 2), published <PUBLICATION>
    undo with: repo-cli undo prod
    ");
    insta::assert_snapshot!(promote(&environment, &["greet"]), @"
    status: 0
    ---- stdout
    nothing to promote: prod already has the newest version of every match
    ");
}

#[test]
fn what_was_rolled_back_is_not_promoted_again_until_somebody_says_so() {
    let environment = store();
    environment.add("preprod", &["hello=1.0", "hello=2.0", "other=1.0"]);
    let _ = promote(&environment, &["hello=1.0"]).succeeds();
    let _ = promote(&environment, &["hello=2.0"]).succeeds();
    insta::assert_snapshot!(environment.run(&["rollback", "prod", "--to", "1"]), @"
    status: 0
    ---- stdout
    PACKAGE  VERSION  ARCHITECTURE  SUITES    ACTION
    hello    2.0      all           bookworm  remove
    rolled prod back to 1 (commit 3), published <PUBLICATION>
    held from now on: hello 2.0 all
    undo with: repo-cli undo prod
    machines (bookworm) that already upgraded keep hello 2.0; to bring one back: repo-cli client-config prod --pin hello=1.0
    to bring all of them back with their next upgrade: repo-cli reissue prod hello=2.0 --as 1.0
    ");
    insta::assert_snapshot!(environment.run(&["holds", "prod"]), @"
    status: 0
    ---- stdout
    PACKAGE  VERSION  ARCHITECTURE  SUITES    SINCE                 BECAUSE
    hello    2.0      every         bookworm  <DAY> <MINUTE> UTC  roll back to 1 (<ID>) (tester)
    ");
    insta::assert_snapshot!(promote(&environment, &["--all"]), @"
    status: 0
    ---- stdout
    PACKAGE  VERSION  ARCHITECTURE  SUITES    ACTION
    other    1.0      all           bookworm  add
    promoted 1 package from preprod to prod (commit 4), published <PUBLICATION>
    undo with: repo-cli undo prod
    ---- stderr
    skipped hello 2.0 (held since <DAY> <MINUTE> UTC: roll back to 1 (<ID>))
    ");
    insta::assert_snapshot!(promote(&environment, &["hello"]), @"
    status: 1
    ---- stderr
    error: prod does not take hello 2.0 (held since <DAY> <MINUTE> UTC: roll back to 1 (<ID>))
    hint: to accept it anyway, use --despite-hold
    ");
    assert!(
        environment.json(&["promote", "--all", "--from", "preprod", "--to", "prod"]).contains(r#""held":[{"#)
    );
    insta::assert_snapshot!(environment.run(&["unhold", "prod", "nosuch"]), @"
    status: 1
    ---- stderr
    error: no hold of prod matches nosuch
    hint: run repo-cli holds prod
    ");
    insta::assert_snapshot!(environment.run(&["unhold", "prod", "hello"]), @"
    status: 0
    ---- stdout
    lifted 1 hold of prod: hello 2.0 all
    ");
    insta::assert_snapshot!(promote(&environment, &["hello"]), @"
    status: 0
    ---- stdout
    PACKAGE  VERSION     ARCHITECTURE  SUITES    ACTION
    hello    1.0 -> 2.0  all           bookworm  upgrade
    promoted 1 package from preprod to prod (commit 6), published <PUBLICATION>
    undo with: repo-cli undo prod
    ");
    let _ = environment.run(&["rollback", "prod", "--to", "1"]).succeeds();
    insta::assert_snapshot!(promote(&environment, &["hello", "--despite-hold"]), @"
    status: 0
    ---- stdout
    PACKAGE  VERSION     ARCHITECTURE  SUITES    ACTION
    hello    1.0 -> 2.0  all           bookworm  upgrade
    promoted 1 package from preprod to prod (commit 8), published <PUBLICATION>
    undo with: repo-cli undo prod
    ");
}

#[test]
fn a_version_that_never_came_in_can_be_held() {
    let environment = store();
    environment.add("preprod", &["hello=2.0"]);
    insta::assert_snapshot!(environment.run(&["hold", "preprod", "hello=2.0"]), @"
    status: 1
    ---- stderr
    error: hello 2.0 all is in preprod (bookworm)
    hint: run repo-cli remove preprod hello=2.0: it also holds what it removes
    ");
    let held = environment.run(&["hold", "prod", "hello=2.0", "--reason", "crashes on start"]);
    insta::assert_snapshot!(held, @"
    status: 0
    ---- stdout
    held 1 version out of prod: hello 2.0
    ");
    insta::assert_snapshot!(promote(&environment, &["--all"]), @"
    status: 0
    ---- stdout
    nothing promoted (take held versions with --despite-hold)
    published prod <PUBLICATION>: as before
    ---- stderr
    skipped hello 2.0 (held since <DAY> <MINUTE> UTC: hold hello 2.0: crashes on start)
    ");
    insta::assert_snapshot!(environment.run(&["history", "prod"]), @"
    status: 0
    ---- stdout
    NUMBER  COMMIT        TIME                  BY      CHANGES  OPERATION
    1       <ID>  <DAY> <MINUTE> UTC  tester  +0 -0    hold hello 2.0: crashes on start
    0       <ID>  <DAY> <MINUTE> UTC  tester  +0 -0    create
    ");
    insta::assert_snapshot!(environment.run(&["holds", "preprod"]), @"
    status: 0
    ---- stderr
    no held versions in preprod
    ");
    let file = environment.package("hello", "2.0", "all");
    let refused = environment.run(&["add", "prod", file.as_str()]).ends_with(1);
    assert!(refused.stderr.contains("hold hello 2.0: crashes on start"), "{refused}");
    let _ = environment.run(&["hold", "prod", "hello"]).ends_with(2);
    let _ = environment.run(&["add", "prod", "--despite-hold", file.as_str()]).succeeds();
    assert_eq!(environment.run(&["holds", "prod"]).succeeds().stdout, "");
    let _ = environment.run(&["fsck"]).succeeds();
}

#[test]
fn what_a_person_holds_ends_only_when_that_is_asked_for() {
    let environment = Environment::with_store(crate::PROGRAM, &["bookworm", "trixie"]);
    environment.add("preprod", &["hello=1.0", "hello=2.0"]);
    environment.add("prod", &["hello=1.0"]);
    environment.add("prod", &["hello=2.0"]);
    // What was taken out is held first, and what the person says comes second.
    let _ = environment.run(&["rollback", "prod", "--to", "1"]).succeeds();
    let _ = environment.run(&["hold", "prod", "hello=2.0", "--reason", "crashes"]).succeeds();
    let holds = || environment.run(&["holds", "prod"]).succeeds().stdout;
    let file = environment.package("hello", "2.0", "all");
    for suites in [&[][..], &["--suite", "trixie"]] {
        let refused = environment.run(&[&["add", "prod", file.as_str()], suites].concat()).ends_with(1);
        assert!(refused.stderr.contains("hold hello 2.0: crashes"), "{refused}");
    }
    insta::assert_snapshot!(promote(&environment, &["hello"]), @"
    status: 1
    ---- stderr
    error: prod does not take hello 2.0 (held since <DAY> <MINUTE> UTC: hold hello 2.0: crashes)
    hint: to accept it anyway, use --despite-hold
    ");
    assert_eq!(holds().lines().filter(|line| line.starts_with("hello")).count(), 2, "{}", holds());

    // Going forward again brings back what the state had, and lifts only what going back took out.
    insta::assert_snapshot!(environment.run(&["rollback", "prod", "--to", "2", "--dry-run"]), @"
    status: 0
    ---- stdout
    PACKAGE  VERSION  ARCHITECTURE  SUITES            ACTION
    hello    2.0      all           bookworm, trixie  restore
    would roll prod back to 2 (<ID>)
    ---- stderr
    warning: hello 2.0 comes back though it is held since <DAY> <MINUTE> UTC: hold hello 2.0: crashes; to lift the hold: repo-cli unhold prod hello=2.0
    ");
    insta::assert_snapshot!(environment.run(&["rollback", "prod", "--to", "2", "--suite", "trixie"]), @"
    status: 0
    ---- stdout
    PACKAGE  VERSION  ARCHITECTURE  SUITES  ACTION
    hello    2.0      all           trixie  restore
    rolled prod back to 2 (commit 5), published <PUBLICATION>
    undo with: repo-cli undo prod
    ---- stderr
    warning: hello 2.0 comes back though it is held since <DAY> <MINUTE> UTC: hold hello 2.0: crashes; to lift the hold: repo-cli unhold prod hello=2.0
    ");
    assert!(holds().contains("crashes"), "{}", holds());
    let back = environment.run(&["remove", "prod", "hello=2.0", "--undo", "--suite", "bookworm"]).succeeds();
    assert!(back.stderr.contains("warning: hello 2.0 comes back though it is held since"), "{back}");
    let _ = environment.run(&["undo", "prod"]).succeeds();
    assert!(holds().contains("crashes"), "{}", holds());
    let _ = environment.run(&["add", "prod", "--despite-hold", file.as_str()]).succeeds();
    assert_eq!(holds(), "");
    insta::assert_snapshot!(environment.run(&["undo", "prod"]), @"
    status: 0
    ---- stdout
    PACKAGE  VERSION  ARCHITECTURE  SUITES    ACTION
    hello    2.0      all           bookworm  remove
    undid 8 of prod: add hello 2.0 all (commit 9), published <PUBLICATION>
    held from now on: hello 2.0, hello 2.0 all
    undo with: repo-cli undo prod
    machines (bookworm) that already upgraded keep hello 2.0; to bring one back: repo-cli client-config prod --pin hello=1.0
    to bring all of them back with their next upgrade: repo-cli reissue prod hello=2.0 --as 1.0
    ");
    assert!(holds().contains("crashes"), "{}", holds());
    let _ = promote(&environment, &["hello", "--despite-hold"]).succeeds();
    assert_eq!(holds(), "");
    let _ = environment.run(&["fsck"]).succeeds();
}

#[test]
fn what_a_drop_folder_rejects_is_taken_as_the_hint_says() {
    let environment = store();
    environment.add("prod", &["hello=1.0"]);
    let _ = environment.run(&["remove", "prod", "hello", "--yes"]).succeeds();
    let file = environment.package("hello", "1.0", "all");
    let drop = environment.path("drop folder");
    std::fs::create_dir(&drop).unwrap();
    let take = || {
        std::fs::copy(&file, drop.join("hello_1.0_all.deb")).unwrap();
        environment.run(&["incoming", "prod", drop.as_str(), "--once"]).ends_with(1)
    };
    let rejected = take();
    let moved = drop.join("rejected/hello_1.0_all.deb");
    let hint = format!("hint: to accept it anyway, run repo-cli add prod --despite-hold '{moved}'\n");
    assert!(rejected.stderr.contains(&hint), "{rejected}");
    assert!(!rejected.stdout.contains("published"), "{rejected}");
    assert!(rejected.stderr.ends_with("1 of 1 file refused\n"), "{rejected}");
    // One of that name lies there already.
    let again = take();
    let hint = format!(
        "to accept it anyway, move '{moved}.1' and what came with it back under their own names, then run repo-cli incoming prod '{drop}' --once --despite-hold\n"
    );
    assert!(again.stderr.contains(&hint), "{again}");
    let _ = environment.run(&["add", "prod", "--despite-hold", moved.as_str()]).succeeds();
    assert!(environment.run(&["list", "prod"]).succeeds().stdout.contains("hello"));
}

#[test]
fn the_counts_of_refused_files_tell_what_is_there_already() {
    let environment = store();
    environment.add("prod", &["known=1.0"]);
    let files = ["known=1.0", "bad=1.0", "new=1.0"].map(|package| {
        let (name, version) = package.split_once('=').unwrap();
        environment.package(name, version, "all")
    });
    let _ = environment.run(&["hold", "prod", "bad=1.0"]).succeeds();
    let add = |files: &[&str], options: &[&str]| {
        let refused = environment.run(&[&["add", "prod"], options, files].concat()).ends_with(1);
        refused.stderr.lines().last().unwrap().to_owned()
    };
    let [known, bad, new] = files.each_ref().map(|file| file.as_str());
    assert_eq!(
        add(&[known, bad], &["--keep-going", "--dry-run"]),
        "1 of 2 files refused: the others are already there"
    );
    assert_eq!(add(&[known, bad], &[]), "1 of 2 files refused: the others are already there");
    assert_eq!(
        add(&[known, bad, new], &[]),
        "1 of 3 files refused: nothing was added; `repo-cli add --keep-going` adds 1 of the others"
    );
    assert_eq!(
        add(&[known, bad, new], &["--keep-going", "--dry-run"]),
        "1 of 3 files refused, 1 to add, 1 already there"
    );
    assert_eq!(add(&[known, bad, new], &["--keep-going"]), "1 of 3 files refused, 1 added, 1 already there");
}

#[test]
fn what_machines_can_go_back_to_is_told_for_each_suite_and_architecture() {
    let environment = Environment::new(crate::PROGRAM);
    let layout =
        ["--suite", "bookworm", "--suite", "trixie", "--architecture", "amd64", "--architecture", "arm64"];
    let _ = environment.run(&[&["init"], &layout[..]].concat()).succeeds();
    let add = |packages: &[(&str, &str, &str)]| {
        let files = packages
            .iter()
            .map(|(name, version, build)| environment.package(name, version, build).into_string());
        let files: Vec<String> = files.collect();
        let mut arguments = vec!["add", "prod", "--no-publish"];
        arguments.extend(files.iter().map(String::as_str));
        let _ = environment.run(&arguments).succeeds();
    };
    add(&[
        ("app", "1.0", "amd64"),
        ("app", "2.0", "arm64"),
        ("rel", "1.0+deb12u1", "all"),
        ("rel", "1.0+deb13u1", "all"),
    ]);
    add(&[
        ("app", "3.0", "amd64"),
        ("rel", "2.0+deb12u1", "all"),
        ("rel", "2.0+deb13u1", "all"),
        ("new", "1", "all"),
    ]);
    let rolled = environment.run(&["rollback", "prod", "--to", "1"]).succeeds().stdout;
    let advice: Vec<&str> = rolled.lines().filter(|line| line.starts_with("machines")).collect();
    insta::assert_snapshot!(advice.join("\n"), @"
    machines (bookworm, trixie on amd64) that already upgraded keep app 3.0; to bring one back: repo-cli client-config prod --pin app=1.0
    machines (bookworm, trixie) that already installed new 1 keep it
    machines (bookworm) that already upgraded keep rel 2.0+deb12u1; to bring one back: repo-cli client-config prod --pin rel=1.0+deb12u1
    machines (trixie) that already upgraded keep rel 2.0+deb13u1; to bring one back: repo-cli client-config prod --pin rel=1.0+deb13u1
    ");
}

#[test]
fn a_machine_is_brought_back_by_a_pin() {
    let environment = store();
    environment.add("prod", &["hello=1.0", "hello=2.0"]);
    let pin = environment.run(&["client-config", "prod", "--pin", "hello=1.0"]);
    insta::assert_snapshot!(pin, @"
    status: 0
    ---- stdout
    cat > /etc/apt/preferences.d/prod-hello.pref <<'END'
    Package: hello
    Pin: version 1.0
    Pin-Priority: 1001
    END
    apt-get update && apt-get install -y --allow-downgrades hello=1.0
    ---- stderr
    hint: remove /etc/apt/preferences.d/prod-hello.pref when a newer version is to be installed again
    ");
    let _ = environment.run(&["client-config", "prod", "--pin", "hello=3.0"]).ends_with(1);
    let server = environment.serve();
    let Some(apt) = Apt::new(&environment, "client") else { return };
    let arguments = ["client-config", "--inline", "prod", "--suite", "bookworm", "--url", &server.url()];
    apt.source("prod", &environment.run(&arguments).succeeds().stdout);
    let status = "Package: hello\nStatus: install ok installed\nVersion: 2.0\nArchitecture: all\nMaintainer: T <t@example.org>\nDescription: x\n";
    std::fs::write(apt.path("var/lib/dpkg/status"), status).unwrap();
    let _ = apt.update().succeeds();
    assert_eq!(apt.candidate("hello").as_deref(), Some("2.0"));
    let preferences = pin.stdout.split("<<'END'\n").nth(1).unwrap().split("END\n").next().unwrap();
    std::fs::write(apt.path("etc/apt/preferences.d/prod-hello.pref"), preferences).unwrap();
    assert_eq!(apt.candidate("hello").as_deref(), Some("1.0"));
    let plan = apt.get(&["install", "--simulate", "--allow-downgrades", "hello=1.0"]).succeeds().stdout;
    assert!(plan.contains("Inst hello [2.0] (1.0 "), "{plan}");
}

#[test]
fn a_pin_names_where_its_version_is_and_has_a_file_of_its_own() {
    let environment = Environment::with_store(crate::PROGRAM, &["bookworm", "trixie"]);
    environment.add("prod", &["hello=1.0", "libg++=1"]);
    environment.add("preprod", &["hello=2.0"]);
    let only_trixie = environment.package("late", "1", "all");
    let _ = environment.run(&["add", "prod", "--suite", "trixie", only_trixie.as_str()]).succeeds();
    let pin = |words: &[&str]| environment.run(&[&["client-config", "prod"], words].concat());
    insta::assert_snapshot!(pin(&["--pin", "hello=2.0"]), @"
    status: 1
    ---- stderr
    error: prod does not have hello=2.0
    hint: it is in preprod (bookworm, trixie); pin it for machines that read that
    ");
    insta::assert_snapshot!(pin(&["--pin", "late=1", "--suite", "bookworm"]), @"
    status: 1
    ---- stderr
    error: bookworm of prod does not have late=1
    hint: it is in prod (trixie); pin it for machines that read that
    ");
    let _ = pin(&["--pin", "late=1", "--suite", "trixie"]).succeeds();
    let twice = pin(&["--pin", "hello=1.0", "--pin", "late=1", "--pin", "hello=2.0"]).ends_with(1);
    assert!(twice.stderr.contains("hello cannot be pinned to 1.0 and to 2.0"), "{twice}");
    insta::assert_snapshot!(pin(&["--pin", "hello=1.0", "--pin", "libg++=1"]), @"
    status: 0
    ---- stdout
    cat > /etc/apt/preferences.d/prod-hello.pref <<'END'
    Package: hello
    Pin: version 1.0
    Pin-Priority: 1001
    END
    cat > /etc/apt/preferences.d/prod-libg__.pref <<'END'
    Package: libg++
    Pin: version 1
    Pin-Priority: 1001
    END
    apt-get update && apt-get install -y --allow-downgrades hello=1.0 libg++=1
    ---- stderr
    hint: remove /etc/apt/preferences.d/prod-hello.pref, /etc/apt/preferences.d/prod-libg__.pref when a newer version is to be installed again
    ");
}

#[test]
fn what_empties_a_suite_asks_first() {
    let environment = store();
    environment.add("prod", &["hello=1.0", "world=1.0"]);
    let foretold = environment.run(&["remove", "prod", "*", "--dry-run"]).succeeds();
    let loss = "this would remove 2 of 2 package files from bookworm (prod)";
    assert!(foretold.stderr.contains(&format!("{loss}; the command asks first")), "{foretold}");
    let foretold = environment.run(&["remove", "prod", "*", "--dry-run", "--yes"]).succeeds();
    assert!(foretold.stderr.ends_with(&format!("{loss}\n")), "it does not ask: {foretold}");
    insta::assert_snapshot!(environment.run(&["remove", "prod", "*"]), @"
    status: 1
    ---- stderr
    error: would remove 2 of 2 package files from bookworm (prod)
    hint: use --yes if that is intended
    ");
    insta::assert_snapshot!(environment.run(&["rollback", "prod", "--to", "0"]), @"
    status: 1
    ---- stderr
    error: would remove 2 of 2 package files from bookworm (prod)
    hint: use --yes if that is intended
    ");
    let _ = environment.run(&["remove", "prod", "*", "--dry-run"]).succeeds();
    let held = |environment: &Environment| environment.run(&["list", "prod"]).succeeds().stdout;
    assert!(held(&environment).contains("world"));
    let _ = environment.run(&["remove", "prod", "w*"]).succeeds();
    // A name is no wish to empty a suite.
    for named in [&["hello"][..], &["hello=1.0"], &["hello", "--suite", "bookworm"]] {
        let refused = environment.run(&[&["remove", "prod"], named].concat()).ends_with(1);
        assert!(
            refused.stderr.contains("would remove 1 of 1 package file from bookworm (prod)"),
            "{refused}"
        );
    }
    let _ = environment.run(&["remove", "prod", "hello", "--yes"]).succeeds();
    let _ = environment.run(&["rollback", "prod", "--to", "1"]).succeeds();
    let _ = environment.run(&["remove", "prod", "*", "--yes"]).succeeds();
    assert_eq!(held(&environment), "");
}

#[test]
fn siblings_are_named_where_the_store_has_no_source_package() {
    let environment = store();
    let of_source = |name: &str, version: &str, architecture: &str| {
        environment.build(name, version, architecture, |builder| builder.field("Source", "appsrc"))
    };
    let files = [
        of_source("app", "2.0", "amd64"),
        of_source("app-data", "2.0", "all"),
        of_source("app-old", "1.0", "all"),
        // A source that is called like a package that does not name it.
        environment.package("tool", "2.0", "amd64"),
        environment.build("tool-data", "2.0", "all", |builder| builder.field("Source", "tool")),
    ];
    let files: Vec<&str> = files.iter().map(|file| file.as_str()).collect();
    let _ = environment.run(&[&["add", "preprod"][..], &files].concat()).succeeds();
    for (chosen, behind) in [("app", "app-data 2.0 all"), ("app-data", ""), ("tool-data", "tool 2.0 amd64")] {
        let output = promote(&environment, &[chosen]).succeeds();
        let warnings: Vec<&str> =
            output.stderr.lines().filter(|line| line.contains("stays behind")).collect();
        match behind {
            "" => assert!(warnings.is_empty(), "{output}"),
            behind => assert!(warnings.len() == 1 && warnings[0].contains(behind), "{output}"),
        }
    }
}

#[test]
fn siblings_that_the_source_package_does_not_list_are_named_too() {
    let environment = store();
    let source = Source::new(&environment.path("files"), "appsrc", "2.0").native();
    let text = std::fs::read_to_string(&source).unwrap().replace("Binary: appsrc", "Binary: app");
    std::fs::write(&source, text).unwrap();
    let of_source = |name: &str, version: &str, source: &str| {
        environment.build(name, version, "amd64", |builder| builder.field("Source", source))
    };
    let files = [
        source,
        of_source("app", "2.0", "appsrc"),
        of_source("app-dbgsym", "2.0", "appsrc"),
        // Built once more, with a package that the source did not have.
        of_source("app", "2.0+b1", "appsrc (2.0)"),
        of_source("app-extra", "2.0+b1", "appsrc (2.0)"),
        of_source("app-old", "1.0", "appsrc"),
    ];
    let files: Vec<&str> = files.iter().map(|file| file.as_str()).collect();
    let _ = environment.run(&[&["add", "preprod"][..], &files].concat()).succeeds();
    let output = promote(&environment, &["app"]).succeeds();
    assert!(
        output
            .stderr
            .contains("2 packages built from appsrc 2.0 stay behind: app-dbgsym 2.0, app-extra 2.0+b1;"),
        "{output}"
    );
}

#[test]
fn a_hold_is_one_row_and_names_an_architecture_only_where_the_others_may_come() {
    let environment = Environment::new(crate::PROGRAM);
    let layout = [
        "init",
        "--suite",
        "bookworm",
        "--suite",
        "trixie",
        "--architecture",
        "amd64",
        "--architecture",
        "arm64",
    ];
    let _ = environment.run(&layout).succeeds();
    for name in ["both", "one"] {
        for architecture in ["amd64", "arm64"] {
            let file = environment.package(name, "1.0", architecture);
            let _ = environment.run(&["add", "prod", "--no-publish", file.as_str()]).succeeds();
        }
    }
    let before_one = environment.run(&["history", "prod"]).succeeds().stdout;
    assert!(before_one.starts_with("NUMBER") && before_one.contains("\n4 "), "{before_one}");
    // Takes out `one` for arm64; then all of `both`.
    let _ = environment.run(&["rollback", "prod", "--to", "3", "--no-publish"]).succeeds();
    let _ = environment.run(&["remove", "prod", "both", "--no-publish"]).succeeds();
    insta::assert_snapshot!(environment.run(&["holds", "prod"]), @"
    status: 0
    ---- stdout
    PACKAGE  VERSION  ARCHITECTURE  SUITES            SINCE                 BECAUSE
    both     1.0      every         bookworm, trixie  <DAY> <MINUTE> UTC  remove (tester)
    one      1.0      arm64         bookworm, trixie  <DAY> <MINUTE> UTC  roll back to 3 (<ID>) (tester)
    ");
    let json: serde_json::Value = serde_json::from_str(&environment.json(&["holds", "prod"])).unwrap();
    assert_eq!(json["holds"].as_array().unwrap().len(), 3, "one for each architecture");
}

#[test]
fn what_comes_in_despite_a_hold_ends_it_in_its_suites_only() {
    let environment = Environment::with_store(crate::PROGRAM, &["bookworm", "trixie"]);
    environment.add("preprod", &["hello=2.0"]);
    let _ = environment.run(&["hold", "prod", "hello=2.0", "--reason", "it crashes"]).succeeds();
    let _ = promote(&environment, &["hello", "--suite", "bookworm", "--despite-hold"]).succeeds();
    insta::assert_snapshot!(environment.run(&["holds", "prod"]), @"
    status: 0
    ---- stdout
    PACKAGE  VERSION  ARCHITECTURE  SUITES  SINCE                 BECAUSE
    hello    2.0      every         trixie  <DAY> <MINUTE> UTC  hold: it crashes (tester)
    ");
    insta::assert_snapshot!(promote(&environment, &["hello"]), @"
    status: 1
    ---- stderr
    error: prod does not take hello 2.0 (held since <DAY> <MINUTE> UTC: hold hello 2.0: it crashes)
    hint: to accept it anyway, use --despite-hold
    ");
    let file = environment.package("hello", "2.0", "all");
    insta::assert_snapshot!(environment.run(&["add", "prod", "--suite", "trixie", file.as_str()]), @"
    status: 1
    ---- stderr
    error: <DIR>/files/hello_2.0_all.deb: hello 2.0 all is held out of prod since <DAY> <MINUTE> UTC (tester: hold hello 2.0: it crashes)
    hint: to accept it anyway, use --despite-hold
    1 of 1 file refused
    ");
    // The rest ends with the last suite.
    let _ =
        environment.run(&["add", "prod", "--suite", "trixie", "--despite-hold", file.as_str()]).succeeds();
    insta::assert_snapshot!(environment.run(&["holds", "prod"]), @"
    status: 0
    ---- stderr
    no held versions in prod
    ");
}
