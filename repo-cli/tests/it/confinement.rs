//! What takes files of strangers is kept to the directories that it is for.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use testkit::Environment;

use crate::watching::{folder, watching};
use crate::{configure, store};

/// The program, with a record in `log` of what its threads keep.
fn traced(environment: &Environment, log: &Utf8Path) -> Command {
    let calls = "trace=landlock_add_rule,landlock_restrict_self";
    environment.wrapped(&["strace", "-f", "-qq", "-y", "-o", log.as_str(), "-e", calls])
}

/// Returns what was kept. The processes that read packages keep nothing.
fn kept(log: &Utf8Path) -> BTreeSet<Utf8PathBuf> {
    let seen = fs::read_to_string(log).unwrap();
    let places = seen.lines().filter_map(|line| line.split_once("parent_fd=")?.1.split_once('<'));
    places.filter_map(|(_, rest)| Some(rest.split_once('>')?.0.into())).collect()
}

/// Whether the system can keep a thread from writing. Only the one that asks gives anything up.
fn can_be_kept() -> bool {
    let asked = std::thread::spawn(|| deb_sandbox::keep_writes_to([]).unwrap()).join().unwrap();
    if !asked {
        testkit::skipped("this system has no Landlock, or an early version of it");
    }
    asked
}

fn with_devices(places: &[&Utf8Path]) -> BTreeSet<Utf8PathBuf> {
    let devices = ["/dev/null", "/dev/tty"].map(Utf8Path::new);
    // By the names that the kernel has for them.
    devices.iter().chain(places).filter_map(|path| path.canonicalize_utf8().ok()).collect()
}

fn table(folder: &Utf8Path) -> String {
    format!("[[incoming]]\nfolder = \"{folder}\"\nrepository = \"preprod\"\n")
}

#[test]
fn what_takes_files_of_strangers_writes_neither_configuration_nor_keys_nor_what_is_published() {
    if !testkit::all_installed(&["strace"]) || !can_be_kept() {
        return;
    }
    let environment = store();
    let [of_add, of_incoming] = ["add", "incoming"].map(|verb| environment.path(format!("{verb}.log")));
    let data = environment.root().join("store");
    let package = environment.package("hello", "1.0", "all");
    let mut add = traced(&environment, &of_add);
    let _ = environment.finish(add.args(["add", "preprod", package.as_str()])).succeeds();
    assert_eq!(kept(&of_add), with_devices(&[&data]));

    let [drop, archive] = ["drop", "archive"].map(|name| folder(&environment, name));
    configure(&environment, &format!("{}after = \"archive:{archive}\"\n", table(&drop)));
    fs::copy(environment.package("jq", "1.0", "all"), drop.join("jq.deb")).unwrap();
    let taken =
        environment.finish(traced(&environment, &of_incoming).args(["incoming", "--once"])).succeeds();
    assert!(taken.stdout.contains("added 1 package to preprod"), "{taken}");
    assert_eq!(kept(&of_incoming), with_devices(&[&data, &drop, &archive]));
}

#[test]
fn a_folder_that_cannot_be_reached_keeps_nothing_out_of_the_others() {
    let environment = store();
    let (circle, drop) = (environment.path("circle"), folder(&environment, "drop"));
    std::os::unix::fs::symlink("circle", &circle).unwrap();
    configure(&environment, &format!("{}{}", table(&circle), table(&drop)));
    fs::copy(environment.package("jq", "1.0", "all"), drop.join("jq.deb")).unwrap();
    let taken = environment.run(&["incoming", "--once"]).ends_with(1);
    assert!(taken.stdout.contains("added 1 package to preprod"), "{taken}");
    assert!(taken.stderr.contains(circle.as_str()), "{taken}");
    assert_eq!(fs::read_dir(&drop).unwrap().count(), 0);
}

#[test]
fn hooks_write_where_they_like_and_a_folder_that_comes_later_is_emptied_too() {
    let environment = store();
    let told = environment.path("told");
    let [first, second] = ["first", "second"].map(|name| folder(&environment, name));
    let hook = format!(
        "[[hook]]\nname = \"ci\"\non = [\"add.success\"]\ncommand = [\"sh\", \"-c\", \"cat >> {told}\"]\n"
    );
    configure(&environment, &format!("{}{hook}", table(&first)));
    let watching = watching(&environment, &[]);
    fs::copy(environment.package("hello", "1.0", "all"), first.join("hello.deb")).unwrap();
    watching.wait_for("added hello 1.0 all");

    configure(&environment, &format!("{}{}{hook}", table(&first), table(&second)));
    fs::copy(environment.package("jq", "1.0", "all"), second.join("jq.deb")).unwrap();
    watching.signal(rustix::process::Signal::HUP);
    watching.wait_for("added jq 1.0 all");
    let began = Instant::now();
    let of_both = |told: &str| ["hello", "jq"].iter().all(|name| told.contains(name));
    while !fs::read_to_string(&told).is_ok_and(|told| of_both(&told)) {
        assert!(began.elapsed() < Duration::from_secs(100), "{}", watching.said());
        sleep(Duration::from_millis(50));
    }
    assert_eq!(fs::read_dir(&second).unwrap().count(), 0);
    assert_eq!(watching.end(), Some(0));
}
