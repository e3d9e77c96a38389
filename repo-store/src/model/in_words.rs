//! Lengths of time and sizes as people read them.

use jiff::SignedDuration;

const DAY: i64 = 24 * 3600;

/// Returns a length of time for people: `36h` or `1h 30m`, to the second; from two days on to the hour, `2 days 5h`.
#[must_use]
pub fn duration_in_words(time: SignedDuration) -> String {
    let seconds = time.as_secs();
    match (seconds / DAY, seconds % DAY / 3600) {
        (1, _) if seconds == DAY => "1 day".to_owned(),
        (days, 0) if days > 1 => format!("{days} days"),
        (days, hours) if days > 1 => format!("{days} days {hours}h"),
        _ => format!("{:#}", SignedDuration::from_secs(seconds)),
    }
}

/// Returns a number of bytes for people, in the largest unit that fits: `12.6 MiB` or `1 byte`.
#[must_use]
pub fn size_in_words(bytes: u64) -> String {
    let units = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    match units.into_iter().find(|(size, _)| bytes >= *size) {
        Some((size, unit)) => format!("{}.{} {unit}", bytes / size, bytes % size * 10 / size),
        None => to_the_byte(bytes),
    }
}

/// Returns two different sizes for people, to the byte where they would read alike.
pub(crate) fn different_sizes_in_words(first: u64, second: u64) -> (String, String) {
    let words = (size_in_words(first), size_in_words(second));
    if words.0 == words.1 { (to_the_byte(first), to_the_byte(second)) } else { words }
}

fn to_the_byte(bytes: u64) -> String {
    format!("{bytes} byte{}", if bytes == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_of_time_is_told_to_the_second_and_a_long_one_to_the_hour() {
        let lengths = [0, 59, 5400, DAY - 1, DAY, DAY + 1800, 2 * DAY, 9 * DAY + 1, 9 * DAY + 7201];
        let told = lengths.map(SignedDuration::from_secs);
        assert_eq!(
            told.map(duration_in_words),
            ["0s", "59s", "1h 30m", "23h 59m 59s", "1 day", "24h 30m", "2 days", "9 days", "9 days 2h"]
        );
        assert_eq!(duration_in_words(SignedDuration::from_millis(1999)), "1s");
    }

    #[test]
    fn two_sizes_never_read_alike() {
        assert_eq!(
            [0, 1, 1023, 1024, 5 << 20].map(size_in_words),
            ["0 bytes", "1 byte", "1023 bytes", "1.0 KiB", "5.0 MiB"]
        );
        let told = |first, second| different_sizes_in_words(first, second);
        assert_eq!(told(2048, 1024), ("2.0 KiB".to_owned(), "1.0 KiB".to_owned()));
        assert_eq!(told(1025, 1024), ("1025 bytes".to_owned(), "1024 bytes".to_owned()));
    }
}
