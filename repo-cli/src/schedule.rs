//! What a running `serve` does by itself, as `[schedule]` says: verbs at their times, each as a process of its own.
//!
//! A process that fails, hangs or is killed takes no other along, and the server waits for none. Each reads the configuration that counts when
//! it begins.

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use jiff::Timestamp;
use repo_config::Watch;
use repo_config::schedule::{BackupTime, Recurrence, Schedule};
use rustix::process::{Pid, Signal, kill_process};

use crate::error::Failure;
use crate::output::Talk;
use crate::session::Session;

/// How often it is looked whether the time for something has come.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A backup after a change begins when nothing has changed for so long.
const CALM: Duration = Duration::from_secs(3);

/// And when changes go on for so long.
const AT_THE_LATEST: Duration = Duration::from_secs(60);

/// After so long what failed is tried again the first time; each time it takes twice as long, up to the second.
const AGAIN_AFTER: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(3600));

/// So long verbs may take to stop at a safe point when the server ends.
const GRACE: Duration = Duration::from_secs(10);

/// Set for a process that is to end with the one that started it, also when that is killed.
const ENDS_WITH_PARENT: &str = "REPO_ENDS_WITH_PARENT";

/// Has this process end with the one that started it, if it is asked to.
pub(crate) fn end_with_parent() {
    if std::env::var_os(ENDS_WITH_PARENT).is_some() {
        // Where the system cannot do that, the process goes on until its work is done.
        let _ = rustix::process::set_parent_process_death_signal(Some(Signal::TERM));
    }
}

/// Runs verbs in the background until it is dropped.
pub(crate) struct Scheduler {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Scheduler {
    /// Begins with what the configuration of the session asks for, and follows it when it changes.
    pub(crate) fn start(session: &Session, talk: Talk) -> Result<Self, Failure> {
        let program = match std::env::current_exe() {
            Ok(path) => path.into_os_string(),
            // Without /proc it goes by the name that it was started by.
            Err(error) => {
                let name = std::env::args_os().next().ok_or(error);
                name.map_err(Failure::io("find", "this program"))?
            }
        };
        let runner = Runner { program, root: session.root.clone(), talk };
        let (mut watch, schedule) = (Watch::new(&session.config), session.config.schedule());
        let mut plan = Plan::new(&schedule, crate::clock::now());
        let (stop, stopped) = mpsc::channel();
        let follow = move || {
            while stopped.recv_timeout(LOOK_EVERY) == Err(RecvTimeoutError::Timeout) {
                // What is wrong with it is told by the server, which looks too.
                if let Ok(Some(schedule)) = watch.look(false, |config| Ok::<_, Failure>(config.schedule())) {
                    plan.follow(&schedule, crate::clock::now());
                }
                plan.look(&runner, crate::clock::now(), Instant::now());
            }
            plan.end();
        };
        let thread = thread::Builder::new().name("schedule".to_owned()).spawn(follow);
        let thread = thread.map_err(Failure::io("start", "the schedule"))?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Scheduler {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // It has nothing to return, and a panic in it was printed.
            let _ = thread.join();
        }
    }
}

/// Starts verbs.
struct Runner {
    program: std::ffi::OsString,
    root: Utf8PathBuf,
    talk: Talk,
}

impl Runner {
    /// Starts a verb. What it has to say goes where the server says it too.
    fn start(&self, arguments: &[String]) -> io::Result<Child> {
        Command::new(&self.program)
            .args(["--root", self.root.as_str(), "--quiet"])
            .args(arguments)
            .env(ENDS_WITH_PARENT, "1")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
    }
}

/// Everything that is to be done, each with its next time.
struct Plan {
    tasks: Vec<Task>,
}

/// A verb that is run again and again, and never twice at once.
struct Task {
    arguments: Vec<String>,
    when: When,
    /// The process, while there is one.
    child: Option<Child>,
    /// When it may be tried again, and after how long, since it failed.
    again: Option<(Instant, Duration)>,
}

/// When a task begins.
enum When {
    /// At once, and again whenever it has ended.
    Always,
    /// At these moments.
    At { recurrence: Recurrence, next: Option<Timestamp> },
    /// Soon after the operation log has changed.
    AfterChange(Changes),
}

/// What is known of changes of the store.
#[derive(Default)]
struct Changes {
    /// The log at the last look, and when it was first like that.
    seen: Option<(LogState, Instant)>,
    /// When the first change was seen that the backup lacks.
    lacking_since: Option<Instant>,
    /// The log when the last good backup began, and when the one that runs began.
    saved: Option<LogState>,
    begun: Option<LogState>,
}

/// What tells one state of the operation log from another.
type LogState = (u64, i64, i64);

/// Looks at the operation log; `None` when it is not there.
fn log_state(root: &Utf8Path) -> Option<LogState> {
    let found = std::fs::metadata(root.join("store/ops/log")).ok()?;
    Some((found.len(), found.mtime(), found.mtime_nsec()))
}

impl Changes {
    /// Returns whether it is time for a backup.
    fn is_time(&mut self, log: Option<LogState>, now: Instant) -> bool {
        let Some(log) = log.filter(|log| self.saved != Some(*log)) else {
            self.lacking_since = None;
            return false;
        };
        let since = match self.seen {
            Some((seen, since)) if seen == log => since,
            _ => now,
        };
        self.seen = Some((log, since));
        let lacking = *self.lacking_since.get_or_insert(now);
        now.duration_since(since) >= CALM || now.duration_since(lacking) >= AT_THE_LATEST
    }
}

impl Plan {
    fn new(schedule: &Schedule, now: Timestamp) -> Self {
        let mut plan = Self { tasks: Vec::new() };
        plan.follow(schedule, now);
        plan
    }

