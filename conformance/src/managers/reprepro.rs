use std::fmt::Write as _;

use crate::manager::{ALIAS, Feature, Layout, Manager, ORIGIN, Place, Request, Situation, VALID_DAYS};

/// reprepro. Only within one installation can packages be copied, so the repositories are distributions side by side; the
/// directory that is served holds nothing else (`outdir`).
pub(super) struct Reprepro;

/// The first repository has the plain names of suites, the others have their own name before them.
fn codename(layout: &Layout, repository: &str, suite: &str) -> String {
    if layout.repositories.first() == Some(&repository) {
        suite.to_owned()
    } else {
        format!("{repository}-{suite}")
    }
}

fn configuration(situation: &Situation<'_>) -> String {
    let layout = situation.layout;
    let sources = if layout.has(Feature::Sources) { " source" } else { "" };
    let tool = if layout.has(Feature::Pdiffs) { " /usr/bin/rredtool" } else { "" };
    let mut text = String::new();
    for repository in layout.repositories {
        for suite in layout.suites {
            let _ = writeln!(
                text,
                "Origin: {ORIGIN}\nLabel: {}\nCodename: {}\nArchitectures: amd64 arm64{sources}\nComponents: {}\n\
                 SignWith: {}\nDebIndices: Packages Release . .gz .xz{tool}\nDscIndices: Sources Release . .gz .xz",
                repository.to_uppercase(),
                codename(layout, repository, suite),
                layout.components.join(" "),
                situation.keys.join(" "),
            );
            let is_first = *suite == "bookworm";
            if layout.has(Feature::ValidUntil) {
                let _ = writeln!(text, "ValidFor: {VALID_DAYS}d");
            }
            if layout.has(Feature::Contents) {
                text += "Contents: . .gz\n";
            }
            if layout.has(Feature::NotAutomatic) && is_first {
                text += "NotAutomatic: yes\nButAutomaticUpgrades: yes\n";
            }
            if layout.has(Feature::Alias) && is_first {
                let _ = writeln!(text, "Suite: {ALIAS}");
            }
            text.push('\n');
        }
    }
    text
}

impl Manager for Reprepro {
    fn name(&self) -> &'static str {
        "reprepro"
    }

    fn version_command(&self) -> String {
        // It prints its version to standard error.
        "command -v reprepro >/dev/null && reprepro --version 2>&1".to_owned()
    }

    fn lacks(&self, feature: Feature) -> Option<&'static str> {
        match feature {
            Feature::ByHash => Some("this version of reprepro makes no by-hash"),
            Feature::Translations => Some("reprepro writes no Translation files"),
            Feature::SeveralVersions => {
                Some("this version of reprepro keeps one version of a package in a distribution")
            }
            _ => None,
        }
    }

    fn place(&self, layout: &Layout, repository: &str, suite: &str) -> Place {
        Place { root: "public".to_owned(), distribution: codename(layout, repository, suite) }
    }

    fn script(&self, situation: &Situation<'_>, request: &Request<'_>) -> String {
        let layout = situation.layout;
        let mut text = "rep() { reprepro -b . \"$@\"; }\n".to_owned();
        let all = |repository: &str| -> String {
            let names: Vec<String> =
                layout.suites.iter().map(|suite| codename(layout, repository, suite)).collect();
            names.join(" ")
        };
        let configure = format!("cat > conf/distributions <<'END'\n{}END\n", configuration(situation));
        let _ = match request {
            Request::Create => {
                text += "mkdir conf\nprintf 'outdir +b/public\\nkeepunreferencedfiles\\n' > conf/options\n";
                text += &configure;
                if layout.has(Feature::Alias) {
                    text += "rep createsymlinks\n";
                }
                writeln!(text, "rep export")
            }
            Request::Add(target, files) => {
                let name = codename(layout, target.repository, target.suite);
                for file in *files {
                    let add = format!("rep --export=never -C {}", target.component);
                    // It takes no package without a section, and what is told replaces that of the package.
                    let told = "-S misc -P optional";
                    let _ = if file.ends_with(".dsc") {
                        writeln!(text, "{add} {told} includedsc {name} {file}")
                    } else {
                        writeln!(
                            text,
                            "{add} includedeb {name} {file} || {add} {told} includedeb {name} {file}"
                        )
                    };
                }
                Ok(())
            }
            Request::Remove(target, package) => {
                let name = codename(layout, target.repository, target.suite);
                writeln!(
                    text,
                    "rep --export=never removefilter {name} 'Package (== {}), Version (== {})'",
                    package.name, package.version
                )
            }
            Request::Promote(target, package, to) => {
                let from = codename(layout, target.repository, target.suite);
                let to = codename(layout, to, target.suite);
                writeln!(
                    text,
                    "rep --export=never copyfilter {to} {from} 'Package (== {}), Version (== {})'",
                    package.name, package.version
                )
            }
            Request::Publish(repository) => writeln!(text, "rep export {}", all(repository)),
            Request::Mark(repository, name) => {
                for suite in layout.suites {
                    let _ = writeln!(text, "rep gensnapshot {} {name}", codename(layout, repository, suite));
                }
                Ok(())
            }
            Request::GoBack(repository, name) => {
                for suite in layout.suites {
                    let codename = codename(layout, repository, suite);
                    let _ = writeln!(
                        text,
                        "rep --export=never removematched {codename} '*'\n\
                         rep --export=never restorematched {codename} {name} '*'"
                    );
                }
                writeln!(text, "rep export {}", all(repository))
            }
            Request::SignWith => {
                text += &configure;
                writeln!(text, "rep export")
            }
        };
        text
    }
}
