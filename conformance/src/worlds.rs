//! The repositories that cases look at.

use deb_parse::deb::Builder;

use crate::case::{Checked, World};
use crate::desk::{Desk, MAIN};
use crate::manager::{Feature, Layout, Package, Request, Target};

const SMALL_LAYOUT: Layout =
    Layout { repositories: &["preprod"], suites: &["bookworm"], components: &["main"], features: &[] };

/// Two repositories with two suites and two components each.
pub(crate) static PLAIN: World = World {
    layout: Layout {
        repositories: &["preprod", "prod"],
        suites: &["bookworm", "trixie"],
        components: &["main", "extra"],
        features: &[],
    },
    prepare: plain,
};

/// One suite with two packages, for cases about states.
pub(crate) static HISTORY: World = World { layout: SMALL_LAYOUT, prepare: small };
/// The same, for packages that nobody should take.
pub(crate) static HOSTILE: World = World { layout: SMALL_LAYOUT, prepare: small };
/// The same, for cases about what is in the pool.
pub(crate) static POOL: World = World { layout: SMALL_LAYOUT, prepare: small };
/// The same, for cases that kill the manager.
pub(crate) static CRASH: World = World { layout: SMALL_LAYOUT, prepare: small };
/// The same, for cases about keys.
pub(crate) static KEYS: World = World { layout: SMALL_LAYOUT, prepare: small };

/// One suite that clients refuse after some days.
pub(crate) static VALID: World =
    World { layout: Layout { features: &[Feature::ValidUntil], ..SMALL_LAYOUT }, prepare: small };
/// One suite that clients install from only when told to.
pub(crate) static NOT_AUTOMATIC: World =
    World { layout: Layout { features: &[Feature::NotAutomatic], ..SMALL_LAYOUT }, prepare: small };
/// One suite with a second name.
pub(crate) static ALIAS: World =
    World { layout: Layout { features: &[Feature::Alias], ..SMALL_LAYOUT }, prepare: small };
/// One suite with lists of files.
pub(crate) static CONTENTS: World =
    World { layout: Layout { features: &[Feature::Contents], ..SMALL_LAYOUT }, prepare: contents };
/// One suite with long descriptions apart.
pub(crate) static TRANSLATIONS: World =
    World { layout: Layout { features: &[Feature::Translations], ..SMALL_LAYOUT }, prepare: described };
/// One suite with patches of its indices, and three states.
pub(crate) static PDIFFS: World =
    World { layout: Layout { features: &[Feature::Pdiffs], ..SMALL_LAYOUT }, prepare: three_states };
/// One suite with source packages.
pub(crate) static SOURCES: World =
    World { layout: Layout { features: &[Feature::Sources], ..SMALL_LAYOUT }, prepare: sources };
/// One suite with several versions of a package.
pub(crate) static VERSIONS: World = World {
    layout: Layout { features: &[Feature::SeveralVersions], ..SMALL_LAYOUT },
    prepare: several_versions,
};

/// The version of `libfoo+bar` in the plain world.
pub(crate) const ODD_VERSION: &str = "1:2.0~rc1+b1-1";

/// The relations of the package `rich` in the plain world.
pub(crate) const RELATIONS: [(&str, &str); 9] = [
    ("Pre-Depends", "hello (>= 0.5)"),
    ("Depends", "tool (>= 1.0) | missing (<< 3:4.0~), python3:any"),
    ("Recommends", "only-amd64 (= 1.0)"),
    ("Suggests", "nothing-here"),
    ("Enhances", "hello"),
    ("Breaks", "old-rich (<= 0.9)"),
    ("Conflicts", "rival"),
    ("Replaces", "old-rich (<= 0.9)"),
    ("Provides", "virtual (= 3.0), other"),
];

/// The description of the package `rich`.
pub(crate) const DESCRIPTION: &str =
    "a package with everything – even ü\n The first paragraph.\n .\n The second one.\n   Verbatim.";

