//! Laws of the crate `repo-store` for what it does: sequences of operations with requests that fail, uploads, drop folders, copies from
//! elsewhere and backups.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use arbitrary::{Result, Unstructured};
use camino::{Utf8Path, Utf8PathBuf};
use deb_parse::checksum::{Md5, Sha256};
use deb_parse::deb::Builder;
use deb_parse::{Architecture, PackageName, SuiteName, Version};
use jiff::{SignedDuration, Timestamp};
use repo_store::maintenance::fsck::FsckOptions;
use repo_store::maintenance::gc::GcOptions;
use repo_store::model::TagName;
use repo_store::operations::incoming::IncomingOptions;
use repo_store::operations::promotion::PromoteOptions;
use repo_store::operations::retention::RetentionRule;
use repo_store::storage::{Fault, Faulty, Memory, Storage};
use repo_store::{AddOptions, Context, Error, RepositoryName, RepositorySettings, Store, SuiteSettings};

use super::checks::{Law, check_line};

/// All laws by the names of their fuzz targets.
pub const LAWS: &[(&str, Law)] = &[
    ("store_operations", store_operations),
    ("upload_read", upload_read),
    ("drop_folder", drop_folder),
    ("restore_read", restore_read),
];

fn context(seconds: i64) -> Context {
    let now = Timestamp::from_second(1_790_000_000 + seconds).unwrap();
    Context::new("fuzz", now)
}

fn settings(name: &str) -> RepositorySettings {
    let suite = SuiteName::parse("trixie").unwrap();
    let suite = SuiteSettings::new(suite, vec![Architecture::parse("amd64").unwrap()]);
    RepositorySettings::new(RepositoryName::parse(name).unwrap(), vec![suite])
}

/// In memory where there is such a place: syncing takes no time there.
fn directory() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

fn path(directory: &tempfile::TempDir) -> &Utf8Path {
    Utf8Path::from_path(directory.path()).unwrap()
}

fn package(name: &str, version: &str) -> Vec<u8> {
    let (name, version) = (PackageName::parse(name).unwrap(), Version::parse(version).unwrap());
    Builder::new(name, version, Architecture::parse("amd64").unwrap()).build().unwrap()
}

fn check_error(error: &Error) {
    check_line(error);
    assert!(!error.code().is_empty());
}

const PACKAGES: [(&str, &str); 5] = [
    ("hello", "1.0"),
    ("hello", "2.0"),
    ("other", "1.0-1"),
    ("other", "1.0-1+deb13u1"),
    ("hello", "1.0~rc1"),
];

static FILES: LazyLock<(tempfile::TempDir, Vec<Utf8PathBuf>)> = LazyLock::new(|| {
    let directory = directory();
    let write = |(name, version): &(&str, &str)| {
        let file = path(&directory).join(format!("{name}_{version}.deb"));
        fs::write(&file, package(name, version)).unwrap();
        file
    };
    let files = PACKAGES.iter().map(write).collect();
    (directory, files)
});

/// One operation; which packages, states and tags it is about is chosen by the numbers.
#[derive(Clone, Copy, Debug)]
enum Step {
    Add(usize),
    Promote(usize),
    Remove(usize),
    UndoRemoval(usize),
    RollBack(usize),
    Retain,
    Tag(usize),
    DeleteTag(usize),
    Collect,
}

impl Step {
    fn choose(input: &mut Unstructured<'_>) -> Result<Self> {
        let number = usize::from(input.arbitrary::<u8>()?);
        Ok(match input.int_in_range(0..=11)? {
            0..=2 => Self::Add(number % PACKAGES.len()),
            3 | 4 => Self::Promote(number % (PACKAGES.len() + 1)),
            5 => Self::Remove(number % PACKAGES.len()),
            6 => Self::UndoRemoval(number % PACKAGES.len()),
            7 => Self::RollBack(number),
            8 => Self::Retain,
            9 => Self::Tag(number % 3),
            10 => Self::DeleteTag(number % 3),
            _ => Self::Collect,
        })
    }

