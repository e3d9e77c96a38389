//! What clients have besides the repositories, as it was last read: which archives, from when, and the packages of each.
//!
//! One document has a line for each archive of each base:
//!
//! ```text
//! <seen to be up to date> <date or -> <valid until or -> <form or -> TAB <suite> TAB <source> TAB <archive> TAB <last modified> TAB <origin>
//!     TAB <label> TAB <suite> TAB <codename> TAB <keys> {TAB <architecture> <packages> <index>}
//! ```
//!
//! A text that is not there is empty. The form is `inline` or `detached`; the architecture is `*` where one list is for all.

pub(crate) mod state;

use std::collections::BTreeSet;

use deb_parse::SuiteName;
use jiff::Timestamp;

use crate::document::{Area, Document, Kept};
use crate::error::Error;
use crate::model::base_index;
use crate::model::commit::one_line;
use crate::model::id::BaseIndexId;
use crate::model::objects::Objects;
use crate::storage::Storage;
use crate::store::Store;

pub use self::state::{BaseFault, BaseInUse, BaseState, add_record};
pub use crate::model::base_index::BaseIndexBuilder;

/// The name of the only document.
const NAME: &str = "store";

/// An archive of a base, as it was last read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeptArchive {
    /// Its address and suite, or the path of a file.
    pub name: String,
    /// When its upstream was last seen to be as it is kept.
    pub seen: Timestamp,
    /// What its Release said; nothing of a file.
    pub release: Option<KeptRelease>,
    /// Its packages, a list for each architecture.
    pub indices: Vec<KeptIndex>,
    /// Whether the store still has all of these lists.
    pub is_whole: bool,
}

/// What is kept of a Release, so that the next one cannot be older or another one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs, reason = "the caller fills in all of it")]
pub struct KeptRelease {
    /// When it was made.
    pub date: Timestamp,
    /// Until when it counts.
    pub valid_until: Option<Timestamp>,
    /// Whether it was an `InRelease`.
    pub is_inline: bool,
    /// When the server says that it was changed, as it spelled that.
    pub last_modified: Option<String>,
    /// Its field `Origin`.
    pub origin: Option<String>,
    /// Its field `Label`.
    pub label: Option<String>,
    /// Its field `Suite`.
    pub suite: Option<String>,
    /// Its field `Codename`.
    pub codename: Option<String>,
    /// The keys that it was verified by; nothing of one that is trusted without.
    pub keys: Option<String>,
}

/// The packages that an archive has for one kind of machine.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs, reason = "the caller fills in all of it")]
pub struct KeptIndex {
    /// The architecture of the machines; `None` where one list has the packages of all.
    pub architecture: Option<String>,
    /// How many there are.
    pub packages: u64,
    /// The list.
    pub id: BaseIndexId,
}

impl KeptArchive {
    /// Makes an archive that was seen at that time.
    #[must_use]
    pub fn new(name: &str, seen: Timestamp, release: Option<KeptRelease>, indices: Vec<KeptIndex>) -> Self {
        Self { name: one_line(name), seen, release, indices, is_whole: true }
    }

    fn parse(parts: &[&str]) -> Option<Self> {
        let [times, name, last_modified, origin, label, suite, codename, keys, indices @ ..] = parts else {
            return None;
        };
        let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let mut times = times.split(' ');
        let seen = times.next()?.parse().ok()?;
        let (date, valid_until, form) = (times.next()?, times.next()?, times.next()?);
        let release = match date {
            "-" => None,
            date => Some(KeptRelease {
                date: date.parse().ok()?,
                valid_until: if valid_until == "-" { None } else { Some(valid_until.parse().ok()?) },
                is_inline: form == "inline",
                last_modified: text(last_modified),
                origin: text(origin),
                label: text(label),
                suite: text(suite),
                codename: text(codename),
                keys: text(keys),
            }),
        };
        let indices = indices.iter().map(|index| KeptIndex::parse(index)).collect::<Option<_>>()?;
        Some(Self { name: (*name).to_owned(), seen, release, indices, is_whole: true })
    }

    /// Returns the times, the name and what follows it.
    fn parts(&self) -> [String; 3] {
        let (mut times, mut texts) = (format!("{} - - -", self.seen), [const { None }; 6]);
        if let Some(release) = &self.release {
            let valid = release.valid_until.map_or_else(|| "-".to_owned(), |until| until.to_string());
            let form = if release.is_inline { "inline" } else { "detached" };
            times = format!("{} {} {valid} {form}", self.seen, release.date);
            let KeptRelease { last_modified, origin, label, suite, codename, keys, .. } = release;
            texts = [last_modified, origin, label, suite, codename, keys].map(Option::as_ref);
        }
        let texts = texts.map(|text| text.map(|text| one_line(text)).unwrap_or_default());
        let mut rest = texts.join("\t");
        for index in &self.indices {
            rest.push('\t');
            rest.push_str(&index.to_text());
        }
        [times, self.name.clone(), rest]
    }
}

