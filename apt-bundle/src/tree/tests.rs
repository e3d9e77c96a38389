use std::time::{Duration, SystemTime};

use apt_sign::{Keyring, OpenPgpSigner, SecretKey, Signer as _};
use camino::{Utf8Path, Utf8PathBuf};
use jiff::Timestamp;

use super::{Tree, TreeError};
use crate::manifest::{LinkedName, ListedFile, Manifest, Member, RepositoryState};
use crate::{Name, PublicationTime, Refusal, write_bundle};

/// Content of files, by path.
type Files<'a> = &'a [(&'a str, &'a [u8])];

/// A publication of a repository: its number, its files, and what the one before had, with its number.
type Publication<'a> = (&'a str, u64, Files<'a>, Option<(u64, Files<'a>)>);

const FIRST: Files<'_> = &[
    ("dists/bookworm/InRelease", b"first"),
    ("dists/bookworm/main/binary-amd64/Packages", b"hello 1.0"),
    ("key.asc", b"the key"),
    ("pool/main/h/hello/hello_1.0_amd64.deb", b"hello 1.0 itself"),
    ("pool/main/h/hello/same_1.0_amd64.deb", b"hello 1.0 itself"),
];
const SECOND: Files<'_> = &[
    ("dists/bookworm/InRelease", b"second"),
    ("dists/bookworm/main/binary-amd64/Packages", b"hello 2.0"),
    ("key.asc", b"the key"),
    ("pool/main/h/hello/hello_2.0_amd64.deb", b"hello 2.0 itself"),
    ("pool/main/h/hello/same_1.0_amd64.deb", b"hello 1.0 itself"),
];
const THIRD: Files<'_> = &[
    ("dists/bookworm/InRelease", b"third"),
    ("dists/bookworm/main/binary-amd64/Packages", b"nothing"),
    ("key.asc", b"the key"),
];

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_790_000_000)
}

struct Site {
    signer: OpenPgpSigner,
    keyring: Keyring,
    _directory: tempfile::TempDir,
    root: Utf8PathBuf,
}

impl Site {
    fn new() -> Self {
        let key = SecretKey::generate("Example archive <archive@example.org>", now(), None).unwrap();
        let keyring = Keyring::new(vec![key.certificate()]);
        let directory = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(directory.path()).unwrap().join("tree");
        Self { signer: OpenPgpSigner::new(vec![key]).unwrap(), keyring, _directory: directory, root }
    }

    fn tree(&self) -> Tree {
        Tree::new(&self.root)
    }

    /// Makes the bundle that leads to publication `number` of prod, since another one if that is given with its files.
    fn bundle(&self, number: u64, files: Files<'_>, since: Option<(u64, Files<'_>)>) -> Vec<u8> {
        self.bundle_of(&[("prod", number, files, since)])
    }

    /// Makes the bundle of these repositories.
    fn bundle_of(&self, repositories: &[Publication<'_>]) -> Vec<u8> {
        let states =
            repositories.iter().map(|(name, number, files, since)| state(name, *number, files, *since));
        let manifest = Manifest::new(None, Timestamp::UNIX_EPOCH, states.collect()).unwrap();
        let signed = self.signer.sign(manifest.to_text().as_bytes(), now()).unwrap();
        let mut bytes = Vec::new();
        let mut open = |member: &Member<'_>| {
            let files = repositories.iter().find(|(name, ..)| *name == member.repository.as_str()).unwrap().2;
            let content = files.iter().find(|(path, _)| *path == member.path.as_str()).unwrap().1;
            Ok(Box::new(std::io::Cursor::new(content.to_vec())) as Box<dyn std::io::Read>)
        };
        write_bundle(&manifest, signed.inline(), &mut open, &mut bytes).unwrap();
        bytes
    }

    fn apply(&self, tree: &Tree, bundle: &[u8]) -> Result<super::Applied, TreeError> {
        tree.apply(bundle, &self.keyring, None, now())
    }

    /// Returns what a client reads.
    fn read(&self, path: &str) -> Option<Vec<u8>> {
        std::fs::read(self.root.join("prod").join(path)).ok()
    }

    /// Checks that a client sees exactly these files, each index also under its digest and the suite also under its other name.
    fn assert_shows(&self, files: Files<'_>) {
        for (path, content) in files {
            assert_eq!(self.read(path).as_deref(), Some(*content), "{path}");
            let Some((directory, name)) = path.rsplit_once('/').filter(|_| path.starts_with("dists")) else {
                continue;
            };
            let sha256 = ListedFile::of_bytes(path, content, true).unwrap().sha256;
            assert_eq!(self.read(&format!("{directory}/by-hash/SHA256/{sha256}")).as_deref(), Some(*content));
            let alias = directory.replace("bookworm", "stable");
            assert_eq!(self.read(&format!("{alias}/{name}")).as_deref(), Some(*content));
        }
    }
}

