//! What can be wrong with a bundle, as a command ends with it.

use apt_bundle::parts::PartError;
use apt_bundle::tree::TreeError;
use apt_bundle::{ManifestError, Name, PublicationTime, Refusal};
use apt_sign::encryption::EncryptionError;
use camino::{Utf8Path, Utf8PathBuf};

/// What keeps a bundle from being made, read or applied.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BundleFailure {
    /// Its pieces are not all there, or it is not a file.
    #[error(transparent)]
    Parts(PartError),
    /// It cannot be read, or not applied to a tree.
    #[error("{file}: {}", crate::error::chain(.problem))]
    Read {
        /// The file, or the piece that was being read.
        file: Utf8PathBuf,
        /// The piece after the last one, when that was read to its end.
        following: Option<Utf8PathBuf>,
        /// Why; its causes stand in the message.
        problem: TreeError,
    },
    /// It cannot be decrypted.
    #[error("{file}: {}", crate::error::chain(.problem))]
    Decrypt {
        /// The file.
        file: Utf8PathBuf,
        /// The piece after the last one, when that was read to its end.
        following: Option<Utf8PathBuf>,
        /// Why; its causes stand in the message.
        problem: EncryptionError,
    },
    /// Nobody said whose bundles are taken.
    #[error("no keyring says whose bundles are taken")]
    NoKeyring,
    /// It is encrypted, and no key was given.
    #[error("{file}: encrypted, or not a bundle")]
    NoSecretKey {
        /// The file.
        file: Utf8PathBuf,
    },
    /// Recipients cannot be encrypted to.
    #[error(transparent)]
    Encrypt(EncryptionError),
    /// A file cannot be carried or written.
    #[error(transparent)]
    Write(apt_bundle::Error),
    /// The state that is to be carried cannot stand in a manifest.
    #[error(transparent)]
    Manifest(ManifestError),
    /// A receipt cannot be used.
    #[error("{file}: {}", crate::error::chain(.problem))]
    Receipt {
        /// The file.
        file: Utf8PathBuf,
        /// Why.
        problem: ManifestError,
    },
    /// A receipt is of another site than the one that is named.
    #[error("the receipt is from site {receipt}, and --site is {site}")]
    OtherReceipt {
        /// The site that is named.
        site: Name,
        /// The site of the receipt.
        receipt: Name,
    },
    /// A state was never published, or its publication is not kept.
    #[error("{state} has no publication")]
    NotPublished {
        /// As it was named.
        state: String,
    },
    /// A site has a publication that is not kept.
    #[error("publication {publication} of {repository} is not kept")]
    Forgotten {
        /// The repository.
        repository: Name,
        /// The publication.
        publication: PublicationTime,
    },
    /// A site has what is to be carried.
    #[error("nothing to carry: the site has what is published already")]
    Nothing,
    /// A site has a repository that the bundle would leave out.
    #[error("the site has {repository} too, and takes no bundle without it")]
    LeftOut {
        /// The repository.
        repository: Name,
    },
    /// A directory is in the wrong state.
    #[error(transparent)]
    Tree(TreeError),
}

impl BundleFailure {
    /// Returns the code by which programs know this kind of failure. It never changes.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Read { problem, .. } | Self::Tree(problem) => match problem {
                TreeError::Bundle(apt_bundle::Error::Signature { .. }) => "E-BUNDLE-SIGNATURE",
                TreeError::Bundle(apt_bundle::Error::Truncated { .. }) => "E-BUNDLE-TRUNCATED",
                TreeError::Bundle(_) => "E-BUNDLE",
                TreeError::Refused(Refusal::OtherSite { .. }) => "E-BUNDLE-SITE",
                TreeError::Refused(_) => "E-BUNDLE-ORDER",
                _ => "E-BUNDLE-TREE",
            },
            Self::Parts(PartError::Missing { .. } | PartError::Size { .. }) => "E-BUNDLE-TRUNCATED",
            Self::Parts(_) | Self::Write(_) | Self::Manifest(_) => "E-BUNDLE",
            Self::Decrypt { .. } | Self::NoSecretKey { .. } | Self::Encrypt(_) => "E-BUNDLE-ENCRYPTION",
            Self::NoKeyring => "E-BUNDLE-SIGNATURE",
            Self::Receipt { .. } | Self::OtherReceipt { .. } | Self::LeftOut { .. } => "E-BUNDLE-RECEIPT",
            Self::NotPublished { .. } | Self::Forgotten { .. } | Self::Nothing => "E-BUNDLE-STATE",
        }
    }

    /// Returns what to do about it.
    pub(crate) fn hint(&self) -> Option<String> {
        let full = match self {
            Self::Read { problem, .. } => crate::error::full_disk_hint(problem),
            Self::Decrypt { problem, .. } => crate::error::full_disk_hint(problem),
            _ => None,
        };
        if full.is_some() {
            return full;
        }
        if let Self::Read { following: Some(following), problem: TreeError::Bundle(problem), .. } = self
            && is_short(problem)
        {
            return Some(missing_piece(following));
        }
        if let Self::Decrypt {
            following: Some(following), problem: EncryptionError::Malformed { .. }, ..
        } = self
        {
            return Some(missing_piece(following));
        }
        let hint = match self {
            Self::Parts(PartError::Missing { path, .. } | PartError::Size { path, .. }) => {
                return Some(format!("copy {path} to this machine again"));
            }
            Self::Parts(PartError::NotAFile { .. }) => {
                "name a file; what comes through a pipe is read with `-`, from standard input"
            }
            Self::Read { problem, .. } | Self::Tree(problem) => match problem {
                TreeError::Bundle(apt_bundle::Error::Signature { .. }) => {
                    "if you trust the sender, give the sender's public key with --keyring"
                }
                TreeError::Bundle(
                    apt_bundle::Error::Damaged { .. }
                    | apt_bundle::Error::Read { .. }
                    | apt_bundle::Error::Trailing
                    | apt_bundle::Error::Truncated { .. },
                ) => "copy the bundle to this machine again",
                TreeError::Refused(Refusal::OtherSite { site: None, .. }) => {
                    "if this is that site, give its name with --site"
                }
                TreeError::Refused(Refusal::OutOfOrder { .. }) => {
                    "send `repo-cli bundle receipt --tree DIR` to where bundles are made, for `bundle create --receipt`"
                }
                TreeError::Missing { .. } => "ask for a bundle that carries everything",
                TreeError::Busy { .. } => "wait for the other process, and give the command again",
                _ => return None,
            },
            Self::NoKeyring => {
                "give the public key of the sender with --keyring, or name it as `keyring` of [bundle] in repo.toml"
            }
            Self::NoSecretKey { .. } => "give the key that it is encrypted to with --secret-key",
            Self::Decrypt { problem: EncryptionError::NotARecipient { .. }, .. } => {
                "give the key that it is encrypted to with --secret-key"
            }
            Self::NotPublished { .. } => "publish the state, or choose one that `snapshot/` still has",
            Self::LeftOut { .. } => "name it as well: it may stay where it is",
            Self::Forgotten { .. } => "make a bundle that carries everything, without --since and --receipt",
            _ => return None,
        };
        Some(hint.to_owned())
    }
}

/// Returns whether a bundle may be one that ends too early. An encrypted one that is cut off fails to decrypt.
fn is_short(problem: &apt_bundle::Error) -> bool {
    matches!(problem, apt_bundle::Error::Truncated { .. } | apt_bundle::Error::Read { .. })
}

fn missing_piece(following: &Utf8Path) -> String {
    format!(
        "copy {following} to this machine as well; if that is not a piece of the bundle, copy all of them again"
    )
}
