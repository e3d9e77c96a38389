use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;

/// Gives the text that was signed, if somebody signed it who may.
type Judge = dyn Fn(&[u8], SystemTime) -> Result<Vec<u8>, apt_sign::Error> + Send + Sync;

/// Who may upload to a repository.
///
/// ```
/// use apt_sign::{Keyring, SecretKey};
/// use repo_store::settings::Uploaders;
///
/// # let created = std::time::SystemTime::UNIX_EPOCH;
/// let key = SecretKey::generate("Maintainer", created, None)?;
/// let keyring = Keyring::new(vec![key.certificate()]);
/// let uploaders = Uploaders::new(move |message, time| Ok(keyring.verify_inline(message, time)?.into_text()));
/// # Ok::<(), apt_sign::Error>(())
/// ```
#[derive(Clone)]
pub struct Uploaders(Arc<Judge>);

impl Uploaders {
    /// `judge` is given a clear-signed message and the time, and returns the signed text and nothing else when somebody signed
    /// it who may upload.
    pub fn new(
        judge: impl Fn(&[u8], SystemTime) -> Result<Vec<u8>, apt_sign::Error> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(judge))
    }

    pub(crate) fn signed_text(&self, message: &[u8], now: Timestamp) -> Result<Vec<u8>, apt_sign::Error> {
        let seconds = u64::try_from(now.as_second()).unwrap_or(0);
        (self.0)(message, SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
    }
}

impl fmt::Debug for Uploaders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Uploaders(…)")
    }
}
