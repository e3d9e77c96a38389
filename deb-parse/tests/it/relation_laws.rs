//! Relations: what is printed reads back the same, and bad text is refused with a place.

use deb_parse::relation::{self, Relations};
use proptest::prelude::*;

fn message(text: &str) -> String {
    text.parse::<Relations>().unwrap_err().to_string()
}

#[test]
fn everything_in_the_grammar() {
    let text = "aa, bb:any (>= 1:2~3-4) [linux-any !arm64] <!nocheck cross> <stage1> | cc ( << 2 ),\n dd(=3),, ee [amd64]";
    let relations: Relations = text.parse().unwrap();
    insta::assert_snapshot!(relations, @"aa, bb:any (>= 1:2~3-4) [linux-any !arm64] <!nocheck cross> <stage1> | cc (<< 2), dd (= 3), ee [amd64]");
    let second = &relations.all()[1][0];
    assert_eq!(second.qualifier.as_deref(), Some("any"));
    assert!(second.architectures[1].is_negated());
    assert_eq!(second.profiles[0][1].name(), "cross");
    let borrowed: Vec<_> = relation::iter(text).map(Result::unwrap).collect();
    assert_eq!(borrowed[1].architectures().collect::<Vec<_>>(), ["linux-any", "!arm64"]);
    let profiles: Vec<Vec<_>> = borrowed[1].profiles().map(Iterator::collect).collect();
    assert_eq!(profiles, [vec!["!nocheck", "cross"], vec!["stage1"]]);
}

#[test]
fn old_and_missing_operators_mean_what_dpkg_takes_them_for() {
    let relations: Relations = "aa (1), bb (<2), cc(>3)".parse().unwrap();
    insta::assert_snapshot!(relations, @"aa (= 1), bb (<= 2), cc (>= 3)");
}

#[test]
fn messages() {
    insta::assert_snapshot!(message("aa bb"), @r#"relation "bb": a relation must be followed by `,` or `|` (Policy 7.1)"#);
    insta::assert_snapshot!(message("aa (a1)"), @r#"relation "a1)": parentheses must start with `<<`, `<=`, `=`, `>=` or `>>`"#);
    insta::assert_snapshot!(message("aa (=> 1)"), @r#"relation "=>": it is none of the operators `<<`, `<=`, `=`, `>=` and `>>`"#);
    insta::assert_snapshot!(message("aa (==1)"), @r#"relation "==": it is none of the operators `<<`, `<=`, `=`, `>=` and `>>`"#);
    insta::assert_snapshot!(message("aa (>= 1"), @r#"relation "1": the `)` after a version is missing"#);
    insta::assert_snapshot!(message("aa |"), @r#"relation "": a relation must start with a package name (Policy 7.1)"#);
    insta::assert_snapshot!(message("aa [amd64"), @r#"relation "[amd64": the `]` is missing"#);
    insta::assert_snapshot!(message("aa []"), @r#"relation "]": brackets must hold architectures, each with or without `!` (Policy 7.1)"#);
    insta::assert_snapshot!(message("aa <x"), @r#"relation "<x": the `>` of a build profile list is missing"#);
    insta::assert_snapshot!(message("aa:"), @r#"relation "aa:": an architecture must follow the `:`"#);
    insta::assert_snapshot!(message("${shlibs:Depends}"), @r#"relation "${shlibs:Depends}": a relation must start with a package name (Policy 7.1)"#);
}

fn field() -> impl Strategy<Value = String> {
    let one = "[a-z0-9][a-z0-9+.-]{1,6}(:any|:amd64)?( \\((<<|<=|=|>=|>>) [0-9][a-z0-9.~+]{0,4}(-[0-9a-z]{1,3})?\\))?( \\[!?[a-z]{1,5}( !?[a-z]{1,5})?\\])?( <!?[a-z]{1,5}( !?[a-z]{1,5})?>){0,2}";
    let alternatives = prop::collection::vec(one, 1..4).prop_map(|list| list.join(" | "));
    prop::collection::vec(alternatives, 0..5).prop_map(|list| list.join(", "))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn canonical_text_is_printed_as_it_was(text in field()) {
        let relations: Relations = text.parse().unwrap();
        prop_assert_eq!(relations.to_string(), text);
    }

    #[test]
    fn what_is_taken_reads_back_the_same(text in "[a-c0-1 ,|()\\[\\]<>=!:.\n-]{0,40}") {
        if let Ok(relations) = text.parse::<Relations>() {
            let printed = relations.to_string();
            let again: Relations = printed.parse().unwrap();
            prop_assert_eq!(&again, &relations);
            prop_assert_eq!(again.to_string(), printed);
        }
    }

    #[test]
    fn there_are_errors_where_the_field_is_refused(text in "[a-c0-1 ,|()\\[\\]<>=!:.\n-]{0,40}") {
        let errors: Vec<_> = relation::errors(&text).collect();
        prop_assert_eq!(errors.is_empty(), text.parse::<Relations>().is_ok(), "{:?}", errors);
        for error in errors {
            let deb_parse::Error::Value { at, .. } = error else { panic!("{error:?}") };
            prop_assert!(at <= text.len());
        }
    }

    #[test]
    fn borrowed_and_owned_agree(text in field()) {
        let owned: Relations = text.parse().unwrap();
        let owned: Vec<String> = owned.all().iter().flatten().map(|relation| relation.name.to_string()).collect();
        let borrowed: Vec<String> = relation::iter(&text).map(|relation| relation.unwrap().name().to_owned()).collect();
        prop_assert_eq!(owned, borrowed);
    }
}
