//! What a store cannot be without is gone, or something else lies there: no verb makes it worse, and what is said is of use.

use std::fs;
use std::os::unix::fs::symlink;

use testkit::Environment;

use crate::{configure, store};

fn published() -> Environment {
    let environment = store();
    environment.add("prod", &["hello=1.0", "agent=1.0"]);
    environment
}

#[test]
fn a_store_without_its_configuration_is_not_made_anew() {
    let environment = published();
    configure(&environment, "[repositories.prod]\nallow = ['192.0.2.1']\n");
    let root = environment.root();
    fs::rename(root.join("repo.toml"), environment.path("aside")).unwrap();
    let keys = || root.join("keys").read_dir_utf8().unwrap().count();
    let before = keys();
    let found = environment.run(&["fsck"]).ends_with(1);
    assert!(found.stdout.contains("missing repo.toml"), "{found}");
    for verb in
        [&["publish"][..], &["init", root.as_str()], &["quickstart", "--no-serve", root.as_str()], &["serve"]]
    {
        let refused = environment.run(verb).ends_with(1);
        assert!(refused.stderr.contains("repo.toml"), "{verb:?}: {refused}");
        assert!(refused.stderr.contains("from the last backup"), "{verb:?}: {refused}");
        assert!(!root.join("repo.toml").exists() && keys() == before, "{verb:?}");
    }
    fs::write(root.join("repo.toml"), "").unwrap();
    fs::rename(root.join("repo.d"), environment.path("repo.d")).unwrap();
    let found = environment.run(&["fsck"]).ends_with(1);
    assert!(found.stdout.contains("damaged repo.toml: it names none of the repositories"), "{found}");
    fs::rename(environment.path("aside"), root.join("repo.toml")).unwrap();
    let _ = environment.run(&["fsck"]).succeeds();
}

#[test]
fn directories_that_may_be_removed_are_made_again() {
    let environment = published();
    let package = environment.package("more", "1.0", "all");
    for area in ["locks", "tmp"] {
        let directory = environment.root().join("store").join(area);
        let verbs: [&[&str]; 6] = [
            &["list", "prod"],
            &["publish", "prod"],
            &["add", "prod", package.as_str()],
            &["gc", "--yes"],
            &["fsck"],
            &["fsck", "--repair"],
        ];
        for verb in verbs {
            fs::remove_dir_all(&directory).unwrap();
            let _ = environment.run(verb).succeeds();
            fs::create_dir_all(&directory).unwrap();
        }
    }
    let locks = environment.root().join("store/locks");
    fs::remove_dir_all(&locks).unwrap();
    symlink("nowhere", &locks).unwrap();
    let _ = environment.run(&["fsck", "--repair"]).succeeds();
    let _ = environment.run(&["publish", "prod"]).succeeds();
}

#[test]
fn what_lies_in_the_place_of_the_format_is_no_matter_of_a_repair() {
    let environment = published();
    let format = environment.root().join("store/format");
    let text = fs::read(&format).unwrap();
    for way in ["gone", "link", "directory"] {
        fs::remove_file(&format).unwrap();
        match way {
            "link" => symlink(environment.path("nowhere"), &format).unwrap(),
            "directory" => fs::create_dir(&format).unwrap(),
            _ => {}
        }
        for verb in [&["publish"][..], &["fsck"], &["fsck", "--repair"]] {
            let refused = environment.run(verb).ends_with(1);
            assert!(refused.stderr.contains("the file of the backup"), "{way} {verb:?}: {refused}");
            assert!(!refused.stderr.contains("--repair`"), "{way} {verb:?}: {refused}");
        }
        match way {
            "directory" => fs::remove_dir(&format).unwrap(),
            "link" => fs::remove_file(&format).unwrap(),
            _ => {}
        }
        fs::write(&format, &text).unwrap();
    }
}

#[test]
fn a_disk_that_is_not_mounted_is_named_once() {
    let environment = published();
    let public = environment.root().join("public");
    fs::rename(&public, environment.path("disk")).unwrap();
    symlink("nowhere", &public).unwrap();
    for verb in [&["fsck"][..], &["fsck", "--repair"]] {
        let found = environment.run(verb).ends_with(1);
        let lines: Vec<&str> = found.stdout.lines().filter(|line| line.contains("public")).collect();
        assert!(
            lines.len() == 1 && lines[0].starts_with("in-the-way public: it is a symbolic link"),
            "{found}"
        );
        assert!(found.stderr.contains("mount what `public` leads to"), "{verb:?}: {found}");
        assert!(public.is_symlink(), "{verb:?}");
    }
    fs::remove_file(&public).unwrap();
    symlink(environment.path("disk"), &public).unwrap();
    let _ = environment.run(&["fsck"]).succeeds();
}

#[test]
fn what_lies_in_the_pool_is_moved_also_when_no_record_tells_of_it() {
    let environment = published();
    let root = environment.root();
    fs::remove_dir_all(root.join("store/publications/prod")).unwrap();
    let main = environment.public("prod").join("pool/main");
    fs::rename(&main, environment.path("aside")).unwrap();
    symlink("/nonexistent", &main).unwrap();
    let found = environment.run(&["fsck"]).ends_with(1);
    assert!(found.stdout.contains("in-the-way public/prod/pool/main"), "{found}");
    let _ = environment.run(&["fsck", "--repair"]);
    assert!(!main.is_symlink());
    let _ = environment.run(&["publish", "prod"]).succeeds();
    let _ = environment.run(&["fsck", "--repair"]).succeeds();
    assert!(main.join("h/hello/hello_1.0_all.deb").is_file());
    let _ = environment.run(&["fsck"]).succeeds();
}
