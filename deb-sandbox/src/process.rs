//! A process that reads packages, as seen from the one that started it.

use std::ffi::OsString;
use std::io::{self, BufReader, ErrorKind, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use deb_parse::checksum::{HashKinds, Hasher, Hashes};
use deb_parse::deb::transfer::Question;

use crate::confinement::Confinement;
use crate::fault::{Fault, ReadError};
use crate::{ANSWER, MORE, PIECE, PIECES_AHEAD, pieces};

/// What is started to read packages: a program that calls [`read_packages`](crate::read_packages) when it gets these arguments.
///
/// It gets no environment, so nothing secret in that of its parent is within its reach.
#[derive(Clone, Debug)]
pub struct Program {
    path: PathBuf,
    arguments: Vec<OsString>,
}

impl Program {
    /// Names a program. `/proc/self/exe` is the one that runs, also when its file was replaced since.
    pub fn new<A: Into<OsString>>(path: impl Into<PathBuf>, arguments: impl IntoIterator<Item = A>) -> Self {
        Self { path: path.into(), arguments: arguments.into_iter().map(Into::into).collect() }
    }
}

/// A process. It ends when this is dropped.
pub(crate) struct Process {
    child: Child,
    answers: BufReader<Line>,
    confinement: Option<Confinement>,
    /// What is to be sent next.
    buffer: Vec<u8>,
}

/// Where a file ended.
struct Sent {
    hasher: Hasher,
    /// The whole file was sent, and nothing was answered before that.
    is_whole: bool,
}

impl Process {
    /// Starts a process that may take so much memory, and that long for anything. It ends with the thread that calls this.
    pub(crate) fn start(program: &Program, memory: u64, patience: Duration) -> io::Result<Self> {
        let (ours, theirs) = UnixStream::pair()?;
        ours.set_read_timeout(Some(patience))?;
        ours.set_write_timeout(Some(patience))?;
        let output = Stdio::from(OwnedFd::from(theirs.try_clone()?));
        let child = Command::new(&program.path)
            .args(&program.arguments)
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(output)
            .stderr(Stdio::null())
            // Ctrl-C is meant for the program.
            .process_group(0)
            .spawn()?;
        let answers = BufReader::with_capacity(16 << 10, Line { socket: ours, until: Instant::now() });
        Ok(Self { child, answers, confinement: None, buffer: memory.to_le_bytes().to_vec() })
    }

    /// Returns how far the process is confined.
    pub(crate) fn confinement(&mut self, patience: Duration) -> Result<Confinement, Fault> {
        self.wait_for(patience);
        let sent = self.send();
        sent.and_then(|()| self.greeting()).map_err(|error| self.fault(&error, patience))
    }

    /// Asks about a file. `read` reads the answer, given the checksums of the file.
    ///
    /// # Errors
    /// What `file` gives is [`ReadError::Refused`]. After any error, other than one that `read` returns within its answer, the process is of no
    /// use any more.
    pub(crate) fn ask<T>(
        &mut self,
        question: &Question,
        (file, hashes): (&mut dyn Read, HashKinds),
        patience: Duration,
        read: impl FnOnce(&mut dyn Read, &Hashes) -> io::Result<Answered<T>>,
    ) -> Result<T, ReadError> {
        self.wait_for(patience);
        let sent = self.send_file(question, (file, hashes), patience)?;
        let hashes = sent.hasher.finish();
        let answer = read(&mut self.answers, &hashes).map_err(|error| self.fault(&error, patience))?;
        let wrong = |what: &str| Err(Fault::WrongAnswer(what.to_owned()).into());
        if !self.answers.buffer().is_empty() {
            return wrong("it goes on behind its end");
        }
        match answer {
            Answered::Found(_) if !sent.is_whole => wrong("it is about a part of the file"),
            Answered::Found(found) => Ok(found),
            Answered::Refused(error) => Err(ReadError::Refused(error)),
        }
    }

    /// Sends a file until the answer begins.
    fn send_file(
        &mut self,
        question: &Question,
        (file, hashes): (&mut dyn Read, HashKinds),
        patience: Duration,
    ) -> Result<Sent, ReadError> {
        let mut hasher = Hasher::new(hashes)?;
        let fault = |process: &mut Self, error: io::Error| process.fault(&error, patience);
        question.write(&mut self.buffer).map_err(|error| fault(self, error))?;
        let mut ahead: u32 = 0;
        loop {
            let header = self.buffer.len();
            self.buffer.extend_from_slice(&pieces::header(0, false));
            let start = self.buffer.len();
            let length = file.take(PIECE).read_to_end(&mut self.buffer).map_err(deb_parse::Error::from)?;
            let is_whole = (length as u64) < PIECE;
            if let Some(place) = self.buffer.get_mut(header..start) {
                place.copy_from_slice(&pieces::header(length, is_whole));
            }
            self.wait_for(patience);
            self.write().map_err(|error| fault(self, error))?;
            // The other process reads the piece meanwhile.
            hasher.update(self.buffer.get(start..).unwrap_or_default());
            self.buffer.clear();
            ahead += 1;
            while is_whole || ahead == PIECES_AHEAD {
                if self.next_is_answer().map_err(|error| fault(self, error))? {
                    if !is_whole {
                        self.buffer.extend_from_slice(&pieces::header(0, true));
                    }
                    return Ok(Sent { hasher, is_whole });
                }
                ahead = ahead.checked_sub(1).ok_or_else(|| {
                    Fault::WrongAnswer("it asks for more of the file than there is".to_owned())
                })?;
                self.wait_for(patience);
            }
        }
    }

    /// Reads up to the start of an answer, or to where more of the file is asked for.
    fn next_is_answer(&mut self) -> io::Result<bool> {
        self.greeting()?;
        let mut byte = [0];
        self.answers.read_exact(&mut byte)?;
        match byte {
            [ANSWER] => Ok(true),
            [MORE] => Ok(false),
            _ => Err(io::Error::new(ErrorKind::InvalidData, "it does not begin as an answer does")),
        }
    }

    fn greeting(&mut self) -> io::Result<Confinement> {
        if let Some(confinement) = self.confinement {
            return Ok(confinement);
        }
        let mut greeting = [0; 2];
        self.answers.read_exact(&mut greeting)?;
        let [files @ 0..=1, system_calls @ 0..=1] = greeting else {
            return Err(io::Error::new(ErrorKind::InvalidData, "it does not begin as it should"));
        };
        let confinement = Confinement { files: files == 1, system_calls: system_calls == 1 };
        self.confinement = Some(confinement);
        Ok(confinement)
    }

    /// From now on the process may take that long.
    fn wait_for(&mut self, patience: Duration) {
        self.answers.get_mut().until = Instant::now() + patience;
    }

    fn write(&mut self) -> io::Result<()> {
        self.answers.get_mut().write_all(&self.buffer)
    }

    /// Sends what waits.
    fn send(&mut self) -> io::Result<()> {
        self.write()?;
        self.buffer.clear();
        Ok(())
    }

    /// Returns what is wrong with a process when talking to it failed.
    fn fault(&mut self, error: &io::Error, patience: Duration) -> Fault {
        match error.kind() {
            ErrorKind::InvalidData => Fault::WrongAnswer(error.to_string()),
            ErrorKind::TimedOut => Fault::TooSlow(patience),
            // What it sent before it ended may not have been read yet. Without that it has not seen anything of the package.
            _ if self.greeting().is_err() => {
                let ended = self.ended().map_or_else(String::new, |status| format!(" ({status})"));
                Fault::NotStarted(io::Error::other(format!("it ended before it was confined{ended}")))
            }
            _ => Fault::Ended(self.ended()),
        }
    }

    /// Returns how the process ended; `None` when it had to be killed. What it had open is closed a moment before it has ended.
    fn ended(&mut self) -> Option<ExitStatus> {
        let until = Instant::now() + LAST_MOMENT;
        while Instant::now() < until {
            match self.child.try_wait() {
                Ok(Some(status)) => return Some(status),
                Ok(None) => thread::sleep(Duration::from_millis(2)),
                Err(_) => break,
            }
        }
        None
    }
}

/// How long it may take from the end of what a process had open to its own.
const LAST_MOMENT: Duration = Duration::from_secs(10);

impl Drop for Process {
    fn drop(&mut self) {
        // One that has ended cannot be killed, and there is nobody to tell.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a process answered.
pub(crate) enum Answered<T> {
    Found(T),
    Refused(deb_parse::Error),
}

/// A connection on which everything has to be done at a time. To wait for one thing may take as long once more: to tell the system
/// each time how long is left costs more than a small package.
struct Line {
    socket: UnixStream,
    until: Instant,
}

impl Line {
    fn check_time(&self) -> io::Result<()> {
        if Instant::now() < self.until { Ok(()) } else { Err(ErrorKind::TimedOut.into()) }
    }
}

/// The system has another word for it.
fn timed_out(error: io::Error) -> io::Error {
    if error.kind() == ErrorKind::WouldBlock { ErrorKind::TimedOut.into() } else { error }
}

impl Read for Line {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.check_time()?;
        self.socket.read(buffer).map_err(timed_out)
    }
}

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.check_time()?;
        self.socket.write(bytes).map_err(timed_out)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush()
    }
}
