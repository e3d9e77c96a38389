//! Debian versions (Policy 5.6.12, deb-version(7)): `[epoch:]upstream[-revision]`, and dpkg's order of them.

mod sort;

pub use sort::sort_by;

use crate::error::Error;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

const MAX_LEN: usize = 200;

/// A version, borrowed from text.
///
/// `Eq` and `Ord` are dpkg's order, not that of the text: `1.0`, `1.0-0` and `0:1.00` are equal.
///
/// ```
/// use deb_parse::VersionRef;
/// assert_eq!(VersionRef::parse("1.0")?, VersionRef::parse("0:1.00-0")?);
/// # Ok::<(), deb_parse::Error>(())
/// ```
#[derive(Clone, Copy)]
pub struct VersionRef<'a> {
    text: &'a str,
    epoch: u32,
    upstream: &'a str,
    revision: Option<&'a str>,
}

impl<'a> VersionRef<'a> {
    /// Checks `text` against the grammar of Policy 5.6.12; it may be at most 200 bytes long.
    ///
    /// ```
    /// use deb_parse::VersionRef;
    /// let version = VersionRef::parse("2:1.4~rc1-3+b1")?;
    /// assert_eq!((version.epoch(), version.upstream(), version.revision()), (2, "1.4~rc1", Some("3+b1")));
    /// assert!(version < VersionRef::parse("2:1.4-1")?);
    /// # Ok::<(), deb_parse::Error>(())
    /// ```
    pub fn parse(text: &'a str) -> Result<Self, Error> {
        Self::check(text).map_err(|rule| Error::value("version", text, rule))
    }

    pub(crate) fn check(text: &'a str) -> Result<Self, &'static str> {
        if text.len() > MAX_LEN {
            return Err("must not be longer than 200 bytes");
        }
        let (epoch, rest) = match text.split_once(':') {
            None => (0, text),
            Some((epoch, rest)) => {
                if epoch.is_empty() || !epoch.bytes().all(|c| c.is_ascii_digit()) {
                    return Err("the epoch before `:` must be a number (Policy 5.6.12)");
                }
                let epoch = epoch.parse::<i32>().map_err(|_| "the epoch must not exceed 2147483647")?;
                (epoch.unsigned_abs(), rest)
            }
        };
        let (upstream, revision) = match rest.rsplit_once('-') {
            None => (rest, None),
            Some((upstream, revision)) => (upstream, Some(revision)),
        };
        if !upstream.starts_with(|c: char| c.is_ascii_digit()) {
            return Err("the upstream version must start with a digit (Policy 5.6.12)");
        }
        if !upstream.bytes().all(|c| c.is_ascii_alphanumeric() || b".+-~".contains(&c)) {
            return Err("the upstream version must be letters, digits and `.+-~` (Policy 5.6.12)");
        }
        if let Some(revision) = revision {
            if revision.is_empty() {
                return Err("the revision after `-` must not be empty (Policy 5.6.12)");
            }
            if !revision.bytes().all(|c| c.is_ascii_alphanumeric() || b".+~".contains(&c)) {
                return Err("the revision must be letters, digits and `.+~` (Policy 5.6.12)");
            }
        }
        Ok(Self { text, epoch, upstream, revision })
    }

    /// Takes any text for a version, as comparing does.
    pub(crate) fn unchecked(text: &'a str) -> Self {
        split(text)
    }

    /// The version as written.
    pub fn as_str(&self) -> &'a str {
        self.text
    }

    /// The epoch; 0 if none is written.
    pub fn epoch(&self) -> u32 {
        self.epoch
    }

