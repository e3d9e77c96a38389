//! What the built program tells of itself, and what it needs.

use std::collections::BTreeMap;
use std::process::Command;

use camino::Utf8Path;

use crate::Error;

/// The built program with what it writes about itself.
pub(crate) struct Program {
    /// The program, without symbols for debugging.
    pub(crate) bytes: Vec<u8>,
    /// Debian's name of the architecture it was built for.
    pub(crate) architecture: String,
    /// The packages with the libraries that it needs.
    pub(crate) depends: String,
    /// Its manual pages by file name.
    pub(crate) manual: BTreeMap<String, Vec<u8>>,
    /// Completions for shells, by the name of the shell.
    pub(crate) completions: BTreeMap<&'static str, Vec<u8>>,
}

/// The shells that are completed for.
pub(crate) const SHELLS: [&str; 3] = ["bash", "fish", "zsh"];

impl Program {
    pub(crate) fn new(path: &Utf8Path) -> Result<Self, Error> {
        let directory = tempfile::tempdir().map_err(Error::io("make", "a temporary directory"))?;
        let Some(inside) = Utf8Path::from_path(directory.path()) else {
            let output = format!("{} is not UTF-8", directory.path().display());
            return Err(Error::Command { command: "the name of the temporary directory".to_owned(), output });
        };
        Self::read(path, inside)
    }

    /// `directory` is empty.
    fn read(path: &Utf8Path, directory: &Utf8Path) -> Result<Self, Error> {
        let path = path.canonicalize_utf8().map_err(Error::io("find", path))?;
        let stripped = directory.join("repo-cli");
        output(Command::new("strip").args(["--strip-all", "-o", stripped.as_str(), path.as_str()]))?;
        let bytes = std::fs::read(&stripped).map_err(Error::io("read", &stripped))?;
        let architecture = text(&output(Command::new("dpkg").arg("--print-architecture"))?);

        // dpkg-shlibdeps wants to see the sources of a package.
        let control = directory.join("debian/control");
        let write =
            |path: &Utf8Path, text: &str| std::fs::write(path, text).map_err(Error::io("write", path));
        std::fs::create_dir(directory.join("debian")).map_err(Error::io("make", directory))?;
        write(&control, "Source: repo-cli\n\nPackage: repo-cli\nArchitecture: any\n")?;
        let depends =
            output(Command::new("dpkg-shlibdeps").current_dir(directory).args(["-O", stripped.as_str()]))?;
        let depends = text(&depends);
        let depends = depends.strip_prefix("shlibs:Depends=").unwrap_or_default().to_owned();

        let pages = directory.join("manual");
        output(Command::new(&path).args(["manual", pages.as_str()]))?;
        let mut manual = BTreeMap::new();
        for page in pages.read_dir_utf8().map_err(Error::io("list", &pages))? {
            let page = page.map_err(Error::io("list", &pages))?;
            let bytes = std::fs::read(page.path()).map_err(Error::io("read", page.path()))?;
            manual.insert(page.file_name().to_owned(), bytes);
        }
        let mut completions = BTreeMap::new();
        for shell in SHELLS {
            completions.insert(shell, output(Command::new(&path).args(["completions", shell]))?);
        }
        Ok(Self { bytes, architecture, depends, manual, completions })
    }
}

/// Runs a command to its end and returns what it printed.
fn output(command: &mut Command) -> Result<Vec<u8>, Error> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command
        .output()
        .map_err(|error| Error::Command { command: name.clone(), output: error.to_string() })?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(Error::Command { command: name, output: format!("{said} ({})", output.status) })
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim().to_owned()
}
