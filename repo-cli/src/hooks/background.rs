//! Delivers events while nobody waits for it.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use jiff::SignedDuration;
use repo_config::Config;
use repo_store::Store;
use repo_store::maintenance::hook_spool::{DeliveryState, HookDelivery};

use super::delivers;
use super::delivery::{Deliverer, is_any_due};
use crate::error::Failure;

/// How often it is looked for what is due.
const TICK: Duration = Duration::from_secs(1);

/// For so long a process that a verb leaves behind tries again.
const LIFETIME: Duration = Duration::from_secs(600);

/// What is due within that time is waited for.
const SOON: SignedDuration = SignedDuration::from_secs(120);

/// Leaves a process behind that delivers what waits. The verb does not wait for it, and it holds nothing of the verb's.
///
/// If no process can be started, the next verb tries again.
pub(super) fn leave_behind(root: &Utf8Path) {
    if !delivers() {
        return;
    }
    let Ok(program) = std::env::current_exe() else { return };
    let mut command = Command::new(program);
    command.args(["--root", root.as_str(), "hooks", "deliver"]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    // It ends after this process, so nobody has to wait for it.
    drop(command.spawn());
}

/// Delivers what is due, and tries again for a while what failed, unless another process does.
pub(crate) fn deliver_until_done(store: &Store, root: &Utf8Path, config: &Config) -> Result<(), Failure> {
    // What ends the session of the verb must not end this. The first process of a session cannot begin another one, and need not.
    let _ = rustix::process::setsid();
    let deliverer = Deliverer::new(store, root, config);
    deliverer.deliver_due()?;
    let Some(_lock) = store.lock_hook_retries()? else { return Ok(()) };
    let begun = Instant::now();
    while begun.elapsed() < LIFETIME {
        let now = crate::clock::now();
        let is_soon = |delivery: &HookDelivery| {
            delivery.state == DeliveryState::Waiting
                && delivery.next.duration_since(now) < SOON
                && deliverer.hooks().iter().any(|hook| hook.name == delivery.hook)
        };
        let waiting = store.hook_deliveries()?;
        if !waiting.iter().any(is_soon) {
            break;
        }
        if is_any_due(waiting, now) {
            deliverer.deliver_due()?;
        }
        std::thread::sleep(TICK);
    }
    Ok(())
}

/// Delivers what is due for as long as this process runs, by the configuration of each moment.
///
/// What goes wrong is said by `status` and by `hooks list`, and is tried again.
pub(crate) fn deliver_in_background(root: Utf8PathBuf) -> Result<(), Failure> {
    if !delivers() {
        return Ok(());
    }
    let deliver = move || {
        loop {
            std::thread::sleep(TICK);
            // A store that cannot be written to is left alone for longer.
            if look(&root).is_err() {
                std::thread::sleep(60 * TICK);
            }
        }
    };
    let started = std::thread::Builder::new().name("hooks".to_owned()).spawn(deliver);
    started.map(drop).map_err(Failure::io("start", "the thread for hooks"))
}

/// Delivers what is due now.
fn look(root: &Utf8Path) -> Result<(), Failure> {
    let store = Store::open(root)?;
    if is_any_due(store.hook_deliveries()?, crate::clock::now()) {
        Deliverer::new(&store, root, &Config::load(root)?).deliver_due()?;
    }
    Ok(())
}
