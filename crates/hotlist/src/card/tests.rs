//! Cards as small stories: who says what, when, and where the hit stands then.

use super::*;
use proptest::prelude::*;

const MINUTE: i64 = 60_000;

/// Plays acts `minute who what` and says of each what the card is then, or why it was refused.
fn play(around: Around, story: &str) -> String {
    let mut card = Card::default();
    let mut out = Vec::new();
    for line in story.split(',').map(str::trim) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let at = Time::from_millis(words[0].parse::<i64>().unwrap() * MINUTE);
        let by = (words[1] != "-").then(|| format!("per_{}", words[1]).parse().unwrap());
        if words[2] == "say" {
            out.push(card.say(&around, at).as_str().to_owned());
            continue;
        }
        let verdict = |finding, typed| What::Verdict {
            finding,
            compared: Compared::ALL,
            typed,
            needs_second: around.two_persons,
            remark: None,
        };
        let what = match words[2] {
            "reads-it" => verdict(HitFinding::Correct, Some(true)),
            "reads-other" => verdict(HitFinding::Correct, Some(false)),
            "hasty" => What::Verdict {
                finding: HitFinding::Correct,
                compared: Compared { make: false, ..Compared::ALL },
                typed: None,
                needs_second: false,
                remark: None,
            },
            "stands" => What::Record { answer: RecordAnswer::Confirmed },
            "gone-record" => What::Record { answer: RecordAnswer::NoLongerWanted },
            "have-it" => What::Eyes { answer: EyesAnswer::HaveIt },
            "not-it" => What::Eyes { answer: EyesAnswer::NotIt },
            "gone" => What::Eyes { answer: EyesAnswer::Gone },
            "cold" => What::Cold,
            "along" => What::Along,
            "unknown" => What::Unknown,
            other => match HitOutcome::parse(other) {
                Some(outcome) => What::Outcome { outcome, remark: None },
                None => verdict(HitFinding::parse(other).unwrap(), None),
            },
        };
        match card.with(Act { at, by, what }, &around) {
            Ok(next) => {
                card = next;
                out.push(card.state().as_str().to_owned());
            }
            Err(e) => out.push(format!("{:?}", e.kind())),
        }
    }
    out.join(" ")
}

fn check(around: Around, story: &str, want: &str) {
    assert_eq!(play(around, story), want, "{story}");
}

fn usual() -> Around {
    Around { fresh: true, ..Around::default() }
}

#[test]
fn nothing_is_said_before_somebody_has_compared() {
    check(
        usual(),
        "0 - say, 1 dora hasty, 1 dora correct, 1 - say",
        "not-compared Invalid confirmed look",
    );
    check(usual(), "1 dora misread, 1 - say, 2 dora correct", "rejected rejected Conflict");
}

#[test]
fn a_record_is_good_for_ten_minutes() {
    check(
        usual(),
        "0 dora correct, 1 dora stands, 2 - say, 10 - say, 11 - say, 0 - say, 12 dora stands, 13 - say",
        "confirmed confirmed stop stop look look confirmed stop",
    );
    check(
        usual(),
        "0 dora stands, 1 - say, 1 dora correct, 1 - say",
        "open not-compared confirmed stop",
    );
    check(usual(), "0 dora correct, 1 dora gone-record, 1 - say", "confirmed rejected rejected");
}

#[test]
fn two_people_where_the_list_says_so() {
    let two = Around { two_persons: true, ..usual() };
    check(
        two,
        "0 dora correct, 0 - say, 1 dora correct, 1 omar correct, 1 - say",
        "second needs-second Conflict confirmed look",
    );
    check(two, "0 dora correct, 1 omar misread", "second rejected");
    check(two, "0 dora correct, 1 dora misread", "second rejected");
    check(
        two,
        "0 dora correct, 11 - cold, 12 omar correct, 12 - say",
        "second cold confirmed too-late",
    );
    check(two, "0 - cold, 1 dora correct, 1 - say", "cold second needs-second");
}

