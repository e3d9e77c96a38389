//! Validated names: each type holds only text that its rule allows, so a value can go into a path or an index as it is.

use crate::error::Error;
use std::fmt;
use std::str::FromStr;

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $what:literal, $check:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Box<str>);

        impl $name {
            /// Checks `text` and takes a copy of it.
            pub fn parse(text: &str) -> Result<Self, Error> {
                match $check(text) {
                    Ok(()) => Ok(Self(text.into())),
                    Err(rule) => Err(Error::value($what, text, rule)),
                }
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self, Error> {
                Self::parse(text)
            }
        }
    };
}

name!(
    /// The name of a binary package (Policy 5.6.7): at least two characters, lower-case letters, digits, `+`, `-` and
    /// `.`, the first a letter or digit; at most 200 bytes.
    ///
    /// ```
    /// use deb_parse::PackageName;
    /// assert_eq!(PackageName::parse("libstdc++6")?.as_str(), "libstdc++6");
    /// assert!(PackageName::parse("../../etc/passwd").is_err());
    /// # Ok::<(), deb_parse::Error>(())
    /// ```
    ///
    /// Names of different kinds do not mix:
    ///
    /// ```compile_fail
    /// use deb_parse::{PackageName, SourceName};
    /// let package: PackageName = SourceName::parse("glibc").unwrap();
    /// ```
    PackageName, "package name", check_package
);
name!(
    /// The name of a source package (Policy 5.6.1), of the same form as a [`PackageName`].
    ///
    /// ```
    /// assert!(deb_parse::SourceName::parse("glibc").is_ok());
    /// ```
    SourceName, "source package name", check_package
);
name!(
    /// A Debian architecture (Policy 5.6.8), such as `amd64` or `all`, as a binary package has it: one name, at most 64
    /// bytes, neither `any` nor `source`, which only source packages and uploads use.
    ///
    /// ```
    /// use deb_parse::Architecture;
    /// assert!(Architecture::parse("kfreebsd-amd64").is_ok());
    /// assert!(Architecture::parse("all")?.is_all());
    /// assert!(Architecture::parse("any").is_err());
    /// # Ok::<(), deb_parse::Error>(())
    /// ```
    Architecture, "architecture", check_architecture
);
name!(
    /// A component of a suite, such as `main` or `updates/main`: path elements of lower-case letters, digits and
    /// `+._-`, each starting with a letter or digit; at most 200 bytes.
    ///
    /// ```
    /// use deb_parse::Component;
    /// assert!(Component::parse("main/debian-installer").is_ok());
    /// assert!(Component::parse("main/../..").is_err());
    /// # Ok::<(), deb_parse::Error>(())
    /// ```
    Component, "component", check_component
);
name!(
    /// The name of a suite or codename, such as `bookworm` or `jammy-updates`: one path element of letters, digits and
    /// `+._-`, starting with a letter or digit; at most 200 bytes.
    ///
    /// ```
    /// use deb_parse::SuiteName;
    /// assert!(SuiteName::parse("bookworm-backports").is_ok());
    /// assert!(SuiteName::parse("bookworm/updates").is_err());
    /// # Ok::<(), deb_parse::Error>(())
    /// ```
    SuiteName, "suite", check_suite
);

impl Architecture {
    /// The architecture `all`.
    #[must_use]
    pub fn all() -> Self {
        Self("all".into())
    }

    /// Whether this is `all`: the package fits every architecture.
    pub fn is_all(&self) -> bool {
        &*self.0 == "all"
    }
}

const MAX_LEN: usize = 200;
const MAX_ARCHITECTURE_LEN: usize = 64;

/// Checks that `text` starts with a character of `first`, and has only those and the `others` after it.
fn is_word(text: &str, first: fn(u8) -> bool, others: &[u8]) -> bool {
    let mut bytes = text.bytes();
    bytes.next().is_some_and(first) && bytes.all(|c| first(c) || others.contains(&c))
}

