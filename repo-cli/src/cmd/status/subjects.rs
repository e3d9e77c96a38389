//! What is looked at. What cannot be found out about one thing is said of that thing and hides no other.

use std::os::unix::fs::MetadataExt as _;

use camino::Utf8Path;
use jiff::{SignedDuration, Timestamp};
use repo_config::schedule::{BackupTime, Recurrence};
use repo_serve::tls::Certificate;
use repo_store::history::{LogEntry, Operation};
use repo_store::maintenance::gc::GcOptions;
use repo_store::maintenance::hook_spool::{DeliveryState, HookDelivery};
use repo_store::maintenance::upkeep::UpkeepRun;
use repo_store::operations::promotion::PromoteOptions;
use repo_store::publish::CurrentPublication;
use repo_store::{RepositoryName, RepositorySettings, Revision};

use super::{Kind, Subject, machines};
use crate::access;
use crate::clock;
use crate::cmd::freeze;
use crate::cmd::key::check;
use crate::error::{Failure, chain};
use crate::output::{bytes, count};
use crate::package_count::{PackageCount, PackageCounter};
use crate::package_readers::Lack;
use crate::session::Session;

const DAY: SignedDuration = SignedDuration::from_hours(24);

/// After so long without a backup of what has changed since, somebody should make one.
const BACKUP_DUE: SignedDuration = SignedDuration::from_hours(7 * 24);

/// After so long a change should be in a backup that is made after each change.
const UNSAVED_FOR: SignedDuration = SignedDuration::from_hours(1);

/// After so long without a check, somebody should run one.
const CHECK_DUE: SignedDuration = SignedDuration::from_hours(35 * 24);

/// Below so many bytes a file system is nearly full, and below ten times as many if these are so many percent of it.
const LITTLE_SPACE: (u64, u64) = (1 << 30, 5);

/// What waits in a drop folder for so long is taken by nobody.
const TAKEN_WITHIN: SignedDuration = SignedDuration::from_mins(30);

/// What was not delivered to a hook within that time is a person's business.
const DELIVERED_WITHIN: SignedDuration = SignedDuration::from_mins(10);

fn look(kind: Kind, name: &str, look: &dyn Fn(&mut Subject) -> Result<(), Failure>) -> Subject {
    let mut subject = Subject::new(kind, name);
    if let Err(error) = look(&mut subject) {
        subject.attention(chain(&error), Some("repo-cli fsck".to_owned()));
    }
    subject
}

/// Looks at some repositories, and at nothing else.
pub(super) fn of_repositories(chosen: &[&RepositorySettings], session: &Session) -> Vec<Subject> {
    let look_at = |settings: &&RepositorySettings| {
        look(Kind::Repository, settings.name.as_str(), &|subject| repository(settings, session, subject))
    };
    chosen.iter().map(look_at).collect()
}

/// Looks at everything.
pub(super) fn all(session: &Session) -> Vec<Subject> {
    let every: Vec<&RepositorySettings> = session.config.repositories().collect();
    let mut subjects = of_repositories(&every, session);
    let channels = session.config.channels();
    for (from, to) in channels.iter().zip(channels.iter().skip(1)) {
        let name = format!("{from} -> {to}");
        subjects.push(look(Kind::Channel, &name, &|subject| waiting(from, to, session, subject)));
    }
    for folder in session.config.drop_folders() {
        subjects.push(look(Kind::Incoming, folder.path.as_str(), &|subject| {
            drop_folder(&folder.path, session, subject)?;
            // What is taken stays in the folder then, and a service said so once, perhaps long ago.
            if let Some(archive) = folder.archive.as_ref().filter(|archive| !archive.is_dir()) {
                subject.attention(format!("its archive {archive} is not a directory that is there"), None);
            }
            Ok(())
        }));
    }
    subjects.push(look(Kind::Keys, "keys", &|subject| keys(session, subject)));
    if let Some((certificate, _)) = session.config.tls() {
        let path = session.config.root().join(certificate);
        subjects.push(look(Kind::Certificate, "certificate", &|subject| {
            certificate_of_server(&path, session, subject);
            Ok(())
        }));
    }
    subjects.push(look(Kind::Backup, "backup", &|subject| backup(session, subject)));
    subjects.push(look(Kind::Check, "check", &|subject| last_check(session, subject)));
    if !session.config.hooks().is_empty() {
        subjects.push(look(Kind::Hooks, "hooks", &|subject| hooks(session, subject)));
    }
    subjects.push(look(Kind::Store, "store", &|subject| store(session, subject)));
    let machines = look(Kind::Machines, "machines", &|subject| machines::look(session, subject));
    // Nothing is told where none was seen.
    subjects.extend(Some(machines).filter(|machines| !machines.messages.is_empty()));
    subjects.push(look(Kind::Clock, "clock", &|subject| the_clock(session, subject)));
    subjects
}