#[test]
fn what_was_read_otherwise_is_read_by_a_person() {
    let alike = Around { must_type: true, ..usual() };
    check(
        alike,
        "0 dora correct, 0 dora reads-other, 0 dora reads-it",
        "Invalid Conflict confirmed",
    );
}

#[test]
fn late_cold_and_stale_hits_are_not_broadcast() {
    check(Around { late: true, ..usual() }, "0 dora correct, 0 - say", "confirmed too-late");
    check(
        usual(),
        "10 - cold, 10 - say, 11 dora correct, 11 - say",
        "cold too-late confirmed too-late",
    );
    check(Around::default(), "0 dora correct, 0 dora stale", "Conflict rejected");
    let over = Around { over: true, ..usual() };
    check(over, "0 - say, 0 dora correct, 0 - say", "not-compared confirmed over");
    let observe = Around { action: ListAction::ObserveOnly, ..usual() };
    check(observe, "0 dora correct, 0 dora stands, 0 - say", "confirmed confirmed observe");
    let inform = Around { action: ListAction::InformOnly, ..usual() };
    check(inform, "0 dora correct, 0 - say", "confirmed inform");
}

#[test]
fn own_eyes_and_the_end() {
    check(
        usual(),
        "0 omar have-it, 0 dora correct, 1 omar have-it, 2 omar recovered, 3 - say",
        "Conflict confirmed confirmed closed over",
    );
    check(
        usual(),
        "0 dora correct, 1 omar not-it, 1 - say, 2 omar false",
        "confirmed rejected rejected closed",
    );
    check(
        usual(),
        "0 dora correct, 1 omar gone, 2 - unknown, 3 - unknown, 4 omar not-found",
        "confirmed confirmed confirmed Conflict closed",
    );
    check(usual(), "0 dora misread, 1 dora recovered", "rejected Conflict");
    check(
        usual(),
        "0 dora correct, 1 dora recovered, 2 dora false, 2 dora stands",
        "confirmed closed Conflict Conflict",
    );
}

#[test]
fn who_says_that_it_is_not_looked_for_any_more_ends_more_than_one_hit() {
    let at = |minute: i64| Time::from_millis(minute * MINUTE);
    let over = |acts: &[What]| {
        let acts = (0..).zip(acts).map(|(n, what)| Act { at: at(n), by: None, what: what.clone() });
        Card { acts: acts.collect() }.over_at()
    };
    let record = |answer| What::Record { answer };
    let outcome = |outcome| What::Outcome { outcome, remark: None };
    let stands = || record(RecordAnswer::Confirmed);
    assert_eq!(over(&[stands(), outcome(HitOutcome::NotFound)]), None);
    assert_eq!(over(&[stands(), record(RecordAnswer::NoLongerWanted)]), Some(at(1)));
    let recovered = outcome(HitOutcome::Recovered);
    assert_eq!(over(&[record(RecordAnswer::NoLongerWanted), recovered]), Some(at(1)));
}

#[test]
fn eyes_that_lost_it_have_not_got_it() {
    let eyes = |answers: &[EyesAnswer]| {
        let acts = answers.iter().map(|answer| Act {
            at: Time::from_millis(0),
            by: Some("per_omar".parse().unwrap()),
            what: What::Eyes { answer: *answer },
        });
        Card { acts: acts.collect() }.stamps(Time::from_millis(1)).eyes.is_some()
    };
    assert!(eyes(&[EyesAnswer::HaveIt]));
    assert!(!eyes(&[EyesAnswer::HaveIt, EyesAnswer::Gone]));
    assert!(!eyes(&[EyesAnswer::HaveIt, EyesAnswer::NotIt]));
    assert!(eyes(&[EyesAnswer::Gone, EyesAnswer::HaveIt]));
}

