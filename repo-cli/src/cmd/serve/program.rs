//! Runs verbs for the interface for programs, each in a process of its own.
//!
//! So every rule, lock and error of the command line holds, files of strangers are read outside the server, and a crash ends one request.

use std::io::{self, Read};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use camino::Utf8PathBuf;
use repo_serve::api::{Call, Finished, VerbError, Verbs};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use crate::approver::TOKEN_HOLDER;
use crate::session::Session;

/// How long a verb may take.
const LONGEST: Duration = Duration::from_secs(15 * 60);
/// How long it may take to end when it is told to.
const GRACE: Duration = Duration::from_secs(10);
/// How often it is asked whether it has ended.
const TICK: Duration = Duration::from_millis(20);
/// The most that it may print to standard output, and to standard error.
const MOST_OUTPUT: u64 = 64 << 20;
const MOST_ERRORS: u64 = 1 << 20;

/// What the environment says to this process alone.
const NOT_PASSED_ON: [&str; 11] = [
    "REPO_ROOT",
    "REPO_ACTOR",
    "REPO_ACTOR_KEY",
    "REPO_REMOTE",
    "REPO_TOKEN_FILE",
    "LISTEN_FDS",
    "LISTEN_PID",
    "LISTEN_FDNAMES",
    "NOTIFY_SOCKET",
    "WATCHDOG_PID",
    "WATCHDOG_USEC",
];

/// This program, on the store that it serves.
pub(super) struct Program {
    root: Utf8PathBuf,
    longest: Duration,
}

impl Program {
    pub(super) fn of(session: &Session) -> Self {
        Self { root: session.root.clone(), longest: LONGEST }
    }

    fn command(&self, call: &Call) -> Command {
        // As it was started, whatever has been installed since.
        let mut command = Command::new("/proc/self/exe");
        command
            .arg0("repo-cli")
            .arg(format!("--root={}", self.root))
            .arg(format!("--actor=token {}", call.holder));
        command.arg("--color=never").args(call.json.then_some("--json")).args(&call.arguments);
        for name in NOT_PASSED_ON {
            command.env_remove(name);
        }
        command.env(TOKEN_HOLDER, &call.holder);
        command
    }
}

impl Verbs for Program {
    fn run(&self, call: &Call) -> Result<Finished, VerbError> {
        run(self.command(call), self.longest)
    }
}

/// Runs a command to its end, within limits.
fn run(mut command: Command, longest: Duration) -> Result<Finished, VerbError> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // Ctrl-C ends the server, which waits for what it has begun.
    command.process_group(0);
    let mut child = command.spawn().map_err(VerbError::NotStarted)?;
    let deadline = Instant::now() + longest;
    let output = child.stdout.take().map(|output| collected(output, MOST_OUTPUT));
    let errors = child.stderr.take().map(|errors| collected(errors, MOST_ERRORS));
    let collected = [output, errors]
        .map(|receiver| receiver.map_or_else(|| Ok(Vec::new()), |receiver| receive(&receiver, deadline)));
    let [output, errors] = match collected {
        [Ok(output), Ok(errors)] => [output, errors],
        [Err(error), _] | [_, Err(error)] => {
            stop(&mut child);
            return Err(error);
        }
    };
    // It may have closed both and go on.
    if !has_ended_by(deadline, &child)? {
        stop(&mut child);
        return Err(VerbError::TooLong);
    }
    let status = child.wait()?;
    match (status.code(), status.signal()) {
        (Some(status), _) => Ok(Finished { status, output, errors }),
        (None, signal) => {
            let what = format!("the verb ended by signal {}", signal.unwrap_or_default());
            Err(VerbError::Io(io::Error::other(what)))
        }
    }
}

/// Reads all of a stream on a thread of its own.
fn collected(stream: impl Read + Send + 'static, most: u64) -> Receiver<Result<Vec<u8>, VerbError>> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let read = stream.take(most + 1).read_to_end(&mut bytes);
        let _ = sender.send(match read {
            Ok(_) if bytes.len() as u64 > most => Err(VerbError::TooMuch),
            Ok(_) => Ok(bytes),
            Err(error) => Err(error.into()),
        });
    });
    receiver
}

fn receive(receiver: &Receiver<Result<Vec<u8>, VerbError>>, deadline: Instant) -> Result<Vec<u8>, VerbError> {
    match receiver.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
        Ok(result) => result,
        Err(RecvTimeoutError::Timeout) => Err(VerbError::TooLong),
        Err(RecvTimeoutError::Disconnected) => Err(VerbError::Io(io::ErrorKind::BrokenPipe.into())),
    }
}

