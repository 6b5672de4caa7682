//! Somebody is told when something of the system itself is wrong: once when it begins, once when it is over, by
//! e-mail, and every Monday how the week was.
//!
//! What is wrong is found anew at each look. What was told of it, and to whom, is in the store, so that neither a
//! restart nor a mail server that is away tells anybody twice or nobody; and in memory, so that people hear of a store
//! that does not answer, or takes nothing. What comes and goes within two minutes is nobody's business. A message names a
//! camera or a list, and no plate: nothing here knows one.
//!
//! Not here: who watches when the server itself is dead. That is for a program outside, at [`City::alive`].

mod config;
mod mailing;
mod quiet;
mod weekly;
mod words;

pub use config::UpkeepSection;

pub(crate) use quiet::Activity;

use crate::City;
use crate::room::Step;
use base::{Result, Time};
use mailing::Post;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Something must be so, or over, for so long before anybody is told.
const PATIENCE_MS: i64 = 120_000;
/// After so long without a look the watch itself is not well.
const LOOKS: Duration = Duration::from_secs(600);
/// How often the counts of reads are written down.
const SAVE_MS: i64 = 600_000;
/// A camera's clock may be so far off.
const CLOCK_MS: i64 = 2000;
/// Where it is remembered.
const FAULTS: &str = "upkeep/faults";
const ACTIVITY: &str = "upkeep/activity";

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Fault {
    /// A camera reads nothing where it usually does.
    Quiet { name: String, hours: u32 },
    /// A camera's clock is off.
    CameraClock { name: String },
    /// A list is too old.
    Stale { list: String },
    /// The certificate ends, or has.
    Certificate { until: String, ended: bool },
    /// No backup was finished in time.
    Backup { hours: u32 },
    /// The disk of the pictures fills.
    Disk { percent: u32, bare: bool },
    /// A part of the server.
    Part { part: String, message: String },
}

/// What was told of a fault.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Told {
    fault: Fault,
    since: Time,
    /// Since when it is so no longer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    over: Option<Time>,
    /// Who was told that it began, and that it is over.
    #[serde(default)]
    begun: BTreeSet<String>,
    #[serde(default)]
    ended: BTreeSet<String>,
}

type Faults = BTreeMap<String, Told>;
/// What is wrong now, by what it is wrong with.
type Found = BTreeMap<String, Fault>;

/// What is known from look to look.
#[derive(Default)]
struct Known {
    faults: Faults,
    /// The same as the store has it; none before it was read.
    stored: Option<Faults>,
    post: Post,
}

/// What the watch remembers.
pub(crate) struct Upkeep {
    activity: Mutex<Option<(Activity, Time)>>,
    /// When everything was looked at last.
    looked: Mutex<Instant>,
    /// Since when mail has not gone out.
    silent: Mutex<Option<Time>>,
    /// One look at a time.
    looking: Mutex<Known>,
}

impl Default for Upkeep {
    fn default() -> Self {
        Self {
            activity: Mutex::default(),
            looked: Mutex::new(Instant::now()),
            silent: Mutex::default(),
            looking: Mutex::default(),
        }
    }
}

fn held<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

impl City {
    /// Notes that vehicles were read, for who asks whether a camera is quiet.
    pub(crate) fn note_activity<'a>(
        &self,
        reads: impl Iterator<Item = (&'a base::CameraId, Time)>,
    ) -> Result<()> {
        self.with_activity(|activity| reads.for_each(|(camera, at)| activity.note(camera, at)))
    }

    fn with_activity<T>(&self, act: impl FnOnce(&mut Activity) -> T) -> Result<T> {
        let mut slot = held(&self.upkeep.activity);
        if slot.is_none() {
            let kept = self.store.meta(ACTIVITY)?;
            let kept = kept.and_then(|json| serde_json::from_str(&json).ok()).unwrap_or_default();
            *slot = Some((kept, Time::default()));
        }
        let (activity, _) = slot.get_or_insert_with(Default::default);
        Ok(act(activity))
    }

    fn save_activity(&self, now: Time) -> Result<()> {
        let mut slot = held(&self.upkeep.activity);
        let Some((activity, saved)) = slot.as_mut() else { return Ok(()) };
        if now.since(*saved).abs() < SAVE_MS {
            return Ok(());
        }
        activity.forget(now);
        let json = serde_json::to_string(activity)
            .map_err(|e| base::Error::internal("Counts cannot be written.").because(e))?;
        self.store.set_meta(ACTIVITY, &json)?;
        *saved = now;
        Ok(())
    }

