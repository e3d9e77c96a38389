//! Every index against its digest, under each of its names, and what the indices list.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::num::NonZeroUsize;

use apt_fetch::{
    Address, ByHash, Conditions, Error, Expected, FetchedIndex, Index, IndexForm, Package, PoolFile, Problem,
    RefusedStanza, Release, SourcePackage, Url,
};
use apt_index::parallel::parallel_map;
use deb_parse::deb::Compression;
use deb_parse::{Architecture, PackageName, Version};

use super::finding::Findings;
use super::release::tell_problem;
use super::{Checked, Examination};

/// The most stanzas of an index that are named one by one.
const NAMED: usize = 5;

/// How many indices are looked at at once.
const CONNECTIONS: NonZeroUsize = NonZeroUsize::new(8).unwrap();
/// Over the network, a larger index that lists no packages is compared by its size, unless everything is to be compared.
const LARGE: u64 = 16 << 20;

/// Compares all indices with the Release. Returns the files of the pool that they list, in the order of their paths.
pub(super) fn check(
    examination: &Examination<'_>,
    release: &Release,
    checked: &mut Checked,
    findings: &mut Findings,
) -> Vec<PoolFile> {
    let mut listed = Listed::default();
    let mut indices = release.indices();
    indices.retain(|index| Kind::of(index.path()) != Kind::Unread);
    let found = parallel_map(&indices, CONNECTIONS, |index| check_index(examination, release, index));
    for (index, examined) in indices.iter().zip(found) {
        findings.append(examined.findings);
        checked.indices += examined.compared;
        match (examined.text, Kind::of(index.path())) {
            (Some(fetched), Kind::Packages) => listed.take_packages(&fetched, findings),
            (Some(fetched), Kind::Sources) => listed.take_sources(&fetched, findings),
            _ => {}
        }
    }
    let files: Vec<PoolFile> = listed.files.into_values().collect();
    checked.listed += files.len();
    files
}

/// What came of looking at one index.
struct Examined {
    findings: Findings,
    /// How many of its files were compared.
    compared: usize,
    /// One of its files, if it lists packages.
    text: Option<FetchedIndex>,
}

fn check_index(examination: &Examination<'_>, release: &Release, index: &Index) -> Examined {
    let kind = Kind::of(index.path());
    let mut examined =
        Examined { findings: Findings::new(&examination.archive.source().suite), compared: 0, text: None };
    let findings = &mut examined.findings;
    check_forms(examination, index, kind, findings);
    for form in index.forms() {
        let Some(expected) = form.expected else { continue };
        if kind == Kind::Other && expected.size() > LARGE && examination.spares_network() {
            check_size(examination, form, &expected, release, findings);
            continue;
        }
        let Some(fetched) = check_form(examination, release, index, form, &expected, findings) else {
            continue;
        };
        examined.compared += 1;
        // Reading what it lists shows what is wrong with the text of the first one.
        if kind != Kind::Other && examined.text.is_none() {
            examined.text = Some(fetched);
        } else {
            check_text(&fetched, findings);
        }
    }
    if examined.text.is_none() && kind != Kind::Other {
        let place = examination.archive.address_in_suite(index.path()).url;
        findings
            .error("no-index", &place, "none of the forms that the Release lists can be used")
            .client(format!("E: Failed to fetch {place}  404  Not Found"))
            .mend("publish the suite again");
    }
    examined
}

/// Compares the size of a file that is not fetched.
fn check_size(
    examination: &Examination<'_>,
    form: &IndexForm,
    expected: &Expected,
    release: &Release,
    findings: &mut Findings,
) {
    let is_offered = release.fields().acquire_by_hash();
    let names = [is_offered.then(|| form.path_by_hash(expected)), Some(form.path.clone())];
    for name in names.into_iter().flatten() {
        let address = examination.archive.address_in_suite(&name);
        let answer = match examination.archive.client().open(&address, &Conditions::head(), 0) {
            Ok(answer) => answer,
            Err(error) if is_missing(&error.problem) => continue,
            Err(error) => return tell_problem(&error, findings),
        };
        if answer.length.is_some_and(|length| length != expected.size()) {
            let what = format!("has another size than the {} bytes that the Release lists", expected.size());
            findings
                .error("index-differs", &address.url, what)
                .client(format!("E: Failed to fetch {}  File has unexpected size", address.url))
                .mend("publish the suite again");
        }
        return;
    }
    let canonical = examination.archive.address_in_suite(&form.path).url;
    tell_missing(&canonical, findings);
}

/// Returns whether a problem says that a file is not there. Some servers forbid what they do not have.
fn is_missing(problem: &Problem) -> bool {
    matches!(problem, Problem::NotFound | Problem::Denied { status: 403, .. })
}

