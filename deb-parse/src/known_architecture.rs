//! The architectures that dpkg knows.
//!
//! The list is data to recognise slips of the pen by. It refuses nothing: a new port has a name that is not in it.

use crate::name::Architecture;

/// The names of processors, and behind each those that GNU and the kernel call it by, as in `/usr/share/dpkg/cputable` and `abitable` of
/// dpkg 1.22. A name with an operating system before it (`hurd-amd64`) ends with one of them.
const PROCESSORS: &[(&str, &[&str])] = &[
    ("alpha", &[]),
    ("amd64", &["x86-64", "x64"]),
    ("arc", &[]),
    ("arm", &[]),
    ("arm64", &["aarch64"]),
    ("arm64ilp32", &[]),
    ("armeb", &[]),
    ("armel", &[]),
    ("armhf", &["armv7", "armv7l"]),
    ("avr32", &[]),
    ("hppa", &["parisc", "parisc64"]),
    ("i386", &["i486", "i586", "i686", "x86"]),
    ("ia64", &[]),
    ("loong64", &["loongarch64"]),
    ("m32r", &[]),
    ("m68k", &[]),
    ("mips", &[]),
    ("mips64", &[]),
    ("mips64el", &[]),
    ("mips64r6", &[]),
    ("mips64r6el", &[]),
    ("mipsel", &[]),
    ("mipsn32", &[]),
    ("mipsn32el", &[]),
    ("mipsn32r6", &[]),
    ("mipsn32r6el", &[]),
    ("mipsr6", &[]),
    ("mipsr6el", &[]),
    ("nios2", &[]),
    ("or1k", &[]),
    ("powerpc", &[]),
    ("powerpcel", &[]),
    ("powerpcspe", &[]),
    ("ppc64", &["powerpc64"]),
    ("ppc64el", &["ppc64le", "powerpc64le"]),
    ("riscv64", &[]),
    ("s390", &[]),
    ("s390x", &[]),
    ("sh3", &[]),
    ("sh3eb", &[]),
    ("sh4", &[]),
    ("sh4eb", &[]),
    ("sparc", &[]),
    ("sparc64", &[]),
    ("tilegx", &[]),
    ("x32", &[]),
];

impl Architecture {
    /// Returns the names of the processors that dpkg knows, which are the names of the architectures for Linux.
    pub fn known_names() -> impl Iterator<Item = &'static str> {
        PROCESSORS.iter().map(|(name, _)| *name)
    }

    /// Returns whether dpkg knows the architecture. One that is unknown may be a new port.
    ///
    /// ```
    /// use deb_parse::Architecture;
    /// assert!(Architecture::parse("hurd-amd64")?.is_known());
    /// assert!(!Architecture::parse("amd46")?.is_known());
    /// # Ok::<(), deb_parse::Error>(())
    /// ```
    #[must_use]
    pub fn is_known(&self) -> bool {
        let processor = self.as_str().rsplit('-').next().unwrap_or_default();
        self.is_all() || self.foreign_name().is_none() && Self::known_names().any(|name| name == processor)
    }

    /// Returns what Debian calls an architecture that has a name of GNU or of the kernel: `arm64` for `aarch64`.
    #[must_use]
    pub fn foreign_name(&self) -> Option<&'static str> {
        let names = PROCESSORS.iter().find(|(_, foreign)| foreign.contains(&self.as_str()));
        names.map(|(name, _)| *name)
    }
}
