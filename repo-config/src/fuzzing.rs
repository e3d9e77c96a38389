//! The reader of `repo.toml` from a text and its single values, which are private otherwise, for the laws in `fuzz`.

use apt_index::Encoding;
use camino::Utf8Path;
use deb_parse::{Architecture, Component, SuiteName};
use jiff::SignedDuration;
use repo_store::RepositoryName;

use crate::config::Config;
use crate::drop_folders::AfterTaking;
use crate::error::ConfigError;
use crate::log_target::LogTarget;
use crate::network::Network;
use crate::passphrase::Credential;
use crate::schedule::{BackupTime, Recurrence};
use crate::url::Url;
use crate::value::{FromText, Line, Listen, Size};
use crate::ways_in::Condition;

/// Reads texts as `repo.toml` and the drop-ins after it. No file is looked at.
///
/// # Errors
/// As [`Config::load`].
pub fn config(texts: &[&str]) -> Result<Config, ConfigError> {
    let name = |number: usize| match number {
        0 => "repo.toml".into(),
        number => format!("repo.d/{number}.toml").into(),
    };
    let sources: Vec<_> =
        texts.iter().enumerate().map(|(number, text)| (name(number), (*text).to_owned())).collect();
    Config::of(Utf8Path::new("root"), &sources)
}

/// Reads one value as every kind that there is; gives what those that refuse it say.
#[must_use]
pub fn refusals(text: &str) -> Vec<String> {
    fn refusal<T: FromText>(text: &str) -> Option<String> {
        T::from_text(text).err().map(|error| error.to_string())
    }
    let all = [
        refusal::<SuiteName>,
        refusal::<Component>,
        refusal::<Architecture>,
        refusal::<RepositoryName>,
        refusal::<Encoding>,
        refusal::<Line>,
        refusal::<Listen>,
        refusal::<SignedDuration>,
        refusal::<Size>,
        refusal::<Url>,
        refusal::<Network>,
        refusal::<AfterTaking>,
        refusal::<BackupTime>,
        refusal::<Condition>,
        refusal::<Credential>,
        refusal::<LogTarget>,
        refusal::<Recurrence>,
    ];
    all.iter().filter_map(|refusal| refusal(text)).collect()
}
