//! What a machine needs to read a repository: the key, the source entries, and the login.

use std::io::ErrorKind;

use apt_sign::Keyring;
use deb_parse::{Architecture, Component, SuiteName};
use repo_config::keys::KeyError;
use repo_config::{Url, without_repeats};
use repo_store::error::HistoryError;
use repo_store::model::{HolderName, ProfileName, TagName};
use repo_store::{RepositorySettings, Store, SuiteSettings};

use crate::cmd::profile;
use crate::error::Failure;
use crate::session::Session;

/// The client side of one repository.
#[derive(Debug)]
pub(crate) struct Setup {
    /// What the files on the client are named after.
    pub(super) name: String,
    /// Where the client keeps the key.
    pub(super) keyring_path: String,
    /// The address of the repository itself.
    url: Url,
    /// The tagged state that the machine stays on, if it is to.
    state: Option<TagName>,
    pub(super) keyring: Keyring,
    /// The package with the keys, and whether clients find it.
    pub(super) keyring_package: String,
    pub(super) has_keyring_package: bool,
    /// The metapackage that the script installs.
    pub(super) profile: Option<String>,
    /// The certificate, in PEM, of the authority that signed the certificate of the server, where clients do not know it.
    pub(super) authority: Option<String>,
    /// Whether clients need a password.
    pub(super) needs_password: bool,
    /// One for each machine that is set up differently.
    pub(super) blocks: Vec<Block>,
}

/// What one machine reads.
#[derive(Debug)]
pub(super) struct Block {
    /// The suites; none for the flat form.
    pub(super) suites: Vec<SuiteName>,
    /// Every architecture of these suites.
    pub(super) architectures: Vec<Architecture>,
    /// The paragraphs of the entry. Suites without source packages have another than suites with them.
    paragraphs: Vec<Paragraph>,
}

/// A paragraph of a deb822 entry, without the key.
#[derive(Debug)]
struct Paragraph {
    types: &'static str,
    suites: String,
    components: Vec<Component>,
    architectures: Vec<Architecture>,
}

impl Setup {
    /// Returns the setup for machines that read these suites, all of them together, or for one machine of each suite when none is named.
    ///
    /// # Errors
    /// When the keys or the record of what is published cannot be read.
    pub(crate) fn of_suites(
        session: &Session,
        repository: &RepositorySettings,
        suites: &[SuiteName],
        url: Url,
    ) -> Result<Self, Failure> {
        let blocks = if suites.is_empty() {
            repository.suites.iter().map(|suite| Block::of(&session.store, repository, &[suite])).collect()
        } else {
            let chosen = repository.suites.iter().filter(|suite| suites.contains(&suite.name));
            Block::of(&session.store, repository, &chosen.collect::<Vec<_>>()).map(|block| vec![block])
        };
        Self::new(session, repository, url, blocks?)
    }

    /// Returns the setup for machines that read the flat form.
    ///
    /// # Errors
    /// [`Failure::NotFlat`] when there is none; otherwise those of [`of_suites`](Self::of_suites).
    pub(crate) fn of_flat(
        session: &Session,
        repository: &RepositorySettings,
        url: Url,
    ) -> Result<Self, Failure> {
        let suite = repository.flat.as_ref().and_then(|name| repository.suite(name));
        let Some(suite) = suite else {
            return Err(Failure::NotFlat { repository: repository.name.clone() });
        };
        let paragraph = Paragraph {
            types: types(&session.store, repository, &suite.name)?,
            suites: "./".to_owned(),
            components: Vec::new(),
            architectures: suite.architectures.clone(),
        };
        let block = Block {
            suites: Vec::new(),
            architectures: suite.architectures.clone(),
            paragraphs: vec![paragraph],
        };
        Self::new(session, repository, url, vec![block])
    }

    fn new(
        session: &Session,
        repository: &RepositorySettings,
        url: Url,
        blocks: Vec<Block>,
    ) -> Result<Self, Failure> {
        Ok(Self {
            name: repository.name.client_name(),
            keyring_path: repository.name.keyring_path(),
            keyring: keyring(session, repository)?,
            keyring_package: repository.name.keyring_package().to_string(),
            has_keyring_package: has_keyring_package(&session.store, repository)?,
            profile: None,
            authority: authority(session, &url)?,
            url,
            state: None,
            needs_password: session.config.needs_password(&repository.name),
            blocks,
        })
    }

    /// Returns the setup for machines that stay on a tagged state: what is published later they do not see, new keys among it.
    ///
    /// # Errors
    /// [`Failure::Usage`] when clients do not find the state, or none of the suites in it.
    pub(super) fn at(
        mut self,
        tag: &TagName,
        session: &Session,
        repository: &RepositorySettings,
    ) -> Result<Self, Failure> {
        let known = session.store.tags(&repository.name)?;
        if !known.iter().any(|known| known.name == *tag) {
            let (repository, tag) = (repository.name.clone(), tag.clone());
            let known = known.into_iter().map(|known| known.name).collect();
            return Err(repo_store::Error::from(HistoryError::UnknownTag { repository, tag, known }).into());
        }
        let dists = session.root.join("public").join(repository.name.as_str());
        let dists = dists.join("snapshot").join(tag.as_str()).join("dists");
        self.blocks.retain(|block| block.suites.iter().all(|suite| dists.join(suite.as_str()).exists()));
        if self.blocks.is_empty() {
            return Err(Failure::Usage("clients do not find these suites in the tagged state"));
        }
        // The state may have been published without source packages, and before there were keyring packages.
        let paragraphs = self.blocks.iter_mut().flat_map(|block| &mut block.paragraphs);
        paragraphs.for_each(|paragraph| paragraph.types = "deb");
        Ok(Self { state: Some(tag.clone()), has_keyring_package: false, ..self })
    }

