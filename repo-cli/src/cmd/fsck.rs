use std::os::unix::fs::MetadataExt as _;
use std::time::SystemTime;

use camino::Utf8PathBuf;
use repo_store::{CopySource, FsckOptions, Problem, RepairReport, SignedSuite, Unhelpful};
use serde_json::{Value, json};

use crate::error::{Failure, Outcome};
use crate::fetch::WebServer;
use crate::output::{Output, count};
use crate::session::Session;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct FsckArguments {
    /// Put right what can be: modes, links, and files of which a true copy is found
    #[arg(long)]
    repair: bool,
    /// Take true copies from here: a backup, another root, a directory of packages, or the URL of one of these or of a
    /// published tree; may be given several times
    #[arg(long, value_name = "DIR|URL", requires = "repair")]
    from: Vec<String>,
}

impl FsckArguments {
    /// Returns whether the verb writes to the store.
    pub(crate) fn writes(&self) -> bool {
        self.repair
    }
}

/// Where true copies are taken from.
enum Place {
    Directory(Utf8PathBuf),
    Server(WebServer),
}

impl Place {
    fn parse(text: &str) -> Result<Self, Failure> {
        if WebServer::is_url(text) {
            return WebServer::parse(text).map(Self::Server);
        }
        let directory = Utf8PathBuf::from(text);
        std::fs::read_dir(&directory).map_err(Failure::io("list", &directory))?;
        Ok(Self::Directory(directory))
    }

    fn source(&self) -> CopySource<'_> {
        match self {
            Self::Directory(directory) => CopySource::Directory(directory),
            Self::Server(server) => CopySource::Remote(server),
        }
    }
}

/// How many of those affected are listed; JSON has all.
const SHOWN: usize = 5;

pub(crate) fn run(arguments: &FsckArguments, session: &Session, output: &Output) -> Result<Outcome, Failure> {
    if arguments.repair {
        check_owner(session)?;
    }
    // Keys that cannot be used are a failure of their own, which names the file; without any, nothing can be verified.
    let keyring = session.keys().keyring();
    let keyring = match keyring {
        Err(Failure::NoKey { .. }) => None,
        found => Some(found?),
    };
    let check = |suite: SignedSuite<'_>| {
        let Some(keyring) = &keyring else { return Ok(()) };
        let now = SystemTime::now();
        keyring.verify_inline(suite.in_release, now)?;
        keyring.verify_detached(suite.release, suite.release_gpg, now).map(drop)
    };
    let options = FsckOptions { signatures: Some(&check) };
    let report = if arguments.repair {
        let places: Vec<Place> =
            arguments.from.iter().map(|text| Place::parse(text)).collect::<Result<_, _>>()?;
        let sources: Vec<_> = places.iter().map(Place::source).collect();
        session.store.repair(&options, &sources, &session.context())?
    } else {
        RepairReport {
            remaining: session.store.fsck(&options, &session.context())?,
            ..RepairReport::default()
        }
    };
    print(&report, arguments.repair, output);
    Ok(Outcome::of(report.remaining.is_clean()))
}

/// Only the owner of the store repairs it: with files of another, root's above all, the owner could not go on.
fn check_owner(session: &Session) -> Result<(), Failure> {
    let path = session.root.join("store");
    let owner = path.metadata().map_err(Failure::io("read", &path))?.uid();
    if owner == rustix::process::geteuid().as_raw() {
        return Ok(());
    }
    Err(Failure::NotOwner { path, owner })
}

/// Prints what a check found, and what a repair did.
pub(crate) fn print(done: &RepairReport, repair: bool, output: &Output) {
    let RepairReport { repaired, remaining: report, unhelpful, .. } = done;
    for Unhelpful { place, what, .. } in unhelpful {
        output.note(&format!("{place}: {what}"));
    }
    let json = json!({
        "clean": report.is_clean(),
        "problems": report.problems.iter().map(to_json).collect::<Vec<_>>(),
        "repaired": repaired.iter().map(to_json).collect::<Vec<_>>(),
        "unhelpful": unhelpful
            .iter()
            .map(|Unhelpful { place, what, .. }| json!({ "place": place, "what": what }))
            .collect::<Vec<_>>(),
        "blobs": report.blobs,
        "objects": report.objects,
        "published": report.published,
        "bytes": report.bytes,
    });
    output.result(&json, || {
        for problem in repaired {
            output.line(&format!("repaired: {problem}"));
        }
        for problem in &report.problems {
            output.line(&problem.to_string());
            for affected in problem.affects.iter().take(SHOWN) {
                output.line(&format!("    affects {affected}"));
            }
            if problem.affects.len() > SHOWN {
                output.line(&format!("    and {} more", problem.affects.len() - SHOWN));
            }
        }
    });
    let looked = format!(
        "{}, {} and {} read",
        count(usize::try_from(report.blobs).unwrap_or(usize::MAX), "package file"),
        count(usize::try_from(report.objects).unwrap_or(usize::MAX), "object"),
        count(usize::try_from(report.published).unwrap_or(usize::MAX), "published file"),
    );
    if report.is_clean() {
        output.say(&format!("clean: {looked}"));
    } else {
        let problems = report.problems.len();
        output.note(&format!("{}: {looked}", count(problems, "problem")));
        let hint = if !repair {
            Some("`repo-cli fsck --repair --from BACKUP` takes true copies from a backup")
        } else if report.problems.iter().any(Problem::is_of_an_index) {
            Some("damaged indices are in store/damaged/; `repo-cli publish` makes anew what clients miss")
        } else {
            None
        };
        if let Some(hint) = hint {
            output.note(&format!("hint: {hint}"));
        }
        output.record(Failure::Unsound { problems, hint }.report());
    }
}

pub(crate) fn to_json(problem: &Problem) -> Value {
    let affects = problem.affects.iter().map(|affected| {
        json!({
            "repository": affected.repository.as_str(),
            "suite": affected.suite.as_ref().map(ToString::to_string),
            "package": affected.package.as_ref().map(|key| key.package.to_string()),
            "version": affected.package.as_ref().map(|key| key.version.to_string()),
            "architecture": affected.package.as_ref().map(|key| key.architecture.to_string()),
            "current": affected.current,
        })
    });
    json!({
        "kind": problem.kind.name(),
        "path": problem.path.as_str(),
        "what": problem.what,
        "affects": affects.collect::<Vec<_>>(),
    })
}
