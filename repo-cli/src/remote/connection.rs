//! Requests to a server, with a token.

use std::fs::File;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use repo_config::{FromText as _, Url};
use repo_serve::api::{BASE, EXIT_STATUS, OUTPUT_LENGTH};
use repo_store::access::Token;
use serde_json::Value;
use ureq::http::{Request as HttpRequest, StatusCode};
use ureq::{Agent, AsSendBody};

use super::request::Request;
use crate::args::Global;
use crate::error::Failure;
use crate::fetch;

/// What an element of a path and a value in a query keep as they are.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// A verb may take that long.
const PATIENCE: Duration = Duration::from_secs(16 * 60);
/// The largest answer.
const LARGEST: u64 = 128 << 20;
/// How often a request is sent again to a server that is too busy.
const TRIES: u32 = 10;
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// The name of the credential of a service with the token.
const CREDENTIAL: &str = "repo-token";

/// A server, and the token for it.
pub(super) struct Connection {
    url: String,
    authorization: String,
    agent: Agent,
}

/// What a server answered.
pub(super) struct Reply {
    url: String,
    status: StatusCode,
    /// How the verb ended; `None` when none ran.
    pub(super) exit_status: Option<i32>,
    output_length: Option<usize>,
    body: String,
}

impl Connection {
    pub(super) fn to(url: &str, global: &Global) -> Result<Self, Failure> {
        let parsed = Url::from_text(url).map_err(|error| Failure::Url(error.to_string()))?;
        let url = parsed.to_string().trim_end_matches('/').to_owned();
        if !url.starts_with("https://") && !url.starts_with("http://") {
            return Err(Failure::Url(format!("{url}: only http:// and https:// are understood")));
        }
        if url.starts_with("http://") && !parsed.is_of_this_machine() {
            let what = "over http:// everybody on the way can read the token: use https://";
            return Err(Failure::Url(format!("{url}: {what}")));
        }
        let token = token(global)?;
        let authorization = format!("Bearer {}", token.expose());
        // A redirect would bring the token to another server.
        Ok(Self { url, authorization, agent: fetch::agent(PATIENCE) })
    }

    /// Sends a request. `json`: a document is asked for instead of text for people.
    pub(super) fn send(&self, request: &Request, json: bool) -> Result<Reply, Failure> {
        match request.body() {
            Some(body) => self.repeat(request, json, || Ok(body.to_string())),
            None => self.repeat(request, json, || Ok(())),
        }
    }

    /// Uploads a file, and gets a document.
    pub(super) fn upload(&self, request: &Request, file: &Utf8Path) -> Result<Reply, Failure> {
        self.repeat(request, true, || File::open(file).map_err(Failure::io("open", file)))
    }

    /// Sends a request until the server is not too busy for it.
    fn repeat<B: AsSendBody>(
        &self,
        request: &Request,
        json: bool,
        body: impl Fn() -> Result<B, Failure>,
    ) -> Result<Reply, Failure> {
        let mut tries = 1;
        loop {
            let (reply, pause) = self.once(request, json, body()?)?;
            match pause {
                Some(pause) if tries < TRIES => std::thread::sleep(pause.min(LONGEST_PAUSE)),
                _ => return Ok(reply),
            }
            tries += 1;
        }
    }

    fn once<B: AsSendBody>(
        &self,
        request: &Request,
        json: bool,
        body: B,
    ) -> Result<(Reply, Option<Duration>), Failure> {
        let failed = |what: String| Failure::Server { url: self.url.clone(), what };
        let mut builder = HttpRequest::builder()
            .method(request.method())
            .uri(self.address(request))
            .header("Authorization", &self.authorization)
            .header("Accept", if json { "application/json" } else { "text/plain, application/json;q=0.5" });
        if let Some(base) = request.base() {
            builder = builder.header("If-Match", format!("\"{base}\""));
        }
        let request = builder.body(body).map_err(|error| failed(error.to_string()))?;
        let answer = self.agent.run(request).map_err(|error| failed(fetch::reason(&error)))?;
        let field = |name: &str| answer.headers().get(name)?.to_str().ok().map(str::to_owned);
        let status = answer.status();
        let exit_status = field(EXIT_STATUS).and_then(|text| text.parse().ok());
        let output_length = field(OUTPUT_LENGTH).and_then(|text| text.parse().ok());
        let is_busy = [StatusCode::TOO_MANY_REQUESTS, StatusCode::SERVICE_UNAVAILABLE].contains(&status);
        let pause = field("retry-after").and_then(|text| text.parse().ok()).map(Duration::from_secs);
        let mut read = answer.into_body();
        let body = read.with_config().limit(LARGEST).read_to_string();
        let body = body.map_err(|error| failed(fetch::reason(&error)))?;
        let reply = Reply { url: self.url.clone(), status, exit_status, output_length, body };
        Ok((reply, pause.filter(|_| is_busy)))
    }

    fn address(&self, request: &Request) -> String {
        let encode = |text: &str| utf8_percent_encode(text, ENCODED).to_string();
        let path: Vec<String> = request.path().iter().map(|element| encode(element)).collect();
        let query: Vec<String> =
            request.query().iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
        let mark = if query.is_empty() { "" } else { "?" };
        format!("{}{BASE}/{}{mark}{}", self.url, path.join("/"), query.join("&"))
    }
}

impl Reply {
    /// Returns what the verb printed to standard output and to standard error, if that is what came.
    pub(super) fn printed(&self) -> Option<(&str, &str)> {
        self.body.split_at_checked(self.output_length?)
    }

    /// Returns whether it was done.
    pub(super) fn is_good(&self) -> bool {
        self.status.is_success()
    }

    /// Returns the document that came.
    pub(super) fn document(&self) -> Result<Value, Failure> {
        let document: Option<Value> = serde_json::from_str(&self.body).ok();
        let document = document.filter(|document| document.get("format").is_some());
        document.ok_or_else(|| {
            let what = "is there an interface for programs? (`api` in [serve] of repo.toml)";
            self.failure(&format!("it answers {} and no document: {what}", self.status))
        })
    }

    pub(super) fn failure(&self, what: &str) -> Failure {
        Failure::Server { url: self.url.clone(), what: what.to_owned() }
    }
}

/// The token, out of the file that is named or the credential that the service was given.
fn token(global: &Global) -> Result<Token, Failure> {
    let credential = || {
        let directory = std::env::var("CREDENTIALS_DIRECTORY").ok()?;
        Some(Utf8PathBuf::from(directory).join(CREDENTIAL))
    };
    let path = global.token_file.clone().or_else(credential);
    let path =
        path.ok_or(Failure::Usage("--remote needs a token: name the file that has it with --token-file"))?;
    let text = std::fs::read_to_string(&path).map_err(Failure::io("read", &path))?;
    let what =
        "not a token: the file has the line that `repo-cli access add REPOSITORY NAME --scope SCOPE` prints";
    Token::parse(text.trim()).ok_or_else(|| Failure::UnusableFile { path, what: what.to_owned() })
}
