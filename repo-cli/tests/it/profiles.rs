//! Profiles: metapackages that pin what a repository has, and machines that follow them.

use std::fmt::Write as _;
use std::fs;

use testkit::{Apt, Environment, Output, normalised};

use crate::client::sources;
use crate::{PROGRAM, configure};

const PROFILES: &str = "architectures = ['arm64']\n\
    [profile.base]\npackages = ['agent (>= 2)']\n\
    [profile.web]\nincludes = ['base']\npackages = ['shop (>= 4.1)', 'shop (<< 5)']\n";

/// A store with two suites and architectures, whose preprod has what the profile web names.
fn store() -> Environment {
    let environment = Environment::with_store(PROGRAM, &["bookworm", "trixie"]);
    configure(&environment, PROFILES);
    add(&environment, "preprod", &[("agent", "2.0", "all")], &[]);
    shop(&environment, "4.1");
    environment
}

fn add(environment: &Environment, repository: &str, packages: &[(&str, &str, &str)], options: &[&str]) {
    let files: Vec<_> =
        packages.iter().map(|(name, version, build)| environment.package(name, version, build)).collect();
    let files = files.iter().map(|file| file.as_str());
    let arguments: Vec<&str> =
        ["add", repository].into_iter().chain(files).chain(options.iter().copied()).collect();
    let _ = environment.run(&arguments).succeeds();
}

fn shop(environment: &Environment, version: &str) {
    add(environment, "preprod", &[("shop", version, "amd64"), ("shop", version, "arm64")], &[]);
}

fn promote(environment: &Environment) -> Output {
    environment.run(&["promote", "--profile", "web", "--from", "preprod", "--to", "prod"])
}

/// The control fields of the metapackage in the pool of prod, without those that say nothing of the profile.
fn metapackage(environment: &Environment, version: &str, architecture: &str) -> String {
    let name = format!("prod-profile-web_{version}_{architecture}.deb");
    let bytes = fs::read(environment.public("prod").join("pool/main/p/prod-profile-web").join(name)).unwrap();
    let package = deb_parse::deb::read(&bytes[..], &deb_parse::deb::Options::default()).unwrap();
    let field = |name: &str| package.control.paragraph().get_str(name).unwrap_or_default().to_owned();
    format!("{} {} {}: {}", field("Package"), field("Version"), field("Architecture"), field("Depends"))
}

