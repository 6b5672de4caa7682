//! Lists and passes as a small text, effects as another.
//!
//! A list line is `entry plate [state] [from N] [until N] [list NAME]`; a pass is its places divided by spaces, each the
//! characters with percent (`8:90,B:9`) or a bare character for certainty, and an optional
//! `@region`. Now is second 100.

mod slow;

use super::*;
use base::ReadId;
use plate::{Odds, Text};
use proptest::prelude::*;
use read::{Read, StateBasis, TextBasis};
use slow::{Slow, shown};

fn entry(line: &str) -> Entry {
    let mut words = line.split_whitespace();
    let id = format!("ent_{}", words.next().unwrap()).parse().unwrap();
    let plate = plate::Pattern::parse(words.next().unwrap()).unwrap();
    let second =
        |word: Option<&str>| Time::from_millis(word.unwrap().parse::<i64>().unwrap() * 1000);
    let (mut state, mut expires, mut from) =
        (None, Time::from_millis(1_000_000), Time::from_millis(0));
    let mut list = "lst_stolen".parse().unwrap();
    while let Some(word) = words.next() {
        match word {
            "until" => expires = second(words.next()),
            "from" => from = second(words.next()),
            "list" => list = format!("lst_{}", words.next().unwrap()).parse().unwrap(),
            _ => state = Some(word.to_owned()),
        }
    }
    Entry { id, list, plate, state, priority: 0, from, expires }
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
        confidence: 1.0,
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
        let Effect::Hit { hit, entry, read, probability_ppm, basis, .. } = effect;
        assert_eq!(*hit, hit_id(entry, read));
        let number = read.bytes()[15];
        let basis = basis.as_ref().unwrap();
        let text = match basis.text {
            TextBasis::Exact => "",
            TextBasis::LookAlike => " alike",
            TextBasis::Other => " other",
            TextBasis::Missing => " missing",
            TextBasis::Extra => " extra",
            TextBasis::Partial => " partial",
        };
        let state = match basis.state {
            StateBasis::Same => " same",
            StateBasis::Unknown => "",
            StateBasis::Differs => " differs",
        };
        let places: Vec<String> = basis.places.iter().map(u8::to_string).collect();
        let places =
            if places.is_empty() { String::new() } else { format!(" at {}", places.join("+")) };
        format!(
            "{}/{number} {}%{text}{places}{state}",
            &entry.as_str()[4..],
            (probability_ppm + 5000) / 10_000
        )
    };
    effects.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn check_at(threshold: f64, list: &[&str], passes: &[&str], want: &str) {
    let hot = HotList::with_threshold(threshold);
    hot.replace(list.iter().map(|line| entry(line)).collect());
    let passes: Vec<Pass> = (1u8..).zip(passes).map(|(n, spec)| pass(n, spec)).collect();
    let got = show(&hot.on_passes(&passes, Time::from_millis(100_000)));
    assert_eq!(got, want, "{list:?} {passes:?}");
}

fn check(list: &[&str], passes: &[&str], want: &str) {
    check_at(0.5, list, passes, want);
}

/// A list that had nothing to propose is counted; one that is too old, is empty or counts nothing is not.
#[test]
fn what_reads_are_compared_with_is_counted() {
    let lists = HotList::new();
    let terms = |stale: Option<i64>| Terms {
        counted: true,
        stale: stale.map(|second| Time::from_millis(second * 1000)),
        ..Terms::at(0.5)
    };
    lists.set_terms(HashMap::from([
        ("lst_stolen".parse().unwrap(), terms(None)),
        ("lst_old".parse().unwrap(), terms(Some(100))),
        ("lst_empty".parse().unwrap(), terms(None)),
    ]));
    let entries = ["a 7ABC128", "b 8XYZ999 list old", "c 9XYZ999 list plain"];
    lists.replace(entries.map(entry).to_vec());
    assert!(lists.take_proposed().is_empty());
    lists.on_passes(&[pass(1, "4 J K L 5 6 7")], Time::from_millis(100_000));
    let proposed = lists.take_proposed();
    let counted: Vec<&str> = proposed.keys().map(ListId::as_str).collect();
    assert_eq!(counted, ["lst_stolen"]);
    assert!(proposed.values().all(|tally| tally.counts().is_empty()));
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
    check(&["a 7AB"], &["7 A B:30,8:70"], "a/1 63% alike at 2");
    check(&["a 7AB"], &["7 A B:15,8:85"], "");
    check(&["a 7AX"], &["7 A X:30,8:70"], "a/1 63% other at 2");
    check(&["a 777AB88"], &["7:90 7:90 7:90 A:90 B:90 8:90 8:90"], "a/1 78%");
    check(&["a 7AO"], &["7 A 0"], "");
}

