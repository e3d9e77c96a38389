//! Control files that must not get into an index.

use crate::fixture::*;
use deb_parse::Limits;
use deb_parse::control::BinaryControl;

fn refused(from: &str, values: &[&str], words: &'static str) {
    let cases = values.iter().map(|value| {
        let field = from.split(':').next().unwrap();
        (format!("{value:?}"), with_control(control_but(from, &format!("{field}: {value}"))), words)
    });
    assert_refused(cases);
}

#[test]
fn package_names() {
    refused(
        "Package: probe",
        &[
            "",
            "p",
            "../../etc/passwd",
            "..",
            ".",
            "/etc",
            "a/b",
            "a\\b",
            "a b",
            "a\tb",
            "A",
            "Probe",
            "prObe",
            "-a",
            "+a",
            ".a",
            "a_b",
            "a:amd64",
            "a~b",
            "a\0b",
            "a\x1b[31mb",
            "a\x07",
            "$(id)",
            "`id`",
            "a;id",
            "a&b",
            "a|b",
            "a%2fb",
            "a%s",
            "%n%n",
            "é",
            "ab\u{200b}",
            "\u{feff}ab",
            "ab\u{202e}",
            "ａｂ",
            "a\u{0131}",
            "'ab'",
            "\"ab\"",
            "<ab>",
            "a*",
            "a?",
            "~ab",
            "ab,cd",
            "ab=1",
            "ab\n cd",
            "\n ab",
            &"a".repeat(201),
            &"a".repeat(300),
            &"a".repeat(1_000_000),
        ],
        "",
    );
}

#[test]
fn versions() {
    refused(
        "Version: 1.0-1",
        &[
            "",
            " ",
            "a",
            "a1",
            "-1",
            "1-",
            "1.0-",
            ":1",
            "1:",
            "a:1",
            "-1:1",
            "+1:1",
            " :1",
            "1:a",
            "1: 1",
            "1 2",
            "1\t2",
            "1/2",
            "../1",
            "1/../../x",
            "1\\2",
            "1_2",
            "1-2_3",
            "1\0",
            "1\x1b[0m",
            "1;id",
            "$(id)",
            "1$2",
            "1%2f2",
            "1é",
            "1\u{200b}",
            "\u{feff}1",
            "1:2:3",
            "1:1:1",
            "4294967296:1",
            "2147483648:1",
            "99999999999999999999:1",
            "1,2",
            "1=2",
            "1(2)",
            "1*",
            "1~\n 2",
            "\n 1",
            "~1",
            ".1",
            "+1",
            &"1".repeat(201),
            &"1".repeat(1_000_000),
        ],
        "ersion",
    );
}

#[test]
fn architectures() {
    refused(
        "Architecture: all",
        &[
            "",
            "any",
            "source",
            "amd64 i386",
            "amd64,i386",
            "all amd64",
            "linux-any !",
            "Amd64",
            "ALL",
            "../x",
            "..",
            "a/b",
            "/",
            "a.b",
            "a_b",
            "a+b",
            "-amd64",
            "amd64\0",
            "amd64\x1b[0m",
            "amd64;id",
            "amd64%",
            "é",
            "amd64\u{200b}",
            "\u{feff}amd64",
            "!amd64",
            "amd64\n i386",
            &"a".repeat(65),
            &"a".repeat(300),
            &"a".repeat(1_000_000),
        ],
        "",
    );
}

