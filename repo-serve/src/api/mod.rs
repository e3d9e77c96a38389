//! The interface for programs: requests that read and change repositories, below `/api/v1`.
//!
//! A request becomes a verb of the program with checked arguments ([`Call`]), which a [`Verbs`] runs. So every rule, lock, error code and
//! document is that of the command line, and this crate needs to know nothing of a store. [`ROUTES`] is the one table from which
//! requests are read, the description is made ([`openapi`]) and the client works.

mod answer;
pub(crate) mod call;
mod description;
mod kept;
mod queue;
mod route;
pub(crate) mod scope;
mod staging;
mod status;
mod upload;

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use camino::Utf8PathBuf;
use hyper::body::{Body as _, Incoming};
use hyper::header::{
    ACCEPT, ALLOW, AUTHORIZATION, ETAG, HOST, HeaderName, HeaderValue, IF_MATCH, WWW_AUTHENTICATE,
};
use hyper::{HeaderMap, StatusCode, Version};
use serde_json::Value;
use tokio::sync::Semaphore;

pub(crate) use self::answer::Answer;
use self::answer::{JSON, PLAIN, Refusal};
pub use self::call::Call;
use self::call::{Lookup, Matched, Request};
pub use self::description::{openapi, table_of_routes};
use self::kept::{Begin, Fresh, Kept};
use self::queue::Queue;
pub use self::route::{Argument, BASE, Kind, Method, Parameter, ROUTES, RequestBody, Route};
use self::scope::Names;
pub use self::scope::{Caller, Grant, Scope};
use self::staging::Staging;
pub use self::status::statuses;
use crate::connection::Pulse;
use crate::respond::{TOKEN_PREFIX, credentials};
use crate::site::{Access, OpenSite};
use crate::unconfined::{Confine, Files, Unconfined};

/// The header with the exit status of the verb.
pub const EXIT_STATUS: &str = "repo-exit-status";
/// The header that tells how many bytes of a text are standard output; the rest is standard error.
pub const OUTPUT_LENGTH: &str = "repo-output-length";
/// The header of an answer that was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The largest body in JSON.
const JSON_LIMIT: u64 = 64 << 10;
/// How many requests of one token are carried out or wait at a time.
const MOST_OF_A_TOKEN: usize = 64;
/// How many verbs run at a time.
const MOST_CALLS: usize = 16;
/// How long a request waits for another to end before it gets a 503.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often a connection is told that its request is still being carried out.
const STILL_HERE: Duration = Duration::from_secs(5);

/// Runs verbs of the program.
pub trait Verbs: Send + Sync {
    /// Runs a verb to its end. May block.
    ///
    /// # Errors
    /// When it cannot be started, takes too long or prints too much.
    fn run(&self, call: &Call) -> Result<Finished, VerbError>;
}

/// How a verb ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished {
    /// Its exit status.
    pub status: i32,
    /// Its standard output.
    pub output: Vec<u8>,
    /// Its standard error.
    pub errors: Vec<u8>,
}

/// A verb that did not run to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerbError {
    /// It could not be started, so it changed nothing.
    #[error("cannot start the verb: {0}")]
    NotStarted(#[source] io::Error),
    /// It ended by a signal, or what it printed cannot be read.
    #[error("cannot run the verb: {0}")]
    Io(#[from] io::Error),
    /// It took longer than it may, and was stopped.
    #[error("the verb took too long")]
    TooLong,
    /// It printed more than is kept, and was stopped.
    #[error("the verb printed too much")]
    TooMuch,
}

/// What the interface needs besides a [`Verbs`].
#[derive(Clone, Debug)]
pub struct ApiSettings {
    /// The directory in which uploads lie until they are added; made when it is needed. Verbs read them from there.
    pub uploads: Utf8PathBuf,
    /// The directory of the answers that are kept; made when it is needed.
    pub answers: Utf8PathBuf,
    /// The largest file that may be uploaded, in bytes.
    pub max_upload: u64,
}

/// The interface of one server.
pub(crate) struct Api {
    verbs: Arc<dyn Verbs>,
    max_upload: u64,
    /// Where verbs run: what they start gives up nothing.
    unconfined: Unconfined,
    /// Where `staging` and `kept` are changed.
    files: Files,
    staging: Arc<Staging>,
    queue: Queue,
    kept: Arc<Kept>,
    calls: Arc<Semaphore>,
    /// How many requests of each token are being carried out.
    requests: Mutex<HashMap<String, usize>>,
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Api").field("staging", &self.staging).finish_non_exhaustive()
    }
}

