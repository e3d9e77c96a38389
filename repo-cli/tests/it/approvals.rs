//! Approvals: who has approved which content, what a gate makes of it, and what the history keeps.

use serde_json::{Value, json};
use testkit::{Environment, Output, package};

use crate::api::Interface;
use crate::{configure, store};

const TWO: &str = "[[gate]]\nto = [\"prod\"]\napprovals = 2\n";
const PROMOTE: [&str; 6] = ["promote", "hello", "--from", "preprod", "--to", "prod"];

/// Runs a verb as a user of the system: behind sudo, as the owner of the store.
fn run_as(environment: &Environment, user: u32, arguments: &[&str]) -> Output {
    environment.finish(environment.command().args(arguments).env("SUDO_UID", user.to_string()))
}

fn approvals(environment: &Environment) -> Vec<(String, String, String)> {
    let list: Value = serde_json::from_str(&environment.json(&["approvals", "preprod"])).unwrap();
    let text = |one: &Value, name: &str| one[name].as_str().unwrap().to_owned();
    let list = list["approvals"].as_array().unwrap();
    list.iter().map(|one| (text(one, "architecture"), text(one, "approver"), text(one, "state"))).collect()
}

#[test]
fn so_many_people_have_to_approve_what_is_promoted() {
    let environment = store();
    configure(&environment, TWO);
    environment.add("preprod", &["hello=1.0", "hello=2.0"]);
    let refused = environment.run(&PROMOTE).ends_with(1);
    insta::assert_snapshot!(refused.stderr, @"
    error: prod does not take hello 2.0 all: nobody approved it in preprod, and prod takes what 2 people approved (approvals)
    hint: have it approved with repo-cli approve, or to let it in all the same, give --override approvals --reason TEXT
    ");
    // One user counts once, whatever name is given to the history.
    let preview = run_as(&environment, 4001, &["approve", "preprod", "hello=2.0", "--dry-run"]).succeeds();
    assert_eq!(preview.stdout, "uid 4001 would approve 1 version in preprod: hello 2.0\n");
    assert_eq!(approvals(&environment), []);
    let approve = |user, actor: &str| {
        run_as(&environment, user, &["approve", "preprod", "hello=2.0", "--actor", actor]).succeeds()
    };
    assert_eq!(approve(4001, "ann").stdout, "uid 4001 approved 1 version in preprod: hello 2.0\n");
    assert_eq!(approve(4001, "bob").stdout, "uid 4001 has already approved hello=2.0 in preprod\n");
    let shown = environment.run(&[&PROMOTE[..], &["--dry-run"]].concat()).ends_with(1);
    let reason = "only uid 4001 approved it in preprod, and prod takes what 2 people approved";
    assert!(shown.stdout.contains("refused  approvals") && shown.stderr.contains(reason), "{shown}");
    let _ = approve(4002, "ann");
    let _ = environment.run(&PROMOTE).succeeds();
    // The history of the repository keeps who approved what, and the log names them too.
    let history = environment.run(&["history", "prod"]).succeeds();
    assert!(history.stdout.contains("hello 2.0 all (approved by uid 4001, uid 4002)"), "{history}");
    let history: Value = serde_json::from_str(&environment.json(&["history", "prod"])).unwrap();
    let approved = history["history"][0]["approved"].as_array().unwrap();
    assert_eq!(approved.len(), 2);
    assert_eq!(
        (&approved[0]["approver"], &approved[0]["packages"]),
        (&json!("user 4001"), &json!(["hello 2.0"]))
    );
    let log = std::fs::read_to_string(environment.root().join("store/ops/log")).unwrap();
    assert!(log.contains("\tuid 4002\tpreprod\t") && log.contains("\tapprove hello 2.0"), "{log}");
    let _ = environment.run(&["fsck"]).succeeds();
    // An older version was not approved; what is added nobody can have approved.
    let older = ["promote", "hello=1.0", "--from", "preprod", "--to", "prod"];
    let _ = environment.run(&older).ends_with(1);
    let file = environment.package("new", "1.0", "amd64");
    let refused = environment.run(&["add", "prod", file.as_str()]).ends_with(1);
    let reason = "it comes from no repository, and prod takes what 2 people approved in one (approvals)";
    assert!(refused.stderr.contains(reason), "{refused}");
    let despite = ["--override", "approvals", "--reason", "the outage of today"];
    let _ = environment.run(&[&older[..], &despite].concat()).succeeds();
    let history = environment.run(&["history", "prod"]).succeeds();
    assert!(history.stdout.contains("override approvals: the outage of today"), "{history}");
}

#[test]
fn an_approval_is_for_one_content_and_can_be_taken_back() {
    let environment = store();
    configure(&environment, &TWO.replace('2', "1"));
    let add = |description: &str| {
        let control = format!(
            "Package: hello\nVersion: 1.0\nArchitecture: all\nMaintainer: Ann <ann@example.org>\nDescription: {description}\n"
        );
        let file = environment.write("files/hello_1.0_all.deb", package::with_control(&control));
        let _ = environment.run(&["add", "preprod", file.as_str(), "--no-publish"]).succeeds();
    };
    add("good");
    let _ = run_as(&environment, 4001, &["approve", "preprod", "hello=1.0"]).succeeds();
    let dry_run = [&PROMOTE[..], &["--dry-run"]].concat();
    let _ = environment.run(&dry_run).succeeds();
    let _ = environment.run(&["remove", "preprod", "hello", "--yes", "--no-publish"]).succeeds();
    add("another content under the same version");
    let _ = environment.run(&dry_run).ends_with(1);
    let all = |approver: &str, state: &str| ("all".to_owned(), approver.to_owned(), state.to_owned());
    assert_eq!(approvals(&environment), [all("user 4001", "replaced")]);
    let _ = run_as(&environment, 4002, &["approve", "preprod", "hello=1.0"]).succeeds();
    let _ = environment.run(&dry_run).succeeds();
    let list = environment.run(&["approvals", "preprod"]).succeeds();
    assert!(list.stdout.contains("uid 4001") && list.stdout.contains("present"), "{list}");
    // Everybody takes back their own.
    let withdraw = ["approve", "preprod", "hello=1.0", "--withdraw"];
    let refused = run_as(&environment, 4003, &withdraw).ends_with(1);
    assert!(refused.stderr.contains("uid 4003 has approved no hello=1.0 in preprod"), "{refused}");
    let _ = run_as(&environment, 4002, &[&withdraw[..], &["--dry-run"]].concat()).succeeds();
    let _ = environment.run(&dry_run).succeeds();
    let _ = run_as(&environment, 4002, &withdraw).succeeds();
    let _ = environment.run(&dry_run).ends_with(1);
    let _ = run_as(&environment, 4001, &withdraw).succeeds();
    assert_eq!(approvals(&environment), []);
    assert!(!environment.root().join("store/approvals/preprod").exists());
    // A slip of the pen approves nothing, and a version has to be named.
    let unknown = run_as(&environment, 4001, &["approve", "preprod", "hello=1.0", "helo=1.0"]).ends_with(1);
    assert!(unknown.stderr.contains("helo"), "{unknown}");
    let _ = run_as(&environment, 4001, &["approve", "preprod", "hello"]).ends_with(2);
    assert_eq!(approvals(&environment), []);
}

#[test]
fn a_whole_source_is_approved_by_the_name_of_any_of_its_packages() {
    let environment = store();
    for name in ["libhello1", "hello-doc"] {
        let control = format!(
            "Package: {name}\nSource: hello\nVersion: 1.0\nArchitecture: all\nMaintainer: Ann <ann@example.org>\nDescription: x\n"
        );
        let file = environment.write(&format!("files/{name}.deb"), package::with_control(&control));
        let _ = environment.run(&["add", "preprod", file.as_str(), "--no-publish"]).succeeds();
    }
    for (user, name) in [(4001, "hello=1.0"), (4002, "libhello1=1.0")] {
        let _ = run_as(&environment, user, &["approve", "preprod", name, "--whole-source"]).succeeds();
        let given = approvals(&environment).into_iter().filter(|one| one.1 == format!("user {user}")).count();
        assert_eq!(given, 2, "{name}");
    }
}

#[test]
fn approvals_are_in_backups_and_damaged_ones_count_no_more() {
    let environment = store();
    configure(&environment, &TWO.replace('2', "1"));
    environment.add("preprod", &["hello=1.0"]);
    let _ = run_as(&environment, 4001, &["approve", "preprod", "hello=1.0"]).succeeds();
    let _ = environment.run(&["backup", "backup"]).succeeds();
    let restored = environment.path("restored");
    let _ = environment.run(&["restore", "backup", restored.as_str()]).succeeds();
    let list = environment.run(&["--root", restored.as_str(), "approvals", "preprod"]).succeeds();
    assert!(list.stdout.contains("uid 4001"), "{list}");
    // Nobody adds an approval with an editor, and nothing passes by a list that cannot be read.
    let path = environment.root().join("store/approvals/preprod");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("4001", "4002")).unwrap();
    let refused = environment.run(&PROMOTE).ends_with(1);
    assert!(refused.stderr.contains("list of approvals of"), "{refused}");
    let found = environment.run(&["fsck"]).ends_with(1);
    assert!(found.stdout.contains("store/approvals/preprod"), "{found}");
    let _ = environment.run(&["fsck", "--repair"]).succeeds();
    assert_eq!(approvals(&environment), []);
    let _ = environment.run(&["fsck"]).succeeds();
}

