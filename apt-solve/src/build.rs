//! What building a source package needs, by the rules of Policy 7.7 and of `Dpkg::Deps`.

use crate::error::Error;
use crate::package::{ArchId, Link, NameId, Package, PackageId, SourceId};
use crate::relation::{Reader, to_u32};
use crate::universe::{Builder, Universe};
use deb_parse::control::MultiArch;
use deb_parse::deb822::Paragraph;
use deb_parse::relation::{Relation, Relations, Restriction};
use deb_parse::{Limits, SourceName, Version};

/// The fields, each with what it is for.
const FIELDS: [(&str, Link, Part); 6] = [
    ("Build-Depends", Link::Depends, Part::Everything),
    ("Build-Depends-Arch", Link::Depends, Part::Architecture),
    ("Build-Depends-Indep", Link::Depends, Part::All),
    ("Build-Conflicts", Link::Conflicts, Part::Everything),
    ("Build-Conflicts-Arch", Link::Conflicts, Part::Architecture),
    ("Build-Conflicts-Indep", Link::Conflicts, Part::All),
];

/// What is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Everything,
    /// Packages of an architecture.
    Architecture,
    /// Packages for `all`.
    All,
}

impl Builder {
    /// Adds what building a source package on such a machine needs, as a package called `src:NAME`: whether that can be installed is whether the source
    /// can be built. `None` for a source that is not built on this architecture. No build profile is active, and `build-essential` is not asked for.
    ///
    /// ```
    /// use apt_solve::{Checker, Limits, Universe, Verdict, View};
    /// use deb_parse::{Architecture, deb822};
    /// let mut builder = Universe::builder(&Architecture::parse("amd64")?);
    /// let sources = builder.add_source("prod");
    /// let text = b"Package: hello\nVersion: 2.10\nArchitecture: any\n\
    ///     Build-Depends: debhelper (>= 13), libacl-dev [linux-any], libx-dev [!amd64], check <!nocheck>, doc <docs>\n";
    /// let id = builder.add_build(sources, deb822::paragraphs(text).next().unwrap())?.unwrap();
    /// builder.read(sources, &b"Package: debhelper\nVersion: 13\nArchitecture: all\n"[..])?;
    /// builder.read(sources, &b"Package: libacl-dev\nVersion: 1\nArchitecture: amd64\n"[..])?;
    /// let universe = builder.build();
    /// let checker = Checker::new(&universe, View::Newest, Limits::default());
    /// let Verdict::Broken(reason) = checker.package(id) else { unreachable!() };
    /// assert_eq!(reason.to_string(), "src:hello 2.10 needs check, which nothing provides");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`Builder::add`].
    pub fn add_build(
        &mut self,
        source: SourceId,
        paragraph: Paragraph<'_>,
    ) -> Result<Option<PackageId>, Error> {
        self.check_room(source)?;
        let links = self.universe().links.len();
        let added = add(self.universe(), source, paragraph);
        added.map_err(|error| {
            self.universe().links.truncate(links);
            self.error(source, error)
        })
    }
}

fn add(
    universe: &mut Universe,
    source: SourceId,
    paragraph: Paragraph<'_>,
) -> Result<Option<PackageId>, deb_parse::Error> {
    let text = |field: &str| paragraph.get_str(field).unwrap_or("");
    let name = SourceName::parse(paragraph.get_str("Package").unwrap_or_else(|| text("Source")))?;
    let version = Version::parse(text("Version"))?;
    let native = universe.architectures.text(ArchId::NATIVE.0).to_owned();
    let built = text("Architecture");
    let is_for_machine = built.split_ascii_whitespace().any(|word| is_wildcard_of(word, &native));
    let is_for_all = built.split_ascii_whitespace().any(|word| word == "all");
    if !is_for_machine && !is_for_all && !built.is_empty() {
        return Ok(None);
    }
    let id = PackageId(to_u32(universe.packages.len()));
    let first = to_u32(universe.links.len());
    for (field, link, part) in FIELDS {
        let is_left_out = match part {
            Part::Everything => false,
            Part::Architecture => !is_for_machine && is_for_all,
            Part::All => !is_for_all,
        };
        if is_left_out {
            continue;
        }
        let reader =
            if link == Link::Depends { Reader::Dependency(ArchId::NATIVE) } else { Reader::Conflict };
        for clause in Relations::parse(text(field), &Limits::default())?.all() {
            let left: Vec<String> =
                clause.iter().filter(|one| counts(one, &native)).map(without_restrictions).collect();
            if left.is_empty() {
                continue;
            }
            let text = left.join(" | ");
            let clause = universe.clauses.add(&text, reader, &mut universe.names, &universe.architectures)?;
            universe.links.push(crate::package::Relation { link, clause });
        }
    }
    universe.packages.push(Package {
        name: NameId(universe.names.number(&format!("src:{name}"))),
        version,
        arch: ArchId::NATIVE,
        is_all: false,
        multi_arch: MultiArch::No,
        is_essential: false,
        source,
        links: first..to_u32(universe.links.len()),
    });
    Ok(Some(id))
}