/// Gives a package everything that the package `rich` has.
pub(crate) fn rich(mut builder: Builder) -> Builder {
    for (name, value) in RELATIONS {
        builder = builder.field(name, value);
    }
    builder
        .field("Source", "rich-source (1.0-0)")
        .field("Multi-Arch", "foreign")
        .field("Homepage", "https://example.org/?a=b&c")
        .field("Tag", "role::program")
        .field("X-Custom", "kept as it is")
        .description(DESCRIPTION)
}

fn plain(desk: &Desk<'_>) -> Checked {
    let mut files = Vec::new();
    for (name, version, architecture) in [
        ("hello", "1.0", "amd64"),
        ("hello", "1.0", "arm64"),
        ("only-amd64", "1.0", "amd64"),
        ("tool", "1.0", "all"),
        ("libfoo+bar", ODD_VERSION, "amd64"),
    ] {
        files.push(desk.deb(name, version, architecture)?);
    }
    files.push(desk.shaped("rich", "1.0", "amd64", rich)?);
    desk.tell(&Request::Add(MAIN, &files))?;
    let extra = desk.deb("extra-tool", "1.0", "all")?;
    desk.tell(&Request::Add(Target { component: "extra", ..MAIN }, &[extra]))?;
    let trixie = Target { suite: "trixie", ..MAIN };
    let files = [desk.deb("tool", "1.0", "all")?, desk.deb("newer", "2.0", "all")?];
    desk.tell(&Request::Add(trixie, &files))?;
    desk.tell(&Request::Promote(MAIN, Package { name: "hello", version: "1.0" }, "prod"))?;
    desk.publish()?;
    desk.tell(&Request::Publish("prod"))
}

fn small(desk: &Desk<'_>) -> Checked {
    desk.add(&["hello=1.0", "tool=1.0"])
}

fn contents(desk: &Desk<'_>) -> Checked {
    let shared = |builder: Builder| builder.file("usr/share/shared/file", "the same", 0o644);
    let files = [
        desk.shaped("first", "1.0", "amd64", |b| shared(b).file("usr/bin/first tool", "x", 0o755))?,
        desk.shaped("second", "1.0", "all", |b| shared(b).symlink("usr/bin/second", "first"))?,
        desk.deb("third", "1.0", "arm64")?,
    ];
    desk.tell(&Request::Add(MAIN, &files))?;
    desk.publish()
}

fn described(desk: &Desk<'_>) -> Checked {
    let files = [desk.shaped("rich", "1.0", "amd64", rich)?, desk.deb("hello", "1.0", "all")?];
    desk.tell(&Request::Add(MAIN, &files))?;
    desk.publish()
}

/// Enough packages that a patch is smaller than the index.
fn three_states(desk: &Desk<'_>) -> Checked {
    let mut files = Vec::new();
    for number in 0..40 {
        files.push(desk.deb(&format!("filler-{number:02}"), "1.0", "all")?);
    }
    desk.tell(&Request::Add(MAIN, &files))?;
    desk.publish()?;
    for version in ["1.0", "2.0"] {
        desk.next_second();
        desk.add(&[&format!("step-{}={version}", version.replace(".0", ""))])?;
    }
    Ok(())
}

fn sources(desk: &Desk<'_>) -> Checked {
    let directory = desk.environment.path("files");
    let native = testkit::Source::new(&directory, "native", "1.0")
        .field("Build-Depends", "debhelper (>= 13), libfoo-dev [amd64]")
        .native();
    let quilt = testkit::Source::new(&directory, "quilt", "2.0-1").quilt();
    desk.tell(&Request::Add(
        MAIN,
        &[native.into_string(), quilt.into_string(), desk.deb("quilt", "2.0-1", "all")?],
    ))?;
    desk.publish()
}

/// Added neither from old to new nor the other way.
fn several_versions(desk: &Desk<'_>) -> Checked {
    for version in ["1.9", "1:0.1", "1.10", "2.0~rc1", "2.0"] {
        desk.add(&[&format!("hello={version}")])?;
    }
    Ok(())
}
