//! The script that sets up a machine: what a person pastes into a root shell.
//!
//! It needs what the smallest Debian has: sh, coreutils, sed, grep, dpkg and apt. It is one list in parentheses, so that a shell reads all of
//! it before it runs any of it, and an error ends it and not the shell it was pasted into. No line has an exclamation mark, which
//! an interactive shell replaces, nor a tab, which it completes.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use deb_parse::Architecture;

use super::setup::{Block, Setup};
use crate::error::Failure;

/// How every script begins.
const BEGINNING: &str = r#"(
set -eu
umask 022
if [ "$(id -u)" -ne 0 ]; then echo 'run this as root' >&2; exit 1; fi
"#;

/// How files are changed. What `put` and `keep` touch is as it was before, to the byte, unless all of it was done.
const CHANGES: &str = r#"work=$(mktemp -d)
kept=0
made=
undo() {
    while [ "$kept" -gt 0 ]; do
        file=$(cat "$work/$kept.name")
        rm -f "${file%/*}/.${file##*/}.new"
        if [ -e "$work/$kept.was" ]; then mv -f "$work/$kept.was" "$file"; else rm -f "$file"; fi
        kept=$((kept - 1))
    done
    for directory in $made; do rmdir "$directory" || :; done
    made=
}
trap 'undo; rm -rf "$work"' EXIT
trap 'exit 130' HUP INT TERM
keep() {
    echo "$1" > "$work/$((kept + 1)).name"
    if [ -e "$1" ]; then cp -p "$1" "$work/$((kept + 1)).was"; fi
    kept=$((kept + 1))
}
put() {
    if cmp -s "$1" "$2"; then chmod "$3" "$2"; return 0; fi
    if [ -d "${2%/*}" ]; then :; else made="${2%/*} $made"; mkdir -p "${2%/*}"; fi
    keep "$2"
    rm -f "${2%/*}/.${2##*/}.new"
    (umask 077; cat "$1" > "${2%/*}/.${2##*/}.new")
    chmod "$3" "${2%/*}/.${2##*/}.new"
    mv -f "${2%/*}/.${2##*/}.new" "$2"
}
"#;

/// Stops before anything is written when other sources stand in the files that it would replace.
const OTHERS: &str = r#"
addresses='/^[Uu][Rr][Ii][Ss]:/{
s/^[^:]*://
:value
/^#/b more
s/^[[:space:]]*//
s/[[:space:]]*$//
/./p
:more
n
/^[[:space:]#]/b value
}'
if sed -n "$addresses" "$entry" 2> /dev/null | grep -qvxF -e "$url" -e "$url/"; then
    echo "$entry has a source with another address than $url; nothing was changed. Remove the file if you no longer need that" >&2
    echo 'source, or give it another name. Then paste this again.' >&2
    exit 1
fi
active() { grep -sE '^[[:space:]]*deb(-src)?[[:space:]]' "$list" | tr '[:blank:]' ' '; }
outdated=
if active | grep -qF -e "$url " -e "$url/ "; then
    if active | grep -qvF -e "$url " -e "$url/ "; then
        echo "$list has other sources besides $url; nothing was changed. Remove the lines for $url and paste this again." >&2
        exit 1
    fi
    outdated=yes
fi
"#;

/// Asks for the login, unless the machine has one for this address. It is written where only root can read it. Nothing of it is an argument of a program.
/// The answers are read from the terminal, if there is one: on standard input there may be another such script. With `repo_login=stdin` they
/// are there, and take the place of the login that the machine has.
const LOGIN: &str = r#"
login=ask
if [ "${repo_login:-}" = stdin ]; then
    login=stdin
    exec 3<&0
elif grep -qsxF "machine $machine" "$auth"; then
    login=keep
    echo "keeping the login in $auth"
elif (: < /dev/tty) 2> /dev/null; then
    exec 3< /dev/tty
else
    exec 3<&0
fi
if [ "$login" = keep ]; then :; else
    if [ "$login" = ask ]; then printf 'user name for %s: ' "$machine" >&2; fi
    read -r user <&3 || user=
    if [ "$login" = ask ]; then printf 'password: ' >&2; fi
    if [ -t 3 ]; then trap 'stty echo <&3; undo; rm -rf "$work"' EXIT; stty -echo <&3; fi
    read -r password <&3 || password=
    if [ -t 3 ]; then stty echo <&3; trap 'undo; rm -rf "$work"' EXIT; echo >&2; fi
    exec 3<&-
    if [ -z "$user" ] || [ -z "$password" ]; then echo 'a user name and a password are needed' >&2; exit 1; fi
    case "$user$password" in
    (*[[:space:]]*) echo 'apt cannot read a user name or a password with a blank in it' >&2; exit 1 ;;
    esac
    (umask 077; printf 'machine %s\nlogin %s\npassword %s\n' "$machine" "$user" "$password" > "$work/login")
    put "$work/login" "$auth" 600