#[test]
fn listed_plates_compete() {
    check(&["a 7AB", "b 7A8"], &["7 A B:40,8:60"], "b/1 60%");
    check_at(0.3, &["a 7AB", "b 7A8"], &["7 A B:40,8:60"], "b/1 60%, a/1 40% alike at 2");
    // One car on two lists does not compete with itself.
    check(&["a 7AB us-ca", "b 7AB list bolo"], &["7 A B @us-ca"], "b/1 100%, a/1 100% same");
}

#[test]
fn the_confidence_of_the_whole_text_counts() {
    let hot = HotList::new();
    hot.replace(vec![entry("a 7AB")]);
    let with = |confidence: f32| {
        let mut read = Read::clone(&pass(1, "7 A B"));
        read.confidence = confidence;
        show(&hot.on_passes(&[Arc::new(read)], Time::from_millis(100_000)))
    };
    assert_eq!((with(0.9), with(0.5), with(0.1)), ("a/1 97%".into(), "a/1 80%".into(), "".into()));
}

#[test]
fn a_character_missing_or_too_many() {
    let at = |threshold, line: &str, spec: &str| {
        let mut read = Read::clone(&pass(1, spec));
        read.confidence = 0.6;
        let hot = HotList::with_threshold(threshold);
        hot.replace(vec![entry(line)]);
        show(&hot.on_passes(&[Arc::new(read)], Time::from_millis(100_000)))
    };
    // What was read has no format of its state, so that it is improbable itself.
    let (short, long) = ("A B 1 2 3 @us-dc", "A B 1 2 3 4 7 @us-dc");
    assert_eq!(at(0.01, "a AB1234 us-dc", short), "a/1 2% missing at 5 same");
    assert_eq!(at(0.01, "a AB1234 us-dc", long), "a/1 21% extra at 6 same");
    assert_eq!(at(0.01, "a AB1234 us-dc", "A B 1 2 @us-dc"), "");
    assert_eq!(at(0.5, "a AB1234 us-dc", short), "");
    // Where it has one, another vehicle is likelier.
    assert_eq!(at(0.01, "a AB12345 us-dc", "A B 1 2 3 4 @us-dc"), "");
}

#[test]
fn an_entry_hits_in_its_time() {
    check(&["a 7AB until 101"], &["7 A B"], "a/1 100%");
    check(&["a 7AB until 100"], &["7 A B"], "");
    check(&["a 7AB until 99", "b 7AB"], &["7 A B"], "b/1 100%");
    check(&["a 7AB from 100"], &["7 A B"], "a/1 100%");
    check(&["a 7AB from 101"], &["7 A B"], "");
}

#[test]
fn the_state_counts() {
    let at = |line: &str, spec: &str| {
        let hot = HotList::with_threshold(0.001);
        hot.set_prior(Prior { home: Some("CA".into()), ..Prior::default() });
        hot.replace(vec![entry(line)]);
        show(&hot.on_passes(&[pass(1, spec)], Time::from_millis(100_000)))
    };
    for (line, spec, want) in [
        ("a 7ABC128 us-ca", "7 A B C 1 2 8 @us-ca", "a/1 100% same"),
        ("a 7ABC128 CA", "7 A B C 1 2 8 @us-ca", "a/1 100% same"),
        ("a 7ABC128 CA", "7 A B C 1 2 8", "a/1 98%"),
        ("a 7ABC128", "7 A B C 1 2 8 @us-nv", "a/1 100%"),
        // A serial of home: its state was misread.
        ("a 7ABC128 CA", "7 A B C 1 2 8 @us-nv", "a/1 98% differs"),
        // The same number of another state is another car.
        ("a 7ABC128 NV", "7 A B C 1 2 8 @us-ca", ""),
        ("a 7ABC128 NV", "7 A B C 1 2 8", ""),
        // A serial that no car of home has.
        ("a BCD1234 TX", "B C D 1 2 3 4 @us-tx", "a/1 99% same"),
        ("a BCD1234 TX", "B C D 1 2 3 4 @us-ca", "a/1 4% differs"),
        ("a BCD1234 TX", "B C D 1 2 3 4", "a/1 19%"),
    ] {
        assert_eq!(at(line, spec), want, "{line} {spec}");
    }
}

