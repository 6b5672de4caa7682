//! Who asked, marks, alarms and own plates, on both engines.

use super::*;
use crate::{AlarmRow, AskRow, OwnPlateRow};
use base::{PersonId, Time};
use read::Sealed;

fn at(second: i64) -> Time {
    Time::from_millis(second * 1000)
}

fn ask(id: &str, person: &str, second: i64) -> AskRow {
    AskRow { id: id.into(), person: person.parse().unwrap(), asked: at(second), json: "{}".into() }
}

fn walk(store: &Store) {
    let (ann, ben): (PersonId, PersonId) = ("per_ann".parse().unwrap(), "per_ben".parse().unwrap());
    let mark = |text: &str| vec![text.to_owned()];
    let all = [ask("q_b", "per_ann", 1), ask("q_a", "per_ann", 2), ask("q_c", "per_ann", 2)];
    store.put_ask(&all[0], &mark("m1")).unwrap();
    store.put_ask(&all[1], &["m1".into(), "m2".into(), "m1".into()]).unwrap();
    store.put_ask(&all[2], &[]).unwrap();
    store.put_ask(&ask("q_d", "per_ben", 3), &mark("m3")).unwrap();
    assert!(store.put_ask(&all[0], &[]).is_err(), "a question has one row");
    assert_eq!(store.marked("m1").unwrap(), ["q_b", "q_a"]);
    assert_eq!(store.asks_count(&ann, at(1), at(2)).unwrap(), 1);
    assert_eq!(store.asks_between(at(2), at(4)).unwrap().len(), 3);
    // Page by page, equals by their id.
    let page = |before: Option<(Time, &str)>| {
        let rows = store.asks_of(&ann, before, 1).unwrap();
        rows.into_iter().map(|row| row.id).collect::<Vec<_>>()
    };
    assert_eq!(page(None), ["q_c"]);
    assert_eq!(page(Some((at(2), "q_c"))), ["q_a"]);
    assert_eq!(page(Some((at(2), "q_a"))), ["q_b"]);
    assert_eq!(page(Some((at(1), "q_b"))), Vec::<String>::new());
    store.change_ask("q_a", "{\"a\":1}").unwrap();
    assert_eq!(store.ask("q_a").unwrap().unwrap().json, "{\"a\":1}");
    assert_eq!(store.ask("q_x").unwrap(), None);

    let alarm = |id: &str, key: &str, raised: i64| AlarmRow {
        id: id.into(),
        key: key.into(),
        raised: at(raised),
        closed: None,
        json: "{}".into(),
    };
    assert!(store.put_alarm(&alarm("alm_1", "k1", 1)).unwrap());
    assert!(!store.put_alarm(&alarm("alm_2", "k1", 2)).unwrap(), "one a key");
    assert!(store.put_alarm(&alarm("alm_3", "k2", 3)).unwrap());
    let closed = AlarmRow { closed: Some(at(9)), ..alarm("alm_3", "k2", 3) };
    store.change_alarm(&closed).unwrap();
    let ids: Vec<String> = store.alarms(9).unwrap().into_iter().map(|row| row.id).collect();
    assert_eq!(ids, ["alm_1", "alm_3"], "the open ones first");
    assert_eq!(store.open_alarms().unwrap(), 1);
    assert_eq!(store.alarm("alm_3").unwrap(), Some(closed));

    assert!(store.has_alarm("k1").unwrap() && !store.has_alarm("k9").unwrap());

    store.add_marks(&all[0], &mark("m2")).unwrap();
    assert_eq!((store.marks_count("m2").unwrap(), store.marks_of("q_b").unwrap().len()), (2, 2));
    store.forget_marks(at(2), at(9)).unwrap();
    assert_eq!(store.marked("m1").unwrap(), ["q_a"]);
    assert_eq!(store.alarms(9).unwrap().len(), 2);
    store.forget_marks(at(9), at(10)).unwrap();
    assert_eq!(store.alarms(9).unwrap().len(), 1);
    store.forget_ask("q_b").unwrap();
    assert_eq!(store.asks_of(&ann, None, 9).unwrap().len(), 2);
    assert_eq!(store.asks_of(&ben, None, 9).unwrap().len(), 1);

    let own = OwnPlateRow { id: "own_1".into(), sealed: Sealed(vec![1, 2]), json: "{}".into() };
    store.put_own_plate(&own).unwrap();
    assert_eq!(store.own_plates().unwrap(), [own]);
    assert!(store.drop_own_plate("own_1").unwrap() && !store.drop_own_plate("own_1").unwrap());
}

#[test]
fn who_asks_is_watched() {
    let dir = tempfile::tempdir().unwrap();
    walk(&Store::open(dir.path()).unwrap());
}

#[test]
fn who_asks_is_watched_on_postgres() {
    let (dir, database) = (tempfile::tempdir().unwrap(), Database::new().unwrap());
    let place = Place::Postgres { url: Url(database.url().to_string()), schema: "city".into() };
    walk(&Store::open_at(&place, &Pictures::Folder(dir.path().join("pictures"))).unwrap());
}
