//! Limits where a program can write.

use std::io;
use std::path::Path;

use landlock::{
    ABI, AccessFs, CompatLevel, Compatible as _, HandleAccessError, HandleAccessesError, PathBeneath,
    Ruleset, RulesetAttr as _, RulesetCreatedAttr as _, RulesetError, RulesetStatus,
};
use rustix::fs::{Mode, OFlags};

/// Devices that anybody may write to: the first takes the output of programs that nobody reads, and people are asked at the second.
const DEVICES: [&str; 2] = ["/dev/null", "/dev/tty"];

/// Keeps the calling thread, the threads that it starts later, and their programs from making, writing, linking, moving and removing any
/// file that is not below one of these directories. They can read, and start programs, as before. Directories that cannot be reached are left out.
///
/// Landlock does not know of modes, owners and times: those of files that belong to the same user can be changed everywhere. A file can be cut
/// short by its path (`truncate`) before Linux 6.2.
///
/// Returns whether the system does that: Linux 5.19 with Landlock. An earlier one could not let a file be linked or moved from
/// one directory to another, so nothing is given up there.
///
/// # Errors
/// When Landlock fails though the system has it.
///
/// ```
/// use std::path::Path;
///
/// let tried = std::thread::spawn(|| {
///     let is_kept = deb_sandbox::keep_writes_to([Path::new("/var/lib/store")])?;
///     let elsewhere = std::env::temp_dir().join(format!("elsewhere-{}", std::process::id()));
///     Ok::<_, std::io::Error>((is_kept, std::fs::write(&elsewhere, "text").is_err()))
/// });
/// let (is_kept, is_refused) = tried.join().unwrap()?;
/// assert_eq!(is_kept, is_refused);
/// # let _ = std::fs::remove_file(std::env::temp_dir().join(format!("elsewhere-{}", std::process::id())));
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn keep_writes_to<'a>(directories: impl IntoIterator<Item = &'a Path>) -> io::Result<bool> {
    // What the third version knows: no later one knows of further changes to files.
    let writes = AccessFs::from_write(ABI::V3);
    let ruleset = Ruleset::default().set_compatibility(CompatLevel::HardRequirement);
    let ruleset = match ruleset.handle_access(AccessFs::Refer) {
        Ok(ruleset) => ruleset,
        Err(RulesetError::HandleAccesses(HandleAccessesError::Fs(HandleAccessError::Compat(_)))) => {
            return Ok(false);
        }
        Err(error) => return Err(io::Error::other(error)),
    };
    let ruleset = ruleset.set_compatibility(CompatLevel::BestEffort).handle_access(writes);
    let mut ruleset = ruleset.and_then(Ruleset::create).map_err(io::Error::other)?;
    let files = DEVICES.map(|path| (Path::new(path), AccessFs::from_file(ABI::V3) & writes));
    for (path, allowed) in directories.into_iter().map(|path| (path, writes)).chain(files) {
        // Nothing is done with it: it is a place.
        // What writes to one that cannot be reached fails, and says why.
        let Ok(place) = rustix::fs::open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()) else {
            continue;
        };
        ruleset = ruleset.add_rule(PathBeneath::new(place, allowed)).map_err(io::Error::other)?;
    }
    let status = ruleset.restrict_self().map_err(io::Error::other)?;
    Ok(status.ruleset != RulesetStatus::NotEnforced)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::{ErrorKind, Write as _};
    use std::thread;

    use super::*;

    #[test]
    fn a_thread_changes_what_is_below_its_directories_and_nothing_else() {
        let room = tempfile::tempdir().unwrap();
        let [own, other] = ["own", "other"].map(|name| room.path().join(name));
        for directory in [&own, &other] {
            fs::create_dir(directory).unwrap();
            fs::write(directory.join("file"), "text").unwrap();
        }
        // What the thread leaves behind is not confined, and neither is what was there before it.
        let gone = room.path().join("gone");
        let (to_own, to_other, to_gone) = (own.clone(), other.clone(), gone.clone());
        let tried = thread::spawn(move || {
            let is_kept = keep_writes_to([to_own.as_path(), to_gone.as_path()]).unwrap();
            let in_own = [
                fs::write(to_own.join("new"), "text"),
                fs::create_dir_all(to_own.join("deep/er")),
                fs::hard_link(to_own.join("new"), to_own.join("deep/linked")),
                fs::rename(to_own.join("new"), to_own.join("deep/er/moved")),
                fs::remove_file(to_own.join("deep/linked")),
                fs::read(to_other.join("file")).map(drop),
                fs::write("/dev/null", "text"),
            ];
            // A thread that it starts can do no more.
            let elsewhere = thread::spawn(move || {
                [
                    fs::write(to_other.join("new"), "text"),
                    fs::write(to_other.join("file"), "text"),
                    fs::create_dir(to_other.join("deep")),
                    fs::remove_file(to_other.join("file")),
                    fs::rename(to_own.join("file"), to_other.join("moved")),
                    fs::hard_link(to_other.join("file"), to_own.join("linked")),
                    std::os::unix::fs::symlink("file", to_other.join("link")),
                    fs::create_dir(to_gone),
                ]
            });
            (is_kept, in_own, elsewhere.join().unwrap())
        });
        let (is_kept, in_own, elsewhere) = tried.join().unwrap();
        if !is_kept {
            let _ = writeln!(
                std::io::stderr().lock(),
                "SKIPPED: the kernel has no Landlock, or an early version of it"
            );
            return;
        }
        for done in in_own {
            done.unwrap();
        }
        for (place, refused) in elsewhere.into_iter().enumerate() {
            let kind = refused.unwrap_err().kind();
            let is_refusal = matches!(kind, ErrorKind::PermissionDenied | ErrorKind::CrossesDevices);
            assert!(is_refusal, "{place}: {kind:?}");
        }
        fs::write(other.join("file"), "text").unwrap();
        assert_eq!(fs::read_dir(&other).unwrap().count(), 1);
    }
}
