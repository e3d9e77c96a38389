//! What was found, as programs that show the results of tests read it.

use std::collections::BTreeMap;
use std::fmt;

use super::{CheckJson, NOT_DECIDED};
use crate::output::count;

/// The cases of one suite and one kind of machine, each with its name.
#[derive(Default)]
struct Cases<'a> {
    passed: Option<String>,
    /// With the reason.
    failed: Vec<(String, &'a str)>,
    skipped: Option<String>,
}

/// Returns the lines of the document: a suite of tests for each suite and architecture, and one for the sources of a suite, with a case for each
/// package that was not found to be installable and for each problem, and one for all the other packages.
pub(super) fn lines(check: &CheckJson<'_>) -> Vec<String> {
    let mut lines = vec!["<?xml version=\"1.0\" encoding=\"UTF-8\"?>".to_owned(), "<testsuites>".to_owned()];
    for ((suite, architecture), cases) in cases(check) {
        let name = Quoted(&format!("{} {suite} {architecture}", check.state)).to_string();
        let (passed, skipped) = (usize::from(cases.passed.is_some()), usize::from(cases.skipped.is_some()));
        let failures = cases.failed.len();
        let (tests, skips) = (
            passed + failures + skipped,
            match skipped {
                0 => String::new(),
                number => format!(" skipped=\"{number}\""),
            },
        );
        lines.push(format!("  <testsuite name={name} tests=\"{tests}\" failures=\"{failures}\"{skips}>"));
        lines.extend(
            cases.passed.map(|case| format!("    <testcase classname={name} name={}/>", Quoted(&case))),
        );
        for (case, reason) in cases.failed {
            lines.push(format!("    <testcase classname={name} name={}>", Quoted(&case)));
            lines.push(format!("      <failure message={}/>", Quoted(reason)));
            lines.push("    </testcase>".to_owned());
        }
        if let Some(case) = cases.skipped {
            lines.push(format!("    <testcase classname={name} name={}>", Quoted(&case)));
            lines.push("      <skipped message=\"it has no packages\"/>".to_owned());
            lines.push("    </testcase>".to_owned());
        }
        lines.push("  </testsuite>".to_owned());
    }
    lines.push("</testsuites>".to_owned());
    lines
}

/// Sorts what is in the document by suite and architecture.
fn cases<'a>(check: &'a CheckJson<'_>) -> BTreeMap<(&'a str, &'a str), Cases<'a>> {
    let mut all: BTreeMap<(&str, &str), Cases<'_>> = BTreeMap::new();
    for one in check.checked {
        let cases = all.entry((&one.suite, &one.architecture)).or_default();
        cases.passed = Some(format!("{} can be installed", count(one.installable, "package")));
        cases.failed.extend(one.essential.iter().map(|reason| ("essential packages".to_owned(), &**reason)));
    }
    for one in check.findings {
        let reason = one.reason.as_deref().unwrap_or(NOT_DECIDED);
        for suite in &one.suites {
            let cases = all.entry((suite, &one.architecture)).or_default();
            cases.failed.push((format!("{} {}", one.package, one.version), reason));
        }
    }
    for one in check.problems {
        for suite in &one.suites {
            all.entry((suite, &one.architecture)).or_default().failed.push((one.title(), &one.reason));
        }
    }
    for one in check.untried {
        let cases = all.entry((&one.suite, &one.architecture)).or_default();
        cases.skipped = Some(format!("upgrade from {}", check.upgrade_from.unwrap_or_default()));
    }
    all
}

/// A text as the value of an attribute.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"")?;
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                // XML has no form for these.
                c if c.is_control() => f.write_str(" ")?,
                c => write!(f, "{c}")?,
            }
        }
        f.write_str("\"")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{CheckedJson, UninstallableJson};
    use super::*;
    use crate::cmd::check::problem::PackageProblemJson;

    fn suites() -> impl Strategy<Value = Vec<String>> {
        prop::sample::subsequence(vec!["bookworm".to_owned(), "trixie".to_owned()], 1..=2)
    }

    fn architecture() -> impl Strategy<Value = String> {
        prop::sample::select(vec!["amd64".to_owned(), "arm64".to_owned(), "source".to_owned()])
    }

    proptest! {
        /// What `check` prints as a row, or names in its document, a CI system sees as a failure.
        #[test]
        fn every_finding_is_a_failure(
            essential in prop::option::of(Just("aa 1 conflicts with bb 1".to_owned())),
            findings in prop::collection::vec((suites(), architecture(), prop::option::of(Just("why".to_owned()))), 0..4),
            problems in prop::collection::vec((suites(), architecture()), 0..4),
        ) {
            let checked = [CheckedJson {
                architecture: "amd64".to_owned(),
                bases: Vec::new(),
                faults: Vec::new(),
                essential,
                installable: 1,
                suite: "bookworm".to_owned(),
                superseded: 0,
            }];
            let findings: Vec<_> = findings.into_iter().enumerate().map(|(at, (suites, architecture, reason))| {
                let (package, version) = (format!("finding{at}"), "1".to_owned());
                UninstallableJson { architecture, package, reason, suites, verdict: "broken", version }
            }).collect();
            let problems: Vec<_> = problems.into_iter().enumerate().map(|(at, (suites, architecture))| PackageProblemJson {
                architecture,
                from: "prod".to_owned(),
                other: None,
                package: format!("problem{at}"),
                problem: "removed",
                reason: "why".to_owned(),
                suites,
                version: "1".to_owned(),
            }).collect();
            let check = CheckJson {
                against: None,
                checked: &checked,
                findings: &findings,
                problems: &problems,
                state: "prod",
                untried: &[],
                upgrade_from: None,
                view: "newest",
            };
            let text = lines(&check).join("\n");
            let rows = findings.iter().map(|one| (&one.package, &one.suites, &one.architecture));
            let rows = rows.chain(problems.iter().map(|one| (&one.package, &one.suites, &one.architecture)));
            let mut expected = usize::from(checked[0].essential.is_some());
            for (package, suites, architecture) in rows {
                for suite in suites {
                    let start = format!("<testcase classname=\"prod {suite} {architecture}\" name=\"{package} 1");
                    prop_assert!(text.contains(&start), "{start}\n{text}");
                    expected += 1;
                }
            }
            prop_assert_eq!(text.matches("<failure").count(), expected);
        }
    }

    #[test]
    fn what_means_something_in_xml_is_written_so_that_it_does_not() {
        assert_eq!(Quoted("a (<< 2) & \"b\"\n").to_string(), "\"a (&lt;&lt; 2) &amp; &quot;b&quot; \"");
    }
}
