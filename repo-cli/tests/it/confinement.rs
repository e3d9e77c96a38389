//! What the commands can change that take files of strangers: nothing but what they are for.

use std::collections::BTreeSet;
use std::fs;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use rustix::process::{Pid, Signal, kill_process};
use testkit::Environment;

use crate::watching::{folder, watching};
use crate::{configure, store};

/// Writes into `log` what the program gives up.
fn traced(environment: &Environment, log: &Utf8Path) -> Command {
    let calls = "trace=landlock_add_rule,landlock_restrict_self";
    environment.wrapped(&["strace", "-f", "-qq", "-y", "-o", log.as_str(), "-e", calls])
}

/// Returns what it kept, or nothing where the system lacks Landlock. A reader of packages keeps nothing, so whoever kept something is the
/// program itself.
fn kept(log: &Utf8Path) -> Option<BTreeSet<Utf8PathBuf>> {
    let seen = fs::read_to_string(log).unwrap();
    if !seen.contains("landlock_restrict_self(") {
        testkit::skipped("this system has no Landlock");
        return None;
    }
    let places = seen.lines().filter_map(|line| line.split_once("parent_fd=")?.1.split_once('<'));
    Some(places.filter_map(|(_, rest)| Some(rest.split_once('>')?.0.into())).collect())
}

/// What every command may write to.
fn with_devices(places: &[Utf8PathBuf]) -> BTreeSet<Utf8PathBuf> {
    ["/dev/null", "/dev/tty"].map(Utf8PathBuf::from).into_iter().chain(places.iter().cloned()).collect()
}

#[test]
fn what_takes_files_of_strangers_can_change_neither_configuration_nor_keys() {
    if !testkit::all_installed(&["strace"]) {
        return;
    }
    let environment = store();
    let [of_add, of_incoming, of_serve] =
        ["add", "incoming", "serve"].map(|verb| environment.path(format!("{verb}.log")));
    let [data, public] = ["store", "public"].map(|name| environment.root().join(name));
    let package = environment.package("hello", "1.0", "all");
    let _ = environment
        .finish(traced(&environment, &of_add).args(["add", "preprod", package.as_str()]))
        .succeeds();
    let Some(places) = kept(&of_add) else { return };
    assert_eq!(places, with_devices(&[data.clone(), public.clone()]));

    let [drop, archive] = ["drop", "archive"].map(|name| folder(&environment, name));
    let after = format!("after = \"archive:{archive}\"\n");
    configure(&environment, &format!("[[incoming]]\nfolder = \"{drop}\"\nrepository = \"preprod\"\n{after}"));
    fs::copy(environment.package("jq", "1.0", "all"), drop.join("jq.deb")).unwrap();
    let taken =
        environment.finish(traced(&environment, &of_incoming).args(["incoming", "--once"])).succeeds();
    assert!(taken.stdout.contains("added 1 package to preprod"), "{taken}");
    assert_eq!(kept(&of_incoming).unwrap(), with_devices(&[data.clone(), public, drop, archive]));

    let mut serve = traced(&environment, &of_serve);
    let serve = serve.args(["serve", "--only", "files", "--listen", "127.0.0.1:0"]);
    let mut serve = serve.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    // The readers that it tries give up everything. It keeps something.
    let has_given_up = || {
        let seen = fs::read_to_string(&of_serve).ok()?;
        let number = seen.lines().find(|line| line.contains("landlock_add_rule("))?.split(' ').next()?;
        let mut own = seen.lines().filter(|line| line.split(' ').next() == Some(number));
        own.any(|line| line.contains("restrict_self(")).then(|| number.parse().ok()).flatten()
    };
    let began = Instant::now();
    let number = loop {
        if let Some(number) = has_given_up() {
            break number;
        }
        assert!(began.elapsed() < Duration::from_secs(60) && serve.try_wait().unwrap().is_none());
        sleep(Duration::from_millis(50));
    };
    // strace ends with the program.
    kill_process(Pid::from_raw(number).unwrap(), Signal::TERM).unwrap();
    let _ = serve.wait().unwrap();
    assert_eq!(kept(&of_serve).unwrap(), with_devices(&[data]));
}

#[test]
fn hooks_write_where_they_like_and_a_folder_that_comes_later_is_emptied_too() {
    let environment = store();
    let told = environment.path("told");
    let [first, second] = ["first", "second"].map(|name| folder(&environment, name));
    let table =
        |folder: &Utf8Path| format!("[[incoming]]\nfolder = \"{folder}\"\nrepository = \"preprod\"\n");
    let hook = format!(
        "[[hook]]\nname = \"ci\"\non = [\"add.success\"]\ncommand = [\"sh\", \"-c\", \"cat >> {told}\"]\n"
    );
    configure(&environment, &format!("{}{hook}", table(&first)));
    let watching = watching(&environment, &[]);
    fs::copy(environment.package("hello", "1.0", "all"), first.join("hello.deb")).unwrap();
    watching.wait_for("added hello 1.0 all");

    configure(&environment, &format!("{}{}{hook}", table(&first), table(&second)));
    fs::copy(environment.package("jq", "1.0", "all"), second.join("jq.deb")).unwrap();
    watching.signal(Signal::HUP);
    watching.wait_for("added jq 1.0 all");
    let began = Instant::now();
    let of_both = |told: &str| ["hello", "jq"].iter().all(|name| told.contains(name));
    while !fs::read_to_string(&told).is_ok_and(|told| of_both(&told)) {
        assert!(began.elapsed() < Duration::from_secs(60), "{}", watching.said());
        sleep(Duration::from_millis(50));
    }
    assert_eq!(fs::read_dir(&second).unwrap().count(), 0);
    assert!(!watching.said().contains("error"), "{}", watching.said());
    assert_eq!(watching.end(), Some(0));
}
