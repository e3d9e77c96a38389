//! The script that `client-config` prints, run with the machine's apt.

use std::fs;
use std::os::unix::fs::MetadataExt as _;

use camino::Utf8PathBuf;
use testkit::{Apt, Environment, Server};

use crate::{PROGRAM, configure, store};

/// What is printed for a client of `prod`.
fn script(environment: &Environment, server: &Server, more: &[&str]) -> String {
    let url = server.url();
    environment.run(&[&["client-config", "prod", "--url", &url], more].concat()).succeeds().stdout
}

/// Every file of a client that the script writes, with what tells a changed one.
fn files(apt: &Apt<'_>) -> Vec<(Utf8PathBuf, u64, i64, u32)> {
    let directories =
        ["usr/share/keyrings", "etc/apt/sources.list.d", "etc/apt/auth.conf.d"].map(|name| apt.path(name));
    let entries = directories.iter().filter_map(|directory| directory.read_dir_utf8().ok()).flatten();
    let mut files: Vec<_> = entries
        .map(|entry| {
            let path = entry.unwrap().into_path();
            let found = path.metadata().unwrap();
            (path, found.ino(), found.mtime_nsec(), found.mode() & 0o7777)
        })
        .collect();
    files.sort();
    files
}

/// What is in these files, and when it was written.
fn contents(apt: &Apt<'_>) -> Vec<(Utf8PathBuf, Vec<u8>, i64, u32)> {
    let content = |path: Utf8PathBuf| fs::read(&path).unwrap();
    files(apt)
        .into_iter()
        .map(|(path, _, written, mode)| (path.clone(), content(path), written, mode))
        .collect()
}

fn entry(apt: &Apt<'_>) -> String {
    fs::read_to_string(apt.path("etc/apt/sources.list.d/prod.sources")).unwrap()
}

#[test]
fn one_paste_sets_up_each_machine_with_the_suite_of_its_release_only() {
    let environment = Environment::with_store(PROGRAM, &["bookworm", "trixie"]);
    for suite in ["bookworm", "trixie"] {
        let package = environment.package(suite, "1.0", "all");
        let _ = environment.run(&["add", "prod", "--suite", suite, package.as_str()]).succeeds();
    }
    let server = environment.serve();
    let script = script(&environment, &server, &[]);
    for (release, other) in [("bookworm", "trixie"), ("trixie", "bookworm")] {
        let Some(apt) = Apt::new(&environment, release) else { return };
        let _ = apt.set_up(&script, release, "").succeeds();
        assert_eq!(apt.candidate(release).as_deref(), Some("1.0"));
        assert_eq!(apt.candidate(other), None);
        assert!(!apt.update().succeeds().text().contains("W:"));
        let before = files(&apt);
        let modes: Vec<u32> = before.iter().map(|(_, _, _, mode)| *mode).collect();
        assert_eq!(modes, [0o644, 0o644], "{before:?}");
        let _ = apt.set_up(&script, release, "").succeeds();
        assert_eq!(files(&apt), before, "a second run changes nothing");
    }
    let Some(apt) = Apt::new(&environment, "sid") else { return };
    let refused = apt.set_up(&script, "sid", "").ends_with(1);
    assert!(
        refused.stderr.contains("no suite for the release of this machine (choose one with --suite): sid"),
        "{refused}"
    );
    assert_eq!(files(&apt), []);
}

#[test]
fn after_a_key_rotation_the_script_brings_the_new_key() {
    let environment = store();
    environment.add("prod", &["hello=1.0"]);
    let server = environment.serve();
    let Some(apt) = Apt::new(&environment, "client") else { return };
    let _ = apt.set_up(&script(&environment, &server, &[]), "bookworm", "").succeeds();
    let keys = environment.root().join("keys");
    let old = keys.read_dir_utf8().unwrap().next().unwrap().unwrap().into_path();
    let _ = environment.run(&["key", "generate"]).succeeds();
    environment.add("prod", &["hello=2.0"]);
    let _ = apt.update().succeeds();
    let _ = apt.set_up(&script(&environment, &server, &[]), "bookworm", "").succeeds();
    fs::remove_file(old).unwrap();
    environment.add("prod", &["hello=3.0"]);
    let updated = apt.update().succeeds();
    assert!(!updated.text().contains("W:"), "{updated}");
    assert_eq!(apt.candidate("hello").as_deref(), Some("3.0"));
    let _ = apt.set_up(&script(&environment, &server, &[]), "bookworm", "").succeeds();
    let _ = apt.update().succeeds();
}

