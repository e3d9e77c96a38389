//! `status`: one screen that answers whether all is well.

use testkit::{Environment, Output};

use crate::{PROGRAM, configure, store};

fn status_at(environment: &Environment, clock: &str) -> Option<Output> {
    let mut command = environment.with_clock(clock)?;
    Some(environment.finish(command.arg("status")))
}

/// The line of one subject.
#[track_caller]
fn line<'o>(output: &'o Output, subject: &str) -> &'o str {
    let of_subject = |line: &&str| line.starts_with(&format!("{subject} "));
    output.stdout.lines().find(of_subject).unwrap_or_else(|| panic!("no {subject}: {output}"))
}

#[test]
fn a_new_store_is_well() {
    let environment = store();
    let output = environment.run(&["status"]).succeeds();
    for subject in ["preprod", "prod", "preprod -> prod", "keys", "backup", "check", "store", "clock"] {
        assert!(line(&output, subject).contains(" ok "), "{output}");
    }
    let output = environment.run(&["status", "--format", "nagios"]).succeeds();
    assert!(output.stdout.starts_with("OK - all is well | '"), "{output}");
    assert_eq!(output.stdout.lines().count(), 1, "{output}");
}

#[test]
fn what_waits_for_promotion_is_counted() {
    let environment = store();
    environment.add("preprod", &["hello=1.0", "jq=1.6"]);
    let output = environment.run(&["status"]).succeeds();
    assert!(line(&output, "preprod -> prod").contains("2 packages wait for prod"), "{output}");
    let _ = environment.run(&["promote", "hello", "--from", "preprod", "--to", "prod"]).succeeds();
    let output = environment.run(&["status"]).succeeds();
    assert!(line(&output, "preprod -> prod").contains("1 package waits for prod"), "{output}");
    let _ = environment.run(&["promote", "--all", "--from", "preprod", "--to", "prod"]).succeeds();
    let output = environment.run(&["status"]).succeeds();
    assert!(line(&output, "preprod -> prod").contains("prod has all of preprod"), "{output}");
}

#[test]
fn a_change_that_clients_do_not_see_needs_a_person_unless_publishing_is_left_to_one() {
    let environment = store();
    let file = environment.package("hello", "1.0", "all");
    let _ = environment.run(&["add", "preprod", "--no-publish", file.as_str()]).succeeds();
    let output = environment.run(&["status"]).ends_with(3);
    assert!(line(&output, "preprod").contains("attention  1 change is not published"), "{output}");
    assert!(line(&output, "preprod").ends_with("(repo-cli publish preprod)"), "{output}");
    assert!(output.stdout.ends_with("1 thing needs attention\n"), "{output}");
    let metrics = environment.run(&["status", "--format", "prometheus"]).ends_with(3);
    assert!(
        metrics.stdout.contains("repo_attention{kind=\"repository\",subject=\"preprod\"} 1\n"),
        "{metrics}"
    );
    let nagios = environment.run(&["status", "--format", "nagios"]).ends_with(1);
    assert!(nagios.stdout.starts_with("WARNING - preprod: 1 change is not published"), "{nagios}");
    configure(&environment, "publish = \"manual\"\n");
    let output = environment.run(&["status"]).succeeds();
    assert!(line(&output, "preprod").contains("1 change is not published"), "{output}");
}

