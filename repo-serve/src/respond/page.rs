//! Answers with pages for people: who may see one, where it is, and how it is sent.

use std::collections::BTreeSet;
use std::time::Duration;

use hyper::header::{CONTENT_SECURITY_POLICY, IF_NONE_MATCH, REFERRER_POLICY};

use super::{
    Access, Answer, Arc, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, Client, Content, ETAG, HeaderMap,
    HeaderValue, IpAddr, LOCATION, OpenSite, RequestPath, Shared, StatusCode, WWW_AUTHENTICATE,
    X_CONTENT_TYPE_OPTIONS, cache_control, let_in, pages, text,
};
use crate::conditional;
use crate::renderer::{Document, PageRenderer, PageRequest, Reads};

/// The first element of the path of every page but the list of repositories.
const PREFIX: &str = "-";

/// The query of the list of repositories with which a browser asks for a name and a password.
const LOGIN: &str = "login";

/// How long a page waits for others to be rendered before its request gets a 503.
const PATIENCE: Duration = Duration::from_secs(10);

/// A request for a page.
pub(super) struct Asked<'a> {
    pub(super) client: IpAddr,
    pub(super) path: &'a RequestPath,
    pub(super) query: Option<&'a str>,
    pub(super) headers: &'a HeaderMap,
}

/// Answers a request for a page; `None` when the path is not that of one.
pub(super) async fn answer(
    shared: &Arc<Shared>,
    site: &Arc<OpenSite>,
    asked: &Asked<'_>,
    is_root: bool,
) -> Option<Result<Answer, Answer>> {
    let renderer = site.renderer.as_ref();
    // A repository of that name comes first, and its address.
    let is_below = asked.path.repository() == PREFIX && !site.access.contains_key(PREFIX);
    match renderer {
        _ if is_root => Some(Ok(overview(shared, site, asked).await)),
        Some(renderer) if is_below => Some(below(shared, site, renderer, asked).await),
        _ => None,
    }
}

/// Answers with the list of repositories.
async fn overview(shared: &Arc<Shared>, site: &Arc<OpenSite>, asked: &Asked<'_>) -> Answer {
    let readable = listed(shared, site, asked).await;
    let Some(renderer) = &site.renderer else {
        let names: Vec<&str> = readable.names.iter().map(String::as_str).collect();
        return Answer::page(pages::list(&names), is_any_restricted(site));
    };
    if asked.query == Some(LOGIN) {
        return if readable.may_log_in { login() } else { to("./".to_owned()) };
    }
    rendered(shared, site, renderer, asked, &[], readable).await
}

/// Asks for a name and a password. From the top on, browsers send them with each request.
fn login() -> Answer {
    Answer::error(StatusCode::UNAUTHORIZED, "authentication required\n")
        .with(WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"repositories\", charset=\"UTF-8\""))
}

/// Answers with a page below `/-/`.
async fn below(
    shared: &Arc<Shared>,
    site: &Arc<OpenSite>,
    renderer: &Arc<dyn PageRenderer>,
    asked: &Asked<'_>,
) -> Result<Answer, Answer> {
    let Some(path) = asked.path.behind_first() else { return Err(Answer::not_found()) };
    match *path.as_slice() {
        [] => return Ok(to("./".to_owned())),
        [""] => return Ok(to("../".to_owned())),
        _ => {}
    }
    let Some(reads) = renderer.reads(&path) else {
        return match *path.as_slice() {
            // As with directories, the slash is easily forgotten.
            [name] if site.access.contains_key(name) => Ok(to(format!("{name}/"))),
            _ => Err(Answer::not_found()),
        };
    };
    let (name, beside) = match reads {
        Reads::Nothing => {
            return Ok(rendered(shared, site, renderer, asked, &path, Readable::default()).await);
        }
        Reads::Listed => {
            let readable = listed(shared, site, asked).await;
            return Ok(rendered(shared, site, renderer, asked, &path, readable).await);
        }
        Reads::Repository { name, beside } => (name, beside),
    };
    let Some(access) = site.access.get(&name) else { return Err(Answer::not_found()) };
    let named = |mut answer: Answer| {
        answer.repository = Some(name.clone());
        answer
    };
    let client = let_in(shared, site, asked.client, (&name, access), asked.headers).await.map_err(named)?;
    let mut names = BTreeSet::from([name.clone()]);
    for other in beside {
        if let Some(access) = site.access.get(&other)
            && let_in(shared, site, asked.client, (&other, access), asked.headers).await.is_ok()
        {
            names.insert(other);
        }
    }
    let readable = Readable { names, client, may_log_in: false };
    Ok(named(rendered(shared, site, renderer, asked, &path, readable).await))
}

