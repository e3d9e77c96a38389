//! What was found, and how it is told.

use std::fmt;

use apt_fetch::{Suite, Url};
use serde::Serialize;

use super::Checked;
use crate::error::Outcome;
use crate::json_value::{JsonDocument, Text};
use crate::output::{Output, RowLimit, Style, count};

/// How bad it is: an error when clients fail or do not see what they should, a warning when some do, or all do soon, or when it costs more
/// than it need, and a note when it is good to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub(super) enum Severity {
    Error,
    Warning,
    Note,
}

impl Severity {
    fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// One thing that was found in a published repository.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "FindingInRepository"))]
pub(super) struct Finding {
    /// The name of the check, which stays the same
    check: &'static str,
    /// What clients print; null when they print nothing
    client: Option<String>,
    /// How to mend it; null when there is nothing to mend
    mend: Option<String>,
    /// The address of the file that it is about
    place: String,
    /// How bad it is
    severity: Severity,
    /// The suite
    suite: String,
    /// What is wrong
    what: String,
}

impl Finding {
    /// Adds what a client prints.
    pub(super) fn client(&mut self, text: impl Into<String>) -> &mut Self {
        self.client = Some(text.into());
        self
    }

    /// Adds how to mend it.
    pub(super) fn mend(&mut self, text: impl Into<String>) -> &mut Self {
        self.mend = Some(text.into());
        self
    }

    pub(super) fn needs_a_person(&self) -> bool {
        self.severity != Severity::Note
    }
}

/// What was found in a suite so far.
#[derive(Debug)]
pub(super) struct Findings {
    suite: String,
    list: Vec<Finding>,
}

impl Findings {
    pub(super) fn new(suite: &Suite) -> Self {
        Self { suite: suite.to_string(), list: Vec::new() }
    }

    /// Adds something that makes clients fail.
    pub(super) fn error(
        &mut self,
        check: &'static str,
        place: impl fmt::Display,
        what: impl Into<String>,
    ) -> &mut Finding {
        self.add(Severity::Error, check, place, what)
    }

    /// Adds something that makes some clients fail, or costs more than it need.
    pub(super) fn warning(
        &mut self,
        check: &'static str,
        place: impl fmt::Display,
        what: impl Into<String>,
    ) -> &mut Finding {
        self.add(Severity::Warning, check, place, what)
    }

    /// Adds something that is good to know.
    pub(super) fn note(
        &mut self,
        check: &'static str,
        place: impl fmt::Display,
        what: impl Into<String>,
    ) -> &mut Finding {
        self.add(Severity::Note, check, place, what)
    }

    pub(super) fn add(
        &mut self,
        severity: Severity,
        check: &'static str,
        place: impl fmt::Display,
        what: impl Into<String>,
    ) -> &mut Finding {
        let (place, suite, what) = (place.to_string(), self.suite.clone(), what.into());
        self.list.push(Finding { check, client: None, mend: None, place, severity, suite, what });
        self.list.last_mut().unwrap_or_else(|| unreachable!("something was just put there"))
    }

    /// Adds those of a part.
    pub(super) fn append(&mut self, mut part: Self) {
        self.list.append(&mut part.list);
    }

    /// Returns all of them, the worst first.
    pub(super) fn into_list(mut self) -> Vec<Finding> {
        self.list.sort_by_key(|finding| finding.severity);
        self.list
    }
}

/// The document of `doctor`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct DoctorJson<'a> {
    /// The address of the repository, without user and password
    #[cfg_attr(test, schemars(with = "String"))]
    address: Text<&'a Url>,
    /// What was looked at
    checked: ExaminedJson,
    /// What was found, by suites; the worst first in each
    findings: &'a [Finding],
    /// How many findings there are
    number: NumberJson,
    /// The suites that were looked at
    suites: &'a [String],
}

impl JsonDocument for DoctorJson<'_> {}

/// How many findings there are of each severity.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct NumberJson {
    /// Errors
    errors: usize,
    /// Notes
    notes: usize,
    /// Warnings
    warnings: usize,
}

