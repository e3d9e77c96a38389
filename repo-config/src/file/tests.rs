use toml::Table;

use super::*;

/// The template of `init` with every setting in it set.
fn full_template() -> String {
    let filled = crate::template::TEXT
        .replace("@ORIGIN@", "\"us\"")
        .replace("@URL@", "#url = \"http://h\"")
        .replace("@UNKNOWN_RELEASE@", "\"refuse\"")
        .replace("@SUITES@", "\"bookworm\"")
        .replace("@ARCHITECTURES@", "\"amd64\"")
        .replace("@CHANNELS@", "channels = [\"prod\"]")
        .replace("@REPOSITORIES@", "[repositories.prod]");
    let is_setting = |text: &str| text.starts_with(|c: char| c.is_ascii_lowercase() || c == '[');
    let lines = filled.lines().map(|line| match line.strip_prefix('#') {
        Some(setting) if is_setting(setting) => setting,
        _ => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The names that a table takes, as it says itself.
fn fields<T: serde::de::DeserializeOwned>() -> Vec<String> {
    let error = toml::from_str::<T>("no_such = 1").err().unwrap();
    let names = error.message().split('`').skip(1).step_by(2).skip(1);
    names.map(str::to_owned).collect()
}

#[test]
fn the_template_has_every_setting_and_no_other() {
    let text = full_template();
    let file = File::of(&[("repo.toml".into(), text.clone())]);
    assert!(file.is_ok(), "{}", file.unwrap_err());
    let table: Table = text.parse().unwrap();
    let inner = |key: &str, inner: &str| table[key][inner].as_table().unwrap().clone();
    let first = |key: &str| table[key][0].as_table().unwrap().clone();
    let named = |key: &str| table[key].as_table().unwrap().clone();
    let together = |tables: &toml::Value| -> Table {
        tables.as_array().unwrap().iter().flat_map(|table| table.as_table().unwrap().clone()).collect()
    };
    let profiles =
        named("profile").into_iter().flat_map(|(_, one)| one.as_table().unwrap().clone()).collect();
    for (place, table, fields) in [
        ("the top", table.clone(), fields::<File>()),
        ("signing", named("signing"), fields::<SigningTable>()),
        ("a signer", together(&table["signing"]["signer"]), fields::<SignerTable>()),
        ("a gate", first("gate"), fields::<GateTable>()),
        ("a base", first("base"), fields::<BaseTable>()),
        ("a freeze", first("freeze"), fields::<FreezeTable>()),
        ("profiles", profiles, fields::<ProfileTable>()),
        ("a machine", inner("machine", "web1"), fields::<MachineTable>()),
        ("a hook", together(&table["hook"]), fields::<HookTable>()),
        ("serve", named("serve"), fields::<ServeTable>()),
        ("serve.tls", inner("serve", "tls"), fields::<TlsTable>()),
        ("a repository", inner("repositories", "prod"), fields::<RepositoryTable>()),
        ("route", first("route"), fields::<RouteTable>()),
        ("compress_index", named("compress_index"), fields::<CompressTable>()),
        ("incoming", first("incoming"), fields::<IncomingTable>()),
        ("retention", first("retention"), fields::<RetentionTable>()),
        ("bundle", named("bundle"), fields::<BundleTable>()),
        ("gc", named("gc"), fields::<GcTable>()),
        ("schedule", named("schedule"), fields::<ScheduleTable>()),
        ("a suite", inner("suite", "bookworm"), fields::<SuiteTable>()),
    ] {
        assert!(!fields.is_empty(), "{place}");
        for field in fields {
            assert!(table.contains_key(&field), "{place} lacks {field}");
        }
    }
}
