//! What clients must show to read each repository, as far as a server that goes on may not drop it by itself.

use std::collections::BTreeMap;

use repo_store::RepositoryName;

use crate::config::Config;
use crate::error::Loosening;
use crate::file::RepositoryTable;
use crate::value::Text;
use crate::ways_in;

/// What is asked of the clients of each repository.
#[derive(Debug)]
pub(crate) struct Restrictions {
    repositories: BTreeMap<RepositoryName, Restriction>,
    /// Whether proxies tell where requests come from, and networks decide by it.
    proxies: bool,
}

#[derive(Debug)]
struct Restriction {
    /// Whether each way in asks for a login.
    users: bool,
    /// Whether each way in asks where the client comes from.
    allow: bool,
    /// Whether some way in asks where the client comes from.
    goes_by_address: bool,
    /// Whether some way in asks for nothing.
    is_none: bool,
    /// Whether the ways in were written as such: a list that was cut cannot be read.
    is_list: bool,
}

impl Restriction {
    fn of(table: &RepositoryTable) -> Self {
        let ways = ways_in::of(table);
        Self {
            users: ways.iter().all(|way| way.login.is_some()),
            allow: ways.iter().all(|way| !way.networks.is_empty()),
            goes_by_address: ways.iter().any(|way| !way.networks.is_empty()),
            is_list: !table.access.is_empty(),
            is_none: ways.iter().any(|way| way.login.is_none() && way.networks.is_empty()),
        }
    }
}

impl Restrictions {
    pub(crate) fn of(config: &Config) -> Self {
        let tables = config.file.repositories.iter();
        let repositories = tables.map(|(Text(name), table)| (name.clone(), Restriction::of(table))).collect();
        Self { repositories, proxies: !config.file.serve.trusted_proxies.is_empty() }
    }

    /// What would be less strict with those: where nothing is said of access it is open, so a text that was cut or a drop-in that is
    /// away for a moment looks like the wish to open a repository. Which users, networks and ways in is no matter: they were written.
    pub(crate) fn loosened_by(&self, after: &Self) -> Option<Loosening> {
        if after.repositories.is_empty() && !self.repositories.is_empty() {
            return Some(Loosening::NoRepository);
        }
        // A client behind a proxy would seem to come from where the proxy is, which may well be allowed.
        if self.proxies && !after.proxies && after.repositories.values().any(|after| after.goes_by_address) {
            return Some(Loosening::NoProxies);
        }
        self.repositories.iter().find_map(|(name, before)| match after.repositories.get(name) {
            _ if before.is_none => None,
            // It would be back without them later.
            None => Some(Loosening::Gone(name.clone())),
            Some(after) if after.is_none => Some(Loosening::Open(name.clone())),
            Some(after) if after.is_list => None,
            Some(after) if before.users && !after.users => Some(Loosening::NoPassword(name.clone())),
            Some(after) if before.allow && !after.allow => Some(Loosening::EveryAddress(name.clone())),
            Some(_) => None,
        })
    }
}
