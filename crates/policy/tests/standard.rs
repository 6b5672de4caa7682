//! The standard rules, as a clerk would check them: a question, and what becomes of it.

use base::{CameraId, Time};
use plate::Text;
use policy::{Action, Decision, Facts, Intent, Rules, Vouch};
use proptest::prelude::*;
use std::collections::BTreeSet;

fn now() -> Time {
    "2026-11-23T12:00:00Z".parse().unwrap()
}

fn cameras(n: usize) -> Vec<CameraId> {
    (0..n).map(|i| format!("cam_{i}").parse().unwrap()).collect()
}

/// One plate, three hours, two cameras, for a stolen vehicle; the case is in the facts.
fn question() -> Intent {
    Intent {
        id: format!("q_{}", "0".repeat(32)),
        person: "per_ana".parse().unwrap(),
        roles: vec!["officer".into()],
        purpose: "stolen-vehicle".into(),
        case: Some("26-000123".into()),
        authority: "none".into(),
        paper: None,
        emergency: false,
        on_behalf_of: None,
        reason: None,
        plates: vec![Text::parse("7ABC128").unwrap()],
        patterns: Vec::new(),
        look_alikes: false,
        cameras: cameras(2),
        from: now().plus_millis(-3 * 3_600_000),
        until: now(),
        at: now(),
        reveal_after: None,
        confirmed: None,
    }
}

/// Reads `role=officer purpose=warrant authority=… case=none hours=80 cameras=30 reason off`.
fn spoken(line: &str) -> (Intent, Facts) {
    let mut intent = question();
    let mut facts = Facts {
        case: Vouch::Stated,
        paper: Vouch::None,
        asking_off: false,
        review_overdue: false,
        now: now(),
    };
    for word in line.split_whitespace() {
        match word.split_once('=').unwrap_or((word, "")) {
            ("role", role) => intent.roles = vec![role.into()],
            ("purpose", purpose) => intent.purpose = purpose.into(),
            ("authority", authority) => intent.authority = authority.into(),
            ("hours", n) => {
                intent.from = now().plus_millis(-n.parse::<i64>().unwrap() * 3_600_000);
            }
            ("cameras", n) => intent.cameras = cameras(n.parse().unwrap()),
            ("case", "none") => facts.case = Vouch::None,
            ("case", "attested") => facts.case = Vouch::Attested,
            ("paper", "stated") => facts.paper = Vouch::Stated,
            ("paper", "attested") => facts.paper = Vouch::Attested,
            ("emergency", _) => intent.emergency = true,
            ("overdue", _) => facts.review_overdue = true,
            ("reason", _) => intent.reason = Some("As ordered by the court.".into()),
            ("for", agency) => intent.on_behalf_of = Some(format!("{agency}: somebody")),
            ("sealed", _) => intent.reveal_after = Some(now().plus_millis(1)),
            ("off", _) => facts.asking_off = true,
            ("plates", "0") => intent.plates.clear(),
            other => panic!("{other:?}"),
        }
    }
    (intent, facts)
}

fn shown(decision: &Decision) -> String {
    match decision {
        Decision::Allow { rule } => format!("allow {rule}"),
        Decision::Narrow { rule, scope } => format!(
            "narrow {rule} {}h {}",
            scope.until.since(scope.from) / 3_600_000,
            scope.cameras.len()
        ),
        Decision::Refuse { rule, .. } => format!("refuse {rule}"),
    }
}

fn check(rules: &Rules, table: &[(&str, &str)]) {
    for (line, want) in table {
        let (intent, facts) = spoken(line);
        assert_eq!(shown(&rules.decide(&intent, &facts)), *want, "{line:?}");
    }
}