/// What is listed for another state takes nothing from the cars that are not: Q is as improbable with it as without.
#[test]
fn a_listing_of_another_states_car_makes_no_third_one_probable() {
    let at = |lines: &[&str]| {
        let hot = HotList::with_threshold(0.1);
        hot.set_prior(Prior { home: Some("us-oh".into()), ..Prior::default() });
        hot.replace(lines.iter().map(|line| entry(line)).collect());
        show(&hot.on_passes(&[pass(1, "D:88,Q:10 B C 1 2 3 4 @us-oh")], Time::from_millis(100_000)))
    };
    let alone = at(&["q QBC1234 us-oh"]);
    assert!(alone.starts_with("q/1 "), "{alone}");
    assert_eq!(at(&["q QBC1234 us-oh", "d DBC1234 us-pa"]), alone);
}

/// What a person sees is what the reader said, whatever its record of mistakes makes of it.
#[test]
fn other_characters_are_what_the_reader_said_other() {
    let spec = "7:99 A:99 B:99 C:99 1:99 2:99 S:29,5:21";
    let seen = pass(1, spec);
    let belief = plate::Belief::of(&seen.odds, seen.confidence);
    let five = belief.ranked(6)[0].0;
    assert_eq!((five, seen.odds.text() == Text::parse("7ABC12S").unwrap()), (5, true));
    check_at(0.01, &["a 7ABC12S"], &[spec], "a/1 63%");
    check_at(0.01, &["a 7ABC125"], &[spec], "a/1 65% alike at 6");
    check_at(0.01, &["a 7AB?12S"], &[spec], "a/1 8% partial");
    check_at(0.01, &["a 7AB?125"], &[spec], "a/1 9% partial at 6");
}

#[test]
fn a_partial_plate_is_raised_where_it_fits() {
    check(&["a 7AB?12* us-ca"], &["7 A B C 1 2 8 @us-ca"], "a/1 2% partial same");
    check(&["a 7AB?12*"], &["7 A B 9 1 2", "7 A B 1 2"], "a/1 2% partial");
    check(
        &["a *C128"],
        &["7 A B C 1 2 8", "C 1 2 8", "C 1 2 8 9"],
        "a/1 0% partial, a/2 0% partial",
    );
    check(&["a ?ABC12?"], &["7 A B C 1 2 8", "7 A B C 1 2"], "a/1 2% partial");
    check(&["a 7AB?12*"], &["7 A 8:60,B:40 9 1 2"], "");
    check(&["a 7?*", "b *1*2*3*"], &["7 A B"], "");
}

