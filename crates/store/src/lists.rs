//! Lists, what was imported into them, and vehicles that were found again.
//!
//! An import waits as rows of `versions`: on the side `new` what would be written, on the side `old` what stands
//! there now and would go or change. Taking it moves the first in and keeps the second, so that it can be undone
//! until the next one is taken; either is one transaction. What waits, or is kept, is matched by nobody.

use crate::engine::{Arg, Bulk, Row, Tx, Type};
use crate::hotlist::{args, entry_columns};
use crate::open::{Store, hold};
use crate::rows::{EntryRow, ImportRow, TombstoneRow};
use base::{EntryId, Error, ListId, Result, Time};
use plate::{Reason, Text};

const VERSIONS: Bulk = Bulk {
    table: "versions",
    columns: &[
        ("list", Type::Text),
        ("number", Type::Int),
        ("side", Type::Text),
        ("id", Type::Text),
        ("plate", Type::Text),
        ("state", Type::Text),
        ("reason", Type::Text),
        ("case_no", Type::Text),
        ("expires", Type::Int),
        ("added_by", Type::Text),
        ("category", Type::Text),
        ("priority", Type::Int),
        ("begins", Type::Int),
        ("source", Type::Text),
        ("record", Type::Text),
        ("more", Type::Text),
        ("born", Type::Int),
    ],
    key: "",
};

/// So many rows go with a statement.
const PIECE: usize = 500;

macro_rules! select_imports {
    ($rest:literal) => {
        concat!("SELECT list, number, state, made, taken, by_whom, json FROM imports ", $rest)
    };
}

fn import_row(mut row: Row) -> Result<ImportRow> {
    Ok(ImportRow {
        list: row.parsed(0)?,
        number: row.get(1)?,
        state: row.get(2)?,
        made: row.get(3)?,
        taken: row.maybe(4)?,
        by: row.parsed(5)?,
        json: row.get(6)?,
    })
}

impl Store {
    /// Writes a list's settings, as the text that `city` made of them.
    pub fn put_list(&self, list: &ListId, json: &str) -> Result<()> {
        hold(&self.hotlist).exec(
            "INSERT INTO lists (id, json) VALUES (?1, ?2) \
             ON CONFLICT (id) DO UPDATE SET json = excluded.json",
            &[Arg::from(list.as_str()), Arg::from(json)],
        )?;
        Ok(())
    }

    /// The settings of every list that has some.
    pub fn lists(&self) -> Result<Vec<(ListId, String)>> {
        let rows = hold(&self.hotlist).query("SELECT id, json FROM lists ORDER BY id", &[])?;
        rows.into_iter().map(|mut row| Ok((row.parsed(0)?, row.get(1)?))).collect()
    }

    /// The settings of a list.
    pub fn list(&self, list: &ListId) -> Result<Option<String>> {
        let row = hold(&self.hotlist)
            .first("SELECT json FROM lists WHERE id = ?1", &[Arg::from(list.as_str())])?;
        row.map(|mut row| row.get(0)).transpose()
    }

