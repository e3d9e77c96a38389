//! `http:` and `https:`.

use std::io;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ureq::config::AutoHeaderValue;
use ureq::http::{HeaderMap, Response};
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::{Connector as _, DefaultConnector};
use ureq::{Agent, Body};

use super::deadline::DeadlineConnector;
use super::{Answer, AnswerKind, Conditions};
use crate::auth::Logins;
use crate::error::{Problem, RedirectRule};
use crate::limits::Limits;
use crate::proxy::Proxies;
use crate::url::{Login, Scheme, Url};

/// Asks servers. It keeps connections open for the next question.
pub(crate) struct HttpAgent {
    agent: Agent,
    logins: Logins,
    proxies: Proxies,
    limits: Limits,
}

impl HttpAgent {
    pub(crate) fn new(
        user_agent: &str,
        authorities: &[Vec<u8>],
        logins: Logins,
        proxies: Proxies,
        limits: Limits,
    ) -> Self {
        let authorities = authorities.iter().map(|der| Certificate::from_der(der).to_owned());
        let roots = RootCerts::from(authorities);
        let config = Agent::config_builder()
            .http_status_as_error(false)
            // Each hop is looked at here: where it leads, and who may be told the password.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None)
            .user_agent(user_agent)
            .accept(AutoHeaderValue::None)
            .accept_encoding(AutoHeaderValue::None)
            .timeout_resolve(Some(limits.patience))
            .timeout_connect(Some(limits.patience))
            // From here on also for the head of the answer.
            .timeout_send_request(Some(limits.patience))
            // For each read, and not for the whole body.
            .timeout_recv_body(Some(limits.patience))
            .max_idle_connections_per_host(16)
            .tls_config(TlsConfig::builder().root_certs(roots).build())
            .build();
        let connector = DefaultConnector::new().chain(DeadlineConnector);
        let agent = Agent::with_parts(config, connector, DefaultResolver::default());
        Self { agent, logins, proxies, limits }
    }

    /// Asks for a file of at most `most` bytes, and follows redirects. The login is for the server of `url` alone.
    pub(crate) fn open(
        &self,
        url: &Url,
        login: Option<&Login>,
        conditions: &Conditions,
        most: u64,
    ) -> Result<Answer, Problem> {
        let mut redirects: Vec<Url> = Vec::new();
        let mut current = url.clone();
        loop {
            let login = login.filter(|_| current.is_same_origin(url)).or_else(|| self.logins.of(&current));
            let answer = self.ask(&current, login, conditions, most)?;
            let status = answer.status().as_u16();
            if !matches!(status, 301 | 302 | 303 | 307 | 308) {
                let answer = judge(answer, &current, redirects, conditions, login.is_some())?;
                return Ok(answer);
            }
            let nowhere = Problem::Redirect { to: None, rule: RedirectRule::Address };
            let location = answer.headers().get("location").and_then(|value| value.to_str().ok());
            let to = current.redirect(location.ok_or(nowhere)?).map_err(Problem::address)?;
            if let Some(rule) = broken_rule(&current, &to, &redirects, self.limits.redirects) {
                return Err(Problem::Redirect { to: Some(Box::new(to)), rule });
            }
            redirects.push(std::mem::replace(&mut current, to));
        }
    }

    /// Sends one request.
    fn ask(
        &self,
        url: &Url,
        login: Option<&Login>,
        conditions: &Conditions,
        most: u64,
    ) -> Result<Response<Body>, Problem> {
        let address = url.to_string();
        let mut request =
            if conditions.head_only { self.agent.head(address) } else { self.agent.get(address) };
        if let Some(login) = login {
            let pair = STANDARD.encode(format!("{}:{}", login.user(), login.password()));
            request = request.header("Authorization", format!("Basic {pair}"));
        }
        if conditions.from > 0 {
            request = request.header("Range", format!("bytes={}-", conditions.from));
            if let Some(validator) = &conditions.if_range {
                request = request.header("If-Range", validator);
            }
        }
        if let Some(date) = &conditions.if_modified_since {
            request = request.header("If-Modified-Since", date);
        }
        if let Some(tag) = &conditions.if_none_match {
            request = request.header("If-None-Match", tag);
        }
        if conditions.is_fresh {
            request = request.header("Cache-Control", "max-age=0");
        }
        // To find the server, to connect, to ask, and for the body.
        let body = Duration::from_secs(most / self.limits.slowest.max(1));
        let whole = self.limits.patience.saturating_mul(4).saturating_add(body).min(LONGEST);
        let proxy = self.proxies.of(url).and_then(crate::proxy::Proxy::build);
        let config = request.config().timeout_global(Some(whole)).proxy(proxy);
        config.build().call().map_err(explain)
    }
}

