//! Stanzas of indices and Release files, read as plainly as can be, so that fields that occur twice or are empty stay visible.

/// Fields with their values, in their order. A value has no blank at its ends; later lines keep theirs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stanza(pub(crate) Vec<(String, String)>);

impl Stanza {
    /// Returns the value of a field.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Returns the value of a field, or an empty text.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.get(name).unwrap_or_default()
    }

    /// Returns the words of a field.
    pub(crate) fn words(&self, name: &str) -> Vec<&str> {
        self.text(name).split_whitespace().collect()
    }

    /// Returns `NAME VERSION ARCHITECTURE`.
    pub(crate) fn id(&self) -> String {
        format!("{} {} {}", self.text("Package"), self.text("Version"), self.text("Architecture"))
    }
}

/// Reads all stanzas. A line that is neither a field nor continues one becomes a field without a name.
pub(crate) fn read(text: &str) -> Vec<Stanza> {
    let mut stanzas = Vec::new();
    let mut fields: Vec<(String, String)> = Vec::new();
    for line in text.split('\n') {
        if line.is_empty() {
            if !fields.is_empty() {
                stanzas.push(Stanza(std::mem::take(&mut fields)));
            }
        } else if line.starts_with([' ', '\t']) {
            if let Some((_, value)) = fields.last_mut() {
                value.push('\n');
                value.push_str(line);
            }
        } else if let Some((name, value)) = line.split_once(':') {
            fields.push((name.to_owned(), value.trim().to_owned()));
        } else {
            fields.push((String::new(), line.to_owned()));
        }
    }
    if !fields.is_empty() {
        stanzas.push(Stanza(fields));
    }
    stanzas
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn fields_that_occur_twice_and_empty_ones_are_kept() {
        let stanzas = read("A: 1\nB:\n b\nA: 2\n\n\nC: 3\nnonsense\n");
        assert_eq!(stanzas.len(), 2);
        let fields: Vec<_> = stanzas.iter().flat_map(|stanza| &stanza.0).collect();
        let fields: Vec<_> = fields.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(fields, ["A=1", "B=\n b", "A=2", "C=3", "=nonsense"]);
    }
}
