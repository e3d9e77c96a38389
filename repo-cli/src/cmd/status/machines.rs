//! What the machines that read the repositories have.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use repo_store::access::MachineKind;
use repo_store::operations::machine_states::MachineState;

use super::Subject;
use crate::cmd::machines::standings;
use crate::error::Failure;
use crate::output::{count, first_of};
use crate::session::Session;

/// So long a machine may take to leave a state that was rolled back: most update once a day.
const LEAVES_WITHIN: SignedDuration = SignedDuration::from_hours(36);

/// Looks at the machines; nothing is said when none was seen.
pub(super) fn look(session: &Session, subject: &mut Subject) -> Result<(), Failure> {
    let now = session.context().now;
    // One that reads several repositories is as its worst is.
    let mut states: BTreeMap<(MachineKind, String), MachineState> = BTreeMap::new();
    let mut stuck = Vec::new();
    for (_, standings) in standings(session, &[])? {
        for standing in standings {
            let id = (standing.machine.kind, standing.machine.name.clone());
            let is_late =
                standing.behind_since().is_some_and(|since| now.duration_since(since) > LEAVES_WITHIN);
            if standing.state == MachineState::RolledBack && is_late && !stuck.contains(&id.1) {
                stuck.push(id.1.clone());
            }
            let worst = states.entry(id).or_insert(standing.state);
            *worst = (*worst).max(standing.state);
        }
    }
    if states.is_empty() {
        return Ok(());
    }
    let of = |state: MachineState| states.values().filter(|own| **own == state).count();
    let current = of(MachineState::Current);
    subject.figure("known", states.len());
    subject.figure("current", current);
    subject.say(format!("{current} of {} current", count(states.len(), "machine")));
    for (state, name) in [
        (MachineState::Behind, "behind"),
        (MachineState::Asleep, "asleep"),
        (MachineState::RolledBack, "rolled_back"),
        (MachineState::Refusing, "refusing"),
    ] {
        subject.figure(name, of(state));
        if of(state) > 0 && state <= MachineState::Asleep {
            subject.say(format!("{} {}", of(state), state.as_str()));
        }
    }
    let refusing: Vec<String> = states
        .iter()
        .filter(|(_, state)| **state == MachineState::Refusing)
        .map(|((_, name), _)| name.clone())
        .collect();
    if !refusing.is_empty() {
        let message = format!("the signature is not accepted by {}", first_of(&refusing));
        subject.attention(message, Some("repo-cli machines --refusing".to_owned()));
    }
    if !stuck.is_empty() {
        let message = format!("what was rolled back is still on {}", first_of(&stuck));
        subject.attention(message, Some("repo-cli machines --behind".to_owned()));
    }
    Ok(())
}
