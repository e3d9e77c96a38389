//! Whether the clock can be right: clients refuse what is dated in the future, and every time in the store comes from it.

use std::io::IsTerminal as _;

use camino::Utf8Path;
use jiff::{SignedDuration, Timestamp};
use repo_config::keys::KeyDirectory;
use repo_store::Store;

use crate::error::Failure;
use crate::output::Output;

/// Returns the time by the clock of the system; the last that can be written where the clock is beyond that.
pub(crate) fn now() -> Timestamp {
    Timestamp::try_from(std::time::SystemTime::now()).unwrap_or(Timestamp::MAX)
}

/// A hazard that is accepted on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Hazard {
    /// The clock: `publish` signs as of the time at which the keys were made if it is before that, `gc` deletes though it jumped ahead,
    /// a key is made though the clock is behind an earlier key or the operation log
    Clock,
}

/// A clock may be behind the last entry of the log by so much: several machines may write to one store.
const BEHIND: SignedDuration = SignedDuration::from_secs(60);
/// A store that nobody wrote to for so long is rarer than a clock that is ahead.
const AHEAD: SignedDuration = SignedDuration::from_hours(365 * 24);

/// Says what is odd about the clock, and asks whether to go on when a person is there to answer.
pub(crate) fn check(store: &Store, now: Timestamp, output: &Output) -> Result<(), Failure> {
    let Some(doubt) = doubt(store.last_entry()?, now) else { return Ok(()) };
    output.warn("W-CLOCK", doubt);
    match output.confirm("Go on with that time? [y/N] ")? {
        Some(false) => Err(Failure::Stopped),
        Some(true) | None => Ok(()),
    }
}

/// After a jump of the clock, so much time has to pass before what cannot be undone is done unasked.
const UNTIL_TRUSTED: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Refuses what cannot be undone when the clock jumped ahead lately and nobody is there to confirm it.
pub(crate) fn check_for_deletion(store: &Store, now: Timestamp) -> Result<(), Failure> {
    let entries: Vec<Timestamp> = store.operations()?.iter().map(|entry| entry.date).collect();
    match before_jump(&entries, now) {
        Some(last) if !std::io::stdin().is_terminal() => Err(Failure::ClockAhead { now, last }),
        _ => Ok(()),
    }
}

/// Returns the time of the entry of the operation log after which the clock jumped ahead, if that was lately by the clock of today.
///
/// Verbs that ran since have entries with the wrong time themselves. A jump that was taken back counts no longer: then a later entry, or
/// the present, is near the time before the jump.
fn before_jump(entries: &[Timestamp], now: Timestamp) -> Option<Timestamp> {
    let mut earliest = now;
    for before in entries.iter().rev() {
        if earliest.duration_since(*before) > AHEAD && now.duration_since(earliest) < UNTIL_TRUSTED {
            return Some(*before);
        }
        earliest = earliest.min(*before);
    }
    None
}

/// Refuses to date a key by a clock that is behind the newest key or the last entry of the operation log: later, with the right time, the
/// new key would be older than what it is to replace.
pub(crate) fn check_for_key(store: &Store, keys: &KeyDirectory, now: Timestamp) -> Result<(), Failure> {
    if let Some(at) = keys.newest()?.filter(|made| *made > now) {
        return Err(Failure::ClockBehind { now, event: "the newest signing key was made", at });
    }
    if let Some(at) = store.last_entry()?.filter(|last| now.duration_since(*last) < -BEHIND) {
        return Err(Failure::ClockBehind {
            now,
            event: "the last entry of the operation log was written",
            at,
        });
    }
    Ok(())
}

/// The same as a warning alone, for verbs that are meant to set a time right.
pub(crate) fn warn(store: &Store, now: Timestamp, output: &Output) -> Result<(), Failure> {
    if let Some(doubt) = doubt(store.last_entry()?, now) {
        output.warn("W-CLOCK", doubt);
    }
    Ok(())
}

/// Says what is odd about a clock, given the time of the last entry of the operation log.
pub(crate) fn doubt(last: Option<Timestamp>, now: Timestamp) -> Option<String> {
    let last = last?;
    let since = now.duration_since(last);
    let (now, last) = (seconds(now), seconds(last));
    if since < -BEHIND {
        let by = length(since);
        Some(format!("the clock says {now}, {by} before the last entry of the operation log ({last})"))
    } else if since > AHEAD {
        let by = length(since);
        Some(format!("the clock says {now}, {by} after the last entry of the operation log ({last})"))
    } else {
        None
    }
}

/// What clients make of a `Date` ahead of the clock; `None` when they take it.
pub(crate) fn refused_until(date: Option<Timestamp>, now: Timestamp) -> Option<String> {
    let date = date?;
    let ahead = date.duration_since(now);
    let refused = ahead > repo_store::publish::MOST_AHEAD;
    refused.then(|| {
        format!("its Date is {} ahead of the clock: clients refuse it until {}", length(ahead), seconds(date))
    })
}

