//! Preservation holds and the reads they keep. They lie in the control data, where no day ends them.

use crate::engine::{Arg, Row};
use crate::open::Store;
use crate::reads::{FOUND_COLUMNS, found};
use crate::rows::HoldRow;
use base::{Day, Epoch, HoldId, ReadId, Result, Time};
use custody::{Found, HeldRead, HoldPermit};
use read::Sealed;

/// How many reads are fetched at a time.
const PAGE: usize = 256;
/// How many are preserved, or deleted, at a time: with their pictures some megabytes, for which everybody else waits.
const STEP: usize = 64;

impl Store {
    /// The next reads of a day that a hold preserves, by id, after `after`; empty where there are no
    /// more.
    pub fn to_hold(
        &self,
        permit: &HoldPermit,
        day: Day,
        after: Option<ReadId>,
    ) -> Result<Vec<Found>> {
        let low = ReadId::new(permit.from().plus_millis(-1), [255; 10]);
        let from = after.map_or(low, |after| after.max(low));
        let until = ReadId::new(permit.until(), [0; 10]);
        let token = permit.days().find(|(of, _)| *of == day).and_then(|(_, token)| token);
        let cameras = permit.cameras();
        let named: Vec<String> = (0..cameras.len()).map(|n| format!("?{}", n + 3)).collect();
        let carrying = match token {
            Some(_) => {
                let place = cameras.len() + 3;
                format!("AND r.id IN (SELECT read FROM tokens WHERE token = ?{place})")
            }
            None => String::new(),
        };
        let sql = format!(
            "{FOUND_COLUMNS} FROM reads AS r JOIN segments AS s ON s.id = r.segment \
             LEFT JOIN pictures AS p ON p.read = r.id \
             WHERE r.id > ?1 AND r.id < ?2 {carrying} AND r.camera IN ({}) \
             ORDER BY r.id LIMIT {STEP}",
            named.join(", ")
        );
        let mut args = vec![Arg::from(from.bytes()), Arg::from(until.bytes())];
        args.extend(cameras.iter().map(|camera| Arg::from(camera.as_str())));
        args.extend(token.map(|token| Arg::from(&token.0)));
        let page = self.in_old_day(day, |db| {
            db.query(&sql, &args)?.into_iter().map(found).collect::<Result<Vec<_>>>()
        })?;
        let mut page = page.unwrap_or_default();
        self.add_pictures(&mut page)?;
        Ok(page.into_iter().map(|(found, _)| found).collect())
    }

    /// Keeps preserved reads, and counts them to their hold; one that is kept already stays. Says whether the hold still
    /// stands: for one that was let go nothing is kept.
    pub fn put_held(&self, hold: HoldId, reads: &[HeldRead]) -> Result<bool> {
        let mut control = self.control();
        let mut tx = control.begin()?;
        let mut new = 0;
        for held in reads {
            new += tx.exec(
                "INSERT INTO held (hold, id, camera, epoch_start, epoch_len, keys, body, picture) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (hold, id) DO NOTHING",
                &[
                    Arg::from(hold.bytes()),
                    Arg::from(held.id.bytes()),
                    Arg::from(held.camera.as_str()),
                    Arg::from(held.epoch.start_s),
                    Arg::from(i64::from(held.epoch.len_s)),
                    Arg::from(held.keys.0.as_slice()),
                    Arg::from(held.body.as_slice()),
                    Arg::from(held.picture.as_deref()),
                ],
            )?;
        }
        let stands = tx.exec(
            "UPDATE holds SET reads = reads + ?2 WHERE id = ?1 AND released IS NULL",
            &[Arg::from(hold.bytes()), Arg::from(new as i64)],
        )?;
        if stands == 0 {
            return Ok(false);
        }
        tx.commit()?;
        Ok(true)
    }

    /// The last read that a hold keeps: ids are in the order of their time, in which reads are preserved.
    pub fn last_held(&self, hold: HoldId) -> Result<Option<ReadId>> {
        let row = self.control().first(
            "SELECT id FROM held WHERE hold = ?1 ORDER BY id DESC LIMIT 1",
            &[Arg::from(hold.bytes())],
        )?;
        row.map(|mut row| row.id(0, ReadId::from_bytes)).transpose()
    }

