//! From the code of a failed verb to the status of the answer: the one place where that is decided.

use hyper::StatusCode;

/// The codes of `docs/errors.md` by the status that they lead to. What is not listed is the server's own trouble.
const STATUSES: &[(u16, &[&str])] = &[
    (
        400,
        &[
            "E-ARGUMENT",
            "E-FINGERPRINT",
            "E-INVALID-HOLDER",
            "E-INVALID-SCOPE",
            "E-INVALID-TAG",
            "E-NOT-UTF-8",
            "E-PATTERN",
            "E-UNKNOWN-COLUMN",
            "E-USAGE",
        ],
    ),
    (403, &["E-NAME-NOT-ALLOWED", "E-NOT-SIGNED", "E-UNKNOWN-SIGNER"]),
    (
        404,
        &[
            "E-BEFORE-HISTORY",
            "E-NO-APPROVAL",
            "E-NO-HISTORY",
            "E-NO-HOLD",
            "E-NO-MATCH",
            "E-NO-REMOVAL",
            "E-UNKNOWN-HOLDER",
            "E-UNKNOWN-KEY",
            "E-UNKNOWN-MACHINE",
            "E-UNKNOWN-REPOSITORY",
            "E-UNKNOWN-REVISION",
            "E-UNKNOWN-SUITE",
            "E-UNKNOWN-TAG",
        ],
    ),
    (
        409,
        &[
            "E-CHANGED-SINCE",
            "E-CONFLICT",
            "E-EXISTS",
            "E-FROZEN",
            "E-GATED",
            "E-GUARDED",
            "E-HELD",
            "E-HOLDER-TAKEN",
            "E-KEY-CHANGE",
            "E-KEYRING-VERSION",
            "E-MADE-TOGETHER",
            "E-NOTHING-TO-UNDO",
            "E-OFFLINE",
            "E-OTHER-COMPONENT",
            "E-PATH-CONFLICT",
            "E-PRESENT",
            "E-RELEASE-INFO-CHANGE",
            "E-REMOVAL",
            "E-RESERVED-NAME",
            "E-TAG-EXISTS",
            "E-UNFINISHED",
        ],
    ),
    (412, &["E-OUTDATED"]),
    (
        422,
        &[
            "E-BAD-SIGNATURE",
            "E-CHECKSUM-MISMATCH",
            "E-INCOMPLETE-UPLOAD",
            "E-INCONSISTENT-UPLOAD",
            "E-INVALID-PACKAGE",
            "E-MALFORMED-KEY",
            "E-NO-COMMON-SUITE",
            "E-NO-PACKAGE-FILE",
            "E-NO-ROUTED-SUITE",
            "E-NO-SUITE",
            "E-NOT-A-FILE",
            "E-NOT-UNPACKABLE",
            "E-PACKAGE-READER",
            "E-SIGNATURE-FRAMING",
            "E-STANZA",
            "E-UNKNOWN-RELEASE",
            "E-UNLISTED-ARCHITECTURE",
            "E-UNLISTED-COMPONENT",
            "E-UNREADABLE",
            "E-UNSUPPORTED-ALGORITHM",
        ],
    ),
    (423, &["E-IN-USE"]),
    (503, &["E-CANCELLED", "E-CONTENDED"]),
];

/// Returns the status for the code of a failed verb.
pub(crate) fn of_code(code: &str) -> StatusCode {
    let found = STATUSES.iter().find(|(_, codes)| codes.contains(&code));
    found
        .and_then(|(status, _)| StatusCode::from_u16(*status).ok())
        .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// Returns the codes that lead to another status than 500.
#[must_use]
pub fn statuses() -> &'static [(u16, &'static [&'static str])] {
    STATUSES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_has_one_status() {
        let mut all: Vec<&str> = STATUSES.iter().flat_map(|(_, codes)| codes.iter().copied()).collect();
        all.sort_unstable();
        let count = all.len();
        all.dedup();
        assert_eq!(count, all.len());
        assert_eq!((of_code("E-OUTDATED").as_u16(), of_code("E-DAMAGED").as_u16()), (412, 500));
    }
}
