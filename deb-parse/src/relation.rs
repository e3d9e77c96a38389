//! Relationship fields (Policy 7.1): `Depends`, `Build-Depends`, `Provides` and their like.
//!
//! ```text
//! relations    = alternatives *( "," alternatives )
//! alternatives = relation *( "|" relation )
//! relation     = name [ ":" architecture ] [ "(" operator version ")" ]
//!                [ "[" 1*( ["!"] architecture ) "]" ] *( "<" 1*( ["!"] profile ) ">" )
//! ```
//!
//! Blanks and newlines may stand between all parts. Empty alternatives (a comma at the end, say) are passed over, as dpkg
//! does. Like dpkg, the readers take `<` for `<=`, `>` for `>=`, and a version without an operator for `=`.

mod canonical;
mod field;

pub use canonical::canonical;
pub(crate) use canonical::is_plain;
pub use field::field_names;
pub(crate) use field::{FIELDS, Grammar, RelationField};

use crate::LimitKind;
use crate::error::Error;
use crate::limits::Limits;
use crate::version::{Version, VersionRef};
use nom::bytes::complete::{tag, take_while, take_while1};
use nom::character::complete::{char, satisfy};
use nom::combinator::{opt, peek, value};
use nom::sequence::{delimited, preceded};
use nom::{IResult, Parser};
use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

/// As long as the names of packages may be.
const LONGEST_QUALIFIER: usize = 200;

const MAX_NAME: usize = 200;

/// How a version must stand to the one in a relation.
///
/// ```
/// use deb_parse::relation::Operator;
/// use deb_parse::version::compare;
/// assert!(Operator::LaterOrEqual.allows(compare("1.10", "1.9")));
/// assert_eq!(Operator::Earlier.to_string(), "<<");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operator {
    /// `<<`: strictly earlier.
    Earlier,
    /// `<=`: earlier or equal. The obsolete `<` means this too.
    EarlierOrEqual,
    /// `=`: equal.
    Equal,
    /// `>=`: later or equal. The obsolete `>` means this too.
    LaterOrEqual,
    /// `>>`: strictly later.
    Later,
}

impl Operator {
    /// The operator as it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Earlier => "<<",
            Self::EarlierOrEqual => "<=",
            Self::Equal => "=",
            Self::LaterOrEqual => ">=",
            Self::Later => ">>",
        }
    }

    /// Whether a version that compares to the relation's as `order` is allowed.
    pub fn allows(self, order: Ordering) -> bool {
        match self {
            Self::Earlier => order.is_lt(),
            Self::EarlierOrEqual => order.is_le(),
            Self::Equal => order.is_eq(),
            Self::LaterOrEqual => order.is_ge(),
            Self::Later => order.is_gt(),
        }
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One relation, borrowed from the text of a field.
///
/// ```
/// let relation = deb_parse::relation::iter("python3:any (>= 3.11) [amd64 !arm64] <!nocheck>").next().unwrap()?;
/// assert_eq!((relation.name(), relation.qualifier()), ("python3", Some("any")));
/// assert_eq!(relation.architectures().collect::<Vec<_>>(), ["amd64", "!arm64"]);
/// # Ok::<(), deb_parse::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RelationRef<'a> {
    name: &'a str,
    qualifier: Option<&'a str>,
    version: Option<(Operator, VersionRef<'a>)>,
    architectures: Option<&'a str>,
    profiles: &'a str,
    alternative: bool,
}

impl<'a> RelationRef<'a> {
    /// The name of the package.
    pub fn name(&self) -> &'a str {
        self.name
    }

    /// The architecture after the name, such as `any` in `python3:any`.
    pub fn qualifier(&self) -> Option<&'a str> {
        self.qualifier
    }

    /// The demand on the version.
    pub fn version(&self) -> Option<(Operator, VersionRef<'a>)> {
        self.version
    }

    /// The architectures in brackets; each may have `!` before it.
    pub fn architectures(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.architectures.into_iter().flat_map(|list| list.split_ascii_whitespace())
    }

    /// The build profile lists, one for each pair of `<>`, of names that may have `!` before them.
    pub fn profiles(&self) -> impl Iterator<Item = std::str::SplitAsciiWhitespace<'a>> + use<'a> {
        let inner = |list: &'a str| list.split_once('>').map_or(list, |(inner, _)| inner);
        self.profiles.split('<').skip(1).map(move |list| inner(list).split_ascii_whitespace())
    }

    /// Whether this is an alternative to the relation before it (`|`) rather than a new demand (`,`).
    pub fn is_alternative(&self) -> bool {
        self.alternative
    }
}

