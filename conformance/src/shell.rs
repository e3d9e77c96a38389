//! Commands that are given a limit of time, or are killed on purpose.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use camino::Utf8Path;

/// How a command ended.
#[derive(Debug)]
pub(crate) enum Ended {
    /// By itself.
    With(ExitStatus),
    /// Killed when its time was over.
    Killed,
}

/// Runs a command in a process group of its own, with its output in a file, and kills the whole group after `limit`.
pub(crate) fn run(command: &mut Command, log: &Utf8Path, limit: Duration) -> io::Result<(Ended, String)> {
    let file = File::create(log)?;
    command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file).process_group(0);
    let mut child = command.spawn()?;
    let deadline = Instant::now() + limit;
    let ended = loop {
        if let Some(status) = child.try_wait()? {
            break Ended::With(status);
        }
        if Instant::now() >= deadline {
            kill_group(&mut child)?;
            break Ended::Killed;
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    Ok((ended, String::from_utf8_lossy(&std::fs::read(log)?).into_owned()))
}

fn kill_group(child: &mut Child) -> io::Result<()> {
    if let Some(process) = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw) {
        // A group that has just ended is as good.
        let _ = rustix::process::kill_process_group(process, rustix::process::Signal::KILL);
    }
    child.wait().map(drop)
}

/// Sends bytes through a program such as `xz -dc`; nothing when the program refuses them.
pub(crate) fn filter(program: &str, arguments: &[&str], input: &[u8]) -> io::Result<Option<Vec<u8>>> {
    let mut child = Command::new(program)
        .args(arguments)
        .env("LC_ALL", "C")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let output = std::thread::scope(|scope| {
        scope.spawn(move || {
            if let Some(mut stdin) = stdin {
                // A program that refuses its input does not read to the end.
                let _ = stdin.write_all(input);
            }
        });
        let mut output = Vec::new();
        if let Some(mut stdout) = stdout {
            stdout.read_to_end(&mut output)?;
        }
        io::Result::Ok(output)
    })?;
    Ok(child.wait()?.success().then_some(output))
}