#[test]
fn an_old_entry_of_that_name_is_replaced() {
    let environment = store();
    environment.add("prod", &["hello=1.0"]);
    let server = environment.serve();
    let Some(apt) = Apt::new(&environment, "client") else { return };
    apt.source("prod", &script(&environment, &server, &["--inline"]));
    let list = format!("deb [trusted=yes] {}/prod bookworm main\n", server.url());
    fs::write(apt.path("etc/apt/sources.list.d/prod.list"), &list).unwrap();
    let _ = apt.set_up(&script(&environment, &server, &[]), "bookworm", "").succeeds();
    let updated = apt.update().succeeds();
    assert!(!updated.text().contains("W:"), "{updated}");
    assert!(!entry(&apt).contains("BEGIN PGP"), "{}", entry(&apt));
    assert!(!apt.path("etc/apt/sources.list.d/prod.list").exists());
    assert_eq!(fs::read_to_string(apt.path("etc/apt/sources.list.d/prod.list.save")).unwrap(), list);
}

#[test]
fn an_entry_of_another_name_with_another_key_is_named_and_nothing_is_added_to_it() {
    let environment = store();
    environment.add("prod", &["hello=1.0"]);
    let server = environment.serve();
    let Some(apt) = Apt::new(&environment, "client") else { return };
    apt.source("acme", &script(&environment, &server, &["--inline"]));
    let refused = apt.set_up(&script(&environment, &server, &[]), "bookworm", "").ends_with(1);
    assert!(refused.stderr.contains("Conflicting values set for option Signed-By"), "{refused}");
    assert!(refused.stderr.contains("/etc/apt/sources.list.d/acme.sources"), "{refused}");
    assert!(!apt.path("etc/apt/sources.list.d/prod.sources").exists());
    let _ = apt.update().succeeds();
}

#[test]
fn the_password_is_asked_for_once_and_only_root_can_read_it() {
    let environment = store();
    environment.add("prod", &["hello=1.0"]);
    // The user `robot` with the password `password`, hashed as `htpasswd -s` does.
    environment.write("store/prod.htpasswd", "robot:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\n");
    configure(&environment, "[repositories.prod]\nusers = \"prod.htpasswd\"\n");
    let server = environment.serve();
    let script = script(&environment, &server, &[]);
    let Some(apt) = Apt::new(&environment, "client") else { return };
    let refused = apt.set_up(&script, "bookworm", "").ends_with(1);
    assert!(refused.stderr.contains("a user name and a password are needed"), "{refused}");
    let blank = apt.set_up(&script, "bookworm", "login # of somebody\npassword\n").ends_with(1);
    assert!(blank.stderr.contains("with a blank in it"), "{blank}");
    assert_eq!(files(&apt), []);
    // What the server refuses is not kept, or nobody would be asked again.
    let wrong = apt.set_up(&script, "bookworm", "robot\nwrong\n").ends_with(1);
    assert!(wrong.stderr.contains("The server refused the login"), "{wrong}");
    assert!(!files(&apt).iter().any(|(path, ..)| path.file_name() == Some("prod.conf")));
    let _ = apt.set_up(&script, "bookworm", "robot\npassword\n").succeeds();
    assert_eq!(apt.candidate("hello").as_deref(), Some("1.0"));
    let login = files(&apt).into_iter().find(|(path, ..)| path.file_name() == Some("prod.conf")).unwrap();
    assert_eq!(login.3, 0o600);
    let text = fs::read_to_string(&login.0).unwrap();
    assert_eq!(text, format!("machine {}/prod/\nlogin robot\npassword password\n", server.url()));
    let again = apt.set_up(&script, "bookworm", "").succeeds();
    assert!(again.stdout.contains("keeping the login"), "{again}");
    assert!(files(&apt).contains(&login));
}

