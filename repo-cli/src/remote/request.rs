//! From the arguments of a verb to the request that asks a server for the same.

use clap::parser::ValueSource;
use clap::{ArgMatches, Command};
use repo_serve::api::{Argument, Kind, ROUTES, RequestBody, Route};
use serde_json::{Map, Value};

use crate::error::Failure;

/// A request of a route.
#[derive(Clone, Debug)]
pub(super) struct Request {
    route: &'static Route,
    /// The values of its parameters, by their names.
    values: Vec<(&'static str, Value)>,
    base: Option<String>,
}

/// The option with the plan that is to be carried out. A request has it in a header.
const BASE: &str = "--base";

/// What was given on the command line, and has not found its place in a request yet.
#[derive(Clone, Debug)]
struct Given {
    positional: Vec<String>,
    /// Options with their values; a switch has none.
    options: Vec<(String, Vec<String>)>,
}

impl Request {
    pub(super) fn method(&self) -> &'static str {
        self.route.method.as_str()
    }

    /// The plan that is to be carried out.
    pub(super) fn base(&self) -> Option<&str> {
        self.base.as_deref()
    }

    /// Returns the elements of the path.
    pub(super) fn path(&self) -> Vec<String> {
        let element = |element: &str| {
            let name = element.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
            name.map_or_else(|| element.to_owned(), |name| self.text(name).unwrap_or_default().to_owned())
        };
        self.route.path.split('/').skip(1).map(element).collect()
    }

    /// Returns the parameters in the query.
    pub(super) fn query(&self) -> Vec<(&'static str, String)> {
        if self.route.body == RequestBody::Json {
            return Vec::new();
        }
        let mut query = Vec::new();
        for (name, value) in self.free_values() {
            match value {
                Value::Array(values) => {
                    query.extend(
                        values.iter().filter_map(Value::as_str).map(|value| (name, value.to_owned())),
                    );
                }
                Value::String(text) => query.push((name, text.clone())),
                other => query.push((name, other.to_string())),
            }
        }
        query
    }

    /// Returns the body, if it is one in JSON.
    pub(super) fn body(&self) -> Option<Value> {
        let fields = || self.free_values().map(|(name, value)| (name.to_owned(), value.clone()));
        (self.route.body == RequestBody::Json).then(|| Value::Object(fields().collect::<Map<_, _>>()))
    }

    /// The values of parameters that are not in the path.
    fn free_values(&self) -> impl Iterator<Item = (&'static str, &Value)> {
        let in_path: Vec<&str> = self
            .route
            .parameters
            .iter()
            .filter(|one| self.route.is_in_path(one))
            .map(|one| one.name)
            .collect();
        self.values
            .iter()
            .filter(move |(name, _)| !in_path.contains(name))
            .map(|(name, value)| (*name, value))
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.values.iter().find(|(known, _)| *known == name).and_then(|(_, value)| value.as_str())
    }

    /// Returns whether a switch is given.
    pub(super) fn is_set(&self, name: &str) -> bool {
        self.values.iter().any(|(known, value)| *known == name && *value == Value::Bool(true))
    }

    /// Returns the same request for a file of that name. `is_part`: it is uploaded to wait for the rest of its upload.
    pub(super) fn for_file(&self, name: &str, is_part: bool) -> Self {
        let ends_in = if is_part { "/uploads/{name}" } else { "/packages/{name}" };
        let is_meant = |route: &&Route| route.body == RequestBody::File && route.path.ends_with(ends_in);
        let route = ROUTES.iter().find(is_meant).unwrap_or(self.route);
        let mut values = self.values.clone();
        values.push(("name", name.into()));
        Self { route, values, base: None }
    }
}

/// Returns the request for what was given.
pub(super) fn of(matches: &ArgMatches, command: &Command) -> Result<Request, Failure> {
    let (words, given) = given(matches, command)?;
    let of_verb = |route: &&Route| {
        let verb = route.verb.iter().filter(|word| !word.starts_with("--"));
        route.body != RequestBody::File && verb.eq(words.iter())
    };
    let routes: Vec<&'static Route> = ROUTES.iter().filter(of_verb).collect();
    let verb = words.join(" ");
    if routes.is_empty() {
        return Err(not_remote(format!("`{verb}` is not available")));
    }
    let mut reasons = Vec::new();
    for route in routes {
        match request(route, given.clone()) {
            Ok(request) => return Ok(request),
            Err(reason) => reasons.push(reason),
        }
    }
    // The last one takes the most.
    Err(not_remote(format!("`{verb}` {}", reasons.pop().unwrap_or_default())))
}

