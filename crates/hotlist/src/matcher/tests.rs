//! Lists and passes as a small text, effects as another.
//!
//! A list line is `entry plate [state] [until N]`; a pass is its places divided by spaces, each the
//! characters with percent (`8:90,B:9`) or a bare character for certainty, and an optional
//! `@region`. Now is second 100.

use super::*;
use base::ReadId;
use plate::{Odds, Text};
use proptest::prelude::*;
use read::Read;

fn entry(line: &str) -> Entry {
    let mut words = line.split_whitespace();
    let id = format!("ent_{}", words.next().unwrap()).parse().unwrap();
    let plate = Text::parse(words.next().unwrap()).unwrap();
    let (mut state, mut expires) = (None, Time::from_millis(1_000_000));
    while let Some(word) = words.next() {
        match word {
            "until" => {
                let seconds: i64 = words.next().unwrap().parse().unwrap();
                expires = Time::from_millis(seconds * 1000);
            }
            _ => state = Some(word.to_owned()),
        }
    }
    Entry { id, list: "lst_stolen".parse().unwrap(), plate, state, expires }
}

fn pass(number: u8, spec: &str) -> Pass {
    let (places, region) = match spec.split_once('@') {
        Some((places, region)) => (places, Some(region.trim().to_owned())),
        None => (spec, None),
    };
    let place = |word: &str| {
        let choices = word.split(',').map(|choice| match choice.split_once(':') {
            Some((c, percent)) => {
                (c.chars().next().unwrap(), percent.parse::<f32>().unwrap() / 100.0)
            }
            None => (choice.chars().next().unwrap(), 1.0),
        });
        let mut choices: Vec<(char, f32)> = choices.collect();
        choices.sort_by(|a, b| b.1.total_cmp(&a.1));
        choices
    };
    read(number, Odds::new(places.split_whitespace().map(place).collect()).unwrap(), region)
}

fn read(number: u8, odds: Odds, region: Option<String>) -> Pass {
    let captured = Time::from_millis(90_000);
    Arc::new(Read {
        id: ReadId::new(captured, [number; 10]),
        camera: "cam_one".parse().unwrap(),
        lease: base::LeaseId::new(captured, [1; 10]),
        counter: 1,
        captured,
        first: captured,
        last: captured,
        frames: 1,
        odds,
        confidence: 0.9,
        region,
        corners: [[0; 2]; 4],
        frame_size: [640, 360],
        picture: None,
        sighting: Default::default(),
    })
}

