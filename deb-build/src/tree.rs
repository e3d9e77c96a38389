//! What the package will have on a machine: every path, with what is there and which line of the description asked for it.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;

use crate::error::{Error, Position};
use crate::folder::{Folder, Found, FoundKind};
use crate::gzip::gzip;
use crate::owner::Ownership;
use crate::spec::{At, FileRule, Spec};
use crate::target::Target;

/// A path of the package.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) node: Node,
    pub(crate) mode: u32,
    pub(crate) owner: Ownership,
    pub(crate) is_conffile: bool,
    /// The line that asked for it.
    pub(crate) position: Position,
}

/// What is at a path.
#[derive(Clone, Debug)]
pub(crate) enum Node {
    Directory,
    /// A file of the folder, with its size when it was found.
    File(Utf8PathBuf, u64),
    /// A file that was made here.
    Made(Vec<u8>),
    Link(String),
}

/// The paths of a package, with a directory before what is in it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tree {
    entries: BTreeMap<SortedPath, Entry>,
}

/// A path that is compared element by element, so that what is in a directory follows it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct SortedPath(Vec<String>);

impl SortedPath {
    fn of(target: &Target) -> Self {
        Self(target.as_str().split('/').map(str::to_owned).collect())
    }
}

impl Tree {
    /// Collects what the description asks for.
    pub(crate) fn collect(spec: &Spec, folder: &Folder) -> Result<Self, Error> {
        let mut tree = Self::default();
        for rule in &spec.directories {
            let is_plain = rule.owner == Ownership::root() && rule.mode == 0o755;
            if rule.path.value.is_shared() && !is_plain {
                return Err(rule
                    .path
                    .error("is a directory that packages share: it belongs to root, with mode 0755"));
            }
            if let Some(known) = tree.get(&rule.path.value) {
                return Err(in_package_already(&rule.path, &rule.path.value, known));
            }
            let entry = Entry {
                node: Node::Directory,
                mode: rule.mode,
                owner: rule.owner.clone(),
                is_conffile: false,
                position: rule.path.position,
            };
            tree.insert(&rule.path.value, entry, &rule.path)?;
        }
        for rule in &spec.files {
            for found in folder.find(&rule.from, &rule.exclude)? {
                tree.insert_found(rule, found, folder)?;
            }
        }
        for rule in &spec.links {
            tree.insert(
                &rule.path.value,
                entry(Node::Link(rule.target.clone()), 0o777, rule.path.position),
                &rule.path,
            )?;
        }
        for page in &spec.manual {
            tree.insert_manual(page, folder)?;
        }
        tree.insert_system_files(spec, folder)?;
        Ok(tree)
    }

    /// Adds a path that the description asks for.
    fn insert<T>(&mut self, target: &Target, entry: Entry, named: &At<T>) -> Result<(), Error> {
        if target.as_str().is_empty() {
            return Err(named.error("must name more than the root of the machine"));
        }
        if let Some(reason) = target.forbidden() {
            return Err(named.error(format!("/{}: {reason}", target.as_str())));
        }
        // dpkg strips it from the line in `conffiles`.
        if entry.is_conffile && target.as_str().ends_with(char::is_whitespace) {
            let reason = format!(
                "`/{}` ends with a blank, which no configuration file may (deb-conffiles(5))",
                target.as_str()
            );
            return Err(named.error(reason));
        }
        let known = self.get(target);
        if known.is_some_and(|known| matches!((&known.node, &entry.node), (Node::Directory, Node::Directory)))
        {
            // The first that asks for a directory says its mode: `[[directory]]` before what files bring along.
            return Ok(());
        }
        if let Some(known) = known {
            return Err(in_package_already(named, target, known));
        }
        self.entries.insert(SortedPath::of(target), entry);
        Ok(())
    }

    fn insert_found(&mut self, rule: &FileRule, found: Found, folder: &Folder) -> Result<(), Error> {
        let is_alone = found.below.as_str().is_empty();
        let name = found.path.file_name().unwrap_or_default();
        let target = match (is_alone, rule.into_directory) {
            (true, true) => rule.to.join(name),
            (true, false) => rule.to.clone(),
            (false, _) => rule.to.join(found.below.as_str()),
        };
        let is_file = matches!(found.kind, FoundKind::File { .. });
        let (node, mode) = match found.kind {
            FoundKind::Directory => (Node::Directory, 0o755),
            FoundKind::Link(to) => (Node::Link(to), 0o777),
            FoundKind::File { size, is_executable } => {
                let usual = if is_executable { 0o755 } else { 0o644 };
                (Node::File(found.path.clone(), size), rule.mode.unwrap_or(usual))
            }
        };
        // `owner` is for files: a directory that is found may be one of the system, and who owns a link does not matter.
        let owner = if is_file { rule.owner.clone() } else { Ownership::root() };
        let is_conffile = is_file && rule.conffile.unwrap_or_else(|| target.is_below("etc"));
        let position = rule.from.position;
        let entry = Entry { node, mode, owner, is_conffile, position };
        if is_file && target.is_below("usr/share/man") && !target.as_str().ends_with(".gz") {
            let bytes = folder.read(&rule.from.map(found.path.into_string()))?;
            let packed = Target::known(format!("{}.gz", target.as_str()));
            return self.insert(&packed, Entry { node: Node::Made(gzip(&bytes)), ..entry }, &rule.from);
        }
        self.insert(&target, entry, &rule.from)
    }

