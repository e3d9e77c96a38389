//! From a request to the verb that carries it out, with checked arguments.
//!
//! No value can become an option: options are written as `--name=value`, and positional arguments stand after `--`.

use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::route::{Argument, BASE, Kind, Method, Parameter, ROUTES, RequestBody, Route, placeholder};
use super::scope::Names;
use crate::path;

/// The longest value, in bytes.
const LONGEST_VALUE: usize = 4096;
/// The most values of one parameter.
const MOST_VALUES: usize = 2000;
/// The longest query, in bytes.
const LONGEST_QUERY: usize = 8192;

/// A verb of the program, with its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The verb and its arguments.
    pub arguments: Vec<String>,
    /// The holder of the token with which it is asked for.
    pub holder: String,
    /// Whether the result is a JSON document; otherwise it is text for people.
    pub json: bool,
}

/// A request that cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadRequest {
    /// The path breaks the rules for paths.
    #[error("malformed path")]
    Path,
    /// The query is too long or not UTF-8.
    #[error("malformed query")]
    Query,
    /// The body is not a JSON object.
    #[error("the body is not a JSON object: {0}")]
    Json(String),
    /// A parameter that the route does not have.
    #[error("no parameter named `{0}` here")]
    Unknown(String),
    /// A parameter that is missing.
    #[error("the parameter `{0}` is missing")]
    Missing(&'static str),
    /// A parameter that was given twice and holds one value.
    #[error("the parameter `{0}` was given twice")]
    Twice(&'static str),
    /// A value of the wrong type.
    #[error("the parameter `{name}` must be {expected}")]
    Type {
        /// The parameter.
        name: &'static str,
        /// What it must be.
        expected: &'static str,
    },
    /// A value that no verb takes.
    #[error("the parameter `{0}` has an empty value, one that is too long, or a control character")]
    Value(&'static str),
    /// A file name that cannot be used.
    #[error("`{0}` is not usable as the name of a file to upload here")]
    FileName(String),
}

/// A route, and what the path of a request has for the names in it.
#[derive(Debug)]
pub(crate) struct Matched {
    pub(crate) route: &'static Route,
    values: Vec<(&'static str, String)>,
}

/// What became of looking for a route.
#[derive(Debug)]
pub(crate) enum Lookup {
    Found(Matched),
    /// The path exists with other methods.
    OtherMethod(Vec<Method>),
    Nothing,
}

/// Finds the route of a request. `raw` is the path as it came over the wire.
pub(crate) fn look_up(method: &str, raw: &str) -> Result<Lookup, BadRequest> {
    let Some(rest) = raw.strip_prefix(BASE) else { return Ok(Lookup::Nothing) };
    let decode = |element: &str| {
        let decoded = path::decode(element).map_err(|_| BadRequest::Path)?;
        String::from_utf8(decoded).map_err(|_| BadRequest::Path)
    };
    let elements = rest.split('/').skip(1).map(decode).collect::<Result<Vec<String>, _>>()?;
    let mut others = Vec::new();
    for route in ROUTES {
        let Some(values) = values_in(route, &elements) else { continue };
        if route.method.as_str() == method {
            return Ok(Lookup::Found(Matched { route, values }));
        }
        others.push(route.method);
    }
    others.sort_unstable();
    others.dedup();
    Ok(if others.is_empty() { Lookup::Nothing } else { Lookup::OtherMethod(others) })
}

fn values_in(route: &'static Route, elements: &[String]) -> Option<Vec<(&'static str, String)>> {
    let pattern: Vec<&'static str> = route.path.split('/').skip(1).collect();
    if pattern.len() != elements.len() {
        return None;
    }
    let mut values = Vec::new();
    for (pattern, element) in pattern.into_iter().zip(elements) {
        match placeholder(pattern) {
            Some(name) if !element.is_empty() => values.push((name, element.clone())),
            None if pattern == element => {}
            _ => return None,
        }
    }
    Some(values)
}

impl Matched {
    /// Returns the value of a name in the path.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.values.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }

    /// Reads the parameters that are in the query or in the body, which is empty where there is none.
    pub(crate) fn read(self, query: Option<&str>, body: &[u8]) -> Result<Request, BadRequest> {
        let mut given: Vec<(&'static Parameter, Given)> = Vec::new();
        for (name, value) in &self.values {
            let parameter = self.parameter(name)?;
            given.push((parameter, Given::Texts(vec![checked(parameter, value.clone())?])));
        }
        if self.route.body == RequestBody::Json {
            if query.is_some_and(|query| !query.is_empty()) {
                return Err(BadRequest::Query);
            }
            self.read_body(body, &mut given)?;
        } else {
            self.read_query(query.unwrap_or_default(), &mut given)?;
        }
        for parameter in self.route.parameters.iter().filter(|parameter| parameter.is_required) {
            let is_given = given.iter().any(|(other, given)| {
                other.name == parameter.name && !matches!(given, Given::Texts(texts) if texts.is_empty())
            });
            if !is_given {
                return Err(BadRequest::Missing(parameter.name));
            }
        }
        if let Some(file) = self.route.file().and_then(|name| self.value(name))
            && !is_file_name(file)
        {
            return Err(BadRequest::FileName(file.to_owned()));
        }
        Ok(Request { route: self.route, given })
    }

    fn parameter(&self, name: &str) -> Result<&'static Parameter, BadRequest> {
        let found = self.route.parameters.iter().find(|parameter| parameter.name == name);
        found.ok_or_else(|| BadRequest::Unknown(name.chars().take(64).collect()))
    }

    /// A parameter that is not in the path.
    fn free_parameter(&self, name: &str) -> Result<&'static Parameter, BadRequest> {
        let parameter = self.parameter(name)?;
        if self.route.is_in_path(parameter) {
            return Err(BadRequest::Twice(parameter.name));
        }
        Ok(parameter)
    }

    fn read_query(
        &self,
        query: &str,
        given: &mut Vec<(&'static Parameter, Given)>,
    ) -> Result<(), BadRequest> {
        if query.len() > LONGEST_QUERY {
            return Err(BadRequest::Query);
        }
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, "true"));
            let parameter = self.free_parameter(&decoded(name)?)?;
            let value = checked(parameter, decoded(value)?)?;
            let known = given.iter_mut().find(|(other, _)| other.name == parameter.name);
            let value = match (parameter.kind, known) {
                (Kind::Texts, Some((_, Given::Texts(texts)))) => {
                    texts.push(value);
                    if texts.len() > MOST_VALUES {
                        return Err(BadRequest::Value(parameter.name));
                    }
                    continue;
                }
                (_, Some(_)) => return Err(BadRequest::Twice(parameter.name)),
                (Kind::Flag, None) => match value.as_str() {
                    "true" => Given::Flag(true),
                    "false" => Given::Flag(false),
                    _ => {
                        return Err(BadRequest::Type { name: parameter.name, expected: "true or false" });
                    }
                },
                (Kind::Number, None) => match value.parse::<u32>() {
                    Ok(number) => Given::Texts(vec![number.to_string()]),
                    Err(_) => {
                        return Err(BadRequest::Type { name: parameter.name, expected: "a whole number" });
                    }
                },
                (Kind::Text | Kind::Texts, None) => Given::Texts(vec![value]),
            };
            given.push((parameter, value));
        }
        Ok(())
    }

    fn read_body(&self, body: &[u8], given: &mut Vec<(&'static Parameter, Given)>) -> Result<(), BadRequest> {
        if body.is_empty() {
            return Ok(());
        }
        let value: Value =
            serde_json::from_slice(body).map_err(|error| BadRequest::Json(error.to_string()))?;
        let Value::Object(fields) = value else {
            return Err(BadRequest::Json("it is another value".to_owned()));
        };
        for (name, value) in fields {
            let parameter = self.free_parameter(&name)?;
            let name = parameter.name;
            let of_type = |expected| Err(BadRequest::Type { name, expected });
            let value = match (parameter.kind, value) {
                (_, Value::Null) => continue,
                (Kind::Flag, Value::Bool(flag)) => Given::Flag(flag),
                (Kind::Flag, _) => return of_type("true or false"),
                (Kind::Number, Value::Number(number)) => match number.as_u64().map(u32::try_from) {
                    Some(Ok(number)) => Given::Texts(vec![number.to_string()]),
                    _ => return of_type("a whole number"),
                },
                (Kind::Number, _) => return of_type("a whole number"),
                (Kind::Text, Value::String(text)) => Given::Texts(vec![checked(parameter, text)?]),
                (Kind::Text, _) => return of_type("a text"),
                (Kind::Texts, Value::Array(texts)) if texts.len() <= MOST_VALUES => {
                    let mut values = Vec::new();
                    for text in texts {
                        let Value::String(text) = text else { return of_type("a list of texts") };
                        values.push(checked(parameter, text)?);
                    }
                    Given::Texts(values)
                }
                (Kind::Texts, _) => return of_type("a list of texts"),
            };
            given.push((parameter, value));
        }
        Ok(())
    }
}

fn decoded(text: &str) -> Result<String, BadRequest> {
    // In a query a `+` stands for itself here: names and versions of packages have many, and none has a blank.
    let bytes: Vec<u8> = percent_decode_str(text).collect();
    String::from_utf8(bytes).map_err(|_| BadRequest::Query)
}

/// Refuses a value that no verb can be given.
fn checked(parameter: &'static Parameter, value: String) -> Result<String, BadRequest> {
    if value.is_empty() || value.len() > LONGEST_VALUE || value.chars().any(char::is_control) {
        return Err(BadRequest::Value(parameter.name));
    }
    Ok(value)
}

/// Returns whether a name is one that package files and uploads have.
fn is_file_name(name: &str) -> bool {
    let is_usual = |byte: u8| byte.is_ascii_alphanumeric() || b"+.~_:=%@-".contains(&byte);
    name.len() <= 255
        && name.bytes().next().is_some_and(|first| first.is_ascii_alphanumeric())
        && name.bytes().all(is_usual)
}

/// What a request has for a parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Given {
    Texts(Vec<String>),
    Flag(bool),
}

