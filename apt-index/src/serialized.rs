//! Values as serde writes them (feature `serde`): as text where they have one.

use serde::de::{Deserialize, Deserializer, Error as _};
use serde::ser::{Serialize, Serializer};

use crate::{Encoding, RelPath};

impl Serialize for RelPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for RelPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

impl Serialize for Encoding {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Encoding {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::from_name(&name).ok_or_else(|| D::Error::custom(format!("unknown encoding {name:?}")))
    }
}

#[cfg(test)]
mod tests {
    use deb_parse::SuiteName;
    use deb_parse::checksum::Sha256;

    use super::*;
    use crate::release::{Release, ReleaseFile};

    #[test]
    fn a_release_is_written_with_its_paths_digests_and_times_as_text() {
        let mut release =
            Release::new(SuiteName::parse("trixie").unwrap(), "2026-03-01T07:08:09Z".parse().unwrap());
        let path = RelPath::parse("main/binary-amd64/Packages.xz").unwrap();
        let file = ReleaseFile { size: 32, sha256: Sha256::from_bytes([0; 32]) };
        release.files.insert(path.clone(), file);
        let json = serde_json::to_value(&release).unwrap();
        assert_eq!(json["suite"], "trixie");
        assert_eq!(json["date"], "2026-03-01T07:08:09Z");
        assert_eq!(
            serde_json::from_value::<ReleaseFile>(json["files"][path.as_str()].clone()).unwrap(),
            file
        );
    }

    #[test]
    fn what_leaves_the_tree_is_refused() {
        assert!(serde_json::from_str::<RelPath>(r#""pool/../../etc""#).is_err());
        assert_eq!(serde_json::from_str::<Encoding>(r#""xz""#).unwrap(), Encoding::Xz);
        assert!(serde_json::from_str::<Encoding>(r#""rar""#).is_err());
    }
}