const QUESTIONS: &[(&str, &str)] = &[
    ("", "allow officer-search"),
    ("case=attested hours=72 cameras=20", "allow officer-search"),
    ("hours=73", "narrow officer-search 72h 2"),
    ("cameras=21", "narrow officer-search 3h 20"),
    ("hours=1000 cameras=900", "narrow officer-search 72h 20"),
    ("purpose=missing-person hours=168 cameras=900", "allow missing-person-search"),
    ("purpose=missing-person hours=169", "narrow missing-person-search 168h 2"),
    // With a warrant the wider rule carries the answer, and the first of two that are as wide.
    ("purpose=warrant authority=judicial-warrant paper=attested hours=100", "allow warrant-search"),
    ("purpose=warrant authority=judicial-warrant paper=attested hours=10", "allow officer-search"),
    (
        "purpose=warrant authority=judicial-warrant paper=attested hours=721",
        "narrow warrant-search 720h 2",
    ),
    ("for=local", "allow officer-search"),
    ("for=county", "allow officer-search"),
    ("for=state", "allow officer-search"),
    ("for=court", "allow officer-search"),
    ("for=other", "allow officer-search"),
    ("for=federal", "refuse no-outside-recipient"),
    ("for=foreign", "refuse no-outside-recipient"),
    ("for=federal authority=judicial-warrant paper=attested", "allow officer-search"),
    ("case=none", "refuse case-required"),
    ("off", "refuse asking-off"),
    ("off authority=judicial-warrant paper=attested", "refuse asking-off"),
    ("purpose=immigration-enforcement", "refuse no-immigration-enforcement"),
    ("purpose=immigration-enforcement case=none", "refuse no-immigration-enforcement"),
    (
        "purpose=immigration-enforcement authority=judicial-warrant paper=attested",
        "refuse reason-required",
    ),
    (
        "purpose=immigration-enforcement authority=judicial-warrant paper=attested reason",
        "allow warrant-search",
    ),
    ("purpose=protected-health reason", "refuse no-protected-health"),
    (
        "purpose=protected-health authority=judicial-warrant paper=attested reason",
        "allow warrant-search",
    ),
    ("role=dispatcher", "refuse no-rule"),
    ("role=admin authority=judicial-warrant paper=attested", "refuse no-rule"),
    ("role=nobody", "refuse no-rule"),
    // A warrant that only the asker has seen opens nothing that needs one.
    ("for=federal authority=judicial-warrant paper=stated", "refuse no-outside-recipient"),
    ("for=out-of-state authority=declaration paper=attested", "refuse no-out-of-state"),
    ("for=out-of-state authority=judicial-warrant paper=attested", "allow officer-search"),
    (
        "purpose=warrant authority=judicial-warrant paper=stated hours=100",
        "narrow officer-search 72h 2",
    ),
    ("authority=judicial-warrant paper=stated sealed", "refuse sealed-attested"),
    ("authority=judicial-warrant paper=attested sealed", "allow officer-search"),
    ("role=detective purpose=felony-investigation hours=300", "narrow officer-search 72h 2"),
    (
        "role=detective purpose=felony-investigation hours=300 case=attested",
        "allow detective-search",
    ),
    ("role=supervisor purpose=missing-person", "allow missing-person-search"),
    ("emergency case=none", "refuse danger-told"),
    ("emergency case=none reason hours=30 cameras=90", "narrow break-glass 24h 90"),
    // Without a case nothing but this rule opens, whatever the purpose; with one the question is like others.
    ("emergency case=none reason hours=72 cameras=20", "narrow break-glass 24h 20"),
    (
        "emergency case=none reason purpose=missing-person hours=168 cameras=60",
        "narrow break-glass 24h 60",
    ),
    ("emergency reason purpose=missing-person hours=168 cameras=60", "allow missing-person-search"),
    ("role=dispatcher emergency case=none reason", "allow break-glass"),
    ("role=dispatcher emergency case=none reason overdue", "refuse review-first"),
    ("overdue", "allow officer-search"),
    ("emergency reason for=federal", "refuse no-outside-recipient"),
    ("emergency reason purpose=immigration-enforcement", "refuse no-immigration-enforcement"),
    ("purpose=curiosity", "refuse purpose-known"),
    ("authority=say-so", "refuse authority-known"),
    ("hours=0", "refuse question-complete"),
    ("cameras=0", "refuse question-complete"),
    ("plates=0", "refuse question-complete"),
];

#[test]
fn questions() {
    check(&Rules::parse(Rules::standard()).unwrap(), QUESTIONS);
}

/// Where every case is attested, one that only the asker states opens no more than none.
#[test]
fn strict_questions() {
    let rules = policy::Preset::find("strict").unwrap().rules();
    check(
        &Rules::parse(&rules).unwrap(),
        &[
            ("", "refuse case-required"),
            ("case=attested", "allow officer-search"),
            ("case=attested purpose=missing-person hours=168", "allow missing-person-search"),
            ("emergency reason hours=72", "narrow break-glass 24h 2"),
            (
                "emergency reason purpose=missing-person hours=168 cameras=60",
                "narrow break-glass 24h 60",
            ),
        ],
    );
}

