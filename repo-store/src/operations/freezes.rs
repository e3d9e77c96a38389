//! The freeze of a repository: until when nothing changes in it, who decided that, and why.
//!
//! Its document has one line, also after the freeze has ended by itself:
//!
//! ```text
//! <since> <until> TAB <who> TAB <why>
//! ```

use jiff::Timestamp;

use crate::context::Context;
use crate::document::{Area, Document, Kept};
use crate::error::{Error, RuleError};
use crate::model::commit::one_line;
use crate::model::freeze::{Freeze, WeeklyFreeze};
use crate::model::gate_rule::{GateOverride, GateRule};
use crate::model::log_entry::LogEntry;
use crate::model::name::RepositoryName;
use crate::model::operation::Operation;
use crate::store::Store;
use crate::transaction::Transaction;

/// The last freeze of a repository, if there is one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LastFreeze(pub(crate) Option<Freeze>);

impl Document for LastFreeze {
    const AREA: Area = Area::Freezes;
    const KIND: &'static str = "freeze of";

    fn from_lines(lines: &[&str]) -> Option<Self> {
        let [line] = lines else { return lines.is_empty().then(Self::default) };
        let mut parts = line.splitn(3, '\t');
        let (since, until) = parts.next()?.split_once(' ')?;
        let (since, until) = (since.parse().ok()?, until.parse().ok()?);
        let (actor, reason) = (parts.next()?.to_owned(), parts.next()?.to_owned());
        Some(Self(Some(Freeze { since, until, actor, reason, is_weekly: false })))
    }

    fn to_lines(&self) -> Vec<String> {
        let line = |Freeze { since, until, actor, reason, .. }: &Freeze| {
            format!("{since} {until}\t{}\t{}", one_line(actor), one_line(reason))
        };
        self.0.iter().map(line).collect()
    }
}

/// See [`Store::freeze_of`]. `weekly` are the freezes that the settings of the repository have.
pub(crate) fn freeze_of(
    store: &Store,
    (repository, weekly): (&RepositoryName, &[WeeklyFreeze]),
    now: Timestamp,
) -> Result<Option<Freeze>, Error> {
    let decided = decided(store, repository, now)?;
    let at = |time| weekly.iter().filter_map(move |weekly| weekly.in_force(time));
    let Some(mut freeze) = at(now).chain(decided).max_by_key(|freeze| freeze.until) else { return Ok(None) };
    // Where one ends, another may go on.
    for _ in weekly {
        match at(freeze.until).map(|next| next.until).max() {
            Some(until) => freeze.until = until,
            None => break,
        }
    }
    Ok(Some(freeze))
}

/// See [`Store::decided_freeze`].
pub(crate) fn decided(
    store: &Store,
    repository: &RepositoryName,
    now: Timestamp,
) -> Result<Option<Freeze>, Error> {
    let last = Kept::<LastFreeze>::of(store.storage(), repository)?.into_document();
    Ok(last.0.filter(|freeze| freeze.is_in_force(now)))
}

/// See [`Store::pass_freeze`].
pub(crate) fn pass(
    store: &Store,
    (repository, weekly): (&RepositoryName, &[WeeklyFreeze]),
    gate_override: Option<&GateOverride>,
    now: Timestamp,
) -> Result<Option<GateRule>, Error> {
    let Some(freeze) = freeze_of(store, (repository, weekly), now)? else { return Ok(None) };
    if gate_override.is_some_and(|given| given.lifts(GateRule::Freeze)) {
        return Ok(Some(GateRule::Freeze));
    }
    Err(RuleError::Frozen { repository: repository.clone(), freeze: Box::new(freeze) }.into())
}

/// Refuses to change a repository that is frozen at that time, unless somebody decided that this does not count, which the history then says.
pub(super) fn pass_in(
    transaction: &mut Transaction<'_>,
    (store, repository, weekly): (&Store, &RepositoryName, &[WeeklyFreeze]),
    gate_override: Option<&GateOverride>,
    now: Timestamp,
) -> Result<(), Error> {
    let passed = pass(store, (repository, weekly), gate_override, now)?;
    let reason = gate_override.map_or("", |given| &given.reason);
    transaction.note_override(&passed.into_iter().collect(), reason);
    Ok(())
}

/// See [`Store::freeze`].
pub(crate) fn freeze(
    store: &Store,
    repository: &RepositoryName,
    until: Timestamp,
    reason: &str,
    context: &Context,
) -> Result<Freeze, Error> {
    let (actor, reason) = (one_line(&context.actor), one_line(reason));
    // Nobody means a part of a second.
    let until = Timestamp::from_second(until.as_second()).unwrap_or(until);
    let freeze = Freeze { since: context.now, until, actor, reason, is_weekly: false };
    let operation = Operation::Other(format!("freeze until {until}: {}", freeze.reason));
    change(store, repository, &operation, context, |_| Some(LastFreeze(Some(freeze.clone()))))?;
    Ok(freeze)
}

