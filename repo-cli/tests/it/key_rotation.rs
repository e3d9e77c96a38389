//! From one key to the next, as clients with real verifiers meet it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use camino::Utf8PathBuf;
use deb_parse::deb;
use serde_json::Value;
use testkit::{Apt, Environment, Output};

use crate::{configure, store};

/// The keyring in a package file of the pool, and its version.
fn keyring_package(environment: &Environment, repository: &str, version: &str) -> Vec<u8> {
    let package = format!("{repository}-archive-keyring");
    let pool = environment.public(repository).join(format!("pool/main/p/{package}"));
    fs::read(pool.join(format!("{package}_{version}_all.deb"))).unwrap()
}

/// Unpacks the one file of a keyring package with dpkg, and returns its path.
pub(crate) fn unpacked(environment: &Environment, repository: &str, version: &str) -> Option<Utf8PathBuf> {
    if !testkit::all_installed(&["dpkg-deb"]) {
        return None;
    }
    let file = environment
        .write(&format!("files/keyring-{version}.deb"), keyring_package(environment, repository, version));
    let root = environment.path(format!("unpacked-{repository}-{version}"));
    let _ = fs::remove_dir_all(&root);
    let mut command = environment.other(&["dpkg-deb", "-x", file.as_str(), root.as_str()]);
    let _ = environment.finish(&mut command).succeeds();
    Some(root.join(format!("usr/share/keyrings/{repository}-archive-keyring.gpg")))
}

/// Whether apt would accept what clients see with this keyring: gpgv finds one good signature, and none that is bad. Signatures by keys
/// that it does not have do not matter.
fn is_accepted(environment: &Environment, repository: &str, keyring: &Utf8PathBuf) -> Option<(bool, Output)> {
    if !testkit::all_installed(&["gpgv"]) {
        return None;
    }
    let signed = environment.public(repository).join("dists/bookworm/InRelease");
    let mut command =
        environment.other(&["gpgv", "--status-fd", "1", "--keyring", keyring.as_str(), signed.as_str()]);
    let said = environment.finish(&mut command);
    let is_good = said.stdout.contains("[GNUPG:] GOODSIG ") && !said.stdout.contains("[GNUPG:] BADSIG ");
    Some((is_good, said))
}

#[track_caller]
pub(crate) fn accepts(environment: &Environment, keyring: &Utf8PathBuf) {
    for repository in ["preprod", "prod"] {
        accepts_of(environment, repository, keyring);
    }
}

#[track_caller]
pub(crate) fn accepts_of(environment: &Environment, repository: &str, keyring: &Utf8PathBuf) {
    let Some((is_good, said)) = is_accepted(environment, repository, keyring) else { return };
    assert!(is_good, "{repository}: {said}");
}

/// The keys of the store as clients are given them now.
pub(crate) fn exported(environment: &Environment, name: &str) -> Utf8PathBuf {
    let path = environment.path(name);
    let keys = environment.command().args(["key", "export", "--binary"]).output().unwrap();
    assert!(keys.status.success());
    fs::write(&path, keys.stdout).unwrap();
    path
}

fn key_list(environment: &Environment) -> Vec<(String, String)> {
    let listed: Value = serde_json::from_str(&environment.json(&["key", "list"])).unwrap();
    let keys = listed["keys"].as_array().unwrap().iter();
    let text = |key: &Value, field: &str| key[field].as_str().unwrap().to_owned();
    keys.map(|key| (text(key, "fingerprint"), text(key, "state"))).collect()
}

pub(crate) fn fingerprints(environment: &Environment) -> Vec<String> {
    key_list(environment).into_iter().map(|(fingerprint, _)| fingerprint).collect()
}

/// The key of the store that is not this one: two keys that were made within a second are in no order.
fn other_than(environment: &Environment, first: &str) -> String {
    let mut keys = fingerprints(environment);
    keys.retain(|key| key != first);
    assert_eq!(keys.len(), 1, "{keys:?}");
    keys.remove(0)
}

