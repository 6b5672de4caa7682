//! Whose place it is, and what becomes of packs: forgotten with their day, swept if nobody names them.

use super::album::{Album, There};
use super::pack::{Of, PackId};
use crate::days::Slot;
use crate::engine::{Arg, Db};
use crate::open::{Store, hold};
use base::{Day, Error, HitId, Result, Time, random};
use std::collections::{BTreeMap, BTreeSet};

/// Where the control data says which place is this store's.
const PLACE: &str = "pictures";

/// How rows and packs agree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PictureCheck {
    /// How many packs rows name.
    pub packs: u64,
    /// What rows name and is not there whole, in sentences.
    pub wrong: Vec<String>,
    /// How many packs no row names: left by a crash, or by a batch that came twice at a time.
    pub orphans: u64,
    /// Their bytes.
    pub orphan_bytes: u64,
}

impl Store {
    /// The place of the pictures, once it is known to be this store's.
    pub(crate) fn album(&self) -> Result<&Album> {
        let mut claimed = hold(&self.album.claimed);
        if !*claimed {
            self.claim()?;
            *claimed = true;
        }
        Ok(&self.album)
    }

    /// Whether the pictures' place answers and is this store's.
    pub fn pictures_answer(&self) -> Result<()> {
        // Before the place is claimed, which waits longer, and for whoever else does.
        self.album.owner_soon()?;
        self.album()?.owner_soon()?.map(drop).ok_or_else(elsewhere)
    }

    /// A place that another store uses would lose its packs to our sweep, and one that is not where
    /// ours lie would look like a great loss. So both sides write the same name down: first here as
    /// meant, then there, then here as done.
    fn claim(&self) -> Result<()> {
        let noted = self
            .control()
            .first("SELECT value FROM meta WHERE key = ?1", &[Arg::from(PLACE)])?
            .map(|mut row| row.get::<String>(0))
            .transpose()?;
        let there = self.album.owner()?;
        if let Some(name) = noted.as_deref().and_then(|n| n.strip_prefix("made ")) {
            return match there {
                Some(there) if there == name => Ok(()),
                Some(_) => Err(anothers()),
                None => Err(elsewhere()),
            };
        }
        let name = match noted.as_deref().and_then(|n| n.strip_prefix("making ")) {
            Some(name) => name.to_owned(),
            None => base::hex(&random::<16>()),
        };
        if there.as_ref().is_some_and(|there| *there != name) {
            return Err(anothers());
        }
        self.note_place(&format!("making {name}"))?;
        self.album.own(&name)?;
        if self.album.owner()?.as_deref() != Some(name.as_str()) {
            return Err(anothers());
        }
        self.note_place(&format!("made {name}"))
    }

    /// For a store that was put together from a copy: a place that says nobody's name is this store's again, with
    /// what pictures it has. A bucket that is away keeps nobody from going on.
    pub fn own_pictures_again(&self) -> Result<()> {
        let noted = "SELECT value FROM meta WHERE key = ?1";
        let noted = self.control().first(noted, &[Arg::from(PLACE)])?;
        let noted = noted.map(|mut row| row.get::<String>(0)).transpose()?;
        let Some(name) = noted.as_deref().and_then(|noted| noted.strip_prefix("made ")) else {
            return Ok(());
        };
        let owned = self.album.owner().and_then(|there| match there {
            None => self.album.own(name),
            Some(_) => Ok(()),
        });
        match owned {
            Err(e) if !self.album.is_folder() && e.kind() == base::Kind::Unavailable => Ok(()),
            done => done,
        }
    }

    fn note_place(&self, value: &str) -> Result<()> {
        self.control().exec(
            "INSERT INTO meta (key, value) VALUES (?1, ?2) \
             ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            &[Arg::from(PLACE), Arg::from(value)],
        )?;
        Ok(())
    }

