//! A directory of packages without any index: nothing vouches for them but the person who imports them.

use std::fs::{self, File};
use std::sync::Arc;

use apt_fetch::apt_index::RelPath;
use apt_fetch::apt_index::parallel::parallel_map;
use apt_fetch::{Expected, PoolFile, Suite};
use camino::{Utf8Path, Utf8PathBuf};
use deb_parse::checksum::{HashKinds, Hasher};
use deb_parse::control::{Dsc, Fields as _};
use deb_parse::{Component, Limits, PackageName, SuiteName, deb};
use repo_store::history::ArchiveOrigin;
use repo_store::model::record::{Build, RecordKey};
use repo_store::package_reader::PackageReader;

use super::failure::ImportFailure;
use super::plan::{Gathering, ImportPlan, PlannedPackage, PlannedSuite};
use crate::cmd::add::directories;
use crate::error::{Failure, chain};
use crate::output::Output;
use crate::package_readers;
use crate::session::processors;

/// Reads all packages and source packages in a directory and those below it. They go to the suite that is named.
pub(super) fn read(
    directory: &Utf8Path,
    target: Option<&SuiteName>,
    output: &Output,
) -> Result<ImportPlan, Failure> {
    let files = directories::read(&[directory.to_owned()], true, output)?;
    let files: Vec<Utf8PathBuf> =
        files.into_iter().filter(|file| file.extension() != Some("changes")).collect();
    let name = target.ok_or_else(|| ImportFailure::NoSuiteName { place: directory.to_string() })?;
    let mut suite = PlannedSuite {
        name: name.clone(),
        was: Suite::Flat("./".to_owned()),
        alias: None,
        release: None,
        architectures: Vec::new(),
        components: Component::parse("main").into_iter().collect(),
    };
    let reader = package_readers::reader(&Limits::default());
    let read = parallel_map(&files, processors(), |file| read_file(directory, file, name, &reader));
    let mut gathering = Gathering::default();
    for found in read {
        match found {
            Ok(package) => {
                suite.take(&package.key, &package.component);
                gathering.add(package);
            }
            Err(failure) => gathering.refusals.push(failure),
        }
    }
    let (packages, findings, refusals) = gathering.finish();
    let origin = ArchiveOrigin::new(directory.as_str(), None);
    Ok(ImportPlan { origin, suites: vec![suite], packages, findings, refusals })
}

fn read_file(
    directory: &Utf8Path,
    path: &Utf8Path,
    suite: &SuiteName,
    reader: &Arc<dyn PackageReader>,
) -> Result<PlannedPackage, ImportFailure> {
    let refuse = |what: String| ImportFailure::NotAPackage { file: path.to_string(), what };
    let relative = path.strip_prefix(directory).unwrap_or(path);
    let pool_file = |path: &str, size, sha256| {
        let path = RelPath::parse(path).map_err(|error| refuse(chain(&error)))?;
        let expected = Expected::new(size, Some(sha256), None);
        let expected = expected.ok_or_else(|| refuse("it has no SHA-256".to_owned()))?;
        Ok(PoolFile { path, expected })
    };
    let (key, section, file, others);
    if path.extension() == Some("dsc") {
        let bytes = fs::read(path).map_err(|error| refuse(error.to_string()))?;
        let dsc = Dsc::parse(&bytes, &Limits::default()).map_err(|error| refuse(chain(&error)))?;
        let package = PackageName::parse(dsc.source().as_str()).map_err(|error| refuse(chain(&error)))?;
        key = RecordKey { package, version: dsc.version().clone(), architecture: Build::Source };
        section = dsc.section().map(str::to_owned);
        let mut hasher = Hasher::new(HashKinds::default()).map_err(|error| refuse(chain(&error)))?;
        hasher.update(&bytes);
        let hashes = hasher.finish();
        file = pool_file(relative.as_str(), hashes.size, hashes.sha256)?;
        let beside = |entry: &deb_parse::control::FileEntry| {
            let sha256 =
                entry.sha256.ok_or_else(|| refuse(format!("{} has no SHA-256 in it", entry.path)))?;
            pool_file(relative.with_file_name(&entry.path).as_str(), entry.size, sha256)
        };
        others = dsc.files().iter().map(beside).collect::<Result<_, _>>()?;
    } else {
        let mut opened = File::open(path).map_err(|error| refuse(error.to_string()))?;
        let options = deb::Options { data: deb::Data::Skip, ..deb::Options::default() };
        let package = reader.read_package(&mut opened, &options).map_err(|error| refuse(chain(&error)))?;
        let control = &package.control;
        key = RecordKey {
            package: control.package().clone(),
            version: control.version().clone(),
            architecture: Build::For(control.architecture().clone()),
        };
        section = control.section().map(str::to_owned);
        file = pool_file(relative.as_str(), package.size, package.sha256)?;
        others = Vec::new();
    }
    let component = section.as_deref().and_then(|section| section.split_once('/'));
    let component = component.map_or("main", |(component, _)| component);
    Ok(PlannedPackage {
        key,
        component: Component::parse(component).map_err(|error| refuse(chain(&error)))?,
        suites: vec![suite.clone()],
        file,
        others,
        listed_in: directory.to_string(),
        // Nobody was given links to files of a directory that is not published.
        new_path: None,
        stanza: Vec::new(),
    })
}
