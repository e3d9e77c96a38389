//! Packages that an index leaves out.
//!
//! One package that cannot be listed does not keep the others from being published. Whether it can be follows from its record
//! and its files alone: so it is missing where an index is rendered as a whole and where it is made from the one before, and
//! taking it out later takes nothing out.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::{Mutex, PoisonError};

use apt_index::stanza::Stanza;

use crate::model::index_kind::IndexKind;
use crate::model::record::{Record, RecordKey};

/// A published package that is missing from the indices of one kind.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct Unlisted {
    /// The package.
    pub package: RecordKey,
    /// The kind of index that leaves it out. From [`IndexKind::Contents`] its files are missing, while clients find the
    /// package itself.
    pub index: IndexKind,
    /// What is wrong with the package.
    pub reason: String,
}

/// Takes note, from several threads, of the packages that are left out.
#[derive(Default)]
pub(super) struct UnlistedPackages(Mutex<BTreeMap<(RecordKey, IndexKind), String>>);

impl UnlistedPackages {
    /// Takes note of a package.
    pub(super) fn note(&self, key: &RecordKey, index: IndexKind, error: &dyn Error) {
        let mut reason = error.to_string();
        let mut source = error.source();
        while let Some(error) = source {
            reason.push_str(&format!(": {error}"));
            source = error.source();
        }
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        noted.insert((key.clone(), index), reason);
    }

    /// Returns what an index lists of a package; takes note of it if that failed.
    pub(super) fn listed<T>(
        &self,
        key: &RecordKey,
        index: IndexKind,
        item: Result<T, apt_index::Error>,
    ) -> Option<T> {
        item.inspect_err(|error| self.note(key, index, error)).ok()
    }

