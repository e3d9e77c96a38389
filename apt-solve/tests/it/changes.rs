//! States before and after a change, in one universe.

use std::collections::HashSet;

use apt_solve::{Checker, Limits, PackageId, Universe, Verdict, View};
use proptest::prelude::*;
use std::fmt::Write as _;

use crate::universe_text::{find, universe};

fn reason(universe: &Universe, absent: &[&str], wanted: &str) -> String {
    let absent = absent.iter().map(|name| find(universe, name)).collect();
    match Checker::without(universe, View::Newest, Limits::default(), absent).package(find(universe, wanted))
    {
        Verdict::Broken(reason) => reason.to_string(),
        other => format!("{other:?}"),
    }
}

#[test]
fn what_is_not_there_is_named_with_its_source() {
    let (universe, _) = universe(
        "source prod
         libfoo 1.9
         hello 2.10 Depends: libfoo (>= 2)
         mail 1 Depends: mta
         source preprod
         libfoo 2.0
         postfix 3 Provides: mta
         source testing
         libfoo 2.1",
    );
    insta::assert_snapshot!(
        reason(&universe, &["libfoo=2.0", "libfoo=2.1"], "hello"),
        @"hello 2.10 needs libfoo (>= 2), which only preprod and testing have; prod has 1.9"
    );
    insta::assert_snapshot!(reason(&universe, &["postfix"], "mail"), @"mail 1 needs mta, which only preprod has");
    assert_eq!(reason(&universe, &["libfoo=2.0"], "hello"), "Installable");
}

#[test]
fn what_is_not_there_supersedes_nothing_and_is_not_asked_about() {
    let (universe, source) = universe(
        "hello 1
         hello 2 Depends: nothing",
    );
    let checker = |absent: HashSet<PackageId>| {
        Checker::without(&universe, View::Newest, Limits::default(), absent).source(source)
    };
    let both = checker(HashSet::new());
    assert_eq!((both.installable, both.superseded, both.findings.len()), (0, 1, 1));
    let first = checker(HashSet::from([find(&universe, "hello=2")]));
    assert_eq!((first.installable, first.superseded, first.findings.len()), (1, 0, 0));
}

#[test]
fn a_change_of_an_essential_package_affects_all() {
    let (universe, _) = universe(
        "base 1 Essential: yes; Depends: libc
         libc 1
         alone 1",
    );
    let affected = |name: &str| universe.affected_by(&[find(&universe, name)]).len();
    assert_eq!((affected("libc"), affected("alone")), (3, 1));
}

const NAMES: [&str; 5] = ["aa", "bb", "cc", "dd", "ee"];

/// A package: its name, version, what it depends on, conflicts with and provides.
type Package = (usize, u8, Vec<usize>, Option<usize>, Option<usize>);

fn package() -> impl Strategy<Value = Package> {
    let name = 0..NAMES.len();
    let depends = proptest::collection::vec(name.clone(), 0..3);
    (
        name.clone(),
        1..4_u8,
        depends,
        proptest::option::weighted(0.2, name.clone()),
        proptest::option::weighted(0.2, name),
    )
}

fn text(packages: &[Package]) -> String {
    packages.iter().fold(String::new(), |mut text, (name, version, depends, conflicts, provides)| {
        write!(text, "{} {version} ", NAMES[*name]).unwrap();
        let depends: Vec<&str> = depends.iter().map(|name| NAMES[*name]).collect();
        if !depends.is_empty() {
            write!(text, "Depends: {}; ", depends.join(", ")).unwrap();
        }
        for (field, value) in [("Conflicts", conflicts), ("Provides", provides)] {
            value.iter().for_each(|value| write!(text, "{field}: {}; ", NAMES[*value]).unwrap());
        }
        text + "\n"
    })
}

proptest! {
    /// What a change does not affect has the same answer before and after it.
    #[test]
    fn only_what_is_affected_changes(
        packages in proptest::collection::vec(package(), 1..9),
        absent in any::<[u8; 2]>(),
    ) {
        let (universe, source) = universe(&text(&packages));
        let all: Vec<PackageId> = universe.packages_of(source).collect();
        let changed: HashSet<PackageId> = absent.iter().map(|at| all[usize::from(*at) % all.len()]).collect();
        let affected: HashSet<PackageId> =
            universe.affected_by(&changed.iter().copied().collect::<Vec<_>>()).into_iter().collect();
        let with = Checker::new(&universe, View::Newest, Limits::default());
        let without = Checker::without(&universe, View::Newest, Limits::default(), changed);
        for id in all.into_iter().filter(|id| !affected.contains(id)) {
            let is_installable = |checker: &Checker<'_>| checker.package(id) == Verdict::Installable;
            prop_assert_eq!(is_installable(&with), is_installable(&without), "{:?}", universe.label(id));
        }
    }
}
