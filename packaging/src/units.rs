//! The systemd units.
//!
//! Each has as little as it needs: what only reads or delivers has no keys, and jobs that sign have no network. `repo-api` and `repo` have
//! both, as they change repositories for clients. A unit that needs a store does nothing before there is one.

/// Where the store of the units is.
pub(crate) const ROOT: &str = "/var/lib/repo-cli";

/// What none of the services may do, whatever is wrong with it.
const CONFINED: &str = "\
NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
PrivateUsers=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
ProcSubset=pid
LockPersonality=yes
MemoryDenyWriteExecute=yes
RemoveIPC=yes
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
# A process that reads packages confines itself further; not every systemd counts these among the above.
SystemCallFilter=landlock_create_ruleset landlock_add_rule landlock_restrict_self seccomp
UMask=0077
";

/// A unit: its file name and its text.
pub(crate) type Unit = (String, String);

/// Returns all units.
pub(crate) fn units() -> Vec<Unit> {
    let mut units = vec![serve(), serve_socket(), api(), incoming(), all_in_one()];
    units.extend(hooks());
    for job in JOBS {
        units.push(job.service());
        units.push(job.timer());
    }
    units
}

/// Returns the units that may be enabled, by the package or by an administrator.
pub(crate) fn installable() -> Vec<String> {
    let has_install = |(name, text): &Unit| text.contains("[Install]") && !name.contains('@');
    units().into_iter().filter(has_install).map(|(name, _)| name).collect()
}

/// Returns the units that are enabled when the package is installed.
pub(crate) fn enabled() -> Vec<String> {
    let jobs = JOBS.iter().filter(|job| !job.is_template()).map(|job| format!("{}.timer", job.name));
    jobs.chain(["repo-hooks.path", "repo-hooks.timer"].map(str::to_owned)).collect()
}

fn serve() -> Unit {
    let text = format!(
        "[Unit]
Description=Serve the package repositories in {ROOT}
Documentation=man:repo-cli-serve(1)
After=network.target
ConditionPathExists={ROOT}/repo.toml

[Service]
Type=notify
ExecStart=/usr/bin/repo-cli --root {ROOT} serve --only files
ExecReload=/bin/kill -HUP $MAINPID
Restart=on-failure
WatchdogSec=60
# Answers in progress have half a minute.
TimeoutStopSec=45
User=repo-cli
LimitNOFILE=65536
# Which machines were seen: all that it may write of the store.
StateDirectory=repo-cli/store/machines
StateDirectoryMode=0755
# For `access_log`.
LogsDirectory=repo-cli
LogsDirectoryMode=0750
# It reads what is published, and no key.
InaccessiblePaths=-{ROOT}/keys
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
{CONFINED}
[Install]
WantedBy=multi-user.target
"
    );
    ("repo-serve.service".to_owned(), text)
}

/// It runs verbs that write, and that sign.
fn api() -> Unit {
    let text = format!(
        "[Unit]
Description=Change the package repositories in {ROOT} for programs
Documentation=man:repo-cli-serve(1)
After=network.target
ConditionPathExists={ROOT}/repo.toml

[Service]
Type=notify
ExecStart=/usr/bin/repo-cli --root {ROOT} serve --only api
ExecReload=/bin/kill -HUP $MAINPID
Restart=on-failure
WatchdogSec=60
# Answers in progress have half a minute. A verb that takes longer goes on to its end.
TimeoutStopSec=45
KillMode=process
User=repo-cli
LimitNOFILE=65536
ReadWritePaths=-{ROOT}
# For `access_log`.
LogsDirectory=repo-cli
LogsDirectoryMode=0750
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
{CONFINED}
[Install]
WantedBy=multi-user.target
"
    );
    ("repo-api.service".to_owned(), text)
}

fn serve_socket() -> Unit {
    let text = "[Unit]
Description=Where package repositories are served

[Socket]
# Also a port below 1024, which the service itself may not open.
ListenStream=127.0.0.1:8080
# The service is restarted without a refused connection: new ones wait here until it is back.
Backlog=4096

[Install]
WantedBy=sockets.target
";
    ("repo-serve.socket".to_owned(), text.to_owned())
}

/// It reads and writes in folders of others, whose owners count: so it sees them as they are, and more of the file system than the rest.
fn incoming() -> Unit {
    let confined =
        CONFINED.replace("ProtectSystem=strict\n", "ProtectSystem=full\n").replace("PrivateUsers=yes\n", "");
    let text = format!(
        "[Unit]
Description=Take packages out of the drop folders of {ROOT}/repo.toml
Documentation=man:repo-cli-incoming(1)
ConditionPathExists={ROOT}/repo.toml

[Service]
Type=exec
ExecStart=/usr/bin/repo-cli --root {ROOT} incoming
ExecReload=/bin/kill -HUP $MAINPID
Restart=on-failure
User=repo-cli
Environment=REPO_HOOKS=spool
PrivateNetwork=yes
IPAddressDeny=any
RestrictAddressFamilies=AF_UNIX
{confined}
[Install]
WantedBy=multi-user.target
"
    );
    ("repo-incoming.service".to_owned(), text)
}

