//! `kill -9` at any moment, and a system that refuses any call: clients see the old state or the new one, every verb works,
//! and the command can be given again.
//!
//! A few moments are tried in an ordinary run, spread over the command; all of them with `REPO_TEST_EXHAUSTIVE=1`.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

use camino::Utf8Path;
use testkit::{Environment, Output, Tree};

use crate::published::{Content, Published};
use crate::signing_apart::{offline_store, sign};
use crate::{PROGRAM, configure, exhaustive, killed_at, store, traces};

/// System calls that change something or name what is to be changed. `?`: not every architecture has each.
pub(crate) const CALLS: &str = "?write,?writev,?pwrite64,?rename,?renameat,?renameat2,?link,?linkat,?symlink,?symlinkat,?mkdir,\
    ?mkdirat,?unlink,?unlinkat,?rmdir,?fsync,?fdatasync,?syncfs,?openat,?fchmod,?chmod,?fchmodat,?copy_file_range,\
    ?sendfile,?ftruncate,?utimensat,?flock";

/// How many moments an ordinary run tries for each command.
const MOMENTS: usize = 5;

/// A command about to be given to a store that stands as prepared.
struct Scene {
    environment: Environment,
    command: &'static [&'static str],
    published: Published,
    old: Content,
    new: Content,
    /// What the command makes beside the store.
    aside: &'static str,
    /// What must hold when it was done, besides that the store is sound.
    done: fn(&Environment),
}