/// See [`Store::thaw`].
pub(crate) fn thaw(
    store: &Store,
    repository: &RepositoryName,
    context: &Context,
) -> Result<Option<Freeze>, Error> {
    let last = change(store, repository, &Operation::Other("thaw".to_owned()), context, |last| {
        let is_frozen = last.0.as_ref().is_some_and(|freeze| freeze.is_in_force(context.now));
        is_frozen.then(LastFreeze::default)
    })?;
    Ok(last.0.filter(|freeze| freeze.is_in_force(context.now)))
}

/// Replaces the last freeze by another, if there is to be another, and returns the last. The log has the operation before it takes effect.
fn change(
    store: &Store,
    repository: &RepositoryName,
    operation: &Operation,
    context: &Context,
    change: impl Fn(&LastFreeze) -> Option<LastFreeze>,
) -> Result<LastFreeze, Error> {
    loop {
        let kept = Kept::<LastFreeze>::of(store.storage(), repository)?;
        let Some(new) = change(&kept) else { return Ok(kept.into_document()) };
        let commit = store.head(repository)?.map(|head| head.id());
        let line = LogEntry::unchanged(repository, commit, operation.clone(), context).to_line();
        if kept.replaced_by(new).save_announced(store.storage(), || store.storage().log().append(&line))? {
            context.progress.logged(&line);
            return Ok(kept.into_document());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::RepositorySettings;
    use crate::storage::Memory;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_freeze_ends_at_its_time_or_by_hand() {
        let store = Store::with_storage("archive".into(), Memory::default());
        let prod = RepositoryName::parse("prod").unwrap();
        let settings = RepositorySettings::new(prod.clone(), Vec::new());
        let context = |second| Context::new("ann", at(second));
        let frozen = store.freeze(&prod, at(100), "end of\nthe year", &context(10)).unwrap();
        assert_eq!(store.freeze_of(&settings, at(99)).unwrap(), Some(frozen.clone()));
        assert_eq!(frozen.to_string(), "frozen until 1970-01-01 00:01 UTC by ann: end of the year");
        assert_eq!(store.freeze_of(&settings, at(100)).unwrap(), None);
        let refused = store.pass_freeze(&settings, None, at(50)).unwrap_err();
        assert_eq!(refused.code(), "E-FROZEN");
        let other = GateOverride::new([GateRule::MinimumAge], "urgent");
        assert!(store.pass_freeze(&settings, Some(&other), at(50)).is_err());
        let given = GateOverride::new([GateRule::Freeze], "urgent");
        assert_eq!(store.pass_freeze(&settings, Some(&given), at(50)).unwrap(), Some(GateRule::Freeze));
        assert_eq!(store.pass_freeze(&settings, Some(&given), at(100)).unwrap(), None);
        // A later decision replaces it.
        let longer = store.freeze(&prod, at(200), "still", &context(20)).unwrap();
        assert_eq!(store.thaw(&prod, &context(30)).unwrap(), Some(longer));
        assert_eq!(
            (store.thaw(&prod, &context(30)).unwrap(), store.freeze_of(&settings, at(50)).unwrap()),
            (None, None)
        );
        let told: Vec<String> =
            store.operations().unwrap().iter().map(|entry| entry.operation.to_string()).collect();
        assert_eq!(
            told,
            [
                "freeze until 1970-01-01T00:01:40Z: end of the year",
                "freeze until 1970-01-01T00:03:20Z: still",
                "thaw"
            ]
        );
    }

    #[test]
    fn where_a_week_goes_on_in_another_window_the_last_end_counts() {
        use jiff::civil::{Weekday, time};

        let store = Store::with_storage("archive".into(), Memory::default());
        let prod = RepositoryName::parse("prod").unwrap();
        let mut settings = RepositorySettings::new(prod, Vec::new());
        let mut add = |begin: (Weekday, i8), end: (Weekday, i8)| {
            let at = |(day, hour): (Weekday, i8)| (day, time(hour, 0, 0, 0));
            settings.freezes.extend(WeeklyFreeze::new(at(begin), at(end), None));
        };
        add((Weekday::Friday, 0), (Weekday::Saturday, 12));
        add((Weekday::Saturday, 11), (Weekday::Monday, 8));
        add((Weekday::Tuesday, 8), (Weekday::Tuesday, 9));
        let until = |now: &str| store.freeze_of(&settings, now.parse().unwrap()).unwrap().map(|it| it.until);
        assert_eq!(until("2026-11-27T05:00:00Z"), Some("2026-11-30T08:00:00Z".parse().unwrap()));
        assert_eq!(until("2026-11-30T08:00:00Z"), None);
        // Where windows cover the whole week, the search for the end stops all the same.
        let mut add = |begin: (Weekday, i8), end: (Weekday, i8)| {
            let at = |(day, hour): (Weekday, i8)| (day, time(hour, 0, 0, 0));
            settings.freezes.extend(WeeklyFreeze::new(at(begin), at(end), None));
        };
        add((Weekday::Monday, 0), (Weekday::Friday, 12));
        let always = store.freeze_of(&settings, "2026-11-27T05:00:00Z".parse().unwrap()).unwrap();
        assert!(always.is_some_and(|freeze| freeze.until > "2026-12-04T00:00:00Z".parse().unwrap()));
    }
}
