//! A link in the place of a directory of the store: it is named, nothing is written, and nothing is taken for lost.

use std::fs;

use camino::Utf8Path;
use testkit::Environment;

use crate::store;

/// Everything below a directory, with what it holds.
fn picture(environment: &Environment, directory: &Utf8Path) -> String {
    let script = format!(
        "cd {directory} && find . -not -path '*/upkeep/*' -not -path '*/locks/*' -not -path '*/tmp/*' -not -name tmp -not -name locks -printf '%p %y %l %s %i\\n' | sort"
    );
    let listed = environment.other(&["sh", "-c", &script]).output().unwrap();
    String::from_utf8(listed.stdout).unwrap()
}

#[test]
fn a_link_in_the_place_of_a_directory_of_the_store_stops_what_writes_and_harms_nothing() {
    let environment = store();
    let _ = environment.run(&["key", "publish"]).succeeds();
    environment.add("prod", &["hello=1.0"]);
    let _ = environment.run(&["tag", "prod", "first"]).succeeds();
    let _ = environment.run(&["backup", "saved"]).succeeds();
    let (root, elsewhere, saved) =
        (environment.root(), environment.path("elsewhere"), environment.path("saved"));
    let before = picture(&environment, &saved);
    let blobs = root.join("store/blobs").read_dir_utf8().unwrap().next().unwrap().unwrap().into_path();
    let fixed = [
        "store",
        "store/objects",
        "store/blobs",
        "store/refs",
        "store/tags",
        "store/keyrings",
        "store/ops",
        "store/publications",
        "store/locks",
        "store/tmp",
        "keys",
    ];
    let deeper = ["store/tags/prod", "store/publications/prod", blobs.strip_prefix(&root).unwrap().as_str()];
    for path in fixed.into_iter().chain(deeper) {
        let place = root.join(path);
        fs::rename(&place, &elsewhere).unwrap();
        std::os::unix::fs::symlink(&elsewhere, &place).unwrap();
        let linked = (picture(&environment, &root), picture(&environment, &elsewhere));
        for arguments in [&["fsck"][..], &["fsck", "--repair"], &["fsck", "--repair", "--from", "saved"]] {
            let found = environment.run(arguments).ends_with(1);
            assert!(found.text().contains("in-the-way"), "{path}: {found}");
            assert_eq!(found.stdout.matches("in-the-way").count(), 1, "{path}: {found}");
            assert!(!found.text().contains("missing"), "{path}: {found}");
        }
        for arguments in [
            &["backup", "saved"][..],
            &["backup", "saved", "--dry-run"],
            &["backup", "new"],
            &["backup", "--list"],
        ] {
            let refused = environment.run(arguments).ends_with(1);
            assert!(refused.stderr.contains("the directory itself belongs there"), "{path}: {refused}");
        }
        let file = environment.package("new", "1.0", "amd64");
        for arguments in [
            &["add", "prod", file.as_str()][..],
            &["sign", "again"],
            &["tag", "prod", "second"],
            &["remove", "prod", "hello", "--yes"],
            &["gc", "--yes"],
        ] {
            let refused = environment.run(arguments).ends_with(1);
            assert!(
                refused.stderr.contains("a directory") || refused.stderr.contains("the directory"),
                "{path}: {refused}"
            );
        }
        let after = (picture(&environment, &root), picture(&environment, &elsewhere));
        let changed: Vec<_> = after.1.lines().filter(|line| !linked.1.contains(line)).collect();
        assert_eq!(linked, after, "{path}: {changed:?}");
        assert!(!environment.path("new").exists(), "{path}");
        fs::remove_file(&place).unwrap();
        fs::rename(&elsewhere, &place).unwrap();
        let _ = environment.run(&["fsck"]).succeeds();
        assert_eq!(before, picture(&environment, &saved), "{path}");
    }
}

#[test]
fn what_a_link_among_the_temporary_files_leads_to_stays() {
    let environment = store();
    let elsewhere = environment.path("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    let file = environment.write("elsewhere/file", "kept");
    let _ = environment.write("elsewhere/lock", "");
    std::os::unix::fs::symlink(&elsewhere, environment.root().join("store/tmp/1-0")).unwrap();
    environment.add("prod", &["hello=1.0"]);
    assert_eq!(fs::read(file).unwrap(), b"kept");
}
