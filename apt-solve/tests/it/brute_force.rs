//! Random small universes, solved by trying every set of packages.

use apt_solve::{Checker, Limits, Universe, Verdict, View};
use deb_parse::relation::{Operator, Relations};
use deb_parse::{Architecture, Version};
use proptest::prelude::*;
use std::fmt::Write as _;

const NAMES: [&str; 5] = ["aa", "bb", "cc", "dd", "ee"];

/// A package as the test sees it: the rules are written again here, straight from deb-control(5) and the multi-arch
/// specification.
#[derive(Clone, Debug)]
struct Package {
    name: &'static str,
    version: u8,
    architecture: &'static str,
    multi_arch: &'static str,
    essential: bool,
    depends: String,
    conflicts: String,
    provides: String,
}

impl Package {
    fn paragraph(&self) -> String {
        let mut text = format!("Package: {}\nVersion: {}\n", self.name, self.version);
        writeln!(text, "Architecture: {}\nMulti-Arch: {}", self.architecture, self.multi_arch).unwrap();
        for (field, value) in
            [("Depends", &self.depends), ("Conflicts", &self.conflicts), ("Provides", &self.provides)]
        {
            if !value.is_empty() {
                writeln!(text, "{field}: {value}").unwrap();
            }
        }
        let essential = if self.essential { "Essential: yes\n" } else { "" };
        format!("{text}{essential}\n")
    }

    /// `all` counts as the native architecture.
    fn arch(&self) -> &str {
        if self.architecture == "all" { "amd64" } else { self.architecture }
    }
}

fn is_met(wanted: &deb_parse::relation::Relation, holder: &Package, by: &Package, is_conflict: bool) -> bool {
    let in_scope = match wanted.qualifier.as_deref() {
        Some("any") => by.multi_arch == "allowed",
        Some(architecture) => by.arch() == architecture,
        None => is_conflict || by.multi_arch == "foreign" || by.arch() == holder.arch(),
    };
    let allows = |operator: Operator, version: &Version, have: &str| {
        operator.allows(Version::parse(have).unwrap().cmp(version))
    };
    let real = &*wanted.name == by.name
        && wanted.version.as_ref().is_none_or(|(op, version)| allows(*op, version, &by.version.to_string()));
    let provided: Relations = by.provides.parse().unwrap();
    let virtually = provided.all().iter().flatten().any(|provided| {
        provided.name == wanted.name
            && match (&wanted.version, &provided.version) {
                (None, _) => true,
                (Some(_), None) => false,
                (Some((op, version)), Some((_, have))) => allows(*op, version, have.as_str()),
            }
    });
    in_scope && (real || virtually)
}

fn is_consistent(set: &[&Package]) -> bool {
    set.iter().all(|one| {
        let depends: Relations = one.depends.parse().unwrap();
        let conflicts: Relations = one.conflicts.parse().unwrap();
        let met =
            |wanted: &deb_parse::relation::Relation| set.iter().any(|by| is_met(wanted, one, by, false));
        let hit = |wanted: &deb_parse::relation::Relation| {
            set.iter().any(|by| by.name != one.name && is_met(wanted, one, by, true))
        };
        let is_beside = |other: &&&Package| {
            std::ptr::eq(**other, *one)
                || other.name != one.name
                || (other.arch() != one.arch()
                    && other.version == one.version
                    && one.multi_arch == "same"
                    && other.multi_arch == "same")
        };
        depends.all().iter().all(|clause| clause.iter().any(met))
            && !conflicts.all().iter().flatten().any(hit)
            && set.iter().filter(|other| !is_beside(other)).count() == 0
    })
}

/// The packages of the view: in each name and architecture the newest, the first of equal ones.
fn in_view(packages: &[Package], view: View) -> Vec<usize> {
    let is_newest = |at: &usize| {
        let one = &packages[*at];
        !packages.iter().enumerate().any(|(other_at, other)| {
            let same = other.name == one.name && other.arch() == one.arch();
            same && (other.version > one.version || other.version == one.version && other_at < *at)
        })
    };
    (0..packages.len()).filter(|at| view == View::AllVersions || is_newest(at)).collect()
}

