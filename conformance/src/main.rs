//! Tries the cases on managers of repositories and prints which are met.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use clap::Parser;

/// Tries what a repository must do for its clients on this project and its peers.
///
/// Exit status: 0 done, 1 ours misses a case or something failed, 2 wrong usage.
#[derive(Debug, Parser)]
struct Arguments {
    /// Only cases whose names contain one of these, such as `by-hash/` or `valid-until` [default: all]
    filters: Vec<String>,
    /// Only this manager: ours, aptly, reprepro or apt-ftparchive; may be given several times [default: all]
    #[arg(long = "adapter", value_name = "NAME")]
    adapters: Vec<String>,
    /// The program repo-cli [default: the one beside this program, built first]
    #[arg(long, value_name = "FILE")]
    repo_cli: Option<PathBuf>,
    /// A case that ours misses and is known to miss: that ends with 0, and that it is met with 1; may be given several times
    #[arg(long = "known-miss", value_name = "CASE")]
    known: Vec<String>,
    /// Write the results to a file, as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the results into a document, in the place of those that it has
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    /// How many worlds are tried at once [default: two for each processor]
    #[arg(long, value_name = "NUMBER")]
    jobs: Option<usize>,
    /// List the cases with their rules, and try nothing
    #[arg(long)]
    list: bool,
    /// Name each case that is tried, and how long it took
    #[arg(long, short)]
    verbose: bool,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::from(1)
        }
    }
}

/// Returns whether ours, if it was tried, meets every case.
fn run(arguments: &Arguments) -> io::Result<bool> {
    let mut output = io::stdout();
    if arguments.list {
        for (name, rule) in conformance::list() {
            writeln!(output, "{name}\n    {rule}")?;
        }
        return Ok(true);
    }
    let repo_cli = match &arguments.repo_cli {
        Some(path) => path.canonicalize()?,
        None => built()?,
    };
    let mut managers = conformance::managers(&repo_cli.to_string_lossy());
    if let Some(unknown) =
        arguments.adapters.iter().find(|name| managers.iter().all(|manager| manager.name() != *name))
    {
        let names: Vec<_> = managers.iter().map(|manager| manager.name()).collect();
        return Err(io::Error::other(format!(
            "no adapter named `{unknown}` (adapters: {})",
            names.join(", ")
        )));
    }
    managers.retain(|manager| {
        arguments.adapters.is_empty() || arguments.adapters.iter().any(|name| name == manager.name())
    });
    let threads = arguments
        .jobs
        .or_else(|| std::thread::available_parallelism().ok().map(|number| 2 * usize::from(number)));
    // Most of the time is spent waiting: for disks, servers and the next second.
    let threads = threads.unwrap_or(2);
    let mut reports = Vec::new();
    for manager in managers {
        let report = conformance::run(manager.as_ref(), &arguments.filters, threads, |row| {
            if arguments.verbose {
                let state = if row.result.is_ok() { "met" } else { "not met" };
                // What is lost when the terminal is gone is not worth an error.
                let _ = writeln!(
                    io::stderr(),
                    "{} {}: {state} ({} ms)",
                    manager.name(),
                    row.name,
                    row.took.as_millis()
                );
            }
        });
        write!(output, "{}", conformance::table(&report))?;
        reports.push(report);
    }
    if reports.len() > 1 {
        write!(output, "\n{}", conformance::summary(&reports))?;
    }
    let date = jiff::Timestamp::now().strftime("%Y-%m-%d").to_string();
    if let Some(path) = &arguments.json {
        std::fs::write(path, format!("{:#}\n", conformance::json(&reports, &date)))?;
    }
    if let Some(path) = &arguments.markdown {
        let document = std::fs::read_to_string(path)?;
        std::fs::write(path, conformance::fill_in(&document, &reports, &date))?;
    }
    let ours = reports.iter().find(|report| report.manager == "ours");
    if ours.is_some_and(|report| report.rows.is_empty()) {
        return Err(io::Error::other("no case has such a name, or repo-cli does not run"));
    }
    let Some(ours) = ours else { return Ok(true) };
    let missed: Vec<&str> = ours.missed().map(|row| row.name).collect();
    let unexpected = missed.iter().any(|name| !arguments.known.iter().any(|known| known == name));
    let tried = |known: &String| ours.rows.iter().any(|row| row.name == known);
    let met =
        arguments.known.iter().filter(|known| tried(known)).find(|known| !missed.contains(&known.as_str()));
    if let Some(name) = met {
        writeln!(output, "{name} is met: take it off the list of known misses")?;
    }
    Ok(!unexpected && met.is_none())
}

/// Builds repo-cli beside this program, in the same way.
fn built() -> io::Result<PathBuf> {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(["build", "--quiet", "--locked", "--package", "repo-cli"]);
    if !cfg!(debug_assertions) {
        command.arg("--release");
    }
    if !command.current_dir(env!("CARGO_MANIFEST_DIR")).status()?.success() {
        return Err(io::Error::other("repo-cli does not build"));
    }
    Ok(std::env::current_exe()?.with_file_name("repo-cli"))
}
