//! Finds out which of the two formats a document has.

use std::fmt;
use std::io::BufRead;

use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::advisory::Advisories;
use crate::error::Error;
use crate::{osv, tracker};

/// Which sources are kept.
pub(crate) type Wanted<'a> = &'a dyn Fn(&str) -> bool;

impl Advisories {
    /// Reads data about vulnerabilities: the JSON of Debian's security tracker, a record of OSV, a list of these, what OSV's interface answers
    /// (`{"vulns": […]}`), or several such documents one after the other. What is said of sources that are not wanted is passed over, so a file may be much larger than what is kept of it.
    ///
    /// Returns how many sources or records the file is about, wanted or not: none in a file that is empty.
    ///
    /// # Errors
    /// [`Error`] when it cannot be read; then nothing of it is kept.
    pub fn read(&mut self, mut data: impl BufRead, wanted: &dyn Fn(&str) -> bool) -> Result<usize, Error> {
        let mut read = Self::default();
        let (mut document, mut seen) = (1, 0);
        while skip_blanks(&mut data)? {
            // It reads no byte behind the end of an object or a list.
            let mut json = serde_json::Deserializer::from_reader(&mut data);
            let reading = Reading { advisories: &mut read, wanted };
            seen += reading.deserialize(&mut json).map_err(|source| Error::Format { document, source })?;
            document += 1;
        }
        self.merge(read);
        Ok(seen)
    }
}

/// Passes over blanks. Returns whether anything follows.
fn skip_blanks(data: &mut impl BufRead) -> Result<bool, std::io::Error> {
    loop {
        let buffer = data.fill_buf()?;
        if buffer.is_empty() {
            return Ok(false);
        }
        let blanks = buffer.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        let is_more = blanks < buffer.len();
        data.consume(blanks);
        if is_more {
            return Ok(true);
        }
    }
}

struct Reading<'a> {
    advisories: &'a mut Advisories,
    wanted: Wanted<'a>,
}

impl<'de> DeserializeSeed<'de> for Reading<'_> {
    /// How many sources or records there were.
    type Value = usize;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<usize, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reading<'_> {
    type Value = usize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the JSON of Debian's security tracker, or records of OSV")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut records: A) -> Result<usize, A::Error> {
        let mut seen = 0;
        while let Some(record) = records.next_element::<osv::Record>()? {
            record.add_to(self.advisories, self.wanted);
            seen += 1;
        }
        Ok(seen)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut rest: A) -> Result<usize, A::Error> {
        let Some(first) = rest.next_key::<String>()? else { return Ok(0) };
        // What the interface of OSV answers.
        if first == "vulns" {
            let (advisories, wanted) = (&mut *self.advisories, self.wanted);
            let seen = rest.next_value_seed(Reading { advisories, wanted })?;
            while let Some(key) = rest.next_key::<String>()? {
                if key == "next_page_token" {
                    return Err(serde::de::Error::custom(
                        "it is one page of an answer, and others are missing",
                    ));
                }
                rest.next_value::<serde::de::IgnoredAny>()?;
            }
            return Ok(seen);
        }
        let is_record = osv::FIELDS.contains(&first.as_str());
        let mut whole = FromFirst { first: Some(first), rest };
        if is_record {
            let record: osv::Record = serde::Deserialize::deserialize(MapAccessDeserializer::new(whole))?;
            record.add_to(self.advisories, self.wanted);
            return Ok(1);
        }
        let mut seen = 0;
        while let Some(source) = whole.next_key::<String>()? {
            let (advisories, wanted) = (&mut *self.advisories, self.wanted);
            whole.next_value_seed(tracker::Source { source: &source, advisories, wanted })?;
            seen += 1;
        }
        Ok(seen)
    }
}

/// A map, of which the first key was read already.
struct FromFirst<A> {
    first: Option<String>,
    rest: A,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for FromFirst<A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        match self.first.take() {
            Some(first) => seed.deserialize(serde::de::value::StringDeserializer::new(first)).map(Some),
            None => self.rest.next_key_seed(seed),
        }
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        self.rest.next_value_seed(seed)
    }
}
