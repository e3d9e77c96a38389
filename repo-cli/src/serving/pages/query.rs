//! What a form sends in the address.

use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;

/// How many characters of a value count. No package has a longer name: it is a part of the name of a file.
const LONGEST: usize = 255;

/// The values of a query by their names. Of two values with one name the first counts.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Query(BTreeMap<String, String>);

impl Query {
    /// Reads what stands behind the `?`.
    pub(super) fn parse(text: &str) -> Self {
        let mut values = BTreeMap::new();
        for pair in text.split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            values.entry(decoded(name)).or_insert_with(|| decoded(value));
        }
        Self(values)
    }

    /// Returns a value without blanks around it; `None` when it is empty or missing.
    pub(super) fn get(&self, name: &str) -> Option<String> {
        let value = self.0.get(name)?.trim();
        (!value.is_empty()).then(|| value.to_owned())
    }
}

fn decoded(text: &str) -> String {
    let text = text.replace('+', " ");
    percent_decode_str(&text).decode_utf8_lossy().chars().take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_read_as_browsers_send_it() {
        let query = Query::parse("q=g%2B%2B+%C3%A9&q=second&empty=&alone&bad=%ff%zz");
        assert_eq!(query.get("q").as_deref(), Some("g++ é"));
        assert_eq!((query.get("empty"), query.get("alone"), query.get("none")), (None, None, None));
        assert_eq!(query.get("bad").as_deref(), Some("\u{fffd}%zz"));
        let length =
            |text: &str| Query::parse(&format!("after={text}")).get("after").unwrap().chars().count();
        assert_eq!((length(&"x".repeat(5000)), length(&"é".repeat(200))), (LONGEST, 200));
    }
}
