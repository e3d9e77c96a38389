//! Builds the Debian package of `repo-cli` from the built program: with manual pages, completions, systemd units and the user that runs
//! them.
//!
//! ```sh
//! cargo build --release -p repo-cli
//! cargo run -p packaging -- --program target/release/repo-cli --to .
//! ```

mod contents;
mod program;
mod scripts;
mod units;

use std::process::ExitCode;

use camino::Utf8PathBuf;
use clap::Parser;
use deb_parse::{Architecture, PackageName, Version};

use crate::program::Program;

/// Builds the Debian package of `repo-cli`.
#[derive(Debug, Parser)]
struct Arguments {
    /// The built program
    #[arg(long, value_name = "FILE")]
    program: Utf8PathBuf,
    /// Where the package goes
    #[arg(long, value_name = "DIR", default_value = ".")]
    to: Utf8PathBuf,
    /// What follows the program's version in that of the package
    #[arg(long, value_name = "TEXT", default_value = "1")]
    revision: String,
    /// The time of all files, in seconds since 1970 [default: that of this version]
    #[arg(
        long,
        env = "SOURCE_DATE_EPOCH",
        value_name = "SECONDS",
        default_value_t = 1_795_737_600,
        hide_default_value = true
    )]
    time: u64,
}

/// What kept the package from being built.
#[derive(Debug, thiserror::Error)]
enum Error {
    /// A file.
    #[error("cannot {verb} {path}: {source}")]
    Io { verb: &'static str, path: Utf8PathBuf, source: std::io::Error },
    /// A program that is needed.
    #[error("{command} failed: {output}")]
    Command { command: String, output: String },
    /// What the package holds.
    #[error(transparent)]
    Package(#[from] deb_parse::Error),
}

impl Error {
    fn io(verb: &'static str, path: impl Into<Utf8PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { verb, path, source }
    }
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(path) => {
            #[expect(clippy::print_stdout, reason = "the result")]
            {
                println!("{path}");
            }
            ExitCode::SUCCESS
        }
        Err(error) => {
            #[expect(clippy::print_stderr, reason = "the error")]
            {
                eprintln!("error: {error}");
            }
            ExitCode::FAILURE
        }
    }
}

/// Builds the package and returns its path.
fn run(arguments: &Arguments) -> Result<Utf8PathBuf, Error> {
    let program = Program::new(&arguments.program)?;
    let package = PackageName::parse("repo-cli")?;
    let version = Version::parse(&format!("{}-{}", env!("CARGO_PKG_VERSION"), arguments.revision))?;
    let architecture = Architecture::parse(&program.architecture)?;
    let name = format!("{package}_{version}_{architecture}.deb");
    let builder = contents::package(package, version, architecture, &program, arguments.time);
    let path = arguments.to.join(name);
    std::fs::write(&path, builder.build()?).map_err(Error::io("write", &path))?;
    Ok(path)
}
