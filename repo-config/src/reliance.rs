//! What an error about the configuration relies on: where that has a mistake of its own, the error may be none.

use repo_store::error::SettingsError;

use crate::error::{ConfigError, Contradiction, GateFault, HookFault, ProfileFault};

/// The keys of settings without which nothing can be said of an error: with a mistake in one of them it may be no mistake at all.
pub(crate) fn relies_on(error: &ConfigError) -> &'static [&'static str] {
    match error {
        ConfigError::Settings { source, .. } => match source {
            SettingsError::NoArchitectures { .. } => &["architectures", "architectures_file"],
            SettingsError::NoComponents { .. } | SettingsError::InstallerComponent { .. } => &["components"],
            SettingsError::NoEncoding { .. } | SettingsError::NoCommonEncoding => {
                &["compress", "compress_index", "packages"]
            }
            SettingsError::Route { .. } => {
                &["suites", "suites_file", "suite", "components", "component", "route"]
            }
            _ => &["suites", "suites_file", "suite"],
        },
        ConfigError::Contradiction { fault, .. } => match fault {
            Contradiction::TableWithoutSuite { .. } | Contradiction::UnknownSuite { .. } => {
                &["suites", "suites_file"]
            }
            Contradiction::FolderOfNoSuite { .. } => &["suites", "suites_file", "repositories", "incoming"],
            Contradiction::RouteWithoutSuites { .. } => &["suites", "suites_file", "repositories", "route"],
            Contradiction::RuleOfNoSuite { .. } => {
                &["suites", "suites_file", "repositories", "retention", "base"]
            }
            Contradiction::FolderOfNoComponent { .. } => {
                &["suites", "suites_file", "suite", "components", "incoming"]
            }
            Contradiction::ChannelWithoutRepository { .. } => &["repositories"],
            Contradiction::FolderOfNoRepository { .. } => &["repositories", "incoming"],
            Contradiction::RouteOfNoRepository { .. } => &["repositories", "route"],
            Contradiction::RuleOfNoRepository { .. } => &["repositories", "retention", "freeze"],
            Contradiction::FolderInStore { .. }
            | Contradiction::FolderTwice { .. }
            | Contradiction::ArchiveInStore { .. } => &["incoming"],
            Contradiction::BackupInStore { .. } => &["schedule"],
            Contradiction::RetentionWithoutLimit { .. } => &["keep_versions", "keep_for", "retention"],
            Contradiction::Gate { fault: GateFault::UnknownRepository { .. }, .. } => {
                &["repositories", "gate"]
            }
            Contradiction::Gate { fault: GateFault::DropFolder { .. }, .. } => &["gate", "incoming"],
            Contradiction::Gate { .. } => &[
                "minimum_age",
                "never_backwards",
                "forbid_versions",
                "forbid_maintainers",
                "require_fields",
                "max_size",
                "approvals",
                "together",
                "installable",
                "attested",
                "gate",
            ],
            Contradiction::Hook { fault: HookFault::UnknownRepository { .. }, .. } => {
                &["repositories", "hook"]
            }
            Contradiction::Hook { .. } => {
                &["on", "url", "command", "mail", "format", "secret_file", "timeout", "name", "hook"]
            }
            Contradiction::Signer { .. } => &["gpg", "command", "public_key", "offline", "signer"],
            _ => &[],
        },
        ConfigError::Profile { fault, .. } => match &**fault {
            ProfileFault::UnknownSuite { .. } => &["suites", "suites_file", "profile"],
            ProfileFault::UnknownArchitecture { .. } => {
                &["architectures", "architectures_file", "suite", "profile"]
            }
            _ => &["profile", "packages", "includes", "exclude", "machine"],
        },
        _ => &[],
    }
}
