//! The interface for programs with verbs that do what a test wants of them.

use std::collections::VecDeque;
use std::thread::ThreadId;

use super::*;
use crate::api::{ApiSettings, Call, Caller, Finished, Grant, Scope, VerbError, Verbs};
use crate::{Entrance, Serves, TokenFile, TokenHolders};

/// The token of a caller that may do most things.
const TOKEN: &str = "repo_ci";
const KEY: &str = "Idempotency-Key: one";

/// Knows one token.
struct OneToken(Caller);

impl TokenHolders for OneToken {
    fn holder_of(&self, _: &str) -> Option<String> {
        None
    }

    fn caller_of(&self, token: &str) -> Option<Caller> {
        (token == TOKEN).then(|| self.0.clone())
    }
}

/// Ends verbs as planned, one after the other, and keeps what was asked for.
#[derive(Default)]
struct Planned {
    ends: Mutex<VecDeque<Result<Finished, VerbError>>>,
    calls: Mutex<Vec<Call>>,
    threads: Mutex<Vec<ThreadId>>,
}

impl Verbs for Planned {
    fn run(&self, call: &Call) -> Result<Finished, VerbError> {
        self.calls.lock().unwrap().push(call.clone());
        self.threads.lock().unwrap().push(std::thread::current().id());
        self.ends
            .lock()
            .unwrap()
            .pop_front()
            .unwrap_or_else(|| Ok(printed(0, "{\"format\":1,\"commit\":\"abc\"}")))
    }
}

fn printed(status: i32, output: &str) -> Finished {
    Finished { status, output: output.as_bytes().to_vec(), errors: Vec::new() }
}

fn grant(scope: Scope, names: Option<&str>) -> Grant {
    Grant { scope, names: names.map(str::to_owned) }
}

fn caller(grants: Vec<Grant>) -> Caller {
    Caller { id: "0123456789abcdef".to_owned(), name: "ci".to_owned(), grants, expires: None }
}

/// A server of the interface for `prod`.
struct Interface {
    served: Served,
    verbs: Arc<Planned>,
    /// The threads that were confined, with the number of directories in which each may write.
    confined: Arc<Mutex<Vec<(ThreadId, usize)>>>,
    /// The threads that answered.
    answering: Arc<Mutex<Vec<ThreadId>>>,
}

