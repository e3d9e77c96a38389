//! The tokens of machines and jobs: `access`.

use clap::Subcommand;
use deb_parse::SuiteName;
use jiff::{SignedDuration, Timestamp};
use repo_config::error::InvalidValue;
use repo_config::{FromText as _, Url};
use repo_serve::hashes_for_other_servers;
use repo_store::access::{NewToken, TokenEntry, TokenScope};
use repo_store::model::HolderName;
use repo_store::{RepositoryName, RepositorySettings};
use serde::Serialize;

use super::client_config::{Setup, address, paste};
use crate::args::{RowArguments, RowLimits as _, argument};
use crate::clock;
use crate::error::{Failure, Outcome};
use crate::json_value::{JsonDocument, Text, Time};
use crate::output::{Column, Output, count, joined};
use crate::session::Session;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct AccessArguments {
    #[command(subcommand)]
    command: AccessCommand,
}

#[derive(Clone, Debug, Subcommand)]
enum AccessCommand {
    /// Make a token for a machine or a job, and print the login entry with it: it is shown this once
    Add(AddArguments),
    /// Make a token for a machine, and print the line that sets the machine up with it: it is shown this once
    Invite(InviteArguments),
    /// List who has a token
    List(ListArguments),
    /// Make a token worthless
    Revoke(RevokeArguments),
    /// Give the holder of a token another name; the token stays the same
    Rename(RenameArguments),
}

#[derive(Clone, Debug, clap::Args)]
struct AddArguments {
    #[command(flatten)]
    token: TokenArguments,
    /// What the token may do through the interface for programs, such as `add` or `promote:hello*`: read, add, promote, remove, rollback,
    /// tag, publish, hold, approve or tokens, the first ones with a pattern for names of packages; may be given several times. With scopes, only
    /// `read` lets the token read by apt [default: it reads by apt and does nothing else]
    #[arg(long = "scope", value_name = "SCOPE", value_parser = TokenScope::parse)]
    scopes: Vec<TokenScope>,
    /// Refuse a token that counts longer than until this time, which is when the token of the one that asks for it ends
    #[arg(long, value_name = "TIME", hide = true)]
    ends_by: Option<Timestamp>,
}