/// A request whose parameters have been read.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) route: &'static Route,
    given: Vec<(&'static Parameter, Given)>,
}

impl Request {
    /// Returns the values of a parameter.
    pub(crate) fn texts(&self, name: &str) -> &[String] {
        match self.given(name) {
            Some(Given::Texts(texts)) => texts,
            _ => &[],
        }
    }

    /// Returns whether a flag is set.
    pub(crate) fn is_set(&self, name: &str) -> bool {
        matches!(self.given(name), Some(Given::Flag(true)))
    }

    fn given(&self, name: &str) -> Option<&Given> {
        self.given.iter().find(|(parameter, _)| parameter.name == name).map(|(_, given)| given)
    }

    /// Returns the verb with its arguments but for the files. `base` is the plan that is to be carried out, and `end` when the token of the
    /// caller ends.
    pub(crate) fn arguments(&self, names: &Names, base: Option<&str>, end: Option<Timestamp>) -> Arguments {
        let words = self.route.verb.iter().chain(self.route.always);
        let mut options: Vec<String> = words.map(|word| (*word).to_owned()).collect();
        let mut positional = Vec::new();
        if let Names::Only(patterns) = names {
            options.extend(patterns.iter().map(|pattern| format!("--only-names={pattern}")));
        }
        options.extend(base.map(|base| format!("--base={base}")));
        if self.route.verb == ["access", "add"] {
            options.extend(end.map(|end| format!("--ends-by={end}")));
        }
        let repository = self.texts("repository").first().map(String::as_str).unwrap_or_default();
        for parameter in self.route.parameters {
            let texts = self.texts(parameter.name);
            let state = || match texts.first() {
                None => repository.to_owned(),
                Some(state) => format!("{repository}@{}", state.strip_prefix('@').unwrap_or(state)),
            };
            match parameter.argument {
                Argument::Option(option) if parameter.kind == Kind::Flag => {
                    options.extend(self.is_set(parameter.name).then(|| option.to_owned()));
                }
                Argument::Option(option) => {
                    options.extend(texts.iter().map(|text| format!("{option}={text}")));
                }
                Argument::Positional => positional.extend_from_slice(texts),
                Argument::State => positional.push(state()),
                Argument::StateOption(option) => options.push(format!("{option}={}", state())),
                Argument::InStates | Argument::File => {}
            }
        }
        Arguments { options, positional }
    }
}

