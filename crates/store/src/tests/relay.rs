//! Effects reach the control data exactly once, wherever the power goes.

use super::*;
use crate::{HitChange, SuspensionRow};
use base::{Kind, Time};

on_both!(
    a_power_cut_at_any_step_applies_each_effect_once,
    a_control_file_put_back_from_a_backup_raises_no_hit_twice,
    more_effects_than_a_step_takes,
    hits_page_newest_first_and_are_decided_once,
    hits_are_forgotten_and_what_they_were_is_counted,
    what_was_said_last_of_cameras_and_shifts
);

fn a_power_cut_at_any_step_applies_each_effect_once(engine: Engine) {
    let want = {
        let (_dir, store) = engine.new_store();
        fill(&store);
        store.relay().unwrap();
        state(&store)
    };
    for steps in 0.. {
        let (dir, store) = engine.new_store();
        fill(&store);
        store.control().faults.after(Some(steps));
        let cut = store.relay();
        store.control().faults.after(None);

        let (_copy, restarted) = dir.cut();
        restarted.relay().unwrap();
        assert_eq!(state(&restarted), want, "restarted after step {steps}");
        assert_eq!(restarted.hits_to_log().unwrap().len(), 3);

        store.relay().unwrap();
        assert_eq!(state(&store), want, "went on after step {steps}");
        if cut.is_ok() {
            assert!(steps > 10, "{steps}");
            break;
        }
    }
}

fn fill(store: &Store) {
    put(store, day(0), "a 10 XYZ!, b 20 ABC, c 30 DEF!").unwrap();
    put(store, day(1), "a 10 XYZ!").unwrap();
}

fn a_control_file_put_back_from_a_backup_raises_no_hit_twice(engine: Engine) {
    let (dir, store) = engine.new_store();
    fill(&store);
    let (_backup, old) = dir.cut();
    store.relay().unwrap();
    let hits = store.hits(10, None).unwrap();
    assert_eq!(old.relay().unwrap().len(), 3);
    assert_eq!(old.hits(10, None).unwrap(), hits, "the same hits under the same ids");
}

/// The file of a day is put back from a backup, or is lost, and the control data is not.
#[test]
fn a_day_that_is_older_than_the_control_data_swallows_no_hit() {
    let (home, store) = Engine::Sqlite.new_store();
    put(&store, day(0), "a 10 XYZ!").unwrap();
    store.relay().unwrap();
    drop(store);
    let file = home.path().join(format!("reads/{}.db", day(0)));
    let old = fs::read(&file).unwrap();
    for (old, next) in [(Some(old), "c 40 GHI!"), (None, "c 50 JKL!")] {
        let store = home.open().unwrap();
        put(&store, day(0), "b 20 ABC!, b 30 DEF!").unwrap();
        store.relay().unwrap();
        drop(store);
        match &old {
            Some(old) => fs::write(&file, old).unwrap(),
            None => fs::remove_file(&file).unwrap(),
        }
        let store = home.open().unwrap();
        put(&store, day(0), next).unwrap();
        assert_eq!(store.relay().unwrap().len(), 1, "{next}");
    }
}

#[test]
fn a_day_that_cannot_be_read_holds_up_no_other() {
    let (home, store) = Engine::Sqlite.new_store();
    fill(&store);
    drop(store);
    let name = format!("reads/{}.db", day(0));
    fs::write(home.path().join(&name), random::<5000>()).unwrap();
    let store = home.open().unwrap();
    for _ in 0..2 {
        assert!(store.relay().unwrap_err().message().contains(&name));
        assert_eq!(store.hits(10, None).unwrap().len(), 1);
    }
    assert!(store.days_answer().unwrap_err().message().contains(&name));
    store.some_day_answers().unwrap();
    put(&store, day(1), "b 30 ABC!").unwrap();
    assert_eq!(store.relay_new().unwrap().len(), 1);
    store.drop_day(day(0)).unwrap();
    store.days_answer().unwrap();
    assert_eq!(store.relay().unwrap(), []);
    drop(store);
    // What is so of every day is the program's fault.
    fs::write(home.path().join(format!("reads/{}.db", day(1))), random::<5000>()).unwrap();
    let store = home.open().unwrap();
    store.relay().unwrap_err();
    assert!(store.some_day_answers().is_err());
}

fn more_effects_than_a_step_takes(engine: Engine) {
    let (_dir, store) = engine.new_store();
    let many: Vec<String> = (0..230).map(|n| format!("b {n} P{n}!")).collect();
    put(&store, day(0), &many.join(",")).unwrap();
    assert_eq!(store.relay().unwrap().len(), 230);
    assert_eq!(store.relay().unwrap().len(), 0);
    assert_eq!(store.hits(1000, None).unwrap().len(), 230);
}

