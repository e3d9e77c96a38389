//! Taking settings out of the configuration.

use toml::de::DeTable;
use toml_edit::{Item, Key, TableLike};

use super::{Edit, find, known_settings, rule_in, table_kind};
use crate::description::{self, Kind};
use crate::edit_error::EditError;

impl Edit {
    /// Takes a setting out of every file that has it, so that its default counts, or that of what it is narrower than. What is written above
    /// it stays. A table within a table is taken out as a whole.
    ///
    /// # Errors
    /// [`EditError::UnknownSetting`], [`EditError::Table`], [`EditError::NoSuch`].
    pub fn unset(&mut self, key: &str) -> Result<(), EditError> {
        let unknown = |known| EditError::UnknownSetting { key: key.to_owned(), known };
        let keys = Key::parse(key).map_err(|_| unknown(Vec::new()))?;
        let keys: Vec<String> = keys.iter().map(|key| key.get().to_owned()).collect();
        let Some(found) = description::find(&keys) else { return Err(unknown(known_settings(&keys))) };
        if is_table_of_values(&keys, &found.kind) {
            return self.files_with(&keys).into_iter().try_for_each(|place| self.remove_table(place, &keys));
        }
        if let Some(whole) = table_kind(&found.kind) {
            return Err(EditError::Table { key: key.to_owned(), whole });
        }
        if let Some((rule, number, inner)) = rule_in(&keys) {
            return self.change_rule(&rule, number, |table| take_out(table, &inner));
        }
        for place in self.files_with(&keys) {
            if !self.take_line_out(place, &keys) {
                self.change(place, |document| take_out(document.as_table_mut(), &keys))?;
            }
        }
        Ok(())
    }

    /// Takes out the lines of a setting that has lines of its own. Returns whether it has.
    fn take_line_out(&mut self, place: usize, keys: &[String]) -> bool {
        let Some((path, text)) = self.sources.get_mut(place) else { return true };
        let Some(after) = without_lines(text, keys) else { return false };
        let before = std::mem::replace(text, after);
        self.before.entry(path.clone()).or_insert(before);
        true
    }
}

/// Whether keys lead to a table in a table that there is once, such as `schedule.backup`, and that has no tables itself.
fn is_table_of_values(keys: &[String], kind: &Kind) -> bool {
    let above = keys.split_last().and_then(|(_, above)| description::find(above));
    let is_within = above.is_some_and(|above| matches!(above.kind, Kind::Table(_)));
    let Kind::Table(settings) = kind else { return false };
    is_within && settings.iter().all(|setting| table_kind(&setting.kind).is_none())
}

/// The text without the lines of a setting; `None` when it shares a line with another.
fn without_lines(text: &str, keys: &[String]) -> Option<String> {
    let (document, _) = DeTable::parse_recoverable(text);
    let (key, value) = find(document.get_ref(), keys)?;
    let begin = text.get(..key.span().start)?.rfind('\n').map_or(0, |at| at + 1);
    let end = text.get(value.span().end..)?.find('\n').map_or(text.len(), |at| value.span().end + at + 1);
    // Dotted keys and inline tables have more on that line.
    let before = text.get(begin..key.span().start)?;
    let behind = text.get(value.span().end..end)?.trim();
    let is_alone = before.trim().is_empty() && (behind.is_empty() || behind.starts_with('#'));
    is_alone.then(|| [text.get(..begin), text.get(end..)].into_iter().flatten().collect())
}

/// Takes a setting out of a table that may have it.
pub(super) fn take_out(table: &mut dyn TableLike, keys: &[String]) -> Option<()> {
    let (first, rest) = keys.split_first()?;
    if rest.is_empty() {
        drop(table.remove(first));
        return Some(());
    }
    match table.get_mut(first).and_then(Item::as_table_like_mut) {
        Some(inner) => take_out(inner, rest),
        None => Some(()),
    }
}
