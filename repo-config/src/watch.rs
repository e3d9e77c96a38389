//! The configuration of a program that goes on while it is changed.

use std::error::Error;
use std::mem;

use camino::Utf8PathBuf;

use crate::config::Config;
use crate::error::ConfigError;
use crate::restrictions::Restrictions;
use crate::texts::{self, Source};

/// Tells when the files of a configuration say something else.
#[derive(Debug)]
pub struct Watch {
    root: Utf8PathBuf,
    /// What counts now.
    current: Vec<Source>,
    /// What it asks of clients.
    restrictions: Restrictions,
    /// What was found when it was looked last.
    seen: Vec<Source>,
    /// What was wrong when it was looked last: an error is told once.
    problem: Option<String>,
}

impl Watch {
    /// Watches from this configuration on.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let (root, current) = (config.root.clone(), config.sources.clone());
        let restrictions = Restrictions::of(config);
        Self { root, seen: current.clone(), current, restrictions, problem: None }
    }

    /// Returns what `use_it` makes of the configuration, when it is another one than before; the error when that cannot be used, once. Then the
    /// one before counts further, and the other one is tried at each look. One that asks less of clients is never used.
    ///
    /// `now`: somebody asked for it. Then what differs is used at first sight, and an error is told again.
    ///
    /// # Errors
    /// As [`Config::load`], [`ConfigError::Loosened`], and what `use_it` returns.
    pub fn look<T, E: Error + From<ConfigError>>(
        &mut self,
        now: bool,
        use_it: impl FnOnce(&Config) -> Result<T, E>,
    ) -> Result<Option<T>, E> {
        let result = self.read(now, use_it);
        let problem = result.as_ref().err().map(|error| format!("{error:?}"));
        let is_known = problem == mem::replace(&mut self.problem, problem.clone());
        if is_known && !now { result.or(Ok(None)) } else { result }
    }

    fn read<T, E: Error + From<ConfigError>>(
        &mut self,
        now: bool,
        use_it: impl FnOnce(&Config) -> Result<T, E>,
    ) -> Result<Option<T>, E> {
        let sources = texts::sources(&self.root)?;
        let before = mem::replace(&mut self.seen, sources.clone());
        // What differs from one look to the next may be half written.
        if sources == self.current || (sources != before && !now) {
            return Ok(None);
        }
        let config = Config::of(&self.root, &sources)?;
        let restrictions = Restrictions::of(&config);
        if let Some(what) = self.restrictions.loosened_by(&restrictions) {
            return Err(ConfigError::Loosened { what }.into());
        }
        let made = use_it(&config)?;
        (self.current, self.restrictions) = (sources, restrictions);
        Ok(Some(made))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: &str = "suites = ['bookworm']\narchitectures = ['amd64']\n";
    const CLOSED: &str = "[repositories.open]\n[repositories.prod]\nallow = ['192.0.2.0/24']\nusers = 'u'\n";

    /// A configuration in a directory of its own, watched.
    struct Watched {
        directory: tempfile::TempDir,
        watch: Watch,
    }

    impl Watched {
        /// With the repositories in a drop-in.
        fn new() -> Self {
            let directory = tempfile::tempdir().unwrap();
            std::fs::create_dir(directory.path().join("repo.d")).unwrap();
            std::fs::write(directory.path().join("repo.toml"), BASE).unwrap();
            std::fs::write(directory.path().join("repo.d/a.toml"), CLOSED).unwrap();
            let root = Utf8PathBuf::from_path_buf(directory.path().to_owned()).unwrap();
            let watch = Watch::new(&Config::load(&root).unwrap());
            Self { directory, watch }
        }

        fn write(&self, name: &str, text: &str) {
            std::fs::write(self.directory.path().join(name), text).unwrap();
        }

        /// What a look says: that it is used, an error, or nothing.
        fn look(&mut self) -> Option<String> {
            match self.watch.look::<_, ConfigError>(false, |_| Ok("used".to_owned())) {
                Ok(used) => used,
                Err(error) => Some(error.to_string()),
            }
        }

        /// What is said of a text that stays: not at first sight, and once.
        #[track_caller]
        fn settled(&mut self) -> Option<String> {
            assert_eq!(self.look(), None);
            let said = self.look();
            assert_eq!(self.look(), None);
            said
        }
    }

    #[test]
    fn what_may_be_half_written_is_not_used() {
        let mut watched = Watched::new();
        for line in 1..4 {
            watched.write("repo.toml", &format!("{BASE}origin = '{line}'\n"));
            assert_eq!(watched.look(), None, "it was not there at the look before");
        }
        assert_eq!(watched.look().as_deref(), Some("used"));
        assert_eq!(watched.look(), None);
    }

    #[test]
    fn what_could_not_be_served_is_tried_again() {
        let mut watched = Watched::new();
        watched.write("repo.toml", &format!("{BASE}origin = 'other'\n"));
        assert_eq!(watched.look(), None);
        let mut fails = || {
            let away = || ConfigError::io("open", "public".into())(std::io::Error::other("it is away"));
            watched.watch.look::<(), _>(false, |_| Err(away()))
        };
        assert!(fails().is_err());
        assert!(matches!(fails(), Ok(None)), "it was said");
        assert_eq!(watched.look().as_deref(), Some("used"));
    }

    #[test]
    fn a_text_that_is_cut_at_a_line_end_opens_nothing() {
        let mut said = Vec::new();
        for lines in 0..4 {
            let mut watched = Watched::new();
            let cut: String = CLOSED.split_inclusive('\n').take(lines).collect();
            watched.write("repo.d/a.toml", &cut);
            said.extend(watched.settled());
        }
        insta::assert_snapshot!(said.join("\n"), @"
        no repository would be left
        prod, which is not open to everyone, would be gone
        prod would be open to everyone
        prod would need no password
        ");
    }

    #[test]
    fn a_drop_in_that_is_away_for_a_moment_opens_nothing() {
        let mut watched = Watched::new();
        // With the repositories known, so that they would be open.
        watched.write("repo.toml", &format!("{BASE}[repositories.prod]\n[repositories.open]\n"));
        assert_eq!(watched.settled().as_deref(), Some("used"));
        for name in ["repo.d/a.toml", "repo.d"] {
            let path = watched.directory.path().join(name);
            let away = watched.directory.path().join("away");
            std::fs::rename(&path, &away).unwrap();
            let open = "prod would be open to everyone";
            assert_eq!(watched.settled().as_deref(), Some(open), "{name}");
            std::fs::rename(&away, &path).unwrap();
            assert_eq!(watched.settled(), None, "it is what counts: {name}");
        }
    }

    #[test]
    fn proxies_that_are_away_for_a_moment_open_nothing() {
        let mut watched = Watched::new();
        watched.write("repo.d/b.toml", "[serve]\ntrusted_proxies = ['192.0.2.1']\n");
        assert_eq!(watched.settled().as_deref(), Some("used"));
        watched.write("repo.d/b.toml", "");
        let open = "`trusted_proxies` would be empty";
        assert_eq!(watched.settled().as_deref(), Some(open));
        watched.write("repo.d/b.toml", "[serve]\ntrusted_proxies = ['192.0.2.2']\n");
        assert_eq!(watched.settled().as_deref(), Some("used"));
    }

    #[test]
    fn an_empty_repo_toml_opens_nothing() {
        let mut watched = Watched::new();
        watched.write("repo.d/a.toml", "");
        watched.write("repo.toml", "");
        let said = watched.settled();
        assert_eq!(said.as_deref(), Some("no repository would be left"));
    }

    #[test]
    fn other_users_networks_and_repositories_count_at_once() {
        let mut watched = Watched::new();
        for text in [
            "[repositories.prod]\nallow = ['0.0.0.0/0']\nusers = 'other'\n",
            "[repositories.prod]\nallow = ['192.0.2.1']\nusers = 'u'\n[repositories.new]\n",
            "[repositories.prod]\nallow = ['192.0.2.1']\nusers = 'u'\n[repositories.new]\nusers = 'u'\n",
        ] {
            watched.write("repo.d/a.toml", text);
            assert_eq!(watched.settled().as_deref(), Some("used"), "{text}");
        }
        watched.write(
            "repo.d/a.toml",
            "[repositories.prod]\nallow = ['192.0.2.1']\nusers = 'u'\n[repositories.new]\n",
        );
        let open = "new would be open to everyone";
        assert_eq!(watched.settled().as_deref(), Some(open), "it was closed in the meantime");
    }

    #[test]
    fn other_ways_in_count_at_once_unless_proxies_are_dropped_with_them() {
        let mut watched = Watched::new();
        let ways = |access: &str| {
            format!("[serve]\ntrusted_proxies = ['127.0.0.1']\n[repositories.prod]\naccess = {access}\n")
        };
        for access in [
            "[['127.0.0.0/8']]",
            "[['tokens']]",
            "[['10.0.0.0/8'], ['tokens']]",
            "[['0.0.0.0/0']]",
            "[['127.0.0.0/8'], ['tokens']]",
        ] {
            watched.write("repo.d/a.toml", &ways(access));
            assert_eq!(watched.settled().as_deref(), Some("used"), "{access}");
        }
        watched.write("repo.d/a.toml", "[repositories.prod]\naccess = [['127.0.0.0/8'], ['tokens']]\n");
        assert_eq!(watched.settled().as_deref(), Some("`trusted_proxies` would be empty"));
        watched.write("repo.d/a.toml", &ways("[['public']]"));
        assert_eq!(watched.settled().as_deref(), Some("prod would be open to everyone"));
    }
}
