//! What must be so before a version comes into a repository.

use repo_store::RepositoryName;
use repo_store::history::KeepHistory;
use repo_store::model::TagName;
use repo_store::settings::gate::{Gate, GatePattern};

use crate::config::Config;
use crate::error::{ConfigError, Contradiction, GateFault};
use crate::file::{Attested, GateTable, IncomingTable};
use crate::value::{Text, plain};

impl Config {
    /// Returns the gates of a repository.
    pub(crate) fn gates(&self, repository: &RepositoryName) -> Vec<Gate> {
        let tables = self.file.gate.iter().enumerate();
        let is_for =
            |table: &GateTable| table.to.is_empty() || table.to.iter().any(|Text(name)| name == repository);
        tables.filter(|(_, table)| is_for(table)).map(|(place, table)| gate(place + 1, table)).collect()
    }

    /// Finds gates that nothing could pass, or that would ask for nothing.
    pub(crate) fn check_gates(&self, found: &mut Vec<ConfigError>) {
        for (place, table) in self.file.gate.iter().enumerate() {
            let number = place + 1;
            let mut wrong = |fault| found.push(self.contradiction(Contradiction::Gate { number, fault }));
            for (key, names) in [("to", &table.to), ("from", &table.from)] {
                for Text(repository) in names {
                    if !self.file.repositories.contains_key(repository) {
                        let known = self.file.repositories.keys().map(|Text(name)| name.to_string());
                        let (repository, known) = (repository.clone(), known.collect());
                        wrong(GateFault::UnknownRepository { key, repository, known });
                    }
                }
            }
            let first = [("approvals", table.approvals.is_some()), ("tagged", !table.tagged.is_empty())];
            for (key, _) in first.into_iter().filter(|(_, is_asked)| *is_asked && table.from.is_empty()) {
                if self.is_for_all(&table.to) {
                    wrong(GateFault::NowhereFirst { key });
                } else if let Some(dropped) = self.first_drop_folder(&table.to) {
                    let (folder, repository) = (dropped.folder.clone(), dropped.repository.0.clone());
                    wrong(GateFault::DropFolder { key, folder, repository });
                }
            }
            if let ([Text(from)], [Text(to)]) = (table.from.as_slice(), table.to.as_slice())
                && from == to
            {
                wrong(GateFault::ToItself { repository: to.clone() });
            }
            if table.asks_nothing() {
                wrong(GateFault::NoRule);
            }
            self.too_old(table).into_iter().for_each(&mut wrong);
            let lists = [
                ("forbid_versions", &table.forbid_versions),
                ("forbid_maintainers", &table.forbid_maintainers),
            ];
            for (key, patterns) in lists {
                if patterns.iter().any(|pattern| !pattern.is_empty() && pattern.chars().all(|c| c == '*')) {
                    wrong(GateFault::Everything { key });
                }
            }
            // Some name of a tag must fit: the shortest one has what stands in the pattern, and a letter where anything may be.
            let is_possible = |pattern: &String| TagName::parse(&pattern.replace(['*', '?'], "x")).is_ok();
            for pattern in table.tagged.iter().filter(|pattern| !is_possible(pattern)) {
                wrong(GateFault::NotATag { pattern: pattern.escape_debug().to_string() });
            }
            // A colon or a blank ends the name of a field.
            let is_name = |name: &String| {
                !name.is_empty()
                    && !name.starts_with(['#', '-'])
                    && name.chars().all(|c| c.is_ascii_graphic() && c != ':')
            };
            for field in table.require_fields.iter().filter(|name| !is_name(name)) {
                wrong(GateFault::NotAField { field: field.escape_debug().to_string() });
            }
        }
    }
}

impl Config {
    /// Returns why versions hardly ever reach the age that a gate asks for: what tells their age is gone by then.
    fn too_old(&self, table: &GateTable) -> Vec<GateFault> {
        let Some(Text(least)) = &table.minimum_age else { return Vec::new() };
        let of = |repository: &RepositoryName| match self.keep_history(repository) {
            KeepHistory::For(kept) if kept < *least => {
                Some(GateFault::TooOld { repository: repository.clone(), least: *least, kept })
            }
            KeepHistory::For(_) | KeepHistory::Forever | KeepHistory::States(_) => None,
        };
        if table.from.is_empty() {
            // Other repositories may be promoted from.
            let all: Option<Vec<_>> = self.file.repositories.keys().map(|Text(name)| of(name)).collect();
            return all.unwrap_or_default();
        }
        table.from.iter().filter_map(|Text(name)| of(name)).collect()
    }

