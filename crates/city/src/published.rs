//! What the public sees of the log, and when: all of it at once, or, where the city says so, later. In a small
//! city the moment of a question can tell who is asked about.
//!
//! What is shown is the beginning of the log up to the last entry that is old enough, under a checkpoint of
//! just that beginning: a log like any other, that only ever grows. The figures are those of these entries.
//! An entry that was written while the clock was ahead is as old as the first later one that was not: entries are
//! written one after the other. Else one such would hold up all that follows until the day that it says.
//! Holds: what was shown once is never taken back, neither by a restart nor by a clock, nor where a city begins to
//! hold back that did not before.
//! Not here: the witnesses, who are asked to sign the newest checkpoint at once; they see hashes alone.

use crate::City;
use crate::config::LogSection;
use crate::unshown::Unshown;
use crate::witness::Witnessing;
use base::{Error, Result, Time, write_atomic};
use ledger::{Figures, Log};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

const MINUTE_MS: i64 = 60_000;
/// Entries that are looked at in one step, at the most.
const STEP: u64 = 1024;

/// The part of the log that the public is shown, where that is not all of it.
pub(crate) struct Published {
    delay_ms: i64,
    file: PathBuf,
    shown: Mutex<Shown>,
}

/// That part, as it stands.
pub(crate) struct Shown {
    pub size: u64,
    pub checkpoint: String,
    pub figures: Figures,
    cosigned: Unshown,
    /// Up to which entry one was looked for that is not dated ahead, and the one that was found, with its time.
    looked: u64,
    later: Option<(u64, Time)>,
}

impl Published {
    /// Goes on where it stopped; `None` where nothing is held back.
    pub fn load(
        dir: &Path,
        section: &LogSection,
        log: &Log,
        witnessing: Option<&Witnessing>,
    ) -> Result<Option<Self>> {
        let file = dir.join("log.published");
        let unshown = dir.join("log.unshown");
        if section.delay_minutes == 0 {
            // All of it is shown from now on.
            return [file, unshown].iter().try_for_each(|file| removed(file)).map(|()| None);
        }
        // Times on the log are rounded down to its steps; an entry may be so much younger than it says.
        let delay_ms = i64::from(section.delay_minutes + section.minutes) * MINUTE_MS;
        let before = match std::fs::read_to_string(&file) {
            Ok(text) => log.size_of(&text).unwrap_or(0),
            // A server has run that held nothing back: everything was public.
            Err(e) if e.kind() == ErrorKind::NotFound && log.figures().software.is_some() => {
                log.size()
            }
            Err(_) => 0,
        };
        let size = before.min(log.size());
        let newest = witnessing.and_then(Witnessing::newest).map(|(_, text)| text);
        let signed = |text: &str| witnessing?.signed(log, text);
        let mut shown = Shown {
            size: 0,
            checkpoint: log.checkpoint_of(size)?,
            figures: Figures::default(),
            cosigned: Unshown::load(unshown, delay_ms, newest, &signed),
            looked: 0,
            later: None,
        };
        shown.take(log, size, None)?;
        // Without it the next start would not know that something is held back.
        write_atomic(&file, shown.checkpoint.as_bytes())?;
        Ok(Some(Self { delay_ms, file, shown: Mutex::new(shown) }))
    }

    fn shown(&self) -> MutexGuard<'_, Shown> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn removed(file: &Path) -> Result<()> {
    match std::fs::remove_file(file) {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(Error::unavailable(format!(
            "{} cannot be removed; check the folder's owner.",
            file.display()
        ))
        .because(e)),
        _ => Ok(()),
    }
}

