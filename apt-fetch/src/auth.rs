//! Users and passwords for servers, as `apt_auth.conf(5)` has them.

use std::fmt;

use crate::sources::SyntaxError;
use crate::url::{Login, Scheme, Url};

/// Who is logged in where: what stands in `/etc/apt/auth.conf` and the files of `/etc/apt/auth.conf.d`.
///
/// The first entry that fits counts, not the longest. [`Debug`](fmt::Debug) shows no password.
///
/// ```
/// use apt_fetch::{Logins, Url};
///
/// let logins = Logins::parse("machine deb.example.org/debian/ login me password secret\n")?;
/// let login = logins.of(&Url::parse("https://deb.example.org/debian/dists/stable/InRelease")?);
/// assert_eq!(login.map(|login| login.user()), Some("me"));
/// // Over http, everybody on the way could read it: an entry must name that scheme.
/// assert_eq!(logins.of(&Url::parse("http://deb.example.org/debian/")?), None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Logins {
    entries: Vec<Machine>,
}

/// An entry.
#[derive(Clone, PartialEq, Eq)]
struct Machine {
    /// `http` only if that stands there; what names none is for `https`.
    scheme: Scheme,
    /// `HOST[:PORT][/PATH]`.
    place: String,
    login: Login,
}

impl fmt::Debug for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme.name(), self.place)
    }
}

impl Logins {
    /// Reads the text of a file. Files of other tools in the form of `netrc` can be read, if they have no `default` and no macros.
    ///
    /// # Errors
    /// [`SyntaxError`] with the line; it shows no password.
    pub fn parse(text: &str) -> Result<Self, SyntaxError> {
        let mut entries = Vec::new();
        let mut machine: Option<Begun> = None;
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim_ascii();
            if line.starts_with('#') {
                continue;
            }
            let mut words = line.split_ascii_whitespace();
            while let Some(word) = words.next() {
                let fault = |rule| SyntaxError::new(number, rule);
                let value = |words: &mut std::str::SplitAsciiWhitespace<'_>| {
                    words
                        .next()
                        .map(str::to_owned)
                        .ok_or_else(|| fault("a value must follow its keyword on the same line"))
                };
                match (word, &mut machine) {
                    ("machine", _) => {
                        entries.extend(machine.take().and_then(Begun::finish));
                        machine = Some(Begun::new(&value(&mut words)?).ok_or_else(|| {
                            fault("`machine` must be followed by a host, with http:// or https:// before and a path behind it if need be")
                        })?);
                    }
                    ("login", Some(machine)) => machine.user = Some(value(&mut words)?),
                    ("password", Some(machine)) => machine.password = Some(value(&mut words)?),
                    ("login" | "password", None) => {
                        return Err(fault("`machine` must come before `login` and `password`"));
                    }
                    _ => return Err(fault("only `machine`, `login` and `password` are known")),
                }
            }
        }
        entries.extend(machine.and_then(Begun::finish));
        Ok(Self { entries })
    }

    /// Adds the entries of another file behind these.
    pub fn append(&mut self, other: Self) {
        self.entries.extend(other.entries);
    }

    /// Returns who is to be logged in for that address: the login of the first entry that fits.
    ///
    /// An entry fits when its host, and its port if it names one, are those of the address. With a path, the whole entry must be the start
    /// of the address, as text: `/prod` also fits `/prod-eu`, and a path that ends with a slash does not.
    #[must_use]
    pub fn of(&self, url: &Url) -> Option<&Login> {
        let whole = format!("{}{}", url.authority(), url.path());
        let fits = |entry: &&Machine| {
            entry.scheme == url.scheme()
                && match entry.place.contains('/') {
                    true => whole.starts_with(&entry.place),
                    false => entry.place == url.host() || entry.place == url.authority(),
                }
        };
        self.entries.iter().find(fits).map(|entry| &entry.login)
    }
}

/// An entry that is being read.
struct Begun {
    scheme: Scheme,
    place: String,
    user: Option<String>,
    password: Option<String>,
}

impl Begun {
    fn new(text: &str) -> Option<Self> {
        let (scheme, place) = match text.split_once("://") {
            Some(("http", place)) => (Scheme::Http, place),
            Some(("https", place)) => (Scheme::Https, place),
            Some(_) => return None,
            None => (Scheme::Https, text),
        };
        let end = place.find('/').unwrap_or(place.len());
        let (host, path) = place.split_at(end);
        // The same reader, so that both spell a host in one way.
        let url = Url::parse(&format!("{}://{host}/", scheme.name())).ok()?;
        Some(Self { scheme, place: format!("{}{path}", url.authority()), user: None, password: None })
    }

    /// An entry without a user says nothing.
    fn finish(self) -> Option<Machine> {
        let login = Login::new(self.user?, self.password.unwrap_or_default());
        Some(Machine { scheme: self.scheme, place: self.place, login })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(logins: &str, url: &str) -> Option<String> {
        let logins = Logins::parse(logins).unwrap();
        logins.of(&Url::parse(url).unwrap()).map(|login| login.user().to_owned())
    }

    #[test]
    fn the_first_entry_that_fits_counts() {
        let text = "# a comment\nmachine h/prod/ login one password 1\nmachine h login two password 2\n\
                    machine h/test login three password 3\nmachine http://h:8080\nlogin four\npassword 4\n";
        for (url, expected) in [
            ("https://h/prod/x", Some("one")),
            ("https://h/prod-eu/x", Some("two")),
            ("https://h/test/x", Some("two")),
            ("https://h:8443/test/x", Some("two")),
            ("https://i/", None),
            ("http://h/", None),
            ("http://h:8080/x", Some("four")),
            ("file:/prod/", None),
        ] {
            assert_eq!(user(text, url).as_deref(), expected, "{url}");
        }
    }

    #[test]
    fn a_path_on_another_port_needs_the_port() {
        assert_eq!(user("machine h/a login x password y", "https://h:8443/a/b"), None);
        assert_eq!(user("machine h:8443/a login x password y", "https://h:8443/a/b").as_deref(), Some("x"));
        assert_eq!(user("machine H/a login x password y", "https://h/a/b").as_deref(), Some("x"));
    }

    #[test]
    fn what_is_not_understood_is_refused_with_its_line() {
        for (text, line) in [
            ("login x", 1),
            ("machine h login", 1),
            ("machine h\n\ndefault login x", 3),
            ("machine ftp://h login x", 1),
            ("machine h password p secret", 1),
        ] {
            let error = Logins::parse(text).unwrap_err();
            assert_eq!(error.line(), line, "{text}");
            assert!(!error.to_string().contains("secret"));
        }
        let logins = Logins::parse("machine h login x password secret").unwrap();
        assert_eq!(format!("{logins:?}"), "Logins { entries: [https://h] }");
    }
}