/// How long ago something was.
fn ago(time: Timestamp, now: Timestamp) -> String {
    let since = now.duration_since(time);
    if since < SignedDuration::from_secs(1) {
        "just now".to_owned()
    } else {
        format!("{} ago", clock::length(since))
    }
}

fn repository(
    settings: &RepositorySettings,
    session: &Session,
    subject: &mut Subject,
) -> Result<(), Failure> {
    let (name, now) = (&settings.name, session.context().now);
    let publish = || Some(format!("repo-cli publish {name}"));
    let head = session.store.head(name)?;
    let current = session.store.current_publication(name)?;
    match &current {
        None if was_published(name, session)? => {
            subject.attention("what was published is gone: clients find nothing", publish());
        }
        None if head.is_none() => subject.say("empty, never published"),
        None => subject.attention("never published", publish()),
        Some(current) => published(name, (current, head.as_ref()), session, subject),
    }
    let changes = head.as_ref().map_or(0, |head| head.commit().sequence);
    let shown = current.as_ref().and_then(|current| current.commit);
    let unpublished = match (&head, shown) {
        (Some(head), Some(shown)) if head.id() != shown => {
            let shown = session.store.resolve(name, &shown.to_string())?;
            // A hold changes nothing that clients see.
            let is_seen = shown.commit().suites != head.commit().suites;
            if is_seen { changes.saturating_sub(shown.commit().sequence) } else { 0 }
        }
        (Some(_), None) => changes,
        _ => 0,
    };
    subject.figure("unpublished_changes", unpublished);
    if unpublished > 0 && current.is_some() {
        let changes = usize::try_from(unpublished).unwrap_or(usize::MAX);
        let are = if unpublished == 1 { "is" } else { "are" };
        let message = format!("{} {are} not published", count(changes, "change"));
        if session.config.publishes_at_once() {
            subject.attention(message, publish());
        } else {
            subject.say(message);
        }
    }
    if let Some(head) = &head {
        let mut counter = PackageCounter::default();
        for key in head.keys(head.commit().suites.keys())? {
            counter.push(&key?.0);
        }
        let packages = counter.count();
        subject.figure("package_files", packages.files());
        let suites = count(settings.suites.len(), "suite");
        subject.say(format!("{packages} in {suites}"));
        subject.figure("changed_seconds", head.commit().date.as_second());
        subject.say(format!("changed {} by {}", ago(head.commit().date, now), head.commit().actor));
    }
    if let Some(frozen) = freeze::of(settings, session)? {
        subject.say(freeze::words(&frozen));
    }
    if let Some(problem) = access::unusable_tokens(&session.config, name) {
        subject.attention(problem, Some("repo-cli fsck --repair --from BACKUP".to_owned()));
    }
    for (path, problem) in access::unusable_users(&session.config, name) {
        subject.attention(format!("{path}: {problem}"), None);
    }
    Ok(())
}

/// Whether a publication of the repository was ever announced.
fn was_published(name: &RepositoryName, session: &Session) -> Result<bool, Failure> {
    let is_publication = |entry: &LogEntry| {
        entry.repository == *name && matches!(entry.operation, Operation::Publish(_)) && entry.is_unchanged()
    };
    Ok(session.store.operations()?.iter().any(is_publication))
}

