//! Which publications that clients no longer see are kept.
//!
//! All of the last hour: a client or a proxy may have read what they signed and still fetch what that names. Then the last of each hour
//! for a day, and of each day for as long as the settings say, as archive roots to go back to. The newest ones stay whatever the times
//! say: a clock that was wrong for a moment must not take away what clients are reading.

use std::collections::BTreeSet;

use jiff::SignedDuration;

use crate::model::publication_id::PublicationId;

/// So many publications stay however old they are, the one that clients see among them.
pub(super) const NEWEST: usize = 16;

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

/// For how long, in seconds, a publication stays after clients were shown another one.
pub(super) const RECENT: i64 = HOUR;

/// A publication that clients no longer see. Times are seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Past {
    pub(super) id: PublicationId,
    /// When it was made.
    pub(super) made: i64,
    /// When another one took its place.
    pub(super) replaced: i64,
}

/// Returns the publications that may go. `past` has all that clients saw before what they see now, oldest first. `keep` is for how long
/// one of each day stays.
pub(super) fn thinned(past: &[Past], now: i64, keep: SignedDuration) -> BTreeSet<PublicationId> {
    let older = past.len().saturating_sub(NEWEST - 1);
    let followed = past.iter().zip(past.iter().skip(1)).take(older);
    followed.filter(|(one, next)| goes(one, next, now, keep)).map(|(one, _)| one.id).collect()
}

fn goes(one: &Past, next: &Past, now: i64, keep: SignedDuration) -> bool {
    let age = now.saturating_sub(one.replaced);
    if age < RECENT {
        return false;
    }
    if age >= keep.as_secs() {
        return true;
    }
    // The last one of a period is followed by one of another.
    let period = if age < DAY { HOUR } else { DAY };
    one.made.div_euclid(period) == next.made.div_euclid(period)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use proptest::prelude::*;

    use super::*;

    const WEEK: SignedDuration = SignedDuration::from_hours(7 * 24);
    const BEGIN: i64 = 1_790_000_000;

    fn id(seconds: i64) -> PublicationId {
        PublicationId::of_time(Timestamp::from_second(seconds).unwrap())
    }

    /// Those made at these times, each replaced by the next, and the last by what clients see.
    fn past_of(made: &[i64], current: i64) -> Vec<Past> {
        let next = made.iter().skip(1).chain([&current]);
        made.iter()
            .zip(next)
            .map(|(made, replaced)| Past { id: id(*made), made: *made, replaced: *replaced })
            .collect()
    }

    /// What is left after the publications that may go are gone.
    fn left(made: &[i64], current: i64, now: i64) -> Vec<i64> {
        let gone = thinned(&past_of(made, current), now, WEEK);
        made.iter().copied().filter(|made| !gone.contains(&id(*made))).collect()
    }

    #[test]
    fn a_thousand_a_week_leave_few() {
        let made: Vec<i64> = (0..1_000).map(|number| BEGIN + number * 604).collect();
        let current = BEGIN + 604_000;
        let left = left(&made, current, current);
        assert_eq!(left.len(), 43, "{left:?}");
    }

    #[test]
    fn a_burst_leaves_the_newest_and_one_of_each_hour() {
        let made: Vec<i64> = (0..1_000).map(|number| BEGIN + number).collect();
        let current = BEGIN + 1_000;
        assert_eq!(left(&made, current, current).len(), 1_000, "all of the last hour");
        assert_eq!(left(&made, current, current + HOUR).len(), 15);
    }

    #[test]
    fn what_is_older_than_all_that_is_kept_goes() {
        let made: Vec<i64> = (0..30).map(|number| BEGIN + number * DAY).collect();
        let current = BEGIN + 30 * DAY;
        assert_eq!(left(&made, current, current), made[15..], "the newest stay however old they are");
        let made: Vec<i64> = (0..60).map(|number| BEGIN + number * DAY / 2).collect();
        assert_eq!(left(&made, current, current), made[45..]);
    }

    /// Steps between publications, in seconds: bursts, days with some, and pauses.
    fn steps() -> impl Strategy<Value = Vec<i64>> {
        let step =
            prop_oneof![6 => 1_i64..30, 6 => 30_i64..4_000, 3 => 4_000_i64..40_000, 1 => 40_000_i64..400_000];
        prop::collection::vec(step, 1..150)
    }

    proptest! {
        #[test]
        fn what_stays_is_all_that_is_young_and_one_of_each_period(steps in steps(), later in 0_i64..100_000) {
            let mut time = BEGIN;
            let made: Vec<i64> = steps.iter().map(|step| { time += step; time }).collect();
            let (made, current) = (&made[..made.len() - 1], time);
            let now = current + later;
            let left = left(made, current, now);
            for one in past_of(made, current) {
                let (age, stays) = (now - one.replaced, left.contains(&one.made));
                prop_assert!(age >= HOUR || stays, "{one:?} is young");
                prop_assert!(age < WEEK.as_secs() || !stays || made.iter().filter(|made| **made > one.made).count() < NEWEST);
                for (period, reach) in [(HOUR, DAY), (DAY, WEEK.as_secs())] {
                    let same = |other: &&i64| **other / period == one.made / period;
                    prop_assert!(age >= reach - period || left.iter().chain([&current]).any(|other| same(&other)), "{one:?}");
                }
            }
            prop_assert!(left.iter().rev().take(NEWEST - 1).eq(made.iter().rev().take(NEWEST - 1)));
            let young = past_of(made, current).iter().filter(|one| now - one.replaced < HOUR).count();
            prop_assert!(left.len() <= young + NEWEST + 25 + 8, "{} are left", left.len());
            prop_assert_eq!(&self::left(&left, current, now), &left, "what is left stays");
        }

        /// To thin at every publication, at some, or once at the end is the same but for what has just become old enough.
        #[test]
        fn thinning_often_takes_away_nothing_that_thinning_late_keeps(steps in steps(), often in 1_usize..9) {
            let (mut time, mut all, mut kept): (i64, Vec<i64>, Vec<i64>) = (BEGIN, Vec::new(), Vec::new());
            for (number, step) in steps.iter().enumerate() {
                let last = time;
                time += step;
                all.push(last);
                kept.push(last);
                if number % often == 0 {
                    kept = left(&kept, time, time);
                }
                let late = left(&all, time, time);
                prop_assert!(late.iter().all(|made| kept.contains(made)), "at {number}");
            }
        }

        /// Whatever the clock says, the newest stay; and where it is behind, everything of the last hour by its own time.
        #[test]
        fn a_wrong_clock_takes_away_none_of_the_newest(steps in steps(), wrong in -1_000_000_i64..100_000_000) {
            let mut time = BEGIN;
            let made: Vec<i64> = steps.iter().map(|step| { time += step; time }).collect();
            let right = left(&made, time + 1, time + 1);
            let found = left(&made, time + 1, time + 1 + wrong);
            prop_assert!(found.iter().rev().take(NEWEST - 1).eq(made.iter().rev().take(NEWEST - 1)));
            if wrong < 0 {
                let young = past_of(&made, time + 1).into_iter().filter(|one| time + 1 - one.replaced < HOUR);
                prop_assert!(young.into_iter().all(|one| found.contains(&one.made) && right.contains(&one.made)));
            }
        }
    }
}
