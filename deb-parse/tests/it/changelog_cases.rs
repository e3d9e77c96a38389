//! Changelogs, with `dpkg-parsechangelog` as the judge.

use deb_parse::changelog::{self, Entry};
use deb_parse::deb822;
use std::process::Command;

const TWO: &str = include_str!("../../../fuzz/seeds/changelog_read/two");
const OLD: &str = include_str!("../../../fuzz/seeds/changelog_read/old");

fn entries(text: &str) -> Vec<Entry<'_>> {
    changelog::entries(text).collect()
}

#[test]
fn entries_are_read_with_all_their_parts() {
    assert_eq!(changelog::parse(TWO).unwrap(), entries(TWO));
    insta::assert_debug_snapshot!(entries(TWO), @r#"
    [
        Entry {
            source: "hello",
            version: "2.10-3",
            distributions: "unstable",
            metadata: "urgency=medium",
            changes: "  * Fix the greeting. (Closes: #1234, Bug#1235)\n  * CVE-2024-12345; LP: #77",
            maintainer: "Some Body <somebody@example.org>",
            date: "Sat, 01 Jan 2022 10:00:00 +0000",
        },
        Entry {
            source: "hello",
            version: "1:2.0~rc1",
            distributions: "bookworm sid",
            metadata: "urgency=low, binary-only=yes",
            changes: "  [ A ]\n  * New.",
            maintainer: "A <a@example.org>",
            date: "Fri, 31 Dec 2021 10:00:00 +0100",
        },
    ]
    "#);
    let [newest, oldest] = entries(TWO)[..] else { panic!() };
    assert_eq!((newest.urgency(), oldest.urgency()), (Some("medium"), Some("low")));
    assert_eq!(oldest.distributions().collect::<Vec<_>>(), ["bookworm", "sid"]);
    assert_eq!((newest.closes(), newest.launchpad_bugs()), (vec![1234, 1235], vec![77]));
    assert_eq!(newest.cves(), ["CVE-2024-12345"]);
    assert!(oldest.closes().is_empty() && oldest.launchpad_bugs().is_empty() && oldest.cves().is_empty());
}

#[test]
fn dpkg_reads_the_same() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("changelog");
    std::fs::write(directory.path().join("ubuntu"), "Vendor: Ubuntu\n").unwrap();
    let more = "\
b+c (1.0-1ubuntu2) noble-proposed; urgency=high, XS-Vcs-Git-Url=https://example.org/b.git\n\n  \
* closes: 5,bug#6 , #7,\n    bug 8. Also closes:#9;closes: bug9\n  * foreclosesx: 3, closes #4, closes: none\n\n  \
* LP: #10, #11,12; lp:#13; LP:  #14\n    lp: #15,\n    #16\n\n \
-- Ä Ö (x) <a@example.org>  Sat,  1 Jan 2022 10:00:00 -0330\n\n";
    for text in [TWO.to_owned(), more.to_owned(), format!("{more}{TWO}"), format!("{TWO}\n\n\n{more}")] {
        std::fs::write(&path, &text).unwrap();
        let output = Command::new("dpkg-parsechangelog")
            .args(["-l", path.to_str().unwrap(), "--all", "--format", "rfc822"])
            // Bugs of Launchpad are read for Ubuntu only.
            .envs([("DPKG_ORIGINS_DIR", directory.path().to_str().unwrap()), ("DEB_VENDOR", "Ubuntu")])
            .output();
        let Ok(output) = output else {
            eprintln!("skipped: dpkg-parsechangelog is not installed");
            return;
        };
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let ours = changelog::parse(&text).unwrap();
        assert_eq!(ours, entries(&text));
        let theirs: Vec<_> = deb822::paragraphs(&output.stdout).collect();
        assert_eq!(ours.len(), theirs.len());
        for (ours, theirs) in ours.iter().zip(theirs) {
            let field = |name| theirs.get_str(name).unwrap_or_default();
            let joined = |numbers: Vec<u64>| numbers.iter().map(u64::to_string).collect::<Vec<_>>().join(" ");
            assert_eq!(ours.source, field("Source"));
            assert_eq!(ours.version, field("Version"));
            assert_eq!(ours.distributions, field("Distribution"));
            assert_eq!(ours.urgency().unwrap(), field("Urgency"));
            assert_eq!(ours.maintainer, field("Maintainer"));
            assert_eq!(ours.date, field("Date"));
            assert_eq!(joined(ours.closes()), field("Closes"), "{}", ours.changes);
            assert_eq!(joined(ours.launchpad_bugs()), field("Launchpad-Bugs-Fixed"), "{}", ours.changes);
            // There, the first line is repeated and empty lines are dots.
            let changes: Vec<_> = field("Changes").lines().skip(3).map(|line| &line[1..]).collect();
            let expected: Vec<_> =
                ours.changes.lines().map(|line| if line.is_empty() { "." } else { line }).collect();
            assert_eq!(changes, expected);
        }
    }
}

