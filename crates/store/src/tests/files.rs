//! What stands in the folder or on the server, and what is done about it. Tests that change the bytes
//! of a file are SQLite's alone.

use super::*;
use crate::{CameraRow, EntryRow, LeaseRow, OrderRow, PersonRow, PlaceRow, RecordRow};
use base::{Kind, PublicKey, Time};
use proptest::prelude::*;
use read::Lease;
use std::os::unix::fs::PermissionsExt;

on_both!(
    one_process_at_a_time,
    a_removed_entry_leaves_no_trace,
    many_entries_are_asked_for_at_once,
    control_data_comes_back_as_it_went,
    a_code_is_used_once,
    leases_end_while_they_run,
    a_moved_camera_keeps_where_it_was
);

fn at(second: i64) -> Time {
    Time::from_millis(second * 1000)
}

pub(super) fn entry(id: &str, plate: &str) -> EntryRow {
    EntryRow {
        id: id.parse().unwrap(),
        list: "lst_stolen".parse().unwrap(),
        plate: plate::Pattern::parse(plate).unwrap(),
        state: Some("us-ca".into()),
        reason: "stolen".into(),
        case_no: "26-000123".into(),
        expires: at(500),
        added_by: "per_ann".parse().unwrap(),
        category: None,
        priority: 0,
        begins: at(0),
        source: String::new(),
        record: None,
        more_json: None,
        born: None,
    }
}

/// Opening a folder that something has happened to says what, and what to do.
fn check(change: impl Fn(&Path), kind: Kind, want: &str) {
    let (dir, store) = Engine::Sqlite.new_store();
    put(&store, day(0), "a 10 XYZ!").unwrap();
    drop(store);
    change(dir.path());
    let e =
        Store::open(dir.path()).and_then(|store| store.counts(day(0)).map(drop)).expect_err(want);
    assert_eq!(e.kind(), kind, "{e}");
    assert!(e.to_string().contains(want), "{e}");
}

#[test]
fn damage_is_named() {
    let reads = format!("reads/{}.db", day(0));
    let noise =
        |name: String| move |dir: &Path| fs::write(dir.join(&name), random::<5000>()).unwrap();
    for name in ["control.db", "hotlist.db", &reads] {
        check(noise(name.into()), Kind::Internal, name);
    }
    let gone = |name: &'static str| move |dir: &Path| fs::remove_file(dir.join(name)).unwrap();
    check(gone("hotlist.db"), Kind::Unavailable, "hotlist.db is missing");
    check(gone("control.db"), Kind::Unavailable, "control.db is missing");
    let foreign = |dir: &Path| fs::write(dir.join("letter.txt"), "Dear").unwrap();
    check(foreign, Kind::Invalid, "choose an empty folder");
    let foreign = |dir: &Path| fs::write(dir.join("reads/notes.db"), "Dear").unwrap();
    check(foreign, Kind::Invalid, "choose an empty folder");
    let sql = |name: String, sql: &'static str| {
        move |dir: &Path| {
            rusqlite::Connection::open(dir.join(&name)).unwrap().execute_batch(sql).unwrap();
        }
    };
    let newer = "written by a newer Homeplate";
    check(sql(reads.clone(), "PRAGMA user_version=99"), Kind::Unavailable, newer);
    check(sql("control.db".into(), "PRAGMA user_version=99"), Kind::Unavailable, newer);
    let another = "another program's database";
    check(sql("control.db".into(), "PRAGMA application_id=7"), Kind::Unavailable, another);
    let swapped = |dir: &Path| {
        fs::copy(dir.join("hotlist.db"), dir.join("control.db")).map(drop).unwrap();
    };
    check(swapped, Kind::Unavailable, another);
}

