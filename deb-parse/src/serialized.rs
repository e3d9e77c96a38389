//! Values as serde writes and reads them: as the text that stands in Debian's files (feature `serde`).
//!
//! What is read is parsed, so a value that breaks a rule is refused where it stands.

use std::fmt::Display;
use std::str::FromStr;

use serde::de::{Deserialize, Deserializer, Error as _};
use serde::ser::{Serialize, Serializer};

use crate::Error;
use crate::checksum::{Blake3, Md5, Sha256, Sha512};
use crate::relation::{Operator, Relations};
use crate::{Architecture, Component, PackageName, SourceName, SuiteName, Version, VersionRef};

fn read<'de, D: Deserializer<'de>, T: FromStr<Err = Error>>(deserializer: D) -> Result<T, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(|error: Error| D::Error::custom(error))
}

fn write<S: Serializer>(value: &impl Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

macro_rules! as_text {
    ($($name:ty),+ $(,)?) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                write(self, serializer)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                read(deserializer)
            }
        }
    )+};
}

as_text!(
    Architecture,
    Blake3,
    Component,
    Md5,
    PackageName,
    Relations,
    Sha256,
    Sha512,
    SourceName,
    SuiteName,
    Version,
);
as_text!(crate::checksum::Sha1);

impl Serialize for VersionRef<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        write(self, serializer)
    }
}

impl Serialize for Operator {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        write(self, serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes a value as JSON, and reads it back.
    fn written<T>(value: &T) -> String
    where
        T: Serialize + for<'de> Deserialize<'de> + PartialEq + std::fmt::Debug,
    {
        let json = serde_json::to_string(value).unwrap();
        assert_eq!(serde_json::from_str::<T>(&json).unwrap(), *value);
        json
    }

    #[test]
    fn values_are_written_as_in_control_files() {
        assert_eq!(written(&PackageName::parse("hello").unwrap()), r#""hello""#);
        assert_eq!(written(&SourceName::parse("hello").unwrap()), r#""hello""#);
        assert_eq!(written(&Architecture::parse("loong64").unwrap()), r#""loong64""#);
        assert_eq!(written(&Component::parse("main").unwrap()), r#""main""#);
        assert_eq!(written(&SuiteName::parse("trixie").unwrap()), r#""trixie""#);
        assert_eq!(written(&Version::parse("1:2.10-3~deb12u1").unwrap()), r#""1:2.10-3~deb12u1""#);
        assert_eq!(written(&"a (>=1)|b,c".parse::<Relations>().unwrap()), r#""a (>= 1) | b, c""#);
        assert!(written(&Sha256::of(b"")).starts_with(r#""e3b0c442"#));
        assert_eq!(serde_json::to_string(&Operator::Later).unwrap(), r#"">>""#);
        assert_eq!(serde_json::to_string(&VersionRef::parse("1.0").unwrap()).unwrap(), r#""1.0""#);
    }

    #[test]
    fn what_is_escaped_is_read_too() {
        assert_eq!(serde_json::from_str::<PackageName>(r#""h\u0065llo""#).unwrap().as_str(), "hello");
        assert_eq!(serde_json::from_reader::<_, PackageName>(&br#""hello""#[..]).unwrap().as_str(), "hello");
    }

    #[test]
    fn what_breaks_a_rule_is_refused_with_it() {
        let refused = serde_json::from_str::<Vec<Version>>(r#"["1.0", "x"]"#).unwrap_err().to_string();
        let rule = r#"version "x": the upstream version must start with a digit (Policy 5.6.12)"#;
        assert!(refused.starts_with(rule), "{refused}");
        assert!(serde_json::from_str::<Sha256>(r#""00""#).is_err());
        assert!(serde_json::from_str::<PackageName>("1").is_err());
    }
}
