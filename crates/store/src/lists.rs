//! Lists, what was imported into them, and vehicles that were found again.
//!
//! An import comes piece by piece, and is nothing until it is whole; then it waits as rows of `versions`: on the side `new` what would be written, on the side `old` what stands
//! there now and would go or change. Taking it moves the first in and keeps the second, so that it can be undone
//! until the next one is taken; either is one transaction. What waits, or is kept, is matched by nobody.

use crate::engine::{Arg, Bulk, Row, Tx, Type};
use crate::hotlist::{args, entries_changed, entry_columns};
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
        let rows = self.hotlist_read().query("SELECT id, json FROM lists ORDER BY id", &[])?;
        rows.into_iter().map(|mut row| Ok((row.parsed(0)?, row.get(1)?))).collect()
    }

    /// The settings of a list.
    pub fn list(&self, list: &ListId) -> Result<Option<String>> {
        let row = self
            .hotlist_read()
            .first("SELECT json FROM lists WHERE id = ?1", &[Arg::from(list.as_str())])?;
        row.map(|mut row| row.get(0)).transpose()
    }

    /// Begins an import, whose rows come piece by piece; it waits when [`Store::finish_import`] says so. What began
    /// in the list before and never was whole is forgotten.
    pub fn begin_import(&self, import: &ImportRow) -> Result<()> {
        let mut db = hold(&self.hotlist);
        let broken = {
            let mut tx = db.begin()?;
            let list = import.list.as_str();
            let broken = drop_coming(&mut tx, list)?;
            tx.exec(
                "INSERT INTO imports (list, number, state, made, taken, by_whom, json) \
                 VALUES (?1, ?2, 'coming', ?3, NULL, ?4, ?5)",
                &[
                    Arg::from(list),
                    Arg::from(import.number),
                    Arg::from(import.made),
                    Arg::from(import.by.as_str()),
                    Arg::from(import.json.as_str()),
                ],
            )?;
            tx.commit()?;
            broken
        };
        if broken > 0 { self.settle_hotlist(&db, &["versions"]) } else { Ok(()) }
    }

    /// Adds to an import that comes: what it would write, and the ids of entries that would go or change. What would
    /// change stands in both; where somebody has removed it meanwhile, it is in neither.
    pub fn add_to_import(
        &self,
        list: &ListId,
        number: i64,
        new: &[EntryRow],
        old: &[EntryId],
    ) -> Result<()> {
        let mut db = hold(&self.hotlist);
        let mut tx = db.begin()?;
        let list = list.as_str();
        for piece in new.chunks(PIECE) {
            let head = || vec![Arg::from(list), Arg::from(number), Arg::from("new")];
            let rows: Vec<Vec<Arg<'_>>> = piece.iter().map(|row| version(head(), row)).collect();
            tx.insert(&VERSIONS, &rows)?;
        }
        for piece in old.chunks(PIECE) {
            if keep_old(&mut tx, list, number, piece)? < piece.len() {
                leave_removed(&mut tx, list, number, piece)?;
            }
        }
        tx.commit()
    }

    /// An import is whole, and waits. What waited in the list before is dropped; its number is not used again, so
    /// that nobody takes what they have not seen.
    pub fn finish_import(&self, list: &ListId, number: i64, json: &str) -> Result<()> {
        let mut db = hold(&self.hotlist);
        let waited = {
            let mut tx = db.begin()?;
            let waited = drop_waiting(&mut tx, list.as_str())?;
            let changed = tx.exec(
                "UPDATE imports SET state = 'waiting', json = ?3 \
                 WHERE list = ?1 AND number = ?2 AND state = 'coming'",
                &[Arg::from(list.as_str()), Arg::from(number), Arg::from(json)],
            )?;
            if changed == 0 {
                return Err(no_waiting());
            }
            tx.commit()?;
            waited
        };
        if waited > 0 { self.settle_hotlist(&db, &["versions"]) } else { Ok(()) }
    }

    /// Forgets what began to come into a list and is not whole.
    pub fn drop_import(&self, list: &ListId) -> Result<()> {
        let mut db = hold(&self.hotlist);
        let mut tx = db.begin()?;
        drop_coming(&mut tx, list.as_str())?;
        tx.commit()?;
        self.settle_hotlist(&db, &["versions"])
    }

    /// Takes a waiting import, whole or not at all. From then on the one before it cannot be undone.
    pub fn take_import(&self, list: &ListId, number: i64, at: Time) -> Result<()> {
        let mut db = hold(&self.hotlist);
        let settled: &[&str] = {
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
            let gone = tx.exec(
                "DELETE FROM entries WHERE list = ?1 AND id IN (SELECT id FROM versions \
                 WHERE list = ?1 AND number = ?2 AND side = 'old')",
                &key,
            )?;
            move_in(&mut tx, list, number, "new")?;
            entries_changed(&mut tx)?;
            let kept = tx.exec(
                "DELETE FROM versions WHERE list = ?1 AND (number < ?2 OR side = 'new')",
                &key,
            )?;
            tx.commit()?;
            // What deleted nothing has left nothing behind.
            match (gone, kept) {
                (0, 0) => &[],
                (0, _) => &["versions"],
                _ => &["entries", "versions"],
            }
        };
        self.settle_hotlist(&db, settled)
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
            entries_changed(&mut tx)?;
            tx.exec("DELETE FROM versions WHERE list = ?1", &key[..1])?;
            // What waits was compared with what is no longer there.
            drop_waiting(&mut tx, list.as_str())?;
            tx.commit()?;
        }
        self.settle_hotlist(&db, &["entries", "versions"])
    }

    /// One import.
    pub fn import(&self, list: &ListId, number: i64) -> Result<Option<ImportRow>> {
        let row = self.hotlist_read().first(
            select_imports!("WHERE list = ?1 AND number = ?2"),
            &[Arg::from(list.as_str()), Arg::from(number)],
        )?;
        row.map(import_row).transpose()
    }

    /// A list's newest import.
    pub fn last_import(&self, list: &ListId) -> Result<Option<ImportRow>> {
        let row = self.hotlist_read().first(
            select_imports!("WHERE list = ?1 ORDER BY number DESC LIMIT 1"),
            &[Arg::from(list.as_str())],
        )?;
        row.map(import_row).transpose()
    }

    /// The newest of a list's imports that are `taken`, `waiting`, `undone` or `dropped`, however many came since.
    pub fn last_import_that_is(&self, list: &ListId, state: &str) -> Result<Option<ImportRow>> {
        let row = self.hotlist_read().first(
            select_imports!("WHERE list = ?1 AND state = ?2 ORDER BY number DESC LIMIT 1"),
            &[Arg::from(list.as_str()), Arg::from(state)],
        )?;
        row.map(import_row).transpose()
    }

    /// Forgets imports that have waited, or were not whole, since before a moment, with what they hold.
    pub fn forget_waiting(&self, before: Time) -> Result<()> {
        let mut db = hold(&self.hotlist);
        let old = db.query(
            "SELECT DISTINCT list, state FROM imports WHERE state IN ('waiting', 'coming') AND made < ?1",
            &[Arg::from(before)],
        )?;
        for mut row in old {
            let (list, state): (String, String) = (row.get(0)?, row.get(1)?);
            let mut tx = db.begin()?;
            match state.as_str() {
                "coming" => drop_coming(&mut tx, &list)?,
                _ => drop_waiting(&mut tx, &list)?,
            };
            tx.commit()?;
            self.settle_hotlist(&db, &["versions"])?;
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
        let rows = self.hotlist_read().query(
            "SELECT id, list, plate, state, found, until, by_whom FROM tombstones ORDER BY found, id",
            &[],
        )?;
        rows.into_iter().map(tombstone_row).collect()
    }

    /// Forgets that a vehicle of a list was found.
    pub fn drop_tombstone(&self, list: &ListId, id: &str) -> Result<()> {
        let mut db = hold(&self.hotlist);
        let args = [Arg::from(list.as_str()), Arg::from(id)];
        if db.exec("DELETE FROM tombstones WHERE list = ?1 AND id = ?2", &args)? == 0 {
            return Err(Error::not_found("Nothing of that number was found on this list."));
        }
        self.settle_hotlist(&db, &["tombstones"])
    }

    /// Forgets found vehicles whose time is over.
    pub fn forget_tombstones(&self, before: Time) -> Result<()> {
        let mut db = hold(&self.hotlist);
        match db.exec("DELETE FROM tombstones WHERE until < ?1", &[Arg::from(before)])? {
            0 => Ok(()),
            _ => self.settle_hotlist(&db, &["tombstones"]),
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

/// A list, an import's number and ids, as places of a statement; and those of the ids.
fn with_ids<'a>(list: &'a str, number: i64, ids: &'a [EntryId]) -> (Vec<Arg<'a>>, String) {
    let marks: Vec<String> = (0..ids.len()).map(|i| format!("?{}", i + 3)).collect();
    let head = [Arg::from(list), Arg::from(number)];
    let args = head.into_iter().chain(ids.iter().map(|id| Arg::from(id.as_str()))).collect();
    (args, marks.join(", "))
}

/// Keeps what stands in a list now of these entries; how many do.
fn keep_old(tx: &mut Tx<'_>, list: &str, number: i64, ids: &[EntryId]) -> Result<usize> {
    let (args, marks) = with_ids(list, number, ids);
    let sql = format!(
        "INSERT INTO versions (list, number, side, id, plate, state, reason, case_no, expires, \
         added_by, category, priority, begins, source, record, more, born) \
         SELECT list, ?2, 'old', id, plate, state, reason, case_no, expires, added_by, category, \
         priority, begins, source, record, more, born FROM entries \
         WHERE list = ?1 AND id IN ({marks})"
    );
    tx.exec(&sql, &args)
}

/// Writes nothing of these entries that is not in the list any more: whoever removed one while its file was read does
/// not get it back.
fn leave_removed(tx: &mut Tx<'_>, list: &str, number: i64, ids: &[EntryId]) -> Result<()> {
    let (args, marks) = with_ids(list, number, ids);
    let sql = format!(
        "DELETE FROM versions WHERE list = ?1 AND number = ?2 AND side = 'new' AND id IN ({marks}) \
         AND NOT EXISTS (SELECT 1 FROM entries WHERE entries.id = versions.id)"
    );
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
    drop_versions(tx, list, "waiting")?;
    let list = [Arg::from(list)];
    tx.exec("UPDATE imports SET state = 'dropped' WHERE list = ?1 AND state = 'waiting'", &list)
}

/// Forgets what began to come into a list and is not whole; returns how many imports did.
fn drop_coming(tx: &mut Tx<'_>, list: &str) -> Result<usize> {
    drop_versions(tx, list, "coming")?;
    tx.exec("DELETE FROM imports WHERE list = ?1 AND state = 'coming'", &[Arg::from(list)])
}

/// Removes the rows of a list's imports in this state.
fn drop_versions(tx: &mut Tx<'_>, list: &str, state: &str) -> Result<usize> {
    tx.exec(
        "DELETE FROM versions WHERE list = ?1 AND number IN \
         (SELECT number FROM imports WHERE list = ?1 AND state = ?2)",
        &[Arg::from(list), Arg::from(state)],
    )
}
