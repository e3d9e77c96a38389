//! The operation log: who did what when, in lines that guard themselves and their order.
//!
//! ```text
//! <time> TAB <actor> TAB <repository> TAB <commit before> TAB <commit after> TAB <operation> TAB <check>
//! ```
//!
//! The check is the start of a BLAKE3 over the line before's check and this line, so that a changed, lost or exchanged line
//! shows. A line is written before what it announces is done: every commit that a reference ever named has one, and the last
//! line of a repository may announce a commit that a crash prevented.

use crate::storage::Key;

/// Where a storage of files keeps the log.
pub(crate) fn key() -> Key {
    Key::named("ops", "log")
}

/// Hexadecimal digits of a check: enough against accidents, which is all it is for.
const CHECK: usize = 16;

/// A line as it is appended to a log that holds `log` so far, or the end of it; with the line feed.
pub(crate) fn seal(log: &[u8], line: &str) -> String {
    let before = log.strip_suffix(b"\n").unwrap_or(log);
    let before = before.get(before.len().saturating_sub(CHECK)..).unwrap_or_default();
    format!("{line}\t{}\n", check(before, line.as_bytes()))
}

/// How much of the end of a log [`seal`] looks at, in bytes.
pub(crate) const TAIL: u64 = CHECK as u64 + 1;

fn check(before: &[u8], line: &[u8]) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(before).update(b"\n").update(line);
    let mut digits = hasher.finalize().to_hex().to_string();
    digits.truncate(CHECK);
    digits
}

/// One line of a log, without its check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Line<'a> {
    /// Counted from 1.
    pub(crate) number: usize,
    pub(crate) text: &'a str,
    /// Whether the line is what was written behind the line before.
    pub(crate) intact: bool,
}

/// The lines of a log. A last line without its line feed was cut short and is not intact.
pub(crate) fn lines(log: &[u8]) -> impl Iterator<Item = Line<'_>> {
    let mut before: &[u8] = b"";
    log.split_inclusive(|byte| *byte == b'\n').enumerate().map(move |(index, whole)| {
        let line = whole.strip_suffix(b"\n").unwrap_or(whole);
        let tab = line.iter().rposition(|byte| *byte == b'\t');
        let (text, own) = tab.and_then(|tab| line.split_at_checked(tab)).unwrap_or((line, b""));
        let own = own.get(1..).unwrap_or_default();
        let intact = whole.ends_with(b"\n") && own == check(before, text).as_bytes();
        before = line.get(line.len().saturating_sub(CHECK)..).unwrap_or_default();
        // What is intact was written as text.
        let text = std::str::from_utf8(text).unwrap_or_default();
        Line { number: index + 1, text, intact }
    })
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;

    fn log(lines: &[&str]) -> Vec<u8> {
        lines.iter().fold(Vec::new(), |mut log, line| {
            let sealed = seal(&log, line);
            log.extend_from_slice(sealed.as_bytes());
            log
        })
    }

    #[test]
    fn a_log_reads_back_as_it_was_written() {
        let log = log(&["now\teve\tprod\ta\tb\tadd x", "later\tbob\tprod\tb\tc\tadd y"]);
        assert_snapshot!(String::from_utf8_lossy(&log).replace('\t', " | "), @r"
        now | eve | prod | a | b | add x | f2212971efe1ab39
        later | bob | prod | b | c | add y | 35b59a869a4dfa86
        ");
        assert!(lines(&log).all(|line| line.intact));
        let last = lines(&log).last().unwrap();
        assert_eq!((last.number, last.text), (2, "later\tbob\tprod\tb\tc\tadd y"));
    }

    #[test]
    fn the_end_of_a_log_is_enough_to_append_to_it() {
        let log = log(&["one", "two"]);
        let tail = &log[log.len() - TAIL as usize..];
        assert_eq!(seal(tail, "three"), seal(&log, "three"));
    }

    #[test]
    fn every_change_of_a_log_shows() {
        let lines_of = ["one", "two", "three"];
        let whole = log(&lines_of);
        for position in 0..whole.len() {
            for bit in 0..8 {
                let mut changed = whole.clone();
                changed[position] ^= 1 << bit;
                assert!(!lines(&changed).all(|line| line.intact), "byte {position} bit {bit}");
            }
        }
        let without_second = log(&lines_of).split_inclusive(|b| *b == b'\n').enumerate().fold(
            Vec::new(),
            |mut log, (number, line)| {
                if number != 1 {
                    log.extend_from_slice(line);
                }
                log
            },
        );
        assert!(!lines(&without_second).all(|line| line.intact));
        assert!(!lines(&whole[..whole.len() - 1]).all(|line| line.intact));
    }
}
