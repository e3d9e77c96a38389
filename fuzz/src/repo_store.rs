//! Laws of the crate `repo-store` for bytes of its own formats: plain functions that panic where one is broken.

use std::collections::BTreeSet;

use deb_parse::{Architecture, SuiteName, Version};
use repo_store::history::Operation;
use repo_store::model::{CommitId, PublicationId, TagName};
use repo_store::settings::{Markers, route};
use repo_store::{RepositoryName, RepositorySettings, Selector, SuiteSettings, fuzzing};

use super::checks::{Law, check_line};

/// All laws by the names of their fuzz targets.
pub const LAWS: &[(&str, Law)] = &[
    ("page_read", page_read),
    ("snapshot_read", snapshot_read),
    ("commit_read", commit_read),
    ("holds_read", holds_read),
    ("attestation_read", attestation_read),
    ("record_read", record_read),
    ("chunk_read", chunk_read),
    ("publication_read", publication_read),
    ("log_read", log_read),
    ("history_ends_read", history_ends_read),
    ("tokens_read", tokens_read),
    ("machines_read", machines_read),
    ("manifest_read", manifest_read),
    ("object_unpack", object_unpack),
    ("names_read", names_read),
    ("pattern_match", pattern_match),
    ("routing", routing),
];

/// What is read is written in a form that reads back as itself.
fn is_its_own(read: impl Fn(&[u8]) -> Option<Vec<u8>>, text: &[u8]) {
    if let Some(written) = read(text) {
        let again = read(&written);
        assert_eq!(again.as_deref(), Some(&written[..]), "{}", String::from_utf8_lossy(&written));
    }
}

/// A page of chunks reads back as it is written.
pub fn page_read(text: &[u8]) {
    is_its_own(fuzzing::page, text);
}

/// A snapshot reads back as it is written.
pub fn snapshot_read(text: &[u8]) {
    is_its_own(fuzzing::snapshot, text);
}

/// A commit reads back as it is written.
pub fn commit_read(text: &[u8]) {
    is_its_own(fuzzing::commit, text);
}

/// A list of holds reads back as it is written.
pub fn holds_read(text: &[u8]) {
    is_its_own(fuzzing::holds, text);
}

/// A statement is about files that are named by their digests, and blanks around it change nothing.
pub fn attestation_read(text: &[u8]) {
    let Some(subjects) = fuzzing::attestation(text) else { return };
    assert!(!subjects.is_empty());
    assert!(
        subjects.iter().all(|digest| digest.len() == 64 && digest.bytes().all(|c| c.is_ascii_hexdigit()))
    );
    let padded = [b" \n", text, b"\n"].concat();
    assert_eq!(fuzzing::attestation(&padded), Some(subjects));
}

/// A record reads back as it is written.
pub fn record_read(text: &[u8]) {
    is_its_own(fuzzing::record, text);
}

/// A chunk is read in every way there is.
pub fn chunk_read(text: &[u8]) {
    for key in fuzzing::chunk(text).into_iter().flatten() {
        assert_eq!(fuzzing::record_key(&key).as_deref(), Some(&*key));
    }
}

/// The record of a publication reads back as it is written, and what it names stays below the published tree.
pub fn publication_read(content: &[u8]) {
    let Some((written, paths)) = fuzzing::publication(content) else { return };
    let again = fuzzing::publication(&written);
    assert_eq!(again.map(|(text, _)| text), Some(written.clone()), "{}", String::from_utf8_lossy(&written));
    for path in paths {
        let inside =
            !path.starts_with('/') && !path.split('/').any(|element| matches!(element, "" | "." | ".."));
        assert!(inside && !path.contains(char::is_control), "{path:?}");
    }
}

/// Lines of the operation log read back as they are written; every line that was written is intact, and no other one is.
pub fn log_read(bytes: &[u8]) {
    let _ = fuzzing::log_lines(bytes);
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let lines: Vec<&str> = text.lines().collect();
    let log = fuzzing::log(&lines);
    assert_eq!(fuzzing::log_lines(&log), lines.len());
    if let Some(cut) = log.len().checked_sub(1) {
        assert_eq!(fuzzing::log_lines(&log[..cut]), lines.len() - 1);
    }
    for line in lines {
        is_its_own(
            |line| fuzzing::log_entry(std::str::from_utf8(line).ok()?).map(String::into_bytes),
            line.as_bytes(),
        );
    }
}

/// The ends of a history read back as they are written.
pub fn history_ends_read(text: &[u8]) {
    is_its_own(fuzzing::history_ends, text);
    if let Ok(text) = std::str::from_utf8(text) {
        let lines: Vec<&str> = text.lines().collect();
        is_its_own(fuzzing::history_ends, &fuzzing::log(&lines));
    }
}

