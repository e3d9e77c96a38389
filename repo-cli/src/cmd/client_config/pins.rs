//! What brings one machine back to versions that it had upgraded from.

use std::collections::BTreeSet;

use deb_parse::{PackageName, SuiteName, Version};
use repo_store::RepositorySettings;
use serde::Serialize;

use crate::error::{Failure, Outcome};
use crate::json_value::JsonDocument;
use crate::output::{Output, joined, suite_list};
use crate::package_names::{self, Meant};
use crate::session::Session;

/// Prints a file of preferences for each package and the command that brings a machine back to these versions. apt never goes back by
/// itself: only a priority above 1000 makes it (apt_preferences(5)), and only when told that it may.
///
/// A version must be in one of these suites, or in any when none is named.
pub(super) fn print(
    pins: &[(PackageName, Version)],
    repository: &RepositorySettings,
    suites: &[SuiteName],
    session: &Session,
    output: &Output,
) -> Result<Outcome, Failure> {
    for (nth, (package, version)) in pins.iter().enumerate() {
        let twice = |(other, wanted): &&(PackageName, Version)| other == package && wanted != version;
        if let Some((_, other)) = pins.iter().take(nth).find(twice) {
            return Err(Failure::PinnedTwice {
                package: package.clone(),
                first: other.clone(),
                second: version.clone(),
            });
        }
    }
    let (mut unmatched, mut built) = (Vec::new(), Vec::new());
    let mut only_some = Vec::new();
    for pin @ (package, version) in pins {
        let there = suites_with(pin, repository, session)?;
        let lacking: Vec<_> = repository.suites.iter().map(|suite| &suite.name).collect();
        let lacking: Vec<_> = lacking.into_iter().filter(|suite| !there.contains(suite)).collect();
        if suites.is_empty() && !there.is_empty() && !lacking.is_empty() {
            let (there, lacking) = (suite_list(&there), suite_list(lacking));
            only_some.push(format!(
                "hint: {} has {package} {version} in {there} and not in {lacking}: use the pin on machines that read {there}",
                repository.name
            ));
        }
        if there.iter().any(|suite| suites.is_empty() || suites.contains(suite)) {
            continue;
        }
        let text = format!("{package}={version}");
        let mut places = Vec::new();
        for other in session.config.repositories() {
            let suites = suites_with(pin, other, session)?;
            if !suites.is_empty() {
                places.push(format!("{} ({})", other.name, suite_list(&suites)));
            }
        }
        if !places.is_empty() {
            return Err(Failure::InOtherPlace {
                pin: text,
                repository: repository.name.clone(),
                suites: suites.to_vec(),
                places,
            });
        }
        built.extend(built_from(pin, repository, session)?);
        unmatched.push(text);
    }
    if !built.is_empty() {
        let pins: Vec<String> = built.iter().map(|pin| format!(" --pin {pin}")).collect();
        let meant = Some(Meant::Pins(format!("repo-cli client-config {}{}", repository.name, pins.concat())));
        return Err(Failure::NoMatch { names: unmatched, repository: repository.name.clone(), meant });
    }
    if !unmatched.is_empty() {
        return Err(package_names::no_match(session, &repository.name, unmatched, false));
    }
    // A file of its own for each package: the next pin must not replace this one.
    let path = |package: &PackageName| {
        // apt passes over files with a `+` in their names, and no package has a `_` in its own.
        format!("/etc/apt/preferences.d/{}-{}.pref", repository.name, package.as_str().replace('+', "_"))
    };
    let stanza = |(package, version): &(PackageName, Version)| {
        format!("Package: {package}\nPin: version {version}\nPin-Priority: 1001\n")
    };
    let files: Vec<(String, String)> = pins.iter().map(|pin| (path(&pin.0), stanza(pin))).collect();
    let versions = pins.iter().map(|(package, version)| format!(" {package}={version}"));
    let command =
        format!("apt-get update && apt-get install -y --allow-downgrades{}", versions.collect::<String>());
    let json = files.iter().map(|(path, preferences)| PreferencesJson { path, preferences });
    let document = PinsJson { command: &command, files: json.collect() };
    output.result(&document, || {
        for (path, preferences) in &files {
            output.line(&format!("cat > {path} <<'END'\n{preferences}END"));
        }
        output.line(&command);
    });
    only_some.iter().for_each(|hint| output.note(hint));
    let paths: Vec<&str> = files.iter().map(|(path, _)| path.as_str()).collect();
    output.note(&format!("hint: remove {} when a newer version is to be installed again", joined(&paths)));
    Ok(Outcome::Done)
}

/// The document of `client-config --pin`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct PinsJson<'a> {
    /// A command line that installs the versions
    command: &'a str,
    /// The files that keep machines at the versions
    files: Vec<PreferencesJson<'a>>,
}

impl JsonDocument for PinsJson<'_> {}

/// A file of preferences (apt_preferences(5)).
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct PreferencesJson<'a> {
    /// The path of the file
    path: &'a str,
    /// The content of the file
    preferences: &'a str,
}

/// Returns the binary packages that were built from a version of a source, as pins.
fn built_from(
    (source, version): &(PackageName, Version),
    repository: &RepositorySettings,
    session: &Session,
) -> Result<BTreeSet<String>, Failure> {
    let mut found = BTreeSet::new();
    let Some(head) = session.store.head(&repository.name)? else { return Ok(found) };
    for suite in head.commit().suites.keys() {
        for record in head.records(suite)? {
            let ((name, built), key) = (record.source(), record.key());
            if !key.architecture.is_source() && name.as_str() == source.as_str() && built == *version {
                found.insert(format!("{}={}", key.package, key.version));
            }
        }
    }
    Ok(found)
}

/// The suites of a repository that have a version of a binary package.
fn suites_with(
    (package, version): &(PackageName, Version),
    repository: &RepositorySettings,
    session: &Session,
) -> Result<Vec<SuiteName>, Failure> {
    let mut found = Vec::new();
    let Some(head) = session.store.head(&repository.name)? else { return Ok(found) };
    for suite in head.commit().suites.keys() {
        let versions = head.versions(suite, package)?;
        let mut keys = versions.iter().map(|record| record.key());
        if keys.any(|key| !key.architecture.is_source() && key.version == *version) {
            found.push(suite.clone());
        }
    }
    Ok(found)
}
