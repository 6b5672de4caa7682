//! What only a server can do to a store, and what must not be said about it.

use super::*;
use crate::CameraRow;
use crate::engine::Kind as Part;
use base::Kind;

/// The server as another program sees it.
fn beside(home: &Home, sql: &str) {
    let Home::Database(db, _) = home else { panic!("no server") };
    ::postgres::Client::connect(&db.url(), ::postgres::NoTls).unwrap().batch_execute(sql).unwrap();
}

/// A program that reads tables, as a dump does, until it rolls back.
fn reader(home: &Home, tables: &str) -> ::postgres::Client {
    let Home::Database(db, _) = home else { panic!("no server") };
    let mut client = ::postgres::Client::connect(&db.url(), ::postgres::NoTls).unwrap();
    client.batch_execute(&format!("BEGIN; LOCK TABLE {tables} IN ACCESS SHARE MODE")).unwrap();
    client
}

#[test]
fn what_is_deleted_beside_a_dump_is_deleted_and_leaves_the_file_later() {
    let (home, store) = Engine::Postgres.new_store();
    let row = files::entry("ent_a", "7ABC128");
    store.add_entry(&row).unwrap();
    let file = || {
        let sql = "SELECT pg_relation_filepath('entries')";
        let hotlist = crate::open::hold(&store.hotlist);
        hotlist.first(sql, &[]).unwrap().unwrap().get::<String>(0).unwrap()
    };
    let mut dump = reader(&home, "homeplate_hotlist.entries");
    let before = file();
    store.remove_entry(&row.id).unwrap();
    assert!(store.entries().unwrap().is_empty());
    store.settle_owed().unwrap();
    assert_eq!(file(), before, "it is still read");
    dump.batch_execute("ROLLBACK").unwrap();
    store.settle_owed().unwrap();
    assert_ne!(file(), before);
}

#[test]
fn a_day_that_a_dump_reads_goes_when_that_has_ended() {
    let (home, store) = Engine::Postgres.new_store();
    put(&store, day(0), "a 10 XYZ").unwrap();
    let mut dump = reader(&home, &format!("{}.reads", schema(day(0))));
    assert_eq!(store.drop_day(day(0)).unwrap_err().kind(), Kind::Busy);
    assert!(store.days().unwrap().is_empty());
    drop(store);
    // It holds up no start either.
    let store = home.open().unwrap();
    assert!(home.has(&store, day(0)));
    dump.batch_execute("ROLLBACK").unwrap();
    store.drop_rest().unwrap();
    assert!(!home.has(&store, day(0)));
    assert_eq!(store.check().unwrap(), [""; 0]);
}

/// What a server that is started again does to its connections.
fn go_away(home: &Home) {
    beside(
        home,
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity \
         WHERE datname = current_database() AND pid <> pg_backend_pid()",
    );
}

#[test]
fn a_server_that_was_away_is_found_again() {
    let (home, store) = Engine::Postgres.new_store();
    put(&store, day(0), "a 10 XYZ!").unwrap();
    go_away(&home);
    let e = put(&store, day(0), "b 20 ABC").unwrap_err();
    assert_eq!(e.kind(), Kind::Unavailable);
    assert!(e.to_string().contains("does not answer"), "{e}");
    assert_eq!(put(&store, day(0), "b 20 ABC").unwrap(), (1, 0));
    assert_eq!(store.relay().unwrap().len(), 1);
    assert_eq!(store.check().unwrap(), [""; 0]);
}

#[test]
fn a_transaction_that_lost_its_connection_has_never_been() {
    let (home, store) = Engine::Postgres.new_store();
    put(&store, day(0), "a 10 XYZ").unwrap();
    let e = store.in_day(day(0), |db| {
        let mut tx = db.begin()?;
        tx.exec("DELETE FROM reads", &[])?;
        go_away(&home);
        tx.commit()
    });
    assert_eq!(e.unwrap_err().kind(), Kind::Unavailable);
    assert_eq!(put(&store, day(0), "a 10 XYZ").unwrap(), (0, 1));
}

#[test]
fn a_store_that_another_process_took_meanwhile_is_let_go() {
    let (home, store) = Engine::Postgres.new_store();
    put(&store, day(0), "a 10 XYZ").unwrap();
    go_away(&home);
    let other = home.open().unwrap();
    for _ in 0..3 {
        let e = put(&store, day(0), "b 20 ABC").unwrap_err();
        assert_eq!(e.kind(), Kind::Unavailable, "{e}");
    }
    let e = put(&store, day(0), "b 20 ABC").unwrap_err();
    assert!(e.to_string().contains("Another process"), "{e}");
    drop(other);
    let e = put(&store, day(0), "b 20 ABC").unwrap_err();
    assert!(e.to_string().contains("Another process"), "once lost, it is lost: {e}");
    drop(store);
    assert_eq!(put(&home.open().unwrap(), day(0), "a 10 XYZ").unwrap(), (0, 1));
}

#[test]
fn two_stores_in_one_database() {
    let (home, one) = Engine::Postgres.new_store();
    let Place::Postgres { url, .. } = home.place() else { panic!() };
    let two = {
        let place = Place::Postgres { url, schema: "homeplate_2".into() };
        Store::open_at(&place, &Pictures::Folder(home.pictures().join("2"))).unwrap()
    };
    put(&one, day(0), "a 10 XYZ").unwrap();
    put(&two, day(1), "a 10 XYZ, b 20 ABC").unwrap();
    assert_eq!((one.days().unwrap(), two.days().unwrap()), (vec![day(0)], vec![day(1)]));
    one.drop_day(day(0)).unwrap();
    assert_eq!(two.check().unwrap(), [""; 0]);
}

