use std::borrow::Cow;

use deb_parse::control::{is_left_out, looks_canonical};
use deb_parse::deb822::{self, Field};
use deb_parse::relation;

use crate::Error;
use crate::stanza::Stanza;

impl Stanza<'_> {
    /// Returns the stanza in a form that every apt in use reads as dpkg reads the package.
    ///
    /// A field without a value is left out: apt up to 2.6 refuses a whole index because of an empty `Provides`. So are fields that
    /// some apt misreads and dpkg does not know, as [`is_left_out`] says. Relations are
    /// rewritten where [`relation::canonical`] says so. `Multi-Arch` is written in lower case and a version in `Source` behind one
    /// blank, because apt knows no other form. All other bytes stay, and most stanzas stay as they are.
    ///
    /// ```
    /// use apt_index::index::Item as _;
    /// use apt_index::stanza::Stanza;
    /// let stanza = Stanza::parse(b"Package: hello\nProvides:\nDepends: libc6 (>2)\nMulti-Arch: Foreign\n")?.canonical()?;
    /// assert_eq!(stanza.as_bytes(), b"Package: hello\nDepends: libc6 (>= 2)\nMulti-Arch: foreign\n");
    /// # Ok::<(), apt_index::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Field`] when a relation cannot be understood.
    pub fn canonical(self) -> Result<Self, Error> {
        if deb822::paragraphs(self.bytes()).all(looks_canonical) {
            return Ok(self);
        }
        let changed = changed_fields(self.bytes())?;
        let mut bytes = Vec::with_capacity(self.bytes().len() + 64);
        let mut changed = changed.into_iter().peekable();
        for (number, field) in fields(self.bytes()).enumerate() {
            match changed.next_if(|(changed, _)| *changed == number) {
                None => bytes.extend_from_slice(field.as_bytes()),
                Some((_, value)) if value.is_empty() => {}
                Some((_, value)) => bytes.extend(format!("{}: {value}\n", field.name()).into_bytes()),
            }
        }
        Self::check(Cow::Owned(bytes))
    }
}

fn fields(stanza: &[u8]) -> impl Iterator<Item = Field<'_>> {
    deb822::paragraphs(stanza).take(1).flat_map(|paragraph| paragraph.fields())
}

/// The numbers of the fields that cannot stay as they are, each with its new value; it is left out when that is empty.
fn changed_fields(stanza: &[u8]) -> Result<Vec<(usize, String)>, Error> {
    let mut changed = Vec::new();
    let fields = deb822::paragraphs(stanza).take(1).flat_map(|paragraph| {
        paragraph
            .fields()
            .map(move |field| (field, is_left_out(paragraph, field.name().as_bytes(), field.value())))
    });
    for (number, (field, is_left_out)) in fields.enumerate() {
        let value = field.value();
        if value.is_empty() || is_left_out {
            changed.push((number, String::new()));
        } else if field.has_name("Multi-Arch") {
            if value.iter().any(u8::is_ascii_uppercase) {
                changed.push((number, String::from_utf8_lossy(value).to_ascii_lowercase()));
            }
        } else if field.has_name("Source") {
            changed.extend(canonical_source(value).map(|value| (number, value)));
        } else {
            let canonical = relation::canonical(field.name(), value)
                .map_err(|source| Error::Field { field: field.name().into(), source: source.into() })?;
            changed.extend(canonical.map(|value| (number, value)));
        }
    }
    Ok(changed)
}

/// A name and a version that are not written as `name (version)`.
fn canonical_source(value: &[u8]) -> Option<String> {
    let (name, version) = std::str::from_utf8(value).ok()?.split_once('(')?;
    let canonical = format!("{} ({})", name.trim_end(), version.trim_end_matches(')').trim());
    (canonical.as_bytes() != value).then_some(canonical)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::item::Item as _;

    #[test]
    fn only_what_an_apt_cannot_read_is_changed() {
        let text = "Package: a\nSource: b( 1-2 )\nEssential:\nDepends: b (>= 1),\n c(=12)\nConffiles:\n /etc/a 0\nprovides:\t\nPre-Depends: d (1)\n\
                    Description: (1)\n Depends: b (=1)\nbuild-depends: e,,f\nBuild-Conflicts: ,\nSize: 1\n";
        let stanza = Stanza::parse(text.as_bytes()).unwrap().canonical().unwrap();
        insta::assert_snapshot!(String::from_utf8_lossy(stanza.as_bytes()), @"
        Package: a
        Source: b (1-2)
        Depends: b (>= 1),
         c(=12)
        Conffiles:
         /etc/a 0
        Pre-Depends: d (= 1)
        Description: (1)
         Depends: b (=1)
        build-depends: e, f
        Size: 1
        ");
        assert_eq!(stanza.clone().canonical().unwrap(), stanza);
        assert_eq!(stanza.package(), "a");
    }

    #[test]
    fn the_quick_look_misses_nothing() {
        let texts = [
            "X:\nB: 1",
            "X: \nB: 1",
            "X:\t",
            "X:",
            "Multi-Arch: nO",
            "Source: b(1)",
            "Depends: b, c (1)",
            "Build-Depends:\n a,\n b [c  d]",
            "Provides: b (=1)",
            "Breaks: b (<2), c",
            "Built-Using: b (>2)",
            "Description-de: kurz\n lang\nDescription: short",
            "Description: short\ndescription-PT_br: x",
            "Description-md5: rubbish",
            "Description-md5: 0123456789abcdef0123456789abcdef\nDescription: short",
            "Phased-Update-Percentage: 101",
            "Phased-Update-Percentage: 5 0",
            "Phased-Update-Percentage: +5",
        ];
        for text in texts {
            let text = format!("Package: a\n{text}\nSize: 1\n");
            let stanza = Stanza::parse(text.as_bytes()).unwrap();
            assert_ne!(stanza.clone().canonical().unwrap(), stanza, "{text}");
        }
        for text in [
            "Files:\n 1 2 a\nDescription: a:\n b:\n c (1) \n d",
            "Depends: b (>= 1), c\n",
            "X: y",
            "Phased-Update-Percentage: 100",
            "Description: short\nDescription-md5: 0123456789abcdef0123456789ABCDEF",
        ] {
            let text = format!("Package: a\n{}\nSize: 1\n", text.trim_end());
            let stanza = Stanza::parse(text.as_bytes()).unwrap();
            assert_eq!(stanza.clone().canonical().unwrap(), stanza, "{text}");
        }
    }

    #[test]
    fn a_stanza_that_no_apt_could_read_is_an_error() {
        let stanza = Stanza::parse(b"Package: a\nDepends: b,,c\n").unwrap();
        assert!(matches!(stanza.canonical(), Err(Error::Field { field, .. }) if &*field == "Depends"));
        for name in ["Depends", "Provides", "Build-Depends"] {
            let text = format!("Package: a\n{name}: foo:{}\n", "q".repeat(70_000));
            let stanza = Stanza::parse(text.as_bytes()).unwrap();
            assert!(
                matches!(stanza.canonical(), Err(Error::Field { field, .. }) if &*field == name),
                "{name}"
            );
        }
    }
}
