//! SPDX 2.3, as JSON (<https://spdx.github.io/spdx-spec/v2.3/>).

use serde::Serialize;

use super::{Bill, Listed};
use crate::output::joined;

/// What nothing is said about: the files of a package name their licences, and a repository does not read them.
const NOT_SAID: &str = "NOASSERTION";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Document {
    spdx_version: &'static str,
    data_license: &'static str,
    #[serde(rename = "SPDXID")]
    spdx_id: &'static str,
    name: String,
    document_namespace: String,
    creation_info: CreationInfo,
    packages: Vec<Package>,
    relationships: Vec<Relationship>,
}

#[derive(Serialize)]
struct CreationInfo {
    created: String,
    creators: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Package {
    #[serde(rename = "SPDXID")]
    spdx_id: String,
    name: String,
    version_info: String,
    supplier: String,
    download_location: &'static str,
    files_analyzed: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    checksums: Vec<Checksum>,
    #[serde(skip_serializing_if = "Option::is_none")]
    homepage: Option<String>,
    license_concluded: &'static str,
    license_declared: &'static str,
    copyright_text: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<String>,
    comment: String,
    external_refs: [ExternalRef; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Checksum {
    algorithm: &'static str,
    checksum_value: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ExternalRef {
    reference_category: &'static str,
    reference_type: &'static str,
    reference_locator: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Relationship {
    spdx_element_id: String,
    relationship_type: &'static str,
    related_spdx_element: String,
}

const DOCUMENT: &str = "SPDXRef-DOCUMENT";

pub(super) fn document(bill: &Bill<'_>) -> Document {
    let ids: Vec<String> =
        bill.packages.iter().enumerate().map(|(place, listed)| id_of(place, listed)).collect();
    let id = |place: usize| ids.get(place).cloned().unwrap_or_default();
    let relation = |from: String, kind: &'static str, to: String| Relationship {
        spdx_element_id: from,
        relationship_type: kind,
        related_spdx_element: to,
    };
    let mut relationships: Vec<Relationship> =
        ids.iter().map(|id| relation(DOCUMENT.to_owned(), "DESCRIBES", id.clone())).collect();
    for (place, (needs, source)) in bill.needs.iter().zip(&bill.sources).enumerate() {
        relationships.extend(needs.iter().map(|need| relation(id(place), "DEPENDS_ON", id(*need))));
        relationships.extend(source.map(|source| relation(id(place), "GENERATED_FROM", id(source))));
    }
    let package = |(listed, id): (&Listed, &String)| package(bill, listed, id);
    Document {
        spdx_version: "SPDX-2.3",
        data_license: "CC0-1.0",
        spdx_id: DOCUMENT,
        name: bill.name.clone(),
        document_namespace: format!("urn:uuid:{}", bill.uuid),
        creation_info: CreationInfo {
            created: bill.date(),
            creators: vec![concat!("Tool: repo-cli-", env!("CARGO_PKG_VERSION")).to_owned()],
        },
        packages: bill.packages.iter().zip(&ids).map(package).collect(),
        relationships,
    }
}

/// Identifiers are made of letters, digits, `.` and `-`: what else a name and a version have is left to the number.
fn id_of(place: usize, listed: &Listed) -> String {
    let key = listed.record.key();
    let text = format!("{}-{}-{}", key.package, key.version, key.architecture);
    let text: String =
        text.chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' }).collect();
    format!("SPDXRef-{}-{text}", place + 1)
}

fn package(bill: &Bill<'_>, listed: &Listed, id: &str) -> Package {
    let key = listed.record.key();
    let digest = listed.sha256();
    Package {
        spdx_id: id.to_owned(),
        name: key.package.to_string(),
        version_info: key.version.to_string(),
        supplier: listed.record.field("Maintainer").and_then(supplier).unwrap_or_else(|| NOT_SAID.to_owned()),
        download_location: NOT_SAID,
        files_analyzed: false,
        checksums: digest
            .map(|digest| Checksum { algorithm: "SHA256", checksum_value: digest.to_string() })
            .into_iter()
            .collect(),
        homepage: listed.homepage().map(ToOwned::to_owned),
        license_concluded: NOT_SAID,
        license_declared: NOT_SAID,
        copyright_text: NOT_SAID,
        summary: listed.summary().map(ToOwned::to_owned),
        comment: format!("architecture {}, in {}", key.architecture, joined(&listed.suites)),
        external_refs: [ExternalRef {
            reference_category: "PACKAGE-MANAGER",
            reference_type: "purl",
            reference_locator: bill.package_url(listed),
        }],
    }
}

/// Returns `Maintainer: Name <address>` as SPDX writes it.
fn supplier(maintainer: &str) -> Option<String> {
    let (name, address) = match maintainer.split_once('<') {
        Some((name, rest)) => (name.trim(), rest.split('>').next()?.trim()),
        None => (maintainer.trim(), ""),
    };
    let name = name.trim_matches('"');
    if name.is_empty() {
        return None;
    }
    let address = if address.is_empty() { String::new() } else { format!(" ({address})") };
    Some(format!("Person: {}{address}", name.replace(['(', ')'], "")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maintainers_are_written_as_spdx_has_it() {
        let cases = [
            ("Jane Doe <jane@example.org>", Some("Person: Jane Doe (jane@example.org)")),
            ("\"Doe, Jane\" <jane@example.org>", Some("Person: Doe, Jane (jane@example.org)")),
            ("The team", Some("Person: The team")),
            ("Jane (work) <jane@example.org>", Some("Person: Jane work (jane@example.org)")),
            ("<jane@example.org>", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(supplier(text).as_deref(), expected, "{text}");
        }
    }
}
