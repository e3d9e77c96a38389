//! When nothing changes in repositories, every week.

use std::fmt;

use jiff::civil::{Time, Weekday};
use repo_store::RepositoryName;
use repo_store::settings::WeeklyFreeze;

use crate::config::Config;
use crate::error::{ConfigError, Contradiction, InvalidValue};
use crate::file::FreezeTable;
use crate::schedule::moment_of_week;
use crate::value::{FromText, Text};

/// A part of the week, such as `Fri 16:00 .. Mon 08:00`, in UTC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DaysOfWeek {
    text: String,
    begin: (Weekday, Time),
    end: (Weekday, Time),
}

impl FromText for DaysOfWeek {
    fn from_text(text: &str) -> Result<Self, InvalidValue> {
        let ends = text.split_once(" .. ");
        let ends = ends.and_then(|(begin, end)| Some((moment_of_week(begin)?, moment_of_week(end)?)));
        match ends {
            Some((begin, end)) if begin == end => {
                Err(format!("`{text}` begins and ends at the same time").into())
            }
            Some((begin, end)) => Ok(Self { text: text.to_owned(), begin, end }),
            None => {
                let shown = text.escape_debug();
                Err(format!("`{shown}` is not a part of the week; use for example Fri 16:00 .. Mon 08:00")
                    .into())
            }
        }
    }
}

impl fmt::Display for DaysOfWeek {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FreezeTable {
    fn is_for(&self, repository: &RepositoryName) -> bool {
        self.repositories.is_empty() || self.repositories.iter().any(|Text(name)| name == repository)
    }
}

impl Config {
    /// Returns when nothing changes in a repository, every week.
    pub(crate) fn freezes(&self, repository: &RepositoryName) -> Vec<WeeklyFreeze> {
        let tables = self.file.freeze.iter().filter(|table| table.is_for(repository));
        let freeze = |table: &FreezeTable| {
            let Text(days) = &table.days;
            let reason = table.reason.as_ref().map(|Text(line)| line.to_string());
            WeeklyFreeze::new(days.begin, days.end, reason)
        };
        tables.filter_map(freeze).collect()
    }

    /// Finds freezes of repositories that are not there.
    pub(crate) fn check_freezes(&self, found: &mut Vec<ConfigError>) {
        for (place, table) in self.file.freeze.iter().enumerate() {
            let is_there = |name: &RepositoryName| self.file.repositories.contains_key(name);
            for Text(unknown) in table.repositories.iter().filter(|Text(name)| !is_there(name)) {
                let known = self.file.repositories.keys().map(|Text(name)| name.to_string());
                found.push(self.contradiction(Contradiction::RuleOfNoRepository {
                    table: "freeze",
                    number: place + 1,
                    key: "repositories",
                    repository: unknown.clone(),
                    known: known.collect(),
                }));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(freezes: &str) -> Result<Config, ConfigError> {
        let base = "suites = ['a']\narchitectures = ['amd64']\n[repositories.preprod]\n[repositories.prod]\n";
        Config::of("/r".into(), &[("/r/repo.toml".into(), format!("{base}{freezes}"))])
    }

    #[test]
    fn a_repository_has_its_own_freezes_and_those_of_all() {
        let config =
            of("[[freeze]]\nrepositories = ['prod']\ndays = 'Fri 16:00 .. Mon 08:00'\nreason = 'weekend'\n\
             [[freeze]]\ndays = 'Tue 09:00 .. Tue 10:30'\n")
            .unwrap();
        let number = |name: &str| config.repository(name).unwrap().freezes.len();
        assert_eq!((number("preprod"), number("prod")), (1, 2));
        let saturday =
            config.repository("prod").unwrap().freezes[0].in_force("2026-11-28T00:00:00Z".parse().unwrap());
        let told = saturday.unwrap().to_string();
        assert_eq!(told, "frozen until 2026-11-30 08:00 UTC by repo.toml: weekend");
    }

    #[test]
    fn what_is_no_part_of_the_week_is_refused_with_its_place() {
        let mut said = Vec::new();
        for bad in [
            "",
            "days = 'Fri 16:00'",
            "days = 'Friday 16:00 .. Monday 08:00'",
            "days = 'Fri 16:00 .. Mon 24:00'",
            "days = 'Fri 16:00..Mon 08:00'",
            "days = 'Fri 16:00 .. Fri 16:00'",
            "days = 'Fri 16:00 .. Mon 08:00'\nrepositories = ['prd']",
            "days = 'Fri 16:00 .. Mon 08:00'\nuntil = '2d'",
        ] {
            let refused = of(&format!("[[freeze]]\n{bad}")).unwrap_err();
            assert!(refused.line().is_some(), "{bad}: {refused}");
            said.push(refused.to_string());
        }
        insta::assert_snapshot!(said.join("\n"), @"
        /r/repo.toml:5:1: freeze: missing field `days`
        /r/repo.toml:6:8: freeze.days: `Fri 16:00` is not a part of the week; use for example Fri 16:00 .. Mon 08:00
        /r/repo.toml:6:8: freeze.days: `Friday 16:00 .. Monday 08:00` is not a part of the week; use for example Fri 16:00 .. Mon 08:00
        /r/repo.toml:6:8: freeze.days: `Fri 16:00 .. Mon 24:00` is not a part of the week; use for example Fri 16:00 .. Mon 08:00
        /r/repo.toml:6:8: freeze.days: `Fri 16:00..Mon 08:00` is not a part of the week; use for example Fri 16:00 .. Mon 08:00
        /r/repo.toml:6:8: freeze.days: `Fri 16:00 .. Fri 16:00` begins and ends at the same time
        /r/repo.toml:7:17: freeze rule 1: no repository named `prd`
        /r/repo.toml:7:1: freeze: unknown field `until`, expected one of `repositories`, `days`, `reason`
        ");
    }
}
