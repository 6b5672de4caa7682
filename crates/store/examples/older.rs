//! A store as the version before the newest migration of each kind had it, made of one of today: for tests of upgrades.
//!
//! `older FOLDER [KIND]`, or `older --postgres URL SCHEMA [KIND]`. Each database is made anew by all migrations but the
//! last, and gets every row and column that it has a place for; what the last one brought is gone, as if it had never been.
//! With KIND (`control`, `hotlist`, `reads`) the last migration of that kind will fail: what it makes is there already.

#[path = "../src/engine/dialect.rs"]
#[expect(dead_code, reason = "migrations alone are said here")]
mod dialect;

use postgres::{Client, NoTls};
use rusqlite::Connection;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

type Done<T> = Result<T, Box<dyn Error>>;

/// Every migration of a kind, the first first.
fn migrations(kind: &str) -> Done<Vec<String>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(kind);
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder)?.map(|e| Ok(e?.path())).collect::<std::io::Result<_>>()?;
    files.sort();
    Ok(files.iter().map(fs::read_to_string).collect::<std::io::Result<_>>()?)
}

fn names(conn: &Connection, sql: &str) -> rusqlite::Result<Vec<String>> {
    conn.prepare(sql)?.query_map([], |row| row.get(0))?.collect()
}

fn older(file: &Path, kind: &str, broken: bool) -> Done<()> {
    let (mut all, fresh) = (migrations(kind)?, file.with_extension("older"));
    let newest = all.pop().ok_or("no migration")?;
    let conn = Connection::open(&fresh)?;
    for sql in &all {
        conn.execute_batch(sql)?;
    }
    conn.execute("ATTACH ?1 AS today", [file.to_string_lossy()])?;
    let tables = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
    for table in names(&conn, tables)? {
        let columns = format!(
            "SELECT a.name FROM pragma_table_info('{table}', 'main') AS a \
             JOIN pragma_table_info('{table}', 'today') AS b ON a.name = b.name"
        );
        let columns = names(&conn, &columns)?.join(", ");
        conn.execute_batch(&format!(
            "INSERT OR REPLACE INTO main.{table} ({columns}) SELECT {columns} FROM today.{table}"
        ))?;
    }
    let owner: i64 = conn.query_row("PRAGMA today.application_id", [], |row| row.get(0))?;
    conn.execute_batch("DETACH today")?;
    if broken {
        let name = first_made(&newest)?;
        conn.execute_batch(&format!("CREATE TABLE {name} (x INTEGER) STRICT"))?;
    }
    conn.pragma_update(None, "application_id", owner)?;
    conn.pragma_update(None, "user_version", i64::try_from(all.len())?)?;
    conn.close().map_err(|(_, e)| e)?;
    fs::set_permissions(&fresh, fs::metadata(file)?.permissions())?;
    for beside in ["-wal", "-shm"] {
        let _ = fs::remove_file(format!("{}{beside}", file.display()));
    }
    fs::rename(fresh, file)?;
    Ok(())
}

/// The first thing that a migration makes.
fn first_made(sql: &str) -> Done<&str> {
    let made = sql.lines().find_map(|line| {
        line.strip_prefix("CREATE TABLE ").or_else(|| line.strip_prefix("CREATE INDEX "))
    });
    Ok(made.and_then(|rest| rest.split([' ', '(']).next()).ok_or("it makes nothing")?)
}

/// A schema of PostgreSQL, likewise.
fn older_schema(client: &mut Client, schema: &str, kind: &str, broken: bool) -> Done<()> {
    let (mut all, fresh) = (migrations(kind)?, format!("{schema}_older"));
    let newest = all.pop().ok_or("no migration")?;
    let mut tx = client.transaction()?;
    tx.batch_execute(&format!(
        "CREATE SCHEMA {fresh}; SET LOCAL search_path TO {fresh}; CREATE TABLE migrations \
         (kind TEXT NOT NULL, number BIGINT NOT NULL, PRIMARY KEY (kind, number))"
    ))?;
    for sql in &all {
        tx.batch_execute(&dialect::migration(sql))?;
    }
    let shared = "SELECT a.table_name::TEXT, string_agg(a.column_name::TEXT, ', ') \
        FROM information_schema.columns AS a JOIN information_schema.columns AS b \
        ON b.table_schema = $1 AND b.table_name = a.table_name AND b.column_name = a.column_name \
        WHERE a.table_schema = $2 GROUP BY a.table_name";
    for row in tx.query(shared, &[&schema, &fresh])? {
        let (table, columns): (String, String) = (row.get(0), row.get(1));
        tx.batch_execute(&format!(
            "DELETE FROM {fresh}.{table}; \
             INSERT INTO {fresh}.{table} ({columns}) SELECT {columns} FROM {schema}.{table}"
        ))?;
    }
    if broken {
        tx.batch_execute(&format!("CREATE TABLE {} (x BIGINT)", first_made(&newest)?))?;
    }
    tx.batch_execute(&format!(
        "DELETE FROM migrations WHERE number > {}; DROP SCHEMA {schema} CASCADE; \
         ALTER SCHEMA {fresh} RENAME TO {schema}",
        all.len()
    ))?;
    Ok(tx.commit()?)
}

fn older_database(url: &str, base: &str, broken: Option<&str>) -> Done<()> {
    let mut client = Client::connect(url, NoTls)?;
    let mut schemas = vec![(base.to_owned(), "control"), (format!("{base}_hotlist"), "hotlist")];
    for row in client.query("SELECT nspname::TEXT FROM pg_catalog.pg_namespace", &[])? {
        let name: String = row.get(0);
        if name.starts_with(&format!("{base}_d2")) {
            schemas.push((name, "reads"));
        }
    }
    for (schema, kind) in schemas {
        older_schema(&mut client, &schema, kind, broken == Some(kind))?;
    }
    Ok(())
}

fn main() -> Done<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["--postgres", url, base] => older_database(url, base, None),
        ["--postgres", url, base, kind] => older_database(url, base, Some(kind)),
        [folder] => older_folder(Path::new(folder), None),
        [folder, kind] => older_folder(Path::new(folder), Some(kind)),
        _ => Err("older FOLDER [KIND], or older --postgres URL SCHEMA [KIND]".into()),
    }
}

fn older_folder(store: &Path, broken: Option<&str>) -> Done<()> {
    let mut files =
        vec![(store.join("control.db"), "control"), (store.join("hotlist.db"), "hotlist")];
    for day in fs::read_dir(store.join("reads"))? {
        let day = day?.path();
        if day.extension().is_some_and(|e| e == "db") {
            files.push((day, "reads"));
        }
    }
    for (file, kind) in files {
        older(&file, kind, broken == Some(kind))?;
    }
    Ok(())
}
