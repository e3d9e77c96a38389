//! Releases: which ones count, and which ones do not.

use apt_fetch::{FetchedRelease, Problem, ReleaseError, ReleaseForm, Rules, Seen, Trust};
use jiff::{SignedDuration, Timestamp};

use crate::repository::{CHANGED, Plan, Site, client, now, release, rules};

const INLINE: &str = "dists/stable/InRelease";

fn day(number: i64) -> Timestamp {
    now() + SignedDuration::from_hours(24 * number)
}

/// What comes of asking for the Release of a site.
fn refused(site: &Site, rules: &Rules<'_>) -> ReleaseError {
    site.archive(&client()).fetch_release(rules).unwrap_err()
}

/// The strict rules, at that time.
fn at(now: Timestamp) -> Rules<'static> {
    Rules { now, ..rules() }
}

fn accepted(site: &Site, seen: Option<&Seen>) -> FetchedRelease {
    site.archive(&client()).fetch_release(&Rules { seen, ..rules() }).unwrap()
}

#[test]
fn an_unchanged_archive_costs_one_conditional_request() {
    let site = Site::new(&Plan { valid_until: Some(day(7)), ..Plan::default() });
    let client = client();
    let first = release(&site.archive(&client));
    assert_eq!((first.date(), first.valid_until(), first.form()), (now(), Some(day(7)), ReleaseForm::Inline));
    assert_eq!(first.signers().len(), 1);
    let seen = first.seen();
    assert_eq!(seen.last_modified.as_deref(), Some(CHANGED));
    site.server.take_paths();
    assert!(matches!(accepted(&site, Some(&seen)), FetchedRelease::Unchanged));
    let requests = site.server.requests();
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].header("cache-control"), Some("max-age=0"));
    // That nothing changed does not mean that it still counts.
    let later = Rules { seen: Some(&seen), ..at(day(8)) };
    assert!(
        matches!(refused(&site, &later), ReleaseError::Expired { valid_until, .. } if valid_until == day(7))
    );
}

#[test]
fn release_and_its_signature_stand_in_where_there_is_no_inrelease() {
    let site = Site::new(&Plan::default());
    site.remove(INLINE);
    let client = client();
    let found = release(&site.archive(&client));
    assert_eq!(found.form(), ReleaseForm::Detached);
    assert!(matches!(accepted(&site, Some(&found.seen())), FetchedRelease::Unchanged));
    site.remove("dists/stable/Release.gpg");
    assert!(matches!(refused(&site, &rules()), ReleaseError::Unsigned { .. }));
}

#[test]
fn an_inrelease_that_was_there_once_is_not_replaced_by_a_release() {
    let site = Site::new(&Plan::default());
    let client = client();
    let seen = release(&site.archive(&client)).seen();
    site.remove(INLINE);
    assert!(matches!(
        refused(&site, &Rules { seen: Some(&seen), ..rules() }),
        ReleaseError::InReleaseGone { .. }
    ));
}

#[test]
fn a_server_out_of_order_is_no_way_to_another_release() {
    for status in [500, 502, 503, 401, 403, 429] {
        let site =
            Site::lying(&Plan::default(), move |files, request| match request.path.ends_with("InRelease") {
                true => crate::server::Reply::status(status),
                false => crate::repository::honest(files, request),
            });
        site.remove("dists/stable/Release.gpg");
        let error = refused(&site, &rules());
        assert!(matches!(error, ReleaseError::Fetch(_)), "{status}: {error:?}");
        assert!(site.server.take_paths().iter().all(|path| path.ends_with("InRelease")), "{status}");
    }
}

#[test]
fn only_a_signature_by_a_trusted_key_counts() {
    let site = Site::new(&Plan { key: 1, ..Plan::default() });
    let unknown = |error| match error {
        ReleaseError::Signature { source: apt_sign::Error::UnknownSigner { issuers }, .. } => issuers.len(),
        other => panic!("{other:?}"),
    };
    assert_eq!(unknown(refused(&site, &rules())), 1);
    site.remove(INLINE);
    assert_eq!(unknown(refused(&site, &rules())), 1);

    let site = Site::new(&Plan::default());
    let text = String::from_utf8(site.get(INLINE)).unwrap();
    site.set(INLINE, text.replace("Origin: Acme", "Origin: Evil"));
    let error = refused(&site, &rules());
    assert!(
        matches!(error, ReleaseError::Signature { source: apt_sign::Error::BadSignature { .. }, .. }),
        "{error:?}"
    );
    site.set(INLINE, format!("Origin: Evil\n{text}"));
    assert!(matches!(refused(&site, &rules()), ReleaseError::Unsigned { .. }));
    site.set(INLINE, site.get("dists/stable/Release"));
    assert!(matches!(refused(&site, &rules()), ReleaseError::Unsigned { .. }));
    // What is trusted without a signature is taken, and says so.
    let client = client();
    let found = site.archive(&client).fetch_release(&Rules::new(Trust::Anything, now())).unwrap();
    assert!(matches!(found, FetchedRelease::New(release) if release.signers().is_empty()));
}

