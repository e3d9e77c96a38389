//! Programs that sign for us are believed only after their output has been verified.

use crate::{DAY, TEXT, key, now, verifiers::installed};
use apt_sign::{
    Certificate, CommandKey, DeferredKey, Error, GpgKey, KeyProblem, KeySigner, OpenPgpSigner, PublicPart,
    SecretKey, Signed, Signer,
};
use std::{
    fs,
    path::Path,
    process::{Command, Output},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};
use tempfile::TempDir;

fn signer(keys: Vec<Box<dyn KeySigner>>) -> OpenPgpSigner {
    OpenPgpSigner::of_signers(keys).unwrap()
}

fn run(program: &str, arguments: &[&str]) -> Output {
    let output = Command::new(program).args(arguments).output().unwrap();
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

/// A key of openssl, which stands for one in a key management service.
struct Service {
    dir: TempDir,
    certificate: Certificate,
}

/// How `openssl genpkey` makes a key, and what signs a digest with it.
const KINDS: [(&[&str], &str); 4] = [
    (
        &["-algorithm", "rsa", "-pkeyopt", "rsa_keygen_bits:3072"],
        "cat > d; openssl pkeyutl -sign -inkey key.pem -in d -pkeyopt digest:sha512",
    ),
    (
        &["-algorithm", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
        "cat > d; test $(wc -c < d) = 32 && openssl pkeyutl -sign -inkey key.pem -in d | base64",
    ),
    (
        &["-algorithm", "ec", "-pkeyopt", "ec_paramgen_curve:P-384"],
        "cat > d; test $(wc -c < d) = 48 && openssl pkeyutl -sign -inkey key.pem -in d",
    ),
    (&["-algorithm", "ed25519"], "cat > d; openssl pkeyutl -sign -inkey key.pem -rawin -in d | base64"),
];

impl Service {
    fn new((kind, script): (&[&str], &str)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
        let (secret, public) = (path("key.pem"), path("public.pem"));
        run("openssl", &[&["genpkey", "-quiet", "-out", &secret][..], kind].concat());
        run("openssl", &["pkey", "-in", &secret, "-pubout", "-out", &public]);
        let pem = fs::read(public).unwrap();
        let arguments = shell(dir.path(), script);
        let made = CommandKey::certify("/bin/sh", arguments, &pem, "Service <s@example.org>", now() - DAY);
        Self { certificate: made.unwrap(), dir }
    }

    fn key(&self, script: &str) -> CommandKey {
        CommandKey::new("/bin/sh", shell(self.dir.path(), script), self.certificate.clone())
    }

    fn refusal(&self, script: &str) -> Error {
        signer(vec![Box::new(self.key(script))]).sign(TEXT, now()).unwrap_err()
    }
}

fn shell(dir: &Path, script: &str) -> [String; 2] {
    ["-c".to_owned(), format!("cd {}; {script}", dir.display())]
}

/// What gpgv says of both forms with these certificates.
fn gpgv_accepts(signed: &Signed, signer: &OpenPgpSigner) {
    if !installed("gpgv") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    for (name, bytes) in [
        ("keyring.gpg", &*signer.keyring().binary().unwrap()),
        ("InRelease", signed.inline()),
        ("Release", signed.text()),
        ("Release.gpg", signed.detached()),
    ] {
        fs::write(path(name), bytes).unwrap();
    }
    let keyring = path("keyring.gpg");
    run("gpgv", &["--keyring", &keyring, &path("InRelease")]);
    run("gpgv", &["--keyring", &keyring, &path("Release.gpg"), &path("Release")]);
}

#[test]
fn a_command_signs_digests_with_keys_of_every_kind() {
    if !installed("openssl") {
        return;
    }
    for kind in KINDS {
        let service = Service::new(kind);
        let alone = signer(vec![Box::new(service.key(kind.1))]);
        let signed = alone.sign(TEXT, now()).unwrap();
        assert_eq!(signed.text(), TEXT);
        gpgv_accepts(&signed, &alone);
        // Beside a key of ours, with another hash perhaps.
        let ours = key("ours");
        let public = PublicPart::parse(ours.to_armored().unwrap().as_bytes()).unwrap();
        let armor = ours.to_armored().unwrap();
        let deferred = DeferredKey::new(public, move || SecretKey::from_bytes(armor.as_bytes(), None));
        let both = signer(vec![Box::new(deferred), Box::new(service.key(kind.1))]);
        let signed = both.sign(TEXT, now()).unwrap();
        gpgv_accepts(&signed, &both);
        let verified = both.keyring().verify_inline(signed.inline(), now()).unwrap();
        assert_eq!(verified.signers().len(), 2);
    }
}

#[test]
fn a_command_that_fails_is_quoted_without_control_characters() {
    if !installed("openssl") {
        return;
    }
    let service = Service::new(KINDS[3]);
    let reason = |script: &str| match service.refusal(script) {
        Error::Program { program, reason } => {
            assert_eq!(program, "/bin/sh");
            reason.replace(service.certificate.fingerprint().as_str(), "<KEY>")
        }
        other => panic!("{script}: {other:?}"),
    };
    let said = [
        "printf 'no \\033[31mcard\\nreally\\n' >&2; exit 3",
        "yes",
        "kill -9 $$",
        "true",
        "echo rubbish",
        "head -c 63 /dev/zero",
    ]
    .map(reason);
    insta::assert_snapshot!(said.join("\n"), @r"
    exit status: 3: no [31mcard: really
    writes too much
    signal: 9 (SIGKILL)
    it wrote 0 bytes that are not a signature by <KEY>, as bytes or in base64 (expected 64 bytes)
    it wrote 8 bytes that are not a signature by <KEY>, as bytes or in base64 (expected 64 bytes)
    it wrote 63 bytes that are not a signature by <KEY>, as bytes or in base64 (expected 64 bytes)
    ");
    let chatty = reason("yes | head -c 1000000 >&2; exit 1");
    assert!(chatty.starts_with("exit status: 1: y: y: y") && chatty.len() < 4096, "{chatty}");
    let missing = CommandKey::new("/nonexistent/sign", [""; 0], service.certificate.clone());
    let missing = signer(vec![Box::new(missing)]).sign(TEXT, now());
    assert!(matches!(missing, Err(Error::Program { .. })));
    assert!(!format!("{:?}", service.key("echo secret")).contains("secret"), "arguments are not shown");
}

#[test]
fn what_is_not_a_signature_by_the_key_over_the_text_is_refused() {
    if !installed("openssl") {
        return;
    }
    for (kind, other) in [(KINDS[3], "head -c 64 /dev/zero"), (KINDS[0], "head -c 384 /dev/zero")] {
        let (service, stranger) = (Service::new(kind), Service::new(kind));
        assert!(matches!(service.refusal(other), Error::BadSignature { .. }), "no signature at all");
        fs::write(service.dir.path().join("other"), "a digest of other bytes").unwrap();
        let of_other = kind.1.replace("cat > d", "head -c 64 /dev/urandom > d");
        assert!(matches!(service.refusal(&of_other), Error::BadSignature { .. }), "of other bytes");
        let by_stranger =
            kind.1.replace("key.pem", &stranger.dir.path().join("key.pem").display().to_string());
        assert!(matches!(service.refusal(&by_stranger), Error::BadSignature { .. }), "by another key");
    }
}

#[test]
fn no_certificate_is_made_of_what_the_command_did_not_sign() {
    if !installed("openssl") {
        return;
    }
    let service = Service::new(KINDS[3]);
    let pem = fs::read(service.dir.path().join("public.pem")).unwrap();
    let certify = |script: &str, pem: &[u8], name: &str| {
        CommandKey::certify("/bin/sh", shell(service.dir.path(), script), pem, name, now()).unwrap_err()
    };
    assert!(matches!(certify("head -c 64 /dev/zero", &pem, "x"), Error::BadSignature { .. }));
    assert!(matches!(certify("exit 1", &pem, "x"), Error::Program { .. }));
    assert!(matches!(certify("exit 1", b"no key", "x"), Error::Malformed { .. }));
    assert!(matches!(certify("exit 1", &pem, "two\nlines"), Error::Malformed { .. }));
    for cut in 0..pem.len() {
        let cut = [&pem[..cut], b"\n-----END PUBLIC KEY-----\n"].concat();
        assert!(!matches!(certify("exit 1", &cut, "x"), Error::BadSignature { .. }));
    }
}

#[test]
fn a_program_that_takes_too_long_is_stopped() {
    if !installed("openssl") {
        return;
    }
    let service = Service::new(KINDS[3]);
    let start = Instant::now();
    // The last leaves something behind that keeps the pipe open.
    for script in ["sleep 60", "exec >&-; exec 2>&-; sleep 60", "sleep 60 & exit 0"] {
        let key = service.key(script).timeout(Duration::from_millis(300));
        match signer(vec![Box::new(key)]).sign(TEXT, now()) {
            Err(Error::Program { reason, .. }) => assert_eq!(reason, "took longer than 0.3 seconds"),
            other => panic!("{other:?}"),
        }
    }
    assert!(start.elapsed() < Duration::from_secs(30));
}

#[test]
fn no_program_runs_for_a_key_that_apt_refuses() {
    let dir = tempfile::tempdir().unwrap();
    let old =
        SecretKey::generate("old", now() - Duration::from_secs(10), Some(Duration::from_secs(5))).unwrap();
    let key = CommandKey::new("/bin/sh", shell(dir.path(), "touch ran"), old.certificate());
    assert!(matches!(signer(vec![Box::new(key)]).sign(TEXT, now()), Err(Error::Key { .. })));
    assert!(!dir.path().join("ran").exists());
}

#[test]
fn a_secret_key_is_loaded_when_it_signs_and_once() {
    let ours = key("ours");
    let armor = ours.to_armored_with(Some("correct horse")).unwrap();
    let public = PublicPart::parse(armor.as_bytes()).unwrap();
    assert!(public.is_locked());
    let loads = Arc::new(AtomicUsize::new(0));
    let load = {
        let loads = loads.clone();
        move || {
            loads.fetch_add(1, Ordering::Relaxed);
            SecretKey::from_bytes(armor.as_bytes(), Some("correct horse"))
        }
    };
    let (signer, skipped) =
        OpenPgpSigner::of_usable_signers(vec![Box::new(DeferredKey::new(public, load))], now()).unwrap();
    assert_eq!(skipped, []);
    assert_eq!(signer.fingerprints(), [ours.fingerprint()]);
    let _ = (signer.public_keys().unwrap(), signer.problems(now()), signer.outlasts(now()));
    assert_eq!(loads.load(Ordering::Relaxed), 0);
    signer.sign(TEXT, now()).unwrap();
    signer.sign(b"Suite: other\n", now()).unwrap();
    signer.prepare().unwrap();
    assert_eq!(loads.load(Ordering::Relaxed), 1);
}

#[test]
fn a_public_part_tells_what_the_whole_key_would() {
    let armor = |key: &SecretKey| key.to_armored().unwrap().as_bytes().to_vec();
    let good = key("good");
    let expired = SecretKey::generate("old", now() - 2 * DAY, Some(DAY)).unwrap();
    assert_eq!(PublicPart::parse(&armor(&good)).unwrap().problem(now()), None);
    assert!(!PublicPart::parse(&armor(&good)).unwrap().is_locked());
    let problem = PublicPart::parse(&armor(&expired)).unwrap().problem(now());
    assert!(matches!(problem, Some(KeyProblem::Expired { .. })));
    assert!(PublicPart::parse(good.certificate().armored().unwrap().as_bytes()).is_err(), "no secret part");
}

/// A home of gpg. Tests that need one run in a process of their own for each, as its path goes by a variable.
fn gpg(home: &Path, arguments: &[&str]) -> Output {
    let home = home.to_str().unwrap();
    run("gpg", &[&["--homedir", home, "--batch", "--quiet"][..], arguments].concat())
}

#[test]
fn gpg_signs_beside_another_key() {
    const CHILD: &str = "APT_SIGN_TEST_GPG";
    if !installed("gpg") {
        return;
    }
    if std::env::var_os(CHILD).is_some() {
        gpg_signs_in_this_process();
        return;
    }
    // The agent puts its sockets into the home, whose path must be short.
    let home = tempfile::Builder::new().prefix("gpg").tempdir_in("/tmp").unwrap();
    let made = SystemTime::now() - Duration::from_secs(3600);
    for name in ["one", "locked"] {
        let key = SecretKey::generate(name, made, None).unwrap();
        let file = home.path().join("key.asc");
        let passphrase = (name == "locked").then_some("correct horse");
        fs::write(&file, key.to_armored_with(passphrase).unwrap().as_bytes()).unwrap();
        gpg(home.path(), &["--import", file.to_str().unwrap()]);
        fs::write(home.path().join(name), key.fingerprint().as_str()).unwrap();
    }
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "external::gpg_signs_beside_another_key", "--nocapture"])
        .env("GNUPGHOME", home.path())
        .env(CHILD, "1")
        .output()
        .unwrap();
    let _ = Command::new("gpgconf").arg("--homedir").arg(home.path()).args(["--kill", "all"]).status();
    assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stderr));
}

