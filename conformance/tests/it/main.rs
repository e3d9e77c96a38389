//! The runner against managers that do one thing wrong: each must be found by the case that is for it.
#![allow(clippy::expect_used, clippy::panic)]

use conformance::manager::{Feature, Layout, Manager, Place, Request, Situation};

/// A manager that spoils what it has published.
struct Spoiling<'a> {
    inner: &'a dyn Manager,
    damage: &'static str,
}

impl Manager for Spoiling<'_> {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn version_command(&self) -> String {
        self.inner.version_command()
    }

    fn lacks(&self, feature: Feature) -> Option<&'static str> {
        self.inner.lacks(feature)
    }

    fn place(&self, layout: &Layout, repository: &str, suite: &str) -> Place {
        self.inner.place(layout, repository, suite)
    }

    fn script(&self, situation: &Situation<'_>, request: &Request<'_>) -> String {
        let script = self.inner.script(situation, request);
        match request {
            Request::Publish("preprod") => format!("{script}\n{}\n", self.damage),
            _ => script,
        }
    }
}

/// What is damaged, in the directory of apt-ftparchive, and the case that finds it.
const DAMAGES: [(&str, &str); 21] = [
    ("rm preprod/dists/bookworm/InRelease", "release/inrelease-is-there"),
    ("echo >> preprod/dists/bookworm/Release", "signature/release-gpg-is-good"),
    ("echo Label: x >> preprod/dists/bookworm/Release", "release/release-says-what-inrelease-says"),
    ("echo junk >> preprod/dists/bookworm/InRelease", "signature/nothing-stands-outside-of-it"),
    (
        "cd preprod/dists/bookworm; gpg -q --batch --yes -u New@example.org --clearsign -o InRelease Release",
        "signature/is-by-the-told-key",
    ),
    (
        "cd preprod/dists/bookworm; gpg -q --batch --yes -u Old@example.org --digest-algo SHA1 --clearsign -o InRelease Release",
        "signature/digest-is-strong",
    ),
    (
        "cd preprod/dists/bookworm; gpg -q --batch --yes -u Old@example.org --detach-sign -o Release.gpg Release",
        "signature/detached-one-is-armored",
    ),
    ("gpg --batch --armor --export-secret-keys > preprod/key", "signature/secret-keys-are-not-served"),
    (
        "cd preprod/dists/bookworm; sed -i 's/^Date:.*/Date: Thu, 01 Jan 2099 00:00:00 UTC/' Release; gpg -q --batch --yes -u Old@example.org --clearsign -o InRelease Release",
        "release/date-is-not-ahead",
    ),
    (
        "cd preprod/dists/bookworm; sed -i '/binary-amd64.Packages$/d' Release; gpg -q --batch --yes -u Old@example.org --clearsign -o InRelease Release",
        "release/plain-form-of-each-index-is-listed",
    ),
    (
        "cd preprod/dists/bookworm/main/binary-amd64; rm Packages.xz; (head -n 5 Packages | xz; tail -n +6 Packages | xz) > Packages.xz",
        "hash/listed-files-have-the-listed-checksums",
    ),
    (
        "cd preprod/dists/bookworm/main/binary-amd64; rm Packages.xz; (head -n 5 Packages | xz; tail -n +6 Packages | xz) > Packages.xz",
        "compress/xz-is-one-stream",
    ),
    ("rm -r preprod/dists/bookworm/main/binary-amd64/by-hash", "by-hash/each-index-has-its-name"),
    (
        "rm -r preprod/dists/bookworm/main/binary-amd64/by-hash",
        "by-hash/old-index-stays-for-a-running-update",
    ),
    ("echo >> preprod/pool/bookworm/main/hello_1.0_amd64.deb", "index/files-have-the-size"),
    ("echo >> preprod/pool/bookworm/main/hello_1.0_amd64.deb", "apt/downloads-a-package"),
    ("rm preprod/pool/bookworm/main/hello_1.0_amd64.deb", "hash/each-index-is-there"),
    ("chmod 600 preprod/pool/bookworm/main/hello_1.0_amd64.deb", "mirror/files-can-be-read-by-the-server"),
    ("ln -s /etc/passwd preprod/pool/users", "mirror/links-stay-inside"),
    ("touch -d 2020-01-01 preprod/dists/bookworm/InRelease", "release/mtime-rises-with-each-publication"),
    ("touch preprod/pool/bookworm/main/*", "cache/times-of-packages-stay"),
];

/// Runs one case and returns why it is not met.
fn missed(manager: &dyn Manager, case: &str) -> Option<String> {
    let report = conformance::run(manager, &[case.to_owned()], 1, |_| ());
    assert!(report.rows.iter().any(|row| row.name == case), "no case {case}");
    report.missed().find(|row| row.name == case).map(|row| format!("{:?}", row.result))
}

#[test]
fn each_damage_is_found_by_the_case_that_is_for_it() {
    if !testkit::all_installed(&["apt-ftparchive", "gpg", "gpgv", "apt-get", "xz"]) {
        return;
    }
    let managers = conformance::managers("repo-cli");
    let inner = managers.iter().find(|manager| manager.name() == "apt-ftparchive").expect("apt-ftparchive");
    std::thread::scope(|scope| {
        for damages in DAMAGES.chunks(DAMAGES.len().div_ceil(4)) {
            scope.spawn(move || {
                for (damage, case) in damages {
                    let spoiling = Spoiling { inner: inner.as_ref(), damage };
                    let found = missed(&spoiling, case);
                    let is_found = found.as_ref().is_some_and(|why| !why.contains("making the repositories"));
                    assert!(is_found, "{case}, `{damage}`: {found:?}");
                    assert_eq!(missed(inner.as_ref(), case), None, "{case}: without damage");
                }
            });
        }
    });
}

#[test]
fn a_manager_that_is_missing_is_skipped() {
    let managers = conformance::managers("/nowhere/repo-cli");
    let report = conformance::run(managers.first().expect("ours").as_ref(), &[], 1, |_| ());
    assert_eq!(report.version, None);
    assert_eq!(conformance::table(&report), "ours: SKIPPED: the program is not installed\n");
}

#[test]
fn names_of_cases_differ_and_rules_are_sentences() {
    let mut names: Vec<&str> = conformance::list().map(|(name, _)| name).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
    assert!(count >= 150, "{count}");
    for (name, rule) in conformance::list() {
        assert!(rule.ends_with('.') && name.contains('/'), "{name}: {rule}");
    }
}