    fn take(self, store: &Store, time: i64) -> std::result::Result<(), Error> {
        let (preprod, prod, context) = (settings("preprod"), settings("prod"), context(time));
        let selector = |number: usize| {
            let (name, version) = PACKAGES[number];
            format!("{name}={version}").parse().unwrap()
        };
        let tag = |number: usize| TagName::parse(["before", "release-1", "x"][number]).unwrap();
        match self {
            Self::Add(number) => {
                let files = [FILES.1[number].clone()];
                store.add(&preprod, &files, &AddOptions::default(), &context)?.into_result()?;
            }
            Self::Promote(number) => {
                let everything = number == PACKAGES.len();
                let selectors = if everything { Vec::new() } else { vec![selector(number)] };
                let options = PromoteOptions { selectors, everything, ..PromoteOptions::default() };
                store.plan_promotion(&preprod, &prod, &options)?.apply(store, &context)?;
            }
            Self::Remove(number) => {
                store.plan_removal(&preprod, &[selector(number)], &[])?.apply(store, &context)?;
            }
            Self::UndoRemoval(number) => {
                store.plan_undo_removal(&preprod, &[selector(number)], &[])?.apply(store, &context)?;
            }
            Self::RollBack(number) => {
                let Some(head) = store.head(&preprod.name)? else { return Ok(()) };
                let to = number as u64 % (head.commit().sequence + 1);
                let to = store.resolve(&preprod.name, &to.to_string())?;
                store.plan_rollback(&to, &[])?.apply(store, &context)?;
            }
            Self::Retain => {
                let rules = [RetentionRule { keep_versions: Some(1), ..RetentionRule::default() }];
                store.plan_retention(&prod, &rules, context.now)?.apply(store, &context)?;
            }
            Self::Tag(number) => {
                let first = store.resolve(&preprod.name, "1")?;
                store.tag(&first, &tag(number), &context)?;
            }
            Self::DeleteTag(number) => drop(store.delete_tag(&preprod.name, &tag(number), &context)?),
            Self::Collect => {
                let options = GcOptions { grace: SignedDuration::from_hours(1), ..GcOptions::default() };
                store.collect_garbage(&options, &context)?;
            }
        }
        Ok(())
    }
}

/// What users see of a store: for each repository the number of its commits, its packages, holds and tags.
fn state(store: &Store) -> BTreeMap<String, (u64, Vec<String>)> {
    let mut state = BTreeMap::new();
    for settings in ["preprod", "prod"].map(settings) {
        let Some(head) = store.head(&settings.name).unwrap() else { continue };
        let records = head.records(&settings.suites[0].name).unwrap();
        let mut words: Vec<String> = records.iter().map(|record| record.key().to_string()).collect();
        words.extend(head.holds().unwrap().iter().map(|hold| format!("hold {}", hold.key.version)));
        words.extend(
            store
                .tags(&settings.name)
                .unwrap()
                .iter()
                .map(|tag| format!("{} {}", tag.name, tag.commit.short())),
        );
        state.insert(settings.name.to_string(), (head.commit().sequence, words));
    }
    state
}

fn with(storage: impl Into<Storage>) -> Store {
    Store::with_storage("none".into(), storage)
}

/// A store whose requests fail, whose answers get lost and which shows what was true before ends as one without faults does, if every
/// operation is given again until it is done. Nothing is lost and nothing is made twice.
pub fn store_operations(bytes: &[u8]) {
    let mut input = Unstructured::new(bytes);
    let _ = run_operations(&mut input);
}

fn run_operations(input: &mut Unstructured<'_>) -> Result<()> {
    let (memory, twin) = (Memory::default(), Memory::default());
    let model = with(twin.clone());
    // Which request of the step under way fails, and how.
    let plan: Arc<Mutex<Vec<(u64, Fault)>>> = Arc::default();
    let first = Arc::new(AtomicU64::new(0));
    let (planned, start) = (plan.clone(), first.clone());
    let faulty = Faulty::new(memory.clone().into(), move |number, _| {
        let number = number - start.load(Ordering::Relaxed);
        planned.lock().unwrap().iter().find(|(at, _)| *at == number).map(|(_, fault)| *fault)
    });
    let store = with(faulty.clone());
    let mut steps = Vec::new();
    while !input.is_empty() && steps.len() < 12 {
        let step = Step::choose(input)?;
        let mut faults = Vec::new();
        while input.ratio(1, 3)? && faults.len() < 6 {
            let fault = *input.choose(&[Fault::Refused, Fault::AnswerLost, Fault::Stale])?;
            faults.push((u64::from(input.arbitrary::<u8>()?), fault));
        }
        steps.push(step);
        if input.ratio(1, 8)? {
            let by = SignedDuration::from_hours(i64::from(input.arbitrary::<u8>()?));
            [&memory, &twin].into_iter().for_each(|memory| memory.advance(by));
        }
        let time = i64::try_from(steps.len()).unwrap() * 1000;
        let expected = step.take(&model, time);
        if let Err(error) = &expected {
            check_error(error);
        }
        first.store(faulty.requests(), Ordering::Relaxed);
        *plan.lock().unwrap() = faults.clone();
        // Somebody who tries again does so later. After the requests of the plan nothing fails.
        let mut result = step.take(&store, time);
        for attempt in 1..20 {
            if result.is_ok() {
                break;
            }
            result = step.take(&store, time + attempt);
        }
        // What failed but was done is refused the second time, as a tag that is there or a package that is gone.
        if expected.is_ok() && faults.is_empty() {
            assert!(result.is_ok(), "{step:?} of {steps:?}: {result:?}");
        }
        let seen = state(&with(memory.clone()));
        assert_eq!(seen, state(&model), "after {steps:?} with {faults:?}: {expected:?}, {result:?}");
    }
    let report = with(memory).fsck(&FsckOptions::default(), &context(0)).unwrap();
    assert!(report.is_clean(), "after {steps:?}: {:?}", report.problems);
    Ok(())
}

