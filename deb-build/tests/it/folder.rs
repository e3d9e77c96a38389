//! A folder to build from.

use std::fs;
use std::io::Cursor;
use std::os::unix::fs::PermissionsExt as _;

use camino::{Utf8Path, Utf8PathBuf};
use deb_build::{Changelog, Error, Plan, Release, Spec};
use tempfile::TempDir;

/// What every description begins with.
pub(crate) const HEAD: &str = "\
name = \"acme\"
version = \"1.0\"
maintainer = \"Acme Operations <ops@acme.example>\"
summary = \"does what Acme needs\"
description = \"It does all of it.\"
";

pub(crate) const COPYRIGHT: &str = "\n[copyright]\nlicense = \"MIT\"\nholder = \"2026 Acme Ltd\"\n";

pub(crate) struct Folder {
    directory: TempDir,
}

impl Folder {
    /// A folder with these files; a path that begins with `+` may be run.
    pub(crate) fn new(files: &[(&str, &str)]) -> Self {
        let folder = Self { directory: tempfile::tempdir().unwrap() };
        for (path, content) in files {
            let (path, mode) = path.strip_prefix('+').map_or((*path, 0o644), |path| (path, 0o755));
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, content).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        }
        folder
    }

    pub(crate) fn path(&self) -> Utf8PathBuf {
        Utf8Path::from_path(self.directory.path()).unwrap().to_owned()
    }

    pub(crate) fn plan(&self, rest: &str) -> Result<Plan, Error> {
        let spec = Spec::parse(&format!("{HEAD}{rest}"))?;
        let changelog = Changelog::of_items(["First version.".to_owned()]);
        let release = Release::new("1.0-1".parse().unwrap(), 1_700_000_000).changelog(changelog);
        Plan::new(&spec, &self.path(), &release)
    }

    pub(crate) fn build(&self, rest: &str) -> Vec<u8> {
        let plan = self.plan(rest).unwrap_or_else(|error| panic!("{error}"));
        plan.write_to(Cursor::new(Vec::new())).unwrap().into_inner()
    }
}
