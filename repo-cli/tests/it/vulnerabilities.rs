//! Which sources have known vulnerabilities, what a promotion changes, and what a state is made of.

use serde_json::Value;
use testkit::{Environment, package};

use crate::store;

/// What a security team could say of two sources.
const DATA: &str = r#"{
    "webapp": {
        "CVE-2026-0001": {"description": "Everybody is root.", "releases": {
            "bookworm": {"status": "resolved", "fixed_version": "1.1", "urgency": "high"},
            "sid": {"status": "resolved", "fixed_version": "1.1", "urgency": "high"}}},
        "CVE-2026-0002": {"description": "Since the new version.", "releases": {
            "bookworm": {"status": "open", "urgency": "low"}, "sid": {"status": "open", "urgency": "low"}}},
        "CVE-2026-0003": {"description": "Nobody minds.", "releases": {"bookworm": {"status": "open", "urgency": "unimportant"}}}
    },
    "tool": {"CVE-2026-0004": {"description": "Not looked at.", "releases": {"bookworm": {"status": "undetermined"}}}},
    "elsewhere": {"CVE-2026-0005": {"releases": {"bookworm": {"status": "open"}}}}
}
{"id": "CVE-2026-0006", "affected": [{"package": {"ecosystem": "Debian:12", "name": "webapp"}, "versions": ["1.1"]}]}"#;

/// Two packages of one source in both repositories, of which preprod has a newer version.
fn filled() -> Environment {
    let environment = store();
    environment.add("preprod", &["tool=3.0"]);
    for version in ["1.0", "1.1"] {
        let files = ["webapp", "webapp-data"].map(|name| {
            let control = format!(
                "Package: {name}\nVersion: {version}+b1\nSource: webapp ({version})\nArchitecture: all\n\
                 Maintainer: Jane Doe <jane@example.org>\nHomepage: https://example.org/webapp\n{}Description: an application\n",
                if name == "webapp" { format!("Depends: webapp-data (= {version}+b1), tool | nothing\n") } else { String::new() },
            );
            environment.write(&format!("{name}_{version}.deb"), package::with_control(&control))
        });
        let _ = environment.run(&["add", "preprod", files[0].as_str(), files[1].as_str()]).succeeds();
        if version == "1.0" {
            let _ = environment.run(&["promote", "--all", "--from", "preprod", "--to", "prod"]).succeeds();
        }
    }
    environment
}

