//! Into which component and which suites of a repository a package goes.

use deb_parse::{Component, SuiteName};

use crate::error::{Error, ImportError};
use crate::model::record::RecordKey;
use crate::settings::release_name::ReleaseName;
use crate::settings::route::{Route, by_version, route};
use crate::settings::{RepositorySettings, RoutingRule, UnknownRelease};

/// Where a package is asked to go, apart from what it says itself.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PlacementRequest<'a> {
    /// The component that the person who adds it chose.
    pub(crate) component: Option<&'a Component>,
    /// The suites that the person who adds it chose.
    pub(crate) suites: &'a [SuiteName],
    /// What the upload it comes with is for.
    pub(crate) distribution: Option<&'a UploadDistribution>,
}

/// What an upload is for (field `Distribution`).
#[derive(Clone, Debug, Default)]
pub(crate) struct UploadDistribution {
    /// The suites of the repository that it names.
    suites: Vec<SuiteName>,
    /// A release that it names and that the repository has no suite of.
    elsewhere: Option<String>,
}

impl UploadDistribution {
    /// Reads the value of the field. `unstable` and other names that no release has say nothing. `UNRELEASED`, by which `dch` marks what is
    /// not to be uploaded yet, counts as a release without a suite: dak and reprepro refuse such an upload too.
    pub(crate) fn of(value: &str, repository: &RepositorySettings) -> Self {
        let named = || value.split_ascii_whitespace();
        let suites = repository.suites.iter().map(|suite| &suite.name);
        let suites: Vec<SuiteName> =
            suites.filter(|suite| named().any(|name| name == suite.as_str())).cloned().collect();
        let is_elsewhere = |name: &&str| {
            let release = ReleaseName::of_series(name.split_once('-').map_or(name, |(release, _)| release));
            (release.is_some() || *name == "UNRELEASED")
                && !suites.iter().any(|suite| suite.as_str() == *name)
        };
        let elsewhere = named().find(is_elsewhere).map(str::to_owned);
        Self { suites, elsewhere }
    }
}

/// Where a package goes, and why.
#[derive(Clone, Debug)]
pub(crate) struct Placement {
    pub(crate) component: Component,
    pub(crate) route: Route,
    /// The number of the rule that had a say in it.
    pub(crate) rule: Option<usize>,
}

impl Placement {
    /// Places the package `key`, of whose fields `field` knows the values. Who adds it decides; then the rules, the upload, and
    /// the version.
    ///
    /// # Errors
    /// [`ImportError::NoSuite`], [`ImportError::NoRoutedSuite`] and [`ImportError::UnknownRelease`] when no suite is for it.
    pub(crate) fn of<'a>(
        key: &RecordKey,
        field: impl Fn(&str) -> Option<&'a str> + Copy,
        repository: &RepositorySettings,
        request: &PlacementRequest<'_>,
    ) -> Result<Self, Error> {
        let PlacementRequest { component, suites, distribution } = *request;
        let rule = repository.routing.iter().find(|rule| rule.class.fits(key.package.as_str(), field));
        let ruled_component = rule.and_then(|rule| rule.component.as_ref()).filter(|_| component.is_none());
        let ruled_suites = rule.filter(|rule| !rule.suites.is_empty()).filter(|_| suites.is_empty());
        let component = component.or(ruled_component).cloned();
        let component =
            component.unwrap_or_else(|| component_of_section(field("Section").unwrap_or(""), repository));
        let route = match ruled_suites {
            _ if !suites.is_empty() => Route::Chosen(suites.to_vec()),
            Some(rule) => ruled(key, rule, repository)?,
            None => match distribution {
                Some(UploadDistribution { suites, elsewhere }) if !suites.is_empty() => taken_unless_refused(
                    key,
                    repository,
                    Route::Distribution { suites: suites.clone(), foreign: elsewhere.clone() },
                )?,
                upload => {
                    by_version_alone(key, repository, upload.and_then(|upload| upload.elsewhere.as_deref()))?
                }
            },
        };
        if route.suites().is_empty() {
            return Err(Error::Import(ImportError::NoSuite {
                key: key.clone(),
                repository: repository.name.clone(),
            }));
        }
        let rule = rule.filter(|_| ruled_component.is_some() || ruled_suites.is_some());
        Ok(Self { component, route, rule: rule.map(|rule| rule.number) })
    }
}

/// Where the version leads to when nobody says anything but perhaps the upload, which names a release without a suite.
fn by_version_alone(
    key: &RecordKey,
    repository: &RepositorySettings,
    elsewhere: Option<&str>,
) -> Result<Route, Error> {
    let mut route = route(repository, &key.version);
    if let Route::Everywhere { foreign: foreign @ None, .. } = &mut route {
        *foreign = elsewhere.map(str::to_owned);
    }
    taken_unless_refused(key, repository, route)
}

