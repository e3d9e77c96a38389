//! Readers for fuzzing, which can make no signatures.

use crate::error::Error;
use crate::manifest::Manifest;
use crate::read::Bundle;

/// Reads a bundle whose manifest is not signed. Returns the manifest, and the files that it carries.
///
/// # Errors
/// Those of [`Bundle`], but for the signature.
pub fn read_unsigned(bytes: &[u8]) -> Result<(Manifest, Vec<Vec<u8>>), Error> {
    let mut bundle = Bundle::open_with(bytes, |text| Ok((text.to_vec(), Vec::new())))?;
    let mut files = Vec::new();
    for _ in 0..bundle.manifest().members().len() {
        let mut file = Vec::new();
        bundle.receive(&mut file)?;
        files.push(file);
    }
    Ok((bundle.finish()?, files))
}
