//! What monitoring systems read.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::Subject;

/// One line as the guidelines for Nagios plugins have it: `STATE - text | 'label'=value …`.
pub(super) fn nagios(subjects: &[Subject]) -> String {
    let needing: Vec<&Subject> = subjects.iter().filter(|subject| subject.needs_a_person()).collect();
    let state = if needing.is_empty() { "OK" } else { "WARNING" };
    let text = if needing.is_empty() {
        "all is well".to_owned()
    } else {
        let texts = needing.iter().map(|subject| format!("{}: {}", subject.subject, subject.summary()));
        texts.collect::<Vec<_>>().join("; ")
    };
    // A bar begins the performance data.
    let mut line = format!("{state} - {}", text.replace('|', "/"));
    let mut begin = " |";
    for subject in subjects {
        for (name, value) in &subject.figures {
            let _ = write!(line, "{begin} '{} {name}'={value}", subject.subject.replace(['\'', '='], "_"));
            begin = "";
        }
    }
    line
}

/// The line for a store that cannot be opened.
pub(super) fn nagios_critical(store: &Subject) -> String {
    format!("CRITICAL - {}", store.summary().replace(['|', '\n'], "/"))
}

/// Metrics in the text format of Prometheus, each kind of metric together.
pub(super) fn prometheus(subjects: &[Subject]) -> Vec<String> {
    let mut lines = vec![
        "# HELP repo_attention Whether something needs a person.".to_owned(),
        "# TYPE repo_attention gauge".to_owned(),
    ];
    for subject in subjects {
        let value = u8::from(subject.needs_a_person());
        lines.push(format!(
            "repo_attention{{kind=\"{}\",{}}} {value}",
            subject.kind.as_str(),
            label(subject)
        ));
    }
    let mut metrics: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for subject in subjects {
        for (name, value) in &subject.figures {
            let name = format!("repo_{}_{name}", subject.kind.as_str());
            let line = format!("{name}{{{}}} {value}", label(subject));
            metrics.entry(name).or_default().push(line);
        }
    }
    for (name, of_subjects) in metrics {
        lines.push(format!("# TYPE {name} gauge"));
        lines.extend(of_subjects);
    }
    lines
}

fn label(subject: &Subject) -> String {
    let value = subject.subject.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    format!("subject=\"{value}\"")
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::super::Kind;
    use super::*;

    fn subjects() -> Vec<Subject> {
        let mut prod = Subject::new(Kind::Repository, "prod");
        prod.figure("package_files", 96);
        prod.figure("published_seconds", 1_764_000_000);
        let mut preprod = Subject::new(Kind::Repository, "preprod");
        preprod.figure("package_files", 99);
        preprod.attention("never | published", Some("repo-cli publish preprod".to_owned()));
        vec![prod, preprod, Subject::new(Kind::Channel, "preprod -> \"prod\"")]
    }

    #[test]
    fn nagios_gets_one_line() {
        assert_snapshot!(nagios(&subjects()), @"WARNING - preprod: never / published (repo-cli publish preprod) | 'prod package_files'=96 'prod published_seconds'=1764000000 'preprod package_files'=99");
        assert_snapshot!(nagios(&[Subject::new(Kind::Keys, "keys")]), @"OK - all is well");
    }

    #[test]
    fn prometheus_gets_each_metric_in_one_group() {
        assert_snapshot!(prometheus(&subjects()).join("\n"), @r#"
        # HELP repo_attention Whether something needs a person.
        # TYPE repo_attention gauge
        repo_attention{kind="repository",subject="prod"} 0
        repo_attention{kind="repository",subject="preprod"} 1
        repo_attention{kind="channel",subject="preprod -> \"prod\""} 0
        # TYPE repo_repository_package_files gauge
        repo_repository_package_files{subject="prod"} 96
        repo_repository_package_files{subject="preprod"} 99
        # TYPE repo_repository_published_seconds gauge
        repo_repository_published_seconds{subject="prod"} 1764000000
        "#);
    }
}
