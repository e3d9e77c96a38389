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
        let name = copyright.license.value.to_string().replace(" OR ", " or ").replace(" AND ", " and ");
        out.push_str(&format!("License: {name}\n{}", indented(text)));
        return Ok(out);
    }
    let mut licenses = Vec::new();
    for requirement in copyright.license.value.requirements() {
        licenses.push(license_of(copyright, &requirement.req)?);
    }
    let mut names = Vec::new();
    for node in copyright.license.value.iter() {
        match node {
            ExprNode::Req(requirement) => names.push(license_of(copyright, &requirement.req)?.0),
            ExprNode::Op(operator) => {
                let (right, left) = (names.pop().unwrap_or_default(), names.pop().unwrap_or_default());
                names.push(match operator {
                    Operator::Or => format!("{left} or {right}"),
                    // `and` binds more closely, unless a comma stands before it.
                    Operator::And if right.contains(" or ") => format!("{right}, and {left}"),
                    Operator::And if left.contains(" or ") => format!("{left}, and {right}"),
                    Operator::And => format!("{left} and {right}"),
                });
            }
        }
    }
    let name = names.pop().unwrap_or_default();
    out.push_str(&format!("License: {name}\n"));
    licenses.sort();
    licenses.dedup();
    for (short, text) in licenses {
        out.push_str(&format!("\nLicense: {short}\n{text}"));
    }
    Ok(out)
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
