//! Answers that are kept, so that a request that is repeated with the same `Idempotency-Key` is not carried out twice.
//!
//! Each lies in a file of its own, named by a hash of the key, in a directory named by a hash of the repository and the token. The file is
//! there before the verb begins, so a request whose answer was lost with the server is not carried out again either.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use hyper::StatusCode;
use serde_json::{Value, json};

use super::answer::{Answer, JSON, PLAIN, Refusal};
use super::staging::is_older;

/// How long an answer is kept.
const KEPT_FOR: Duration = Duration::from_secs(24 * 3600);
/// The most answers that are kept for one token; the oldest go first.
const MOST: usize = 1000;
/// How many requests begin before surplus answers are looked for again.
const CLEAN_EVERY: u64 = 50;
/// The largest answer that is kept, in bytes.
const LARGEST: usize = 1 << 20;

/// The kept answers.
#[derive(Debug)]
pub(super) struct Kept {
    directory: Utf8PathBuf,
    /// The files of the requests that are being carried out.
    running: Mutex<BTreeSet<Utf8PathBuf>>,
    begun: AtomicU64,
}

/// What is known of a request with a key.
pub(super) enum Begin {
    /// It is new. Its answer is to be given to [`Fresh::finish`].
    Fresh(Fresh),
    /// It was answered before.
    Known(Answer),
}

/// A request that is being carried out. Dropped without an answer, as when the server stops, it stays known as begun: it may have changed
/// something.
pub(super) struct Fresh {
    kept: Arc<Kept>,
    path: Utf8PathBuf,
    fingerprint: String,
}

impl Kept {
    pub(super) fn new(directory: Utf8PathBuf) -> Arc<Self> {
        Arc::new(Self { directory, running: Mutex::default(), begun: AtomicU64::new(0) })
    }

    fn running(&self) -> std::sync::MutexGuard<'_, BTreeSet<Utf8PathBuf>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn path(&self, (repository, token): (&str, &str), key: &str) -> Utf8PathBuf {
        let name = |text: &str| blake3::hash(text.as_bytes()).to_hex().to_string();
        self.directory.join(name(&format!("{repository}\0{token}"))).join(name(key))
    }

    /// Looks for the answer to a request, and notes that it begins if there is none. `owner` is the repository and the token.
    ///
    /// # Errors
    /// When the same key came with another request, or the request is still being carried out, or nobody knows how it ended.
    pub(super) fn begin(
        self: &Arc<Self>,
        owner: (&str, &str),
        key: &str,
        fingerprint: &blake3::Hash,
    ) -> Result<Begin, Refusal> {
        let path = self.path(owner, key);
        let fingerprint = fingerprint.to_hex().to_string();
        if !self.running().insert(path.clone()) {
            return Err(Refusal::new(
                409,
                "E-API-KEY",
                "the request with this Idempotency-Key is still being carried out",
            )
            .with(hyper::header::RETRY_AFTER, "1"));
        }
        let fresh = Fresh { kept: Arc::clone(self), path, fingerprint };
        let document = match fs::read_to_string(&fresh.path) {
            Ok(text) => serde_json::from_str::<Value>(&text).unwrap_or_default(),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                fresh.begin().map_err(Refusal::trouble)?;
                return Ok(Begin::Fresh(fresh));
            }
            Err(error) => return Err(Refusal::trouble(error)),
        };
        let known = document.get("fingerprint").and_then(Value::as_str).map(str::to_owned);
        let is_same = known.as_deref() == Some(fresh.fingerprint.as_str());
        if known.is_some() && !is_same {
            let what = "another request came with this Idempotency-Key";
            return Err(Refusal::new(422, "E-API-KEY", what).hint("use a new key for each request"));
        }
        match answer_of(&document) {
            Some(answer) => Ok(Begin::Known(answer)),
            None => Err(Refusal::new(
                409,
                "E-API-KEY",
                "nobody knows how the request with this Idempotency-Key ended",
            )
            .hint("look at the history of the repository, then send the request with a new key")),
        }
    }

    /// Removes what is too old, and what is too much for one token.
    fn clean(&self) {
        let Ok(owners) = self.directory.read_dir_utf8() else { return };
        owners.flatten().for_each(|owner| self.clean_owner(owner.path()));
    }

    fn clean_owner(&self, directory: &Utf8Path) {
        let Ok(entries) = directory.read_dir_utf8() else { return };
        let mut answers = Vec::new();
        for entry in entries.flatten() {
            let Ok(modified) = entry.metadata().and_then(|metadata| metadata.modified()) else { continue };
            answers.push((modified, entry.path().to_owned()));
        }
        answers.sort();
        let surplus = answers.len().saturating_sub(MOST);
        for (number, (modified, path)) in answers.into_iter().enumerate() {
            let is_running = self.running().contains(&path);
            if !is_running && (number < surplus || is_older(modified, KEPT_FOR)) {
                let _ = fs::remove_file(path);
            }
        }
        // A request is among the running ones before its directory is made.
        let running = self.running();
        if !running.iter().any(|path| path.starts_with(directory)) {
            // One that is not empty stays.
            let _ = fs::remove_dir(directory);
        }
    }
}