/// Where a request comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin {
    /// The address of the client.
    pub(crate) client: IpAddr,
    /// Whether nobody on the way can read the request.
    pub(crate) is_private: bool,
}

/// A request as it came in, but for its body.
struct Head<'a> {
    method: &'a str,
    path: &'a str,
    query: Option<&'a str>,
    headers: &'a HeaderMap,
    token: Option<String>,
    origin: Origin,
}

/// A verb that gave no result.
#[derive(Clone, Debug)]
struct Failed {
    refusal: Refusal,
    /// Whether it may have changed something.
    may_have_run: bool,
}

impl Failed {
    fn not_started(refusal: Refusal) -> Self {
        Self { refusal, may_have_run: false }
    }

    fn midway(refusal: Refusal) -> Self {
        Self { refusal, may_have_run: true }
    }

    /// Returns the refusal, and lets a request be repeated with its key if nothing was done for it.
    async fn end(self, fresh: Option<Fresh>, files: &Files) -> Refusal {
        if let Some(fresh) = fresh
            && !self.may_have_run
        {
            let _ = files.run(|| fresh.forget()).await;
        }
        self.refusal
    }
}

/// One of the requests of a token. It counts until this is dropped.
struct Counted {
    api: Arc<Api>,
    token: String,
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut requests = self.api.requests.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = requests.get_mut(&self.token) {
            *count -= 1;
            if *count == 0 {
                requests.remove(&self.token);
            }
        }
    }
}

/// Who asks for what.
struct Asked {
    repository: String,
    caller: Caller,
    names: Names,
    /// Whether text for people is asked for.
    plain: bool,
    /// The plan that is to be carried out.
    base: Option<String>,
    key: Option<String>,
}

impl Asked {
    /// The repository, and the id of the token.
    fn owner(&self) -> (String, String) {
        (self.repository.clone(), self.caller.id.clone())
    }

    /// Returns whether the caller may end holds of all packages that the request may concern.
    fn ends_holds(&self) -> bool {
        match (self.caller.names(Scope::Hold), &self.names) {
            (Some(Names::Any), _) => true,
            (Some(Names::Only(held)), Names::Only(asked)) => asked.iter().all(|one| held.contains(one)),
            _ => false,
        }
    }
}

