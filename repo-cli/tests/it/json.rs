//! `--json`: one document on standard output, whatever happens and whatever the texts in it are.

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::process::{Command, Stdio};
use std::{fmt, fs};

use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};
use testkit::{Environment, Output, package};

use crate::{PROGRAM, configure};

/// What a terminal obeys, and what changes the order or the lines of a text.
const HOSTILE: &str = "\u{1b}[2J\u{7f}\u{9b}31m\u{61c}\u{200e}\u{200f}\u{202e}\u{2066}\u{2028}\u{2029}";
/// The part of it that fields of packages and lines of the configuration may hold.
const ALLOWED: &str = "\u{61c}\u{200e}\u{200f}\u{202e}\u{2066}";

/// The verbs and their subcommands, such as `key list`, as the help lists them.
fn verbs(environment: &Environment, above: &[&str]) -> Vec<String> {
    let help = environment.run(&[above, &["--help"]].concat()).succeeds().stdout;
    let Some((_, listed)) = help.split_once("\nCommands:\n") else { return vec![above.join(" ")] };
    let listed = listed.lines().take_while(|line| !line.is_empty());
    // Longer lines of help are indented further than names.
    let names = listed.filter_map(|line| line.strip_prefix("  ").filter(|line| !line.starts_with(' ')));
    let names = names.filter_map(|line| line.split(' ').next()).filter(|name| *name != "help");
    names.flat_map(|name| verbs(environment, &[above, &[name]].concat())).collect()
}

/// The one document that a command printed. It must say how the command ended.
#[track_caller]
fn document(output: &Output) -> Value {
    let document = parse(&output.stdout, output);
    let failed = output.status != Some(0) && output.status != Some(3);
    assert_eq!(document.get("ok"), failed.then_some(&Value::Bool(false)), "{output}");
    if failed {
        let error = &document["error"];
        assert!(error["code"].as_str().unwrap().starts_with("E-"), "{output}");
        assert!(!error["message"].as_str().unwrap().is_empty(), "{output}");
        for (field, is_right) in [
            ("hint", error["hint"].is_null() || error["hint"].is_string()),
            ("file", error["file"].is_null() || error["file"].is_string()),
            ("line", error["line"].is_null() || error["line"].is_u64()),
        ] {
            assert!(is_right && error.get(field).is_some(), "{field}: {output}");
        }
    }
    document
}

#[track_caller]
fn parse(stdout: &str, output: &dyn std::fmt::Display) -> Value {
    let line = stdout.strip_suffix('\n').unwrap_or_else(|| panic!("no line: {output}"));
    let is_plain = |c: char| !c.is_control() && !HOSTILE.contains(c) || matches!(c, ' '..='~');
    assert!(line.chars().all(is_plain), "{line:?}");
    let document: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {output}"));
    assert_eq!(document["format"], 1, "{output}");
    document
}

/// A store in which every text that can be is hostile.
fn hostile() -> Environment {
    let environment = Environment::new(PROGRAM);
    let origin = format!("In-house{ALLOWED}");
    let _ = environment
        .run(&["init", "--architecture", "amd64", "--suite", "bookworm", "--origin", &origin])
        .succeeds();
    configure(
        &environment,
        &format!("[suite.bookworm]\ndescription = \"d{ALLOWED}\"\n[[retention]]\nkeep_versions = 1\n"),
    );
    for version in ["1.0", "2.0"] {
        let control = format!(
            "Package: hostile\nVersion: {version}\nArchitecture: all\nMaintainer: m{ALLOWED} <m@example.org>\n\
             Section: misc\nDescription: d{ALLOWED}\n long {ALLOWED}\n"
        );
        let file =
            environment.write(&format!("files/{HOSTILE}{version}.deb"), package::with_control(&control));
        let _ = finish(&environment, &["add".into(), "preprod".into(), file.as_str().into()]).succeeds();
    }
    environment
}

/// Runs it as somebody with a hostile name.
fn finish(environment: &Environment, arguments: &[OsString]) -> Output {
    environment.finish(environment.command().args(arguments).env("REPO_ACTOR", format!("a{HOSTILE}")))
}

fn words(words: &[&str]) -> Vec<OsString> {
    words.iter().map(|word| (*word).to_owned().into()).collect()
}

