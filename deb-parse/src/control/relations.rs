//! What dpkg demands of relationship fields.

use super::present;
use crate::LimitKind;
use crate::deb822::Paragraph;
use crate::error::Error;
use crate::limits::Limits;
use crate::relation::{self, Grammar, RelationField};

/// Checks a field that may be absent or empty.
pub(super) fn check_relations(
    paragraph: Paragraph<'_>,
    field: &RelationField,
    limits: &Limits,
) -> Result<(), Error> {
    let RelationField { name, grammar, alternatives } = *field;
    let Some(value) = paragraph.get(name) else { return Ok(()) };
    present(paragraph, name, Some(value), |text| {
        if grammar == Grammar::Binary && text.starts_with(['\n', '\r']) {
            return Err(Error::value("relation", text, "must start in the line of the field's name"));
        }
        for (number, relation) in relation::iter_as(text, grammar).enumerate() {
            let relation = relation?;
            if relation.is_alternative() && !alternatives {
                let rule = "must not have alternatives (Policy 7.5)";
                return Err(Error::part(text, "relation", relation.name(), rule));
            }
            if number >= limits.relations() {
                return Err(Error::Limit { what: LimitKind::Relations, limit: limits.relations() as u64 });
            }
        }
        Ok(())
    })
}
