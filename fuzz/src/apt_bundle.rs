//! Laws of the crate `apt-bundle`: plain functions that panic where one is broken.

use apt_bundle::receipt::Receipt;
use apt_bundle::{Manifest, Member, fuzzing, write_bundle};

use super::checks::{Law, check_line};

/// All laws by the names of their fuzz targets.
pub const LAWS: &[(&str, Law)] =
    &[("bundle_read", bundle_read), ("bundle_manifest_read", bundle_manifest_read)];

/// A bundle, or the archive of one, is refused in one line, or what is written of it reads back.
pub fn bundle_read(bytes: &[u8]) {
    read_and_write(bytes);
    if let Ok(compressed) = zstd::encode_all(bytes, 1) {
        read_and_write(&compressed);
    }
}

fn read_and_write(bytes: &[u8]) {
    let (manifest, files) = match fuzzing::read_unsigned(bytes) {
        Ok(read) => read,
        Err(error) => return check_line(&error),
    };
    let mut written = Vec::new();
    let mut left = files.iter();
    let mut open = |_: &Member<'_>| Ok(Box::new(std::io::Cursor::new(left.next().unwrap().clone())) as _);
    write_bundle(&manifest, manifest.to_text().as_bytes(), &mut open, &mut written).unwrap();
    assert_eq!(fuzzing::read_unsigned(&written).unwrap(), (manifest, files));
}

/// A manifest or a receipt is refused in one line, or it is the text that is written of it, and no path of it leaves the tree.
pub fn bundle_manifest_read(bytes: &[u8]) {
    match Manifest::parse(bytes) {
        Ok(manifest) => {
            assert_eq!(manifest.to_text().as_bytes(), bytes);
            let files = manifest.repositories().iter().flat_map(|repository| &repository.files);
            for path in files.map(|file| file.path.as_str()) {
                assert!(
                    !path.starts_with('/') && path.split('/').all(|element| !element.starts_with('.')),
                    "{path}"
                );
            }
            assert!(
                manifest.check_order(Some(&manifest), manifest.site()).is_err(),
                "nothing is applied twice"
            );
            let receipt = Receipt::of(&manifest);
            assert_eq!(Receipt::parse(receipt.to_text().as_bytes()).unwrap(), receipt);
        }
        Err(error) => check_line(&error),
    }
    match Receipt::parse(bytes) {
        Ok(receipt) => assert_eq!(receipt.to_text().as_bytes(), bytes),
        Err(error) => check_line(&error),
    }
}