#[test]
fn a_profile_is_promoted_with_what_it_pins_and_goes_back_with_it() {
    let environment = store();
    insta::assert_snapshot!(normalised(&promote(&environment).text()), @"
    PACKAGE           VERSION  ARCHITECTURE  SUITES            ACTION
    agent             2.0      all           bookworm, trixie  add
    prod-profile-web  1        all           bookworm, trixie  add
    shop              4.1      amd64, arm64  bookworm, trixie  add
    promoted 3 packages (4 files) from preprod to prod (commit 1), published <PUBLICATION>
    undo with: repo-cli undo prod --yes
    ");
    assert_eq!(metapackage(&environment, "1", "all"), "prod-profile-web 1 all: agent (= 2.0), shop (= 4.1)");
    // 5.0 is not for this profile, and a second promotion has nothing to do.
    shop(&environment, "5.0");
    insta::assert_snapshot!(normalised(&promote(&environment).text()), @"
    nothing to promote: prod already has all of the profile, and its metapackage
    ");
    shop(&environment, "4.2");
    let _ = promote(&environment).succeeds();
    assert_eq!(metapackage(&environment, "2", "all"), "prod-profile-web 2 all: agent (= 2.0), shop (= 4.2)");
    insta::assert_snapshot!(environment.run(&["profile", "list"]).text(), @"
    PROFILE  PACKAGES  PIN    BUILT                      MACHINES
    base     1         exact  -                          -
    web      2         exact  prod 2 (bookworm, trixie)  -
    ");
    let rolled_back = environment.run(&["rollback", "prod", "--to", "1"]);
    insta::assert_snapshot!(normalised(&rolled_back.text()), @"
    PACKAGE           VERSION  ARCHITECTURE  SUITES            ACTION
    prod-profile-web  2        all           bookworm, trixie  remove
    shop              4.2      amd64, arm64  bookworm, trixie  remove
    rolled prod back to 1 (commit 3), published <PUBLICATION>
    held from now on: prod-profile-web 2 all, shop 4.2 amd64, shop 4.2 arm64
    undo with: repo-cli undo prod
    machines (bookworm, trixie) that already upgraded keep prod-profile-web 2; to bring one back: repo-cli client-config prod --pin prod-profile-web=1
    machines (bookworm, trixie) that already upgraded keep shop 4.2; to bring one back: repo-cli client-config prod --pin shop=4.1
    to bring all of them back with their next upgrade: repo-cli reissue prod shop=4.2 --as 4.1
    ");
    insta::assert_snapshot!(environment.run(&["profile", "build", "web"]).text(), @"
    DEPENDS ON     ARCHITECTURE  SUITES
    agent (= 2.0)  amd64, arm64  bookworm, trixie
    shop (= 4.1)   amd64, arm64  bookworm, trixie
    profile web is already built in 2 suites of prod
    ");
    // A machine that has the newer ones comes back by a reissue, which builds the profile again.
    let reissued = environment.run(&["reissue", "prod", "shop", "--as", "4.1"]);
    insta::assert_snapshot!(normalised(&reissued.text()), @"
    PACKAGE  VERSION           CONTENT  ARCHITECTURE  SUITES
    shop     4.2-0+0~reissue1  4.1      amd64, arm64  bookworm, trixie
    PACKAGE  ON MACHINES     KIND   WHAT
    shop     will be undone  files  1 package with the files of 4.1 again
    reissued shop 4.1 as 4.2-0+0~reissue1 in prod (commit 4), published <PUBLICATION>
    the next version of shop must be above 4.2-0+0~reissue1; its scripts must compare with that version itself (lt NEXT~), as machines come to it from 4.2-0+0~reissue1
    built prod-profile-web 4 (bookworm, trixie)
    undo with: repo-cli undo prod
    ");
    assert_eq!(
        metapackage(&environment, "4", "all"),
        "prod-profile-web 4 all: agent (= 2.0), shop (= 4.2-0+0~reissue1)"
    );
}

#[test]
fn a_profile_that_is_not_built_again_counts_among_what_a_reissue_cannot_undo() {
    let environment = store();
    let _ = promote(&environment).succeeds();
    add(&environment, "prod", &[("shop", "4.2", "amd64"), ("shop", "4.2", "arm64")], &[]);
    let of_metapackage = || {
        let planned = environment.run(&["reissue", "prod", "shop", "--as", "4.1", "--dry-run"]).text();
        planned.lines().any(|line| line.contains("prod-profile-web") && line.contains("relations"))
    };
    assert!(!of_metapackage());
    configure(&environment, "[profile.web]\npackages = ['agent']\n");
    assert!(of_metapackage());
}

#[test]
fn each_suite_and_architecture_has_the_versions_that_it_has() {
    let environment = store();
    let _ = promote(&environment).succeeds();
    // trixie is ahead on one architecture.
    add(&environment, "prod", &[("shop", "4.5", "amd64")], &["--suite", "trixie"]);
    insta::assert_snapshot!(environment.run(&["profile", "build", "web", "--dry-run"]).text(), @"
    DEPENDS ON     ARCHITECTURE  SUITES
    agent (= 2.0)  amd64, arm64  bookworm, trixie
    shop (= 4.1)   amd64, arm64  bookworm
    shop (= 4.1)   arm64         trixie
    shop (= 4.5)   amd64         trixie
    would build prod-profile-web 3 (trixie) in prod
    ");
    let _ = environment.run(&["profile", "build", "web"]).succeeds();
    assert_eq!(
        metapackage(&environment, "3", "amd64"),
        "prod-profile-web 3 amd64: agent (= 2.0), shop (= 4.5)"
    );
    assert_eq!(
        metapackage(&environment, "3", "arm64"),
        "prod-profile-web 3 arm64: agent (= 2.0), shop (= 4.1)"
    );
    // Now both change, each in its own way; and machines may go ahead.
    add(&environment, "prod", &[("agent", "3.0", "all")], &[]);
    let pin = |pin: &str| configure(&environment, &format!("{PROFILES}pin = '{pin}'\n"));
    pin("at-least");
    let _ = environment.run(&["profile", "build", "web"]).succeeds();
    insta::assert_snapshot!(environment.run(&["profile", "list"]).text(), @"
    PROFILE  PACKAGES  PIN       BUILT                                   MACHINES
    base     1         exact     -                                       -
    web      2         at-least  prod 5.1 (bookworm), prod 5.2 (trixie)  -
    ");
    assert_eq!(
        metapackage(&environment, "5.2", "arm64"),
        "prod-profile-web 5.2 arm64: agent (>= 3.0), shop (>= 4.1), shop (<< 5)"
    );
    // A machine that goes on to trixie never goes back to an older one, also when only bookworm changes.
    pin("exact");
    let _ = environment.run(&["profile", "build", "web"]).succeeds();
    add(&environment, "prod", &[("agent", "3.1", "all")], &["--suite", "bookworm"]);
    let built = environment.run(&["profile", "build", "web"]).text();
    assert!(
        built.contains("built prod-profile-web 8.1 (bookworm), prod-profile-web 8.2 (trixie)"),
        "{built}"
    );
    let again = environment.run(&["profile", "build", "web"]).text();
    assert!(again.contains("already built"), "{again}");
    // What the suite has for other machines, or in no version that is allowed, cannot be pinned.
    add(&environment, "prod", &[("extra", "1", "amd64"), ("old", "1", "all")], &[]);
    let mut said = String::new();
    for packages in ["'extra'", "'old (>= 2)'", "'elsewhere (>= 3)', 'old'"] {
        configure(
            &environment,
            &format!("architectures = ['arm64']\n[profile.web]\npackages = [{packages}]\n"),
        );
        writeln!(
            said,
            "{}",
            environment.run(&["profile", "build", "web", "--suite", "bookworm", "--dry-run"]).text()
        )
        .unwrap();
    }
    insta::assert_snapshot!(said, @"
    error: profile web needs extra, which prod/bookworm does not have for arm64
    hint: add it for that architecture, or set `architectures` in [profile.web] of repo.toml

    error: profile web needs old (>= 2), and no version of it in prod/bookworm is in that range for amd64 (the newest is 1)
    hint: add or promote a version in that range, or change it in [profile.web] of repo.toml

    DEPENDS ON        ARCHITECTURE  SUITES
    elsewhere (>= 3)  amd64, arm64  bookworm
    old (= 1)         amd64, arm64  bookworm
    would build prod-profile-web 10 (bookworm) in prod
    warning: elsewhere is not in prod (bookworm): machines need another source for it
    ");
}

#[test]
fn what_a_gate_or_a_hold_keeps_out_keeps_the_whole_profile_out() {
    let environment = store();
    let gate = "[[gate]]\nto = ['prod']\nforbid_versions = ['*~rc*']\n";
    configure(&environment, &format!("{PROFILES}{gate}"));
    let _ = promote(&environment).succeeds();
    shop(&environment, "4.2~rc1");
    add(&environment, "preprod", &[("agent", "2.1", "all")], &[]);
    insta::assert_snapshot!(promote(&environment).ends_with(1).text(), @"
    PACKAGE  VERSION  ARCHITECTURE  RESULT   RULE             REASON
    shop     4.2~rc1  amd64         refused  forbid_versions  prod takes no version like *~rc*
    shop     4.2~rc1  arm64         refused  forbid_versions  prod takes no version like *~rc*
    error: prod does not take shop 4.2~rc1 amd64: prod takes no version like *~rc* (forbid_versions)
    hint: to let it in all the same, give --override forbid_versions --reason TEXT
    error: prod does not take shop 4.2~rc1 arm64: prod takes no version like *~rc* (forbid_versions)
    nothing was promoted: a profile comes as a whole
    ");
    let _ = environment.run(&["freeze", "prod", "--until", "5d", "--reason", "holidays"]).succeeds();
    add(&environment, "preprod", &[("shop", "4.3", "all")], &[]);
    let frozen = promote(&environment).ends_with(1).stderr;
    assert!(frozen.contains("frozen"), "{frozen}");
    // Also when nothing but the metapackage is new.
    configure(&environment, &format!("{PROFILES}pin = 'at-least'\n"));
    let _ = environment.run(&["hold", "preprod", "shop=4.2~rc1", "shop=4.3", "agent=2.1"]);
    let _ = environment.run(&["remove", "preprod", "shop=4.2~rc1", "shop=4.3", "agent=2.1"]).succeeds();
    let frozen = promote(&environment).ends_with(1).stderr;
    assert!(frozen.contains("frozen"), "{frozen}");
    let list = environment.run(&["list", "prod", "shop"]).succeeds().stdout;
    assert!(list.contains("4.1") && !list.contains("4.3"), "{list}");
}

#[test]
fn apt_installs_the_profile_and_upgrades_what_was_promoted_together() {
    let environment = store();
    let _ = promote(&environment).succeeds();
    let server = environment.serve();
    let Some(apt) = Apt::new(&environment, "machine") else { return };
    apt.source("prod", &sources(&environment, &server, "prod"));
    let _ = apt.update().succeeds();
    let install = |arguments: &[&str]| {
        let output = apt.get(&[&["-s"], arguments].concat()).succeeds().stdout;
        let lines = output.lines().filter(|line| line.starts_with("Inst ") || line.starts_with("Remv "));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let script = environment.run(&["client-config", "prod", "--profile", "web"]).succeeds().stdout;
    assert!(
        script.contains("profile=prod-profile-web\n") && script.contains("apt-get install -y \"$profile\""),
        "{script}"
    );
    assert!(
        environment
            .run(&["client-config", "prod", "--profile", "base"])
            .ends_with(1)
            .stderr
            .contains("is not built in prod")
    );
    let first = install(&["install", "prod-profile-web"]);
    assert!(first.len() == 3 && first.iter().any(|line| line.starts_with("Inst shop")), "{first:?}");
    // The machine has the first one; what is promoted without the profile stays away from it, what comes with it arrives as a whole.
    let mut status = String::new();
    for (name, version, build, more) in [
        ("agent", "2.0", "all", ""),
        ("shop", "4.1", "amd64", ""),
        ("prod-profile-web", "1", "all", "Depends: agent (= 2.0), shop (= 4.1)\n"),
    ] {
        writeln!(status, "Package: {name}\nStatus: install ok installed\nVersion: {version}\nArchitecture: {build}\nMaintainer: x\nDescription: x\n{more}").unwrap();
    }
    fs::write(apt.path("var/lib/dpkg/status"), status).unwrap();
    shop(&environment, "4.2");
    let _ = environment.run(&["promote", "shop", "--from", "preprod", "--to", "prod"]).succeeds();
    let _ = apt.update().succeeds();
    let checked = environment.run(&["profile", "check", "web", "--suite", "bookworm"]).ends_with(3);
    insta::assert_snapshot!(checked.text(), @"
    prod-profile-web 1 (bookworm, amd64): cannot be installed: prod-profile-web 1 needs shop (= 4.1), which nothing provides; shop 4.2 is there; shop 4.1 would do, but is not the newest
    prod-profile-web 1 (bookworm, arm64): cannot be installed: prod-profile-web 1 needs shop (= 4.1), which nothing provides; shop 4.2 is there; shop 4.1 would do, but is not the newest
    ");
    insta::assert_snapshot!(environment.run(&["profile", "diff", "web"]).ends_with(3).text(), @"
    PACKAGE  BEFORE  AFTER  ARCHITECTURE  SUITES
    shop     = 4.1   = 4.2  amd64, arm64  bookworm, trixie
    ");
    let upgraded = install(&["upgrade"]);
    assert!(upgraded.iter().all(|line| !line.starts_with("Inst shop")), "{upgraded:?}");
    let _ = promote(&environment).succeeds();
    let _ = apt.update().succeeds();
    let _ = environment.run(&["profile", "check", "web"]).succeeds();
    let between = environment.run(&["profile", "diff", "web", "prod@1"]).ends_with(3);
    insta::assert_snapshot!(between.text(), @"
    PACKAGE  BEFORE  AFTER  ARCHITECTURE  SUITES
    shop     = 4.1   = 4.2  amd64, arm64  bookworm, trixie
    ");
    let upgraded = install(&["upgrade"]);
    assert!(upgraded.iter().any(|line| line.starts_with("Inst shop [4.1]")), "{upgraded:?}");
    assert!(upgraded.iter().any(|line| line.starts_with("Inst prod-profile-web [1]")), "{upgraded:?}");
}
