use std::collections::BTreeMap;
use std::fmt::Write as _;

use deb_parse::{SuiteName, deb822};
use jiff::Timestamp;

use crate::context::Context;
use crate::model::approval::Approved;
use crate::model::gate_rule::{GateOverride, GateRule};
use crate::model::id::{CommitId, HoldsId, SnapshotId};
use crate::model::name::RepositoryName;
use crate::model::objects::Objects;
use crate::model::operation::Operation;
use crate::storage::StorageError;

/// A state of one repository: one snapshot for each suite, who made it when and how, and the state before it.
///
/// ```text
/// Parent: <commit id>          (absent in the first)
/// Sequence: 12
/// Date: 2026-11-21T02:40:00Z
/// Actor: alice
/// Operation: add hello 2.10-3 amd64
/// Holds: <id>                  (absent when nothing is held)
/// Gates: max_size approvals    (absent when no gate was asked, and in what earlier versions wrote)
/// Override: minimum_age: why   (absent when every gate was met)
/// Approved:                    (absent when no gate asked for approvals)
///  <when and by whom> <packages>
/// Together:                    (absent when only this repository was changed)
///  stable <commit before, or ->
/// Suites:
///  bookworm <snapshot id>
/// Signature:                   (absent when it is not signed)
///  <a line of the signature>
/// ```
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct Commit {
    /// The state before; `None` in the state in which a repository starts.
    pub parent: Option<CommitId>,
    /// 0 for the state in which every repository starts, then one more for each commit. Commits are ordered by this, never
    /// by time: clocks jump.
    pub sequence: u64,
    /// When it was made.
    pub date: Timestamp,
    /// Who made it.
    pub actor: String,
    /// What was done.
    pub operation: Operation,
    /// What was taken out and is to stay out; `None` when there is nothing.
    pub holds: Option<HoldsId>,
    /// The rules of gates that everything promoted or released met, in their order. Empty when none was asked, when nothing was promoted, and
    /// in commits of earlier versions.
    pub gates_met: Vec<GateRule>,
    /// The rules of gates that did not count, and why; `None` when all were met.
    pub gate_override: Option<GateOverride>,
    /// Who had approved what came in, where a gate asked for that.
    pub approved: Vec<Approved>,
    /// The repositories that were changed as a whole, this one among them, each with its state before. Empty when only this one was.
    pub together: BTreeMap<RepositoryName, Option<CommitId>>,
    /// The content of each suite.
    pub suites: BTreeMap<SuiteName, SnapshotId>,
    /// A signature over the [signed text](Self::signed_text) by who made it, in lines; `None` when it is not signed.
    pub signature: Option<String>,
}

impl Commit {
    /// The state in which every repository starts, so that the first change can be undone like any other.
    pub(crate) fn root(context: &Context) -> Self {
        Self {
            parent: None,
            sequence: 0,
            date: context.now,
            actor: context.actor.clone(),
            operation: Operation::Create,
            holds: None,
            gates_met: Vec::new(),
            gate_override: None,
            approved: Vec::new(),
            together: BTreeMap::new(),
            suites: BTreeMap::new(),
            signature: None,
        }
    }

    /// Returns what is signed: the name of the repository, so that a commit means nothing in another one, and all but the signature.
    #[must_use]
    pub fn signed_text(&self, repository: &RepositoryName) -> String {
        format!("Repository: {repository}\n{}", self.to_unsigned_text())
    }

    /// Signs the commit, if the actor has a key.
    pub(crate) fn sign(
        &mut self,
        repository: &RepositoryName,
        context: &Context,
    ) -> Result<(), apt_sign::Error> {
        let Some(signer) = &context.signer else { return Ok(()) };
        let signature = signer.sign(self.signed_text(repository).as_bytes(), self.date)?;
        self.signature = Some(signature.trim_end().to_owned());
        Ok(())
    }

    pub(crate) fn write(&self, objects: &Objects<'_>) -> Result<CommitId, StorageError> {
        let text = self.to_text();
        let id = CommitId::of(text.as_bytes());
        objects.write(&id, text.as_bytes())?;
        Ok(id)
    }