#[test]
fn what_is_not_ours_or_newer_stays_as_it_is() {
    let check = |sql: &str, want: &str| {
        let (home, store) = Engine::Postgres.new_store();
        put(&store, day(0), "a 10 XYZ!").unwrap();
        drop(store);
        beside(&home, sql);
        let e = home.open().and_then(|store| store.counts(day(0)).map(drop)).expect_err(want);
        assert_eq!(e.kind(), Kind::Unavailable, "{e}");
        assert!(e.to_string().contains(want), "{e}");
    };
    let newer = "written by a newer Homeplate";
    check("INSERT INTO homeplate.migrations VALUES ('control', 99)", newer);
    let sql = format!("INSERT INTO {}.migrations VALUES ('reads', 99)", schema(day(0)));
    check(&sql, newer);
    let another = "another program's tables";
    check("UPDATE homeplate.migrations SET kind = 'reads'", another);
    check("DROP TABLE homeplate.migrations", another);
    check("DROP SCHEMA homeplate CASCADE", "homeplate is missing");
    check("DROP SCHEMA homeplate_hotlist CASCADE", "homeplate_hotlist is missing");
}

#[test]
fn replayed_equals_fresh() {
    let (_home, store) = Engine::Postgres.new_store();
    put(&store, day(0), "a 10 XYZ").unwrap();
    let shapes =
        |db: &crate::engine::Db, kind| (db.shape().unwrap(), db.fresh_shape(kind).unwrap());
    let control = shapes(&store.control(), Part::Control);
    let hotlist = shapes(&crate::open::hold(&store.hotlist), Part::HotList);
    let reads = store.in_day(day(0), |db| Ok(shapes(db, Part::Reads))).unwrap();
    for (replayed, fresh) in [control, hotlist, reads] {
        assert_eq!(replayed, fresh);
        assert!(replayed.len() > 2, "{replayed:?}");
    }
}

#[test]
fn a_bad_address_is_refused_without_being_repeated() {
    let check = |url: &str, schema: &str, kind: Kind, want: &str| {
        let place = Place::Postgres { url: Url(url.into()), schema: schema.into() };
        assert!(!format!("{place:?}").contains("hush"));
        let e = Store::open_at(&place, &Pictures::Folder("/nowhere".into())).unwrap_err();
        assert_eq!(e.kind(), kind, "{e:?}");
        assert!(e.to_string().contains(want), "{e}");
        assert!(!format!("{e} {e:?}").contains("hush"), "{e:?}");
    };
    let near = "host=/nowhere user=u password=hush";
    check(near, "homeplate", Kind::Unavailable, "does not answer");
    check("host=/nowhere password=hu hush", "homeplate", Kind::Invalid, "no address");
    check("host=db.example user=u password=hush", "homeplate", Kind::Invalid, "tunnel");
    check("host=localhost hostaddr=192.0.2.1 user=u", "homeplate", Kind::Invalid, "tunnel");
    check("postgres://u:hush@192.0.2.1/city", "homeplate", Kind::Invalid, "tunnel");
    check("user=u password=hush", "homeplate", Kind::Invalid, "socket");
    for schema in ["", "Homeplate", "pg_x", "a; DROP TABLE b", "7", &"a".repeat(41)] {
        check(near, schema, Kind::Invalid, "schema");
    }
}

#[test]
fn no_error_repeats_a_value() {
    let (_home, store) = Engine::Postgres.new_store();
    let mut control = store.control();
    let sql = "INSERT INTO meta (key, value) VALUES (?1, ?2)";
    let text = |key: &str| control.exec(sql, &[key.into(), "SECRET".into()]);
    let [_, again, nul] = ["SECRET", "SECRET", "SECRET\0"].map(text);
    let again = again.unwrap_err();
    assert_eq!(again.kind(), Kind::Conflict);
    let nul = nul.unwrap_err();
    assert_eq!(nul.kind(), Kind::Invalid);
    let wrong = control.exec("SELECT 'SECRET'::bigint", &[]).unwrap_err();
    let of_type = control.exec(sql, &[7i64.into(), "SECRET".into()]).unwrap_err();
    for e in [again, nul, wrong, of_type] {
        assert!(!format!("{e} {e:?}").contains("SECRET"), "{e:?}");
    }
    drop(control);
    let row = CameraRow {
        id: camera("a"),
        name: "Main\0St".into(),
        lat: None,
        lon: None,
        device_key: None,
        off_since: None,
    };
    assert_eq!(store.put_camera(&row).unwrap_err().kind(), Kind::Invalid);
}

/// An order of text is one of bytes, whatever language the server speaks.
#[test]
fn text_is_ordered_by_its_bytes() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let (_home, store) = engine.new_store();
        for id in ["cam_b", "cam_a", "cam_a-b", "cam_aa"] {
            let row = CameraRow {
                id: id.parse().unwrap(),
                name: id.into(),
                lat: Some(1.5),
                lon: None,
                device_key: None,
                off_since: None,
            };
            store.put_camera(&row).unwrap();
        }
        let ids: Vec<String> = store.cameras().unwrap().iter().map(|c| c.id.to_string()).collect();
        assert_eq!(ids, ["cam_a", "cam_a-b", "cam_aa", "cam_b"]);
    }
}
