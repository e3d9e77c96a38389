//! Signing what is attested: envelopes of DSSE (<https://github.com/secure-systems-lab/dsse>) with OpenPGP signatures.

use std::time::SystemTime;

use apt_sign::Signer;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

/// The type of what envelopes hold: in-toto statements.
const STATEMENT: &str = "application/vnd.in-toto+json";

/// A statement with its signatures.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub(crate) struct Envelope {
    /// The statement (in-toto) in base64
    payload: String,
    /// The type of the statement
    payload_type: &'static str,
    /// One entry, with the signatures of all keys
    signatures: [EnvelopeSignature; 1],
}

/// The signatures of all keys: an armored OpenPGP message, as in `Release.gpg`, over the [bytes that are signed](pae).
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct EnvelopeSignature {
    /// The fingerprints of the keys, separated by blanks
    keyid: String,
    /// The armored OpenPGP message in base64
    sig: String,
}

impl Envelope {
    /// Signs a statement.
    ///
    /// # Errors
    /// Those of the signer.
    pub(crate) fn of_statement(
        statement: &str,
        signer: &dyn Signer,
        time: SystemTime,
    ) -> Result<Self, apt_sign::Error> {
        let signed = signer.sign(&pae(STATEMENT, statement.as_bytes()), time)?;
        let fingerprints: Vec<String> = signer.fingerprints().iter().map(ToString::to_string).collect();
        let (keyid, sig) = (fingerprints.join(" "), STANDARD.encode(signed.detached()));
        let payload = STANDARD.encode(statement);
        Ok(Self { payload_type: STATEMENT, payload, signatures: [EnvelopeSignature { keyid, sig }] })
    }
}

/// The bytes that are signed: the type and the content, each with its length, so that neither can be taken for the other (DSSE's
/// pre-authentication encoding).
fn pae(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len());
    [head.as_bytes(), payload].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_signed_is_the_example_of_the_specification() {
        let text = pae("http://example.com/HelloWorld", b"hello world");
        assert_eq!(text, b"DSSEv1 29 http://example.com/HelloWorld 11 hello world");
    }
}