    /// Takes over a schedule. What runs and is in both goes on; what is not asked for any more ends.
    fn follow(&mut self, schedule: &Schedule, now: Timestamp) {
        let mut before = std::mem::take(&mut self.tasks);
        for (arguments, when) in tasks_of(schedule, now) {
            let same = before.iter().position(|task| task.arguments == arguments && task.when.is_like(&when));
            let task = same.map(|place| before.swap_remove(place));
            self.tasks.push(task.unwrap_or(Task { arguments, when, child: None, again: None }));
        }
        end(before);
    }

    /// Begins what it is time for, and takes notice of what has ended.
    fn look(&mut self, runner: &Runner, now: Timestamp, instant: Instant) {
        for task in &mut self.tasks {
            task.notice_end(runner, instant);
            if task.child.is_none() && task.is_time(&runner.root, now, instant) {
                task.begin(runner, instant);
            }
        }
    }

    fn end(self) {
        end(self.tasks);
    }
}

/// What a schedule asks for: verbs with their arguments.
fn tasks_of(schedule: &Schedule, now: Timestamp) -> Vec<(Vec<String>, When)> {
    let at = |recurrence: Recurrence| When::At { recurrence, next: recurrence.next_after(now) };
    let mut tasks = Vec::new();
    if schedule.incoming {
        tasks.push((vec!["incoming".to_owned()], When::Always));
    }
    let verbs: [(&[&str], Option<Recurrence>); 5] = [
        (&["sign", "refresh"], schedule.refresh),
        (&["base", "update"], schedule.base),
        (&["retention"], schedule.retention),
        (&["gc"], schedule.gc),
        (&["fsck"], schedule.fsck),
    ];
    for (verb, recurrence) in verbs {
        let arguments = verb.iter().map(|word| (*word).to_owned()).collect();
        tasks.extend(recurrence.map(|recurrence| (arguments, at(recurrence))));
    }
    if let Some((to, when)) = &schedule.backup {
        let when = match when {
            BackupTime::AfterChange => When::AfterChange(Changes::default()),
            BackupTime::At(recurrence) => at(*recurrence),
        };
        tasks.push((vec!["backup".to_owned(), "--".to_owned(), to.to_string()], when));
    }
    tasks
}

impl When {
    /// Returns whether both come at the same times.
    fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Always, Self::Always) | (Self::AfterChange(_), Self::AfterChange(_)) => true,
            (Self::At { recurrence, .. }, Self::At { recurrence: others, .. }) => recurrence == others,
            _ => false,
        }
    }
}

impl Task {
    fn is_time(&mut self, root: &Utf8Path, now: Timestamp, instant: Instant) -> bool {
        if self.again.is_some_and(|(again, _)| instant < again) {
            return false;
        }
        match &mut self.when {
            When::Always => true,
            When::At { recurrence, next } => {
                let is_time = next.is_some_and(|next| next <= now);
                if is_time {
                    *next = recurrence.next_after(now);
                }
                is_time
            }
            When::AfterChange(changes) => changes.is_time(log_state(root), instant),
        }
    }

    fn begin(&mut self, runner: &Runner, instant: Instant) {
        if let When::AfterChange(changes) = &mut self.when {
            changes.begun = changes.seen.map(|(log, _)| log);
        }
        match runner.start(&self.arguments) {
            Ok(child) => self.child = Some(child),
            Err(error) => self.failed(runner, &format!("cannot be started: {error}"), instant),
        }
    }

