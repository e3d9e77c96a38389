//! A plan of a repair says what the repair then does, and changes nothing.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use camino::{Utf8Path, Utf8PathBuf};
use repo_store::error::MaintenanceError;
use repo_store::maintenance::fsck::{
    CopySource, FetchError, FsckOptions, ProblemKind, RepairMeans, RepairReport,
};
use repo_store::{Context, Error, Store};

use crate::fixture::{context, everything_below, overwrite};
use crate::fsck::small;

/// What can be told of a file without its name: kind and mode, file, times in nanoseconds, and content.
type State = (u32, u64, i64, i64, Option<Vec<u8>>);

/// Everything below a directory.
fn state(root: &Utf8Path) -> BTreeMap<Utf8PathBuf, State> {
    let of = |path: Utf8PathBuf| {
        let status = path.symlink_metadata().unwrap();
        let content = match &status {
            status if status.is_file() => fs::read(&path).ok(),
            status if status.is_symlink() => {
                path.read_link_utf8().ok().map(|to| to.into_string().into_bytes())
            }
            _ => None,
        };
        let changed = status.ctime() * 1_000_000_000 + status.ctime_nsec();
        let modified = status.mtime() * 1_000_000_000 + status.mtime_nsec();
        (path, (status.mode(), status.ino(), changed, modified, content))
    };
    everything_below(root).into_iter().map(of).collect()
}

/// Repairs a store by a plan, and looks whether the plan said so and changed nothing.
#[track_caller]
pub(crate) fn repaired_as_planned(
    store: &Store,
    options: &FsckOptions<'_>,
    sources: &[CopySource<'_>],
    context: &Context,
) -> RepairReport {
    let before = state(store.root());
    let plan = store.plan_repair(options, sources, context).unwrap();
    let after = state(store.root());
    let changed =
        after.iter().filter(|(path, found)| before.get(*path) != Some(*found)).map(|(path, _)| path);
    assert_eq!(changed.collect::<Vec<_>>(), [""; 0], "a plan changes nothing");
    assert_eq!(before.len(), after.len(), "a plan removes nothing");

    let report = plan.apply(store, options, sources, context).unwrap();
    let remains = |problem| report.remaining.problems.contains(problem);
    for step in plan.steps() {
        assert!(!remains(&step.problem), "planned, and not done: {}\n    {}", step.problem, step.means);
    }
    // What is done may end others besides: a commit that is back leads to states that were taken for lost.
    for problem in plan.left().iter().filter(|_| plan.steps().is_empty()) {
        assert!(remains(problem), "done, and not planned: {problem}");
    }
    report
}

/// A place that must not be asked.
struct Unasked;

impl repo_store::maintenance::fsck::RepairSource for Unasked {
    fn name(&self) -> &'static str {
        "http://copies.example"
    }

    fn fetch(&self, path: &str, _limit: u64) -> Result<Option<Box<dyn std::io::Read + '_>>, FetchError> {
        panic!("asked for {path}");
    }
}

