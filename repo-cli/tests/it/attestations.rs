//! Statements about promotions, verified by another implementation.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use insta::assert_snapshot;
use serde_json::Value;
use testkit::Environment;

use crate::{configure, store};

#[test]
fn a_promotion_is_attested_in_an_envelope_that_gpgv_verifies() {
    let environment = store();
    environment.add("preprod", &["hello=1.0", "tool=2.0"]);
    let _ = environment.run(&["promote", "--all", "--from", "preprod", "--to", "prod"]).succeeds();
    let shown: Value = serde_json::from_str(&environment.json(&["show", "prod", "--attestations"])).unwrap();
    let [envelope] = shown["attestations"].as_array().unwrap().as_slice() else { panic!("{shown}") };
    assert_eq!(envelope["payloadType"], "application/vnd.in-toto+json");
    let decoded = |value: &Value| STANDARD.decode(value.as_str().unwrap()).unwrap();
    let payload = decoded(&envelope["payload"]);
    let statement: Value = serde_json::from_slice(&payload).unwrap();
    let names: Vec<&str> = statement["subject"]
        .as_array()
        .unwrap()
        .iter()
        .map(|subject| subject["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["pool/main/h/hello/hello_1.0_all.deb", "pool/main/t/tool/tool_2.0_all.deb"]);
    for subject in statement["subject"].as_array().unwrap() {
        let file = environment.root().join("public/prod").join(subject["name"].as_str().unwrap());
        let digest = deb_parse::checksum::Sha256::of(&fs::read(file).unwrap());
        assert_eq!(subject["digest"]["sha256"], digest.to_string());
    }
    let predicate = &statement["predicate"];
    let told = ["from", "to", "sequence", "override", "approvals"].map(|name| predicate[name].clone());
    assert_eq!(told, ["preprod".into(), "prod".into(), 1.into(), Value::Null, Value::Array(Vec::new())]);

    // Text is the same envelope, and the same statement, signed once more.
    let text = environment.run(&["show", "prod", "--attestations"]).succeeds().stdout;
    let again: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(again["payload"], envelope["payload"]);
    // Nothing was promoted to preprod.
    let none = environment.run(&["show", "preprod", "--attestations"]).succeeds();
    assert!(none.stdout.is_empty() && none.stderr.contains("was not made by a promotion"), "{none}");

    if !testkit::all_installed(&["gpgv"]) {
        return;
    }
    // What the specification of DSSE says is signed.
    let signed =
        [format!("DSSEv1 28 application/vnd.in-toto+json {} ", payload.len()).into_bytes(), payload].concat();
    let [text, signature] = ["signed", "signature"].map(|name| environment.path(name));
    fs::write(&signature, decoded(&envelope["signatures"][0]["sig"])).unwrap();
    let keyring = environment.public("prod").join("key.gpg");
    let verify = |signed: &[u8]| {
        fs::write(&text, signed).unwrap();
        let arguments = ["gpgv", "--keyring", keyring.as_str(), signature.as_str(), text.as_str()];
        environment.finish(&mut environment.other(&arguments))
    };
    let _ = verify(&signed).succeeds();
    let _ = verify(&[&signed[..], b" "].concat()).ends_with(1);
}

/// The statements about promotions that clients of a repository find, by name.
fn published(environment: &Environment, repository: &str) -> BTreeMap<String, String> {
    let directory = environment.public(repository).join("attestations/promotions");
    let Ok(entries) = fs::read_dir(&directory) else { return BTreeMap::new() };
    let entries = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    entries.map(|name| (name.clone(), fs::read_to_string(directory.join(&name)).unwrap())).collect()
}

/// What a statement in an envelope says about the promotion.
pub(crate) fn predicate(envelope: &str) -> Value {
    let envelope: Value = serde_json::from_str(envelope).unwrap();
    let statement = STANDARD.decode(envelope["payload"].as_str().unwrap()).unwrap();
    serde_json::from_slice::<Value>(&statement).unwrap()["predicate"].clone()
}

#[test]
fn each_promotion_is_attested_beside_the_pool_and_checked_against_the_history() {
    let environment = store();
    let gate = "[[gate]]\nto = [\"prod\"]\nmax_size = \"1 MiB\"\nrequire_fields = [\"Maintainer\"]\nforbid_versions = [\"*~dev*\"]\n";
    configure(&environment, gate);
    environment.add("preprod", &["hello=1.0", "tool=2.0~dev1"]);
    let promote = ["promote", "--from", "preprod", "--to", "prod"];
    let with = |rest: &[&str]| environment.run(&[&promote[..], rest].concat()).succeeds();
    let _ = with(&["hello"]);
    let [(first, envelope)] =
        published(&environment, "prod").into_iter().collect::<Vec<_>>().try_into().unwrap();
    assert!(first.starts_with("1-") && first.ends_with(".dsse.json"), "{first}");
    let gates = |envelope: &str| predicate(envelope)["gates"].to_string();
    assert_eq!(gates(&envelope), r#"["forbid_versions","require_fields","max_size"]"#);
    // What is shown is what was published, as often as it is asked for.
    let shown = || environment.run(&["show", "prod@1", "--attestations"]).succeeds().stdout;
    assert_eq!(shown(), envelope);
    assert_eq!(shown(), envelope);

    // A rule that does not count is not among those that were met.
    let _ = with(&["tool", "--override", "forbid_versions", "--reason", "the fair begins today"]);
    let all = published(&environment, "prod");
    assert_eq!(all.get(&first), Some(&envelope));
    let [second] = all.keys().filter(|name| name.starts_with("2-")).collect::<Vec<_>>().try_into().unwrap();
    assert_eq!(gates(&all[second]), r#"["require_fields","max_size"]"#);
    assert_eq!(predicate(&all[second])["override"]["reason"], "the fair begins today");
    // Nothing else is attested.
    let _ = environment.run(&["undo", "prod"]).succeeds();
    assert_eq!(published(&environment, "prod"), all);
    assert!(published(&environment, "preprod").is_empty());

    let check = |rest: &[&str]| environment.run(&[&["check", "prod", "--attestations"][..], rest].concat());
    assert_snapshot!(check(&[]).succeeds().stdout, @"prod: 2 promotions attested");
    // Garbage collection and checks know them, and a file that is gone comes back.
    let _ = environment.run(&["gc", "--grace", "0", "--yes"]).succeeds();
    assert_eq!(published(&environment, "prod"), all);
    let _ = environment.run(&["fsck"]).succeeds();
    fs::remove_file(environment.public("prod").join("attestations/promotions").join(&first)).unwrap();
    let found = environment.run(&["fsck"]).ends_with(1);
    assert!(found.stdout.contains(&first), "{found}");
    let _ = environment.run(&["fsck", "--repair"]).succeeds();
    assert_eq!(published(&environment, "prod"), all);
}

#[test]
fn statements_survive_new_keys_and_a_restore_and_one_that_was_forged_is_named() {
    let environment = store();
    environment.add("preprod", &["hello=1.0"]);
    let promote = ["promote", "--all", "--from", "preprod", "--to", "prod"];
    let _ = environment.run(&promote).succeeds();
    environment.add("preprod", &["hello=1.1"]);
    let _ = environment.run(&[&promote[..], &["--no-publish"]].concat()).succeeds();
    let check = |rest: &[&str]| environment.run(&[&["check", "prod", "--attestations"][..], rest].concat());
    assert_snapshot!(check(&[]).succeeds().stdout, @"prod: 1 promotion attested, 1 not published yet");
    let _ = environment.run(&["publish"]).succeeds();
    assert_snapshot!(check(&[]).succeeds().stdout, @"prod: 2 promotions attested");
    let all = published(&environment, "prod");

    // By other keys than ours they prove nothing.
    let other = environment.path("other");
    let elsewhere = store();
    fs::copy(elsewhere.public("prod").join("key.asc"), &other).unwrap();
    let unknown = check(&["--keyring", other.as_str()]).ends_with(3);
    assert!(unknown.stdout.contains("proves nothing"), "{unknown}");
    let json: Value = serde_json::from_str(
        &environment
            .run(&["--json", "check", "prod", "--attestations", "--keyring", other.as_str()])
            .ends_with(3)
            .stdout,
    )
    .unwrap();
    assert_eq!(json["findings"][0]["fault"], "signature");

    // A backup has them.
    let (backup, restored) = (environment.path("backup"), environment.path("restored"));
    let _ = environment.run(&["backup", backup.as_str()]).succeeds();
    let _ = environment.run(&["restore", backup.as_str(), restored.as_str()]).succeeds();
    let there = restored.join("public/prod/attestations/promotions");
    for (name, text) in &all {
        assert_eq!(&fs::read_to_string(there.join(name)).unwrap(), text);
    }

    // Who can write the store cannot make one that the keys did not sign.
    let blob = |name: &str| {
        let inode = fs::metadata(environment.public("prod").join("attestations/promotions").join(name))
            .unwrap()
            .ino();
        let blobs = environment
            .other(&["find", environment.root().join("store/blobs").as_str(), "-inum", &inode.to_string()])
            .output()
            .unwrap();
        camino::Utf8PathBuf::from(String::from_utf8(blobs.stdout).unwrap().trim())
    };
    let [first, _] = all.keys().collect::<Vec<_>>().try_into().unwrap();
    let path = blob(first);
    let forged = all[first].replacen("\"payload\":\"", "\"payload\":\"IA", 1);
    fs::remove_file(&path).unwrap();
    fs::write(&path, forged).unwrap();
    let found = check(&[]).ends_with(3);
    assert!(
        found.stdout.contains("its statement is lost or damaged") && found.stdout.contains("1 not proven"),
        "{found}"
    );
}

#[test]
fn what_is_published_brings_a_lost_list_back_and_a_damaged_one_stops_no_publication() {
    let environment = store();
    environment.add("preprod", &["hello=1.0", "tool=1.0"]);
    let promote = |name: &str| environment.run(&["promote", name, "--from", "preprod", "--to", "prod"]);
    let _ = promote("hello").succeeds();
    let before = published(&environment, "prod");
    let check = || environment.run(&["check", "prod", "--attestations"]);
    let list = environment.root().join("store/attestations/prod");
    fs::remove_file(&list).unwrap();
    let lost = check().ends_with(3);
    assert!(lost.stdout.contains("the store has lost track of it"), "{lost}");
    // Garbage collection takes no proof away.
    let _ = environment.run(&["gc", "--grace", "0", "--yes"]).succeeds();
    let _ = environment.run(&["fsck"]).ends_with(1);
    let _ = environment.run(&["fsck", "--repair"]).succeeds();
    assert_eq!(published(&environment, "prod"), before);
    assert_snapshot!(check().succeeds().stdout, @"prod: 1 promotion attested");

    fs::write(&list, "1 x\n").unwrap();
    let _ = promote("tool").succeeds();
    assert_eq!(published(&environment, "prod"), before);
    let _ = environment.run(&["fsck", "--repair"]).succeeds();
    let missing = check().ends_with(3);
    assert!(missing.stdout.contains("no statement is kept"), "{missing}");
    // It is attested with the next one.
    environment.add("preprod", &["third=1.0"]);
    let _ = promote("third").succeeds();
    assert_snapshot!(check().succeeds().stdout, @"prod: 3 promotions attested");
}

#[test]
fn a_history_that_was_taken_back_behind_the_back_of_the_store_is_found() {
    let environment = store();
    environment.add("preprod", &["hello=1.0", "tool=1.0"]);
    let reference = environment.root().join("store/refs/prod");
    let promote = |name: &str| environment.run(&["promote", name, "--from", "preprod", "--to", "prod"]);
    let _ = promote("hello").succeeds();
    let first = fs::read(&reference).unwrap();
    let _ = promote("tool").succeeds();
    fs::write(&reference, first).unwrap();
    let found = environment.run(&["check", "prod", "--attestations"]).ends_with(3);
    assert!(found.stdout.contains("it is attested, and the history does not have it"), "{found}");
}

/// A statement about files with these digests.
fn statement(digests: &[String], number: usize) -> String {
    let subjects: Vec<Value> = digests
        .iter()
        .map(|digest| serde_json::json!({ "name": "x", "digest": { "sha256": digest } }))
        .collect();
    serde_json::json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": subjects,
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": { "number": number },
    })
    .to_string()
}

fn digest(path: &camino::Utf8Path) -> String {
    deb_parse::checksum::Sha256::of(&fs::read(path).unwrap()).to_string()
}

#[test]
fn a_statement_about_a_refused_package_hides_no_error_and_keeps_no_other_out() {
    let environment = store();
    let (good, bad) = (environment.package("good", "1.0", "all"), environment.package("bad", "1.0", "all"));
    let bytes = fs::read(&bad).unwrap();
    fs::write(&bad, &bytes[..bytes.len() - 20]).unwrap();
    environment.write("bad.json", statement(&[digest(&bad)], 0));
    let file = environment.path("bad.json");
    let add = ["add", "preprod", bad.as_str(), good.as_str(), "--attest", file.as_str()];
    let refused = environment.run(&add).ends_with(1);
    assert!(
        refused.stderr.contains("bad_1.0_all.deb: ") && refused.stderr.contains("cut short"),
        "{refused}"
    );
    assert!(!refused.stderr.contains("names none of the packages"), "{refused}");
    let going_on = environment.run(&[&add[..], &["--keep-going"]].concat()).ends_with(1);
    assert!(going_on.stdout.contains("added good 1.0 all"), "{going_on}");
}

#[test]
fn more_statements_than_are_kept_are_refused() {
    let environment = store();
    let package = environment.package("hello", "1.0", "all");
    let digest = digest(&package);
    let files: Vec<String> = (0..33)
        .map(|number| {
            let name = format!("statement-{number}.json");
            environment.write(&name, statement(std::slice::from_ref(&digest), number));
            environment.path(&name).to_string()
        })
        .collect();
    let attest = |files: &[String]| {
        let mut arguments = vec!["add", "preprod", package.as_str()];
        arguments.extend(files.iter().flat_map(|file| ["--attest", file.as_str()]));
        environment.run(&arguments)
    };
    let refused = attest(&files).ends_with(1);
    assert!(refused.stderr.contains("hello 1.0 all has 32 such files already"), "{refused}");
    let _ = attest(&files[..32]).succeeds();
}
