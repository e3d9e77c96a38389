//! What is the newest version of a package is counted for each machine, builds for `all` counting for each.

use std::collections::BTreeSet;

use deb_parse::Architecture;
use proptest::prelude::*;
use repo_store::history::Operation;
use repo_store::operations::promotion::PromoteOptions;
use repo_store::operations::retention::RetentionRule;
use repo_store::{RepositoryName, RepositorySettings, Selector, SuiteSettings};

use crate::fixture::{Fixture, context, record_for, suite};

/// Builds of one package: a version and an architecture each.
type Builds = BTreeSet<(u32, &'static str)>;

fn settings(name: &str, architectures: &[&str]) -> RepositorySettings {
    let architectures = architectures.iter().map(|name| Architecture::parse(name).unwrap()).collect();
    let suites = vec![SuiteSettings::new(suite("bookworm"), architectures)];
    RepositorySettings::new(RepositoryName::parse(name).unwrap(), suites)
}

fn fill(fixture: &Fixture, repository: &RepositorySettings, builds: &Builds) {
    let insert = |transaction: &mut repo_store::transaction::Transaction<'_>| {
        for (version, architecture) in builds {
            let record = record_for("tool", &version.to_string(), architecture);
            transaction.insert(&suite("bookworm"), &record)?;
        }
        Ok((Operation::Other("insert".to_owned()), ()))
    };
    fixture.store.transact(&repository.name, &context(0), insert).unwrap();
}

fn content(fixture: &Fixture, repository: &RepositorySettings) -> Builds {
    let Some(head) = fixture.store.head(&repository.name).unwrap() else { return Builds::new() };
    let records = head.records(&suite("bookworm")).unwrap();
    let builds = records.iter().map(|record| {
        let key = record.key();
        let architecture =
            ["all", "amd64", "arm64"].into_iter().find(|name| *name == key.architecture.as_str());
        (key.version.as_str().parse().unwrap(), architecture.unwrap())
    });
    builds.collect()
}

/// What apt of a machine would install.
fn candidate(builds: &Builds, machine: &str) -> Option<u32> {
    let seen = builds.iter().filter(|(_, architecture)| *architecture == machine || *architecture == "all");
    seen.map(|(version, _)| *version).max()
}

/// Whether a build is what apt of some machine would install.
fn is_candidate(builds: &Builds, (version, architecture): (u32, &str), machines: &[&str]) -> bool {
    // What a package is built for is an architecture of machines too.
    let built_for = builds.iter().map(|(_, architecture)| architecture).filter(|name| **name != "all");
    let machines = machines.iter().chain(built_for);
    let mut machines = machines.filter(|machine| architecture == "all" || architecture == **machine);
    machines.any(|machine| candidate(builds, machine) == Some(version))
}

fn promote(fixture: &Fixture, from: &RepositorySettings, to: &RepositorySettings) {
    let options =
        PromoteOptions { selectors: vec!["tool".parse::<Selector>().unwrap()], ..Default::default() };
    let plan = fixture.store.plan_promotion(from, to, &options).unwrap();
    plan.apply(&fixture.store, &context(1)).unwrap();
}

fn builds() -> impl Strategy<Value = Builds> {
    let build = (1_u32..5, prop::sample::select(vec!["all", "amd64", "arm64"]));
    prop::collection::btree_set(build, 0..6)
}

fn machines() -> impl Strategy<Value = &'static [&'static str]> {
    prop::sample::select(vec![&["amd64", "arm64"][..], &["amd64"][..]])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn every_machine_gets_the_newest_that_it_can_install(source in builds(), before in builds(), own in machines(), theirs in machines()) {
        prop_assume!(!source.is_empty());
        let fixture = Fixture::in_memory();
        let (from, to) = (settings("preprod", own), settings("prod", theirs));
        fill(&fixture, &from, &source);
        fill(&fixture, &to, &before);
        promote(&fixture, &from, &to);
        let after = content(&fixture, &to);
        for machine in theirs {
            let newest = candidate(&source, machine).max(candidate(&before, machine));
            prop_assert_eq!(candidate(&after, machine), newest, "{}: {:?}", machine, after);
        }
        for build in after.difference(&before) {
            prop_assert!(is_candidate(&source, *build, &["amd64", "arm64"]), "{:?} came", build);
        }
    }

    #[test]
    fn retention_keeps_what_machines_would_install_and_nothing_else(there in builds(), machines in machines()) {
        let fixture = Fixture::in_memory();
        let repository = settings("preprod", machines);
        fill(&fixture, &repository, &there);
        let rule = RetentionRule { keep_versions: Some(1), ..RetentionRule::default() };
        let plan = fixture.store.plan_retention(&repository, &[rule], context(9).now).unwrap();
        plan.apply(&fixture.store, &context(9)).unwrap();
        let expected: Builds = there.iter().copied().filter(|build| is_candidate(&there, *build, machines)).collect();
        prop_assert_eq!(content(&fixture, &repository), expected);
    }
}

#[test]
fn machines_of_another_architecture_keep_the_build_for_all() {
    for (source, before, expected) in [
        // From `all` to one architecture, and the other way round.
        (vec![(1, "all"), (2, "amd64")], vec![], vec![(1, "all"), (2, "amd64")]),
        (vec![(1, "all"), (2, "amd64")], vec![(1, "all")], vec![(1, "all"), (2, "amd64")]),
        (vec![(1, "amd64"), (1, "arm64"), (2, "all")], vec![], vec![(2, "all")]),
        (vec![(1, "amd64"), (2, "all"), (3, "arm64")], vec![], vec![(2, "all"), (3, "arm64")]),
    ] {
        let fixture = Fixture::in_memory();
        let (from, to) = (settings("preprod", &["amd64", "arm64"]), settings("prod", &["amd64", "arm64"]));
        fill(&fixture, &from, &source.into_iter().collect());
        fill(&fixture, &to, &before.into_iter().collect());
        promote(&fixture, &from, &to);
        assert_eq!(content(&fixture, &to), expected.into_iter().collect());
    }
}
