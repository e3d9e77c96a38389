//! What `apt-get dist-upgrade` does: known answers, and those of apt itself.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use apt_solve::status::{Fleet, Status, StatusError};
use apt_solve::upgrade::{Archives, Machine, Priority, UpgradePlan};
use apt_solve::{Checker, Limits, PackageId, SourceId, Universe, View};
use deb_parse::Architecture;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;

use crate::universe_text::universe;

/// Returns what happens to a machine with the packages of the first source, when the others are archives; one line for each package.
fn upgraded(text: &str) -> String {
    let (universe, _) = universe(text);
    let ids = |is_machine: bool| -> Vec<PackageId> {
        let all =
            universe.sources().filter(|source| (universe.source_name(*source) == "machine") == is_machine);
        all.flat_map(|source| universe.packages_of(source)).collect()
    };
    let installed = ids(true);
    let plan = universe.upgrade(&installed, &installed.iter().copied().collect(), &Limits::default());
    in_words(&plan)
}

fn in_words(plan: &UpgradePlan) -> String {
    let mut text = String::new();
    for (from, to) in &plan.upgraded {
        writeln!(text, "upgrade {from} to {}", to.version).unwrap();
    }
    plan.installed.iter().for_each(|one| writeln!(text, "install {one}").unwrap());
    for one in &plan.removed {
        writeln!(text, "remove {}: {}", one.installed, one.reason).unwrap();
    }
    for one in &plan.kept_back {
        writeln!(text, "keep {}: {}", one.installed, one.reason).unwrap();
    }
    assert!(plan.is_decided);
    text
}