fn tell_missing(place: &Url, findings: &mut Findings) {
    findings
        .warning("form-missing", place, "is listed, and is not there under any name")
        .client(format!("Err: {place}  404  Not Found (and then the next form is tried)"))
        .mend("publish the suite again, or do not list this form");
}

/// What an index is about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Packages,
    Sources,
    /// No client compares it with the list: patches, and a Release that was listed while it was written.
    Unread,
    Other,
}

impl Kind {
    fn of(path: &str) -> Self {
        if path.contains(".diff/") || ["InRelease", "Release", "Release.gpg"].contains(&path) {
            return Self::Unread;
        }
        match path.rsplit('/').next() {
            Some("Packages") => Self::Packages,
            Some("Sources") => Self::Sources,
            _ => Self::Other,
        }
    }
}

/// Looks at the forms in which an index is listed.
fn check_forms(examination: &Examination<'_>, index: &Index, kind: Kind, findings: &mut Findings) {
    if kind == Kind::Other {
        return;
    }
    let place = examination.archive.address_in_suite(index.path()).url;
    if !index.forms().iter().any(|form| form.compression == Compression::None) {
        findings
            .error("plain-not-listed", &place, "the Release lists compressed forms of this index, and not the plain one: apt passes over it without a word")
            .mend("list the plain form too; the file itself need not be there");
    }
    let for_debootstrap = [Compression::None, Compression::Gzip, Compression::Bzip2, Compression::Xz];
    let compressed: Vec<_> =
        index.forms().iter().filter(|form| form.compression != Compression::None).collect();
    if !compressed.is_empty() && compressed.iter().all(|form| !for_debootstrap.contains(&form.compression)) {
        findings
            .warning("only-zstd", &place, "has no compressed form that debootstrap reads")
            .client("E: Couldn't download packages (debootstrap)")
            .mend("publish xz or gz too");
    }
}

/// Compares a file of an index under all its names. Returns it when one of them is right.
fn check_form(
    examination: &Examination<'_>,
    release: &Release,
    index: &Index,
    form: &IndexForm,
    expected: &Expected,
    findings: &mut Findings,
) -> Option<FetchedIndex> {
    let archive = &examination.archive;
    let canonical = archive.address_in_suite(&form.path);
    let by_hash = archive.address_in_suite(&form.path_by_hash(expected));
    let is_offered = release.fields().acquire_by_hash();
    let fetched = archive.fetch_form(release, index, form);
    match &fetched {
        Err(Error { problem: Problem::NotFound, .. }) => {
            // The plain form need not be there, and where one is missing the others do.
            if form.compression != Compression::None {
                tell_missing(&canonical.url, findings);
            }
        }
        Err(error) if error.problem.is_mismatch() => {
            findings
                .error("index-differs", &error.url, format!("is not what the Release lists: {}", error.problem))
                .client(format!("E: Failed to fetch {}  Hash Sum mismatch", error.url))
                .mend("wait until the suite or its mirror is published to its end, or publish it again; keep caches from mixing two states");
        }
        Err(error) => tell_problem(error, findings),
        Ok(fetched) if *fetched.url() == by_hash.url => {
            // The name without a digest may be that of another state, for clients that do not know by-hash.
            if let Some(what) = name_differs(examination, release, index, form, expected) {
                findings
                    .warning("name-differs", &canonical.url, format!("is not the file that lies under its digest: {what}"))
                    .client("E: Failed to fetch …  Hash Sum mismatch (clients without by-hash, such as debmirror)")
                    .mend("publish the suite again");
            }
        }
        Ok(_) if is_offered => tell_of_by_hash(examination, &by_hash, findings),
        Ok(_) => {}
    }
    fetched.ok()
}

/// Reports why a file came under its name, although the Release offers it under its digest.
fn tell_of_by_hash(examination: &Examination<'_>, by_hash: &Address, findings: &mut Findings) {
    let found = match examination.archive.client().open(by_hash, &Conditions::head(), 0) {
        Ok(_) => true,
        Err(error) if is_missing(&error.problem) => false,
        Err(error) => return tell_problem(&error, findings),
    };
    if found {
        findings
            .error("by-hash-differs", &by_hash.url, "the file under this digest has another one")
            .client("E: Failed to fetch …  Hash Sum mismatch")
            .mend("publish the suite again; nothing under by-hash may ever change");
    } else {
        findings
            .warning("by-hash-missing", &by_hash.url, "the Release offers by-hash, and the file is not there under its digest")
            .mend("publish it there too, or clients make a request in vain and see Hash Sum mismatch during a change");
    }
}