/// What a token is made of.
#[derive(Clone, Debug, clap::Args)]
struct TokenArguments {
    /// The repository
    repository: String,
    /// The machine or job that gets the token
    #[arg(value_name = "NAME", value_parser = HolderName::parse)]
    holder: HolderName,
    /// Let the token count for that long only, such as 90d or 36h
    #[arg(long, value_name = "TIME", value_parser = validity)]
    expires: Option<SignedDuration>,
    /// A group that the machine or job is in; may be given several times
    #[arg(long = "group", value_name = "NAME", value_parser = HolderName::parse)]
    groups: Vec<HolderName>,
    /// The address under which the client reaches all repositories [default: as configured]
    #[arg(long, value_parser = argument::<Url>)]
    url: Option<Url>,
    /// Show what would be done and change nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Clone, Debug, clap::Args)]
struct InviteArguments {
    #[command(flatten)]
    token: TokenArguments,
    /// A suite for the client; may be given several times [default: the one of the client's release]
    #[arg(long = "suite", value_name = "NAME", value_parser = SuiteName::parse)]
    suites: Vec<SuiteName>,
}

#[derive(Clone, Debug, clap::Args)]
struct ListArguments {
    /// The repository [default: all]
    repository: Option<String>,
    #[command(flatten)]
    rows: RowArguments,
}

#[derive(Clone, Debug, clap::Args)]
struct RevokeArguments {
    /// The repository
    repository: String,
    /// Whose token
    #[arg(value_name = "NAME", value_parser = HolderName::parse)]
    holder: HolderName,
    /// Show what would be done and change nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Clone, Debug, clap::Args)]
struct RenameArguments {
    /// The repository
    repository: String,
    /// The name of today
    #[arg(value_name = "NAME", value_parser = HolderName::parse)]
    holder: HolderName,
    /// The new name
    #[arg(value_name = "NEW", value_parser = HolderName::parse)]
    to: HolderName,
    /// Show what would be done and change nothing
    #[arg(long)]
    dry_run: bool,
}

impl AccessArguments {
    /// Returns whether the verb writes to the store.
    pub(crate) fn writes(&self) -> bool {
        match &self.command {
            AccessCommand::Add(arguments) => !arguments.token.dry_run,
            AccessCommand::Invite(arguments) => !arguments.token.dry_run,
            AccessCommand::List(_) => false,
            AccessCommand::Revoke(arguments) => !arguments.dry_run,
            AccessCommand::Rename(arguments) => !arguments.dry_run,
        }
    }
}

impl AddArguments {
    /// Refuses a token that would outlive the one that it is made with.
    fn check_end(&self, now: Timestamp) -> Result<(), Failure> {
        let Some(last) = self.ends_by else { return Ok(()) };
        if self.token.end(now)?.is_some_and(|end| end <= last) {
            return Ok(());
        }
        Err(Failure::Usage(
            "a token cannot make one that counts longer than itself; give a shorter --expires",
        ))
    }
}

impl TokenArguments {
    /// Returns when the token ends, if it does.
    fn end(&self, now: Timestamp) -> Result<Option<Timestamp>, Failure> {
        let end = self.expires.map(|validity| now.checked_add(validity));
        end.transpose().map_err(|_| Failure::Usage("--expires reaches beyond the year 9999"))
    }
}

fn validity(text: &str) -> Result<SignedDuration, InvalidValue> {
    let validity = SignedDuration::from_text(text)?;
    if validity.is_positive() { Ok(validity) } else { Err("it would count at no time".to_owned().into()) }
}

pub(crate) fn run(
    arguments: &AccessArguments,
    session: &Session,
    output: &Output,
) -> Result<Outcome, Failure> {
    match &arguments.command {
        AccessCommand::Add(arguments) => {
            arguments.check_end(session.context().now)?;
            add((&arguments.token, &arguments.scopes), None, session, output)
        }
        AccessCommand::Invite(arguments) => {
            add((&arguments.token, &[]), Some(&arguments.suites), session, output)
        }
        AccessCommand::List(arguments) => list(arguments, session, output),
        AccessCommand::Revoke(arguments) => revoke(arguments, session, output),
        AccessCommand::Rename(arguments) => rename(arguments, session, output),
    }
}

/// `invited_to` are the suites of a machine that is set up with the token; `None` makes the token alone.
fn add(
    (arguments, scopes): (&TokenArguments, &[TokenScope]),
    invited_to: Option<&[SuiteName]>,
    session: &Session,
    output: &Output,
) -> Result<Outcome, Failure> {
    let TokenArguments { holder, groups, .. } = arguments;
    let (repository, suites) = (session.repository(&arguments.repository)?, invited_to.unwrap_or_default());
    repository.check_suites(suites)?;
    let url = address(session, repository, arguments.url.as_ref(), output);
    let is_plain = url.to_string().starts_with("http://") && !url.is_of_this_machine();
    // All that can fail comes first: nobody would see the token.
    let mut setup = Setup::of_suites(session, repository, suites, url)?;
    if invited_to.is_some() {
        setup = setup.for_machine(holder, session, repository)?;
    }
    let script = setup.whole_script()?;
    if invited_to.is_some() {
        paste::line(session, arguments.url.as_ref(), &script, None)?;
    }
    let context = session.context();
    let mut new = NewToken::new(holder.clone());
    new.expires = arguments.end(context.now)?;
    new.groups.clone_from(groups);
    new.scopes = scopes.to_vec();
    let reads = new.reads();
    new.hashes = |token| Ok(hashes_for_other_servers(token)?.to_vec());
    if arguments.dry_run {
        let taken = session.store.tokens(&repository.name)?;
        if let Some(entry) = taken.entries().into_iter().find(|entry| entry.holder == *holder)
            && entry.counts_at(context.now)
        {
            return Err(taken_name(&repository.name, holder));
        }
        say_dry_run((&repository.name, holder), scopes, output);
        return Ok(Outcome::Done);
    }
    let token = session.store.add_token(&repository.name, &new, &context)?;
    let login = (holder.as_str(), token.expose());
    let auth = setup.auth_entry(login.0, login.1);
    let line = invited_to.map(|_| paste::line(session, arguments.url.as_ref(), &script, Some(login)));
    let line = line.transpose()?;
    let document = NewTokenJson {
        auth: reads.then_some(&auth),
        auth_path: reads.then(|| setup.auth_path()),
        dry_run: false,
        expires: new.expires.map(Time),
        groups: Text::all(groups),
        holder: Text(holder),
        id: token.id(),
        line: line.as_deref(),
        repository: Text(&repository.name),
        scopes: scopes.iter().map(ToString::to_string).collect(),
        token: token.expose(),
    };
    if is_plain {
        output.warn(
            "W-PLAIN-LOGIN",
            "over http:// everybody on the way can read the token; use TLS".to_owned(),
        );
    }
    if reads && scopes.is_empty() && !session.config.takes_tokens(&repository.name) {
        let name = &repository.name;
        output.warn(
            "W-NO-TOKENS",
            format!("{name} does not ask for tokens; set access = [[\"tokens\"]] in [repositories.{name}] of repo.toml"),
        );
    }
    let shown = if reads { line.as_deref().unwrap_or(&auth) } else { token.expose() };
    output.result(&document, || output.line(shown.trim_end()));
    // A token that nobody has seen is of no use, and its name would be taken.
    if !output.is_shown() {
        session.store.revoke_token(&repository.name, holder, &context)?;
        let repository = repository.name.clone();
        return Err(Failure::TokenNotShown { repository, holder: holder.clone() });
    }
    let what = if !reads {
        format!("this token of {holder} may {} {}; it is not shown again", purpose(scopes), repository.name)
    } else if invited_to.is_some() {
        format!("paste this line into a root shell of {holder}; it is not shown again")
    } else {
        format!(
            "put this into {} on {holder} (owner root, mode 0600); it is not shown again",
            setup.auth_path()
        )
    };
    output.note(&what);
    Ok(Outcome::Done)
}

/// The document of `access add` and `access invite`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct NewTokenJson<'a> {
    /// The content of the file with the login; null for a token that does not read
    auth: Option<&'a String>,
    /// The path of the file with the login; null for a token that does not read
    auth_path: Option<String>,
    /// Whether nothing was changed: false
    dry_run: bool,
    /// When the token expires; null when it never does
    expires: Option<Time>,
    /// The groups of the holder
    groups: Vec<Text<&'a HolderName>>,
    /// The holder of the token
    holder: Text<&'a HolderName>,
    /// The id of the token, which is not secret
    id: &'a str,
    /// A command line that sets up the machine of the holder; null for `add`
    line: Option<&'a str>,
    /// The repository
    repository: Text<&'a RepositoryName>,
    /// What the token may do in the interface for programs; empty for a token that reads
    scopes: Vec<String>,
    /// The token itself, which is secret and is not shown again
    token: &'a str,
}

impl JsonDocument for NewTokenJson<'_> {}

/// The document of `access revoke`, and of `access add` and `access invite` with `--dry-run`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct HolderJson<'a> {
    /// Whether nothing was changed
    dry_run: bool,
    /// The holder of the token
    holder: Text<&'a HolderName>,
    /// The repository
    repository: Text<&'a RepositoryName>,
}

