//! Who is let into a repository by the address of the client, so that any server can ask it: a list of networks in which the smallest one
//! that has the address decides.

use std::net::IpAddr;

use repo_config::ways_in::{Login, WayIn};
use repo_serve::IpNetwork;

use crate::access::networks;

/// What a client meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// It is let in.
    Open,
    /// It is let in with a login of this [set](Admissions::logins).
    Login(usize),
    /// It is not let in, whatever it shows.
    Refused,
}

/// What clients meet, by their addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Admissions {
    /// Smaller networks come before those that include them. The first one that has the address of a client decides.
    pub(crate) networks: Vec<(IpNetwork, Admission)>,
    /// What all other clients meet.
    pub(crate) otherwise: Admission,
    /// The sets of logins: each is a file of credentials.
    pub(crate) logins: Vec<Vec<Login>>,
}

impl Admissions {
    /// Returns those that let everybody in.
    pub(crate) fn open() -> Self {
        Self { networks: Vec::new(), otherwise: Admission::Open, logins: Vec::new() }
    }

    /// Makes them of the ways in.
    ///
    /// Networks lie in each other or apart, so all addresses that have the same smallest network among those that are named have the same
    /// ways in.
    pub(crate) fn of(ways: &[WayIn]) -> Self {
        let ways: Vec<(Vec<Vec<IpNetwork>>, Option<&Login>)> = ways
            .iter()
            .map(|way| (way.networks.iter().cloned().map(networks).collect(), way.login.as_ref()))
            .collect();
        let mut named: Vec<IpNetwork> = Vec::new();
        for network in ways.iter().flat_map(|(lists, _)| lists.iter().flatten()).flat_map(halves) {
            if !named.contains(&network) {
                named.push(network);
            }
        }
        named.sort_by_key(|network| std::cmp::Reverse(network.prefix()));
        let mut logins = Vec::new();
        let mut admission = |network: Option<&IpNetwork>| {
            let comes_from = |list: &Vec<IpNetwork>| {
                network.is_some_and(|network| list.iter().any(|of| of.includes(network)))
            };
            let is_open = |(lists, _): &&(Vec<Vec<IpNetwork>>, _)| lists.iter().all(comes_from);
            let open: Vec<Option<&Login>> = ways.iter().filter(is_open).map(|(_, login)| *login).collect();
            admission_by(&open, &mut logins)
        };
        let otherwise = admission(None);
        let all: Vec<(IpNetwork, Admission)> =
            named.iter().map(|network| (*network, admission(Some(network)))).collect();
        let networks = without_repetition(&all, otherwise);
        Self { networks, otherwise, logins }
    }

    /// Returns whether anything is asked of anybody, so that answers must not sit in caches that others share.
    pub(crate) fn is_restricted(&self) -> bool {
        self.otherwise != Admission::Open
    }

    /// Returns the networks with what they meet, those next to each other that meet the same in one.
    pub(crate) fn groups(&self) -> Vec<(Vec<IpNetwork>, Admission)> {
        let mut groups: Vec<(Vec<IpNetwork>, Admission)> = Vec::new();
        for (network, admission) in &self.networks {
            match groups.last_mut().filter(|(_, last)| last == admission) {
                Some((networks, _)) => networks.push(*network),
                None => groups.push((vec![*network], *admission)),
            }
        }
        groups
    }

    /// Returns what a client at an address meets.
    #[cfg(test)]
    pub(crate) fn at(&self, address: IpAddr) -> Admission {
        let found = self.networks.iter().find(|(network, _)| network.contains(address));
        found.map_or(self.otherwise, |(_, admission)| *admission)
    }
}

/// Every address there is in two networks, as Apache takes no prefix of zero bits; any other network as it is.
fn halves(network: &IpNetwork) -> Vec<IpNetwork> {
    let every = [
        [[0, 0, 0, 0], [128, 0, 0, 0]].map(IpAddr::from),
        [[0; 8], [0x8000, 0, 0, 0, 0, 0, 0, 0]].map(IpAddr::from),
    ];
    let fits =
        |halves: &[IpAddr; 2]| network.prefix() == 0 && halves.iter().all(|half| network.contains(*half));
    match every.into_iter().find(fits) {
        Some(halves) => halves.map(|half| IpNetwork::around(half, 1)).to_vec(),
        None => vec![*network],
    }
}

