//! Files of the pool: digests, resuming, and what ends a transfer.

use std::num::NonZeroUsize;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use apt_fetch::deb_parse::checksum::{Blake3, Sha256};
use apt_fetch::{Algorithm, Archive, Client, ClientOptions, Error, Expected, Limits, PoolFile, Problem};
use apt_index::RelPath;

use crate::repository::{
    CHANGED, PACKAGE, Plan, Site, archive, client, honest, limits, only_package, package_bytes,
};
use crate::server::Reply;

fn pool_file(path: &str, bytes: &[u8]) -> PoolFile {
    let expected = Expected::new(bytes.len() as u64, Some(Sha256::of(bytes)), None).unwrap();
    PoolFile { path: RelPath::parse(path).unwrap(), expected }
}

fn fetch(archive: &Archive<'_>) -> (Result<(), Error>, Vec<u8>) {
    let mut written = Vec::new();
    let result = archive.fetch_file(&pool_file(PACKAGE, &package_bytes()), &mut written);
    (result.map(|hashes| assert_eq!(hashes.blake3, Blake3::of(&package_bytes()))), written)
}

#[test]
fn a_package_comes_over_http_and_from_a_directory() {
    let site = Site::new(&Plan::default());
    let client = client();
    let package = only_package(&site.archive(&client));
    let mut bytes = Vec::new();
    site.archive(&client).fetch_file(&package.file, &mut bytes).unwrap();
    assert_eq!(bytes, package_bytes());
    // As apt asks for it.
    assert_eq!(site.server.take_paths().pop().unwrap(), "/pool/main/h/hello/hello_1.0%2Bb1_all.deb");

    let directory = tempfile::tempdir().unwrap();
    for (path, bytes) in site.files.lock().unwrap().iter() {
        let path = directory.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    for scheme in ["file", "copy"] {
        let archive = archive(&client, &format!("{scheme}:{}", directory.path().display()));
        let package = only_package(&archive);
        let mut bytes = Vec::new();
        archive.fetch_file(&package.file, &mut bytes).unwrap();
        assert_eq!(bytes, package_bytes());
        let mut rest = Vec::new();
        archive.resume_file(&package.file, &mut &package_bytes()[..1000], &mut rest).unwrap();
        assert_eq!(rest, package_bytes()[1000..]);
    }
}

#[test]
fn other_bytes_are_refused_with_both_digests() {
    let site = Site::new(&Plan::default());
    let mut bytes = package_bytes();
    bytes[0] ^= 1;
    site.set(PACKAGE, bytes.clone());
    let client = client();
    let (result, _) = fetch(&site.archive(&client));
    match result.unwrap_err().problem {
        Problem::Digest { algorithm: Algorithm::Sha256, expected, found } => {
            assert_eq!(
                (expected, found),
                (Sha256::of(&package_bytes()).to_string(), Sha256::of(&bytes).to_string())
            );
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn no_more_than_the_size_is_written() {
    let client = client();
    for endless in [false, true] {
        let site = Site::lying(&Plan::default(), move |_, _| Reply {
            is_endless: endless,
            ..Reply::ok([package_bytes(), vec![0; 1000]].concat())
        });
        let (result, written) = fetch(&site.archive(&client));
        assert!(matches!(result.unwrap_err().problem, Problem::TooLong { limit: 4000 }));
        assert!(written.len() <= 4000, "{}", written.len());
        assert_eq!(site.server.requests().len(), 1, "it is not asked for again");
    }
}

#[test]
fn a_shorter_file_is_told_from_a_connection_that_broke() {
    let client = client();
    let site = Site::new(&Plan::default());
    site.set(PACKAGE, &package_bytes()[..3999]);
    let (result, _) = fetch(&site.archive(&client));
    assert!(matches!(result.unwrap_err().problem, Problem::TooShort { expected: 4000, found: 3999 }));
    assert_eq!(site.server.requests().len(), 1);
}

#[test]
fn a_connection_cut_at_any_byte_is_taken_up_where_it_broke() {
    let whole = package_bytes().len();
    let client = client();
    for has_ranges in [true, false] {
        let count = AtomicUsize::new(0);
        let site = Site::lying(&Plan::default(), move |files, request| {
            let number = count.fetch_add(1, Ordering::Relaxed);
            let reply = match has_ranges || request.from().is_none() {
                true => honest(files, request),
                // All of it again, as of a server that knows no ranges.
                false => Reply::ok(package_bytes()),
            };
            if number.is_multiple_of(2) { reply.cut(number / 2) } else { reply }
        });
        let archive = site.archive(&client);
        for cut in 0..whole {
            let (result, written) = fetch(&archive);
            result.unwrap_or_else(|error| panic!("cut after {cut}: {error}"));
            assert!(written == package_bytes(), "cut after {cut}");
        }
        let requests = site.server.requests();
        assert_eq!(requests.len(), 2 * whole);
        // From where it broke, and only if it is still the same file.
        assert_eq!((requests[201].from(), requests[201].header("if-range")), (Some(100), Some(CHANGED)));
    }
}

#[test]
fn a_server_that_always_breaks_off_is_given_up() {
    let site = Site::lying(&Plan::default(), |files, request| honest(files, request).cut(1));
    let client = client();
    let (result, _) = fetch(&site.archive(&client));
    assert!(matches!(result.unwrap_err().problem, Problem::Connection { .. }));
    assert_eq!(site.server.requests().len(), 4);
}

#[test]
fn a_file_that_changes_between_two_parts_is_refused() {
    let count = AtomicUsize::new(0);
    let site =
        Site::lying(&Plan::default(), move |files, request| match count.fetch_add(1, Ordering::Relaxed) {
            0 => honest(files, request).cut(2000),
            // Another file in its place, under another date: the server sends all of it.
            _ => Reply::ok(vec![7; 4000]).with("Last-Modified", "Sun, 29 Nov 2026 12:00:00 GMT"),
        });
    let client = client();
    let (result, _) = fetch(&site.archive(&client));
    assert!(matches!(result.unwrap_err().problem, Problem::Digest { .. }));
}

#[test]
fn a_part_that_was_not_asked_for_is_not_taken() {
    let count = AtomicUsize::new(0);
    let site =
        Site::lying(&Plan::default(), move |files, request| match count.fetch_add(1, Ordering::Relaxed) {
            0 => honest(files, request).cut(2000),
            _ => Reply::status(206).with("Content-Range", "bytes 0-3999/4000").with_body(package_bytes()),
        });
    let client = client();
    let (result, written) = fetch(&site.archive(&client));
    assert!(matches!(result.unwrap_err().problem, Problem::Connection { .. }));
    assert_eq!(written.len(), 2000);
}

#[test]
fn what_an_earlier_run_left_is_not_fetched_again() {
    let site = Site::new(&Plan::default());
    let client = client();
    let (archive, file) = (site.archive(&client), pool_file(PACKAGE, &package_bytes()));
    let mut rest = Vec::new();
    archive.resume_file(&file, &mut &package_bytes()[..3000], &mut rest).unwrap();
    assert_eq!((rest, site.server.requests()[0].from()), (package_bytes()[3000..].to_vec(), Some(3000)));
    site.server.take_paths();
    archive.resume_file(&file, &mut &package_bytes()[..], &mut Vec::new()).unwrap();
    assert!(site.server.take_paths().is_empty());
    let wrong = archive.resume_file(&file, &mut &[0; 100][..], &mut Vec::new()).unwrap_err();
    assert!(matches!(wrong.problem, Problem::Digest { .. }));
    let long = archive.resume_file(&file, &mut &[0; 5000][..], &mut Vec::new()).unwrap_err();
    assert!(matches!(long.problem, Problem::TooLong { .. }));
}

#[test]
fn several_connections_fetch_all_and_stop_when_told() {
    let site = Site::new(&Plan::default());
    let bodies: Vec<Vec<u8>> = (0..40u8).map(|n| vec![n; 1000 + usize::from(n)]).collect();
    let files: Vec<PoolFile> = (0..)
        .zip(&bodies)
        .map(|(n, body): (u8, _)| {
            site.set(&format!("pool/{n}"), body.clone());
            pool_file(&format!("pool/{n}"), body)
        })
        .collect();
    site.set("pool/7", "other");
    let client = client();
    let (good, bad) = (Mutex::new(Vec::new()), AtomicUsize::new(0));
    let four = NonZeroUsize::new(4).unwrap();
    site.archive(&client).fetch_files(
        &files,
        four,
        |_| Ok(Vec::new()),
        |_, result| {
            match result {
                Ok((_, written)) => good.lock().unwrap().push(written),
                Err(_) => {
                    bad.fetch_add(1, Ordering::Relaxed);
                }
            }
            true
        },
    );
    let mut good = good.into_inner().unwrap();
    good.sort();
    let expected: Vec<_> = bodies.iter().filter(|body| body[0] != 7).cloned().collect();
    assert_eq!((good, bad.into_inner()), (expected, 1));
    let count = AtomicUsize::new(0);
    site.archive(&client).fetch_files(
        &files,
        four,
        |_| Ok(Vec::new()),
        |_, _| {
            count.fetch_add(1, Ordering::Relaxed);
            false
        },
    );
    assert!(count.into_inner() <= 4);
}

#[test]
fn a_file_larger_than_the_limit_is_not_asked_for() {
    let site = Site::new(&Plan::default());
    let limits = Limits { file: 100, ..limits() };
    let client = Client::new(ClientOptions { limits, ..ClientOptions::default() });
    let (result, _) = fetch(&site.archive(&client));
    assert!(matches!(result.unwrap_err().problem, Problem::TooLong { limit: 100 }));
    assert!(site.server.take_paths().is_empty());
}

#[test]
fn where_it_cannot_be_written_is_told_from_what_is_wrong_with_it() {
    struct Full;
    impl std::io::Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let site = Site::new(&Plan::default());
    let client = client();
    let error =
        site.archive(&client).fetch_file(&pool_file(PACKAGE, &package_bytes()), &mut Full).unwrap_err();
    assert!(matches!(error.problem, Problem::Write(_)));
    assert_eq!(site.server.requests().len(), 1);
}
