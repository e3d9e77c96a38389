//! What cannot be done to a store as a whole.

use camino::Utf8PathBuf;

/// What cannot be done to a store as a whole.
///
/// Messages do not repeat their source: print the chain.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MaintenanceError {
    /// A backup that would lie in the store.
    #[error("{path} is in the store in {root}, which is to be backed up")]
    BackupInStore {
        /// Where the backup was to be.
        path: Utf8PathBuf,
        /// The root of the store.
        root: Utf8PathBuf,
    },
    /// A directory that holds the backup of another store.
    #[error("{path} is the backup of another store")]
    OtherBackup {
        /// The directory.
        path: Utf8PathBuf,
    },
    /// An upgrade that cannot be taken back.
    #[error("cannot return from format {format}: the store was changed after its upgrade, or never upgraded")]
    NoWayBack {
        /// The format of the store.
        format: u32,
    },
    /// The record of a publication that clients may have is gone, so nobody knows which files it needs.
    #[error("{path} is gone, and clients may have that publication: nothing was removed")]
    LostRecord {
        /// The record, or the directory of all records of a repository.
        path: Utf8PathBuf,
    },
    /// A plan of a collection that would remove more by now than was planned.
    #[error(
        "the store has changed since the collection was planned: by now {files} more files would go and {histories} more histories would be cut"
    )]
    OutdatedCollection {
        /// How many files would go that are not in the plan.
        files: usize,
        /// How many histories would be cut that are not in the plan, or further than planned.
        histories: usize,
    },
    /// A plan of a repair that does not know all that is wrong by now.
    #[error("the store has changed since the repair was planned: by now {problems} more problems are found")]
    OutdatedRepair {
        /// How many problems are not in the plan.
        problems: usize,
    },
}

impl MaintenanceError {
    /// Returns a code that stays the same for the same kind of error in every later version, whatever its message says.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::BackupInStore { .. } => "E-BACKUP-IN-STORE",
            Self::OtherBackup { .. } => "E-OTHER-BACKUP",
            Self::NoWayBack { .. } => "E-NO-WAY-BACK",
            Self::LostRecord { .. } => "E-LOST-RECORD",
            Self::OutdatedCollection { .. } => "E-OUTDATED-COLLECTION",
            Self::OutdatedRepair { .. } => "E-OUTDATED-REPAIR",
        }
    }
}