pub(crate) fn versions(environment: &Environment, repository: &str) -> Vec<String> {
    let listed = environment.run(&["list", repository, "--json"]).succeeds().stdout;
    let listed: Value = serde_json::from_str(&listed).unwrap();
    let packages = listed["packages"].as_array().unwrap();
    let own = format!("{repository}-archive-keyring");
    let own = packages.iter().filter(|package| package["package"] == own.as_str());
    own.map(|package| package["version"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_keyring_package_is_what_dpkg_and_apt_expect_and_the_same_keys_make_the_same_bytes() {
    let environment = store();
    environment.add("prod", &["hello=1.0"]);
    let _ = environment.run(&["key", "publish"]).succeeds();
    let year = jiff::Timestamp::now().strftime("%Y").to_string();
    let first = format!("{year}.1");
    assert_eq!(versions(&environment, "prod"), [&*first]);
    let bytes = keyring_package(&environment, "prod", &first);
    let package = deb::read(&*bytes, &deb::Options::default()).unwrap();
    let control = package.control.paragraph();
    for (field, value) in [
        ("Package", "prod-archive-keyring"),
        ("Architecture", "all"),
        ("Multi-Arch", "foreign"),
        ("Maintainer", "In-house packages"),
    ] {
        assert_eq!(control.get_str(field), Some(value));
    }
    for field in ["Depends", "Pre-Depends", "Conflicts", "Replaces"] {
        assert_eq!(control.get_str(field), None);
    }
    // Nothing to do the second time.
    let said = environment.run(&["key", "publish"]).succeeds();
    assert!(
        said.stdout.contains(&format!("prod already has prod-archive-keyring {first} (1 key)")),
        "{said}"
    );
    assert_eq!(versions(&environment, "prod"), [&*first]);
    let _ = environment.run(&["fsck"]).succeeds();

    let Some(keyring) = unpacked(&environment, "prod", &first) else { return };
    let exported = exported(&environment, "exported.gpg");
    assert_eq!(fs::read(&keyring).unwrap(), fs::read(exported).unwrap());
    assert_eq!(keyring.metadata().unwrap().permissions().mode() & 0o777, 0o644);
    accepts(&environment, &keyring);
    let file = environment.path(format!("files/keyring-{first}.deb"));
    let listing = environment.finish(&mut environment.other(&["dpkg-deb", "-c", file.as_str()])).succeeds();
    let files = listing.stdout.lines().filter(|line| !line.starts_with('d')).count();
    assert_eq!(files, 1, "{listing}");

    // dpkg takes over the file that the script of client-config wrote, and replaces the package by the next version.
    let machine = environment.path("machine");
    for directory in ["var/lib/dpkg/info", "var/lib/dpkg/updates", "var/log", "usr/share/keyrings"] {
        fs::create_dir_all(machine.join(directory)).unwrap();
    }
    fs::write(machine.join("var/lib/dpkg/status"), "").unwrap();
    let installed = machine.join("usr/share/keyrings/prod-archive-keyring.gpg");
    fs::write(&installed, "what the script wrote").unwrap();
    // Two keys that were made within a second are in no order.
    let oldest = format!("{}.asc", fingerprints(&environment)[0]);
    let _ = environment.run(&["key", "rotate", "prod"]).succeeds();
    let second = format!("{year}.2");
    let next = unpacked(&environment, "prod", &second).unwrap();
    for (version, wanted) in [(&first, &keyring), (&second, &next)] {
        let file = environment.path(format!("files/keyring-{version}.deb"));
        let mut dpkg =
            environment.other(&["dpkg", "--force-not-root", "--root", machine.as_str(), "-i", file.as_str()]);
        let _ = environment.finish(&mut dpkg).succeeds();
        assert_eq!(fs::read(&installed).unwrap(), fs::read(wanted).unwrap(), "{version}");
    }

    // Another store with the same key makes the same package.
    let other = store();
    fs::remove_dir_all(other.root().join("keys")).unwrap();
    let key = environment.root().join("keys");
    fs::create_dir(other.root().join("keys")).unwrap();
    fs::set_permissions(other.root().join("keys"), fs::Permissions::from_mode(0o700)).unwrap();
    fs::copy(key.join(&oldest), other.root().join("keys").join(&oldest)).unwrap();
    let _ = other.run(&["publish", "--allow-key-change"]).succeeds();
    let _ = other.run(&["key", "publish", "prod"]).succeeds();
    assert_eq!(keyring_package(&other, "prod", &first), bytes);
}

#[test]
fn every_client_accepts_every_step_of_a_rotation() {
    let environment = store();
    environment.add("prod", &["hello=1.0"]);
    let _ = environment.run(&["key", "publish"]).succeeds();
    let _ = environment.run(&["tag", "prod", "before"]).succeeds();
    let old = exported(&environment, "old.gpg");
    let first = fingerprints(&environment).remove(0);

    let told = environment.run(&["client-config", "prod"]).succeeds();
    assert!(told.stderr.contains("apt-get install prod-archive-keyring"), "{told}");
    let dry = environment.run(&["key", "rotate", "prod", "--dry-run"]).succeeds();
    assert!(dry.stdout.contains("prod-archive-keyring"), "{dry}");
    assert_eq!(fingerprints(&environment).len(), 1, "nothing was changed");

    let rotated = environment.run(&["key", "rotate", "prod"]).succeeds();
    let keys = fingerprints(&environment);
    let second = &other_than(&environment, &first);
    assert!(rotated.stdout.contains(&format!("made key {second}")), "{rotated}");
    assert!(rotated.stdout.contains(&format!("repo-cli key retire {first}")), "{rotated}");
    let both = exported(&environment, "both.gpg");
    let year = jiff::Timestamp::now().strftime("%Y").to_string();
    for repository in ["preprod", "prod"] {
        assert_eq!(versions(&environment, repository), [format!("{year}.1"), format!("{year}.2")]);
    }
    accepts(&environment, &old);
    accepts(&environment, &both);
    // A tagged state as well: it stays for years.
    let tagged =
        fs::read_to_string(environment.public("prod").join("snapshot/before/dists/bookworm/InRelease"));
    let keyring = apt_sign::Keyring::parse(&fs::read(&both).unwrap()).unwrap();
    let verified = keyring.verify_inline(tagged.unwrap().as_bytes(), std::time::SystemTime::now()).unwrap();
    assert_eq!(verified.signers().len(), 2);

    // Given again it goes on with the same one.
    let again = environment.run(&["key", "rotate", "--all"]).succeeds();
    assert!(again.stdout.contains("is under way"), "{again}");
    assert_eq!(fingerprints(&environment), keys);
    let _ = environment.run(&["fsck"]).succeeds();

    // What is not known yet stops the end of the old one.
    let refused = environment.run(&["key", "retire", &first]).ends_with(1);
    assert!(
        refused.stderr.contains("prod: prod-archive-keyring with the new key is published since"),
        "{refused}"
    );
    assert!(refused.stderr.contains("it must be for 30 days"), "{refused}");
    assert!(refused.stderr.contains("which machines have the new key is not known"), "{refused}");
    assert_eq!(fingerprints(&environment), keys);

    let retired = environment.run(&["key", "retire", &first, "--force"]).succeeds();
    assert!(retired.stderr.contains("stays silently on the state of today"), "{retired}");
    assert_eq!(fingerprints(&environment), [&**second]);
    let listed = environment.run(&["key", "list"]).succeeds();
    assert!(listed.stdout.contains(&format!("{first}: it is retired and signs no more")), "{listed}");
    let secret = environment.root().join(format!("keys/{first}.asc.retired"));
    assert_eq!(secret.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    accepts(&environment, &both);
    accepts(&environment, &exported(&environment, "new.gpg"));
    if let Some((is_good, said)) = is_accepted(&environment, "prod", &old) {
        assert!(!is_good, "the old key signs no more: {said}");
    }
    if let Some(last) = unpacked(&environment, "prod", &format!("{year}.3")) {
        assert_eq!(apt_sign::Keyring::parse(&fs::read(last).unwrap()).unwrap().fingerprints().len(), 1);
    }
    let _ = environment.run(&["fsck"]).succeeds();
    let again = environment.run(&["key", "retire", &first]).succeeds();
    assert!(again.stdout.contains("is already retired"), "{again}");
    assert_eq!(versions(&environment, "prod").len(), 3, "nothing was added");
    let last = environment.run(&["key", "retire", second, "--force"]).ends_with(1);
    assert!(last.stderr.contains("is the only key that can sign"), "{last}");
}

#[test]
fn a_machine_that_slept_repairs_itself_from_its_old_lists() {
    let environment = store();
    environment.add("prod", &["hello=1.0"]);
    let _ = environment.run(&["key", "publish"]).succeeds();
    let server = environment.serve();
    let Some(apt) = Apt::new(&environment, "sleeper") else { return };
    let keyring = exported(&environment, "client.gpg");
    let entry = |keyring: &Utf8PathBuf| {
        format!(
            "Types: deb\nURIs: {}/prod\nSuites: bookworm\nComponents: main\nSigned-By: {keyring}\n",
            server.url()
        )
    };
    apt.source("prod", &entry(&keyring));
    let _ = apt.update().succeeds();
    let first = fingerprints(&environment).remove(0);
    let _ = environment.run(&["key", "rotate", "--all"]).succeeds();
    // It sees the overlap once, installs nothing, and sleeps.
    let said = apt.update().succeeds();
    assert!(!said.stderr.contains("W:"), "{said}");
    let offered = apt.candidate("prod-archive-keyring").unwrap();
    assert!(offered.ends_with(".2"), "{offered}");

    let _ = environment.run(&["key", "retire", &first, "--force"]).succeeds();
    // Rules and a collection that would take all but the newest.
    configure(&environment, "[[retention]]\nkeep_versions = 1\n[gc]\nkeep_history = 1\n");
    let kept = environment.run(&["retention", "prod", "--yes"]).succeeds();
    assert!(kept.stdout.contains("prod: nothing to remove"), "{kept}");
    // Even by hand out of the suites the file stays in the pool.
    let _ =
        environment.run(&["remove", "prod", &format!("prod-archive-keyring={offered}"), "--yes"]).succeeds();
    let _ = environment.run(&["gc", "--grace", "0", "--yes"]).succeeds();
    let _ = environment.run(&["gc", "--grace", "0", "--yes"]).succeeds();
    let said = apt.update();
    assert!(said.stderr.contains("NO_PUBKEY") || said.stderr.contains("Missing key"), "{said}");
    assert_eq!(
        apt.candidate("prod-archive-keyring").as_deref(),
        Some(&*offered),
        "its lists are the old ones"
    );
    let file =
        environment.write("files/repair.deb", apt.download(&format!("prod-archive-keyring={offered}")));
    let root = environment.path("repaired");
    let mut unpack = environment.other(&["dpkg-deb", "-x", file.as_str(), root.as_str()]);
    let _ = environment.finish(&mut unpack).succeeds();
    apt.source("prod", &entry(&root.join("usr/share/keyrings/prod-archive-keyring.gpg")));
    let said = apt.update().succeeds();
    assert!(!said.stderr.contains("W:"), "{said}");
    assert!(apt.candidate("prod-archive-keyring").unwrap().ends_with(".3"));
    let _ = environment.run(&["fsck"]).succeeds();
}

#[test]
fn a_package_with_the_name_of_the_keyring_comes_from_nowhere_else() {
    let environment = store();
    let stranger = environment.package("prod-archive-keyring", "2099.1", "all");
    let document = |arguments: &[&str]| -> Value {
        let said = environment.run(arguments).ends_with(1);
        serde_json::from_str(&said.stdout).unwrap()
    };
    let refused = document(&["add", "prod", stranger.as_str(), "--json"]);
    assert_eq!(refused["error"]["code"], "E-RESERVED-NAME", "{refused}");
    // Another repository may have it, and gives it to nobody.
    let _ = environment.run(&["add", "preprod", stranger.as_str()]).succeeds();
    let promotion = ["promote", "prod-archive-keyring", "--from", "preprod", "--to", "prod", "--json"];
    let refused = document(&promotion);
    assert_eq!(refused["error"]["code"], "E-RESERVED-NAME", "{refused}");
    let drop = environment.path("drop");
    fs::create_dir(&drop).unwrap();
    fs::copy(&stranger, drop.join(stranger.file_name().unwrap())).unwrap();
    let refused = document(&["incoming", "prod", drop.as_str(), "--once", "--patience", "0", "--json"]);
    assert_eq!(refused["error"]["code"], "E-RESERVED-NAME", "{refused}");
    assert_eq!(versions(&environment, "prod"), [""; 0]);

    // The own one of a repository is for its own clients, whatever is promoted.
    let _ = environment.run(&["key", "publish"]).succeeds();
    environment.add("preprod", &["hello=1.0"]);
    let _ = environment
        .run(&["promote", "hello", "preprod-archive-keyring", "--from", "preprod", "--to", "prod"])
        .succeeds();
    let listed = environment.run(&["list", "prod"]).succeeds().stdout;
    assert!(listed.contains("hello") && !listed.contains("preprod-archive-keyring"), "{listed}");
}

#[test]
fn packages_go_back_and_keys_do_not() {
    let environment = store();
    let _ = environment.run(&["key", "publish"]).succeeds();
    environment.add("prod", &["hello=1.0"]);
    let _ = environment.run(&["key", "rotate", "--all"]).succeeds();
    let both = versions(&environment, "prod");
    assert_eq!(both.len(), 2);
    let has_hello = || environment.run(&["list", "prod"]).succeeds().stdout.contains("hello");
    for (arguments, there) in [
        (&["rollback", "prod", "--to", "1", "--yes"][..], false),
        (&["undo", "prod", "--yes"], true),
        (&["rollback", "prod", "--to", "0", "--yes"], false),
        (&["rollback", "prod", "--to", "2", "--yes"], true),
    ] {
        let done = environment.run(arguments).succeeds();
        assert!(!done.stdout.contains("keyring"), "{done}");
        assert_eq!((versions(&environment, "prod"), has_hello()), (both.clone(), there), "{done}");
        let _ = environment.run(&["fsck"]).succeeds();
    }
    let held = environment.run(&["holds", "prod"]).succeeds();
    assert!(!held.stdout.contains("keyring"), "{held}");
    let _ = environment.run(&["key", "check"]).succeeds();
}

#[test]
fn two_rotations_at_once_make_one_key() {
    let environment = store();
    let start = || environment.command().args(["key", "rotate", "--all"]).spawn().unwrap();
    let mut both = [start(), start()];
    for child in &mut both {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(fingerprints(&environment).len(), 2);
    let _ = environment.run(&["fsck"]).succeeds();
}

#[test]
fn no_key_is_made_while_the_clock_is_wrong_or_no_key_is_good() {
    let environment = store();
    let Some(mut command) = environment.with_clock("-30d") else { return };
    let refused = environment.finish(command.args(["key", "rotate", "--all"])).ends_with(1);
    assert!(refused.stderr.contains("hint: set the clock"), "{refused}");
    assert_eq!(fingerprints(&environment).len(), 1);
    let key = environment.root().join(format!("keys/{}.asc", fingerprints(&environment)[0]));
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    let refused = environment.run(&["key", "rotate", "--all", "--json"]).ends_with(1);
    let refused: Value = serde_json::from_str(&refused.stdout).unwrap();
    assert_eq!(refused["error"]["code"], "E-KEY-FILE", "{refused}");
    fs::remove_file(&key).unwrap();
    let refused = environment.run(&["key", "rotate", "--all", "--json"]).ends_with(1);
    let refused: Value = serde_json::from_str(&refused.stdout).unwrap();
    assert_eq!(refused["error"]["code"], "E-NO-KEY", "{refused}");
}

#[test]
fn nothing_that_stops_packages_stops_the_keys() {
    let environment = store();
    let package = environment.package("hello", "1.0", "all");
    configure(
        &environment,
        r#"
        [[gate]]
        to = ["prod"]
        approvals = 2
        [[gate]]
        to = ["prod"]
        forbid_versions = ["20*"]
        require_fields = ["Bugs"]
        attested = ["build"]
        [[freeze]]
        repositories = ["prod"]
        days = "Mon 00:00 .. Sun 23:59"
        [suite.bookworm]
        components = ["main", "contrib"]
        only_routed = true
        [[route]]
        packages = ["*"]
        component = "contrib"
        "#,
    );
    let _ = environment.run(&["freeze", "prod", "--until", "14d", "--reason", "closed"]).succeeds();
    let _ = environment.run(&["add", "prod", package.as_str()]).ends_with(1);
    let first = fingerprints(&environment).remove(0);
    let year = jiff::Timestamp::now().strftime("%Y").to_string();
    let mut expected = Vec::new();
    for (number, arguments) in [
        &["key", "publish"][..],
        &["key", "rotate", "--all"],
        &["key", "extend", &first, "--expires", "3y"],
        &["key", "revoke", &first],
        &["key", "retire", &first, "--force"],
    ]
    .iter()
    .enumerate()
    {
        let _ = environment.run(arguments).succeeds();
        expected.push(format!("{year}.{}", number + 1));
        assert_eq!(versions(&environment, "prod"), expected, "{arguments:?}");
        // In the component main, as every source entry has it.
        assert!(!keyring_package(&environment, "prod", &expected[number]).is_empty());
    }
    let _ = environment.run(&["fsck"]).succeeds();
    let _ = environment.run(&["key", "check"]).succeeds();
}

#[test]
fn a_key_is_not_retired_while_a_suite_lacks_the_new_one() {
    let environment = store();
    let _ = environment.run(&["key", "publish"]).succeeds();
    let first = fingerprints(&environment).remove(0);
    let _ = environment.run(&["key", "rotate", "--all"]).succeeds();
    let settings = fs::read_to_string(environment.root().join("repo.toml")).unwrap();
    let settings = settings.replace("suites = [\"bookworm\"]", "suites = [\"bookworm\", \"trixie\"]");
    fs::write(environment.root().join("repo.toml"), settings).unwrap();
    configure(&environment, "[repositories.prod]\nflat = \"bookworm\"\n");
    let _ = environment.run(&["publish"]).succeeds();
    let later = || {
        let mut command = environment.with_clock("+40d")?;
        Some(environment.finish(command.args(["key", "retire", &first])).ends_with(1))
    };
    let Some(refused) = later() else { return };
    for repository in ["preprod", "prod"] {
        let lacking = format!("{repository}: no {repository}-archive-keyring with the new key in trixie");
        assert!(refused.stderr.contains(&lacking), "{refused}");
    }
    let checked = environment.run(&["key", "check"]).ends_with(3);
    assert!(checked.stdout.contains("not every suite has prod-archive-keyring with key"), "{checked}");
    let _ = environment.run(&["key", "publish"]).succeeds();
    let _ = environment.run(&["key", "check"]).succeeds();
    let refused = later().unwrap();
    assert!(!refused.stderr.contains("trixie"), "{refused}");
    // Nobody knows of machines: that alone is left.
    assert!(refused.stderr.contains("1 condition not met"), "{refused}");
    assert!(
        refused.stderr.contains("preprod, prod: which machines have the new key is not known"),
        "{refused}"
    );
}
