//! Values as serde writes them (feature `serde`): as text where they have one.

use deb_parse::{Limits, deb822};
use serde::de::{Deserialize, Deserializer, Error as _};
use serde::ser::{Serialize, Serializer};

use crate::contents::ContentsLines;
use crate::digest::HashState;
use crate::index::{Item as _, Layout};
use crate::pdiff::PatchHistory;
use crate::stanza::Stanza;
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

impl Serialize for HashState {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for HashState {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| D::Error::custom("not the state of a computation"))
    }
}

/// Written as its text. A stanza that is not UTF-8 is refused: JSON and its like could not give it back.
impl Serialize for Stanza<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        text(self.as_bytes(), serializer)
    }
}

impl<'de> Deserialize<'de> for Stanza<'static> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Ok(Stanza::parse(text.as_bytes()).map_err(D::Error::custom)?.into_owned())
    }
}

/// Written as its text, which is refused if it is not UTF-8.
impl Serialize for ContentsLines {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        text(self.as_bytes(), serializer)
    }
}

/// Written as the fields that record it.
impl Serialize for Layout {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_fields())
    }
}

impl<'de> Deserialize<'de> for Layout {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let paragraphs = deb822::parse(text.as_bytes(), &Limits::default()).map_err(D::Error::custom)?;
        let [paragraph] = &paragraphs[..] else { return Err(D::Error::custom("not one paragraph")) };
        Self::parse(paragraph).map_err(D::Error::custom)
    }
}

/// Written as the lines that record it.
impl Serialize for PatchHistory {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.to_lines())
    }
}

impl<'de> Deserialize<'de> for PatchHistory {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let lines = Vec::<String>::deserialize(deserializer)?;
        let history = Self::parse(lines.iter().map(String::as_str));
        history.ok_or_else(|| D::Error::custom("not a history of patches"))
    }
}

fn text<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(std::str::from_utf8(bytes).map_err(serde::ser::Error::custom)?)
}

#[cfg(test)]
mod tests {
    use deb_parse::SuiteName;
    use deb_parse::checksum::Sha256;

    use super::*;
    use crate::digest::ResumableSha256;
    use crate::index::{Builder, IndexOptions};
    use crate::pool::PackageKind;
    use crate::release::{Release, ReleaseFile};
    use crate::stanza::IndexedFile;

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

    /// Writes a value and reads it again.
    fn again<T: Serialize + for<'de> Deserialize<'de> + PartialEq + std::fmt::Debug>(
        value: &T,
    ) -> serde_json::Value {
        let json = serde_json::to_value(value).unwrap();
        assert_eq!(serde_json::from_value::<T>(json.clone()).unwrap(), *value);
        json
    }

    #[test]
    fn what_stands_in_an_index_is_the_text_that_stands_there() {
        let text = "Package: hello\nVersion: 1.0\nArchitecture: amd64\nDescription: Gr\u{fc}\u{df}e\n";
        let stanza = Stanza::parse(text.as_bytes()).unwrap().into_owned();
        assert_eq!(again(&stanza), text);
        let foreign = Stanza::parse(b"Package: hello\nVersion: 1.0\nMaintainer: Gr\xfc\xdfe\n").unwrap();
        assert!(serde_json::to_value(foreign).is_err());
        assert!(serde_json::from_str::<Stanza<'static>>("\"Version: 1.0\\n\"").is_err());
    }

    #[test]
    fn what_is_kept_of_an_index_comes_back_as_it_was() {
        let mut index = Builder::new(&IndexOptions::new(vec![Encoding::Xz]));
        index.push(&Stanza::parse(b"Package: hello\nVersion: 1.0\nArchitecture: amd64\n").unwrap()).unwrap();
        let rendered = index.finish().unwrap();
        let layout = again(rendered.layout());
        assert!(layout.as_str().unwrap().starts_with("Encodings: xz\n"), "{layout}");
        let mut hash = ResumableSha256::default();
        hash.update(&[b'a'; 64]);
        again(&hash.state());
        let file = IndexedFile {
            name: "hello_1.0.dsc".to_owned(),
            size: 3,
            sha256: Sha256::of(b"dsc"),
            md5: None,
            sha1: None,
        };
        assert_eq!(again(&file)["sha256"], Sha256::of(b"dsc").to_string());
        assert_eq!(serde_json::to_value(PackageKind::Udeb).unwrap(), "udeb");
    }

    #[test]
    fn what_leaves_the_tree_is_refused() {
        assert!(serde_json::from_str::<RelPath>(r#""pool/../../etc""#).is_err());
        assert_eq!(serde_json::from_str::<Encoding>(r#""xz""#).unwrap(), Encoding::Xz);
        assert!(serde_json::from_str::<Encoding>(r#""rar""#).is_err());
    }
}
