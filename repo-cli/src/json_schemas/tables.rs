//! The tables of fields in `docs/json.md`, and in `docs/json-parts.md` those of objects that several documents have.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;

use super::{COMMAND, file_name, root, schemas};

const BEGIN: &str = "<!-- Written from the types of the documents: REPO_TEST_WRITE=1 cargo test -p repo-cli --bins json_schemas -->\n";
const END: &str = "<!-- End of what is written -->\n";

/// The parts of documents that several verbs print, by name.
type Parts<'a> = BTreeMap<&'a str, &'a Value>;

/// A schema with the others that it refers to.
#[derive(Clone, Copy)]
struct Documented<'a> {
    definitions: &'a Value,
    parts: &'a Parts<'a>,
    /// Where the tables of the parts are, seen from the page that is written.
    parts_page: &'static str,
}

impl<'a> Documented<'a> {
    /// Returns the schema that this one stands for, and its name if it has one.
    fn resolved(self, schema: &'a Value) -> (Option<&'a str>, &'a Value) {
        let name = schema["$ref"].as_str().and_then(|target| target.rsplit('/').next());
        name.map_or((None, schema), |name| (Some(name), &self.definitions[name]))
    }

    /// Returns the type of a field in words, and the schema whose fields are to be listed below it.
    fn type_of(self, schema: &'a Value, above: &[&str]) -> (String, Option<&'a Value>) {
        if let Some([one, other]) = schema["anyOf"].as_array().map(Vec::as_slice)
            && other["type"] == "null"
        {
            let (words, inner) = self.type_of(one, above);
            return (format!("{words} or null"), inner);
        }
        let (name, schema) = self.resolved(schema);
        if let Some(name) = name {
            if above.contains(&name) {
                return ("the same".to_owned(), None);
            }
            if self.parts.contains_key(name) {
                return (format!("[{name}]({}#{})", self.parts_page, name.to_lowercase()), None);
            }
        }
        if schema["format"] == "date-time" {
            return ("time".to_owned(), None);
        }
        if let Some(values) = schema["enum"].as_array() {
            let values: Vec<String> =
                values.iter().filter_map(Value::as_str).map(|value| format!("`{value}`")).collect();
            return (values.join(" or "), None);
        }
        match &schema["type"] {
            Value::Array(types) => {
                let types: Vec<&str> = types.iter().filter_map(Value::as_str).collect();
                let name = types.iter().find(|name| **name != "null").copied().unwrap_or_default();
                let inner =
                    if name == "array" { self.type_of(&schema["items"], above) } else { (named(name), None) };
                let words = if name == "array" { format!("list of {}", inner.0) } else { inner.0 };
                (format!("{words} or null"), inner.1)
            }
            Value::String(name) if name == "array" => {
                let (words, inner) = self.type_of(&schema["items"], above);
                (format!("list of {words}"), inner)
            }
            Value::String(name) if name == "object" && schema["additionalProperties"].is_object() => {
                let (words, inner) = self.type_of(&schema["additionalProperties"], above);
                (format!("map to {words}"), inner)
            }
            Value::String(name) if name == "object" => (named(name), Some(schema)),
            Value::String(name) => (named(name), None),
            _ => ("any value".to_owned(), None),
        }
    }

    /// Adds a row for each field, and for those of the objects in it.
    fn rows(self, schema: &'a Value, prefix: &str, above: &mut Vec<&'a str>, table: &mut String) {
        let required: Vec<&str> =
            schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        for (name, field) in schema["properties"].as_object().into_iter().flatten() {
            let (words, inner) = self.type_of(field, above);
            let words =
                if required.contains(&name.as_str()) { words } else { format!("{words}; may be absent") };
            let description = field["description"].as_str().unwrap_or_default();
            table.push_str(&format!("| `{prefix}{name}` | {words} | {description} |\n"));
            if let Some(inner) = inner {
                let step = match () {
                    () if words.starts_with("list of ") => "[]",
                    () if words.starts_with("map to ") => ".*",
                    () => "",
                };
                let target = field["items"]["$ref"].as_str().or(field["$ref"].as_str());
                let entered = target.and_then(|target| target.rsplit('/').next());
                above.extend(entered);
                self.rows(inner, &format!("{prefix}{name}{step}."), above, table);
                above.truncate(above.len() - usize::from(entered.is_some()));
            }
        }
    }

