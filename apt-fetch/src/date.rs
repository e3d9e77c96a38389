//! Dates as a Release has them.

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;

/// Reads a date such as `Sat, 10 Jun 2023 08:53:33 UTC`. As apt does, it takes no other zone than UTC, written `UTC`, `GMT`, `Z` or `+0000`.
pub(crate) fn parse(text: &str) -> Option<Timestamp> {
    let text = text.trim_ascii();
    let time = ["UTC", "GMT", "Z", "+0000"].iter().find_map(|zone| text.strip_suffix(zone))?;
    // Some tools leave a blank where the hour has one digit.
    let words: Vec<&str> = time.split_ascii_whitespace().collect();
    let (clock, date) = words.split_last()?;
    let clock = if clock.find(':') == Some(1) { format!("0{clock}") } else { (*clock).to_owned() };
    // Seconds may be left out in mail, but not here.
    if clock.split(':').count() != 3 {
        return None;
    }
    DateTimeParser::new().parse_timestamp(format!("{} {clock} +0000", date.join(" "))).ok()
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn dates_are_read_as_apt_reads_them() {
        let time = Some("2023-06-10T08:53:33Z".parse().unwrap());
        for good in [
            "Sat, 10 Jun 2023 08:53:33 UTC",
            "Sat, 10 Jun 2023 08:53:33 GMT",
            "Sat, 10 Jun 2023 08:53:33 +0000",
            "Sat, 10 Jun 2023  8:53:33 UTC",
        ] {
            assert_eq!(parse(good), time, "{good}");
        }
        for bad in [
            "",
            "UTC",
            "Sat, 10 Jun 2023 08:53 UTC",
            "Sat, 10 Jun 2023 08:53:33 +0200",
            "2023-06-10T08:53:33Z",
            "Sat, 99 Jun 2023 08:53:33 UTC",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