#[test]
fn only_the_architectures_of_the_machine_are_set_up() {
    let environment = Environment::new(PROGRAM);
    let architectures = ["armel", "amd64", "arm64", "riscv64"];
    let mut arguments = vec!["init", "--suite", "bookworm"];
    arguments.extend(architectures.iter().flat_map(|name| ["--architecture", name]));
    let _ = environment.run(&arguments).succeeds();
    let _ = environment.run(&["publish"]).succeeds();
    let server = environment.serve();
    let Some(apt) = Apt::new(&environment, "client") else { return };
    let script = script(&environment, &server, &[]);
    assert!(script.contains("Architectures: armel amd64 arm64 riscv64\n"), "{script}");
    let _ = apt.set_up(&script, "bookworm", "").succeeds();
    let machine = environment.finish(environment.other(&["dpkg", "--print-architecture"]).arg("--"));
    let machine = machine.succeeds().stdout;
    if architectures.contains(&machine.trim()) {
        assert!(entry(&apt).contains(&format!("Architectures: {machine}")), "{}", entry(&apt));
    }
}

#[test]
fn json_has_the_parts() {
    let environment = Environment::with_store(PROGRAM, &["bookworm", "trixie"]);
    let document: serde_json::Value =
        serde_json::from_str(&environment.json(&["client-config", "prod", "--url", "http://h"])).unwrap();
    assert_eq!(document["url"], "http://h/prod");
    assert_eq!(document["keyring"]["path"], "/usr/share/keyrings/prod-archive-keyring.gpg");
    assert_eq!(document["sources_path"], "/etc/apt/sources.list.d/prod.sources");
    assert_eq!(document["auth"], "machine http://h/prod/\nlogin USER\npassword PASSWORD\n");
    let clients = document["clients"].as_array().unwrap();
    for (client, suite) in clients.iter().zip(["bookworm", "trixie"]) {
        assert_eq!(client["suites"], serde_json::json!([suite]));
        assert_eq!(
            client["sources"],
            format!(
                "Types: deb\nURIs: http://h/prod\nSuites: {suite}\nComponents: main\nArchitectures: amd64\nSigned-By: /usr/share/keyrings/prod-archive-keyring.gpg\n"
            )
        );
        assert!(client["script"].as_str().unwrap().contains(client["sources"].as_str().unwrap()));
        assert!(
            client["inline"]
                .as_str()
                .unwrap()
                .contains("Signed-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n")
        );
    }
    assert_eq!(clients.len(), 2);
}

#[test]
fn a_repository_may_have_an_address_of_its_own() {
    let environment = store();
    configure(
        &environment,
        "url = \"https://packages.example.org\"\n[repositories.prod]\nurl = \"https://prod.example.org/\"\n",
    );
    let _ = environment.run(&["publish"]).succeeds();
    for (repository, url) in
        [("prod", "https://prod.example.org"), ("preprod", "https://packages.example.org/preprod")]
    {
        let printed = environment.run(&["client-config", repository]).succeeds().stdout;
        assert!(printed.contains(&format!("\nURIs: {url}\n")), "{printed}");
        let login = environment.run(&["client-config", repository, "--auth"]).succeeds().stdout;
        assert!(login.starts_with(&format!("machine {url}/\n")), "{login}");
        let release =
            fs::read_to_string(environment.public(repository).join("dists/bookworm/Release")).unwrap();
        assert!(release.contains(&format!("\nSnapshots: {url}/snapshot/@SNAPSHOTID@/\n")), "{release}");
    }
}