    /// The upstream version.
    pub fn upstream(&self) -> &'a str {
        self.upstream
    }

    /// The revision, if one is written.
    pub fn revision(&self) -> Option<&'a str> {
        self.revision
    }

    /// Gives bytes whose plain order is that of the versions: a key for a store that sorts by bytes. To sort in memory,
    /// [`sort_by`] is faster.
    ///
    /// ```
    /// use deb_parse::VersionRef;
    /// assert!(VersionRef::parse("1.0~rc1")?.sort_key() < VersionRef::parse("1.0")?.sort_key());
    /// assert_eq!(VersionRef::parse("1.0")?.sort_key(), VersionRef::parse("0:1.00-0")?.sort_key());
    /// # Ok::<(), deb_parse::Error>(())
    /// ```
    pub fn sort_key(&self) -> Vec<u8> {
        // Enough for most.
        let mut key = Vec::with_capacity(2 * self.text.len() + 16);
        key.extend(self.epoch.to_be_bytes());
        for part in [self.upstream, self.revision.unwrap_or_default()] {
            push_key(part.as_bytes(), &mut key);
        }
        key
    }

    /// Makes an owned copy.
    pub fn to_version(&self) -> Version {
        Version(self.text.into())
    }
}

impl Ord for VersionRef<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        let revision = |v: &Self| v.revision.unwrap_or_default().as_bytes();
        self.epoch
            .cmp(&other.epoch)
            .then_with(|| compare_part(self.upstream.as_bytes(), other.upstream.as_bytes()))
            .then_with(|| compare_part(revision(self), revision(other)))
    }
}

impl PartialOrd for VersionRef<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for VersionRef<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for VersionRef<'_> {}

impl Hash for VersionRef<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.epoch.hash(state);
        for part in [self.upstream, self.revision.unwrap_or_default()] {
            hash_part(part.as_bytes(), state);
        }
    }
}

impl fmt::Display for VersionRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.text)
    }
}

impl fmt::Debug for VersionRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VersionRef({})", self.text)
    }
}

/// A version that owns its text; see [`VersionRef`].
///
/// ```
/// use deb_parse::Version;
/// assert_eq!(Version::parse("1.0")?, Version::parse("0:1.0-0")?);
/// assert!(Version::parse("1.0~beta")? < Version::parse("1.0")?);
/// assert!(Version::parse("../1").is_err());
/// # Ok::<(), deb_parse::Error>(())
/// ```
#[derive(Clone)]
pub struct Version(Box<str>);

impl Version {
    /// Checks `text` as [`VersionRef::parse`] does and takes a copy of it.
    pub fn parse(text: &str) -> Result<Self, Error> {
        Ok(VersionRef::parse(text)?.to_version())
    }

    /// The version as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The parts, borrowed.
    pub fn parts(&self) -> VersionRef<'_> {
        split(&self.0)
    }

    /// Gives bytes whose plain order is that of the versions; see [`VersionRef::sort_key`].
    pub fn sort_key(&self) -> Vec<u8> {
        self.parts().sort_key()
    }

    /// The epoch; 0 if none is written.
    pub fn epoch(&self) -> u32 {
        self.parts().epoch
    }

    /// The upstream version.
    pub fn upstream(&self) -> &str {
        self.parts().upstream
    }

    /// The revision, if one is written.
    pub fn revision(&self) -> Option<&str> {
        self.parts().revision
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        compare(&self.0, &other.0)
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Version {}

impl Hash for Version {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.parts().hash(state);
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Version({})", self.0)
    }
}

impl AsRef<str> for Version {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl FromStr for Version {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse(text)
    }
}

/// Compares two versions in dpkg's order, straight from their text, without allocating.
///
/// The texts are taken as they are: what is no valid version still has its place in one total order.
///
/// ```
/// use std::cmp::Ordering;
/// assert_eq!(deb_parse::version::compare("1.10-1", "1.9-2"), Ordering::Greater);
/// assert_eq!(deb_parse::version::compare("1.0", "0:1.0-0"), Ordering::Equal);
/// ```
pub fn compare(a: &str, b: &str) -> Ordering {
    if a == b {
        return Ordering::Equal;
    }
    split(a).cmp(&split(b))
}

/// Takes `text` apart without checking it.
fn split(text: &str) -> VersionRef<'_> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (epoch, start) = match text.as_bytes().get(digits) {
        // Any epoch that is too large comes after all that are not: the order must be total for any text.
        Some(b':') => {
            (text.get(..digits).and_then(|epoch| epoch.parse().ok()).unwrap_or(u32::MAX), digits + 1)
        }
        _ => (0, 0),
    };
    let rest = text.get(start..).unwrap_or_default();
    match rest.as_bytes().iter().rposition(|c| *c == b'-') {
        None => VersionRef { text, epoch, upstream: rest, revision: None },
        Some(at) => VersionRef {
            text,
            epoch,
            upstream: rest.get(..at).unwrap_or_default(),
            revision: rest.get(at + 1..),
        },
    }
}

