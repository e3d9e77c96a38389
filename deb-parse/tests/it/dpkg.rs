//! dpkg as the judge. Tests that need it say so and end where it is not installed.

use std::process::{Command, Output};

/// Runs a program; nothing if it is not installed.
pub(crate) fn run(program: &str, arguments: &[&str]) -> Option<Output> {
    match Command::new(program).args(arguments).env("LC_ALL", "C").output() {
        Ok(output) => Some(output),
        Err(_) => {
            eprintln!("skipped: {program} is not installed");
            None
        }
    }
}

/// What dpkg reads out of a package file.
#[derive(Debug, PartialEq)]
pub(crate) struct Reading {
    pub(crate) fields: [String; 3],
    pub(crate) scripts: Vec<String>,
    pub(crate) files: Vec<String>,
}

/// Reads with `dpkg-deb`. `None` where it is not installed, `Err` if it refuses.
pub(crate) fn dpkg_deb(bytes: &[u8]) -> Option<Result<Reading, String>> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("probe.deb");
    std::fs::write(&path, bytes).unwrap();
    let path = path.to_str().unwrap();
    let target = directory.path().join("control");
    let mut texts = Vec::new();
    for arguments in [
        &["-f", path, "Package"][..],
        &["-f", path, "Version"],
        &["-f", path, "Architecture"],
        &["-e", path, target.to_str().unwrap()],
        &["-I", path],
        &["--fsys-tarfile", path],
    ] {
        let output = run("dpkg-deb", arguments)?;
        if !output.status.success() {
            return Some(Err(String::from_utf8_lossy(&output.stderr).into_owned()));
        }
        texts.push(output.stdout);
    }
    let field = |at: usize| String::from_utf8_lossy(&texts[at]).trim_end_matches('\n').to_owned();
    let mut scripts: Vec<String> = std::fs::read_dir(target)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    scripts.sort();
    Some(Ok(Reading { fields: [field(0), field(1), field(2)], scripts, files: list(&texts[5]) }))
}

/// Names in a tar archive, by GNU tar.
fn list(tar: &[u8]) -> Vec<String> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("data.tar");
    std::fs::write(&path, tar).unwrap();
    let output = run("tar", &["-tf", path.to_str().unwrap(), "--quoting-style=literal"]).unwrap();
    assert!(output.status.success(), "tar: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
}

/// What dpkg unpacked.
pub(crate) struct Root {
    pub(crate) directory: tempfile::TempDir,
    /// What dpkg wrote into its database.
    pub(crate) status: String,
}

/// Unpacks into a root of its own with `dpkg --unpack`. `None` where dpkg is not installed or we are not root.
pub(crate) fn unpack(bytes: &[u8]) -> Option<Result<Root, String>> {
    unpack_beside(bytes, &[])
}

/// The same in a root that has these directories.
pub(crate) fn unpack_beside(bytes: &[u8], directories: &[&str]) -> Option<Result<Root, String>> {
    if run("id", &["-u"]).is_none_or(|output| output.stdout != b"0\n") {
        eprintln!("skipped: dpkg --unpack needs root");
        return None;
    }
    let root = tempfile::tempdir().unwrap();
    let database = root.path().join("var/lib/dpkg");
    for directory in ["info", "updates"] {
        std::fs::create_dir_all(database.join(directory)).unwrap();
    }
    for directory in directories {
        std::fs::create_dir_all(root.path().join(directory)).unwrap();
    }
    for file in ["status", "available"] {
        std::fs::write(database.join(file), "").unwrap();
    }
    let path = root.path().join("probe.deb");
    std::fs::write(&path, bytes).unwrap();
    let rooted = format!("--root={}", root.path().display());
    let output = run(
        "dpkg",
        &[&rooted, "--force-script-chrootless", "--force-depends", "--unpack", path.to_str().unwrap()],
    )?;
    let status = String::from_utf8_lossy(&std::fs::read(database.join("status")).unwrap()).into_owned();
    Some(if output.status.success() {
        Ok(Root { directory: root, status })
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    })
}
