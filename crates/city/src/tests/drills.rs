//! Drills: who may begin one, that each person has one answer, that the desks' figures follow from the log, and that
//! no path of hits ever meets one.

use crate::kit::{Town, clerk, person};
use crate::{Compared, DrillSort, DrillVerdict, HitFinding, NewPerson};
use base::{Kind, PersonId, SigningKey};

const MINUTE: i64 = 60_000;

fn omar() -> PersonId {
    "per_omar".parse().unwrap()
}

fn town(more: &str) -> Town {
    let town = Town::new("2026-11-23T08:00:00Z", more);
    let new = NewPerson {
        id: omar(),
        name: "Omar".into(),
        office: "night".into(),
        roles: vec!["dispatcher".into()],
        key: SigningKey::generate().public(),
    };
    town.city.add_person(&person(), new).unwrap();
    town
}

fn found(finding: HitFinding) -> DrillVerdict {
    DrillVerdict { finding, compared: Compared::ALL }
}

/// The right finding of a drill, as nobody but a test can know it.
fn right(town: &Town, id: &base::DrillId) -> HitFinding {
    let row = town.city.store.drill(id).unwrap().unwrap();
    match town.city.scene(&row).sort {
        DrillSort::Listed => HitFinding::Correct,
        DrillSort::LookAlike => HitFinding::Misread,
    }
}

#[test]
fn a_drill_from_its_beginning_to_the_figures() {
    let town = town("");
    let city = &town.city;
    let drill = city.start_drill(&person()).unwrap();
    assert_eq!((drill.sort, drill.right, drill.over), (None, None, false));
    let view = city.drill(&person(), &drill.id).unwrap();
    assert!(view.hit.read.picture.is_some() && view.hit.broadcast.is_none());
    town.clock.advance(12_000);
    let right = right(&town, &drill.id);
    let mine = city.drill_verdict(&person(), &drill.id, found(right)).unwrap();
    assert!(mine.right);
    assert_eq!(mine.seconds, 12);
    let again = city.drill_verdict(&person(), &drill.id, found(right)).unwrap_err();
    assert_eq!(again.kind(), Kind::Conflict);
    city.drill(&omar(), &drill.id).unwrap();
    town.clock.advance(30_000);
    let wrong = city.drill_verdict(&omar(), &drill.id, found(HitFinding::Stale)).unwrap();
    assert!(!wrong.right);
    // Nothing counts while others may still answer.
    assert!(city.log.figures().drills.by_desk.is_empty());
    assert!(city.drills_waiting(&person()).unwrap().is_empty());
    town.clock.advance(10 * MINUTE);
    city.tally().unwrap();
    let figures = city.log.figures().drills;
    assert_eq!((figures.started, figures.void, figures.unanswered), (1, 0, 0));
    let night = &figures.by_desk["night"];
    assert_eq!((night.answered, night.right, night.median_s), (1, 0, 30));
    assert_eq!(figures.by_desk.values().map(|desk| desk.right).sum::<u64>(), 1);
    let listed = city.drills(&omar()).unwrap();
    assert_eq!((listed.drills[0].answered, listed.drills[0].right), (2, Some(1)));
    assert!(!listed.may_start);
}

/// The process died after it had stored the drill: the log hears of it, once, and before what comes of it.
#[test]
fn a_drill_that_was_stored_and_not_said() {
    let town = town("");
    let city = &town.city;
    let (id, now) = (base::DrillId::new(city.now(), [7; 10]), city.now());
    let row = store::DrillRow {
        id,
        started: now,
        until: now.plus_millis(10 * MINUTE),
        by: person().to_string(),
        seed: [3; 16],
        ended: None,
    };
    city.store.put_drill(&row).unwrap();
    city.drill_verdict(&omar(), &id, found(right(&town, &id))).unwrap();
    town.clock.advance(10 * MINUTE);
    city.tally().unwrap();
    city.tally().unwrap();
    let figures = city.log.figures().drills;
    assert_eq!((figures.started, figures.void, figures.unanswered), (1, 0, 0));
    assert_eq!(figures.by_desk["night"].right, 1);
}