/// Goes through the relations of a field one by one, without allocating.
///
/// ```
/// let names: Vec<_> = deb_parse::relation::iter("libc6 (>= 2.36), default-mta | mail-transport-agent")
///     .map(|relation| relation.map(|r| (r.name(), r.is_alternative())))
///     .collect::<Result<_, _>>()?;
/// assert_eq!(names, [("libc6", false), ("default-mta", false), ("mail-transport-agent", true)]);
/// # Ok::<(), deb_parse::Error>(())
/// ```
pub fn iter(text: &str) -> Iter<'_> {
    Iter { text, rest: text, expected: Expected::Start, grammar: Grammar::General }
}

/// As [`iter`], for a field that dpkg reads by this grammar.
pub(crate) fn iter_as(text: &str, grammar: Grammar) -> Iter<'_> {
    Iter { text, rest: text, expected: Expected::Start, grammar }
}

/// Returns all that is wrong with the relations of a field, not only the first error: one for each demand, as they stand between commas.
///
/// ```
/// let errors = deb_parse::relation::errors("a (=> 1), b, c (>= 2");
/// let said: Vec<_> = errors.map(|error| error.to_string()).collect();
/// assert_eq!(
///     said,
///     [
///         r#"relation "=>": it is none of the operators `<<`, `<=`, `=`, `>=` and `>>`"#,
///         r#"relation "2": the `)` after a version is missing"#,
///     ]
/// );
/// ```
pub fn errors(text: &str) -> impl Iterator<Item = Error> {
    text.split(',').filter_map(move |rest| {
        let mut one = Iter { text, rest, expected: Expected::Start, grammar: Grammar::General };
        one.find_map(Result::err)
    })
}

/// Iterator over the relations of a field; made by [`iter`]. It ends after the first error.
///
/// ```
/// let names: Result<Vec<_>, _> =
///     deb_parse::relation::iter("a (>= 1) | b, c").map(|one| one.map(|one| one.name())).collect();
/// assert_eq!(names?, ["a", "b", "c"]);
/// # Ok::<(), deb_parse::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Iter<'a> {
    text: &'a str,
    rest: &'a str,
    expected: Expected,
    grammar: Grammar,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    Start,
    AfterComma,
    AfterBar,
    Nothing,
}

impl Iter<'_> {
    fn error(&self, part: &str, rule: &'static str) -> Error {
        Error::part(self.text, "relation", part, rule)
    }
}