#[test]
fn sources_and_sections() {
    let source =
        |value: &str| (format!("{value:?}"), with_control(control_but("", &format!("Source: {value}"))), "");
    let long = "a".repeat(300);
    assert_refused(
        [
            "",
            "../../../../x",
            "..",
            ".",
            "/x",
            "a/b",
            "A",
            "a",
            "a b",
            "probe (1",
            "probe 1",
            "probe (1) (2)",
            "probe ()",
            "probe (x)",
            "probe (../1)",
            "probe (1 2)",
            "(1)",
            "probe\x1b[0m",
            "probe\0",
            "probe;id",
            "é",
            "probe, other",
            &long,
        ]
        .into_iter()
        .map(source),
    );
    let section = |value: &str| {
        (format!("{value:?}"), with_control(control_but("", &format!("Section: {value}"))), "Section")
    };
    assert_refused(
        [
            "../utils",
            "..",
            ".",
            "/utils",
            "utils/",
            "a//b",
            "a/../b",
            "contrib/..",
            "contrib/.",
            "a\\b",
            "a\n b",
        ]
        .into_iter()
        .map(section),
    );
}

#[test]
fn fields_that_must_be_there() {
    for field in ["Package: probe", "Version: 1.0-1", "Architecture: all"] {
        let text = CONTROL.replace(&format!("{field}\n"), "");
        assert_refused([(field, with_control(text), "is missing")]);
    }
    assert_refused([
        ("empty file", with_control(""), "end with a newline"),
        ("newlines", with_control("\n\n"), "exactly one paragraph"),
        ("NUL", with_control("\0\n"), "visible ASCII"),
    ]);
}

#[test]
fn structure() {
    let add = |text: &str| with_control(format!("{CONTROL}{text}"));
    let bytes = |text: &[u8]| with_control([CONTROL.as_bytes(), text].concat());
    let utf16: Vec<u8> = CONTROL.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let signed = format!(
        "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n{CONTROL}-----BEGIN PGP SIGNATURE-----\n\nAAAA\n-----END PGP SIGNATURE-----\n"
    );
    let control_character = "control characters";
    assert_refused([
        ("field twice", add("Version: 2\n"), "occurs twice"),
        ("field twice in other case", add("VERSION: 2\n"), "occurs twice"),
        ("field twice, the same", add("Version: 1.0-1\n"), "occurs twice"),
        ("unknown field twice", add("X-Yy: 1\nx-yy: 1\n"), "occurs twice"),
        ("two paragraphs", add("\nPackage: other\nVersion: 1\nArchitecture: all\n"), "exactly one paragraph"),
        ("two paragraphs, two lines between", add("\n\nX-Yy: a\n"), "exactly one paragraph"),
        ("blanks between paragraphs", add(" \nPackage: other\n"), "blanks alone"),
        ("tab between paragraphs", add("\t\nPackage: other\n"), "blanks alone"),
        ("blank line at the end", add(" \n"), "blanks alone"),
        ("carriage return alone", add("X-Yy: a\rFilename: b\n"), "control character"),
        ("carriage returns", with_control(CONTROL.replace('\n', "\r\n")), "carriage returns"),
        ("one carriage return", add("X-Yy: a\r\n"), "end alike"),
        ("vertical tab", add("X-Yy: a\x0bFilename: b\n"), control_character),
        ("form feed", add("X-Yy: a\x0cFilename: b\n"), control_character),
        ("file separator", add("X-Yy: a\x1cFilename: b\n"), control_character),
        ("NUL", add("X-Yy: a\0Filename: b\n"), control_character),
        ("ESC", add("X-Yy: a\x1b[2Jb\n"), control_character),
        ("BEL", add("X-Yy: a\x07\n"), control_character),
        ("backspace", add("X-Yy: a\x08b\n"), control_character),
        ("DEL", add("X-Yy: a\x7f\n"), control_character),
        ("DOS end of file", add("\x1a\n"), "visible ASCII"),
        ("next line", add("X-Yy: a\u{85}Filename: b\n"), control_character),
        ("C1", add("X-Yy: a\u{9b}31m\n"), control_character),
        ("line separator", add("X-Yy: a\u{2028}Filename: b\n"), "line separators"),
        ("paragraph separator", add("X-Yy: a\u{2029}Filename: b\n"), "line separators"),
        ("ESC in a continuation", add("X-Yy: a\n b\x1b[0m\n"), control_character),
        ("byte order mark", with_control(format!("\u{feff}{CONTROL}")), "visible ASCII"),
        ("UTF-16", with_control(utf16), ""),
        ("signed", with_control(signed), ""),
        ("no colon", add("Junk\n"), "followed by a colon"),
        ("no name", add(": a\n"), "a name before its colon"),
        ("blank in the name", add("X Yy: a\n"), "followed by a colon"),
        ("blank before the colon", add("X-Yy : a\n"), "followed by a colon"),
        ("tab before the colon", add("X-Yy\t: a\n"), "followed by a colon"),
        ("hyphen first", add("-X-Yy: a\n"), "hyphen"),
        ("hash first", add("#X-Yy: a\n"), "comments"),
        ("comment", add("# a comment\n"), "comments"),
        ("comment first", with_control(format!("# a comment\n{CONTROL}")), "comments"),
        ("comment in a value", add("X-Yy: a\n# a comment\n b\n"), "comments"),
        ("name not ASCII", add("Ünits: a\n"), "visible ASCII"),
        ("name with NUL", add("X\0Yy: a\n"), "visible ASCII"),
        ("name with ESC", add("X\x1bYy: a\n"), "visible ASCII"),
        ("name in Latin-1", bytes(b"X-\xe9: a\n"), "visible ASCII"),
        ("name of one letter", add("X: a\n"), "one character"),
        ("indented first line", with_control(format!(" {CONTROL}")), "must not be indented"),
        ("no newline at the end", with_control(CONTROL.trim_end()), "end with a newline"),
        ("HTML", with_control("<html>\n<body>\n"), "followed by a colon"),
    ]);
}