    pub(crate) fn read(objects: &Objects<'_>, id: CommitId) -> Result<Self, StorageError> {
        let text = objects.read(&id)?;
        Self::parse(&text).ok_or_else(|| StorageError::damaged(CommitId::KIND, &id, "it is malformed"))
    }

    pub(crate) fn to_text(&self) -> String {
        let mut text = self.to_unsigned_text();
        if let Some(signature) = &self.signature {
            text.push_str("Signature:\n");
            for line in signature.lines() {
                // An empty line would end the paragraph.
                let _ = writeln!(text, " {}", if line.is_empty() { "." } else { line });
            }
        }
        text
    }

    fn to_unsigned_text(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        if let Some(parent) = &self.parent {
            let _ = writeln!(text, "Parent: {parent}");
        }
        let Self { sequence, date, .. } = self;
        let (actor, operation) = (one_line(&self.actor), one_line(&self.operation.to_string()));
        let _ = writeln!(text, "Sequence: {sequence}\nDate: {date}\nActor: {actor}\nOperation: {operation}");
        if let Some(holds) = &self.holds {
            let _ = writeln!(text, "Holds: {holds}");
        }
        if !self.gates_met.is_empty() {
            let rules: Vec<&str> = self.gates_met.iter().map(|rule| rule.as_str()).collect();
            let _ = writeln!(text, "Gates: {}", rules.join(" "));
        }
        if let Some(gate_override) = &self.gate_override {
            let _ = writeln!(text, "Override: {gate_override}");
        }
        if !self.approved.is_empty() {
            text.push_str("Approved:\n");
        }
        for approved in &self.approved {
            let _ = writeln!(text, " {}", approved.to_line());
        }
        if !self.together.is_empty() {
            text.push_str("Together:\n");
        }
        for (repository, before) in &self.together {
            let before = before.map_or_else(|| "-".to_owned(), |before| before.to_string());
            let _ = writeln!(text, " {repository} {before}");
        }
        if !self.suites.is_empty() {
            text.push_str("Suites:\n");
        }
        for (suite, snapshot) in &self.suites {
            let _ = writeln!(text, " {suite} {snapshot}");
        }
        text
    }

    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        let paragraph = deb822::paragraphs(text).next()?;
        let lines = |field: &str| {
            let lines = paragraph.get_str(field).unwrap_or_default().lines().map(str::trim_start);
            lines.filter(|line| !line.is_empty())
        };
        let pairs = |field: &str| lines(field).map(|line| line.split_once(' '));
        let suites = pairs("Suites").map(|pair| {
            let (suite, snapshot) = pair?;
            Some((SuiteName::parse(suite).ok()?, snapshot.parse().ok()?))
        });
        let together = pairs("Together").map(|pair| {
            let (repository, before) = pair?;
            let before = if before == "-" { None } else { Some(before.parse().ok()?) };
            Some((RepositoryName::parse(repository).ok()?, before))
        });
        Some(Self {
            parent: paragraph.get_str("Parent").map(str::parse).transpose().ok()?,
            sequence: paragraph.get_str("Sequence")?.parse().ok()?,
            date: paragraph.get_str("Date")?.parse().ok()?,
            actor: paragraph.get_str("Actor")?.to_owned(),
            operation: Operation::parse(paragraph.get_str("Operation")?),
            holds: paragraph.get_str("Holds").map(str::parse).transpose().ok()?,
            // A rule that a later version brings is passed over.
            gates_met: paragraph
                .get_str("Gates")
                .unwrap_or_default()
                .split_ascii_whitespace()
                .filter_map(GateRule::from_name)
                .collect(),
            gate_override: paragraph.get_str("Override").and_then(GateOverride::parse),
            approved: lines("Approved").map(Approved::parse).collect::<Option<_>>()?,
            together: together.collect::<Option<_>>()?,
            suites: suites.collect::<Option<_>>()?,
            signature: paragraph.get_str("Signature").map(signature),
        })
    }
}