/// Returns what is wrong with the file of an index that lies under its name. Over the network its size is compared, and all of it only
/// where all files are.
fn name_differs(
    examination: &Examination<'_>,
    release: &Release,
    index: &Index,
    form: &IndexForm,
    expected: &Expected,
) -> Option<String> {
    if examination.spares_network() {
        let canonical = examination.archive.address_in_suite(&form.path);
        let answer = examination.archive.client().open(&canonical, &Conditions::head(), 0).ok()?;
        let length = answer.length.filter(|length| *length != expected.size())?;
        return Some(format!("{length} bytes instead of {}", expected.size()));
    }
    let archive = examination.archive.clone().with_by_hash(ByHash::Never);
    let error = archive.fetch_form(release, index, form).err()?;
    error.problem.is_mismatch().then(|| error.problem.to_string())
}

/// Whether the text of an index is the one that the Release lists.
fn check_text(fetched: &FetchedIndex, findings: &mut Findings) {
    let read = fetched.text().map_err(|problem| problem.to_string()).and_then(|mut text| {
        let mut buffer = vec![0; 64 << 10];
        loop {
            match text.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                Err(error) => return Err(error.to_string()),
            }
        }
    });
    if let Err(what) = read {
        tell_text(&what, fetched, findings);
    }
}

fn tell_text(what: &str, fetched: &FetchedIndex, findings: &mut Findings) {
    findings
        .error("text-differs", fetched.url(), format!("unpacked, it is not what the Release lists: {what}"))
        .client(format!("E: Failed to fetch {}  Hash Sum mismatch", fetched.url()))
        .mend("publish the suite again");
}

/// What all indices of a suite list.
#[derive(Default)]
struct Listed {
    files: BTreeMap<String, PoolFile>,
    packages: BTreeMap<(PackageName, Version, Architecture), PoolFile>,
}

impl Listed {
    fn take_packages(&mut self, fetched: &FetchedIndex, findings: &mut Findings) {
        each_stanza(fetched.packages(), fetched, findings, |package: Package, findings| {
            let key = (package.name, package.version, package.architecture);
            let known = self.packages.entry(key).or_insert_with(|| package.file.clone());
            if known.expected != package.file.expected {
                let what = format!(
                    "{} and {} are one version with different content",
                    known.path, package.file.path
                );
                findings
                    .error("two-contents", fetched.url(), what)
                    .client("(nothing: clients install either, and never upgrade from one to the other)")
                    .mend("give one of them another version");
            }
            self.take_file(&package.file, fetched, findings);
        });
    }

    fn take_sources(&mut self, fetched: &FetchedIndex, findings: &mut Findings) {
        each_stanza(fetched.sources(), fetched, findings, |source: SourcePackage, findings| {
            source.files.iter().for_each(|file| self.take_file(file, fetched, findings));
        });
    }

    fn take_file(&mut self, file: &PoolFile, fetched: &FetchedIndex, findings: &mut Findings) {
        let known = self.files.entry(file.path.to_string()).or_insert_with(|| file.clone());
        if known.expected.size() != file.expected.size()
            || known.expected.strongest() != file.expected.strongest()
        {
            findings
                .error("two-digests", fetched.url(), format!("{} is listed with two contents", file.path))
                .client(format!("E: Failed to fetch {}  Hash Sum mismatch", file.path))
                .mend("give one of them another path");
        }
    }
}

/// Takes what each stanza of an index is about, and reports the stanzas that cannot be used.
fn each_stanza<T>(
    stanzas: Result<impl Iterator<Item = Result<Result<T, RefusedStanza>, Problem>>, Problem>,
    fetched: &FetchedIndex,
    findings: &mut Findings,
    mut take: impl FnMut(T, &mut Findings),
) {
    let stanzas = match stanzas {
        Ok(stanzas) => stanzas,
        Err(problem) => return tell_text(&problem.to_string(), fetched, findings),
    };
    let mut refused = Vec::new();
    for stanza in stanzas {
        match stanza {
            Err(problem) => return tell_text(&problem.to_string(), fetched, findings),
            Ok(Err(error)) => refused.push(error),
            Ok(Ok(stanza)) => take(stanza, findings),
        }
    }
    tell_refused(&refused, fetched, findings);
}

/// Reports stanzas that cannot be used.
fn tell_refused(refused: &[RefusedStanza], fetched: &FetchedIndex, findings: &mut Findings) {
    for error in refused.iter().take(NAMED) {
        let what = crate::error::chain(error);
        let finding = findings.error("bad-stanza", fetched.url(), what);
        match error {
            RefusedStanza::NoDigest { .. } => finding.client(
                "E: Insufficient information available to perform this download securely: no strong hash",
            ),
            _ => finding.client("E: Problem with MergeList / Failed to fetch …"),
        };
        finding.mend("correct or remove the package, and publish the suite again");
    }
    if let Some(more) = refused.len().checked_sub(NAMED).filter(|more| *more > 0) {
        findings.error("bad-stanza", fetched.url(), format!("{more} further stanzas cannot be used"));
    }
}
