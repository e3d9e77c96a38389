//! Dates that were written while the clock was ahead.
//!
//! A state that says it was made in the future was made before the next one, and at any rate by now. Ages are counted with that: or what
//! was done under a wrong clock would be younger than everything else for years.

use jiff::Timestamp;

/// Corrects dates, which are asked about from the newest to the oldest.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dates {
    now: Timestamp,
    /// The date of the oldest of the newer ones that can be right.
    newer: Timestamp,
}

impl Dates {
    pub(crate) fn until(now: Timestamp) -> Self {
        Self { now, newer: now }
    }

    /// The date, or the earliest moment at which it was there for certain.
    pub(crate) fn corrected(&mut self, date: Timestamp) -> Timestamp {
        if date <= self.now {
            self.newer = date;
        }
        self.newer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_from_the_future_is_that_of_the_next_one() {
        let at = |seconds| Timestamp::from_second(seconds).unwrap();
        let corrected = |dates: &[i64]| {
            let mut known = Dates::until(at(100));
            dates.iter().map(|date| known.corrected(at(*date)).as_second()).collect::<Vec<_>>()
        };
        assert_eq!(corrected(&[100, 90, 80]), [100, 90, 80]);
        assert_eq!(corrected(&[95, 9000, 9001, 80]), [95, 95, 95, 80]);
        assert_eq!(corrected(&[9000, 80]), [100, 80]);
        assert_eq!(corrected(&[90, 10, 80]), [90, 10, 80], "which one of these is wrong nobody can tell");
    }
}