    /// Removes the pictures of every dropped day, and those of hits from before `limit`, whose rows say
    /// so first. What cannot be removed now is by the next call.
    pub fn forget_pictures(&self, limit: Time) -> Result<()> {
        let last = limit.day();
        let bound = HitId::new(last.start(), [0; 10]);
        self.control().exec(
            "UPDATE sealed_hits SET picture = NULL, pack = NULL, pack_at = NULL, pack_len = NULL, \
             pack_hash = NULL WHERE id < ?1 AND (pack IS NOT NULL OR picture IS NOT NULL)",
            &[Arg::from(bound.bytes())],
        )?;
        const WAITING: &str = "SELECT day FROM partitions WHERE dropped = 1 AND cleared IS NULL";
        let rows = self.control().query(WAITING, &[])?;
        let album = self.album()?;
        for mut row in rows {
            let day: Day = row.get(0)?;
            album.drop_day(Of::Reads, day)?;
            let sql = "UPDATE partitions SET cleared = 1 WHERE day = ?1";
            self.control().exec(sql, &[Arg::from(day)])?;
        }
        for day in album.days(Of::Hits)?.into_iter().filter(|day| *day < last) {
            album.drop_day(Of::Hits, day)?;
        }
        Ok(())
    }

    /// Removes packs that no row names and that were written before `before`; younger ones may belong
    /// to a batch that is being stored. Looks at every day once after the store was opened, and then at those that took
    /// packs, until nothing of them is too young. Returns how many went.
    ///
    /// # Errors
    /// The first of what failed. The other days are swept all the same, and that one by the next call.
    pub fn sweep_pictures(&self, before: Time) -> Result<u64> {
        let album = self.album()?;
        let mut left = album.take_unswept()?;
        // A hit's row is in its day's database until it is relayed.
        let (hits, mut first) = match self.relay().and_then(|_| self.named_hits()) {
            Ok(hits) => (Some(hits), None),
            Err(e) => (None, Some(e)),
        };
        let mut gone = 0;
        for (of, day) in left.clone() {
            let named = match (of, &hits) {
                (Of::Reads, _) => self.named_reads(day),
                (Of::Hits, Some(hits)) => Ok(Some(hits.get(&day).cloned().unwrap_or_default())),
                (Of::Hits, None) => continue,
            };
            match named.and_then(|named| sweep(album, of, day, named.as_ref(), before)) {
                Ok(Swept { removed, kept }) => {
                    gone += removed;
                    if !kept {
                        left.remove(&(of, day));
                    }
                }
                Err(e) => {
                    first.get_or_insert(e);
                }
            }
        }
        album.put_back_unswept(left);
        first.map_or(Ok(gone), Err)
    }

    /// Rows beside packs. Whether a pack's bytes are what they were is seen when they are opened.
    pub fn check_pictures(&self) -> Result<PictureCheck> {
        let mut out = PictureCheck::default();
        let album = self.album()?;
        let mut days: BTreeSet<Day> = album.days(Of::Reads)?.into_iter().collect();
        days.extend(self.days()?);
        for day in days {
            match self.named_reads(day) {
                Ok(Some(named)) => compare(album, Of::Reads, day, &named, &mut out)?,
                Ok(None) => {}
                // What is wrong with the day itself `check` says.
                Err(e) => tracing::error!(%day, error = %e.inside(), "pictures of a day"),
            }
        }
        let mut hits = self.named_hits()?;
        for day in album.days(Of::Hits)? {
            hits.entry(day).or_default();
        }
        for (day, named) in hits {
            compare(album, Of::Hits, day, &named, &mut out)?;
        }
        Ok(out)
    }

    /// The packs that the reads of a day name, with their sizes. A day that is lost, which `check` says,
    /// is `None`: its packs must wait for it.
    fn named_reads(&self, day: Day) -> Result<Option<Named>> {
        if let Some(named) = self.in_old_day(day, |db| packs(db))? {
            return Ok(Some(named));
        }
        let kept = "SELECT day FROM partitions WHERE day = ?1 AND dropped = 0";
        let lost = self.control().first(kept, &[Arg::from(day)])?.is_some();
        Ok(if lost { None } else { Some(Named::new()) })
    }