impl Scene {
    /// `repository`: the one whose published tree the command changes.
    fn new(environment: Environment, repository: &str, command: &'static [&'static str]) -> Self {
        let scene = Self::prepare(environment, repository, command, "", |_| {});
        assert_ne!(scene.old, scene.new, "the command does something");
        scene
    }

    /// A command that clients do not notice. It may make the directory `aside`; `done` says what must hold afterwards.
    fn unnoticed(
        environment: Environment,
        command: &'static [&'static str],
        aside: &'static str,
        done: fn(&Environment),
    ) -> Self {
        let scene = Self::prepare(environment, "preprod", command, aside, done);
        assert_eq!(scene.old, scene.new);
        scene
    }

    fn prepare(
        environment: Environment,
        repository: &str,
        command: &'static [&'static str],
        aside: &'static str,
        done: fn(&Environment),
    ) -> Self {
        let published = Published::of(&environment, repository);
        let old = published.read().unwrap();
        environment.package("sweeper", "1.0", "all");
        fs::rename(environment.root(), environment.path("template")).unwrap();
        let mut scene = Self { environment, command, published, old: old.clone(), new: old, aside, done };
        scene.restore();
        let _ = scene.environment.run(command).succeeds();
        scene.new = scene.published.read().unwrap();
        done(&scene.environment);
        scene
    }

    /// Puts the store back to how it was prepared.
    fn restore(&self) {
        let root = self.environment.root();
        let aside = (!self.aside.is_empty()).then(|| self.environment.path(self.aside));
        for directory in [&root].into_iter().chain(&aside).filter(|directory| directory.exists()) {
            fs::remove_dir_all(directory).unwrap();
        }
        let template = self.environment.path("template");
        let mut copy = self.environment.other(&["cp", "-a", template.as_str(), root.as_str()]);
        let _ = self.environment.finish(&mut copy).succeeds();
    }

    /// What clients see must be the old state or the new one.
    fn check_published(&self, moment: &str) {
        let content = self.published.read().unwrap_or_else(|wrong| panic!("{moment}: {wrong}"));
        assert!(content == self.old || content == self.new, "{moment}: a mixture: {content:?}");
    }

    /// What must hold after a crash.
    fn check(&self, moment: &str) {
        self.check_published(moment);
        for verb in [
            &["list", "preprod"][..],
            &["list", "prod"],
            &["history", "preprod"],
            &["history", "prod"],
            &["versions", "hello"],
            &["show", "preprod", "hello"],
            &["key", "list"],
        ] {
            let output = self.environment.run(verb);
            assert_eq!(output.status, Some(0), "{moment}: {verb:?}: {output}");
        }
        let difference = self.environment.run(&["diff", "preprod", "prod"]);
        assert!(matches!(difference.status, Some(0 | 3)), "{moment}: {difference}");
    }

    /// What must hold after the command was given again.
    fn check_again(&self, moment: &str) {
        let output = self.environment.run(self.command);
        // A restoration that came to its end is not begun again: there may be something new by then.
        let is_done = match self.command {
            ["restore", ..] => output.stderr.contains("is the root of a store already"),
            ["sign", "attach", ..] => output.stderr.contains("are stale"),
            ["sign", "export", directory, ..] => output.stderr.contains(directory),
            _ => false,
        };
        assert!(output.status == Some(0) || is_done, "{moment}, then again: {output}");
        let content = self.published.read().unwrap_or_else(|wrong| panic!("{moment}, then again: {wrong}"));
        assert_eq!(content, self.new, "{moment}, then again: {output}");
        let check = self.environment.run(&["fsck"]);
        assert_eq!(check.status, Some(0), "{moment}, then again: {output}{check}");
        (self.done)(&self.environment);
        // The next writer clears up. A directory whose owner died before it could lock it is left for a minute.
        let sweeper = self.environment.path("files/sweeper_1.0_all.deb");
        let _ = self.environment.run(&["add", "preprod", "--no-publish", sweeper.as_str()]).succeeds();
        let left = Tree::of(&self.environment.root().join("store/tmp"));
        let left: Vec<_> = left.paths().filter(|path| path.components().count() > 1).collect();
        assert!(left.is_empty(), "{moment}, then again: left behind: {left:?}");
    }

    /// Runs the command under strace. On one processor, so that it has one thread and calls come in one order.
    fn traced(&self, options: &[&str]) -> Output {
        let mut wrapper = vec!["taskset", "-c", "0", "strace", "-f", "-qq"];
        wrapper.extend(options);
        wrapper.push("--");
        let mut command = self.environment.wrapped(&wrapper);
        self.environment.finish(command.args(self.command))
    }

    /// The system calls the command makes, each with how many of its kind there were by then. `None` where nothing can be
    /// traced.
    fn calls(&self) -> Option<Vec<(String, usize)>> {
        self.restore();
        let log = self.environment.path("strace.log");
        let output = self.traced(&["-y", "-o", log.as_str(), "-e", &format!("trace={CALLS}")]);
        if output.status != Some(0) {
            testkit::skipped("strace cannot trace here");
            return None;
        }
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        let log = traces::calls(&log);
        // `PID CALL(ARGUMENTS) = RESULT`
        let calls = log.iter().filter_map(|line| line.split_once('('));
        let count = |(start, rest): (&str, &str)| {
            let name = start.split_whitespace().last()?;
            let count = seen.entry(name.to_owned()).or_default();
            *count += 1;
            // One that wakes another thread reaches no disk, and never fails.
            (!rest.contains("<anon_inode:[eventfd]>")).then(|| (name.to_owned(), *count))
        };
        Some(calls.filter_map(count).collect())
    }

    /// Runs the command and kills it when it makes the given call.
    fn killed_at(&self, (name, number): &(String, usize)) -> Output {
        let inject = format!("inject={name}:signal=KILL:when={number}");
        self.traced(&["-o", "/dev/null", "-e", &format!("trace={name}"), "-e", &inject])
    }

    fn crash_at_calls(&self) {
        if !testkit::all_installed(&["strace", "taskset"]) {
            return;
        }
        let Some(calls) = self.calls() else { return };
        assert!(calls.len() > 20, "strace saw only {calls:?}");
        let mut killed = 0;
        for place in moments(calls.len()) {
            self.restore();
            let call = &calls[place];
            let moment = format!("{:?} killed at {call:?}, {place} of {}", self.command, calls.len());
            let output = self.killed_at(call);
            killed += usize::from(output.status != Some(0));
            self.check_published(&moment);
            // And once more, somewhere else, before anything was repaired.
            let second = &calls[place * 7 % calls.len()];
            let _ = self.killed_at(second);
            let moment = format!("{moment} and then at {second:?}");
            self.check(&moment);
            self.check_again(&moment);
        }
        assert!(killed > 0, "nothing was killed");
        if exhaustive() {
            let calls = calls.len();
            testkit::note(&format!(
                "{:?}: killed at {killed} of {calls} calls, and at a second one",
                self.command
            ));
        }
    }

    /// Runs the command where the given call fails, as on a full or broken disk.
    fn failing_at(&self, (name, number): &(String, usize), error: &str) -> Output {
        let inject = format!("inject={name}:error={error}:when={number}");
        self.traced(&["-o", "/dev/null", "-e", &format!("trace={name}"), "-e", &inject])
    }

    fn errors_at_calls(&self) {
        if !testkit::all_installed(&["strace", "taskset"]) {
            return;
        }
        let Some(calls) = self.calls() else { return };
        let (mut tried, mut failed) = (0, 0);
        // Most calls of some verbs open a file to read it, and what a repair cannot read it replaces: so the others count by themselves.
        let (opening, others): (Vec<usize>, Vec<usize>) =
            (0..calls.len()).partition(|place| calls[*place].0 == "openat");
        let places = [opening, others].into_iter().flat_map(|of| {
            let chosen = moments(of.len());
            chosen.into_iter().map(move |moment| of[moment])
        });
        for (place, error) in places.flat_map(|place| errors(self.command[0], &calls[place].0, place)) {
            self.restore();
            let call = &calls[place];
            let output = self.failing_at(call, error);
            tried += 1;
            let moment =
                format!("{:?}: {error} at {call:?}, {place} of {}: {output}", self.command, calls.len());
            self.check(&moment);
            // The thread that waits for signals is woken by a write to an eventfd, which no disk makes fail. Which call that is changes.
            let is_of_strace = output.stderr.contains("failed to wake I/O driver");
            assert!(is_of_strace || !output.stderr.contains("panicked"), "{moment}");
            if output.status == Some(0) {
                let content = self.published.read().unwrap();
                assert_eq!(content, self.new, "{moment}: success without having done it");
            } else {
                failed += 1;
            }
            self.check_again(&moment);
        }
        assert!(failed > 0, "nothing failed");
        if exhaustive() {
            testkit::note(&format!(
                "{:?}: of {tried} errors at {} calls {failed} were reported, the others made good",
                self.command,
                calls.len()
            ));
        }
    }

    fn crash_after_delays(&self) {
        self.restore();
        let start = Instant::now();
        let _ = self.environment.run(self.command).succeeds();
        let whole = start.elapsed();
        let steps = if exhaustive() { 100 } else { MOMENTS };
        for step in 0..steps {
            self.restore();
            let delay = whole.mul_f64(step as f64 / steps as f64);
            let moment = format!("{:?} killed after {delay:?}", self.command);
            let mut command = self.environment.command();
            let mut child = command.args(self.command).stdout(std::process::Stdio::null()).spawn().unwrap();
            std::thread::sleep(delay.max(Duration::from_micros(100)));
            let _ = child.kill();
            child.wait().unwrap();
            self.check(&moment);
            self.check_again(&moment);
        }
    }
}

