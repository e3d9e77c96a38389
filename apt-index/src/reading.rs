//! Reading a published index back as clients do: [`read_items`] item by item, [`text_of`] as a whole.

use std::io::{BufReader, Error, ErrorKind, Read, Result};

use crate::Encoding;
use crate::digest::ResumableSha256;
use crate::item::Item;
use crate::release::ReleaseFile;

/// So many bytes of text are read at a time.
const AT_ONCE: usize = 1 << 20;

/// Reads the file of an index to its end, calls `take` with the package and the bytes of each item, and returns the size and SHA-256 of its
/// text.
///
/// All of the file counts, also what stands after its first stream. Memory is bounded by the largest item.
///
/// # Errors
/// What reading and decompressing says, and [`ErrorKind::InvalidData`] when the text is anything else than items with their separators.
pub fn read_items<I: Item>(
    encoding: Encoding,
    file: impl Read,
    mut take: impl FnMut(&str, &[u8]),
) -> Result<ReleaseFile> {
    let mut text = encoding.reader(file)?;
    let mut hash = ResumableSha256::default();
    let mut buffer: Vec<u8> = Vec::new();
    let mut is_end = false;
    while !is_end {
        let before = buffer.len();
        is_end = text.by_ref().take(AT_ONCE as u64).read_to_end(&mut buffer)? == 0;
        hash.update(buffer.get(before..).unwrap_or_default());
        let whole = if is_end { buffer.len() } else { I::whole(&buffer) };
        let mut length = 0;
        for item in I::split(buffer.get(..whole).unwrap_or_default()) {
            let (package, item) = item.ok_or_else(broken)?;
            length += item.len() + I::SEPARATOR.len();
            take(package, item);
        }
        // Nothing stands between the items that this reader passes over and another does not.
        if length != whole {
            return Err(broken());
        }
        buffer.drain(..whole);
    }
    Ok(ReleaseFile { size: hash.hashed(), sha256: hash.finish() })
}

