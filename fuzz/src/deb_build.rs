//! Laws of the crate `deb-build`: plain functions that panic where one is broken.

use camino::Utf8Path;
use deb_build::{Changelog, Error, Plan, Release, Spec};
use deb_parse::deb;

use super::checks::{Law, check_line};

/// All laws by the names of their fuzz targets.
pub const LAWS: &[(&str, Law)] = &[("spec_read", spec_read), ("changelog_built", changelog_built)];

/// A description is refused with a place in its text, or makes a package that the strict reader takes.
pub fn spec_read(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let checked = |error: Error| {
        check_line(&error);
        if let Some(position) = error.position() {
            let lines = text.matches('\n').count() + 1;
            assert!((1..=lines).contains(&position.line), "{position} of {lines} lines");
            let line = text.split('\n').nth(position.line - 1).unwrap_or_default();
            assert!((1..=line.chars().count() + 1).contains(&position.column), "{position}: {line:?}");
        }
    };
    let spec = match Spec::parse(text) {
        Ok(spec) => spec,
        Err(error) => return checked(error),
    };
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a"), "#!/bin/sh\n").unwrap();
    std::fs::write(folder.path().join("a.service"), "[Service]\n[Install]\n").unwrap();
    let folder = Utf8Path::from_path(folder.path()).unwrap();
    let release = Release::new("1.0-1".parse().unwrap(), 1_700_000_000);
    match Plan::new(&spec, folder, &release) {
        Ok(plan) => read_again(&plan),
        Err(error) => checked(error),
    }
}

fn read_again(plan: &Plan) {
    let package = plan.write_to(std::io::Cursor::new(Vec::new())).unwrap().into_inner();
    let read = deb::read(&package[..], &deb::Options::default()).unwrap_or_else(|error| panic!("{error}"));
    let files = read.files.unwrap();
    let read: Vec<String> =
        files.iter().map(|file| String::from_utf8_lossy(&file.path).into_owned()).collect();
    let planned: Vec<String> = plan.paths().map(|path| path.trim_end_matches('/').to_owned()).collect();
    assert!(
        planned
            .iter()
            .all(|path| path.starts_with(|c| c != '/') && !path.split('/').any(|part| part == ".."))
    );
    assert!(read.iter().all(|path| planned.contains(path)), "{read:?} {planned:?}");
}

/// Any changelog becomes one of Debian's form, or is refused with a line of it.
pub fn changelog_built(bytes: &[u8]) {
    let Some((kind, text)) = bytes.split_first() else { return };
    let Ok(text) = std::str::from_utf8(text) else { return };
    let name = if kind % 2 == 0 { "CHANGELOG.md" } else { "changelog" };
    let changelog = match Changelog::parse(name.into(), text) {
        Ok(changelog) => changelog,
        Err(error) => return check_line(&error),
    };
    let spec = "name = 'acme'\nmaintainer = 'A <a@example.org>'\nsummary = 'x'\ncopyright = { license = 'MIT', holder = 'A' }\n";
    let spec = Spec::parse(spec).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let release = Release::new("2.0-1".parse().unwrap(), 1_700_000_000).changelog(changelog);
    let plan = Plan::new(&spec, Utf8Path::from_path(folder.path()).unwrap(), &release).unwrap();
    let package = plan.write_to(std::io::Cursor::new(Vec::new())).unwrap().into_inner();
    let options = deb::Options { changelog: Some(64 << 20), ..deb::Options::default() };
    let own = deb::read(&package[..], &options).unwrap().changelog.unwrap();
    let entries =
        deb_parse::changelog::parse(&own.text).unwrap_or_else(|error| panic!("{error}: {}", own.text));
    assert_eq!(entries[0].version, "2.0-1");
}
