//! How a package was built (deb-buildinfo(5)). Nothing in it differs from machine to machine but the architecture of the machine.

use deb_parse::Error;
use deb_parse::checksum::Sha256;
use deb_parse::deb822::ParagraphBuf;

use super::Built;

/// Returns the `.buildinfo` of a package. `time` is what `SOURCE_DATE_EPOCH` must be for the same bytes.
pub(super) fn text(built: &Built, time: u64) -> Result<Vec<u8>, Error> {
    let Built { name, version, architecture, file, size, sha256, .. } = built;
    let sha256: &Sha256 = sha256;
    let file = file.file_name().unwrap_or_default();
    let mut paragraph = ParagraphBuf::new();
    paragraph.push("Format", "1.0")?;
    paragraph.push("Source", name.as_str())?;
    paragraph.push("Binary", name.as_str())?;
    paragraph.push("Architecture", architecture.as_str())?;
    paragraph.push("Version", version.as_str())?;
    paragraph.push("Checksums-Sha256", format!("\n {sha256} {size} {file}"))?;
    paragraph.push("Build-Architecture", machine())?;
    paragraph.push("Installed-Build-Depends", concat!("\n repo-cli (= ", env!("CARGO_PKG_VERSION"), ")"))?;
    paragraph.push("Environment", format!("\n SOURCE_DATE_EPOCH=\"{time}\""))?;
    Ok(paragraph.to_bytes())
}

/// Returns Debian's name of the architecture that this program was built for.
fn machine() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "arm" => "armhf",
        "x86" => "i386",
        "powerpc64" => "ppc64el",
        "loongarch64" => "loong64",
        other => other,
    }
}
