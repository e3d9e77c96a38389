//! A user who can write to the published files, and to nothing else, does not decide what is signed next.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};

use camino::Utf8PathBuf;
use deb_parse::deb822;
use repo_store::maintenance::fsck::{FsckOptions, FsckReport, ProblemKind};
use repo_store::{PublishOptions, RepositoryName};

use crate::fixture::{Fixture, context, files_below, overwrite, publish, settings, signer};
use crate::planned_repairs::repaired_as_planned;
use crate::publishing::{assert_indices_are_as_signed, visible};

fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}

/// Sets the four bytes at `place` so that the whole has that CRC32. A CRC is linear: each bit has an effect of its own, and these are
/// combined by solving 32 equations.
fn with_crc32(mut bytes: Vec<u8>, place: usize, wanted: u32) -> Vec<u8> {
    bytes[place..place + 4].fill(0);
    let start = crc32(&bytes);
    let effect = |bit: usize| {
        let mut other = bytes.clone();
        other[place + bit / 8] ^= 1 << (bit % 8);
        crc32(&other) ^ start
    };
    let mut rows: Vec<(u32, u32)> = (0..32).map(|bit| (effect(bit), 1 << bit)).collect();
    let (mut left, mut chosen) = (wanted ^ start, 0);
    for bit in 0..32 {
        let row = rows.iter().position(|(effect, _)| effect >> bit & 1 == 1).unwrap();
        let (effect, bits) = rows.swap_remove(row);
        for (other, with) in rows.iter_mut().filter(|(other, _)| other >> bit & 1 == 1) {
            (*other, *with) = (*other ^ effect, *with ^ bits);
        }
        if left >> bit & 1 == 1 {
            (left, chosen) = (left ^ effect, chosen ^ bits);
        }
    }
    bytes[place..place + 4].copy_from_slice(&u32::to_le_bytes(chosen));
    assert_eq!((left, crc32(&bytes)), (0, wanted));
    bytes
}

/// A gzip member with another text, and the length and CRC32 of `honest`: the name in its header fills it up, and its time, which nobody
/// looks at, makes the CRC right.
fn forged_member(honest: &[u8], text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(text).unwrap();
    let data = encoder.finish().unwrap();
    let name = honest.len() - (10 + 1 + data.len() + 8);
    let mut member = vec![0x1f, 0x8b, 8, 8, 0, 0, 0, 0, 0, 0xff];
    member.extend(std::iter::repeat_n(b'n', name));
    member.push(0);
    member.extend(data);
    member.extend(crc32(text).to_le_bytes());
    member.extend(u32::try_from(text.len()).unwrap().to_le_bytes());
    assert_eq!(member.len(), honest.len());
    with_crc32(member, 4, crc32(honest))
}

fn unpacked(member: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    flate2::read::MultiGzDecoder::new(member).read_to_end(&mut text).unwrap();
    text
}

fn index(fixture: &Fixture, suite: &str, name: &str) -> Utf8PathBuf {
    fixture.store.public(&fixture.preprod.name).join("dists").join(suite).join("main/binary-amd64").join(name)
}

/// The SHA-256 that clients are told of each package and version.
fn told(fixture: &Fixture) -> BTreeMap<String, String> {
    let text = unpacked(&std::fs::read(index(fixture, "trixie", "Packages.gz")).unwrap());
    let mut other = Vec::new();
    let xz = std::fs::File::open(index(fixture, "trixie", "Packages.xz")).unwrap();
    xz2::read::XzDecoder::new(xz).read_to_end(&mut other).unwrap();
    assert_eq!(text, other);
    let field = |stanza: &deb822::Paragraph<'_>, name| stanza.get_str(name).unwrap().to_owned();
    deb822::paragraphs(&text)
        .map(|stanza| {
            let name = format!("{} {}", field(&stanza, "Package"), field(&stanza, "Version"));
            (name, field(&stanza, "SHA256"))
        })
        .collect()
}

/// A published `hello` whose index in `public/` was forged so that its length and CRC32 are as before.
fn forged() -> (Fixture, apt_sign::OpenPgpSigner, BTreeMap<String, String>) {
    let (mut fixture, signer) = (Fixture::new(), signer());
    fixture.preprod = settings("preprod", &["trixie"]);
    fixture
        .add(&[fixture.package("hello", "1.0", "amd64", "a"), fixture.package("world", "1.0", "amd64", "a")]);
    publish(&fixture, &signer, 0);
    let honest = told(&fixture);
    let path = index(&fixture, "trixie", "Packages.gz");
    let member = std::fs::read(&path).unwrap();
    let text = String::from_utf8(unpacked(&member)).unwrap();
    let evil = text.replace(&honest["hello 1.0"], &"e".repeat(64));
    assert_ne!(evil, text);
    overwrite(&path, &forged_member(&member, evil.as_bytes()));
    assert_eq!(unpacked(&std::fs::read(&path).unwrap()), evil.as_bytes());
    (fixture, signer, honest)
}