/// Invocations of a verb of `profile`.
fn profile_cases(verb: &str, environment: &Environment) -> Vec<(Vec<OsString>, i32)> {
    // What other verbs do to the configuration is theirs.
    let profile = "[profile.web]\npackages = ['hostile', 'elsewhere']\n[machine.web1]\nprofile = 'web'\n";
    fs::create_dir_all(environment.root().join("repo.d")).unwrap();
    environment.write("store/repo.d/web.toml", profile);
    let hostile_name = format!("x{HOSTILE}");
    let case = |status: i32, list: &[&str]| (words(list), status);
    match verb {
        "profile list" => vec![case(0, &["profile", "list"])],
        "profile show" => vec![
            case(0, &["profile", "show", "web"]),
            case(0, &["profile", "show", "--machine", "web1"]),
            case(1, &["profile", "show", "nothing"]),
            case(2, &["profile", "show", &hostile_name]),
        ],
        "profile diff" => vec![
            case(0, &["profile", "diff", "web", "--repository", "preprod"]),
            case(0, &["profile", "diff", "web", "preprod@1", "preprod@1"]),
            case(1, &["profile", "diff", "web", "preprod@4711"]),
        ],
        "profile check" => vec![
            case(3, &["profile", "check", "web", "--repository", "preprod"]),
            case(1, &["profile", "check", "web", "--repository", &hostile_name]),
        ],
        "profile build" => vec![
            case(0, &["profile", "build", "web", "--repository", "preprod", "--dry-run"]),
            case(0, &["profile", "build", "web", "--repository", "preprod"]),
            case(1, &["profile", "build", "web", "--repository", &hostile_name]),
        ],
        _ => Vec::new(),
    }
}