impl Shown {
    /// Counts entries in up to `until`, or, where a moment and a delay are given, up to the first that is not so many
    /// milliseconds old then.
    fn take(&mut self, log: &Log, until: u64, held: Option<(Time, i64)>) -> Result<()> {
        // One at first: most of the time nothing is old enough yet, and every request asks.
        let mut step = 1;
        while self.size < until {
            let leaves = log.leaves(self.size, (self.size + step).min(until))?;
            step = (step * 2).min(STEP);
            if leaves.is_empty() {
                return Ok(());
            }
            for leaf in leaves {
                if let Some((now, delay_ms)) = held {
                    let written = self.written(log, leaf.time, now)?;
                    if written.is_none_or(|written| now.since(written) < delay_ms) {
                        return Ok(());
                    }
                }
                self.figures.add(&leaf);
                self.size += 1;
            }
        }
        Ok(())
    }

    /// When the next entry was written, at the latest: `said`, or, where that is still to come, what the first later
    /// entry says that is not. `None` where there is no such entry yet.
    fn written(&mut self, log: &Log, said: Time, now: Time) -> Result<Option<Time>> {
        if said <= now {
            return Ok(Some(said));
        }
        let next = self.size + 1;
        self.later = self.later.filter(|(index, time)| *index >= next && *time <= now);
        // From where it was looked last: every request asks, and the clock may have been ahead for long.
        self.looked = self.looked.max(next);
        while self.later.is_none() && self.looked < log.size() {
            let leaves = log.leaves(self.looked, (self.looked + STEP).min(log.size()))?;
            if leaves.is_empty() {
                break;
            }
            let found = (self.looked..).zip(&leaves).find(|(_, leaf)| leaf.time <= now);
            self.later = found.map(|(index, leaf)| (index, leaf.time));
            self.looked = found.map_or(self.looked + leaves.len() as u64, |(index, _)| index + 1);
        }
        Ok(self.later.map(|(_, time)| time))
    }

    /// The newest checkpoint of the witnesses that promises no more than is shown.
    pub fn cosigned(&self) -> Option<(u64, String)> {
        self.cosigned.newest(self.size)
    }
}

impl City {
    /// What the public is shown at this moment, brought up to date; `None` where that is the whole log.
    pub(crate) fn shown(&self) -> Result<Option<MutexGuard<'_, Shown>>> {
        let Some(published) = &self.published else { return Ok(None) };
        let mut shown = published.shown();
        let before = shown.size;
        shown.take(&self.log, self.log.size(), Some((self.now(), published.delay_ms)))?;
        if shown.size > before {
            shown.checkpoint = self.log.checkpoint_of(shown.size)?;
            // On disk before anybody sees it.
            write_atomic(&published.file, shown.checkpoint.as_bytes())?;
        }
        let size = shown.size;
        shown.cosigned.forget(size);
        Ok(Some(shown))
    }

    /// Keeps what the witnesses have signed until it may be shown.
    pub(crate) fn keep_cosigned(&self, size: u64, text: &str) {
        let Some(published) = &self.published else { return };
        // What is shown by now waits no longer, although nobody may be looking.
        let forgotten = self.shown().map(drop);
        let kept = published.shown().cosigned.keep(self.now(), size, text);
        if let Err(e) = kept.and(forgotten) {
            // It is in memory, and the next one tries again.
            tracing::warn!(error = %e.inside(), "what the witnesses signed is not kept");
        }
    }

    /// How many entries of the log everybody may see.
    pub fn public_size(&self) -> Result<u64> {
        Ok(self.shown()?.map_or_else(|| self.log.size(), |shown| shown.size))
    }

    /// A file of the log as the public sees it: `checkpoint`, or a tile.
    pub fn public_file(&self, path: &str) -> Result<Option<Vec<u8>>> {
        match self.shown()?.map(|shown| (shown.size, shown.checkpoint.clone())) {
            Some((_, checkpoint)) if path == "checkpoint" => Ok(Some(checkpoint.into_bytes())),
            Some((size, _)) => self.log.file_of(size, path),
            // A reader's checkpoint may be of before a partial tile became full.
            None => match self.log.file(path)? {
                None => self.log.file_of(self.log.size(), path),
                there => Ok(there),
            },
        }
    }

    /// Whether the public sees the log later, and so no events as they happen.
    pub fn shows_later(&self) -> bool {
        self.published.is_some()
    }
}

