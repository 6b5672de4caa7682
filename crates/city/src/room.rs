//! When the disk fills, pictures go first, step by step, and come back by themselves; then reads wait at their
//! cameras; the log stops last of all.
//!
//! Pictures are nine tenths of a city's bytes, and none of what it searches. A hit keeps its own picture at every
//! step: a person has to compare it. Each step is on the log, because who looks for a picture later shall know why
//! there is none. A step is undone three points below the share at which it was taken, so that it is not taken and
//! undone with every file.

use crate::{City, PicturePlace};
use base::{Error, Result};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Of so many reads one keeps its picture while they are thinned.
const ONE_OF: u8 = 4;
/// So far below its share a step is undone, in points of a hundred.
const BACK: f64 = 3.0;
/// What is left to the log when reads are taken no more: a fiftieth of the disk, and at most this.
const RESERVE: u64 = 200 << 20;
/// Where it is remembered which step is on the log.
const SAID: &str = "room/step";

/// What happens to the pictures of reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// They are kept.
    #[default]
    All,
    /// Of four reads one keeps its picture.
    Thinned,
    /// Reads are kept without.
    Bare,
}

impl Step {
    /// How the log spells it.
    pub fn word(self) -> &'static str {
        match self {
            Step::All => "all",
            Step::Thinned => "thinned",
            Step::Bare => "none",
        }
    }

    fn of(word: &str) -> Option<Self> {
        [Step::All, Step::Thinned, Step::Bare].into_iter().find(|step| step.word() == word)
    }

    /// The step that follows at this share of the disk, in percent; `thin` and `bare` are where steps are taken.
    fn after(self, used: f64, thin: f64, bare: f64) -> Self {
        let at = |limit: f64, taken: bool| used >= if taken { limit - BACK } else { limit };
        match () {
            () if at(bare, self >= Step::Bare) => Step::Bare,
            () if at(thin, self >= Step::Thinned) => Step::Thinned,
            () => Step::All,
        }
    }

    /// Whether a read keeps its picture; the read's id decides, so that it is the same however often it comes.
    pub(crate) fn keeps(self, read: &base::ReadId) -> bool {
        match self {
            Step::All => true,
            Step::Thinned => read.bytes()[15].is_multiple_of(ONE_OF),
            Step::Bare => false,
        }
    }
}

/// What is known of the disks.
#[derive(Default)]
pub(crate) struct Room {
    step: Mutex<Option<Step>>,
    /// Bytes that are free and all there are, as a test says; half where it says nothing.
    #[cfg(test)]
    pub(crate) said: Mutex<Option<(u64, u64)>>,
}

impl Room {
    #[cfg(test)]
    fn said(&self) -> Option<(u64, u64)> {
        Some(self.said.lock().unwrap().unwrap_or((50, 100)))
    }

    #[cfg(not(test))]
    fn said(&self) -> Option<(u64, u64)> {
        None
    }
}

fn disk(place: &Path) -> Result<(u64, u64)> {
    let disk = nix::sys::statvfs::statvfs(place).map_err(|e| {
        let say = format!("The room on the disk of {} is unknown.", place.display());
        Error::unavailable(say).because(e)
    })?;
    let bytes = |blocks: u64| blocks.saturating_mul(disk.fragment_size());
    let used = disk.blocks().saturating_sub(disk.blocks_free());
    Ok((bytes(disk.blocks_available()), bytes(used.saturating_add(disk.blocks_available()))))
}

fn share((free, all): (u64, u64)) -> f64 {
    100.0 - free as f64 * 100.0 / all.max(1) as f64
}

impl City {
    /// Bytes that are free for ordinary processes, and all that such processes can ever use: what a disk keeps for root
    /// is neither.
    fn room_of(&self, place: &Path) -> Result<(u64, u64)> {
        match self.room.said() {
            Some(said) => Ok(said),
            None => disk(place),
        }
    }

    /// The folder of pictures, where they are on a disk of this machine.
    fn picture_folder(&self) -> Option<PathBuf> {
        let of = &self.config.pictures;
        (of.place == PicturePlace::Folder).then(|| self.dir.join(&of.folder))
    }

    /// How full the disk is that pictures lie on, in percent; `None` where they lie elsewhere.
    pub(crate) fn picture_disk(&self) -> Option<f64> {
        let folder = self.picture_folder()?;
        // Before the first picture there is no folder.
        self.room_of(&folder).or_else(|_| self.room_of(&self.dir)).ok().map(share)
    }

