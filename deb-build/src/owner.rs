//! To whom files belong.

use deb_parse::deb::Owner;

/// Who owns a file of the package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ownership {
    /// Users and groups that every Debian system has with the same numbers (Policy 9.2.2): the archive says so.
    Static(Owner),
    /// Somebody whose number the machine decides: the file belongs to root in the archive, and `postinst` gives it away.
    Dynamic { user: String, group: String },
}

/// The users of base-passwd.
const USERS: [(&str, u32); 18] = [
    ("root", 0),
    ("daemon", 1),
    ("bin", 2),
    ("sys", 3),
    ("sync", 4),
    ("games", 5),
    ("man", 6),
    ("lp", 7),
    ("mail", 8),
    ("news", 9),
    ("uucp", 10),
    ("proxy", 13),
    ("www-data", 33),
    ("backup", 34),
    ("list", 38),
    ("irc", 39),
    ("_apt", 42),
    ("nobody", 65_534),
];

/// The groups of base-passwd.
const GROUPS: [(&str, u32); 38] = [
    ("root", 0),
    ("daemon", 1),
    ("bin", 2),
    ("sys", 3),
    ("adm", 4),
    ("tty", 5),
    ("disk", 6),
    ("lp", 7),
    ("mail", 8),
    ("news", 9),
    ("uucp", 10),
    ("man", 12),
    ("proxy", 13),
    ("kmem", 15),
    ("dialout", 20),
    ("fax", 21),
    ("voice", 22),
    ("cdrom", 24),
    ("floppy", 25),
    ("tape", 26),
    ("sudo", 27),
    ("audio", 29),
    ("dip", 30),
    ("www-data", 33),
    ("backup", 34),
    ("operator", 37),
    ("list", 38),
    ("irc", 39),
    ("src", 40),
    ("shadow", 42),
    ("utmp", 43),
    ("video", 44),
    ("sasl", 45),
    ("plugdev", 46),
    ("staff", 50),
    ("games", 60),
    ("users", 100),
    ("nogroup", 65_534),
];

impl Ownership {
    pub(crate) fn root() -> Self {
        Self::Static(Owner::root())
    }

    /// Reads `user` or `user:group`. A user without a group has the group of the same name.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        let (user, group) = text.split_once(':').unwrap_or((text, text));
        if !is_name(user) || !is_name(group) {
            return Err("must be `user` or `user:group`, names of small letters, digits, `_` and `-`");
        }
        let number = |known: &[(&str, u32)], name: &str| {
            known.iter().find(|(known, _)| *known == name).map(|(_, number)| *number)
        };
        Ok(match (number(&USERS, user), number(&GROUPS, group)) {
            (Some(uid), Some(gid)) => {
                Self::Static(Owner { uid, gid, user: user.to_owned(), group: group.to_owned() })
            }
            _ => Self::Dynamic { user: user.to_owned(), group: group.to_owned() },
        })
    }

    /// Returns whether a user or group other than root may write to what has this owner and these permissions, or give itself the
    /// permission to.
    pub(crate) fn lets_others_write(&self, mode: u32) -> bool {
        let (is_user_root, is_group_root) = match self {
            Self::Static(owner) => (owner.uid == 0, owner.gid == 0),
            Self::Dynamic { user, group } => (user == "root", group == "root"),
        };
        !is_user_root || (!is_group_root && mode & 0o020 != 0) || mode & 0o002 != 0
    }

    /// Returns the owner in the archive.
    pub(crate) fn in_archive(&self) -> Owner {
        match self {
            Self::Static(owner) => owner.clone(),
            Self::Dynamic { .. } => Owner::root(),
        }
    }
}

/// As adduser allows names of users of the system.
fn is_name(name: &str) -> bool {
    let is_first = |c: char| c.is_ascii_lowercase() || c == '_';
    name.len() <= 31
        && name.starts_with(is_first)
        && name.chars().all(|c| is_first(c) || c.is_ascii_digit() || c == '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_owners_that_every_machine_has_stand_in_the_archive() {
        let parsed = |text| Ownership::parse(text).unwrap();
        assert_eq!(parsed("root"), Ownership::root());
        assert!(matches!(parsed("root:adm"), Ownership::Static(Owner { gid: 4, .. })));
        assert_eq!(parsed("acme").in_archive(), Owner::root());
        assert!(matches!(parsed("acme:www-data"), Ownership::Dynamic { .. }));
        assert!(parsed("acme").lets_others_write(0o700) && parsed("www-data:root").lets_others_write(0o500));
        assert!(parsed("root:acme").lets_others_write(0o770) && Ownership::root().lets_others_write(0o1777));
        assert!(!parsed("root:acme").lets_others_write(0o750) && !Ownership::root().lets_others_write(0o775));
        for bad in ["", "a b", "Acme", "acme:", ":x", "$(reboot)", "0"] {
            assert!(Ownership::parse(bad).is_err(), "{bad}");
        }
    }
}
