//! Drills: hits that were drawn for people to practise. They are in tables of their own, so that nothing that counts,
//! tells or broadcasts hits can meet one.

use crate::engine::{Arg, Row};
use crate::open::Store;
use crate::rows::{DrillAnswerRow, DrillRow};
use base::{DrillId, Error, PersonId, Result, Time};

macro_rules! select_drills {
    ($rest:literal) => {
        concat!("SELECT id, started, until, by_whom, seed, ended FROM drills ", $rest)
    };
}

macro_rules! select_answers {
    ($rest:literal) => {
        concat!(
            "SELECT drill, person, office, opened, decided, finding, number, owes FROM drill_answers ",
            $rest
        )
    };
}

fn drill_row(mut row: Row) -> Result<DrillRow> {
    let seed: Vec<u8> = row.get(4)?;
    Ok(DrillRow {
        id: row.id(0, DrillId::from_bytes)?,
        started: row.get(1)?,
        until: row.get(2)?,
        by: row.get(3)?,
        seed: seed.try_into().map_err(|_| Error::internal("A drill's seed is damaged."))?,
        ended: row.maybe(5)?,
    })
}

fn answer_row(mut row: Row) -> Result<DrillAnswerRow> {
    Ok(DrillAnswerRow {
        drill: row.id(0, DrillId::from_bytes)?,
        person: row.parsed(1)?,
        office: row.get(2)?,
        opened: row.get(3)?,
        decided: row.maybe(4)?,
        finding: row.maybe(5)?,
        number: row.maybe(6)?,
        owes: row.get(7)?,
    })
}

impl Store {
    /// Keeps a drill that begins.
    pub fn put_drill(&self, row: &DrillRow) -> Result<()> {
        self.control().exec(
            "INSERT INTO drills (id, started, until, by_whom, seed) VALUES (?1, ?2, ?3, ?4, ?5)",
            &[
                Arg::from(row.id.bytes()),
                Arg::from(row.started),
                Arg::from(row.until),
                Arg::from(row.by.as_str()),
                Arg::from(row.seed.as_slice()),
            ],
        )?;
        Ok(())
    }

    /// One drill.
    pub fn drill(&self, id: &DrillId) -> Result<Option<DrillRow>> {
        let args = [Arg::from(id.bytes())];
        self.control().first(select_drills!("WHERE id = ?1"), &args)?.map(drill_row).transpose()
    }

    /// At most `limit` drills, the newest first.
    pub fn drills(&self, limit: u32) -> Result<Vec<DrillRow>> {
        let args = [Arg::from(i64::from(limit))];
        let rows = self.control().query(select_drills!("ORDER BY id DESC LIMIT ?1"), &args)?;
        rows.into_iter().map(drill_row).collect()
    }

    /// Drills of which nothing says yet that they ended.
    pub fn running_drills(&self) -> Result<Vec<DrillRow>> {
        let rows =
            self.control().query(select_drills!("WHERE ended IS NULL ORDER BY until, id"), &[])?;
        rows.into_iter().map(drill_row).collect()
    }

    /// Notes that a drill ended, and that the log says so.
    pub fn end_drill(&self, id: &DrillId, at: Time) -> Result<()> {
        let args = [Arg::from(id.bytes()), Arg::from(at)];
        self.control().exec("UPDATE drills SET ended = ?2 WHERE id = ?1", &args)?;
        Ok(())
    }

    /// Notes that somebody looks at a drill; only the first time counts.
    pub fn open_drill(
        &self,
        id: &DrillId,
        person: &PersonId,
        office: &str,
        at: Time,
    ) -> Result<()> {
        self.control().exec(
            "INSERT INTO drill_answers (drill, person, office, opened, owes) VALUES (?1, ?2, ?3, ?4, 0) \
             ON CONFLICT (drill, person) DO NOTHING",
            &[
                Arg::from(id.bytes()),
                Arg::from(person.as_str()),
                Arg::from(office),
                Arg::from(at),
            ],
        )?;
        Ok(())
    }

    /// Notes what somebody found in a drill that runs and that they have opened; once, and it is a
    /// [`base::Kind::Conflict`] otherwise. The log owes it from now on.
    pub fn answer_drill(
        &self,
        id: &DrillId,
        person: &PersonId,
        finding: &str,
        at: Time,
    ) -> Result<()> {
        let changed = self.control().exec(
            "UPDATE drill_answers SET decided = ?3, finding = ?4, owes = 1, number = \
             (SELECT count(*) + 1 FROM drill_answers AS other WHERE other.drill = ?1 AND \
             other.decided IS NOT NULL) WHERE drill = ?1 AND person = ?2 AND decided IS NULL AND \
             EXISTS (SELECT 1 FROM drills WHERE drills.id = ?1 AND ended IS NULL)",
            &[Arg::from(id.bytes()), Arg::from(person.as_str()), Arg::from(at), Arg::from(finding)],
        )?;
        match changed {
            1 => Ok(()),
            _ => Err(Error::conflict("You have answered this drill, or it is over.")),
        }
    }

    /// Who opened a drill and what they found, in the order of their answers.
    pub fn drill_answers(&self, id: &DrillId) -> Result<Vec<DrillAnswerRow>> {
        let args = [Arg::from(id.bytes())];
        let rows = self.control().query(
            select_answers!("WHERE drill = ?1 ORDER BY coalesce(number, 0), person"),
            &args,
        )?;
        rows.into_iter().map(answer_row).collect()
    }

    /// Answers that the log does not know yet.
    pub fn drill_answers_owed(&self) -> Result<Vec<DrillAnswerRow>> {
        let rows =
            self.control().query(select_answers!("WHERE owes = 1 ORDER BY drill, number"), &[])?;
        rows.into_iter().map(answer_row).collect()
    }

    /// Notes that an answer is on the log.
    pub fn drill_answer_logged(&self, id: &DrillId, person: &PersonId) -> Result<()> {
        let args = [Arg::from(id.bytes()), Arg::from(person.as_str())];
        let done = "UPDATE drill_answers SET owes = 0 WHERE drill = ?1 AND person = ?2";
        self.control().exec(done, &args)?;
        Ok(())
    }

    /// Forgets drills that ended before a moment, and who answered what in them.
    pub fn forget_drills(&self, before: Time) -> Result<()> {
        let mut control = self.control();
        let mut tx = control.begin()?;
        let args = [Arg::from(before)];
        tx.exec(
            "DELETE FROM drill_answers WHERE drill IN (SELECT id FROM drills WHERE ended < ?1)",
            &args,
        )?;
        tx.exec("DELETE FROM drills WHERE ended < ?1", &args)?;
        tx.commit()
    }
}
