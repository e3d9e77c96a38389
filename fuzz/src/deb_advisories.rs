//! What is said about vulnerabilities.

use deb_advisories::{Advisories, Distribution, Release, Status};
use deb_parse::Version;

use super::checks::{Law, check_line};

/// The laws, by the names of their targets.
pub const LAWS: &[(&str, Law)] = &[("advisories_read", advisories_read)];

/// What was read whole can be asked about any version. What was refused leaves nothing behind, and what is not wanted is never found.
pub fn advisories_read(bytes: &[u8]) {
    let mut advisories = Advisories::default();
    if let Err(error) = advisories.read(bytes, &|source| source != "unwanted") {
        check_line(&error);
        assert!(advisories.is_empty());
        return;
    }
    for (distribution, series, number) in [
        (Distribution::Debian, "bookworm", "12"),
        (Distribution::Debian, "sid", ""),
        (Distribution::Ubuntu, "jammy", "22.04"),
    ] {
        let release = Release::new(distribution, series, number);
        for text in ["1.0", "1.0-1~bpo12+1", "3:2.1-1+deb12u1"] {
            let Ok(version) = Version::parse(text) else { continue };
            assert!(advisories.of("unwanted", &version, &release).is_empty());
            for finding in advisories.of("webserver", &version, &release) {
                // A fix is something that the version lacks.
                assert!(finding.fixed.is_none_or(|fixed| *fixed > version));
                assert!(finding.status == Status::Affected || finding.status == Status::Undetermined);
            }
        }
    }
}