impl KeptIndex {
    fn parse(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let architecture = words.next().filter(|name| *name != "*").map(str::to_owned);
        Some(Self { architecture, packages: words.next()?.parse().ok()?, id: words.next()?.parse().ok()? })
    }

    fn to_text(&self) -> String {
        let architecture = self.architecture.as_deref().unwrap_or("*");
        format!("{architecture} {} {}", self.packages, self.id)
    }

    /// Returns whether it has packages for such machines.
    pub(crate) fn is_for(&self, architecture: &str) -> bool {
        self.architecture.as_deref().is_none_or(|own| own == architecture)
    }
}

/// The archives of one base.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeptBase {
    /// The suite whose clients have it.
    pub suite: SuiteName,
    /// Where it was read from, as the configuration had it.
    pub source: String,
    /// Its archives, in the order of the source.
    pub archives: Vec<KeptArchive>,
}

/// What is kept of all bases.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct KeptBases(Vec<KeptBase>);

impl KeptBases {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn load(storage: &Storage) -> Result<Kept<Self>, Error> {
        Kept::load(storage, NAME)
    }

    fn indices(&self) -> BTreeSet<BaseIndexId> {
        self.0.iter().flat_map(|base| &base.archives).flat_map(|one| &one.indices).map(|one| one.id).collect()
    }

    /// Makes sure that every index can be read.
    pub(crate) fn check(&self, store: &Store) -> Result<(), Error> {
        for id in self.indices() {
            base_index::read(&store.objects(), id)?;
        }
        Ok(())
    }

    fn find(&self, suite: &SuiteName, source: &str) -> Option<&KeptBase> {
        self.0.iter().find(|base| base.suite == *suite && base.source == source)
    }

    fn with(&self, new: &KeptBase) -> Self {
        let is_other = |base: &&KeptBase| base.suite != new.suite || base.source != new.source;
        let mut all: Vec<KeptBase> = self.0.iter().filter(is_other).cloned().collect();
        all.push(new.clone());
        all.sort_by(|a, b| (&a.suite, &a.source).cmp(&(&b.suite, &b.source)));
        Self(all)
    }
}

impl Document for KeptBases {
    const AREA: Area = Area::Bases;
    const KIND: &'static str = "list of the bases of the";

    fn from_lines(lines: &[&str]) -> Option<Self> {
        let mut bases: Vec<KeptBase> = Vec::new();
        for line in lines {
            let mut parts: Vec<&str> = line.split('\t').collect();
            if parts.len() < 3 {
                return None;
            }
            let (suite, source) = (SuiteName::parse(parts.remove(1)).ok()?, parts.remove(1));
            let archive = KeptArchive::parse(&parts)?;
            match bases.last_mut().filter(|base| base.suite == suite && base.source == source) {
                Some(base) => base.archives.push(archive),
                None => bases.push(KeptBase { suite, source: source.to_owned(), archives: vec![archive] }),
            }
        }
        Some(Self(bases))
    }

    fn to_lines(&self) -> Vec<String> {
        let line = |base: &KeptBase, archive: &KeptArchive| {
            let [times, name, rest] = archive.parts();
            format!("{times}\t{}\t{}\t{name}\t{rest}", base.suite, base.source)
        };
        let lines = |base: &KeptBase| -> Vec<String> {
            base.archives.iter().map(|archive| line(base, archive)).collect()
        };
        self.0.iter().flat_map(lines).collect()
    }
}

/// See [`Store::kept_base`].
pub(crate) fn kept(store: &Store, suite: &SuiteName, source: &str) -> Result<Option<KeptBase>, Error> {
    let mut found = KeptBases::load(store.storage())?.find(suite, &one_line(source)).cloned();
    for archive in found.iter_mut().flat_map(|base| &mut base.archives) {
        let is_there = |index: &KeptIndex| store.storage().objects().contains(&Objects::key(&index.id));
        let is_whole = archive.indices.iter().map(is_there).try_fold(true, |all, one| Ok(all && one?));
        archive.is_whole = is_whole.map_err(Error::Storage)?;
    }
    Ok(found)
}

/// See [`Store::forget_other_bases`].
pub(crate) fn forget_others(store: &Store, known: &[(&SuiteName, &str)]) -> Result<(), Error> {
    let known: BTreeSet<(&SuiteName, String)> =
        known.iter().map(|(suite, source)| (*suite, one_line(source))).collect();
    loop {
        let kept = KeptBases::load(store.storage())?;
        let is_known = |base: &&KeptBase| known.contains(&(&base.suite, base.source.clone()));
        let left: Vec<KeptBase> = kept.0.iter().filter(is_known).cloned().collect();
        if left.len() == kept.0.len() || kept.replaced_by(KeptBases(left)).save(store.storage())? {
            return Ok(());
        }
    }
}

