//! PostgreSQL behind the primitives: one schema of the server a database of ours.
//!
//! Holds: a commit is on the server's disk when it returns, unless the server was told not to wait
//! for its own disk (`fsync = off`), which is the operator's promise to keep. A transaction that is
//! dropped is undone. A connection that broke is thrown away; the call that met it fails as
//! unavailable, and the next one connects anew. Messages and causes never hold a value.
//!
//! Not here: damaged pages, which the server finds by itself (`data_checksums`), and backups.

pub(super) mod before;
mod connection;
mod server;
mod words;

use server::Lent;
pub(crate) use server::Server;
use words::told;

use super::db::{Bulk, Type};
use super::{Arg, Kind, Part, Row, dialect};
use base::{Error, Result};
use postgres::types::ToSql;
use std::marker::PhantomData;
use std::sync::Arc;

/// The tables that say whose a schema is and how far it has come; no part of its shape.
const OURS: &str = "('migrations', 'holder')";

/// The first of them, made in the schema that names without one belong to.
const MARKS: &str = "CREATE TABLE migrations (kind TEXT NOT NULL, number BIGINT NOT NULL, \
    PRIMARY KEY (kind, number))";

/// A schema of the server.
pub(crate) struct Db {
    server: Arc<Server>,
    schema: String,
}

impl Db {
    /// Opens the schema, making it if it is not there, and brings its tables up to date.
    pub fn open(server: &Arc<Server>, schema: &str, kind: Kind) -> Result<Self> {
        let mut db = Self { server: server.clone(), schema: schema.to_owned() };
        db.identify(kind)?;
        db.migrate(kind)?;
        Ok(db)
    }

    /// The hot list of a store that somebody else may have open, to look at: nothing is made in it.
    pub fn beside(url: &str, schema: &str) -> Result<Self> {
        let server = Server::looking(url, schema)?;
        let schema = server.schema_of(Part::HotList);
        Ok(Self { server, schema })
    }

    /// As messages name it.
    pub fn name(&self) -> &str {
        &self.schema
    }

    /// How many tables the schema has.
    fn tables(&self) -> Result<i64> {
        let sql = "SELECT count(*) FROM information_schema.tables WHERE table_schema = ?1";
        self.one(sql, &[Arg::from(self.schema.as_str())])
    }

    /// Whether the schema is one of ours, of this kind.
    fn is_ours(&self, kind: Kind) -> Result<bool> {
        let marks = "SELECT count(*) FROM information_schema.tables \
            WHERE table_schema = ?1 AND table_name = 'migrations'";
        if self.one(marks, &[Arg::from(self.schema.as_str())])? == 0 {
            return Ok(false);
        }
        let other = "SELECT count(*) FROM migrations WHERE kind <> ?1";
        Ok(self.one(other, &[Arg::from(kind.word())])? == 0)
    }

    fn foreign(&self) -> Error {
        Error::unavailable(format!(
            "The schema {} holds another program's tables; choose another name for ours.",
            self.schema
        ))
    }

    /// Looks before anything is written: somebody else's tables stay as they are.
    fn identify(&mut self, kind: Kind) -> Result<()> {
        if self.is_ours(kind)? {
            return Ok(());
        }
        if self.tables()? > 0 {
            return Err(self.foreign());
        }
        let there = "SELECT count(*) FROM pg_catalog.pg_namespace WHERE nspname = ?1";
        let make = match self.one(there, &[Arg::from(self.schema.as_str())])? {
            0 => format!("CREATE SCHEMA {}; ", self.schema),
            _ => String::new(),
        };
        let mut tx = self.begin()?;
        // The path of names may lead to a schema that was not there a moment ago.
        tx.batch(&format!("{make}{MARKS}"))?;
        tx.commit()
    }

    /// The migrations that it has.
    fn migrations(&self, kind: Kind) -> Result<i64> {
        let have = self.one("SELECT coalesce(max(number), 0) FROM migrations", &[])?;
        if have > kind.migrations().len() as i64 {
            return Err(Error::unavailable(format!(
                "{} was written by a newer Homeplate; run that version or a newer one.",
                self.schema
            )));
        }
        Ok(have)
    }

