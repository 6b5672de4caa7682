//! Hits as small stories: who says what of them, what the time does, what the log and the public figures say.

use crate::kit::{Town, person};
use crate::{
    CheckPlate, Compared, ConfirmImport, EyesAnswer, HitFinding, HitLine, HitOutcome, ListAction,
    ListSettings, NewEntry, NewEyes, NewFound, NewOutcome, NewPerson, NewRecord, RecordAnswer,
    Verdict,
};
use base::{HitId, Kind, ListId, PersonId, SigningKey};

const MINUTE: i64 = 60_000;

fn list() -> ListId {
    "lst_stolen".parse().unwrap()
}

fn omar() -> PersonId {
    "per_omar".parse().unwrap()
}

/// A city that looks for 7ABC128, with two officers.
fn town(settings: &ListSettings) -> Town {
    let town = Town::new("2026-11-23T12:00:00Z", "state=\"us-ca\"\n[hits]\nmisread_least=3\n");
    let settings = ListSettings { name: "Stolen".into(), ..settings.clone() };
    town.city.set_list(&person(), &list(), &settings).unwrap();
    let entry = NewEntry {
        list: list(),
        plate: "7ABC128".into(),
        state: Some("us-ca".into()),
        reason: "stolen vehicle".into(),
        case: "26-0417".into(),
        expires: town.city.now().plus_millis(30 * 86_400_000),
    };
    town.city.add_entry(&person(), entry).unwrap();
    let omar = NewPerson {
        id: omar(),
        name: "Omar".into(),
        office: "police".into(),
        roles: vec!["officer".into()],
        key: SigningKey::generate().public(),
    };
    town.city.add_person(&person(), omar).unwrap();
    town
}

fn pass(town: &Town) -> HitLine {
    town.pass("7ABC128");
    town.city.relay().unwrap();
    newest(town)
}

fn newest(town: &Town) -> HitLine {
    town.city.hits(&person(), 1, None).unwrap().hits.remove(0)
}

/// Plays `who what` on the newest hit; `later N` lets minutes pass.
fn play(town: &Town, steps: &str) -> String {
    let mut out = Vec::new();
    for step in steps.split(',').map(str::trim) {
        let (who, what) = step.split_once(' ').unwrap();
        if who == "later" {
            town.clock.advance(what.parse::<i64>().unwrap() * MINUTE);
            town.city.tally().unwrap();
            out.push(newest(town).state);
            continue;
        }
        let by: PersonId = if who == "omar" { omar() } else { person() };
        let line = newest(town);
        let (id, version, city) = (line.id, line.version, &town.city);
        let done = match what {
            "stands" => city.record_answered(
                &by,
                &id,
                NewRecord { answer: RecordAnswer::Confirmed, version },
            ),
            "no-longer" => city.record_answered(
                &by,
                &id,
                NewRecord { answer: RecordAnswer::NoLongerWanted, version },
            ),
            "have-it" => city.own_eyes(&by, &id, NewEyes { answer: EyesAnswer::HaveIt, version }),
            "recovered" => city.hit_outcome(
                &by,
                &id,
                NewOutcome { outcome: HitOutcome::Recovered, note: String::new(), version },
            ),
            finding => {
                let finding = HitFinding::parse(finding).unwrap();
                let compared = Compared::ALL;
                city.verdict(
                    &by,
                    &id,
                    Verdict { finding, compared, typed: None, note: String::new(), version },
                )
            }
        };
        out.push(done.map_or_else(|e| format!("{:?}", e.kind()), |line| line.state));
    }
    out.join(" ")
}

fn check(settings: &ListSettings, steps: &str, want: &str) -> Town {
    let town = town(settings);
    pass(&town);
    assert_eq!(play(&town, steps), want, "{steps}");
    town
}

#[test]
fn a_hit_from_the_first_look_to_the_end() {
    let usual = ListSettings::default();
    let town = check(
        &usual,
        "dora correct, dora stands, omar have-it, omar recovered, omar recovered",
        "confirmed confirmed confirmed closed Conflict",
    );
    for (kind, many) in [("hit.verdict", 1), ("hit.record", 1), ("hit.eyes", 1), ("hit.outcome", 1)]
    {
        assert_eq!(town.logged(kind).len(), many, "{kind}");
    }
    let figures = town.city.public().unwrap().figures;
    assert_eq!(figures.findings["correct"], 1);
    assert_eq!(figures.hit_outcomes["recovered"], 1);
    let judged = &figures.misreads.by_camera["cam_one"];
    assert_eq!((judged.decided, judged.misread), (1, 0));
}

