//! What is in the pool, the same package in several places, and going back.

use crate::case::{Case, Checked, ensure, miss};
use crate::desk::{Desk, MAIN, tail};
use crate::manager::{Answer, Feature, Package, Request, Target};
use crate::published::Published;
use crate::worlds::{HISTORY, PLAIN, POOL};

const TRIXIE: Target<'static> = Target { suite: "trixie", ..MAIN };

/// Adds a file and publishes. Returns what the manager said to the first of the two that failed.
fn attempt(desk: &Desk<'_>, target: Target<'_>, file: String) -> Checked<Answer> {
    let answer = desk.ask(&Request::Add(target, &[file]))?;
    if answer == Answer::Done { desk.ask(&Request::Publish(target.repository)) } else { Ok(answer) }
}

/// A package of a name and version that is there, with another content.
fn other_content(desk: &Desk<'_>, name: &str) -> Checked<String> {
    desk.shaped(name, "1.0", "all", |builder| builder.file("usr/share/other", "another content", 0o644))
}

/// Adds a package that must be taken, and downloads it with apt.
fn is_taken(desk: &Desk<'_>, name: &str, version: &str) -> Checked {
    desk.add(&[&format!("{name}={version}")])?;
    let (_server, client) = desk.updated_client()?;
    client.sees(name, version)?;
    client.download(&[name])
}

/// Marks the state, changes it, and goes back.
fn went_back(desk: &Desk<'_>, change: impl Fn(&Desk<'_>) -> Checked) -> Checked<Published> {
    desk.tell(&Request::Mark("preprod", "before"))?;
    desk.next_second();
    change(desk)?;
    desk.next_second();
    desk.tell(&Request::GoBack("preprod", "before"))?;
    Ok(desk.bookworm())
}

macro_rules! taken {
    ($case:literal, $rule:literal, $name:literal, $version:literal) => {
        Case::changing($case, $rule, &POOL, |desk| is_taken(desk, $name, $version))
    };
}

