//! The Release: whether it is there, its dates, its fields.

use apt_fetch::{Conditions, Error, Problem, Release, ReleaseError, ReleaseFiles, Rules, Suite, Trust, Url};
use deb_parse::clearsign;
use jiff::SignedDuration;

use super::finding::Findings;
use super::{Examination, signature};

/// A Release that ends within this time is told of.
const SOON: SignedDuration = SignedDuration::from_hours(24);

/// The Release in both forms, as far as they are there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Forms {
    inline: Option<Vec<u8>>,
    plain: Option<Vec<u8>>,
    detached: Option<Vec<u8>>,
}

/// Fetches the Release in both forms; `None` when one of the files cannot be had.
pub(super) fn fetch(examination: &Examination<'_>, findings: &mut Findings) -> Option<Forms> {
    let inline = read(examination, "InRelease", findings)?;
    let plain = read(examination, "Release", findings)?;
    let detached = read(examination, "Release.gpg", findings)?;
    Some(Forms { inline, plain, detached })
}

/// Checks the Release in both forms. Returns it when indices can be compared with it, trusted or not.
pub(super) fn check(
    examination: &Examination<'_>,
    forms: &Forms,
    findings: &mut Findings,
) -> Option<Release> {
    let Forms { inline, plain, detached } = forms.clone();
    let url = |name: &str| examination.archive.address_in_suite(name).url;
    if let (Some(inline), Some(plain)) = (&inline, &plain) {
        compare(inline, plain, &url("Release"), findings);
    }
    if let Some(detached) = &detached {
        signature::check_detached(detached, &url("Release.gpg"), findings);
    }
    let (place, files) = match (inline, plain) {
        (Some(inline), _) => (url("InRelease"), ReleaseFiles::Inline(inline)),
        (None, Some(plain)) => {
            findings
                .warning("no-inrelease", url("InRelease"), "there is no InRelease")
                .mend("publish InRelease too: between Release and Release.gpg a client can meet a change");
            (url("Release"), ReleaseFiles::Detached(plain, detached))
        }
        (None, None) => {
            findings
                .error("no-release", url("InRelease"), "there is neither InRelease nor Release")
                .client(format!(
                    "E: The repository '{}' does not have a Release file.",
                    examination.repository()
                ))
                .mend("publish the suite, or correct the address or the name of the suite");
            return None;
        }
    };
    signature::check(examination, &place, &files, findings);
    let release = accept(examination, &place, files, findings)?;
    check_dates(examination, &release, findings);
    check_names(examination, &release, findings);
    check_digests(&release, findings);
    check_last_line(&release, findings);
    Some(release)
}

/// Fetches a file of the suite, which may not be there. `None` when the server does not tell that.
fn read(examination: &Examination<'_>, name: &str, findings: &mut Findings) -> Option<Option<Vec<u8>>> {
    let address = examination.archive.address_in_suite(name);
    let client = examination.archive.client();
    match client.read(&address, &Conditions::default(), client.limits().release) {
        Ok((_, bytes)) => Some(Some(bytes)),
        Err(Error { problem: Problem::NotFound, .. }) => Some(None),
        Err(error) => {
            tell_problem(&error, findings);
            None
        }
    }
}

/// Reports why a file cannot be fetched.
pub(super) fn tell_problem(error: &Error, findings: &mut Findings) {
    let finding = findings.error("not-fetched", &error.url, error.problem.to_string());
    match &error.problem {
        Problem::Denied { status, .. } => finding
            .client(format!("E: Failed to fetch {}  {status}", error.url))
            .mend("give the login in the address, as clients have it in auth.conf"),
        Problem::Redirect { .. } => finding
            .client(format!(
                "E: Failed to fetch {}  Redirection from https to 'http' is forbidden / Redirect loop",
                error.url
            ))
            .mend("correct what the web server redirects to"),
        _ => finding
            .client(format!("W: Failed to fetch {}", error.url))
            .mend("look at the log of the web server"),
    };
}

/// A client reads either of them, and is to see the same.
fn compare(inline: &[u8], plain: &[u8], place: &Url, findings: &mut Findings) {
    let Ok(payload) = clearsign::payload(inline) else { return };
    let lines = |text: &[u8]| -> Vec<Vec<u8>> {
        text.split(|c| *c == b'\n')
            .map(|line| line.trim_ascii_end().to_vec())
            .filter(|line| !line.is_empty())
            .collect()
    };
    if lines(&payload) != lines(plain) {
        findings
            .warning("release-differs", place, "Release is not what InRelease says")
            .mend("publish the suite again: clients that read Release see another state");
    }
}

/// Makes a Release of the files, and passes over what was told already.
fn accept(
    examination: &Examination<'_>,
    place: &Url,
    files: ReleaseFiles,
    findings: &mut Findings,
) -> Option<Release> {
    let lenient =
        Rules { allow_expired: true, max_future: None, ..Rules::new(Trust::Anything, examination.now) };
    match Release::accept(place, files, &lenient) {
        Ok(release) => Some(release),
        Err(error) => {
            let what = crate::error::chain(&error);
            let what = what.strip_prefix(&format!("{place}: ")).unwrap_or(&what).to_owned();
            let finding = findings.error("release-unreadable", place, what);
            match error {
                ReleaseError::Date { .. } => finding.client(format!("W: Invalid 'Date' entry in Release file {place}")),
                _ => finding.client("E: Failed to fetch …  Clearsigned file isn't valid, got 'NOSPLIT' (does the network require authentication?)"),
            };
            finding.mend("publish the suite again");
            None
        }
    }
}

