//! Laws of the crate `repo-hooks`: plain functions that panic where one is broken.

use repo_hooks::{Format, Mail, Payload, Request};

use super::checks::{Law, check_line};

/// All laws by the names of their fuzz targets.
pub const LAWS: &[(&str, Law)] = &[("payload_read", payload_read)];

const FORMATS: [Format; 5] = [Format::Json, Format::Slack, Format::Mattermost, Format::Matrix, Format::Teams];

/// An event that waits is written as it was read. Whatever stands in it, a message is JSON, and a mail has the headers that it should.
pub fn payload_read(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Some(payload) = Payload::from_json(text) else { return };
    let written = payload.to_json();
    assert!(!written.contains(['\n', '\t']));
    assert_eq!(Payload::from_json(&written).as_ref(), Some(&payload));
    for format in FORMATS {
        match Request::new(&payload, format, "https://example.org/hook", Some(b"secret")) {
            Ok(request) => drop(serde_json::from_slice::<serde_json::Value>(request.body()).unwrap()),
            Err(error) => check_line(&error),
        }
    }
    let mail = Mail::new(&payload, "root@example.org");
    let (head, _) = mail.text().split_once("\n\n").unwrap();
    let names: Vec<&str> = head.lines().map(|line| line.split_once(": ").unwrap().0).collect();
    assert_eq!(
        names,
        [
            "To",
            "Subject",
            "Message-ID",
            "Auto-Submitted",
            "MIME-Version",
            "Content-Type",
            "Content-Transfer-Encoding"
        ]
    );
    // RFC 5322, section 2.1.1.
    assert!(mail.text().lines().all(|line| line.len() <= 998 && !line.contains(char::is_control)));
}
