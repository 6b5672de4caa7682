//! Lists, imports and found vehicles, on both engines.

use super::*;
use crate::{EntryRow, ImportRow, ListsBeside, TombstoneRow};
use base::{EntryId, Kind, ListId, Time};
use plate::Reason;

fn at(second: i64) -> Time {
    Time::from_millis(second * 1000)
}

fn list() -> ListId {
    "lst_state".parse().unwrap()
}

fn entry(id: &str, plate: &str, reason: &str, born: Option<i64>) -> EntryRow {
    EntryRow {
        id: id.parse().unwrap(),
        list: list(),
        plate: plate::Pattern::parse(plate).unwrap(),
        state: Some("us-ca".into()),
        reason: reason.into(),
        case_no: "26-1".into(),
        expires: at(500),
        added_by: "per_ann".parse().unwrap(),
        category: Some("stolen".into()),
        priority: 3,
        begins: at(7),
        source: "the state".into(),
        record: Some("17".into()),
        more_json: Some("{}".into()),
        born,
    }
}

fn waiting(number: i64, made: i64) -> ImportRow {
    ImportRow {
        list: list(),
        number,
        state: "waiting".into(),
        made: at(made),
        taken: None,
        by: "per_ann".parse().unwrap(),
        json: "{}".into(),
    }
}

/// An import that is whole: all of it in one piece.
fn bring(store: &Store, import: &ImportRow, new: &[EntryRow], old: &[EntryId]) {
    store.begin_import(import).unwrap();
    store.add_to_import(&import.list, import.number, new, old).unwrap();
    store.finish_import(&import.list, import.number, &import.json).unwrap();
}

/// What is looked for, and the states of the imports.
fn told(store: &Store) -> String {
    let entries = store
        .entries()
        .unwrap()
        .into_iter()
        .map(|row| format!("{}:{}:{}", row.id, row.plate.reveal(Reason::HotList), row.reason));
    let imports = (1..=9).rev().filter_map(|number| store.import(&list(), number).unwrap());
    let imports = imports.map(|row| row.state);
    entries.chain(imports).collect::<Vec<_>>().join(" ")
}

fn walk(store: &Store) {
    let ids =
        |words: &str| words.split_whitespace().map(|id| id.parse().unwrap()).collect::<Vec<_>>();
    store.add_entry(&entry("ent_own", "OWN1", "bolo", None)).unwrap();
    let first = [entry("ent_a", "AAA1", "old", Some(1)), entry("ent_b", "BBB?", "old", Some(1))];
    bring(store, &waiting(1, 1), &first, &[]);
    assert_eq!(told(store), "ent_own:OWN1:bolo waiting", "what waits is not looked for");
    store.take_import(&list(), 1, at(2)).unwrap();
    let after_first = "ent_a:AAA1:old ent_b:BBB?:old ent_own:OWN1:bolo";
    assert_eq!(told(store), format!("{after_first} taken"));
    assert_eq!(store.entry(&ids("ent_b")[0]).unwrap().as_ref(), Some(&first[1]));
    assert_eq!(store.imported_after(&list(), None, 9).unwrap(), first);
    assert_eq!(store.imported_after(&list(), Some(&ids("ent_a")[0]), 9).unwrap(), first[1..]);
    assert_eq!(store.entries_after(Some(&ids("ent_b")[0]), 9).unwrap().len(), 1);

    // A second preview takes the place of the first, whose number nobody can confirm any more.
    bring(store, &waiting(2, 3), &[], &ids("ent_a ent_b"));
    let second = [entry("ent_b", "BBB?", "new", Some(3)), entry("ent_c", "CCC1", "new", Some(3))];
    bring(store, &waiting(3, 4), &second, &ids("ent_a ent_b"));
    assert_eq!(store.take_import(&list(), 2, at(5)).unwrap_err().kind(), Kind::Conflict);
    assert_eq!(told(store), format!("{after_first} waiting dropped taken"));
    store.take_import(&list(), 3, at(5)).unwrap();
    let after_second = "ent_b:BBB?:new ent_c:CCC1:new ent_own:OWN1:bolo";
    assert_eq!(told(store), format!("{after_second} taken dropped taken"));
    assert_eq!(store.undo_import(&list(), 1).unwrap_err().kind(), Kind::Conflict, "not the last");
    store.undo_import(&list(), 3).unwrap();
    assert_eq!(told(store), format!("{after_first} undone dropped taken"));
    assert_eq!(store.undo_import(&list(), 3).unwrap_err().kind(), Kind::Conflict, "twice");
    assert_eq!(store.undo_import(&list(), 1).unwrap_err().kind(), Kind::Conflict, "kept no longer");
    let last = |state| store.last_import_that_is(&list(), state).unwrap().map(|row| row.number);
    assert_eq!((last("taken"), last("undone")), (Some(1), Some(3)));

    bring(store, &waiting(4, 10), &second, &[]);
    store.forget_waiting(at(10)).unwrap();
    assert!(told(store).contains("waiting"));
    store.forget_waiting(at(11)).unwrap();
    assert!(!told(store).contains("waiting"));

    broken_off(store);
    store.put_list(&list(), "{}").unwrap();
    store.put_list(&list(), "{\"a\":1}").unwrap();
    assert_eq!(store.lists().unwrap(), [(list(), "{\"a\":1}".to_owned())]);
    assert_eq!(store.list(&"lst_other".parse().unwrap()).unwrap(), None);
    assert_eq!(store.entry_counts().unwrap(), [(list(), 3)]);
    let found = TombstoneRow {
        id: "fnd_1".into(),
        list: list(),
        plate: plate::Text::parse("AAA1").unwrap(),
        state: None,
        found: at(3),
        until: at(9),
        by: "per_ann".parse().unwrap(),
    };
    store.put_tombstone(&found).unwrap();
    store.forget_tombstones(at(9)).unwrap();
    assert_eq!(store.tombstones().unwrap(), [found]);
    store.forget_tombstones(at(10)).unwrap();
    assert_eq!(store.tombstones().unwrap(), []);
}

