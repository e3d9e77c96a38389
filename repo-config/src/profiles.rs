//! What machines of a role run: `[profile.NAME]` with all that it includes, and `[machine.NAME]`.

use std::collections::{BTreeMap, BTreeSet};

use deb_parse::Architecture;
use repo_store::model::{HolderName, ProfileName};
use repo_store::settings::profile::{Profile, ProfilePackage};

use crate::config::Config;
use crate::error::{ConfigError, Place, ProfileFault};
use crate::file::ProfileTable;
use crate::place;
use crate::value::{Text, plain};

impl Config {
    /// Returns the profiles, in the order of their names, each with what it includes.
    #[must_use]
    pub fn profiles(&self) -> &[Profile] {
        &self.profiles
    }

    /// Returns the profile of a machine, if it is configured.
    #[must_use]
    pub fn profile_of(&self, machine: &HolderName) -> Option<&ProfileName> {
        self.file.machine.get(machine).map(|table| &table.profile.0)
    }

    /// Returns the machines that are to have a profile, in the order of their names.
    pub fn machines_with(&self, profile: &ProfileName) -> impl Iterator<Item = &HolderName> {
        let machines = self.file.machine.iter().filter(move |(_, table)| table.profile.0 == *profile);
        machines.map(|(Text(name), _)| name)
    }

    /// Reads the profiles.
    pub(crate) fn read_profiles(&self, found: &mut Vec<ConfigError>) -> Vec<Profile> {
        let mut reading =
            Reading { config: self, done: BTreeMap::new(), way: Vec::new(), faults: Vec::new() };
        let mut profiles = Vec::new();
        for (Text(name), table) in &self.file.profile {
            let packages = reading.packages(name);
            self.check_limits(name, table, &mut reading.faults);
            if packages.is_empty() {
                reading.faults.push(ProfileFault::Empty { profile: name.clone() });
            }
            profiles.push(Profile { name: name.clone(), pin: table.pin, packages });
        }
        // Of a profile in a circle nothing else can be said.
        let in_circle: BTreeSet<ProfileName> =
            reading.faults.iter().filter_map(ProfileFault::way).flatten().cloned().collect();
        let says = |fault: &ProfileFault| match fault {
            ProfileFault::Empty { profile } | ProfileFault::Exclude { profile, .. } => {
                !in_circle.contains(profile)
            }
            _ => true,
        };
        let faults = reading.faults.into_iter().filter(says);
        found.extend(faults.map(|fault| self.faulty(fault)));
        profiles
    }

    /// Finds suites and architectures that there are not.
    fn check_limits(&self, name: &ProfileName, table: &ProfileTable, faults: &mut Vec<ProfileFault>) {
        for Text(suite) in table.suites.iter().filter(|Text(suite)| !self.suite_names.contains(suite)) {
            let known = self.suite_names.iter().map(ToString::to_string).collect();
            let (profile, suite) = (name.clone(), suite.clone());
            faults.push(ProfileFault::UnknownSuite { profile, suite, known });
        }
        let of_suites = self.suites_of_all().into_iter().flat_map(|suite| suite.architectures);
        let known: BTreeSet<Architecture> = of_suites.collect();
        for Text(architecture) in table.architectures.iter().filter(|Text(one)| !known.contains(one)) {
            let known = known.iter().map(ToString::to_string).collect();
            let (profile, architecture) = (name.clone(), architecture.clone());
            faults.push(ProfileFault::UnknownArchitecture { profile, architecture, known });
        }
    }

    /// Finds machines with profiles that there are not.
    pub(crate) fn check_machines(&self, found: &mut Vec<ConfigError>) {
        for (Text(machine), table) in &self.file.machine {
            let Text(unknown) = &table.profile;
            if !self.file.profile.contains_key(unknown) {
                let fault = self.unknown("machine", machine.to_string(), ("profile", unknown));
                found.push(self.faulty(fault));
            }
        }
    }

    fn faulty(&self, fault: ProfileFault) -> ConfigError {
        let place = Place::of(&self.sources, &[place::in_profile(&fault)]);
        ConfigError::Profile { place: place.into(), fault: fault.into() }
    }

    fn unknown(
        &self,
        table: &'static str,
        name: String,
        (key, unknown): (&'static str, &ProfileName),
    ) -> ProfileFault {
        let known = self.file.profile.keys().map(|Text(name)| name.to_string()).collect();
        ProfileFault::UnknownProfile { table, name, key, unknown: unknown.clone(), known }
    }
}

impl ProfileFault {
    fn way(&self) -> Option<&[ProfileName]> {
        if let Self::Cycle { way, .. } = self { Some(way) } else { None }
    }
}

/// Reads profiles, each once.
struct Reading<'a> {
    config: &'a Config,
    done: BTreeMap<ProfileName, Vec<ProfilePackage>>,
    /// The profiles that are being read, each included by the one before.
    way: Vec<ProfileName>,
    faults: Vec<ProfileFault>,
}

