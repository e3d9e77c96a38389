//! Prints which packages of a `Packages` file need a package, and by which field.
//!
//! ```console
//! $ cargo run --release --example reverse_dependencies -- Packages libc6
//! ```

use std::error::Error;
use std::io::Write;

use deb_parse::{Limits, deb822, relation::Relations};

/// A field counts when clients act on it.
const FIELDS: [&str; 3] = ["Pre-Depends", "Depends", "Recommends"];

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(path), Some(wanted)) = (arguments.next(), arguments.next()) else {
        return Err("usage: reverse_dependencies PACKAGES-FILE NAME".into());
    };
    let mut output = std::io::stdout().lock();
    for line in needed_by(&std::fs::read(path)?, &wanted)? {
        writeln!(output, "{line}")?;
    }
    Ok(())
}

fn needed_by(index: &[u8], wanted: &str) -> Result<Vec<String>, deb_parse::Error> {
    let mut found = Vec::new();
    for paragraph in deb822::paragraphs(index) {
        let Some(package) = paragraph.get_str("Package") else { continue };
        for field in FIELDS {
            let Some(value) = paragraph.get_str(field) else { continue };
            let relations = Relations::parse(value, &Limits::default())?;
            // Each group is met by any of its alternatives.
            for relation in relations.all().iter().flatten() {
                if *relation.name == *wanted {
                    found.push(format!("{package} ({field}: {relation})"));
                }
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
#[test]
fn every_alternative_counts() {
    let index =
        b"Package: a\nDepends: mta | postfix (>= 3)\n\nPackage: b\nRecommends: postfix\n\nPackage: c\n";
    let found = needed_by(index, "postfix").expect("every relation is valid");
    assert_eq!(found, ["a (Depends: postfix (>= 3))", "b (Recommends: postfix)"]);
}