fi
"#;

/// Names the release of the machine as the distribution does that it is made from.
const RELEASE: &str = r#"
release=$(. /etc/os-release; echo "${UBUNTU_CODENAME:-${DEBIAN_CODENAME:-${VERSION_CODENAME:-unknown}}}")
case "$release" in
"#;

/// Takes out the architectures that the machine does not have, but not the last one: apt would load what cannot be installed.
const NARROW: &str = r#"    case "$mine" in
    (*" $other "*) ;;
    (*) sed -i "/^Architectures: /{s/^\(Architectures: .*\) $other\$/\1/;s/ $other / /;}" "$work/entry" ;;
    esac
done
"#;

/// Makes apt trust the authority that signed the certificate of the server, for that server alone.
const AUTHORITY: &str = r#"
put "$work/authority" "$authority" 644
printf 'Acquire::https::%s::CaInfo "%s";\n' "$host" "$authority" > "$work/conf"
put "$work/conf" "$conf" 644
"#;

/// Puts the key and the entry in place. Two entries with different keys for one address make apt refuse every source of the machine: the
/// entry of this name is replaced. A package of keys that the machine has is newer than an old script, but older than the repository where
/// the machine slept through a change of keys: its file is replaced when apt refuses the signature with it, and accepts it with the new
/// one. `apt-get update` may end with 0 though nothing can be installed: so it is looked for the package with the keys, where the
/// repository has it.
const END: &str = r#"
owned=
if dpkg -S "$keyring" > /dev/null 2>&1; then
    owned=yes
    echo "keeping $keyring, which belongs to a package"
else
    put "$work/keyring" "$keyring" 644
fi
put "$work/entry" "$entry" 644
if [ -n "$outdated" ]; then keep "$list"; keep "$list.save"; mv -f "$list" "$list.save"; fi
if apt-get indextargets > /dev/null 2> "$work/said" < /dev/null; then :; else
    undo
    cat "$work/said" >&2
    echo 'apt cannot read its sources with this entry, so everything is as it was before.' >&2
    echo "Remove every other entry for $url, then try again. It is named in:" >&2
    grep -lsF "$url" /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources >&2 || :
    exit 1
fi
update() {
    LC_ALL=C apt-get update -o Dir::Etc::sourcelist="$entry" -o Dir::Etc::sourceparts=- -o APT::Get::List-Cleanup=0 \
        -o APT::Update::Error-Mode=any < /dev/null 2> "$work/said"
}
replaced() {
    if [ -z "$owned" ] || cmp -s "$work/keyring" "$keyring"; then return 1; fi
    grep -qi signature "$work/said" || return 1
    echo "replacing $keyring: the repository has other keys than the package"
    put "$work/keyring" "$keyring" 644
}
if update || { replaced && update; }; then cat "$work/said" >&2; else
    undo
    cat "$work/said" >&2
    if grep -q ' 401 ' "$work/said"; then
        echo 'The server refused the login.' >&2
        if [ "${login:-}" = keep ]; then echo "Remove $auth to be asked for another one." >&2; fi
    fi
    echo "apt cannot read $url, so everything is as it was before." >&2
    exit 1
fi
if [ -n "$package" ]; then
    policy=$(LC_ALL=C apt-cache policy "$package")
    case "$policy" in
    (*'Candidate: (none)'*) ;;
    (*" $url "*) package= ;;
    esac
    if [ -n "$package" ]; then
        undo
        echo "apt has read $url, but cannot install $package from it, so everything is as it was before." >&2
        echo 'The machine may have another architecture than the repository, or a preference against it.' >&2
        exit 1
    fi
fi
kept=0
made=
"#;

/// Installs the metapackage of a profile, with what else the machine reads. The entry stays when that fails.
const PROFILE: &str = r#"
apt-get -q update < /dev/null || :
if DEBIAN_FRONTEND=noninteractive apt-get install -y "$profile" < /dev/null; then :; else
    echo "This machine reads $url, but apt cannot install $profile." >&2
    exit 1
fi
"#;

/// Takes back what the script did. What others put into the same files stays, as above.
const REMOVAL: &str = r#"
rm -f "$entry" "$auth" "$conf" "$authority"
if [ -n "$outdated" ]; then rm -f "$list"; fi
if dpkg -S "$keyring" > /dev/null 2>&1; then
    echo "keeping $keyring, which belongs to a package: apt-get purge $package removes it"
else
    rm -f "$keyring"
fi
)
"#;

impl Setup {
    /// Returns the script for all machines.
    ///
    /// # Errors
    /// When the library for signatures fails to write the key.
    pub(crate) fn whole_script(&self) -> Result<String, Failure> {
        self.script(&self.blocks)
    }

