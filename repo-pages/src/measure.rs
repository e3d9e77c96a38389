//! Times, sizes and counts as people read them.

use jiff::Timestamp;
use maud::{Markup, html};

/// Returns a moment, with the form for programs in the markup.
pub(crate) fn time(time: Timestamp) -> Markup {
    html! {
        time datetime=(rfc_3339(time)) { (time.strftime("%Y-%m-%d %H:%M UTC").to_string()) }
    }
}

/// Returns a moment as RFC 3339 writes it, for programs.
pub(crate) fn rfc_3339(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Returns a number of bytes with its unit.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    let unit = UNITS.iter().find(|(unit, _)| bytes >= *unit);
    unit.map_or_else(
        || format!("{bytes} B"),
        |(unit, name)| {
            // In tenths, rounded down.
            let tenths = u128::from(bytes) * 10 / u128::from(*unit);
            format!("{}.{} {name}", tenths / 10, tenths % 10)
        },
    )
}

/// Returns a number with a noun, which gets an `s` unless it is one.
pub(crate) fn count(number: u64, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        let sizes = [0, 1023, 1024, 13_212_058, 5 << 30, u64::MAX].map(size);
        assert_eq!(sizes, ["0 B", "1023 B", "1.0 KiB", "12.6 MiB", "5.0 GiB", "17179869183.9 GiB"]);
    }
}
