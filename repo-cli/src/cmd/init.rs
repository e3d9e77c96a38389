use std::os::unix::fs::PermissionsExt as _;

use std::fs::File;
use std::io::Write as _;

use camino::{Utf8Path, Utf8PathBuf};
use deb_parse::{Architecture, SuiteName};
use repo_store::{PublishOptions, RepositoryName, Store};

use crate::args::Global;
use crate::config::{Config, Line, Url, argument, without_repeats};
use crate::error::{Failure, Outcome};
use crate::keys::Keys;
use crate::output::{Output, joined};
use crate::session::Session;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct InitArguments {
    /// Where [default: the current directory]
    #[arg(value_name = "DIR")]
    pub(crate) directory: Option<Utf8PathBuf>,
    #[command(flatten)]
    pub(crate) layout: LayoutArguments,
}

/// What a new store looks like.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct LayoutArguments {
    /// A repository; may be given several times [default: preprod and prod]
    #[arg(long = "repository", value_name = "NAME", value_parser = argument::<RepositoryName>)]
    pub(crate) repositories: Vec<RepositoryName>,
    /// A suite; may be given several times [default: bookworm and trixie]
    #[arg(long = "suite", value_name = "NAME", value_parser = argument::<SuiteName>)]
    pub(crate) suites: Vec<SuiteName>,
    /// An architecture; may be given several times [default: amd64 and arm64]
    #[arg(long = "architecture", value_name = "NAME", value_parser = argument::<Architecture>)]
    pub(crate) architectures: Vec<Architecture>,
    /// Who publishes, as clients see it; better never changed later
    #[arg(long, value_name = "TEXT", default_value = "In-house packages", value_parser = argument::<Line>)]
    pub(crate) origin: Line,
    /// The address under which clients will reach the repositories
    #[arg(long, value_name = "URL", value_parser = argument::<Url>)]
    pub(crate) url: Option<Url>,
}

pub(crate) fn run(arguments: &InitArguments, global: &Global, output: &Output) -> Result<Outcome, Failure> {
    let directory = arguments.directory.clone().or_else(|| global.root.clone());
    let directory = directory.map_or_else(crate::session::current_directory, Ok)?;
    init(&directory, &arguments.layout, output)?;
    let session = Session::open(&Global { root: Some(directory), ..global.clone() })?;
    let published = session.publish_each(session.config.repositories(), PublishOptions::default(), output)?;
    let failed = published.filter(|(_, report)| report.is_none()).count();
    output.result(&serde_json::json!({ "root": session.root }), || {});
    Ok(Outcome::of(failed == 0))
}

/// Makes the store, its key and its configuration.
pub(crate) fn init(root: &Utf8Path, layout: &LayoutArguments, output: &Output) -> Result<(), Failure> {
    let path = root.join("repo.toml");
    if path.exists() {
        return Err(repo_store::Error::StoreExists { path: root.to_owned() }.into());
    }
    let text = configuration(layout);
    // Before anything is there: what is wrong with it could not be put right by giving other arguments.
    Config::of(root, &[(path.clone(), text.clone())])?;
    match Store::create(root) {
        // Without a repo.toml it was not made to the end.
        Err(repo_store::Error::StoreExists { .. }) => drop(Store::open(root)?),
        result => drop(result?),
    }
    let key = Keys::new(root).generate(&format!("{} (archive signing key)", layout.origin))?;
    // Last: a directory with a repo.toml is a store that was made to the end.
    write_durably(&path, &text).map_err(Failure::io("write", &path))?;
    let mode = std::fs::Permissions::from_mode(repo_store::mode::MUTABLE);
    std::fs::set_permissions(&path, mode).map_err(Failure::io("set the mode of", &path))?;
    output.say(&format!("made a store in {root}: configure it in {path}"));
    output.say(&format!("made a signing key: {}", key.fingerprint()));
    Ok(())
}

