//! What a web server is sent.

use std::fmt;

use crate::error::DeliveryError;
use crate::format::Format;
use crate::payload::Payload;
use crate::signature::signature;

/// A request that tells of an event. `Debug` shows neither its address nor its secrets.
#[derive(Clone)]
pub struct Request {
    /// `PUT` where the address names what is made, and else `POST`.
    pub(crate) is_put: bool,
    pub(crate) url: String,
    headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// Makes the request of an event.
    ///
    /// With a secret the header `X-Signature` has the [`signature`] of the body. The body has the id and the time of the event, so an old
    /// request is known when it is sent again. For Matrix the secret is the access token instead, and the id of the event becomes that
    /// of the transaction, by which the server itself tells repeated requests.
    ///
    /// # Errors
    /// [`DeliveryError::NoToken`] for a message for Matrix without a secret.
    pub fn new(
        payload: &Payload,
        format: Format,
        url: &str,
        secret: Option<&[u8]>,
    ) -> Result<Self, DeliveryError> {
        let body = format.body(payload);
        let mut headers = vec![
            ("Content-Type", "application/json".to_owned()),
            ("X-Repo-Event", payload.event.clone()),
            ("X-Repo-Delivery", payload.id.clone()),
        ];
        let mut url = url.to_owned();
        let is_put = format == Format::Matrix;
        if is_put {
            let token = secret.and_then(|secret| std::str::from_utf8(secret).ok());
            let token = token.ok_or(DeliveryError::NoToken)?;
            headers.push(("Authorization", format!("Bearer {token}")));
            let end = url.trim_end_matches('/').len();
            url.truncate(end);
            url.push('/');
            url.push_str(&payload.id);
        } else if let Some(secret) = secret {
            headers.push(("X-Signature", signature(secret, &body)));
        }
        Ok(Self { is_put, url, headers, body })
    }

    /// Returns the value of a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// Returns the body.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    pub(crate) fn headers(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.headers.iter().map(|(name, value)| (*name, value.as_str()))
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request").field("bytes", &self.body.len()).finish_non_exhaustive()
    }
}