/// Role by role: everything it may do. What is not listed is refused.
const ROLES: &[(&str, &[(Action, &str)])] = &[
    (
        "officer",
        &[
            (Action::Search, "officer-search"),
            (Action::ViewHits, "officer-hits"),
            (Action::DecideHit, "officer-hits"),
        ],
    ),
    (
        "detective",
        &[
            (Action::Search, "officer-search"),
            (Action::ViewHits, "officer-hits"),
            (Action::DecideHit, "officer-hits"),
        ],
    ),
    (
        "supervisor",
        &[
            (Action::Search, "officer-search"),
            (Action::ViewHits, "officer-hits"),
            (Action::DecideHit, "officer-hits"),
            (Action::AttestCase, "supervisor"),
            (Action::ReviewBreakGlass, "supervisor"),
        ],
    ),
    (
        "dispatcher",
        &[
            (Action::Search, "break-glass"),
            (Action::ViewHits, "dispatcher"),
            (Action::DecideHit, "dispatcher"),
        ],
    ),
    (
        "administrator",
        &[
            (Action::EnrolCamera, "administrator"),
            (Action::AddPerson, "administrator"),
            (Action::EditHotList, "administrator"),
            (Action::SwitchOff, "administrator"),
            (Action::ProposeRules, "administrator"),
            (Action::SignRules, "administrator"),
        ],
    ),
    (
        "clerk",
        &[
            (Action::SwitchOff, "clerk"),
            (Action::SwitchOn, "clerk"),
            (Action::ProposeRules, "clerk"),
            (Action::SignRules, "clerk"),
            (Action::PlaceHold, "clerk-holds"),
            (Action::AttestPaper, "papers"),
        ],
    ),
    (
        "counsel",
        &[
            (Action::AttestPaper, "papers"),
            (Action::ProposeRules, "signers"),
            (Action::SignRules, "signers"),
        ],
    ),
    (
        "order-signer",
        &[
            (Action::ProposeRules, "signers"),
            (Action::SignRules, "signers"),
            (Action::SwitchOff, "order-signer"),
            (Action::SwitchOn, "order-signer"),
        ],
    ),
    (
        "auditor",
        &[
            (Action::ReadAudit, "auditor"),
            (Action::ReviewBreakGlass, "auditor"),
            (Action::KeepOwnPlates, "auditor"),
        ],
    ),
    ("parking", &[(Action::EnforceParking, "parking")]),
    ("hearing-officer", &[(Action::HearContest, "hearing-officer")]),
    ("traffic", &[(Action::ViewTraffic, "traffic")]),
    ("guest", &[(Action::ViewTraffic, "traffic")]),
    ("records", &[(Action::PrepareRecords, "records")]),
    ("nobody", &[]),
];

#[test]
fn roles() {
    let rules = Rules::parse(Rules::standard()).unwrap();
    let person = "per_ana".parse().unwrap();
    for (role, may) in ROLES {
        for action in Action::ALL {
            let got = rules.may(&person, &[(*role).to_owned()], action, now());
            match may.iter().find(|(a, _)| *a == action) {
                Some((_, rule)) => assert_eq!(shown(&got), format!("allow {rule}"), "{role}"),
                None => assert!(shown(&got).starts_with("refuse"), "{role} {action:?} {got:?}"),
            }
        }
        assert_eq!(rules.has_role(role), !may.is_empty(), "{role}");
    }
    // Roles add up.
    let both = ["clerk".to_owned(), "auditor".to_owned()];
    for action in [Action::SwitchOn, Action::ReadAudit] {
        assert!(shown(&rules.may(&person, &both, action, now())).starts_with("allow"));
    }
}

#[test]
fn every_rule_is_reached_by_the_tables() {
    let rules = Rules::parse(Rules::standard()).unwrap();
    let mut reached: BTreeSet<String> =
        ROLES.iter().flat_map(|(_, may)| may.iter().map(|(_, rule)| (*rule).to_owned())).collect();
    reached.extend(
        QUESTIONS.iter().map(|(_, want)| want.split_whitespace().nth(1).unwrap().to_owned()),
    );
    for id in rules.ids() {
        assert!(reached.contains(id), "{id}");
    }
}

#[test]
fn refusals_say_what_to_do() {
    let rules = Rules::parse(Rules::standard()).unwrap();
    for (line, want) in [
        ("case=none", "State the case number this question belongs to."),
        (
            "purpose=curiosity",
            "There is no purpose \"curiosity\" here. Choose one of: stolen-vehicle,",
        ),
        // A plate in the wrong field is not repeated.
        ("purpose=7ABC128", "There is no such purpose here."),
        ("role=nobody", "ask an administrator"),
    ] {
        let (intent, facts) = spoken(line);
        match rules.decide(&intent, &facts) {
            Decision::Refuse { because, .. } => assert!(because.contains(want), "{because}"),
            other => panic!("{line}: {other:?}"),
        }
    }
}

