//! The share of the machines that apt upgrades to a version: the field `Phased-Update-Percentage`.

use std::fmt;
use std::sync::Arc;

use super::Record;

/// How many of a hundred machines are to be upgraded to a version: from 0 to 99. A version that is for everybody has none.
///
/// ```
/// use repo_store::model::record::UpdatePercentage;
///
/// assert_eq!(UpdatePercentage::new(10).unwrap().get(), 10);
/// assert!(UpdatePercentage::new(100).is_none());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
pub struct UpdatePercentage(u8);

impl UpdatePercentage {
    /// The field of the stanza. apt reads it, and other clients pass over it.
    pub(crate) const FIELD: &str = "Phased-Update-Percentage";

    /// Returns the percentage; `None` for 100 and more, which is everybody.
    #[must_use]
    pub fn new(percent: u8) -> Option<Self> {
        (percent < 100).then_some(Self(percent))
    }

    /// Returns the number.
    #[must_use]
    pub fn get(self) -> u8 {
        self.0
    }
}

impl fmt::Display for UpdatePercentage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} %", self.0)
    }
}

impl Record {
    /// Returns the share of the machines that apt upgrades to this version; `None` when it is for everybody.
    #[must_use]
    pub fn update_percentage(&self) -> Option<UpdatePercentage> {
        // Nearly no stanza has the field, and reading one is much more than looking for it.
        memchr::memmem::find(self.stanza(), UpdatePercentage::FIELD.as_bytes())?;
        self.field(UpdatePercentage::FIELD)?.parse().ok().and_then(UpdatePercentage::new)
    }

    /// Returns the record of the same package for this share of the machines, or for everybody.
    pub(crate) fn with_update_percentage(&self, percentage: Option<UpdatePercentage>) -> Self {
        const FIELD: &str = UpdatePercentage::FIELD;
        let (stanza, own) = self.text.split_at(self.stanza.min(self.text.len()));
        let mut text = Vec::with_capacity(self.text.len() + FIELD.len() + 6);
        let paragraph = deb_parse::deb822::paragraphs(stanza).next();
        for field in paragraph.iter().flat_map(deb_parse::deb822::Paragraph::fields) {
            if !field.name().eq_ignore_ascii_case(FIELD) {
                text.extend_from_slice(field.as_bytes());
            }
        }
        if let Some(UpdatePercentage(percent)) = percentage {
            text.extend_from_slice(format!("{FIELD}: {percent}\n").as_bytes());
        }
        let stanza = text.len();
        text.extend_from_slice(own);
        text.shrink_to_fit();
        Self { text, stanza, ..self.clone() }
    }

    /// Returns whether another record is alike, and only for another share of the machines.
    pub(crate) fn differs_in_percentage_alone(&self, other: &Self) -> bool {
        self.is_same_file(other)
            && self.update_percentage() != other.update_percentage()
            && self.with_update_percentage(None).text == other.with_update_percentage(None).text
    }
}

/// Returns the record as it goes to another repository: how many machines take it there is for that one to decide.
pub(crate) fn for_everybody(record: &Arc<Record>) -> Arc<Record> {
    if record.update_percentage().is_none() {
        return Arc::clone(record);
    }
    Arc::new(record.with_update_percentage(None))
}

#[cfg(test)]
mod tests {
    use deb_parse::deb822;

    use super::*;
    use crate::model::id::BlobId;

    fn record(field: &str) -> Record {
        let blob = BlobId::of(b"package");
        let text = format!(
            "Package: hello\nVersion: 1\nArchitecture: amd64\n{field}Filename: pool/main/h/hello/hello_1_amd64.deb\nSize: 7\n\
             Store-Blob: {blob}\nStore-Component: main\n"
        );
        Record::parse(&deb822::paragraphs(text.as_bytes()).next().unwrap()).unwrap()
    }

    #[test]
    fn a_record_for_a_share_is_read_back_and_differs_in_that_alone() {
        let everybody = record("");
        let some = everybody.with_update_percentage(UpdatePercentage::new(7));
        assert_eq!(
            (everybody.update_percentage(), some.update_percentage()),
            (None, UpdatePercentage::new(7))
        );
        assert!(some.stanza().ends_with(b"Size: 7\nPhased-Update-Percentage: 7\n"));
        assert_eq!(Record::parse(&deb822::paragraphs(some.as_bytes()).next().unwrap()).as_ref(), Some(&some));
        assert_eq!(some.published().unwrap().into_bytes(), some.stanza());
        assert_eq!(some.with_update_percentage(None), everybody);
        assert!(some.differs_in_percentage_alone(&everybody) && !some.differs_in_percentage_alone(&some));
        let none = some.with_update_percentage(UpdatePercentage::new(0));
        assert_eq!(none.update_percentage().map(UpdatePercentage::get), Some(0));
    }

    #[test]
    fn what_a_package_says_itself_is_replaced() {
        let own = record("phased-update-percentage: 40\n");
        assert_eq!(
            own.with_update_percentage(UpdatePercentage::new(5))
                .update_percentage()
                .map(UpdatePercentage::get),
            Some(5)
        );
        assert_eq!(own.with_update_percentage(None), record(""));
        for text in ["100", "x", "-1", "300"] {
            assert_eq!(
                record(&format!("Phased-Update-Percentage: {text}\n")).update_percentage(),
                None,
                "{text}"
            );
        }
    }
}
