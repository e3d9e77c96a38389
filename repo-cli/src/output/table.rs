//! Tables: columns as wide as their content, folded to fit a terminal, and long tables cut short.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::{self, IsTerminal as _};

use deb_parse::SuiteName;
use repo_store::{Build, RecordKey};

use super::escape::escape_in_line;
use super::joined;

/// No column is made narrower than this to fit a terminal.
const NARROWEST: usize = 8;

/// Between two columns.
const GAP: &str = "  ";

/// How many rows of a table are printed, and how to see the others.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RowLimit {
    rows: Option<usize>,
    /// The option that prints all rows.
    option: &'static str,
}

impl RowLimit {
    /// Every row is printed.
    pub(crate) const NONE: Self = Self { rows: None, option: "" };

    /// Prints `rows` rows at most, all of them for 0. `option` is the one that prints all.
    pub(crate) fn new(rows: usize, option: &'static str) -> Self {
        Self { rows: (rows > 0).then_some(rows), option }
    }

    /// Returns how many of `all` rows are printed.
    pub(crate) fn of(self, all: usize) -> usize {
        self.rows.map_or(all, |rows| rows.min(all))
    }

    /// Returns what is said of the rows that are not printed, if there are any.
    pub(crate) fn rest(self, all: usize, thing: &str) -> Option<String> {
        let left = all - self.of(all);
        let ending = if left == 1 { "" } else { "s" };
        (left > 0).then(|| format!("... and {left} more {thing}{ending} (print all with {})", self.option))
    }
}

/// Returns how many characters fit in a line of standard output; `None` when it is not a terminal.
pub(super) fn terminal_width() -> Option<usize> {
    let stdout = io::stdout();
    if !stdout.is_terminal() {
        return None;
    }
    let given = std::env::var("COLUMNS").ok().and_then(|text| text.parse().ok());
    let size = || rustix::termios::tcgetwinsize(&stdout).ok().map(|size| usize::from(size.ws_col));
    // Some terminals do not know their size.
    given.filter(|width| *width > 0).or_else(|| size().filter(|width| *width > 0)).or(Some(80))
}

/// Calls `take` with each line of a table; with none, not even its head, when it has no rows.
pub(super) fn each_line<const N: usize>(
    head: [&str; N],
    rows: &[[String; N]],
    terminal: Option<usize>,
    mut take: impl FnMut(&str),
) {
    if rows.is_empty() {
        return;
    }
    let head = head.map(str::to_owned);
    let rows =
        || std::iter::once(&head).chain(rows).map(|row| row.each_ref().map(|cell| escape_in_line(cell)));
    let widest = |measure: fn(&str) -> usize| {
        rows().fold([0; N], |mut widths, row| {
            widths.iter_mut().zip(&row).for_each(|(width, cell)| *width = measure(cell).max(*width));
            widths
        })
    };
    let mut widths = widest(|cell| cell.chars().count());
    if let Some(terminal) = terminal {
        fit(&mut widths, [widest(longest_word), widest(fingerprint_length)], terminal);
    }
    let mut line = String::new();
    let mut take_cells = |cells: [&str; N]| {
        line.clear();
        for (cell, width) in cells.iter().zip(widths) {
            // Writing to a String cannot fail.
            let _ = write!(line, "{}{cell:width$}", if line.is_empty() { "" } else { GAP });
        }
        take(line.trim_end());
    };
    for row in rows() {
        let is_folded = row.iter().zip(widths).any(|(cell, width)| cell.chars().count() > width);
        if !is_folded {
            take_cells(row.each_ref().map(|cell| &**cell));
            continue;
        }
        let cells: Vec<Vec<String>> = row.iter().zip(widths).map(|(cell, width)| fold(cell, width)).collect();
        let height = cells.iter().map(Vec::len).max().unwrap_or(0);
        for number in 0..height {
            let mut texts = [""; N];
            for (text, lines) in texts.iter_mut().zip(&cells) {
                *text = lines.get(number).map_or("", String::as_str);
            }
            take_cells(texts);
        }
    }
}

fn longest_word(text: &str) -> usize {
    text.split(' ').map(|word| word.chars().count()).max().unwrap_or(0)
}

/// The length of a fingerprint, which is compared and copied as a whole; 0 for any other text.
fn fingerprint_length(text: &str) -> usize {
    let is_fingerprint = text.len() >= 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_fingerprint { text.len() } else { 0 }
}