#[test]
fn known_vulnerabilities_are_found_with_what_has_a_fix_and_what_a_promotion_changes() {
    let environment = filled();
    let data = environment.write("tracker.json", DATA);
    let run = |arguments: &[&str]| {
        environment.run(&[&["vulnerabilities"], arguments, &["--data", data.as_str()]].concat())
    };
    let found = run(&["prod/bookworm"]).ends_with(3);
    insta::assert_snapshot!(found.stdout, @"
    SUITE     SOURCE  VERSION  VULNERABILITY  STATUS        URGENCY  FIXED IN
    bookworm  tool    3.0      CVE-2026-0004  undetermined
    bookworm  webapp  1.0      CVE-2026-0001  affected      high     1.1 in preprod, 1.1 in bookworm
    bookworm  webapp  1.0      CVE-2026-0002  affected      low
    ");
    let promoted =
        run(&["prod/bookworm", "--from", "preprod", "--unimportant", "--format", "csv"]).ends_with(3);
    insta::assert_snapshot!(promoted.stdout, @r#"
    suite,source,version,vulnerability,status,urgency,fixed in,promotion
    bookworm,tool,3.0,CVE-2026-0004,undetermined,,,keeps
    bookworm,webapp,1.0,CVE-2026-0001,affected,high,"1.1 in preprod, 1.1 in bookworm",fixes
    bookworm,webapp,1.0,CVE-2026-0002,affected,low,,keeps
    bookworm,webapp,1.0,CVE-2026-0003,affected,unimportant,,keeps
    bookworm,webapp,1.1,CVE-2026-0006,affected,,,brings
    "#);
    let document =
        environment.run(&["vulnerabilities", "preprod/bookworm", "--json", "--data", data.as_str()]);
    let document: Value = serde_json::from_str(&document.ends_with(3).stdout).unwrap();
    assert_eq!((&document["sources"], &document["unimportant"]), (&2.into(), &1.into()), "{document}");
    let newest = &document["vulnerabilities"][1];
    assert_eq!(
        (&newest["version"], &newest["packages"]),
        (&"1.1".into(), &serde_json::json!(["webapp", "webapp-data"]))
    );

    // What says nothing must not look as if all was well.
    let empty = environment.write("empty.json", "{}");
    let refused = environment.run(&["vulnerabilities", "prod", "--data", empty.as_str()]).ends_with(1);
    assert!(refused.stderr.contains("says nothing about any source"), "{refused}");
    let other = environment.write("other.json", r#"{"SPDXID": "SPDXRef-DOCUMENT"}"#);
    let refused = environment.run(&["vulnerabilities", "prod", "--data", other.as_str()]).ends_with(1);
    assert!(refused.stderr.contains("line 1 column"), "{refused}");

    let packed = environment.other(&["xz", "-k", data.as_str()]).output().unwrap();
    assert!(packed.status.success());
    let clean = environment
        .write("clean.json", r#"{"elsewhere": {"CVE-1": {"releases": {"sid": {"status": "open"}}}}}"#);
    let clean = environment.run(&["vulnerabilities", "prod", "--data", clean.as_str()]).succeeds();
    assert!(clean.stderr.contains("no known vulnerability in 2 sources of prod"), "{clean}");
    let again =
        environment.run(&["vulnerabilities", "prod/bookworm", "--data", &format!("{data}.xz")]).ends_with(3);
    assert_eq!(again.stdout, found.stdout);
}

#[test]
fn a_suite_of_another_name_is_judged_by_the_release_that_is_named() {
    let environment = Environment::with_store(env!("CARGO_BIN_EXE_repo-cli"), &["internal"]);
    environment.add("preprod", &["tool=3.0"]);
    let data = environment.write("tracker.json", DATA);
    let run = |more: &[&str]| {
        environment.run(&[&["vulnerabilities", "preprod", "--data", data.as_str()], more].concat())
    };
    let not_judged = run(&[]).ends_with(3);
    assert!(not_judged.stderr.contains("it is not named after a release"), "{not_judged}");
    // Debian says nothing of releases of Ubuntu, which does not mean that all is well there.
    let unknown = run(&["--release", "noble"]).ends_with(3);
    assert!(unknown.stderr.contains("internal is not judged: the data say nothing about noble"), "{unknown}");
    assert!(!unknown.stderr.contains("no known vulnerability"), "{unknown}");
    let judged = run(&["--release", "bookworm"]).ends_with(3);
    assert!(judged.stdout.contains("CVE-2026-0004"), "{judged}");
    let _ = run(&["--release", "nothing"]).ends_with(2);
}

#[test]
fn a_bill_of_materials_names_every_package_with_what_it_needs_and_is_always_the_same() {
    let environment = filled();
    let bill = |format: &str| environment.run(&["sbom", "preprod@-1", "--format", format]).succeeds().stdout;
    let text = bill("spdx");
    assert_eq!(text, environment.run(&["sbom", "preprod@2", "--format", "spdx"]).succeeds().stdout);
    let spdx: Value = serde_json::from_str(&text).unwrap();
    let names: Vec<&str> =
        spdx["packages"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["tool", "webapp", "webapp-data"]);
    let related: Vec<String> = spdx["relationships"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| one["relationshipType"] == "DEPENDS_ON")
        .map(|one| format!("{} {}", one["spdxElementId"], one["relatedSpdxElement"]).replace('"', ""))
        .collect();
    assert_eq!(
        related,
        [
            "SPDXRef-2-webapp-1.0-b1-all SPDXRef-1-tool-3.0-all",
            "SPDXRef-2-webapp-1.0-b1-all SPDXRef-3-webapp-data-1.0-b1-all"
        ]
    );
    let cyclonedx: Value = serde_json::from_str(&bill("cyclonedx")).unwrap();
    insta::assert_snapshot!(format!("{:#}", cyclonedx["components"][1]["purl"]), @r#""pkg:deb/debian/webapp@1.0%2Bb1?arch=all&distro=bookworm""#);
    let digest = cyclonedx["components"][0]["hashes"][0]["content"].as_str().unwrap();
    let shown = environment.run(&["show", "preprod", "tool"]).succeeds();
    assert!(shown.stdout.contains(&format!("SHA256: {digest}")), "{shown}");
    // Older versions are there too, unless only the newest are wanted.
    let count = |arguments: &[&str]| {
        let document = environment.json(&[&["sbom", "preprod"], arguments].concat());
        serde_json::from_str::<Value>(&document).unwrap()["packages"].clone()
    };
    assert_eq!((count(&[]), count(&["--newest"])), (5.into(), 3.into()));
}