/// A moment for people, where seconds matter.
pub(crate) fn seconds(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// A moment for people.
pub(crate) fn minute(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// A moment for programs.
pub(crate) fn rfc_3339(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// A length of time in its largest whole unit.
pub(crate) fn length(time: SignedDuration) -> String {
    let seconds = time.as_secs().unsigned_abs();
    let units = [(365 * 86400, "year"), (86400, "day"), (3600, "hour"), (60, "minute"), (1, "second")];
    let (number, unit) = units
        .iter()
        .find(|(size, _)| seconds >= *size)
        .map_or((seconds, "second"), |(size, unit)| (seconds / size, *unit));
    crate::output::count(usize::try_from(number).unwrap_or(usize::MAX), unit)
}

/// Says that the clock is not synchronised, where systemd-timesyncd runs and so that is known.
pub(crate) fn unsynchronised() -> Option<&'static str> {
    unsynchronised_by(Utf8Path::new("/run/systemd/timesync"))
}

fn unsynchronised_by(state: &Utf8Path) -> Option<&'static str> {
    let is_running = state.is_dir();
    (is_running && !state.join("synchronized").exists()).then_some(
        "the clock is not synchronised: systemd-timesyncd has not reached a time server since the start",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_clock_behind_the_log_or_long_after_it_is_doubted() {
        let last = Some(at("2026-11-26T12:00:00Z"));
        assert_eq!(doubt(None, at("1970-01-01T00:00:00Z")), None);
        for sound in ["2026-11-26T11:59:00Z", "2026-11-26T12:00:00Z", "2027-11-26T12:00:00Z"] {
            assert_eq!(doubt(last, at(sound)), None, "{sound}");
        }
        insta::assert_snapshot!(doubt(last, at("2026-11-26T11:58:59Z")).unwrap(), @"the clock says 2026-11-26 11:58:59 UTC, 1 minute before the last entry of the operation log (2026-11-26 12:00:00 UTC)");
        insta::assert_snapshot!(doubt(last, at("2030-11-26T12:00:01Z")).unwrap(), @"the clock says 2030-11-26 12:00:01 UTC, 4 years after the last entry of the operation log (2026-11-26 12:00:00 UTC)");
    }

    #[test]
    fn a_jump_of_the_clock_is_seen_behind_entries_that_were_made_since() {
        let times = |texts: &[&str]| texts.iter().map(|text| at(text)).collect::<Vec<_>>();
        let now = at("2028-04-10T12:00:00Z");
        let sound = times(&["2028-04-01T00:00:00Z", "2028-04-10T11:00:00Z"]);
        assert_eq!(before_jump(&sound, now), None);
        assert_eq!(before_jump(&[], now), None);
        let last = at("2026-11-26T12:00:00Z");
        assert_eq!(before_jump(&[last], now), Some(last));
        assert_eq!(
            before_jump(&[last, at("2028-04-10T11:59:00Z"), at("2028-04-10T12:00:00Z")], now),
            Some(last)
        );
        assert_eq!(
            before_jump(&[last, now, at("2028-04-09T00:00:00Z")], now),
            Some(last),
            "an hour back is not the way back"
        );
        // The clock was set right again; later it really is that time.
        let back = [last, at("2028-04-10T11:59:00Z"), at("2026-11-27T00:00:00Z")];
        assert_eq!(before_jump(&back, at("2026-11-28T00:00:00Z")), None);
        let months = (1..=16).map(|month| last + SignedDuration::from_hours(month * 30 * 24));
        let later: Vec<Timestamp> = back.into_iter().chain(months).collect();
        assert_eq!(before_jump(&later, now), None);
        // A month passed at the new time.
        assert_eq!(before_jump(&[last, at("2028-03-01T00:00:00Z"), at("2028-04-09T00:00:00Z")], now), None);
    }

    #[test]
    fn a_date_ahead_by_more_than_ten_seconds_is_refused_by_clients() {
        let now = at("2026-11-26T12:00:00Z");
        assert_eq!(refused_until(None, now), None);
        assert_eq!(refused_until(Some(at("2026-11-26T12:00:10Z")), now), None);
        insta::assert_snapshot!(refused_until(Some(at("2026-11-26T12:00:11Z")), now).unwrap(), @"its Date is 11 seconds ahead of the clock: clients refuse it until 2026-11-26 12:00:11 UTC");
    }

    #[test]
    fn whether_the_clock_is_synchronised_is_said_where_it_is_known() {
        let directory = tempfile::tempdir().unwrap();
        let state = Utf8Path::from_path(directory.path()).unwrap();
        assert_eq!(unsynchronised_by(&state.join("none")), None);
        assert!(unsynchronised_by(state).is_some());
        std::fs::write(state.join("synchronized"), "").unwrap();
        assert_eq!(unsynchronised_by(state), None);
    }
}