/// Returns whether a path belongs to the interface.
pub(crate) fn is_below(path: &str) -> bool {
    path.strip_prefix(BASE).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

impl Api {
    /// To be called from a thread that gives up nothing.
    pub(crate) fn new(
        verbs: Arc<dyn Verbs>,
        settings: ApiSettings,
        confine: &Arc<Confine>,
    ) -> io::Result<Arc<Self>> {
        let ApiSettings { uploads, answers, max_upload } = settings;
        let unconfined = Unconfined::start()?;
        let files = Files::new(unconfined.clone(), Arc::clone(confine), (uploads.clone(), answers.clone()));
        Ok(Arc::new(Self {
            verbs,
            max_upload,
            unconfined,
            staging: Arc::new(Staging::new(uploads)),
            files,
            queue: Queue::default(),
            kept: Kept::new(answers),
            calls: Arc::new(Semaphore::new(MOST_CALLS)),
            requests: Mutex::default(),
        }))
    }

    /// Answers one request. Every failure is an answer too. The second part is the name for the log.
    pub(crate) async fn answer(
        self: &Arc<Self>,
        site: &Arc<OpenSite>,
        pulse: &Pulse,
        origin: Origin,
        request: &mut hyper::Request<Incoming>,
    ) -> (Answer, Option<String>) {
        let mut user = None;
        // Owned: the body is read while they are needed.
        let (method, uri) = (request.method().clone(), request.uri().clone());
        let (headers, version) = (request.headers().clone(), request.version());
        let token = token(&headers);
        let (method, path, query) = (method.as_str(), uri.path(), uri.query());
        let head = Head { method, path, query, headers: &headers, token, origin };
        let has_body = ["content-length", "transfer-encoding"].iter().any(|name| headers.contains_key(*name));
        let is_broken = !has_body && pulse.has_bare_line_feed();
        let result = match check_head(&head, version) {
            Ok(()) if is_broken => Err(Refusal::request("a line ends in CR LF")),
            Ok(()) => self.carry_out(site, pulse, &head, request.body_mut(), &mut user).await,
            Err(refusal) => Err(refusal),
        };
        let mut answer = result.unwrap_or_else(Answer::from);
        if !request.body().is_end_stream() {
            staging::discard(request.body_mut(), pulse).await;
        }
        if has_body || is_broken {
            // What follows a body could be told from it only by rules that proxies have read otherwise before.
            answer = answer.with(hyper::header::CONNECTION, "close");
        }
        (answer, user)
    }

    async fn carry_out(
        self: &Arc<Self>,
        site: &Arc<OpenSite>,
        pulse: &Pulse,
        head: &Head<'_>,
        body: &mut Incoming,
        user: &mut Option<String>,
    ) -> Result<Answer, Refusal> {
        let matched = match call::look_up(head.method, head.path)? {
            Lookup::Found(matched) => matched,
            Lookup::OtherMethod(methods) => {
                let allowed: Vec<&str> = methods.into_iter().map(Method::as_str).collect();
                let refusal =
                    Refusal::new(405, "E-API-METHOD", format!("only {} here", allowed.join(" and ")));
                return Err(refusal.with(ALLOW, allowed.join(", ")));
            }
            Lookup::Nothing => return Err(no_route()),
        };
        let route = matched.route;
        if route.scope.is_none() {
            return self.status(site, pulse, head, matched, user).await;
        }
        let asked = self.admit(site, head, &matched).await?;
        *user = Some(asked.caller.name.clone());
        let _counted = self.count(&asked.caller)?;
        match route.body {
            RequestBody::File => self.upload(site, pulse, head, matched, asked, body).await,
            RequestBody::Json | RequestBody::Nothing => {
                let limit = if route.body == RequestBody::Json { JSON_LIMIT } else { 0 };
                let bytes = staging::read(body, pulse, limit).await?;
                let request = matched.read(head.query, &bytes)?;
                self.check_request(site, &request, &asked)?;
                let fingerprint = fingerprint(head, &blake3::hash(&bytes));
                let api = Arc::clone(self);
                // On a task of its own: it goes on when the client goes away.
                let carried_out = async move { api.change_or_read(request, asked, fingerprint).await };
                still_here(pulse, tokio::spawn(carried_out)).await.map_err(Refusal::trouble)?
            }
        }
    }

    /// Checks the token, and what its holder may do.
    async fn admit(
        &self,
        site: &Arc<OpenSite>,
        head: &Head<'_>,
        matched: &Matched,
    ) -> Result<Asked, Refusal> {
        let repository = matched.value("repository").unwrap_or_default().to_owned();
        let caller = caller(site, &repository, head).await?;
        let names = allowed(matched.route, &caller)?;
        let plain = accepts_plain(head.headers)?;
        let base = base(head.headers, matched.route)?;
        let key = idempotency_key(head.headers, matched.route)?;
        if plain && key.is_some() {
            // Whether a verb changed something is in its document alone.
            return Err(Refusal::request("a request with an Idempotency-Key is answered in JSON"));
        }
        Ok(Asked { repository, caller, names, plain, base, key })
    }

    /// Counts a request of a caller, unless it has too many.
    fn count(self: &Arc<Self>, caller: &Caller) -> Result<Counted, Refusal> {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        let count = requests.entry(caller.id.clone()).or_default();
        if *count >= MOST_OF_A_TOKEN {
            return Err(Refusal::busy(429, "too many requests of this token at a time", 1));
        }
        *count += 1;
        Ok(Counted { api: Arc::clone(self), token: caller.id.clone() })
    }

    /// Checks what no verb can: that a token gives nothing that it does not have, and that a repository that is named exists.
    fn check_request(&self, site: &OpenSite, request: &Request, asked: &Asked) -> Result<(), Refusal> {
        if request.route.scope == Some(Scope::Tokens)
            && let Some(scope) = request.texts("scopes").iter().find(|scope| !asked.caller.may_give(scope))
        {
            let what = format!("this token does not have the scope `{scope}`, so it cannot give it");
            return Err(Refusal::new(403, "E-API-SCOPE", what));
        }
        if request.route.scope == Some(Scope::Promote)
            && let Some(from) = request.texts("from").iter().find(|from| !site.callers.contains_key(*from))
        {
            // The verb would name those that exist.
            return Err(Refusal::new(404, "E-UNKNOWN-REPOSITORY", format!("no repository named `{from}`")));
        }
        if request.is_set("despite_hold") && !asked.ends_holds() {
            return Err(lacks(Scope::Hold));
        }
        if asked.base.is_some() && request.is_set("dry_run") {
            return Err(Refusal::request(
                "If-Match carries out a plan, and dry_run makes one: send one of them",
            ));
        }
        Ok(())
    }

    async fn change_or_read(
        self: Arc<Self>,
        request: Request,
        asked: Asked,
        fingerprint: blake3::Hash,
    ) -> Result<Answer, Refusal> {
        let fresh = match self.begin(&asked, fingerprint).await? {
            Some(Begin::Known(answer)) => return Ok(answer),
            Some(Begin::Fresh(fresh)) => Some(fresh),
            None => None,
        };
        let arguments = request.arguments(&asked.names, asked.base.as_deref(), asked.caller.expires);
        let call = Call {
            arguments: arguments.into_words([]),
            holder: asked.caller.name.clone(),
            json: !asked.plain,
        };
        let finished = match self.run(call).await {
            Ok(finished) => finished,
            Err(failed) => return Err(failed.end(fresh, &self.files).await),
        };
        if asked.plain {
            return Ok(plain_answer(&finished));
        }
        let plans = request.route.plans && request.is_set("dry_run");
        let (answer, changed) = document_answer(finished, plans)?;
        Ok(self.finish(fresh, answer, changed).await)
    }

    async fn begin(&self, asked: &Asked, fingerprint: blake3::Hash) -> Result<Option<Begin>, Refusal> {
        let Some(key) = asked.key.clone() else { return Ok(None) };
        let (kept, owner) = (Arc::clone(&self.kept), asked.owner());
        let begin = move || kept.begin((&owner.0, &owner.1), &key, &fingerprint);
        self.files.run(begin).await.map_err(Refusal::trouble)?.map(Some)
    }

    /// Keeps the answer of a request that came with a key.
    async fn finish(&self, fresh: Option<Fresh>, answer: Answer, changed: bool) -> Answer {
        let Some(fresh) = fresh else { return answer };
        let kept = answer.clone();
        let _ = self.files.run(move || fresh.finish(&kept, changed)).await;
        answer
    }

    /// Answers with the state of the repositories that the token may read.
    async fn status(
        self: &Arc<Self>,
        site: &Arc<OpenSite>,
        pulse: &Pulse,
        head: &Head<'_>,
        matched: Matched,
        user: &mut Option<String>,
    ) -> Result<Answer, Refusal> {
        let request = matched.read(head.query, b"")?;
        let mut known: Option<Caller> = None;
        let mut readable = Vec::new();
        for repository in site.callers.keys() {
            let Ok(caller) = caller(site, repository, head).await else { continue };
            if caller.names(Scope::Read) == Some(Names::Any) {
                readable.push(format!("--repository={repository}"));
            }
            known = Some(caller);
        }
        let caller = known.ok_or_else(unauthorized)?;
        *user = Some(caller.name.clone());
        if readable.is_empty() {
            return Err(lacks(Scope::Read));
        }
        let _counted = self.count(&caller)?;
        let options: Vec<&str> = readable.iter().map(String::as_str).collect();
        let arguments = request.arguments(&Names::Any, None, None).with_options(&options);
        let plain = accepts_plain(head.headers)?;
        let call = Call { arguments: arguments.into_words([]), holder: caller.name.clone(), json: !plain };
        let finished = still_here(pulse, self.run(call)).await.map_err(|failed| failed.refusal)?;
        Ok(if plain { plain_answer(&finished) } else { document_answer(finished, false)?.0 })
    }

    /// Runs a verb when it is its turn.
    async fn run(&self, call: Call) -> Result<Finished, Failed> {
        let permit = tokio::time::timeout(PATIENCE, Arc::clone(&self.calls).acquire_owned());
        let Ok(Ok(permit)) = permit.await else {
            return Err(Failed::not_started(Refusal::busy(503, "too many requests at a time", 5)));
        };
        let verbs = Arc::clone(&self.verbs);
        let run = move || {
            let result = verbs.run(&call);
            drop(permit);
            result
        };
        match self.unconfined.run(run).await {
            Ok(Ok(finished)) => Ok(finished),
            Ok(Err(error)) => Err(error.into()),
            Err(error) => Err(Failed::midway(Refusal::trouble(error))),
        }
    }
}

impl From<VerbError> for Failed {
    fn from(error: VerbError) -> Self {
        match error {
            VerbError::NotStarted(_) => Self::not_started(Refusal::trouble(error)),
            VerbError::Io(_) => Self::midway(Refusal::trouble(error)),
            VerbError::TooLong => Self::midway(
                Refusal::new(504, "E-API-SERVER", error.to_string())
                    .hint("look at the history of the repository: the change may have been made"),
            ),
            VerbError::TooMuch => Self::midway(
                Refusal::new(422, "E-API-SIZE", error.to_string()).hint("ask for less, such as with `limit`"),
            ),
        }
    }
}

/// Waits for something, and keeps the connection from being taken for one whose client does nothing.
async fn still_here<T>(pulse: &Pulse, future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    loop {
        match tokio::time::timeout(STILL_HERE, future.as_mut()).await {
            Ok(result) => return result,
            Err(_) => pulse.beat(),
        }
    }
}

/// What must be right about every request.
fn check_head(head: &Head<'_>, version: Version) -> Result<(), Refusal> {
    for name in [HOST, AUTHORIZATION, IF_MATCH, ACCEPT, IDEMPOTENCY_KEY] {
        if head.headers.get_all(&name).iter().nth(1).is_some() {
            return Err(Refusal::request(format!("one {name} field only")));
        }
    }
    if version == Version::HTTP_11 && !head.headers.contains_key(HOST) {
        return Err(Refusal::request("a Host field is missing"));
    }
    if !head.origin.is_private {
        let what = "over http:// everybody on the way can read the token";
        return Err(Refusal::new(403, "E-API-PLAIN", what)
            .hint("use https://, or a proxy that `trusted_proxies` names"));
    }
    if !is_below(head.path) {
        return Err(no_route());
    }
    Ok(())
}

fn no_route() -> Refusal {
    Refusal::new(404, "E-API-ROUTE", "not a path of the interface").hint("docs/api.md lists the paths")
}

/// The token of a request: `Authorization: Bearer TOKEN`, or the password of `Basic`.
fn token(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    if let Some((scheme, token)) = value.split_once(' ')
        && scheme.eq_ignore_ascii_case("Bearer")
    {
        return Some(token.trim().to_owned());
    }
    credentials(headers).and_then(|(_, password)| String::from_utf8(password).ok())
}

/// Returns the holder of the token of a request. Nobody is told whether a repository exists.
async fn caller(site: &Arc<OpenSite>, repository: &str, head: &Head<'_>) -> Result<Caller, Refusal> {
    let token = head.token.as_deref().ok_or_else(unauthorized)?;
    let lets_in = |access: &Access| !access.ways_from(head.origin.client).is_empty();
    let is_open = site.access.get(repository).is_some_and(lets_in);
    let tokens = site.callers.get(repository).filter(|_| is_open).ok_or_else(unauthorized)?;
    if let Some(caller) = tokens.caller_of(token) {
        return Ok(caller);
    }
    if !token.as_bytes().starts_with(TOKEN_PREFIX) {
        return Err(unauthorized());
    }
    // It may have been made, or revoked and made, since the file was looked at.
    let (shared, name) = (Arc::clone(site), repository.to_owned());
    let look = move || shared.callers.get(&name).map(crate::TokenFile::look_again);
    let _ = tokio::task::spawn_blocking(look).await;
    if tokens.is_unusable() {
        return Err(Refusal::busy(503, "closed: the list of tokens cannot be used", 5));
    }
    tokens.caller_of(token).ok_or_else(unauthorized)
}

fn unauthorized() -> Refusal {
    Refusal::new(401, "E-API-TOKEN", "a token for this repository is needed")
        .hint("send it as `Authorization: Bearer TOKEN`, or as the password of a login")
        .with(WWW_AUTHENTICATE, "Basic realm=\"repo-cli\", charset=\"UTF-8\", Bearer realm=\"repo-cli\"")
}

fn lacks(scope: Scope) -> Refusal {
    let what = format!("this token does not have the scope `{}`", scope.as_str());
    Refusal::new(403, "E-API-SCOPE", what)
        .hint("make one with `repo-cli access add REPOSITORY NAME --scope SCOPE`")
}

/// The packages that a caller may do this to.
fn allowed(route: &Route, caller: &Caller) -> Result<Names, Refusal> {
    let Some(scope) = route.scope else { return Ok(Names::Any) };
    let names = caller.names(scope).ok_or_else(|| lacks(scope))?;
    if names != Names::Any && !route.takes_names {
        let what = format!("this token has the scope `{}` for some packages only", scope.as_str());
        return Err(Refusal::new(403, "E-API-SCOPE", what));
    }
    Ok(names)
}

/// Returns whether text for people is asked for. Of several kinds the first that there is counts.
fn accepts_plain(headers: &HeaderMap) -> Result<bool, Refusal> {
    let Some(accept) = headers.get(ACCEPT) else { return Ok(false) };
    let accept = accept.to_str().unwrap_or_default();
    let kinds = accept.split(',').map(|kind| kind.split(';').next().unwrap_or_default().trim());
    for kind in kinds {
        match kind {
            "" | "*/*" | "application/*" | JSON => return Ok(false),
            "text/plain" | "text/*" => return Ok(true),
            _ => {}
        }
    }
    Err(Refusal::new(406, "E-API-REQUEST", "answers are application/json or text/plain"))
}

/// The plan that `If-Match` names.
fn base(headers: &HeaderMap, route: &Route) -> Result<Option<String>, Refusal> {
    let Some(value) = headers.get(IF_MATCH) else { return Ok(None) };
    if !route.plans {
        return Err(Refusal::request("this request makes no plan, so it takes no If-Match"));
    }
    let text = value.to_str().ok().and_then(|text| text.strip_prefix('"')?.strip_suffix('"'));
    let is_plan = |text: &&str| {
        (1..=200).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'+')
    };
    let plan = text.filter(is_plan).ok_or_else(|| Refusal::request("If-Match is the ETag of a dry run"))?;
    Ok(Some(plan.to_owned()))
}

