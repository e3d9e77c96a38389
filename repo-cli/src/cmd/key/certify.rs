//! The public key of a command that signs. A key service gives a bare public key; clients need a certificate, signed by that key.

use std::fs::File;
use std::io::Write as _;

use apt_sign::{CommandKey, Fingerprint};
use camino::Utf8PathBuf;
use repo_config::keys::ExternalSigner;
use serde::Serialize;

use crate::error::{Failure, Outcome};
use crate::json_value::{JsonDocument, Text};
use crate::output::Output;
use crate::session::Session;

#[derive(Clone, Debug, clap::Args)]
pub(super) struct CertifyArguments {
    /// The file of the public key, in PEM (`BEGIN PUBLIC KEY`)
    #[arg(value_name = "PEM")]
    file: Utf8PathBuf,
    /// Whose key it is, as clients see it
    #[arg(long, value_name = "TEXT", default_value = "Archive signing key")]
    name: String,
}

/// Makes it for the one `[[signing.signer]]` with a command and without its public key file.
pub(super) fn certify(
    arguments: &CertifyArguments,
    session: &Session,
    output: &Output,
) -> Result<Outcome, Failure> {
    let mut lacking = session.config.external_signers().into_iter().filter_map(|signer| match signer {
        ExternalSigner::Command { command, public_key } if !public_key.exists() => {
            Some((command, public_key))
        }
        _ => None,
    });
    let what = match (lacking.next(), lacking.next()) {
        (Some((command, public_key)), None) => {
            return certify_for(arguments, (&command, &public_key), session, output);
        }
        (None, _) => "every command in repo.toml that signs has its public key",
        _ => "several commands in repo.toml have no public key yet: add one after the other",
    };
    Err(Failure::NoCommandSigner { what })
}

/// The document of `key certify`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct CertifiedJson<'a> {
    /// The file with the public key
    #[cfg_attr(test, schemars(with = "String"))]
    file: &'a Utf8PathBuf,
    /// The fingerprint of the key
    fingerprint: Text<&'a Fingerprint>,
}

impl JsonDocument for CertifiedJson<'_> {}

fn certify_for(
    arguments: &CertifyArguments,
    (command, public_key): (&[String], &Utf8PathBuf),
    session: &Session,
    output: &Output,
) -> Result<Outcome, Failure> {
    let pem = std::fs::read(&arguments.file).map_err(Failure::io("read", &arguments.file))?;
    let (program, rest) = command.split_first().map_or(("", command), |(program, rest)| (program, rest));
    let created = session.context().now.into();
    let certificate = CommandKey::certify(program, rest, &pem, &arguments.name, created)?;
    let armored = certificate.armored()?;
    File::create_new(public_key)
        .and_then(|mut file| file.write_all(armored.as_bytes()).and_then(|()| file.sync_all()))
        .map_err(Failure::io("write", public_key))?;
    let fingerprint = certificate.fingerprint();
    let document = CertifiedJson { file: public_key, fingerprint: Text(&fingerprint) };
    output.result(&document, || output.line(&fingerprint.to_string()));
    output.say("it signs from the next publication on. To bring it to clients: repo-cli key publish");
    Ok(Outcome::Done)
}