#[test]
fn the_files_of_the_distribution_are_not_taken() {
    let environment = store();
    configure(&environment, "[repositories.debian]\n");
    let printed = environment.run(&["client-config", "debian"]).succeeds().stdout;
    assert!(printed.contains("keyring=/usr/share/keyrings/local-debian-archive-keyring.gpg\n"), "{printed}");
    assert!(printed.contains("entry=/etc/apt/sources.list.d/local-debian.sources\n"), "{printed}");
    assert!(printed.contains("/debian\n"), "{printed}");
}

#[test]
fn sources_of_others_under_these_names_stay() {
    let environment = store();
    environment.add("prod", &["hello=1.0"]);
    let server = environment.serve();
    let Some(apt) = Apt::new(&environment, "client") else { return };
    let script = script(&environment, &server, &[]);
    let directory = apt.path("etc/apt/sources.list.d");
    fs::create_dir_all(&directory).unwrap();
    let (entry, list) = (directory.join("prod.sources"), directory.join("prod.list"));
    let own = format!("URIs: {}/prod", server.url());
    let elsewhere = "Types: deb\nURIs: http://vendor.example/prod\nSuites: bookworm\nComponents: main\n";
    for text in [
        elsewhere.to_owned(),
        format!("Types: deb\n{own}\nSuites: bookworm\nComponents: main\n\n{elsewhere}"),
        // Addresses may stand in lines of their own, with comments between them.
        format!(
            "Types: deb\n{own}\n# also\n http://vendor.example/apt\nSuites: bookworm\nComponents: main\n"
        ),
        format!(
            "Types: deb\nuris:\t\n {}/prod\n\thttp://vendor.example/apt\nSuites: bookworm\n",
            server.url()
        ),
    ] {
        fs::write(&entry, &text).unwrap();
        let output = apt.set_up(&script, "bookworm", "").ends_with(1);
        assert!(output.stderr.contains("has a source with another address than"), "{output}");
        assert_eq!(fs::read_to_string(&entry).unwrap(), text);
        assert!(!apt.path("usr/share/keyrings/prod-archive-keyring.gpg").exists());
    }
    fs::remove_file(&entry).unwrap();
    let mixed = format!(
        "deb [trusted=yes] {}/prod bookworm main\ndeb [trusted=yes] http://vendor.example/x bookworm main\n",
        server.url()
    );
    fs::write(&list, &mixed).unwrap();
    let output = apt.set_up(&script, "bookworm", "").ends_with(1);
    assert!(output.stderr.contains("has other sources besides"), "{output}");
    assert_eq!(fs::read_to_string(&list).unwrap(), mixed);
    // A line that is only a comment is nobody's source.
    let comment = format!("# deb {}/prod bookworm main\n", server.url());
    fs::write(&list, &comment).unwrap();
    let _ = apt.set_up(&script, "bookworm", "").succeeds();
    assert_eq!(fs::read_to_string(&list).unwrap(), comment);
}

#[test]
fn a_second_script_is_not_read_as_the_answers_to_the_first() {
    let environment = store();
    // The user `robot` with the password `password`, hashed as `htpasswd -s` does.
    environment.write("store/htpasswd", "robot:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\n");
    configure(
        &environment,
        "[repositories.preprod]\nusers = \"htpasswd\"\n[repositories.prod]\nusers = \"htpasswd\"\n",
    );
    for name in ["preprod", "prod"] {
        environment.add(name, &[&format!("of-{name}=1.0")]);
    }
    let server = environment.serve();
    let scripts = ["preprod", "prod"]
        .map(|name| environment.run(&["client-config", name, "--url", &server.url()]).succeeds().stdout);
    let Some(apt) = Apt::new(&environment, "client") else { return };
    let typed = "robot\npassword\nrobot\npassword\n";
    let Some(output) = apt.set_up_on_terminal(&[&scripts[0], &scripts[1]], "bookworm", typed) else { return };
    assert_eq!(output.status, Some(0), "{output}");
    for name in ["preprod", "prod"] {
        assert_eq!(apt.candidate(&format!("of-{name}")).as_deref(), Some("1.0"), "{output}");
    }
}

