use super::*;

const MAIN: &str = "# Ours.\nsuites = [\n  \"a\", # first\n  \"b\",\n]\narchitectures = [\"amd64\"]\nchannels = [\"t\", \"prod\"]\n\
                    publish = \"auto\" # at once\n\n# The repositories.\n[repositories.t]\n[repositories.prod]\nsuites = [\"a\", \"b\"]\n\
                    # What follows.\n\n[suite.b]\nalias = \"x\"\n";
const DROP_IN: &str = "[gc] # its own\ngrace = \"3d\"\n[[retention]]\nkeep_versions = 3\n";

struct Files(tempfile::TempDir);

impl Files {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("repo.d")).unwrap();
        fs::write(directory.path().join("repo.toml"), MAIN).unwrap();
        fs::write(directory.path().join("repo.d/x.toml"), DROP_IN).unwrap();
        Self(directory)
    }

    fn root(&self) -> &Utf8Path {
        Utf8Path::from_path(self.0.path()).unwrap()
    }

    fn edit(&self) -> Edit {
        Edit::new(self.root()).unwrap()
    }

    /// The lines that a change takes out and brings in.
    fn difference(&self, change: impl FnOnce(&mut Edit) -> Result<(), EditError>) -> String {
        let mut edit = self.edit();
        if let Err(error) = change(&mut edit).and_then(|()| edit.check().map(drop)) {
            let cause =
                std::error::Error::source(&error).map_or_else(String::new, |cause| format!(": {cause}"));
            return format!("{error}{cause}").replace(self.root().as_str(), "");
        }
        let mut said = Vec::new();
        for FileChange { path, before, after } in edit.changes() {
            said.push(path.file_name().unwrap().to_owned());
            let lines = |from: &str, other: &str, mark: char| -> Vec<String> {
                let lines = from.lines().filter(|line| !other.lines().any(|there| there == *line));
                lines.map(|line| format!("{mark}{line}")).collect()
            };
            said.extend(lines(&before, &after, '-'));
            said.extend(lines(&after, &before, '+'));
        }
        said.join("\n")
    }
}

