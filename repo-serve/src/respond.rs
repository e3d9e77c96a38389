//! From a request to its answer.
//!
//! The order of the rules matters: what a client may not see must look the same whether it exists or not. So a repository's
//! network and password come before the question whether there is such a file.

mod page;

use std::borrow::Cow;
use std::convert::Infallible;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime};

use base64::Engine as _;
use hyper::body::{Body as _, Incoming};
use hyper::header::{
    ACCEPT_RANGES, ALLOW, AUTHORIZATION, CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, CONTENT_RANGE,
    CONTENT_TYPE, DATE, ETAG, HOST, HeaderName, HeaderValue, LAST_MODIFIED, LOCATION, RETRY_AFTER,
    USER_AGENT, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use hyper::{HeaderMap, Method, Request, Response, StatusCode, Version};
use tokio::sync::Semaphore;

use super::api::{self, Api};
use super::body::{Body, Content, InFlight, Part};
use super::buffer::Buffers;
use super::client::ClientKey;
use super::conditional::{Selection, Validators, select, whole_seconds};
use super::connection::Pulse;
use super::kind::{cache_control, is_immutable, media_type};
use super::log::{LogEntry, LoggedFile, escape};
use super::logins::Logins;
use super::metrics::{self, Metrics};
use super::pages;
use super::password::PASSWORD_LIMIT;
use super::path::RequestPath;
use super::server::{Entrance, Serves, observe};
use super::site::{Access, Login, OpenSite, Way};
use super::tree::OpenFile;
use super::users::Users;

/// How long a login may wait for others to be checked before it gets a 503.
const LOGIN_PATIENCE: Duration = Duration::from_secs(20);

/// How tokens begin: nothing else makes their file be looked at.
pub(super) const TOKEN_PREFIX: &[u8] = b"repo_";

/// A function that takes each entry of the access log.
pub(crate) type Log = dyn Fn(&LogEntry) + Send + Sync;

/// Where a machine that spreads requests asks whether it may send some here.
const HEALTH: &str = "/healthz";

/// What all connections of a server share.
pub(crate) struct Shared {
    /// What is served now. A request that has begun goes on with what there was then.
    pub(super) site: RwLock<Arc<OpenSite>>,
    /// The interface for programs.
    pub(super) api: Option<Arc<Api>>,
    pub(crate) log: Option<Box<Log>>,
    pub(crate) metrics: Metrics,
    pub(crate) buffers: Arc<Buffers>,
    /// One permit per password being checked: slow schemes must leave processors for serving.
    pub(crate) logins: Arc<Logins>,
    /// One permit per page being rendered: these must leave processors for files.
    pub(crate) rendering: Arc<Semaphore>,
    /// Whether clients on this machine are exempt from limits per client.
    pub(crate) exempt_loopback: bool,
}

impl Shared {
    pub(super) fn site(&self) -> Arc<OpenSite> {
        // What is exchanged is one pointer, so a poisoned lock is as good as any.
        Arc::clone(&self.site.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Returns whether no limit per client holds for an address: everybody behind a proxy would be one client.
    pub(super) fn exempts(&self, address: IpAddr) -> bool {
        self.exempt_loopback && address.is_loopback() || self.site().proxies.contains(address)
    }
}

/// The other end of a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer {
    pub(crate) address: IpAddr,
    /// The port over TLS to which its requests are redirected.
    pub(crate) redirect_to: Option<u16>,
    /// Whether it speaks TLS.
    pub(crate) is_tls: bool,
    /// What is served where it came in.
    pub(crate) serves: Serves,
}

impl Peer {
    /// Returns whether a request for this path is one for the interface for programs.
    fn asks_api(&self, path: &str) -> bool {
        match self.serves {
            Serves::Files => false,
            Serves::Api => true,
            Serves::Both => api::is_below(path),
        }
    }
}

/// An answer without its body's bookkeeping.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    content: Content,
    client: Option<Client>,
    repository: Option<String>,
    file: Option<LoggedFile>,
    problem: Option<String>,
}

/// Who logged in.
struct Client {
    /// The name of a user, or of the holder of a token.
    name: String,
    has_token: bool,
}

/// Answers one request. Every failure is an answer too.
pub(crate) async fn respond(
    shared: Arc<Shared>,
    pulse: Arc<Pulse>,
    peer: Peer,
    mut request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    let started = Instant::now();
    pulse.work();
    let site = shared.site();
    let client = site.proxies.client(peer.address, request.headers());
    let is_behind_proxy = site.proxies.contains(peer.address);
    // A proxy speaks TLS with the client, and would be led in a circle.
    let redirect_to = peer.redirect_to.filter(|_| !is_behind_proxy);
    let answer = match shared.api.as_ref().filter(|_| peer.asks_api(request.uri().path())) {
        Some(api) => {
            let is_private = peer.is_tls || peer.address.is_loopback() || is_behind_proxy;
            let origin = api::Origin { client, is_private };
            Answer::of_api(api.answer(&site, &pulse, origin, &mut request).await)
        }
        None => match answer(&shared, &pulse, (client, redirect_to), &request).await {
            Ok(answer) | Err(answer) => answer,
        },
    };
    Ok(finished(answer, &request, client, shared, (pulse, started)))
}

/// Answers one request of who watches the server.
pub(crate) async fn respond_to_monitor(
    shared: Arc<Shared>,
    pulse: Arc<Pulse>,
    peer: Peer,
    certificates: &[(String, Arc<Entrance>)],
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    let started = Instant::now();
    pulse.work();
    let answer = match (fault_of(&pulse, &request), request.uri().path()) {
        (Some(fault), _) => fault,
        (None, HEALTH) => Answer::health(&shared.site()),
        (None, "/metrics") => {
            let text = shared.metrics.text(&observe(&shared, certificates));
            Answer::error(StatusCode::OK, text)
                .with(CONTENT_TYPE, HeaderValue::from_static(metrics::MEDIA_TYPE))
        }
        (None, _) => Answer::not_found(),
    };
    Ok(finished(answer, &request, peer.address, shared, (pulse, started)))
}

/// Makes the response of an answer; what is known of the request is counted and logged when its body has been sent.
fn finished(
    answer: Answer,
    request: &Request<Incoming>,
    peer: IpAddr,
    shared: Arc<Shared>,
    (pulse, started): (Arc<Pulse>, Instant),
) -> Response<Body> {
    let has_token = answer.client.as_ref().is_some_and(|client| client.has_token);
    let entry = LogEntry {
        peer,
        user: answer.client.map(|client| client.name),
        has_token,
        method: escape(request.method().as_str().as_bytes()),
        path: escape(request.uri().path().as_bytes()),
        protocol: if request.version() == Version::HTTP_10 { "HTTP/1.0" } else { "HTTP/1.1" },
        repository: answer.repository,
        file: answer.file,
        agent: request.headers().get(USER_AGENT).map(|agent| escape(agent.as_bytes())),
        status: answer.status.as_u16(),
        bytes: 0,
        duration: Duration::ZERO,
        problem: answer.problem,
    };
    let content = if request.method() == Method::HEAD { Content::Empty } else { answer.content };
    let mut response = Response::new(Body::new(content, InFlight { pulse, started, shared, entry }));
    *response.status_mut() = answer.status;
    *response.headers_mut() = answer.headers;
    response
}

/// The rules in their order. Both sides of the result are answers; `Err` is where a rule stopped the request.
async fn answer(
    shared: &Arc<Shared>,
    pulse: &Pulse,
    (client, redirect_to): (IpAddr, Option<u16>),
    request: &Request<Incoming>,
) -> Result<Answer, Answer> {
    if let Some(fault) = fault_of(pulse, request) {
        return Err(fault);
    }
    let path = RequestPath::parse(request.uri().path())
        .map_err(|_| Answer::error(StatusCode::BAD_REQUEST, "malformed path\n"))?;
    let site = shared.site();
    if request.uri().path() == HEALTH && !site.access.contains_key(path.repository()) {
        return Ok(Answer::health(&site));
    }
    let authority = request.uri().authority().map(hyper::http::uri::Authority::as_str);
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
    if let Some(port) = redirect_to
        && !site.access.get(path.repository()).is_some_and(|access| access.without_tls)
    {
        return Err(to_tls(authority.or(host).unwrap_or_default(), port, request.uri()));
    }
    let at_own_address = site.at_own_address(authority.or(host).unwrap_or_default(), &path);
    let is_root = at_own_address.is_none() && path.names_repository(0);
    let (query, headers) = (request.uri().query(), request.headers());
    let asked = page::Asked { client, path: &path, query, headers };
    if let Some(answer) = page::answer(shared, &site, &asked, is_root).await {
        return answer;
    }
    let (repository, depth) = at_own_address.unwrap_or((path.repository(), 1));
    let Some(access) = site.access.get(repository) else { return Err(Answer::not_found()) };
    let named = |mut answer: Answer| {
        answer.repository = Some(repository.to_owned());
        answer
    };
    let client =
        let_in(shared, &site, client, (repository, access), request.headers()).await.map_err(named)?;
    let mut answer = match path.inner(depth) {
        None => match site.pages.get(repository).filter(|_| path.names_repository(depth)) {
            Some(_) if site.renderer.is_some() => page::to_page_of(repository, request.uri().path()),
            Some(page) => Answer::page(page.text(repository), access.is_restricted()),
            None => Answer::not_found(),
        },
        Some(inner) => match site.tree.file(repository, inner) {
            Err(error) => Answer::trouble(&error),
            Ok(None) => Answer::not_found(),
            Ok(Some(file)) => send(file, inner, access.is_restricted(), request, &shared.buffers),
        },
    };
    answer.client = client;
    Ok(named(answer))
}

/// Returns the answer to a request that breaks a rule which holds for each request, whatever it asks for.
fn fault_of(pulse: &Pulse, request: &Request<Incoming>) -> Option<Answer> {
    // Proxies read such requests in another way, and would take a part of one for another.
    if pulse.has_bare_line_feed() {
        return Some(Answer::malformed("a line ends in CR LF\n"));
    }
    if request.headers().get_all(HOST).iter().nth(1).is_some() {
        return Some(Answer::malformed("one Host field only\n"));
    }
    if request.version() == Version::HTTP_11 && !request.headers().contains_key(HOST) {
        // RFC 9112, section 3.2.
        return Some(Answer::malformed("a Host field is missing\n"));
    }
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return Some(
            Answer::error(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD\n")
                .with(ALLOW, HeaderValue::from_static("GET, HEAD")),
        );
    }
    if !request.body().is_end_stream() {
        // We will not read the body, so what follows on this connection could not be told from it.
        return Some(Answer::malformed("a request here has no body\n"));
    }
    None
}

/// Leads a request to the same place over TLS. Only the name of a host is taken over of what the client calls the host.
fn to_tls(host: &str, port: u16, uri: &hyper::Uri) -> Answer {
    let end = host.rfind(']').unwrap_or(0);
    let host =
        host.rfind(':').filter(|colon| *colon > end).and_then(|colon| host.get(..colon)).unwrap_or(host);
    let is_host = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']');
    if host.is_empty() || !host.chars().all(is_host) {
        return Answer::malformed("the name of a host is missing\n");
    }
    let port = if port == 443 { String::new() } else { format!(":{port}") };
    let rest = uri.path_and_query().map_or("/", hyper::http::uri::PathAndQuery::as_str);
    Answer::error(StatusCode::MOVED_PERMANENTLY, "use https\n")
        .with(LOCATION, text(format!("https://{host}{port}{rest}")))
}