    fn notice_end(&mut self, runner: &Runner, instant: Instant) {
        let ended = match self.child.as_mut().map(Child::try_wait) {
            None | Some(Ok(None)) => return,
            Some(Ok(Some(status))) => status,
            Some(Err(error)) => {
                self.child = None;
                return self.failed(runner, &format!("cannot be waited for: {error}"), instant);
            }
        };
        self.child = None;
        if ended.success() && !matches!(self.when, When::Always) {
            self.again = None;
            if let When::AfterChange(changes) = &mut self.when {
                changes.saved = changes.begun.take();
                changes.lacking_since = None;
            }
        } else {
            self.failed(runner, &format!("ended with {ended}"), instant);
        }
    }

    /// Reports a failure, and lets some time pass before the next try.
    fn failed(&mut self, runner: &Runner, what: &str, instant: Instant) {
        let (first, most) = AGAIN_AFTER;
        let after = self.again.map_or(first, |(_, after)| (2 * after).min(most));
        self.again = match self.when {
            // It has its next time.
            When::At { .. } => None,
            When::Always | When::AfterChange(_) => Some((instant + after, after)),
        };
        let again = match self.when {
            When::At { recurrence, .. } => format!("the next time is {recurrence}"),
            When::Always | When::AfterChange(_) => format!("it is tried again in {} s", after.as_secs()),
        };
        let verb = self.arguments.join(" ");
        runner.talk.note(&format!("warning: `repo-cli {verb}`, run by [schedule], {what}; {again}"));
    }
}

/// Asks the processes of tasks to end, which they do at a safe point.
fn end(tasks: Vec<Task>) {
    let mut children: Vec<Child> = tasks.into_iter().filter_map(|task| task.child).collect();
    for child in &children {
        // It may have ended.
        let _ = kill_process(Pid::from_child(child), Signal::TERM);
    }
    let begun = Instant::now();
    while begun.elapsed() < GRACE {
        children.retain_mut(|child| matches!(child.try_wait(), Ok(None)));
        if children.is_empty() {
            return;
        }
        thread::sleep(Duration::from_millis(20));
    }
    for mut child in children {
        // A store survives that at any moment.
        let _ = child.kill();
        let _ = child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backup_waits_until_changes_pause_but_not_forever() {
        let (mut changes, begin) = (Changes::default(), Instant::now());
        let at = |seconds: u64| begin + Duration::from_secs(seconds);
        let log = |number: u64| Some((number, 0, 0));
        assert!(!changes.is_time(None, at(0)), "nothing was changed yet");
        assert!(!changes.is_time(log(1), at(1)));
        assert!(!changes.is_time(log(1), at(3)));
        assert!(changes.is_time(log(1), at(4)), "calm");
        changes.saved = log(1);
        assert!(!changes.is_time(log(1), at(100)), "nothing is lacking");
        for second in 101..161 {
            assert!(!changes.is_time(log(second), at(second)), "{second}");
        }
        assert!(changes.is_time(log(161), at(161)), "changes go on");
    }

    #[test]
    fn a_time_comes_once_and_is_not_made_up_for() {
        let now: Timestamp = "2026-11-27T02:59:59Z".parse().unwrap();
        let mut schedule = Schedule::default();
        schedule.gc = Some(Recurrence::Daily(jiff::civil::time(3, 0, 0, 0)));
        let mut plan = Plan::new(&schedule, now);
        let later = |seconds: i64| now + jiff::SignedDuration::from_secs(seconds);
        let mut is_time = |seconds| plan.tasks[0].is_time("".into(), later(seconds), Instant::now());
        assert!(!is_time(0));
        assert!(is_time(1));
        assert!(!is_time(2));
        // Three days of sleep: once.
        assert!(is_time(3 * 86_400 + 5));
        assert!(!is_time(3 * 86_400 + 6));
    }

    #[test]
    fn what_both_schedules_have_goes_on() {
        let now = Timestamp::UNIX_EPOCH;
        let mut schedule = Schedule::default();
        schedule.fsck = Some(Recurrence::Hourly);
        let mut plan = Plan::new(&schedule, now);
        plan.tasks[0].again = Some((Instant::now(), Duration::from_secs(7)));
        schedule.incoming = true;
        plan.follow(&schedule, now);
        let kept: Vec<bool> = plan.tasks.iter().map(|task| task.again.is_some()).collect();
        assert_eq!(kept, [false, true]);
        schedule.fsck = None;
        plan.follow(&schedule, now);
        assert_eq!(plan.tasks.len(), 1);
    }
}
