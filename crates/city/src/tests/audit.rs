//! The audit by lottery, from the draw to the last grade.

use super::*;
use crate::kit::{Town, clerk, person};
use crate::{Ask, NewHold, NewPerson};
use base::{Kind, SigningKey};
use read::OpenKey;

const DAY_MS: i64 = 86_400_000;

fn auditor(town: &Town, id: &str) -> PersonId {
    let new = NewPerson {
        id: id.parse().unwrap(),
        name: "Aud".into(),
        office: "auditor".into(),
        roles: vec!["auditor".into()],
        key: SigningKey::generate().public(),
    };
    town.city.add_person(&person(), new).unwrap();
    id.parse().unwrap()
}

fn grade(grade: Grade) -> NewGrade {
    NewGrade { grade, note: "The report has it.".into() }
}

#[test]
fn a_month_is_drawn_opened_and_graded() {
    let town = Town::new("2026-11-20T12:00:00Z", "[alarms]\nsame_plate=1000\n");
    for n in 0..12 {
        let _ = town.city.ask(&person(), town.question(&format!("7ABC{n}")));
    }
    let refused = Ask { purpose: "curiosity".into(), ..town.question("8R") };
    let _ = town.city.ask(&person(), refused);
    town.city.oversee().unwrap();
    assert!(town.logged("audit.drawn").is_empty(), "the month goes on");
    town.clock.advance(12 * DAY_MS);
    let aud = auditor(&town, "per_aud");
    // Two days after the month's end the public page says that nobody has drawn.
    assert_eq!(town.city.log.figures().audit.overdue(town.city.now()), 0);
    town.clock.advance(DAY_MS);
    assert_eq!(town.city.log.figures().audit.overdue(town.city.now()), 1);
    (0..2).for_each(|_| town.city.oversee().unwrap());
    let drawn = town.logged("audit.drawn");
    assert_eq!((drawn.len(), drawn[0].number("questions")), (1, Some(13)));
    let drawing = town.city.drawing(&aud).unwrap();
    assert_eq!(
        (drawing.month.as_str(), drawing.entries.len(), drawing.overdue),
        ("2026-11", 10, 0)
    );
    let one = drawing.entries[0].entry;

    let by = |who: &PersonId, entry: u64| {
        town.city.grade(who, entry, grade(Grade::Sound)).map_err(|e| e.kind())
    };
    assert_eq!(by(&aud, one).err(), Some(Kind::Conflict), "not opened");
    town.city.audit_record(&person(), one).unwrap();
    assert_eq!(by(&person(), one).err(), Some(Kind::Forbidden), "asked it");
    assert_eq!(by(&aud, one).err(), Some(Kind::Conflict), "somebody else opened it");
    town.city.audit_record(&aud, one).unwrap();
    assert_eq!(by(&clerk(), one).err(), Some(Kind::Forbidden));
    let empty = NewGrade { note: String::new(), ..grade(Grade::Sound) };
    assert_eq!(town.city.grade(&aud, one, empty).err().unwrap().kind(), Kind::Invalid);
    let graded = by(&aud, one).unwrap();
    assert_eq!(by(&aud, one).err(), Some(Kind::NotFound), "graded");
    assert_eq!(by(&aud, 0).err(), Some(Kind::NotFound), "not drawn");
    // What the auditor wrote is private, and opened like any private half.
    let record = town.city.audit_record(&aud, graded.log_entry).unwrap();
    let body = custody::open_record(&town.auditors, &record.sealed).unwrap();
    assert!(String::from_utf8(body.expose().clone()).unwrap().contains("The report has it."));

    town.clock.advance(14 * DAY_MS);
    let drawing = town.city.drawing(&aud).unwrap();
    assert_eq!((drawing.entries.len(), drawing.overdue), (10, 9));
    assert_eq!(drawing.entries[9].grade.as_deref(), Some("sound"));
    assert_eq!(drawing.entries[9].by.as_deref(), Some("auditor"));
    for line in &drawing.entries[..9] {
        town.city.audit_record(&aud, line.entry).unwrap();
        town.city.grade(&aud, line.entry, grade(Grade::Doubtful)).unwrap();
    }
    let figures = town.city.log.figures();
    assert_eq!(figures.audit.overdue(town.city.now()), 0);
    assert_eq!(figures.audit.graded["doubtful"], 9);
    // Anybody comes to the same from the log alone, the draw among it.
    let fetch = |path: &str| town.city.log.file(path);
    let report = ledger::verify_from(&fetch, town.city.log.vkey(), &[]).unwrap();
    assert_eq!(report.figures.audit, figures.audit);
}

