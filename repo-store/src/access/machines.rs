//! The machines that read a repository, as their requests showed them.
//!
//! A document for each repository has a line for each machine, and after it a line for each suite that the machine asked for:
//!
//! ```text
//! machine TAB <kind> TAB <name> TAB <first seen> TAB <last seen> TAB <address> TAB <apt, or -> TAB <keyring, or -> TAB <check>
//! suite TAB <name> TAB <last asked> TAB <sent, or -> TAB <accepted, or -> TAB <not accepted> TAB <check>
//! ```
//!
//! `sent` is the publication whose `InRelease` the machine got last, `accepted` the last that it must have accepted: it asked for an index after it, or
//! was told that it has it. `not accepted` counts the answers since then that show that the machine did not keep what it was sent.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use deb_parse::Version;
use jiff::{SignedDuration, Timestamp};

use crate::access::sighting::{ReleaseAnswer, Seen, Sighting, is_suite};
use crate::context::Context;
use crate::document::{Area, Document, Kept};
use crate::error::{AccessError, ChangeError, Error};
use crate::model::log_entry::LogEntry;
use crate::model::name::RepositoryName;
use crate::model::operation::Operation;
use crate::model::publication_id::PublicationId;
use crate::store::Store;

/// So many machines of a repository are known at most; those that were seen last stay.
const MOST_MACHINES: usize = 20_000;

/// So many suites of a machine are known at most.
const MOST_SUITES: usize = 32;

/// A machine that was not seen for so long is forgotten.
const KEPT_FOR: SignedDuration = SignedDuration::from_hours(400 * 24);

/// An address is given to another machine sooner.
const ADDRESS_KEPT_FOR: SignedDuration = SignedDuration::from_hours(100 * 24);

/// How often the document is read again because somebody else changed it.
const ATTEMPTS: u32 = 10;

/// By what a machine is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum MachineKind {
    /// The token that it shows.
    Token,
    /// The name of a user, and its address: others may use the same name.
    User,
    /// Its address alone.
    Address,
}

impl MachineKind {
    const ALL: [Self; 3] = [Self::Token, Self::User, Self::Address];

    /// Returns the word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::User => "user",
            Self::Address => "address",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

impl fmt::Display for MachineKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What is known of a machine.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct Machine {
    /// By what it is known.
    pub kind: MachineKind,
    /// The holder of the token, the user and the address, or the address.
    pub name: String,
    /// When it was seen first.
    pub first_seen: Timestamp,
    /// When it was seen last.
    pub last_seen: Timestamp,
    /// Where it asked from last.
    pub address: IpAddr,
    /// The version of its apt, if its requests told.
    pub apt: Option<String>,
    /// The newest keyring package that it fetched.
    pub keyring: Option<Version>,
    /// The suites that it asked for, by name; `.flat` is the flat form.
    pub suites: BTreeMap<String, SuiteSeen>,
}

/// What a machine has of a suite, as far as its requests showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct SuiteSeen {
    /// When it last asked for the `InRelease`.
    pub last_asked: Timestamp,
    /// The publication whose `InRelease` it was sent last.
    pub sent: Option<PublicationId>,
    /// The last publication that it must have accepted.
    pub accepted: Option<PublicationId>,
    /// How many answers since then show that it did not keep what it was sent.
    pub not_accepted: u32,
}

/// After so many answers that a machine did not keep, it refuses what it is sent: one can be a download that was interrupted.
const REFUSALS: u32 = 2;

impl SuiteSeen {
    /// Returns whether the machine refuses the signature of what it is sent: it fetches `InRelease` whole, asks for more of it, fetches it
    /// again, and never asks for an index.
    #[must_use]
    pub fn refuses(&self) -> bool {
        self.not_accepted >= REFUSALS
    }

    /// Returns the publication that the machine has.
    #[must_use]
    pub fn has(&self) -> Option<PublicationId> {
        if self.not_accepted > 0 { self.accepted } else { self.sent.or(self.accepted) }
    }

    fn note(&mut self, answer: ReleaseAnswer, publication: Option<PublicationId>) {
        match answer {
            ReleaseAnswer::Sent => {
                let is_again =
                    publication.is_some() && publication == self.sent && publication != self.accepted;
                self.not_accepted = self.not_accepted.saturating_add(u32::from(is_again));
                self.sent = publication.or(self.sent);
            }
            ReleaseAnswer::NotModified => {
                self.sent = publication.or(self.sent);
                self.accept();
            }
            ReleaseAnswer::BehindTheEnd => self.not_accepted = self.not_accepted.saturating_add(1),
        }
    }

