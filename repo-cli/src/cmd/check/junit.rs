//! What was found, as programs that show the results of tests read it.

use std::fmt;

use super::{Findings, NOT_DECIDED};

/// Returns the lines of the document: a suite of tests for each suite and architecture, with a case for each package that was not found to be
/// installable, and one for all the others.
pub(super) fn lines(findings: &Findings, state: &str) -> Vec<String> {
    let mut lines = vec!["<?xml version=\"1.0\" encoding=\"UTF-8\"?>".to_owned(), "<testsuites>".to_owned()];
    for checked in &findings.checked {
        let own = findings.suites.iter().filter(|((_, _, architecture, _), suites)| {
            *architecture == checked.architecture
                && suites.iter().any(|suite| suite.as_str() == checked.suite)
        });
        let failed: Vec<_> = own.collect();
        let name = Quoted(&format!("{state} {} {}", checked.suite, checked.architecture)).to_string();
        let problems: Vec<_> = findings.problems.of(&checked.suite, &checked.architecture).collect();
        let failures = failed.len() + problems.len() + usize::from(checked.essential.is_some());
        lines.push(format!("  <testsuite name={name} tests=\"{}\" failures=\"{failures}\">", failures + 1));
        let others = Quoted(&format!("{} packages can be installed", checked.installable)).to_string();
        lines.push(format!("    <testcase classname={name} name={others}/>"));
        if let Some(reason) = &checked.essential {
            lines.extend(case(&name, "essential packages", reason));
        }
        for ((package, version, _, reason), _) in failed {
            let reason = reason.as_deref().unwrap_or(NOT_DECIDED);
            lines.extend(case(&name, &format!("{package} {version}"), reason));
        }
        for problem in problems {
            lines.extend(case(&name, &problem.title(), problem.reason()));
        }
        lines.push("  </testsuite>".to_owned());
    }
    lines.push("</testsuites>".to_owned());
    lines
}

fn case(class: &str, name: &str, reason: &str) -> [String; 3] {
    [
        format!("    <testcase classname={class} name={}>", Quoted(name)),
        format!("      <failure message={}/>", Quoted(reason)),
        "    </testcase>".to_owned(),
    ]
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
    use super::*;

    #[test]
    fn what_means_something_in_xml_is_written_so_that_it_does_not() {
        assert_eq!(Quoted("a (<< 2) & \"b\"\n").to_string(), "\"a (&lt;&lt; 2) &amp; &quot;b&quot; \"");
    }
}
