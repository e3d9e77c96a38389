//! The manager is killed in the middle of what it does.

use std::time::Duration;

use crate::case::{Case, Checked, ensure, miss};
use crate::desk::{Desk, MAIN};
use crate::manager::{Answer, Feature, Package, Request};
use crate::worlds::CRASH;

/// How many moments are tried, spread over the time that the request takes.
const MOMENTS: u32 = 6;

/// Kills a request at several moments of a world that is new each time, and checks what is left.
fn killed(
    desk: &Desk<'_>,
    prepare: impl Fn(&Desk<'_>) -> Checked,
    request: &Request<'_>,
    check: impl Fn(&Desk<'_>) -> Checked,
) -> Checked {
    prepare(desk)?;
    let whole = desk.time(request)?;
    for moment in 1..=MOMENTS {
        desk.restore()?;
        prepare(desk)?;
        let after = whole * moment / (MOMENTS + 1);
        desk.kill(request, after)?;
        if let Err(error) = check(desk) {
            miss!("killed after {} of {} ms: {error}", after.as_millis(), whole.as_millis());
        }
    }
    Ok(())
}

/// Checks that clients see a signed, whole state.
fn is_sound(desk: &Desk<'_>) -> Checked {
    let suite = desk.bookworm();
    desk.verified("0", suite.path("InRelease").as_str())?;
    desk.verified("0", &format!("{} {}", suite.path("Release.gpg"), suite.path("Release")))?;
    suite.is_whole()
}

/// Checks that the next commands work, without help, and lead to a whole state with a package.
fn goes_on(desk: &Desk<'_>) -> Checked {
    desk.next_second();
    desk.add(&["after=1.0"])?;
    ensure!(desk.bookworm().versions("after")? == ["1.0"], "what was added afterwards is not there");
    ensure!(desk.bookworm().versions("hello")? == ["1.0"], "a package of before is lost");
    is_sound(desk)
}

fn waiting(desk: &Desk<'_>) -> Checked {
    let file = desk.deb("fresh", "1.0", "all")?;
    desk.tell(&Request::Add(MAIN, &[file]))
}

fn nothing(_: &Desk<'_>) -> Checked {
    Ok(())
}

fn fresh_file(desk: &Desk<'_>) -> Checked<Vec<String>> {
    Ok(vec![desk.deb("fresh", "1.0", "all")?])
}

pub(super) const CASES: &[Case] = &[
    Case::changing(
        "crash/killed-in-publish-leaves-a-signed-state",
        "Killed at any moment of a publication, clients see a whole, signed state: the old one or the new one.",
        &CRASH,
        |desk| killed(desk, waiting, &Request::Publish("preprod"), is_sound),
    ),
    Case::changing(
        "crash/killed-in-publish-goes-on",
        "After a killed publication the next commands work without help, and nothing is lost.",
        &CRASH,
        |desk| killed(desk, waiting, &Request::Publish("preprod"), goes_on),
    ),
    Case::changing(
        "crash/killed-in-publish-is-completed-by-the-next",
        "The same publication, given again, brings what the first was to bring.",
        &CRASH,
        |desk| {
            killed(desk, waiting, &Request::Publish("preprod"), |desk| {
                desk.publish()?;
                ensure!(desk.bookworm().versions("fresh")? == ["1.0"], "the package is not there");
                is_sound(desk)
            })
        },
    ),
    Case::changing(
        "crash/killed-in-add-leaves-a-signed-state",
        "Killed while a package is taken in, clients see a whole, signed state.",
        &CRASH,
        |desk| killed(desk, nothing, &Request::Add(MAIN, &fresh_file(desk)?), is_sound),
    ),
    Case::changing(
        "crash/killed-in-add-can-be-repeated",
        "The same package, added again, is taken in.",
        &CRASH,
        |desk| {
            let files = fresh_file(desk)?;
            killed(desk, nothing, &Request::Add(MAIN, &files), |desk| {
                desk.tell(&Request::Add(MAIN, &files))?;
                desk.publish()?;
                ensure!(desk.bookworm().versions("fresh")? == ["1.0"], "the package is not there");
                is_sound(desk)
            })
        },
    ),
    Case::changing(
        "crash/killed-in-remove-goes-on",
        "Killed while a package is taken out, the next commands work, and the others are there.",
        &CRASH,
        |desk| killed(desk, nothing, &Request::Remove(MAIN, Package { name: "tool", version: "1.0" }), goes_on),
    ),
    Case::changing(
        "crash/killed-in-going-back-goes-on",
        "Killed while an earlier state is restored, clients see a whole, signed state, and it can be restored again.",
        &CRASH,
        |desk| {
            let prepare = |desk: &Desk<'_>| -> Checked {
                desk.tell(&Request::Mark("preprod", "before"))?;
                desk.add(&["fresh=1.0"])
            };
            killed(desk, prepare, &Request::GoBack("preprod", "before"), |desk| {
                is_sound(desk)?;
                desk.tell(&Request::GoBack("preprod", "before"))?;
                ensure!(desk.bookworm().versions("fresh")?.is_empty(), "the state is another one");
                is_sound(desk)
            })
        },
    )
    .needs(&[Feature::GoBack]),
    Case::changing(
        "crash/second-command-waits-or-says-so",
        "A command given while another one runs waits for it or says that it cannot; both are done in the end, and nothing is lost.",
        &CRASH,
        |desk| {
            waiting(desk)?;
            let mut first = desk.start(&Request::Publish("preprod"))?;
            std::thread::sleep(Duration::from_millis(5));
            let file = desk.deb("second", "1.0", "all")?;
            let second = desk.ask(&Request::Add(MAIN, std::slice::from_ref(&file)))?;
            let status = first.wait()?;
            ensure!(status.success(), "the first failed");
            if second != Answer::Done {
                desk.tell(&Request::Add(MAIN, &[file]))?;
            }
            desk.publish()?;
            for name in ["fresh", "second", "hello"] {
                ensure!(desk.bookworm().versions(name)? == ["1.0"], "{name} is not there");
            }
            is_sound(desk)
        },
    ),
    Case::changing(
        "crash/full-disk-ends-with-an-error",
        "When nothing can be written, publishing ends with an error, and clients see the state before it.",
        &CRASH,
        |desk| {
            waiting(desk)?;
            let before = desk.bookworm().bytes("InRelease")?;
            // A limit on the size of files ends every write behind it with an error, as a full disk does.
            let mut command = desk.command(&Request::Publish("preprod"));
            let script = command.get_args().last().map(|script| script.to_string_lossy().into_owned()).unwrap_or_default();
            command = {
                let mut limited = desk.environment.other(&["sh", "-euc", &format!("trap '' XFSZ; ulimit -f 0\n{script}")]);
                limited.current_dir(desk.environment.path("state"));
                limited.env_remove("REPO_ROOT").env_remove("REPO_ACTOR");
                limited
            };
            let output = command.output()?;
            ensure!(!output.status.success(), "the exit status is 0");
            ensure!(desk.bookworm().bytes("InRelease")? == before, "the state of clients changed");
            is_sound(desk)
        },
    ),
];
