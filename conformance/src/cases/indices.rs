//! Indices of packages: checksums, compressed forms, by-hash, and what a stanza says.

use crate::case::{Case, Checked, ensure, miss};
use crate::desk::Desk;
use crate::digest;
use crate::published::{FORMS, Published, Release, check, plain, unpacked};
use crate::shell;
use crate::stanza::{Stanza, read};
use crate::worlds::{DESCRIPTION, ODD_VERSION, PLAIN, RELATIONS};

/// Checks each listed file that is there, in every suite.
fn each_file(desk: &Desk<'_>, test: impl Fn(&str, &Release, &[u8]) -> Checked) -> Checked {
    let mut seen = 0;
    for repository in desk.world.layout.repositories {
        for name in desk.world.layout.suites {
            let suite = desk.suite(repository, name);
            let release = suite.release()?;
            for name in release.files.keys() {
                if let Ok(bytes) = suite.bytes(name) {
                    seen += 1;
                    test(name, &release, &bytes)?;
                }
            }
        }
    }
    ensure!(seen > 0, "no listed file is there");
    Ok(())
}

/// Checks each stanza of each index of packages.
fn each_stanza(desk: &Desk<'_>, test: impl Fn(&Published, &Stanza) -> Checked) -> Checked {
    let mut seen = 0;
    for repository in desk.world.layout.repositories {
        for name in desk.world.layout.suites {
            let suite = desk.suite(repository, name);
            for component in desk.world.layout.components {
                for architecture in desk.world.layout.architectures() {
                    for stanza in suite.packages(component, architecture)? {
                        seen += 1;
                        test(&suite, &stanza)?;
                    }
                }
            }
        }
    }
    ensure!(seen >= 10, "only {seen} stanzas");
    Ok(())
}

/// Checks a field of the package `rich`.
fn rich(desk: &Desk<'_>, field: &str, value: &str) -> Checked {
    let stanza = desk.bookworm().package("rich")?;
    ensure!(stanza.text(field) == value, "{field} is `{}`, not `{value}`", stanza.text(field));
    Ok(())
}

fn names(suite: &Published, component: &str, architecture: &str) -> Checked<Vec<String>> {
    Ok(suite
        .packages(component, architecture)?
        .iter()
        .map(|stanza| stanza.text("Package").to_owned())
        .collect())
}

macro_rules! relation {
    ($name:literal, $field:literal, $number:literal) => {
        Case::new(
            $name,
            concat!(
                "The field ",
                $field,
                " says what the control file says: resolvers decide by it (Debian Policy, 7)."
            ),
            &PLAIN,
            |desk| {
                let told = RELATIONS.get($number).map_or("", |(_, value)| value);
                rich(desk, $field, told)
            },
        )
    };
}

