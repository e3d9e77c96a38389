//! What a manager of repositories can be told, and how one is connected to the runner.

/// What a manager may lack. A case that needs it is then counted apart: the manager cannot be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feature {
    /// Indices under the names of their checksums, beside the usual names.
    ByHash,
    /// Patches between states of an index.
    Pdiffs,
    /// A time after which clients refuse a Release file.
    ValidUntil,
    /// Lists of the files in packages.
    Contents,
    /// Long descriptions in files of their own.
    Translations,
    /// Source packages.
    Sources,
    /// Several versions of one package in a suite.
    SeveralVersions,
    /// Signatures by two keys at once.
    TwoKeys,
    /// Going back to a state that was marked.
    GoBack,
    /// The fields `NotAutomatic` and `ButAutomaticUpgrades`.
    NotAutomatic,
    /// A second name of a suite, with a path of its own.
    Alias,
    /// The field `Label`.
    Label,
}

/// How long `ValidUntil` is, in days.
pub const VALID_DAYS: u64 = 7;
/// The field `Origin` of everything.
pub const ORIGIN: &str = "Conformance";
/// The second name of `bookworm`.
pub const ALIAS: &str = "stable";

/// The repositories of a world, the same in each. Every one has the architectures `amd64` and `arm64` and the suites
/// and components named here.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    /// Independent sets of suites. The label of each is its name in capitals.
    pub repositories: &'static [&'static str],
    /// The suites of each repository.
    pub suites: &'static [&'static str],
    /// The components of each suite.
    pub components: &'static [&'static str],
    /// What is switched on. A manager may leave out what is not named here.
    pub features: &'static [Feature],
}

impl Layout {
    /// Returns whether something is switched on.
    #[must_use]
    pub fn has(&self, feature: Feature) -> bool {
        self.features.contains(&feature)
    }

    /// Returns the architectures of every suite.
    #[must_use]
    pub fn architectures(&self) -> &'static [&'static str] {
        &["amd64", "arm64"]
    }
}

/// The suites of one repository that a request is about.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// The repository.
    pub repository: &'a str,
    /// The suite.
    pub suite: &'a str,
    /// The component.
    pub component: &'a str,
}

/// A version of a package, for every architecture that has it.
#[derive(Clone, Copy, Debug)]
pub struct Package<'a> {
    /// The name.
    pub name: &'a str,
    /// The version.
    pub version: &'a str,
}

/// What a manager is told. Everything but `Create`, `Publish`, `SignWith` and `GoBack` may wait for the next `Publish` until clients see it.
#[derive(Clone, Copy, Debug)]
pub enum Request<'a> {
    /// Make the empty repositories and publish them, signed.
    Create,
    /// Add files (`.deb`, `.dsc`) to a suite.
    Add(Target<'a>, &'a [String]),
    /// Take a package out of a suite.
    Remove(Target<'a>, Package<'a>),
    /// Copy a package to the same suite of another repository.
    Promote(Target<'a>, Package<'a>, &'a str),
    /// Show clients what a repository holds now; when nothing changed, sign it again if that is due.
    Publish(&'a str),
    /// Remember the state of a repository under a name.
    Mark(&'a str, &'a str),
    /// Return to a marked state, and show that to clients.
    GoBack(&'a str, &'a str),
    /// Sign with these keys instead, from now on, and publish everything.
    SignWith,
}

/// Everything that a manager knows besides the request.
#[derive(Debug)]
pub struct Situation<'a> {
    /// The repositories.
    pub layout: &'a Layout,
    /// The fingerprints of the keys that sign. The secret keys are in the keyring of GnuPG.
    pub keys: &'a [String],
}

/// Where clients find a suite.
#[derive(Clone, Debug)]
pub struct Place {
    /// The directory that is the root of an archive, below the directory of the manager.
    pub root: String,
    /// What stands behind `dists/`.
    pub distribution: String,
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The manager did as it was told.
    Done,
    /// The manager refused or failed; what it printed.
    Failed(String),
    /// The manager was still busy after the time limit.
    Hung,
}

/// A manager of repositories, as the runner drives it: each request becomes a script for `sh -eu`.
///
/// The script runs in a directory that belongs to the manager alone, which stays the same over all requests. `HOME` holds the
/// keyring of GnuPG.
pub trait Manager: Sync {
    /// Returns the name, as `--adapter` takes it.
    fn name(&self) -> &'static str;

    /// Returns the command that prints the version, and fails where the program is missing.
    fn version_command(&self) -> String;

    /// Returns why the manager cannot be asked for something, or nothing when it can.
    fn lacks(&self, feature: Feature) -> Option<&'static str>;

    /// Returns where clients find a suite of a repository.
    fn place(&self, layout: &Layout, repository: &str, suite: &str) -> Place;

    /// Returns the script that does what is requested.
    fn script(&self, situation: &Situation<'_>, request: &Request<'_>) -> String;
}
