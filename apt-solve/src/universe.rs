//! All packages that a question can be about, from several sources.

use crate::error::Error;
use crate::intern::Strings;
use crate::package::{ArchId, Link, NameId, Package, PackageId, Relation, SourceId};
use crate::reason::Label;
use crate::relation::{Clauses, Provided, Reader, to_u32};
use crate::slots::Slots;
use deb_parse::control::{Fields as _, MultiArch, PackagesStanza};
use deb_parse::deb822::{self, Paragraph};
use deb_parse::relation::{self, RelationRef};
use deb_parse::{Architecture, Limits as ParseLimits, PackageName, Version};
use std::fmt;
use std::io::Read;

/// More than ten times Debian with all its architectures.
const MAX_PACKAGES: usize = 4_000_000;
const MAX_RELATIONS: usize = 40_000_000;

/// Which versions of a package are candidates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum View {
    /// Only the newest version of each name and architecture over all sources, as apt chooses its candidates without pins. Of
    /// equal versions, the one that was added first.
    Newest,
    /// Every version that a source has.
    AllVersions,
}

impl fmt::Display for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Newest => "newest",
            Self::AllVersions => "all versions",
        })
    }
}

/// What apt makes of the packages of an archive where no preferences say otherwise (apt_preferences(5)).
///
/// ```
/// use apt_solve::upgrade::Priority;
/// assert!(Priority::ON_REQUEST < Priority::INSTALLED);
/// assert_eq!(Priority::default(), Priority::DEFAULT);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Priority(u16);

impl Priority {
    /// 500: what archives have.
    pub const DEFAULT: Self = Self(500);
    /// 100: what is installed, and archives with `NotAutomatic` and `ButAutomaticUpgrades`. What came from there is upgraded.
    pub const INSTALLED: Self = Self(100);
    /// 1: archives with `NotAutomatic` alone. Their packages come to a machine only where somebody asks for them.
    pub const ON_REQUEST: Self = Self(1);
}

impl Default for Priority {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// Packages of several sources, for machines of one native architecture; made by a [`Builder`].
pub struct Universe {
    pub(crate) names: Strings,
    pub(crate) architectures: Strings,
    pub(crate) clauses: Clauses,
    pub(crate) packages: Vec<Package>,
    pub(crate) links: Vec<Relation>,
    /// For each package, in the order of the packages, what it provides.
    pub(crate) provided: Vec<(PackageId, Provided)>,
    /// Made when everything was added.
    pub(crate) slots: Slots,
    sources: Vec<Source>,
}

/// Where packages are from.
#[derive(Debug)]
struct Source {
    name: String,
    priority: Priority,
}

impl fmt::Debug for Universe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Universe")
            .field("sources", &self.sources)
            .field("packages", &self.packages.len())
            .finish_non_exhaustive()
    }
}

impl Universe {
    /// Starts a universe for machines with this native architecture.
    ///
    /// ```
    /// use apt_solve::Universe;
    /// use deb_parse::Architecture;
    /// let mut builder = Universe::builder(&Architecture::parse("amd64")?);
    /// builder.add_foreign(&Architecture::parse("i386")?);
    /// let source = builder.add_source("bookworm");
    /// builder.read(source, &b"Package: hello\nVersion: 1\nArchitecture: i386\n"[..])?;
    /// assert_eq!(builder.build().len(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn builder(native: &Architecture) -> Builder {
        let mut architectures = Strings::default();
        architectures.number(native.as_str());
        let universe = Self {
            names: Strings::default(),
            architectures,
            clauses: Clauses::default(),
            packages: Vec::new(),
            links: Vec::new(),
            provided: Vec::new(),
            slots: Slots::default(),
            sources: Vec::new(),
        };
        Builder { universe }
    }

    /// Returns how many packages there are.
    pub fn len(&self) -> usize {
        self.packages.len()
    }

    /// Returns whether the universe has no packages.
    pub fn is_empty(&self) -> bool {
        self.packages.is_empty()
    }

    /// Returns the packages of a source in the order in which they were added.
    pub fn packages_of(&self, source: SourceId) -> impl Iterator<Item = PackageId> + '_ {
        let all = self.packages.iter().enumerate();
        all.filter(move |(_, package)| package.source == source).map(|(at, _)| PackageId(to_u32(at)))
    }

    /// Returns the packages of this name from all sources.
    pub fn packages_named(&self, name: &str) -> impl Iterator<Item = PackageId> + '_ {
        let name = self.names.find(name).map(NameId);
        let all = self.packages.iter().enumerate();
        all.filter(move |(_, package)| Some(package.name) == name).map(|(at, _)| PackageId(to_u32(at)))
    }

    /// Returns the sources in the order in which they were added.
    pub fn sources(&self) -> impl Iterator<Item = SourceId> + '_ {
        (0..self.sources.len()).filter_map(|number| u16::try_from(number).ok()).map(SourceId)
    }

    /// Returns the name of a source.
    pub fn source_name(&self, source: SourceId) -> &str {
        self.sources.get(source.index()).map_or("", |source| &source.name)
    }

    /// Returns the priority of the source that a package was added to.
    pub(crate) fn priority(&self, package: &Package) -> Priority {
        self.sources.get(package.source.index()).map_or(Priority::DEFAULT, |source| source.priority)
    }

    /// Returns the source that a package was added to.
    pub fn source_of(&self, package: PackageId) -> Option<SourceId> {
        self.get(package).map(|package| package.source)
    }

    /// Returns what identifies a package.
    pub fn label(&self, package: PackageId) -> Option<Label> {
        self.get(package).map(|package| Label::new(self, package))
    }

    /// Returns whether every machine has a package of that name: it is essential, and built for them.
    pub fn is_essential(&self, package: PackageId) -> bool {
        self.get(package).is_some_and(|package| package.is_essential)
    }

    pub(crate) fn get(&self, package: PackageId) -> Option<&Package> {
        self.packages.get(package.index())
    }

    /// Returns what a package provides, each with the package itself.
    pub(crate) fn provided_by(&self, package: PackageId) -> &[(PackageId, Provided)] {
        let start = self.provided.partition_point(|(holder, _)| *holder < package);
        let rest = self.provided.get(start..).unwrap_or_default();
        let end = rest.partition_point(|(holder, _)| *holder == package);
        rest.get(..end).unwrap_or_default()
    }

    /// Returns the relations of a package, in the order of [`Link::ALL`].
    pub(crate) fn links(&self, package: PackageId) -> &[Relation] {
        let range = self.get(package).map(|package| package.links.start as usize..package.links.end as usize);
        range.and_then(|range| self.links.get(range)).unwrap_or_default()
    }
}