/// The effects of some passes on a list, as `entry/number percent` in a row.
fn show(effects: &[Effect]) -> String {
    let one = |effect: &Effect| {
        let Effect::Hit { hit, entry, read, probability_ppm, .. } = effect;
        assert_eq!(*hit, hit_id(entry, read));
        let number = read.bytes()[15];
        format!("{}/{number} {}%", &entry.as_str()[4..], (probability_ppm + 5000) / 10_000)
    };
    effects.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn check(list: &[&str], passes: &[&str], want: &str) {
    let hot = HotList::new();
    hot.replace(list.iter().map(|line| entry(line)).collect());
    let passes: Vec<Pass> = (1u8..).zip(passes).map(|(n, spec)| pass(n, spec)).collect();
    let got = show(&hot.on_passes(&passes, Time::from_millis(100_000)));
    assert_eq!(got, want, "{list:?} {passes:?}");
}

#[test]
fn the_listed_plate_and_no_other() {
    check(&[], &["7 A B"], "");
    check(&["a 7AB"], &["7 A B"], "a/1 100%");
    check(&["a 7-ab"], &["7 A B"], "a/1 100%");
    check(&["a 7AB"], &["7 A 8", "7 A", "7 A B B", "7 A B"], "a/4 100%");
    check(&["a 7AB", "b 7AB", "c XYZ"], &["7 A B", "X Y Z"], "a/1 100%, b/1 100%, c/2 100%");
}

#[test]
fn the_odds_decide() {
    check(&["a 7AB"], &["7 A B:60,8:40"], "a/1 86%");
    check(&["a 7AB"], &["7 A B:30,8:70"], "a/1 63%");
    check(&["a 7AB"], &["7 A B:15,8:85"], "");
    check(&["a 7AB", "b 7A8"], &["7 A B:40,8:60"], "b/1 86%, a/1 73%");
    check(&["a 777AB88"], &["7:90 7:90 7:90 A:90 B:90 8:90 8:90"], "a/1 79%");
    check(&["a 7AO"], &["7 A 0"], "");
}

#[test]
fn an_expired_entry_never_hits() {
    check(&["a 7AB until 101"], &["7 A B"], "a/1 100%");
    check(&["a 7AB until 100"], &["7 A B"], "");
    check(&["a 7AB until 99", "b 7AB"], &["7 A B"], "b/1 100%");
}

#[test]
fn another_state_lowers_and_does_not_exclude() {
    check(&["a 7AB us-ca"], &["7 A B:80,8:20@us-ca"], "a/1 94%");
    check(&["a 7AB CA"], &["7 A B:80,8:20@us-ca"], "a/1 94%");
    check(&["a 7AB NV"], &["7 A B:80,8:20@us-ca"], "a/1 62%");
    check(&["a 7AB NV"], &["7 A B:80,8:20"], "a/1 94%");
    check(&["a 7AB NV"], &["7 A B:60,8:40@us-ca"], "");
}

#[test]
fn one_hit_for_an_entry_and_a_read() {
    let hot = HotList::new();
    hot.replace(vec![entry("a 7AB"), entry("a 7AB")]);
    assert_eq!(hot.len(), 1);
    let twice = [pass(1, "7 A B"), pass(1, "7 A B")];
    assert_eq!(show(&hot.on_passes(&twice, Time::from_millis(100_000))), "a/1 100%");
}

#[test]
fn a_list_is_replaced_whole() {
    let hot = HotList::new();
    let now = Time::from_millis(100_000);
    hot.replace(vec![entry("a 7AB")]);
    hot.replace(vec![entry("b XYZ")]);
    assert_eq!(show(&hot.on_passes(&[pass(1, "7 A B"), pass(2, "X Y Z")], now)), "b/2 100%");
    hot.replace(Vec::new());
    assert!(hot.is_empty() && hot.on_passes(&[pass(2, "X Y Z")], now).is_empty());
}

#[test]
fn a_threshold_out_of_bounds_is_brought_back() {
    for (asked, got) in [(-1.0, 0.01), (0.7, 0.7), (2.0, 0.999), (f64::NAN, 0.5)] {
        assert_eq!(HotList::with_threshold(asked).threshold(), got);
    }
}

#[test]
fn nothing_printable_names_the_plate() {
    let hot = HotList::new();
    hot.replace(vec![entry("a 7ABC128")]);
    let shown = format!("{hot:?} {:?}", entry("a 7ABC128"));
    assert!(!shown.contains("7ABC"), "{shown}");
}

/// A list of several sizes at once: the real entries and as many fillers as give another prior.
fn filled(entries: Vec<Entry>, fillers: usize) -> Vec<Entry> {
    let filler = |n: usize| entry(&format!("f{n} Z{n:07}"));
    entries.into_iter().chain((0..fillers).map(filler)).collect()
}

fn some_odds() -> impl Strategy<Value = Odds> {
    let place = proptest::collection::vec((0usize..4, 1u32..100), 1..4).prop_map(|choices| {
        let mut place: Vec<(char, f32)> = Vec::new();
        for (c, weight) in choices {
            let c = ['A', 'B', '8', '0'][c];
            if place.iter().all(|(d, _)| *d != c) {
                place.push((c, weight as f32));
            }
        }
        let sum: f32 = place.iter().map(|(_, w)| w).sum::<f32>() * 1.01;
        place.iter_mut().for_each(|(_, w)| *w /= sum);
        place.sort_by(|a, b| b.1.total_cmp(&a.1));
        place
    });
    proptest::collection::vec(place, 1..6).prop_map(|places| Odds::new(places).unwrap())
}

proptest! {
    #[test]
    fn the_index_finds_what_weighing_every_entry_finds(
        plates in proptest::collection::vec("[AB80]{1,5}", 0..30),
        odds in some_odds(),
        states in proptest::collection::vec(proptest::option::of("(us-)?(ca|nv)"), 30),
        region in proptest::option::of("us-(ca|nv)"),
        threshold in 0.01..0.999f64,
        fillers in 0usize..3,
    ) {
        let entries: Vec<Entry> = plates.iter().zip(states).enumerate().map(|(n, (plate, state))| {
            entry(&format!("e{n} {plate} {}", state.unwrap_or_default()))
        }).collect();
        let index = Index::new(filled(entries, [0, 50, 2000][fillers]));
        let read = read(1, odds, region);
        let now = Time::from_millis(100_000);
        let shown = |found: Vec<crate::index::Match<'_>>| -> Vec<(String, f64)> {
            found.iter().map(|m| (m.entry.id.to_string(), m.probability)).collect()
        };
        let fast = shown(index.matches(&read, now, threshold));
        prop_assert_eq!(fast, shown(index.all_matches(&read, now, threshold)));
    }
}

/// Prints what a pass costs against 100,000 entries: `cargo nextest run -p hotlist --release
/// --run-ignored only --no-capture`.
#[test]
#[ignore = "a measurement, not a test"]
fn cost_of_a_pass() {
    let hot = HotList::new();
    hot.replace(filled(Vec::new(), 100_000));
    let unsure = "Z 0:60,O:30 0:70,D:20 0:60,Q:30,8:9 1:70,I:29 2:80,Z:19 3:90,8:9 B:60,8:39";
    for spec in ["Z 0 0 0 1 2 3 4", "7 A B C 1 2 8", unsure] {
        let passes = vec![pass(1, spec); 10_000];
        let started = std::time::Instant::now();
        let hits = hot.on_passes(&passes, Time::from_millis(100_000)).len();
        let micros = started.elapsed().as_secs_f64() * 1e6 / passes.len() as f64;
        println!("{micros:.2} µs a pass, 100,000 entries, {hits} hits: {spec}");
    }
}
