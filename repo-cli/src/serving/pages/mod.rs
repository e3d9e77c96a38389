//! Pages for people, rendered from what clients see of the repositories.
//!
//! A page is rendered once for each publication of the repositories that it shows, and kept. What was committed and not published yet is on
//! no page.

mod cache;
mod changes;
mod comparison;
mod package;
mod query;
mod repository;
mod search;
mod suite;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use camino::Utf8PathBuf;
use deb_parse::{Limits, SuiteName};
use repo_config::{Config, Url};
use repo_pages::{Line, Place};
use repo_serve::renderer::{Document, PageRenderer, PageRequest, Reads};
use repo_store::model::record::Record;
use repo_store::publish::CurrentPublication;
use repo_store::{RepositoryName, RepositorySettings, Revision, Store};

use self::cache::Cache;
use self::changes::RecentChanges;
use crate::error::Failure;
use crate::output::suites_in_order;
use crate::package_readers;

/// The media types of what is rendered.
const HTML: &str = "text/html; charset=utf-8";
const ATOM: &str = "application/atom+xml; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

/// Renders pages about the repositories of a store, as it is configured at the moment.
pub(crate) struct StorePages {
    root: Utf8PathBuf,
    repositories: BTreeMap<RepositoryName, Described>,
    /// The order of promotion.
    channels: Vec<RepositoryName>,
    cache: Cache,
    recent: RecentChanges,
}

/// What the configuration says of a repository.
struct Described {
    settings: RepositorySettings,
    /// The address that clients use.
    url: Url,
    /// Whether that address is configured, so that links may lead there.
    has_address: bool,
    needs_login: bool,
}

/// A repository as clients see it.
struct Shown<'a> {
    described: &'a Described,
    store: &'a Store,
    publication: CurrentPublication,
    revision: Revision<'a>,
}

impl fmt::Debug for StorePages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StorePages").field("root", &self.root).finish_non_exhaustive()
    }
}

impl StorePages {
    /// Returns what renders pages for this configuration.
    pub(crate) fn of(config: &Config) -> Self {
        let described = |settings: &RepositorySettings| Described {
            url: config.url_of(settings),
            has_address: config.configured_url(&settings.name).is_some(),
            needs_login: config.needs_password(&settings.name),
            settings: settings.clone(),
        };
        let repositories = config.repositories().map(|settings| (settings.name.clone(), described(settings)));
        Self {
            root: config.root().to_owned(),
            repositories: repositories.collect(),
            channels: config.channels(),
            cache: Cache::default(),
            recent: RecentChanges::default(),
        }
    }

    fn described(&self, name: &str) -> Option<&Described> {
        self.repositories.get(&RepositoryName::parse(name).ok()?)
    }

    /// Returns the repositories before and after one in the order of promotion.
    fn beside(&self, name: &RepositoryName) -> Vec<&RepositoryName> {
        let pairs = self.channels.iter().zip(self.channels.iter().skip(1));
        let beside = pairs.filter_map(|(from, to)| match () {
            () if to == name => Some(from),
            () if from == name => Some(to),
            () => None,
        });
        beside.collect()
    }