/// An import whose file broke off is none; and what somebody removes meanwhile does not come back with it.
fn broken_off(store: &Store) {
    let before = told(store);
    let piece = [entry("ent_d", "DDD1", "new", Some(5))];
    store.begin_import(&waiting(5, 20)).unwrap();
    store.add_to_import(&list(), 5, &piece, &[]).unwrap();
    assert_eq!(told(store), before.replacen("dropped", "coming dropped", 1));
    assert_eq!(store.take_import(&list(), 5, at(21)).unwrap_err().kind(), Kind::Conflict);
    store.drop_import(&list()).unwrap();
    assert_eq!(told(store), before);
    assert_eq!(store.finish_import(&list(), 5, "{}").unwrap_err().kind(), Kind::Conflict);
    // The next one, or time, clears away what a crash has left.
    store.begin_import(&waiting(5, 20)).unwrap();
    store.add_to_import(&list(), 5, &piece, &[]).unwrap();
    store.begin_import(&waiting(5, 22)).unwrap();
    store.finish_import(&list(), 5, "{}").unwrap();
    store.take_import(&list(), 5, at(23)).unwrap();
    assert!(!told(store).contains("ent_d"));
    store.begin_import(&waiting(6, 24)).unwrap();
    store.forget_waiting(at(25)).unwrap();
    assert_eq!(store.import(&list(), 6).unwrap(), None);
    let more = [entry("ent_e", "EEE1", "old", Some(6)), entry("ent_f", "FFF1", "old", Some(6))];
    bring(store, &waiting(6, 26), &more, &[]);
    store.take_import(&list(), 6, at(27)).unwrap();
    store.begin_import(&waiting(7, 28)).unwrap();
    store.remove_entry(&"ent_e".parse().unwrap()).unwrap();
    let changed = [entry("ent_e", "EEE1", "new", Some(7)), entry("ent_f", "FFF1", "new", Some(7))];
    let old = changed.clone().map(|row| row.id);
    store.add_to_import(&list(), 7, &changed, &old).unwrap();
    store.finish_import(&list(), 7, "{}").unwrap();
    store.take_import(&list(), 7, at(29)).unwrap();
    let now = told(store);
    assert!(now.contains("ent_f:FFF1:new") && !now.contains("ent_e"), "{now}");
    store.undo_import(&list(), 7).unwrap();
    let now = told(store);
    assert!(now.contains("ent_f:FFF1:old") && !now.contains("ent_e"), "{now}");
    store.remove_entry(&"ent_f".parse().unwrap()).unwrap();
}

#[test]
fn lists_come_and_go() {
    let dir = tempfile::tempdir().unwrap();
    walk(&Store::open(dir.path()).unwrap());
}

