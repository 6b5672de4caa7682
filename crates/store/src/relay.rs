//! The relay: what the jobs left behind in the files of the days goes to the control data, once.
//!
//! A step reads some effects beyond the position that the control data holds, and writes what they
//! mean *and* the new position in one transaction there. A crash before the commit leaves both as
//! they were, one after it leaves both done; the next relay goes on from the position it finds.

use crate::engine::{Arg, Tx};
use crate::open::{Store, hold};
use crate::pictures::Placed;
use crate::put::put_hit_copy;
use crate::reads::hit_copy;
use base::{CameraId, Day, Error, HitId, Result, Time};
use custody::SealedHit;
use read::Effect;

/// So many effects are applied in a transaction.
const STEP: i64 = 100;

/// An effect with what its row of control data needs from the file of the day.
struct Waiting {
    seq: i64,
    effect: Effect,
    camera: CameraId,
    captured: Time,
    copy: SealedHit,
    picture: Option<Placed>,
}

impl Store {
    /// Applies what is waiting, exactly once, and returns the hits that are new. A day that cannot be read holds
    /// up no other: what its error was is the answer once all others are done.
    pub fn relay(&self) -> Result<Vec<HitId>> {
        let stuck: Vec<Day> = hold(&self.days.stuck).keys().copied().collect();
        hold(&self.days.pending).extend(stuck);
        self.relay_new()
    }

    /// The same without days that could not be read before: those wait for the next [`Store::relay`].
    pub fn relay_new(&self) -> Result<Vec<HitId>> {
        let _one = hold(&self.relaying);
        let (mut new, mut failed) = (Vec::new(), None);
        loop {
            let next = hold(&self.days.pending).pop_first();
            let Some(day) = next else { return failed.map_or(Ok(new), Err) };
            match self.relay_day(day, &mut new) {
                Ok(()) => _ = hold(&self.days.stuck).remove(&day),
                Err(e) => {
                    hold(&self.days.stuck).insert(day, (e.kind(), e.message().to_owned()));
                    failed.get_or_insert(e);
                }
            }
        }
    }

    /// Whether what is waiting in every day could be applied the last time.
    ///
    /// # Errors
    /// What was wrong with the oldest day of which it could not.
    pub fn days_answer(&self) -> Result<()> {
        let stuck = hold(&self.days.stuck);
        match stuck.first_key_value() {
            None => Ok(()),
            Some((_, (kind, message))) => Err(Error::new(*kind, message.clone())),
        }
    }

    /// The same of one day.
    ///
    /// # Errors
    /// What was wrong with it.
    pub fn day_answers(&self, day: Day) -> Result<()> {
        match hold(&self.days.stuck).get(&day) {
            None => Ok(()),
            Some((kind, message)) => Err(Error::new(*kind, message.clone())),
        }
    }

    /// Whether any day could be read, if there are days: what is wrong with all of them is not in their files.
    ///
    /// # Errors
    /// What was wrong with the oldest.
    pub fn some_day_answers(&self) -> Result<()> {
        let days = self.days()?;
        let all = {
            let stuck = hold(&self.days.stuck);
            days.iter().all(|day| stuck.contains_key(day))
        };
        if all { self.days_answer() } else { Ok(()) }
    }

    fn relay_day(&self, day: Day, new: &mut Vec<HitId>) -> Result<()> {
        loop {
            let position = self.position(day)?;
            let waiting = self.waiting(day, position)?;
            let Some(last) = waiting.last() else { return Ok(()) };
            let mut control = self.control();
            let mut tx = control.begin()?;
            let mut made = Vec::new();
            for one in &waiting {
                made.extend(apply(&mut tx, one)?);
            }
            // The day is registered before its file is made; a restored control file may lag.
            tx.exec(
                "INSERT INTO partitions (day, relayed, dropped) VALUES (?1, ?2, 0) \
                 ON CONFLICT (day) DO UPDATE SET relayed = excluded.relayed",
                &[Arg::from(day), Arg::from(last.seq)],
            )?;
            tx.commit()?;
            new.extend(made);
        }
    }

    /// Up to which number a day's effects are applied.
    pub(crate) fn position(&self, day: Day) -> Result<i64> {
        let row = self
            .control()
            .first("SELECT relayed FROM partitions WHERE day = ?1", &[Arg::from(day)])?;
        row.map_or(Ok(0), |mut row| row.get(0))
    }

    fn waiting(&self, day: Day, position: i64) -> Result<Vec<Waiting>> {
        const WAITING: &str = "SELECT e.seq, e.json, r.camera, r.captured \
            FROM effects AS e JOIN reads AS r ON r.id = e.read \
            WHERE e.seq > ?1 ORDER BY e.seq LIMIT ?2";
        const COPY: &str = "SELECT id, epoch_start, epoch_len, wrapped, body, picture, pack, \
            pack_at, pack_len, pack_hash FROM hit_copies WHERE id = ?1";
        let waiting = self.in_old_day(day, |db| {
            let rows = db.query(WAITING, &[Arg::from(position), Arg::from(STEP)])?;
            rows.into_iter()
                .map(|mut row| {
                    let effect: Effect = row.json(1)?;
                    let Effect::Hit { hit, .. } = &effect;
                    let copy = db.first(COPY, &[Arg::from(hit.bytes())])?.ok_or_else(|| {
                        Error::internal(format!(
                            "{} lost a hit's copy; run `homeplate check`.",
                            db.name()
                        ))
                    })?;
                    let (copy, picture) = hit_copy(copy)?;
                    Ok(Waiting {
                        seq: row.get(0)?,
                        effect,
                        camera: row.parsed(2)?,
                        captured: row.get(3)?,
                        copy,
                        picture,
                    })
                })
                .collect::<Result<Vec<_>>>()
        })?;
        Ok(waiting.unwrap_or_default())
    }
}

/// Writes what an effect means; returns the hit if there was none of this id.
fn apply(tx: &mut Tx<'_>, waiting: &Waiting) -> Result<Option<HitId>> {
    let Effect::Hit { hit, list, entry, read, probability_ppm, basis } = &waiting.effect;
    let basis = basis.as_ref().map(serde_json::to_string).transpose();
    let basis = basis.map_err(|e| Error::internal("A hit cannot be stored.").because(e))?;
    let changed = tx.exec(
        "INSERT INTO hits (id, list, entry, camera, read, captured, probability_ppm, state, \
         version, logged, basis) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 'open', 1, 0, ?8) \
         ON CONFLICT (id) DO NOTHING",
        &[
            Arg::from(hit.bytes()),
            Arg::from(list.as_str()),
            Arg::from(entry.as_str()),
            Arg::from(waiting.camera.as_str()),
            Arg::from(read.bytes()),
            Arg::from(waiting.captured),
            Arg::from(i64::from(*probability_ppm)),
            Arg::from(basis.as_deref()),
        ],
    )?;
    put_hit_copy(tx, "sealed_hits", &waiting.copy, waiting.picture.as_ref())?;
    Ok((changed == 1).then_some(*hit))
}
