//! As little of HTTP as a test needs.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use testkit::Server;

/// Status and body of what a server answers to a GET for a path.
pub(crate) fn get(server: &Server, path: &str) -> (u16, Vec<u8>) {
    get_with(server, path, "")
}

/// The same with more fields, each with its line end.
pub(crate) fn get_with(server: &Server, path: &str, fields: &str) -> (u16, Vec<u8>) {
    let answer = answer(server, path, fields);
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    let status = String::from_utf8_lossy(&answer[9..12]).parse().unwrap();
    (status, answer[end + 4..].to_vec())
}

/// The head of what a server answers.
pub(crate) fn head_with(server: &Server, path: &str, fields: &str) -> String {
    let answer = answer(server, path, fields);
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    String::from_utf8_lossy(&answer[..end]).into_owned()
}

/// What a server answers.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    /// The value of a field of the head.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.filter(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
    }

    /// The JSON document in the body.
    #[track_caller]
    pub(crate) fn document(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// Sends a request with a body to an address; `fields` are whole lines with their ends.
pub(crate) fn request(address: &str, (method, path): (&str, &str), fields: &str, body: &[u8]) -> Answer {
    let mut connection = TcpStream::connect(address).unwrap();
    let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    let head =
        format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{length}{fields}\r\n");
    connection.write_all(head.as_bytes()).unwrap();
    // One that refuses may not read to the end.
    let _ = connection.write_all(body);
    let mut answer = Vec::new();
    let _ = connection.read_to_end(&mut answer);
    read_answer(&answer)
}

/// Reads the bytes of an answer.
#[track_caller]
pub(crate) fn read_answer(answer: &[u8]) -> Answer {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n");
    let end = end.unwrap_or_else(|| panic!("no answer: {}", String::from_utf8_lossy(answer)));
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    let status = head[9..12].parse().unwrap();
    Answer { status, head, body: String::from_utf8_lossy(&answer[end + 4..]).into_owned() }
}

fn answer(server: &Server, path: &str, fields: &str) -> Vec<u8> {
    let url = server.url();
    let address = url.strip_prefix("http://").unwrap();
    let mut connection = TcpStream::connect(address).unwrap();
    write!(connection, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{fields}\r\n")
        .unwrap();
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer).unwrap();
    answer
}
