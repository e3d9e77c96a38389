use crate::error::{Failure, Outcome};
use crate::output::Output;
use crate::session::Session;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct PublishArguments {
    /// The repositories [default: all]
    #[arg(value_name = "REPOSITORY")]
    repositories: Vec<String>,
}

pub(crate) fn run(
    arguments: &PublishArguments,
    session: &Session,
    output: &Output,
) -> Result<Outcome, Failure> {
    let repositories = session.repositories(&arguments.repositories)?;
    let mut published = Vec::new();
    for repository in repositories {
        let report = session.publish(repository, output)?;
        if report.publication.is_none() {
            output.say(&format!("{} is published as it is", repository.name));
        }
        published.push(serde_json::json!({
            "repository": repository.name.as_str(),
            "publication": report.publication.map(|id| id.to_string()),
            "suites": report.suites.iter().map(ToString::to_string).collect::<Vec<_>>(),
        }));
    }
    output.result(&serde_json::json!({ "published": published }), || {});
    Ok(Outcome::Done)
}
