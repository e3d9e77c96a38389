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
