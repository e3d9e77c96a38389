//! The order of versions: dpkg's, from a table, from a naive twin, and from dpkg itself.

use crate::dpkg;
use deb_parse::version::{compare, sort_by};
use deb_parse::{Version, VersionRef};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use std::cmp::Ordering;
use std::hash::{DefaultHasher, Hash, Hasher};

/// From small to large; those in one row are equal.
const ORDER: &[&[&str]] = &[
    &["0~~", "0:0~~-0"],
    &["0~~a"],
    &["0~"],
    &["0", "0-0", "0:0", "0:00-0", "000"],
    &["0-0a"],
    &["0a"],
    &["0+"],
    &["0.", "0.0"],
    &["0.0a"],
    &["1.0~beta1~svn1245"],
    &["1.0~beta1"],
    &["1.0", "1.0-0", "01.00"],
    &["1.0-1~bpo1"],
    &["1.0-1"],
    &["1.0-1+b1"],
    &["1.0-1.1"],
    &["1.0-2"],
    &["1.0-10"],
    &["1.0a"],
    &["1.0+git20240101"],
    &["1.0.1", "1.0.01"],
    &["1.2.3"],
    &["1.2.3-1-1"],
    &["1.10"],
    &["2"],
    &["99999999999999999999999999999998"],
    &["99999999999999999999999999999999", "0099999999999999999999999999999999"],
    &["1:0"],
    &["1:1"],
    &["2147483647:0"],
];

#[test]
fn the_table_is_in_order() {
    for (i, left) in ORDER.iter().enumerate() {
        for (j, right) in ORDER.iter().enumerate() {
            for a in *left {
                for b in *right {
                    assert_eq!(compare(a, b), i.cmp(&j), "{a} and {b}");
                }
            }
        }
    }
}

#[test]
fn the_table_is_sorted() {
    let mut all: Vec<&str> = ORDER.iter().rev().copied().flatten().copied().collect();
    sort_by(&mut all, |text| text);
    assert_eq!(all, ORDER.concat());
}

#[test]
fn dpkg_agrees_with_the_table() {
    for rows in ORDER.windows(2) {
        for (a, b, operator) in
            [(rows[0][0], rows[1][0], "lt"), (rows[0][0], rows[0][rows[0].len() - 1], "eq")]
        {
            let Some(output) = dpkg::run("dpkg", &["--compare-versions", a, operator, b]) else { return };
            assert!(output.status.success(), "dpkg: {a} {operator} {b}");
        }
    }
}

/// The order as Policy 5.6.12 words it, without regard to speed.
fn naive(a: &str, b: &str) -> Ordering {
    fn parts(text: &str) -> (u64, String, String) {
        let (epoch, rest) = text.split_once(':').unwrap_or(("0", text));
        let (upstream, revision) = rest.rsplit_once('-').unwrap_or((rest, "0"));
        (epoch.parse().unwrap(), upstream.to_owned(), revision.to_owned())
    }
    fn letters(a: &str, b: &str) -> Ordering {
        let weight = |c: Option<char>| match c {
            Some('~') => -1,
            None => 0,
            Some(c) if c.is_ascii_alphabetic() => c as i32,
            Some(c) => c as i32 + 1000,
        };
        let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
        (0..a.len().max(b.len()))
            .map(|at| weight(a.get(at).copied()).cmp(&weight(b.get(at).copied())))
            .find(|order| order.is_ne())
            .unwrap_or(Ordering::Equal)
    }
    fn part(mut a: String, mut b: String) -> Ordering {
        while !a.is_empty() || !b.is_empty() {
            let cut = |text: &mut String, digits: bool| {
                let end = text.find(|c: char| c.is_ascii_digit() != digits).unwrap_or(text.len());
                let rest = text.split_off(end);
                std::mem::replace(text, rest)
            };
            let order = letters(&cut(&mut a, false), &cut(&mut b, false));
            if order.is_ne() {
                return order;
            }
            let number = |text: String| format!("{text:0>300}");
            let order = number(cut(&mut a, true)).cmp(&number(cut(&mut b, true)));
            if order.is_ne() {
                return order;
            }
        }
        Ordering::Equal
    }
    let (a, b) = (parts(a), parts(b));
    a.0.cmp(&b.0).then_with(|| part(a.1, b.1)).then_with(|| part(a.2, b.2))
}

