//! Several at once: nothing is lost, and readers never see half of anything.

use std::collections::BTreeSet;
use std::os::unix::process::CommandExt as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use testkit::Environment;

use crate::published::Published;
use crate::store;

const WRITERS: usize = 4;
const ROUNDS: usize = 4;

#[test]
fn writers_lose_nothing_and_readers_see_whole_states() {
    let environment = store();
    let files: Vec<Vec<String>> = (0..WRITERS)
        .map(|writer| {
            let name = format!("package{writer}");
            (0..ROUNDS)
                .map(|round| environment.package(&name, &format!("1.{round}"), "all").into_string())
                .collect()
        })
        .collect();
    let published = Published::of(&environment, "preprod");
    let done = AtomicBool::new(false);
    let reads = std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut reads = 0;
            let mut seen = BTreeSet::new();
            while !done.load(Ordering::Relaxed) {
                let content = published.read().unwrap_or_else(|wrong| panic!("read {reads}: {wrong}"));
                let now = content["bookworm"].clone();
                assert!(seen.is_subset(&now), "what was published once is there until it is removed");
                seen = now;
                reads += 1;
            }
            reads
        });
        let writers: Vec<_> = files
            .iter()
            .map(|files| {
                let environment = &environment;
                scope.spawn(move || {
                    for file in files {
                        let _ = environment.run(&["add", "preprod", file.as_str()]).succeeds();
                    }
                })
            })
            .collect();
        let ended: Vec<_> = writers.into_iter().map(std::thread::ScopedJoinHandle::join).collect();
        done.store(true, Ordering::Relaxed);
        let reads = reader.join().unwrap();
        ended.into_iter().for_each(|ended| ended.unwrap());
        reads
    });
    assert!(reads > 0);
    let content = published.read().unwrap();
    assert_eq!(content["bookworm"].len(), WRITERS * ROUNDS);
    let history = environment.json(&["history", "preprod", "--limit", "0"]);
    let history: serde_json::Value = serde_json::from_str(&history).unwrap();
    assert_eq!(history["history"].as_array().unwrap().len(), WRITERS * ROUNDS + 1);
}

#[test]
fn the_same_file_added_by_several_is_there_once() {
    let environment = store();
    let file = environment.package("hello", "1.0", "all");
    std::thread::scope(|scope| {
        for _ in 0..WRITERS {
            scope.spawn(|| {
                let _ = environment.run(&["add", "preprod", file.as_str()]).succeeds();
            });
        }
    });
    let listed = environment.run(&["list", "preprod"]).succeeds().stdout;
    assert_eq!(listed.matches("hello").count(), 1, "{listed}");
    let history = environment.run(&["history", "preprod"]).succeeds().stdout;
    assert_eq!(history.lines().count(), 3, "a head, one change and the beginning:\n{history}");
    assert_eq!(Published::of(&environment, "preprod").read().unwrap()["bookworm"].len(), 1);
}

#[test]
fn of_two_contents_of_one_version_one_wins() {
    let environment = store();
    let files: Vec<_> = ["one", "two"]
        .map(|text| {
            let bytes = testkit::package::builder("hello", "1.0", "all").description(text).build().unwrap();
            environment.write(&format!("files/{text}.deb"), bytes)
        })
        .to_vec();
    let mut ends: Vec<_> = std::thread::scope(|scope| {
        let runs: Vec<_> = files
            .iter()
            .map(|file| scope.spawn(|| environment.run(&["add", "preprod", file.as_str()]).status))
            .collect();
        runs.into_iter().map(|run| run.join().unwrap()).collect()
    });
    ends.sort_unstable();
    assert_eq!(ends, [Some(0), Some(1)]);
    assert_eq!(Published::of(&environment, "preprod").read().unwrap()["bookworm"].len(), 1);
}

/// Calls `work` until `done`, at least once; says how often that was.
fn until(done: &AtomicBool, mut work: impl FnMut()) -> usize {
    let mut times = 0;
    while times == 0 || !done.load(Ordering::Relaxed) {
        work();
        times += 1;
    }
    times
}

/// How long publishing took at most, that which is not done yet included.
#[derive(Default)]
struct Publishing {
    longest: Duration,
    begun: Option<Instant>,
}

impl Publishing {
    fn longest(&self) -> Duration {
        self.longest.max(self.begun.map_or(Duration::ZERO, |begun| begun.elapsed()))
    }
}

/// Publishes, and takes the time.
fn publish(environment: &Environment, publishing: &Mutex<Publishing>) {
    publishing.lock().unwrap().begun = Some(Instant::now());
    let _ = environment.run(&["publish", "preprod"]).succeeds();
    let mut publishing = publishing.lock().unwrap();
    publishing.longest = publishing.longest();
    publishing.begun = None;
}

/// Reads the published tree as a client, who must not take longer than the grace period. That begins with the second in which the next
/// publication was begun, and clients see what was before until that is done.
fn read_within(grace: Duration, published: &Published, publishing: &Mutex<Publishing>, reads: &AtomicUsize) {
    let start = Instant::now();
    match published.read() {
        Ok(_) => drop(reads.fetch_add(1, Ordering::Relaxed)),
        Err(wrong) => {
            let took = start.elapsed();
            let longest = publishing.lock().unwrap().longest();
            assert!(took + longest >= grace, "after {took:?}, publishing {longest:?}: {wrong}");
        }
    }
}