    /// Looks at everything that somebody is to be told of, tells who has not been told yet, and on Mondays how the
    /// week was. By the clock, once a minute; what cannot be told now is tried again, later each time.
    ///
    /// # Errors
    /// Something could not be looked at or written down; all the rest was, and whoever could be told of it is.
    pub fn look_after(&self) -> Result<()> {
        let mut known = held(&self.upkeep.looking);
        let Known { faults, stored, post } = &mut *known;
        let now = self.now();
        let counted = self.with_activity(|_| ()).and_then(|()| self.save_activity(now));
        let read = self.read_faults(faults, stored);
        let (found, looked) = self.faults_now(faults);
        follow(faults, found, now);
        let named = self.look_who_is_told(post, now);
        let people = post.people();
        if people.is_empty() {
            faults.retain(|_, told| told.over.is_none());
        }
        for (key, told) in faults.iter_mut() {
            self.tell_of(key, told, post, now);
        }
        faults.retain(|_, told| !is_done(told, now));
        let kept = self.keep_faults(faults, stored);
        let week = self.tell_week(post, faults, now);
        *held(&self.upkeep.silent) = post.silent(now);
        let whole: Result<()> = [counted, read, looked, named, kept, week].into_iter().collect();
        if whole.is_ok() {
            *held(&self.upkeep.looked) = Instant::now();
        }
        whole
    }

    /// Takes up what a server before has told, once.
    fn read_faults(&self, faults: &mut Faults, stored: &mut Option<Faults>) -> Result<()> {
        if stored.is_some() {
            return Ok(());
        }
        let kept = self.store.meta(FAULTS)?;
        let kept: Faults =
            kept.and_then(|json| serde_json::from_str(&json).ok()).unwrap_or_default();
        faults.extend(kept.clone());
        *stored = Some(kept);
        Ok(())
    }

    /// Writes down what was told, where the store has something else.
    fn keep_faults(&self, faults: &Faults, stored: &mut Option<Faults>) -> Result<()> {
        if stored.as_ref().is_none_or(|stored| stored == faults) {
            return Ok(());
        }
        let json = serde_json::to_string(faults)
            .map_err(|e| base::Error::internal("What was told cannot be written.").because(e))?;
        self.store.set_meta(FAULTS, &json)?;
        *stored = Some(faults.clone());
        Ok(())
    }

    /// What is wrong at this moment, and whether all was looked at. What cannot be is as it was, and that is a fault itself.
    fn faults_now(&self, known: &Faults) -> (Found, Result<()>) {
        let (now, limits) = (self.now(), &self.config.upkeep);
        let mut out = Found::new();
        for part in self.health().into_iter().filter(|part| !part.fine) {
            let message = part.message.unwrap_or_default();
            out.insert(part.part.clone(), Fault::Part { part: part.part, message });
        }
        let sources: [(&[&str], Result<Found>); 3] = [
            (&["disk/"], self.disk_faults()),
            (&["clock/", "quiet/"], self.quiet_cameras(now, limits.quiet_hours)),
            (&["list/"], self.list_faults()),
        ];
        let mut looked = Ok(());
        for (kinds, found) in sources {
            let e = match found {
                Ok(found) => {
                    out.extend(found);
                    continue;
                }
                Err(e) => e,
            };
            let is = |key: &str| kinds.iter().any(|kind| key.starts_with(*kind));
            let still = known.iter().filter(|(key, told)| is(key) && told.over.is_none());
            out.extend(still.map(|(key, told)| (key.clone(), told.fault.clone())));
            // Where the store does not answer that is told, and nothing else that follows from it.
            if !out.contains_key("store") {
                let (part, message) = ("watch".to_owned(), e.message().to_owned());
                out.insert(part.clone(), Fault::Part { part, message });
            }
            looked = Err(e);
        }
        if let Some(Fault::Certificate { until, ended }) = self.certificate_fault(now) {
            for told in [false, true].into_iter().filter(|told| *told <= ended) {
                let fault = Fault::Certificate { until: until.clone(), ended: told };
                out.insert(format!("certificate/{told}"), fault);
            }
        }
        if self.backup_is_late(now) {
            out.insert("backup".into(), Fault::Backup { hours: limits.backup_hours });
        }
        (out, looked)
    }

    fn disk_faults(&self) -> Result<Found> {
        let step = self.picture_step()?;
        // The second step is told besides the first: when it is undone, that one still is so.
        let taken = [Step::Thinned, Step::Bare].into_iter().filter(|taken| *taken <= step);
        let fault = |taken: Step| {
            let percent = self.picture_disk().unwrap_or_default() as u32;
            let fault = Fault::Disk { percent, bare: taken == Step::Bare };
            (format!("disk/{}", taken.word()), fault)
        };
        Ok(taken.map(fault).collect())
    }

    fn list_faults(&self) -> Result<Found> {
        let lists = self.stale_lists()?.into_iter().map(|view| view.id.to_string());
        Ok(lists.map(|list| (format!("list/{list}"), Fault::Stale { list })).collect())
    }

