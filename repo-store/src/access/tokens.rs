//! The tokens of a repository.
//!
//! Their document has a line for each:
//!
//! ```text
//! <id> <SHA-256> <made> <expires, or -> TAB <name> TAB <who made it> TAB <group> … TAB <hash for another server> …
//! ```
//!
//! The line of a token with scopes goes on with `TAB <SHA-256> <scope> …`. If the token does not read by apt, the first SHA-256 is that of
//! no token (zeros): versions before scopes read such a line, keep it as it is, and let nobody in by it.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use deb_parse::checksum::Sha256;
use jiff::Timestamp;

use crate::access::scope::{ScopeKind, TokenScope};
use crate::access::token::{Token, is_id};
use crate::context::Context;
use crate::document::{self, Area, Document, Kept};
use crate::error::{AccessError, Error};
use crate::model::commit::one_line;
use crate::model::log_entry::LogEntry;
use crate::model::name::{HolderName, RepositoryName};
use crate::model::operation::Operation;
use crate::store::Store;

/// Stands for the digest of a token where an older version would let it in. No token has this digest.
const OF_NO_TOKEN: Sha256 = Sha256::from_bytes([0; 32]);

/// The tokens that may read a repository.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tokens {
    by_id: BTreeMap<String, TokenEntry>,
}

/// What is known of one token. Written by serde, it has nothing that a token could be guessed from.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct TokenEntry {
    /// Its id, the part of it that is no secret.
    pub id: String,
    /// The machine or job that it was made for. Each has one token at a time.
    pub holder: HolderName,
    /// When it was made.
    pub made: Timestamp,
    /// Who made it.
    pub made_by: String,
    /// From when on it counts no more; `None`: it counts until it is revoked.
    pub expires: Option<Timestamp>,
    /// The groups that its holder is in.
    pub groups: Vec<HolderName>,
    /// Its hashes in the forms that other servers read; none for a token that does not read by apt.
    #[serde(skip)]
    pub hashes: Vec<String>,
    /// What it may do through the interface for programs. A token without scopes reads by apt and does nothing else.
    pub scopes: Vec<TokenScope>,
    #[serde(skip)]
    digest: Sha256,
}

/// A token that is to be made.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NewToken {
    /// The machine or job that it is for.
    pub holder: HolderName,
    /// From when on it counts no more.
    pub expires: Option<Timestamp>,
    /// The groups that its holder is in.
    pub groups: Vec<HolderName>,
    /// What the token may do through the interface for programs; without any it reads by apt and does nothing else.
    pub scopes: Vec<TokenScope>,
    /// Makes the hashes that servers other than `repo-serve` need, while the token is known. None of them may hold a control character.
    pub hashes: fn(&str) -> std::io::Result<Vec<String>>,
}

impl NewToken {
    /// A token for a machine or job, which does not expire.
    #[must_use]
    pub fn new(holder: HolderName) -> Self {
        let (groups, scopes) = (Vec::new(), Vec::new());
        Self { holder, expires: None, groups, scopes, hashes: |_| Ok(Vec::new()) }
    }

    /// Returns whether the token will read by apt.
    #[must_use]
    pub fn reads(&self) -> bool {
        reads(&self.scopes)
    }
}

impl Tokens {
    /// Returns the file of the tokens of a repository, from the root of a store in a directory.
    #[must_use]
    pub fn path(repository: &RepositoryName) -> Utf8PathBuf {
        Utf8Path::new("store").join(Area::Tokens.key(repository.as_str()).as_str())
    }

