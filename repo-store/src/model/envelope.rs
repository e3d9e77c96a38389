//! Envelopes of DSSE (<https://github.com/secure-systems-lab/dsse>) around in-toto statements, with OpenPGP signatures.

use std::time::SystemTime;

use apt_sign::Keyring;
use apt_sign::Signer;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::model::attestation::PAYLOAD;

/// A statement with its signatures.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Envelope {
    payload: String,
    payload_type: String,
    signatures: Vec<EnvelopeSignature>,
}

/// The signatures of all keys: an armored OpenPGP message, as in `Release.gpg`, over the [bytes that are signed](signed_bytes).
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
struct EnvelopeSignature {
    /// The fingerprints of the keys, separated by blanks.
    keyid: String,
    sig: String,
}

/// What is wrong with an envelope.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EnvelopeError {
    /// It cannot be read.
    #[error("it is not an envelope of DSSE around an in-toto statement, with one OpenPGP signature")]
    Form,
    /// The signature does not hold, or nobody knows who made it.
    #[error(transparent)]
    Signature(#[from] apt_sign::Error),
}

impl Envelope {
    /// Signs a statement.
    ///
    /// # Errors
    /// Those of the signer.
    pub fn of_statement(
        statement: &str,
        signer: &dyn Signer,
        time: SystemTime,
    ) -> Result<Self, apt_sign::Error> {
        let signed = signer.sign(&signed_bytes(PAYLOAD, statement.as_bytes()), time)?;
        let fingerprints: Vec<String> = signer.fingerprints().iter().map(ToString::to_string).collect();
        let (keyid, sig) = (fingerprints.join(" "), STANDARD.encode(signed.detached()));
        Ok(Self {
            payload: STANDARD.encode(statement),
            payload_type: PAYLOAD.to_owned(),
            signatures: vec![EnvelopeSignature { keyid, sig }],
        })
    }

    /// Reads an envelope as [`to_line`](Self::to_line) writes it.
    ///
    /// # Errors
    /// [`EnvelopeError::Form`] for any other text.
    pub fn parse(text: &[u8]) -> Result<Self, EnvelopeError> {
        serde_json::from_slice(text).map_err(|_| EnvelopeError::Form)
    }

    /// Returns the envelope as one line of JSON.
    #[must_use]
    pub fn to_line(&self) -> String {
        // It has strings alone, which can always be written.
        serde_json::to_string(self).unwrap_or_default() + "\n"
    }

    /// Returns the statement without verifying the signature.
    pub(crate) fn claim(&self) -> Option<Vec<u8>> {
        STANDARD.decode(&self.payload).ok()
    }

    /// Returns the statement, once the signature is known to hold: that of at least one key of the keyring, as for
    /// [`Keyring::verify_detached`].
    ///
    /// # Errors
    /// [`EnvelopeError::Form`] when it holds something else than a statement, and [`EnvelopeError::Signature`].
    pub fn verify(&self, keyring: &Keyring, time: SystemTime) -> Result<Vec<u8>, EnvelopeError> {
        let [signature] = self.signatures.as_slice() else { return Err(EnvelopeError::Form) };
        if self.payload_type != PAYLOAD {
            return Err(EnvelopeError::Form);
        }
        let decode = |text: &str| STANDARD.decode(text).map_err(|_| EnvelopeError::Form);
        let (statement, signature) = (decode(&self.payload)?, decode(&signature.sig)?);
        keyring.verify_detached(&signed_bytes(PAYLOAD, &statement), &signature, time)?;
        Ok(statement)
    }
}

/// The bytes that are signed: the type and the content, each with its length, so that neither can be taken for the other (DSSE's
/// pre-authentication encoding).
fn signed_bytes(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len());
    [head.as_bytes(), payload].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_signed_is_the_example_of_the_specification() {
        let text = signed_bytes("http://example.com/HelloWorld", b"hello world");
        assert_eq!(text, b"DSSEv1 29 http://example.com/HelloWorld 11 hello world");
    }

    #[test]
    fn a_signature_holds_for_its_statement_and_its_key_alone() {
        let now = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_790_000_000);
        let key = |name| apt_sign::SecretKey::generate(name, now, None).unwrap();
        let (ours, theirs) = (key("ours"), key("theirs"));
        let keyring = |key: &apt_sign::SecretKey| Keyring::new(vec![key.certificate()]);
        let (known, other) = (keyring(&ours), keyring(&theirs));
        let signer = apt_sign::OpenPgpSigner::new(vec![ours]).unwrap();
        let envelope = Envelope::of_statement("{}\n", &signer, now).unwrap();
        let read = Envelope::parse(envelope.to_line().as_bytes()).unwrap();
        assert_eq!(read, envelope);
        assert_eq!(read.verify(&known, now).unwrap(), b"{}\n");
        assert!(matches!(read.verify(&other, now), Err(EnvelopeError::Signature(_))));
        let forged = Envelope { payload: STANDARD.encode("{ }\n"), ..envelope.clone() };
        assert!(matches!(forged.verify(&known, now), Err(EnvelopeError::Signature(_))));
        for broken in [
            Envelope { payload_type: "text/plain".to_owned(), ..envelope.clone() },
            Envelope { payload: "%".to_owned(), ..envelope.clone() },
            Envelope { signatures: Vec::new(), ..envelope },
        ] {
            assert!(matches!(broken.verify(&known, now), Err(EnvelopeError::Form)));
        }
        assert!(matches!(Envelope::parse(b"{}"), Err(EnvelopeError::Form)));
    }
}