#[test]
fn what_stands_in_the_way_gives_way_as_in_apt() {
    let cases = [
        "machine; aa 1 Depends: bb; bb 1; archive; aa 2 Depends: bb (>= 2), cc; bb 2; cc 1",
        "machine; aa 1; archive; aa 2 Depends: nowhere",
        "machine; aa 1 Depends: bb (<< 2); bb 1; archive; bb 2",
        "machine; aa 1 Essential: yes# Depends: bb (<< 2); bb 1; archive; bb 2",
        "machine; aa 1; bb 1; archive; aa 2 Breaks: bb (<< 2)",
        "machine; aa 1; bb 1; archive; aa 2 Depends: cc; cc 1 Conflicts: bb",
        "machine; aa 1 Breaks: bb (>= 2); bb 1; archive; bb 2",
        "machine; old 1; archive; new 1 Conflicts: old",
        "machine; aa 2; archive; aa 1",
        "machine; aa 1; bb 1 Depends: aa (= 1); archive; aa 2; bb 2 Depends: aa (= 2), nowhere",
        "machine; aa 1; bb 1 Depends: aa; cc 1 Depends: aa; archive; aa 1; dd 1 Breaks: aa; bb 2 Depends: dd; cc 1.1 Depends: aa",
        "machine; aa 1; bb 1 Depends: aa; cc 1 Depends: aa; archive; dd 1 Breaks: aa; bb 2 Depends: dd; cc 1.1 Depends: aa",
        "machine; aa 1; bb 1 Depends: aa; cc 1 Depends: aa; ee 1 Depends: bb; archive; aa 1; dd 1 Breaks: aa; bb 2 Depends: dd; cc 1.1 Depends: aa; ee 1 Depends: bb",
        "machine; aa 1; bb 1; cc 1 Depends: aa; archive; aa 1; bb 2 Breaks: aa; cc 1.1 Depends: aa",
        "machine; aa 1; cc 1; archive; aa 2 Depends: bb | cc; bb 2; cc 2",
        "machine; aa 1 Depends: bb | mail; cc 1 Provides: mail; archive; aa 1 Depends: bb | mail; bb 2; cc 2 Provides: mail",
    ];
    let mut text = String::new();
    for case in cases {
        let lines = case.replace("; ", "\n").replace('#', ";").replace("machine\n", "source machine\n");
        writeln!(text, "{case}\n{}", upgraded(&lines.replace("archive\n", "source archive\n"))).unwrap();
    }
    insta::assert_snapshot!(text, @"
    machine; aa 1 Depends: bb; bb 1; archive; aa 2 Depends: bb (>= 2), cc; bb 2; cc 1
    upgrade aa 1 to 2
    upgrade bb 1 to 2
    install cc 1

    machine; aa 1; archive; aa 2 Depends: nowhere
    keep aa 1: aa 2 needs nowhere, which nothing provides

    machine; aa 1 Depends: bb (<< 2); bb 1; archive; bb 2
    upgrade bb 1 to 2
    remove aa 1: aa 1 needs bb (<< 2); only one of bb 1 and bb 2 can be installed

    machine; aa 1 Essential: yes# Depends: bb (<< 2); bb 1; archive; bb 2
    keep bb 1: aa 1 needs bb (<< 2); only one of bb 1 and bb 2 can be installed

    machine; aa 1; bb 1; archive; aa 2 Breaks: bb (<< 2)
    upgrade aa 1 to 2
    remove bb 1: aa 2 breaks bb 1

    machine; aa 1; bb 1; archive; aa 2 Depends: cc; cc 1 Conflicts: bb
    upgrade aa 1 to 2
    install cc 1
    remove bb 1: aa 2 needs cc; cc 1 conflicts with bb 1

    machine; aa 1 Breaks: bb (>= 2); bb 1; archive; bb 2
    keep bb 1: aa 1 breaks bb 2

    machine; old 1; archive; new 1 Conflicts: old

    machine; aa 2; archive; aa 1

    machine; aa 1; bb 1 Depends: aa (= 1); archive; aa 2; bb 2 Depends: aa (= 2), nowhere
    upgrade aa 1 to 2
    remove bb 1: bb 2 needs nowhere, which nothing provides; bb 1 needs aa (= 1); only one of aa 1 and aa 2 can be installed

    machine; aa 1; bb 1 Depends: aa; cc 1 Depends: aa; archive; aa 1; dd 1 Breaks: aa; bb 2 Depends: dd; cc 1.1 Depends: aa
    upgrade cc 1 to 1.1
    keep bb 1: bb 2 needs dd; dd 1 breaks aa 1

    machine; aa 1; bb 1 Depends: aa; cc 1 Depends: aa; archive; dd 1 Breaks: aa; bb 2 Depends: dd; cc 1.1 Depends: aa
    upgrade bb 1 to 2
    install dd 1
    remove aa 1: bb 2 needs dd; dd 1 breaks aa 1
    remove cc 1: cc 1.1 needs aa; cc 1 needs aa; bb 2 needs dd; dd 1 breaks aa 1

    machine; aa 1; bb 1 Depends: aa; cc 1 Depends: aa; ee 1 Depends: bb; archive; aa 1; dd 1 Breaks: aa; bb 2 Depends: dd; cc 1.1 Depends: aa; ee 1 Depends: bb
    upgrade bb 1 to 2
    install dd 1
    remove aa 1: bb 2 needs dd; dd 1 breaks aa 1
    remove cc 1: cc 1.1 needs aa; cc 1 needs aa; bb 2 needs dd; dd 1 breaks aa 1

    machine; aa 1; bb 1; cc 1 Depends: aa; archive; aa 1; bb 2 Breaks: aa; cc 1.1 Depends: aa
    upgrade cc 1 to 1.1
    keep bb 1: bb 2 breaks aa 1

    machine; aa 1; cc 1; archive; aa 2 Depends: bb | cc; bb 2; cc 2
    upgrade aa 1 to 2
    upgrade cc 1 to 2

    machine; aa 1 Depends: bb | mail; cc 1 Provides: mail; archive; aa 1 Depends: bb | mail; bb 2; cc 2 Provides: mail
    upgrade cc 1 to 2
    ");
}

/// Returns what becomes of a machine with this status file, when one archive has these packages.
fn upgraded_by_status(status: &str, archive: &str, priority: Priority) -> UpgradePlan {
    let mut fleet = Fleet::default();
    let state = fleet.add(&Status::read(status.as_bytes()).unwrap());
    let kind = fleet.kind_of(state).unwrap();
    let mut builder = Universe::builder(&kind.native);
    kind.foreign.iter().for_each(|one| builder.add_foreign(one));
    let prod = builder.add_source("prod");
    builder.set_priority(prod, priority);
    builder.read(prod, archive.as_bytes()).unwrap();
    let source = builder.add_source("the machine");
    let machines = fleet.add_to(&mut builder, source, kind).unwrap();
    let universe = builder.build();
    Archives::new(&universe, &universe.packages_of(source).collect())
        .upgrade(&machines[0].1, &Limits::default())
}

fn stanza(package: &str) -> String {
    let fields = package.replace("; ", "\n").replacen(' ', "\nArchitecture: amd64\nVersion: ", 1);
    format!("Package: {fields}\n\n")
}

#[test]
fn what_is_on_hold_stays_and_so_does_what_needs_it_to_be_upgraded() {
    let status = stanza("aa 1; Status: hold ok installed")
        + &stanza("bb 1; Status: install ok installed; Depends: aa")
        + &stanza("gone 1; Status: deinstall ok config-files");
    let archive = stanza("aa 2") + &stanza("bb 2; Depends: aa (>= 2)") + &stanza("gone 2");
    let plan = upgraded_by_status(&status, &archive, Priority::DEFAULT);
    assert_eq!(in_words(&plan), "keep bb 1: bb 2 needs aa (>= 2), which only prod has; the machine has 1\n");
    assert_eq!(plan.held[0].1.to_string(), "aa 2");

    let plan =
        upgraded_by_status(&stanza("aa 1; Status: install ok unpacked; Depends: bb"), "", Priority::DEFAULT);
    assert_eq!(plan.refusal.unwrap().to_string(), "aa 1 needs bb, which is not installed");
}

#[test]
fn archives_that_are_not_automatic_upgrade_nothing_unless_they_say_so() {
    let status = stanza("aa 1; Status: install ok installed");
    for (priority, is_upgraded) in
        [(Priority::DEFAULT, true), (Priority::INSTALLED, true), (Priority::ON_REQUEST, false)]
    {
        let plan = upgraded_by_status(&status, &stanza("aa 2"), priority);
        assert_eq!(!plan.upgraded.is_empty(), is_upgraded, "{priority:?}");
    }
}

#[test]
fn a_half_installed_package_without_a_version_is_unfinished() {
    // dpkg(1) reads it, and asks for a version in all other states.
    let half = |name: &str, state: &str| format!("Package: {name}\nStatus: install reinstreq {state}\n\n");
    let installed = stanza("aa 1; Status: install ok installed");
    let mut fleet = Fleet::default();
    let mut add = |text: String| fleet.add(&Status::read(text.as_bytes()).unwrap());
    let whole = add(installed.clone());
    let broken = add(installed.clone() + &half("bb", "half-installed"));
    assert_eq!((fleet.unfinished(whole), fleet.unfinished(broken)), (0, 1));
    let error = Status::read((half("bb", "unpacked") + &installed).as_bytes()).unwrap_err();
    assert!(matches!(error, StatusError::Paragraph(_)), "{error}");
}

#[test]
fn a_fleet_keeps_each_package_and_each_state_once() {
    let mut fleet = Fleet::default();
    let mut add = |text: String| {
        let _ = fleet.add(&Status::read(text.as_bytes()).unwrap());
        fleet.bytes()
    };
    let installed = stanza("aa 1; Status: install ok installed");
    let one = add(installed.clone());
    assert_eq!(add(installed.clone()), one);
    let held = add(stanza("aa 1; Status: hold ok installed"));
    assert!(one < held && held < 2 * one, "{one} {held}: only the hold is new");
}

#[test]
fn what_is_wrong_with_a_status_file_is_said() {
    let installed = "Status: install ok installed";
    let mut text = String::new();
    for status in [
        String::new(),
        stanza("aa 1"),
        stanza("aa 1; Status: install ok"),
        stanza("aa 1; Status: install ok gone"),
        stanza("aa 1; Status: deinstall ok config-files"),
        stanza(&format!("aa 1; {installed}")).repeat(2),
        stanza(&format!("aa 1; {installed}; Depends: b c")),
        stanza(&format!("aa 1_; {installed}")),
        format!("Package: aa\nVersion: 1\nArchitecture: all\n{installed}\n"),
        "\0\u{7f}".to_owned(),
    ] {
        writeln!(text, "{}", Status::read(status.as_bytes()).unwrap_err()).unwrap();
    }
    insta::assert_snapshot!(text, @r#"
    no package is installed
    line 1: a package without the field Status: not a status file of dpkg
    line 1: unknown Status `install ok`
    line 1: unknown Status `install ok gone`
    no package is installed
    line 6: aa:amd64 is listed twice
    line 5, column 12, field Depends: relation "c": a relation must be followed by `,` or `|` (Policy 7.1)
    line 3, column 10, field Version: version "1_": the upstream version must be letters, digits and `.+-~` (Policy 5.6.12)
    all packages are for `all`: the architecture of the machine is not known
    line 1, column 1: a field name must be of visible ASCII characters (Policy 5.1)
    "#);
}

const NAMES: [&str; 8] = ["aa", "bb", "cc", "dd", "ee", "ff", "gg", "hh"];

fn relation() -> impl Strategy<Value = String> {
    let name = prop::sample::select(&NAMES[..]);
    let version = prop::sample::select(&["", "", " (>= 2)", " (<< 2)", " (= 1)", " (>= 3)"][..]);
    (name, version).prop_map(|(name, version)| format!("{name}{version}"))
}

/// A package with one version, as a paragraph.
fn package(versions: std::ops::Range<u8>) -> impl Strategy<Value = (String, u8, String)> {
    let clause = prop::collection::vec(relation(), 1..3).prop_map(|all| all.join(" | "));
    let depends = prop::collection::vec(clause, 0..3).prop_map(|all| all.join(", "));
    let excludes = prop::collection::vec(relation(), 0..2).prop_map(|all| all.join(", "));
    let field = prop::sample::select(&["Conflicts", "Breaks"][..]);
    (prop::sample::select(&NAMES[..]), versions, depends, excludes, field).prop_map(
        |(name, version, depends, excludes, field)| {
            let mut text = format!(
                "Package: {name}\nVersion: {version}\nArchitecture: amd64\nPriority: optional\nMaintainer: x\n\
                 Description: x\nFilename: {name}.deb\nSize: 1\nSHA256: {version:064}\n"
            );
            for (field, value) in [("Depends", depends), (field, excludes)] {
                if !value.is_empty() {
                    writeln!(text, "{field}: {value}").unwrap();
                }
            }
            (name.to_owned(), version, text)
        },
    )
}

fn archive(versions: std::ops::Range<u8>) -> impl Strategy<Value = BTreeMap<String, String>> {
    prop::collection::vec(package(versions), 2..9)
        .prop_map(|all| all.into_iter().map(|(name, _, text)| (name, text)).collect())
}

fn paragraphs(texts: impl IntoIterator<Item = String>) -> String {
    texts.into_iter().map(|text| format!("{text}\n")).collect()
}

/// Returns what apt would do: the names that it upgrades, removes and keeps back.
fn apt(place: &Path, status: &str, packages: &str) -> Option<[BTreeSet<String>; 3]> {
    let write = |name: &str, text: &str| std::fs::write(place.join(name), text).unwrap();
    write("status", status);
    write("repository/Packages", packages);
    write("sources.list", &format!("deb [trusted=yes] file:{}/repository ./\n", place.display()));
    let options = [
        format!("Dir::State={}", place.display()),
        format!("Dir::State::status={}/status", place.display()),
        format!("Dir::Etc::sourcelist={}/sources.list", place.display()),
        format!("Dir::Cache={}", place.display()),
        "Dir::Etc::sourceparts=-".to_owned(),
        "Dir::Etc::preferencesparts=-".to_owned(),
        "Dir::Etc::parts=-".to_owned(),
        "APT::Architecture=amd64".to_owned(),
        "APT::Architectures=amd64".to_owned(),
        "APT::Get::Show-User-Simulation-Note=false".to_owned(),
        "Debug::NoLocking=true".to_owned(),
        "APT::Sandbox::User=root".to_owned(),
        "Acquire::Languages=none".to_owned(),
    ];
    let run = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        command.env("LC_ALL", "C").env("APT_CONFIG", "/dev/null").args(arguments);
        options.iter().for_each(|option| {
            command.args(["-o", option]);
        });
        let output = command.output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        output.status.success().then_some(text)
    };
    run(&["update", "-qq"]).unwrap();
    // apt gives up where it finds no answer.
    let text = run(&["dist-upgrade", "-s"])?;
    let list = |title: &str| -> BTreeSet<String> {
        let lines = text.lines().skip_while(|line| !line.contains(title)).skip(1);
        lines
            .take_while(|line| line.starts_with(' '))
            .flat_map(str::split_ascii_whitespace)
            .map(|name| name.trim_end_matches('*').to_owned())
            .collect()
    };
    Some([list("will be upgraded:"), list("will be REMOVED:"), list("have been kept back:")])
}

fn version_of(text: &str) -> Option<&str> {
    text.lines().find(|line| line.starts_with("Version:"))
}

fn place() -> PathBuf {
    let place = std::env::temp_dir().join(format!("apt-solve-{}", std::process::id()));
    for name in ["repository", "lists/partial", "archives/partial"] {
        std::fs::create_dir_all(place.join(name)).unwrap();
    }
    place
}

#[test]
fn apt_gives_way_to_the_same_packages() {
    if Command::new("apt-get").arg("--version").output().is_err() {
        eprintln!("SKIPPED: apt-get is not installed");
        return;
    }
    let cases: usize =
        std::env::var("REPO_TEST_UPGRADES").ok().and_then(|text| text.parse().ok()).unwrap_or(12);
    let place = place();
    let mut runner = TestRunner::deterministic();
    let (mut differences, mut tried, mut given_up) = (Vec::new(), 0, 0);
    for case in 0..cases {
        // On every third machine the first package is on hold.
        let has_hold = case % 3 == 2;
        let (old, new) = (archive(1..3), archive(1..4)).new_tree(&mut runner).unwrap().current();
        let mut builder = Universe::builder(&Architecture::parse("amd64").unwrap());
        let (before, after) = (builder.add_source("machine"), builder.add_source("archive"));
        let same = |(name, text): (String, String)| match old.get(&name) {
            Some(known) if version_of(known) == version_of(&text) => known.clone(),
            _ => text,
        };
        let new = paragraphs(new.into_iter().map(same));
        builder.read(before, paragraphs(old.clone().into_values()).as_bytes()).unwrap();
        builder.read(after, new.as_bytes()).unwrap();
        let universe = builder.build();
        let of = |source: SourceId| -> HashSet<PackageId> { universe.packages_of(source).collect() };
        let checker = Checker::without(&universe, View::Newest, Limits::default(), of(after));
        let machines = checker.machines(universe.packages_of(before)).unwrap();
        for machine in machines {
            let held: Vec<PackageId> = machine.iter().copied().take(usize::from(has_hold)).collect();
            let archives = Archives::new(&universe, &of(before));
            let state = Machine::new(machine.iter().copied()).with_held(held.iter().copied());
            let plan = archives.upgrade(&state, &Limits::default());
            let installed: Vec<String> = machine.iter().map(|id| universe.label(*id).unwrap().name).collect();
            let want = |at: usize| if at < held.len() { "hold" } else { "install" };
            let status = installed.iter().enumerate();
            let status = status.map(|(at, name)| format!("{}Status: {} ok installed\n", old[name], want(at)));
            let status = paragraphs(status);
            let names = |labels: Vec<&apt_solve::Label>| -> BTreeSet<String> {
                labels.into_iter().map(|label| label.name.clone()).collect()
            };
            let ours = [
                names(plan.upgraded.iter().map(|(_, to)| to).collect()),
                names(plan.removed.iter().map(|one| &one.installed).collect()),
                names(
                    plan.kept_back
                        .iter()
                        .map(|one| &one.installed)
                        .chain(plan.held.iter().map(|one| &one.0))
                        .collect(),
                ),
            ];
            let Some(theirs) = apt(&place, &status, &new) else {
                given_up += 1;
                let text = format!("{status}--\n{new}--\nours {ours:?}\napt gives up");
                differences.extend(plan.refusal.is_none().then_some(text));
                continue;
            };
            tried += 1;
            let is_smooth = |found: &[BTreeSet<String>; 3]| found[1].is_empty() && found[2].is_empty();
            assert_eq!(
                is_smooth(&ours) && plan.refusal.is_none(),
                is_smooth(&theirs),
                "{status}--\n{new}--\nours {ours:?}\napt  {theirs:?}"
            );
            if ours != theirs {
                differences.push(format!(
                    "{status}--\n{new}--\nours {ours:?}\napt  {theirs:?}\n{}",
                    in_words(&plan)
                ));
            }
        }
    }
    std::fs::remove_dir_all(&place).unwrap();
    eprintln!("{tried} machines, and {given_up} that apt gave up on: {} differences", differences.len());
    // Of several answers apt takes another one now and then.
    let (number, text) = (differences.len(), differences.join("\n====\n"));
    assert!(number * 50 <= tried + given_up, "{number} differences on {tried} machines\n{text}");
}
