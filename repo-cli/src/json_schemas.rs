//! `docs/schemas/`, a JSON Schema for the document of each verb, and the tables in `docs/json.md`, written from the types of the documents.

mod tables;
mod verbs;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use clap::CommandFactory as _;
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

use self::verbs::document_of;
use crate::args::Arguments;
use crate::error::Report;
use crate::json_value::JsonDocument;
use crate::output::Warning;

const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// How the files are brought up to date.
const COMMAND: &str = "REPO_TEST_WRITE=1 cargo test -p repo-cli --bins json_schemas";

/// The schema of a document that has one of several forms.
struct Forms {
    generator: SchemaGenerator,
    forms: Vec<Value>,
}

impl Forms {
    fn new() -> Self {
        let settings =
            SchemaSettings::draft2020_12().with(|settings| settings.meta_schema = None).for_serialize();
        Self { generator: settings.into_generator(), forms: Vec::new() }
    }

    /// Adds a form of the document.
    fn or<T: JsonDocument>(mut self) -> Self {
        self.forms.push(self.generator.subschema_for::<T>().into());
        self
    }

    /// Returns the schema of the whole document of a verb.
    fn schema(mut self, verb: &str) -> Value {
        let report: Value = self.generator.subschema_for::<Report>().into();
        let warning: Value = self.generator.subschema_for::<Warning>().into();
        let mut any_of = self.forms;
        any_of.push(json!({
            "description": "The command failed before it had a result.",
            "type": "object",
            "properties": { "ok": { "const": false, "description": "Whether the command succeeded" } },
            "required": ["ok"],
        }));
        let mut schema = json!({
            "$schema": DIALECT,
            "title": format!("What `repo-cli {verb} --json` prints"),
            "type": "object",
            "properties": {
                "format": { "const": 1, "description": "The number of the JSON form" },
                "warnings": {
                    "description": "What the command went on in spite of; absent when there is nothing",
                    "type": "array",
                    "items": warning,
                },
                "ok": { "const": false, "description": "Whether the command succeeded; absent when it did" },
                "error": {
                    "description": "The first error; absent when there is none",
                    "$ref": report["$ref"],
                },
                "errors": {
                    "description": "All errors; absent when there are fewer than two",
                    "type": "array",
                    "items": report,
                },
            },
            "required": ["format"],
            "anyOf": any_of,
        });
        schema["$defs"] = Value::Object(self.generator.take_definitions(true));
        tidy(&mut schema);
        schema
    }
}

/// Brings a schema into the form in which it is published: types of Rust are named as in the documents, numbers need no width, and what is
/// left out when it has no value is never null.
fn tidy(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            let required = fields.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
            let properties = fields.get_mut("properties").and_then(Value::as_object_mut);
            for (name, property) in properties.into_iter().flatten() {
                if !required.iter().any(|required| required == name) {
                    without_null(property);
                }
            }
            if fields.get("format").and_then(Value::as_str).is_some_and(|format| format.starts_with("uint")) {
                fields.remove("format");
            }
            if let Some(Value::String(target)) = fields.get_mut("$ref") {
                *target = without_suffix(target);
            }
            if let Some(Value::Object(definitions)) = fields.get_mut("$defs") {
                let all = std::mem::take(definitions);
                for (name, schema) in all {
                    let other = definitions.insert(without_suffix(&name), schema);
                    assert_eq!(other, None, "two types are named {name} in the documents");
                }
            }
            fields.values_mut().for_each(tidy);
        }
        Value::Array(values) => values.iter_mut().for_each(tidy),
        Value::String(text) if text.contains('\n') => *text = text.replace('\n', " "),
        _ => {}
    }
}

/// Takes null out of what a property may be.
fn without_null(property: &mut Value) {
    let Some(fields) = property.as_object_mut() else { return };
    if let Some(Value::Array(types)) = fields.get_mut("type") {
        types.retain(|name| name != "null");
        if let [name] = types.as_slice() {
            let name = name.clone();
            fields.insert("type".to_owned(), name);
        }
    }
    if let Some(Value::Array(forms)) = fields.get_mut("anyOf") {
        forms.retain(|form| form["type"] != "null");
        if let [form] = forms.as_mut_slice() {
            let form = form.take();
            fields.remove("anyOf");
            fields.extend(form.as_object().cloned().unwrap_or_default());
        }
    }
}

fn without_suffix(name: &str) -> String {
    name.strip_suffix("Json").unwrap_or(name).to_owned()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The verbs that are not hidden, such as `key list`.
fn verbs(command: &clap::Command, above: &str) -> Vec<String> {
    let subcommands: Vec<_> =
        command.get_subcommands().filter(|one| !one.is_hide_set() && one.get_name() != "help").collect();
    if subcommands.is_empty() {
        return vec![above.to_owned()];
    }
    let name = |one: &clap::Command| format!("{above} {}", one.get_name()).trim_start().to_owned();
    subcommands.into_iter().flat_map(|one| verbs(one, &name(one))).collect()
}

/// The verbs in the order of the help, each with its schema.
fn schemas() -> Vec<(String, Value)> {
    let verbs = verbs(&Arguments::command(), "");
    verbs.into_iter().map(|verb| (verb.clone(), document_of(&verb).schema(&verb))).collect()
}

/// Returns the name of the file with the schema of a verb.
fn file_name(verb: &str) -> String {
    format!("{}.json", verb.replace(' ', "-"))
}

/// The fields in a schema that nothing describes.
fn undescribed(schema: &Value, place: &str, found: &mut Vec<String>) {
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        if field["description"].as_str().is_none_or(str::is_empty) {
            found.push(format!("{place}.{name}"));
        }
    }
    for part in ["$defs", "properties"] {
        for (name, inner) in schema[part].as_object().into_iter().flatten() {
            undescribed(inner, &format!("{place}.{name}"), found);
        }
    }
    for inner in schema["anyOf"].as_array().into_iter().flatten().chain(schema.get("items")) {
        undescribed(inner, place, found);
    }
}

#[test]
fn every_field_is_described() {
    let mut found = Vec::new();
    for (verb, schema) in schemas() {
        undescribed(&schema, &verb, &mut found);
    }
    assert!(found.is_empty(), "fields without a comment: {found:#?}");
}

#[test]
fn the_schemas_are_those_of_the_types() {
    let directory = root().join("docs/schemas");
    let writes = std::env::var_os("REPO_TEST_WRITE").is_some_and(|value| value == "1");
    let schemas = schemas();
    let known: BTreeSet<String> = schemas.iter().map(|(verb, _)| file_name(verb)).collect();
    if writes {
        fs::create_dir_all(&directory).unwrap();
    }
    for entry in fs::read_dir(&directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if !known.contains(&name) && writes {
            fs::remove_file(&path).unwrap();
        } else {
            assert!(known.contains(&name), "{name} belongs to no verb: {COMMAND}");
        }
    }
    for (verb, schema) in schemas {
        let (path, text) = (directory.join(file_name(&verb)), format!("{schema:#}\n"));
        if writes {
            fs::write(&path, &text).unwrap();
        }
        assert!(
            fs::read_to_string(&path).is_ok_and(|found| found == text),
            "{} is stale: {COMMAND}",
            path.display()
        );
    }
}
