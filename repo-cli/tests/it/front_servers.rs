//! `config proxy`: the real nginx, Apache, Caddy and HAProxy with the configuration that is printed answer as `serve` does, and apt reads
//! through each.

use std::collections::BTreeMap;
use std::fs::{self, File, Permissions};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use camino::{Utf8Path, Utf8PathBuf};
use rustix::process::{Pid, Signal, kill_process};
use testkit::{Apt, Environment, Port, Server, Tree, all_installed};

use crate::http::{Answer, read_answer};
use crate::{configure, store};

/// A password of a user, and a token of a machine.
const PASSWORD: &str = "open sesame";

/// A request, and its answer.
struct Row {
    method: &'static str,
    /// `{deb}` is a file of the pool, `{hash}` one below by-hash, `{snapshot}` the newest publication.
    path: &'static str,
    login: Login,
    /// `{date}` and `{tag}` are those of the last answer of the same server that had them.
    fields: &'static str,
    /// What `serve` answers, and what stands before it has to answer too.
    status: u16,
    /// What nginx, Apache and Caddy may answer instead, and why that is as good.
    instead: &'static [u16],
    reason: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Login {
    None,
    User,
    Token,
    TokenUnderAnotherName,
    Wrong,
}

const fn row(method: &'static str, path: &'static str, login: Login, status: u16) -> Row {
    Row { method, path, login, fields: "", status, instead: &[], reason: "" }
}

impl Row {
    const fn with(self, fields: &'static str) -> Self {
        Self { fields, ..self }
    }

