//! Which of several names was probably meant by one that is unknown.

/// Returns the name that was probably meant: one slip of the pen away, or one in three letters of a long name.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let with_distance = known.into_iter().map(|known| (strsim::damerau_levenshtein(name, known), known));
    let (distance, nearest) = with_distance.min_by_key(|(distance, _)| *distance)?;
    (distance <= (name.chars().count() / 3).max(1)).then_some(nearest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_recognised_and_another_name_is_not() {
        let known = ["bookworm", "trixie", "sid"];
        for (name, meant) in [
            ("bokworm", Some("bookworm")),
            ("bookwrom", Some("bookworm")),
            ("tirxei", Some("trixie")),
            ("sd", Some("sid")),
            ("buster", None),
            ("x", None),
        ] {
            assert_eq!(nearest(name, known), meant, "{name}");
        }
        assert_eq!(nearest("x", []), None);
    }
}