/// The errors that the call at a place fails with: all that it could, or one of them in turn.
fn errors(verb: &str, call: &str, place: usize) -> Vec<(usize, &'static str)> {
    let possible = match call {
        "fsync" | "fdatasync" | "syncfs" => ["EIO", "ENOSPC"],
        "write" | "writev" | "pwrite64" | "ftruncate" | "copy_file_range" | "sendfile" => ["ENOSPC", "EIO"],
        // What is in a drop folder and must not be opened is refused and put aside, like any other file that will not do.
        "openat" if verb == "incoming" => ["EMFILE", "ENFILE"],
        "openat" => ["EMFILE", "EACCES"],
        "flock" => ["ENOLCK", "EIO"],
        "link" | "linkat" | "mkdir" | "mkdirat" | "symlink" | "symlinkat" => ["ENOSPC", "EACCES"],
        _ => ["EIO", "EACCES"],
    };
    let chosen = possible.into_iter().enumerate().filter(|(turn, _)| exhaustive() || place % 2 == *turn);
    chosen.map(|(_, error)| (place, error)).collect()
}

/// Numbers below `count`: all, or some that are spread evenly, the last one among them.
pub(crate) fn moments(count: usize) -> Vec<usize> {
    if exhaustive() {
        return (0..count).collect();
    }
    let steps = MOMENTS.min(count);
    (1..=steps).map(|step| count * step / steps - 1).collect()
}

