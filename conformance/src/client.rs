//! The machine's apt as a client of a suite, in directories of its own.

use camino::Utf8Path;
use testkit::{Apt, Environment, Output};

use crate::case::{Checked, Shortfall, ensure, miss};
use crate::desk::tail;
use crate::manager::{Feature, Layout};
use crate::published::Published;

/// A client of one suite.
pub(crate) struct Client<'e> {
    pub(crate) apt: Apt<'e>,
}

impl<'e> Client<'e> {
    /// Makes a client with a source entry for every component of a suite.
    pub(crate) fn new(
        environment: &'e Environment,
        name: &str,
        url: &str,
        suite: &Published,
        keyring: &Utf8Path,
        layout: &Layout,
    ) -> Checked<Self> {
        // A case may be given the same directory again, with a world that is new.
        let path = environment.path(name);
        if path.exists() {
            std::fs::remove_dir_all(path)?;
        }
        let Some(apt) = Apt::new(environment, name) else {
            return Err(Shortfall::Skipped("apt is not installed".to_owned()));
        };
        let types = if layout.has(Feature::Sources) { "deb deb-src" } else { "deb" };
        apt.source(
            "suite",
            &format!(
                "Types: {types}\nURIs: {url}\nSuites: {}\nComponents: {}\nArchitectures: {}\nSigned-By: {keyring}\n",
                suite.distribution,
                layout.components.join(" "),
                layout.architectures().join(" "),
            ),
        );
        Ok(Self { apt })
    }

    /// Updates. Any warning is a miss.
    pub(crate) fn update(&self) -> Checked {
        self.update_with(&[])
    }

    /// The same with more options.
    pub(crate) fn update_with(&self, options: &[&str]) -> Checked {
        let mut arguments = vec!["update", "-o", "APT::Update::Error-Mode=any"];
        arguments.extend(options);
        let output = self.apt.get(&arguments);
        let complaint = output
            .text()
            .lines()
            .find(|line| line.starts_with("W:") || line.starts_with("E:"))
            .map(str::to_owned);
        match complaint {
            None if output.status == Some(0) => Ok(()),
            complaint => miss!("apt-get update: {}", complaint.unwrap_or_else(|| tail(&output.text()))),
        }
    }

    /// Returns the version that would be installed, or nothing.
    pub(crate) fn candidate(&self, package: &str) -> Option<String> {
        self.apt.candidate(package)
    }

    /// Checks which version would be installed.
    pub(crate) fn sees(&self, package: &str, version: &str) -> Checked {
        let candidate = self.candidate(package);
        ensure!(
            candidate.as_deref() == Some(version),
            "apt would install {package} {}; it should be {version}",
            candidate.as_deref().unwrap_or("in no version")
        );
        Ok(())
    }

    /// Fetches packages, checked by apt.
    pub(crate) fn download(&self, packages: &[&str]) -> Checked {
        let mut arguments = vec!["download"];
        arguments.extend(packages);
        let output = self.apt.get(&arguments);
        ensure!(output.status == Some(0), "apt-get download {}: {}", packages.join(" "), complaint(&output));
        Ok(())
    }
}

/// Returns the first error that apt printed.
pub(crate) fn complaint(output: &Output) -> String {
    let text = output.text();
    text.lines().find(|line| line.starts_with("E:")).map_or_else(|| tail(&text), str::to_owned)
}
