//! Several at once: nothing is lost, and readers never see half of anything.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

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
