use apt_bundle::{Bundle, Error, Manifest};
use proptest::prelude::*;

use crate::sample::{FILES, Maker, manifest, now};

#[test]
fn a_manifest_has_one_text() {
    let text = manifest().to_text();
    insta::assert_snapshot!(text, @"
    Bundle-Format: 1
    Site: plant-7
    Made: 2026-09-21T14:13:20Z

    Repository: prod
    Commit: 42
    Publication: 20260921T141320Z
    Links:
     dists/stable bookworm
    Files:
     + 4a3cdfae6f291c8f544daea5b72905cf9e74c1ed427d831ad0d7ca00c73c794d 6 dists/bookworm/InRelease
     + b0504db6bdc2c07dd019a214eb84e0956281316b21caa923c2b87bc8130a71e5 15 dists/bookworm/main/binary-amd64/Packages
     + 3a0aac44832e55528a834fec737786c999e7b8dea8bd601bb59f195237d58b2e 7 key.asc
     + ab326f16dec533ba65139949246581c016b9d4c77d0de0046e65f48e575372a3 11 pool/main/h/hello/hello_1.0_amd64.deb
    ");
    assert_eq!(Manifest::parse(text.as_bytes()).unwrap(), manifest());
}

#[test]
fn what_breaks_a_rule_is_refused_with_its_line() {
    let text = manifest().to_text();
    let errors = [
        ("Bundle-Format: 1", "Bundle-Format: 2"),
        ("Site: plant-7", "Site: Plant"),
        ("Made: 2026", "Made: now"),
        ("Repository: prod", "Repository: ../prod"),
        ("Commit: 42", "Commit: 042"),
        ("Publication: 20260921T141320Z", "Publication: 20260921T141320Z\nSince: 20260921T141320Z"),
        ("dists/stable bookworm", "dists/stable sid"),
        ("dists/stable bookworm", "dists/bookworm/x bookworm"),
        ("dists/stable bookworm", "pool/stable main"),
        ("key.asc", "../key.asc"),
        ("key.asc", ".ssh"),
        ("key.asc", "etc/passwd"),
        (" 7 key.asc", " 07 key.asc"),
        ("InRelease", "by-hash/x"),
        ("dists/bookworm/InRelease", "dists/bookworm/main"),
        ("dists/bookworm/InRelease", "dists/zzz"),
        (" + ", " = "),
        ("\nFiles:", "\nfiles:"),
    ]
    .map(|(good, bad)| {
        let changed = text.replacen(good, bad, 1);
        assert_ne!(changed, text, "{good}");
        format!("{bad:?}: {}", Manifest::parse(changed.as_bytes()).unwrap_err())
    });
    insta::assert_snapshot!(errors.join("\n"));
}

#[test]
fn what_comes_out_is_what_went_in() {
    let maker = Maker::new();
    let bytes = maker.bundle(&manifest());
    let files = maker.read(&bytes).unwrap();
    assert_eq!(files, FILES.map(|(_, content)| content.to_vec()));
    let bundle = Bundle::open(&bytes[..], &maker.keyring, now()).unwrap();
    assert_eq!(bundle.finish().unwrap(), manifest(), "what is not received is read all the same");
}

#[test]
fn a_bundle_that_ends_anywhere_else_is_refused() {
    let maker = Maker::new();
    let bytes = maker.bundle(&manifest());
    for length in 0..bytes.len() {
        let error = maker.read(&bytes[..length]).unwrap_err();
        let is_named =
            matches!(error, Error::Truncated { .. } | Error::NotABundle { .. } | Error::Read { .. });
        assert!(is_named, "{length} of {}: {error:?}", bytes.len());
    }
    let longer = [&bytes[..], b"x"].concat();
    assert!(matches!(maker.read(&longer), Err(Error::Trailing)));
    assert!(matches!(maker.read(&bytes.repeat(2)), Err(Error::Trailing)));
}

#[test]
fn a_bundle_with_any_byte_changed_is_refused_or_the_same() {
    let maker = Maker::new();
    let bytes = maker.bundle(&manifest());
    let files = maker.read(&bytes).unwrap();
    for position in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[position] ^= 1 << (position % 8);
        // Bits of a compressed block that mean nothing can be any.
        if let Ok(found) = maker.read(&changed) {
            assert_eq!(found, files, "byte {position}");
        }
    }
}

