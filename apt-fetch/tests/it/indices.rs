//! Indices: only the bytes that the Release lists are used.

use std::io::Read as _;

use apt_fetch::deb_parse::checksum::Sha256;
use apt_fetch::deb_parse::deb::Compression;
use apt_fetch::{ByHash, Client, ClientOptions, Limits, Problem};

use crate::repository::{PACKAGE, PACKAGES, Plan, Site, client, honest, limits, now, only_package, release};
use crate::server::Reply;

#[test]
fn an_index_is_asked_for_once_by_its_digest() {
    let site = Site::new(&Plan::default());
    let client = client();
    let archive = site.archive(&client);
    let package = only_package(&archive);
    assert_eq!((package.name.as_str(), package.file.path.as_str()), ("hello", PACKAGE));
    let paths = site.server.take_paths();
    assert_eq!(paths.len(), 2, "{paths:?}");
    assert!(paths[1].starts_with("/dists/stable/main/binary-amd64/by-hash/SHA256/"), "{paths:?}");
    let never = site.archive(&client).with_by_hash(ByHash::Never);
    only_package(&never);
    assert_eq!(site.server.take_paths()[1], "/dists/stable/main/binary-amd64/Packages.xz");
}

#[test]
fn every_compression_is_read() {
    let site = Site::new(&Plan { by_hash: false, ..Plan::default() });
    let client = client();
    let archive = site.archive(&client);
    let release = release(&archive);
    let index = release.index(PACKAGES).unwrap();
    let mut texts = Vec::new();
    for compression in [Compression::Xz, Compression::Gzip, Compression::None] {
        let fetched = archive.fetch_index(&release, &index).unwrap();
        assert_eq!(fetched.compression(), compression);
        let mut text = String::new();
        fetched.text().unwrap().read_to_string(&mut text).unwrap();
        texts.push(text);
        site.remove(&format!("dists/stable/{PACKAGES}{}", compression.suffix()));
    }
    assert!(texts.iter().all(|text| *text == texts[0] && text.contains("Package: hello")));
    let error = archive.fetch_index(&release, &index).unwrap_err();
    assert!(matches!(error.problem, Problem::NotFound), "{error}");
}

#[test]
fn an_archive_in_the_middle_of_a_change_is_told_by_its_bytes() {
    let site = Site::new(&Plan { by_hash: false, ..Plan::default() });
    let client = client();
    let archive = site.archive(&client);
    let release = release(&archive);
    for suffix in ["", ".xz", ".gz"] {
        let path = format!("dists/stable/{PACKAGES}{suffix}");
        let mut bytes = site.get(&path);
        *bytes.last_mut().unwrap() ^= 1;
        site.set(&path, bytes);
    }
    site.server.take_paths();
    let error = archive.fetch_index(&release, &release.index(PACKAGES).unwrap()).unwrap_err();
    assert!(error.problem.is_mismatch(), "{error}");
    assert!(error.to_string().contains("Packages.xz: SHA256 is "), "{error}");
    // Each was asked for again past the caches on the way.
    let requests = site.server.requests();
    assert_eq!(requests.len(), 6);
    assert_eq!(requests[1].header("cache-control"), Some("max-age=0"));
}

#[test]
fn new_digests_beside_old_names_are_no_obstacle() {
    let site = Site::new(&Plan::default());
    for suffix in ["", ".xz", ".gz"] {
        site.set(&format!("dists/stable/{PACKAGES}{suffix}"), "old");
    }
    let client = client();
    only_package(&site.archive(&client));
}

#[test]
fn an_endless_index_is_read_to_its_size() {
    let site = Site::lying(&Plan::default(), |files, request| {
        match request.path.contains("Packages") || request.path.contains("by-hash") {
            true => Reply { is_endless: true, ..Reply::ok("") },
            false => honest(files, request),
        }
    });
    let client = client();
    let archive = site.archive(&client);
    let release = release(&archive);
    let error = archive.fetch_index(&release, &release.index(PACKAGES).unwrap()).unwrap_err();
    assert!(matches!(error.problem, Problem::TooLong { limit } if limit < 1000), "{error:?}");
}

