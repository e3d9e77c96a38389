//! What is served, and to whom: a [`Site`] of repositories, each with its [`Access`].

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use camino::Utf8PathBuf;

use super::address::{self, Address};
use super::client::TrustedProxies;
use super::path::RequestPath;
use super::renderer::PageRenderer;
use super::tree::Tree;
use super::{IpNetwork, Page, TokenFile, UserFile};

/// A directory of published repositories.
#[derive(Debug)]
pub struct Site {
    /// The directory that holds `<repository>/{dists,pool,…}`.
    pub root: Utf8PathBuf,
    /// The repositories served, by the first element of the path, and who may read each, whatever the address. Others do not exist.
    pub access: BTreeMap<String, Access>,
    /// The tokens of the repositories that the interface for programs is about.
    pub callers: BTreeMap<String, TokenFile>,
    /// Repositories that are served at an address of their own as well.
    pub addresses: BTreeMap<String, Address>,
    /// What is told of the repositories at their roots.
    pub pages: BTreeMap<String, Page>,
    /// What renders pages for people at `/` and below `/-/`, in place of these; `None` for none.
    pub renderer: Option<Arc<dyn PageRenderer>>,
    /// The proxies that are believed about where a request comes from.
    pub trusted_proxies: Vec<IpNetwork>,
}

/// A site with its directory open, as requests see it.
#[derive(Debug)]
pub struct OpenSite {
    pub(super) tree: Tree,
    pub(super) access: BTreeMap<String, Access>,
    pub(super) callers: BTreeMap<String, TokenFile>,
    addresses: BTreeMap<String, Address>,
    pub(super) pages: BTreeMap<String, Page>,
    pub(super) renderer: Option<Arc<dyn PageRenderer>>,
    pub(super) proxies: TrustedProxies,
}

impl OpenSite {
    /// Returns the repository that is served at the address of a request, and how many elements of the path belong to that address;
    /// `None` where the first element of the path names the repository.
    pub(super) fn at_own_address(&self, authority: &str, path: &RequestPath) -> Option<(&str, usize)> {
        address::find(&self.addresses, authority, path, |name| self.access.contains_key(name))
    }

    /// Returns how long ago clients of each repository were first shown what they see now. It may block for a moment.
    pub(super) fn ages_of_publications(&self) -> Vec<(String, Duration)> {
        let age = |name: &String| Some((name.clone(), self.tree.age_of_publication(name)?));
        self.access.keys().filter_map(age).collect()
    }

    /// Looks for another directory under the name of the one that is served, reads files of users and tokens again that have changed, or all if that is
    /// asked for, and returns what is wrong with any of these. It may block.
    pub(super) fn refresh(&self, all: bool) -> Vec<String> {
        self.tree.follow();
        let refresh = |login: &Login| {
            if all {
                login.distrust();
            }
            login.refresh()
        };
        let mut problems: Vec<String> =
            self.access.values().flat_map(Access::logins).filter_map(refresh).collect();
        for callers in self.callers.values() {
            if all {
                callers.distrust();
            }
            // The same file may let clients read.
            problems.extend(callers.refresh().filter(|problem| !problems.contains(problem)));
        }
        problems
    }

    /// What of the repositories is closed because the files with those who may log in cannot be used, and why.
    pub(super) fn closed(&self) -> Vec<String> {
        let mut closed = Vec::new();
        for (repository, access) in &self.access {
            let unusable = access.logins().filter(|login| login.is_unusable());
            closed.extend(unusable.filter_map(Login::problem).map(|problem| match access.ways.len() {
                1 => format!("{problem}; {repository} is closed until that is mended"),
                _ => format!("{problem}; this way into {repository} is closed until that is mended"),
            }));
        }
        closed
    }

    /// Takes over who is logged in from the site that was served before.
    pub(super) fn keep_verified(&self, before: &Self) {
        for (repository, access) in &self.access {
            let before = before.access.get(repository).into_iter().flat_map(Access::logins);
            let before: Vec<&UserFile> = before.filter_map(Login::users).collect();
            for users in access.logins().filter_map(Login::users) {
                let same = before.iter().find(|before| before.path() == users.path());
                if let Some(before) = same.or(before.first()) {
                    users.keep_verified(before);
                }
            }
        }
    }
}

