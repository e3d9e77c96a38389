//! Who may read what, from the configuration to the server.

use std::collections::BTreeMap;
use std::sync::Arc;

use camino::Utf8PathBuf;
use repo_config::Config;
use repo_config::ways_in::{Network, WayIn};
use repo_serve::api::{Caller, Grant, Scope};
use repo_serve::site::{Access, Login, Way};
use repo_serve::{IpNetwork, TokenFile, TokenHolders, UserFile};
use repo_store::RepositoryName;
use repo_store::access::{TokenScope, Tokens};

use crate::cmd::client_config::paste;

/// Who may read which repository, and the scripts that set up machines. Files of users and of tokens are read now.
pub(crate) fn of(config: &Config) -> BTreeMap<String, Access> {
    let access = config.repositories().map(|repository| {
        let name = &repository.name;
        let ways = config.ways_in(name).into_iter().map(|way| way_into(config, name, way)).collect();
        (name.to_string(), Access { ways, ..Access::default() })
    });
    // Under a repository of that name its rules count.
    let setup =
        [(paste::DIRECTORY.to_owned(), Access { unlisted: true, without_tls: true, ..Access::default() })];
    setup.into_iter().chain(access).collect()
}

fn way_into(config: &Config, repository: &RepositoryName, way: WayIn) -> Way {
    let login = match way.login {
        None => Login::None,
        Some(repo_config::ways_in::Login::Users(path)) => {
            Login::Users(UserFile::load(&config.root().join(path)))
        }
        Some(repo_config::ways_in::Login::Tokens) => Login::Tokens(token_file(config, repository)),
    };
    Way { networks: way.networks.into_iter().map(networks).collect(), login }
}

/// The tokens of a repository, out of the file that the store keeps them in: to serve files no store is opened.
fn token_file(config: &Config, repository: &RepositoryName) -> TokenFile {
    let path = config.root().join(Tokens::path(repository));
    TokenFile::load(&path, |text| {
        let tokens = Tokens::parse(text).ok_or("it is not what was written; `repo-cli fsck` says more")?;
        Ok(Arc::new(Holders(tokens)))
    })
}

struct Holders(Tokens);

impl TokenHolders for Holders {
    fn holder_of(&self, token: &str) -> Option<String> {
        Some(self.0.holder_of(token, crate::clock::now())?.holder.to_string())
    }

    fn caller_of(&self, token: &str) -> Option<Caller> {
        let entry = self.0.caller_of(token, crate::clock::now())?;
        // One that the server does not know allows nothing.
        let grant = |scope: &TokenScope| {
            let names = scope.names().map(str::to_owned);
            Some(Grant { scope: Scope::named(scope.kind().as_str())?, names })
        };
        let grants = entry.scopes.iter().filter_map(grant).collect();
        let (id, name) = (entry.id.clone(), entry.holder.to_string());
        Some(Caller { id, name, grants, expires: entry.expires })
    }
}

/// Those who may use the interface for programs, for each repository; nobody when it is off.
pub(crate) fn callers(config: &Config) -> BTreeMap<String, TokenFile> {
    if config.api().is_empty() {
        return BTreeMap::new();
    }
    let names = config.repositories().map(|repository| &repository.name);
    names.map(|name| (name.to_string(), token_file(config, name))).collect()
}

/// The proxies that are believed about where a request comes from.
pub(crate) fn trusted_proxies(config: &Config) -> Vec<IpNetwork> {
    networks(config.trusted_proxies())
}

/// The networks of a list, as the server compares addresses with them.
pub(crate) fn networks(configured: Vec<Network>) -> Vec<IpNetwork> {
    configured.into_iter().map(|network| IpNetwork::around(network.address(), network.prefix())).collect()
}

/// The files of the users of a repository that cannot be used, with what is wrong with each and what `serve` then does.
pub(crate) fn unusable_users(config: &Config, repository: &RepositoryName) -> Vec<(Utf8PathBuf, String)> {
    let problem = |path: Utf8PathBuf| {
        let problem = UserFile::load(&config.root().join(&path)).problem()?;
        Some((path, format!("{problem}; {}", effect_of_unusable_users(repository))))
    };
    config.users_files(repository).into_iter().filter_map(problem).collect()
}

/// What is wrong with the list of the tokens of a repository, and what `serve` does then.
pub(crate) fn unusable_tokens(config: &Config, repository: &RepositoryName) -> Option<String> {
    let problem = config.takes_tokens(repository).then(|| token_file(config, repository).problem())??;
    Some(format!("{problem}; no token lets anybody in until that is mended"))
}

/// What `serve` does when a file of users cannot be used.
pub(crate) fn effect_of_unusable_users(repository: &RepositoryName) -> String {
    format!("a running serve keeps the users it has read, but a restart closes {repository}")
}

#[cfg(test)]
mod tests {
    use repo_config::FromText as _;
    use repo_store::access::ScopeKind;

    use super::*;

    #[test]
    fn the_server_knows_every_scope_of_a_token() {
        let kept = ScopeKind::ALL.map(ScopeKind::as_str);
        assert_eq!(kept, Scope::ALL.map(Scope::as_str));
        for route in repo_serve::api::ROUTES {
            let Some(scope) = route.scope else { continue };
            let kind = ScopeKind::ALL.into_iter().find(|kind| kind.as_str() == scope.as_str()).unwrap();
            // A pattern must never be lost on the way to the verb.
            assert!(!route.takes_names || kind.takes_names(), "{}", route.path);
        }
    }

    #[test]
    fn a_network_of_the_configuration_is_the_one_that_the_server_reads() {
        for text in [
            "10.0.0.0/8",
            "192.0.2.7",
            "0.0.0.0/0",
            "2001:db8::/32",
            "::1",
            "::/0",
            "::ffff:10.0.0.0/104",
            "::ffff:192.0.2.7",
            "::ffff:0.0.0.0/96",
        ] {
            let configured = Network::from_text(text).unwrap();
            assert_eq!(networks(vec![configured]), [IpNetwork::parse(text).unwrap()], "{text}");
        }
        for text in ["10.0.0.0/+8", "192.0.2.1/31", "::1/127"] {
            assert!(Network::from_text(text).is_err() && IpNetwork::parse(text).is_err(), "{text}");
        }
    }
}
