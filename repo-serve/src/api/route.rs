//! The table of routes: the one source of what the interface offers, of its description and of the client.

use super::scope::Scope;

/// Everything lies below this path.
pub const BASE: &str = "/api/v1";

/// The method of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Method {
    /// Reads, and never changes anything.
    Get,
    /// Uploads a file, or makes something of a known name.
    Put,
    /// Changes something.
    Post,
    /// Deletes something.
    Delete,
}

impl Method {
    /// Returns the name of the method in a request.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Put => "PUT",
            Self::Post => "POST",
            Self::Delete => "DELETE",
        }
    }
}

/// What the body of a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestBody {
    /// Nothing: what is not in the path is in the query.
    Nothing,
    /// A JSON object with the parameters that are not in the path.
    Json,
    /// A file; the parameters that are not in the path are in the query.
    File,
}

/// What a parameter holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A text.
    Text,
    /// A list of texts; in a query the parameter is repeated.
    Texts,
    /// `true` or `false`.
    Flag,
    /// A whole number.
    Number,
}

/// What the verb is given for a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Argument {
    /// The option of that name, with the value.
    Option(&'static str),
    /// A positional argument; they follow each other in the order of the parameters.
    Positional,
    /// Nothing by itself: the repository is a part of its states.
    InStates,
    /// A state of the repository as a positional argument: `REPOSITORY@STATE`, or `REPOSITORY` for the current one.
    State,
    /// The same as the value of that option.
    StateOption(&'static str),
    /// The file that is uploaded.
    File,
}

/// One parameter of a route.
#[derive(Clone, Copy, Debug)]
pub struct Parameter {
    /// Its name, in the path, the query or the body.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// What the verb is given for it.
    pub argument: Argument,
    /// Whether a request must have it.
    pub is_required: bool,
    /// Its meaning, in one sentence.
    pub meaning: &'static str,
}

/// One thing that the interface offers.
#[derive(Clone, Copy, Debug)]
pub struct Route {
    /// The method.
    pub method: Method,
    /// The path below [`BASE`], with names in braces where a request has a value.
    pub path: &'static str,
    /// The verb of the program that does it.
    pub verb: &'static [&'static str],
    /// Options that the verb is always given, and that no client knows.
    pub always: &'static [&'static str],
    /// What it does, in one sentence.
    pub summary: &'static str,
    /// The scope that it takes; `None`: a token of any repository.
    pub scope: Option<Scope>,
    /// The body of a request.
    pub body: RequestBody,
    /// Whether it changes something.
    pub changes: bool,
    /// Whether a dry run makes a plan, which `If-Match` then carries out.
    pub plans: bool,
    /// Whether the verb takes `--only-names`: then a scope may have a pattern for names.
    pub takes_names: bool,
    /// Its parameters. Those in the path come first.
    pub parameters: &'static [Parameter],
}

impl Route {
    /// Returns whether a parameter is in the path.
    #[must_use]
    pub fn is_in_path(&self, parameter: &Parameter) -> bool {
        let mut elements = self.path.split('/');
        elements.any(|element| placeholder(element) == Some(parameter.name))
    }

    /// Returns the parameter with the name of the file that is uploaded.
    pub(crate) fn file(&self) -> Option<&'static str> {
        let file = self.parameters.iter().find(|parameter| parameter.argument == Argument::File);
        file.map(|parameter| parameter.name)
    }

    /// Returns whether an answer is kept for a repeated request with the same `Idempotency-Key`. A token is shown once, so the answer
    /// that has one is not.
    #[must_use]
    pub fn can_be_repeated(&self) -> bool {
        self.changes && self.scope != Some(Scope::Tokens)
    }
}

/// Returns the name in an element of a path like `{name}`.
pub(crate) fn placeholder(element: &str) -> Option<&str> {
    element.strip_prefix('{')?.strip_suffix('}')
}

const fn parameter(
    name: &'static str,
    kind: Kind,
    argument: Argument,
    is_required: bool,
    meaning: &'static str,
) -> Parameter {
    Parameter { name, kind, argument, is_required, meaning }
}