impl<'a> Iterator for Iter<'a> {
    type Item = Result<RelationRef<'a>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let expected = std::mem::replace(&mut self.expected, Expected::Nothing);
        let (is_binary, after_bar) = (self.grammar == Grammar::Binary, expected == Expected::AfterBar);
        // Dpkg::Deps passes over a missing alternative at the end, but not before another one.
        let is_missing = after_bar
            && self.grammar == Grammar::Source
            && matches!(blanks(self.rest).as_bytes().first(), None | Some(b','));
        let passes_commas = is_missing || !is_binary && !after_bar;
        let start =
            if passes_commas { self.rest.trim_start_matches(is_separator) } else { blanks(self.rest) };
        if expected == Expected::Nothing || start.is_empty() && (passes_commas || expected == Expected::Start)
        {
            return None;
        }
        let (rest, mut relation) = match relation(start, self.grammar) {
            Ok(read) => read,
            Err((at, rule)) => {
                return Some(Err(self.error(if at.is_empty() { start } else { at }, rule)));
            }
        };
        if is_binary && (relation.architectures.is_some() || !relation.profiles.is_empty()) {
            let rule =
                "a binary package must not restrict its relations to architectures or profiles (Policy 7.1)";
            return Some(Err(self.error(relation.architectures.unwrap_or(relation.profiles), rule)));
        }
        self.expected = match rest.as_bytes().first() {
            None => Expected::Nothing,
            Some(b',') => Expected::AfterComma,
            Some(b'|') => Expected::AfterBar,
            Some(_) => {
                let rule = "a relation must be followed by `,` or `|` (Policy 7.1)";
                return Some(Err(self.error(rest, rule)));
            }
        };
        self.rest = rest.get(1..).unwrap_or_default();
        relation.alternative = after_bar && !is_missing;
        Some(Ok(relation))
    }
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

fn is_separator(c: char) -> bool {
    c == ',' || is_blank(c)
}

fn blanks(text: &str) -> &str {
    text.trim_start_matches(is_blank)
}

type Refused<'a> = (&'a str, &'static str);

/// Reads one relation and the blanks after it; on error, gives the place and the rule.
fn relation(text: &str, grammar: Grammar) -> Result<(&str, RelationRef<'_>), Refused<'_>> {
    let word: IResult<&str, &str> = take_while1(is_name_char).parse(text);
    let (rest, name) = word.map_err(|_| (text, "a relation must start with a package name (Policy 7.1)"))?;
    if !name.starts_with(|c: char| c.is_ascii_alphanumeric()) || name.len() > MAX_NAME {
        return Err((
            text,
            "a package name must start with a letter or digit and have at most 200 characters",
        ));
    }

    let qualifier: IResult<&str, Option<&str>> =
        opt(preceded(char(':'), take_while(is_architecture_char))).parse(rest);
    let (rest, qualifier) = qualifier.map_err(|_| (rest, "unreachable"))?;
    // apt keeps a length in 16 bits, and aborts on a longer word.
    if let Some(long) = qualifier.filter(|name| name.len() > LONGEST_QUALIFIER) {
        return Err((long, "an architecture must not be longer than 200 bytes"));
    }
    if qualifier.is_some_and(|name| !name.starts_with(|c: char| c.is_ascii_alphanumeric())) {
        return Err((rest, "an architecture must follow the `:`"));
    }

    let rest = blanks(rest);
    let (rest, version) = match rest.strip_prefix('(') {
        None => (rest, None),
        Some(inner) => {
            let (rest, version) = constraint(inner, grammar)?;
            (blanks(rest), Some(version))
        }
    };

    let (rest, architectures) = match rest.strip_prefix('[') {
        None => (rest, None),
        Some(inner) => {
            let (list, rest) = inner.split_once(']').ok_or((rest, "the `]` is missing"))?;
            if list.split_ascii_whitespace().next().is_none()
                || !list.split_ascii_whitespace().all(is_restriction)
            {
                return Err((
                    inner,
                    "brackets must hold architectures, each with or without `!` (Policy 7.1)",
                ));
            }
            (blanks(rest), Some(list))
        }
    };

    let mut end = rest;
    while let Some(inner) = end.strip_prefix('<') {
        let (list, rest) =
            inner.split_once('>').ok_or((end, "the `>` of a build profile list is missing"))?;
        let is_profile = |word: &str| is_profile(word, grammar);
        if list.split_ascii_whitespace().next().is_none() || !list.split_ascii_whitespace().all(is_profile) {
            return Err((
                inner,
                "angle brackets must hold build profiles, each with or without `!` (Policy 7.1)",
            ));
        }
        end = blanks(rest);
    }
    let profiles = rest.get(..rest.len() - end.len()).unwrap_or_default();
    Ok((end, RelationRef { name, qualifier, version, architectures, profiles, alternative: false }))
}

/// The names that dpkg takes here, which are more than those that Policy lets a package have.
fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.' | '_')
}