/// Writes the tar archive of a bundle after `change` was at it.
fn with_archive(bytes: &[u8], change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut archive = zstd::decode_all(bytes).unwrap();
    change(&mut archive);
    zstd::encode_all(&archive[..], 1).unwrap()
}

#[test]
fn behind_the_manifest_no_byte_of_the_archive_is_free() {
    let maker = Maker::new();
    let bytes = maker.bundle(&manifest());
    let archive = zstd::decode_all(&bytes[..]).unwrap();
    // The clear-signed text may differ in its armor, which says nothing.
    let blocks = archive.len() / 512;
    let behind = archive.len() - (2 * FILES.len() + 2) * 512;
    assert!(behind > 512 && blocks > 10);
    // The zeros that tar fills up with are all alike.
    let is_alike = |at: &usize| archive[at.saturating_sub(1)..=*at] == [0, 0] && !at.is_multiple_of(64);
    for position in (behind..archive.len()).chain(0..512).filter(|at| !is_alike(at)) {
        let changed = with_archive(&bytes, |archive| archive[position] ^= 1);
        assert!(maker.read(&changed).is_err(), "byte {position}");
    }
    let swapped = with_archive(&bytes, |archive| {
        let (first, second) = archive[behind..].split_at_mut(1024);
        first.swap_with_slice(&mut second[..1024]);
    });
    let error = maker.read(&swapped).unwrap_err().to_string();
    insta::assert_snapshot!(error, @"file 1 of 4 (dists/bookworm/InRelease): its header is not the one that the manifest asks for here");
    let dropped = with_archive(&bytes, |archive| drop(archive.drain(behind..behind + 1024)));
    assert!(matches!(maker.read(&dropped), Err(Error::Damaged { .. })));
    let twice = with_archive(&bytes, |archive| {
        let member = archive[behind..behind + 1024].to_vec();
        archive.splice(behind..behind, member);
    });
    assert!(matches!(maker.read(&twice), Err(Error::Damaged { .. })));
}

#[test]
fn only_the_keyring_decides_who_is_trusted() {
    let (maker, stranger) = (Maker::new(), Maker::new());
    let error = stranger.read(&maker.bundle(&manifest())).unwrap_err();
    assert!(matches!(error, Error::Signature { source: apt_sign::Error::UnknownSigner { .. } }), "{error:?}");
}

#[test]
fn a_manifest_that_claims_to_be_huge_is_not_read() {
    let maker = Maker::new();
    let bytes = with_archive(&maker.bundle(&manifest()), |archive| {
        let header = archive[..512].to_vec();
        let mut header: Vec<u8> = header;
        header[124..135].copy_from_slice(b"77777777777");
        header[148..156].copy_from_slice(b"        ");
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        archive[..512].copy_from_slice(&header);
    });
    insta::assert_snapshot!(maker.read(&bytes).unwrap_err(), @"not a bundle: the manifest is larger than 32 MiB");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_text_that_is_read_is_the_text_that_is_written(position in 0_usize..900, bytes in prop::collection::vec(any::<u8>(), 0..4)) {
        let text = manifest().to_text().into_bytes();
        let position = position.min(text.len());
        let changed = [&text[..position], &bytes, &text[(position + bytes.len()).min(text.len())..]].concat();
        if let Ok(manifest) = Manifest::parse(&changed) {
            prop_assert_eq!(manifest.to_text().into_bytes(), changed);
        }
    }
}