/// Reads the file of an index to its end and returns the size and SHA-256 of its text.
///
/// # Errors
/// What reading and decompressing says.
pub fn read_text(encoding: Encoding, file: impl Read) -> Result<ReleaseFile> {
    let mut text = encoding.reader(file)?;
    let mut hash = ResumableSha256::default();
    let mut buffer = vec![0; 64 << 10];
    loop {
        match text.read(&mut buffer) {
            Ok(0) => return Ok(ReleaseFile { size: hash.hashed(), sha256: hash.finish() }),
            Ok(count) => hash.update(buffer.get(..count).unwrap_or_default()),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Reads the text of the file of an index. Returns an error when it is longer than `most` bytes.
///
/// # Errors
/// What reading and decompressing says, and [`ErrorKind::InvalidData`] for a longer text.
pub fn text_of(encoding: Encoding, file: impl Read, most: u64) -> Result<Vec<u8>> {
    let mut text = Vec::new();
    let read = encoding.reader(file)?.take(most.saturating_add(1)).read_to_end(&mut text)?;
    if read as u64 > most {
        return Err(Error::new(ErrorKind::InvalidData, "it is longer than it was"));
    }
    Ok(text)
}

fn broken() -> Error {
    Error::new(ErrorKind::InvalidData, "it is not a list of items")
}

impl Encoding {
    /// The text of a file, of all its streams.
    fn reader<'r>(self, file: impl Read + 'r) -> Result<Box<dyn Read + 'r>> {
        let file = BufReader::new(file);
        Ok(match self {
            Self::Plain => Box::new(file),
            Self::Xz => Box::new(xz2::bufread::XzDecoder::new_multi_decoder(file)),
            Self::Gz => Box::new(flate2::bufread::MultiGzDecoder::new(file)),
            Self::Zst => Box::new(zstd::Decoder::with_buffer(file)?),
            Self::Bz2 => Box::new(bzip2::bufread::MultiBzDecoder::new(file)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use deb_parse::{FilePath, PackageName};

    use crate::contents::ContentsLines;
    use crate::index::{Builder, IndexOptions, Part, Rendered};
    use crate::stanza::Stanza;

    const ALL: [Encoding; 5] = [Encoding::Plain, Encoding::Xz, Encoding::Gz, Encoding::Zst, Encoding::Bz2];

    fn file(rendered: &Rendered, encoding: Encoding) -> Vec<u8> {
        let file = rendered.files().iter().find(|file| file.encoding() == encoding).unwrap();
        let parts = file.parts().iter().map(|part| match part {
            Part::Bytes(bytes) => bytes.as_slice(),
            Part::Previous { .. } => panic!("nothing was there before"),
        });
        parts.collect::<Vec<_>>().concat()
    }

    fn render<I: Item>(items: &[I]) -> Rendered {
        let mut options = IndexOptions::new(ALL.to_vec());
        options.base = 3000;
        let mut builder = Builder::new(&options);
        items.iter().for_each(|item| builder.push(item).unwrap());
        builder.finish().unwrap()
    }

    fn check<I: Item>(items: &[I]) {
        let rendered = render(items);
        for encoding in ALL {
            let mut found = Vec::new();
            let bytes = file(&rendered, encoding);
            let text = read_items::<I>(encoding, &bytes[..], |_, item| found.push(item.to_vec())).unwrap();
            let plain = rendered.plain();
            assert_eq!((text.size, text.sha256), plain);
            assert_eq!(read_text(encoding, &bytes[..]).unwrap(), text);
            assert_eq!(text_of(encoding, &bytes[..], text.size).unwrap().len() as u64, text.size);
            assert!(text.size == 0 || text_of(encoding, &bytes[..], text.size - 1).is_err(), "{encoding}");
            assert!(found.iter().map(Vec::as_slice).eq(items.iter().map(Item::as_bytes)), "{encoding}");
        }
    }

    #[test]
    fn every_item_comes_back_from_every_encoding() {
        let texts: Vec<String> =
            (0..1600).map(|n| format!("Package: p{n}\nDescription: {}\n", "x".repeat(n))).collect();
        let stanzas: Vec<_> = texts.iter().map(|text| Stanza::parse(text.as_bytes()).unwrap()).collect();
        check(&stanzas);
        check::<Stanza<'_>>(&[]);
        let lines = |n: usize| {
            let package = PackageName::parse(&format!("p{n}")).unwrap();
            let paths: Vec<String> = (0..n * 40).map(|file| format!("usr/share/p{n}/{file}")).collect();
            let paths: Vec<FilePath<'_>> =
                paths.iter().map(|path| FilePath::parse(path.as_bytes()).unwrap()).collect();
            ContentsLines::new(&package, None, paths.iter()).unwrap().unwrap()
        };
        check(&(1..120).map(lines).collect::<Vec<_>>());
    }

    #[test]
    fn what_is_not_an_item_is_refused_and_what_is_appended_is_read() {
        for text in [&b"Package: a\n\n\nPackage: b\n\n"[..], b"Version: 1\n\n", b"Package: a\n"] {
            let read = read_items::<Stanza<'_>>(Encoding::Plain, text, |_, _| {});
            assert!(read.is_err(), "{text:?}");
        }
        let stanza = |text: &'static str| Stanza::parse(text.as_bytes()).unwrap();
        for encoding in [Encoding::Gz, Encoding::Zst, Encoding::Bz2, Encoding::Xz] {
            let mut bytes = file(&render(&[stanza("Package: a\n")]), encoding);
            bytes.extend(file(&render(&[stanza("Package: b\n")]), encoding));
            let mut names = Vec::new();
            read_items::<Stanza<'_>>(encoding, &bytes[..], |name, _| names.push(name.to_owned())).unwrap();
            assert_eq!(names, ["a", "b"], "{encoding}");
        }
    }
}