/// Returns a publication of a repository that carries what the one before had not.
fn state(name: &str, number: u64, files: Files<'_>, since: Option<(u64, Files<'_>)>) -> RepositoryState {
    let publication = |number| PublicationTime::parse(&format!("20260921T1413{number:02}Z")).unwrap();
    let had = since.map(|(_, files)| files).unwrap_or_default();
    let listed = files.iter().map(|(path, content)| {
        let is_new = !had.iter().any(|(_, had)| had == content);
        ListedFile::of_bytes(path, content, is_new).unwrap()
    });
    let path = apt_index::RelPath::parse("dists/stable").unwrap();
    let link = LinkedName { path, target: "bookworm".to_owned() };
    let has_suite = files.iter().any(|(path, _)| path.starts_with("dists/"));
    RepositoryState {
        name: Name::parse(name).unwrap(),
        commit: number,
        publication: publication(number),
        since: since.map(|(number, _)| publication(number)),
        links: if has_suite { vec![link] } else { Vec::new() },
        files: listed.collect(),
    }
}

#[test]
fn states_follow_each_other_and_go_back() {
    let site = Site::new();
    let tree = site.tree();
    assert_eq!(tree.state().unwrap(), None);
    assert!(matches!(tree.undo(), Err(TreeError::NoPrevious { .. })));
    assert!(matches!(site.apply(&tree, b"rubbish"), Err(TreeError::Bundle(_))) && !site.root.exists());
    let second_after_first = site.bundle(2, SECOND, Some((1, FIRST)));
    let refused = site.apply(&tree, &second_after_first).unwrap_err();
    assert!(matches!(refused, TreeError::Refused(Refusal::OutOfOrder { there: None, .. })), "{refused:?}");

    let first = site.bundle(1, FIRST, None);
    assert_eq!(site.apply(&tree, &first).unwrap().received, 4, "one content is carried once");
    site.assert_shows(FIRST);
    let refused = site.apply(&tree, &first).unwrap_err();
    assert!(matches!(refused, TreeError::Refused(Refusal::Replayed { .. })), "{refused:?}");

    assert_eq!(site.apply(&tree, &second_after_first).unwrap().received, 3);
    site.assert_shows(SECOND);
    assert!(site.read("pool/main/h/hello/hello_1.0_amd64.deb").is_some(), "clients may still fetch it");
    let refused = site.apply(&tree, &first).unwrap_err();
    assert!(matches!(refused, TreeError::Refused(Refusal::Older { bundle: 1, there: 2, .. })), "{refused:?}");

    tree.undo().unwrap();
    site.assert_shows(FIRST);
    site.apply(&tree, &second_after_first).unwrap();
    site.assert_shows(SECOND);

    let third = site.bundle(3, THIRD, Some((2, SECOND)));
    let refused = site.apply(&tree, &site.bundle(4, THIRD, Some((3, THIRD)))).unwrap_err();
    assert!(matches!(refused, TreeError::Refused(Refusal::OutOfOrder { .. })), "{refused:?}");
    site.apply(&tree, &third).unwrap();
    site.assert_shows(THIRD);
    assert_eq!(site.read("pool/main/h/hello/hello_1.0_amd64.deb"), None, "two states back");
    assert!(site.read("pool/main/h/hello/hello_2.0_amd64.deb").is_some());
}

