//! The hot list, in a database of its own: the only plates that are on disk in the clear.

use crate::engine::{Arg, Row};
use crate::open::{Store, hold};
use crate::rows::EntryRow;
use base::{EntryId, Error, Result};
use plate::{Reason, Text};

impl Store {
    /// Adds an entry. An id that is there already is a [`base::Kind::Conflict`].
    pub fn add_entry(&self, row: &EntryRow) -> Result<()> {
        let changed = hold(&self.hotlist).exec(
            "INSERT INTO entries (id, list, plate, state, reason, case_no, expires, added_by) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (id) DO NOTHING",
            &[
                Arg::from(row.id.as_str()),
                Arg::from(row.list.as_str()),
                Arg::from(row.plate.reveal(Reason::HotList)),
                Arg::from(row.state.as_deref()),
                Arg::from(row.reason.as_str()),
                Arg::from(row.case_no.as_str()),
                Arg::from(row.expires),
                Arg::from(row.added_by.as_str()),
            ],
        )?;
        match changed {
            0 => Err(Error::conflict("There is an entry of this id already; choose another.")),
            _ => Ok(()),
        }
    }

    /// Removes an entry. When this returns, its plate stands in no file any more; on PostgreSQL in
    /// none of the table's, while the server's log of changes and its backups keep it for a while.
    pub fn remove_entry(&self, id: &EntryId) -> Result<()> {
        let mut db = hold(&self.hotlist);
        let args = [Arg::from(id.as_str())];
        if db.exec("DELETE FROM entries WHERE id = ?1", &args)? == 0 {
            return Err(Error::not_found("There is no such entry."));
        }
        db.settle("entries")
    }

    /// Every entry, expired ones among them.
    pub fn entries(&self) -> Result<Vec<EntryRow>> {
        let rows = hold(&self.hotlist).query(
            "SELECT id, list, plate, state, reason, case_no, expires, added_by FROM entries \
             ORDER BY id",
            &[],
        )?;
        rows.into_iter().map(entry_row).collect()
    }
}

fn entry_row(mut row: Row) -> Result<EntryRow> {
    let plate = Text::parse(&row.get::<String>(2)?).map_err(|e| {
        Error::internal("A hot-list entry is damaged; run `homeplate check`.").because(e)
    })?;
    Ok(EntryRow {
        id: row.parsed(0)?,
        list: row.parsed(1)?,
        plate,
        state: row.maybe(3)?,
        reason: row.get(4)?,
        case_no: row.get(5)?,
        expires: row.get(6)?,
        added_by: row.parsed(7)?,
    })
}
