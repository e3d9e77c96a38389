//! What clients read and would find no more: `apt-get update` fails on every machine that is told to read it.

use super::Place;
use super::publication::Publication;
use crate::settings::RepositorySettings;

/// The suites, aliases and `./` that are published now and have left the settings.
pub(super) fn names(current: &Publication, repository: &RepositorySettings) -> Vec<String> {
    let stays = |name: &str| {
        let mut suites = repository.suites.iter();
        suites.any(|suite| {
            suite.name.as_str() == name || suite.alias.as_ref().is_some_and(|a| a.as_str() == name)
        })
    };
    let places = current.suites.keys().map(|place| match place {
        Place::Suite(suite) => (suite.to_string(), stays(suite.as_str())),
        Place::Flat(_) => ("./".to_owned(), repository.flat.is_some()),
    });
    let aliases = current.aliases().map(|(alias, _)| (alias.to_string(), stays(alias.as_str())));
    places.chain(aliases).filter(|(_, stays)| !stays).map(|(name, _)| name).collect()
}
