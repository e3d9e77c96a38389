//! The files of users and tokens that a server in front reads.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs::{self, File, Permissions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::PermissionsExt as _;

use camino::{Utf8Path, Utf8PathBuf};
use jiff::Timestamp;
use repo_config::Config;
use repo_config::ways_in::Login;
use repo_serve::UserFile;
use repo_store::{RepositoryName, Store};

use super::{Front, FrontError, FrontServer, Printable};
use crate::error::Failure;

/// The group of its directory may read a file, and others may not: it holds the hashes of passwords.
const MODE: u32 = 0o640;

/// A file as it should be.
#[derive(Debug)]
pub(crate) struct CredentialsFile {
    /// Where it belongs.
    pub(crate) path: Utf8PathBuf,
    text: String,
}

/// A name with its hash.
struct Entry {
    name: String,
    hash: String,
}

/// Returns the files of all sets of logins.
///
/// # Errors
/// When a file of users or the list of tokens cannot be read, and when the server could not tell who is who.
pub(crate) fn files(
    front: &Front,
    server: FrontServer,
    config: &Config,
    store: &Store,
    now: Timestamp,
) -> Result<Vec<CredentialsFile>, Failure> {
    let mut files = Vec::new();
    for mount in front.hosts.iter().flat_map(|host| &host.mounts) {
        let Some(repository) = &mount.repository else { continue };
        for (set, logins) in mount.admissions.logins.iter().enumerate() {
            let (mut entries, mut names) = (Vec::new(), BTreeSet::new());
            for login in logins {
                let found = match login {
                    Login::Users(path) => users(&config.root().join(path), repository, server)?,
                    Login::Tokens => tokens(repository, server, store, now)?,
                };
                entries.extend(found);
            }
            if let Some(twice) = entries.iter().find(|entry: &&Entry| !names.insert(entry.name.as_str())) {
                let (repository, name) = (repository.clone(), twice.name.clone());
                return Err(FrontError::NameTwice { repository, name }.into());
            }
            let name = format!("{}.{}", mount.credentials(set), ending(server));
            let path = Utf8Path::new(front.credentials.as_str()).join(name);
            files.push(CredentialsFile { path, text: text(&entries, server)? });
        }
    }
    Ok(files)
}

/// Returns the ending of the names of the files.
pub(super) fn ending(server: FrontServer) -> &'static str {
    if server == FrontServer::Caddy { "caddy" } else { "htpasswd" }
}

/// Caddy refuses to read a file that names nobody. Nobody could find a password that has this hash.
const NOBODY_FOR_CADDY: &str =
    "\"nobody\" \"$2y$04$.....................................................\"\n";

fn text(entries: &[Entry], server: FrontServer) -> Result<String, FrontError> {
    let mut text = String::new();
    if entries.is_empty() && server == FrontServer::Caddy {
        text.push_str(NOBODY_FOR_CADDY);
    }
    for Entry { name, hash } in entries {
        // Writing to a String cannot fail.
        let _ = if server == FrontServer::Caddy {
            writeln!(text, "\"{}\" \"{hash}\"", Printable::parse("the user", name)?)
        } else {
            writeln!(text, "{name}:{hash}")
        };
    }
    Ok(text)
}

fn users(path: &Utf8Path, repository: &RepositoryName, server: FrontServer) -> Result<Vec<Entry>, Failure> {
    let unusable = |what: String| Failure::UnusableUsers {
        path: path.to_owned(),
        what: format!("{what}; nothing was written for {repository}"),
    };
    let entries = UserFile::entries(path).map_err(unusable)?;
    let entry = |(name, hash): (String, String)| {
        if is_readable(&hash, server) {
            return Ok(Entry { name, hash });
        }
        Err(FrontError::UnusableHash { path: path.to_owned(), server: server.word(), name }.into())
    };
    entries.into_iter().map(entry).collect()
}

/// nginx and Apache read all that `serve` reads.
fn is_readable(hash: &str, server: FrontServer) -> bool {
    server != FrontServer::Caddy || hash.starts_with("$2")
}

/// The tokens that count now, each with the cheapest of its hashes that the server reads.
fn tokens(
    repository: &RepositoryName,
    server: FrontServer,
    store: &Store,
    now: Timestamp,
) -> Result<Vec<Entry>, Failure> {
    let known = store.tokens(repository)?;
    let prefix = if server == FrontServer::Caddy { "$2" } else { "{SHA}" };
    let mut entries = Vec::new();
    for token in known.entries() {
        if !token.reads() || !token.counts_at(now) {
            continue;
        }
        let Some(hash) = token.hashes.iter().find(|hash| hash.starts_with(prefix)) else {
            let (repository, holder) = (repository.clone(), token.holder.clone());
            return Err(FrontError::NoHash { repository, holder, server: server.word() }.into());
        };
        entries.push(Entry { name: token.holder.to_string(), hash: hash.clone() });
    }
    Ok(entries)
}

impl CredentialsFile {
    /// Writes the file if it differs, and returns whether it did. It appears whole.
    ///
    /// # Errors
    /// When the system refuses.
    pub(crate) fn write(&self) -> Result<bool, Failure> {
        let path = &self.path;
        match fs::read(path) {
            Ok(bytes) if bytes == self.text.as_bytes() => return Ok(false),
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(Failure::io("read", path)(error));
            }
            _ => {}
        }
        let draft =
            path.with_file_name(format!(".{}.{}", path.file_name().unwrap_or_default(), std::process::id()));
        let write = || {
            let mut file = File::create_new(&draft)?;
            file.set_permissions(Permissions::from_mode(MODE))?;
            file.write_all(self.text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&draft, path)
        };
        write().map_err(|error| {
            // It may not be there, and the error tells more than this one could.
            let _ = fs::remove_file(&draft);
            Failure::io("write", path)(error)
        })?;
        Ok(true)
    }
}
