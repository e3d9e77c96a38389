use std::str::FromStr;

use deb_parse::SuiteName;
use repo_store::{RepositoryName, RepositorySettings, Revision};

use crate::error::Failure;
use crate::session::Session;

/// What `diff` compares: `REPOSITORY[/SUITE][@REVISION]`.
#[derive(Clone, Debug)]
pub(crate) struct RevisionSpec {
    pub(crate) text: String,
    repository: String,
    suite: Option<SuiteName>,
    revision: Option<String>,
}

impl FromStr for RevisionSpec {
    type Err = deb_parse::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (place, revision) = match text.split_once('@') {
            Some((place, revision)) => (place, Some(revision.to_owned())),
            None => (text, None),
        };
        let (repository, suite) = match place.split_once('/') {
            Some((repository, suite)) => (repository, Some(SuiteName::parse(suite)?)),
            None => (place, None),
        };
        Ok(Self { text: text.to_owned(), repository: repository.to_owned(), suite, revision })
    }
}

impl RevisionSpec {
    /// Returns the present state of a repository.
    pub(crate) fn head_of(repository: &RepositoryName) -> Self {
        let name = repository.to_string();
        Self { text: name.clone(), repository: name, suite: None, revision: None }
    }

    /// Returns the repository and its state as they were named.
    pub(crate) fn without_suite(&self) -> String {
        let revision = self.revision.as_ref().map_or_else(String::new, |revision| format!("@{revision}"));
        format!("{}{revision}", self.repository)
    }

    /// Returns what is meant where a suite of another state can be named alone: that suite if the state has it and no repository has the name.
    pub(crate) fn or_suite_of(&self, state: &Self, session: &Session) -> Result<Self, Failure> {
        let (settings, revision) = state.resolve(session)?;
        let mut known = all_suites(settings, revision.as_ref()).into_iter();
        let suite = known.find(|suite| suite.as_str() == self.text);
        match suite.filter(|_| session.config.repository(&self.repository).is_err()) {
            Some(suite) => {
                let revision = state.revision.as_ref().map_or_else(String::new, |one| format!("@{one}"));
                let text = format!("{}/{suite}{revision}", state.repository);
                Ok(Self { text, suite: Some(suite), ..state.clone() })
            }
            None => Ok(self.clone()),
        }
    }

    /// The repository, and its state; `None` for a repository in which nothing was ever changed.
    pub(crate) fn resolve<'a>(
        &self,
        session: &'a Session,
    ) -> Result<(&'a RepositorySettings, Option<Revision<'a>>), Failure> {
        let settings = session.repository(&self.repository)?;
        let revision = match &self.revision {
            Some(revision) => Some(session.resolve(&settings.name, revision)?),
            None => session.store.head(&settings.name)?,
        };
        Ok((settings, revision))
    }

    /// The suites meant: the one named, or all of the repository.
    pub(crate) fn suites(
        &self,
        settings: &RepositorySettings,
        revision: Option<&Revision<'_>>,
    ) -> Vec<SuiteName> {
        if let Some(suite) = &self.suite {
            return vec![suite.clone()];
        }
        all_suites(settings, revision)
    }

    /// Checks that the suite named, and the others that are asked for, are known to the configuration or to the state: an unknown one is a
    /// slip of the pen, not an empty one.
    pub(crate) fn check_suites(
        &self,
        settings: &RepositorySettings,
        revision: Option<&Revision<'_>>,
        others: &[SuiteName],
    ) -> Result<(), Failure> {
        let known = all_suites(settings, revision);
        match self.suite.iter().chain(others).find(|suite| !known.contains(suite)) {
            Some(unknown) => {
                let (repository, suite) = (settings.name.clone(), unknown.clone());
                Err(repo_store::Error::UnknownSuite { repository, suite, known }.into())
            }
            None => Ok(()),
        }
    }

    /// Returns whether a state is named.
    pub(crate) fn names_a_revision(&self) -> bool {
        self.revision.is_some()
    }

    /// Whether one suite is named.
    pub(crate) fn names_a_suite(&self) -> bool {
        self.suite.is_some()
    }
}

/// Returns the configured suites, and those that a state has besides.
fn all_suites(settings: &RepositorySettings, revision: Option<&Revision<'_>>) -> Vec<SuiteName> {
    let mut suites: Vec<SuiteName> = settings.suites.iter().map(|suite| suite.name.clone()).collect();
    let others = revision.into_iter().flat_map(|revision| revision.commit().suites.keys());
    suites.extend(others.filter(|suite| settings.suite(suite).is_none()).cloned());
    suites
}