#[test]
fn a_plan_names_the_means_of_each_step() {
    let fixture = small();
    let (store, root) = (&fixture.store, fixture.store.root());
    let public = root.join("public/preprod");
    let copies = root.parent().unwrap().join("copies");
    fs::create_dir(&copies).unwrap();
    let mut debs: Vec<Utf8PathBuf> = everything_below(&public.join("pool"))
        .into_iter()
        .filter(|path| path.extension() == Some("deb"))
        .collect();
    let (kept, lost) = (debs.pop().unwrap(), debs.pop().unwrap());
    fs::copy(&lost, copies.join("any.deb")).unwrap();
    overwrite(&lost, b"damaged");
    fs::remove_file(&kept).unwrap();
    fs::set_permissions(root.join("store/refs/preprod"), fs::Permissions::from_mode(0o666)).unwrap();

    let sources = [CopySource::Directory(&copies)];
    let options = FsckOptions::default();
    let plan = store.plan_repair(&options, &sources, &context(1000)).unwrap();
    let means: Vec<String> = plan
        .steps()
        .iter()
        .map(|step| {
            format!("{}: {}", step.problem.kind, step.means).replace(root.parent().unwrap().as_str(), "DIR")
        })
        .collect();
    insta::assert_snapshot!(means.join("\n"), @"
    damaged: copy it from DIR/copies/any.deb
    damaged: link it again
    missing: link it again
    mode: set its mode
    ");
    assert!(plan.left().is_empty(), "{:?}", plan.left());
    let report = repaired_as_planned(store, &options, &sources, &context(1000));
    assert!(report.remaining.is_clean(), "{:?}", report.remaining.problems);
}

#[test]
fn no_server_is_asked_for_a_plan() {
    let fixture = small();
    let root = fixture.store.root();
    let debs = everything_below(&root.join("public/preprod/pool"));
    let deb = debs.iter().find(|path| path.extension() == Some("deb")).unwrap();
    overwrite(deb, b"damaged");
    let sources = [CopySource::Remote(&Unasked)];
    let plan = fixture.store.plan_repair(&FsckOptions::default(), &sources, &context(1000)).unwrap();
    let hope = RepairMeans::Copy { from: "http://copies.example".to_owned() };
    assert!(plan.steps().iter().any(|step| step.means == hope), "{plan:?}");
}

#[test]
fn what_was_damaged_since_is_not_repaired_by_a_plan() {
    let fixture = small();
    let (store, options) = (&fixture.store, FsckOptions::default());
    // The first repair makes the file of its lock.
    assert!(store.repair(&options, &[], &context(1000)).unwrap().repaired.is_empty());
    let reference = store.root().join("store/refs/preprod");
    let widen = |path: &Utf8Path| fs::set_permissions(path, fs::Permissions::from_mode(0o666)).unwrap();
    widen(&reference);
    let plan = store.plan_repair(&options, &[], &context(1000)).unwrap();
    assert_eq!(plan.steps().len(), 1);
    widen(&store.root().join("store/ops/log"));
    let before = state(store.root());
    let refused = plan.apply(store, &options, &[], &context(1000)).unwrap_err();
    assert!(
        matches!(refused, Error::Maintenance(MaintenanceError::OutdatedRepair { problems: 1 })),
        "{refused:?}"
    );
    assert_eq!(before, state(store.root()));
    let plan = plan.rebase(store, &options, &[], &context(1000)).unwrap();
    assert!(plan.steps().iter().all(|step| step.problem.kind == ProblemKind::Mode));
    assert!(plan.apply(store, &options, &[], &context(1000)).unwrap().remaining.is_clean());
}

#[test]
fn a_state_that_only_a_backup_has_is_planned_to_come_back() {
    let fixture = small();
    let (store, root) = (&fixture.store, fixture.store.root());
    let backup = root.parent().unwrap().join("backup");
    let _ = store.backup(&backup, &context(500)).unwrap();
    let state = |number| store.resolve(&fixture.preprod.name, number).unwrap().id().to_string();
    let (first, second) = (state("1"), state("2"));
    let object = root.join("store/objects").join(&second[..2]).join(&second[2..]);
    fs::remove_file(object).unwrap();
    let reference = root.join("store/refs/preprod");
    fs::write(&reference, format!("{first}\n")).unwrap();

    let (options, sources) = (FsckOptions::default(), [CopySource::Directory(&backup)]);
    let plan = store.plan_repair(&options, &sources, &context(1000)).unwrap();
    assert!(plan.steps().iter().any(|step| step.means == RepairMeans::PointAt { state: 2 }), "{plan:?}");
    let report = repaired_as_planned(store, &options, &sources, &context(1000));
    assert!(report.remaining.is_clean(), "{:?}", report.remaining.problems);
    assert_eq!(fs::read_to_string(&reference).unwrap(), format!("{second}\n"));
}

#[test]
fn what_lies_in_the_place_of_the_locks_is_moved_and_told() {
    let fixture = small();
    let locks = fixture.store.root().join("store/locks");
    fs::remove_dir_all(&locks).unwrap();
    fs::write(&locks, "").unwrap();
    let report = repaired_as_planned(&fixture.store, &FsckOptions::default(), &[], &context(1000));
    let told = |problem: &repo_store::maintenance::fsck::Problem| {
        problem.path == "store/locks" && problem.kind == ProblemKind::InTheWay
    };
    assert!(report.repaired.iter().any(told), "{:?}", report.repaired);
    assert!(report.remaining.is_clean() && locks.is_dir());
}
