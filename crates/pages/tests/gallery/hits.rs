//! Sample views of hits: what goes on now, one to be compared, one that is confirmed, the street, the handover.

use crate::samples::{Maker, Out};
use pages::*;

/// Each with its name.
pub fn all(m: &Maker, out: &mut Out) {
    lists(m, out);
    now(m, out);
    one(m, out);
    street(m, out);
    drills(m, out);
    orders(m, out);
    settings(m, out);
    kept(m, out);
}

fn drill_row(m: &Maker, over: bool, result: Option<FoundView>) -> DrillRow {
    DrillRow {
        id: m.s("drl_0193a7c2b1e47d10"),
        started: m.s("2026-11-23 08:15:42 PST"),
        until: m.s("2026-11-23 08:25:42 PST"),
        by: m.s("Omar Haddad"),
        over,
        sort: over.then(|| m.own("look-alike")),
        answered: 4,
        right: over.then_some(3),
        result,
    }
}

pub(crate) fn desks(m: &Maker) -> Vec<DeskRow> {
    let desk = |name: &str, caught, median_s| DeskRow {
        name: m.s(name),
        answered: 40,
        right: 37,
        look_alikes: 21,
        caught,
        median_s,
    };
    vec![desk("day dispatch", Some(95), 11), desk("night dispatch", None, 19)]
}

fn drills(m: &Maker, out: &mut Out) {
    let found = |right| FoundView {
        finding: m.own(if right { "misread" } else { "correct" }),
        sort: m.own("look-alike"),
        right,
        seconds: 14,
    };
    let page = |drills, desks, may_start| DrillsPage {
        page: m.at(Place::Drills),
        drills,
        desks,
        may_start,
        may_decide: true,
    };
    let itself = DrillRow { by: String::new(), ..drill_row(m, true, None) };
    let rows = vec![
        drill_row(m, false, None),
        drill_row(m, true, Some(found(true))),
        drill_row(m, true, Some(found(false))),
        itself,
    ];
    out.push(("drills", render(&page(rows, desks(m), true))));
    out.push(("drills-empty", render(&page(vec![], vec![], false))));
    let mark = |over, result| DrillMark {
        id: m.s("drl_0193a7c2b1e47d10"),
        until: m.s("2026-11-23 08:25:42 PST"),
        over,
        sort: (over).then(|| m.own("look-alike")),
        result,
    };
    let one = |mark| HitPage {
        page: m.at(Place::Drills),
        must_type: false,
        two_persons: false,
        record_query: None,
        listed: Some(listed(m, true, false)),
        drill: Some(mark),
        ..hit(m, waiting(m))
    };
    out.push(("drill", render(&one(mark(false, None)))));
    out.push(("drill-right", render(&one(mark(true, Some(found(true)))))));
    out.push(("drill-wrong", render(&one(mark(false, Some(found(false)))))));
    out.push(("drill-over", render(&one(mark(true, None)))));
}

fn row(m: &Maker, state: &str, camera: &str, at: &str, probability: &str) -> HitRow {
    HitRow {
        id: m.s("hit_0193a7c2b1e47d10"),
        state: m.own(state),
        captured: m.s(at),
        camera: m.s(camera),
        list: m.s("lst_stolen"),
        probability: m.s(probability),
        place: Some((m.s("37.80"), m.s("-122.27"))),
        ..HitRow::default()
    }
}

fn waiting(m: &Maker) -> HitRow {
    row(m, "open", "Main Street at First", "2026-11-23 08:15:42 UTC", "97 %")
}

fn moving(m: &Maker) -> HitRow {
    HitRow {
        last: Some(m.s("Airport ring, 2026-11-23 08:21:07 UTC")),
        sightings: 4,
        ..row(m, "confirmed", "Harbor Bridge, northbound", "2026-11-23 08:02:10 UTC", "> 99 %")
    }
}

fn doubtful(m: &Maker) -> HitRow {
    let doubts = m.all(&["look-alike", "improbable"]);
    HitRow { doubts, ..row(m, "open", "Willow Park", "2026-11-23 08:11:55 UTC", "31 %") }
}