fn adding() -> Scene {
    const COMMAND: &[&str] =
        &["add", "preprod", "files/hello_2.0+deb12u1_all.deb", "files/other_1.0_all.deb"];
    // One suite gets both packages, the other one of them: the two must change together.
    let environment = Environment::with_store(PROGRAM, &["bookworm", "trixie"]);
    environment.add("preprod", &["hello=1.0"]);
    environment.package("hello", "2.0+deb12u1", "all");
    environment.package("other", "1.0", "all");
    Scene::new(environment, "preprod", COMMAND)
}

fn publishing() -> Scene {
    let environment = store();
    environment.add("preprod", &["hello=1.0"]);
    let file = environment.package("hello", "2.0", "all");
    let _ = environment.run(&["add", "preprod", "--no-publish", file.as_str()]).succeeds();
    Scene::new(environment, "preprod", &["publish"])
}

/// Gives a command three hours ago. `None` where no other clock can be had.
fn before(environment: &Environment, arguments: &[&str]) -> Option<Output> {
    let mut command = environment.with_clock("-3h")?;
    Some(environment.finish(command.args(arguments)).succeeds())
}

/// A store that was made three hours ago.
fn older_store() -> Option<Environment> {
    let environment = Environment::new(PROGRAM);
    let _ = before(&environment, &["init", "store", "--suite", "bookworm", "--architecture", "amd64"])?;
    Some(environment)
}

/// Many publications are older than an hour.
fn thinning() -> Option<Scene> {
    let environment = older_store()?;
    for version in 1..=28 {
        let file = environment.package("hello", &version.to_string(), "all");
        let publish = if version == 28 { &["--no-publish"][..] } else { &[] };
        let _ = before(&environment, &[&["add", "preprod", file.as_str()], publish].concat())?;
    }
    let scene = Scene::prepare(environment, "preprod", &["publish"], "", |environment| {
        let publications = environment.root().join("public/preprod/.publications");
        let left = publications.read_dir_utf8().unwrap().count();
        // The hour may have changed between two of them.
        assert!((16..=17).contains(&left), "{left} publications are left");
    });
    assert_ne!(scene.old, scene.new);
    Some(scene)
}

fn promoting() -> Scene {
    const COMMAND: &[&str] = &["promote", "--all", "--from", "preprod", "--to", "prod"];
    let environment = store();
    environment.add("preprod", &["hello=1.0"]);
    let _ = environment.run(COMMAND).succeeds();
    environment.add("preprod", &["hello=2.0"]);
    Scene::new(environment, "prod", COMMAND)
}

fn rolling_back() -> Scene {
    const COMMAND: &[&str] = &["rollback", "prod", "--to", "1"];
    let environment = store();
    environment.add("preprod", &["hello=1.0"]);
    environment.add("prod", &["hello=1.0"]);
    environment.add("prod", &["hello=2.0"]);
    Scene::new(environment, "prod", COMMAND)
}

