//! `fsck --repair --from URL`: true copies from replicas, mirrors and backups that a web server shows.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::sync::{Arc, Mutex};

use camino::{Utf8Path, Utf8PathBuf};
use testkit::{Environment, Output, Port, Server};

use crate::{PROGRAM, store};

/// A server of a few lines, for what no real one does.
struct Web {
    address: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Web {
    /// `answer` writes whatever it wants to the client that asked for a path.
    fn start(answer: impl Fn(&str, &mut TcpStream) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                let mut connection = connection.unwrap();
                let mut lines = BufReader::new(connection.try_clone().unwrap()).lines();
                let Some(Ok(first)) = lines.next() else { continue };
                while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
                let path = first.split(' ').nth(1).unwrap().to_owned();
                log.lock().unwrap().push(path.clone());
                answer(&path, &mut connection);
            }
        });
        Self { address, asked }
    }

    /// The files below a directory that the filter lets through.
    fn of(directory: Utf8PathBuf, is_shown: impl Fn(&str) -> bool + Send + 'static) -> Self {
        Self::start(move |path, connection| {
            let bytes = fs::read(directory.join(path.trim_start_matches('/').replace("%2B", "+")));
            match bytes.ok().filter(|_| is_shown(path)) {
                Some(bytes) => send(connection, "200 OK", bytes.len(), &bytes),
                None => send(connection, "404 Not Found", 0, b""),
            }
        })
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

/// What cannot be sent, as nobody reads on, is not.
fn send(connection: &mut TcpStream, status: &str, length: usize, body: &[u8]) {
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    let _ = connection.write_all(head.as_bytes()).and_then(|()| connection.write_all(body));
}

/// A store with two packages in `preprod`, and a replica of it.
fn with_replica() -> (Environment, Utf8PathBuf) {
    let environment = store();
    environment.add("preprod", &["hello=1.0"]);
    environment.add("preprod", &["world=1:2.0+really1~x"]);
    let replica = replicate(&environment);
    (environment, replica)
}

fn replicate(environment: &Environment) -> Utf8PathBuf {
    let (backup, replica) = (environment.path("backup"), environment.path("replica"));
    let _ = environment.run(&["backup", backup.as_str()]).succeeds();
    let _ = environment.run(&["restore", backup.as_str(), replica.as_str()]).succeeds();
    replica
}

fn serve(environment: &Environment, root: &Utf8Path) -> Server {
    Server::start(environment.command().args(["--root", root.as_str(), "serve", "--listen", "127.0.0.1:0"]))
}

/// The regular files below a directory, in order.
fn files(directory: &Utf8Path) -> Vec<Utf8PathBuf> {
    let mut found = Vec::new();
    for entry in directory.read_dir_utf8().unwrap() {
        let path = entry.unwrap().path().to_owned();
        let metadata = path.symlink_metadata().unwrap();
        if metadata.is_dir() {
            found.extend(files(&path));
        } else if metadata.is_file() {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Flips a bit in the middle, as a decaying disk does.
fn damage(path: &Utf8Path) {
    let mode = fs::metadata(path).unwrap().permissions();
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::set_permissions(path, fs::Permissions::from_mode(0o644)).unwrap();
    fs::write(path, bytes).unwrap();
    fs::set_permissions(path, mode).unwrap();
}

fn blobs(environment: &Environment) -> Vec<Utf8PathBuf> {
    files(&environment.root().join("store/blobs"))
}

fn repair(environment: &Environment, from: &str) -> Output {
    environment.run(&["fsck", "--repair", "--from", from])
}

#[test]
fn a_served_replica_gives_package_files_indices_and_signatures() {
    let (environment, replica) = with_replica();
    let server = serve(&environment, &replica);
    let public = environment.public("preprod");
    // As a mirror of everything, and as one of the repository.
    for url in [format!("{}/", server.url()), format!("{}/preprod", server.url())] {
        let mut damaged = blobs(&environment);
        damaged.extend(files(&public.join(".by-hash")));
        damaged.extend(files(&public.join("dists/bookworm")).into_iter().filter(|path| {
            path.parent().unwrap().ends_with("bookworm") && path.file_name() != Some("by-hash")
        }));
        assert!(damaged.len() > 8, "{damaged:?}");
        let before: Vec<_> = damaged.iter().map(|path| fs::read(path).unwrap()).collect();
        damaged.iter().for_each(|path| damage(path));
        fs::remove_file(&damaged[0]).unwrap();
        let _ = environment.run(&["fsck"]).ends_with(1);
        let _ = repair(&environment, &url).succeeds();
        let _ = environment.run(&["fsck"]).succeeds();
        let after: Vec<_> = damaged.iter().map(|path| fs::read(path).unwrap()).collect();
        assert!(before == after);
    }
}

#[test]
fn a_mirror_with_nothing_but_what_is_published_now_will_do() {
    let (environment, replica) = with_replica();
    let plain = |path: &str| !["by-hash", "/.", "snapshot"].iter().any(|part| path.contains(part));
    let web = Web::of(replica.join("public/preprod"), plain);
    let public = environment.public("preprod");
    let index = public.join("dists/bookworm/main/binary-amd64/Packages.xz");
    for path in [&blobs(&environment)[0], &index, &public.join("dists/bookworm/InRelease")] {
        damage(path);
    }
    let _ = repair(&environment, &web.url()).succeeds();
    let _ = environment.run(&["fsck"]).succeeds();
}

#[test]
fn a_root_or_a_backup_that_is_served_gives_objects_too() {
    let (environment, _) = with_replica();
    let backup = environment.path("backup");
    let web = Web::of(backup, |_| true);
    let objects = files(&environment.root().join("store/objects"));
    objects.iter().chain(&blobs(&environment)).for_each(|path| damage(path));
    let output = repair(&environment, &web.url()).succeeds();
    assert!(output.stdout.contains("repaired: "), "{output}");
    let _ = environment.run(&["fsck"]).succeeds();
}

#[test]
fn what_is_no_true_copy_is_not_taken() {
    let (environment, replica) = with_replica();
    blobs(&environment).iter().for_each(|path| damage(path));
    let damaged: Vec<_> = blobs(&environment).iter().map(|path| fs::read(path).unwrap()).collect();
    for path in files(&replica.join("store/blobs")) {
        damage(&path);
        fs::File::options().append(true).open(&path).unwrap().write_all(b"more").unwrap();
    }
    let server = serve(&environment, &replica);
    let output = repair(&environment, &server.url()).ends_with(1);
    assert!(!output.stdout.contains("repaired"), "{output}");
    let now: Vec<_> = blobs(&environment).iter().map(|path| fs::read(path).unwrap()).collect();
    assert!(now == damaged);
}

#[test]
fn a_server_that_is_down_is_named_once_and_the_next_place_is_asked() {
    let (environment, replica) = with_replica();
    let port = Port::take();
    let down = format!("http://{}/prod", port.address());
    blobs(&environment).iter().for_each(|path| damage(path));
    let output = repair(&environment, &down).ends_with(1);
    assert_eq!(output.stderr.matches(&down).count(), 1, "{output}");
    assert!(output.stderr.contains("refused"), "{output}");
    let both = ["--json", "fsck", "--repair", "--from", &down, "--from", replica.as_str()];
    let output = environment.run(&both).succeeds();
    assert!(output.stdout.contains(&down), "{output}");
    let _ = environment.run(&["fsck"]).succeeds();
}

#[test]
fn places_are_asked_in_the_order_given() {
    let (environment, replica) = with_replica();
    let web = Web::of(replica.join("public"), |_| true);
    let backup = environment.path("backup");
    blobs(&environment).iter().for_each(|path| damage(path));
    let first = ["fsck", "--repair", "--from", backup.as_str(), "--from", &web.url()];
    let _ = environment.run(&first).succeeds();
    assert_eq!(web.asked(), Vec::<String>::new());
    blobs(&environment).iter().for_each(|path| damage(path));
    let second = ["fsck", "--repair", "--from", &web.url(), "--from", backup.as_str()];
    let _ = environment.run(&second).succeeds();
    assert_eq!(web.asked().len(), 1 + blobs(&environment).len(), "{:?}", web.asked());
    assert!(
        web.asked().contains(&"/preprod/pool/main/w/world/epoch-1/world_2.0%2Breally1~x_all.deb".to_owned()),
        "{:?}",
        web.asked()
    );
}

#[test]
fn a_password_opens_what_is_closed_and_is_never_shown() {
    let (environment, replica) = with_replica();
    // The user `robot` with the password `password`, hashed as `htpasswd -s` does.
    fs::write(replica.join("preprod.htpasswd"), "robot:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\n").unwrap();
    let configuration = fs::read_to_string(replica.join("repo.toml")).unwrap();
    let with_users = configuration
        .replace("[repositories.preprod]", "[repositories.preprod]\nusers = \"preprod.htpasswd\"");
    fs::write(replica.join("repo.toml"), with_users).unwrap();
    let server = serve(&environment, &replica);
    let host = server.url().replace("http://", "");
    blobs(&environment).iter().for_each(|path| damage(path));

    let output = repair(&environment, &format!("http://{host}/preprod")).ends_with(1);
    assert!(output.stderr.contains("it asks for a user and a password"), "{output}");
    let output = repair(&environment, &format!("http://robot:passwort@{host}/preprod")).ends_with(1);
    assert!(output.stderr.contains("does not take this user and password"), "{output}");
    assert!(!output.text().contains("passwort"), "{output}");
    let output = repair(&environment, &format!("http://robot:p%61ssword@{host}/preprod")).succeeds();
    assert!(!output.text().contains("ssword"), "{output}");
    let output = repair(&environment, &format!("ftp://robot:secret@{host}/preprod")).ends_with(1);
    assert!(!output.text().contains("secret"), "{output}");
    let _ = environment.run(&["fsck"]).succeeds();
}

#[test]
fn a_server_that_sends_too_much_or_too_little_does_no_harm() {
    let (environment, replica) = with_replica();
    blobs(&environment).iter().for_each(|path| damage(path));
    let endless = Web::start(|_, connection| {
        let _ = connection.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
        while connection.write_all(&[b'x'; 1 << 16]).is_ok() {}
    });
    let output = repair(&environment, &endless.url()).ends_with(1);
    assert!(!output.stdout.contains("repaired"), "{output}");

    let too_long = Web::start(|_, connection| send(connection, "200 OK", 1 << 40, b"x"));
    let _ = repair(&environment, &too_long.url()).ends_with(1);

    let public = replica.join("public");
    let short =
        Web::start(move |path, connection| match fs::read(public.join(path.trim_start_matches('/'))) {
            Ok(bytes) => send(connection, "200 OK", bytes.len(), &bytes[..bytes.len() / 2]),
            Err(_) => send(connection, "404 Not Found", 0, b""),
        });
    let output = repair(&environment, &short.url()).ends_with(1);
    assert_eq!(output.stderr.matches(&short.url()).count(), 1, "{output}");
    let garbage = Web::start(|_, connection| drop(connection.write_all(b"SSH-2.0-x\r\n")));
    let output = repair(&environment, &garbage.url()).ends_with(1);
    assert_eq!(output.stderr.matches(&garbage.url()).count(), 1, "{output}");
    assert_eq!(garbage.asked().len(), 1);

    let temporary = environment.root().join("store/tmp");
    assert_eq!(files(&temporary), Vec::<Utf8PathBuf>::new());
    let _ = repair(&environment, environment.path("backup").as_str()).succeeds();
}

#[test]
fn redirects_are_followed_but_not_for_ever() {
    let (environment, replica) = with_replica();
    blobs(&environment).iter().for_each(|path| damage(path));
    let circle = Web::start(|path, connection| {
        let head = format!(
            "HTTP/1.1 302 Found\r\nLocation: {path}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        );
        let _ = connection.write_all(head.as_bytes());
    });
    let output = repair(&environment, &circle.url()).ends_with(1);
    assert!(output.stderr.contains("redirects"), "{output}");
    assert!(circle.asked().len() < 8, "{:?}", circle.asked());

    let real = Web::of(replica.join("public"), |_| true);
    let target = real.url();
    let moved = Web::start(move |path, connection| {
        let head = format!(
            "HTTP/1.1 301 Moved\r\nLocation: {target}{path}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        );
        let _ = connection.write_all(head.as_bytes());
    });
    let _ = repair(&environment, &moved.url()).succeeds();
}

#[test]
fn a_server_that_fails_at_everything_is_not_asked_for_ever() {
    let environment = Environment::with_store(PROGRAM, &["bookworm"]);
    let packages: Vec<String> = (0..20).map(|number| format!("p{number}=1.0")).collect();
    environment.add("preprod", &packages.iter().map(String::as_str).collect::<Vec<_>>());
    blobs(&environment).iter().for_each(|path| damage(path));
    for status in ["500 Internal Server Error", "403 Forbidden", "503 Service Unavailable"] {
        let broken = Web::start(move |_, connection| send(connection, status, 0, b""));
        let output = repair(&environment, &broken.url()).ends_with(1);
        assert_eq!(output.stderr.matches(&broken.url()).count(), 1, "{output}");
        assert!(output.stderr.contains(status), "{output}");
        assert!(broken.asked().len() <= 1 + 5 * 2, "{:?}", broken.asked());
    }
}

#[test]
fn a_server_that_forbids_what_it_does_not_have_is_asked_on() {
    let (environment, replica) = with_replica();
    let public = replica.join("public/preprod");
    let web = Web::start(move |path, connection| {
        let path = path.replace("%2B", "+");
        match fs::read(public.join(path.trim_start_matches('/'))).ok().filter(|_| !path.contains("by-hash")) {
            Some(bytes) => send(connection, "200 OK", bytes.len(), &bytes),
            None => send(connection, "403 Forbidden", 0, b""),
        }
    });
    let index = environment.public("preprod").join("dists/bookworm/main/binary-amd64/Packages.xz");
    blobs(&environment).iter().chain([&index]).for_each(|path| damage(path));
    let output = repair(&environment, &web.url()).succeeds();
    assert!(!output.stderr.contains("403 Forbidden"), "{output}");
}

#[test]
fn a_directory_that_is_not_there_is_named() {
    let environment = store();
    let output = repair(&environment, "nowhere").ends_with(1);
    insta::assert_snapshot!(output.stderr, @"error: cannot list nowhere: No such file or directory (os error 2)");
}