fn lists(m: &Maker, out: &mut Out) {
    let decided = HitRow {
        finding: Some(m.s("misread")),
        ..row(m, "rejected", "Willow Park", "2026-11-22 22:48:55 UTC", "71 %")
    };
    let over = HitRow {
        finding: Some(m.s("correct")),
        outcome: Some(m.s("recovered")),
        ..row(m, "closed", "Station Square", "2026-11-22 20:02:10 UTC", "> 99 %")
    };
    let hits = vec![waiting(m), moving(m), decided, over];
    let page = || m.at(Place::Hits);
    out.push(("hits", render(&HitsPage { page: page(), hits, next: Some(m.s("hit_01")) })));
    out.push(("hits-empty", render(&HitsPage { page: page(), hits: vec![], next: None })));
    let rows = |names: &[&str]| {
        let row = |name: &&str| MisreadRow { name: m.s(name), decided: 40, misread: 3, percent: 8 };
        names.iter().map(row).collect::<Vec<_>>()
    };
    let tables = vec![
        ("camera", rows(&["Main Street at First", "Harbor Bridge, northbound"])),
        ("list", rows(&["lst_stolen"])),
        ("hour", rows(&["07", "08", "22"])),
    ];
    let counted = |word: &str, n| (m.s(word), n);
    let findings = vec![counted("correct", 1190), counted("misread", 31), counted("stale", 4)];
    let outcomes = vec![counted("recovered", 902), counted("unknown", 12)];
    let suspended = vec![(m.s("Willow Park"), m.s("2026-11-20 08:00:00 UTC"))];
    let page = m.public("/misreads");
    let misreads = MisreadsPage { page, tables, findings, outcomes, cold: 7, not_it: 1, suspended };
    out.push(("misreads", render(&misreads)));
}

fn queue(m: &Maker) -> QueueView {
    QueueView {
        urgent: vec![waiting(m)],
        unlikely: vec![doubtful(m)],
        under_way: vec![moving(m)],
        stale: vec![m.s("lst_county")],
        suspended: vec![SuspendedView {
            camera: m.s("cam_willow"),
            name: m.s("Willow Park"),
            decided: 12,
            misread: 5,
        }],
    }
}

fn now(m: &Maker, out: &mut Out) {
    let page = |queue, off, due, drills| NowPage {
        page: m.at(Place::Now),
        queue,
        may_resume: true,
        off,
        on: 13,
        reads: 41_207,
        due,
        drills,
    };
    let off = vec![CameraDot {
        name: m.s("Old Mill Road"),
        state: m.own("off"),
        since: m.s("2026-11-20 18:00:02 UTC"),
    }];
    let due = vec![row(m, "confirmed", "Elm Street", "2026-11-21 08:02:10 UTC", "98 %")];
    out.push(("now", render(&page(queue(m), off, due, vec![drill_row(m, false, None)]))));
    out.push(("now-quiet", render(&page(QueueView::default(), vec![], vec![], vec![]))));
    let handover = |queue, last| HandoverPage {
        page: m.at(Place::Handover),
        queue,
        calls: vec![moving(m)],
        due: vec![],
        last,
        may_accept: true,
    };
    let last = Some((m.s("Omar Haddad"), m.s("2026-11-22 22:00:14 UTC")));
    out.push(("handover", render(&handover(queue(m), last))));
    out.push(("handover-first", render(&handover(QueueView::default(), None))));
}

fn listed(m: &Maker, fresh: bool, odd: bool) -> ListedView {
    let letters = ["7", "A", "B", "C", "1", "2", "B"];
    ListedView {
        plate: letters.iter().enumerate().map(|(n, c)| (m.s(c), odd && n == 6)).collect(),
        state: m.s("CA"),
        reason: m.s("stolen vehicle"),
        case: m.s("26-0417"),
        expires: m.s("2026-12-23 00:00:00 UTC"),
        fresh,
        vehicle: m.s("silver 2016 Toyota Camry sedan"),
        note: Some(m.s("Dent in the left rear door.")),
        category: Some(m.s("stolen")),
        list: m.s("State hot list"),
        imported: m.s("2026-11-23 06:00:00 UTC"),
        action: m.own("stop_after_confirm"),
    }
}