fn taking_in() -> Scene {
    const COMMAND: &[&str] = &["incoming", "preprod", "store/incoming", "--once"];
    let environment = store();
    environment.add("preprod", &["hello=1.0"]);
    fs::create_dir(environment.root().join("incoming")).unwrap();
    for version in ["2.0", "3.0"] {
        let file = environment.package("hello", version, "all");
        fs::rename(&file, environment.root().join("incoming").join(file.file_name().unwrap())).unwrap();
    }
    Scene::new(environment, "preprod", COMMAND)
}

/// A version that only the history knows, and publications that were replaced.
fn with_a_past() -> Environment {
    let environment = store();
    environment.add("preprod", &["hello=1.0"]);
    environment.add("preprod", &["hello=2.0", "other=1.0"]);
    let _ = environment.run(&["remove", "preprod", "hello=1.0"]).succeeds();
    environment
}

fn collecting() -> Scene {
    const COMMAND: &[&str] = &["gc", "--grace", "0", "--yes"];
    let environment = with_a_past();
    configure(&environment, "[gc]\nkeep_history = 1\n");
    // The first collection decides where the history ends, the next one removes what is before that: once the seconds have passed
    // with the publications counted as the current ones, and each has a second of its own.
    let _ = environment.run(COMMAND).succeeds();
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let dry_run = environment.run(&["gc", "--grace", "0", "--dry-run"]).succeeds().stdout;
        if dry_run.contains("store/blobs/") {
            break;
        }
        assert!(Instant::now() < deadline, "{dry_run}");
        std::thread::sleep(Duration::from_millis(50));
    }
    Scene::unnoticed(environment, COMMAND, "", |environment| {
        let output = environment.run(&["gc", "--grace", "0", "--yes"]).succeeds();
        assert!(!output.stdout.contains("blobs/"), "{output}");
    })
}

fn retaining() -> Scene {
    let environment = with_a_past();
    environment.add("preprod", &["hello=3.0"]);
    configure(&environment, "[[retention]]\nkeep_versions = 1\n");
    Scene::new(environment, "preprod", &["retention"])
}

fn backing_up() -> Scene {
    let environment = with_a_past();
    Scene::unnoticed(environment, &["backup", "backup"], "backup", |environment| {
        let restored = environment.path("from the backup");
        if restored.exists() {
            fs::remove_dir_all(&restored).unwrap();
        }
        let _ = environment.run(&["restore", "backup", restored.as_str()]).succeeds();
    })
}

fn restoring() -> Scene {
    let environment = with_a_past();
    let _ = environment.run(&["backup", "backup"]).succeeds();
    Scene::unnoticed(environment, &["restore", "backup", "restored"], "restored", |environment| {
        let shown = |root: &str| {
            fs::read(environment.path(format!("{root}/public/preprod/dists/bookworm/InRelease"))).unwrap()
        };
        assert_eq!(shown("restored"), shown("template"));
        let _ = environment.run(&["fsck", "--root", "restored"]).succeeds();
    })
}

fn refreshing() -> Option<Scene> {
    let environment = older_store()?;
    // More than half of it is over.
    configure(&environment, "valid_for = '5h'\n");
    let file = environment.package("hello", "1.0", "all");
    let _ = before(&environment, &["add", "preprod", file.as_str()])?;
    Some(Scene::unnoticed(environment, &["sign", "refresh"], "", |environment| {
        let again = environment.run(&["sign", "refresh", "preprod"]).succeeds();
        assert!(again.stdout.contains("nothing to sign"), "{again}");
    }))
}