/// Adds packages to a [`Universe`].
#[derive(Debug)]
pub struct Builder {
    universe: Universe,
}

impl Builder {
    /// The fields of a package that decide what can be installed. No other field of a paragraph is read. The last four are those with relations.
    pub const FIELDS: [&'static str; 10] = [
        "Package",
        "Version",
        "Architecture",
        "Multi-Arch",
        "Essential",
        "Provides",
        "Pre-Depends",
        "Depends",
        "Conflicts",
        "Breaks",
    ];

    /// Adds an architecture that the machines have besides the native one (`dpkg --add-architecture`). Packages of an
    /// architecture that is added later than they are left out.
    pub fn add_foreign(&mut self, architecture: &Architecture) {
        self.universe.architectures.number(architecture.as_str());
    }

    /// Adds a source of packages. Its name appears in reasons.
    pub fn add_source(&mut self, name: &str) -> SourceId {
        let number = u16::try_from(self.universe.sources.len()).unwrap_or(u16::MAX);
        self.universe.sources.push(Source { name: name.to_owned(), priority: Priority::DEFAULT });
        SourceId(number)
    }

    /// Sets the priority of a source, which decides what [upgrades](crate::upgrade::Archives) choose. It changes nothing about what can be installed.
    pub fn set_priority(&mut self, source: SourceId, priority: Priority) {
        self.universe.sources.get_mut(source.index()).into_iter().for_each(|one| one.priority = priority);
    }

    /// Adds all packages of a `Packages` file, in plain text, and returns how many were added.
    ///
    /// # Errors
    /// As [`Builder::add`], and for text that is not deb822 or that cannot be read.
    pub fn read(&mut self, source: SourceId, index: impl Read) -> Result<usize, Error> {
        let limits = ParseLimits::default();
        let mut reader = deb822::Reader::new(index, &limits);
        let mut added = 0;
        while let Some(paragraph) = reader.next().map_err(|error| self.error(source, error))? {
            added += usize::from(self.add(source, paragraph)?.is_some());
        }
        Ok(added)
    }

    /// Adds the package of one paragraph of a `Packages` file; `None` if machines with these architectures cannot install it.
    ///
    /// # Errors
    /// [`Error::Paragraph`] for a missing or wrong name, version, architecture or relation; [`Error::TooLarge`];
    /// [`Error::UnknownSource`].
    pub fn add(&mut self, source: SourceId, paragraph: Paragraph<'_>) -> Result<Option<PackageId>, Error> {
        self.check_room(source)?;
        let (links, provided) = (self.universe.links.len(), self.universe.provided.len());
        self.add_stanza(source, paragraph).map_err(|error| {
            // The next package gets the number that this one would have had, and must not get what it provides.
            self.universe.links.truncate(links);
            self.universe.provided.truncate(provided);
            self.error(source, error)
        })
    }

    /// Refuses another package when there are as many as a universe can hold.
    pub(crate) fn check_room(&self, source: SourceId) -> Result<(), Error> {
        if self.universe.sources.get(source.index()).is_none() {
            return Err(Error::UnknownSource(source));
        }
        let relations = self.universe.links.len().max(self.universe.provided.len());
        if self.universe.packages.len() >= MAX_PACKAGES || relations >= MAX_RELATIONS {
            return Err(Error::TooLarge { source_name: self.universe.source_name(source).to_owned() });
        }
        Ok(())
    }

