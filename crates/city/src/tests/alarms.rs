//! Alarms: what raises one, who closes it, and what the log says of it.

use super::*;
use crate::kit::{Town, clerk, person};
use crate::{Ask, NewOwnPlate, NewPaper, NewPerson, PaperKind};
use base::{Kind, SigningKey};

/// A person who may ask, and one who audits.
fn officer(town: &Town, id: &str, roles: &[&str]) -> PersonId {
    let new = NewPerson {
        id: id.parse().unwrap(),
        name: "Pat".into(),
        office: "police".into(),
        roles: roles.iter().map(|r| (*r).to_owned()).collect(),
        key: SigningKey::generate().public(),
    };
    town.city.add_person(&person(), new).unwrap();
    id.parse().unwrap()
}

/// Looks as the hourly chores do, for as long as a clock that has leapt makes them wait.
fn calm(town: &Town) {
    town.city.retain().unwrap();
    town.clock.advance(7 * HOUR_MS);
    town.city.retain().unwrap();
}

fn kinds(town: &Town) -> Vec<(AlarmKind, u64)> {
    let alarms = town.city.alarms(&person()).unwrap();
    let mut kinds: Vec<_> = alarms.iter().map(|a| (a.kind, a.count)).collect();
    kinds.sort_by_key(|(kind, count)| (kind.slug(), *count));
    kinds
}

fn close(finding: Finding) -> CloseAlarm {
    CloseAlarm { finding, note: "The case file says why.".into() }
}

#[test]
fn the_same_plate_again_and_again() {
    let town = Town::new("2026-11-02T12:00:00Z", "[alarms]\nsame_plate=3\n");
    let chief = officer(&town, "per_chief", &["officer", "supervisor"]);
    let ask = |by: &PersonId, plate: &str| {
        let _ = town.city.ask(by, town.question(plate));
        town.clock.advance(60_000);
    };
    // Two people, and two plates: nothing.
    for _ in 0..2 {
        ask(&chief, "7ABC128");
        ask(&chief, "9XYZ001");
        ask(&person(), "7ABC128");
    }
    assert!(kinds(&town).is_empty());
    ask(&chief, "7abc-128");
    assert_eq!(kinds(&town), [(AlarmKind::SamePlate, 3)]);
    let alarm = &town.city.alarms(&person()).unwrap()[0];
    assert_eq!((alarm.person.clone(), alarm.entries.len()), (chief.clone(), 3));
    // Right behind the question it would say whom it is about: the log hears of it on the next day.
    town.city.oversee().unwrap();
    assert!(town.logged("alarm.raised").is_empty());
    // Three more raise another; looking again raises none.
    (0..2).for_each(|_| ask(&chief, "7ABC128"));
    town.city.oversee().unwrap();
    assert_eq!(kinds(&town).len(), 1);
    ask(&chief, "7ABC128");
    assert_eq!(kinds(&town), [(AlarmKind::SamePlate, 3), (AlarmKind::SamePlate, 6)]);
    // A refused question counts as one that was answered.
    for _ in 0..3 {
        let e = town.city.ask(&chief, Ask { purpose: "curiosity".into(), ..town.question("8R") });
        assert_eq!(e.err().unwrap().kind(), Kind::Refused);
    }
    assert_eq!(kinds(&town).len(), 3);
    // The month's key is gone, and with it what links them.
    town.clock.advance(30 * DAY_MS);
    calm(&town);
    assert_eq!(town.logged("alarm.raised").len(), 3);
    assert_eq!(town.logged("alarm.raised")[0].text("alarm"), Some("same-plate"));
    (0..2).for_each(|_| ask(&chief, "7ABC128"));
    assert_eq!(kinds(&town).iter().filter(|(kind, _)| *kind == AlarmKind::SamePlate).count(), 3);
}