#[test]
fn a_process_that_dies_at_any_step_leaves_the_old_state_or_the_new_one() {
    let site = Site::new();
    let first = site.bundle(1, FIRST, None);
    let second = site.bundle(2, SECOND, Some((1, FIRST)));
    let mut seen = [0, 0];
    for step in 0.. {
        let _ = std::fs::remove_dir_all(&site.root);
        site.apply(&site.tree(), &first).unwrap();
        let dying = site.tree();
        dying.disk.left.set(step);
        let ended = site.apply(&dying, &second);
        let state = site.tree().state().unwrap().unwrap();
        let is_new = state.repositories()[0].commit == 2;
        site.assert_shows(if is_new { SECOND } else { FIRST });
        seen[usize::from(is_new)] += 1;
        assert!(is_new || ended.is_err());
        // The same command again.
        match site.apply(&site.tree(), &second) {
            Ok(_) => assert!(!is_new),
            Err(TreeError::Refused(Refusal::Replayed { .. })) => assert!(is_new),
            Err(error) => panic!("after step {step}: {error}"),
        }
        site.assert_shows(SECOND);
        if dying.disk.left.get() > 0 {
            break;
        }
    }
    assert!(seen[0] > 20 && seen[1] > 4, "{seen:?}");
}

#[test]
fn everything_is_durable_before_a_client_can_come_to_it() {
    let site = Site::new();
    let tree = site.tree();
    site.apply(&tree, &site.bundle(1, FIRST, None)).unwrap();
    let done = tree.disk.done.borrow().clone();
    let switch = done.iter().position(|step| step == "rename .current").unwrap();
    assert_eq!(done[switch - 2], "sync .", "between the last change and the switch: {done:#?}");
    assert_eq!(done[switch + 1], "sync .", "and before anything old goes");
    let first_name = done.iter().position(|step| step.starts_with("link ")).unwrap();
    let last_received = done.iter().rposition(|step| step.starts_with("create ")).unwrap();
    assert!(
        done[last_received..first_name].contains(&"sync .".to_owned()),
        "content before names: {done:#?}"
    );
}

#[test]
fn a_bundle_that_ends_early_changes_nothing_that_clients_see() {
    let site = Site::new();
    let tree = site.tree();
    site.apply(&tree, &site.bundle(1, FIRST, None)).unwrap();
    let second = site.bundle(2, SECOND, Some((1, FIRST)));
    for length in (0..second.len()).step_by(7) {
        assert!(site.apply(&tree, &second[..length]).is_err());
    }
    site.assert_shows(FIRST);
    assert!(site.read("pool/main/h/hello/hello_2.0_amd64.deb").is_none());
    let _lock = tree.disk.lock().unwrap();
    assert!(matches!(site.apply(&site.tree(), &second), Err(TreeError::Busy { .. })));
}

#[test]
fn a_file_that_has_gone_is_named_and_comes_back_with_all() {
    let site = Site::new();
    let tree = site.tree();
    site.apply(&tree, &site.bundle(1, FIRST, None)).unwrap();
    let lost = "pool/main/h/hello/same_1.0_amd64.deb";
    std::fs::remove_file(site.root.join("prod").join(lost)).unwrap();
    let error = site.apply(&tree, &site.bundle(2, SECOND, Some((1, FIRST)))).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("prod/{lost} is missing or damaged, and the bundle does not carry it")
    );
    site.assert_shows(&FIRST[..4]);
    assert!(!site.root.join(".incoming").exists(), "what was received goes at once");
    site.apply(&tree, &site.bundle(2, SECOND, None)).unwrap();
    site.assert_shows(SECOND);
    // A publisher that gives one name two contents would break clients that are about to fetch the first.
    let forged: Files<'_> = &[(lost, b"another one")];
    let error = site.apply(&tree, &site.bundle(3, forged, Some((2, SECOND)))).unwrap_err();
    assert_eq!(error.to_string(), format!("prod/{lost}: the bundle has another file of that name"));
}

