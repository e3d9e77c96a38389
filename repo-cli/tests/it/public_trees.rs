//! A published tree that others removed parts of or put something into.

use std::fs;
use std::os::unix::fs::symlink;

use camino::{Utf8Path, Utf8PathBuf};
use testkit::{Environment, Tree};

use crate::published::Published;
use crate::{configure, store};

/// A store with a tag, an alias, a flat form and a source package's worth of indices.
fn full_store() -> Environment {
    let environment = store();
    configure(&environment, "contents = true\n[repositories.preprod]\nflat = 'bookworm'\n");
    environment.add("preprod", &["hello=1.0", "agent=1.0"]);
    let _ = environment.run(&["tag", "preprod", "first"]).succeeds();
    environment
}

/// The directory of the publication that clients see.
fn current(environment: &Environment) -> Utf8PathBuf {
    let public = environment.public("preprod");
    public.join(public.join("dists").read_link_utf8().unwrap()).parent().unwrap().to_owned()
}

fn remove(path: &Utf8Path) {
    match path.symlink_metadata().unwrap().is_dir() {
        true => fs::remove_dir_all(path).unwrap(),
        false => fs::remove_file(path).unwrap(),
    }
}

#[test]
fn a_signed_file_of_another_content_is_made_again_by_publish() {
    for name in ["InRelease", "Release", "Release.gpg"] {
        let environment = full_store();
        let path = current(&environment).join("dists/bookworm").join(name);
        let mut bytes = fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        remove(&path);
        fs::write(&path, bytes).unwrap();
        let _ = environment.run(&["publish", "preprod"]).succeeds();
        let signed = fs::read(environment.public("preprod").join("dists/bookworm").join("Release")).unwrap();
        let inline = environment.public("preprod").join("dists/bookworm/InRelease");
        assert!(
            String::from_utf8(fs::read(inline).unwrap())
                .unwrap()
                .contains(std::str::from_utf8(&signed).unwrap().trim_end())
        );
        assert_ne!(path, current(&environment).join("dists/bookworm").join(name), "{name}");
    }
}

#[test]
fn a_switch_to_an_old_publication_or_to_one_of_another_repository_is_found_and_mended() {
    let environment = full_store();
    let dists = environment.public("preprod").join("dists");
    let first = dists.read_link_utf8().unwrap();
    for version in ["hello=2.0", "hello=3.0"] {
        environment.add("preprod", &[version]);
    }
    let last = dists.read_link_utf8().unwrap();
    // What another repository shows under an id that is known here.
    let other = environment.public("prod").join(&last);
    fs::create_dir_all(&other).unwrap();
    for planted in [first, Utf8Path::new("../prod").join(&last)] {
        remove(&dists);
        symlink(&planted, &dists).unwrap();
        let found = environment.run(&["fsck"]).ends_with(1);
        assert!(found.stdout.contains("public/preprod/dists"), "{planted}: {found}");
        let _ = environment.run(&["fsck", "--repair"]);
        assert_eq!(dists.read_link_utf8().unwrap(), last, "{planted}");
    }
}

#[test]
fn whatever_is_missing_of_what_clients_see_publish_puts_back() {
    let environment = full_store();
    let public = environment.public("preprod");
    let id = current(&environment).file_name().unwrap().to_owned();
    let suite = format!(".publications/{id}/dists/bookworm");
    let gone = [
        "pool/main/h/hello/hello_1.0_all.deb",
        "pool/main/h",
        "pool",
        ".by-hash",
        "dists",
        "InRelease",
        "Packages.xz",
        "snapshot",
        "snapshot/first",
        &format!("snapshot/{id}"),
        &format!("snapshot/{id}/dists"),
        &format!("{suite}/main"),
        &format!("{suite}/main/binary-amd64/Packages.gz"),
        &format!("{suite}/main/binary-amd64/by-hash"),
        &format!("{suite}/InRelease"),
        &format!("{suite}/Release"),
        &format!("{suite}/Release.gpg"),
        &suite,
        &format!(".publications/{id}"),
    ];
    let original = environment.path("original");
    let copy = |from: &Utf8Path, to: &Utf8Path| {
        let status = std::process::Command::new("cp").args(["-al", from.as_str(), to.as_str()]).status();
        assert!(status.unwrap().success());
    };
    copy(&environment.root(), &original);
    for path in gone {
        fs::remove_dir_all(environment.root()).unwrap();
        copy(&original, &environment.root());
        remove(&public.join(path));
        let output = environment.run(&["publish", "preprod"]).succeeds();
        assert!(!output.stdout.contains("already up to date"), "{path}: {output}");
        let published = Published::of(&environment, "preprod").read();
        assert!(
            published.as_ref().is_ok_and(|suites| suites["bookworm"].len() == 2),
            "{path}: {published:?}"
        );
        assert!(public.join("InRelease").exists() && public.join("snapshot/first/dists").exists(), "{path}");
        let output = environment.run(&["publish", "preprod"]).succeeds();
        assert!(output.stdout.contains("preprod: already up to date"), "{path}: {output}");
    }
}

