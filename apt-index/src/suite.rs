//! All indices of a suite, and the `Release` that lists them: [`SuiteIndices`] takes stanzas and gives a [`RenderedSuite`].
//!
//! With the feature `fs`, `write_tree` writes that into a directory.

use std::collections::{BTreeMap, BTreeSet};

use deb_parse::{Architecture, Component};

use crate::index::{Builder, IndexOptions};
use crate::item::Item as _;
use crate::pool::PackageKind;
use crate::release::Release;
use crate::stanza::Stanza;
use crate::{Error, RelPath};

#[cfg(feature = "fs")]
pub use crate::tree::{ReleaseSignatures, write_tree};

/// The stanzas of a suite, by the indices that list them.
///
/// ```
/// use apt_index::Encoding;
/// use apt_index::index::IndexOptions;
/// use apt_index::pool::PackageKind;
/// use apt_index::release::Release;
/// use apt_index::stanza::Stanza;
/// use apt_index::suite::SuiteIndices;
/// use deb_parse::{Architecture, Component, SuiteName};
///
/// let (main, amd64) = (Component::parse("main").unwrap(), Architecture::parse("amd64").unwrap());
/// let mut release = Release::new(SuiteName::parse("stable").unwrap(), jiff::Timestamp::UNIX_EPOCH);
/// release.components = vec![main.clone()];
/// release.architectures = vec![amd64.clone()];
///
/// let mut indices = SuiteIndices::new(release);
/// let stanza = Stanza::parse(b"Package: hello\nVersion: 2.10-3\nArchitecture: amd64\n")?;
/// indices.push_package(&main, &amd64, PackageKind::Deb, stanza)?;
/// let suite = indices.render(&IndexOptions::new(vec![Encoding::Xz]))?;
/// assert!(suite.text().contains("main/binary-amd64/Packages.xz\n"));
/// # Ok::<(), apt_index::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct SuiteIndices {
    release: Release,
    /// By the path of the plain index, relative to the directory of the suite.
    stanzas: BTreeMap<RelPath, Vec<Stanza<'static>>>,
}

/// A suite as files: what stands in `dists/<suite>`, except for signatures.
#[derive(Clone, Debug)]
pub struct RenderedSuite {
    release: Release,
    text: String,
    files: BTreeMap<RelPath, Vec<u8>>,
}

impl SuiteIndices {
    /// Begins a suite with the components and architectures of `release`. Each pair of them gets an index, as clients ask for it even if
    /// nothing is in it. Index files that `release` lists already stay listed, and the caller writes those.
    #[must_use]
    pub fn new(release: Release) -> Self {
        let mut stanzas = BTreeMap::new();
        for component in &release.components {
            for architecture in &release.architectures {
                stanzas
                    .insert(RelPath::packages_index(component, architecture, PackageKind::Deb), Vec::new());
            }
        }
        Self { release, stanzas }
    }

    /// Lists a binary package in the index of that architecture, whatever its stanza says. One for architecture `all` is listed in the index of each architecture, unless the release has an index for
    /// `all` of its own.
    ///
    /// # Errors
    /// [`Error::Unlisted`] when the release lacks the component or the architecture.
    pub fn push_package(
        &mut self,
        component: &Component,
        architecture: &Architecture,
        kind: PackageKind,
        stanza: Stanza<'_>,
    ) -> Result<(), Error> {
        self.check_component(component)?;
        let of_release = &self.release.architectures;
        let listed: BTreeSet<&Architecture> = if of_release.contains(architecture) {
            BTreeSet::from([architecture])
        } else if architecture.is_all() {
            of_release.iter().collect()
        } else {
            return Err(Error::Unlisted { field: "Architectures", value: architecture.to_string() });
        };
        let stanza = stanza.into_owned();
        for architecture in listed {
            let index = RelPath::packages_index(component, architecture, kind);
            self.stanzas.entry(index).or_default().push(stanza.clone());
        }
        Ok(())
    }

    /// Lists a source package.
    ///
    /// # Errors
    /// [`Error::Unlisted`] when the release lacks the component.
    pub fn push_source(&mut self, component: &Component, stanza: Stanza<'_>) -> Result<(), Error> {
        self.check_component(component)?;
        let index = RelPath::sources_index(component);
        self.stanzas.entry(index).or_default().push(stanza.into_owned());
        Ok(())
    }

    fn check_component(&self, component: &Component) -> Result<(), Error> {
        if self.release.components.contains(component) {
            return Ok(());
        }
        Err(Error::Unlisted { field: "Components", value: component.to_string() })
    }

