//! Where files go on a machine.

use deb_parse::FilePath;

/// A path below the root of a machine, without a `/` at its start or end; empty for the root itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Target(String);

/// Directories in which a package has no business, and why.
const FORBIDDEN: [(&str, &str); 12] = [
    ("bin", "write /usr/bin: /bin is a link to it"),
    ("sbin", "write /usr/sbin: /sbin is a link to it"),
    ("lib", "write /usr/lib: /lib is a link to it"),
    ("lib64", "write /usr/lib64: /lib64 is a link to it"),
    ("usr/local", "/usr/local belongs to the administrator (Policy 9.1.2)"),
    ("home", "/home belongs to the users"),
    ("root", "/root belongs to the administrator"),
    ("tmp", "/tmp is emptied when a machine starts; use tmpfiles"),
    ("run", "/run is emptied when a machine starts (Policy 9.1.4); use tmpfiles"),
    ("var/run", "/var/run is emptied when a machine starts (Policy 9.1.4); use tmpfiles"),
    ("proc", "/proc belongs to the kernel"),
    ("sys", "/sys belongs to the kernel"),
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
        let is_below = |forbidden: &str| {
            path.strip_prefix(forbidden).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        match FORBIDDEN.iter().find(|(forbidden, _)| is_below(forbidden)) {
            Some((_, reason)) => Err((*reason).to_owned()),
            None => Ok((Self(path.to_owned()), is_directory)),
        }
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
            "/usr/local/bin/x",
            "/run/acme",
            "/lib/systemd/system/a.service",
            "/a\nb",
        ] {
            assert!(Target::parse(bad).is_err(), "{bad}");
        }
    }
}
