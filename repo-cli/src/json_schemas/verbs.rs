//! The type of each verb's document.

use super::Forms;
use crate::cmd::{
    access, add, approve, backup, base, build, bundle, check, client_config, completions, config, configured,
    diff, doctor, freeze, fsck, gc, history, hold, hooks, import, init, key, list, machines, pipeline,
    preview, profile, promote, publish, quickstart, reissue, release, remove, repository, restore, retention,
    rollback, rollout, sbom, search, serve, show, sign, status, store, suite, tag, undo, versions,
    vulnerabilities, why,
};
use crate::json_value::ForeignJson;

/// Returns the forms that the document of a verb may have.
#[expect(clippy::too_many_lines, reason = "a table of all verbs")]
pub(super) fn document_of(verb: &str) -> Forms {
    let forms = Forms::new();
    match verb {
        "quickstart" => forms
            .or::<quickstart::QuickstartJson<'_>>()
            .or::<quickstart::QuickstartPlanJson<'_>>()
            .or::<add::AddJson<'_>>(),
        "init" => forms.or::<init::NewStoreJson<'_>>().or::<init::StorePlanJson<'_>>(),
        "import tree" | "import reprepro" => forms.or::<import::print::ImportJson<'_>>(),
        "import verify" => forms.or::<import::verify::VerifiedImportJson<'_>>(),
        "add" | "incoming" => forms.or::<add::AddJson<'_>>(),
        "list" => forms.or::<list::ListJson>(),
        "versions" => forms.or::<versions::VersionsJson<'_>>(),
        "search" => forms.or::<search::SearchJson>(),
        "show" => forms
            .or::<show::ShownPackagesJson>()
            .or::<show::ShownStateJson<'_>>()
            .or::<show::AttestationsJson<'_>>(),
        "check" => forms.or::<check::CheckJson<'_>>().or::<check::attestations::AttestationCheckJson<'_>>(),
        "why" => forms.or::<why::WhyJson<'_>>(),
        "preview" => forms.or::<preview::json::PreviewJson<'_>>(),
        "diff" => forms.or::<diff::DiffJson<'_>>().or::<diff::json::DetailedDiffJson<'_>>(),
        "pipeline" => forms.or::<pipeline::PipelineJson>(),
        "vulnerabilities" => forms.or::<vulnerabilities::VulnerabilitiesJson>(),
        "sbom" => forms.or::<sbom::SbomJson>(),
        "profile list" => forms.or::<profile::list::ProfilesJson>(),
        "profile show" => forms.or::<profile::show::ShownProfileJson>(),
        "profile build" => forms.or::<profile::build::BuiltProfileJson>(),
        "profile diff" => forms.or::<profile::diff::ProfileDiffJson>(),
        "profile check" => forms.or::<profile::check::ProfileCheckJson>(),
        "promote" => forms.or::<promote::PromotedJson<'_>>(),
        "release" => forms.or::<release::ReleaseJson<'_>>(),
        "remove" => forms.or::<remove::RemovedJson>(),
        "hold" | "unhold" => forms.or::<hold::ChangedHoldsJson<'_>>(),
        "holds" => forms.or::<hold::HoldsJson<'_>>(),
        "approve" => forms.or::<approve::ApprovedJson<'_>>().or::<approve::WithdrawnApprovalsJson<'_>>(),
        "approvals" => forms.or::<approve::ApprovalsJson<'_>>(),
        "freeze" => forms.or::<freeze::FrozenJson<'_>>(),
        "thaw" => forms.or::<freeze::ThawedJson<'_>>(),
        "history" => {
            forms.or::<history::HistoryJson<'_>>().or::<history::verification::VerificationJson<'_>>()
        }
        "rollback" => forms.or::<rollback::RolledBackJson<'_>>(),
        "undo" => forms.or::<undo::UndoneJson<'_>>(),
        "reissue" => forms.or::<reissue::ReissuedJson>(),
        "rollout phase" => forms.or::<rollout::phase::PhasedJson>(),
        "rollout preview" => forms.or::<rollout::preview::MachineSharesJson>(),
        "rollout status" => forms.or::<rollout::status::SharesJson>(),
        "tag" => forms.or::<tag::TaggedJson<'_>>().or::<tag::TagsJson<'_>>(),
        "retention" => forms.or::<retention::RetentionJson>(),
        "gc" => forms.or::<gc::CollectedJson<'_>>(),
        "publish" => forms.or::<publish::PublishedJson<'_>>().or::<publish::PublicationPlansJson<'_>>(),
        "sign again" => forms.or::<sign::SignedJson<'_>>().or::<publish::SigningPlansJson<'_>>(),
        "sign refresh" => forms.or::<sign::refresh::RefreshedJson<'_>>(),
        "sign export" => forms.or::<sign::offline::ExportedJson<'_>>(),
        "sign attach" => forms.or::<sign::offline::AttachedJson<'_>>(),
        "fsck" => {
            forms.or::<fsck::problems::CheckedStoreJson<'_>>().or::<fsck::problems::RepairPlanJson<'_>>()
        }
        "backup" => forms
            .or::<backup::BackupJson<'_>>()
            .or::<backup::BackupPlanJson<'_>>()
            .or::<backup::BackupListJson<'_>>(),
        "restore" => forms
            .or::<restore::RestoredJson<'_>>()
            .or::<restore::RestorePlanJson<'_>>()
            .or::<restore::drill::DrillJson<'_>>(),
        "serve" => forms.or::<serve::ServingJson<'_>>(),
        "client-config" => {
            forms.or::<client_config::ClientConfigJson>().or::<client_config::pins::PinsJson<'_>>()
        }
        "access add" | "access invite" => {
            forms.or::<access::NewTokenJson<'_>>().or::<access::HolderJson<'_>>()
        }
        "access list" => forms.or::<access::TokensJson<'_>>(),
        "access rename" => forms.or::<access::RenamedHolderJson<'_>>(),
        "access revoke" => forms.or::<access::HolderJson<'_>>(),
        "machines list" => forms.or::<machines::MachinesJson<'_>>(),
        "machines show" => forms.or::<machines::ShownMachineJson<'_>>(),
        "machines import-log" => forms.or::<machines::import::ImportedLogJson>(),
        "machines forget" => forms.or::<machines::ForgottenJson<'_>>(),
        "key generate" => forms.or::<key::GeneratedKeyJson>(),
        "key list" => forms.or::<key::KeysJson<'_>>(),
        "key export" => forms.or::<key::ExportedKeysJson<'_>>(),
        "key import" => forms.or::<key::change::ImportedKeyJson<'_>>(),
        "key certify" => forms.or::<key::certify::CertifiedJson<'_>>(),
        "key publish" => forms.or::<key::PublishedKeysJson>(),
        "key rotate" => forms.or::<key::rotate::RotatedJson<'_>>(),
        "key retire" => forms.or::<key::rotate::RetiredJson<'_>>(),
        "key extend" => forms.or::<key::change::ExtendedKeyJson<'_>>(),
        "key revoke" => forms.or::<key::change::RevokedKeyJson<'_>>().or::<key::rotate::RetiredJson<'_>>(),
        "key check" => forms.or::<key::check::KeyCheckJson<'_>>(),
        "hooks list" => forms.or::<hooks::HooksJson<'_>>(),
        "hooks test" => forms.or::<hooks::TestedHookJson<'_>>(),
        "hooks retry" => forms.or::<hooks::RetriedHooksJson>(),
        "base list" | "base update" => forms.or::<base::BasesJson>(),
        "build package" => forms.or::<build::BuiltPackagesJson<'_>>(),
        "build new" => forms.or::<build::template::BuildNewJson<'_>>(),
        "bundle create" => forms.or::<bundle::create::CreatedBundleJson>(),
        "bundle inspect" | "bundle verify" => forms.or::<bundle::inspect::BundleJson>(),
        "bundle apply" => forms.or::<bundle::apply::AppliedJson<'_>>(),
        "bundle undo" => forms.or::<bundle::apply::UndoneTreeJson<'_>>(),
        "bundle receipt" => forms.or::<bundle::apply::ReceiptJson>(),
        "doctor" => forms.or::<doctor::finding::DoctorJson<'_>>(),
        "status" => forms.or::<status::StatusJson<'_>>(),
        "config check" => forms.or::<config::CheckedConfigurationJson<'_>>(),
        "config show" => forms.or::<config::SettingsJson<'_>>(),
        "config set" | "config unset" | "suite add" | "suite remove" | "repository add"
        | "repository remove" => forms.or::<configured::ConfiguredJson<'_>>(),
        "config proxy" => {
            forms.or::<config::proxy::ProxyJson<'_>>().or::<config::proxy::CredentialsJson<'_>>()
        }
        "config schema" => forms.or::<ForeignJson<'_>>(),
        "suite list" => forms.or::<suite::SuitesJson>(),
        "repository list" => forms.or::<repository::RepositoriesJson<'_>>(),
        "store upgrade" => forms.or::<store::UpgradedJson>(),
        "completions" => forms.or::<completions::CompletionsJson<'_>>(),
        other => panic!("the document of `{other}` has no type"),
    }
}
