//! Hits: questions to people, and their answers.

use crate::engine::{Arg, Row};
use crate::open::Store;
use crate::pictures::Of;
use crate::reads::hit_copy;
use crate::rows::HitRow;
use base::{Error, HitId, ReadId, Result};
use custody::SealedHit;

macro_rules! select_hits {
    ($rest:literal) => {
        concat!(
            "SELECT id, list, entry, camera, read, captured, probability_ppm, state, verdict, \
             version, logged, basis FROM hits ",
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
        verdict_json: row.maybe(8)?,
        version: row.get(9)?,
        raised_logged: row.get(10)?,
        basis: row.maybe::<String>(11)?.and_then(|json| serde_json::from_str(&json).ok()),
    })
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
        let row = self.control().first("SELECT count(*) FROM hits WHERE state = 'open'", &[])?;
        let count: i64 = row.map(|mut row| row.get(0)).transpose()?.unwrap_or_default();
        Ok(count.unsigned_abs())
    }

    /// Hits that the public log does not know yet, the oldest first.
    pub fn hits_to_log(&self) -> Result<Vec<HitRow>> {
        let rows = self.control().query(select_hits!("WHERE logged = 0 ORDER BY id"), &[])?;
        rows.into_iter().map(hit_row).collect()
    }

    /// Notes that a hit is on the public log.
    pub fn mark_hit_logged(&self, id: &HitId) -> Result<()> {
        let args = [Arg::from(id.bytes())];
        match self.control().exec("UPDATE hits SET logged = 1 WHERE id = ?1", &args)? {
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

    /// Records what a person decided of the hit as they saw it. If it has changed since, this is a
    /// [`base::Kind::Conflict`] and nothing happens.
    pub fn set_verdict(
        &self,
        id: &HitId,
        expected_version: i64,
        state: &str,
        json: &str,
    ) -> Result<()> {
        let changed = self.control().exec(
            "UPDATE hits SET state = ?3, verdict = ?4, version = version + 1 \
             WHERE id = ?1 AND version = ?2",
            &[
                Arg::from(id.bytes()),
                Arg::from(expected_version),
                Arg::from(state),
                Arg::from(json),
            ],
        )?;
        match changed {
            1 => Ok(()),
            _ if self.hit(id)?.is_none() => Err(no_hit()),
            _ => Err(Error::conflict("Somebody else has decided this hit; look at it again.")),
        }
    }
}