/// Refuses a route on which a release without a suite is named, where the repository wants that.
fn taken_unless_refused(
    key: &RecordKey,
    repository: &RepositorySettings,
    route: Route,
) -> Result<Route, Error> {
    match route.foreign() {
        Some(marker) if repository.unknown_release == UnknownRelease::Refuse => {
            let (key, repository, marker) = (key.clone(), repository.name.clone(), marker.to_owned());
            Err(Error::Import(ImportError::UnknownRelease { key, repository, marker }))
        }
        _ => Ok(route),
    }
}

/// Of the suites a rule lists, those that the version would lead to if it could lead to any.
fn ruled(key: &RecordKey, rule: &RoutingRule, repository: &RepositorySettings) -> Result<Route, Error> {
    let listed = |suite: &&SuiteName| rule.suites.contains(suite);
    match by_version(&repository.suites.iter().collect::<Vec<_>>(), &key.version) {
        Route::Release { marker, suites } => {
            let suites: Vec<SuiteName> = suites.iter().filter(listed).cloned().collect();
            if suites.is_empty() {
                return Err(Error::Import(ImportError::NoRoutedSuite {
                    key: key.clone(),
                    rule: rule.number,
                    marker,
                }));
            }
            Ok(Route::Release { marker, suites })
        }
        other => Ok(Route::Rule(other.suites().iter().filter(listed).cloned().collect())),
    }
}

/// The component that a section names (`contrib/net`) if the repository has it, or the first.
fn component_of_section(section: &str, repository: &RepositorySettings) -> Component {
    let components = || repository.suites.iter().flat_map(|suite| &suite.components);
    let named = section.rsplit_once('/').map(|(component, _)| component);
    let named = named.and_then(|name| components().find(|component| component.as_str() == name));
    // A repository without a suite takes no package, so the name does not matter then.
    named.or_else(|| components().next()).cloned().unwrap_or_else(|| main_component().clone())
}

fn main_component() -> &'static Component {
    static MAIN: std::sync::OnceLock<Component> = std::sync::OnceLock::new();
    MAIN.get_or_init(|| match Component::parse("main") {
        Ok(component) => component,
        Err(_) => unreachable!("`main` is a component's name"),
    })
}

#[cfg(test)]
mod tests {
    use deb_parse::{Architecture, PackageName, Version};

    use super::*;
    use crate::model::class::{PackageClass, WildPattern};
    use crate::model::name::RepositoryName;
    use crate::model::record::Build;
    use crate::settings::SuiteSettings;

    fn suite(name: &str, only_routed: bool) -> SuiteSettings {
        let mut suite = SuiteSettings::new(SuiteName::parse(name).unwrap(), Vec::new());
        suite.components.push(Component::parse("debug").unwrap());
        suite.only_routed = only_routed;
        suite
    }

    fn repository(routing: Vec<RoutingRule>) -> RepositorySettings {
        let suites =
            [("bookworm", false), ("jammy", false), ("bookworm-debug", true), ("trixie-debug", true)];
        let suites = suites.map(|(name, only_routed)| suite(name, only_routed)).to_vec();
        let mut settings = RepositorySettings::new(RepositoryName::parse("preprod").unwrap(), suites);
        settings.routing = routing;
        settings
    }

    fn rule(number: usize, name: &str, component: Option<&str>, suites: &[&str]) -> RoutingRule {
        RoutingRule {
            number,
            class: PackageClass { names: vec![WildPattern::new(name)], ..PackageClass::default() },
            component: component.map(|name| Component::parse(name).unwrap()),
            suites: suites.iter().map(|name| SuiteName::parse(name).unwrap()).collect(),
        }
    }

