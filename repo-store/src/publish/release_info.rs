//! What clients do not accept when it changes: `apt-get update` fails on every machine until somebody there allows it.

use apt_index::release::Release;
use deb_parse::{SuiteName, deb822};

use crate::error::{Error, PublishError};

/// The values that apt compares with those it saw last (`pkgAcqMetaBase`, "changed its '%s' value"), as clients read them.
fn values(release: &[u8]) -> [(&'static str, String); 4] {
    let paragraph = deb822::paragraphs(release).next();
    let field = |name| {
        let value = paragraph.as_ref().and_then(|paragraph| paragraph.get_str(name));
        value.unwrap_or_default().trim().to_owned()
    };
    let yes = |name| field(name).eq_ignore_ascii_case("yes");
    let priority = match (yes("NotAutomatic"), yes("ButAutomaticUpgrades")) {
        (false, _) => "500",
        (true, false) => "1",
        (true, true) => "100",
    };
    [
        ("Origin", field("Origin")),
        ("Label", field("Label")),
        ("Codename", field("Codename")),
        ("default priority", priority.to_owned()),
    ]
}

/// Refuses a Release file that clients would refuse who know the one with the text `old`.
pub(super) fn check(suite: &SuiteName, old: &[u8], new: &Release) -> Result<(), Error> {
    let new = new
        .render()
        .map_err(|source| Error::Publish(PublishError::Index { suite: suite.clone(), source }))?;
    for ((field, old), (_, new)) in values(old).into_iter().zip(values(new.as_bytes())) {
        if old != new {
            return Err(Error::Publish(PublishError::ReleaseInfoChange {
                suite: suite.clone(),
                field,
                old,
                new,
            }));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_priority_is_what_clients_make_of_two_fields() {
        let priority = |text: &str| values(text.as_bytes())[3].1.clone();
        assert_eq!(priority("Suite: a\n"), "500");
        assert_eq!(priority("Suite: a\nButAutomaticUpgrades: yes\n"), "500");
        assert_eq!(priority("Suite: a\nNotAutomatic: yes\n"), "1");
        assert_eq!(priority("Suite: a\nNotAutomatic: yes\nButAutomaticUpgrades: yes\n"), "100");
    }
}