fn gpg_signs_in_this_process() {
    let home = std::env::var("GNUPGHOME").unwrap();
    let fingerprint = |name: &str| {
        apt_sign::Fingerprint::parse(&fs::read_to_string(Path::new(&home).join(name)).unwrap()).unwrap()
    };
    let find = |name: &str, passphrase: Option<&'static str>| {
        GpgKey::find(fingerprint(name), move || Ok(passphrase.map(Arc::from))).unwrap()
    };
    // What is signed was begun a while ago.
    let begun = SystemTime::now() - Duration::from_secs(60);
    let sign = |keys: Vec<Box<dyn KeySigner>>| {
        let signer = signer(keys);
        signer.sign(TEXT, begun).map(|signed| (signed, signer))
    };
    let (signed, alone) = sign(vec![Box::new(find("one", None))]).unwrap();
    gpgv_accepts(&signed, &alone);
    // No passphrase, a wrong one, the right one; and then the agent knows it.
    for passphrase in [None, Some("battery staple")] {
        match sign(vec![Box::new(find("locked", passphrase))]) {
            Err(Error::Locked { fingerprint: of, given }) => {
                assert_eq!((of, given), (fingerprint("locked"), passphrase.is_some()));
            }
            other => panic!("{:?}", other.err()),
        }
    }
    let both: Vec<Box<dyn KeySigner>> =
        vec![Box::new(find("one", None)), Box::new(find("locked", Some("correct horse")))];
    let (signed, both) = sign(both).unwrap();
    gpgv_accepts(&signed, &both);
    assert_eq!(
        both.keyring().verify_detached(TEXT, signed.detached(), SystemTime::now()).unwrap().signers().len(),
        2
    );
    assert!(sign(vec![Box::new(find("locked", None))]).is_ok());

    let stranger = GpgKey::find(key("stranger").fingerprint(), || Ok(None));
    assert!(matches!(stranger, Err(Error::Program { .. })));
    let slow = find("one", None).timeout(Duration::ZERO);
    assert!(matches!(sign(vec![Box::new(slow)]), Err(Error::Program { .. })));
}