fn hits_are_forgotten_and_what_they_were_is_counted(engine: Engine) {
    let (_dir, store) = engine.new_store();
    fill(&store);
    store.relay().unwrap();
    let all = store.hits(10, None).unwrap();
    for hit in &all {
        let to = HitChange {
            version: hit.version,
            state: "rejected".into(),
            finding: Some("misread".into()),
            card_json: "{}".into(),
        };
        store.change_hit(&hit.id, &to).unwrap();
    }
    let misread = |from: i32| {
        let found = store.findings(&camera("a"), day(from).start()).unwrap();
        found.first().map_or(0, |(finding, n)| if finding == "misread" { *n } else { 0 })
    };
    assert_eq!(misread(0), 2);
    for _ in 0..2 {
        store.forget_hits(day(1).start().plus_millis(7)).unwrap();
        assert_eq!(store.relay().unwrap(), []);
        let left: Vec<_> = store.hits(10, None).unwrap().iter().map(|hit| hit.id).collect();
        assert_eq!(left, [all[0].id]);
        let copies = all.iter().map(|hit| store.sealed_hit(&hit.id).is_ok());
        assert_eq!(copies.collect::<Vec<_>>(), [true, false, false]);
        assert_eq!((misread(-1), misread(0)), (2, 1));
    }
    store.forget_findings(day(1)).unwrap();
    assert_eq!(misread(-1), 1);
}

fn hits_page_newest_first_and_are_decided_once(engine: Engine) {
    let (_dir, store) = engine.new_store();
    fill(&store);
    store.relay().unwrap();
    let all = store.hits(10, None).unwrap();
    assert!(all.windows(2).all(|w| w[0].captured > w[1].captured));
    assert_eq!(store.hits(2, None).unwrap(), all[..2]);
    assert_eq!(store.hits(2, Some(all[0].id)).unwrap(), all[1..3]);

    assert_eq!(store.open_hits().unwrap(), all.len() as u64);
    let id = all[0].id;
    let hit = store.hit(&id).unwrap().unwrap();
    assert_eq!((hit.state.as_str(), hit.version, hit.raised_logged), ("open", 1, false));
    store.mark_hit_logged(&id, Time::from_millis(7)).unwrap();
    store.mark_hit_logged(&id, Time::from_millis(9)).unwrap();
    assert_eq!(store.hits_to_log().unwrap().len(), 2);
    let to = |version, state: &str, finding: Option<&str>| HitChange {
        version,
        state: state.into(),
        finding: finding.map(Into::into),
        card_json: "{}".into(),
    };
    store.change_hit(&id, &to(1, "second", None)).unwrap();
    assert_eq!(store.open_hits().unwrap(), all.len() as u64, "it waits for another person");
    store.change_hit(&id, &to(2, "confirmed", Some("correct"))).unwrap();
    let again = store.change_hit(&id, &to(2, "rejected", Some("misread"))).unwrap_err();
    assert_eq!(again.kind(), Kind::Conflict);
    let hit = store.hit(&id).unwrap().unwrap();
    assert_eq!((hit.state.as_str(), hit.version, hit.raised_logged), ("confirmed", 3, true));
    assert_eq!(hit.raised, Some(Time::from_millis(7)), "the first moment counts");
    assert_eq!(store.open_hits().unwrap(), all.len() as u64 - 1);
    assert_eq!(store.hits_that_are("confirmed", 9).unwrap(), std::slice::from_ref(&hit));
    assert_eq!(store.hits_that_are("rejected", 9).unwrap(), []);
    let found = |from| store.findings(&hit.camera, from).unwrap();
    assert_eq!(found(hit.captured), [("correct".to_owned(), 1)]);
    assert_eq!(found(hit.captured.plus_millis(1)), []);

    let none = pack(day(9), "q 1 QQQ!").0.hits[0].id;
    assert_eq!(store.hit(&none).unwrap(), None);
    for e in [
        store.change_hit(&none, &to(1, "confirmed", None)).unwrap_err(),
        store.mark_hit_logged(&none, Time::from_millis(0)).unwrap_err(),
        store.sealed_hit(&none).unwrap_err(),
    ] {
        assert_eq!(e.kind(), Kind::NotFound);
    }
}

fn what_was_said_last_of_cameras_and_shifts(engine: Engine) {
    let (_dir, store) = engine.new_store();
    let said = |camera: &str, at: i64, state: &str| SuspensionRow {
        camera: camera.parse().unwrap(),
        at: Time::from_millis(at),
        state: state.into(),
        json: "{}".into(),
        owes: false,
    };
    for row in [
        said("cam_b", 1, "suspended"),
        said("cam_a", 1, "suspended"),
        said("cam_a", 5, "looked-at"),
    ] {
        store.put_suspension(&row).unwrap();
        store.put_suspension(&row).unwrap();
    }
    assert_eq!(
        store.suspensions().unwrap(),
        [said("cam_a", 5, "looked-at"), said("cam_b", 1, "suspended")]
    );
    assert_eq!(store.last_handover().unwrap(), None);
    for at in [3, 9] {
        store.put_handover(Time::from_millis(at), &at.to_string()).unwrap();
    }
    assert_eq!(store.last_handover().unwrap(), Some((Time::from_millis(9), "9".into())));
}
