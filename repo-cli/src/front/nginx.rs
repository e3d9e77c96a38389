//! The configuration of nginx.

use std::fmt::Write as _;

use super::{Admission, Front, FrontServer, Host, Mount, PassedOn, credentials, words};

/// Returns the whole file, for the block `http` of nginx.
pub(super) fn configuration(front: &Front) -> String {
    let mut text = words::introduction(front, FrontServer::Nginx);
    text.push_str("# Put this into /etc/nginx/conf.d/repo-cli.conf, run nginx -t, and reload nginx.\n");
    text.push_str(&words::credentials(front, FrontServer::Nginx));
    text.push_str(&words::passed_on(front, FrontServer::Nginx));
    text.push_str(&caching(front));
    for (place, mount) in numbered(front) {
        text.push_str(&admissions(place, mount));
    }
    for host in &front.hosts {
        text.push_str(&server(front, host));
    }
    text
}

/// The mounts with their numbers, from 1: names of repositories have characters that variables cannot have.
fn numbered(front: &Front) -> impl Iterator<Item = (usize, &Mount)> {
    (1..).zip(front.hosts.iter().flat_map(|host| &host.mounts))
}

/// The variables with the values of `Cache-Control`. Only good answers may be kept.
fn caching(front: &Front) -> String {
    let mut text = String::new();
    let mounts = || front.hosts.iter().flat_map(|host| &host.mounts);
    for is_restricted in [false, true] {
        let Some(mount) = mounts().find(|mount| mount.admissions.is_restricted() == is_restricted) else {
            continue;
        };
        let _ = write!(
            text,
            "\nmap \"$status $uri\" ${} {{\n    volatile;\n    default no-store;\n    \"~^(200|206|304) {}\" \"{}\";\n    \"~^(200|206|304) \" \"{}\";\n}}\n",
            cache_variable(mount),
            words::IMMUTABLE,
            mount.cache_control(true),
            mount.cache_control(false),
        );
    }
    text
}

fn cache_variable(mount: &Mount) -> &'static str {
    if mount.admissions.is_restricted() { "repo_cli_private" } else { "repo_cli_public" }
}

/// The variables that tell what a client meets at a mount, where its address decides.
fn admissions(place: usize, mount: &Mount) -> String {
    let admissions = &mount.admissions;
    if admissions.networks.is_empty() {
        return String::new();
    }
    let word = |admission: &Admission| match admission {
        Admission::Open => "open".to_owned(),
        Admission::Refused => "refused".to_owned(),
        Admission::Login(set) => format!("login-{}", set + 1),
    };
    let mut text = format!(
        "\n# Who comes from where: the smallest network decides.\ngeo $repo_cli_{place} {{\n    default {};\n",
        word(&admissions.otherwise)
    );
    for (network, admission) in &admissions.networks {
        let _ = writeln!(text, "    {network} {};", word(admission));
    }
    text.push_str("}\n");
    if !admissions.logins.is_empty() {
        let _ = write!(
            text,
            "map $repo_cli_{place} $repo_cli_{place}_realm {{\n    default \"{}\";\n    open off;\n}}\nmap $repo_cli_{place} $repo_cli_{place}_file {{\n",
            mount.name()
        );
        // Nobody is in a file that there is not.
        text.push_str("    default none;\n");
        for set in 0..admissions.logins.len() {
            let _ = writeln!(text, "    login-{} \"{}\";", set + 1, file(mount, set));
        }
        text.push_str("}\n");
    }
    text
}

fn file(mount: &Mount, set: usize) -> String {
    format!("{}.{}", mount.credentials(set), credentials::ending(FrontServer::Nginx))
}