const REPOSITORY: Parameter =
    parameter("repository", Kind::Text, Argument::Positional, true, "The repository.");
const FILE: Parameter =
    parameter("name", Kind::Text, Argument::File, true, "The name of the file, without a directory.");
const STATES_OF: Parameter = parameter("repository", Kind::Text, Argument::InStates, true, "The repository.");
const AT: Parameter = parameter(
    "state",
    Kind::Text,
    Argument::State,
    false,
    "A state: a number, commit, tag or time; the current one if not given.",
);
const PACKAGES: Parameter = parameter(
    "packages",
    Kind::Texts,
    Argument::Positional,
    false,
    "Names or patterns, with `=VERSION` if wanted.",
);
const SUITES: Parameter =
    parameter("suites", Kind::Texts, Argument::Option("--suite"), false, "Only these suites.");
const LIMIT: Parameter =
    parameter("limit", Kind::Number, Argument::Option("--limit"), false, "At most so many entries.");
const COLUMNS: Parameter = parameter(
    "columns",
    Kind::Texts,
    Argument::Option("--columns"),
    false,
    "The columns; any field of a package may be one.",
);
const DRY_RUN: Parameter = parameter(
    "dry_run",
    Kind::Flag,
    Argument::Option("--dry-run"),
    false,
    "Show what would be done and change nothing.",
);
const NO_PUBLISH: Parameter = parameter(
    "no_publish",
    Kind::Flag,
    Argument::Option("--no-publish"),
    false,
    "Leave publishing to a later request.",
);
const DESPITE_HOLD: Parameter = parameter(
    "despite_hold",
    Kind::Flag,
    Argument::Option("--despite-hold"),
    false,
    "Take held versions as well; ends the hold.",
);
const YES: Parameter = parameter(
    "yes",
    Kind::Flag,
    Argument::Option("--yes"),
    false,
    "Go on even if less than half of a suite would be left.",
);
const CHOSEN_SUITES: Parameter = parameter(
    "suites",
    Kind::Texts,
    Argument::Option("--suite"),
    false,
    "Put the packages into these suites.",
);
const COMPONENT: Parameter = parameter(
    "component",
    Kind::Text,
    Argument::Option("--component"),
    false,
    "Put the packages into this component.",
);
const CHECK_DATA: Parameter = parameter(
    "check_data",
    Kind::Flag,
    Argument::Option("--check-data"),
    false,
    "Unpack the data archive of each file to check it to the end.",
);

/// What the routes have in common.
const READING: Route = Route {
    method: Method::Get,
    path: "",
    verb: &[],
    always: &[],
    summary: "",
    scope: Some(Scope::Read),
    body: RequestBody::Nothing,
    changes: false,
    plans: false,
    takes_names: false,
    parameters: &[],
};
const CHANGING: Route = Route { method: Method::Post, body: RequestBody::Json, changes: true, ..READING };
const UPLOADING: Route = Route {
    method: Method::Put,
    verb: &["add"],
    scope: Some(Scope::Add),
    body: RequestBody::File,
    takes_names: true,
    parameters: &[REPOSITORY, FILE, CHOSEN_SUITES, COMPONENT, DESPITE_HOLD, CHECK_DATA, DRY_RUN, NO_PUBLISH],
    ..CHANGING
};

