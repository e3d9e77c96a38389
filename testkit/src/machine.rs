use std::collections::BTreeSet;
use std::fs;
use std::process::Stdio;

use camino::Utf8PathBuf;

use crate::{Environment, Output};

/// A whole Debian system of a test: what is written in it goes over the system that `REPO_TEST_CHROOT` names, which stays as it is.
///
/// Its root runs programs as on a machine of its own: dpkg installs packages, and scripts write below `/etc`. It needs root.
#[derive(Debug)]
pub struct Machine<'e> {
    environment: &'e Environment,
    system: String,
    root: Utf8PathBuf,
}

/// Lays the changes over the system in a mount namespace of its own, which ends with the program.
const ENTER: &str = r#"mount -t overlay overlay -o "lowerdir=$1,upperdir=$2/changed,workdir=$2/work" "$2/root" &&
root=$2 && shift 2 && exec chroot "$root/root" "$@""#;

/// What is listed of a system: all but what apt and dpkg keep for themselves.
const LIST: &str = r"find / -xdev \( -path /proc -o -path /sys -o -path /dev -o -path /run -o -path /var/lib/apt -o -path /var/lib/dpkg \
    -o -path /var/cache -o -path /var/log \) -prune -o -type d -printf '%p %m %u\n' -o -printf '%p %m %u %s %T@ %i %l\n'
find /etc /usr/share/keyrings -type f -exec sha256sum {} +";

impl<'e> Machine<'e> {
    /// A system without any source of packages. `None`, and a line that says so, when there is none that it could be made of.
    ///
    /// # Panics
    /// When its directories cannot be made.
    #[must_use]
    pub fn new(environment: &'e Environment, name: &str) -> Option<Self> {
        let Ok(system) = std::env::var("REPO_TEST_CHROOT") else {
            crate::skipped("REPO_TEST_CHROOT names no Debian system");
            return None;
        };
        let root = environment.path(name);
        for directory in ["changed", "work", "root"] {
            fs::create_dir_all(root.join(directory)).expect("a directory");
        }
        let machine = Self { environment, system, root };
        let cleared = machine.shell("rm -f /etc/apt/sources.list /etc/apt/sources.list.d/*", "");
        if cleared.status != Some(0) {
            crate::skipped(&format!("nothing can be laid over a system here: {cleared}"));
            return None;
        }
        Some(machine)
    }

    /// Returns the words that run these words as root of the system.
    #[must_use]
    pub fn entering(&self, words: &[&str]) -> Vec<String> {
        let enter = ["unshare", "-m", "sh", "-c", ENTER, "sh", &self.system, self.root.as_str()];
        enter.iter().chain(words).map(|word| (*word).to_owned()).collect()
    }

    /// Runs a script as root, with this text on its standard input.
    ///
    /// # Panics
    /// When its surroundings cannot be made.
    pub fn shell(&self, script: &str, typed: &str) -> Output {
        let input = self.root.with_extension("typed");
        fs::write(&input, typed).expect("a text");
        let words = self.entering(&["sh", "-c", script]);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let mut command = self.environment.other(&words);
        command.env("HOME", "/root").env_remove("TMPDIR").current_dir("/");
        command.env("DEBIAN_FRONTEND", "noninteractive");
        command.stdin(Stdio::from(fs::File::open(&input).expect("a text")));
        self.environment.finish(&mut command)
    }

    /// Runs a script as root, with nothing on its standard input.
    pub fn run(&self, script: &str) -> Output {
        self.shell(script, "")
    }

    /// The version that would be installed; `None` when there is none.
    ///
    /// # Panics
    /// When apt fails.
    #[must_use]
    pub fn candidate(&self, package: &str) -> Option<String> {
        let policy = self.run(&format!("apt-cache policy {package}")).succeeds().stdout;
        let candidate = policy.lines().find_map(|line| line.trim().strip_prefix("Candidate: "))?;
        (candidate != "(none)").then(|| candidate.to_owned())
    }

    /// Every file outside apt's and dpkg's own directories, with what tells a changed one and, in the last word but one, its inode.
    ///
    /// # Panics
    /// When they cannot be listed.
    #[must_use]
    pub fn files(&self) -> BTreeSet<String> {
        self.run(LIST).succeeds().stdout.lines().map(str::to_owned).collect()
    }
}