#[test]
fn nobody_decides_and_nobody_tells() {
    let usual = ListSettings::default();
    check(&usual, "later 9, later 1, dora correct", "open cold confirmed");
    let town = check(
        &usual,
        "dora correct, later 1439, later 1, later 60, omar recovered",
        "confirmed confirmed confirmed confirmed closed",
    );
    assert_eq!(town.logged("hit.unknown").len(), 1);
    let figures = town.city.public().unwrap().figures;
    assert_eq!(figures.hit_outcomes["unknown"], 0, "somebody told after all");
    assert_eq!(figures.hit_outcomes["recovered"], 1);
}

#[test]
fn two_people_where_the_list_says_so() {
    let two = ListSettings { two_persons: true, ..ListSettings::default() };
    let town = check(&two, "dora correct, dora correct, omar correct", "second Conflict confirmed");
    assert_eq!(town.logged("hit.compared").len(), 1);
    assert_eq!(town.logged("hit.verdict").len(), 1);
}

#[test]
fn what_is_said_on_the_air() {
    let said = |action, steps: &str| {
        let settings = ListSettings { action, ..ListSettings::default() };
        let town = town(&settings);
        let id = pass(&town).id;
        play(&town, steps);
        let view = town.city.hit(&person(), &id).unwrap();
        (view.say.as_str(), view.broadcast.unwrap_or_default(), view.unchecked.join(" "))
    };
    let (say, words, unchecked) = said(ListAction::StopAfterConfirm, "dora correct");
    assert_eq!((say, unchecked.as_str()), ("look", "record eyes"));
    assert!(
        words.contains("DO NOT STOP") && words.contains("7 Alfa Bravo Charlie 1 2 8, CA"),
        "{words}"
    );
    let (say, words, unchecked) = said(ListAction::StopAfterConfirm, "dora correct, dora stands");
    assert_eq!((say, unchecked.as_str()), ("stop", "eyes"));
    assert!(words.contains("record confirmed at 12:00") && words.contains("own eyes"), "{words}");
    let (say, words, _) = said(ListAction::ObserveOnly, "dora correct, dora stands");
    assert_eq!(say, "observe");
    assert!(words.starts_with("OBSERVE ONLY"), "{words}");
    let (say, words, _) = said(ListAction::InformOnly, "dora correct");
    assert_eq!((say, words.as_str()), ("inform", ""));
    assert_eq!(said(ListAction::StopAfterConfirm, "dora stands").1, "");
}

#[test]
fn the_same_car_at_three_cameras_is_one_incident() {
    let town = town(&ListSettings::default());
    pass(&town);
    play(&town, "dora correct");
    for _ in 0..2 {
        town.clock.advance(MINUTE);
        pass(&town);
    }
    let queue = town.city.queue(&person()).unwrap();
    assert_eq!((queue.urgent.len(), queue.unlikely.len(), queue.under_way.len()), (0, 0, 1));
    let incident = &queue.under_way[0];
    assert_eq!((incident.sightings, incident.hit.state.as_str()), (3, "confirmed"));
    assert_eq!(incident.last_seen, newest(&town).captured);
    let view = town.city.hit(&person(), &incident.hit.id).unwrap();
    assert_eq!(view.seen.len(), 2);
    town.clock.advance(61 * MINUTE);
    pass(&town);
    let queue = town.city.queue(&person()).unwrap();
    assert_eq!(
        (queue.urgent.len(), queue.under_way.len()),
        (1, 1),
        "an hour later it is asked anew"
    );
}

