//! Entries of hot lists, in a database of their own: the only plates that are on disk in the clear.

use crate::engine::{Arg, Db, Place, Row, Tx};
use crate::open::{Store, hold};
use crate::rows::EntryRow;
use base::{EntryId, Error, ListId, Result, Time, random};
use plate::{Pattern, Reason};

/// The columns of an entry, in the order that [`entry_row`] reads and [`args`] writes.
macro_rules! entry_columns {
    () => {
        "id, list, plate, state, reason, case_no, expires, added_by, category, priority, begins, \
         source, record, more, born"
    };
}
pub(crate) use entry_columns;

/// What is written of an entry.
pub(crate) fn args(row: &EntryRow) -> Vec<Arg<'_>> {
    vec![
        Arg::from(row.id.as_str()),
        Arg::from(row.list.as_str()),
        Arg::from(row.plate.reveal(Reason::HotList)),
        Arg::from(row.state.as_deref()),
        Arg::from(row.reason.as_str()),
        Arg::from(row.case_no.as_str()),
        Arg::from(row.expires),
        Arg::from(row.added_by.as_str()),
        Arg::from(row.category.as_deref()),
        Arg::from(i64::from(row.priority)),
        Arg::from(row.begins),
        Arg::from(row.source.as_str()),
        Arg::from(row.record.as_deref()),
        Arg::from(row.more_json.as_deref()),
        Arg::from(row.born),
    ]
}

/// Of so many entries one statement asks.
const ASKED: usize = 64;

impl Store {
    /// Adds an entry. An id that is there already is a [`base::Kind::Conflict`].
    pub fn add_entry(&self, row: &EntryRow) -> Result<()> {
        let mut db = hold(&self.hotlist);
        let mut tx = db.begin()?;
        let added = tx.exec(
            concat!(
                "INSERT INTO entries (",
                entry_columns!(),
                ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15) \
                 ON CONFLICT (id) DO NOTHING"
            ),
            &args(row),
        )?;
        if added == 0 {
            return Err(Error::conflict("There is an entry of this id already; choose another."));
        }
        entries_changed(&mut tx)?;
        tx.commit()
    }

    /// Removes an entry. When this returns, its plate stands in no file any more; on PostgreSQL in
    /// none of the table's, while the server's log of changes and its backups keep it for a while. Where another
    /// program reads the file at that moment it goes with the next [`Store::settle_owed`].
    pub fn remove_entry(&self, id: &EntryId) -> Result<()> {
        let mut db = hold(&self.hotlist);
        let args = [Arg::from(id.as_str())];
        {
            let mut tx = db.begin()?;
            if tx.exec("DELETE FROM entries WHERE id = ?1", &args)? == 0 {
                return Err(Error::not_found("There is no such entry."));
            }
            // Nor does an import bring it back that waits, or is taken back.
            tx.exec("DELETE FROM versions WHERE id = ?1", &args)?;
            entries_changed(&mut tx)?;
            tx.commit()?;
        }
        self.settle_hotlist(&db, &["entries", "versions"])
    }

    /// Removes entries that ended before a moment, also from what imports keep of them; whether any was removed from
    /// the entries.
    pub fn forget_entries(&self, before: Time) -> Result<bool> {
        let mut db = hold(&self.hotlist);
        let before = [Arg::from(before)];
        let gone = {
            let mut tx = db.begin()?;
            let gone = tx.exec("DELETE FROM entries WHERE expires < ?1", &before)?;
            if gone > 0 {
                entries_changed(&mut tx)?;
            }
            tx.commit()?;
            gone
        };
        if gone > 0 {
            self.settle_hotlist(&db, &["entries"])?;
        }
        if db.exec("DELETE FROM versions WHERE expires < ?1", &before)? > 0 {
            self.settle_hotlist(&db, &["versions"])?;
        }
        Ok(gone > 0)
    }

    /// Every entry, expired ones among them.
    pub fn entries(&self) -> Result<Vec<EntryRow>> {
        let rows = self
            .hotlist_read()
            .query(concat!("SELECT ", entry_columns!(), " FROM entries ORDER BY id"), &[])?;
        rows.into_iter().map(entry_row).collect()
    }

    /// At most `limit` entries in the order of their ids, from behind one; expired ones among them.
    pub fn entries_after(&self, after: Option<&EntryId>, limit: u32) -> Result<Vec<EntryRow>> {
        entries_after(&self.hotlist_read(), after, limit)
    }

    /// The same of one list.
    pub fn listed_after(
        &self,
        list: &ListId,
        after: Option<&EntryId>,
        limit: u32,
    ) -> Result<Vec<EntryRow>> {
        let rows = self.hotlist_read().query(
            concat!(
                "SELECT ",
                entry_columns!(),
                " FROM entries WHERE list = ?1 AND id > ?2 ORDER BY id LIMIT ?3"
            ),
            &[
                Arg::from(list.as_str()),
                Arg::from(after.map_or("", EntryId::as_str)),
                Arg::from(i64::from(limit)),
            ],
        )?;
        rows.into_iter().map(entry_row).collect()
    }

    /// The same of one list, and of it only what imports wrote.
    pub fn imported_after(
        &self,
        list: &ListId,
        after: Option<&EntryId>,
        limit: u32,
    ) -> Result<Vec<EntryRow>> {
        let rows = self.hotlist_read().query(
            concat!(
                "SELECT ",
                entry_columns!(),
                " FROM entries WHERE list = ?1 AND born IS NOT NULL AND id > ?2 ORDER BY id LIMIT ?3"
            ),
            &[
                Arg::from(list.as_str()),
                Arg::from(after.map_or("", EntryId::as_str)),
                Arg::from(i64::from(limit)),
            ],
        )?;
        rows.into_iter().map(entry_row).collect()
    }

    /// The entries that no import wrote, by id, each with its list; expired ones among them.
    pub fn own_entries(&self) -> Result<Vec<(EntryId, ListId)>> {
        let rows = self
            .hotlist_read()
            .query("SELECT id, list FROM entries WHERE born IS NULL ORDER BY id", &[])?;
        rows.into_iter().map(|mut row| Ok((row.parsed(0)?, row.parsed(1)?))).collect()
    }

    /// One entry.
    pub fn entry(&self, id: &EntryId) -> Result<Option<EntryRow>> {
        let row = self.hotlist_read().first(
            concat!("SELECT ", entry_columns!(), " FROM entries WHERE id = ?1"),
            &[Arg::from(id.as_str())],
        )?;
        row.map(entry_row).transpose()
    }

    /// Those of these entries that are there, in no order.
    pub fn entries_named(&self, ids: &[EntryId]) -> Result<Vec<EntryRow>> {
        let places: Vec<String> = (1..=ASKED).map(|n| format!("?{n}")).collect();
        let sql = format!(
            "{} ({})",
            concat!("SELECT ", entry_columns!(), " FROM entries WHERE id IN"),
            places.join(", ")
        );
        let mut found = Vec::new();
        for some in ids.chunks(ASKED) {
            // The statement is always the same; the last chunk is filled up with its first id.
            let args: Vec<Arg<'_>> = some
                .iter()
                .chain(std::iter::repeat(&some[0]))
                .take(ASKED)
                .map(|id| Arg::from(id.as_str()))
                .collect();
            let rows = self.hotlist_read().query(&sql, &args)?;
            for row in rows {
                found.push(entry_row(row)?);
            }
        }
        Ok(found)
    }

    /// What tells the entries as they stand from any others; see [`ListsBeside`].
    pub fn entries_mark(&self) -> Result<EntriesMark> {
        entries_mark(&self.hotlist_read())
    }

    /// How many entries each list has, expired ones among them.
    pub fn entry_counts(&self) -> Result<Vec<(ListId, u64)>> {
        let rows = self
            .hotlist_read()
            .query("SELECT list, count(*) FROM entries GROUP BY list ORDER BY list", &[])?;
        let count = |mut row: Row| Ok((row.parsed(0)?, row.get::<i64>(1)?.unsigned_abs()));
        rows.into_iter().map(count).collect()
    }
}

