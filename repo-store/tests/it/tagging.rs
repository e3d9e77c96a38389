//! Tags: names for states that stay findable.

use repo_store::{Error, TagName};

use crate::fixture::{Fixture, context};

#[test]
fn a_tag_stands_for_one_state_until_it_is_deleted() {
    let fixture = Fixture::new();
    let (store, preprod) = (&fixture.store, &fixture.preprod.name);
    fixture.add(&[fixture.package("hello", "1.0", "amd64", "a")]);
    let first = store.head(preprod).unwrap().unwrap();
    let name = TagName::parse("release-1").unwrap();
    assert!(matches!(store.delete_tag(preprod, &name, &context(0)), Err(Error::UnknownTag { .. })));
    store.tag(&first, &name, &context(0)).unwrap();
    store.tag(&first, &name, &context(0)).unwrap();

    fixture.add(&[fixture.package("hello", "2.0", "amd64", "b")]);
    let second = store.head(preprod).unwrap().unwrap();
    assert_eq!(store.resolve(preprod, "release-1").unwrap().id(), first.id());
    assert!(matches!(store.tag(&second, &name, &context(1)), Err(Error::TagExists { .. })));
    let tags = store.tags(preprod).unwrap();
    assert_eq!(
        tags.iter().map(|tag| (tag.name.as_str(), tag.commit)).collect::<Vec<_>>(),
        [("release-1", first.id())]
    );

    assert_eq!(store.delete_tag(preprod, &name, &context(2)).unwrap(), first.id());
    assert!(store.tags(preprod).unwrap().is_empty());
    assert!(matches!(store.resolve(preprod, "release-1"), Err(Error::UnknownRevision { .. })));
    store.tag(&second, &name, &context(3)).unwrap();
    let operations: Vec<String> = store.operations().unwrap();
    let words: Vec<&str> = operations.iter().filter_map(|line| line.rsplit('\t').next()).collect();
    assert_eq!(
        words,
        [
            "add hello 1.0 amd64",
            "tag release-1",
            "add hello 2.0 amd64",
            "delete tag release-1",
            "tag release-1"
        ]
    );
}