/// Looks for a way in that is open to the client, and checks the credentials that it asks for. Returns the user's name or the token's
/// holder.
///
/// What costs nearly nothing is tried first: an address, a token, a password that was right before.
async fn let_in(
    shared: &Arc<Shared>,
    site: &Arc<OpenSite>,
    client: IpAddr,
    (repository, access): (&str, &Access),
    headers: &HeaderMap,
) -> Result<Option<Client>, Answer> {
    let ways = access.ways_from(client);
    if ways.is_empty() {
        return Err(Answer::error(StatusCode::FORBIDDEN, "not from this address\n"));
    }
    if ways.iter().any(|way| matches!(way.login, Login::None)) {
        return Ok(None);
    }
    let closed = || Answer::busy("closed: the file of those who may log in cannot be used\n");
    if ways.iter().all(|way| way.login.is_unusable()) {
        return Err(closed());
    }
    let Some((name, password)) = credentials(headers) else { return Err(Answer::unauthorized(repository)) };
    if let Some(known) = known(&ways, &name, &password) {
        return Ok(Some(known));
    }
    if access.takes_tokens() && password.starts_with(TOKEN_PREFIX) {
        // It may have been made since the file was looked at. What is served may be something else by now, with files of its own.
        let (site, repository) = (Arc::clone(site), repository.to_owned());
        let look = move || site.access.get(&repository).map(Access::look_at_tokens);
        let _ = tokio::task::spawn_blocking(look).await;
        if let Some(known) = known(&ways, &name, &password) {
            return Ok(Some(known));
        }
    }
    for way in &ways {
        if let Login::Users(file) = &way.login
            && let Some(users) = file.users()
            && verify(shared, client, users, (name.clone(), password.clone())).await?
        {
            return Ok(Some(Client { name: escape(name.as_bytes()), has_token: false }));
        }
    }
    // Who it is might stand in the one that cannot be used.
    if ways.iter().any(|way| way.login.is_unusable()) {
        return Err(closed());
    }
    Err(Answer::unauthorized(repository))
}

