//! A small signed archive, in memory.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::SystemTime;

use apt_fetch::{Archive, Client, ClientOptions, Limits, Rules, Source, Suite, Trust, Url};
use apt_index::Encoding;
use apt_index::index::IndexOptions;
use apt_index::pool::PackageKind;
use apt_index::release::Release;
use apt_index::stanza::{FileFacts, Stanza};
use apt_index::suite::SuiteIndices;
use apt_sign::{Keyring, OpenPgpSigner, SecretKey, Signer as _};
use deb_parse::checksum::Sha256;
use deb_parse::control::BinaryControl;
use deb_parse::{Architecture, Component, SuiteName};
use jiff::Timestamp;

use crate::server::{Reply, Request, Server};

pub(crate) const PACKAGE: &str = "pool/main/h/hello/hello_1.0+b1_all.deb";
pub(crate) const PACKAGES: &str = "main/binary-amd64/Packages";
pub(crate) const CHANGED: &str = "Sat, 28 Nov 2026 12:00:00 GMT";

pub(crate) fn now() -> Timestamp {
    "2026-11-28T12:00:00Z".parse().unwrap()
}

/// The key that counts, and one that does not.
static SIGNERS: LazyLock<[OpenPgpSigner; 2]> = LazyLock::new(|| {
    let made = SystemTime::from(now() - jiff::SignedDuration::from_hours(24 * 30));
    ["right", "wrong"]
        .map(|name| OpenPgpSigner::new(vec![SecretKey::generate(name, made, None).unwrap()]).unwrap())
});

static KEYRING: LazyLock<Keyring> = LazyLock::new(|| SIGNERS[0].keyring().clone());