#[test]
fn a_change_of_one_suite_puts_back_what_is_missing_of_another() {
    let environment = Environment::with_store(crate::PROGRAM, &["bookworm", "trixie"]);
    environment.add("preprod", &["hello=1.0", "agent=1.0"]);
    fs::remove_dir_all(current(&environment).join("dists/trixie/main")).unwrap();
    let package = environment.package("new", "1.0", "all");
    let _ = environment.run(&["add", "preprod", "--suite", "bookworm", package.as_str()]).succeeds();
    let published = Published::of(&environment, "preprod").read().unwrap();
    assert_eq!((published["bookworm"].len(), published["trixie"].len()), (3, 2));
}

#[test]
fn what_lies_in_the_way_is_put_aside_and_fsck_names_it() {
    let environment = full_store();
    let public = environment.public("preprod");
    // What comes later: its indices are made elsewhere to know their digests.
    let other = full_store();
    let packages = ["later=1.0"];
    other.add("preprod", &packages);
    // The keys of the other store never come here.
    let keys = ["key.asc", "key.gpg"].map(|name| fs::read(other.public("preprod").join(name)).unwrap());
    let digests: Vec<Utf8PathBuf> = Tree::of(&other.public("preprod").join(".by-hash/SHA256"))
        .paths()
        .map(|path| Utf8Path::new(".by-hash/SHA256").join(path))
        .filter(|path| !path.as_str().ends_with('/') && !public.join(path).exists())
        .filter(|path| !keys.contains(&fs::read(other.public("preprod").join(path)).unwrap()))
        .collect();
    assert!(!digests.is_empty());
    let pool = Utf8PathBuf::from("pool/main/l/later/later_1.0_all.deb");
    for directory in digests.iter().chain([&pool]) {
        fs::create_dir_all(public.join(directory).join("inner")).unwrap();
    }
    let named = environment.run(&["fsck"]).ends_with(1).stdout;
    for path in digests.iter().chain([&pool]) {
        assert!(named.contains(&format!("public/preprod/{path}")), "{path}: {named}");
    }
    environment.add("preprod", &packages);
    assert!(public.join(&pool).is_file());
    assert!(Published::of(&environment, "preprod").read().unwrap()["bookworm"].len() == 3);
    // Nothing is lost.
    let aside = Tree::of(&environment.root().join("store/damaged"));
    assert!(aside.paths().any(|path| path.as_str().ends_with("later_1.0_all.deb.0/inner")));

    // The links, and files that others put into the pool.
    remove(&public.join("dists"));
    fs::create_dir(public.join("dists")).unwrap();
    remove(&public.join("InRelease"));
    fs::create_dir(public.join("InRelease")).unwrap();
    remove(&public.join("snapshot/first"));
    fs::create_dir_all(public.join("snapshot/first/inner")).unwrap();
    fs::create_dir_all(public.join("snapshot/strange/inner")).unwrap();
    let foreign = public.join("pool/main/s/strange/strange_1.0_all.deb");
    fs::create_dir_all(foreign.parent().unwrap()).unwrap();
    fs::write(&foreign, "of somebody else").unwrap();
    let named = environment.run(&["fsck"]).ends_with(1).stdout;
    for path in ["dists", "snapshot/first", "snapshot/strange", "pool/main/s/strange/strange_1.0_all.deb"] {
        assert!(named.contains(&format!("public/preprod/{path}:")), "{path}: {named}");
    }
    environment.add("preprod", &["strange=1.0"]);
    assert!(Published::of(&environment, "preprod").read().unwrap()["bookworm"].len() == 4);
    // What is in no one's way stays.
    assert!(public.join("snapshot/strange/inner").is_dir());
    remove(&public.join("snapshot/strange"));
    let _ = environment.run(&["tag", "preprod", "second"]).succeeds();
    let _ = environment.run(&["fsck", "--repair"]);
    let _ = environment.run(&["fsck"]).succeeds();
    let _ = environment.run(&["gc", "--grace", "0", "--yes"]).succeeds();
}

#[test]
fn what_others_put_into_the_directory_of_a_suite_is_not_carried_on() {
    let environment = Environment::with_store(crate::PROGRAM, &["bookworm", "trixie"]);
    environment.add("preprod", &["hello=1.0", "agent=1.0"]);
    symlink("/etc/passwd", current(&environment).join("dists/trixie/passwd")).unwrap();
    fs::create_dir(current(&environment).join("dists/trixie/extra")).unwrap();
    let package = environment.package("new", "1.0", "all");
    let _ = environment.run(&["add", "preprod", "--suite", "bookworm", package.as_str()]).succeeds();
    let shown = current(&environment).join("dists/trixie");
    assert!(shown.join("InRelease").is_file());
    assert!(shown.join("passwd").symlink_metadata().is_err() && !shown.join("extra").exists());
}

#[test]
fn a_file_of_another_content_that_the_store_published_still_excludes_one_of_that_name() {
    let environment = store();
    environment.add("preprod", &["hello=1.0"]);
    let _ = environment.run(&["remove", "preprod", "hello", "--yes"]).succeeds();
    let other = environment.build("hello", "1.0", "all", |package| package.description("another"));
    let refused = environment.run(&["add", "preprod", "--despite-hold", other.as_str()]).ends_with(1);
    assert!(refused.stderr.contains("still in the pool"), "{refused}");
}