#[test]
fn fields_that_dpkg_reads_otherwise() {
    let add = |field: &str| (field.to_owned(), with_control(control_but("", field)), "field");
    assert_refused(
        [
            "Revision: 5",
            "revision: 5",
            "Package-Revision: 5",
            "Package_Revision: 5",
            "Class: extra",
            "Optional: aa",
            "Recommended: aa",
            "Status: install ok installed",
            "Config-Version: 1",
            "Triggers-Pending: aa",
            "Triggers-Awaited: aa",
            "Essential: maybe",
            "Essential: yes no",
            "Essential: true",
            "Protected: 1",
            "Multi-Arch: all",
            "Multi-Arch: same",
            "Multi-Arch: foreign allowed",
            "Installed-Size: -1",
            "Installed-Size: 12k",
            "Installed-Size: 1.5",
            "Installed-Size: 0x10",
            "Installed-Size: 99999999999999999999",
            "Installed-Size: 1\n 2",
        ]
        .into_iter()
        .map(add),
    );
}

#[test]
fn relations() {
    let bad = [
        ",",
        "aa,",
        ",aa",
        "aa,,bb",
        "aa, ,bb",
        "|",
        "aa |",
        "| aa",
        "aa || bb",
        "aa | , bb",
        "aa bb",
        "aa (a1)",
        "aa:-any",
        "aa ()",
        "aa (>=)",
        "aa (>= )",
        "aa (>= 1",
        "aa >= 1",
        "aa >= 1)",
        "aa (=> 1)",
        "aa (== 1)",
        "aa (!= 1)",
        "aa (~ 1)",
        "aa (>= 1) (<< 2)",
        "aa (>= 1 2)",
        "aa (>= x)",
        "aa (>= 1_2)",
        "aa (>= ../1)",
        "aa (>= ${v})",
        "${shlibs:Depends}",
        "aa [amd64]",
        "aa <!nocheck>",
        "aa [amd64",
        "aa ]",
        "aa :any",
        "aa: any",
        "aa:",
        "aa:any:any",
        "../aa",
        "aa/bb",
        "-aa",
        ".aa",
        "+aa",
        "aa;bb",
        "aa & bb",
        "aa\\",
        "\"aa\"",
        "é",
        "aa(",
        "aa)",
        "\n aa",
        "aa\n .\n bb",
        "aa (>= 1:2:3)",
        "aa (>= 1-)",
    ];
    for field in [
        "Depends",
        "Pre-Depends",
        "Recommends",
        "Suggests",
        "Enhances",
        "Breaks",
        "Conflicts",
        "Provides",
        "Replaces",
    ] {
        assert_refused(bad.map(|value| {
            (format!("{field}: {value}"), with_control(control_but("", &format!("{field}: {value}"))), field)
        }));
    }
    for field in ["Breaks", "Conflicts", "Provides", "Replaces"] {
        let text = control_but("", &format!("{field}: aa | bb"));
        assert_refused([(field, with_control(text), "must not have alternatives")]);
    }
}