#[test]
fn a_lost_day_and_a_changed_schema_are_found() {
    let check = |engine: Engine, change: &dyn Fn(&Home, Store), want: &str| {
        let (home, store) = engine.new_store();
        put(&store, day(0), "a 10 XYZ").unwrap();
        assert_eq!(store.check().unwrap(), [""; 0]);
        change(&home, store);
        let wrong = home.open().unwrap().check().unwrap();
        assert_eq!(wrong.len(), 1, "{wrong:?}");
        assert!(wrong[0].contains(want), "{wrong:?}");
    };
    let in_day = |sql: &'static str| {
        move |_: &Home, store: Store| {
            store.in_day(day(0), |db| db.exec(sql, &[])).unwrap();
        }
    };
    let in_control = |sql: &'static str| {
        move |_: &Home, store: Store| {
            store.control().exec(sql, &[]).unwrap();
        }
    };
    for engine in [Engine::Sqlite, Engine::Postgres] {
        check(engine, &|home, store| home.lose(store, day(0)), "is missing");
        check(engine, &in_day("DELETE FROM segments"), "without their segment");
        check(engine, &in_day("UPDATE counts SET reads = 7"), "count is wrong");
        check(engine, &in_control("DROP INDEX hits_to_log"), "another schema");
        check(engine, &in_control("CREATE TABLE x (y INTEGER)"), "another schema");
    }
}

fn one_process_at_a_time(engine: Engine) {
    let (dir, store) = engine.new_store();
    let e = dir.open().unwrap_err();
    assert_eq!(e.kind(), Kind::Unavailable);
    assert!(e.to_string().contains("stop it first"), "{e}");
    drop(store);
    dir.open().unwrap();
}

#[test]
fn a_day_that_cannot_be_removed_goes_later() {
    let (home, store) = Engine::Sqlite.new_store();
    put(&store, day(0), "a 10 XYZ").unwrap();
    drop(store);
    // A folder of this name can be neither opened nor removed as a file.
    let way = home.path().join(format!("reads/{}.db-wal", day(0)));
    fs::create_dir(&way).unwrap();
    let store = home.open().unwrap();
    assert_eq!(store.drop_day(day(0)).unwrap_err().kind(), Kind::Unavailable);
    assert!(store.days().unwrap().is_empty());
    drop(store);
    let store = home.open().unwrap();
    assert!(home.has(&store, day(0)));
    assert!(store.check().unwrap()[0].contains("forgotten day"));
    fs::remove_dir(&way).unwrap();
    store.drop_rest().unwrap();
    assert!(!home.has(&store, day(0)));
    assert_eq!(store.check().unwrap(), [""; 0]);
}

/// What is wrong with one part keeps nobody from examining the others.
#[test]
fn every_part_is_examined() {
    let (home, store) = Engine::Sqlite.new_store();
    for n in 0..3 {
        put(&store, day(n), "a 10 XYZ!").unwrap();
    }
    store.relay().unwrap();
    drop(store);
    let file = |n| home.path().join(format!("reads/{}.db", day(n)));
    for n in [0, 1] {
        fs::write(file(n), random::<5000>()).unwrap();
    }
    fs::remove_file(file(2)).unwrap();
    let store = home.open().unwrap();
    let wrong = store.check().unwrap();
    assert_eq!(wrong.len(), 3, "{wrong:?}");
    for n in 0..3 {
        assert!(wrong.iter().any(|one| one.contains(&day(n).to_string())), "{wrong:?}");
    }
    assert_eq!(store.check_pictures().unwrap().wrong, [""; 0]);
}

#[test]
fn a_first_start_that_was_cut_off_is_finished() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["lock", "control.db"] {
        fs::write(dir.path().join(name), "").unwrap();
    }
    let store = Store::open(dir.path()).unwrap();
    put(&store, day(0), "a 10 XYZ").unwrap();
}