/// Makes the widest columns narrower until a line fits, as far as that goes: breaks words only where that is needed. `least` is how narrow
/// each column can be without and with that.
fn fit<const N: usize>(widths: &mut [usize; N], least: [[usize; N]; 2], terminal: usize) {
    let gaps = GAP.len() * N.saturating_sub(1);
    let [_, unbreakable] = least;
    for least in least {
        let limited = |limit: usize| {
            let mut limited = *widths;
            limited.iter_mut().zip(least).for_each(|(width, least)| *width = (*width).min(limit.max(least)));
            limited
        };
        let fits = |widths: &[usize; N]| widths.iter().sum::<usize>() + gaps <= terminal;
        if let Some(fitting) = (NARROWEST..=terminal).rev().map(limited).find(fits) {
            *widths = fitting;
            return;
        }
    }
    widths.iter_mut().zip(unbreakable).for_each(|(width, least)| *width = (*width).min(NARROWEST.max(least)));
}

/// Breaks a text into lines of `width` characters at most, between words where that is possible.
fn fold(text: &str, width: usize) -> Vec<String> {
    if text.chars().count() <= width {
        return vec![text.to_owned()];
    }
    let mut lines = vec![String::new()];
    let mut length = 0;
    for word in text.split(' ') {
        let letters = word.chars().count();
        if length > 0 && length + 1 + letters > width {
            lines.push(String::new());
            length = 0;
        }
        let Some(mut line) = lines.pop() else { break };
        if length > 0 {
            line.push(' ');
            length += 1;
        }
        for letter in word.chars() {
            if length >= width.max(1) {
                lines.push(std::mem::take(&mut line));
                length = 0;
            }
            line.push(letter);
            length += 1;
        }
        lines.push(line);
    }
    lines
}

/// Things that are the same in several suites and for several architectures.
pub(crate) struct Grouped<K> {
    pub(crate) what: K,
    pub(crate) architectures: String,
    pub(crate) suites: String,
}

/// Groups what is the same in several suites and for several architectures, in the order of `K`.
pub(crate) fn grouped<K: Clone + Ord>(
    items: impl IntoIterator<Item = (K, Build, SuiteName)>,
) -> Vec<Grouped<K>> {
    let mut all: BTreeMap<K, BTreeMap<Build, BTreeSet<SuiteName>>> = BTreeMap::new();
    for (what, build, suite) in items {
        all.entry(what).or_default().entry(build).or_default().insert(suite);
    }
    let mut rows = Vec::with_capacity(all.len());
    for (what, builds) in all {
        let mut groups: Vec<(BTreeSet<SuiteName>, Vec<Build>)> = Vec::new();
        for (build, suites) in builds {
            match groups.iter_mut().find(|(known, _)| *known == suites) {
                Some((_, builds)) => builds.push(build),
                None => groups.push((suites, vec![build])),
            }
        }
        rows.extend(groups.into_iter().map(|(suites, builds)| Grouped {
            what: what.clone(),
            architectures: joined(&builds),
            suites: joined(&suites.into_iter().collect::<Vec<_>>()),
        }));
    }
    rows
}