/// The line for a machine that has nothing but apt, with what runs the script replaced by what prints it.
fn fetched(environment: &Environment, line: &str) -> testkit::Output {
    let line = line.trim_end().replace("&& sh \"$d/s\")", "&& cat \"$d/s\")");
    let mut command = environment.other(&["sh", "-c", &line]);
    environment.finish(command.env("APT_CONFIG", environment.path("client/etc/apt/apt.conf")))
}

#[test]
fn one_line_fetches_the_script_and_trusts_it_by_its_hash_alone() {
    let environment = store();
    environment.add("prod", &["hello=1.0"]);
    let without = environment.run(&["client-config", "prod", "--script"]).ends_with(2);
    assert!(without.stderr.contains("the line needs the web address"), "{without}");
    let server = environment.serve();
    let line = script(&environment, &server, &["--script", "--suite", "bookworm"]);
    assert!(line.starts_with(' ') && line.lines().count() == 1, "{line}");
    let of_suite = script(&environment, &server, &["--suite", "bookworm"]);
    assert_eq!(script(&environment, &server, &["--script", "--suite", "bookworm"]), line, "the same again");
    let _ = environment.run(&["fsck"]).succeeds();
    let name = line.split("/setup/").nth(1).unwrap().split(' ').next().unwrap();
    let (status, body) = crate::http::get(&server, &format!("/setup/{name}"));
    assert_eq!((status, String::from_utf8(body).unwrap().trim_end()), (200, of_suite.trim_end()));
    let (_, listed) = crate::http::get(&server, "/");
    let listed = String::from_utf8(listed).unwrap();
    assert!(listed.contains("prod") && !listed.contains("setup"), "{listed}");

    if Apt::new(&environment, "client").is_none() || !std::path::Path::new("/usr/lib/apt/apt-helper").exists()
    {
        return;
    }
    assert_eq!(fetched(&environment, &line).succeeds().stdout.trim_end(), of_suite.trim_end());
    // A script that others changed on the way or on the server never runs.
    let file = environment.root().join("public/setup").join(name);
    fs::remove_file(&file).unwrap();
    fs::write(&file, of_suite.replace("set -eu", "set -eux")).unwrap();
    let refused = fetched(&environment, &line).ends_with(100);
    assert_eq!(refused.stdout, "", "{refused}");
    // Printing the line again puts the right one back.
    let _ = script(&environment, &server, &["--script", "--suite", "bookworm"]);
    let _ = fetched(&environment, &line).succeeds();

    configure(&environment, "[repositories.setup]\n");
    let taken = environment.run(&["client-config", "prod", "--script", "--url", &server.url()]).ends_with(2);
    assert!(taken.stderr.contains("a repository named setup"), "{taken}");
}

#[test]
fn what_fails_leaves_the_machine_as_it_was() {
    let environment = store();
    environment.add("prod", &["hello=1.0"]);
    environment.write("store/prod.htpasswd", "robot:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\n");
    configure(&environment, "[repositories.prod]\nusers = \"prod.htpasswd\"\n");
    let server = environment.serve();
    let Some(apt) = Apt::new(&environment, "client") else { return };
    let good = script(&environment, &server, &[]);
    let dead = good.replace(&server.url(), "http://127.0.0.1:9");
    let before = contents(&apt);
    let directories = ["etc/apt/auth.conf.d", "usr/share/keyrings"].map(|name| apt.path(name).exists());
    let failed = apt.set_up(&dead, "bookworm", "robot\npassword\n").ends_with(1);
    assert!(failed.stderr.contains("everything is as it was before"), "{failed}");
    assert_eq!(contents(&apt), before);
    assert_eq!(
        ["etc/apt/auth.conf.d", "usr/share/keyrings"].map(|name| apt.path(name).exists()),
        directories
    );
    let _ = apt.set_up(&good, "bookworm", "robot\npassword\n").succeeds();
    // A list of the old form for the same place would be put aside.
    let list = apt.path("etc/apt/sources.list.d/prod.list");
    fs::write(&list, format!("deb {}/prod bookworm main\n", server.url())).unwrap();
    let before = contents(&apt);
    drop(server);
    let failed =
        apt.set_up(&good.replace("Components: main", "Components: main extra"), "bookworm", "").ends_with(1);
    assert!(failed.stderr.contains("everything is as it was before"), "{failed}");
    assert_eq!(contents(&apt), before);
}

