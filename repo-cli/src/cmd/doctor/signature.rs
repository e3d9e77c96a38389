//! The signature of a Release, as gpgv (apt 2) and sqv (apt 3) judge it.

use apt_fetch::{ReleaseFiles, Url};
use apt_sign::{Error, KeyProblem, Keyring, Verified};

use super::Examination;
use super::finding::{Findings, Severity};
use std::time::SystemTime;

const BEGIN: &[u8] = b"-----BEGIN PGP SIGNATURE-----";

/// Verifies the signature with the keys that clients trust.
pub(super) fn check(
    examination: &Examination<'_>,
    place: &Url,
    files: &ReleaseFiles,
    findings: &mut Findings,
) {
    let none = Keyring::default();
    let keyring = examination.keyring.unwrap_or(&none);
    let now = SystemTime::from(examination.now);
    let verified = match files {
        ReleaseFiles::Inline(text) if deb_parse::clearsign::is_signed(text) => {
            keyring.verify_inline(text, now)
        }
        ReleaseFiles::Detached(text, Some(signature)) => keyring.verify_detached(text, signature, now),
        ReleaseFiles::Inline(_) | ReleaseFiles::Detached(_, None) => {
            findings
                .error("unsigned", place, "is not signed")
                .client(format!("E: The repository '{}' is not signed.", examination.repository()))
                .mend("sign it; clients take it only with `trusted=yes`");
            return;
        }
    };
    match verified {
        Ok(verified) => check_keys(keyring, &verified, place, examination, findings),
        Err(Error::UnknownSigner { issuers }) if examination.keyring.is_none() => {
            let by = if issuers.is_empty() { "a key without a name".to_owned() } else { issuers.join(", ") };
            findings.note(
                "signature-unchecked",
                place,
                format!("signed by {by}; not verified, as no --keyring is given"),
            );
        }
        Err(error) => tell(&error, place, findings),
    }
}

/// Reports why a signature does not count.
fn tell(error: &Error, place: &Url, findings: &mut Findings) {
    match error {
        Error::UnknownSigner { issuers } => {
            let id = issuers.first().map_or("…", String::as_str);
            findings
                .error("unknown-key", place, format!("signed by none of the keys of the keyring, but by {}", issuers.join(", ")))
                .client(format!("W: GPG error: {place}: The following signatures couldn't be verified because the public key is not available: NO_PUBKEY {id}"))
                .mend("give clients the new key before it signs alone, or sign with the old key too");
        }
        Error::Framing { .. } => {
            findings
                .error("bad-framing", place, crate::error::chain(error))
                .client("E: Failed to fetch …  Clearsigned file isn't valid, got 'NOSPLIT' (does the network require authentication?)")
                .mend("sign it again; nothing may stand before or behind the signed message");
        }
        error => {
            findings
                .error("bad-signature", place, crate::error::chain(error))
                .client(format!("W: GPG error: {place}: The following signatures were invalid: BADSIG … (apt 2); Sub-process /usr/bin/sqv returned an error code (1) (apt 3)"))
                .mend("sign it again, with a key and a digest that clients accept");
        }
    }
}

/// Looks at the keys whose signatures are good.
fn check_keys(
    keyring: &Keyring,
    verified: &Verified,
    place: &Url,
    examination: &Examination<'_>,
    findings: &mut Findings,
) {
    let now = SystemTime::from(examination.now);
    let signers = verified.signers();
    let of = |signer: &apt_sign::SignedBy| {
        let known = keyring.certificates().iter().find(|one| one.fingerprint() == signer.certificate);
        known.map(|certificate| certificate.problems(now)).unwrap_or_default()
    };
    let has_a_good_one = signers.iter().any(|signer| of(signer).iter().all(|problem| !problem.is_fatal()));
    for signer in signers {
        for problem in of(signer) {
            let severity =
                if problem.is_fatal() && !has_a_good_one { Severity::Error } else { Severity::Warning };
            let finding =
                findings.add(severity, "key", place, format!("key {}: {problem}", signer.certificate));
            match problem {
                KeyProblem::Expired { .. } => finding
                    .client(format!("W: GPG error: {place}: The following signatures were invalid: EXPKEYSIG {} (apt 2; apt 3 accepts it)", signer.key))
                    .mend("prolong the key and give clients its new certificate, or change to another key"),
                KeyProblem::ExpiresSoon { .. } => {
                    finding.mend("prolong the key, and give clients its new certificate before it expires")
                }
                KeyProblem::VersionSix => finding
                    .client("W: GPG error: … NODATA (apt 2)")
                    .mend("sign with a version 4 key as long as clients have apt 2"),
                _ => finding.mend("change to another key"),
            };
        }
    }
}

/// Looks at the form of a detached signature.
pub(super) fn check_detached(signature: &[u8], place: &Url, findings: &mut Findings) {
    let blocks = signature.windows(BEGIN.len()).filter(|window| *window == BEGIN).count();
    match blocks {
        0 => {
            findings
                .error("binary-signature", place, "is not armored")
                .client(
                    "E: … Signed file isn't valid, got 'NODATA' (does the network require authentication?)",
                )
                .mend("write it armored (gpg --armor --detach-sign)");
        }
        1 => {}
        _ => {
            findings
                .warning(
                    "several-blocks",
                    place,
                    format!("has {blocks} armor blocks, and apt 3 reads only the first"),
                )
                .client("E: … Missing key …, which is needed to verify signature (apt 3)")
                .mend("put all signatures into one block");
        }
    }
}
