//! A real apt follows a large index by patches.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read as _;

use camino::Utf8PathBuf;
use testkit::{Apt, Environment, Server, Source};

use crate::{configure, store};

/// Patches also for indices as small as those of tests.
const SMALL: &str = "pdiffs_from = \"64 KiB\"\n";

/// Text that hardly compresses, the same for the same name.
fn noise(name: &str) -> String {
    let mut state =
        name.bytes().fold(1_u64, |state, byte| state.wrapping_mul(31).wrapping_add(u64::from(byte)));
    let word = |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        format!("{state:016x}")
    };
    (0..150).map(word).collect()
}

pub(super) fn add(environment: &Environment, packages: &[&str]) {
    let files = packages.iter().map(|package| {
        let (name, version) = package.split_once('=').unwrap();
        environment.build(name, version, "all", |builder| builder.field("X-Noise", noise(package)))
    });
    let files: Vec<_> = files.collect();
    let arguments = ["add", "preprod"].into_iter().chain(files.iter().map(|file| file.as_str()));
    let _ = environment.run(&arguments.collect::<Vec<_>>()).succeeds();
}

/// A client of a repository that is large enough for patches.
fn start(environment: &Environment) -> Option<(Server, Apt<'_>)> {
    let many: Vec<String> = (0..70).map(|number| format!("many{number}=1")).collect();
    add(environment, &many.iter().map(String::as_str).collect::<Vec<_>>());
    let server = environment.serve();
    let apt = Apt::new(environment, "client")?;
    let url = server.url();
    let arguments = ["client-config", "--inline", "preprod", "--suite", "bookworm", "--url", &url];
    apt.source("preprod", &environment.run(&arguments).succeeds().stdout);
    let _ = apt.update().succeeds();
    Some((server, apt))
}

/// Updates and says how many patches were fetched; the client then has what is published, to the byte.
fn update(environment: &Environment, apt: &Apt<'_>) -> usize {
    updated(environment, apt, "binary-amd64/Packages", "Packages")
}

/// The same for any index: its path below `main`, and what apt calls it.
fn updated(environment: &Environment, apt: &Apt<'_>, index: &str, name: &str) -> usize {
    let output = apt.update().succeeds().stdout;
    let lists = apt.path("var/lib/apt/lists").read_dir_utf8().unwrap();
    let mut lists = lists.map(|entry| entry.unwrap().path().to_owned());
    let ending = format!("_main_{}", index.replace('/', "_"));
    let is_list = |path: &Utf8PathBuf| {
        // Indices that apt itself does not read stay compressed. Beside them lies `Sources.diff_Index`.
        let is_packed = matches!(path.extension(), Some("xz" | "gz" | "lz4"));
        let name = if is_packed { path.file_stem() } else { path.file_name() };
        name.is_some_and(|name| name.ends_with(&ending))
    };
    let list = lists.find(is_list).unwrap();
    let mut unpacked = environment.other(&["/usr/lib/apt/apt-helper", "cat-file", list.as_str()]);
    let has = environment.finish(&mut unpacked).succeeds().stdout;
    let mut published = String::new();
    let packed = environment.public("preprod").join(format!("dists/bookworm/main/{index}.xz"));
    xz2::read::XzDecoder::new(fs::File::open(packed).unwrap()).read_to_string(&mut published).unwrap();
    assert!(has == published, "{list}: {output}");
    // It says twice that it fetches a patch, with the same number.
    let patches = output.lines().filter(|line| line.contains(&format!("{name} T-")));
    patches.filter_map(|line| line.split(' ').next()).collect::<BTreeSet<_>>().len()
}

#[test]
fn a_client_fetches_one_patch_whatever_it_missed() {
    let environment = store();
    configure(&environment, SMALL);
    let Some((_server, apt)) = start(&environment) else { return };
    add(&environment, &["one=1"]);
    assert_eq!(update(&environment, &apt), 1);
    assert_eq!(update(&environment, &apt), 0);

    add(&environment, &["two=1", "many5=2"]);
    let _ = environment.run(&["remove", "preprod", "many7", "many69", "one"]).succeeds();
    add(&environment, &["three=1"]);
    let _ = environment.run(&["rollback", "preprod", "--to", "3"]).succeeds();
    assert_eq!(update(&environment, &apt), 1);
    let _ = environment.run(&["remove", "preprod", "many0"]).succeeds();
    assert_eq!(update(&environment, &apt), 1);
    assert_eq!(apt.versions("many5"), ["2", "1"]);
    let _ = environment.run(&["fsck"]).succeeds();
}