    /// Returns the table of an object.
    fn table(self, schema: &'a Value, name: Option<&'a str>) -> String {
        let mut rows = String::new();
        self.rows(schema, "", &mut name.into_iter().collect(), &mut rows);
        format!("| field | type | meaning |\n|---|---|---|\n{rows}")
    }
}

/// The words for a type.
fn named(name: &str) -> String {
    if name == "integer" { "number".to_owned() } else { name.to_owned() }
}

/// The objects that stand in several places of documents, and are not documents themselves.
///
/// # Panics
/// When two objects have one name.
fn shared(schemas: &[(String, Value)]) -> Parts<'_> {
    let mut count: BTreeMap<&str, (usize, &Value)> = BTreeMap::new();
    let mut all = Parts::new();
    for (_, schema) in schemas {
        let text = schema.to_string();
        let forms = schema["anyOf"].as_array().into_iter().flatten();
        let forms: Vec<&str> = forms.filter_map(|form| form["$ref"].as_str()?.rsplit('/').next()).collect();
        for (name, definition) in schema["$defs"].as_object().into_iter().flatten() {
            let known = all.entry(name).or_insert(definition);
            assert_eq!(*known, definition, "two types are named {name} in the documents");
            let is_part = definition["properties"].is_object() && !forms.contains(&name.as_str());
            if is_part && !["Report", "Warning"].contains(&name.as_str()) {
                // A document may have it in several places.
                let uses = text.matches(&format!("\"#/$defs/{name}\"")).count();
                count.entry(name).or_insert((0, definition)).0 += uses;
            }
        }
    }
    count.into_iter().filter(|(_, (count, _))| *count > 1).map(|(name, (_, schema))| (name, schema)).collect()
}

/// Returns the tables of the documents.
fn documents(schemas: &[(String, Value)], parts: &Parts<'_>) -> String {
    let mut text = String::new();
    for (verb, schema) in schemas {
        let documented = Documented { definitions: &schema["$defs"], parts, parts_page: "json-parts.md" };
        text.push_str(&format!("\n### {verb}\n\nSchema: [{0}](schemas/{0})\n", file_name(verb)));
        for form in schema["anyOf"].as_array().into_iter().flatten() {
            let (Some(name), form) = documented.resolved(form) else { continue };
            let description = form["description"].as_str().unwrap_or_default();
            text.push_str(&format!("\n{}.\n", description.trim_end_matches('.')));
            if form["properties"].is_object() {
                text.push_str(&format!("\n{}", documented.table(form, Some(name))));
            }
        }
    }
    text
}

/// Returns the tables of the parts.
fn part_tables(schemas: &[(String, Value)], parts: &Parts<'_>) -> String {
    let mut text = String::new();
    for (name, schema) in parts {
        let (_, whole) = schemas.iter().find(|(_, whole)| whole["$defs"][name].is_object()).unwrap();
        let documented = Documented { definitions: &whole["$defs"], parts, parts_page: "" };
        let description = schema["description"].as_str().unwrap_or_default();
        let table = documented.table(schema, Some(name));
        text.push_str(&format!("\n## {name}\n\n{description}\n\n{table}"));
    }
    text
}

#[test]
fn the_documentation_has_the_fields_of_every_document() {
    let schemas = schemas();
    let parts = shared(&schemas);
    for (page, written) in
        [("docs/json.md", documents(&schemas, &parts)), ("docs/json-parts.md", part_tables(&schemas, &parts))]
    {
        let path = root().join(page);
        let found = fs::read_to_string(&path).unwrap();
        let (before, rest) = found.split_once(BEGIN).unwrap();
        let (_, after) = rest.split_once(END).unwrap();
        let expected = format!("{before}{BEGIN}{written}\n{END}{after}");
        if std::env::var_os("REPO_TEST_WRITE").is_some_and(|value| value == "1") {
            fs::write(&path, &expected).unwrap();
        }
        assert!(fs::read_to_string(&path).unwrap() == expected, "{page} is stale: {COMMAND}");
    }
}