/// What clients make of what they see.
fn published(
    name: &RepositoryName,
    (current, head): (&CurrentPublication, Option<&Revision<'_>>),
    session: &Session,
    subject: &mut Subject,
) {
    let now = session.context().now;
    let (publish, sign) = (format!("repo-cli publish {name}"), format!("repo-cli sign again {name}"));
    let Some(date) = current.date else { return subject.say("published without a suite") };
    subject.figure("published_seconds", date.as_second());
    let public = session.store.public(name);
    let has_content = head.is_some_and(|head| !head.commit().suites.is_empty());
    let mut signed =
        current.directories.iter().map(|suite| public.join("dists").join(suite).join("InRelease"));
    let pool = has_content.then(|| public.join("pool"));
    if let Some(path) = signed.by_ref().chain(pool).find(|path| !path.exists()) {
        let fsck = Some("repo-cli fsck --repair".to_owned());
        subject.attention(format!("{path} is gone: clients miss it"), fsck);
    }
    // Otherwise one wrong clock would be told for every repository.
    let is_clock = clock::doubt(session.store.last_entry().ok().flatten(), now).is_some();
    if let Some(refused) = clock::refused_until(Some(date), now).filter(|_| !is_clock) {
        subject.attention(refused, Some(sign));
    } else {
        subject.say(format!("published {}", ago(date, now)));
    }
    let Some(until) = current.valid_until else { return };
    subject.figure("valid_until_seconds", until.as_second());
    let left = until.duration_since(now);
    // A quarter of the time should be enough for a daily job, and a day for a person.
    let enough = (until.duration_since(date) / 4).max(DAY.min(until.duration_since(date) / 2));
    if left.is_negative() {
        subject.attention(format!("clients have refused it since {}", clock::seconds(until)), Some(publish));
    } else if left < enough {
        subject.attention(format!("clients will refuse it in {}", clock::length(left)), Some(publish));
    }
}

/// What one repository has and the next lacks.
fn waiting(
    from: &RepositoryName,
    to: &RepositoryName,
    session: &Session,
    subject: &mut Subject,
) -> Result<(), Failure> {
    let (source, target) = (session.repository(from.as_str())?, session.repository(to.as_str())?);
    let now = Some(session.context().now);
    let options = PromoteOptions { everything: true, now, ..PromoteOptions::default() };
    let plan = session.store.plan_promotion(source, target, &options)?;
    let waiting = PackageCount::of(plan.changes().iter().map(|(_, record)| record.key()));
    subject.figure("waiting_package_files", waiting.files());
    subject.say(match waiting.packages() {
        0 if !plan.gated().is_empty() => format!("nothing that gates let in waits for {to}"),
        0 => format!("{to} has all of {from}"),
        1 => format!("{waiting} waits for {to}"),
        _ => format!("{waiting} wait for {to}"),
    });
    if !plan.held().is_empty() {
        let held = PackageCount::of(plan.held().iter().map(|(record, _)| record.key()));
        subject.say(format!("{held} held"));
    }
    if !plan.gated().is_empty() {
        subject.say(format!("{} stopped by gates", count(plan.gated().len(), "package file")));
    }
    Ok(())
}

/// What waits in a drop folder for a person, or for somebody who takes it.
fn drop_folder(folder: &Utf8Path, session: &Session, subject: &mut Subject) -> Result<(), Failure> {
    let (mut waiting, mut oldest) = (0_usize, None);
    let mut look = || {
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            if entry.file_name() == "rejected" {
                continue;
            }
            waiting += 1;
            let name = entry.file_name();
            let is_meant = [".deb", ".udeb", ".ddeb", ".changes"]
                .iter()
                .any(|ending| name.to_string_lossy().ends_with(ending));
            if is_meant {
                let changed = Timestamp::from_second(entry.metadata()?.mtime()).unwrap_or_default();
                oldest = oldest.or(Some(changed)).map(|oldest: Timestamp| oldest.min(changed));
            }
        }
        Ok::<(), std::io::Error>(())
    };
    if let Err(error) = look() {
        subject.attention(format!("cannot be read: {error}"), None);
        return Ok(());
    }
    subject.figure("waiting_files", waiting);
    let age = oldest.map(|oldest| session.context().now.duration_since(oldest));
    if let Some(age) = age.filter(|age| *age > TAKEN_WITHIN) {
        let message = format!("{} there for {}: nobody takes it", count(waiting, "file"), clock::length(age));
        subject.attention(message, Some("repo-cli incoming --once".to_owned()));
    }
    let aside = folder.join("rejected");
    let rejected = match std::fs::read_dir(&aside) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => 0,
        found => {
            let found = found.map_err(Failure::io("list", &aside))?.flatten();
            found.filter(|entry| entry.file_name().to_string_lossy().ends_with(".reason")).count()
        }
    };
    subject.figure("rejected_files", rejected);
    if rejected > 0 {
        let action = format!("see {aside}/*.reason, then remove or move back what is there");
        subject.attention(format!("{} rejected", count(rejected, "file")), Some(action));
    }
    subject.say(if waiting == 0 {
        "nothing waits".to_owned()
    } else {
        format!("{} in it", count(waiting, "file"))
    });
    Ok(())
}

