//! Indices that not every repository has, as a real apt reads them.

use testkit::{Apt, Environment, Server, Source};

use crate::{PROGRAM, configure};

/// A store with that configuration and an apt that reads its repository `prod` in English.
fn client<'e>(environment: &'e Environment, server: &Server) -> Option<Apt<'e>> {
    let apt = Apt::new(environment, "client")?;
    let url = server.url();
    apt.source(
        "prod",
        &environment.run(&["client-config", "--inline", "prod", "--url", &url]).succeeds().stdout,
    );
    let _ = apt.get(&["update", "-o", "Acquire::Languages=en"]).succeeds();
    Some(apt)
}

fn store(configuration: &str) -> Environment {
    let environment = Environment::with_store(PROGRAM, &["bookworm"]);
    configure(&environment, configuration);
    environment
}

#[test]
fn descriptions_that_are_listed_apart_come_together_at_the_client() {
    let environment = store("translations = true\n[compress_index]\ntranslation = [\"bz2\", \"gz\"]\n");
    let described = |version: &str, text: &str| {
        environment.build("hello", version, "all", |builder| builder.description(text))
    };
    for file in [described("1.0", "greets\n At length.\n .\n Twice."), described("2.0", "greets\n Briefly.")]
    {
        let _ = environment.run(&["add", "prod", file.as_str()]).succeeds();
    }
    let server = environment.serve();
    let Some(apt) = client(&environment, &server) else { return };
    let show = |package: &str, language: &str| {
        let language = format!("Acquire::Languages={language}");
        let output = apt.cache(&["show", "-o", &language, package]).succeeds().stdout;
        let lines = output.lines().skip_while(|line| !line.starts_with("Description"));
        let is_description = |line: &&str| line.starts_with([' ', 'D']);
        lines.take_while(is_description).collect::<Vec<_>>().join("\n")
    };
    insta::assert_snapshot!(show("hello=1.0", "en"), @"
    Description-en: greets
     At length.
     .
     Twice.
    Description-md5: e18400732d42f6a8de7960fe19e52236
    ");
    insta::assert_snapshot!(show("hello=2.0", "en"), @"
    Description-en: greets
     Briefly.
    Description-md5: 7859e8a9ebaca74b032e234f800e144f
    ");
    let index = environment.public("prod").join("dists/bookworm/main/binary-amd64/Packages.xz");
    let mut text = String::new();
    let file = std::fs::File::open(index).unwrap();
    std::io::Read::read_to_string(&mut xz2::read::XzDecoder::new(file), &mut text).unwrap();
    assert!(!text.contains("Briefly"), "{text}");
}

#[test]
fn packages_for_all_architectures_are_found_in_an_index_of_their_own() {
    let environment = store("[suite.bookworm]\narchitecture_all = \"apart\"\n");
    let (machine, all) =
        (environment.package("machine", "1.0", "amd64"), environment.package("anything", "1.0", "all"));
    let _ = environment.run(&["add", "prod", machine.as_str(), all.as_str()]).succeeds();
    let server = environment.serve();
    let Some(apt) = client(&environment, &server) else { return };
    assert_eq!(apt.versions("machine"), ["1.0"]);
    assert_eq!(apt.versions("anything"), ["1.0"]);
    assert_eq!(apt.download("anything"), std::fs::read(all).unwrap());
}

#[test]
fn a_client_finds_packages_for_installers_only_where_it_looks_for_them() {
    let environment = store("");
    let file = environment.package("anna", "1.91", "amd64");
    let udeb = file.with_extension("udeb");
    std::fs::rename(&file, &udeb).unwrap();
    let hello = environment.package("hello", "1.0", "amd64");
    let _ = environment.run(&["add", "prod", udeb.as_str(), hello.as_str()]).succeeds();
    let server = environment.serve();
    let Some(apt) = client(&environment, &server) else { return };
    assert_eq!(apt.versions("hello"), ["1.0"]);
    assert_eq!(apt.versions("anna"), [""; 0]);
    let sources =
        environment.run(&["client-config", "--inline", "prod", "--url", &server.url()]).succeeds().stdout;
    apt.source("prod", &sources.replace("Components: main", "Components: main/debian-installer"));
    let _ = apt.update().succeeds();
    assert_eq!(apt.versions("anna"), ["1.91"]);
    assert_eq!(apt.download("anna"), std::fs::read(udeb).unwrap());
}

#[test]
fn a_flat_repository_follows_the_suite_it_shows() {
    let environment = store("[repositories.prod]\nflat = \"bookworm\"\n");
    environment.add("prod", &["hello=1.0"]);
    let server = environment.serve();
    let entry = |repository: &str| {
        environment.run(&["client-config", "--inline", repository, "--flat", "--url", &server.url()])
    };
    insta::assert_snapshot!(entry("preprod").ends_with(1), @"
    status: 1
    ---- stderr
    error: preprod is not published flat: set `flat` in [repositories.preprod] of repo.toml
    ");
    let Some(apt) = Apt::new(&environment, "client") else { return };
    apt.source("flat", &entry("prod").succeeds().stdout);
    let output = apt.update().succeeds();
    assert!(!output.text().contains("W:"), "{output}");
    let fetched = apt.get(&["install", "--print-uris", "--yes", "hello"]).succeeds().stdout;
    assert!(fetched.contains("/prod/pool/main/h/hello/hello_1.0_all.deb"), "{fetched}");
    assert_eq!(apt.download("hello"), std::fs::read(environment.path("files/hello_1.0_all.deb")).unwrap());

    environment.add("prod", &["hello=2.0"]);
    let _ = apt.update().succeeds();
    assert_eq!(apt.versions("hello"), ["2.0", "1.0"]);
    let _ = environment.run(&["rollback", "prod", "--to", "1"]).succeeds();
    let _ = apt.update().succeeds();
    assert_eq!(apt.versions("hello"), ["1.0"]);
    let _ = environment.run(&["fsck"]).succeeds();
}

#[test]
fn a_flat_repository_has_the_source_packages_of_its_suite() {
    let environment = store("[repositories.prod]\nflat = \"bookworm\"\n");
    let dsc = Source::new(&environment.path("files"), "hello", "2.10-3").quilt();
    let binary = environment.package("hello", "2.10-3", "amd64");
    let _ = environment.run(&["add", "prod", dsc.as_str(), binary.as_str()]).succeeds();
    let server = environment.serve();
    let entry = environment
        .run(&["client-config", "--inline", "prod", "--flat", "--url", &server.url()])
        .succeeds()
        .stdout;
    assert!(entry.starts_with("Types: deb deb-src\n"), "{entry}");
    let Some(apt) = Apt::new(&environment, "client") else { return };
    apt.source("flat", &entry);
    let _ = apt.update().succeeds();
    let _ = apt.get(&["source", "--download-only", "hello"]).succeeds();
    let fetched = std::fs::read(apt.path("downloads/hello_2.10-3.dsc")).unwrap();
    assert_eq!(fetched, std::fs::read(dsc).unwrap());
    assert_eq!(apt.versions("hello").first().map(String::as_str), Some("2.10-3"));
}
