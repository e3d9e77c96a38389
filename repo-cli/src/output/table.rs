//! Tables: columns as wide as their content, folded to fit a terminal, and long tables cut short.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::{self, IsTerminal as _};

use deb_parse::SuiteName;
use repo_store::model::record::RecordKey;

use super::color::Style;
use super::escape::escape_in_line;
use super::{joined, suite_list};

/// No column is made narrower than this to fit a terminal.
const NARROWEST: usize = 8;

/// Between two columns.
const GAP: &str = "  ";

/// How many rows of a table are printed, and how to see the others.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RowLimit {
    rows: Option<usize>,
    /// The same for what is told on standard error.
    notes: Option<usize>,
    /// What prints all rows.
    way: &'static str,
}

impl RowLimit {
    /// Every row is printed.
    pub(crate) const NONE: Self = Self { rows: None, notes: None, way: "" };

    /// Prints `rows` rows and `notes` notes at most, all of them for 0.
    pub(crate) fn new(rows: usize, notes: usize) -> Self {
        let limit = |number: usize| (number > 0).then_some(number);
        Self { rows: limit(rows), notes: limit(notes), way: "--limit 0" }
    }

    /// Names another way to print all: a command.
    pub(crate) fn with_way(self, way: &'static str) -> Self {
        Self { way, ..self }
    }

    /// Returns the limit of what is told on standard error.
    pub(super) fn of_notes(self) -> Self {
        Self { rows: self.notes, ..self }
    }

    /// Returns how many of `all` rows are printed.
    pub(crate) fn of(self, all: usize) -> usize {
        self.rows.map_or(all, |rows| rows.min(all))
    }