#[test]
fn the_finding_is_the_one_that_decided() {
    let card = |acts: &[(&str, HitFinding, bool)]| {
        let acts = acts.iter().map(|(by, finding, needs_second)| Act {
            at: Time::from_millis(0),
            by: Some(format!("per_{by}").parse().unwrap()),
            what: What::Verdict {
                finding: *finding,
                compared: Compared::ALL,
                typed: None,
                needs_second: *needs_second,
                remark: None,
            },
        });
        Card { acts: acts.collect() }
    };
    assert_eq!(card(&[]).finding(), None);
    assert_eq!(card(&[("a", HitFinding::Correct, true)]).finding(), None);
    let both = [("a", HitFinding::Correct, true), ("b", HitFinding::Correct, true)];
    assert_eq!(card(&both).finding(), Some(HitFinding::Correct));
    let other = [("a", HitFinding::Correct, true), ("b", HitFinding::WrongState, true)];
    assert_eq!(card(&other).finding(), Some(HitFinding::WrongState));
}

fn any_act() -> impl Strategy<Value = Act> {
    let verdict = (0..5usize, any::<bool>(), prop::option::of(any::<bool>()), any::<bool>())
        .prop_map(|(n, all, typed, needs_second)| What::Verdict {
            finding: HitFinding::ALL[n],
            compared: Compared { make: all, ..Compared::ALL },
            typed,
            needs_second,
            remark: None,
        });
    let what = prop_oneof![
        3 => verdict,
        1 => any::<bool>().prop_map(|yes| What::Record {
            answer: if yes { RecordAnswer::Confirmed } else { RecordAnswer::NoLongerWanted },
        }),
        1 => (0..3u8).prop_map(|n| What::Eyes {
            answer: [EyesAnswer::HaveIt, EyesAnswer::NotIt, EyesAnswer::Gone][usize::from(n)],
        }),
        1 => (0..3u8).prop_map(|n| What::Outcome {
            outcome: [HitOutcome::Recovered, HitOutcome::NotFound, HitOutcome::False][usize::from(n)],
            remark: None,
        }),
        1 => Just(What::Cold),
        1 => Just(What::Along),
        1 => Just(What::Unknown),
    ];
    (0..60i64, 0..3u8, what).prop_map(|(at, by, what)| Act {
        at: Time::from_millis(at * MINUTE),
        by: Some(format!("per_{}", char::from(b'a' + by)).parse().unwrap()),
        what,
    })
}

proptest! {
    /// Whatever is tried in whatever order: nothing is said aloud that nobody compared whole, that two people
    /// had to agree on and did not, or that was found wrong; and a stop needs a record that stands.
    #[test]
    fn nothing_is_said_without_its_grounds(
        acts in prop::collection::vec(any_act(), 0..12),
        two in any::<bool>(),
        must_type in any::<bool>(),
        now in 0..60i64,
    ) {
        let around = Around { two_persons: two, must_type, ..usual() };
        let mut card = Card::default();
        for mut act in acts {
            if let What::Verdict { needs_second, .. } = &mut act.what {
                *needs_second = two;
            }
            card = card.with(act, &around).unwrap_or(card);
        }
        let now = Time::from_millis(now * MINUTE);
        let said = card.say(&around, now);
        if said.aloud() {
            let right: Vec<_> = card.acts.iter().filter(|a| right(a)).collect();
            let people: std::collections::HashSet<_> = right.iter().map(|a| &a.by).collect();
            let wanted = if two { 2 } else { 1 };
            prop_assert!(people.len() >= wanted);
            for act in right {
                let What::Verdict { compared, typed, .. } = &act.what else { unreachable!() };
                prop_assert!(compared.all());
                prop_assert!(*typed == Some(true) || (typed.is_none() && !must_type));
            }
            let against = card.acts.iter().any(|a| {
                matches!(
                    a.what,
                    What::Record { answer: RecordAnswer::NoLongerWanted }
                        | What::Eyes { answer: EyesAnswer::NotIt }
                )
            });
            prop_assert!(!against);
        }
        if said == Say::Stop {
            prop_assert!(card.stamps(now).record.is_some());
        }
        let json = serde_json::to_string(&card).unwrap();
        prop_assert_eq!(serde_json::from_str::<Card>(&json).unwrap(), card);
    }
}