fn idempotency_key(headers: &HeaderMap, route: &Route) -> Result<Option<String>, Refusal> {
    let Some(value) = headers.get(IDEMPOTENCY_KEY) else { return Ok(None) };
    if !route.changes {
        return Ok(None);
    }
    if !route.can_be_repeated() {
        return Err(Refusal::request("this request takes no Idempotency-Key: its answer is shown once"));
    }
    let key = value.to_str().ok().filter(|key| (1..=255).contains(&key.len()));
    key.map(|key| Some(key.to_owned())).ok_or_else(|| Refusal::request("malformed Idempotency-Key"))
}

/// What makes two requests the same.
fn fingerprint(head: &Head<'_>, body: &blake3::Hash) -> blake3::Hash {
    let headers = [IF_MATCH, ACCEPT].map(|name| head.headers.get(name).map(HeaderValue::as_bytes));
    let mut hasher = blake3::Hasher::new();
    for part in [head.method.as_bytes(), head.path.as_bytes(), head.query.unwrap_or_default().as_bytes()] {
        hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
    }
    for part in headers.map(Option::unwrap_or_default) {
        hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
    }
    hasher.update(body.as_bytes()).finalize()
}

fn plain_answer(finished: &Finished) -> Answer {
    let output = String::from_utf8_lossy(&finished.output).into_owned();
    let status = match finished.status {
        0 | 3 => StatusCode::OK,
        2 => StatusCode::BAD_REQUEST,
        130 => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::CONFLICT,
    };
    let length = output.len().to_string();
    let body = output + &String::from_utf8_lossy(&finished.errors);
    Answer::text(status, PLAIN, body)
        .with(HeaderName::from_static(EXIT_STATUS), finished.status.to_string())
        .with(HeaderName::from_static(OUTPUT_LENGTH), length)
}

