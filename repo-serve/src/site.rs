//! What is served, and to whom.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;

use camino::Utf8PathBuf;

use super::address::{self, Address};
use super::client::TrustedProxies;
use super::path::RequestPath;
use super::tree::Tree;
use super::{IpNetwork, Page, UserFile};

/// A directory of published repositories.
#[derive(Debug)]
pub struct Site {
    /// The directory that holds `<repository>/{dists,pool,…}`.
    pub root: Utf8PathBuf,
    /// The repositories served, by the first element of the path, and who may read each, whatever the address. Others do not exist.
    pub access: BTreeMap<String, Access>,
    /// Repositories that are served at an address of their own as well.
    pub addresses: BTreeMap<String, Address>,
    /// What is told of the repositories at their roots.
    pub pages: BTreeMap<String, Page>,
    /// The proxies that are believed about where a request comes from.
    pub trusted_proxies: Vec<IpNetwork>,
}

/// A site with its directory open, as requests see it.
#[derive(Debug)]
pub struct OpenSite {
    pub(super) tree: Tree,
    pub(super) access: BTreeMap<String, Access>,
    addresses: BTreeMap<String, Address>,
    pub(super) pages: BTreeMap<String, Page>,
    pub(super) proxies: TrustedProxies,
}

impl OpenSite {
    /// Returns the repository that is served at the address of a request, and how many elements of the path belong to that address;
    /// `None` where the first element of the path names the repository.
    pub(super) fn at_own_address(&self, authority: &str, path: &RequestPath) -> Option<(&str, usize)> {
        address::find(&self.addresses, authority, path, |name| self.access.contains_key(name))
    }

    /// Reads files of users again that have changed, or all if that is asked for, and returns what is wrong with any. It may block.
    pub(super) fn refresh(&self, all: bool) -> Vec<String> {
        let files = self.access.values().filter_map(|access| access.users.as_ref());
        let refresh = |file: &UserFile| {
            if all {
                file.distrust();
            }
            file.refresh()
        };
        files.filter_map(refresh).collect()
    }

    /// The repositories that are closed because their files of users cannot be used, and why.
    pub(super) fn closed(&self) -> Vec<String> {
        let closed = self.access.iter().filter_map(|(repository, access)| {
            let file = access.users.as_ref().filter(|file| file.users().is_none())?;
            Some(format!("{}; {repository} is closed until that is mended", file.problem()?))
        });
        closed.collect()
    }

    /// Takes over who is logged in from the site that was served before.
    pub(super) fn keep_verified(&self, before: &Self) {
        for (repository, access) in &self.access {
            let before = before.access.get(repository).and_then(|before| before.users.as_ref());
            if let (Some(users), Some(before)) = (&access.users, before) {
                users.keep_verified(before);
            }
        }
    }
}

impl Site {
    /// Opens it; nothing of what is asked for later can lead out of it.
    pub fn open(self) -> io::Result<OpenSite> {
        let Self { root, access, addresses, pages, trusted_proxies } = self;
        let tree = Tree::open(&root, access.keys().cloned())?;
        Ok(OpenSite { tree, access, addresses, pages, proxies: TrustedProxies(trusted_proxies) })
    }
}

/// Who may read a repository. The default is everyone.
#[derive(Debug, Default)]
pub struct Access {
    /// Where clients may come from; empty: from anywhere.
    pub allow: Vec<IpNetwork>,
    /// Who may log in; `None`: no password is asked.
    pub users: Option<UserFile>,
    /// Whether the list of repositories leaves it out.
    pub unlisted: bool,
}

impl Access {
    /// Tells whether clients at this address may ask at all.
    pub fn admits(&self, address: IpAddr) -> bool {
        self.allow.is_empty() || self.allow.iter().any(|network| network.contains(address))
    }

    /// Tells whether anything is asked of clients, so that answers must not sit in caches that others share.
    pub fn is_restricted(&self) -> bool {
        !self.allow.is_empty() || self.users.is_some()
    }
}