impl Route {
    /// Returns command lines of the verb: one for the least that a request can have, and one for each further parameter. A program checks
    /// with these that it understands every request.
    #[must_use]
    pub fn examples(&'static self) -> Vec<Vec<String>> {
        let sample = |parameter: &'static Parameter| {
            let text = match (parameter.name, parameter.kind) {
                (_, Kind::Flag) => return (parameter, Given::Flag(true)),
                (_, Kind::Number) => "7",
                ("version" | "versions", _) => "hello=1.0",
                ("scopes", _) => "add",
                ("expires", _) => "90d",
                ("state" | "from" | "to", _) if self.path.ends_with("/diff") => "3",
                ("package", _) if self.method == Method::Get => "hello",
                (name, _) => name,
            };
            (parameter, Given::Texts(vec![text.to_owned()]))
        };
        let required: Vec<_> =
            self.parameters.iter().filter(|parameter| parameter.is_required).map(sample).collect();
        let names = if self.takes_names { Names::Only(vec!["hello*".to_owned()]) } else { Names::Any };
        let base = self.plans.then_some("none");
        let words = |given: Vec<(&'static Parameter, Given)>| {
            let file = self.file().map(|_| "/uploads/hello.deb".to_owned());
            Request { route: self, given }.arguments(&names, base, Some(Timestamp::MAX)).into_words(file)
        };
        let further = || self.parameters.iter().filter(|parameter| !parameter.is_required);
        // `promote` takes packages or `all`, and one of both.
        let chosen =
            || further().filter(|parameter| self.verb == ["promote"] && parameter.name == "packages");
        let with = |parameter: &'static Parameter| {
            let is_choice = ["all", "packages"].contains(&parameter.name);
            let chosen = chosen().filter(|_| !is_choice).map(sample);
            words(required.iter().cloned().chain(chosen).chain([sample(parameter)]).collect())
        };
        let mut examples: Vec<Vec<String>> = further().map(with).collect();
        examples.push(words(required.iter().cloned().chain(chosen().map(sample)).collect()));
        examples
    }
}

