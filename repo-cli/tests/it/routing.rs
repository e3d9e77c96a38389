//! Which suites there are, and which of them a package goes to.

use testkit::Environment;

use crate::published::Published;
use crate::{PROGRAM, configure, store};

fn with_suites(suites: &[&str]) -> Environment {
    Environment::with_store(PROGRAM, suites)
}

/// Replaces a line of repo.toml that starts with `old`.
fn reconfigure(environment: &Environment, old: &str, new: &str) {
    let text = std::fs::read_to_string(environment.root().join("repo.toml")).unwrap();
    assert!(text.lines().any(|line| line.starts_with(old)), "{text}");
    let lines = text.lines().map(|line| if line.starts_with(old) { new } else { line });
    environment.write("store/repo.toml", lines.collect::<Vec<_>>().join("\n"));
}

/// Adds one package and returns what was said.
fn added(environment: &Environment, version: &str, options: &[&str]) -> String {
    let file = environment.package("hello", version, "all");
    let arguments = [&["add", "preprod", "--no-publish", file.as_str()], options].concat();
    let output = environment.run(&arguments).succeeds();
    output.stdout.lines().next().unwrap().to_owned()
}

#[test]
fn a_version_that_names_a_release_goes_to_its_suite_only() {
    let environment = with_suites(&["bookworm", "jammy", "jessie"]);
    let lines = [
        added(&environment, "1.0", &[]),
        added(&environment, "1.1+deb12u1", &[]),
        added(&environment, "1.2-1+jessie8", &[]),
        added(&environment, "1.3-1~bookworm1", &[]),
        added(&environment, "1.4~ubuntu22.04.1", &[]),
        added(&environment, "1.5-1~jammy1", &[]),
        added(&environment, "1.6-1~jammy1", &["--suite", "bookworm"]),
    ];
    insta::assert_snapshot!(lines.join("\n"), @"
    added hello 1.0 all -> jessie, bookworm, jammy (every suite)
    added hello 1.1+deb12u1 all -> bookworm (built for deb12u1)
    added hello 1.2-1+jessie8 all -> jessie (built for jessie8)
    added hello 1.3-1~bookworm1 all -> bookworm (built for bookworm1)
    added hello 1.4~ubuntu22.04.1 all -> jammy (built for ubuntu22.04.1)
    added hello 1.5-1~jammy1 all -> jammy (built for jammy1)
    added hello 1.6-1~jammy1 all -> bookworm
    ");
}

#[test]
fn suites_are_in_the_order_of_their_releases_everywhere() {
    let environment = with_suites(&["trixie", "bookworm", "acme", "bullseye"]);
    let file = environment.package("hello", "1.0", "all");
    let order = "bullseye, bookworm, trixie, acme";
    for line in [
        &["add", "preprod", "--dry-run", file.as_str()][..],
        &["add", "preprod", file.as_str()],
        &["list", "preprod"],
        &["versions", "hello"],
        &["show", "preprod", "hello"],
        &["promote", "hello", "--from", "preprod", "--to", "prod"],
        &["remove", "prod", "hello", "--yes"],
        &["history", "preprod", "hello"],
    ] {
        let output = environment.run(line).succeeds();
        assert!(output.stdout.contains(order), "{line:?}: {output}");
    }
    let json = environment.json(&["list", "preprod"]);
    assert!(json.contains("[\"bullseye\",\"bookworm\",\"trixie\",\"acme\"]"), "{json}");
}

#[test]
fn what_was_added_is_named_by_package_version_and_architecture() {
    let environment = with_suites(&["bookworm"]);
    for (name, version, architecture) in
        [("b", "1.10", "amd64"), ("b", "1.9", "amd64"), ("b", "1.9", "all"), ("a1", "2", "all")]
    {
        let name = format!("{name}-package");
        let file = environment.package(&name, version, architecture);
        let folder = environment.path("files").join(if version == "2" { "z" } else { "a" });
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::rename(&file, folder.join(file.file_name().unwrap())).unwrap();
    }
    let added = environment.run(&["add", "preprod", environment.path("files").as_str()]).succeeds();
    let lines: Vec<&str> = added
        .stdout
        .lines()
        .filter_map(|line| Some(line.strip_prefix("added ")?.split_once(" ->")?.0))
        .collect();
    assert_eq!(
        lines,
        ["a1-package 2 all", "b-package 1.9 all", "b-package 1.9 amd64", "b-package 1.10 amd64"]
    );
}

#[test]
fn a_suite_may_have_markers_of_its_own() {
    let environment = with_suites(&["bookworm", "jammy"]);
    configure(&environment, "[suite.bookworm]\nmarkers = [\"acme12\"]\n");
    insta::assert_snapshot!(added(&environment, "1.0+acme12", &[]), @"added hello 1.0+acme12 all -> bookworm (built for acme12)");
}

#[test]
fn suites_and_architectures_may_come_from_lists() {
    let environment = with_suites(&["bookworm"]);
    reconfigure(&environment, "suites = ", "suites_file = \"suites.list\"");
    reconfigure(&environment, "architectures = ", "architectures_file = \"architectures.list\"");
    environment.write("store/suites.list", "# Ours\nbookworm\n\ntrixie   # the new one\n");
    environment.write("store/architectures.list", "amd64\nriscv64\n");
    let file = environment.package("hello", "1.0", "riscv64");
    let _ = environment.run(&["add", "preprod", file.as_str()]).succeeds();
    let content = Published::of(&environment, "preprod").read().unwrap();
    assert_eq!(content["bookworm"].len(), 1);
    assert_eq!(content["trixie"].len(), 1);
    assert!(environment.public("preprod").join("dists/trixie/main/binary-riscv64/Packages.xz").exists());
}

#[test]
fn a_repository_may_have_fewer_suites_and_a_suite_other_architectures() {
    let environment = with_suites(&["bookworm", "trixie"]);
    configure(
        &environment,
        "[repositories.prod]\nsuites = [\"trixie\"]\n[suite.trixie]\narchitectures = [\"arm64\"]\ncomponents = [\"main\", \"extra\"]\n",
    );
    let _ = environment.run(&["publish", "--allow-removal"]).succeeds();
    let content = Published::of(&environment, "prod").read().unwrap();
    assert_eq!(content.keys().collect::<Vec<_>>(), ["trixie"]);
    let dists = environment.public("prod").join("dists/trixie");
    assert!(dists.join("extra/binary-arm64/Packages.xz").exists());
    assert!(!dists.join("main/binary-amd64").exists());
}

#[test]
fn a_section_may_name_the_component() {
    let environment = with_suites(&["bookworm"]);
    configure(&environment, "components = [\"contrib\"]\n");
    let file = environment.path("files/net.deb");
    let control = "Package: net\nVersion: 1\nArchitecture: all\nSection: contrib/net\n\
        Maintainer: T <t@example.org>\nDescription: x\n";
    environment.write("files/net.deb", testkit::package::with_control(control));
    let _ = environment.run(&["add", "preprod", file.as_str()]).succeeds();
    assert!(environment.public("preprod").join("pool/contrib/n/net/net_1_all.deb").is_file());
}

#[test]
fn debug_packages_go_where_a_rule_sends_them() {
    let environment = with_suites(&["bookworm", "bookworm-debug", "trixie"]);
    configure(
        &environment,
        "[suite.bookworm-debug]\nonly_routed = true\n\
         [suite.trixie]\ncomponents = [\"main\", \"debug\"]\n\
         [repositories.staging]\nsuites = [\"trixie\"]\n\
         [[route]]\npackages = [\"*-dbgsym\"]\nfields = { Auto-Built-Package = \"debug-symbols\" }\n\
         suites = [\"bookworm-debug\"]\nrepositories = [\"preprod\", \"prod\"]\n\
         [[route]]\nsections = [\"debug\"]\ncomponent = \"debug\"\nrepositories = [\"staging\"]\n",
    );
    let debug = |version: &str| {
        environment.build("hello-dbgsym", version, "amd64", |builder| {
            builder
                .field("Auto-Built-Package", "debug-symbols")
                .field("Depends", format!("hello (= {version})"))
        })
    };
    let section = environment.path("files/symbols.deb");
    let control = "Package: hello-symbols\nVersion: 1\nArchitecture: all\nSection: debug\n\
        Maintainer: T <t@example.org>\nDescription: x\n";
    environment.write("files/symbols.deb", testkit::package::with_control(control));
    let plain = environment.package("hello", "1.0", "amd64");
    let mut said = Vec::new();
    for (repository, file, options) in [
        ("preprod", &plain, [].as_slice()),
        ("preprod", &debug("1.0"), &[]),
        ("preprod", &debug("1.0+deb12u1"), &[]),
        ("preprod", &debug("1.0+deb13u1"), &[]),
        ("preprod", &debug("1.1"), &["--suite", "bookworm"]),
        ("staging", &section, &[]),
        ("staging", &debug("1.2"), &[]),
    ] {
        let output = environment.run(&[&["add", repository, file.as_str()], options].concat());
        let refused = output.stderr.lines().take(2).filter(|line| !line.starts_with("published"));
        said.extend(output.stdout.lines().take(1).chain(refused).map(str::to_owned));
    }
    let said = said.join("\n").replace(environment.path("").as_str(), "<DIR>/");
    insta::assert_snapshot!(said, @"
    added hello 1.0 amd64 -> bookworm, trixie (every suite)
    added hello-dbgsym 1.0 amd64 -> bookworm-debug (by route 1 to main)
    added hello-dbgsym 1.0+deb12u1 amd64 -> bookworm-debug (built for deb12u1; by route 1 to main)
    error: <DIR>/files/hello-dbgsym_1.0+deb13u1_amd64.deb: hello-dbgsym 1.0+deb13u1 amd64: routing rule 1 lists no suite for deb13u1
    hint: add one to the rule in repo.toml, or choose one with --suite
    added hello-dbgsym 1.1 amd64 -> bookworm
    added hello-symbols 1 all -> trixie (every suite; by route 2 to debug)
    added hello-dbgsym 1.2 amd64 -> trixie (every suite)
    ");
    let content = Published::of(&environment, "preprod").read().unwrap();
    insta::assert_debug_snapshot!(content, @r#"
    {
        "bookworm": {
            "hello 1.0 amd64",
            "hello-dbgsym 1.1 amd64",
        },
        "bookworm-debug": {
            "hello-dbgsym 1.0 amd64",
            "hello-dbgsym 1.0+deb12u1 amd64",
        },
        "trixie": {
            "hello 1.0 amd64",
        },
    }
    "#);
    let public = environment.public("staging");
    assert!(public.join("pool/debug/h/hello-symbols/hello-symbols_1_all.deb").is_file());
}

/// `preprod` and `prod` with a suite for debug symbols, and what one source was built to in `preprod`.
fn with_debug_suite() -> Environment {
    let environment = with_suites(&["bookworm", "bookworm-debug", "trixie"]);
    configure(
        &environment,
        "[suite.bookworm-debug]\nonly_routed = true\n\
         [[route]]\npackages = [\"*-dbgsym\"]\nsuites = [\"bookworm-debug\"]\nrepositories = [\"preprod\"]\n",
    );
    for (name, version) in
        [("greet", "1.0"), ("greet-dbgsym", "1.0"), ("greet-dbgsym", "0.9"), ("greet", "1.1+deb13u1")]
    {
        let file = environment.build(name, version, "amd64", |builder| builder.field("Source", "greeting"));
        let _ = environment.run(&["add", "preprod", file.as_str()]).succeeds();
    }
    environment
}

#[test]
fn what_routing_sent_elsewhere_is_promoted_with_its_source_and_undone_with_it() {
    let environment = with_debug_suite();
    let promote = ["promote", "greet", "--from", "preprod", "--to", "prod", "--whole-source"];
    let with = |options: &[&str]| environment.run(&[&promote, options].concat());
    insta::assert_snapshot!(with(&["--suite", "bookworm", "--dry-run"]), @"
    status: 0
    ---- stdout
    PACKAGE  VERSION  ARCHITECTURE  SUITES    ACTION
    greet    1.0      amd64         bookworm  add
    would promote 1 package from preprod to prod
    ");
    insta::assert_snapshot!(with(&[]), @"
    status: 0
    ---- stdout
    PACKAGE       VERSION      ARCHITECTURE  SUITES          ACTION
    greet         1.0          amd64         bookworm        add
    greet         1.1+deb13u1  amd64         trixie          add
    greet-dbgsym  1.0          amd64         bookworm-debug  add
    promoted 3 packages from preprod to prod (commit 1), published <PUBLICATION>
    undo with: repo-cli undo prod --yes
    ");
    insta::assert_snapshot!(with(&[]), @"
    status: 0
    ---- stdout
    nothing to promote: prod already has the newest version of every match
    ");
    let _ = environment.run(&["rollback", "prod", "--to", "0", "--yes"]).succeeds();
    insta::assert_snapshot!(environment.run(&["list", "prod"]), @"
    status: 0
    ---- stderr
    no packages in prod
    ");
}

#[test]
fn a_pattern_takes_the_debug_symbols_of_every_version_it_takes() {
    let environment = with_suites(&["bookworm", "debug", "trixie"]);
    configure(
        &environment,
        "[suite.debug]\nonly_routed = true\nmarkers = [\"deb12u\", \"deb13u\"]\n\
         [[route]]\npackages = [\"*-dbgsym\"]\nsuites = [\"debug\"]\nrepositories = [\"preprod\"]\n",
    );
    let names = ["greet", "greet-dbgsym"];
    let versions = ["0.9", "1.0+deb12u1", "1.0+deb13u1"];
    for (name, version) in names.iter().flat_map(|name| versions.map(|version| (name, version))) {
        let file = environment.build(name, version, "amd64", |builder| builder.field("Source", "greeting"));
        let _ = environment.run(&["add", "preprod", file.as_str()]).succeeds();
    }
    let promote = |selector| {
        let arguments =
            ["promote", selector, "--from", "preprod", "--to", "prod", "--whole-source", "--dry-run"];
        environment.run(&arguments).succeeds().to_string()
    };
    insta::assert_snapshot!(promote("greet*"), @"
    status: 0
    ---- stdout
    PACKAGE       VERSION      ARCHITECTURE  SUITES    ACTION
    greet         1.0+deb12u1  amd64         bookworm  add
    greet         1.0+deb13u1  amd64         trixie    add
    greet-dbgsym  1.0+deb12u1  amd64         debug     add
    greet-dbgsym  1.0+deb13u1  amd64         debug     add
    would promote 4 packages from preprod to prod
    ");
    assert_eq!(promote("greet"), promote("greet*"));
}

#[test]
fn what_is_built_from_a_promoted_source_and_has_no_suite_to_go_to_is_named() {
    let environment = with_debug_suite();
    configure(&environment, "[repositories.prod]\nsuites = [\"bookworm\"]\n");
    let _ = environment.run(&["publish", "prod", "--allow-removal"]).succeeds();
    let promote = ["promote", "greet", "--from", "preprod", "--to", "prod", "--whole-source"];
    let with = |options: &[&str]| environment.run(&[&promote, options].concat());
    insta::assert_snapshot!(with(&["--json", "--dry-run"]), @r#"
    status: 0
    ---- stdout
    {"format":1,"base":"none+<ID>","commit":null,"count":{"files":1,"packages":1},"dry_run":true,"left_out":[{"architecture":"amd64","component":"main","package":"greet-dbgsym","size":740,"suites":["bookworm-debug"],"version":"1.0"}],"packages":[{"architecture":"amd64","component":"main","package":"greet","size":726,"suites":["bookworm"],"version":"1.0"}],"to":"prod","warnings":[{"code":"W-LEFT-BEHIND","message":"1 package stays behind: greet-dbgsym 1.0 amd64; prod has no suite bookworm-debug"}]}
    ---- stderr
    warning: 1 package stays behind: greet-dbgsym 1.0 amd64; prod has no suite bookworm-debug
    "#);
    insta::assert_snapshot!(with(&[]), @"
    status: 0
    ---- stdout
    PACKAGE  VERSION  ARCHITECTURE  SUITES    ACTION
    greet    1.0      amd64         bookworm  add
    promoted 1 package from preprod to prod (commit 1), published <PUBLICATION>
    undo with: repo-cli undo prod --yes
    ---- stderr
    warning: 1 package stays behind: greet-dbgsym 1.0 amd64; prod has no suite bookworm-debug
    ");
    insta::assert_snapshot!(with(&[]), @"
    status: 0
    ---- stdout
    nothing else to promote: prod has it
    ---- stderr
    warning: 1 package stays behind: greet-dbgsym 1.0 amd64; prod has no suite bookworm-debug
    ");
    insta::assert_snapshot!(with(&["--suite", "bookworm"]), @"
    status: 0
    ---- stdout
    nothing to promote: prod already has the newest version of every match
    ");
}

#[test]
fn a_repository_added_by_a_drop_in_is_there_at_once() {
    let environment = with_suites(&["bookworm"]);
    configure(&environment, "[repositories.staging]\nlabel = \"Staging\"\n");
    environment.add("staging", &["hello=1.0"]);
    let release =
        std::fs::read_to_string(environment.public("staging").join("dists/bookworm/Release")).unwrap();
    assert!(release.contains("Label: Staging\n"), "{release}");
}

#[test]
fn mistakes_in_the_configuration_name_the_file_and_the_rule() {
    let mut said = Vec::new();
    for text in [
        "sutes = [\"x\"]\n",
        "suites = [\"../x\"]\n",
        "architectures = [\"all\"]\n",
        "valid_for = \"soon\"\n",
        "compress = [\"rar\"]\n",
        "[repositories.prod]\nsuites = [\"sid\"]\n",
        "[repositories.\"../x\"]\n",
        "[suite.sid]\n",
        "this is no TOML\n",
        "suites_file = \"none.list\"\n",
        "[compress_index]\npackages = [\"zst\"]\n",
        "[compress_index]\nsources = []\n",
        "[suite.bookworm]\narchitecture_all = \"both\"\n",
        "[repositories.prod]\nflat = \"sid\"\n",
        "[[route]]\npackages = [\"x\"]\n",
        "[[route]]\nsuites = [\"sid\"]\n",
        "[[route]]\ncomponent = \"debug\"\n",
        "[[route]]\ncomponent = \"main\"\nrepositories = [\"x\"]\n",
        "components = [\"main\", \"main/debian-installer\"]\n",
        "[[retention]]\nkeep_versions = 0\n",
        "[[retention]]\nkeep_versions = 1\nsuites = [\"sid\"]\n",
        "[[retention]]\nkept_by = [\"prod\"]\n",
        "[repositories.preprod]\nallow = [\"10.0.0.1/8\"]\n",
        "[gc]\ngrace = \"200y\"\n",
        "[serve]\nlisten = \"8080\"\n",
        "[repositories.prod]\nlabel = \"\"\n",
    ] {
        let environment = Environment::new(PROGRAM);
        std::fs::create_dir_all(environment.root()).unwrap();
        let _ = environment.run(&["init", "--suite", "bookworm", "--architecture", "amd64"]).succeeds();
        configure(&environment, text);
        let output = environment.run(&["list", "prod"]).ends_with(1);
        // The excerpts are looked at elsewhere.
        let text = output.to_string();
        let lines = text.lines().filter(|line| line.starts_with("error: ") || line.starts_with("hint: "));
        said.extend(lines.map(str::to_owned));
    }
    insta::assert_snapshot!(said.join("\n"), @r#"
    error: <DIR>/store/repo.d/test.toml:1:1: unknown field `sutes`, expected one of `origin`, `url`, `suites`, `suites_file`, `architectures`, `architectures_file`, `components`, `compress`, `compress_index`, `translations`, `contents`, `unknown_release`, `valid_for`, `pdiffs`, `pdiffs_from`, `uploaders`, `publish`, `log`, `signing`, `serve`, `channels`, `repositories`, `suite`, `route`, `incoming`, `retention`, `gc`, `gate`, `base`, `profile`, `machine`, `freeze`, `hook`, `bundle`, `schedule`, `limits`
    hint: did you mean `suites`?
    error: <DIR>/store/repo.d/test.toml:1:11: suites: suite "../x": must be one path element of letters, digits and `+._-`, and not `by-hash`
    error: <DIR>/store/repo.d/test.toml:1:18: architectures: `all` is implied; remove it from the list
    error: <DIR>/store/repo.d/test.toml:1:13: valid_for: invalid duration `soon`; use for example 14d or 36h
    error: <DIR>/store/repo.d/test.toml:1:13: compress: `rar` is none of xz, gz, zst, bz2, none
    error: <DIR>/store/repo.d/test.toml:2:11: repositories.prod.suites: `suites` has no `sid`
    error: <DIR>/store/repo.d/test.toml:1:15: repositories: `../x` cannot be the name of a repository: that has lower-case letters, digits, `-`, `_` and `.`, begins with a letter or digit, and is no longer than 64 bytes
    error: <DIR>/store/repo.d/test.toml:1:8: [suite.sid]: not listed in `suites`
    error: <DIR>/store/repo.d/test.toml:1:6: key with no value, expected `=`
    error: <DIR>/store/repo.d/test.toml:1:15: `suites` and `suites_file` exclude each other
    error: <DIR>/store/repo.d/test.toml:2:12: without xz or gz debootstrap finds no package
    error: <DIR>/store/repo.d/test.toml:2:11: Sources indices would be written in no form: name at least one, `none` for the plain file
    error: <DIR>/store/repo.d/test.toml:2:20: suite.bookworm.architecture_all: unknown variant `both`, expected `folded` or `apart`
    error: <DIR>/store/repo.d/test.toml:2:8: prod has no suite `sid` to publish flat
    error: <DIR>/store/repo.d/test.toml:1:1: routing rule 1: it sends packages nowhere: set `component`, `suites` or both
    error: <DIR>/store/repo.d/test.toml:2:10: routing rule 1: preprod has none of its suites: limit the rule with `repositories`
    error: <DIR>/store/repo.d/test.toml:2:13: routing rule 1: no suite of preprod it leads to has the component debug
    error: <DIR>/store/repo.d/test.toml:3:17: routing rule 1: no repository named `x`
    error: <DIR>/store/repo.d/test.toml:1:23: the suite bookworm: main/debian-installer is where the packages of main for installers are listed
    error: <DIR>/store/repo.d/test.toml:2:17: retention.keep_versions: invalid value: integer `0`, expected a number from 1 on
    error: <DIR>/store/repo.d/test.toml:3:11: retention rule 1: no suite named `sid`
    error: <DIR>/store/repo.d/test.toml:2:11: retention rule 1: kept_by adds to keep_versions or keep_for: set one of them
    error: <DIR>/store/repo.d/test.toml:2:10: repositories.preprod.allow: `10.0.0.1/8` is not a network: bits are set behind the prefix
    error: <DIR>/store/repo.d/test.toml:2:9: gc.grace: invalid duration `200y`; use for example 14d or 36h
    error: <DIR>/store/repo.d/test.toml:2:10: serve.listen: invalid address `8080`; use ADDRESS:PORT, for example 127.0.0.1:<PORT>, or https://ADDRESS:PORT
    error: <DIR>/store/repo.d/test.toml:2:9: repositories.prod.label: there is nothing in it: leave it out
    "#);
}

#[test]
fn what_is_in_another_component_is_not_said_to_be_there() {
    let environment = with_suites(&["bookworm"]);
    configure(&environment, "components = [\"main\", \"contrib\"]\n");
    environment.add("preprod", &["hello=1.0"]);
    let file = "files/hello_1.0_all.deb";
    insta::assert_snapshot!(environment.run(&["add", "preprod", file, "--component", "contrib"]), @"
    status: 1
    ---- stderr
    error: files/hello_1.0_all.deb: hello 1.0 all is already in preprod (bookworm) in component `main`, not `contrib`
    hint: to move it, remove it with `repo-cli remove` and add it again: the file it was added from will do
    1 of 1 file refused
    ");
    let listed = || environment.json(&["list", "preprod"]);
    assert!(listed().contains(r#""component":"main""#), "{}", listed());
    let _ = environment.run(&["add", "preprod", file]).succeeds();
    let _ = environment.run(&["remove", "preprod", "hello=1.0", "--yes"]).succeeds();
    let _ = environment.run(&["add", "preprod", file, "--component", "contrib"]).succeeds();
    assert!(listed().contains(r#""component":"contrib""#), "the hint is right: {}", listed());
}

#[test]
fn a_package_for_a_release_without_a_suite_is_refused_where_that_is_configured() {
    let environment = store();
    let file = environment.package("hello", "1.0-1debian11", "all");
    insta::assert_snapshot!(environment.run(&["add", "preprod", file.as_str()]), @r#"
    status: 1
    ---- stderr
    error: <DIR>/files/hello_1.0-1debian11_all.deb: hello 1.0-1debian11 all: preprod has no suite for `debian11`
    hint: choose suites with --suite, or set unknown_release = "everywhere" in repo.toml
    1 of 1 file refused
    "#);
    let _ = environment.run(&["add", "preprod", "--suite", "bookworm", file.as_str()]).succeeds();
    // What is in a repository already moves on.
    let _ = environment.run(&["promote", "hello", "--from", "preprod", "--to", "prod"]).succeeds();
}

#[test]
fn a_package_for_a_release_without_a_suite_goes_everywhere_with_a_warning_where_nothing_is_configured() {
    let environment = store();
    let text = std::fs::read_to_string(environment.root().join("repo.toml")).unwrap();
    environment.write("store/repo.toml", text.replace("unknown_release = \"refuse\"\n", ""));
    let file = environment.package("hello", "1.0-1ubuntu0.24.04.1", "all");
    insta::assert_snapshot!(environment.run(&["add", "preprod", file.as_str()]), @"
    status: 0
    ---- stdout
    added hello 1.0-1ubuntu0.24.04.1 all -> bookworm (every suite; no suite for ubuntu0.24.04.1)
    added 1 package to preprod (commit 1), published <PUBLICATION>
    ---- stderr
    warning: hello 1.0-1ubuntu0.24.04.1 all: no suite for `ubuntu0.24.04.1`; it goes to every suite (choose with --suite, or set `unknown_release` in repo.toml)
    ");
    let json = environment.json(&["add", "prod", file.as_str()]);
    assert!(json.contains(r#""unknown_release":"ubuntu0.24.04.1""#), "{json}");

    configure(&environment, "[repositories.prod]\nunknown_release = \"everywhere\"\n");
    let other = environment.package("hello", "2.0-1debian11", "all");
    insta::assert_snapshot!(environment.run(&["add", "prod", other.as_str()]), @"
    status: 0
    ---- stdout
    added hello 2.0-1debian11 all -> bookworm (every suite; no suite for debian11)
    added 1 package to prod (commit 2), published <PUBLICATION>
    ");
}
