//! The command lines of the documents.

use std::fs;

use camino::{Utf8Path, Utf8PathBuf};
use clap::Parser as _;
use clap::error::ErrorKind;

use crate::args::Arguments;

/// README.md and everything in `docs/`.
fn documents() -> Vec<Utf8PathBuf> {
    let root = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut found = vec![root.join("README.md"), root.join("CONTRIBUTING.md")];
    for entry in root.join("docs").read_dir_utf8().unwrap() {
        found.push(entry.unwrap().into_path());
    }
    found.retain(|path| path.extension() == Some("md"));
    found
}

/// The command lines of a document: those in blocks for a shell, and those quoted in sentences.
fn command_lines(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut block: Option<&str> = None;
    for line in text.lines() {
        if let Some(kind) = line.trim().strip_prefix("```") {
            block = if block.is_some() { None } else { Some(kind) };
        } else if let Some(kind) = block {
            let line = line.strip_prefix("$ ").unwrap_or(line);
            let (command, comment) = line.split_once(" #").unwrap_or((line, ""));
            let is_command = matches!(kind, "sh" | "console");
            let starts = command.starts_with("repo-cli ") || command.starts_with("sudo repo-cli ");
            let at = command.find("repo-cli ").filter(|_| is_command && starts);
            lines.extend(at.map(|at| command[at..].trim_end().to_owned()));
            lines.extend(quoted(comment));
        } else {
            lines.extend(quoted(line));
        }
    }
    // A version.
    lines.retain(|line| !line.starts_with("repo-cli 0."));
    lines
}

/// The command lines that a sentence quotes.
fn quoted(text: &str) -> impl Iterator<Item = String> {
    let quoted = text.split('`').skip(1).step_by(2);
    quoted.filter(|quoted| quoted.starts_with("repo-cli ")).map(str::to_owned)
}

/// The words of a command line, without its quotation marks.
fn words(line: &str) -> Vec<String> {
    let command = line.split(['|', ';', '>', '&']).next().unwrap_or_default();
    let mut words = vec![String::new()];
    let mut quotation_mark = None;
    for character in command.trim().chars() {
        match (quotation_mark, character) {
            (None, '\'' | '"') => quotation_mark = Some(character),
            (Some(mark), _) if mark == character => quotation_mark = None,
            (None, ' ') => words.push(String::new()),
            _ => words.last_mut().unwrap().push(character),
        }
    }
    words.retain(|word| !word.is_empty());
    // The documents shorten fingerprints.
    let is_fingerprint = |word: &String| word == "FINGERPRINT" || word.contains('…');
    words.iter_mut().filter(|word| is_fingerprint(word)).for_each(|word| *word = "0".repeat(40));
    words
}

#[test]
fn every_command_line_of_the_documents_is_understood() {
    let mut count = 0;
    for path in documents() {
        for line in command_lines(&fs::read_to_string(&path).unwrap()) {
            count += 1;
            if let Err(error) = Arguments::try_parse_from(words(&line)) {
                // A sentence may name a verb alone.
                let is_verb = error.kind() == ErrorKind::MissingRequiredArgument && words(&line).len() < 4;
                assert!(is_verb || !error.use_stderr(), "{path}: {line}: {error}");
            }
        }
    }
    assert!(count > 70, "only {count} command lines found");
}

#[test]
fn command_lines_are_found() {
    let text = "Run `repo-cli list prod` or `ls`.\n```sh\nsudo repo-cli gc   # see `repo-cli fsck`\nls\n```\n```text\nrepo-cli no\n```\n";
    assert_eq!(command_lines(text), ["repo-cli list prod", "repo-cli gc", "repo-cli fsck"]);
    assert_eq!(words("repo-cli list  prod 'lib* a' | less"), ["repo-cli", "list", "prod", "lib* a"]);
}