impl Interface {
    fn for_caller(caller: Caller, access: Access) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let below = |name: &str| Utf8Path::from_path(directory.path()).unwrap().join(name);
        for name in ["public/prod", "uploads"] {
            std::fs::create_dir_all(below(name)).unwrap();
        }
        std::fs::write(below("tokens"), "").unwrap();
        let tokens = TokenFile::load(&below("tokens"), move |_| Ok(Arc::new(OneToken(caller.clone()))));
        let site = Site {
            root: below("public"),
            access: BTreeMap::from([("prod".to_owned(), access)]),
            callers: BTreeMap::from([("prod".to_owned(), tokens)]),
            addresses: BTreeMap::new(),
            pages: BTreeMap::new(),
            renderer: None,
            trusted_proxies: Vec::new(),
        };
        let verbs = Arc::new(Planned::default());
        let settings =
            ApiSettings { uploads: below("uploads"), answers: below("answers"), max_upload: 1 << 20 };
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let entrance = Entrance { serves: Serves::Both, ..Entrance::default() };
        let log = Arc::new(Mutex::new(Vec::new()));
        let confined: Arc<Mutex<Vec<(ThreadId, usize)>>> = Arc::default();
        let answering: Arc<Mutex<Vec<ThreadId>>> = Arc::default();
        let (entries, answered, noted) = (Arc::clone(&log), Arc::clone(&answering), Arc::clone(&confined));
        let here = || std::thread::current().id();
        let note = move |directories: &[&Utf8Path]| {
            noted.lock().unwrap().push((here(), directories.len()));
            Ok(())
        };
        let server = Server::with_entrances(vec![(listener, entrance)], site)
            .unwrap()
            .with_api(Arc::clone(&verbs) as Arc<dyn Verbs>, settings)
            .confined_by(note)
            .with_log(move |entry| {
                answered.lock().unwrap().push(here());
                entries.lock().unwrap().push((Instant::now(), entry.clone()));
            });
        let (address, handle) = (server.local_addr().unwrap(), server.shutdown_handle());
        let thread = Some(std::thread::spawn(|| server.run()));
        Self { served: Served { directory, address, handle, log, thread }, verbs, confined, answering }
    }

    fn new() -> Self {
        let all = Scope::ALL.into_iter().map(|scope| grant(scope, None)).collect();
        Self::for_caller(caller(all), Access::default())
    }

    fn plan(&self, end: Result<Finished, VerbError>) {
        self.verbs.ends.lock().unwrap().push_back(end);
    }

    fn calls(&self) -> Vec<Call> {
        self.verbs.calls.lock().unwrap().clone()
    }

    /// Sends a request with a body from an address of the loopback network.
    fn send_from(&self, last: u8, (method, path): (&str, &str), fields: &[&str], body: &str) -> Reply {
        let mut client = self.served.connect_from(last);
        let (token, length) =
            (format!("Authorization: Bearer {TOKEN}"), format!("Content-Length: {}", body.len()));
        let fields: Vec<&str> =
            [token.as_str(), length.as_str()].into_iter().chain(fields.iter().copied()).collect();
        client.send(method, &format!("/api/v1/repositories/prod{path}"), &fields);
        client.write(body.as_bytes());
        client.reply(method)
    }

    fn send(&self, request: (&str, &str), fields: &[&str], body: &str) -> Reply {
        self.send_from(1, request, fields, body)
    }
}

/// A change in JSON, and an upload.
const CHANGES: [((&str, &str), &str); 2] =
    [(("POST", "/undo"), "{}"), (("PUT", "/packages/hello_1.0_all.deb"), "a package")];

#[test]
fn what_reads_requests_is_confined_and_verbs_are_not() {
    let interface = Interface::new();
    for ((request, body), key) in CHANGES.into_iter().zip([KEY, "Idempotency-Key: two"]) {
        assert_eq!(interface.send(request, &[key], body).status, 200);
    }
    let Interface { served, verbs, confined, answering } = interface;
    drop(served);
    let (confined, answering) = (confined.lock().unwrap(), answering.lock().unwrap());
    assert!(!answering.is_empty() && answering.iter().all(|thread| confined.contains(&(*thread, 0))));
    assert!(
        confined.iter().any(|(_, count)| *count == 2),
        "uploads and answers are kept to their directories"
    );
    let ran = verbs.threads.lock().unwrap();
    assert_eq!(ran.len(), CHANGES.len());
    assert!(ran.iter().all(|thread| confined.iter().all(|(confined, _)| confined != thread)));
}

#[test]
fn a_request_that_may_have_changed_something_is_not_repeated_with_its_key() {
    let signal = || VerbError::Io(std::io::Error::other("the verb ended by signal 9"));
    for (request, body) in CHANGES {
        for end in
            [Err(VerbError::TooLong), Err(VerbError::TooMuch), Err(signal()), Ok(printed(0, "no document"))]
        {
            let what = format!("{request:?} {end:?}");
            let api = Interface::new();
            api.plan(end);
            let first = api.send(request, &[KEY], body);
            assert!(first.status >= 422, "{what}: {}", first.status);
            assert_eq!((api.send(request, &[KEY], body).status, api.calls().len()), (409, 1), "{what}");
        }
    }
}