    /// Returns the setup for a machine that installs the profile which the configuration has for it, if there is one.
    ///
    /// # Errors
    /// As [`with_profile`](Self::with_profile).
    pub(crate) fn for_machine(
        self,
        machine: &HolderName,
        session: &Session,
        repository: &RepositorySettings,
    ) -> Result<Self, Failure> {
        match session.config.profile_of(machine) {
            Some(profile) => self.with_profile(profile, session, repository),
            None => Ok(self),
        }
    }

    /// Returns the setup for a machine that installs a profile.
    ///
    /// # Errors
    /// [`ProfileError::NotBuilt`](repo_store::error::ProfileError::NotBuilt) when the repository does not have it.
    pub(crate) fn with_profile(
        self,
        profile: &ProfileName,
        session: &Session,
        repository: &RepositorySettings,
    ) -> Result<Self, Failure> {
        if profile::built(&session.store, repository, profile)?.is_empty() {
            return Err(profile::not_built(repository, profile));
        }
        Ok(Self { profile: Some(repository.name.profile_package(profile)), ..self })
    }

    /// Returns the address that the source entry names.
    pub(super) fn source_url(&self) -> Url {
        match &self.state {
            Some(tag) => self.url.of_tagged_state(tag),
            None => self.url.clone(),
        }
    }

    /// Returns the name or the address of the server.
    pub(super) fn host(&self) -> &str {
        self.url.host()
    }

    /// Returns where the client keeps the source entry.
    pub(super) fn sources_path(&self) -> String {
        sources_path(&self.name)
    }

    /// Returns where the client keeps the login.
    pub(crate) fn auth_path(&self) -> String {
        auth_path(&self.name)
    }

    /// Returns where the client keeps the certificate of the authority.
    pub(super) fn authority_path(&self) -> String {
        format!("/etc/apt/{}-ca.crt", self.name)
    }

    /// Returns where the client is told of it.
    pub(super) fn conf_path(&self) -> String {
        format!("/etc/apt/apt.conf.d/50{}", self.name)
    }

    /// Returns the address to which apt sends the login.
    pub(super) fn machine(&self) -> String {
        machine(&self.url)
    }

    /// Returns the entry for `/etc/apt/auth.conf.d/` with a login.
    pub(crate) fn auth_entry(&self, user: &str, password: &str) -> String {
        auth_entry(&self.url, user, password)
    }

    /// Returns the source entry of a block that names the key by its path.
    pub(super) fn entry(&self, block: &Block) -> String {
        block.entry(&self.source_url(), &format!(" {}", self.keyring_path))
    }

    /// Returns the source entry of a block in one-line style, for what takes no other. It names the key by its path.
    pub(super) fn one_line_entry(&self, block: &Block) -> String {
        block.one_line_entry(&self.source_url(), &self.keyring_path)
    }

    /// Returns the source entry of a block with the key in it.
    ///
    /// # Errors
    /// When the library for signatures fails to write the key.
    pub(super) fn inline_entry(&self, block: &Block) -> Result<String, Failure> {
        Ok(block.entry(&self.source_url(), &self.keyring.armored_for_sources()?))
    }
}

