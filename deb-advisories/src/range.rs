//! Which versions a vulnerability is in.

use deb_parse::Version;

/// Something that happened to a vulnerability with a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Event {
    /// This version and those after it have it.
    Introduced,
    /// This version and those after it do not have it.
    Fixed,
    /// Versions after this one do not have it.
    LastAffected,
}

/// Versions, by what happened with which.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Range {
    /// Sorted. `None` comes before all versions.
    events: Vec<(Option<Version>, Event)>,
}

impl Range {
    pub(crate) fn new(mut events: Vec<(Option<Version>, Event)>) -> Self {
        events.sort_by(|(a, _), (b, _)| a.cmp(b));
        Self { events }
    }

    /// All versions before this one, or all.
    pub(crate) fn before(fixed: Option<Version>) -> Self {
        let fixed = fixed.map(|fixed| (Some(fixed), Event::Fixed));
        Self { events: [(None, Event::Introduced)].into_iter().chain(fixed).collect() }
    }

    /// Returns whether a version has the vulnerability. This is the evaluation that the schema of OSV gives.
    pub(crate) fn has(&self, version: &Version) -> bool {
        let mut is_in = false;
        for (at, event) in &self.events {
            match (event, at.as_ref()) {
                (Event::Introduced, None) => is_in = true,
                (Event::Introduced, Some(at)) if version >= at => is_in = true,
                (Event::Fixed, Some(at)) if version >= at => is_in = false,
                (Event::LastAffected, Some(at)) if version > at => is_in = false,
                _ => {}
            }
        }
        is_in
    }

    /// Returns the first version after this one that is free of it.
    pub(crate) fn fixed_after(&self, version: &Version) -> Option<&Version> {
        let fixed = self.events.iter().filter(|(_, event)| *event == Event::Fixed);
        fixed.filter_map(|(at, _)| at.as_ref()).find(|at| *at > version)
    }

    /// Returns the last version that brought a fix.
    pub(crate) fn last_fixed(&self) -> Option<&Version> {
        let fixed = self.events.iter().rev().filter(|(_, event)| *event == Event::Fixed);
        fixed.filter_map(|(at, _)| at.as_ref()).next()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> Version {
        Version::parse(text).unwrap()
    }

    #[test]
    fn events_say_which_versions_are_in() {
        use Event::{Fixed, Introduced, LastAffected};
        let at = |text: &str| Some(version(text));
        let twice = Range::new(vec![
            (at("3.0-1"), Introduced),
            (None, Introduced),
            (at("3.2-1"), Fixed),
            (at("1.5-1"), Fixed),
        ]);
        let cases = [
            ("1.0", true),
            ("1.5-1~rc1", true),
            ("1.5-1", false),
            ("2.0", false),
            ("3.1", true),
            ("1:0", false),
        ];
        for (text, expected) in cases {
            assert_eq!(twice.has(&version(text)), expected, "{text}");
        }
        assert_eq!(twice.fixed_after(&version("1.0")).map(Version::as_str), Some("1.5-1"));
        assert_eq!(twice.fixed_after(&version("3.1")).map(Version::as_str), Some("3.2-1"));
        let last = Range::new(vec![(None, Introduced), (at("2.0"), LastAffected)]);
        assert!(last.has(&version("2.0")) && !last.has(&version("2.0+b1")));
        assert!(Range::before(None).has(&version("99:1")));
        assert!(!Range::default().has(&version("1")));
    }
}