/// An upload is refused whole, with a reason in one line, or is in the store whole; nothing else happens.
///
/// The input is a `.changes`, a `.dsc` and a `.buildinfo`, separated by 0xff. In them `@1@` to `@4@` stand for size and SHA-256 of the
/// `.dsc`, a tarball, a package and the `.buildinfo`, and `#1#` to `#4#` for the same with MD5.
pub fn upload_read(bytes: &[u8]) {
    let Ok(texts) = bytes
        .split(|byte| *byte == 0xff)
        .map(std::str::from_utf8)
        .collect::<std::result::Result<Vec<_>, _>>()
    else {
        return;
    };
    let text = |number: usize| texts.get(number).copied().unwrap_or_default();
    let (tarball, deb) = (b"sources".to_vec(), package("greeter", "1.0"));
    let fill = |text: &str, files: &[(char, &[u8])]| {
        let mut text = text.to_owned();
        for (number, file) in files {
            let size = file.len();
            text = text.replace(&format!("@{number}@"), &format!("{} {size}", Sha256::of(file)));
            text = text.replace(&format!("#{number}#"), &format!("{} {size}", Md5::of(file)));
            if text.len() > 1 << 20 {
                break;
            }
        }
        text
    };
    let dsc = fill(text(1), &[('2', &tarball)]);
    let buildinfo = fill(text(2), &[('3', &deb)]);
    let changes =
        fill(text(0), &[('1', dsc.as_bytes()), ('2', &tarball), ('3', &deb), ('4', buildinfo.as_bytes())]);
    let directory = directory();
    let files = [
        ("greeter_1.0.dsc", dsc.as_bytes()),
        ("greeter_1.0.tar.xz", &tarball),
        ("greeter_1.0_amd64.deb", &deb),
        ("greeter_1.0_amd64.buildinfo", buildinfo.as_bytes()),
        ("greeter.changes", changes.as_bytes()),
    ];
    files.iter().for_each(|(name, bytes)| fs::write(directory.path().join(name), bytes).unwrap());
    let (store, preprod) = (with(Memory::default()), settings("preprod"));
    let upload = path(&directory).join("greeter.changes");
    let added = store.add(&preprod, &[upload], &AddOptions::default(), &context(0));
    let added = added.map_err(Error::from).and_then(repo_store::operations::import::AddReport::into_result);
    let records = match store.head(&preprod.name).unwrap() {
        Some(head) => head.records(&preprod.suites[0].name).unwrap().len(),
        None => 0,
    };
    match added {
        Ok(added) => assert_eq!(records, added.len()),
        Err(error) => {
            check_error(&error);
            assert_eq!(records, 0);
        }
    }
    assert!(store.fsck(&FsckOptions::default(), &context(0)).unwrap().is_clean());
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), files.len());
}

