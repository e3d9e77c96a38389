//! What a web server does with the questions of clients: conditional ones, ranges, redirects, and what caches are told.

use apt_fetch::{Address, Answer, AnswerKind, Conditions, PoolFile, Scheme};
use jiff::{SignedDuration, Timestamp};

use super::Examination;
use super::finding::Findings;
use super::release::tell_problem;
use crate::clock;

/// A cache may keep the Release for so long without asking.
const LONGEST_AGE: u64 = 600;

/// Asks as clients do that have been here before.
pub(super) fn check(examination: &Examination<'_>, files: &[PoolFile], findings: &mut Findings) {
    let inline = examination.archive.address_in_suite("InRelease");
    let plain = examination.archive.address_in_suite("Release");
    let found = [inline, plain].into_iter().find_map(|address| {
        let answer = ask(examination, &address, &Conditions::default()).ok()?;
        Some((address, answer))
    });
    if let Some((address, answer)) = found {
        check_clock(&answer, findings);
        check_caching(&answer, findings);
        check_redirects(&address, &answer, findings);
        check_conditional(examination, &address, &answer, findings);
    }
    if let Some(file) = files.iter().find(|file| file.expected.size() > 1) {
        check_range(examination, file, findings);
    }
}

fn ask(
    examination: &Examination<'_>,
    address: &Address,
    conditions: &Conditions,
) -> Result<Answer, apt_fetch::Error> {
    let client = examination.archive.client();
    client.open(address, conditions, client.limits().release)
}

/// Returns a date of the head of an answer.
fn date(answer: &Answer, name: &str) -> Option<Timestamp> {
    let text = answer.field(name)?.strip_suffix("GMT")?;
    jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(format!("{text}+0000")).ok()
}

/// Compares the clock of the server with this one.
fn check_clock(answer: &Answer, findings: &mut Findings) {
    let Some(server) = date(answer, "date") else { return };
    // The checks before took their time, and a cache may have had the answer for a while.
    let age = answer.field("age").and_then(|age| age.parse().ok()).unwrap_or(0);
    let now = clock::now();
    let server = server.checked_add(SignedDuration::from_secs(age)).unwrap_or(server);
    let apart = server.duration_since(now).abs();
    if apart > SignedDuration::from_secs(60) {
        findings
            .warning(
                "clock",
                &answer.url,
                format!("the clock of the server says {server}, {} seconds from this one", apart.as_secs()),
            )
            .client("E: Release file … is not valid yet (if it publishes with that clock)")
            .mend("set the clock of the server, or of this machine");
    }
    if date(answer, "last-modified").is_some_and(|changed| changed > server.max(now)) {
        findings
            .warning(
                "last-modified",
                &answer.url,
                "Last-Modified lies in the future, so the next change looks like none",
            )
            .mend("set the time of the file");
    }
}

/// What is said to caches: an old Release beside new indices is what clients call a Hash Sum mismatch.
fn check_caching(answer: &Answer, findings: &mut Findings) {
    let control = answer.field("cache-control").unwrap_or_default().to_ascii_lowercase();
    let ages = control.split(',').filter_map(|part| {
        let (name, value) = part.trim().split_once('=')?;
        matches!(name, "max-age" | "s-maxage").then(|| value.parse::<u64>().ok()).flatten()
    });
    // With no-cache each copy is asked about, however old it may become.
    let longest = if control.contains("no-cache") { 0 } else { ages.max().unwrap_or(0) };
    if longest > LONGEST_AGE || control.contains("immutable") {
        findings
            .warning("cached", &answer.url, format!("caches may keep it without asking: Cache-Control: {control}"))
            .client("E: Failed to fetch …  Hash Sum mismatch (a new index beside an old Release, or the other way round)")
            .mend("send Cache-Control: no-cache for InRelease, Release and Release.gpg");
    }
    let age = answer.field("age").and_then(|age| age.parse::<u64>().ok());
    if let Some(age) = age.filter(|age| *age > LONGEST_AGE) {
        findings
            .warning(
                "stale",
                &answer.url,
                format!("a cache on the way keeps a copy that is {age} seconds old"),
            )
            .mend("empty the cache when a suite is published, or let it ask each time");
    }
}

fn check_redirects(address: &Address, answer: &Answer, findings: &mut Findings) {
    if answer.redirects.is_empty() {
        return;
    }
    let way: Vec<String> =
        answer.redirects.iter().skip(1).chain([&answer.url]).map(ToString::to_string).collect();
    let what = format!("redirects to {}", way.join(", then to "));
    let becomes_https = address.url.scheme() == Scheme::Http && answer.url.scheme() == Scheme::Https;
    let finding = findings.note("redirect", &address.url, what);
    if becomes_https {
        finding.mend("give clients the https address: the first request of each update goes over the network in the clear");
    }
}

/// Whether an update of what has not changed costs nothing.
fn check_conditional(
    examination: &Examination<'_>,
    address: &Address,
    answer: &Answer,
    findings: &mut Findings,
) {
    let Some(changed) = answer.field("last-modified") else {
        findings
            .warning("no-last-modified", &answer.url, "has no Last-Modified: each update loads it again")
            .mend("let the web server send Last-Modified; apt does not use ETag");
        return;
    };
    // Of what changed within the last minute a server cannot say that it is the same (RFC 9110, section 8.8.2.2).
    let now = date(answer, "date").unwrap_or(examination.now);
    let minute = SignedDuration::from_secs(60);
    if date(answer, "last-modified").is_some_and(|changed| now.duration_since(changed) < minute) {
        return;
    }
    let conditions = Conditions::if_modified_since(changed);
    match ask(examination, address, &conditions) {
        Ok(again) if again.kind == AnswerKind::Unchanged => {}
        Ok(_) => {
            findings
                .warning(
                    "not-conditional",
                    &answer.url,
                    "If-Modified-Since is not answered with 304: each update loads it again",
                )
                .mend("let the web server answer conditional requests");
        }
        Err(error) => tell_problem(&error, findings),
    }
}

/// Whether a download that broke off can go on.
fn check_range(examination: &Examination<'_>, file: &PoolFile, findings: &mut Findings) {
    let address = examination.archive.address(file.path.as_str());
    match examination.archive.client().open(&address, &Conditions::from(1), file.expected.size()) {
        Ok(answer) if answer.kind == AnswerKind::Rest => {}
        Ok(_) => {
            findings
                .warning(
                    "no-ranges",
                    &address.url,
                    "a part of a file cannot be had: a download that breaks off starts again",
                )
                .mend("let the web server answer requests with Range");
        }
        // The check of the files tells what is wrong with one that cannot be had.
        Err(_) => {}
    }
}
