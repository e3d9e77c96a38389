//! Who approved a version, as a value.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;

use crate::model::commit::one_line;
use crate::model::id::BlobId;
use crate::model::name::HolderName;
use crate::model::record::RecordKey;

/// By what the system or the interface for programs knows somebody who approves. Two approvers are different when they differ in this.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ApproverId {
    /// A user of the system, by the number.
    User(u32),
    /// The holder of a token.
    Token(HolderName),
}

impl ApproverId {
    /// Reads what [`Display`](fmt::Display) writes; `None` for any other text.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text.split_once(' ')? {
            ("user", number) => Some(Self::User(number.parse().ok()?)),
            ("token", holder) => Some(Self::Token(HolderName::parse(holder).ok()?)),
            _ => None,
        }
    }
}

impl fmt::Display for ApproverId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(number) => write!(f, "user {number}"),
            Self::Token(holder) => write!(f, "token {holder}"),
        }
    }
}

/// Somebody who approves.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct Approver {
    /// By what the approver is known.
    pub id: ApproverId,
    /// The name at that time, for people: the login name, or the holder of the token.
    pub name: String,
}

impl Approver {
    /// A user of the system, with the number and the login name.
    #[must_use]
    pub fn user(number: u32, name: &str) -> Self {
        Self { id: ApproverId::User(number), name: one_line(name) }
    }

    /// The holder of a token.
    #[must_use]
    pub fn token(holder: HolderName) -> Self {
        Self { name: holder.to_string(), id: ApproverId::Token(holder) }
    }
}

impl fmt::Display for Approver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.id {
            ApproverId::User(_) => f.write_str(&self.name),
            id @ ApproverId::Token(_) => id.fmt(f),
        }
    }
}

/// Somebody's approval of one package file, or of one source package.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct Approval {
    /// Who approved.
    pub approver: Approver,
    /// When.
    pub time: Timestamp,
    /// The version.
    pub key: RecordKey,
    /// The content that was approved: another one of the same version is not.
    pub blob: BlobId,
}

/// What one approver approved at one time of what a commit brought in. The commit keeps it.
///
/// ```text
/// <time> <approver> TAB <name> TAB <package> <version>, …
/// ```
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct Approved {
    /// Who approved.
    pub approver: Approver,
    /// When.
    pub time: Timestamp,
    /// The packages with their versions: `hello 2.10-3`.
    pub packages: Vec<String>,
}

impl Approved {
    /// Puts approvals together by approver and time.
    pub(crate) fn of<'a>(approvals: impl IntoIterator<Item = &'a Approval>) -> Vec<Self> {
        let mut found: BTreeMap<(Timestamp, &ApproverId), Self> = BTreeMap::new();
        for Approval { approver, time, key, .. } in approvals {
            let new = || Self { approver: approver.clone(), time: *time, packages: Vec::new() };
            let one = found.entry((*time, &approver.id)).or_insert_with(new);
            one.packages.push(format!("{} {}", key.package, key.version));
        }
        let sorted = |mut one: Self| {
            one.packages.sort_unstable();
            one.packages.dedup();
            one
        };
        found.into_values().map(sorted).collect()
    }

    /// Returns the line of it in a commit.
    pub(crate) fn to_line(&self) -> String {
        let Self { approver: Approver { id, name }, time, packages } = self;
        format!("{time} {id}\t{name}\t{}", packages.join(", "))
    }

    /// Reads such a line; `None` when it is not one.
    pub(crate) fn parse(line: &str) -> Option<Self> {
        let mut parts = line.splitn(3, '\t');
        let (time, id) = parts.next()?.split_once(' ')?;
        let (time, id) = (time.parse().ok()?, ApproverId::parse(id)?);
        let approver = Approver { id, name: parts.next()?.to_owned() };
        Some(Self { approver, time, packages: parts.next()?.split(", ").map(str::to_owned).collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_approved_is_put_together_and_read_back() {
        let approval = |approver: &Approver, second, key: &str| Approval {
            approver: approver.clone(),
            time: Timestamp::from_second(second).unwrap(),
            key: RecordKey::parse(key).unwrap(),
            blob: BlobId::of(key.as_bytes()),
        };
        let (ann, ci) = (Approver::user(1000, "ann\tb"), Approver::token(HolderName::parse("ci").unwrap()));
        let approved = Approved::of(&[
            approval(&ann, 1, "lib 1.0 amd64"),
            approval(&ann, 1, "hello 2.0 amd64"),
            approval(&ann, 1, "hello 2.0 arm64"),
            approval(&ci, 2, "hello 2.0 amd64"),
        ]);
        let lines: Vec<String> = approved.iter().map(Approved::to_line).collect();
        insta::assert_snapshot!(lines.join("\n").replace('\t', " | "), @"
        1970-01-01T00:00:01Z user 1000 | ann b | hello 2.0, lib 1.0
        1970-01-01T00:00:02Z token ci | ci | hello 2.0
        ");
        let read: Option<Vec<Approved>> = lines.iter().map(|line| Approved::parse(line)).collect();
        assert_eq!(read.unwrap(), approved);
        for bad in
            ["", "now user 1\ta\tb 1", "1970-01-01T00:00:01Z user x\ta\tb 1", "1970-01-01T00:00:01Z user 1"]
        {
            assert_eq!(Approved::parse(bad), None, "{bad}");
        }
    }
}
