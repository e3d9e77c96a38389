//! A repository that somebody published, ours or another one: where it is, which suites it has, and the keys that vouch for it.

use apt_fetch::{Address, Archive, Client, Login, Problem, Source, Suite, Url};
use apt_sign::Keyring;
use camino::{Utf8Path, Utf8PathBuf};

use crate::error::Failure;
use crate::fetch::{WebServer, parse_url};

/// Returns the address of a repository that is given as a URL or a directory.
pub(crate) fn address(place: &str) -> Result<Address, Failure> {
    let local = place.strip_prefix("file:").map(|path| path.strip_prefix("//").unwrap_or(path));
    if local.is_none() && WebServer::is_url(place) {
        return parse_url(place);
    }
    let directory = local.unwrap_or(place);
    let directory = Utf8Path::new(directory);
    let whole = directory.canonicalize_utf8().map_err(Failure::io("open", directory))?;
    let url = Url::parse("file:/").map_err(|error| Failure::Url(error.to_string()))?;
    Ok(Address { url: url.join(whole.as_str()), login: None::<Login> })
}

/// Reads the keys that clients trust; `None` when no file is named.
pub(crate) fn read_keyrings(files: &[Utf8PathBuf]) -> Result<Option<Keyring>, Failure> {
    let mut certificates = Vec::new();
    for path in files {
        let bytes = std::fs::read(path).map_err(Failure::io("read", path))?;
        let keyring = Keyring::parse(&bytes).map_err(|error| Failure::UnusableFile {
            path: path.clone(),
            what: crate::error::chain(&error),
        })?;
        certificates.extend(keyring.certificates().iter().cloned());
    }
    Ok((!files.is_empty()).then(|| Keyring::new(certificates)))
}

/// Returns the suites that are named, or else all that can be found.
pub(crate) fn suites(named: &[String], address: &Address, client: &Client) -> Result<Vec<Suite>, Failure> {
    if !named.is_empty() {
        let read = |name: &String| {
            Suite::parse(name).ok_or(Failure::Usage(
                "--suite takes the name of a suite, or a directory with a slash at its end",
            ))
        };
        return named.iter().map(read).collect();
    }
    let root = Suite::Flat("./".to_owned());
    if address.url.scheme().is_local() {
        let mut found = Vec::new();
        let directory = Utf8Path::new(address.url.path());
        find_suites(&directory.join("dists"), "", &mut found);
        if found.is_empty() || has_release(directory) {
            found.push(root);
        }
        return Ok(found);
    }
    let archive = Archive::new(client, Source::new(address.clone(), root.clone()));
    for name in ["InRelease", "Release", "Packages"] {
        match client.open(&archive.address_in_suite(name), &apt_fetch::Conditions::default(), 1 << 20) {
            Ok(_) => return Ok(vec![root]),
            Err(error) if matches!(error.problem, Problem::Connection { .. } | Problem::TimedOut) => {
                return Err(Failure::Url(error.to_string()));
            }
            Err(_) => {}
        }
    }
    Err(Failure::Usage("a web server does not list its suites: name one with --suite"))
}

pub(crate) fn has_release(directory: &Utf8Path) -> bool {
    ["InRelease", "Release"].iter().any(|name| directory.join(name).is_file())
}

/// Finds the suites below `dists`; their names may have slashes. Links are other names of suites, and are looked at like these.
fn find_suites(directory: &Utf8Path, prefix: &str, found: &mut Vec<Suite>) {
    let Ok(entries) = directory.read_dir_utf8() else { return };
    let mut names: Vec<String> = entries.flatten().map(|entry| entry.file_name().to_owned()).collect();
    names.sort();
    for name in names {
        let (path, suite) = (directory.join(&name), format!("{prefix}{name}"));
        if !path.is_dir() {
            continue;
        }
        if has_release(&path) {
            found.extend(Suite::parse(&suite));
        } else if suite.split('/').count() < 4 {
            find_suites(&path, &format!("{suite}/"), found);
        }
    }
}
