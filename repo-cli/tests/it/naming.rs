//! What people name: packages, sources, and what was meant by a name that does not exist.

use testkit::Environment;

use crate::store;

fn promote(environment: &Environment, what: &[&str]) -> testkit::Output {
    environment.run(&[&["promote", "--from", "preprod", "--to", "prod"], what].concat())
}

#[test]
fn the_name_of_a_source_means_all_that_was_built_from_it_without_its_dsc() {
    let environment = store();
    for (name, version) in [("greet-bin", "1.0"), ("libgreet1", "1.0"), ("libgreet1", "0.9")] {
        let file = environment
            .build(name, version, "amd64", |builder| builder.field("Source", format!("greet ({version})")));
        let _ = environment.run(&["add", "preprod", "--no-publish", file.as_str()]).succeeds();
    }
    insta::assert_snapshot!(promote(&environment, &["greet"]), @"
    status: 1
    ---- stderr
    error: no package matches greet in preprod
    hint: that is a source; name a package built from it: greet-bin, libgreet1 (promote takes all with --whole-source)
    ");
    insta::assert_snapshot!(promote(&environment, &["gret", "--whole-source"]), @"
    status: 1
    ---- stderr
    error: no package matches gret in preprod
    hint: did you mean `greet`? (run repo-cli list preprod)
    ");
    insta::assert_snapshot!(promote(&environment, &["greet=0.9", "--whole-source", "--dry-run"]), @"
    status: 0
    ---- stdout
    PACKAGE    VERSION  ARCHITECTURE  SUITES    ACTION
    libgreet1  0.9      amd64         bookworm  add
    would promote 1 package from preprod to prod
    ");
    insta::assert_snapshot!(promote(&environment, &["greet", "--whole-source"]), @"
    status: 0
    ---- stdout
    PACKAGE    VERSION  ARCHITECTURE  SUITES    ACTION
    greet-bin  1.0      amd64         bookworm  add
    libgreet1  1.0      amd64         bookworm  add
    promoted 2 packages from preprod to prod (commit 1), published <PUBLICATION>
    undo with: repo-cli undo prod --yes
    ");
    // What a removal holds was asked for by the name of its source.
    let _ = environment.run(&["remove", "prod", "greet-bin", "libgreet1", "--yes"]).succeeds();
    insta::assert_snapshot!(promote(&environment, &["greet", "--whole-source"]), @"
    status: 1
    ---- stderr
    error: prod does not take 2 packages: greet-bin 1.0, libgreet1 1.0 (held since <DAY> <MINUTE> UTC: remove greet-bin 1.0 amd64, libgreet1 1.0 amd64)
    hint: to accept it anyway, use --despite-hold
    ");
}

#[test]
fn what_stays_behind_is_said_in_one_line() {
    let environment = store();
    let files: Vec<String> = (0..30)
        .map(|number| {
            let name = format!("greet-{number:02}");
            environment.build(&name, "1.0", "amd64", |builder| builder.field("Source", "greet")).into_string()
        })
        .collect();
    let words: Vec<&str> = files.iter().map(String::as_str).collect();
    let _ = environment.run(&[&["add", "preprod", "--no-publish"], words.as_slice()].concat()).succeeds();
    let output = promote(&environment, &["greet-0?", "--suite", "bookworm", "--dry-run"]);
    insta::assert_snapshot!(output.stderr, @"warning: 20 packages built from greet 1.0 stay behind: greet-10 1.0, greet-11 1.0, greet-12 1.0 and 17 more; to take all of them: repo-cli promote 'greet-0?' --from preprod --to prod --suite bookworm --whole-source");
    let document = promote(&environment, &["greet-00", "--dry-run", "--json"]).stdout;
    let document: serde_json::Value = serde_json::from_str(&document).unwrap();
    assert_eq!(document["siblings"].as_array().unwrap().len(), 29);
    assert_eq!(document["warnings"].as_array().unwrap().len(), 1);
    // The command of the warning works as it is printed.
    let command = output.stderr.trim().rsplit_once(": repo-cli ").unwrap().1.replace('\'', "");
    let words: Vec<&str> = command.split(' ').collect();
    assert!(environment.run(&words).succeeds().stdout.contains("promoted 30 packages"));
}

#[test]
fn a_misspelt_package_is_recognised_by_every_verb() {
    let environment = store();
    environment.add("preprod", &["hello=1.0"]);
    for words in [
        &["list", "preprod", "helo", "hello"][..],
        &["list", "preprod", "helo=1.0"],
        &["versions", "helo"],
        &["show", "preprod", "helo"],
        &["remove", "preprod", "helo"],
        &["promote", "helo", "--from", "preprod", "--to", "prod"],
        &["hold", "prod", "helo=1.0"],
        &["client-config", "preprod", "--pin", "helo=1.0"],
    ] {
        let output = environment.run(words);
        assert!(output.stderr.contains("did you mean `hello`?"), "{words:?}: {output}");
    }
    let _ = environment.run(&["hold", "prod", "hello=1.0"]).succeeds();
    let output = environment.run(&["unhold", "prod", "hallo"]);
    assert!(output.stderr.contains("did you mean `hello`?"), "{output}");
    let output = environment.run(&["list", "preprod", "helo", "hello"]);
    assert!(output.stdout.contains("hello"), "{output}");
}

#[test]
fn an_architecture_that_is_written_wrong_is_warned_of_once_and_taken() {
    for (name, meant) in [("amd46", Some("amd64")), ("aarch64", Some("arm64")), ("i686", Some("i386"))]
        .into_iter()
        .chain([("riscv128", None), ("amd64", None), ("hurd-amd64", None)])
    {
        let environment = Environment::new(crate::PROGRAM);
        let output = environment.run(&["init", "--architecture", name]).succeeds();
        let warnings: Vec<&str> = output.stderr.lines().collect();
        match meant {
            Some(meant) => assert_eq!(
                warnings,
                [format!("warning: architecture `{name}` is unknown to dpkg; did you mean `{meant}`?")]
            ),
            None => assert!(warnings.is_empty(), "{output}"),
        }
        let json = environment.run(&["publish", "preprod", "--json"]).stdout;
        assert_eq!(json.contains("W-ARCHITECTURE"), meant.is_some(), "{json}");
    }
}

#[test]
fn a_pin_of_a_source_is_answered_with_the_command_for_its_packages() {
    let environment = Environment::with_store(crate::PROGRAM, &["bookworm", "trixie"]);
    let file = environment.build("greet-bin", "1.0", "amd64", |builder| builder.field("Source", "greet"));
    let _ = environment.run(&["add", "prod", "--suite", "bookworm", file.as_str()]).succeeds();
    let output = environment.run(&["client-config", "prod", "--pin", "greet=1.0"]);
    insta::assert_snapshot!(output, @"
    status: 1
    ---- stderr
    error: no package matches greet=1.0 in prod
    hint: that is a source; to pin what was built from it, run repo-cli client-config prod --pin greet-bin=1.0
    ");
    insta::assert_snapshot!(environment.run(&hinted(&output.stderr)), @"
    status: 0
    ---- stdout
    cat > /etc/apt/preferences.d/prod-greet-bin.pref <<'END'
    Package: greet-bin
    Pin: version 1.0
    Pin-Priority: 1001
    END
    apt-get update && apt-get install -y --allow-downgrades greet-bin=1.0
    ---- stderr
    hint: prod has greet-bin 1.0 in bookworm and not in trixie: use the pin on machines that read bookworm
    hint: remove /etc/apt/preferences.d/prod-greet-bin.pref when a newer version is to be installed again
    ");
}

/// The words of the command that a hint or a warning names.
fn hinted(text: &str) -> Vec<String> {
    let (_, command) = text.split_once("repo-cli ").unwrap_or_else(|| panic!("no command in: {text}"));
    let command = command.split(['`', ')', '\n', ';']).next().unwrap();
    command.split(' ').map(|word| word.replace('\'', "")).collect()
}

#[test]
fn the_commands_of_hints_run_as_they_are_printed() {
    let environment = store();
    environment.add("preprod", &["hello=1.0", "tool=1.0"]);
    for words in [
        &["remove", "preprod", "helo"][..],
        &["promote", "nothing-like-it", "--from", "preprod", "--to", "prod"],
        &["show", "preprod", "hello=9"],
        &["unhold", "prod", "hello"],
        &["remove", "preprod", "hello", "--undo"],
        &["client-config", "preprod", "--pin", "hello=9"],
        &["rollback", "preprod", "--to", "99"],
        &["tag", "preprod", "no-such-tag", "--delete"],
        &["diff", "preprod@99", "prod"],
        &["key", "retire", "0123456789ABCDEF0123456789ABCDEF01234567"],
    ] {
        let output = environment.run(words);
        assert_ne!(output.status, Some(0), "{words:?}: {output}");
        let command = hinted(&output.stderr);
        let followed = environment.run(&command);
        assert_eq!(followed.status, Some(0), "{words:?} says {command:?}: {followed}");
    }
    let output = environment.run(&["remove", "preprod", "tool", "--no-publish"]).succeeds();
    for line in output.stdout.lines().filter(|line| line.contains("repo-cli ")) {
        let _ = environment.run(&hinted(line)).succeeds();
    }
}

#[test]
fn a_slip_in_the_arguments_is_answered_with_a_hint_as_any_other() {
    let environment = store();
    for (arguments, meant) in [
        (&["promte"][..], "promote"),
        (&["key", "lst"], "list"),
        (&["prom"], "promote"),
        (&["hsitory", "preprod"], "history"),
        (&["list", "preprod", "--limt", "3"], "--limit"),
        (&["diff", "preprod", "prod", "--format", "htm"], "html"),
    ] {
        let output = environment.run(arguments);
        assert!(!output.stderr.contains("tip:"), "{output}");
        assert!(output.stderr.contains(&*format!("\nhint: did you mean `{meant}`?")), "{output}");
    }
    // Nothing is like these.
    for arguments in [&["hold", "prod", "hello=1", "--suite", "bookworm"][..], &["c"], &["status", "prod"]] {
        let output = environment.run(arguments);
        assert!(!output.stderr.contains("hint:"), "{output}");
    }
    let output = environment.run(&["--json", "promte"]);
    let json: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!(json["error"]["hint"], "did you mean `promote`?");
}

#[test]
fn every_verb_names_the_repository_suite_or_package_that_was_meant() {
    let environment = store();
    environment.add("preprod", &["hello=1.0"]);
    let _ = promote(&environment, &["hello"]).succeeds();
    let file = environment.package("hello", "1.1", "all");
    let drop = environment.path("files");
    for (line, meant) in [
        (&*format!("add preprd {file}"), "preprod"),
        (&*format!("add preprod {file} --suite bokworm"), "bookworm"),
        (&*format!("incoming preprd {drop} --once"), "preprod"),
        ("list preprd", "preprod"),
        ("list preprod/bokworm", "bookworm"),
        ("list preprod helo", "hello"),
        ("versions helo", "hello"),
        ("versions hello --repository preprd", "preprod"),
        ("search helo", "hello"),
        ("search hello --repository preprd", "preprod"),
        ("search hello --suite bokworm", "bookworm"),
        ("show preprod helo", "hello"),
        ("diff preprd prod", "preprod"),
        ("promote helo --from preprod --to prod", "hello"),
        ("promote hello --from preprod --to prod --suite bokworm", "bookworm"),
        ("remove prod helo", "hello"),
        ("remove prod hello --suite bokworm", "bookworm"),
        ("hold prod helo=2 --dry-run", "hello"),
        ("holds preprd", "preprod"),
        ("history preprd", "preprod"),
        ("history prod helo", "hello"),
        ("history prod --suite bokworm", "bookworm"),
        ("rollback preprd --to 1", "preprod"),
        ("rollback prod --to 1 --suite bokworm", "bookworm"),
        ("undo preprd", "preprod"),
        ("tag preprd first", "preprod"),
        ("retention preprd", "preprod"),
        ("publish preprd", "preprod"),
        ("sign again preprd", "preprod"),
        ("key publish preprd", "preprod"),
        ("client-config preprd", "preprod"),
        ("client-config prod --suite bokworm", "bookworm"),
        ("client-config prod --pin helo=1.0", "hello"),
    ] {
        let output = environment.run(&line.split(' ').collect::<Vec<_>>());
        assert!(output.stderr.contains(&*format!("did you mean `{meant}`?")), "{line}: {output}");
    }
}

#[test]
fn a_tag_and_a_component_that_were_meant_are_named() {
    let environment = store();
    environment.add("preprod", &["hello=1.0"]);
    let _ = environment.run(&["tag", "preprod", "release-42"]).succeeds();
    for arguments in [
        &["tag", "preprod", "relaese-42", "--delete"][..],
        &["list", "preprod@relase-42"],
        &["rollback", "preprod", "--to", "tag:release-4"],
    ] {
        let refused = environment.run(arguments).ends_with(1);
        assert!(refused.stderr.contains("`release-42`? (run repo-cli tag preprod)"), "{refused}");
    }
    let file = environment.package("jq", "1.6", "all");
    let refused = environment.run(&["add", "preprod", "--component", "mian", file.as_str()]).ends_with(1);
    assert!(refused.stderr.contains("hint: did you mean `main`?"), "{refused}");
}
