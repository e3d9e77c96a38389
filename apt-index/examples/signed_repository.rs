//! Makes a signed repository of package files, with a new key: all that apt needs to read it by `file:` or from any web server.
//! `Signed-By` of the clients names `archive-keyring.asc`.
//!
//! ```console
//! $ cargo run --release --example signed_repository -- /srv/www/apt hello_2.10-3_amd64.deb
//! ```

use std::error::Error;
use std::fs;
use std::io::BufReader;
use std::path::Path;
use std::time::SystemTime;

use apt_index::{
    Builder, Encoding, FileFacts, IndexOptions, PackageKind, Part, RelPath, Release, ReleaseFile, Stanza,
    pool_path,
};
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
    let architecture = Architecture::parse("amd64")?;

    // The pool, and a stanza for each package in it. An index is sorted by name.
    let mut stanzas = Vec::new();
    for path in packages {
        let package = deb::read(BufReader::new(fs::File::open(path)?), &deb::Options::default())?;
        let control = &package.control;
        let (source, _) = control.source();
        let (name, version) = (control.package(), control.version());
        let filename =
            pool_path(&component, source, name, version, control.architecture(), PackageKind::Deb)?;
        write(root, &filename, &fs::read(path)?)?;
        let facts = FileFacts { filename, size: package.size, sha256: package.sha256, md5: None, sha1: None };
        stanzas.push((name.clone(), Stanza::render(control, &facts)?));
    }
    stanzas.sort_by(|(a, _), (b, _)| a.cmp(b));

    // The index, plain and compressed.
    let mut index = Builder::new(&IndexOptions::new(vec![Encoding::Plain, Encoding::Xz]));
    for (_, stanza) in &stanzas {
        index.push(stanza)?;
    }
    let index = index.finish()?;
    let directory = RelPath::suite_directory(&suite);
    let binary = RelPath::binary_directory(&component, &architecture);
    let mut release = Release::new(suite, Timestamp::try_from(now)?);
    release.architectures = vec![architecture];
    release.components = vec![component];
    for file in index.files() {
        let path = binary.join(&format!("Packages{}", file.encoding().extension()))?;
        let new = file.parts().iter().filter_map(|part| match part {
            Part::Bytes(bytes) => Some(bytes.as_slice()),
            // Only an index that is updated takes over parts of the one before.
            Part::Previous { .. } => None,
        });
        write(root, &RelPath::parse(&format!("{directory}/{path}"))?, &new.collect::<Vec<_>>().concat())?;
        release.files.insert(path, ReleaseFile { size: file.size(), sha256: file.sha256() });
    }

    // What vouches for all of it. A real archive keeps the secret key (`SecretKey::to_armored`): clients trust this one alone.
    let key = SecretKey::generate("Example archive", now, None)?;
    write(root, &RelPath::parse("archive-keyring.asc")?, key.certificate().armored()?.as_bytes())?;
    let signer = OpenPgpSigner::new(vec![key])?;
    let text = release.render()?;
    let signed = signer.sign(text.as_bytes(), now)?;
    write(root, &directory.join("InRelease")?, signed.inline())?;
    write(root, &directory.join("Release")?, text.as_bytes())?;
    write(root, &directory.join("Release.gpg")?, signed.detached())?;
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
