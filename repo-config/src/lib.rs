//! The configuration and the keys of a store, as its directory holds them: `repo.toml` with the drop-ins in `repo.d`, the files that
//! they name, and the secret keys in `keys`. A command line, a service and a program of one's own read the same store by it.
//!
//! ```text
//! repo.toml, repo.d ─▶ Config ─▶ RepositorySettings ─▶ Store::add, Store::publish …
//! keys ─▶ KeyDirectory ─▶ signer ───────────────────────┘
//! ```
//!
//! It reads no clock, no environment and no terminal, and it serves nothing: who may read a repository is told as networks and as the path
//! of a file of users.
//!
//! ```
//! use apt_sign::UserId;
//! use deb_parse::{Architecture, PackageName, SuiteName, Version, deb};
//! use jiff::Timestamp;
//! use repo_config::{Config, FromText as _, Line, Template};
//! use repo_config::keys::{KeyDirectory, NewKey};
//! use repo_store::{AddOptions, Context, PublishOptions, RepositoryName, Store};
//!
//! # let directory = tempfile::tempdir()?;
//! # let root = camino::Utf8PathBuf::try_from(directory.path().join("store"))?;
//! # let now: Timestamp = "2026-11-27T12:00:00Z".parse()?;
//! # let file = camino::Utf8PathBuf::try_from(directory.path().join("hello.deb"))?;
//! # let amd64 = Architecture::parse("amd64")?;
//! # let package = deb::Builder::new(PackageName::parse("hello")?, Version::parse("1.0")?, amd64).build()?;
//! # std::fs::write(&file, package)?;
//! let mut template = Template::new(Line::from_text("Example Ltd")?);
//! template.suites.push(SuiteName::parse("bookworm")?);
//! template.architectures.push(Architecture::parse("amd64")?);
//! template.repositories.push(RepositoryName::parse("prod")?);
//! Store::create(&root)?;
//! let key_name = UserId::parse("Example Ltd (archive signing key)")?;
//! KeyDirectory::new(&root).generate(&NewKey::named(key_name), now.into())?;
//! template.save_new(&root)?;
//!
//! // From here on also for a store that `repo-cli init` made. `file` is the path of a .deb file.
//! let (config, store) = (Config::load(&root)?, Store::open(&root)?);
//! let prod = config.repository("prod")?;
//! let context = Context::new("example", now);
//! store.add(prod, &[file], &AddOptions::default(), &context)?;
//! let (signer, _warnings) = KeyDirectory::new(&root).signer(now.into())?;
//! store.publish_with(prod, &signer, PublishOptions::default(), &context)?;
//! let index = std::fs::read_to_string(root.join("public/prod/dists/bookworm/InRelease"))?;
//! assert!(index.contains("Origin: Example Ltd"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![forbid(unsafe_code)]

#[cfg(test)]
extern crate self as repo_config;

mod armor_checksum;
mod base;
pub mod bundle;
mod compress;
mod config;
mod damaged_files;
mod description;
#[cfg(test)]
mod documentation;
mod drop_folders;
pub mod edit;
mod edit_error;
pub mod error;
mod external_key;
mod file;
mod freeze;
#[cfg(test)]
mod fuzz_replay;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
mod gate;
pub mod hook;
mod keeping;
mod key_error;
mod key_life;
pub mod keys;
mod limits;
mod log_target;
mod monitoring;
mod named_files;
mod nearest;
mod network;
mod ownership;
mod passphrase;
mod place;
mod profiles;
mod regular_file;
mod release_names;
mod reliance;
mod reserved;
mod restrictions;
mod routing;
pub mod schedule;
mod schema;
mod shown;
mod template;
mod texts;
mod uploaders;
mod url;
mod value;
mod watch;
pub mod ways_in;

pub use config::{Config, DEFAULT_LISTEN, without_repeats};
pub use drop_folders::DropFolder;
pub use file::OnUnknownRelease;
pub use log_target::LogTarget;
pub use monitoring::AccessLog;
pub use nearest::nearest;
pub use reserved::RESERVED;
pub use schema::schema;
pub use shown::ShownSetting;
pub use template::Template;
pub use url::Url;
pub use value::{FromText, Line, Listen};
pub use watch::Watch;
