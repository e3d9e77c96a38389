//! `docs/cli.md`, written from the definition of the command line.

use std::fs;
use std::path::Path;

use clap::{Arg, ArgAction, Command, CommandFactory as _};

use super::Arguments;

const COMMAND: &str = "REPO_TEST_WRITE=1 cargo test -p repo-cli --bins args::documentation";

const INTRODUCTION: &str = "\
# Command line

<!-- Written from repo-cli/src/args: REPO_TEST_WRITE=1 cargo test -p repo-cli --bins args::documentation -->

Every verb with its arguments, as its `--help` prints them. [json.md](json.md) has what each prints with `--json`.

## Exit status

| status | meaning |
|---|---|
| 0 | done |
| 1 | refused or failed; a [code](errors.md) says why |
| 2 | wrong usage: nothing was done |
| 3 | done, and something was found: see the verbs below |
| 130 | interrupted (Ctrl-C) |

## What stays

Scripts may rely on the names of verbs and options, on what an option takes, on exit statuses, and on [JSON](json.md#what-stays).
They must not rely on text for people, on standard output or standard error: it may change in every version.

- Every version may add verbs, options and values of options. Names cannot be shortened, so a new name breaks no script.
- A verb or option that is removed keeps working, hidden and with a warning, for at least one minor version. CHANGELOG.md names it and what
  replaces it.
- A default changes only with a new minor version.
- A verb that does something else than its description says has a bug, which may be fixed in every version.

[stability.md](stability.md) has the same for the store, the configuration, what clients see, and the crates.

";

/// The verbs that are not hidden, each with the words that lead to it.
fn verbs(command: &Command, above: &[String]) -> Vec<(Vec<String>, Command)> {
    let mut found = Vec::new();
    for one in command.get_subcommands().filter(|one| !one.is_hide_set() && one.get_name() != "help") {
        let words = [above, &[one.get_name().to_owned()]].concat();
        if one.has_subcommands() && one.get_subcommands().any(|inner| inner.get_name() != "help") {
            found.extend(verbs(one, &words));
        } else {
            found.push((words, one.clone()));
        }
    }
    found
}

/// How an argument is given.
fn form(argument: &Arg) -> String {
    let values: Vec<String> =
        argument.get_value_names().unwrap_or_default().iter().map(ToString::to_string).collect();
    let values = if argument.get_action().takes_values() { values.join(" ") } else { String::new() };
    let Some(long) = argument.get_long() else {
        let name = if values.is_empty() { argument.get_id().as_str().to_uppercase() } else { values };
        let repeats = if matches!(argument.get_action(), ArgAction::Append) { "..." } else { "" };
        return format!("`{name}{repeats}`");
    };
    let short = argument.get_short().map_or_else(String::new, |short| format!("`-{short}`, "));
    format!("{short}`--{long}{}{values}`", if values.is_empty() { "" } else { " " })
}

/// What an argument means, with its default, the values that it takes, and the variable that stands for it.
fn meaning(argument: &Arg) -> String {
    let help = argument.get_long_help().or_else(|| argument.get_help());
    let mut text = help.map_or_else(String::new, ToString::to_string).replace("\n\n", " ").replace('\n', " ");
    let possible = argument.get_possible_values();
    if argument.get_action().takes_values() && !possible.is_empty() {
        let values = possible.iter().filter(|value| !value.is_hide_set()).map(|value| {
            let name = format!("`{}`", value.get_name());
            value.get_help().map_or(name.clone(), |help| format!("{name} ({help})"))
        });
        text.push_str(&format!("; one of {}", values.collect::<Vec<_>>().join(", ")));
    }
    let defaults: Vec<_> =
        argument.get_default_values().iter().map(|value| value.to_string_lossy().into_owned()).collect();
    if argument.get_action().takes_values() && !defaults.is_empty() && !argument.is_hide_default_value_set() {
        text.push_str(&format!(" [default: {}]", defaults.join(" ")));
    }
    if let Some(variable) = argument.get_env() {
        text.push_str(&format!(" [variable: {}]", variable.to_string_lossy()));
    }
    text.replace('|', "\\|")
}

/// The table of arguments; nothing if there are none.
fn table<'a>(arguments: impl Iterator<Item = &'a Arg>) -> String {
    let rows: String = arguments
        .filter(|argument| {
            !argument.is_hide_set() && !["help", "version"].contains(&argument.get_id().as_str())
        })
        .map(|argument| format!("| {} | {} |\n", form(argument), meaning(argument)))
        .collect();
    if rows.is_empty() { rows } else { format!("\n| argument | meaning |\n|---|---|\n{rows}") }
}

fn document() -> String {
    let mut command = Arguments::command();
    command.build();
    let global = table(command.get_arguments().filter(|argument| argument.is_global_set()));
    let mut text = format!("{INTRODUCTION}## Options of every verb\n{global}\n## Verbs\n");
    for (words, mut verb) in verbs(&command, &[]) {
        let name = words.join(" ");
        let about = verb.get_long_about().or_else(|| verb.get_about()).map(ToString::to_string);
        let usage = verb.render_usage().to_string();
        let own = table(verb.get_arguments().filter(|argument| !argument.is_global_set()));
        text.push_str(&format!(
            "\n### {name}\n\n{}.\n\n```text\n{usage}\n```\n{own}\n[JSON](json.md#{})\n",
            about.unwrap_or_default().trim_end_matches('.'),
            name.replace(' ', "-")
        ));
    }
    text
}

#[test]
fn the_documentation_has_every_verb_and_argument() {
    let text = document();
    assert!(text.contains("### key rotate\n") && text.contains("`--dry-run`"), "{text}");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/cli.md");
    if std::env::var_os("REPO_TEST_WRITE").is_some_and(|value| value == "1") {
        fs::write(&path, &text).unwrap();
    }
    assert!(fs::read_to_string(path).is_ok_and(|found| found == text), "docs/cli.md is stale: {COMMAND}");
}
