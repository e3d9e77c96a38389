//! Keys that are kept elsewhere: by GnuPG, in a hardware module, behind a command; and keys of one repository alone.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::time::{Duration, Instant, SystemTime};

use apt_sign::{Keyring, SecretKey};
use camino::Utf8PathBuf;
use serde_json::Value;
use tempfile::TempDir;
use testkit::{Apt, Environment, Output};

use crate::{configure, store};

fn json(output: &Output) -> Value {
    serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output}"))
}

/// The keys by which what clients see is signed, verified with the keys that are published.
fn signed_by(environment: &Environment, repository: &str) -> Vec<String> {
    let public = environment.public(repository);
    let keyring = Keyring::parse(&fs::read(public.join("key.gpg")).unwrap()).unwrap();
    let signed = fs::read(public.join("dists/bookworm/InRelease")).unwrap();
    let verified = keyring.verify_inline(&signed, SystemTime::now()).unwrap();
    let mut keys: Vec<String> =
        verified.signers().iter().map(|signer| signer.certificate.to_string()).collect();
    keys.sort();
    keys
}

fn keys(environment: &Environment) -> Vec<String> {
    let listed = json(&environment.run(&["key", "list", "--json"]).succeeds());
    let keys = listed["keys"].as_array().unwrap().iter();
    let mut keys: Vec<String> = keys.map(|key| key["fingerprint"].as_str().unwrap().to_owned()).collect();
    keys.sort();
    keys
}

fn program(environment: &Environment, name: &str, script: &str) -> Utf8PathBuf {
    let path = environment.path(name);
    testkit::script(&path, script);
    path
}

/// A store whose second key is behind a command: openssl stands for the key service.
fn with_service() -> Option<(Environment, String)> {
    if !testkit::all_installed(&["openssl"]) {
        return None;
    }
    let environment = store();
    let (secret, public) = (environment.path("kms.pem"), environment.path("kms-public.pem"));
    for words in [
        &["openssl", "genpkey", "-quiet", "-algorithm", "ed25519", "-out", secret.as_str()][..],
        &["openssl", "pkey", "-in", secret.as_str(), "-pubout", "-out", public.as_str()],
    ] {
        let _ = environment.finish(&mut environment.other(words)).succeeds();
    }
    let signs = format!(
        "test \"$1\" = --pin && test \"$2\" = 731953 && cat > {secret}.d && openssl pkeyutl -sign -rawin -inkey {secret} -in {secret}.d | base64"
    );
    let command = program(&environment, "kms-sign", &signs);
    configure(
        &environment,
        &format!("[[signing.signer]]\ncommand = ['{command}', '--pin', '731953']\npublic_key = 'kms.asc'\n"),
    );
    let made =
        environment.run(&["key", "certify", public.as_str(), "--name", "Service", "--json"]).succeeds();
    let fingerprint = json(&made)["fingerprint"].as_str().unwrap().to_owned();
    assert!(environment.root().join("kms.asc").is_file());
    let _ = environment.run(&["key", "certify", public.as_str()]).ends_with(1);
    Some((environment, fingerprint))
}

#[test]
fn a_command_signs_beside_the_keys_of_the_store_and_its_key_comes_to_clients() {
    let Some((environment, service)) = with_service() else { return };
    let listed = keys(&environment);
    assert!(listed.len() == 2 && listed.contains(&service), "{listed:?}");
    let _ = environment.run(&["key", "publish"]).succeeds();
    environment.add("prod", &["hello=1.0"]);
    assert_eq!(signed_by(&environment, "prod"), listed);
    let _ = environment.run(&["fsck"]).succeeds();
    let _ = environment.run(&["key", "check"]).succeeds();
    let told = environment.run(&["client-config", "prod", "--json"]).succeeds().stdout;
    assert!(told.contains(&service), "{told}");
    // The secret part is not here to be changed.
    for arguments in [
        &["key", "extend", &service, "--expires", "3y", "--json"][..],
        &["key", "revoke", &service, "--json"],
        &["key", "retire", &service, "--force", "--json"],
    ] {
        let refused = environment.run(arguments).ends_with(1);
        assert_eq!(json(&refused)["error"]["code"], "E-KEY-ELSEWHERE", "{refused}");
    }
    assert_eq!(keys(&environment), listed);
    // A rotation replaces the key here, and the service goes on.
    let rotated = environment.run(&["key", "rotate", "--all"]).succeeds();
    assert!(
        rotated.stdout.contains("made key ") && !rotated.stdout.contains(&format!("retire {service}")),
        "{rotated}"
    );
    assert_eq!(signed_by(&environment, "prod").len(), 3);
    configure(
        &environment,
        &fs::read_to_string(environment.root().join("repo.d/test.toml"))
            .unwrap()
            .replace("[[signing", &format!("[repositories.prod]\nkeys = ['{service}']\n[[signing")),
    );
    let refused = environment.run(&["key", "rotate", "prod", "--json"]).ends_with(1);
    assert_eq!(json(&refused)["error"]["code"], "E-KEY-ELSEWHERE", "{refused}");
    // A backup has the public key, and works without the command.
    let (backup, restored) = (environment.path("backup"), environment.path("restored"));
    let _ = environment.run(&["backup", backup.as_str()]).succeeds();
    let _ = environment.run(&["restore", backup.as_str(), restored.as_str()]).succeeds();
    assert!(restored.join("kms.asc").is_file());
}

