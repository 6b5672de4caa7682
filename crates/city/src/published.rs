//! What the public sees of the log, and when: all of it at once, or, where the city says so, later. In a small
//! city the moment of a question can tell who is asked about.
//!
//! What is shown is the beginning of the log up to the last entry that is old enough, under a checkpoint of
//! just that beginning: a log like any other, that only ever grows. The figures are those of these entries.
//! Holds: what was shown once is never taken back, neither by a restart nor by a clock, nor where a city begins to
//! hold back that did not before.
//! Not here: the witnesses, who are asked to sign the newest checkpoint at once; they see hashes alone.

use crate::City;
use crate::config::LogSection;
use base::{Error, Result, Time, write_atomic};
use ledger::{Figures, Log};
use std::collections::VecDeque;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

const MINUTE_MS: i64 = 60_000;
/// Entries that are looked at in one step, at the most.
const STEP: u64 = 1024;
/// Checkpoints of the witnesses that wait to be shown; the older ones in between are not missed.
const WAITING: usize = 1500;

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
    cosigned: VecDeque<(u64, String)>,
}

impl Published {
    /// Goes on where it stopped; `None` where nothing is held back. `cosigned` is the newest checkpoint that the
    /// witnesses have signed, and how many entries it promises.
    pub fn load(
        dir: &Path,
        section: &LogSection,
        log: &Log,
        cosigned: Option<(u64, String)>,
    ) -> Result<Option<Self>> {
        let file = dir.join("log.published");
        if section.delay_minutes == 0 {
            // All of it is shown from now on.
            return match std::fs::remove_file(&file) {
                Err(e) if e.kind() != ErrorKind::NotFound => Err(Error::unavailable(
                    "log.published cannot be removed; check the folder's owner.",
                )
                .because(e)),
                _ => Ok(None),
            };
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
        let mut shown = Shown {
            size: 0,
            checkpoint: log.checkpoint_of(size)?,
            figures: Figures::default(),
            cosigned: cosigned.into_iter().collect(),
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

impl Shown {
    /// Counts entries in up to `until`, or up to the first that is younger than `cutoff`.
    fn take(&mut self, log: &Log, until: u64, cutoff: Option<Time>) -> Result<()> {
        // One at first: most of the time nothing is old enough yet, and every request asks.
        let mut step = 1;
        while self.size < until {
            let leaves = log.leaves(self.size, (self.size + step).min(until))?;
            step = (step * 2).min(STEP);
            if leaves.is_empty() {
                return Ok(());
            }
            for leaf in leaves {
                if cutoff.is_some_and(|cutoff| leaf.time > cutoff) {
                    return Ok(());
                }
                self.figures.add(&leaf);
                self.size += 1;
            }
        }
        Ok(())
    }

    /// The newest checkpoint of the witnesses that promises no more than is shown.
    pub fn cosigned(&self) -> Option<&(u64, String)> {
        self.cosigned.iter().rev().find(|(size, _)| *size <= self.size)
    }
}

impl City {
    /// What the public is shown at this moment, brought up to date; `None` where that is the whole log.
    pub(crate) fn shown(&self) -> Result<Option<MutexGuard<'_, Shown>>> {
        let Some(published) = &self.published else { return Ok(None) };
        let mut shown = published.shown();
        let before = shown.size;
        let cutoff = self.now().plus_millis(-published.delay_ms);
        shown.take(&self.log, self.log.size(), Some(cutoff))?;
        if shown.size > before {
            shown.checkpoint = self.log.checkpoint_of(shown.size)?;
            // On disk before anybody sees it.
            write_atomic(&published.file, shown.checkpoint.as_bytes())?;
        }
        let size = shown.size;
        while shown.cosigned.get(1).is_some_and(|(next, _)| *next <= size) {
            shown.cosigned.pop_front();
        }
        Ok(Some(shown))
    }

    /// Keeps what the witnesses have signed until it may be shown.
    pub(crate) fn keep_cosigned(&self, size: u64, text: &str) {
        let Some(published) = &self.published else { return };
        let mut shown = published.shown();
        shown.cosigned.push_back((size, text.to_owned()));
        if shown.cosigned.len() > WAITING {
            // Every second one goes: what is shown stays near what may be.
            let mut keep = false;
            shown.cosigned.retain(|_| {
                keep = !keep;
                keep
            });
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
            None => self.log.file(path),
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
