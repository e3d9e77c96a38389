//! How far an operation is, in words.

use std::time::Duration;

use repo_store::progress::{Amount, Phase};

use crate::output::bytes;

/// Describes what is done of a phase after that time: how many things and bytes, how fast, and how long the rest will take.
pub(super) fn describe(phase: Phase, done: Amount, total: Amount, time: Duration) -> String {
    let (doing, things) = words(phase);
    let mut text = format!("{doing}: {} of {} {things}", done.items, total.items);
    if total.bytes > 0 {
        text.push_str(&format!(", {} of {}", bytes(done.bytes), bytes(total.bytes)));
    }
    let (amount, whole) = match total.bytes {
        0 => (done.items, total.items),
        all => (done.bytes, all),
    };
    let milliseconds = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    if amount == 0 || milliseconds == 0 {
        return text;
    }
    let rate = per(amount, 1000, milliseconds);
    let rest = per(whole.saturating_sub(amount), milliseconds, amount) / 1000;
    let rate = if total.bytes > 0 { format!("{}/s", bytes(rate)) } else { format!("{rate}/s") };
    text.push_str(&format!(", {rate}, {} left", length(rest)));
    text
}

/// Multiplies and divides numbers whose product may be too large for 64 bits. `by` is not 0.
fn per(number: u64, times: u64, by: u64) -> u64 {
    u64::try_from(u128::from(number) * u128::from(times) / u128::from(by.max(1))).unwrap_or(u64::MAX)
}

/// Returns what is done in a phase, and what it goes through.
fn words(phase: Phase) -> (&'static str, &'static str) {
    match phase {
        Phase::Reading => ("reading packages", "files"),
        Phase::Changing => ("changing the repository", "packages"),
        Phase::Linking => ("linking packages into the pool", "packages"),
        Phase::Unpacking => ("unpacking packages", "files"),
        Phase::Rendering => ("rendering indices", "indices"),
        Phase::Checking => ("checking files", "files"),
        Phase::Comparing => ("comparing published trees", "repositories"),
        Phase::Marking => ("looking for what is in use", "objects"),
        Phase::Removing => ("removing what is not in use", "files"),
        Phase::Copying => ("copying files", "files"),
        Phase::Restoring => ("restoring published trees", "publications"),
        _ => ("working", "steps"),
    }
}

/// A number of seconds for people.
fn length(seconds: u64) -> String {
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, seconds) => format!("{minutes} min {seconds:02} s"),
        (hours, minutes, _) => format!("{hours} h {minutes:02} min"),
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;

    fn told(phase: Phase, done: (u64, u64), total: (u64, u64), seconds: f64) -> String {
        let amount = |(items, bytes)| Amount { items, bytes };
        describe(phase, amount(done), amount(total), Duration::from_secs_f64(seconds))
    }

    #[test]
    fn what_is_done_is_told_with_the_rate_and_the_time_left() {
        let mib = 1 << 20;
        assert_snapshot!(
            [
                told(Phase::Reading, (0, 0), (300, 120 * mib), 1.0),
                told(Phase::Reading, (80, 40 * mib), (300, 120 * mib), 2.5),
                told(Phase::Checking, (1, 20 * mib), (90_000, 90_000 * mib), 0.5),
                told(Phase::Marking, (500, 0), (2000, 0), 30.0),
                told(Phase::Rendering, (8, 0), (8, 0), 3.0),
                told(Phase::Copying, (1, u64::MAX), (1, u64::MAX), 1e6),
                told(Phase::Restoring, (0, 1), (2, u64::MAX), 1e6),
            ]
            .join("\n"),
            @"
        reading packages: 0 of 300 files, 0 bytes of 120.0 MiB
        reading packages: 80 of 300 files, 40.0 MiB of 120.0 MiB, 16.0 MiB/s, 5 s left
        checking files: 1 of 90000 files, 20.0 MiB of 87.8 GiB, 40.0 MiB/s, 37 min 29 s left
        looking for what is in use: 500 of 2000 objects, 16/s, 1 min 30 s left
        rendering indices: 8 of 8 indices, 2/s, 0 s left
        copying files: 1 of 1 files, 17179869183.9 GiB of 17179869183.9 GiB, 17179.8 GiB/s, 0 s left
        restoring published trees: 0 of 2 publications, 1 byte of 17179869183.9 GiB, 0 bytes/s, 5124095576030 h 25 min left
        "
        );
    }
}
