//! Which version of a package a machine would install.
//!
//! A machine sees the builds for its own architecture and those for `all`, and apt takes the newest of these. So what is the newest
//! version has one answer for each architecture of a machine, also for a package that came to be for `all` or ceased to be.

use std::collections::BTreeSet;

use deb_parse::{Architecture, Version};

use crate::model::record::{Build, RecordKey};

/// Returns the place of each package file among the versions that a machine can choose from: 1 for what a machine would install. Where
/// machines differ, the best place counts.
///
/// The machines are those of `architectures`, and one for each architecture that a package is built for. When no architecture is given,
/// there may be machines of any other. Source packages are counted apart: they are for no machine.
///
/// The keys are in order.
pub(crate) fn places<'a>(
    keys: impl IntoIterator<Item = &'a RecordKey>,
    architectures: &[Architecture],
) -> Vec<usize> {
    let keys: Vec<&RecordKey> = keys.into_iter().collect();
    let mut places = Vec::with_capacity(keys.len());
    for of_package in keys.chunk_by(|a, b| a.package == b.package) {
        places.extend(places_of_package(of_package, architectures));
    }
    places
}

/// Returns of each package file whether a machine would install it: whether it is the newest version for some machine.
///
/// The machines are those of `architectures`, and one for each architecture that a package is built for. When no architecture is given,
/// there may be machines of any other. A source package is the newest of its sources. The keys are in order.
#[must_use]
pub fn is_newest<'a>(
    keys: impl IntoIterator<Item = &'a RecordKey>,
    architectures: &[Architecture],
) -> Vec<bool> {
    places(keys, architectures).into_iter().map(|place| place == 1).collect()
}

/// A machine, or who builds from source.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Client<'a> {
    Machine(&'a Architecture),
    /// A machine of an architecture that nothing is built for.
    OtherMachine,
    Builder,
}

impl Client<'_> {
    fn sees(&self, build: &Build) -> bool {
        match (self, build) {
            (Self::Builder, Build::Source) => true,
            (Self::Machine(own), Build::For(architecture)) => architecture == *own || architecture.is_all(),
            (Self::OtherMachine, Build::For(architecture)) => architecture.is_all(),
            _ => false,
        }
    }
}

fn places_of_package(keys: &[&RecordKey], architectures: &[Architecture]) -> Vec<usize> {
    let mut clients: BTreeSet<Client<'_>> = architectures.iter().map(Client::Machine).collect();
    if architectures.is_empty() {
        clients.insert(Client::OtherMachine);
    }
    clients.extend(keys.iter().filter_map(|key| match &key.architecture {
        Build::Source => Some(Client::Builder),
        Build::For(architecture) if architecture.is_all() => None,
        Build::For(architecture) => Some(Client::Machine(architecture)),
    }));
    let mut best: Vec<usize> = vec![usize::MAX; keys.len()];
    for client in clients {
        let (mut place, mut last): (usize, Option<&Version>) = (0, None);
        // From the newest on.
        for (key, best) in keys.iter().zip(&mut best).rev() {
            if client.sees(&key.architecture) {
                place += usize::from(last.replace(&key.version) != Some(&key.version));
                *best = place.min(*best);
            }
        }
    }
    best
}
