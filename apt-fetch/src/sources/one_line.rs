//! The form with a line for each source: `deb [ option=value … ] uri suite component …`.

use super::{Entry, Options, Raw, SyntaxError};

pub(super) fn parse(text: &str) -> Result<Vec<Entry>, SyntaxError> {
    let mut entries = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.split('#').next().unwrap_or_default().trim_ascii();
        if !line.is_empty() {
            entries.push(read(number, line)?.check()?);
        }
    }
    Ok(entries)
}

fn read(number: u64, line: &str) -> Result<Raw<'_>, SyntaxError> {
    let (kind, rest) = line.split_once([' ', '\t']).unwrap_or((line, ""));
    let mut rest = rest.trim_ascii_start();
    let mut options = Options::default();
    if let Some(behind) = rest.strip_prefix('[') {
        let (between, behind) = behind
            .split_once(']')
            .ok_or_else(|| SyntaxError::new(number, "options must stand between `[` and `]`"))?;
        for option in between.split_ascii_whitespace() {
            let (name, value) = option.split_once('=').ok_or_else(|| {
                SyntaxError::new(number, "an option must be written NAME=VALUE").showing(option)
            })?;
            let values: Vec<&str> = value.split(',').filter(|value| !value.is_empty()).collect();
            options.set(number, name, &values, value)?;
        }
        rest = behind.trim_ascii_start();
    }
    let mut words = rest.split_ascii_whitespace();
    Ok(Raw {
        line: number,
        types: vec![kind],
        uris: words.next().into_iter().collect(),
        suites: words.next().into_iter().collect(),
        components: words.collect(),
        options,
    })
}
