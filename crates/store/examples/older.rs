//! A store as the version before the newest migration of each kind had it, made of one of today: for tests of upgrades.
//!
//! `older FOLDER [KIND]`. Each database is made anew by all migrations but the last, and gets every row and column that it
//! has a place for; what the last one brought is gone, as if it had never been. With KIND (`control`, `hotlist`, `reads`)
//! the last migration of that kind will fail: what it makes is there already.

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
        // The first thing that it makes, without what belongs into it.
        let made = newest.lines().find_map(|line| line.strip_prefix("CREATE TABLE "));
        let name =
            made.and_then(|rest| rest.split([' ', '(']).next()).ok_or("it makes no table")?;
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

fn main() -> Done<()> {
    let mut args = std::env::args().skip(1);
    let store = PathBuf::from(args.next().ok_or("older FOLDER [KIND]")?);
    let broken = args.next();
    let mut files =
        vec![(store.join("control.db"), "control"), (store.join("hotlist.db"), "hotlist")];
    for day in fs::read_dir(store.join("reads"))? {
        let day = day?.path();
        if day.extension().is_some_and(|e| e == "db") {
            files.push((day, "reads"));
        }
    }
    for (file, kind) in files {
        older(&file, kind, broken.as_deref() == Some(kind))?;
    }
    Ok(())
}
