//! Whether the documents of the program are what `docs/schemas` says.

use camino::{Utf8Path, Utf8PathBuf};
use serde_json::Value;

/// The keywords that say nothing about a value.
const ANNOTATIONS: [&str; 6] = ["$schema", "$defs", "title", "description", "format", "default"];

/// The JSON Schema of a verb's document.
///
/// It is stricter than a schema: a field that the schema does not name is a fault.
#[derive(Debug)]
pub struct Schema(Value);

impl Schema {
    /// Reads the schema of the verb that these arguments begin with; `None` where they have no verb.
    ///
    /// # Panics
    /// When the schema cannot be read.
    #[must_use]
    pub fn of<S: AsRef<str>>(arguments: &[S]) -> Option<Self> {
        let directory = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/schemas");
        let names = (0..arguments.len()).flat_map(|first| {
            let word = |place: usize| arguments.get(place).map_or("", AsRef::as_ref);
            [format!("{}-{}", word(first), word(first + 1)), word(first).to_owned()]
        });
        let is_name = |name: &String| name.chars().all(|c| c.is_ascii_lowercase() || c == '-');
        let mut paths = names.filter(is_name).map(|name| directory.join(format!("{name}.json")));
        paths.find(|path| path.exists()).map(|path| Self::read(&path))
    }

    fn read(path: &Utf8PathBuf) -> Self {
        let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{path}: {error}"));
        Self(serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}")))
    }

    /// Checks a document.
    ///
    /// # Errors
    /// The first fault, with the place of it.
    pub fn check(&self, document: &Value) -> Result<(), String> {
        self.check_value(&self.0, document, "", &[])
    }

    /// `others`: fields that belong to the same object by another schema.
    fn check_value(&self, schema: &Value, value: &Value, place: &str, others: &[&str]) -> Result<(), String> {
        let Some(keywords) = schema.as_object() else { return Ok(()) };
        for (keyword, expected) in keywords {
            match (keyword.as_str(), value) {
                ("$ref", _) => self.check_value(self.target(expected), value, place, others)?,
                ("anyOf", _) => self.check_forms(schema, value, place, others)?,
                ("properties", Value::Object(fields)) => {
                    for (name, field) in fields {
                        match expected.get(name) {
                            Some(schema) => {
                                self.check_value(schema, field, &format!("{place}.{name}"), &[])?;
                            }
                            None if keywords.contains_key("anyOf") || others.contains(&name.as_str()) => {}
                            None => return Err(format!("{place}: `{name}` is not described")),
                        }
                    }
                }
                ("additionalProperties", Value::Object(fields)) => {
                    for (name, field) in fields {
                        self.check_value(expected, field, &format!("{place}.{name}"), &[])?;
                    }
                }
                ("items", Value::Array(items)) => {
                    for (number, item) in items.iter().enumerate() {
                        self.check_value(expected, item, &format!("{place}[{number}]"), &[])?;
                    }
                }
                ("properties" | "additionalProperties" | "items", _) => {}
                (keyword, _) if meets(keyword, expected, value) => {}
                (keyword, _) => return Err(format!("{place}: {value} does not meet {keyword} {expected}")),
            }
        }
        Ok(())
    }

    /// Returns the schema that a reference leads to.
    fn target(&self, reference: &Value) -> &Value {
        let name = reference.as_str().and_then(|target| target.strip_prefix("#/$defs/"));
        let target = name.and_then(|name| self.0["$defs"].get(name));
        target.unwrap_or_else(|| panic!("{reference} leads nowhere"))
    }

    /// Checks that a value has one of several forms. What the schema itself says of its fields holds in all of them.
    fn check_forms(&self, schema: &Value, value: &Value, place: &str, others: &[&str]) -> Result<(), String> {
        let own = schema["properties"].as_object().into_iter().flat_map(|fields| fields.keys());
        let known: Vec<&str> = own.map(String::as_str).chain(others.iter().copied()).collect();
        let mut faults = Vec::new();
        for form in schema["anyOf"].as_array().into_iter().flatten() {
            match self.check_value(form, value, place, &known) {
                Ok(()) => return Ok(()),
                Err(fault) => faults.push(fault),
            }
        }
        Err(format!("{place}: no form fits: {}", faults.join("; ")))
    }
}