/// A site whose Release lists these bytes as its only index, and a text of that size beside it if there is one.
fn site_with_index(suffix: &str, bytes: &[u8], plain: Option<u64>) -> Site {
    let plan = Plan { by_hash: false, ..Plan::default() };
    let site = Site::new(&plan);
    let mut text = format!(
        "Suite: stable\nCodename: stable\nDate: {}\nSHA256:\n {} {} {PACKAGES}{suffix}\n",
        now().strftime("%a, %d %b %Y %H:%M:%S UTC"),
        Sha256::of(bytes),
        bytes.len()
    );
    if let Some(size) = plain {
        text += &format!(" {} {size} {PACKAGES}\n", "0".repeat(64));
    }
    plan.sign(&text, &mut site.files.lock().unwrap());
    site.set(&format!("dists/stable/{PACKAGES}{suffix}"), bytes);
    site
}

fn bomb() -> Vec<u8> {
    use std::io::Write as _;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    for _ in 0..64 {
        encoder.write_all(&vec![b'\n'; 1 << 20]).unwrap();
    }
    encoder.finish().unwrap()
}

#[test]
fn a_bomb_is_not_unpacked() {
    let bomb = bomb();
    for (plain, limit) in [(Some(1000), 1000), (None, 4 << 20)] {
        let site = site_with_index(".gz", &bomb, plain);
        let limits = Limits { index_text: 4 << 20, ..limits() };
        let client = Client::new(ClientOptions { limits, ..ClientOptions::default() });
        let archive = site.archive(&client);
        let release = release(&archive);
        let index = archive.fetch_index(&release, &release.index(PACKAGES).unwrap()).unwrap();
        let mut read = Vec::new();
        let error = index.text().unwrap().read_to_end(&mut read).unwrap_err();
        assert!(error.to_string().contains(&format!("longer than {limit} bytes")), "{error}");
        assert!(read.len() < limit + (1 << 20), "{}", read.len());
        assert!(index.packages().unwrap().all(|item| item.is_err()));
    }
}

#[test]
fn a_text_that_is_not_the_listed_one_ends_in_an_error() {
    use std::io::Write as _;
    let text = "Package: aa\nVersion: 1\n\n";
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    let site = site_with_index(".gz", &encoder.finish().unwrap(), Some(text.len() as u64));
    let client = client();
    let archive = site.archive(&client);
    let release = release(&archive);
    let index = archive.fetch_index(&release, &release.index(PACKAGES).unwrap()).unwrap();
    let last = index.packages().unwrap().last().unwrap();
    assert!(matches!(&last, Err(Problem::Unpack { what }) if what.contains("SHA256")), "{last:?}");
}

#[test]
fn an_index_larger_than_the_limit_is_not_asked_for() {
    let site = Site::new(&Plan::default());
    let limits = Limits { index: 10, ..limits() };
    let client = Client::new(ClientOptions { limits, ..ClientOptions::default() });
    let archive = site.archive(&client);
    let release = release(&archive);
    site.server.take_paths();
    let error = archive.fetch_index(&release, &release.index(PACKAGES).unwrap()).unwrap_err();
    assert!(matches!(error.problem, Problem::TooLong { limit: 10 }));
    assert!(site.server.take_paths().is_empty());
}

#[test]
fn an_index_without_a_strong_digest_is_not_fetched() {
    let plan = Plan::default();
    let site = Site::new(&plan);
    let text = format!(
        "Suite: stable\nCodename: stable\nDate: Sat, 28 Nov 2026 12:00:00 UTC\nMD5Sum:\n {} 7 {PACKAGES}\n",
        "0".repeat(32)
    );
    plan.sign(&text, &mut site.files.lock().unwrap());
    let client = client();
    let archive = site.archive(&client);
    let release = release(&archive);
    site.server.take_paths();
    assert!(archive.fetch_index(&release, &release.index(PACKAGES).unwrap()).is_err());
    assert!(site.server.take_paths().is_empty());
}

#[test]
fn a_server_that_forbids_what_it_does_not_have_is_asked_by_name() {
    let site = Site::lying(&Plan::default(), |files, request| match request.path.contains("by-hash") {
        true => Reply::status(403),
        false => honest(files, request),
    });
    let client = client();
    only_package(&site.archive(&client));
    assert!(site.server.take_paths().pop().unwrap().ends_with("/Packages.xz"));
}
