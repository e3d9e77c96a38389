//! The configuration of Apache.

use std::fmt::Write as _;

use super::{Admission, Admissions, Front, FrontServer, Host, Mount, PassedOn, credentials, words};

/// The modules that the configuration needs besides those that Debian enables.
const MODULES: &str = "allowmethods headers";

/// Returns the whole file, a site of Apache.
pub(super) fn configuration(front: &Front) -> String {
    let mut text = words::introduction(front, FrontServer::Apache);
    let tls = if front.speaks_tls() { " ssl" } else { "" };
    let passes = front.passed_on.files.is_some() || front.passed_on.api.is_some();
    let proxy = if passes { " proxy proxy_http" } else { "" };
    let _ = writeln!(
        text,
        "# Put this into /etc/apache2/sites-available/repo-cli.conf, then:\n#     a2enmod {MODULES}{tls}{proxy}\n#     a2ensite repo-cli\n#     apache2ctl configtest && systemctl reload apache2"
    );
    text.push_str(&words::credentials(front, FrontServer::Apache));
    text.push_str(&words::passed_on(front, FrontServer::Apache));
    let mut ports: Vec<u16> = front.hosts.iter().map(|host| host.door.port).collect();
    ports.sort_unstable();
    ports.dedup();
    // Debian listens at these already.
    for port in ports.into_iter().filter(|port| !matches!(port, 80 | 443)) {
        let _ = write!(text, "\nListen {port}");
    }
    text.push('\n');
    for host in &front.hosts {
        text.push_str(&virtual_host(front, host));
    }
    text
}

fn virtual_host(front: &Front, host: &Host) -> String {
    let mut text = format!("\n<VirtualHost *:{}>\n", host.door.port);
    if let Some(name) = &host.door.name {
        let _ = writeln!(text, "    ServerName {name}");
    }
    if host.door.is_tls {
        text.push_str(&tls(front));
    }
    // A compressed answer knows no ranges, and packages are compressed already.
    let _ = write!(
        text,
        "    DocumentRoot \"{}/public\"\n    TraceEnable off\n    AllowEncodedSlashes Off\n    SetEnv no-gzip 1\n",
        front.store
    );
    text.push_str("    # For `repo-cli machines import-log`:\n    # CustomLog \"${APACHE_LOG_DIR}/repo-cli.log\" combined\n");
    if !host.leads_to_tls {
        text.push_str(&passed_on(&front.passed_on, host));
    }
    text.push_str(&aliases(host));
    text.push_str("    <Directory \"");
    let _ = write!(
        text,
        "{}/public\">\n        Options FollowSymLinks\n        AllowOverride None\n        Require all denied\n    </Directory>\n",
        front.store
    );
    for mount in &host.mounts {
        text.push_str(&directory(front, mount));
    }
    // These come after what is said of directories.
    for mount in &host.mounts {
        let _ = write!(
            text,
            "    <LocationMatch \"(?s)^{}{}\">\n        Header set Cache-Control \"{}\"\n    </LocationMatch>\n",
            words::escaped(&mount.path),
            words::IMMUTABLE,
            mount.cache_control(true)
        );
    }
    text.push_str("</VirtualHost>\n");
    text
}

fn tls(front: &Front) -> String {
    let (certificate, key, comment) = words::certificate(front);
    format!(
        "    SSLEngine on\n    SSLProtocol -all +TLSv1.2 +TLSv1.3\n    {comment}SSLCertificateFile \"{certificate}\"\n    {comment}SSLCertificateKeyFile \"{key}\"\n"
    )
}