fn server(front: &Front, host: &Host) -> String {
    let ssl = if host.door.is_tls { " ssl" } else { "" };
    let port = host.door.port;
    let name = host.door.name.as_deref().unwrap_or("_");
    let mut text = format!(
        "\nserver {{\n    listen {port}{ssl};\n    listen [::]:{port}{ssl};\n    server_name {name};\n"
    );
    if host.door.is_tls {
        text.push_str(&tls(front));
    }
    // A compressed answer knows no ranges, and packages are compressed already.
    text.push_str("    autoindex off;\n    gzip off;\n    if_modified_since exact;\n");
    if !host.leads_to_tls {
        text.push_str(&passed_on(&front.passed_on, host));
    }
    for (place, mount) in numbered(front) {
        if host.mounts.iter().any(|own| std::ptr::eq(own, mount)) {
            text.push_str(&location(front, place, mount));
        }
    }
    if host.leads_to_tls {
        let _ = write!(text, "\n    location / {{\n        return 301 https://{name}$request_uri;\n    }}\n");
    } else if host.mounts.iter().all(|mount| !mount.path.is_empty()) {
        text.push_str(
            "\n    location / {\n        add_header Cache-Control no-store always;\n        return 404;\n    }\n",
        );
    }
    text.push_str("}\n");
    text
}

fn tls(front: &Front) -> String {
    let (certificate, key, comment) = match &front.tls {
        Some((certificate, key)) => (certificate.as_str(), key.as_str(), ""),
        None => (words::CERTIFICATE, words::KEY, "# "),
    };
    format!(
        "    {comment}ssl_certificate \"{certificate}\";\n    {comment}ssl_certificate_key \"{key}\";\n    ssl_protocols TLSv1.2 TLSv1.3;\n"
    )
}

/// What `serve` answers. It decides about access itself.
fn passed_on(passed_on: &PassedOn, host: &Host) -> String {
    let fields = "        proxy_http_version 1.1;\n        proxy_set_header Host $http_host;\n        proxy_set_header X-Forwarded-For $remote_addr;\n";
    let mut text = String::new();
    if let Some(address) = &passed_on.files {
        for place in ["= /", "^~ /-/"] {
            let _ = write!(
                text,
                "\n    location {place} {{\n        proxy_pass http://{address};\n{fields}    }}\n"
            );
        }
    }
    if let Some(address) = passed_on.api_for(host) {
        // Uploads are large, and progress is told while an operation goes on.
        let _ = write!(
            text,
            "\n    location ^~ /api/ {{\n        proxy_pass http://{address};\n{fields}        client_max_body_size 0;\n        proxy_request_buffering off;\n        proxy_buffering off;\n        proxy_read_timeout 1h;\n    }}\n"
        );
    }
    text
}

fn location(front: &Front, place: usize, mount: &Mount) -> String {
    let Mount { path, directory, admissions, .. } = mount;
    let mut text = if path.is_empty() {
        "\n    location / {\n".to_owned()
    } else {
        format!("\n    location ^~ {path}/ {{\n")
    };
    text.push_str("        if ($request_method !~ \"^(GET|HEAD)$\") {\n            return 405;\n        }\n");
    let goes_by_address = !admissions.networks.is_empty();
    if goes_by_address {
        let _ = write!(
            text,
            "        if ($repo_cli_{place} = refused) {{\n            return 403;\n        }}\n"
        );
    }
    // What begins with a dot is reached through links of the repository alone.
    text.push_str("        if ($uri ~ \"/\\.\") {\n            return 404;\n        }\n");
    if !path.is_empty() {
        let _ = writeln!(text, "        rewrite \"(?s)^{}/(.*)$\" /$1 break;", words::escaped(path));
    }
    let _ = write!(
        text,
        "        root \"{directory}\";\n        try_files $uri =404;\n        add_header Cache-Control ${} always;\n",
        cache_variable(mount)
    );
    let credentials = &front.credentials;
    match admissions.otherwise {
        _ if goes_by_address && !admissions.logins.is_empty() => {
            let _ = write!(
                text,
                "        auth_basic $repo_cli_{place}_realm;\n        auth_basic_user_file \"{credentials}/$repo_cli_{place}_file\";\n"
            );
        }
        Admission::Login(set) => {
            let (name, file) = (mount.name(), file(mount, set));
            let _ = write!(
                text,
                "        auth_basic \"{name}\";\n        auth_basic_user_file \"{credentials}/{file}\";\n"
            );
        }
        // Those who are refused have their answer above.
        Admission::Open | Admission::Refused => {}
    }
    text.push_str("    }\n");
    text
}