fn is_operator_char(c: char) -> bool {
    matches!(c, '<' | '=' | '>')
}

fn is_architecture_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '-'
}

fn is_restriction(word: &str) -> bool {
    let name = word.strip_prefix('!').unwrap_or(word);
    !name.is_empty() && name.chars().all(is_architecture_char)
}

fn is_profile(word: &str, grammar: Grammar) -> bool {
    let name = word.strip_prefix('!').unwrap_or(word);
    let is_letter = |c: char| match grammar {
        Grammar::Source => c.is_ascii_graphic() && !"<>,|".contains(c),
        Grammar::Binary | Grammar::General => c.is_ascii_alphanumeric() || "+-.".contains(c),
    };
    !name.is_empty() && name.chars().all(is_letter)
}

/// Reads what stands in parentheses, and the closing one.
fn constraint(text: &str, grammar: Grammar) -> Result<(&str, (Operator, VersionRef<'_>)), Refused<'_>> {
    let operator: IResult<&str, Operator> = preceded(
        take_while(is_blank),
        nom::branch::alt((
            value(Operator::Earlier, tag("<<")),
            value(Operator::EarlierOrEqual, tag("<=")),
            value(Operator::EarlierOrEqual, tag("<")),
            value(Operator::LaterOrEqual, tag(">=")),
            value(Operator::Later, tag(">>")),
            value(Operator::LaterOrEqual, tag(">")),
            value(Operator::Equal, tag("=")),
            // dpkg warns of a missing operator and takes the version for an exact one.
            value(Operator::Equal, peek(satisfy(|c| c.is_ascii_digit()))),
        )),
    )
    .parse(text);
    let (rest, operator) =
        operator.map_err(|_| (text, "parentheses must start with `<<`, `<=`, `=`, `>=` or `>>`"))?;
    let version: IResult<&str, &str> =
        delimited(take_while(is_blank), take_while(|c| c != ')' && !is_blank(c)), take_while(is_blank))
            .parse(rest);
    let (after, version) = version.map_err(|_| (rest, "unreachable"))?;
    let version = match VersionRef::check(version) {
        // Dpkg::Deps takes any word there.
        Err(_) if grammar == Grammar::Source && !version.is_empty() && !version.contains([',', '|', '(']) => {
            VersionRef::unchecked(version)
        }
        Err(_) if version.starts_with(is_operator_char) => {
            let operator = blanks(text);
            let end = operator.find(|c| !is_operator_char(c)).unwrap_or(operator.len());
            let rule = "it is none of the operators `<<`, `<=`, `=`, `>=` and `>>`";
            return Err((operator.get(..end).unwrap_or(operator), rule));
        }
        version_or_rule => version_or_rule.map_err(|rule| (version, rule))?,
    };
    let after = after.strip_prefix(')').ok_or((blanks(rest), "the `)` after a version is missing"))?;
    Ok((after, (operator, version)))
}

/// A name in a list of architectures or build profiles, with or without `!`.
///
/// ```
/// use deb_parse::relation::Relations;
/// let relations: Relations = "a [!arm64]".parse()?;
/// let restriction = &relations.all()[0][0].architectures[0];
/// assert_eq!((restriction.name(), restriction.is_negated()), ("arm64", true));
/// # Ok::<(), deb_parse::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Restriction {
    negated: bool,
    name: Box<str>,
}

impl Restriction {
    fn new(word: &str) -> Self {
        let name = word.strip_prefix('!');
        Self { negated: name.is_some(), name: name.unwrap_or(word).into() }
    }

    /// Whether `!` stands before the name.
    pub fn is_negated(&self) -> bool {
        self.negated
    }

    /// The name of the architecture or profile.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for Restriction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.negated { "!" } else { "" }, self.name)
    }
}

