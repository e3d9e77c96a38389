//! The first minute: one command, and what it prints is what a client needs.

use testkit::{Apt, Environment, Output, Server};

use crate::PROGRAM;

fn quickstart(environment: &Environment, arguments: &[&str]) -> Server {
    let mut command = environment.command();
    command.env_remove("REPO_ROOT").args(["quickstart", "--listen", "127.0.0.1:0", "demo"]).args(arguments);
    Server::start(&mut command)
}

/// The text from `(` to `)`: what is to be pasted.
fn pasted(printed: &str) -> &str {
    let start = printed.find("\n(\n").unwrap() + 1;
    let end = printed[start..].find("\n)\n").unwrap();
    &printed[start..start + end + 3]
}

#[test]
fn what_it_prints_is_all_a_client_needs() {
    let environment = Environment::new(PROGRAM);
    let server = quickstart(&environment, &[]);
    let Some(apt) = Apt::new(&environment, "client") else { return };
    let _ = apt.set_up(pasted(server.printed()), "bookworm", "").succeeds();
    let _ = apt.update().succeeds();
    assert_eq!(apt.versions("example-greeter"), ["1.1-1", "1.0-1"]);
    assert_eq!(apt.versions("example-agent"), ["0.9-1+deb12u1"]);
    let _ = apt.get(&["install", "--yes", "--download-only", "example-greeter=1.0-1"]).succeeds();
}

#[test]
fn ctrl_c_ends_it_with_status_0() {
    let environment = Environment::new(PROGRAM);
    let server = quickstart(&environment, &[]);
    let (status, rest) = server.interrupt();
    assert_eq!(status, Some(0), "{rest}");
}

#[test]
fn ctrl_c_ends_serve_with_status_0() {
    let environment = crate::store();
    let (status, rest) = environment.serve().interrupt();
    assert_eq!(status, Some(0), "{rest}");
}

fn without_serving(environment: &Environment, arguments: &[&str]) -> Output {
    let mut command = environment.command();
    command.env_remove("REPO_ROOT").args(["quickstart", "--no-serve", "demo"]).args(arguments);
    environment.finish(&mut command)
}