    /// The next preserved reads of a hold, by id, after `after`.
    pub fn held(&self, hold: HoldId, after: Option<ReadId>) -> Result<Vec<HeldRead>> {
        let after = after.map_or([0; 16], |after| *after.bytes());
        let rows = self.control().query(
            &format!(
                "SELECT hold, id, camera, epoch_start, epoch_len, keys, body, picture FROM held \
                 WHERE hold = ?1 AND id > ?2 ORDER BY id LIMIT {PAGE}"
            ),
            &[Arg::from(hold.bytes()), Arg::from(&after)],
        )?;
        rows.into_iter().map(held).collect()
    }

    /// Notes a hold, with nothing in it yet. `asked` is what it asks for, sealed to custody, until all of it is
    /// preserved.
    pub fn put_hold(&self, id: HoldId, review: Time, asked: &Sealed) -> Result<()> {
        self.control().exec(
            "INSERT INTO holds (id, review, reads, released, asked) VALUES (?1, ?2, 0, NULL, ?3)",
            &[Arg::from(id.bytes()), Arg::from(review), Arg::from(asked.0.as_slice())],
        )?;
        Ok(())
    }

    /// What a hold asks for, sealed to custody; `None` once all of it is preserved, or it was let go.
    pub fn asked_hold(&self, id: HoldId) -> Result<Option<Sealed>> {
        let args = [Arg::from(id.bytes())];
        let row = self.control().first("SELECT asked FROM holds WHERE id = ?1", &args)?;
        Ok(row.map(|mut row| row.maybe(0)).transpose()?.flatten().map(Sealed))
    }

    /// All that a hold asks for is preserved.
    pub fn end_preserving(&self, id: HoldId) -> Result<()> {
        let args = [Arg::from(id.bytes())];
        self.control().exec("UPDATE holds SET asked = NULL WHERE id = ?1", &args)?;
        Ok(())
    }

    /// Every hold, the oldest first.
    pub fn holds(&self) -> Result<Vec<HoldRow>> {
        let sql = "SELECT id, review, reads, asked IS NOT NULL, released FROM holds ORDER BY id";
        let rows = self.control().query(sql, &[])?;
        let row = |mut row: Row| {
            Ok(HoldRow {
                id: row.id(0, HoldId::from_bytes)?,
                review: row.get(1)?,
                reads: row.get::<i64>(2)?.unsigned_abs(),
                preserving: row.get(3)?,
                released: row.maybe(4)?,
            })
        };
        rows.into_iter().map(row).collect()
    }

    /// Moves the day on which a hold is looked at again.
    pub fn review_hold(&self, id: HoldId, review: Time) -> Result<()> {
        self.control().exec(
            "UPDATE holds SET review = ?2 WHERE id = ?1",
            &[Arg::from(id.bytes()), Arg::from(review)],
        )?;
        Ok(())
    }

    /// Lets a hold go: nothing more is kept for it, and that there was one stays. Its copies go with
    /// [`Store::delete_held`].
    pub fn release_hold(&self, id: HoldId, at: Time) -> Result<()> {
        self.control().exec(
            "UPDATE holds SET released = ?2, asked = NULL WHERE id = ?1",
            &[Arg::from(id.bytes()), Arg::from(at)],
        )?;
        Ok(())
    }

    /// Deletes some of the copies of a hold that was let go, and says whether there may be more. All at once they would
    /// stop the city for minutes, and need as much room again in the log of changes.
    pub fn delete_held(&self, id: HoldId) -> Result<bool> {
        let mut control = self.control();
        let some = control.query(
            &format!("SELECT id FROM held WHERE hold = ?1 ORDER BY id LIMIT {STEP}"),
            &[Arg::from(id.bytes())],
        )?;
        let full = some.len() == STEP;
        let Some(mut last) = some.into_iter().next_back() else { return Ok(false) };
        let last = last.id(0, ReadId::from_bytes)?;
        control.exec(
            "DELETE FROM held WHERE hold = ?1 AND id <= ?2",
            &[Arg::from(id.bytes()), Arg::from(last.bytes())],
        )?;
        Ok(full)
    }
}

fn held(mut row: Row) -> Result<HeldRead> {
    Ok(HeldRead {
        hold: row.id(0, HoldId::from_bytes)?,
        id: row.id(1, ReadId::from_bytes)?,
        camera: row.parsed(2)?,
        epoch: Epoch { start_s: row.get(3)?, len_s: row.get(4)? },
        keys: Sealed(row.get(5)?),
        body: row.get(6)?,
        picture: row.maybe(7)?,
    })
}