fn lower(c: u8) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit()
}

fn letter(c: u8) -> bool {
    c.is_ascii_alphanumeric()
}

fn check_package(text: &str) -> Result<(), &'static str> {
    if text.len() > MAX_LEN {
        Err("must not be longer than 200 bytes")
    } else if text.len() < 2 {
        Err("must have at least two characters (Policy 5.6.1)")
    } else if !is_word(text, lower, b"+-.") {
        Err(
            "must be lower-case letters, digits, `+`, `-` and `.`, and start with a letter or digit (Policy 5.6.1)",
        )
    } else {
        Ok(())
    }
}

fn check_architecture(text: &str) -> Result<(), &'static str> {
    if text.len() > MAX_ARCHITECTURE_LEN {
        Err("must not be longer than 64 bytes")
    } else if text == "any" || text == "source" {
        Err("is not an architecture that a binary package can have (Policy 5.6.8)")
    } else if !is_word(text, lower, b"-") {
        Err("must be one name of lower-case letters, digits and `-` (Policy 11.1)")
    } else {
        Ok(())
    }
}

fn check_component(text: &str) -> Result<(), &'static str> {
    if text.len() > MAX_LEN {
        Err("must not be longer than 200 bytes")
    } else if !text.split('/').all(|element| is_word(element, lower, b"+._-") && element != "by-hash") {
        Err("must be path elements of lower-case letters, digits and `+._-`, none of them `by-hash`")
    } else {
        Ok(())
    }
}

fn check_suite(text: &str) -> Result<(), &'static str> {
    if text.len() > MAX_LEN {
        Err("must not be longer than 200 bytes")
    } else if !is_word(text, letter, b"+._-") || text == "by-hash" {
        Err("must be one path element of letters, digits and `+._-`, and not `by-hash`")
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn package_names_follow_policy() {
        for good in ["lib", "0ad", "g++-12", "libc6.1", "a+"] {
            assert_eq!(PackageName::parse(good).unwrap().to_string(), good);
        }
        let long = "a".repeat(201);
        for bad in
            ["", "a", "-a", ".a", "+a", "aA", "a b", "a/b", "..", "a\n", "a_b", "a\0b", "é", "a:amd64", &long]
        {
            assert!(PackageName::parse(bad).is_err(), "{bad:?}");
        }
        assert!(PackageName::parse(&long[1..]).is_ok());
    }

    #[test]
    fn architectures_are_single_names() {
        for bad in
            ["", "any", "source", "amd64 i386", "any-amd64 ", "Amd64", "-x", "a/b", "..", "a.b", "amd64\n"]
        {
            assert!(Architecture::parse(bad).is_err(), "{bad:?}");
        }
        assert!(!Architecture::parse("amd64").unwrap().is_all());
    }

    #[test]
    fn components_and_suites_stay_inside_the_tree() {
        for bad in [
            "",
            "/",
            "main/",
            "/main",
            "a//b",
            "..",
            "a/..",
            "a/.",
            ".a",
            "Main",
            "by-hash",
            "a/by-hash",
            "a b",
        ] {
            assert!(Component::parse(bad).is_err(), "{bad:?}");
        }
        for bad in ["", ".", "..", "a/b", "by-hash", "-a", "a b", "a\n", "ü"] {
            assert!(SuiteName::parse(bad).is_err(), "{bad:?}");
        }
        assert!(Component::parse("updates/main").is_ok() && Component::parse("non-free").is_ok());
        assert!(SuiteName::parse("Debian12.5").is_ok());
    }

    #[test]
    fn the_message_names_the_rule() {
        insta::assert_snapshot!(PackageName::parse("a\x1b").unwrap_err(), @r#"package name "a\u{1b}": must be lower-case letters, digits, `+`, `-` and `.`, and start with a letter or digit (Policy 5.6.1)"#);
    }
}
