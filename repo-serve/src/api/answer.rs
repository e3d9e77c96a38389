//! What a request to the interface is answered with.

use hyper::StatusCode;
use hyper::header::{HeaderName, HeaderValue};
use serde_json::{Value, json};

/// An answer with its body.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) media_type: &'static str,
    pub(crate) body: String,
    /// What the log says of it.
    pub(crate) problem: Option<String>,
}

pub(crate) const JSON: &str = "application/json";
pub(crate) const PLAIN: &str = "text/plain; charset=utf-8";

impl Answer {
    /// An answer with a JSON document in one line.
    pub(crate) fn document(status: StatusCode, document: &Value) -> Self {
        Self::text(status, JSON, format!("{document}\n"))
    }

    pub(crate) fn text(status: StatusCode, media_type: &'static str, body: String) -> Self {
        Self { status, headers: Vec::new(), media_type, body, problem: None }
    }

    pub(crate) fn with(mut self, name: HeaderName, value: impl AsRef<str>) -> Self {
        self.headers.extend(HeaderValue::try_from(value.as_ref()).ok().map(|value| (name, value)));
        self
    }
}

/// What the interface itself refuses, or cannot do.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    status: u16,
    code: &'static str,
    message: String,
    hint: Option<&'static str>,
    headers: Vec<(HeaderName, String)>,
    problem: Option<String>,
}

impl Refusal {
    pub(crate) fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), hint: None, headers: Vec::new(), problem: None }
    }

    pub(crate) fn request(message: impl Into<String>) -> Self {
        Self::new(400, "E-API-REQUEST", message)
    }

    /// Too much at a time. The client is asked to wait for so many seconds.
    pub(crate) fn busy(status: u16, message: &'static str, seconds: u32) -> Self {
        Self::new(status, "E-API-BUSY", message).with(hyper::header::RETRY_AFTER, seconds.to_string())
    }

    /// The server's own trouble, which the log tells of.
    #[expect(clippy::needless_pass_by_value, reason = "it is given to `map_err`")]
    pub(crate) fn trouble(problem: impl ToString) -> Self {
        let refusal = Self::new(500, "E-API-SERVER", "the server cannot do this now; its log has the reason");
        Self { problem: Some(crate::log::escape(problem.to_string().as_bytes())), ..refusal }
    }

    pub(crate) fn hint(mut self, hint: &'static str) -> Self {
        self.hint = Some(hint);
        self
    }

    pub(crate) fn with(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

impl From<Refusal> for Answer {
    fn from(refusal: Refusal) -> Self {
        let Refusal { status, code, message, hint, headers, problem } = refusal;
        let document = json!({
            "format": 1,
            "ok": false,
            "error": { "code": code, "message": message, "hint": hint, "file": null, "line": null },
        });
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let answer = Self { problem, ..Self::document(status, &document) };
        headers.into_iter().fold(answer, |answer, (name, value)| answer.with(name, value))
    }
}

impl From<super::call::BadRequest> for Refusal {
    fn from(error: super::call::BadRequest) -> Self {
        Self::request(error.to_string()).hint("docs/api.md lists the parameters of each request")
    }
}
