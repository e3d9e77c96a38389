use std::collections::BTreeMap;
use std::sync::Arc;

use apt_index::Item as _;
use deb_parse::SuiteName;
use repo_store::{Record, RecordKey, Selector};
use serde::Serialize;

use super::list::ListedJson;
use crate::error::{Failure, Outcome};
use crate::output::{Output, joined};
use crate::session::Session;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ShowArguments {
    /// The repository
    repository: String,
    /// The package: its newest version, or the one named with =VERSION
    #[arg(value_name = "PACKAGE")]
    selector: Selector,
}

pub(crate) fn run(arguments: &ShowArguments, session: &Session, output: &Output) -> Result<Outcome, Failure> {
    let repository = session.repository(&arguments.repository)?;
    let mut found: BTreeMap<RecordKey, (Arc<Record>, Vec<SuiteName>)> = BTreeMap::new();
    if let Some(head) = session.store.head(&repository.name)? {
        for suite in head.commit().suites.keys() {
            for record in arguments.selector.newest_in(&head, suite)? {
                let entry = found.entry(record.key().clone()).or_insert_with(|| (record, Vec::new()));
                entry.1.push(suite.clone());
            }
        }
    }
    if found.is_empty() {
        return Err(Failure::NoMatch(vec![arguments.selector.to_string()]));
    }
    let json: Vec<serde_json::Value> = found
        .values()
        .map(|(record, suites)| {
            serde_json::json!({
                "entry": ListedJson::new(record, suites),
                "blob": record.blob().to_string(),
                "files": files(record),
                "stanza": stanza(record),
            })
        })
        .collect();
    output.result(&serde_json::json!({ "packages": json }), || {
        for (place, (record, suites)) in found.values().enumerate() {
            if place > 0 {
                output.line("");
            }
            output.line(&format!("# {} in {}: {}", record.key(), repository.name, joined(suites)));
            if record.key().architecture.is_source() {
                for file in record.files().unwrap_or_default() {
                    output.line(&format!("# {} ({} bytes)", file.path, file.size));
                }
            }
            output.line(stanza(record).trim_end());
        }
    });
    Ok(Outcome::Done)
}

/// The stanza as clients find it. One that is not listed is shown as it is kept.
fn stanza(record: &Record) -> String {
    let published = record.published();
    let bytes = published.as_ref().map_or_else(|_| record.stanza(), |stanza| stanza.as_bytes());
    String::from_utf8_lossy(bytes).into_owned()
}

#[derive(Serialize)]
struct FileJson {
    path: String,
    size: u64,
    blob: String,
}

fn files(record: &Record) -> Vec<FileJson> {
    // A record that lists none that can be read is for `fsck` to tell of.
    let files = record.files().unwrap_or_default().into_iter();
    files
        .map(|file| FileJson { path: file.path.to_string(), size: file.size, blob: file.blob.to_string() })
        .collect()
}