/// Everything that the interface offers.
pub const ROUTES: &[Route] = &[
    Route {
        path: "/status",
        verb: &["status"],
        summary: "Shows the state of the repositories that the token may read.",
        scope: None,
        ..READING
    },
    Route {
        path: "/repositories/{repository}/packages",
        verb: &["list"],
        summary: "Lists the packages of a repository.",
        parameters: &[STATES_OF, AT, PACKAGES, SUITES, COLUMNS, LIMIT],
        ..READING
    },
    Route {
        path: "/repositories/{repository}/packages/{name}",
        verb: &["versions"],
        summary: "Lists every version of a package.",
        parameters: &[
            STATES_OF,
            parameter("name", Kind::Text, Argument::Positional, true, "The name of the package."),
            Parameter { argument: Argument::StateOption("--repository"), ..AT },
            COLUMNS,
        ],
        ..READING
    },
    Route {
        path: "/repositories/{repository}/packages/{name}/details",
        verb: &["show"],
        summary: "Shows everything known of a package.",
        parameters: &[
            STATES_OF,
            AT,
            parameter(
                "name",
                Kind::Text,
                Argument::Positional,
                true,
                "The name of the package, with `=VERSION` if wanted.",
            ),
        ],
        ..READING
    },
    Route {
        path: "/repositories/{repository}/packages/{name}",
        summary: "Adds a package file (`.deb`, `.udeb`, `.ddeb`), or a source package (`.dsc`) whose other files were uploaded before.",
        ..UPLOADING
    },
    Route {
        path: "/repositories/{repository}/uploads/{name}",
        summary: "Takes a file of an upload; a file that ends in `.changes` comes last and adds the upload.",
        ..UPLOADING
    },
    Route {
        path: "/repositories/{repository}/diff",
        verb: &["diff"],
        summary: "Compares two states of a repository.",
        parameters: &[
            STATES_OF,
            parameter(
                "from",
                Kind::Text,
                Argument::State,
                true,
                "The first state, such as `@-1` or a number.",
            ),
            parameter(
                "to",
                Kind::Text,
                Argument::State,
                false,
                "The second state; the current one if not given.",
            ),
        ],
        ..READING
    },
    Route {
        path: "/repositories/{repository}/diff/{from}",
        verb: &["diff"],
        summary: "Compares the repository `from` with this one: what a promotion would be about.",
        scope: Some(Scope::Promote),
        parameters: &[
            parameter("from", Kind::Text, Argument::Positional, true, "The repository to compare with."),
            REPOSITORY,
        ],
        ..READING
    },
    Route {
        path: "/repositories/{repository}/promotions",
        verb: &["promote"],
        summary: "Promotes packages from another repository into this one.",
        scope: Some(Scope::Promote),
        plans: true,
        takes_names: true,
        parameters: &[
            parameter(
                "repository",
                Kind::Text,
                Argument::Option("--to"),
                true,
                "The repository to promote to.",
            ),
            parameter(
                "from",
                Kind::Text,
                Argument::Option("--from"),
                true,
                "The repository to promote from.",
            ),
            PACKAGES,
            parameter(
                "all",
                Kind::Flag,
                Argument::Option("--all"),
                false,
                "Everything that this repository lacks.",
            ),
            SUITES,
            parameter(
                "whole_source",
                Kind::Flag,
                Argument::Option("--whole-source"),
                false,
                "Everything that was built from the same sources too.",
            ),
            DESPITE_HOLD,
            DRY_RUN,
            NO_PUBLISH,
        ],
        ..CHANGING
    },
    Route {
        path: "/repositories/{repository}/removals",
        verb: &["remove"],
        summary: "Removes packages, or undoes the last such removal.",
        scope: Some(Scope::Remove),
        plans: true,
        takes_names: true,
        parameters: &[
            REPOSITORY,
            Parameter { is_required: true, ..PACKAGES },
            SUITES,
            parameter(
                "undo",
                Kind::Flag,
                Argument::Option("--undo"),
                false,
                "Bring back what the last such removal took out.",
            ),
            YES,
            DRY_RUN,
            NO_PUBLISH,
        ],
        ..CHANGING
    },
    Route {
        path: "/repositories/{repository}/undo",
        verb: &["undo"],
        // A token is for one repository.
        always: &["--alone"],
        summary: "Undoes the last change of a repository.",
        scope: Some(Scope::Rollback),
        plans: true,
        parameters: &[REPOSITORY, YES, DRY_RUN, NO_PUBLISH],
        ..CHANGING
    },
    Route {
        path: "/repositories/{repository}/rollbacks",
        verb: &["rollback"],
        summary: "Gives a repository the content it had before.",
        scope: Some(Scope::Rollback),
        plans: true,
        parameters: &[
            REPOSITORY,
            parameter("to", Kind::Text, Argument::Option("--to"), true, "The state to go back to."),
            SUITES,
            YES,
            DRY_RUN,
            NO_PUBLISH,
        ],
        ..CHANGING
    },
    Route {
        path: "/repositories/{repository}/tags",
        verb: &["tag"],
        summary: "Lists the tags of a repository.",
        parameters: &[REPOSITORY],
        ..READING
    },
    Route {
        method: Method::Put,
        path: "/repositories/{repository}/tags/{tag}",
        verb: &["tag"],
        summary: "Names a state of a repository.",
        scope: Some(Scope::Tag),
        parameters: &[
            REPOSITORY,
            parameter("tag", Kind::Text, Argument::Positional, true, "The name of the tag."),
            parameter(
                "revision",
                Kind::Text,
                Argument::Positional,
                false,
                "The state; the current one if not given.",
            ),
            DRY_RUN,
        ],
        ..CHANGING
    },
    Route {
        method: Method::Delete,
        path: "/repositories/{repository}/tags/{tag}",
        verb: &["tag", "--delete"],
        summary: "Deletes a tag.",
        scope: Some(Scope::Tag),
        body: RequestBody::Nothing,
        parameters: &[
            REPOSITORY,
            parameter("tag", Kind::Text, Argument::Positional, true, "The name of the tag."),
            DRY_RUN,
        ],
        ..CHANGING
    },
    Route {
        path: "/repositories/{repository}/publications",
        verb: &["publish"],
        summary: "Publishes the current state of a repository.",
        scope: Some(Scope::Publish),
        parameters: &[
            REPOSITORY,
            parameter(
                "allow_release_info_change",
                Kind::Flag,
                Argument::Option("--allow-release-info-change"),
                false,
                "Publish even if clients must confirm a changed Release file.",
            ),
            parameter(
                "allow_removal",
                Kind::Flag,
                Argument::Option("--allow-removal"),
                false,
                "Publish even if clients no longer find a suite.",
            ),
            parameter(
                "allow_key_change",
                Kind::Flag,
                Argument::Option("--allow-key-change"),
                false,
                "Publish even if none of the keys signed what clients see.",
            ),
            DRY_RUN,
        ],
        ..CHANGING
    },
    Route {
        path: "/repositories/{repository}/history",
        verb: &["history"],
        summary: "Lists what was done to a repository.",
        parameters: &[
            REPOSITORY,
            parameter("package", Kind::Text, Argument::Positional, false, "Only what concerns this package."),
            SUITES,
            LIMIT,
        ],
        ..READING
    },
    Route {
        path: "/repositories/{repository}/holds",
        verb: &["holds"],
        summary: "Lists the versions that are kept out of a repository.",
        parameters: &[REPOSITORY, LIMIT],
        ..READING
    },
    Route {
        path: "/repositories/{repository}/holds",
        verb: &["hold"],
        summary: "Keeps versions out of a repository.",
        scope: Some(Scope::Hold),
        takes_names: true,
        parameters: &[
            REPOSITORY,
            parameter(
                "versions",
                Kind::Texts,
                Argument::Positional,
                true,
                "The versions, each as `PACKAGE=VERSION`.",
            ),
            parameter("reason", Kind::Text, Argument::Option("--reason"), false, "Why, for the history."),
            DRY_RUN,
        ],
        ..CHANGING
    },
    Route {
        method: Method::Delete,
        path: "/repositories/{repository}/holds/{package}",
        verb: &["unhold"],
        summary: "Lets held versions in again.",
        scope: Some(Scope::Hold),
        body: RequestBody::Nothing,
        takes_names: true,
        parameters: &[
            REPOSITORY,
            parameter(
                "package",
                Kind::Text,
                Argument::Positional,
                true,
                "A name or pattern, with `=VERSION` if wanted.",
            ),
            DRY_RUN,
        ],
        ..CHANGING
    },
    Route {
        path: "/repositories/{repository}/approvals",
        verb: &["approvals"],
        summary: "Lists who has approved which versions in a repository.",
        parameters: &[REPOSITORY, LIMIT],
        ..READING
    },
    Route {
        path: "/repositories/{repository}/approvals",
        verb: &["approve"],
        summary: "Approves versions, as the holder of the token.",
        scope: Some(Scope::Approve),
        takes_names: true,
        parameters: &[
            REPOSITORY,
            parameter(
                "versions",
                Kind::Texts,
                Argument::Positional,
                true,
                "The versions, each as `PACKAGE=VERSION`.",
            ),
            parameter(
                "whole_source",
                Kind::Flag,
                Argument::Option("--whole-source"),
                false,
                "Everything that was built from the sources of these names too.",
            ),
            DRY_RUN,
        ],
        ..CHANGING
    },
    Route {
        method: Method::Delete,
        path: "/repositories/{repository}/approvals/{version}",
        verb: &["approve", "--withdraw"],
        summary: "Takes back what the holder of the token has approved.",
        scope: Some(Scope::Approve),
        body: RequestBody::Nothing,
        takes_names: true,
        parameters: &[
            REPOSITORY,
            parameter(
                "version",
                Kind::Text,
                Argument::Positional,
                true,
                "The version, as `PACKAGE=VERSION`.",
            ),
            DRY_RUN,
        ],
        ..CHANGING
    },
    Route {
        path: "/repositories/{repository}/keys",
        verb: &["key", "export"],
        summary: "Shows the public keys that sign a repository.",
        parameters: &[parameter(
            "repository",
            Kind::Text,
            Argument::Option("--repository"),
            true,
            "The repository.",
        )],
        ..READING
    },
    Route {
        path: "/repositories/{repository}/tokens",
        verb: &["access", "list"],
        summary: "Lists who has a token for a repository.",
        scope: Some(Scope::Tokens),
        parameters: &[REPOSITORY],
        ..READING
    },
    Route {
        path: "/repositories/{repository}/tokens",
        verb: &["access", "add"],
        summary: "Makes a token, with scopes that the caller has too.",
        scope: Some(Scope::Tokens),
        parameters: &[
            REPOSITORY,
            parameter(
                "holder",
                Kind::Text,
                Argument::Positional,
                true,
                "The machine or job that gets the token.",
            ),
            parameter(
                "scopes",
                Kind::Texts,
                Argument::Option("--scope"),
                true,
                "What the token may do, such as `add` or `promote:hello*`.",
            ),
            parameter(
                "expires",
                Kind::Text,
                Argument::Option("--expires"),
                false,
                "How long the token counts, such as `90d`.",
            ),
            parameter("groups", Kind::Texts, Argument::Option("--group"), false, "The groups of the holder."),
            DRY_RUN,
        ],
        ..CHANGING
    },
    Route {
        method: Method::Delete,
        path: "/repositories/{repository}/tokens/{holder}",
        verb: &["access", "revoke"],
        summary: "Revokes a token.",
        scope: Some(Scope::Tokens),
        body: RequestBody::Nothing,
        parameters: &[
            REPOSITORY,
            parameter("holder", Kind::Text, Argument::Positional, true, "Whose token."),
            DRY_RUN,
        ],
        ..CHANGING
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parameters_of_each_route_are_those_of_its_path_and_others_once() {
        for route in ROUTES {
            let in_path: Vec<&str> = route.path.split('/').filter_map(placeholder).collect();
            let mut names: Vec<&str> = route.parameters.iter().map(|parameter| parameter.name).collect();
            for name in &in_path {
                let parameter = route.parameters.iter().find(|parameter| parameter.name == *name);
                assert!(parameter.is_some_and(|parameter| parameter.is_required), "{} {name}", route.path);
            }
            names.sort_unstable();
            let count = names.len();
            names.dedup();
            assert_eq!(count, names.len(), "{}", route.path);
            assert!(!route.summary.is_empty() && route.summary.ends_with('.'), "{}", route.path);
            let is_file = |parameter: &Parameter| parameter.argument == Argument::File;
            assert_eq!(
                route.body == RequestBody::File,
                route.parameters.iter().any(is_file),
                "{}",
                route.path
            );
            assert!(route.changes || route.method == Method::Get, "{}", route.path);
        }
    }
}