    fn accept(&mut self) {
        self.accepted = self.sent.or(self.accepted);
        self.not_accepted = 0;
    }

    fn to_line(self, name: &str) -> String {
        let Self { last_asked, sent, accepted, not_accepted } = self;
        let id = |id: Option<PublicationId>| id.map_or_else(|| "-".to_owned(), |id| id.to_string());
        format!("suite\t{name}\t{last_asked}\t{}\t{}\t{not_accepted}", id(sent), id(accepted))
    }

    fn parse(text: &str) -> Option<(String, Self)> {
        let fields: Vec<&str> = text.split('\t').collect();
        let [name, last_asked, sent, accepted, not_accepted] = fields.try_into().ok()?;
        let id = |text: &str| if text == "-" { Some(None) } else { PublicationId::parse(text).map(Some) };
        let seen = Self {
            last_asked: last_asked.parse().ok()?,
            sent: id(sent)?,
            accepted: id(accepted)?,
            not_accepted: not_accepted.parse().ok()?,
        };
        is_suite(name).then(|| (name.to_owned(), seen))
    }
}

impl Machine {
    fn to_line(&self) -> String {
        let Self { kind, name, first_seen, last_seen, address, apt, keyring, .. } = self;
        let apt = apt.as_deref().unwrap_or("-");
        let keyring = keyring.as_ref().map_or("-", |version| version.as_str());
        format!("machine\t{kind}\t{name}\t{first_seen}\t{last_seen}\t{address}\t{apt}\t{keyring}")
    }

    fn parse(text: &str) -> Option<Self> {
        let fields: Vec<&str> = text.split('\t').collect();
        let [kind, name, first_seen, last_seen, address, apt, keyring] = fields.try_into().ok()?;
        Some(Self {
            kind: MachineKind::parse(kind)?,
            name: name.to_owned(),
            first_seen: first_seen.parse().ok()?,
            last_seen: last_seen.parse().ok()?,
            address: address.parse().ok()?,
            apt: (apt != "-").then(|| apt.to_owned()),
            keyring: if keyring == "-" { None } else { Some(Version::parse(keyring).ok()?) },
            suites: BTreeMap::new(),
        })
    }

    fn is_kept_at(&self, now: Timestamp) -> bool {
        let kept_for = if self.kind == MachineKind::Address { ADDRESS_KEPT_FOR } else { KEPT_FOR };
        now.duration_since(self.last_seen) <= kept_for
    }
}

/// The machines of a repository.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Machines {
    by_name: BTreeMap<(MachineKind, String), Machine>,
}

impl Machines {
    /// Returns all of them, by the kind of their names and by their names.
    pub fn all(&self) -> impl Iterator<Item = &Machine> {
        self.by_name.values()
    }

    /// Notes what a request tells.
    fn note(&mut self, sighting: &Sighting) {
        let Sighting { kind, name, address, apt, time, seen } = sighting;
        let id = (*kind, name.clone());
        // An index alone does not tell what of.
        if matches!(seen, Seen::Index { .. }) && !self.by_name.contains_key(&id) {
            return;
        }
        let machine = self.by_name.entry(id).or_insert_with(|| Machine {
            kind: *kind,
            name: name.clone(),
            first_seen: *time,
            last_seen: *time,
            address: *address,
            apt: None,
            keyring: None,
            suites: BTreeMap::new(),
        });
        machine.first_seen = machine.first_seen.min(*time);
        machine.last_seen = machine.last_seen.max(*time);
        machine.address = *address;
        machine.apt = apt.clone().or(machine.apt.take());
        match seen {
            Seen::Release { suite, answer, publication } => {
                if machine.suites.len() >= MOST_SUITES && !machine.suites.contains_key(suite) {
                    return;
                }
                let seen = machine.suites.entry(suite.clone()).or_insert(SuiteSeen {
                    last_asked: *time,
                    sent: None,
                    accepted: None,
                    not_accepted: 0,
                });
                seen.last_asked = seen.last_asked.max(*time);
                seen.note(*answer, *publication);
            }
            Seen::Index { path } => {
                let is_below =
                    |suite: &str| path.strip_prefix(suite).is_some_and(|rest| rest.starts_with('/'));
                let suites = machine.suites.iter_mut();
                suites.filter(|(suite, _)| is_below(suite)).for_each(|(_, seen)| seen.accept());
            }
            Seen::Keyring { version } => {
                let newest = machine.keyring.take().filter(|known| known > version);
                machine.keyring = Some(newest.unwrap_or_else(|| version.clone()));
            }
        }
    }

