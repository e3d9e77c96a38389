//! Synthetic packages.

use std::fmt::Write as _;

use deb_parse::control::BinaryControl;
use deb_parse::deb::{Builder, Compression};
use deb_parse::{Architecture, Error, Limits, PackageName, Version};

const STEMS: [&str; 16] = [
    "lib", "python3-", "golang-", "node-", "ruby-", "php-", "fonts-", "gnome-", "kde-", "r-cran-",
    "texlive-", "linux-", "perl-", "haskell-", "rust-", "",
];
const WORDS: [&str; 32] = [
    "archive",
    "agent",
    "backup",
    "binary",
    "cache",
    "client",
    "collection",
    "common",
    "daemon",
    "data",
    "debug",
    "driver",
    "engine",
    "filter",
    "format",
    "gateway",
    "index",
    "library",
    "manager",
    "metrics",
    "mirror",
    "network",
    "parser",
    "proxy",
    "queue",
    "record",
    "server",
    "storage",
    "stream",
    "tools",
    "utility",
    "viewer",
];
const PLACES: [&str; 4] =
    ["usr/lib/x86_64-linux-gnu", "usr/lib/python3/dist-packages", "usr/include", "usr/share"];
const ENDINGS: [&str; 8] = ["", ".so", ".py", ".h", ".html", ".png", ".mo", ".json"];
const SECTIONS: [&str; 8] = ["admin", "devel", "libs", "net", "python", "text", "utils", "web"];

/// A small generator of numbers (xorshift64*): good enough to vary text, and the same everywhere.
#[derive(Clone, Debug)]
pub struct Numbers(u64);

impl Numbers {
    /// Numbers for this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) % limit.max(1)
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        let place = usize::try_from(self.below(from.len() as u64)).unwrap_or(0);
        from.get(place).copied().unwrap_or_default()
    }
}

/// The name of the package with that number.
#[must_use]
pub fn name(number: u64) -> String {
    let mut numbers = Numbers::new(number);
    let (stem, first, second) = (numbers.pick(&STEMS), numbers.pick(&WORDS), numbers.pick(&WORDS));
    format!("{stem}{first}-{second}{number}")
}