#[test]
fn nobody_closes_an_alarm_about_themselves() {
    let town = Town::new("2026-11-02T12:00:00Z", "[alarms]\nsame_plate=2\n");
    (0..2).for_each(|_| drop(town.city.ask(&person(), town.question("7ABC128"))));
    let alarm = town.city.alarms(&person()).unwrap().remove(0);
    let by = |who: &PersonId, note: &str| {
        let close = CloseAlarm { finding: Finding::Justified, note: note.into() };
        town.city.close_alarm(who, &alarm.id, close).map_err(|e| e.kind())
    };
    assert_eq!(by(&person(), "I may."), Err(Kind::Forbidden));
    assert_eq!(by(&clerk(), "A clerk."), Err(Kind::Forbidden));
    let auditor = officer(&town, "per_audit", &["auditor"]);
    assert_eq!(by(&auditor, " "), Err(Kind::Invalid));
    town.clock.advance(DAY_MS);
    town.city.oversee().unwrap();
    town.clock.advance(14 * DAY_MS);
    assert_eq!(town.city.log.figures().audit.overdue(town.city.now()), 1);
    assert_eq!(by(&auditor, "A stake-out.").unwrap().finding, Some(Finding::Justified));
    assert_eq!(by(&auditor, "Again."), Err(Kind::Conflict));
    assert!(town.logged("alarm.closed").is_empty());
    town.clock.advance(DAY_MS);
    calm(&town);
    assert_eq!(town.city.log.figures().audit.overdue(town.city.now()), 0);
    assert_eq!(town.logged("alarm.closed")[0].text("finding"), Some("justified"));
    let text = format!("{:?}", town.logged("alarm.closed"));
    assert!(!text.contains("stake-out"), "what was found stays private");
}

#[test]
fn plates_of_the_citys_own_people() {
    let town = Town::new("2026-11-02T12:00:00Z", "");
    let supervisor = officer(&town, "per_sue", &["supervisor"]);
    let keeper = ["per_sue", "per_admin", "per_clerk"]
        .into_iter()
        .map(|id| id.parse::<PersonId>().unwrap())
        .find(|id| town.city.own_plates(id).is_ok())
        .unwrap_or(supervisor);
    let add = |plate: &str| town.city.add_own_plate(&keeper, NewOwnPlate { plate: plate.into() });
    let own = add("7ABC128").unwrap();
    assert_eq!(add("###").err().unwrap().kind(), Kind::Invalid);
    assert!(!format!("{:?}", town.city.own_plates(&keeper).unwrap()).contains("7ABC"));
    for (plate, look_alikes, alarms) in
        [("9XYZ001", false, 0), ("7A8C128", false, 0), ("7A8C128", true, 1), ("7ABC12?", false, 2)]
    {
        let _ = town.city.ask(&person(), Ask { look_alikes, ..town.question(plate) });
        let all = kinds(&town);
        assert_eq!(
            all.iter().filter(|(k, _)| *k == AlarmKind::Colleague).count(),
            alarms,
            "{plate}"
        );
    }
    town.city.remove_own_plate(&keeper, &own.id).unwrap();
    assert!(town.city.remove_own_plate(&keeper, &own.id).is_err());
    let _ = town.city.ask(&person(), town.question("7ABC128"));
    assert_eq!(kinds(&town).len(), 2);
}

#[test]
fn more_than_usual() {
    let town = Town::new("2026-11-02T12:00:00Z", "[alarms]\nquestions_a_day=4\nsame_plate=1000\n");
    let ask = |n: usize| {
        for at in 0..n {
            let _ = town.city.ask(&person(), town.question(&format!("7ABC{at}")));
        }
    };
    ask(4);
    assert!(kinds(&town).is_empty());
    ask(1);
    assert_eq!(kinds(&town), [(AlarmKind::Volume, 5)]);
    ask(3);
    assert_eq!(kinds(&town).len(), 1, "one a day");
}

#[test]
fn questions_without_outcome() {
    let town = Town::new("2026-11-02T12:00:00Z", "[alarms]\nwithout_outcome=3\nsame_plate=1000\n");
    for _ in 0..3 {
        town.city.ask(&person(), town.question("7ABC128")).unwrap();
    }
    town.clock.advance(SAY_MS - DAY_MS);
    town.city.oversee().unwrap();
    assert!(kinds(&town).is_empty());
    town.clock.advance(DAY_MS + 1);
    (0..2).for_each(|_| town.city.oversee().unwrap());
    assert_eq!(kinds(&town), [(AlarmKind::NoOutcome, 3)]);
}