#[test]
fn a_camera_that_misreads_has_its_hits_wait() {
    let town = town(&ListSettings::default());
    for n in 0..3 {
        pass(&town);
        assert!(town.city.suspended().unwrap().is_empty(), "{n}");
        play(&town, "dora misread");
        town.clock.advance(MINUTE);
    }
    let held = town.city.suspended().unwrap();
    assert_eq!((held.len(), held[0].misread, held[0].decided), (1, 3, 3));
    assert_eq!(town.logged("hit.suspended").len(), 1);
    pass(&town);
    let queue = town.city.queue(&person()).unwrap();
    assert_eq!((queue.urgent.len(), queue.unlikely.len()), (0, 1));
    let camera = "cam_one".parse().unwrap();
    let figures = |town: &Town| town.city.public().unwrap().figures.hits_suspended.len();
    assert_eq!(figures(&town), 1);
    assert_eq!(town.city.hits_resume(&omar(), &camera).unwrap_err().kind(), Kind::Forbidden);
    town.city.hits_resume(&person(), &camera).unwrap();
    assert_eq!(figures(&town), 0);
    assert_eq!(town.city.queue(&person()).unwrap().urgent.len(), 1);
    assert_eq!(town.city.hits_resume(&person(), &camera).unwrap_err().kind(), Kind::Conflict);
    play(&town, "dora misread");
    assert!(town.city.suspended().unwrap().is_empty(), "what was before is forgiven");
}

#[test]
fn a_late_hit_rings_nowhere() {
    let town = town(&ListSettings::default());
    town.pass("7ABC128");
    town.clock.advance(3 * MINUTE);
    town.city.relay().unwrap();
    let queue = town.city.queue(&person()).unwrap();
    assert_eq!((queue.urgent.len(), queue.unlikely.len()), (0, 1));
    let id = queue.unlikely[0].hit.id;
    play(&town, "dora correct");
    assert_eq!(town.city.hit(&person(), &id).unwrap().say.as_str(), "too-late");
}

#[test]
fn what_was_said_is_on_the_log_once_whoever_looks_again() {
    let town = town(&ListSettings::default());
    pass(&town);
    play(&town, "dora correct, dora stands");
    let copy = town.copy();
    let again = copy.open().unwrap();
    again.log_owed().unwrap();
    assert!(again.store.hits_owed(9, None).unwrap().is_empty());
    let leaves = again.log.leaves(0, again.log.size()).unwrap();
    let of = |kind: &str| leaves.iter().filter(|l| l.kind == kind).count();
    assert_eq!((of("hit.verdict"), of("hit.record")), (1, 1), "nothing is told twice");
}

#[test]
fn a_plate_at_the_roadside_is_a_question_on_the_log() {
    let town = town(&ListSettings::default());
    let check = |plate: &str, state: Option<&str>| {
        let asked = CheckPlate { plate: plate.into(), state: state.map(Into::into) };
        town.city.check_plate(&omar(), asked).map(|c| c.listed.len())
    };
    assert_eq!(check("7abc 128", None).unwrap(), 1);
    assert_eq!(check("7ABC128", Some("us-ca")).unwrap(), 1);
    assert_eq!(check("7ABC128", Some("CA")).unwrap(), 1);
    assert_eq!(check("7ABC128", Some("us-nv")).unwrap(), 0);
    assert_eq!(check("7ABC12B", None).unwrap(), 0, "whoever has the plate before them reads it");
    assert_eq!(check("7/ABC", None).unwrap_err().kind(), Kind::Invalid);
    let leaves = town.logged("hotlist.checked");
    assert_eq!(leaves.len(), 5);
    assert!(leaves.iter().all(|l| l.body.is_some() && !format!("{l:?}").contains("7ABC")));
    assert_eq!(town.city.public().unwrap().figures.plates_checked, 5);
}

/// Of a list that is too old nobody hears that a plate is not on it.
#[test]
fn a_plate_at_the_roadside_may_be_on_a_list_that_is_too_old() {
    let town = town(&ListSettings {
        default_days: Some(30),
        reason: Some("stolen vehicle".into()),
        case: Some("26-0500".into()),
        longest_age_hours: Some(26),
        ..ListSettings::default()
    });
    let mut file = "plate,state\n8XYZ128,CA\n".as_bytes();
    let number = town.city.import(&person(), &list(), &mut file, None).unwrap().number.unwrap();
    let sure = ConfirmImport { sure: true };
    town.city.confirm_import(&person(), &list(), number, sure).unwrap();
    let check = || {
        let asked = CheckPlate { plate: "8XYZ128".into(), state: None };
        let checked = town.city.check_plate(&omar(), asked).unwrap();
        (checked.listed.len(), checked.stale)
    };
    assert_eq!(check(), (1, vec![]));
    town.clock.advance(27 * 60 * MINUTE);
    assert_eq!(check(), (0, vec![list()]));
}