/// Weight of a character in the parts that are no digits: `~` before the end, the end before letters, letters before
/// everything else.
fn weight(c: Option<&u8>) -> i32 {
    match c {
        Some(b'~') => -1,
        None | Some(b'0'..=b'9') => 0,
        Some(c) if c.is_ascii_alphabetic() => i32::from(*c),
        Some(c) => i32::from(*c) + 256,
    }
}

/// Compares two upstream versions or two revisions: runs of other characters and of digits, by turns.
fn compare_part(a: &[u8], b: &[u8]) -> Ordering {
    let (mut a, mut b) = skip_common(a, b);
    loop {
        while a.first().is_some_and(|c| !c.is_ascii_digit()) || b.first().is_some_and(|c| !c.is_ascii_digit())
        {
            let order = weight(a.first()).cmp(&weight(b.first()));
            if order != Ordering::Equal {
                return order;
            }
            a = a.get(1..).unwrap_or_default();
            b = b.get(1..).unwrap_or_default();
        }
        let (number_a, number_b);
        (number_a, a) = split_number(a);
        (number_b, b) = split_number(b);
        let order = number_a.len().cmp(&number_b.len()).then_with(|| number_a.cmp(number_b));
        if order != Ordering::Equal || a.is_empty() && b.is_empty() {
            return order;
        }
    }
}

/// Takes off what both start with, short of the digits of a number that may go on.
fn skip_common<'a>(a: &'a [u8], b: &'a [u8]) -> (&'a [u8], &'a [u8]) {
    let common = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let digits = a.get(..common).unwrap_or_default().iter().rev().take_while(|c| c.is_ascii_digit()).count();
    let from = common - digits;
    (a.get(from..).unwrap_or_default(), b.get(from..).unwrap_or_default())
}

/// Splits off the digits that `part` starts with, without leading zeros.
fn split_number(mut part: &[u8]) -> (&[u8], &[u8]) {
    while let Some((b'0', rest)) = part.split_first() {
        part = rest;
    }
    let digits = part.iter().position(|c| !c.is_ascii_digit()).unwrap_or(part.len());
    part.split_at(digits)
}

/// Feeds `part` to `state` so that parts that compare as equal feed the same.
fn hash_part<H: Hasher>(mut part: &[u8], state: &mut H) {
    while !part.is_empty() {
        let other = part.iter().position(u8::is_ascii_digit).unwrap_or(part.len());
        let (text, rest) = part.split_at(other);
        let number;
        (number, part) = split_number(rest);
        // `0` compares as equal to nothing at all, and so must not be felt.
        if !text.is_empty() || !number.is_empty() {
            text.hash(state);
            number.hash(state);
        }
    }
    state.write_u8(0xff);
}

/// Appends a part's sort key. Every character but a digit is preceded by its class, every number by its length:
///
/// ```text
/// ~ 1 | end of the letters, or of the part 2 | letter 3 c | other character 4 c | digits of a number (base 255), number
/// ```
fn push_key(mut part: &[u8], key: &mut Vec<u8>) {
    loop {
        let other = part.iter().position(u8::is_ascii_digit).unwrap_or(part.len());
        let (text, rest) = part.split_at(other);
        for c in text {
            match c {
                b'~' => key.push(1),
                c if c.is_ascii_alphabetic() => key.extend([3, *c]),
                c => key.extend([4, *c]),
            }
        }
        key.push(2);
        let number;
        (number, part) = split_number(rest);
        // At most 200 bytes in a version; longer ones only where text was not checked.
        let mut length = number.len();
        while length >= 255 {
            key.push(255);
            length -= 255;
        }
        key.push(u8::try_from(length).unwrap_or(255));
        key.extend_from_slice(number);
        if part.is_empty() {
            // Where this part ends another one can only go on with a character, of class 1, 3 or 4.
            key.push(2);
            return;
        }
    }
}
