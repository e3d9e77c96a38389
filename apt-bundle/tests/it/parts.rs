use std::io::{Read as _, Write as _};

use apt_bundle::parts::{PartReader, PartWriter};
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
    for given in [path.clone(), parts[0].clone()] {
        let mut reader = PartReader::open(&given).unwrap();
        let (current, mut found) = (reader.current(), Vec::new());
        reader.read_to_end(&mut found).unwrap();
        assert_eq!(found, content);
        assert_eq!(current.path(), parts[3]);
    }

    std::fs::remove_file(&parts[2]).unwrap();
    let (mut reader, mut found) = (PartReader::open(&path).unwrap(), Vec::new());
    let current = reader.current();
    reader.read_to_end(&mut found).unwrap();
    assert_eq!((found.len(), current.path()), (600, parts[1].clone()), "a gap ends the file");
}
