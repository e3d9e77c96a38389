//! The list of repositories, the page of each, and its feed.

use std::collections::{BTreeMap, BTreeSet};

use deb_parse::checksum::Sha256;
use repo_config::without_repeats;
use repo_pages::{
    ClientSetup, Description, Feed, Line, Overview, RepositoryPage, RepositorySummary, SuiteSummary,
};
use repo_serve::renderer::PageRequest;
use repo_store::{RepositoryName, SuiteSettings};

use super::{Described, Shown, StorePages, comparison, lines, suite_lines};
use crate::cmd::client_config::{quoted, setup};
use crate::error::Failure;

/// How many changes the page of a repository shows.
const CHANGES_ON_PAGE: usize = 15;

/// How many changes are in the feed.
const CHANGES_IN_FEED: usize = 50;

/// Returns the list of what the reader may read.
pub(super) fn overview(
    pages: &StorePages,
    shown: &BTreeMap<RepositoryName, Shown<'_>>,
    request: &PageRequest,
) -> Result<Overview, Failure> {
    let listed = request.readable.iter().filter_map(|name| pages.described(name));
    let summary = |described: &Described| {
        let settings = &described.settings;
        let shown = shown.get(&settings.name);
        let architectures = settings.suites.iter().flat_map(|suite| suite.architectures.clone());
        Ok(RepositorySummary {
            name: Line::new(settings.name.as_str()),
            suites: suite_lines(settings.suites.iter().map(|suite| &suite.name)),
            architectures: lines(without_repeats(architectures.collect())),
            files: shown.map_or(Ok(0), files)?,
            changed: shown.map(|shown| shown.revision.commit().date),
        })
    };
    let repositories = listed.map(summary).collect::<Result<_, Failure>>()?;
    Ok(Overview { repositories, may_log_in: request.may_log_in })
}

/// Returns how many package files a repository has, whatever the number of their suites.
fn files(shown: &Shown<'_>) -> Result<u64, Failure> {
    let suites = shown.described.settings.suites.iter().map(|suite| &suite.name);
    let mut files = 0;
    for key in shown.revision.keys(suites)? {
        let _ = key?;
        files += 1;
    }
    Ok(files)
}

/// Returns the page of a repository.
pub(super) fn page(
    pages: &StorePages,
    described: &Described,
    shown: &BTreeMap<RepositoryName, Shown<'_>>,
    readable: &BTreeSet<String>,
) -> Result<RepositoryPage, Failure> {
    let settings = &described.settings;
    let one = shown.get(&settings.name);
    let (changes, is_cut) = match one {
        Some(shown) => pages.recent.of(&shown.revision)?.newest(CHANGES_ON_PAGE),
        None => (Vec::new(), false),
    };
    let suites = settings.suites.iter().map(|suite| suite_summary(suite, one));
    Ok(RepositoryPage {
        name: Line::new(settings.name.as_str()),
        published: one.and_then(|shown| shown.publication.date),
        valid_until: one.and_then(|shown| shown.publication.valid_until),
        suites: suites.collect::<Result<_, _>>()?,
        fingerprints: one.map(|shown| lines(&shown.publication.keys)).unwrap_or_default(),
        setup: one.map(setup_of).transpose()?.flatten(),
        comparisons: comparison::of(pages, &settings.name, None, (shown, readable))?,
        changes,
        is_cut,
    })
}

/// Returns the feed of a repository.
pub(super) fn feed(
    pages: &StorePages,
    described: &Described,
    shown: &BTreeMap<RepositoryName, Shown<'_>>,
) -> Result<Feed, Failure> {
    let name = &described.settings.name;
    let changes = match shown.get(name) {
        Some(shown) => pages.recent.of(&shown.revision)?.newest(CHANGES_IN_FEED).0,
        None => Vec::new(),
    };
    let id =
        if described.has_address { described.url.to_string() } else { format!("urn:apt-repository:{name}") };
    Ok(Feed { repository: Line::new(name.as_str()), id: Line::new(&id), changes })
}

/// Returns what a suite has.
pub(super) fn suite_summary(
    suite: &SuiteSettings,
    shown: Option<&Shown<'_>>,
) -> Result<SuiteSummary, Failure> {
    let files = shown.map(|shown| shown.revision.snapshot(&suite.name)).transpose()?;
    Ok(SuiteSummary {
        name: Line::new(suite.name.as_str()),
        components: lines(&suite.components),
        architectures: lines(&suite.architectures),
        files: files.map_or(0, |snapshot| snapshot.records()),
    })
}

/// Returns how a machine is set up; `None` when no keys were published.
fn setup_of(shown: &Shown<'_>) -> Result<Option<ClientSetup>, Failure> {
    let Shown { described: Described { settings, url, needs_login, has_address }, store, .. } = shown;
    let Some(keys) = store.published_keys(&settings.name)? else { return Ok(None) };
    let client_name = settings.name.client_name();
    let (address, path) = (quoted(&format!("{url}/key.gpg")), settings.name.keyring_path());
    let key = format!(
        "d=$(mktemp -d) &&\n/usr/lib/apt/apt-helper -qq -o APT::Sandbox::User=root download-file \\\n  {address} \"$d/key.gpg\" \\\n  SHA256:{} &&\n\
         install -D -m 0644 \"$d/key.gpg\" {path} &&\nrm -r \"$d\"",
        Sha256::of(&keys)
    );
    let sources = setup::source_entries(store, settings, url)?;
    let has_package = setup::has_keyring_package(store, settings)?;
    Ok(Some(ClientSetup {
        has_address: *has_address,
        needs_login: *needs_login,
        login: (
            Line::new(&setup::auth_path(&client_name)),
            Description::new(&setup::auth_entry(url, "NAME", "PASSWORD")),
        ),
        key: Description::new(&key),
        sources_path: Line::new(&setup::sources_path(&client_name)),
        sources: sources
            .into_iter()
            .map(|(suite, entry)| (Line::new(suite.as_str()), Description::new(&entry)))
            .collect(),
        keyring_package: has_package.then(|| Line::new(&settings.name.keyring_package())),
    }))
}
