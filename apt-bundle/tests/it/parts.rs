use std::io::{Read as _, Write as _};

use apt_bundle::parts::{PartError, PartReader, PartWriter};
use camino::Utf8Path;

#[test]
fn pieces_hold_what_was_written_and_appear_together() {
    let directory = tempfile::tempdir().unwrap();
    let path = Utf8Path::from_path(directory.path()).unwrap().join("x.bundle");
    let content: Vec<u8> = (0..1_000_u32).map(|number| number as u8).collect();
    let names = |path: &Utf8Path| {
        let entries = path.parent().unwrap().read_dir_utf8().unwrap();
        let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().to_owned()).collect();
        names.sort();
        names
    };

    let mut writer = PartWriter::new(&path, Some(300));
    writer.write_all(&content).unwrap();
    assert!(names(&path).iter().all(|name| name.ends_with(".new")));
    drop(writer);
    assert!(names(&path).is_empty(), "nothing is left of what was not finished");

    let mut writer = PartWriter::new(&path, Some(300));
    writer.write_all(&content).unwrap();
    let parts = writer.finish().unwrap();
    assert_eq!(parts.len(), 4);
    assert_eq!(names(&path), ["x.bundle.001", "x.bundle.002", "x.bundle.003", "x.bundle.004"]);
    for given in [path.clone(), parts[0].clone(), parts[2].clone()] {
        let mut reader = PartReader::open(&given).unwrap();
        let (current, mut found) = (reader.current(), Vec::new());
        assert_eq!((current.path(), current.following()), (parts[0].clone(), None));
        reader.read_to_end(&mut found).unwrap();
        assert_eq!(found, content);
        assert_eq!(current.path(), parts[3]);
    }

    // The last one may be missing, which only the reader of the content can know.
    std::fs::remove_file(&parts[3]).unwrap();
    let mut reader = PartReader::open(&path).unwrap();
    std::io::copy(&mut reader, &mut std::io::sink()).unwrap();
    assert_eq!(reader.current().following(), Some(parts[3].clone()));
    std::fs::write(&parts[1], "cut short").unwrap();
    let refused = PartReader::open(&path).unwrap_err();
    assert!(matches!(&refused, PartError::Size { path, size: 9, .. } if *path == parts[1]), "{refused}");
    for missing in [1, 0] {
        std::fs::remove_file(&parts[missing]).unwrap();
        let refused = PartReader::open(&path).unwrap_err();
        assert!(matches!(&refused, PartError::Missing { path, .. } if *path == parts[missing]), "{refused}");
    }
}

#[test]
fn what_a_killed_process_left_goes_and_what_another_one_writes_stays() {
    let directory = tempfile::tempdir().unwrap();
    let path = Utf8Path::from_path(directory.path()).unwrap().join("x.bundle");
    for left in [".new", ".001.new", ".002.new", ".017.new"] {
        std::fs::write(format!("{path}{left}"), "left over, and longer than what is written").unwrap();
    }
    let mut writer = PartWriter::new(&path, Some(300));
    writer.write_all(b"content").unwrap();
    let refused = PartWriter::new(&path, Some(300)).write_all(b"other").unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::ResourceBusy);
    writer.finish().unwrap();
    let left: Vec<_> = path.parent().unwrap().read_dir_utf8().unwrap().map(Result::unwrap).collect();
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!(std::fs::read(format!("{path}.001")).unwrap(), b"content");
}

#[test]
fn a_second_writer_of_a_name_is_refused_and_harms_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let path = Utf8Path::from_path(directory.path()).unwrap().join("x.bundle");
    let refused = || {
        for size in [Some(300), None] {
            let error = PartWriter::new(&path, size).write_all(b"other").unwrap_err();
            assert_eq!(error.kind(), std::io::ErrorKind::ResourceBusy, "{error}");
            assert!(error.to_string().contains(path.as_str()), "{error}");
            let error = PartWriter::new(&path, size).finish().unwrap_err();
            assert_eq!(error.kind(), std::io::ErrorKind::ResourceBusy, "{error}");
        }
    };
    let content: Vec<u8> = (0..1_000_u32).map(|number| number as u8).collect();
    for size in [Some(300), None] {
        let mut writer = PartWriter::new(&path, size);
        for piece in content.chunks(100) {
            writer.write_all(piece).unwrap();
            refused();
        }
        writer.finish().unwrap();
        let mut found = Vec::new();
        PartReader::open(&path).unwrap().read_to_end(&mut found).unwrap();
        assert_eq!(found, content);
    }
    assert!(path.parent().unwrap().read_dir_utf8().unwrap().all(|entry| {
        let name = entry.unwrap().file_name().to_owned();
        !name.ends_with(".new")
    }));

    // What is not a file is neither waited for nor followed.
    std::fs::write(path.with_file_name("precious"), "precious").unwrap();
    std::os::unix::fs::symlink("precious", format!("{path}.new")).unwrap();
    PartWriter::new(&path, None).write_all(b"content").unwrap_err();
    assert_eq!(std::fs::read(path.with_file_name("precious")).unwrap(), b"precious");
    let pipe = format!("{path}.005.new");
    rustix::fs::mkfifoat(rustix::fs::CWD, pipe, rustix::fs::Mode::RWXU).unwrap();
    PartWriter::new(&path, Some(300)).write_all(b"content").unwrap();
}

#[test]
fn a_pipe_is_refused_and_not_waited_for() {
    let directory = tempfile::tempdir().unwrap();
    let path = Utf8Path::from_path(directory.path()).unwrap().join("pipe");
    rustix::fs::mkfifoat(rustix::fs::CWD, path.as_std_path(), rustix::fs::Mode::RWXU).unwrap();
    assert!(matches!(PartReader::open(&path), Err(PartError::NotAFile { .. })));
    assert!(matches!(PartReader::open(path.parent().unwrap()), Err(PartError::NotAFile { .. })));
}
