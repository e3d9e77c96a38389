//! What strace wrote down.

use std::collections::HashMap;

use camino::Utf8Path;

/// Returns the calls in a log of `strace -f`, a line for each.
///
/// Of a call that another thread came between, strace writes the beginning and the end apart, and may name a file in both.
pub(crate) fn calls(log: &Utf8Path) -> Vec<String> {
    whole(&std::fs::read_to_string(log).unwrap())
}

fn whole(log: &str) -> Vec<String> {
    let mut calls: Vec<String> = Vec::new();
    let mut begun: HashMap<&str, usize> = HashMap::new();
    for line in log.lines() {
        let process = line.split(' ').next().unwrap();
        let end = line.split_once(" resumed>").filter(|(start, _)| start.contains("<... "));
        if let Some((place, (_, end))) = end.and_then(|end| Some((begun.remove(process)?, end))) {
            calls[place].push_str(end);
        } else if let Some(beginning) = line.strip_suffix("<unfinished ...>") {
            begun.insert(process, calls.len());
            calls.push(beginning.trim_end().to_owned());
        } else {
            calls.push(line.to_owned());
        }
    }
    calls
}

#[test]
fn a_call_that_another_thread_came_between_is_one() {
    let log = "\
        71 openat(AT_FDCWD</srv>, \"a\", O_RDONLY <unfinished ...>\n\
        72 openat(AT_FDCWD</srv>, \"b\", O_RDONLY) = -1 ENOENT (No such file or directory)\n\
        72 read(4</srv/c>,  <unfinished ...>\n\
        71 <... openat resumed>)               = 3</srv/a>\n\
        72 <... read resumed>\"x\", 8192)       = 1\n\
        71 exit_group(0)                       = ?\n";
    let calls = whole(log);
    let calls: Vec<&str> = calls.iter().map(String::as_str).collect();
    assert_eq!(
        calls,
        [
            "71 openat(AT_FDCWD</srv>, \"a\", O_RDONLY)               = 3</srv/a>",
            "72 openat(AT_FDCWD</srv>, \"b\", O_RDONLY) = -1 ENOENT (No such file or directory)",
            "72 read(4</srv/c>,\"x\", 8192)       = 1",
            "71 exit_group(0)                       = ?",
        ]
    );
}