#[test]
fn every_file_is_its_owners_alone() {
    let (dir, store) = Engine::Sqlite.new_store();
    put(&store, day(0), "a 10 XYZ!").unwrap();
    store.relay().unwrap();
    store.add_entry(&entry("ent_a", "XYZ")).unwrap();
    let files = all_files(dir.path());
    assert!(files.iter().any(|f| f.to_string_lossy().ends_with("-wal")));
    let (sealed, files): (Vec<_>, Vec<_>) =
        files.into_iter().partition(|file| file.starts_with(dir.path().join("pictures")));
    assert_eq!(
        sealed.len(),
        3,
        "two packs and whose they are, in a folder that nobody else enters"
    );
    for file in files {
        let mode = fs::metadata(&file).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", file.display());
    }
    for folder in ["reads", "pictures"] {
        let mode = fs::metadata(dir.path().join(folder)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o700);
    }
}

fn a_removed_entry_leaves_no_trace(engine: Engine) {
    let (dir, store) = engine.new_store();
    for (id, plate) in [("ent_a", "7ABC128"), ("ent_b", "8XYZ999")] {
        store.add_entry(&entry(id, plate)).unwrap();
    }
    let rows = store.entries().unwrap();
    assert_eq!(rows, [entry("ent_a", "7ABC128"), entry("ent_b", "8XYZ999")]);
    assert_eq!(store.add_entry(&rows[0]).unwrap_err().kind(), Kind::Conflict);
    if let Some(dir) = dir.folder() {
        let holding = files_with(dir, b"7ABC128");
        assert!(!holding.is_empty() && holding.iter().all(|f| f.starts_with("hotlist.db")));
    }
    store.remove_entry(&rows[0].id).unwrap();
    // PostgreSQL's files are not ours to read.
    if let Some(dir) = dir.folder() {
        assert_eq!(files_with(dir, b"7ABC128"), [""; 0]);
    }
    assert_eq!(store.remove_entry(&rows[0].id).unwrap_err().kind(), Kind::NotFound);
    assert_eq!(store.entries().unwrap().len(), 1);
}

fn many_entries_are_asked_for_at_once(engine: Engine) {
    let (_dir, store) = engine.new_store();
    let rows: Vec<EntryRow> = (100..230).map(|n| entry(&format!("ent_{n}"), "7ABC128")).collect();
    rows.iter().for_each(|row| store.add_entry(row).unwrap());
    let mut ids: Vec<base::EntryId> = rows.iter().map(|row| row.id.clone()).collect();
    ids.push("ent_gone".parse().unwrap());
    let mut found = store.entries_named(&ids).unwrap();
    found.sort_by(|a, b| a.id.cmp(&b.id));
    assert_eq!(found, rows);
    assert_eq!(store.entries_named(&ids[7..8]).unwrap(), rows[7..8]);
    assert!(store.entries_named(&[]).unwrap().is_empty());
}

/// A list is taken in one transaction, which may last: who reads sees what was, and waits for nothing.
#[test]
fn a_hot_list_that_is_being_written_is_read() {
    let (_home, store) = Engine::Sqlite.new_store();
    store.add_entry(&entry("ent_a", "7ABC128")).unwrap();
    {
        let mut db = crate::open::hold(&store.hotlist);
        let mut tx = db.begin().unwrap();
        tx.exec("DELETE FROM entries", &[]).unwrap();
        assert_eq!(store.entries().unwrap(), [entry("ent_a", "7ABC128")]);
        assert_eq!((store.lists().unwrap().len(), store.wanted().unwrap().len()), (0, 0));
        tx.commit().unwrap();
    }
    assert_eq!(store.entries().unwrap().len(), 0);
}

#[test]
fn what_was_removed_beside_a_reader_goes_when_that_has_ended() {
    let (home, store) = Engine::Sqlite.new_store();
    let removed = entry("ent_a", "7ABC128");
    store.add_entry(&removed).unwrap();
    crate::open::hold(&store.hotlist).impatient();
    let reader = rusqlite::Connection::open(home.path().join("hotlist.db")).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM entries;").unwrap();
    store.remove_entry(&removed.id).unwrap();
    store.settle_owed().unwrap();
    assert!(!files_with(home.path(), b"7ABC128").is_empty());
    drop(reader);
    store.settle_owed().unwrap();
    assert_eq!(files_with(home.path(), b"7ABC128"), [""; 0]);
}