/// What a second repository has: nothing in common with the first.
const TOOLS: Files<'_> = &[
    ("dists/bookworm/InRelease", b"tools"),
    ("key.asc", b"the key of tools"),
    ("pool/main/t/tool/tool_1.0_all.deb", b"tool 1.0 itself"),
];

#[test]
fn a_repository_may_stay_while_another_one_moves() {
    let site = Site::new();
    let tree = site.tree();
    let apply =
        |repositories: &[_]| site.apply(&tree, &site.bundle_of(repositories)).map(|applied| applied.received);
    let tools: (_, _, Files<'_>, _) = ("tools", 1, TOOLS, None);
    assert_eq!(apply(&[("prod", 1, FIRST, None), tools]).unwrap(), 7);
    // By a receipt, a full bundle, and one that begins before what is there.
    let stays = ("tools", 1, TOOLS, Some((1, TOOLS)));
    assert_eq!(apply(&[("prod", 2, SECOND, Some((1, FIRST))), stays]).unwrap(), 3);
    assert_eq!(apply(&[("prod", 3, THIRD, None), tools]).unwrap(), 6);
    let from_the_beginning = ("prod", 3, THIRD, Some((1, FIRST)));
    let newer: Files<'_> = &[("key.asc", b"the key of tools"), ("pool/main/t/tool/tool_2.0_all.deb", b"2.0")];
    assert_eq!(apply(&[from_the_beginning, ("tools", 2, newer, Some((1, TOOLS)))]).unwrap(), 3);
    site.assert_shows(THIRD);

    for all in [None, Some((1, TOOLS))] {
        let error = apply(&[("prod", 3, THIRD, Some((2, SECOND))), ("tools", 2, newer, all)]).unwrap_err();
        assert!(matches!(error, TreeError::Refused(Refusal::Replayed { .. })), "{error:?}");
    }
    let back = apply(&[("prod", 4, SECOND, None), ("tools", 1, TOOLS, None)]).unwrap_err();
    assert!(matches!(back, TreeError::Refused(Refusal::Older { bundle: 1, there: 2, .. })), "{back:?}");
    let all_stay =
        vec![state("prod", 3, THIRD, Some((3, THIRD))), state("tools", 2, newer, Some((2, newer)))];
    let error = Manifest::new(None, Timestamp::UNIX_EPOCH, all_stay).unwrap_err();
    assert_eq!(error.rule, "a bundle does not lead to the publication that it begins with");
}

#[test]
fn what_a_bundle_brought_that_was_cut_off_goes_with_the_next_one_whichever_it_is() {
    let site = Site::new();
    let first = site.bundle(1, FIRST, None);
    let only_there: Files<'_> = &[("pool/main/x/only/only_1.0_all.deb", b"only in the second bundle")];
    let second = site.bundle(2, only_there, Some((1, FIRST)));
    let third = site.bundle(3, THIRD, Some((1, FIRST)));
    let mut stored = 0;
    for step in 0.. {
        let _ = std::fs::remove_dir_all(&site.root);
        site.apply(&site.tree(), &first).unwrap();
        let dying = site.tree();
        dying.disk.left.set(step);
        let _ = site.apply(&dying, &second);
        if site.tree().state().unwrap().unwrap().repositories()[0].commit == 2 {
            break;
        }
        stored += usize::from(site.read(only_there[0].0).is_some());
        site.apply(&site.tree(), &third).unwrap();
        assert!(site.read(only_there[0].0).is_none(), "after step {step}");
        let left: Vec<_> = std::fs::read_dir(site.root.join(".states")).unwrap().collect();
        assert_eq!(left.len(), 2, "after step {step}: {left:?}");
    }
    assert!(stored > 3, "{stored}");
}

/// Returns everything below a directory but for links and the lock, with its mode.
fn modes(root: &Utf8Path) -> Vec<(Utf8PathBuf, u32)> {
    use std::os::unix::fs::PermissionsExt;
    let mut found = vec![(root.to_owned(), root.metadata().unwrap().permissions().mode() & 0o7777)];
    for entry in root.read_dir_utf8().unwrap() {
        let entry = entry.unwrap();
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            found.extend(modes(entry.path()));
        } else if kind.is_file() && entry.file_name() != ".lock" {
            found.push((entry.path().to_owned(), entry.metadata().unwrap().permissions().mode() & 0o7777));
        }
    }
    found
}

