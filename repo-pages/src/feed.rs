//! The changes of a repository as an Atom feed (RFC 4287).

use jiff::Timestamp;
use maud::Render as _;

use crate::change::{Change, ChangedPackage, Sign};
use crate::frame::listed;
use crate::line::Line;
use crate::measure::rfc_3339;
use crate::place::Place;

/// The last changes of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Feed {
    /// The repository.
    pub repository: Line,
    /// What tells the feed from all others, as long as it exists: an address, or a URN.
    pub id: Line,
    /// The changes, newest first.
    pub changes: Vec<Change>,
}

impl Feed {
    /// Returns the feed as XML.
    #[must_use]
    pub fn xml(&self) -> String {
        let Self { repository, id, changes } = self;
        let place = Place::Feed(repository.to_string());
        let page = escaped(&place.to(&Place::Repository(repository.to_string())));
        let updated = rfc_3339(changes.first().map_or(Timestamp::UNIX_EPOCH, |change| change.date));
        let (repository, id) = (escaped(repository.as_str()), escaped(id.as_str()));
        let entries: String = changes.iter().map(|change| entry(change, &page)).collect();
        format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<feed xmlns=\"http://www.w3.org/2005/Atom\">\n\
             <title>Changes of {repository}</title>\n<id>{id}</id>\n<updated>{updated}</updated>\n\
             <link rel=\"self\" href=\"changes.atom\"/>\n<link rel=\"alternate\" type=\"text/html\" href=\"{page}\"/>\n{entries}</feed>\n"
        )
    }
}

fn entry(change: &Change, page: &str) -> String {
    let (actor, operation) = (escaped(change.actor.as_str()), escaped(change.operation.as_str()));
    let mut text = String::new();
    if let Some(reason) = &change.reason {
        text = format!("Override: {reason}\n");
    }
    text.extend(change.packages.iter().map(sentence));
    if change.more > 0 {
        text.push_str(&format!("and {} more\n", change.more));
    }
    format!(
        "<entry>\n<title>{operation}</title>\n<id>urn:blake3:{}</id>\n<updated>{}</updated>\n<author><name>{actor}</name></author>\n\
         <link rel=\"alternate\" type=\"text/html\" href=\"{page}\"/>\n<content type=\"text\">{}</content>\n</entry>\n",
        escaped(change.id.as_str()),
        rfc_3339(change.date),
        escaped(&text),
    )
}

fn sentence(changed: &ChangedPackage) -> String {
    let ChangedPackage { sign, package, version, architectures, suites } = changed;
    let preposition = if *sign == Sign::Added { "to" } else { "from" };
    format!("{} {package} {version} ({architectures}) {preposition} {}\n", sign.word(), listed(suites))
}

/// Escapes a text for XML. Of the characters that XML forbids, a [`Line`] can only contain U+FFFE and U+FFFF.
fn escaped(text: &str) -> String {
    let allowed: String = text.chars().filter(|c| !matches!(c, '\u{fffe}' | '\u{ffff}')).collect();
    allowed.render().into_string()
}
