//! Control archives that programs could read in different ways.

use crate::fixture::*;

fn other() -> String {
    CONTROL.replace("1.0-1", "6.6.6")
}

fn link(path: &[u8], kind: u8, target: &[u8]) -> Header {
    Header::new(path, kind, 0).with(157, target)
}

fn case(name: &str, tar: Tar, words: &'static str) -> (String, Vec<u8>, &'static str) {
    (name.to_owned(), with_control_tar(&tar.end()), words)
}

#[test]
fn there_is_one_control_file_and_it_is_regular() {
    let regular = "only regular files";
    let twice = "occurs twice";
    let plain = "plain name";
    let base = || Tar::new().file("./control", CONTROL);
    let kind = |kind| Tar::new().raw(&link(b"./control", kind, b"./other"), b"").file("./other", CONTROL);
    assert_refused([
        case("no control", Tar::new().file("./other", CONTROL), "`control` is missing"),
        case("empty archive", Tar::default(), "`control` is missing"),
        case("twice", base().file("./control", other()), twice),
        case("with and without dot", base().file("control", other()), twice),
        case("without and with dot", Tar::new().file("control", CONTROL).file("./control", other()), twice),
        case("twice the same", base().file("./control", CONTROL), twice),
        case("script twice", base().file("./postinst", "a").file("./postinst", "b"), twice),
        case("root twice", base().dir("./"), "occurs twice"),
        case("symlink", kind(b'2'), regular),
        case("hard link", kind(b'1'), regular),
        case("character device", kind(b'3'), regular),
        case("block device", kind(b'4'), regular),
        case("directory", kind(b'5'), "no directories"),
        case("pipe", kind(b'6'), regular),
        case("sparse", kind(b'S'), "unknown"),
        case("dump directory", kind(b'D'), "unknown"),
        case("volume label", kind(b'V'), "unknown"),
        case("symlink beside it", base().raw(&link(b"./postinst", b'2', b"/bin/sh"), b""), regular),
        case("hard link beside it", base().raw(&link(b"./postinst", b'1', b"./control"), b""), regular),
        case("pipe beside it", base().raw(&link(b"./fifo", b'6', b""), b""), regular),
        case("device beside it", base().raw(&link(b"./null", b'3', b""), b""), regular),
        case("subdirectory", base().dir("./sub/"), "no directories"),
        case("file in a subdirectory", base().file("./sub/x", ""), plain),
        case("parent", base().file("../x", ""), plain),
        case("parent below dot", base().file("./../control", other()), plain),
        case("absolute", base().file("/control", other()), plain),
        case("absolute elsewhere", base().file("/etc/passwd", ""), plain),
        case("dot and slash twice", base().file("././control", other()), plain),
        case("slash twice", base().file(".//control", other()), plain),
        case("through the root", base().file("./x/../control", other()), plain),
        case("slash after it", Tar::new().file("./control/", CONTROL), "must not end in `/`"),
        case("name with newline", base().file("./a\nb", ""), plain),
        case("name with ESC", base().file("./a\x1b[2J", ""), plain),
        case("name with blank", base().file("./control ", other()), plain),
        case("name with backslash", base().file(".\\control", other()), plain),
        case("name not ASCII", base().file("./contról", other()), plain),
        case("only dot", base().file(".", ""), plain),
        case("empty name", base().file("", ""), plain),
    ]);
}

#[test]
fn nothing_renames_an_entry() {
    let records = "not allowed in the control archive";
    let pax = "pax records";
    let base = || Tar::new().file("./control", CONTROL);
    let long = |kind, name: &[u8]| (Header::new(b"././@LongLink", kind, name.len()), name.to_vec());
    let record = |kind, text: &str| {
        let text = format!("{} {text}\n", text.len() + 4);
        (Header::new(b"./PaxHeaders/x", kind, text.len()), text.into_bytes())
    };
    let before = |(header, content): (Header, Vec<u8>)| {
        Tar::new().raw(&header, &content).file("./innocent", other()).file("./control", CONTROL)
    };
    assert_refused([
        case("GNU name", before(long(b'L', b"./control\0")), records),
        case(
            "GNU name after",
            {
                let (header, content) = long(b'L', b"./control\0");
                base().raw(&header, &content).file("./innocent", other())
            },
            records,
        ),
        case("GNU link", before(long(b'K', b"./control\0")), records),
        case("pax path", before(record(b'x', "path=./control")), pax),
        case("pax size", before(record(b'x', "size=10")), pax),
        case("pax global", before(record(b'g', "path=./control")), pax),
        case("Solaris", before(record(b'X', "path=./control")), "unknown"),
        case(
            "64 MiB name",
            before((Header::new(b"././@LongLink", b'L', 64 << 20), vec![b'a'; 1000])),
            records,
        ),
    ]);
}

