//! The interface for programs: tokens with scopes, uploads, plans, answers that are given again, and hostile requests.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::Stdio;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::{Environment, Port, Server};

use crate::http::{self, Answer};
use crate::{configure, store};

/// All scopes that a token can have.
pub(crate) const SCOPES: [&str; 10] =
    ["read", "add", "promote", "remove", "rollback", "tag", "publish", "hold", "approve", "tokens"];

/// A store whose interface is served.
pub(crate) struct Interface {
    pub(crate) environment: Environment,
    pub(crate) server: Server,
    pub(crate) address: String,
}

impl Interface {
    pub(crate) fn new(environment: Environment) -> Self {
        Self::with(environment, "")
    }

    /// With more in the configuration.
    pub(crate) fn with(environment: Environment, more: &str) -> Self {
        configure(&environment, &format!("[serve]\napi = \"127.0.0.1:0\"\nmax_upload = \"1 MiB\"\n{more}"));
        let server = environment.serve();
        let line = server.printed().lines().find_map(|line| {
            line.strip_prefix("serving the interface for programs at http://")?.strip_suffix("/api/v1")
        });
        let address = line.unwrap_or_else(|| panic!("{}", server.printed())).to_owned();
        Self { environment, server, address }
    }

    pub(crate) fn token(&self, repository: &str, holder: &str, scopes: &[&str]) -> String {
        let scopes: Vec<String> = scopes.iter().map(|scope| format!("--scope={scope}")).collect();
        let mut arguments = vec!["access", "add", repository, holder];
        arguments.extend(scopes.iter().map(String::as_str));
        let made: Value = serde_json::from_str(&self.environment.json(&arguments)).unwrap();
        made["token"].as_str().unwrap().to_owned()
    }

    /// Sends a request with a token; `more` are whole fields.
    fn send(&self, token: &str, request: (&str, &str), more: &str, body: &[u8]) -> Answer {
        let fields = format!("Authorization: Bearer {token}\r\n{more}");
        let path = format!("/api/v1{}", request.1);
        http::request(&self.address, (request.0, &path), &fields, body)
    }

    fn get(&self, token: &str, path: &str) -> Answer {
        self.send(token, ("GET", path), "", b"")
    }

    pub(crate) fn post(&self, token: &str, path: &str, more: &str, body: &Value) -> Answer {
        self.send(token, ("POST", path), more, body.to_string().as_bytes())
    }

    fn put(&self, token: &str, path: &str, body: &[u8]) -> Answer {
        self.send(token, ("PUT", path), "", body)
    }

    /// The versions of a package in a repository.
    fn versions(&self, repository: &str, package: &str) -> Vec<String> {
        let listed = self.environment.json(&["versions", package, "--repository", repository]);
        let listed: Value = serde_json::from_str(&listed).unwrap();
        let versions = listed["versions"].as_array().unwrap().iter();
        versions.map(|entry| entry["entry"]["version"].as_str().unwrap().to_owned()).collect()
    }

    /// How many uploads lie around.
    fn staged(&self) -> usize {
        let tmp = self.environment.root().join("store/tmp");
        let of_servers = |entry: &camino::Utf8DirEntry| entry.file_name().starts_with("api-");
        let directories = tmp.read_dir_utf8().unwrap().map(Result::unwrap).filter(of_servers);
        let entries = directories.flat_map(|directory| directory.path().read_dir_utf8().unwrap());
        entries.filter(|entry| entry.as_ref().unwrap().file_name() != "lock").count()
    }

    fn commits(&self, repository: &str) -> usize {
        let history: Value = serde_json::from_str(&self.environment.json(&["history", repository])).unwrap();
        history["history"].as_array().unwrap().len()
    }
}

#[track_caller]
fn code(answer: &Answer, status: u16) -> String {
    assert_eq!(answer.status, status, "{answer:?}");
    let document = answer.document();
    assert_eq!((&document["format"], &document["ok"]), (&json!(1), &json!(false)), "{answer:?}");
    document["error"]["code"].as_str().unwrap().to_owned()
}

#[track_caller]
#[expect(clippy::needless_pass_by_value, reason = "it is used up")]
fn done(answer: Answer) -> Value {
    assert_eq!(answer.status, 200, "{answer:?}");
    let document = answer.document();
    assert_eq!(document.get("ok"), None, "{answer:?}");
    document
}

