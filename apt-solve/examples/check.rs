//! Checks every package of a plain `Packages` file: `check PACKAGES [newest|all] [ARCHITECTURE]`. Prints each finding in one
//! line and a summary on standard error.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use apt_solve::{Checker, Limits, Universe, Verdict, View};
use deb_parse::Architecture;
use std::fs::File;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("usage: check PACKAGES [newest|all] [ARCHITECTURE]")?;
    let view = match arguments.next().as_deref() {
        None | Some("newest") => View::Newest,
        Some("all") => View::AllVersions,
        Some(other) => return Err(format!("unknown view {other}").into()),
    };
    let native = arguments.next().unwrap_or_else(|| "amd64".to_owned());
    let mut builder = Universe::builder(&Architecture::parse(&native)?);
    let source = builder.add_source(&path);
    builder.read(source, File::open(&path)?)?;
    let universe = builder.build();
    let report = Checker::new(&universe, view, Limits::default()).source(source);
    for finding in &report.findings {
        let name = &finding.package.name;
        match &finding.verdict {
            Verdict::Broken(reason) => println!("{name} {}: {reason}", finding.package.version),
            _ => println!("{name} {}: not decided", finding.package.version),
        }
    }
    let (installable, superseded) = (report.installable, report.superseded);
    eprintln!("{installable} installable, {} not, {superseded} superseded ({view})", report.findings.len());
    if let Some(reason) = &report.essential {
        eprintln!("the essential packages: {reason}");
    }
    Ok(())
}
