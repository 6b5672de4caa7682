//! Hits: questions to people, and their answers.

use crate::engine::{Arg, Row, Tx};
use crate::open::Store;
use crate::pictures::Of;
use crate::reads::hit_copy;
use crate::rows::{HitChange, HitRow, SuspensionRow};
use base::{CameraId, Day, EntryId, Error, HitId, ReadId, Result, Time};
use custody::SealedHit;
use std::collections::BTreeMap;

macro_rules! select_hits {
    ($rest:literal) => {
        concat!(
            "SELECT id, list, entry, camera, read, captured, probability_ppm, state, card, \
             version, logged, basis, finding, raised FROM hits ",
            $rest
        )
    };
}

fn hit_row(mut row: Row) -> Result<HitRow> {
    Ok(HitRow {
        id: row.id(0, HitId::from_bytes)?,
        list: row.parsed(1)?,
        entry: row.parsed(2)?,
        camera: row.parsed(3)?,
        read: row.id(4, ReadId::from_bytes)?,
        captured: row.get(5)?,
        probability_ppm: row.get(6)?,
        state: row.get(7)?,
        card_json: row.maybe(8)?,
        version: row.get(9)?,
        raised_logged: row.get(10)?,
        basis: row.maybe::<String>(11)?.and_then(|json| serde_json::from_str(&json).ok()),
        finding: row.maybe(12)?,
        raised: row.maybe(13)?,
    })
}

fn suspension_row(mut row: Row) -> Result<SuspensionRow> {
    Ok(SuspensionRow {
        camera: row.parsed(0)?,
        at: row.get(1)?,
        state: row.get(2)?,
        json: row.get(3)?,
        owes: row.get(4)?,
    })
}

/// Adds to how many forgotten hits of a camera and day were found to be this.
fn count_finding(tx: &mut Tx<'_>, camera: &str, day: Day, finding: &str, more: i64) -> Result<()> {
    let key = [Arg::from(camera), Arg::from(day), Arg::from(finding)];
    let there = tx
        .first("SELECT hits FROM findings WHERE camera = ?1 AND day = ?2 AND finding = ?3", &key)?;
    let there: i64 = there.map_or(Ok(0), |mut row| row.get(0))?;
    let [camera, day, finding] = key;
    tx.exec(
        "INSERT INTO findings (camera, day, finding, hits) VALUES (?1, ?2, ?3, ?4) \
         ON CONFLICT (camera, day, finding) DO UPDATE SET hits = excluded.hits",
        &[camera, day, finding, Arg::from(there + more)],
    )?;
    Ok(())
}

fn no_hit() -> Error {
    Error::not_found("There is no such hit.")
}

impl Store {
    /// At most `limit` hits, the newest first, from before the one that is named.
    pub fn hits(&self, limit: u32, before: Option<HitId>) -> Result<Vec<HitRow>> {
        let limit = Arg::from(i64::from(limit));
        let rows = match &before {
            None => self.control().query(select_hits!("ORDER BY id DESC LIMIT ?1"), &[limit])?,
            Some(id) => self.control().query(
                select_hits!("WHERE id < ?1 ORDER BY id DESC LIMIT ?2"),
                &[Arg::from(id.bytes()), limit],
            )?,
        };
        rows.into_iter().map(hit_row).collect()
    }

    /// One hit.
    pub fn hit(&self, id: &HitId) -> Result<Option<HitRow>> {
        let args = [Arg::from(id.bytes())];
        self.control().first(select_hits!("WHERE id = ?1"), &args)?.map(hit_row).transpose()
    }

    /// How many hits wait for a person.
    pub fn open_hits(&self) -> Result<u64> {
        let waiting = "SELECT count(*) FROM hits WHERE state IN ('open', 'second')";
        let row = self.control().first(waiting, &[])?;
        let count: i64 = row.map(|mut row| row.get(0)).transpose()?.unwrap_or_default();
        Ok(count.unsigned_abs())
    }

    /// Hits that the public log does not know yet, the oldest first.
    pub fn hits_to_log(&self) -> Result<Vec<HitRow>> {
        let rows = self.control().query(select_hits!("WHERE logged = 0 ORDER BY id"), &[])?;
        rows.into_iter().map(hit_row).collect()
    }

    /// Notes that a hit is on the public log, and that it came here at this moment if that was not noted before.
    pub fn mark_hit_logged(&self, id: &HitId, raised: Time) -> Result<()> {
        let args = [Arg::from(id.bytes()), Arg::from(raised)];
        let done = "UPDATE hits SET logged = 1, raised = coalesce(raised, ?2) WHERE id = ?1";
        match self.control().exec(done, &args)? {
            0 => Err(no_hit()),
            _ => Ok(()),
        }
    }

