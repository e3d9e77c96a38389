//! Keys and signatures as serde writes them (feature `serde`): fingerprints and names as text, times as RFC 3339.

use serde::de::{Deserialize, Deserializer, Error as _};
use serde::ser::{Serialize, Serializer};

use crate::{Fingerprint, UserId};

macro_rules! as_text {
    ($($name:ty),+) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
            }
        }
    )+};
}

as_text!(Fingerprint, UserId);

#[cfg(feature = "openpgp")]
mod descriptions {
    use std::time::SystemTime;

    use jiff::Timestamp;
    use serde::ser::{Serialize, SerializeStruct as _, Serializer};

    use crate::{Certificate, SignedBy};

    /// Returns the text of a time in whole seconds, which is how precise OpenPGP is.
    fn text<E: serde::ser::Error>(time: SystemTime) -> Result<String, E> {
        let seconds = Timestamp::try_from(time).map_err(E::custom)?.as_second();
        Timestamp::from_second(seconds).map(|time| time.to_string()).map_err(E::custom)
    }

    impl Serialize for Certificate {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let mut fields = serializer.serialize_struct("Certificate", 5)?;
            fields.serialize_field("fingerprint", &self.fingerprint())?;
            fields.serialize_field("user_ids", &self.user_ids())?;
            fields.serialize_field("algorithm", &self.algorithm())?;
            fields.serialize_field("created", &text::<S::Error>(self.created())?)?;
            fields.serialize_field("expires", &self.expires().map(text::<S::Error>).transpose()?)?;
            fields.end()
        }
    }

    impl Serialize for SignedBy {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let mut fields = serializer.serialize_struct("SignedBy", 3)?;
            fields.serialize_field("certificate", &self.certificate)?;
            fields.serialize_field("key", &self.key)?;
            fields.serialize_field("time", &text::<S::Error>(self.time)?)?;
            fields.end()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_text_and_is_checked_when_it_is_read() {
        let digits = "6ED0E7B82643E13178ECC8DE6B901D5F3A8A55F0";
        let json = serde_json::to_string(&Fingerprint::parse(digits).unwrap()).unwrap();
        assert_eq!(json, format!("\"{digits}\""));
        assert_eq!(serde_json::from_str::<Fingerprint>(&json).unwrap().as_str(), digits);
        assert!(serde_json::from_str::<Fingerprint>(r#""6B901D5F3A8A55F0""#).is_err());
        assert!(serde_json::from_str::<UserId>(r#""two\nlines""#).is_err());
    }

    #[cfg(feature = "openpgp")]
    #[test]
    fn a_certificate_is_described() {
        use std::time::{Duration, SystemTime};

        let made = SystemTime::UNIX_EPOCH + Duration::from_millis(1_790_000_000_500);
        let key =
            crate::SecretKey::generate("Example archive", made, Some(Duration::from_secs(86_400))).unwrap();
        let certificate = key.certificate();
        let json = serde_json::to_value(&certificate).unwrap();
        assert_eq!(json["fingerprint"], certificate.fingerprint().as_str());
        assert_eq!(json["user_ids"], serde_json::json!(["Example archive"]));
        assert_eq!(json["algorithm"], certificate.algorithm());
        assert_eq!(json["created"], "2026-09-21T14:13:20Z");
        assert_eq!(json["expires"], "2026-09-22T14:13:20Z");
    }
}