    pub(crate) fn universe(&mut self) -> &mut Universe {
        &mut self.universe
    }

    fn add_stanza(
        &mut self,
        source: SourceId,
        paragraph: Paragraph<'_>,
    ) -> Result<Option<PackageId>, deb_parse::Error> {
        let stanza = PackagesStanza::new(paragraph);
        let universe = &mut self.universe;
        // One pass over the paragraph; an accessor reads its field again only when the value is wrong, for the error.
        let [package, version, architecture, multi_arch, essential, provides, links @ ..] =
            paragraph.get_many(Self::FIELDS);
        let architecture = parsed(architecture, Architecture::parse, || stanza.architecture())?;
        let arch = match architecture.is_all() {
            true => Some(ArchId::NATIVE),
            false => universe.architectures.find(architecture.as_str()).map(ArchId),
        };
        let Some(arch) = arch else { return Ok(None) };
        let name = parsed(package, PackageName::parse, || stanza.package())?;
        let version = parsed(version, Version::parse, || stanza.version())?;
        let multi_arch = multi_arch.map_or(Ok(MultiArch::No), |_| stanza.multi_arch())?;

        let id = PackageId(to_u32(universe.packages.len()));
        let first = to_u32(universe.links.len());
        for (link, value) in Link::ALL.into_iter().zip(links) {
            let reader = if link.is_dependency() { Reader::Dependency(arch) } else { Reader::Conflict };
            for text in parts(value) {
                let added = universe.clauses.add(text, reader, &mut universe.names, &universe.architectures);
                let clause = added.map_err(|error| well_placed(&stanza, link, error))?;
                universe.links.push(Relation { link, clause });
            }
        }
        for text in parts(provides) {
            for one in relation::iter(text) {
                let one = one.map_err(|error| stanza.provides().err().unwrap_or(error))?;
                // dpkg takes no alternatives here.
                if !text.contains('|')
                    && let Some(provided) = provided(&one, arch, universe)
                {
                    universe.provided.push((id, provided));
                }
            }
        }
        universe.packages.push(Package {
            name: NameId(universe.names.number(name.as_str())),
            version,
            arch,
            is_all: architecture.is_all(),
            multi_arch,
            is_essential: essential.is_some() && stanza.is_essential() && arch == ArchId::NATIVE,
            source,
            links: first..to_u32(universe.links.len()),
        });
        Ok(Some(id))
    }

    /// Ends adding.
    pub fn build(mut self) -> Universe {
        let universe = &mut self.universe;
        universe.clauses.finish();
        universe.slots = Slots::new(universe.names.len(), &universe.packages, &universe.provided);
        self.universe
    }

    pub(crate) fn error(&self, source: SourceId, error: deb_parse::Error) -> Error {
        Error::Paragraph { source_name: self.universe.source_name(source).to_owned(), source: error }
    }
}

/// Returns a value that is there and right; otherwise what the accessor of its field says.
fn parsed<T>(
    value: Option<&[u8]>,
    parse: fn(&str) -> Result<T, deb_parse::Error>,
    accessor: impl FnOnce() -> Result<T, deb_parse::Error>,
) -> Result<T, deb_parse::Error> {
    let text = value.and_then(|value| std::str::from_utf8(value).ok());
    text.and_then(|text| parse(text).ok()).map_or_else(accessor, Ok)
}

/// Returns the parts of a relationship field between its commas. A field that is not UTF-8 is not empty for dpkg: its bytes
/// are refused as a relation.
fn parts(value: Option<&[u8]>) -> impl Iterator<Item = &str> {
    let text = std::str::from_utf8(value.unwrap_or_default()).unwrap_or("\u{fffd}");
    text.split(',').map(|part| part.trim_matches([' ', '\t', '\n', '\r'])).filter(|part| !part.is_empty())
}

/// Reads the whole field again: that error knows where the wrong part stands.
#[cold]
fn well_placed(stanza: &PackagesStanza<'_>, link: Link, error: deb_parse::Error) -> deb_parse::Error {
    let whole = match link {
        Link::PreDepends => stanza.pre_depends(),
        Link::Depends => stanza.depends(),
        Link::Conflicts => stanza.conflicts(),
        Link::Breaks => stanza.breaks(),
    };
    whole.err().unwrap_or(error)
}

/// Returns what the relation provides; nothing if no machine with these architectures can use it, or if its version is not exact.
fn provided(one: &RelationRef<'_>, arch: ArchId, universe: &mut Universe) -> Option<Provided> {
    let arch = match one.qualifier() {
        None => arch,
        Some(name) => ArchId(universe.architectures.find(name)?),
    };
    let version = match one.version() {
        None => None,
        Some((relation::Operator::Equal, version)) => Some(version.to_version()),
        // Policy 7.5 allows no other operator: dpkg refuses the package, and apt ignores what it provides that way.
        Some(_) => return None,
    };
    Some(Provided { name: NameId(universe.names.number(one.name())), arch, version })
}