#[test]
fn lists_come_and_go_on_postgres() {
    let (dir, database) = (tempfile::tempdir().unwrap(), Database::new().unwrap());
    let place = Place::Postgres { url: Url(database.url().to_string()), schema: "city".into() };
    walk(&Store::open_at(&place, &Pictures::Folder(dir.path().join("pictures"))).unwrap());
}

/// What is dropped, removed or undone stands in no file any more.
#[test]
fn plates_that_are_gone_are_gone_from_the_files() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let row = |id: &str, plate: &str, number: i64| [entry(id, plate, "old", Some(number))];
    let holds = |plate: &str| {
        fs::read_dir(dir.path()).unwrap().flatten().any(|file| {
            fs::read(file.path())
                .is_ok_and(|b| b.windows(plate.len()).any(|w| w == plate.as_bytes()))
        })
    };
    bring(&store, &waiting(1, 1), &row("ent_a", "ZQDROPPED1", 1), &[]);
    assert!(holds("ZQDROPPED1"), "the search finds what is there");
    bring(&store, &waiting(2, 1), &row("ent_b", "ZQUNDONE12", 2), &[]);
    assert!(!holds("ZQDROPPED1"));
    store.take_import(&list(), 2, at(2)).unwrap();
    store.undo_import(&list(), 2).unwrap();
    assert!(!holds("ZQUNDONE12"));
}

/// Each change of the entries is told by the mark, and nothing else is.
fn marks_tell(store: &Store, seen: &dyn Fn() -> crate::EntriesMark) {
    let own = || entry("ent_own", "OWN1", "bolo", None);
    type Step<'a> = (&'a str, bool, &'a dyn Fn());
    let steps: [Step<'_>; 11] = [
        ("added", true, &|| store.add_entry(&own()).unwrap()),
        ("added again", false, &|| assert!(store.add_entry(&own()).is_err())),
        ("it waits", false, &|| {
            bring(store, &waiting(1, 1), &[entry("ent_a", "AAA1", "old", Some(1))], &[]);
        }),
        ("taken", true, &|| store.take_import(&list(), 1, at(2)).unwrap()),
        ("taken again", false, &|| assert!(store.take_import(&list(), 1, at(2)).is_err())),
        ("undone", true, &|| store.undo_import(&list(), 1).unwrap()),
        ("a list's settings", false, &|| store.put_list(&list(), "{}").unwrap()),
        ("nothing has ended", false, &|| assert!(!store.forget_entries(at(499)).unwrap())),
        ("removed", true, &|| store.remove_entry(&own().id).unwrap()),
        ("removed again", false, &|| assert!(store.remove_entry(&own().id).is_err())),
        ("ended ones go", true, &|| {
            store.add_entry(&own()).unwrap();
            assert!(store.forget_entries(at(501)).unwrap());
        }),
    ];
    for (what, changes, step) in steps {
        let before = seen();
        step();
        assert_eq!(seen() != before, changes, "{what}");
        assert_eq!(seen(), store.entries_mark().unwrap(), "{what}");
    }
}

#[test]
fn the_mark_tells_whether_entries_changed() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    marks_tell(&store, &|| store.entries_mark().unwrap());
    assert!(ListsBeside::of(&Place::Folder(dir.path().to_owned())).unwrap().is_none());
}

/// What a second process sees of a store that is open, and that it is in nobody's way.
#[test]
fn lists_are_read_beside_whoever_has_the_store() {
    let (dir, database) = (tempfile::tempdir().unwrap(), Database::new().unwrap());
    let place = Place::Postgres { url: Url(database.url().to_string()), schema: "city".into() };
    let beside = ListsBeside::of(&place).unwrap().unwrap();
    assert!(beside.mark().is_err() && beside.entries_after(None, 9).is_err(), "nothing is made");
    let pictures = Pictures::Folder(dir.path().join("pictures"));
    let store = Store::open_at(&place, &pictures).unwrap();
    marks_tell(&store, &|| beside.mark().unwrap());
    let some = ["a", "b", "c"].map(|n| entry(&format!("ent_{n}"), "AAA1", "bolo", None));
    some.iter().for_each(|row| store.add_entry(row).unwrap());
    assert_eq!(beside.entries_after(None, 2).unwrap(), some[..2]);
    assert_eq!(beside.entries_after(Some(&some[1].id), 2).unwrap(), some[2..]);
    drop(store);
    let again = Store::open_at(&place, &pictures).unwrap();
    assert_eq!(beside.mark().unwrap(), again.entries_mark().unwrap());
}
