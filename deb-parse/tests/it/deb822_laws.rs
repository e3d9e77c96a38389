//! The fast reader, the strict one, the stream and the writer agree on all valid text.

use deb_parse::deb822::{self, Paragraph, ParagraphBuf, Reader};
use deb_parse::{Error, Limits, clearsign};
use proptest::prelude::*;

type Fields = Vec<(String, Vec<u8>)>;

fn fields(paragraph: Paragraph<'_>) -> Fields {
    paragraph.fields().map(|field| (field.name().to_owned(), field.value().to_vec())).collect()
}

fn streamed(text: &[u8]) -> Result<Vec<(usize, Vec<u8>, Fields)>, Error> {
    let limits = Limits::default();
    // One byte at a time: no border of the buffer may matter.
    let mut reader = Reader::new(Trickle(text), &limits);
    let mut all = Vec::new();
    while let Some(paragraph) = reader.next()? {
        all.push((paragraph.offset(), paragraph.as_bytes().to_vec(), fields(paragraph)));
    }
    Ok(all)
}

struct Trickle<'a>(&'a [u8]);

impl std::io::Read for Trickle<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let length = 1.min(self.0.len()).min(out.len());
        out[..length].copy_from_slice(&self.0[..length]);
        self.0 = &self.0[length..];
        Ok(length)
    }
}

/// The law: valid for the strict reader means the same for all.
fn check(text: &[u8]) {
    let fast: Vec<_> = deb822::paragraphs(text).collect();
    match deb822::parse(text, &Limits::default()) {
        Ok(strict) => {
            assert_eq!(strict, fast, "{}", String::from_utf8_lossy(text));
            let expected: Vec<_> =
                strict.iter().map(|p| (p.offset(), p.as_bytes().to_vec(), fields(*p))).collect();
            assert_eq!(streamed(text).unwrap(), expected);
            for paragraph in strict {
                for field in paragraph.fields() {
                    assert_eq!(paragraph.get(&field.name().to_ascii_uppercase()), Some(field.value()));
                }
            }
        }
        Err(error) => assert_eq!(streamed(text).unwrap_err().to_string(), error.to_string()),
    }
}

#[test]
fn shapes_of_text() {
    for text in [
        "",
        "\n",
        "\n\n\n",
        "A: 1",
        "A: 1\n",
        "\nA: 1\n",
        "A: 1\n\nB: 2",
        "A: 1\n\n\n\nB: 2\n\n",
        "A:\n b\n c\n",
        "A: \n",
        "A:\n\nB:\n",
        "A: 1\r\n\r\nB: 2\r\n",
        "A: 1\r\nB:\r\n c\r\n",
        "\r\nA: 1\r\n",
        "# c\nA: 1\n",
        "A: 1\n# c\n",
        "A: 1\n# c\n b\n",
        "A: 1\n# c\nB: 2\n",
        "# c\n\nA: 1\n",
        "# c\n\n# d\nA: 1\n\n# e\n",
        "# c",
        "# c\n\n",
        "A: 1\n\n# c\n\nB: 2\n",
        "A: # 1\n",
        "A: b\n # c\n",
        "A: : b\n",
        "A:b:c\n",
        "A: 1\n\tb\n",
        "A: 1\n .\n b\n",
        "A: 1 \t\nB: 2\n",
        "A: 1\n \nB: 2\n",
        "A: 1\n\t\n",
        " A: 1\n",
        "A\n",
        "A 1\n",
        ": 1\n",
        "-A: 1\n",
        "A: 1\nA: 2\n",
        "A: 1\na: 2\n",
        "A: 1\n\r\nB: 2\n",
        "A: 1\r\n\nB: 2\r\n",
        "A: 1\r\rB: 2\n",
        "A: \0\n",
        "A: \u{85}\n",
        "A: \u{2028}\n",
        "A: \u{e9}\n",
        "\u{e9}: 1\n",
        "A: 1\n#",
        "#\nA: 1\n# \n\n",
        "A: 1\n# c\n\n b\n",
    ] {
        check(text.as_bytes());
    }
}

#[test]
fn the_last_paragraph_keeps_its_missing_newline() {
    let all: Vec<_> = deb822::paragraphs(b"A: 1\n\n\nB: 2\n c").map(|p| (p.offset(), p.as_bytes())).collect();
    assert_eq!(all, [(0, &b"A: 1\n"[..]), (7, b"B: 2\n c")]);
}

