//! What every verb prints when there are thousands of packages: a page that a person reads, and everything for programs.

use std::fs;
use std::process::Stdio;

use serde_json::Value;
use testkit::{Environment, Output};

use crate::{PROGRAM, configure};

/// Fifty rows with a head, totals, results, and what machines keep.
const PAGE: usize = 65;

const PACKAGES: usize = 2500;

/// A repository with 5,000 package files of 2,500 packages in four suites, which are not published.
fn large_store() -> Environment {
    let environment = Environment::new(PROGRAM);
    let suites = ["bookworm", "bullseye", "sid", "trixie"].map(|suite| ["--suite", suite]).concat();
    let init = [&["init", "--architecture", "amd64", "--architecture", "arm64"], &suites[..]].concat();
    let _ = environment.run(&init).succeeds();
    for number in 0..PACKAGES {
        for architecture in ["amd64", "arm64"] {
            let _ = environment.package(&format!("package-{number:04}"), "1.10", architecture);
        }
    }
    environment
}

fn promote_named<'a>(names: &[&'a str]) -> Vec<&'a str> {
    [&["promote", "--from", "preprod", "--to", "prod"], names].concat()
}

fn length(output: &Output) -> usize {
    output.stdout.lines().count() + output.stderr.lines().count()
}

/// The program on a terminal of 80 columns; `None` without `script`.
fn on_terminal(environment: &Environment, line: &str) -> Option<String> {
    on_terminal_of(80, environment, line)
}

/// The program on a terminal of so many columns; `None` without `script`.
pub(crate) fn on_terminal_of(columns: usize, environment: &Environment, line: &str) -> Option<String> {
    if !testkit::all_installed(&["script", "stty"]) {
        return None;
    }
    let line = format!("stty cols {columns} && {PROGRAM} {line}");
    let mut command = environment.other(&["script", "-qec", &line, "/dev/null"]);
    let output = environment.finish(command.stdin(Stdio::null()));
    Some(output.stdout.replace('\r', ""))
}

