//! How long a decision takes: the standard rules, a question about fifty cameras and a day, allowed, narrowed and
//! refused in turn. Prints one JSON object for `./run bench`; a sample is the mean of a thousand decisions.

use base::Time;
use plate::Text;
use policy::{Decision, Facts, Intent, Rules, Vouch};
use serde_json::json;
use std::time::Instant;

fn intent(purpose: &str, hours: i64) -> Intent {
    let at: Time = Time::from_millis(1_795_000_000_000);
    Intent {
        id: "q_00000000000000000000000000000000".into(),
        person: "per_ann".parse().unwrap(),
        roles: vec!["officer".into()],
        purpose: purpose.into(),
        case: Some("26-0417".into()),
        authority: "none".into(),
        paper: None,
        emergency: false,
        on_behalf_of: None,
        reason: None,
        plates: vec![Text::parse("7ABC128").unwrap()],
        patterns: Vec::new(),
        look_alikes: false,
        cameras: (0..50).map(|n| format!("cam_c{n}").parse().unwrap()).collect(),
        from: at.plus_millis(-hours * 3_600_000),
        until: at,
        at,
        reveal_after: None,
        confirmed: None,
    }
}

fn main() {
    let rules = Rules::parse(Rules::standard()).unwrap();
    let asked = [
        (intent("missing-person", 24), "allowed"),
        (intent("stolen-vehicle", 100), "narrowed"),
        (intent("immigration-enforcement", 24), "refused"),
    ];
    let mut samples = Vec::new();
    for _ in 0..100 {
        let began = Instant::now();
        for at in 0..1000 {
            let (intent, want) = &asked[at % asked.len()];
            let facts = Facts {
                case: Vouch::Stated,
                paper: Vouch::None,
                asking_off: false,
                review_overdue: false,
                now: intent.at,
            };
            let got = match rules.decide(intent, &facts) {
                Decision::Allow { .. } => "allowed",
                Decision::Narrow { .. } => "narrowed",
                Decision::Refuse { .. } => "refused",
            };
            assert_eq!(got, *want);
        }
        samples.push(began.elapsed().as_secs_f64() * 1e6 / 1000.0);
    }
    let line = json!({
        "promise": "a decision by the standard rules", "promised": 20.0, "more": false,
        "unit": "µs", "samples": samples,
    });
    println!("{line}");
}
