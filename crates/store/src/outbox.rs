//! What goes out to people and programs: which hits rang, one row a message, and who has said how they want
//! to be told.
//!
//! Holds: there is one message a hit, kind, lane and recipient, whoever enqueues it how often. A message that was
//! claimed and neither ended nor put off is due again when its claim is over: a process that dies in between
//! sends it twice rather than never.

use crate::engine::{Arg, Row};
use crate::open::Store;
use base::{HitId, PersonId, Result, Time};

/// A hit of which people are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RingRow {
    /// The hit.
    pub hit: HitId,
    /// What people call it: its entry on the public log.
    pub number: u64,
    /// When it was raised.
    pub raised: Time,
    /// When others are told because nobody has decided it; `None` once that is done.
    pub unanswered_at: Option<Time>,
}

/// A message that is to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageRow {
    /// Its id, which follows from hit, kind, lane and recipient.
    pub id: String,
    /// The hit that it is about.
    pub hit: HitId,
    /// What people call that.
    pub number: u64,
    /// What it says of the hit.
    pub kind: String,
    /// The way that it takes.
    pub lane: String,
    /// Whom it is for, as the lane spells it.
    pub recipient: String,
    /// When it was made.
    pub made: Time,
    /// How often it has been tried.
    pub tries: u32,
}

/// What became of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentRow {
    /// The message.
    pub message: MessageRow,
    /// `waiting`, `sent`, `given-up` or `needless`.
    pub state: String,
    /// When it came to its end.
    pub ended: Option<Time>,
    /// Why it did not go out, the last time.
    pub said: Option<String>,
}

/// A browser that is told by web push.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrowserRow {
    /// Its id.
    pub id: String,
    /// Whose it is.
    pub person: PersonId,
    /// Where its push service takes messages; no two rows have the same.
    pub endpoint: String,
    /// The rest, as JSON.
    pub json: String,
}

macro_rules! select_messages {
    ($rest:literal) => {
        concat!(
            "SELECT id, hit, number, kind, lane, recipient, made, tries, state, ended, said FROM outbox ",
            $rest
        )
    };
}

fn number(row: &mut Row, column: usize) -> Result<u64> {
    Ok(row.get::<i64>(column)?.unsigned_abs())
}

fn sent_row(mut row: Row) -> Result<SentRow> {
    let message = MessageRow {
        id: row.get(0)?,
        hit: row.id(1, HitId::from_bytes)?,
        number: number(&mut row, 2)?,
        kind: row.get(3)?,
        lane: row.get(4)?,
        recipient: row.get(5)?,
        made: row.get(6)?,
        tries: row.get(7)?,
    };
    Ok(SentRow { message, state: row.get(8)?, ended: row.maybe(9)?, said: row.maybe(10)? })
}

fn browser_row(mut row: Row) -> Result<BrowserRow> {
    Ok(BrowserRow {
        id: row.get(0)?,
        person: row.parsed(1)?,
        endpoint: row.get(2)?,
        json: row.get(3)?,
    })
}

fn int(number: u64) -> Arg<'static> {
    Arg::from(i64::try_from(number).unwrap_or(i64::MAX))
}

impl Store {
    /// Keeps that a hit rang, with its messages, in one transaction; what is there already stays as it is.
    pub fn put_ring(&self, ring: &RingRow, messages: &[MessageRow]) -> Result<()> {
        let mut control = self.control();
        let mut tx = control.begin()?;
        tx.exec(
            "INSERT INTO rings (hit, number, raised, unanswered_at) VALUES (?1, ?2, ?3, ?4) \
             ON CONFLICT (hit) DO NOTHING",
            &[
                Arg::from(ring.hit.bytes()),
                int(ring.number),
                Arg::from(ring.raised),
                Arg::from(ring.unanswered_at),
            ],
        )?;
        messages.iter().try_for_each(|message| enqueue(&mut tx, message))?;
        tx.commit()
    }

    /// Whether a hit rang.
    pub fn rang(&self, hit: &HitId) -> Result<bool> {
        let args = [Arg::from(hit.bytes())];
        Ok(self.control().first("SELECT hit FROM rings WHERE hit = ?1", &args)?.is_some())
    }

    /// Hits that nobody has decided in time as far as is known here, at most 100.
    pub fn unanswered(&self, now: Time) -> Result<Vec<RingRow>> {
        let rows = self.control().query(
            "SELECT hit, number, raised, unanswered_at FROM rings WHERE unanswered_at <= ?1 \
             ORDER BY unanswered_at, hit LIMIT 100",
            &[Arg::from(now)],
        )?;
        let ring = |mut row: Row| {
            Ok(RingRow {
                hit: row.id(0, HitId::from_bytes)?,
                number: number(&mut row, 1)?,
                raised: row.get(2)?,
                unanswered_at: row.maybe(3)?,
            })
        };
        rows.into_iter().map(ring).collect()
    }