    /// Keeps an import that waits: what it would write, and the ids of entries that would go or change. What waited
    /// in the list before is dropped; its number is not used again, so that nobody takes what they have not seen.
    pub fn put_import(&self, import: &ImportRow, new: &[EntryRow], old: &[EntryId]) -> Result<()> {
        let mut db = hold(&self.hotlist);
        let waited = {
            let mut tx = db.begin()?;
            let (list, number) = (import.list.as_str(), import.number);
            let waited = drop_waiting(&mut tx, list)?;
            tx.exec(
                "INSERT INTO imports (list, number, state, made, taken, by_whom, json) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                &[
                    Arg::from(list),
                    Arg::from(number),
                    Arg::from(import.state.as_str()),
                    Arg::from(import.made),
                    Arg::from(import.taken),
                    Arg::from(import.by.as_str()),
                    Arg::from(import.json.as_str()),
                ],
            )?;
            for piece in new.chunks(PIECE) {
                let head = || vec![Arg::from(list), Arg::from(number), Arg::from("new")];
                let rows: Vec<Vec<Arg<'_>>> =
                    piece.iter().map(|row| version(head(), row)).collect();
                tx.insert(&VERSIONS, &rows)?;
            }
            for piece in old.chunks(PIECE) {
                keep_old(&mut tx, list, number, piece)?;
            }
            tx.commit()?;
            waited
        };
        if waited > 0 { db.settle("versions") } else { Ok(()) }
    }

    /// Takes a waiting import, whole or not at all. From then on the one before it cannot be undone.
    pub fn take_import(&self, list: &ListId, number: i64, at: Time) -> Result<()> {
        let mut db = hold(&self.hotlist);
        {
            let mut tx = db.begin()?;
            let key = [Arg::from(list.as_str()), Arg::from(number)];
            let changed = tx.exec(
                "UPDATE imports SET state = 'taken', taken = ?3 \
                 WHERE list = ?1 AND number = ?2 AND state = 'waiting'",
                &[Arg::from(list.as_str()), Arg::from(number), Arg::from(at)],
            )?;
            if changed == 0 {
                return Err(no_waiting());
            }
            tx.exec(
                "DELETE FROM entries WHERE list = ?1 AND id IN (SELECT id FROM versions \
                 WHERE list = ?1 AND number = ?2 AND side = 'old')",
                &key,
            )?;
            move_in(&mut tx, list, number, "new")?;
            tx.exec(
                "DELETE FROM versions WHERE list = ?1 AND (number < ?2 OR side = 'new')",
                &key,
            )?;
            tx.commit()?;
        }
        db.settle("entries")?;
        db.settle("versions")
    }

    /// Takes an import back, if it is the last that was taken: the list is what it was before.
    pub fn undo_import(&self, list: &ListId, number: i64) -> Result<()> {
        let mut db = hold(&self.hotlist);
        {
            let mut tx = db.begin()?;
            let key = [Arg::from(list.as_str()), Arg::from(number)];
            let later = tx.first(
                "SELECT number FROM imports WHERE list = ?1 AND number > ?2 AND taken IS NOT NULL",
                &key,
            )?;
            let changed = tx.exec(
                "UPDATE imports SET state = 'undone' \
                 WHERE list = ?1 AND number = ?2 AND state = 'taken'",
                &key,
            )?;
            if changed == 0 || later.is_some() {
                return Err(Error::conflict(
                    "Only the import that was taken last can be undone; import the right list.",
                ));
            }
            tx.exec("DELETE FROM entries WHERE list = ?1 AND born = ?2", &key)?;
            move_in(&mut tx, list, number, "old")?;
            tx.exec("DELETE FROM versions WHERE list = ?1", &key[..1])?;
            // What waits was compared with what is no longer there.
            drop_waiting(&mut tx, list.as_str())?;
            tx.commit()?;
        }
        db.settle("entries")?;
        db.settle("versions")
    }

    /// One import.
    pub fn import(&self, list: &ListId, number: i64) -> Result<Option<ImportRow>> {
        let row = hold(&self.hotlist).first(
            select_imports!("WHERE list = ?1 AND number = ?2"),
            &[Arg::from(list.as_str()), Arg::from(number)],
        )?;
        row.map(import_row).transpose()
    }

    /// A list's newest import.
    pub fn last_import(&self, list: &ListId) -> Result<Option<ImportRow>> {
        let row = hold(&self.hotlist).first(
            select_imports!("WHERE list = ?1 ORDER BY number DESC LIMIT 1"),
            &[Arg::from(list.as_str())],
        )?;
        row.map(import_row).transpose()
    }

    /// The newest of a list's imports that are `taken`, `waiting`, `undone` or `dropped`, however many came since.
    pub fn last_import_that_is(&self, list: &ListId, state: &str) -> Result<Option<ImportRow>> {
        let row = hold(&self.hotlist).first(
            select_imports!("WHERE list = ?1 AND state = ?2 ORDER BY number DESC LIMIT 1"),
            &[Arg::from(list.as_str()), Arg::from(state)],
        )?;
        row.map(import_row).transpose()
    }

    /// Every import of every list that was ever taken, undone ones among them.
    pub fn taken_imports(&self) -> Result<Vec<ImportRow>> {
        let rows = hold(&self.hotlist)
            .query(select_imports!("WHERE taken IS NOT NULL ORDER BY list, number"), &[])?;
        rows.into_iter().map(import_row).collect()
    }

    /// Forgets imports that have waited since before a moment, with what they hold.
    pub fn forget_waiting(&self, before: Time) -> Result<()> {
        let mut db = hold(&self.hotlist);
        let old = db.query(
            "SELECT DISTINCT list FROM imports WHERE state = 'waiting' AND made < ?1",
            &[Arg::from(before)],
        )?;
        for mut row in old {
            let list: String = row.get(0)?;
            let mut tx = db.begin()?;
            drop_waiting(&mut tx, &list)?;
            tx.commit()?;
            db.settle("versions")?;
        }
        Ok(())
    }

    /// Keeps that a vehicle was found.
    pub fn put_tombstone(&self, row: &TombstoneRow) -> Result<()> {
        hold(&self.hotlist).exec(
            "INSERT INTO tombstones (id, list, plate, state, found, until, by_whom) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            &[
                Arg::from(row.id.as_str()),
                Arg::from(row.list.as_str()),
                Arg::from(row.plate.reveal(Reason::HotList)),
                Arg::from(row.state.as_deref()),
                Arg::from(row.found),
                Arg::from(row.until),
                Arg::from(row.by.as_str()),
            ],
        )?;
        Ok(())
    }

    /// What was found, the earliest first.
    pub fn tombstones(&self) -> Result<Vec<TombstoneRow>> {
        let rows = hold(&self.hotlist).query(
            "SELECT id, list, plate, state, found, until, by_whom FROM tombstones ORDER BY found, id",
            &[],
        )?;
        rows.into_iter().map(tombstone_row).collect()
    }

    /// Forgets found vehicles whose time is over.
    pub fn forget_tombstones(&self, before: Time) -> Result<()> {
        let mut db = hold(&self.hotlist);
        match db.exec("DELETE FROM tombstones WHERE until < ?1", &[Arg::from(before)])? {
            0 => Ok(()),
            _ => db.settle("tombstones"),
        }
    }
}