    /// The packs that hits name, with the bytes that they must have at least.
    fn named_hits(&self) -> Result<BTreeMap<Day, Named>> {
        const NAMED: &str =
            "SELECT id, pack, pack_at, pack_len FROM sealed_hits WHERE pack IS NOT NULL";
        let mut out: BTreeMap<Day, Named> = BTreeMap::new();
        for mut row in self.control().query(NAMED, &[])? {
            let day = row.id(0, HitId::from_bytes)?.time().day();
            let end = row.get::<i64>(2)?.saturating_add(row.get(3)?);
            let least = out.entry(day).or_default().entry(row.get(1)?).or_insert(0);
            *least = (*least).max(end.unsigned_abs());
        }
        Ok(out)
    }

    /// Refuses a day that takes no reads any more, before a pack is written for it.
    pub(crate) fn takes_day(&self, day: Day) -> Result<()> {
        let slot = self.days.slot(day);
        let slot = hold(&slot);
        match *slot {
            Slot::Dropped => Err(crate::days::forgotten(day)),
            _ => Ok(()),
        }
    }
}

/// Packs and their bytes.
type Named = BTreeMap<PackId, u64>;

fn packs(db: &Db) -> Result<Named> {
    let rows = db.query("SELECT id, bytes FROM packs", &[])?;
    rows.into_iter().map(|mut row| Ok((row.get(0)?, row.get::<i64>(1)?.unsigned_abs()))).collect()
}

/// What became of a day's packs.
struct Swept {
    removed: u64,
    /// Whether there are packs that no row names still.
    kept: bool,
}

/// A day whose rows are lost, `None`, keeps all of them.
fn sweep(album: &Album, of: Of, day: Day, named: Option<&Named>, before: Time) -> Result<Swept> {
    let Some(named) = named else { return Ok(Swept { removed: 0, kept: true }) };
    let mut swept = Swept { removed: 0, kept: false };
    for pack in album.packs(of, day)?.iter().filter(|pack| !named.contains_key(&pack.id)) {
        if pack.written < before {
            album.remove(of, day, &pack.id)?;
            swept.removed += 1;
        } else {
            swept.kept = true;
        }
    }
    Ok(swept)
}

fn compare(album: &Album, of: Of, day: Day, named: &Named, out: &mut PictureCheck) -> Result<()> {
    let there: BTreeMap<PackId, There> =
        album.packs(of, day)?.into_iter().map(|pack| (pack.id, pack)).collect();
    let missing = named.keys().filter(|id| !there.contains_key(*id)).count();
    let short =
        named.iter().filter(|(id, bytes)| there.get(*id).is_some_and(|pack| pack.bytes < **bytes));
    let short = short.count();
    for (many, how) in [(missing, "missing"), (short, "cut off")] {
        if many > 0 {
            let what = of.word();
            out.wrong.push(format!(
                "Pictures of {what} of {day}: {many} packs are {how}; restore {what}/{day} of the pictures from a \
                 backup. The {what} themselves are whole and are answered without them."
            ));
        }
    }
    out.packs += named.len() as u64;
    for pack in there.values().filter(|pack| !named.contains_key(&pack.id)) {
        out.orphans += 1;
        out.orphan_bytes += pack.bytes;
    }
    Ok(())
}

fn anothers() -> Error {
    Error::conflict(
        "Another store's pictures lie in the place that [pictures] names; choose another folder or prefix.",
    )
}

/// The empty place of a disk that is not there yet looks like this, and that may be over in a moment.
fn elsewhere() -> Error {
    Error::unavailable(
        "This store's pictures are not in the place that [pictures] names; is its disk mounted? Otherwise correct it, or \
         copy them there whole.",
    )
}
