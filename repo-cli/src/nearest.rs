//! Which of several names was probably meant by one that is unknown.

/// Returns the name that was probably meant: one slip of the pen away, or one in three letters of a long name.
pub(crate) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let with_distance = known.into_iter().map(|known| (strsim::damerau_levenshtein(name, known), known));
    let (distance, nearest) = with_distance.min_by_key(|(distance, _)| *distance)?;
    (distance <= (name.chars().count() / 3).max(1)).then_some(nearest)
}

/// Returns a hint with the name that was probably meant, and all that there are. `things`: what they are.
pub(crate) fn hint(name: &str, known: &[String], things: &str) -> String {
    let all = known.join(", ");
    match nearest(name, known.iter().map(String::as_str)) {
        Some(meant) => format!("did you mean `{meant}`? ({things}: {all})"),
        None if known.len() == 1 => format!("there is only {all}"),
        None => format!("the {things} are {all}"),
    }
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
