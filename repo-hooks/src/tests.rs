//! The crate against real receivers: servers of all kinds, commands, and a program that takes mail.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use testkit::receiver::{Answer, Receiver};

use crate::{
    Change, Client, DeliveryError, Fault, Format, Key, Mail, Payload, Program, Request, run, signature,
};

/// How long a receiver is waited for that does not hang: a machine that does much else at the same time is slow.
const LONG: Duration = Duration::from_secs(60);
/// How long one is waited for that does.
const TIMEOUT: Duration = Duration::from_millis(600);

fn payload() -> Payload {
    let mut payload = Payload::new(
        "promote.success",
        "20261127T201600Z-0123456789abcdef",
        "2026-11-27T20:16:00Z",
        "alice",
        "prod: promote hello 2.10-3 by alice",
    );
    payload.repository = Some("prod".to_owned());
    payload
}

fn client(allow_private: bool) -> Client {
    Client::new(&[], LONG, allow_private, "test/1")
}

fn send(url: &str) -> Result<(), DeliveryError> {
    send_within(LONG, url)
}

fn send_within(timeout: Duration, url: &str) -> Result<(), DeliveryError> {
    let request = Request::new(&payload(), Format::Json, url, Some(b"secret")).unwrap();
    Client::new(&[], timeout, true, "test/1").send(&request)
}

#[test]
fn a_receiver_gets_a_signed_payload_that_it_can_check() {
    let receiver = Receiver::start(&[Answer::Status(204)]);
    send(&receiver.url("/hook?team=1")).unwrap();
    let [request] = &*receiver.received() else { panic!("not one request") };
    assert_eq!(request.line, "POST /hook?team=1");
    assert_eq!(Payload::from_json(&request.text()).unwrap(), payload());
    assert_eq!(request.header("x-signature"), Some(&*signature(b"secret", &request.body)));
    assert_eq!(request.header("x-repo-event"), Some("promote.success"));
    assert_eq!(request.header("x-repo-delivery"), Some("20261127T201600Z-0123456789abcdef"));
    assert_eq!(request.header("user-agent"), Some("test/1"));
}

/// Whether an error is the one that is expected.
type IsRight<'a> = &'a dyn Fn(&DeliveryError) -> bool;

