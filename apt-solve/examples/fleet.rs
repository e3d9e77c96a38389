//! Works out what `apt-get dist-upgrade` does on machines: `fleet DIRECTORY PACKAGES…`, with a directory of status files and plain `Packages` files.
//! Prints what becomes of each machine, and on standard error how long that took.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use apt_solve::status::{Fleet, Status};
use apt_solve::upgrade::Archives;
use apt_solve::{Limits, Universe};
use std::fs::{self, File};
use std::time::Instant;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let directory = arguments.next().ok_or("usage: fleet DIRECTORY PACKAGES…")?;
    let packages: Vec<String> = arguments.collect();
    let mut paths = fs::read_dir(directory)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()?;
    paths.sort();
    let start = Instant::now();
    let mut fleet = Fleet::default();
    for path in &paths {
        fleet.add(&Status::read(File::open(path)?)?);
    }
    eprintln!("{} machines in {} states, read in {:.2?}", paths.len(), fleet.len(), start.elapsed());
    for kind in fleet.kinds() {
        let start = Instant::now();
        let mut builder = Universe::builder(&kind.native);
        kind.foreign.iter().for_each(|architecture| builder.add_foreign(architecture));
        for path in &packages {
            let source = builder.add_source(path);
            builder.read(source, File::open(path)?)?;
        }
        let installed = builder.add_source("installed");
        let machines = fleet.add_to(&mut builder, installed, kind)?;
        let universe = builder.build();
        eprintln!("{} packages, read in {:.2?}", universe.len(), start.elapsed());
        let start = Instant::now();
        let archives = Archives::new(&universe, &universe.packages_of(installed).collect());
        eprintln!("archives prepared in {:.2?}", start.elapsed());
        let start = Instant::now();
        for (state, machine) in &machines {
            let start = Instant::now();
            let plan = archives.upgrade(machine, &Limits::default());
            println!("{state:?}: {plan:#?}");
            let (removed, kept_back) = (plan.removed.len(), plan.kept_back.len());
            eprintln!(
                "{state:?}: {} installed, {removed} removed, {kept_back} kept back: {:.2?}",
                machine.installed().len(),
                start.elapsed()
            );
        }
        eprintln!("{} states worked out in {:.2?}", machines.len(), start.elapsed());
    }
    Ok(())
}
