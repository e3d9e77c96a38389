//! The JSON Schema of `repo.toml`, for editors.

use serde_json::{Map, Value, json};

use crate::description::{Description, Kind, WhenUnset, settings};
use crate::shown::value_of;

/// Returns the JSON Schema (2020-12) of `repo.toml` and its drop-ins, with the meaning and the default of every setting.
#[must_use]
pub fn schema() -> Value {
    let Value::Object(table) = table(&settings()) else { return Value::Null };
    let mut schema = Map::new();
    schema.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
    schema.insert("title".to_owned(), json!("repo.toml"));
    schema.extend(table);
    Value::Object(schema)
}

fn table(settings: &[Description]) -> Value {
    let properties: Map<String, Value> =
        settings.iter().map(|setting| (setting.key.to_owned(), of_setting(setting))).collect();
    let required: Vec<&str> =
        settings.iter().filter(|setting| setting.is_required()).map(|setting| setting.key).collect();
    let mut schema = json!({ "type": "object", "properties": properties, "additionalProperties": false });
    if let (Some(schema), false) = (schema.as_object_mut(), required.is_empty()) {
        schema.insert("required".to_owned(), json!(required));
    }
    schema
}

fn of_setting(setting: &Description) -> Value {
    let mut schema = of_kind(&setting.kind);
    if let Some(schema) = schema.as_object_mut() {
        schema.insert("description".to_owned(), json!(setting.meaning));
        if let WhenUnset::Value(default) = setting.when_unset() {
            schema.extend(value(default).map(|default| ("default".to_owned(), default)));
        }
        schema.extend(value(setting.example).map(|example| ("examples".to_owned(), json!([example]))));
    }
    schema
}

/// A value that is written as TOML.
fn value(text: &str) -> Option<Value> {
    serde_json::to_value(value_of(text)?).ok()
}

fn of_kind(kind: &Kind) -> Value {
    match kind {
        Kind::Text(what) => json!({ "type": "string", "title": what }),
        Kind::Word(words) => json!({ "enum": words }),
        Kind::Truth => json!({ "type": "boolean" }),
        Kind::Number(least) => json!({ "type": "integer", "minimum": least }),
        Kind::HistoryLength => json!({ "type": ["integer", "string"], "minimum": 1 }),
        Kind::List(kind) => json!({ "type": "array", "items": of_kind(kind) }),
        Kind::Texts => json!({ "type": "object", "additionalProperties": { "type": "string" } }),
        Kind::Table(settings) => table(settings),
        Kind::Named(what, kind) => {
            json!({ "title": what, "type": "object", "additionalProperties": of_kind(kind) })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_says_what_the_types_say() {
        let schema = schema();
        assert_eq!(schema["properties"]["gc"]["properties"]["grace"]["default"], "7d");
        assert_eq!(schema["properties"]["suites"]["items"]["type"], "string");
        let repository = &schema["properties"]["repositories"]["additionalProperties"];
        assert_eq!(repository["additionalProperties"], false);
        assert_eq!(repository["properties"]["unknown_release"]["enum"], json!(["refuse", "everywhere"]));
        let folder = &schema["properties"]["incoming"]["items"];
        assert_eq!(folder["required"], json!(["folder", "repository"]));
    }
}