#[test]
fn a_page_for_people_is_told_from_a_release() {
    let site = Site::new(&Plan::default());
    for page in ["<!DOCTYPE html><title>Log in: Café</title>", "", "\u{1f}\u{8b}\u{8}"] {
        site.set(INLINE, page);
        assert!(matches!(refused(&site, &rules()), ReleaseError::NotARelease { .. }), "{page}");
    }
}

#[test]
fn expired_and_gone_back_are_told_apart() {
    let site = Site::new(&Plan { valid_until: Some(day(7)), ..Plan::default() });
    assert!(matches!(refused(&site, &at(day(8))), ReleaseError::Expired { .. }));
    let ahead = Site::new(&Plan { date: day(1), ..Plan::default() });
    assert!(matches!(refused(&ahead, &rules()), ReleaseError::NotYetValid { date, .. } if date == day(1)));
    let client = client();
    assert!(ahead.archive(&client).fetch_release(&Rules { max_future: None, ..rules() }).is_ok());
    let seen = release(&site.archive(&client)).seen();
    let newer = Seen { date: day(1), last_modified: None, ..seen.clone() };
    let error = refused(&site, &Rules { seen: Some(&newer), ..rules() });
    assert!(
        matches!(error, ReleaseError::WentBack { date, seen, .. } if date == now() && seen == day(1)),
        "{error:?}"
    );
    let allowed = Rules { seen: Some(&newer), allow_older: true, ..rules() };
    assert!(site.archive(&client).fetch_release(&allowed).is_ok());
    let closed = Rules { now: day(900), allow_expired: true, ..rules() };
    assert!(site.archive(&client).fetch_release(&closed).is_ok());
    // The rules can be stricter than the archive, and kinder.
    let hour = std::time::Duration::from_secs(3600);
    assert!(matches!(
        refused(&site, &Rules { now: day(1), valid_at_most: Some(hour), ..rules() }),
        ReleaseError::Expired { .. }
    ));
    let kind = Rules { now: day(8), valid_at_least: Some(hour * 24 * 30), ..rules() };
    assert!(site.archive(&client).fetch_release(&kind).is_ok());
}

#[test]
fn another_name_is_refused() {
    let client = client();
    let seen = release(&Site::new(&Plan::default()).archive(&client)).seen();
    let site = Site::new(&Plan { origin: "Evil", date: now(), ..Plan::default() });
    let seen = Seen { last_modified: None, ..seen };
    let error = refused(&site, &Rules { seen: Some(&seen), ..rules() });
    insta::assert_snapshot!(error.to_string().replace(&site.server.url(), "URL"), @r#"URL/dists/stable/InRelease: Origin changed from "Acme" to "Evil""#);
    assert!(matches!(error, ReleaseError::Renamed { field: "Origin", .. }));
}

#[test]
fn dates_that_clients_do_not_read_are_refused() {
    for (bad, field) in [
        ("Date: yesterday\n", "Date"),
        ("", "Date"),
        ("Date: Sat, 28 Nov 2026 12:00:00 UTC\nValid-Until: x\n", "Valid-Until"),
    ] {
        let plan = Plan::default();
        let site = Site::new(&plan);
        plan.sign(
            &format!("Origin: Acme\nSuite: stable\n{bad}Codename: stable\n"),
            &mut site.files.lock().unwrap(),
        );
        let error = refused(&site, &rules());
        assert!(
            matches!(error, ReleaseError::Date { field: found, .. } if found == field),
            "{bad}: {error:?}"
        );
    }
}

#[test]
fn an_endless_release_is_read_to_its_limit() {
    let site = Site::lying(&Plan::default(), |_, _| crate::server::Reply {
        is_endless: true,
        ..crate::server::Reply::ok("")
    });
    let error = refused(&site, &rules());
    assert!(
        matches!(&error, ReleaseError::Fetch(error) if matches!(error.problem, Problem::TooLong { limit: 16_777_216 })),
        "{error:?}"
    );
}

#[test]
fn a_release_that_breaks_off_at_any_byte_is_fetched_again() {
    let plan = Plan::default();
    let whole = plan.files()[INLINE].len();
    let files = plan.files();
    let count = std::sync::atomic::AtomicUsize::new(0);
    // Each second answer is whole.
    let site = Site::lying(&plan, move |_, request| {
        let number = count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let reply = crate::repository::honest(&files, request);
        if number.is_multiple_of(2) { reply.cut(number / 2) } else { reply }
    });
    let client = client();
    for _ in 0..whole {
        release(&site.archive(&client));
    }
    assert_eq!(site.server.requests().len(), 2 * whole);
}