    /// What happens to pictures now; a change is put on the log.
    pub fn picture_step(&self) -> Result<Step> {
        let limits = &self.config.upkeep;
        let (thin, bare) = (f64::from(limits.thin_percent), f64::from(limits.bare_percent));
        let Some(used) = self.picture_disk() else { return Ok(Step::All) };
        let mut held = self.room.step.lock().unwrap_or_else(PoisonError::into_inner);
        let before = match *held {
            Some(step) => step,
            None => self.store.meta(SAID)?.and_then(|word| Step::of(&word)).unwrap_or_default(),
        };
        let step = before.after(used, thin, bare);
        if step != before {
            // The log may be what has no room: then it is told with the next look, and pictures go all the same.
            let said = self.say_step(step, used);
            if let Err(e) = said {
                tracing::error!(error = %e.inside(), "what happens to pictures is not on the log yet");
                return Ok(step);
            }
        }
        *held = Some(step);
        Ok(step)
    }

    fn say_step(&self, step: Step, used: f64) -> Result<()> {
        let leaf = self.leaf("pictures.step").fact("pictures", step.word());
        let entry = self.log.append(&leaf.fact("disk_percent", used.floor() as u64))?;
        self.store.set_meta(SAID, step.word())?;
        tracing::warn!(pictures = step.word(), used, "the disk of the pictures");
        self.emit(crate::Event { log_entry: Some(entry.index), ..self.event("pictures.step") });
        Ok(())
    }

    /// Whether reads may still be taken: the last of the disk is the log's.
    pub(crate) fn room_for_reads(&self) -> Result<()> {
        let (free, all) = self.room_of(&self.dir)?;
        if free >= RESERVE.min(all / 50) {
            return Ok(());
        }
        Err(Error::unavailable(
            "The city's disk is full but for what its log needs; reads wait at their cameras until there is room.",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kit::Town;

    #[test]
    fn a_step_is_undone_below_where_it_was_taken() {
        let check = |shares: &[f64], steps: &str| {
            let mut step = Step::All;
            let got: String = shares
                .iter()
                .map(|used| {
                    step = step.after(*used, 85.0, 95.0);
                    step.word().chars().next().unwrap()
                })
                .collect();
            assert_eq!(got, steps, "{shares:?}");
        };
        check(&[84.9, 85.0, 84.0, 82.1, 81.9, 84.9], "atttaa");
        check(&[96.0, 94.0, 92.1, 91.9, 83.0, 81.0], "nnntta");
        check(&[99.0, 10.0], "na");
    }

    /// Fill the disk, and make room again: each step once on the log, and undone by itself.
    #[test]
    fn each_step_is_on_the_log_and_ends_by_itself() {
        let town = Town::new("2026-11-23T12:00:00Z", "");
        let fill = |percent: u64| {
            *town.city.room.said.lock().unwrap() = Some(((100 - percent) << 30, 100 << 30));
            town.city.picture_step().unwrap()
        };
        let said = || -> Vec<String> {
            let facts = town.logged("pictures.step").into_iter();
            facts.map(|leaf| leaf.text("pictures").unwrap().to_owned()).collect()
        };
        assert_eq!((fill(50), fill(86), fill(86)), (Step::All, Step::Thinned, Step::Thinned));
        assert_eq!((fill(96), fill(93)), (Step::Bare, Step::Bare));
        assert!(town.city.room_for_reads().is_ok(), "reads go on, without pictures");
        *town.city.room.said.lock().unwrap() = Some((100 << 20, 100 << 30));
        let e = town.city.room_for_reads().unwrap_err();
        assert!(e.message().contains("disk"), "{e}");
        town.city.announce().unwrap();
        assert_eq!((fill(90), fill(40)), (Step::Thinned, Step::All));
        assert_eq!(said(), ["thinned", "none", "thinned", "all"]);
    }

    #[test]
    fn of_four_reads_one_keeps_its_picture() {
        let now = crate::kit::at("2026-11-23T12:00:00Z");
        let kept =
            (0..4000).filter(|_| Step::Thinned.keeps(&base::ReadId::new(now, base::random())));
        let kept = kept.count();
        assert!((800..1200).contains(&kept), "{kept}");
    }
}