/// Ends a verb as Ctrl-C does, and by force when that does not help. What it has started ends with it.
fn stop(child: &mut Child) {
    let group = Pid::from_child(child);
    let _ = kill_process_group(group, Signal::INT);
    let _ = has_ended_by(Instant::now() + GRACE, child);
    let _ = kill_process_group(group, Signal::KILL);
    let _ = child.wait();
}

/// Waits until a process has ended, and returns whether it has. It is still to be waited for: until then its number stays that of its group.
fn has_ended_by(deadline: Instant, child: &Child) -> io::Result<bool> {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    loop {
        if waitid(WaitId::Pid(Pid::from_child(child)), options)?.is_some() {
            return Ok(true);
        }
        if Instant::now() >= deadline {
            return Ok(false);
        }
        std::thread::sleep(TICK);
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;
    use repo_serve::api::ROUTES;

    use super::*;
    use crate::args::Arguments;

    #[test]
    fn every_route_is_a_command_line_that_the_program_understands() {
        for route in ROUTES {
            for words in route.examples() {
                let program = Program { root: "store".into(), longest: LONGEST };
                let call = Call { arguments: words, holder: "ci".to_owned(), json: true };
                let command = program.command(&call);
                let words = std::iter::once("repo-cli".as_ref()).chain(command.get_args());
                let read = Arguments::command().try_get_matches_from(words);
                assert!(read.is_ok(), "{command:?}: {}", read.err().unwrap());
            }
        }
    }

    #[test]
    fn a_verb_gets_no_argument_from_the_environment_of_the_server() {
        let program = Program { root: "store".into(), longest: LONGEST };
        let call = Call { arguments: vec!["status".to_owned()], holder: "ci".to_owned(), json: true };
        let command = program.command(&call);
        let removed: Vec<_> = command.get_envs().filter(|(_, value)| value.is_none()).collect();
        let arguments = Arguments::command();
        let variables: Vec<_> = arguments.get_arguments().filter_map(clap::Arg::get_env).collect();
        // Above all the key of an actor, which would sign what a token does.
        assert!(variables.contains(&"REPO_ACTOR_KEY".as_ref()), "{variables:?}");
        for variable in variables {
            assert!(removed.iter().any(|(name, _)| *name == variable), "{variable:?}");
        }
    }

    #[test]
    fn what_a_stopped_verb_has_started_ends_with_it() {
        let directory = tempfile::tempdir().unwrap();
        let pid = directory.path().join("pid");
        let script =
            format!("trap 'exit 0' INT; (trap '' INT; exec sleep 600) & echo $! > {}; wait", pid.display());
        assert!(matches!(shell(&script, Duration::from_secs(3)), Err(VerbError::TooLong)));
        let pid = std::fs::read_to_string(pid).unwrap();
        // It is gone, or nobody has waited for it yet.
        let is_gone = || {
            let state = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim()));
            state.map_or(true, |state| state.contains(") Z "))
        };
        let begun = Instant::now();
        while !is_gone() {
            assert!(begun.elapsed() < Duration::from_secs(30), "{pid} goes on");
            std::thread::sleep(TICK);
        }
    }

    fn shell(script: &str, longest: Duration) -> Result<Finished, VerbError> {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        run(command, longest)
    }

    #[test]
    fn a_verb_runs_to_its_end() {
        let finished = shell("echo out; echo err >&2; cat; exit 3", Duration::from_secs(60)).unwrap();
        assert_eq!(
            (finished.status, &finished.output[..], &finished.errors[..]),
            (3, &b"out\n"[..], &b"err\n"[..])
        );
    }

    #[test]
    fn a_verb_that_takes_too_long_or_prints_too_much_is_stopped() {
        let long = shell("sleep 600", Duration::from_millis(200));
        assert!(matches!(long, Err(VerbError::TooLong)), "{long:?}");
        let much = shell("exec yes >&2", Duration::from_secs(60));
        assert!(matches!(much, Err(VerbError::TooMuch)), "{much:?}");
        let silent = shell("exec >&- 2>&-; sleep 600", Duration::from_millis(200));
        assert!(matches!(silent, Err(VerbError::TooLong)), "{silent:?}");
        let killed = shell("kill -9 $$", Duration::from_secs(60));
        assert!(matches!(killed, Err(VerbError::Io(_))), "{killed:?}");
    }
}