#[test]
fn backups_and_checks_are_remembered() {
    let environment = store();
    environment.add("preprod", &["hello=1.0"]);
    let Some(later) = status_at(&environment, "+2d") else { return };
    let later = later.ends_with(3);
    assert!(line(&later, "backup").contains("attention  never made"), "{later}");
    let backup = environment.path("backup");
    // In the second of the last change it could not be told which of the two came first.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    let _ = environment.run(&["backup", backup.as_str()]).succeeds();
    let _ = environment.run(&["fsck"]).succeeds();
    let output = environment.run(&["status"]).succeeds();
    assert!(line(&output, "backup").contains(&format!("to {backup}")), "{output}");
    assert!(line(&output, "check").contains("clean"), "{output}");

    // Nothing has changed since the backup, and a check is due once a month.
    let output = status_at(&environment, "+20d").unwrap().succeeds();
    assert!(line(&output, "backup").contains(" days ago to "), "{output}");
    environment.add("preprod", &["hello=2.0"]);
    let output = status_at(&environment, "+20d").unwrap().ends_with(3);
    assert!(line(&output, "backup").contains("attention  the store has changed since"), "{output}");
    let output = status_at(&environment, "+40d").unwrap().ends_with(3);
    assert!(line(&output, "check").contains("attention  not lately"), "{output}");

    let pool = std::fs::read_dir(environment.root().join("store/blobs")).unwrap().next().unwrap().unwrap();
    let blob = std::fs::read_dir(pool.path()).unwrap().next().unwrap().unwrap().path();
    std::fs::remove_file(blob).unwrap();
    let _ = environment.run(&["fsck"]).ends_with(1);
    let output = environment.run(&["status"]).ends_with(3);
    assert!(line(&output, "check").contains("attention"), "{output}");
    assert!(line(&output, "check").contains("problem"), "{output}");
}

#[test]
fn a_restored_store_was_never_checked_or_saved_itself() {
    let environment = store();
    let _ = environment.run(&["fsck"]).succeeds();
    let backup = environment.path("backup");
    let _ = environment.run(&["backup", backup.as_str()]).succeeds();
    let again = environment.run(&["backup", backup.as_str()]).succeeds();
    assert!(again.stdout.contains("copied 0 files"), "{again}");
    let restored = environment.path("restored");
    let _ = environment.run(&["restore", backup.as_str(), restored.as_str()]).succeeds();
    let output = environment.run(&["--root", restored.as_str(), "status"]).succeeds();
    assert!(line(&output, "check").contains("never checked"), "{output}");
    assert!(line(&output, "backup").contains("never made"), "{output}");
}

#[test]
fn what_clients_will_refuse_soon_needs_a_person() {
    let environment = store();
    configure(&environment, "valid_for = \"10d\"\n");
    let _ = environment.run(&["publish"]).succeeds();
    let Some(early) = status_at(&environment, "+7d") else { return };
    assert!(line(&early, "preprod").contains(" ok "), "{early}");
    let late = status_at(&environment, "+8d").unwrap().ends_with(3);
    assert!(line(&late, "preprod").contains("attention  clients will refuse it in"), "{late}");
    let over = status_at(&environment, "+11d").unwrap().ends_with(3);
    assert!(line(&over, "preprod").contains("attention  clients have refused it since"), "{over}");
}

#[test]
fn what_a_drop_folder_rejected_needs_a_person() {
    let environment = store();
    let folder = environment.path("drop");
    configure(&environment, &format!("[[incoming]]\nfolder = \"{folder}\"\nrepository = \"preprod\"\n"));
    let output = environment.run(&["status"]).ends_with(3);
    assert!(line(&output, folder.as_str()).contains("attention  cannot be read"), "{output}");
    std::fs::create_dir(&folder).unwrap();
    let output = environment.run(&["status"]).succeeds();
    assert!(line(&output, folder.as_str()).contains("nothing waits"), "{output}");
    std::fs::write(folder.join("junk.deb"), "junk").unwrap();
    let _ = environment.run(&["incoming", "--once", "--patience", "0"]).ends_with(1);
    let output = environment.run(&["status"]).ends_with(3);
    assert!(line(&output, folder.as_str()).contains("attention  1 file rejected, nothing waits"), "{output}");
}

#[test]
fn the_order_of_promotion_names_repositories_that_are_there() {
    let environment = Environment::new(PROGRAM);
    let _ = environment.run(&["init", "--repository", "a", "--repository", "b", "--suite", "x"]).succeeds();
    let path = environment.root().join("repo.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    for (channels, refusal) in [
        ("channels = [\"a\", \"c\"]", "channels: no repository named `c`"),
        ("channels = [\"a\", \"b\", \"a\"]", "channels: a is listed twice"),
    ] {
        std::fs::write(&path, text.replace("channels = [\"a\", \"b\"]", channels)).unwrap();
        let output = environment.run(&["status"]).ends_with(1);
        assert!(output.stderr.contains(refusal), "{output}");
    }
}