fn check_dates(examination: &Examination<'_>, release: &Release, findings: &mut Findings) {
    let (now, place) = (examination.now, release.url());
    let until = release.valid_until().filter(|until| *until < now.saturating_add(SOON).unwrap_or(now));
    match until {
        Some(until) if until < now => {
            findings
                .error("expired", place, format!("expired at {until}"))
                .client(format!("E: Release file for {place} is expired (invalid since {}). Updates for this repository will not be applied.", length(now.duration_since(until))))
                .mend("publish the suite again, and see to it that this happens before it expires");
        }
        Some(until) => {
            findings
                .warning(
                    "expires-soon",
                    place,
                    format!("expires at {until}, in {}", length(until.duration_since(now))),
                )
                .mend("publish the suite again, and see to it that this happens by itself");
        }
        None => {}
    }
    let ahead = release.date().duration_since(now);
    if ahead > SignedDuration::from_secs(10) {
        findings
            .error("from-the-future", place, format!("dated {}, {} ahead of this clock", release.date(), length(ahead)))
            .client(format!("E: Release file for {place} is not valid yet (invalid for another {}). Updates for this repository will not be applied.", length(ahead)))
            .mend("set the clock of the machine that publishes, and publish again when the date has passed");
    }
}

/// A length of time as apt prints it.
fn length(time: SignedDuration) -> String {
    let seconds = time.as_secs().unsigned_abs();
    let (days, hours, minutes, rest) =
        (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{rest}s"),
        (0, 0, _) => format!("{minutes}min {rest}s"),
        (0, _, _) => format!("{hours}h {minutes}min {rest}s"),
        _ => format!("{days}d {hours}h {minutes}min {rest}s"),
    }
}

fn check_names(examination: &Examination<'_>, release: &Release, findings: &mut Findings) {
    let (fields, place) = (release.fields(), release.url());
    if let Suite::Named(name) = &examination.archive.source().suite {
        let is_it = |field: Option<&str>| field == Some(name);
        if !is_it(fields.suite()) && !is_it(fields.codename()) {
            let found = fields.codename().or(fields.suite()).unwrap_or_default();
            findings
                .warning("other-name", place, format!("neither Suite nor Codename is `{name}`"))
                .client(format!("W: Conflicting distribution: {place} (expected {name} but got {found})"))
                .mend(format!(
                    "set Suite or Codename to `{name}`, or publish it under the name that it gives itself"
                ));
        }
    }
    if fields.paragraph().get("Signed-By").is_some() {
        findings
            .warning(
                "signed-by",
                place,
                "has a field Signed-By, which binds old clients to a key and which new ones refuse to read",
            )
            .client("W: … Signed-By in Release files is no longer supported (apt 3.3)")
            .mend("leave the field out");
    }
    if !fields.acquire_by_hash() {
        findings
            .note("no-by-hash", place, "does not offer by-hash")
            .client("E: Failed to fetch …  Hash Sum mismatch (while the suite is being published)")
            .mend("publish indices under by-hash too, and set Acquire-By-Hash: yes");
    }
}

/// Which digests it lists: clients take no weak ones, and debootstrap knows SHA-256 alone.
fn check_digests(release: &Release, findings: &mut Findings) {
    let (files, place) = (release.fields().files(), release.url());
    if files.is_empty() {
        findings.warning("empty-release", place, "lists no index").mend("publish the suite again");
    } else if files.iter().all(|file| file.sha256.is_none() && file.sha512.is_none()) {
        findings
            .error("weak-digests", place, "lists neither SHA256 nor SHA512")
            .client(format!("E: No Hash entry in Release file {place} which is considered strong enough for security purposes"))
            .mend("list SHA256");
    } else if files.iter().all(|file| file.sha256.is_none()) {
        findings
            .warning("no-sha256", place, "lists SHA512 alone")
            .client("E: Failed getting release file (debootstrap)")
            .mend("list SHA256 too");
    }
}

/// debootstrap reads lines that end, and the last line of a clear-signed text has no end.
fn check_last_line(release: &Release, findings: &mut Findings) {
    let ReleaseFiles::Inline(text) = release.files() else { return };
    let Ok(payload) = clearsign::payload(text) else { return };
    let last = payload.split(|c| *c == b'\n').rfind(|line| !line.trim_ascii().is_empty());
    let ends_blank = payload.ends_with(b"\n\n");
    let last = last.and_then(|line| std::str::from_utf8(line).ok()).unwrap_or_default();
    let listed = last.split_ascii_whitespace().nth(2).filter(|_| last.starts_with(' ') && !ends_blank);
    // debootstrap reads SHA-256, and of what it lists the packages.
    let sha256 =
        payload.split(|c| *c == b'\n').rfind(|line| line.first().is_some_and(u8::is_ascii_alphabetic));
    let is_read = |path: &&str| path.contains("/binary-") && path.contains("/Packages");
    let is_last = sha256.is_some_and(|line| line.starts_with(b"SHA256:"));
    if let Some(listed) = listed.filter(is_read).filter(|_| is_last) {
        findings
            .warning(
                "last-line",
                release.url(),
                format!("ends with the line of {listed}, which debootstrap does not see"),
            )
            .client("E: Couldn't find these debs (debootstrap)")
            .mend("put a field, or an empty line, behind the list");
    }
}