#[test]
fn a_clerk_finds_a_sentence_above_every_rule() {
    let lines: Vec<&str> = Rules::standard().lines().collect();
    for (at, line) in lines.iter().enumerate().filter(|(_, l)| l.starts_with("@id(")) {
        let above = lines[at - 1];
        assert!(above.starts_with("// ") && above.ends_with('.'), "{line}: {above}");
    }
}

#[test]
fn rule_files_are_read_strictly() {
    let rule = |head: &str, tail: &str| {
        format!("{head} permit (principal, action == Action::\"Search\", resource) {tail};")
    };
    let forbid = "forbid (principal, action == Action::\"Search\", resource);";
    for (text, want) in [
        (rule("", ""), "Rule number 1 needs an @id"),
        (rule("@id(\"A B\")", ""), "needs an @id"),
        (rule("@id(\"a\")", "") + &rule("@id(\"a\")", ""), "Two rules are called a"),
        (rule("@id(\"a\") @max_hour(\"3\")", ""), "@max_hour that means nothing"),
        (rule("@id(\"a\") @max_hours(\"0\")", ""), "@max_hours is a whole number"),
        (rule("@id(\"a\") @max_cameras(\"+3\")", ""), "@max_cameras is a whole number"),
        (
            rule("@id(\"a\")", "when { context.purpose == Purpose::\"stolen-vehicel\" }"),
            "Rule a does not hold",
        ),
        (rule("@id(\"a\")", "when { context.mood == \"good\" }"), "Rule a does not hold"),
        (rule("@id(\"a\")", "when { false }"), "Rule a does not hold"),
        (format!("@id(\"a\") {forbid}"), "say @because"),
        (format!("@id(\"a\") @because(\"no\") @max_hours(\"1\") {forbid}"), "put bounds on rules"),
        ("permit (".to_owned(), "is not Cedar"),
        (
            "@id(\"a\") permit (principal == ?principal, action, resource);".to_owned(),
            "holds a template",
        ),
    ] {
        let e = Rules::parse(&text).unwrap_err();
        assert!(e.to_string().contains(want), "{text}\n{e}");
    }
    assert_eq!(
        shown(&Rules::parse("").unwrap().decide(&question(), &spoken("").1)),
        "refuse no-rule"
    );
}

