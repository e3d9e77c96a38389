//! What those see who watch `serve`: metrics, a log, the service manager; and restarts that nobody notices.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use testkit::{Environment, Server, Signal};

use crate::{configure, http, store};

const IN_RELEASE: &str = "/prod/dists/bookworm/InRelease";

#[track_caller]
fn soon(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(60), "{what}");
        sleep(Duration::from_millis(50));
    }
}

fn serve(environment: &Environment) -> Server {
    let talk = File::create(environment.path("talk")).unwrap();
    Server::start(environment.command().args(["serve", "--listen", "127.0.0.1:0"]).stderr(talk))
}

fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn metrics_have_an_address_of_their_own() {
    let environment = store();
    configure(&environment, "[serve]\nmetrics = \"127.0.0.1:0\"\n");
    let server = serve(&environment);
    let printed = server.printed().to_owned();
    let line =
        printed.lines().find(|line| line.starts_with("metrics at ")).unwrap_or_else(|| panic!("{printed}"));
    let address = line.strip_prefix("metrics at http://").unwrap().strip_suffix("/metrics").unwrap();
    assert_eq!(http::get(&server, IN_RELEASE).0, 200);
    assert_eq!(http::get(&server, "/healthz").0, 200);
    soon("the request is counted", || {
        get(address, "/metrics").contains("repo_serve_requests_total{repository=\"prod\",status=\"200\"} 1\n")
    });
    let text = get(address, "/metrics");
    assert!(text.contains("repo_serve_publication_age_seconds{repository=\"prod\"} "), "{text}");
    assert!(get(address, "/healthz").ends_with("ok\n"));
    assert!(get(address, IN_RELEASE).split(' ').nth(1) == Some("404"));
    configure(&environment, "[serve]\nmetrics = \"https://127.0.0.1:0\"\n");
    let refused = environment.run(&["config", "check"]).ends_with(1);
    assert!(refused.stderr.contains("metrics are not served over TLS"), "{refused}");
}

#[test]
fn the_access_log_is_what_other_programs_read_and_has_no_password_in_it() {
    let environment = store();
    let users = "robot:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\n";
    environment.write("store/people", users);
    let log = |form: &str| {
        let path = environment.path("access");
        let text =
            format!("[serve]\naccess_log = \"{form}:{path}\"\n[repositories.prod]\nusers = \"people\"\n");
        configure(&environment, &text);
        path
    };
    let path = log("combined");
    let server = serve(&environment);
    let agent = "User-Agent: Debian APT-HTTP/1.3 (2.6.1)\r\n";
    // robot:password
    let login = format!("Authorization: Basic cm9ib3Q6cGFzc3dvcmQ=\r\n{agent}");
    assert_eq!(http::get_with(&server, &format!("{IN_RELEASE}?secret"), &login).0, 200);
    let lines = || fs::read_to_string(&path).unwrap().lines().map(str::to_owned).collect::<Vec<_>>();
    soon("the line is there", || lines().len() == 1);
    let line = lines().remove(0);
    assert!(line.starts_with("127.0.0.1 - robot ["), "{line}");
    assert!(line.contains(&format!("\"GET {IN_RELEASE} HTTP/1.1\" 200 ")), "{line}");
    assert!(line.ends_with(" \"-\" \"Debian APT-HTTP/1.3 (2.6.1)\""), "{line}");
    assert!(!line.contains("secret") && !line.contains("cm9ib3Q6") && !line.contains("password"), "{line}");
    // Moved away by a program that rotates logs.
    fs::rename(&path, environment.path("access.1")).unwrap();
    server.signal(Signal::HUP);
    soon("it is opened again", || path.exists());
    assert_eq!(http::get_with(&server, IN_RELEASE, agent).0, 401);
    // What is left is written at the end.
    assert_eq!(server.interrupt().0, Some(0));
    let again = lines();
    assert!(again.len() == 1 && again[0].starts_with("127.0.0.1 - - ["), "{again:?}");
    fs::remove_file(&path).unwrap();
    log("json");
    let server = serve(&environment);
    assert_eq!(http::get_with(&server, IN_RELEASE, &login).0, 200);
    assert_eq!(server.interrupt().0, Some(0));
    let entry: serde_json::Value = serde_json::from_str(&lines()[0]).unwrap();
    let expected = ["robot", "prod", IN_RELEASE, "GET"];
    for (field, expected) in ["user", "repository", "path", "method"].into_iter().zip(expected) {
        assert_eq!(entry[field], expected, "{entry}");
    }
    // A place where no file can be.
    configure(&environment, "[serve]\naccess_log = \"json:/nonexistent/log\"\n");
    let refused = environment.run(&["serve", "--listen", "127.0.0.1:0"]).ends_with(1);
    assert!(refused.stderr.contains("cannot open /nonexistent/log"), "{refused}");
}

