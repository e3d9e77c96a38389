//! Universes that are too hard, and text that is not one.

use apt_solve::{Checker, Error, Limits, Universe, Verdict, View};
use deb_parse::Architecture;
use std::fmt::Write as _;

fn universe(text: &str) -> Universe {
    let mut builder = Universe::builder(&Architecture::parse("amd64").unwrap());
    let source = builder.add_source("suite");
    builder.read(source, text.as_bytes()).unwrap();
    builder.build()
}

/// Builds the classic hard case for SAT solvers: each of `birds` packages needs one of `holes` others, and no two may share one.
fn pigeons(birds: usize, holes: usize) -> String {
    let mut text = String::from("Package: everything\nVersion: 1\nArchitecture: all\nDepends: ");
    let all: Vec<_> = (0..birds).map(|bird| format!("bird{bird}")).collect();
    text.push_str(&all.join(", "));
    for bird in 0..birds {
        let nests: Vec<_> = (0..holes).map(|hole| format!("nest{bird}.{hole}")).collect();
        write!(
            text,
            "\n\nPackage: bird{bird}\nVersion: 1\nArchitecture: all\nDepends: {}",
            nests.join(" | ")
        )
        .unwrap();
        for hole in 0..holes {
            let provides = format!("Provides: hole{hole}\nConflicts: hole{hole}");
            write!(text, "\n\nPackage: nest{bird}.{hole}\nVersion: 1\nArchitecture: all\n{provides}")
                .unwrap();
        }
    }
    text.push('\n');
    text
}

fn verdict(text: &str, limits: Limits) -> Verdict {
    let universe = universe(text);
    let everything = universe.packages_named("everything").next().unwrap();
    Checker::new(&universe, View::Newest, limits).package(everything)
}

#[test]
fn a_contradiction_that_is_hard_to_see_is_not_decided_and_never_fine() {
    let verdict = verdict(&pigeons(9, 8), Limits::default().with_steps(100_000));
    assert_eq!(verdict, Verdict::NotDecided);
}

#[test]
fn the_same_contradiction_in_small_is_decided() {
    assert_eq!(verdict(&pigeons(4, 4), Limits::default()), Verdict::Installable);
    let Verdict::Broken(reason) = verdict(&pigeons(3, 2), Limits::default()) else { panic!() };
    assert!(reason.facts().len() > 6, "{reason}");
}

#[test]
fn many_providers_with_many_versioned_relations_end_within_the_limit() {
    let mut text = String::new();
    for at in 0..3_000 {
        writeln!(
            text,
            "Package: pp{at}\nVersion: 1\nArchitecture: all\nProvides: vv (= {at})\nDepends: vv (= {})\n",
            at + 1
        )
        .unwrap();
    }
    let universe = universe(&text);
    let source = apt_source(&universe);
    let limits = Limits::default().with_total_steps(100_000);
    let report = Checker::new(&universe, View::Newest, limits).source(source);
    assert_eq!(report.installable, 0);
    assert_eq!(report.findings.len(), 3_000);
    assert!(report.findings.iter().all(|finding| finding.verdict == Verdict::NotDecided));
}

/// Lists this many packages that are not there.
fn absent(number: usize) -> String {
    let names: Vec<_> = (0..number).map(|at| format!("x{at}")).collect();
    names.join(", ")
}

#[test]
fn conflicts_with_what_is_not_there_are_left_out_of_the_search_for_a_reason() {
    let absent = absent(10_000);
    let text = format!(
        "Package: everything\nVersion: 1\nArchitecture: all\nDepends: bb, cc\n\n\
         Package: bb\nVersion: 1\nArchitecture: all\nConflicts: cc, {absent}\n\n\
         Package: cc\nVersion: 1\nArchitecture: all\n"
    );
    let Verdict::Broken(reason) = verdict(&text, Limits::default().with_steps(2_000_000)) else { panic!() };
    assert_eq!(reason.to_string(), "everything 1 needs bb; everything 1 needs cc; bb 1 conflicts with cc 1");
}

