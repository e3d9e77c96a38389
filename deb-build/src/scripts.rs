//! The maintainer scripts: what debhelper would write for units, users, files and alternatives, and the snippets of the description.
//!
//! In `postinst` a snippet comes after users and files are there, and before services start; in `prerm` after services have stopped.
//! Each snippet runs in a shell of its own, so that its `exit 0` ends the snippet and not the script.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::error::Error;
use crate::folder::Folder;
use crate::owner::Ownership;
use crate::spec::{At, Spec, UnitRule};
use crate::tree::Tree;

/// Parts of the four scripts.
#[derive(Default)]
struct Scripts {
    preinst: String,
    postinst: String,
    prerm: String,
    postrm: String,
}

/// When `postinst` sets things up (Policy 6.5).
const CONFIGURE: &str = "configure | abort-upgrade | abort-deconfigure | abort-remove";

/// Returns the scripts that are needed, by their names.
pub(crate) fn scripts(
    spec: &Spec,
    tree: &Tree,
    folder: &Folder,
) -> Result<BTreeMap<&'static str, Vec<u8>>, Error> {
    let mut scripts = Scripts::default();
    let name = spec.name.as_str();
    let mut setup = String::new();
    if spec.sysusers.is_some() {
        let _ = writeln!(setup, "systemd-sysusers ${{DPKG_ROOT:+--root=\"$DPKG_ROOT\"}} {name}.conf");
    }
    if spec.tmpfiles.is_some() {
        let _ = writeln!(
            setup,
            "if [ -x \"$(command -v systemd-tmpfiles)\" ]; then\n    \
             systemd-tmpfiles ${{DPKG_ROOT:+--root=\"$DPKG_ROOT\"}} --create {name}.conf >/dev/null || true\nfi"
        );
    }
    let given = give_away(tree);
    if !given.is_empty() {
        scripts.postinst.push_str(GIVE_AWAY);
    }
    setup.push_str(&given);
    for alternative in &spec.alternatives {
        if tree.get(&alternative.path.value).is_none() {
            return Err(alternative.path.error("is not in the package"));
        }
        let (link, path) = (alternative.link.as_str(), alternative.path.value.as_str());
        let _ = writeln!(
            setup,
            "update-alternatives --install /{link} {} /{path} {}",
            alternative.name, alternative.priority
        );
        let _ = write!(
            scripts.prerm,
            "if [ \"$1\" = remove ] || [ \"$1\" = deconfigure ]; then\n    update-alternatives --remove {} /{path}\nfi\n",
            alternative.name
        );
    }
    scripts.postinst.push_str(&when_configured(&setup));
    let units = Units::of(spec, folder)?;
    let mut snippets: BTreeMap<&str, String> = BTreeMap::new();
    for (script, path) in &spec.snippets {
        snippets.insert(script, snippet(path, &folder.read_text(path)?)?);
    }
    let snippet = |script: &str| snippets.get(script).map_or("", String::as_str);
    scripts.preinst.push_str(snippet("preinst"));
    scripts.postinst.push_str(snippet("postinst"));
    scripts.postinst.push_str(&units.postinst());
    scripts.prerm = format!("{}{}{}", units.prerm(), snippet("prerm"), scripts.prerm);
    scripts.postrm = format!("{}{}", snippet("postrm"), units.postrm());
    let Scripts { preinst, postinst, prerm, postrm } = scripts;
    let all = [("preinst", preinst), ("postinst", postinst), ("prerm", prerm), ("postrm", postrm)];
    let all = all.into_iter().filter(|(_, body)| !body.is_empty());
    Ok(all.map(|(script, body)| (script, format!("#!/bin/sh\nset -e\n\n{body}").into_bytes())).collect())
}

/// Wraps commands so that they run when the package is being set up.
fn when_configured(commands: &str) -> String {
    if commands.is_empty() {
        return String::new();
    }
    format!("case \"$1\" in\n{CONFIGURE})\n{}    ;;\n*) ;;\nesac\n\n", indented(commands))
}

fn indented(commands: &str) -> String {
    commands.lines().fold(String::new(), |mut out, line| {
        let _ = writeln!(out, "    {line}");
        out
    })
}

/// Gives a path to a user, with arguments for the owner, the permissions and the path.
///
/// It leaves alone what the administrator removed (dpkg does not bring back a configuration file), made a link of, or decided otherwise
/// (Policy 10.9.1). Below a directory of somebody else, that user could put a link in the place of any part of the path while the script
/// looks; so nothing is given away there, as systemd-tmpfiles does it.
const GIVE_AWAY: &str = r#"give_away() (
    path="$DPKG_ROOT$3"
    if [ -L "$path" ] || ! [ -e "$path" ] || dpkg-statoverride --list "$3" >/dev/null; then
        return 0
    fi
    above="${3%/*}"
    while [ -n "$above" ]; do
        if [ "$(stat -L -c %u "$DPKG_ROOT$above")" != 0 ]; then
            echo "warning: $3 keeps its owner, because $above does not belong to root" >&2
            return 0
        fi
        above="${above%/*}"
    done
    chown -h "$1" "$path"
    chmod "$2" "$path"
)

"#;

/// Gives files and directories to users whose numbers the machine decides.
fn give_away(tree: &Tree) -> String {
    let mut out = String::new();
    for (path, entry) in tree.entries() {
        let Ownership::Dynamic { user, group } = &entry.owner else { continue };
        let path = quoted(&format!("/{path}"));
        let _ = writeln!(out, "give_away {user}:{group} {:04o} {path}", entry.mode);
    }
    out
}

