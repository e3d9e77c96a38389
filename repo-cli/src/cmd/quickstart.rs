use camino::{Utf8Path, Utf8PathBuf};
use repo_store::{AddOptions, AddReport, Committed};
use serde::Serialize;

use super::add::{self, AddJson};
use super::init::{self, LayoutArguments};
use super::{client_config, serve};
use crate::args::{Global, ROWS};
use crate::config::{DEFAULT_LISTEN, Url};
use crate::error::{Failure, Outcome};
use crate::examples;
use crate::output::{Output, RowLimit};
use crate::session::{Publishing, Session};

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct QuickstartArguments {
    /// Where to make the store; one that is there already is used as it is
    #[arg(value_name = "DIR")]
    directory: Utf8PathBuf,
    /// Packages to add to the first repository, or directories of them [default: three small examples]
    #[arg(value_name = "FILE")]
    files: Vec<Utf8PathBuf>,
    #[command(flatten)]
    layout: LayoutArguments,
    /// Where to listen; another port is taken when this one is in use
    #[arg(long, value_name = "ADDRESS:PORT", default_value = DEFAULT_LISTEN)]
    listen: String,
    /// Write a line to standard error for each request
    #[arg(long)]
    log: bool,
    /// Do everything but serve
    #[arg(long)]
    no_serve: bool,
}

#[derive(Serialize)]
struct QuickstartJson<'a> {
    #[serde(flatten)]
    add: AddJson<'a>,
    root: &'a str,
    /// Where it serves, if it does.
    listen: Option<String>,
    url: String,
}

pub(crate) fn run(
    arguments: &QuickstartArguments,
    global: &Global,
    output: &Output,
) -> Result<Outcome, Failure> {
    let root = &arguments.directory;
    let fresh = !root.join("repo.toml").exists();
    if fresh {
        // What a person brings to try it is to be seen at work, whatever release it was built for.
        init::init(root, &arguments.layout, "everywhere", output)?;
    }
    let session = Session::open(&Global { root: Some(root.clone()), ..global.clone() })?;
    let Some(first) = session.config.repositories().next() else {
        return Err(Failure::UnknownRepository { name: "preprod".to_owned(), known: Vec::new() });
    };
    let mut files = add::with_directories_read(&arguments.files)?;
    if files.is_empty() && fresh {
        files = examples::write(&root.join("examples"))?;
    }
    let mut outcome = Outcome::Done;
    let mut report =
        AddReport { added: Vec::new(), refused: Vec::new(), committed: Committed { commit: None } };
    if !files.is_empty() {
        // Showing what works comes first here: one bad file of many is reported, not fatal.
        let options = AddOptions { keep_going: true, ..AddOptions::default() };
        let mut first = first.clone();
        first.uploaders = session.config.uploaders(&first.name)?;
        report = session.store.add(&first, &files, &options, &session.context())?;
        add::print(&report, true, false, RowLimit::new(ROWS, "repo-cli list"), output);
        if !report.refused.is_empty() {
            outcome = Outcome::Refused;
        }
    }
    let published = session.publish_each(session.config.repositories(), Publishing::default(), output)?;
    let failed = published.filter(|(_, report)| report.is_none()).count();
    if failed > 0 {
        outcome = Outcome::Refused;
    }
    let done = |listen, url: &Url| QuickstartJson {
        add: add::json(&report, true, false),
        root: session.root.as_str(),
        listen,
        url: url.to_string(),
    };
    if arguments.no_serve {
        let url = Url::of_server(&arguments.listen);
        output.result(&done(None, &url), || {});
        print_next_steps(&session, root, &url, output)?;
        return Ok(outcome);
    }
    let server =
        serve::bind(&session, &arguments.listen, output.talk()).or_else(|failure| match failure {
            Failure::Io { source, .. } if source.kind() == std::io::ErrorKind::AddrInUse => {
                let host = arguments.listen.rsplit_once(':').map_or("127.0.0.1", |(host, _)| host);
                output.note(&format!("{} is in use: another port is taken", arguments.listen));
                serve::bind(&session, &format!("{host}:0"), output.talk())
            }
            other => Err(other),
        })?;
    let address = server.local_addr().map_err(Failure::io("listen on", &arguments.listen))?;
    let url = session.config.url().cloned().unwrap_or_else(|| Url::of_server(address));
    output.result(&done(Some(address.to_string()), &url), || {});
    print_next_steps(&session, root, &url, output)?;
    output.say(&format!("\nserving http://{address} until Ctrl-C"));
    serve::run_until_interrupted(server, arguments.log, output)?;
    Ok(outcome)
}

/// Exactly what to paste on a client, and what to try next.
fn print_next_steps(session: &Session, root: &Utf8Path, url: &Url, output: &Output) -> Result<(), Failure> {
    let repositories: Vec<_> = session.config.repositories().collect();
    let Some(first) = repositories.first() else { return Ok(()) };
    let suite = first.suites.first().map(|suite| suite.name.clone());
    let suites: Vec<_> = suite.into_iter().collect();
    let sources = client_config::sources(session, first, &suites, url)?;
    output.say("\n# On a client, as root (for another release, change `Suites`):\n");
    output.say(&format!(
        "cat > /etc/apt/sources.list.d/{}.sources <<'END'\n{}\nEND",
        first.name,
        sources.trim_end()
    ));
    if session.config.needs_password(&first.name) {
        let auth = client_config::auth(first, url);
        output.say(&format!(
            "install -m 600 /dev/stdin /etc/apt/auth.conf.d/{}.conf <<'END'\n{}\nEND",
            first.name,
            auth.trim_end()
        ));
    }
    output.say("apt update");
    output.say("\n# Here, in another terminal:\n");
    let root = root.canonicalize_utf8().map_err(Failure::io("find", root))?;
    output.say(&format!("export REPO_ROOT={root}"));
    output.say(&format!("repo-cli list {}", first.name));
    if let Some(second) = repositories.get(1) {
        output.say(&format!("repo-cli diff {} {}", first.name, second.name));
        output.say(&format!("repo-cli promote --all --from {} --to {}", first.name, second.name));
        output.say(&format!("repo-cli history {}", second.name));
    }
    Ok(())
}