/// What a package file holds: no client looks into it.
pub(crate) fn package_bytes() -> Vec<u8> {
    (0..4000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

/// The files of an archive by their paths.
pub(crate) type Files = BTreeMap<String, Vec<u8>>;

/// How an archive is made.
pub(crate) struct Plan {
    pub(crate) date: Timestamp,
    pub(crate) valid_until: Option<Timestamp>,
    pub(crate) key: usize,
    pub(crate) origin: &'static str,
    /// Instead of [`PACKAGE`].
    pub(crate) filename: &'static str,
    pub(crate) by_hash: bool,
}

impl Default for Plan {
    fn default() -> Self {
        Self { date: now(), valid_until: None, key: 0, origin: "Acme", filename: PACKAGE, by_hash: true }
    }
}

impl Plan {
    pub(crate) fn files(&self) -> Files {
        let mut release = Release::new(SuiteName::parse("stable").unwrap(), self.date);
        release.origin = Some(self.origin.to_owned());
        release.valid_until = self.valid_until;
        release.acquire_by_hash = self.by_hash;
        release.architectures = vec![Architecture::parse("amd64").unwrap()];
        release.components = vec![Component::parse("main").unwrap()];
        let mut indices = SuiteIndices::new(release);
        let control =
            b"Package: hello\nVersion: 1.0+b1\nArchitecture: all\nMaintainer: A <a@b>\nDescription: greets\n";
        let control = BinaryControl::parse(control, &deb_parse::Limits::default()).unwrap();
        let bytes = package_bytes();
        let facts = FileFacts {
            filename: apt_index::RelPath::parse(self.filename).unwrap(),
            size: bytes.len() as u64,
            sha256: Sha256::of(&bytes),
            md5: None,
            sha1: None,
        };
        let stanza = Stanza::render(&control, &facts).unwrap();
        let (main, amd64) = (Component::parse("main").unwrap(), Architecture::parse("amd64").unwrap());
        indices.push_package(&main, &amd64, PackageKind::Deb, stanza).unwrap();
        let suite =
            indices.render(&IndexOptions::new(vec![Encoding::Plain, Encoding::Xz, Encoding::Gz])).unwrap();
        let mut files = Files::new();
        files.insert(self.filename.to_owned(), bytes);
        for (path, bytes) in suite.files() {
            let (directory, _) = path.as_str().rsplit_once('/').unwrap();
            let by_hash = format!("dists/stable/{directory}/by-hash/SHA256/{}", Sha256::of(bytes));
            if self.by_hash {
                files.insert(by_hash, bytes.to_vec());
            }
            files.insert(format!("dists/stable/{path}"), bytes.to_vec());
        }
        self.sign(suite.text(), &mut files);
        files
    }

    /// Puts a text and its signatures in the place of the Release.
    pub(crate) fn sign(&self, text: &str, files: &mut Files) {
        // Somebody whose clock is right signs what is dated ahead.
        let time = SystemTime::from(self.date.min(now()));
        let signed = SIGNERS[self.key].sign(text.as_bytes(), time).unwrap();
        for (name, bytes) in
            [("InRelease", signed.inline()), ("Release", text.as_bytes()), ("Release.gpg", signed.detached())]
        {
            files.insert(format!("dists/stable/{name}"), bytes.to_vec());
        }
    }
}

/// What a well-behaved server answers.
pub(crate) fn honest(files: &Files, request: &Request) -> Reply {
    let path = request.path.trim_start_matches('/').replace("%2B", "+");
    let Some(bytes) = files.get(&path) else { return Reply::status(404) };
    if request.header("if-modified-since") == Some(CHANGED) {
        return Reply::status(304);
    }
    match request.from().filter(|from| *from < bytes.len()) {
        Some(from) if request.header("if-range").is_none_or(|tag| tag == CHANGED) => {
            let range = format!("bytes {from}-{}/{}", bytes.len() - 1, bytes.len());
            Reply::status(206).with("Content-Range", range).with_body(&bytes[from..])
        }
        _ => Reply::ok(bytes.clone()),
    }
    .with("Last-Modified", CHANGED)
}

/// An archive on a server, whose files a test can change.
pub(crate) struct Site {
    pub(crate) files: Arc<Mutex<Files>>,
    pub(crate) server: Server,
}

impl Site {
    pub(crate) fn new(plan: &Plan) -> Self {
        Self::lying(plan, honest)
    }

    /// One that answers as `answer` says.
    pub(crate) fn lying(
        plan: &Plan,
        answer: impl Fn(&Files, &Request) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let files = Arc::new(Mutex::new(plan.files()));
        let served = Arc::clone(&files);
        let server = Server::start(move |request| answer(&served.lock().unwrap(), request));
        Self { files, server }
    }

    pub(crate) fn set(&self, path: &str, bytes: impl Into<Vec<u8>>) {
        self.files.lock().unwrap().insert(path.to_owned(), bytes.into());
    }

    pub(crate) fn get(&self, path: &str) -> Vec<u8> {
        self.files.lock().unwrap()[path].clone()
    }

    pub(crate) fn remove(&self, path: &str) {
        assert!(self.files.lock().unwrap().remove(path).is_some(), "{path}");
    }

    pub(crate) fn archive<'c>(&self, client: &'c Client) -> Archive<'c> {
        archive(client, &self.server.url())
    }
}

pub(crate) fn archive<'c>(client: &'c Client, url: &str) -> Archive<'c> {
    let url = Url::parse(url).unwrap();
    Archive::new(client, Source::new(url, Suite::parse("stable").unwrap()))
}

/// Limits under which a test does not wait.
pub(crate) fn limits() -> Limits {
    let pause = std::time::Duration::ZERO;
    Limits { pause, patience: std::time::Duration::from_secs(60), ..Limits::default() }
}

pub(crate) fn client() -> Client {
    Client::new(ClientOptions { limits: limits(), ..ClientOptions::default() })
}

/// The strict rules, with the key that counts.
pub(crate) fn rules() -> Rules<'static> {
    Rules::new(Trust::Keys(&KEYRING), now())
}

/// The Release of an archive that is in order.
pub(crate) fn release(archive: &Archive<'_>) -> apt_fetch::Release {
    match archive.fetch_release(&rules()).unwrap() {
        apt_fetch::FetchedRelease::New(release) => *release,
        other => panic!("{other:?}"),
    }
}

/// The only package of the archive.
pub(crate) fn only_package(archive: &Archive<'_>) -> apt_fetch::Package {
    let release = release(archive);
    let index = archive.fetch_index(&release, &release.index(PACKAGES).unwrap()).unwrap();
    let mut packages = index.packages().unwrap();
    packages.next().unwrap().unwrap().unwrap()
}
