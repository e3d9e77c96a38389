//! Indices under the names of their checksums, and clients that read while something is published.

use std::time::{Duration, Instant};

use crate::case::{Case, Checked, Shortfall, ensure, miss};
use crate::desk::{Desk, MAIN};
use crate::digest;
use crate::manager::{Feature, Request};
use crate::published::{Published, Release, clear_text, read, walk};
use crate::worlds::{HISTORY, PLAIN};

/// The path of a listed file by its checksum, below `dists/SUITE`.
fn by_hash(release: &Release, name: &str) -> Checked<String> {
    let kind = release.strongest();
    let Some(checksum) = release.files.get(name).and_then(|listed| listed.checksums.get(kind)) else {
        miss!("{name} is not listed");
    };
    let directory = name.rsplit_once('/').map_or("", |(directory, _)| directory);
    Ok(format!("{directory}/by-hash/{kind}/{checksum}"))
}

/// Checks that a state that clients may have begun to read can be read to its end.
fn can_be_finished(suite: &Published, release: &Release) -> Checked {
    for name in
        ["main/binary-amd64/Packages.xz", "main/binary-amd64/Packages.bz2", "main/binary-amd64/Packages.gz"]
    {
        if let Some(listed) = release.files.get(name) {
            let bytes = suite.bytes(&by_hash(release, name)?)?;
            crate::published::check(name, listed, &bytes)?;
        }
    }
    Ok(())
}

/// Updates a client in whose first request for an index something is published.
fn update_in_between(desk: &Desk<'_>, path: &str) -> Checked {
    let suite = desk.bookworm();
    let file = desk.deb("between", "1.0", "all")?;
    desk.tell(&Request::Add(MAIN, &[file]))?;
    desk.next_second();
    let server = desk.serve(&suite)?;
    let mut command = desk.command(&Request::Publish("preprod"));
    let (sender, receiver) = std::sync::mpsc::channel();
    server.before(path, move || {
        let _ = sender.send(command.output().is_ok_and(|output| output.status.success()));
    });
    let client = desk.client("apt", &server, &suite)?;
    client.update()?;
    // The server has sent its answer before the client was done.
    ensure!(receiver.try_recv() == Ok(true), "publishing in between failed, or apt never asked for {path}");
    client.sees("hello", "1.0")
}

