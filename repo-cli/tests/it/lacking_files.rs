//! Package files that lost a part: what publishes tells, and lets nothing like that out.

use std::fs;

use camino::Utf8PathBuf;
use testkit::Environment;

use crate::store;

/// Cuts the file of a package short, in the store and so in every pool.
fn cut_short(environment: &Environment, package: &str) -> Utf8PathBuf {
    let path = environment.public("preprod").join(format!("pool/main/{}/{package}", &package[..1]));
    let file = path.read_dir_utf8().unwrap().next().unwrap().unwrap().into_path();
    let bytes = fs::read(&file).unwrap();
    // In place: the pool and the store have one file.
    let writable = fs::File::options().write(true).open(&file).unwrap();
    writable.set_len(bytes.len() as u64 - 1).unwrap();
    file
}

#[test]
fn a_package_file_that_was_cut_short_is_told_by_everything_that_publishes() {
    let environment = store();
    environment.add("preprod", &["hello=1.0", "world=1.0"]);
    let _ = environment.run(&["backup", "saved"]).succeeds();
    let file = cut_short(&environment, "hello");
    let next = environment.package("next", "1.0", "all");
    for arguments in [
        &["publish", "preprod"][..],
        &["add", "preprod", next.as_str()],
        &["remove", "preprod", "next"],
        &["undo", "preprod"],
        &["sign", "again", "preprod"],
    ] {
        let output = environment.run(arguments).succeeds();
        let told = "warning: preprod: clients cannot fetch 1 package file, such as public/preprod/pool/main/h/hello/";
        assert!(output.stderr.contains(told), "{arguments:?}: {output}");
    }
    let document: serde_json::Value =
        serde_json::from_str(&environment.json(&["publish", "preprod"])).unwrap();
    assert_eq!(document["warnings"][0]["code"], "W-LACKING", "{document}");
    // It is not let into another repository.
    let refused = environment.run(&["promote", "hello", "--from", "preprod", "--to", "prod"]).ends_with(1);
    assert!(refused.stderr.contains("bytes, and should have"), "{refused}");
    // The command of the hint mends it; the pool has the same file again.
    let _ = environment.run(&["fsck", "--repair", "--from", "saved"]).succeeds();
    let quiet = environment.run(&["publish", "preprod"]).succeeds();
    assert!(!quiet.stderr.contains("warning"), "{quiet}");
    assert!(fs::read(&file).unwrap().len() > 1);
    let _ = environment.run(&["publish"]).succeeds();
    let _ = environment.run(&["fsck"]).succeeds();
}
