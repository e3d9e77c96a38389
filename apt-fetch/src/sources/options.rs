//! The options of a source.

use super::SyntaxError;

/// A list that a source sets, or to which it adds and from which it takes away.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListOption {
    /// What counts instead of the usual values, if it was set.
    pub set: Option<Vec<String>>,
    /// What is added.
    pub add: Vec<String>,
    /// What is taken away.
    pub remove: Vec<String>,
}

impl ListOption {
    /// Returns the values that count, where `usual` do without the option.
    #[must_use]
    pub fn of(&self, usual: &[&str]) -> Vec<String> {
        let usual = || usual.iter().map(|value| (*value).to_owned()).collect();
        let mut values: Vec<String> = self.set.clone().unwrap_or_else(usual);
        values.extend(self.add.iter().cloned());
        values.retain(|value| !self.remove.contains(value));
        values
    }
}

/// Whether indices are asked for by their digests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ByHash {
    /// Never.
    Never,
    /// If the Release offers it.
    #[default]
    IfOffered,
    /// Always.
    Force,
}

/// Whose signatures count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignedBy {
    /// Those of the keys in these files, and of the keys of these fingerprints, in any order.
    Names(Vec<String>),
    /// Those of this key, armored.
    Key(String),
}

/// What a source says of itself besides its address: the names are those of `sources.list(5)`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// `Architectures`, `arch`.
    pub architectures: ListOption,
    /// `Languages`, `lang`.
    pub languages: ListOption,
    /// `Targets`, `target`.
    pub targets: ListOption,
    /// `Signed-By`.
    pub signed_by: Option<SignedBy>,
    /// `Trusted`: what it says is taken without a signature, or not even with one.
    pub trusted: Option<bool>,
    /// `By-Hash`.
    pub by_hash: Option<ByHash>,
    /// `PDiffs`.
    pub pdiffs: Option<bool>,
    /// `Allow-Insecure`.
    pub allow_insecure: Option<bool>,
    /// `Allow-Weak`.
    pub allow_weak: Option<bool>,
    /// `Allow-Downgrade-To-Insecure`.
    pub allow_downgrade_to_insecure: Option<bool>,
    /// `Check-Valid-Until`.
    pub check_valid_until: Option<bool>,
    /// `Valid-Until-Min`, in seconds.
    pub valid_until_min: Option<u64>,
    /// `Valid-Until-Max`, in seconds.
    pub valid_until_max: Option<u64>,
    /// `Check-Date`.
    pub check_date: Option<bool>,
    /// `Date-Max-Future`, in seconds.
    pub date_max_future: Option<u64>,
    /// `InRelease-Path`, relative to the directory of the suite.
    pub inrelease_path: Option<String>,
    /// `Snapshot`.
    pub snapshot: Option<String>,
}

impl Options {
    /// Sets the option of that name; `text` is all of its `values` as they stand there.
    pub(super) fn set(
        &mut self,
        line: u64,
        name: &str,
        values: &[&str],
        text: &str,
    ) -> Result<(), SyntaxError> {
        let fault = |rule| SyntaxError::new(line, rule).showing(name);
        let yes = || is_yes(text).ok_or_else(|| fault("this option must be `yes` or `no`")).map(Some);
        let seconds =
            || text.parse().ok().ok_or_else(|| fault("this option must be a number of seconds")).map(Some);
        let name = name.to_ascii_lowercase();
        let (list, change) = split_change(&name);
        match list {
            "architectures" | "arch" => change.apply(&mut self.architectures, values),
            "languages" | "lang" => change.apply(&mut self.languages, values),
            "targets" | "target" => change.apply(&mut self.targets, values),
            _ if change != Change::Set => return Err(fault("only lists can be added to")),
            "signed-by" => self.signed_by = Some(signed_by(values, text)),
            "trusted" => self.trusted = yes()?,
            "by-hash" if text == "force" => self.by_hash = Some(ByHash::Force),
            "by-hash" => self.by_hash = yes()?.map(|yes| if yes { ByHash::IfOffered } else { ByHash::Never }),
            "pdiffs" => self.pdiffs = yes()?,
            "allow-insecure" => self.allow_insecure = yes()?,
            "allow-weak" => self.allow_weak = yes()?,
            "allow-downgrade-to-insecure" => self.allow_downgrade_to_insecure = yes()?,
            "check-valid-until" => self.check_valid_until = yes()?,
            "valid-until-min" => self.valid_until_min = seconds()?,
            "valid-until-max" => self.valid_until_max = seconds()?,
            "check-date" => self.check_date = yes()?,
            "date-max-future" => self.date_max_future = seconds()?,
            "inrelease-path" => {
                let is_inside = apt_index::RelPath::parse(text).is_ok();
                self.inrelease_path = Some(text.to_owned())
                    .filter(|_| is_inside)
                    .ok_or_else(|| fault("this path must stay inside the suite"))
                    .map(Some)?;
            }
            "snapshot" => self.snapshot = Some(text.to_owned()),
            _ => return Err(fault("this option is not known")),
        }
        Ok(())
    }
}

/// What happens to a list.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Change {
    Set,
    Add,
    Remove,
}

impl Change {
    fn apply(self, list: &mut ListOption, values: &[&str]) {
        let values = values.iter().map(|value| (*value).to_owned());
        match self {
            Self::Set => list.set = Some(values.collect()),
            Self::Add => list.add.extend(values),
            Self::Remove => list.remove.extend(values),
        }
    }
}

/// Takes `+` and `-` (in a line) and `-add` and `-remove` (in a paragraph) off the name of a list.
fn split_change(name: &str) -> (&str, Change) {
    for (ending, change) in
        [("-add", Change::Add), ("-remove", Change::Remove), ("+", Change::Add), ("-", Change::Remove)]
    {
        if let Some(name) = name.strip_suffix(ending) {
            return (name, change);
        }
    }
    (name, Change::Set)
}

fn is_yes(text: &str) -> Option<bool> {
    match text {
        "yes" | "true" | "with" | "on" | "enable" | "1" => Some(true),
        "no" | "false" | "without" | "off" | "disable" | "0" => Some(false),
        _ => None,
    }
}

fn signed_by(values: &[&str], text: &str) -> SignedBy {
    if !text.trim_ascii_start().starts_with("-----BEGIN PGP PUBLIC KEY BLOCK-----") {
        return SignedBy::Names(values.iter().map(|value| (*value).to_owned()).collect());
    }
    let lines = text.trim_ascii_start().lines().map(|line| match line.trim_ascii() {
        "." => "",
        line => line,
    });
    SignedBy::Key(lines.flat_map(|line| [line, "\n"]).collect())
}
