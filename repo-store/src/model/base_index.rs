//! The packages that an archive has for one kind of machine, as far as checks need them.
//!
//! The text starts with a line that tells the object apart. Behind it stand the packages in the order of the archive, one paragraph each, with
//! the fields that decide what can be installed. So the same packages always make the same object.

use std::io::Read;

use apt_solve::{Builder, SourceId, Universe};
use deb_parse::deb822::{self, Paragraph};
use deb_parse::{Architecture, Limits};

use crate::model::id::BaseIndexId;
use crate::model::objects::Objects;
use crate::storage::StorageError;

/// The first line, which no other kind of object has.
pub(crate) const HEAD: &[u8] = b"Base: 1\n";

/// The packages of an archive on their way into the store.
#[derive(Debug)]
pub struct BaseIndexBuilder {
    text: Vec<u8>,
    /// Tries each package as a check would read it.
    trial: Builder,
    source: SourceId,
    packages: u64,
    refused: Vec<String>,
}

impl BaseIndexBuilder {
    /// Starts an index without packages.
    #[must_use]
    pub fn new() -> Self {
        let mut trial = Universe::builder(&Architecture::all());
        let source = trial.add_source("base");
        Self { text: HEAD.to_vec(), trial, source, packages: 0, refused: Vec::new() }
    }

    /// Adds the packages of a `Packages` file in plain text. A package that no check could read is [left out](Self::refused).
    ///
    /// # Errors
    /// When the text cannot be read, or is not deb822.
    pub fn read(&mut self, index: impl Read) -> Result<(), deb_parse::Error> {
        let limits = Limits::default();
        let mut reader = deb822::Reader::new(index, &limits);
        while let Some(paragraph) = reader.next()? {
            self.add(paragraph);
        }
        Ok(())
    }

    fn add(&mut self, paragraph: Paragraph<'_>) {
        if let Some(Err(error)) = paragraph.get_str("Architecture").map(Architecture::parse) {
            self.refused.push(error.to_string());
            return;
        }
        if let Some(one) = paragraph.get_str("Architecture").and_then(|name| Architecture::parse(name).ok()) {
            self.trial.add_foreign(&one);
        }
        if let Err(error) = self.trial.add(self.source, paragraph) {
            let first = std::iter::successors(Some(&error as &dyn std::error::Error), |error| error.source());
            self.refused.push(first.last().map(ToString::to_string).unwrap_or_default());
            return;
        }
        self.packages += 1;
        self.text.push(b'\n');
        for (name, value) in Builder::FIELDS.into_iter().zip(paragraph.get_many(Builder::FIELDS)) {
            let Some(value) = value else { continue };
            self.text.extend_from_slice(name.as_bytes());
            self.text.extend_from_slice(b": ");
            // A value goes on in lines that start with a blank; here it is one line.
            let lines = value.split(|byte| matches!(byte, b'\n' | b'\r'));
            lines.for_each(|line| self.text.extend_from_slice(line));
            self.text.push(b'\n');
        }
    }

    /// Returns how many packages were added.
    #[must_use]
    pub fn packages(&self) -> u64 {
        self.packages
    }

    /// Returns why packages were left out, one reason for each.
    #[must_use]
    pub fn refused(&self) -> &[String] {
        &self.refused
    }

    pub(crate) fn write(&self, objects: &Objects<'_>) -> Result<BaseIndexId, StorageError> {
        let id = BaseIndexId::of(&self.text);
        objects.write(&id, &self.text)?;
        Ok(id)
    }
}

impl Default for BaseIndexBuilder {
    fn default() -> Self {
        Self::new()
    }
}

/// Returns the packages of an index, as a `Packages` file.
pub(crate) fn read(objects: &Objects<'_>, id: BaseIndexId) -> Result<Vec<u8>, StorageError> {
    let mut text = objects.read(&id)?;
    if !text.starts_with(HEAD) {
        return Err(StorageError::damaged(BaseIndexId::KIND, &id, "it is malformed"));
    }
    text.drain(..HEAD.len());
    Ok(text)
}