impl Site {
    /// Opens it; nothing of what is asked for later can lead out of it.
    pub fn open(self) -> io::Result<OpenSite> {
        let Self { root, access, callers, addresses, pages, renderer, trusted_proxies } = self;
        let tree = Tree::open(&root, access.keys().cloned())?;
        let proxies = TrustedProxies(trusted_proxies);
        Ok(OpenSite { tree, access, callers, addresses, pages, renderer, proxies })
    }
}

/// Who may read a repository. The default is everyone.
#[derive(Debug)]
pub struct Access {
    /// The ways in. A client needs one of them; without any, nobody may read.
    pub ways: Vec<Way>,
    /// Whether the list of repositories leaves it out.
    pub unlisted: bool,
    /// Whether it is read over plain HTTP also where other requests are led to TLS: it holds no secret, and who reads it checks it by a hash.
    pub without_tls: bool,
}

/// One way in: all of it must hold.
#[derive(Debug, Default)]
pub struct Way {
    /// Where the client comes from: for each of these lists, from one of its networks.
    pub networks: Vec<Vec<IpNetwork>>,
    /// What it shows.
    pub login: Login,
}

/// What a client shows to be let in.
#[derive(Debug, Default)]
#[non_exhaustive]
pub enum Login {
    /// Nothing.
    #[default]
    None,
    /// The name and the password of one of these users.
    Users(UserFile),
    /// One of these tokens, in place of a password; the name does not matter.
    Tokens(TokenFile),
}

impl Default for Access {
    fn default() -> Self {
        Self { ways: vec![Way::default()], unlisted: false, without_tls: false }
    }
}

impl Access {
    /// Those who come from one of these networks, if there are any, and are one of these users, if there are any.
    pub fn both(allow: Vec<IpNetwork>, users: Option<UserFile>) -> Self {
        let networks = if allow.is_empty() { Vec::new() } else { vec![allow] };
        let login = users.map_or(Login::None, Login::Users);
        Self { ways: vec![Way { networks, login }], unlisted: false, without_tls: false }
    }

    /// The ways in that are open to clients at this address.
    pub(super) fn ways_from(&self, address: IpAddr) -> Vec<&Way> {
        let is_open = |way: &&Way| {
            let comes_from = |of: &Vec<IpNetwork>| of.iter().any(|network| network.contains(address));
            way.networks.iter().all(comes_from)
        };
        self.ways.iter().filter(is_open).collect()
    }

    /// Tells whether anything is asked of clients, so that answers must not sit in caches that others share.
    pub fn is_restricted(&self) -> bool {
        !self.ways.iter().any(|way| way.networks.is_empty() && matches!(way.login, Login::None))
    }

    /// Whether a token lets anybody in.
    pub(super) fn takes_tokens(&self) -> bool {
        self.logins().any(|login| matches!(login, Login::Tokens(_)))
    }

    /// Looks at the files of tokens. It may block.
    pub(super) fn look_at_tokens(&self) {
        for login in self.logins() {
            if let Login::Tokens(tokens) = login {
                tokens.look_again();
            }
        }
    }

    /// Whether a name with a password, or a token, lets anybody in.
    pub(super) fn has_logins(&self) -> bool {
        self.logins().any(|login| !matches!(login, Login::None))
    }

    fn logins(&self) -> impl Iterator<Item = &Login> {
        self.ways.iter().map(|way| &way.login)
    }
}

impl Login {
    fn users(&self) -> Option<&UserFile> {
        if let Self::Users(users) = self { Some(users) } else { None }
    }

    /// Whether nobody can log in, because the file cannot be used.
    pub(super) fn is_unusable(&self) -> bool {
        match self {
            Self::None => false,
            Self::Users(users) => users.users().is_none(),
            Self::Tokens(tokens) => tokens.is_unusable(),
        }
    }

    fn problem(&self) -> Option<String> {
        match self {
            Self::None => None,
            Self::Users(users) => users.problem(),
            Self::Tokens(tokens) => tokens.problem(),
        }
    }

    fn refresh(&self) -> Option<String> {
        match self {
            Self::None => None,
            Self::Users(users) => users.refresh(),
            Self::Tokens(tokens) => tokens.refresh(),
        }
    }

    fn distrust(&self) {
        match self {
            Self::None => {}
            Self::Users(users) => users.distrust(),
            Self::Tokens(tokens) => tokens.distrust(),
        }
    }
}