impl JsonDocument for HolderJson<'_> {}

/// The document of `access rename`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct RenamedHolderJson<'a> {
    /// Whether nothing was changed
    dry_run: bool,
    /// The holder's name before
    from: Text<&'a HolderName>,
    /// The repository
    repository: Text<&'a RepositoryName>,
    /// The holder's new name
    to: Text<&'a HolderName>,
}

impl JsonDocument for RenamedHolderJson<'_> {}

/// The document of `access list`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct TokensJson<'a> {
    /// The tokens
    tokens: Vec<TokenJson<'a>>,
}

impl JsonDocument for TokensJson<'_> {}

/// A token, without what is secret.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct TokenJson<'a> {
    /// Whether it has expired
    expired: bool,
    /// When it expires; null when it never does
    expires: Option<Time>,
    /// The groups of the holder
    groups: Vec<String>,
    /// The holder of the token
    holder: Text<HolderName>,
    /// The id of the token, which is not secret
    id: String,
    /// When it was made
    made: Time,
    /// Who made it
    made_by: String,
    /// The repository
    repository: Text<&'a RepositoryName>,
    /// What the token may do in the interface for programs; empty for a token that reads
    scopes: Vec<String>,
}

/// Prints for whom a token would be made, and what for.
fn say_dry_run((repository, holder): (&RepositoryName, &HolderName), scopes: &[TokenScope], output: &Output) {
    let document = HolderJson { dry_run: true, holder: Text(holder), repository: Text(repository) };
    output.result(&document, || {});
    output.say(&format!("would make a token for {holder} to {} {repository}", purpose(scopes)));
}