/// Invocations of a verb, and the status of each: some that succeed, some that fail.
#[expect(clippy::too_many_lines, reason = "a table of all verbs")]
fn cases(verb: &str, environment: &Environment) -> Vec<(Vec<OsString>, i32)> {
    let hostile_name = format!("x{HOSTILE}");
    let bad = environment.write(&format!("files/bad{HOSTILE}.deb"), "no archive");
    let broken = package::with_control(&format!("Package: x{HOSTILE}\nVersion: {HOSTILE}\n"));
    let broken = environment.write(&format!("files/broken{HOSTILE}.deb"), broken);
    let good = environment.package("plain", "1.0", "all");
    let public = environment.public("preprod");
    let drop = environment.path("drop");
    fs::create_dir_all(&drop).unwrap();
    let fill = || {
        fs::copy(&bad, drop.join(bad.file_name().unwrap())).unwrap();
        fs::write(drop.as_std_path().join(std::ffi::OsStr::from_bytes(b"in\xffvalid.deb")), "x").unwrap();
        fs::write(drop.join(format!("list{HOSTILE}.changes")), format!("Files: {HOSTILE}\n")).unwrap();
    };
    let log = environment.write(
        "files/access.log",
        "192.0.2.7 - - [27/Nov/2026:10:00:00 +0000] \"GET /prod/dists/bookworm/InRelease HTTP/1.1\" 200 1 \"-\" \"Debian APT-HTTP/1.3 (2.6.1)\"\nx\n",
    );
    let case = |status: i32, list: &[&str]| (words(list), status);
    match verb {
        "quickstart" => vec![
            case(1, &["quickstart", "other", bad.as_str(), good.as_str(), "--dry-run"]),
            case(0, &["quickstart", "quick", "--no-serve", "--origin", &format!("o{ALLOWED}")]),
            case(1, &["quickstart", "other", bad.as_str(), good.as_str(), "--no-serve"]),
            case(1, &["quickstart", bad.as_str(), "--no-serve"]),
        ],
        "init" => vec![
            case(0, &["init", &format!("planned{HOSTILE}"), "--origin", &format!("o{ALLOWED}"), "--dry-run"]),
            case(0, &["init", &format!("made{HOSTILE}"), "--origin", &format!("o{ALLOWED}")]),
            case(1, &["init"]),
            case(2, &["init", "elsewhere", "--repository", &hostile_name]),
        ],
        "add" => vec![
            case(1, &["add", "preprod", bad.as_str(), broken.as_str(), good.as_str()]),
            case(1, &["add", "preprod", bad.as_str(), good.as_str(), "--keep-going"]),
            case(0, &["add", "preprod", good.as_str()]),
            case(0, &["add", "preprod", good.as_str(), "--dry-run"]),
            case(1, &["add", &hostile_name, good.as_str()]),
            case(2, &["add", "preprod"]),
            (vec!["add".into(), "preprod".into(), OsString::from_vec(b"\xff.deb".to_vec())], 2),
        ],
        "incoming" => {
            fill();
            vec![
                case(0, &["incoming", "preprod", drop.as_str(), "--once"]),
                case(1, &["incoming", "preprod", drop.as_str(), "missing", "--once", "--patience", "0"]),
                case(1, &["incoming", "preprod", &format!("gone{HOSTILE}"), "--once"]),
            ]
        }
        "list" => vec![
            case(0, &["list", "preprod"]),
            case(0, &["list", "preprod", "--columns", "package,description", "--format", "json"]),
            case(2, &["list", "preprod", "--columns", &hostile_name]),
            case(1, &["list", "preprod", "--columns", "nothing"]),
            case(1, &["list", &hostile_name]),
        ],
        "search" => vec![
            case(0, &["search", "hostile"]),
            case(0, &["search", &hostile_name]),
            case(0, &["search", "--file", &hostile_name]),
            case(1, &["search", "--regex", "("]),
            case(1, &["search", "hostile", "--repository", "nothing"]),
            case(2, &["search"]),
        ],
        verb if verb.starts_with("profile ") => profile_cases(verb, environment),
        "pipeline" => vec![case(0, &["pipeline", "--all"]), case(1, &["pipeline", "--suite", "nothing"])],
        "sbom" => vec![
            case(0, &["sbom", "preprod"]),
            case(0, &["sbom", "preprod", "--format", "cyclonedx", "--newest"]),
            case(1, &["sbom", &hostile_name]),
        ],
        "vulnerabilities" => {
            let said = json!({"summary": HOSTILE, "id": format!("CVE-1{HOSTILE}"), "affected": [
                {"package": {"ecosystem": "Debian:12", "name": "hostile"}, "versions": ["2.0"]}
            ]});
            let data = environment.write("advisories.json", said.to_string());
            vec![
                case(3, &["vulnerabilities", "preprod", "--data", data.as_str()]),
                case(1, &["vulnerabilities", "preprod", "--data", &hostile_name]),
            ]
        }
        "versions" => vec![case(0, &["versions", "hostile"]), case(0, &["versions", "nothing"])],
        "show" => vec![
            case(0, &["show", "preprod", "hostile"]),
            case(1, &["show", "preprod", "nothing"]),
            case(0, &["show", "preprod@-1"]),
        ],
        "diff" => vec![
            case(3, &["diff", "preprod", "prod"]),
            case(3, &["diff", "preprod", "prod", "--details"]),
            case(3, &["diff", "preprod", "prod", "--details", "--format", "json"]),
            case(0, &["diff", "preprod", "preprod"]),
            case(1, &["diff", "preprod", "prod@4711"]),
            case(2, &["diff", "preprod", "prod", "--details", "--format", "html"]),
        ],
        "check" => vec![
            case(0, &["check", "preprod"]),
            case(0, &["check", "preprod", "--upgrade-from", "preprod@-1", "--file-conflicts", "--sources"]),
            case(1, &["check", "preprod", "--upgrade-from", "nothing"]),
            case(1, &["check", "preprod", "--base", &hostile_name]),
            case(1, &["check", &hostile_name]),
        ],
        "why" => vec![
            case(0, &["why", "preprod", "hostile"]),
            case(0, &["rdepends", "preprod", "hostile", "--limit", "1"]),
            case(1, &["why", "preprod", "nothing"]),
            case(2, &["why", "preprod", &hostile_name]),
        ],
        "preview" => {
            let status =
                "Package: hostile\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1.0\n";
            let status = environment.write("machine.status", status);
            vec![
                case(0, &["preview", "preprod", "--status", status.as_str()]),
                case(0, &["preview", "prod", "--from", "preprod", "--status", status.as_str()]),
                case(1, &["preview", "preprod", "--status", &hostile_name]),
                case(2, &["preview", "preprod"]),
            ]
        }
        "promote" => vec![
            case(0, &["promote", "hostile", "--from", "preprod", "--to", "prod"]),
            case(1, &["promote", "nothing", "--from", "preprod", "--to", "prod"]),
            case(1, &["promote", "--all", "--from", "preprod", "--to", &hostile_name]),
        ],
        "remove" => vec![
            case(1, &["remove", "prod", "hostile"]),
            case(0, &["remove", "prod", "hostile", "--yes"]),
            case(0, &["remove", "prod", "hostile", "--undo"]),
            case(1, &["remove", "prod", "nothing"]),
            case(1, &["remove", "prod", "nothing", "--undo"]),
        ],
        "hold" => vec![
            case(0, &["hold", "prod", "hostile=7.0", "--reason", &format!("r{HOSTILE}")]),
            case(1, &["hold", "preprod", "hostile=1.0"]),
            case(2, &["hold", "prod", &hostile_name]),
        ],
        "unhold" => vec![
            case(0, &["unhold", "prod", "hostile=7.0"]),
            case(1, &["unhold", "prod", "nothing"]),
            case(1, &["unhold", &hostile_name, "hostile"]),
        ],
        "freeze" => vec![
            case(0, &["freeze", "preprod", "--until", "1h", "--reason", &format!("r{HOSTILE}"), "--dry-run"]),
            case(0, &["freeze", "preprod", "--until", "1h", "--reason", &format!("r{HOSTILE}")]),
            case(1, &["add", "preprod", environment.package("frozen", "1.0", "all").as_str()]),
            case(0, &["thaw", "preprod"]),
            case(1, &["freeze", &hostile_name, "--until", "1h", "--reason", "x"]),
            case(2, &["freeze", "preprod", "--until", &hostile_name, "--reason", "x"]),
        ],
        "thaw" => vec![case(0, &["thaw", "preprod"]), case(1, &["thaw", &hostile_name])],
        "approve" => vec![
            case(0, &["approve", "preprod", "hostile=1.0"]),
            case(0, &["approve", "preprod", "hostile=1.0", "--withdraw"]),
            case(1, &["approve", "preprod", "hostile=1.0", "--withdraw"]),
            case(1, &["approve", "preprod", "nothing=1.0"]),
            case(2, &["approve", "preprod", &hostile_name]),
        ],
        "base list" => vec![case(0, &["base", "list"]), case(2, &["base", "list", &hostile_name])],
        "base update" => vec![
            case(0, &["base", "update"]),
            case(1, &["base", "update", "--suite", "nothing"]),
            case(2, &["base", "update", "--suite", &hostile_name]),
        ],
        "bundle create" => vec![
            case(0, &["bundle", "create", "prod", "--plain", "-o", "made.bundle"]),
            case(1, &["bundle", "create", "prod", "--plain", "--receipt", bad.as_str(), "-o", "x"]),
            case(1, &["bundle", "create", &hostile_name, "--plain", "-o", "x"]),
            case(2, &["bundle", "create", "prod", "-o", "x"]),
        ],
        "bundle inspect" | "bundle verify" | "bundle apply" => {
            let key = public.join("key.asc");
            let rest: &[&str] = if verb == "bundle apply" { &["--tree", "tree"] } else { &[] };
            let of = |file: &str| {
                let verb: Vec<&str> = verb.split(' ').collect();
                words(&[&verb[..], &[file, "--keyring", key.as_str()], rest].concat())
            };
            vec![(of("made.bundle"), 0), (of(bad.as_str()), 1), (of(&hostile_name), 1)]
        }
        "bundle undo" => {
            // The second state of the tree.
            let _ = environment.run(&["sign", "again", "prod"]);
            let _ = environment.run(&["bundle", "create", "prod", "--plain", "-o", "later.bundle"]);
            let key = public.join("key.asc");
            let apply = ["bundle", "apply", "later.bundle", "--tree", "tree", "--keyring", key.as_str()];
            let _ = environment.run(&apply);
            vec![
                case(0, &["bundle", "undo", "--tree", "tree", "--dry-run"]),
                case(0, &["bundle", "undo", "--tree", "tree"]),
                case(1, &["bundle", "undo", "--tree", &hostile_name]),
            ]
        }
        "bundle receipt" => vec![
            case(0, &["bundle", "receipt", "--tree", "tree"]),
            case(1, &["bundle", "receipt", "--tree", &hostile_name]),
        ],
        "approvals" => vec![case(0, &["approvals", "preprod"]), case(1, &["approvals", &hostile_name])],
        "holds" => vec![case(0, &["holds", "prod"]), case(1, &["holds", &hostile_name])],
        "sign again" => {
            vec![
                case(0, &["sign", "again", "prod", "--dry-run"]),
                case(0, &["sign", "again", "prod"]),
                case(1, &["sign", "again", &hostile_name]),
            ]
        }
        "store upgrade" => vec![
            case(0, &["store", "upgrade", "--dry-run"]),
            case(1, &["store", "upgrade", "--undo"]),
            case(0, &["store", "upgrade"]),
        ],
        "history" => {
            vec![case(0, &["history", "preprod"]), case(1, &["history", "prod", "--suite", "nothing"])]
        }
        "release" => vec![
            case(0, &["release", "prod", "--from", "preprod", "--dry-run"]),
            case(1, &["release", "prod", "--from", &hostile_name]),
            case(2, &["release", "prod", "--from", "prod"]),
        ],
        "rollback" => vec![
            case(0, &["rollback", "prod", "--to", "1"]),
            case(1, &["rollback", "prod", "--to", &hostile_name]),
        ],
        "reissue" => vec![
            case(
                0,
                &["reissue", "preprod", "hostile=2.0", "--as", "1.0", "--reason", &hostile_name, "--dry-run"],
            ),
            case(1, &["reissue", "preprod", "nothing", "--as", "1.0"]),
            case(1, &["reissue", &hostile_name, "hostile", "--as", "1.0"]),
            case(2, &["reissue", "preprod", "hostile", "--as", &hostile_name]),
        ],
        "rollout phase" => vec![
            case(0, &["rollout", "phase", "preprod", "hostile", "--percent", "10", "--dry-run"]),
            case(1, &["rollout", "phase", &hostile_name, "hostile", "--percent", "10"]),
            case(1, &["rollout", "phase", "preprod", "nothing", "--percent", "10"]),
            case(2, &["rollout", "phase", "preprod", &hostile_name, "--percent", "10"]),
        ],
        "rollout preview" => {
            let machines = environment.write("machines", format!("{:032x} {hostile_name}\n", 7));
            let broken = environment.write("no-machines", format!("{hostile_name}\n"));
            let preview = ["rollout", "preview", "preprod", "hostile", "--percent", "10", "--machines"];
            vec![
                case(0, &[&preview[..], &[machines.as_str()]].concat()),
                case(1, &[&preview[..], &[broken.as_str()]].concat()),
            ]
        }
        "rollout status" => {
            vec![case(0, &["rollout", "status"]), case(1, &["rollout", "status", &hostile_name])]
        }
        "undo" => vec![case(0, &["undo", "prod", "--dry-run"]), case(1, &["undo", &hostile_name])],
        "tag" => vec![
            case(0, &["tag", "preprod", "first"]),
            case(0, &["tag", "preprod"]),
            case(1, &["tag", "preprod", "other", "--delete"]),
            case(1, &["tag", "preprod", "other", &hostile_name]),
            case(2, &["tag", "preprod", &hostile_name]),
        ],
        "retention" => vec![
            case(0, &["retention", "prod"]),
            case(0, &["retention", "--dry-run"]),
            case(1, &["retention", &hostile_name]),
        ],
        "gc" => vec![
            case(0, &["gc", "--dry-run"]),
            case(0, &["gc", "--grace", "0", "--yes"]),
            case(2, &["gc", "--grace", &hostile_name]),
        ],
        "publish" => vec![
            case(0, &["publish", "--dry-run"]),
            case(0, &["publish"]),
            case(1, &["publish", &hostile_name]),
        ],
        "fsck" => vec![
            case(0, &["fsck"]),
            case(0, &["fsck", "--repair", "--dry-run"]),
            case(1, &["fsck", "--repair", "--from", &hostile_name]),
            case(1, &["fsck", "--repair", "--from", &format!("http://{HOSTILE}/")]),
        ],
        "backup" => vec![
            case(0, &["backup", "saved", "--dry-run"]),
            case(0, &["backup", "saved"]),
            case(0, &["backup", "--list"]),
            case(1, &["backup", bad.as_str()]),
        ],
        "restore" => vec![
            case(0, &["restore", "saved", "planned", "--dry-run"]),
            case(0, &["restore", "saved", &format!("restored{HOSTILE}")]),
            case(1, &["restore", &hostile_name, "nowhere"]),
            case(1, &["restore", "saved", "files"]),
            case(0, &["restore", "saved", "--drill"]),
        ],
        // One that serves is in a test of its own.
        "serve" => vec![
            case(1, &["serve", "--listen", "192.0.2.1:9"]),
            case(2, &["serve", "--listen", &hostile_name]),
        ],
        "client-config" => {
            vec![case(0, &["client-config", "prod"]), case(1, &["client-config", "prod", "--flat"])]
        }
        "key generate" => vec![case(0, &["key", "generate", "--name", &format!("k{ALLOWED}")])],
        "access add" => vec![
            case(0, &["access", "add", "preprod", "web1", "--group", "web"]),
            case(1, &["access", "add", "preprod", "web1"]),
            case(2, &["access", "add", "preprod", &hostile_name]),
        ],
        "access invite" => vec![
            case(2, &["access", "invite", "preprod", "web2"]),
            case(0, &["access", "invite", "preprod", "web2", "--url", "http://localhost"]),
        ],
        "access list" => vec![case(0, &["access", "list"]), case(1, &["access", "list", &hostile_name])],
        "access rename" => vec![
            case(0, &["access", "rename", "preprod", "web2", "web3", "--dry-run"]),
            case(1, &["access", "rename", "preprod", "web4", "web5"]),
        ],
        "access revoke" => vec![
            case(1, &["access", "revoke", "preprod", "web4"]),
            case(0, &["access", "revoke", "preprod", "web1"]),
        ],
        "machines list" => vec![
            case(0, &["machines", "list"]),
            case(0, &["machines", "--asleep", "prod"]),
            case(1, &["machines", "list", &hostile_name]),
        ],
        "machines show" => vec![case(1, &["machines", "show", &hostile_name])],
        "machines import-log" => vec![
            case(0, &["machines", "import-log", log.as_str()]),
            case(1, &["machines", "import-log", &hostile_name]),
        ],
        "machines forget" => vec![
            case(0, &["machines", "forget", "192.0.2.7"]),
            case(1, &["machines", "forget", &hostile_name]),
        ],
        "key list" => vec![case(0, &["key", "list"])],
        "key export" => vec![case(0, &["key", "export"]), case(2, &["key", "export", "--binary"])],
        "key publish" => {
            vec![case(0, &["key", "publish"]), case(1, &["key", "publish", &hostile_name])]
        }
        "hooks list" => {
            configure(environment, "[[hook]]\nname = \"true\"\non = [\"gc\"]\ncommand = [\"true\"]\n");
            vec![case(0, &["hooks", "list"]), case(2, &["hooks", "list", &hostile_name])]
        }
        "hooks test" => vec![case(0, &["hooks", "test", "true"]), case(1, &["hooks", "test", &hostile_name])],
        "hooks retry" => vec![case(0, &["hooks", "retry"]), case(1, &["hooks", "retry", &hostile_name])],
        "import tree" => vec![
            case(
                0,
                &["import", "tree", public.as_str(), "--repository", "prod", "--allow-unsigned", "--dry-run"],
            ),
            case(1, &["import", "tree", &hostile_name, "--repository", "prod", "--allow-unsigned"]),
        ],
        "import reprepro" => {
            let conf = environment.path("conf");
            fs::create_dir_all(&conf).unwrap();
            fs::write(conf.join("options"), format!("outdir {public}\n")).unwrap();
            fs::write(conf.join("distributions"), format!("Codename: bookworm\nUpdate: {ALLOWED}\n"))
                .unwrap();
            let arguments = |conf: &str| {
                let before =
                    ["import", "reprepro", conf, "--repository", "prod", "--allow-unsigned", "--dry-run"];
                words(&before)
            };
            vec![(arguments(conf.as_str()), 0), (arguments(&hostile_name), 1)]
        }
        "import verify" => vec![
            case(0, &["import", "verify", public.as_str(), "--repository", "preprod", "--allow-unsigned"]),
            case(3, &["import", "verify", public.as_str(), "--repository", "prod", "--allow-unsigned"]),
            case(1, &["import", "verify", &hostile_name, "--repository", "prod", "--allow-unsigned"]),
        ],
        "build package" => {
            let spec = environment.path("build.toml");
            let text = "name = 'acme'\nversion = '1.0'\nmaintainer = 'A <a@example.org>'\nsummary = 'x'\n\
                        copyright = { license = 'MIT', holder = 'A' }\n";
            fs::write(&spec, text).unwrap();
            vec![
                case(
                    0,
                    &["build", "package", spec.as_str(), "--add", "prod", "--for", "bookworm", "--dry-run"],
                ),
                case(0, &["build", spec.as_str(), "--output", environment.path("built").as_str()]),
                case(1, &["build", &hostile_name]),
                case(2, &["build", "--for", &hostile_name]),
            ]
        }
        "build new" => {
            let directory = environment.path("acme");
            let arguments = ["build", "new", "service", "acme", "--directory", directory.as_str()];
            vec![
                case(0, &arguments),
                case(1, &arguments),
                case(2, &["build", "new", "service", &hostile_name]),
            ]
        }
        "doctor" => vec![
            case(3, &["doctor", environment.public("preprod").as_str(), "--suite", "nowhere"]),
            case(1, &["doctor", &hostile_name]),
        ],
        "status" => vec![case(0, &["status"])],
        "config set" => vec![
            case(0, &["config", "set", "pdiffs", "7", "--dry-run"]),
            case(1, &["config", "set", &hostile_name, "7"]),
        ],
        "config unset" => vec![
            case(0, &["config", "unset", "pdiffs", "--dry-run"]),
            case(1, &["config", "unset", &hostile_name]),
        ],
        "suite add" => vec![
            case(0, &["suite", "add", "sid", "--dry-run"]),
            case(1, &["suite", "add", "bookworm"]),
            case(2, &["suite", "add", &hostile_name]),
        ],
        "suite list" => vec![case(0, &["suite", "list"])],
        "suite remove" => vec![case(1, &["suite", "remove", "sid"])],
        "repository add" => {
            vec![case(0, &["repository", "add", "new", "--dry-run"]), case(1, &["repository", "add", "prod"])]
        }
        "repository list" => vec![case(0, &["repository", "list"])],
        "repository remove" => vec![case(1, &["repository", "remove", &hostile_name])],
        "config show" => vec![
            case(0, &["config", "show"]),
            case(0, &["config", "show", "prod"]),
            case(1, &["config", "show", &hostile_name]),
        ],
        "config schema" => vec![case(0, &["config", "schema"])],
        "config proxy" => vec![
            case(0, &["config", "proxy", "nginx"]),
            case(1, &["config", "proxy", "haproxy", "--write-credentials"]),
            case(1, &["config", "proxy", "caddy", "--repository", &hostile_name]),
        ],
        "config check" => vec![case(0, &["config", "check"]), case(2, &["config", "check", &hostile_name])],
        "completions" => vec![case(0, &["completions", "bash"]), case(2, &["completions", &hostile_name])],
        "key certify" => vec![case(1, &["key", "certify", bad.as_str()])],
        "sign refresh" => vec![
            case(0, &["sign", "refresh"]),
            case(0, &["sign", "refresh", "--dry-run"]),
            case(1, &["sign", "refresh", &hostile_name]),
        ],
        "sign export" => vec![
            case(0, &["sign", "export", "to-sign"]),
            case(1, &["sign", "export", "other", "prod"]),
            case(1, &["sign", "export", "files"]),
        ],
        "sign attach" => vec![case(1, &["sign", "attach", &hostile_name])],
        "key check" => vec![case(0, &["key", "check"])],
        "key rotate" => vec![
            case(0, &["key", "rotate", "--all", "--dry-run"]),
            case(1, &["key", "rotate", &hostile_name]),
            case(2, &["key", "rotate"]),
        ],
        "key import" => vec![
            case(1, &["key", "import", bad.as_str(), "--dry-run"]),
            case(1, &["key", "import", bad.as_str()]),
            case(1, &["key", "import", &format!("gone{HOSTILE}")]),
        ],
        "key retire" => {
            vec![case(1, &["key", "retire", &"A".repeat(40)]), case(2, &["key", "retire", &hostile_name])]
        }
        "key extend" => vec![
            case(1, &["key", "extend", &"A".repeat(40), "--expires", "3y"]),
            case(2, &["key", "extend", &"A".repeat(40), "--expires", "1970-01-01"]),
        ],
        "key revoke" => vec![case(1, &["key", "revoke", &"A".repeat(40)])],
        other => panic!("no case for `{other}`: add one that succeeds and one that fails"),
    }
}