#[test]
fn one_repository_in_trouble_does_not_stop_the_others() {
    let environment = store();
    for repository in ["preprod", "prod"] {
        let package = environment.package("hello", "1.0", "all");
        let _ = environment.run(&["add", repository, "--no-publish", package.as_str()]).succeeds();
    }
    let _ = fs::remove_dir_all(environment.public("preprod"));
    fs::write(environment.public("preprod"), "in the way").unwrap();
    let output = environment.run(&["publish"]).ends_with(1);
    assert!(output.stderr.contains("public/preprod is not a directory"), "{output}");
    assert!(output.stdout.contains("published prod"), "{output}");
}

/// How many calls `publish` makes when there is nothing to do.
fn calls(environment: &Environment) -> Option<usize> {
    let log = environment.path("strace.log");
    let wrapper = ["strace", "-f", "-qq", "-o", log.as_str(), "--"];
    let output = environment.finish(environment.wrapped(&wrapper).args(["publish", "preprod"]));
    if output.stderr.contains("ptrace") {
        testkit::skipped("strace cannot trace here");
        return None;
    }
    assert!(output.succeeds().stdout.contains("already up to date"));
    let log = fs::read_to_string(log).unwrap();
    let blobs = log.lines().filter(|line| line.contains("openat") && line.contains("/blobs/")).count();
    assert_eq!(blobs, 0, "no package file is read");
    Some(log.lines().count())
}

#[test]
fn publishing_nothing_new_costs_a_few_calls_for_each_package() {
    if !testkit::traces_files(&[]) {
        return;
    }
    let (few, many) = (store(), store());
    few.add("preprod", &["a0=1.0"]);
    let packages: Vec<String> = (0..40).map(|number| format!("a{number}=1.0")).collect();
    many.add("preprod", &packages.iter().map(String::as_str).collect::<Vec<_>>());
    let (Some(few), Some(many)) = (calls(&few), calls(&many)) else { return };
    assert!(many < few + 39 * 8, "{few} calls for one package and {many} for 40");
}

#[test]
fn a_repair_moves_what_lies_in_the_place_of_a_directory_of_the_pool() {
    let environment = store();
    environment.add("prod", &["hello=1.0", "agent=1.0"]);
    let pool = environment.public("prod").join("pool");
    for (place, kind) in [("main/h", "file"), ("main", "link"), ("", "file"), ("main/h/hello", "dangling")] {
        let directory = if place.is_empty() { pool.clone() } else { pool.join(place) };
        let before = Tree::of(&directory);
        fs::remove_dir_all(&directory).unwrap();
        match kind {
            "file" => fs::write(&directory, "mine").unwrap(),
            "link" => symlink(environment.path("files"), &directory).unwrap(),
            _ => symlink("nowhere", &directory).unwrap(),
        }
        let refused = environment.run(&["publish", "prod"]).ends_with(1);
        assert!(refused.stderr.contains("fsck --repair"), "{kind} at {place}: {refused}");
        let found = environment.run(&["fsck"]).ends_with(1);
        assert!(
            found.stdout.contains("a directory belongs there, and nothing below it was checked"),
            "{kind} at {place}: {found}"
        );
        assert!(found.stderr.contains("fsck --repair` moves"), "{kind} at {place}: {found}");
        assert!(!found.stdout.contains("its mode is") && !found.stderr.contains("BACKUP"), "{found}");
        let _ = environment.run(&["fsck", "--repair"]).succeeds();
        before.is_still(&Tree::of(&directory), &format!("{kind} at {place}"));
        let _ = environment.run(&["fsck"]).succeeds();
        let _ = environment.run(&["publish", "prod"]).succeeds();
    }
    // What somebody put there is kept.
    let aside = environment.root().join("store/damaged");
    let kept = aside.read_dir_utf8().unwrap().map(|entry| entry.unwrap().into_path());
    assert_eq!(kept.filter(|path| fs::read_to_string(path).is_ok_and(|text| text == "mine")).count(), 2);
}

#[test]
fn each_verb_that_publishes_puts_back_what_the_pool_lost() {
    let environment = store();
    environment.add("prod", &["hello=1.0", "agent=1.0"]);
    environment.add("preprod", &["new=1.0"]);
    let lost = environment.public("prod").join("pool/main/h/hello/hello_1.0_all.deb");
    let more = environment.package("more", "1.0", "all");
    let verbs: [&[&str]; 5] = [
        &["add", "prod", more.as_str()],
        &["promote", "--from", "preprod", "--to", "prod", "new"],
        &["remove", "prod", "new"],
        &["undo", "prod"],
        &["publish", "prod"],
    ];
    for verb in verbs {
        fs::remove_file(&lost).unwrap();
        let output = environment.run(verb).succeeds();
        assert!(lost.is_file(), "{verb:?}");
        assert!(output.stdout.contains("put back 1 missing file"), "{verb:?}: {output}");
    }
}
