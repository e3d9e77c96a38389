//! Whether dpkg can unpack the entries of a data archive one after the other.

use super::package::FileEntry;
use super::tar::EntryKind;
use crate::control::{BinaryControl, Fields as _};
use crate::error::Quoted;
use crate::relation::Relations;
use std::collections::HashSet;
use std::fmt;

/// Why dpkg cannot unpack a package, though each entry of its data archive is sound.
///
/// dpkg unpacks the entries in their order, symbolic links last, and makes no directory that has no entry. Most builders
/// write one for each directory. Where one is missing, dpkg only succeeds if the system has the directory: those that
/// nearly every Debian system has are known here, and a directory may be that of a package in `Depends` or `Pre-Depends` unless that is a
/// library.
///
/// ```
/// # use deb_parse::{Architecture, PackageName, Version, deb};
/// # let bytes = deb::Builder::new(PackageName::parse("hello")?, Version::parse("1.0")?, Architecture::parse("all")?)
/// #     .file("opt/hello/x", "x", 0o644).build()?;
/// assert_eq!(deb::read(&bytes[..], &deb::Options::default())?.unpack_problem, None);
/// # Ok::<(), deb_parse::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UnpackProblem {
    /// The archive has no entry for the directory before the first entry in it.
    MissingDirectory {
        /// Path of the entry.
        path: Vec<u8>,
        /// Path of the directory.
        directory: Vec<u8>,
    },
    /// The archive has no file before the hard link to it.
    MissingLinkTarget {
        /// Path of the link.
        path: Vec<u8>,
        /// Path of the file.
        target: Vec<u8>,
    },
}

impl fmt::Display for UnpackProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MissingDirectory { path, directory } => {
                let (path, directory) = (Quoted::new(path), Quoted::new(directory));
                write!(
                    f,
                    "{path}: dpkg cannot unpack it, because the archive has no entry for the directory {directory}"
                )
            }
            Self::MissingLinkTarget { path, target } => {
                let (path, target) = (Quoted::new(path), Quoted::new(target));
                write!(
                    f,
                    "{path}: dpkg cannot unpack it, because the file {target} that it links to does not come before it"
                )
            }
        }
    }
}

/// Finds the first entry that dpkg cannot unpack.
pub(super) fn find_problem(files: &[FileEntry], control: &BinaryControl) -> Option<UnpackProblem> {
    let has_links = files.iter().any(|file| file.kind == EntryKind::HardLink);
    let mut directories: HashSet<&[u8]> = HashSet::new();
    let mut others: HashSet<&[u8]> = HashSet::new();
    let mut last_parent: &[u8] = b"";
    for file in files {
        let parent = parent(&file.path);
        if file.kind != EntryKind::Symlink && parent != last_parent {
            if !has_directory(&directories, parent) && !may_be_of_another(control) {
                return Some(missing(file, parent));
            }
            last_parent = parent;
        }
        match file.kind {
            EntryKind::Directory => {
                directories.insert(&file.path);
            }
            EntryKind::HardLink if !others.contains(file.target.as_slice()) => {
                let (path, target) = (file.path.clone(), file.target.clone());
                return Some(UnpackProblem::MissingLinkTarget { path, target });
            }
            EntryKind::Symlink => {}
            _ if has_links => {
                others.insert(&file.path);
            }
            _ => {}
        }
    }
    let links = files.iter().filter(|file| file.kind == EntryKind::Symlink);
    let in_none =
        links.map(|link| (link, parent(&link.path))).find(|(_, at)| !has_directory(&directories, at));
    in_none.filter(|_| !may_be_of_another(control)).map(|(link, parent)| missing(link, parent))
}

fn missing(file: &FileEntry, directory: &[u8]) -> UnpackProblem {
    UnpackProblem::MissingDirectory { path: file.path.clone(), directory: directory.to_vec() }
}

fn parent(path: &[u8]) -> &[u8] {
    memchr::memrchr(b'/', path).and_then(|at| path.get(..at)).unwrap_or_default()
}

fn has_directory(directories: &HashSet<&[u8]>, path: &[u8]) -> bool {
    path.is_empty() || directories.contains(path) || is_everywhere(path)
}

/// Returns whether a missing directory may be that of a package that this one needs.
fn may_be_of_another(control: &BinaryControl) -> bool {
    let fields = [control.pre_depends(), control.depends()];
    let mut relations = fields.iter().flatten().flat_map(Relations::all).flatten();
    relations.any(|relation| !relation.name.starts_with("lib"))
}

