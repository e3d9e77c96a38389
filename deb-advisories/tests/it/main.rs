//! Known answers, in the schemas that the security teams publish.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::print_stdout
)]

mod fuzz_replay;

use deb_advisories::{Advisories, Distribution, Error, Finding, Release, Status};
use deb_parse::Version;
use proptest::prelude::*;

const TRACKER: &[u8] = include_bytes!("tracker.json");
const OSV: &[u8] = include_bytes!("osv.json");

fn release(series: &str) -> Release {
    let (distribution, number) = match series {
        "buster" => (Distribution::Debian, "10"),
        "bullseye" => (Distribution::Debian, "11"),
        "bookworm" => (Distribution::Debian, "12"),
        "trixie" => (Distribution::Debian, "13"),
        "forky" => (Distribution::Debian, "14"),
        "sid" => (Distribution::Debian, ""),
        "xenial" => (Distribution::Ubuntu, "16.04"),
        "jammy" => (Distribution::Ubuntu, "22.04"),
        "noble" => (Distribution::Ubuntu, "24.04"),
        other => panic!("{other}"),
    };
    Release::new(distribution, series, number)
}

fn advisories() -> Advisories {
    let mut advisories = Advisories::default();
    let both = [TRACKER, b"\n\n", OSV, b"\n"].concat();
    advisories.read(&both[..], &|source| source != "unwanted").unwrap();
    advisories
}

fn in_words(finding: &Finding<'_>) -> String {
    let mark = if finding.status == Status::Undetermined { "?" } else { "" };
    let fixed = finding.fixed.map_or_else(String::new, |fixed| format!("<{fixed}"));
    format!("{}{mark}{fixed}", finding.id)
}

#[test]
fn each_version_has_what_the_data_say() {
    let advisories = advisories();
    let mut count = 0;
    for case in include_str!("cases.txt").lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (asked, expected) = case.split_once(": ").unwrap();
        let [source, version, series] = asked.split(' ').collect::<Vec<_>>().try_into().unwrap();
        let found = advisories.of(source, &Version::parse(version).unwrap(), &release(series));
        let mut found: Vec<String> = found.iter().map(in_words).collect();
        let mut expected: Vec<String> =
            expected.split(' ').filter(|word| *word != "-").map(ToOwned::to_owned).collect();
        found.sort();
        expected.sort();
        assert_eq!(found, expected, "{asked}");
        count += 1;
    }
    assert!(count >= 50, "{count}");
}

#[test]
fn a_finding_says_what_people_want_to_know() {
    let advisories = advisories();
    let found = advisories.of("openssl", &Version::parse("3.0.15-1~deb12u1").unwrap(), &release("bookworm"));
    let postponed = found.iter().find(|one| one.id == "CVE-2026-0002").unwrap();
    assert_eq!((postponed.urgency, postponed.note), ("low", "Minor issue; postponed"));
    let elsewhere: Vec<String> =
        postponed.fixed_elsewhere.iter().map(|(place, version)| format!("{place} {version}")).collect();
    assert_eq!(elsewhere, ["sid 3.5.4-1"]);
    let trixie = advisories.of("openssl", &Version::parse("3.5.1-1").unwrap(), &release("trixie"));
    assert!(trixie.iter().any(|one| one.id == "CVE-2026-0003" && one.is_unimportant()));

    let jammy = advisories.of("webserver", &Version::parse("1.18-6ubuntu14").unwrap(), &release("jammy"));
    assert_eq!((jammy[0].urgency, jammy[0].summary), ("high", "Of two releases of Ubuntu."));
    assert_eq!(jammy[0].aliases, ["UBUNTU-CVE-2026-1004"]);
    let bookworm = advisories.of("webserver", &Version::parse("1.18-3").unwrap(), &release("bookworm"));
    let advisory = bookworm.iter().find(|one| one.id == "DSA-7000-1").unwrap();
    assert_eq!(advisory.aliases, ["CVE-2026-1001", "CVE-2026-1002"]);
}