/// Equal marks are equal entries: each change of them leaves another one, and before the first there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntriesMark(Option<Vec<u8>>);

/// The entries of a store that another process has open, to read them before this one opens it. On PostgreSQL alone:
/// a file of SQLite bears a second reader on the same machine, and nothing says that this is it.
pub struct ListsBeside(Db);

impl ListsBeside {
    /// Looks at a store; `None` where a second process cannot.
    pub fn of(place: &Place) -> Result<Option<Self>> {
        Ok(Db::beside(place)?.map(Self))
    }

    /// As [`Store::entries_mark`].
    pub fn mark(&self) -> Result<EntriesMark> {
        entries_mark(&self.0)
    }

    /// As [`Store::entries_after`]. They may change from page to page; the mark tells.
    pub fn entries_after(&self, after: Option<&EntryId>, limit: u32) -> Result<Vec<EntryRow>> {
        entries_after(&self.0, after, limit)
    }
}

fn entries_after(db: &Db, after: Option<&EntryId>, limit: u32) -> Result<Vec<EntryRow>> {
    let rows = db.query(
        concat!("SELECT ", entry_columns!(), " FROM entries WHERE id > ?1 ORDER BY id LIMIT ?2"),
        &[Arg::from(after.map_or("", EntryId::as_str)), Arg::from(i64::from(limit))],
    )?;
    rows.into_iter().map(entry_row).collect()
}

fn entries_mark(db: &Db) -> Result<EntriesMark> {
    let row = db.first("SELECT mark FROM marks WHERE name = ?1", &[Arg::from("entries")])?;
    Ok(EntriesMark(row.map(|mut row| row.get(0)).transpose()?))
}

/// In the transaction that changes the entries.
pub(crate) fn entries_changed(tx: &mut Tx<'_>) -> Result<()> {
    let mark: [u8; 16] = random();
    tx.exec(
        "INSERT INTO marks (name, mark) VALUES ('entries', ?1) \
         ON CONFLICT (name) DO UPDATE SET mark = excluded.mark",
        &[Arg::from(&mark)],
    )
    .map(drop)
}

pub(crate) fn entry_row(mut row: Row) -> Result<EntryRow> {
    let plate = Pattern::parse(&row.get::<String>(2)?).map_err(|e| {
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
        category: row.maybe(8)?,
        priority: u8::try_from(row.get::<i64>(9)?).unwrap_or(u8::MAX),
        begins: row.get(10)?,
        source: row.get(11)?,
        record: row.maybe(12)?,
        more_json: row.maybe(13)?,
        born: row.maybe(14)?,
    })
}
