//! Sample views of every page: honest ones to look at, and the same with one text in every field.

use crate::{hits, house};
use base64::prelude::{BASE64_STANDARD, Engine};
use pages::*;

/// Makes views: `s` passes every text that comes from outside.
pub struct Maker {
    lang: Lang,
    instead: Option<&'static str>,
}

const MORNING: i64 = 1_795_422_000_000;
const HASH: &str = "9f2c1d7be04a6c8f35d1e9a27b60c4d8e1f3a5b7c9d0e2f4a6b8c0d1e3f50719";

impl Maker {
    /// Views as they might be.
    pub fn honest(lang: Lang) -> Self {
        Self { lang, instead: None }
    }

    /// Views with this text in every field.
    pub fn with(lang: Lang, text: &'static str) -> Self {
        Self { lang, instead: Some(text) }
    }

    pub fn s(&self, text: &str) -> String {
        self.instead.unwrap_or(text).to_owned()
    }

    pub fn all(&self, texts: &[&str]) -> Vec<String> {
        texts.iter().map(|t| self.s(t)).collect()
    }

    /// A word that a template compares with; it comes from the server's own lists.
    pub fn own(&self, word: &str) -> String {
        word.to_owned()
    }

    pub fn choices(&self, values: &[&str], chosen: &[&str]) -> Vec<Choice> {
        let choice = |v: &&str| Choice { value: self.s(v), chosen: chosen.contains(v) };
        values.iter().map(choice).collect()
    }

    pub fn wrong(&self, field: &str, message: &str) -> Wrong {
        Wrong { field: field.into(), message: self.s(message) }
    }

    pub fn public(&self, path: &str) -> Page {
        Page {
            city: self.s("Oak Hollow"),
            lang: self.lang,
            theme: Theme::Auto,
            path: self.s(path),
            csrf: "c5rf".into(),
            person: None,
            here: None,
        }
    }

    pub fn at(&self, here: Place) -> Page {
        let open = [
            (Place::Now, 3),
            (Place::Hits, 0),
            (Place::Field, 0),
            (Place::Handover, 0),
            (Place::Drills, 0),
            (Place::Lists, 0),
            (Place::Cameras, 0),
            (Place::Ask, 0),
            (Place::Questions, 1),
            (Place::Rules, 1),
            (Place::Papers, 0),
            (Place::Log, 0),
            (Place::Audit, 4),
            (Place::BreakGlass, 2),
            (Place::People, 0),
            (Place::Tokens, 0),
            (Place::Devices, 0),
            (Place::Orders, 0),
            (Place::Settings, 0),
        ];
        let person = Person {
            name: self.s("Dora Castellanos"),
            roles: self.all(&["supervisor", "administrator"]),
            open: open.into_iter().map(|(place, waiting)| Open { place, waiting }).collect(),
        };
        Page { person: Some(person), here: Some(here), ..self.public(here.path()) }
    }

    pub fn picture(&self) -> String {
        self.s(&BASE64_STANDARD.encode(include_bytes!("plate.jpg")))
    }
}

/// Every page with its name.
pub fn all(m: &Maker) -> Vec<(&'static str, String)> {
    let mut out = Vec::new();
    doors(m, &mut out);
    open_to_all(m, &mut out);
    hits::all(m, &mut out);
    asking(m, &mut out);
    asked(m, &mut out);
    rules(m, &mut out);
    house::all(m, &mut out);
    oversight(m, &mut out);
    out
}