fn control_data_comes_back_as_it_went(engine: Engine) {
    let (dir, store) = engine.new_store();
    let row = CameraRow {
        id: camera("one"),
        name: "Main St".into(),
        lat: Some(34.05),
        lon: None,
        device_key: Some(PublicKey([7; 32])),
        off_since: None,
    };
    let off = CameraRow { device_key: None, off_since: Some(at(9)), ..row.clone() };
    store.put_camera(&row).unwrap();
    assert_eq!(store.camera(&row.id).unwrap(), Some(row));
    store.put_camera(&off).unwrap();
    let person = PersonRow { id: "per_ann".parse().unwrap(), json: "{}".into() };
    store.put_person(&person).unwrap();
    let order = OrderRow { id: base::OrderId::new(at(1), [1; 10]), json: "{}".into() };
    store.put_order(&order).unwrap();
    store.put_order(&order).unwrap();
    let record = RecordRow { salt: [3; 32], sealed: Sealed(vec![1, 2, 3]) };
    store.put_record("intent", "q_1", &record.salt, &record.sealed).unwrap();
    let again = store.put_record("intent", "q_1", &[4; 32], &record.sealed);
    assert_eq!(again.unwrap_err().kind(), Kind::Conflict);
    store.set_meta("tally", "1").unwrap();
    store.set_meta("tally", "2").unwrap();
    drop(store);

    let store = dir.open().unwrap();
    assert_eq!(store.cameras().unwrap(), [off]);
    assert_eq!(store.camera(&camera("two")).unwrap(), None);
    assert_eq!(store.person(&person.id).unwrap(), Some(person.clone()));
    assert_eq!(store.persons().unwrap(), [person]);
    assert_eq!(store.orders().unwrap(), [order]);
    assert_eq!(store.record("intent", "q_1").unwrap(), Some(record));
    assert_eq!(store.record("intent", "q_2").unwrap(), None);
    assert_eq!(store.meta("tally").unwrap().as_deref(), Some("2"));
    assert_eq!(store.meta("store").unwrap(), None, "our own marks are apart");
}

fn a_code_is_used_once(engine: Engine) {
    let (_dir, store) = engine.new_store();
    let (one, two) = (camera("one"), camera("two"));
    store.put_code(&[1; 32], &one, at(10)).unwrap();
    store.put_code(&[2; 32], &two, at(10)).unwrap();
    assert_eq!(store.take_code(&[9; 32], at(5)).unwrap(), None);
    assert_eq!(store.take_code(&[1; 32], at(5)).unwrap(), Some(one.clone()));
    assert_eq!(store.take_code(&[1; 32], at(5)).unwrap(), None);
    assert_eq!(store.take_code(&[2; 32], at(10)).unwrap(), None, "too old");
    store.put_code(&[3; 32], &one, at(10)).unwrap();
    store.put_code(&[4; 32], &one, at(10)).unwrap();
    assert_eq!(store.take_code(&[3; 32], at(5)).unwrap(), None, "a newer one took its place");
    assert_eq!(store.take_code(&[4; 32], at(5)).unwrap(), Some(one));
}

