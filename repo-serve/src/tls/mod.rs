//! TLS: a [`Certificate`] and its key, read again when they change.

pub(crate) mod validity;

pub use validity::{CertificateAge, Validity};

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::SystemTime;

use camino::{Utf8Path, Utf8PathBuf};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{self, ServerConfig};

use super::changing_file::text_of;

/// A certificate and its key, in files that may be replaced while they are used: as the programs do that renew certificates.
///
/// New connections get the new pair within two seconds. While the files do not go together, they get the pair before.
pub struct Certificate {
    certificate: Utf8PathBuf,
    key: Utf8PathBuf,
    config: RwLock<Arc<ServerConfig>>,
    known: Mutex<Known>,
}

/// What was read last.
#[derive(Default)]
struct Known {
    /// The texts of both files.
    texts: (String, String),
    /// How often in a row they could not be used: between two renames they do not go together for a moment.
    failures: u32,
    /// When the certificate counts, if that can be read.
    validity: Option<Validity>,
    /// What was last said of its age.
    told: Option<CertificateAge>,
}

impl Known {
    fn of(texts: (String, String)) -> Self {
        let validity = first_validity(&texts.0);
        Self { texts, failures: 0, validity, told: None }
    }
}

/// Returns when the first certificate of a PEM text counts.
fn first_validity(pem: &str) -> Option<Validity> {
    Validity::of_certificate(&CertificateDer::pem_slice_iter(pem.as_bytes()).next()?.ok()?)
}

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// A file cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: Utf8PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file holds no certificate, or no key, in PEM.
    #[error("{path} holds no {what} in PEM")]
    Lacks {
        /// The file.
        path: Utf8PathBuf,
        /// What it should hold.
        what: &'static str,
    },
    /// The key is not that of the certificate, or of a kind that TLS does not know.
    #[error("{key} does not go with {certificate}")]
    Mismatch {
        /// The file of the certificate.
        certificate: Utf8PathBuf,
        /// The file of the key.
        key: Utf8PathBuf,
        /// What the library for TLS said.
        source: rustls::Error,
    },
}

/// How often in a row a pair is no good before that is said.
const PATIENCE: u32 = 3;

impl Certificate {
    /// Reads a certificate, with those that lead from it to one that clients know, and its key, both in PEM.
    ///
    /// # Errors
    /// [`CertificateError`] when they cannot be used.
    pub fn load(certificate: &Utf8Path, key: &Utf8Path) -> Result<Self, CertificateError> {
        let texts = (read(certificate)?, read(key)?);
        let config = RwLock::new(config((certificate, &texts.0), (key, &texts.1))?);
        let known = Mutex::new(Known::of(texts));
        Ok(Self { certificate: certificate.to_owned(), key: key.to_owned(), config, known })
    }

    /// Reads when the certificate in a file counts; `None` when the file does not tell. The key is not looked at.
    ///
    /// # Errors
    /// [`CertificateError::Read`] and [`CertificateError::Lacks`].
    pub fn validity_in(path: &Utf8Path) -> Result<Option<Validity>, CertificateError> {
        let text = read(path)?;
        match CertificateDer::pem_slice_iter(text.as_bytes()).next() {
            Some(Ok(_)) => Ok(first_validity(&text)),
            _ => Err(CertificateError::Lacks { path: path.to_owned(), what: "certificate" }),
        }
    }

    /// Returns when the certificate that is shown counts, if that can be read.
    #[must_use]
    pub fn validity(&self) -> Option<Validity> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).validity
    }

    /// Returns what is wrong with the age of the certificate, once for each age that it comes to.
    pub(crate) fn age_problem(&self, now: SystemTime) -> Option<String> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let validity = known.validity?;
        let age = validity.age_at(now);
        let is_told = known.told.replace(age) == Some(age);
        let problem = validity.problem_at(now).filter(|_| !is_told)?;
        Some(format!("the certificate {} {problem}", self.certificate))
    }

    /// Returns what takes the next connection.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        // What is exchanged is one pointer, so a poisoned lock is as good as any.
        TlsAcceptor::from(Arc::clone(&self.config.read().unwrap_or_else(PoisonError::into_inner)))
    }

    /// Reads the files again, and returns what is wrong with them, once. It may block.
    pub(crate) fn refresh(&self) -> Option<String> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        match self.look(&known.texts) {
            Ok(None) => known.failures = 0,
            Ok(Some((texts, config))) => {
                *self.config.write().unwrap_or_else(PoisonError::into_inner) = config;
                *known = Known::of(texts);
            }
            Err(error) => {
                known.failures = known.failures.saturating_add(1);
                if known.failures == PATIENCE {
                    let cause = std::error::Error::source(&error)
                        .map_or_else(String::new, |cause| format!(": {cause}"));
                    return Some(format!("{error}{cause}; the certificate before is used"));
                }
            }
        }
        None
    }

    #[expect(clippy::type_complexity, reason = "the texts and what they make go together")]
    fn look(
        &self,
        known: &(String, String),
    ) -> Result<Option<((String, String), Arc<ServerConfig>)>, CertificateError> {
        let texts = (read(&self.certificate)?, read(&self.key)?);
        if texts == *known {
            return Ok(None);
        }
        let config = config((&self.certificate, &texts.0), (&self.key, &texts.1))?;
        Ok(Some((texts, config)))
    }
}

fn read(path: &Utf8Path) -> Result<String, CertificateError> {
    text_of(path).map_err(|source| CertificateError::Read { path: path.to_owned(), source })
}

fn config(
    (certificate_path, certificate): (&Utf8Path, &str),
    (key_path, key): (&Utf8Path, &str),
) -> Result<Arc<ServerConfig>, CertificateError> {
    let lacks = |path: &Utf8Path, what| CertificateError::Lacks { path: path.to_owned(), what };
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(certificate.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|_| lacks(certificate_path, "certificate"))?;
    if chain.is_empty() {
        return Err(lacks(certificate_path, "certificate"));
    }
    let private =
        PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|_| lacks(key_path, "private key"))?;
    let mismatch = |source| CertificateError::Mismatch {
        certificate: certificate_path.to_owned(),
        key: key_path.to_owned(),
        source,
    };
    // The apt of every release that is looked after speaks one of these.
    let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&TLS13, &TLS12])
        .map_err(mismatch)?;
    let mut config = builder.with_no_client_auth().with_single_cert(chain, private).map_err(mismatch)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { certificate, key, .. } = self;
        f.debug_struct("Certificate")
            .field("certificate", certificate)
            .field("key", key)
            .finish_non_exhaustive()
    }
}