fn attaching() -> Scene {
    let (environment, key) = offline_store();
    let package = environment.package("hello", "1.0", "all");
    let _ = environment.run(&["add", "preprod", package.as_str()]).succeeds();
    let directory = environment.path("to-sign");
    let _ = environment.run(&["sign", "export", directory.as_str(), "preprod"]).succeeds();
    sign(&directory, key);
    Scene::new(environment, "preprod", &["sign", "attach", "to-sign"])
}

fn exporting() -> Scene {
    let (environment, _) = offline_store();
    let package = environment.package("hello", "1.0", "all");
    let _ = environment.run(&["add", "preprod", package.as_str()]).succeeds();
    Scene::unnoticed(environment, &["sign", "export", "exported", "preprod"], "exported", |environment| {
        assert!(environment.path("exported/preprod/bookworm/Release").exists());
    })
}

fn repairing() -> Scene {
    let environment = with_a_past();
    let _ = environment.run(&["backup", "backup"]).succeeds();
    // What no verb needs: a package that only the history knows, and the log.
    let mut blobs = Vec::new();
    for area in environment.root().join("store/blobs").read_dir_utf8().unwrap() {
        let files = area.unwrap().path().read_dir_utf8().unwrap();
        blobs.extend(files.map(|file| file.unwrap().path().to_owned()));
    }
    let old = fs::read(environment.path("files/hello_1.0_all.deb")).unwrap();
    let blob = blobs.into_iter().find(|blob| fs::read(blob).unwrap() == old).unwrap();
    overwrite(&blob, b"!");
    let log = environment.root().join("store/ops/log");
    overwrite(&log, b"?");
    Scene::unnoticed(environment, &["fsck", "--repair", "--from", "backup"], "", |_| {})
}

/// Replaces the first byte of a file.
fn overwrite(path: &camino::Utf8Path, byte: &[u8; 1]) {
    use std::io::Write as _;
    use std::os::unix::fs::PermissionsExt as _;
    let mode = fs::metadata(path).unwrap().permissions();
    fs::set_permissions(path, fs::Permissions::from_mode(0o644)).unwrap();
    fs::File::options().write(true).open(path).unwrap().write_all(byte).unwrap();
    fs::set_permissions(path, mode).unwrap();
}

#[test]
fn add_killed_at_system_calls() {
    adding().crash_at_calls();
}

#[test]
fn add_killed_after_a_while() {
    adding().crash_after_delays();
}

#[test]
fn publish_killed_at_system_calls() {
    publishing().crash_at_calls();
}

#[test]
fn publish_killed_after_a_while() {
    publishing().crash_after_delays();
}

#[test]
fn publish_that_thins_killed_at_system_calls() {
    if let Some(scene) = thinning() {
        scene.crash_at_calls();
    }
}

#[test]
fn publish_that_thins_with_failing_system_calls() {
    if let Some(scene) = thinning() {
        scene.errors_at_calls();
    }
}

#[test]
fn promote_killed_at_system_calls() {
    promoting().crash_at_calls();
}

#[test]
fn promote_killed_after_a_while() {
    promoting().crash_after_delays();
}

#[test]
fn rollback_killed_at_system_calls() {
    rolling_back().crash_at_calls();
}

#[test]
fn rollback_killed_after_a_while() {
    rolling_back().crash_after_delays();
}

#[test]
fn incoming_killed_at_system_calls() {
    taking_in().crash_at_calls();
}

#[test]
fn add_with_failing_system_calls() {
    adding().errors_at_calls();
}

#[test]
fn publish_with_failing_system_calls() {
    publishing().errors_at_calls();
}

#[test]
fn promote_with_failing_system_calls() {
    promoting().errors_at_calls();
}

#[test]
fn incoming_with_failing_system_calls() {
    taking_in().errors_at_calls();
}

#[test]
fn gc_killed_at_system_calls() {
    collecting().crash_at_calls();
}

#[test]
fn gc_with_failing_system_calls() {
    collecting().errors_at_calls();
}