    /// Applies what is missing, each migration whole or not at all.
    fn migrate(&mut self, kind: Kind) -> Result<()> {
        let have = self.migrations(kind)?;
        for (number, sql) in (1i64..).zip(kind.migrations()).filter(|(number, _)| *number > have) {
            let mut tx = self.begin()?;
            tx.batch(&dialect::migration(sql))?;
            tx.exec(
                "INSERT INTO migrations (kind, number) VALUES (?1, ?2)",
                &[Arg::from(kind.word()), Arg::from(number)],
            )?;
            tx.commit()?;
        }
        Ok(())
    }

    fn one(&self, sql: &str, args: &[Arg<'_>]) -> Result<i64> {
        self.query(sql, args)?.into_iter().next().map_or(Ok(0), |mut row| row.get(0))
    }

    /// Begins a transaction that may write.
    pub fn begin(&mut self) -> Result<Tx<'_>> {
        let mut conn = self.server.lend(&self.schema)?;
        conn.run(&self.schema, |conn| conn.client.batch_execute("BEGIN"))?;
        Ok(Tx { conn, schema: self.schema.clone(), open: true, _db: PhantomData })
    }

    /// The rows of a query.
    pub fn query(&self, sql: &str, args: &[Arg<'_>]) -> Result<Vec<Row>> {
        let mut conn = self.server.lend(&self.schema)?;
        conn.run(&self.schema, |conn| conn.query(sql, args))?.iter().map(connection::row).collect()
    }

    /// Writes the table anew without the rows that were deleted, and lets the old file go. What the
    /// server's log of changes and backups still hold is the operator's to keep short.
    pub fn settle(&self, table: &str) -> Result<()> {
        let mut conn = self.server.lend(&self.schema)?;
        conn.run(&self.schema, |conn| conn.client.batch_execute(&self.vacuum(table)))
    }

    /// The same without waiting for anybody: others wait for this database.
    pub fn settle_at_once(&self, table: &str) -> Result<()> {
        let mut conn = self.server.lend(&self.schema)?;
        conn.run(&self.schema, |conn| {
            // One by one: several at once would be one transaction, in which nothing is vacuumed.
            conn.client.batch_execute("SET lock_timeout = 1")?;
            let done = conn.client.batch_execute(&self.vacuum(table));
            conn.client.batch_execute(&server::patience())?;
            done
        })
    }

    fn vacuum(&self, table: &str) -> String {
        format!("VACUUM (FULL) {}.{table}", self.schema)
    }

    /// The schema as lines: every column, key and index.
    pub fn shape(&self) -> Result<Vec<String>> {
        let mut conn = self.server.lend(&self.schema)?;
        conn.run(&self.schema, |conn| shape(conn, &self.schema))
    }

    /// The shape that the present schema has on this server; made, looked at, and undone.
    pub fn fresh_shape(&self, kind: Kind) -> Result<Vec<String>> {
        let beside = format!("{}_fresh", self.schema);
        let mut db = Self { server: self.server.clone(), schema: beside.clone() };
        let mut tx = db.begin()?;
        tx.batch(&format!("CREATE SCHEMA {beside}"))?;
        tx.batch(&dialect::migration(kind.fresh()))?;
        tx.conn.run(&beside, |conn| shape(conn, &beside))
    }
}

fn shape(conn: &mut connection::Connection, schema: &str) -> Result<Vec<String>, postgres::Error> {
    let columns = format!(
        "SELECT concat_ws(' ', c.table_name, c.ordinal_position, c.column_name, c.data_type, \
         c.collation_name, c.is_nullable, c.column_default, t.table_type) \
         FROM information_schema.columns AS c JOIN information_schema.tables AS t \
         ON t.table_schema = c.table_schema AND t.table_name = c.table_name \
         WHERE c.table_schema = ?1 AND c.table_name NOT IN {OURS} \
         ORDER BY c.table_name, c.ordinal_position"
    );
    // Keys are among the indexes; their definitions name the schema, which differs.
    let others = format!(
        "SELECT replace(indexdef, ?1 || '.', '') FROM pg_catalog.pg_indexes \
         WHERE schemaname = ?1 AND tablename NOT IN {OURS} ORDER BY indexname"
    );
    let mut out = Vec::new();
    for sql in [columns, others] {
        for row in conn.query(&sql, &[Arg::from(schema)])? {
            out.push(row.try_get::<_, String>(0)?);
        }
    }
    Ok(out)
}

/// A transaction. Dropped without [`Tx::commit`], it has never been.
pub(crate) struct Tx<'a> {
    conn: Lent,
    schema: String,
    open: bool,
    /// Nobody else writes to the database meanwhile.
    _db: PhantomData<&'a mut Db>,
}

