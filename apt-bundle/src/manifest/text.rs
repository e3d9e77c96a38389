//! The text of a manifest: stanzas as in Debian's control files, in one form only.

use std::fmt::Write as _;

use apt_index::RelPath;
use deb_parse::checksum::Sha256;
use deb_parse::deb822::{self, Paragraph};
use jiff::Timestamp;

use super::{LinkedName, ListedFile, Manifest, ManifestError, RepositoryState};
use crate::name::Name;
use crate::publication_time::PublicationTime;

/// The version of the format.
const FORMAT: &str = "1";

impl Manifest {
    /// Returns the text, which is what is signed.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = format!("Bundle-Format: {FORMAT}\n");
        // Writing to a String cannot fail.
        if let Some(site) = &self.site {
            let _ = writeln!(text, "Site: {site}");
        }
        let _ = writeln!(text, "Made: {}", self.made);
        for repository in &self.repositories {
            let RepositoryState { name, commit, publication, .. } = repository;
            let _ = writeln!(text, "\nRepository: {name}\nCommit: {commit}\nPublication: {publication}");
            if let Some(since) = repository.since {
                let _ = writeln!(text, "Since: {since}");
            }
            if !repository.links.is_empty() {
                text.push_str("Links:\n");
            }
            for LinkedName { path, target } in &repository.links {
                let _ = writeln!(text, " {path} {target}");
            }
            if !repository.files.is_empty() {
                text.push_str("Files:\n");
            }
            for ListedFile { path, size, sha256, carried } in &repository.files {
                let sign = if *carried { '+' } else { '=' };
                let _ = writeln!(text, " {sign} {sha256} {size} {path}");
            }
        }
        text
    }

    /// Reads the text of a manifest. It must be what [`to_text`](Self::to_text) writes, to the byte: what looks the same is the same.
    ///
    /// # Errors
    /// [`ManifestError`] with the line and the rule.
    pub fn parse(text: &[u8]) -> Result<Self, ManifestError> {
        let mut paragraphs = deb822::paragraphs(text);
        let first = paragraphs.next().ok_or(ManifestError::of("it is empty"))?;
        if first.get_str("Bundle-Format") != Some(FORMAT) {
            return Err(ManifestError::of("this version reads `Bundle-Format: 1` only").at(1));
        }
        let site = first.get_str("Site").map(Name::parse).transpose().map_err(|error| error.at(2))?;
        let made = first.get_str("Made").and_then(|made| made.parse::<Timestamp>().ok());
        let made = made.ok_or(ManifestError::of("`Made` is a time as in RFC 3339").at(2))?;
        let repositories = paragraphs.map(|paragraph| {
            let line = line_at(text, paragraph.offset());
            repository(&paragraph).map_err(|(line_below, error)| error.at(line + line_below))
        });
        let manifest = Self { site, made, repositories: repositories.collect::<Result<_, _>>()? };
        manifest.check()?;
        let written = manifest.to_text();
        if written.as_bytes() == text {
            return Ok(manifest);
        }
        let same = written.as_bytes().iter().zip(text).take_while(|(a, b)| a == b).count();
        Err(ManifestError::of("fields and values have one form and one order").at(line_at(text, same)))
    }
}

/// Returns the number of the line of an offset, from 1.
fn line_at(text: &[u8], offset: usize) -> usize {
    text.get(..offset).unwrap_or(text).iter().filter(|byte| **byte == b'\n').count() + 1
}

/// Reads the stanza of a repository. An error comes with its line, from 0.
fn repository(paragraph: &Paragraph<'_>) -> Result<RepositoryState, (usize, ManifestError)> {
    let no_field = |rule| (0, ManifestError::of(rule));
    let required = |field: &str| paragraph.get_str(field);
    let name = required("Repository").ok_or(no_field("the stanza has no `Repository`"))?;
    let name = Name::parse(name).map_err(|error| (0, error))?;
    let commit = required("Commit").and_then(|commit| commit.parse().ok());
    let commit = commit.ok_or((1, ManifestError::of("`Commit` is a number")))?;
    let publication = required("Publication").ok_or(no_field("the stanza has no `Publication`"))?;
    let publication = PublicationTime::parse(publication).map_err(|error| (2, error))?;
    let since = paragraph.get_str("Since").map(PublicationTime::parse).transpose();
    let since = since.map_err(|error| (3, error))?;
    let lines = |field: &str| {
        let value = paragraph.get_str(field).unwrap_or_default();
        // The place of the value within the stanza gives the lines of what it lists.
        let begin = paragraph.as_bytes().as_ptr() as usize;
        let above = (value.as_ptr() as usize).saturating_sub(begin);
        let above = paragraph.as_bytes().get(..above).unwrap_or_default();
        let above = above.iter().filter(|byte| **byte == b'\n').count();
        value
            .lines()
            .enumerate()
            .map(move |(line, text)| (above + line, text.trim_start()))
            .filter(|(_, text)| !text.is_empty())
    };
    let links = lines("Links").map(|(line, text)| {
        link(text).ok_or((line, ManifestError::of("a link is a path and the name of a directory")))
    });
    let files = lines("Files").map(|(line, text)| {
        file(text).ok_or((line, ManifestError::of("a file is `+` or `=`, a SHA-256, a size and a path")))
    });
    Ok(RepositoryState {
        name,
        commit,
        publication,
        since,
        links: links.collect::<Result<_, _>>()?,
        files: files.collect::<Result<_, _>>()?,
    })
}

fn link(text: &str) -> Option<LinkedName> {
    let (path, target) = text.split_once(' ')?;
    Some(LinkedName {
        path: RelPath::parse(path).ok()?,
        target: RelPath::parse(target).ok()?.as_str().to_owned(),
    })
}

fn file(text: &str) -> Option<ListedFile> {
    let mut words = text.splitn(4, ' ');
    let carried = match words.next()? {
        "+" => true,
        "=" => false,
        _ => return None,
    };
    let sha256 = Sha256::parse(words.next()?).ok()?;
    let size = words.next()?.parse().ok()?;
    Some(ListedFile { path: RelPath::parse(words.next()?).ok()?, size, sha256, carried })
}