    /// Returns what clients see of these repositories. Those that are not published are left out.
    fn shown<'a>(
        &'a self,
        store: &'a Store,
        readable: &BTreeSet<String>,
    ) -> Result<BTreeMap<RepositoryName, Shown<'a>>, Failure> {
        let mut all = BTreeMap::new();
        for described in readable.iter().filter_map(|name| self.described(name)) {
            let name = &described.settings.name;
            if let Some(publication) = store.current_publication(name)?
                && let Some(commit) = publication.commit
            {
                let revision = store.revision(name, commit)?;
                all.insert(name.clone(), Shown { described, store, publication, revision });
            }
        }
        Ok(all)
    }

    fn document(&self, place: &Place, request: &PageRequest) -> Result<Option<Document>, Failure> {
        let html = |text| Document::new(HTML, repo_pages::CONTENT_SECURITY_POLICY, text);
        match place {
            Place::Style => return Ok(Some(plain(CSS, repo_pages::STYLE))),
            Place::Script => return Ok(Some(plain(JAVASCRIPT, repo_pages::SCRIPT))),
            _ => {}
        }
        let store = package_readers::confine(Store::open(&self.root)?, Limits::default());
        let shown = self.shown(&store, &request.readable)?;
        let query = query::Query::parse(request.query.as_deref().unwrap_or_default());
        if let Place::Search(repository) = place {
            // What anybody types is not worth being kept.
            return Ok(Some(html(search::page(repository.as_deref(), query.get("q"), &shown)?.html())));
        }
        let after = query.get("after").filter(|_| matches!(place, Place::Suite(..)));
        // Neither is a part of a list that begins where anybody likes.
        let is_kept = match (place, &after) {
            (Place::Suite(name, suite), Some(after)) => suite::has(name, suite, after, &shown)?,
            _ => true,
        };
        let publications = shown.iter().map(|(name, shown)| (name.clone(), shown.publication.id));
        let key = cache::Key {
            place: place.clone(),
            after: after.clone(),
            readable: request.readable.clone(),
            may_log_in: request.may_log_in,
            publications: publications.collect(),
        };
        if let Some(document) = self.cache.get(&key) {
            return Ok(Some(document));
        }
        let text = match place {
            Place::Overview => Some(repository::overview(self, &shown, request)?.html()),
            Place::Repository(name) => {
                let Some(described) = self.described(name) else { return Ok(None) };
                Some(repository::page(self, described, &shown, &request.readable)?.html())
            }
            Place::Suite(name, suite) => match (SuiteName::parse(suite), self.described(name)) {
                (Ok(suite), Some(described)) => {
                    suite::page(described, shown.get(&described.settings.name), &suite, after.as_deref())?
                        .map(|page| page.html())
                }
                _ => None,
            },
            Place::Package(name, package) => {
                let Some(shown_one) = self.described(name).and_then(|of| shown.get(&of.settings.name)) else {
                    return Ok(None);
                };
                package::page(self, shown_one, package, &shown, &request.readable)?.map(|page| page.html())
            }
            Place::Feed(name) => {
                let Some(described) = self.described(name) else { return Ok(None) };
                let feed = repository::feed(self, described, &shown)?;
                Some(feed.xml())
            }
            Place::Search(_) | Place::Style | Place::Script => None,
        };
        let media_type = if matches!(place, Place::Feed(_)) { ATOM } else { HTML };
        let document = text.map(|text| Document::new(media_type, repo_pages::CONTENT_SECURITY_POLICY, text));
        if let Some(document) = document.as_ref().filter(|_| is_kept) {
            self.cache.put(key, document.clone());
        }
        Ok(document)
    }
}

fn plain(media_type: &'static str, text: &str) -> Document {
    Document::new(media_type, "default-src 'none'", text.to_owned())
}

/// Returns the page at a path, as [`PageRenderer::reads`] gets it.
fn place_of(path: &[&str]) -> Option<Place> {
    if path.is_empty() { Some(Place::Overview) } else { Place::parse(path) }
}

impl PageRenderer for StorePages {
    fn reads(&self, path: &[&str]) -> Option<Reads> {
        let place = place_of(path)?;
        Some(match &place {
            Place::Style | Place::Script => Reads::Nothing,
            Place::Overview | Place::Search(None) => Reads::Listed,
            Place::Repository(name)
            | Place::Suite(name, _)
            | Place::Package(name, _)
            | Place::Feed(name)
            | Place::Search(Some(name)) => {
                let described = self.described(name)?;
                let shows_others = matches!(place, Place::Repository(_) | Place::Package(..));
                let beside = if shows_others { self.beside(&described.settings.name) } else { Vec::new() };
                let beside = beside.into_iter().map(ToString::to_string).collect();
                Reads::Repository { name: name.clone(), beside }
            }
        })
    }

    fn render(&self, request: &PageRequest) -> Result<Option<Document>, String> {
        let path: Vec<&str> = request.path.iter().map(String::as_str).collect();
        let Some(place) = place_of(&path) else { return Ok(None) };
        self.document(&place, request).map_err(|failure| failure.report().message)
    }
}

/// Returns the record that says most about a package, whose records go from the oldest version to the newest: that of the newest binary
/// package, as a source package has no description.
fn most_telling<'a, R>(records: R) -> Option<&'a Arc<Record>>
where
    R: DoubleEndedIterator<Item = &'a Arc<Record>> + Clone,
{
    let is_binary = |record: &&Arc<Record>| !record.key().architecture.is_source();
    records.clone().rfind(is_binary).or(records.last())
}

/// Returns the names of suites in their order.
fn suite_lines<'a>(suites: impl IntoIterator<Item = &'a SuiteName>) -> Vec<Line> {
    suites_in_order(suites).into_iter().map(|suite| Line::new(suite.as_str())).collect()
}

/// Returns texts as a page may show them.
fn lines<T: ToString>(texts: impl IntoIterator<Item = T>) -> Vec<Line> {
    texts.into_iter().map(|text| Line::new(&text.to_string())).collect()
}

/// Returns the first line of a description, or of any other text.
fn synopsis(text: &str) -> Line {
    Line::new(text.lines().next().unwrap_or_default())
}
