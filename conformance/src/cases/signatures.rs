//! Signatures, and keys that are replaced.

use crate::case::{Case, Checked, ensure, miss};
use crate::desk::Desk;
use crate::manager::Feature;
use crate::published::{Published, clear_text, walk};
use crate::worlds::{KEYS, PLAIN};

/// What gpgv says of the signatures of InRelease, with a keyring.
fn inline(desk: &Desk<'_>, suite: &Published, known: &str) -> Checked<String> {
    desk.verified(known, suite.path("InRelease").as_str())
}

fn detached(desk: &Desk<'_>, suite: &Published, known: &str) -> Checked<String> {
    desk.verified(known, &format!("{} {}", suite.path("Release.gpg"), suite.path("Release")))
}

/// The words behind `VALIDSIG` of each good signature (doc/DETAILS of GnuPG).
fn good(status: &str) -> Vec<Vec<&str>> {
    let lines = status.lines().filter_map(|line| line.strip_prefix("[GNUPG:] VALIDSIG "));
    lines.map(|line| line.split(' ').collect()).collect()
}

/// Checks what each of the signatures of InRelease says, and that there is one.
fn each_signature(desk: &Desk<'_>, check: impl Fn(&[&str]) -> Checked) -> Checked {
    let status = inline(desk, &desk.bookworm(), "0")?;
    let signatures = good(&status);
    ensure!(!signatures.is_empty(), "no good signature");
    signatures.iter().try_for_each(|words| check(words))
}

fn client_updates(desk: &Desk<'_>, known: &str) -> Checked {
    let suite = desk.bookworm();
    let server = desk.serve(&suite)?;
    let client = desk.client_with(&format!("apt-{known}"), &server, &suite, known)?;
    client.update()?;
    client.sees("hello", "1.0")
}