#[test]
fn a_forged_index_is_not_signed_by_the_next_addition() {
    let (fixture, signer, honest) = forged();
    fixture.add(&[fixture.package("more", "1.0", "amd64", "b")]);
    publish(&fixture, &signer, 10);
    let mut told = told(&fixture);
    assert!(told.remove("more 1.0").is_some());
    assert_eq!(told, honest);
    assert_indices_are_as_signed(&fixture, "trixie");
}

#[test]
fn a_forged_index_is_not_signed_by_the_next_removal() {
    let (fixture, signer, mut honest) = forged();
    let plan = fixture.store.plan_removal(&fixture.preprod, &["world".parse().unwrap()], &[]).unwrap();
    plan.apply(&fixture.store, &context(5)).unwrap();
    publish(&fixture, &signer, 10);
    honest.remove("world 1.0");
    assert_eq!(told(&fixture), honest);
    assert_indices_are_as_signed(&fixture, "trixie");
}

/// Changes a bit in the middle of a file.
fn flip(path: &Utf8PathBuf) {
    let mut bytes = std::fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    overwrite(path, &bytes);
}

#[test]
fn whatever_index_file_is_damaged_a_rollback_publishes_whole_ones() {
    let make = || {
        let (fixture, signer) = (Fixture::in_memory(), signer());
        fixture.add(&[fixture.package("hello", "1.0", "amd64", "a")]);
        publish(&fixture, &signer, 0);
        fixture.add(&[fixture.package("hello", "1.1+deb13u1", "amd64", "b")]);
        publish(&fixture, &signer, 10);
        (fixture, signer)
    };
    let by_hash = |fixture: &Fixture| {
        let files = files_below(&fixture.store.public(&fixture.preprod.name).join(".by-hash/SHA256"));
        files.into_iter().filter(|file| file.metadata().unwrap().len() > 0).collect::<Vec<_>>()
    };
    for nth in 0..by_hash(&make().0).len() {
        let (fixture, signer) = make();
        flip(&by_hash(&fixture)[nth]);
        let target = fixture.store.resolve(&fixture.preprod.name, "1").unwrap();
        fixture.store.plan_rollback(&target, &[]).unwrap().apply(&fixture.store, &context(20)).unwrap();
        let options = PublishOptions { check_all: true, ..PublishOptions::default() };
        fixture.store.publish_with(&fixture.preprod, &signer, options, &context(20)).unwrap();
        for suite in ["bookworm", "trixie"] {
            assert_eq!(visible(&fixture, suite), ["hello 1.0"]);
            assert_indices_are_as_signed(&fixture, suite);
        }
    }
}

#[test]
fn the_indices_of_a_suite_that_did_not_change_are_looked_at_in_turn() {
    let (fixture, signer) = (Fixture::new(), signer());
    // Two large files that cannot be packed, in a suite of their own.
    let mut state = 1_u64;
    let mut noise = || {
        let mut line = String::from(" ");
        while line.len() < 60_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            line.push_str(&format!("{state:016x}"));
        }
        line
    };
    let files: Vec<_> = (0..60)
        .map(|number| {
            let bytes = deb_parse::deb::Builder::new(
                deb_parse::PackageName::parse(&format!("large{number}")).unwrap(),
                deb_parse::Version::parse("1.0+deb12u1").unwrap(),
                deb_parse::Architecture::parse("amd64").unwrap(),
            )
            .description(format!("large\n{}", noise()))
            .build()
            .unwrap();
            fixture.file(&format!("large{number}.deb"), &bytes)
        })
        .collect();
    fixture.add(&files);
    publish(&fixture, &signer, 0);
    let large = index(&fixture, "bookworm", "Packages.gz");
    assert!(large.metadata().unwrap().len() > 1 << 20);
    flip(&large);
    let mut seconds = 0;
    let found = loop {
        seconds += 1;
        let version = format!("{seconds}+deb13u1");
        fixture.add(&[fixture.package("small", &version, "amd64", "a")]);
        let report = publish(&fixture, &signer, seconds);
        if report.suites.len() == 2 {
            break seconds;
        }
        assert!(report.checked < 3 << 20, "{} bytes were read", report.checked);
        assert!(seconds < 60, "it was never looked at");
    };
    assert_indices_are_as_signed(&fixture, "bookworm");
    fixture.add(&[fixture.package("small", "99+deb13u1", "amd64", "a")]);
    assert_eq!(publish(&fixture, &signer, found + 1).suites.len(), 1, "it is whole");
}