/// Whoever got no answer, because the time is forgotten or a part of the city is away, is not asked what came of it.
#[test]
fn a_question_that_fails_is_nobodys_misuse() {
    let town = Town::new("2026-11-02T12:00:00Z", "[alarms]\nwithout_outcome=2\nsame_plate=1000\n");
    town.city.retain().unwrap();
    for _ in 0..3 {
        let ask = town.question("7ABC128");
        let back = |at: Time| at.plus_millis(-60 * DAY_MS);
        let (from, until) = (back(ask.from), back(ask.until));
        let e = town.city.ask(&person(), Ask { from, until, ..ask }).err().unwrap();
        assert_eq!(e.kind(), Kind::Gone, "{e}");
    }
    let said = town.logged("search.outcome");
    assert_eq!((said.len(), town.city.log.figures().open_intents), (3, 0));
    assert!(said.iter().all(|leaf| leaf.facts["cancelled"] == true && leaf.opened() == 0));
    let own = town.city.questions(&person(), None, 10).unwrap().questions;
    assert!(own.iter().all(|line| line.outcome_entry.is_some() && line.due.is_none()));
    town.clock.advance(2 * HOUR_MS);
    town.city.oversee().unwrap();
    town.clock.advance(SAY_MS);
    town.city.oversee().unwrap();
    assert!(kinds(&town).is_empty());
}

#[test]
fn what_a_crash_left_out_is_found_again() {
    let town = Town::new("2026-11-02T12:00:00Z", "[alarms]\nsame_plate=2\n");
    (0..2).for_each(|_| drop(town.city.ask(&person(), town.question("7ABC128"))));
    let rows = town.city.store.alarms(10).unwrap();
    // As if the second question had been cut off before its alarm was looked for.
    let row = AlarmRow { key: "gone".into(), ..rows[0].clone() };
    town.city.raise("two", kept(&row).unwrap()).unwrap();
    town.city.oversee().unwrap();
    assert_eq!(kinds(&town).len(), 2);
    town.clock.advance(DAY_MS);
    (0..2).for_each(|_| town.city.oversee().unwrap());
    assert_eq!(town.logged("alarm.raised").len(), 2);
    // A question on the log whose answer never came.
    let open = town.question("9XYZ001");
    let mut cancel = |_| false;
    let _ = town.city.ask_watched(&person(), Ask { look_alikes: true, ..open }, &mut cancel);
    town.clock.advance(2 * HOUR_MS);
    town.city.oversee().unwrap();
    assert!(kinds(&town).iter().all(|(kind, _)| *kind != AlarmKind::NoOutcome), "it was cancelled");
}

/// A sealed question is not pointed at by an alarm before it is revealed.
#[test]
fn an_alarm_about_a_sealed_question_waits() {
    let town = Town::new("2026-11-02T12:00:00Z", "[alarms]\nsame_plate=2\n");
    let until = town.city.now().plus_millis(3 * DAY_MS);
    let paper = NewPaper {
        kind: PaperKind::JudicialWarrant,
        reference: "SW-26-112".into(),
        agency: None,
        key: None,
        expires: until,
    };
    let paper = town.city.attest(&clerk(), paper).unwrap();
    for _ in 0..2 {
        let ask = Ask {
            authority: Some("judicial-warrant".into()),
            paper: Some(paper.id.clone()),
            reveal_after: Some(until),
            ..town.question("7ABC128")
        };
        let _ = town.city.ask(&person(), ask);
    }
    assert_eq!(kinds(&town).len(), 1);
    assert!(town.logged("alarm.raised").is_empty());
    town.clock.advance(2 * DAY_MS);
    town.city.oversee().unwrap();
    assert!(town.logged("alarm.raised").is_empty());
    town.clock.advance(DAY_MS);
    town.city.oversee().unwrap();
    assert_eq!(town.logged("alarm.raised").len(), 1);
}

