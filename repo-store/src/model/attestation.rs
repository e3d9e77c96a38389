//! Statements about packages by those who built them: in-toto statements, bare or in a DSSE envelope.
//!
//! What is read decides which packages a statement is about, and nothing else: the predicate belongs to who asked for it, and the
//! signatures of an envelope are for those who know the keys.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use deb_parse::checksum::Sha256;

/// The type of statements that are written.
pub(crate) const STATEMENT: &str = "https://in-toto.io/Statement/v1";

/// The types of statements that are read: that one, and the version before it, which builders still write.
const STATEMENTS: [&str; 2] = [STATEMENT, "https://in-toto.io/Statement/v0.1"];

/// The type of what an envelope holds.
pub(crate) const PAYLOAD: &str = "application/vnd.in-toto+json";

/// A statement about packages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Attestation {
    /// Whether it came in an envelope.
    pub(crate) is_envelope: bool,
    /// The digests of the files that it is about; at least one.
    pub(crate) subjects: BTreeSet<Sha256>,
}

/// Why a text is no statement that is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AttestationFault {
    /// It has another form.
    #[error("it is neither an in-toto statement nor a DSSE envelope (JSON)")]
    Form,
    /// The envelope holds something else.
    #[error("the payload of the envelope is not of the type {PAYLOAD}")]
    PayloadType,
    /// The payload cannot be read.
    #[error("the payload of the envelope is not base64")]
    Payload,
    /// Nobody signed the envelope.
    #[error("the envelope has no signature")]
    Unsigned,
    /// The statement is of a type of its own.
    #[error("its _type is neither {} nor {}", STATEMENTS[0], STATEMENTS[1])]
    Type,
    /// No file is named by its SHA-256.
    #[error("no subject has a SHA-256")]
    Subject,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope {
    payload: String,
    payload_type: String,
    signatures: Vec<EnvelopeSignature>,
}

/// A signature by a key that is known elsewhere.
#[derive(serde::Deserialize)]
struct EnvelopeSignature {
    #[serde(rename = "sig")]
    _signature: String,
}

#[derive(serde::Deserialize)]
struct Statement {
    #[serde(rename = "_type")]
    kind: String,
    subject: Vec<Subject>,
    #[serde(rename = "predicateType")]
    _predicate_type: String,
}

#[derive(serde::Deserialize)]
struct Subject {
    digest: BTreeMap<String, String>,
}

impl Attestation {
    /// Reads a statement or an envelope. Fields that are not known are passed over, as in-toto asks of readers.
    pub(crate) fn parse(text: &[u8]) -> Result<Self, AttestationFault> {
        let Ok(envelope) = serde_json::from_slice::<Envelope>(text) else {
            return Ok(Self { is_envelope: false, subjects: subjects(text)? });
        };
        if envelope.payload_type != PAYLOAD {
            return Err(AttestationFault::PayloadType);
        }
        if envelope.signatures.is_empty() {
            return Err(AttestationFault::Unsigned);
        }
        // Either alphabet may be used.
        let payload = STANDARD.decode(&envelope.payload).or_else(|_| URL_SAFE.decode(&envelope.payload));
        let subjects = subjects(&payload.map_err(|_| AttestationFault::Payload)?)?;
        Ok(Self { is_envelope: true, subjects })
    }
}

/// The digests of what a statement is about.
fn subjects(text: &[u8]) -> Result<BTreeSet<Sha256>, AttestationFault> {
    // What is not read of it would not be looked at otherwise.
    let text = std::str::from_utf8(text).map_err(|_| AttestationFault::Form)?;
    let statement: Statement = serde_json::from_str(text).map_err(|_| AttestationFault::Form)?;
    if !STATEMENTS.contains(&statement.kind.as_str()) {
        return Err(AttestationFault::Type);
    }
    let digests = statement.subject.iter().filter_map(|subject| subject.digest.get("sha256"));
    let subjects: BTreeSet<Sha256> = digests.filter_map(|digest| Sha256::parse(digest).ok()).collect();
    if subjects.is_empty() { Err(AttestationFault::Subject) } else { Ok(subjects) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statement(kind: &str, digest: &str) -> String {
        format!(
            r#"{{"_type":"{kind}","subject":[{{"name":"a.deb","digest":{{{digest}}}}}],"predicateType":"https://slsa.dev/provenance/v1","predicate":{{"x":1}}}}"#
        )
    }

    fn envelope(kind: &str, payload: &str, signatures: &str) -> String {
        format!(r#"{{"payloadType":"{kind}","payload":"{payload}","signatures":[{signatures}]}}"#)
    }

    #[test]
    fn a_statement_names_its_packages_bare_or_in_an_envelope() {
        let digest = Sha256::of(b"package");
        let text = statement(STATEMENTS[0], &format!(r#""sha1":"00","sha256":"{digest}""#));
        let subjects = BTreeSet::from([digest]);
        assert_eq!(
            Attestation::parse(text.as_bytes()),
            Ok(Attestation { is_envelope: false, subjects: subjects.clone() })
        );
        for payload in [STANDARD.encode(&text), URL_SAFE.encode(&text)] {
            let envelope = envelope(PAYLOAD, &payload, r#"{"keyid":"k","sig":"c2ln"}"#);
            let expected = Attestation { is_envelope: true, subjects: subjects.clone() };
            assert_eq!(Attestation::parse(envelope.as_bytes()), Ok(expected));
        }
        assert!(
            Attestation::parse(statement(STATEMENTS[1], &format!(r#""sha256":"{digest}""#)).as_bytes())
                .is_ok()
        );
    }

    #[test]
    fn what_is_no_statement_about_files_is_refused_by_name() {
        let fault = |text: &str| Attestation::parse(text.as_bytes()).unwrap_err();
        let good = STANDARD.encode(statement(STATEMENTS[0], &format!(r#""sha256":"{}""#, Sha256::of(b""))));
        for text in ["", "x", "{}", "[]", r#"{"_type":1}"#, r#"{"payload":"","signatures":[]}"#] {
            assert_eq!(fault(text), AttestationFault::Form, "{text}");
        }
        assert_eq!(fault(&statement("https://example.org/other", r#""sha256":"""#)), AttestationFault::Type);
        assert_eq!(fault(&statement(STATEMENTS[0], r#""sha256":"12""#)), AttestationFault::Subject);
        assert_eq!(fault(&statement(STATEMENTS[0], r#""sha512":"12""#)), AttestationFault::Subject);
        let signature = r#"{"sig":"c2ln"}"#;
        assert_eq!(fault(&envelope("text/plain", &good, signature)), AttestationFault::PayloadType);
        assert_eq!(fault(&envelope(PAYLOAD, &good, "")), AttestationFault::Unsigned);
        assert_eq!(fault(&envelope(PAYLOAD, "%", signature)), AttestationFault::Payload);
        assert_eq!(fault(&envelope(PAYLOAD, "e30=", signature)), AttestationFault::Form);
    }
}