#[test]
fn a_token_does_what_its_scopes_say_and_nothing_else() {
    let environment = store();
    environment.add("preprod", &["hello=1.0", "shop-web=1.0", "secret=1.0"]);
    let api = Interface::new(environment);
    let reader = api.token("prod", "reader", &["read"]);
    let promoter = api.token("prod", "promoter", &["promote:hello*", "remove:hello*", "hold:hello*"]);
    let machine = api.token("prod", "web1", &[]);
    let listed = done(api.get(&reader, "/repositories/prod/packages"));
    assert_eq!(listed["packages"], json!([]));
    assert_eq!(code(&api.get(&promoter, "/repositories/prod/packages"), 403), "E-API-SCOPE");
    assert_eq!(code(&api.get(&machine, "/repositories/prod/packages"), 403), "E-API-SCOPE");
    // Nobody learns whether there is another repository.
    for repository in ["preprod", "nosuch"] {
        let refused = api.get(&reader, &format!("/repositories/{repository}/packages"));
        assert_eq!(code(&refused, 401), "E-API-TOKEN");
        assert!(refused.field("www-authenticate").unwrap().starts_with("Basic realm="));
    }
    let path = "/repositories/prod/promotions";
    let promote =
        |packages: Value| api.post(&promoter, path, "", &json!({ "from": "preprod", "packages": packages }));
    for other in [json!(["shop-web"]), json!(["*"]), json!(["hello", "secret"]), json!(["nosuch"])] {
        let refused = promote(other.clone());
        assert_eq!(code(&refused, 403), "E-NAME-NOT-ALLOWED", "{other}");
        assert!(!refused.body.contains("web") && !refused.body.contains("secret"), "{refused:?}");
    }
    assert_eq!(code(&promote(json!(["helloo"])), 404), "E-NO-MATCH");
    let promoted = done(promote(json!(["hello*"])));
    assert!(promoted["commit"].is_string(), "{promoted}");
    assert_eq!(api.versions("prod", "hello"), ["1.0"]);
    let history = api.environment.run(&["history", "prod"]).succeeds().stdout;
    assert!(history.contains("token promoter"), "{history}");
    // What it removes and holds is as limited.
    let remove = json!({ "packages": ["*"], "yes": true });
    let _ = api.environment.run(&["promote", "--from=preprod", "--to=prod", "secret"]).succeeds();
    assert_eq!(
        code(&api.post(&promoter, "/repositories/prod/removals", "", &remove), 403),
        "E-NAME-NOT-ALLOWED"
    );
    let hold = |version: &str| {
        let body = json!({ "versions": [version], "reason": "--json" });
        api.post(&promoter, "/repositories/prod/holds", "", &body)
    };
    assert_eq!(code(&hold("secret=2.0"), 403), "E-NAME-NOT-ALLOWED");
    done(hold("hello=2.0"));
    let _ = api.environment.run(&["hold", "prod", "secret=2.0"]).succeeds();
    done(api.send(&promoter, ("DELETE", "/repositories/prod/holds/*"), "", b""));
    let holds = api.environment.run(&["holds", "prod"]).succeeds().stdout;
    assert!(holds.contains("secret") && !holds.contains("hello"), "{holds}");
    assert_eq!(
        code(&api.post(&promoter, path, "", &json!({ "from": "nosuch", "all": true })), 404),
        "E-UNKNOWN-REPOSITORY"
    );
}

