//! The maintainer scripts. They make the user and the directory of the store, and start and stop the units; no script ever touches what
//! is in the store, not even when the package is purged.

use crate::units::{ROOT, enabled, installable};

/// Makes the user and the directory, and enables the timers.
pub(crate) fn postinst() -> String {
    let units = enabled().join(" ");
    format!(
        r#"#!/bin/sh
set -e

case "$1" in
configure | abort-upgrade | abort-deconfigure | abort-remove)
    if command -v systemd-sysusers >/dev/null; then
        systemd-sysusers repo-cli.conf
    elif ! getent passwd repo-cli >/dev/null; then
        adduser --quiet --system --group --no-create-home --home {ROOT} repo-cli
    fi
    # A directory that is there keeps its mode and owner: an administrator may have moved the store.
    if ! [ -e {ROOT} ]; then
        install -d -m 0755 -o repo-cli -g repo-cli {ROOT}
    fi
    for unit in {units}; do
        deb-systemd-helper unmask "$unit" >/dev/null || true
        if deb-systemd-helper --quiet was-enabled "$unit"; then
            deb-systemd-helper enable "$unit" >/dev/null || true
        else
            deb-systemd-helper update-state "$unit" >/dev/null || true
        fi
    done
    if [ -d /run/systemd/system ]; then
        systemctl --system daemon-reload >/dev/null || true
        deb-systemd-invoke start {units} >/dev/null || true
        # A server that runs goes on with the new program.
        deb-systemd-invoke try-restart repo-serve.service repo-api.service repo-incoming.service >/dev/null || true
    fi
    ;;
*) ;;
esac
"#
    )
}

/// Stops what runs before the program goes.
pub(crate) fn prerm() -> String {
    let units = enabled().join(" ");
    format!(
        r#"#!/bin/sh
set -e

if [ "$1" = remove ] && [ -d /run/systemd/system ]; then
    deb-systemd-invoke stop repo-serve.socket repo-serve.service repo-api.service repo-incoming.service {units} >/dev/null || true
fi
"#
    )
}

/// Forgets the units. The store and its user stay.
pub(crate) fn postrm() -> String {
    let units = installable().join(" ");
    format!(
        r#"#!/bin/sh
set -e

if [ -d /run/systemd/system ]; then
    systemctl --system daemon-reload >/dev/null || true
fi
case "$1" in
remove)
    if command -v deb-systemd-helper >/dev/null; then
        deb-systemd-helper mask {units} >/dev/null || true
    fi
    ;;
purge)
    if command -v deb-systemd-helper >/dev/null; then
        deb-systemd-helper purge {units} >/dev/null || true
        deb-systemd-helper unmask {units} >/dev/null || true
    fi
    if [ -e {ROOT}/repo.toml ]; then
        echo "the store in {ROOT} stays, with its user; remove both by hand if you want to lose them"
    else
        rmdir {ROOT} 2>/dev/null || true
    fi
    ;;
*) ;;
esac
"#
    )
}