pub(super) const CASES: &[Case] = &[
    Case::new(
        "by-hash/is-declared",
        "Release says Acquire-By-Hash, or no client uses it (RepositoryFormat).",
        &PLAIN,
        |desk| {
            let release = desk.bookworm().release()?;
            ensure!(release.fields.text("Acquire-By-Hash") == "yes", "it does not");
            Ok(())
        },
    )
    .needs(&[Feature::ByHash]),
    Case::new(
        "by-hash/each-index-has-its-name",
        "Each listed file that is there is also there under its strongest checksum, the only one that apt asks for.",
        &PLAIN,
        |desk| {
            let suite = desk.bookworm();
            let release = suite.release()?;
            for name in release.files.keys() {
                if let (Ok(bytes), true) = (suite.bytes(name), name.contains('/')) {
                    ensure!(suite.bytes(&by_hash(&release, name)?)? == bytes, "{name}: another content");
                }
            }
            Ok(())
        },
    )
    .needs(&[Feature::ByHash]),
    Case::new(
        "by-hash/names-tell-the-content",
        "Every file below by-hash has the content that its name says.",
        &PLAIN,
        |desk| names_are_true(&desk.bookworm()),
    )
    .needs(&[Feature::ByHash]),
    Case::changing(
        "by-hash/old-index-stays-for-a-running-update",
        "After a publication the indices of the state before are still there, for clients that had read its InRelease.",
        &HISTORY,
        |desk| {
            let suite = desk.bookworm();
            let before = suite.release()?;
            desk.add(&["fresh=1.0"])?;
            can_be_finished(&suite, &before)
        },
    )
    .needs(&[Feature::ByHash]),
    Case::changing(
        "by-hash/old-index-stays-over-three-publications",
        "A slow client can finish although three states were published meanwhile.",
        &HISTORY,
        |desk| {
            let suite = desk.bookworm();
            let before = suite.release()?;
            for name in ["fresh-a", "fresh-b", "fresh-c"] {
                desk.add(&[name])?;
            }
            can_be_finished(&suite, &before)
        },
    )
    .needs(&[Feature::ByHash]),
    Case::changing(
        "by-hash/old-index-stays-after-a-removal",
        "After a removal the index with the removed package is still there for those who are reading.",
        &HISTORY,
        |desk| {
            let suite = desk.bookworm();
            let before = suite.release()?;
            desk.remove("tool", "1.0")?;
            can_be_finished(&suite, &before)
        },
    )
    .needs(&[Feature::ByHash]),
    Case::changing(
        "by-hash/names-tell-the-content-after-changes",
        "After an addition, a removal and the addition again every by-hash file still has the content that its name says.",
        &HISTORY,
        |desk| {
            desk.add(&["fresh=1.0"])?;
            desk.remove("fresh", "1.0")?;
            desk.add(&["fresh=1.0"])?;
            names_are_true(&desk.bookworm())
        },
    )
    .needs(&[Feature::ByHash]),
    Case::new(
        "by-hash/apt-asks-for-nothing-else",
        "apt fetches every index by its checksum and gets each at the first request (RepositoryFormat).",
        &PLAIN,
        |desk| {
            let suite = desk.bookworm();
            let server = desk.serve(&suite)?;
            desk.client("apt", &server, &suite)?.update()?;
            for asked in server.asked() {
                let is_index = asked.path.contains("/binary-");
                ensure!(!is_index || asked.path.contains("/by-hash/"), "it asked for {}", asked.path);
                ensure!(asked.status == 200, "{}: {}", asked.path, asked.status);
            }
            Ok(())
        },
    )
    .needs(&[Feature::ByHash]),
    Case::new(
        "by-hash/is-enough-alone",
        "Without the usual names of indices the suite is still complete.",
        &PLAIN,
        |desk| {
            let suite = desk.bookworm();
            let server = desk.serve(&suite)?;
            server.elsewhere(|path| path.contains("/binary-") && !path.contains("/by-hash/"), None);
            let client = desk.client("apt", &server, &suite)?;
            client.update()?;
            client.sees("hello", "1.0")
        },
    )
    .needs(&[Feature::ByHash]),
    Case::changing(
        "update/publication-between-inrelease-and-index",
        "A client that has InRelease when the next state is published gets the indices of the state that it has begun with.",
        &HISTORY,
        |desk| update_in_between(desk, "Packages").or_else(|first| match first {
            // apt asks for by-hash names where they are declared.
            Shortfall::Missed(text) if text.contains("never asked") => {
                desk.restore()?;
                update_in_between(desk, "/by-hash/")
            }
            other => Err(other),
        }),
    ),
    Case::changing(
        "update/publication-between-index-and-download",
        "A client with older lists can still download what they name after the next publication has replaced it.",
        &HISTORY,
        |desk| {
            let (_server, client) = desk.updated_client()?;
            desk.add(&["hello=2.0"])?;
            client.download(&["hello=1.0"])
        },
    ),
    Case::changing(
        "update/removal-between-index-and-download",
        "A client with older lists can still download what was removed since: its administrator could not have known.",
        &HISTORY,
        |desk| {
            let (_server, client) = desk.updated_client()?;
            desk.remove("hello", "1.0")?;
            client.download(&["hello=1.0"])
        },
    ),
    Case::changing(
        "update/reader-never-sees-a-mixed-state",
        "A client that reads InRelease, its indices and packages again and again while states are published always finds what InRelease says.",
        &HISTORY,
        |desk| read_while_publishing(desk, whole_by_any_name),
    ),
    Case::changing(
        "update/release-and-its-signature-are-never-of-two-states",
        "Release and Release.gpg, read one after the other while states are published, belong together, or did when read again.",
        &HISTORY,
        |desk| {
            read_while_publishing(desk, |desk, suite| {
                let pair = |number: usize| -> Checked {
                    let directory = desk.environment.path(format!("pair-{number}"));
                    std::fs::create_dir_all(&directory)?;
                    std::fs::write(directory.join("Release"), suite.bytes("Release")?)?;
                    std::fs::write(directory.join("Release.gpg"), suite.bytes("Release.gpg")?)?;
                    desk.verified("0", &format!("{directory}/Release.gpg {directory}/Release")).map(drop)
                };
                // A swap between two reads cannot be ruled out with two files; twice in a row it is a torn state.
                pair(1).or_else(|_| pair(2))
            })
        },
    ),
    Case::changing(
        "update/apt-never-fails-while-states-are-published",
        "apt-get update never fails nor warns while states are published one after the other.",
        &HISTORY,
        |desk| {
            let (_server, client) = desk.bookworm_client()?;
            read_while_publishing(desk, |_, _| client.update())
        },
    ),
    Case::changing(
        "update/new-version-reaches-clients",
        "After a publication the next update of a client finds the new version.",
        &HISTORY,
        |desk| {
            let (_server, client) = desk.updated_client()?;
            desk.next_second();
            desk.add(&["hello=2.0"])?;
            client.update()?;
            client.sees("hello", "2.0")
        },
    ),
    Case::changing(
        "update/removed-package-is-gone-for-clients",
        "After a removal the next update of a client no longer finds the package.",
        &HISTORY,
        |desk| {
            let (_server, client) = desk.updated_client()?;
            desk.next_second();
            desk.remove("tool", "1.0")?;
            client.update()?;
            ensure!(client.candidate("tool").is_none(), "it is still there");
            client.sees("hello", "1.0")
        },
    ),
    Case::changing(
        "update/what-is-not-published-is-not-seen",
        "What was added and not published yet is not seen by clients, so that several changes can be shown at once.",
        &HISTORY,
        |desk| {
            let suite = desk.bookworm();
            let before = suite.bytes("InRelease")?;
            let file = desk.deb("waiting", "1.0", "all")?;
            desk.tell(&Request::Add(MAIN, &[file]))?;
            ensure!(suite.bytes("InRelease")? == before, "the state changed");
            suite.is_whole()
        },
    ),
];

