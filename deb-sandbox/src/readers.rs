//! The processes that read packages for one program.

use std::fmt;
use std::io::{self, Read};
use std::sync::mpsc::{self, Sender};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use deb_parse::Limits;
use deb_parse::checksum::HashKinds;
use deb_parse::deb::tarball::Tarball;
use deb_parse::deb::transfer::{self, Question};
use deb_parse::deb::{Options, Package};

use crate::confinement::Confinement;
use crate::fault::{Fault, ReadError};
use crate::process::{Answered, Process, Program};

/// Reads packages in processes of their own: as many as there are threads that ask at once, started when they are needed. They end when
/// this is dropped, and with the program.
pub struct Readers {
    program: Program,
    /// The memory that each may take, in bytes.
    memory: u64,
    patience: Duration,
    /// Those that nobody asks anything now.
    idle: Mutex<Vec<Process>>,
    starter: Mutex<Option<Starter>>,
}

/// Where to ask for a process, and where to send it. The thread behind it starts them all and lives as long as they may: the system ends a
/// process with the thread that started it.
type Starter = Sender<Sender<io::Result<Process>>>;

impl fmt::Debug for Readers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Readers").field("program", &self.program).finish_non_exhaustive()
    }
}

impl Readers {
    /// Prepares to start this program, and starts nothing. Each process may take so many bytes of memory (see
    /// [`memory`](crate::memory)), and that long for each part of a package.
    #[must_use]
    pub fn new(program: Program, memory: u64, patience: Duration) -> Self {
        Self { program, memory, patience, idle: Mutex::default(), starter: Mutex::default() }
    }

    /// Reads a package, as [`deb::read`](deb_parse::deb::read) does.
    ///
    /// # Errors
    /// Those of [`deb::read`](deb_parse::deb::read), with the same texts; a [`Fault`] when that cannot be known.
    pub fn read_package(&self, file: &mut dyn Read, options: &Options) -> Result<Package, ReadError> {
        let question = Question::Package(options.clone());
        let mut process = self.process()?;
        let found = process.ask(&question, (file, options.hashes), self.patience, |answer, hashes| {
            Ok(match transfer::read_package(answer, options, hashes)? {
                Ok(package) => Answered::Found(package),
                Err(error) => Answered::Refused(error),
            })
        });
        self.keep(process, found.as_ref().err());
        found
    }

    /// Lists the files in a tarball or a diff of `size` bytes, as [`tarball::read`](deb_parse::deb::tarball::read) does.
    ///
    /// # Errors
    /// Those of [`tarball::read`](deb_parse::deb::tarball::read); a [`Fault`] when that cannot be known.
    pub fn read_tarball(
        &self,
        file: &mut dyn Read,
        size: u64,
        hashes: HashKinds,
        limits: &Limits,
    ) -> Result<Tarball, ReadError> {
        let question = Question::Tarball { size, limits: limits.clone() };
        let mut process = self.process()?;
        let found = process.ask(&question, (file, hashes), self.patience, |answer, hashes| {
            transfer::read_tarball(answer, limits, hashes).map(Answered::Found)
        });
        self.keep(process, found.as_ref().err());
        found
    }

    /// Finds out how far a process is confined on this system, by starting one if there is none.
    ///
    /// # Errors
    /// When there is none and none can be started.
    pub fn confinement(&self) -> Result<Confinement, Fault> {
        let mut process = self.process()?;
        let confinement = process.confinement(self.patience)?;
        self.keep(process, None);
        Ok(confinement)
    }

    fn process(&self) -> Result<Process, Fault> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        idle.map_or_else(|| self.start().map_err(Fault::NotStarted), Ok)
    }

    fn start(&self) -> io::Result<Process> {
        let (give, given) = mpsc::channel();
        let mut starter = self.starter.lock().unwrap_or_else(PoisonError::into_inner);
        let starter = match &*starter {
            Some(starter) => starter,
            None => starter.insert(start_starter(self.program.clone(), self.memory, self.patience)?),
        };
        let gone = || io::Error::other("the thread that starts processes has ended");
        starter.send(give).map_err(|_| gone())?;
        given.recv().map_err(|_| gone())?
    }

    /// Keeps a process for the next file, unless it is in the middle of one.
    fn keep(&self, process: Process, error: Option<&ReadError>) {
        let is_done = match error {
            None => true,
            Some(ReadError::Refused(error)) => !matches!(error, deb_parse::Error::Io(_)),
            Some(ReadError::Fault(_)) => false,
        };
        if is_done {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(process);
        }
    }
}

fn start_starter(program: Program, memory: u64, patience: Duration) -> io::Result<Starter> {
    let (starter, asked) = mpsc::channel::<Sender<io::Result<Process>>>();
    let start = move || {
        for give in asked {
            // Who asked may have ended, and with it the process that nobody takes.
            let _ = give.send(Process::start(&program, memory, patience));
        }
    };
    thread::Builder::new().name("package readers".to_owned()).spawn(start)?;
    Ok(starter)
}
