//! `docs/errors.md`, written from the types of the errors and from what this file says about each of their codes.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use super::USAGE;
use crate::progress::INTERRUPTED;

const INTRODUCTION: &str = "\
# Error codes

<!-- Written from repo-cli/src/error/documentation.rs: REPO_TEST_WRITE=1 cargo test -p repo-cli error::documentation -->

Each error has a code. The code never changes its meaning, and a new version only adds codes; the text of a message may change at any time.
With `--json` the code stands in `error.code` ([json.md](json.md)), and the log of operations has it too.

The family is the type in the libraries that has the error. A program that uses the libraries matches on its variants; `code()` gives the code.
The exit status is that of a command that ends with the error. A command that ends with several errors exits with 1.

| code | family | meaning | what to do | exit status |
|---|---|---|---|---|
";

/// Each code, what it means, and what to do.
const CODES: &[(&str, &str, &str)] = &[
    (
        "E-API-BUSY",
        "the interface for programs has too many requests at a time, or its list of tokens cannot be used",
        "try again after `Retry-After`; run `repo-cli fsck` if that does not help",
    ),
    (
        "E-API-KEY",
        "the `Idempotency-Key` came with another request, or the first request with it is not finished or was cut off",
        "look whether the change was made, then send the request with another key",
    ),
    (
        "E-API-METHOD",
        "the path of the interface for programs has other methods",
        "use a method that `Allow` in the answer names",
    ),
    (
        "E-API-PLAIN",
        "a request to the interface for programs came without TLS from another machine",
        "use `https://`, or a proxy that `trusted_proxies` names",
    ),
    (
        "E-API-REQUEST",
        "a request to the interface for programs is malformed",
        "correct the request; the message names the field or the parameter",
    ),
    ("E-API-ROUTE", "not a path of the interface for programs", "use a path that `docs/api.md` lists"),
    (
        "E-API-SCOPE",
        "the token does not have the scope for the request",
        "make a token that has the scope; `repo-cli access add --help` lists the scopes",
    ),
    (
        "E-API-SERVER",
        "the server could not carry out the request; its log has the reason",
        "read the log of the server; the history shows whether a change was made",
    ),
    (
        "E-API-SIZE",
        "a body, an upload or an answer is too large",
        "ask for less, such as with `limit`, or raise `max_upload` in `[serve]`",
    ),
    ("E-API-SPACE", "the disk of the store is nearly full", "run `repo-cli gc`, or make room on the disk"),
    (
        "E-API-TOKEN",
        "no token, or not a valid one for this repository",
        "run `repo-cli access list REPOSITORY`; make a new token if this one has expired",
    ),
    (
        "E-ARGUMENT",
        "an argument breaks the rules for names and versions",
        "write the name or version as Debian does; the message names the rule",
    ),
    (
        "E-BACKUP-IN-STORE",
        "the backup would lie in the store",
        "choose a directory outside the store, better on another disk",
    ),
    (
        "E-BAD-KEY",
        "a file in `keys/` is not a usable key",
        "put a copy of the key there from the backup, or remove the file if it is not a key",
    ),
    (
        "E-BAD-SIGNATURE",
        "a signature does not hold",
        "get the file again from where it comes from; sign it again if it is yours",
    ),
    (
        "E-BEFORE-HISTORY",
        "a time before the first state that the history of the repository has",
        "choose a later time; `repo-cli history REPOSITORY` lists the states",
    ),
    (
        "E-CANCELLED",
        "the operation was stopped with Ctrl-C; it can be given again",
        "give the same command again",
    ),
    (
        "E-CERTIFICATE",
        "the certificate for TLS, its key or that of its authority cannot be used",
        "correct `certificate`, `key` and `authority` in the table `[serve.tls]`",
    ),
    (
        "E-CHANGED-MEANWHILE",
        "somebody else changed a file of the configuration while it was edited",
        "give the same command again",
    ),
    (
        "E-CHANGED-SINCE",
        "the change was made together with that of another repository, which has changed since",
        "run `repo-cli rollback REPOSITORY --to NUMBER` for each repository",
    ),
    (
        "E-CHECKSUM-MISMATCH",
        "a file is not what the upload or source package lists",
        "bring the file that the list names, or make the list again",
    ),
    (
        "E-CLOCK",
        "the clock is before the time at which the signing keys were made, or `gc` finds it more than a year after the last entry; a key would be made with a clock that is behind an earlier key or the last entry",
        "set the clock; if it is right, give `--accept clock`",
    ),
    (
        "E-CONFIG",
        "`repo.toml`, a drop-in or a file that they name is wrong; `file` and `line` say where",
        "correct the line; `repo-cli config check` finds all mistakes",
    ),
    (
        "E-CONFLICT",
        "the version exists already with different content",
        "give the package that changed a new version",
    ),
    (
        "E-CONTENDED",
        "others changed the repository again and again; try again",
        "give the same command again",
    ),
    ("E-CRYPTO", "the cryptographic library failed", "report it with the whole message"),
    (
        "E-DAMAGED",
        "an object of the store is damaged",
        "run `repo-cli fsck --repair`; restore the file from a backup if that does not help",
    ),
    (
        "E-DRASTIC",
        "retention would remove more than half of a suite",
        "look at the rules and at the clock; `--yes` removes the packages all the same",
    ),
    (
        "E-EARLIER-STATE",
        "the current state was not built upon the one that clients saw last",
        "run `repo-cli fsck --repair --from BACKUP`; without a backup, look at the state and run `repo-cli publish REPOSITORY --allow-earlier-state`",
    ),
    (
        "E-EXISTS",
        "what is to be added to the configuration is there already",
        "choose another name, or change what is there with `repo-cli config set`",
    ),
    ("E-FINGERPRINT", "not a fingerprint", "copy the fingerprint from `repo-cli key list`"),
    (
        "E-FRONT",
        "the configuration cannot be said to a web server in front as it is meant",
        "change what the message names in `repo.toml`, or leave the repository out with `--repository`",
    ),
    (
        "E-FROZEN",
        "the repository is frozen",
        "wait for its end, give `--override freeze --reason TEXT`, or end it with `repo-cli thaw`",
    ),
    (
        "E-GATED",
        "a gate of the repository does not let a version in",
        "correct what the message names, or give `--override RULE --reason TEXT`",
    ),
    (
        "E-GUARDED",
        "the change would take away most of a suite, or `gc` what the configured grace keeps; `--yes` makes it",
        "give `--yes` if that is meant",
    ),
    (
        "E-HELD",
        "the version is held out of the repository",
        "give `--despite-hold` to take it all the same, or end the hold with `repo-cli unhold`",
    ),
    (
        "E-HOLDER-TAKEN",
        "a machine or job of that name has a token already",
        "choose another name, or revoke the token with `repo-cli access revoke`",
    ),
    (
        "E-HOOK-FAILED",
        "a hook did not take an event",
        "look at what the message says of the receiver; `repo-cli hooks retry` tries again",
    ),
    (
        "E-HOOK-PRIVATE",
        "the address of a hook is a private one, which is not allowed",
        "set `allow_private = true` in its `[[hook]]` if that is meant",
    ),
    (
        "E-HOOK-SETTINGS",
        "a hook cannot be used as it is configured",
        "correct its `[[hook]]` in repo.toml; the message names the setting",
    ),
    ("E-IN-USE", "another process is writing to the store", "try again when the other command has finished"),
    (
        "E-INCOMPLETE-UPLOAD",
        "a file of an upload or source package is missing",
        "put the file beside the list; only what the repository has already may be left out",
    ),
    ("E-INCONSISTENT-UPLOAD", "the parts of an upload do not belong together", "build the upload again"),
    ("E-INDEX", "an index could not be rendered", "run `repo-cli fsck`; report it if the store is sound"),
    (
        "E-INVALID-HOLDER",
        "not a valid name for a machine, a job or a group",
        "use letters, digits and `._@-`",
    ),
    ("E-INVALID-HOOK", "not a valid name for a hook", "choose a name that the message describes"),
    (
        "E-INVALID-PACKAGE",
        "not an acceptable package, source package or upload",
        "build the package again; the message names the rule and the place",
    ),
    (
        "E-INVALID-SCOPE",
        "not a valid scope for a token",
        "write a scope as `repo-cli access add --help` shows",
    ),
    (
        "E-INVALID-TAG",
        "not a valid name for a tag",
        "use small letters, digits and `._-`, and nothing that looks like the id of a state",
    ),
    (
        "E-IO",
        "the operating system refused something",
        "look at the path, its owner and the space on its disk",
    ),
    (
        "E-KEY-CHANGE",
        "none of the keys signed what clients see",
        "restore `keys/` from the backup; or give clients the new key and then `repo-cli publish --allow-key-change`",
    ),
    (
        "E-KEY-ELSEWHERE",
        "the secret part of the key is not in keys/, so the key is changed where it is kept",
        "change the key where it is kept, then run `repo-cli key publish`",
    ),
    (
        "E-KEY-ENDS",
        "every signing key expires before the signatures that it would make",
        "run `repo-cli key extend FINGERPRINT --expires 3y`, or choose a shorter `valid_for`",
    ),
    (
        "E-KEY-FILE",
        "others can read or replace a key file",
        "set the mode of the file to 0600 and that of `keys/` to 0700; make a new key if others may have read it",
    ),
    (
        "E-KEY-LOCKED",
        "a key is protected by a passphrase",
        "set `passphrase_file` in the table `[signing]`, or run the command on a terminal",
    ),
    ("E-KEY-SET", "the set of signing keys cannot be used", "list each key once, and at least one"),
    (
        "E-KEY-UNUSABLE",
        "a key cannot sign at this time",
        "extend the key with `repo-cli key extend`, or make a new one with `repo-cli key generate`",
    ),
    (
        "E-KEYRING-VERSION",
        "a foreign package with the name of the keyring package has a version that ours cannot exceed",
        "remove that package with `repo-cli remove`, then give the command again",
    ),
    ("E-LAST-KEY", "the key is the only one that can sign", "first run `repo-cli key rotate --all`"),
    (
        "E-LOOSENED",
        "a changed configuration would ask less of clients; `serve` must be restarted",
        "restart `serve` if that is meant",
    ),
    (
        "E-LOST-RECORD",
        "the record of a publication that clients may have is gone, so `gc` does not know which files it needs",
        "run `repo-cli fsck --repair`, with `--from BACKUP` where there is one",
    ),
    (
        "E-LOST-REFERENCE",
        "the file that leads to the current state of a repository is gone; `fsck --repair` brings it back",
        "run `repo-cli fsck --repair`",
    ),
    (
        "E-MADE-TOGETHER",
        "the last change was made together with that of another repository, and a token changes one repository",
        "run `repo-cli undo` where the store is, or go back to an earlier state with `rollback`",
    ),
    (
        "E-MALFORMED-KEY",
        "a key, keyring or signed message cannot be read",
        "export the key or sign the file again; it must be OpenPGP",
    ),
    (
        "E-MISSING",
        "an object of the store is missing",
        "run `repo-cli fsck --repair`; restore the file from a backup if that does not help",
    ),
    (
        "E-NAME-NOT-ALLOWED",
        "the drop folder, the token or `--only-names` does not take packages of that name",
        "use the folder or the token that is for it, or add its name to `names` of the `[[incoming]]`",
    ),
    (
        "E-NEWER-FORMAT",
        "a newer version wrote the store",
        "use the version of repo-cli that the message names, or a newer one",
    ),
    (
        "E-NO-COMMAND-SIGNER",
        "`key certify` finds no command without a public key, or several",
        "name the command as `command` of a `[[signing.signer]]`; the message says what is lacking",
    ),
    (
        "E-NO-COMMON-SUITE",
        "two repositories have no suite in common",
        "name the suites with `--suite`, or give both repositories a suite in common",
    ),
    (
        "E-NO-CONFIGURATION",
        "the store has repositories, and its `repo.toml` is gone",
        "restore `repo.toml` from the last backup",
    ),
    (
        "E-NO-DROP-FOLDER",
        "`incoming` was given no folder, and repo.toml has none",
        "name a repository and its folders, or add `[[incoming]]` to `repo.toml`",
    ),
    ("E-NO-HISTORY", "the repository has no state yet", "add a package first"),
    (
        "E-NO-APPROVAL",
        "an approval that is to be withdrawn was not given by the one who withdraws it",
        "run `repo-cli approvals REPOSITORY`",
    ),
    ("E-NO-HOLD", "no hold matches", "run `repo-cli holds REPOSITORY`"),
    (
        "E-NO-KEY",
        "the store has no signing key",
        "make a key with `repo-cli key generate`; if the repository was published before, restore `keys/` from the backup",
    ),
    ("E-NO-MATCH", "no package matches", "run `repo-cli list REPOSITORY`"),
    (
        "E-NO-PACKAGE-FILE",
        "a directory has nothing that can be added",
        "name the files, or the directory that has them",
    ),
    (
        "E-NO-REMOVAL",
        "no removal took out what `remove --undo` names",
        "`repo-cli history REPOSITORY` shows what was removed",
    ),
    (
        "E-NO-ROOT",
        "no `repo.toml` was found",
        "make a store with `repo-cli init`, or name its directory with `--root`",
    ),
    (
        "E-NO-ROUTED-SUITE",
        "the routing rule lists no suite for the release of the package",
        "add a suite to the rule, or choose one with `--suite`",
    ),
    ("E-NO-STORE", "not the root of a store", "name the directory that has `store/format` with `--root`"),
    ("E-NO-SUITE", "the repository has no suite for the package", "list suites in `repo.toml`"),
    (
        "E-NO-WAY-BACK",
        "the upgrade of the store cannot be taken back",
        "restore a backup made before the upgrade",
    ),
    (
        "E-NOT-A-FILE",
        "not a regular file, or it changed while it was read",
        "name a regular file that nothing writes to",
    ),
    (
        "E-NOT-AN-EXPORT",
        "the directory is not what `sign export` wrote",
        "name the directory that `sign export` was given",
    ),
    (
        "E-NOT-ATTACHED",
        "no signature of a Release file is in the directory of `sign attach`",
        "sign the exported files, and name the directory that has them",
    ),
    ("E-NOT-BACKED-UP", "a file is missing in the backup", "run `repo-cli fsck`, then back up again"),
    (
        "E-NOT-EDITABLE",
        "a setting or a file that cannot be changed by program",
        "change the file with an editor, then run `repo-cli config check`",
    ),
    (
        "E-NOT-EMPTY",
        "a directory that must be new or empty has something in it",
        "choose a new or an empty directory",
    ),
    ("E-NOT-FLAT", "the repository is not published flat", "set `flat` in the table of the repository"),
    (
        "E-NOT-LOCAL",
        "the store does not keep its files in a local directory",
        "keep the store in a local directory for this operation",
    ),
    (
        "E-NOT-OFFLINE",
        "`sign export` of a repository that is not signed offline",
        "run `repo-cli publish REPOSITORY`",
    ),
    ("E-NOT-OWNER", "another user owns the store", "run the command as the user that the message names"),
    (
        "E-NOT-REMOTE",
        "the verb or the option is not available with `--remote`",
        "run the command where the store is",
    ),
    ("E-NOT-RESTORED", "a file of the backup is damaged or missing", "copy the file from another backup"),
    (
        "E-NOT-SAVED",
        "a file that the configuration names could not be saved in the backup",
        "make the file readable for the user who backs up, or correct the setting",
    ),
    (
        "E-NOT-SHOWN",
        "a new token could not be written to standard output and was revoked",
        "give the command again where its output can be written",
    ),
    (
        "E-NOT-SIGNED",
        "an upload is not signed by an uploader",
        "sign the upload with a key of the keyring that `uploaders` names",
    ),
    (
        "E-NOT-SIGNED-BY",
        "a signer did not sign with its key",
        "correct the command of the signer, so that it uses the key that the message names",
    ),
    (
        "E-NOT-UNPACKABLE",
        "dpkg cannot unpack the package, though every part of it is sound",
        "build the package with an entry for each of its directories, as dpkg-deb does",
    ),
    ("E-NOT-UTF-8", "a path is not valid UTF-8", "rename the file"),
    (
        "E-NOTHING-TO-UNDO",
        "the repository has no change that can be taken back",
        "nothing needs to be done; `repo-cli history REPOSITORY` lists the states",
    ),
    (
        "E-OFFLINE",
        "the key signs offline",
        "run `repo-cli sign export DIR`, sign there, then run `repo-cli sign attach DIR`",
    ),
    (
        "E-OLDER-FORMAT",
        "the store has an older format and must be upgraded before it is changed",
        "run `repo-cli store upgrade`",
    ),
    (
        "E-OTHER-BACKUP",
        "the directory holds the backup of another store",
        "give each store a backup directory of its own",
    ),
    (
        "E-OTHER-COMPONENT",
        "the package is in another component",
        "remove the package with `repo-cli remove` and add it again",
    ),
    (
        "E-OTHER-FILE-SYSTEM",
        "`public` is on another file system than the store",
        "move one of the two, or mount the directory that holds both as one file system",
    ),
    ("E-OTHER-TEXT", "a signer signed another text", "correct the command of the signer"),
    ("E-OUTDATED", "the repository has changed since the plan was made", "give the same command again"),
    ("E-OUTDATED-COLLECTION", "more would be removed by now than was confirmed", "run `repo-cli gc` again"),
    ("E-OUTDATED-REPAIR", "more is wrong by now than the plan of a repair knows", "plan it again"),
    (
        "E-PASSPHRASE",
        "the passphrase of the keys cannot be read",
        "look at `passphrase_file` in the table `[signing]`",
    ),
    (
        "E-PATH-CONFLICT",
        "two source packages have different files of one name",
        "give the upstream tarball that changed a new upstream version",
    ),
    ("E-PATTERN", "a regular expression cannot be read", "correct the expression, or leave out `--regex`"),
    (
        "E-PRESENT",
        "the version to be held is in the repository",
        "remove the version with `repo-cli remove`, which also holds it",
    ),
    (
        "E-PUBLIC-KEYS",
        "the certificates of the signing keys could not be written",
        "look at the keys with `repo-cli key list`",
    ),
    ("E-RANDOM", "the system gave no random numbers", "give the same command again"),
    (
        "E-REFUSED",
        "a verb did not do all that it was asked for (in the log of operations alone)",
        "the messages of that command tell what was refused",
    ),
    (
        "E-RELEASE-INFO-CHANGE",
        "clients would refuse a changed Release file",
        "take the change back in `repo.toml`, or publish with `--allow-release-info-change`",
    ),
    (
        "E-REMOVAL",
        "clients would no longer find what they read",
        "take the change back in `repo.toml`, or publish with `--allow-removal`",
    ),
    (
        "E-RESERVED-NAME",
        "a package has the name of the repository's keyring package and was not made by `key`",
        "give the package another name",
    ),
    (
        "E-RESERVED-REPOSITORY",
        "a repository cannot have the name, because the server answers with something else there",
        "choose another name",
    ),
    (
        "E-RETIRE",
        "a key cannot be retired yet without `--force`",
        "wait until every condition is met, or give `--force`",
    ),
    (
        "E-SERVER",
        "a server does not answer as the interface for programs does",
        "correct the address of `--remote`, and look whether `api` in `[serve]` is set there",
    ),
    (
        "E-SETTINGS",
        "the settings of a repository cannot be used",
        "correct the settings that the message names",
    ),
    (
        "E-SIGN",
        "a Release file could not be signed",
        "look at the keys with `repo-cli key list`, then run `repo-cli publish`",
    ),
    (
        "E-SIGN-COMMIT",
        "the key of the actor did not sign a commit",
        "look at the key that `--actor-key` names",
    ),
    ("E-SIGN-TEXT", "a text cannot be clear-signed", "report it with the whole message"),
    (
        "E-SIGNALS",
        "the program cannot watch for signals",
        "give the same command again; report it if that does not help",
    ),
    ("E-SIGNATURE-FRAMING", "not a well-formed clear-signed message", "sign the file again"),
    (
        "E-SIGNATURE-TIME",
        "no signature can have that time: before 1970, or after 2106-02-07",
        "set the clock",
    ),
    (
        "E-SIGNING-PROGRAM",
        "a program that signs failed",
        "make the program work again, then run `repo-cli publish`",
    ),
    ("E-SITE", "the published trees cannot be opened", "look at `public/`, its owner and its mode"),
    (
        "E-STALE-SIGNATURE",
        "something else was published since `sign export`",
        "run `repo-cli sign export` with a new directory, and sign again",
    ),
    (
        "E-STANZA",
        "a package cannot be listed in an index",
        "build the package again; the message names the field",
    ),
    (
        "E-STOPPED",
        "a person answered a question with no",
        "nothing was changed; give the command again to change it",
    ),
    (
        "E-STORE-EXISTS",
        "there is a store already, or the directory is not empty",
        "choose a new directory, or use the store that is there",
    ),
    ("E-TAG-EXISTS", "the tag stands for another state", "choose another name, or delete the tag first"),
    (
        "E-UNKNOWN-COLUMN",
        "no column of a listing has that name, and no package has such a field",
        "choose a column that `--help` lists, or a field of the packages",
    ),
    ("E-UNKNOWN-HOLDER", "nobody of that name has a token", "run `repo-cli access list REPOSITORY`"),
    ("E-UNKNOWN-HOOK", "no hook of that name", "run `repo-cli hooks list` for those that there are"),
    ("E-UNKNOWN-KEY", "no signing key of that fingerprint", "run `repo-cli key list`"),
    ("E-UNKNOWN-MACHINE", "no machine of that name was seen", "run `repo-cli machines` for those that were"),
    (
        "E-UNFINISHED",
        "a change of several repositories was begun and is not complete",
        "run `repo-cli publish REPOSITORY`, or what was to be done without `--dry-run`: both complete the change",
    ),
    (
        "E-UNKNOWN-RELEASE",
        "the version names a release that no suite is for",
        "choose suites with `--suite`, or set `unknown_release = \"everywhere\"`",
    ),
    (
        "E-UNKNOWN-REPOSITORY",
        "no repository of that name",
        "correct the name; `repo-cli status` lists the repositories",
    ),
    ("E-UNKNOWN-REVISION", "no state of that number, id, tag or time", "run `repo-cli history REPOSITORY`"),
    ("E-UNKNOWN-SETTING", "no setting, repository or suite of that name", "run `repo-cli config show`"),
    ("E-UNKNOWN-SIGNER", "signed by none of the trusted keys", "add the key to the keyring if you trust it"),
    ("E-UNKNOWN-SUITE", "no suite of that name", "correct the name; the suites are listed in `repo.toml`"),
    ("E-UNKNOWN-TAG", "no tag of that name", "run `repo-cli tag REPOSITORY`"),
    (
        "E-UNKNOWN-USER",
        "a drop folder names a user that the system does not know",
        "add the user to the system, or change `owners` of the `[[incoming]]`",
    ),
    (
        "E-UNLISTED-ARCHITECTURE",
        "the suite does not publish the architecture",
        "add the architecture to `architectures`",
    ),
    (
        "E-UNLISTED-COMPONENT",
        "the suite does not have the component",
        "add the component to `components`, or choose one with `--component`",
    ),
    ("E-UNREADABLE", "a file that was given cannot be opened", "look at the path and its mode"),
    (
        "E-UNSAFE-PATH",
        "something below `public/` or in a drop folder is not what the store made there, such as a link",
        "remove what the message names, or run `repo-cli fsck --repair`",
    ),
    ("E-UNSOUND", "a check found problems; `problems` lists them", "run `repo-cli fsck --repair`"),
    (
        "E-UNSUPPORTED-ALGORITHM",
        "a signature was made with an algorithm that this build cannot compute",
        "sign with an RSA or Ed25519 key",
    ),
    (
        "E-UNUSABLE-FILE",
        "a file or folder that the configuration names cannot be used; `file` says which",
        "correct the file or the setting that names it",
    ),
    ("E-URL", "the address of a web server cannot be used", "write the address as `https://HOST/PATH`"),
    ("E-USAGE", "wrong usage", "run the command with `--help`"),
];