/// Who shows a token, or a password that was right before.
fn known(ways: &[&Way], name: &str, password: &[u8]) -> Option<Client> {
    ways.iter().find_map(|way| match &way.login {
        Login::Tokens(tokens) => {
            let holder = tokens.holder_of(std::str::from_utf8(password).ok()?)?;
            Some(Client { name: escape(holder.as_bytes()), has_token: true })
        }
        Login::Users(file) => {
            file.users()?.known(name, password)?;
            Some(Client { name: escape(name.as_bytes()), has_token: false })
        }
        Login::None => None,
    })
}

/// Checks a password that was not right before, when it is the client's turn.
async fn verify(
    shared: &Arc<Shared>,
    client: IpAddr,
    users: Arc<Users>,
    (name, password): (String, Vec<u8>),
) -> Result<bool, Answer> {
    let permit = shared.logins.permit(ClientKey::of(client), shared.exempts(client), &name);
    let Ok(Ok(permit)) = tokio::time::timeout(LOGIN_PATIENCE, permit).await else {
        return Err(Answer::busy("too many logins at once\n"));
    };
    let check = move || {
        let right = users.verify(&name, &password);
        // Here, as the check goes on when the client goes away, and may not be one too many then.
        drop(permit);
        right
    };
    Ok(tokio::task::spawn_blocking(check).await.unwrap_or(false))
}