fn keys(session: &Session, subject: &mut Subject) -> Result<(), Failure> {
    if !session.is_owner() {
        subject.say("only the owner of the store can see them");
        return Ok(());
    }
    let now = std::time::SystemTime::from(session.context().now);
    let mut notes = 0_usize;
    for finding in check::findings(session)? {
        if finding.needs_a_person() {
            let about =
                if finding.subject == "keys" { String::new() } else { format!("{}: ", finding.subject) };
            subject.attention(format!("{about}{}", finding.message), finding.action);
        } else {
            notes += 1;
        }
    }
    // What keeps them from being read is among the findings.
    let Ok((certificates, _)) = session.keys().certificates() else { return Ok(()) };
    let first = certificates.iter().filter_map(apt_sign::Certificate::signing_ends).min();
    let number = count(certificates.len(), "key");
    match first.and_then(|first| Timestamp::try_from(first).ok()) {
        Some(first) => {
            subject.figure("first_end_seconds", first.as_second());
            let left = first.duration_since(Timestamp::try_from(now).unwrap_or(first));
            let when = if left.is_negative() {
                "has ended".to_owned()
            } else {
                format!("ends in {}", clock::length(left))
            };
            subject.say(format!("{number}, the first {when}"));
        }
        None if certificates.is_empty() => {}
        None => subject.say(format!("{number}, no expiry")),
    }
    if notes > 0 {
        subject.say(format!("{} by `repo-cli key check`", count(notes, "note")));
    }
    Ok(())
}

/// Whether clients take the certificate of the server, and for how long.
fn certificate_of_server(path: &Utf8Path, session: &Session, subject: &mut Subject) {
    let validity = match Certificate::validity_in(path) {
        Ok(Some(validity)) => validity,
        Ok(None) => return subject.say(format!("{path} does not tell when it ends")),
        Err(error) => return subject.attention(chain(&error), None),
    };
    let now = session.context().now;
    let end = Timestamp::try_from(validity.until).unwrap_or(Timestamp::MAX);
    subject.figure("end_seconds", end.as_second());
    match validity.problem_at(now.into()) {
        Some(problem) => {
            let action = "renew it; serve reads the new one within two seconds".to_owned();
            subject.attention(format!("{path} {problem}"), Some(action));
        }
        None => subject.say(format!("ends in {}", clock::length(end.duration_since(now)))),
    }
}

/// Says when something was last done.
fn last_run(run: &UpkeepRun, now: Timestamp, subject: &mut Subject) -> SignedDuration {
    subject.figure("last_seconds", run.date.as_second());
    subject.figure("last_problems", run.found);
    now.duration_since(run.date)
}

/// Whether the first thing in the operation log was done longer ago than that.
fn is_older(session: &Session, age: SignedDuration) -> Result<bool, Failure> {
    let now = session.context().now;
    let first = session.store.operations()?.first().map(|entry| entry.date);
    Ok(first.is_some_and(|first| now.duration_since(first) > age))
}

fn backup(session: &Session, subject: &mut Subject) -> Result<(), Failure> {
    let now = session.context().now;
    let command = |place: &str| Some(format!("repo-cli backup {place}"));
    let Some(run) = session.store.upkeep()?.backup else {
        if is_older(session, DAY)? {
            subject.attention("never made", command("DIR"));
        } else {
            subject.say("never made");
        }
        return Ok(());
    };
    let age = last_run(&run, now, subject);
    let place = run.place.as_ref().map_or("DIR", |place| place.as_str());
    if run.found > 0 {
        let files = count(usize::try_from(run.found).unwrap_or(usize::MAX), "file");
        subject.attention(format!("{files} could not be saved"), Some("repo-cli fsck".to_owned()));
    }
    // A change of the second in which it began may have come too late for it.
    let lacks = session.store.last_entry()?.filter(|last| last.as_second() >= run.date.as_second());
    if lacks.is_some_and(|last| is_backup_due(session, age, now.duration_since(last))) {
        subject.attention("the store has changed since", command(place));
    }
    subject.say(format!("{} to {place}", ago(run.date, now)));
    Ok(())
}

/// Returns whether a backup of that age is too old for a store whose last change is so long ago, by the times at which `serve` makes backups.
fn is_backup_due(session: &Session, age: SignedDuration, since_change: SignedDuration) -> bool {
    let due = match session.config.schedule().backup.map(|(_, when)| when) {
        Some(BackupTime::AfterChange) if since_change > UNSAVED_FOR => return true,
        None | Some(BackupTime::AfterChange) => BACKUP_DUE,
        Some(BackupTime::At(Recurrence::Hourly)) => SignedDuration::from_hours(3),
        Some(BackupTime::At(Recurrence::Daily(_))) => SignedDuration::from_hours(36),
        Some(BackupTime::At(Recurrence::Weekly(..))) => SignedDuration::from_hours(8 * 24),
    };
    age > due
}

