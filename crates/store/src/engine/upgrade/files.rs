//! A folder of databases: which of its files would change, and copies of those.

use super::super::folder::{self, Folder, make_folder};
use super::super::sqlite::{Db, beside, remove_beside, sync_folder, told};
use super::{Part, Schema};
use base::{Error, Result};
use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

fn trouble(name: &str, e: impl std::fmt::Display) -> Error {
    Error::unavailable(format!("{name} cannot be looked at; run this as the server's user."))
        .because(e.to_string())
}

/// What SQLite says of a file.
fn failed(name: &str, e: rusqlite::Error) -> Error {
    if is_damage(&e) { told(name, e) } else { trouble(name, e) }
}

/// Whether the file itself is bad, whoever looks at it.
fn is_damage(e: &rusqlite::Error) -> bool {
    use ErrorCode::{DatabaseCorrupt, NotADatabase, SystemIoFailure};
    matches!(e.sqlite_error_code(), Some(NotADatabase | DatabaseCorrupt | SystemIoFailure))
}

/// Whether this is a damaged day: opening it fails for itself and holds up nothing, so no new version waits for it.
fn passed_over(part: Part, name: &str, e: &rusqlite::Error) -> bool {
    let over = matches!(part, Part::Day(_)) && is_damage(e);
    if over {
        tracing::error!(file = %name, error = %e, "a damaged day is passed over");
    }
    over
}

/// Every database of the folder but days that are damaged.
pub fn schemas(dir: &Path) -> Result<Vec<Schema>> {
    let parts = folder::look(dir)?.parts().into_iter();
    parts.filter_map(|part| schema(dir, part).transpose()).collect()
}

fn schema(dir: &Path, part: Part) -> Result<Option<Schema>> {
    let name = Folder::name(part);
    let has = match migrations_of(&dir.join(&name)) {
        Ok(has) => has,
        Err(e) if passed_over(part, &name, &e) => return Ok(None),
        Err(e) => return Err(failed(&name, e)),
    };
    let wants = part.kind().migrations().len() as u32;
    if has > wants {
        return Err(Error::unavailable(format!(
            "{name} was written by a newer Homeplate; run that version or a newer one."
        )));
    }
    let bytes = fs::metadata(dir.join(&name)).map_err(|e| trouble(&name, e))?.len();
    Ok(Some(Schema { name, has, wants, bytes, part }))
}

/// How many migrations a file has had; its tables are listed too, which damage may keep from being done.
fn migrations_of(path: &Path) -> rusqlite::Result<u32> {
    let conn = reading(path)?;
    conn.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
    conn.pragma_query_value(None, "user_version", |row| row.get(0))
}

fn reading(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Connection::open_with_flags(path, flags)
}

/// Brings a copy of a database up to date in `scratch`, and says how long that took; `None` of a day that is damaged.
pub fn rehearse(dir: &Path, one: &Schema, scratch: &Path) -> Result<Option<Duration>> {
    let copy = scratch.join(one.name.replace('/', "-"));
    let made = reading(&dir.join(&one.name))
        .and_then(|conn| conn.execute("VACUUM INTO ?1", [copy.to_string_lossy()]));
    let tried = match made {
        Ok(_) => {
            let began = Instant::now();
            Db::open(&copy, &one.name, one.part.kind()).map(|_| Some(began.elapsed()))
        }
        Err(e) if passed_over(one.part, &one.name, &e) => Ok(None),
        Err(e) => Err(failed(&one.name, e)),
    };
    for end in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(format!("{}{end}", copy.display()));
    }
    tried
}

