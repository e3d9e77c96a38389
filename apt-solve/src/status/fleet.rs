//! The states of many machines, each distinct one once.

use super::Status;
use crate::error::Error;
use crate::package::{PackageId, SourceId};
use crate::universe::Builder;
use crate::upgrade::Machine;
use deb_parse::{Architecture, deb822};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// The number of a state in its [`Fleet`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StateId(usize);

/// The architectures of machines.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct Kind {
    /// The native one.
    pub native: Architecture,
    /// Those that packages are installed from besides.
    pub foreign: BTreeSet<Architecture>,
}

/// What is installed on machines that are in the same state.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct FleetState {
    kind: Kind,
    /// The packages, in the order of names and architectures.
    packages: Vec<Member>,
    /// How many packages are half-installed, without a version.
    without_version: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Member {
    /// Which of [`Fleet::stanzas`].
    stanza: usize,
    is_held: bool,
    is_unfinished: bool,
}

/// The states of many machines. Those that have the same packages, on hold or not, are in one state.
///
/// ```
/// use apt_solve::status::{Fleet, Status};
/// let status = |text: &str| Status::read(format!("Package: a2\nStatus: {text}\nArchitecture: amd64\nVersion: 1\n").as_bytes());
/// let mut fleet = Fleet::default();
/// let (web1, web2) = (fleet.add(&status("install ok installed")?), fleet.add(&status("install ok installed")?));
/// let db = fleet.add(&status("hold ok installed")?);
/// assert_eq!(web1, web2);
/// assert_ne!(web1, db);
/// assert_eq!(fleet.kinds().len(), 1);
/// # Ok::<(), apt_solve::status::StatusError>(())
/// ```
#[derive(Debug, Default)]
pub struct Fleet {
    stanzas: Vec<Arc<[u8]>>,
    by_text: HashMap<Arc<[u8]>, usize>,
    states: Vec<Arc<FleetState>>,
    by_state: HashMap<Arc<FleetState>, StateId>,
    /// How many bytes the stanzas and states have.
    bytes: usize,
}

impl Fleet {
    /// Adds a machine, and returns its state.
    pub fn add(&mut self, status: &Status) -> StateId {
        let packages = status.packages.iter().map(|one| {
            let stanza = match self.by_text.get(&one.stanza) {
                Some(known) => *known,
                None => {
                    let number = self.stanzas.len();
                    self.stanzas.push(Arc::clone(&one.stanza));
                    self.by_text.insert(Arc::clone(&one.stanza), number);
                    self.bytes += one.stanza.len();
                    number
                }
            };
            Member { stanza, is_held: one.is_held, is_unfinished: one.is_unfinished }
        });
        let packages: Vec<Member> = packages.collect();
        let foreign = status.foreign().into_iter().cloned().collect();
        let kind = Kind { native: status.native.clone(), foreign };
        let state = FleetState { kind, packages, without_version: status.without_version };
        if let Some(known) = self.by_state.get(&state) {
            return *known;
        }
        let id = StateId(self.states.len());
        self.bytes += size_of_val(&state.packages[..]);
        let state = Arc::new(state);
        self.states.push(Arc::clone(&state));
        self.by_state.insert(state, id);
        id
    }

    /// Returns how many distinct states there are.
    pub fn len(&self) -> usize {
        self.states.len()
    }

    /// Returns whether no machine was added.
    pub fn is_empty(&self) -> bool {
        self.states.is_empty()
    }

    /// Returns how many bytes of memory the packages and states have, each distinct one once, without what the allocator and the tables need.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Returns the architectures that a universe for machines in this state needs.
    pub fn kind_of(&self, state: StateId) -> Option<&Kind> {
        self.states.get(state.0).map(|state| &state.kind)
    }

    /// Returns the kinds of machines. A universe is for one kind.
    pub fn kinds(&self) -> BTreeSet<&Kind> {
        self.states.iter().map(|state| &state.kind).collect()
    }

    /// Returns how many packages dpkg has not finished installing, or wants to be installed again.
    pub fn unfinished(&self, state: StateId) -> usize {
        self.states.get(state.0).map_or(0, |state| {
            state.packages.iter().filter(|one| one.is_unfinished).count() + state.without_version
        })
    }

    /// Adds what machines of a kind have to a universe, each distinct package once, and returns the states. The universe has the architectures of the
    /// kind, and no archive has the packages of `source`.
    ///
    /// # Errors
    /// As [`Builder::add`].
    pub fn add_to(
        &self,
        builder: &mut Builder,
        source: SourceId,
        kind: &Kind,
    ) -> Result<Vec<(StateId, Machine)>, Error> {
        let mut added: HashMap<usize, Option<PackageId>> = HashMap::new();
        let mut machines = Vec::new();
        for (at, state) in self.states.iter().enumerate().filter(|(_, state)| state.kind == *kind) {
            let (mut installed, mut held) = (Vec::new(), Vec::new());
            for member in &state.packages {
                let id = match added.get(&member.stanza) {
                    Some(id) => *id,
                    None => {
                        let text = self.stanzas.get(member.stanza).map_or(&[][..], |text| text);
                        let id = match deb822::paragraphs(text).next() {
                            Some(paragraph) => builder.add(source, paragraph)?,
                            None => None,
                        };
                        added.insert(member.stanza, id);
                        id
                    }
                };
                installed.extend(id);
                held.extend(id.filter(|_| member.is_held));
            }
            machines.push((StateId(at), Machine::new(installed).with_held(held)));
        }
        Ok(machines)
    }
}