/// Returns whether a value meets a keyword that is about the value alone.
fn meets(keyword: &str, expected: &Value, value: &Value) -> bool {
    match (keyword, value) {
        ("type", _) => is_of(expected, value),
        ("const", _) => value == expected,
        ("enum", _) => expected.as_array().is_some_and(|all| all.contains(value)),
        ("pattern", Value::String(text)) => {
            regex_lite::Regex::new(expected.as_str().unwrap_or_default()).unwrap().is_match(text)
        }
        ("required", Value::Object(fields)) => {
            let names = expected.as_array().into_iter().flatten().filter_map(Value::as_str);
            names.into_iter().all(|name| fields.contains_key(name))
        }
        ("minItems", Value::Array(items)) => Some(items.len() as u64) >= expected.as_u64(),
        ("maxItems", Value::Array(items)) => Some(items.len() as u64) <= expected.as_u64(),
        ("minimum", Value::Number(number)) => number.as_f64() >= expected.as_f64(),
        ("maximum", Value::Number(number)) => number.as_f64() <= expected.as_f64(),
        ("pattern" | "required" | "minItems" | "maxItems" | "minimum" | "maximum", _) => true,
        (other, _) => {
            assert!(ANNOTATIONS.contains(&other), "what does `{other}` mean in a schema?");
            true
        }
    }
}

/// Returns whether a value is of a type, or of one of several.
fn is_of(expected: &Value, value: &Value) -> bool {
    if let Some(all) = expected.as_array() {
        return all.iter().any(|one| is_of(one, value));
    }
    match expected.as_str().unwrap_or_default() {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("`{other}` is not a type"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_document_is_what_its_schema_says_and_no_more() {
        let schema = Schema(json!({
            "type": "object",
            "properties": { "format": { "const": 1 } },
            "required": ["format"],
            "anyOf": [
                { "$ref": "#/$defs/One" },
                { "type": "object", "properties": { "ok": { "const": false } }, "required": ["ok"] },
            ],
            "$defs": { "One": {
                "type": "object",
                "properties": {
                    "names": { "type": "array", "items": { "type": "string", "pattern": "^[a-z]+$" } },
                    "end": { "type": ["string", "null"] },
                    "sizes": { "type": "object", "additionalProperties": { "type": "integer", "minimum": 0 } },
                },
                "required": ["names", "end"],
            } },
        }));
        let right = json!({ "format": 1, "names": ["a", "b"], "end": null, "sizes": { "a": 1 } });
        assert_eq!(schema.check(&right), Ok(()));
        assert_eq!(schema.check(&json!({ "format": 1, "ok": false })), Ok(()));
        for (field, wrong) in [
            ("format", json!(2)),
            ("names", json!(["A"])),
            ("names", json!("a")),
            ("end", json!(1)),
            ("sizes", json!({ "a": -1 })),
            ("other", json!(null)),
        ] {
            let mut document = right.clone();
            document[field] = wrong.clone();
            assert!(schema.check(&document).is_err(), "{field}: {wrong}");
        }
        for missing in ["format", "names", "end"] {
            let mut document = right.clone();
            document.as_object_mut().unwrap().remove(missing);
            assert!(schema.check(&document).is_err(), "{missing}");
        }
    }

    #[test]
    fn a_verb_is_found_among_the_arguments() {
        let title = |words: &[&str]| Schema::of(words).map(|schema| schema.0["title"].to_string());
        assert!(title(&["--json", "list", "preprod"]).is_some_and(|title| title.contains("list")));
        assert!(title(&["key", "list", "--json"]).is_some_and(|title| title.contains("key list")));
        assert_eq!(title(&["--json", "nothing"]), None);
    }
}
