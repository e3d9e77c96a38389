//! The configuration of Caddy.

use std::fmt::Write as _;

use super::{Admission, Front, FrontServer, Host, Mount, PassedOn, credentials, words};

/// Returns the whole Caddyfile.
pub(super) fn configuration(front: &Front) -> String {
    let mut text = words::introduction(front, FrontServer::Caddy);
    text.push_str("# Put this into /etc/caddy/Caddyfile, run caddy validate, and reload Caddy.\n");
    text.push_str(&words::credentials(front, FrontServer::Caddy));
    text.push_str(&words::passed_on(front, FrontServer::Caddy));
    // Which requests are led to TLS is said below.
    text.push_str("{\n\tauto_https disable_redirects\n}\n");
    for host in &front.hosts {
        text.push_str(&site(front, host));
    }
    text
}

fn site(front: &Front, host: &Host) -> String {
    let scheme = if host.door.is_tls { "https" } else { "http" };
    let name = host.door.name.as_deref().unwrap_or_default();
    let mut text = format!("\n{scheme}://{name}:{} {{\n", host.door.port);
    if host.door.is_tls {
        let line = match &front.tls {
            Some((certificate, key)) => format!("\ttls \"{certificate}\" \"{key}\"\n"),
            None => format!(
                "\t# Without this line Caddy gets a certificate by itself.\n\t# tls \"{}\" \"{}\"\n",
                words::CERTIFICATE,
                words::KEY
            ),
        };
        text.push_str(&line);
    }
    text.push_str(
        "\t# For `repo-cli machines import-log`:\n\t# log {\n\t# \toutput file /var/log/caddy/repo-cli.log\n\t# }\n\troute {\n",
    );
    if !host.leads_to_tls {
        text.push_str(&passed_on(&front.passed_on, host));
    }
    // What begins with a dot is reached through links of the repository alone.
    text.push_str("\t\t@hidden path_regexp /\\.\n\t\t@writing not method GET HEAD\n\t\t@malformed path_regexp \\x00\n\t\terror @malformed 400\n");
    for (place, mount) in (1..).zip(&host.mounts) {
        text.push_str(&handle(front, place, mount));
    }
    if host.leads_to_tls {
        let _ = writeln!(text, "\t\tredir https://{name}{{uri}} 301");
    } else if host.mounts.iter().all(|mount| !mount.path.is_empty()) {
        text.push_str("\t\terror 404\n");
    }
    text.push_str("\t}\n");
    // Fields that were set before stand in errors too, and no error may be kept for a year.
    text.push_str("\thandle_errors {\n\t\theader Cache-Control no-store\n\t\trespond \"{http.error.status_code} {http.error.status_text}\"\n\t}\n}\n");
    text
}

/// What `serve` answers. It decides about access itself.
fn passed_on(passed_on: &PassedOn, host: &Host) -> String {
    let mut text = String::new();
    if let Some(address) = &passed_on.files {
        let _ = write!(
            text,
            "\t\t@pages path_regexp ^/(-/.*)?$\n\t\thandle @pages {{\n\t\t\treverse_proxy {address}\n\t\t}}\n"
        );
    }
    if let Some(address) = passed_on.api_for(host) {
        let _ = write!(
            text,
            "\t\t@api path_regexp ^/api/\n\t\thandle @api {{\n\t\t\treverse_proxy {address} {{\n\t\t\t\tflush_interval -1\n\t\t\t}}\n\t\t}}\n"
        );
    }
    text
}

fn handle(front: &Front, place: usize, mount: &Mount) -> String {
    let Mount { path, directory, .. } = mount;
    let path_pattern = words::escaped(path);
    // A pattern and not `path`, which takes no account of letter case.
    let mut text = format!(
        "\t\t@mount{place} path_regexp ^{path_pattern}/\n\t\thandle @mount{place} {{\n\t\t\troute {{\n\t\t\t\terror @writing 405\n"
    );
    text.push_str(&access(front, mount));
    let _ = write!(
        text,
        "\t\t\t\terror @hidden 404\n\t\t\t\t@immutable path_regexp (?s)^{path_pattern}{}\n\t\t\t\theader Cache-Control \"{}\"\n\t\t\t\theader @immutable Cache-Control \"{}\"\n",
        words::IMMUTABLE,
        mount.cache_control(false),
        mount.cache_control(true)
    );
    if !path.is_empty() {
        let _ = writeln!(text, "\t\t\t\turi strip_prefix {path}");
    }
    let _ = write!(
        text,
        "\t\t\t\troot * \"{directory}\"\n\t\t\t\tfile_server {{\n\t\t\t\t\tdisable_canonical_uris\n\t\t\t\t}}\n\t\t\t}}\n\t\t}}\n"
    );
    text
}

/// Who is let in. Blocks in a `route` do not exclude each other, so each matcher says which addresses are spoken of before.
fn access(front: &Front, mount: &Mount) -> String {
    let admissions = &mount.admissions;
    let (mut text, mut before) = (String::new(), String::new());
    for (group, (networks, met)) in (1..).zip(&admissions.groups()) {
        let networks: Vec<String> = networks.iter().map(ToString::to_string).collect();
        let networks = networks.join(" ");
        let except =
            if before.is_empty() { String::new() } else { format!("\t\t\t\t\tnot remote_ip{before}\n") };
        let _ = write!(
            text,
            "\t\t\t\t@from{group} {{\n{except}\t\t\t\t\tremote_ip {networks}\n\t\t\t\t}}\n{}",
            admission(front, mount, *met, &format!(" @from{group}"))
        );
        let _ = write!(before, " {networks}");
    }
    if before.is_empty() {
        text.push_str(&admission(front, mount, admissions.otherwise, ""));
    } else {
        let met = admission(front, mount, admissions.otherwise, " @elsewhere");
        let _ = write!(text, "\t\t\t\t@elsewhere not remote_ip{before}\n{met}");
    }
    text
}

/// `matcher` has a blank in front, if it is not empty.
fn admission(front: &Front, mount: &Mount, admission: Admission, matcher: &str) -> String {
    match admission {
        Admission::Open => String::new(),
        Admission::Refused => format!("\t\t\t\terror{matcher} 403\n"),
        Admission::Login(set) => format!(
            "\t\t\t\tbasicauth{matcher} bcrypt \"{}\" {{\n\t\t\t\t\timport \"{}/{}.{}\"\n\t\t\t\t}}\n",
            mount.name(),
            front.credentials,
            mount.credentials(set),
            credentials::ending(FrontServer::Caddy)
        ),
    }
}
