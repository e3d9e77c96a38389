//! Why a configuration cannot be written for a server in front.

use camino::Utf8PathBuf;
use repo_store::RepositoryName;
use repo_store::model::HolderName;

/// What cannot be said to a server in front as the configuration means it. Nothing is left out silently: it might open what is closed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FrontError {
    /// A text that would end what it stands in, or be read as a variable or a pattern.
    #[error("{what} `{}` has a character that a configuration of a server in front cannot hold", .text.escape_debug())]
    Unprintable {
        /// What the text is.
        what: &'static str,
        /// The text.
        text: String,
    },
    /// An address that no web server answers to.
    #[error("{repository} has the address {url}, which is not one of a web server")]
    NotOfTheWeb {
        /// The repository.
        repository: RepositoryName,
        /// Its address.
        url: String,
    },
    /// A repository that lies where something else is.
    #[error("{repository} lies at {place}/, where {what}")]
    Hidden {
        /// The repository.
        repository: RepositoryName,
        /// The path, without the slash at its end.
        place: &'static str,
        /// What is there, as the end of a sentence.
        what: &'static str,
    },
    /// `serve` listens over TLS only, or at no port of its own.
    #[error("serve listens at no address without TLS, to which a server in front could pass requests on")]
    NoPlainListener,
    /// `serve` listens where the server in front is to listen.
    #[error("serve listens at port {port}, where the server in front is to listen")]
    SamePort {
        /// The port.
        port: u16,
    },
    /// Every client would seem to come from where the server in front is.
    #[error("access to {repository} goes by addresses, and `serve` trusts no proxy to tell them")]
    TrustsNobody {
        /// The repository.
        repository: RepositoryName,
    },
    /// HAProxy reads no files of credentials.
    #[error("haproxy passes everything on to serve, which checks logins itself, and needs no files of users")]
    NeedsNoCredentials,
    /// Two files of users, or one and the tokens, have the same name, and servers in front know a name once.
    #[error("`{}` is the name of two logins for {repository}, and a server in front knows a name once", .name.escape_debug())]
    NameTwice {
        /// The repository.
        repository: RepositoryName,
        /// The name.
        name: String,
    },
    /// A hash that the server does not read.
    #[error("{path}: {server} cannot read the hash of `{}`", .name.escape_debug())]
    UnusableHash {
        /// The file of users.
        path: Utf8PathBuf,
        /// The server.
        server: &'static str,
        /// The user.
        name: String,
    },
    /// A token that was made without hashes for other servers.
    #[error("the token of {holder} for {repository} has no hash that {server} can read")]
    NoHash {
        /// The repository.
        repository: RepositoryName,
        /// Whose token.
        holder: HolderName,
        /// The server.
        server: &'static str,
    },
}

impl FrontError {
    /// Returns what to do.
    pub(crate) fn hint(&self) -> String {
        match self {
            Self::Unprintable { .. } => "letters, digits, blanks and `/ . _ - + ~ @ : = ,` are safe; in the path of an address letters, digits and `. _ - + ~`, and no dot at the beginning".to_owned(),
            Self::NotOfTheWeb { repository, .. } => {
                format!("set `url` of {repository} to one with http:// or https://, or name other repositories with --repository")
            }
            Self::Hidden { .. } => "leave the repository out with --repository, or give it an address of its own".to_owned(),
            Self::NoPlainListener => "add \"http://127.0.0.1:8080\" to `listen` in [serve] of repo.toml".to_owned(),
            Self::SamePort { .. } => "set `listen` in [serve] of repo.toml to \"127.0.0.1:8080\"".to_owned(),
            Self::TrustsNobody { .. } => "set `trusted_proxies` in [serve] of repo.toml, to [\"127.0.0.1\"] for a server on this machine".to_owned(),
            Self::NeedsNoCredentials => "leave out --write-credentials".to_owned(),
            Self::NameTwice { .. } => "give one of them another name, a token by `repo-cli access rename`".to_owned(),
            Self::UnusableHash { server: "caddy", .. } => "Caddy reads bcrypt alone; make the password again with `htpasswd -B`".to_owned(),
            Self::UnusableHash { .. } => "make the password again with `htpasswd -B`".to_owned(),
            Self::NoHash { repository, holder, .. } => {
                format!("run repo-cli access revoke {repository} {holder}, and make it again with repo-cli access add")
            }
        }
    }
}
