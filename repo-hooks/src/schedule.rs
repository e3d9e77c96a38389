//! When a delivery that failed is tried again.

use std::time::Duration;

/// The wait after the first failure. It doubles with each.
const FIRST: Duration = Duration::from_secs(1);

/// The longest wait.
const LONGEST: Duration = Duration::from_secs(3600);

/// How long the delivery of an event is tried: a receiver that is broken for a week gets every event when it works again.
pub const GIVE_UP: Duration = Duration::from_secs(8 * 24 * 3600);

/// What becomes of a delivery that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// It is tried again after that time.
    Retry(Duration),
    /// It is not tried again unless a person asks for it.
    GiveUp,
}

/// Decides what becomes of a delivery that failed `attempts` times, of an event that is so old.
///
/// The waits double from a second to an hour. Each is shortened by up to a half, by `chance`, so that not all who wait come back at once. A
/// receiver that asks to be left alone for longer gets that time, up to an hour.
///
/// ```
/// use std::time::Duration;
/// use repo_hooks::schedule::{Next, next};
///
/// let second = Duration::from_secs(1);
/// assert_eq!(next(1, second, None, u32::MAX), Next::Retry(second));
/// assert_eq!(next(5, second, None, u32::MAX), Next::Retry(16 * second));
/// assert_eq!(next(5, second, None, 0), Next::Retry(8 * second));
/// assert_eq!(next(500, 9 * 86_400 * second, None, 0), Next::GiveUp);
/// ```
#[must_use]
pub fn next(attempts: u32, age: Duration, retry_after: Option<Duration>, chance: u32) -> Next {
    if age >= GIVE_UP {
        return Next::GiveUp;
    }
    let doublings = attempts.saturating_sub(1).min(12);
    let whole = FIRST.saturating_mul(1 << doublings).min(LONGEST);
    let half = whole / 2;
    let wait = half + half.mul_f64(f64::from(chance) / f64::from(u32::MAX));
    Next::Retry(wait.max(retry_after.unwrap_or_default().min(LONGEST)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_week_of_failures_is_waited_for_and_no_wait_is_longer_than_an_hour() {
        let (mut age, mut attempts) = (Duration::ZERO, 0);
        while age < Duration::from_secs(7 * 24 * 3600) {
            attempts += 1;
            let Next::Retry(wait) = next(attempts, age, None, u32::MAX) else {
                panic!("given up at {age:?}")
            };
            assert!(wait <= LONGEST && wait >= FIRST, "{wait:?}");
            age += wait;
        }
        assert!(attempts < 200, "{attempts} requests to a broken receiver");
    }

    #[test]
    fn a_receiver_is_left_alone_as_it_asks_but_not_for_ever() {
        let asked = |seconds| next(1, Duration::ZERO, Some(Duration::from_secs(seconds)), 0);
        assert_eq!(asked(90), Next::Retry(Duration::from_secs(90)));
        assert_eq!(asked(1_000_000), Next::Retry(LONGEST));
    }
}
