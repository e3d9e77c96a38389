//! A small repository, its keys, and bundles of it.

use std::io::Read;
use std::time::{Duration, SystemTime};

use apt_bundle::{
    Bundle, Error, LinkedName, ListedFile, Manifest, Name, PublicationTime, RepositoryState, write_bundle,
};
use apt_index::RelPath;
use apt_sign::{Keyring, OpenPgpSigner, SecretKey, Signer as _};

pub(crate) const SECONDS: u64 = 1_790_000_000;

/// The files of the sample.
pub(crate) const FILES: [(&str, &[u8]); 4] = [
    ("dists/bookworm/InRelease", b"signed"),
    ("dists/bookworm/main/binary-amd64/Packages", b"Package: hello\n"),
    ("key.asc", b"the key"),
    ("pool/main/h/hello/hello_1.0_amd64.deb", b"the package"),
];

pub(crate) fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(SECONDS)
}

pub(crate) struct Maker {
    signer: OpenPgpSigner,
    pub(crate) keyring: Keyring,
}

impl Maker {
    pub(crate) fn new() -> Self {
        let key = SecretKey::generate("Example archive <archive@example.org>", now(), None).unwrap();
        let keyring = Keyring::new(vec![key.certificate()]);
        Self { signer: OpenPgpSigner::new(vec![key]).unwrap(), keyring }
    }

    pub(crate) fn bundle(&self, manifest: &Manifest) -> Vec<u8> {
        let signed = self.signer.sign(manifest.to_text().as_bytes(), now()).unwrap();
        let mut bytes = Vec::new();
        let mut open = |member: &apt_bundle::Member<'_>| {
            let (_, content) = FILES.iter().find(|(path, _)| *path == member.path.as_str()).unwrap();
            Ok(Box::new(*content) as Box<dyn Read>)
        };
        write_bundle(manifest, signed.inline(), &mut open, &mut bytes).unwrap();
        bytes
    }

    /// Reads a bundle to its end. Returns the files.
    pub(crate) fn read(&self, bytes: &[u8]) -> Result<Vec<Vec<u8>>, Error> {
        let mut bundle = Bundle::open(bytes, &self.keyring, now())?;
        let mut files = Vec::new();
        for _ in 0..bundle.manifest().members().len() {
            let mut file = Vec::new();
            bundle.receive(&mut file)?;
            files.push(file);
        }
        bundle.finish()?;
        Ok(files)
    }
}

/// The manifest of the sample, with everything.
pub(crate) fn manifest() -> Manifest {
    let files = FILES.iter().map(|(path, content)| ListedFile::of_bytes(path, content, true).unwrap());
    let link = LinkedName { path: RelPath::parse("dists/stable").unwrap(), target: "bookworm".to_owned() };
    let state = RepositoryState {
        name: Name::parse("prod").unwrap(),
        commit: 42,
        publication: PublicationTime::parse("20260921T141320Z").unwrap(),
        since: None,
        links: vec![link],
        files: files.collect(),
    };
    let made = apt_bundle::jiff::Timestamp::from_second(SECONDS as i64).unwrap();
    Manifest::new(Some(Name::parse("plant-7").unwrap()), made, vec![state]).unwrap()
}
