//! Reads all packages of a folder, one after the other: `debs control|files FOLDER`. `compare` runs it.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use deb_parse::deb::{self, Data, Options};
use std::fs::File;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [work, folder, ..] = arguments.as_slice() else {
        return Err("usage: debs control|files FOLDER".into());
    };
    let data = match work.as_str() {
        "control" => Data::Skip,
        "files" => Data::List,
        _ => return Err(format!("no work is named {work}").into()),
    };
    let options = Options { data, ..Options::default() };
    let (mut packages, mut files) = (0, 0);
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "deb") {
            let package = deb::read(File::open(&path)?, &options)
                .map_err(|error| format!("{}: {error}", path.display()))?;
            packages += 1;
            files += package.files.map_or(0, |files| files.len());
        }
    }
    println!("{packages} packages, {files} files");
    Ok(())
}
