//! Bases that are archives: a file of sources, as apt reads it.

use apt_fetch::{
    Archive, Client, ClientOptions, Entry, FetchedRelease, Release, ReleaseForm, Rules, Seen, SignedBy,
    Source, Suite, Trust, parse_sources,
};
use apt_sign::Keyring;
use camino::Utf8Path;
use jiff::Timestamp;
use repo_store::operations::bases::{BaseIndexBuilder, KeptArchive, KeptIndex, KeptRelease};
use repo_store::settings::Base;

use super::files::failed;
use super::{ReadBase, architectures};
use crate::error::{Failure, chain};
use crate::fetch::{USER_AGENT, authorities, proxies};
use crate::session::Session;

/// Reads every archive that a file of sources names. An archive that cannot be read keeps what was last read. One that was never read fails the
/// whole base, because a part of what clients have proves nothing about the rest.
pub(super) fn read(
    place: &Utf8Path,
    base: &Base,
    known: &[KeptArchive],
    session: &Session,
) -> Result<ReadBase, Failure> {
    let text = std::fs::read_to_string(place).map_err(Failure::io("read", place))?;
    let entries = parse_sources(&text).map_err(|error| failed(base, place.as_str(), &error.to_string()))?;
    let options = ClientOptions {
        user_agent: USER_AGENT.to_owned(),
        authorities: authorities(),
        proxies: proxies()?,
        ..ClientOptions::default()
    };
    let client = Client::new(options);
    let mut read =
        ReadBase { archives: Vec::new(), is_unchanged: true, failures: Vec::new(), refused: Vec::new() };
    for entry in entries.iter().filter(|entry| entry.is_binary) {
        let keys = keys(entry).map_err(|what| failed(base, place.as_str(), &what))?;
        for source in entry.sources() {
            let name = name_of(&source);
            let before = known.iter().find(|known| known.name == name);
            let reading = Reading { entry, keys: keys.as_ref(), base, session, before, name: &name };
            match (reading.fetch(&client, source), before) {
                (Ok(Fetched { archive, is_unchanged, refused }), _) => {
                    read.archives.push(archive);
                    read.is_unchanged &= is_unchanged;
                    read.refused.extend(refused);
                }
                (Err(what), Some(before)) => {
                    read.archives.push(before.clone());
                    read.failures.push(failed(base, &name, &what));
                }
                (Err(what), None) => return Err(failed(base, &name, &what)),
            }
        }
    }
    if read.archives.is_empty() {
        return Err(failed(base, place.as_str(), "it names no archive with packages"));
    }
    Ok(read)
}

/// Returns the address, the suite and the components of a source: other components are another archive.
fn name_of(source: &Source) -> String {
    let mut words = vec![source.address.url.to_string(), source.suite.to_string()];
    words.extend(source.components.iter().map(ToString::to_string));
    words.join(" ")
}

/// Returns the keys that vouch for an entry; `None` for one that is trusted without.
fn keys(entry: &Entry) -> Result<Option<Keyring>, String> {
    if entry.options.trusted == Some(true) {
        return Ok(None);
    }
    let mut certificates = Vec::new();
    let mut add = |bytes: &[u8], name: &str| {
        let keyring = Keyring::parse(bytes).map_err(|error| format!("{name}: {}", chain(&error)))?;
        certificates.extend(keyring.certificates().iter().cloned());
        Ok::<_, String>(())
    };
    match &entry.options.signed_by {
        None => return Err("an archive without Signed-By: name the file of its keys there".to_owned()),
        Some(SignedBy::Key(armored)) => add(armored.as_bytes(), "Signed-By")?,
        Some(SignedBy::Names(names)) => {
            for name in names {
                if !name.starts_with('/') {
                    return Err(format!("Signed-By: {name}: only paths of files are read, not fingerprints"));
                }
                let bytes = std::fs::read(name).map_err(|error| format!("cannot read {name}: {error}"))?;
                add(&bytes, name)?;
            }
        }
    }
    Ok(Some(Keyring::new(certificates)))
}

/// An archive that is asked for.
struct Reading<'a> {
    entry: &'a Entry,
    keys: Option<&'a Keyring>,
    base: &'a Base,
    session: &'a Session,
    before: Option<&'a KeptArchive>,
    name: &'a str,
}

/// What came of it.
struct Fetched {
    archive: KeptArchive,
    is_unchanged: bool,
    refused: Vec<String>,
}