    /// Returns a drop folder whose packages go to one of these repositories.
    fn first_drop_folder(&self, to: &[Text<RepositoryName>]) -> Option<&IncomingTable> {
        self.file.incoming.iter().find(|table| to.contains(&table.repository))
    }

    /// Returns whether a gate for these repositories is one for all that there are.
    fn is_for_all(&self, to: &[Text<RepositoryName>]) -> bool {
        let is_named = |name: &RepositoryName| to.iter().any(|Text(named)| named == name);
        to.is_empty() || self.file.repositories.keys().all(|Text(name)| is_named(name))
    }
}

impl GateTable {
    fn asks_nothing(&self) -> bool {
        let Self {
            to: _,
            from: _,
            minimum_age,
            never_backwards,
            forbid_versions,
            forbid_maintainers,
            require_fields,
            max_size,
            approvals,
            tagged,
            installable,
            together,
            attested,
        } = self;
        minimum_age.is_none()
            && !*never_backwards
            && forbid_versions.is_empty()
            && forbid_maintainers.is_empty()
            && require_fields.is_empty()
            && max_size.is_none()
            && approvals.is_none()
            && tagged.is_empty()
            && !*installable
            && together.is_none()
            && attested.is_empty()
    }
}

fn gate(number: usize, table: &GateTable) -> Gate {
    let patterns = |texts: &[String]| texts.iter().map(|text| GatePattern::new(text)).collect();
    let mut gate = Gate::default();
    gate.number = number;
    gate.from = plain(&table.from);
    gate.minimum_age = table.minimum_age.as_ref().map(|Text(age)| *age);
    gate.never_backwards = table.never_backwards;
    gate.forbid_versions = patterns(&table.forbid_versions);
    gate.forbid_maintainers = patterns(&table.forbid_maintainers);
    gate.require_fields.clone_from(&table.require_fields);
    gate.max_size = table.max_size.as_ref().map(|Text(size)| size.0);
    gate.approvals = table.approvals;
    gate.tagged = patterns(&table.tagged);
    gate.installable = table.installable;
    gate.whole_sources = table.together.is_some();
    gate.attested_build = table.attested.contains(&Attested::Build);
    gate
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(gates: &str) -> Result<Config, ConfigError> {
        let base = "suites = ['a']\narchitectures = ['amd64']\n[repositories.preprod]\n[repositories.prod]\n";
        Config::of("/r".into(), &[("/r/repo.toml".into(), format!("{base}{gates}"))])
    }

    #[test]
    fn a_repository_has_its_own_gates_and_those_of_all() {
        let config = of(
            "[[gate]]\nto = ['prod']\nfrom = ['preprod']\nminimum_age = '24h'\n[[gate]]\nmax_size = '500 MiB'\n\
             forbid_versions = ['*~dev*']\n",
        )
        .unwrap();
        let numbers = |name: &str| {
            let gates = &config.repository(name).unwrap().gates;
            gates.iter().map(|gate| gate.number).collect::<Vec<_>>()
        };
        assert_eq!((numbers("preprod"), numbers("prod")), (vec![2], vec![1, 2]));
        assert_eq!(config.repository("prod").unwrap().gates[1].max_size, Some(500 << 20));
    }

    #[test]
    fn what_can_never_be_met_is_refused_with_its_place() {
        let mut said = Vec::new();
        for bad in [
            "to = ['prod']",
            "to = ['prodd']\nmax_size = '1 MiB'",
            "from = ['preprodd']\nmax_size = '1 MiB'",
            "forbid_versions = ['*~dev*', '*']",
            "forbid_maintainers = ['**']",
            "require_fields = ['Vcs Git']",
            "require_fields = ['']",
            "max_size = '0 MiB'",
            "minimum_age = 'soon'",
            "max_size = '1 MiB'\nscanned = true",
            "attested = ['review']",
            "approvals = 0",
            "approvals = 1",
            "to = ['preprod', 'prod']\napprovals = 1",
            "tagged = ['tested-*']",
            "from = ['preprod']\ntagged = ['tested *']",
            "from = ['preprod']\nminimum_age = '30d'\n[gc]\nkeep_history = '14d'",
            "minimum_age = '30d'\n[gc]\nkeep_history = '48h'",
            "to = ['prod']\nfrom = ['prod']\nmax_size = '1 MiB'",
            "to = ['prod']\napprovals = 1\n[[incoming]]\nfolder = '/srv/in'\nrepository = 'prod'",
        ] {
            let refused = of(&format!("[[gate]]\n{bad}")).unwrap_err();
            assert!(refused.line().is_some(), "{bad}: {refused}");
            said.push(refused.to_string());
        }
        for good in [
            "minimum_age = '7d'\n[gc]\nkeep_history = '14d'",
            "minimum_age = '30d'\n[gc]\nkeep_history = 20",
            "to = ['prod']\nfrom = ['preprod']\napprovals = 1\n[[incoming]]\nfolder = '/srv/in'\nrepository = 'prod'",
            "to = ['prod']\ntagged = ['t-*']\n[[incoming]]\nfolder = '/srv/in'\nrepository = 'preprod'",
            "minimum_age = '30d'\n[[retention]]\nkeep_for = '48h'",
        ] {
            let _ = of(&format!("[[gate]]\n{good}")).unwrap();
        }
        insta::assert_snapshot!(said.join("\n"), @"
        /r/repo.toml:5:1: gate 1: it asks for nothing: set minimum_age, never_backwards, forbid_versions or another rule
        /r/repo.toml:6:7: gate 1: no repository named `prodd`
        /r/repo.toml:6:9: gate 1: no repository named `preprodd`
        /r/repo.toml:6:19: gate 1: forbid_versions has a pattern that everything fits: nothing could come in
        /r/repo.toml:6:22: gate 1: forbid_maintainers has a pattern that everything fits: nothing could come in
        /r/repo.toml:6:18: gate 1: require_fields: no field can be named `Vcs Git`
        /r/repo.toml:6:18: gate 1: require_fields: no field can be named ``
        /r/repo.toml:6:12: gate.max_size: invalid size `0 MiB`; use for example 512 MiB or 4 GiB
        /r/repo.toml:6:15: gate.minimum_age: invalid duration `soon`; use for example 14d or 36h
        /r/repo.toml:7:1: gate: unknown field `scanned`, expected one of `to`, `from`, `minimum_age`, `never_backwards`, `forbid_versions`, `forbid_maintainers`, `require_fields`, `max_size`, `approvals`, `tagged`, `installable`, `together`, `attested`
        /r/repo.toml:6:13: gate.attested: unknown variant `review`, expected `build`
        /r/repo.toml:6:13: gate.approvals: invalid value: integer `0`, expected a number from 1 on
        /r/repo.toml:6:13: gate 1: approvals without `from`, in every repository: nothing could be added anywhere to be approved there
        /r/repo.toml:7:13: gate 1: approvals without `from`, in every repository: nothing could be added anywhere to be approved there
        /r/repo.toml:6:10: gate 1: tagged without `from`, in every repository: nothing could be added anywhere to be tagged there
        /r/repo.toml:7:10: gate 1: tagged: no tag can be named like `tested *`
        /r/repo.toml:7:15: gate 1: minimum_age of 30 days is not reached while preprod changes: keep_history keeps what tells the age for 14 days only
        /r/repo.toml:6:15: gate 1: minimum_age of 30 days is not reached while preprod changes: keep_history keeps what tells the age for 2 days only
        /r/repo.toml:7:8: gate 1: nothing is promoted from prod to itself: `from` and `to` are the same
        /r/repo.toml:7:13: gate 1: approvals without `from`: what is dropped in /srv/in for prod can be approved nowhere before, and would all be rejected
        ");
    }
}