#[test]
fn the_formats_of_the_past_are_passed_over() {
    insta::assert_debug_snapshot!(entries(OLD), @r#"
    [
        Entry {
            source: "hello",
            version: "1.0",
            distributions: "frozen",
            metadata: "urgency=LOW (bugs)",
            changes: " * New.",
            maintainer: "A <a@example.org>",
            date: "Tue Jan 20 12:00 1998",
        },
    ]
    "#);
    assert_eq!(entries("a (1) sid; urgency=low\n  * cut off")[0].changes, "  * cut off");
    assert_eq!(entries("a (1) sid; x\nb (2) sid;\n").len(), 2);
    assert_eq!(entries(" -- A <a@b>  now\n\nSat Jan  1 1994  A (a@b)\n\n\t* x.c (main): y; z\n"), []);
    assert!(
        entries("a 1 sid; x\na (1 2) sid; x\na(1) sid; x\na (1)sid; x\na (1) sid\n(1) sid; x\n").is_empty()
    );
}

#[test]
fn the_strict_reader_says_what_is_wrong_and_where() {
    let message = |from: &str, to: &str| {
        assert!(TWO.contains(from));
        changelog::parse(&TWO.replacen(from, to, 1)).unwrap_err().to_string()
    };
    insta::assert_snapshot!(message("hello (2.10-3) unstable;", "hello 2.10-3;"), @"line 1, column 1: an entry must start with `package (version) suites; urgency=…` (deb-changelog(5))");
    insta::assert_snapshot!(message("hello (", "hello  ("), @"line 1, column 1: there must be one blank between package and version (deb-changelog(5))");
    insta::assert_snapshot!(message("urgency=medium", "urgency=medium, vcs-git-url=x"), @"line 1, column 42: only `urgency`, `binary-only` and keys such as `XB-Name` are known (deb-changelog(5))");
    insta::assert_snapshot!(message("hello (2.10-3) unstable;", "\nhello (2.10-3) unstable;"), @"line 1, column 1: a changelog must start with an entry, without empty lines before it");
    insta::assert_snapshot!(message("hello (1:", "  * x\nhello (1:"), @"line 8, column 1: an entry must start with `package (version) suites; urgency=…` (deb-changelog(5))");
    insta::assert_snapshot!(message("hello (1:", " -- A <a@b>  Sat, 01 Jan 2022 10:00:00 +0000\nhello (1:"), @"line 8, column 1: an entry must start with `package (version) suites; urgency=…` (deb-changelog(5))");
    insta::assert_snapshot!(message("Jan", "January"), @"line 6, column 39: a date must be like `Sat, 01 Jan 2022 10:00:00 +0000` (deb-changelog(5))");
    insta::assert_snapshot!(message("2.10-3", "2.10_3"), @"line 1, column 8: the version must be letters, digits and `.+-:~` (Policy 5.6.12)");
    insta::assert_snapshot!(message(" unstable", " "), @"line 1, column 1: an entry must start with `package (version) suites; urgency=…` (deb-changelog(5))");
    insta::assert_snapshot!(message("urgency=medium", "medium"), @"line 1, column 26: what follows the semicolon must be `key=value`, with commas between (deb-changelog(5))");
    insta::assert_snapshot!(message("  * CVE", " * CVE"), @"line 4, column 1: a line of changes must be indented by two blanks (deb-changelog(5))");
    insta::assert_snapshot!(message("  Sat", " Sat"), @"line 6, column 1: the last line of an entry must be ` -- Name <address>`, two blanks and a date (deb-changelog(5))");
    insta::assert_snapshot!(message(" -- Some Body <somebody@example.org>", " -- Some Body"), @"line 6, column 1: the last line of an entry must be ` -- Name <address>`, two blanks and a date (deb-changelog(5))");
    insta::assert_snapshot!(message("Jan", "Jun."), @"line 6, column 39: a date must be like `Sat, 01 Jan 2022 10:00:00 +0000` (deb-changelog(5))");
    insta::assert_snapshot!(message(" -- Some", "  - Some"), @"line 8, column 1: an entry must end with a line that starts with ` -- ` (deb-changelog(5))");
    insta::assert_snapshot!(message(" -- A", "  - A"), @"line 13, column 1: the last entry must end with a line that starts with ` -- ` (deb-changelog(5))");
    insta::assert_snapshot!(message("hello (1:", "x y\nhello (1:"), @"line 8, column 1: an entry must start with `package (version) suites; urgency=…` (deb-changelog(5))");
}
