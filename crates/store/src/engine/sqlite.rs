//! SQLite behind the primitives: one connection a file, used by one thread at a time.
//!
//! A commit is on disk when it returns (WAL, `synchronous=FULL`); deleted bytes are overwritten
//! (`secure_delete`); a database from elsewhere cannot make us run what its schema says
//! (`trusted_schema` off, defensive mode). A transaction that is dropped is undone.

use super::pages::Followed;
use super::{Arg, Bulk, Kind, Row, Value};
use base::{Error, Result};
use rusqlite::config::DbConfig;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ErrorCode, ToSql, TransactionBehavior};
use std::cell::{Cell, RefCell};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a statement waits for another program that reads the file (a backup, for instance).
const PATIENCE: Duration = Duration::from_secs(5);

/// An open database file.
pub(crate) struct Db {
    pub(super) conn: Connection,
    /// As messages name it, without the folder: `reads/2026-11-23.db`.
    name: String,
    /// Where it lies, and which of its pages changed since somebody asked for that (`pages.rs`). Behind the
    /// connection: what is open of the file must be closed after it.
    pub(super) followed: RefCell<Option<Followed>>,
    pub(super) path: Option<PathBuf>,
    /// Whether deleted bytes may stand in the log of changes: another program read the file when they were to go.
    owed: Cell<bool>,
}

impl Db {
    /// Opens the database, making it if it is not there, and brings its schema up to date.
    pub fn open(path: &Path, name: &str, kind: Kind) -> Result<Self> {
        make_private(path).map_err(|e| {
            Error::unavailable(format!(
                "{} cannot be written; check the disk's free space and the folder's owner.",
                path.display()
            ))
            .because(e)
        })?;
        let conn = Connection::open(path).map_err(|e| told(name, e))?;
        let mut db = Self::over(conn, name);
        db.path = Some(path.to_owned());
        // What was owed when it was last open.
        db.owed.set(true);
        db.prepare(kind)?;
        Ok(db)
    }

    fn over(conn: Connection, name: &str) -> Self {
        let (followed, owed) = (RefCell::new(None), Cell::new(false));
        Self { conn, name: name.to_owned(), followed, path: None, owed }
    }

    /// As messages name it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The present schema in memory, by its migrations.
    #[cfg(test)]
    pub fn replayed(kind: Kind) -> Result<Self> {
        let conn = Connection::open_in_memory().map_err(|e| told("memory", e))?;
        let mut db = Self::over(conn, "memory");
        db.prepare(kind)?;
        Ok(db)
    }

    /// The present schema in memory, as one piece.
    pub fn fresh(kind: Kind) -> Result<Self> {
        let conn = Connection::open_in_memory().map_err(|e| told("memory", e))?;
        conn.execute_batch(kind.fresh()).map_err(|e| told("memory", e))?;
        Ok(Self::over(conn, "memory"))
    }

    fn prepare(&mut self, kind: Kind) -> Result<()> {
        self.identify(kind)?;
        let conn = &self.conn;
        let set = || -> rusqlite::Result<()> {
            conn.busy_timeout(PATIENCE)?;
            conn.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
            conn.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
            conn.set_prepared_statement_cache_capacity(64);
            // Answers with the mode that it chose; an in-memory database stays in memory.
            conn.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
            conn.pragma_update(None, "synchronous", "FULL")?;
            conn.pragma_update(None, "temp_store", "MEMORY")?;
            if kind == Kind::Reads {
                // Tokens fall on random pages: with the usual 1,000 pages a checkpoint would write the
                // same pages again every few batches. Nothing is deleted here that would linger.
                conn.pragma_update_and_check(None, "wal_autocheckpoint", 8000, |_| Ok(()))?;
                conn.pragma_update(None, "cache_size", -32_768)?;
            }
            conn.pragma_update_and_check(None, "secure_delete", "ON", |_| Ok(()))
        };
        set().map_err(|e| told(&self.name, e))?;
        match self.migrate(kind)? {
            // What a migration erases is not to stand in the log of changes.
            true => self.settle(),
            false => Ok(()),
        }
    }

    /// Looks before anything is written: somebody else's database stays as it is.
    fn identify(&self, kind: Kind) -> Result<()> {
        let owner = self.number("application_id")?;
        let empty = self.number("schema_version")? == 0;
        if owner == kind.application_id() || (owner == 0 && empty) {
            Ok(())
        } else {
            Err(Error::unavailable(format!(
                "{} is another program's database; move it away, or choose another folder.",
                self.name
            )))
        }
    }