    /// Reads the text of such a file; `None` when it is not what was written. A text of no lines has no tokens.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        document::parse(text.as_bytes())
    }

    /// Returns whose token this is, if it counts at that time and [reads by apt](TokenEntry::reads). Costs one SHA-256.
    #[must_use]
    pub fn holder_of(&self, token: &str, now: Timestamp) -> Option<&TokenEntry> {
        self.caller_of(token, now).filter(|entry| entry.reads())
    }

    /// Returns whose token this is, if it counts at that time, whatever its [scopes](TokenEntry::scopes) are.
    #[must_use]
    pub fn caller_of(&self, token: &str, now: Timestamp) -> Option<&TokenEntry> {
        let token = Token::parse(token)?;
        let entry = self.by_id.get(token.id())?;
        (is_same(&entry.digest, &token.digest()) && entry.counts_at(now)).then_some(entry)
    }

    /// Returns all of them, by the names of their holders.
    #[must_use]
    pub fn entries(&self) -> Vec<&TokenEntry> {
        let mut entries: Vec<&TokenEntry> = self.by_id.values().collect();
        entries.sort_by(|a, b| a.holder.cmp(&b.holder));
        entries
    }

    /// Returns what is known of the token of a holder; `repository` is what an error names.
    ///
    /// # Errors
    /// [`AccessError::UnknownHolder`] when there is none.
    pub fn of(&self, repository: &RepositoryName, holder: &HolderName) -> Result<&TokenEntry, AccessError> {
        self.of_holder(holder).ok_or_else(|| {
            let known = self.entries().into_iter().map(|entry| entry.holder.clone()).collect();
            AccessError::UnknownHolder { repository: repository.clone(), holder: holder.clone(), known }
        })
    }

    /// Applies what the operation log tells of since each token was made: a list from a backup has those that were revoked meanwhile.
    pub(crate) fn brought_up_to(&self, log: &[LogEntry], repository: &RepositoryName) -> Self {
        let mut tokens = Self::default();
        'tokens: for entry in self.by_id.values() {
            let mut entry = entry.clone();
            let later = log.iter().filter(|told| told.repository == *repository && told.date >= entry.made);
            for told in later {
                match &told.operation {
                    Operation::RevokeToken(holder) if *holder == entry.holder => continue 'tokens,
                    // It had expired, and another took its place.
                    Operation::GiveToken(holder) if *holder == entry.holder && told.date > entry.made => {
                        continue 'tokens;
                    }
                    Operation::RenameToken { from, to } if *from == entry.holder => entry.holder = to.clone(),
                    _ => {}
                }
            }
            tokens.by_id.insert(entry.id.clone(), entry);
        }
        tokens
    }

    fn of_holder(&self, holder: &HolderName) -> Option<&TokenEntry> {
        self.by_id.values().find(|entry| entry.holder == *holder)
    }
}

/// A token without scopes is one for a machine, which reads.
fn reads(scopes: &[TokenScope]) -> bool {
    scopes.is_empty() || scopes.iter().any(|scope| scope.kind() == ScopeKind::Read)
}

/// Compares digests in a time that does not tell where they differ.
fn is_same(one: &Sha256, other: &Sha256) -> bool {
    one.as_bytes().iter().zip(other.as_bytes()).fold(0, |differ, (one, other)| differ | (one ^ other)) == 0
}

impl TokenEntry {
    /// Returns whether the token counts at that time.
    #[must_use]
    pub fn counts_at(&self, now: Timestamp) -> bool {
        self.expires.is_none_or(|end| now < end)
    }

    /// Returns whether the token reads by apt.
    #[must_use]
    pub fn reads(&self) -> bool {
        reads(&self.scopes)
    }

    fn to_line(&self) -> String {
        let Self { id, holder, made, made_by, expires, groups, hashes, scopes, digest } = self;
        let expires = expires.map_or_else(|| "-".to_owned(), |end| end.to_string());
        let groups: Vec<&str> = groups.iter().map(HolderName::as_str).collect();
        let (made_by, groups, hashes) = (one_line(made_by), groups.join(" "), hashes.join(" "));
        let shown = if self.reads() { *digest } else { OF_NO_TOKEN };
        let line = format!("{id} {shown} {made} {expires}\t{holder}\t{made_by}\t{groups}\t{hashes}");
        if scopes.is_empty() {
            return line;
        }
        let scopes: Vec<String> = scopes.iter().map(ToString::to_string).collect();
        format!("{line}\t{digest} {}", scopes.join(" "))
    }

