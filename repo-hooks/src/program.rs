//! Commands that are given an event.

use std::ffi::OsStr;
use std::io::{PipeReader, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use crate::error::DeliveryError;

/// How often a command is asked whether it has ended.
const TICK: Duration = Duration::from_millis(20);

/// A command, what it reads, and where it runs.
#[derive(Clone, Debug)]
pub struct Program<'a> {
    /// The program. It is looked for in the search path unless it has a slash in its name.
    pub program: &'a OsStr,
    /// Its arguments.
    pub arguments: &'a [String],
    /// Variables of its environment, besides those of this process.
    pub variables: &'a [(&'a str, &'a str)],
    /// The directory that it runs in.
    pub directory: &'a Path,
    /// What it reads from standard input.
    pub input: &'a [u8],
    /// The time that it has. It is killed after that with all that it started in its process group.
    pub timeout: Duration,
}

/// Runs a command, and returns when it has ended with status 0. What it prints is thrown away.
///
/// # Errors
/// [`DeliveryError::NotStarted`]; [`DeliveryError::Failed`] when it ends with another status than 0; [`DeliveryError::TimedOut`] when it was
/// killed.
pub fn run(program: &Program<'_>) -> Result<(), DeliveryError> {
    let name = || program.program.to_string_lossy().into_owned();
    let not_started = |source| DeliveryError::NotStarted { program: name(), source };
    // Before the command starts: if the system has no thread left, no command is left running that nobody waits for.
    let input = written(program.input).map_err(not_started)?;
    let mut child = Command::new(program.program)
        .args(program.arguments)
        .envs(program.variables.iter().copied())
        .current_dir(program.directory)
        .stdin(input)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .map_err(not_started)?;
    match wait(&mut child, program.timeout).map_err(not_started)? {
        None => Err(DeliveryError::TimedOut { after: program.timeout }),
        Some(status) if status.success() => Ok(()),
        Some(status) => Err(DeliveryError::Failed { program: name(), status }),
    }
}

/// Returns the end of a pipe that a command reads this from.
fn written(input: &[u8]) -> std::io::Result<PipeReader> {
    let (reader, mut writer) = std::io::pipe()?;
    let input = input.to_vec();
    // In a thread, as a command that reads nothing must still be killed in time. Writing fails when nobody reads any more, which is fine.
    let write = move || drop(writer.write_all(&input));
    std::thread::Builder::new().name("hook".to_owned()).spawn(write)?;
    Ok(reader)
}

/// Waits until a command has ended. One that takes too long is killed with all that it started: `None`.
fn wait(child: &mut Child, timeout: Duration) -> std::io::Result<Option<ExitStatus>> {
    let begun = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if begun.elapsed() >= timeout {
            // It has not been waited for, so the number of its group is still its own. The rest of the group may have ended already.
            let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
            let _ = group.map(|group| kill_process_group(group, Signal::KILL));
            child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(TICK);
    }
}