pub(super) const CASES: &[Case] = &[
    Case::new(
        "signature/inrelease-is-good",
        "gpgv finds the signature of InRelease good with the public key alone (apt-secure(8)).",
        &PLAIN,
        |desk| {
            for (repository, suite) in [("preprod", "bookworm"), ("preprod", "trixie"), ("prod", "bookworm"), ("prod", "trixie")] {
                inline(desk, &desk.suite(repository, suite), "0")?;
            }
            Ok(())
        },
    ),
    Case::new(
        "signature/release-gpg-is-good",
        "The detached signature is good for Release, for clients and mirrors that do not read InRelease (RepositoryFormat).",
        &PLAIN,
        |desk| detached(desk, &desk.bookworm(), "0").map(drop),
    ),
    Case::new(
        "signature/is-by-the-told-key",
        "The key that was told signs, and no other: machines are given that one.",
        &PLAIN,
        |desk| {
            each_signature(desk, |words| {
                ensure!(words.first() == Some(&desk.fingerprint(0)), "it is by {:?}", words.first());
                Ok(())
            })
        },
    ),
    Case::new(
        "signature/detached-one-is-by-the-same-keys",
        "The detached signature is by the same keys as that of InRelease, or one kind of client is left behind in a rotation.",
        &PLAIN,
        |desk| {
            let suite = desk.bookworm();
            let keys = |status: &str| good(status).iter().filter_map(|words| words.first().map(|key| (*key).to_owned())).collect::<Vec<_>>();
            let (first, second) = (keys(&inline(desk, &suite, "both")?), keys(&detached(desk, &suite, "both")?));
            ensure!(first == second, "{first:?} and {second:?}");
            Ok(())
        },
    ),
    Case::new(
        "signature/digest-is-strong",
        "The digest of the signature is SHA-256 or stronger: apt refuses SHA-1, and sqv SHA-224 too (RFC 9580, 9.5).",
        &PLAIN,
        |desk| {
            each_signature(desk, |words| {
                let digest = words.get(7).copied().unwrap_or_default();
                ensure!(["8", "9", "10"].contains(&digest), "the digest is number {digest}");
                Ok(())
            })
        },
    ),
    Case::new(
        "signature/does-not-expire-by-itself",
        "The signature has no end of its own: Valid-Until is what clients explain to people.",
        &PLAIN,
        |desk| {
            each_signature(desk, |words| {
                ensure!(words.get(3) == Some(&"0"), "it ends at {:?}", words.get(3));
                Ok(())
            })
        },
    ),
    Case::new(
        "signature/is-not-from-the-future",
        "The time of the signature is not ahead of the clock, or gpgv refuses it.",
        &PLAIN,
        |desk| {
            each_signature(desk, |words| {
                let time: i64 = words.get(2).and_then(|time| time.parse().ok()).unwrap_or(i64::MAX);
                ensure!(time <= jiff::Timestamp::now().as_second(), "it is from {time}");
                Ok(())
            })
        },
    ),
    Case::new(
        "signature/nothing-stands-outside-of-it",
        "Nothing stands before or behind the signed message: apt once took such text for signed (CVE-2013-1051).",
        &PLAIN,
        |desk| {
            let text = desk.bookworm().text("InRelease")?;
            ensure!(text.starts_with("-----BEGIN PGP SIGNED MESSAGE-----\n"), "it begins with something else");
            ensure!(text.trim_end().ends_with("-----END PGP SIGNATURE-----"), "it ends with something else");
            ensure!(text.matches("-----BEGIN PGP SIGNED MESSAGE-----").count() == 1, "it has several messages");
            clear_text(&text).map(drop)
        },
    ),
    Case::new(
        "signature/detached-one-is-armored",
        "Release.gpg is armored: apt refuses the binary form (apt-secure(8)).",
        &PLAIN,
        |desk| {
            let text = desk.bookworm().text("Release.gpg")?;
            ensure!(text.starts_with("-----BEGIN PGP SIGNATURE-----"), "it is not");
            Ok(())
        },
    ),
    Case::new(
        "signature/apt-takes-release-and-release-gpg",
        "A client that gets no InRelease updates with Release and Release.gpg (RepositoryFormat).",
        &PLAIN,
        |desk| {
            let suite = desk.bookworm();
            let server = desk.serve(&suite)?;
            server.elsewhere(|path| path.ends_with("/InRelease"), None);
            let client = desk.client("apt", &server, &suite)?;
            let output = client.apt.get(&["update"]);
            ensure!(output.status == Some(0) && !output.text().contains("E:"), "{}", crate::client::complaint(&output));
            client.sees("hello", "1.0")
        },
    ),
    Case::new(
        "signature/secret-keys-are-not-served",
        "No file below the served root holds a secret key.",
        &PLAIN,
        |desk| {
            let root = desk.bookworm().root;
            for path in walk(&root)? {
                // A link may lead to a directory.
                let bytes = if path.is_file() { crate::published::read(&path)? } else { Vec::new() };
                let text = String::from_utf8_lossy(&bytes);
                ensure!(!text.contains("PRIVATE KEY"), "{} holds one", path.file_name().unwrap_or_default());
            }
            Ok(())
        },
    ),
    Case::changing(
        "signature/two-keys-sign-together",
        "While a key is replaced the old and the new one sign: machines that know either stay up to date (apt-secure(8)).",
        &KEYS,
        |desk| {
            desk.sign_with(&[0, 1])?;
            let status = inline(desk, &desk.bookworm(), "both")?;
            ensure!(good(&status).len() == 2, "{} signatures are good", good(&status).len());
            Ok(())
        },
    )
    .needs(&[Feature::TwoKeys]),
    Case::changing(
        "signature/two-keys-sign-release-gpg-too",
        "Release.gpg has both signatures as well, for mirrors and clients that read it.",
        &KEYS,
        |desk| {
            desk.sign_with(&[0, 1])?;
            let status = detached(desk, &desk.bookworm(), "both")?;
            ensure!(good(&status).len() == 2, "{} signatures are good", good(&status).len());
            Ok(())
        },
    )
    .needs(&[Feature::TwoKeys]),
    Case::changing(
        "signature/two-keys-stand-in-one-block",
        "Both signatures stand in one block of armor: sqv (apt 3) reads the first block only.",
        &KEYS,
        |desk| {
            desk.sign_with(&[0, 1])?;
            for name in ["InRelease", "Release.gpg"] {
                let blocks = desk.bookworm().text(name)?.matches("-----BEGIN PGP SIGNATURE-----").count();
                ensure!(blocks == 1, "{name} has {blocks} blocks");
            }
            Ok(())
        },
    )
    .needs(&[Feature::TwoKeys]),
    Case::changing(
        "signature/client-with-the-old-key-is-not-warned",
        "With two signatures a client that knows the old key alone updates without a warning.",
        &KEYS,
        |desk| {
            desk.sign_with(&[0, 1])?;
            client_updates(desk, "0")
        },
    )
    .needs(&[Feature::TwoKeys]),
    Case::changing(
        "signature/client-with-the-new-key-is-not-warned",
        "With two signatures a client that knows the new key alone updates without a warning.",
        &KEYS,
        |desk| {
            desk.sign_with(&[0, 1])?;
            client_updates(desk, "1")
        },
    )
    .needs(&[Feature::TwoKeys]),
    Case::changing(
        "signature/old-key-can-be-dropped",
        "After the change only the new key signs.",
        &KEYS,
        |desk| {
            desk.sign_with(&[0, 1])?;
            desk.sign_with(&[1])?;
            let status = inline(desk, &desk.bookworm(), "both")?;
            match good(&status).as_slice() {
                [words] if words.first() == Some(&desk.fingerprint(1)) => Ok(()),
                others => miss!("{} signatures are good", others.len()),
            }
        },
    )
    .needs(&[Feature::TwoKeys]),
    Case::changing(
        "signature/client-with-both-keys-never-notices",
        "A client with both keys updates without a warning before, during and after the change of keys.",
        &KEYS,
        |desk| {
            let suite = desk.bookworm();
            let server = desk.serve(&suite)?;
            let client = desk.client_with("apt-both", &server, &suite, "both")?;
            client.update()?;
            for keys in [&[0, 1][..], &[1]] {
                desk.next_second();
                desk.sign_with(keys)?;
                client.update()?;
            }
            client.sees("hello", "1.0")
        },
    )
    .needs(&[Feature::TwoKeys]),
    Case::changing(
        "signature/change-of-keys-changes-no-index",
        "Signing with other keys changes no index, unless the keys are published as a package: clients load InRelease and nothing else.",
        &KEYS,
        |desk| {
            let before = desk.bookworm().release()?;
            desk.sign_with(&[1])?;
            let after = desk.bookworm().release()?;
            // A manager may publish its keys as a package: then an index is larger, and every package before is still in it.
            let packages = "main/binary-amd64/Packages";
            let listed = |release: &crate::published::Release| release.files.get(packages).map(|listed| listed.checksums.clone());
            if listed(&before) != listed(&after) {
                for name in ["hello", "tool"] {
                    ensure!(desk.bookworm().versions(name)? == ["1.0"], "{name} is not as it was");
                }
                let stanzas = desk.bookworm().packages("main", "amd64")?;
                let other = stanzas.iter().find(|stanza| !["hello", "tool"].contains(&stanza.text("Package")) && !stanza.text("Package").ends_with("-archive-keyring"));
                ensure!(other.is_none(), "there is {}", other.map(crate::stanza::Stanza::id).unwrap_or_default());
            }
            Ok(())
        },
    ),
    Case::changing(
        "signature/keys-change-for-all-suites-at-once",
        "After a change of keys no suite is left with a signature by the old key alone.",
        &PLAIN,
        |desk| {
            desk.sign_with(&[1])?;
            for (repository, suite) in [("preprod", "bookworm"), ("preprod", "trixie"), ("prod", "bookworm"), ("prod", "trixie")] {
                inline(desk, &desk.suite(repository, suite), "1")?;
            }
            Ok(())
        },
    ),
];
