//! What maintainer scripts say about going back. They are read as text and never run, so this finds what scripts usually do.

use std::cmp::Ordering;

use deb_parse::deb::Package;
use deb_parse::{PackageName, Version};

use super::hazard::{Hazard, Undone};
use crate::model::reissue::HazardKind;

/// The words of the maintainer scripts of a package.
#[derive(Clone, Debug, Default)]
pub(in crate::operations) struct Scripts(Vec<Command>);

/// A line of a script, without quotes and comments.
#[derive(Clone, Debug)]
struct Command {
    script: String,
    words: Vec<String>,
}

/// The versions of a package that scripts are asked about.
#[derive(Clone, Copy)]
pub(super) struct Versions<'a> {
    /// The old version.
    pub(super) good: &'a Version,
    /// The bad version.
    pub(super) bad: &'a Version,
    /// The version that the old one comes out as.
    pub(super) reissue: &'a Version,
}

impl Scripts {
    /// Reads the scripts of a package whose control archive was read with its contents.
    pub(in crate::operations) fn of(package: &Package) -> Self {
        let scripts =
            package.maintainer_scripts().filter_map(|file| Some((&file.name, file.content.as_ref()?)));
        let commands = scripts.flat_map(|(name, content)| {
            let text = String::from_utf8_lossy(content).replace("\\\n", " ");
            let lines = text.lines().map(words).filter(|words| !words.is_empty()).collect::<Vec<_>>();
            lines.into_iter().map(|words| Command { script: name.clone(), words })
        });
        Self(commands.collect())
    }

    /// Returns whether a script diverts this path below the root; where a variable has the path, that may be any.
    pub(in crate::operations) fn diverts(&self, path: &str) -> bool {
        let is_path = |word: &String| {
            word.contains('$') || word.strip_prefix('/').is_some_and(|one| is_same(one, path))
        };
        self.0.iter().any(|Command { words, .. }| is_diversion(words) && words.iter().any(is_path))
    }

    fn has(&self, words: &[String]) -> bool {
        self.0.iter().any(|command| command.words == words)
    }

    fn moves(&self, step: &Step<'_>) -> bool {
        self.0.iter().filter_map(|command| Step::of(&command.words)).any(|own| own == *step)
    }
}

/// Returns whether a path is another one, or leads there on a system where `/bin` is a link to `/usr/bin`.
fn is_same(written: &str, path: &str) -> bool {
    written == path || path.strip_prefix("usr/") == Some(written)
}

/// Returns the words of a line, as a shell would read most of them.
fn words(line: &str) -> Vec<String> {
    let line = line.trim();
    if line.starts_with('#') {
        return Vec::new();
    }
    let plain = |word: &str| word.replace(['"', '\'', '\\'], "").trim_end_matches([';', ')']).to_owned();
    line.split_whitespace().map(plain).filter(|word| !word.is_empty()).collect()
}

/// A step of dpkg-maintscript-helper(1).
#[derive(PartialEq, Eq)]
struct Step<'a> {
    name: &'a str,
    path: &'a str,
}

impl<'a> Step<'a> {
    fn of(words: &'a [String]) -> Option<Self> {
        let at = words.iter().position(|word| word.ends_with("dpkg-maintscript-helper"))?;
        let (name, path) = (words.get(at + 1)?.as_str(), words.get(at + 2)?.as_str());
        let moves = ["rm_conffile", "mv_conffile", "symlink_to_dir", "dir_to_symlink"];
        moves.contains(&name).then_some(Self { name, path })
    }
}

/// A comparison of versions that a script makes.
struct Comparison<'a> {
    left: &'a str,
    operator: &'a str,
    right: &'a str,
}

impl<'a> Comparison<'a> {
    fn of(words: &'a [String]) -> Option<Self> {
        let at = words.iter().position(|word| word.ends_with("--compare-versions"))?;
        let mut behind = words.iter().skip(at + 1).map(String::as_str).filter(|word| *word != "--");
        Some(Self { left: behind.next()?, operator: behind.next()?, right: behind.next()? })
    }

    /// Returns the versions that are written in it.
    fn written(&self) -> impl Iterator<Item = Version> {
        [self.left, self.right].into_iter().filter_map(|word| Version::parse(word).ok())
    }

    /// Returns what comes out when the version that was installed before is `old`; `None` when it is about something else.
    fn is_true_after(&self, old: &Version) -> Option<bool> {
        let is_old = |word: &str| word == "$2" || word.starts_with("${2}") || word.starts_with("${2:");
        if !is_old(self.left) && !is_old(self.right) {
            return None;
        }
        let side = |word: &str| if is_old(word) { Some(old.clone()) } else { Version::parse(word).ok() };
        let order = side(self.left)?.cmp(&side(self.right)?);
        Some(match self.operator {
            "lt" | "lt-nl" | "<<" => order == Ordering::Less,
            "le" | "le-nl" | "<=" | "<" => order != Ordering::Greater,
            "eq" | "=" => order == Ordering::Equal,
            "ne" => order != Ordering::Equal,
            "ge" | "ge-nl" | ">=" | ">" => order != Ordering::Less,
            "gt" | "gt-nl" | ">>" => order == Ordering::Greater,
            _ => return None,
        })
    }
}

