//! Schemas of before an upgrade: copies beside the originals, in the same database, which take their place by a name.
//!
//! A copy is made by the migrations that its original has had, so that keys and indexes have their names, and gets every
//! row. Each is there whole or not at all, and takes its place so; days may be many, and one transaction over all of them
//! would need more locks than a server has. Each has a mark of ours, without which a schema is somebody else's and left
//! alone. What others added to the originals (grants, a distribution over machines) is not in the copies.

use super::super::upgrade::Schema;
use super::super::{Arg, Kind, Part, dialect};
use super::server::Server;
use super::{Db, Tx};
use base::{Error, Result};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The table that says that a schema is such a copy.
const MARK: &str = "kept_before";

/// The control data's, the hot list's and the days' schemas; no migration is done and nothing is locked.
pub fn schemas(url: &str, base: &str) -> Result<Vec<Schema>> {
    of(&Server::looking(url, base)?)
}

fn of(server: &Arc<Server>) -> Result<Vec<Schema>> {
    let mut out = Vec::new();
    for part in server.look()?.parts() {
        let db = Db { server: server.clone(), schema: server.schema_of(part) };
        // An empty one that was made for us is no database yet.
        if db.tables()? > 0 {
            out.push(schema(db, part)?);
        }
    }
    Ok(out)
}

fn schema(db: Db, part: Part) -> Result<Schema> {
    let kind = part.kind();
    if !db.is_ours(kind)? {
        return Err(db.foreign());
    }
    let (has, wants) = (db.migrations(kind)? as u32, kind.migrations().len() as u32);
    let size = "SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::BIGINT \
        FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace \
        WHERE n.nspname = ?1 AND c.relkind = 'r'";
    let bytes = db.one(size, &[Arg::from(db.schema.as_str())])?;
    Ok(Schema { name: db.schema, has, wants, bytes: bytes.unsigned_abs(), part })
}

/// What the copy of a schema is called.
fn copy_of(base: &str, name: &str) -> String {
    format!("{base}_before{}", name.strip_prefix(base).unwrap_or(name))
}

/// Schemas of the server whose copies there are.
fn copied(server: &Arc<Server>) -> Result<Vec<String>> {
    let base = server.schema_of(Part::Control);
    let db = Db { server: server.clone(), schema: base.clone() };
    let sql = "SELECT table_schema::TEXT FROM information_schema.tables WHERE table_name = ?1";
    let mut marked = Vec::new();
    for mut row in db.query(sql, &[Arg::from(MARK)])? {
        marked.push(row.get::<String>(0)?);
    }
    let first = copy_of(&base, &base);
    let rest = |name: &String| {
        let rest = name.strip_prefix(&first)?;
        let day = rest.strip_prefix("_d").map(|day| day.replace('_', "-"));
        let ours = rest.is_empty()
            || rest == "_hotlist"
            || day.is_some_and(|day| day.parse::<base::Day>().is_ok());
        ours.then(|| format!("{base}{rest}"))
    };
    let mut names: Vec<String> = marked.iter().filter_map(rest).collect();
    names.sort_unstable();
    Ok(names)
}

/// Copies a schema in a transaction.
fn copy(tx: &mut Tx<'_>, from: &str, to: &str, kind: Kind, has: u32) -> Result<()> {
    bare(tx, to, kind, has)?;
    others(tx, from, to)?;
    fill(tx, from, to)
}

/// Makes the schema of a copy, as these migrations do.
fn bare(tx: &mut Tx<'_>, to: &str, kind: Kind, has: u32) -> Result<()> {
    let there = "SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = ?1";
    if !tx.query(there, &[Arg::from(to)])?.is_empty() {
        return Err(Error::unavailable(format!(
            "The schema {to} is no copy of ours; a copy would have this name. Rename it."
        )));
    }
    tx.batch(&format!("CREATE SCHEMA {to}; SET LOCAL search_path TO {to}; {}", super::MARKS))?;
    for sql in kind.migrations().iter().take(has as usize) {
        tx.batch(&dialect::migration(sql))?;
    }
    Ok(())
}