fn write_durably(path: &Utf8Path, text: &str) -> std::io::Result<()> {
    let mut file = File::create_new(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    path.parent().map_or(Ok(()), |directory| File::open(directory)?.sync_all())
}

fn configuration(layout: &LayoutArguments) -> String {
    fn names<T: Clone + PartialEq + ToString>(given: &[T], default: [&str; 2]) -> Vec<String> {
        if given.is_empty() {
            return default.map(str::to_owned).to_vec();
        }
        without_repeats(given.to_vec()).iter().map(T::to_string).collect()
    }
    let quoted = |text: &str| toml::Value::from(text).to_string();
    let list = |names: &[String]| joined(&names.iter().map(|name| quoted(name)).collect::<Vec<_>>());
    let url = match &layout.url {
        Some(url) => format!("url = {}", quoted(&url.to_string())),
        None => "#url = \"https://packages.example.org\"".to_owned(),
    };
    let repositories = names(&layout.repositories, ["preprod", "prod"]);
    let tables: Vec<String> =
        repositories.iter().map(|name| format!("[repositories.{}]\n", quoted_key(name))).collect();
    TEMPLATE
        .replace("@ORIGIN@", &quoted(&layout.origin.to_string()))
        .replace("@URL@", &url)
        .replace("@SUITES@", &list(&names(&layout.suites, ["bookworm", "trixie"])))
        .replace("@ARCHITECTURES@", &list(&names(&layout.architectures, ["amd64", "arm64"])))
        .replace("@REPOSITORIES@", &tables.join("\n"))
}

/// A repository's name as a key of a table; a name with a dot needs quotes.
fn quoted_key(name: &str) -> String {
    if name.contains('.') { format!("\"{name}\"") } else { name.to_owned() }
}

const TEMPLATE: &str = r#"# What this store publishes. Keep this file in version control; it is all the configuration there is.
# Files repo.d/*.toml are read on top of it: tables are merged, lists appended.

# Who publishes, as clients see it. They refuse a later change, so choose it once.
origin = @ORIGIN@

# The address under which clients reach public/: used in what is handed out to them.
@URL@

# A suite for each release that packages are for. A package whose version names a release (1.2-1+deb12u1, 1.2-1~jammy1)
# goes to the suites of that release, any other to all. Instead of the list: suites_file = "suites.list", one name a line.
suites = [@SUITES@]

# The architectures published, besides `all`. Instead of the list: architectures_file = "architectures.list".
architectures = [@ARCHITECTURES@]

# The first is for packages that name none in their section.
components = ["main"]

# Compressed forms of each index, of xz, gz, zst, bz2 and none. bz2 is compressed whole at every change, the others in parts.
#compress = ["xz", "gz"]

# Descriptions apart from packages, in Translation-en: a client that sets Acquire::Languages to none loads less. A repository may
# have its own.
#translations = true

# Publish which files each package has, for `apt-file`. Every package that is added is unpacked for it.
#contents = true

# After how long clients refuse what was published last, against replayed old states. `publish` signs anew in time.
#valid_for = "14d"

# Whose uploads (.changes) are taken: a keyring, as `gpg --export` makes it. A repository may have its own. Without it, anybody's.
#uploaders = "uploaders.gpg"

# "manual": changes are shown to clients by `publish` only.
#publish = "auto"

[serve]
#listen = "127.0.0.1:8080"

# The repositories. For each: the addresses that may read it, a file of users as `htpasswd -B` makes it, suites if not all.
#   allow = ["10.0.0.0/8", "2001:db8::/32"]
#   users = "prod.htpasswd"
#   suites = ["bookworm"]
#   contents = true
#   flat = "bookworm"             # also at the root, for clients with a line `deb http://… ./`
@REPOSITORIES@
# Packages that go elsewhere than their section and version say. The first rule for a package decides; `add --component` and
# `add --suite` come before any rule. `suites` is a list to choose from: a version that names a release goes to those for it.
#[[route]]
#packages = ["*-dbgsym"]                      # names; `sections`, `fields` and `repositories` as in [[retention]]
#component = "debug"
#suites = ["bookworm-debug", "trixie-debug"]

# Compressed forms of indices of one kind, where not `compress` counts.
#[compress_index]
#packages = ["xz", "gz"]
#sources = ["xz"]
#contents = ["gz"]
#translation = ["xz", "bz2"]

# Which versions stay when `repo-cli retention` runs. Of the rules for a package the first decides; what none matches stays.
# A version stays when any limit says so, when it is tagged, and when it is the newest. All but the limits may be left out.
#[[retention]]
#repositories = ["preprod"]
#suites = ["bookworm"]
#packages = ["*-dbgsym"]                      # names
#sections = ["debug"]
#fields = { Origin = "Nightly*" }             # fields of the control file
#keep_versions = 3                            # of each package and architecture
#keep_for = "30d"                             # counted from when it came to the suite
#kept_by = ["prod"]                           # what these hold stays here too

# What `repo-cli gc` leaves.
#[gc]
#grace = "7d"                                 # what nothing refers to stays for that long
#keep_history = "365d"                        # how far back `rollback` reaches: a time or a number of states; for ever when
#                                             # not set. [repositories.NAME] may have its own. Tagged states stay.

# What one suite has of its own.
#[suite.bookworm]
#architectures = ["amd64"]
#components = ["main", "contrib"]
#markers = ["bookworm", "deb12", "bpo12"]     # what in a version says that a package was built for this suite
#architecture_all = "apart"                   # an index of their own for packages for `all`; debootstrap does not read it
#only_routed = true                           # takes nothing but what [[route]] or --suite sends here
#description = "Packages for our bookworm machines"
#not_automatic = true                         # clients install from it only when told to
"#;