    /// Adds a manual page: `acme.1` goes to section 1.
    fn insert_manual(&mut self, page: &At<String>, folder: &Folder) -> Result<(), Error> {
        let name = page.value.rsplit('/').next().unwrap_or_default();
        let section = name.rsplit_once('.').and_then(|(_, section)| section.chars().next());
        let Some(section) = section.filter(char::is_ascii_digit) else {
            return Err(page.error("the name of a manual page must end with its section, such as `acme.1`"));
        };
        let target = Target::known(format!("usr/share/man/man{section}/{name}.gz"));
        let bytes = folder.read(page)?;
        self.insert(&target, entry(Node::Made(gzip(&bytes)), 0o644, page.position), page)
    }

    /// Adds the files that services of a machine read, under the name of the package.
    fn insert_system_files(&mut self, spec: &Spec, folder: &Folder) -> Result<(), Error> {
        let name = spec.name.as_str();
        // cron passes over files with a point in their names.
        let cron: String = name.chars().map(|c| if matches!(c, '.' | '+') { '_' } else { c }).collect();
        let files = [
            (&spec.sysusers, format!("usr/lib/sysusers.d/{name}.conf"), false),
            (&spec.tmpfiles, format!("usr/lib/tmpfiles.d/{name}.conf"), false),
            (&spec.cron, format!("etc/cron.d/{cron}"), true),
            (&spec.logrotate, format!("etc/logrotate.d/{name}"), true),
        ];
        for (named, path, is_conffile) in files {
            let Some(named) = named else { continue };
            let made = entry(Node::Made(folder.read(named)?), 0o644, named.position);
            self.insert(&Target::known(path), Entry { is_conffile, ..made }, named)?;
        }
        for unit in &spec.units {
            let name = unit.file.value.rsplit('/').next().unwrap_or_default();
            let target = Target::known(format!("usr/lib/systemd/system/{name}"));
            let text = folder.read_text(&unit.file)?;
            self.insert(
                &target,
                entry(Node::Made(text.into_bytes()), 0o644, unit.file.position),
                &unit.file,
            )?;
        }
        Ok(())
    }

    /// Adds a file that the package needs besides, unless the description brings it.
    pub(crate) fn add_made(&mut self, target: &Target, bytes: Vec<u8>) {
        let made = entry(Node::Made(bytes), 0o644, Position { line: 1, column: 1 });
        self.entries.entry(SortedPath::of(target)).or_insert(made);
    }

    /// Adds the directories that paths need. Refuses paths below something else, and below directories that others than root may write to:
    /// dpkg and maintainer scripts, which run as root, would follow a link that somebody put there.
    pub(crate) fn complete(&mut self) -> Result<(), Error> {
        let paths: Vec<(SortedPath, Position)> =
            self.entries.iter().map(|(path, entry)| (path.clone(), entry.position)).collect();
        for (SortedPath(elements), position) in paths {
            for length in 1..elements.len() {
                let parent = SortedPath(elements.iter().take(length).cloned().collect());
                let name = parent.0.join("/");
                let directory =
                    self.entries.entry(parent).or_insert_with(|| entry(Node::Directory, 0o755, position));
                if !matches!(directory.node, Node::Directory) {
                    let reason =
                        format!("/{} lies below /{name}, which is not a directory", elements.join("/"));
                    return Err(Error::Value { position, key: "path".to_owned(), reason });
                }
                if directory.owner.lets_others_write(directory.mode) {
                    let reason = format!(
                        "/{} lies below /{name}, where somebody other than root may put a link in its place before an upgrade; let the \
                         program make it, or `tmpfiles`",
                        elements.join("/")
                    );
                    return Err(Error::Value { position, key: "path".to_owned(), reason });
                }
            }
        }
        Ok(())
    }

    pub(crate) fn get(&self, target: &Target) -> Option<&Entry> {
        self.entries.get(&SortedPath::of(target))
    }

    /// Returns all paths, without a `/` at their start, each directory before what is in it.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (String, &Entry)> {
        self.entries.iter().map(|(path, entry)| (path.0.join("/"), entry))
    }
}

fn in_package_already<T>(named: &At<T>, target: &Target, known: &Entry) -> Error {
    named.error(format!("/{} is in the package already, by {}", target.as_str(), known.position))
}

/// An entry of root that is not a configuration file.
fn entry(node: Node, mode: u32, position: Position) -> Entry {
    Entry { node, mode, owner: Ownership::root(), is_conffile: false, position }
}