#[test]
fn a_found_vehicle_is_silent_in_older_copies() {
    let hot = HotList::new();
    let tomb = |state: Option<&str>, list: &str, found: i64, until: i64| Tombstone {
        list: list.parse().unwrap(),
        plate: Text::parse("7AB").unwrap(),
        state: state.map(str::to_owned),
        found: Time::from_millis(found * 1000),
        until: Time::from_millis(until * 1000),
    };
    for (line, tomb, silent) in [
        ("a 7AB", tomb(None, "lst_stolen", 50, 200), true),
        ("a 7AB ca", tomb(Some("us-ca"), "lst_stolen", 50, 200), true),
        ("a 7AB", tomb(Some("us-ca"), "lst_stolen", 50, 200), true),
        ("a 7AB nv", tomb(Some("us-ca"), "lst_stolen", 50, 200), false),
        ("a 7AB from 60", tomb(None, "lst_stolen", 50, 200), false), // stolen again
        ("a 7AB", tomb(None, "lst_bolo", 50, 200), false),
        ("a 7AB", tomb(None, "lst_stolen", 50, 100), false),
        ("a 7AC", tomb(None, "lst_stolen", 50, 200), false),
    ] {
        hot.silence(vec![tomb]);
        hot.replace(vec![entry(line)]);
        let read = format!("7 A {}", if line.contains("7AC") { "C" } else { "B" });
        let hits = hot.find(&pass(1, &read), Time::from_millis(100_000));
        assert_eq!(hits.is_empty(), silent, "{line}");
        let entry = entry(line);
        let plate = entry.plate.exact().unwrap();
        assert_eq!(hot.is_found(&entry, &plate, Time::from_millis(100_000)), silent, "{line}");
    }
    // Half a plate asks for every car that fits but the one that was found.
    for (line, read, silent) in [
        ("p 7?B1", "7 A B 1", true),
        ("p 7?B1", "7 C B 1", false),
        ("p 7?B1 from 60", "7 A B 1", false),
        ("p 7?B1 list bolo", "7 A B 1", false),
    ] {
        let plate = Text::parse("7AB1").unwrap();
        hot.silence(vec![Tombstone { plate, ..tomb(None, "lst_stolen", 50, 200) }]);
        hot.replace(vec![entry(line)]);
        let hits = hot.find(&pass(1, read), Time::from_millis(100_000));
        assert_eq!(hits.is_empty(), silent, "{line}");
        let typed = Text::parse(&read.replace(' ', "")).unwrap();
        assert_eq!(hot.listed(&typed, Time::from_millis(100_000)).is_empty(), silent, "{line}");
    }
}

/// What no plate tells apart a person cannot type.
#[test]
fn a_typed_plate_is_found_however_it_is_spelled() {
    let hot = HotList::new();
    let lines = ["a 7AOC12", "b 7A0CI2", "c 7AQC12", "p 7A0?12", "q 7?OC*", "r 7A0C12 until 99"];
    hot.replace(lines.iter().map(|line| entry(line)).collect());
    let listed = |typed: &str| {
        let all = hot.listed(&Text::parse(typed).unwrap(), Time::from_millis(100_000));
        all.iter().map(|id| id.as_str()[4..].to_owned()).collect::<Vec<_>>().join(" ")
    };
    for typed in ["7AOC12", "7A0C12", "7A0CI2"] {
        assert_eq!(listed(typed), "a b p q", "{typed}");
    }
    assert_eq!(listed("7AQC12"), "c");
    // A vehicle that was found is silent in what half a plate asks for, however it is typed.
    hot.silence(vec![Tombstone {
        list: "lst_stolen".parse().unwrap(),
        plate: Text::parse("7A0C12").unwrap(),
        state: None,
        found: Time::from_millis(50_000),
        until: Time::from_millis(200_000),
    }]);
    assert_eq!(listed("7AOC12"), "a b q");
}

#[test]
fn a_list_has_its_own_terms() {
    let hot = HotList::new();
    hot.replace(vec![entry("a 7AB"), entry("b 7AB list bolo"), entry("c 7AB list old")]);
    let lists = ["lst_bolo", "lst_old"].map(|l| l.parse().unwrap());
    let terms =
        [Terms::at(0.9999), Terms { stale: Some(Time::from_millis(100_000)), ..Terms::default() }];
    hot.set_terms(lists.into_iter().zip(terms).collect());
    let at = |ms| show(&hot.on_passes(&[pass(1, "7 A B")], Time::from_millis(ms)));
    assert_eq!((at(99_999).as_str(), at(100_000).as_str()), ("a/1 100%, c/1 100%", "a/1 100%"));
}

#[test]
fn one_hit_for_an_entry_and_a_read() {
    let hot = HotList::new();
    assert_eq!(hot.replace(vec![entry("a 7AB"), entry("a 7AB")]), Loaded { taken: 1, refused: 0 });
    assert_eq!(hot.len(), 1);
    let twice = [pass(1, "7 A B"), pass(1, "7 A B")];
    assert_eq!(show(&hot.on_passes(&twice, Time::from_millis(100_000))), "a/1 100%");
}

