//! Indices that list the same packages in the same form are rendered once: counted, not timed.

use std::fs;

use camino::Utf8PathBuf;
use repo_store::RepositorySettings;
use repo_store::maintenance::fsck::FsckOptions;
use repo_store::operations::promotion::PromoteOptions;
use repo_store::publish::PublishReport;

use crate::fixture::{Fixture, context, files_below, overwrite, settings, signer};

const SUITES: [&str; 8] =
    ["buster", "bullseye", "bookworm", "trixie", "focal", "jammy", "noble", "experimental"];

/// Packages that every suite lists for every architecture.
fn packages(fixture: &Fixture, numbers: std::ops::Range<usize>) -> Vec<Utf8PathBuf> {
    numbers.map(|number| fixture.package(&format!("tool{number:02}"), "1.0", "all", "content")).collect()
}

/// The rendered indices and the compressed pieces.
fn work(report: &PublishReport) -> (u64, u64) {
    (report.rendered, report.compressed)
}

fn promote_all(fixture: &Fixture, prod: &RepositorySettings) {
    let options = PromoteOptions { everything: true, ..PromoteOptions::default() };
    let plan = fixture.store.plan_promotion(&fixture.preprod, prod, &options).unwrap();
    plan.apply(&fixture.store, &context(50)).unwrap();
}

/// The text of `Packages` of every suite and architecture.
fn texts(fixture: &Fixture, repository: &RepositorySettings) -> Vec<String> {
    let dists = fixture.store.public(&repository.name).join("dists");
    let mut texts = Vec::new();
    for suite in &repository.suites {
        for architecture in ["amd64", "arm64"] {
            let index = dists.join(format!("{}/main/binary-{architecture}/Packages.gz", suite.name));
            let mut text = String::new();
            let mut decoder = flate2::read::MultiGzDecoder::new(fs::File::open(index).unwrap());
            std::io::Read::read_to_string(&mut decoder, &mut text).unwrap();
            texts.push(text);
        }
    }
    texts
}

#[test]
fn equal_suites_and_architectures_are_rendered_once_at_every_publication_and_not_again_by_a_promotion() {
    let mut fixture = Fixture::new();
    fixture.preprod = settings("preprod", &SUITES);
    let prod = settings("prod", &SUITES);
    let signer = signer();
    let publish = |fixture: &Fixture, repository: &RepositorySettings, seconds| {
        fixture.store.publish(repository, &signer, &context(seconds)).unwrap()
    };
    // As `init` does: so nothing after it is a first publication.
    assert_eq!(work(&publish(&fixture, &fixture.preprod, 1)), (1, 0), "nothing to compress");
    publish(&fixture, &prod, 2);

    let files = packages(&fixture, 0..40);
    fixture.add(&files);
    assert_eq!(work(&publish(&fixture, &fixture.preprod, 3)), (1, 2), "one index in two forms");
    fixture.add(&packages(&fixture, 40..41));
    assert_eq!(work(&publish(&fixture, &fixture.preprod, 4)), (1, 2), "from the one before");

    promote_all(&fixture, &prod);
    assert_eq!(work(&publish(&fixture, &prod, 5)), (0, 0), "preprod has published them all");
    let published = texts(&fixture, &prod);
    assert_eq!(published, texts(&fixture, &fixture.preprod));
    assert_eq!(published.len(), 16);
    assert!(published.iter().all(|text| text.matches("Package: tool").count() == 41));

    // What was taken over can be built upon, and one suite that differs costs one more index.
    let only = repo_store::AddOptions { suites: vec![prod.suites[3].name.clone()], ..Default::default() };
    let more = packages(&fixture, 41..42);
    fixture.store.add(&prod, &more, &only, &context(6)).unwrap().into_result().unwrap();
    assert_eq!(work(&publish(&fixture, &prod, 7)), (1, 2));
    let report = fixture.store.fsck(&FsckOptions::default(), &context(8)).unwrap();
    assert!(report.problems.is_empty(), "{report:?}");
}

#[test]
fn an_index_is_found_by_its_records_though_another_suite_has_other_packages_too() {
    let mut fixture = Fixture::new();
    fixture.preprod = settings("preprod", &["bookworm"]);
    let signer = signer();
    fixture.add(&packages(&fixture, 0..40));
    fixture.add(&[fixture.package("native", "1.0", "amd64", "content")]);
    let first = fixture.store.publish(&fixture.preprod, &signer, &context(1)).unwrap();
    assert_eq!(first.rendered, 2, "with and without the package for one architecture");
    // This one has the packages for all architectures only.
    let prod = settings("prod", &["trixie"]);
    let files = packages(&fixture, 0..40);
    fixture.store.add(&prod, &files, &Default::default(), &context(2)).unwrap().into_result().unwrap();
    assert_eq!(work(&fixture.store.publish(&prod, &signer, &context(3)).unwrap()), (0, 0));
    assert!(texts(&fixture, &prod).iter().all(|text| !text.contains("native")));
}

#[test]
fn an_index_that_others_have_changed_is_not_taken_over() {
    let fixture = Fixture::new();
    let signer = signer();
    fixture.add(&packages(&fixture, 0..40));
    fixture.store.publish(&fixture.preprod, &signer, &context(1)).unwrap();
    let by_hash = fixture.store.public(&fixture.preprod.name).join(".by-hash/SHA256");
    for file in files_below(&by_hash) {
        let mut bytes = fs::read(&file).unwrap();
        if let Some(byte) = bytes.last_mut() {
            *byte ^= 1;
        }
        overwrite(&file, &bytes);
    }
    let prod = settings("prod", &["bookworm", "trixie"]);
    promote_all(&fixture, &prod);
    assert_eq!(fixture.store.publish(&prod, &signer, &context(2)).unwrap().rendered, 1);
    assert!(texts(&fixture, &prod).iter().all(|text| text.matches("Package: tool").count() == 40));
    let report = fixture.store.fsck(&FsckOptions::default(), &context(3)).unwrap();
    assert!(report.problems.iter().all(|problem| !problem.path.starts_with("public/prod")), "{report:?}");

    // Nor does one serve that is to be made from the records alone.
    let again = fixture.store.sign_again(&prod, &signer, Default::default(), &context(4)).unwrap();
    assert_eq!(again.rendered, 1);
}