/// The control file of the package with that number.
#[must_use]
pub fn control(number: u64) -> String {
    let mut numbers = Numbers::new(number ^ 0xc0ff_ee00);
    let mut text = format!("Package: {}\n", name(number));
    // Writing to a String cannot fail.
    if number.is_multiple_of(3) {
        let _ = writeln!(text, "Source: {}", name(number / 3 * 3));
    }
    let _ = writeln!(text, "Version: {}.{}-{}", numbers.below(20), numbers.below(40), numbers.below(5) + 1);
    text.push_str("Architecture: amd64\n");
    let _ =
        writeln!(text, "Maintainer: {} Team <{}@example.org>", numbers.pick(&WORDS), numbers.pick(&WORDS));
    let _ = writeln!(text, "Installed-Size: {}", numbers.below(20_000) + 10);
    let _ = write!(text, "Depends: libc6 (>= 2.{})", numbers.below(20) + 17);
    for _ in 0..numbers.below(6) {
        let (other, major) = (name(numbers.below(5000)), numbers.below(9));
        let _ = write!(text, ", {other} (>= {major}.{})", numbers.below(30));
    }
    let _ = write!(text, "\nSection: {}\nPriority: optional\nMulti-Arch: foreign\n", numbers.pick(&SECTIONS));
    let _ = writeln!(text, "Homepage: https://{}.example.org/{}", numbers.pick(&WORDS), name(number));
    let _ = writeln!(
        text,
        "Description: {} {} for {}",
        numbers.pick(&WORDS),
        numbers.pick(&WORDS),
        numbers.pick(&WORDS)
    );
    for _ in 0..numbers.below(5) + 2 {
        text.push(' ');
        for _ in 0..10 {
            text.push_str(numbers.pick(&WORDS));
            text.push(' ');
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
    }
    text
}

/// The package file with that number, with next to nothing in it.
///
/// # Errors
/// None for any number: the control data is valid.
pub fn archive(number: u64) -> Result<Vec<u8>, Error> {
    archive_for(number, "amd64")
}

/// Returns [`archive`] for another architecture.
///
/// # Errors
/// When `architecture` cannot be the name of one.
pub fn archive_for(number: u64, architecture: &str) -> Result<Vec<u8>, Error> {
    let name = name(number);
    builder(number, architecture)?.file(format!("usr/share/{name}/readme"), name, 0o644).build()
}

/// The package file with that number, with all [its files](files), which are empty.
///
/// # Errors
/// None for any number: the control data and the paths are valid.
pub fn archive_with_files(number: u64) -> Result<Vec<u8>, Error> {
    let builder = builder(number, "amd64")?;
    files(number).into_iter().fold(builder, |builder, path| builder.file(path, "", 0o644)).build()
}

/// The paths of the files in the package with that number, sorted. Half of all packages have at most 10, the mean is 31, as
/// Debian's own (9 and 43): three with the documentation, and below one directory few or many.
#[must_use]
pub fn files(number: u64) -> Vec<String> {
    let mut numbers = Numbers::new(number ^ 0xf11e_5000);
    let name = name(number);
    let mut paths = vec![
        format!("usr/share/doc/{name}/changelog.Debian.gz"),
        format!("usr/share/doc/{name}/copyright"),
        format!("usr/share/lintian/overrides/{name}"),
    ];
    let (scale, place) = (numbers.below(9), numbers.pick(&PLACES));
    for nth in 0..=numbers.below(1 << scale) {
        let (first, second) = (numbers.pick(&WORDS), numbers.pick(&WORDS));
        paths.push(format!("{place}/{name}/{first}/{second}{nth}{}", numbers.pick(&ENDINGS)));
    }
    paths.sort_unstable();
    paths
}

fn builder(number: u64, architecture: &str) -> Result<Builder, Error> {
    let text = control(number);
    let parsed = BinaryControl::parse(text.as_bytes(), &Limits::default())?;
    let (package, version) = (parsed.package().as_str(), parsed.version().as_str());
    let mut builder = Builder::new(
        PackageName::parse(package)?,
        Version::parse(version)?,
        Architecture::parse(architecture)?,
    )
    .compression(Compression::Gzip);
    for field in parsed.paragraph().fields() {
        if !matches!(field.name(), "Package" | "Version" | "Architecture" | "Installed-Size" | "Description")
        {
            builder = builder.field(field.name(), field.value());
        }
    }
    let description = parsed.paragraph().get_str("Description").unwrap_or_default();
    Ok(builder.description(description))
}

/// The stanza of the package with that number, as an index has it. It belongs to no file: the checksums are made up.
#[must_use]
pub fn stanza(number: u64) -> String {
    let mut text = control(number);
    let name = name(number);
    let start = name.get(..1).unwrap_or_default();
    let mut numbers = Numbers::new(number ^ 0x5ba2_5600);
    let _ = write!(
        text,
        "Filename: pool/main/{start}/{name}/{name}_amd64.deb\nSize: {}\n",
        numbers.below(1 << 24)
    );
    for (field, words) in [("MD5sum", 2), ("SHA256", 4)] {
        let _ = write!(text, "{field}: ");
        for _ in 0..words {
            let _ = write!(text, "{:016x}", numbers.below(u64::MAX));
        }
        text.push('\n');
    }
    text
}

/// A Packages file of the packages below that number.
#[must_use]
pub fn index(count: u64) -> String {
    let mut text = String::new();
    for number in 0..count {
        text.push_str(&stanza(number));
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_has_the_files_it_is_said_to_have() {
        let package = archive_with_files(7).unwrap();
        let read = deb_parse::deb::read(&package[..], &deb_parse::deb::Options::default()).unwrap();
        let entries = read.files.unwrap();
        let found = entries.iter().filter(|entry| entry.kind == deb_parse::deb::EntryKind::File);
        let found: Vec<String> = found.map(|entry| String::from_utf8(entry.path.to_vec()).unwrap()).collect();
        assert_eq!(found, files(7));
        let mut counts: Vec<usize> = (0..1000).map(|number| files(number).len()).collect();
        counts.sort_unstable();
        assert_eq!(
            (counts[250], counts[500], counts[999], counts.iter().sum::<usize>()),
            (5, 10, 259, 30_900)
        );
    }

    #[test]
    fn an_index_is_valid_and_always_the_same() {
        let text = index(300);
        let stanzas = deb_parse::deb822::parse(text.as_bytes(), &Limits::default()).unwrap();
        assert_eq!(stanzas.len(), 300);
        for stanza in stanzas {
            BinaryControl::parse(stanza.as_bytes(), &Limits::default()).unwrap();
        }
        // Figures of different days can be compared only as long as this stays.
        assert_eq!(
            deb_parse::checksum::Sha256::of(text.as_bytes()).to_string(),
            "cd6947879b4ad0d18630648605b878afd4c993768109d130e21bad2e44c35ee4"
        );
    }
}
