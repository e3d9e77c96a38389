//! Which versions are compared, and which entries of a changelog lie between them.

use camino::Utf8PathBuf;
use deb_parse::deb::Builder;
use deb_parse::{Architecture, Limits, PackageName, Version};
use repo_store::model::Snapshot;
use repo_store::operations::details::SourceChange;
use repo_store::{AddOptions, Store};

use crate::fixture::{Fixture, context, suite};

struct Package<'a> {
    name: &'a str,
    version: &'a str,
    source: Option<&'a str>,
    changelog: &'a [&'a str],
}

fn package<'a>(name: &'a str, version: &'a str, changelog: &'a [&'a str]) -> Package<'a> {
    Package { name, version, source: None, changelog }
}

impl Package<'_> {
    fn write(&self, fixture: &Fixture) -> Utf8PathBuf {
        let Self { name, version, source, changelog } = self;
        let own_source = source.map_or(*name, |source| source.split(' ').next().unwrap());
        let entries = changelog.iter().map(|version| {
            format!("{own_source} ({version}) sid; urgency=low\n\n  * {version}\n\n -- A <a@b.example>  Sat, 01 Jan 2022 10:00:00 +0000\n")
        });
        let text = entries.collect::<Vec<_>>().join("\n");
        let mut builder = Builder::new(
            PackageName::parse(name).unwrap(),
            Version::parse(version).unwrap(),
            Architecture::parse("amd64").unwrap(),
        );
        if let Some(source) = source {
            builder = builder.field("Source", *source);
        }
        if !changelog.is_empty() {
            builder = builder.file(format!("usr/share/doc/{name}/changelog.Debian"), text, 0o644);
        }
        let path = fixture.store.root().join(format!("../{name}_{version}.deb"));
        std::fs::write(&path, builder.build().unwrap()).unwrap();
        path
    }
}

/// What changes when packages are removed and others added.
fn details(there: &[Package<'_>], removed: &[&str], added: &[Package<'_>]) -> Vec<SourceChange> {
    let fixture = Fixture::new();
    let add = |packages: &[Package<'_>]| {
        let files: Vec<_> = packages.iter().map(|package| package.write(&fixture)).collect();
        fixture
            .store
            .add(&fixture.preprod, &files, &AddOptions::default(), &context(0))
            .unwrap()
            .into_result()
            .unwrap();
        let head = fixture.store.head(&fixture.preprod.name).unwrap();
        head.map_or_else(Snapshot::default, |head| head.snapshot(&suite("trixie")).unwrap())
    };
    let before = add(there);
    let selectors: Vec<_> = removed.iter().map(|selector| selector.parse().unwrap()).collect();
    if !selectors.is_empty() {
        let plan = fixture.store.plan_removal(&fixture.preprod, &selectors, &[]).unwrap();
        plan.apply(&fixture.store, &context(1)).unwrap();
    }
    let after = add(added);
    fixture.store.details(&before, &after, &context(2)).unwrap()
}

fn entries(change: &SourceChange) -> Vec<&str> {
    change.changelog.iter().map(|entry| entry.version.as_str()).collect()
}

#[test]
fn the_highest_versions_are_compared_also_when_they_stay() {
    let there = [package("pa", "1.0", &[]), package("pa", "1.1", &[])];
    let changes = details(&there, &["pa=1.0"], &[package("pa", "0.9", &[]), package("pa", "1.2", &[])]);
    let change = &changes[0].packages[0];
    assert_eq!(change.before.as_ref().unwrap().version.as_str(), "1.1");
    assert_eq!(change.after.as_ref().unwrap().version.as_str(), "1.2");
    assert_eq!((change.also_added[0].as_str(), change.also_added.len()), ("0.9", 1));
    assert_eq!((change.also_removed[0].as_str(), change.also_removed.len()), ("1.0", 1));
}

#[test]
fn a_lower_version_that_comes_changes_nothing_else() {
    let changes = details(&[package("pa", "2", &["2"])], &[], &[package("pa", "1", &["1"])]);
    let change = &changes[0].packages[0];
    assert_eq!(change.before, change.after);
    assert_eq!(change.also_added[0].as_str(), "1");
    assert_eq!(entries(&changes[0]), [""; 0]);
}