/// The name and password of `Authorization: Basic …` (RFC 7617).
pub(super) fn credentials(headers: &HeaderMap) -> Option<(String, Vec<u8>)> {
    let value = headers.get(AUTHORIZATION)?.as_bytes();
    let (scheme, encoded) = value.split_at_checked(6)?;
    if !scheme.eq_ignore_ascii_case(b"Basic ") {
        return None;
    }
    let decoded = base64::engine::general_purpose::STANDARD.decode(encoded.trim_ascii()).ok()?;
    let colon = decoded.iter().position(|byte| *byte == b':')?;
    let (name, password) = decoded.split_at_checked(colon)?;
    let password = password.get(1..)?;
    if password.len() > PASSWORD_LIMIT {
        return None;
    }
    Some((String::from_utf8(name.to_vec()).ok()?, password.to_vec()))
}

/// The answer for a file that exists and may be read.
fn send(
    file: OpenFile,
    inner: &[u8],
    restricted: bool,
    request: &Request<Incoming>,
    buffers: &Arc<Buffers>,
) -> Answer {
    let immutable = is_immutable(inner);
    let validators = validators(&file, immutable);
    let selection = select(request.headers(), request.method() == Method::GET, &validators, file.size);
    let logged = LoggedFile { path: escape(inner), modified: file.modified };
    let OpenFile { file, size, .. } = file;
    let (status, content) = match selection {
        Selection::Whole => (StatusCode::OK, Content::File(Part::new(file, 0, size, buffers))),
        Selection::Part { start, length } => {
            (StatusCode::PARTIAL_CONTENT, Content::File(Part::new(file, start, length, buffers)))
        }
        Selection::NotModified => (StatusCode::NOT_MODIFIED, Content::Empty),
        Selection::PreconditionFailed => {
            return Answer::error(StatusCode::PRECONDITION_FAILED, "it has changed\n");
        }
        Selection::Unsatisfiable => {
            let mut answer =
                Answer::error(StatusCode::RANGE_NOT_SATISFIABLE, "the range begins behind the end\n")
                    .with(CONTENT_RANGE, text(format!("bytes */{size}")));
            answer.file = Some(logged);
            return answer;
        }
    };
    let length = match selection {
        Selection::Part { length, .. } => length,
        _ => size,
    };
    let mut answer =
        Answer { file: Some(logged), ..Answer::new(status, HeaderMap::with_capacity(10), content) }
            .with(LAST_MODIFIED, text(httpdate::fmt_http_date(validators.last_modified())))
            .with(ETAG, text(validators.etag.clone()))
            .with(CACHE_CONTROL, HeaderValue::from_static(cache_control(immutable, restricted)));
    if validators.last_modified() != validators.modified {
        // The one that is added otherwise may be a second old.
        answer = answer.with(DATE, text(httpdate::fmt_http_date(validators.now)));
    }
    if selection == Selection::NotModified {
        return answer;
    }
    if let Selection::Part { start, length } = selection {
        answer = answer.with(CONTENT_RANGE, text(format!("bytes {start}-{}/{size}", start + length - 1)));
    }
    answer
        .with(CONTENT_TYPE, HeaderValue::from_static(media_type(inner)))
        .with(CONTENT_LENGTH, length.into())
        .with(ACCEPT_RANGES, HeaderValue::from_static("bytes"))
        .with(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"))
}

/// The validators of a file.
///
/// Under `pool` and `by-hash` a name never gets other bytes, so size and time make a strong tag that also holds across
/// replicas of the tree. Elsewhere the tag is weak, and tells two publications within one second apart by inode and nanoseconds.
fn validators(file: &OpenFile, immutable: bool) -> Validators {
    /// The last second of the year 9999, beyond which HTTP has no dates.
    const LAST: Duration = Duration::from_secs(253_402_300_799);
    let since = file.modified.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().min(LAST);
    let etag = if immutable {
        format!("\"{:x}-{:x}\"", file.size, since.as_secs())
    } else {
        format!("W/\"{:x}-{:x}-{:x}\"", file.inode, file.size, since.as_nanos())
    };
    let modified = whole_seconds(SystemTime::UNIX_EPOCH + since);
    Validators { etag, modified, now: SystemTime::now() }
}

impl Answer {
    fn new(status: StatusCode, headers: HeaderMap, content: Content) -> Self {
        Self { status, headers, content, client: None, repository: None, file: None, problem: None }
    }

    /// A text that no cache may keep, such as what is wrong.
    fn error(status: StatusCode, body: impl Into<Cow<'static, str>>) -> Self {
        let body = body.into();
        let length = body.len();
        Self::new(status, HeaderMap::with_capacity(6), Content::Text(body))
            .with(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"))
            .with(CONTENT_LENGTH, length.into())
            // A 404 of a file about to be published must not outlive that.
            .with(CACHE_CONTROL, HeaderValue::from_static("no-store"))
    }

    /// The answer to a request to the interface for programs, and who sent it.
    fn of_api((answer, user): (api::Answer, Option<String>)) -> Self {
        let api::Answer { status, headers, media_type, body, problem } = answer;
        let length = body.len();
        let content = Content::Text(body.into());
        let client = user.map(|user| Client { name: escape(user.as_bytes()), has_token: true });
        let answer = Self::new(status, HeaderMap::with_capacity(8), content);
        let answer = Self { client, problem, ..answer }
            .with(CONTENT_TYPE, HeaderValue::from_static(media_type))
            .with(CONTENT_LENGTH, length.into())
            .with(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"))
            .with(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.into_iter().fold(answer, |answer, (name, value)| answer.with(name, value))
    }

    /// A text that is made from the configuration.
    fn page(text: String, restricted: bool) -> Self {
        let length = text.len();
        Self::new(StatusCode::OK, HeaderMap::with_capacity(6), Content::Text(text.into()))
            .with(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"))
            .with(CONTENT_LENGTH, length.into())
            .with(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"))
            .with(CACHE_CONTROL, HeaderValue::from_static(cache_control(false, restricted)))
    }

    fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// The answer to a request after which the connection cannot be trusted.
    fn malformed(body: &'static str) -> Self {
        Self::error(StatusCode::BAD_REQUEST, body).with(CONNECTION, HeaderValue::from_static("close"))
    }

    /// Whether requests can be answered.
    fn health(site: &OpenSite) -> Self {
        if site.tree.is_there() {
            Self::error(StatusCode::OK, "ok\n")
        } else {
            Self::busy("the directory to serve is gone\n")
        }
    }

    fn not_found() -> Self {
        Self::error(StatusCode::NOT_FOUND, "not found\n")
    }

    fn unauthorized(repository: &str) -> Self {
        let realm: String =
            repository.chars().filter(|c| c.is_ascii_graphic() && !matches!(c, '"' | '\\')).collect();
        Self::error(StatusCode::UNAUTHORIZED, "authentication required\n")
            .with(WWW_AUTHENTICATE, text(format!("Basic realm=\"{realm}\", charset=\"UTF-8\"")))
    }

    fn busy(body: &'static str) -> Self {
        Self::error(StatusCode::SERVICE_UNAVAILABLE, body).with(RETRY_AFTER, HeaderValue::from_static("5"))
    }

    /// A file that may well exist, and that we cannot open.
    fn trouble(error: &io::Error) -> Self {
        use rustix::io::Errno;
        let passing =
            [Errno::MFILE, Errno::NFILE, Errno::AGAIN, Errno::NOMEM, Errno::INTR].map(Errno::raw_os_error);
        let mut answer = match error.raw_os_error() {
            Some(errno) if passing.contains(&errno) => Self::busy("try again\n"),
            _ => Self::error(StatusCode::INTERNAL_SERVER_ERROR, "the server cannot read this file\n"),
        };
        answer.problem = Some(error.to_string());
        answer
    }
}

/// A header value of text that we made ourselves, of printable ASCII only.
fn text(value: String) -> HeaderValue {
    HeaderValue::try_from(value).unwrap_or_else(|_| HeaderValue::from_static(""))
}