#[test]
fn a_shift_is_taken_over() {
    let town = town(&ListSettings::default());
    pass(&town);
    play(&town, "dora correct");
    let shift = town.city.shift(&omar()).unwrap();
    assert_eq!((shift.calls_waiting.len(), shift.queue.under_way.len()), (1, 1));
    assert_eq!(shift.last, None);
    let done = town.city.take_over(&omar()).unwrap();
    assert_eq!((done.open["calls-waiting"], done.open["under-way"]), (1, 1));
    assert_eq!(town.city.shift(&person()).unwrap().last, Some(done));
    assert_eq!(town.logged("hit.handover").len(), 1);
}

#[test]
fn an_own_entry_needs_two_people() {
    let town = town(&ListSettings { own_entries: true, ..ListSettings::default() });
    let new = || NewEntry {
        list: list(),
        plate: "8XYZ001".into(),
        state: None,
        reason: "missing person".into(),
        case: "26-0500".into(),
        expires: town.city.now().plus_millis(86_400_000),
    };
    let waits = || town.city.wanted(&omar()).unwrap().len();
    let raised = || {
        let before = town.city.hits(&person(), 500, None).unwrap().hits.len();
        town.pass("8XYZ001");
        town.city.relay().unwrap();
        town.city.hits(&person(), 500, None).unwrap().hits.len() - before
    };
    let id = town.city.want(&omar(), new()).unwrap();
    assert_eq!((waits(), raised()), (1, 0), "it is not matched yet");
    assert_eq!(town.city.agree(&omar(), &id).unwrap_err().kind(), Kind::Conflict);
    town.city.agree(&person(), &id).unwrap();
    assert_eq!((waits(), raised()), (0, 1));
    assert_eq!(town.city.agree(&person(), &id).unwrap_err().kind(), Kind::NotFound);
    assert_eq!(
        (town.logged("hotlist.proposed").len(), town.logged("hotlist.changed").len()),
        (1, 2)
    );

    let id = town.city.want(&omar(), new()).unwrap();
    town.clock.advance(24 * 60 * MINUTE);
    assert_eq!(waits(), 0, "nobody agreed within a day");
    town.clock.advance(1);
    town.city.tally().unwrap();
    let lapsed = town.logged("hotlist.lapsed");
    assert_eq!(lapsed.len(), 1);
    assert_eq!(lapsed[0].id.as_deref(), Some(id.as_str()));
    assert_eq!(town.city.agree(&person(), &id).unwrap_err().kind(), Kind::NotFound);
    let caseless = NewEntry { case: " ".into(), ..new() };
    assert_eq!(town.city.want(&omar(), caseless).unwrap_err().kind(), Kind::Invalid);
    let closed = ListSettings { name: "Stolen".into(), ..ListSettings::default() };
    town.city.set_list(&person(), &list(), &closed).unwrap();
    assert_eq!(town.city.want(&omar(), new()).unwrap_err().kind(), Kind::Conflict);
}

/// The log's folder is out of reach while `act` runs.
fn without_log(town: &Town, act: impl FnOnce()) {
    let (log, away) = (town.dir().join("log"), town.dir().join("log.away"));
    std::fs::rename(&log, &away).unwrap();
    std::fs::write(&log, b"").unwrap();
    act();
    std::fs::remove_file(&log).unwrap();
    std::fs::rename(&away, &log).unwrap();
}

#[test]
fn what_the_log_could_not_take_it_takes_later_without_a_restart() {
    let town = town(&ListSettings::default());
    for _ in 0..4 {
        pass(&town);
        town.clock.advance(MINUTE);
    }
    let count = |kind: &str| town.logged(kind).len();
    without_log(&town, || {
        for line in town.city.hits(&person(), 9, None).unwrap().hits {
            let verdict = Verdict {
                finding: HitFinding::Misread,
                compared: Compared::default(),
                typed: None,
                note: String::new(),
                version: line.version,
            };
            let e = town.city.verdict(&person(), &line.id, verdict).unwrap_err();
            assert_eq!(e.kind(), Kind::Unavailable, "{e:?}");
            assert!(e.message().contains("written down"), "{e:?}");
        }
        // It counts all the same.
        assert!(town.city.queue(&person()).unwrap().urgent.is_empty());
        let camera = "cam_one".parse().unwrap();
        assert!(town.city.suspend_for_test(&camera).is_err());
        assert_eq!(town.city.suspended().unwrap().len(), 1);
    });
    assert_eq!((count("hit.verdict"), count("hit.suspended")), (0, 0));
    town.city.tally().unwrap();
    assert_eq!((count("hit.verdict"), count("hit.suspended")), (4, 1));
    town.city.tally().unwrap();
    assert_eq!((count("hit.verdict"), count("hit.suspended")), (4, 1), "and once");
}