#[test]
fn the_entries_in_between_are_told_once_for_all_packages_of_a_source() {
    let binary =
        |name, version, changelog| Package { source: Some("src"), ..package(name, version, changelog) };
    let there = [binary("pa", "1", &["1"]), binary("pb", "1", &[]), package("other", "1", &["1"])];
    let added = [binary("pb", "3", &[]), binary("pa", "3", &["3", "2", "1", "0.5"]), binary("new", "3", &[])];
    let changes = details(&there, &[], &added);
    assert_eq!(changes.len(), 1);
    assert_eq!(changes[0].source.as_str(), "src");
    assert_eq!(
        changes[0].packages.iter().map(|p| p.package.as_str()).collect::<Vec<_>>(),
        ["new", "pa", "pb"]
    );
    assert_eq!((entries(&changes[0]), changes[0].changelog_complete), (vec!["3", "2"], true));
}

#[test]
fn a_rebuild_has_an_entry_of_its_own() {
    let rebuilt = Package { source: Some("pa (1-1)"), ..package("pa", "1-1+b1", &["1-1+b1", "1-1"]) };
    let changes = details(&[package("pa", "1-1", &["1-1"])], &[], &[rebuilt]);
    assert_eq!(entries(&changes[0]), ["1-1+b1"]);
}

#[test]
fn a_source_is_not_new_when_only_a_package_of_it_is_nor_gone_with_one() {
    let binary =
        |name, version, changelog| Package { source: Some("src"), ..package(name, version, changelog) };
    let steps = |changes: &[SourceChange]| {
        let version = |version: &Option<Version>| version.as_ref().map(ToString::to_string);
        let change = &changes[0];
        let package = &change.packages[0];
        assert!(changes.len() == 1 && change.packages.len() == 1);
        assert!(package.before.is_none() || package.after.is_none());
        (version(&change.before), version(&change.after), entries(change).join(" "))
    };
    let there = [binary("pa", "1", &["1"]), package("other", "9", &[])];
    let one = Some("1".to_owned());
    let added = details(&there, &[], &[binary("pb", "1", &["1"])]);
    assert_eq!(steps(&added), (one.clone(), one.clone(), String::new()));
    let added = details(&there, &[], &[binary("pb", "3", &["3", "2", "1"])]);
    assert_eq!(steps(&added), (one.clone(), Some("3".to_owned()), "3 2".to_owned()));
    let removed = details(&[binary("pa", "1", &[]), binary("pb", "1", &[])], &["pb"], &[]);
    assert_eq!(steps(&removed), (one.clone(), one, String::new()));
}

#[test]
fn conffiles_that_stay_are_compared_by_what_is_in_them() {
    let fixture = Fixture::new();
    let build = |version: &str, shape: &dyn Fn(Builder) -> Builder| {
        let (name, architecture) = (PackageName::parse("pa"), Architecture::parse("all"));
        let builder = Builder::new(name.unwrap(), Version::parse(version).unwrap(), architecture.unwrap());
        let path = fixture.store.root().join(format!("../pa_{version}.deb"));
        std::fs::write(&path, shape(builder).build().unwrap()).unwrap();
        path
    };
    let with = |builder: Builder, files: &[(&str, &str)]| {
        files.iter().fold(builder, |builder, (path, text)| builder.file(*path, *text, 0o644).conffile(*path))
    };
    let snapshot = |file| {
        fixture.add(&[file]);
        let head = fixture.store.head(&fixture.preprod.name).unwrap().unwrap();
        head.snapshot(&suite("trixie")).unwrap()
    };
    let before = snapshot(build("1", &|builder| {
        with(builder.file("etc/z", "z", 0o644), &[("etc/a", "1"), ("etc/b", "1"), ("etc/c", "1")])
    }));
    let after = snapshot(build("2", &|builder| {
        with(builder.file("etc/c", "2", 0o644), &[("etc/a", "2"), ("etc/b", "1"), ("etc/z", "y")])
    }));
    let contents = &fixture.store.details(&before, &after, &context(1)).unwrap()[0].packages[0].contents;
    assert_eq!(contents.conffiles_changed, ["/etc/a"]);
    assert_eq!(contents.conffiles.added, ["/etc/z"]);
    assert_eq!(contents.conffiles.removed, ["/etc/c"]);
}

#[test]
fn the_entry_that_a_backport_is_made_of_is_told_and_what_the_one_before_was_made_of_is_not() {
    let before = package("pa", "1.1-1~acme1", &["1.1-1~acme1", "1.1-1", "1.0-1"]);
    let after = package("pa", "1.3-1~acme1", &["1.3-1~acme1", "1.3-1", "1.2-1", "1.1-1", "1.0-1"]);
    let changes = details(&[before], &[], &[after]);
    assert_eq!(entries(&changes[0]), ["1.3-1~acme1", "1.3-1", "1.2-1"]);
    assert!(changes[0].changelog_complete);
    let after = package("pa", "1.1-1~acme1", &["1.1-1~acme1", "1.1-1"]);
    let changes = details(&[package("pa", "1.1-1", &["1.1-1"])], &["pa"], &[after]);
    assert_eq!((entries(&changes[0]), changes[0].changelog_complete), (vec![], true));
}

