use std::fmt::Write as _;

use crate::manager::{Feature, Layout, Manager, ORIGIN, Place, Request, Situation};

/// aptly, used as its tutorial advises for production: every publication is made from snapshots, so that it can be switched back.
pub(super) struct Aptly;

/// Publishes the snapshots number `$1` of a repository.
fn publish(text: &mut String, situation: &Situation<'_>, repository: &str, number: &str) {
    let layout = situation.layout;
    let contents = if layout.has(Feature::Contents) { "" } else { "-skip-contents" };
    let architectures = if layout.has(Feature::Sources) { "amd64,arm64,source" } else { "amd64,arm64" };
    // The keys are named in gpg.conf: the option -gpg-key takes only one.
    let common = format!("-batch {contents} -component={}", layout.components.join(","));
    // What clients with older lists still ask for stays.
    let switch = format!("{common} -skip-cleanup");
    for suite in layout.suites {
        let automatic = if layout.has(Feature::NotAutomatic) && *suite == "bookworm" {
            "-notautomatic=yes -butautomaticupgrades=yes"
        } else {
            ""
        };
        let snapshots: Vec<String> = layout
            .components
            .iter()
            .map(|component| format!("{repository}_{suite}_{component}-{number}"))
            .collect();
        let snapshots = snapshots.join(" ");
        let _ = writeln!(
            text,
            "if ly publish show {suite} {repository} >/dev/null 2>&1; then ly publish switch {switch} {suite} {repository} {snapshots}
            else ly publish snapshot {common} -distribution={suite} -architectures={architectures} -acquire-by-hash \
            -origin={ORIGIN} -label={} {automatic} {snapshots} {repository}; fi",
            repository.to_uppercase(),
        );
    }
}

fn take_snapshots(text: &mut String, layout: &Layout, repository: &str) {
    *text += "number=$(($(cat number 2>/dev/null || echo 0) + 1)); echo $number > number\n";
    for suite in layout.suites {
        for component in layout.components {
            let name = format!("{repository}_{suite}_{component}");
            let _ = writeln!(text, "ly snapshot create {name}-$number from repo {name}");
        }
    }
}

impl Manager for Aptly {
    fn name(&self) -> &'static str {
        "aptly"
    }

    fn version_command(&self) -> String {
        "aptly version".to_owned()
    }

    fn lacks(&self, feature: Feature) -> Option<&'static str> {
        match feature {
            Feature::Pdiffs => Some("aptly makes no patches of indices"),
            Feature::ValidUntil => Some("`aptly publish` has no option for Valid-Until"),
            Feature::Translations => Some("aptly writes no Translation files"),
            Feature::Alias => Some("`aptly publish` knows one path for a distribution"),
            _ => None,
        }
    }

    fn place(&self, _layout: &Layout, repository: &str, suite: &str) -> Place {
        Place { root: format!("aptly/public/{repository}"), distribution: suite.to_owned() }
    }

    fn script(&self, situation: &Situation<'_>, request: &Request<'_>) -> String {
        let layout = situation.layout;
        let mut text = "ly() { aptly -config=aptly.conf \"$@\"; }\n".to_owned();
        let sign_with = |text: &mut String| {
            text.push_str(": > \"$HOME/.gnupg/gpg.conf\"\n");
            for key in situation.keys {
                let _ = writeln!(text, "echo 'local-user {key}' >> \"$HOME/.gnupg/gpg.conf\"");
            }
        };
        match request {
            Request::Create => {
                text += "printf '{\"rootDir\": \"%s/aptly\", \"gpgProvider\": \"gpg2\"}\\n' \"$PWD\" > aptly.conf\n";
                sign_with(&mut text);
                for repository in layout.repositories {
                    for suite in layout.suites {
                        for component in layout.components {
                            let _ = writeln!(
                                text,
                                "ly repo create -distribution={suite} -component={component} {repository}_{suite}_{component}"
                            );
                        }
                    }
                    take_snapshots(&mut text, layout, repository);
                    publish(&mut text, situation, repository, "$number");
                }
            }
            Request::Add(target, files) => {
                let _ = writeln!(
                    text,
                    "ly repo add {}_{}_{} {}",
                    target.repository,
                    target.suite,
                    target.component,
                    files.join(" ")
                );
            }
            Request::Remove(target, package) => {
                let _ = writeln!(
                    text,
                    "ly repo remove {}_{}_{} '{} (= {})'",
                    target.repository, target.suite, target.component, package.name, package.version
                );
            }
            Request::Promote(target, package, to) => {
                let place = format!("{}_{}", target.suite, target.component);
                let _ = writeln!(
                    text,
                    "ly repo copy {}_{place} {to}_{place} '{} (= {})'",
                    target.repository, package.name, package.version
                );
            }
            Request::Publish(repository) => {
                take_snapshots(&mut text, layout, repository);
                publish(&mut text, situation, repository, "$number");
            }
            Request::Mark(repository, name) => {
                take_snapshots(&mut text, layout, repository);
                let _ = writeln!(text, "echo $number > mark-{repository}-{name}");
            }
            Request::GoBack(repository, name) => {
                publish(&mut text, situation, repository, &format!("$(cat mark-{repository}-{name})"));
            }
            Request::SignWith => {
                sign_with(&mut text);
                for repository in layout.repositories {
                    take_snapshots(&mut text, layout, repository);
                    publish(&mut text, situation, repository, "$number");
                }
            }
        }
        text
    }
}