#[test]
fn a_list_changes_whole_and_in_part() {
    let hot = HotList::new();
    let now = Time::from_millis(100_000);
    let both = [pass(1, "7 A B"), pass(2, "X Y Z")];
    let id = |s: &str| s.parse::<EntryId>().unwrap();
    hot.replace(vec![entry("a 7AB")]);
    hot.replace(vec![entry("b XYZ")]);
    assert_eq!(show(&hot.on_passes(&both, now)), "b/2 100%");
    hot.update(vec![entry("a 7AB"), entry("p 7A*")], &[]);
    assert_eq!(hot.len(), 2, "a partial plate names three characters");
    assert_eq!(show(&hot.on_passes(&both, now)), "a/1 100%, b/2 100%");
    hot.update(vec![entry("a XYZ")], &[id("ent_b"), id("ent_c")]);
    assert_eq!(show(&hot.on_passes(&both, now)), "a/2 100%");
    let bolo = "lst_bolo".parse().unwrap();
    let loaded = hot.replace_list(&bolo, vec![entry("b 7AB list bolo"), entry("a 7AB list bolo")]);
    assert_eq!(loaded, Loaded { taken: 1, refused: 0 }, "the id a is another list's");
    assert_eq!(show(&hot.on_passes(&both, now)), "b/1 100%, a/2 100%");
    hot.replace_list(&bolo, vec![]);
    assert_eq!(show(&hot.on_passes(&both, now)), "a/2 100%");
    hot.replace(Vec::new());
    assert!(hot.is_empty() && hot.on_passes(&both, now).is_empty());
}

#[test]
fn many_changes_are_laid_out_anew() {
    let hot = HotList::new();
    let fill = |from: usize, to: usize| -> Vec<Entry> {
        (from..to).map(|n| entry(&format!("f{n} Z{n:07}"))).collect()
    };
    hot.replace(fill(0, 30_000));
    hot.update(fill(30_000, 45_000), &[]);
    let ids: Vec<EntryId> = fill(0, 100).into_iter().map(|e| e.id).collect();
    hot.update(Vec::new(), &ids);
    assert_eq!(hot.len(), 44_900);
    let found = |spec: &str| hot.find(&pass(1, spec), Time::from_millis(1000)).len();
    assert_eq!(found("Z 0 0 0 0 0 9 9"), 0);
    assert_eq!(found("Z 0 0 0 0 1 0 0"), 1);
    assert_eq!(found("Z 0 0 4 4 9 9 9"), 1);
}

#[test]
fn a_threshold_out_of_bounds_is_brought_back() {
    for (asked, got) in [(-1.0, 0.001), (0.7, 0.7), (2.0, 0.99999), (f64::NAN, 0.5)] {
        assert_eq!(HotList::with_threshold(asked).threshold(), got);
    }
}

