//! Which packages go elsewhere than their sections and versions say.

use std::collections::BTreeMap;

use repo_store::settings::{PackageClass, RoutingRule, WildPattern};
use repo_store::{RepositoryName, RepositorySettings};

use crate::config::Config;
use crate::error::{ConfigError, Contradiction};
use crate::file::RouteTable;
use crate::value::{Text, plain};

impl Config {
    /// Finds rules for repositories that are not configured.
    pub(crate) fn check_routes(&self, found: &mut Vec<ConfigError>) {
        for (place, table) in self.file.route.iter().enumerate() {
            let unknown =
                table.repositories.iter().filter(|name| !self.file.repositories.contains_key(*name));
            for Text(unknown) in unknown {
                let (number, repository) = (place + 1, unknown.clone());
                let known = self.file.repositories.keys().map(|Text(name)| name.to_string()).collect();
                found.push(self.contradiction(Contradiction::RouteOfNoRepository {
                    number,
                    repository,
                    known,
                }));
            }
        }
    }

    /// The rules for a repository, in the order in which they stand in the configuration.
    pub(crate) fn routing(
        &self,
        repository: &RepositorySettings,
        found: &mut Vec<ConfigError>,
    ) -> Vec<RoutingRule> {
        let named = |Text(name): &Text<RepositoryName>| *name == repository.name;
        let mut rules = Vec::new();
        for (place, table) in self.file.route.iter().enumerate() {
            if table.repositories.is_empty() || table.repositories.iter().any(named) {
                match self.routing_rule(place + 1, table, repository) {
                    Ok(rule) => rules.push(rule),
                    Err(error) => found.push(error),
                }
            }
        }
        rules
    }

    fn routing_rule(
        &self,
        number: usize,
        table: &RouteTable,
        repository: &RepositorySettings,
    ) -> Result<RoutingRule, ConfigError> {
        let suites = plain(&table.suites);
        let component = table.component.as_ref().map(|Text(component)| component.clone());
        // Rules are written for all repositories, and these need not have the same suites.
        let there: Vec<_> = repository
            .suites
            .iter()
            .filter(|suite| suites.is_empty() || suites.contains(&suite.name))
            .collect();
        if there.is_empty() && !suites.is_empty() {
            let repository = repository.name.clone();
            return Err(self.contradiction(Contradiction::RouteWithoutSuites { number, repository }));
        }
        Ok(RoutingRule {
            number,
            class: package_class(&table.packages, &table.sections, &table.fields),
            component,
            suites: if suites.is_empty() {
                suites
            } else {
                there.into_iter().map(|suite| suite.name.clone()).collect()
            },
        })
    }
}

/// The packages that fit one of the names, one of the sections and each of the fields, as far as there are any.
pub(crate) fn package_class(
    names: &[String],
    sections: &[String],
    fields: &BTreeMap<String, String>,
) -> PackageClass {
    let patterns = |texts: &[String]| texts.iter().map(|text| WildPattern::new(text)).collect();
    PackageClass {
        names: patterns(names),
        sections: patterns(sections),
        fields: fields.iter().map(|(name, text)| (name.clone(), WildPattern::new(text))).collect(),
    }
}
