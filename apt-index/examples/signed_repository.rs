//! Makes a signed repository of package files, with a new key: all that apt needs to read it by `file:` or from any web server.
//! `Signed-By` of the clients names `archive-keyring.asc`.
//!
//! ```console
//! $ cargo run --release -p apt-index --features fs --example signed_repository -- /srv/www/apt hello_2.10-3_amd64.deb
//! ```

use std::error::Error;
use std::fs;
use std::io::BufReader;
use std::path::Path;
use std::time::SystemTime;

use apt_index::index::IndexOptions;
use apt_index::pool::{PackageKind, pool_path};
use apt_index::release::Release;
use apt_index::stanza::{FileFacts, Stanza};
use apt_index::suite::{ReleaseSignatures, SuiteIndices, write_tree};
use apt_index::{Encoding, RelPath};
use apt_sign::{OpenPgpSigner, SecretKey, Signer};
use deb_parse::{Architecture, Component, SuiteName, deb};
use jiff::Timestamp;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let root = arguments.next().ok_or("usage: signed_repository DIRECTORY PACKAGE-FILE...")?;
    let files: Vec<String> = arguments.collect();
    write_repository(Path::new(&root), &files, SystemTime::now())
}

fn write_repository(root: &Path, packages: &[String], now: SystemTime) -> Result<(), Box<dyn Error>> {
    let (suite, component) = (SuiteName::parse("stable")?, Component::parse("main")?);
    let mut release = Release::new(suite, Timestamp::try_from(now)?);
    release.architectures = vec![Architecture::parse("amd64")?];
    release.components = vec![component.clone()];

    // The pool, and a stanza for each package in it.
    let mut indices = SuiteIndices::new(release);
    for path in packages {
        let package = deb::read(BufReader::new(fs::File::open(path)?), &deb::Options::default())?;
        let control = &package.control;
        let (source, _) = control.source();
        let (name, version, architecture) = (control.package(), control.version(), control.architecture());
        let filename = pool_path(&component, source, name, version, architecture, PackageKind::Deb)?;
        write(root, &filename, &fs::read(path)?)?;
        let facts = FileFacts { filename, size: package.size, sha256: package.sha256, md5: None, sha1: None };
        let stanza = Stanza::render(control, &facts)?;
        indices.push_package(&component, architecture, PackageKind::Deb, stanza)?;
    }

    // The indices, plain and compressed, and what vouches for all of them. A real archive keeps the secret key
    // (`SecretKey::to_armored`): clients trust this one alone.
    let suite = indices.render(&IndexOptions::new(vec![Encoding::Plain, Encoding::Xz]))?;
    let key = SecretKey::generate("Example archive", now, None)?;
    write(root, &RelPath::parse("archive-keyring.asc")?, key.certificate().armored()?.as_bytes())?;
    let signed = OpenPgpSigner::new(vec![key])?.sign(suite.text().as_bytes(), now)?;
    let signatures = ReleaseSignatures { inline: signed.inline(), detached: signed.detached() };
    write_tree(root, &suite, Some(signatures))?;
    Ok(())
}

fn write(root: &Path, path: &RelPath, content: &[u8]) -> std::io::Result<()> {
    let path = root.join(path.as_str());
    fs::create_dir_all(path.parent().unwrap_or(root))?;
    fs::write(path, content)
}

#[cfg(test)]
#[test]
fn what_is_written_is_signed_and_lists_the_package() {
    use std::time::Duration;

    use deb_parse::{PackageName, Version};

    let directory = tempfile::tempdir().expect("a directory");
    let name = PackageName::parse("hello").expect("a name");
    let version = Version::parse("1.0").expect("a version");
    let package = deb::Builder::new(name, version, Architecture::parse("amd64").expect("an architecture"));
    let file = directory.path().join("hello.deb");
    fs::write(&file, package.build().expect("a package")).expect("it can be written");
    let root = directory.path().join("archive");
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_790_000_000);
    let files = [file.to_str().expect("a path").to_owned()];
    write_repository(&root, &files, now).expect("a repository");
    let read = |path: &str| fs::read_to_string(root.join(path)).expect("it is there");
    let index = read("dists/stable/main/binary-amd64/Packages");
    assert!(index.contains("Filename: pool/main/h/hello/hello_1.0_amd64.deb\n"), "{index}");
    assert!(root.join("pool/main/h/hello/hello_1.0_amd64.deb").exists());
    let release = read("dists/stable/InRelease");
    assert!(release.starts_with("-----BEGIN PGP SIGNED MESSAGE-----\n"), "{release}");
    assert!(release.contains("main/binary-amd64/Packages.xz\n"), "{release}");
}