fn hit(m: &Maker, line: HitRow) -> HitPage {
    let character = |(n, c): (usize, &str)| CharacterView {
        best: m.s(c),
        odds: m.s(if n == 6 { "82 %" } else { "> 99 %" }),
        others: if n == 6 { m.s("15 % B, 2 % 3") } else { String::new() },
        differs: n == 6,
    };
    let read = ["7", "A", "B", "C", "1", "2", "8"];
    let missing = |name: &str| StampView {
        name: m.own(name),
        by: None,
        at: String::new(),
        until: String::new(),
    };
    HitPage {
        page: m.at(Place::Hits),
        hit: line,
        version: 3,
        plate: read.into_iter().enumerate().map(character).collect(),
        state: m.s("CA"),
        confidence: m.s("98 %"),
        direction: m.own("approaching"),
        picture: m.picture(),
        crop: Some(Crop { x: 40, y: 40, width: 280, height: 90 }),
        listed: Some(listed(m, true, true)),
        must_type: true,
        two_persons: true,
        may_decide: true,
        acts: vec![],
        stamps: vec![missing("picture"), missing("record"), missing("eyes")],
        say: m.own("not-compared"),
        broadcast: None,
        record_query: Some(m.s("QV.LIC/7ABC12B.LIS/CA")),
        seen: vec![],
        log_entry: 48_101,
        field: false,
        drill: None,
    }
}

fn confirmed(m: &Maker, field: bool) -> HitPage {
    let given = |name: &str, until: &str| StampView {
        name: m.own(name),
        by: Some(m.s("Dora Castellanos")),
        at: m.s("08:17"),
        until: m.s(until),
    };
    let eyes = StampView { name: m.own("eyes"), by: None, at: String::new(), until: String::new() };
    let act = |what: &str, at: &str, note: &str| ActView {
        at: m.s(at),
        by: m.s("Dora Castellanos"),
        what: m.own(what),
        remarked: !note.is_empty(),
    };
    HitPage {
        must_type: false,
        two_persons: false,
        listed: Some(listed(m, true, false)),
        stamps: vec![given("picture", ""), given("record", "08:27"), eyes],
        acts: vec![
            act("verdict-correct", "2026-11-23 08:16:40 UTC", "Roof rack as described."),
            act("record-confirmed", "2026-11-23 08:17:12 UTC", ""),
        ],
        say: m.own("stop"),
        broadcast: Some(m.s(
            "STOLEN VEHICLE, record confirmed at 08:17. Plate 7 Alfa Bravo Charlie 1 2 Bravo, CA. silver 2016 Toyota \
             Camry sedan. Seen Harbor Bridge, northbound at 08:02, northbound. Case 26-0417. Read the plate with your \
             own eyes before you stop it.",
        )),
        seen: vec![row(m, "open", "Airport ring", "2026-11-23 08:21:07 UTC", "96 %")],
        field,
        ..hit(m, moving(m))
    }
}

fn one(m: &Maker, out: &mut Out) {
    let plain = |line| HitPage { must_type: false, two_persons: false, ..hit(m, line) };
    out.push(("hit", render(&plain(waiting(m)))));
    out.push(("hit-alike", render(&hit(m, doubtful(m)))));
    out.push(("hit-confirmed", render(&confirmed(m, false))));
    let rejected = row(m, "rejected", "Willow Park", "2026-11-22 22:48:55 UTC", "71 %");
    let ended = HitPage {
        listed: Some(listed(m, false, false)),
        picture: String::new(),
        crop: None,
        say: m.own("rejected"),
        ..plain(rejected)
    };
    out.push(("hit-ended", render(&ended)));
    let gone = HitPage { listed: None, crop: None, record_query: None, ..plain(waiting(m)) };
    out.push(("hit-gone", render(&gone)));
}