/// Returns the rows of a table of packages, and what is known of each besides: sorted by name, then version as dpkg orders
/// them, then architecture.
pub(crate) fn package_rows<E: Clone + Ord>(
    items: impl IntoIterator<Item = (RecordKey, SuiteName, E)>,
) -> Vec<([String; 4], E)> {
    let keyed = items.into_iter().map(|(key, suite, extra)| {
        // Versions that dpkg takes for equal may be written differently.
        let text = key.version.to_string();
        ((key.package, key.version, text, extra), key.architecture, suite)
    });
    let rows = grouped(keyed).into_iter().map(|Grouped { what, architectures, suites }| {
        let (package, _, version, extra) = what;
        ([package.to_string(), version, architectures, suites], extra)
    });
    rows.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use deb_parse::{Architecture, PackageName, Version};
    use proptest::prelude::*;

    fn rows(rows: &[[&str; 3]]) -> Vec<[String; 3]> {
        rows.iter().map(|row| row.map(str::to_owned)).collect()
    }

    fn lines<const N: usize>(head: [&str; N], rows: &[[String; N]], terminal: Option<usize>) -> Vec<String> {
        let mut lines = Vec::new();
        each_line(head, rows, terminal, |line| lines.push(line.to_owned()));
        lines
    }

    fn text(rows: &[[String; 3]], terminal: Option<usize>) -> String {
        lines(["PACKAGE", "VERSION", "SUITES"], rows, terminal).join("\n")
    }

    #[test]
    fn a_table_is_folded_to_the_width_of_a_terminal_and_whole_elsewhere() {
        let rows = rows(&[
            ["hello", "1.0", "bookworm, trixie, forky, sid"],
            ["a-very-long-name-without-blanks", "2.0", "sid"],
        ]);
        insta::assert_snapshot!(text(&rows, None), @"
        PACKAGE                          VERSION  SUITES
        hello                            1.0      bookworm, trixie, forky, sid
        a-very-long-name-without-blanks  2.0      sid
        ");
        insta::assert_snapshot!(text(&rows, Some(40)), @"
        PACKAGE         VERSION  SUITES
        hello           1.0      bookworm,
                                 trixie, forky,
                                 sid
        a-very-long-na  2.0      sid
        me-without-bla
        nks
        ");
    }

    #[test]
    fn the_text_of_others_stays_in_its_row() {
        assert_eq!(text(&rows(&[["a\nb", "\t\u{1b}", ""]]), None).lines().count(), 2);
    }

    #[test]
    fn limits_are_said() {
        assert_eq!(RowLimit::new(50, "--all").rest(50, "row"), None);
        assert_eq!(RowLimit::NONE.rest(5000, "row"), None);
        assert_eq!(RowLimit::new(0, "--all").of(5000), 5000);
        let rest = RowLimit::new(50, "--limit 0").rest(5000, "row");
        assert_eq!(rest.as_deref(), Some("... and 4950 more rows (print all with --limit 0)"));
        assert_eq!(
            RowLimit::new(50, "--all").rest(51, "row").as_deref(),
            Some("... and 1 more row (print all with --all)")
        );
    }

    #[test]
    fn packages_are_grouped_and_in_the_order_of_their_versions() {
        let item = |version: &str, build: &str, suite: &str| {
            let key = RecordKey {
                package: PackageName::parse("hello").unwrap(),
                version: Version::parse(version).unwrap(),
                architecture: match build {
                    "source" => Build::Source,
                    build => Build::For(Architecture::parse(build).unwrap()),
                },
            };
            (key, SuiteName::parse(suite).unwrap(), ())
        };
        let mut items = vec![item("1.10", "amd64", "sid"), item("1.9", "source", "sid")];
        for suite in ["trixie", "bookworm"] {
            items.extend([item("1.9", "amd64", suite), item("1.9", "arm64", suite)]);
        }
        let rows: Vec<String> = package_rows(items).into_iter().map(|(row, ())| row.join("|")).collect();
        assert_eq!(
            rows,
            ["hello|1.9|amd64, arm64|bookworm, trixie", "hello|1.9|source|sid", "hello|1.10|amd64|sid"]
        );
    }

    proptest! {
        #[test]
        fn nothing_is_lost_or_too_wide(
            cells in prop::collection::vec([".{0,40}", "[a-z ]{0,200}", "[a-z]{0,90}"], 1..6),
            terminal in 30_usize..200,
        ) {
            let lines = lines(["A", "B", "C"], &cells, Some(terminal));
            prop_assert!(lines.iter().all(|line| line.chars().count() <= terminal), "{lines:?}");
            let letters = |text: &str| text.chars().filter(|c| !c.is_whitespace()).count();
            let shown: usize = lines.iter().skip(1).map(|line| letters(line)).sum();
            let known: usize = cells.iter().flatten().map(|cell| letters(&escape_in_line(cell))).sum();
            prop_assert_eq!(shown, known);
        }
    }

    #[test]
    fn a_fingerprint_is_never_broken() {
        let fingerprint = "0123456789ABCDEF0123456789ABCDEF01234567";
        let name = "Packages of Example <packages-and-more@archive.example.org>";
        let row = [fingerprint, "ed25519", "2028-11-26", name].map(str::to_owned);
        for terminal in [20, 60, 80, 100] {
            let lines = lines(
                ["FINGERPRINT", "ALGORITHM", "EXPIRES", "NAME"],
                std::slice::from_ref(&row),
                Some(terminal),
            );
            assert!(lines.iter().any(|line| line.contains(fingerprint)), "{lines:#?}");
            assert!(terminal < 80 || lines.iter().all(|line| line.chars().count() <= terminal), "{lines:#?}");
        }
    }
}