#[test]
fn a_command_that_does_not_sign_leaves_clients_on_the_state_before_and_the_next_run_goes_on() {
    let Some((environment, _)) = with_service() else { return };
    let _ = environment.run(&["publish"]).succeeds();
    let signs = fs::read_to_string(environment.path("kms-sign")).unwrap();
    let before = fs::read(environment.public("prod").join("dists/bookworm/InRelease")).unwrap();
    let package = environment.package("hello", "1.0", "all");
    let _ = environment.run(&["add", "prod", package.as_str(), "--no-publish"]).succeeds();
    let other = environment.path("other.pem");
    let make = ["openssl", "genpkey", "-quiet", "-algorithm", "ed25519", "-out", other.as_str()];
    let _ = environment.finish(&mut environment.other(&make)).succeeds();
    let by_other = signs.replace("kms.pem", "other.pem");
    let of_other = signs.replace("cat > ", "head -c 64 /dev/urandom > ");
    for (script, said) in [
        ("echo 'no such key' >&2; exit 1", "no such key"),
        ("exit 0", "it wrote 0 bytes"),
        ("echo rubbish", "it wrote 8 bytes"),
        ("kill -9 $$", "SIGKILL"),
        (by_other.as_str(), "bad signature"),
        (of_other.as_str(), "bad signature"),
    ] {
        program(&environment, "kms-sign", script);
        let refused = environment.run(&["publish", "prod"]).ends_with(1);
        assert!(refused.stderr.contains("cannot sign the Release file of bookworm"), "{refused}");
        assert!(refused.stderr.to_lowercase().contains(&said.to_lowercase()), "{refused}");
        assert!(!refused.stderr.contains("731953") && !refused.stdout.contains("731953"), "{refused}");
        let now = fs::read(environment.public("prod").join("dists/bookworm/InRelease")).unwrap();
        assert_eq!(now, before, "{script}");
    }
    // Slow, and good.
    program(&environment, "kms-sign", &format!("sleep 1\n{signs}"));
    let _ = environment.run(&["publish", "prod"]).succeeds();
    assert_ne!(fs::read(environment.public("prod").join("dists/bookworm/InRelease")).unwrap(), before);
    let _ = environment.run(&["fsck"]).succeeds();
}

/// A home of gpg, with a short path for the sockets of its agent.
struct Home {
    directory: TempDir,
}

