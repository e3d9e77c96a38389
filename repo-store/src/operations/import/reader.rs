//! A package file that comes from a reader, such as the body of a request.

use std::collections::BTreeMap;
use std::io::Read;

use camino::Utf8PathBuf;

use super::intake::{Intake, KnownPackages};
use super::listed::List;
use super::{AddOptions, AddReport, Origin, ReadFiles, Request, add_read, attest, take_package};
use crate::context::Context;
use crate::error::Error;
use crate::progress::{Amount, Phase};
use crate::settings::RepositorySettings;
use crate::store::Store;

/// See [`Store::add_reader`].
pub(crate) fn add_reader(
    store: &Store,
    repository: &RepositorySettings,
    (name, input): (&str, &mut dyn Read),
    options: &AddOptions,
    context: &Context,
) -> Result<AddReport, Error> {
    repository.check()?;
    repository.check_suites(&options.suites)?;
    let path = Utf8PathBuf::from(name);
    let origin = Origin::paths(options.refuse_links);
    if let Some("changes" | "dsc" | "buildinfo") = path.extension() {
        let list = List { path: &path, origin };
        return Err(list.misfit("the files that it lists lie beside it, so it is added by its path"));
    }
    let phase = context.progress.begin(Phase::Reading, Amount::items(1));
    let known = KnownPackages::default();
    let request = Request { options, origin, keeps: true, links: false, phase: &phase, known: &known };
    let intake = Intake::begin_reader(store, &request, input);
    let mut candidates = vec![(0, take_package(repository, &path, intake, None, &request, |_| Ok(()))?)];
    attest::attest(store, &options.attestations, (&mut candidates, true), &request)?;
    phase.finish();
    let read = ReadFiles { paths: std::slice::from_ref(&path), candidates, refused: BTreeMap::new() };
    let mut report = add_read(store, repository, read, (options, None), context)?;
    match report.refused.pop() {
        Some(refused) => Err(refused.error),
        None => Ok(report),
    }
}
