use std::fs;

use camino::{Utf8Path, Utf8PathBuf};

use crate::{Environment, Output};

/// The machine's apt with directories of its own: nothing of the machine's configuration is read, nothing is installed,
/// and no root is needed.
///
/// When `REPO_TEST_CHROOT` names another Debian system that has the machine's `/tmp` as its own, its apt is used instead; that
/// does need root. `.ci/client-chroot` makes one.
#[derive(Debug)]
pub struct Apt<'e> {
    environment: &'e Environment,
    root: Utf8PathBuf,
}

const CONFIGURATION: &str = r#"Dir "@ROOT@";
Dir::State::status "@ROOT@/var/lib/dpkg/status";
Dir::Bin::methods "/usr/lib/apt/methods";
APT::Architecture "amd64";
APT::Architectures { "amd64"; };
APT::Sandbox::User "";
Acquire::Languages "none";
Acquire::http::Proxy "DIRECT";
Acquire::Retries "0";
Acquire::Check-Date "true";
Acquire::Check-Valid-Until "true";
"#;

impl<'e> Apt<'e> {
    /// A client without sources. `None`, and a line that says so, when apt is not installed.
    ///
    /// # Panics
    /// When its directories cannot be made.
    #[must_use]
    pub fn new(environment: &'e Environment, name: &str) -> Option<Self> {
        if !crate::all_installed(&["apt-get", "apt-cache"]) {
            return None;
        }
        let root = environment.path(name);
        for directory in [
            "etc/apt/apt.conf.d",
            "etc/apt/auth.conf.d",
            "etc/apt/preferences.d",
            "etc/apt/sources.list.d",
            "etc/apt/trusted.gpg.d",
            "var/cache/apt/archives/partial",
            "var/lib/apt/lists/partial",
            "var/lib/dpkg",
            "downloads",
        ] {
            fs::create_dir_all(root.join(directory)).expect("a directory");
        }
        fs::write(root.join("var/lib/dpkg/status"), "").expect("an empty status file");
        let configuration = CONFIGURATION.replace("@ROOT@", root.as_str());
        fs::write(root.join("etc/apt/apt.conf"), configuration).expect("a configuration");
        Some(Self { environment, root })
    }

