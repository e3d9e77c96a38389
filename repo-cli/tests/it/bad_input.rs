//! Files that are no acceptable packages: one clear line each, status 1, and the store as it was, byte for byte.

use std::fs;

use camino::{Utf8Path, Utf8PathBuf};
use testkit::package::{archive, builder, with_control, with_control_members};
use testkit::{Environment, Tree};

use crate::{configure, store};

/// A store with one package in both repositories.
fn filled_store() -> Environment {
    let environment = store();
    environment.add("preprod", &["hello=1.0"]);
    environment
}

/// Adds one file, which must be refused without a trace, and returns what was said.
#[track_caller]
fn refused(environment: &Environment, file: &Utf8Path, options: &[&str]) -> String {
    let mut arguments = vec!["add", "preprod", file.as_str()];
    arguments.extend(options);
    let before = Tree::of(&environment.root());
    let output = environment.run(&arguments).ends_with(1);
    before.is_still(&Tree::of(&environment.root()), &output.to_string());
    assert_eq!(output.stdout, "", "{output}");
    let lines: Vec<&str> = output.stderr.lines().collect();
    assert_eq!(lines.iter().filter(|line| line.starts_with("error: ")).count(), 1, "{output}");
    let said = output.to_string();
    said.split_once("---- stderr\n").unwrap().1.trim_end().to_owned()
}

/// Like [`refused`], of a file with these bytes.
#[track_caller]
fn refused_bytes(environment: &Environment, bytes: impl AsRef<[u8]>) -> String {
    let file = environment.write("files/bad.deb", bytes);
    refused(environment, &file, &[])
}

const CONTROL: &str =
    "Package: hello\nVersion: 2.0\nArchitecture: all\nMaintainer: T <t@example.org>\nDescription: x\n";

#[test]
fn what_the_helper_calls_good_is_taken() {
    let environment = filled_store();
    let file = environment.write("files/good.deb", with_control(CONTROL));
    let _ = environment.run(&["add", "preprod", file.as_str()]).succeeds();
}