    /// Applies what is missing, each migration whole or not at all; says whether any was.
    fn migrate(&mut self, kind: Kind) -> Result<bool> {
        let have = self.number("user_version")?;
        let all = kind.migrations();
        if have > all.len() as i64 {
            return Err(Error::unavailable(format!(
                "{} was written by a newer Homeplate; run that version or a newer one.",
                self.name
            )));
        }
        for (number, sql) in (1i64..).zip(all).filter(|(number, _)| *number > have) {
            let apply = |conn: &mut Connection| -> rusqlite::Result<()> {
                let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
                tx.execute_batch(sql)?;
                tx.pragma_update(None, "application_id", kind.application_id())?;
                tx.pragma_update(None, "user_version", number)?;
                tx.commit()
            };
            apply(&mut self.conn).map_err(|e| told(&self.name, e))?;
        }
        Ok(have < all.len() as i64)
    }

    fn number(&self, pragma: &str) -> Result<i64> {
        self.conn
            .pragma_query_value(None, pragma, |row| row.get(0))
            .map_err(|e| told(&self.name, e))
    }

    /// Begins a transaction that may write.
    pub fn begin(&mut self) -> Result<Tx<'_>> {
        self.relieve();
        let name = &self.name;
        let inner = self
            .conn
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(|e| told(name, e))?;
        Ok(Tx { inner, name })
    }

    /// The rows of a query.
    pub fn query(&self, sql: &str, args: &[Arg<'_>]) -> Result<Vec<Row>> {
        query(&self.conn, sql, args).map_err(|e| told(&self.name, e))
    }

    /// Moves everything into the main file and empties the log of changes, in which deleted bytes
    /// would otherwise stand until it is written over. While another program reads the file this is owed:
    /// [`Db::settle_owed`] does it when that has ended.
    pub fn settle(&self) -> Result<()> {
        self.owed.set(true);
        let done = self.emptied()?;
        self.owed.set(!done);
        if !done {
            tracing::warn!(file = %self.name, "deleted bytes stay while another program reads it");
        }
        Ok(())
    }

    /// Does what another program kept from being done, if it can be done now: it waits for nobody, since others wait for
    /// this file.
    pub fn settle_owed(&self) -> Result<()> {
        if !self.owed.get() {
            return Ok(());
        }
        let patience = |wait| self.conn.busy_timeout(wait).map_err(|e| told(&self.name, e));
        patience(Duration::ZERO)?;
        let done = self.settle();
        patience(PATIENCE)?;
        done
    }

    /// The same at once, and whether it could be done: not while another program reads.
    pub(super) fn emptied(&self) -> Result<bool> {
        self.note_changes()?;
        let busy: i64 = self
            .conn
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))
            .map_err(|e| told(&self.name, e))?;
        Ok(busy == 0)
    }

    /// What is wrong with its pages.
    pub fn damage(&self) -> Result<Vec<String>> {
        for mut row in self.query("PRAGMA integrity_check(20)", &[])? {
            // The engine's own words may quote what is stored; that there are some says enough.
            if row.get::<String>(0)? != "ok" {
                return Ok(vec![format!("{} is damaged; restore it from a backup.", self.name)]);
            }
        }
        Ok(Vec::new())
    }

    /// The schema as lines: every table, column and index.
    pub fn shape(&self) -> Result<Vec<String>> {
        const COLUMNS: &str = "SELECT l.name, l.type, l.wr, l.strict, c.name, c.type, \
            c.\"notnull\", c.dflt_value, c.pk \
            FROM pragma_table_list AS l, pragma_table_xinfo(l.name) AS c \
            WHERE l.schema = 'main' AND l.name NOT LIKE 'sqlite_%' ORDER BY l.name, c.cid";
        const OTHERS: &str = "SELECT type, name, tbl_name, sql FROM sqlite_schema \
            WHERE type <> 'table' AND sql IS NOT NULL ORDER BY name";
        let mut out: Vec<String> =
            self.query(COLUMNS, &[])?.iter().map(|row| format!("{:?}", row.0)).collect();
        for mut row in self.query(OTHERS, &[])? {
            let sql: String = row.get(3)?;
            let spaced: Vec<&str> = sql.split_whitespace().collect();
            out.push(format!("{:?} {}", &row.0[..3], spaced.join(" ")));
        }
        Ok(out)
    }

    /// Waits for no other program.
    #[cfg(test)]
    pub fn impatient(&self) {
        self.conn.busy_timeout(Duration::ZERO).unwrap();
    }

    /// Lets the file grow no further than so many pages more, as a full disk would.
    #[cfg(test)]
    pub fn fill(&self, spare_pages: i64) {
        let pages = self.number("page_count").unwrap() + spare_pages;
        self.conn.query_row(&format!("PRAGMA max_page_count={pages}"), [], |_| Ok(())).unwrap();
    }
}

/// A transaction. Dropped without [`Tx::commit`], it has never been.
pub(crate) struct Tx<'a> {
    inner: rusqlite::Transaction<'a>,
    name: &'a str,
}