    fn parse(line: &str) -> Option<Self> {
        let mut parts = line.splitn(6, '\t');
        let mut words = parts.next()?.split(' ');
        let id = words.next().filter(|id| is_id(id))?.to_owned();
        let shown: Sha256 = words.next()?.parse().ok()?;
        let made = words.next()?.parse().ok()?;
        let expires = match words.next()? {
            "-" => None,
            end => Some(end.parse().ok()?),
        };
        let holder = HolderName::parse(parts.next()?).ok()?;
        let made_by = parts.next()?.to_owned();
        let words = |text: &str| text.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect();
        let groups: Vec<String> = words(parts.next()?);
        let groups = groups.iter().map(|name| HolderName::parse(name)).collect::<Result<_, _>>().ok()?;
        let hashes = words(parts.next()?);
        let mut own = parts.next().map(|own| own.split(' '));
        let digest = own.as_mut().map_or(Some(shown), |own| own.next()?.parse().ok())?;
        let scopes = own.into_iter().flatten().map(TokenScope::parse).collect::<Result<Vec<_>, _>>().ok()?;
        let entry = Self { id, holder, made, made_by, expires, groups, hashes, scopes, digest };
        (shown == if entry.reads() { digest } else { OF_NO_TOKEN }).then_some(entry)
    }
}

impl Document for Tokens {
    const AREA: Area = Area::Tokens;
    const KIND: &'static str = "list of tokens of";

    fn from_lines(lines: &[&str]) -> Option<Self> {
        let mut tokens = Self::default();
        for line in lines {
            let entry = TokenEntry::parse(line)?;
            if tokens.by_id.insert(entry.id.clone(), entry).is_some() {
                return None;
            }
        }
        Some(tokens)
    }

    fn to_lines(&self) -> Vec<String> {
        self.by_id.values().map(TokenEntry::to_line).collect()
    }
}

/// See [`Store::tokens`].
pub(crate) fn tokens(store: &Store, repository: &RepositoryName) -> Result<Tokens, Error> {
    Ok(Kept::<Tokens>::of(store.storage(), repository)?.into_document())
}

/// See [`Store::add_token`].
pub(crate) fn add(
    store: &Store,
    repository: &RepositoryName,
    new: &NewToken,
    context: &Context,
) -> Result<Token, Error> {
    let token = Token::generate()?;
    let mut entry = TokenEntry {
        id: token.id().to_owned(),
        holder: new.holder.clone(),
        made: context.now,
        made_by: context.actor.clone(),
        expires: new.expires,
        groups: new.groups.clone(),
        hashes: Vec::new(),
        scopes: new.scopes.clone(),
        digest: token.digest(),
    };
    if entry.reads() {
        entry.hashes = (new.hashes)(token.expose()).map_err(|source| AccessError::Random { source })?;
    }
    change(store, repository, &Operation::GiveToken(new.holder.clone()), context, |tokens| {
        if let Some(other) = tokens.of_holder(&new.holder) {
            if other.counts_at(context.now) {
                let (repository, holder) = (repository.clone(), other.holder.clone());
                return Err(AccessError::HolderTaken { repository, holder });
            }
            let expired = other.id.clone();
            tokens.by_id.remove(&expired);
        }
        tokens.by_id.insert(entry.id.clone(), entry.clone());
        Ok(())
    })?;
    Ok(token)
}

/// See [`Store::revoke_token`].
pub(crate) fn revoke(
    store: &Store,
    repository: &RepositoryName,
    holder: &HolderName,
    context: &Context,
) -> Result<TokenEntry, Error> {
    change(store, repository, &Operation::RevokeToken(holder.clone()), context, |tokens| {
        let entry = tokens.of(repository, holder)?.clone();
        tokens.by_id.remove(&entry.id);
        Ok(entry)
    })
}

/// See [`Store::rename_token`].
pub(crate) fn rename(
    store: &Store,
    repository: &RepositoryName,
    (holder, to): (&HolderName, &HolderName),
    context: &Context,
) -> Result<(), Error> {
    let operation = Operation::RenameToken { from: holder.clone(), to: to.clone() };
    change(store, repository, &operation, context, |tokens| {
        let entry = tokens.of(repository, holder)?;
        let id = entry.id.clone();
        if let Some(other) = tokens.of_holder(to).filter(|other| other.id != id) {
            let (repository, holder) = (repository.clone(), other.holder.clone());
            return Err(AccessError::HolderTaken { repository, holder });
        }
        if let Some(entry) = tokens.by_id.get_mut(&id) {
            entry.holder = to.clone();
        }
        Ok(())
    })
}