#[test]
fn errors_have_their_place() {
    let message = |text: &str| deb822::parse(text.as_bytes(), &Limits::default()).unwrap_err().to_string();
    insta::assert_snapshot!(message("A: 1\n\nB: 2\nC\n"), @"line 4, column 2: a field name must be followed by a colon");
    insta::assert_snapshot!(message("A: 1\n\n\nB: 2\nb: 3\n"), @r#"line 5, column 1, field "b": the field occurs twice in this paragraph"#);
    insta::assert_snapshot!(message("A: 1\n \n"), @"line 2, column 1: a line must not be of blanks alone: programs differ in whether it ends the paragraph");
    insta::assert_snapshot!(message("A: 1\n b\n c\x07\n"), @r#"line 3, column 3, field "A": a value must not have control characters"#);
    insta::assert_snapshot!(message("A: 1\r\nB: 2\n"), @"line 2, column 5: lines must end alike, all with or all without a carriage return");
    insta::assert_snapshot!(message("A: 1\n\n b\n"), @"line 3, column 1: the first line of a paragraph must not be indented");
    insta::assert_snapshot!(message("A: 1\nÄ: 1\n"), @"line 2, column 1: a field name must be of visible ASCII characters (Policy 5.1)");
}

#[test]
fn limits_hold() {
    let limits = Limits::default().with_stanza(100).with_fields(3).with_text(1000);
    let message = |text: String| deb822::parse(text.as_bytes(), &limits).unwrap_err().to_string();
    insta::assert_snapshot!(message("A: 1\n".repeat(300)), @"more than 1000 bytes of the text, which is the limit");
    insta::assert_snapshot!(message(format!("A: {}\n", "b".repeat(100))), @"more than 100 bytes of a paragraph, which is the limit");
    insta::assert_snapshot!(message("A: 1\nB: 1\nC: 1\nD: 1\n".into()), @"more than 3 fields of a paragraph, which is the limit");
    let endless = std::io::Read::take(std::io::repeat(b'a'), 10 << 20);
    let mut reader = Reader::new(endless, &limits);
    insta::assert_snapshot!(reader.next().unwrap_err(), @"more than 100 bytes of a paragraph, which is the limit");
}

#[test]
fn what_could_change_the_structure_is_not_written() {
    let mut paragraph = ParagraphBuf::new();
    for (name, value) in [
        ("A", "b\nFilename: c"),
        ("A", "b\n\n c"),
        ("A", "b\n \n c"),
        ("A", "b\n"),
        ("A", "b\r"),
        ("A", " b"),
        ("A", "b "),
        ("A", "b\0"),
        ("A", "b\x1b"),
        ("A", "b\n# c"),
        ("A", "b\u{85}c"),
        ("A", "b\u{2028}c"),
        ("", "b"),
        ("A B", "c"),
        ("A:", "b"),
        ("#A", "b"),
        ("-A", "b"),
        ("Ä", "b"),
        ("A\n", "b"),
    ] {
        assert!(paragraph.push(name, value).is_err(), "{name:?} {value:?}");
        assert!(paragraph.set(name, value).is_err(), "{name:?} {value:?}");
    }
    paragraph.push("A", "b").unwrap();
    assert!(paragraph.push("a", "c").is_err());
    assert_eq!(paragraph.remove("a"), Some(b"b".to_vec()));
    assert!(paragraph.is_empty());
}

const SIGNED: &str = "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nA: 1\n\n- -----BEGIN\nB: 2\n-----BEGIN PGP SIGNATURE-----\n\nAAAA\n-----END PGP SIGNATURE-----\n";

#[test]
fn a_signed_payload_is_all_that_is_read() {
    assert!(clearsign::is_signed(SIGNED.as_bytes()));
    assert_eq!(*clearsign::payload(SIGNED.as_bytes()).unwrap(), b"A: 1\n\n-----BEGIN\nB: 2\n"[..]);
    let crlf = SIGNED.replace('\n', "\r\n");
    assert_eq!(*clearsign::payload(crlf.as_bytes()).unwrap(), b"A: 1\r\n\r\n-----BEGIN\r\nB: 2\r\n"[..]);
    let message = |text: String| clearsign::payload(text.as_bytes()).unwrap_err().to_string();
    insta::assert_snapshot!(message(format!("A: 0\n{SIGNED}")), @"line 1, column 1: a clear-signed message must start with its BEGIN line, and nothing before it");
    insta::assert_snapshot!(message(format!("\n{SIGNED}")), @"line 1, column 1: a clear-signed message must start with its BEGIN line, and nothing before it");
    insta::assert_snapshot!(message(format!("{SIGNED}A: 2\n")), @"line 12, column 1: nothing may come after the signature");
    insta::assert_snapshot!(message(format!("{SIGNED}{SIGNED}")), @"line 12, column 1: nothing may come after the signature");
    insta::assert_snapshot!(message(SIGNED.replace("Hash: SHA256\n", "Hash: SHA256\nA: 0\n")), @"line 3, column 1: only `Hash:` headers and one empty line may come before the signed text");
    insta::assert_snapshot!(message(SIGNED.replace("Hash: SHA256\n\n", "")), @"line 2, column 1: only `Hash:` headers and one empty line may come before the signed text");
    insta::assert_snapshot!(message(SIGNED.replace("- -----BEGIN", "-----BEGIN PGP SIGNED MESSAGE-----")), @"line 6, column 1: a signed line that starts with a hyphen must be escaped with `- `");
    insta::assert_snapshot!(message(SIGNED.replace("AAAA\n", "-----BEGIN PGP SIGNED MESSAGE-----\n")), @"line 10, column 1: the signature must be one block");
    insta::assert_snapshot!(message(SIGNED.replace("-----END PGP SIGNATURE-----\n", "")), @"line 10, column 1: the END line of the signature is missing");
    insta::assert_snapshot!(message(SIGNED[..SIGNED.find("B: 2").unwrap()].into()), @"line 6, column 1: the signature is missing");
    insta::assert_snapshot!(message(String::new()), @"line 1, column 1: a clear-signed message must start with its BEGIN line, and nothing before it");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn all_readers_agree(text in "([A-C]?[ab]?:? ?[a\t]?\r?\n|# a\n| [a.]\n|\r?\n|A: b\n){0,12}[A:]{0,3}") {
        check(text.as_bytes());
    }

    /// Blocks of 64 bytes are looked at in one piece, so there must be texts of many lengths.
    #[test]
    fn several_fields_are_read_as_each_alone(
        text in "([A-C][ab]?: ?[a-z]{0,80}\r?\n|#[ab]\n| [a.]{1,70}\n){0,12}[A:a]{0,3}",
        names in prop::collection::vec("[A-Ca-c][ABab]?", 0..6),
    ) {
        if let Some(paragraph) = deb822::paragraphs(text.as_bytes()).next() {
            let expected = |name: &str| paragraph.fields().find(|field| field.has_name(name)).map(|field| field.value());
            for name in &names {
                prop_assert_eq!(paragraph.get(name), expected(name));
            }
            if let [a, b, c, ..] = names.as_slice() {
                prop_assert_eq!(paragraph.get_many([a, b, c]), [expected(a), expected(b), expected(c)]);
                prop_assert_eq!(paragraph.get_many([a, b, a]), [expected(a), expected(b), expected(a)]);
            }
        }
    }

    #[test]
    fn no_bytes_make_the_fast_reader_panic(text in prop::collection::vec(prop::sample::select(&b"\n\n\r:#- \tAb\0\xff"[..]), 0..200)) {
        for paragraph in deb822::paragraphs(&text) {
            prop_assert_eq!(paragraph.as_bytes(), &text[paragraph.offset()..][..paragraph.as_bytes().len()]);
            for field in paragraph.fields() {
                prop_assert!(paragraph.get(field.name()).is_some());
            }
        }
        check(&text);
    }

    #[test]
    fn what_is_written_reads_back(names in prop::collection::btree_set("[A-Z][a-z0-9-]{0,6}", 1..6), value in "[a-z:#-]{0,6}(\n [.a-z: ]{0,5}[a-z.])*") {
        let mut paragraph = ParagraphBuf::new();
        let mut expected = Vec::new();
        for name in names {
            if paragraph.push(&name, &value).is_ok() {
                expected.push((name, value.clone().into_bytes()));
            }
        }
        let text = paragraph.to_bytes();
        let read = deb822::parse(&text, &Limits::default()).unwrap();
        prop_assert_eq!(read.iter().map(|p| fields(*p)).collect::<Vec<_>>(), [expected.clone()]);
        prop_assert_eq!(ParagraphBuf::parse(&text, &Limits::default()).unwrap(), paragraph);
    }

    #[test]
    fn a_payload_comes_out_as_it_was_signed(lines in prop::collection::vec("[-a: ]{0,4}[-a:]?", 0..6)) {
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        let escaped: String = lines.iter().map(|line| if line.starts_with('-') { format!("- {line}\n") } else { format!("{line}\n") }).collect();
        let signed = format!("-----BEGIN PGP SIGNED MESSAGE-----\n\n{escaped}-----BEGIN PGP SIGNATURE-----\n\nAAAA\n-----END PGP SIGNATURE-----\n");
        prop_assert_eq!(&*clearsign::payload(signed.as_bytes()).unwrap(), text.as_bytes());
    }
}
