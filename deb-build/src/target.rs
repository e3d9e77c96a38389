//! Where files go on a machine.

use deb_parse::FilePath;

/// A path below the root of a machine, without a `/` at its start or end; empty for the root itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Target(String);

/// Directories in which a package has no business, and why.
const FORBIDDEN: [(&str, &str); 31] = [
    ("bin", "write /usr/bin: /bin is a link to it"),
    ("sbin", "write /usr/sbin: /sbin is a link to it"),
    ("lib", "write /usr/lib: /lib is a link to it"),
    ("lib32", "write /usr/lib32: /lib32 is a link to it"),
    ("lib64", "write /usr/lib64: /lib64 is a link to it"),
    ("libx32", "write /usr/libx32: /libx32 is a link to it"),
    ("usr/local", "/usr/local belongs to the administrator (Policy 9.1.2)"),
    ("home", "/home belongs to the users"),
    ("root", "/root belongs to the administrator"),
    ("tmp", "/tmp is emptied when a machine starts; use tmpfiles"),
    ("run", "/run is emptied when a machine starts (Policy 9.1.4); use tmpfiles"),
    ("var/run", "/var/run is emptied when a machine starts (Policy 9.1.4); use tmpfiles"),
    ("var/lock", "/var/lock is emptied when a machine starts (Policy 9.1.4); use tmpfiles"),
    ("var/tmp", "/var/tmp is for files of a short life; use tmpfiles"),
    ("var/lib/dpkg", "/var/lib/dpkg is the database of dpkg"),
    ("etc/alternatives", "/etc/alternatives is the database of update-alternatives; use [[alternative]]"),
    ("var/lib/apt", "/var/lib/apt is the database of apt"),
    ("var/cache/apt", "/var/cache/apt belongs to apt"),
    ("var/cache/debconf", "/var/cache/debconf is the database of debconf"),
    ("var/lib/repo-cli/store", "/var/lib/repo-cli/store is written by repo-cli alone"),
    ("var/lib/repo-cli/keys", "/var/lib/repo-cli/keys has the secret keys of repo-cli"),
    ("etc/passwd", "/etc/passwd is the database of users; use sysusers"),
    ("etc/shadow", "/etc/shadow is the database of users; use sysusers"),
    ("etc/group", "/etc/group is the database of users; use sysusers"),
    ("etc/gshadow", "/etc/gshadow is the database of users; use sysusers"),
    ("media", "/media belongs to the administrator"),
    ("mnt", "/mnt belongs to the administrator"),
    ("dev", "/dev belongs to the kernel"),
    ("proc", "/proc belongs to the kernel"),
    ("sys", "/sys belongs to the kernel"),
    (
        "DEBIAN",
        "DEBIAN is what dpkg-deb reads control files from; use [scripts] and the keys of the description",
    ),
];

/// Directories from which root, or everybody, reads what is there; with everything below them.
const SHARED_BELOW: [&str; 28] = [
    "boot",
    "etc/apparmor.d",
    "etc/apt",
    "etc/cron.d",
    "etc/cron.daily",
    "etc/cron.hourly",
    "etc/cron.monthly",
    "etc/cron.weekly",
    "etc/dbus-1",
    "etc/default",
    "etc/dpkg",
    "etc/init.d",
    "etc/ld.so.conf.d",
    "etc/logrotate.d",
    "etc/pam.d",
    "etc/polkit-1",
    "etc/profile.d",
    "etc/security",
    "etc/ssh",
    "etc/sudoers.d",
    "etc/sysctl.d",
    "etc/systemd",
    "etc/udev",
    "usr/bin",
    "usr/lib/systemd",
    "usr/lib/udev",
    "usr/sbin",
    "var/spool/cron",
];

