//! What the text of changes refers to, found as the programs of the archives find it.

/// `Closes: #1, bug 2`, in any case and with any of `bug` and `#` left out.
pub(super) fn closes(text: &str) -> Vec<u64> {
    fn skip(rest: &str) -> Option<&str> {
        let rest = rest.trim_ascii_start();
        let rest = if starts_with_any_case(rest, "bug") { rest.get(3..)? } else { rest };
        let rest = rest.strip_prefix('#').unwrap_or(rest);
        Some(rest.strip_prefix([' ', '\t', '\n']).unwrap_or(rest))
    }
    sorted(after(text, "closes").flat_map(|list| numbers(list, skip)).collect())
}

/// `LP: #1, #2`, in any case.
pub(super) fn launchpad(text: &str) -> Vec<u64> {
    fn skip(rest: &str) -> Option<&str> {
        rest.trim_ascii_start().strip_prefix('#')
    }
    let lists = after(text, "lp").filter(|list| list.starts_with([' ', '\t', '\n']));
    sorted(lists.flat_map(|list| numbers(list, skip)).collect())
}

/// `CVE-`, four digits, a hyphen, and four digits or more.
pub(super) fn cves(text: &str) -> Vec<&str> {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let ids = text.match_indices("CVE-").filter_map(|(at, _)| {
        let id = text.get(at..)?;
        let number = digits(id.get(9..)?);
        let found = digits(id.get(4..)?) == 4 && id.get(8..9) == Some("-") && number >= 4;
        found.then(|| id.get(..9 + number)).flatten()
    });
    sorted(ids.collect())
}

/// What follows `label`, in any case, and a colon, at each place where they stand.
fn after<'a>(text: &'a str, label: &str) -> impl Iterator<Item = &'a str> {
    text.match_indices(':').filter_map(move |(colon, _)| {
        let word = text.as_bytes().get(colon.checked_sub(label.len())?..colon)?;
        text.get(colon + 1..).filter(|_| word.eq_ignore_ascii_case(label.as_bytes()))
    })
}

/// The numbers that `list` starts with, with commas between them. `skip` passes over what comes before a number.
fn numbers<'a>(list: &'a str, skip: fn(&'a str) -> Option<&'a str>) -> Vec<u64> {
    let mut found = Vec::new();
    let mut list = Some(list);
    while let Some(rest) = list.and_then(skip) {
        let end = rest.bytes().position(|c| !c.is_ascii_digit()).unwrap_or(rest.len());
        let Some((number, rest)) = rest.split_at_checked(end).filter(|(number, _)| !number.is_empty()) else {
            break;
        };
        // A number that is too large is that of no bug.
        found.extend(number.parse::<u64>());
        list = rest.strip_prefix(',');
    }
    found
}

fn starts_with_any_case(text: &str, start: &str) -> bool {
    text.as_bytes().get(..start.len()).is_some_and(|text| text.eq_ignore_ascii_case(start.as_bytes()))
}

fn sorted<T: Ord>(mut all: Vec<T>) -> Vec<T> {
    all.sort_unstable();
    all.dedup();
    all
}
