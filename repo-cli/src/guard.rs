//! A question before most of what clients read is taken away.

use deb_parse::SuiteName;
use repo_store::RepositoryName;

use crate::error::Failure;
use crate::output::{Output, count, suite_list};

/// What a change would leave of a suite.
pub(crate) struct Loss {
    pub(crate) suite: SuiteName,
    /// How many package files it has.
    pub(crate) before: u64,
    /// How many of these would go.
    pub(crate) going: u64,
}

impl Loss {
    /// Whether so much goes that a slip is more likely than a wish: all of it, or more than half of what is more than a handful.
    fn is_drastic(&self) -> bool {
        let empties = self.going >= self.before;
        let halves = self.before >= 10 && self.going > self.before / 2;
        self.going > 0 && (empties || halves)
    }
}

/// Returns whether any of these losses is asked about.
pub(crate) fn is_asked_about(losses: &[Loss]) -> bool {
    losses.iter().any(Loss::is_drastic)
}

/// Notes what [`check`] would ask about, where nothing is changed. With `--yes` it would not ask.
pub(crate) fn foretell(repository: &RepositoryName, losses: &[Loss], yes: bool, output: &Output) {
    let drastic = drastic(losses);
    if !drastic.is_empty() {
        let condition = if yes { "" } else { "; the command asks first, or needs --yes" };
        output.note(&format!("this would remove {} ({repository}){condition}", drastic.join(", ")));
    }
}

/// What a suite would lose that is asked about, in words; suites that lose the same together.
fn drastic(losses: &[Loss]) -> Vec<String> {
    let mut suites: Vec<((u64, u64), Vec<&SuiteName>)> = Vec::new();
    for Loss { suite, before, going, .. } in losses.iter().filter(|loss| loss.is_drastic()) {
        match suites.iter_mut().find(|(same, _)| *same == (*going, *before)) {
            Some((_, suites)) => suites.push(suite),
            None => suites.push(((*going, *before), vec![suite])),
        }
    }
    let words = suites.iter().map(|((going, before), suites)| {
        let each = if suites.len() > 1 { "each of " } else { "" };
        let of = count(usize::try_from(*before).unwrap_or(usize::MAX), "package file");
        format!("{going} of {of} from {each}{}", suite_list(suites.iter().copied()))
    });
    words.collect()
}

/// Asks a person whether to go on when a suite would lose most of what it holds, and refuses when there is nobody to ask. `--yes`
/// answers beforehand.
pub(crate) fn check(
    repository: &RepositoryName,
    losses: &[Loss],
    yes: bool,
    output: &Output,
) -> Result<(), Failure> {
    let drastic = drastic(losses);
    if drastic.is_empty() || yes {
        return Ok(());
    }
    ask(Failure::Guarded { repository: repository.clone(), losses: drastic }, output)
}

/// Asks a person whether to go on in spite of what `failure` tells, and fails with it when there is nobody to ask.
pub(crate) fn ask(failure: Failure, output: &Output) -> Result<(), Failure> {
    match output.confirm(&format!("{failure}. Go on? [y/N] "))? {
        Some(true) => Ok(()),
        Some(false) => Err(Failure::Stopped),
        None => Err(failure),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_empties_a_suite_or_halves_a_large_one_is_drastic() {
        let suite = SuiteName::parse("bookworm").unwrap();
        for (before, going, is_drastic) in [
            (0, 0, false),
            (1, 1, true),
            (4, 3, false),
            (4, 4, true),
            (10, 5, false),
            (10, 6, true),
            (96, 83, true),
        ] {
            let loss = Loss { suite: suite.clone(), before, going };
            assert_eq!(loss.is_drastic(), is_drastic, "{going} of {before}");
        }
    }
}
