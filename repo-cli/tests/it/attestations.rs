//! Statements about promotions, verified by another implementation.

use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::store;

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