impl Fresh {
    fn begin(&self) -> io::Result<()> {
        if self.kept.begun.fetch_add(1, Ordering::Relaxed).is_multiple_of(CLEAN_EVERY) {
            self.kept.clean();
        }
        let directory = self.path.parent().unwrap_or(&self.kept.directory);
        for directory in [self.kept.directory.as_path(), directory] {
            match fs::DirBuilder::new().mode(0o700).create(directory) {
                Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
                _ => {}
            }
        }
        self.write(&json!({ "fingerprint": self.fingerprint }))
    }

    /// Forgets the request, as nothing was done for it: it can be sent again with its key.
    pub(super) fn forget(self) {
        let _ = fs::remove_file(&self.path);
    }

    /// Keeps the answer. One after which the client is to try again is not kept, unless the request `changed` something, and a very
    /// large one is kept without its body.
    pub(super) fn finish(self, answer: &Answer, changed: bool) {
        let passes = answer.status.is_server_error()
            || [StatusCode::LOCKED, StatusCode::TOO_MANY_REQUESTS].contains(&answer.status);
        if passes && !changed {
            self.forget();
            return;
        }
        let headers: Vec<[&str; 2]> = answer
            .headers
            .iter()
            .filter_map(|(name, value)| Some([name.as_str(), value.to_str().ok()?]))
            .collect();
        let body = if answer.body.len() <= LARGEST {
            answer.body.as_str()
        } else {
            "{\"format\":1,\"kept\":false}\n"
        };
        let document = json!({
            "fingerprint": self.fingerprint,
            "status": answer.status.as_u16(),
            "plain": answer.media_type == PLAIN,
            "headers": headers,
            "body": body,
        });
        // Without the answer the note stays that the request was begun, so it is not carried out again.
        let _ = self.write(&document);
    }

    fn write(&self, document: &Value) -> io::Result<()> {
        use std::io::Write as _;
        let new = self.path.with_extension("new");
        let mut file =
            fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        file.write_all(document.to_string().as_bytes())?;
        fs::rename(&new, &self.path)
    }
}

impl Drop for Fresh {
    fn drop(&mut self) {
        self.kept.running().remove(&self.path);
    }
}