    /// Returns the script for the machines of these blocks. With several of them the release of the machine decides.
    ///
    /// # Errors
    /// When the library for signatures fails to write the key.
    pub(super) fn script(&self, blocks: &[Block]) -> Result<String, Failure> {
        let mut text = self.heading(blocks);
        let package = if self.has_keyring_package { self.keyring_package.as_str() } else { "" };
        text.push_str(BEGINNING);
        text.push_str(CHANGES);
        self.name_files(&mut text, &[("package", package)]);
        push_binary(&mut text, "keyring", &self.keyring.binary()?);
        if let Some(authority) = &self.authority {
            push_binary(&mut text, "authority", authority.as_bytes());
        }
        match blocks {
            [block] => push(&mut text, format_args!("\n{}", self.written(block))),
            blocks => {
                text.push_str(RELEASE);
                for block in blocks {
                    let suite = block.suites.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
                    push(&mut text, format_args!("\n({})\n{};;\n", quoted(&suite), self.written(block)));
                }
                let none = "no suite for the release of this machine (choose one with --suite):";
                push(
                    &mut text,
                    format_args!("\n(*) echo {} \"$release\" >&2; exit 1 ;;\nesac\n", quoted(none)),
                );
            }
        }
        let mut architectures: Vec<&str> =
            blocks.iter().flat_map(|block| &block.architectures).map(Architecture::as_str).collect();
        architectures.sort_unstable();
        architectures.dedup();
        if architectures.len() > 1 {
            text.push_str(
                "\nmine=\" $( (dpkg --print-architecture; dpkg --print-foreign-architectures) | tr '\\n' ' ')\"\n",
            );
            push(&mut text, format_args!("for other in {}; do\n{NARROW}", architectures.join(" ")));
        }
        if self.needs_password {
            let (machine, auth) = (quoted(&self.machine()), quoted(&self.auth_path()));
            push(&mut text, format_args!("\nmachine={machine}\nauth={auth}{LOGIN}"));
        }
        if self.authority.is_some() {
            let host = quoted(self.host());
            let (authority, conf) = (quoted(&self.authority_path()), quoted(&self.conf_path()));
            push(&mut text, format_args!("\nhost={host}\nauthority={authority}\nconf={conf}{AUTHORITY}"));
        }
        text.push_str(END);
        if let Some(profile) = &self.profile {
            push(&mut text, format_args!("profile={}{PROFILE}", quoted(profile)));
        }
        text.push_str(")\n");
        Ok(text)
    }

    /// Returns the script that takes back what the others do.
    pub(crate) fn removal(&self) -> String {
        let mut text =
            format!("# Takes {} off a machine: paste all of this into a root shell\n", self.source_url());
        let (auth, conf, authority) = (self.auth_path(), self.conf_path(), self.authority_path());
        let variables = [
            ("auth", &*auth),
            ("conf", &*conf),
            ("authority", &*authority),
            ("package", &*self.keyring_package),
        ];
        text.push_str(BEGINNING);
        self.name_files(&mut text, &variables);
        text.push_str(REMOVAL);
        text
    }

    /// Writes the names of the files, and what stops where others have something in them.
    fn name_files(&self, text: &mut String, variables: &[(&str, &str)]) {
        let (url, entry) = (self.source_url().to_string(), self.sources_path());
        let list = entry.replace(".sources", ".list");
        let all = [("url", &*url), ("keyring", &*self.keyring_path), ("entry", &*entry), ("list", &*list)];
        for (name, value) in all.iter().chain(variables) {
            push(text, format_args!("{name}={}\n", quoted(value)));
        }
        text.push_str(OTHERS);
    }

    fn heading(&self, blocks: &[Block]) -> String {
        let suites =
            |block: &Block| block.suites.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let url = self.source_url();
        let what = match blocks {
            [block] if block.suites.is_empty() => format!("{url}, the flat form"),
            [block] => format!("{url}, suite {}", suites(block)),
            blocks => {
                let all = blocks.iter().map(suites).collect::<Vec<_>>().join(" or ");
                format!("{url}, suite {all} by the release of the machine")
            }
        };
        format!("# {what}: paste all of this into a root shell; again after a change of keys\n")
    }

    /// Returns the command that writes the entry of a block.
    fn written(&self, block: &Block) -> String {
        format!("cat > \"$work/entry\" <<'END'\n{}END\n", self.entry(block))
    }
}

/// Writes the command that makes a file among those that are put in place later.
fn push_binary(text: &mut String, name: &str, bytes: &[u8]) {
    push(text, format_args!("\nbase64 -d > \"$work/{name}\" <<'END'\n"));
    for line in STANDARD.encode(bytes).as_bytes().chunks(76) {
        push(text, format_args!("{}\n", String::from_utf8_lossy(line)));
    }
    text.push_str("END\n");
}

fn push(text: &mut String, more: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = text.write_fmt(more);
}

/// Writes a word so that a shell reads it as it is.
pub(crate) fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/.,:_+=-".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}