/// What is in force is on the log, and has not lapsed.
#[test]
fn an_entry_that_the_log_could_not_take_is_told_by_the_clock_or_with_the_next_word() {
    let town = town(&ListSettings { own_entries: true, ..ListSettings::default() });
    let changed = || town.logged("hotlist.changed").len();
    let begun = || {
        let new = NewEntry {
            list: list(),
            plate: "8XYZ001".into(),
            state: None,
            reason: "missing person".into(),
            case: "26-0500".into(),
            expires: town.city.now().plus_millis(3 * 86_400_000),
        };
        let id = town.city.want(&omar(), new).unwrap();
        without_log(&town, || assert!(town.city.agree(&person(), &id).is_err()));
        id
    };
    let id = begun();
    assert_eq!(changed(), 1);
    town.city.agree(&person(), &id).unwrap();
    assert_eq!(changed(), 2);
    begun();
    town.clock.advance(25 * 60 * MINUTE);
    town.city.tally().unwrap();
    town.city.tally().unwrap();
    assert_eq!((changed(), town.logged("hotlist.lapsed").len()), (3, 0));
    assert!(town.city.store.wanted().unwrap().is_empty());
}

/// Of a hit that is too old nothing is left, and the log was told all that it is owed.
#[test]
fn hits_go_with_their_reads() {
    let town = town(&ListSettings::default());
    let id = pass(&town).id;
    play(&town, "dora correct");
    for _ in 0..21 {
        town.clock.advance(24 * 60 * MINUTE);
        town.city.retain().unwrap();
    }
    assert_eq!(newest(&town).id, id);
    town.clock.advance(24 * 60 * MINUTE);
    town.city.retain().unwrap();
    assert_eq!(town.logged("hit.unknown").len(), 1);
    assert!(town.city.hits(&person(), 9, None).unwrap().hits.is_empty());
    assert_eq!(town.city.hit(&person(), &id).err().unwrap().kind(), Kind::NotFound);
    assert!(town.city.store.sealed_hit(&id).is_err());
}

#[test]
fn a_card_that_cannot_be_read_holds_up_no_other() {
    let town = town(&ListSettings::default());
    let bad = pass(&town);
    let damage = store::HitChange {
        version: bad.version,
        state: "second".into(),
        finding: None,
        card_json: "no card".into(),
    };
    town.city.store.change_hit(&bad.id, &damage).unwrap();
    town.clock.advance(MINUTE);
    let good = pass(&town);
    town.clock.advance(11 * MINUTE);
    town.city.tally().unwrap();
    let hits = town.city.hits(&person(), 9, None).unwrap().hits;
    let states: Vec<_> = hits.iter().map(|hit| (hit.id, hit.state.as_str())).collect();
    assert_eq!(states, [(good.id, "cold"), (bad.id, "second")]);
}

/// A plate in a remark is in no file in the clear; the log commits to it, and auditors open it.
#[test]
fn a_remark_is_sealed() {
    let town = town(&ListSettings::default());
    let line = pass(&town);
    let verdict = |note: &str, version| Verdict {
        finding: HitFinding::Misread,
        compared: Compared::default(),
        typed: None,
        note: note.into(),
        version,
    };
    let long = town.city.verdict(&person(), &line.id, verdict(&"x".repeat(501), line.version));
    assert_eq!(long.unwrap_err().kind(), Kind::TooLarge);
    town.city.verdict(&person(), &line.id, verdict("it is 9ZZZ404", line.version)).unwrap();
    let view = town.city.hit(&person(), &line.id).unwrap();
    assert!(view.acts[0].what.remark().is_some());
    let leaf = town.logged("hit.verdict").remove(0);
    assert!(leaf.body.is_some() && leaf.text("remark").is_some());
    let index = (0..town.city.log.size())
        .find(|n| town.city.entry_at(*n).unwrap().kind == "hit.verdict")
        .unwrap();
    let record = town.city.audit_record(&person(), index).unwrap();
    let salt = base::unb64(&record.salt).unwrap().try_into().unwrap();
    let body = custody::open_record(&town.auditors, &record.sealed).unwrap();
    assert_eq!(ledger::commitment(&salt, body.expose()), leaf.body.unwrap());
    assert!(String::from_utf8(body.expose().to_vec()).unwrap().contains("9ZZZ404"));
    for entry in std::fs::read_dir(town.dir().join("store")).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap_or_default();
        assert!(!bytes.windows(7).any(|w| w == b"9ZZZ404"));
    }
}

