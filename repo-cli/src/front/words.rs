//! What all configurations of servers in front have in common: comments, and the pattern of what never changes.

use std::fmt::Write as _;

use super::{Front, FrontServer};
use crate::cmd::client_config::quoted;

/// The pattern of the paths in a repository whose files never change, from the slash at its root on; as `serve` knows them.
pub(super) const IMMUTABLE: &str = "/(pool/|buildinfo/|attestations/|snapshot/[^/]+/pool/|(.*/)?by-hash/)";

/// Where certificates might lie, in a line that is left to be filled in.
pub(super) const CERTIFICATE: &str = "/etc/ssl/repo-cli/certificate.pem";
/// The same for the key.
pub(super) const KEY: &str = "/etc/ssl/repo-cli/key.pem";

/// Returns the files of the certificate and of its key, and what comes before a line with one of them: where none are configured, the line
/// is a comment to be filled in.
pub(super) fn certificate(front: &Front) -> (&str, &str, &'static str) {
    match &front.tls {
        Some((certificate, key)) => (certificate.as_str(), key.as_str(), ""),
        None => (CERTIFICATE, KEY, "# "),
    }
}

/// Returns a path with the characters escaped that mean something in a pattern.
pub(super) fn escaped(path: &str) -> String {
    path.replace('.', "\\.").replace('+', "\\+")
}

/// Returns the command that prints the configuration, or writes the credentials.
fn command(front: &Front, server: FrontServer) -> String {
    let mut command =
        format!("repo-cli --root {} config proxy {}", quoted(front.store.as_str()), server.word());
    for name in &front.chosen {
        let _ = write!(command, " --repository {name}");
    }
    if front.credentials.as_str() != server.credentials() {
        let _ = write!(command, " --credentials {}", quoted(front.credentials.as_str()));
    }
    command
}

/// Returns where the text comes from.
pub(super) fn introduction(front: &Front, server: FrontServer) -> String {
    let mut text = format!(
        "# Printed by: {}\n# Print it again when repositories, addresses or access in repo.toml change.\n",
        command(front, server)
    );
    if front.speaks_tls() && front.tls.is_none() {
        text.push_str("# Name the certificate: [serve.tls] of repo.toml has none.\n");
    }
    text
}

/// Returns what is to be known about the files of credentials, if there are any.
pub(super) fn credentials(front: &Front, server: FrontServer) -> String {
    if !front.has_logins() {
        return String::new();
    }
    let (group, effect) = match server {
        FrontServer::Caddy => ("caddy", "Caddy reads them when it is reloaded."),
        _ => ("www-data", "They count from the next request on."),
    };
    let directory = quoted(front.credentials.as_str());
    format!(
        "#\n# Users and tokens are taken from files in {directory}, which these commands make:\n#     install -d -m 2750 -g {group} {directory}\n#     {} --write-credentials\n# Run the second one after each `access add` and `access revoke`, and by a timer, as tokens expire. {effect}\n# A token is taken with the name of its holder alone.\n",
        command(front, server)
    )
}

/// Returns what `serve` must be told, if anything is passed on to it.
pub(super) fn passed_on(front: &Front, server: FrontServer) -> String {
    let files = front.passed_on.files.as_deref();
    let addresses: Vec<&str> = files.into_iter().chain(front.passed_on.api.as_deref()).collect();
    if addresses.is_empty() {
        return String::new();
    }
    let what = match (server.serves_files(), files) {
        (false, _) => "Everything",
        (true, Some(_)) if addresses.len() > 1 => "/, /-/ and /api/",
        (true, Some(_)) => "/ and /-/",
        (true, None) => "/api/",
    };
    let verb = if server.serves_files() && files.is_some() { "are" } else { "is" };
    let mut addresses = addresses;
    addresses.dedup();
    let tls = if front.passed_on.api.is_some() { ", /api/ over TLS alone" } else { "" };
    format!(
        "#\n# {what} {verb} passed on to repo-cli serve at {}{tls}.\n# In [serve] of repo.toml let it believe where requests come from:\n#     trusted_proxies = [\"127.0.0.1\"]\n",
        addresses.join(" and ")
    )
}
