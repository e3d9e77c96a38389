use std::fs;

use super::*;
use crate::storage::StorageError;

/// A directory of others, with a link in it to a directory outside that holds a file.
fn ground() -> (tempfile::TempDir, Utf8PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let top = Utf8PathBuf::from_path_buf(directory.path().to_owned()).unwrap();
    fs::create_dir_all(top.join("base/own")).unwrap();
    fs::create_dir(top.join("outside")).unwrap();
    fs::write(top.join("outside/file"), "outside").unwrap();
    fs::write(top.join("base/file"), "inside").unwrap();
    std::os::unix::fs::symlink("../outside", top.join("base/link")).unwrap();
    std::os::unix::fs::symlink("../outside/file", top.join("base/to-file")).unwrap();
    (directory, top)
}

fn refused(result: io::Result<impl std::fmt::Debug>) -> (Utf8PathBuf, PathFault) {
    match StorageError::io("do something to", "x")(result.unwrap_err()) {
        StorageError::UnsafePath { path, fault } => (path, fault),
        other => panic!("{other:?}"),
    }
}

#[test]
fn nothing_is_done_through_a_link() {
    let (_directory, top) = ground();
    let base = DirectoryHandle::new(top.join("base"));
    let link = (top.join("base/link"), PathFault::SymbolicLink);
    let inner = || base.at("link/file");
    let new = || base.at("link/new");
    let own = || base.at("file");
    assert_eq!(refused(inner().status()), link);
    assert_eq!(refused(inner().open()), link);
    assert_eq!(refused(inner().remove()), link);
    assert_eq!(refused(inner().remove_tree()), link);
    assert_eq!(refused(inner().set_mode(0o777)), link);
    assert_eq!(refused(inner().rename(&own())), link);
    assert_eq!(refused(inner().link(&base.at("linked"))), link);
    assert_eq!(refused(new().create_new(0o644)), link);
    assert_eq!(refused(new().create_directory()), link);
    assert_eq!(refused(new().symlink("x")), link);
    assert_eq!(refused(own().rename(&new())), link);
    assert_eq!(refused(own().rename_to_free(&new())), link);
    assert_eq!(refused(own().link(&new())), link);
    assert_eq!(refused(base.at("link").each_name(|_| {})), link);
    assert_eq!(refused(base.at("link").open_directory()), link);
    assert_eq!(refused(base.directory("link".into())), link);
    let refused = base.make("link/a/b".into()).unwrap_err();
    assert!(matches!(refused, StorageError::UnsafePath { path, .. } if path == link.0));
    assert_eq!(fs::read_dir(top.join("outside")).unwrap().count(), 1);
    assert_eq!(fs::read(top.join("outside/file")).unwrap(), b"outside");
}

#[test]
fn a_link_itself_is_neither_read_nor_written_through() {
    let (_directory, top) = ground();
    let base = DirectoryHandle::new(top.join("base"));
    let link = base.at("to-file");
    assert_eq!(refused(link.open()), (top.join("base/to-file"), PathFault::SymbolicLink));
    assert_eq!(refused(link.set_mode(0o777)), (top.join("base/to-file"), PathFault::SymbolicLink));
    assert_eq!(link.create_new(0o644).unwrap_err().kind(), ErrorKind::AlreadyExists);
    assert_eq!(link.read_link().unwrap(), "../outside/file");
    base.at("file").rename(&link).unwrap();
    assert_eq!(fs::read(top.join("base/to-file")).unwrap(), b"inside");
    assert_eq!(fs::read(top.join("outside/file")).unwrap(), b"outside");
}

#[test]
fn a_directory_that_is_replaced_by_a_link_after_it_was_opened_does_not_matter() {
    let (_directory, top) = ground();
    let base = DirectoryHandle::new(top.join("base"));
    let own = base.directory("own".into()).unwrap();
    fs::rename(top.join("base/own"), top.join("base/away")).unwrap();
    std::os::unix::fs::symlink("../outside", top.join("base/own")).unwrap();
    drop(own.at("new").create_new(0o644).unwrap());
    assert!(top.join("base/away/new").is_file());
    assert!(!top.join("outside/new").exists());
}

#[test]
fn nothing_is_moved_over_something() {
    let (_directory, top) = ground();
    let base = DirectoryHandle::new(top.join("base"));
    let taken = base.at("file").rename_to_free(&base.at("to-file")).unwrap_err();
    assert_eq!(taken.kind(), ErrorKind::AlreadyExists);
    base.at("file").rename_to_free(&base.at("own/file")).unwrap();
    assert_eq!(fs::read(top.join("base/own/file")).unwrap(), b"inside");
}

#[test]
fn a_tree_goes_and_what_its_links_lead_to_stays() {
    let (_directory, top) = ground();
    fs::create_dir_all(top.join("base/tree/a/b")).unwrap();
    std::os::unix::fs::symlink("../../../outside", top.join("base/tree/a/link")).unwrap();
    let base = DirectoryHandle::new(top.join("base"));
    base.at("tree").remove_tree().unwrap();
    base.at("link").remove_tree().unwrap();
    assert!(!top.join("base/tree").exists() && top.join("base/link").symlink_metadata().is_err());
    assert!(top.join("outside/file").is_file());
}

#[test]
fn what_is_missing_is_made_from_the_base_on() {
    let (_directory, top) = ground();
    let base = DirectoryHandle::new(top.join("new/base"));
    let (made, changed) = base.make("a/b".into()).unwrap();
    assert_eq!(made.path(), top.join("new/base/a/b"));
    let expected = [&top, &top.join("new"), &top.join("new/base"), &top.join("new/base/a")].map(Clone::clone);
    assert_eq!(changed, expected);
    assert_eq!(base.make("a/b".into()).unwrap().1, [""; 0]);
    assert_eq!(base.at("a/b").status().unwrap().mode, 0o755);
}
