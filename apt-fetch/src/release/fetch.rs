//! Asking for a Release.

use super::{FetchedRelease, Release, ReleaseError, ReleaseFiles, ReleaseForm, Rules};
use crate::archive::Archive;
use crate::error::{Error, Problem};
use crate::transport::{Answer, AnswerKind, Conditions};
use crate::url::Url;

/// Asks for `InRelease`. Only where the server says that there is none, `Release` with `Release.gpg` is asked for: a server that is out of
/// order must not be a way to an older or unsigned one.
pub(crate) fn fetch(archive: &Archive<'_>, rules: &Rules<'_>) -> Result<FetchedRelease, ReleaseError> {
    let client = archive.client();
    let limit = client.limits().release;
    let unconditional = Conditions { is_fresh: true, ..Conditions::default() };
    let since = |form| {
        let seen = rules.seen.filter(|seen| seen.form == Some(form))?;
        seen.last_modified.clone()
    };
    let conditions = Conditions { if_modified_since: since(ReleaseForm::Inline), ..unconditional.clone() };
    let inline = archive.address_in_suite("InRelease");
    match client.read(&inline, &conditions, limit) {
        Ok((answer, _)) if answer.kind == AnswerKind::Unchanged => unchanged(&inline.url, rules),
        Ok((answer, text)) => accept(&inline.url, ReleaseFiles::Inline(text), &answer, rules),
        Err(Error { problem: Problem::NotFound, .. }) => {
            if rules.seen.is_some_and(|seen| seen.form == Some(ReleaseForm::Inline)) {
                return Err(ReleaseError::InReleaseGone { url: Box::new(inline.url) });
            }
            let plain = archive.address_in_suite("Release");
            let conditions =
                Conditions { if_modified_since: since(ReleaseForm::Detached), ..unconditional.clone() };
            let (answer, text) = client.read(&plain, &conditions, limit).map_err(ReleaseError::Fetch)?;
            if answer.kind == AnswerKind::Unchanged {
                return unchanged(&plain.url, rules);
            }
            let signature = match client.read(&archive.address_in_suite("Release.gpg"), &unconditional, limit)
            {
                Ok((_, signature)) => Some(signature),
                Err(Error { problem: Problem::NotFound, .. }) => None,
                Err(error) => return Err(ReleaseError::Fetch(error)),
            };
            accept(&plain.url, ReleaseFiles::Detached(text, signature), &answer, rules)
        }
        Err(error) => Err(ReleaseError::Fetch(error)),
    }
}

fn accept(
    url: &Url,
    files: ReleaseFiles,
    answer: &Answer,
    rules: &Rules<'_>,
) -> Result<FetchedRelease, ReleaseError> {
    let mut release = Release::accept(url, files, rules)?;
    release.last_modified = answer.field("last-modified").map(str::to_owned);
    Ok(FetchedRelease::New(Box::new(release)))
}

fn unchanged(url: &Url, rules: &Rules<'_>) -> Result<FetchedRelease, ReleaseError> {
    if let Some(seen) = rules.seen {
        rules.check_unchanged(url, seen)?;
    }
    Ok(FetchedRelease::Unchanged)
}
