//! Laws of the crate `apt-solve`: plain functions that panic where one is broken.

use apt_solve::{Checker, Limits, Universe, Verdict, View};
use deb_parse::Architecture;

use super::checks::{Law, check_line};

/// All laws by the names of their fuzz targets.
pub const LAWS: &[(&str, Law)] = &[("universe_check", universe_check)];

/// The text of a `Packages` file never makes the solver fail. The answers for a whole source are those for each package, and what can
/// be installed with the newest versions alone can be installed with all of them.
pub fn universe_check(bytes: &[u8]) {
    let architecture = |name| Architecture::parse(name).unwrap();
    let mut builder = Universe::builder(&architecture("amd64"));
    builder.add_foreign(&architecture("i386"));
    let source = builder.add_source("suite");
    if let Err(error) = builder.read(source, bytes) {
        check_line(&std::error::Error::source(&error).unwrap());
        return;
    }
    let universe = builder.build();
    if universe.len() > 30 {
        return;
    }
    let limits = Limits::default().with_steps(200_000);
    let [newest, all] =
        [View::Newest, View::AllVersions].map(|view| Checker::new(&universe, view, limits.clone()));
    for (checker, report) in [(&newest, newest.source(source)), (&all, all.source(source))] {
        for finding in &report.findings {
            if let Verdict::Broken(reason) = &finding.verdict {
                assert!(!reason.facts().is_empty());
                let text = reason.to_string();
                assert!(!text.contains(char::is_control), "{text:?}");
            }
        }
        for id in universe.packages_of(source) {
            let found =
                report.findings.iter().find(|finding| finding.id == id).map(|finding| &finding.verdict);
            match (checker.package(id), found) {
                (Verdict::Installable, Some(Verdict::Broken(_))) => panic!("{:?}", universe.label(id)),
                (Verdict::Broken(_), None) => panic!("{:?}", universe.label(id)),
                _ => {}
            }
        }
    }
    // If the newest version of a package is not essential, that version would have to be installed too.
    let limits = limits.without_essential();
    let [newest, all] =
        [View::Newest, View::AllVersions].map(|view| Checker::new(&universe, view, limits.clone()));
    for id in universe.packages_of(source) {
        if newest.package(id) == Verdict::Installable {
            assert!(!matches!(all.package(id), Verdict::Broken(_)), "{:?}", universe.label(id));
        }
    }
}