/// Deliver events to hooks. The service has a network and writes to the store, but has no keys. It begins when an event comes, and
/// again for what could not be delivered.
fn hooks() -> [Unit; 3] {
    let service = format!(
        "[Unit]
Description=Tell other systems what happened in {ROOT}
Documentation=man:repo-cli-hooks(1)
After=network-online.target
Wants=network-online.target
ConditionPathExists={ROOT}/repo.toml
ConditionDirectoryNotEmpty={ROOT}/store/hooks
StartLimitIntervalSec=0

[Service]
Type=oneshot
ExecStart=/usr/bin/repo-cli --root {ROOT} --quiet hooks deliver
User=repo-cli
ReadWritePaths=-{ROOT}
InaccessiblePaths=-{ROOT}/keys
RestrictAddressFamilies=AF_INET AF_INET6 AF_NETLINK AF_UNIX
{CONFINED}"
    );
    let path = format!(
        "[Unit]
Description=Tell other systems what happened in {ROOT}, at once

[Path]
PathChanged={ROOT}/store/hooks

[Install]
WantedBy=paths.target
"
    );
    let timer = format!(
        "[Unit]
Description=Tell other systems what happened in {ROOT}, from time to time

[Timer]
OnCalendar=*:0/5

[Install]
WantedBy=timers.target
"
    );
    let named = |end: &str, text| (format!("repo-hooks.{end}"), text);
    [named("service", service), named("path", path), named("timer", timer)]
}

/// Serves and does what `[schedule]` says, in place of all other units: for a small site that wants one service. It has the keys.
fn all_in_one() -> Unit {
    let others: Vec<String> =
        ["repo-serve.service", "repo-serve.socket", "repo-api.service", "repo-incoming.service"]
            .into_iter()
            .map(str::to_owned)
            .chain(enabled())
            .collect();
    let confined =
        CONFINED.replace("ProtectSystem=strict\n", "ProtectSystem=full\n").replace("PrivateUsers=yes\n", "");
    let text = format!(
        "[Unit]
Description=Serve the package repositories in {ROOT}, and do what its [schedule] says
Documentation=man:repo-cli-serve(1)
After=network.target
Conflicts={}
ConditionPathExists={ROOT}/repo.toml

[Service]
Type=notify
ExecStart=/usr/bin/repo-cli --root {ROOT} serve
ExecReload=/bin/kill -HUP $MAINPID
Restart=on-failure
WatchdogSec=60
# As for repo-api.service. What [schedule] started ends with the server.
TimeoutStopSec=45
KillMode=process
User=repo-cli
LogsDirectory=repo-cli
LogsDirectoryMode=0750
LimitNOFILE=65536
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
{confined}
[Install]
WantedBy=multi-user.target
",
        others.join(" ")
    );
    ("repo.service".to_owned(), text)
}

/// What is done from time to time.
struct Job {
    /// The name of its units.
    name: &'static str,
    what: &'static str,
    /// The verb with its arguments.
    verb: &'static str,
    when: &'static str,
    /// Other lines of the service.
    besides: &'static str,
}

/// Each at another time of the night: they would only wait for each other.
const JOBS: &[Job] = &[
    Job {
        name: "repo-publish",
        what: "Publish what waits, and sign again what clients will refuse soon",
        verb: "publish",
        when: "daily",
        besides: "",
    },
    Job {
        name: "repo-retention",
        what: "Take out old versions by the rules of repo.toml",
        verb: "retention",
        when: "*-*-* 01:00",
        besides: "",
    },
    Job {
        name: "repo-gc",
        what: "Remove files that nothing refers to",
        verb: "gc",
        when: "Sun *-*-* 02:00",
        besides: "",
    },
    Job {
        name: "repo-fsck",
        what: "Check that everything in the store is what was written",
        verb: "fsck",
        when: "*-*-01 03:00",
        besides: "IOSchedulingClass=idle\nNice=19\n",
    },
    Job {
        name: "repo-backup@",
        what: "Save the store in %f",
        verb: "backup %f",
        when: "*-*-* 04:00",
        besides: "ReadWritePaths=%f\n",
    },
];

impl Job {
    fn is_template(&self) -> bool {
        self.name.ends_with('@')
    }

    fn service(&self) -> Unit {
        let Self { name, what, verb, besides, .. } = self;
        let page = verb.split(' ').next().unwrap_or(verb);
        let text = format!(
            "[Unit]
Description={what}
Documentation=man:repo-cli-{page}(1)
ConditionPathExists={ROOT}/repo.toml

[Service]
Type=oneshot
ExecStart=/usr/bin/repo-cli --root {ROOT} {verb}
User=repo-cli
ReadWritePaths=-{ROOT}
{besides}Environment=REPO_HOOKS=spool
PrivateNetwork=yes
IPAddressDeny=any
RestrictAddressFamilies=AF_UNIX
{CONFINED}"
        );
        (format!("{name}.service"), text)
    }

    fn timer(&self) -> Unit {
        let Self { name, what, when, .. } = self;
        let text = format!(
            "[Unit]
Description={what}, from time to time

[Timer]
OnCalendar={when}
RandomizedDelaySec=30min
Persistent=yes

[Install]
WantedBy=timers.target
"
        );
        (format!("{name}.timer"), text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_read_as_they_should() {
        let all: Vec<String> = units().iter().map(|(name, text)| format!("==== {name}\n{text}")).collect();
        insta::assert_snapshot!(all.join("\n"));
    }

    #[test]
    fn what_is_enabled_is_there_and_is_no_template() {
        let names: Vec<String> = units().into_iter().map(|(name, _)| name).collect();
        assert!(!enabled().is_empty());
        for unit in enabled() {
            assert!(names.contains(&unit) && !unit.contains('@'), "{unit}");
        }
    }
}
