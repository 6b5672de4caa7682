//! What a city watches itself with: who asked when, marks of what was asked, alarms, and its own people's plates,
//! sealed.

use crate::engine::{Arg, Row, Tx};
use crate::open::Store;
use crate::rows::{AlarmRow, AskRow, OwnPlateRow};
use base::{PersonId, Result, Time};
use read::Sealed;

impl Store {
    /// Keeps that somebody asked, with the marks of what they asked about.
    pub fn put_ask(&self, row: &AskRow, marks: &[String]) -> Result<()> {
        let mut control = self.control();
        let mut tx = control.begin()?;
        tx.exec(
            "INSERT INTO asks (id, person, asked, json) VALUES (?1, ?2, ?3, ?4)",
            &[
                Arg::from(row.id.as_str()),
                Arg::from(row.person.as_str()),
                Arg::from(row.asked),
                Arg::from(row.json.as_str()),
            ],
        )?;
        for mark in marks {
            tx.exec(
                "INSERT INTO marks (mark, ask, asked) VALUES (?1, ?2, ?3) ON CONFLICT (mark, ask) DO NOTHING",
                &[Arg::from(mark.as_str()), Arg::from(row.id.as_str()), Arg::from(row.asked)],
            )?;
        }
        tx.commit()
    }

    /// Replaces what is said of a question.
    pub fn change_ask(&self, id: &str, json: &str) -> Result<()> {
        self.control()
            .exec("UPDATE asks SET json = ?2 WHERE id = ?1", &[Arg::from(id), Arg::from(json)])?;
        Ok(())
    }

    /// One question.
    pub fn ask(&self, id: &str) -> Result<Option<AskRow>> {
        let row = self
            .control()
            .first("SELECT id, person, asked, json FROM asks WHERE id = ?1", &[Arg::from(id)])?;
        row.map(ask_row).transpose()
    }

    /// At most `limit` questions of a person, newest first, from before the one at `(asked, id)` on.
    pub fn asks_of(
        &self,
        person: &PersonId,
        before: Option<(Time, &str)>,
        limit: u32,
    ) -> Result<Vec<AskRow>> {
        let (asked, id) = before.unwrap_or((Time::from_millis(i64::MAX), ""));
        let rows = self.control().query(
            "SELECT id, person, asked, json FROM asks WHERE person = ?1 AND \
             (asked < ?2 OR (asked = ?2 AND id < ?3)) ORDER BY asked DESC, id DESC LIMIT ?4",
            &[
                Arg::from(person.as_str()),
                Arg::from(asked),
                Arg::from(id),
                Arg::from(i64::from(limit)),
            ],
        )?;
        rows.into_iter().map(ask_row).collect()
    }

    /// Everybody's questions from `from` until before `until`, the oldest first.
    pub fn asks_between(&self, from: Time, until: Time) -> Result<Vec<AskRow>> {
        let rows = self.control().query(
            "SELECT id, person, asked, json FROM asks WHERE asked >= ?1 AND asked < ?2 ORDER BY asked, id",
            &[Arg::from(from), Arg::from(until)],
        )?;
        rows.into_iter().map(ask_row).collect()
    }

    /// How often a person asked from `from` until before `until`.
    pub fn asks_count(&self, person: &PersonId, from: Time, until: Time) -> Result<u64> {
        let row = self.control().first(
            "SELECT count(*) FROM asks WHERE person = ?1 AND asked >= ?2 AND asked < ?3",
            &[Arg::from(person.as_str()), Arg::from(from), Arg::from(until)],
        )?;
        let count: i64 = row.map_or(Ok(0), |mut row| row.get(0))?;
        Ok(count.unsigned_abs())
    }

    /// Adds marks to a question, of what it has found.
    pub fn add_marks(&self, row: &AskRow, marks: &[String]) -> Result<()> {
        let mut control = self.control();
        let mut tx = control.begin()?;
        put_marks(&mut tx, row, marks)?;
        tx.commit()
    }

    /// The marks of a question.
    pub fn marks_of(&self, ask: &str) -> Result<Vec<String>> {
        let rows = self
            .control()
            .query("SELECT mark FROM marks WHERE ask = ?1 ORDER BY mark", &[Arg::from(ask)])?;
        rows.into_iter().map(|mut row| row.get(0)).collect()
    }

    /// How many questions carry a mark.
    pub fn marks_count(&self, mark: &str) -> Result<u64> {
        let row = self
            .control()
            .first("SELECT count(*) FROM marks WHERE mark = ?1", &[Arg::from(mark)])?;
        let count: i64 = row.map_or(Ok(0), |mut row| row.get(0))?;
        Ok(count.unsigned_abs())
    }

    /// The questions that carry a mark, the oldest first.
    pub fn marked(&self, mark: &str) -> Result<Vec<String>> {
        let rows = self.control().query(
            "SELECT ask FROM marks WHERE mark = ?1 ORDER BY asked, ask",
            &[Arg::from(mark)],
        )?;
        rows.into_iter().map(|mut row| row.get(0)).collect()
    }