#[test]
fn a_new_package_of_a_backport_does_not_bring_back_what_was_told_before() {
    let binary =
        |name, version, changelog| Package { source: Some("src"), ..package(name, version, changelog) };
    let before = binary("pa", "1.1-1~acme1", &["1.1-1~acme1", "1.1-1", "1.0-1"]);
    let now = ["1.3-1~acme1", "1.3-1", "1.2-1", "1.1-1", "1.0-1"];
    let after = [binary("pa", "1.3-1~acme1", &now), binary("pb", "1.3-1~acme1", &now)];
    let changes = details(&[before], &[], &after);
    assert_eq!(entries(&changes[0]), ["1.3-1~acme1", "1.3-1", "1.2-1"]);
    assert!(changes[0].changelog_complete);
}

#[test]
fn a_package_that_was_ahead_of_the_others_hides_no_entry() {
    let binary =
        |name, version, changelog| Package { source: Some("src"), ..package(name, version, changelog) };
    let there = [binary("pa", "1", &["1"]), binary("pb", "2", &["2", "1"])];
    let now = ["3", "2", "1"];
    let changes = details(&there, &[], &[binary("pa", "3", &now), binary("pb", "3", &now)]);
    assert_eq!(entries(&changes[0]), ["3", "2"]);
}

#[test]
fn an_entry_for_an_older_release_does_not_end_the_list() {
    let after = || package("pa", "2.2-1", &["2.2-1", "1.9-5", "2.1-2", "2.1-1", "2.0-1"]);
    let changes = details(&[package("pa", "2.1-1", &["2.1-1", "2.0-1"])], &[], &[after()]);
    assert_eq!(
        (entries(&changes[0]), changes[0].changelog_complete),
        (vec!["2.2-1", "1.9-5", "2.1-2"], true)
    );
    // Who has nothing to go by but the version stops there, also where the changelog begins again.
    for told in [&[][..], &["1.0-1"]] {
        let changes = details(&[package("pa", "2.1-1", told)], &[], &[after()]);
        assert_eq!((entries(&changes[0]), changes[0].changelog_complete), (vec!["2.2-1"], true));
    }
}

#[test]
fn of_a_new_package_only_the_newest_entry_is_told_and_of_an_older_one_none() {
    let changes = details(&[], &[], &[package("pa", "3", &["3", "2", "1"])]);
    assert_eq!((entries(&changes[0]), changes[0].changelog_complete), (vec!["3"], true));
    let changes = details(&[package("pa", "3", &["3", "2"])], &["pa"], &[package("pa", "2", &["2"])]);
    assert_eq!((entries(&changes[0]), changes[0].changelog_complete), (vec![], true));
    let changes = details(&[package("pa", "3", &["3"])], &["pa"], &[]);
    assert_eq!((changes[0].after.as_ref(), entries(&changes[0]).len()), (None, 0));
}

#[test]
fn a_changelog_that_is_missing_is_no_complete_one() {
    let changes = details(&[package("pa", "1", &["1"])], &[], &[package("pa", "3", &[])]);
    assert!(!changes[0].changelog_complete);
}

/// A package over a limit, or that cannot be unpacked, is named; the others are compared.
#[test]
fn one_package_over_a_limit_does_not_keep_the_others_from_being_compared() {
    let fixture = Fixture::new();
    let big = |version: &str| fixture.package("big", version, "amd64", &"x".repeat(100_000));
    let small = |version: &str| fixture.package("small", version, "amd64", version);
    let snapshot =
        || fixture.store.head(&fixture.preprod.name).unwrap().unwrap().snapshot(&suite("trixie")).unwrap();
    fixture.add(&[big("1"), small("1")]);
    let before = snapshot();
    fixture.add(&[big("2"), small("2")]);
    let after = snapshot();
    let compare = |limits: Limits| {
        let store = Store::open(fixture.store.root()).unwrap().with_limits(limits);
        let changes = store.details(&before, &after, &context(1)).unwrap();
        let packages = changes.into_iter().flat_map(|change| change.packages);
        packages.map(|change| (change.package.to_string(), change.contents_unknown)).collect::<Vec<_>>()
    };
    let reason =
        "data.tar.xz: more than 20000 bytes of the unpacked data archive, which is the limit".to_owned();
    let small = ("small".to_owned(), None);
    assert_eq!(
        compare(Limits::default().with_data_unpacked(20_000)),
        [("big".to_owned(), Some(reason)), small.clone()]
    );
    assert_eq!(compare(Limits::default()), [("big".to_owned(), None), small]);
}