/// What somebody else made in there comes too: it is to be there afterwards, and may be in a migration's way.
fn others(tx: &mut Tx<'_>, from: &str, to: &str) -> Result<()> {
    let others = "SELECT quote_ident(table_name) FROM information_schema.tables \
        WHERE table_schema = ?1 AND table_type = 'BASE TABLE' AND table_name <> 'holder' EXCEPT \
        SELECT quote_ident(table_name) FROM information_schema.tables WHERE table_schema = ?2";
    for mut row in tx.query(others, &[Arg::from(from), Arg::from(to)])? {
        let table: String = row.get(0)?;
        tx.batch(&format!("CREATE TABLE {to}.{table} (LIKE {from}.{table} INCLUDING ALL)"))?;
    }
    Ok(())
}

fn fill(tx: &mut Tx<'_>, from: &str, to: &str) -> Result<()> {
    let sql = "SELECT quote_ident(c.table_name), string_agg(quote_ident(c.column_name), ', ') \
        FROM information_schema.columns AS c JOIN information_schema.columns AS o \
        ON o.table_schema = ?1 AND o.table_name = c.table_name AND o.column_name = c.column_name \
        WHERE c.table_schema = ?2 GROUP BY c.table_name";
    for mut row in tx.query(sql, &[Arg::from(from), Arg::from(to)])? {
        let (table, columns): (String, String) = (row.get(0)?, row.get(1)?);
        tx.batch(&format!(
            "DELETE FROM {to}.{table}; INSERT INTO {to}.{table} ({columns}) \
             SELECT {columns} FROM {from}.{table}"
        ))?;
    }
    tx.batch(&format!("CREATE TABLE {to}.{MARK} ()"))
}

/// Migrates a copy of a schema, which has never been when this returns, and says how long that took.
pub fn rehearse(url: &str, base: &str, one: &Schema) -> Result<Duration> {
    let server = Server::looking(url, base)?;
    let mut db = Db { server, schema: base.to_owned() };
    let mut tx = db.begin()?;
    let kind = one.part.kind();
    copy(&mut tx, &one.name, &format!("{base}_tried"), kind, one.has)?;
    let began = Instant::now();
    for sql in kind.migrations().iter().skip(one.has as usize) {
        tx.batch(&dialect::migration(sql))?;
    }
    Ok(began.elapsed())
}

/// Copies the schemas that opening would change.
pub fn keep(url: &str, base: &str) -> Result<Vec<String>> {
    let server = Server::open(url, base)?;
    let changing: Vec<Schema> = of(&server)?.into_iter().filter(Schema::changes).collect();
    let there = copied(&server)?;
    let mut db = Db { server, schema: base.to_owned() };
    for one in changing.iter().filter(|one| !there.contains(&one.name)) {
        let mut tx = db.begin()?;
        copy(&mut tx, &one.name, &copy_of(base, &one.name), one.part.kind(), one.has)?;
        tx.commit()?;
    }
    Ok(changing.into_iter().map(|one| one.name).collect())
}

/// Puts the copies in the place of their originals.
pub fn put_back(url: &str, base: &str) -> Result<Vec<String>> {
    let server = Server::open(url, base)?;
    let names = copied(&server)?;
    let mut db = Db { server, schema: base.to_owned() };
    for name in &names {
        let copy = copy_of(base, name);
        let mut tx = db.begin()?;
        tx.batch(&format!(
            "DROP SCHEMA IF EXISTS {name} CASCADE; ALTER SCHEMA {copy} RENAME TO {name}; \
             DROP TABLE {name}.{MARK}"
        ))?;
        tx.commit()?;
    }
    Ok(names)
}

/// Drops the copies.
pub fn forget(url: &str, base: &str) -> Result<()> {
    drop_copies(&Server::looking(url, base)?)
}