impl Reading<'_> {
    fn fetch(&self, client: &Client, source: Source) -> Result<Fetched, String> {
        let wanted = self.wanted(&source);
        let now = self.session.context().now;
        let components: Vec<String> = source.components.iter().map(ToString::to_string).collect();
        let by_hash = self.entry.options.by_hash.unwrap_or_default();
        let archive = Archive::new(client, source).with_by_hash(by_hash);
        let seen = self.seen(&wanted);
        let trust = self.keys.map_or(Trust::Anything, Trust::Keys);
        let mut rules = Rules::new(trust, now).with_options(&self.entry.options);
        rules.seen = seen.as_ref();
        let release = match (archive.fetch_release(&rules).map_err(|error| chain(&error))?, self.before) {
            (FetchedRelease::New(release), _) => release,
            (FetchedRelease::Unchanged, Some(before)) => return Ok(unchanged(before, now)),
            _ => return Err("the server answers with something that is not known".to_owned()),
        };
        let (mut indices, mut refused) = (Vec::new(), Vec::new());
        for architecture in wanted {
            let mut builder = BaseIndexBuilder::new();
            for path in paths(&components, architecture.as_deref(), &release) {
                let Some(index) = release.index(&path) else { continue };
                let fetched = archive.fetch_index(&release, &index).map_err(|error| chain(&error))?;
                let text = fetched.text().map_err(|problem| format!("{path}: {problem}"))?;
                builder.read(text).map_err(|error| format!("{path}: {}", chain(&error)))?;
            }
            let id = self.session.store.keep_base_index(&builder).map_err(|error| chain(&error))?;
            refused.extend_from_slice(builder.refused());
            indices.push(KeptIndex { architecture, packages: builder.packages(), id });
        }
        if indices.iter().all(|index| index.packages == 0) {
            return Err("it lists no package for any architecture of the suite".to_owned());
        }
        let is_unchanged = self.before.is_some_and(|before| before.indices == indices);
        let archive = KeptArchive::new(self.name, now, Some(self.kept(&release)), indices);
        Ok(Fetched { archive, is_unchanged, refused })
    }

    fn kept(&self, release: &Release) -> KeptRelease {
        let Seen { date, valid_until, origin, label, suite, codename, form, last_modified } = release.seen();
        let (is_inline, keys) = (form == Some(ReleaseForm::Inline), self.key_names());
        KeptRelease { date, valid_until, is_inline, last_modified, origin, label, suite, codename, keys }
    }

    /// Returns the architectures whose packages are asked for; a flat archive has one list for all.
    fn wanted(&self, source: &Source) -> Vec<Option<String>> {
        if matches!(source.suite, Suite::Flat(_)) {
            return vec![None];
        }
        let usual = architectures(self.base, self.session);
        let usual: Vec<&str> = usual.iter().map(String::as_str).collect();
        self.entry.options.architectures.of(&usual).into_iter().map(Some).collect()
    }

    /// Returns the fingerprints of the keys that vouch for the archive.
    fn key_names(&self) -> Option<String> {
        let names = self.keys?.certificates().iter().map(|key| key.fingerprint().to_string());
        Some(names.collect::<Vec<_>>().join(","))
    }

    /// Returns whether what is kept would do if upstream did not change: it is there, and was read for the same architectures and by the same keys.
    fn can_be_unchanged(&self, wanted: &[Option<String>]) -> bool {
        let Some(before) = self.before else { return false };
        let has = |architecture: &Option<String>| {
            before.indices.iter().any(|index| index.architecture == *architecture)
        };
        let is_by_the_same = before.release.as_ref().is_some_and(|release| release.keys == self.key_names());
        before.is_whole && is_by_the_same && wanted.iter().all(has)
    }

    /// Returns what was seen of the last Release. If that would not do, it is asked for again whole.
    fn seen(&self, wanted: &[Option<String>]) -> Option<Seen> {
        let release = self.before?.release.as_ref()?;
        Some(Seen {
            date: release.date,
            valid_until: release.valid_until,
            origin: release.origin.clone(),
            label: release.label.clone(),
            suite: release.suite.clone(),
            codename: release.codename.clone(),
            form: Some(if release.is_inline { ReleaseForm::Inline } else { ReleaseForm::Detached }),
            last_modified: release.last_modified.clone().filter(|_| self.can_be_unchanged(wanted)),
        })
    }
}

/// Returns what is kept of an archive, seen to be up to date now.
fn unchanged(before: &KeptArchive, now: Timestamp) -> Fetched {
    let archive = KeptArchive::new(&before.name, now, before.release.clone(), before.indices.clone());
    Fetched { archive, is_unchanged: true, refused: Vec::new() }
}

/// Returns the paths of the lists of packages for machines of an architecture. Packages for all are in each list, unless the Release says that they
/// have one of their own.
fn paths(components: &[String], architecture: Option<&str>, release: &Release) -> Vec<String> {
    let Some(architecture) = architecture else { return vec!["Packages".to_owned()] };
    let fields = release.fields();
    let is_folded = fields.paragraph().get_str("No-Support-for-Architecture-all") == Some("Packages");
    let has_own = !is_folded && fields.architectures().any(|name| name == "all");
    let names = [Some(architecture), Some("all").filter(|_| has_own)];
    let of = |component: &String| -> Vec<String> {
        names.iter().flatten().map(|name| format!("{component}/binary-{name}/Packages")).collect()
    };
    components.iter().flat_map(of).collect()
}
