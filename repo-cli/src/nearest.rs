//! Which of several names was probably meant by one that is unknown.

pub(crate) use repo_config::nearest;

/// Returns a hint with the name that was probably meant, and all that there are. `things`: what they are.
pub(crate) fn hint(name: &str, known: &[String], things: &str) -> String {
    let all = known.join(", ");
    match nearest(name, known.iter().map(String::as_str)) {
        Some(meant) => format!("did you mean `{meant}`? ({things}: {all})"),
        None if known.len() == 1 => format!("there is only {all}"),
        None => format!("the {things} are {all}"),
    }
}