/// Changes the tokens of a repository, and logs that before it counts: who looks for who made a token finds it.
fn change<T>(
    store: &Store,
    repository: &RepositoryName,
    operation: &Operation,
    context: &Context,
    change: impl Fn(&mut Tokens) -> Result<T, AccessError>,
) -> Result<T, Error> {
    loop {
        let kept = Kept::<Tokens>::of(store.storage(), repository)?;
        let mut tokens = kept.clone();
        let result = change(&mut tokens)?;
        let commit = store.head(repository)?.map(|head| head.id());
        let line = LogEntry::unchanged(repository, commit, operation.clone(), context).to_line();
        if kept.replaced_by(tokens).save_announced(store.storage(), || store.storage().log().append(&line))? {
            context.progress.logged(&line);
            return Ok(result);
        }
    }
}

/// Written as a list.
impl serde::Serialize for Tokens {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.entries())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::Memory;

    fn holder(name: &str) -> HolderName {
        HolderName::parse(name).unwrap()
    }

    fn context(second: i64) -> Context {
        Context::new("alice b", Timestamp::from_second(second).unwrap())
    }

    fn store() -> (Store, RepositoryName) {
        (Store::with_storage("archive".into(), Memory::default()), RepositoryName::parse("prod").unwrap())
    }

    #[test]
    fn a_list_from_a_backup_has_nothing_of_what_was_revoked_since() {
        let (store, prod) = store();
        for (second, name) in [(1, "web1"), (2, "db1"), (3, "ci")] {
            store.add_token(&prod, &NewToken::new(holder(name)), &context(second)).unwrap();
        }
        let saved = store.tokens(&prod).unwrap();
        store.rename_token(&prod, (&holder("db1"), &holder("db2")), &context(4)).unwrap();
        store.revoke_token(&prod, &holder("db2"), &context(5)).unwrap();
        store.rename_token(&prod, (&holder("ci"), &holder("build")), &context(6)).unwrap();
        store.revoke_token(&prod, &holder("web1"), &context(7)).unwrap();
        store.add_token(&prod, &NewToken::new(holder("web1")), &context(8)).unwrap();
        let now = saved.brought_up_to(&store.operations().unwrap(), &prod);
        assert_eq!(now.entries().iter().map(|entry| entry.holder.as_str()).collect::<Vec<_>>(), ["build"]);
    }

    /// The line of a token as versions before scopes read and write it: the digest by which they let the token in, and the line again.
    fn read_before_scopes(line: &str) -> (Sha256, String) {
        let parts: Vec<&str> = line.splitn(5, '\t').collect();
        let words = |text: &str| -> Vec<String> {
            text.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect()
        };
        let head: Vec<&str> = parts[0].split(' ').collect();
        let (groups, hashes) = (words(parts[3]).join(" "), words(parts[4]).join(" "));
        assert!(words(parts[3]).iter().all(|group| HolderName::parse(group).is_ok()));
        let again = format!("{}\t{}\t{}\t{groups}\t{hashes}", head.join(" "), parts[1], parts[2]);
        (head[1].parse().unwrap(), again)
    }

    #[test]
    fn a_version_before_scopes_keeps_them_and_lets_nobody_in_by_them_who_does_not_read() {
        let (store, prod) = store();
        let mut tokens = Vec::new();
        for (second, (name, scopes, hashes)) in (1..).zip([
            ("ci", &["add", "promote:hello*"][..], true),
            ("reader", &["read", "add"], true),
            ("plain", &["read"], false),
            ("web1", &[], true),
        ]) {
            let mut new = NewToken::new(holder(name));
            new.scopes = scopes.iter().map(|scope| TokenScope::parse(scope).unwrap()).collect();
            if hashes {
                new.hashes = |_| Ok(vec!["{SHA}x".to_owned(), "$5$y".to_owned()]);
            }
            tokens.push((store.add_token(&prod, &new, &context(second)).unwrap(), new));
        }
        let kept = store.tokens(&prod).unwrap();
        let now = Timestamp::from_second(9).unwrap();
        for (token, new) in tokens {
            let reads = new.holder.as_str() != "ci";
            let entry = kept.caller_of(token.expose(), now).unwrap();
            assert_eq!((entry.scopes.clone(), entry.reads()), (new.scopes.clone(), reads));
            assert_eq!(kept.holder_of(token.expose(), now).is_some(), reads);
            let line = entry.to_line();
            assert_eq!(TokenEntry::parse(&line).as_ref(), Some(entry));
            let (digest, again) = read_before_scopes(&line);
            assert_eq!((digest == token.digest(), again), (reads, line.clone()));
            if !reads {
                assert!(entry.hashes.is_empty(), "another server would let it in");
                let damaged = line.replacen(&OF_NO_TOKEN.to_string(), &token.digest().to_string(), 1);
                assert_eq!(TokenEntry::parse(&damaged), None);
            }
        }
    }

    #[test]
    fn a_token_counts_from_when_it_is_made_until_it_expires_or_is_revoked() {
        let (store, prod) = store();
        let mut new = NewToken::new(holder("web1"));
        new.expires = Some(Timestamp::from_second(50).unwrap());
        new.groups = vec![holder("web"), holder("canary")];
        new.hashes = |token| Ok(vec![format!("{{LENGTH}}{}", token.len())]);
        let web = store.add_token(&prod, &new, &context(1)).unwrap();
        let db = store.add_token(&prod, &NewToken::new(holder("db1")), &context(2)).unwrap();
        let tokens = store.tokens(&prod).unwrap();
        let at = |second| Timestamp::from_second(second).unwrap();
        let of = |tokens: &Tokens, token: &Token, second| {
            tokens.holder_of(token.expose(), at(second)).map(|entry| entry.holder.to_string())
        };
        assert_eq!(of(&tokens, &web, 49).as_deref(), Some("web1"));
        assert_eq!(of(&tokens, &web, 50), None);
        assert_eq!(of(&tokens, &db, 5_000_000).as_deref(), Some("db1"));
        // The id of one with the secret of another.
        let mixed = db.expose().replacen(db.id(), web.id(), 1);
        assert!(Token::parse(&mixed).is_some() && tokens.holder_of(&mixed, at(3)).is_none());
        let entries = tokens.entries();
        assert_eq!(entries.iter().map(|entry| entry.holder.as_str()).collect::<Vec<_>>(), ["db1", "web1"]);
        assert_eq!((entries[1].made_by.as_str(), entries[1].groups.len()), ("alice b", 2));
        assert_eq!(entries[1].hashes, ["{LENGTH}65"]);
        assert_eq!(document::parse::<Tokens>(document::to_text(&tokens).as_bytes()), Some(tokens.clone()));
        assert!(!document::to_text(&tokens).contains(&db.expose()[22..]), "a secret is kept");

        let taken = store.add_token(&prod, &NewToken::new(holder("web1")), &context(3)).unwrap_err();
        assert_eq!(taken.code(), "E-HOLDER-TAKEN");
        let again = store.add_token(&prod, &new, &context(51)).unwrap();
        let tokens = store.tokens(&prod).unwrap();
        assert_eq!(
            (tokens.entries().len(), tokens.entries()[1].id.as_str()),
            (2, again.id()),
            "an expired one goes"
        );
        store.rename_token(&prod, (&holder("db1"), &holder("db2")), &context(4)).unwrap();
        let taken = store.rename_token(&prod, (&holder("db2"), &holder("web1")), &context(4)).unwrap_err();
        assert_eq!(taken.code(), "E-HOLDER-TAKEN");
        let revoked = store.revoke_token(&prod, &holder("db2"), &context(5)).unwrap();
        assert_eq!(revoked.id, db.id());
        assert_eq!(of(&store.tokens(&prod).unwrap(), &db, 6), None);
        let unknown = store.revoke_token(&prod, &holder("db2"), &context(6)).unwrap_err();
        assert_eq!(unknown.code(), "E-UNKNOWN-HOLDER");
        let log: Vec<String> =
            store.operations().unwrap().iter().map(|entry| entry.operation.to_string()).collect();
        let expected = [
            "give web1 a token",
            "give db1 a token",
            "give web1 a token",
            "rename the token of db1 to db2",
            "revoke the token of db2",
        ];
        assert_eq!(log, expected);
    }
}