    /// Renders every index, with its stanzas in the order of their names, and the `Release` that lists them. Stanzas of one name stay in the
    /// order in which they came.
    ///
    /// # Errors
    /// [`Error::Encoding`] when a compressor fails, [`Error::ReleaseField`] for a value that would break `Release`.
    pub fn render(self, options: &IndexOptions) -> Result<RenderedSuite, Error> {
        let Self { mut release, stanzas } = self;
        let mut files = BTreeMap::new();
        for (path, mut stanzas) in stanzas {
            stanzas.sort_by(|a, b| a.package().cmp(b.package()));
            let mut index = Builder::new(options);
            for stanza in &stanzas {
                index.push(stanza)?;
            }
            let index = index.finish()?;
            release.add_index(&path, &index)?;
            for file in index.files() {
                // An index that is rendered from nothing takes over no bytes of another.
                files.extend(
                    file.bytes().map(|bytes| Ok((file.encoding().path_of(&path)?, bytes))).transpose()?,
                );
            }
        }
        Ok(RenderedSuite { text: release.render()?, release, files })
    }
}

impl RenderedSuite {
    /// Returns what `Release` says, as values.
    #[must_use]
    pub fn release(&self) -> &Release {
        &self.release
    }

    /// Returns the text of `Release`, which is what is signed.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the files of the indices, relative to the [directory of the suite](RelPath::suite_directory).
    pub fn files(&self) -> impl Iterator<Item = (&RelPath, &[u8])> {
        self.files.iter().map(|(path, bytes)| (path, bytes.as_slice()))
    }
}

#[cfg(test)]
mod tests {
    use deb_parse::SuiteName;

    use super::*;
    use crate::Encoding;

    fn indices(architectures: &[&str]) -> SuiteIndices {
        let mut release = Release::new(SuiteName::parse("stable").unwrap(), jiff::Timestamp::UNIX_EPOCH);
        release.components = vec![main()];
        release.architectures = architectures.iter().map(|name| architecture(name)).collect();
        SuiteIndices::new(release)
    }

    fn main() -> Component {
        Component::parse("main").unwrap()
    }

    fn architecture(name: &str) -> Architecture {
        Architecture::parse(name).unwrap()
    }

    fn push(indices: &mut SuiteIndices, name: &str, of: &str) -> Result<(), Error> {
        let text = format!("Package: {name}\nVersion: 1.0\nArchitecture: {of}\n");
        let stanza = Stanza::parse(text.as_bytes()).unwrap();
        indices.push_package(&main(), &architecture(of), PackageKind::Deb, stanza)
    }

    fn rendered(indices: SuiteIndices) -> BTreeMap<String, String> {
        let suite = indices.render(&IndexOptions::new(vec![Encoding::Plain])).unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        suite.files().map(|(path, bytes)| (path.to_string(), text(bytes))).collect()
    }

    #[test]
    fn stanzas_are_sorted_and_those_for_all_stand_in_every_index() {
        let mut indices = indices(&["amd64", "arm64"]);
        push(&mut indices, "zlib", "amd64").unwrap();
        push(&mut indices, "docs", "all").unwrap();
        let files = rendered(indices);
        let docs = "Package: docs\nVersion: 1.0\nArchitecture: all\n\n";
        let zlib = "Package: zlib\nVersion: 1.0\nArchitecture: amd64\n\n";
        assert_eq!(files["main/binary-amd64/Packages"], format!("{docs}{zlib}"));
        assert_eq!(files["main/binary-arm64/Packages"], docs);
        assert_eq!(files.len(), 2);
    }

    #[test]
    fn an_index_for_all_of_its_own_takes_them_alone() {
        let mut indices = indices(&["amd64", "all"]);
        push(&mut indices, "docs", "all").unwrap();
        let files = rendered(indices);
        assert_eq!(files["main/binary-amd64/Packages"], "");
        assert!(files["main/binary-all/Packages"].starts_with("Package: docs\n"));
    }

    #[test]
    fn what_the_release_does_not_name_is_refused() {
        let mut indices = indices(&["amd64"]);
        let error = push(&mut indices, "hello", "riscv64").unwrap_err();
        assert!(matches!(error, Error::Unlisted { field: "Architectures", .. }), "{error}");
        let stanza = Stanza::parse(b"Package: hello\nVersion: 1.0\n").unwrap();
        let error = indices.push_source(&Component::parse("contrib").unwrap(), stanza).unwrap_err();
        assert_eq!(error.to_string(), "the release does not list `contrib` in its field `Components`");
    }
}