/// How much was looked at.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct ExaminedJson {
    /// Package files that were compared with the index
    files: usize,
    /// Files of indices that were compared with the Release
    indices: usize,
    /// Package files that the indices list
    listed: usize,
}

fn number(found: &[Finding], severity: Severity) -> usize {
    found.iter().filter(|finding| finding.severity == severity).count()
}

/// Prints what was found.
pub(super) fn print(
    address: &Url,
    suites: &[String],
    found: &[Finding],
    checked: Checked,
    limit: RowLimit,
    output: &Output,
) {
    let (errors, warnings) = (number(found, Severity::Error), number(found, Severity::Warning));
    let Checked { indices, files, listed } = checked;
    let document = DoctorJson {
        address: Text(address),
        checked: ExaminedJson { files, indices, listed },
        findings: found,
        number: NumberJson { errors, notes: number(found, Severity::Note), warnings },
        suites,
    };
    output.result(&document, || {
        for finding in found.iter().take(limit.of(found.len())) {
            let style = if finding.severity == Severity::Error { Style::Removed } else { Style::Changed };
            let rest = format!(": {}: {}: {}", finding.suite, finding.place, finding.what);
            output.styled_line(&[(style, finding.severity.as_str()), (Style::Plain, &rest)]);
            if let Some(client) = &finding.client {
                output.line(&format!("    clients print: {client}"));
            }
            if let Some(mend) = &finding.mend {
                output.line(&format!("    to mend it: {mend}"));
            }
        }
        output.rest(limit, found.len(), "finding");
    });
    let result = match (errors, warnings) {
        (0, 0) => "all is well".to_owned(),
        _ => format!("{}, {}", count(errors, "error"), count(warnings, "warning")),
    };
    let indices = if indices == 1 { "1 index".to_owned() } else { format!("{indices} indices") };
    output.say(&format!(
        "checked {}, {indices}, {files} of {}: {result}",
        count(suites.len(), "suite"),
        count(listed, "package file")
    ));
}

/// One line as the guidelines for Nagios plugins have it.
pub(super) fn nagios(address: &Url, found: &[Finding]) -> String {
    let (errors, warnings) = (number(found, Severity::Error), number(found, Severity::Warning));
    let state = match (errors, warnings) {
        (0, 0) => "OK",
        (0, _) => "WARNING",
        _ => "CRITICAL",
    };
    let needing = found.iter().filter(|finding| finding.needs_a_person());
    let texts: Vec<String> = needing.map(|finding| format!("{}: {}", finding.suite, finding.what)).collect();
    let text = if texts.is_empty() { format!("{address} is well") } else { texts.join("; ") };
    // A bar begins the performance data.
    format!("{state} - {} | errors={errors} warnings={warnings}", text.replace(['|', '\n'], "/"))
}

/// The exit status that a monitoring system expects.
pub(super) fn nagios_outcome(found: &[Finding]) -> Outcome {
    match (number(found, Severity::Error), number(found, Severity::Warning)) {
        (0, 0) => Outcome::Done,
        (0, _) => Outcome::Refused,
        _ => Outcome::Critical,
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;

    #[test]
    fn a_monitoring_system_gets_the_worst_state_in_one_line() {
        let url = Url::parse("http://h/").unwrap();
        let mut findings = Findings::new(&Suite::Named("sid".to_owned()));
        findings.note("a", "x", "only | a note");
        assert_snapshot!(nagios(&url, &findings.list), @"OK - http://h/ is well | errors=0 warnings=0");
        findings.warning("b", "x", "slow | dear");
        assert_snapshot!(nagios(&url, &findings.list), @"WARNING - sid: slow / dear | errors=0 warnings=1");
        findings.error("c", "x", "gone").client("E: gone");
        let list = findings.into_list();
        assert_snapshot!(nagios(&url, &list), @"CRITICAL - sid: gone; sid: slow / dear | errors=1 warnings=1");
        assert_eq!(nagios_outcome(&list), Outcome::Critical);
    }
}
