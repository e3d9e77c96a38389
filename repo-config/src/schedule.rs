//! What a running `serve` does by itself, and when: [`Config`] has the [`Schedule`].

use std::fmt;

use camino::Utf8PathBuf;
use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _, Zoned};

use crate::config::Config;
use crate::error::{ConfigError, Contradiction, InvalidValue};
use crate::value::{FromText, Text};

/// Moments that come again and again: `hourly`, `daily 03:00` or `weekly Sun 05:00`, in UTC.
///
/// ```
/// use repo_config::FromText as _;
/// use repo_config::schedule::Recurrence;
///
/// let nightly = Recurrence::from_text("daily 03:00")?;
/// let next = nightly.next_after("2026-11-26T20:16:00Z".parse()?);
/// assert_eq!(next, Some("2026-11-27T03:00:00Z".parse()?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recurrence {
    /// At each full hour.
    Hourly,
    /// Once a day.
    Daily(Time),
    /// Once a week.
    Weekly(Weekday, Time),
}

/// The days of the week, as they are written.
const WEEKDAYS: [(&str, Weekday); 7] = [
    ("Mon", Weekday::Monday),
    ("Tue", Weekday::Tuesday),
    ("Wed", Weekday::Wednesday),
    ("Thu", Weekday::Thursday),
    ("Fri", Weekday::Friday),
    ("Sat", Weekday::Saturday),
    ("Sun", Weekday::Sunday),
];

impl Recurrence {
    /// Returns the first moment after `now`; `None` at the end of time.
    #[must_use]
    pub fn next_after(self, now: Timestamp) -> Option<Timestamp> {
        let now = now.to_zoned(TimeZone::UTC);
        let next = match self {
            Self::Hourly => {
                let begun = now.with().minute(0).second(0).subsec_nanosecond(0).build().ok()?;
                begun.checked_add(1.hour()).ok()
            }
            Self::Daily(time) => first_after(&now, time, |_| true),
            Self::Weekly(day, time) => first_after(&now, time, |date| date.weekday() == day),
        };
        next.map(|next| next.timestamp())
    }
}

/// The first moment after `now` at that time of such a day.
fn first_after(now: &Zoned, time: Time, is_day: impl Fn(&Zoned) -> bool) -> Option<Zoned> {
    let mut date = now.clone();
    // The day may be today, and its time over: then it is in a week.
    for _ in 0..=7 {
        let moment = date.with().time(time).build().ok()?;
        if moment > *now && is_day(&moment) {
            return Some(moment);
        }
        date = date.tomorrow().ok()?;
    }
    None
}

/// Reads a time of the day, `05:00`.
fn time(text: &str) -> Option<Time> {
    let is_time = text.len() == 5 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b':');
    let (hour, minute) = text.split_once(':').filter(|_| is_time)?;
    Time::new(hour.parse().ok()?, minute.parse().ok()?, 0, 0).ok()
}

/// Reads a day of the week, `Sun`.
fn day(text: &str) -> Option<Weekday> {
    WEEKDAYS.iter().find(|(name, _)| *name == text).map(|(_, day)| *day)
}

/// Reads a moment of the week, `Sun 05:00`.
pub(crate) fn moment_of_week(text: &str) -> Option<(Weekday, Time)> {
    let (on, at) = text.split_once(' ')?;
    day(on).zip(time(at))
}

impl FromText for Recurrence {
    fn from_text(text: &str) -> Result<Self, InvalidValue> {
        let words: Vec<&str> = text.split(' ').collect();
        let read = match words.as_slice() {
            ["hourly"] => Some(Self::Hourly),
            ["daily", at] => time(at).map(Self::Daily),
            ["weekly", on, at] => day(on).zip(time(at)).map(|(day, time)| Self::Weekly(day, time)),
            _ => None,
        };
        read.ok_or_else(|| {
            let shown = text.escape_debug();
            format!(
                "`{shown}` is none of hourly, daily HH:MM and weekly DAY HH:MM, for example weekly Sun 05:00"
            )
            .into()
        })
    }
}

impl fmt::Display for Recurrence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let minutes = |time: &Time| format!("{:02}:{:02}", time.hour(), time.minute());
        match self {
            Self::Hourly => f.write_str("hourly"),
            Self::Daily(time) => write!(f, "daily {}", minutes(time)),
            Self::Weekly(day, time) => {
                let name = WEEKDAYS.iter().find(|(_, weekday)| weekday == day).map_or("", |(name, _)| *name);
                write!(f, "weekly {name} {}", minutes(time))
            }
        }
    }
}

/// When a backup is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BackupTime {
    /// Soon after each change.
    AfterChange,
    /// At these moments.
    At(Recurrence),
}