#[test]
fn a_confirmed_vehicle_moves_along_and_goes_cold_nowhere() {
    let town = town(&ListSettings::default());
    let first = pass(&town);
    play(&town, "dora correct");
    town.clock.advance(5 * MINUTE);
    let second = pass(&town);
    // On the street it is where it was seen last, whether or not somebody has looked at that sighting.
    let field = || town.city.field(&person()).unwrap();
    let seen_last = |incidents: Vec<crate::Incident>| {
        assert_eq!(incidents.len(), 1, "{incidents:?}");
        (incidents[0].hit.id, incidents[0].last_seen, incidents[0].sightings)
    };
    assert_eq!(seen_last(field()), (first.id, second.captured, 2));
    town.clock.advance(11 * MINUTE);
    town.city.tally().unwrap();
    assert_eq!(seen_last(field()), (first.id, second.captured, 2));
    let state = |id| town.city.hit(&person(), id).unwrap().line.state;
    assert_eq!((state(&first.id), state(&second.id)), ("confirmed".into(), "along".into()));
    let figures = town.city.public().unwrap().figures;
    assert_eq!((figures.hits_along, figures.hits_cold), (1, 0));
    // Where it was read last is what is said first.
    let words = town.city.hit(&person(), &first.id).unwrap().broadcast.unwrap();
    assert!(words.contains("Last read One at 12:05; seen One at 12:00."), "{words}");
    // A vehicle that nobody confirmed is cold as ever.
    town.clock.advance(120 * MINUTE);
    let third = pass(&town);
    town.clock.advance(11 * MINUTE);
    town.city.tally().unwrap();
    assert_eq!(state(&third.id), "cold");
}

/// What may be said of a hit now, and in which words.
fn said(town: &Town, id: &HitId) -> (&'static str, String) {
    let view = town.city.hit(&person(), id).unwrap();
    (view.say.as_str(), view.broadcast.unwrap_or_default())
}

/// How many vehicles are looked for on the street.
fn on_the_street(town: &Town) -> usize {
    town.city.field(&person()).unwrap().len()
}

#[test]
fn a_vehicle_that_was_found_is_not_looked_for_on_the_street() {
    let town = town(&ListSettings::default());
    let first = pass(&town);
    play(&town, "dora correct");
    town.clock.advance(MINUTE);
    pass(&town);
    assert_eq!((said(&town, &first.id).0, on_the_street(&town)), ("look", 1));
    let state = Some("us-ca".into());
    let found = NewFound { plate: Some("7ABC128".into()), state, ..NewFound::default() };
    let found = town.city.found(&person(), &list(), found).unwrap();
    assert_eq!((said(&town, &first.id).0, on_the_street(&town)), ("stale", 0));
    assert!(!town.city.hit(&person(), &first.id).unwrap().listed.unwrap().fresh);
    assert_eq!(play(&town, "dora correct"), "Conflict", "nor is another hit of it confirmed");
    town.city.undo_found(&person(), &list(), &found.id).unwrap();
    assert_eq!((said(&town, &first.id).0, on_the_street(&town)), ("look", 1));
}

#[test]
fn what_is_not_looked_for_any_more_is_so_at_every_sighting() {
    for word in ["dora no-longer", "dora recovered"] {
        let town = town(&ListSettings::default());
        let first = pass(&town);
        play(&town, "dora correct");
        town.clock.advance(61 * MINUTE);
        pass(&town);
        play(&town, "dora correct");
        assert_eq!((said(&town, &first.id).0, on_the_street(&town)), ("look", 2), "{word}");
        play(&town, word);
        assert_eq!((said(&town, &first.id).0, on_the_street(&town)), ("over", 0), "{word}");
        // What passes later is a question of its own.
        town.clock.advance(61 * MINUTE);
        let third = pass(&town);
        play(&town, "dora correct");
        assert_eq!(said(&town, &third.id).0, "look", "{word}");
    }
}

