//! What the configuration may say, and what `init` makes of its arguments.

use std::fs;

use testkit::{Environment, Tree};

use crate::published::Published;
use crate::{PROGRAM, configure, store};

#[test]
fn a_suite_that_is_listed_twice_is_published_once() {
    let environment = store();
    configure(
        &environment,
        "suites = [\"trixie\"]\n[repositories.prod]\nsuites = [\"bookworm\", \"trixie\", \"trixie\"]\n",
    );
    let _ = environment.run(&["publish"]).succeeds();
    let content = Published::of(&environment, "prod").read().unwrap();
    assert_eq!(content.keys().collect::<Vec<_>>(), ["bookworm", "trixie"]);
}

#[test]
fn an_alias_is_no_suite_of_a_file_either() {
    let environment = store();
    let path = environment.root().join("repo.toml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("suites = [\"bookworm\"]", "suites_file = \"suites.list\"")).unwrap();
    environment.write("store/suites.list", "bookworm\nstable # for those who wait\n");
    configure(&environment, "[suite.bookworm]\nalias = \"stable\"\n");
    insta::assert_snapshot!(environment.run(&["publish"]), @r#"
    status: 1
    ---- stderr
    error: <DIR>/store/repo.d/test.toml:2:9: the suite bookworm: the alias `stable` is the name of another suite
        2 | alias = "stable"
          |         ^^^^^^^^
    "#);
    environment.write("store/suites.list", "bookworm\n\n../x\n");
    insta::assert_snapshot!(environment.run(&["publish"]), @r#"
    status: 1
    ---- stderr
    error: <DIR>/store/suites.list:3:1: suite "../x": must be one path element of letters, digits and `+._-`, and not `by-hash`
        3 | ../x
          | ^^^^
    "#);
}

#[test]
fn init_writes_nothing_that_it_could_not_read() {
    let environment = Environment::new(PROGRAM);
    let mut said = Vec::new();
    for arguments in [
        ["--origin", ""],
        ["--origin", "a\nb"],
        ["--architecture", "all"],
        ["--repository", "A_b.c"],
        ["--suite", "by-hash"],
        ["--url", "packages.example.org"],
    ] {
        let output = environment.run(&[&["init"], &arguments[..]].concat()).ends_with(2);
        said.push(output.stderr.lines().next().unwrap_or_default().to_owned());
        assert!(!environment.root().exists(), "{output}");
    }
    insta::assert_snapshot!(said.join("\n"), @r#"
    error: invalid value '' for '--origin <TEXT>': there is nothing in it: leave it out
    error: invalid value 'a
    error: invalid value 'all' for '--architecture <NAME>': `all` is implied; remove it from the list
    error: invalid value 'A_b.c' for '--repository <NAME>': `A_b.c` cannot be the name of a repository: that has lower-case letters, digits, `-`, `_` and `.`, begins with a letter or digit, and is no longer than 64 bytes
    error: invalid value 'by-hash' for '--suite <NAME>': suite "by-hash": must be one path element of letters, digits and `+._-`, and not `by-hash`
    error: invalid value 'packages.example.org' for '--url <URL>': `packages.example.org` is not an address for clients: it begins with http://, https://, file:/ or copy:/, perhaps behind a prefix such as tor+
    "#);
    let twice =
        ["a", "a"].map(|name| ["--repository", name, "--suite", "bookworm", "--architecture", "amd64"]);
    insta::assert_snapshot!(environment.run(&[&["init"], twice.as_flattened()].concat()), @"
    status: 0
    ---- stdout
    made a store in <DIR>/store: configure it in <DIR>/store/repo.toml
    made a signing key: <FINGERPRINT>
    published a <PUBLICATION>: bookworm
    ");
    let text = fs::read_to_string(environment.root().join("repo.toml")).unwrap();
    assert!(
        text.contains("suites = [\"bookworm\"]\n") && text.contains("architectures = [\"amd64\"]\n"),
        "{text}"
    );
}

#[test]
fn only_an_address_of_the_web_stands_in_release() {
    let environment = store();
    for (url, stands) in [
        ("http://packages.example.org", true),
        ("tor+http://packages.example.org", false),
        ("file:/srv/packages/public", false),
    ] {
        configure(&environment, &format!("url = \"{url}\"\n"));
        let _ = environment.run(&["publish"]).succeeds();
        let path = environment.public("prod").join("dists/bookworm/Release");
        let snapshots = format!("Snapshots: {url}/prod/snapshot/");
        let release = fs::read_to_string(path).unwrap();
        assert_eq!(release.contains(&snapshots), stands, "{release}");
        assert_eq!(release.contains("Snapshots"), stands, "{release}");
        let sources = environment.run(&["client-config", "prod"]).succeeds().stdout;
        assert!(sources.contains(&format!("URIs: {url}/prod\n")), "{sources}");
    }
}

#[test]
fn a_repository_is_deleted_as_the_documentation_says() {
    let environment = store();
    configure(&environment, "[repositories.old]\n");
    for package in ["hello=1.0", "other=1.0"] {
        environment.add("old", &[package]);
    }
    environment.add("prod", &["hello=1.0"]);
    let _ = environment.run(&["tag", "old", "first"]).succeeds();
    let _ = environment.run(&["tag", "old", "first", "--delete"]).succeeds();
    configure(&environment, "");
    for directory in ["public/old", "store/publications/old", "store/tags/old"] {
        fs::remove_dir_all(environment.root().join(directory)).unwrap();
    }
    fs::remove_file(environment.root().join("store/refs/old")).unwrap();
    let _ = environment.run(&["fsck"]).succeeds();
    let blobs = || {
        Tree::of(&environment.root().join("store/blobs"))
            .paths()
            .filter(|path| path.components().count() == 2)
            .count()
    };
    assert_eq!(blobs(), 2);
    // What came in this very second is not old enough for any grace.
    for _ in 0..50 {
        let _ = environment.run(&["gc", "--grace", "0", "--yes"]).succeeds();
        if blobs() == 1 {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    assert_eq!(blobs(), 1);
    let _ = environment.run(&["fsck"]).succeeds();
    assert_eq!(Published::of(&environment, "prod").read().unwrap()["bookworm"].len(), 1);
    configure(&environment, "[repositories.old]\n");
    environment.add("old", &["other=1.0"]);
    let _ = environment.run(&["fsck"]).succeeds();
}

#[test]
fn a_pipe_in_the_place_of_a_named_file_is_not_waited_for() {
    if !testkit::all_installed(&["mkfifo", "timeout"]) {
        return;
    }
    for (name, setting) in
        [("users.list", "users = \"users.list\""), ("keyring.pgp", "uploaders = \"keyring.pgp\"")]
    {
        let environment = crate::store();
        crate::configure(&environment, &format!("[repositories.preprod]\n{setting}\n"));
        let made = std::process::Command::new("mkfifo").arg(environment.root().join(name)).status().unwrap();
        assert!(made.success());
        let _ = environment.package("hello", "1.0", "all");
        let files = environment.path("files");
        let mut command = environment.wrapped(&["timeout", "60"]);
        let output = environment.finish(command.args(["add", "preprod", files.as_str()]));
        assert_ne!(output.status, Some(124), "{output}");
        assert!(output.stderr.contains("is not a regular file"), "{output}");
    }
}

#[test]
fn config_check_looks_at_what_the_configuration_names_too() {
    let environment = store();
    let output = environment.run(&["config", "check"]).succeeds();
    assert_eq!(output.stdout, "no mistakes in 1 file (2 repositories)\n");
    environment.write("store/secret", "word\n");
    configure(
        &environment,
        "[[incoming]]\nfolder = \"gone\"\nrepository = \"preprod\"\n[signing]\npassphrase_file = \"secret\"\n\
         [repositories.prod]\nusers = \"users\"\nuploaders = \"up.gpg\"\n",
    );
    let output = environment.run(&["config", "check"]).ends_with(1);
    let errors: Vec<&str> = output.stderr.lines().filter(|line| line.starts_with("error: ")).collect();
    assert_eq!(errors.len(), 4, "{output}");
    for (error, words) in errors.iter().zip(["users", "up.gpg", "secret", "gone"]) {
        assert!(error.contains(words), "{words}: {output}");
    }
    configure(&environment, "\npdiffs = \"many\"\n");
    insta::assert_snapshot!(environment.run(&["config", "check"]), @r#"
    status: 1
    ---- stdout
    found 1 mistake
    ---- stderr
    error: <DIR>/store/repo.d/test.toml:2:10: pdiffs: invalid type: string "many", expected a number from 0 on
        2 | pdiffs = "many"
          |          ^^^^^^
    "#);
}

#[test]
fn config_show_tells_where_each_value_comes_from() {
    let environment = store();
    configure(&environment, "valid_for = \"14d\"\n[repositories.prod]\nvalid_for = \"2d\"\n");
    let output = environment.run(&["config", "show", "prod"]).succeeds();
    insta::assert_snapshot!(output, @r#"
    status: 0
    ---- stdout
    SETTING                            VALUE                                    FROM
    repositories.prod.url              (its name below the `url` of the store)  default
    repositories.prod.label            (its name)                               default
    repositories.prod.suites           ["bookworm"]                             repo.toml:12
    repositories.prod.flat             (not set)                                default
    repositories.prod.translations     false                                    default
    repositories.prod.contents         false                                    default
    repositories.prod.unknown_release  "refuse"                                 repo.toml:17
    repositories.prod.valid_for        "2d"                                     repo.d/test.toml:3
    repositories.prod.pdiffs           14                                       default
    repositories.prod.uploaders        (not set)                                default
    repositories.prod.allow            (not set)                                default
    repositories.prod.users            (not set)                                default
    repositories.prod.access           (not set)                                default
    repositories.prod.keep_history     (not set)                                default
    repositories.prod.keys             (not set)                                default
    "#);
    insta::assert_snapshot!(environment.run(&["config", "show", "gc"]), @r#"
    status: 0
    ---- stdout
    SETTING          VALUE      FROM
    gc.grace         "7d"       default
    gc.keep_history  (not set)  default
    "#);
    insta::assert_snapshot!(environment.run(&["config", "show", "gc.grase"]), @"
    status: 1
    ---- stderr
    error: no setting, repository or suite named `gc.grase`
    hint: did you mean `gc.grace`?
    ");
    let json =
        environment.json(&["config", "show", "valid_for"]).replace(environment.root().as_str(), "<DIR>");
    insta::assert_snapshot!(json, @r#"{"format":1,"settings":[{"default":false,"places":[{"file":"<DIR>/repo.d/test.toml","line":1}],"setting":"valid_for","value":"14d"}]}"#);
    let all: serde_json::Value =
        serde_json::from_str(&environment.run(&["config", "show", "--json"]).succeeds().stdout).unwrap();
    assert!(all["settings"].as_array().unwrap().len() > 60);
    let schema = environment.run(&["config", "schema"]).succeeds().stdout;
    let schema: serde_json::Value = serde_json::from_str(&schema).unwrap();
    assert_eq!(schema["properties"]["pdiffs"]["type"], "integer");
}

#[test]
fn a_setting_is_changed_by_program() {
    let environment = store();
    configure(&environment, "[gc]\ngrace = \"3d\" # short\n");
    let text = || fs::read_to_string(environment.root().join("repo.toml")).unwrap();
    let (before, mut said) = (text(), Vec::new());
    let mut run = |arguments: &[&str]| said.push(environment.run(arguments).to_string());
    run(&["config", "set", "gc.grace", "9d"]);
    run(&["config", "set", "pdiffs", "7", "--dry-run"]);
    run(&["config", "set", "pdifs", "7"]);
    run(&["config", "set", "valid_for", "soon"]);
    assert_eq!(text(), before);
    run(&["config", "set", "publish", "auto"]);
    insta::assert_snapshot!(said.join("--\n"), @r#"
    status: 0
    ---- stdout
    set gc.grace in repo.d/test.toml
    --
    status: 0
    ---- stdout
    --- repo.toml
    +++ repo.toml
    @@ -53,6 +53,7 @@
     
     # The repositories through which packages are promoted, in that order: `status` tells what waits in one for the next.
     channels = ["preprod", "prod"]
    +pdiffs = 7
     
     [serve]
     # Where `serve` listens from its start on. It sees any other change of this file within two seconds,
    would change repo.toml
    --
    status: 1
    ---- stderr
    error: no setting named `pdifs`
    hint: did you mean `pdiffs`?
    --
    status: 1
    ---- stderr
    error: the configuration would be wrong: <DIR>/store/repo.toml: valid_for: invalid duration `soon`; use for example 14d or 36h
        + | valid_for = "soon"
          |             ^^^^^^
    --
    status: 0
    ---- stdout
    set publish in repo.toml
    "#);
    assert_eq!(text(), before.replace("\n\n[serve]", "\npublish = \"auto\"\n\n[serve]"));
}

#[test]
fn suites_and_repositories_come_and_go_by_program() {
    let environment = store();
    let text = || fs::read_to_string(environment.root().join("repo.toml")).unwrap();
    let (before, mut said) = (text(), Vec::new());
    let mut run = |arguments: &[&str]| said.push(environment.run(arguments).to_string());
    run(&["suite", "add", "trixie", "--alias", "testing"]);
    run(&["suite", "list"]);
    run(&["repository", "add", "staging", "--suite", "trixie"]);
    run(&["repository", "add", "staging"]);
    run(&["repository", "list"]);
    run(&["repository", "remove", "stagin"]);
    run(&["repository", "remove", "staging"]);
    run(&["suite", "remove", "trixie"]);
    insta::assert_snapshot!(said.join("--\n"), @"
    status: 0
    ---- stdout
    added trixie in repo.toml
    run repo-cli publish to show it
    --
    status: 0
    ---- stdout
    SUITE     ALIAS    ARCHITECTURES  COMPONENTS  REPOSITORIES
    bookworm  -        amd64          main        preprod, prod
    trixie    testing  amd64          main        preprod, prod
    --
    status: 0
    ---- stdout
    added staging in repo.toml
    anyone can read staging; run repo-cli publish staging to show it
    --
    status: 1
    ---- stderr
    error: repository staging already exists
    --
    status: 0
    ---- stdout
    REPOSITORY  SUITES            URL
    preprod     bookworm, trixie  http://127.0.0.1:<PORT>/preprod
    prod        bookworm, trixie  http://127.0.0.1:<PORT>/prod
    staging     trixie            http://127.0.0.1:<PORT>/staging
    --
    status: 1
    ---- stderr
    error: no repository named `stagin`
    hint: did you mean `staging`? (repositories: preprod, prod, staging)
    --
    status: 0
    ---- stdout
    removed staging in repo.toml
    --
    status: 0
    ---- stdout
    removed trixie in repo.toml
    clients still find it: run repo-cli publish --allow-removal to take it away
    ");
    let _ = environment.run(&["config", "check"]).succeeds();
    assert_eq!(text(), before);
}

#[test]
fn what_has_packages_is_not_removed_unasked() {
    let environment = store();
    environment.add("prod", &["hello=1.0"]);
    let refused = environment.run(&["suite", "remove", "bookworm"]).ends_with(1);
    assert!(refused.stderr.contains("has no suites"), "{refused}");
    let _ = environment.run(&["suite", "add", "trixie"]).succeeds();
    for arguments in [["suite", "remove", "bookworm"], ["repository", "remove", "prod"]] {
        let refused = environment.run(&arguments).ends_with(1);
        assert!(refused.stderr.contains("1 of 1 package file"), "{refused}");
        assert!(refused.stderr.contains("hint: use --yes"), "{refused}");
        let foretold = environment.run(&[&arguments[..], &["--dry-run"]].concat()).succeeds();
        assert!(foretold.stderr.contains("1 of 1 package file"), "{foretold}");
        let _ = environment.run(&[&arguments[..], &["--yes"]].concat()).succeeds();
    }
    let _ = environment.run(&["config", "check"]).succeeds();
    assert!(environment.public("prod").join("dists/bookworm/InRelease").is_file());
}

#[test]
fn config_check_tells_of_all_mistakes_and_other_verbs_of_the_first() {
    let environment = store();
    let hash = "$2y$05$abcdefghijklmnopqrstuuJ9BcVZ8yOUuuUsRLDOHtxlB8gkq0Wxe";
    environment.write("store/users", format!("anna:{hash}\nno colon\n:\n"));
    configure(
        &environment,
        "channels = [\"preprod\", \"prd\"]\n[repositories.prod]\nlable = \"x\"\nusers = \"users\"\n\
         [suite.bookwrom]\n[signing]\npassphrase = \"hunter2\"\n",
    );
    environment
        .write("store/repo.d/a.toml", "[serve]\nlisten = \"80\"\ntrusted_proxies = [\"10.0.0.1/8\"]\n");
    let output = environment.run(&["config", "check"]).ends_with(1);
    assert!(!output.stderr.contains("hunter2"), "{output}");
    let json: serde_json::Value =
        serde_json::from_str(&environment.run(&["config", "check", "--json"]).ends_with(1).stdout).unwrap();
    let places: Vec<String> = json["mistakes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|mistake| {
            let file = mistake["file"].as_str().unwrap().rsplit('/').next().unwrap();
            format!("{file}:{}:{}", mistake["line"], mistake["column"])
        })
        .collect();
    insta::assert_snapshot!(places.join("\n"), @"
    a.toml:2:10
    a.toml:3:20
    test.toml:1:24
    test.toml:3:1
    test.toml:5:8
    test.toml:7:14
    users:2:null
    users:3:null
    ");
    assert_eq!(json["errors"], json["mistakes"]);
    let first = |stderr: &str| stderr.split("\nerror: ").next().unwrap().trim_end().to_owned();
    assert_eq!(first(&environment.run(&["list", "prod"]).ends_with(1).stderr), first(&output.stderr));
    insta::assert_snapshot!(output, @r#"
    status: 1
    ---- stdout
    found 8 mistakes
    ---- stderr
    error: <DIR>/store/repo.d/a.toml:2:10: serve.listen: invalid address `80`; use ADDRESS:PORT, for example 127.0.0.1:<PORT>, or https://ADDRESS:PORT
        2 | listen = "80"
          |          ^^^^
    error: <DIR>/store/repo.d/a.toml:3:20: serve.trusted_proxies: `10.0.0.1/8` is not a network: bits are set behind the prefix
        3 | trusted_proxies = ["10.0.0.1/8"]
          |                    ^^^^^^^^^^^^
    error: <DIR>/store/repo.d/test.toml:1:24: channels: no repository named `prd`
        1 | channels = ["preprod", "prd"]
          |                        ^^^^^
    hint: did you mean `prod`?
    error: <DIR>/store/repo.d/test.toml:3:1: repositories.prod: unknown field `lable`, expected one of `url`, `label`, `suites`, `flat`, `translations`, `contents`, `unknown_release`, `valid_for`, `pdiffs`, `uploaders`, `allow`, `users`, `access`, `keep_history`, `keys`
        3 | lable = "x"
          | ^^^^^
    hint: did you mean `label`?
    error: <DIR>/store/repo.d/test.toml:5:8: [suite.bookwrom]: not listed in `suites`
        5 | [suite.bookwrom]
          |        ^^^^^^^^
    hint: did you mean `bookworm`?
    error: <DIR>/store/repo.d/test.toml:7:14: signing.passphrase: expected credential:NAME; a passphrase itself never stands in the configuration
    error: <DIR>/store/users:2: a line reads NAME:HASH; a running serve keeps the users it has read, but a restart closes prod
    error: <DIR>/store/users:3: the user's name is empty or holds control characters; a running serve keeps the users it has read, but a restart closes prod
    "#);
}

#[test]
fn a_setting_that_takes_a_suite_with_packages_is_asked_about() {
    let environment = Environment::with_store(PROGRAM, &["bookworm", "trixie"]);
    environment.add("preprod", &["hello=1.0"]);
    let before = std::fs::read_to_string(environment.root().join("repo.toml")).unwrap();
    for change in [
        &["config", "set", "suites", "bookworm"][..],
        &["config", "set", "repositories.preprod.suites", "bookworm"],
        &["suite", "remove", "trixie"],
    ] {
        let refused = environment.run(change).ends_with(1);
        assert!(
            refused.stderr.contains("would remove 1 of 1 package file from trixie (preprod)"),
            "{refused}"
        );
        let foretold = environment.run(&[change, &["--dry-run"]].concat()).succeeds();
        assert!(foretold.stderr.contains("1 of 1 package file from trixie"), "{foretold}");
        assert_eq!(
            std::fs::read_to_string(environment.root().join("repo.toml")).unwrap(),
            before,
            "{change:?}"
        );
    }
    // What takes nothing is not asked about, and neither is a suite that is empty.
    let _ = environment.run(&["config", "set", "repositories.prod.suites", "bookworm"]).succeeds();
    let _ = environment.run(&["config", "set", "suites", "bookworm,trixie,sid"]).succeeds();
    let _ =
        environment.run(&["config", "set", "repositories.preprod.suites", "bookworm", "--yes"]).succeeds();
    let unset = environment.run(&["config", "unset", "repositories.preprod.suites"]).succeeds();
    assert!(unset.stdout.contains("unset repositories.preprod.suites in repo.toml"), "{unset}");
    let again = environment.run(&["config", "unset", "repositories.preprod.suites"]).succeeds();
    assert!(again.stdout.contains("the configuration already says that"), "{again}");
    insta::assert_snapshot!(environment.run(&["config", "unset", "publsh"]), @"
    status: 1
    ---- stderr
    error: no setting named `publsh`
    hint: did you mean `publish`?
    ");
    insta::assert_snapshot!(environment.run(&["config", "set", "serve.listen", "0.0.0:80"]), @r#"
    status: 1
    ---- stderr
    error: the configuration would be wrong: <DIR>/store/repo.toml: serve.listen: invalid address `0.0.0:80`; use ADDRESS:PORT, for example 127.0.0.1:<PORT>, or https://ADDRESS:PORT
        + | listen = ["0.0.0:80"]
          |           ^^^^^^^^^^
    "#);
    insta::assert_snapshot!(environment.run(&["config", "set", "serve.listen", "0.0.0.0:80,127.0.0.1:80"]), @r#"
    status: 1
    ---- stderr
    error: the configuration would be wrong: <DIR>/store/repo.toml: serve: `listen` has http://127.0.0.1:<PORT> beside http://0.0.0.0:80: one program can listen on a port only once
        + | listen = ["0.0.0.0:80", "127.0.0.1:<PORT>"]
          |                         ^^^^^^^^^^^^^^
    "#);
    insta::assert_snapshot!(environment.run(&["repository", "add", "setup"]), @"
    status: 1
    ---- stderr
    error: a repository cannot be named `setup`: the server answers with something else there
    ");
    insta::assert_snapshot!(environment.run(&["init", environment.path("new").as_str(), "--repository", "metrics"]), @"
    status: 1
    ---- stderr
    error: a repository cannot be named `metrics`: the server answers with something else there
    ");
}