#[test]
fn the_service_manager_hears_when_the_server_is_ready_reloads_lives_and_stops() {
    let environment = store();
    let path = environment.path("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let heard = || {
        let mut buffer = [0; 200];
        let length = manager.recv(&mut buffer).unwrap();
        String::from_utf8_lossy(&buffer[..length]).lines().next().unwrap().to_owned()
    };
    let mut command = environment.command();
    command.args(["serve", "--listen", "127.0.0.1:0"]).stderr(Stdio::null());
    let server = Server::start(command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "5000000"));
    assert_eq!(heard(), "READY=1");
    assert_eq!(http::get(&server, IN_RELEASE).0, 200);
    assert_eq!(heard(), "WATCHDOG=1");
    server.signal(Signal::HUP);
    let next_but_alive = || std::iter::repeat_with(heard).find(|state| state != "WATCHDOG=1").unwrap();
    assert_eq!(next_but_alive(), "RELOADING=1");
    assert_eq!(next_but_alive(), "READY=1");
    assert_eq!(server.interrupt().0, Some(0));
    assert_eq!(next_but_alive(), "STOPPING=1");
}

/// Starts a server on a socket that listens already, as the service manager does.
fn activated(environment: &Environment, listener: &TcpListener) -> Child {
    let script = "exec 3<&0 </dev/null; LISTEN_FDS=1 LISTEN_PID=$$ exec \"$@\" serve";
    let mut command: Command = environment.wrapped(&["sh", "-c", script, "sh"]);
    let socket = OwnedFd::from(listener.try_clone().unwrap());
    let mut child = command.stdin(socket).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    // Once it has said where it serves, it listens.
    let mut line = String::new();
    let mut talk = BufReader::new(child.stdout.take().unwrap());
    talk.read_line(&mut line).unwrap();
    assert!(line.starts_with("serving http://"), "{line}");
    std::thread::spawn(move || std::io::copy(&mut talk, &mut std::io::sink()));
    child
}

fn terminate(child: &mut Child) {
    let status = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(status.success());
    assert!(child.wait().unwrap().success());
}

#[test]
fn no_request_is_lost_when_the_server_is_restarted_behind_its_socket() {
    let environment = store();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let mut server = activated(&environment, &listener);
    let (is_over, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let clients: Vec<_> = (0..3)
        .map(|_| {
            let (is_over, answered) = (Arc::clone(&is_over), Arc::clone(&answered));
            std::thread::spawn(move || {
                let mut lost = Vec::new();
                while !is_over.load(Ordering::Relaxed) {
                    let ask = || {
                        let mut stream = TcpStream::connect(address)?;
                        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
                        let request =
                            format!("GET {IN_RELEASE} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
                        stream.write_all(request.as_bytes())?;
                        let mut answer = Vec::new();
                        stream.read_to_end(&mut answer)?;
                        Ok::<_, std::io::Error>(answer.starts_with(b"HTTP/1.1 200 "))
                    };
                    match ask() {
                        Ok(true) => drop(answered.fetch_add(1, Ordering::Relaxed)),
                        other => lost.push(format!("{other:?}")),
                    }
                }
                lost
            })
        })
        .collect();
    for _ in 0..4 {
        let before = answered.load(Ordering::Relaxed);
        soon("requests are answered", || answered.load(Ordering::Relaxed) > before + 20);
        terminate(&mut server);
        server = activated(&environment, &listener);
    }
    let before = answered.load(Ordering::Relaxed);
    soon("requests are answered", || answered.load(Ordering::Relaxed) > before + 20);
    is_over.store(true, Ordering::Relaxed);
    let lost: Vec<String> = clients.into_iter().flat_map(|client| client.join().unwrap()).collect();
    terminate(&mut server);
    assert!(lost.is_empty(), "{} of {}: {lost:?}", lost.len(), answered.load(Ordering::Relaxed));
}