/// The verb with its options, and its positional arguments.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Arguments {
    options: Vec<String>,
    positional: Vec<String>,
}

impl Arguments {
    /// Adds options.
    pub(crate) fn with_options(mut self, options: &[&str]) -> Self {
        self.options.extend(options.iter().map(|option| (*option).to_owned()));
        self
    }

    /// Returns the words of the command line, with the files last.
    pub(crate) fn into_words(self, files: impl IntoIterator<Item = String>) -> Vec<String> {
        let Self { mut options, positional } = self;
        options.push("--".to_owned());
        options.extend(positional);
        options.extend(files);
        options
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(method: &str, target: &str, body: &str) -> Result<Vec<String>, BadRequest> {
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (target, None),
        };
        match look_up(method, path)? {
            Lookup::Found(matched) => {
                let request = matched.read(query, body.as_bytes())?;
                Ok(request.arguments(&Names::Any, None, None).into_words([]))
            }
            other => panic!("{other:?}"),
        }
    }

    #[track_caller]
    fn made(method: &str, target: &str, body: &str) -> String {
        words(method, target, body).unwrap().join(" ")
    }

    #[test]
    fn a_request_becomes_a_command_line() {
        let base = "/api/v1/repositories/prod";
        assert_eq!(made("GET", &format!("{base}/packages"), ""), "list -- prod");
        assert_eq!(
            made(
                "GET",
                &format!("{base}/packages?state=@-1&packages=a*&packages=libc%2B%2B1&limit=5&suites=sid"),
                ""
            ),
            "list --suite=sid --limit=5 -- prod@-1 a* libc++1"
        );
        assert_eq!(
            made("GET", &format!("{base}/packages/libstdc++6?state=41"), ""),
            "versions --repository=prod@41 -- libstdc++6"
        );
        assert_eq!(made("GET", &format!("{base}/packages/hello/details"), ""), "show -- prod hello");
        assert_eq!(made("GET", &format!("{base}/diff?from=3"), ""), "diff -- prod@3 prod");
        assert_eq!(made("GET", &format!("{base}/diff/preprod"), ""), "diff -- preprod prod");
        assert_eq!(
            made(
                "POST",
                &format!("{base}/promotions"),
                r#"{"from":"preprod","packages":["hello","--all"],"dry_run":true,"all":false,"suites":null}"#
            ),
            "promote --to=prod --from=preprod --dry-run -- hello --all"
        );
        assert_eq!(
            made("DELETE", &format!("{base}/tags/-x?dry_run"), ""),
            "tag --delete --dry-run -- prod -x"
        );
        assert_eq!(
            made("PUT", &format!("{base}/packages/hello_1%3a2_all.deb?suites=sid&dry_run=false"), ""),
            "add --suite=sid -- prod"
        );
    }

