//! The configuration of HAProxy, which serves no files: `serve` answers everything, and decides about access.

use std::fmt::Write as _;

use super::{Door, Front, FrontServer, words};

/// Connections of one client at a time. apt opens one for each source.
const CONNECTIONS_OF_ONE: u32 = 100;

/// The file with the certificate and its key together, as HAProxy reads them.
const PEM: &str = "/etc/haproxy/repo-cli.pem";

/// Returns the whole file.
pub(super) fn configuration(front: &Front) -> String {
    let mut text = words::introduction(front, FrontServer::Haproxy);
    text.push_str("# Put this into /etc/haproxy/haproxy.cfg, run haproxy -c -f on it, and reload HAProxy.\n");
    if let Some((certificate, key)) = front.tls.as_ref().filter(|_| front.speaks_tls()) {
        let _ = writeln!(
            text,
            "# It reads the certificate and its key from one file; make it again when they change:\n#     (umask 077; cat '{certificate}' '{key}' >{PEM})"
        );
    }
    text.push_str(&words::passed_on(front, FrontServer::Haproxy));
    text.push_str(DEFAULTS);
    text.push_str(&frontend(front));
    let passed_on = &front.passed_on;
    if let Some(address) = &passed_on.files {
        text.push_str(&backend("files", address, HEALTH));
    }
    if let Some(address) = &passed_on.api {
        text.push_str(&backend("api", address, "    timeout server 1h\n"));
    }
    text
}

/// How it is known whether `serve` can answer. What is only for the interface for programs does not answer there.
const HEALTH: &str = "    option httpchk\n    http-check send meth GET uri /healthz ver HTTP/1.1 hdr Host localhost\n    http-check expect status 200\n";

/// Everything that does not depend on the store.
const DEFAULTS: &str = "
global
    maxconn 4096
    log stdout format raw local0 info
    ssl-default-bind-options ssl-min-ver TLSv1.2

defaults
    mode http
    log global
    option httplog
    option dontlognull
    timeout connect 5s
    timeout client 60s
    timeout server 60s
    timeout http-request 10s
    timeout http-keep-alive 60s
    timeout queue 20s
    http-error status 503 content-type text/plain string \"try again\\n\" hdr Retry-After 5 hdr Cache-Control no-store
";

fn frontend(front: &Front) -> String {
    let mut text = "\nfrontend repositories\n".to_owned();
    let mut doors: Vec<&Door> = Vec::new();
    for host in &front.hosts {
        if !doors.iter().any(|door| door.port == host.door.port && door.is_tls == host.door.is_tls) {
            doors.push(&host.door);
        }
    }
    for Door { port, is_tls, .. } in doors {
        let (comment, tls) = match (is_tls, &front.tls) {
            (false, _) => ("", String::new()),
            (true, Some(_)) => ("", format!(" ssl crt {PEM} alpn http/1.1")),
            (true, None) => ("# ", format!(" ssl crt {PEM} alpn http/1.1")),
        };
        let _ = writeln!(text, "    {comment}bind :::{port} v4v6{tls}");
    }
    // Load alone is answered with 429; who may read is for `serve` to say.
    let _ = write!(
        text,
        "    stick-table type ipv6 size 100k expire 1m store conn_cur\n    tcp-request connection track-sc0 src\n    http-request return status 429 content-type text/plain string \"too many connections\\n\" hdr Retry-After 10 hdr Cache-Control no-store if {{ sc0_conn_cur gt {CONNECTIONS_OF_ONE} }}\n    http-request set-header X-Forwarded-For %[src]\n"
    );
    for host in front.hosts.iter().filter(|host| host.leads_to_tls) {
        let Some(name) = &host.door.name else { continue };
        let except: String =
            host.mounts.iter().map(|mount| format!(" !{{ path_beg {}/ }}", mount.path)).collect();
        let _ = writeln!(
            text,
            "    http-request redirect scheme https code 301 if !{{ ssl_fc }} {{ req.hdr(host),host_only -i {name} }}{except}"
        );
    }
    if front.passed_on.api.is_some() {
        // `serve` believes that the proxy speaks TLS with those who send it a token.
        text.push_str("    http-request deny deny_status 403 if { path_beg /api/ } !{ ssl_fc }\n    use_backend api if { path_beg /api/ }\n");
    }
    text.push_str("    default_backend files\n");
    text
}

fn backend(name: &str, address: &str, more: &str) -> String {
    format!("\nbackend {name}\n{more}    server serve {address} check maxconn 1000\n")
}