#[test]
fn a_quiet_month_draws_nothing() {
    let town = Town::new("2026-11-20T12:00:00Z", "");
    town.clock.advance(12 * DAY_MS);
    let aud = auditor(&town, "per_aud");
    town.city.oversee().unwrap();
    assert!(town.logged("audit.drawn").is_empty());
    assert_eq!(town.city.drawing(&aud).unwrap().entries.len(), 0);
    assert_eq!(town.city.drawing(&clerk()).err().unwrap().kind(), Kind::Forbidden);
}

/// Nobody but an auditor who has not placed it looks at a hold; misuse ends the paper that it rests on.
#[test]
fn holds_are_drawn_too() {
    let town = Town::new("2026-11-20T12:00:00Z", "");
    town.pass("7ABC128");
    town.clock.advance(60_000);
    let both = NewPerson {
        id: "per_both".parse().unwrap(),
        name: "Both".into(),
        office: "clerk".into(),
        roles: vec!["clerk".into(), "auditor".into()],
        key: SigningKey::generate().public(),
    };
    town.city.add_person(&person(), both.clone()).unwrap();
    let key = OpenKey::generate();
    let new = NewHold {
        matter: "24-CV-0815".into(),
        paper: town.court_order(&key),
        cameras: Vec::new(),
        from: town.city.now().plus_millis(-3_600_000),
        until: town.city.now(),
        plate: None,
        review: town.city.now().plus_millis(90 * DAY_MS),
        key: key.public().unwrap().to_string(),
    };
    let placed = town.city.place_hold(&both.id, new).unwrap().log_entry;
    town.clock.advance(12 * DAY_MS);
    let aud = auditor(&town, "per_aud");
    town.city.oversee().unwrap();
    let drawn = town.city.drawing(&aud).unwrap().entries;
    assert_eq!((drawn.len(), drawn[0].entry, drawn[0].kind.as_str()), (1, placed, "hold.placed"));
    let misuse = |by: &PersonId| {
        town.city.audit_record(by, placed).unwrap();
        town.city.grade(by, placed, grade(Grade::Misuse)).map_err(|e| e.kind())
    };
    assert_eq!(misuse(&both.id).err(), Some(Kind::Forbidden));
    misuse(&aud).unwrap();
    assert!(town.city.papers(&clerk()).unwrap().is_empty());
    assert_eq!(town.logged("paper.withdrawn")[0].facts["suspended"], true);
}

/// An older database beside the newest log has lost private halves: what is drawn of those is doubtful, and graded.
#[test]
fn a_question_whose_private_half_is_lost_is_graded_all_the_same() {
    let town = Town::new("2026-11-20T12:00:00Z", "");
    let aud = auditor(&town, "per_aud");
    let old = town.copy();
    town.city.ask(&person(), town.question("7ABC128")).unwrap();
    let now = town.copy();
    std::fs::remove_dir_all(old.path().join("log")).unwrap();
    std::fs::rename(now.path().join("log"), old.path().join("log")).unwrap();
    let city = old.open().unwrap();
    town.clock.advance(12 * DAY_MS);
    city.announce().unwrap();
    city.oversee().unwrap();
    let one = city.drawing(&aud).unwrap().entries[0].entry;
    let by = |g: Grade| city.grade(&aud, one, grade(g)).map_err(|e| e.kind());
    assert_eq!(by(Grade::Doubtful).err(), Some(Kind::Conflict), "not looked at");
    let e = city.audit_record(&aud, one).err().unwrap();
    assert!(e.kind() == Kind::Gone && e.message().contains("grade it doubtful"), "{e}");
    assert_eq!(by(Grade::Sound).err(), Some(Kind::Invalid));
    let graded = by(Grade::Doubtful).unwrap();
    assert_eq!(city.entry_at(graded.log_entry).unwrap().facts["lost"], true);
    assert!(city.log.audit().due.is_empty());
}