/// Whatever lies in a drop folder under whatever name: what is not taken stays there, and every name is told in one line.
///
/// The input is names and contents in turn, separated by NUL.
pub fn drop_folder(bytes: &[u8]) {
    let outer = directory();
    let folder = path(&outer).join("incoming");
    fs::create_dir(&folder).unwrap();
    let mut words = bytes.split(|byte| *byte == 0);
    let mut count = 0;
    while let (Some(name), Some(content)) = (words.next(), words.next()) {
        let is_name =
            !name.is_empty() && name.len() < 256 && !name.contains(&b'/') && !matches!(name, b"." | b"..");
        if is_name && count < 8 {
            let content = if content == b"DEB" { package("hello", "1.0") } else { content.to_vec() };
            fs::write(folder.as_std_path().join(std::ffi::OsStr::from_bytes(name)), content).unwrap();
            count += 1;
        }
    }
    let (store, preprod) = (with(Memory::default()), settings("preprod"));
    match store.take_incoming(&preprod, &folder, &IncomingOptions::default(), &context(0)) {
        Ok(taken) => {
            taken.report.refused.iter().for_each(|one| check_error(&one.error));
            taken.left.iter().for_each(|left| check_line(&left.why));
            assert!(taken.left.iter().all(|left| left.file.parent() == Some(&folder)));
        }
        Err(error) => check_error(&error),
    }
    assert_eq!(fs::read_dir(outer.path()).unwrap().count(), 1);
    assert!(store.fsck(&FsckOptions::default(), &context(0)).unwrap().is_clean());
}

/// A backup of a store with one package and one tag: paths and contents.
static BACKUP: LazyLock<Vec<(Utf8PathBuf, Vec<u8>)>> = LazyLock::new(|| {
    let directory = directory();
    let (root, backup) = (path(&directory).join("root"), path(&directory).join("backup"));
    let store = Store::create(&root).unwrap();
    for step in [Step::Add(0), Step::Add(2), Step::Tag(0), Step::Promote(0)] {
        step.take(&store, 0).unwrap();
    }
    store.backup(&backup, &context(1)).unwrap();
    let mut files = Vec::new();
    let mut directories = vec![backup.clone()];
    while let Some(directory) = directories.pop() {
        for entry in directory.read_dir_utf8().unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                directories.push(entry.into_path());
            } else if let Ok(bytes) = fs::read(entry.path()) {
                files.push((entry.path().strip_prefix(&backup).unwrap().to_owned(), bytes));
            }
        }
    }
    files.sort();
    files
});

/// A backup that somebody changed is refused, or restored without what does not prove itself; nothing is written beside the new store.
///
/// The input says which files to damage, and how.
pub fn restore_read(bytes: &[u8]) {
    let mut files = BACKUP.clone();
    let mut input = Unstructured::new(bytes);
    let _ = damage(&mut input, &mut files);
    let outer = directory();
    let (from, to) = (path(&outer).join("backup"), path(&outer).join("root"));
    for (name, bytes) in &files {
        let file = from.join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        // A file may stand where another one needs a directory.
        let _ = fs::write(file, bytes);
    }
    for area in ["blobs", "objects", "refs", "ops", "publications", "tags"] {
        let _ = fs::create_dir_all(from.join("store").join(area));
    }
    match Store::restore(&from, &to, &context(2)) {
        Ok((store, report)) => {
            assert!(report.damaged.iter().all(|path| path.is_relative()));
            for (name, _) in PACKAGES {
                let name = PackageName::parse(name).unwrap();
                for settings in ["preprod", "prod"].map(settings) {
                    if let Ok(Some(head)) = store.head(&settings.name) {
                        let _ = head.versions(&settings.suites[0].name, &name);
                    }
                }
            }
            let _ = store.fsck(&FsckOptions::default(), &context(3));
        }
        Err(error) => check_error(&error),
    }
    assert!(fs::read_dir(outer.path()).unwrap().count() <= 2);
}

fn damage(input: &mut Unstructured<'_>, files: &mut Vec<(Utf8PathBuf, Vec<u8>)>) -> Result<()> {
    while !input.is_empty() {
        let number = input.choose_index(files.len())?;
        let bytes = &mut files[number].1;
        match input.int_in_range(0..=4)? {
            0 if !bytes.is_empty() => {
                let at = input.choose_index(bytes.len())?;
                bytes[at] ^= input.arbitrary::<u8>()?;
            }
            1 => bytes.truncate(input.int_in_range(0..=bytes.len())?),
            2 => *bytes = input.arbitrary()?,
            3 => {
                let other = input.choose_index(files.len())?;
                files[number].1 = files[other].1.clone();
            }
            _ => {
                files.remove(number);
                if files.is_empty() {
                    return Ok(());
                }
            }
        }
    }
    Ok(())
}