    /// Forgets marks that were made before `marks`, and alarms that were closed before `alarms`.
    pub fn forget_marks(&self, marks: Time, alarms: Time) -> Result<()> {
        let mut control = self.control();
        let mut tx = control.begin()?;
        tx.exec("DELETE FROM marks WHERE asked < ?1", &[Arg::from(marks)])?;
        tx.exec("DELETE FROM alarms WHERE closed < ?1", &[Arg::from(alarms)])?;
        tx.commit()
    }

    /// Forgets who asked a question.
    pub fn forget_ask(&self, id: &str) -> Result<()> {
        self.control().exec("DELETE FROM asks WHERE id = ?1", &[Arg::from(id)])?;
        Ok(())
    }

    /// How many alarms nobody has closed.
    pub fn open_alarms(&self) -> Result<u64> {
        let row = self.control().first("SELECT count(*) FROM alarms WHERE closed IS NULL", &[])?;
        let count: i64 = row.map_or(Ok(0), |mut row| row.get(0))?;
        Ok(count.unsigned_abs())
    }

    /// Whether there is an alarm of this key.
    pub fn has_alarm(&self, key: &str) -> Result<bool> {
        let row =
            self.control().first("SELECT id FROM alarms WHERE key = ?1", &[Arg::from(key)])?;
        Ok(row.is_some())
    }

    /// Keeps an alarm; gives whether its key is new. One that is there stays as it is.
    pub fn put_alarm(&self, row: &AlarmRow) -> Result<bool> {
        let changed = self.control().exec(
            "INSERT INTO alarms (id, key, raised, closed, json) VALUES (?1, ?2, ?3, ?4, ?5) \
             ON CONFLICT (key) DO NOTHING",
            &[
                Arg::from(row.id.as_str()),
                Arg::from(row.key.as_str()),
                Arg::from(row.raised),
                Arg::from(row.closed),
                Arg::from(row.json.as_str()),
            ],
        )?;
        Ok(changed > 0)
    }

    /// Replaces what is said of an alarm, and when it was closed.
    pub fn change_alarm(&self, row: &AlarmRow) -> Result<()> {
        self.control().exec(
            "UPDATE alarms SET closed = ?2, json = ?3 WHERE id = ?1",
            &[Arg::from(row.id.as_str()), Arg::from(row.closed), Arg::from(row.json.as_str())],
        )?;
        Ok(())
    }

    /// One alarm.
    pub fn alarm(&self, id: &str) -> Result<Option<AlarmRow>> {
        let row = self.control().first(
            "SELECT id, key, raised, closed, json FROM alarms WHERE id = ?1",
            &[Arg::from(id)],
        )?;
        row.map(alarm_row).transpose()
    }

    /// At most `limit` alarms: those that are open first, then the newest first.
    pub fn alarms(&self, limit: u32) -> Result<Vec<AlarmRow>> {
        let rows = self.control().query(
            "SELECT id, key, raised, closed, json FROM alarms \
             ORDER BY CASE WHEN closed IS NULL THEN 0 ELSE 1 END, raised DESC, id LIMIT ?1",
            &[Arg::from(i64::from(limit))],
        )?;
        rows.into_iter().map(alarm_row).collect()
    }

    /// Keeps a sealed plate of the city's own people.
    pub fn put_own_plate(&self, row: &OwnPlateRow) -> Result<()> {
        self.control().exec(
            "INSERT INTO own_plates (id, sealed, json) VALUES (?1, ?2, ?3)",
            &[
                Arg::from(row.id.as_str()),
                Arg::from(row.sealed.0.as_slice()),
                Arg::from(row.json.as_str()),
            ],
        )?;
        Ok(())
    }

    /// Takes one away; whether it was there.
    pub fn drop_own_plate(&self, id: &str) -> Result<bool> {
        Ok(self.control().exec("DELETE FROM own_plates WHERE id = ?1", &[Arg::from(id)])? > 0)
    }

    /// All of them, by id.
    pub fn own_plates(&self) -> Result<Vec<OwnPlateRow>> {
        let rows =
            self.control().query("SELECT id, sealed, json FROM own_plates ORDER BY id", &[])?;
        let one = |mut row: Row| {
            Ok(OwnPlateRow { id: row.get(0)?, sealed: Sealed(row.get(1)?), json: row.get(2)? })
        };
        rows.into_iter().map(one).collect()
    }
}

fn put_marks(tx: &mut Tx<'_>, row: &AskRow, marks: &[String]) -> Result<()> {
    for mark in marks {
        tx.exec(
            "INSERT INTO marks (mark, ask, asked) VALUES (?1, ?2, ?3) \
             ON CONFLICT (mark, ask) DO NOTHING",
            &[Arg::from(mark.as_str()), Arg::from(row.id.as_str()), Arg::from(row.asked)],
        )?;
    }
    Ok(())
}

fn ask_row(mut row: Row) -> Result<AskRow> {
    Ok(AskRow { id: row.get(0)?, person: row.parsed(1)?, asked: row.get(2)?, json: row.get(3)? })
}

fn alarm_row(mut row: Row) -> Result<AlarmRow> {
    Ok(AlarmRow {
        id: row.get(0)?,
        key: row.get(1)?,
        raised: row.get(2)?,
        closed: row.maybe(3)?,
        json: row.get(4)?,
    })
}
