//! Two targets are given the same publications.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;

use apt_index::Encoding;
use apt_sign::Signer;
use camino::{Utf8Path, Utf8PathBuf};
use deb_parse::deb::Builder;
use deb_parse::{Architecture, PackageName, SuiteName, Version};
use jiff::Timestamp;

use super::recording::{Call, Item, RecordingTarget};
use super::{DirectoryTarget, PublicationTarget};
use crate::context::Context;
use crate::model::name::{RepositoryName, TagName};
use crate::operations::import::AddOptions;
use crate::publish::entry::TreeEntry;
use crate::publish::tagged::show_tag;
use crate::publish::{Beginning, PublishOptions, Start, publish_to};
use crate::settings::{RepositorySettings, SuiteSettings};
use crate::storage::Memory;
use crate::store::Store;
use crate::tests::signer::RememberingSigner;

fn settings() -> RepositorySettings {
    let suites = ["bookworm", "trixie"].map(|name| {
        let amd64 = Architecture::parse("amd64").unwrap();
        SuiteSettings::new(SuiteName::parse(name).unwrap(), vec![amd64])
    });
    let mut settings = RepositorySettings::new(RepositoryName::parse("prod").unwrap(), suites.to_vec());
    settings.encodings = vec![Encoding::Plain, Encoding::Gz];
    settings.suites[1].alias = Some(SuiteName::parse("stable").unwrap());
    settings.flat = Some(SuiteName::parse("bookworm").unwrap());
    settings
}

fn package(directory: &Utf8Path, name: &str, version: &str) -> Utf8PathBuf {
    let file = directory.join(format!("{name}_{version}.deb"));
    let (name, version) = (PackageName::parse(name).unwrap(), Version::parse(version).unwrap());
    let bytes = Builder::new(name, version, Architecture::parse("amd64").unwrap()).build().unwrap();
    std::fs::write(&file, bytes).unwrap();
    file
}

/// Publishes changes of all suites and of one, a flat form that goes, a state that is gone back to and a tag. Returns the number of
/// publications.
fn publish_all(
    store: &Store,
    target: &dyn PublicationTarget,
    signer: &dyn Signer,
    directory: &Utf8Path,
) -> usize {
    let mut settings = settings();
    let context =
        |day: i64| Context::new("tester", Timestamp::from_second(1_790_000_000 + day * 86_400).unwrap());
    let options = PublishOptions { allow_removal: true, ..PublishOptions::default() };
    let publish = |settings: &RepositorySettings, day| {
        let published = publish_to(
            store,
            target,
            Beginning::of(Start::Published),
            (settings, options),
            (signer, None),
            &context(day),
        );
        published.unwrap().publication.unwrap()
    };
    let add = |settings: &RepositorySettings, day, name, version| {
        let files = [package(directory, name, version)];
        let report = store.add(settings, &files, &AddOptions::default(), &context(day)).unwrap();
        report.into_result().unwrap();
    };
    add(&settings, 0, "hello", "1.0");
    publish(&settings, 0);
    let first = store.head(&settings.name).unwrap().unwrap();
    add(&settings, 1, "hello", "2.0");
    publish(&settings, 1);
    let tag = TagName::parse("first").unwrap();
    store.tag(&first, &tag, &context(2)).unwrap();
    show_tag(store, target, &settings.name, (&tag, first.id())).unwrap();
    add(&settings, 2, "other", "1.0+deb12u1");
    publish(&settings, 2);
    store.plan_rollback(&first, &[]).unwrap().apply(store, &context(3)).unwrap();
    publish(&settings, 3);
    settings.flat = None;
    publish(&settings, 4);
    5
}

/// Reads all files and links below a directory. The times of the files in `times` count.
fn read_tree(
    root: &Utf8Path,
    directory: &Utf8Path,
    times: &dyn Fn(&Utf8Path) -> bool,
    items: &mut BTreeMap<Utf8PathBuf, Item>,
) {
    for entry in directory.read_dir_utf8().unwrap() {
        let entry = entry.unwrap();
        let (path, kind) = (entry.path(), entry.file_type().unwrap());
        let below = path.strip_prefix(root).unwrap().to_owned();
        if kind.is_dir() {
            read_tree(root, path, times, items);
        } else if kind.is_symlink() {
            items.insert(below, Item::Link(path.read_link_utf8().unwrap().into_string()));
        } else {
            let modified = times(&below).then(|| path.metadata().unwrap().mtime());
            items.insert(below, Item::File { bytes: std::fs::read(path).unwrap().into(), modified });
        }
    }
}