/// `open` are the logins of the ways in that are open, `None` for one that asks for nothing.
fn admission_by(open: &[Option<&Login>], logins: &mut Vec<Vec<Login>>) -> Admission {
    if open.is_empty() {
        return Admission::Refused;
    }
    let mut set: Vec<Login> = Vec::new();
    for login in open {
        match login {
            None => return Admission::Open,
            Some(login) if set.contains(login) => {}
            Some(login) => set.push((*login).clone()),
        }
    }
    let place = logins.iter().position(|known| *known == set).unwrap_or_else(|| {
        logins.push(set);
        logins.len() - 1
    });
    Admission::Login(place)
}

/// Leaves out the networks whose clients meet the same as those around them.
fn without_repetition(all: &[(IpNetwork, Admission)], otherwise: Admission) -> Vec<(IpNetwork, Admission)> {
    let mut kept = Vec::new();
    for (place, (network, admission)) in all.iter().enumerate() {
        // The next one that includes it is the smallest such.
        let mut larger = all.iter().skip(place + 1);
        let around =
            larger.find(|(other, _)| other.includes(network)).map_or(otherwise, |(_, around)| *around);
        if around != *admission {
            kept.push((*network, *admission));
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use repo_config::FromText as _;
    use repo_config::ways_in::Network;

    use super::*;

    fn way(lists: &[&[&str]], login: Option<Login>) -> WayIn {
        let mut way = WayIn::default();
        way.networks = lists
            .iter()
            .map(|list| list.iter().map(|of| Network::from_text(of).unwrap()).collect())
            .collect();
        way.login = login;
        way
    }

    #[test]
    fn the_smallest_network_decides_as_the_ways_in_do() {
        let users = |name: &str| Some(Login::Users(name.into()));
        let ways = [
            way(&[&["10.0.0.0/8"]], users("a")),
            way(&[&["10.1.0.0/16", "::ffff:192.0.2.7"]], None),
            way(&[&["10.2.0.0/16"], &["10.0.0.0/8"]], Some(Login::Tokens)),
            way(&[&["10.2.0.0/16"], &["192.0.2.0/24"]], None),
            way(&[&["2001:db8::/32"]], Some(Login::Tokens)),
        ];
        let admissions = Admissions::of(&ways);
        for (address, expected) in [
            ("10.9.9.9", Admission::Login(2)),
            ("10.1.2.3", Admission::Open),
            ("10.2.2.3", Admission::Login(1)),
            ("192.0.2.7", Admission::Open),
            ("::ffff:192.0.2.7", Admission::Open),
            ("192.0.2.8", Admission::Refused),
            ("2001:db8::1", Admission::Login(0)),
            ("2001:db9::1", Admission::Refused),
        ] {
            let address: IpAddr = address.parse().unwrap();
            let met = admissions.at(address);
            let sets = |admission| match admission {
                Admission::Login(place) => Some(admissions.logins[place].clone()),
                _ => None,
            };
            assert_eq!(std::mem::discriminant(&met), std::mem::discriminant(&expected), "{address}");
            let named = match address.to_string().as_str() {
                "10.9.9.9" => Some(vec![Login::Users("a".into())]),
                "10.2.2.3" => Some(vec![Login::Users("a".into()), Login::Tokens]),
                "2001:db8::1" => Some(vec![Login::Tokens]),
                _ => None,
            };
            assert_eq!(sets(met), named, "{address}");
        }
        assert_eq!(admissions.networks.len(), 5, "what no way in is open to is said once: {admissions:?}");
    }

    #[test]
    fn every_address_of_a_family_is_two_networks() {
        let admissions = Admissions::of(&[way(&[&["0.0.0.0/0", "::/0"]], None)]);
        let networks: Vec<String> =
            admissions.networks.iter().map(|(network, _)| network.to_string()).collect();
        assert_eq!(networks, ["0.0.0.0/1", "128.0.0.0/1", "::/1", "8000::/1"]);
        for address in ["1.2.3.4", "200.2.3.4", "2001:db8::1", "fe80::1"] {
            assert_eq!(admissions.at(address.parse().unwrap()), Admission::Open, "{address}");
        }
    }

    #[test]
    fn without_networks_everybody_meets_the_same() {
        assert_eq!(Admissions::of(&[WayIn::default()]), Admissions::open());
        let tokens =
            Admissions::of(&[way(&[], Some(Login::Tokens)), way(&[&["10.0.0.0/8"]], Some(Login::Tokens))]);
        assert_eq!((tokens.networks.len(), tokens.otherwise), (0, Admission::Login(0)));
        assert!(tokens.is_restricted());
        let open = Admissions::of(&[WayIn::default(), way(&[&["10.0.0.0/8"]], Some(Login::Tokens))]);
        assert_eq!(open, Admissions::open());
    }
}