    /// A hit's own sealed copy of its read.
    pub fn sealed_hit(&self, id: &HitId) -> Result<SealedHit> {
        let row = self.control().first(
            "SELECT id, epoch_start, epoch_len, wrapped, body, picture, pack, pack_at, pack_len, \
             pack_hash FROM sealed_hits WHERE id = ?1",
            &[Arg::from(id.bytes())],
        )?;
        let (mut copy, placed) = hit_copy(row.ok_or_else(no_hit)?)?;
        if let Some(placed) = placed {
            let wanted = [(Of::Hits, copy.id.time().day(), placed)];
            copy.picture = self.album()?.fetch(&wanted)?.pop().flatten();
        }
        Ok(copy)
    }

    /// At most `limit` hits of which something was said that may not be on the log yet, from behind `after`.
    pub fn hits_owed(&self, limit: u32, after: Option<HitId>) -> Result<Vec<HitRow>> {
        let after = after.map_or([0; 16], |id| *id.bytes());
        let args = [Arg::from(&after), Arg::from(i64::from(limit))];
        let rows = self
            .control()
            .query(select_hits!("WHERE owes = 1 AND id > ?1 ORDER BY id LIMIT ?2"), &args)?;
        rows.into_iter().map(hit_row).collect()
    }

    /// Notes that all is on the log that was said of a hit up to this version, and how its card is spelled now.
    pub fn acts_logged(&self, id: &HitId, version: i64, card_json: &str) -> Result<()> {
        let args = [Arg::from(id.bytes()), Arg::from(version), Arg::from(card_json)];
        let done = "UPDATE hits SET owes = 0, card = ?3 WHERE id = ?1 AND version = ?2";
        self.control().exec(done, &args)?;
        Ok(())
    }

    /// Records what an act makes of a hit as its person saw it; the log owes it from now on. If it has changed since,
    /// this is a [`base::Kind::Conflict`] and nothing happens.
    pub fn change_hit(&self, id: &HitId, to: &HitChange) -> Result<()> {
        let changed = self.control().exec(
            "UPDATE hits SET state = ?3, card = ?4, finding = ?5, version = version + 1, owes = 1 \
             WHERE id = ?1 AND version = ?2",
            &[
                Arg::from(id.bytes()),
                Arg::from(to.version),
                Arg::from(to.state.as_str()),
                Arg::from(to.card_json.as_str()),
                Arg::from(to.finding.as_deref()),
            ],
        )?;
        match changed {
            1 => Ok(()),
            _ if self.hit(id)?.is_none() => Err(no_hit()),
            _ => Err(Error::conflict("Somebody else has decided this hit; look at it again.")),
        }
    }

    /// At most `limit` hits that stand so, the newest first.
    pub fn hits_that_are(&self, state: &str, limit: u32) -> Result<Vec<HitRow>> {
        let args = [Arg::from(state), Arg::from(i64::from(limit))];
        let rows = self
            .control()
            .query(select_hits!("WHERE state = ?1 ORDER BY id DESC LIMIT ?2"), &args)?;
        rows.into_iter().map(hit_row).collect()
    }

    /// At most `limit` hits of an entry, the newest first.
    pub fn hits_of_entry(&self, entry: &EntryId, limit: u32) -> Result<Vec<HitRow>> {
        let args = [Arg::from(entry.as_str()), Arg::from(i64::from(limit))];
        let rows = self
            .control()
            .query(select_hits!("WHERE entry = ?1 ORDER BY id DESC LIMIT ?2"), &args)?;
        rows.into_iter().map(hit_row).collect()
    }

    /// How many hits of this camera that were captured from this moment on were found to be what, by finding. Those that
    /// are forgotten count from the day after on.
    pub fn findings(&self, camera: &CameraId, from: Time) -> Result<Vec<(String, u64)>> {
        let first = HitId::new(from, [0; 10]);
        let camera = Arg::from(camera.as_str());
        let control = self.control();
        let kept = control.query(
            "SELECT finding, count(*) FROM hits WHERE camera = ?1 AND id >= ?2 AND finding IS NOT NULL \
             GROUP BY finding",
            &[camera, Arg::from(first.bytes())],
        )?;
        let forgotten = control.query(
            "SELECT finding, hits FROM findings WHERE camera = ?1 AND day > ?2",
            &[camera, Arg::from(from.day())],
        )?;
        let mut all: BTreeMap<String, u64> = BTreeMap::new();
        for mut row in kept.into_iter().chain(forgotten) {
            *all.entry(row.get(0)?).or_default() += row.get::<i64>(1)?.unsigned_abs();
        }
        Ok(all.into_iter().collect())
    }