impl Reading<'_> {
    /// Returns the packages of a profile: those that it includes, without what it excludes, and its own.
    fn packages(&mut self, name: &ProfileName) -> Vec<ProfilePackage> {
        if let Some(known) = self.done.get(name) {
            return known.clone();
        }
        let config = self.config;
        let Some(table) = config.file.profile.get(name) else { return Vec::new() };
        self.way.push(name.clone());
        let mut included: Vec<ProfilePackage> = Vec::new();
        for Text(include) in &table.includes {
            if let Some(start) = self.way.iter().position(|one| one == include) {
                let mut way = self.way.get(start..).unwrap_or_default().to_vec();
                way.push(include.clone());
                let (profile, include) = (name.clone(), include.clone());
                self.faults.push(ProfileFault::Cycle { profile, include, way });
            } else if config.file.profile.contains_key(include) {
                included.extend(self.packages(include));
            } else {
                let fault = config.unknown("profile", name.to_string(), ("includes", include));
                self.faults.push(fault);
            }
        }
        self.way.pop();
        for Text(package) in &table.exclude {
            let is_own = table.packages.iter().any(|Text(own)| own.package() == package);
            if is_own || !included.iter().any(|one| one.range.package() == package) {
                let (profile, package) = (name.clone(), package.clone());
                self.faults.push(ProfileFault::Exclude { profile, package, is_own });
            }
        }
        let is_excluded =
            |one: &ProfilePackage| table.exclude.iter().any(|Text(name)| name == one.range.package());
        included.retain(|one| !is_excluded(one));
        let own = plain(&table.packages).into_iter().map(|range| ProfilePackage {
            range,
            from: name.clone(),
            suites: None,
            architectures: None,
        });
        let (suites, architectures) = (limit(&table.suites), limit(&table.architectures));
        let mut packages: Vec<ProfilePackage> = Vec::new();
        for mut package in included.into_iter().chain(own) {
            package.suites = narrowed(package.suites, suites.as_ref());
            package.architectures = narrowed(package.architectures, architectures.as_ref());
            // What two included profiles include is there once.
            if !packages.contains(&package) {
                packages.push(package);
            }
        }
        self.done.insert(name.clone(), packages.clone());
        packages
    }
}

/// Returns what a list limits a profile to; an empty one limits nothing.
fn limit<T: Clone + Ord>(listed: &[Text<T>]) -> Option<BTreeSet<T>> {
    (!listed.is_empty()).then(|| plain(listed).into_iter().collect())
}

/// Returns what two limits leave.
fn narrowed<T: Clone + Ord>(limit: Option<BTreeSet<T>>, other: Option<&BTreeSet<T>>) -> Option<BTreeSet<T>> {
    match (limit, other) {
        (Some(limit), Some(other)) => Some(limit.intersection(other).cloned().collect()),
        (limit, other) => limit.or_else(|| other.cloned()),
    }
}

#[cfg(test)]
mod tests {
    use deb_parse::SuiteName;

    use super::*;

    fn of(text: &str) -> Result<Config, ConfigError> {
        let start = "suites = ['a', 'b']\narchitectures = ['amd64', 'arm64']\n[repositories.prod]\n";
        Config::of("/r".into(), &[("/r/repo.toml".into(), format!("{start}{text}"))])
    }