/// The crates that have errors, and the name under which a program uses each.
const CRATES: [(&str, &str); 6] = [
    ("repo-cli", ""),
    ("repo-serve", INTERFACE),
    ("repo-config", "repo_config::"),
    ("repo-hooks", "repo_hooks::"),
    ("repo-store", "repo_store::"),
    ("apt-sign", "apt_sign::"),
];

/// The family of the errors that only the server answers with. No type has them.
const INTERFACE: &str = "interface for programs";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn sources(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

/// The codes in a text of Rust.
fn codes(text: &str) -> impl Iterator<Item = &str> {
    text.split('"').filter(|word| {
        let rest = word.strip_prefix("E-").filter(|rest| *rest != "TEST").unwrap_or_default();
        !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'-')
    })
}

/// Each code in the sources, and the families that have it.
fn families() -> BTreeMap<String, BTreeSet<String>> {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (directory, name) in CRATES {
        for path in sources(&root().join(directory).join("src")) {
            if path.ends_with("error/documentation.rs") {
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
            // The methods that give codes, each behind the head of its `impl`.
            let mut parts = text.split("fn code(&self) -> &'static str {\n");
            let mut before = parts.next().unwrap_or_default();
            let mut rest = before.to_owned();
            for part in parts {
                let (body, behind) = part.split_once("\n    }\n").unwrap();
                let head = before.rsplit("\nimpl ").next().unwrap().split([' ', '\n']).next().unwrap();
                let family = match name {
                    "" => "command line".to_owned(),
                    name => format!("`{name}{head}`"),
                };
                for code in codes(body) {
                    found.entry(code.to_owned()).or_default().insert(family.clone());
                }
                rest.push_str(behind);
                before = part;
            }
            // What no method gives: wrong usage, and what stands in the log alone.
            let alone = match name {
                "" => codes(&rest).map(|code| (code, "command line")).collect(),
                // It also has a table with the codes of the verbs that it runs.
                INTERFACE => {
                    codes(&rest).filter(|code| code.starts_with("E-API-")).map(|code| (code, name)).collect()
                }
                _ => Vec::new(),
            };
            for (code, family) in alone {
                found.entry(code.to_owned()).or_default().insert(family.to_owned());
            }
        }
    }
    found
}

/// Returns the exit status of a command that ends with an error of this code.
fn status(code: &str) -> u8 {
    match code {
        USAGE => 2,
        "E-CANCELLED" => INTERRUPTED,
        _ => 1,
    }
}

fn document() -> String {
    let mut text = INTRODUCTION.to_owned();
    let families = families();
    for (code, meaning, remedy) in CODES {
        let Some(families) = families.get(*code) else { panic!("no error has the code {code}") };
        let families: Vec<&str> = families.iter().map(String::as_str).collect();
        let cells = [format!("`{code}`"), families.join(", "), (*meaning).to_owned(), (*remedy).to_owned()];
        text.push_str(&format!("| {} | {} |\n", cells.join(" | "), status(code)));
    }
    text
}

#[test]
fn the_documentation_has_every_code_that_the_types_have() {
    let described: BTreeSet<&str> = CODES.iter().map(|(code, ..)| *code).collect();
    assert_eq!(described.len(), CODES.len(), "a code is described twice");
    let families = families();
    let missing: Vec<&String> = families.keys().filter(|code| !described.contains(code.as_str())).collect();
    assert!(missing.is_empty(), "not described: {missing:?}");
    let path = root().join("docs/errors.md");
    if std::env::var_os("REPO_TEST_WRITE").is_some_and(|value| value == "1") {
        fs::write(&path, document()).unwrap();
    }
    assert!(
        fs::read_to_string(path).is_ok_and(|text| text == document()),
        "docs/errors.md is stale: REPO_TEST_WRITE=1 cargo test -p repo-cli error::documentation"
    );
}

#[test]
fn the_status_in_the_documentation_is_that_of_the_program() {
    use super::Failure;
    use repo_store::Cancelled;
    use repo_store::progress::Phase;
    let cancelled = repo_store::Error::Cancelled(Cancelled { during: Phase::Reading });
    for failure in [Failure::Usage("no"), Failure::Stopped, Failure::Store(cancelled)] {
        let (code, exit) = (failure.code(), failure.exit_code());
        assert_eq!(
            format!("{exit:?}"),
            format!("{:?}", std::process::ExitCode::from(status(code))),
            "{code}"
        );
    }
}