/// Whether every file below a by-hash directory has the checksum of its name.
fn names_are_true(suite: &Published) -> Checked {
    let mut seen = 0;
    // The directory may be a link; the one of each index is what clients see.
    for index in ["main/binary-amd64", "main/binary-arm64"] {
        for kind in digest::KINDS {
            let Ok(directory) = suite.path(&format!("{index}/by-hash/{kind}")).canonicalize_utf8() else {
                continue;
            };
            for path in walk(&directory)? {
                let name = path.file_name().unwrap_or_default();
                // aptly keeps notes of its own beside the files, which no client asks for.
                if !name.chars().all(|c| c.is_ascii_hexdigit()) {
                    continue;
                }
                ensure!(digest::of(kind, &read(&path)?) == name, "{kind}/{name} has another content");
                seen += 1;
            }
        }
    }
    ensure!(seen > 0, "no file lies below by-hash");
    Ok(())
}

/// Reads InRelease, then the index of amd64 by whatever name a client would use, then the files it names.
fn whole_by_any_name(_: &Desk<'_>, suite: &Published) -> Checked {
    let release = Release::read(&clear_text(&suite.text("InRelease")?)?)?;
    let name = ["main/binary-amd64/Packages.xz", "main/binary-amd64/Packages.gz"]
        .into_iter()
        .find(|name| release.files.contains_key(*name));
    let Some(name) = name else { miss!("no compressed index is listed") };
    let path = if release.fields.text("Acquire-By-Hash") == "yes" {
        by_hash(&release, name)?
    } else {
        name.to_owned()
    };
    let bytes = suite.bytes(&path)?;
    if let Some(listed) = release.files.get(name) {
        crate::published::check(name, listed, &bytes)?;
    }
    for stanza in crate::stanza::read(&String::from_utf8_lossy(&crate::published::unpacked(name, &bytes)?)) {
        let file = suite.file(&stanza)?;
        ensure!(stanza.text("SHA256") == digest::sha256(&file), "{}: another content", stanza.id());
    }
    Ok(())
}

/// Reads again and again while eight states are published.
fn read_while_publishing(desk: &Desk<'_>, reader: impl Fn(&Desk<'_>, &Published) -> Checked) -> Checked {
    let suite = desk.bookworm();
    let deadline = Instant::now() + Duration::from_secs(300);
    let mut reads = 0;
    for number in 0..8 {
        let file = desk.deb("changing", &format!("1.{number}"), "all")?;
        desk.tell(&Request::Add(MAIN, &[file]))?;
        let mut child = desk.start(&Request::Publish("preprod"))?;
        let status = loop {
            let found = reader(desk, &suite);
            reads += 1;
            let ended = child.try_wait()?;
            if let Err(error) = found {
                // Not to be left behind.
                let _ = child.wait();
                return Err(error);
            }
            if let Some(status) = ended {
                break status;
            }
            if Instant::now() > deadline {
                let _ = child.kill();
                miss!("publishing takes forever");
            }
        };
        ensure!(status.success(), "publication {number} failed");
    }
    ensure!(reads >= 8, "only {reads} reads");
    Ok(())
}