/// Returns whether a relation counts on machines of this architecture when no build profile is active.
fn counts(relation: &Relation, native: &str) -> bool {
    let is_here = |one: &Restriction| is_wildcard_of(one.name(), native);
    let architectures = &relation.architectures;
    let is_for_architecture = match architectures.first() {
        None => true,
        Some(first) if first.is_negated() => !architectures.iter().any(is_here),
        Some(_) => architectures.iter().any(is_here),
    };
    let mut profiles = relation.profiles.iter();
    let is_for_profiles =
        relation.profiles.is_empty() || profiles.any(|list| list.iter().all(Restriction::is_negated));
    is_for_architecture && is_for_profiles
}

fn without_restrictions(relation: &Relation) -> String {
    let qualifier = relation.qualifier.as_deref().filter(|name| *name != "native");
    let qualifier = qualifier.map_or_else(String::new, |name| format!(":{name}"));
    let version = relation.version.as_ref();
    let version =
        version.map_or_else(String::new, |(operator, version)| format!(" ({} {version})", operator.as_str()));
    format!("{}{qualifier}{version}", relation.name)
}

/// Returns whether an architecture, or a wildcard such as `linux-any` and `any-arm`, stands for this one (Policy 11.1).
fn is_wildcard_of(wildcard: &str, architecture: &str) -> bool {
    if wildcard == "any" || wildcard == architecture {
        return true;
    }
    let parts: Vec<&str> = wildcard.split('-').collect();
    if !parts.contains(&"any") {
        return false;
    }
    let own = tuple(architecture);
    let own = own.get(own.len().saturating_sub(parts.len())..).unwrap_or_default();
    own.len() == parts.len() && parts.iter().zip(own).all(|(part, own)| *part == "any" || part == own)
}

/// Returns the C library, the kernel and the processor of an architecture, as dpkg-architecture(1) has them.
fn tuple(architecture: &str) -> [&str; 3] {
    let parts: Vec<&str> = architecture.split('-').collect();
    let (library, kernel, processor) = match parts[..] {
        [library, kernel, processor] => (library, kernel, processor),
        ["kfreebsd" | "knetbsd" | "hurd", processor] => {
            ("gnu", parts.first().copied().unwrap_or("linux"), processor)
        }
        [library, processor] => (library, "linux", processor),
        _ => ("gnu", "linux", architecture),
    };
    let processor = match processor {
        "arm" | "armel" | "armhf" => "arm",
        "x32" => "amd64",
        other => other,
    };
    [library, kernel, processor]
}

#[cfg(test)]
mod tests {
    use super::is_wildcard_of;

    #[test]
    fn wildcards_stand_for_what_dpkg_architecture_says() {
        for (wildcard, architecture, expected) in [
            ("any", "amd64", true),
            ("linux-any", "amd64", true),
            ("any-amd64", "amd64", true),
            ("any-amd64", "kfreebsd-amd64", true),
            ("any-arm", "armhf", true),
            ("gnu-any-any", "arm64", true),
            ("hurd-any", "hurd-i386", true),
            ("musl-linux-any", "amd64", false),
            ("kfreebsd-any", "amd64", false),
            ("any-i386", "amd64", false),
            ("arm64", "amd64", false),
            ("all", "amd64", false),
        ] {
            assert_eq!(is_wildcard_of(wildcard, architecture), expected, "{wildcard} {architecture}");
        }
    }
}