#[test]
fn whatever_a_receiver_does_wrong_is_an_error_of_its_own_and_in_time() {
    let is_connection = |error: &DeliveryError| matches!(error, DeliveryError::Connection { .. });
    let cases: [(Answer, IsRight<'_>); 9] = [
        (Answer::Status(500), &|error| matches!(error, DeliveryError::Status { status: 500, .. })),
        (Answer::Status(404), &|error| matches!(error, DeliveryError::Status { status: 404, .. })),
        (Answer::With(503, "Retry-After: 7".to_owned()), &|error| {
            error.retry_after() == Some(Duration::from_secs(7))
        }),
        (Answer::With(302, "Location: http://127.0.0.1:1/".to_owned()), &|error| {
            matches!(error, DeliveryError::Redirect { status: 302 })
        }),
        (Answer::With(307, "Location: http://127.0.0.1:1/".to_owned()), &|error| {
            matches!(error, DeliveryError::Redirect { status: 307 })
        }),
        (Answer::Hang, &|error| matches!(error, DeliveryError::TimedOut { after } if *after == TIMEOUT)),
        (Answer::Slow(Duration::from_secs(60)), &|error| matches!(error, DeliveryError::TimedOut { .. })),
        (Answer::Nonsense, &|error| matches!(error, DeliveryError::Protocol { .. })),
        (Answer::Drop, &is_connection),
    ];
    for (answer, is_right) in cases {
        let receiver = Receiver::start(std::slice::from_ref(&answer));
        let timeout = if matches!(answer, Answer::Hang | Answer::Slow(_)) { TIMEOUT } else { LONG };
        let begun = Instant::now();
        let error = send_within(timeout, &receiver.url("/T0KEN/hook")).unwrap_err();
        assert!(is_right(&error), "{answer:?}: {error:?}");
        assert!(begun.elapsed() < Duration::from_secs(30), "{answer:?} took {:?}", begun.elapsed());
        assert!(!format!("{error} {error:?}").contains("T0KEN"), "{error:?}");
    }
    let receiver = Receiver::start(&[Answer::Half]);
    assert!(send(&receiver.url("/")).is_err());
}

#[test]
fn a_redirect_is_not_followed() {
    let target = Receiver::start(&[Answer::Status(200)]);
    for status in [301, 302, 303, 307, 308] {
        let location = format!("Location: {}", target.url("/"));
        let receiver = Receiver::start(&[Answer::With(status, location)]);
        let error = send(&receiver.url("/")).unwrap_err();
        assert!(matches!(error, DeliveryError::Redirect { status: told } if told == status), "{error:?}");
    }
    assert!(target.received().is_empty());
}

#[test]
fn a_private_address_is_reached_only_where_that_is_allowed_whatever_name_leads_to_it() {
    let receiver = Receiver::start(&[Answer::Status(200)]);
    let port = receiver.port();
    // The system reads all of these as 127.0.0.1, so what is checked must be what is connected to.
    for host in
        ["127.0.0.1", "localhost", "127.1", "0x7f000001", "2130706433", "0177.0.0.1", "[::ffff:127.0.0.1]"]
    {
        let url = format!("http://{host}:{port}/");
        let request = Request::new(&payload(), Format::Json, &url, None).unwrap();
        match client(false).send(&request).unwrap_err() {
            DeliveryError::PrivateAddress { .. } => {}
            // Not every system reads every spelling.
            DeliveryError::HostNotFound | DeliveryError::Connection { .. } if host.contains('x') => {}
            error => panic!("{host}: {error:?}"),
        }
    }
    assert!(receiver.received().is_empty());
    send(&receiver.url("/")).unwrap();
}

#[test]
fn a_receiver_that_cannot_prove_who_it_is_gets_nothing() {
    // It answers in plain HTTP where TLS is spoken.
    let receiver = Receiver::start(&[Answer::Status(200)]);
    let error = send(&receiver.url("/").replace("http://", "https://")).unwrap_err();
    assert!(
        matches!(
            error,
            DeliveryError::Tls { .. } | DeliveryError::Connection { .. } | DeliveryError::TimedOut { .. }
        ),
        "{error:?}"
    );
    assert!(receiver.received().iter().all(|request| request.body.is_empty()));
}

#[test]
fn every_chat_gets_its_own_form_in_which_no_text_is_markup() {
    let mut payload = payload();
    payload.text = "@all <!channel> **x** [a](http://b) & \"q\"\n`c`".to_owned();
    let body = |format| {
        let request = Request::new(&payload, format, "http://h/room/", Some(b"t")).unwrap();
        String::from_utf8(request.body().to_vec()).unwrap()
    };
    let all = [Format::Slack, Format::Mattermost, Format::Matrix, Format::Teams].map(body).join("\n");
    insta::assert_snapshot!(all.replace('\u{200b}', "{ZWSP}"), @r#"
    {"text":"@all &lt;!channel&gt; **x** [a](http://b) &amp; \"q\"\n`c`"}
    {"text":"@{ZWSP}all \\<\\!channel\\> \\*\\*x\\*\\* \\[a\\]\\(http://b\\) & \"q\"\n\\`c\\`"}
    {"msgtype":"m.notice","body":"@all <!channel> **x** [a](http://b) & \"q\"\n`c`"}
    {"type":"message","attachments":[{"contentType":"application/vnd.microsoft.card.adaptive","content":{"$schema":"http://adaptivecards.io/schemas/adaptive-card.json","type":"AdaptiveCard","version":"1.4","body":[{"type":"RichTextBlock","inlines":[{"type":"TextRun","text":"@all <!channel> **x** [a](http://b) & \"q\"\n`c`"}]}]}}]}
    "#);
}

#[test]
fn matrix_is_sent_with_the_token_and_the_id_as_transaction() {
    let receiver = Receiver::start(&[Answer::Status(200)]);
    let url = receiver.url("/_matrix/client/v3/rooms/!r:example.org/send/m.room.message");
    let request = Request::new(&payload(), Format::Matrix, &url, Some(b"t0ken")).unwrap();
    client(true).send(&request).unwrap();
    let received = receiver.received();
    let path =
        "/_matrix/client/v3/rooms/!r:example.org/send/m.room.message/20261127T201600Z-0123456789abcdef";
    assert_eq!(received[0].line, format!("PUT {path}"));
    assert_eq!(received[0].header("authorization"), Some("Bearer t0ken"));
    assert_eq!(received[0].header("x-signature"), None);
    let without = Request::new(&payload(), Format::Matrix, &url, None);
    assert!(matches!(without, Err(DeliveryError::NoToken)));
}

#[test]
fn a_payload_has_what_is_known_and_no_more() {
    let mut payload = payload();
    insta::assert_snapshot!(payload.to_json(), @r#"{"format":1,"id":"20261127T201600Z-0123456789abcdef","event":"promote.success","time":"2026-11-27T20:16:00Z","actor":"alice","text":"prod: promote hello 2.10-3 by alice","repository":"prod"}"#);
    payload.operation = Some("promote from preprod: hello 2.10-3 all".to_owned());
    payload.change = Some(Change { number: 42, commit: "ab".to_owned(), before: None, added: 1, removed: 0 });
    payload.publication = Some("20261127T201600Z".to_owned());
    payload.error = Some(Fault { code: "E-X".to_owned(), message: "no\n".to_owned() });
    payload.key = Some(Key { fingerprint: "AB".to_owned(), days: 3 });
    assert_eq!(Payload::from_json(&payload.to_json()).unwrap(), payload);
    assert!(!payload.to_json().contains('\n'));
    // A later version may add fields.
    let newer = payload.to_json().replacen('{', "{\"new\":1,", 1);
    assert_eq!(Payload::from_json(&newer).unwrap(), payload);
}

/// Writes a program.
fn script(directory: &Path, text: &str) -> PathBuf {
    let path = directory.join("script");
    testkit::script(&path, text);
    path
}

fn run_script(text: &str, input: &[u8], timeout: Duration) -> (Result<(), DeliveryError>, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let path = script(directory.path(), text);
    let program = Program {
        program: path.as_os_str(),
        arguments: &["an argument".to_owned()],
        variables: &[("REPO_EVENT", "promote.success")],
        directory: directory.path(),
        input,
        timeout,
    };
    (run(&program), directory)
}

#[test]
fn a_command_reads_the_payload_and_its_status_counts() {
    let long = Duration::from_secs(30);
    let (result, directory) = run_script("cat > got; echo \"$REPO_EVENT $1\" >> got", b"in\n", long);
    result.unwrap();
    assert_eq!(
        fs::read_to_string(directory.path().join("got")).unwrap(),
        "in\npromote.success an argument\n"
    );
    let (result, _directory) = run_script("exit 3", b"", long);
    let error = result.unwrap_err();
    assert!(matches!(error, DeliveryError::Failed { .. }) && error.to_string().contains("exit status: 3"));
    // More than a pipe holds, to a command that reads nothing.
    let (result, _directory) = run_script("exit 0", &vec![b'x'; 1 << 20], long);
    result.unwrap();
    let missing = Program {
        program: OsStr::new("/nonexistent/program"),
        arguments: &[],
        variables: &[],
        directory: Path::new("/"),
        input: b"",
        timeout: long,
    };
    assert!(matches!(run(&missing), Err(DeliveryError::NotStarted { .. })));
}

#[test]
fn a_command_that_does_not_end_is_killed_with_all_that_it_started() {
    let begun = Instant::now();
    let (result, directory) =
        run_script("(sleep 3; echo alive > late) & sleep 60", b"", Duration::from_millis(500));
    assert!(matches!(result, Err(DeliveryError::TimedOut { .. })));
    assert!(begun.elapsed() < Duration::from_secs(20));
    std::thread::sleep(Duration::from_secs(4));
    assert!(!directory.path().join("late").exists());
}

#[test]
fn mail_is_one_message_whatever_the_texts_are() {
    let directory = tempfile::tempdir().unwrap();
    let sendmail = script(directory.path(), "cat > mail; echo \"$@\" > arguments");
    let mut payload = payload();
    payload.text = format!("ä\r\n.\n\nBcc: x {}", "y".repeat(2000));
    let mail = Mail::new(&payload, "ops@example.org");
    mail.send(sendmail.as_os_str(), directory.path(), Duration::from_secs(30)).unwrap();
    let text = fs::read_to_string(directory.path().join("mail")).unwrap();
    assert_eq!(text, mail.text());
    assert_eq!(fs::read_to_string(directory.path().join("arguments")).unwrap(), "-oi ops@example.org\n");
    let (head, body) = text.split_once("\n\n").unwrap();
    assert!(!head.contains("Bcc") && body.contains("Bcc") && !text.contains('\r'));
    assert!(text.lines().all(|line| line.len() < 998));
    insta::assert_snapshot!(head, @"
    To: ops@example.org
    Subject: [repo-cli] promote.success (prod)
    Message-ID: <20261127T201600Z-0123456789abcdef@repo-cli.invalid>
    Auto-Submitted: auto-generated
    MIME-Version: 1.0
    Content-Type: text/plain; charset=utf-8
    Content-Transfer-Encoding: 8bit
    ");
}