/// Quotes a word for a shell.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// Reads a snippet: commands for /bin/sh, which see the arguments of the script.
fn snippet(named: &At<String>, text: &str) -> Result<String, Error> {
    let mut body = text;
    if let Some(first) = text.strip_prefix("#!") {
        let (interpreter, rest) = first.split_once('\n').unwrap_or((first, ""));
        let program = interpreter.split_whitespace().next().unwrap_or_default();
        if !matches!(program, "/bin/sh" | "/usr/bin/sh") {
            return Err(named.error(format!(
                "{} is for {program}: parts of maintainer scripts are for /bin/sh",
                named.value
            )));
        }
        body = rest;
    }
    if text.contains('\r') {
        return Err(
            named.error(format!("{} has carriage returns, which a shell takes for letters", named.value))
        );
    }
    Ok(if body.trim().is_empty() { String::new() } else { format!("(\n{}\n)\n\n", body.trim_end()) })
}

/// What the scripts do with units.
struct Units {
    /// Each with whether it is enabled.
    all: Vec<(String, bool)>,
    started: Vec<String>,
    restarted: Vec<String>,
    /// Those that may run and are stopped with the package.
    stopped: Vec<String>,
}

impl Units {
    fn of(spec: &Spec, folder: &Folder) -> Result<Self, Error> {
        let mut units =
            Self { all: Vec::new(), started: Vec::new(), restarted: Vec::new(), stopped: Vec::new() };
        for rule in &spec.units {
            let UnitRule { file, enable, start, restart } = rule;
            let name = file.value.rsplit('/').next().unwrap_or_default().to_owned();
            let has_install = folder.read_text(file)?.lines().any(|line| line.trim() == "[Install]");
            let is_template = name.contains("@.");
            if *enable == Some(true) && !has_install {
                return Err(file.error(format!("{name} has no [Install] section, so it cannot be enabled")));
            }
            if is_template && *start == Some(true) {
                return Err(file.error(format!("{name} is a template, so it cannot be started by itself")));
            }
            let is_enabled = enable.unwrap_or(has_install && !is_template);
            let is_started = start.unwrap_or(is_enabled && !is_template);
            if is_started {
                units.started.push(name.clone());
            }
            if is_started && *restart {
                units.restarted.push(name.clone());
            }
            if !is_template {
                units.stopped.push(name.clone());
            }
            if has_install && !is_template {
                units.all.push((name, is_enabled));
            }
        }
        Ok(units)
    }

    fn postinst(&self) -> String {
        let mut commands = String::new();
        for (unit, is_enabled) in &self.all {
            // An administrator who disabled a unit finds it disabled after an upgrade.
            let was_enabled = if *is_enabled { "" } else { "deb-systemd-helper debian-installed UNIT && " };
            let text = format!(
                "deb-systemd-helper unmask UNIT >/dev/null || true\n\
                 if {was_enabled}deb-systemd-helper --quiet was-enabled UNIT; then\n    \
                     deb-systemd-helper enable UNIT >/dev/null || true\n\
                 else\n    \
                     deb-systemd-helper update-state UNIT >/dev/null || true\n\
                 fi\n"
            );
            commands.push_str(&text.replace("UNIT", &quoted(unit)));
        }
        if !self.stopped.is_empty() {
            commands.push_str("if [ -z \"${DPKG_ROOT:-}\" ] && [ -d /run/systemd/system ]; then\n");
            commands.push_str("    systemctl --system daemon-reload >/dev/null || true\n");
            let kept: Vec<&String> =
                self.started.iter().filter(|unit| !self.restarted.contains(unit)).collect();
            if !kept.is_empty() {
                let _ = writeln!(commands, "    deb-systemd-invoke start{} >/dev/null || true", list(kept));
            }
            if !self.restarted.is_empty() {
                let units = list(&self.restarted);
                let _ = write!(
                    commands,
                    "    if [ -n \"$2\" ]; then\n        deb-systemd-invoke restart{units} >/dev/null || true\n    \
                     else\n        deb-systemd-invoke start{units} >/dev/null || true\n    fi\n"
                );
            }
            commands.push_str("fi\n");
        }
        when_configured(&commands)
    }

    fn prerm(&self) -> String {
        if self.stopped.is_empty() {
            return String::new();
        }
        format!(
            "if [ -z \"${{DPKG_ROOT:-}}\" ] && [ \"$1\" = remove ] && [ -d /run/systemd/system ]; then\n    \
             deb-systemd-invoke stop{} >/dev/null || true\nfi\n\n",
            list(&self.stopped)
        )
    }

    fn postrm(&self) -> String {
        let mut out = String::new();
        if !self.stopped.is_empty() {
            out.push_str(
                "if [ \"$1\" = remove ] && [ -d /run/systemd/system ]; then\n    \
                 systemctl --system daemon-reload >/dev/null || true\nfi\n\n",
            );
        }
        if !self.all.is_empty() {
            let _ = write!(
                out,
                "if [ \"$1\" = purge ] && command -v deb-systemd-helper >/dev/null; then\n    \
                 deb-systemd-helper purge{} >/dev/null || true\nfi\n",
                list(self.all.iter().map(|(unit, _)| unit))
            );
        }
        out
    }
}

/// The names of units as arguments, each with a blank before it.
fn list<'a>(units: impl IntoIterator<Item = &'a String>) -> String {
    units.into_iter().fold(String::new(), |mut out, unit| {
        let _ = write!(out, " {}", quoted(unit));
        out
    })
}
