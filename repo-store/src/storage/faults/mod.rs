//! Where this crate changes the file system or reads it, tests can make it fail.
//!
//! Outside of this crate's own tests these are empty functions.

#[cfg(not(test))]
pub(crate) use none::{before, synced, synced_everything};
#[cfg(test)]
pub(crate) use plan::{before, synced, synced_everything};

#[cfg(test)]
pub(crate) mod power;

#[cfg(not(test))]
#[allow(clippy::unnecessary_wraps)]
mod none {
    use camino::Utf8Path;

    /// About to ask the operating system for something; an error takes the place of its answer.
    pub(crate) fn before(_: &'static str, _: &Utf8Path) -> std::io::Result<()> {
        Ok(())
    }

    /// A file or directory is durable as it is now.
    pub(crate) fn synced(_: &Utf8Path) {}

    /// All that lies on one file system is durable as it is now.
    pub(crate) fn synced_everything() {}
}

/// What goes wrong for the calls of one thread.
#[cfg(test)]
pub(crate) mod plan {
    use std::cell::RefCell;
    use std::io;

    use camino::Utf8Path;

    use super::power::Disk;

    /// What happens at the chosen call.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) enum Fault {
        /// It fails with this error number; the next ones work.
        Fails(rustix::io::Errno),
        /// Neither it nor any later one happens: the process was killed.
        Killed,
    }

    /// The calls of one operation.
    pub(crate) struct Plan {
        at: usize,
        fault: Fault,
        seen: usize,
        chosen: Option<String>,
        disk: Option<Disk>,
    }

    thread_local! {
        static PLAN: RefCell<Option<Plan>> = const { RefCell::new(None) };
    }

    /// What was seen while a plan held.
    pub(crate) struct Seen {
        /// How many calls were made.
        pub(crate) calls: usize,
        /// The call that was chosen, if it came to that.
        pub(crate) chosen: Option<String>,
        /// What of the disk is durable.
        pub(crate) disk: Option<Disk>,
    }

    /// Lets `fault` happen at the call with the number `at` of those that `operation` makes in this thread.
    pub(crate) fn with<T>(
        at: usize,
        fault: Fault,
        disk: Option<Disk>,
        operation: impl FnOnce() -> T,
    ) -> (T, Seen) {
        let plan = Plan { at, fault, seen: 0, chosen: None, disk };
        PLAN.with_borrow_mut(|place| *place = Some(plan));
        let result = operation();
        let Some(Plan { seen, chosen, disk, .. }) = PLAN.take() else {
            unreachable!("it was just put there")
        };
        (result, Seen { calls: seen, chosen, disk })
    }

    pub(crate) fn before(call: &'static str, path: &Utf8Path) -> io::Result<()> {
        PLAN.with_borrow_mut(|plan| {
            let Some(plan) = plan else { return Ok(()) };
            let number = plan.seen;
            plan.seen += 1;
            if number == plan.at {
                plan.chosen = Some(format!("{call} {path}"));
            }
            match plan.fault {
                Fault::Fails(errno) if number == plan.at => Err(errno.into()),
                Fault::Killed if number >= plan.at => Err(io::Error::other("the process is dead")),
                _ => Ok(()),
            }
        })
    }

    pub(crate) fn synced(path: &Utf8Path) {
        PLAN.with_borrow_mut(|plan| {
            if let Some(disk) = plan.as_mut().and_then(|plan| plan.disk.as_mut()) {
                disk.sync(path);
            }
        });
    }

    pub(crate) fn synced_everything() {
        PLAN.with_borrow_mut(|plan| {
            if let Some(disk) = plan.as_mut().and_then(|plan| plan.disk.as_mut()) {
                disk.sync_everything();
            }
        });
    }
}