    const fn or(self, instead: &'static [u16], reason: &'static str) -> Self {
        Self { instead, reason, ..self }
    }
}

const BEFORE_LOGIN: &str = "that nothing is there is known before anybody is asked who they are";
const DECODED: &str = "the server decodes the path before it looks, and finds nothing";
const ROOTS: &str = "what `serve` tells of a repository at its root is not a file";

/// `preprod` is open, `prod` asks for a token or a user, `lan` is open from here and asks for tokens elsewhere, `far` the other way
/// round, no token opens `empty`, and `closed` is for other addresses. `own` has an address of its own.
const ROWS: &[Row] = &[
    row("GET", "/preprod/dists/bookworm/InRelease", Login::None, 200),
    row("HEAD", "/preprod/dists/bookworm/InRelease", Login::None, 200),
    row("GET", "/preprod/dists/bookworm/InRelease", Login::None, 304).with("If-Modified-Since: {date}\r\n"),
    row("GET", "/preprod/dists/bookworm/InRelease", Login::None, 304).with("If-None-Match: {tag}\r\n"),
    row("GET", "/preprod/dists/bookworm/InRelease", Login::None, 200)
        .with("If-Modified-Since: Thu, 01 Jan 1998 00:00:00 GMT\r\n"),
    row("GET", "/preprod/{deb}", Login::None, 200),
    row("GET", "/preprod/{deb}", Login::None, 206).with("Range: bytes=10-19\r\n"),
    row("GET", "/preprod/{deb}", Login::None, 416).with("Range: bytes=99999999-\r\n"),
    row("GET", "/preprod/{deb}", Login::None, 200)
        .with("Range: bytes=10-19\r\nIf-Range: Thu, 01 Jan 1998 00:00:00 GMT\r\n"),
    row("GET", "/preprod/{deb}", Login::None, 304).with("If-None-Match: {tag}\r\n"),
    row("GET", "/preprod/{escaped}", Login::None, 200),
    row("GET", "/preprod/{hash}", Login::None, 200),
    row("GET", "/preprod/{hash}", Login::None, 200).with("Accept-Encoding: gzip, br\r\n"),
    row("GET", "/preprod/{snapshot}/dists/bookworm/InRelease", Login::None, 200),
    row("GET", "/preprod/{snapshot}/{deb}", Login::None, 200),
    row("GET", "/preprod/key.asc", Login::None, 200),
    row("GET", "/preprod/pool/main/h/hello/none_1_all.deb", Login::None, 404),
    row("GET", "/preprod/dists/", Login::None, 404),
    row("GET", "/preprod/dists", Login::None, 404),
    row("GET", "/preprod/DISTS/bookworm/InRelease", Login::None, 404),
    row("GET", "/PREPROD/dists/bookworm/InRelease", Login::None, 404),
    row("GET", "/preprod/.publications/1/dists/bookworm/InRelease", Login::None, 404),
    row("GET", "/preprod/%2epublications/1/dists/bookworm/InRelease", Login::None, 404),
    row("GET", "/preprod/.by-hash/SHA256/", Login::None, 404),
    row("GET", "/preprod/", Login::None, 302).or(&[404], ROOTS),
    row("POST", "/preprod/dists/bookworm/InRelease", Login::None, 405),
    row("PUT", "/preprod/dists/bookworm/new", Login::None, 405),
    row("DELETE", "/preprod/{deb}", Login::None, 405),
    row("OPTIONS", "/preprod/dists/bookworm/InRelease", Login::None, 405),
    row("GET", "/prod/dists/bookworm/InRelease", Login::None, 401),
    row("GET", "/prod/dists/bookworm/InRelease", Login::Wrong, 401),
    row("GET", "/prod/dists/bookworm/InRelease", Login::User, 200),
    row("GET", "/prod/dists/bookworm/InRelease", Login::Token, 200),
    row("GET", "/prod/dists/bookworm/InRelease", Login::TokenUnderAnotherName, 200)
        .or(&[401], "a file of users has one name for each hash"),
    row("GET", "/prod/{deb}", Login::Token, 200),
    row("GET", "/prod/{deb}", Login::None, 401),
    row("GET", "/prod/none", Login::None, 401),
    row("GET", "/prod/none", Login::Token, 404),
    row("GET", "/prod/.publications/1/dists/bookworm/InRelease", Login::None, 401).or(&[404], BEFORE_LOGIN),
    row("PUT", "/prod/dists/bookworm/new", Login::Token, 405),
    row("GET", "//prod/dists/bookworm/InRelease", Login::None, 401),
    row("GET", "/./prod/dists/bookworm/InRelease", Login::None, 401),
    row("GET", "/%70rod/dists/bookworm/InRelease", Login::None, 401),
    row("GET", "/preprod/../prod/dists/bookworm/InRelease", Login::None, 404)
        .or(&[400, 401], "the server takes the step upwards, and asks who it is"),
    row("GET", "/preprod/%2e%2e/prod/dists/bookworm/InRelease", Login::None, 404)
        .or(&[400, 401], "the server takes the step upwards, and asks who it is"),
    row("GET", "/preprod/..%2fprod/dists/bookworm/InRelease", Login::None, 400).or(&[401, 404], DECODED),
    row("GET", "/preprod/..;/prod/dists/bookworm/InRelease", Login::None, 404),
    row("GET", "/preprod/../../repo.toml", Login::None, 404).or(&[400], "it leads above the root"),
    row("GET", "/preprod/%2e%2e/%2e%2e/keys/", Login::None, 404).or(&[400], "it leads above the root"),
    row("GET", "/preprod/%00", Login::None, 400).or(&[404], DECODED),
    row("GET", "/lan/dists/bookworm/InRelease", Login::None, 200),
    row("GET", "/lan/dists/bookworm/InRelease", Login::Wrong, 200),
    row("GET", "/far/dists/bookworm/InRelease", Login::None, 401),
    row("GET", "/far/dists/bookworm/InRelease", Login::Token, 200),
    row("GET", "/closed/dists/bookworm/InRelease", Login::None, 403),
    row("GET", "/closed/dists/bookworm/InRelease", Login::Token, 403),
    row("GET", "/closed/none", Login::None, 403),
    row("GET", "/empty/dists/bookworm/InRelease", Login::None, 401),
    row("GET", "/empty/dists/bookworm/InRelease", Login::Wrong, 401),
    row("GET", "/nowhere/dists/bookworm/InRelease", Login::None, 404),
    row("GET", "/repo.toml", Login::None, 404),
    row("GET", "/", Login::None, 200),
    row("GET", "/-/preprod/", Login::None, 200),
    row("GET", "/-/prod/", Login::None, 401),
    row("GET", "/-/prod/", Login::Token, 200),
    row("GET", "/-/none/", Login::None, 404),
];

const CONFIGURATION: &str = r#"
url = "http://127.0.0.1:@PORT@"
[serve]
listen = "127.0.0.1:@SERVE@"
trusted_proxies = ["127.0.0.1"]
pages = true
[repositories.prod]
access = [["tokens"], ["users:prod.htpasswd"]]
[repositories.lan]
access = [["0.0.0.0/0", "::ffff:127.0.0.0/104"], ["tokens"]]
[repositories.far]
access = [["192.0.2.0/24"], ["tokens"]]
[repositories.closed]
access = [["192.0.2.0/24"], ["198.51.100.0/24", "tokens"]]
[repositories.empty]
access = [["tokens"]]
[repositories.own]
url = "http://localhost:@PORT@"
access = [["tokens"]]
"#;

/// A published store, and the ports of what stands in front and of `serve`.
struct Site {
    environment: Environment,
    port: Port,
    behind: Port,
    /// The token of `web1` for each repository that takes some.
    tokens: BTreeMap<&'static str, String>,
    /// What is to be set for the placeholders of a path.
    files: [(&'static str, String); 4],
}

fn site() -> Site {
    let (environment, port, behind) = (store(), Port::take(), Port::take());
    let text = CONFIGURATION.replace("@PORT@", &port.number().to_string());
    configure(&environment, &text.replace("@SERVE@", &behind.number().to_string()));
    let [.., hash] = repo_serve::hashes_for_other_servers(PASSWORD).unwrap();
    environment.write("store/prod.htpasswd", format!("alice:{hash}\n"));
    for repository in ["preprod", "prod", "lan", "far", "closed", "empty", "own"] {
        environment.add(repository, &["hello=1.0+x~rc1"]);
    }
    let token = |repository| {
        let made = environment.json(&["access", "add", repository, "web1"]);
        let made: serde_json::Value = serde_json::from_str(&made).unwrap();
        (repository, made["token"].as_str().unwrap().to_owned())
    };
    let tokens = ["prod", "lan", "far", "closed", "own"].into_iter().map(token).collect();
    let tree = Tree::of(&environment.public("preprod"));
    let deb = tree.paths().find(|path| path.extension() == Some("deb")).unwrap().to_string();
    let hash =
        fs::read_dir(environment.public("preprod").join("dists/bookworm/main/binary-amd64/by-hash/SHA256"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .next()
            .unwrap();
    let escaped = deb.replace('+', "%2b").replace('~', "%7e");
    assert!(escaped.contains("%2b") && escaped.contains("%7e"), "{deb}");
    let hash = format!("dists/bookworm/main/binary-amd64/by-hash/SHA256/{hash}");
    // Apache refuses to serve as root, and another user has to read all this.
    for path in ["", "store"] {
        fs::set_permissions(environment.path(path), Permissions::from_mode(0o755)).unwrap();
    }
    let snapshots = fs::read_dir(environment.public("preprod").join("snapshot")).unwrap();
    let newest = snapshots.map(|entry| entry.unwrap().file_name().into_string().unwrap()).max().unwrap();
    let snapshot = format!("snapshot/{newest}");
    let files = [("{deb}", deb), ("{escaped}", escaped), ("{hash}", hash), ("{snapshot}", snapshot)];
    for repository in ["preprod", "prod"] {
        wait_for_the_time_of(&environment.public(repository).join("dists/bookworm/InRelease"));
    }
    Site { environment, port, behind, tokens, files }
}

/// Waits until the time of a file has come: publications that follow each other within a second have times that run ahead, and until
/// then no date of a client is that of the file.
#[track_caller]
fn wait_for_the_time_of(path: &Utf8Path) {
    let modified = fs::metadata(path).unwrap().modified().unwrap();
    for _ in 0..600 {
        if modified <= SystemTime::now() {
            return;
        }
        sleep(Duration::from_millis(50));
    }
    panic!("{path}: its time is far ahead");
}

impl Site {
    /// Starts `serve` where the configuration says.
    fn serve(&self) -> Server {
        Server::start(self.environment.command().arg("serve"))
    }

    /// The configuration that is printed for a server, with its credentials written.
    fn printed(&self, server: &str) -> String {
        let credentials = self.environment.path(format!("{server}-credentials"));
        let mut arguments = vec!["config", "proxy", server, "--credentials", credentials.as_str()];
        let printed = self.environment.run(&arguments).succeeds().stdout;
        if server != "haproxy" {
            fs::create_dir(&credentials).unwrap();
            arguments.push("--write-credentials");
            let _ = self.environment.run(&arguments).succeeds();
            fs::set_permissions(&credentials, Permissions::from_mode(0o755)).unwrap();
            for entry in fs::read_dir(&credentials).unwrap() {
                let path = entry.unwrap().path();
                assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o640);
                fs::set_permissions(path, Permissions::from_mode(0o644)).unwrap();
            }
        }
        printed
    }

    /// The field with a login for the repository that a path names.
    fn field(&self, login: Login, path: &str) -> String {
        let named = path.split('/').find_map(|element| self.tokens.get(element));
        let token = named.map_or("", String::as_str);
        let (name, password) = match login {
            Login::None => return String::new(),
            Login::User => ("alice", PASSWORD),
            Login::Token => ("web1", token),
            Login::TokenUnderAnotherName => ("other", token),
            Login::Wrong => ("alice", "open barley"),
        };
        format!("Authorization: Basic {}\r\n", STANDARD.encode(format!("{name}:{password}")))
    }

    /// Sends all requests to a server.
    fn answers(&self, port: &Port) -> Vec<Answer> {
        let (mut answers, mut date, mut tag) = (Vec::new(), String::new(), String::new());
        for row in ROWS {
            let path =
                self.files.iter().fold(row.path.to_owned(), |path, (name, file)| path.replace(name, file));
            let fields = row.fields.replace("{date}", &date).replace("{tag}", &tag);
            let login = self.field(row.login, row.path);
            let answer = ask(port, (row.method, &path), &port.address(), &format!("{fields}{login}"));
            if answer.status == 200 && row.method == "GET" {
                date = answer.field("Last-Modified").unwrap_or_default().to_owned();
                tag = answer.field("ETag").unwrap_or_default().to_owned();
            }
            answers.push(answer);
        }
        answers
    }
}

fn ask(port: &Port, (method, path): (&str, &str), host: &str, fields: &str) -> Answer {
    let mut connection = TcpStream::connect(port.address()).unwrap();
    connection.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let length = if matches!(method, "POST" | "PUT") { "Content-Length: 0\r\n" } else { "" };
    let head =
        format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{length}{fields}\r\n");
    connection.write_all(head.as_bytes()).unwrap();
    let mut answer = Vec::new();
    let _ = connection.read_to_end(&mut answer);
    read_answer(&answer)
}

/// Another server, ended when dropped.
struct Foreign {
    child: Child,
    errors: Utf8PathBuf,
}

impl Foreign {
    /// Starts a command and waits until it listens.
    #[track_caller]
    fn start(command: &mut Command, site: &Site, name: &str) -> Self {
        let errors = site.environment.path(format!("{name}.errors"));
        let file = File::create(&errors).unwrap();
        command.stdout(file.try_clone().unwrap()).stderr(file).stdin(Stdio::null());
        let mut foreign = Self { child: command.spawn().unwrap(), errors };
        for _ in 0..600 {
            if TcpStream::connect(site.port.address()).is_ok() {
                return foreign;
            }
            let ended = foreign.child.try_wait().unwrap();
            assert!(ended.is_none(), "{name} has ended: {ended:?}\n{}", foreign.said());
            sleep(Duration::from_millis(100));
        }
        panic!("{name} does not listen:\n{}", foreign.said());
    }

    fn said(&self) -> String {
        fs::read_to_string(&self.errors).unwrap_or_default()
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        // Apache would leave its children behind if it were killed.
        let process = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        if let Some(process) = process {
            let _ = kill_process(process, Signal::TERM);
        }
        let _ = self.child.wait();
    }
}

/// Starts a server with what is printed for it, as Debian starts it.
fn foreign(site: &Site, server: &str) -> Foreign {
    let printed = site.environment.write(&format!("{server}.printed"), site.printed(server));
    let directory = site.environment.path(format!("{server}-state"));
    fs::create_dir(&directory).unwrap();
    let own = |text: &str| {
        let text = text.replace("@PRINTED@", printed.as_str()).replace("@DIRECTORY@", directory.as_str());
        site.environment.write(&format!("{server}.conf"), text)
    };
    let mut command = match server {
        "nginx" => {
            let mut command = site.environment.other(&["nginx", "-e", "stderr", "-c", own(NGINX).as_str()]);
            command.args(["-p", directory.as_str()]);
            command
        }
        "apache" => {
            fs::set_permissions(&directory, Permissions::from_mode(0o777)).unwrap();
            site.environment.other(&["apache2", "-D", "FOREGROUND", "-f", own(APACHE).as_str()])
        }
        "caddy" => {
            // Two of them could not have the same port to be controlled at.
            let text = fs::read_to_string(&printed).unwrap().replacen("{\n", "{\n\tadmin off\n", 1);
            let own = own(&text);
            site.environment.other(&["caddy", "run", "--adapter", "caddyfile", "--config", own.as_str()])
        }
        _ => site.environment.other(&["haproxy", "-db", "-f", printed.as_str()]),
    };
    Foreign::start(&mut command, site, server)
}

/// What Debian's nginx.conf says, as far as it counts.
const NGINX: &str = "
daemon off;
master_process off;
pid @DIRECTORY@/pid;
error_log stderr;
events {}
http {
    include /etc/nginx/mime.types;
    default_type application/octet-stream;
    gzip on;
    access_log off;
    client_body_temp_path @DIRECTORY@/body;
    proxy_temp_path @DIRECTORY@/proxy;
    fastcgi_temp_path @DIRECTORY@/fastcgi;
    uwsgi_temp_path @DIRECTORY@/uwsgi;
    scgi_temp_path @DIRECTORY@/scgi;
    include @PRINTED@;
}
";

/// What Debian's apache2.conf says and the modules that it enables, with those that the configuration asks for.
const APACHE: &str = "
ServerRoot @DIRECTORY@
DefaultRuntimeDir @DIRECTORY@
PidFile @DIRECTORY@/pid
ErrorLog /dev/stderr
ServerName localhost
User www-data
Group www-data
Define M /usr/lib/apache2/modules
LoadModule mpm_event_module ${M}/mod_mpm_event.so
LoadModule authz_core_module ${M}/mod_authz_core.so
LoadModule authz_host_module ${M}/mod_authz_host.so
LoadModule authz_user_module ${M}/mod_authz_user.so
LoadModule authn_core_module ${M}/mod_authn_core.so
LoadModule authn_file_module ${M}/mod_authn_file.so
LoadModule auth_basic_module ${M}/mod_auth_basic.so
LoadModule access_compat_module ${M}/mod_access_compat.so
LoadModule alias_module ${M}/mod_alias.so
LoadModule autoindex_module ${M}/mod_autoindex.so
LoadModule dir_module ${M}/mod_dir.so
LoadModule mime_module ${M}/mod_mime.so
LoadModule filter_module ${M}/mod_filter.so
LoadModule deflate_module ${M}/mod_deflate.so
LoadModule negotiation_module ${M}/mod_negotiation.so
LoadModule setenvif_module ${M}/mod_setenvif.so
LoadModule env_module ${M}/mod_env.so
LoadModule allowmethods_module ${M}/mod_allowmethods.so
LoadModule headers_module ${M}/mod_headers.so
LoadModule proxy_module ${M}/mod_proxy.so
LoadModule proxy_http_module ${M}/mod_proxy_http.so
AddOutputFilterByType DEFLATE text/html text/plain text/xml application/octet-stream
DirectoryIndex index.html
TypesConfig /etc/mime.types
<Directory />
    Options FollowSymLinks
    AllowOverride None
    Require all denied
</Directory>
Include @PRINTED@
";

/// Sends the requests to a server and to `serve`, and compares what they answer; then apt reads.
#[track_caller]
fn answers_as_serve_does(server: &str) {
    let program = if server == "apache" { "apache2" } else { server };
    if !all_installed(&[program]) {
        return;
    }
    let site = site();
    let serve = site.serve();
    let foreign = foreign(&site, server);
    let (expected, found) = (site.answers(&site.behind), site.answers(&site.port));
    let mut wrong = Vec::new();
    for ((row, ours), theirs) in ROWS.iter().zip(&expected).zip(&found) {
        let what = format!("{} {} {:?} {:?}", row.method, row.path, row.login, row.fields);
        if ours.status != row.status {
            wrong.push(format!("{what}: serve itself answers {}", ours.status));
        }
        let may = if server == "haproxy" { &[] } else { row.instead };
        if theirs.status != row.status && !may.contains(&theirs.status) {
            wrong.push(format!(
                "{what}: {} in place of {} {}\n{}",
                theirs.status, row.status, row.reason, theirs.head
            ));
        } else if let Some(difference) = difference(row, ours, theirs) {
            wrong.push(format!("{what}: {difference}\n{}", theirs.head));
        }
    }
    assert!(wrong.is_empty(), "{}\n{}", wrong.join("\n"), foreign.said());
    own_host(&site);
    apt_reads(&site);
    drop(serve);
}

/// What counts besides the status.
fn difference(row: &Row, ours: &Answer, theirs: &Answer) -> Option<String> {
    let caching = theirs.field("Cache-Control");
    if theirs.status >= 400 {
        // When a range turns out to lie behind the end, both nginx and Caddy have said already how long the file may be kept. nginx adds
        // that the error may not; Caddy does not.
        let is_late = theirs.status == 416;
        let may_be_kept = !is_late && caching.is_some_and(|caching| caching != "no-store");
        let asks = theirs.status != 401 || theirs.field("WWW-Authenticate").is_some();
        return (may_be_kept || !asks)
            .then(|| "an error that may be kept, or that does not ask for a login".to_owned());
    }
    if ours.status != theirs.status {
        return None;
    }
    for name in ["Cache-Control", "Content-Range", "Content-Encoding"] {
        let (ours, theirs) = (ours.field(name), theirs.field(name));
        if ours != theirs {
            return Some(format!("{name} is {theirs:?} in place of {ours:?}"));
        }
    }
    // Its value differs where the time of a file is ahead. A 304 need not repeat it.
    if row.status != 304 && ours.field("Last-Modified").is_some() && theirs.field("Last-Modified").is_none() {
        return Some("no time".to_owned());
    }
    let is_file = !row.path.ends_with('/');
    (is_file && ours.body != theirs.body).then(|| "another body".to_owned())
}

/// The repository with an address of its own has it at the root of that host, and nowhere else.
#[track_caller]
fn own_host(site: &Site) {
    let host = format!("localhost:{}", site.port.number());
    let status = |path: &str, fields: &str| ask(&site.port, ("GET", path), &host, fields).status;
    assert_eq!(status("/dists/bookworm/InRelease", ""), 401);
    assert_eq!(status("/dists/bookworm/InRelease", &site.field(Login::Token, "/own/")), 200);
    assert_eq!(status("/dists/none", &site.field(Login::Token, "/own/")), 404);
}

/// A real apt reads an open repository, and one that asks for a token.
#[track_caller]
fn apt_reads(site: &Site) {
    let Some(apt) = Apt::new(&site.environment, "client") else { return };
    let url = format!("http://{}", site.port.address());
    for repository in ["preprod", "prod"] {
        let arguments = ["client-config", repository, "--suite", "bookworm", "--inline"];
        apt.source(repository, &site.environment.run(&arguments).succeeds().stdout);
    }
    let refused = apt.update().ends_with(100);
    assert!(refused.stderr.contains("401"), "{refused}");
    apt.auth("prod", &format!("machine {url}/prod/\nlogin web1\npassword {}\n", site.tokens["prod"]));
    let updated = apt.update().succeeds();
    assert!(updated.stdout.contains("Get:") && !updated.text().contains("W:"), "{updated}");
    let again = apt.update().succeeds();
    assert!(again.stdout.contains("Hit:") && !again.stdout.contains("Get:"), "{again}");
    let original = fs::read(site.environment.path("files/hello_1.0+x~rc1_all.deb")).unwrap();
    assert_eq!(apt.download("hello=1.0+x~rc1"), original);
}

#[test]
fn nginx_answers_as_serve_does() {
    answers_as_serve_does("nginx");
}

#[test]
fn apache_answers_as_serve_does() {
    answers_as_serve_does("apache");
}

#[test]
fn caddy_answers_as_serve_does() {
    answers_as_serve_does("caddy");
}

#[test]
fn haproxy_answers_as_serve_does() {
    answers_as_serve_does("haproxy");
}

#[test]
fn credentials_are_of_those_who_are_let_in_now_and_nothing_is_written_when_one_cannot_be() {
    let environment = store();
    configure(
        &environment,
        "[repositories.prod]\naccess = [[\"tokens\"], [\"users:prod.htpasswd\"]]\n[repositories.preprod]\naccess = [[\"tokens\"]]\n",
    );
    let users = |text: &str| environment.write("store/prod.htpasswd", text);
    let directory = environment.path("credentials");
    fs::create_dir(&directory).unwrap();
    let write = |server: &str| {
        let arguments =
            ["config", "proxy", server, "--write-credentials", "--credentials", directory.as_str()];
        environment.run(&arguments)
    };
    let read = |name: &str| fs::read_to_string(directory.join(name)).unwrap();
    users("alice:{SHA}qUqP5cyxm6YcTAhz05Hph5gvu9M=\n");
    for (holder, more) in [("web1", &[][..]), ("old", &["--expires", "1s"]), ("ci", &["--scope", "add"])] {
        let _ = environment.run(&[&["access", "add", "prod", holder], more].concat()).succeeds();
    }
    sleep(Duration::from_secs(2));
    let _ = write("nginx").succeeds();
    let written = read("prod.htpasswd");
    let names: Vec<&str> = written.lines().filter_map(|line| line.split(':').next()).collect();
    assert_eq!(names, ["web1", "alice"], "neither one that has expired, nor one that does not read");
    assert_eq!(read("preprod.htpasswd"), "");
    let again = write("nginx").succeeds();
    assert!(again.text().contains("wrote 2 files, 0 of them new or changed"), "{again}");

    let refused = write("caddy").ends_with(1);
    assert!(refused.stderr.contains("caddy cannot read the hash of `alice`"), "{refused}");
    assert!(!directory.join("preprod.caddy").exists());
    let _ = environment.run(&["access", "add", "prod", "alice"]).succeeds();
    let refused = write("apache").ends_with(1);
    assert!(refused.stderr.contains("`alice` is the name of two logins for prod"), "{refused}");
    users("nonsense\n");
    let refused = write("nginx").ends_with(1);
    assert!(refused.stderr.contains("a line reads NAME:HASH; nothing was written for prod"), "{refused}");
    assert_eq!(read("prod.htpasswd"), written, "what was written stays");
    let _ = environment.run(&["access", "revoke", "prod", "web1"]).succeeds();
    users("");
    let _ = write("nginx").succeeds();
    assert!(!read("prod.htpasswd").contains("web1"));
    let refused = write("haproxy").ends_with(1);
    assert!(refused.stderr.contains("needs no files of users"), "{refused}");
}
