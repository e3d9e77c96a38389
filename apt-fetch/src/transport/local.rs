//! `file:` and `copy:`.

use std::fs::{File, Metadata};
use std::io::{self, ErrorKind, Read, Seek as _, SeekFrom};

use jiff::Timestamp;

use super::{Answer, AnswerKind, Conditions};
use crate::error::Problem;
use crate::url::Url;

/// Opens a file of this machine. Anything but a file, such as a directory or a pipe, is as good as not there.
pub(crate) fn open(url: &Url, conditions: &Conditions) -> Result<Answer, Problem> {
    let read = |error: io::Error| match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => Problem::NotFound,
        _ => Problem::Read(error),
    };
    // Asked before it is opened: opening a pipe waits for who writes to it.
    if !std::fs::metadata(url.path()).map_err(read)?.is_file() {
        return Err(Problem::NotFound);
    }
    let mut file = File::open(url.path()).map_err(read)?;
    let metadata = file.metadata().map_err(read)?;
    let changed = last_modified(&metadata);
    let is_unchanged = changed.is_some() && conditions.if_modified_since == changed;
    let is_rest =
        conditions.from > 0 && conditions.if_range.as_ref().is_none_or(|tag| Some(tag) == changed.as_ref());
    let skipped = if is_rest { conditions.from.min(metadata.len()) } else { 0 };
    file.seek(SeekFrom::Start(skipped)).map_err(read)?;
    let kind = match (is_unchanged, is_rest) {
        (true, _) => AnswerKind::Unchanged,
        (false, true) => AnswerKind::Rest,
        (false, false) => AnswerKind::Whole,
    };
    let has_body = kind != AnswerKind::Unchanged && !conditions.head_only;
    let body: Box<dyn Read + Send> = if has_body { Box::new(file) } else { Box::new(io::empty()) };
    Ok(Answer {
        kind,
        url: url.clone(),
        redirects: Vec::new(),
        length: Some(metadata.len() - skipped),
        fields: changed.map(|changed| ("last-modified".to_owned(), changed)).into_iter().collect(),
        body,
    })
}

/// Returns when a file was changed, as HTTP writes it, with the nanoseconds: two publications within a second are two.
fn last_modified(metadata: &Metadata) -> Option<String> {
    let changed = Timestamp::try_from(metadata.modified().ok()?).ok()?;
    Some(changed.strftime("%a, %d %b %Y %H:%M:%S%.9f GMT").to_string())
}
