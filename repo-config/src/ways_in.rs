//! Who may read a repository: each [`WayIn`] is one, and a client needs one of them.

use camino::Utf8PathBuf;
use serde::de::{Deserialize, Deserializer, Error as _};

use crate::error::InvalidValue;
use crate::file::RepositoryTable;
use crate::value::{FromText, Text, plain};

pub use crate::network::Network;

/// What must hold of a client, as `access` names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    /// Nothing: everybody may read.
    Public,
    /// It comes from this network.
    From(Network),
    /// It is one of the users of this file.
    Users(Utf8PathBuf),
    /// It has a token.
    Tokens,
}

impl FromText for Condition {
    fn from_text(text: &str) -> Result<Self, InvalidValue> {
        Ok(match text {
            "public" => Self::Public,
            "tokens" => Self::Tokens,
            _ => match text.strip_prefix("users:") {
                Some("") => {
                    return Err("name the file of the users, as in `users:prod.htpasswd`".to_owned().into());
                }
                Some(path) => Self::Users(path.into()),
                None => match Network::from_text(text) {
                    Ok(network) => Self::From(network),
                    // What was meant by it is no matter of networks.
                    Err(_) if !text.starts_with(|c: char| c.is_ascii_hexdigit() || c == ':') => {
                        let shown: String = text.escape_debug().take(64).collect();
                        let rule = "a condition is a network, `users:FILE`, `tokens` or `public`";
                        return Err(format!("`{shown}` is none: {rule}").into());
                    }
                    Err(error) => return Err(error),
                },
            },
        })
    }
}

/// A way into a repository: all of it must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct WayIn {
    /// Where the client comes from: for each of these lists, from one of its networks.
    pub networks: Vec<Vec<Network>>,
    /// What it shows; `None`: nothing.
    pub login: Option<Login>,
}

/// What a client shows to be let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Login {
    /// A name and a password of this file, whose path begins at the root.
    Users(Utf8PathBuf),
    /// A token of the repository.
    Tokens,
}

/// Reads `access`: a list of ways in, each a list of conditions.
pub(crate) fn ways<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<Vec<Text<Condition>>>, D::Error> {
    let ways = Vec::<Vec<Text<Condition>>>::deserialize(deserializer)?;
    let rule = if ways.is_empty() {
        Some("an empty list lets nobody in; leave it out to let everybody in")
    } else {
        ways.iter().find_map(|way| fault(way))
    };
    rule.map_or(Ok(ways), |rule| Err(D::Error::custom(rule)))
}

fn fault(way: &[Text<Condition>]) -> Option<&'static str> {
    let is_login =
        |condition: &&Text<Condition>| matches!(condition.0, Condition::Users(_) | Condition::Tokens);
    if way.is_empty() {
        return Some("a way in has no condition: name a network, `users:FILE` or `tokens`");
    }
    if way.len() > 1 && way.contains(&Text(Condition::Public)) {
        return Some("`public` asks for nothing, so it stands alone in its list");
    }
    (way.iter().filter(is_login).count() > 1)
        .then_some("a client logs in once: list each file of users and `tokens` in a way in of its own")
}

/// The ways into a repository. `allow` and `users` together are one.
pub(crate) fn of(table: &RepositoryTable) -> Vec<WayIn> {
    if table.access.is_empty() {
        let networks = if table.allow.is_empty() { Vec::new() } else { vec![plain(&table.allow)] };
        return vec![WayIn { networks, login: table.users.clone().map(Login::Users) }];
    }
    table.access.iter().map(|way| way_of(way)).collect()
}

fn way_of(conditions: &[Text<Condition>]) -> WayIn {
    let mut way = WayIn::default();
    for Text(condition) in conditions {
        match condition {
            Condition::Public => {}
            Condition::From(network) => way.networks.push(vec![*network]),
            Condition::Users(path) => way.login = Some(Login::Users(path.clone())),
            Condition::Tokens => way.login = Some(Login::Tokens),
        }
    }
    way
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(access: &str) -> Result<Vec<WayIn>, String> {
        let table: RepositoryTable = toml::from_str(access).map_err(|error| error.message().to_owned())?;
        Ok(of(&table))
    }

    #[test]
    fn each_inner_list_is_a_way_in() {
        let ways =
            read("access = [['10.0.0.0/8', 'users:a'], ['tokens'], ['192.0.2.1', '0.0.0.0/0']]").unwrap();
        let network = |text: &str| vec![Network::from_text(text).unwrap()];
        let way = |networks: &[&str], login| WayIn {
            networks: networks.iter().map(|of| network(of)).collect(),
            login,
        };
        let expected = [
            way(&["10.0.0.0/8"], Some(Login::Users("a".into()))),
            way(&[], Some(Login::Tokens)),
            way(&["192.0.2.1", "0.0.0.0/0"], None),
        ];
        assert_eq!(ways, expected);
        assert_eq!(read("access = [['public']]").unwrap(), [WayIn::default()]);
        assert_eq!(read("").unwrap(), [WayIn::default()]);
        let both = read("allow = ['10.0.0.0/8', '192.0.2.1']\nusers = 'u'").unwrap();
        assert_eq!((both.len(), both[0].networks.len(), both[0].networks[0].len()), (1, 1, 2));
    }

    #[test]
    fn what_lets_in_nobody_or_everybody_by_mistake_is_refused() {
        for (access, rule) in [
            ("[]", "an empty list lets nobody in"),
            ("[[]]", "a way in has no condition"),
            ("[['10.0.0.0/8'], []]", "a way in has no condition"),
            ("[['public', 'tokens']]", "stands alone"),
            ("[['tokens', 'users:a']]", "logs in once"),
            ("[['users:a', 'users:b']]", "logs in once"),
            ("[['users:']]", "name the file"),
            ("[['token']]", "`token` is none: a condition is"),
            ("[['10.0.0.1/8']]", "bits are set behind the prefix"),
            ("['tokens']", "invalid type: string \"tokens\", expected a sequence"),
        ] {
            let said = read(&format!("access = {access}")).unwrap_err();
            assert!(said.contains(rule), "{access}: {said}");
        }
    }
}
