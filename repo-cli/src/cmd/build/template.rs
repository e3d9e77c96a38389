//! `build new`: a folder to begin with, for each kind of package.

use std::fs;
use std::os::unix::fs::OpenOptionsExt as _;
use std::process::Command;

use camino::Utf8PathBuf;
use clap::ValueEnum;
use deb_parse::PackageName;
use serde::Serialize;
use std::io::Write as _;

use super::failure::BuildFailure;
use crate::clock;
use crate::error::{Failure, Outcome};
use crate::json_value::JsonDocument;
use crate::output::Output;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct NewArguments {
    /// What kind of package it is
    template: Template,
    /// The name of the package
    #[arg(value_parser = PackageName::parse)]
    name: PackageName,
    /// The new directory [default: the name of the package]
    #[arg(long, value_name = "DIR")]
    directory: Option<Utf8PathBuf>,
}

/// A kind of package.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Template {
    /// A service that systemd runs, with a user of its own
    Service,
    /// Pages for a web server
    StaticSite,
    /// Configuration files
    Configuration,
    /// A package that only depends on others
    Metapackage,
    /// The public key of a repository, with the lines for apt
    Keyring,
    /// A web application in PHP
    Php,
    /// An application in Python, with the modules that it needs
    Python,
    /// An application for Node.js, with its node_modules
    Node,
    /// A program in Go
    Go,
    /// A program in Rust
    Rust,
}

/// A file of a template: its path, its text, and whether it may be run.
type TemplateFile = (&'static str, &'static str, bool);

macro_rules! file {
    ($path:literal, $source:literal) => {
        ($path, include_str!(concat!("templates/", $source)), false)
    };
    (run $path:literal, $source:literal) => {
        ($path, include_str!(concat!("templates/", $source)), true)
    };
}

impl Template {
    fn files(self) -> &'static [TemplateFile] {
        match self {
            Self::Service => &[
                file!("build.toml", "service.toml"),
                file!("NAME.service", "service.unit"),
                file!("NAME.sysusers", "service.sysusers"),
                file!("NAME.conf", "service.conf"),
                file!(run "NAME", "service.program"),
            ],
            Self::StaticSite => &[
                file!("build.toml", "static-site.toml"),
                file!("site/index.html", "index.html"),
                file!("nginx.conf", "static-site.nginx"),
            ],
            Self::Configuration => &[
                file!("build.toml", "configuration.toml"),
                file!("etc/NAME/NAME.conf", "configuration.conf"),
            ],
            Self::Metapackage => &[file!("build.toml", "metapackage.toml")],
            Self::Keyring => &[file!("build.toml", "keyring.toml"), file!("NAME.sources", "keyring.sources")],
            Self::Php => &[
                file!("build.toml", "php.toml"),
                file!("public/index.php", "index.php"),
                file!("config.php", "config.php"),
                file!("nginx.conf", "php.nginx"),
            ],
            Self::Python => &[
                file!("build.toml", "python.toml"),
                file!("app/__main__.py", "main.py"),
                file!(run "NAME", "python.program"),
                file!("NAME.1", "manual.1"),
            ],
            Self::Node => &[
                file!("build.toml", "node.toml"),
                file!("package.json", "package.json"),
                file!(run "main.js", "main.js"),
                file!("NAME.1", "manual.1"),
            ],
            Self::Go => &[file!("build.toml", "go.toml"), file!("NAME.1", "manual.1")],
            Self::Rust => &[file!("build.toml", "rust.toml"), file!("NAME.1", "manual.1")],
        }
    }

    /// What is to be done before it can be built.
    fn next(self) -> &'static str {
        match self {
            Self::Keyring => {
                "put the key into NAME.gpg, for example with repo-cli key export --binary > NAME.gpg"
            }
            Self::Go => "build the program: CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o NAME",
            Self::Rust => "build the program: cargo build --release, with strip = true in [profile.release]",
            Self::Python => "put the modules that it needs below vendor: pip install --target vendor MODULE",
            Self::Node => "put the modules that it needs below node_modules: npm ci --omit=dev",
            _ => "look at build.toml, and put your files in place",
        }
    }
}

/// The document of `build new`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct BuildNewJson<'a> {
    /// The new directory
    directory: &'a str,
    /// The files in it
    files: &'a [String],
}

impl JsonDocument for BuildNewJson<'_> {}

pub(super) fn run(arguments: &NewArguments, output: &Output) -> Result<Outcome, Failure> {
    let NewArguments { template, name, directory } = arguments;
    let directory = directory.clone().unwrap_or_else(|| Utf8PathBuf::from(name.as_str()));
    match fs::create_dir(&directory) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            return Err(BuildFailure::Exists { directory }.into());
        }
        made => made.map_err(Failure::io("make", &directory))?,
    }
    let now = clock::now();
    let values = [
        ("@MAINTAINER@", maintainer()),
        ("@DATE@", now.strftime("%Y-%m-%d").to_string()),
        ("@YEAR@", now.strftime("%Y").to_string()),
        ("@TITLE@", name.as_str().to_uppercase()),
        ("NAME", name.as_str().to_owned()),
        // The heading of manual pages, which must not be filled in.
        ("@SECTION@", "NAME".to_owned()),
    ];
    let filled =
        |text: &str| values.iter().fold(text.to_owned(), |text, (word, value)| text.replace(word, value));
    let mut files = Vec::new();
    for (path, text, is_executable) in template.files().iter().chain(&[file!("CHANGELOG.md", "changelog.md")])
    {
        let path = filled(path);
        let full = directory.join(&path);
        if let Some(parent) = full.parent() {
            fs::create_dir_all(parent).map_err(Failure::io("make", parent))?;
        }
        let mode = if *is_executable { 0o777 } else { 0o666 };
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(&full)
            .map_err(Failure::io("write", &full))?;
        file.write_all(filled(text).as_bytes()).map_err(Failure::io("write", &full))?;
        files.push(path);
    }
    files.sort();
    output.result(&BuildNewJson { directory: directory.as_str(), files: &files }, || {
        output.say(&format!("made {directory} with {}", files.join(", ")));
        output.say(&filled(template.next()));
        output.say(&format!("then: repo-cli build {directory}"));
    });
    Ok(Outcome::Done)
}

/// The name and address of the maintainer, as Debian's tools and git know them.
fn maintainer() -> String {
    let setting = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let git = |key: &str| {
        let output = Command::new("git").args(["config", "--get", key]).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        Some(text.trim().to_owned()).filter(|text| !text.is_empty())
    };
    let name = setting("DEBFULLNAME").or_else(|| git("user.name"));
    let address = setting("DEBEMAIL").or_else(|| git("user.email"));
    let plain = |text: &String| !text.contains(['<', '>', ',', '"', '\\', '\n']);
    match (name.filter(plain), address.filter(|address| plain(address) && address.contains('@'))) {
        (Some(name), Some(address)) => format!("{name} <{address}>"),
        _ => "Operations <ops@example.org>".to_owned(),
    }
}