/// What `serve` answers. It decides about access itself.
fn passed_on(passed_on: &PassedOn, host: &Host) -> String {
    let mut text = String::new();
    if passed_on.files.is_some() || passed_on.api_for(host).is_some() {
        // What a client says of others is not passed on.
        text.push_str("    ProxyPreserveHost On\n    RequestHeader unset X-Forwarded-For early\n");
    }
    if let Some(address) = &passed_on.files {
        let _ = write!(
            text,
            "    ProxyPassMatch \"^/$\" \"http://{address}/\"\n    ProxyPass \"/-/\" \"http://{address}/-/\" nocanon\n"
        );
    }
    if let Some(address) = passed_on.api_for(host) {
        // Uploads are large, and progress is told while an operation goes on.
        let _ = write!(
            text,
            "    ProxyPass \"/api/\" \"http://{address}/api/\" nocanon timeout=3600 flushpackets=on\n    <Location \"/api/\">\n        LimitRequestBody 0\n    </Location>\n"
        );
    }
    text
}

/// Which path leads to which directory. What is not named is not there.
fn aliases(host: &Host) -> String {
    let mut text = String::new();
    if host.leads_to_tls {
        let others: Vec<String> =
            host.mounts.iter().map(|mount| format!("{}/", words::escaped(&mount.path))).collect();
        let name = host.door.name.as_deref().unwrap_or_default();
        let except = if others.is_empty() { String::new() } else { format!("(?!{})", others.join("|")) };
        let _ = writeln!(text, "    RedirectMatch 301 \"(?s)^{except}(.*)$\" \"https://{name}$1\"");
    }
    // What begins with a dot is reached through links of the repository alone.
    text.push_str("    RedirectMatch 404 \"/\\.\"\n");
    if host.mounts.iter().all(|mount| !mount.path.is_empty()) && !host.leads_to_tls {
        let paths: Vec<String> =
            host.mounts.iter().map(|mount| words::escaped(mount.path.trim_start_matches('/'))).collect();
        let _ = writeln!(text, "    RedirectMatch 404 \"^/(?!({})/)\"", paths.join("|"));
    }
    for Mount { path, directory, .. } in &host.mounts {
        let _ = writeln!(text, "    Alias \"{path}/\" \"{directory}/\"");
    }
    text
}

fn directory(front: &Front, mount: &Mount) -> String {
    let Mount { directory, admissions, .. } = mount;
    let mut text = format!(
        "    <Directory \"{directory}\">\n        Options FollowSymLinks\n        AllowOverride None\n        AllowMethods GET HEAD\n        DirectorySlash Off\n        SetHandler default-handler\n"
    );
    if !admissions.logins.is_empty() {
        let _ = write!(
            text,
            "        AuthType Basic\n        AuthName \"{}\"\n        AuthBasicProvider file\n",
            mount.name()
        );
    }
    text.push_str(&access(front, mount, admissions));
    let _ = write!(
        text,
        "        Header set Cache-Control \"{}\"\n        Header always set Cache-Control no-store \"expr=%{{REQUEST_STATUS}} -ge 400\"\n    </Directory>\n",
        mount.cache_control(false)
    );
    text
}

/// Who is let in. The first section that fits decides.
fn access(front: &Front, mount: &Mount, admissions: &Admissions) -> String {
    if admissions.networks.is_empty() {
        return admission(front, mount, admissions.otherwise, "        ");
    }
    let mut text = "        Require all denied\n".to_owned();
    for (place, (networks, met)) in admissions.groups().iter().enumerate() {
        let section = if place == 0 { "If" } else { "ElseIf" };
        let tests: Vec<String> = networks.iter().map(|network| format!("-R '{network}'")).collect();
        let _ = write!(
            text,
            "        <{section} \"{}\">\n{}        </{section}>\n",
            tests.join(" || "),
            admission(front, mount, *met, "            ")
        );
    }
    let otherwise = admission(front, mount, admissions.otherwise, "            ");
    let _ = write!(text, "        <Else>\n{otherwise}        </Else>\n");
    text
}

fn admission(front: &Front, mount: &Mount, admission: Admission, indent: &str) -> String {
    match admission {
        Admission::Open => format!("{indent}Require all granted\n"),
        Admission::Refused => format!("{indent}Require all denied\n"),
        Admission::Login(set) => format!(
            "{indent}AuthUserFile \"{}/{}.{}\"\n{indent}Require valid-user\n",
            front.credentials,
            mount.credentials(set),
            credentials::ending(FrontServer::Apache)
        ),
    }
}
