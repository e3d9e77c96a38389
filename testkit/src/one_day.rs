use std::time::{Duration, SystemTime};

/// So much of a day must be left for a test that is not to see another one begin.
const ENOUGH: Duration = Duration::from_secs(120);

const DAY: u64 = 24 * 60 * 60;

/// Waits for the next day, as UTC has it, when little is left of this one: for tests of what is counted by the day.
pub fn on_one_day() {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    if let Some(left) = left_of_a_day(now) {
        std::thread::sleep(left);
    }
}

/// Returns what is left of the day, if that is too little.
fn left_of_a_day(now: Duration) -> Option<Duration> {
    let left = Duration::from_secs(DAY) - Duration::new(now.as_secs() % DAY, now.subsec_nanos());
    (left < ENOUGH).then_some(left)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_end_of_a_day_is_waited_for() {
        let at = |hour: u64, minute: u64, second: u64| {
            left_of_a_day(Duration::from_secs(1000 * DAY + hour * 3600 + minute * 60 + second))
        };
        assert_eq!([at(0, 0, 0), at(12, 0, 0), at(23, 58, 0)], [None; 3]);
        assert_eq!(at(23, 59, 30), Some(Duration::from_secs(30)));
        let last = Duration::from_secs(DAY) - Duration::from_millis(5);
        assert_eq!(left_of_a_day(last), Some(Duration::from_millis(5)));
    }
}