#[test]
fn nothing_printable_names_the_plate() {
    let hot = HotList::new();
    hot.replace(vec![entry("a 7ABC128")]);
    let found = hot.find(&pass(1, "7 A B C 1 2 8"), Time::from_millis(1000));
    let shown = format!("{hot:?} {:?} {found:?}", entry("a 7ABC128"));
    assert!(found.len() == 1 && !shown.contains("7ABC"), "{shown}");
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

/// An entry as a line, with few letters, states, lists and times, so that they meet.
fn some_entry() -> impl Strategy<Value = String> {
    let plate = prop_oneof![5 => "[AB80]{1,5}", 1 => "[AB80?]{3,5}\\*?", 1 => "\\*[AB80?]{3,4}"];
    let state = proptest::option::of("(us-)?(ca|nv)|us");
    (0u32..40, plate, state, 90u32..110, 90u32..115, "stolen|bolo|old").prop_map(
        |(id, plate, state, from, until, list)| {
            let state = state.unwrap_or_default();
            format!("e{id} {plate} {state} from {from} until {until} list {list}")
        },
    )
}

#[derive(Clone, Debug)]
enum Change {
    Load(Vec<String>),
    List(String, Vec<String>),
    Update(Vec<String>, Vec<u32>),
    Silence(Vec<(String, Option<String>)>),
    Terms(f64, f64),
    Home(Option<String>),
}

fn some_change() -> impl Strategy<Value = Change> {
    let entries = |n| proptest::collection::vec(some_entry(), 0..n);
    prop_oneof![
        entries(40).prop_map(Change::Load),
        ("stolen|bolo", entries(20)).prop_map(|(list, lines)| {
            let of = format!("list {list}");
            let lines =
                lines.into_iter().map(|l| format!("{} {of}", l.split(" list").next().unwrap()));
            Change::List(list, lines.collect())
        }),
        (entries(8), proptest::collection::vec(0u32..40, 0..8))
            .prop_map(|(a, r)| Change::Update(a, r)),
        proptest::collection::vec(("[AB80]{1,4}", proptest::option::of("us-ca|nv")), 0..6)
            .prop_map(Change::Silence),
        (0.001..0.99f64, 0.1..1.0f64).prop_map(|(t, u)| Change::Terms(t, u)),
        proptest::option::of("us-(ca|nv)").prop_map(Change::Home),
    ]
}

fn apply(hot: &HotList, slow: &mut Slow, change: Change) {
    let entries = |lines: &[String]| lines.iter().map(|l| entry(l)).collect::<Vec<_>>();
    match change {
        Change::Load(lines) => {
            hot.load(entries(&lines));
            slow.entries.clear();
            slow.put_list(&"lst_none".parse().unwrap(), entries(&lines));
        }
        Change::List(list, lines) => {
            let list = format!("lst_{list}").parse().unwrap();
            hot.replace_list(&list, entries(&lines));
            slow.put_list(&list, entries(&lines));
        }
        Change::Update(lines, ids) => {
            let ids: Vec<EntryId> =
                ids.iter().map(|n| format!("ent_e{n}").parse().unwrap()).collect();
            hot.update(entries(&lines), &ids);
            slow.put(entries(&lines), &ids);
        }
        Change::Silence(plates) => {
            let tomb = |(plate, state): &(String, Option<String>)| Tombstone {
                list: "lst_stolen".parse().unwrap(),
                plate: Text::parse(plate).unwrap(),
                state: state.clone(),
                found: Time::from_millis(95_000),
                until: Time::from_millis(110_000),
            };
            slow.tombs = plates.iter().map(tomb).collect();
            hot.silence(slow.tombs.clone());
        }
        Change::Home(home) => {
            slow.home.clone_from(&home);
            hot.set_prior(Prior { home, ..Prior::default() });
        }
        Change::Terms(threshold, fits) => {
            let terms = Terms { fits, ..Terms::at(threshold) };
            let old = Terms { stale: Some(Time::from_millis(101_000)), ..Terms::at(0.2) };
            slow.terms = [("stolen", terms), ("old", old)]
                .map(|(list, t)| (format!("lst_{list}").parse().unwrap(), t))
                .into();
            hot.set_terms(slow.terms.clone());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn the_matcher_finds_what_weighing_every_entry_finds(
        changes in proptest::collection::vec(some_change(), 1..6),
        reads in proptest::collection::vec((some_odds(), proptest::option::of("us-(ca|nv)|us"), 0.0..1.0f32), 1..4),
        now in 95_000i64..105_000,
    ) {
        let (hot, mut slow) = (HotList::new(), Slow::default());
        for change in changes {
            apply(&hot, &mut slow, change);
            prop_assert_eq!(hot.len(), slow.entries.len());
            for (odds, region, confidence) in &reads {
                let mut read = Read::clone(&read(1, odds.clone(), region.clone()));
                read.confidence = *confidence;
                let now = Time::from_millis(now);
                let (fast, want) = (shown(&hot.find(&read, now)), slow.find(&read, now));
                let ids = |of: &[(String, f64)]| {
                    let mut ids: Vec<String> = of.iter().map(|f| f.0.clone()).collect();
                    ids.sort();
                    ids
                };
                prop_assert_eq!(ids(&fast), ids(&want));
                for (id, p) in fast {
                    let other = want.iter().find(|w| w.0 == id).unwrap().1;
                    prop_assert!((p - other).abs() < 1e-6, "{} {} {}", id, p, other);
                }
            }
        }
    }
}
