//! Conditional and partial requests: what of a file a request asks for (RFC 9110, sections 13 and 14).

use std::time::{Duration, SystemTime};

use hyper::HeaderMap;
use hyper::header::{
    AsHeaderName, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE, RANGE,
};

/// What identifies the state of a file to caches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Validators {
    /// As it stands in the `ETag` field, quotes included.
    pub(crate) etag: String,
    /// In whole seconds, as HTTP knows no finer.
    pub(crate) modified: SystemTime,
    /// The time of the answer. Publications that follow each other within a second have times that run ahead of it.
    pub(crate) now: SystemTime,
}

impl Validators {
    /// Returns the time of the file for `Last-Modified`, which must not be later than the answer (RFC 9110, 8.8.2.1).
    ///
    /// While the file is ahead of the clock that is the second before the answer: what is published next, signed again with a clock that
    /// was set right, may have the very second of the answer, and a client would take the one for the other.
    pub(crate) fn last_modified(&self) -> SystemTime {
        let now = whole_seconds(self.now);
        if self.modified <= now { self.modified } else { now - Duration::from_secs(1) }
    }

    /// Returns whether this is the time of the file. While that is ahead, no time is: other files may be answered with the present time too.
    fn are_of(&self, time: SystemTime) -> bool {
        time == self.modified && self.modified == self.last_modified()
    }
}

/// What to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Selection {
    /// 200: all of it.
    Whole,
    /// 206: `length` bytes from `start`; `length` is at least one.
    Part { start: u64, length: u64 },
    /// 304.
    NotModified,
    /// 412: it is not in the state that the request insists on.
    PreconditionFailed,
    /// 416: the range begins behind the end.
    Unsatisfiable,
}

/// Decides what a GET (or, without ranges, a HEAD) asks for, given the file's validators and size.
pub(crate) fn select(headers: &HeaderMap, is_get: bool, validators: &Validators, size: u64) -> Selection {
    // The order of these tests is that of RFC 9110, section 13.2.2.
    if headers.contains_key(IF_MATCH) {
        if !lists(headers, IF_MATCH, &validators.etag, Comparison::Strong) {
            return Selection::PreconditionFailed;
        }
    } else if date(headers, IF_UNMODIFIED_SINCE).is_some_and(|given| validators.modified > given) {
        return Selection::PreconditionFailed;
    }
    if headers.contains_key(IF_NONE_MATCH) {
        if lists(headers, IF_NONE_MATCH, &validators.etag, Comparison::Weak) {
            return Selection::NotModified;
        }
    // Only what we sent ourselves: after a clock that was wrong is set right, a new file is older than the one before it.
    } else if date(headers, IF_MODIFIED_SINCE).is_some_and(|given| validators.are_of(given)) {
        return Selection::NotModified;
    }
    if !is_get || !headers.contains_key(RANGE) || !range_holds(headers, validators) {
        return Selection::Whole;
    }
    let mut ranges = headers.get_all(RANGE).iter();
    match (ranges.next().and_then(|value| value.to_str().ok()), ranges.next()) {
        (Some(range), None) => parse_range(range, size),
        _ => Selection::Whole,
    }
}

/// Returns whether a field such as `If-None-Match` lists an entity tag, or all.
pub(crate) fn lists_etag(headers: &HeaderMap, name: impl AsHeaderName, etag: &str) -> bool {
    lists(headers, name, etag, Comparison::Weak)
}

/// Cuts a time down to whole seconds.
pub(crate) fn whole_seconds(time: SystemTime) -> SystemTime {
    let seconds = time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

/// Reads the one range of `bytes=…`. Several ranges, other units and bad syntax get the whole file, as RFC 9110 allows:
/// apt never asks for several, and a thousand tiny ranges are an attack rather than a wish.
fn parse_range(value: &str, size: u64) -> Selection {
    let Some((unit, spec)) = value.split_once('=') else { return Selection::Whole };
    let Some((first, last)) = spec.trim().split_once('-') else { return Selection::Whole };
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return Selection::Whole;
    }
    match (number(first), number(last)) {
        (Some(first), Some(last)) if first <= last => part(first, last.saturating_add(1).min(size), size),
        (Some(first), None) if last.is_empty() => part(first, size, size),
        (None, Some(suffix)) if first.is_empty() => part(size.saturating_sub(suffix), size, size),
        _ => Selection::Whole,
    }
}

fn part(start: u64, end: u64, size: u64) -> Selection {
    match end.checked_sub(start) {
        Some(length) if length > 0 && start < size => Selection::Part { start, length },
        _ => Selection::Unsatisfiable,
    }
}

/// Digits only. A number too large for us is as good as the largest.
fn number(text: &str) -> Option<u64> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(text.parse().unwrap_or(u64::MAX))
}

/// `If-Range`: the part is wanted only of exactly this state. apt sends the date.
fn range_holds(headers: &HeaderMap, validators: &Validators) -> bool {
    let Some(value) = headers.get(IF_RANGE) else { return true };
    let Ok(value) = value.to_str() else { return false };
    if value.contains('"') {
        value == validators.etag && !is_weak(value)
    } else {
        httpdate::parse_http_date(value).is_ok_and(|given| validators.are_of(given))
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Strong,
    Weak,
}

fn lists(headers: &HeaderMap, name: impl AsHeaderName, etag: &str, comparison: Comparison) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|given| {
            let given = given.trim();
            match comparison {
                _ if given == "*" => true,
                Comparison::Strong => given == etag && !is_weak(etag),
                Comparison::Weak => opaque(given) == opaque(etag),
            }
        })
}

fn is_weak(etag: &str) -> bool {
    etag.starts_with("W/")
}

fn opaque(etag: &str) -> &str {
    etag.strip_prefix("W/").unwrap_or(etag)
}

fn date(headers: &HeaderMap, name: impl AsHeaderName) -> Option<SystemTime> {
    httpdate::parse_http_date(headers.get(name)?.to_str().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Whatever is asked for, a part lies within the file and is not empty.
        #[test]
        fn parts_lie_within_the_file(
            range in "bytes=[0-9]{0,3}-[0-9]{0,3}|bytes=(0|18446744073709551615|18446744073709551616)?-[0-9]{0,20}|.*",
            size in 0..300u64,
        ) {
            if let Selection::Part { start, length } = parse_range(&range, size) {
                prop_assert!(length > 0 && start < size && length <= size - start, "{range} of {size}: {start}+{length}");
            }
        }

        /// A plain range gives what slicing gives.
        #[test]
        fn plain_ranges_are_slices(first in 0..40u64, last in 0..40u64, size in 0..30u64) {
            let bytes: Vec<u64> = (0..size).collect();
            let expected: Vec<u64> = bytes.iter().copied().filter(|n| (first..=last).contains(n)).collect();
            match parse_range(&format!("bytes={first}-{last}"), size) {
                Selection::Part { start, length } => prop_assert_eq!((start..start + length).collect::<Vec<_>>(), expected),
                Selection::Unsatisfiable => prop_assert!(first >= size && first <= last),
                other => prop_assert!(other == Selection::Whole && first > last),
            }
        }
    }
}