    /// Forgets those who were not seen for long, and those seen longest ago when there are too many.
    fn limit(&mut self, now: Timestamp) {
        self.by_name.retain(|_, machine| machine.is_kept_at(now));
        let surplus = self.by_name.len().saturating_sub(MOST_MACHINES);
        if surplus == 0 {
            return;
        }
        // An address that was seen once is likely nobody's who comes again.
        let worth = |machine: &Machine| {
            let is_known = machine.kind != MachineKind::Address || machine.first_seen != machine.last_seen;
            (is_known, machine.last_seen)
        };
        let mut ids: Vec<_> = self.by_name.iter().map(|(id, machine)| (worth(machine), id.clone())).collect();
        ids.sort();
        for (_, id) in ids.into_iter().take(surplus) {
            self.by_name.remove(&id);
        }
    }
}

impl Document for Machines {
    const AREA: Area = Area::Machines;
    const KIND: &'static str = "list of machines of";

    fn from_lines(lines: &[&str]) -> Option<Self> {
        let mut machines = Self::default();
        let mut last: Option<Machine> = None;
        for line in lines {
            match line.split_once('\t')? {
                ("machine", rest) => {
                    let machine = Machine::parse(rest)?;
                    machines.insert(last.replace(machine))?;
                }
                ("suite", rest) => {
                    let (suite, seen) = SuiteSeen::parse(rest)?;
                    last.as_mut()?.suites.insert(suite, seen);
                }
                _ => return None,
            }
        }
        machines.insert(last)?;
        Some(machines)
    }

    fn to_lines(&self) -> Vec<String> {
        let lines = self.by_name.values().flat_map(|machine| {
            let suites = machine.suites.iter().map(|(name, seen)| seen.to_line(name));
            std::iter::once(machine.to_line()).chain(suites)
        });
        lines.collect()
    }
}

impl Machines {
    /// Adds a machine that was read; `None` when there is one of that name.
    fn insert(&mut self, machine: Option<Machine>) -> Option<()> {
        let Some(machine) = machine else { return Some(()) };
        self.by_name.insert((machine.kind, machine.name.clone()), machine).is_none().then_some(())
    }
}

/// See [`Store::machines`].
pub(crate) fn machines(store: &Store, repository: &RepositoryName) -> Result<Machines, Error> {
    Ok(Kept::<Machines>::of(store.storage(), repository)?.into_document())
}

/// See [`Store::note_machines`].
pub(crate) fn note(
    store: &Store,
    repository: &RepositoryName,
    sightings: &[Sighting],
    now: Timestamp,
) -> Result<(), Error> {
    change(store, repository, |machines| {
        sightings.iter().for_each(|sighting| machines.note(sighting));
        machines.limit(now);
        Ok(())
    })
}

/// See [`Store::import_machines`].
pub(crate) fn import(
    store: &Store,
    repository: &RepositoryName,
    sightings: &[Sighting],
    now: Timestamp,
) -> Result<usize, Error> {
    change(store, repository, |machines| {
        let known = machines.clone();
        let is_new = |sighting: &&Sighting| {
            let machine = known.by_name.get(&(sighting.kind, sighting.name.clone()));
            machine.is_none_or(|machine| sighting.time > machine.last_seen)
        };
        let mut noted = 0;
        for sighting in sightings.iter().filter(is_new) {
            machines.note(sighting);
            noted += 1;
        }
        machines.limit(now);
        Ok(noted)
    })
}

/// See [`Store::forget_machine`].
pub(crate) fn forget(
    store: &Store,
    repository: &RepositoryName,
    name: &str,
    context: &Context,
) -> Result<usize, Error> {
    let forgotten = change(store, repository, |machines| {
        let before = machines.by_name.len();
        let known: Vec<String> = machines.all().map(|machine| machine.name.clone()).collect();
        machines.by_name.retain(|(_, own), _| own != name);
        match before - machines.by_name.len() {
            0 => Err(AccessError::UnknownMachine {
                repositories: vec![repository.clone()],
                name: name.to_owned(),
                known,
            }),
            forgotten => Ok(forgotten),
        }
    })?;
    // `key retire` goes by what is known of machines, so who made one unknown is logged.
    let commit = store.head(repository)?.map(|head| head.id());
    let operation = Operation::Other(format!("forget the machine {name}"));
    let line = LogEntry::unchanged(repository, commit, operation, context).to_line();
    store.storage().log().append(&line)?;
    context.progress.logged(&line);
    Ok(forgotten)
}

