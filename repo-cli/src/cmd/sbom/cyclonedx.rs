//! CycloneDX 1.6, as JSON (<https://cyclonedx.org/docs/1.6/json/>, ECMA-424).

use serde::Serialize;

use super::{Bill, Listed};
use crate::output::joined;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Document {
    #[serde(rename = "$schema")]
    schema: &'static str,
    bom_format: &'static str,
    spec_version: &'static str,
    serial_number: String,
    version: u32,
    metadata: Metadata,
    components: Vec<Component>,
    dependencies: Vec<Dependency>,
}

#[derive(Serialize)]
struct Metadata {
    timestamp: String,
    tools: Tools,
    component: Whole,
}

#[derive(Serialize)]
struct Tools {
    components: [Tool; 1],
}

#[derive(Serialize)]
struct Tool {
    #[serde(rename = "type")]
    kind: &'static str,
    name: &'static str,
    version: &'static str,
}

/// What the bill is about.
#[derive(Serialize)]
struct Whole {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(rename = "bom-ref")]
    bom_ref: &'static str,
    name: String,
    version: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Component {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(rename = "bom-ref")]
    bom_ref: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    supplier: Option<Supplier>,
    name: String,
    version: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    hashes: Vec<Hash>,
    purl: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    external_references: Vec<Reference>,
    properties: Vec<Property>,
}

#[derive(Serialize)]
struct Supplier {
    name: String,
}

#[derive(Serialize)]
struct Hash {
    alg: &'static str,
    content: String,
}

#[derive(Serialize)]
struct Reference {
    #[serde(rename = "type")]
    kind: &'static str,
    url: String,
}

#[derive(Serialize)]
struct Property {
    name: &'static str,
    value: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Dependency {
    #[serde(rename = "ref")]
    reference: String,
    depends_on: Vec<String>,
}

pub(super) fn document(bill: &Bill<'_>) -> Document {
    let refs: Vec<String> = bill.packages.iter().map(ref_of).collect();
    let dependency = |(own, needs): (&String, &std::collections::BTreeSet<usize>)| Dependency {
        reference: own.clone(),
        depends_on: needs.iter().filter_map(|need| refs.get(*need).cloned()).collect(),
    };
    Document {
        schema: "http://cyclonedx.org/schema/bom-1.6.schema.json",
        bom_format: "CycloneDX",
        spec_version: "1.6",
        serial_number: format!("urn:uuid:{}", bill.uuid),
        version: 1,
        metadata: Metadata {
            timestamp: bill.date(),
            tools: Tools {
                components: [Tool {
                    kind: "application",
                    name: "repo-cli",
                    version: env!("CARGO_PKG_VERSION"),
                }],
            },
            component: Whole {
                kind: "platform",
                bom_ref: "repository",
                name: bill.repository.name.to_string(),
                version: bill.revision.commit().sequence.to_string(),
            },
        },
        components: bill
            .packages
            .iter()
            .zip(&refs)
            .map(|(listed, own)| component(bill, listed, own))
            .collect(),
        dependencies: refs.iter().zip(&bill.needs).map(dependency).collect(),
    }
}

/// Returns what names a package within the bill: what names it in its repository.
fn ref_of(listed: &Listed) -> String {
    let key = listed.record.key();
    format!("{}_{}_{}", key.package, key.version, key.architecture)
}

fn component(bill: &Bill<'_>, listed: &Listed, own: &str) -> Component {
    let key = listed.record.key();
    let maintainer = listed.record.field("Maintainer").map(|text| Supplier { name: text.to_owned() });
    let digest = listed.sha256();
    let page = listed.homepage().map(|url| Reference { kind: "website", url: url.to_owned() });
    let (source, version) = listed.record.source();
    Component {
        kind: "library",
        bom_ref: own.to_owned(),
        supplier: maintainer,
        name: key.package.to_string(),
        version: key.version.to_string(),
        description: listed.summary().map(ToOwned::to_owned),
        hashes: digest
            .map(|digest| Hash { alg: "SHA-256", content: digest.to_string() })
            .into_iter()
            .collect(),
        purl: bill.package_url(listed),
        external_references: page.into_iter().collect(),
        properties: vec![
            Property { name: "deb:source", value: format!("{source} {version}") },
            Property { name: "deb:suites", value: joined(&listed.suites) },
        ],
    }
}