/// One relation that owns its text.
///
/// ```
/// use deb_parse::relation::{Operator, Relations};
/// let relations: Relations = "a (= 1.0-1) | b".parse()?;
/// let relation = &relations.all()[0][0];
/// assert_eq!(&*relation.name, "a");
/// assert!(matches!(&relation.version, Some((Operator::Equal, version)) if version.as_str() == "1.0-1"));
/// # Ok::<(), deb_parse::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Relation {
    /// The name of the package. Not every name that dpkg takes in a relation is one that a package can have.
    pub name: Box<str>,
    /// The architecture after the name, such as `any` in `python3:any`.
    pub qualifier: Option<Box<str>>,
    /// The demand on the version.
    pub version: Option<(Operator, Version)>,
    /// The architectures in brackets.
    pub architectures: Vec<Restriction>,
    /// The build profile lists, one for each pair of `<>`.
    pub profiles: Vec<Vec<Restriction>>,
}

impl Relation {
    fn new(relation: &RelationRef<'_>) -> Self {
        Self {
            name: relation.name.into(),
            qualifier: relation.qualifier.map(Into::into),
            version: relation.version.map(|(operator, version)| (operator, version.to_version())),
            architectures: relation.architectures().map(Restriction::new).collect(),
            profiles: relation.profiles().map(|list| list.map(Restriction::new).collect()).collect(),
        }
    }
}

impl fmt::Display for Relation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.name)?;
        if let Some(qualifier) = &self.qualifier {
            write!(f, ":{qualifier}")?;
        }
        if let Some((operator, version)) = &self.version {
            write!(f, " ({operator} {version})")?;
        }
        let list = |f: &mut fmt::Formatter<'_>, open, list: &[Restriction], close| {
            for (number, restriction) in list.iter().enumerate() {
                write!(f, "{}{restriction}", if number == 0 { open } else { " " })?;
            }
            f.write_str(if list.is_empty() { "" } else { close })
        };
        list(f, " [", &self.architectures, "]")?;
        self.profiles.iter().try_for_each(|profiles| list(f, " <", profiles, ">"))
    }
}

/// The value of a relationship field: every one of the alternatives lists must be met by one of its relations.
///
/// ```
/// use deb_parse::{Limits, relation::Relations};
/// let relations = Relations::parse("a(>=1) ,b:any|c [linux-any  !arm64] <!nocheck>,", &Limits::default())?;
/// assert_eq!(relations.to_string(), "a (>= 1), b:any | c [linux-any !arm64] <!nocheck>");
/// # Ok::<(), deb_parse::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Relations(Vec<Vec<Relation>>);

impl Relations {
    /// Reads the value of a field.
    pub fn parse(text: &str, limits: &Limits) -> Result<Self, Error> {
        Self::parse_as(text, Grammar::General, limits)
    }

    /// As [`parse`](Self::parse), for a field that dpkg reads by this grammar.
    pub(crate) fn parse_as(text: &str, grammar: Grammar, limits: &Limits) -> Result<Self, Error> {
        let mut all: Vec<Vec<Relation>> = Vec::new();
        for (number, relation) in iter_as(text, grammar).enumerate() {
            if number == limits.relations() {
                return Err(Error::Limit { what: LimitKind::Relations, limit: number as u64 });
            }
            let relation = relation?;
            let owned = Relation::new(&relation);
            match all.last_mut() {
                Some(alternatives) if relation.is_alternative() => alternatives.push(owned),
                _ => all.push(vec![owned]),
            }
        }
        Ok(Self(all))
    }

    /// The lists of alternatives; none of them is empty.
    pub fn all(&self) -> &[Vec<Relation>] {
        &self.0
    }

    /// Whether the field has no relation.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromStr for Relations {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse(text, &Limits::default())
    }
}

impl fmt::Display for Relations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, alternatives) in self.0.iter().enumerate() {
            f.write_str(if number == 0 { "" } else { ", " })?;
            for (number, relation) in alternatives.iter().enumerate() {
                write!(f, "{}{relation}", if number == 0 { "" } else { " | " })?;
            }
        }
        Ok(())
    }
}
