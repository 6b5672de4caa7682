//! A batch is stored whole or not at all, and once.

use super::*;
use base::Kind;
use proptest::prelude::*;

on_both!(
    sending_again_changes_nothing,
    known_names_what_is_there,
    a_segment_of_another_batch_is_a_conflict,
    a_batch_that_contradicts_itself_is_refused,
    a_power_cut_at_any_step_leaves_all_or_nothing,
    what_is_acknowledged_survives_without_a_close,
    a_dropped_day_takes_nothing_any_more,
    more_days_than_are_kept_open,
    many_threads_store_each_read_once
);

fn sending_again_changes_nothing(engine: Engine) {
    let (_dir, store) = engine.new_store();
    assert_eq!(put(&store, day(0), "a 10 XYZ!, b 20 ABC").unwrap(), (2, 0));
    store.relay().unwrap();
    let before = state(&store);
    assert_eq!(put(&store, day(0), "a 10 XYZ!, b 20 ABC").unwrap(), (0, 2));
    assert!(store.relay().unwrap().is_empty());
    assert_eq!(state(&store), before);
    assert_eq!(put(&store, day(0), "b 20 ABC, c 30 DEF!").unwrap(), (1, 1));
    assert_eq!(store.relay().unwrap().len(), 1);
    let counts = store.counts(day(0)).unwrap();
    assert_eq!(counts, [(camera("a"), 1), (camera("b"), 1), (camera("c"), 1)]);
    assert_eq!(store.check().unwrap(), [""; 0]);
}

fn known_names_what_is_there(engine: Engine) {
    let (_dir, store) = engine.new_store();
    let ids = |spec| pack(day(0), spec).0.reads.iter().map(|r| r.id).collect::<Vec<_>>();
    assert_eq!(store.known(day(0), &ids("a 10 XYZ")).unwrap(), []);
    put(&store, day(0), "a 10 XYZ, b 20 ABC").unwrap();
    assert_eq!(store.known(day(0), &ids("b 20 ABC, c 30 DEF")).unwrap(), ids("b 20 ABC"));
    assert_eq!(store.known(day(1), &ids("b 20 ABC")).unwrap(), []);
    assert_eq!(store.days().unwrap(), [day(0)], "asking makes no file");
}

fn a_segment_of_another_batch_is_a_conflict(engine: Engine) {
    let (_dir, store) = engine.new_store();
    let (first, _) = pack(day(0), "a 10 XYZ");
    let (mut second, _) = pack(day(0), "a 10 ABC");
    second.segments[0].id = first.segments[0].id;
    second.reads[0].segment = first.segments[0].id;
    store.put_batch(first, vec![]).unwrap();
    let before = state(&store);
    assert_eq!(store.put_batch(second, vec![]).unwrap_err().kind(), Kind::Conflict);
    assert_eq!(state(&store), before);
}

fn a_batch_that_contradicts_itself_is_refused(engine: Engine) {
    let check = |change: fn(&mut SealedBatch, &mut Vec<Effect>), want: &str| {
        let (_dir, store) = engine.new_store();
        let (mut batch, mut effects) = pack(day(0), "a 10 XYZ!, b 20 ABC");
        change(&mut batch, &mut effects);
        let e = store.put_batch(batch, effects).unwrap_err();
        assert_eq!(e.kind(), Kind::Invalid);
        assert!(e.to_string().contains(want), "{e}");
        assert_eq!(state(&store), "");
    };
    check(|b, _| b.day = b.day.next(), "another day");
    check(|b, _| b.reads[0].captured = b.reads[0].captured.plus_millis(1), "another day");
    check(|b, _| b.segments.truncate(1), "names a segment");
    check(|b, _| b.segments[0].camera = camera("b"), "names a segment");
    check(|b, _| b.segments.push(b.segments[0].clone()), "segment stands in it twice");
    check(|b, _| b.reads.push(b.reads[0].clone()), "read stands in it twice");
    check(|b, _| drop(b.reads.remove(0)), "a read that is not in it");
    check(|b, _| b.hits.clear(), "no sealed copy");
}

fn a_power_cut_at_any_step_leaves_all_or_nothing(engine: Engine) {
    const SPEC: &str = "a 10 XYZ!, b 20 ABC, c 30 DEF!";
    let (dir, store) = engine.new_store();
    put(&store, day(0), "z 1 ZZZ").unwrap();
    let before = state(&store);
    let mut undone = 0;
    for steps in 0.. {
        cut_in_day(&store, day(0), Some(steps));
        let result = put(&store, day(0), SPEC);
        cut_in_day(&store, day(0), None);
        let (_cut, restarted) = dir.cut();
        assert_eq!(state(&restarted), state(&store), "step {steps}");
        if state(&store) == before {
            assert!(result.is_err(), "step {steps} was acknowledged and is not there");
            undone += 1;
            continue;
        }
        // The commit went through, whether or not the caller heard of it.
        assert_eq!(put(&restarted, day(0), SPEC).unwrap(), (0, 3));
        assert_eq!(restarted.relay().unwrap().len(), 2);
        break;
    }
    assert!(undone > 10, "{undone}");
}

