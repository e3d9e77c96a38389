//! The copyright file, as machines read it (Policy 12.5 and the copyright format 1.0).

use spdx::LicenseItem;
use spdx::expression::{ExprNode, Operator};

use crate::error::Error;
use crate::spec::Copyright;

/// Licences by their SPDX names: the name in copyright files, and the file of `/usr/share/common-licenses`.
const COMMON: [(&str, &str, &str); 17] = [
    ("Apache-2.0", "Apache-2.0", "Apache-2.0"),
    ("Artistic-1.0-Perl", "Artistic", "Artistic"),
    ("CC0-1.0", "CC0-1.0", "CC0-1.0"),
    ("GPL-2.0-only", "GPL-2", "GPL-2"),
    ("GPL-2.0-or-later", "GPL-2+", "GPL-2"),
    ("GPL-3.0-only", "GPL-3", "GPL-3"),
    ("GPL-3.0-or-later", "GPL-3+", "GPL-3"),
    ("LGPL-2.0-only", "LGPL-2", "LGPL-2"),
    ("LGPL-2.0-or-later", "LGPL-2+", "LGPL-2"),
    ("LGPL-2.1-only", "LGPL-2.1", "LGPL-2.1"),
    ("LGPL-2.1-or-later", "LGPL-2.1+", "LGPL-2.1"),
    ("LGPL-3.0-only", "LGPL-3", "LGPL-3"),
    ("LGPL-3.0-or-later", "LGPL-3+", "LGPL-3"),
    ("MPL-1.1", "MPL-1.1", "MPL-1.1"),
    ("MPL-2.0", "MPL-2.0", "MPL-2.0"),
    ("GFDL-1.3-only", "GFDL-1.3", "GFDL-1.3"),
    ("GFDL-1.3-or-later", "GFDL-1.3+", "GFDL-1.3"),
];

/// Short licences by their SPDX names: the name in copyright files, and the text.
const SHORT: [(&str, &str, &str); 4] = [
    ("MIT", "Expat", include_str!("licenses/Expat")),
    ("ISC", "ISC", include_str!("licenses/ISC")),
    ("BSD-2-Clause", "BSD-2-clause", include_str!("licenses/BSD-2-clause")),
    ("BSD-3-Clause", "BSD-3-clause", include_str!("licenses/BSD-3-clause")),
];

/// Writes the copyright file. `text` is that of the licence, where the description names a file with it.
pub(crate) fn file(
    package: &str,
    homepage: Option<&str>,
    copyright: &Copyright,
    text: Option<&str>,
) -> Result<String, Error> {
    let mut out = "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n".to_owned();
    out.push_str(&format!("Upstream-Name: {package}\n"));
    if let Some(homepage) = homepage {
        out.push_str(&format!("Source: {homepage}\n"));
    }
    let holders: Vec<&str> = copyright.holders.iter().flat_map(|holder| holder.lines()).collect();
    out.push_str(&format!("\nFiles: *\nCopyright: {}\n", holders.join("\n           ")));
    if let Some(text) = text {
        let name = |license: &spdx::LicenseReq| {
            Ok(license_of(copyright, license).map_or_else(|_| license.to_string(), |(name, _)| name))
        };
        out.push_str(&format!("License: {}\n{}", expression(copyright, name)?, indented(text)));
        return Ok(out);
    }
    let name = expression(copyright, |license| Ok(license_of(copyright, license)?.0))?;
    out.push_str(&format!("License: {name}\n"));
    let mut licenses = Vec::new();
    for requirement in copyright.license.value.requirements() {
        licenses.push(license_of(copyright, &requirement.req)?);
    }
    licenses.sort();
    licenses.dedup();
    for (short, text) in licenses {
        out.push_str(&format!("\nLicense: {short}\n{text}"));
    }
    Ok(out)
}

/// Which words a part of an expression has, as far as they decide what it means beside others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    /// One licence, or several with `and`.
    And,
    /// `or`, and no comma.
    Or,
    /// `or`, and `and` with a comma before it.
    Comma,
}

