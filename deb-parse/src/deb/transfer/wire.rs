//! Values as bytes: numbers with the lowest byte first, lengths before what they are of.

use std::io::{self, Read, Write};

pub(super) fn invalid(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

pub(super) struct Encoder<W>(pub(super) W);

impl<W: Write> Encoder<W> {
    pub(super) fn byte(&mut self, byte: u8) -> io::Result<()> {
        self.0.write_all(&[byte])
    }

    pub(super) fn number(&mut self, number: u64) -> io::Result<()> {
        self.0.write_all(&number.to_le_bytes())
    }

    pub(super) fn length(&mut self, length: usize) -> io::Result<()> {
        self.number(length as u64)
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.length(bytes.len())?;
        self.0.write_all(bytes)
    }

    pub(super) fn option<T>(
        &mut self,
        value: Option<T>,
        write: impl FnOnce(&mut Self, T) -> io::Result<()>,
    ) -> io::Result<()> {
        self.byte(u8::from(value.is_some()))?;
        value.map_or(Ok(()), |value| write(self, value))
    }

    pub(super) fn list<T>(
        &mut self,
        values: &[T],
        mut write: impl FnMut(&mut Self, &T) -> io::Result<()>,
    ) -> io::Result<()> {
        self.length(values.len())?;
        values.iter().try_for_each(|value| write(self, value))
    }
}

pub(super) struct Decoder<R>(pub(super) R);

impl<R: Read> Decoder<R> {
    fn array<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.0.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    pub(super) fn byte(&mut self) -> io::Result<u8> {
        Ok(u8::from_le_bytes(self.array()?))
    }

    pub(super) fn flag(&mut self) -> io::Result<bool> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(invalid("a flag is neither set nor unset")),
        }
    }

    pub(super) fn number(&mut self) -> io::Result<u64> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    pub(super) fn small(&mut self) -> io::Result<u32> {
        u32::try_from(self.number()?).map_err(|_| invalid("a number is too large"))
    }

    pub(super) fn length(&mut self) -> io::Result<usize> {
        usize::try_from(self.number()?).map_err(|_| invalid("a length is too large"))
    }

    /// A length of at most `most`.
    fn length_up_to(&mut self, most: usize) -> io::Result<usize> {
        let length = self.length()?;
        if length <= most { Ok(length) } else { Err(invalid("something is longer than it can be")) }
    }

    /// Bytes, at most `most` of them. A length that is not true takes no memory.
    pub(super) fn bytes(&mut self, most: usize) -> io::Result<Vec<u8>> {
        let length = self.length_up_to(most)?;
        let mut bytes = Vec::with_capacity(length.min(8 << 10));
        let read = self.0.by_ref().take(length as u64).read_to_end(&mut bytes)?;
        if read == length { Ok(bytes) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }

    pub(super) fn text(&mut self, most: usize) -> io::Result<String> {
        String::from_utf8(self.bytes(most)?).map_err(|_| invalid("a text is not UTF-8"))
    }

    pub(super) fn digest<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        self.array()
    }

    pub(super) fn option<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> io::Result<T>,
    ) -> io::Result<Option<T>> {
        self.flag()?.then(|| read(self)).transpose()
    }

    /// Calls `read` for each entry of a list of at most `most`.
    pub(super) fn each(
        &mut self,
        most: usize,
        mut read: impl FnMut(&mut Self) -> io::Result<()>,
    ) -> io::Result<()> {
        let length = self.length_up_to(most)?;
        (0..length).try_for_each(|_| read(self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_that_is_not_true_is_refused_before_memory_is_taken() {
        let mut lie = u64::MAX.to_le_bytes().to_vec();
        lie.extend_from_slice(b"few");
        assert_eq!(Decoder(&lie[..]).bytes(usize::MAX - 1).unwrap_err().kind(), io::ErrorKind::InvalidData);
        let mut cut = (1_u64 << 40).to_le_bytes().to_vec();
        cut.extend_from_slice(b"few");
        assert_eq!(Decoder(&cut[..]).bytes(usize::MAX).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }
}
