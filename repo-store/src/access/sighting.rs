//! What one request of a client tells about the machine that sent it.

use std::net::IpAddr;

use deb_parse::Version;
use jiff::Timestamp;

use crate::access::machines::MachineKind;
use crate::model::name::RepositoryName;
use crate::model::publication_id::PublicationId;

/// Where the flat form of a suite lies.
const FLAT: &str = ".flat";

/// Longest name of a machine, in bytes.
const LONGEST_NAME: usize = 200;

/// One request of a machine, with its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    pub(crate) kind: MachineKind,
    pub(crate) name: String,
    pub(crate) address: IpAddr,
    pub(crate) apt: Option<String>,
    pub(crate) time: Timestamp,
    pub(crate) seen: Seen,
}

/// A request as a server knows it, or as its log tells of it.
#[derive(Clone, Copy, Debug)]
pub struct SeenRequest<'a> {
    /// Where it came from.
    pub address: IpAddr,
    /// Who logged in.
    pub user: Option<&'a str>,
    /// Whether that is the holder of a token, and not the name of a user.
    pub has_token: bool,
    /// The `User-Agent`.
    pub agent: Option<&'a str>,
    /// The file, below the directory of the repository.
    pub path: &'a str,
    /// The status of the answer.
    pub status: u16,
    /// When it was.
    pub time: Timestamp,
    /// The publication in which the file was made; `None` when that is not known.
    pub publication: Option<PublicationId>,
}

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// The `InRelease` of a suite.
    Release { suite: String, answer: ReleaseAnswer, publication: Option<PublicationId> },
    /// Another file below the directory of a suite, by its path below `dists`.
    Index { path: String },
    /// The whole keyring package of that version.
    Keyring { version: Version },
}

/// What a client was told when it asked for `InRelease`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReleaseAnswer {
    /// All of it, or the rest of it.
    Sent,
    /// That it has the present one.
    NotModified,
    /// That it asks for what comes behind the end: it keeps a file that it did not accept.
    BehindTheEnd,
}

impl Sighting {
    /// Reads what a request tells; `None` when it tells nothing of a machine.
    ///
    /// A machine is the holder of a token, or else an address from which apt asks, together with the name of the user that logged in there.
    #[must_use]
    pub fn of(request: &SeenRequest<'_>, repository: &RepositoryName) -> Option<Self> {
        let seen = Seen::of(request, repository)?;
        let apt = request.agent.and_then(apt_version);
        let user = request.user.filter(|user| !user.is_empty() && *user != "-");
        let address = request.address.to_canonical();
        let (kind, name) = match user {
            Some(holder) if request.has_token => (MachineKind::Token, holder.to_owned()),
            // Many machines may share a password.
            Some(user) => (MachineKind::User, format!("{user}@{address}")),
            None => (MachineKind::Address, address.to_string()),
        };
        let is_machine = kind == MachineKind::Token || request.agent.is_some_and(is_apt);
        let is_name = name.len() <= LONGEST_NAME && !name.chars().any(char::is_control);
        let time = Timestamp::from_second(request.time.as_second()).ok()?;
        (is_machine && is_name).then_some(Self { kind, name, address, apt, time, seen })
    }
}

impl Sighting {
    /// Returns whether another sighting, right after this one, tells nothing new: that the same machine asks for another index of the suite.
    #[must_use]
    pub fn tells_the_same(&self, next: &Self) -> bool {
        let suite = |seen: &Seen| match seen {
            Seen::Index { path } => path.split('/').next().map(str::to_owned),
            _ => None,
        };
        let (own, next_suite) = (suite(&self.seen), suite(&next.seen));
        own.is_some() && own == next_suite && (self.kind, &self.name) == (next.kind, &next.name)
    }
}

impl Seen {
    fn of(request: &SeenRequest<'_>, repository: &RepositoryName) -> Option<Self> {
        let path = request.path;
        let (suite, file) = match path.strip_prefix("dists/") {
            Some(below) => below.rsplit_once('/')?,
            None if path.contains('/') => ("", path),
            None => (FLAT, path),
        };
        let publication = request.publication;
        let answer = match request.status {
            200 | 206 => Some(ReleaseAnswer::Sent),
            304 => Some(ReleaseAnswer::NotModified),
            416 => Some(ReleaseAnswer::BehindTheEnd),
            _ => None,
        };
        match (file, suite) {
            ("InRelease", suite) if is_suite(suite) => {
                Some(Self::Release { suite: suite.to_owned(), answer: answer?, publication })
            }
            ("Release" | "Release.gpg", _) => None,
            (_, "") => {
                let file = path.strip_prefix("pool/")?.rsplit('/').next()?;
                let version = file.strip_prefix(&format!("{}_", repository.keyring_package()))?;
                let version = Version::parse(version.strip_suffix("_all.deb")?).ok()?;
                matches!(request.status, 200 | 206).then_some(Self::Keyring { version })
            }
            (file, FLAT) if !file.is_empty() && !file.starts_with("key.") => {
                matches!(request.status, 200 | 206 | 304)
                    .then(|| Self::Index { path: format!("{FLAT}/{file}") })
            }
            (_, FLAT) => None,
            _ => {
                let path = path.strip_prefix("dists/")?.to_owned();
                matches!(request.status, 200 | 206 | 304).then_some(Self::Index { path })
            }
        }
    }
}