/// Misuse ends the paper that it rested on, for everybody.
#[test]
fn misuse_suspends_the_declaration() {
    let town = Town::new("2026-11-02T12:00:00Z", "[alarms]\nsame_plate=2\n");
    let declaration = NewPaper {
        kind: PaperKind::Declaration,
        reference: "MOU 12".into(),
        agency: Some("county: Sheriff".into()),
        key: None,
        expires: town.city.now().plus_millis(30 * DAY_MS),
    };
    let paper = town.city.attest(&clerk(), declaration).unwrap();
    let ask = || Ask {
        authority: Some("declaration".into()),
        paper: Some(paper.id.clone()),
        ..town.question("7ABC128")
    };
    (0..2).for_each(|_| drop(town.city.ask(&person(), ask())));
    let auditor = officer(&town, "per_audit", &["auditor"]);
    let alarm = town.city.alarms(&auditor).unwrap().remove(0);
    town.city.close_alarm(&auditor, &alarm.id, close(Finding::Unjustified)).unwrap();
    assert_eq!(town.city.ask(&person(), ask()).err().unwrap().kind(), Kind::Invalid);
    assert!(town.logged("paper.withdrawn").is_empty());
    town.clock.advance(DAY_MS);
    (0..2).for_each(|_| town.city.oversee().unwrap());
    assert_eq!(town.logged("paper.withdrawn")[0].facts["suspended"], true);
}

#[test]
fn two_places_are_one_alarm_a_day() {
    let town = Town::new("2026-11-02T12:00:00Z", "");
    (0..3).for_each(|_| town.city.at_two_places(&person()).unwrap());
    assert_eq!(kinds(&town), [(AlarmKind::TwoPlaces, 1)]);
}

/// However it is spelled: what was opened counts.
#[test]
fn another_spelling_is_the_same_plate() {
    let town = Town::new("2026-11-02T12:00:00Z", "[alarms]\nsame_plate=3\n");
    town.pass("7ABC128");
    for (plate, look_alikes) in [("7ABC12?", false), ("7A8C128", true), ("7AB?128", false)] {
        let ask = Ask { look_alikes, ..town.question(plate) };
        assert_eq!(town.city.ask(&person(), ask).unwrap().opened, 1, "{plate}");
        town.clock.advance(60_000);
    }
    assert_eq!(kinds(&town), [(AlarmKind::SamePlate, 3)]);
}

/// A clock that is months ahead for a moment neither draws nor forgets nor publishes.
#[test]
fn a_clock_that_leaps_is_not_followed() {
    let town = Town::new("2026-11-02T12:00:00Z", "");
    town.city.retain().unwrap();
    town.city.ask(&person(), town.question("7ABC128")).unwrap();
    town.clock.advance(200 * DAY_MS);
    town.city.retain().unwrap();
    assert_eq!(town.city.questions(&person(), None, 9).unwrap().questions.len(), 1);
    town.clock.advance(-200 * DAY_MS);
    town.city.retain().unwrap();
    assert_eq!(town.city.log.figures().audit.overdue(town.city.now()), 0);
}

/// An alarm that waits on the log, and that an older database has lost, is closed by an auditor all the same.
#[test]
fn an_alarm_that_the_database_lost_can_be_closed() {
    let town = Town::new("2026-11-02T12:00:00Z", "");
    let old = town.copy();
    town.city.alarm_places(&clerk()).unwrap();
    town.clock.advance(DAY_MS);
    calm(&town);
    assert_eq!(town.logged("alarm.raised").len(), 1);
    let now = town.copy();
    std::fs::remove_dir_all(old.path().join("log")).unwrap();
    std::fs::rename(now.path().join("log"), old.path().join("log")).unwrap();
    let city = old.open().unwrap();
    let calm = || {
        city.retain().unwrap();
        town.clock.advance(7 * HOUR_MS);
        city.retain().unwrap();
    };
    calm();
    let alarms = city.alarms(&person()).unwrap();
    assert_eq!((alarms.len(), alarms[0].kind), (1, AlarmKind::TwoPlaces));
    city.close_alarm(&person(), &alarms[0].id, close(Finding::Justified)).unwrap();
    town.clock.advance(DAY_MS);
    calm();
    assert!(city.log.audit().open_alarms.is_empty());
}