/// Returns what all uploads of `add` have in common.
pub(super) fn of_upload(matches: &ArgMatches, command: &Command) -> Result<Request, Failure> {
    let (words, mut given) = given(matches, command)?;
    given.positional.truncate(1);
    given.options.retain(|(option, _)| !["--keep-going", "--no-recursive"].contains(&option.as_str()));
    let route = ROUTES.iter().find(|route| route.body == RequestBody::File && route.verb == words.as_slice());
    let missing = || not_remote("`add` is not available".to_owned());
    request(route.ok_or_else(missing)?, given).map_err(|reason| not_remote(format!("`add` {reason}")))
}

fn not_remote(what: String) -> Failure {
    Failure::NotRemote { what }
}

/// Returns the words of the verb, and what was given for it.
fn given<'a>(matches: &'a ArgMatches, command: &'a Command) -> Result<(Vec<&'a str>, Given), Failure> {
    let (mut matches, mut command, mut words) = (matches, command, Vec::new());
    while let Some((name, below)) = matches.subcommand() {
        let found = command.find_subcommand(name);
        command = found.ok_or(Failure::Usage("the arguments cannot be read"))?;
        matches = below;
        words.push(name);
    }
    let mut given = Given { positional: Vec::new(), options: Vec::new() };
    // Positional arguments in their order; what every verb knows is about the program and not about the verb.
    let own = command.get_arguments().filter(|argument| !argument.is_global_set());
    for argument in own {
        let id = argument.get_id().as_str();
        if matches.value_source(id) != Some(ValueSource::CommandLine) {
            continue;
        }
        let raw = matches.get_raw(id).into_iter().flatten();
        let values: Vec<String> = raw.map(|value| value.to_string_lossy().into_owned()).collect();
        match argument.get_long() {
            None => given.positional.extend(values),
            Some(long) => {
                let takes_value = argument.get_action().takes_values();
                given.options.push((format!("--{long}"), if takes_value { values } else { Vec::new() }));
            }
        }
    }
    Ok((words, given))
}

