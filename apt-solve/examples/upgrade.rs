//! Tries the upgrade from everything of one plain `Packages` file to another one, or from these packages with what they need:
//! `upgrade OLD NEW [ARCHITECTURE [PACKAGE…]]`. Prints what is removed or kept back in one line each, and a summary on standard error.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use apt_solve::{Checker, Limits, PackageId, Universe, View};
use deb_parse::Architecture;
use std::collections::HashSet;
use std::fs::File;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(old_path), Some(new_path)) = (arguments.next(), arguments.next()) else {
        return Err("usage: upgrade OLD NEW [ARCHITECTURE [PACKAGE…]]".into());
    };
    let native = arguments.next().unwrap_or_else(|| "amd64".to_owned());
    let mut builder = Universe::builder(&Architecture::parse(&native)?);
    let (new, old) = (builder.add_source(&new_path), builder.add_source(&old_path));
    builder.read(new, File::open(&new_path)?)?;
    builder.read(old, File::open(&old_path)?)?;
    let universe = builder.build();
    let (before, after) = (universe.packages_of(new).collect(), universe.packages_of(old).collect());
    for (installed, newest) in universe.older_versions(old, &before, &after) {
        println!("{installed} is newer than {newest}");
    }
    let checker = Checker::without(&universe, View::Newest, Limits::default(), before);
    let chosen: HashSet<String> = arguments.collect();
    let is_chosen = |id: &PackageId| universe.label(*id).is_some_and(|label| chosen.contains(&label.name));
    let wanted = universe.packages_of(old).filter(|id| chosen.is_empty() || is_chosen(id));
    let tried = checker.upgrades(wanted, &after);
    for (number, (machine, plan)) in tried.machines.iter().enumerate() {
        plan.removed.iter().for_each(|one| println!("{} is removed: {}", one.installed, one.reason));
        plan.kept_back.iter().for_each(|one| println!("{} is kept back: {}", one.installed, one.reason));
        eprintln!(
            "machine {}: {} packages, {} upgraded, {} removed, {} kept back, decided: {}",
            number + 1,
            machine.len(),
            plan.upgraded.len(),
            plan.removed.len(),
            plan.kept_back.len(),
            plan.is_decided
        );
    }
    eprintln!("{} packages on none of them: not decided", tried.untried.len());
    Ok(())
}
