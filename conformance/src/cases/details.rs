//! Source packages, lists of files, long descriptions apart, and patches of indices.

use crate::case::{Case, Checked, Shortfall, ensure, miss};
use crate::client::complaint;
use crate::desk::{Desk, MAIN};
use crate::digest;
use crate::manager::{Package, Request};
use crate::published::{Published, read, unpacked};
use crate::stanza::Stanza;
use crate::worlds::{CONTENTS, DESCRIPTION, PDIFFS, SOURCES, TRANSLATIONS};

fn source(desk: &Desk<'_>, name: &str) -> Checked<Stanza> {
    let found = desk
        .bookworm()
        .stanzas("main/source/Sources")?
        .into_iter()
        .find(|stanza| stanza.text("Package") == name);
    match found {
        Some(stanza) => Ok(stanza),
        None => miss!("Sources has no {name}"),
    }
}

/// Fetches a source package with apt; every file must arrive.
fn fetch_source(desk: &Desk<'_>, name: &str, files: &[&str]) -> Checked {
    let (_server, client) = desk.updated_client()?;
    let output = client.apt.get(&["source", "--download-only", name]);
    ensure!(output.status == Some(0), "{}", complaint(&output));
    for file in files {
        ensure!(client.apt.path("downloads").join(file).exists(), "{file} was not fetched");
    }
    Ok(())
}

/// The lines of the list of files for amd64, wherever the manager puts it.
fn contents(desk: &Desk<'_>) -> Checked<String> {
    let suite = desk.bookworm();
    let bytes = suite.index("main/Contents-amd64").or_else(|_| suite.index("Contents-amd64"))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// What packages a path has, as the list of files says: `SECTION/NAME` each, separated by commas.
fn owners(desk: &Desk<'_>, path: &str) -> Checked<Vec<String>> {
    let text = contents(desk)?;
    // The path may hold blanks; the packages do not.
    let lines = text
        .lines()
        .filter_map(|line| line.rsplit_once(char::is_whitespace))
        .filter(|(name, _)| name.trim_end() == path);
    let owners = lines.flat_map(|(_, owners)| owners.split(','));
    let mut owners: Vec<String> =
        owners.map(|owner| owner.rsplit('/').next().unwrap_or(owner).to_owned()).collect();
    ensure!(!owners.is_empty(), "{path} is not listed");
    owners.sort();
    Ok(owners)
}

fn translations(desk: &Desk<'_>) -> Checked<Vec<Stanza>> {
    desk.bookworm().stanzas("main/i18n/Translation-en")
}

/// The index of patches for amd64.
fn patches(suite: &Published) -> Checked<Stanza> {
    let stanzas = suite.stanzas("main/binary-amd64/Packages.diff/Index")?;
    match stanzas.as_slice() {
        [stanza] => Ok(stanza.clone()),
        others => miss!("Packages.diff/Index has {} stanzas", others.len()),
    }
}

/// The lines of a list in the index of patches: checksum, size, name.
fn lines<'a>(index: &'a Stanza, kind: &str) -> Vec<(&'a str, &'a str, &'a str)> {
    let field = index.get(&format!("SHA256-{kind}")).unwrap_or_default();
    let words = field.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    words
        .filter_map(|words| match words.as_slice() {
            [checksum, size, name] => Some((*checksum, *size, *name)),
            _ => None,
        })
        .collect()
}

/// Applies a patch in the form of ed's commands `a`, `c` and `d`, which are given from the end of the file to its beginning.
fn patched(text: &[u8], script: &[u8]) -> Checked<Vec<u8>> {
    let text = String::from_utf8_lossy(text).into_owned();
    let script = String::from_utf8_lossy(script).into_owned();
    let mut old: Vec<&str> = text.split_inclusive('\n').collect();
    let mut commands = script.split_inclusive('\n');
    while let Some(command) = commands.next() {
        let command = command.trim_end();
        let Some((range, verb)) = command.split_at_checked(command.len().saturating_sub(1)) else {
            miss!("`{command}`")
        };
        let (first, last) = range.split_once(',').unwrap_or((range, range));
        let (Ok(first), Ok(last)) = (first.parse::<usize>(), last.parse::<usize>()) else {
            miss!("`{command}` is not a command of ed")
        };
        let new: Vec<&str> = if verb == "d" {
            Vec::new()
        } else {
            commands.by_ref().take_while(|line| *line != ".\n").collect()
        };
        let range = if verb == "a" { first..first } else { first.saturating_sub(1)..last };
        ensure!(range.start <= range.end && range.end <= old.len(), "`{command}` is outside of the file");
        old.splice(range, new);
    }
    Ok(old.concat().into_bytes())
}