    /// The one time that others are told of a hit: with these messages, in one transaction.
    pub fn put_unanswered(&self, hit: &HitId, messages: &[MessageRow]) -> Result<()> {
        let mut control = self.control();
        let mut tx = control.begin()?;
        let args = [Arg::from(hit.bytes())];
        tx.exec("UPDATE rings SET unanswered_at = NULL WHERE hit = ?1", &args)?;
        messages.iter().try_for_each(|message| enqueue(&mut tx, message))?;
        tx.commit()
    }

    /// Takes at most `limit` messages of a lane that are due, the oldest first. Nobody else gets them before
    /// `until`.
    pub fn claim_messages(
        &self,
        lane: &str,
        now: Time,
        until: Time,
        limit: u32,
    ) -> Result<Vec<MessageRow>> {
        let mut control = self.control();
        let mut tx = control.begin()?;
        let rows = tx.query(
            select_messages!(
                "WHERE lane = ?1 AND state = 'waiting' AND due <= ?2 ORDER BY due, id LIMIT ?3"
            ),
            &[Arg::from(lane), Arg::from(now), Arg::from(i64::from(limit))],
        )?;
        let mut out = Vec::new();
        for row in rows {
            let mut message = sent_row(row)?.message;
            message.tries += 1;
            tx.exec(
                "UPDATE outbox SET due = ?2, tries = ?3 WHERE id = ?1",
                &[
                    Arg::from(message.id.as_str()),
                    Arg::from(until),
                    Arg::from(i64::from(message.tries)),
                ],
            )?;
            out.push(message);
        }
        tx.commit()?;
        Ok(out)
    }

    /// When the next message of a lane is due.
    pub fn next_message(&self, lane: &str) -> Result<Option<Time>> {
        let row = self.control().first(
            "SELECT due FROM outbox WHERE lane = ?1 AND state = 'waiting' ORDER BY due LIMIT 1",
            &[Arg::from(lane)],
        )?;
        row.map(|mut row| row.get(0)).transpose()
    }

    /// Puts a message off, and says why.
    pub fn put_off_message(&self, id: &str, due: Time, said: &str) -> Result<()> {
        self.control().exec(
            "UPDATE outbox SET due = ?2, said = ?3 WHERE id = ?1",
            &[Arg::from(id), Arg::from(due), Arg::from(said)],
        )?;
        Ok(())
    }

    /// A message has come to its end: `sent`, `given-up` or `needless`.
    pub fn end_message(&self, id: &str, state: &str, at: Time, said: Option<&str>) -> Result<()> {
        self.control().exec(
            "UPDATE outbox SET state = ?2, ended = ?3, said = ?4 WHERE id = ?1",
            &[Arg::from(id), Arg::from(state), Arg::from(at), Arg::from(said)],
        )?;
        Ok(())
    }

    /// The newest messages to a recipient on a lane.
    pub fn messages_to(&self, lane: &str, recipient: &str, limit: u32) -> Result<Vec<SentRow>> {
        let rows = self.control().query(
            select_messages!("WHERE lane = ?1 AND recipient = ?2 ORDER BY made DESC, id LIMIT ?3"),
            &[Arg::from(lane), Arg::from(recipient), Arg::from(i64::from(limit))],
        )?;
        rows.into_iter().map(sent_row).collect()
    }

    /// Every message about a hit.
    pub fn messages_of(&self, hit: &HitId) -> Result<Vec<SentRow>> {
        let rows = self.control().query(
            select_messages!("WHERE hit = ?1 ORDER BY kind, lane, recipient"),
            &[Arg::from(hit.bytes())],
        )?;
        rows.into_iter().map(sent_row).collect()
    }

    /// How many messages wait to be sent on a lane.
    pub fn waiting_messages(&self, lane: &str) -> Result<u64> {
        let sql = "SELECT count(*) FROM outbox WHERE lane = ?1 AND state = 'waiting'";
        let row = self.control().first(sql, &[Arg::from(lane)])?;
        let count: i64 = row.map_or(Ok(0), |mut row| row.get(0))?;
        Ok(count.unsigned_abs())
    }

    /// How many messages were given up since a moment.
    pub fn given_up_since(&self, since: Time) -> Result<u64> {
        let row = self.control().first(
            "SELECT count(*) FROM outbox WHERE state = 'given-up' AND ended >= ?1",
            &[Arg::from(since)],
        )?;
        let count: i64 = row.map_or(Ok(0), |mut row| row.get(0))?;
        Ok(count.unsigned_abs())
    }