#[test]
fn to_look_at_a_conflict_is_a_step_even_if_it_hits_nothing() {
    let text = format!("Package: everything\nVersion: 1\nArchitecture: all\nConflicts: {}\n", absent(10_000));
    assert_eq!(verdict(&text, Limits::default().with_steps(10_000)), Verdict::NotDecided);
    assert_eq!(verdict(&text, Limits::default()), Verdict::Installable);
}

/// Packages that exclude each other need a machine each, and all their upgrades have one budget.
#[test]
fn upgrades_of_packages_that_exclude_each_other_end_within_one_limit() {
    let index = |version: u8| -> String {
        let package = |at| {
            format!(
                "Package: pp{at}\nVersion: {version}\nArchitecture: all\nProvides: one\nConflicts: one\n\n"
            )
        };
        (0..200).map(package).collect()
    };
    let mut builder = Universe::builder(&Architecture::parse("amd64").unwrap());
    let (old, new) = (builder.add_source("old"), builder.add_source("new"));
    builder.read(old, index(1).as_bytes()).unwrap();
    builder.read(new, index(2).as_bytes()).unwrap();
    let universe = builder.build();
    let after = universe.packages_of(old).collect();
    let tried = |steps| {
        let limits = Limits::default().with_total_steps(steps);
        let checker = Checker::without(&universe, View::Newest, limits, universe.packages_of(new).collect());
        checker.upgrades(universe.packages_of(old), &after)
    };
    let all = tried(1_000_000_000);
    assert_eq!((all.machines.len(), all.untried.len()), (200, 0));
    assert!(all.machines.iter().all(|(_, plan)| plan.is_decided && plan.upgraded.len() == 1));
    let some = tried(150_000);
    assert!(some.machines.len() > 1 && some.untried.len() > 100, "{}", some.machines.len());
    let (_, last) = some.machines.split_last().unwrap();
    assert!(last.iter().all(|(_, plan)| plan.is_decided));
    assert_eq!(some.machines.len() + some.untried.len(), 200);
}

fn apt_source(universe: &Universe) -> apt_solve::SourceId {
    let first = universe.packages_named("pp0").next().unwrap();
    universe.source_of(first).unwrap()
}

#[test]
fn a_wrong_relation_is_refused_with_its_place() {
    let mut builder = Universe::builder(&Architecture::parse("amd64").unwrap());
    let source = builder.add_source("prod");
    let text = b"Package: aa\nVersion: 1\nArchitecture: all\nDepends: bb,\n cc (=> 1)\n";
    let error = builder.read(source, &text[..]).unwrap_err();
    assert!(matches!(&error, Error::Paragraph { source_name, .. } if source_name == "prod"));
    insta::assert_snapshot!(std::error::Error::source(&error).unwrap().to_string(), @r#"line 5, column 6, field Depends: relation "=>": it is none of the operators `<<`, `<=`, `=`, `>=` and `>>`"#);
}

#[test]
fn a_package_that_was_refused_leaves_nothing_to_the_next() {
    let mut builder = Universe::builder(&Architecture::parse("amd64").unwrap());
    let source = builder.add_source("prod");
    let refused = b"Package: aa\nVersion: 1\nArchitecture: all\nProvides: vv, (\n";
    assert!(builder.read(source, &refused[..]).is_err());
    let others = b"Package: bb\nVersion: 1\nArchitecture: all\n\nPackage: everything\nVersion: 1\nArchitecture: all\nDepends: vv\n";
    assert_eq!(builder.read(source, &others[..]).unwrap(), 2);
    let report = Checker::new(&builder.build(), View::Newest, Limits::default()).source(source);
    assert_eq!((report.installable, report.findings.len()), (1, 1));
}

#[test]
fn packages_of_other_architectures_are_left_out() {
    let mut builder = Universe::builder(&Architecture::parse("amd64").unwrap());
    let source = builder.add_source("prod");
    let text =
        b"Package: aa\nVersion: 1\nArchitecture: arm64\n\nPackage: aa\nVersion: 1\nArchitecture: amd64\n";
    assert_eq!(builder.read(source, &text[..]).unwrap(), 1);
}
