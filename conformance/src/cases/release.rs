//! Release files: their fields and dates.

use crate::case::{Case, Checked, ensure, miss};
use crate::desk::{Desk, MAIN};
use crate::manager::{ALIAS as SECOND_NAME, Feature, ORIGIN, VALID_DAYS};
use crate::published::{Published, clear_text};
use crate::worlds::{ALIAS, HISTORY, NOT_AUTOMATIC, PLAIN, VALID};

/// Checks the Release file of every suite of the world.
fn each(desk: &Desk<'_>, check: impl Fn(&Published, &crate::published::Release) -> Checked) -> Checked {
    for repository in desk.world.layout.repositories {
        for suite in desk.world.layout.suites {
            let suite = desk.suite(repository, suite);
            check(&suite, &suite.release()?)?;
        }
    }
    Ok(())
}

fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

pub(super) const CASES: &[Case] = &[
    Case::new(
        "release/inrelease-is-there",
        "Each suite has an InRelease, which apt asks for first: with it text and signature cannot be of different states (apt-secure(8)).",
        &PLAIN,
        |desk| each(desk, |suite, _| suite.bytes("InRelease").map(drop)),
    ),
    Case::new(
        "release/release-says-what-inrelease-says",
        "Release holds the text of InRelease byte for byte, so that both kinds of clients see one state (RepositoryFormat).",
        &PLAIN,
        |desk| {
            each(desk, |suite, _| {
                let signed = clear_text(&suite.text("InRelease")?)?;
                ensure!(
                    signed.trim_end() == suite.text("Release")?.trim_end(),
                    "{}: they differ",
                    suite.distribution
                );
                Ok(())
            })
        },
    ),
    Case::new(
        "release/is-one-paragraph",
        "The file is one paragraph: apt reads the first, and what stands in another is lost without a word (RepositoryFormat).",
        &PLAIN,
        |desk| each(desk, |_, _| Ok(())),
    ),
    Case::new(
        "release/suite-or-codename-is-the-path",
        "Suite or Codename is the name below dists/, or apt warns of a conflicting distribution at every update.",
        &PLAIN,
        |desk| {
            each(desk, |suite, release| {
                let names = [release.fields.text("Suite"), release.fields.text("Codename")];
                ensure!(
                    names.contains(&suite.distribution.as_str()),
                    "{}: they are {names:?}",
                    suite.distribution
                );
                Ok(())
            })
        },
    ),
    Case::new(
        "release/codename-is-there",
        "Codename is there: apt refuses a later change of it, so it should be known from the first update on (apt-secure(8)).",
        &PLAIN,
        |desk| {
            each(desk, |_, release| {
                ensure!(!release.fields.text("Codename").is_empty(), "no Codename");
                Ok(())
            })
        },
    ),
    Case::new(
        "release/origin-is-as-told",
        "Origin is what the manager was told: machines pin by it (apt_preferences(5)).",
        &PLAIN,
        |desk| {
            each(desk, |_, release| {
                ensure!(release.fields.text("Origin") == ORIGIN, "it is `{}`", release.fields.text("Origin"));
                Ok(())
            })
        },
    ),
    Case::new(
        "release/label-is-as-told",
        "Label is what the manager was told: machines pin by it (apt_preferences(5)).",
        &PLAIN,
        |desk| {
            let release = desk.suite("prod", "bookworm").release()?;
            ensure!(release.fields.text("Label") == "PROD", "it is `{}`", release.fields.text("Label"));
            Ok(())
        },
    )
    .needs(&[Feature::Label]),
    Case::new(
        "release/architectures-are-listed",
        "Architectures names every architecture of the suite: apt does not ask for the indices of others (RepositoryFormat).",
        &PLAIN,
        |desk| {
            each(desk, |_, release| {
                let listed = release.fields.words("Architectures");
                ensure!(listed.contains(&"amd64") && listed.contains(&"arm64"), "it is {listed:?}");
                Ok(())
            })
        },
    ),
    Case::new(
        "release/architecture-source-is-not-listed",
        "Architectures does not name `source`, which is not an architecture that a machine can have (RepositoryFormat).",
        &PLAIN,
        |desk| {
            each(desk, |_, release| {
                ensure!(!release.fields.words("Architectures").contains(&"source"), "it names source");
                Ok(())
            })
        },
    ),
    Case::new(
        "release/architecture-all-is-consistent",
        "A file that names `all` in Architectures lists binary-all/Packages or says No-Support-for-Architecture-all (RepositoryFormat).",
        &PLAIN,
        |desk| {
            each(desk, |_, release| {
                let claimed = release.fields.words("Architectures").contains(&"all");
                let listed = release.files.contains_key("main/binary-all/Packages");
                let denied = release.fields.get("No-Support-for-Architecture-all").is_some();
                ensure!(!claimed || listed || denied, "`all` is named and has no index");
                Ok(())
            })
        },
    ),
    Case::new(
        "release/components-are-listed",
        "Components names every component: apt warns of one that a source entry has and the file has not (RepositoryFormat).",
        &PLAIN,
        |desk| {
            each(desk, |_, release| {
                let listed = release.fields.words("Components");
                ensure!(listed.contains(&"main") && listed.contains(&"extra"), "it is {listed:?}");
                Ok(())
            })
        },
    ),
    Case::new(
        "release/date-can-be-read",
        "Date is an RFC 2822 time in UTC: any other offset, or none, is an invalid date to apt (RepositoryFormat).",
        &PLAIN,
        |desk| {
            each(desk, |_, release| {
                let date = release.fields.text("Date");
                release.time("Date")?;
                ensure!(["UTC", "GMT", "+0000"].iter().any(|zone| date.ends_with(zone)), "it is `{date}`");
                Ok(())
            })
        },
    ),
    Case::new(
        "release/date-is-not-ahead",
        "Date is not ahead: apt refuses what is more than ten seconds ahead of its clock (apt.conf(5), Max-FutureTime).",
        &PLAIN,
        |desk| {
            each(desk, |_, release| {
                let ahead = release.time("Date")? - now();
                ensure!(ahead <= 0, "it is {ahead} s ahead");
                Ok(())
            })
        },
    ),
    Case::changing(
        "release/date-rises-with-each-publication",
        "Date rises with each publication: apt drops an older one silently, and the client stays where it is (apt-secure(8)).",
        &HISTORY,
        |desk| {
            let before = desk.bookworm().release()?.time("Date")?;
            desk.next_second();
            desk.add(&["fresh=1.0"])?;
            let after = desk.bookworm().release()?.time("Date")?;
            ensure!(after > before, "it went from {before} to {after}");
            Ok(())
        },
    ),
    Case::changing(
        "release/mtime-rises-with-each-publication",
        "InRelease is newer in whole seconds after each publication: a server answers 304 to a client that has an equally old one (RFC 9110, 13.1.3).",
        &HISTORY,
        |desk| {
            let before = desk.bookworm().modified()?;
            desk.next_second();
            desk.add(&["fresh=1.0"])?;
            let after = desk.bookworm().modified()?;
            ensure!(after > before, "it went from {before} to {after}");
            Ok(())
        },
    ),
    Case::changing(
        "release/two-publications-in-one-second-are-told-apart",
        "Two publications in a row have different times, or a client that saw the first is told 304 for the second.",
        &HISTORY,
        |desk| {
            for name in ["burst-a", "burst-b", "burst-c", "burst-d"] {
                let before = (desk.bookworm().modified()?, desk.bookworm().bytes("InRelease")?);
                desk.add(&[name])?;
                let after = (desk.bookworm().modified()?, desk.bookworm().bytes("InRelease")?);
                ensure!(before.1 == after.1 || before.0 < after.0, "two states have the time {}", after.0);
            }
            Ok(())
        },
    ),
    Case::new(
        "release/strong-checksums-are-listed",
        "The indices are listed with SHA256: apt trusts neither MD5 nor SHA-1, and debootstrap reads no SHA512 alone (apt-secure(8)).",
        &PLAIN,
        |desk| {
            each(desk, |_, release| {
                ensure!(release.fields.get("SHA256").is_some(), "no SHA256");
                Ok(())
            })
        },
    ),
    Case::new(
        "release/checksums-list-the-same-files",
        "Every kind of checksum lists the same files: what the strongest kind leaves out does not exist for apt.",
        &PLAIN,
        |desk| {
            each(desk, |_, release| {
                let kinds =
                    crate::digest::KINDS.iter().filter(|kind| release.fields.get(kind).is_some()).count();
                let partly = release.files.iter().find(|(_, listed)| listed.checksums.len() != kinds);
                ensure!(
                    partly.is_none(),
                    "{}: not listed with each kind",
                    partly.map_or("", |(name, _)| name)
                );
                Ok(())
            })
        },
    ),
    Case::new(
        "release/no-file-is-listed-twice",
        "No file is listed twice with one kind of checksum, since clients differ in which of the lines they take.",
        &PLAIN,
        |desk| {
            each(desk, |_, release| {
                let kinds =
                    crate::digest::KINDS.iter().filter(|kind| release.fields.get(kind).is_some()).count();
                for (name, listed) in &release.files {
                    ensure!(listed.sizes.len() <= kinds, "{name} is listed {} times", listed.sizes.len());
                }
                Ok(())
            })
        },
    ),
    Case::new(
        "release/no-field-occurs-twice",
        "No field occurs twice: apt takes one of the two, other readers the other or none (deb822(5)).",
        &PLAIN,
        |desk| {
            each(desk, |_, release| {
                for (number, (name, _)) in release.fields.0.iter().enumerate() {
                    let earlier = release.fields.0.iter().take(number);
                    ensure!(!earlier.into_iter().any(|(other, _)| other == name), "{name} occurs twice");
                }
                Ok(())
            })
        },
    ),
    Case::new(
        "release/paths-stay-below-the-suite",
        "Every listed path is relative and has no `..`: it becomes a path on mirrors and clients.",
        &PLAIN,
        |desk| {
            each(desk, |_, release| {
                let bad = release.files.keys().find(|name| {
                    name.starts_with('/') || name.split('/').any(|part| part == ".." || part.is_empty())
                });
                ensure!(bad.is_none(), "{bad:?}");
                Ok(())
            })
        },
    ),
    Case::new(
        "release/lists-not-itself",
        "The file lists neither itself nor InRelease nor Release.gpg of the suite, whose checksums cannot be known when it is written.",
        &PLAIN,
        |desk| {
            each(desk, |_, release| {
                let own = ["Release", "InRelease", "Release.gpg"]
                    .into_iter()
                    .find(|name| release.files.contains_key(*name));
                ensure!(own.is_none(), "{own:?} is listed");
                Ok(())
            })
        },
    ),
    Case::new(
        "release/plain-form-of-each-index-is-listed",
        "The uncompressed form of each index is listed, there or not: apt skips an index silently that is listed compressed only.",
        &PLAIN,
        |desk| {
            each(desk, |_, release| {
                for name in release.indices() {
                    ensure!(release.files.contains_key(name), "{name} is not listed");
                }
                Ok(())
            })
        },
    ),
    Case::new(
        "release/empty-architectures-have-an-index",
        "An architecture without packages has an index all the same, or machines of it fail to update.",
        &PLAIN,
        |desk| {
            each(desk, |_, release| {
                for (component, architecture) in
                    [("main", "amd64"), ("main", "arm64"), ("extra", "amd64"), ("extra", "arm64")]
                {
                    let name = format!("{component}/binary-{architecture}/Packages");
                    ensure!(release.files.contains_key(&name), "{name} is not listed");
                }
                Ok(())
            })
        },
    ),
    Case::new(
        "release/last-line-is-not-needed-by-debootstrap",
        "The last line is not the Packages file that debootstrap takes: up to 1.0.141 it loses the last line of InRelease.",
        &PLAIN,
        |desk| {
            each(desk, |suite, release| {
                let message = suite.text("InRelease")?;
                let before = message.split("\n-----BEGIN PGP SIGNATURE").next().unwrap_or_default();
                let last = before.lines().last().unwrap_or_default();
                let name = last.split_whitespace().nth(2).unwrap_or_default();
                // What debootstrap takes is the smallest form of Packages; the last line in the order of names is seldom one.
                let size =
                    |name: &str| release.files.get(name).and_then(|listed| listed.sizes.first().copied());
                let plain = crate::published::plain(name);
                let forms = ["", ".xz", ".gz", ".bz2"].map(|form| format!("{plain}{form}"));
                let smallest = forms.iter().filter_map(|form| size(form).map(|size| (size, form))).min();
                ensure!(
                    !plain.ends_with("/Packages") || smallest.is_none_or(|(_, form)| form != name),
                    "the last line is `{last}`"
                );
                Ok(())
            })
        },
    ),
    Case::new(
        "release/has-no-signed-by",
        "The file has no Signed-By: apt 3.3 warns of it, and older clients lock themselves to a key that may have to go.",
        &PLAIN,
        |desk| {
            each(desk, |_, release| {
                ensure!(release.fields.get("Signed-By").is_none(), "it has Signed-By");
                Ok(())
            })
        },
    ),
    Case::new(
        "release/no-valid-until-unless-asked-for",
        "Without being told so a manager writes no Valid-Until, or clients refuse a repository that is left alone (apt-secure(8)).",
        &PLAIN,
        |desk| {
            each(desk, |_, release| {
                ensure!(release.fields.get("Valid-Until").is_none(), "it is there");
                Ok(())
            })
        },
    ),
    Case::new(
        "release/not-automatic-only-when-asked-for",
        "Without being told so a manager does not write NotAutomatic, or nothing is installed from the suite (apt_preferences(5)).",
        &PLAIN,
        |desk| {
            each(desk, |_, release| {
                ensure!(release.fields.get("NotAutomatic").is_none_or(|value| value != "yes"), "it is there");
                Ok(())
            })
        },
    ),
    Case::new(
        "release/valid-until-is-in-the-future",
        "Valid-Until is as far ahead as told: what has passed is refused by every client (apt-secure(8)).",
        &VALID,
        |desk| {
            let left = desk.bookworm().release()?.time("Valid-Until")? - now();
            let days = i64::try_from(VALID_DAYS).unwrap_or_default() * 24 * 60 * 60;
            ensure!((days - 3600..=days).contains(&left), "it is {left} s ahead, told were {days}");
            Ok(())
        },
    ),
    Case::new(
        "release/valid-until-can-be-read",
        "Valid-Until has the form of Date, in UTC (RepositoryFormat).",
        &VALID,
        |desk| {
            let release = desk.bookworm().release()?;
            let text = release.fields.text("Valid-Until");
            ensure!(["UTC", "GMT", "+0000"].iter().any(|zone| text.ends_with(zone)), "it is `{text}`");
            Ok(())
        },
    ),
    Case::new(
        "release/apt-takes-what-is-valid",
        "apt with its checks of dates switched on takes a suite with Valid-Until (apt.conf(5), Check-Valid-Until).",
        &VALID,
        |desk| {
            let suite = desk.bookworm();
            let server = desk.serve(&suite)?;
            desk.client("apt", &server, &suite)?.update()
        },
    ),
    Case::new(
        "release/apt-refuses-what-has-expired",
        "A client whose clock is past Valid-Until refuses the suite: replayed old states end (apt-secure(8)).",
        &VALID,
        |desk| {
            if !testkit::is_installed("faketime") {
                return Err(crate::case::Shortfall::Skipped("faketime is not installed".to_owned()));
            }
            let (_server, client) = desk.bookworm_client()?;
            let configuration = client.apt.path("etc/apt/apt.conf");
            let later = format!("faketime -f +{}d", VALID_DAYS + 1);
            let update =
                desk.program(&format!("APT_CONFIG={configuration} {later} apt-get update 2>&1 || true"))?;
            ensure!(update.contains("is expired"), "it takes it: {}", crate::desk::tail(&update));
            Ok(())
        },
    ),
    Case::new(
        "release/not-automatic-is-as-told",
        "A suite with NotAutomatic and ButAutomaticUpgrades has the priority 100 for apt (apt_preferences(5)).",
        &NOT_AUTOMATIC,
        |desk| {
            let suite = desk.bookworm();
            let release = suite.release()?;
            ensure!(release.fields.text("NotAutomatic") == "yes", "no NotAutomatic");
            let server = desk.serve(&suite)?;
            let client = desk.client("apt", &server, &suite)?;
            client.update()?;
            let policies = client.apt.policies();
            ensure!(policies.contains(" 100 http"), "apt gives it another priority");
            Ok(())
        },
    ),
    Case::new(
        "release/but-automatic-upgrades-is-as-told",
        "ButAutomaticUpgrades is there when told, or what was installed from the suite gets no upgrades (RepositoryFormat).",
        &NOT_AUTOMATIC,
        |desk| {
            let release = desk.bookworm().release()?;
            ensure!(release.fields.text("ButAutomaticUpgrades") == "yes", "it is not there");
            Ok(())
        },
    ),
    Case::new(
        "release/second-name-has-a-path",
        "The second name of a suite leads to the same state (RepositoryFormat, Suite and Codename).",
        &ALIAS,
        |desk| {
            let mut alias = desk.bookworm();
            let codename = alias.bytes("InRelease")?;
            SECOND_NAME.clone_into(&mut alias.distribution);
            ensure!(alias.bytes("InRelease")? == codename, "they differ");
            Ok(())
        },
    ),
    Case::new(
        "release/second-name-is-taken-without-a-warning",
        "A client that names the suite by its second name is not warned, so Suite must be that name.",
        &ALIAS,
        |desk| {
            let mut alias = desk.bookworm();
            SECOND_NAME.clone_into(&mut alias.distribution);
            let server = desk.serve(&alias)?;
            desk.client("apt", &server, &alias)?.update()
        },
    ),
    Case::changing(
        "release/fields-that-clients-guard-stay",
        "Origin, Label, Suite, Codename and NotAutomatic stay from one publication to the next: apt stops at a change (apt-secure(8)).",
        &HISTORY,
        |desk| {
            let before = desk.bookworm().release()?;
            desk.add(&["fresh=1.0"])?;
            let after = desk.bookworm().release()?;
            for name in
                ["Origin", "Label", "Suite", "Codename", "NotAutomatic", "Architectures", "Components"]
            {
                ensure!(before.fields.get(name) == after.fields.get(name), "{name} changed");
            }
            Ok(())
        },
    ),
    Case::changing(
        "release/publishing-the-same-again-is-safe",
        "Publishing again without a change leaves a whole state, with no older Date and no older InRelease than before.",
        &HISTORY,
        |desk| {
            let suite = desk.bookworm();
            let before = (suite.release()?.time("Date")?, suite.modified()?);
            desk.next_second();
            desk.publish()?;
            let after = (suite.release()?.time("Date")?, suite.modified()?);
            ensure!(before.0 <= after.0 && before.1 <= after.1, "they went from {before:?} to {after:?}");
            suite.is_whole()
        },
    ),
    Case::changing(
        "release/change-of-one-suite-leaves-the-others",
        "A change of one suite leaves the indices of the others as they were, and clients of these load nothing.",
        &PLAIN,
        |desk| {
            let other = desk.suite("preprod", "trixie");
            let before = other.release()?;
            let file = desk.deb("fresh", "1.0", "all")?;
            desk.tell(&crate::manager::Request::Add(MAIN, &[file]))?;
            desk.publish()?;
            let after = other.release()?;
            for (name, listed) in &before.files {
                match after.files.get(name) {
                    Some(now) if now.checksums == listed.checksums => {}
                    _ => miss!("{name} of the other suite changed"),
                }
            }
            Ok(())
        },
    ),
];
