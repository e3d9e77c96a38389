//! A short form for small universes, read by the tests.
//!
//! ```text
//! native amd64
//! foreign i386
//! source base
//! aa 1                        Depends: bb (>= 2), cc | dd; Conflicts: ee
//! bb:i386 2                   Multi-Arch: same
//! ```
//!
//! A package has the native architecture unless another one follows its name. Its fields are separated by `;`.

use apt_solve::{Builder, PackageId, SourceId, Universe};
use deb_parse::Architecture;
use std::fmt::Write as _;

/// Reads a universe. The last source is returned, too.
pub(crate) fn universe(text: &str) -> (Universe, SourceId) {
    let mut native = "amd64";
    let mut foreign = Vec::new();
    let mut sources: Vec<(&str, String)> = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (word, rest) = line.split_once(' ').expect("a line has two words at least");
        match word {
            "native" => native = rest,
            "foreign" => foreign.push(architecture(rest)),
            "source" => sources.push((rest, String::new())),
            package => {
                if sources.is_empty() {
                    sources.push(("suite", String::new()));
                }
                sources.last_mut().unwrap().1.push_str(&paragraph(package, rest.trim(), native));
            }
        }
    }
    let mut builder: Builder = Universe::builder(&architecture(native));
    for one in &foreign {
        builder.add_foreign(one);
    }
    let mut last = None;
    for (name, packages) in &sources {
        let source = builder.add_source(name);
        builder.read(source, packages.as_bytes()).unwrap();
        last = Some(source);
    }
    (builder.build(), last.expect("a universe has a package"))
}

fn architecture(name: &str) -> Architecture {
    Architecture::parse(name).unwrap()
}

fn paragraph(package: &str, rest: &str, native: &str) -> String {
    let (name, architecture) = package.split_once(':').unwrap_or((package, native));
    let (version, fields) = rest.split_once(' ').unwrap_or((rest, ""));
    let mut out = format!("Package: {name}\nVersion: {version}\nArchitecture: {architecture}\n");
    for field in fields.split(';').map(str::trim).filter(|field| !field.is_empty()) {
        writeln!(out, "{field}").unwrap();
    }
    out.push('\n');
    out
}

/// Finds a package by `name`, `name=version`, `name:architecture` or `name:architecture=version`. Without a version it is the
/// last one that was added.
pub(crate) fn find(universe: &Universe, wanted: &str) -> PackageId {
    let (package, version) = wanted.split_once('=').map_or((wanted, None), |(p, v)| (p, Some(v)));
    let (name, architecture) = package.split_once(':').map_or((package, None), |(n, a)| (n, Some(a)));
    let matches = |id: &PackageId| {
        let label = universe.label(*id).unwrap();
        version.is_none_or(|version| label.version.as_str() == version)
            && architecture.is_none_or(|architecture| label.architecture == architecture)
    };
    universe.packages_named(name).filter(matches).last().unwrap_or_else(|| panic!("no package {wanted}"))
}
