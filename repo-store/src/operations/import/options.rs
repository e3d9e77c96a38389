//! How files are added.

use camino::{Utf8Path, Utf8PathBuf};
use deb_parse::{Component, PackageName, SuiteName};

use crate::error::{Error, ImportError};
use crate::model::class::WildPattern;
use crate::model::gate_rule::GateOverride;
use crate::operations::placement::{PlacementRequest, UploadDistribution};

/// How files are added.
#[derive(Clone, Debug, Default)]
pub struct AddOptions {
    /// Put them into these suites, whatever their versions say.
    pub suites: Vec<SuiteName>,
    /// Put them into this component, whatever their sections say.
    pub component: Option<Component>,
    /// Take only packages and source packages whose names fit one of these; any when there is none.
    pub names: Vec<WildPattern>,
    /// Add the good ones even when others are refused.
    pub keep_going: bool,
    /// Unpack the data archive of each and check it to its end. Otherwise only the start and the end of its compressed stream
    /// are checked, unless the repository has [contents](crate::RepositorySettings::contents).
    pub check_data: bool,
    /// Refuse symbolic links: for folders that others can write to.
    pub refuse_links: bool,
    /// Refuse what a removal or a rollback [took out](crate::model::Hold): for folders into which programs drop the same files again. Otherwise
    /// adding such a package ends its hold.
    pub refuse_held: bool,
    /// Take also what a person [holds](crate::transaction::Transaction::hold), which ends the hold in every suite. Without that it is always refused.
    pub despite_hold: bool,
    /// Rules of gates that do not count, and why.
    pub gate_override: Option<GateOverride>,
    /// Files that say how the packages were built: in-toto statements, bare or in a DSSE envelope, and `.buildinfo` files. Each is kept with
    /// the packages that it names by their SHA-256; it must name one at least. Signatures in them are not verified.
    pub attestations: Vec<Utf8PathBuf>,
}

impl AddOptions {
    /// Refuses a package whose name fits none of those that may be taken.
    pub(super) fn check_name(&self, file: &Utf8Path, package: &PackageName) -> Result<(), Error> {
        if self.names.is_empty() || self.names.iter().any(|name| name.matches(package.as_str())) {
            return Ok(());
        }
        let (file, package) = (file.to_owned(), package.clone());
        Err(Error::Import(ImportError::NameNotAllowed { file, package }))
    }

    /// Returns where a package is asked to go, which may come with an upload.
    pub(super) fn placement<'a>(
        &'a self,
        distribution: Option<&'a UploadDistribution>,
    ) -> PlacementRequest<'a> {
        PlacementRequest { component: self.component.as_ref(), suites: &self.suites, distribution }
    }
}
