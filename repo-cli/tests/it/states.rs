//! How states of a repository are named on the command line.

use crate::store;

#[test]
fn a_state_is_named_by_its_place_before_the_current_one_or_by_a_time() {
    let environment = store();
    environment.add("prod", &["hello=1.0"]);
    environment.add("prod", &["hello=2.0"]);
    let held = |revision: &str| {
        let output = environment.run(&["diff", "prod@0", &format!("prod@{revision}"), "--json"]);
        output.stdout.matches("\"version\"").count()
    };
    assert_eq!((held("-1"), held("-2"), held("-0"), held("2")), (1, 0, 2, 2));
    for revision in ["yesterday", "2 hours ago", "-7", "2020-01-01 10:00"] {
        let _ = environment.run(&["rollback", "prod", "--to", revision]).ends_with(1);
    }
    assert_eq!(held("2099-01-01 10:00"), 2);
    let rolled = environment.run(&["rollback", "prod", "--to", "@-1"]).succeeds().stdout;
    assert!(rolled.contains("rolled prod back to 1 ("), "{rolled}");
    let _ = environment.run(&["rollback", "prod", "--to", "-1"]).succeeds();
    assert_eq!(held("-0"), 2);
}