#[test]
fn a_token_approves_as_its_holder_and_with_its_scope_alone() {
    let environment = store();
    environment.add("preprod", &["hello=1.0", "other=1.0"]);
    let api = Interface::with(environment, TWO);
    let path = "/repositories/preprod/approvals";
    let body = json!({ "versions": ["hello=1.0"] });
    let reader = api.token("preprod", "reader", &["read", "add"]);
    assert_eq!(api.post(&reader, path, "", &body).status, 403);
    for holder in ["qa", "security"] {
        let token = api.token("preprod", holder, &["approve:hello*", "read"]);
        let answer = api.post(&token, path, "", &body);
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(json_of_text(&answer.body)["approved"][0]["approver"], format!("token {holder}"));
        let other = api.post(&token, path, "", &json!({ "versions": ["other=1.0"] }));
        assert_eq!(other.status, 403, "{other:?}");
    }
    let names: Vec<String> =
        approvals(&api.environment).into_iter().map(|(_, approver, _)| approver).collect();
    assert_eq!(names, ["token qa", "token security"]);
    let _ = api.environment.run(&PROMOTE).succeeds();
    let history = api.environment.run(&["history", "prod"]).succeeds();
    assert!(history.stdout.contains("(approved by token qa, token security)"), "{history}");
}

/// Under two names somebody still counts once.
#[test]
fn a_token_that_is_renamed_approves_no_second_time() {
    let environment = store();
    configure(&environment, TWO);
    environment.add("preprod", &["hello=1.0"]);
    let _ = environment.run(&["access", "add", "preprod", "job", "--scope", "approve"]).succeeds();
    let approve = |holder: &str| {
        let mut command = environment.command();
        environment
            .finish(command.args(["approve", "preprod", "hello=1.0"]).env("REPO_TOKEN_HOLDER", holder))
            .succeeds()
    };
    assert!(approve("job").stdout.contains("token job approved 1 version"));
    let _ = environment.run(&["access", "rename", "preprod", "job", "job2"]).succeeds();
    assert!(approve("job2").stdout.contains("has already approved"));
    let names: Vec<_> = approvals(&environment).into_iter().map(|(_, approver, _)| approver).collect();
    assert_eq!(names, ["token job2"]);
    let _ = environment.run(&PROMOTE).ends_with(1);
}

fn json_of_text(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}
