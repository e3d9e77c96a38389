//! What clients have besides the repositories, for checks.

use camino::Utf8PathBuf;
use deb_parse::SuiteName;
use repo_store::settings::{Base, BaseSource};
use repo_store::{RepositoryName, RepositorySettings};

use crate::config::Config;
use crate::error::{ConfigError, Contradiction};
use crate::file::BaseTable;
use crate::value::Text;

impl Config {
    /// Returns every base that is configured.
    #[must_use]
    pub fn all_bases(&self) -> Vec<Base> {
        let tables = self.file.base.iter().enumerate();
        tables.map(|(place, table)| self.base(place + 1, table)).collect()
    }

    /// Returns what clients of the suites of a repository have besides. A suite that is its own base adds nothing.
    pub(crate) fn bases(&self, settings: &RepositorySettings) -> Vec<Base> {
        let is_itself = |base: &Base| {
            matches!(&base.source, BaseSource::Suite { repository, suite }
                if *repository == settings.name && *suite == base.suite)
        };
        let is_for = |base: &Base| settings.suite(&base.suite).is_some() && !is_itself(base);
        self.all_bases().into_iter().filter(is_for).collect()
    }

    fn base(&self, number: usize, table: &BaseTable) -> Base {
        let Text(suite) = &table.suite;
        let mut base = Base::new(number, suite.clone(), self.base_source(&table.source));
        base.max_age = table.max_age.as_ref().map(|Text(age)| *age);
        base
    }

    /// Reads `REPOSITORY/SUITE` of a repository that is configured; all else is a path.
    fn base_source(&self, text: &str) -> BaseSource {
        let parts = text.split_once('/');
        let suite_of = |(repository, suite): (&str, &str)| {
            let repository = RepositoryName::parse(repository).ok()?;
            self.file.repositories.contains_key(&repository).then_some(())?;
            Some(BaseSource::Suite { repository, suite: SuiteName::parse(suite).ok()? })
        };
        parts.and_then(suite_of).unwrap_or_else(|| BaseSource::Path(Utf8PathBuf::from(text)))
    }

    /// Finds bases of suites that no repository has, and those that are such suites.
    pub(crate) fn check_bases(&self, found: &mut Vec<ConfigError>) {
        for base in self.all_bases() {
            let mut unknown = |key, suite: &SuiteName, known: Vec<String>| {
                let (table, number, suite) = ("base", base.number, suite.clone());
                let fault = Contradiction::RuleOfNoSuite { table, number, key, suite, known };
                found.push(self.contradiction(fault));
            };
            if !self.suite_names.contains(&base.suite) {
                unknown("suite", &base.suite, self.suite_names.iter().map(ToString::to_string).collect());
            }
            if let BaseSource::Suite { repository, suite } = &base.source
                && let Some(settings) = self.repositories.get(repository)
                && settings.suite(suite).is_none()
            {
                unknown("source", suite, settings.suites.iter().map(|one| one.name.to_string()).collect());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    fn of(bases: &str) -> Result<Config, ConfigError> {
        let start =
            "suites = ['a', 'b']\narchitectures = ['amd64']\n[repositories.preprod]\n[repositories.prod]\n";
        Config::of("/r".into(), &[("/r/repo.toml".into(), format!("{start}{bases}"))])
    }

    #[test]
    fn a_suite_has_its_bases_and_is_not_its_own() {
        let config = of("[[base]]\nsuite = 'a'\nsource = '/etc/a.sources'\nmax_age = '7d'\n\
             [[base]]\nsuite = 'b'\nsource = 'prod/b'\n[[base]]\nsuite = 'b'\nsource = 'lists/b'\n")
        .unwrap();
        let numbers = |name: &str| {
            let bases = &config.repository(name).unwrap().bases;
            bases.iter().map(|base| base.number).collect::<Vec<_>>()
        };
        assert_eq!((numbers("preprod"), numbers("prod")), (vec![1, 2, 3], vec![1, 3]));
        let bases = config.all_bases();
        assert_eq!(bases[0].max_age, Some(SignedDuration::from_hours(7 * 24)));
        assert!(matches!(bases[1].source, BaseSource::Suite { .. }));
        assert_eq!(bases[2].source, BaseSource::Path("lists/b".into()));
    }

    #[test]
    fn a_base_without_its_suite_is_refused_with_its_place() {
        let said = [
            "suite = 'c'\nsource = '/x'",
            "suite = 'a'\nsource = 'prod/c'",
            "suite = 'a'",
            "suite = 'a'\nsource = '/x'\nmax_age = 'soon'",
        ]
        .map(|base| of(&format!("[[base]]\n{base}")).unwrap_err().to_string());
        insta::assert_snapshot!(said.join("\n"), @"
        /r/repo.toml:6:9: base rule 1: no suite named `c`
        /r/repo.toml:7:10: base rule 1: no suite named `c`
        /r/repo.toml:5:1: base: missing field `source`
        /r/repo.toml:8:11: base.max_age: invalid duration `soon`; use for example 14d or 36h
        ");
    }
}
