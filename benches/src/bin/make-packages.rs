//! Writes synthetic packages: `make-packages DIRECTORY FIRST COUNT`.

use std::path::Path;

use benches::packages;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [directory, first, count] = arguments.as_slice() else {
        return Err("usage: make-packages DIRECTORY FIRST COUNT".into());
    };
    let first: u64 = first.parse()?;
    std::fs::create_dir_all(directory)?;
    for number in first..first + count.parse::<u64>()? {
        let path = Path::new(directory).join(format!("{}.deb", packages::name(number)));
        std::fs::write(path, packages::archive(number)?)?;
    }
    Ok(())
}
