//! Adds package files to a repository of a store that `repo-cli init` made, and publishes it: what a service of one's own would do, with the
//! settings and the keys that the command line uses.
//!
//! ```console
//! $ cargo run --release --example intake -- /srv/repo preprod hello_2.10-3_amd64.deb
//! ```

use std::error::Error;
use std::io::Write;
use std::process::ExitCode;

use camino::{Utf8Path, Utf8PathBuf};
use jiff::Timestamp;
use repo_config::Config;
use repo_config::keys::KeyDirectory;
use repo_store::operations::import::Refused;
use repo_store::{AddOptions, Context, PublishOptions, Store};

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(root), Some(repository)) = (arguments.next(), arguments.next()) else {
        return Err("usage: intake STORE REPOSITORY FILE...".into());
    };
    let files: Vec<Utf8PathBuf> = arguments.map(Utf8PathBuf::from).collect();
    let refused = take_in(Utf8Path::new(&root), &repository, &files, Timestamp::now())?;
    for Refused { file, error, .. } in &refused {
        // The code stays the same in every version; a service would make its status of it.
        writeln!(std::io::stderr(), "{file}: {error} ({})", error.code())?;
    }
    Ok(if refused.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Takes in what can be taken in, and returns what was refused.
fn take_in(
    root: &Utf8Path,
    repository: &str,
    files: &[Utf8PathBuf],
    now: Timestamp,
) -> Result<Vec<Refused>, Box<dyn Error>> {
    let (config, store) = (Config::load(root)?, Store::open(root)?);
    let repository = config.repository(repository)?;
    let context = Context::new("intake", now);
    let options = AddOptions { keep_going: true, ..AddOptions::default() };
    let report = store.add(repository, files, &options, &context)?;
    if !report.added.is_empty() {
        let (signer, _warnings) = KeyDirectory::new(root).signer(now.into())?;
        let _ = store.publish_with(repository, &signer, PublishOptions::default(), &context)?;
    }
    Ok(report.refused)
}

#[cfg(test)]
#[test]
fn what_is_good_is_published_and_what_is_not_is_named() {
    use apt_sign::UserId;
    use deb_parse::{Architecture, PackageName, SuiteName, Version, deb};
    use repo_config::keys::NewKey;
    use repo_config::{FromText as _, Line, Template};
    use repo_store::RepositoryName;

    let directory = tempfile::tempdir().expect("a directory");
    let top = Utf8Path::from_path(directory.path()).expect("UTF-8");
    let (root, now) = (top.join("store"), "2026-11-27T12:00:00Z".parse().expect("a time"));
    let amd64 = Architecture::parse("amd64").expect("an architecture");
    let mut template = Template::new(Line::from_text("Example Ltd").expect("a line"));
    template.suites.push(SuiteName::parse("bookworm").expect("a suite"));
    template.architectures.push(amd64.clone());
    template.repositories.push(RepositoryName::parse("preprod").expect("a name"));
    Store::create(&root).expect("a store");
    let key = NewKey::named(UserId::parse("Example Ltd").expect("a name"));
    KeyDirectory::new(&root).generate(&key, Timestamp::into(now)).expect("a key");
    template.save_new(&root).expect("settings");

    let (name, version) =
        (PackageName::parse("hello").expect("a name"), Version::parse("1.0").expect("a version"));
    let (good, bad) = (top.join("hello.deb"), top.join("bad.deb"));
    std::fs::write(&good, deb::Builder::new(name, version, amd64).build().expect("a package"))
        .expect("written");
    std::fs::write(&bad, "not a package").expect("written");
    let refused = take_in(&root, "preprod", &[bad.clone(), good], now).expect("a store that can be used");
    assert_eq!(refused.iter().map(|one| &one.file).collect::<Vec<_>>(), [&bad]);
    assert!(root.join("public/preprod/pool/main/h/hello/hello_1.0_amd64.deb").exists());
    assert!(root.join("public/preprod/dists/bookworm/InRelease").exists());
}