    /// Writes `/etc/apt/sources.list.d/NAME.sources`.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn source(&self, name: &str, text: &str) {
        fs::write(self.root.join(format!("etc/apt/sources.list.d/{name}.sources")), text).expect("a source");
    }

    /// Writes `/etc/apt/auth.conf.d/NAME.conf`.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn auth(&self, name: &str, text: &str) {
        fs::write(self.root.join(format!("etc/apt/auth.conf.d/{name}.conf")), text).expect("an entry");
    }

    /// Runs the script that sets up a machine, as root of a machine of that release would, with the paths of this client and this text as
    /// what a person types. It has no terminal, even if the tests run in one.
    ///
    /// # Panics
    /// When its surroundings cannot be made.
    pub fn set_up(&self, script: &str, release: &str, typed: &str) -> Output {
        let file = self.script_for(script, release);
        self.finish_typed(&["setsid", "--wait", "sh", file.as_str()], typed)
    }

    /// Pipes scripts that set up machines into one shell, one after the other, on a terminal where a person types this text. `None` when
    /// no program that makes a terminal is installed.
    ///
    /// # Panics
    /// When its surroundings cannot be made.
    pub fn set_up_on_terminal(&self, scripts: &[&str], release: &str, typed: &str) -> Option<Output> {
        if !crate::all_installed(&["script"]) {
            return None;
        }
        let file = self.script_for(&scripts.concat(), release);
        Some(self.finish_typed(&["script", "-qec", &format!("cat {file} | sh"), "/dev/null"], typed))
    }

    /// Writes a script for this client, and what it finds on a machine of that release.
    fn script_for(&self, script: &str, release: &str) -> Utf8PathBuf {
        let (root, bin) = (&self.root, self.path("bin"));
        fs::create_dir_all(&bin).expect("a directory");
        crate::script(bin.join("id"), "echo 0");
        fs::write(self.path("etc/os-release"), format!("VERSION_CODENAME={release}\n")).expect("a release");
        let script = script.replace("/etc/", &format!("{root}/etc/"));
        let script = script.replace("/usr/share/keyrings", &format!("{root}/usr/share/keyrings"));
        let file = self.path("script");
        fs::write(&file, script).expect("a script");
        file
    }

    fn finish_typed(&self, words: &[&str], typed: &str) -> Output {
        let typed_file = self.path("typed");
        fs::write(&typed_file, typed).expect("a text");
        let mut command = self.environment.other(words);
        command.env("APT_CONFIG", self.path("etc/apt/apt.conf"));
        command.env("PATH", format!("{}:/usr/bin:/bin:/usr/sbin:/sbin", self.path("bin")));
        command.stdin(fs::File::open(&typed_file).expect("a text"));
        self.environment.finish(&mut command)
    }

    /// A path below the client's root.
    #[must_use]
    pub fn path(&self, name: &str) -> Utf8PathBuf {
        self.root.join(name)
    }

    /// Runs `apt-get`; files it downloads land in `downloads`.
    pub fn get(&self, arguments: &[&str]) -> Output {
        self.run("apt-get", arguments)
    }

    /// `apt-get update`; any message is an error.
    pub fn update(&self) -> Output {
        self.get(&["update", "-o", "APT::Update::Error-Mode=any"])
    }

    /// Runs `apt-cache`.
    pub fn cache(&self, arguments: &[&str]) -> Output {
        self.run("apt-cache", arguments)
    }

    /// `apt-cache policy`.
    ///
    /// # Panics
    /// When it fails.
    #[must_use]
    pub fn policy(&self, package: &str) -> String {
        self.run("apt-cache", &["policy", package]).succeeds().stdout
    }

    /// `apt-cache policy` without a package: what is known of each index.
    ///
    /// # Panics
    /// When it fails.
    #[must_use]
    pub fn policies(&self) -> String {
        self.run("apt-cache", &["policy"]).succeeds().stdout
    }

    /// The version that would be installed; `None` when there is none.
    #[must_use]
    pub fn candidate(&self, package: &str) -> Option<String> {
        let policy = self.policy(package);
        let candidate = policy.lines().find_map(|line| line.trim().strip_prefix("Candidate: "))?;
        (candidate != "(none)").then(|| candidate.to_owned())
    }

    /// Every version that can be installed, the newest first.
    #[must_use]
    pub fn versions(&self, package: &str) -> Vec<String> {
        let output = self.run("apt-cache", &["madison", package]);
        let versions = output.stdout.lines().filter_map(|line| line.split('|').nth(1));
        versions.map(|version| version.trim().to_owned()).collect()
    }

    /// `apt-get download`: the bytes of the package.
    ///
    /// # Panics
    /// When that fails.
    #[must_use]
    pub fn download(&self, package: &str) -> Vec<u8> {
        let directory = self.path("downloads");
        fs::remove_dir_all(&directory).expect("a clean directory");
        fs::create_dir(&directory).expect("a directory");
        let _ = self.get(&["download", package]).succeeds();
        let mut files = directory.read_dir_utf8().expect("a directory");
        let file = files.next().expect("a downloaded file").expect("an entry");
        fs::read(file.path()).expect("its bytes")
    }

    /// Has `apt-file` look at the same sources; says so and gives `false` when it is not installed.
    ///
    /// # Panics
    /// When its settings cannot be copied.
    #[must_use]
    pub fn with_apt_file(&self) -> bool {
        let settings = "etc/apt/apt.conf.d/50apt-file.conf";
        let installed = crate::all_installed(&["apt-file"]);
        if installed {
            fs::copy(Utf8Path::new("/").join(settings), self.root.join(settings)).expect("its settings");
        }
        installed
    }

    /// Runs `apt-file`, after [`with_apt_file`](Self::with_apt_file).
    pub fn file(&self, arguments: &[&str]) -> Output {
        self.run("apt-file", arguments)
    }

    fn run(&self, program: &str, arguments: &[&str]) -> Output {
        let downloads = self.path("downloads");
        let chroot = std::env::var("REPO_TEST_CHROOT").ok();
        let words = match &chroot {
            Some(chroot) => vec!["chroot", chroot, "env", "-C", downloads.as_str(), program],
            None => vec![program],
        };
        let mut command = self.environment.other(&words);
        command.args(arguments).env("APT_CONFIG", self.path("etc/apt/apt.conf"));
        command.current_dir(&downloads);
        self.environment.finish(&mut command)
    }
}
