//! What the laws of more than one crate check.

/// Panics if it does not hold for these bytes.
pub type Law = fn(&[u8]);

/// An error is one line that is safe to print.
pub fn check_line(error: &impl std::fmt::Display) {
    let text = error.to_string();
    assert!(!text.is_empty() && text.len() < 4000 && !text.contains(char::is_control), "{text:?}");
}