fn version() -> impl Strategy<Value = String> {
    "([0-3]:)?[0-9][0-9a.+~]{0,6}([.+~-][0-9a-c~.+]{1,6})?"
        .prop_filter("no version", |text| Version::parse(text).is_ok())
}

fn hash(version: &Version) -> u64 {
    let mut hasher = DefaultHasher::new();
    version.hash(&mut hasher);
    hasher.finish()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn fast_is_naive(a in version(), b in version()) {
        prop_assert_eq!(compare(&a, &b), naive(&a, &b));
        let (x, y) = (Version::parse(&a).unwrap(), Version::parse(&b).unwrap());
        prop_assert_eq!(x.cmp(&y), naive(&a, &b));
        prop_assert_eq!(x.parts().cmp(&y.parts()), naive(&a, &b));
        prop_assert_eq!(x.sort_key().cmp(&y.sort_key()), naive(&a, &b));
        if x == y {
            prop_assert_eq!(hash(&x), hash(&y));
        }
    }

    #[test]
    fn it_is_a_total_order(a in version(), b in version(), c in version()) {
        prop_assert_eq!(compare(&a, &a), Ordering::Equal);
        prop_assert_eq!(compare(&a, &b), compare(&b, &a).reverse());
        if compare(&a, &b).is_le() && compare(&b, &c).is_le() {
            prop_assert!(compare(&a, &c).is_le());
        }
    }

    #[test]
    fn any_text_has_its_place(a in "\\PC{0,12}", b in "\\PC{0,12}", c in "[0-9:~-]{0,8}") {
        prop_assert_eq!(compare(&a, &b), compare(&b, &a).reverse());
        if compare(&a, &b).is_le() && compare(&b, &c).is_le() {
            prop_assert!(compare(&a, &c).is_le());
        }
    }

    /// Of versions, long ones among them, and of any text.
    #[test]
    fn sorting_many_keeps_the_order_of_equal_ones(
        all in prop::collection::vec(
            prop_oneof![version(), "1\\.[0-9a.~+-]{0,40}", "[0-9]{12,18}(:1)?", "\\PC{0,12}"],
            0..30,
        ),
    ) {
        let mut all: Vec<(usize, String)> = all.into_iter().enumerate().collect();
        let mut expected = all.clone();
        expected.sort_by(|(_, a), (_, b)| compare(a, b));
        sort_by(&mut all, |(_, text)| text);
        prop_assert_eq!(all, expected);
    }

    #[test]
    fn parts_put_together_are_the_text(text in version()) {
        let version = VersionRef::parse(&text).unwrap();
        let revision = version.revision().map(|revision| format!("-{revision}")).unwrap_or_default();
        let end = format!("{}{revision}", version.upstream());
        prop_assert!(text.ends_with(&end));
        prop_assert_eq!(version.to_version().to_string(), text);
    }
}

#[test]
fn dpkg_agrees_on_random_versions() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    for _ in 0..150 {
        let mut next = || version().new_tree(&mut runner).unwrap().current();
        let (a, b) = (next(), next());
        let operator = match compare(&a, &b) {
            Ordering::Less => "lt",
            Ordering::Equal => "eq",
            Ordering::Greater => "gt",
        };
        let Some(output) = dpkg::run("dpkg", &["--compare-versions", &a, operator, &b]) else { return };
        assert!(output.status.success(), "dpkg: not {a} {operator} {b}");
    }
}
