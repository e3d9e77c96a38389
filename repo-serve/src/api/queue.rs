//! Uploads that are added together.
//!
//! All uploads of the same token with the same options that wait while one is being added are added by the next command, so they
//! become one commit and one publication. An upload that comes alone is added at once. After several were added together, the next command
//! waits a moment: their clients have just been answered, and most of them are about to send the next file.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hyper::StatusCode;
use serde_json::{Map, Value, json};
use tokio::sync::oneshot;

use super::call::{Arguments, Call};
use super::staging::Place;
use super::status;
use super::{Api, Failed, Finished, Refusal};

/// How long the next command waits after the last upload that came, and in all.
const CALM: Duration = Duration::from_millis(15);
const LONGEST_WAIT: Duration = Duration::from_millis(150);
/// The most uploads in one command.
const MOST_TOGETHER: usize = 500;

/// What uploads must have in common to be added together.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Group {
    /// The id of the token.
    pub(super) token: String,
    /// The holder of the token.
    pub(super) holder: String,
    /// The verb with its options and the repository.
    pub(super) arguments: Arguments,
}

/// What became of one upload.
#[derive(Debug)]
pub(super) struct Share {
    pub(super) status: StatusCode,
    pub(super) document: Value,
}

struct Waiting {
    place: Place,
    file: String,
    done: oneshot::Sender<Result<Share, Failed>>,
}

/// The uploads that wait, by what they have in common. A group is in it as long as somebody adds for it.
#[derive(Default)]
pub(super) struct Queue(Mutex<HashMap<Group, Vec<Waiting>>>);

impl Queue {
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Group, Vec<Waiting>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until no more uploads come for a moment.
    async fn gather(&self, group: &Group) {
        let waiting = || self.lock().get(group).map_or(0, Vec::len);
        let (begun, mut before) = (Instant::now(), 0);
        loop {
            tokio::time::sleep(CALM).await;
            let now = waiting();
            if now == before || begun.elapsed() > LONGEST_WAIT {
                return;
            }
            before = now;
        }
    }

    /// Takes those that wait; nothing, and the group is gone, when nobody waits.
    fn take(&self, group: &Group) -> Vec<Waiting> {
        let mut groups = self.lock();
        let Some(waiting) = groups.get_mut(group) else { return Vec::new() };
        let rest = waiting.split_off(waiting.len().min(MOST_TOGETHER));
        let taken = std::mem::replace(waiting, rest);
        if taken.is_empty() {
            groups.remove(group);
        }
        taken
    }
}

/// Adds a file, with others that wait, and returns what became of it.
pub(super) async fn add(
    api: &Arc<Api>,
    group: Group,
    (place, file): (Place, String),
) -> Result<Share, Failed> {
    let (done, share) = oneshot::channel();
    let is_first = {
        let mut groups = api.queue.lock();
        let is_first = !groups.contains_key(&group);
        groups.entry(group.clone()).or_default().push(Waiting { place, file, done });
        is_first
    };
    if is_first {
        let api = Arc::clone(api);
        tokio::spawn(async move {
            loop {
                let taken = api.queue.take(&group);
                if taken.is_empty() {
                    return;
                }
                let are_several = taken.len() > 1;
                add_together(&api, &group, taken).await;
                if are_several {
                    api.queue.gather(&group).await;
                }
            }
        });
    }
    share.await.unwrap_or_else(|_| Err(Failed::midway(Refusal::trouble("an upload was dropped"))))
}

async fn add_together(api: &Api, group: &Group, uploads: Vec<Waiting>) {
    let files = uploads.iter().map(|upload| upload.file.clone());
    let arguments = group.arguments.clone().into_words(files);
    let call = Call { arguments, holder: group.holder.clone(), json: true };
    let document = api.run(call).await.and_then(|Finished { status, output, .. }| {
        serde_json::from_slice::<Value>(&output).map_err(|error| {
            let problem = format!("`add` ended with status {status} and no document: {error}");
            Failed::midway(Refusal::trouble(problem))
        })
    });
    let share = |place: &Place| match &document {
        Ok(document) => Ok(share_of(document, place.path().as_str())),
        Err(failed) => Err(failed.clone()),
    };
    let shares: Vec<_> = uploads.iter().map(|upload| share(&upload.place)).collect();
    let (places, waiting): (Vec<_>, Vec<_>) =
        uploads.into_iter().map(|upload| (upload.place, upload.done)).unzip();
    // Before the clients hear of it: what they find then is what there is.
    Place::remove(places).await;
    for (done, share) in waiting.into_iter().zip(shares) {
        let _ = done.send(share);
    }
}