/// The lines of a signature, as they were before they were a field.
fn signature(field: &str) -> String {
    let lines = field.lines().map(str::trim).skip_while(|line| line.is_empty());
    lines.map(|line| if line == "." { "" } else { line }).collect::<Vec<_>>().join("\n")
}

/// Free text as one line that cannot break the paragraph or a terminal; long text is cut.
pub(crate) fn one_line(text: &str) -> String {
    let clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(1000).collect();
    let clean = clean.trim();
    if clean.is_empty() { "unknown".to_owned() } else { clean.to_owned() }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;

    #[test]
    fn a_commit_reads_back_as_it_was_written() {
        let mut commit = Commit {
            parent: None,
            sequence: 1,
            date: "2026-03-01T07:08:09Z".parse().unwrap(),
            actor: "alice".to_owned(),
            operation: Operation::Other("init".to_owned()),
            holds: None,
            gates_met: Vec::new(),
            gate_override: None,
            approved: Vec::new(),
            together: BTreeMap::new(),
            suites: BTreeMap::new(),
            signature: None,
        };
        assert_eq!(Commit::parse(commit.to_text().as_bytes()).unwrap(), commit);
        commit.parent = Some(CommitId::of(b"x"));
        commit.holds = Some(HoldsId::of(b"z"));
        commit.gates_met = vec![GateRule::Approvals, GateRule::Together];
        commit.gate_override =
            Some(GateOverride::new([GateRule::MaxSize, GateRule::MinimumAge], "urgent: yes\nSuites: x"));
        let line = "2026-03-01T07:00:00Z user 1000\tann\thello 1.0, lib 2.0";
        commit.approved = vec![Approved::parse(line).unwrap()];
        commit.suites.insert(SuiteName::parse("bookworm").unwrap(), SnapshotId::of(b"y"));
        assert_eq!(Commit::parse(commit.to_text().as_bytes()).unwrap(), commit);
        let mut whole = commit.clone();
        let repository = |name| RepositoryName::parse(name).unwrap();
        whole.together =
            BTreeMap::from([(repository("oldstable"), None), (repository("stable"), commit.parent)]);
        assert_eq!(Commit::parse(whole.to_text().as_bytes()).unwrap(), whole);
        let mut signed = commit.clone();
        signed.signature = Some("-----BEGIN-----\n\nabc=\n-----END-----".to_owned());
        assert_eq!(Commit::parse(signed.to_text().as_bytes()).unwrap(), signed);
        let prod = repository("prod");
        assert_eq!(signed.signed_text(&prod), commit.signed_text(&prod));
        assert_ne!(signed.signed_text(&prod), signed.signed_text(&repository("beta")));
        assert_snapshot!(commit.to_text().replace('\t', " | "), @"
        Parent: 3ae7d805f6789a6402acb70ad4096a85a56bf6804eaf25c0493ac697548d30b5
        Sequence: 1
        Date: 2026-03-01T07:08:09Z
        Actor: alice
        Operation: init
        Holds: 1104908ab930e671002c7cd7f3fc921570b1bf64ecfa12fe363585c630eaca6b
        Gates: approvals together
        Override: minimum_age max_size: urgent: yes Suites: x
        Approved:
         2026-03-01T07:00:00Z user 1000 | ann | hello 1.0, lib 2.0
        Suites:
         bookworm 08112a9e334ce73042b531c25668cf5cb12a1ee040a4326afeac065461079a06
        ");
    }

    #[test]
    fn free_text_cannot_add_fields() {
        let commit = Commit {
            parent: None,
            sequence: 1,
            date: Timestamp::UNIX_EPOCH,
            actor: "eve\nSuites:\n x y".to_owned(),
            operation: Operation::Other("\u{1b}[2J\n\n".to_owned()),
            holds: None,
            gates_met: Vec::new(),
            gate_override: None,
            approved: Vec::new(),
            together: BTreeMap::new(),
            suites: BTreeMap::new(),
            signature: None,
        };
        let read = Commit::parse(commit.to_text().as_bytes()).unwrap();
        assert_eq!(read.suites, BTreeMap::new());
        assert_eq!(read.operation, Operation::Other("[2J".to_owned()));
    }
}