fn a_moved_camera_keeps_where_it_was(engine: Engine) {
    let (_dir, store) = engine.new_store();
    let place = |since: i64, name: &str, lat: f64| PlaceRow {
        camera: camera("one"),
        since: at(since),
        name: name.into(),
        lat: Some(lat),
        lon: Some(1.5),
    };
    store.move_camera(&place(5, "Oak", 20.0)).unwrap();
    assert_eq!(store.places().unwrap(), [], "nobody to move");
    let row = CameraRow {
        id: camera("one"),
        name: "Main".into(),
        lat: Some(10.0),
        lon: Some(1.5),
        device_key: Some(PublicKey([7; 32])),
        off_since: None,
    };
    store.put_camera(&row).unwrap();
    store.move_camera(&place(5, "Oak", 20.0)).unwrap();
    store.move_camera(&place(9, "Elm", 30.0)).unwrap();
    let renamed =
        CameraRow { name: "Elm Street".into(), ..store.camera(&row.id).unwrap().unwrap() };
    store.put_camera(&renamed).unwrap();
    // The log is followed again at every start.
    store.move_camera(&place(5, "Oak", 20.0)).unwrap();
    store.move_camera(&place(9, "Elm", 30.0)).unwrap();
    let lines = [place(0, "Main", 10.0), place(5, "Oak", 20.0), place(9, "Elm", 30.0)];
    assert_eq!(store.places().unwrap(), lines);
    let now = store.camera(&row.id).unwrap().unwrap();
    assert_eq!(
        (now.name.as_str(), now.lat, now.device_key),
        ("Elm Street", Some(30.0), row.device_key)
    );
}

fn leases_end_while_they_run(engine: Engine) {
    let (_dir, store) = engine.new_store();
    let lease = |n: u8, name: &str, until: i64| LeaseRow {
        lease: Lease {
            id: base::LeaseId::new(at(1), [n; 10]),
            camera: camera(name),
            capture_key: PublicKey([n; 32]),
            from: at(1),
            until: at(until),
            seal_key: "key".into(),
            authority: None,
            hits_only: None,
            clear_pictures: false,
            gates: Vec::new(),
        },
        ended: None,
    };
    let rows = [lease(1, "one", 10), lease(2, "one", 100), lease(3, "two", 100)];
    rows.iter().for_each(|row| store.put_lease(row).unwrap());
    assert_eq!(store.lease(&rows[1].lease.id).unwrap(), Some(rows[1].clone()));
    assert_eq!(store.end_leases(&camera("one"), at(50)).unwrap(), [rows[1].lease.id]);
    assert_eq!(store.end_leases(&camera("one"), at(60)).unwrap(), []);
    let ended = |n: usize| store.lease(&rows[n].lease.id).unwrap().unwrap().ended;
    assert_eq!([ended(0), ended(1), ended(2)], [None, Some(at(50)), None]);
    store.forget_leases(&camera("one"), at(100)).unwrap();
    let there = |n: usize| store.lease(&rows[n].lease.id).unwrap().is_some();
    assert_eq!([there(0), there(1), there(2)], [false, true, true]);
    store.forget_leases(&camera("one"), at(101)).unwrap();
    assert_eq!([there(1), there(2)], [false, true]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Damage anywhere in a file is an error or goes unnoticed by a call that does not touch it; it
    /// is never a panic.
    #[test]
    fn a_damaged_file_never_panics(flips in proptest::collection::vec((any::<usize>(), 1u8..), 1..40)) {
        let (dir, store) = Engine::Sqlite.new_store();
        put(&store, day(0), "a 10 XYZ!, b 20 ABC").unwrap();
        store.relay().unwrap();
        drop(store);
        for name in ["control.db".to_owned(), format!("reads/{}.db", day(0))] {
            let path = dir.path().join(name);
            let mut bytes = fs::read(&path).unwrap();
            for (at, flip) in &flips {
                let at = at % bytes.len();
                bytes[at] ^= flip;
            }
            fs::write(path, bytes).unwrap();
        }
        if let Ok(store) = Store::open(dir.path()) {
            let _ = (store.check().is_ok(), store.counts(day(0)).is_ok(), store.hits(9, None).is_ok());
            let _ = (put(&store, day(0), "c 30 DEF!").is_ok(), store.relay().is_ok());
        }
    }
}
