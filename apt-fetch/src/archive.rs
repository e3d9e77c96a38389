//! A suite of an archive, and what is fetched of it.

use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use deb_parse::checksum::Hashes;

use crate::client::Client;
use crate::digest::Expected;
use crate::error::{Error, Problem};
use crate::index::{FetchedIndex, Index, IndexForm};
use crate::packages::PoolFile;
use crate::release::{self, FetchedRelease, Release, ReleaseError, Rules};
use crate::sources::{Address, ByHash, Source};
use crate::transport::Conditions;

/// A suite of an archive, as a client sees it.
#[derive(Clone, Debug)]
pub struct Archive<'c> {
    client: &'c Client,
    source: Source,
    by_hash: ByHash,
}

impl<'c> Archive<'c> {
    /// Names a source and who asks for its files.
    #[must_use]
    pub fn new(client: &'c Client, source: Source) -> Self {
        Self { client, source, by_hash: ByHash::default() }
    }

    /// Sets whether indices are asked for by their digests.
    #[must_use]
    pub fn with_by_hash(self, by_hash: ByHash) -> Self {
        Self { by_hash, ..self }
    }

    /// Returns who asks.
    #[must_use]
    pub fn client(&self) -> &'c Client {
        self.client
    }

    /// Returns the source.
    #[must_use]
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// Returns the address of a file, by its path relative to the root of the archive.
    #[must_use]
    pub fn address(&self, path: &str) -> Address {
        let Address { url, login } = &self.source.address;
        Address { url: url.join(path), login: login.clone() }
    }

    /// Returns the address of a file, by its path relative to the Release.
    #[must_use]
    pub fn address_in_suite(&self, path: &str) -> Address {
        self.address(&format!("{}{path}", self.source.suite.directory()))
    }

    /// Fetches the Release and judges it: `InRelease`, or `Release` with `Release.gpg` where the server says that there is no `InRelease`.
    ///
    /// # Errors
    /// [`ReleaseError`] tells which rule it breaks, or why it cannot be fetched.
    pub fn fetch_release(&self, rules: &Rules<'_>) -> Result<FetchedRelease, ReleaseError> {
        release::fetch(self, rules)
    }

    /// Fetches an index that a Release lists, in the best form that can be had, into memory.
    ///
    /// Where the Release offers it, the index is asked for by its digest, and by its name where it is not there: an archive that is being
    /// changed has the right file under its digest still or already. A file with other bytes is never used: once more it is asked for past all
    /// caches, and then the next form is tried.
    ///
    /// # Errors
    /// The first thing that went wrong. [`Problem::is_mismatch`] tells an archive in the middle of a change from a server that fails.
    /// [`Problem::NotFound`] when the Release lists no form with a strong digest.
    pub fn fetch_index(&self, release: &Release, index: &Index) -> Result<FetchedIndex, Error> {
        let mut first = None;
        for form in index.forms() {
            if form.expected.is_none() {
                continue;
            }
            match self.fetch_form(release, index, form) {
                Ok(fetched) => return Ok(fetched),
                Err(error) if error.problem.is_mismatch() || matches!(error.problem, Problem::NotFound) => {
                    first.get_or_insert(error);
                }
                Err(error) => return Err(error),
            }
        }
        Err(first.unwrap_or_else(|| Problem::NotFound.at(&self.address_in_suite(index.path()).url)))
    }

    /// Fetches one form of an index under the names that it has.
    ///
    /// # Errors
    /// What went wrong with the last name: that its file is not there does not hide what lies under another. [`Problem::NotFound`] when the
    /// Release has no strong digest of it.
    pub fn fetch_form(
        &self,
        release: &Release,
        index: &Index,
        form: &IndexForm,
    ) -> Result<FetchedIndex, Error> {
        let canonical = self.address_in_suite(&form.path);
        let expected = form.expected.ok_or_else(|| Problem::NotFound.at(&canonical.url))?;
        let fetched = |address: &Address, bytes| FetchedIndex {
            url: address.url.clone(),
            compression: form.compression,
            bytes,
            plain: index.plain().copied(),
            limits: *self.client.limits(),
        };
        let is_offered = release.fields().acquire_by_hash();
        if self.by_hash == ByHash::Force || (is_offered && self.by_hash == ByHash::IfOffered) {
            let by_hash = self.address_in_suite(&form.path_by_hash(&expected));
            match self.fetch_whole(&by_hash, &expected) {
                Ok(bytes) => return Ok(fetched(&by_hash, bytes)),
                // Some servers of objects forbid what they do not have.
                Err(Error { problem: Problem::NotFound | Problem::Denied { status: 403, .. }, .. }) => {}
                Err(error) if error.problem.is_mismatch() => {}
                Err(error) => return Err(error),
            }
        }
        self.fetch_whole(&canonical, &expected).map(|bytes| fetched(&canonical, bytes))
    }

    /// Fetches a file into memory; once more past all caches when it is another one.
    fn fetch_whole(&self, address: &Address, expected: &Expected) -> Result<Vec<u8>, Error> {
        let limit = self.client.limits().index;
        if expected.size() > limit {
            return Err(Problem::TooLong { limit }.at(&address.url));
        }
        let once = |conditions: &Conditions| -> Result<Vec<u8>, Error> {
            let (_, bytes) = self.client.read(address, conditions, expected.size())?;
            let mut hasher = expected.hasher();
            hasher.update(&bytes);
            expected.check(&hasher.finish()).map_err(|problem| problem.at(&address.url))?;
            Ok(bytes)
        };
        match once(&Conditions::default()) {
            Err(error) if error.problem.is_mismatch() && !address.url.scheme().is_local() => {
                once(&Conditions { is_fresh: true, ..Conditions::default() })
            }
            done => done,
        }
    }

    /// Fetches a file of the pool and writes it to `output` as it comes. Only when this returns without an error is what was written the
    /// file that was listed.
    ///
    /// The digests of all of it are returned: nobody has to hash it again.
    ///
    /// # Errors
    /// [`Error`]; no more bytes than the file has were written.
    pub fn fetch_file(&self, file: &PoolFile, output: &mut dyn Write) -> Result<Hashes, Error> {
        self.resume_file(file, &mut io::empty(), output)
    }

    /// Fetches the rest of a file; `known` reads its first bytes, which an earlier run kept. See [`fetch_file`](Self::fetch_file).
    ///
    /// # Errors
    /// As for [`fetch_file`](Self::fetch_file). Bytes that are not of this file show in [`Problem::Digest`]: it is to be fetched again whole.
    pub fn resume_file(
        &self,
        file: &PoolFile,
        known: &mut dyn io::Read,
        output: &mut dyn Write,
    ) -> Result<Hashes, Error> {
        self.client.fetch(&self.address(file.path.as_str()), &file.expected, known, output)
    }

    /// Fetches several files over several connections. For each, `open` gives where it is written, and `done` takes what came of it. Both are
    /// called on the threads that fetch, in no particular order; `done` says whether the rest is still wanted.
    pub fn fetch_files<W: Write>(
        &self,
        files: &[PoolFile],
        connections: NonZeroUsize,
        open: impl Fn(&PoolFile) -> io::Result<W> + Sync,
        done: impl Fn(&PoolFile, Result<(Hashes, W), Error>) -> bool + Sync,
    ) {
        let next = AtomicUsize::new(0);
        let work = || {
            while let Some(file) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                let fetched = open(file)
                    .map_err(|error| Problem::Write(error).at(&self.address(file.path.as_str()).url))
                    .and_then(|mut output| Ok((self.fetch_file(file, &mut output)?, output)));
                if !done(file, fetched) {
                    next.store(files.len(), Ordering::Relaxed);
                }
            }
        };
        thread::scope(|scope| {
            for _ in 1..connections.get().min(files.len()) {
                scope.spawn(work);
            }
            work();
        });
    }
}

impl IndexForm {
    /// Returns the path under which clients ask for it by its strongest digest, relative to the Release.
    #[must_use]
    pub fn path_by_hash(&self, expected: &Expected) -> String {
        let directory =
            self.path.rsplit_once('/').map_or(String::new(), |(directory, _)| format!("{directory}/"));
        let (algorithm, digest) = expected.strongest();
        format!("{directory}by-hash/{algorithm}/{digest}")
    }
}
