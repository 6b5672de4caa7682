//! Effects reach the control data exactly once, wherever the power goes.

use super::*;
use base::Kind;

on_both!(
    a_power_cut_at_any_step_applies_each_effect_once,
    a_control_file_put_back_from_a_backup_raises_no_hit_twice,
    more_effects_than_a_step_takes,
    hits_page_newest_first_and_are_decided_once
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

fn more_effects_than_a_step_takes(engine: Engine) {
    let (_dir, store) = engine.new_store();
    let many: Vec<String> = (0..230).map(|n| format!("b {n} P{n}!")).collect();
    put(&store, day(0), &many.join(",")).unwrap();
    assert_eq!(store.relay().unwrap().len(), 230);
    assert_eq!(store.relay().unwrap().len(), 0);
    assert_eq!(store.hits(1000, None).unwrap().len(), 230);
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
    store.mark_hit_logged(&id).unwrap();
    assert_eq!(store.hits_to_log().unwrap().len(), 2);
    store.set_verdict(&id, 1, "confirmed", "{}").unwrap();
    assert_eq!(store.set_verdict(&id, 1, "rejected", "{}").unwrap_err().kind(), Kind::Conflict);
    let hit = store.hit(&id).unwrap().unwrap();
    assert_eq!((hit.state.as_str(), hit.version, hit.raised_logged), ("confirmed", 2, true));
    assert_eq!(store.open_hits().unwrap(), all.len() as u64 - 1);

    let none = pack(day(9), "q 1 QQQ!").0.hits[0].id;
    assert_eq!(store.hit(&none).unwrap(), None);
    for e in [
        store.set_verdict(&none, 1, "confirmed", "{}").unwrap_err(),
        store.mark_hit_logged(&none).unwrap_err(),
        store.sealed_hit(&none).unwrap_err(),
    ] {
        assert_eq!(e.kind(), Kind::NotFound);
    }
}