impl FromText for BackupTime {
    fn from_text(text: &str) -> Result<Self, InvalidValue> {
        if text == "after-change" {
            return Ok(Self::AfterChange);
        }
        Recurrence::from_text(text).map(Self::At).map_err(|_| {
            format!(
                "`{}` is none of after-change, hourly, daily HH:MM and weekly DAY HH:MM",
                text.escape_debug()
            )
            .into()
        })
    }
}

/// What a running `serve` does by itself: `[schedule]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Schedule {
    /// Whether the drop folders are watched.
    pub incoming: bool,
    /// When what clients will refuse soon is signed again.
    pub refresh: Option<Recurrence>,
    /// When old versions are taken out by the rules.
    pub retention: Option<Recurrence>,
    /// When files that nothing refers to are removed.
    pub gc: Option<Recurrence>,
    /// When everything is checked.
    pub fsck: Option<Recurrence>,
    /// When `base update` runs.
    pub base: Option<Recurrence>,
    /// Where backups are made, and when.
    pub backup: Option<(Utf8PathBuf, BackupTime)>,
}

impl Config {
    /// Returns what a running `serve` does by itself.
    #[must_use]
    pub fn schedule(&self) -> Schedule {
        let table = &self.file.schedule;
        let at = |text: &Option<Text<Recurrence>>| text.as_ref().map(|Text(recurrence)| *recurrence);
        Schedule {
            incoming: table.incoming && !self.file.incoming.is_empty(),
            refresh: at(&table.refresh),
            retention: at(&table.retention),
            gc: at(&table.gc),
            fsck: at(&table.fsck),
            base: at(&table.base),
            backup: table.backup.as_ref().map(|backup| (self.root().join(&backup.to), backup.when.0)),
        }
    }

    pub(crate) fn check_schedule(&self, found: &mut Vec<ConfigError>) {
        let backup = self.schedule().backup.map(|(path, _)| path);
        if let Some(path) = backup.filter(|path| path.starts_with(self.root())) {
            found.push(self.contradiction(Contradiction::BackupInStore { path }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_moment_is_after_now() {
        for (text, now, expected) in [
            ("hourly", "2026-11-26T20:16:05Z", "2026-11-26T21:00:00Z"),
            ("hourly", "2026-11-26T20:00:00Z", "2026-11-26T21:00:00Z"),
            ("hourly", "2026-12-31T23:59:59Z", "2027-01-01T00:00:00Z"),
            ("daily 03:00", "2026-11-26T02:59:59Z", "2026-11-26T03:00:00Z"),
            ("daily 03:00", "2026-11-26T03:00:00Z", "2026-11-27T03:00:00Z"),
            ("weekly Sun 05:00", "2026-11-26T12:00:00Z", "2026-11-29T05:00:00Z"),
            ("weekly Sun 05:00", "2026-11-29T05:00:00Z", "2026-12-06T05:00:00Z"),
            ("weekly Thu 23:59", "2026-11-26T12:00:00Z", "2026-11-26T23:59:00Z"),
        ] {
            let next = Recurrence::from_text(text).unwrap().next_after(now.parse().unwrap());
            assert_eq!(next, Some(expected.parse().unwrap()), "{text} after {now}");
        }
        assert_eq!(Recurrence::Hourly.next_after(Timestamp::MAX), None);
    }

    #[test]
    fn what_is_read_is_written_as_it_was() {
        for text in ["hourly", "daily 03:00", "daily 23:59", "weekly Sun 05:00"] {
            assert_eq!(Recurrence::from_text(text).unwrap().to_string(), text);
        }
        for text in [
            "",
            "daily",
            "daily 3:00",
            "daily 24:00",
            "daily 03:60",
            "daily +3:00",
            "weekly 05:00",
            "weekly Son 05:00",
            "hourly 03:00",
            " hourly",
            "daily  03:00",
        ] {
            assert!(Recurrence::from_text(text).is_err(), "{text}");
            assert!(BackupTime::from_text(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_backup_in_the_store_is_refused() {
        let config = |to: &str| {
            let text = format!(
                "suites = ['bookworm']\narchitectures = ['amd64']\n[repositories.prod]\n[schedule.backup]\nto = '{to}'\nwhen = 'hourly'\n"
            );
            Config::of("/root".into(), &[("/root/repo.toml".into(), text)])
        };
        for to in ["backup", "/root", "/root/store/backup"] {
            let error = config(to).unwrap_err().to_string();
            assert!(error.contains("repo.toml:5:6") && error.contains("part of the store"), "{error}");
        }
        let good = config("/rootbackup").unwrap().schedule().backup;
        assert_eq!(good, Some(("/rootbackup".into(), BackupTime::At(Recurrence::Hourly))));
    }
}