/// Follows the patches from a state with this checksum to the current one, as a client would.
fn follow(suite: &Published, mut text: Vec<u8>) -> Checked<Vec<u8>> {
    let index = patches(suite)?;
    let current = index.words("SHA256-Current").first().copied().unwrap_or_default().to_owned();
    for _ in 0..20 {
        let checksum = digest::sha256(&text);
        if checksum == current {
            return Ok(text);
        }
        let Some((_, _, name)) = lines(&index, "History").into_iter().find(|(old, _, _)| *old == checksum)
        else {
            miss!("no patch leads on from {checksum:.12}");
        };
        let file = format!("main/binary-amd64/Packages.diff/{name}.gz");
        text = patched(&text, &unpacked(&file, &suite.bytes(&file)?)?)?;
    }
    miss!("the patches lead in a circle")
}

/// The plain index of the state that a client has, then another state by this package.
fn follow_one_more(desk: &Desk<'_>, states: &[&str]) -> Checked {
    let suite = desk.bookworm();
    let before = suite.index("main/binary-amd64/Packages")?;
    for state in states {
        desk.next_second();
        desk.add(&[state])?;
    }
    let after = suite.index("main/binary-amd64/Packages")?;
    ensure!(follow(&suite, before)? == after, "the patches lead elsewhere");
    Ok(())
}