fn no_waiting() -> Error {
    Error::conflict("This import is not waiting any more; import the list again.")
}

fn tombstone_row(mut row: Row) -> Result<TombstoneRow> {
    let plate = Text::parse(&row.get::<String>(2)?)
        .map_err(|e| Error::internal("A hot list is damaged; run `homeplate check`.").because(e))?;
    Ok(TombstoneRow {
        id: row.get(0)?,
        list: row.parsed(1)?,
        plate,
        state: row.maybe(3)?,
        found: row.get(4)?,
        until: row.get(5)?,
        by: row.parsed(6)?,
    })
}

fn version<'a>(mut head: Vec<Arg<'a>>, row: &'a EntryRow) -> Vec<Arg<'a>> {
    // All columns of an entry but its list, which the head has.
    head.extend(args(row).into_iter().enumerate().filter(|(i, _)| *i != 1).map(|(_, arg)| arg));
    head
}

/// Keeps what stands in a list now of these entries.
fn keep_old(tx: &mut Tx<'_>, list: &str, number: i64, ids: &[EntryId]) -> Result<()> {
    let marks: Vec<String> = (0..ids.len()).map(|i| format!("?{}", i + 3)).collect();
    let sql = format!(
        "INSERT INTO versions (list, number, side, id, plate, state, reason, case_no, expires, \
         added_by, category, priority, begins, source, record, more, born) \
         SELECT list, ?2, 'old', id, plate, state, reason, case_no, expires, added_by, category, \
         priority, begins, source, record, more, born FROM entries \
         WHERE list = ?1 AND id IN ({})",
        marks.join(", ")
    );
    let head = [Arg::from(list), Arg::from(number)];
    let args: Vec<Arg<'_>> =
        head.into_iter().chain(ids.iter().map(|id| Arg::from(id.as_str()))).collect();
    tx.exec(&sql, &args).map(drop)
}

/// Writes one side of an import to the entries.
fn move_in(tx: &mut Tx<'_>, list: &ListId, number: i64, side: &str) -> Result<()> {
    tx.exec(
        concat!(
            "INSERT INTO entries (",
            entry_columns!(),
            ") SELECT ",
            entry_columns!(),
            " FROM versions WHERE list = ?1 AND number = ?2 AND side = ?3"
        ),
        &[Arg::from(list.as_str()), Arg::from(number), Arg::from(side)],
    )?;
    Ok(())
}

/// Forgets what waits in a list; returns how many imports did.
fn drop_waiting(tx: &mut Tx<'_>, list: &str) -> Result<usize> {
    let list = [Arg::from(list)];
    tx.exec(
        "DELETE FROM versions WHERE list = ?1 AND number IN \
         (SELECT number FROM imports WHERE list = ?1 AND state = 'waiting')",
        &list,
    )?;
    tx.exec("UPDATE imports SET state = 'dropped' WHERE list = ?1 AND state = 'waiting'", &list)
}
