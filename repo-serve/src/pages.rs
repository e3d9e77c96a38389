//! What a person reads at `/` and at the root of a repository: plain text, made of names that the configuration has checked.

use std::fmt::Write as _;

/// What is told of a repository at its root.
#[derive(Clone, Debug)]
pub struct Page {
    /// The address of the repository, or its path when no address is configured.
    pub address: String,
    /// The names of its suites.
    pub suites: Vec<String>,
    /// The architectures that any suite has.
    pub architectures: Vec<String>,
}

impl Page {
    /// Returns the text.
    pub(super) fn text(&self, name: &str) -> String {
        let Self { address, suites, architectures } = self;
        format!(
            "{name}: an APT repository\n\n\
             Suites:        {}\n\
             Architectures: {}\n\
             Public keys:   {address}/key.asc\n               {address}/key.gpg\n\n\
             To set up a machine, run this where the repository is managed, and paste what it prints into a root shell\n\
             of the machine:\n\n    repo-cli client-config {name}\n",
            suites.join(" "),
            architectures.join(" "),
        )
    }
}

/// Returns the text of the list of repositories.
pub(super) fn list(names: &[&str]) -> String {
    if names.is_empty() {
        return "You may not read any repository here.\n".to_owned();
    }
    let mut text = "APT repositories:\n\n".to_owned();
    for name in names {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "    /{name}/");
    }
    text
}