/// Returns whether nearly every Debian system has this directory.
fn is_everywhere(path: &[u8]) -> bool {
    let Ok(path) = std::str::from_utf8(path) else { return false };
    // Since /usr was merged, these are links to what is there.
    let merged =
        ["bin", "lib", "sbin"].into_iter().any(|top| path == top || path.starts_with(&format!("{top}/")));
    let path = if merged { format!("usr/{path}") } else { path.to_owned() };
    let elements: Vec<&str> = path.split('/').collect();
    let is_section = |element: &str| element.strip_prefix("man").is_some_and(|n| n.len() == 1);
    let is_listed = EVERYWHERE.split_ascii_whitespace().any(|directory| directory == path);
    is_listed
        || match elements.as_slice() {
            ["usr", "share", "icons", "hicolor", ..] => true,
            ["usr", "lib", triplet] => triplet.contains("-linux-gnu"),
            ["usr", "share", "man", section] if is_section(section) => true,
            ["usr", "share", "man", _]
            | ["usr", "share", "locale", _]
            | ["usr", "share", "locale", _, "LC_MESSAGES"] => true,
            ["usr", "share", "man", _, section] => is_section(section),
            _ => false,
        }
}

/// The directories of packages that are essential or on nearly every system, from Debian 11 on. A few that only some systems have
/// are among them: a package is refused for what is surely missing.
const EVERYWHERE: &str = "
    boot dev etc etc/alternatives etc/apt etc/apt/apt.conf.d etc/apt/auth.conf.d etc/apt/preferences.d
    etc/apt/sources.list.d etc/apt/trusted.gpg.d etc/cron.d etc/cron.daily etc/cron.hourly etc/cron.monthly
    etc/cron.weekly etc/default etc/dpkg etc/dpkg/dpkg.cfg.d etc/dpkg/origins etc/init.d etc/kernel
    etc/kernel/postinst.d etc/ld.so.conf.d etc/logrotate.d etc/network etc/pam.d etc/profile.d etc/rc0.d
    etc/rc1.d etc/rc2.d etc/rc3.d etc/rc4.d etc/rc5.d etc/rc6.d etc/rcS.d etc/security etc/selinux etc/skel
    etc/sudoers.d etc/sysctl.d etc/systemd etc/systemd/system etc/systemd/user etc/terminfo etc/update-motd.d
    etc/xdg home lib64 media mnt opt proc root run srv sys tmp usr usr/bin usr/games usr/include usr/lib usr/lib/apt
    usr/lib/apt/methods usr/lib/init usr/lib/locale usr/lib/lsb usr/lib/lsb/init-functions.d usr/lib/mime
    usr/lib/mime/packages usr/lib/modprobe.d usr/lib/modules usr/lib/sysctl.d usr/lib/systemd
    usr/lib/systemd/system usr/lib/systemd/user usr/lib/sysusers.d usr/lib/terminfo usr/lib/tmpfiles.d
    usr/lib/udev usr/lib/udev/rules.d usr/lib64 usr/libexec usr/local usr/local/bin usr/local/etc
    usr/local/games usr/local/include usr/local/lib usr/local/man usr/local/sbin usr/local/share usr/local/src
    usr/sbin usr/share usr/share/applications usr/share/bash-completion usr/share/bash-completion/completions
    usr/share/bug usr/share/common-licenses usr/share/debconf usr/share/dict usr/share/doc usr/share/doc-base
    usr/share/fish usr/share/fish/completions usr/share/gdb usr/share/gdb/auto-load usr/share/icons
    usr/share/info usr/share/keyrings usr/share/lintian usr/share/lintian/overrides usr/share/locale
    usr/share/man usr/share/menu usr/share/metainfo usr/share/misc usr/share/pam-configs usr/share/perl5 usr/share/pixmaps
    usr/share/polkit-1 usr/share/polkit-1/actions usr/share/tabset usr/share/terminfo usr/share/zoneinfo
    usr/share/zsh usr/share/zsh/vendor-completions usr/src var var/backups var/cache var/cache/apt
    var/cache/debconf var/lib var/lib/apt var/lib/dpkg var/lib/misc var/lib/pam var/lib/systemd var/local
    var/lock var/log var/log/apt var/mail var/opt var/run var/spool var/spool/cron var/tmp
";
