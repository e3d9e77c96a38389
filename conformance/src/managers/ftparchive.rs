use std::fmt::Write as _;

use crate::manager::{ALIAS, Feature, Layout, Manager, ORIGIN, Place, Request, Situation, VALID_DAYS};

/// apt-ftparchive with the script around it that its users write: a directory of packages for each suite, indices in the form that
/// the manual page shows, and gpg last.
pub(super) struct FtpArchive;

/// Without them the Release file of before is listed in the next one.
const PATTERNS: &str = "-o APT::FTPArchive::Release::Default-Patterns=false -o APT::FTPArchive::Release::Patterns::='Packages*' \
     -o APT::FTPArchive::Release::Patterns::='Sources*' -o APT::FTPArchive::Release::Patterns::='Contents-*' \
     -o APT::FTPArchive::Release::Patterns::='Translation-*'";

/// Indexes a component of a suite, below `dists/SUITE`.
fn index_component(text: &mut String, layout: &Layout, suite: &str, component: &str) {
    let pool = format!("pool/{suite}/{component}");
    let dists = format!("dists/{suite}/{component}");
    for architecture in layout.architectures() {
        let directory = format!("{dists}/binary-{architecture}");
        let _ = writeln!(text, "mkdir -p {directory}");
        // With a file for translations, only `generate` leaves the long descriptions out.
        let _ = writeln!(
            text,
            "apt-ftparchive --arch {architecture} packages {pool} > ../index; mv ../index {directory}/Packages"
        );
        if layout.has(Feature::Contents) {
            let _ = writeln!(
                text,
                "apt-ftparchive --arch {architecture} contents {pool} > ../index; mv ../index {dists}/Contents-{architecture}
                gzip -9nfk {dists}/Contents-{architecture}"
            );
        }
        let _ = writeln!(text, "gzip -9nfk {directory}/Packages; xz -fk {directory}/Packages");
    }
    if layout.has(Feature::Translations) {
        let mut tree = format!(
            "Dir {{ ArchiveDir \".\"; CacheDir \"../cache\"; }};\n\
             Default {{ Packages::Compress \". gzip xz\"; Translation::Compress \". gzip xz\"; LongDescription \"false\"; }};\n\
             Tree \"dists/{suite}\" {{ Sections \"{component}\"; Architectures \"{}\"; Directory \"{pool}\"; }};\n",
            layout.architectures().join(" ")
        );
        tree += "APT::FTPArchive::Contents \"false\";\n";
        let _ = writeln!(
            text,
            "mkdir -p ../cache {dists}/i18n\ncat > ../generate.conf <<'END'\n{tree}END\napt-ftparchive --contents=false generate ../generate.conf"
        );
    }
    if layout.has(Feature::Sources) {
        let _ = writeln!(
            text,
            "mkdir -p {dists}/source\napt-ftparchive sources {pool} > ../index; mv ../index {dists}/source/Sources
            gzip -9nfk {dists}/source/Sources; xz -fk {dists}/source/Sources"
        );
    }
}

fn release_and_sign(text: &mut String, situation: &Situation<'_>, repository: &str, suite: &str) {
    let layout = situation.layout;
    let mut fields = vec![
        ("Origin", ORIGIN.to_owned()),
        ("Label", repository.to_uppercase()),
        ("Suite", suite.to_owned()),
        ("Codename", suite.to_owned()),
        ("Architectures", layout.architectures().join(" ")),
        ("Components", layout.components.join(" ")),
    ];
    if layout.has(Feature::ValidUntil) {
        fields.push(("ValidTime", (VALID_DAYS * 24 * 60 * 60).to_string()));
    }
    let is_first = suite == "bookworm";
    if layout.has(Feature::NotAutomatic) && is_first {
        fields.push(("NotAutomatic", "yes".to_owned()));
        fields.push(("ButAutomaticUpgrades", "yes".to_owned()));
    }
    if layout.has(Feature::Alias) && is_first {
        for (name, value) in &mut fields {
            if *name == "Suite" {
                ALIAS.clone_into(value);
            }
        }
        let _ = writeln!(text, "ln -sfn {suite} dists/{ALIAS}");
    }
    let options: Vec<String> =
        fields.iter().map(|(name, value)| format!("-o APT::FTPArchive::Release::{name}='{value}'")).collect();
    let users: Vec<String> = situation.keys.iter().map(|key| format!("-u {key}")).collect();
    let users = users.join(" ");
    let _ = writeln!(
        text,
        "apt-ftparchive -o APT::FTPArchive::DoByHash=true -o APT::FTPArchive::By-Hash-Keep=100 {PATTERNS} {} release dists/{suite} > ../Release.new
        gpg --batch --yes {users} --clearsign -o ../InRelease.new ../Release.new
        gpg --batch --yes {users} --armor --detach-sign -o ../Release.gpg.new ../Release.new
        mv ../Release.new dists/{suite}/Release; mv ../Release.gpg.new dists/{suite}/Release.gpg; mv ../InRelease.new dists/{suite}/InRelease",
        options.join(" ")
    );
}

