//! The records of packages that the store makes itself.

use std::sync::Arc;

use apt_index::pool::PackageKind;
use deb_parse::{Component, deb};

use crate::error::{Error, ImportError};
use crate::model::id::BlobId;
use crate::model::record::{Digests, Record};
use crate::settings::SuiteSettings;

/// Returns the record of a package in a suite: in the component `main`, or in the first where there is none.
pub(super) fn record(suite: &SuiteSettings, bytes: &[u8]) -> Result<Arc<Record>, Error> {
    let failed = |source: deb_parse::Error| Error::package("package of the repository itself", source);
    let package = deb::read(bytes, &deb::Options::default()).map_err(failed)?;
    let main = suite.components.iter().find(|component| component.as_str() == "main");
    let component = match main.or(suite.components.first()) {
        Some(component) => component.clone(),
        None => Component::parse("main").map_err(failed)?,
    };
    let digests = Digests { sha256: package.sha256, md5: None, sha1: None };
    let record = Record::new(
        &package.control,
        component,
        PackageKind::Deb,
        BlobId(package.blake3),
        package.size,
        &digests,
    );
    let file = package.control.package().as_str().into();
    record.map(Arc::new).map_err(|source| Error::Import(ImportError::Stanza { file, source }))
}