#[test]
fn two_permits_are_never_mixed() {
    let permit = "permit (principal, action == Action::\"Search\", resource);";
    let rules = Rules::parse(&format!(
        "@id(\"long\") @max_hours(\"100\") @max_cameras(\"1\") {permit}
         @id(\"wide\") @max_hours(\"1\") @max_cameras(\"50\") {permit}"
    ))
    .unwrap();
    check(
        &rules,
        &[
            ("hours=100 cameras=50", "narrow long 100h 1"),
            ("hours=10 cameras=50", "narrow wide 1h 50"),
            ("hours=1 cameras=50", "allow wide"),
            ("hours=1 cameras=1", "allow long"),
        ],
    );
}

#[test]
fn a_rule_that_fails_refuses() {
    // The sum overflows for the number below: Cedar would skip the rule, we refuse.
    let rules = Rules::parse(
        "@id(\"yes\") permit (principal, action == Action::\"Search\", resource);
         @id(\"sum\") @because(\"No.\") forbid (principal, action == Action::\"Search\", resource)
         when { context.hours * 9223372036854775807 == 0 };",
    )
    .unwrap();
    check(&rules, &[("hours=1", "allow yes"), ("hours=2", "refuse rule-error")]);
}

#[test]
fn the_canonical_question_is_stable() {
    let text = String::from_utf8(question().canonical().expose().clone()).unwrap();
    assert_eq!(
        text,
        "{\"at\":1795435200000,\"authority\":\"none\",\"cameras\":[\"cam_0\",\"cam_1\"],\
         \"case\":\"26-000123\",\"from\":1795424400000,\
         \"id\":\"q_00000000000000000000000000000000\",\"person\":\"per_ana\",\
         \"plates\":[\"7ABC128\"],\"purpose\":\"stolen-vehicle\",\"roles\":[\"officer\"],\
         \"until\":1795435200000,\"v\":1}"
    );
    let shown = format!("{:?}", question());
    assert!(!shown.contains("7ABC") && !shown.contains("26-000"), "{shown}");
}

prop_compose! {
    fn any_question()(
        role in proptest::sample::select(vec!["officer", "dispatcher", "administrator", "clerk", "x"]),
        purpose in proptest::sample::select(vec![
            "stolen-vehicle", "missing-person", "warrant", "immigration-enforcement",
            "protected-health", "nonsense",
        ]),
        authority in proptest::sample::select(vec!["none", "judicial-warrant", "JUDICIAL-WARRANT"]),
        case in proptest::sample::select(vec![
            Vouch::None, Vouch::Stated, Vouch::Attested,
        ]),
        paper in proptest::sample::select(vec![
            Vouch::None, Vouch::Stated, Vouch::Attested,
        ]),
        asking_off in proptest::bool::weighted(0.1),
        reason: bool,
        on_behalf: bool,
        n in 0usize..40,
        from in 0i64..4_000_000_000_000,
        span in -10i64..4_000_000_000,
    ) -> (Intent, Facts) {
        let from = Time::from_millis(from);
        let intent = Intent {
            roles: vec![role.into()],
            purpose: purpose.into(),
            authority: authority.into(),
            on_behalf_of: on_behalf.then(|| "another department".into()),
            reason: reason.then(|| "because".into()),
            cameras: cameras(n),
            from,
            until: from.plus_millis(span),
            ..question()
        };
        (intent, Facts { case, paper, asking_off, review_overdue: false, now: now() })
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn narrow_is_inside_question_and_bounds((intent, facts) in any_question()) {
        thread_local!(static RULES: Rules = Rules::parse(Rules::standard()).unwrap());
        let decision = RULES.with(|rules| rules.decide(&intent, &facts));
        if let Decision::Narrow { rule, scope } = &decision {
            let (hours, most) = match rule.as_str() {
                "officer-search" => (72, 20),
                "missing-person-search" => (168, usize::MAX),
                _ => (720, usize::MAX),
            };
            prop_assert!(intent.from <= scope.from && scope.until <= intent.until);
            prop_assert!(scope.from < scope.until);
            prop_assert!(scope.until.since(scope.from) <= hours * 3_600_000);
            prop_assert!(scope.cameras.len() <= most && !scope.cameras.is_empty());
            prop_assert!(scope.cameras.iter().all(|c| intent.cameras.contains(c)));
        }
        let refused = matches!(decision, Decision::Refuse { .. });
        let warranted =
            intent.authority == "judicial-warrant" && facts.paper == Vouch::Attested;
        let closed = ["immigration-enforcement", "protected-health"];
        prop_assert!(refused || warranted || !closed.contains(&intent.purpose.as_str()));
        prop_assert!(refused || !facts.asking_off);
        prop_assert!(refused || facts.case != Vouch::None);
        prop_assert!(refused || intent.roles == ["officer"]);
    }
}

#[test]
fn rules_begin_and_end_on_their_day() {
    let permit = "permit (principal, action == Action::\"Search\", resource);";
    let forbid = "forbid (principal, action == Action::\"Search\", resource);";
    let rules = Rules::parse(&format!(
        "@id(\"always\") {permit}
         @id(\"pause\") @because(\"A pause.\") @effective(\"2026-11-24\") @expires(\"2026-11-26\") {forbid}
         @id(\"later\") @max_hours(\"1\") @effective(\"2027-01-01\") {permit}"
    ))
    .unwrap();
    let at = |moment: &str, want: &str| {
        let (intent, mut facts) = spoken("");
        facts.now = moment.parse().unwrap();
        assert_eq!(shown(&rules.decide(&intent, &facts)), want, "{moment}");
    };
    at("2026-11-23T23:59:59.999Z", "allow always");
    at("2026-11-24T00:00:00Z", "refuse pause");
    at("2026-11-25T23:59:59.999Z", "refuse pause");
    at("2026-11-26T00:00:00Z", "allow always");
    at("2027-01-01T00:00:00Z", "allow always");
    let stages = rules.stages();
    assert_eq!(stages.len(), 4);
    let holds = |at: usize, id: &str| stages[at].1.contains(id);
    assert!(holds(0, "always") && !holds(0, "pause") && holds(1, "pause") && holds(3, "later"));
    for (_, text) in stages {
        Rules::parse(&text).unwrap();
    }
    for wrong in ["2026-13-01", "2026-1-1", "today", ""] {
        let text = format!("@id(\"a\") @effective(\"{wrong}\") {permit}");
        assert!(Rules::parse(&text).unwrap_err().to_string().contains("is a day"), "{wrong}");
    }
    let text = format!("@id(\"a\") @effective(\"2026-02-01\") @expires(\"2026-01-01\") {permit}");
    assert!(Rules::parse(&text).unwrap_err().to_string().contains("expires before"));
}