#[test]
fn a_setting_is_changed_where_it_stands_and_nothing_else_is() {
    let files = Files::new();
    let set = |key: &str, value: &str| format!("{key}: {}", files.difference(|edit| edit.set(key, value)));
    let said = [
        set("publish", "manual"),
        set("publish", "\"manual\""),
        set("gc.grace", "9d"),
        set("gc.keep_history", "7"),
        set("pdiffs", "0"),
        set("contents", "true"),
        set("compress", "xz, gz"),
        set("suites", "[\"a\", \"b\", \"c\"]"),
        set("repositories.prod.valid_for", "2d"),
        set("repositories.t.label", "tests"),
        set("suite.a.alias", "stable"),
        set("serve.listen", "0.0.0.0:80"),
        set("retention.1.keep_versions", "5"),
        set("publish", "auto"),
    ];
    insta::assert_snapshot!(said.join("\n"), @r#"
    publish: repo.toml
    -publish = "auto" # at once
    +publish = "manual" # at once
    publish: repo.toml
    -publish = "auto" # at once
    +publish = "manual" # at once
    gc.grace: x.toml
    -grace = "3d"
    +grace = "9d"
    gc.keep_history: x.toml
    +keep_history = 7
    pdiffs: repo.toml
    +pdiffs = 0
    contents: repo.toml
    +contents = true
    compress: repo.toml
    +compress = ["xz", "gz"]
    suites: repo.toml
    -suites = [
    -  "a", # first
    -  "b",
    -]
    +suites = ["a", "b", "c"]
    repositories.prod.valid_for: repo.toml
    +valid_for = "2d"
    repositories.t.label: repo.toml
    +label = "tests"
    suite.a.alias: repo.toml
    +[suite.a]
    +alias = "stable"
    serve.listen: repo.toml
    +[serve]
    +listen = ["0.0.0.0:80"]
    retention.1.keep_versions: x.toml
    -keep_versions = 3
    +keep_versions = 5
    publish:
    "#);
}

#[test]
fn settings_that_cannot_stand_alone_are_set_and_taken_out_together() {
    let files = Files::new();
    let set = |key: &str, value: &str| format!("{key}: {}", files.difference(|edit| edit.set(key, value)));
    let both = "{ to = \"/b\", when = \"after-change\" }";
    let said = [
        set("schedule.backup.to", "/b"),
        set("schedule.backup", both),
        set("schedule", "{ incoming = true, backup = { to = '/b', when = 'hourly' }, gc = 'daily 03:00' }"),
        set("gc", "{ grace = '5d' }"),
        set("schedule.backup", "{ to = '/b', wen = 'hourly' }"),
        set("schedule.backup", "/b"),
        set("repositories", "{ t = { label = 'x' } }"),
    ];
    insta::assert_snapshot!(said.join("\n"), @r#"
    schedule.backup.to: the configuration would be wrong: /repo.toml: schedule.backup: missing field `when`
    schedule.backup: repo.toml
    +[schedule.backup]
    +to = "/b"
    +when = "after-change"
    schedule: repo.toml
    +[schedule]
    +incoming = true
    +gc = 'daily 03:00'
    +[schedule.backup]
    +to = '/b'
    +when = 'hourly'
    gc: x.toml
    -grace = "3d"
    +grace = '5d'
    schedule.backup: no setting named `schedule.backup.wen`
    schedule.backup: `schedule.backup` is a table: name a setting in it
    repositories: `repositories` is a table: name a setting in it
    "#);
    let set = |edit: &mut Edit, value: &str| edit.set("schedule.backup", value);
    let unset = |value: &str| {
        files.difference(|edit| {
            set(edit, value)?;
            edit.set("schedule.gc", "hourly")?;
            edit.unset("schedule.backup")
        })
    };
    insta::assert_snapshot!(unset(both), @r#"
    repo.toml
    +[schedule]
    +gc = "hourly"
    "#);
    // However it is written.
    for text in [
        "[schedule]\ngc = 'hourly'\nbackup = { to = '/b', when = 'hourly' }\n",
        "[schedule]\ngc = 'hourly'\nbackup.to = '/b'\nbackup.when = 'hourly'\n",
        "[schedule]\ngc = 'hourly'\n# Ours.\n[schedule.backup]\nto = '/b'\nwhen = 'hourly'\n",
    ] {
        fs::write(files.root().join("repo.d/x.toml"), text).unwrap();
        let mut edit = files.edit();
        edit.unset("schedule.backup").unwrap();
        let schedule = edit.check().unwrap().schedule();
        assert!(schedule.backup.is_none() && schedule.gc.is_some(), "{text}");
        assert_eq!(edit.changes()[0].after.contains("# Ours."), text.contains("# Ours."), "{text}");
    }
}

#[test]
fn what_could_not_be_read_is_refused() {
    let files = Files::new();
    let set = |key: &str, value: &str| format!("{key}: {}", files.difference(|edit| edit.set(key, value)));
    let said = [
        set("publsh", "manual"),
        set("gc.grase", "1d"),
        set("gc", "1d"),
        set("gc.grace", "soon"),
        set("pdiffs", "many"),
        set("channels", "x"),
        set("repositories.nope.label", "x"),
        set("suite.nope.alias", "x"),
        set("retention.2.keep_versions", "5"),
        set("signing.passphrase", "hunter2"),
        files.difference(|edit| edit.add_suite(&SuiteName::parse("a").unwrap())),
        files.difference(|edit| edit.remove_suite(&SuiteName::parse("c").unwrap())),
        files.difference(|edit| edit.remove_repository("c")),
    ];
    insta::assert_snapshot!(said.join("\n"), @r#"
    publsh: no setting named `publsh`
    gc.grase: no setting named `gc.grase`
    gc: `gc` is a table: name a setting in it
    gc.grace: the configuration would be wrong: /repo.d/x.toml: gc.grace: invalid duration `soon`; use for example 14d or 36h
    pdiffs: the configuration would be wrong: /repo.toml: pdiffs: invalid type: string "many", expected a number from 0 on
    channels: the configuration would be wrong: /repo.toml: channels: no repository named `x`
    repositories.nope.label: no repository named `nope`
    suite.nope.alias: the configuration would be wrong: /repo.toml: [suite.nope]: not listed in `suites`
    retention.2.keep_versions: no table named `retention.2`
    signing.passphrase: the configuration would be wrong: /repo.toml: signing.passphrase: expected credential:NAME; a passphrase itself never stands in the configuration
    suite a already exists
    no suite named `c`
    no repository named `c`
    "#);
}

#[test]
fn a_setting_is_taken_out_of_every_file_and_what_is_above_it_stays() {
    let files = Files::new();
    let unset = |key: &str| format!("{key}: {}", files.difference(|edit| edit.unset(key)));
    let said = [
        unset("publish"),
        unset("gc.grace"),
        unset("suite.b.alias"),
        unset("repositories.prod.suites"),
        unset("retention.1.keep_versions"),
        unset("contents"),
        unset("channels"),
        unset("suites"),
        unset("gc"),
        unset("publsh"),
        unset("retention.7.keep_versions"),
    ];
    insta::assert_snapshot!(said.join("\n"), @r#"
    publish: repo.toml
    -publish = "auto" # at once
    gc.grace: x.toml
    -grace = "3d"
    suite.b.alias: repo.toml
    -alias = "x"
    repositories.prod.suites: repo.toml
    -suites = ["a", "b"]
    retention.1.keep_versions: x.toml
    -keep_versions = 3
    contents: 
    channels: repo.toml
    -channels = ["t", "prod"]
    suites: the configuration would be wrong: /repo.toml
    gc: `gc` is a table: name a setting in it
    publsh: no setting named `publsh`
    retention.7.keep_versions: no table named `retention.7`
    "#);
    let mut edit = files.edit();
    edit.unset("repositories.prod.suites").unwrap();
    let after = edit.changes().remove(0).after;
    assert_eq!(after, MAIN.replace("suites = [\"a\", \"b\"]\n", ""));
}

#[test]
fn a_name_under_which_something_else_is_served_is_no_repository() {
    let files = Files::new();
    for name in crate::RESERVED {
        let name = RepositoryName::parse(name).unwrap();
        let refused = files.edit().add_repository(&name, &[]);
        assert!(matches!(refused, Err(EditError::Reserved { .. })), "{refused:?}");
    }
}

#[test]
fn suites_and_repositories_come_and_go() {
    let files = Files::new();
    let suite = |name: &str| SuiteName::parse(name).unwrap();
    let said = [
        files.difference(|edit| edit.add_suite(&suite("c"))),
        files.difference(|edit| edit.remove_suite(&suite("b"))),
        files.difference(|edit| edit.add_repository(&RepositoryName::parse("new").unwrap(), &[suite("a")])),
        files.difference(|edit| edit.remove_repository("t")),
        files.difference(|edit| edit.remove_repository("prod")),
    ];
    insta::assert_snapshot!(said.join("\n--\n"), @r#"
    repo.toml
    +  "c",
    --
    repo.toml
    -  "b",
    -suites = ["a", "b"]
    -[suite.b]
    -alias = "x"
    +suites = ["a"]
    --
    repo.toml
    +[repositories.new]
    +suites = ["a"]
    --
    repo.toml
    -channels = ["t", "prod"]
    -[repositories.t]
    +channels = ["prod"]
    --
    repo.toml
    -channels = ["t", "prod"]
    -[repositories.prod]
    -suites = ["a", "b"]
    +channels = ["t"]
    "#);
    let mut edit = files.edit();
    edit.remove_repository("t").unwrap();
    let after = edit.changes().remove(0).after;
    assert_eq!(after, MAIN.replace("[repositories.t]\n", "").replace("\"t\", ", ""));
}

#[test]
fn a_list_of_its_own_is_edited_there() {
    let files = Files::new();
    fs::write(files.root().join("suites.list"), "# all\na\nb # second").unwrap();
    let text = MAIN.replace("suites = [\n  \"a\", # first\n  \"b\",\n]", "suites_file = \"suites.list\"");
    fs::write(files.root().join("repo.toml"), text).unwrap();
    let mut edit = files.edit();
    edit.add_suite(&SuiteName::parse("c").unwrap()).unwrap();
    edit.set("suite.c.alias", "y").unwrap();
    edit.remove_suite(&SuiteName::parse("b").unwrap()).unwrap();
    edit.save().unwrap();
    assert_eq!(fs::read_to_string(files.root().join("suites.list")).unwrap(), "# all\na\nc\n");
    assert!(Config::load(files.root()).is_ok());
}

#[test]
fn files_are_replaced_with_their_mode_and_only_as_they_were_read() {
    let files = Files::new();
    let path = files.root().join("repo.toml");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    // A drop-in that another program keeps elsewhere.
    fs::rename(files.root().join("repo.d/x.toml"), files.root().join("kept")).unwrap();
    std::os::unix::fs::symlink("../kept", files.root().join("repo.d/x.toml")).unwrap();
    let mut edit = files.edit();
    edit.set("publish", "manual").unwrap();
    edit.set("gc.grace", "9d").unwrap();
    assert_eq!(edit.save().unwrap().len(), 2);
    assert_eq!(path.metadata().unwrap().mode() & 0o7777, 0o640);
    assert!(files.root().join("repo.d/x.toml").symlink_metadata().unwrap().is_symlink());
    assert!(fs::read_to_string(files.root().join("kept")).unwrap().contains("grace = \"9d\""));
    let mut edit = files.edit();
    edit.set("publish", "auto").unwrap();
    fs::write(&path, MAIN).unwrap();
    assert!(matches!(edit.save(), Err(EditError::Changed { .. })));
    assert_eq!(fs::read_to_string(&path).unwrap(), MAIN);
    let names: Vec<_> =
        files.root().read_dir_utf8().unwrap().map(|entry| entry.unwrap().file_name().to_owned()).collect();
    assert!(!names.iter().any(|name| name.ends_with(".new")), "{names:?}");
}
