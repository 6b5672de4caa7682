//! A database of either engine: what the domain modules hold.
//!
//! Holds: a transaction that is dropped without a commit has never been; when a commit returns, it
//! is on disk. Not here: how either engine does it.

use super::{Arg, Changed, Kind, Place, Row, Still, postgres, sqlite};
use base::Result;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs::File;
use std::sync::Arc;

/// One database: the control data, the hot list, or a day of reads.
pub(crate) struct Db {
    inner: Inner,
    /// Tables of PostgreSQL's that are to be written anew without what was deleted; SQLite knows by itself.
    owed: RefCell<BTreeSet<String>>,
    #[cfg(test)]
    pub faults: faults::Faults,
}

enum Inner {
    Sqlite(sqlite::Db),
    Postgres(postgres::Db),
}

impl From<sqlite::Db> for Db {
    fn from(db: sqlite::Db) -> Self {
        Self::of(Inner::Sqlite(db))
    }
}
impl From<postgres::Db> for Db {
    fn from(db: postgres::Db) -> Self {
        Self::of(Inner::Postgres(db))
    }
}

/// A table that takes many rows in one go.
pub(crate) struct Bulk {
    pub table: &'static str,
    /// Its columns; of those that [`Tx::insert_new`] tells apart, the first alone is the key.
    pub columns: &'static [(&'static str, Type)],
    /// The columns of the primary key where a row may be there already; where this is empty, one that
    /// is there is a conflict, and the whole batch fails.
    pub key: &'static str,
}

impl Bulk {
    /// What follows the values.
    pub fn on_conflict(&self) -> String {
        match self.key {
            "" => String::new(),
            key => format!(" ON CONFLICT ({key}) DO NOTHING"),
        }
    }
}

/// What a column of a [`Bulk`] holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    Int,
    Text,
    Blob,
}

impl Db {
    fn of(inner: Inner) -> Self {
        Self {
            inner,
            owed: RefCell::default(),
            #[cfg(test)]
            faults: faults::Faults::default(),
        }
    }

    /// The hot list of a store that another process may have open, to look at: nothing is made or locked. `None` for
    /// an engine that a second process had better leave alone.
    pub fn beside(place: &Place) -> Result<Option<Self>> {
        match place {
            Place::Folder(_) => Ok(None),
            Place::Postgres { url, schema } => {
                Ok(Some(postgres::Db::beside(&url.0, schema)?.into()))
            }
        }
    }

    /// As messages name it: `reads/2026-11-23.db`, `homeplate_d2026_11_23`.
    pub fn name(&self) -> &str {
        match &self.inner {
            Inner::Sqlite(db) => db.name(),
            Inner::Postgres(db) => db.name(),
        }
    }