#[test]
fn an_index_that_is_fetched_as_fast_as_its_patches_has_none() {
    let environment = store();
    let many: Vec<String> = (0..70).map(|number| format!("many{number}=1")).collect();
    add(&environment, &many.iter().map(String::as_str).collect::<Vec<_>>());
    let directory = environment.public("preprod").join("dists/bookworm/main/binary-amd64");
    assert!(directory.join("Packages.xz").metadata().unwrap().len() > 64 << 10);
    add(&environment, &["one=1"]);
    assert!(!directory.join("Packages.diff").exists());
    configure(&environment, SMALL);
    add(&environment, &["two=1"]);
    assert!(directory.join("Packages.diff/Index").exists());
}

#[test]
fn a_client_that_was_away_too_long_or_finds_a_broken_patch_fetches_all() {
    let environment = store();
    configure(&environment, &format!("pdiffs = 2\n{SMALL}"));
    let Some((_server, apt)) = start(&environment) else { return };
    for package in ["a1=1", "b1=1", "c1=1"] {
        add(&environment, &[package]);
    }
    assert_eq!(update(&environment, &apt), 0);
    add(&environment, &["d1=1"]);
    let directory = environment.public("preprod").join("dists/bookworm/main/binary-amd64/Packages.diff");
    for entry in directory.read_dir_utf8().unwrap() {
        let path = entry.unwrap().path().to_owned();
        if path.extension() == Some("gz") {
            fs::remove_file(&path).unwrap();
            fs::write(&path, "rubbish").unwrap();
        }
    }
    let _ = update(&environment, &apt);
    assert_eq!(apt.versions("d1"), ["1"]);
}

#[test]
fn patches_of_source_packages_and_of_contents_are_applied_too() {
    let environment = store();
    configure(&environment, &format!("contents = true\n{SMALL}"));
    let add = |numbers: std::ops::Range<u32>| {
        let made = numbers.flat_map(|number| {
            let name = format!("many{number}");
            let noise = noise(&name);
            let source = Source::new(&environment.path("files"), &name, "1.0").field("X-Noise", &noise);
            let package = environment.build(&name, "1.0", "amd64", |builder| {
                let pieces = noise.as_bytes().chunks(100).map(|piece| std::str::from_utf8(piece).unwrap());
                pieces.fold(builder, |builder, piece| builder.file(format!("usr/share/{piece}"), "", 0o644))
            });
            [source.native(), package]
        });
        let made: Vec<Utf8PathBuf> = made.collect();
        let arguments = ["add", "preprod"].into_iter().chain(made.iter().map(|file| file.as_str()));
        let _ = environment.run(&arguments.collect::<Vec<_>>()).succeeds();
    };
    add(0..70);
    let server = environment.serve();
    let Some(apt) = Apt::new(&environment, "client") else { return };
    let has_apt_file = apt.with_apt_file();
    let url = server.url();
    let arguments = ["client-config", "--inline", "preprod", "--suite", "bookworm", "--url", &url];
    apt.source("preprod", &environment.run(&arguments).succeeds().stdout);
    let _ = apt.update().succeeds();
    let followed = |index: &str, name: &str| {
        let _ = environment.run(&["remove", "preprod", "many7", "many69"]);
        add(80..81);
        let patches = updated(&environment, &apt, index, name);
        let _ = environment.run(&["remove", "preprod", "many80"]).succeeds();
        let _ = apt.update().succeeds();
        patches
    };
    assert_eq!(followed("source/Sources", "Sources"), 1);
    if has_apt_file {
        assert_eq!(followed("Contents-amd64", "Contents (deb)"), 1);
        let found = apt.file(&["search", "many12/content"]).succeeds().stdout;
        assert_eq!(found, "many12: /usr/share/many12/content\n");
    }
    let _ = environment.run(&["fsck"]).succeeds();
}
