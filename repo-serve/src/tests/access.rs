//! Networks and passwords.

use base64::Engine as _;

use super::super::UserFile;
use super::super::users::Users;
use super::*;

/// The password of each is `open sesame`; made by htpasswd(1) of Apache 2.4 and openssl-passwd(1).
const USERS: &str = include_str!("users.htpasswd");

pub(super) fn basic(login: &str) -> String {
    format!("Authorization: Basic {}", base64::engine::general_purpose::STANDARD.encode(login))
}

fn users() -> Users {
    Users::parse(USERS, Utf8Path::new("users")).unwrap()
}

pub(super) fn user_file() -> UserFile {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/tests/users.htpasswd");
    UserFile::load(Utf8Path::new(path))
}

fn locked(allow: &[&str], users: Option<UserFile>) -> Served {
    let allow = allow.iter().map(|network| IpNetwork::parse(network).unwrap()).collect();
    let access = [("prod".to_owned(), Access::default()), ("locked".to_owned(), Access::both(allow, users))];
    Served::with(BTreeMap::from(access), Limits::default())
}

pub(super) const LOCKED: &str = "/locked/dists/trixie/InRelease";

#[test]
fn every_scheme_knows_its_password() {
    let users = users();
    for name in ["bcrypt", "bcrypt-2b", "apr1", "sha", "sha256", "sha512", "sha256-rounds"] {
        assert!(!users.verify(name, b"open sesam"), "{name}");
        assert!(!users.verify(name, b""), "{name}");
        assert!(users.known(name, b"open sesame").is_none(), "{name}");
        assert!(users.verify(name, b"open sesame"), "{name}");
        assert!(users.known(name, b"open sesame").is_some(), "{name}");
        assert!(users.known(name, b"open sesam").is_none(), "{name}");
    }
    assert!(!users.verify("nobody", b"open sesame"));
}

