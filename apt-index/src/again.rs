//! Making the file of an index again, to the byte, from its text.

use crate::layout::Layout;
use crate::whole::Whole;
use crate::{Encoding, Error};

impl Layout {
    /// Compresses the text of the index as it was compressed when this layout was recorded: cut in the same places, each segment on its
    /// own. Returns `None` when the text has another length than the layout says.
    ///
    /// The result is the file that was published, to the byte, if the text is the one that was rendered and the compressor is the one of
    /// that time. Whether it is, its SHA-256 tells.
    ///
    /// # Errors
    /// [`Error::Encoding`] when a compressor fails.
    pub fn encode(&self, encoding: Encoding, text: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        let mut bytes = encoding.header().to_vec();
        let (mut rest, mut sizes) = (text, Vec::with_capacity(self.segments.len()));
        let mut whole = Whole::new(encoding);
        for segment in &self.segments {
            let cut = usize::try_from(segment.plain).ok().and_then(|length| rest.split_at_checked(length));
            let Some((piece, behind)) = cut else { return Ok(None) };
            rest = behind;
            if let Some(whole) = &mut whole {
                whole.push(piece)?;
            }
            let piece = encoding.encode(piece)?;
            sizes.push((piece.size, segment.plain));
            bytes.extend_from_slice(&piece.bytes);
        }
        if !rest.is_empty() {
            return Ok(None);
        }
        bytes.extend(encoding.trailer(sizes.into_iter())?);
        if let Some(whole) = whole {
            bytes.extend(whole.finish()?);
        }
        Ok(Some(bytes))
    }
}

#[cfg(test)]
mod tests {
    use deb_parse::checksum::Sha256;

    use super::*;
    use crate::index::{Builder, IndexOptions};
    use crate::item::Item;
    use crate::stanza::Stanza;

    #[test]
    fn a_file_comes_back_to_the_byte_in_every_encoding() {
        let mut options = IndexOptions::new(Encoding::CHEAPEST_FIRST.to_vec());
        options.base = 1000;
        for count in [0, 1, 200] {
            let (mut builder, mut text) = (Builder::new(&options), Vec::new());
            for n in 0..count {
                let stanza = format!("Package: p{n:03}\nVersion: 1\n");
                builder.push(&Stanza::parse(stanza.as_bytes()).unwrap()).unwrap();
                text.extend_from_slice(stanza.as_bytes());
                text.extend_from_slice(Stanza::SEPARATOR);
            }
            let rendered = builder.finish().unwrap();
            for file in rendered.files() {
                let again = rendered.layout().encode(file.encoding(), &text).unwrap().unwrap();
                assert_eq!(Sha256::of(&again), file.sha256(), "{count} in {}", file.encoding());
            }
            text.push(b'x');
            assert_eq!(rendered.layout().encode(Encoding::Gz, &text).unwrap(), None);
            assert_eq!(rendered.layout().encode(Encoding::Gz, b"").unwrap().is_some(), count == 0);
        }
    }
}
