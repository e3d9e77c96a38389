use std::os::unix::fs::PermissionsExt as _;

use std::fs::File;
use std::io::Write as _;

use camino::{Utf8Path, Utf8PathBuf};
use deb_parse::{Architecture, SuiteName};
use repo_store::{RepositoryName, StorageError, Store};

use crate::args::Global;
use crate::config::{Config, Line, Url, argument, without_repeats};
use crate::error::{Failure, Outcome};
use crate::keys::Keys;
use crate::output::{Output, joined};
use crate::session::{Publishing, Session};

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
    init(&directory, &arguments.layout, "refuse", output)?;
    let session = Session::open(&Global { root: Some(directory), ..global.clone() })?;
    let published = session.publish_each(session.config.repositories(), Publishing::default(), output)?;
    let failed = published.filter(|(_, report)| report.is_none()).count();
    output.result(&serde_json::json!({ "root": session.root }), || {});
    Ok(Outcome::of(failed == 0))
}

/// Makes the store, its key and its configuration.
pub(crate) fn init(
    root: &Utf8Path,
    layout: &LayoutArguments,
    unknown_release: &str,
    output: &Output,
) -> Result<(), Failure> {
    let path = root.join("repo.toml");
    if path.exists() {
        return Err(repo_store::Error::from(StorageError::StoreExists { path: root.to_owned() }).into());
    }
    let text = configuration(layout, unknown_release);
    // Before anything is there: what is wrong with it could not be put right by giving other arguments.
    Config::of(root, &[(path.clone(), text.clone())])?;
    match Store::create(root) {
        // Without a repo.toml it was not made to the end.
        Err(repo_store::Error::Storage(StorageError::StoreExists { .. })) => drop(Store::open(root)?),
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

fn configuration(layout: &LayoutArguments, unknown_release: &str) -> String {
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
        .replace("@UNKNOWN_RELEASE@", &quoted(unknown_release))
        .replace("@SUITES@", &list(&names(&layout.suites, ["bookworm", "trixie"])))
        .replace("@ARCHITECTURES@", &list(&names(&layout.architectures, ["amd64", "arm64"])))
        .replace("@REPOSITORIES@", &tables.join("\n"))
}

/// A repository's name as a key of a table; a name with a dot needs quotes.
fn quoted_key(name: &str) -> String {
    if name.contains('.') { format!("\"{name}\"") } else { name.to_owned() }
}

/// With every setting there is. `@WORD@` is filled in; a `#` with a letter or bracket behind it begins a setting that is not set.
pub(crate) const TEMPLATE: &str = include_str!("init/repo.toml");