    /// Forgets the hits of the days before that of `limit`, with their copies: places, moments, entries and what people
    /// said. How many were found to be what stays, by camera and day.
    pub fn forget_hits(&self, limit: Time) -> Result<()> {
        let bound = HitId::new(limit.day().start(), [0; 10]);
        let bound = [Arg::from(bound.bytes())];
        let mut control = self.control();
        let gone = {
            let mut tx = control.begin()?;
            let decided = tx.query(
                "SELECT camera, captured, finding FROM hits WHERE id < ?1 AND finding IS NOT NULL",
                &bound,
            )?;
            let mut counts: BTreeMap<(String, Day, String), i64> = BTreeMap::new();
            for mut row in decided {
                let captured: Time = row.get(1)?;
                *counts.entry((row.get(0)?, captured.day(), row.get(2)?)).or_default() += 1;
            }
            for ((camera, day, finding), count) in &counts {
                count_finding(&mut tx, camera, *day, finding, *count)?;
            }
            let gone = tx.exec("DELETE FROM hits WHERE id < ?1", &bound)?
                + tx.exec("DELETE FROM sealed_hits WHERE id < ?1", &bound)?;
            tx.commit()?;
            gone
        };
        if gone > 0 {
            control.settle("hits")?;
            control.settle("sealed_hits")?;
        }
        Ok(())
    }

    /// Forgets how many hits of before a day were found to be what.
    pub fn forget_findings(&self, before: Day) -> Result<()> {
        self.control().exec("DELETE FROM findings WHERE day < ?1", &[Arg::from(before)])?;
        Ok(())
    }

    /// Whether each camera's hits wait, as was said last; cameras of which nothing was said are left out.
    pub fn suspensions(&self) -> Result<Vec<SuspensionRow>> {
        let rows = self.control().query(
            "SELECT s.camera, s.at, s.state, s.json, s.owes FROM suspensions AS s WHERE s.at = \
             (SELECT max(t.at) FROM suspensions AS t WHERE t.camera = s.camera) ORDER BY s.camera",
            &[],
        )?;
        rows.into_iter().map(suspension_row).collect()
    }

    /// What was said of cameras and is not on the log yet, the oldest first.
    pub fn suspensions_owed(&self) -> Result<Vec<SuspensionRow>> {
        let rows = self.control().query(
            "SELECT camera, at, state, json, owes FROM suspensions WHERE owes = 1 ORDER BY at, camera",
            &[],
        )?;
        rows.into_iter().map(suspension_row).collect()
    }

    /// Notes that it is on the log.
    pub fn suspension_logged(&self, camera: &CameraId, at: Time) -> Result<()> {
        let args = [Arg::from(camera.as_str()), Arg::from(at)];
        let done = "UPDATE suspensions SET owes = 0 WHERE camera = ?1 AND at = ?2";
        self.control().exec(done, &args)?;
        Ok(())
    }

    /// Says whether a camera's hits wait. Said again of the same moment it changes nothing.
    pub fn put_suspension(&self, row: &SuspensionRow) -> Result<()> {
        self.control().exec(
            "INSERT INTO suspensions (camera, at, state, json, owes) VALUES (?1, ?2, ?3, ?4, ?5) \
             ON CONFLICT (camera, at) DO NOTHING",
            &[
                Arg::from(row.camera.as_str()),
                Arg::from(row.at),
                Arg::from(row.state.as_str()),
                Arg::from(row.json.as_str()),
                Arg::from(i64::from(row.owes)),
            ],
        )?;
        Ok(())
    }

    /// Keeps that a shift took over.
    pub fn put_handover(&self, at: Time, json: &str) -> Result<()> {
        self.control().exec(
            "INSERT INTO handovers (at, json) VALUES (?1, ?2) ON CONFLICT (at) DO NOTHING",
            &[Arg::from(at), Arg::from(json)],
        )?;
        Ok(())
    }

    /// The last time that a shift took over, and what was written of it.
    pub fn last_handover(&self) -> Result<Option<(Time, String)>> {
        let row =
            self.control().first("SELECT at, json FROM handovers ORDER BY at DESC LIMIT 1", &[])?;
        row.map(|mut row| Ok((row.get(0)?, row.get(1)?))).transpose()
    }
}
