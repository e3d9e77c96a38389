use clap::Subcommand;

use crate::clock::{self, Hazard};
use crate::error::{Failure, Outcome};
use crate::output::{Output, RowLimit};
use crate::session::Session;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct KeyArguments {
    #[command(subcommand)]
    command: KeyCommand,
}

#[derive(Clone, Debug, Subcommand)]
enum KeyCommand {
    /// Make another key: from the next publication on every key signs
    Generate {
        /// Whose key it is, as clients see it
        #[arg(long, value_name = "TEXT", default_value = "Archive signing key")]
        name: String,
        /// Accept this hazard
        #[arg(long, value_name = "HAZARD")]
        accept: Vec<Hazard>,
    },
    /// List the keys
    List,
    /// Print the public keys, as clients need them
    Export {
        /// In binary, for a file that ends in .gpg
        #[arg(long)]
        binary: bool,
    },
}

pub(crate) fn run(arguments: &KeyArguments, session: &Session, output: &Output) -> Result<Outcome, Failure> {
    match &arguments.command {
        KeyCommand::Generate { name, accept } => {
            let (keys, now) = (session.keys(), session.context().now);
            if !accept.contains(&Hazard::Clock) {
                clock::check_for_key(&session.store, &keys, now)?;
            }
            let key = keys.generate(name, now.into())?;
            let fingerprint = key.fingerprint().to_string();
            output.result(&serde_json::json!({ "fingerprint": fingerprint }), || {
                output.line(&fingerprint);
            });
            output.say("clients must get it (`client-config`) before the old one may go");
        }
        KeyCommand::List => list(session, output)?,
        KeyCommand::Export { binary } => {
            if *binary && output.is_json() {
                return Err(Failure::Usage("--json and --binary exclude each other"));
            }
            let (keyring, warnings) = session.keys().keyring()?;
            warnings.into_iter().for_each(|warning| output.warn(warning.code(), warning.to_string()));
            if *binary {
                output.bytes(&keyring.binary()?);
            } else {
                let armored = keyring.armored()?;
                let keys = armored.trim_end();
                output.result(&serde_json::json!({ "keys": keys }), || output.line(keys));
            }
        }
    }
    Ok(Outcome::Done)
}

fn list(session: &Session, output: &Output) -> Result<(), Failure> {
    let now = std::time::SystemTime::now();
    let day = |time| {
        let time = jiff::Timestamp::try_from(time).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        time.strftime("%Y-%m-%d").to_string()
    };
    let mut rows = Vec::new();
    let mut notes = Vec::new();
    let mut json = Vec::new();
    let (certificates, warnings) = session.keys().certificates()?;
    warnings.into_iter().for_each(|warning| output.warn(warning.code(), warning.to_string()));
    for certificate in certificates {
        let problems: Vec<String> = certificate.problems(now).iter().map(ToString::to_string).collect();
        let expires = certificate.signing_ends().map(day);
        json.push(serde_json::json!({
            "fingerprint": certificate.fingerprint().to_string(),
            "algorithm": certificate.signing_algorithm(now),
            "created": day(certificate.created()),
            "expires": expires,
            "user_ids": certificate.user_ids(),
            "problems": problems,
        }));
        rows.push([
            certificate.fingerprint().to_string(),
            certificate.signing_algorithm(now),
            expires.unwrap_or_else(|| "never".to_owned()),
            certificate.user_ids().join(", "),
        ]);
        let fingerprint = certificate.fingerprint();
        notes.extend(problems.into_iter().map(|problem| format!("{fingerprint}: {problem}")));
    }
    output.result(&serde_json::json!({ "keys": json }), || {
        output.table(["FINGERPRINT", "ALGORITHM", "EXPIRES", "NAME"], &rows, RowLimit::NONE);
        notes.iter().for_each(|note| output.line(note));
    });
    if json.is_empty() {
        output.found_nothing("no keys");
    }
    Ok(())
}