#[test]
fn a_machine_that_could_install_nothing_is_not_set_up() {
    let environment = store();
    environment.add("prod", &["hello=1.0"]);
    let _ = environment.run(&["key", "publish"]).succeeds();
    let server = environment.serve();
    let Some(apt) = Apt::new(&environment, "client") else { return };
    let script = script(&environment, &server, &[]);
    let preferences = apt.path("etc/apt/preferences.d");
    fs::create_dir_all(&preferences).unwrap();
    fs::write(preferences.join("none"), "Package: prod-archive-keyring\nPin: release *\nPin-Priority: -1\n")
        .unwrap();
    let before = contents(&apt);
    let refused = apt.set_up(&script, "bookworm", "").ends_with(1);
    assert!(refused.stderr.contains("cannot install prod-archive-keyring from it"), "{refused}");
    assert_eq!(contents(&apt), before);
    fs::remove_file(preferences.join("none")).unwrap();
    let _ = apt.set_up(&script, "bookworm", "").succeeds();
    assert_eq!(apt.candidate("hello").as_deref(), Some("1.0"));
}

#[test]
fn a_machine_is_taken_off_again() {
    let environment = store();
    environment.add("prod", &["hello=1.0"]);
    environment.write("store/prod.htpasswd", "robot:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\n");
    configure(&environment, "[repositories.prod]\nusers = \"prod.htpasswd\"\n");
    let server = environment.serve();
    let Some(apt) = Apt::new(&environment, "client") else { return };
    let before = contents(&apt);
    let _ = apt.set_up(&script(&environment, &server, &[]), "bookworm", "robot\npassword\n").succeeds();
    let removal = script(&environment, &server, &["--remove"]);
    let _ = apt.set_up(&removal, "bookworm", "").succeeds();
    assert_eq!(contents(&apt), before);
    let _ = apt.set_up(&removal, "bookworm", "").succeeds();
    // What is another's stays.
    let entry = apt.path("etc/apt/sources.list.d/prod.sources");
    fs::write(&entry, "Types: deb\nURIs: http://vendor.example/prod\nSuites: bookworm\n").unwrap();
    let refused = apt.set_up(&removal, "bookworm", "").ends_with(1);
    assert!(refused.stderr.contains("has a source with another address"), "{refused}");
    assert!(entry.exists());
    let line = script(&environment, &server, &["--remove", "--script"]);
    assert!(line.contains("apt-helper") && line.lines().count() == 1, "{line}");
}

#[test]
fn shellcheck_finds_nothing_in_the_scripts() {
    if !testkit::all_installed(&["shellcheck"]) {
        return;
    }
    let environment = store();
    environment.write("ca.crt", "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n");
    let authority = environment.path("ca.crt");
    environment.write("store/prod.htpasswd", "robot:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\n");
    configure(
        &environment,
        &format!(
            "[serve.tls]\nauthority = \"{authority}\"\n[repositories.prod]\nusers = \"prod.htpasswd\"\n"
        ),
    );
    for arguments in [&["--suite", "bookworm"][..], &[], &["--remove"], &["--script"]] {
        let whole = [&["client-config", "prod", "--url", "https://deb.example.org"], arguments].concat();
        let printed = environment.run(&whole).succeeds().stdout;
        assert!(
            !printed.contains(['!', '\t']),
            "an interactive shell takes it for something else: {printed}"
        );
        let script = environment.write("script.sh", &printed);
        // That a function runs in a trap is not seen by all of its versions, and os-release is the machine's.
        let mut check =
            environment.other(&["shellcheck", "--shell=sh", "--exclude=SC1091,SC2317", script.as_str()]);
        let _ = environment.finish(&mut check).succeeds();
    }
}
