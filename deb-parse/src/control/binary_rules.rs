//! What dpkg demands of a binary package's control file besides the fields that identify it. A package that dpkg cannot
//! install, or reads otherwise than the text says, is refused here.

use super::fields::MultiArch;
use super::relations::check_relations;
use super::{Fields as _, present};
use crate::control::BinaryControl;
use crate::deb822::{Field, Paragraph};
use crate::error::{Error, Quoted};
use crate::limits::Limits;
use crate::place::Place;
use crate::relation::{self, Grammar};

/// Old names that dpkg still reads as those of other fields: `Revision: 5` makes version 1 into 1-5.
const OBSOLETE: [&str; 6] =
    ["Revision", "Package-Revision", "Package_Revision", "Class", "Optional", "Recommended"];

/// Fields that only dpkg's own database may have.
const DATABASE: [&str; 4] = ["Status", "Config-Version", "Triggers-Awaited", "Triggers-Pending"];

pub(super) fn check(control: &BinaryControl, limits: &Limits) -> Result<(), Error> {
    let paragraph = control.paragraph();
    for field in paragraph.fields() {
        let is_any_of = |names: &[&str]| names.iter().any(|name| field.has_name(name));
        let rule = if is_any_of(&OBSOLETE) {
            "the name is obsolete, and dpkg takes it for that of another field"
        } else if is_any_of(&DATABASE) {
            "only dpkg's database may have this field"
        } else if field.name().len() < 2 {
            "dpkg allows no field names of one character"
        } else {
            continue;
        };
        return Err(refused_name(paragraph, field, rule));
    }
    for field in relation::FIELDS.iter().filter(|field| field.grammar == Grammar::Binary) {
        check_relations(paragraph, field, limits)?;
    }
    for field in ["Essential", "Protected", "Important", "Build-Essential"] {
        check_boolean(paragraph, field)?;
    }
    if control.multi_arch()? == MultiArch::Same && control.architecture().is_all() {
        let value = paragraph.get("Multi-Arch").unwrap_or_default();
        return Err(Error::value("Multi-Arch", value, "dpkg does not allow it with architecture `all`")
            .in_field(paragraph, "Multi-Arch", value));
    }
    match paragraph.get("Section") {
        None | Some(b"") => Ok(()),
        section => present(paragraph, "Section", section, check_section),
    }
}

#[cold]
fn refused_name(paragraph: Paragraph<'_>, field: Field<'_>, rule: &'static str) -> Error {
    match paragraph.place_of(field.as_bytes(), 0) {
        Place::Line { line, column } => {
            Error::Syntax { line, column, field: Some(Quoted::new(field.name())), rule }
        }
        Place::Byte(_) => Error::value("field name", field.name(), rule),
    }
}

fn check_boolean(paragraph: Paragraph<'_>, field: &'static str) -> Result<(), Error> {
    match paragraph.get(field) {
        None | Some(b"") => Ok(()),
        Some(value) if value.eq_ignore_ascii_case(b"yes") || value.eq_ignore_ascii_case(b"no") => Ok(()),
        Some(value) => {
            Err(Error::value("value", value, "must be `yes` or `no`").in_field(paragraph, field, value))
        }
    }
}

/// A section must not lead a program out of a directory.
fn check_section(text: &str) -> Result<(), Error> {
    if text.split('/').any(|element| matches!(element.trim(), "" | "." | "..")) || text.contains(['\n', '\\'])
    {
        return Err(Error::value(
            "section",
            text,
            "must be one name, or several with a `/` between each (Policy 2.4)",
        ));
    }
    Ok(())
}
