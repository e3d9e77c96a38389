//! The process that reads packages.

use std::io::{self, BufRead as _, BufReader, BufWriter, Read, Write};

use deb_parse::deb::transfer::Question;
use nix::sys::signal::{SigSet, Signal};

use crate::ANSWER;
use crate::confinement::confine;
use crate::pieces::Pieces;

/// Reads packages for the process that started this one, until that has no more: this is the whole of such a process.
///
/// Call it first of all, before any thread is started. What it asks and answers goes over standard input and output, which must be
/// those that [`Readers`](crate::Readers) gives it.
///
/// # Errors
/// When the process cannot be confined, or the other one ends in the middle of something.
pub fn read_packages() -> io::Result<()> {
    // The program ends in its own time when it is asked to, and the package that is being read is not to blame.
    let asked = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGQUIT];
    asked.into_iter().collect::<SigSet>().thread_block()?;
    // Nothing is left behind when the program is killed while a package is read.
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
    let mut memory = [0; 8];
    StandardInput.read_exact(&mut memory)?;
    let confinement = confine(u64::from_le_bytes(memory))?;
    StandardOutput.write_all(&[u8::from(confinement.files), u8::from(confinement.system_calls)])?;
    let mut input = BufReader::with_capacity(16 << 10, StandardInput);
    loop {
        if input.fill_buf()?.is_empty() {
            return Ok(());
        }
        let question = Question::read(&mut input)?;
        let mut file = Pieces::new(&mut input, StandardOutput);
        let mut answer = BufWriter::with_capacity(32 << 10, StandardOutput);
        answer.write_all(&[ANSWER])?;
        question.answer(&mut file, &mut answer)?;
        answer.flush()?;
        file.pass_over()?;
    }
}

/// Standard input without the buffer of the standard library.
struct StandardInput;

impl Read for StandardInput {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(rustix::io::read(rustix::stdio::stdin(), buffer)?)
    }
}

/// Standard output without the buffer of the standard library, which looks for ends of lines.
struct StandardOutput;

impl Write for StandardOutput {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(rustix::io::write(rustix::stdio::stdout(), bytes)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