/// Returns what a token with these scopes is for, before the name of the repository.
fn purpose(scopes: &[TokenScope]) -> String {
    if scopes.is_empty() { "read".to_owned() } else { format!("use {} in", joined(scopes)) }
}

fn taken_name(repository: &RepositoryName, holder: &HolderName) -> Failure {
    let (repository, holder) = (repository.clone(), holder.clone());
    repo_store::Error::Access(repo_store::error::AccessError::HolderTaken { repository, holder }).into()
}

fn list(arguments: &ListArguments, session: &Session, output: &Output) -> Result<Outcome, Failure> {
    let chosen: Vec<&RepositorySettings> = match &arguments.repository {
        Some(name) => vec![session.repository(name)?],
        None => session.config.repositories().collect(),
    };
    let now = session.context().now;
    let (mut rows, mut documents) = (Vec::new(), Vec::new());
    for RepositorySettings { name, .. } in &chosen {
        for entry in session.store.tokens(name)?.entries() {
            let TokenEntry { id, holder, made, made_by, expires, groups, scopes, .. } = entry;
            let groups: Vec<&str> = groups.iter().map(HolderName::as_str).collect();
            documents.push(TokenJson {
                expired: !entry.counts_at(now),
                expires: expires.map(Time),
                groups: groups.iter().map(ToString::to_string).collect(),
                holder: Text(holder.clone()),
                id: id.clone(),
                made: Time(*made),
                made_by: made_by.clone(),
                repository: Text(name),
                scopes: scopes.iter().map(ToString::to_string).collect(),
            });
            let end = match expires {
                None => "never".to_owned(),
                Some(end) if entry.counts_at(now) => clock::minute(*end),
                Some(_) => "expired".to_owned(),
            };
            let groups = groups.join(", ");
            rows.push([
                name.to_string(),
                holder.to_string(),
                id.clone(),
                clock::minute(*made),
                made_by.clone(),
                end,
                groups,
                joined(scopes),
            ]);
        }
    }
    output.result(&TokensJson { tokens: documents }, || {
        let head = [
            Column::text("REPOSITORY"),
            Column::text("HOLDER"),
            Column::whole("ID").expendable(),
            Column::whole("MADE").expendable(),
            Column::text("BY"),
            Column::whole("EXPIRES"),
            Column::text("GROUPS"),
            Column::text("SCOPES"),
        ];
        output.table(&head, &rows, arguments.rows.limit(output));
    });
    if rows.is_empty() {
        output.found_nothing("no tokens");
    } else if rows.len() > 10 {
        output.say(&count(rows.len(), "token"));
    }
    Ok(Outcome::Done)
}

fn revoke(arguments: &RevokeArguments, session: &Session, output: &Output) -> Result<Outcome, Failure> {
    let (name, holder) = (&session.repository(&arguments.repository)?.name, &arguments.holder);
    if arguments.dry_run {
        session.store.tokens(name)?.of(name, holder).map_err(repo_store::Error::from)?;
    } else {
        session.store.revoke_token(name, holder, &session.context())?;
    }
    let document = HolderJson { dry_run: arguments.dry_run, holder: Text(holder), repository: Text(name) };
    output.result(&document, || {});
    let verb = if arguments.dry_run { "would revoke" } else { "revoked" };
    output.say(&format!("{verb} the token of {holder} for {name}"));
    Ok(Outcome::Done)
}

fn rename(arguments: &RenameArguments, session: &Session, output: &Output) -> Result<Outcome, Failure> {
    let name = &session.repository(&arguments.repository)?.name;
    let RenameArguments { holder, to, dry_run, .. } = arguments;
    if *dry_run {
        let tokens = session.store.tokens(name)?;
        tokens.of(name, holder).map_err(repo_store::Error::from)?;
        if to != holder && tokens.of(name, to).is_ok() {
            return Err(taken_name(name, to));
        }
    } else {
        session.store.rename_token(name, (holder, to), &session.context())?;
        session.store.rename_approver(name, (holder, to))?;
    }
    let document =
        RenamedHolderJson { dry_run: *dry_run, from: Text(holder), repository: Text(name), to: Text(to) };
    output.result(&document, || {});
    let verb = if *dry_run { "would rename" } else { "renamed" };
    output.say(&format!("{verb} {holder} to {to} among the tokens for {name}"));
    Ok(Outcome::Done)
}
