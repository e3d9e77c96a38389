//! A disk of a test's own. That needs root and loop devices; elsewhere the test says that it was skipped.

use testkit::{Environment, Output};

/// A file system in a file, mounted where the store lies.
pub(super) struct Disk<'e> {
    environment: &'e Environment,
}

impl<'e> Disk<'e> {
    /// `None` where this machine cannot mount one.
    pub(super) fn new(environment: &'e Environment, format: &[&str]) -> Option<Self> {
        let disk = Self { environment };
        std::fs::create_dir_all(environment.root()).unwrap();
        let made = disk.run(&["truncate", "-s", "400M", "disk"]).status == Some(0)
            && disk.run(&[format, &["disk"]].concat()).status == Some(0)
            && disk.mount();
        if !made {
            testkit::skipped("no file system can be mounted here");
        }
        made.then_some(disk)
    }

    pub(super) fn run(&self, words: &[&str]) -> Output {
        self.environment.finish(&mut self.environment.other(words))
    }

    fn mount(&self) -> bool {
        self.run(&["mount", "-o", "loop", "disk", "store"]).status == Some(0)
    }

    /// Cuts the power and starts again.
    pub(super) fn cut(&self) {
        let _ = self.run(&["xfs_io", "-x", "-c", "shutdown", "store"]).succeeds();
        let _ = self.run(&["umount", "store"]).succeeds();
        assert!(self.mount(), "it can be mounted again");
    }
}

impl Drop for Disk<'_> {
    fn drop(&mut self) {
        let _ = self.run(&["umount", "store"]);
    }
}
