//! Archives whose outer layer is wrong.

use crate::dpkg;
use crate::fixture::*;

fn good() -> Vec<u8> {
    with_control(CONTROL)
}

fn with_header(name: &[u8], size: &[u8], end: &[u8]) -> Vec<u8> {
    let control = gz(&control_tar(CONTROL));
    let mut out = ar(&[VERSION]);
    let mut header = ar_header(name, size);
    header[58..].copy_from_slice(end);
    out.extend(header);
    out.extend(&control);
    if control.len() % 2 == 1 {
        out.push(b'\n');
    }
    out.extend(member("data.tar.gz", &gz(&data_tar())));
    out
}

fn with_size(size: &[u8]) -> Vec<u8> {
    with_header(b"control.tar.gz", size, b"`\n")
}

fn length(change: i64) -> Vec<u8> {
    (gz(&control_tar(CONTROL)).len() as i64 + change).to_string().into_bytes()
}

#[test]
fn what_is_no_ar_archive_is_refused() {
    let start = |magic: &[u8]| [magic, &good()[8..]].concat();
    assert_refused([
        ("empty", vec![], "not a .deb file"),
        ("one byte", b"!".to_vec(), "not a .deb file"),
        ("thin", start(b"!<thin>\n"), "not a .deb file"),
        ("AIX", start(b"<aiaff>\n"), "not a .deb file"),
        ("other case", start(b"!<ARCH>\n"), "not a .deb file"),
        ("carriage return", start(b"!<arch>\r"), "not a .deb file"),
        ("no newline", start(b"!<arch> "), "not a .deb file"),
        ("blank before", [b" ", &good()[..]].concat(), "not a .deb file"),
        ("old deb", b"0.939000\n123\n".to_vec(), "not a .deb file"),
        ("RPM", b"\xed\xab\xee\xdb\x03\x00\x00\x00".repeat(20), "not a .deb file"),
        ("ZIP", b"PK\x03\x04".repeat(30), "not a .deb file"),
        ("HTML", b"<!DOCTYPE html><html><body>404</body></html>".to_vec(), "not a .deb file"),
        ("gzip", gz(&good()), "not a .deb file"),
        ("tar", control_tar(CONTROL), "not a .deb file"),
        ("zeros", vec![0; 4096], "not a .deb file"),
        ("magic alone", b"!<arch>\n".to_vec(), "`control.tar` is missing"),
        ("magic twice", start(b"!<arch>\n!<arch>\n"), "must end with a grave accent"),
    ]);
}

#[test]
fn headers_that_are_wrong_are_refused() {
    assert_refused([
        ("end mark", with_header(b"control.tar.gz", &length(0), b"\n`"), "grave accent"),
        ("end mark NUL", with_header(b"control.tar.gz", &length(0), b"\0\0"), "grave accent"),
        ("name with slash", with_header(b"./control.tar.gz", &length(0), b"`\n"), "visible ASCII"),
        ("name of two slashes", with_header(b"control.tar.gz//", &length(0), b"`\n"), "visible ASCII"),
        ("name in BSD's form", with_header(b"#1/20", &length(0), b"`\n"), "visible ASCII"),
        ("name in GNU's table", with_header(b"/0", &length(0), b"`\n"), "visible ASCII"),
        ("symbol table", with_header(b"/", &length(0), b"`\n"), "visible ASCII"),
        ("GNU's name table", with_header(b"//", &length(0), b"`\n"), "visible ASCII"),
        ("name with NUL", with_header(b"control.tar.gz\0", &length(0), b"`\n"), "visible ASCII"),
        ("name with ESC", with_header(b"\x1b[2Jcontrol", &length(0), b"`\n"), "visible ASCII"),
        ("name with newline", with_header(b"control\n.tar.gz", &length(0), b"`\n"), "visible ASCII"),
        ("name not ASCII", with_header("contról".as_bytes(), &length(0), b"`\n"), "visible ASCII"),
        ("blank name", with_header(b" ", &length(0), b"`\n"), "visible ASCII"),
        ("blank before name", with_header(b" control.tar.gz", &length(0), b"`\n"), "visible ASCII"),
        ("cut header", [&good()[..], b"zzz             0"].concat(), "is cut short"),
        ("bytes after the end", [&good()[..], b"junk"].concat(), "is cut short"),
        ("newline after the end", [&good()[..], b"\n"].concat(), "is cut short"),
        ("an archive after the end", [&good()[..], &good()[..]].concat(), "grave accent"),
    ]);
}

#[test]
fn sizes_that_are_wrong_are_refused() {
    let decimal = "must be a decimal number";
    let minus = [b"-", &length(0)[..]].concat();
    let plus = [b"+", &length(0)[..]].concat();
    let octal = [b"0x", &length(0)[..]].concat();
    let dot = [&length(0)[..], b".0"].concat();
    let nul = [&length(0)[..], b"\0"].concat();
    assert_refused([
        ("blank, which is 0", with_size(b""), "not compressed as its name says"),
        ("text", with_size(b"abc"), decimal),
        ("minus 60", with_size(b"-60"), decimal),
        ("negative", with_size(&minus), decimal),
        ("plus", with_size(&plus), decimal),
        ("hexadecimal", with_size(&octal), decimal),
        ("fraction", with_size(&dot), decimal),
        ("NUL after it", with_size(&nul), decimal),
        ("NULs", with_size(&[0; 10]), decimal),
        ("exponent", with_size(b"1e3"), decimal),
        ("tab after", with_size(b"300\t"), decimal),
        ("zero", with_size(b"0"), "not compressed as its name says"),
        ("one less", with_size(&length(-1)), "cut short"),
        ("four less", with_size(&length(-4)), "cut short"),
        ("one more", with_size(&length(1)), "control.tar.gz"),
        ("two more", with_size(&length(2)), "something follows the end"),
        ("huge", with_size(b"9999999999"), "something follows the end"),
        ("64 KiB more", with_size(b"66000"), "something follows the end"),
    ]);
}

#[test]
fn sizes_are_read_as_dpkg_reads_them() {
    let size = length(0);
    for field in [[b" ", &size[..]].concat(), [&size[..], b" 1"].concat(), [&size[..], b" x"].concat()] {
        let bytes = with_size(&field);
        assert!(read(&bytes).is_ok(), "{}", field.escape_ascii());
        let Some(theirs) = dpkg::dpkg_deb(&bytes) else { return };
        assert_eq!(theirs.map(|reading| reading.scripts), Ok(vec!["control".to_owned()]));
    }
}

#[test]
fn the_file_must_not_end_inside_a_member() {
    let good = good();
    for length in 0..good.len() {
        assert!(read(&good[..length]).is_err(), "taken with {length} of {} bytes", good.len());
    }
}

#[test]
fn too_many_members_are_refused() {
    let mut many = good();
    for _ in 0..100 {
        many.extend(member("_x", b""));
    }
    assert_refused([("members", many, "more than 64 members of the ar archive")]);
}