/// The same by a server that is connected.
pub fn drop_copies(server: &Arc<Server>) -> Result<()> {
    let base = server.schema_of(Part::Control);
    let mut db = Db { server: server.clone(), schema: base.clone() };
    for name in copied(server)? {
        let mut tx = db.begin()?;
        tx.batch(&format!("DROP SCHEMA {} CASCADE", copy_of(&base, &name)))?;
        tx.commit()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{day, put, state};
    use crate::{Pictures, Place, Store, Url};
    use testkit::postgres::Database;

    struct City {
        database: Database,
        pictures: tempfile::TempDir,
    }

    impl City {
        fn new() -> Self {
            let pictures = tempfile::tempdir().unwrap();
            Self { database: Database::new().unwrap(), pictures }
        }

        fn url(&self) -> String {
            self.database.url()
        }

        fn store(&self) -> Store {
            let place = Place::Postgres { url: Url(self.url()), schema: "city".into() };
            Store::open_at(&place, &Pictures::Folder(self.pictures.path().to_owned())).unwrap()
        }

        fn batch(&self, sql: &str) {
            let server = Server::looking(&self.url(), "city").unwrap();
            let mut db = Db { server, schema: "city".into() };
            let mut tx = db.begin().unwrap();
            tx.batch(sql).unwrap();
            tx.commit().unwrap();
        }

        /// As the version before the newest migration of each kind left it.
        fn older(&self) {
            for one in schemas(&self.url(), "city").unwrap() {
                let server = Server::looking(&self.url(), "city").unwrap();
                let mut db = Db { server, schema: "city".into() };
                let mut tx = db.begin().unwrap();
                bare(&mut tx, "city_old", one.part.kind(), one.has - 1).unwrap();
                fill(&mut tx, &one.name, "city_old").unwrap();
                tx.batch(&format!(
                    "DELETE FROM city_old.migrations WHERE number = {}; DROP TABLE city_old.{MARK}; \
                     DROP SCHEMA {name} CASCADE; ALTER SCHEMA city_old RENAME TO {name}",
                    one.has,
                    name = one.name
                ))
                .unwrap();
                tx.commit().unwrap();
            }
        }

        fn changing(&self) -> usize {
            schemas(&self.url(), "city").unwrap().iter().filter(|one| one.changes()).count()
        }

        fn schemas(&self) -> usize {
            self.database.dump_without("_nothing").unwrap().matches("CREATE SCHEMA").count()
        }
    }

    #[test]
    fn a_migration_is_seen_tried_and_taken_back() {
        let city = City::new();
        let url = &city.url();
        let store = city.store();
        put(&store, day(0), "one 5 7ABC128!,one 6 8XYZ001").unwrap();
        store.relay().unwrap();
        let before = state(&store);
        assert!(keep(url, "city").unwrap_err().message().contains("stop it first"));
        drop(store);
        city.older();
        assert_eq!((city.changing(), city.schemas()), (3, 3));
        for one in schemas(url, "city").unwrap() {
            assert!(one.bytes > 0);
            rehearse(url, "city", &one).unwrap();
        }
        assert_eq!((city.changing(), city.schemas()), (3, 3), "only looked at");
        // Somebody else's schema has the name of a copy: it stays.
        city.batch(
            "CREATE SCHEMA city_before_hotlist; CREATE TABLE city_before_hotlist.theirs (x INT)",
        );
        assert!(keep(url, "city").unwrap_err().message().contains("no copy of ours"));
        forget(url, "city").unwrap();
        assert_eq!(city.schemas(), 4, "what was copied is gone, and theirs is there");
        city.batch("DROP SCHEMA city_before_hotlist CASCADE");
        let names = ["city", "city_hotlist", "city_d2024_10_04"];
        assert_eq!(keep(url, "city").unwrap(), names);
        // Cut off and begun again: the older copies are the way back.
        city.batch("CREATE TABLE city.later (x BIGINT); DELETE FROM city.meta");
        assert_eq!((keep(url, "city").unwrap().len(), city.schemas()), (3, 6));
        city.batch("DROP TABLE city.later");
        assert_eq!(put_back(url, "city").unwrap().len(), 3);
        assert_eq!((city.changing(), city.schemas()), (3, 3));
        assert_eq!(put_back(url, "city").unwrap().len(), 0, "there are none any more");
        // Migrated, and taken back; migrated, and served.
        keep(url, "city").unwrap();
        // A day is migrated when it is opened, which relaying does.
        city.store().relay().unwrap();
        assert_eq!((city.changing(), city.schemas()), (0, 6));
        put_back(url, "city").unwrap();
        assert_eq!((city.changing(), city.schemas()), (3, 3));
        keep(url, "city").unwrap();
        let store = city.store();
        store.relay().unwrap();
        store.forget_before().unwrap();
        assert_eq!((city.changing(), city.schemas()), (0, 3));
        assert_eq!(state(&store), before);
        assert!(store.check().unwrap().is_empty());
    }
}