/// Returns what the scripts of the two versions of a package leave behind.
pub(super) fn hazards(
    package: &PackageName,
    (good, bad): (&Scripts, &Scripts),
    versions: Versions<'_>,
) -> Vec<Hazard> {
    let hazard = |undone, kind, what| Hazard { undone, kind, package: package.clone(), what };
    let mut found = Vec::new();
    for Command { script, words } in &bad.0 {
        if let Some(step) = Step::of(words).filter(|step| !good.moves(step)) {
            let Step { name, path } = step;
            let what = match name {
                "rm_conffile" => format!("{script} removed {path}: it comes back with its default text"),
                "mv_conffile" => {
                    format!("{script} renamed {path}: it does not come back, and stays under its new name")
                }
                _ => format!("{script} changed {path} ({name}): it is not changed back"),
            };
            found.push(hazard(Undone::Cannot, HazardKind::Conffiles, what));
        }
        if is_diversion(words) && !good.has(words) {
            let what = format!("{script} changed a diversion: {}", words.join(" "));
            found.push(hazard(Undone::Cannot, HazardKind::Diversions, what));
        }
        if let Some(comparison) = Comparison::of(words) {
            let between =
                comparison.written().find(|written| written > versions.good && written <= versions.reissue);
            if let Some(threshold) = between {
                let what = format!(
                    "{script} did something once for versions before {threshold}: it is not taken back"
                );
                found.push(hazard(Undone::Cannot, HazardKind::Thresholds, what));
            }
        }
    }
    for Command { script, words } in &good.0 {
        let Some(comparison) = Comparison::of(words) else { continue };
        let after = |old| comparison.is_true_after(old);
        if after(versions.bad).is_some_and(|truth| after(versions.good) != Some(truth)) {
            let Comparison { left, operator, right } = &comparison;
            let rule = format!("{script} of the old version asks for {left} {operator} {right}");
            found.push(match script.as_str() {
                "preinst" => {
                    hazard(Undone::Cannot, HazardKind::Preinst, format!("{rule}: it may refuse to go back"))
                }
                _ => hazard(Undone::May, HazardKind::Thresholds, format!("{rule}, and takes its other path")),
            });
        }
    }
    found
}

fn is_diversion(words: &[String]) -> bool {
    let asks = ["--list", "--listpackage", "--truename"];
    words.iter().any(|word| word.ends_with("dpkg-divert"))
        && !words.iter().any(|word| asks.contains(&word.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scripts(all: &[(&str, &str)]) -> Scripts {
        let commands = all.iter().flat_map(|(script, text)| {
            let lines = text.lines().map(words).filter(|words| !words.is_empty());
            lines.map(|words| Command { script: (*script).to_owned(), words }).collect::<Vec<_>>()
        });
        Scripts(commands.collect())
    }

    fn found(good: &[(&str, &str)], bad: &[(&str, &str)]) -> Vec<String> {
        let [old, new, reissue] =
            ["2.0-1", "2.1-1", "2.1-1+0~reissue1"].map(|text| Version::parse(text).unwrap());
        let versions = Versions { good: &old, bad: &new, reissue: &reissue };
        let package = PackageName::parse("foo").unwrap();
        let hazards = hazards(&package, (&scripts(good), &scripts(bad)), versions);
        hazards
            .into_iter()
            .map(|hazard| format!("{} {}: {}", hazard.undone, hazard.kind, hazard.what))
            .collect()
    }

    #[test]
    fn what_the_bad_version_did_once_is_found() {
        let bad = [
            (
                "postinst",
                "dpkg-maintscript-helper rm_conffile /etc/foo/old.conf 2.1-1\\~ -- \"$@\"\n\
                 # dpkg-divert --add /nothing\n\
                 if dpkg --compare-versions \"$2\" lt '2.1-1~'; then migrate; fi\n\
                 if dpkg --compare-versions -- \"$2\" lt 1.0; then old; fi\n",
            ),
            ("preinst", "dpkg-divert --package foo --add --rename /usr/bin/tool\ndpkg-divert --list foo"),
            ("prerm", "dpkg-maintscript-helper mv_conffile /etc/a /etc/b 2.1-1~ -- \"$@\""),
        ];
        insta::assert_snapshot!(found(&[], &bad).join("\n"), @r"
        cannot conffiles: postinst removed /etc/foo/old.conf: it comes back with its default text
        cannot thresholds: postinst did something once for versions before 2.1-1~: it is not taken back
        cannot diversions: preinst changed a diversion: dpkg-divert --package foo --add --rename /usr/bin/tool
        cannot conffiles: prerm renamed /etc/a: it does not come back, and stays under its new name
        ");
        // What both versions do is not new to machines.
        let both = [("preinst", "dpkg-divert --package foo --add --rename /usr/bin/tool")];
        assert!(found(&both, &both).is_empty());
    }

    #[test]
    fn a_script_that_goes_by_the_version_before_is_found() {
        let refuses = [("preinst", "if dpkg --compare-versions \"$2\" gt 2.0-1; then exit 1; fi")];
        insta::assert_snapshot!(found(&refuses, &[]).join("\n"), @"cannot preinst: preinst of the old version asks for $2 gt 2.0-1: it may refuse to go back");
        let turned = [("preinst", "dpkg --compare-versions 2.0-1 lt \"${2}\" && exit 1")];
        assert_eq!(found(&turned, &[]).len(), 1);
        // The answer is the same for both versions.
        assert!(found(&[("preinst", "dpkg --compare-versions \"$2\" lt 1.5 && exit 1")], &[]).is_empty());
        let configures = [("postinst", "if dpkg --compare-versions \"$2\" ge 2.1; then :; fi")];
        assert!(found(&configures, &[]).iter().all(|hazard| hazard.starts_with("may thresholds")));
    }
}
