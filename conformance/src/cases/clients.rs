//! What apt does with a suite, and what stands between it and a server.

use crate::case::{Case, Checked, Shortfall, ensure, miss};
use crate::client::Client;
use crate::desk::{Desk, MAIN};
use crate::manager::{Feature, Request};
use crate::published::walk;
use crate::server::Server;
use crate::worlds::{HISTORY, ODD_VERSION, PLAIN, VERSIONS};

/// Runs a check with a client of `preprod/bookworm` that has updated.
fn updated(desk: &Desk<'_>, check: impl Fn(&Client<'_>, &Server) -> Checked) -> Checked {
    let (server, client) = desk.updated_client()?;
    check(&client, &server)
}

/// Checks a pin by the priority that it gives a package.
fn pin(desk: &Desk<'_>, pin: &str) -> Checked {
    updated(desk, |client, _| {
        let path = client.apt.path("etc/apt/preferences.d/pin");
        std::fs::write(path, format!("Package: *\nPin: release {pin}\nPin-Priority: 777\n"))?;
        ensure!(client.apt.policy("hello").contains(" 777"), "the pin `{pin}` has no effect");
        Ok(())
    })
}

/// Publishes a new version, and has a client update through a cache that has the files of before for some paths.
fn behind_cache<'d>(desk: &'d Desk<'_>, paths: fn(&str) -> bool) -> Checked<(Server, Client<'d>)> {
    let old = desk.environment.path("old");
    desk.program(&format!("rm -rf {old}; cp -rL {} {old}", desk.bookworm().root))?;
    desk.add(&["hello=2.0"])?;
    let (server, client) = desk.bookworm_client()?;
    server.elsewhere(paths, Some(&old));
    client.update()?;
    Ok((server, client))
}

/// Copies the served root to another directory with a command, and has a client update from there.
fn mirrored(desk: &Desk<'_>, command: &str) -> Checked {
    let suite = desk.bookworm();
    let server = desk.serve(&suite)?;
    let mirror = desk.environment.path("mirror");
    desk.program(&format!("rm -rf {mirror}; mkdir {mirror}"))?;
    let command = command
        .replace("@ROOT@", suite.root.as_str())
        .replace("@URL@", &server.url())
        .replace("@MIRROR@", mirror.as_str());
    desk.program(&command)?;
    let copy = crate::published::Published { root: mirror, ..suite };
    copy.is_whole()?;
    let server = desk.serve(&copy)?;
    let client = desk.client("apt-mirror", &server, &copy)?;
    client.update()?;
    client.download(&["hello", "tool", "libfoo+bar"])
}