    /// Begins a transaction that may write.
    pub fn begin(&mut self) -> Result<Tx<'_>> {
        Ok(Tx {
            inner: match &mut self.inner {
                Inner::Sqlite(db) => TxInner::Sqlite(db.begin()?),
                Inner::Postgres(db) => TxInner::Postgres(Box::new(db.begin()?)),
            },
            #[cfg(test)]
            faults: &self.faults,
        })
    }

    /// One statement that writes, in a transaction of its own. Returns how many rows it changed.
    pub fn exec(&mut self, sql: &str, args: &[Arg<'_>]) -> Result<usize> {
        let mut tx = self.begin()?;
        let changed = tx.exec(sql, args)?;
        tx.commit()?;
        Ok(changed)
    }

    /// The rows of a query.
    pub fn query(&self, sql: &str, args: &[Arg<'_>]) -> Result<Vec<Row>> {
        match &self.inner {
            Inner::Sqlite(db) => db.query(sql, args),
            Inner::Postgres(db) => db.query(sql, args),
        }
    }

    /// The first row of a query, if there is one.
    pub fn first(&self, sql: &str, args: &[Arg<'_>]) -> Result<Option<Row>> {
        Ok(self.query(sql, args)?.into_iter().next())
    }

    /// Takes what was deleted from a table out of the files as far as the engine can. What deleted it is committed:
    /// while another program reads the table (a dump, for instance), or the server is away, this is no error but owed,
    /// and [`Db::settle_owed`] does it.
    pub fn settle(&self, table: &str) -> Result<()> {
        let db = match &self.inner {
            Inner::Sqlite(db) => return db.settle(),
            Inner::Postgres(db) => db,
        };
        match db.settle(table) {
            Err(e) if matches!(e.kind(), base::Kind::Busy | base::Kind::Unavailable) => {
                let schema = db.name();
                tracing::warn!(schema, table, error = %e.inside(), "deleted rows stay for now");
                self.owed.borrow_mut().insert(table.to_owned());
                Ok(())
            }
            done => done,
        }
    }

    /// Does what another program kept from being done, if that has ended.
    pub fn settle_owed(&self) -> Result<()> {
        let db = match &self.inner {
            Inner::Sqlite(db) => return db.settle_owed(),
            Inner::Postgres(db) => db,
        };
        let tables = self.owed.borrow().clone();
        for table in tables {
            match db.settle_at_once(&table) {
                // That it stays was said.
                Err(e) if e.kind() == base::Kind::Busy => {}
                done => {
                    done?;
                    self.owed.borrow_mut().remove(&table);
                }
            }
        }
        Ok(())
    }

    /// Has its changes kept apart from now on; `false` for an engine whose own replication does that.
    pub fn follow(&self) -> Result<bool> {
        match &self.inner {
            Inner::Sqlite(db) => db.follow().map(|()| true),
            Inner::Postgres(_) => Ok(false),
        }
    }

    /// What changed since the last time; `None` where that is not followed, or somebody else reads the file.
    pub fn changed(&self) -> Result<Option<Changed>> {
        match &self.inner {
            Inner::Sqlite(db) => db.changed(),
            Inner::Postgres(_) => Ok(None),
        }
    }

    /// Holds its file still.
    pub fn still(&self, file: Option<Arc<File>>) -> Result<Option<Still>> {
        match &self.inner {
            Inner::Sqlite(db) => db.still(file).map(Some),
            Inner::Postgres(_) => Ok(None),
        }
    }

    /// What is wrong with it: its pages where the engine can tell, and its schema beside the
    /// present one.
    pub fn check(&self, kind: Kind) -> Result<Vec<String>> {
        let mut wrong = match &self.inner {
            Inner::Sqlite(db) => db.damage()?,
            Inner::Postgres(_) => Vec::new(),
        };
        if self.shape()? != self.fresh_shape(kind)? {
            wrong.push(format!(
                "{} has another schema than this program; restore it from a backup.",
                self.name()
            ));
        }
        Ok(wrong)
    }

    /// Its schema as lines: every table, column and index.
    pub fn shape(&self) -> Result<Vec<String>> {
        match &self.inner {
            Inner::Sqlite(db) => db.shape(),
            Inner::Postgres(db) => db.shape(),
        }
    }

    /// The schema that it should have, made in one piece by the same engine.
    pub fn fresh_shape(&self, kind: Kind) -> Result<Vec<String>> {
        match &self.inner {
            Inner::Sqlite(_) => sqlite::Db::fresh(kind)?.shape(),
            Inner::Postgres(db) => db.fresh_shape(kind),
        }
    }

    /// Waits for no other program that has its file open. SQLite alone.
    #[cfg(test)]
    pub fn impatient(&self) {
        match &self.inner {
            Inner::Sqlite(db) => db.impatient(),
            Inner::Postgres(_) => panic!("no file of PostgreSQL's is ours to wait for"),
        }
    }

    /// Lets the file grow no further than so many pages more, as a full disk would. SQLite alone.
    #[cfg(test)]
    pub fn fill(&self, spare_pages: i64) {
        match &self.inner {
            Inner::Sqlite(db) => db.fill(spare_pages),
            Inner::Postgres(_) => panic!("no page of PostgreSQL's is ours to count"),
        }
    }
}

/// A transaction. Dropped without [`Tx::commit`], it has never been.
pub(crate) struct Tx<'a> {
    inner: TxInner<'a>,
    #[cfg(test)]
    faults: &'a faults::Faults,
}

enum TxInner<'a> {
    Sqlite(sqlite::Tx<'a>),
    Postgres(Box<postgres::Tx<'a>>),
}

impl Tx<'_> {
    /// Runs a statement; returns how many rows it changed.
    pub fn exec(&mut self, sql: &str, args: &[Arg<'_>]) -> Result<usize> {
        self.step()?;
        match &mut self.inner {
            TxInner::Sqlite(tx) => tx.exec(sql, args),
            TxInner::Postgres(tx) => tx.exec(sql, args),
        }
    }

    /// The rows of a query, as this transaction sees them.
    pub fn query(&mut self, sql: &str, args: &[Arg<'_>]) -> Result<Vec<Row>> {
        self.step()?;
        match &mut self.inner {
            TxInner::Sqlite(tx) => tx.query(sql, args),
            TxInner::Postgres(tx) => tx.query(sql, args),
        }
    }

    /// The first row of a query, if there is one.
    pub fn first(&mut self, sql: &str, args: &[Arg<'_>]) -> Result<Option<Row>> {
        Ok(self.query(sql, args)?.into_iter().next())
    }

    /// Writes many rows.
    pub fn insert(&mut self, bulk: &Bulk, rows: &[Vec<Arg<'_>>]) -> Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        self.step()?;
        match &mut self.inner {
            TxInner::Sqlite(tx) => tx.insert(bulk, rows).map(drop),
            TxInner::Postgres(tx) => tx.insert(bulk, rows),
        }
    }

    /// The same, and says of each row whether it is new. The first column is the whole key.
    pub fn insert_new(&mut self, bulk: &Bulk, rows: &[Vec<Arg<'_>>]) -> Result<Vec<bool>> {
        self.step()?;
        match &mut self.inner {
            TxInner::Sqlite(tx) => tx.insert(bulk, rows),
            TxInner::Postgres(tx) => tx.insert_new(bulk, rows),
        }
    }

    /// Makes it lasting: when this returns, it is on disk.
    pub fn commit(self) -> Result<()> {
        self.step()?;
        #[cfg(test)]
        let faults = self.faults;
        match self.inner {
            TxInner::Sqlite(tx) => tx.commit()?,
            TxInner::Postgres(tx) => tx.commit()?,
        }
        // What a crash right after the commit looks like to the caller.
        #[cfg(test)]
        faults.step()?;
        Ok(())
    }

    #[cfg_attr(not(test), expect(clippy::unused_self, clippy::unnecessary_wraps))]
    fn step(&self) -> Result<()> {
        #[cfg(test)]
        self.faults.step()?;
        Ok(())
    }
}

#[cfg(test)]
pub(crate) mod faults {
    //! A power cut at a chosen step: every statement, and a commit twice, before and after.

    use base::{Error, Result};
    use std::cell::Cell;

    #[derive(Default)]
    pub(crate) struct Faults(Cell<Option<u32>>);

    impl Faults {
        /// Lets so many steps pass and fails from then on; `None` lets all pass.
        pub fn after(&self, steps: Option<u32>) {
            self.0.set(steps);
        }

        pub fn step(&self) -> Result<()> {
            match self.0.get() {
                Some(0) => Err(Error::unavailable("The power is cut.")),
                left => {
                    self.0.set(left.map(|n| n - 1));
                    Ok(())
                }
            }
        }
    }
}