fn change<T>(
    store: &Store,
    repository: &RepositoryName,
    change: impl Fn(&mut Machines) -> Result<T, AccessError>,
) -> Result<T, Error> {
    for _ in 0..ATTEMPTS {
        let kept = Kept::<Machines>::of(store.storage(), repository)?;
        let mut machines = kept.clone();
        let result = change(&mut machines)?;
        if machines == *kept || kept.replaced_by(machines).save(store.storage())? {
            return Ok(result);
        }
    }
    Err(Error::Change(ChangeError::Contended { repository: repository.clone(), times: ATTEMPTS }))
}

crate::model::serialized::written!(MachineKind);

/// Written as a list.
impl serde::Serialize for Machines {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.all())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document;
    use crate::storage::Memory;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_795_000_000 + second).unwrap()
    }

    fn id(second: i64) -> PublicationId {
        PublicationId::of_time(at(second))
    }

    fn sighting(name: &str, second: i64, seen: Seen) -> Sighting {
        let (kind, address) = (MachineKind::Token, [192, 0, 2, 7].into());
        Sighting {
            kind,
            name: name.to_owned(),
            address,
            apt: Some("2.6.1".to_owned()),
            time: at(second),
            seen,
        }
    }

    fn release(answer: ReleaseAnswer, publication: Option<i64>) -> Seen {
        Seen::Release { suite: "bookworm".to_owned(), answer, publication: publication.map(id) }
    }

    fn index() -> Seen {
        Seen::Index { path: "bookworm/main/binary-amd64/Packages.xz".to_owned() }
    }

    /// What is known after these, a second apart.
    fn after(all: &[Seen]) -> SuiteSeen {
        let mut machines = Machines::default();
        for (second, seen) in (0..).zip(all) {
            machines.note(&sighting("web1", second, seen.clone()));
        }
        let machine = machines.all().next().unwrap();
        machine.suites["bookworm"]
    }

    use ReleaseAnswer::{BehindTheEnd, NotModified, Sent};

    #[test]
    fn a_machine_that_refuses_the_signature_is_told_from_healthy_ones() {
        let sent = |publication| release(Sent, Some(publication));
        let behind = || release(BehindTheEnd, None);
        // As apt was seen to do it: whole, a range behind the end, whole again, and never an index.
        let refusing = after(&[sent(1), index(), sent(2), behind(), sent(2), behind()]);
        assert!(refusing.refuses());
        assert_eq!(refusing.has(), Some(id(1)), "it stays with what it accepted");
        // The repository was published again each time the machine asked.
        assert!(after(&[sent(1), index(), sent(2), behind(), sent(3), behind()]).refuses());
        // An interrupted download.
        assert!(!after(&[sent(1), index(), sent(2), behind(), sent(2), index()]).refuses());
        assert!(!after(&[sent(1), index(), sent(2), behind()]).refuses());
        // Signed again each day without a change: no index is asked for.
        let daily: Vec<Seen> = (1..9).map(sent).collect();
        assert!(!after(&daily).refuses());
        assert_eq!(after(&daily).has(), Some(id(8)));
        // Containers that begin from nothing behind one token.
        assert!(!after(&[sent(1), index(), sent(1), index(), sent(1), index(), sent(1)]).refuses());
        // It has the new key meanwhile.
        let healed = after(&[sent(1), index(), sent(2), behind(), sent(2), behind(), sent(2), index()]);
        assert_eq!((healed.refuses(), healed.has()), (false, Some(id(2))));
        let confirmed = after(&[sent(2), behind(), sent(2), release(NotModified, Some(2))]);
        assert_eq!((confirmed.refuses(), confirmed.accepted), (false, Some(id(2))));
    }

    #[test]
    fn what_is_noted_reads_back_and_is_limited() {
        let (store, prod) = (
            Store::with_storage("archive".into(), Memory::default()),
            RepositoryName::parse("prod").unwrap(),
        );
        let keyring = |version: &str| Seen::Keyring { version: Version::parse(version).unwrap() };
        let mut first = sighting("192.0.2.9", 1, release(Sent, Some(1)));
        (first.kind, first.apt) = (MachineKind::Address, None);
        let all = [
            sighting("web1", 0, index()),
            sighting("web1", 1, release(Sent, Some(1))),
            sighting("web1", 1, keyring("2026.10")),
            sighting("web1", 2, keyring("2026.9")),
            sighting("web1", 3, release(BehindTheEnd, None)),
            first,
        ];
        store.note_machines(&prod, &all, at(3)).unwrap();
        let machines = store.machines(&prod).unwrap();
        assert_eq!(
            document::parse::<Machines>(document::to_text(&machines).as_bytes()),
            Some(machines.clone())
        );
        let web1 = machines.all().next().unwrap();
        assert_eq!((web1.name.as_str(), web1.first_seen, web1.last_seen), ("web1", at(1), at(3)));
        assert_eq!(web1.keyring.as_ref().map(Version::as_str), Some("2026.10"));
        assert_eq!(web1.suites["bookworm"].not_accepted, 1);
        // The address is forgotten before the token.
        store.note_machines(&prod, &[], at(200 * 24 * 3600)).unwrap();
        let left: Vec<String> =
            store.machines(&prod).unwrap().all().map(|machine| machine.name.clone()).collect();
        assert_eq!(left, ["web1"]);
        let many = (0..MOST_MACHINES + 50).map(|number| {
            let mut sighting = sighting(&format!("a{number}"), 10, release(Sent, Some(1)));
            sighting.kind = MachineKind::Address;
            sighting
        });
        store.note_machines(&prod, &many.collect::<Vec<_>>(), at(10)).unwrap();
        let machines = store.machines(&prod).unwrap();
        assert_eq!(machines.all().count(), MOST_MACHINES);
        assert!(machines.all().any(|machine| machine.name == "web1"), "it has a token");
    }

    #[test]
    fn a_log_that_is_imported_again_changes_nothing() {
        let (store, prod) = (
            Store::with_storage("archive".into(), Memory::default()),
            RepositoryName::parse("prod").unwrap(),
        );
        let all = [
            sighting("web1", 1, release(Sent, Some(1))),
            sighting("web1", 1, index()),
            sighting("web1", 5, release(Sent, Some(2))),
            sighting("web1", 6, release(BehindTheEnd, None)),
        ];
        assert_eq!(store.import_machines(&prod, &all, at(7)).unwrap(), 4);
        let machines = store.machines(&prod).unwrap();
        assert_eq!(store.import_machines(&prod, &all, at(7)).unwrap(), 0);
        assert_eq!(store.machines(&prod).unwrap(), machines);
    }

    #[test]
    fn nothing_of_the_store_is_written_but_the_directory_of_the_machines() {
        let directory = tempfile::tempdir().unwrap();
        let root = camino::Utf8Path::from_path(directory.path()).unwrap();
        let (store, prod) = (Store::create(root).unwrap(), RepositoryName::parse("prod").unwrap());
        for area in ["tmp", "locks"] {
            std::fs::remove_dir_all(root.join("store").join(area)).unwrap();
        }
        for second in 1..4 {
            let sighting = sighting("web1", second, release(Sent, Some(second)));
            store.note_machines(&prod, &[sighting], at(second)).unwrap();
        }
        assert_eq!(store.machines(&prod).unwrap().all().next().unwrap().last_seen, at(3));
        let names: Vec<String> = root
            .join("store")
            .read_dir_utf8()
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_owned())
            .collect();
        assert!(names.contains(&"machines".to_owned()), "{names:?}");
        assert!(!names.iter().any(|name| name == "tmp" || name == "locks"), "{names:?}");
        let inside = root.join("store/machines").read_dir_utf8().unwrap().count();
        assert_eq!(inside, 1, "nothing is left on its way");
        // A link to a directory is not followed.
        std::fs::rename(root.join("store/machines"), root.join("elsewhere")).unwrap();
        std::os::unix::fs::symlink(root.join("elsewhere"), root.join("store/machines")).unwrap();
        assert!(store.note_machines(&prod, &[sighting("web2", 9, release(Sent, Some(1)))], at(9)).is_err());
    }

    #[test]
    fn a_machine_is_forgotten_by_name() {
        let (store, prod) = (
            Store::with_storage("archive".into(), Memory::default()),
            RepositoryName::parse("prod").unwrap(),
        );
        store.note_machines(&prod, &[sighting("web1", 1, release(Sent, Some(1)))], at(1)).unwrap();
        let context = Context::new("alice", at(2));
        assert_eq!(store.forget_machine(&prod, "web2", &context).unwrap_err().code(), "E-UNKNOWN-MACHINE");
        assert_eq!(store.forget_machine(&prod, "web1", &context).unwrap(), 1);
        assert_eq!(store.machines(&prod).unwrap(), Machines::default());
        let log = store.operations().unwrap();
        assert_eq!(log.last().unwrap().operation.to_string(), "forget the machine web1");
    }
}