pub(crate) fn not_yet() -> Error {
    Error::not_found(
        "This entry is not on the log, or not public yet; this city shows its log later.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kit::Town;

    fn public(city: &City) -> (u64, String) {
        let page = city.public().unwrap();
        let checkpoint = city.public_file("checkpoint").unwrap().unwrap();
        assert_eq!(page.log_size, city.log_page(1000, None).unwrap().size);
        (page.log_size, String::from_utf8(checkpoint).unwrap())
    }

    #[test]
    fn an_entry_is_shown_when_it_is_old_enough() {
        let town = Town::new("2026-11-01T12:00:00Z", "[log]\ndelay_minutes=30\nminutes=5\n");
        town.clock.advance(40 * MINUTE_MS);
        let (before, old) = public(&town.city);
        assert_eq!(before, town.city.log.size(), "what made the city");
        town.city.log.append(&town.city.leaf("audit.started").id("a")).unwrap();
        town.clock.advance(34 * MINUTE_MS);
        assert_eq!(public(&town.city), (before, old.clone()));
        assert!(town.city.receipt(before).is_err());
        let tile = format!("tile/0/000.p/{}", before + 1);
        assert_eq!(town.city.public_file(&tile).unwrap(), None);
        // The tile of then is what it was, although the log's own file has grown.
        let was = town.city.public_file(&format!("tile/0/000.p/{before}")).unwrap().unwrap();
        assert_eq!(was.len() as u64, 32 * before);
        town.clock.advance(MINUTE_MS);
        let (after, new) = public(&town.city);
        assert!(after == before + 1 && new != old);
        assert!(town.city.receipt(before).is_ok());
        // Neither a clock that is set back nor a restart takes it back.
        town.clock.advance(-120 * MINUTE_MS);
        assert_eq!(public(&town.city).0, after);
        let Town { dir, clock, city, .. } = town;
        drop(city);
        let city = City::open(dir.path(), clock).unwrap();
        assert_eq!(public(&city), (after, new));
    }

    /// Entries of a clock that was ahead are shown with the first later one that is not, and wait for it.
    #[test]
    fn an_entry_that_is_dated_ahead_holds_nothing_up() {
        let town = Town::new("2026-11-01T12:00:00Z", "[log]\ndelay_minutes=30\nminutes=5\n");
        let append = |id: &str| {
            town.city.log.append(&town.city.leaf("audit.started").id(id)).unwrap();
        };
        town.clock.advance(40 * MINUTE_MS);
        let (before, _) = public(&town.city);
        let ahead = 40 * 24 * 60 * MINUTE_MS;
        town.clock.advance(ahead);
        append("a");
        append("b");
        town.clock.advance(35 * MINUTE_MS - ahead);
        assert_eq!(public(&town.city).0, before, "nothing says how old they are");
        append("c");
        town.clock.advance(34 * MINUTE_MS);
        assert_eq!(public(&town.city).0, before);
        town.clock.advance(MINUTE_MS);
        assert_eq!(public(&town.city).0, before + 3);
    }

    /// A city begins to show its log later: what was public stays so, and a restart changes nothing of that.
    #[test]
    fn a_delay_that_begins_takes_nothing_back() {
        let town = Town::new("2026-11-01T12:00:00Z", "");
        town.city.announce().unwrap();
        let before = public(&town.city).0;
        assert_eq!(before, town.city.log.size());
        let Town { dir, clock, city, .. } = town;
        drop(city);
        let file = dir.path().join("homeplate.toml");
        let config = std::fs::read_to_string(&file).unwrap();
        let later = config.replace("delay_minutes = 0", "delay_minutes = 60");
        assert_ne!(config, later);
        std::fs::write(&file, later).unwrap();
        for _ in 0..2 {
            let city = City::open(dir.path(), clock.clone()).unwrap();
            city.announce().unwrap();
            assert_eq!(public(&city).0, before);
        }
    }

    /// What the witnesses signed is shown in its turn, whatever was restarted meanwhile.
    #[test]
    fn what_is_cosigned_waits_on_disk() {
        use crate::witness::tests::{follow, two};
        let keys = tempfile::tempdir().unwrap();
        let (near, policy) = two(keys.path());
        let section = "[log]\nwitnesses=\"witnesses.policy\"\ndelay_minutes=1440\nminutes=5\n";
        let town =
            Town::with("2026-11-01T12:00:00Z", section, &[("witnesses.policy", policy.as_str())]);
        follow(&near, &town);
        let first = town.city.log.size();
        assert!(town.city.cosign(&near).unwrap());
        town.clock.advance(120 * MINUTE_MS);
        town.city.log.append(&town.city.leaf("audit.started").id("a")).unwrap();
        assert!(town.city.cosign(&near).unwrap());
        let Town { dir, clock, city, .. } = town;
        drop(city);
        for (minutes, want) in
            [(0, None), (1330, Some(first)), (0, Some(first)), (120, Some(first + 1))]
        {
            clock.advance(minutes * MINUTE_MS);
            let city = City::open(dir.path(), clock.clone()).unwrap();
            assert_eq!(city.cosigned().unwrap().map(|(size, _)| size), want, "{minutes}");
        }
    }

    /// A city that nobody looks at keeps no more of what the witnesses signed than one that is looked at.
    #[test]
    fn what_is_cosigned_is_forgotten_though_nobody_looks() {
        use crate::witness::tests::{follow, two};
        let keys = tempfile::tempdir().unwrap();
        let (near, policy) = two(keys.path());
        let section = "[log]\nwitnesses=\"witnesses.policy\"\ndelay_minutes=30\nminutes=5\n";
        let town =
            Town::with("2026-11-01T12:00:00Z", section, &[("witnesses.policy", policy.as_str())]);
        follow(&near, &town);
        for n in 0..12 {
            town.clock.advance(20 * MINUTE_MS);
            town.city.log.append(&town.city.leaf("audit.started").id(format!("a{n}"))).unwrap();
            assert!(town.city.cosign(&near).unwrap());
        }
        let file = std::fs::read(town.dir().join("log.unshown")).unwrap();
        let kept: Vec<String> = serde_json::from_slice(&file).unwrap();
        assert!((1..=4).contains(&kept.len()), "{}", kept.len());
    }

    /// A reader goes on with the checkpoint that it has, although tiles of then are full by now.
    #[test]
    fn a_tile_that_became_full_is_still_what_it_was() {
        let town = Town::new("2026-11-01T12:00:00Z", "");
        let log = &town.city.log;
        let old = log.checkpoint().into_bytes();
        let size = log.size();
        let leaves: Vec<_> =
            (0..300).map(|n| town.city.leaf("audit.started").id(format!("a{n}"))).collect();
        log.append_all(&leaves).unwrap();
        assert_eq!(log.file(&format!("tile/0/000.p/{size}")).unwrap(), None, "it is full");
        let fetch = |path: &str| match path {
            "checkpoint" => Ok(Some(old.clone())),
            // A verifier cuts the full one itself where that is there; others do not.
            path if path == "tile/0/000" || path == "tile/entries/000" => Ok(None),
            path => town.city.public_file(path),
        };
        assert_eq!(ledger::verify_from(&fetch, log.vkey(), &[]).unwrap().size, size);
    }

    /// What is shown verifies as a log of its own, and its figures are those of its entries.
    #[test]
    fn what_is_shown_is_a_log() {
        let town = Town::new("2026-11-01T12:00:00Z", "[log]\ndelay_minutes=60\n");
        for n in 0..600 {
            town.city.log.append(&town.city.leaf("audit.started").id(format!("a{n}"))).unwrap();
            if n == 300 {
                town.clock.advance(62 * MINUTE_MS);
            }
        }
        let (size, _) = public(&town.city);
        assert!(size > 300 && size < town.city.log.size());
        let fetch = |path: &str| town.city.public_file(path);
        let report = ledger::verify_from(&fetch, town.city.log.vkey(), &[]).unwrap();
        assert_eq!(report.size, size);
        assert_eq!(report.figures, town.city.public().unwrap().figures);
    }
}