/// Returns the part of a document about the files in a directory.
pub(super) fn share_of(document: &Value, directory: &str) -> Share {
    let is_inside = |entry: &&Value| {
        let file = entry.get("file").and_then(Value::as_str);
        file.and_then(|file| file.strip_prefix(directory)).is_some_and(|rest| rest.starts_with('/'))
    };
    let list =
        |name: &str| document.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let own = |name: &str| -> Vec<Value> { list(name).iter().filter(is_inside).cloned().collect() };
    let error = document.get("error").filter(|error| !error.is_null());
    let all: Vec<&Value> = match document.get("errors").and_then(Value::as_array) {
        Some(errors) => errors.iter().collect(),
        None => error.into_iter().collect(),
    };
    let (added, refused) = (own("added"), own("refused"));
    let is_refused = |error: &&&Value| {
        let file = error.get("file");
        list("refused").iter().any(|refused| refused.get("file") == file)
    };
    // Those about a file of this upload, or else those about no upload at all, such as that it could not be published.
    let mut errors: Vec<Value> =
        all.iter().filter(|error| is_inside(error)).map(|error| (*error).clone()).collect();
    if errors.is_empty() {
        errors = all.iter().filter(|error| !is_refused(error)).map(|error| (*error).clone()).collect();
    }
    let mut fields = Map::new();
    fields.insert("format".to_owned(), json!(1));
    let status = match errors.first() {
        None => StatusCode::OK,
        Some(first) => {
            fields.insert("ok".to_owned(), json!(false));
            fields.insert("error".to_owned(), first.clone());
            if errors.len() > 1 {
                fields.insert("errors".to_owned(), json!(errors));
            }
            status::of_code(first.get("code").and_then(Value::as_str).unwrap_or_default())
        }
    };
    if document.get("added").is_some() {
        fields.insert("added".to_owned(), json!(added));
        fields.insert("refused".to_owned(), json!(refused));
        fields.insert("commit".to_owned(), document.get("commit").cloned().unwrap_or_default());
        fields.insert("dry_run".to_owned(), document.get("dry_run").cloned().unwrap_or_default());
    }
    if let Some(warnings) = document.get("warnings") {
        fields.insert("warnings".to_owned(), warnings.clone());
    }
    let mut document = Value::Object(fields);
    without_directory(&mut document, &format!("{directory}/"));
    Share { status, document }
}

/// Takes the directory off every path: where the server keeps uploads says nothing to a client.
fn without_directory(value: &mut Value, directory: &str) {
    match value {
        Value::String(text) if text.contains(directory) => *text = text.replace(directory, ""),
        Value::Array(values) => values.iter_mut().for_each(|value| without_directory(value, directory)),
        Value::Object(fields) => fields.values_mut().for_each(|value| without_directory(value, directory)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_upload_gets_what_concerns_it() {
        let refused = json!({ "code": "E-INVALID-PACKAGE", "message": "/t/2/b.deb: not a .deb file", "hint": null, "file": "/t/2/b.deb", "line": null });
        let held = json!({ "code": "E-HELD", "message": "/t/3/c.deb: held", "hint": null, "file": "/t/3/c.deb", "line": null });
        let document = json!({
            "format": 1, "ok": false, "error": refused, "errors": [refused, held], "commit": "abc", "dry_run": false,
            "added": [{ "file": "/t/1/a.deb", "package": "a" }],
            "refused": [{ "file": "/t/2/b.deb", "error": "x" }, { "file": "/t/3/c.deb", "error": "held" }],
        });
        let share = share_of(&document, "/t/1");
        assert_eq!(share.status, StatusCode::OK);
        assert_eq!(
            share.document,
            json!({ "format": 1, "added": [{ "file": "a.deb", "package": "a" }], "refused": [], "commit": "abc", "dry_run": false })
        );
        let share = share_of(&document, "/t/2");
        assert_eq!(share.status.as_u16(), 422);
        assert_eq!(share.document["error"]["message"], "b.deb: not a .deb file");
        assert_eq!(
            (share.document["ok"].clone(), share.document["added"].clone()),
            (json!(false), json!([]))
        );
        assert_eq!(share_of(&document, "/t/3").status.as_u16(), 409);
    }

    #[test]
    fn what_concerns_no_file_concerns_everybody() {
        let error =
            json!({ "code": "E-SIGN", "message": "no key", "hint": null, "file": null, "line": null });
        let document = json!({
            "format": 1, "ok": false, "error": error, "commit": "abc", "dry_run": false,
            "added": [{ "file": "/t/1/a.deb" }, { "file": "/t/2/b.deb" }], "refused": [],
        });
        for directory in ["/t/1", "/t/2"] {
            let share = share_of(&document, directory);
            assert_eq!((share.status.as_u16(), share.document["added"].as_array().unwrap().len()), (500, 1));
        }
        let failed = json!({ "format": 1, "ok": false, "error": { "code": "E-IN-USE", "message": "m", "file": null } });
        let share = share_of(&failed, "/t/1");
        assert_eq!((share.status.as_u16(), share.document.get("added")), (423, None));
    }
}