/// SQLite alone: it counts pages of a file. PostgreSQL undoes a transaction that finds no room itself.
#[test]
fn a_full_disk_leaves_nothing_half_written() {
    let (dir, store) = Engine::Sqlite.new_store();
    put(&store, day(0), "a 10 XYZ!").unwrap();
    store.relay().unwrap();
    let before = state(&store);
    let many: Vec<String> = (0..40).map(|n| format!("b {n} P{n}!")).collect();
    let many = many.join(",");
    let fill = |spare| {
        store
            .in_day(day(0), |db| {
                db.fill(spare);
                Ok(())
            })
            .unwrap()
    };
    for spare in [0, 1, 5, 10] {
        fill(spare);
        let e = put(&store, day(0), &many).unwrap_err();
        assert_eq!(e.kind(), Kind::Unavailable);
        assert!(e.to_string().contains("disk is full"), "{e}");
        assert_eq!(state(&store), before);
        assert_eq!(state(&dir.cut().1), before);
    }
    fill(1_000_000);
    assert_eq!(put(&store, day(0), &many).unwrap(), (40, 0));

    // The control data may be full as well: hits wait, and come once.
    store.control().fill(0);
    let e = store.relay().unwrap_err();
    assert!(e.to_string().contains("disk is full"), "{e}");
    assert_eq!(store.hits(100, None).unwrap().len(), 1);
    store.control().fill(1_000_000);
    assert_eq!(store.relay().unwrap().len(), 40);
    assert_eq!(store.check().unwrap(), [""; 0]);
}

fn what_is_acknowledged_survives_without_a_close(engine: Engine) {
    let (dir, store) = engine.new_store();
    put(&store, day(0), "a 10 XYZ!, b 20 ABC").unwrap();
    let (_cut, restarted) = dir.cut();
    assert_eq!(state(&restarted), state(&store));
    drop(store);
    let reopened = dir.open().unwrap();
    assert_eq!(state(&reopened), state(&restarted));
    assert_eq!(reopened.relay().unwrap().len(), 1);
}

fn a_dropped_day_takes_nothing_any_more(engine: Engine) {
    let (dir, store) = engine.new_store();
    put(&store, day(0), "a 10 XYZ!, b 20 ABC").unwrap();
    put(&store, day(1), "a 10 XYZ").unwrap();
    store.drop_day(day(0)).unwrap();
    store.drop_day(day(0)).unwrap();
    let check = |store: &Store| {
        assert_eq!(store.days().unwrap(), [day(1)]);
        assert_eq!(store.hits(10, None).unwrap().len(), 1, "its hit was relayed first");
        assert_eq!(put(store, day(0), "c 30 DEF").unwrap_err().kind(), Kind::Gone);
        assert!(store.counts(day(0)).unwrap().is_empty());
        assert_eq!(store.check().unwrap(), [""; 0]);
    };
    check(&store);
    // The power goes after the drop was noted and before the day went.
    let (cut, restarted) = dir.cut();
    cut.bring_back(restarted, day(0), day(1));
    let restarted = cut.open().unwrap();
    check(&restarted);
    assert!(!cut.has(&restarted, day(0)));
}

fn more_days_than_are_kept_open(engine: Engine) {
    let (_dir, store) = engine.new_store();
    for n in 0..60 {
        put(&store, day(n), "a 10 XYZ!").unwrap();
    }
    assert_eq!(store.relay().unwrap().len(), 60);
    for n in 0..60 {
        assert_eq!(store.counts(day(n)).unwrap(), [(camera("a"), 1)]);
    }
}

fn many_threads_store_each_read_once(engine: Engine) {
    let (_dir, store) = engine.new_store();
    let new = std::sync::atomic::AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for from in 0..4 {
            let (store, new) = (&store, &new);
            scope.spawn(move || {
                for n in from..from + 6 {
                    let spec = format!("a {n} XYZ!, b {n} ABC");
                    let got = put(store, day(n % 2), &spec).unwrap().0;
                    new.fetch_add(got, std::sync::atomic::Ordering::SeqCst);
                    store.relay().unwrap();
                    store.days().unwrap();
                }
            });
        }
    });
    assert_eq!(new.into_inner(), 18);
    assert_eq!(store.hits(100, None).unwrap().len(), 9);
    assert_eq!(store.check().unwrap(), [""; 0]);
}

/// Twelve reads over two days, every third one a hit.
fn one_of_twelve(n: usize) -> (Day, String) {
    let hit = if n.is_multiple_of(3) { "!" } else { "" };
    (day((n % 2) as i32), format!("c{} {n} P{n}{hit}", n % 4))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn any_order_of_sending_again_gives_the_same_state(
        engine in prop_oneof![Just(Engine::Sqlite), Just(Engine::Postgres)],
        batches in proptest::collection::vec(proptest::collection::btree_set(0usize..12, 1..5), 0..8),
        relays in proptest::collection::vec(any::<bool>(), 8),
    ) {
        let (_dir, shuffled) = engine.new_store();
        for (reads, relay) in batches.iter().zip(&relays) {
            for d in 0..2 {
                let part: Vec<String> = reads.iter().map(|n| one_of_twelve(*n))
                    .filter(|(at, _)| *at == day(d)).map(|(_, spec)| spec).collect();
                if !part.is_empty() {
                    put(&shuffled, day(d), &part.join(",")).unwrap();
                }
            }
            if *relay {
                shuffled.relay().unwrap();
            }
        }
        shuffled.relay().unwrap();
        let (_dir, plain) = engine.new_store();
        for n in batches.iter().flatten().collect::<std::collections::BTreeSet<_>>() {
            let (at, spec) = one_of_twelve(*n);
            put(&plain, at, &spec).unwrap();
        }
        plain.relay().unwrap();
        prop_assert_eq!(state(&shuffled), state(&plain));
    }
}