#[test]
fn a_publication_from_nowhere_decides_no_id() {
    let (fixture, signer) = (Fixture::new(), signer());
    fixture.add(&[fixture.package("hello", "1.0", "amd64", "a")]);
    publish(&fixture, &signer, 0);
    let public = fixture.store.public(&RepositoryName::parse("preprod").unwrap());
    std::fs::create_dir_all(public.join(".publications/20990101T000000Z/dists")).unwrap();
    std::fs::create_dir_all(public.join("snapshot/20990101T000000Z")).unwrap();
    fixture.add(&[fixture.package("hello", "1.1", "amd64", "a")]);
    let id = publish(&fixture, &signer, 60).publication.unwrap();
    assert_eq!(id.seconds(), context(60).now.as_second());
}

/// Changes the records of all publications, as somebody would find them who got an older version to sign a forged index.
fn rewrite_records(fixture: &Fixture, change: impl Fn(String) -> String) {
    for path in files_below(&fixture.store.root().join("store/publications")) {
        let text = std::fs::read_to_string(&path).unwrap();
        let content = change(text.rsplit_once("\nBLAKE3: ").unwrap().0.to_owned());
        let check = blake3::hash(content.as_bytes());
        overwrite(&path, format!("{content}\nBLAKE3: {check}\n").as_bytes());
    }
}

/// A repository whose clients see `evil`, signed, which no state of the repository has had for long.
fn signed_forgery() -> (Fixture, apt_sign::OpenPgpSigner) {
    let (mut fixture, signer) = (Fixture::new(), signer());
    fixture.preprod = settings("preprod", &["trixie"]);
    fixture.preprod.flat = Some(crate::fixture::suite("trixie"));
    fixture.add(&[fixture.package("hello", "1.0", "amd64", "a")]);
    publish(&fixture, &signer, 0);
    let snapshot = |fixture: &Fixture| {
        let head = fixture.store.head(&fixture.preprod.name).unwrap().unwrap();
        head.commit().suites.values().next().unwrap().to_string()
    };
    let honest = snapshot(&fixture);
    fixture.add(&[fixture.package("evil", "6.6", "amd64", "a")]);
    publish(&fixture, &signer, 10);
    let forged = snapshot(&fixture);
    let target = fixture.store.resolve(&fixture.preprod.name, "1").unwrap();
    fixture.store.plan_rollback(&target, &[]).unwrap().apply(&fixture.store, &context(20)).unwrap();
    rewrite_records(&fixture, |record| record.replace(&forged, &honest));
    (fixture, signer)
}

fn forged_lines(report: &FsckReport) -> Vec<String> {
    let forged = report.problems.iter().filter(|problem| problem.kind == ProblemKind::Forged);
    forged.map(|problem| problem.what.clone()).collect()
}

#[test]
fn a_signed_forgery_is_found_by_what_the_records_say() {
    let (fixture, _) = signed_forgery();
    assert_eq!(visible(&fixture, "trixie"), ["evil 6.6", "hello 1.0"]);
    let report = fixture.store.fsck(&FsckOptions::default(), &context(30)).unwrap();
    // The flat form has the same text, and so the same files. Each is compressed in two ways.
    assert_eq!(
        forged_lines(&report),
        ["main/binary-amd64/Packages is not what the records say: 1 too many (evil), 0 missing"; 2]
    );
    assert!(report.problems.iter().all(|problem| problem.kind == ProblemKind::Forged), "{report:?}");
    assert!(report.problems.iter().all(|problem| problem.affects[0].current), "{report:?}");
}

#[test]
fn a_repair_takes_a_forgery_away_and_the_next_publication_is_honest() {
    let (fixture, signer) = signed_forgery();
    let report = repaired_as_planned(&fixture.store, &FsckOptions::default(), &[], &context(30));
    assert!(report.repaired.iter().any(|problem| problem.kind == ProblemKind::Forged));
    assert_eq!(forged_lines(&report.remaining), [""; 0]);
    assert!(!report.remaining.is_clean(), "clients miss the index");
    publish(&fixture, &signer, 40);
    assert_eq!(visible(&fixture, "trixie"), ["hello 1.0"]);
    assert_indices_are_as_signed(&fixture, "trixie");
    assert!(!files_below(&fixture.store.root().join("store/damaged")).is_empty());
}

