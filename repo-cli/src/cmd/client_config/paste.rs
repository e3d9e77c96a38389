//! One line that sets up a machine which has nothing but apt: it fetches the script over plain HTTP, and trusts it by the hash in the line.

use std::fs::{self, File, Permissions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::PermissionsExt as _;

use camino::{Utf8Path, Utf8PathBuf};
use deb_parse::checksum::Sha256;
use repo_config::Url;
use repo_store::storage::permissions::mode;

use super::script::quoted;
use crate::error::Failure;
use crate::session::Session;

/// The directory of scripts in `public`. They hold no secret, and who has a line needs the script, so everybody may read them.
pub(crate) const DIRECTORY: &str = "setup";

/// What comes before the script in a line: nothing, or the login that goes to its standard input.
fn login_for(login: Option<(&str, &str)>) -> String {
    // `printf` is built into the shell, so the password does not appear in the argument list of any process.
    let piped = |(user, password)| {
        format!("printf '%s\\n' {} {} | repo_login=stdin ", quoted(user), quoted(password))
    };
    login.map(piped).unwrap_or_default()
}

/// Puts the script where clients find it, and returns the line. With a login the machine gets that.
///
/// # Errors
/// [`Failure::Usage`] when clients have no address to fetch it from; [`Failure::Io`] when it cannot be written.
pub(crate) fn line(
    session: &Session,
    base: Option<&Url>,
    script: &str,
    login: Option<(&str, &str)>,
) -> Result<String, Failure> {
    if session.config.repository(DIRECTORY).is_ok() {
        return Err(Failure::Usage("--script cannot be used beside a repository named setup"));
    }
    let base = base.or_else(|| session.config.url()).filter(|url| url.is_of_the_web());
    let base = base.ok_or(Failure::Usage(
        "the line needs the web address of all repositories: give --url, or set url in repo.toml",
    ))?;
    let hash = Sha256::of(script.as_bytes());
    let name = format!("{hash}.sh");
    put(&session.root.join("public").join(DIRECTORY), &name, script)?;
    let base = plain(base);
    // The hash tells the script from any other, and the script holds no secret.
    let unchecked = if base.starts_with("https:") { " -o Acquire::https::Verify-Peer=false" } else { "" };
    let url = quoted(&format!("{base}/{DIRECTORY}/{name}"));
    // A blank in front keeps the line out of the history of many shells. The directory is new: what lies in it would count.
    Ok(format!(
        " (d=$(mktemp -d) && trap 'rm -rf \"$d\"' EXIT && /usr/lib/apt/apt-helper -qq -o APT::Sandbox::User=root{unchecked} download-file {url} \"$d/s\" SHA256:{hash} && {}sh \"$d/s\")",
        login_for(login)
    ))
}

/// The address over plain HTTP: a bare machine may know no authority. A port is that of TLS, so such an address stays.
fn plain(base: &Url) -> String {
    let base = base.to_string();
    match base.strip_prefix("https://") {
        Some(rest) if !rest.split('/').next().unwrap_or_default().contains(':') => format!("http://{rest}"),
        _ => base,
    }
}

/// Writes a file that appears whole, under the name of its content.
fn put(directory: &Utf8Path, name: &str, text: &str) -> Result<(), Failure> {
    let path = directory.join(name);
    match fs::read(&path) {
        Ok(bytes) if bytes == text.as_bytes() => return Ok(()),
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(Failure::io("read", &path)(error)),
        _ => {}
    }
    let draft: Utf8PathBuf = directory.join(format!(".{name}.{}", std::process::id()));
    let write = || {
        match fs::create_dir(directory) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
            Err(_) => {}
            Ok(()) => fs::set_permissions(directory, Permissions::from_mode(mode::DIRECTORY))?,
        }
        // Nothing below `public` is reached through a link.
        if !directory.symlink_metadata()?.is_dir() {
            return Err(std::io::Error::new(ErrorKind::NotADirectory, "it is not in a directory"));
        }
        let mut file = File::create_new(&draft)?;
        file.write_all(text.as_bytes())?;
        file.set_permissions(Permissions::from_mode(mode::IMMUTABLE))?;
        fs::rename(&draft, &path)
    };
    write().map_err(|error| {
        // It may not be there, and the error tells more than this one could.
        let _ = fs::remove_file(&draft);
        Failure::io("write", &path)(error)
    })
}

#[cfg(test)]
mod tests {
    use repo_config::FromText as _;

    use super::*;

    #[test]
    fn the_script_is_fetched_without_tls_where_that_has_no_port_of_its_own() {
        for (base, expected) in [
            ("https://packages.example.org", "http://packages.example.org"),
            ("https://example.org/apt", "http://example.org/apt"),
            ("https://example.org:8443", "https://example.org:8443"),
            ("http://example.org:8080", "http://example.org:8080"),
        ] {
            assert_eq!(plain(&Url::from_text(base).unwrap()), expected);
        }
    }
}
