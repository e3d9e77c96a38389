//! The control file of a package that comes out again.

use std::collections::{BTreeMap, BTreeSet};

use deb_parse::control::BinaryControl;
use deb_parse::deb822::ParagraphBuf;
use deb_parse::relation::{Operator, Relation, Relations, field_names};
use deb_parse::{Error, Limits, PackageName, Version};

use crate::model::reissue::{REISSUE_OF, REISSUE_OVER};

/// The packages that come out again together: the versions that each had, and the one that it gets.
#[derive(Clone, Debug, Default)]
pub(super) struct Siblings(BTreeMap<PackageName, Sibling>);

#[derive(Clone, Debug)]
pub(super) struct Sibling {
    /// The old versions; builds of one package may differ in theirs.
    pub(super) good: BTreeSet<Version>,
    /// The version that it gets.
    pub(super) reissue: Version,
}

impl Siblings {
    pub(super) fn insert(&mut self, name: PackageName, good: BTreeSet<Version>, reissue: Version) {
        self.0.insert(name, Sibling { good, reissue });
    }

    pub(super) fn get(&self, name: &str) -> Option<&Sibling> {
        self.0.get(&PackageName::parse(name).ok()?)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&PackageName, &Sibling)> {
        self.0.iter()
    }
}

/// Returns the version that a relation must have instead of its own, if it must: a demand for exactly the old version of a package
/// becomes one for the version that this package gets. An upper bound that is the old version goes up with it.
pub(super) fn mapped_version<'a>(siblings: &'a Siblings, relation: &Relation) -> Option<&'a Version> {
    let sibling = siblings.get(&relation.name)?;
    match &relation.version {
        Some((Operator::Equal | Operator::EarlierOrEqual, version)) if sibling.good.contains(version) => {
            Some(&sibling.reissue)
        }
        _ => None,
    }
}

/// Makes the control file of a package that comes out again as `version`, above the version `over` of its source.
///
/// Version and Source change, and the relations to the packages that come out again with it; everything else stays.
pub(super) fn reissued(
    control: &BinaryControl,
    (version, over): (&Version, &Version),
    siblings: &Siblings,
) -> Result<ParagraphBuf, Error> {
    let mut changed = ParagraphBuf::from_paragraph(control.paragraph())?;
    for name in field_names().take_while(|name| *name != "Build-Depends") {
        let Some(text) = changed.get_str(name) else { continue };
        if let Some(mapped) = map_field(text, siblings)? {
            changed.set(name, mapped)?;
        }
    }
    let (source, source_version) = control.source();
    changed.set("Version", version.as_str())?;
    changed.set("Source", format!("{source} ({source_version})"))?;
    if changed.get(REISSUE_OF).is_none() {
        changed.set(REISSUE_OF, control.version().as_str())?;
    }
    changed.set(REISSUE_OVER, over.as_str())?;
    Ok(changed)
}

/// Returns the value of a field with the new versions; `None` when nothing in it changes.
fn map_field(text: &str, siblings: &Siblings) -> Result<Option<String>, Error> {
    let relations = Relations::parse(text, &Limits::default())?;
    let mut is_changed = false;
    let mut lists = Vec::new();
    for alternatives in relations.all() {
        let mut texts = Vec::new();
        for relation in alternatives {
            let mut relation = relation.clone();
            let mapped = mapped_version(siblings, &relation).cloned();
            if let (Some(new), Some((_, version))) = (mapped, &mut relation.version) {
                *version = new;
                is_changed = true;
            }
            texts.push(relation.to_string());
        }
        lists.push(texts.join(" | "));
    }
    Ok(is_changed.then(|| lists.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> Version {
        Version::parse(text).unwrap()
    }

    fn siblings() -> Siblings {
        let mut siblings = Siblings::default();
        let name = |text: &str| PackageName::parse(text).unwrap();
        siblings.insert(name("liba1"), BTreeSet::from([version("2.0-1")]), version("2.1-1+0~reissue1"));
        siblings.insert(name("foob"), BTreeSet::from([version("2.0-1+b1")]), version("2.1-1+b2+0~reissue1"));
        siblings
    }

    #[test]
    fn only_version_source_and_relations_to_siblings_change() {
        let text = b"Package: foob\nVersion: 2.0-1+b1\nSource: foo (2.0-1)\nArchitecture: amd64\n\
            Pre-Depends: libc6 (>= 2.36),liba1 (=2.0-1)\nDepends: liba1 (>= 2.0~), liba1 (<= 2.0-1) | other (= 2.0-1),\n liba1 (<< 2.1)\n\
            Breaks: liba1 (<< 1.9)\nDescription: a tool\n with a text\n";
        let control = BinaryControl::parse(text, &Limits::default()).unwrap();
        let changed = reissued(&control, (&version("2.1-1+b2+0~reissue1"), &version("2.1-1")), &siblings());
        insta::assert_snapshot!(changed.unwrap().to_string(), @r"
        Package: foob
        Version: 2.1-1+b2+0~reissue1
        Source: foo (2.0-1)
        Architecture: amd64
        Pre-Depends: libc6 (>= 2.36), liba1 (= 2.1-1+0~reissue1)
        Depends: liba1 (>= 2.0~), liba1 (<= 2.1-1+0~reissue1) | other (= 2.0-1), liba1 (<< 2.1)
        Breaks: liba1 (<< 1.9)
        Description: a tool
         with a text
        X-Reissue-Of: 2.0-1+b1
        X-Reissue-Over: 2.1-1
        ");
    }

    #[test]
    fn a_source_that_is_not_written_is_written() {
        let text = b"Package: liba1\nVersion: 2.0-1\nArchitecture: amd64\nDescription: x\n";
        let control = BinaryControl::parse(text, &Limits::default()).unwrap();
        let changed = reissued(&control, (&version("2.1-1+0~reissue1"), &version("2.1-1")), &siblings());
        insta::assert_snapshot!(changed.unwrap().to_string(), @r"
        Package: liba1
        Version: 2.1-1+0~reissue1
        Architecture: amd64
        Description: x
        Source: liba1 (2.0-1)
        X-Reissue-Of: 2.0-1
        X-Reissue-Over: 2.1-1
        ");
    }
}
