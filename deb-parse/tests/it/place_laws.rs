//! The place that an error gives is where the wrong text stands.

use deb_parse::control::{Fields as _, PackagesStanza, SourcesStanza};
use deb_parse::deb822::{self, Paragraph};
use deb_parse::{Error, Limits, Place, Quoted};
use proptest::prelude::*;

/// How a value is written that has a wrong part: what is right and may stand before it any number of times, what
/// leads up to it, the wrong part, and what follows.
type Value = [&'static str; 4];
type Read = fn(Paragraph<'_>) -> Result<(), Error>;

const FILE: &str = " 0123456789abcdef0123456789abcdef 7 b_1.dsc\n";

const BROKEN: [(&str, Value, Read); 14] = [
    ("Package", ["", "", "A", ""], |p| PackagesStanza::new(p).package().map(drop)),
    ("Version", ["", "", "1_2", ""], |p| PackagesStanza::new(p).version().map(drop)),
    ("Size", ["", "", "7k", ""], |p| PackagesStanza::new(p).size().map(drop)),
    ("SHA256", ["", "", "abc", ""], |p| PackagesStanza::new(p).sha256().map(drop)),
    ("Filename", ["", "", "../a", ""], |p| PackagesStanza::new(p).filename().map(drop)),
    ("Multi-Arch", ["", "", "maybe", ""], |p| PackagesStanza::new(p).multi_arch().map(drop)),
    ("Source", ["", "aa (", "1_2", ")"], |p| PackagesStanza::new(p).source().map(drop)),
    ("Depends", ["a (>= 1),\n b | c [i386],\n  ", "b (= ", "1_2", ") <x>, d"], depends),
    ("Depends", ["a (>= 1),\n ", "a ", "a, 1_2", ""], depends),
    ("Depends", ["a, ", "b (= 1) ", "(<< 2), 1_2", ""], depends),
    ("Files", [FILE, " ", "0123", " 7 b_2.dsc"], files),
    ("Files", [FILE, " 0123456789abcdef0123456789abcdef ", "7k", " b_2.dsc"], files),
    ("Files", [FILE, " 0123456789abcdef0123456789abcdef 7 ", "../c", "\n d e f"], files),
    ("Files", [FILE, " ", "1_2", ""], files),
];

fn depends(paragraph: Paragraph<'_>) -> Result<(), Error> {
    PackagesStanza::new(paragraph).depends().map(drop)
}

fn files(paragraph: Paragraph<'_>) -> Result<(), Error> {
    SourcesStanza::new(paragraph).files().map(drop)
}

/// Other fields, which have in them all that is wrong elsewhere.
fn others() -> impl Strategy<Value = String> {
    let line = prop_oneof![Just("1_2, a a, 1_2"), Just("7k ../c"), Just("0123 abc A"), Just("é\u{fe}")];
    let lines = prop::collection::vec((line, prop::bool::ANY), 1..4);
    prop::collection::vec(lines, 0..4).prop_map(|fields| {
        let mut text = String::new();
        for (number, lines) in fields.iter().enumerate() {
            text += &format!("X-Field-{number}:");
            for (line, commented) in lines {
                text += &format!(" {line}\n{}", if *commented { "# 1_2\n" } else { "" });
            }
        }
        text
    })
}

proptest! {
    #[test]
    fn the_place_of_a_wrong_value_is_where_it_stands(
        (field, value, read) in prop::sample::select(&BROKEN[..]),
        before in others(),
        inside in others(),
        after in others(),
        items in 0usize..4,
        blanks in "[ \t]{0,3}",
    ) {
        let [item, lead, wrong, end] = value;
        // Each list of files must name a file once.
        let items: String = (0..items).map(|n| item.replace("b_1", &format!("b_1.{n}"))).collect();
        let is_list = field == "Files";
        let start = if is_list { "\n" } else { "" };
        let version = if field == "Version" { "" } else { "Version: 1\n" };
        let mut text = format!("Package: z1\n{before}\n\n{version}{inside}{field}:{blanks}{start}{items}{lead}");
        let at = text.len();
        text += &format!("{wrong}{end}\n{}", after.replace("X-Field", "X-Later"));
        let text = text.as_bytes();

        let column = at - text[..at].iter().rposition(|c| *c == b'\n').map_or(0, |newline| newline + 1) + 1;
        let line = text[..at].iter().filter(|c| **c == b'\n').count() + 1;
        let counted = Place::Line { line: line as u64, column: column as u64 };
        let limits = Limits::default();
        let mut reader = deb822::Reader::new(text, &limits);
        reader.next().unwrap();
        let found = [
            (deb822::parse(text, &limits).unwrap()[1], counted),
            (reader.next().unwrap().unwrap(), counted),
            (deb822::paragraphs(text).nth(1).unwrap(), Place::Byte(at)),
        ];
        for (paragraph, expected) in found {
            let error = read(paragraph).unwrap_err();
            let Error::Field { field: named, place, value, .. } = &error else { panic!("{error:?}") };
            prop_assert_eq!((*named, *place), (field, expected));
            prop_assert!(value.to_string().starts_with(Quoted::new(wrong).to_string().trim_end_matches('"')), "{}", error);
            prop_assert!(error.in_text(text).to_string().starts_with(&counted.to_string()));
        }
    }
}