    /// Returns the stanza of a record, as [`listed`](Self::listed) does.
    pub(super) fn stanza(&self, record: &Record, index: IndexKind) -> Option<Stanza<'static>> {
        self.listed(record.key(), index, record.published().map(Stanza::into_owned))
    }

    /// Returns whether nothing was left out.
    pub(super) fn is_empty(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// Takes over the notes of another.
    pub(super) fn absorb(&self, other: Self) {
        let other = other.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(other);
    }

    pub(super) fn finish(self) -> Vec<Unlisted> {
        let noted = self.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        let unlisted = |((package, index), reason)| Unlisted { package, index, reason };
        noted.into_iter().map(unlisted).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::{Duration, SystemTime};

    use apt_index::Encoding;
    use apt_sign::{OpenPgpSigner, SecretKey};
    use camino::Utf8Path;
    use deb_parse::{Architecture, SuiteName, deb822};
    use jiff::Timestamp;

    use crate::context::Context;
    use crate::model::id::BlobId;
    use crate::model::name::RepositoryName;
    use crate::model::record::Record;
    use crate::settings::{RepositorySettings, SuiteSettings};
    use crate::store::Store;

    /// A package as a store may have it that was not checked as today.
    fn record(store: &Store, name: &str, depends: &str) -> Arc<Record> {
        record_as(store, name, depends, &format!("pool/main/{name}_1_amd64.deb"))
    }

    fn record_as(store: &Store, name: &str, depends: &str, path: &str) -> Arc<Record> {
        let blob = BlobId::of(name.as_bytes());
        store.storage().objects().put(&Store::blob_key(blob), name.as_bytes()).unwrap();
        let text = format!(
            "Package: {name}\nVersion: 1\nArchitecture: amd64\nDepends: {depends}\nDescription: of {name}\n\
             Filename: {path}\nSize: {}\nSHA256: {:064}\nStore-Blob: {blob}\nStore-Component: main\n",
            name.len(),
            1
        );
        Arc::new(Record::parse(&deb822::paragraphs(text.as_bytes()).next().unwrap()).unwrap())
    }

    #[test]
    fn a_package_that_no_apt_could_read_is_left_out_of_every_index_and_goes_without_a_trace() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::create(&Utf8Path::from_path(directory.path()).unwrap().join("root")).unwrap();
        let bookworm = SuiteName::parse("bookworm").unwrap();
        let mut suite = SuiteSettings::new(bookworm.clone(), vec![Architecture::parse("amd64").unwrap()]);
        suite.translations = true;
        let mut preprod = RepositorySettings::new(RepositoryName::parse("preprod").unwrap(), vec![suite]);
        preprod.encodings = vec![Encoding::Plain, Encoding::Gz];
        preprod.flat = Some(bookworm.clone());
        let key =
            SecretKey::generate("Test", SystemTime::UNIX_EPOCH + Duration::from_secs(1_780_000_000), None);
        let signer = OpenPgpSigner::new(vec![key.unwrap()]).unwrap();
        let now = Timestamp::from_second(1_790_000_000).unwrap();
        let context = Context::new("tester", now);

        let publish = |insert: &[&Arc<Record>], remove: &[&Arc<Record>]| {
            let change = |transaction: &mut crate::transaction::Transaction<'_>| {
                for record in insert {
                    transaction.insert(&bookworm, record)?;
                }
                for record in remove {
                    transaction.remove(&bookworm, record.key())?;
                }
                Ok((crate::model::operation::Operation::Other("change".to_owned()), ()))
            };
            store.transact(&preprod.name, &context, change).unwrap();
            let report = store.publish(&preprod, &signer, &context).unwrap();
            let unlisted = report
                .unlisted
                .iter()
                .map(|left| format!("{} {}: {}", left.package, left.index, left.reason));
            let public = store.public(&preprod.name);
            let names = [
                "Packages",
                "dists/bookworm/main/binary-amd64/Packages",
                "dists/bookworm/main/i18n/Translation-en",
            ];
            let packages = |path: &str| {
                let index = std::fs::read(public.join(path)).unwrap();
                let packages: Vec<_> = deb822::paragraphs(&index)
                    .map(|one| one.get_str("Package").unwrap().to_owned())
                    .collect();
                packages.join(" ")
            };
            (unlisted.collect::<Vec<_>>(), names.map(packages))
        };
        let (good, bad) = (record(&store, "good", "aa"), record(&store, "bad", "aa,,bb"));
        let (other, more) = (record(&store, "other", "aa"), record(&store, "more", "aa"));
        // Rendered as a whole.
        let (unlisted, listed) = publish(&[&good, &bad], &[]);
        insta::assert_snapshot!(unlisted.join("\n"), @r#"
        bad 1 amd64 Packages: the field `Depends` cannot be listed in an index: relation ",bb": a relation must start with a package name (Policy 7.1)
        bad 1 amd64 Translation: the field `Depends` cannot be listed in an index: relation ",bb": a relation must start with a package name (Policy 7.1)
        "#);
        assert_eq!(listed, ["good"; 3]);
        // From the change.
        assert_eq!(publish(&[&other], &[]), (Vec::new(), ["good other"; 3].map(str::to_owned)));
        assert_eq!(publish(&[&more], &[&bad]), (Vec::new(), ["good other more"; 3].map(str::to_owned)));
        let (unlisted, listed) = publish(&[&bad], &[&other]);
        assert_eq!((unlisted.len(), listed), (2, ["good more"; 3].map(str::to_owned)));
        assert_eq!(publish(&[], &[&bad, &good]), (Vec::new(), ["more"; 3].map(str::to_owned)));
    }

    #[test]
    fn a_repository_that_could_take_over_an_index_is_told_of_what_it_leaves_out() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::create(&Utf8Path::from_path(directory.path()).unwrap().join("root")).unwrap();
        let bookworm = SuiteName::parse("bookworm").unwrap();
        let signer = {
            let created = SystemTime::UNIX_EPOCH + Duration::from_secs(1_780_000_000);
            OpenPgpSigner::new(vec![SecretKey::generate("T", created, None).unwrap()]).unwrap()
        };
        let good: Vec<_> = (0..40).map(|number| record(&store, &format!("good{number}"), "libc6")).collect();
        let bad = record(&store, "bad", "foo (%");
        for (seconds, name) in [(0, "preprod"), (1, "prod")] {
            let suite = SuiteSettings::new(bookworm.clone(), vec![Architecture::parse("amd64").unwrap()]);
            let settings = RepositorySettings::new(RepositoryName::parse(name).unwrap(), vec![suite]);
            let context = Context::new("tester", Timestamp::from_second(1_790_000_000 + seconds).unwrap());
            let insert = |transaction: &mut crate::transaction::Transaction<'_>| {
                for record in good.iter().chain([&bad]) {
                    transaction.insert(&bookworm, record)?;
                }
                Ok((crate::history::Operation::Other("insert".to_owned()), ()))
            };
            store.transact(&settings.name, &context, insert).unwrap();
            let report = store.publish(&settings, &signer, &context).unwrap();
            assert_eq!(report.unlisted.len(), 1, "{name}");
        }
    }

    #[test]
    fn a_package_that_no_file_system_holds_and_that_is_committed_is_left_out_and_named() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::create(&Utf8Path::from_path(directory.path()).unwrap().join("root")).unwrap();
        let bookworm = SuiteName::parse("bookworm").unwrap();
        let suite = SuiteSettings::new(bookworm.clone(), vec![Architecture::parse("amd64").unwrap()]);
        let mut preprod = RepositorySettings::new(RepositoryName::parse("preprod").unwrap(), vec![suite]);
        preprod.encodings = vec![Encoding::Plain, Encoding::Gz];
        let key =
            SecretKey::generate("Test", SystemTime::UNIX_EPOCH + Duration::from_secs(1_780_000_000), None);
        let signer = OpenPgpSigner::new(vec![key.unwrap()]).unwrap();
        let now = Timestamp::from_second(1_790_000_000).unwrap();
        let context = Context::new("tester", now);
        let long = format!("pool/main/{}_1_amd64.deb", "l".repeat(250));
        let records = [
            record(&store, "good", "aa"),
            record_as(&store, "long", "aa", &long),
            record(&store, "other", "aa"),
        ];
        for (number, record) in records.iter().enumerate() {
            store
                .transact(&preprod.name, &context, |transaction| {
                    transaction.insert(&bookworm, record)?;
                    Ok((crate::model::operation::Operation::Other("change".to_owned()), ()))
                })
                .unwrap();
            let report = store.publish(&preprod, &signer, &context).unwrap();
            let named: Vec<_> = report.unlisted.iter().map(|left| left.package.to_string()).collect();
            assert_eq!(named, if number == 1 { vec!["long 1 amd64"] } else { vec![] });
            assert!(report.unlisted.iter().all(|left| left.reason.contains("longer than 255 bytes")));
        }
        let index = store.public(&preprod.name).join("dists/bookworm/main/binary-amd64/Packages");
        let index = std::fs::read_to_string(index).unwrap();
        assert!(index.contains("Package: other") && !index.contains("Package: long"), "{index}");
        // Nothing else stumbles over it.
        let options = crate::PublishOptions::default();
        assert_eq!(store.publish(&preprod, &signer, &context).unwrap().restored, 0);
        assert_eq!(store.sign_again(&preprod, &signer, options, &context).unwrap().unlisted.len(), 1);
        let report = store.fsck(&crate::maintenance::fsck::FsckOptions::default(), &context).unwrap();
        assert!(report.problems.iter().all(|problem| problem.path.starts_with("store")), "{report:?}");
        store.collect_garbage(&crate::maintenance::gc::GcOptions::default(), &context).unwrap();
    }
}
