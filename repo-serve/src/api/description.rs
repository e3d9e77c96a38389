//! The description of the interface, made from the table of routes.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::route::{BASE, Kind, Method, Parameter, ROUTES, RequestBody, Route};

/// Returns the description of the interface in the form of OpenAPI 3.1. `version` is that of the program.
#[must_use]
pub fn openapi(version: &str) -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for route in ROUTES {
        let path = paths.entry(route.path.to_owned()).or_insert_with(|| json!({}));
        if let Some(path) = path.as_object_mut() {
            path.insert(route.method.as_str().to_ascii_lowercase(), operation(route));
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "repo-cli",
            "version": version,
            "description": "Reads and changes APT repositories. Documents and error codes are those of the command line with --json.",
        },
        "servers": [{ "url": BASE }],
        "security": [{ "bearer": [] }, { "basic": [] }],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "bearer": { "type": "http", "scheme": "bearer" },
                "basic": { "type": "http", "scheme": "basic" },
            },
            "schemas": { "Failure": failure(), "Document": {
                "type": "object",
                "required": ["format"],
                "properties": { "format": { "const": 1 } },
            } },
        },
    })
}

fn failure() -> Value {
    json!({
        "type": "object",
        "required": ["format", "ok", "error"],
        "properties": {
            "format": { "const": 1 },
            "ok": { "const": false },
            "error": {
                "type": "object",
                "required": ["code", "message", "hint", "file", "line"],
                "properties": {
                    "code": { "type": "string" },
                    "message": { "type": "string" },
                    "hint": { "type": ["string", "null"] },
                    "file": { "type": ["string", "null"] },
                    "line": { "type": ["integer", "null"] },
                },
            },
        },
    })
}

fn operation(route: &Route) -> Value {
    let is_in_body = |parameter: &&Parameter| route.body == RequestBody::Json && !route.is_in_path(parameter);
    let mut parameters: Vec<Value> = route
        .parameters
        .iter()
        .filter(|parameter| !is_in_body(parameter))
        .map(|parameter| place(route, parameter))
        .collect();
    let header = |name: &str, meaning: &str| json!({ "name": name, "in": "header", "description": meaning, "schema": { "type": "string" } });
    if route.can_be_repeated() {
        parameters.push(header(
            "Idempotency-Key",
            "A request that is repeated with the same key is carried out once.",
        ));
    }
    if route.plans {
        parameters.push(header(
            "If-Match",
            "The ETag of a dry run: refuse with 412 if anything has changed since.",
        ));
    }
    let document = json!({ "application/json": { "schema": { "$ref": "#/components/schemas/Document" } }, "text/plain": { "schema": { "type": "string" } } });
    let failure = json!({ "application/json": { "schema": { "$ref": "#/components/schemas/Failure" } } });
    let mut operation = json!({
        "operationId": operation_id(route),
        "summary": route.summary,
        "parameters": parameters,
        "responses": {
            "200": { "description": format!("The document of `repo-cli {}`.", route.verb.join(" ")), "content": document },
            "default": { "description": "What failed.", "content": failure },
        },
    });
    if route.body == RequestBody::File
        && let Some(responses) = operation.get_mut("responses").and_then(Value::as_object_mut)
    {
        let meaning = "The file waits for the rest of its upload.";
        responses.insert("202".to_owned(), json!({ "description": meaning, "content": document }));
    }
    let Some(fields) = operation.as_object_mut() else { return operation };
    if let Some(scope) = route.scope {
        fields.insert("x-scope".to_owned(), json!(scope.as_str()));
    }
    match route.body {
        RequestBody::Nothing => {}
        RequestBody::File => {
            let content =
                json!({ "application/octet-stream": { "schema": { "type": "string", "format": "binary" } } });
            fields.insert("requestBody".to_owned(), json!({ "required": true, "content": content }));
        }
        RequestBody::Json => {
            let own: Vec<&Parameter> = route.parameters.iter().filter(is_in_body).collect();
            let required: Vec<&str> = own
                .iter()
                .filter(|parameter| parameter.is_required)
                .map(|parameter| parameter.name)
                .collect();
            let properties: Map<String, Value> = own
                .iter()
                .map(|parameter| {
                    let mut schema = schema(parameter.kind);
                    if let Some(schema) = schema.as_object_mut() {
                        schema.insert("description".to_owned(), json!(parameter.meaning));
                    }
                    (parameter.name.to_owned(), schema)
                })
                .collect();
            let schema = json!({
                "type": "object", "additionalProperties": false, "required": required, "properties": properties,
            });
            fields.insert(
                "requestBody".to_owned(),
                json!({ "required": !required.is_empty(), "content": { "application/json": { "schema": schema } } }),
            );
        }
    }
    operation
}

/// A name for the operation, such as `post_promotions`.
fn operation_id(route: &Route) -> String {
    let words = route
        .path
        .split('/')
        .filter(|word| !word.is_empty() && *word != "repositories" && *word != "{repository}");
    let words: Vec<String> = words.map(|word| word.replace(['{', '}'], "")).collect();
    format!("{}_{}", route.method.as_str().to_ascii_lowercase(), words.join("_"))
}

fn place(route: &Route, parameter: &Parameter) -> Value {
    let place = if route.is_in_path(parameter) { "path" } else { "query" };
    json!({
        "name": parameter.name,
        "in": place,
        "required": parameter.is_required,
        "description": parameter.meaning,
        "schema": schema(parameter.kind),
    })
}

fn schema(kind: Kind) -> Value {
    match kind {
        Kind::Text => json!({ "type": "string" }),
        Kind::Texts => json!({ "type": "array", "items": { "type": "string" } }),
        Kind::Flag => json!({ "type": "boolean" }),
        Kind::Number => json!({ "type": "integer", "minimum": 0 }),
    }
}

/// Returns the table of routes for a document in Markdown.
#[must_use]
pub fn table_of_routes() -> String {
    let mut text = "| request | scope | verb | parameters |\n|---|---|---|---|\n".to_owned();
    for route in ROUTES {
        let own = route.parameters.iter().filter(|parameter| !route.is_in_path(parameter));
        let names: Vec<String> = own
            .map(|parameter| {
                let mark = if parameter.is_required { " (required)" } else { "" };
                format!("`{}`{mark}", parameter.name)
            })
            .collect();
        let scope = route.scope.map_or("any", super::Scope::as_str);
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "| `{} {}`: {} | `{scope}` | `{}` | {} |",
            route.method.as_str(),
            route.path,
            route.summary,
            route.verb.join(" "),
            names.join(", "),
        );
    }
    text
}

impl Method {
    /// All methods that routes have.
    pub const ALL: [Self; 4] = [Self::Get, Self::Put, Self::Post, Self::Delete];
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_operation_has_a_name_of_its_own() {
        let names: BTreeSet<String> = ROUTES.iter().map(operation_id).collect();
        assert_eq!(names.len(), ROUTES.len(), "{names:?}");
    }

    #[test]
    fn every_route_is_described() {
        let description = openapi("1.0");
        let operations: usize = description["paths"]
            .as_object()
            .unwrap()
            .values()
            .map(|path| path.as_object().unwrap().len())
            .sum();
        assert_eq!(operations, ROUTES.len());
    }
}
