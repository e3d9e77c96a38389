//! The command line of one verb alone.
//!
//! To describe all verbs, with the options that each of them shares, takes longer than many a verb itself. So the arguments are first read
//! with the verbs alone that are among them. What cannot be read so, `help` too, is read with all of them: every message stays as it is.

use std::ffi::OsString;

use clap::Args;

use super::Global;
use crate::cmd;

/// Returns the command line with the verbs that are among the words of a command line; `None` when there are none.
pub(super) fn command(words: impl IntoIterator<Item = OsString>) -> Option<clap::Command> {
    let mut verbs: Vec<clap::Command> = Vec::new();
    for word in words {
        let Some(verb) = word.to_str().and_then(verb) else { continue };
        if verbs.iter().all(|known| known.get_name() != verb.get_name()) {
            verbs.push(verb);
        }
    }
    let is_empty = verbs.is_empty();
    let command = Global::augment_args(clap::Command::new("repo-cli")).subcommand_required(true);
    (!is_empty).then(|| command.subcommands(verbs))
}

/// Returns a verb with its own arguments, as [`Command`](super::Command) has it but for what only `help` shows.
fn verb(word: &str) -> Option<clap::Command> {
    let (name, arguments): (&'static str, fn(clap::Command) -> clap::Command) = match word {
        "quickstart" => ("quickstart", cmd::quickstart::QuickstartArguments::augment_args),
        "init" => ("init", cmd::init::InitArguments::augment_args),
        "add" => ("add", cmd::add::AddArguments::augment_args),
        "incoming" => ("incoming", cmd::incoming::IncomingArguments::augment_args),
        "list" => ("list", cmd::list::ListArguments::augment_args),
        "versions" => ("versions", cmd::versions::VersionsArguments::augment_args),
        "search" => ("search", cmd::search::SearchArguments::augment_args),
        "show" => ("show", cmd::show::ShowArguments::augment_args),
        "diff" => ("diff", cmd::diff::DiffArguments::augment_args),
        "check" => ("check", cmd::check::CheckArguments::augment_args),
        "why" => ("why", cmd::why::WhyArguments::augment_args),
        "preview" => ("preview", cmd::preview::PreviewArguments::augment_args),
        "pipeline" => ("pipeline", cmd::pipeline::PipelineArguments::augment_args),
        "vulnerabilities" => {
            ("vulnerabilities", cmd::vulnerabilities::VulnerabilitiesArguments::augment_args)
        }
        "sbom" => ("sbom", cmd::sbom::SbomArguments::augment_args),
        "profile" => ("profile", cmd::profile::ProfileArguments::augment_args),
        "promote" => ("promote", cmd::promote::PromoteArguments::augment_args),
        "release" => ("release", cmd::release::ReleaseArguments::augment_args),
        "remove" => ("remove", cmd::remove::RemoveArguments::augment_args),
        "hold" => ("hold", cmd::hold::HoldArguments::augment_args),
        "unhold" => ("unhold", cmd::hold::UnholdArguments::augment_args),
        "holds" => ("holds", cmd::hold::HoldsArguments::augment_args),
        "approve" => ("approve", cmd::approve::ApproveArguments::augment_args),
        "approvals" => ("approvals", cmd::approve::ApprovalsArguments::augment_args),
        "freeze" => ("freeze", cmd::freeze::FreezeArguments::augment_args),
        "thaw" => ("thaw", cmd::freeze::ThawArguments::augment_args),
        "history" => ("history", cmd::history::HistoryArguments::augment_args),
        "rollback" => ("rollback", cmd::rollback::RollbackArguments::augment_args),
        "undo" => ("undo", cmd::undo::UndoArguments::augment_args),
        "reissue" => ("reissue", cmd::reissue::ReissueArguments::augment_args),
        "rollout" => ("rollout", cmd::rollout::RolloutArguments::augment_args),
        "tag" => ("tag", cmd::tag::TagArguments::augment_args),
        "retention" => ("retention", cmd::retention::RetentionArguments::augment_args),
        "gc" => ("gc", cmd::gc::GcArguments::augment_args),
        "publish" => ("publish", cmd::publish::PublishArguments::augment_args),
        "sign" => ("sign", cmd::sign::SignArguments::augment_args),
        "build" => ("build", cmd::build::BuildArguments::augment_args),
        "import" => ("import", cmd::import::ImportArguments::augment_args),
        "base" => ("base", cmd::base::BaseArguments::augment_args),
        "bundle" => ("bundle", cmd::bundle::BundleArguments::augment_args),
        "doctor" => ("doctor", cmd::doctor::DoctorArguments::augment_args),
        "status" => ("status", cmd::status::StatusArguments::augment_args),
        "fsck" => ("fsck", cmd::fsck::FsckArguments::augment_args),
        "backup" => ("backup", cmd::backup::BackupArguments::augment_args),
        "restore" => ("restore", cmd::restore::RestoreArguments::augment_args),
        "serve" => ("serve", cmd::serve::ServeArguments::augment_args),
        "client-config" => ("client-config", cmd::client_config::ClientConfigArguments::augment_args),
        "hooks" => ("hooks", cmd::hooks::HooksArguments::augment_args),
        "access" => ("access", cmd::access::AccessArguments::augment_args),
        "machines" => ("machines", cmd::machines::MachinesArguments::augment_args),
        "key" => ("key", cmd::key::KeyArguments::augment_args),
        "config" => ("config", cmd::config::ConfigArguments::augment_args),
        "suite" => ("suite", cmd::suite::SuiteArguments::augment_args),
        "repository" => ("repository", cmd::repository::RepositoryArguments::augment_args),
        "store" => ("store", cmd::store::StoreArguments::augment_args),
        "completions" => ("completions", cmd::completions::CompletionsArguments::augment_args),
        "manual" => ("manual", cmd::manual::ManualArguments::augment_args),
        _ => return None,
    };
    Some(arguments(clap::Command::new(name)))
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, FromArgMatches as _};

    use super::*;
    use crate::args::{Arguments, Command};

    /// All that arguments are read by, of a verb and of those below it.
    fn described(command: &clap::Command) -> String {
        let arguments: Vec<String> =
            command.get_arguments().map(|argument| format!("{argument:?}")).collect();
        let groups: Vec<String> = command.get_groups().map(|group| format!("{group:?}")).collect();
        let below: Vec<String> = command.get_subcommands().map(described).collect();
        format!("{} {arguments:#?} {groups:#?} {below:#?}", command.get_name())
    }

    #[test]
    fn each_verb_alone_is_read_as_among_all() {
        let all = Arguments::command();
        for expected in all.get_subcommands() {
            let alone = verb(expected.get_name()).unwrap();
            assert_eq!(described(&alone), described(expected));
            // Another name of a verb is read with all of them.
            assert!(expected.get_all_aliases().all(|name| verb(name).is_none()), "{}", expected.get_name());
        }
        let alone = command(["list".into()]).unwrap();
        let globals = |command: &clap::Command| -> Vec<String> {
            command.get_arguments().map(|argument| format!("{argument:?}")).collect()
        };
        assert_eq!(globals(&alone), globals(&all));
    }

    fn words(line: &str) -> Vec<OsString> {
        line.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn a_name_that_is_a_verb_too_is_still_a_name() {
        let line = "repo-cli --root /srv list history";
        let matches = command(words(line)).unwrap().try_get_matches_from(words(line)).unwrap();
        let arguments = Arguments::from_arg_matches(&matches).unwrap();
        assert!(matches!(arguments.command, Command::List(_)));
        assert_eq!(arguments.global.root.unwrap(), "/srv");
    }

    #[test]
    fn what_is_no_verb_and_what_asks_for_help_is_read_with_all_of_them() {
        assert!(command(words("repo-cli --version")).is_none());
        assert!(command(words("repo-cli lst preprod")).is_none());
        for line in [
            "repo-cli list --help",
            "repo-cli help list",
            "repo-cli list --version",
            "repo-cli list --no-such",
        ] {
            assert!(command(words(line)).unwrap().try_get_matches_from(words(line)).is_err(), "{line}");
        }
    }
}