    #[test]
    fn a_profile_has_what_it_includes_within_the_limits_of_both() {
        let config = of("[profile.base]\npackages = ['openssh-server', 'telnet', 'agent (>= 2)']\n\
             [profile.arm]\nsuites = ['a']\narchitectures = ['arm64']\npackages = ['firmware']\n\
             [profile.web]\nincludes = ['base', 'arm', 'twice']\nexclude = ['telnet']\nsuites = ['a']\npin = 'at-least'\n\
             packages = ['nginx (>= 1)', 'nginx (<< 2)']\n[profile.twice]\nincludes = ['base']\n\
             [machine.web1]\nprofile = 'web'\n")
        .unwrap();
        let web = config
            .repository("prod")
            .unwrap()
            .profiles
            .iter()
            .find(|one| one.name.as_str() == "web")
            .unwrap();
        let shown = |package: &ProfilePackage| {
            format!("{} {} {:?} {:?}", package.from, package.range, package.suites, package.architectures)
        };
        insta::assert_snapshot!(web.packages.iter().map(shown).collect::<Vec<_>>().join("\n"), @r"
        base openssh-server Some({SuiteName(a)}) None
        base agent (>= 2) Some({SuiteName(a)}) None
        arm firmware Some({SuiteName(a)}) Some({Architecture(arm64)})
        web nginx (>= 1) Some({SuiteName(a)}) None
        web nginx (<< 2) Some({SuiteName(a)}) None
        ");
        assert_eq!(web.pin.as_str(), "at-least");
        let ranges = |suite: &str, architecture: &str| {
            let (suite, architecture) =
                (SuiteName::parse(suite).unwrap(), Architecture::parse(architecture).unwrap());
            web.ranges(&suite, &architecture).len()
        };
        assert_eq!((ranges("a", "amd64"), ranges("a", "arm64"), ranges("b", "arm64")), (3, 4, 0));
        let web1 = HolderName::parse("web1").unwrap();
        assert_eq!(config.profile_of(&web1), Some(&web.name));
        assert_eq!(config.machines_with(&web.name).collect::<Vec<_>>(), [&web1]);
    }

    #[test]
    fn what_cannot_work_is_refused_with_its_place() {
        let said = [
            "[profile.web]\nincludes = ['bas']\npackages = ['xx']\n[profile.base]\npackages = ['yy']",
            "[profile.a]\nincludes = ['b']\n[profile.b]\nincludes = ['c']\npackages = ['xx']\n[profile.c]\nincludes = ['a']",
            "[profile.web]\nincludes = ['web']\npackages = ['xx']",
            "[profile.web]\nsuites = ['a']",
            "[profile.web]\npackages = ['xx']\nexclude = ['xx']",
            "[profile.web]\npackages = ['xx']\nincludes = ['y']\nexclude = ['zz']\n[profile.y]\npackages = ['yy']",
            "[profile.web]\npackages = ['xx']\nsuites = ['c']",
            "[profile.web]\npackages = ['xx']\narchitectures = ['i386']",
            "[profile.web]\npackages = ['xx', 'Shop (>= 1)']",
            "[profile.web]\npackages = ['xx', 'shop | store']",
            "[profile.web]\npackages = ['shop (> = 1)']",
            "[profile.web]\npackages = ['shop [amd64]']",
            "[profile.web]\npackages = ['']",
            "[profile.Web]\npackages = ['xx']",
            "[profile.web]\npackages = ['xx']\npin = 'loose'",
            "[profile.web]\npackages = ['xx']\n[machine.web1]\nprofile = 'wep'",
            "[profile.web]\npackages = ['xx']\n[machine.'../x']\nprofile = 'web'",
        ]
        .map(|text| of(text).unwrap_err().to_string());
        insta::assert_snapshot!(said.join("\n"), @r#"
        /r/repo.toml:5:13: profile web: no profile named `bas`
        /r/repo.toml:10:13: profile c includes itself: a -> b -> c -> a
        /r/repo.toml:5:13: profile web includes itself: web -> web
        /r/repo.toml:4:10: profile web: it has no packages
        /r/repo.toml:6:12: profile web: `exclude` has xx, which `packages` has too
        /r/repo.toml:7:12: profile web: `exclude` has zz, which no profile that it includes has
        /r/repo.toml:6:11: profile web: no suite named `c`
        /r/repo.toml:6:18: profile web: no suite has the architecture `i386`
        /r/repo.toml:5:19: profile.web.packages: `Shop (>= 1)` is not a package such as `nginx` or `nginx (>= 1.22)`: package name "Shop": must be lower-case letters, digits, `+`, `-` and `.`, and start with a letter or digit (Policy 5.6.1)
        /r/repo.toml:5:19: profile.web.packages: `shop | store` is not a package such as `nginx` or `nginx (>= 1.22)`: a profile does not choose between packages
        /r/repo.toml:5:13: profile.web.packages: `shop (> = 1)` is not a package such as `nginx` or `nginx (>= 1.22)`: relation ">": it is none of the operators `<<`, `<=`, `=`, `>=` and `>>`
        /r/repo.toml:5:13: profile.web.packages: `shop [amd64]` is not a package such as `nginx` or `nginx (>= 1.22)`: it takes no architectures; limit the profile with `architectures`
        /r/repo.toml:5:13: profile.web.packages: `` is not a package such as `nginx` or `nginx (>= 1.22)`
        /r/repo.toml:4:10: profile: `Web` cannot be the name of a profile: lower-case letters, digits, `+`, `-` and `.`, a letter or a digit first, at most 64
        /r/repo.toml:6:7: profile.web.pin: unknown variant `loose`, expected `exact` or `at-least`
        /r/repo.toml:7:11: machine web1: no profile named `wep`
        /r/repo.toml:6:10: machine: `../x` cannot be the name of a machine, a job or a group: letters, digits, `.`, `_`, `-`, `@`, a letter or a digit first
        "#);
    }

    #[test]
    fn profiles_that_include_each_other_in_layers_are_read_once() {
        use std::fmt::Write as _;

        let mut text = "[profile.p0]\npackages = ['xx']\n".to_owned();
        for layer in 1..40 {
            let below = layer - 1;
            writeln!(text, "[profile.p{layer}]\nincludes = ['p{below}', 'q{below}']\n[profile.q{below}]\nincludes = ['p{below}']").unwrap();
        }
        let config = of(&text).unwrap();
        assert!(config.profiles().iter().all(|profile| profile.packages.len() == 1));
    }
}
