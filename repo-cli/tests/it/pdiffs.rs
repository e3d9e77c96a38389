//! A real apt follows a large index by patches.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read as _;

use testkit::{Apt, Environment, Server};

use crate::{configure, store};

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
    let arguments = ["client-config", "preprod", "--suite", "bookworm", "--url", &url];
    apt.source("preprod", &environment.run(&arguments).succeeds().stdout);
    let _ = apt.update().succeeds();
    Some((server, apt))
}

/// Updates and says how many patches were fetched; the client then has what is published, to the byte.
fn update(environment: &Environment, apt: &Apt<'_>) -> usize {
    let output = apt.update().succeeds().stdout;
    let lists = apt.path("var/lib/apt/lists").read_dir_utf8().unwrap();
    let list =
        lists.map(|entry| entry.unwrap().path().to_owned()).find(|path| path.as_str().ends_with("_Packages"));
    let directory = environment.public("preprod").join("dists/bookworm/main/binary-amd64");
    let mut published = Vec::new();
    let packed = fs::File::open(directory.join("Packages.xz")).unwrap();
    xz2::read::XzDecoder::new(packed).read_to_end(&mut published).unwrap();
    assert!(fs::read(list.unwrap()).unwrap() == published, "{output}");
    // It says twice that it fetches a patch, with the same number.
    let patches = output.lines().filter(|line| line.contains(" T-"));
    patches.filter_map(|line| line.split(' ').next()).collect::<BTreeSet<_>>().len()
}

#[test]
fn a_client_fetches_one_patch_whatever_it_missed() {
    let environment = store();
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
fn a_client_that_was_away_too_long_or_finds_a_broken_patch_fetches_all() {
    let environment = store();
    configure(&environment, "pdiffs = 2\n");
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
