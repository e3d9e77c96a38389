//! The command-line tool of an APT repository manager. See `repo-cli help`.

mod access;
mod actor_key;
mod approver;
mod args;
mod clock;
mod cmd;
mod columns;
mod confinement;
#[cfg(test)]
mod documents;
mod error;
mod examples;
mod fetch;
mod front;
mod guard;
mod hooks;
mod journal;
#[cfg(test)]
mod json_schemas;
mod json_value;
mod key_check;
mod moment;
mod named_source;
mod nearest;
mod only_names;
mod operation_log;
mod output;
mod package_count;
mod package_names;
mod package_readers;
mod passphrase;
mod planned;
mod progress;
mod published_archive;
mod remote;
mod revision_spec;
mod schedule;
mod serving;
mod session;
mod signals;

use std::process::ExitCode;

fn main() -> ExitCode {
    if let Some(status) = package_readers::read_packages_if_asked() {
        return status;
    }
    no_core_dump();
    schedule::end_with_parent();
    let arguments = match args::Arguments::read() {
        Ok(arguments) => arguments,
        Err(message) => {
            let arguments = std::env::args_os;
            return output::usage(&message, args::ask_for_json(arguments()), args::color_choice(arguments()));
        }
    };
    let output = output::Output::of(&arguments.global, arguments.command.prints_json());
    let status = match cmd::run(arguments, &output) {
        Ok(outcome) => outcome.into(),
        Err(error) => {
            output.error(&error);
            error.exit_code()
        }
    };
    output.finish(status)
}

/// Keeps secret keys, passphrases and tokens out of a dump of this process, and away from other processes of the same user.
fn no_core_dump() {
    // Where the system cannot do that, nothing else is wrong.
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
}