fn has_commit(document: &Value) -> bool {
    document.get("commit").is_some_and(Value::is_string)
}

/// What an answer needs to know of a document. The rest is passed on as it is.
#[derive(serde::Deserialize)]
struct Outline {
    #[serde(default)]
    error: Value,
    #[serde(default)]
    commit: Value,
    #[serde(default)]
    base: Value,
}

/// The answer with the document that a verb printed, and whether the verb changed something.
fn document_answer(finished: Finished, plans: bool) -> Result<(Answer, bool), Refusal> {
    let Finished { status: exit, output, errors } = finished;
    let trouble = |_| {
        let errors = String::from_utf8_lossy(&errors);
        Refusal::trouble(format!("the verb ended with status {exit} and no document: {errors}"))
    };
    let outline: Outline = serde_json::from_slice(&output).map_err(trouble)?;
    let code = outline.error.get("code").and_then(Value::as_str);
    let status = match (exit, code) {
        (0 | 3, _) => StatusCode::OK,
        (130, _) => StatusCode::SERVICE_UNAVAILABLE,
        // Something was refused; the document says what.
        (_, None) => StatusCode::CONFLICT,
        (_, Some(code)) => status::of_code(code),
    };
    // It is JSON, so it is UTF-8.
    let text = String::from_utf8(output).unwrap_or_default();
    let mut answer =
        Answer::text(status, JSON, text).with(HeaderName::from_static(EXIT_STATUS), exit.to_string());
    if [StatusCode::LOCKED, StatusCode::SERVICE_UNAVAILABLE].contains(&status) {
        answer = answer.with(hyper::header::RETRY_AFTER, "5");
    }
    if plans && let Some(base) = outline.base.as_str() {
        answer = answer.with(ETAG, format!("\"{base}\""));
    }
    if status.is_server_error() {
        answer.problem = Some(crate::log::escape(outline.error.to_string().as_bytes()));
    }
    Ok((answer, outline.commit.is_string()))
}