fn last_check(session: &Session, subject: &mut Subject) -> Result<(), Failure> {
    let now = session.context().now;
    let command = || Some("repo-cli fsck".to_owned());
    let Some(run) = session.store.upkeep()?.check else {
        if is_older(session, CHECK_DUE)? {
            subject.attention("never checked", command());
        } else {
            subject.say("never checked");
        }
        return Ok(());
    };
    let age = last_run(&run, now, subject);
    if run.found > 0 {
        let problems = count(usize::try_from(run.found).unwrap_or(usize::MAX), "problem");
        subject.attention(format!("{problems} left"), command());
    } else if age > CHECK_DUE {
        subject.attention("not lately", command());
    } else {
        subject.say("clean");
    }
    subject.say(ago(run.date, now));
    Ok(())
}

/// What could not be delivered. A receiver may be restarted without anybody being called.
fn hooks(session: &Session, subject: &mut Subject) -> Result<(), Failure> {
    let (now, list) = (session.context().now, || Some("repo-cli hooks list".to_owned()));
    let deliveries = session.store.hook_deliveries()?;
    let of = |state| deliveries.iter().filter(move |delivery: &&HookDelivery| delivery.state == state);
    let (waiting, failed) = (of(DeliveryState::Waiting).count(), of(DeliveryState::GivenUp).count());
    subject.figure("waiting_events", waiting);
    subject.figure("failed_events", failed);
    let late = of(DeliveryState::Waiting)
        .filter(|delivery| now.duration_since(delivery.date) > DELIVERED_WITHIN)
        .min_by_key(|delivery| delivery.date);
    if failed > 0 {
        subject.attention(format!("{} not delivered", count(failed, "event")), list());
    }
    if let Some(late) = late {
        let (hook, since) = (&late.hook, ago(late.date, now));
        let why = late.error.as_ref().map_or_else(String::new, |error| format!(": {error}"));
        subject.attention(format!("{hook} was not told of what happened {since}{why}"), list());
    }
    match waiting {
        0 if failed == 0 => subject.say("all delivered"),
        0 => {}
        waiting => subject.say(format!("{} waiting", count(waiting, "event"))),
    }
    Ok(())
}

fn store(session: &Session, subject: &mut Subject) -> Result<(), Failure> {
    let size = session.store.size_of_package_files()?;
    subject.figure("package_file_bytes", size);
    let path = session.root.join("store");
    let found = rustix::fs::statvfs(path.as_std_path())
        .map_err(|error| Failure::io("look at", &path)(error.into()))?;
    let free = found.f_bavail.saturating_mul(found.f_frsize);
    let total = found.f_blocks.saturating_mul(found.f_frsize);
    subject.figure("free_bytes", free);
    let (little, percent) = LITTLE_SPACE;
    if free < little || free < 10 * little && free < total / 100 * percent {
        subject.attention(format!("only {} free", bytes(free)), Some("repo-cli gc".to_owned()));
    }
    subject.say(format!("{} of package files", bytes(size)));
    if session.is_owner() && !session.store.is_collecting_garbage() {
        let mut options = GcOptions { grace: session.config.grace(), ..GcOptions::default() };
        for repository in session.config.repositories() {
            let name = &repository.name;
            options.keep_history.insert(name.clone(), session.config.keep_history(name));
        }
        let freed = session.store.plan_gc(&options, &session.context())?.freed();
        subject.figure("garbage_bytes", freed);
        subject.say(format!("gc would free {}", bytes(freed)));
    }
    subject.say(format!("{} free on the disk", bytes(free)));
    match Lack::find() {
        // Nothing can be done about a kernel in a hurry, so it is only told.
        Some(lack) if lack.is_bearable() => subject.say(lack.to_string()),
        Some(lack) => subject.attention(lack.to_string(), None),
        None => {}
    }
    if let Some(run) = session.store.upkeep()?.collection {
        subject.figure("collected_seconds", run.date.as_second());
    }
    Ok(())
}

fn the_clock(session: &Session, subject: &mut Subject) -> Result<(), Failure> {
    match clock::doubt(session.store.last_entry()?, session.context().now) {
        Some(doubt) => subject.attention(doubt, Some("set the clock".to_owned())),
        None => match clock::unsynchronised() {
            Some(unsynchronised) => subject.attention(unsynchronised, None),
            None => subject.say("agrees with the operation log"),
        },
    }
    Ok(())
}