/// No answer is waited for longer, whatever the limits say: clocks cannot tell times that are much later.
const LONGEST: Duration = Duration::from_secs(7 * 86400);

/// Returns which rule a redirect breaks.
fn broken_rule(from: &Url, to: &Url, before: &[Url], most: u32) -> Option<RedirectRule> {
    if from.scheme() == Scheme::Https && to.scheme() != Scheme::Https {
        return Some(RedirectRule::Downgrade);
    }
    let hops = u32::try_from(before.len()).unwrap_or(u32::MAX);
    (hops >= most || to == from || before.contains(to)).then_some(RedirectRule::TooMany)
}

/// Makes an answer of what a server sent that is not a redirect.
fn judge(
    answer: Response<Body>,
    url: &Url,
    redirects: Vec<Url>,
    conditions: &Conditions,
    had_login: bool,
) -> Result<Answer, Problem> {
    let is_conditional = conditions.if_modified_since.is_some() || conditions.if_none_match.is_some();
    let kind = match answer.status().as_u16() {
        200 => AnswerKind::Whole,
        206 if conditions.from > 0 => {
            if first_byte(answer.headers()) != Some(conditions.from) {
                return Err(Problem::Connection {
                    what: "the server sends another part than it was asked for".to_owned(),
                });
            }
            AnswerKind::Rest
        }
        304 if is_conditional => AnswerKind::Unchanged,
        404 | 410 => return Err(Problem::NotFound),
        // A signed address that a redirect led to runs out: the way is to be gone again from its start.
        403 if !redirects.is_empty() => return Err(Problem::Status { status: 403, retry_after: None }),
        status @ (401..=403 | 407) => return Err(Problem::Denied { status, had_login }),
        status => return Err(Problem::Status { status, retry_after: retry_after(answer.headers()) }),
    };
    let field = |(name, value): (&ureq::http::HeaderName, &ureq::http::HeaderValue)| {
        Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
    };
    let fields = answer.headers().iter().filter_map(field).collect();
    // The client of HTTP knows no length of a body that does not come.
    let announced =
        answer.headers().get("content-length").and_then(|value| value.to_str().ok()?.parse().ok());
    let body = answer.into_body();
    Ok(Answer {
        kind,
        url: url.clone(),
        redirects,
        length: if conditions.head_only { announced } else { body.content_length() },
        fields,
        body: Box::new(body.into_reader()),
    })
}

/// Returns where the part starts that a server sends.
fn first_byte(headers: &HeaderMap) -> Option<u64> {
    let range = headers.get("content-range")?.to_str().ok()?;
    range.strip_prefix("bytes ")?.split('-').next()?.parse().ok()
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    headers.get("retry-after")?.to_str().ok()?.parse().ok().map(Duration::from_secs)
}

/// Returns what an error of the client of HTTP means.
fn explain(error: ureq::Error) -> Problem {
    let connection = |what: String| Problem::Connection { what };
    match error {
        ureq::Error::Timeout(_) => Problem::TimedOut,
        ureq::Error::HostNotFound => connection("host not found".to_owned()),
        ureq::Error::Io(error) => explain_io(error),
        error => connection(one_line(&error.to_string())),
    }
}

/// Returns what an error while reading a body means.
pub(crate) fn explain_io(error: io::Error) -> Problem {
    if error.kind() == io::ErrorKind::TimedOut {
        return Problem::TimedOut;
    }
    let text = error.to_string();
    match error.into_inner().and_then(|inner| inner.downcast::<ureq::Error>().ok()) {
        Some(inner) if !matches!(*inner, ureq::Error::Io(_)) => explain(*inner),
        _ => Problem::Connection { what: one_line(&text) },
    }
}

/// Texts of libraries can quote what a server sent.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_never_leads_to_a_worse_scheme_nor_in_a_circle() {
        let url = |text: &str| Url::parse(text).unwrap();
        let rule = |from: &str, to: &str| broken_rule(&url(from), &url(to), &[url("https://a/")], 2);
        assert_eq!(rule("https://b/", "http://b/"), Some(RedirectRule::Downgrade));
        assert_eq!(rule("http://b/", "https://b/"), None);
        assert_eq!(rule("http://b/", "http://c/"), None);
        assert_eq!(rule("https://b/", "https://b/"), Some(RedirectRule::TooMany));
        assert_eq!(rule("https://b/", "https://a/"), Some(RedirectRule::TooMany));
        let before = [url("https://a/"), url("https://b/")];
        assert_eq!(
            broken_rule(&url("https://c/"), &url("https://d/"), &before, 2),
            Some(RedirectRule::TooMany)
        );
    }

    #[test]
    fn what_libraries_say_is_one_line() {
        let error = io::Error::other("a\n\u{1b}[31mb");
        assert!(matches!(explain_io(error), Problem::Connection { what } if what == "a  [31mb"));
    }
}