#[test]
fn a_target_in_memory_holds_what_the_directory_holds() {
    let directory = tempfile::tempdir().unwrap();
    let top = Utf8Path::from_path(directory.path()).unwrap();
    let signer = RememberingSigner::new(1_780_000_000);
    let first = Store::create(&top.join("first")).unwrap();
    let name = settings().name;
    publish_all(&first, &DirectoryTarget::new(&first, &name), &signer, top);
    let second = Store::with_storage("second".into(), Memory::default());
    let memory = RecordingTarget::new(&second, &name);
    publish_all(&second, &memory, &signer, top);

    let expected = memory.items();
    let is_signed =
        |path: &Utf8Path| matches!(expected.get(path), Some(Item::File { modified: Some(_), .. }));
    let (public, mut found) = (first.public(&name), BTreeMap::new());
    read_tree(&public, &public, &is_signed, &mut found);
    let paths = |items: &BTreeMap<Utf8PathBuf, Item>| items.keys().cloned().collect::<Vec<_>>();
    assert_eq!(paths(&found), paths(&expected));
    for (path, item) in &found {
        assert_eq!(item, &expected[path], "{path}");
    }
    let signed = expected.keys().filter(|path| path.file_name() == Some("InRelease")).count();
    assert!(signed > 10, "{signed}");
}

#[test]
fn nothing_is_switched_before_what_it_names_is_there() {
    let directory = tempfile::tempdir().unwrap();
    let top = Utf8Path::from_path(directory.path()).unwrap();
    let store = Store::with_storage("root".into(), Memory::default());
    let name = settings().name;
    let memory = RecordingTarget::new(&store, &name);
    let publications = publish_all(&store, &memory, &RememberingSigner::new(1_780_000_000), top);
    assert_eq!(memory.broken_promises(), Vec::<String>::new());

    let calls = memory.calls();
    let switches: Vec<usize> =
        (0..calls.len()).filter(|index| calls[*index] == Call::Switch("dists".into())).collect();
    assert_eq!(switches.len(), publications);
    for index in switches {
        assert_eq!(calls[index - 1], Call::Sync, "all is durable before clients see it");
    }
    let mut signed: Vec<&Utf8Path> = Vec::new();
    for call in &calls {
        match call {
            Call::PutSigned(path) => signed.extend(path.parent()),
            Call::PutName(path) | Call::PutLink(path) => {
                let is_late =
                    |directory: &&Utf8Path| path.starts_with(directory) && !path.as_str().contains("Release");
                assert_eq!(signed.iter().find(|directory| is_late(directory)), None, "{path}");
            }
            Call::PutIndex(_) | Call::PutPool(_) | Call::Switch(_) | Call::Remove(_) | Call::Sync => {}
        }
    }
}

#[test]
fn a_switch_to_what_is_not_there_is_noticed() {
    let directory = tempfile::tempdir().unwrap();
    let top = Utf8Path::from_path(directory.path()).unwrap();
    let store = Store::with_storage("root".into(), Memory::default());
    let name = settings().name;
    let memory = RecordingTarget::new(&store, &name);
    publish_all(&store, &memory, &RememberingSigner::new(1_780_000_000), top);
    let target: &dyn PublicationTarget = &memory;
    let shown = crate::publish::Publication::shown(target).unwrap().unwrap();
    let pool = memory.items().into_keys().find(|path| path.as_str().contains("hello_1.0")).unwrap();
    let index = memory.items().into_keys().find(|path| path.ends_with("binary-amd64/Packages.gz")).unwrap();
    target.remove(&pool).unwrap();
    target.switch_to(&TreeEntry::of_dists(shown)).unwrap();
    assert!(memory.broken_promises().contains(&pool.to_string()));
    target.remove_tree(index.parent().unwrap()).unwrap();
    let tag = TagName::parse("first").unwrap();
    let id = index.as_str().split('/').nth(1).and_then(crate::model::publication_id::PublicationId::parse);
    target.switch_to(&TreeEntry::of_tag(&tag, id.unwrap())).unwrap();
    assert!(memory.broken_promises().contains(&index.to_string()));
}