/// What everybody may see of hits is as if there had been none, and so is what anybody is told.
#[test]
fn a_drill_is_no_hit() {
    let town = town("");
    let city = &town.city;
    let drill = city.start_drill(&person()).unwrap();
    let view = city.drill(&person(), &drill.id).unwrap();
    let right = right(&town, &drill.id);
    city.drill_verdict(&person(), &drill.id, found(right)).unwrap();
    let hit = view.hit.line.id;
    assert_eq!(city.hit(&person(), &hit).err().unwrap().kind(), Kind::NotFound);
    assert!(city.hits(&person(), 9, None).unwrap().hits.is_empty());
    let queue = city.queue(&person()).unwrap();
    assert!(queue.urgent.is_empty() && queue.unlikely.is_empty() && queue.under_way.is_empty());
    assert!(city.field(&person()).unwrap().is_empty());
    assert_eq!(city.messages_left().unwrap().0, 0);
    town.clock.advance(30 * MINUTE);
    city.tally().unwrap();
    let figures = city.log.figures();
    assert_eq!((figures.hits, figures.hits_opened, figures.hits_cold), (0, 0, 0));
    assert!(figures.verdicts.is_empty() && figures.findings.is_empty());
    assert!(figures.misreads.by_camera.is_empty());
}

#[test]
fn who_begins_and_who_answers() {
    let town = town("");
    let city = &town.city;
    for nobody in [clerk(), omar()] {
        assert_eq!(city.start_drill(&nobody).unwrap_err().kind(), Kind::Forbidden, "{nobody}");
    }
    let drill = city.start_drill(&person()).unwrap();
    assert_eq!(city.drill(&clerk(), &drill.id).err().unwrap().kind(), Kind::Forbidden);
    let ticks = DrillVerdict { finding: HitFinding::Correct, compared: Compared::default() };
    let lazy = city.drill_verdict(&person(), &drill.id, ticks).unwrap_err();
    assert_eq!(lazy.kind(), Kind::Invalid);
    for _ in 0..4 {
        city.start_drill(&person()).unwrap();
    }
    assert_eq!(city.start_drill(&person()).unwrap_err().kind(), Kind::Conflict);
    town.clock.advance(10 * MINUTE);
    let late = city.drill_verdict(&person(), &drill.id, found(HitFinding::Misread)).unwrap_err();
    assert_eq!(late.kind(), Kind::Conflict);
}

/// No plate of a drill is in any file of the city; what it shows follows from its seed.
#[test]
fn a_drill_leaves_no_plate() {
    let town = town("");
    let drill = town.city.start_drill(&person()).unwrap();
    let view = town.city.drill(&person(), &drill.id).unwrap();
    town.city.drill_verdict(&person(), &drill.id, found(HitFinding::Misread)).unwrap();
    town.clock.advance(10 * MINUTE);
    town.city.tally().unwrap();
    let plate = view.hit.read.plate.into_bytes();
    let mut folders = vec![town.dir().to_owned()];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
                continue;
            }
            let bytes = std::fs::read(entry.path()).unwrap();
            assert!(!bytes.windows(plate.len()).any(|w| w == plate), "{:?}", entry.path());
            files += 1;
        }
    }
    assert!(files > 5);
}

#[test]
fn drills_that_nobody_begins() {
    let town = town("[drills]\na_week = 7\n");
    let begun = || town.logged("drill.started").len();
    town.city.tally().unwrap();
    assert_eq!(begun(), 0, "nobody is there");
    crate::kit::at_the_desk(&town.city, &omar());
    town.city.tally().unwrap();
    assert_eq!(begun(), 1);
    for _ in 0..14 * 24 {
        town.clock.advance(60 * MINUTE);
        crate::kit::at_the_desk(&town.city, &omar());
        town.city.tally().unwrap();
    }
    assert!((10..=27).contains(&begun()), "{}", begun());
    assert!(town.logged("drill.started").iter().all(|leaf| leaf.by.as_deref() == Some("schedule")));
}