pub type Out = Vec<(&'static str, String)>;

fn doors(m: &Maker, out: &mut Out) {
    let page = || m.public("/console");
    out.push(("signin", render(&SignInPage { page: page(), passkeys: true, directory: true })));
    out.push((
        "signin-link",
        render(&SignInPage { page: page(), passkeys: false, directory: false }),
    ));
    out.push(("enter", render(&EnterPage { page: page(), link: m.s("k7Qm2v") })));
    out.push(("device", render(&DevicePage { page: page(), code: m.s("abcd-efgh-jkmn-pqrs") })));
    let register =
        RegisterPage { page: page(), name: m.s("Dora Castellanos"), invitation: m.s("inv_5tR9") };
    out.push(("register", render(&register)));
    let message = m.s("The link was used or is too old; make a new one.");
    let error = |message, nothing| render(&ErrorPage { page: page(), message, nothing });
    out.push(("error", error(message, true)));
    let message = m.s("Somebody else has said something of this hit; look at it again.");
    out.push(("error-late", error(message, false)));
}

fn open_to_all(m: &Maker, out: &mut Out) {
    let camera = |name: &str, id: &str, on, retired| CameraRow {
        name: m.s(name),
        id: m.s(id),
        on,
        retired,
        since: m.s("2026-09-01 06:00:00 UTC"),
        frames: on.then_some(41_284_310),
        repeated: u64::from(id == "cam_harbor"),
        unleased: if id == "cam_willow" { 312 } else { 0 },
        refused: if id == "cam_willow" { 40 } else { 0 },
    };
    let order = |begun: bool| OrderRow {
        id: m.s("ord_019aa1b2c3d47e5f8a0b1c2d3e4f5061"),
        named: if begun { m.s("Willow Park") } else { String::new() },
        from: m.s("2026-11-24 18:00:00 UTC"),
        from_exact: m.own("2026-11-24T18:00:00.000Z"),
        until: (!begun).then(|| m.s("2026-11-26 06:00:00 UTC")),
        begun,
        reason: m.s("The festival"),
    };
    let public = PublicPage {
        page: m.public("/"),
        now: m.s("2026-11-23 08:20:11 UTC"),
        now_exact: m.own("2026-11-23T08:20:11.000Z"),
        reads: 1_284_310,
        hits: 41,
        confirmed: 28,
        rejected: 12,
        searches: 317,
        refusals: 46,
        open_questions: 1,
        sealed: 2,
        cameras: vec![
            camera("Main Street at First", "cam_main1", true, false),
            camera("Harbor Bridge, northbound", "cam_harbor", true, false),
            camera("Willow Park", "cam_willow", false, false),
            camera("Old Mill Road", "cam_oldmill", false, true),
        ],
        orders: vec![order(true), order(false)],
        gaps: vec![
            GapRow {
                camera: m.s("Willow Park"),
                from: m.s("2026-11-20 18:00:00 UTC"),
                until: None,
            },
            GapRow {
                camera: m.s("Main Street at First"),
                from: m.s("2026-11-02 09:00:00 UTC"),
                until: Some(m.s("2026-11-02 11:40:00 UTC")),
            },
        ],
        gaps_more: 312,
        retention_days: 21,
        log_size: 48_112,
        origin: m.s("oakhollow.example/plates"),
        vkey: m.s("oakhollow.example/plates+2f1b9c0d+AeJk3vTq0W8mYxN5cB7uR1sD4gH6jK9lP2oZ"),
        witness: m.s("Two of three witnesses sign it within ten minutes."),
        delay_minutes: 15,
        rules: m.s(HASH),
        software: Some(SoftwareRow {
            version: m.s("0.1.0"),
            since: m.s("2026-10-12 06:14:00 UTC"),
            days: 24,
            executable: m.s(HASH),
        }),
        audit_overdue: 2,
        drills: 41,
        drills_unanswered: 2,
        desks: crate::hits::desks(m),
    };
    out.push(("public", render(&public)));
    let empty = PublicPage {
        page: m.public("/"),
        cameras: vec![],
        orders: vec![],
        gaps: vec![],
        gaps_more: 0,
        audit_overdue: 0,
        drills: 0,
        reads: 1,
        hits: 0,
        ..public
    };
    out.push(("public-empty", render(&empty)));
    off(m, out);
    out.push(("street", render(&StreetPage { page: m.public("/street"), live: m.s("") })));
}

fn off(m: &Maker, out: &mut Out) {
    let line = |name: &str, state: &str| OffRow {
        id: m.s("cam_main1"),
        name: m.s(name),
        foreign: state == "foreign",
        state: m.own(state),
        at: (state == "acknowledged").then(|| m.s("2026-11-23 18:00:02 UTC")),
        frames: (state == "acknowledged").then_some(41_284_310),
        reads: (state == "acknowledged").then_some(12),
        erased: state == "acknowledged",
        lease_until: state.starts_with("lease").then(|| m.s("2026-11-23 18:47:00 UTC")),
        log_entry: Some(48_120),
    };
    let page = |begun: bool, over: Option<String>, lines: Vec<OffRow>| OffPage {
        page: m.public("/off/ord_019aa1b2c3d47e5f8a0b1c2d3e4f5061"),
        id: m.s("ord_019aa1b2c3d47e5f8a0b1c2d3e4f5061"),
        now: m.s("2026-11-22 17:59:50 UTC"),
        now_exact: m.own("2026-11-22T17:59:50.000Z"),
        reason: m.s("Council vote of 23 November"),
        by: m.s("clerk"),
        all: begun,
        group: if begun { String::new() } else { m.s("downtown") },
        from: m.s("2026-11-23 18:00:00 UTC"),
        from_exact: m.own("2026-11-23T18:00:00.000Z"),
        begun,
        void: !begun && over.is_some(),
        until: (!begun).then(|| m.s("2026-11-26 06:00:00 UTC")),
        over,
        erase: begun,
        entered_at: begun.then(|| m.s("cam_main1")),
        log_entry: 48_118,
        done: !begun,
        lines,
        address: m.s("https://plates.oakhollow.example/v1/orders/ord_019a/certificate"),
        vkey: m.s("oakhollow.example/plates+2f1b9c0d+AeJk3vTq0W8mYxN5cB7uR1sD4gH6jK9lP2oZ"),
        witness: m.s("Two of three witnesses sign it within ten minutes."),
    };
    let lines = vec![
        line("Main Street at First", "acknowledged"),
        line("Harbor Bridge, northbound", "lease-runs"),
        line("Willow Park", "foreign"),
        line("Old Mill Road", "no-lease"),
        line("Elm Street", "lease-ended"),
    ];
    out.push(("off", render(&page(true, None, lines))));
    let soon = vec![line("Main Street at First", "scheduled")];
    out.push(("off-scheduled", render(&page(false, None, soon))));
    let over = |at: &str| Some(m.s(at));
    out.push(("off-over", render(&page(true, over("2026-11-24 09:00:00 UTC"), vec![]))));
    out.push(("off-void", render(&page(false, over("2026-11-23 09:00:00 UTC"), vec![]))));
}

fn preview(m: &Maker, decision: &str) -> Preview {
    Preview {
        decision: m.own(decision),
        rule: m.s("officer-search"),
        sentence: m.s(match decision {
            "refused" => "State the case number this question belongs to.",
            "incomplete" => "Name at least one plate.",
            _ => "Cut down to the last 72 hours and 20 cameras that this rule allows.",
        }),
        case: m.s("stated"),
        cameras: 20,
        from: m.s("2026-11-20 08:00:00 UTC"),
        until: m.s("2026-11-23 08:00:00 UTC"),
        confirm: m.own(if decision == "refused" { "none" } else { "passkey" }),
    }
}

fn asking(m: &Maker, out: &mut Out) {
    let names = [
        "Main Street at First",
        "Harbor Bridge, northbound",
        "Harbor Bridge, southbound",
        "Willow Park",
        "Station Square",
        "County Road 12 at the grain elevator",
        "Airport ring",
        "Cedar and Ninth",
    ];
    let camera = |(i, name): (usize, &&str)| CameraChoice {
        id: m.s(&format!("cam_{i:04}")),
        name: m.s(name),
        chosen: i < 2,
    };
    let ask = |wrong, preview, blocked: bool| AskPage {
        page: m.at(Place::Ask),
        wrong,
        form: AskForm {
            case: m.s("26-0417"),
            paper: m.s(""),
            on_behalf_name: m.s(""),
            reason: m.s("Silver sedan seen leaving the scene"),
            plates: m.s("7ABC1?8"),
            look_alikes: true,
            lat: m.s(""),
            lon: m.s(""),
            radius: m.s(""),
            from: m.s("2026-11-20T08:00"),
            until: m.s("2026-11-23T08:00"),
            reveal_after: m.s(""),
            breakglass: false,
        },
        purposes: m.choices(&["stolen-vehicle", "hit-and-run", "missing-person"], &["hit-and-run"]),
        authorities: m.choices(&["none", "judicial-warrant"], &["none"]),
        agencies: m.choices(&["county", "state", "federal", "court"], &[]),
        papers: m.all(&["SC-2026-1182"]),
        cameras: names.iter().enumerate().map(camera).collect(),
        zone: m.s("UTC"),
        preview,
        may_break: true,
        breakglass_blocked: blocked,
        confirm: true,
    };
    out.push(("ask", render(&ask(vec![], Some(preview(m, "narrowed")), false))));
    let wrong = vec![
        m.wrong("plates", "Write at least one plate, for instance 7ABC128."),
        m.wrong("until", "Choose an end that lies after the beginning."),
    ];
    out.push(("ask-wrong", render(&ask(wrong, Some(preview(m, "refused")), true))));
    for (name, decision) in [("preview", "allowed"), ("preview-refused", "refused")] {
        let fragment =
            PreviewFragment { page: m.at(Place::Ask), preview: Some(preview(m, decision)) };
        out.push((name, render(&fragment)));
    }
    let read = |i: i64, camera: &str, likeness: Option<&str>, picture| ReadCard {
        plate: m.s("7ABC128"),
        likeness: likeness.map(|l| m.s(l)),
        confidence: m.s("98 %"),
        camera: m.s(camera),
        captured: m.s("2026-11-23 08:15:42 UTC"),
        at_ms: MORNING + i * 1_700_000,
        picture,
    };
    let place = |name: &str, lat, lon| MapPlace { name: m.s(name), lat, lon };
    let answer = AnswerPage {
        page: m.at(Place::Ask),
        purpose: m.s("hit-and-run"),
        case: m.s("26-0417"),
        attested: m.s("attested"),
        rule: m.s("officer-search"),
        narrowed: Some(m.s("Cut down to 72 hours: this rule allows no longer question.")),
        breakglass: false,
        log_entry: 48_103,
        outcome_entry: 48_104,
        cameras: 4,
        asked: [0, 1, 3, 4].map(|n| m.s(names[n])).to_vec(),
        from: m.s("2026-11-23 08:00:00 UTC"),
        until: m.s("2026-11-23 14:00:00 UTC"),
        from_ms: MORNING - 1_200_000,
        until_ms: MORNING + 20_400_000,
        ahead: vec![(MORNING - 1_200_000, -28_800_000)],
        considered: 18_402,
        unscannable: 1,
        more: false,
        reads: vec![
            read(0, names[0], Some("98 %"), m.picture()),
            read(1, names[1], Some("97 %"), m.picture()),
            read(4, names[4], Some("81 %"), String::new()),
            read(9, names[0], Some("64 %"), m.picture()),
        ],
        places: vec![
            place(names[0], 37.7793, -122.4193),
            place(names[1], 37.7892, -122.4101),
            place(names[3], 37.7741, -122.4302),
            place(names[4], 37.7849, -122.4282),
        ],
    };
    out.push(("answer", render(&answer)));
    let none = AnswerPage {
        page: m.at(Place::Ask),
        reads: vec![],
        narrowed: None,
        unscannable: 0,
        breakglass: true,
        more: true,
        ..answer
    };
    out.push(("answer-empty", render(&none)));
}

fn asked(m: &Maker, out: &mut Out) {
    let question = |decision: &str, outcome: Option<&str>, due: Option<&str>| QuestionView {
        id: m.s("q_7d10"),
        asked: m.s("2026-11-23 08:15 UTC"),
        purpose: m.s("hit-and-run"),
        decision: m.own(decision),
        rule: m.s("officer-search"),
        log_entry: Some(48_103),
        outcome_entry: (decision != "refused" && due.is_none()).then_some(48_104),
        opened: 4,
        sealed_until: due.map(|_| m.s("2027-02-01 00:00:00 UTC")),
        outcome: outcome.map(|o| m.s(o)),
        urgent: due.is_some(),
        due: due.map(|d| m.s(d)),
    };
    let outcomes = || m.all(&["found", "arrest", "evidence", "lead", "nothing", "mistake"]);
    let page = |questions, next| QuestionsPage {
        page: m.at(Place::Questions),
        questions,
        outcomes: outcomes(),
        next,
    };
    let questions = vec![
        question("narrowed", None, Some("2026-11-30")),
        question("allowed", Some("found"), None),
        question("breakglass", None, None),
        question("refused", None, None),
    ];
    out.push(("questions", render(&page(questions, Some(m.s("q_01"))))));
    out.push(("questions-empty", render(&page(vec![], None))));
    glass(m, out);
}

fn glass(m: &Maker, out: &mut Out) {
    let waits = |entry, state: &str, may_review| BreakGlassView {
        entry,
        who: if may_review { m.s("Sam Okafor") } else { String::new() },
        office: m.s("police"),
        at: m.s("2026-11-22 23:41 UTC"),
        purpose: m.s("missing-person"),
        case: m.s("stated"),
        rule: m.s("break-glass"),
        plates: 1,
        cameras: 38,
        from: m.s("2026-11-22 20:00:00 UTC"),
        until: m.s("2026-11-22 23:00:00 UTC"),
        opened: if may_review { m.s("2") } else { String::new() },
        due: m.s("2026-11-23 17:00 UTC"),
        state: m.own(state),
        may_review,
        note: m.s("Amber alert 26-11 was active."),
    };
    let done = ReviewedView {
        entry: 47_012,
        finding: m.own("justified"),
        by: m.s("audit"),
        at: m.s("2026-11-20 09:12 UTC"),
        log_entry: 47_330,
    };
    let page = |waiting, done, wrong| BreakGlassPage {
        page: m.at(Place::BreakGlass),
        wrong,
        waiting,
        done,
        may_open: true,
    };
    let waiting = vec![waits(48_090, "overdue", true), waits(48_101, "waiting", false)];
    let wrong = vec![m.wrong("note-48090", "Say in a sentence of at most 1000 characters why.")];
    out.push(("breakglass", render(&page(waiting, vec![done], wrong))));
    out.push(("breakglass-empty", render(&page(vec![], vec![], vec![]))));
}

fn properties(m: &Maker) -> Vec<PropertyView> {
    let property = |id: &str, sentence: &str, state: &str, example: Option<&str>| PropertyView {
        id: m.s(id),
        sentence: m.s(sentence),
        state: m.own(state),
        example: example.map(|e| m.s(e)),
        milliseconds: Some(140),
    };
    vec![
        property(
            "no-immigration",
            "No immigration enforcement without a judicial warrant.",
            "proven",
            None,
        ),
        property(
            "no-outside-recipient",
            "Nothing for a federal or foreign agency without a judicial warrant.",
            "refuted",
            Some(
                "An officer asks for a federal agency, purpose felony investigation, authority none, case stated.",
            ),
        ),
        property("case-always", "No question without a case.", "unknown", None),
    ]
}

fn rules(m: &Maker, out: &mut Out) {
    let cedar = "@id(\"officer-search\")\n@max_hours(\"72\")\n@max_cameras(\"20\")\n@ordinance(\"12-34 §5\")\npermit (principal in Role::\"officer\", action == Action::\"Search\", resource)\nwhen {\n  [\n    Purpose::\"stolen-vehicle\",\n    Purpose::\"hit-and-run\"\n  ].contains(context.purpose)\n};";
    let rule = |id: &str, plain: &str, forbids, state: &str| RuleView {
        id: m.s(id),
        plain: m.s(plain),
        cedar: m.s(cedar),
        forbids,
        ordinance: if forbids { String::new() } else { m.s("12-34 §5") },
        effective: m.s("2026-10-01"),
        expires: m.s("2027-09-30"),
        state: m.own(state),
        max_hours: (!forbids).then_some(72),
        max_cameras: (!forbids).then_some(1),
    };
    let proposal = |title: &str, state: &str, signed| ProposalRow {
        hash: m.s(HASH),
        title: m.s(title),
        by: m.s("Ines Duarte"),
        at: m.s("2026-11-21 10:12 UTC"),
        state: m.own(state),
        signed,
        needed: 2,
    };
    let page = |adopted, rules, properties, proposals| RulesPage {
        page: m.at(Place::Rules),
        hash: m.s(HASH),
        since: m.s("2026-10-01 00:00:00 UTC"),
        log_entry: 31_007,
        adopted,
        unsigned: !adopted,
        rules,
        properties,
        proposals,
        may_propose: true,
    };
    let set = vec![
        rule(
            "no-immigration-enforcement",
            "Without a judicial warrant nobody may ask for immigration enforcement.",
            true,
            "active",
        ),
        rule(
            "officer-search",
            "An officer may ask for a case about three days and twenty cameras at a time.",
            false,
            "expiring",
        ),
    ];
    let open = vec![
        proposal("Three days become two for hit and run", "proposed", 1),
        proposal("Parking may see permits", "overtaken", 0),
    ];
    out.push(("rules", render(&page(true, set, properties(m), open))));
    out.push(("rules-empty", render(&page(false, vec![], vec![], vec![]))));
    let propose = ProposePage {
        page: m.at(Place::Rules),
        wrong: vec![m.wrong(
            "rules",
            "Line 12: there is no purpose \"hit-run\"; did you mean \"hit-and-run\"?",
        )],
        rules: m.s(cedar),
    };
    out.push(("propose", render(&propose)));
    let old = "// An officer may ask about three days.\n@id(\"officer-search\")\n@max_hours(\"72\")\n@max_cameras(\"20\")\n@ordinance(\"12-34 §5\")\npermit (principal in Role::\"officer\", action, resource);\n\n// Auditors see all.\n@id(\"audit\")\npermit (principal in Role::\"auditor\", action, resource);";
    let new = old.replace("three days", "two days").replace("72", "48");
    let signature = |office: &str, person: &str| SignatureView {
        office: m.s(office),
        person: if person.is_empty() { String::new() } else { m.s(person) },
        at: m.s("2026-11-22 09:30 UTC"),
    };
    let one = |state: &str, sign, activate: bool, findings: &[&str]| ProposalPage {
        page: m.at(Place::Rules),
        hash: m.s(HASH),
        set: m.s(HASH),
        title: m.s("Three days become two for hit and run"),
        by: m.s("Ines Duarte"),
        at: m.s("2026-11-21 10:12 UTC"),
        state: m.own(state),
        log_entry: 47_660,
        prover: activate.then(|| m.s("ed25519:11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=")),
        changes: diff(old, &new),
        properties: properties(m),
        dry_days: 30,
        dry_questions: (sign || activate).then_some(317),
        findings: m.all(findings),
        signatures: vec![
            signature("clerk", "Ines Duarte"),
            signature("counsel", ""),
            signature("chief", ""),
        ],
        needed: 2,
        may_sign: sign,
        may_activate: activate,
    };
    let findings = [
        "12 questions for hit and run would have been cut from 72 to 48 hours.",
        "No question would have been refused.",
    ];
    out.push(("proposal", render(&one("proposed", true, false, &findings))));
    out.push(("proposal-ready", render(&one("signed", false, true, &[]))));
    out.push((
        "proposal-new",
        render(&ProposalPage {
            changes: vec![],
            properties: vec![],
            ..one("adopted", false, false, &[])
        }),
    ));
}

fn oversight(m: &Maker, out: &mut Out) {
    let entry = |index, kind: &str, by: &str, facts: &[(&str, &str)]| EntryView {
        index,
        kind: m.s(kind),
        at: m.s("2026-11-23 08:15 UTC"),
        by: m.s(by),
        subject: m.s("q_7d1093a7c2b1e47d109f2c1d7be04a6c"),
        facts: facts.iter().map(|(n, v)| FactView { name: m.s(n), value: m.s(v) }).collect(),
    };
    let log = |entries, kinds| LogPage {
        page: m.at(Place::Log),
        kinds,
        entries,
        size: 48_112,
        origin: m.s("oakhollow.example/plates"),
        vkey: m.s("oakhollow.example/plates+2f1b9c0d+AeJk3vTq0W8mYxN5cB7uR1sD4gH6jK9lP2oZ"),
        witness: m.s("Two of three witnesses sign it within ten minutes."),
        older: Some(48_100),
        newer: Some(48_112),
    };
    let kinds = ["search.intent", "search.refused", "hit.opened", "policy.activated"];
    let some = vec![
        entry(48_104, "search.outcome", "officer", &[("opened", "4"), ("considered", "18402")]),
        entry(
            48_103,
            "search.intent",
            "officer",
            &[
                ("purpose", "hit-and-run"),
                ("case", "attested"),
                ("decision", "narrowed"),
                ("cameras", "4"),
            ],
        ),
        entry(
            48_102,
            "search.refused",
            "officer",
            &[("purpose", "immigration-enforcement"), ("rule", "no-immigration-enforcement")],
        ),
        entry(48_101, "hit.opened", "dispatcher", &[]),
        entry(48_100, "policy.activated", "clerk", &[("hash", HASH)]),
    ];
    out.push(("log", render(&log(some, m.choices(&kinds, &["search.intent"])))));
    out.push(("log-empty", render(&log(vec![], m.choices(&kinds, &[])))));

    let alarm = |kind: &str, count: u64, state: &str| Alarm {
        id: m.s("alm_01"),
        kind: m.s(kind),
        count,
        own: kind == "colleague",
        who: m.s("Lena Brandt"),
        at: m.s("2026-11-23 07:10 UTC"),
        entries: vec![47_990, 48_001],
        state: m.own(state),
        note: m.s("A long-running case; the supervisor confirmed it."),
    };
    let drawn = |index, state: &str| Drawn {
        index,
        kind: m.s("search.intent"),
        at: m.s("2026-10-14 16:20 UTC"),
        purpose: m.s("felony-investigation"),
        rule: m.s("officer-search"),
        due: m.s("2026-11-15"),
        state: m.own(state),
        grade: m.s("sound"),
        by: m.s("auditor"),
        opened: state != "drawn",
    };
    let page = |overdue, alarms, drawn| AuditPage {
        page: m.at(Place::Audit),
        overdue,
        month: if Vec::is_empty(&drawn) { String::new() } else { m.s("2026-10") },
        checkpoint: m.s(HASH),
        alarms,
        drawn,
        grades: m.all(&["sound", "doubtful", "misuse"]),
        may_grade: true,
    };
    let alarms = vec![
        alarm("same-plate", 9, "open"),
        alarm("colleague", 1, "open"),
        alarm("volume", 44, "justified"),
    ];
    let some = vec![drawn(41_220, "overdue"), drawn(41_877, "drawn"), drawn(42_003, "graded")];
    out.push(("audit", render(&page(1, alarms, some))));
    out.push(("audit-empty", render(&page(0, vec![], vec![]))));
}
