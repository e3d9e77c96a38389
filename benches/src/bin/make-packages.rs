//! Writes synthetic packages: `make-packages DIRECTORY FIRST COUNT [ARCHITECTURE]`.

use std::path::Path;

use benches::packages;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (directory, first, count, architecture) = match arguments.as_slice() {
        [directory, first, count] => (directory, first, count, "amd64"),
        [directory, first, count, architecture] => (directory, first, count, architecture.as_str()),
        _ => return Err("usage: make-packages DIRECTORY FIRST COUNT [ARCHITECTURE]".into()),
    };
    let first: u64 = first.parse()?;
    std::fs::create_dir_all(directory)?;
    for number in first..first + count.parse::<u64>()? {
        let path = Path::new(directory).join(format!("{}.deb", packages::name(number)));
        std::fs::write(path, packages::archive_for(number, architecture)?)?;
    }
    Ok(())
}