impl Tx<'_> {
    /// Runs a statement; returns how many rows it changed.
    pub fn exec(&mut self, sql: &str, args: &[Arg<'_>]) -> Result<usize> {
        self.conn.run(&self.schema, |conn| conn.exec(sql, args))
    }

    /// The rows of a query, as this transaction sees them.
    pub fn query(&mut self, sql: &str, args: &[Arg<'_>]) -> Result<Vec<Row>> {
        let rows = self.conn.run(&self.schema, |conn| conn.query(sql, args))?;
        rows.iter().map(connection::row).collect()
    }

    /// Writes many rows with one statement: a column each comes as an array.
    pub fn insert(&mut self, bulk: &Bulk, rows: &[Vec<Arg<'_>>]) -> Result<()> {
        self.conn.run(&self.schema, |conn| conn.insert(bulk, "", rows)).map(drop)
    }

    /// The same, and says of each row whether it is new.
    pub fn insert_new(&mut self, bulk: &Bulk, rows: &[Vec<Arg<'_>>]) -> Result<Vec<bool>> {
        let key = bulk.columns.first().map_or("", |(name, _)| *name);
        let new = self.conn.run(&self.schema, |conn| conn.insert(bulk, key, rows))?;
        let mut left = std::collections::HashSet::with_capacity(new.len());
        for row in &new {
            left.insert(row.try_get::<_, &[u8]>(0).map_err(|e| told(&self.schema, &e))?);
        }
        Ok(rows
            .iter()
            .map(|row| matches!(row.first(), Some(Arg::Blob(key)) if left.remove(key)))
            .collect())
    }

    fn batch(&mut self, sql: &str) -> Result<()> {
        self.conn.run(&self.schema, |conn| conn.client.batch_execute(sql))
    }

    /// Makes it lasting: when this returns, it is on disk.
    pub fn commit(mut self) -> Result<()> {
        self.open = false;
        self.conn.run(&self.schema, |conn| conn.client.batch_execute("COMMIT"))
    }
}

impl Drop for Tx<'_> {
    fn drop(&mut self) {
        if self.open {
            // If that fails, the connection is broken, and the server undoes it by itself.
            let _ = self.conn.run(&self.schema, |conn| conn.client.batch_execute("ROLLBACK"));
        }
    }
}

/// A column of a bulk insert as an array.
fn array<'a>(rows: &[Vec<Arg<'a>>], column: usize, of: Type) -> Box<dyn ToSql + Sync + 'a> {
    let cells = rows.iter().map(|row| row.get(column).copied().unwrap_or(Arg::Null));
    match of {
        Type::Int => Box::new(cells.map(int).collect::<Vec<_>>()),
        Type::Text => Box::new(cells.map(text).collect::<Vec<_>>()),
        Type::Blob => Box::new(cells.map(blob).collect::<Vec<_>>()),
    }
}

fn int(arg: Arg<'_>) -> Option<i64> {
    if let Arg::Int(i) = arg { Some(i) } else { None }
}
fn text(arg: Arg<'_>) -> Option<&str> {
    if let Arg::Text(t) = arg { Some(t) } else { None }
}
fn blob(arg: Arg<'_>) -> Option<&[u8]> {
    if let Arg::Blob(b) = arg { Some(b) } else { None }
}
