//! The program as people, clients and faults meet it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod api;
mod api_description;
mod approvals;
mod attestations;
mod backups;
mod bad_input;
mod bases;
mod beginning;
mod book;
mod browser;
mod builders;
mod building;
mod bundles;
mod checking;
mod client;
mod client_config;
mod clocks;
mod colors;
mod concurrency;
mod configuration;
mod confinement;
mod contents;
mod crashes;
mod details;
mod disk;
mod doctor;
mod drills;
mod drop_rules;
mod earlier_states;
mod emptied_files;
mod foreign_backups;

mod formats;
mod freezes;
mod front_servers;
mod gates;
mod gone;
mod good_backups;
mod holding;
mod hooks;
mod http;
mod importing;
mod incoming;
mod indices;
mod installable;
mod integrity;
mod json;
mod key_crashes;
mod key_life;
mod key_rotation;
mod keys;
mod lacking_files;
mod led_back;
mod library_stores;
mod linked_directories;
mod logs;
mod long_output;
mod lost_parts;
mod lost_records;
mod lost_references;
mod machines;
mod monitoring;
mod naming;
mod obstacles;
mod output;
mod package_readers;
mod pages;
mod pdiffs;
mod pipeline;
mod planted_links;
mod power_cuts;
mod preview;
mod profiles;
mod progress;
mod public_keys;
mod public_trees;
mod publish_plans;
mod published;
mod quickstart;
mod read_once;
mod readable;
mod real_uploads;
mod reissues;
mod releases;
mod remote;
mod rollout;
mod routing;
mod rules;
mod scheduled;
mod searching;
mod serving;
mod several_repositories;
mod shared_blocks;
mod signed_history;
mod signers;
mod signing_apart;
mod sources;
mod standard_output;
mod states;
mod status;
mod sync_calls;
mod tables;
mod tls;
mod tokens;
mod traces;
mod true_copies;
mod undoing;
mod vulnerabilities;
mod watching;
mod whole_machines;
mod why;

use std::process::Command;

use testkit::Environment;

const PROGRAM: &str = env!("CARGO_BIN_EXE_repo-cli");

/// A store with `preprod` and `prod`, each with the suite bookworm for amd64.
fn store() -> Environment {
    Environment::with_store(PROGRAM, &["bookworm"])
}

/// Whether everything is to be tried, however long that takes: with `REPO_TEST_EXHAUSTIVE=1`.
fn exhaustive() -> bool {
    std::env::var_os("REPO_TEST_EXHAUSTIVE").is_some_and(|value| value == "1")
}

/// The command under strace, killed at the call of that number among those (joined by commas).
fn killed_at(environment: &Environment, calls: &str, number: usize) -> Command {
    let inject = format!("inject={calls}:signal=KILL:when={number}");
    let trace = format!("trace={calls}");
    environment.wrapped(&["strace", "-f", "-qq", "-o", "/dev/null", "-e", &trace, "-e", &inject, "--"])
}

/// Lays text over the configuration, as a drop-in. A reader at that moment finds the old text or the new one.
fn configure(environment: &Environment, text: &str) {
    let place = environment.root().join("repo.d");
    std::fs::create_dir_all(&place).unwrap();
    environment.write("store/repo.d/test.new", text);
    std::fs::rename(place.join("test.new"), place.join("test.toml")).unwrap();
}