pub(super) const CASES: &[Case] = &[
    Case::new(
        "apt/updates-without-a-warning",
        "apt-get update ends well and prints no warning.",
        &PLAIN,
        |desk| {
            for (repository, suite) in
                [("preprod", "bookworm"), ("preprod", "trixie"), ("prod", "bookworm"), ("prod", "trixie")]
            {
                let suite = desk.suite(repository, suite);
                let server = desk.serve(&suite)?;
                desk.client("apt", &server, &suite)?.update()?;
            }
            Ok(())
        },
    ),
    Case::new(
        "apt/first-update-meets-no-404",
        "Nothing that apt asks for at a first update is missing.",
        &PLAIN,
        |desk| {
            updated(desk, |_, server| {
                let missing = server.asked().into_iter().find(|asked| asked.status == 404);
                ensure!(
                    missing.is_none(),
                    "{} is missing",
                    missing.map(|asked| asked.path).unwrap_or_default()
                );
                Ok(())
            })
        },
    ),
    Case::new(
        "apt/update-without-news-is-one-request",
        "An update of an unchanged suite is one request, answered with 304.",
        &PLAIN,
        |desk| {
            updated(desk, |client, server| {
                drop(server.asked());
                client.update()?;
                let asked = server.asked();
                ensure!(
                    asked.len() == 1 && asked.iter().all(|asked| asked.status == 304),
                    "it was {asked:?}"
                );
                Ok(())
            })
        },
    ),
    Case::changing(
        "apt/publishing-without-news-costs-no-index",
        "When nothing changed but the signature, clients load InRelease at most and no index.",
        &HISTORY,
        |desk| {
            updated(desk, |client, server| {
                desk.next_second();
                desk.publish()?;
                drop(server.asked());
                client.update()?;
                let index = server
                    .asked()
                    .into_iter()
                    .find(|asked| asked.path.contains("/binary-") && asked.status == 200);
                ensure!(index.is_none(), "it loaded {}", index.map(|asked| asked.path).unwrap_or_default());
                Ok(())
            })
        },
    ),
    Case::new(
        "apt/downloads-a-package",
        "apt downloads a package and finds its checksum true.",
        &PLAIN,
        |desk| updated(desk, |client, _| client.download(&["hello"])),
    ),
    Case::new(
        "apt/downloads-odd-names",
        "A package with a plus in its name and an epoch, a tilde and a plus in its version can be downloaded: apt encodes these characters.",
        &PLAIN,
        |desk| {
            updated(desk, |client, _| {
                client.sees("libfoo+bar", ODD_VERSION)?;
                client.download(&["libfoo+bar"])
            })
        },
    ),
    Case::new(
        "apt/downloads-for-another-architecture",
        "A machine with two architectures gets the package of either.",
        &PLAIN,
        |desk| {
            updated(desk, |client, _| client.download(&["-o", "APT::Architectures::=arm64", "hello:arm64"]))
        },
    ),
    Case::new(
        "apt/downloads-from-each-component",
        "Packages of every component can be downloaded.",
        &PLAIN,
        |desk| updated(desk, |client, _| client.download(&["extra-tool", "tool"])),
    ),
    Case::new(
        "apt/resolves-dependencies",
        "apt finds the dependencies of a package among those of the suite, alternatives and versions too.",
        &PLAIN,
        |desk| {
            updated(desk, |client, _| {
                // `python3` and what is recommended are not there, so it must say what is missing, and nothing else.
                let output = client.apt.get(&["install", "--simulate", "--no-install-recommends", "rich"]);
                let text = output.text();
                ensure!(
                    text.contains("python3:any") || text.contains("python3"),
                    "python3 is not missed: {}",
                    crate::desk::tail(&text)
                );
                ensure!(
                    !text.contains("tool but it is not") && !text.contains("hello (>= 0.5) but"),
                    "{}",
                    crate::desk::tail(&text)
                );
                Ok(())
            })
        },
    ),
    Case::new("apt/finds-provided-packages", "A versioned Provides satisfies a name.", &PLAIN, |desk| {
        updated(desk, |client, _| {
            let output = client.apt.cache(&["showpkg", "virtual"]);
            ensure!(output.stdout.contains("rich 1.0"), "nothing provides virtual");
            Ok(())
        })
    }),
    Case::new("apt/pins-by-origin", "A pin by Origin takes effect (apt_preferences(5)).", &PLAIN, |desk| {
        pin(desk, "o=Conformance")
    }),
    Case::new("apt/pins-by-label", "A pin by Label takes effect (apt_preferences(5)).", &PLAIN, |desk| {
        pin(desk, "l=PREPROD")
    })
    .needs(&[Feature::Label]),
    Case::new(
        "apt/pins-by-codename",
        "A pin by Codename takes effect (apt_preferences(5)).",
        &PLAIN,
        |desk| pin(desk, "n=bookworm"),
    ),
    Case::new(
        "apt/pins-by-component",
        "A pin by component takes effect (apt_preferences(5)).",
        &PLAIN,
        |desk| pin(desk, "c=main"),
    ),
    Case::new(
        "apt/pins-by-architecture-of-index",
        "A pin by architecture takes effect, so indices are not mixed (apt_preferences(5)).",
        &PLAIN,
        |desk| pin(desk, "b=amd64"),
    ),
    Case::new(
        "apt/source-entry-of-one-line-works",
        "The one-line form of a source entry works as the other one does (sources.list(5)).",
        &PLAIN,
        |desk| {
            let suite = desk.bookworm();
            let (server, client) = desk.bookworm_client()?;
            std::fs::remove_file(client.apt.path("etc/apt/sources.list.d/suite.sources"))?;
            let line = format!(
                "deb [signed-by={}] {} {} main\n",
                desk.keyring("0"),
                server.url(),
                suite.distribution
            );
            std::fs::write(client.apt.path("etc/apt/sources.list.d/suite.list"), line)?;
            client.update()?;
            client.sees("hello", "1.0")
        },
    ),
    Case::new(
        "apt/refuses-with-another-key",
        "A client that knows another key alone refuses the suite, so the signature is not for show.",
        &PLAIN,
        |desk| {
            let suite = desk.bookworm();
            let server = desk.serve(&suite)?;
            let client = desk.client_with("apt", &server, &suite, "1")?;
            ensure!(client.update().is_err(), "it takes it");
            ensure!(client.candidate("hello").is_none(), "it would install from it");
            Ok(())
        },
    ),
    Case::new(
        "apt/several-suites-on-one-machine",
        "Two suites of one archive work side by side on a machine without a warning.",
        &PLAIN,
        |desk| {
            let (server, client) = desk.bookworm_client()?;
            let other = desk.suite("preprod", "trixie");
            let entry = format!(
                "Types: deb\nURIs: {}\nSuites: {}\nComponents: main\nArchitectures: amd64\nSigned-By: {}\n",
                server.url(),
                other.distribution,
                desk.keyring("0")
            );
            client.apt.source("other", &entry);
            client.update()?;
            client.sees("newer", "2.0")?;
            client.sees("hello", "1.0")
        },
    ),
    Case::new(
        "versions/all-are-listed",
        "Every version that was added is listed, so that machines can stay on one or go back.",
        &VERSIONS,
        |desk| {
            let mut versions = desk.bookworm().versions("hello")?;
            versions.sort();
            ensure!(versions == ["1.10", "1.9", "1:0.1", "2.0", "2.0~rc1"], "{versions:?}");
            Ok(())
        },
    ),
    Case::new(
        "versions/newest-is-the-candidate",
        "The candidate is the highest version as dpkg orders them (Debian Policy, 5.6.12).",
        &VERSIONS,
        |desk| updated(desk, |client, _| client.sees("hello", "1:0.1")),
    ),
    Case::new(
        "versions/apt-sees-them-in-order",
        "apt sees all versions, ordered: an epoch before all, a tilde below the release.",
        &VERSIONS,
        |desk| {
            updated(desk, |client, _| {
                let mut versions = client.apt.versions("hello");
                // Listed once for each architecture.
                versions.dedup();
                ensure!(versions == ["1:0.1", "2.0", "2.0~rc1", "1.10", "1.9"], "{versions:?}");
                Ok(())
            })
        },
    ),
    Case::new(
        "versions/each-can-be-downloaded",
        "Each version can be downloaded by its number.",
        &VERSIONS,
        |desk| {
            updated(desk, |client, _| {
                for version in ["1.9", "1.10", "2.0", "2.0~rc1", "1:0.1"] {
                    client.download(&[&format!("hello={version}")])?;
                }
                Ok(())
            })
        },
    ),
    Case::new(
        "versions/files-differ",
        "Each version has a file of its own in the pool.",
        &VERSIONS,
        |desk| {
            let stanzas = desk.bookworm().packages("main", "amd64")?;
            let mut files: Vec<&str> = stanzas.iter().map(|stanza| stanza.text("Filename")).collect();
            let all = files.len();
            files.sort_unstable();
            files.dedup();
            ensure!(files.len() == all, "{} versions share a file", all - files.len());
            Ok(())
        },
    ),
    Case::changing(
        "versions/removing-one-leaves-the-others",
        "Removing one version leaves all others in place.",
        &VERSIONS,
        |desk| {
            desk.remove("hello", "2.0~rc1")?;
            let mut versions = desk.bookworm().versions("hello")?;
            versions.sort();
            ensure!(versions == ["1.10", "1.9", "1:0.1", "2.0"], "{versions:?}");
            Ok(())
        },
    ),
    Case::changing(
        "versions/older-one-added-later-changes-no-candidate",
        "An older version that is added later is listed and does not become the candidate.",
        &VERSIONS,
        |desk| {
            desk.add(&["hello=0.5"])?;
            ensure!(desk.bookworm().versions("hello")?.contains(&"0.5".to_owned()), "it is not listed");
            updated(desk, |client, _| client.sees("hello", "1:0.1"))
        },
    ),
    Case::changing(
        "versions/same-version-in-two-states-of-epoch",
        "1:2.0 and 2.0 are different packages, with files that do not overwrite each other.",
        &VERSIONS,
        |desk| {
            let before = desk.bookworm().packages("main", "amd64")?;
            let Some(old) = before.iter().find(|stanza| stanza.id().starts_with("hello 2.0 ")) else {
                miss!("hello 2.0 is gone")
            };
            let bytes = desk.bookworm().file(old)?;
            desk.add(&["hello=1:2.0"])?;
            ensure!(desk.bookworm().file(old)? == bytes, "the file of 2.0 was overwritten");
            desk.bookworm().is_whole()
        },
    ),
    Case::new(
        "mirror/copy-of-the-tree-is-whole",
        "A copy of the served root alone, links as links, is a whole archive (rsync -a).",
        &PLAIN,
        |desk| mirrored(desk, "cp -a @ROOT@/. @MIRROR@/"),
    ),
    Case::new(
        "mirror/copy-with-links-followed-is-whole",
        "A copy with links replaced by what they lead to is a whole archive (rsync -L, object stores).",
        &PLAIN,
        |desk| mirrored(desk, "cp -rL @ROOT@/dists @ROOT@/pool @MIRROR@/"),
    ),
    Case::new(
        "mirror/copy-over-http-is-whole",
        "What wget -r fetches from the listing of directories is a whole archive.",
        &PLAIN,
        |desk| {
            if !testkit::is_installed("wget") {
                return Err(Shortfall::Skipped("wget is not installed".to_owned()));
            }
            mirrored(
                desk,
                "wget -q -r -np -nH -e robots=off --reject 'index.html*' -P @MIRROR@ @URL@/dists/ @URL@/pool/",
            )
        },
    ),
    Case::new(
        "mirror/links-stay-inside",
        "No link leads out of the served root: behind it a web server finds nothing, or what nobody should see.",
        &PLAIN,
        |desk| {
            let root = desk.bookworm().root.canonicalize_utf8()?;
            for path in walk(&root)? {
                if path.is_symlink() {
                    let target = path.canonicalize_utf8();
                    let name = path.strip_prefix(&root).unwrap_or(&path).to_owned();
                    ensure!(
                        target.is_ok_and(|target| target.starts_with(&root)),
                        "{name} leads out of it or nowhere"
                    );
                }
            }
            Ok(())
        },
    ),
    Case::new(
        "mirror/files-can-be-read-by-the-server",
        "Everything served can be read by other users, as web servers are.",
        &PLAIN,
        |desk| {
            use std::os::unix::fs::PermissionsExt as _;
            let root = desk.bookworm().root;
            for path in walk(&root)? {
                if path.is_file() {
                    let mode = std::fs::metadata(&path)?.permissions().mode();
                    ensure!(
                        mode & 0o004 != 0,
                        "{} has the mode {mode:o}",
                        path.strip_prefix(&root).unwrap_or(&path)
                    );
                }
            }
            Ok(())
        },
    ),
    Case::new(
        "mirror/nothing-unfinished-is-served",
        "No temporary file is left among what is served.",
        &PLAIN,
        |desk| {
            let left = walk(&desk.bookworm().root)?.into_iter().find(|path| {
                let name = path.file_name().unwrap_or_default();
                [".new", ".tmp", ".lock"].iter().any(|ending| name.ends_with(ending))
            });
            ensure!(
                left.is_none(),
                "{}",
                left.as_ref().and_then(|path| path.file_name()).unwrap_or_default()
            );
            Ok(())
        },
    ),
    Case::new(
        "mirror/manager-is-not-served",
        "Neither settings nor databases of the manager stand below the served root.",
        &PLAIN,
        |desk| {
            let root = desk.bookworm().root;
            let own = ["conf", "db", "repo.toml", "keys/secret.asc", "aptly.conf", ".git"]
                .into_iter()
                .find(|name| root.join(name).exists());
            ensure!(own.is_none(), "{own:?} is served");
            Ok(())
        },
    ),
    Case::changing(
        "cache/outdated-index-by-its-usual-name-does-no-harm",
        "A cache with an outdated index under its usual name does not break an update.",
        &HISTORY,
        |desk| {
            let (_server, client) = behind_cache(desk, |path| path.contains("/Packages"))?;
            client.sees("hello", "2.0")
        },
    ),
    Case::changing(
        "cache/outdated-inrelease-is-a-whole-older-state",
        "A cache with an outdated InRelease leads to the state before, whole, and not to an error.",
        &HISTORY,
        |desk| {
            let (_server, client) = behind_cache(desk, |path| path.ends_with("Release"))?;
            client.sees("hello", "1.0")?;
            client.download(&["hello=1.0"])
        },
    ),
    Case::changing(
        "cache/times-of-packages-stay",
        "The time of a package file stays over publications: clients resume downloads by it (RFC 9110, 13.1.5).",
        &HISTORY,
        |desk| {
            let suite = desk.bookworm();
            let path = suite.root.join(suite.package("hello")?.text("Filename"));
            let before = std::fs::metadata(&path)?.modified()?;
            desk.next_second();
            desk.add(&["fresh=1.0"])?;
            ensure!(std::fs::metadata(&path)?.modified()? == before, "it changed");
            Ok(())
        },
    ),
    Case::changing(
        "cache/unchanged-index-keeps-its-checksum",
        "An index without a change keeps its checksum, so caches keep it.",
        &PLAIN,
        |desk| {
            let suite = desk.bookworm();
            let listed = |name: &str| -> Checked<_> {
                Ok(suite.release()?.files.get(name).map(|listed| listed.checksums.clone()))
            };
            let before = listed("extra/binary-amd64/Packages.gz")?;
            let file = desk.deb("fresh", "1.0", "all")?;
            desk.tell(&Request::Add(MAIN, &[file]))?;
            desk.next_second();
            desk.publish()?;
            ensure!(before.is_some() && listed("extra/binary-amd64/Packages.gz")? == before, "it changed");
            Ok(())
        },
    ),
    Case::changing(
        "cache/same-content-has-the-same-index",
        "Adding a package and taking it out again leads to the same index, byte for byte.",
        &HISTORY,
        |desk| {
            let suite = desk.bookworm();
            let before = suite.index("main/binary-amd64/Packages")?;
            desk.add(&["fresh=1.0"])?;
            desk.remove("fresh", "1.0")?;
            ensure!(suite.index("main/binary-amd64/Packages")? == before, "it differs");
            Ok(())
        },
    ),
];