#[test]
fn a_repair_that_may_sign_leaves_nothing_to_be_done() {
    let (fixture, signer) = signed_forgery();
    let sign_again = |_: &RepositoryName| {
        let options = PublishOptions::default();
        fixture.store.sign_again(&fixture.preprod, &signer, options, &context(40)).is_ok()
    };
    let options = FsckOptions { sign_again: Some(&sign_again), ..FsckOptions::default() };
    let report = repaired_as_planned(&fixture.store, &options, &[], &context(40));
    assert!(report.remaining.is_clean(), "{:?}", report.remaining);
    assert_eq!(visible(&fixture, "trixie"), ["hello 1.0"]);
    assert_indices_are_as_signed(&fixture, "trixie");
}

#[test]
fn a_form_of_an_index_with_another_text_than_the_others_is_found() {
    let (mut fixture, signer) = (Fixture::new(), signer());
    fixture.preprod = settings("preprod", &["trixie"]);
    fixture.preprod.suites[0].architectures.truncate(1);
    fixture.add(&[fixture.package("hello", "1.0", "amd64", "a")]);
    publish(&fixture, &signer, 0);
    let honest = index(&fixture, "trixie", "Packages.gz");
    let member = std::fs::read(&honest).unwrap();
    let old = deb_parse::checksum::Sha256::of(&member);
    // What is appended is read by clients, and not by who knows the length of the first member.
    let mut forged = member.clone();
    let mut encoder = flate2::write::GzEncoder::new(&mut forged, flate2::Compression::best());
    encoder.write_all(b"Package: evil\nVersion: 1\n\n").unwrap();
    encoder.finish().unwrap();
    let new = deb_parse::checksum::Sha256::of(&forged);
    overwrite(&honest, &forged);
    let by_hash = fixture.store.public(&fixture.preprod.name).join(".by-hash/SHA256");
    std::fs::rename(by_hash.join(old.to_string()), by_hash.join(new.to_string())).unwrap();
    let sizes = (format!("gz {} {old}", member.len()), format!("gz {} {new}", forged.len()));
    rewrite_records(&fixture, |record| record.replace(&sizes.0, &sizes.1));
    let report = fixture.store.fsck(&FsckOptions::default(), &context(30)).unwrap();
    assert_eq!(
        report.problems.iter().map(ToString::to_string).collect::<Vec<_>>(),
        [format!(
            "forged public/preprod/.by-hash/SHA256/{new}: the text of main/binary-amd64/Packages.gz is not the one that Release lists"
        )]
    );
}

#[test]
fn an_index_of_an_older_version_is_not_built_upon_and_rendered_once() {
    let (fixture, signer, mut honest) = forged();
    // As an older version wrote it: no hash of any segment, and no keys.
    rewrite_records(&fixture, |record| {
        let lines =
            record.lines().filter(|line| !line.starts_with("Keys:") && !line.starts_with("Replaces:"));
        let words = |line: &str| {
            let without_hash = |word: &str| match word.rsplit_once('/') {
                Some((rest, hash)) if hash.len() == 64 && rest.contains('/') => rest.to_owned(),
                _ => word.to_owned(),
            };
            line.split(' ').map(without_hash).collect::<Vec<_>>().join(" ")
        };
        lines.map(words).collect::<Vec<_>>().join("\n") + "\n"
    });
    let hashes = |fixture: &Fixture| {
        let records = files_below(&fixture.store.root().join("store/publications"));
        let text = std::fs::read_to_string(records.last().unwrap()).unwrap();
        let segments = text.lines().filter(|line| line.starts_with(" hello world "));
        segments.map(|line| line.matches('/').count()).collect::<Vec<_>>()
    };
    assert_eq!(hashes(&fixture), [2]);
    let date = fixture.store.latest_date(&fixture.preprod.name).unwrap();
    assert_eq!(date, Some(context(0).now), "all else is known");
    fixture.add(&[fixture.package("hello", "1.1", "arm64", "b")]);
    publish(&fixture, &signer, 10);
    assert_eq!(told(&fixture), honest);
    assert_eq!(hashes(&fixture), [4]);
    assert_indices_are_as_signed(&fixture, "trixie");
    fixture.add(&[fixture.package("more", "1.0", "amd64", "b")]);
    publish(&fixture, &signer, 20);
    let told = told(&fixture);
    honest.extend(told.get_key_value("more 1.0").map(|(name, sha256)| (name.clone(), sha256.clone())));
    assert_eq!(told, honest);
}
