//! Entries that wait for a second person; they stand in the hot list's own database, because a plate is in them.

use crate::engine::{Arg, Row};
use crate::open::{Store, hold};
use crate::rows::WantedRow;
use base::{EntryId, Error, Result, Time};

fn wanted_row(mut row: Row) -> Result<WantedRow> {
    Ok(WantedRow { id: row.parsed(0)?, made: row.get(1)?, by: row.parsed(2)?, json: row.get(3)? })
}

impl Store {
    /// Keeps an entry that waits.
    pub fn put_wanted(&self, row: &WantedRow) -> Result<()> {
        hold(&self.hotlist).exec(
            "INSERT INTO wanted (id, made, by_whom, json) VALUES (?1, ?2, ?3, ?4)",
            &[
                Arg::from(row.id.as_str()),
                Arg::from(row.made),
                Arg::from(row.by.as_str()),
                Arg::from(row.json.as_str()),
            ],
        )?;
        Ok(())
    }

    /// What waits, the oldest first.
    pub fn wanted(&self) -> Result<Vec<WantedRow>> {
        let rows = self
            .hotlist_read()
            .query("SELECT id, made, by_whom, json FROM wanted ORDER BY made, id", &[])?;
        rows.into_iter().map(wanted_row).collect()
    }

    /// Takes one that waits away; of two who do so at once one is told that it is not there.
    pub fn take_wanted(&self, id: &EntryId) -> Result<()> {
        let mut db = hold(&self.hotlist);
        if db.exec("DELETE FROM wanted WHERE id = ?1", &[Arg::from(id.as_str())])? == 0 {
            return Err(Error::not_found("Nothing of that number waits."));
        }
        self.settle_hotlist(&db, &["wanted"])
    }

    /// What has waited since before a moment.
    pub fn wanted_before(&self, before: Time) -> Result<Vec<EntryId>> {
        let rows = self.hotlist_read().query(
            "SELECT id FROM wanted WHERE made < ?1 ORDER BY made, id",
            &[Arg::from(before)],
        )?;
        rows.into_iter().map(|mut row| row.parsed(0)).collect()
    }
}