#[test]
fn a_request_that_did_nothing_can_be_repeated_with_its_key() {
    for (request, body) in CHANGES {
        let api = Interface::new();
        api.plan(Err(VerbError::NotStarted(std::io::ErrorKind::OutOfMemory.into())));
        assert_eq!(api.send(request, &[KEY], body).status, 500);
        let replayed = [(); 2].map(|()| {
            let reply = api.send(request, &[KEY], body);
            assert_eq!(reply.status, 200, "{request:?}");
            reply.header("idempotency-replayed").to_owned()
        });
        assert_eq!((replayed, api.calls().len()), (["".to_owned(), "true".to_owned()], 2), "{request:?}");
    }
}

#[test]
fn a_key_is_for_answers_that_tell_whether_something_changed() {
    let api = Interface::new();
    let reply = api.send(("POST", "/undo"), &[KEY, "Accept: text/plain"], "{}");
    assert_eq!((reply.status, api.calls().len()), (400, 0));
    assert_eq!(api.send(("POST", "/undo"), &["Accept: text/plain"], "{}").status, 200);
}

#[test]
fn a_token_counts_only_where_its_repository_may_be_read_from() {
    let only = Access::both(vec![IpNetwork::parse("127.0.0.2").unwrap()], None);
    let all = Scope::ALL.into_iter().map(|scope| grant(scope, None)).collect();
    let api = Interface::for_caller(caller(all), only);
    for (request, body) in CHANGES {
        assert_eq!(api.send_from(1, request, &[], body).status, 401, "{request:?}");
        assert_eq!(api.send_from(2, request, &[], body).status, 200, "{request:?}");
    }
    assert_eq!(api.calls().len(), 2);
}

#[test]
fn only_a_token_that_ends_holds_takes_held_versions() {
    let promotion =
        |packages: &str| format!("{{\"from\":\"prod\",\"packages\":{packages},\"despite_hold\":true}}");
    let hello = Some("hello*");
    for (add, hold, expected) in [
        (None, None, 403),
        (None, Some(hello), 403),
        (None, Some(None), 200),
        (hello, Some(None), 200),
        (hello, Some(hello), 200),
        (hello, Some(Some("h*")), 403),
    ] {
        let mut grants = vec![grant(Scope::Add, add), grant(Scope::Promote, add)];
        grants.extend(hold.map(|names| grant(Scope::Hold, names)));
        let api = Interface::for_caller(caller(grants), Access::default());
        let promoted = api.send(("POST", "/promotions"), &[], &promotion("[\"hello\"]"));
        let added = api.send(("PUT", "/packages/hello_1.0_all.deb?despite_hold"), &[], "x");
        assert_eq!((promoted.status, added.status), (expected, expected), "{add:?} {hold:?}");
    }
}

#[test]
fn a_token_that_ends_makes_none_that_ends_later() {
    let end = jiff::Timestamp::from_second(1_800_000_000).unwrap();
    let ci =
        Caller { expires: Some(end), ..caller(vec![grant(Scope::Tokens, None), grant(Scope::Add, None)]) };
    let api = Interface::for_caller(ci, Access::default());
    assert_eq!(api.send(("POST", "/tokens"), &[], "{\"holder\":\"other\",\"scopes\":[\"add\"]}").status, 200);
    assert_eq!(api.send(("DELETE", "/tokens/other"), &[], "").status, 200);
    let given = |call: &Call| call.arguments.contains(&"--ends-by=2027-01-15T08:00:00Z".to_owned());
    assert_eq!(api.calls().iter().map(given).collect::<Vec<_>>(), [true, false]);
}

#[test]
fn what_a_verb_prints_cannot_write_lines_of_the_log() {
    let api = Interface::new();
    let problem = format!("{{\"error\":{{\"code\":\"E-IO\"}}}}\nPOST /forged\u{1b}[2J {}", "x".repeat(5000));
    api.plan(Ok(Finished { errors: problem.into_bytes(), ..printed(1, "") }));
    let answer = api.send(("POST", "/undo"), &[], "{}");
    assert_eq!(answer.status, 500);
    let problem = api.served.logged(1)[0].problem.clone().unwrap();
    assert!(problem.contains("forged") && !problem.contains('\n') && problem.len() < 1000, "{problem}");
}