impl Home {
    fn new() -> Option<Self> {
        if !testkit::all_installed(&["gpg", "gpgconf"]) {
            return None;
        }
        let directory = TempDir::with_prefix_in("gpg-", "/tmp").unwrap();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o700)).unwrap();
        Some(Self { directory })
    }

    fn path(&self) -> &str {
        self.directory.path().to_str().unwrap()
    }

    fn in_home(&self, mut command: Command) -> Command {
        command.env("GNUPGHOME", self.path());
        command
    }

    fn run(&self, environment: &Environment, words: &[&str]) -> Output {
        environment.finish(&mut self.in_home(environment.other(words)))
    }

    /// The program with arguments, in this home.
    fn store(&self, environment: &Environment, arguments: &[&str]) -> Output {
        let mut command = self.in_home(environment.command());
        environment.finish(command.args(arguments))
    }

    /// Forgets passphrases.
    fn forget(&self, environment: &Environment) {
        let _ = self.run(environment, &["gpgconf", "--kill", "gpg-agent"]);
        // The agent says that it will end, and ends afterwards.
        let is_there =
            || self.run(environment, &["gpg-connect-agent", "--no-autostart", "GETINFO pid", "/bye"]);
        let begun = Instant::now();
        while is_there().stdout.starts_with("D ") {
            assert!(begun.elapsed() < Duration::from_secs(60), "the agent does not end");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn import(&self, environment: &Environment, passphrase: Option<&str>) -> String {
        let made = SystemTime::now() - Duration::from_secs(3600);
        let key = SecretKey::generate("from gnupg", made, None).unwrap();
        let file = environment.write("gnupg.asc", key.to_armored_with(passphrase).unwrap().as_bytes());
        let _ = self.run(environment, &["gpg", "--batch", "--quiet", "--import", file.as_str()]).succeeds();
        key.fingerprint().to_string()
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = Command::new("gpgconf").args(["--homedir", self.path(), "--kill", "all"]).status();
    }
}

#[test]
fn gpg_signs_with_a_passphrase_from_a_file_and_never_asks() {
    let (environment, Some(home)) = (store(), Home::new()) else { return };
    let key = home.import(&environment, Some("correct horse"));
    let passphrase = environment.write("passphrase", "correct horse\n");
    fs::set_permissions(&passphrase, fs::Permissions::from_mode(0o600)).unwrap();
    let with =
        format!("[signing]\npassphrase_file = \"{passphrase}\"\n[[signing.signer]]\ngpg = \"{key}\"\n");
    configure(&environment, &with);
    let _ = home.store(&environment, &["key", "publish"]).succeeds();
    assert!(signed_by(&environment, "prod").contains(&key));
    assert_eq!(signed_by(&environment, "prod").len(), 2);
    let before = fs::read(environment.public("prod").join("dists/bookworm/InRelease")).unwrap();

    // Without the passphrase, with a wrong one, without the key, in a home with too long a path, and without gpg.
    let refused = |output: Output, word: &str| {
        let output = output.ends_with(1);
        assert!(output.stderr.contains(word), "{word}: {output}");
        assert!(!output.stderr.contains("horse") && !output.stderr.contains("battery"), "{output}");
        let now = fs::read(environment.public("prod").join("dists/bookworm/InRelease")).unwrap();
        assert_eq!(now, before, "{word}");
    };
    let again = &["sign", "again", "prod"];
    home.forget(&environment);
    configure(&environment, &format!("[[signing.signer]]\ngpg = \"{key}\"\n"));
    refused(home.store(&environment, again), "is protected by a passphrase");
    configure(&environment, &with);
    fs::write(&passphrase, "battery staple\n").unwrap();
    refused(home.store(&environment, again), "is protected by another passphrase");
    fs::write(&passphrase, "correct horse\n").unwrap();
    refused(environment.run(again), "it knows no key");
    let long = environment.path(format!("{}/gpg", "l".repeat(100)));
    fs::create_dir_all(&long).unwrap();
    fs::set_permissions(&long, fs::Permissions::from_mode(0o700)).unwrap();
    let public = environment.public("prod").join("key.gpg");
    let mut import = environment.other(&["gpg", "--batch", "--quiet", "--import", public.as_str()]);
    let _ = environment.finish(import.env("GNUPGHOME", &long));
    let mut command = environment.command();
    refused(environment.finish(command.args(again).env("GNUPGHOME", &long)), "gpg: ");
    let mut command = home.in_home(environment.command());
    refused(environment.finish(command.args(again).env("PATH", "/nonexistent")), "cannot be started");

    // A gpg that is killed while it signs, and one that says that it signed and did not.
    let bin = environment.path("bin");
    fs::create_dir_all(&bin).unwrap();
    for (script, word) in [("kill -9 $$", "SIGKILL"), ("exit 0", "it made no signature by")] {
        program(
            &environment,
            "bin/gpg",
            &format!("case \"$*\" in *--export*) exec /usr/bin/gpg \"$@\";; esac\n{script}"),
        );
        let path = format!("{bin}:/usr/bin:/bin");
        let mut command = home.in_home(environment.command());
        refused(environment.finish(command.args(again).env("PATH", path)), word);
    }

    // The agent knows it once it was told; a run with no passphrase at hand succeeds then.
    let _ = home.store(&environment, again).succeeds();
    configure(&environment, &format!("[[signing.signer]]\ngpg = \"{key}\"\n"));
    let _ = home.store(&environment, again).succeeds();
    assert_ne!(fs::read(environment.public("prod").join("dists/bookworm/InRelease")).unwrap(), before);
    let _ = home.store(&environment, &["fsck"]).succeeds();
}

/// What the hardware module of a test is: a directory of SoftHSM, reached by gpg through gnupg-pkcs11-scd.
const TOKEN: &str = r#"set -e
cd "$GNUPGHOME"; mkdir -p tokens private-keys-v1.d; chmod 700 private-keys-v1.d
M=/usr/lib/softhsm/libsofthsm2.so
printf 'directories.tokendir = %s/tokens\nobjectstore.backend = file\nlog.level = ERROR\n' "$GNUPGHOME" > softhsm2.conf
softhsm2-util --init-token --free --label repo --pin 731953 --so-pin 4321 >&2
pkcs11-tool --module $M --token-label repo --login --pin 731953 --keypairgen --key-type rsa:3072 --id 01 --label sign >&2
pkcs11-tool --module $M --token-label repo --login --pin 731953 --read-object --type pubkey --id 01 -o pub.der >&2
openssl rsa -pubin -inform DER -in pub.der -outform PEM -out pub.pem
openssl genpkey -quiet -algorithm rsa -pkeyopt rsa_keygen_bits:2048 -out ca.key
openssl req -x509 -new -key ca.key -subj /CN=x -out ca.crt
openssl req -new -key ca.key -subj /CN=repo-signing -out r.csr
openssl x509 -req -in r.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 3650 -force_pubkey pub.pem -outform DER -out cert.der
pkcs11-tool --module $M --token-label repo --login --pin 731953 --write-object cert.der --type cert --id 01 --label sign >&2
printf 'providers softhsm\nprovider-softhsm-library %s\n' $M > gnupg-pkcs11-scd.conf
printf 'scdaemon-program /usr/bin/gnupg-pkcs11-scd\nallow-loopback-pinentry\n' > gpg-agent.conf
gpg-connect-agent LEARN /bye >&2
KG=$(gpg-connect-agent 'SCD LEARN' /bye | awk '/KEY-FRIEDNLY|KEY-FRIENDLY/{print $3;exit}')
printf 'Key-Type: RSA\nKey-Grip: %s\nKey-Usage: sign\nName-Real: HSM repo\n%%commit\n' "$KG" > param
printf '731953\n' | gpg --batch --pinentry-mode loopback --passphrase-fd 0 --gen-key param >&2
gpg --list-keys --with-colons | awk -F: '/^fpr/{print $10;exit}'
"#;

#[test]
fn a_key_in_a_hardware_module_signs_through_gpg() {
    let programs = ["softhsm2-util", "pkcs11-tool", "gnupg-pkcs11-scd", "openssl", "gpg-connect-agent"];
    if !testkit::all_installed(&programs) {
        return;
    }
    let (environment, Some(home)) = (store(), Home::new()) else { return };
    let softhsm = home.directory.path().join("softhsm2.conf");
    let module = |mut command: Command| {
        command.env("SOFTHSM2_CONF", &softhsm);
        environment.finish(&mut home.in_home(command))
    };
    let made = module(environment.other(&["sh", "-c", TOKEN]));
    if made.status != Some(0) {
        testkit::skipped(&format!("no key can be made in SoftHSM here: {made}"));
        return;
    }
    let key = made.stdout.trim().to_owned();
    let pin = environment.write("pin", "731953\n");
    fs::set_permissions(&pin, fs::Permissions::from_mode(0o600)).unwrap();
    configure(
        &environment,
        &format!("[signing]\npassphrase_file = \"{pin}\"\n[[signing.signer]]\ngpg = \"{key}\"\n"),
    );
    let run = |arguments: &[&str]| {
        let mut command = environment.command();
        command.args(arguments);
        module(command)
    };
    let _ = run(&["key", "publish"]).succeeds();
    assert!(signed_by(&environment, "prod").contains(&key));
    let before = fs::read(environment.public("prod").join("dists/bookworm/InRelease")).unwrap();
    // A wrong PIN; and the token is gone between two signatures.
    let shown = |refused: Output| {
        let refused = refused.ends_with(1);
        assert!(!refused.stderr.contains("731953"), "{refused}");
        assert_eq!(fs::read(environment.public("prod").join("dists/bookworm/InRelease")).unwrap(), before);
    };
    home.forget(&environment);
    fs::write(&pin, "999999\n").unwrap();
    shown(run(&["sign", "again", "prod"]));
    fs::write(&pin, "731953\n").unwrap();
    home.forget(&environment);
    let (tokens, gone) = (home.directory.path().join("tokens"), home.directory.path().join("gone"));
    fs::rename(&tokens, &gone).unwrap();
    fs::create_dir(&tokens).unwrap();
    shown(run(&["sign", "again", "prod"]));
    fs::remove_dir(&tokens).unwrap();
    fs::rename(&gone, &tokens).unwrap();
    home.forget(&environment);
    let _ = run(&["sign", "again", "prod"]).succeeds();
    let server = environment.serve();
    let Some(apt) = Apt::new(&environment, "client") else { return };
    let keyring = environment.public("prod").join("key.gpg");
    apt.source(
        "prod",
        &format!(
            "Types: deb\nURIs: {}/prod\nSuites: bookworm\nComponents: main\nSigned-By: {keyring}\n",
            server.url()
        ),
    );
    let said = apt.update().succeeds();
    assert!(!said.stderr.contains("W:"), "{said}");
}

#[test]
fn a_repository_that_lists_its_keys_is_signed_by_these_and_what_succeeds_them() {
    let environment = store();
    let _ = environment.run(&["publish"]).succeeds();
    let first = keys(&environment).remove(0);
    let _ = environment.run(&["key", "generate"]).succeeds();
    let second = keys(&environment).into_iter().find(|key| *key != first).unwrap();
    // The guard against keys that clients do not know holds for each.
    let lists = |preprod: &str, prod: &str| {
        configure(
            &environment,
            &format!(
                "[repositories.preprod]\nkeys = ['{preprod}']\n[repositories.prod]\nkeys = ['{prod}']\n"
            ),
        );
    };
    lists(&first, &second);
    let _ = environment.run(&["publish", "preprod"]).succeeds();
    let refused = environment.run(&["publish", "prod"]).ends_with(1);
    assert!(refused.stderr.contains("no key that signed prod so far would sign it"), "{refused}");
    let _ = environment.run(&["publish", "prod", "--allow-key-change"]).succeeds();
    assert_eq!(signed_by(&environment, "preprod"), std::slice::from_ref(&first));
    assert_eq!(signed_by(&environment, "prod"), std::slice::from_ref(&second));
    let _ = environment.run(&["fsck"]).succeeds();
    let told = environment.run(&["client-config", "prod", "--json"]).succeeds().stdout;
    assert!(told.contains(&second) && !told.contains(&first), "{told}");

    // A rotation of one leaves the other alone.
    let _ = environment.run(&["key", "publish"]).succeeds();
    let rotated = environment.run(&["key", "rotate", "prod", "--json"]).succeeds();
    let third = json(&rotated)["fingerprint"].as_str().unwrap().to_owned();
    let mut both = vec![second.clone(), third.clone()];
    both.sort();
    assert_eq!(signed_by(&environment, "prod"), both);
    assert_eq!(signed_by(&environment, "preprod"), std::slice::from_ref(&first));
    let again = environment.run(&["key", "rotate", "prod"]).succeeds();
    assert!(again.stdout.contains("is under way"), "{again}");
    let retired = environment.run(&["key", "retire", &second, "--force"]).succeeds();
    assert!(!retired.stdout.contains("preprod"), "{retired}");
    assert_eq!(
        signed_by(&environment, "prod"),
        std::slice::from_ref(&third),
        "the list still names the key before"
    );
    let package = environment.package("hello", "1.0", "all");
    let _ = environment.run(&["add", "prod", package.as_str()]).succeeds();
    let _ = environment.run(&["fsck"]).succeeds();
    let _ = environment.run(&["key", "check"]).succeeds();
    let last = environment.run(&["key", "retire", &third, "--force", "--json"]).ends_with(1);
    assert_eq!(json(&last)["error"]["code"], "E-LAST-KEY", "{last}");
    let all = environment.run(&["key", "rotate", "--all", "--json"]).succeeds();
    assert_eq!(json(&all)["fingerprints"].as_array().unwrap().len(), 2, "{all}");
    for repository in ["preprod", "prod"] {
        assert_eq!(signed_by(&environment, repository).len(), 2);
    }

    // A list with a key that is not there signs nothing.
    lists(&first, &"A".repeat(40));
    let unknown = environment.run(&["sign", "again", "prod"]).ends_with(1);
    assert!(unknown.stderr.contains("no signing key"), "{unknown}");
    let _ = environment.run(&["sign", "again", "preprod"]).succeeds();
}

#[test]
fn a_repository_whose_own_key_is_revoked_gets_another_one() {
    let (environment, forced) = (store(), store());
    for (environment, more) in [(&environment, &[][..]), (&forced, &["--force"])] {
        let first = keys(environment).remove(0);
        let _ = environment.run(&["key", "generate"]).succeeds();
        let second = keys(environment).into_iter().find(|key| *key != first).unwrap();
        let lists =
            format!("[repositories.preprod]\nkeys = ['{first}']\n[repositories.prod]\nkeys = ['{second}']\n");
        configure(environment, &lists);
        let _ = environment.run(&["publish", "--allow-key-change"]).succeeds();
        let _ = environment.run(&["key", "publish"]).succeeds();
        let old = fs::read(environment.public("prod").join("key.gpg")).unwrap();
        let before = fs::read(environment.public("preprod").join("dists/bookworm/InRelease")).unwrap();

        let revoke = [&["key", "revoke", &second], more].concat();
        let foretold = environment.run(&[&revoke[..], &["--dry-run"]].concat()).succeeds();
        assert!(foretold.stdout.contains("a new key would sign"), "{foretold}");
        let revoked = environment.run(&revoke).succeeds();
        let third = keys(environment).into_iter().find(|key| *key != first && *key != second).unwrap();
        assert!(revoked.stdout.contains(&format!("made key {third}")), "{revoked}");
        assert!(!revoked.stdout.contains("preprod"), "the key signs nothing there: {revoked}");
        let now = fs::read(environment.public("preprod").join("dists/bookworm/InRelease")).unwrap();
        assert!(now == before);
        // Machines that have heard of the revocation accept what the new key signs; the others what the old one does.
        assert!(signed_by(environment, "prod").contains(&third));
        let signed = fs::read(environment.public("prod").join("dists/bookworm/InRelease")).unwrap();
        let known = Keyring::parse(&old).unwrap().verify_inline(&signed, SystemTime::now());
        assert_eq!(known.is_ok(), more.is_empty(), "{known:?}");
        let _ = environment.run(&["fsck"]).succeeds();
    }
    // What is left when the file of the new key gets lost would be refused by every machine that follows.
    let second = json(&environment.run(&["key", "list", "--json"]).succeeds())["keys"].clone();
    let second =
        second.as_array().unwrap().iter().find(|key| key["state"] == "revoked").unwrap()["fingerprint"]
            .clone();
    let second = second.as_str().unwrap();
    let again = environment.run(&["key", "revoke", second]).succeeds();
    assert!(again.stdout.contains("is already revoked") && !again.stdout.contains("made key"), "{again}");
    let third = json(&environment.run(&["key", "revoke", second, "--json"]).succeeds())["signs_too"].clone();
    fs::remove_file(environment.root().join(format!("keys/{}.asc", third.as_str().unwrap()))).unwrap();
    let refused = environment.run(&["sign", "again", "prod"]).ends_with(1);
    assert!(refused.stderr.contains("cannot sign: it is revoked"), "{refused}");
    assert!(refused.stderr.contains(&format!("hint: run repo-cli key revoke {second}")), "{refused}");
    let made = environment.run(&["key", "revoke", second]).succeeds();
    assert!(made.stdout.contains("made key "), "{made}");
    assert_eq!(signed_by(&environment, "prod").len(), 1);
}

#[test]
fn nothing_is_dumped_when_a_process_dies_while_it_holds_a_key() {
    use std::os::unix::process::ExitStatusExt as _;
    let Some((environment, _)) = with_service() else { return };
    let unlimited = |command: &str| {
        let mut shell = environment.other(&["sh", "-c", &format!("ulimit -c unlimited; {command}")]);
        shell.status().unwrap()
    };
    let other = unlimited("kill -ABRT $$");
    if !other.core_dumped() {
        testkit::skipped("no process leaves a dump here");
        return;
    }
    program(&environment, "kms-sign", "kill -ABRT $PPID; exit 1");
    let died = unlimited(&format!("exec {} sign again", crate::PROGRAM));
    assert_eq!(died.signal(), Some(6));
    assert!(!died.core_dumped());
}