pub(super) const CASES: &[Case] = &[
    Case::new(
        "hash/listed-files-have-the-listed-size",
        "Each listed file that is there has the size that is listed, or apt stops with a mismatch.",
        &PLAIN,
        |desk| {
            each_file(desk, |name, release, bytes| {
                let sizes = release.files.get(name).map(|listed| listed.sizes.clone()).unwrap_or_default();
                ensure!(
                    sizes.iter().all(|size| *size == bytes.len() as u64),
                    "{name}: {sizes:?}, not {}",
                    bytes.len()
                );
                Ok(())
            })
        },
    ),
    Case::new(
        "hash/listed-files-have-the-listed-checksums",
        "Each listed file that is there has every checksum that is listed (apt-secure(8)).",
        &PLAIN,
        |desk| {
            each_file(desk, |name, release, bytes| {
                release.files.get(name).map_or(Ok(()), |listed| check(name, listed, bytes))
            })
        },
    ),
    Case::new(
        "hash/unpacked-index-is-the-listed-plain-one",
        "A compressed index unpacks to the plain one that is listed: apt checks that as well.",
        &PLAIN,
        |desk| {
            each_file(desk, |name, release, bytes| {
                let Some(listed) = release.files.get(plain(name)) else {
                    miss!("{name}: no plain form is listed")
                };
                check(plain(name), listed, &unpacked(name, bytes)?)
            })
        },
    ),
    Case::new(
        "hash/each-index-is-there",
        "At least one form of each listed index is there, as apt asks for the listed ones and for no other.",
        &PLAIN,
        |desk| desk.bookworm().is_whole(),
    ),
    Case::new(
        "hash/no-index-is-unlisted",
        "Every index below the suite is listed: one that is not is dead weight, or a left-over that mirrors take along.",
        &PLAIN,
        |desk| {
            let suite = desk.bookworm();
            let release = suite.release()?;
            let dists = suite.path("").canonicalize_utf8()?;
            for path in crate::published::walk(&dists)? {
                let name = path.strip_prefix(&dists).map_or("", camino::Utf8Path::as_str);
                let is_index =
                    name.contains("/Packages") || name.contains("/Sources") || name.contains("Contents-");
                ensure!(
                    !is_index || name.contains("by-hash") || release.files.contains_key(name),
                    "{name} is not listed"
                );
            }
            Ok(())
        },
    ),
    Case::new(
        "compress/better-than-gzip-is-offered",
        "Indices are offered as xz or bzip2, which apt prefers: every update costs fewer bytes (RepositoryFormat).",
        &PLAIN,
        |desk| {
            let suite = desk.bookworm();
            let strong = suite
                .bytes("main/binary-amd64/Packages.xz")
                .or_else(|_| suite.bytes("main/binary-amd64/Packages.bz2"));
            strong.map(drop)
        },
    ),
    Case::new(
        "compress/gz-is-offered",
        "Indices are offered as gzip too, for tools that read nothing else (RepositoryFormat).",
        &PLAIN,
        |desk| desk.bookworm().bytes("main/binary-amd64/Packages.gz").map(drop),
    ),
    Case::new(
        "compress/xz-is-one-stream",
        "An xz file is one stream: apt takes the end of the first stream for the end of the file.",
        &PLAIN,
        |desk| {
            each_file(desk, |name, _, bytes| {
                if !name.ends_with(".xz") {
                    return Ok(());
                }
                let first = shell::filter("xz", &["-dc", "--single-stream"], bytes)?;
                ensure!(first == Some(unpacked(name, bytes)?), "{name} has several streams");
                Ok(())
            })
        },
    ),
    Case::new(
        "compress/xz-needs-little-memory",
        "An xz file unpacks within 128 MiB, so that small machines can update.",
        &PLAIN,
        |desk| {
            each_file(desk, |name, _, bytes| {
                let fits = !name.ends_with(".xz")
                    || shell::filter("xz", &["-dc", "--memlimit=128MiB"], bytes)?.is_some();
                ensure!(fits, "{name} needs more");
                Ok(())
            })
        },
    ),
    Case::new(
        "compress/all-forms-hold-the-same",
        "All forms of an index hold the same text, since clients choose different ones.",
        &PLAIN,
        |desk| {
            let suite = desk.bookworm();
            for index in suite.release()?.indices() {
                let mut texts = Vec::new();
                for (ending, _) in FORMS {
                    let name = format!("{index}{ending}");
                    if let Ok(bytes) = suite.bytes(&name) {
                        texts.push(unpacked(&name, &bytes)?);
                    }
                }
                texts.dedup();
                ensure!(texts.len() <= 1, "{index}: the forms differ");
            }
            Ok(())
        },
    ),
    Case::new(
        "compress/not-zstd-alone",
        "No index is there as zstd alone: debootstrap does not read it.",
        &PLAIN,
        |desk| {
            let release = desk.bookworm().release()?;
            for index in release.indices().iter().filter(|name| name.ends_with("/Packages")) {
                let others = [".xz", ".gz", ".bz2"]
                    .iter()
                    .any(|ending| release.files.contains_key(&format!("{index}{ending}")));
                let zstd = release.files.contains_key(&format!("{index}.zst"));
                ensure!(others || !zstd, "{index}.zst is alone");
            }
            Ok(())
        },
    ),
    Case::new(
        "index/stanzas-have-what-apt-needs",
        "Each stanza has Package, Version, Architecture, Filename, Size and SHA256: without any of them apt cannot install.",
        &PLAIN,
        |desk| {
            each_stanza(desk, |_, stanza| {
                for field in ["Package", "Version", "Architecture", "Filename", "Size", "SHA256"] {
                    ensure!(!stanza.text(field).is_empty(), "{} has no {field}", stanza.id());
                }
                Ok(())
            })
        },
    ),
    Case::new(
        "index/files-have-the-size",
        "Each file of a package is there and has the size that its stanza says.",
        &PLAIN,
        |desk| {
            each_stanza(desk, |suite, stanza| {
                let size = suite.file(stanza)?.len().to_string();
                ensure!(
                    stanza.text("Size") == size,
                    "{}: {} is said, {size} it is",
                    stanza.id(),
                    stanza.text("Size")
                );
                Ok(())
            })
        },
    ),
    Case::new(
        "index/files-have-the-checksums",
        "Each file of a package has every checksum that its stanza says.",
        &PLAIN,
        |desk| {
            each_stanza(desk, |suite, stanza| {
                let bytes = suite.file(stanza)?;
                for kind in digest::KINDS {
                    let said = stanza.text(if kind == "MD5Sum" { "MD5sum" } else { kind });
                    ensure!(
                        said.is_empty() || said == digest::of(kind, &bytes),
                        "{}: another {kind}",
                        stanza.id()
                    );
                }
                Ok(())
            })
        },
    ),
    Case::new(
        "index/filenames-stay-below-the-root",
        "Filename is relative to the root of the archive and has neither `..` nor empty parts (RepositoryFormat).",
        &PLAIN,
        |desk| {
            each_stanza(desk, |_, stanza| {
                let name = stanza.text("Filename");
                ensure!(!name.split('/').any(|part| part.is_empty() || part == ".."), "{name}");
                Ok(())
            })
        },
    ),
    Case::new(
        "index/no-field-is-empty",
        "No field is empty: apt before 3.0 cannot read an empty Provides, and then no source of the machine works.",
        &PLAIN,
        |desk| {
            each_stanza(desk, |_, stanza| {
                let empty = stanza.0.iter().find(|(_, value)| value.is_empty());
                ensure!(empty.is_none(), "{}: {} is empty", stanza.id(), empty.map_or("", |(name, _)| name));
                Ok(())
            })
        },
    ),
    Case::new(
        "index/no-field-occurs-twice",
        "No field occurs twice in a stanza (deb822(5)).",
        &PLAIN,
        |desk| {
            each_stanza(desk, |_, stanza| {
                for (number, (name, _)) in stanza.0.iter().enumerate() {
                    let twice =
                        stanza.0.iter().take(number).any(|(other, _)| other.eq_ignore_ascii_case(name));
                    ensure!(!twice, "{}: {name} occurs twice", stanza.id());
                }
                Ok(())
            })
        },
    ),
    Case::new(
        "index/no-package-is-listed-twice",
        "A package of one name, version and architecture is listed once: of two apt takes the first without a word.",
        &PLAIN,
        |desk| {
            let mut ids: Vec<String> =
                desk.bookworm().packages("main", "amd64")?.iter().map(Stanza::id).collect();
            let all = ids.len();
            ids.sort();
            ids.dedup();
            ensure!(all == ids.len(), "{} stanzas are listed again", all - ids.len());
            Ok(())
        },
    ),
    Case::new(
        "index/is-exactly-what-was-added",
        "The index has what was added and nothing else, but for keys that the manager packs itself.",
        &PLAIN,
        |desk| {
            let mut names = names(&desk.bookworm(), "main", "amd64")?;
            names.retain(|name| !name.ends_with("-archive-keyring"));
            names.sort();
            ensure!(names == ["hello", "libfoo+bar", "only-amd64", "rich", "tool"], "{names:?}");
            Ok(())
        },
    ),
    Case::new(
        "index/architecture-all-is-in-each-index",
        "Packages for `all` stand in the index of each architecture: debootstrap reads no other (RepositoryFormat).",
        &PLAIN,
        |desk| {
            for architecture in ["amd64", "arm64"] {
                let found = names(&desk.bookworm(), "main", architecture)?.iter().any(|name| name == "tool");
                ensure!(found, "binary-{architecture} has no tool");
            }
            Ok(())
        },
    ),
    Case::new(
        "index/architecture-all-says-all",
        "A package for `all` says so in every index, or apt takes it for another package than that of the next architecture.",
        &PLAIN,
        |desk| {
            let stanza = desk.bookworm().package("tool")?;
            ensure!(stanza.text("Architecture") == "all", "it says {}", stanza.text("Architecture"));
            Ok(())
        },
    ),
    Case::new(
        "index/architectures-are-kept-apart",
        "The index of an architecture has no package of another.",
        &PLAIN,
        |desk| {
            for architecture in ["amd64", "arm64"] {
                for stanza in desk.bookworm().packages("main", architecture)? {
                    let own = stanza.text("Architecture");
                    ensure!(own == "all" || own == architecture, "binary-{architecture} has {}", stanza.id());
                }
            }
            Ok(())
        },
    ),
    Case::new(
        "index/components-are-kept-apart",
        "A package stands in the index of its component alone.",
        &PLAIN,
        |desk| {
            ensure!(
                !names(&desk.bookworm(), "main", "amd64")?.contains(&"extra-tool".to_owned()),
                "main has extra-tool"
            );
            ensure!(
                names(&desk.bookworm(), "extra", "amd64")?.contains(&"extra-tool".to_owned()),
                "extra has no extra-tool"
            );
            Ok(())
        },
    ),
    Case::new(
        "index/suites-are-kept-apart",
        "A package stands in the suites that it was added to, and in no other.",
        &PLAIN,
        |desk| {
            let (bookworm, trixie) = (desk.bookworm(), desk.suite("preprod", "trixie"));
            ensure!(!names(&bookworm, "main", "amd64")?.contains(&"newer".to_owned()), "bookworm has newer");
            ensure!(!names(&trixie, "main", "amd64")?.contains(&"hello".to_owned()), "trixie has hello");
            Ok(())
        },
    ),
    Case::new(
        "index/repositories-are-kept-apart",
        "A repository has what was copied to it alone.",
        &PLAIN,
        |desk| {
            let mut names = names(&desk.suite("prod", "bookworm"), "main", "amd64")?;
            names.retain(|name| !name.ends_with("-archive-keyring"));
            ensure!(names == ["hello"], "{names:?}");
            Ok(())
        },
    ),
    Case::new(
        "index/copied-package-comes-with-each-architecture",
        "A copy to another repository takes along every architecture of that version.",
        &PLAIN,
        |desk| {
            let found = names(&desk.suite("prod", "bookworm"), "main", "arm64")?;
            ensure!(found.contains(&"hello".to_owned()), "arm64 has {found:?}");
            Ok(())
        },
    ),
    Case::new(
        "index/copied-package-is-the-same-file",
        "What was copied to another repository is the same file, byte for byte.",
        &PLAIN,
        |desk| {
            let (one, other) = (desk.bookworm(), desk.suite("prod", "bookworm"));
            ensure!(
                one.file(&one.package("hello")?)? == other.file(&other.package("hello")?)?,
                "they differ"
            );
            Ok(())
        },
    ),
    relation!("index/pre-depends-is-kept", "Pre-Depends", 0),
    relation!("index/depends-is-kept", "Depends", 1),
    relation!("index/recommends-is-kept", "Recommends", 2),
    relation!("index/suggests-is-kept", "Suggests", 3),
    relation!("index/enhances-is-kept", "Enhances", 4),
    relation!("index/breaks-is-kept", "Breaks", 5),
    relation!("index/conflicts-is-kept", "Conflicts", 6),
    relation!("index/replaces-is-kept", "Replaces", 7),
    relation!("index/provides-is-kept", "Provides", 8),
    Case::new(
        "index/source-with-version-is-kept",
        "Source keeps its version, by which tools find the source package of a rebuild (Debian Policy, 5.6.1).",
        &PLAIN,
        |desk| rich(desk, "Source", "rich-source (1.0-0)"),
    ),
    Case::new(
        "index/multi-arch-is-kept",
        "Multi-Arch is kept, or nothing of another architecture can depend on the package (Debian Policy, 7.4 and dpkg).",
        &PLAIN,
        |desk| rich(desk, "Multi-Arch", "foreign"),
    ),
    Case::new(
        "index/homepage-is-kept",
        "Homepage is kept with every character of its address.",
        &PLAIN,
        |desk| rich(desk, "Homepage", "https://example.org/?a=b&c"),
    ),
    Case::new(
        "index/unknown-fields-are-kept",
        "Fields that the manager does not know are kept: sites have tools that read them (Debian Policy, 5.7).",
        &PLAIN,
        |desk| rich(desk, "X-Custom", "kept as it is"),
    ),
    Case::new("index/section-is-kept", "Section is that of the package.", &PLAIN, |desk| {
        rich(desk, "Section", "misc")
    }),
    Case::new(
        "index/priority-is-kept",
        "Priority is that of the package: debootstrap takes packages by it.",
        &PLAIN,
        |desk| rich(desk, "Priority", "optional"),
    ),
    Case::new("index/maintainer-is-kept", "Maintainer is that of the package.", &PLAIN, |desk| {
        rich(desk, "Maintainer", "Test <test@example.org>")
    }),
    Case::new(
        "index/version-is-kept-with-epoch-and-tilde",
        "A version keeps its epoch, tilde and plus (Debian Policy, 5.6.12).",
        &PLAIN,
        |desk| {
            let versions = desk.bookworm().versions("libfoo+bar")?;
            ensure!(versions == [ODD_VERSION], "{versions:?}");
            Ok(())
        },
    ),
    Case::new(
        "index/description-is-kept",
        "The first line of the description is kept byte for byte, in UTF-8.",
        &PLAIN,
        |desk| {
            let stanza = desk.bookworm().package("rich")?;
            let told = DESCRIPTION.lines().next().unwrap_or_default();
            let first = stanza.text("Description").lines().next().unwrap_or_default();
            ensure!(first == told, "it is `{first}`");
            Ok(())
        },
    ),
    Case::new(
        "index/long-description-is-kept",
        "The long description is kept with its blank lines and its indented ones (Debian Policy, 5.6.13).",
        &PLAIN,
        |desk| {
            let stanza = desk.bookworm().package("rich")?;
            let lines: Vec<&str> = stanza.text("Description").lines().skip(1).collect();
            let told: Vec<&str> = DESCRIPTION.lines().skip(1).collect();
            ensure!(lines == told, "it is {lines:?}");
            Ok(())
        },
    ),
    Case::new(
        "index/is-read-by-apt-as-we-read-it",
        "apt finds the same packages in the index that are in it.",
        &PLAIN,
        |desk| {
            let suite = desk.bookworm();
            let (_server, client) = desk.updated_client()?;
            let dump = client.apt.cache(&["dumpavail"]);
            let mut by_apt: Vec<String> = read(&dump.stdout).iter().map(Stanza::id).collect();
            let mut own: Vec<String> = Vec::new();
            for component in ["main", "extra"] {
                own.extend(suite.packages(component, "amd64")?.iter().map(Stanza::id));
            }
            by_apt.sort();
            by_apt.retain(|id| !id.ends_with("arm64"));
            by_apt.dedup();
            own.sort();
            ensure!(by_apt == own, "apt finds {by_apt:?}");
            Ok(())
        },
    ),
];