#[test]
fn a_token_that_does_not_read_opens_nothing_by_apt() {
    let environment = store();
    environment.add("prod", &["hello=1.0"]);
    let api = Interface::with(environment, "[repositories.prod]\naccess = [[\"tokens\"]]\n");
    let status = |token: &str| {
        let login = base64(&format!("x:{token}"));
        http::get_with(
            &api.server,
            "/prod/dists/bookworm/InRelease",
            &format!("Authorization: Basic {login}\r\n"),
        )
        .0
    };
    let (ci, reader) = (api.token("prod", "ci", &["add"]), api.token("prod", "reader", &["read", "add"]));
    assert_eq!((status(&reader), status(&ci)), (200, 401));
    let listed = api.environment.json(&["access", "list", "prod"]);
    assert!(listed.contains(r#""scopes":["read","add"]"#), "{listed}");
    let shown =
        api.environment.run(&["access", "add", "prod", "other", "--scope", "promote:hello*"]).succeeds();
    assert!(shown.stdout.starts_with("repo_") && !shown.stdout.contains("machine"), "{shown}");
    for bad in ["everything", "read:hello", "add:", "add:A"] {
        let refused = api.environment.run(&["access", "add", "prod", "bad", "--scope", bad]).ends_with(2);
        assert!(refused.stderr.contains("--scope"), "{refused}");
    }
    // A login for the interface is one for programs that know no other.
    let fields = format!("Authorization: Basic {}\r\n", base64(&format!("reader:{reader}")));
    let answer = http::request(&api.address, ("GET", "/api/v1/repositories/prod/packages"), &fields, b"");
    assert_eq!(answer.status, 200);
    // The files are not served there.
    assert_eq!(
        http::request(&api.address, ("GET", "/prod/dists/bookworm/InRelease"), &fields, b"").status,
        404
    );
    let _ = api.environment.run(&["access", "revoke", "prod", "reader"]).succeeds();
    let begun = Instant::now();
    while api.get(&reader, "/repositories/prod/packages").status != 401 {
        assert!(begun.elapsed() < Duration::from_secs(60));
        sleep(Duration::from_millis(50));
    }
}

fn base64(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}

#[test]
fn an_uploaded_package_is_there_when_the_answer_comes() {
    let api = Interface::new(store());
    let ci = api.token("preprod", "ci", &["add"]);
    let limited = api.token("preprod", "limited", &["add:shop-*"]);
    let hello = fs::read(api.environment.package("hello", "1.0", "all")).unwrap();
    let path = "/repositories/preprod/packages/hello_1.0_all.deb";
    let would = done(api.put(&ci, &format!("{path}?dry_run=true"), &hello));
    assert_eq!((&would["dry_run"], &would["commit"]), (&json!(true), &Value::Null));
    assert_eq!(api.commits("preprod"), 0);
    // What the package is counts, and not how the file is called.
    let refused = api.put(&limited, "/repositories/preprod/packages/shop-web_1.0_all.deb", &hello);
    assert_eq!(code(&refused, 403), "E-NAME-NOT-ALLOWED");
    let added = done(api.put(&ci, &format!("{path}?suites=bookworm&component=main"), &hello));
    assert_eq!(added["added"][0]["package"], "hello");
    assert_eq!(added["added"][0]["file"], "hello_1.0_all.deb");
    assert!(!added.to_string().contains("store/tmp"), "{added}");
    assert_eq!(api.versions("preprod", "hello"), ["1.0"]);
    let again = done(api.put(&ci, path, &hello));
    assert_eq!(again["added"][0]["new"], false);
    let other =
        fs::read(api.environment.build("hello", "1.0", "all", |b| b.file("/x", "other", 0o644))).unwrap();
    let conflict = api.put(&ci, path, &other);
    assert_eq!(code(&conflict, 409), "E-CONFLICT");
    assert!(!conflict.body.contains("store/tmp"), "{conflict:?}");
    assert_eq!(code(&api.put(&ci, path, b"no package"), 422), "E-INVALID-PACKAGE");
    assert_eq!(code(&api.put(&ci, &format!("{path}?suites=nosuch"), &hello), 404), "E-UNKNOWN-SUITE");
    assert_eq!(code(&api.put(&ci, "/repositories/preprod/packages/hello.txt", &hello), 400), "E-API-REQUEST");
    assert_eq!(code(&api.put(&ci, path, &vec![b'x'; (1 << 20) + 1]), 413), "E-API-SIZE");
    assert_eq!(api.staged(), 0, "every upload is removed");
}

#[test]
fn uploads_that_come_together_are_added_together_and_each_gets_its_own_answer() {
    let api = Interface::new(store());
    let ci = api.token("preprod", "ci", &["add"]);
    let packages: Vec<Vec<u8>> = (0..24)
        .map(|number| fs::read(api.environment.package(&format!("p{number}"), "1.0", "all")).unwrap())
        .collect();
    let answers: Vec<Answer> = std::thread::scope(|scope| {
        let send = |(number, bytes): (usize, &Vec<u8>)| {
            let (api, ci, bytes) = (&api, &ci, if number % 8 == 3 { b"bad".to_vec() } else { bytes.clone() });
            scope.spawn(move || {
                api.put(ci, &format!("/repositories/preprod/packages/p{number}_1.0_all.deb"), &bytes)
            })
        };
        let threads: Vec<_> = packages.iter().enumerate().map(send).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    for (number, answer) in answers.into_iter().enumerate() {
        if number % 8 == 3 {
            assert_eq!(code(&answer, 422), "E-INVALID-PACKAGE");
            continue;
        }
        let added = done(answer);
        assert_eq!(added["added"].as_array().unwrap().len(), 1, "{added}");
        assert_eq!(added["added"][0]["package"], format!("p{number}"));
        assert!(added["commit"].is_string());
    }
    let commits = api.commits("preprod");
    assert!(commits < 21, "{commits} commits for 21 packages");
    assert_eq!(api.staged(), 0);
}

/// The files below a directory.
fn walk(directory: &camino::Utf8Path) -> Vec<camino::Utf8PathBuf> {
    let entries = directory.read_dir_utf8().unwrap().map(|entry| entry.unwrap().into_path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}

/// A `.changes` file for these files.
fn changes(files: &[(&str, &[u8])]) -> String {
    let mut text = "Format: 1.8\nDate: Thu, 26 Nov 2026 10:00:00 +0000\nSource: hello\nBinary: hello\nArchitecture: all\n\
                    Version: 1.0\nDistribution: bookworm\nMaintainer: M <m@example.org>\nChanges:\n hello (1.0) bookworm\n"
        .to_owned();
    text.push_str("Checksums-Sha256:\n");
    for (name, bytes) in files {
        text.push_str(&format!(" {} {} {name}\n", deb_parse::checksum::Sha256::of(bytes), bytes.len()));
    }
    text.push_str("Files:\n");
    for (name, bytes) in files {
        let md5 = deb_parse::checksum::Md5::of(bytes);
        text.push_str(&format!(" {md5} {} misc optional {name}\n", bytes.len()));
    }
    text
}

#[test]
fn an_upload_of_several_files_is_added_when_its_changes_file_comes() {
    let api = Interface::new(store());
    let (ci, other) = (api.token("preprod", "ci", &["add"]), api.token("preprod", "other", &["add"]));
    let hello = fs::read(api.environment.package("hello", "1.0", "all")).unwrap();
    let name = "hello_1.0_all.deb";
    let changes = changes(&[(name, &hello)]);
    let uploads = "/repositories/preprod/uploads";
    let send_changes =
        |token: &str| api.put(token, &format!("{uploads}/hello_1.0_all.changes"), changes.as_bytes());
    assert_eq!(code(&send_changes(&ci), 422), "E-INCOMPLETE-UPLOAD");
    let waiting = api.put(&ci, &format!("{uploads}/{name}"), &hello);
    assert_eq!((waiting.status, waiting.document()["waiting"].as_str()), (202, Some(name)));
    // Another token does not get the files of this one.
    assert_eq!(code(&send_changes(&other), 422), "E-INCOMPLETE-UPLOAD");
    assert_eq!(api.commits("preprod"), 0);
    let added = done(send_changes(&ci));
    assert_eq!(added["added"][0]["package"], "hello", "{added}");
    assert_eq!(api.versions("preprod", "hello"), ["1.0"]);
    assert_eq!(done(send_changes(&ci))["added"][0]["new"], false);
    // The directories of both tokens are left, without files.
    for entry in walk(&api.environment.root().join("store/tmp")) {
        assert!(entry.ends_with("lock"), "{entry} was left behind");
    }
}

#[test]
fn a_plan_is_carried_out_once_and_only_as_long_as_nothing_changes() {
    let environment = store();
    environment.add("preprod", &["hello=1.0"]);
    let api = Interface::new(environment);
    let ci = api.token("prod", "ci", &["promote", "remove", "rollback", "tag", "publish"]);
    let promotions = "/repositories/prod/promotions";
    let body = |dry_run: bool| json!({ "from": "preprod", "packages": ["hello"], "dry_run": dry_run });
    let plan = |path: &str, body: Value| {
        let planned = api.post(&ci, path, "", &body);
        assert_eq!(planned.status, 200, "{planned:?}");
        format!("If-Match: {}\r\n", planned.field("etag").unwrap())
    };
    let first = plan(promotions, body(true));
    // The repository that packages come from counts too.
    api.environment.add("preprod", &["other=1.0"]);
    assert_eq!(code(&api.post(&ci, promotions, &first, &body(false)), 412), "E-OUTDATED");
    let second = plan(promotions, body(true));
    assert_eq!(code(&api.post(&ci, promotions, &second, &body(true)), 400), "E-API-REQUEST");
    assert!(done(api.post(&ci, promotions, &second, &body(false)))["commit"].is_string());
    assert_eq!(code(&api.post(&ci, promotions, &second, &body(false)), 412), "E-OUTDATED");
    for (path, planned, apply) in [
        (
            "/repositories/prod/removals",
            json!({"packages": ["hello"], "yes": true, "dry_run": true}),
            json!({"packages": ["hello"], "yes": true}),
        ),
        (
            "/repositories/prod/removals",
            json!({"packages": ["hello"], "undo": true, "dry_run": true}),
            json!({"packages": ["hello"], "undo": true}),
        ),
        (
            "/repositories/prod/rollbacks",
            json!({"to": "@-1", "yes": true, "dry_run": true}),
            json!({"to": "@-1", "yes": true}),
        ),
        ("/repositories/prod/undo", json!({"yes": true, "dry_run": true}), json!({"yes": true})),
    ] {
        let plan = plan(path, planned);
        assert!(done(api.post(&ci, path, &plan, &apply))["commit"].is_string(), "{path}");
        assert_eq!(code(&api.post(&ci, path, &plan, &apply), 412), "E-OUTDATED", "{path}");
    }
    for bad in [
        "If-Match: *\r\n",
        "If-Match: \"a b\"\r\n",
        "If-Match: W/\"abc\"\r\n",
        "If-Match: \"a\"\r\nIf-Match: \"b\"\r\n",
    ] {
        assert_eq!(code(&api.post(&ci, promotions, bad, &body(false)), 400), "E-API-REQUEST", "{bad}");
    }
    let tags = "/repositories/prod/tags/release-1";
    assert_eq!(code(&api.send(&ci, ("PUT", tags), &second, b"{}"), 400), "E-API-REQUEST");
    done(api.send(&ci, ("PUT", tags), "", b"{}"));
    done(api.send(&ci, ("DELETE", tags), "", b""));
    assert_eq!(code(&api.send(&ci, ("DELETE", tags), "", b""), 404), "E-UNKNOWN-TAG");
    done(api.post(&ci, "/repositories/prod/publications", "", &json!({})));
}

#[test]
fn a_change_of_two_repositories_is_undone_by_no_token_for_one() {
    let environment = store();
    let _ = environment.run(&["repository", "add", "oldprod"]).succeeds();
    environment.add("prod", &["hello=1.0"]);
    environment.add("preprod", &["hello=2.0"]);
    let release = ["release", "prod", "--from", "preprod", "--tag", "v1"];
    let _ = environment.run(&release).succeeds();
    let api = Interface::new(environment);
    let ci = api.token("prod", "ci", &["rollback"]);
    let before = (api.commits("prod"), api.commits("oldprod"));
    for body in [json!({"yes": true, "dry_run": true}), json!({"yes": true})] {
        let refused = api.post(&ci, "/repositories/prod/undo", "", &body);
        assert_eq!(code(&refused, 409), "E-MADE-TOGETHER", "{body}");
    }
    assert_eq!((api.commits("prod"), api.commits("oldprod")), before);
    // The repository of the token alone.
    done(api.post(&ci, "/repositories/prod/rollbacks", "", &json!({"to": "1", "yes": true})));
    assert_eq!(api.versions("prod", "hello"), ["1.0"]);
    assert_eq!((api.commits("prod"), api.commits("oldprod")), (before.0 + 1, before.1));
}

#[test]
fn a_repeated_request_is_carried_out_once() {
    let environment = store();
    environment.add("prod", &["hello=1.0"]);
    environment.add("prod", &["hello=2.0"]);
    let api = Interface::new(environment);
    let ci = api.token("prod", "ci", &["rollback", "add", "tokens"]);
    let (path, key) = ("/repositories/prod/undo", "Idempotency-Key: one\r\n");
    let first = api.post(&ci, path, key, &json!({ "yes": true }));
    let undone = done(api.post(&ci, path, key, &json!({ "yes": true })));
    assert_eq!(first.document(), undone);
    assert_eq!(api.versions("prod", "hello"), ["1.0"], "it was undone once");
    assert_eq!(
        code(&api.post(&ci, path, key, &json!({ "yes": true, "no_publish": true })), 422),
        "E-API-KEY"
    );
    // Another token has keys of its own.
    let other = api.token("prod", "other", &["rollback"]);
    done(api.post(&other, path, key, &json!({ "yes": true })));
    assert_eq!(api.versions("prod", "hello").len(), 2, "the undo was undone");
    let package = fs::read(api.environment.package("shop", "1.0", "all")).unwrap();
    let upload = |bytes: &[u8]| {
        let request = ("PUT", "/repositories/prod/packages/shop_1.0_all.deb");
        api.send(&ci, request, "Idempotency-Key: upload\r\n", bytes)
    };
    let (first, second) = (upload(&package), upload(&package));
    assert_eq!((first.status, &first.body), (second.status, &second.body));
    assert_eq!(
        (first.field("idempotency-replayed"), second.field("idempotency-replayed")),
        (None, Some("true"))
    );
    assert_eq!(code(&upload(b"another"), 422), "E-API-KEY");
    // A token is shown once, so its answer is not kept.
    let token = json!({ "holder": "new", "scopes": ["add"] });
    let tokens = "/repositories/prod/tokens";
    assert_eq!(code(&api.post(&ci, tokens, key, &token), 400), "E-API-REQUEST");
    let made = done(api.post(&ci, tokens, "", &token))["token"].as_str().unwrap().to_owned();
    let kept = api.environment.root().join("store/cache/api");
    for entry in kept.read_dir_utf8().unwrap() {
        assert!(!fs::read_to_string(entry.unwrap().path()).unwrap().contains(&made));
    }
    let _ = api.environment.run(&["fsck"]).succeeds();
}

#[test]
fn tokens_are_made_with_no_more_than_their_maker_has() {
    let api = Interface::new(store());
    let ci = api.token("prod", "ci", &["tokens", "add", "remove:hello*"]);
    let path = "/repositories/prod/tokens";
    let make = |holder: &str, scopes: &[&str]| {
        api.post(&ci, path, "", &json!({ "holder": holder, "scopes": scopes }))
    };
    for scopes in [&["read"][..], &["add", "promote"], &["remove"], &["remove:*"], &["nonsense"]] {
        assert_eq!(code(&make("new", scopes), 403), "E-API-SCOPE", "{scopes:?}");
    }
    assert_eq!(code(&make("new", &[]), 400), "E-API-REQUEST", "a token without scopes would read by apt");
    let made = done(make("new", &["add:shop-*", "remove:hello*"]));
    let listed = done(api.get(&ci, path));
    assert!(!listed.to_string().contains(made["token"].as_str().unwrap()));
    assert_eq!(listed["tokens"].as_array().unwrap().len(), 2);
    assert_eq!(code(&make("new", &["add"]), 409), "E-HOLDER-TAKEN");
    assert_eq!(code(&make("-x", &["add"]), 400), "E-USAGE");
    done(api.send(&ci, ("DELETE", "/repositories/prod/tokens/new"), "", b""));
    assert_eq!(
        code(&api.send(&ci, ("DELETE", "/repositories/prod/tokens/new"), "", b""), 404),
        "E-UNKNOWN-HOLDER"
    );
}

#[test]
fn what_is_read_is_what_the_verbs_print() {
    let environment = store();
    environment.add("prod", &["hello=1.0", "shop=1.0"]);
    environment.add("prod", &["hello=2.0"]);
    let api = Interface::new(environment);
    let reader = api.token("prod", "reader", &["read"]);
    for (path, arguments) in [
        ("packages", &["list", "prod"][..]),
        ("packages?state=1&packages=hello", &["list", "prod@1", "hello"]),
        ("packages/hello", &["versions", "hello", "--repository", "prod"]),
        ("packages/hello=2.0/details", &["show", "prod", "hello=2.0"]),
        ("diff?from=1", &["diff", "prod@1", "prod"]),
        ("history?limit=1", &["history", "prod", "--limit", "1"]),
        ("holds", &["holds", "prod"]),
        ("approvals", &["approvals", "prod"]),
        ("tags", &["tag", "prod"]),
        ("keys", &["key", "export"]),
    ] {
        let answer = api.get(&reader, &format!("/repositories/prod/{path}"));
        let printed = api.environment.run(&[&["--json"], arguments].concat());
        assert_eq!((answer.status, answer.body.as_str()), (200, printed.stdout.as_str()), "{path}");
        let plain =
            api.send(&reader, ("GET", &format!("/repositories/prod/{path}")), "Accept: text/plain\r\n", b"");
        let printed = api.environment.run(arguments);
        let output: usize = plain.field("repo-output-length").unwrap().parse().unwrap();
        assert_eq!(plain.body.split_at(output), (printed.stdout.as_str(), printed.stderr.as_str()), "{path}");
        assert_eq!(plain.field("repo-exit-status"), Some(printed.status.unwrap().to_string().as_str()));
    }
    let status = done(api.get(&reader, "/status"));
    let subjects: Vec<&str> =
        status["subjects"].as_array().unwrap().iter().map(|s| s["subject"].as_str().unwrap()).collect();
    assert_eq!(subjects, ["prod"]);
    let adder = api.token("prod", "adder", &["add"]);
    assert_eq!(code(&api.get(&adder, "/status"), 403), "E-API-SCOPE");
    assert_eq!(code(&api.get("repo_0123456789abcdef_x", "/status"), 401), "E-API-TOKEN");
}

/// Sends bytes as they are; what comes back before the connection ends.
fn raw(api: &Interface, bytes: &[u8]) -> Option<Answer> {
    let mut connection = TcpStream::connect(&api.address).unwrap();
    connection.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let _ = connection.write_all(bytes);
    let _ = connection.shutdown(std::net::Shutdown::Write);
    let mut answer = Vec::new();
    let _ = connection.read_to_end(&mut answer);
    (!answer.is_empty()).then(|| http::read_answer(&answer))
}

#[test]
fn hostile_requests_are_refused_and_change_nothing() {
    let environment = store();
    environment.add("prod", &["hello=1.0"]);
    let api = Interface::new(environment);
    let token = api.token("prod", "all", &SCOPES);
    let commits = api.commits("prod");
    let prod = "/repositories/prod";
    // Arguments that look like options are values.
    for (path, body) in [
        ("removals", json!({ "packages": ["--yes", "--all"] })),
        ("promotions", json!({ "from": "--all", "packages": ["hello"] })),
        ("promotions", json!({ "from": "preprod", "packages": ["--all"] })),
        ("rollbacks", json!({ "to": "--yes" })),
        ("rollbacks", json!({ "to": "@-1 --yes", "suites": ["--yes"] })),
        ("holds", json!({ "versions": ["--reason=x"] })),
        ("approvals", json!({ "versions": ["--withdraw"] })),
        ("tokens", json!({ "holder": "--scope=read", "scopes": ["add"] })),
    ] {
        let answer = api.post(&token, &format!("{prod}/{path}"), "", &body);
        assert!((400..500).contains(&answer.status), "{path} {body}: {answer:?}");
        code(&answer, answer.status);
    }
    for (request, fields, body, status) in [
        (("PATCH", "/status"), "", "", 405),
        (("POST", "/repositories/prod/packages"), "", "{}", 405),
        (("GET", "/repositories/prod/packages/../../preprod/packages"), "", "", 404),
        (("GET", "/repositories/prod%2f..%2fpreprod/packages"), "", "", 400),
        (("GET", "/repositories/prod%00/packages"), "", "", 400),
        (("GET", "/repositories/pr%ffod/packages"), "", "", 400),
        (("GET", "/repositories/%2e%2e/packages"), "", "", 401),
        (("GET", "/repositories/prod/packages"), "", "{}", 413),
        (("GET", "/repositories/prod/packages?state=%0a"), "", "", 400),
        (("GET", "/repositories/prod/packages"), "Accept: image/png\r\n", "", 406),
        (("GET", "/repositories/prod/packages"), "Authorization: Bearer x\r\n", "", 400),
        (("PUT", "/repositories/prod/packages/%2e%2e.deb"), "", "x", 400),
        (("PUT", "/repositories/prod/packages/-x.deb"), "", "x", 400),
        (("PUT", "/repositories/prod/packages/a%0ab.deb"), "", "x", 400),
        (("PUT", "/repositories/prod/uploads/lock"), "", "x", 202),
        (("POST", "/repositories/prod/undo"), "Idempotency-Key: \r\n", "{}", 400),
    ] {
        let answer = api.send(&token, request, fields, body.as_bytes());
        assert_eq!(answer.status, status, "{request:?}: {answer:?}");
    }
    let large = format!(r#"{{"from":"{}"}}"#, "x".repeat(70_000));
    assert_eq!(
        code(&api.send(&token, ("POST", "/repositories/prod/promotions"), "", large.as_bytes()), 413),
        "E-API-SIZE"
    );
    let head = |rest: &str| {
        format!(
            "PUT /api/v1{prod}/packages/x_1_all.deb HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n{rest}\r\n"
        )
    };
    // Cut, and with lengths that contradict each other.
    for rest in [
        "Content-Length: 100\r\n\r\nabc",
        "Transfer-Encoding: chunked\r\n\r\n5\r\nab",
        "Transfer-Encoding: chunked\r\n\r\nxyz\r\n",
        "Content-Length: 1\r\nContent-Length: 2\r\n\r\nabc",
        "Content-Length: -1\r\n\r\n",
        "Transfer-Encoding: gzip\r\n\r\nabc",
    ] {
        let answer = raw(&api, head(rest).trim_end_matches("\r\n").as_bytes());
        assert!(
            answer.as_ref().is_none_or(|answer| (400..500).contains(&answer.status)),
            "{rest:?}: {answer:?}"
        );
    }
    // What follows a body is never read as a request.
    let smuggled =
        format!("GET /api/v1{prod}/packages HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n");
    let two = raw(
        &api,
        format!("{}{smuggled}", head("Content-Length: 1\r\n\r\nx").trim_end_matches("\r\n")).as_bytes(),
    );
    assert!(!two.unwrap().body.contains("HTTP/1.1"));
    let begun = Instant::now();
    while api.staged() > 1 {
        assert!(begun.elapsed() < Duration::from_secs(60), "a cut upload stays");
        sleep(Duration::from_millis(50));
    }
    assert_eq!(api.commits("prod"), commits);
    let (_, log) = api.server.interrupt();
    assert!(!log.contains(&token), "{log}");
}

#[test]
fn a_token_that_is_revoked_during_an_upload_adds_nothing() {
    let api = Interface::new(store());
    let token = api.token("preprod", "ci", &["add"]);
    let hello = fs::read(api.environment.package("hello", "1.0", "all")).unwrap();
    let mut connection = TcpStream::connect(&api.address).unwrap();
    let (first, rest) = hello.split_at(hello.len() / 2);
    let head = format!(
        "PUT /api/v1/repositories/preprod/packages/hello_1.0_all.deb HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\
         Authorization: Bearer {token}\r\n\r\n",
        hello.len()
    );
    connection.write_all(head.as_bytes()).unwrap();
    connection.write_all(first).unwrap();
    let begun = Instant::now();
    while api.staged() == 0 {
        assert!(begun.elapsed() < Duration::from_secs(60), "the upload does not begin");
        sleep(Duration::from_millis(20));
    }
    let _ = api.environment.run(&["access", "revoke", "preprod", "ci"]).succeeds();
    while api.get(&token, "/repositories/preprod/packages").status != 401 {
        assert!(begun.elapsed() < Duration::from_secs(60), "it still counts");
        sleep(Duration::from_millis(50));
    }
    connection.write_all(rest).unwrap();
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer).unwrap();
    assert_eq!(code(&http::read_answer(&answer), 401), "E-API-TOKEN");
    assert_eq!((api.commits("preprod"), api.staged()), (0, 0));
}

#[test]
fn files_and_the_interface_are_served_at_one_address_or_apart() {
    let environment = store();
    environment.add("prod", &["hello=1.0"]);
    let port = Port::take();
    let address = port.address();
    configure(&environment, &format!("[serve]\nlisten = \"{address}\"\napi = \"{address}\"\n"));
    let status = |path: &str| http::request(&address, ("GET", path), "", b"").status;
    let server = Server::start(environment.command().arg("serve"));
    assert!(server.printed().contains("serving the interface for programs"), "{}", server.printed());
    assert_eq!(status("/prod/dists/bookworm/InRelease"), 200);
    assert_eq!((status("/api/v1/status"), status("/api/v2/status")), (401, 404));
    drop(server);
    let server = Server::start(environment.command().args(["serve", "--only", "files"]));
    assert_eq!((status("/prod/dists/bookworm/InRelease"), status("/api/v1/status")), (200, 404));
    drop(server);
    configure(&environment, "");
    let refused = environment.run(&["serve", "--only", "api"]).ends_with(2);
    assert!(refused.stderr.contains("set `api` in [serve]"), "{refused}");
}

#[test]
fn requests_are_counted_and_logged_without_their_tokens() {
    let environment = store();
    let log = environment.path("access");
    let api = Interface::with(
        environment,
        &format!("metrics = \"127.0.0.1:0\"\naccess_log = \"combined:{log}\"\n"),
    );
    let ci = api.token("prod", "ci", &["read"]);
    done(api.get(&ci, "/repositories/prod/history?limit=1"));
    assert_eq!(code(&api.get("repo_wrong", "/repositories/prod/history"), 401), "E-API-TOKEN");
    let printed = api.server.printed().to_owned();
    let metrics =
        printed.lines().find_map(|line| line.strip_prefix("metrics at http://")?.strip_suffix("/metrics"));
    let metrics = metrics.unwrap_or_else(|| panic!("{printed}"));
    let text = http::request(metrics, ("GET", "/metrics"), "", b"");
    for status in [200, 401] {
        let line = format!("repo_serve_requests_total{{repository=\"\",status=\"{status}\"}} 1\n");
        assert!(text.body.contains(&line), "{text:?}");
    }
    assert_eq!(api.server.interrupt().0, Some(0));
    let log = fs::read_to_string(log).unwrap();
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("/api/v1/")).collect();
    let [good, bad] = lines[..] else { panic!("{log}") };
    assert!(good.starts_with("127.0.0.1 - ci [") && good.contains("/history HTTP/1.1\" 200 "), "{good}");
    assert!(bad.starts_with("127.0.0.1 - - [") && bad.contains("/history HTTP/1.1\" 401 "), "{bad}");
    assert!(!log.contains(&ci) && !log.contains("repo_wrong") && !log.contains("Bearer"), "{log}");
}

#[test]
fn two_servers_of_one_store_do_not_want_the_same_address_for_metrics() {
    let environment = store();
    let port = Port::take();
    let metrics = port.address();
    let text = format!("[serve]\nlisten = \"127.0.0.1:0\"\napi = \"127.0.0.1:0\"\nmetrics = \"{metrics}\"\n");
    configure(&environment, &text);
    let files = Server::start(environment.command().args(["serve", "--only", "files"]));
    assert!(files.printed().contains(&format!("metrics at http://{metrics}/")), "{}", files.printed());
    let mut command = environment.command();
    let mut api = command.args(["--json", "serve", "--only", "api"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    let read = BufReader::new(api.stdout.take().unwrap()).read_line(&mut line);
    api.kill().unwrap();
    let _ = api.wait().unwrap();
    assert!(read.unwrap() > 0);
    let document: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(document["metrics"], Value::Null, "{document}");
    assert_eq!(
        (&document["addresses"], document["api"].as_array().unwrap().len()),
        (&json!([]), 1),
        "{document}"
    );
}