/// The shape of a value: the names of its fields in their order, and what kind of value each is. The elements of a list that have one shape
/// stand for one.
struct Shape(String);

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ShapeVisitor)
    }
}

struct ShapeVisitor;

impl<'de> Visitor<'de> for ShapeVisitor {
    type Value = Shape;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Shape, E> {
        Ok(Shape("null".to_owned()))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Shape, E> {
        Ok(Shape("boolean".to_owned()))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Shape, E> {
        Ok(Shape("number".to_owned()))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Shape, E> {
        Ok(Shape("number".to_owned()))
    }

    fn visit_str<E>(self, _: &str) -> Result<Shape, E> {
        Ok(Shape("text".to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Shape, A::Error> {
        let mut shapes = Vec::new();
        while let Some(Shape(shape)) = list.next_element()? {
            if !shapes.contains(&shape) {
                shapes.push(shape);
            }
        }
        Ok(Shape(format!("[{}]", shapes.join(" | "))))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Shape, A::Error> {
        let mut fields = Vec::new();
        while let Some((name, Shape(shape))) = map.next_entry::<String, Shape>()? {
            fields.push(format!("{name}: {shape}"));
        }
        Ok(Shape(format!("{{{}}}", fields.join(", "))))
    }
}

#[test]
fn every_verb_prints_one_document() {
    let environment = hostile();
    let mut shapes = Vec::new();
    let verbs = verbs(&environment, &[]);
    assert!(verbs.len() > 20 && verbs.contains(&"key export".to_owned()), "{verbs:?}");
    for verb in &verbs {
        let help = words(&[&verb.split(' ').collect::<Vec<_>>()[..], &["--help", "--json"]].concat());
        assert!(document(&finish(&environment, &help))["help"].is_string());
        let unknown = format!("--{HOSTILE}");
        let wrong = words(&[&verb.split(' ').collect::<Vec<_>>()[..], &["--json", &unknown]].concat());
        let usage = document(&finish(&environment, &wrong).ends_with(2));
        assert_eq!(usage["error"]["code"], "E-USAGE");
        let is_made_elsewhere = verb == "config schema";
        for (mut arguments, status) in cases(verb, &environment) {
            arguments.push("--json".into());
            let output = finish(&environment, &arguments);
            assert_eq!(output.status, Some(status), "{arguments:?}: {output}");
            document(&output);
            if !is_made_elsewhere {
                let Shape(shape) = serde_json::from_str(&output.stdout).unwrap();
                shapes.push(format!("{verb} [{status}] {shape}"));
            }
        }
    }
    shapes.dedup();
    insta::assert_snapshot!(shapes.join("\n"));
}

#[test]
fn every_verb_fails_with_one_document() {
    let environment = hostile();
    let _ = environment.run(&["backup", "saved"]).succeeds();
    let without_a_store =
        ["quickstart", "init", "restore", "completions", "config schema", "doctor", "build new"];
    let needs_none = |verb: &str| {
        without_a_store.contains(&verb) || verb.starts_with("bundle ") && verb != "bundle create"
    };
    for verb in verbs(&environment, &[]) {
        let Some((mut arguments, _)) =
            cases(&verb, &environment).into_iter().find(|(_, status)| *status != 2)
        else {
            panic!("{verb}: no case")
        };
        arguments.push("--json".into());
        if needs_none(&verb) {
            continue;
        }
        for (text, line) in [(format!("origin = \"{HOSTILE}\"\n"), 1), (format!("\n{HOSTILE} = 1\n"), 2)] {
            configure(&environment, &text);
            let output = finish(&environment, &arguments).ends_with(1);
            let error = &document(&output)["error"];
            assert_eq!(
                (error["code"].as_str(), error["line"].as_u64()),
                (Some("E-CONFIG"), Some(line)),
                "{output}"
            );
            assert_eq!(
                error["file"],
                environment.root().join("repo.d/test.toml").as_str(),
                "{verb}: {arguments:?}"
            );
        }
        configure(&environment, "");
        // These make a store where there is none.
        if ["import tree", "import reprepro"].contains(&verb.as_str()) {
            continue;
        }
        arguments.extend(words(&["--root", &format!("gone{HOSTILE}")]));
        let error = &document(&finish(&environment, &arguments).ends_with(1))["error"];
        assert_eq!(error["code"], "E-NO-ROOT");
        assert!(error["hint"].as_str().unwrap().contains("repo-cli init"));
    }
}

#[test]
fn a_partial_failure_is_in_the_document_of_what_was_done() {
    let environment = hostile();
    let bad = environment.write(&format!("files/bad{HOSTILE}.deb"), "no archive");
    let good = environment.package("plain", "1.0", "all");
    let output = environment.run(&["add", "preprod", "--keep-going", "--json", bad.as_str(), good.as_str()]);
    let added = document(&output.ends_with(1));
    assert_eq!(added["added"][0]["package"], "plain");
    assert_eq!(added["refused"][0]["file"], bad.as_str());
    assert_eq!(added["error"]["code"], "E-INVALID-PACKAGE");
    assert_eq!(added["error"]["file"], bad.as_str());
    assert!(added["commit"].is_string());

    // Of several folders two are missing.
    let arguments = ["incoming", "preprod", "gone", "drop", "away", "--once", "--json"];
    fs::create_dir(environment.path("drop")).unwrap();
    fs::copy(environment.package("other", "1.0", "all"), environment.path("drop/other_1.0_all.deb")).unwrap();
    let taken = document(&environment.run(&arguments).ends_with(1));
    assert_eq!(taken["added"][0]["package"], "other");
    assert_eq!(taken["errors"].as_array().unwrap().len(), 2);
    assert_eq!(taken["error"], taken["errors"][0]);
    assert!(taken["error"]["file"].as_str().unwrap().contains("gone"), "{taken}");

    // The change is committed, and cannot be published.
    configure(&environment, "[repositories.preprod]\nlabel = \"other\"\n");
    let newer = environment.package("newer", "1.0", "all");
    let unpublished = document(&environment.run(&["add", "preprod", "--json", newer.as_str()]).ends_with(1));
    assert!(unpublished["commit"].is_string());
    assert_eq!(unpublished["error"]["code"], "E-RELEASE-INFO-CHANGE");
}

#[test]
fn a_mistake_in_what_all_texts_make_names_the_one_that_has_it() {
    let environment = hostile();
    configure(&environment, "\n[suite.nothing]\n");
    let listed = document(&environment.run(&["list", "preprod", "--json"]).ends_with(1));
    assert_eq!(listed["error"]["file"], environment.root().join("repo.d/test.toml").as_str());
    assert_eq!((&listed["error"]["code"], &listed["error"]["line"]), (&"E-CONFIG".into(), &2.into()));
}

#[test]
fn damage_is_an_error_with_the_problems_beside_it() {
    let environment = hostile();
    let format = environment.root().join("store/ops/log");
    fs::write(&format, "damaged\n").unwrap();
    let checked = document(&environment.run(&["fsck", "--json"]).ends_with(1));
    assert_eq!(checked["error"]["code"], "E-UNSOUND");
    assert!(!checked["problems"].as_array().unwrap().is_empty());
}

#[test]
fn a_server_prints_its_document_when_it_serves() {
    let environment = hostile();
    for arguments in [
        &["serve", "--listen", "127.0.0.1:0", "--json"][..],
        &["quickstart", "store", "--listen", "127.0.0.1:0", "--json"],
    ] {
        let mut command: Command = environment.command();
        command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let document = parse(&line, &line);
        assert!(document["listen"].as_str().unwrap().starts_with("127.0.0.1:"), "{document}");
        let process = rustix::process::Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
        rustix::process::kill_process(process, rustix::process::Signal::INT).unwrap();
        let mut rest = String::new();
        stdout.read_to_string(&mut rest).unwrap();
        assert_eq!((rest.as_str(), child.wait().unwrap().code()), ("", Some(0)));
    }
}