/// The tokens of a repository read back as they are written.
pub fn tokens_read(text: &[u8]) {
    is_its_own(fuzzing::tokens, text);
    if let Ok(text) = std::str::from_utf8(text) {
        let _ = repo_store::access::Token::parse(text);
        let lines: Vec<&str> = text.lines().collect();
        is_its_own(fuzzing::tokens, &fuzzing::log(&lines));
    }
}

/// The machines of a repository read back as they are written.
pub fn machines_read(text: &[u8]) {
    is_its_own(fuzzing::machines, text);
    if let Ok(text) = std::str::from_utf8(text) {
        let lines: Vec<&str> = text.lines().collect();
        is_its_own(fuzzing::machines, &fuzzing::log(&lines));
    }
}

/// A manifest is read, or is refused.
pub fn manifest_read(rest: &[u8]) {
    let _ = fuzzing::manifest_file(rest);
    for path in fuzzing::manifest(rest).into_iter().flatten() {
        assert!(!path.contains(&b'\n'));
    }
}

/// An object unpacks to what was packed; of other bytes it takes no more memory than they hold.
pub fn object_unpack(bytes: &[u8]) {
    if let Ok(text) = fuzzing::unpack(bytes) {
        assert!(text.len() <= 1 << 30);
    }
    let packed = fuzzing::pack(bytes).unwrap();
    assert_eq!(fuzzing::unpack(&packed).unwrap(), bytes);
}

/// Names, ids and words of the store are refused in one line, or are written as they were read.
pub fn names_read(text: &[u8]) {
    let Ok(text) = std::str::from_utf8(text) else { return };
    match RepositoryName::parse(text) {
        Ok(name) => assert!(name.as_str() == text && !text.contains('/') && !text.starts_with('.')),
        Err(error) => check_line(&error),
    }
    match TagName::parse(text) {
        Ok(name) => assert!(name.as_str() == text && !text.contains('/') && !text.starts_with('.')),
        Err(error) => check_line(&error),
    }
    match text.parse::<CommitId>() {
        Ok(id) => assert_eq!(id.to_string().parse::<CommitId>().unwrap(), id),
        Err(error) => check_line(&error),
    }
    match text.parse::<Selector>() {
        Ok(selector) => assert_eq!(selector.to_string(), text),
        Err(error) => check_line(&error),
    }
    if let Some(id) = PublicationId::parse(text) {
        assert_eq!(id.to_string(), text);
    }
    if let Some(key) = fuzzing::record_key(text) {
        assert_eq!(key, text);
    }
    let written = Operation::parse(text).to_string();
    assert_eq!(Operation::parse(&written).to_string(), written);
}

/// Whether a pattern takes a text, by the book: `*` is any run of characters, `?` is one.
fn matches(pattern: &[char], text: &[char]) -> bool {
    // Which lengths of the text what was read of the pattern takes.
    let mut taken = vec![false; text.len() + 1];
    taken[0] = true;
    for c in pattern {
        let before = taken.clone();
        for length in 0..taken.len() {
            taken[length] = match c {
                '*' => before[..=length].contains(&true),
                c => length > 0 && before[length - 1] && (*c == '?' || *c == text[length - 1]),
            };
        }
    }
    taken[text.len()]
}

/// Patterns take what they take by the book, in no time.
///
/// The input is a pattern and a text, separated by a newline.
pub fn pattern_match(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (pattern, text) = text.split_once('\n').unwrap_or((&text, ""));
    let (chars, text_chars): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    if chars.len() * text_chars.len() < 1 << 20 {
        assert_eq!(fuzzing::matches(pattern, text), matches(&chars, &text_chars), "{pattern:?} {text:?}");
    }
}

/// A package goes to suites that there are, whatever its version and the markers of the suites say.
///
/// The input is a version, names of suites, and words, line by line.
pub fn routing(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let mut lines = text.lines();
    let Some(version) = lines.next().and_then(|line| Version::parse(line).ok()) else { return };
    let architectures = vec![Architecture::parse("amd64").unwrap()];
    let mut suites = Vec::new();
    for line in lines.take(20) {
        let mut words = line.split(' ').map(str::to_owned);
        let Some(name) = words.next().and_then(|name| SuiteName::parse(&name).ok()) else { continue };
        let mut suite = SuiteSettings::new(name, architectures.clone());
        let words: Vec<String> = words.collect();
        if !words.is_empty() {
            suite.markers = Markers::new(&words);
        }
        suites.push(suite);
    }
    let settings = RepositorySettings::new(RepositoryName::parse("prod").unwrap(), suites);
    let known: BTreeSet<&SuiteName> = settings.suites.iter().map(|suite| &suite.name).collect();
    let routed = route(&settings, &version);
    assert!(routed.suites().iter().all(|suite| known.contains(suite)));
}
