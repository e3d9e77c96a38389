//! The native protocol of the journal of systemd, for those lines that are fields rather than a text.

use std::os::unix::net::UnixDatagram;
use std::path::Path;

/// Where the journal listens.
const SOCKET: &str = "/run/systemd/journal/socket";

/// Writes an entry with a message, a priority of syslog, and fields whose names get `REPO_` before them.
pub(crate) fn write(message: &str, priority: u8, fields: &[(&str, String)]) {
    send(&entry(message, priority, fields), Path::new(SOCKET));
}

/// Returns the bytes of an entry: a text with a line break is written with its length.
pub(crate) fn entry(message: &str, priority: u8, fields: &[(&str, String)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut put = |name: &str, value: &str| {
        bytes.extend_from_slice(name.as_bytes());
        if value.contains('\n') {
            bytes.push(b'\n');
            bytes.extend_from_slice(&u64::try_from(value.len()).unwrap_or_default().to_le_bytes());
        } else {
            bytes.push(b'=');
        }
        bytes.extend_from_slice(value.as_bytes());
        bytes.push(b'\n');
    };
    put("MESSAGE", message);
    put("PRIORITY", &priority.to_string());
    put("SYSLOG_IDENTIFIER", "repo-cli");
    fields.iter().for_each(|(name, value)| put(&format!("REPO_{name}"), value));
    bytes
}

/// Sends a datagram; nobody waits for who does not take it.
pub(crate) fn send(bytes: &[u8], socket: &Path) {
    let sent = UnixDatagram::unbound().and_then(|own| {
        own.set_nonblocking(true)?;
        own.send_to(bytes, socket)
    });
    // There is nowhere to tell of it, and what the entry is about is done.
    drop(sent);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_journal_gets_fields_of_its_own_protocol() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        let socket = UnixDatagram::bind(&path).unwrap();
        let fields = [("REPOSITORY", "prod".to_owned()), ("OPERATION", "add a \"b\"]\nc".to_owned())];
        send(&entry("prod: add a \"b\"]\nby eve", 6, &fields), &path);
        let mut bytes = vec![0; 4096];
        let length = socket.recv(&mut bytes).unwrap();
        bytes.truncate(length);
        let mut expected = b"MESSAGE\n".to_vec();
        expected.extend(23_u64.to_le_bytes());
        expected.extend(b"prod: add a \"b\"]\nby eve\nPRIORITY=6\nSYSLOG_IDENTIFIER=repo-cli\nREPO_REPOSITORY=prod\nREPO_OPERATION\n");
        expected.extend(12_u64.to_le_bytes());
        expected.extend(b"add a \"b\"]\nc\n");
        assert_eq!(String::from_utf8_lossy(&bytes), String::from_utf8_lossy(&expected));
    }

    #[test]
    fn nobody_who_listens_is_no_failure() {
        send(b"x", Path::new("/nonexistent/socket"));
    }
}