fn answer_of(document: &Value) -> Option<Answer> {
    let status = StatusCode::from_u16(u16::try_from(document.get("status")?.as_u64()?).ok()?).ok()?;
    let body = document.get("body")?.as_str()?.to_owned();
    let media_type = if document.get("plain")?.as_bool()? { PLAIN } else { JSON };
    let mut answer = Answer::text(status, media_type, body);
    for pair in document.get("headers")?.as_array()? {
        let (name, value) = (pair.get(0)?.as_str()?, pair.get(1)?.as_str()?);
        answer = answer.with(name.parse().ok()?, value);
    }
    Some(answer.with(super::REPLAYED, "true"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept() -> (tempfile::TempDir, Arc<Kept>) {
        let directory = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(directory.path().join("answers")).unwrap();
        (directory, Kept::new(path))
    }

    fn begin(kept: &Arc<Kept>, key: &str, request: &str) -> Result<Begin, u16> {
        begin_by(kept, "id", key, request)
    }

    fn begin_by(kept: &Arc<Kept>, token: &str, key: &str, request: &str) -> Result<Begin, u16> {
        let begun = kept.begin(("prod", token), key, &blake3::hash(request.as_bytes()));
        begun.map_err(|refusal| Answer::from(refusal).status.as_u16())
    }

    #[track_caller]
    fn fresh(kept: &Arc<Kept>, key: &str, request: &str) -> Fresh {
        match begin(kept, key, request) {
            Ok(Begin::Fresh(fresh)) => fresh,
            Ok(Begin::Known(answer)) => panic!("{answer:?}"),
            Err(status) => panic!("{status}"),
        }
    }

    fn answer(status: u16) -> Answer {
        Answer::document(StatusCode::from_u16(status).unwrap(), &json!({ "status": status }))
    }

    #[test]
    fn the_answer_is_given_again_even_after_a_restart() {
        let (_directory, kept) = kept();
        let running = fresh(&kept, "k", "a");
        assert_eq!(begin(&kept, "k", "a").err(), Some(409), "it is still being carried out");
        running.finish(&answer(404).with(hyper::header::ETAG, "\"x\""), false);
        let restarted = Kept::new(kept.directory.clone());
        for kept in [&kept, &restarted] {
            let Ok(Begin::Known(again)) = begin(kept, "k", "a") else { panic!() };
            assert_eq!((again.status.as_u16(), again.body.as_str()), (404, "{\"status\":404}\n"));
            assert!(again.headers.iter().any(|(name, value)| name == "etag" && value == "\"x\""));
            assert_eq!(begin(kept, "k", "b").err(), Some(422), "another request");
        }
        fresh(&kept, "other", "a").finish(&answer(200), true);
    }

    #[test]
    fn a_token_with_many_requests_loses_its_own_oldest_answers_only() {
        let (_directory, kept) = kept();
        fresh(&kept, "k", "a").finish(&answer(200), true);
        for number in 0..MOST as u64 + 4 * CLEAN_EVERY {
            match begin_by(&kept, "busy", &number.to_string(), "a") {
                Ok(Begin::Fresh(fresh)) => fresh.finish(&answer(200), true),
                _ => panic!("{number}"),
            }
        }
        assert!(matches!(begin(&kept, "k", "a"), Ok(Begin::Known(_))), "of another token");
        assert!(matches!(begin_by(&kept, "busy", "0", "a"), Ok(Begin::Fresh(_))), "the oldest went");
    }

    #[test]
    fn answers_of_a_token_that_is_not_used_any_more_go_with_their_directory() {
        let (_directory, kept) = kept();
        fresh(&kept, "k", "a").finish(&answer(200), true);
        let path = kept.path(("prod", "id"), "k");
        let two_days_ago = std::time::SystemTime::now() - 2 * KEPT_FOR;
        fs::File::open(&path).unwrap().set_modified(two_days_ago).unwrap();
        let running = begin_by(&kept, "other", "k", "a");
        kept.clean();
        assert!(!path.parent().unwrap().exists());
        assert!(matches!(running, Ok(Begin::Fresh(_))));
        assert_eq!(kept.directory.read_dir_utf8().unwrap().count(), 1, "that of the running request");
    }

    #[test]
    fn what_passes_is_not_kept() {
        let (_directory, kept) = kept();
        for status in [503, 500, 423, 429] {
            fresh(&kept, "k", "a").finish(&answer(status), false);
        }
        fresh(&kept, "k", "a").forget();
        fresh(&kept, "k", "b").finish(&answer(500), true);
        assert!(matches!(begin(&kept, "k", "b"), Ok(Begin::Known(_))), "it changed something");
    }

    #[test]
    fn a_request_that_was_cut_off_with_the_server_is_not_carried_out_again() {
        let (_directory, kept) = kept();
        drop(fresh(&kept, "k", "a"));
        let restarted = Kept::new(kept.directory.clone());
        assert_eq!(begin(&restarted, "k", "a").err(), Some(409));
        assert_eq!(begin(&restarted, "k", "b").err(), Some(422));
    }
}