#[test]
fn what_a_killed_collection_put_aside_is_swept_though_a_sweep_is_killed_too() {
    if !testkit::all_installed(&["strace"]) {
        return;
    }
    let environment = store();
    let file = environment.package("hello", "1.0", "all");
    let add = ["add", "preprod", "--no-publish", file.as_str()];
    let left = environment.root().join("store/tmp/1-0");
    for number in 1..=8 {
        for aside in ["0", "1", "2", "3"] {
            fs::create_dir_all(left.join(aside).join("dists")).unwrap();
            fs::write(left.join(aside).join("dists/InRelease"), "x").unwrap();
        }
        fs::write(left.join("lock"), "").unwrap();
        let mut killed = killed_at(&environment, "unlink,unlinkat,rmdir", number);
        let killed = environment.finish(killed.args(add));
        assert_ne!(killed.status, Some(0), "{killed}");
        let _ = environment.run(&add).succeeds();
        assert!(!left.exists(), "killed at {number}: {:?}", Tree::of(&left));
    }
}

#[test]
fn a_collection_that_was_killed_is_no_damage_though_the_history_has_the_packages() {
    if !testkit::all_installed(&["strace", "cp"]) {
        return;
    }
    let environment = store();
    environment.add("preprod", &["hello=1.0"]);
    let _ = environment.run(&["remove", "preprod", "hello", "--yes"]).succeeds();
    let collect = ["gc", "--grace", "0", "--yes"];
    // Each publication counts as the current one for the second that it has as its id.
    let deadline = Instant::now() + Duration::from_secs(60);
    while !environment.run(&["gc", "--grace", "0", "--dry-run"]).succeeds().stdout.contains("/pool/") {
        assert!(Instant::now() < deadline, "nothing in the pool is garbage");
        std::thread::sleep(Duration::from_millis(50));
    }
    let (root, saved) = (environment.root(), environment.path("saved"));
    let copy = |from: &Utf8Path, to: &Utf8Path| {
        let _ = fs::remove_dir_all(to);
        let copied = environment.other(&["cp", "-a", from.as_str(), to.as_str()]).status().unwrap();
        assert!(copied.success());
    };
    copy(&root, &saved);
    let mut killed = 0;
    for number in 1..=12 {
        copy(&saved, &root);
        let calls = "unlink,unlinkat,rename,renameat,renameat2";
        let mut command = killed_at(&environment, calls, number);
        killed += i32::from(environment.finish(command.args(collect)).status != Some(0));
        let _ = environment.run(&["fsck"]).succeeds();
    }
    assert!(killed > 3, "only {killed} were killed");
}

#[test]
fn retention_killed_at_system_calls() {
    retaining().crash_at_calls();
}

#[test]
fn retention_with_failing_system_calls() {
    retaining().errors_at_calls();
}

#[test]
fn backup_killed_at_system_calls() {
    backing_up().crash_at_calls();
}

#[test]
fn backup_with_failing_system_calls() {
    backing_up().errors_at_calls();
}

#[test]
fn restore_killed_at_system_calls() {
    restoring().crash_at_calls();
}

#[test]
fn restore_with_failing_system_calls() {
    restoring().errors_at_calls();
}

#[test]
fn repair_killed_at_system_calls() {
    repairing().crash_at_calls();
}

#[test]
fn repair_with_failing_system_calls() {
    repairing().errors_at_calls();
}

#[test]
fn refreshing_killed_at_system_calls() {
    if let Some(scene) = refreshing() {
        scene.crash_at_calls();
    }
}

#[test]
fn attaching_killed_at_system_calls() {
    attaching().crash_at_calls();
}

#[test]
fn attaching_with_failing_system_calls() {
    attaching().errors_at_calls();
}

#[test]
fn exporting_killed_at_system_calls() {
    exporting().crash_at_calls();
}

#[test]
fn rollback_with_failing_system_calls() {
    rolling_back().errors_at_calls();
}
