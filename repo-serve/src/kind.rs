//! What the place and the name of a published file say about it: whether it can change, and its media type.

/// Tells whether the file at this path (below the repository) never changes once it is there.
///
/// Files in the pool, below `buildinfo` and `attestations` and in `by-hash` never change, so caches need not ask again. Each publication
/// replaces everything else under `dists`.
pub(crate) fn is_immutable(inner: &[u8]) -> bool {
    let mut elements = inner.split(|byte| *byte == b'/');
    let pool = match elements.next() {
        Some(b"snapshot") => elements.nth(1) == Some(b"pool"),
        first => matches!(first, Some(b"pool" | b"buildinfo" | b"attestations")),
    };
    pool || inner.split(|byte| *byte == b'/').any(|element| element == b"by-hash")
}

/// Returns the value of `Cache-Control` for a file of a repository.
///
/// `no-cache` lets a proxy keep a copy and obliges it to ask us first: an index must never be older than the InRelease
/// that names it, and after an urgent publication nobody should wait for a max-age to pass. A 304 costs next to nothing.
///
/// `immutable`: the file never changes; `restricted`: something is asked of those who read it, so caches that others share may not keep it.
#[must_use]
pub fn cache_control(immutable: bool, restricted: bool) -> &'static str {
    match (immutable, restricted) {
        (true, false) => "public, max-age=31536000, immutable",
        (true, true) => "private, max-age=31536000, immutable",
        (false, false) => "no-cache",
        (false, true) => "private, no-cache",
    }
}

/// The value of `Content-Type`.
///
/// Compressed indices carry the type of the compression and no `Content-Encoding`: apt wants the bytes that Release lists.
pub(crate) fn media_type(inner: &[u8]) -> &'static str {
    const TEXT: &str = "text/plain; charset=utf-8";
    let name = inner.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    let name = str::from_utf8(name).unwrap_or_default();
    match name {
        "InRelease" | "Release" | "Packages" | "Sources" | "Index" => return TEXT,
        "Release.gpg" => return "application/pgp-signature",
        _ => {}
    }
    let suffix = name.rsplit_once('.').map_or("", |(_, suffix)| suffix);
    match suffix {
        "deb" | "udeb" | "ddeb" => "application/vnd.debian.binary-package",
        "xz" => "application/x-xz",
        "gz" => "application/gzip",
        "bz2" => "application/x-bzip2",
        "lzma" => "application/x-lzma",
        "zst" => "application/zstd",
        "gpg" | "pgp" => "application/pgp-keys",
        "json" => "application/json",
        "dsc" | "changes" | "buildinfo" | "asc" | "txt" | "sources" | "list" => TEXT,
        _ if name.starts_with("Translation-") || name.starts_with("Contents-") => TEXT,
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn immutable_places() {
        for (inner, expected) in [
            ("pool/main/f/foo/foo_1_all.deb", true),
            ("snapshot/20260101T000000Z/pool/main/f/foo/foo_1_all.deb", true),
            ("dists/trixie/main/binary-amd64/by-hash/SHA256/0f", true),
            ("snapshot/20260101T000000Z/dists/trixie/InRelease", false),
            ("dists/trixie/InRelease", false),
            ("dists/pool/InRelease", false),
            ("pools/x", false),
            ("buildinfo/h/hello/0123456789abcdef0123456789abcdef/hello_1_amd64.buildinfo", true),
        ] {
            assert_eq!(is_immutable(inner.as_bytes()), expected, "{inner}");
        }
    }

    #[test]
    fn media_types() {
        for (inner, expected) in [
            ("pool/a_1_all.deb", "application/vnd.debian.binary-package"),
            ("dists/s/InRelease", "text/plain; charset=utf-8"),
            ("dists/s/main/i18n/Translation-en", "text/plain; charset=utf-8"),
            ("dists/s/main/i18n/Translation-en.xz", "application/x-xz"),
            ("dists/s/Release.gpg", "application/pgp-signature"),
            ("dists/s/main/binary-all/by-hash/SHA256/00", "application/octet-stream"),
            ("key.gpg", "application/pgp-keys"),
        ] {
            assert_eq!(media_type(inner.as_bytes()), expected, "{inner}");
        }
    }
}