#[expect(clippy::too_many_lines, reason = "one walk from an empty directory to a client")]
#[test]
fn the_whole_text() {
    let environment = Environment::new(PROGRAM);
    let output = without_serving(&environment, &[]).to_string();
    insta::assert_snapshot!(output.replace(PROGRAM, "<PROGRAM>"), @r#"
    status: 0
    ---- stdout
    made a store in demo: configure it in demo/repo.toml
    made a signing key: <FINGERPRINT>
    added example-agent 0.9-1+deb12u1 all -> bookworm (built for deb12u1)
    added example-clock 2.4-1 all -> bookworm, trixie (every suite)
    added example-greeter 1.0-1 all -> bookworm, trixie (every suite)
    added example-greeter 1.1-1 all -> bookworm, trixie (every suite)
    published preprod <PUBLICATION>: bookworm, trixie
    published prod <PUBLICATION>: bookworm, trixie

    # On a client:

    # http://127.0.0.1:<PORT>/preprod, suite bookworm or trixie by the release of the machine: paste all of this into a root shell; again after a change of keys
    (
    set -eu
    umask 022
    if [ "$(id -u)" -ne 0 ]; then echo 'run this as root' >&2; exit 1; fi
    work=$(mktemp -d)
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
    url=http://127.0.0.1:<PORT>/preprod
    keyring=/usr/share/keyrings/preprod-archive-keyring.gpg
    entry=/etc/apt/sources.list.d/preprod.sources
    list=/etc/apt/sources.list.d/preprod.list
    package=''

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

    base64 -d > "$work/keyring" <<'END'
    <KEY>
    END

    release=$(. /etc/os-release; echo "${UBUNTU_CODENAME:-${DEBIAN_CODENAME:-${VERSION_CODENAME:-unknown}}}")
    case "$release" in

    (bookworm)
    cat > "$work/entry" <<'END'
    Types: deb
    URIs: http://127.0.0.1:<PORT>/preprod
    Suites: bookworm
    Components: main
    Architectures: amd64 arm64
    Signed-By: /usr/share/keyrings/preprod-archive-keyring.gpg
    END
    ;;

    (trixie)
    cat > "$work/entry" <<'END'
    Types: deb
    URIs: http://127.0.0.1:<PORT>/preprod
    Suites: trixie
    Components: main
    Architectures: amd64 arm64
    Signed-By: /usr/share/keyrings/preprod-archive-keyring.gpg
    END
    ;;

    (*) echo 'no suite for the release of this machine (choose one with --suite):' "$release" >&2; exit 1 ;;
    esac

    mine=" $( (dpkg --print-architecture; dpkg --print-foreign-architectures) | tr '\n' ' ')"
    for other in amd64 arm64; do
        case "$mine" in
        (*" $other "*) ;;
        (*) sed -i "/^Architectures: /{s/^\(Architectures: .*\) $other\$/\1/;s/ $other / /;}" "$work/entry" ;;
        esac
    done

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
    )

    # Here, in another terminal:

    export REPO_ROOT=<DIR>/demo
    <PROGRAM> list preprod
    <PROGRAM> diff preprod prod
    <PROGRAM> promote --all --from preprod --to prod
    <PROGRAM> history prod
    "#);
}

#[test]
fn the_next_steps_work_as_they_are_typed() {
    let environment = Environment::new(PROGRAM);
    let printed = without_serving(&environment, &["--url", "https://packages.example.org"]).succeeds().stdout;
    assert!(printed.contains("URIs: https://packages.example.org/preprod\n"), "{printed}");
    let (_, steps) = printed.split_once("# Here, in another terminal:\n").unwrap();
    let mut command = environment.other(&["sh", "-c", steps]);
    let output = environment.finish(command.env_remove("REPO_ROOT").current_dir("/"));
    let output = output.succeeds();
    assert!(output.stdout.contains("promoted 4 packages from preprod to prod"), "{output}");
    assert_eq!(output.stderr, "");
    let again = without_serving(&environment, &["--url", "https://other.example.org"]).succeeds().stdout;
    assert!(again.contains("URIs: https://other.example.org/preprod\n"), "{again}");
}

#[test]
fn it_adds_the_packages_it_is_given() {
    let environment = Environment::new(PROGRAM);
    let file = environment.package("hello", "1.0", "all");
    let _ = without_serving(&environment, &[file.as_str()]).succeeds();
    let output = environment.run(&["--root", "demo", "list", "preprod"]).succeeds();
    assert!(output.stdout.contains("hello"), "{output}");
    assert!(!output.stdout.contains("example"), "{output}");
}

#[test]
fn a_store_that_is_there_is_used_as_it_is() {
    let environment = Environment::new(PROGRAM);
    let _ = without_serving(&environment, &[]).succeeds();
    let keys = environment.run(&["--root", "demo", "key", "list"]).succeeds().stdout;
    let _ = without_serving(&environment, &[]).succeeds();
    assert_eq!(environment.run(&["--root", "demo", "key", "list"]).succeeds().stdout, keys);
    let history = environment.run(&["--root", "demo", "history", "preprod"]).succeeds().stdout;
    assert_eq!(history.lines().count(), 3, "{history}");
}

#[test]
fn two_at_once_take_different_ports() {
    let environment = Environment::new(PROGRAM);
    let first = quickstart(&environment, &[]);
    let address = first.url();
    let mut command = environment.command();
    let listen = address.strip_prefix("http://").unwrap();
    command.env_remove("REPO_ROOT").args(["quickstart", "--listen", listen, "demo"]);
    command.stderr(std::process::Stdio::null());
    let second = Server::start(&mut command);
    assert_ne!(second.url(), address);
}

#[test]
fn a_refused_file_stops_it_before_anything_is_published() {
    let environment = testkit::Environment::new(crate::PROGRAM);
    let good = environment.package("good", "1.0", "all");
    let bad = environment.write("bad.deb", "no package");
    let arguments = ["quickstart", "demo", "--no-serve", good.as_str(), bad.as_str()];
    let output = environment.run(&arguments).ends_with(1);
    assert!(output.stderr.contains("bad.deb") && !output.stdout.contains("published"), "{output}");
    assert!(!environment.path("demo/public/preprod/dists").exists());
}
