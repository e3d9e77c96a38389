//! What every verb prints, as text and as JSON, and with which status it ends.

use serde_json::Value;
use testkit::{Environment, Tree};

use crate::{PROGRAM, configure, store};

/// A store in which preprod has two versions of a package and a third package built for one release.
fn filled_store() -> Environment {
    let environment = Environment::with_store(PROGRAM, &["bookworm", "trixie"]);
    environment.add("preprod", &["hello=1.0", "hello=2.0", "agent=0.9+deb12u1"]);
    environment
}

#[test]
fn init() {
    let environment = Environment::new(PROGRAM);
    insta::assert_snapshot!(environment.run(&["init"]), @"
    status: 0
    ---- stdout
    made a store in <DIR>/store: configure it in <DIR>/store/repo.toml
    made a signing key: <FINGERPRINT>
    published preprod <PUBLICATION>: bookworm, trixie
    published prod <PUBLICATION>: bookworm, trixie
    ");
    insta::assert_snapshot!(environment.run(&["init"]), @"
    status: 1
    ---- stderr
    error: <DIR>/store is the root of a store already
    ");
    insta::assert_snapshot!(environment.run(&["init", "other", "--suite", "../x"]), @r#"
    status: 2
    ---- stderr
    error: invalid value '../x' for '--suite <NAME>': suite "../x": must be one path element of letters, digits and `+._-`, and not `by-hash`

    For more information, try '--help'.
    "#);
    assert!(!environment.path("other").exists());
}

#[test]
fn add() {
    let environment = store();
    let file = environment.package("hello", "1.0", "all");
    let other = environment.package("hello", "1.0", "amd64");
    insta::assert_snapshot!(environment.run(&["add", "preprod", "--dry-run", file.as_str()]), @"
    status: 0
    ---- stdout
    would add hello 1.0 all -> bookworm (every suite)
    would add 1 package to preprod
    ");
    insta::assert_snapshot!(environment.run(&["add", "preprod", file.as_str()]), @"
    status: 0
    ---- stdout
    added hello 1.0 all -> bookworm (every suite)
    added 1 package to preprod (commit 1), published <PUBLICATION>
    ");
    insta::assert_snapshot!(environment.run(&["add", "preprod", file.as_str()]), @"
    status: 0
    ---- stdout
    already there: hello 1.0 all -> bookworm (every suite)
    nothing to add: preprod already has what was given
    ");
    insta::assert_snapshot!(environment.run(&["add", "preprod", "--no-publish", other.as_str()]), @"
    status: 0
    ---- stdout
    added hello 1.0 amd64 -> bookworm (every suite)
    added 1 package to preprod (commit 2)
    not published yet; run repo-cli publish preprod
    ");
    insta::assert_snapshot!(environment.run(&["--json", "add", "prod", file.as_str(), other.as_str()]), @r#"
    status: 0
    ---- stdout
    {"format":1,"added":[{"architecture":"all","component":"main","file":"<DIR>/files/hello_1.0_all.deb","new":true,"package":"hello","route":"everywhere","rule":null,"suites":["bookworm"],"version":"1.0"},{"architecture":"amd64","component":"main","file":"<DIR>/files/hello_1.0_amd64.deb","new":true,"package":"hello","route":"everywhere","rule":null,"suites":["bookworm"],"version":"1.0"}],"count":{"packages":1,"files":2},"commit":"<ID>","dry_run":false,"refused":[]}
    "#);
}

#[test]
fn list() {
    let environment = filled_store();
    insta::assert_snapshot!(environment.run(&["list", "preprod"]), @"
    status: 0
    ---- stdout
    PACKAGE  VERSION      ARCHITECTURE  SUITES
    agent    0.9+deb12u1  all           bookworm
    hello    1.0          all           bookworm, trixie
    hello    2.0          all           bookworm, trixie
    ");
    insta::assert_snapshot!(environment.run(&["list", "preprod", "hello=2.0", "--suite", "trixie"]), @"
    status: 0
    ---- stdout
    PACKAGE  VERSION  ARCHITECTURE  SUITES
    hello    2.0      all           trixie
    ");
    insta::assert_snapshot!(environment.run(&["list", "prod"]), @"
    status: 0
    ---- stderr
    no packages in prod
    ");
    insta::assert_snapshot!(environment.run(&["list", "stage"]), @"
    status: 1
    ---- stderr
    error: no repository named `stage`
    hint: the repositories are preprod, prod
    ");
    insta::assert_snapshot!(environment.run(&["list", "preprod", "--suite", "sid"]), @"
    status: 1
    ---- stderr
    error: preprod has no suite `sid`
    hint: the suites are bookworm, trixie
    ");
    insta::assert_snapshot!(environment.run(&["--json", "list", "preprod", "agent"]), @r#"
    status: 0
    ---- stdout
    {"format":1,"packages":[{"architecture":"all","component":"main","package":"agent","size":730,"suites":["bookworm"],"version":"0.9+deb12u1"}]}
    "#);
}

#[test]
fn versions() {
    let environment = filled_store();
    environment.add("prod", &["hello=1.0"]);
    insta::assert_snapshot!(environment.run(&["versions", "hello"]), @"
    status: 0
    ---- stdout
    VERSION  ARCHITECTURE  REPOSITORY  SUITES
    1.0      all           preprod     bookworm, trixie
    1.0      all           prod        bookworm, trixie
    2.0      all           preprod     bookworm, trixie
    ");
    insta::assert_snapshot!(environment.run(&["versions", "nothing"]), @"
    status: 0
    ---- stderr
    no packages match nothing
    ");
    insta::assert_snapshot!(environment.run(&["--json", "versions", "agent"]), @r#"
    status: 0
    ---- stdout
    {"format":1,"versions":[{"commit":"<ID>","entry":{"architecture":"all","component":"main","package":"agent","size":730,"suites":["bookworm"],"version":"0.9+deb12u1"},"repository":"preprod"}]}
    "#);
}

#[test]
fn show() {
    let environment = filled_store();
    insta::assert_snapshot!(environment.run(&["show", "preprod", "agent"]), @"
    status: 0
    ---- stdout
    # agent 0.9+deb12u1 all in preprod: bookworm
    Package: agent
    Version: 0.9+deb12u1
    Architecture: all
    Installed-Size: 4
    Maintainer: Test <test@example.org>
    Section: misc
    Priority: optional
    Description: a package of the tests
    Filename: pool/main/a/agent/agent_0.9+deb12u1_all.deb
    Size: 730
    SHA256: <ID>
    ");
    insta::assert_snapshot!(environment.run(&["show", "preprod", "hello=3.0"]), @"
    status: 1
    ---- stderr
    error: no package matches hello=3.0 in preprod
    hint: run repo-cli versions hello --repository preprod
    ");
    insta::assert_snapshot!(environment.run(&["--json", "show", "preprod", "agent"]), @r#"
    status: 0
    ---- stdout
    {"format":1,"packages":[{"blob":"<ID>","entry":{"architecture":"all","component":"main","package":"agent","size":730,"suites":["bookworm"],"version":"0.9+deb12u1"},"files":[{"blob":"<ID>","path":"pool/main/a/agent/agent_0.9+deb12u1_all.deb","size":730}],"provenance":[],"reissue_of":null,"stanza":"Package: agent\nVersion: 0.9+deb12u1\nArchitecture: all\nInstalled-Size: 4\nMaintainer: Test <test@example.org>\nSection: misc\nPriority: optional\nDescription: a package of the tests\nFilename: pool/main/a/agent/agent_0.9+deb12u1_all.deb\nSize: 730\nSHA256: <ID>\n"}]}
    "#);
}

#[test]
fn diff() {
    let environment = filled_store();
    environment.add("prod", &["hello=1.0"]);
    insta::assert_snapshot!(environment.run(&["diff", "preprod", "prod"]), @"
    status: 3
    ---- stdout
    PACKAGE  ONLY IN preprod  ONLY IN prod  ARCHITECTURE  SUITES
    agent    0.9+deb12u1      -             all           bookworm
    hello    2.0              -             all           bookworm, trixie
    ");
    insta::assert_snapshot!(environment.run(&["diff", "preprod/bookworm", "preprod/trixie"]), @"
    status: 3
    ---- stdout
    PACKAGE  ONLY IN preprod/bookworm  ONLY IN preprod/trixie  ARCHITECTURE  SUITES
    agent    0.9+deb12u1               -                       all           bookworm
    ");
    insta::assert_snapshot!(environment.run(&["diff", "preprod@0", "preprod@0"]), @"
    status: 0
    ---- stderr
    no differences between preprod@0 and preprod@0
    ");
    insta::assert_snapshot!(environment.run(&["--json", "diff", "preprod/trixie", "prod/trixie"]), @r#"
    status: 3
    ---- stdout
    {"format":1,"a":"preprod/trixie","b":"prod/trixie","differences":[{"architecture":"all","only_in":"a","package":"hello","suite":"trixie","version":"2.0"}]}
    "#);
    insta::assert_snapshot!(environment.run(&["diff", "preprod", "stage"]), @"
    status: 1
    ---- stderr
    error: no repository named `stage`
    hint: the repositories are preprod, prod
    ");
}

#[test]
fn promote() {
    let environment = filled_store();
    let promote =
        |more: &[&str]| environment.run(&[&["promote", "--from", "preprod", "--to", "prod"], more].concat());
    insta::assert_snapshot!(promote(&["hello=1.0", "--dry-run"]), @"
    status: 0
    ---- stdout
    PACKAGE  VERSION  ARCHITECTURE  SUITES            ACTION
    hello    1.0      all           bookworm, trixie  add
    would promote 1 package from preprod to prod
    ");
    insta::assert_snapshot!(promote(&["hello=1.0"]), @"
    status: 0
    ---- stdout
    PACKAGE  VERSION  ARCHITECTURE  SUITES            ACTION
    hello    1.0      all           bookworm, trixie  add
    promoted 1 package from preprod to prod (commit 1), published <PUBLICATION>
    undo with: repo-cli undo prod --yes
    ");
    insta::assert_snapshot!(promote(&["hello=1.0"]), @"
    status: 0
    ---- stdout
    nothing to promote: prod already has hello=1.0
    ");
    insta::assert_snapshot!(promote(&["hell*", "nothing*"]), @"
    status: 1
    ---- stderr
    error: no package matches nothing* in preprod
    hint: run repo-cli list preprod
    ");
    insta::assert_snapshot!(promote(&["a*", "--json"]), @r#"
    status: 0
    ---- stdout
    {"format":1,"base":"<ID>+<ID>","commit":"<ID>","count":{"files":1,"packages":1},"dry_run":false,"packages":[{"architecture":"all","component":"main","package":"agent","size":730,"suites":["bookworm"],"version":"0.9+deb12u1"}],"to":"prod"}
    "#);
    insta::assert_snapshot!(promote(&["--all"]), @"
    status: 0
    ---- stdout
    PACKAGE  VERSION     ARCHITECTURE  SUITES            ACTION
    hello    1.0 -> 2.0  all           bookworm, trixie  upgrade
    promoted 1 package from preprod to prod (commit 3), published <PUBLICATION>
    undo with: repo-cli undo prod
    ");
    insta::assert_snapshot!(promote(&[]), @"
    status: 2
    ---- stderr
    error: the following required arguments were not provided:
      <PACKAGE[=VERSION]>...

    Usage: repo-cli promote --from <REPOSITORY> --root <DIR> --actor <NAME> <--to <REPOSITORY>|--along> <PACKAGE[=VERSION]>...

    For more information, try '--help'.
    ");
}

#[test]
fn packages_of_one_source_are_promoted_together_when_asked() {
    let environment = store();
    for name in ["greet", "libgreet1"] {
        let file = environment.build(name, "1.0", "amd64", |builder| builder.field("Source", "greeting"));
        let _ = environment.run(&["add", "preprod", file.as_str()]).succeeds();
    }
    environment.add("preprod", &["other=1.0"]);
    let arguments = ["promote", "greet", "--whole-source", "--from", "preprod", "--to", "prod"];
    insta::assert_snapshot!(environment.run(&arguments), @"
    status: 0
    ---- stdout
    PACKAGE    VERSION  ARCHITECTURE  SUITES    ACTION
    greet      1.0      amd64         bookworm  add
    libgreet1  1.0      amd64         bookworm  add
    promoted 2 packages from preprod to prod (commit 1), published <PUBLICATION>
    undo with: repo-cli undo prod --yes
    ");
}

#[test]
fn remove() {
    let environment = filled_store();
    insta::assert_snapshot!(environment.run(&["remove", "preprod", "hello=1.0", "--dry-run"]), @"
    status: 0
    ---- stdout
    PACKAGE  VERSION  ARCHITECTURE  SUITES            ACTION
    hello    1.0      all           bookworm, trixie  remove
    would remove 1 package from preprod
    ");
    insta::assert_snapshot!(environment.run(&["remove", "preprod", "hello=1.0"]), @"
    status: 0
    ---- stdout
    PACKAGE  VERSION  ARCHITECTURE  SUITES            ACTION
    hello    1.0      all           bookworm, trixie  remove
    removed 1 package from preprod (commit 2), published <PUBLICATION>
    undo with: repo-cli remove --undo preprod hello=1.0
    ");
    insta::assert_snapshot!(environment.run(&["remove", "preprod", "hello=1.0"]), @"
    status: 1
    ---- stderr
    error: no package matches hello=1.0 in preprod
    hint: run repo-cli versions hello --repository preprod
    ");
    insta::assert_snapshot!(environment.run(&["--json", "remove", "preprod", "agent"]), @r#"
    status: 0
    ---- stdout
    {"format":1,"base":"<ID>","commit":"<ID>","count":{"files":1,"packages":1},"dry_run":false,"packages":[{"architecture":"all","component":"main","package":"agent","size":730,"suites":["bookworm"],"version":"0.9+deb12u1"}]}
    "#);
}

#[test]
fn tag() {
    let environment = store();
    let file = environment.package("hello", "1.0", "all");
    let _ = environment.run(&["add", "preprod", file.as_str(), "--no-publish"]).succeeds();
    insta::assert_snapshot!(environment.run(&["tag", "preprod", "one", "--dry-run"]), @"
    status: 0
    ---- stdout
    would tag one: 1 (<ID>) of preprod
    ");
    insta::assert_snapshot!(environment.run(&["tag", "preprod", "one"]), @"
    status: 0
    ---- stdout
    tagged one: 1 (<ID>) of preprod; clients will find it as snapshot/one once that state is published
    ");
    let _ = environment.run(&["publish", "preprod"]).succeeds();
    insta::assert_snapshot!(environment.run(&["tag", "preprod", "two"]), @"
    status: 0
    ---- stdout
    tagged two: 1 (<ID>) of preprod; clients find it as snapshot/two
    ");
    insta::assert_snapshot!(environment.run(&["tag", "preprod", "two", "--delete"]), @"
    status: 0
    ---- stdout
    no longer tagged two: 1 (<ID>) of preprod
    ");
}

#[test]
fn history() {
    let environment = filled_store();
    environment.add("preprod", &["hello=3.0"]);
    insta::assert_snapshot!(environment.run(&["history", "preprod"]), @"
    status: 0
    ---- stdout
    NUMBER  COMMIT        TIME                  BY      CHANGES  OPERATION
    2       <ID>  <DAY> <MINUTE> UTC  tester  +1 -0    add hello 3.0 all
    1       <ID>  <DAY> <MINUTE> UTC  tester  +3 -0    add agent 0.9+deb12u1 all, hello 1.0 all, hello 2.0 all
    0       <ID>  <DAY> <MINUTE> UTC  tester  +0 -0    create
    ");
    insta::assert_snapshot!(environment.run(&["history", "preprod", "agent"]), @"
    status: 0
    ---- stdout
    NUMBER  TIME                  BY      CHANGE            SUITES    OPERATION
    1       <DAY> <MINUTE> UTC  tester  +0.9+deb12u1 all  bookworm  add agent 0.9+deb12u1 all, hello 1.0 all, hello 2.0 all
    ");
    insta::assert_snapshot!(environment.run(&["history", "preprod", "--suite", "trixie"]), @"
    status: 0
    ---- stdout
    NUMBER  COMMIT        TIME                  BY      CHANGES  OPERATION
    2       <ID>  <DAY> <MINUTE> UTC  tester  +1 -0    add hello 3.0 all
    1       <ID>  <DAY> <MINUTE> UTC  tester  +2 -0    add agent 0.9+deb12u1 all, hello 1.0 all, hello 2.0 all
    ");
    insta::assert_snapshot!(environment.run(&["history", "preprod", "hello", "--suite", "trixie"]), @"
    status: 0
    ---- stdout
    NUMBER  TIME                  BY      CHANGE    SUITES  OPERATION
    2       <DAY> <MINUTE> UTC  tester  +3.0 all  trixie  add hello 3.0 all
    1       <DAY> <MINUTE> UTC  tester  +1.0 all  trixie  add agent 0.9+deb12u1 all, hello 1.0 all, hello 2.0 all
    1       <DAY> <MINUTE> UTC  tester  +2.0 all  trixie  add agent 0.9+deb12u1 all, hello 1.0 all, hello 2.0 all
    ");
    insta::assert_snapshot!(environment.run(&["history", "preprod", "--suite", "sid"]), @"
    status: 1
    ---- stderr
    error: preprod has no suite `sid`
    hint: the suites are bookworm, trixie
    ");
    insta::assert_snapshot!(environment.run(&["history", "prod"]), @"
    status: 0
    ---- stderr
    no changes in prod
    ");
    insta::assert_snapshot!(environment.run(&["--json", "history", "preprod", "--limit", "1"]), @r#"
    status: 0
    ---- stdout
    {"format":1,"history":[{"actor":"tester","added":2,"changes":[{"architecture":"all","change":"added","package":"hello","suite":"bookworm","version":"3.0"},{"architecture":"all","change":"added","package":"hello","suite":"trixie","version":"3.0"}],"commit":"<ID>","count":{"added":{"files":1,"packages":1},"removed":{"files":0,"packages":0}},"date":"<TIME>","operation":"add hello 3.0 all","removed":0,"sequence":2}]}
    "#);
}

#[test]
fn rollback() {
    let environment = filled_store();
    environment.add("preprod", &["hello=3.0"]);
    insta::assert_snapshot!(environment.run(&["rollback", "preprod", "--to", "1", "--dry-run"]), @"
    status: 0
    ---- stdout
    PACKAGE  VERSION  ARCHITECTURE  SUITES            ACTION
    hello    3.0      all           bookworm, trixie  remove
    would roll preprod back to 1 (<ID>)
    would be held from now on: hello 3.0 all
    ");
    insta::assert_snapshot!(
        environment.run(&["rollback", "preprod", "--to", "1", "--suite", "trixie"]), @"
    status: 0
    ---- stdout
    PACKAGE  VERSION  ARCHITECTURE  SUITES  ACTION
    hello    3.0      all           trixie  remove
    rolled preprod back to 1 (commit 3), published <PUBLICATION>
    held from now on: hello 3.0 all
    undo with: repo-cli undo preprod
    machines (trixie) that already upgraded keep hello 3.0; to bring one back: repo-cli client-config preprod --pin hello=2.0
    to bring all of them back with their next upgrade: repo-cli reissue preprod hello=3.0 --as 2.0
    ");
    insta::assert_snapshot!(environment.run(&["--json", "rollback", "preprod", "--to", "1"]), @r#"
    status: 0
    ---- stdout
    {"format":1,"base":"<ID>","commit":"<ID>","count":{"added":{"files":0,"packages":0},"removed":{"files":1,"packages":1}},"differences":[{"architecture":"all","only_in":"a","package":"hello","suite":"bookworm","version":"3.0"}],"dry_run":false,"held":[],"no_longer_held":[],"reissues":[],"to":"<ID>"}
    "#);
    insta::assert_snapshot!(environment.run(&["rollback", "preprod", "--to", "1"]), @"
    status: 0
    ---- stdout
    nothing to roll back: preprod is as it was in 1 (<ID>)
    ");
    insta::assert_snapshot!(environment.run(&["rollback", "preprod", "--to", "77"]), @"
    status: 1
    ---- stderr
    error: preprod has no commit `77`
    hint: run repo-cli history preprod; a state is a number, `@-1`, eight digits of an id, a tag (`tag:NAME`) or a time: `<DAY>`, `<DAY> 20:16`, `<TIME>`, `yesterday`, `2 hours ago`
    ");
    insta::assert_snapshot!(environment.run(&["rollback", "preprod"]), @"
    status: 2
    ---- stderr
    error: the following required arguments were not provided:
      --to <REVISION>

    Usage: repo-cli rollback --to <REVISION> --root <DIR> --actor <NAME> <REPOSITORY>

    For more information, try '--help'.
    ");
}

#[test]
fn publish() {
    let environment = store();
    let file = environment.package("hello", "1.0", "all");
    let _ = environment.run(&["add", "preprod", "--no-publish", file.as_str()]).succeeds();
    insta::assert_snapshot!(environment.run(&["publish"]), @"
    status: 0
    ---- stdout
    published preprod <PUBLICATION>: bookworm
    prod: already up to date
    ");
    insta::assert_snapshot!(environment.run(&["--json", "publish", "prod"]), @r#"
    status: 0
    ---- stdout
    {"format":1,"dry_run":false,"failed":[],"published":[{"date":"<TIME>","publication":null,"removed":[],"repository":"prod","suites":[],"tags_ahead":[]}]}
    "#);
    for key in environment.root().join("keys").read_dir_utf8().unwrap() {
        std::fs::remove_file(key.unwrap().path()).unwrap();
    }
    insta::assert_snapshot!(environment.run(&["publish"]), @"
    status: 1
    ---- stderr
    error: no signing key in <DIR>/store/keys
    hint: restore keys/ from the backup. If the keys are lost: `repo-cli key generate`, give clients the new key, then `repo-cli publish --allow-key-change`
    ");
}

#[test]
fn client_config() {
    let environment = Environment::with_store(PROGRAM, &["bookworm", "trixie"]);
    insta::assert_snapshot!(environment.run(&["client-config", "--inline", "prod"]), @"
    status: 0
    ---- stdout
    # /etc/apt/sources.list.d/prod.sources for the suite bookworm alone
    Types: deb
    URIs: http://127.0.0.1:<PORT>/prod
    Suites: bookworm
    Components: main
    Architectures: amd64
    Signed-By:
     -----BEGIN PGP PUBLIC KEY BLOCK-----
     <KEY>
     -----END PGP PUBLIC KEY BLOCK-----

    # /etc/apt/sources.list.d/prod.sources for the suite trixie alone
    Types: deb
    URIs: http://127.0.0.1:<PORT>/prod
    Suites: trixie
    Components: main
    Architectures: amd64
    Signed-By:
     -----BEGIN PGP PUBLIC KEY BLOCK-----
     <KEY>
     -----END PGP PUBLIC KEY BLOCK-----
    ---- stderr
    warning: http://127.0.0.1:<PORT>/prod is where `serve` listens: for other machines set `url` in repo.toml, or give --url
    warning: with a key in an entry, apt before 2.4 (Debian 11, Ubuntu 20.04) refuses every source of the machine, and the key can only be replaced by hand
    ");
    let url = ["--url", "https://packages.example.org/"];
    let run = |more: &[&str]| environment.run(&[&["client-config", "prod"], &url[..], more].concat());
    insta::assert_snapshot!(run(&["--suite", "trixie", "--inline"]), @"
    status: 0
    ---- stdout
    Types: deb
    URIs: https://packages.example.org/prod
    Suites: trixie
    Components: main
    Architectures: amd64
    Signed-By:
     -----BEGIN PGP PUBLIC KEY BLOCK-----
     <KEY>
     -----END PGP PUBLIC KEY BLOCK-----
    ---- stderr
    warning: with a key in an entry, apt before 2.4 (Debian 11, Ubuntu 20.04) refuses every source of the machine, and the key can only be replaced by hand
    ");
    insta::assert_snapshot!(run(&["--auth"]), @"
    status: 0
    ---- stdout
    machine https://packages.example.org/prod/
    login USER
    password PASSWORD
    ");
    insta::assert_snapshot!(run(&["--suite", "sid"]), @"
    status: 1
    ---- stderr
    error: prod has no suite `sid`
    hint: the suites are bookworm, trixie
    ");
}

#[test]
fn client_config_in_one_line_style_and_for_a_tagged_state() {
    let environment = Environment::with_store(PROGRAM, &["bookworm", "trixie"]);
    let run = |more: &[&str]| {
        let url = "https://packages.example.org/";
        environment.run(&[&["client-config", "prod", "--url", url], more].concat())
    };
    insta::assert_snapshot!(run(&["--one-line"]), @"
    status: 0
    ---- stdout
    deb [arch=amd64 signed-by=/usr/share/keyrings/prod-archive-keyring.gpg] https://packages.example.org/prod bookworm main
    deb [arch=amd64 signed-by=/usr/share/keyrings/prod-archive-keyring.gpg] https://packages.example.org/prod trixie main
    ---- stderr
    hint: the key for /usr/share/keyrings/prod-archive-keyring.gpg: repo-cli key export --binary --repository prod
    ");
    environment.add("prod", &["hello=1.0"]);
    let _ = environment.run(&["tag", "prod", "first"]).succeeds();
    insta::assert_snapshot!(run(&["--one-line", "--suite", "trixie", "--snapshot", "first"]), @"
    status: 0
    ---- stdout
    deb [arch=amd64 signed-by=/usr/share/keyrings/prod-archive-keyring.gpg] https://packages.example.org/prod/snapshot/first trixie main
    ---- stderr
    hint: the key for /usr/share/keyrings/prod-archive-keyring.gpg: repo-cli key export --binary --repository prod
    ");
    insta::assert_snapshot!(run(&["--snapshot", "frist"]), @"
    status: 1
    ---- stderr
    error: prod has no tag `frist`
    hint: did you mean `first`? (run repo-cli tag prod)
    ");
}

#[test]
fn key() {
    let environment = store();
    insta::assert_snapshot!(environment.run(&["key", "list"]), @"
    status: 0
    ---- stdout
    FINGERPRINT                               ALGORITHM  EXPIRES  NAME
    <FINGERPRINT>  ed25519    never    In-house packages (archive signing key)
    ");
    insta::assert_snapshot!(environment.run(&["--json", "key", "list"]), @r#"
    status: 0
    ---- stdout
    {"format":1,"keys":[{"algorithm":"ed25519","created":"<DAY>","elsewhere":false,"expires":null,"fingerprint":"<FINGERPRINT>","problems":[],"state":"signs","user_ids":["In-house packages (archive signing key)"]}],"retired":[]}
    "#);
    insta::assert_snapshot!(environment.run(&["key", "generate", "--name", "Second <k@example.org>"]), @"
    status: 0
    ---- stdout
    <FINGERPRINT>
    distribute the new key to clients (repo-cli key publish) before you retire the old one
    ");
    insta::assert_snapshot!(environment.run(&["key", "export"]), @"
    status: 0
    ---- stdout
    -----BEGIN PGP PUBLIC KEY BLOCK-----
     <KEY>
    -----END PGP PUBLIC KEY BLOCK-----
    ");
    let second = environment.run(&["key", "list"]).succeeds().stdout;
    assert!(second.contains("Second <k@example.org>") && second.lines().count() == 3, "{second}");
}

#[test]
fn a_key_that_others_may_read_is_not_used() {
    use std::os::unix::fs::PermissionsExt as _;
    let environment = store();
    let key = environment.root().join("keys").read_dir_utf8().unwrap().next().unwrap().unwrap().into_path();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let file = environment.package("hello", "1.0", "all");
    insta::assert_snapshot!(environment.run(&["add", "preprod", file.as_str()]), @"
    status: 1
    ---- stderr
    error: refusing key file <DIR>/store/keys/<FINGERPRINT>.asc: its mode is wider than 0600
    hint: run `chmod 600 <DIR>/store/keys/<FINGERPRINT>.asc`, or `repo-cli fsck --repair`; make a new key if others may have read it
    ");
}

#[test]
fn wrong_usage_ends_with_2() {
    let environment = store();
    for arguments in [
        &[][..],
        &["frobnicate"],
        &["add"],
        &["add", "preprod"],
        &["list", "preprod", "--frobnicate"],
        &["promote", "hello", "--all", "--from", "preprod", "--to", "prod"],
        &["incoming", "preprod"],
        &["add", "preprod", "x.deb", "--suite", "../x"],
    ] {
        let output = environment.run(arguments).ends_with(2);
        assert_eq!(output.stdout, "", "{output}");
        assert!(!output.stderr.is_empty(), "{arguments:?}");
    }
}

#[test]
fn wrong_usage_shows_what_was_given_escaped() {
    let environment = store();
    let hostile = "\u{1b}[2J\u{7f}\u{9b}31m\u{61c}\u{202e}\u{2066}\u{2028}";
    let option = format!("--{hostile}");
    for arguments in [
        &[hostile][..],
        &["list", &option],
        &["sign", hostile],
        &["add", "preprod", "x.deb", "--suite", hostile],
        &["list", "preprod", "--limit", hostile],
        &["publish", "--accept", hostile],
    ] {
        for json in [&[][..], &["--json"]] {
            let output = environment.run(&[arguments, json].concat()).ends_with(2);
            let is_plain =
                |c: char| c == '\n' || !(c.is_control() || hostile.contains(c)) || c.is_ascii_graphic();
            assert!(output.stderr.chars().all(is_plain), "{:?}", output.stderr);
            assert!(output.stderr.contains("\\u{1b}[2J\\u{7f}\\u{9b}31m\\u{61c}\\u{202e}"), "{output}");
            if !json.is_empty() {
                let document: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
                let message = document["error"]["message"].as_str().unwrap();
                assert!(message.contains("\u{1b}[2J\u{7f}\u{9b}31m\u{61c}\u{202e}\u{2066}"), "{message:?}");
            }
        }
    }
}

#[test]
fn without_a_store_there_is_a_hint() {
    let environment = Environment::new(PROGRAM);
    insta::assert_snapshot!(environment.run(&["list", "preprod"]), @"
    status: 1
    ---- stderr
    error: no repo.toml in <DIR>/store
    hint: make one with `repo-cli init`, or name its directory with --root
    ");
    let mut command = environment.command();
    command.env_remove("REPO_ROOT").args(["list", "preprod"]);
    insta::assert_snapshot!(environment.finish(&mut command), @"
    status: 1
    ---- stderr
    error: no repo.toml in <DIR> or above
    hint: make one with `repo-cli init`, or name its directory with --root
    ");
}

#[test]
fn the_store_is_found_from_directories_below_it() {
    let environment = filled_store();
    let mut command = environment.command();
    command.env_remove("REPO_ROOT").args(["list", "preprod", "agent"]);
    let output = environment.finish(command.current_dir(environment.public("prod"))).succeeds();
    assert!(output.stdout.contains("agent"), "{output}");
}

#[test]
fn a_dry_run_changes_nothing() {
    let environment = filled_store();
    environment.add("prod", &["hello=1.0"]);
    std::fs::create_dir(environment.root().join("incoming")).unwrap();
    let file = environment.package("new", "1.0", "all");
    std::fs::copy(&file, environment.root().join("incoming/new.deb")).unwrap();
    environment.write("store/incoming/broken.deb", "no package");
    for (status, arguments) in [
        (0, &["add", "preprod", file.as_str()][..]),
        (0, &["promote", "--all", "--from", "preprod", "--to", "prod"]),
        (0, &["remove", "preprod", "hello"]),
        (0, &["rollback", "preprod", "--to", "0", "--yes"]),
        (1, &["incoming", "preprod", "store/incoming", "--once", "--patience", "0"]),
    ] {
        let before = Tree::of(&environment.root());
        let output = environment.run(&[arguments, &["--dry-run"]].concat()).ends_with(status);
        before.is_still(&Tree::of(&environment.root()), &output.to_string());
        let output = environment.run(&[arguments, &["--dry-run", "--json"]].concat()).ends_with(status);
        before.is_still(&Tree::of(&environment.root()), &output.to_string());
        let document: Value = serde_json::from_str(output.stdout.trim()).unwrap();
        assert_eq!(document["dry_run"], Value::Bool(true), "{output}");
        assert_eq!(document["commit"], Value::Null, "{output}");
    }
}

#[test]
fn json_is_one_document_on_standard_output_and_nothing_else() {
    let environment = filled_store();
    let file = environment.package("new", "1.0", "all");
    let fresh = environment.path("fresh");
    for arguments in [
        &["init", fresh.as_str()][..],
        &["list", "preprod"],
        &["versions", "hello"],
        &["show", "preprod", "hello"],
        &["diff", "preprod", "preprod"],
        &["history", "preprod"],
        &["add", "preprod", file.as_str()],
        &["promote", "--all", "--from", "preprod", "--to", "prod"],
        &["remove", "preprod", "hello"],
        &["rollback", "preprod", "--to", "0", "--yes"],
        &["publish"],
        &["client-config", "prod", "--url", "http://packages.example.org"],
        &["key", "list"],
        &["key", "generate"],
    ] {
        let output = environment.run(&[&["--json"], arguments].concat()).succeeds();
        assert_eq!(output.stdout.lines().count(), 1, "{output}");
        let document: Value = serde_json::from_str(&output.stdout).unwrap();
        assert_eq!(document["format"], 1, "{output}");
        assert_eq!(output.stderr, "", "{output}");
    }
}

#[test]
fn quiet_verbs_say_nothing_but_what_was_asked_for() {
    let environment = filled_store();
    let file = environment.package("new", "1.0", "all");
    let output = environment.run(&["--quiet", "add", "preprod", file.as_str()]).succeeds();
    assert_eq!(output.text(), "");
    let output = environment.run(&["--quiet", "list", "preprod", "new"]).succeeds();
    assert!(output.stdout.contains("new"), "{output}");
}

#[test]
fn publishing_can_be_left_to_publish() {
    let environment = store();
    configure(&environment, "publish = \"manual\"\n");
    let file = environment.package("hello", "1.0", "all");
    insta::assert_snapshot!(environment.run(&["add", "preprod", file.as_str()]), @"
    status: 0
    ---- stdout
    added hello 1.0 all -> bookworm (every suite)
    added 1 package to preprod (commit 1)
    not published yet; run repo-cli publish preprod
    ");
    insta::assert_snapshot!(environment.run(&["publish", "preprod"]), @"
    status: 0
    ---- stdout
    published preprod <PUBLICATION>: bookworm
    ");
}
