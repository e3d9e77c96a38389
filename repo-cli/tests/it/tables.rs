//! Tables on terminals of any width.

use crate::long_output::on_terminal_of;
use crate::{configure, store};

const NAME: &str = "a-package-with-a-name-of-some-length-for-tests-dbgsym";
const VERSION: &str = "2:1.2.3~rc1+git2026-1";

/// Returns whether a version or a time is cut at the end of a line or at a column.
fn broken_piece(text: &str) -> Option<&str> {
    text.lines().find(|line| {
        let words =
            line.split_ascii_whitespace().map(|word| word.trim_matches(['(', ')', ',', '+', '-', ':']));
        let is_piece = |word: &str| {
            let in_version = word.len() > 3 && VERSION.contains(word) && word.contains(['~', '+', ':']);
            in_version && word != VERSION
        };
        let is_day = |word: &str| word.len() == 10 && word.starts_with("20") && word.contains('-');
        let is_cut = |word: &str| is_day(word) && !line.contains(&format!("{word} "));
        words.into_iter().any(|word| is_piece(word) || is_cut(word))
    })
}

#[test]
fn versions_and_times_are_whole_at_any_width() {
    let environment = store();
    environment.add("preprod", &[&format!("{NAME}={VERSION}"), "hello=1.0"]);
    let promote = ["promote", NAME, "--from", "preprod", "--to", "prod"];
    let _ = environment.run(&promote).succeeds();
    let _ = environment.run(&["tag", "prod", "before-the-great-change", "--at", "@"]);
    let _ = environment.run(&["remove", "prod", NAME, "--yes"]).succeeds();
    let _ = environment.run(&["hold", "prod", "hello=1.1", "--reason", "it crashes at the start"]).succeeds();
    configure(&environment, "[[retention]]\nkeep_versions = 1\n");
    for columns in [60, 80, 120, 200] {
        for line in [
            "list preprod",
            &format!("versions {NAME}"),
            "show preprod@1",
            "history preprod",
            &format!("history prod {NAME}"),
            "tag list prod",
            "holds prod",
            "diff preprod prod || true",
            "key list",
            "search a-package",
            "list preprod --columns package,version,architecture,maintainer,description",
            "gc --dry-run",
            &format!("promote {NAME} --from preprod --to prod --despite-hold --dry-run"),
            "retention preprod --dry-run --all",
        ] {
            let Some(text) = on_terminal_of(columns, &environment, line) else { return };
            assert!(!text.is_empty(), "{line}: {text}");
            assert_eq!(broken_piece(&text), None, "{line} at {columns}:\n{text}");
            // A line that no table is on is the terminal's to break.
            let is_sentence = |line: &str| ["#", "would", "hint"].iter().any(|start| line.starts_with(start));
            let mut table = text.lines().filter(|line| !is_sentence(line));
            let is_wide = |line: &str| line.chars().count() > columns;
            assert!(!table.any(is_wide), "{line} at {columns}:\n{text}");
            // A title that is cut at 60 columns is one that nobody reads.
            let titles = ["VERSION", "REPOSITORY", "ARCHITECTURE", "FINGERPRINT", "PACKAGE", "SUITES"];
            let is_cut = |word: &str| {
                word.len() > 3 && titles.iter().any(|title| title.starts_with(word) && *title != word)
            };
            assert!(!text.split_whitespace().any(is_cut), "{line} at {columns}:\n{text}");
        }
    }
}