/// Directories that many packages put something into.
const SHARED: [&str; 25] = [
    "etc/apache2",
    "etc/modprobe.d",
    "etc/modules-load.d",
    "etc/network",
    "etc/nginx",
    "etc/php",
    "etc/rsyslog.d",
    "etc/skel",
    "etc/ssl",
    "etc/sysusers.d",
    "etc/tmpfiles.d",
    "etc/xdg",
    "usr/lib/python3",
    "usr/lib/sysusers.d",
    "usr/lib/tmpfiles.d",
    "usr/share/applications",
    "usr/share/bash-completion",
    "usr/share/doc",
    "usr/share/icons",
    "usr/share/keyrings",
    "usr/share/lintian",
    "usr/share/man",
    "usr/share/perl5",
    "var/lib/systemd",
    "var/www/html",
];

impl Target {
    /// Reads an absolute path. The second value says whether it ends with a `/`.
    pub(crate) fn parse(text: &str) -> Result<(Self, bool), String> {
        let Some(path) = text.strip_prefix('/') else {
            return Err("must begin with `/`: it is a path of the machine".to_owned());
        };
        let is_directory = path.is_empty() || path.ends_with('/');
        let path = path.strip_suffix('/').unwrap_or(path);
        if !path.is_empty() {
            FilePath::parse(path)
                .map_err(|_| "must be elements that are neither empty nor `.` nor `..`".to_owned())?;
        }
        let target = Self(path.to_owned());
        match target.forbidden() {
            Some(reason) => Err(reason.to_owned()),
            None => Ok((target, is_directory)),
        }
    }

    /// Returns why a package has no business here, if it has none.
    pub(crate) fn forbidden(&self) -> Option<&'static str> {
        let found = FORBIDDEN.iter().find(|(forbidden, _)| self.is_at_or_below(forbidden));
        found.map(|(_, reason)| *reason)
    }

    /// Returns whether it is a directory that packages share, so that none of them may say whose it is.
    pub(crate) fn is_shared(&self) -> bool {
        let mut elements = self.0.split('/');
        let first = (elements.next(), elements.next(), elements.next());
        let is_hierarchy = matches!(first, (_, None, _) | (Some("usr" | "var"), Some(_), None));
        is_hierarchy
            || SHARED.contains(&self.as_str())
            || SHARED_BELOW.iter().any(|shared| self.is_at_or_below(shared))
    }

    /// A path that this crate chooses.
    pub(crate) fn known(path: impl Into<String>) -> Self {
        Self(path.into())
    }

    /// Returns the path without a `/` at its start.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn join(&self, below: &str) -> Self {
        if self.0.is_empty() { Self(below.to_owned()) } else { Self(format!("{}/{below}", self.0)) }
    }

    /// Returns whether it lies below a directory, which is written without a `/` at its start.
    pub(crate) fn is_below(&self, directory: &str) -> bool {
        self.0.strip_prefix(directory).is_some_and(|rest| rest.starts_with('/'))
    }

    fn is_at_or_below(&self, directory: &str) -> bool {
        self.0 == directory || self.is_below(directory)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_stay_where_policy_lets_them() {
        for good in ["/usr/bin/a", "/etc/a/", "/", "/opt/acme", "/usr/localities", "/var/lib/acme"] {
            assert!(Target::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "usr/bin",
            "/usr/../etc",
            "/a//b",
            "/bin/sh",
            "/var/lib/dpkg/info/acme.postinst",
            "/var/lib/apt/extended_states",
            "/etc/alternatives/editor",
            "/etc/shadow",
            "/usr/local/bin/x",
            "/run/acme",
            "/lib/systemd/system/a.service",
            "/a\nb",
            "/DEBIAN/postinst",
        ] {
            assert!(Target::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_directory_of_a_package_is_told_from_those_that_packages_share() {
        for own in ["etc/acme", "var/lib/acme", "srv/acme", "opt/acme", "var/www/shop", "usr/share/acme"] {
            assert!(!Target::known(own).is_shared(), "{own}");
        }
        for shared in
            ["etc", "etc/cron.d", "etc/systemd/system", "var/lib", "srv", "usr/share/doc", "usr/bin/x"]
        {
            assert!(Target::known(shared).is_shared(), "{shared}");
        }
    }
}
