//! States and times as people write them: `@41`, `@-1`, `yesterday`, `2 hours ago`, `2026-11-26 20:16`.

use jiff::{SignedDuration, Timestamp};
use repo_config::FromText as _;

/// Returns the text of a revision as the store reads it: times are made absolute, in UTC, and a leading `@` is left out. What is no
/// time, such as a tag, stays as it is.
///
/// A day or a minute means its end, so that what happened in it counts.
pub(crate) fn absolute(text: &str, now: Timestamp) -> String {
    let text = text.strip_prefix('@').unwrap_or(text);
    moment(text, now).map_or_else(|| text.to_owned(), |moment| moment.to_string())
}

fn moment(text: &str, now: Timestamp) -> Option<Timestamp> {
    if text == "yesterday" {
        let day = now.checked_sub(SignedDuration::from_hours(24)).ok()?;
        return end_of(&day.strftime("%Y-%m-%d").to_string(), "T23:59:59.999999999Z");
    }
    if let Some(past) = text.strip_suffix(" ago") {
        return now.checked_sub(duration(past)?).ok();
    }
    let (day, time) = text.strip_suffix(" UTC").unwrap_or(text).split_once(' ')?;
    let rest = if time.len() == "20:16".len() { ":59.999999999Z" } else { "Z" };
    end_of(&format!("{day}T{time}"), rest)
}

/// Returns a time that is given as a day, which means its end, as a day and a time in UTC, as in RFC 3339, or as what follows from now on, such
/// as `36h`; `None` for any other text.
pub(crate) fn to_come(text: &str, now: Timestamp) -> Option<Timestamp> {
    if let Ok(time) = text.parse() {
        return Some(time);
    }
    if let Ok(length) = SignedDuration::from_text(text) {
        return now.checked_add(length).ok();
    }
    match text.strip_suffix(" UTC").unwrap_or(text).split_once([' ', 'T']) {
        Some((day, time)) if time.len() == "20:16".len() => end_of(&format!("{day}T{time}"), ":00Z"),
        Some((day, time)) => end_of(&format!("{day}T{time}"), "Z"),
        None => end_of(text, "T23:59:59Z"),
    }
}

fn end_of(start: &str, rest: &str) -> Option<Timestamp> {
    format!("{start}{rest}").parse().ok()
}

/// `2 hours`, `1 day`.
fn duration(text: &str) -> Option<SignedDuration> {
    let (number, unit) = text.split_once(' ')?;
    let seconds: i64 = match unit.strip_suffix('s').unwrap_or(unit) {
        "second" => 1,
        "minute" => 60,
        "hour" => 60 * 60,
        "day" => 24 * 60 * 60,
        "week" => 7 * 24 * 60 * 60,
        _ => return None,
    };
    Some(SignedDuration::from_secs(number.parse::<u32>().map(i64::from).ok()?.checked_mul(seconds)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_to_come_are_read() {
        let now = "2026-11-26T20:16:30Z".parse().unwrap();
        for (text, expected) in [
            ("2026-11-30", Some("2026-11-30T23:59:59Z")),
            ("2026-11-30 08:00", Some("2026-11-30T08:00:00Z")),
            ("2026-11-30 08:00:05 UTC", Some("2026-11-30T08:00:05Z")),
            ("2026-11-30T08:00", Some("2026-11-30T08:00:00Z")),
            ("2026-11-30T08:00:05", Some("2026-11-30T08:00:05Z")),
            ("2026-11-30T", None),
            ("2026-11-30T08:00:00+01:00", Some("2026-11-30T07:00:00Z")),
            ("36h", Some("2026-11-28T08:16:30Z")),
            ("14d", Some("2026-12-10T20:16:30Z")),
            ("Friday", None),
            ("2026-13-01", None),
            ("", None),
        ] {
            let expected = expected.map(|time| time.parse().unwrap());
            assert_eq!(to_come(text, now), expected, "{text}");
        }
    }

    #[test]
    fn times_become_absolute_and_all_else_stays() {
        let now = "2026-11-26T20:16:30Z".parse().unwrap();
        for (text, absolute_text) in [
            ("yesterday", "2026-11-25T23:59:59.999999999Z"),
            ("2 hours ago", "2026-11-26T18:16:30Z"),
            ("1 week ago", "2026-11-19T20:16:30Z"),
            ("2026-11-26 20:16", "2026-11-26T20:16:59.999999999Z"),
            ("2026-11-26 20:16 UTC", "2026-11-26T20:16:59.999999999Z"),
            ("2026-11-26 20:16:05", "2026-11-26T20:16:05Z"),
            ("@41", "41"),
            ("@-1", "-1"),
            ("41", "41"),
            ("release-42", "release-42"),
            ("2026-11-26", "2026-11-26"),
            ("soon ago", "soon ago"),
            ("-2 hours ago", "-2 hours ago"),
            ("4294967295 weeks ago", "4294967295 weeks ago"),
        ] {
            assert_eq!(absolute(text, now), absolute_text, "{text}");
        }
    }
}
