//! A version goes to a share of the machines first.

use deb_parse::deb::Builder;
use deb_parse::{PackageName, SourceName, Version, deb822};
use repo_store::Selector;
use repo_store::maintenance::fsck::FsckOptions;
use repo_store::model::record::UpdatePercentage;
use repo_store::operations::phasing::{PhasingPlan, PhasingRequest};
use repo_store::operations::promotion::PromoteOptions;

use crate::fixture::{Fixture, context, publish, settings, signer, suite};

fn plan(fixture: &Fixture, version: Option<&str>, percent: u8) -> PhasingPlan {
    let request = PhasingRequest {
        source: SourceName::parse("hello").unwrap(),
        version: version.map(|version| Version::parse(version).unwrap()),
        percentage: UpdatePercentage::new(percent),
        suites: Vec::new(),
    };
    fixture.store.plan_phasing(&fixture.preprod, &request).unwrap()
}

fn set(fixture: &Fixture, version: Option<&str>, percent: u8, seconds: i64) {
    plan(fixture, version, percent).apply(&fixture.store, &context(seconds)).unwrap().commit.unwrap();
}

/// The versions of hello that clients see, each with its share.
fn visible(fixture: &Fixture, suite: &str) -> String {
    let directory = fixture.store.public(&fixture.preprod.name).join("dists").join(suite);
    let file = std::fs::read(directory.join("main/binary-amd64/Packages.gz")).unwrap();
    let mut text = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::MultiGzDecoder::new(&*file), &mut text).unwrap();
    let stanzas = deb822::paragraphs(&text).map(|stanza| {
        let share = stanza.get_str("Phased-Update-Percentage").map(|share| format!(" {share}%"));
        format!("{}{}", stanza.get_str("Version").unwrap(), share.unwrap_or_default())
    });
    stanzas.collect::<Vec<_>>().join(", ")
}

#[test]
fn the_share_is_published_raised_undone_and_stays_in_its_repository() {
    let (fixture, signer) = (Fixture::new(), signer());
    let files = ["1.0", "2.0"].map(|version| fixture.package("hello", version, "amd64", version));
    fixture.add(&files);
    publish(&fixture, &signer, 0);

    set(&fixture, None, 10, 10);
    publish(&fixture, &signer, 20);
    assert_eq!(visible(&fixture, "trixie"), "1.0, 2.0 10%");
    let head = fixture.store.head(&fixture.preprod.name).unwrap().unwrap();
    assert_eq!(head.commit().operation.to_string(), "phase hello 2.0 amd64 to 10 %");
    assert!(head.holds().unwrap().is_empty());
    let phased: Vec<String> =
        head.phased().unwrap().iter().map(|(suite, record)| format!("{suite} {}", record.key())).collect();
    assert_eq!(phased, ["bookworm hello 2.0 amd64", "trixie hello 2.0 amd64"]);
    // Once more changes nothing, and the package that is added again stays as it is.
    assert!(plan(&fixture, None, 10).changes().iter().next().is_none());
    fixture.add(&files);
    assert_eq!(fixture.store.head(&fixture.preprod.name).unwrap().unwrap().id(), head.id());

    let raised = plan(&fixture, Some("2.0"), 50);
    assert!(raised.raises() && raised.overtaken().is_empty());
    raised.apply(&fixture.store, &context(30)).unwrap().commit.unwrap();
    assert!(raised.apply(&fixture.store, &context(31)).is_err(), "the plan is outdated");
    assert!(!plan(&fixture, None, 0).raises());
    publish(&fixture, &signer, 40);
    assert_eq!(visible(&fixture, "bookworm"), "1.0, 2.0 50%");
    fixture.store.plan_undo(&fixture.preprod.name).unwrap().apply(&fixture.store, &context(50)).unwrap();
    publish(&fixture, &signer, 60);
    assert_eq!(visible(&fixture, "bookworm"), "1.0, 2.0 10%");
    assert!(fixture.store.head(&fixture.preprod.name).unwrap().unwrap().holds().unwrap().is_empty());
    assert_eq!(plan(&fixture, Some("1.0"), 5).overtaken().len(), 2);
    assert!(plan(&fixture, Some("3.0"), 5).chosen().is_empty());
    // However the version is written: machines draw by what the packages say.
    let chosen = plan(&fixture, Some("0:2.0"), 5);
    assert!(chosen.chosen().values().all(|version| version.as_str() == "2.0"));
    // A share is neither coming nor going.
    let head = fixture.store.head(&fixture.preprod.name).unwrap().unwrap();
    assert!(head.changes().unwrap().values().all(repo_store::model::Difference::is_empty));

    // What another repository gets is for everybody there, and is no difference between the two.
    let prod = settings("prod", &["bookworm", "trixie"]);
    let selectors = vec!["hello=2.0".parse::<Selector>().unwrap()];
    let options = PromoteOptions { selectors, ..PromoteOptions::default() };
    let promotion = fixture.store.plan_promotion(&fixture.preprod, &prod, &options).unwrap();
    promotion.apply(&fixture.store, &context(70)).unwrap();
    let there = fixture.store.head(&prod.name).unwrap().unwrap();
    assert!(there.phased().unwrap().is_empty());
    let release = fixture.store.plan_release(&fixture.preprod, &prod, None).unwrap();
    let came: Vec<String> = release.moves()[0]
        .changes()
        .values()
        .flat_map(|change| change.only_first.iter().chain(&change.only_second))
        .map(|record| record.key().to_string())
        .collect();
    assert_eq!(came, ["hello 1.0 amd64", "hello 1.0 amd64"]);
    let promotion = fixture.store.plan_promotion(&fixture.preprod, &prod, &options).unwrap();
    assert!(promotion.changes().is_empty());

    // For everybody again: the bytes are those of the beginning.
    set(&fixture, None, 100, 80);
    publish(&fixture, &signer, 90);
    assert_eq!(visible(&fixture, "trixie"), "1.0, 2.0");
    let checked = fixture.store.fsck(&FsckOptions::default(), &context(1000)).unwrap();
    assert!(checked.is_clean(), "{checked:?}");
}

#[test]
fn what_a_package_says_of_its_share_does_not_count() {
    let fixture = Fixture::in_memory();
    let architecture = deb_parse::Architecture::parse("amd64").unwrap();
    let (name, version) = (PackageName::parse("hello").unwrap(), Version::parse("2.0").unwrap());
    let own =
        Builder::new(name, version, architecture).field("phased-update-percentage", "0").build().unwrap();
    fixture.add(&[fixture.file("hello.deb", &own)]);
    let head = fixture.store.head(&fixture.preprod.name).unwrap().unwrap();
    let record = &head.records(&suite("trixie")).unwrap()[0];
    assert_eq!((record.field("Phased-Update-Percentage"), record.update_percentage()), (None, None));
    assert!(plan(&fixture, None, 100).changes().is_empty());
}