    fn placed(package: &str, rules: &[RoutingRule], asked: &PlacementRequest<'_>) -> String {
        let (name, version) = package.split_once(' ').unwrap();
        let key = RecordKey {
            package: PackageName::parse(name).unwrap(),
            version: Version::parse(version).unwrap(),
            architecture: Build::For(Architecture::parse("amd64").unwrap()),
        };
        match Placement::of(&key, |_| None, &repository(rules.to_vec()), asked) {
            Ok(Placement { component, route, rule }) => {
                let suites: Vec<_> = route.suites().iter().map(SuiteName::as_str).collect();
                format!("{component}: {} by {rule:?}", suites.join(" "))
            }
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn the_first_rule_for_a_package_decides_and_no_other() {
        let rules = [
            rule(1, "*-dbgsym", None, &["bookworm-debug", "trixie-debug"]),
            rule(2, "a*", Some("debug"), &[]),
            rule(3, "*", None, &["jammy"]),
        ];
        for (package, expected) in [
            ("aa-dbgsym 1", "main: bookworm-debug trixie-debug by Some(1)"),
            ("aa-dbgsym 1+deb12u1", "main: bookworm-debug by Some(1)"),
            ("aa-dbgsym 1+deb11u1", "main: bookworm-debug trixie-debug by Some(1)"),
            ("aa-dbgsym 1~jammy1", "aa-dbgsym 1~jammy1 amd64: routing rule 1 lists no suite for jammy1"),
            ("aa 1", "debug: bookworm jammy by Some(2)"),
            ("aa 1~jammy1", "debug: jammy by Some(2)"),
            ("bb 1", "main: jammy by Some(3)"),
        ] {
            assert_eq!(placed(package, &rules, &PlacementRequest::default()), expected, "{package}");
        }
    }

    #[test]
    fn without_a_rule_nothing_goes_to_a_suite_that_only_rules_fill() {
        for (package, expected) in [
            ("aa 1", "main: bookworm jammy by None"),
            ("aa 1+deb12u1", "main: bookworm by None"),
            ("aa 1+deb13u1", "main: bookworm jammy by None"),
        ] {
            assert_eq!(placed(package, &[], &PlacementRequest::default()), expected, "{package}");
        }
    }

    #[test]
    fn an_upload_for_a_release_without_a_suite_is_treated_as_such_a_version_is() {
        let mut settings = repository(Vec::new());
        let placed = |settings: &RepositorySettings, version: &str, distribution: &str| {
            let key = RecordKey {
                package: PackageName::parse("aa").unwrap(),
                version: Version::parse(version).unwrap(),
                architecture: Build::For(Architecture::parse("amd64").unwrap()),
            };
            let upload = UploadDistribution::of(distribution, settings);
            let asked = PlacementRequest { distribution: Some(&upload), ..PlacementRequest::default() };
            Placement::of(&key, |_| None, settings, &asked).map(|placement| placement.route)
        };
        for unknown_release in [UnknownRelease::Refuse, UnknownRelease::Everywhere] {
            settings.unknown_release = unknown_release;
            for several in ["focal jammy", "jammy bookworm noble-proposed"] {
                match (unknown_release, placed(&settings, "1", several)) {
                    (
                        UnknownRelease::Refuse,
                        Err(Error::Import(ImportError::UnknownRelease { marker, .. })),
                    ) => {
                        assert!(["focal", "noble-proposed"].contains(&marker.as_str()), "{marker}");
                    }
                    (UnknownRelease::Everywhere, Ok(Route::Distribution { suites, foreign: Some(_) })) => {
                        assert!(suites.iter().any(|suite| suite.as_str() == "jammy"));
                    }
                    (_, other) => panic!("{several}: {other:?}"),
                }
            }
            for elsewhere in ["focal", "buster", "noble-proposed", "UNRELEASED"] {
                match (unknown_release, placed(&settings, "1", elsewhere)) {
                    (
                        UnknownRelease::Refuse,
                        Err(Error::Import(ImportError::UnknownRelease { marker, .. })),
                    ) => {
                        assert_eq!(marker, elsewhere);
                    }
                    (UnknownRelease::Everywhere, Ok(Route::Everywhere { foreign, .. })) => {
                        assert_eq!(foreign.as_deref(), Some(elsewhere));
                    }
                    (_, other) => panic!("{elsewhere}: {other:?}"),
                }
            }
            for (version, distribution, suites) in [
                ("1", "unstable", vec!["bookworm", "jammy"]),
                ("1", "unstable jammy", vec!["jammy"]),
                ("1+deb12u1", "focal", vec!["bookworm"]),
                ("1+deb12u1", "UNRELEASED", vec!["bookworm"]),
            ] {
                let route = placed(&settings, version, distribution).unwrap();
                let names: Vec<_> = route.suites().iter().map(SuiteName::as_str).collect();
                assert_eq!(names, suites, "{version} {distribution}");
            }
        }
    }

    #[test]
    fn who_adds_a_package_has_the_last_word() {
        let rules = [rule(1, "*", Some("debug"), &["bookworm-debug"])];
        let suites = vec![SuiteName::parse("jammy").unwrap()];
        let component = Component::parse("main").ok();
        let asked = PlacementRequest { suites: &suites, ..PlacementRequest::default() };
        assert_eq!(placed("aa 1", &rules, &asked), "debug: jammy by Some(1)");
        let asked = PlacementRequest { component: component.as_ref(), ..PlacementRequest::default() };
        assert_eq!(placed("aa 1", &rules, &asked), "main: bookworm-debug by Some(1)");
        let asked = PlacementRequest {
            suites: &suites,
            component: component.as_ref(),
            ..PlacementRequest::default()
        };
        assert_eq!(placed("aa 1", &rules, &asked), "main: jammy by None");
    }
}
