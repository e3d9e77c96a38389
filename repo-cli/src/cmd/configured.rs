//! Changes of the configuration: what they would do, what they would take from clients, and that they are done.

use camino::Utf8Path;
use deb_parse::SuiteName;
use repo_config::Config;
use repo_config::edit::{Edit, FileChange};
use repo_store::{RepositoryName, Store};
use serde::Serialize;

use crate::error::{Failure, Outcome};
use crate::guard::{self, Loss};
use crate::json_value::JsonDocument;
use crate::output::{Output, joined};

/// Shared by all verbs that change the configuration.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct EditArguments {
    /// Show what would be changed and change nothing
    #[arg(long)]
    dry_run: bool,
}

impl EditArguments {
    pub(super) fn is_dry_run(self) -> bool {
        self.dry_run
    }
}

/// The document of a verb that changes the configuration.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ConfiguredJson<'a> {
    /// What changed, as `diff -u` prints it
    diff: String,
    /// Whether nothing was changed
    dry_run: bool,
    /// The files that were changed
    #[cfg_attr(test, schemars(with = "Vec<String>"))]
    files: &'a [&'a Utf8Path],
}

impl JsonDocument for ConfiguredJson<'_> {}

/// Makes a change of the configuration, or shows it, and says so.
pub(super) fn carry_out(
    edit: &Edit,
    done: &str,
    arguments: EditArguments,
    root: &Utf8Path,
    output: &Output,
) -> Result<Outcome, Failure> {
    let changes = if arguments.dry_run {
        edit.check()?;
        edit.changes()
    } else {
        edit.save()?
    };
    let files: Vec<&Utf8Path> = changes.iter().map(|change| change.path.as_path()).collect();
    let differences: Vec<String> = changes.iter().map(|change| difference(change, root)).collect();
    let document = ConfiguredJson { diff: differences.concat(), dry_run: arguments.dry_run, files: &files };
    output.result(&document, || {
        if arguments.dry_run {
            differences.iter().flat_map(|text| text.lines()).for_each(|line| output.line(line));
        }
    });
    let names: Vec<&str> =
        files.iter().map(|path| path.strip_prefix(root).unwrap_or(path).as_str()).collect();
    output.say(&match (changes.is_empty(), arguments.dry_run) {
        (true, _) => "the configuration already says that".to_owned(),
        (false, true) => format!("would change {}", joined(&names)),
        (false, false) => format!("{done} in {}", joined(&names)),
    });
    Ok(Outcome::Done)
}

/// Asks before packages go with a suite or a repository: they stay in the store, but clients lose them with the next publication.
pub(super) fn check_losses(
    (root, config): (&Utf8Path, &Config),
    is_taken: impl Fn(&RepositoryName, &SuiteName) -> bool,
    (yes, arguments): (bool, EditArguments),
    output: &Output,
) -> Result<(), Failure> {
    if !root.join("store/format").exists() {
        return Ok(());
    }
    let store = Store::open(root)?;
    for repository in config.repositories() {
        let Some(head) = store.head(&repository.name)? else { continue };
        let mut losses = Vec::new();
        for suite in head.commit().suites.keys().filter(|suite| is_taken(&repository.name, suite)) {
            let before = head.snapshot(suite)?.records();
            losses.push(Loss { suite: suite.clone(), before, going: before });
        }
        if arguments.dry_run {
            guard::foretell(&repository.name, &losses, yes, output);
        } else {
            guard::check(&repository.name, &losses, yes, output)?;
        }
    }
    Ok(())
}

/// Asks before a repository loses a suite that has packages by a change of its settings, as [`check_losses`] does. What was wrong before
/// loses nothing: clients do not get it.
pub(super) fn check_taken_suites(
    edit: &Edit,
    root: &Utf8Path,
    answer: (bool, EditArguments),
    output: &Output,
) -> Result<(), Failure> {
    let after = edit.check()?;
    let Ok(before) = Config::load(root) else { return Ok(()) };
    let has = |config: &Config, name: &RepositoryName, suite: &SuiteName| {
        config.repository(name.as_str()).is_ok_and(|repository| repository.suite(suite).is_some())
    };
    let is_taken =
        |name: &RepositoryName, suite: &SuiteName| has(&before, name, suite) && !has(&after, name, suite);
    check_losses((root, &before), is_taken, answer, output)
}

/// The changed lines of a file with three lines around them, as `diff -u` writes them.
fn difference(change: &FileChange, root: &Utf8Path) -> String {
    const AROUND: usize = 3;
    let (before, after): (Vec<&str>, Vec<&str>) =
        (change.before.lines().collect(), change.after.lines().collect());
    let shorter = before.len().min(after.len());
    let same = |(one, other): &(&&str, &&str)| one == other;
    let head = before.iter().zip(&after).take_while(same).count();
    let tail = before.iter().rev().zip(after.iter().rev()).take_while(same).count().min(shorter - head);
    let begin = head.saturating_sub(AROUND);
    let around = |lines: &[&str], from: usize, to: usize, mark: &str| {
        let lines = lines.get(from..to.min(lines.len())).unwrap_or_default();
        lines.iter().map(|line| format!("{mark}{line}\n")).collect::<String>()
    };
    let (old_end, new_end) = (before.len() - tail, after.len() - tail);
    let behind = tail.min(AROUND);
    let name = change.path.strip_prefix(root).unwrap_or(&change.path);
    let range = |end: usize| format!("{},{}", begin + 1, end + behind - begin);
    format!(
        "--- {name}\n+++ {name}\n@@ -{} +{} @@\n{}{}{}{}",
        range(old_end),
        range(new_end),
        around(&before, begin, head, " "),
        around(&before, head, old_end, "-"),
        around(&after, head, new_end, "+"),
        around(&before, old_end, old_end + behind, " "),
    )
}