/// `REPO_TEST_EXHAUSTIVE=1` makes it eight processes at a time with two hundred packages each.
#[test]
fn writers_lose_nothing_while_others_publish_read_and_collect_garbage() {
    let (writers, packages) = if crate::exhaustive() { (8, 200) } else { (4, 25) };
    let environment = store();
    environment.add("preprod", &["first=1.0"]);
    let published = Published::of(&environment, "preprod");
    let (done, reads) = (AtomicBool::new(false), AtomicUsize::new(0));
    let publishing = Mutex::default();
    let run = |arguments: &[&str]| drop(environment.run(arguments).succeeds());
    let counts = std::thread::scope(|scope| {
        let others = [
            scope.spawn(|| until(&done, || publish(&environment, &publishing))),
            scope.spawn(|| until(&done, || run(&["gc", "--grace", "2s", "--yes"]))),
            scope.spawn(|| until(&done, || run(&["list", "preprod"]))),
            scope.spawn(|| until(&done, || run(&["versions", "first"]))),
            scope.spawn(|| {
                until(&done, || read_within(Duration::from_secs(2), &published, &publishing, &reads))
            }),
        ];
        let adding: Vec<_> = (0..writers)
            .map(|writer| {
                let environment = &environment;
                scope.spawn(move || add_one_by_one(environment, &format!("package{writer}"), packages))
            })
            .collect();
        let ended: Vec<_> = adding.into_iter().map(std::thread::ScopedJoinHandle::join).collect();
        done.store(true, Ordering::Relaxed);
        let counts = others.map(|other| other.join().unwrap());
        ended.into_iter().for_each(|ended| ended.unwrap());
        counts
    });
    assert!(reads.load(Ordering::Relaxed) > 0);
    run(&["publish", "preprod"]);

    let wanted: BTreeSet<String> = (0..writers)
        .flat_map(|writer| (0..packages).map(move |version| format!("package{writer} 1.{version} all")))
        .chain(["first 1.0 all".to_owned()])
        .collect();
    assert_eq!(published.read().unwrap()["bookworm"], wanted, "nothing is lost and nothing doubled");
    let history: serde_json::Value =
        serde_json::from_str(&environment.json(&["history", "preprod", "--limit", "0"])).unwrap();
    let history = history["history"].as_array().unwrap();
    assert_eq!(history.len(), writers * packages + 2, "a commit for each, and the beginning");
    assert!(history.iter().rev().skip(1).all(|commit| commit["added"] == 1 && commit["removed"] == 0));
    run(&["fsck"]);
    let [publish, gc, list, versions, read] = counts;
    testkit::note(&format!(
        "{writers} x {packages} packages; meanwhile publish {publish}, gc {gc}, list {list}, versions {versions}, reads {read}"
    ));
}

fn add_one_by_one(environment: &Environment, name: &str, packages: usize) {
    for version in 0..packages {
        let file = environment.package(name, &format!("1.{version}"), "all");
        let _ = environment.run(&["add", "preprod", "--no-publish", file.as_str()]).succeeds();
    }
}

#[test]
fn a_lock_ends_with_its_process() {
    if !testkit::all_installed(&["flock"]) {
        return;
    }
    let environment = store();
    environment.add("preprod", &["first=1.0"]);
    let file = environment.package("second", "1.0", "all");
    for lock in ["refs.preprod", "publish.preprod", "ops.log"] {
        let lock = environment.root().join("store/locks").join(lock);
        assert!(lock.exists(), "{lock}");
        // A group of its own, so that `sleep` ends with it.
        let mut holding = environment.other(&["flock", "-o", lock.as_str(), "sleep", "600"]);
        let mut holder = holding.process_group(0).spawn().unwrap();
        let is_held = || environment.finish(&mut environment.other(&["flock", "-n", lock.as_str(), "true"]));
        while is_held().status == Some(0) {
            std::thread::sleep(Duration::from_millis(5));
        }
        let mut waiting = environment.command().args(["add", "preprod", file.as_str()]).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(300));
        assert_eq!(waiting.try_wait().unwrap(), None, "{lock} is waited for");
        kill_process_group(Pid::from_child(&holder), Signal::KILL).unwrap();
        holder.wait().unwrap();
        assert!(waiting.wait().unwrap().success(), "{lock}");
        let _ = environment.run(&["remove", "preprod", "second"]).succeeds();
    }
}

#[test]
fn no_file_appears_in_the_published_tree_before_it_is_whole() {
    if !testkit::traces_files(&[]) {
        return;
    }
    let environment = store();
    environment.add("preprod", &["hello=1.0"]);
    let file = environment.package("hello", "2.0", "all");
    let log = environment.path("strace.log");
    let wrapper = ["strace", "-f", "-qq", "-o", log.as_str(), "-e", "trace=openat", "--"];
    let output = environment.finish(environment.wrapped(&wrapper).args(["add", "preprod", file.as_str()]));
    if output.status != Some(0) {
        testkit::skipped("strace cannot trace here");
        return;
    }
    let log = std::fs::read_to_string(log).unwrap();
    let created: Vec<&str> = log.lines().filter(|line| line.contains("O_CREAT")).collect();
    assert!(created.iter().any(|line| line.contains("store/tmp/")), "{log}");
    let in_place: Vec<_> = created.iter().filter(|line| line.contains("/public/")).collect();
    assert!(in_place.is_empty(), "{in_place:#?}");
}