fn street(m: &Maker, out: &mut Out) {
    let page = |hits, checked, wrong: Option<String>| FieldPage {
        page: m.at(Place::Field),
        hits,
        checked,
        plate: if wrong.is_some() { m.s("7ABC!") } else { String::new() },
        state: if wrong.is_some() { m.s("CA") } else { String::new() },
        wrong,
    };
    let met = MetView {
        plate: m.s("7ABC12B"),
        reason: m.s("stolen vehicle"),
        case: m.s("26-0417"),
        state: m.s("US-CA"),
        list: m.s("State hot list"),
        vehicle: m.s("silver 2016 Toyota Camry"),
        action: m.own("stop_after_confirm"),
        fresh: true,
    };
    let checked =
        |met, stale| Some(CheckedView { plate: m.s("7ABC12B"), met, stale, log_entry: 48_110 });
    out.push(("field", render(&page(vec![moving(m)], checked(vec![met], vec![]), None))));
    out.push(("field-clear", render(&page(vec![], checked(vec![], vec![]), None))));
    let stale = vec![m.s("lst_state")];
    out.push(("field-stale", render(&page(vec![], checked(vec![], stale), None))));
    let wrong = Some(m.s("Write the plate with 1 to 12 letters and digits."));
    out.push(("field-wrong", render(&page(vec![], None, wrong))));
    out.push(("field-hit", render(&confirmed(m, true))));
}

fn kept(m: &Maker, out: &mut Out) {
    let list = |id: &str, state: &str, waiting| ListRow {
        id: m.own(id),
        name: m.s("State hot list"),
        state: m.own(state),
        entries: 81_204,
        imported: m.s("2026-11-23 06:00:00 PST"),
        refused: 12,
        stale_from: m.s("2026-11-24 06:00:00 PST"),
        action: m.own("stop_after_confirm"),
        two_persons: true,
        waiting,
        undo: Some(41),
        threshold: m.s("80 %"),
        budget: m.s("5"),
        fetched: Some(m.s("2026-11-23 06:00:00 PST")),
        unfetched: m.s("The other side did not answer in time."),
    };
    let wanted = |mine| WantedView {
        id: m.s("ent_0193a7c2b1e47d10"),
        plate: m.s("8XYZ001"),
        state: m.s("US-CA"),
        reason: m.s("missing person"),
        case: m.s("26-0500"),
        list: m.s("Own entries"),
        by: m.s("Omar Haddad"),
        made: m.s("2026-11-23 08:01:00 PST"),
        mine,
    };
    let page = |lists, wanted, wrong, own: &[&str]| ListsPage {
        page: m.at(Place::Lists),
        wrong,
        lists,
        wanted,
        own_lists: own.iter().map(|id| (m.s(id), m.s("Own entries"))).collect(),
        form: WantedForm { list: m.s("lst_watch"), days: m.s("7"), ..WantedForm::default() },
        may_edit: true,
        may_want: true,
    };
    let some = vec![list("lst_state", "valid", Some(42)), list("lst_county", "overdue", None)];
    let wrong = vec![m.wrong("plate", "Write the plate with 1 to 12 letters and digits.")];
    let waiting = vec![wanted(true), wanted(false)];
    out.push(("lists", render(&page(some, waiting, wrong, &["lst_own", "lst_watch"]))));
    out.push(("lists-empty", render(&page(vec![], vec![], vec![], &[]))));
    let fragment = ImportFragment {
        page: m.at(Place::Lists),
        list: m.s("lst_state"),
        number: Some(42),
        problem: Some(m.s("Too many rows could not be read.")),
        columns: vec![(m.s("LIC"), m.s("plate")), (m.s("DOB"), String::new())],
        added: 120,
        changed: 4,
        removed: 9_000,
        same: 70_000,
        dropped: vec![(m.s("gang"), 12)],
        troubled: 3,
        problems: vec![m.s("line 17: the plate has 14 characters")],
        doubts: vec![m.own("shrinks")],
    };
    out.push(("preview-import", render(&fragment)));
    let camera = |name: &str, state: &str, facts, place| CameraView {
        id: m.s("cam_main"),
        name: m.s(name),
        state: m.own(state),
        since: m.s("2026-11-20 18:00:02 PST"),
        heard: m.s("2026-11-23 08:15:00 PST"),
        facts,
        suspended: state == "troubled",
        place,
    };
    let fact = |key: &str, value: &str| (m.own(key), m.s(value));
    let at = |name: &str, lat, lon| Some(MapPlace { name: m.s(name), lat, lon });
    let facts = vec![fact("share", "93 %"), fact("fps", "9.8"), fact("plate", "104 px")];
    let trouble = vec![(m.own("trouble"), m.own("small-plates")), fact("plate", "48 px")];
    let cameras = vec![
        camera("Harbor Bridge", "fine", facts, at("Harbor Bridge", 37.80, -122.27)),
        camera("Willow Park", "troubled", trouble, at("Willow Park", 37.81, -122.25)),
        camera("Old Mill Road", "off", vec![], None),
    ];
    out.push(("cameras", render(&CamerasPage { page: m.at(Place::Cameras), cameras })));
    let page = m.at(Place::Cameras);
    out.push(("cameras-empty", render(&CamerasPage { page, cameras: vec![] })));
}