pub(super) const CASES: &[Case] = &[
    Case::new(
        "sources/index-is-listed",
        "Sources is listed in Release in its plain form, or apt-get source finds nothing (RepositoryFormat).",
        &SOURCES,
        |desk| {
            let release = desk.bookworm().release()?;
            ensure!(release.files.contains_key("main/source/Sources"), "it is not");
            Ok(())
        },
    ),
    Case::new(
        "sources/name-is-in-package",
        "The name stands in Package, not in Source, which is for .dsc files (RepositoryFormat).",
        &SOURCES,
        |desk| {
            for stanza in desk.bookworm().stanzas("main/source/Sources")? {
                ensure!(
                    !stanza.text("Package").is_empty() && stanza.get("Source").is_none(),
                    "{:?}",
                    stanza.get("Source")
                );
            }
            Ok(())
        },
    ),
    Case::new(
        "sources/files-are-there",
        "Each file of a source package is there, where Directory says, with its size and SHA256.",
        &SOURCES,
        |desk| {
            let suite = desk.bookworm();
            for stanza in suite.stanzas("main/source/Sources")? {
                let listed: Vec<&str> =
                    stanza.text("Checksums-Sha256").lines().filter(|line| !line.trim().is_empty()).collect();
                ensure!(!listed.is_empty(), "{} lists no file", stanza.text("Package"));
                for line in listed {
                    let words: Vec<&str> = line.split_whitespace().collect();
                    let [checksum, size, name] = words.as_slice() else { miss!("`{line}`") };
                    let bytes = read(&suite.root.join(stanza.text("Directory")).join(name))?;
                    ensure!(
                        digest::sha256(&bytes) == **checksum && bytes.len().to_string() == **size,
                        "{name} is another file"
                    );
                }
            }
            Ok(())
        },
    ),
    Case::new(
        "sources/dsc-is-listed",
        "The .dsc itself is among the files: apt-get source needs it (RepositoryFormat).",
        &SOURCES,
        |desk| {
            ensure!(source(desk, "native")?.text("Checksums-Sha256").contains("native_1.0.dsc"), "it is not");
            Ok(())
        },
    ),
    Case::new(
        "sources/directory-stays-below-the-root",
        "Directory is relative and has no `..`.",
        &SOURCES,
        |desk| {
            for stanza in desk.bookworm().stanzas("main/source/Sources")? {
                let directory = stanza.text("Directory");
                ensure!(
                    !directory.split('/').any(|part| part.is_empty() || part == ".."),
                    "it is `{directory}`"
                );
            }
            Ok(())
        },
    ),
    Case::new(
        "sources/build-depends-is-kept",
        "Build-Depends says what the .dsc says: apt-get build-dep goes by it.",
        &SOURCES,
        |desk| {
            let value = source(desk, "native")?.text("Build-Depends").to_owned();
            ensure!(value == "debhelper (>= 13), libfoo-dev [amd64]", "it is `{value}`");
            Ok(())
        },
    ),
    Case::new(
        "sources/format-and-binary-are-kept",
        "Format and Binary are kept, by which tools know how to unpack and what is built.",
        &SOURCES,
        |desk| {
            let stanza = source(desk, "quilt")?;
            ensure!(
                stanza.text("Format") == "3.0 (quilt)" && stanza.text("Binary") == "quilt",
                "they are not"
            );
            Ok(())
        },
    ),
    Case::new(
        "sources/apt-fetches-a-native-package",
        "apt-get source fetches a native source package.",
        &SOURCES,
        |desk| fetch_source(desk, "native", &["native_1.0.dsc", "native_1.0.tar.gz"]),
    ),
    Case::new(
        "sources/apt-fetches-an-upstream-tarball",
        "apt-get source fetches the upstream tarball and the Debian one.",
        &SOURCES,
        |desk| {
            fetch_source(
                desk,
                "quilt",
                &["quilt_2.0-1.dsc", "quilt_2.0.orig.tar.gz", "quilt_2.0-1.debian.tar.gz"],
            )
        },
    ),
    Case::new(
        "sources/binary-index-has-no-source-package",
        "A source package is not listed among the packages for machines, nor the other way.",
        &SOURCES,
        |desk| {
            let native = desk.bookworm().versions("native")?;
            ensure!(native.is_empty(), "Packages lists native");
            ensure!(desk.bookworm().versions("quilt")? == ["2.0-1"], "Packages does not list quilt");
            Ok(())
        },
    ),
    Case::changing(
        "sources/removed-one-is-gone",
        "A source package that was removed is not listed any more, and everything else is whole.",
        &SOURCES,
        |desk| {
            desk.tell(&Request::Remove(MAIN, Package { name: "native", version: "1.0" }))?;
            desk.publish()?;
            ensure!(source(desk, "native").is_err(), "it is still there");
            source(desk, "quilt")?;
            desk.bookworm().is_whole()
        },
    ),
    Case::new(
        "contents/index-is-listed",
        "The list of files is listed in Release in its plain form, or apt-file finds nothing (RepositoryFormat).",
        &CONTENTS,
        |desk| {
            let release = desk.bookworm().release()?;
            let listed = ["main/Contents-amd64", "Contents-amd64"]
                .iter()
                .any(|name| release.files.contains_key(*name));
            ensure!(listed, "it is not");
            Ok(())
        },
    ),
    Case::new(
        "contents/names-the-package-of-a-file",
        "A file is listed with the package that has it.",
        &CONTENTS,
        |desk| {
            let owners = owners(desk, "usr/share/first/content")?;
            ensure!(owners == ["first"], "{owners:?}");
            Ok(())
        },
    ),
    Case::new(
        "contents/names-all-packages-of-a-file",
        "A search for a file of two packages finds both.",
        &CONTENTS,
        |desk| {
            let owners = owners(desk, "usr/share/shared/file")?;
            ensure!(owners == ["first", "second"], "{owners:?}");
            Ok(())
        },
    ),
    Case::new(
        "contents/each-path-has-one-line",
        "A path of two packages has one line, with both behind commas: a reader that looks for a path may end at the first, and dak writes one.",
        &CONTENTS,
        |desk| {
            let text = contents(desk)?;
            let lines = text.lines().filter(|line| line.starts_with("usr/share/shared/file")).count();
            ensure!(lines == 1, "it has {lines} lines");
            Ok(())
        },
    ),
    Case::new(
        "contents/has-files-of-architecture-all",
        "The list of an architecture has the files of packages for `all`, or apt-file misses them.",
        &CONTENTS,
        |desk| owners(desk, "usr/share/second/content").map(drop),
    ),
    Case::new(
        "contents/has-no-files-of-another-architecture",
        "The list of an architecture has no files of another.",
        &CONTENTS,
        |desk| {
            ensure!(!contents(desk)?.contains("third"), "it has files of third");
            Ok(())
        },
    ),
    Case::new("contents/has-links", "Symbolic links are listed like files.", &CONTENTS, |desk| {
        owners(desk, "usr/bin/second").map(drop)
    }),
    Case::new(
        "contents/keeps-blanks-in-names",
        "A name with a blank in it is kept whole.",
        &CONTENTS,
        |desk| owners(desk, "usr/bin/first tool").map(drop),
    ),
    Case::new(
        "contents/has-no-directories",
        "Directories are not listed: each package would stand behind `usr`.",
        &CONTENTS,
        |desk| {
            let text = contents(desk)?;
            let directory = text.lines().find(|line| {
                line.starts_with("usr/bin ")
                    || line.starts_with("usr/bin/ ")
                    || line.starts_with("usr/share/first ")
            });
            ensure!(directory.is_none(), "{directory:?} is");
            Ok(())
        },
    ),
    Case::new(
        "contents/paths-have-no-slash-before",
        "Paths stand without `/` or `./` before them, as apt-file looks for them (RepositoryFormat).",
        &CONTENTS,
        |desk| {
            let text = contents(desk)?;
            let bad = text.lines().find(|line| line.starts_with('/') || line.starts_with("./"));
            ensure!(bad.is_none(), "{bad:?}");
            Ok(())
        },
    ),
    Case::new(
        "contents/gz-is-offered",
        "The list is offered as gzip, which every apt-file reads.",
        &CONTENTS,
        |desk| {
            let suite = desk.bookworm();
            suite.bytes("main/Contents-amd64.gz").or_else(|_| suite.bytes("Contents-amd64.gz")).map(drop)
        },
    ),
    Case::new(
        "contents/apt-updates-with-it",
        "A client with apt-file updates without a warning and gets the list.",
        &CONTENTS,
        |desk| {
            let (server, client) = desk.bookworm_client()?;
            // What apt-file puts into apt's configuration.
            let target = r#"Acquire::IndexTargets { deb::Contents-deb { MetaKey "$(COMPONENT)/Contents-$(ARCHITECTURE)"; ShortDescription "Contents"; Description "$(RELEASE)/$(COMPONENT) $(ARCHITECTURE) Contents"; }; deb::Contents-legacy { MetaKey "Contents-$(ARCHITECTURE)"; ShortDescription "Contents"; Description "$(RELEASE) $(ARCHITECTURE) Contents"; }; };"#;
            std::fs::write(client.apt.path("etc/apt/apt.conf.d/50contents.conf"), target)?;
            client.update()?;
            let fetched = server.asked().into_iter().any(|asked| {
                asked.status == 200
                    && (asked.path.contains("Contents")
                        || asked.path.matches("by-hash").count() == 1 && !asked.path.contains("binary-"))
            });
            ensure!(fetched, "apt did not fetch it");
            Ok(())
        },
    ),
    Case::new(
        "translations/index-is-listed",
        "Translation-en is listed in Release in its plain form (RepositoryFormat).",
        &TRANSLATIONS,
        |desk| {
            ensure!(desk.bookworm().release()?.files.contains_key("main/i18n/Translation-en"), "it is not");
            Ok(())
        },
    ),
    Case::new(
        "translations/long-description-is-there",
        "The long description stands in Translation-en, in Description-en.",
        &TRANSLATIONS,
        |desk| {
            let stanzas = translations(desk)?;
            let Some(stanza) = stanzas.iter().find(|stanza| stanza.text("Package") == "rich") else {
                miss!("rich is not there")
            };
            ensure!(
                stanza.text("Description-en").contains("The second one."),
                "it is `{}`",
                stanza.text("Description-en")
            );
            Ok(())
        },
    ),
    Case::new(
        "translations/checksum-is-that-of-the-description",
        "Description-md5 is the MD5 of the whole description with a newline, by which apt finds the text (RepositoryFormat).",
        &TRANSLATIONS,
        |desk| {
            let told = digest::of("MD5Sum", format!("{DESCRIPTION}\n").as_bytes());
            let package = desk.bookworm().package("rich")?;
            ensure!(
                package.text("Description-md5") == told,
                "Packages says `{}`, it is {told}",
                package.text("Description-md5")
            );
            let found = translations(desk)?.iter().any(|stanza| stanza.text("Description-md5") == told);
            ensure!(found, "Translation-en has no text of {told}");
            Ok(())
        },
    ),
    Case::new(
        "translations/packages-has-the-first-line-alone",
        "Packages has the first line of the description and no more, or nothing was gained.",
        &TRANSLATIONS,
        |desk| {
            let package = desk.bookworm().package("rich")?;
            ensure!(!package.text("Description").contains('\n'), "it has the long one");
            Ok(())
        },
    ),
    Case::new(
        "translations/each-text-is-there-once",
        "Each text is there once for a package, however many architectures have it.",
        &TRANSLATIONS,
        |desk| {
            let mut all: Vec<String> = translations(desk)?
                .iter()
                .map(|stanza| format!("{} {}", stanza.text("Package"), stanza.text("Description-md5")))
                .collect();
            let count = all.len();
            all.sort();
            all.dedup();
            ensure!(all.len() == count && count >= 2, "{count} texts, {} different ones", all.len());
            Ok(())
        },
    ),
    Case::new(
        "translations/apt-shows-the-long-description",
        "A client that asks for English shows the long description.",
        &TRANSLATIONS,
        |desk| {
            let (_server, client) = desk.bookworm_client()?;
            client.update_with(&["-o", "Acquire::Languages=en"])?;
            let shown = client.apt.cache(&["-o", "Acquire::Languages=en", "show", "rich"]);
            ensure!(shown.stdout.contains("The second one."), "it is not shown");
            Ok(())
        },
    ),
    Case::new(
        "translations/client-without-languages-still-works",
        "A client that wants no translations loads none and can install.",
        &TRANSLATIONS,
        |desk| {
            let (_server, client) = desk.updated_client()?;
            client.download(&["rich"])
        },
    ),
    Case::new(
        "pdiffs/index-is-listed",
        "Packages.diff/Index is listed in Release, or no client looks for patches (RepositoryFormat).",
        &PDIFFS,
        |desk| {
            let release = desk.bookworm().release()?;
            ensure!(release.files.contains_key("main/binary-amd64/Packages.diff/Index"), "it is not");
            Ok(())
        },
    ),
    Case::new(
        "pdiffs/current-is-the-index",
        "SHA256-Current is size and checksum of the present index.",
        &PDIFFS,
        |desk| {
            let suite = desk.bookworm();
            let plain = suite.index("main/binary-amd64/Packages")?;
            let index = patches(&suite)?;
            let told = [digest::sha256(&plain), plain.len().to_string()];
            ensure!(index.get("SHA256-Current").is_some(), "SHA256-Current is missing");
            ensure!(index.words("SHA256-Current") == told, "it is {:?}", index.words("SHA256-Current"));
            Ok(())
        },
    ),
    Case::new(
        "pdiffs/patches-are-there",
        "Each patch is there as gzip, with the checksums that are listed: apt reads no other form.",
        &PDIFFS,
        |desk| {
            let suite = desk.bookworm();
            let index = patches(&suite)?;
            let listed = lines(&index, "Patches");
            ensure!(!listed.is_empty(), "no patch is listed");
            for (checksum, size, name) in listed {
                let file = format!("main/binary-amd64/Packages.diff/{name}.gz");
                let patch = unpacked(&file, &suite.bytes(&file)?)?;
                ensure!(
                    digest::sha256(&patch) == checksum && patch.len().to_string() == size,
                    "{name} is another patch"
                );
            }
            Ok(())
        },
    ),
    Case::new(
        "pdiffs/downloads-are-listed",
        "SHA256-Download lists each compressed patch, without which apt loads the whole index.",
        &PDIFFS,
        |desk| {
            let suite = desk.bookworm();
            let index = patches(&suite)?;
            let listed = lines(&index, "Download");
            ensure!(
                listed.len() == lines(&index, "Patches").len() && !listed.is_empty(),
                "it lists {}",
                listed.len()
            );
            for (checksum, size, name) in listed {
                let bytes = suite.bytes(&format!("main/binary-amd64/Packages.diff/{name}"))?;
                ensure!(
                    digest::sha256(&bytes) == checksum && bytes.len().to_string() == size,
                    "{name} is another file"
                );
            }
            Ok(())
        },
    ),
    Case::changing(
        "pdiffs/lead-from-the-last-state",
        "The patch leads from the last state to the present one, to the byte.",
        &PDIFFS,
        |desk| follow_one_more(desk, &["more=1.0"]),
    ),
    Case::changing(
        "pdiffs/lead-from-older-states",
        "Patches lead from three states ago to the present one, to the byte.",
        &PDIFFS,
        |desk| follow_one_more(desk, &["more-a=1.0", "more-b=1.0", "more-c=1.0"]),
    ),
    Case::changing("pdiffs/lead-over-a-removal", "Patches lead over a removal too.", &PDIFFS, |desk| {
        let suite = desk.bookworm();
        let before = suite.index("main/binary-amd64/Packages")?;
        desk.next_second();
        desk.remove("filler-07", "1.0")?;
        ensure!(
            follow(&suite, before)? == suite.index("main/binary-amd64/Packages")?,
            "the patches lead elsewhere"
        );
        Ok(())
    }),
    Case::changing(
        "pdiffs/names-are-never-used-again",
        "A patch keeps its name and content: clients fetch it by that name, which caches keep.",
        &PDIFFS,
        |desk| {
            let suite = desk.bookworm();
            let index = patches(&suite)?;
            let before: Vec<(String, String)> = lines(&index, "Patches")
                .iter()
                .map(|(checksum, _, name)| ((*name).to_owned(), (*checksum).to_owned()))
                .collect();
            desk.next_second();
            desk.add(&["more=1.0"])?;
            let index = patches(&suite)?;
            for (checksum, _, name) in lines(&index, "Patches") {
                let old = before.iter().find(|(other, _)| other == name);
                ensure!(old.is_none_or(|(_, other)| other == checksum), "{name} has another content now");
            }
            Ok(())
        },
    ),
    Case::changing(
        "pdiffs/apt-uses-them",
        "A client that has the last state loads a patch and not the whole index.",
        &PDIFFS,
        |desk| {
            let (server, client) = desk.updated_client()?;
            desk.next_second();
            desk.add(&["more=1.0"])?;
            drop(server.asked());
            client.update()?;
            client.sees("more", "1.0")?;
            let asked = server.asked();
            ensure!(
                asked.iter().any(|asked| asked.path.contains("Packages.diff/")
                    && asked.path.ends_with(".gz")
                    && asked.status == 200),
                "it loaded {:?}",
                asked.iter().map(|asked| &asked.path).collect::<Vec<_>>()
            );
            Ok(())
        },
    ),
    Case::changing(
        "pdiffs/clients-get-over-a-lost-patch",
        "A client that cannot get a patch loads the whole index and is up to date.",
        &PDIFFS,
        |desk| {
            let (server, client) = desk.updated_client()?;
            desk.next_second();
            desk.add(&["more=1.0"])?;
            server.elsewhere(
                |path| path.contains("Packages.diff/") && path.ends_with(".gz") && !path.contains("Index"),
                None,
            );
            let output = client.apt.get(&["update"]);
            if output.status != Some(0) {
                return Err(Shortfall::Missed(complaint(&output)));
            }
            client.sees("more", "1.0")
        },
    ),
];
