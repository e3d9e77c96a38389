//! The configuration of reprepro: where its archive lies, and what of it has no counterpart here.
//!
//! The archive itself is read as any other. Its database is not: its form is that of one version of Berkeley DB, and what clients see stands in
//! the tree.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use camino::{Utf8Path, Utf8PathBuf};
use deb_parse::deb822;

use super::plan::Finding;
use crate::error::Failure;

/// A directory `conf` of reprepro.
#[derive(Debug)]
pub(super) struct Reprepro {
    /// Where the archive lies that it publishes.
    pub(super) tree: Utf8PathBuf,
    /// The suites that have been published.
    pub(super) suites: Vec<String>,
    /// What is not taken over, or becomes a setting.
    pub(super) findings: Vec<Finding>,
}

/// What becomes of an option of a distribution.
enum Counterpart {
    /// Its value stands in the Release, or in what the indices list.
    Published,
    /// A setting or a verb does the same.
    Other(&'static str),
}

impl Counterpart {
    /// Returns what becomes of an option, whose name is in small letters; `None` when nothing here does the same.
    fn of(option: &str) -> Option<Self> {
        Some(match option {
            "codename"
            | "suite"
            | "origin"
            | "label"
            | "version"
            | "description"
            | "architectures"
            | "components"
            | "notautomatic"
            | "butautomaticupgrades"
            | "changelogs"
            | "fakecomponentprefix" => Self::Published,
            "signwith" => Self::Other("the key, given with --key"),
            "validfor" => Self::Other("`valid_for` in repo.toml"),
            "contents" | "contentsarchitectures" => Self::Other("`contents` in repo.toml"),
            "debindices" | "dscindices" | "udebindices" => Self::Other("`compress` in repo.toml"),
            "uploaders" => Self::Other("`uploaders` in repo.toml, a keyring without conditions"),
            "alsoacceptfor" => Self::Other("`markers` in [suite.NAME] of repo.toml"),
            "tracking" => Self::Other("the history, which keeps every version"),
            "log" => Self::Other("the history, and hooks in repo.toml"),
            "limit" => Self::Other("[[retention]] in repo.toml"),
            "pull" => Self::Other("repo-cli promote"),
            _ => return None,
        })
    }
}

/// Reads a directory `conf`.
///
/// # Errors
/// When a file of it cannot be read.
pub(super) fn read(conf: &Utf8Path) -> Result<Reprepro, Failure> {
    let conf = conf.canonicalize_utf8().map_err(Failure::io("open", conf))?;
    let tree = tree_of(&conf)?;
    let text = distributions(&conf)?;
    let (mut suites, mut findings) = (Vec::new(), Vec::new());
    // By the names of the options, as they were written first.
    let mut options: BTreeMap<String, (String, BTreeSet<String>)> = BTreeMap::new();
    for paragraph in deb822::paragraphs(text.as_bytes()) {
        let Some(codename) = paragraph.get_str("Codename").map(str::trim) else { continue };
        if crate::published_archive::has_release(&tree.join("dists").join(codename)) {
            suites.push(codename.to_owned());
            // The link that `createsymlinks` makes.
            let second = paragraph.get_str("Suite").map(str::trim).filter(|second| *second != codename);
            let is_published =
                |second: &&str| crate::published_archive::has_release(&tree.join("dists").join(second));
            suites.extend(second.filter(is_published).map(str::to_owned));
            if tree.join("dists").join(codename).join("snapshots").is_dir() {
                let what = format!(
                    "the snapshots of {codename} (`gensnapshot`) are not imported: clients of dists/{codename}/snapshots need another address"
                );
                findings.push(Finding::new("snapshots", what));
            }
        } else {
            let what = format!("{codename} was never published (or has `noexport`), and is not imported");
            findings.push(Finding::new("unpublished", what));
        }
        for field in paragraph.fields() {
            let known = options.entry(field.name().to_ascii_lowercase());
            let (_, of) = known.or_insert_with(|| (field.name().to_owned(), BTreeSet::new()));
            of.insert(codename.to_owned());
        }
    }
    for (option, (name, of)) in options {
        let of = of.into_iter().collect::<Vec<_>>().join(", ");
        match Counterpart::of(&option) {
            Some(Counterpart::Published) => {}
            Some(Counterpart::Other(what)) => {
                findings.push(Finding::new("setting", format!("{name} of {of}: here that is {what}")));
            }
            None => {
                findings.push(Finding::new("no-counterpart", format!("{name} of {of} has no counterpart")));
            }
        }
    }
    for (file, what) in [
        ("incoming", "here that is [[incoming]] in repo.toml"),
        ("pulls", "here that is repo-cli promote"),
        ("updates", "it has no counterpart"),
    ] {
        if conf.join(file).exists() {
            findings.push(Finding::new("setting", format!("conf/{file}: {what}")));
        }
    }
    Ok(Reprepro { tree, suites, findings })
}

/// Returns where the archive lies: beside `conf`, unless `conf/options` says otherwise.
fn tree_of(conf: &Utf8Path) -> Result<Utf8PathBuf, Failure> {
    let path = conf.join("options");
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(Failure::io("read", &path)(error)),
    };
    let option = |wanted: &str| {
        text.lines().find_map(|line| {
            let (name, value) = line.trim().split_once(char::is_whitespace)?;
            (name.trim_start_matches('-') == wanted).then(|| value.trim().to_owned())
        })
    };
    let beside = conf.parent().unwrap_or(conf).to_owned();
    let base = option("basedir").map_or(beside, |base| conf.join(base));
    Ok(match option("outdir") {
        None => base,
        Some(out) => match (out.strip_prefix("+b/"), out.strip_prefix("+c/")) {
            (Some(below), _) => base.join(below),
            (None, Some(below)) => conf.join(below),
            (None, None) => base.join(out),
        },
    })
}