#[test]
fn bad_files_of_users_are_refused_by_line() {
    let refuse = |text: &str| Users::parse(text, Utf8Path::new("users")).unwrap_err().to_string();
    assert_eq!(refuse("# users\n\nanna"), "users:3: a line reads NAME:HASH");
    assert_eq!(refuse(":{SHA}x"), "users:1: the user's name is empty or holds control characters");
    let twice = format!("{0}\n{0}\n", USERS.lines().find(|line| line.starts_with("sha:")).unwrap());
    assert_eq!(refuse(&twice), "users:2: this user has a line already");
    for hash in [
        "open sesame",
        "",
        "rl1kYh2Y0J6Lg",
        "$1$abcdefgh$0123456789012345678901",
        "$2y$31$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW",
        "$2y$03$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW",
        "$2y$10$R9h/cIPz0gi.URNNX3kh2O",
        "$apr1$toolongsalt$0123456789012345678901",
        "{SHA}AAAA",
        "{SHA}!",
        "$5$rounds=999999999$salt$0123456789012345678901234567890123456789012",
        "$5$rounds=1$salt$0123456789012345678901234567890123456789012",
        "$6$salt$short",
    ] {
        let error = refuse(&format!("anna:{hash}"));
        assert!(error.starts_with("users:1: "), "{hash}: {error}");
        assert!(hash.len() < 5 || !error.contains(hash), "the hash is shown: {error}");
    }
    let file = UserFile::load(Utf8Path::new("/nonexistent/users"));
    assert!(file.problem().unwrap().starts_with("cannot read /nonexistent/users: "));
    assert!(file.users().is_none());
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_first_name() {
    let line = USERS.lines().find(|line| line.starts_with("sha:")).unwrap();
    let users = Users::parse(&format!("\u{feff}{line}\r\n"), Utf8Path::new("users")).unwrap();
    assert!(users.verify("sha", b"open sesame"));
}

#[test]
fn a_bad_file_of_users_closes_its_repository_alone_until_it_is_mended() {
    let directory = tempfile::tempdir().unwrap();
    let path = Utf8Path::from_path(directory.path()).unwrap().join("users");
    std::fs::write(&path, "anna").unwrap();
    let served = locked(&[], Some(UserFile::load(&path)));
    assert_eq!(served.request("GET", LOCKED, &[&basic("sha:open sesame")]).status, 503);
    assert_eq!(served.get(IN_RELEASE).status, 200);
    std::fs::write(&path, USERS).unwrap();
    soon("it is open", || served.request("GET", LOCKED, &[&basic("sha:open sesame")]).status == 200);
}

#[test]
fn secrets_do_not_show() {
    let shown = format!("{:?}", users());
    assert!(shown.contains("bcrypt") && !shown.contains("$2y$"), "{shown}");
}

#[test]
fn a_password_is_asked_for() {
    let served = locked(&[], Some(user_file()));
    for (field, status) in [
        ("X: y".to_owned(), 401),
        (basic("bcrypt:open sesame"), 200),
        (basic("bcrypt:open sesame"), 200),
        (basic("bcrypt:wrong"), 401),
        (basic("nobody:open sesame"), 401),
        (basic("bcrypt"), 401),
        (basic(":"), 401),
        (basic(&format!("bcrypt:{}", "x".repeat(9000))), 401),
        (basic("apr1:open sesame").replace("Basic", "bASIC"), 200),
        (basic("bcrypt:open sesame").replace("Basic", "Bearer"), 401),
        ("Authorization: Basic !!!".to_owned(), 401),
        ("Authorization: Basic".to_owned(), 401),
    ] {
        let reply = served.request("GET", LOCKED, &[&field]);
        assert_eq!(reply.status, status, "{field}");
        match status {
            401 => assert_eq!(reply.header("www-authenticate"), "Basic realm=\"locked\", charset=\"UTF-8\""),
            _ => assert_eq!(reply.header("cache-control"), "private, no-cache"),
        }
    }
    assert_eq!(served.get(IN_RELEASE).status, 200, "the other repository asks for nothing");
}

/// What exists and what does not look the same to those who may not look.
#[test]
fn rules_come_before_files() {
    let served = locked(&[], Some(user_file()));
    for path in ["/locked/none", "/locked/", "/locked", "/locked/.hidden", "/locked/../x", LOCKED] {
        assert_eq!(served.get(path).status, 401, "{path}");
    }
    assert_eq!(served.request("GET", "/locked/none", &[&basic("sha:open sesame")]).status, 404);
    let served = locked(&["192.0.2.0/24"], Some(user_file()));
    for path in ["/locked/none", LOCKED] {
        assert_eq!(served.request("GET", path, &[&basic("sha:open sesame")]).status, 403, "{path}");
    }
}

#[test]
fn networks_decide() {
    for (allow, status) in [
        (&["127.0.0.0/8"][..], 200),
        (&["192.0.2.0/24", "::1", "127.0.0.1"], 200),
        (&["192.0.2.0/24"], 403),
        (&["::/0"], 403),
    ] {
        let served = locked(allow, None);
        let reply = served.get(LOCKED);
        assert_eq!(reply.status, status, "{allow:?}");
        if status == 200 {
            assert_eq!(reply.header("cache-control"), "private, no-cache");
        }
    }
}

#[test]
fn who_logged_in_is_logged() {
    let served = locked(&[], Some(user_file()));
    served.request("GET", LOCKED, &[&basic("sha:open sesame")]);
    served.logged(1);
    served.request("GET", LOCKED, &[&basic("sha:wrong")]);
    let log = served.logged(2);
    assert_eq!(log[0].user.as_deref(), Some("sha"));
    assert_eq!((log[1].status, log[1].user.as_deref()), (401, None));
    assert!(!format!("{log:?}").contains("sesame"));
}

/// Many clients log in at once with a slow hash: all are let in, and the slow work is not done for each.
#[test]
fn a_rush_of_logins() {
    let served = locked(&[], Some(user_file()));
    let field = basic("bcrypt:open sesame");
    std::thread::scope(|scope| {
        for _ in 0..32 {
            scope.spawn(|| assert_eq!(served.request("GET", LOCKED, &[&field]).status, 200));
        }
    });
}

#[test]
fn a_changed_password_counts_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let path = Utf8Path::from_path(directory.path()).unwrap().join("users");
    // `{SHA}` of one, two and three letters `a`.
    let [one, two, three] =
        ["hvfkN/qlp/zhXR3cuerq6jd2Z7g=", "4MkDWJjdUvxlxBRUzsnE0mEb+zc=", "fiQN50+x7Qj6CNOAY/amqRRiqBU="];
    let write = |hash: &str| std::fs::write(&path, format!("anna:{{SHA}}{hash}\n")).unwrap();
    let long_ago = |seconds| {
        let time = std::time::SystemTime::now() - Duration::from_secs(seconds);
        std::fs::File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
    };
    write(one);
    let file = UserFile::load(&path);
    let now = || {
        let problem = file.refresh();
        (file.users().unwrap(), problem)
    };
    assert!(now().0.verify("anna", b"a"));
    write(two);
    assert!(now().0.verify("anna", b"aa"), "written twice in one tick of the clock");
    assert!(!now().0.verify("anna", b"a"));
    long_ago(1000);
    let settled = now().0;
    assert!(Arc::ptr_eq(&settled, &now().0), "a password that was right once is known");
    std::fs::write(&path, "no colon").unwrap();
    let said =
        "users:1: a line reads NAME:HASH; the users stay as they were, but a restart closes the repository";
    assert!(now().1.unwrap().ends_with(said));
    assert_eq!(now().1, None, "it was said");
    assert!(now().0.verify("anna", b"aa"), "a slip locks nobody out");
    std::fs::remove_file(&path).unwrap();
    assert!(now().1.is_some());
    assert!(now().0.verify("anna", b"aa"));
    write(three);
    assert!(now().0.verify("anna", b"aaa"));
    assert!(!now().0.verify("anna", b"aa"));
}