/// What a reader may see.
#[derive(Default)]
struct Readable {
    names: BTreeSet<String>,
    /// Who logged in.
    client: Option<Client>,
    may_log_in: bool,
}

/// Returns the repositories that the reader may read with the login that was sent, if any. Nothing tells of the others.
async fn listed(shared: &Arc<Shared>, site: &Arc<OpenSite>, asked: &Asked<'_>) -> Readable {
    let (mut names, mut client) = (BTreeSet::new(), None);
    for (name, access) in &site.access {
        if access.unlisted {
            continue;
        }
        if let Ok(known) = let_in(shared, site, asked.client, (name, access), asked.headers).await {
            names.insert(name.clone());
            client = client.or(known);
        }
    }
    let may_log_in = client.is_none() && site.access.values().any(Access::has_logins);
    Readable { names, client, may_log_in }
}

fn is_any_restricted(site: &OpenSite) -> bool {
    site.access.values().any(Access::is_restricted)
}

/// Renders a page when it is its turn, where that keeps no file from being sent.
async fn rendered(
    shared: &Arc<Shared>,
    site: &Arc<OpenSite>,
    renderer: &Arc<dyn PageRenderer>,
    asked: &Asked<'_>,
    path: &[&str],
    readable: Readable,
) -> Answer {
    let Readable { names, client, may_log_in } = readable;
    let permit = Arc::clone(&shared.rendering).acquire_owned();
    let Ok(Ok(permit)) = tokio::time::timeout(PATIENCE, permit).await else {
        return Answer::busy("too many pages at once\n");
    };
    let request = PageRequest {
        path: path.iter().map(|element| (*element).to_owned()).collect(),
        query: asked.query.map(str::to_owned),
        readable: names,
        may_log_in,
    };
    let renderer = Arc::clone(renderer);
    let render = move || {
        let document = renderer.render(&request);
        // Here, as rendering goes on when the client goes away.
        drop(permit);
        document
    };
    let document = match tokio::task::spawn_blocking(render).await {
        Ok(Ok(Some(document))) => document,
        Ok(Ok(None)) => return Answer::not_found(),
        Ok(Err(problem)) => return failed(problem),
        Err(problem) => return failed(problem.to_string()),
    };
    let mut answer = sent(&document, is_any_restricted(site), asked.headers);
    answer.client = client;
    answer
}

fn failed(problem: String) -> Answer {
    let answer = Answer::error(StatusCode::INTERNAL_SERVER_ERROR, "the server cannot make this page\n");
    Answer { problem: Some(problem), ..answer }
}

fn sent(document: &Document, is_restricted: bool, headers: &HeaderMap) -> Answer {
    let is_known = conditional::lists_etag(headers, IF_NONE_MATCH, &document.etag);
    let (status, content) = if is_known {
        (StatusCode::NOT_MODIFIED, Content::Empty)
    } else {
        (StatusCode::OK, Content::Bytes(document.body.clone()))
    };
    let answer = Answer::new(status, HeaderMap::with_capacity(8), content)
        .with(ETAG, text(document.etag.clone()))
        .with(CACHE_CONTROL, HeaderValue::from_static(cache_control(false, is_restricted)));
    if is_known {
        return answer;
    }
    answer
        .with(CONTENT_TYPE, HeaderValue::from_static(document.media_type))
        .with(CONTENT_LENGTH, document.body.len().into())
        .with(CONTENT_SECURITY_POLICY, HeaderValue::from_static(document.policy))
        .with(REFERRER_POLICY, HeaderValue::from_static("same-origin"))
        .with(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"))
}

/// Leads from the root of a repository to its page. `path` is the path as it came.
pub(super) fn to_page_of(repository: &str, path: &str) -> Answer {
    let up = path.matches('/').count().saturating_sub(1);
    to(format!("{}{PREFIX}/{repository}/", "../".repeat(up)))
}

/// Leads to another page. Servers in front may have other paths, so the way is told from here.
fn to(location: String) -> Answer {
    Answer::error(StatusCode::FOUND, "the page is elsewhere\n").with(LOCATION, text(location))
}
