//! A freeze: nothing changes in a repository for a while, once or every week.

use std::fmt;

use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::model::gate_rule::{GateRule, GateViolation};
use crate::model::name::RepositoryName;

/// Somebody's decision that nothing comes into a repository, and nothing is removed from it, for some time.
///
/// Going back is never stopped: rollbacks, undoing, and bringing back what was removed.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct Freeze {
    /// When it was decided.
    pub since: Timestamp,
    /// When it ends by itself.
    pub until: Timestamp,
    /// Who decided it.
    pub actor: String,
    /// Why, in one line.
    pub reason: String,
    /// Whether the settings of the repository say so, for every week; nobody ends it by hand.
    pub is_weekly: bool,
}

impl Freeze {
    /// Returns whether the repository is frozen at that time.
    #[must_use]
    pub fn is_in_force(&self, now: Timestamp) -> bool {
        now < self.until
    }

    /// Returns what a version on its way into the repository does not meet.
    pub(crate) fn violation(&self, repository: &RepositoryName) -> GateViolation {
        GateViolation { gate: None, rule: GateRule::Freeze, reason: format!("{repository} is {self}") }
    }
}

impl fmt::Display for Freeze {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let until = self.until.strftime("%Y-%m-%d %H:%M UTC");
        write!(f, "frozen until {until} by {}: {}", self.actor, self.reason)
    }
}

/// A freeze that comes back every week. All times are in UTC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WeeklyFreeze {
    begin: (Weekday, Time),
    end: (Weekday, Time),
    reason: Option<String>,
}

/// What stands for a person where the configuration decided.
const CONFIGURATION: &str = "repo.toml";

const WEEK: i64 = 7 * 24 * 60 * 60;

impl WeeklyFreeze {
    /// Returns the freeze from one moment of the week to another; `None` if both are the same. The end may lie in the next week.
    ///
    /// ```
    /// use jiff::civil::{Weekday, time};
    /// use repo_store::settings::WeeklyFreeze;
    ///
    /// let friday = (Weekday::Friday, time(16, 0, 0, 0));
    /// let monday = (Weekday::Monday, time(8, 0, 0, 0));
    /// let weekend = WeeklyFreeze::new(friday, monday, None).expect("two moments");
    /// let frozen = weekend.in_force("2026-11-28T12:00:00Z".parse()?).expect("a Saturday");
    /// assert_eq!(frozen.until, "2026-11-30T08:00:00Z".parse()?);
    /// assert_eq!(weekend.in_force("2026-11-30T08:00:00Z".parse()?), None);
    /// # Ok::<(), jiff::Error>(())
    /// ```
    #[must_use]
    pub fn new(begin: (Weekday, Time), end: (Weekday, Time), reason: Option<String>) -> Option<Self> {
        (second_of_week(begin) != second_of_week(end)).then_some(Self { begin, end, reason })
    }

    /// Returns the freeze of the present week, if it is in force now.
    #[must_use]
    pub fn in_force(&self, now: Timestamp) -> Option<Freeze> {
        let today = now.to_zoned(TimeZone::UTC);
        let (begin, end) = (second_of_week(self.begin), second_of_week(self.end));
        let elapsed = (second_of_week((today.weekday(), today.time())) - begin).rem_euclid(WEEK);
        let length = (end - begin).rem_euclid(WEEK);
        if elapsed >= length {
            return None;
        }
        let now = Timestamp::from_second(now.as_second()).unwrap_or(now);
        let since = now.checked_sub(SignedDuration::from_secs(elapsed)).ok()?;
        let until = now.checked_add(SignedDuration::from_secs(length - elapsed)).ok()?;
        let reason = self.reason.clone().unwrap_or_else(|| format!("every week from {self}"));
        Some(Freeze { since, until, actor: CONFIGURATION.to_owned(), reason, is_weekly: true })
    }
}

impl fmt::Display for WeeklyFreeze {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let moment = |(day, time): (Weekday, Time)| {
            let name = match day {
                Weekday::Monday => "Monday",
                Weekday::Tuesday => "Tuesday",
                Weekday::Wednesday => "Wednesday",
                Weekday::Thursday => "Thursday",
                Weekday::Friday => "Friday",
                Weekday::Saturday => "Saturday",
                Weekday::Sunday => "Sunday",
            };
            format!("{name} {:02}:{:02}", time.hour(), time.minute())
        };
        write!(f, "{} to {} UTC", moment(self.begin), moment(self.end))
    }
}

/// The seconds since Monday began.
fn second_of_week((day, time): (Weekday, Time)) -> i64 {
    let days = i64::from(day.to_monday_zero_offset());
    let (hour, minute, second) = (i64::from(time.hour()), i64::from(time.minute()), i64::from(time.second()));
    ((days * 24 + hour) * 60 + minute) * 60 + second
}

#[cfg(test)]
mod tests {
    use jiff::civil::time;

    use super::*;

    #[test]
    fn a_week_is_frozen_in_its_window_and_no_second_longer() {
        let moment = |day, hour| (day, time(hour, 30, 0, 0));
        let weekend = moment(Weekday::Friday, 16);
        let weekend = WeeklyFreeze::new(weekend, moment(Weekday::Monday, 8), None).unwrap();
        let evening = moment(Weekday::Tuesday, 9);
        let evening = WeeklyFreeze::new(evening, moment(Weekday::Tuesday, 17), Some("audit".into())).unwrap();
        let all_but_an_hour =
            WeeklyFreeze::new(moment(Weekday::Sunday, 3), moment(Weekday::Sunday, 2), None).unwrap();
        for (window, now, until) in [
            (&weekend, "2026-11-27T16:29:59Z", None),
            (&weekend, "2026-11-27T16:30:00Z", Some("2026-11-30T08:30:00Z")),
            (&weekend, "2026-11-30T08:29:59.9Z", Some("2026-11-30T08:30:00Z")),
            (&weekend, "2026-11-30T08:30:00Z", None),
            (&weekend, "2026-12-25T23:59:00Z", Some("2026-12-28T08:30:00Z")),
            (&evening, "2026-11-24T12:00:00Z", Some("2026-11-24T17:30:00Z")),
            (&evening, "2026-11-25T12:00:00Z", None),
            (&all_but_an_hour, "2026-11-29T03:00:00Z", None),
            (&all_but_an_hour, "2026-11-29T03:30:00Z", Some("2026-12-06T02:30:00Z")),
            (&all_but_an_hour, "2026-11-29T02:00:00Z", Some("2026-11-29T02:30:00Z")),
            (&weekend, "1969-12-27T00:00:00Z", Some("1969-12-29T08:30:00Z")),
        ] {
            let until: Option<Timestamp> = until.map(|until: &str| until.parse().unwrap());
            let found = window.in_force(now.parse().unwrap());
            assert_eq!(found.map(|freeze| freeze.until), until, "{window} at {now}");
        }
        assert_eq!(WeeklyFreeze::new(weekend.begin, weekend.begin, None), None);
        let frozen = weekend.in_force("2026-11-28T00:00:00Z".parse().unwrap()).unwrap();
        let told = "frozen until 2026-11-30 08:30 UTC by repo.toml: every week from Friday 16:30 to Monday 08:30 UTC";
        assert_eq!(frozen.to_string(), told);
        let frozen = evening.in_force("2026-11-24T12:00:00Z".parse().unwrap()).unwrap();
        assert_eq!(frozen.to_string(), "frozen until 2026-11-24 17:30 UTC by repo.toml: audit");
    }
}
