//! Laws of the crate `apt-solve`: plain functions that panic where one is broken.

use apt_solve::status::{Fleet, Status};
use apt_solve::upgrade::Archives;
use apt_solve::{Checker, Limits, Universe, Verdict, View};
use deb_parse::Architecture;

use super::checks::{Law, check_line};

/// All laws by the names of their fuzz targets.
pub const LAWS: &[(&str, Law)] = &[("universe_check", universe_check), ("status_read", status_read)];

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

/// A status file never makes the reader or the upgrade fail. All packages of one that is read are in the universe, the machine is in the same state as one
/// with the same file, and what apt does keeps what is on hold.
pub fn status_read(bytes: &[u8]) {
    let status = match Status::read(bytes) {
        Ok(status) => status,
        Err(error) => return check_line(&error),
    };
    let mut fleet = Fleet::default();
    let state = fleet.add(&status);
    assert_eq!(fleet.add(&status), state);
    let kind = fleet.kind_of(state).unwrap();
    assert_eq!((fleet.kinds().len(), &kind.native), (1, status.native()));
    let mut builder = Universe::builder(&kind.native);
    kind.foreign.iter().for_each(|one| builder.add_foreign(one));
    let source = builder.add_source("machine");
    let machines = fleet.add_to(&mut builder, source, kind).unwrap();
    let universe = builder.build();
    let (_, machine) = machines.first().unwrap();
    assert_eq!(machine.installed().len(), status.len());
    if status.len() > 30 {
        return;
    }
    let archives = Archives::new(&universe, &universe.packages_of(source).collect());
    let plan = archives.upgrade(machine, &Limits::default().with_total_steps(200_000));
    // No archive has anything: either something is broken already, or nothing changes.
    assert!(plan.upgraded.is_empty() && plan.installed.is_empty() && plan.removed.is_empty());
    assert!(plan.kept_back.is_empty() && plan.held.is_empty());
}
