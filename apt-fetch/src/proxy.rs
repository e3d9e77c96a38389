//! Proxies.

use crate::url::{Login, Scheme, Url, UrlError};

/// A server through which others are reached, with the method `CONNECT`; for `http:` too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxy {
    url: Url,
    login: Option<Login>,
}

impl Proxy {
    /// Reads `http://[USER[:PASSWORD]@]HOST[:PORT]`, or the same with `https:`.
    ///
    /// # Errors
    /// [`UrlError`] names the part that is wrong.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        let (url, login) = Url::parse_with_login(text)?;
        if url.scheme().is_local() {
            return Err(UrlError::Scheme(deb_parse::Quoted::new(url.scheme().name())));
        }
        Ok(Self { url, login })
    }

    /// Returns its address, without user and password.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Returns the proxy as the client of HTTP knows it.
    pub(crate) fn build(&self) -> Option<ureq::Proxy> {
        let protocol = match self.url.scheme() {
            Scheme::Https => ureq::ProxyProtocol::Https,
            _ => ureq::ProxyProtocol::Http,
        };
        let port = self.url.port().unwrap_or(if self.url.scheme() == Scheme::Https { 443 } else { 80 });
        let mut builder = ureq::Proxy::builder(protocol).host(self.url.host()).port(port);
        if let Some(login) = &self.login {
            builder = builder.username(login.user()).password(login.password());
        }
        builder.build().ok()
    }
}

/// Through which proxy each server is reached.
///
/// ```
/// use apt_fetch::{Proxies, Url};
///
/// // The environment comes in as a function.
/// let variables = [("https_proxy", "http://proxy:3128"), ("no_proxy", ".example.org, localhost")];
/// let variable = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
/// let proxies = Proxies::of_environment(variable)?;
/// assert!(proxies.of(&Url::parse("https://deb.debian.org/")?).is_some());
/// assert!(proxies.of(&Url::parse("https://deb.example.org/")?).is_none());
/// assert!(proxies.of(&Url::parse("http://deb.debian.org/")?).is_none());
/// # Ok::<(), apt_fetch::UrlError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proxies {
    /// For `http:`.
    pub http: Option<Proxy>,
    /// For `https:`.
    pub https: Option<Proxy>,
    /// Hosts that are reached without, each with all that is in it if it is a domain; a dot at its start makes no difference. `*` is every host.
    pub direct: Vec<String>,
}

impl Proxies {
    /// Reads the variables `http_proxy`, `https_proxy`, `all_proxy` and `no_proxy`, in lower case first.
    ///
    /// # Errors
    /// [`UrlError`] when one of them is not the address of a proxy.
    pub fn of_environment(variable: impl Fn(&str) -> Option<String>) -> Result<Self, UrlError> {
        let value = |name: &str| {
            variable(name).or_else(|| variable(&name.to_ascii_uppercase())).filter(|value| !value.is_empty())
        };
        let proxy = |name: &str| {
            let text = value(name).or_else(|| value("all_proxy"));
            let text = text.map(|text| if text.contains("://") { text } else { format!("http://{text}") });
            text.as_deref().map(Proxy::parse).transpose()
        };
        let direct = value("no_proxy").unwrap_or_default();
        let direct = direct.split([',', ' ']).map(str::trim_ascii).filter(|host| !host.is_empty());
        Ok(Self {
            http: proxy("http_proxy")?,
            https: proxy("https_proxy")?,
            direct: direct.map(str::to_ascii_lowercase).collect(),
        })
    }

    /// Returns the proxy for an address, if it is not reached directly.
    #[must_use]
    pub fn of(&self, url: &Url) -> Option<&Proxy> {
        let own = url.host().trim_matches(['[', ']']);
        let is_meant = |host: &String| {
            let domain = host.trim_start_matches('.').trim_matches(['[', ']']);
            let is_in = || own.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'));
            host == "*" || (!domain.is_empty() && (own == domain || is_in()))
        };
        if self.direct.iter().any(is_meant) {
            return None;
        }
        match url.scheme() {
            Scheme::Http => self.http.as_ref(),
            Scheme::Https => self.https.as_ref(),
            Scheme::File | Scheme::Copy => None,
        }
    }
}
