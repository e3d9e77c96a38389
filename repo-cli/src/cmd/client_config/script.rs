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

/// What comes before the parts that differ.
const BEGINNING: &str = r#"(
set -eu
umask 022
if [ "$(id -u)" -ne 0 ]; then echo 'run this as root' >&2; exit 1; fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' HUP INT TERM
put() {
    if cmp -s "$1" "$2"; then chmod 644 "$2"; return 0; fi
    mkdir -p "${2%/*}"
    cp "$1" "${2%/*}/.${2##*/}.new"
    chmod 644 "${2%/*}/.${2##*/}.new"
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

/// Asks for the login, unless the machine has one for this address. It is written where only root can read it; a name that begins with a
/// dot is not read by apt before it is whole. Nothing of it is an argument of a program.
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
if [ "$login" != keep ]; then
    if [ "$login" = ask ]; then printf 'user name for %s: ' "$machine" >&2; fi
    read -r user <&3 || user=
    if [ "$login" = ask ]; then printf 'password: ' >&2; fi
    if [ -t 3 ]; then trap 'stty echo <&3; rm -rf "$work"' EXIT; stty -echo <&3; fi
    read -r password <&3 || password=
    if [ -t 3 ]; then stty echo <&3; trap 'rm -rf "$work"' EXIT; echo >&2; fi
    exec 3<&-
    if [ -z "$user" ] || [ -z "$password" ]; then echo 'a user name and a password are needed' >&2; exit 1; fi
    case "$user$password" in
    (*[[:space:]]*) echo 'apt cannot read a user name or a password with a blank in it' >&2; exit 1 ;;
    esac
    mkdir -p "${auth%/*}"
    if [ -e "$auth" ]; then cp -p "$auth" "$work/auth"; fi
    rm -f "${auth%/*}/.${auth##*/}.new"
    (umask 077; printf 'machine %s\nlogin %s\npassword %s\n' "$machine" "$user" "$password" > "${auth%/*}/.${auth##*/}.new")
    mv -f "${auth%/*}/.${auth##*/}.new" "$auth"
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

/// Puts the key and the entry in place. Two entries with different keys for one address make apt refuse every source of the machine: the
/// entry of this name is replaced, and if apt cannot read its sources with the new one, all is as it was before.
const END: &str = r#"
if dpkg -S "$keyring" > /dev/null 2>&1; then
    echo "keeping $keyring, which belongs to a package"
else
    put "$work/keyring" "$keyring"
fi
for old in "$list" "$entry"; do
    if [ -e "$old" ]; then cp -p "$old" "$work/${old##*/}"; fi
done
put "$work/entry" "$entry"
if [ -n "$outdated" ]; then mv -f "$list" "$list.save"; fi
if apt-get indextargets > /dev/null 2> "$work/said" < /dev/null; then :; else
    cat "$work/said" >&2
    rm -f "$entry"
    if [ -e "$work/${entry##*/}" ]; then cp -p "$work/${entry##*/}" "$entry"; fi
    if [ -e "$work/${list##*/}" ]; then cp -p "$work/${list##*/}" "$list"; rm -f "$list.save"; fi
    echo "apt cannot read its sources with this entry, so $entry is as it was before." >&2
    echo "Remove every other entry for $url, then try again. It is named in:" >&2
    grep -lsF "$url" /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources >&2 || :
    exit 1
fi
if apt-get update -o Dir::Etc::sourcelist="$entry" -o Dir::Etc::sourceparts=- -o APT::Get::List-Cleanup=0 \
    -o APT::Update::Error-Mode=any < /dev/null 2> "$work/said"; then cat "$work/said" >&2; else
    cat "$work/said" >&2
    if [ -n "${auth:-}" ] && grep -q ' 401 ' "$work/said" && [ "$(grep -c '^machine ' "$auth")" -eq 1 ]; then
        if [ -e "$work/auth" ]; then
            cp -p "$work/auth" "$auth"
            echo "The server refused the login, so $auth is as it was before." >&2
        else
            rm -f "$auth"
            echo "The server refused the login, so $auth is removed: paste this again to give another one." >&2
        fi
    fi
    exit 1
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
        text.push_str(BEGINNING);
        let variables = [
            ("url", self.url.to_string()),
            ("keyring", self.keyring_path.clone()),
            ("entry", self.sources_path()),
            ("list", self.sources_path().replace(".sources", ".list")),
        ];
        for (name, value) in variables {
            push(&mut text, format_args!("{name}={}\n", quoted(&value)));
        }
        text.push_str(OTHERS);
        text.push_str("\nbase64 -d > \"$work/keyring\" <<'END'\n");
        let key = STANDARD.encode(self.keyring.binary()?);
        for line in key.as_bytes().chunks(76) {
            push(&mut text, format_args!("{}\n", String::from_utf8_lossy(line)));
        }
        text.push_str("END\n");
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
        text.push_str(END);
        Ok(text)
    }

    fn heading(&self, blocks: &[Block]) -> String {
        let suites =
            |block: &Block| block.suites.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let what = match blocks {
            [block] if block.suites.is_empty() => format!("{}, the flat form", self.url),
            [block] => format!("{}, suite {}", self.url, suites(block)),
            blocks => {
                let all = blocks.iter().map(suites).collect::<Vec<_>>().join(" or ");
                format!("{}, suite {all} by the release of the machine", self.url)
            }
        };
        format!("# {what}: paste all of this into a root shell; again after a change of keys\n")
    }

    /// Returns the command that writes the entry of a block.
    fn written(&self, block: &Block) -> String {
        format!("cat > \"$work/entry\" <<'END'\n{}END\n", self.entry(block))
    }
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