/// Returns the text of `conf/distributions`, which may be a directory of files `*.conf`, without comments and with what it includes.
fn distributions(conf: &Utf8Path) -> Result<String, Failure> {
    let path = conf.join("distributions");
    let mut files = vec![path.clone()];
    if path.is_dir() {
        let entries = path.read_dir_utf8().map_err(Failure::io("list", &path))?;
        files = entries.flatten().map(camino::Utf8DirEntry::into_path).collect();
        files.retain(|file| file.extension() == Some("conf"));
        files.sort();
    }
    let mut text = String::new();
    for file in files {
        include(&file, 0, &mut text)?;
        text.push_str("\n\n");
    }
    Ok(text)
}

/// So deep files include others.
const DEEPEST: usize = 8;

fn include(file: &Utf8Path, depth: usize, text: &mut String) -> Result<(), Failure> {
    for line in fs::read_to_string(file).map_err(Failure::io("read", file))?.lines() {
        match line.strip_prefix("!include:") {
            Some(other) if depth < DEEPEST => {
                let other = file.parent().unwrap_or(file).join(other.trim());
                include(&other, depth + 1, text)?;
            }
            Some(_) => {
                let what = "files include each other too deeply".to_owned();
                return Err(Failure::UnusableFile { path: file.to_owned(), what });
            }
            None if line.starts_with('#') => {}
            None => {
                text.push_str(line);
                text.push('\n');
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_without_a_counterpart_are_listed_by_name() {
        let directory = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(directory.path()).unwrap().canonicalize_utf8().unwrap();
        for name in ["conf", "public/dists/bookworm"] {
            fs::create_dir_all(root.join(name)).unwrap();
        }
        fs::write(root.join("public/dists/bookworm/Release"), "").unwrap();
        fs::create_dir(root.join("public/dists/bookworm/snapshots")).unwrap();
        std::os::unix::fs::symlink("bookworm", root.join("public/dists/stable")).unwrap();
        fs::write(root.join("conf/options"), "verbose\nbasedir ..\noutdir +b/public\n").unwrap();
        fs::write(
            root.join("conf/distributions"),
            "# ours\nCodename: bookworm\nSuite: stable\nValidFor: 1m\nUpdate: - debian\n\n!include: more\n",
        )
        .unwrap();
        fs::write(root.join("conf/more"), "Codename: sid\n# none\nUpdate: debian\nComponents: main\n")
            .unwrap();
        fs::write(root.join("conf/updates"), "").unwrap();
        let found = read(&root.join("conf")).unwrap();
        assert_eq!(
            (found.tree.canonicalize_utf8().unwrap(), found.suites),
            (root.join("public"), vec!["bookworm".to_owned(), "stable".to_owned()])
        );
        let lines: Vec<String> = found.findings.iter().map(Finding::line).collect();
        assert_eq!(
            lines,
            [
                "the snapshots of bookworm (`gensnapshot`) are not imported: clients of dists/bookworm/snapshots need another address",
                "sid was never published (or has `noexport`), and is not imported",
                "Update of bookworm, sid has no counterpart",
                "ValidFor of bookworm: here that is `valid_for` in repo.toml",
                "conf/updates: it has no counterpart",
            ]
        );
        fs::write(root.join("conf/more"), "!include: more\n").unwrap();
        assert!(matches!(read(&root.join("conf")), Err(Failure::UnusableFile { .. })));
    }
}
