//! Downloads the newest version of a package, as `apt-get download` does, with every check of apt.
//!
//! ```console
//! $ cargo run --release -p apt-fetch --example fetch_package -- \
//!     /etc/apt/sources.list.d/debian.sources /usr/share/keyrings/debian-archive-keyring.gpg amd64 hello
//! ```

use std::error::Error;
use std::fs::{self, File};

use apt_fetch::{
    Archive, Client, ClientOptions, FetchedRelease, Package, Proxies, Rules, Trust, parse_sources,
};
use apt_sign::Keyring;
use jiff::Timestamp;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [sources, keyring, architecture, name] = arguments.as_slice() else {
        return Err("usage: fetch_package SOURCES KEYRING ARCHITECTURE PACKAGE".into());
    };
    let sources = fs::read_to_string(sources)?;
    let keyring = Keyring::parse(&fs::read(keyring)?)?;
    let proxies = Proxies::of_environment(|name| std::env::var(name).ok())?;
    let client = Client::new(ClientOptions { proxies, ..ClientOptions::default() });
    fetch(&client, &sources, &keyring, Timestamp::now(), architecture, name)
}

fn fetch(
    client: &Client,
    sources: &str,
    keyring: &Keyring,
    now: Timestamp,
    architecture: &str,
    name: &str,
) -> Result<(), Box<dyn Error>> {
    let mut newest: Option<(Archive<'_>, Package)> = None;
    for source in parse_sources(sources)?.iter().flat_map(|entry| entry.sources().collect::<Vec<_>>()) {
        let archive = Archive::new(client, source);
        // A program that runs again keeps `release.seen()` and hands it in here, so that no mirror can go back in time.
        let rules = Rules::new(Trust::Keys(keyring), now);
        let FetchedRelease::New(release) = archive.fetch_release(&rules)? else { continue };
        for component in &archive.source().components {
            let Some(index) = release.index(&format!("{component}/binary-{architecture}/Packages")) else {
                continue;
            };
            for package in archive.fetch_index(&release, &index)?.packages()? {
                // A stanza that cannot be used is passed over; a text that is not the listed one ends the program.
                let Ok(package) = package? else { continue };
                let is_newer = newest.as_ref().is_none_or(|(_, known)| known.version < package.version);
                if package.name.as_str() == name && is_newer {
                    newest = Some((archive.clone(), package));
                }
            }
        }
    }
    let (archive, package) = newest.ok_or("no such package")?;
    let file = package.file.path.as_path().file_name().unwrap_or("package.deb");
    // Under its name only when it is the file that was listed.
    let part = format!("{file}.part");
    archive.fetch_file(&package.file, &mut File::create(&part)?)?;
    fs::rename(part, file)?;
    Ok(())
}

#[cfg(test)]
#[test]
fn what_does_not_exist_is_not_fetched() {
    let client = Client::new(ClientOptions::default());
    let sources = "deb file:/nowhere stable main\n";
    let error = fetch(&client, sources, &Keyring::default(), Timestamp::UNIX_EPOCH, "amd64", "hello");
    assert_eq!(error.unwrap_err().to_string(), "file:/nowhere/dists/stable/Release: not found");
}