#[test]
fn files_that_are_no_archives() {
    let environment = filled_store();
    insta::assert_snapshot!(refused_bytes(&environment, "This is no package.\n"), @"
    error: <DIR>/files/bad.deb: not a .deb file: no ar header (deb(5))
    1 of 1 file refused
    ");
    insta::assert_snapshot!(refused_bytes(&environment, ""), @"
    error: <DIR>/files/bad.deb: not a .deb file: no ar header (deb(5))
    1 of 1 file refused
    ");
    let good = fs::read(environment.package("other", "1.0", "all")).unwrap();
    // Two bytes: the last one may only fill up.
    for length in [7, 30, 90, good.len() / 2, good.len() - 2] {
        let said = refused_bytes(&environment, &good[..length]);
        assert!(said.contains("files/bad.deb: "), "cut at {length}: {said}");
    }
    insta::assert_snapshot!(refused_bytes(&environment, &good[..good.len() - 20]), @"
    error: <DIR>/files/bad.deb: data.tar.gz: is cut short: the file ends inside this member
    1 of 1 file refused
    ");
    insta::assert_snapshot!(refused_bytes(&environment, archive(&[("debian-binary", b"2.0\n")])), @"
    error: <DIR>/files/bad.deb: the member `control.tar` is missing (deb(5))
    1 of 1 file refused
    ");
}

#[test]
fn control_files_that_lack_a_field() {
    let environment = filled_store();
    for field in ["Package", "Version", "Architecture"] {
        let lines = CONTROL.lines().filter(|line| !line.starts_with(&format!("{field}:")));
        let control = lines.fold(String::new(), |text, line| text + line + "\n");
        let said = refused_bytes(&environment, with_control(&control));
        assert!(said.contains(&format!("field {field} is missing")), "{said}");
        if field == "Version" {
            insta::assert_snapshot!(said, @r#"
            error: <DIR>/files/bad.deb: control.tar: "./control": line 1, column 1: field Version is missing
            1 of 1 file refused
            "#);
        }
    }
}

#[test]
fn names_that_would_leave_the_pool() {
    let environment = filled_store();
    let mut said = Vec::new();
    for (old, new) in [
        ("Package: hello", "Package: ../hello"),
        ("Package: hello", "Package: a/b"),
        ("Package: hello", "Package: Hello"),
        ("Version: 2.0", "Version: 2.0/../../x"),
        ("Architecture: all", "Architecture: ../all"),
        ("Architecture: all", "Architecture: any"),
        ("Version: 2.0", "Version: 2.0\nSource: ../../x"),
        ("Version: 2.0", "Version: 2.0\nSource: hello (../1)"),
        ("Version: 2.0", "Version: 2.0\nSource: .."),
        ("Version: 2.0", "Version: 2.0\nSection: ../../x"),
    ] {
        said.push(refused_bytes(&environment, with_control(&CONTROL.replace(old, new))));
    }
    insta::assert_snapshot!(said.join("\n"), @r#"
    error: <DIR>/files/bad.deb: control.tar: "./control": line 1, column 10, field Package: package name "../hello": must be lower-case letters, digits, `+`, `-` and `.`, and start with a letter or digit (Policy 5.6.1)
    1 of 1 file refused
    error: <DIR>/files/bad.deb: control.tar: "./control": line 1, column 10, field Package: package name "a/b": must be lower-case letters, digits, `+`, `-` and `.`, and start with a letter or digit (Policy 5.6.1)
    1 of 1 file refused
    error: <DIR>/files/bad.deb: control.tar: "./control": line 1, column 10, field Package: package name "Hello": must be lower-case letters, digits, `+`, `-` and `.`, and start with a letter or digit (Policy 5.6.1)
    1 of 1 file refused
    error: <DIR>/files/bad.deb: control.tar: "./control": line 2, column 10, field Version: version "2.0/../../x": the upstream version must be letters, digits and `.+-~` (Policy 5.6.12)
    1 of 1 file refused
    error: <DIR>/files/bad.deb: control.tar: "./control": line 3, column 15, field Architecture: architecture "../all": must be one name of lower-case letters, digits and `-` (Policy 11.1)
    1 of 1 file refused
    error: <DIR>/files/bad.deb: control.tar: "./control": line 3, column 15, field Architecture: architecture "any": is not an architecture that a binary package can have (Policy 5.6.8)
    1 of 1 file refused
    error: <DIR>/files/bad.deb: control.tar: "./control": line 3, column 9, field Source: source package name "../../x": must be lower-case letters, digits, `+`, `-` and `.`, and start with a letter or digit (Policy 5.6.1)
    1 of 1 file refused
    error: <DIR>/files/bad.deb: control.tar: "./control": line 3, column 16, field Source: version "../1": the upstream version must start with a digit (Policy 5.6.12)
    1 of 1 file refused
    error: <DIR>/files/bad.deb: control.tar: "./control": line 3, column 9, field Source: source package name "..": must be lower-case letters, digits, `+`, `-` and `.`, and start with a letter or digit (Policy 5.6.1)
    1 of 1 file refused
    error: <DIR>/files/bad.deb: control.tar: "./control": line 3, column 10, field Section: section "../../x": must be one name, or several with a `/` between each (Policy 2.4)
    1 of 1 file refused
    "#);
}

#[test]
fn archives_that_two_programs_would_read_differently() {
    let environment = filled_store();
    let other = CONTROL.replace("hello", "evil");
    let mut said = Vec::new();
    for members in [
        [("./control", CONTROL), ("./control", other.as_str())],
        [("./control", CONTROL), ("control", other.as_str())],
    ] {
        said.push(refused_bytes(&environment, with_control_members(&members)));
    }
    let good = with_control(CONTROL);
    let mut twice = good.clone();
    twice.extend(&good[8..]);
    said.push(refused_bytes(&environment, twice));
    said.push(refused_bytes(&environment, with_control(&format!("{CONTROL}\n{other}"))));
    said.push(refused_bytes(&environment, with_control(&format!("{CONTROL}Version: 3.0\n"))));
    insta::assert_snapshot!(said.join("\n"), @r#"
    error: <DIR>/files/bad.deb: control.tar: "./control": the file occurs twice
    1 of 1 file refused
    error: <DIR>/files/bad.deb: control.tar: "control": the file occurs twice
    1 of 1 file refused
    error: <DIR>/files/bad.deb: "debian-binary": the member occurs a second time
    1 of 1 file refused
    error: <DIR>/files/bad.deb: control.tar: "./control": line 7, column 1: there must be exactly one paragraph
    1 of 1 file refused
    error: <DIR>/files/bad.deb: control.tar: "./control": line 6, column 1, field "Version": the field occurs twice in this paragraph
    1 of 1 file refused
    "#);
}

#[test]
fn what_is_no_file_is_refused_at_once() {
    let environment = filled_store();
    if !testkit::all_installed(&["mkfifo"]) {
        return;
    }
    let fifo = environment.path("files/fifo.deb");
    let _ = environment.finish(environment.other(&["mkfifo", "files/fifo.deb"]).arg("--mode=600")).succeeds();
    insta::assert_snapshot!(refused(&environment, &fifo, &[]), @"
    error: <DIR>/files/fifo.deb is not a regular file
    1 of 1 file refused
    ");
    insta::assert_snapshot!(refused(&environment, &environment.path("store/store"), &[]), @"error: no .deb, .dsc or .changes file in <DIR>/store/store");
    insta::assert_snapshot!(refused(&environment, &environment.path("files/none.deb"), &[]), @"
    error: cannot open <DIR>/files/none.deb: No such file or directory (os error 2)
    1 of 1 file refused
    ");
    insta::assert_snapshot!(refused(&environment, Utf8Path::new("/dev/zero"), &[]), @"
    error: /dev/zero is not a regular file
    1 of 1 file refused
    ");
}

#[test]
fn the_same_version_with_another_content() {
    let environment = store();
    let file = environment.package("hello", "1.0", "all");
    let suites = "suites = [\"trixie\"]\n";
    configure(&environment, suites);
    let _ = environment.run(&["add", "preprod", "--suite", "bookworm", file.as_str()]).succeeds();
    let changed = environment.build("hello", "1.0", "all", |builder| builder.description("something else"));
    insta::assert_snapshot!(refused(&environment, &changed, &["--suite", "bookworm"]), @"
    error: <DIR>/files/hello_1.0_all.deb: hello 1.0 all is already in preprod (bookworm) with different content
    hint: a package that changes needs a new version: clients cannot tell two files of one version apart
    1 of 1 file refused
    ");
    insta::assert_snapshot!(refused(&environment, &changed, &["--suite", "trixie"]), @"
    error: <DIR>/files/hello_1.0_all.deb: hello 1.0 all is already in preprod (bookworm) with different content
    hint: a package that changes needs a new version: clients cannot tell two files of one version apart
    1 of 1 file refused
    ");
    // Taken out of every suite its file stays in the pool for those who still have the older index.
    let _ = environment.run(&["remove", "preprod", "hello", "--yes"]).succeeds();
    insta::assert_snapshot!(refused(&environment, &changed, &[]), @"
    error: <DIR>/files/hello_1.0_all.deb: hello 1.0 all is already in preprod (no longer in a suite, but still in the pool) with different content
    hint: a package that changes needs a new version: clients cannot tell two files of one version apart
    1 of 1 file refused
    ");
    let original = environment.package("hello", "1.0", "all");
    let _ = environment.run(&["add", "preprod", original.as_str()]).succeeds();
}

#[test]
fn two_files_of_one_version_in_one_command() {
    let environment = filled_store();
    let first = environment.package("twin", "1.0", "all");
    let second = environment.path("files/second.deb");
    fs::write(&second, builder("twin", "1.0", "all").description("the other").build().unwrap()).unwrap();
    let before = Tree::of(&environment.root());
    let output = environment.run(&["add", "preprod", first.as_str(), second.as_str()]).ends_with(1);
    before.is_still(&Tree::of(&environment.root()), &output.to_string());
    insta::assert_snapshot!(output, @"
    status: 1
    ---- stderr
    error: <DIR>/files/second.deb: twin 1.0 all is already in preprod (bookworm) with different content
    hint: a package that changes needs a new version: clients cannot tell two files of one version apart
    1 of 2 files refused: nothing was added; `repo-cli add --keep-going` adds the others
    ");
}

#[test]
fn packages_for_what_is_not_published() {
    let environment = filled_store();
    let mut said = Vec::new();
    for (version, architecture, options) in [
        ("2.0", "riscv64", &[][..]),
        ("2.0", "all", &["--component", "contrib"]),
        ("2.0", "all", &["--suite", "sid"]),
    ] {
        let file = environment.package("other", version, architecture);
        said.push(refused(&environment, &file, options));
    }
    insta::assert_snapshot!(said.join("\n"), @"
    error: <DIR>/files/other_2.0_riscv64.deb: other 2.0 riscv64: bookworm does not publish the architecture riscv64
    hint: add it to `architectures` in repo.toml
    1 of 1 file refused
    error: <DIR>/files/other_2.0_all.deb: other 2.0 all: bookworm has no component `contrib`
    hint: add it to `components` in repo.toml, or choose one with --component
    1 of 1 file refused
    error: preprod has no suite `sid`
    hint: there is only bookworm
    ");
}

#[test]
fn field_names_in_any_case_are_read_back_as_they_were_taken() {
    let environment = filled_store();
    let control =
        "package: odd\nVERSION: 1.0\narchitecture: all\nmaintainer: A <a@example.org>\ndescription: odd\n";
    let file = environment.write("files/odd.deb", with_control(control));
    let _ = environment.run(&["add", "preprod", file.as_str()]).succeeds();
    let listed = environment.run(&["list", "preprod", "odd"]).succeeds().stdout;
    assert!(listed.contains("odd") && listed.contains("1.0"), "{listed}");
    environment.add("preprod", &["after=1.0"]);
    let _ = environment.run(&["fsck"]).succeeds();
}

#[test]
fn a_package_called_lib_is_a_legal_one() {
    let environment = filled_store();
    let file = environment.package("lib", "1.0", "all");
    let _ = environment.run(&["add", "preprod", file.as_str()]).succeeds();
    assert!(environment.public("preprod").join("pool/main/lib/lib/lib_1.0_all.deb").is_file());
}

#[test]
fn fields_that_only_an_index_may_have_are_dropped() {
    let environment = filled_store();
    let control = format!("{CONTROL}Filename: pool/x.deb\nSize: 1\nSHA256: 00\nMD5sum: 00\n");
    let file = environment.write("files/own.deb", with_control(&control));
    let _ = environment.run(&["add", "preprod", file.as_str()]).succeeds();
    let shown = environment.run(&["show", "preprod", "hello=2.0"]).succeeds().stdout;
    let field = |name: &str| {
        let values = shown.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        values.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(field("Filename"), ["pool/main/h/hello/hello_2.0_all.deb"], "{shown}");
    assert_eq!(field("Size"), [fs::metadata(&file).unwrap().len().to_string()], "{shown}");
    assert_eq!(field("SHA256").len(), 1, "{shown}");
    assert_ne!(field("SHA256"), ["00"], "{shown}");
    assert!(field("MD5sum").iter().all(|value| value != "00"), "{shown}");
}

/// One good file, one broken one, and one of another content than what is there.
fn mixture(environment: &Environment) -> [Utf8PathBuf; 3] {
    let good = environment.package("good", "1.0", "all");
    let broken = environment.write("files/broken.deb", "no package");
    let changed = environment.build("hello", "1.0", "all", |builder| builder.description("changed"));
    [good, broken, changed]
}

#[test]
fn one_bad_file_of_several_stops_all() {
    let environment = filled_store();
    let files = mixture(&environment);
    let mut arguments = vec!["add", "preprod"];
    arguments.extend(files.iter().map(|file| file.as_str()));
    let before = Tree::of(&environment.root());
    let output = environment.run(&arguments).ends_with(1);
    before.is_still(&Tree::of(&environment.root()), &output.to_string());
    insta::assert_snapshot!(output, @"
    status: 1
    ---- stderr
    error: <DIR>/files/broken.deb: not a .deb file: no ar header (deb(5))
    error: <DIR>/files/hello_1.0_all.deb: hello 1.0 all is already in preprod (bookworm) with different content
    hint: a package that changes needs a new version: clients cannot tell two files of one version apart
    2 of 3 files refused: nothing was added; `repo-cli add --keep-going` adds the others
    ");
}

#[test]
fn in_json_nothing_counts_as_added_when_one_stops_all() {
    let environment = filled_store();
    let files = mixture(&environment);
    let mut arguments = vec!["--json", "add", "preprod"];
    arguments.extend(files.iter().map(|file| file.as_str()));
    let output = environment.run(&arguments).ends_with(1);
    let document: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!(document["added"].as_array().unwrap().len(), 0, "{output}");
    assert_eq!(document["refused"].as_array().unwrap().len(), 2, "{output}");
}

#[test]
fn the_good_ones_are_taken_with_keep_going() {
    let environment = filled_store();
    let files = mixture(&environment);
    let mut arguments = vec!["add", "preprod", "--keep-going"];
    arguments.extend(files.iter().map(|file| file.as_str()));
    let output = environment.run(&arguments).ends_with(1);
    insta::assert_snapshot!(output, @"
    status: 1
    ---- stdout
    added good 1.0 all -> bookworm (every suite)
    added 1 package to preprod (commit 2), published <PUBLICATION>
    ---- stderr
    error: <DIR>/files/broken.deb: not a .deb file: no ar header (deb(5))
    error: <DIR>/files/hello_1.0_all.deb: hello 1.0 all is already in preprod (bookworm) with different content
    hint: a package that changes needs a new version: clients cannot tell two files of one version apart
    2 of 3 files refused: the others were added
    ");
    assert!(environment.public("preprod").join("pool/main/g/good/good_1.0_all.deb").is_file());
    let blobs = Tree::of(&environment.root().join("store/blobs"));
    let files = blobs.paths().filter(|path| path.components().count() == 2).count();
    assert_eq!(files, 2, "hello and good, and nothing of the files refused");
    assert_eq!(Tree::of(&environment.root().join("store/tmp")).paths().count(), 1, "nothing is left behind");
}

#[test]
fn what_no_file_system_or_no_apt_could_take_is_refused() {
    let environment = filled_store();
    let named = |name: &str, version: &str, more: &str| {
        format!(
            "Package: {name}\nVersion: {version}\nArchitecture: all\nMaintainer: T <t@example.org>\n{more}Description: x\n"
        )
    };
    let long = named(&"d".repeat(125), &format!("1{}", "0".repeat(125)), "");
    let said = refused_bytes(&environment, with_control(&long));
    assert!(said.contains("longer than 255 bytes"), "{said}");
    let section = |length: usize| named("long", "1", &format!("Section: {}\n", "p".repeat(length)));
    let said = refused_bytes(&environment, with_control(&section(65_535)));
    assert!(said.contains("`Section` is longer than apt can read"), "{said}");
    let qualified = named("long", "1", &format!("Depends: foo:{}\n", "a".repeat(201)));
    let said = refused_bytes(&environment, with_control(&qualified));
    assert!(said.contains("an architecture must not be longer than 200 bytes"), "{said}");
    let file = environment.write("files/good.deb", with_control(&section(65_534)));
    let _ = environment.run(&["add", "preprod", file.as_str()]).succeeds();
}

#[test]
fn a_directory_in_the_way_of_a_link_does_not_stop_publishing() {
    let environment = filled_store();
    fs::create_dir(environment.public("preprod").join(".dists.new")).unwrap();
    environment.add("preprod", &["later=1.0"]);
}

#[test]
fn names_that_are_no_text_and_many_levels_stop_nothing() {
    use std::os::unix::ffi::OsStrExt as _;
    let environment = filled_store();
    // What a crash left half built is removed by the next publication.
    let left = environment.public("preprod").join(".publications/20200101T000000Z/dists");
    fs::create_dir_all(left.join("a/".repeat(50))).unwrap();
    fs::write(left.as_std_path().join(std::ffi::OsStr::from_bytes(b"\xff")), "x").unwrap();
    environment.add("preprod", &["later=1.0"]);
    assert!(!left.exists());
    // So many that a person has to look: named, and nothing crashes.
    let deep = environment.public("preprod").join("pool").join("d/".repeat(300));
    fs::create_dir_all(deep).unwrap();
    for verb in [&["gc", "--grace", "0s"][..], &["fsck", "--repair"]] {
        let output = environment.run(verb);
        assert!(output.status.is_some(), "{output}");
    }
}

#[test]
fn a_directory_is_read_with_its_directories_and_what_is_skipped_is_named() {
    use std::os::unix::ffi::OsStrExt as _;
    let environment = store();
    let deep = environment.path("tree/a/b");
    fs::create_dir_all(&deep).unwrap();
    fs::rename(environment.package("deep", "1.0", "all"), deep.join("deep.deb")).unwrap();
    fs::rename(environment.package("top", "1.0", "all"), environment.path("tree/top.deb")).unwrap();
    fs::write(environment.path("tree/a/notes.txt"), "x").unwrap();
    fs::write(environment.path("tree").as_std_path().join(std::ffi::OsStr::from_bytes(b"\xff.deb")), "x")
        .unwrap();
    std::os::unix::fs::symlink("..", deep.join("loop")).unwrap();
    let output = environment.run(&["add", "preprod", "--dry-run", "--no-recursive", "tree"]).succeeds();
    assert!(output.stdout.contains("top 1.0") && !output.stdout.contains("deep"), "{output}");
    assert!(output.stderr.contains("skipped tree/a: a directory"), "{output}");
    let output = environment.run(&["add", "preprod", "tree"]).succeeds();
    assert!(output.stdout.contains("top 1.0") && output.stdout.contains("deep 1.0"), "{output}");
    assert!(output.stderr.contains("skipped tree/a/notes.txt: not a package or an upload"), "{output}");
    assert!(output.stderr.contains("skipped tree/\\xff.deb: the name is not UTF-8"), "{output}");
}

#[test]
fn what_would_be_added_was_not() {
    let environment = store();
    let (good, bad) = (environment.package("good", "1.0", "all"), environment.write("bad.deb", "x"));
    let arguments = ["add", "preprod", "--keep-going", "--dry-run", good.as_str(), bad.as_str()];
    let output = environment.run(&arguments).ends_with(1);
    assert!(output.stderr.contains("1 of 2 files refused: the others would be added"), "{output}");
}

#[test]
fn a_grace_of_nothing_is_written_as_0_or_refused() {
    let environment = store();
    for zero in ["0s", "0d", "0h"] {
        let output = environment.run(&["gc", "--grace", zero]).ends_with(2);
        assert!(output.stderr.contains("invalid duration"), "{output}");
    }
    let _ = environment.run(&["gc", "--grace", "0", "--yes"]).succeeds();
}

#[test]
fn what_the_configured_grace_keeps_is_not_deleted_unasked() {
    let environment = store();
    let collect = |arguments: &[&str]| environment.run(&[&["gc"], arguments].concat());
    // Nothing goes that is younger than the grace, so nobody is asked.
    let _ = collect(&["--grace", "0"]).succeeds();
    let name = format!("store/store/blobs/00/{}", "0".repeat(62));
    let stray = || {
        fs::create_dir_all(environment.root().join("store/blobs/00")).unwrap();
        let stray = environment.write(&name, "x");
        let hour_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(3600);
        fs::File::options().write(true).open(&stray).unwrap().set_modified(hour_ago).unwrap();
        stray
    };
    let left = stray();
    let _ = collect(&["--dry-run"]).succeeds();
    let refused = collect(&["--grace", "0"]).ends_with(1);
    insta::assert_snapshot!(refused, @"
    status: 1
    ---- stderr
    error: would delete 1 file that the grace of 7 days keeps, and that clients may still fetch
    hint: use --yes if that is intended
    ");
    assert!(left.exists());
    assert!(collect(&["--grace", "0", "--json"]).stdout.contains(r#""code":"E-GUARDED""#));
    let _ = collect(&["--grace", "0", "--dry-run"]).succeeds();
    // Who configured it has decided.
    let on_terminal = |answer: &str| {
        let line = format!("{} gc --grace 0", crate::PROGRAM);
        let mut command = environment.other(&["script", "-qec", &line, "/dev/null"]);
        let answer = environment.write("answer", answer);
        environment.finish(command.stdin(fs::File::open(answer).unwrap()))
    };
    if testkit::all_installed(&["script"]) {
        let stopped = on_terminal("n\n").ends_with(1);
        assert!(stopped.stdout.contains("Go on? [y/N]") && left.exists(), "{stopped}");
        let _ = on_terminal("y\n").succeeds();
        assert!(!left.exists());
        stray();
    }
    configure(&environment, "[gc]\ngrace = \"1d\"\n");
    let _ = collect(&["--grace", "36h"]).succeeds();
    assert!(collect(&["--grace", "0"]).ends_with(1).stderr.contains("the grace of 1 day keeps"));
    let _ = collect(&["--grace", "0", "--yes"]).succeeds();
    assert!(!left.exists());
}

#[test]
fn another_file_system_is_named_before_anything_is_added() {
    use std::os::unix::fs::{MetadataExt as _, symlink};
    let environment = store();
    let Ok(elsewhere) = tempfile::tempdir_in("/dev/shm") else { return };
    let device = |path: &std::path::Path| fs::metadata(path).unwrap().dev();
    if device(elsewhere.path()) == device(environment.root().as_std_path()) {
        testkit::skipped("there is only one file system here");
        return;
    }
    let public = environment.root().join("public");
    fs::remove_dir_all(&public).unwrap();
    symlink(elsewhere.path(), &public).unwrap();
    let package = environment.package("good", "1.0", "all");
    for arguments in [&["add", "preprod", package.as_str()][..], &["publish"]] {
        let output = environment.run(arguments).ends_with(1);
        let named = format!("{public} is on another file system than {}", environment.root().join("store"));
        assert!(output.stderr.contains(&named) && output.stderr.contains("hint:"), "{output}");
    }
    assert_eq!(environment.run(&["list", "preprod"]).succeeds().stdout, "");
    let new = environment.path("new");
    fs::create_dir(&new).unwrap();
    symlink(elsewhere.path(), new.join("public")).unwrap();
    let output = environment.run(&["init", new.as_str(), "--suite", "bookworm"]).ends_with(1);
    assert!(output.stderr.contains("is on another file system than"), "{output}");
}
