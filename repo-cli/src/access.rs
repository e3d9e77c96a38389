//! Who may read what, from the configuration to the server.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;
use repo_config::{Config, Network};
use repo_serve::{Access, IpNetwork, UserFile};
use repo_store::RepositoryName;

use crate::cmd::client_config::paste;

/// Who may read which repository, and the scripts that set up machines. Files of users are read now.
pub(crate) fn of(config: &Config) -> BTreeMap<String, Access> {
    let access = config.repositories().map(|repository| {
        let name = &repository.name;
        let users = config.users_file(name).map(|path| UserFile::load(&config.root().join(path)));
        let allow = networks(config.allowed_networks(name));
        (name.to_string(), Access::both(allow, users))
    });
    // Under a repository of that name its rules count.
    let setup = [(paste::DIRECTORY.to_owned(), Access { unlisted: true, ..Access::default() })];
    setup.into_iter().chain(access).collect()
}

/// The proxies that are believed about where a request comes from.
pub(crate) fn trusted_proxies(config: &Config) -> Vec<IpNetwork> {
    networks(config.trusted_proxies())
}

fn networks(configured: Vec<Network>) -> Vec<IpNetwork> {
    configured.into_iter().map(|network| IpNetwork::around(network.address(), network.prefix())).collect()
}

/// The file of the users of a repository when it cannot be used, and what is wrong with it and what `serve` then does.
pub(crate) fn unusable_users(config: &Config, repository: &RepositoryName) -> Option<(Utf8PathBuf, String)> {
    let path = config.users_file(repository)?;
    let problem = UserFile::load(&config.root().join(path)).problem()?;
    Some((path.to_owned(), format!("{problem}; {}", effect_of_unusable_users(repository))))
}

/// What `serve` does when a file of users cannot be used.
pub(crate) fn effect_of_unusable_users(repository: &RepositoryName) -> String {
    format!("a running serve keeps the users it has read, but a restart closes {repository}")
}

#[cfg(test)]
mod tests {
    use repo_config::FromText as _;

    use super::*;

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
