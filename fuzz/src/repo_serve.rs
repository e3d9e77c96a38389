//! Laws of the crate `repo-serve`: plain functions that panic where one is broken.

use std::net::IpAddr;

use repo_serve::log::LoggedRequest;
use repo_serve::{IpNetwork, fuzzing};

use super::checks::{Law, check_line};

/// All laws by the names of their fuzz targets.
pub const LAWS: &[(&str, Law)] = &[
    ("request_path", request_path),
    ("request_headers", request_headers),
    ("request_login", request_login),
    ("request_client", request_client),
    ("user_file_read", user_file_read),
    ("api_request", api_request),
    ("access_log_read", access_log_read),
];

/// What is served lies inside a repository and is not hidden, however it is written; what goes to the log is one line of ASCII.
pub fn request_path(bytes: &[u8]) {
    let log = fuzzing::log_text(bytes);
    assert!(log.len() <= 4 * 512 + 3 && !log.contains(char::is_control));
    let Ok(raw) = std::str::from_utf8(bytes) else { return };
    let Some((repository, inner)) = fuzzing::request_path(raw) else { return };
    assert!(!repository.contains(['/', '\\']) && !repository.contains(char::is_control), "{repository:?}");
    let Some(inner) = inner else { return };
    assert!(!repository.starts_with('.') && !inner.is_empty());
    for element in inner.split(|byte| *byte == b'/') {
        assert!(!element.is_empty() && !element.starts_with(b"."), "{inner:?}");
    }
    assert!(!inner.iter().any(|byte| *byte < 0x20 || matches!(byte, 0x7f | b'\\')), "{inner:?}");
    // Every byte written with its number leads to the same file.
    let mut encoded = format!("/{repository}/")
        .bytes()
        .map(|byte| match byte {
            b'/' => "/".to_owned(),
            byte => format!("%{byte:02x}"),
        })
        .collect::<String>();
    inner.iter().for_each(|byte| match byte {
        b'/' => encoded.push('/'),
        byte => encoded.push_str(&format!("%{byte:02X}")),
    });
    assert_eq!(fuzzing::request_path(&encoded), Some((repository, Some(inner))));
}

/// A request becomes a command line of a route, in which no value is an option, or is refused.
///
/// The input is a line `METHOD TARGET`, and the body.
pub fn api_request(bytes: &[u8]) {
    use repo_serve::api::{Argument, ROUTES};
    let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else { return };
    let (line, body) = bytes.split_at(end);
    let Ok(line) = std::str::from_utf8(line) else { return };
    let Some((method, target)) = line.split_once(' ') else { return };
    let Some(words) = fuzzing::api_request(method, target, &body[1..]) else { return };
    let end = words.iter().position(|word| word == "--").expect("the end of the options");
    let options: Vec<&str> =
        words[..end].iter().map(|word| word.split('=').next().unwrap_or_default()).collect();
    let is_from = |route: &&repo_serve::api::Route| {
        let known = route.parameters.iter().filter_map(|parameter| match parameter.argument {
            Argument::Option(option) | Argument::StateOption(option) => Some(option),
            _ => None,
        });
        let known: Vec<&str> = known.collect();
        options.starts_with(route.verb)
            && options[route.verb.len()..].iter().all(|option| known.contains(option))
    };
    assert!(ROUTES.iter().any(|route| is_from(&route)), "{words:?}");
    assert!(!words.iter().any(|word| word.contains(char::is_control)), "{words:?}");
}

/// A part of a file lies in the file, and nothing but a `GET` gets one.
///
/// The input is the size of the file, and the lines of the headers.
pub fn request_headers(bytes: &[u8]) {
    let Some((size, headers)) = bytes.split_first_chunk::<2>() else { return };
    let size = u64::from(u16::from_le_bytes(*size));
    for (is_get, size) in [(true, size), (false, size), (true, u64::MAX - size)] {
        let (status, start, length) = fuzzing::selection(headers, is_get, "\"abc\"", 1_735_689_600, size);
        match status {
            206 => assert!(is_get && length > 0 && start.checked_add(length).is_some_and(|end| end <= size)),
            200 | 304 | 412 | 416 => {}
            other => panic!("{other}"),
        }
    }
}

/// Who logs in has a name without a colon and a password that is not too long.
pub fn request_login(headers: &[u8]) {
    let mut values = vec![headers.to_vec()];
    values.push([b"Authorization: Basic ", headers].concat());
    for headers in values {
        if let Some((name, password)) = fuzzing::login(&headers) {
            assert!(!name.contains(':') && password.len() <= 256);
        }
    }
}

/// Only a proxy that is trusted says whom a request is from.
pub fn request_client(headers: &[u8]) {
    let trusted: IpNetwork = IpNetwork::parse("10.0.0.0/8").unwrap();
    let (proxy, stranger): (IpAddr, IpAddr) = ("10.1.2.3".parse().unwrap(), "192.0.2.1".parse().unwrap());
    assert_eq!(fuzzing::client(headers, stranger, trusted), stranger);
    let _ = fuzzing::client(headers, proxy, trusted);
    let Ok(text) = std::str::from_utf8(headers) else { return };
    match IpNetwork::parse(text) {
        Ok(network) => assert_eq!(IpNetwork::parse(&network.to_string()).unwrap(), network),
        Err(error) => check_line(&error),
    }
}

/// A file of users is refused in one line, or lets nobody in whose password was not checked.
pub fn user_file_read(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match fuzzing::user_file(text, "alice", b"secret") {
        Ok(known) => assert!(!known, "no password was compared yet"),
        Err(error) => check_line(&error),
    }
    for line in text.lines().take(3) {
        let hash = line.split_once(':').map_or(line, |(_, hash)| hash);
        // A password is wrong or right, and one that is too long is wrong.
        let _ = fuzzing::password(hash, b"secret");
        assert_ne!(fuzzing::password(hash, &[b'x'; 300]), Some(true));
    }
}

/// What a line of a log tells is one line of ASCII, and names a file that a server could have sent.
pub fn access_log_read(bytes: &[u8]) {
    for line in bytes.split(|byte| *byte == b'\n') {
        let Some(request) = LoggedRequest::parse(line) else { continue };
        let files = [request.at_root(), request.in_repository().map(|(_, path)| path)];
        let texts = [request.user, request.agent, Some(request.method)];
        for text in files.iter().chain(&texts).flatten() {
            assert!(text.len() <= 4 * 512 + 3 && !text.contains(char::is_control), "{text:?}");
        }
        for path in files.into_iter().flatten() {
            assert!(!path.is_empty() && path.split('/').all(|element| !element.starts_with('.')), "{path:?}");
        }
    }
}