#[test]
fn what_one_file_says_twice_of_a_release_counts_together() {
    let record = |id: &str, events: &str| {
        format!(
            r#"{{"id": "{id}", "upstream": ["CVE-1"], "affected": [{{"package": {{"ecosystem": "Debian:12", "name": "aa"}},
            "ranges": [{{"type": "ECOSYSTEM", "events": [{events}]}}]}}]}}"#
        )
    };
    let first = record("DSA-1-1", r#"{"introduced": "0"}, {"fixed": "1.0"}"#);
    let second = record("DSA-2-1", r#"{"introduced": "2.0"}"#);
    let mut advisories = Advisories::default();
    advisories.read(format!("[{first}, {second}]").as_bytes(), &|_| true).unwrap();
    let found = ["0.9", "1.0", "2.5"]
        .map(|version| advisories.of("aa", &Version::parse(version).unwrap(), &release("bookworm")).len());
    assert_eq!(found, [1, 0, 1]);
    let known = advisories.of("aa", &Version::parse("2.5").unwrap(), &release("bookworm"));
    assert_eq!(known[0].aliases, ["DSA-1-1", "DSA-2-1"]);
}

#[test]
fn what_nothing_is_said_of_is_not_known() {
    let mut advisories = Advisories::default();
    advisories.read(OSV, &|_| false).unwrap();
    let known = |advisories: &Advisories| {
        ["bookworm", "trixie", "bullseye", "sid", "jammy", "xenial"]
            .map(|series| advisories.know(&release(series)))
    };
    assert_eq!(known(&advisories), [true, true, false, false, true, false]);
    // What Debian's tracker does not know in a release counts as in sid.
    advisories.read(TRACKER, &|_| false).unwrap();
    assert_eq!(known(&advisories), [true, true, true, true, true, false]);
    assert!(advisories.is_empty());
}

#[test]
fn what_was_said_first_counts() {
    let of = |fixed: &str| {
        format!(
            r#"{{"aa": {{"CVE-1": {{"releases": {{"sid": {{"status": "resolved", "fixed_version": "{fixed}"}}}}}}}}}}"#
        )
    };
    let mut advisories = Advisories::default();
    advisories.read(of("1").as_bytes(), &|_| true).unwrap();
    advisories.read(of("2").as_bytes(), &|_| true).unwrap();
    assert!(advisories.of("aa", &Version::parse("1").unwrap(), &release("sid")).is_empty());
    assert_eq!(advisories.len(), 1);
}

#[test]
fn what_is_in_neither_format_is_refused_whole() {
    let cases: [&[u8]; 13] = [
        br#"{"vulns": [], "next_page_token": "x"}"#,
        br#"{"vulns": {"CVE-1": []}}"#,
        br#"{"SPDXID": "SPDXRef-DOCUMENT", "packages": []}"#,
        br#"{"name": "a list of something else", "packages": []}"#,
        b"nonsense",
        b"[1]",
        b"3",
        br#"{"aa": 1}"#,
        br#"{"aa": {"CVE-1": {"releases": {"sid": {"status": "resolved", "fixed_version": "no version"}}}}}"#,
        br#"{"aa": {}, "id": "CVE-1"}"#,
        br#"{"id": 3}"#,
        br#"{"aa": {"CVE-1": {"releases": {"sid": {"status": "open"}}}"#,
        b"[[[[[[[[[[[[[[[[[[[[[",
    ];
    for case in cases {
        let mut advisories = Advisories::default();
        let good = br#"{"aa": {"CVE-0": {"releases": {"sid": {"status": "open"}}}}} "#;
        let found = advisories.read(&[good, case].concat()[..], &|source| source == "aa");
        let text = String::from_utf8_lossy(case);
        assert!(matches!(found, Err(Error::Format { document: 2, .. })), "{text}: {found:?}");
        assert!(advisories.is_empty(), "{text}");
    }
    assert_eq!(Advisories::default().read(&b" \n{}\n[]"[..], &|_| true).unwrap(), 0);
    assert_eq!(Advisories::default().read(TRACKER, &|_| false).unwrap(), 3);
    assert_eq!(Advisories::default().read(OSV, &|_| false).unwrap(), 7);
}

#[test]
fn what_a_record_leaves_open_is_not_fine() {
    let osv = |ecosystem: &str, events: &str| {
        format!(
            r#"{{"id": "CVE-1", "affected": [{{"package": {{"ecosystem": "{ecosystem}", "name": "aa"}},
            "ranges": [{{"type": "ECOSYSTEM", "events": [{events}]}}]}}]}}"#
        )
    };
    let specific = osv("Debian:12", r#"{"introduced": "0"}, {"fixed": "1"}"#);
    let both = format!("[{}, {specific}]", osv("Debian", r#"{"introduced": "0"}"#));
    let cases = [
        // A release that is not named is each of them, unless something is said of that one.
        (osv("Debian", r#"{"introduced": "0"}, {"fixed": "3"}"#), "CVE-1<3 CVE-1<3"),
        (osv("Ubuntu", r#"{"introduced": "0"}"#), " "),
        (both, " CVE-1"),
        (osv("Debian:12", ""), "CVE-1? "),
        (osv("Debian:12", r#"{"fixed": "1"}"#), "CVE-1? "),
        (osv("Debian:12", r#"{"last_affected": "1"}"#), "CVE-1? "),
        (r#"{"aa": {"CVE-1": {}}}"#.to_owned(), "CVE-1? CVE-1?"),
        (r#"{"aa": {"CVE-1": {"releases": {}}}}"#.to_owned(), "CVE-1? CVE-1?"),
        (r#"{"aa": {"CVE-1": {"Releases": {"bookworm": {"status": "open"}}}}}"#.to_owned(), "CVE-1? CVE-1?"),
        (r#"{"aa": {}}"#.to_owned(), " "),
        (format!(r#"{{"vulns": [{}]}}"#, osv("Debian:12", "")), "CVE-1? "),
    ];
    for (data, expected) in cases {
        let mut advisories = Advisories::default();
        advisories.read(data.as_bytes(), &|_| true).unwrap();
        let found = ["bookworm", "trixie"].map(|series| {
            let found = advisories.of("aa", &Version::parse("2").unwrap(), &release(series));
            found.iter().map(in_words).collect::<Vec<_>>().join(",")
        });
        assert_eq!(found.join(" "), expected, "{data}");
    }
}

proptest! {
    /// Within one range of Debian's tracker, what is fixed stays fixed in later versions.
    #[test]
    fn no_later_version_has_what_an_earlier_one_is_free_of(
        fixed in "[0-9][0-9.+~a-c]{0,4}-[0-9]{1,2}", a in "[0-9][0-9.+~a-c]{0,4}-[0-9]{1,2}", b in "[0-9][0-9.+~a-c]{0,4}-[0-9]{1,2}",
    ) {
        let data = format!(r#"{{"aa": {{"CVE-1": {{"releases": {{"sid": {{"status": "resolved", "fixed_version": "{fixed}"}}}}}}}}}}"#);
        let mut advisories = Advisories::default();
        advisories.read(data.as_bytes(), &|_| true).unwrap();
        let (a, b) = (Version::parse(&a).unwrap(), Version::parse(&b).unwrap());
        let (lower, higher) = if a < b { (a, b) } else { (b, a) };
        let is_free = |version: &Version| advisories.of("aa", version, &release("sid")).is_empty();
        prop_assert!(!is_free(&lower) || is_free(&higher));
        prop_assert_eq!(is_free(&lower), lower >= Version::parse(&fixed).unwrap());
    }
}