    fn quiet_cameras(&self, now: Time, hours: u32) -> Result<Found> {
        let mut out = Found::new();
        let rows = self.store.cameras()?;
        let beats = held(&self.beats).clone();
        for row in rows {
            let id = row.id;
            let (gone, on) = {
                let switches = self.switches();
                let off = switches.capture_off(&id, now).is_some();
                (switches.retired(&id).is_some() || off, switches.on_since(&id, now))
            };
            if gone {
                continue;
            }
            let offset = beats.get(&id).and_then(|heard| heard.beat.clock_offset_ms);
            if offset.is_some_and(|ms| ms.abs() > CLOCK_MS) {
                let name = row.name.clone();
                out.insert(format!("clock/{id}"), Fault::CameraClock { name });
            }
            // The hours in which it was off by an order are none of silence.
            let span = 0..i64::from(hours) * 3_600_000;
            let rested = on.is_some_and(|on| span.contains(&now.since(on)));
            // What a camera keeps that keeps hits alone says nothing of how many pass.
            let counts = hours > 0 && !rested && self.config.cameras.hits_only(&id).is_none();
            if counts && self.with_activity(|a| a.is_quiet(&id, now, hours))? {
                out.insert(format!("quiet/{id}"), Fault::Quiet { name: row.name, hours });
            }
        }
        Ok(out)
    }

    fn certificate_fault(&self, now: Time) -> Option<Fault> {
        let live = self.config.tls.live(&self.dir)?;
        // One that cannot be read is told by the server's log, and by the one that ends meanwhile.
        live.refresh().ok()?;
        let seen = live.seen()?;
        let days = i64::from(self.config.upkeep.certificate_days);
        (seen.days_left(now) < days).then(|| Fault::Certificate {
            until: self.config.city.shown(seen.until),
            ended: seen.until <= now,
        })
    }

    fn backup_is_late(&self, now: Time) -> bool {
        let Some(file) = &self.config.upkeep.backup_file else { return false };
        let made = std::fs::metadata(self.dir.join(file)).and_then(|m| m.modified()).ok();
        let made = made.and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
        let hours = i64::from(self.config.upkeep.backup_hours);
        made.is_none_or(|at| {
            let at = Time::from_millis(i64::try_from(at.as_millis()).unwrap_or_default());
            now.since(at) > hours * 3_600_000
        })
    }

    /// Tells whoever has not been told.
    fn tell_of(&self, key: &str, told: &mut Told, post: &mut Post, now: Time) {
        let (over, from) = match told.over {
            None => (false, told.since),
            Some(at) => (true, at),
        };
        if now.since(from) < PATIENCE_MS {
            return;
        }
        let mut whom = post.people();
        match over {
            false => whom.retain(|one| !told.begun.contains(one)),
            true => whom = told.begun.difference(&told.ended).cloned().collect(),
        }
        for one in whom {
            let (city, since) = (&self.config.city.name, self.config.city.shown(told.since));
            let said = |lang: &str| match over {
                false => words::begins(&told.fault, city, lang),
                true => words::ends(&told.fault, city, &since, lang),
            };
            let name = format!("{key} {} {over}", told.since);
            if self.mail_of_upkeep(post, (&name, &one), said, now) {
                let said = if over { &mut told.ended } else { &mut told.begun };
                said.insert(one);
            }
        }
    }

    /// Whether the server does its work, and what of it does not; for a program outside that calls somebody when it
    /// hears nothing, or no.
    pub fn alive(&self) -> Vec<&'static str> {
        const OWN: [&str; 8] =
            ["store", "reads", "pictures", "log", "keys", "forgetting", "disk", "clock"];
        let health = self.health();
        let unwell = |part: &&str| health.iter().any(|one| one.part == **part && !one.fine);
        let mut out: Vec<&'static str> = OWN.into_iter().filter(|part| unwell(part)).collect();
        if held(&self.upkeep.looked).elapsed() > LOOKS {
            out.push("watch");
        }
        let silent = *held(&self.upkeep.silent);
        if silent.is_some_and(|since| self.now().since(since) > 3_600_000) {
            out.push("mail");
        }
        if matches!(
            self.certificate_fault(self.now()),
            Some(Fault::Certificate { ended: true, .. })
        ) {
            out.push("certificate");
        }
        out
    }
}

/// Brings what was told to what is so.
fn follow(faults: &mut Faults, mut now_wrong: Found, now: Time) {
    for (key, told) in faults.iter_mut() {
        match now_wrong.remove(key) {
            // Who was told that it is over is told of it as of another one, later.
            Some(_) if !told.ended.is_empty() => {}
            Some(fault) => (told.fault, told.over) = (fault, None),
            None => told.over = told.over.or(Some(now)),
        }
    }
    for (key, fault) in now_wrong {
        let none = BTreeSet::new();
        let told = Told { fault, since: now, over: None, begun: none.clone(), ended: none };
        faults.insert(key, told);
    }
}

/// Whether nothing is left to be said of it.
fn is_done(told: &Told, now: Time) -> bool {
    let waited = told.over.is_some_and(|at| now.since(at) >= PATIENCE_MS);
    told.over.is_some() && told.begun.is_subset(&told.ended) && (waited || told.begun.is_empty())
}