/// Copies the files that opening would change to `to`.
pub fn keep(dir: &Path, to: &Path) -> Result<Vec<String>> {
    let changing: Vec<Schema> = schemas(dir)?.into_iter().filter(Schema::changes).collect();
    let _locked = Folder::open(dir)?;
    let cannot = |e: std::io::Error| {
        Error::unavailable(format!("No copy can be kept in {}; is there room?", to.display()))
            .because(e)
    };
    let to = &std::path::absolute(to).map_err(cannot)?;
    for one in &changing {
        // A crash may have left the newest pages in the log of changes.
        let conn = Connection::open(dir.join(&one.name)).map_err(|e| trouble(&one.name, e))?;
        conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
            .map_err(|e| trouble(&one.name, e))?;
        drop(conn);
        let copy = to.join(&one.name);
        if copy.exists() {
            continue;
        }
        let folder = copy.parent().unwrap_or(to);
        make_folder(folder)?;
        copied(&dir.join(&one.name), &beside(to, ".keeping"), &copy, || Ok(())).map_err(cannot)?;
    }
    if !changing.is_empty() {
        sync_folder(to.parent().unwrap_or(to)).map_err(cannot)?;
    }
    Ok(changing.into_iter().map(|one| one.name).collect())
}

/// A copy that is there whole or not at all, in the place of what was there; `by` is where it grows, on the same disk, and
/// `before` what is done when it is whole.
fn copied(
    from: &Path,
    by: &Path,
    to: &Path,
    before: impl Fn() -> std::io::Result<()>,
) -> std::io::Result<()> {
    let grown = fs::copy(from, by).and_then(|_| fs::File::open(by)?.sync_all());
    if grown.is_err() {
        // It may spell plates, and takes room that is missing.
        let _ = fs::remove_file(by);
    }
    grown.and_then(|()| before()).and_then(|()| fs::rename(by, to))?;
    to.parent().map_or(Ok(()), sync_folder)
}