fn orders(m: &Maker, out: &mut Out) {
    let waits = |mine, power: &str| OrderWaits {
        power: m.own(power),
        level: m.own("capture"),
        whom: m.s("group:downtown"),
        named: m.s("downtown"),
        from: Some((m.s("2026-11-23 18:00:00 PST"), m.s("2026-11-24T02:00:00.000Z"))),
        until: None,
        erases: mine,
        reason: m.s("The festival, as the council voted."),
        by: m.s("Clara Ibarra"),
        have: 1,
        needed: 2,
        lapses: m.s("2026-11-24 08:00:00 PST"),
        mine,
    };
    let line = |begun, named: &str| OrderLine {
        id: m.s("ord_0193a7c2b1e47d10"),
        named: m.s(named),
        begun,
        from: m.s("2026-11-23 18:00:00 PST"),
        until: Some(m.s("2026-11-24 06:00:00 PST")),
        erases: !begun,
        reason: m.s("The festival, as the council voted."),
    };
    let reach =
        |value: &str, name: &str, group| Reach { value: m.s(value), name: m.s(name), group };
    let page = |waiting, orders, levels, may_on| OrdersPage {
        page: m.at(Place::Orders),
        on: 12,
        off: 2,
        levels,
        waiting,
        orders,
        reaches: vec![
            reach("group:downtown", "downtown", true),
            reach("camera:cam_main", "Main Street at First", false),
        ],
        zone: m.s("America/Los_Angeles"),
        off_needs: 1,
        on_needs: 2,
        may_off: true,
        may_on,
    };
    let waiting = vec![waits(false, "off"), waits(true, "on")];
    let lines = vec![line(true, ""), line(false, "Harbor Bridge, northbound")];
    let levels = vec![(m.own("asking"), m.s("2026-11-20 18:00:02 PST"))];
    out.push(("orders", render(&page(waiting, lines, levels, true))));
    out.push(("orders-empty", render(&page(vec![], vec![], vec![], false))));
}

fn settings(m: &Maker, out: &mut Out) {
    let row = |key: &str, value: Option<&str>, usual| SettingRow {
        key: m.s(key),
        value: value.map(|v| m.s(v)),
        meaning: m.s("In which zone people read times. The system itself keeps UTC."),
        default: m.s("UTC"),
        usual,
    };
    let sections = vec![
        (
            m.s("city"),
            vec![row("city.name", Some("Oak Hollow"), false), row("city.slug", Some(""), true)],
        ),
        (m.s("webhook 1"), vec![row("webhook 1.url", None, false)]),
        (m.s("hits"), vec![row("hits.late_seconds", Some("120"), true)]),
    ];
    let page = SettingsPage {
        page: m.at(Place::Settings),
        sections,
        preset: m.s("us-wa"),
        retention_days: 21,
        rules: m.s("2f1b9c0d4e5f60718293a4b5c6d7e8f9"),
    };
    out.push(("settings", render(&page)));
}