/// See [`Store::keep_base`].
pub(crate) fn keep(
    store: &Store,
    suite: &SuiteName,
    source: &str,
    archives: Vec<KeptArchive>,
) -> Result<(), Error> {
    let new = KeptBase { suite: suite.clone(), source: one_line(source), archives };
    // What the document leads to must survive a power cut before the document does.
    store.storage().objects().sync()?;
    loop {
        let kept = KeptBases::load(store.storage())?;
        if kept.replaced_by(kept.with(&new)).save(store.storage())? {
            return Ok(());
        }
    }
}

/// See [`Store::keep_base_index`].
pub(crate) fn keep_index(store: &Store, index: &BaseIndexBuilder) -> Result<BaseIndexId, Error> {
    Ok(index.write(&store.objects())?)
}

/// Returns the indices of all bases.
pub(crate) fn indices(store: &Store) -> Result<BTreeSet<BaseIndexId>, Error> {
    Ok(KeptBases::load(store.storage())?.indices())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::{parse, to_text};
    use crate::storage::Memory;

    fn archive(name: &str) -> KeptArchive {
        let release = KeptRelease {
            date: Timestamp::from_second(100).unwrap(),
            valid_until: None,
            is_inline: true,
            last_modified: Some("Thu, 01 Jan 1970 00:01:40 GMT".to_owned()),
            origin: Some("Debian".to_owned()),
            label: None,
            suite: Some("stable".to_owned()),
            codename: Some("bookworm".to_owned()),
            keys: Some("AB,CD".to_owned()),
        };
        let index = |architecture: Option<&str>| KeptIndex {
            architecture: architecture.map(str::to_owned),
            packages: 7,
            id: BaseIndexId::of(b"x"),
        };
        let indices = vec![index(Some("amd64")), index(None)];
        KeptArchive::new(name, Timestamp::from_second(200).unwrap(), Some(release), indices)
    }

    #[test]
    fn what_is_kept_is_read_back() {
        let store = Store::with_storage("archive".into(), Memory::default());
        let suite = SuiteName::parse("bookworm").unwrap();
        let archives = vec![archive("http://a bookworm"), archive("http://a bookworm-updates")];
        store.keep_base(&suite, "debian.sources", archives.clone()).unwrap();
        let file = KeptArchive::new("/srv/Packages", Timestamp::from_second(5).unwrap(), None, Vec::new());
        store.keep_base(&suite, "/srv/Packages", vec![file.clone()]).unwrap();
        let found = |source| store.kept_base(&suite, source).unwrap().map(|base| base.archives);
        let kept = KeptBases::load(store.storage()).unwrap().into_document();
        assert_eq!(kept.find(&suite, "debian.sources").unwrap().archives, archives);
        assert_eq!(found("/srv/Packages"), Some(vec![file]));
        assert_eq!(found("other.sources"), None);
        let text = to_text(&kept);
        assert_eq!(parse::<KeptBases>(text.as_bytes()), Some(kept));
        // The lists themselves are lost.
        assert!(!found("debian.sources").unwrap()[0].is_whole);
        store.forget_other_bases(&[(&suite, "debian.sources")]).unwrap();
        assert_eq!(found("/srv/Packages"), None);
        assert!(found("debian.sources").is_some());
        store.forget_other_bases(&[]).unwrap();
        assert_eq!(found("debian.sources"), None);
    }

    #[test]
    fn an_index_has_what_decides_and_leaves_out_what_cannot_be_read() {
        let store = Store::with_storage("archive".into(), Memory::default());
        let mut builder = BaseIndexBuilder::new();
        let text = "Package: aa\nVersion: 1\nArchitecture: amd64\nDescription: x\nDepends: bb,\n cc\n\n\
                    Package: broken\nVersion: 1\nArchitecture: amd64\nDepends: ((\n\n\
                    Package: bb\nVersion: 2\nArchitecture: all\n";
        builder.read(text.as_bytes()).unwrap();
        assert_eq!((builder.packages(), builder.refused().len()), (2, 1));
        let id = store.keep_base_index(&builder).unwrap();
        let text = String::from_utf8(base_index::read(&store.objects(), id).unwrap()).unwrap();
        insta::assert_snapshot!(text, @"

        Package: aa
        Version: 1
        Architecture: amd64
        Depends: bb, cc

        Package: bb
        Version: 2
        Architecture: all
        ");
    }
}