    /// Returns what is said of the rows that are not printed, if there are any.
    pub(crate) fn rest(self, all: usize, thing: &str) -> Option<String> {
        let left = all - self.of(all);
        let ending = if left == 1 { "" } else { "s" };
        (left > 0).then(|| format!("... and {left} more {thing}{ending} (print all with {})", self.way))
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

/// A column of a table: its title, and what may become of it when a line does not fit the terminal.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column<'a> {
    title: &'a str,
    kind: ColumnKind,
    is_expendable: bool,
    style: CellStyle,
}

/// How the cells of a column are coloured.
#[derive(Clone, Copy, Debug)]
enum CellStyle {
    /// All alike.
    Of(Style),
    /// By what stands in the cell, and in its row.
    ByCell(fn(&str, &[&str]) -> Style),
}

impl CellStyle {
    fn of(self, cell: &str, row: &[&str]) -> Style {
        match self {
            Self::Of(style) => style,
            Self::ByCell(style) => style(cell, row),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ColumnKind {
    /// A version, a time, a number: never broken, for it is compared and copied.
    Whole,
    /// Names and versions in a row: broken between two of them.
    Words,
    /// Text: broken between words, and in words that are longer than a line has room for.
    Text,
}

impl<'a> Column<'a> {
    /// A column of versions, times or numbers: a cell is never broken.
    pub(crate) const fn whole(title: &'a str) -> Self {
        Self::new(title, ColumnKind::Whole)
    }

    /// A column of lists of names or versions: a cell is broken between two of them.
    pub(crate) const fn words(title: &'a str) -> Self {
        Self::new(title, ColumnKind::Words)
    }

    /// A column of text, or of names of any length.
    pub(crate) const fn text(title: &'a str) -> Self {
        Self::new(title, ColumnKind::Text)
    }

    /// A column of names of packages.
    pub(crate) const fn names(title: &'a str) -> Self {
        let mut column = Self::text(title);
        column.style = CellStyle::Of(Style::Name);
        column
    }

    /// A column of what is done to packages.
    pub(crate) const fn actions(title: &'a str) -> Self {
        Self::words(title).styled(|cell, _| Style::of_action(cell))
    }

    const fn new(title: &'a str, kind: ColumnKind) -> Self {
        Self { title, kind, is_expendable: false, style: CellStyle::Of(Style::Plain) }
    }

    /// Colours each cell of the column by what stands in it, and in its row.
    pub(crate) const fn styled(mut self, style: fn(&str, &[&str]) -> Style) -> Self {
        self.style = CellStyle::ByCell(style);
        self
    }

    /// Lets the column be left out when a line does not fit: the first of several goes first.
    pub(crate) const fn expendable(mut self) -> Self {
        self.is_expendable = true;
        self
    }

    /// How narrow the column can be when the words of a text may be broken into pieces of `piece` characters. A title is never broken.
    fn least(self, Lengths { cell, word, whole_word }: Lengths, piece: usize) -> usize {
        let least = match self.kind {
            ColumnKind::Whole => cell,
            ColumnKind::Words => word,
            ColumnKind::Text => word.min(piece).max(whole_word),
        };
        least.max(self.title.chars().count())
    }
}

/// The most characters that a column has in a cell, in a word, and in a word that is never broken.
#[derive(Clone, Copy, Debug, Default)]
struct Lengths {
    cell: usize,
    word: usize,
    whole_word: usize,
}

impl Lengths {
    fn extend(&mut self, cell: &str) {
        self.cell = self.cell.max(cell.chars().count());
        for word in cell.split(' ') {
            let length = word.chars().count();
            self.word = self.word.max(length);
            if is_copied(word) {
                self.whole_word = self.whole_word.max(length);
            }
        }
    }
}

/// Returns whether a word of a text is compared and copied as a whole: a version or a fingerprint.
fn is_copied(word: &str) -> bool {
    let is_fingerprint = || word.len() >= 40 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    word.starts_with(|first: char| first.is_ascii_digit()) || is_fingerprint()
}

/// Where a table is printed.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Surface {
    /// How many characters fit in a line, on a terminal.
    pub(super) width: Option<usize>,
    /// Whether cells are coloured.
    pub(super) is_colored: bool,
}

/// Calls `take` with each line of a table; with none, not even its head, when it has no rows. Nothing in a line but our own colours is
/// obeyed by a terminal.
pub(super) fn each_line<R: AsRef<[String]>>(
    columns: &[Column<'_>],
    rows: &[R],
    surface: Surface,
    mut take: impl FnMut(&str),
) {
    if rows.is_empty() {
        return;
    }
    let rows = || rows.iter().map(|row| row.as_ref().iter().map(|cell| escape_in_line(cell)).collect());
    let mut lengths = vec![Lengths::default(); columns.len()];
    for (lengths, column) in lengths.iter_mut().zip(columns) {
        lengths.extend(column.title);
    }
    for row in rows() {
        let row: Vec<Cow<'_, str>> = row;
        lengths.iter_mut().zip(&row).for_each(|(lengths, cell)| lengths.extend(cell));
    }
    let widths = match surface.width {
        Some(terminal) => match fit(columns, &lengths, terminal) {
            Some(widths) => widths,
            None => return each_block(columns, rows(), (terminal, surface.is_colored), take),
        },
        None => lengths.iter().map(|lengths| Some(lengths.cell)).collect(),
    };
    let plain = vec![Style::Plain; columns.len()];
    let titles: Vec<&str> = columns.iter().map(|column| column.title).collect();
    each_line_of(&titles, &widths, &plain, &mut take);
    for row in rows() {
        let cells: Vec<&str> = row.iter().map(|cell| &**cell).collect();
        let styles = if surface.is_colored { styles(columns, &cells) } else { plain.clone() };
        each_line_of(&cells, &widths, &styles, &mut take);
    }
}

fn styles(columns: &[Column<'_>], cells: &[&str]) -> Vec<Style> {
    columns.iter().zip(cells).map(|(column, cell)| column.style.of(cell, cells)).collect()
}

/// Calls `take` with each line of one row, whose cells are folded to these widths.
fn each_line_of(cells: &[&str], widths: &[Option<usize>], styles: &[Style], take: &mut impl FnMut(&str)) {
    let shown = cells.iter().zip(widths).zip(styles);
    let shown: Vec<(Vec<String>, usize, Style)> = shown
        .filter_map(|((cell, width), style)| width.map(|width| (fold(cell, width), width, *style)))
        .collect();
    let height = shown.iter().map(|(lines, ..)| lines.len()).max().unwrap_or(0);
    for number in 0..height {
        let mut line = String::new();
        // Spaces are written only before another cell.
        let mut spaces = 0;
        for (lines, width, style) in &shown {
            let text = lines.get(number).map_or("", String::as_str);
            if !text.is_empty() {
                // Writing to a String cannot fail.
                let _ = write!(line, "{:spaces$}{}", "", style.paint(text));
                spaces = 0;
            }
            spaces += width.saturating_sub(text.chars().count()) + GAP.len();
        }
        take(line.trim_end());
    }
}

/// Calls `take` with each line of rows that do not fit side by side on the terminal: each cell stands beside its title, and an empty line
/// behind each row.
fn each_block<'a>(
    columns: &[Column<'_>],
    rows: impl Iterator<Item = Vec<Cow<'a, str>>>,
    (terminal, is_colored): (usize, bool),
    mut take: impl FnMut(&str),
) {
    let title_width = columns.iter().map(|column| column.title.chars().count()).max().unwrap_or(0);
    let width = terminal.saturating_sub(title_width + GAP.len()).max(NARROWEST);
    for row in rows {
        let cells: Vec<&str> = row.iter().map(|cell| &**cell).collect();
        for (column, cell) in columns.iter().zip(&cells) {
            let is_whole = column.kind == ColumnKind::Whole;
            let lines = if is_whole { vec![(*cell).to_owned()] } else { fold(cell, width) };
            let style = if is_colored { column.style.of(cell, &cells) } else { Style::Plain };
            for (number, line) in lines.iter().enumerate() {
                let title = if number == 0 { column.title } else { "" };
                take(format!("{title:title_width$}{GAP}{}", style.paint(line)).trim_end());
            }
        }
        take("");
    }
}

/// A longer word of a text is rather broken than another column left out.
const BROKEN_FIRST: usize = 24;

/// Returns how wide each column is so that a line fits, each `None` for a column that is left out; `None` when no line can fit. The widest
/// columns become narrower, then long words of texts are broken, then what is expendable is left out, and at last any word of a text is
/// broken.
fn fit(columns: &[Column<'_>], lengths: &[Lengths], terminal: usize) -> Option<Vec<Option<usize>>> {
    let mut shown = vec![true; columns.len()];
    let narrowest_of = |piece: usize, shown: &[bool]| {
        let all = columns.iter().zip(lengths).zip(shown);
        let least: Vec<(usize, usize, bool)> = all
            .map(|((column, lengths), is_shown)| (column.least(*lengths, piece), lengths.cell, *is_shown))
            .collect();
        let limited = |limit: usize| -> Vec<Option<usize>> {
            let width = |(least, cell, is_shown): &(usize, usize, bool)| {
                is_shown.then(|| (*cell).min(limit.max(*least)))
            };
            least.iter().map(width).collect()
        };
        let fits = |widths: &Vec<Option<usize>>| {
            let shown = widths.iter().flatten();
            shown.clone().sum::<usize>() + GAP.len() * shown.count().saturating_sub(1) <= terminal
        };
        (NARROWEST..=terminal).rev().map(limited).find(fits)
    };
    loop {
        let pieces = [usize::MAX, BROKEN_FIRST];
        if let Some(fitting) = pieces.into_iter().find_map(|piece| narrowest_of(piece, &shown)) {
            return Some(fitting);
        }
        let mut expendable = shown.iter_mut().zip(columns);
        match expendable.find(|(shown, column)| **shown && column.is_expendable) {
            Some((shown, _)) => *shown = false,
            None => break,
        }
    }
    narrowest_of(NARROWEST, &shown)
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
        // What is compared and copied is rather too long for the line.
        let breaks = !is_copied(word);
        for letter in word.chars() {
            if breaks && length >= width.max(1) {
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
pub(crate) fn grouped<K: Clone + Ord, B: Ord + ToString>(
    items: impl IntoIterator<Item = (K, B, SuiteName)>,
) -> Vec<Grouped<K>> {
    let mut all: BTreeMap<K, BTreeMap<B, BTreeSet<SuiteName>>> = BTreeMap::new();
    for (what, build, suite) in items {
        all.entry(what).or_default().entry(build).or_default().insert(suite);
    }
    let mut rows = Vec::with_capacity(all.len());
    for (what, builds) in all {
        let mut groups: Vec<(BTreeSet<SuiteName>, Vec<B>)> = Vec::new();
        for (build, suites) in builds {
            match groups.iter_mut().find(|(known, _)| *known == suites) {
                Some((_, builds)) => builds.push(build),
                None => groups.push((suites, vec![build])),
            }
        }
        rows.extend(groups.into_iter().map(|(suites, builds)| Grouped {
            what: what.clone(),
            architectures: joined(&builds),
            suites: suite_list(&suites),
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
    use repo_store::model::record::Build;

    fn rows_of(rows: &[[&str; 3]]) -> Vec<[String; 3]> {
        rows.iter().map(|row| row.map(str::to_owned)).collect()
    }

    fn lines<const N: usize>(
        columns: [Column<'_>; N],
        rows: &[[String; N]],
        terminal: Option<usize>,
    ) -> Vec<String> {
        let mut lines = Vec::new();
        let surface = Surface { width: terminal, is_colored: false };
        each_line(&columns, rows, surface, |line| lines.push(line.to_owned()));
        lines
    }

    fn text(rows: &[[String; 3]], terminal: Option<usize>) -> String {
        let columns = [Column::text("PACKAGE"), Column::whole("VERSION"), Column::words("SUITES")];
        lines(columns, rows, terminal).join("\n")
    }

    #[test]
    fn a_table_is_folded_to_the_width_of_a_terminal_and_whole_elsewhere() {
        let rows = rows_of(&[
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
        assert_eq!(text(&rows_of(&[["a\nb", "\t\u{1b}", ""]]), None).lines().count(), 2);
    }

    #[test]
    fn limits_are_said() {
        assert_eq!(RowLimit::new(50, 0).rest(50, "row"), None);
        assert_eq!(RowLimit::NONE.rest(5000, "row"), None);
        assert_eq!(RowLimit::new(0, 50).of(5000), 5000);
        assert_eq!(RowLimit::new(0, 50).of_notes().of(5000), 50);
        let rest = RowLimit::new(50, 0).rest(5000, "row");
        assert_eq!(rest.as_deref(), Some("... and 4950 more rows (print all with --limit 0)"));
        assert_eq!(
            RowLimit::new(50, 0).with_way("repo-cli list").rest(51, "row").as_deref(),
            Some("... and 1 more row (print all with repo-cli list)")
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
            cells in prop::collection::vec(["[^0-9]{0,40}", "[a-z ]{0,200}", "[a-z]{0,90}"], 1..6),
            terminal in 30_usize..200,
        ) {
            let lines = lines(["A", "B", "C"].map(Column::text), &cells, Some(terminal));
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
                [
                    Column::whole("FINGERPRINT"),
                    Column::whole("ALGORITHM"),
                    Column::whole("EXPIRES"),
                    Column::text("NAME"),
                ],
                std::slice::from_ref(&row),
                Some(terminal),
            );
            assert!(lines.iter().any(|line| line.contains(fingerprint)), "{lines:#?}");
            assert!(terminal < 60 || lines.iter().all(|line| line.chars().count() <= terminal), "{lines:#?}");
        }
    }

    #[test]
    fn a_row_that_fits_no_line_is_a_block_and_a_title_is_never_broken() {
        let keys = [Column::whole("FINGERPRINT"), Column::whole("ALGORITHM"), Column::text("NAME")];
        let row =
            |name: &str| ["0123456789ABCDEF0123456789ABCDEF01234567", "ed25519", name].map(str::to_owned);
        let rows = [row("Packages of Example <packages@archive.example.org>"), row("Test")];
        insta::assert_snapshot!(lines(keys, &rows, Some(60)).join("\n"), @"
        FINGERPRINT  0123456789ABCDEF0123456789ABCDEF01234567
        ALGORITHM    ed25519
        NAME         Packages of Example
                     <packages@archive.example.org>

        FINGERPRINT  0123456789ABCDEF0123456789ABCDEF01234567
        ALGORITHM    ed25519
        NAME         Test

        ");
        let versions = [Column::whole("VERSION"), Column::text("REPOSITORY"), Column::words("SUITES")];
        let rows = rows_of(&[["2:1.2.3~rc1+git20260101.0123456-1~bookworm1", "prod", "bookworm"]]);
        assert_eq!(
            lines(versions, &rows, Some(65)).first().map(String::as_str),
            Some("VERSION                                      REPOSITORY  SUITES")
        );
        assert_eq!(lines(versions, &rows, Some(60)).len(), 4);
    }

    #[test]
    fn a_version_and_a_time_are_never_broken() {
        let columns = [
            Column::whole("NUMBER"),
            Column::whole("COMMIT").expendable(),
            Column::whole("TIME"),
            Column::text("BY").expendable(),
            Column::words("VERSIONS"),
            Column::text("OPERATION"),
        ];
        let version = "2:1.2.3~rc1+git20260101.0123456-1~bookworm1";
        let operation = format!("promote from preprod: a-package-with-a-quite-long-name-dbgsym {version}");
        let versions = format!("{version}, {version}");
        let row = ["41", "0123456789ab", "2026-11-27 10:00 UTC", "somebody", &versions, &operation];
        let row = row.map(str::to_owned);
        for terminal in [60, 80, 120, 200] {
            let lines = lines(columns, std::slice::from_ref(&row), Some(terminal));
            let text = lines.join("\n");
            assert!(text.contains("2026-11-27 10:00 UTC"), "{text}");
            assert_eq!(text.matches(version).count().min(2), 2, "{text}");
            assert!(lines.iter().all(|line| line.chars().count() <= terminal), "{text}");
            // Where no table fits, a block shows every column; in a table the commit is the first that is left out.
            assert_eq!(text.contains("COMMIT"), terminal != 120, "{text}");
        }
    }

    #[test]
    fn the_least_important_column_is_left_out_first() {
        let columns =
            [Column::whole("COMMIT").expendable(), Column::text("BY").expendable(), Column::whole("TIME")];
        let row = ["0123456789ab", "somebody", "2026-11-27 10:00 UTC"].map(str::to_owned);
        for (terminal, head) in [
            (44, "COMMIT        BY        TIME"),
            (43, "BY        TIME"),
            (30, "BY        TIME"),
            (29, "TIME"),
        ] {
            let lines = lines(columns, std::slice::from_ref(&row), Some(terminal));
            assert_eq!(lines.first().map(String::as_str), Some(head), "{terminal}");
        }
    }
}