/// Writes the expression in the words of copyright files, which know no parentheses: `and` binds more closely than `or`, unless a comma stands
/// before it.
fn expression(
    copyright: &Copyright,
    name: impl Fn(&spdx::LicenseReq) -> Result<String, Error>,
) -> Result<String, Error> {
    let mut parts: Vec<(String, Shape)> = Vec::new();
    for node in copyright.license.value.iter() {
        let operator = match node {
            ExprNode::Req(requirement) => {
                parts.push((name(&requirement.req)?, Shape::And));
                continue;
            }
            ExprNode::Op(operator) => operator,
        };
        let (Some((right, right_shape)), Some((left, left_shape))) = (parts.pop(), parts.pop()) else {
            break;
        };
        parts.push(match (operator, left_shape, right_shape) {
            (Operator::Or, Shape::And | Shape::Or, Shape::And | Shape::Or) => {
                (format!("{left} or {right}"), Shape::Or)
            }
            (Operator::And, Shape::And, Shape::And) => (format!("{left} and {right}"), Shape::And),
            (Operator::And, Shape::Or, Shape::And) => (format!("{left}, and {right}"), Shape::Comma),
            (Operator::And, Shape::And, Shape::Or) => (format!("{right}, and {left}"), Shape::Comma),
            (Operator::And, Shape::Comma, Shape::And) => (format!("{left} and {right}"), Shape::Comma),
            (Operator::And, Shape::And, Shape::Comma) => (format!("{right} and {left}"), Shape::Comma),
            _ => {
                return Err(copyright.license.error(
                    "copyright files have no parentheses and cannot say this: write it without them, or package a file as \
                     /usr/share/doc/NAME/copyright",
                ));
            }
        });
    }
    Ok(parts.pop().map(|(text, _)| text).unwrap_or_default())
}

/// Returns the name of a licence in copyright files, and what stands below it.
fn license_of(copyright: &Copyright, license: &spdx::LicenseReq) -> Result<(String, String), Error> {
    let unknown = || {
        let reason = format!("the text of `{license}` is needed: name its file with `file`");
        copyright.license.error(reason)
    };
    if license.addition.is_some() || !matches!(license.license, LicenseItem::Spdx { .. }) {
        return Err(unknown());
    }
    let name = license.to_string();
    if let Some((_, short, file)) = COMMON.iter().find(|(spdx, ..)| *spdx == name) {
        let text = format!(
            "On Debian systems, the full text of this licence is in\n/usr/share/common-licenses/{file}.\n"
        );
        return Ok(((*short).to_owned(), indented(&text)));
    }
    let (_, short, text) = SHORT.iter().find(|(spdx, ..)| *spdx == name).ok_or_else(unknown)?;
    Ok(((*short).to_owned(), indented(text)))
}

/// The text as the lines behind the first of a field.
fn indented(text: &str) -> String {
    let mut out = String::new();
    for line in text.trim_end().lines() {
        let line: String = line.chars().filter(|c| !c.is_control() || *c == '\t').collect();
        let line = line.trim_end();
        out.push_str(&if line.is_empty() { " .\n".to_owned() } else { format!(" {line}\n") });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Position;
    use crate::spec::At;

    /// The `License` field, or what is wrong.
    fn license(expression: &str, text: Option<&str>) -> Result<String, String> {
        let license = At {
            value: spdx::Expression::parse(expression).unwrap(),
            key: "copyright.license".to_owned(),
            position: Position { line: 1, column: 1 },
        };
        let copyright = Copyright { license, holders: vec!["2026 Acme".to_owned()], file: None };
        let file = file("acme", None, &copyright, text).map_err(|error| error.to_string())?;
        Ok(file.lines().find_map(|line| line.strip_prefix("License: ")).unwrap().to_owned())
    }

    #[test]
    fn a_copyright_file_means_what_the_expression_means_or_is_refused() {
        for (expression, field) in [
            ("MIT", "Expat"),
            ("MIT OR ISC AND BSD-2-Clause", "Expat or ISC and BSD-2-clause"),
            ("MIT AND ISC OR BSD-2-Clause", "Expat and ISC or BSD-2-clause"),
            ("(MIT OR ISC) AND BSD-2-Clause", "Expat or ISC, and BSD-2-clause"),
            ("BSD-2-Clause AND (MIT OR ISC)", "Expat or ISC, and BSD-2-clause"),
            ("(MIT OR ISC) AND BSD-2-Clause AND MPL-2.0", "Expat or ISC, and BSD-2-clause and MPL-2.0"),
        ] {
            assert_eq!(license(expression, None).as_deref(), Ok(field), "{expression}");
            assert_eq!(license(expression, Some("text")).as_deref(), Ok(field), "{expression}");
        }
        assert_eq!(license("Zlib OR GPL-2.0-or-later", Some("text")).as_deref(), Ok("Zlib or GPL-2+"));
        for expression in [
            "((MIT OR ISC) AND BSD-2-Clause) OR Apache-2.0",
            "Apache-2.0 OR ((MIT OR ISC) AND BSD-2-Clause)",
            "(MIT OR ISC) AND (BSD-2-Clause OR Apache-2.0)",
        ] {
            for text in [None, Some("text")] {
                let refused = license(expression, text).unwrap_err();
                assert!(refused.contains("have no parentheses"), "{expression}: {refused}");
            }
        }
    }
}