#[test]
fn headers_are_read_as_dpkg_reads_them() {
    let size = |field: &[u8]| {
        let header = Header::new(b"./control", b'0', CONTROL.len()).with(124, &[0; 12]).with(124, field);
        Tar::new().raw(&header, CONTROL.as_bytes())
    };
    let n = CONTROL.len();
    let header = || Header::new(b"./control", b'0', n);
    let field = |at, bytes: &[u8]| Tar::new().raw(&header().with(at, bytes), CONTROL.as_bytes());
    let mut unsealed = Tar::new();
    unsealed.0.extend(header().sealed());
    let mut damaged = unsealed.clone();
    damaged.0.extend(CONTROL.as_bytes());
    damaged.0.resize(damaged.0.len().next_multiple_of(512), 0);
    damaged.0[512 + 101] ^= 1;
    assert_refused([
        case("size in decimal", size(b"99999999999"), "size is not a number"),
        case("size negative", size(b"-1"), "size is not a number"),
        case("size with junk", size(b"00000000200x"), "size is not a number"),
        case("size blank", size(b"            "), "size is not a number"),
        case("size NUL, which is 0", size(&[0; 12]), "must end with a newline"),
        case("size base 256, negative", size(&[0xff; 12]), "size is not a number"),
        case("size base 256, 128 GiB", size(b"\x80\0\0\0\0\0\0\x20\0\0\0\0"), "which is the limit"),
        case(
            "size base 256, 2^95",
            size(b"\x80\x7f\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"),
            "size is not a number",
        ),
        case("size 8 GiB", size(b"77777777777"), "which is the limit"),
        case("size one too large for the content", size(b"00000040000"), "cut short"),
        case("size 0", size(b"00000000000"), "must end with a newline"),
        case("checksum wrong", damaged, "checksum is wrong"),
        case("mode blank", field(100, b"        "), "mode is not a number"),
        case("owner blank", field(108, b"        "), "owner or group"),
    ]);
    let cut = Tar::new().file("./control", CONTROL).0;
    assert_refused([
        ("cut in the content", with_control_tar(&cut[..512 + 512 + 20]), "cut short"),
        ("cut in a header", with_control_tar(&cut[..512 + 100]), "cut short"),
        ("cut in the end mark", with_control_tar(&[&cut[..], &[0; 100]].concat()), "cut short"),
        (
            "more after the end mark",
            with_control_tar(&[&control_tar(CONTROL)[..], &control_tar(other())].concat()),
            "follow the end mark",
        ),
        (
            "more after one zero block",
            with_control_tar(&[&cut[..], &[0; 512], &cut[512..]].concat()),
            "follow the end mark",
        ),
        (
            "junk after the end mark",
            with_control_tar(&[&control_tar(CONTROL)[..], &[b'x'; 512]].concat()),
            "follow the end mark",
        ),
    ]);
}

#[test]
fn files_beside_control_are_checked_as_dpkg_does() {
    let beside = |name: &str, content: &str| Tar::new().file("./control", CONTROL).file(name, content);
    assert_refused([
        case(
            "relative conffile",
            beside("./conffiles", "/etc/a\nremove-on-upgrade etc/x\n"),
            "\"./conffiles\": line 2, column 19: a conffile must be an absolute path",
        ),
        case(
            "conffile without newline",
            beside("./conffiles", "/etc/x"),
            "line 1, column 7: the file must end with a newline",
        ),
    ]);
}
