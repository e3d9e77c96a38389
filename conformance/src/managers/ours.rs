use std::fmt::Write as _;

use crate::manager::{ALIAS, Feature, Layout, Manager, ORIGIN, Place, Request, Situation, VALID_DAYS};

/// The program `repo-cli` of this workspace.
pub(super) struct Ours {
    program: String,
}

impl Ours {
    pub(super) fn new(program: &str) -> Self {
        Self { program: program.to_owned() }
    }

    fn configuration(layout: &Layout) -> String {
        let mut text = format!(
            "origin = \"{ORIGIN}\"\nsuites = {:?}\narchitectures = {:?}\ncomponents = {:?}\nunknown_release = \"everywhere\"\n",
            layout.suites,
            layout.architectures(),
            layout.components,
        );
        let valid = format!("valid_for = \"{VALID_DAYS}d\"");
        for (feature, line) in [
            (Feature::Contents, "contents = true"),
            (Feature::Translations, "translations = true"),
            (Feature::Pdiffs, "pdiffs = 14\npdiffs_from = \"1 KiB\""),
            (Feature::ValidUntil, valid.as_str()),
        ] {
            if layout.has(feature) {
                let _ = writeln!(text, "{line}");
            }
        }
        for repository in layout.repositories {
            let _ = writeln!(text, "[repositories.{repository}]\nlabel = \"{}\"", repository.to_uppercase());
        }
        if layout.has(Feature::NotAutomatic) {
            text += "[suite.bookworm]\nnot_automatic = true\nbut_automatic_upgrades = true\n";
        }
        if layout.has(Feature::Alias) {
            let _ = writeln!(text, "[suite.bookworm]\nalias = \"{ALIAS}\"");
        }
        text
    }
}

impl Manager for Ours {
    fn name(&self) -> &'static str {
        "ours"
    }

    fn version_command(&self) -> String {
        format!("{} --version", self.program)
    }

    fn lacks(&self, _feature: Feature) -> Option<&'static str> {
        None
    }

    fn place(&self, _layout: &Layout, repository: &str, suite: &str) -> Place {
        Place { root: format!("store/public/{repository}"), distribution: suite.to_owned() }
    }

    fn script(&self, situation: &Situation<'_>, request: &Request<'_>) -> String {
        let layout = situation.layout;
        let mut text = format!("repo() {{ {} --root store \"$@\"; }}\n", self.program);
        let import = "take() { gpg --batch --armor --export-secret-keys $1 > secret.asc; repo key import secret.asc; rm secret.asc; }\n";
        let _ = match request {
            Request::Create => {
                text += &format!("{} init store --architecture amd64\n{import}", self.program);
                text += &format!(
                    "cat > store/repo.toml <<'END'\n{}END\nrm store/keys/*.asc\n",
                    Self::configuration(layout)
                );
                for key in situation.keys {
                    let _ = writeln!(text, "take {key}");
                }
                writeln!(text, "repo publish --allow-key-change --allow-removal --allow-release-info-change")
            }
            Request::Add(target, files) => writeln!(
                text,
                "repo add {} --suite {} --component {} --no-publish {}",
                target.repository,
                target.suite,
                target.component,
                files.join(" ")
            ),
            Request::Remove(target, package) => writeln!(
                text,
                "repo remove {} {}={} --suite {} --yes --no-publish",
                target.repository, package.name, package.version, target.suite
            ),
            Request::Promote(target, package, to) => writeln!(
                text,
                "repo promote {}={} --from {} --to {to} --suite {} --no-publish",
                package.name, package.version, target.repository, target.suite
            ),
            Request::Publish(repository) => writeln!(text, "repo publish {repository}"),
            Request::Mark(repository, name) => writeln!(text, "repo tag {repository} {name}"),
            Request::GoBack(repository, name) => {
                writeln!(text, "repo rollback {repository} --to {name} --yes")
            }
            Request::SignWith => {
                text += import;
                for key in situation.keys {
                    let _ = writeln!(text, "[ -e store/keys/{key}.asc ] || take {key}");
                }
                // The new key signs beside the old one before that is retired.
                text += "repo publish\nfor file in store/keys/*.asc; do key=$(basename $file .asc); case $key in\n";
                for key in situation.keys {
                    let _ = writeln!(text, "{key}) ;;");
                }
                text += "*) repo key retire $key --force;; esac; done\n";
                writeln!(text, "repo publish")
            }
        };
        text
    }
}