impl Block {
    fn of(
        store: &Store,
        repository: &RepositorySettings,
        suites: &[&SuiteSettings],
    ) -> Result<Self, Failure> {
        let mut kinds: Vec<(&'static str, Vec<&SuiteSettings>)> = Vec::new();
        for &suite in suites {
            let types = types(store, repository, &suite.name)?;
            match kinds.iter_mut().find(|(of, _)| *of == types) {
                Some((_, chosen)) => chosen.push(suite),
                None => kinds.push((types, vec![suite])),
            }
        }
        let paragraphs = kinds.into_iter().map(|(types, suites)| Paragraph {
            types,
            suites: joined(suites.iter().map(|suite| suite.name.as_str())),
            components: without_repeats(suites.iter().flat_map(|suite| suite.components.clone()).collect()),
            architectures: architectures(&suites),
        });
        Ok(Self {
            suites: suites.iter().map(|suite| suite.name.clone()).collect(),
            architectures: architectures(suites),
            paragraphs: paragraphs.collect(),
        })
    }

    fn one_line_entry(&self, url: &Url, keyring_path: &str) -> String {
        self.paragraphs.iter().map(|paragraph| paragraph.lines(url, keyring_path)).collect()
    }

    /// `signed_by` is what follows the colon.
    fn entry(&self, url: &Url, signed_by: &str) -> String {
        let paragraphs = self.paragraphs.iter().map(|paragraph| {
            let Paragraph { types, suites, components, architectures } = paragraph;
            let components = match components.as_slice() {
                [] => String::new(),
                listed => format!("Components: {}\n", joined(listed.iter().map(Component::as_str))),
            };
            let architectures = joined(architectures.iter().map(Architecture::as_str));
            format!(
                "Types: {types}\nURIs: {url}\nSuites: {suites}\n{components}Architectures: {architectures}\nSigned-By:{signed_by}\n"
            )
        });
        paragraphs.collect::<Vec<_>>().join("\n")
    }
}

impl Paragraph {
    /// Returns a line for each kind of package and each suite.
    fn lines(&self, url: &Url, keyring_path: &str) -> String {
        let architectures = self.architectures.iter().map(Architecture::as_str).collect::<Vec<_>>().join(",");
        let components: String = self.components.iter().map(|component| format!(" {component}")).collect();
        let line = |kind: &str, suite: &str| {
            format!("{kind} [arch={architectures} signed-by={keyring_path}] {url} {suite}{components}\n")
        };
        let of_kind = |kind: &str| self.suites.split(' ').map(|suite| line(kind, suite)).collect::<String>();
        self.types.split(' ').map(of_kind).collect()
    }
}

/// Returns where a client keeps the source entry of a repository, by the name that it has there.
pub(crate) fn sources_path(client_name: &str) -> String {
    format!("/etc/apt/sources.list.d/{client_name}.sources")
}

/// Returns where a client keeps the login for a repository, by the name that it has there.
pub(crate) fn auth_path(client_name: &str) -> String {
    format!("/etc/apt/auth.conf.d/{client_name}.conf")
}

/// Returns the address to which apt sends the login. Over plain HTTP apt sends it only when the scheme is named; and it compares the
/// beginning only, so without the slash `prod` would get the login of `prod-eu`.
fn machine(url: &Url) -> String {
    format!("{url}/")
}

/// Returns the entry for `/etc/apt/auth.conf.d/` with a login for the repository at an address.
pub(crate) fn auth_entry(url: &Url, user: &str, password: &str) -> String {
    format!("machine {}\nlogin {user}\npassword {password}\n", machine(url))
}

/// Returns the source entry for machines of each suite, with the key named by its path.
///
/// # Errors
/// When the record of what is published cannot be read.
pub(crate) fn source_entries(
    store: &Store,
    repository: &RepositorySettings,
    url: &Url,
) -> Result<Vec<(SuiteName, String)>, Failure> {
    let signed_by = format!(" {}", repository.name.keyring_path());
    let entry = |suite: &SuiteSettings| {
        Ok((suite.name.clone(), Block::of(store, repository, &[suite])?.entry(url, &signed_by)))
    };
    repository.suites.iter().map(entry).collect()
}

/// Returns whether clients find the package with the keys.
pub(crate) fn has_keyring_package(store: &Store, repository: &RepositorySettings) -> Result<bool, Failure> {
    let versions = store.keyring_versions(&repository.name)?;
    Ok(versions.iter().any(|version| version.published.is_some()))
}

/// Reads the certificate of the authority that clients are to trust for the server.
fn authority(session: &Session, url: &Url) -> Result<Option<String>, Failure> {
    let Some(path) = session.config.authority().filter(|_| url.is_of_tls()) else { return Ok(None) };
    let path = session.config.root().join(path);
    let text = std::fs::read_to_string(&path).map_err(Failure::io("read", &path))?;
    if text.contains("PRIVATE KEY") || !text.contains("-----BEGIN CERTIFICATE-----") {
        return Err(Failure::NoAuthority { path });
    }
    Ok(Some(text))
}

/// Returns the keys that clients need: those that will sign what is published next. Who may not read the directory of keys gets those that
/// signed what clients see.
fn keyring(session: &Session, repository: &RepositorySettings) -> Result<Keyring, Failure> {
    let failure = match session.keys_of(&repository.name).keyring() {
        Ok((keyring, _)) => return Ok(keyring),
        Err(failure) => failure,
    };
    let is_denied =
        matches!(&failure, KeyError::Io { source, .. } if source.kind() == ErrorKind::PermissionDenied);
    let published = if is_denied { session.store.published_keys(&repository.name)? } else { None };
    published.map_or(Err(failure.into()), |bytes| Ok(Keyring::parse(&bytes)?))
}

fn joined<'a>(words: impl Iterator<Item = &'a str>) -> String {
    words.collect::<Vec<_>>().join(" ")
}

fn architectures(suites: &[&SuiteSettings]) -> Vec<Architecture> {
    without_repeats(suites.iter().flat_map(|suite| suite.architectures.clone()).collect())
}

/// What clients can fetch: apt complains about a suite that does not list what it is told to fetch.
fn types(store: &Store, repository: &RepositorySettings, suite: &SuiteName) -> Result<&'static str, Failure> {
    let has_sources = store.publishes_sources(&repository.name, std::slice::from_ref(suite))?;
    Ok(if has_sources { "deb deb-src" } else { "deb" })
}