    /// Forgets what was told before a moment.
    pub fn forget_messages(&self, before: Time) -> Result<()> {
        let mut control = self.control();
        let mut tx = control.begin()?;
        tx.exec("DELETE FROM outbox WHERE made < ?1", &[Arg::from(before)])?;
        tx.exec("DELETE FROM rings WHERE raised < ?1", &[Arg::from(before)])?;
        tx.commit()
    }

    /// How a person wants to be told, as the city wrote it.
    pub fn told(&self, person: &PersonId) -> Result<Option<String>> {
        let args = [Arg::from(person.as_str())];
        let row = self.control().first("SELECT json FROM told WHERE person = ?1", &args)?;
        row.map(|mut row| row.get(0)).transpose()
    }

    /// The same of everybody.
    pub fn all_told(&self) -> Result<Vec<(PersonId, String)>> {
        let rows = self.control().query("SELECT person, json FROM told ORDER BY person", &[])?;
        rows.into_iter().map(|mut row| Ok((row.parsed(0)?, row.get(1)?))).collect()
    }

    /// Keeps how a person wants to be told.
    pub fn put_told(&self, person: &PersonId, json: &str) -> Result<()> {
        self.control().exec(
            "INSERT INTO told (person, json) VALUES (?1, ?2) \
             ON CONFLICT (person) DO UPDATE SET json = excluded.json",
            &[Arg::from(person.as_str()), Arg::from(json)],
        )?;
        Ok(())
    }

    /// Forgets how a person wanted to be told, and their browsers.
    pub fn drop_told(&self, person: &PersonId) -> Result<()> {
        let mut control = self.control();
        let mut tx = control.begin()?;
        let args = [Arg::from(person.as_str())];
        tx.exec("DELETE FROM told WHERE person = ?1", &args)?;
        tx.exec("DELETE FROM browsers WHERE person = ?1", &args)?;
        tx.commit()
    }

    /// Keeps a browser. One that was registered before is now this person's.
    pub fn put_browser(&self, row: &BrowserRow) -> Result<()> {
        let mut control = self.control();
        let mut tx = control.begin()?;
        let endpoint = Arg::from(row.endpoint.as_str());
        tx.exec("DELETE FROM browsers WHERE endpoint = ?1", &[endpoint])?;
        tx.exec(
            "INSERT INTO browsers (id, person, endpoint, json) VALUES (?1, ?2, ?3, ?4)",
            &[
                Arg::from(row.id.as_str()),
                Arg::from(row.person.as_str()),
                endpoint,
                Arg::from(row.json.as_str()),
            ],
        )?;
        tx.commit()
    }

    /// One browser.
    pub fn browser(&self, id: &str) -> Result<Option<BrowserRow>> {
        let row = self.control().first(
            "SELECT id, person, endpoint, json FROM browsers WHERE id = ?1",
            &[Arg::from(id)],
        )?;
        row.map(browser_row).transpose()
    }

    /// Every browser.
    pub fn browsers(&self) -> Result<Vec<BrowserRow>> {
        let rows = self
            .control()
            .query("SELECT id, person, endpoint, json FROM browsers ORDER BY id", &[])?;
        rows.into_iter().map(browser_row).collect()
    }

    /// A person's browsers.
    pub fn browsers_of(&self, person: &PersonId) -> Result<Vec<BrowserRow>> {
        let rows = self.control().query(
            "SELECT id, person, endpoint, json FROM browsers WHERE person = ?1 ORDER BY id",
            &[Arg::from(person.as_str())],
        )?;
        rows.into_iter().map(browser_row).collect()
    }

    /// Takes a browser out; gives whether it was there.
    pub fn drop_browser(&self, id: &str) -> Result<bool> {
        let args = [Arg::from(id)];
        Ok(self.control().exec("DELETE FROM browsers WHERE id = ?1", &args)? > 0)
    }
}

fn enqueue(tx: &mut crate::engine::Tx, message: &MessageRow) -> Result<()> {
    tx.exec(
        "INSERT INTO outbox (id, hit, number, kind, lane, recipient, made, due, tries, state) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 0, 'waiting') \
         ON CONFLICT (hit, kind, lane, recipient) DO NOTHING",
        &[
            Arg::from(message.id.as_str()),
            Arg::from(message.hit.bytes()),
            int(message.number),
            Arg::from(message.kind.as_str()),
            Arg::from(message.lane.as_str()),
            Arg::from(message.recipient.as_str()),
            Arg::from(message.made),
            Arg::from(message.made),
        ],
    )?;
    Ok(())
}
