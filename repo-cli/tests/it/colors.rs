//! Colours on a terminal, and nowhere else unless they are asked for.

use std::process::Stdio;

use testkit::{Environment, Output};

use crate::{PROGRAM, store};

const ESCAPE: char = '\u{1b}';

/// The program on a terminal that has colours, with more variables in its environment; `None` without `script`.
fn on_color_terminal(environment: &Environment, line: &str, variables: &[(&str, &str)]) -> Option<Output> {
    if !testkit::all_installed(&["script"]) {
        return None;
    }
    let mut command = environment.other(&["script", "-qec", &format!("{PROGRAM} {line}"), "/dev/null"]);
    command.env("TERM", "xterm").envs(variables.iter().copied()).stdin(Stdio::null());
    Some(environment.finish(&mut command))
}

#[test]
fn names_are_bold_and_actions_are_in_the_colours_of_apt() {
    let environment = store();
    environment.add("preprod", &["hello=1.0", "old=1.0"]);
    let run = |arguments: &[&str]| {
        let shown = environment.run(&[&["--color", "always"], arguments].concat());
        format!("{}{}", shown.stdout, shown.stderr).replace(ESCAPE, "^")
    };
    let promote = ["promote", "--all", "--from", "preprod", "--to", "prod"];
    let text = run(&promote);
    assert!(text.contains("^[1mhello^[0m    1.0      all "), "{text}");
    assert!(text.contains("bookworm  ^[32madd^[0m\n"), "{text}");
    assert!(run(&["remove", "prod", "old", "--dry-run"]).contains("^[31mremove^[0m"));
    let file = environment.package("hello", "1.1", "all");
    let text = run(&["add", "preprod", file.as_str()]);
    assert!(text.starts_with("^[32madded^[0m ^[1mhello^[0m 1.1 all -> bookworm"), "{text}");
    let text = run(&["promote", "hello", "--from", "preprod", "--to", "prod"]);
    assert!(text.contains("^[33mupgrade^[0m"), "{text}");
    assert!(run(&["list", "prod"]).contains("\n^[1mhello^[0m    1.0 "));
    let text = run(&["list", "prdo"]);
    assert!(text.contains("^[31merror:^[0m no repository"), "{text}");
    // What comes from packages stays escaped.
    let text = run(&["list", "a^\u{1b}[31m"]);
    assert!(text.contains("\\u{1b}[31m"), "{text}");
}

#[test]
fn colors_are_for_terminals_and_obey_no_color() {
    let environment = store();
    environment.add("preprod", &["hello=1.0"]);
    let is_colored = |text: &str| text.contains(ESCAPE);
    assert!(!is_colored(&environment.run(&["list", "preprod"]).stdout));
    assert!(!is_colored(&environment.run(&["lits"]).stderr));
    assert!(!is_colored(&environment.run(&["--json", "--color", "always", "list", "preprod"]).stdout));
    for (line, variables, colored) in [
        ("list preprod", &[][..], true),
        ("--help", &[], true),
        ("list preprod --color never", &[], false),
        ("--color=never --help", &[], false),
        ("list preprod", &[("NO_COLOR", "1")], false),
        ("list preprod", &[("NO_COLOR", "")], true),
        ("list preprod", &[("TERM", "dumb")], false),
        ("list preprod --color always", &[("NO_COLOR", "1")], true),
        ("list preprod --json", &[], false),
    ] {
        let Some(shown) = on_color_terminal(&environment, line, variables) else { return };
        assert_eq!(is_colored(&shown.stdout), colored, "{line} {variables:?}: {shown}");
    }
}
