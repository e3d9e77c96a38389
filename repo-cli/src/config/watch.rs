//! The configuration of a program that goes on while it is changed.

use std::mem;

use camino::Utf8PathBuf;

use super::Config;
use super::file::{self, Source};
use crate::error::{self, Failure};

/// Tells when the files of a configuration say something else.
#[derive(Debug)]
pub(crate) struct Watch {
    root: Utf8PathBuf,
    /// What counts now.
    current: Vec<Source>,
    /// What was found when it was looked last.
    seen: Vec<Source>,
    /// What was said last to be wrong.
    problem: Option<String>,
}

impl Watch {
    /// From this configuration on.
    pub(crate) fn new(config: &Config) -> Self {
        let (root, current) = (config.root.clone(), config.sources.clone());
        Self { root, seen: current.clone(), current, problem: None }
    }

    /// What `use_it` makes of the configuration, when it is another one than before; the error when that cannot be used, once. Then the
    /// one before counts further.
    pub(crate) fn look<T>(
        &mut self,
        use_it: impl FnOnce(&Config) -> Result<T, Failure>,
    ) -> Result<Option<T>, Failure> {
        let result = self.read(use_it);
        let problem = result.as_ref().err().map(|failure| error::chain(failure));
        let is_known = problem == mem::replace(&mut self.problem, problem.clone());
        if is_known { result.or(Ok(None)) } else { result }
    }

    fn read<T>(&mut self, use_it: impl FnOnce(&Config) -> Result<T, Failure>) -> Result<Option<T>, Failure> {
        let sources = file::sources(&self.root)?;
        let before = mem::replace(&mut self.seen, sources.clone());
        // What differs from one look to the next may be half written.
        if sources == self.current || sources != before {
            return Ok(None);
        }
        let made = use_it(&Config::of(&self.root, &sources)?)?;
        self.current = sources;
        Ok(Some(made))
    }
}