/// Puts them back.
pub fn put_back(from: &Path, dir: &Path) -> Result<Vec<String>> {
    let kept = folder::look(from)?;
    let _locked = Folder::open(dir)?;
    let mut names = Vec::new();
    for part in kept.parts() {
        let name = Folder::name(part);
        let target: PathBuf = dir.join(&name);
        // What is beside the newer file would be taken for changes of the older one. The file itself is there until the
        // older one takes its name: a day that is missing would look like one that never was.
        let alone = || remove_beside(&target);
        copied(&from.join(&name), &beside(dir, ".putting-back"), &target, alone)
            .map_err(|e| trouble(&name, e))?;
        names.push(name);
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::super::super::Kind;
    use super::*;

    /// A store as the version before the newest migration of each kind left it.
    fn older(dir: &Path) {
        for (name, kind) in [("control.db", Kind::Control), ("hotlist.db", Kind::HotList)] {
            with(&dir.join(name), kind, kind.migrations().len() - 1);
        }
    }

    /// A database that has had so many migrations.
    fn with(file: &Path, kind: Kind, has: usize) {
        let conn = Connection::open(file).unwrap();
        for sql in &kind.migrations()[..has] {
            conn.execute_batch(sql).unwrap();
        }
        conn.pragma_update(None, "application_id", kind.application_id()).unwrap();
        conn.pragma_update(None, "user_version", has as i64).unwrap();
    }

    fn has(dir: &Path) -> Vec<(u32, bool)> {
        schemas(dir).unwrap().iter().map(|s| (s.has, s.changes())).collect()
    }

    #[test]
    fn a_migration_is_seen_tried_and_taken_back() {
        let (dir, scratch) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        older(dir.path());
        let newest = |kind: Kind| kind.migrations().len() as u32;
        let (control, hotlist) = (newest(Kind::Control), newest(Kind::HotList));
        let before = [(control - 1, true), (hotlist - 1, true)];
        assert_eq!(has(dir.path()), before);
        for one in schemas(dir.path()).unwrap() {
            rehearse(dir.path(), &one, scratch.path()).unwrap();
        }
        assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 0);
        assert_eq!(has(dir.path()), before, "only looked at");
        let kept = scratch.path().join("before");
        assert_eq!(keep(dir.path(), &kept).unwrap(), ["control.db", "hotlist.db"]);
        drop(crate::Store::open(dir.path()).unwrap());
        assert_eq!(has(dir.path()), [(control, false), (hotlist, false)]);
        assert_eq!(put_back(&kept, dir.path()).unwrap(), ["control.db", "hotlist.db"]);
        assert_eq!(has(dir.path()), before);
        crate::Store::open(dir.path()).unwrap();
        // Cut off between two migrations: what was copied before stays the way back.
        put_back(&kept, dir.path()).unwrap();
        drop(Db::open(&dir.path().join("control.db"), "control.db", Kind::Control).unwrap());
        assert_eq!(keep(dir.path(), &kept).unwrap(), ["hotlist.db"]);
        put_back(&kept, dir.path()).unwrap();
        assert_eq!(has(dir.path()), before);
        // A damaged copy of the folder names itself, and nothing is touched.
        fs::write(kept.join("other"), b"").unwrap();
        put_back(&kept, dir.path()).unwrap_err();
        assert_eq!(has(dir.path()), before);
    }

    /// A hash of a list that has one plate would give it away: after the migration it stands nowhere.
    #[test]
    fn what_a_migration_erases_is_in_no_file() {
        let dir = tempfile::tempdir().unwrap();
        // The twelfth migration of the control data erases hashes.
        with(&dir.path().join("control.db"), Kind::Control, 11);
        with(&dir.path().join("hotlist.db"), Kind::HotList, 4);
        let hash = base::sha256(b"plate\n7ABC128\n");
        let conn = Connection::open(dir.path().join("control.db")).unwrap();
        // As a server that was killed leaves it: the newest pages are in the log of changes.
        conn.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(())).unwrap();
        conn.execute(
            "INSERT INTO fetches (list, tried, hash) VALUES ('lst_state', 7, ?1)",
            [hash.as_slice()],
        )
        .unwrap();
        let holds = || {
            let all = fs::read_dir(dir.path())
                .unwrap()
                .map(|e| fs::read(e.unwrap().path()).unwrap_or_default());
            all.into_iter().any(|bytes| bytes.windows(hash.len()).any(|some| some == hash))
        };
        assert!(holds(), "it would be found");
        std::mem::forget(conn);
        let store = crate::Store::open(dir.path()).unwrap();
        assert!(!holds());
        let rows = store.fetches().unwrap();
        assert_eq!((rows.len(), rows[0].tried.millis(), rows[0].fetched), (1, 7, None));
    }

    /// What is wrong with one day keeps nobody from installing the version that is to help.
    #[test]
    fn a_damaged_day_is_passed_over() {
        let (dir, scratch) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        older(dir.path());
        let day = |name: &str| dir.path().join(format!("reads/{name}.db"));
        fs::create_dir(dir.path().join("reads")).unwrap();
        fs::write(day("2026-11-01"), [7; 5000]).unwrap();
        // Whole at its beginning, and damaged behind it.
        with(&day("2026-11-02"), Kind::Reads, Kind::Reads.migrations().len() - 1);
        let mut bytes = fs::read(day("2026-11-02")).unwrap();
        bytes[4096..].fill(7);
        fs::write(day("2026-11-02"), bytes).unwrap();
        let place = crate::Place::Folder(dir.path().to_owned());
        super::super::rehearse(&place, &schemas(dir.path()).unwrap(), scratch.path()).unwrap();
        let kept = keep(dir.path(), &scratch.path().join("before")).unwrap();
        assert_eq!(&kept[..2], ["control.db", "hotlist.db"]);
        assert!(!kept.contains(&"reads/2026-11-01.db".to_owned()), "{kept:?}");
        fs::write(dir.path().join("hotlist.db"), [7; 5000]).unwrap();
        let e = schemas(dir.path()).unwrap_err();
        assert!(e.message().contains("hotlist.db is damaged"), "{e}");
    }

    #[test]
    fn newer_data_and_an_open_store_are_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let open = crate::Store::open(dir.path()).unwrap();
        assert!(schemas(dir.path()).unwrap().iter().all(|s| !s.changes()));
        let to = dir.path().join("../never");
        assert!(keep(dir.path(), &to).unwrap_err().message().contains("stop it first"));
        drop(open);
        let conn = Connection::open(dir.path().join("control.db")).unwrap();
        conn.pragma_update(None, "user_version", 999).unwrap();
        drop(conn);
        assert!(schemas(dir.path()).unwrap_err().message().contains("newer Homeplate"));
    }
}