#[test]
fn messages_say_where_and_why() {
    let message =
        |text: &str| BinaryControl::parse(text.as_bytes(), &Limits::default()).unwrap_err().to_string();
    insta::assert_snapshot!(message("Package: a b\nVersion: 1\nArchitecture: all\n"), @r#"line 1, column 10, field Package: package name "a b": must be lower-case letters, digits, `+`, `-` and `.`, and start with a letter or digit (Policy 5.6.1)"#);
    insta::assert_snapshot!(message("Package: aa\nVersion: 1\nArchitecture: all\nX-Yy: a\n b\x1bc\n"), @r#"line 5, column 3, field "X-Yy": a value must not have control characters"#);
    insta::assert_snapshot!(message("Package: aa\nVersion: 1\nArchitecture: all\nRevision: 5\n"), @r#"line 4, column 1, field "Revision": the name is obsolete, and dpkg takes it for that of another field"#);
    insta::assert_snapshot!(message("Package: aa\nVersion: 1\nArchitecture: all\nDepends: bb (>= 1\n"), @r#"line 4, column 17, field Depends: relation "1": the `)` after a version is missing"#);
    insta::assert_snapshot!(message("Package: aa\nVersion: 1\nArchitecture: all\n\n\nPackage: bb\n"), @"line 6, column 1: there must be exactly one paragraph");
    insta::assert_snapshot!(message("Package: aa\nVersion: 1\nArchitecture: all\nMaintainer: a\n# b\n"), @"line 5, column 1: a control file must have neither comments nor carriage returns (Policy 5.1)");
    insta::assert_snapshot!(message("Package: aa\nVersion: 1\nArchitecture: all\nBreaks: bb,\n bb | cc\n"), @r#"line 5, column 7, field Breaks: relation "cc": must not have alternatives (Policy 7.5)"#);
    let few = Limits::default().with_relations(2);
    let text = b"Package: aa\nVersion: 1\nArchitecture: all\nDepends: bb,\n cc,\n dd\n";
    insta::assert_snapshot!(BinaryControl::parse(text, &few).unwrap_err(), @"line 4, column 10, field Depends: more than 2 relations in a field, which is the limit");
    let error =
        read(&with_control("Package: aa\nVersion: ../1\nArchitecture: all\n")).unwrap_err().to_string();
    insta::assert_snapshot!(error, @r#"control.tar.gz: "./control": line 2, column 10, field Version: version "../1": the upstream version must start with a digit (Policy 5.6.12)"#);
}

#[test]
fn what_an_index_says_is_not_what_a_package_says() {
    let text = control_but(
        "",
        "Filename: ../../etc/passwd\nsize: 1\nSHA256: 0\nMD5Sum: 0\nSHA1: 0\nDescription-md5: 0",
    );
    let package = read(&with_control(text)).unwrap();
    let own: Vec<_> = package
        .control
        .paragraph()
        .fields()
        .map(|field| field.name())
        .filter(|name| deb_parse::control::is_index_field(name))
        .collect();
    assert_eq!(own, ["Filename", "size", "SHA256", "MD5Sum", "SHA1", "Description-md5"]);
}
