//! Small universes with known answers. `tests/cases.txt` has them in three parts each: a title, the universe, and the
//! questions with their answers.

use crate::universe_text::{find, universe};
use apt_solve::{Checker, Limits, Verdict, View};

const CASES: &str = include_str!("../cases.txt");

/// One case: what stands after a line `== title`.
struct Case<'a> {
    title: &'a str,
    universe: &'a str,
    questions: &'a str,
}

fn cases() -> Vec<Case<'static>> {
    let parts = CASES.split("\n== ").skip(1);
    let cases = parts.map(|part| {
        let (title, rest) = part.split_once('\n').unwrap();
        let (universe, questions) = rest.split_once("\n--\n").unwrap_or_else(|| panic!("{title}: no `--`"));
        Case { title, universe, questions }
    });
    cases.collect()
}

/// Answers a question such as `newest aa bb`. The words before the names are a view and, if they are not implied,
/// `no-essential`.
fn answer(case: &Case<'_>, question: &str) -> String {
    let (universe, _) = universe(case.universe);
    let mut limits = Limits::default();
    let mut view = View::Newest;
    let mut packages = Vec::new();
    for word in question.split_ascii_whitespace() {
        match word {
            "newest" => view = View::Newest,
            "all" => view = View::AllVersions,
            "no-essential" => limits = limits.without_essential(),
            name => packages.push(find(&universe, name)),
        }
    }
    match Checker::new(&universe, view, limits).set(&packages) {
        Verdict::Installable => "ok".to_owned(),
        Verdict::Broken(reason) => reason.to_string(),
        Verdict::Superseded(by) => format!("superseded by {by}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn more_than_a_hundred_questions_have_the_known_answer_and_reason() {
    let mut wrong = Vec::new();
    let mut asked = 0;
    for case in cases() {
        for line in case.questions.lines().filter(|line| !line.trim().is_empty()) {
            let (question, expected) = line.split_once(" -> ").unwrap_or_else(|| panic!("{line}"));
            let given = answer(&case, question);
            asked += 1;
            if given != expected {
                wrong.push(format!(
                    "{}\n  {question}\n  expected: {expected}\n  given:    {given}",
                    case.title
                ));
            }
        }
    }
    assert!(asked > 100, "{asked} questions");
    assert!(wrong.is_empty(), "{} of {asked}\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn the_report_of_a_source_agrees_with_the_question_for_each_package() {
    for case in cases() {
        let (universe, source) = universe(case.universe);
        for view in [View::Newest, View::AllVersions] {
            let checker = Checker::new(&universe, view, Limits::default());
            let report = checker.source(source);
            for id in universe.packages_of(source) {
                let finding = report.findings.iter().find(|finding| finding.id == id);
                match (checker.package(id), finding) {
                    (Verdict::Installable | Verdict::Superseded(_), None) => {}
                    (Verdict::Broken(_), Some(finding)) => {
                        assert!(matches!(finding.verdict, Verdict::Broken(_)), "{}", case.title);
                    }
                    (verdict, finding) => panic!("{}: {verdict:?}, {finding:?}", case.title),
                }
            }
        }
    }
}
