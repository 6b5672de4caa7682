//! What an engine is to the domain modules: a few primitives over a written subset of SQL.
//!
//! `begin`, `exec`, `query`, and a transaction that is undone unless it is committed. The domain
//! modules know nothing else, so that the second engine needs no second copy of them. Only where a
//! batch is taken has each engine its own way ([`Tx::insert`]).
//!
//! The subset: one statement at a time; placeholders `?1 ?2 …`, numbered, each used at least once;
//! types INTEGER (64 bits), REAL, TEXT, BLOB; `ON CONFLICT … DO NOTHING / DO UPDATE SET x =
//! excluded.x` and no other conflict clause; `coalesce`, `count(*)`, `max`, `sum`; `ORDER BY` and
//! `LIMIT`; no implicit row ids, no dates or JSON in the database, no foreign keys, no triggers.
//! Migrations besides: `CREATE TABLE … STRICT[, WITHOUT ROWID]`, which PostgreSQL has struck out
//! (`dialect`), and `CREATE INDEX … WHERE`.

mod db;
mod dialect;
mod folder;
mod home;
mod pages;
mod postgres;
mod schema;
mod sqlite;
mod upgrade;

pub(crate) use db::{Bulk, Db, Tx, Type};
pub(crate) use home::{Home, Part, There};
pub use home::{Place, Url};
pub use pages::{Changed, Still};
pub(crate) use schema::Kind;
pub use upgrade::{Schema, forget, keep, put_back, rehearse, schemas};

use base::{Day, Error, Result, Time};

/// Makes a database file that is empty, or brings one up to date.
pub(crate) fn make(path: &std::path::Path, name: &str, kind: Kind) -> Result<()> {
    sqlite::Db::open(path, name, kind).map(drop)
}

/// What a statement is given.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Arg<'a> {
    Null,
    Int(i64),
    Real(f64),
    Text(&'a str),
    Blob(&'a [u8]),
}

impl From<i64> for Arg<'_> {
    fn from(value: i64) -> Self {
        Arg::Int(value)
    }
}
impl From<Time> for Arg<'_> {
    fn from(value: Time) -> Self {
        Arg::Int(value.millis())
    }
}
impl From<Day> for Arg<'_> {
    fn from(value: Day) -> Self {
        Arg::Int(i64::from(value.number()))
    }
}
impl From<f64> for Arg<'_> {
    fn from(value: f64) -> Self {
        Arg::Real(value)
    }
}
impl<'a> From<&'a str> for Arg<'a> {
    fn from(value: &'a str) -> Self {
        Arg::Text(value)
    }
}
impl<'a> From<&'a [u8]> for Arg<'a> {
    fn from(value: &'a [u8]) -> Self {
        Arg::Blob(value)
    }
}
impl<'a, const N: usize> From<&'a [u8; N]> for Arg<'a> {
    fn from(value: &'a [u8; N]) -> Self {
        Arg::Blob(value)
    }
}
impl<'a, T: Into<Arg<'a>>> From<Option<T>> for Arg<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Arg::Null, Into::into)
    }
}

/// What a query gives back, one column.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Null,
    Int(i64),
    Real(f64),
    Text(String),
    Blob(Vec<u8>),
}

/// What a query gives back, one row. A column of another type than was asked for is damage: the
/// schema is strict, so no program of ours wrote it.
#[derive(Debug)]
pub(crate) struct Row(pub Vec<Value>);

fn damaged() -> Error {
    Error::internal("A stored row is damaged; run `homeplate check` and restore from a backup.")
}

impl Row {
    fn take(&mut self, column: usize) -> Result<Value> {
        let slot = self.0.get_mut(column).ok_or_else(damaged)?;
        Ok(std::mem::replace(slot, Value::Null))
    }
    /// The column, or `None` where it is null.
    pub fn maybe<T: Column>(&mut self, column: usize) -> Result<Option<T>> {
        match self.take(column)? {
            Value::Null => Ok(None),
            value => T::from_value(value).map(Some).ok_or_else(damaged),
        }
    }
    /// The column, which is not null.
    pub fn get<T: Column>(&mut self, column: usize) -> Result<T> {
        self.maybe(column)?.ok_or_else(damaged)
    }
    /// The column as something that is kept as text.
    pub fn parsed<T: std::str::FromStr>(&mut self, column: usize) -> Result<T> {
        self.get::<String>(column)?.parse().map_err(|_| damaged())
    }
    /// The column as JSON.
    pub fn json<T: serde::de::DeserializeOwned>(&mut self, column: usize) -> Result<T> {
        serde_json::from_str(&self.get::<String>(column)?).map_err(|e| damaged().because(e))
    }
    /// The column as a timed id, whose `from_bytes` is given.
    pub fn id<T, E>(&mut self, column: usize, from: fn([u8; 16]) -> Result<T, E>) -> Result<T> {
        from(self.get(column)?).map_err(|_| damaged())
    }
}

/// A type that a column may be read as.
pub(crate) trait Column: Sized {
    fn from_value(value: Value) -> Option<Self>;
}

impl Column for i64 {
    fn from_value(value: Value) -> Option<Self> {
        if let Value::Int(i) = value { Some(i) } else { None }
    }
}
impl Column for u32 {
    fn from_value(value: Value) -> Option<Self> {
        i64::from_value(value)?.try_into().ok()
    }
}
impl Column for bool {
    fn from_value(value: Value) -> Option<Self> {
        Some(i64::from_value(value)? != 0)
    }
}
impl Column for Time {
    fn from_value(value: Value) -> Option<Self> {
        i64::from_value(value).map(Time::from_millis)
    }
}
impl Column for Day {
    fn from_value(value: Value) -> Option<Self> {
        i64::from_value(value)?.try_into().ok().map(Day::from_number)
    }
}
impl Column for f64 {
    fn from_value(value: Value) -> Option<Self> {
        if let Value::Real(r) = value { Some(r) } else { None }
    }
}
impl Column for String {
    fn from_value(value: Value) -> Option<Self> {
        if let Value::Text(t) = value { Some(t) } else { None }
    }
}
impl Column for Vec<u8> {
    fn from_value(value: Value) -> Option<Self> {
        if let Value::Blob(b) = value { Some(b) } else { None }
    }
}
impl<const N: usize> Column for [u8; N] {
    fn from_value(value: Value) -> Option<Self> {
        Vec::from_value(value)?.try_into().ok()
    }
}