#[test]
fn keys_that_cannot_sign_and_uploads_that_nobody_takes_need_a_person() {
    use std::os::unix::fs::PermissionsExt as _;

    let environment = store();
    let folder = environment.path("drop");
    std::fs::create_dir(&folder).unwrap();
    configure(&environment, &format!("[[incoming]]\nfolder = \"{folder}\"\nrepository = \"preprod\"\n"));
    let package = environment.package("hello", "1.0", "all");
    std::fs::copy(&package, folder.join("hello_1.0_all.deb")).unwrap();
    let _ = environment.run(&["status"]).succeeds();
    if let Some(later) = status_at(&environment, "+1h") {
        let later = later.ends_with(3);
        assert!(line(&later, folder.as_str()).contains("nobody takes it"), "{later}");
    }
    let keys = environment.root().join("keys");
    std::fs::set_permissions(&keys, std::fs::Permissions::from_mode(0o755)).unwrap();
    let output = environment.run(&["status"]).ends_with(3);
    assert!(line(&output, "keys").contains("attention"), "{output}");
    let _ = environment.run(&["key", "check"]).ends_with(3);
}

#[test]
fn what_clients_miss_needs_a_person_and_a_hold_does_not() {
    let environment = store();
    environment.add("preprod", &["hello=1.0"]);
    let _ = environment.run(&["hold", "preprod", "hello=2.0", "--reason", "it crashes"]).succeeds();
    let output = environment.run(&["status"]).succeeds();
    assert!(line(&output, "preprod").contains(" ok "), "{output}");
    let public = environment.root().join("public/preprod");
    std::fs::remove_file(public.join("dists/bookworm/InRelease")).unwrap();
    let output = environment.run(&["status"]).ends_with(3);
    assert!(line(&output, "preprod").contains("InRelease is gone"), "{output}");
    std::fs::remove_dir_all(&public).unwrap();
    let output = environment.run(&["status"]).ends_with(3);
    assert!(line(&output, "preprod").contains("what was published is gone"), "{output}");
}

#[test]
fn a_suite_that_was_never_published_is_not_called_lost() {
    let environment = store();
    environment.add("preprod", &["hello=1.0"]);
    let path = environment.root().join("repo.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let more = text.replace("suites = [\"bookworm\"]", "suites = [\"bookworm\", \"trixie\"]");
    std::fs::write(&path, more).unwrap();
    let output = environment.run(&["status"]).succeeds();
    assert!(line(&output, "preprod").contains("in 2 suites"), "{output}");
}

#[test]
fn a_monitoring_system_hears_of_a_store_that_cannot_be_opened() {
    let environment = store();
    configure(&environment, "pdiffs = \"many\"\n");
    let nagios = environment.run(&["status", "--format", "nagios"]).ends_with(2);
    assert!(nagios.stdout.starts_with("CRITICAL - "), "{nagios}");
    let metrics = environment.run(&["status", "--format", "prometheus"]).ends_with(1);
    assert!(metrics.stdout.contains("repo_attention{kind=\"store\",subject=\"store\"} 1\n"), "{metrics}");
}

#[test]
fn an_archive_that_is_not_there_is_named_as_long_as_it_is_missing() {
    let environment = store();
    configure(
        &environment,
        "[[incoming]]\nfolder = \"drop\"\nrepository = \"preprod\"\nafter = \"archive:kept\"\n",
    );
    std::fs::create_dir(environment.root().join("drop")).unwrap();
    for _ in 0..2 {
        let output = environment.run(&["status"]).ends_with(3);
        assert!(output.stdout.contains("kept is not a directory that is there"), "{output}");
    }
    std::fs::create_dir(environment.root().join("kept")).unwrap();
    let _ = environment.run(&["status"]).succeeds();
}