#[test]
fn five_thousand_packages_fit_on_a_page() {
    let environment = large_store();
    let files = environment.path("files");
    let run = |arguments: &[&str]| environment.run(arguments);
    let page = |arguments: &[&str]| run(&[arguments, &["--limit", "50"]].concat());
    let fits = |arguments: &[&str], wanted: &[&str]| {
        let output = page(arguments);
        assert!(length(&output) <= PAGE, "{arguments:?} prints {} lines", length(&output));
        for wanted in wanted {
            assert!(output.text().contains(wanted), "{arguments:?}: no `{wanted}` in {output}");
        }
    };
    let more = "... and 4950 more files (print all with --limit 0)";
    fits(&["add", "preprod", "--dry-run", files.as_str()], &[more, "would add 2500 packages (5000 files)"]);
    fits(
        &["add", "preprod", "--no-publish", files.as_str()],
        &[more, "added 2500 packages (5000 files) to preprod (commit 1)"],
    );
    // A listing that a program searches is whole; both architectures are one row.
    assert_eq!(run(&["list", "preprod"]).stdout.lines().count(), 1 + PACKAGES + 1);
    fits(&["list", "preprod"], &["2500 packages (5000 files) in preprod"]);
    let rows = "... and 2450 more rows (print all with --limit 0)";
    fits(
        &["diff", "preprod", "prod"],
        &[rows, "2500 packages with differences: 2500 with versions only in preprod"],
    );
    for every in [&["diff", "preprod", "prod"][..], &["diff", "preprod", "prod", "--all"]] {
        assert_eq!(run(every).stdout.lines().count(), 1 + PACKAGES + 1);
    }
    let json: Value = serde_json::from_str(&run(&["--json", "diff", "preprod", "prod"]).stdout).unwrap();
    assert_eq!(json["differences"].as_array().unwrap().len(), 4 * 2 * PACKAGES);
    let details = page(&["diff", "preprod", "prod", "--details"]).stdout;
    assert!(details.lines().count() < 50 * 10 + PAGE, "{} lines", details.lines().count());
    assert!(details.contains("... and 2450 more source packages"), "{details}");
    assert!(details.contains("2500 source packages: 0 new, 2500 removed, 0 changed"), "{details}");

    let promote = ["promote", "--all", "--from", "preprod", "--to", "prod"];
    fits(&[&promote[..], &["--dry-run"]].concat(), &[rows, "would promote 2500 packages (5000 files)"]);
    fits(&[&promote[..], &["--no-publish"]].concat(), &[rows, "promoted 2500 packages (5000 files)"]);
    fits(&["remove", "preprod", "*", "--yes", "--no-publish"], &[rows, "removed 2500 packages (5000 files)"]);
    fits(
        &["rollback", "preprod", "--to", "@-1", "--no-publish"],
        &[rows, "0 packages to remove, 2500 packages (5000 files) to restore"],
    );
    fits(
        &["rollback", "prod", "--to", "@-1", "--yes", "--no-publish"],
        &[rows, "2500 packages (5000 files) to remove, 0 packages to restore"],
    );
    let skipped = "skipped 2500 packages: package-0000 1.10, package-0001 1.10, package-0002 1.10 and 2497 more (held since ";
    fits(&promote, &[skipped]);
    // A pattern means what may come, a name means that package.
    fits(&promote_named(&["package-00*"]), &["skipped 100 packages: package-0000 1.10, "]);
    assert_eq!(run(&promote_named(&["package-00*"])).status, Some(0));
    let names: Vec<String> = (0..100).map(|number| format!("package-{number:04}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let refused = run(&promote_named(&names)).ends_with(1);
    assert!(
        refused.stderr.starts_with("error: prod does not take 100 packages: package-0000 1.10, "),
        "{refused}"
    );
    assert_eq!(refused.stderr.lines().count(), 2, "{refused}");
    let json: Value =
        serde_json::from_str(&run(&[&promote_named(&names)[..], &["--json"]].concat()).stdout).unwrap();
    assert_eq!((json["errors"].as_array().unwrap().len(), &json["error"]["code"]), (200, &"E-HELD".into()));
    fits(&["history", "preprod"], &["add package-0000 1.10 amd64 and 4999 more"]);
    assert_eq!(run(&["holds", "prod"]).stdout.lines().count(), 1 + PACKAGES + 1);
    fits(&["holds", "prod"], &["2500 held versions"]);
}

#[test]
fn what_is_removed_or_damaged_is_summed_up() {
    let environment = Environment::with_store(PROGRAM, &["bookworm", "trixie"]);
    configure(&environment, "[[retention]]\nkeep_versions = 1\n\n[gc]\nkeep_history = 1\n");
    for number in 0..70 {
        for version in ["1.9", "1.10"] {
            let _ = environment.package(&format!("package-{number:02}"), version, "all");
        }
    }
    let files = environment.path("files");
    let _ = environment.run(&["add", "preprod", "--no-publish", files.as_str()]).succeeds();
    let dry_run = environment.run(&["retention", "preprod", "--dry-run", "--limit", "50"]).succeeds().stdout;
    let lines: Vec<&str> = dry_run.lines().collect();
    insta::assert_snapshot!(lines[..2].join("\n"), @"
    PACKAGE     VERSION  ARCHITECTURE  SUITES            ACTION  REASON
    package-00  1.9      all           bookworm, trixie  remove  version 2, beyond the newest 1
    ");
    insta::assert_snapshot!(lines[51..].join("\n"), @"
    ... and 20 more rows (print all with --limit 0)
    preprod: would remove 70 packages and keep 70 packages
    ");
    assert!(!dry_run.contains(" 1.10 ") && !dry_run.contains("  keep  "), "{dry_run}");
    let every = environment.run(&["retention", "preprod", "--dry-run", "--all"]).succeeds().stdout;
    assert_eq!(every.lines().count(), 1 + 140 + 1);
    assert!(every.lines().any(|line| line.contains(" 1.10 ") && line.contains(" keep ")), "{every}");
    let _ = environment.run(&["retention", "preprod", "--yes", "--no-publish"]).succeeds();

    for number in 0..8 {
        environment.add("preprod", &[&format!("other=1.{number}")]);
    }
    // In a burst the times of publications run ahead of the clock, and what is not in the past is not old enough for any grace.
    let mut dry_run = String::new();
    for _ in 0..20 {
        dry_run = environment.run(&["gc", "--grace", "0", "--dry-run", "--limit", "50"]).succeeds().stdout;
        if dry_run.lines().count() > 50 {
            break;
        }
        std::thread::sleep(std::time::Duration::from_secs(1));
    }
    let lines: Vec<&str> = dry_run.lines().collect();
    assert!((55..60).contains(&lines.len()), "{dry_run}");
    assert!(
        lines[51].starts_with("... and ") && lines[51].ends_with(" more rows (print all with --limit 0)"),
        "{dry_run}"
    );
    assert!(
        lines[53].starts_with("REASON ") && lines[54].starts_with("its publication was replaced "),
        "{dry_run}"
    );
    let every = environment.run(&["gc", "--grace", "0", "--dry-run"]).succeeds().stdout;
    assert!(every.lines().count() > 54 && !every.contains("..."), "{every}");

    let mut blobs = Vec::new();
    let mut directories = vec![environment.root().join("store/blobs")];
    while let Some(directory) = directories.pop() {
        for entry in directory.read_dir_utf8().unwrap().map(Result::unwrap) {
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                directories.push(entry.path().to_owned());
            } else {
                blobs.push(entry.path().to_owned());
            }
        }
    }
    assert!(blobs.len() > 60, "{} blobs", blobs.len());
    blobs.iter().for_each(|blob| fs::remove_file(blob).unwrap());
    let found = environment.run(&["fsck", "--limit", "50"]);
    assert_eq!(found.status, Some(1));
    assert!(found.stdout.contains(" more problems (print all with --limit 0)"), "{found}");
    assert!(found.stdout.contains("\nKIND "), "{found}");
    let every = environment.run(&["fsck"]).stdout;
    assert!(!every.contains("... and ") && every.lines().count() > found.stdout.lines().count(), "{every}");
}

#[test]
fn a_table_fits_its_terminal() {
    let environment =
        Environment::with_store(PROGRAM, &["bookworm", "bullseye", "forky", "noble", "sid", "trixie"]);
    environment
        .add("preprod", &["hello=1.10", "hello=1.9", "a-package-with-a-name-that-is-long=1.0-1~bpo12+1"]);
    let Some(list) = on_terminal(&environment, "list preprod") else { return };
    insta::assert_snapshot!(list, @"
    PACKAGE                             VERSION        ARCHITECTURE  SUITES
    a-package-with-a-name-that-is-long  1.0-1~bpo12+1  all           bookworm
    hello                               1.9            all           bullseye,
                                                                     bookworm,
                                                                     trixie, forky,
                                                                     sid, noble
    hello                               1.10           all           bullseye,
                                                                     bookworm,
                                                                     trixie, forky,
                                                                     sid, noble
    ");
    let history = on_terminal(&environment, "history preprod hello").unwrap();
    assert!(history.lines().all(|line| line.chars().count() <= 80), "{history}");
    assert!(history.contains("+1.9 all"), "{history}");
    insta::assert_snapshot!(environment.run(&["list", "preprod"]), @"
    status: 0
    ---- stdout
    PACKAGE                             VERSION        ARCHITECTURE  SUITES
    a-package-with-a-name-that-is-long  1.0-1~bpo12+1  all           bookworm
    hello                               1.9            all           bullseye, bookworm, trixie, forky, sid, noble
    hello                               1.10           all           bullseye, bookworm, trixie, forky, sid, noble
    ");
    insta::assert_snapshot!(environment.run(&["history", "preprod", "hello", "--limit", "1"]), @"
    status: 0
    ---- stdout
    NUMBER  TIME                  BY      CHANGE     SUITES                                         OPERATION
    1       <DAY> <MINUTE> UTC  tester  +1.9 all   bullseye, bookworm, trixie, forky, sid, noble  add a-package-with-a-name-that-is-long 1.0-1~bpo12+1 all, hello 1.9 all, hello 1.10 all
    1       <DAY> <MINUTE> UTC  tester  +1.10 all  bullseye, bookworm, trixie, forky, sid, noble  add a-package-with-a-name-that-is-long 1.0-1~bpo12+1 all, hello 1.9 all, hello 1.10 all
    ... and older changes (print all with --limit 0)
    ");
    for number in 0..60 {
        let _ = environment.package(&format!("more-{number}"), "1", "all");
    }
    let files = environment.path("files");
    let _ = environment.run(&["add", "preprod", "--no-publish", files.as_str()]).succeeds();
    let list = on_terminal(&environment, "list preprod").unwrap();
    assert!(list.contains("... and 13 more rows (print all with --limit 0)"), "{list}");
    assert!(list.contains("63 packages in preprod"), "{list}");
    let all = on_terminal(&environment, "list preprod --all").unwrap();
    assert!(!all.contains("..."), "{all}");
}

#[test]
fn nothing_found_is_said_and_no_failure() {
    let environment = Environment::with_store(PROGRAM, &["bookworm"]);
    environment.add("preprod", &["hello=1.0"]);
    for (arguments, said) in [
        (&["list", "prod"][..], "no packages in prod\n"),
        (&["list", "preprod", "nosuch", "lib*"], "no packages match nosuch, lib* in preprod\n"),
        (&["versions", "nosuch"], "no packages match nosuch\n"),
        (&["history", "preprod", "nosuch"], "no changes of nosuch in preprod\n"),
        (&["diff", "preprod", "preprod"], "no differences between preprod and preprod\n"),
        (&["diff", "preprod", "preprod", "--details"], "no differences between preprod and preprod\n"),
        (&["tag", "preprod"], "no tags in preprod\n"),
        (&["holds", "preprod"], "no held versions in preprod\n"),
    ] {
        let output = environment.run(arguments);
        assert_eq!((output.status, &*output.stdout, &*output.stderr), (Some(0), "", said), "{arguments:?}");
        assert_eq!(environment.run(&[arguments, &["--quiet"]].concat()).stderr, "", "{arguments:?}");
        assert_eq!(environment.run(&[arguments, &["--json"]].concat()).stderr, "", "{arguments:?}");
    }
    let change = environment.run(&["remove", "preprod", "nosuch"]);
    assert_eq!(change.status, Some(1), "{change}");
}

#[test]
fn refused_files_are_summed_up() {
    let environment = Environment::with_store(PROGRAM, &["bookworm"]);
    let folder = environment.path("drop");
    fs::create_dir(&folder).unwrap();
    for number in 0..5000 {
        fs::write(folder.join(format!("bad-{number:04}.deb")), "no package").unwrap();
    }
    let errors = |output: &Output| output.stderr.lines().filter(|line| line.starts_with("error: ")).count();
    for arguments in [
        &["add", "preprod", "--keep-going", folder.as_str()][..],
        &["incoming", "preprod", folder.as_str(), "--once", "--patience", "0", "--dry-run"],
    ] {
        let output = environment.run(&[arguments, &["--limit", "50"]].concat()).ends_with(1);
        assert!(length(&output) <= PAGE && errors(&output) == 50, "{arguments:?}: {output}");
        let rest = "... and 4950 more refused files (print all with --limit 0)\n5000 of 5000 files refused\n";
        assert!(output.stderr.ends_with(rest), "{arguments:?}: {output}");
        let every = environment.run(arguments).ends_with(1);
        assert_eq!(errors(&every), 5000, "{arguments:?}");
        let json = environment.run(&[arguments, &["--json"]].concat()).ends_with(1);
        assert_eq!(errors(&json), 5000, "{arguments:?}");
        let json: Value = serde_json::from_str(&json.stdout).unwrap();
        for field in ["refused", "errors"] {
            assert_eq!(json[field].as_array().unwrap().len(), 5000, "{arguments:?}: {field}");
        }
    }
    // A hint that all share is given once, and what a timer left of a folder fits on a page too.
    let file = environment.package("hello", "1.0", "all");
    environment.add("preprod", &["hello=1.0"]);
    let other = environment.build("hello", "1.0", "all", |builder| builder.description("changed"));
    assert_eq!(file, other);
    let copies = ["one.deb", "two.deb"].map(|name| {
        fs::copy(&other, environment.path(name)).unwrap();
        environment.path(name)
    });
    let refused = environment.run(&["add", "preprod", copies[0].as_str(), copies[1].as_str()]).ends_with(1);
    assert_eq!((errors(&refused), refused.stderr.matches("hint: ").count()), (2, 1), "{refused}");
    for number in 0..100 {
        fs::write(folder.join(format!("notes-{number}.txt")), "x").unwrap();
        fs::remove_file(folder.join(format!("bad-{number:04}.deb"))).unwrap();
    }
    let left =
        environment.run(&["incoming", "preprod", folder.as_str(), "--once", "--dry-run", "--limit", "50"]);
    let shown = left.stdout.lines().filter(|line| line.starts_with("left ")).count();
    assert!(shown == 50 && left.stdout.contains(" more left files (print all with --limit 0)"), "{left}");
}

#[test]
fn listings_are_whole_off_a_terminal_and_a_page_on_one() {
    let environment = Environment::with_store(PROGRAM, &["bookworm"]);
    for number in 0..60 {
        let _ = environment.run(&["hold", "prod", &format!("hello=1.{number}")]).succeeds();
        let _ = environment.package("hello", &format!("1.{number}"), "all");
    }
    let files = environment.path("files");
    let _ = environment.run(&["add", "preprod", "--no-publish", files.as_str()]).succeeds();
    for (listing, rows) in [
        ("list preprod", 60),
        ("show preprod@1", 60),
        ("versions hello", 60),
        ("holds prod", 60),
        ("history prod", 61),
    ] {
        let words: Vec<&str> = listing.split(' ').collect();
        let whole = environment.run(&words).succeeds().stdout;
        let table = |text: &str| {
            text.lines()
                .filter(|line| {
                    (line.contains("1.") || line.contains("  create")) && line.bytes().next() != Some(b'#')
                })
                .count()
        };
        assert_eq!(table(&whole), rows, "{whole}");
        assert!(!whole.contains("..."), "{whole}");
        let fifty = environment.run(&[&words[..], &["--limit", "50"]].concat()).succeeds().stdout;
        assert!(fifty.contains("... and ") && fifty.contains("(print all with --limit 0)"), "{fifty}");
        let Some(page) = on_terminal(&environment, listing) else { continue };
        assert!(page.contains("... and "), "{page}");
        assert!(!on_terminal(&environment, &format!("{listing} --all")).unwrap().contains("..."));
    }
}

#[test]
fn a_change_is_shown_whole_off_a_terminal_and_as_a_page_on_one() {
    let environment = Environment::with_store(PROGRAM, &["bookworm"]);
    for number in 0..60 {
        let _ = environment.package(&format!("package-{number}"), "1.0", "all");
    }
    let files = environment.path("files");
    let add = ["add", "preprod", "--no-publish", files.as_str()];
    let _ = environment.run(&["add", "preprod", "--no-publish", files.as_str()]).succeeds();
    let changes = [
        &["add", "prod", "--dry-run", files.as_str()][..],
        &["promote", "--all", "--from", "preprod", "--to", "prod", "--dry-run"],
        &["diff", "preprod", "prod"],
        &["remove", "preprod", "*", "--dry-run"],
        &["undo", "preprod", "--dry-run"],
        &["rollback", "preprod", "--to", "0", "--dry-run"],
    ];
    assert!(environment.run(&add).succeeds().stdout.contains("already"), "nothing is added twice");
    for change in changes {
        let named = |text: &str| {
            let is_named = |number: &i32| text.contains(&format!("package-{number} "));
            (0..60).filter(is_named).count()
        };
        let whole = environment.run(change);
        assert_eq!((named(&whole.stdout), whole.stdout.contains("... and")), (60, false), "{whole}");
        let Some(page) = on_terminal(&environment, &change.join(" ").replace('*', "'*'")) else { continue };
        assert!(named(&page) == 50 && page.contains("(print all with --limit 0)"), "{page}");
    }
}
