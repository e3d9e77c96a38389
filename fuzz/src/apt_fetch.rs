//! Laws of the crate `apt-fetch`: plain functions that panic where one is broken.

use apt_fetch::{
    Entry, Logins, Release, ReleaseFiles, Rules, Trust, Url, fuzzing, jiff::Timestamp, parse_sources,
};

use super::checks::{Law, check_line};

/// All laws by the names of their fuzz targets.
pub const LAWS: &[(&str, Law)] = &[
    ("sources_read", sources_read),
    ("logins_read", logins_read),
    ("url_read", url_read),
    ("stanzas_read", stanzas_read),
    ("release_judged", release_judged),
];

/// A file of sources is refused in one line, or what it names stays inside its archives.
pub fn sources_read(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let entries = match parse_sources(text) {
        Ok(entries) => entries,
        Err(error) => return check_line(&error),
    };
    for entry in &entries {
        assert!(entry.line > 0 && (entry.is_binary || entry.is_source));
    }
    for source in entries.iter().flat_map(Entry::sources) {
        check_url(&source.address.url);
        let directory = source.suite.directory();
        assert!(directory.is_empty() || directory.ends_with('/'), "{directory:?}");
        assert!(!directory.starts_with('/') && !directory.split('/').any(|element| element == ".."));
        assert_eq!(source.suite.name().is_none(), source.components.is_empty());
        check_url(&source.address.url.join(&format!("{directory}InRelease")));
    }
}

/// A file of logins is refused in one line, and no login of it is for an address of this machine.
pub fn logins_read(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match Logins::parse(text) {
        Ok(logins) => {
            assert_eq!(logins.of(&Url::parse("file:/srv").unwrap()), None);
            let _ = logins.of(&Url::parse("https://deb.example.org/debian/").unwrap());
        }
        Err(error) => check_line(&error),
    }
}

fn check_url(url: &Url) {
    let shown = url.to_string();
    assert!(!shown.contains(char::is_control), "{shown:?}");
    assert!(url.path().starts_with('/'), "{shown}");
    if !url.scheme().is_local() {
        assert!(shown.is_ascii() && !shown.contains(' '), "{shown:?}");
        assert_eq!(Url::parse(&shown).as_ref(), Ok(url), "{shown}");
    }
}

/// An address and what a redirect makes of it: refused without showing it, or what reads back the same. The two are separated by a line feed.
pub fn url_read(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (text, location) = text.split_once('\n').unwrap_or((text, ""));
    match Url::parse_with_login(text) {
        Err(error) => check_line(&error),
        Ok((url, _)) => {
            check_url(&url);
            if url.scheme().is_local() {
                return;
            }
            match fuzzing::redirect(&url, location) {
                Ok(to) => {
                    check_url(&to);
                    assert!(!to.scheme().is_local());
                }
                Err(error) => check_line(&error),
            }
        }
    }
}

/// The most bytes of a stanza.
const STANZA: usize = 4096;

/// Stanzas come one after the other, each within its limit; paths stay inside the archive.
pub fn stanzas_read(bytes: &[u8]) {
    for package in fuzzing::packages(bytes, STANZA) {
        match package {
            Ok(Ok(package)) => {
                let path = package.file.path.as_str();
                assert!(!path.starts_with('/') && !path.split('/').any(|element| element == ".."), "{path}");
            }
            Ok(Err(error)) => check_line(&error),
            Err(error) => check_line(&error),
        }
    }
    for source in fuzzing::source_packages(bytes, STANZA) {
        match source {
            Ok(Ok(source)) => source.files.iter().for_each(|file| {
                assert!(!file.path.as_str().split('/').any(|element| element == ".."));
            }),
            Ok(Err(error)) => check_line(&error),
            Err(error) => check_line(&error),
        }
    }
}

/// A Release that nobody vouches for is refused in one line, or its indices are what it lists.
pub fn release_judged(bytes: &[u8]) {
    let url = Url::parse("https://deb.example.org/dists/sid/InRelease").unwrap();
    let now = Timestamp::from_second(1_790_000_000).unwrap();
    let rules = Rules::new(Trust::Anything, now);
    match Release::accept(&url, ReleaseFiles::Inline(bytes.to_vec()), &rules) {
        Err(error) => check_line(&error),
        Ok(release) => {
            assert!(release.date().as_second() <= now.as_second() + 10);
            assert!(release.valid_until().is_none_or(|until| until >= now));
            let indices = release.indices();
            let forms: usize = indices.iter().map(|index| index.forms().len()).sum();
            assert_eq!(forms, release.fields().files().len());
            for index in indices {
                assert_eq!(release.index(index.path()).as_ref(), Some(&index), "{}", index.path());
            }
        }
    }
    let _ = std::str::from_utf8(bytes).map(fuzzing::date);
}
