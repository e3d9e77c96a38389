//! Programs that sign for us are believed only after their output has been verified.

use crate::{TEXT, key, now, sign, verifiers::installed};
use apt_sign::{CommandSigner, Error, Keyring, SecretKey, Signed, Signer};
use std::{
    fs,
    process::Command,
    time::{Duration, Instant, SystemTime},
};
use tempfile::TempDir;

/// A shell script as signing program, in a directory with the parts of `signed`.
struct Script {
    dir: TempDir,
    keyring: Keyring,
}

impl Script {
    fn new() -> (Self, Signed) {
        let key = key("token");
        let keyring = Keyring::new(vec![key.certificate()]);
        let signed = sign(vec![key], TEXT);
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("--clear-sign"), signed.inline()).unwrap();
        fs::write(dir.path().join("--detach-sign"), signed.detached()).unwrap();
        (Self { dir, keyring }, signed)
    }

    fn signer(&self, script: &str) -> CommandSigner {
        let script = format!("cd {}; {script}", self.dir.path().display());
        CommandSigner::new("/bin/sh", ["-c", &script, "sh"], self.keyring.clone()).unwrap()
    }

    fn reason(&self, script: &str, timeout: Duration) -> String {
        let signer = self.signer(script).timeout(timeout);
        match signer.sign(TEXT, now()) {
            Err(Error::Program { program, reason }) => {
                assert_eq!(program, "/bin/sh");
                reason
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_program_that_signs_is_used() {
    let (script, signed) = Script::new();
    let signer = script.signer("cat > given; cat ./$1");
    assert_eq!(signer.sign(TEXT, now()).unwrap(), signed);
    assert_eq!(fs::read(script.dir.path().join("given")).unwrap(), TEXT);
    assert_eq!(signer.fingerprints(), script.keyring.fingerprints());
}

#[test]
fn a_program_that_fails_is_quoted() {
    let (script, _) = Script::new();
    let programs = [
        "echo no card >&2; echo really >&2; exit 3",
        "yes",
        "yes | head -c 1000000 >&2; cat ./$1; exit 1",
        "kill -9 $$",
    ];
    let reasons = programs.map(|program| script.reason(program, Duration::from_secs(60)));
    let chatty = &reasons[2];
    assert!(chatty.starts_with("exit status: 1: y: y: y") && chatty.len() < 8192, "{chatty}");
    insta::assert_snapshot!([&reasons[0], &reasons[1], &reasons[3]].map(String::as_str).join("\n"), @r"
    exit status: 3: no card: really
    writes too much
    signal: 9 (SIGKILL)
    ");
    let missing = CommandSigner::new("/nonexistent/sign", [""; 0], script.keyring.clone()).unwrap();
    assert!(matches!(missing.sign(TEXT, now()), Err(Error::Program { .. })));
}

#[test]
fn a_program_that_takes_too_long_is_stopped() {
    let (script, _) = Script::new();
    for program in ["sleep 60", "cat ./$1; exec >&-; exec 2>&-; sleep 60"] {
        assert_eq!(script.reason(program, Duration::from_millis(300)), "took longer than 0.3 seconds");
    }
}

/// What a background process keeps open must not hold us up.
#[test]
fn a_grandchild_that_keeps_the_pipe_does_not_hang_us() {
    let (script, _) = Script::new();
    let start = Instant::now();
    assert_eq!(
        script.reason("sleep 60 & exit 0", Duration::from_millis(300)),
        "took longer than 0.3 seconds"
    );
    assert!(start.elapsed() < Duration::from_secs(30));
}

#[test]
fn output_that_does_not_verify_is_refused() {
    let (script, signed) = Script::new();
    let dir = script.dir.path();
    let inline = String::from_utf8(signed.inline().to_vec()).unwrap();
    fs::write(dir.join("changed"), inline.replace("bookworm", "bullseye")).unwrap();
    let refusal = |program: &str| script.signer(program).sign(TEXT, now()).unwrap_err();
    let sign_detached = "test $1 = --detach-sign && cat ./$1";
    assert!(matches!(refusal(&format!("{sign_detached} || cat")), Error::Framing { .. }));
    assert!(matches!(refusal(&format!("{sign_detached} || true")), Error::Framing { .. }));
    assert!(matches!(refusal(&format!("{sign_detached} || cat changed")), Error::BadSignature { .. }));
    assert!(matches!(refusal("true"), Error::Malformed { .. }));
    assert!(matches!(refusal("cat ./--clear-sign"), Error::Malformed { .. }));
    assert!(matches!(refusal("sed 's/$/\\r/' ./$1"), Error::Malformed { .. }));
    assert!(matches!(script.signer("cat ./$1").sign(b"Suite: other\n", now()), Err(Error::OtherText)));
    let stranger = Keyring::new(vec![key("stranger").certificate()]);
    let program = format!("cat {}/$1", dir.display());
    let signer = CommandSigner::new("/bin/sh", ["-c", &program, "sh"], stranger).unwrap();
    assert!(matches!(signer.sign(TEXT, now()), Err(Error::UnknownSigner { .. })));
}

#[test]
fn no_program_runs_for_a_key_that_apt_refuses() {
    let (script, _) = Script::new();
    let old =
        SecretKey::generate("old", now() - Duration::from_secs(10), Some(Duration::from_secs(5))).unwrap();
    let program = format!("touch {}/ran", script.dir.path().display());
    let keyring = Keyring::new(vec![old.certificate()]);
    let signer = CommandSigner::new("/bin/sh", ["-c", &program], keyring).unwrap();
    assert!(matches!(signer.sign(TEXT, now()), Err(Error::Key { .. })));
    assert!(!script.dir.path().join("ran").exists());
    assert!(matches!(CommandSigner::new("true", [""; 0], Keyring::default()), Err(Error::Keys { .. })));
    assert!(!format!("{signer:?}").contains("touch"), "arguments are not shown");
}

#[test]
fn gpg_signs_with_one_and_two_keys() {
    if !installed("gpg") {
        return;
    }
    // The agent puts its sockets into the home, whose path must be short.
    let home = tempfile::Builder::new().prefix("gpg").tempdir_in("/tmp").unwrap();
    let made = SystemTime::now() - Duration::from_secs(3600);
    let keys = ["one", "two"].map(|name| SecretKey::generate(name, made, None).unwrap());
    for key in &keys {
        let file = home.path().join("key.asc");
        fs::write(&file, key.to_armored().unwrap().as_bytes()).unwrap();
        let import = Command::new("gpg")
            .args(["--batch", "--quiet", "--homedir"])
            .arg(home.path())
            .arg("--import")
            .arg(&file)
            .output()
            .unwrap();
        assert!(import.status.success(), "{}", String::from_utf8_lossy(&import.stderr));
    }
    for count in [1, 2] {
        let keyring = Keyring::new(keys.iter().take(count).map(SecretKey::certificate).collect());
        let signer = CommandSigner::gpg(Some(home.path()), keyring).unwrap();
        let signed = signer.sign(TEXT, SystemTime::now()).unwrap();
        assert_eq!(signed.text(), TEXT);
    }
    let unknown = Keyring::new(vec![key("not there").certificate()]);
    let refused = CommandSigner::gpg(Some(home.path()), unknown).unwrap().sign(TEXT, SystemTime::now());
    assert!(matches!(refused, Err(Error::Program { .. })));
    let _ = Command::new("gpgconf").arg("--homedir").arg(home.path()).args(["--kill", "all"]).status();
}