fn publish(text: &mut String, situation: &Situation<'_>, repository: &str) {
    let _ = writeln!(text, "cd {repository}");
    for suite in situation.layout.suites {
        for component in situation.layout.components {
            index_component(text, situation.layout, suite, component);
        }
        release_and_sign(text, situation, repository, suite);
    }
    let _ = writeln!(text, "cd ..");
}

impl Manager for FtpArchive {
    fn name(&self) -> &'static str {
        "apt-ftparchive"
    }

    fn version_command(&self) -> String {
        "command -v apt-ftparchive >/dev/null && apt-ftparchive --version".to_owned()
    }

    fn lacks(&self, feature: Feature) -> Option<&'static str> {
        match feature {
            Feature::Pdiffs => Some("apt-ftparchive makes no patches of indices"),
            Feature::GoBack => Some("apt-ftparchive keeps no earlier states"),
            _ => None,
        }
    }

    fn place(&self, _layout: &Layout, repository: &str, suite: &str) -> Place {
        Place { root: repository.to_owned(), distribution: suite.to_owned() }
    }

    fn script(&self, situation: &Situation<'_>, request: &Request<'_>) -> String {
        let layout = situation.layout;
        let mut text = String::new();
        match request {
            Request::Create => {
                for repository in layout.repositories {
                    for suite in layout.suites {
                        for component in layout.components {
                            let _ = writeln!(text, "mkdir -p {repository}/pool/{suite}/{component}");
                        }
                    }
                    publish(&mut text, situation, repository);
                }
            }
            Request::Add(target, files) => {
                let pool = format!("{}/pool/{}/{}", target.repository, target.suite, target.component);
                for file in *files {
                    // A source package brings the files that lie beside it.
                    let files = file.strip_suffix(".dsc").map_or_else(
                        || file.clone(),
                        |_| format!("$(dirname {file})/$(basename {file} | cut -d_ -f1)_*.dsc $(dirname {file})/$(basename {file} | cut -d_ -f1)_*.tar.*"),
                    );
                    let _ = writeln!(text, "cp {files} {pool}/");
                }
            }
            Request::Remove(target, package) => {
                let pool = format!("{}/pool/{}/{}", target.repository, target.suite, target.component);
                let version = package.version.split_once(':').map_or(package.version, |(_, rest)| rest);
                let _ = writeln!(text, "rm {pool}/{}_*{version}*", package.name);
            }
            Request::Promote(target, package, to) => {
                let pool = format!("pool/{}/{}", target.suite, target.component);
                let version = package.version.split_once(':').map_or(package.version, |(_, rest)| rest);
                let _ = writeln!(
                    text,
                    "cp {}/{pool}/{}_*{version}* {to}/{pool}/",
                    target.repository, package.name
                );
            }
            Request::Publish(repository) => publish(&mut text, situation, repository),
            // Neither can be asked: see `lacks`.
            Request::Mark(..) | Request::GoBack(..) => text += "exit 1\n",
            Request::SignWith => {
                for repository in layout.repositories {
                    publish(&mut text, situation, repository);
                }
            }
        }
        text
    }
}
