//! Laws of the crate `repo-config`: plain functions that panic where one is broken.

use std::error::Error;

use repo_config::{FromText as _, Url, fuzzing};
use repo_store::RepositoryName;

use super::checks::{Law, check_line};

/// All laws by the names of their fuzz targets.
pub const LAWS: &[(&str, Law)] = &[("config_read", config_read), ("value_read", value_read)];

/// A configuration is refused for a reason that can be shown, or every question about it has an answer.
///
/// The input is `repo.toml` and what lies in `repo.d`, separated by NUL.
pub fn config_read(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let texts: Vec<&str> = text.split('\0').take(4).collect();
    let config = match fuzzing::config(&texts) {
        Ok(config) => config,
        Err(error) => {
            check_line(&error);
            assert!(!error.code().is_empty());
            // Behind it stand the rule, and what the reader of TOML shows of the text, in lines of its own.
            let mut source = error.source();
            while let Some(below) = source {
                assert!(!below.to_string().contains('\u{1b}'), "{below}");
                source = below.source();
            }
            return;
        }
    };
    let _ = (
        config.publishes_at_once(),
        config.listen(),
        config.trusted_proxies(),
        config.url(),
        config.limits(),
    );
    let _ = (config.grace(), config.named_files());
    for settings in config.repositories() {
        let name = &settings.name;
        assert_eq!(config.repository(name.as_str()).unwrap().name, *name);
        settings.validate().unwrap();
        let _ = (config.retention(name), config.keep_history(name), config.ways_in(name));
        let _ = (config.url_of(settings), config.users_files(name), config.needs_password(name));
    }
}

/// A value is refused in one line, or is one line itself; an address stands in a line of apt's sources as it is.
pub fn value_read(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    for refusal in fuzzing::refusals(text) {
        assert!(!refusal.contains(char::is_control) && !refusal.is_empty(), "{refusal:?}");
    }
    if let Ok(url) = Url::from_text(text) {
        let shown = url.to_string();
        assert!(shown.chars().all(|c| c.is_ascii_graphic()) && !shown.ends_with('/'), "{shown:?}");
        assert_eq!(Url::from_text(&shown).unwrap(), url);
        let repository = RepositoryName::parse("prod").unwrap();
        assert!(Url::from_text(&url.of_repository(&repository).to_string()).is_ok());
    }
}
