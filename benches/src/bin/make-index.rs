//! Writes a synthetic Packages file to standard output: `make-index COUNT`.

use std::io::Write as _;

use benches::packages;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let count = std::env::args().nth(1).ok_or("usage: make-index COUNT")?.parse()?;
    std::io::stdout().write_all(packages::index(count).as_bytes())?;
    Ok(())
}