fn half_a_plate() -> ListSettings {
    ListSettings {
        default_days: Some(30),
        reason: Some("stolen vehicle".into()),
        case: Some("26-0500".into()),
        ..ListSettings::default()
    }
}

fn bring_half_a_plate(town: &Town) {
    let mut file = "plate,state\n8XY?12*,CA\n".as_bytes();
    let number = town.city.import(&person(), &list(), &mut file, None).unwrap().number.unwrap();
    let sure = ConfirmImport { sure: true };
    town.city.confirm_import(&person(), &list(), number, sure).unwrap();
}

/// Many cars fit half a plate: what people said of one says nothing of another, and the one that was compared is named.
#[test]
fn cars_that_fit_half_a_plate_are_not_one_another() {
    let town = town(&half_a_plate());
    bring_half_a_plate(&town);
    let passes = |plate: &str| {
        town.pass(plate);
        town.city.relay().unwrap();
        newest(&town)
    };
    let first = passes("8XYA128");
    assert_eq!(play(&town, "dora correct"), "confirmed");
    town.clock.advance(5 * MINUTE);
    let second = passes("8XYB125");
    assert_eq!(first.entry, second.entry);
    let (say, words) = said(&town, &first.id);
    let plate = "Plate 8 X-ray Yankee unknown 1 2 unknown, read as 8 X-ray Yankee Alfa 1 2 8, CA.";
    assert!(say == "look" && words.contains(plate), "{words}");
    assert!(words.contains(" Seen One at 12:00.") && !words.contains("12:05"), "{words}");
    let street = town.city.field(&person()).unwrap();
    assert_eq!((street.len(), street[0].sightings), (1, 1));
    assert_eq!(town.city.queue(&person()).unwrap().urgent.len(), 1, "the second is compared too");
    town.clock.advance(11 * MINUTE);
    town.city.tally().unwrap();
    assert_eq!(newest(&town).state, "cold");
}

/// Nor is a vehicle looked for that fits half a plate and was found, nor confirmed; others that fit are.
#[test]
fn a_found_vehicle_of_half_a_plate_is_not_looked_for() {
    let town = town(&half_a_plate());
    bring_half_a_plate(&town);
    let passes = |plate: &str| {
        town.clock.advance(MINUTE);
        town.pass(plate);
        town.city.relay().unwrap();
        newest(&town)
    };
    let found = |plate: &str| {
        let found = NewFound { plate: Some(plate.into()), ..NewFound::default() };
        town.city.found(&person(), &list(), found).unwrap()
    };
    let first = passes("8XYA128");
    assert_eq!(play(&town, "dora correct"), "confirmed");
    assert_eq!((said(&town, &first.id).0, on_the_street(&town)), ("look", 1));
    found("8XYA128");
    assert_eq!((said(&town, &first.id).0, on_the_street(&town)), ("stale", 0));
    passes("8XYB125");
    assert_eq!((play(&town, "dora correct"), on_the_street(&town)), ("confirmed".into(), 1));
    passes("8XYC121");
    found("8XYC121");
    assert_eq!(play(&town, "dora correct"), "Conflict", "it was found before anybody looked");
}

#[test]
fn the_words_of_another_day_say_so_and_end() {
    let town = town(&ListSettings::default());
    let id = pass(&town).id;
    play(&town, "dora correct");
    town.clock.advance(47 * 60 * MINUTE);
    let (say, words) = said(&town, &id);
    assert_eq!(say, "look");
    assert!(words.contains("Seen One on November 23 at 12:00."), "{words}");
    town.clock.advance(60 * MINUTE);
    assert_eq!(said(&town, &id), ("too-late", String::new()));
}

/// No plate tells O from 0 and I from 1.
#[test]
fn a_plate_at_the_roadside_is_found_however_it_is_spelled() {
    let town = town(&ListSettings::default());
    let asked = CheckPlate { plate: "7ABCI28".into(), state: None };
    let listed = town.city.check_plate(&omar(), asked).unwrap().listed;
    let plates: Vec<&str> = listed.iter().map(|l| l.plate.as_str()).collect();
    assert_eq!(plates, ["7ABC128"]);
}
