# shellcheck shell=bash
# What the scripts beside it share: where things are, and how targets are built. They read it with `source`.

fuzz=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
triple=$(rustc -vV | sed -n 's/^host: //p')
binaries=${CARGO_TARGET_DIR:-$fuzz/target}/$triple/release
# A Rust program is many objects with the same tables.
# gcc marks constants that it moved out of a function as out of scope, and then reports zstd's.
export CFLAGS="${CFLAGS:-} -fno-sanitize-address-use-after-scope"
export ASAN_OPTIONS=detect_odr_violation=0${ASAN_OPTIONS:+:$ASAN_OPTIONS} CARGO_INCREMENTAL=0

# Prints the names of all targets.
all_targets() {
    sed -n 's/^name = "\(.*\)"$/\1/p' "$fuzz/Cargo.toml" | grep -vx -e fuzz -e any
}

# Prints what is missing for building the targets; nothing when all is there.
missing_tools() {
    cargo fuzz --version >/dev/null 2>&1 || echo "cargo-fuzz (cargo install cargo-fuzz)"
    cargo +nightly --version >/dev/null 2>&1 || echo "a nightly toolchain (rustup toolchain install nightly)"
    command -v c++ >/dev/null || echo "a C++ compiler (apt-get install g++)"
}

# Ends the script when something is missing, or when a name is not a target.
check_targets() {
    local missing name
    missing=$(missing_tools)
    if [ -n "$missing" ]; then
        printf 'missing: %s\n' "$missing" >&2
        exit 2
    fi
    for name in "$@"; do
        all_targets | grep -qx -- "$name" || { echo "no target named $name; there are: $(all_targets | tr '\n' ' ')" >&2; exit 2; }
    done
}

# Builds the one program that runs every target: a program for each takes half an hour and gigabytes.
build_any() {
    (cd "$fuzz/.." && cargo +nightly fuzz build any)
}

# Runs a target with options of libFuzzer.
fuzz_target() {
    FUZZ_LAW=$1 "$binaries/any" "${@:2}"
}

# Prints the dictionary of a target, if it has one.
dictionary() {
    local name
    case $1 in
        deb822_* | control_read | release_read | release_judged | sources_read | stanzas_read | clearsign_payload | paragraph_against_apt | upload_read) name=deb822 ;;
        changelog_read) name=changelog ;;
        version_* | routing) name=version ;;
        relation_round_trip) name=relation ;;
        deb_* | tarball_read | tarball_against_tar) name=deb ;;
        keyring_read | public_key_read | secret_key_read | verify_*) name=openpgp ;;
        request_*) name=http ;;
        user_file_read) name=users ;;
        config_read | value_read) name=config ;;
        page_read | snapshot_read | commit_read | holds_read | record_read | chunk_read | publication_read | log_read | \
            history_ends_read | documents_read | manifest_read | names_read | layout_read | patch_history_read) name=store ;;
        *) return 0 ;;
    esac
    echo "$fuzz/dictionaries/$name.dict"
}