pub(super) const CASES: &[Case] = &[
    Case::changing(
        "pool/same-name-other-content-is-refused",
        "A package of the same name, version and architecture with another content is refused, or clients with the older lists find another file than is listed.",
        &POOL,
        |desk| {
            let suite = desk.bookworm();
            let old = suite.package("hello")?;
            let bytes = suite.file(&old)?;
            let file = other_content(desk, "hello")?;
            drop(attempt(desk, MAIN, file)?);
            ensure!(suite.package("hello")?.text("SHA256") == old.text("SHA256"), "the other content is listed");
            ensure!(suite.file(&old)? == bytes, "the file was replaced");
            suite.is_whole()
        },
    ),
    Case::changing(
        "pool/same-name-other-content-ends-with-an-error",
        "Adding such a package ends with an exit status other than 0: a build server sees nothing else.",
        &POOL,
        |desk| {
            let file = other_content(desk, "hello")?;
            ensure!(attempt(desk, MAIN, file)? != Answer::Done, "the exit status is 0");
            Ok(())
        },
    ),
    Case::changing(
        "pool/removed-version-does-not-return-with-another-content",
        "A version that was published and removed does not return with another content while machines may have the first.",
        &POOL,
        |desk| {
            desk.remove("hello", "1.0")?;
            let file = other_content(desk, "hello")?;
            drop(attempt(desk, MAIN, file)?);
            ensure!(desk.bookworm().versions("hello")?.is_empty(), "it does");
            Ok(())
        },
    ),
    Case::changing(
        "pool/same-file-twice-is-harmless",
        "Adding the same file again changes nothing and is not an error: scripts run twice.",
        &POOL,
        |desk| {
            let before = desk.bookworm().index("main/binary-amd64/Packages")?;
            desk.add(&["hello=1.0"])?;
            ensure!(desk.bookworm().index("main/binary-amd64/Packages")? == before, "the index changed");
            Ok(())
        },
    ),
    Case::changing(
        "pool/paths-of-packages-stay",
        "A package keeps its path over publications: clients with older lists ask for it there.",
        &POOL,
        |desk| {
            let before = desk.bookworm().package("hello")?;
            desk.add(&["fresh=1.0"])?;
            let after = desk.bookworm().package("hello")?;
            ensure!(before.text("Filename") == after.text("Filename"), "it moved to {}", after.text("Filename"));
            Ok(())
        },
    ),
    taken!("pool/package-called-lib-is-taken", "A package may be called `lib`, although pools sort libraries by four letters (Debian Policy, 5.6.7).", "lib", "1.0"),
    taken!("pool/name-of-two-letters-is-taken", "A name may have two characters (Debian Policy, 5.6.1).", "xy", "1.0"),
    taken!("pool/name-beginning-with-a-digit-is-taken", "A name may begin with a digit (Debian Policy, 5.6.1).", "0ad", "1.0"),
    taken!("pool/name-with-every-character-is-taken", "A name may have plus, minus and points (Debian Policy, 5.6.1).", "lib+a-b.c++", "1.0"),
    taken!("pool/long-name-is-taken", "A name of 120 characters is legal.", "long-name-that-goes-on-and-on-and-on-and-on-and-on-and-on-and-on-and-on-and-on-and-on-and-on-and-on-and-on-and-on-x", "1.0"),
    taken!("pool/version-with-every-character-is-taken", "A version may have plus, tilde, points and minus (Debian Policy, 5.6.12).", "odd", "2.0~rc1+git20261127.abc-1~deb13u1"),
    taken!("pool/version-with-an-epoch-is-taken", "A version may have an epoch, which is not part of the name of the file.", "epoch", "7:1.0-1"),
    taken!("pool/version-without-a-digit-at-its-end-is-taken", "A version may end in a letter.", "letters", "1.0a"),
    taken!("pool/version-zero-is-taken", "A version may be 0.", "zero", "0"),
    Case::changing(
        "pool/large-descriptions-are-taken",
        "A description of 300 kB is kept whole.",
        &POOL,
        |desk| {
            let long = format!("large\n{}",  " a line of the description\n".repeat(12_000).trim_end_matches('\n'));
            let file = desk.shaped("large", "1.0", "all", |builder| builder.description(long))?;
            ensure!(attempt(desk, MAIN, file)? == Answer::Done, "it was refused");
            let lines = desk.bookworm().package("large")?.text("Description").lines().count();
            ensure!(lines == 12_001, "it has {lines} lines");
            Ok(())
        },
    ),
    Case::changing(
        "pool/many-fields-are-taken",
        "A package with 500 fields of its own is legal, and all are kept.",
        &POOL,
        |desk| {
            let file = desk.shaped("fields", "1.0", "all", |builder| {
                (0..500).fold(builder, |builder, number| builder.field(format!("X-Field-{number}"), "value"))
            })?;
            ensure!(attempt(desk, MAIN, file)? == Answer::Done, "it was refused");
            let kept = desk.bookworm().package("fields")?.0.iter().filter(|(name, _)| name.starts_with("X-Field-")).count();
            ensure!(kept == 500, "{kept} are kept");
            Ok(())
        },
    ),
    Case::changing(
        "pool/packages-of-every-compression-are-taken",
        "Packages compressed with nothing, gzip, xz and zstd are taken, as dpkg takes them (deb(5)).",
        &POOL,
        |desk| {
            use deb_parse::deb::Compression;
            let mut files = Vec::new();
            for (name, compression) in [("plain", Compression::None), ("gzip", Compression::Gzip), ("xz", Compression::Xz), ("zstd", Compression::Zstd)] {
                files.push(desk.shaped(&format!("with-{name}"), "1.0", "all", |builder| builder.compression(compression))?);
            }
            desk.tell(&Request::Add(MAIN, &files))?;
            desk.publish()?;
            for name in ["with-plain", "with-gzip", "with-xz", "with-zstd"] {
                ensure!(desk.bookworm().versions(name)? == ["1.0"], "{name} is missing");
            }
            Ok(())
        },
    ),
    Case::changing(
        "pool/packages-of-other-builders-are-taken",
        "Packages as cargo-deb, nfpm, jdeb, CPack and Bazel write them are taken, as dpkg takes them.",
        &POOL,
        |desk| {
            for foreign in testkit::builders::foreign_packages() {
                let file = desk.write(&format!("{}_1.0_all.deb", foreign.name), &foreign.bytes)?;
                let answer = attempt(desk, MAIN, file)?;
                ensure!(answer == Answer::Done, "that of {} is refused: {answer:.120?}", foreign.name);
                ensure!(desk.bookworm().versions(&foreign.name)? == ["1.0"], "that of {} is missing", foreign.name);
            }
            Ok(())
        },
    ),
    Case::new(
        "suites/same-file-in-two-suites",
        "A package that was added to two suites is listed in both with one checksum.",
        &PLAIN,
        |desk| {
            let (bookworm, trixie) = (desk.bookworm(), desk.suite("preprod", "trixie"));
            let (one, other) = (bookworm.package("tool")?, trixie.package("tool")?);
            ensure!(one.text("SHA256") == other.text("SHA256"), "they differ");
            ensure!(bookworm.file(&one)? == trixie.file(&other)?, "the files differ");
            Ok(())
        },
    ),
    Case::changing(
        "suites/other-content-in-another-suite-is-refused-or-apart",
        "One version with two contents in two suites of one archive is refused, or each suite keeps a file of its own.",
        &PLAIN,
        |desk| {
            let file = other_content(desk, "tool")?;
            desk.tell(&Request::Remove(TRIXIE, Package { name: "tool", version: "1.0" }))?;
            drop(attempt(desk, TRIXIE, file)?);
            desk.bookworm().is_whole()?;
            desk.suite("preprod", "trixie").is_whole()
        },
    ),
    Case::changing(
        "suites/removal-from-one-leaves-the-other",
        "A package removed from one suite stays in the other, and so does its file.",
        &PLAIN,
        |desk| {
            desk.remove("tool", "1.0")?;
            ensure!(desk.bookworm().versions("tool")?.is_empty(), "it is still listed");
            let trixie = desk.suite("preprod", "trixie");
            ensure!(trixie.versions("tool")? == ["1.0"], "the other suite has lost it");
            trixie.is_whole()
        },
    ),
    Case::changing(
        "suites/removal-from-one-repository-leaves-the-other",
        "A package removed from one repository stays in the one that it was copied to.",
        &PLAIN,
        |desk| {
            desk.remove("hello", "1.0")?;
            let prod = desk.suite("prod", "bookworm");
            ensure!(prod.versions("hello")? == ["1.0"], "the other repository has lost it");
            prod.is_whole()
        },
    ),
    Case::changing(
        "suites/copy-brings-the-named-version",
        "A copy brings the version that was named to the other repository, in place of or beside the one there.",
        &PLAIN,
        |desk| {
            desk.add(&["only-new=3.0"])?;
            desk.tell(&Request::Promote(MAIN, Package { name: "only-new", version: "3.0" }, "prod"))?;
            desk.tell(&Request::Publish("prod"))?;
            let prod = desk.suite("prod", "bookworm");
            ensure!(prod.versions("only-new")? == ["3.0"], "it is not there");
            ensure!(prod.versions("tool")?.is_empty(), "it brought more than was named");
            prod.is_whole()
        },
    ),
    Case::changing(
        "suites/copy-of-an-odd-version",
        "A copy finds a version with an epoch, a tilde and a plus.",
        &PLAIN,
        |desk| {
            let version = crate::worlds::ODD_VERSION;
            desk.tell(&Request::Promote(MAIN, Package { name: "libfoo+bar", version }, "prod"))?;
            desk.tell(&Request::Publish("prod"))?;
            let versions = desk.suite("prod", "bookworm").versions("libfoo+bar")?;
            ensure!(versions == [version], "{versions:?}");
            Ok(())
        },
    ),
    Case::changing(
        "suites/copy-of-what-is-not-there-fails",
        "A copy of a version that does not exist is a failure, so that a release script stops.",
        &PLAIN,
        |desk| {
            let answer = desk.ask(&Request::Promote(MAIN, Package { name: "hello", version: "99" }, "prod"))?;
            ensure!(answer != Answer::Done, "the exit status is 0");
            Ok(())
        },
    ),
    Case::changing(
        "suites/removal-of-what-is-not-there-fails",
        "A removal of a version that does not exist is a failure, so that a mistyped name is seen.",
        &PLAIN,
        |desk| {
            let answer = desk.ask(&Request::Remove(MAIN, Package { name: "helo", version: "1.0" }))?;
            ensure!(answer != Answer::Done, "the exit status is 0");
            Ok(())
        },
    ),
    Case::changing(
        "back/content-is-that-of-the-marked-state",
        "Going back brings the index of the marked state, byte for byte.",
        &HISTORY,
        |desk| {
            let before = desk.bookworm().index("main/binary-amd64/Packages")?;
            let suite = went_back(desk, |desk| desk.add(&["hello=2.0", "fresh=1.0"]))?;
            ensure!(suite.index("main/binary-amd64/Packages")? == before, "it is another one");
            suite.is_whole()
        },
    )
    .needs(&[Feature::GoBack]),
    Case::changing(
        "back/removed-package-returns-with-its-file",
        "Going back over a removal brings the package back, and its file.",
        &HISTORY,
        |desk| {
            let suite = went_back(desk, |desk| desk.remove("hello", "1.0"))?;
            ensure!(suite.versions("hello")? == ["1.0"], "it is not listed");
            suite.is_whole()
        },
    )
    .needs(&[Feature::GoBack]),
    Case::changing(
        "back/date-is-new",
        "Date is that of now: apt drops an older one than it has silently, and nobody would go back (apt-secure(8)).",
        &HISTORY,
        |desk| {
            desk.tell(&Request::Mark("preprod", "before"))?;
            desk.next_second();
            desk.add(&["hello=2.0"])?;
            let newer = desk.bookworm().release()?.time("Date")?;
            desk.next_second();
            desk.tell(&Request::GoBack("preprod", "before"))?;
            ensure!(desk.bookworm().release()?.time("Date")? > newer, "it is older than what clients have");
            Ok(())
        },
    )
    .needs(&[Feature::GoBack]),
    Case::changing(
        "back/mtime-is-new",
        "InRelease is newer than the one before, or a server answers 304 and clients stay.",
        &HISTORY,
        |desk| {
            desk.tell(&Request::Mark("preprod", "before"))?;
            desk.next_second();
            desk.add(&["hello=2.0"])?;
            let newer = desk.bookworm().modified()?;
            desk.next_second();
            desk.tell(&Request::GoBack("preprod", "before"))?;
            ensure!(desk.bookworm().modified()? > newer, "it is not");
            Ok(())
        },
    )
    .needs(&[Feature::GoBack]),
    Case::changing(
        "back/clients-follow",
        "A client that had the newer state sees the older version as candidate after its next update.",
        &HISTORY,
        |desk| {
            let (_server, client) = desk.bookworm_client()?;
            went_back(desk, |desk| {
                desk.add(&["hello=2.0"])?;
                client.update()?;
                client.sees("hello", "2.0")
            })?;
            client.update()?;
            client.sees("hello", "1.0")?;
            client.download(&["hello"])
        },
    )
    .needs(&[Feature::GoBack]),
    Case::changing(
        "back/those-who-read-the-newer-state-can-finish",
        "Clients with the lists of the newer state can still download what these name.",
        &HISTORY,
        |desk| {
            let (_server, client) = desk.bookworm_client()?;
            went_back(desk, |desk| {
                desk.add(&["hello=2.0"])?;
                client.update()
            })?;
            client.download(&["hello=2.0"])
        },
    )
    .needs(&[Feature::GoBack]),
    Case::changing(
        "back/twice-leads-to-the-same",
        "Going back to a state in which one is already is safe.",
        &HISTORY,
        |desk| {
            let before = desk.bookworm().index("main/binary-amd64/Packages")?;
            let suite = went_back(desk, |desk| desk.add(&["fresh=1.0"]))?;
            let again = desk.ask(&Request::GoBack("preprod", "before"))?;
            if let Answer::Failed(text) = &again {
                miss!("it failed: {}", tail(text));
            }
            ensure!(suite.index("main/binary-amd64/Packages")? == before, "it is another state");
            suite.is_whole()
        },
    )
    .needs(&[Feature::GoBack]),
    Case::changing(
        "back/and-forward-again",
        "After going back the newer packages can be published again, and clients get them.",
        &HISTORY,
        |desk| {
            let suite = went_back(desk, |desk| desk.add(&["hello=2.0"]))?;
            desk.next_second();
            desk.add(&["hello=2.0"])?;
            ensure!(suite.versions("hello")?.contains(&"2.0".to_owned()), "the newer one is not listed");
            suite.is_whole()
        },
    )
    .needs(&[Feature::GoBack]),
    Case::changing(
        "back/other-suites-of-the-repository-are-whole",
        "After going back every suite of the repository is whole.",
        &PLAIN,
        |desk| {
            went_back(desk, |desk| desk.add(&["fresh=1.0"]))?.is_whole()?;
            desk.suite("preprod", "trixie").is_whole()?;
            desk.suite("prod", "bookworm").is_whole()
        },
    )
    .needs(&[Feature::GoBack]),
];