    #[test]
    fn what_is_not_a_request_is_refused_with_the_reason() {
        let base = "/api/v1/repositories/prod";
        let refused =
            |method, target: &str, body| words(method, &format!("{base}{target}"), body).unwrap_err();
        for (method, target, body, expected) in [
            ("GET", "/packages?nosuch=1", "", "no parameter named `nosuch` here"),
            ("GET", "/packages?limit=-1", "", "the parameter `limit` must be a whole number"),
            ("GET", "/packages?limit=1&limit=2", "", "the parameter `limit` was given twice"),
            ("GET", "/packages?repository=preprod", "", "the parameter `repository` was given twice"),
            ("GET", "/packages?state=", "", "the parameter `state` has an empty value"),
            ("GET", "/packages?state=%00", "", "the parameter `state` has an empty value"),
            ("GET", "/packages?state=%ff", "", "malformed query"),
            ("GET", "/packages/a%00b", "", "malformed path"),
            ("GET", "/packages/a%2fb", "", "malformed path"),
            ("GET", "/diff", "", "the parameter `from` is missing"),
            ("POST", "/promotions", "{", "the body is not a JSON object"),
            ("POST", "/promotions", "[]", "the body is not a JSON object"),
            ("POST", "/promotions", "{}", "the parameter `from` is missing"),
            ("POST", "/promotions", r#"{"from":1}"#, "the parameter `from` must be a text"),
            (
                "POST",
                "/promotions",
                r#"{"from":"a","repository":"b"}"#,
                "the parameter `repository` was given twice",
            ),
            ("POST", "/promotions", r#"{"from":"a","packages":"b"}"#, "must be a list of texts"),
            ("POST", "/promotions", r#"{"from":"a\nb"}"#, "the parameter `from` has an empty value"),
            ("POST", "/promotions", r#"{"from":"a","dry_run":"yes"}"#, "must be true or false"),
            ("POST", "/promotions?dry_run=true", r#"{"from":"a"}"#, "malformed query"),
            ("POST", "/removals", r#"{"packages":[]}"#, "the parameter `packages` is missing"),
            ("PUT", "/packages/.hidden.deb", "", "not usable as the name of a file"),
            ("PUT", "/packages/-x.deb", "", "not usable as the name of a file"),
            ("PUT", "/packages/..", "", "not usable as the name of a file"),
            ("PUT", "/packages/a b.deb", "", "not usable as the name of a file"),
        ] {
            let error = refused(method, target, body).to_string();
            assert!(error.contains(expected), "{method} {target} {body}: {error}");
        }
        let deep = format!(r#"{{"from":{}1{}}}"#, "[".repeat(5000), "]".repeat(5000));
        assert!(words("POST", &format!("{base}/promotions"), &deep).is_err());
    }

    #[test]
    fn a_path_of_the_interface_is_known_with_its_methods() {
        let found = |method, path| look_up(method, path).unwrap();
        assert!(
            matches!(found("PATCH", "/api/v1/status"), Lookup::OtherMethod(methods) if methods == [Method::Get])
        );
        let tags = found("GET", "/api/v1/repositories/prod/tags/x");
        assert!(matches!(tags, Lookup::OtherMethod(methods) if methods == [Method::Put, Method::Delete]));
        for path in
            ["/api/v1", "/api/v1/", "/api/v1/nosuch", "/api/v2/status", "/api/v1/repositories//tags", "/"]
        {
            assert!(matches!(found("GET", path), Lookup::Nothing), "{path}");
        }
    }

    #[test]
    fn patterns_and_plans_come_from_the_caller_and_are_options() {
        let Lookup::Found(matched) = look_up("POST", "/api/v1/repositories/prod/promotions").unwrap() else {
            panic!()
        };
        let request = matched.read(None, br#"{"from":"preprod","packages":["x"]}"#).unwrap();
        let names = Names::Only(vec!["hello*".to_owned(), "--all".to_owned()]);
        assert_eq!(
            request.arguments(&names, Some("abc+def"), None).into_words([]).join(" "),
            "promote --only-names=hello* --only-names=--all --base=abc+def --to=prod --from=preprod -- x"
        );
    }
}