impl Tx<'_> {
    /// Runs a statement; returns how many rows it changed.
    pub fn exec(&mut self, sql: &str, args: &[Arg<'_>]) -> Result<usize> {
        let run = || self.inner.prepare_cached(sql)?.execute(rusqlite::params_from_iter(args));
        run().map_err(|e| told(self.name, e))
    }

    /// The rows of a query, as this transaction sees them.
    pub fn query(&self, sql: &str, args: &[Arg<'_>]) -> Result<Vec<Row>> {
        query(&self.inner, sql, args).map_err(|e| told(self.name, e))
    }

    /// Writes rows one by one, which no statement of many rows beats here; says which are new.
    pub fn insert(&mut self, bulk: &Bulk, rows: &[Vec<Arg<'_>>]) -> Result<Vec<bool>> {
        let columns: Vec<&str> = bulk.columns.iter().map(|(name, _)| *name).collect();
        let places: Vec<String> = (1..=columns.len()).map(|n| format!("?{n}")).collect();
        let sql = format!(
            "INSERT INTO {} ({}) VALUES ({}){}",
            bulk.table,
            columns.join(", "),
            places.join(", "),
            bulk.on_conflict()
        );
        let run = || -> rusqlite::Result<Vec<bool>> {
            let mut statement = self.inner.prepare_cached(&sql)?;
            rows.iter()
                .map(|row| Ok(statement.execute(rusqlite::params_from_iter(row))? == 1))
                .collect()
        };
        run().map_err(|e| told(self.name, e))
    }

    /// Makes it lasting: when this returns, it is on disk.
    pub fn commit(self) -> Result<()> {
        self.inner.commit().map_err(|e| told(self.name, e))
    }
}

fn query(conn: &Connection, sql: &str, args: &[Arg<'_>]) -> rusqlite::Result<Vec<Row>> {
    let mut statement = conn.prepare_cached(sql)?;
    let columns = statement.column_count();
    let rows = statement.query_map(rusqlite::params_from_iter(args), |row| {
        (0..columns).map(|at| row.get_ref(at).and_then(|v| owned(at, v))).collect()
    })?;
    rows.map(|row| row.map(Row)).collect()
}

fn owned(column: usize, value: ValueRef<'_>) -> rusqlite::Result<Value> {
    Ok(match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(i) => Value::Int(i),
        ValueRef::Real(r) => Value::Real(r),
        ValueRef::Blob(b) => Value::Blob(b.to_vec()),
        ValueRef::Text(t) => match std::str::from_utf8(t) {
            Ok(text) => Value::Text(text.to_owned()),
            Err(e) => return Err(rusqlite::Error::Utf8Error(column, e)),
        },
    })
}

impl ToSql for Arg<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Arg::Null => ValueRef::Null,
            Arg::Int(i) => ValueRef::Integer(*i),
            Arg::Real(r) => ValueRef::Real(*r),
            Arg::Text(t) => ValueRef::Text(t.as_bytes()),
            Arg::Blob(b) => ValueRef::Blob(b),
        }))
    }
}

/// An error of SQLite in our words. Its own go into the cause; they quote statements, which hold
/// placeholders, and never values.
pub(super) fn told(name: &str, e: rusqlite::Error) -> Error {
    let error = match e.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => Error::unavailable(format!(
            "The disk is full: {name} cannot grow. Nothing was changed; make room and try again."
        )),
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
            Error::internal(format!("{name} is damaged or no database; restore it from a backup."))
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            Error::busy(format!("{name} is held by another program; try again when that is done."))
        }
        Some(
            ErrorCode::CannotOpen
            | ErrorCode::PermissionDenied
            | ErrorCode::ReadOnly
            | ErrorCode::SystemIoFailure
            | ErrorCode::FileLockingProtocolFailed,
        ) => Error::unavailable(format!(
            "{name} cannot be read or written; check the disk and the folder's owner."
        )),
        Some(ErrorCode::TooBig) => Error::too_large("One value is too large to be stored."),
        Some(ErrorCode::ConstraintViolation) => {
            Error::conflict("Something of this name is stored already, or not as it must be.")
        }
        _ => Error::internal(format!("{name} failed in an unforeseen way; see the log.")),
    };
    error.because(e)
}

/// Makes the file, empty and its owner's alone; SQLite gives the files beside it the same mode.
fn make_private(path: &Path) -> io::Result<()> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(file) => {
            file.sync_all()?;
            path.parent().map_or(Ok(()), sync_folder)
        }
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(e) => Err(e),
    }
}

/// Puts a folder's list of names on disk.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// The file beside a database that has its name and this ending.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Removes a closed database: the files beside it first, because they mean nothing alone.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    remove_beside(path)?;
    gone(path)?;
    path.parent().map_or(Ok(()), sync_folder)
}

/// Removes what lies beside a closed database.
pub(super) fn remove_beside(path: &Path) -> io::Result<()> {
    gone(&beside(path, "-wal"))?;
    gone(&beside(path, "-shm"))
}

fn gone(file: &Path) -> io::Result<()> {
    match fs::remove_file(file) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}