#[test]
fn everybody_can_read_a_tree_whatever_the_umask() {
    use std::os::unix::fs::PermissionsExt;
    let site = Site::new();
    let right = |path: &Utf8Path| if path.is_dir() { 0o755 } else { 0o644 };
    let set_all = |directory, file| {
        for (path, _) in modes(&site.root).into_iter().filter(|(path, _)| *path != site.root) {
            let mode = if path.is_dir() { directory } else { file };
            std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
        }
    };
    let assert_shown = |files: Files<'_>| {
        let state = site.root.join(".current").canonicalize_utf8().unwrap();
        for (path, mode) in modes(&state).into_iter().chain(modes(&site.root.join("prod"))) {
            let is_shown = path.starts_with(&state) || files.iter().any(|(shown, _)| path.ends_with(shown));
            assert!(!is_shown || mode == right(&path), "{path}: {mode:o}");
        }
    };
    let before = rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    let applied = site.apply(&site.tree(), &site.bundle(1, FIRST, None));
    rustix::process::umask(before);
    applied.unwrap();
    for (path, mode) in modes(&site.root) {
        assert_eq!(mode, right(&path), "{path}: {mode:o}");
    }
    // What was made before modes were set, with a umask of 077 and with one of 0.
    set_all(0o700, 0o600);
    site.apply(&site.tree(), &site.bundle(2, SECOND, Some((1, FIRST)))).unwrap();
    assert_shown(SECOND);
    set_all(0o777, 0o666);
    site.tree().undo().unwrap();
    assert_shown(FIRST);
}

#[test]
fn a_root_that_the_caller_made_keeps_its_mode() {
    use std::os::unix::fs::PermissionsExt;
    let site = Site::new();
    std::fs::create_dir(&site.root).unwrap();
    std::fs::set_permissions(&site.root, PermissionsExt::from_mode(0o750)).unwrap();
    site.apply(&site.tree(), &site.bundle(1, FIRST, None)).unwrap();
    assert_eq!(site.root.metadata().unwrap().permissions().mode() & 0o7777, 0o750);
}

#[test]
fn a_tree_keeps_its_site_when_a_bundle_for_any_site_comes() {
    let site = Site::new();
    let (tree, here) = (site.tree(), Name::parse("plant-7").unwrap());
    let known = || tree.receipt().unwrap().unwrap().site;
    let apply = |bundle: &[u8], name: Option<&Name>| tree.apply(bundle, &site.keyring, name, now());
    apply(&site.bundle(1, FIRST, None), Some(&here)).unwrap();
    assert_eq!(known(), Some(here.clone()));
    apply(&site.bundle(2, SECOND, Some((1, FIRST))), None).unwrap();
    assert_eq!(known(), Some(here.clone()));
    let for_site = |name: &str, number, files, since| {
        let states = vec![state("prod", number, files, since)];
        Manifest::new(Some(Name::parse(name).unwrap()), Timestamp::UNIX_EPOCH, states).unwrap()
    };
    let other = for_site("plant-8", 3, THIRD, Some((2, SECOND)));
    let refused = tree.check(&other, None).unwrap_err();
    assert!(matches!(refused, TreeError::Refused(Refusal::OtherSite { .. })), "{refused:?}");
    tree.check(&for_site("plant-7", 3, THIRD, Some((2, SECOND))), None).unwrap();
    tree.undo().unwrap();
    assert_eq!(known(), Some(here));
}