/// Gives everything its place in a request of a route, or says why that cannot be.
fn request(route: &'static Route, mut given: Given) -> Result<Request, String> {
    let mut values: Vec<(&'static str, Value)> = Vec::new();
    for option in route.verb.iter().filter(|word| word.starts_with("--")) {
        take(&mut given.options, option).ok_or_else(|| format!("needs {option}"))?;
    }
    let base = take(&mut given.options, BASE).filter(|_| route.plans);
    let base = base.and_then(|values| values.into_iter().next());
    let mut positional = given.positional.into_iter().peekable();
    let mut states = States::default();
    for parameter in route.parameters {
        let name = parameter.name;
        match (parameter.argument, parameter.kind) {
            (Argument::Option(option), Kind::Flag) => {
                if take(&mut given.options, option).is_some() {
                    values.push((name, true.into()));
                }
            }
            (Argument::Option(option), kind) => {
                let Some(texts) = take(&mut given.options, option) else { continue };
                values.push((name, value(kind, texts)));
            }
            (Argument::Positional, Kind::Texts) => {
                let rest: Vec<String> = positional.by_ref().collect();
                if !rest.is_empty() {
                    values.push((name, rest.into()));
                }
            }
            (Argument::Positional, kind) => {
                let text = positional.next();
                let is_repository = ["repository", "from"].contains(&name);
                if is_repository && text.as_deref().is_some_and(|text| text.contains(['@', '/'])) {
                    return Err("takes no state or suite here".to_owned());
                }
                values.extend(text.map(|text| (name, value(kind, vec![text]))));
            }
            (Argument::State, _) => values.extend(states.add(name, positional.next())?),
            (Argument::StateOption(option), _) => {
                let texts = take(&mut given.options, option).unwrap_or_default();
                if texts.len() > 1 {
                    return Err("takes one repository".to_owned());
                }
                values.extend(states.add(name, texts.into_iter().next())?);
            }
            (Argument::InStates | Argument::File, _) => {}
        }
    }
    values.extend(states.repository.map(|repository| ("repository", repository.into())));
    if let Some((option, _)) = given.options.first() {
        return Err(format!("takes no {option}"));
    }
    if let Some(more) = positional.next() {
        return Err(format!("takes no `{more}` here"));
    }
    let is_missing = |name: &str| !values.iter().any(|(known, _)| *known == name);
    let required = route.parameters.iter().filter(|parameter| parameter.is_required);
    if let Some(missing) =
        required.filter(|one| one.argument != Argument::File).find(|parameter| is_missing(parameter.name))
    {
        return Err(format!("needs a value for `{}`", missing.name));
    }
    Ok(Request { route, values, base })
}

fn take(options: &mut Vec<(String, Vec<String>)>, name: &str) -> Option<Vec<String>> {
    let place = options.iter().position(|(option, _)| option == name)?;
    Some(options.remove(place).1)
}

fn value(kind: Kind, texts: Vec<String>) -> Value {
    match kind {
        Kind::Texts => texts.into(),
        Kind::Number => {
            let text = texts.into_iter().next().unwrap_or_default();
            text.parse::<u32>().map_or_else(|_| Value::from(text), Value::from)
        }
        Kind::Text | Kind::Flag => texts.into_iter().next().into(),
    }
}

/// The states that were named so far: all of one repository.
#[derive(Default)]
struct States {
    repository: Option<String>,
}

impl States {
    /// Splits `REPOSITORY@STATE`, and returns the state as the value of a parameter if there is one.
    fn add(
        &mut self,
        name: &'static str,
        text: Option<String>,
    ) -> Result<Option<(&'static str, Value)>, String> {
        let Some(text) = text else { return Ok(None) };
        let (repository, state) = match text.split_once('@') {
            Some((repository, state)) => (repository, Some(state)),
            None => (text.as_str(), None),
        };
        if repository.contains('/') {
            return Err("takes no suite behind a repository; use --suite".to_owned());
        }
        if self.repository.as_deref().is_some_and(|known| known != repository) {
            return Err(
                "compares a repository with states of itself, or as it is now with another".to_owned()
            );
        }
        self.repository = Some(repository.to_owned());
        Ok(state.map(|state| (name, state.into())))
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::args::Arguments;

    fn made(line: &str) -> String {
        let command = Arguments::command();
        let words = std::iter::once("repo-cli").chain(line.split(' '));
        let matches = command.clone().try_get_matches_from(words).unwrap();
        match of(&matches, &command) {
            Ok(request) => {
                let query = request
                    .query()
                    .iter()
                    .map(|(name, value)| format!(" {name}={value}"))
                    .collect::<String>();
                let body = request.body().map_or_else(String::new, |body| format!(" {body}"));
                let base = request.base().map_or_else(String::new, |base| format!(" if {base}"));
                format!("{} {}{query}{body}{base}", request.method(), request.path().join("/"))
            }
            Err(failure) => failure.to_string(),
        }
    }

    #[test]
    fn a_command_line_becomes_a_request() {
        insta::assert_snapshot!(
            [
                "list prod",
                "list prod@-1 hello a* --suite sid --limit 3 --json",
                "list prod/sid",
                "versions hello --repository prod@3",
                "versions hello",
                "show prod hello=1",
                "diff prod@1 prod",
                "diff preprod prod",
                "diff preprod@1 prod",
                "diff preprod/sid prod",
                "promote --from preprod --to prod hello --dry-run",
                "promote --from preprod --to prod --all --base a+b",
                "remove prod hello --only-names x",
                "tag prod",
                "tag prod x",
                "tag prod x 3 --dry-run",
                "tag prod x --delete",
                "rollback prod --to @-1 --yes",
                "undo prod",
                "publish prod",
                "publish",
                "history prod --limit 2",
                "hold prod aa=1 bb=2 --reason why",
                "unhold prod aa=1",
                "unhold prod aa bb",
                "holds prod",
                "key export --repository prod",
                "key export",
                "key list",
                "access list prod",
                "access add prod ci --scope add --group x",
                "access revoke prod ci",
                "status",
                "gc",
                "fsck --repair",
            ]
            .map(|line| format!("{line}: {}", made(line)))
            .join("\n")
        );
    }

    #[test]
    fn every_route_can_be_asked_for_from_the_command_line() {
        // `add` is the verb of the routes that take files.
        let command = Arguments::command();
        for route in ROUTES {
            let mut below = Some(&command);
            for word in route.verb.iter().filter(|word| !word.starts_with("--")) {
                below = below.and_then(|command| command.find_subcommand(word));
            }
            let below = below.unwrap_or_else(|| panic!("{:?}", route.verb));
            for parameter in route.parameters {
                if let Argument::Option(option) | Argument::StateOption(option) = parameter.argument {
                    let long = option.strip_prefix("--").unwrap();
                    let argument = below.get_arguments().find(|argument| argument.get_long() == Some(long));
                    let takes_value =
                        argument.unwrap_or_else(|| panic!("{option}")).get_action().takes_values();
                    assert_eq!(takes_value, parameter.kind != Kind::Flag, "{option}");
                }
            }
        }
    }
}