/// Whether a text can be the name of a suite, or its flat form.
pub(crate) fn is_suite(text: &str) -> bool {
    text == FLAT || deb_parse::SuiteName::parse(text).is_ok()
}

fn is_apt(agent: &str) -> bool {
    agent.contains("APT-HTTP/")
}

/// Reads the version out of `Debian APT-HTTP/1.3 (2.6.1)`.
fn apt_version(agent: &str) -> Option<String> {
    let (_, rest) = agent.split_once("APT-HTTP/")?;
    let (version, _) = rest.split_once('(')?.1.split_once(')')?;
    let is_version = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '+' | '~' | '-');
    (!version.is_empty() && version.len() <= 40 && version.chars().all(is_version))
        .then(|| version.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(path: &str, status: u16) -> Option<Seen> {
        let request = SeenRequest {
            address: [192, 0, 2, 7].into(),
            user: None,
            has_token: false,
            agent: Some("Debian APT-HTTP/1.3 (2.6.1)"),
            path,
            status,
            time: Timestamp::UNIX_EPOCH,
            publication: None,
        };
        Sighting::of(&request, &RepositoryName::parse("prod").unwrap()).map(|sighting| sighting.seen)
    }

    #[test]
    fn a_request_tells_by_its_path_and_answer() {
        let release =
            |suite: &str, answer| Seen::Release { suite: suite.to_owned(), answer, publication: None };
        let index = |path: &str| Seen::Index { path: path.to_owned() };
        for (path, status, expected) in [
            ("dists/bookworm/InRelease", 200, Some(release("bookworm", ReleaseAnswer::Sent))),
            ("dists/bookworm/InRelease", 206, Some(release("bookworm", ReleaseAnswer::Sent))),
            ("dists/bookworm/InRelease", 304, Some(release("bookworm", ReleaseAnswer::NotModified))),
            ("dists/bookworm/InRelease", 416, Some(release("bookworm", ReleaseAnswer::BehindTheEnd))),
            ("dists/bookworm/InRelease", 404, None),
            ("dists/bookworm/Release", 200, None),
            ("InRelease", 200, Some(release(".flat", ReleaseAnswer::Sent))),
            ("Packages.xz", 200, Some(index(".flat/Packages.xz"))),
            ("key.asc", 200, None),
            ("dists/a/main/binary-amd64/Packages.xz", 200, Some(index("a/main/binary-amd64/Packages.xz"))),
            ("dists/a/main/by-hash/SHA256/00", 404, None),
            (
                "pool/main/p/x/prod-archive-keyring_2026.2_all.deb",
                200,
                Some(Seen::Keyring { version: Version::parse("2026.2").unwrap() }),
            ),
            ("pool/main/p/x/prod-archive-keyring_2026.2_all.deb", 304, None),
            ("pool/main/p/x/preprod-archive-keyring_2026.2_all.deb", 200, None),
            ("pool/main/h/hello_1_all.deb", 200, None),
            ("snapshot/x/dists/a/InRelease", 200, None),
            ("dists/InRelease", 200, None),
            ("", 200, None),
        ] {
            assert_eq!(seen(path, status), expected, "{path} {status}");
        }
    }

    #[test]
    fn who_is_a_machine_is_told_by_what_it_shows() {
        let name = |user: Option<&str>, has_token, agent: Option<&str>| {
            let request = SeenRequest {
                address: "::ffff:192.0.2.7".parse().unwrap(),
                user,
                has_token,
                agent,
                path: "dists/a/InRelease",
                status: 200,
                time: Timestamp::UNIX_EPOCH,
                publication: None,
            };
            let sighting = Sighting::of(&request, &RepositoryName::parse("prod").unwrap())?;
            Some((sighting.kind, sighting.name, sighting.apt))
        };
        let apt = Some("Debian APT-HTTP/1.3 (2.6.1) x");
        let version = Some("2.6.1".to_owned());
        assert_eq!(name(Some("web1"), true, None), Some((MachineKind::Token, "web1".into(), None)));
        assert_eq!(
            name(Some("robot"), false, apt),
            Some((MachineKind::User, "robot@192.0.2.7".into(), version.clone()))
        );
        assert_eq!(name(Some("-"), false, apt), Some((MachineKind::Address, "192.0.2.7".into(), version)));
        assert_eq!(name(None, false, Some("curl/8.0")), None);
        assert_eq!(name(Some(&"x".repeat(300)), true, apt), None);
    }
}
