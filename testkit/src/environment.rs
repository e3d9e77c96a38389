use std::ffi::OsStr;
use std::io::Write as _;
use std::process::{Command, Stdio};

use camino::{Utf8Path, Utf8PathBuf};
use deb_parse::deb::Builder;
use tempfile::TempDir;

use crate::{Output, Schema, Server};

/// A directory of its own for one test, and the program under test in it with nothing inherited from the machine.
///
/// The store lies in `store` below the directory.
#[derive(Debug)]
pub struct Environment {
    binary: Utf8PathBuf,
    directory: TempDir,
}

impl Environment {
    /// `binary`: the program, as `env!("CARGO_BIN_EXE_…")` names it.
    #[must_use]
    pub fn new(binary: &str) -> Self {
        let directory = TempDir::with_prefix("repo-test-").expect("a temporary directory");
        let environment = Self { binary: binary.into(), directory };
        for name in ["home", "tmp", "files"] {
            std::fs::create_dir(environment.path(name)).expect("a directory");
        }
        environment
    }

    /// With a store that has the repositories `preprod` and `prod`, each with these suites, for amd64.
    #[must_use]
    pub fn with_store(binary: &str, suites: &[&str]) -> Self {
        let environment = Self::new(binary);
        let mut arguments = vec!["init", "--architecture", "amd64"];
        arguments.extend(suites.iter().flat_map(|suite| ["--suite", suite]));
        let _ = environment.run(&arguments).succeeds();
        environment
    }

    /// A path below the test's directory.
    #[must_use]
    pub fn path(&self, name: impl AsRef<Utf8Path>) -> Utf8PathBuf {
        Utf8Path::from_path(self.directory.path()).expect("a path in UTF-8").join(name)
    }

    /// The store's root.
    #[must_use]
    pub fn root(&self) -> Utf8PathBuf {
        self.path("store")
    }

    /// Where a repository is published.
    #[must_use]
    pub fn public(&self, repository: &str) -> Utf8PathBuf {
        self.root().join("public").join(repository)
    }

    /// The program, ready to be given arguments.
    #[must_use]
    pub fn command(&self) -> Command {
        self.wrapped(&[])
    }

    /// The program, run by another one such as `strace`.
    #[must_use]
    pub fn wrapped(&self, wrapper: &[&str]) -> Command {
        let mut words = wrapper.to_vec();
        words.push(self.binary.as_str());
        self.other(&words)
    }

    /// The program with another clock, such as `+4y` or `-2d`; `None`, and a line that says so, when `faketime` is not installed.
    #[must_use]
    pub fn with_clock(&self, clock: &str) -> Option<Command> {
        crate::all_installed(&["faketime"]).then(|| self.wrapped(&["faketime", "-f", clock]))
    }

    /// Any program, in the same surroundings.
    #[must_use]
    pub fn other(&self, words: &[&str]) -> Command {
        let (program, arguments) = words.split_first().expect("a program");
        // It may stand in a line of words that another program runs.
        if words.iter().any(|word| word.contains("faketime")) {
            crate::faketime::remove_leftovers();
        }
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin")
            .env("HOME", self.path("home"))
            .env("TMPDIR", self.path("tmp"))
            .env("LC_ALL", "C")
            .env("TZ", "UTC")
            .env("REPO_ROOT", self.root())
            .env("REPO_ACTOR", "tester")
            .current_dir(self.directory.path())
            .stdin(Stdio::null());
        command
    }

    /// Runs the program to its end.
    pub fn run<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Output {
        let mut command = self.command();
        command.args(arguments);
        self.finish(&mut command)
    }

    /// Runs a command to its end. What the program prints with `--json` must be what its schema says.
    ///
    /// # Panics
    /// When it cannot be started, or its document does not fit the schema.
    pub fn finish(&self, command: &mut Command) -> Output {
        let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        if command.get_program() == self.binary.as_str() {
            check_document(command, &output.stdout);
        }
        Output::new(
            output.status,
            &output.stdout,
            &output.stderr,
            self.path("").as_str().trim_end_matches('/'),
        )
    }

    /// Runs the program with `--json` and returns what it printed.
    #[must_use]
    pub fn json(&self, arguments: &[&str]) -> String {
        let mut all = vec!["--json"];
        all.extend(arguments);
        self.run(&all).succeeds().stdout
    }

    /// Writes a file into the test's directory.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> Utf8PathBuf {
        let path = self.path(name);
        let mut file = std::fs::File::create(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        file.write_all(bytes.as_ref()).unwrap_or_else(|error| panic!("{path}: {error}"));
        path
    }

    /// Writes a package file, named as packages are.
    ///
    /// # Panics
    /// When it cannot be built or written.
    pub fn package(&self, name: &str, version: &str, architecture: &str) -> Utf8PathBuf {
        self.build(name, version, architecture, |builder| builder)
    }

    /// Writes a package file that `shape` gave what the test needs.
    ///
    /// # Panics
    /// When it cannot be built or written.
    pub fn build(
        &self,
        name: &str,
        version: &str,
        architecture: &str,
        shape: impl FnOnce(Builder) -> Builder,
    ) -> Utf8PathBuf {
        let bytes = shape(crate::package::builder(name, version, architecture)).build().expect("a package");
        self.write(&format!("files/{name}_{}_{architecture}.deb", version.replace(':', "%3a")), bytes)
    }

    /// Adds packages of these names and versions (`hello=1.0`, for all architectures) to a repository.
    ///
    /// # Panics
    /// When that fails.
    pub fn add(&self, repository: &str, packages: &[&str]) {
        let mut arguments = vec!["add".to_owned(), repository.to_owned()];
        for package in packages {
            let (name, version) = package.split_once('=').expect("NAME=VERSION");
            arguments.push(self.package(name, version, "all").into_string());
        }
        let _ = self.run(&arguments).succeeds();
    }

    /// Starts serving the store.
    #[must_use]
    pub fn serve(&self) -> Server {
        Server::start(self.command().args(["serve", "--listen", "127.0.0.1:0"]))
    }
}

/// Checks a document against its schema. A server that is asked has a schema of its own, and help and versions have none.
fn check_document(command: &Command, stdout: &[u8]) {
    let arguments: Vec<_> = command.get_args().map(OsStr::to_string_lossy).collect();
    let is_remote = arguments.iter().any(|argument| argument == "--remote")
        || command.get_envs().any(|(name, _)| name == "REPO_REMOTE");
    let Ok(document) = serde_json::from_slice::<serde_json::Value>(stdout) else { return };
    let is_text = ["help", "version"].iter().any(|field| document[field].is_string());
    if is_remote || is_text || document["format"] != 1 {
        return;
    }
    if let Some(schema) = Schema::of(&arguments)
        && let Err(fault) = schema.check(&document)
    {
        panic!("{arguments:?}: {fault}: {document}");
    }
}