/// Returns whether `wanted` is in a consistent set that has a version of each essential name.
fn is_installable(
    packages: &[Package],
    candidates: &[usize],
    wanted: Option<usize>,
    essential: &[&str],
) -> bool {
    (0u32..1 << candidates.len()).any(|bits| {
        let chosen: Vec<_> = candidates.iter().enumerate().filter(|(at, _)| bits >> at & 1 == 1).collect();
        let set: Vec<&Package> = chosen.iter().map(|(_, at)| &packages[**at]).collect();
        wanted.is_none_or(|wanted| chosen.iter().any(|(_, at)| **at == wanted))
            && essential.iter().all(|name| set.iter().any(|one| one.name == *name && one.arch() == "amd64"))
            && is_consistent(&set)
    })
}

fn relation() -> impl Strategy<Value = String> {
    let name = prop::sample::select(&["aa", "bb", "cc", "dd", "ee", "vv"][..]);
    let qualifier = prop::sample::select(&["", "", "", "", ":any", ":i386"][..]);
    let version = prop::sample::select(&["", "", "", " (>= 2)", " (<< 2)", " (= 1)"][..]);
    (name, qualifier, version).prop_map(|(name, qualifier, version)| format!("{name}{qualifier}{version}"))
}

fn list(separator: &'static str, most: usize) -> impl Strategy<Value = String> {
    prop::collection::vec(relation(), 0..=most).prop_map(move |all| all.join(separator))
}

fn package() -> impl Strategy<Value = Package> {
    let clause = prop::collection::vec(relation(), 1..3).prop_map(|all| all.join(" | "));
    let depends = prop::collection::vec(clause, 0..3).prop_map(|all| all.join(", "));
    let provides = prop::sample::select(&["", "", "vv", "vv (= 1)", "vv (= 2), ee"][..]);
    let architecture = prop::sample::select(&["amd64", "amd64", "i386", "all"][..]);
    let multi_arch = prop::sample::select(&["no", "no", "same", "foreign", "allowed"][..]);
    let name = prop::sample::select(&NAMES[..]);
    let essential = prop::bool::weighted(0.1);
    (name, 1u8..4, architecture, multi_arch, essential, depends, list(", ", 2), provides).prop_map(
        |(name, version, architecture, multi_arch, essential, depends, conflicts, provides)| Package {
            name,
            version,
            architecture,
            // dpkg does not allow `same` there.
            multi_arch: if architecture == "all" && multi_arch == "same" { "no" } else { multi_arch },
            essential: essential && architecture != "i386",
            depends,
            conflicts,
            provides: provides.to_owned(),
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn verdicts_are_those_of_trying_every_set(packages in prop::collection::vec(package(), 1..8)) {
        let mut builder = Universe::builder(&Architecture::parse("amd64").unwrap());
        builder.add_foreign(&Architecture::parse("i386").unwrap());
        let source = builder.add_source("suite");
        let text: String = packages.iter().map(Package::paragraph).collect();
        builder.read(source, text.as_bytes()).unwrap();
        let universe = builder.build();
        for view in [View::Newest, View::AllVersions] {
            let candidates = in_view(&packages, view);
            let names = candidates.iter().map(|at| &packages[*at]);
            let mut essential: Vec<_> = names.filter(|one| one.essential).map(|one| one.name).collect();
            let checker = Checker::new(&universe, view, Limits::default());
            let report = checker.source(source);
            let is_whole = is_installable(&packages, &candidates, None, &essential);
            prop_assert_eq!(report.essential.is_none(), is_whole, "{}", text);
            if !is_whole {
                essential.clear();
            }
            for (at, id) in universe.packages_of(source).enumerate() {
                let expected = candidates.contains(&at)
                    .then(|| is_installable(&packages, &candidates, Some(at), &essential));
                let given = match checker.package(id) {
                    Verdict::Installable => Some(true),
                    Verdict::Broken(reason) => {
                        prop_assert!(!reason.facts().is_empty());
                        Some(false)
                    }
                    Verdict::Superseded(_) => None,
                    other => panic!("{other:?}"),
                };
                prop_assert_eq!(given, expected, "{:?} {}\n{}", view, at, text);
                let is_found = report.findings.iter().any(|finding| finding.id == id);
                prop_assert_eq!(is_found, expected == Some(false), "{:?} {}\n{}", view, at, text);
            }
        }
    }
}
