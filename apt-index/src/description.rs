use std::io::Write as _;

use deb_parse::deb822;
use md5::Digest as _;

use crate::Error;
use crate::item::Item as _;
use crate::stanza::Stanza;

/// Descriptions apart from their stanzas: in a `Packages` index only the first line, in `Translation-en` the whole text, and the
/// MD5 of the text in both, by which clients put them together again.
impl Stanza<'_> {
    /// The stanza with the first line of its description and the MD5 of the whole, in the field `Description-md5`.
    ///
    /// A stanza whose description cannot be told apart so, because it has none or its first line is empty, stays as it is.
    ///
    /// # Errors
    /// [`Error::Stanza`] should never come: the stanza was checked when it was made.
    ///
    /// ```
    /// use apt_index::index::Item as _;
    /// use apt_index::stanza::Stanza;
    /// let stanza = Stanza::parse(b"Package: hello\nDescription: greets\n At length.\nSize: 1\n")?;
    /// assert_eq!(
    ///     stanza.with_short_description()?.as_bytes(),
    ///     b"Package: hello\nDescription: greets\nDescription-md5: b8ff527be41adae16d5de5ae4d959514\nSize: 1\n"
    /// );
    /// # Ok::<(), apt_index::Error>(())
    /// ```
    pub fn with_short_description(&self) -> Result<Stanza<'static>, Error> {
        let Some(description) = Description::of(self) else {
            return Stanza::parse(self.as_bytes()).map(Stanza::into_owned);
        };
        let mut bytes = Vec::with_capacity(self.as_bytes().len());
        for field in fields(self) {
            if field.has_name("Description") {
                let (short, md5) = (description.short(), description.md5());
                // Writing to a Vec cannot fail.
                let _ = write!(bytes, "Description: ");
                bytes.extend_from_slice(short);
                let _ = writeln!(bytes, "\nDescription-md5: {md5}");
            } else {
                bytes.extend_from_slice(field.as_bytes());
            }
        }
        Stanza::parse(&bytes).map(Stanza::into_owned)
    }

    /// What `Translation-en` says of the package: its name, and the whole description with its MD5. `None` when
    /// [`with_short_description`](Self::with_short_description) leaves the stanza as it is.
    ///
    /// # Errors
    /// [`Error::Stanza`] should never come: the stanza was checked when it was made.
    pub fn translation(&self) -> Result<Option<Stanza<'static>>, Error> {
        let Some(description) = Description::of(self) else { return Ok(None) };
        let mut bytes =
            format!("Package: {}\nDescription-md5: {}\nDescription-en: ", self.package(), description.md5())
                .into_bytes();
        bytes.extend_from_slice(description.0);
        bytes.push(b'\n');
        Stanza::parse(&bytes).map(|stanza| Some(stanza.into_owned()))
    }
}

/// The value of the field: a first line that is not empty, and as a rule more lines with their blanks.
struct Description<'a>(&'a [u8]);

impl<'a> Description<'a> {
    fn of(stanza: &'a Stanza<'_>) -> Option<Self> {
        let field = fields(stanza).find(|field| field.has_name("Description"))?;
        let (_, first) = field.as_bytes().split_first_chunk::<{ "Description:".len() }>()?;
        let first = first.split(|byte| *byte == b'\n').next()?;
        (!first.trim_ascii().is_empty()).then_some(Self(field.value()))
    }

    fn short(&self) -> &'a [u8] {
        self.0.split(|byte| *byte == b'\n').next().unwrap_or_default()
    }

    /// As Debian's archive computes it: of the value as it stands in the control file, with the newline at its end.
    fn md5(&self) -> deb_parse::checksum::Md5 {
        let digest = md5::Md5::new().chain_update(self.0).chain_update(b"\n").finalize();
        deb_parse::checksum::Md5::from_bytes(digest.into())
    }
}

fn fields<'a>(stanza: &'a Stanza<'_>) -> impl Iterator<Item = deb822::Field<'a>> {
    deb822::paragraphs(stanza.as_bytes()).flat_map(|paragraph| paragraph.fields().collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;

    fn text(stanza: &Stanza<'_>) -> String {
        String::from_utf8_lossy(stanza.as_bytes()).into_owned()
    }

    #[test]
    fn the_sum_is_the_one_that_debian_computes() {
        // From the index of Debian 12 for its installer.
        let stanza = Stanza::parse(
            b"Package: anna\nDescription: anna's not nearly apt, but for the Debian installer, it will do\n",
        )
        .unwrap();
        assert_snapshot!(text(&stanza.with_short_description().unwrap()), @"
        Package: anna
        Description: anna's not nearly apt, but for the Debian installer, it will do
        Description-md5: 39239def5f89c730ca582effecd5256a
        ");
        assert_snapshot!(text(&stanza.translation().unwrap().unwrap()), @"
        Package: anna
        Description-md5: 39239def5f89c730ca582effecd5256a
        Description-en: anna's not nearly apt, but for the Debian installer, it will do
        ");
    }

    #[test]
    fn the_whole_text_goes_to_the_translation() {
        let stanza = Stanza::parse(
            b"Package: hello\nVersion: 1\ndescription:  greets  \n At length.\n .\n  - verbatim \nTag: x,\n y\nSize: 1\n",
        )
        .unwrap();
        assert_snapshot!(text(&stanza.with_short_description().unwrap()), @"
        Package: hello
        Version: 1
        Description: greets  
        Description-md5: 0c7de1fe0a40a8015077e57b0c042128
        Tag: x,
         y
        Size: 1
        ");
        assert_snapshot!(text(&stanza.translation().unwrap().unwrap()), @"
        Package: hello
        Description-md5: 0c7de1fe0a40a8015077e57b0c042128
        Description-en: greets  
         At length.
         .
          - verbatim
        ");
    }

    #[test]
    fn what_cannot_be_told_apart_stays_together() {
        for stanza in [
            "Package: hello\nVersion: 1\n",
            "Package: hello\nDescription:\n below\n",
            "Package: a\nDescription:\n",
        ] {
            let stanza = Stanza::parse(stanza.as_bytes()).unwrap();
            assert_eq!(stanza.with_short_description().unwrap(), stanza);
            assert_eq!(stanza.translation().unwrap(), None);
        }
    }
}
