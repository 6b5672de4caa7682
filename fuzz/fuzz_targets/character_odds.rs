//! Odds of any shape: refused, or safe to work with.
#![no_main]
use libfuzzer_sys::fuzz_target;
use plate::{Odds, RegionOdds};

fuzz_target!(|input: (Vec<Vec<(char, f32)>>, Vec<(String, f32)>, Vec<String>)| {
    let (places, regions, names) = input;
    let Ok(odds) = Odds::new(places) else { return };
    let prior = RegionOdds::new(regions).unwrap_or_else(|_| RegionOdds::unknown());
    let prior = prior.narrow(&names).unwrap_or(prior);
    let ranked = plate::rank(&odds, &prior).odds;
    assert_eq!(ranked.places().len(), odds.places().len());
    for (new, old) in ranked.places().iter().zip(odds.places()) {
        assert!(new.iter().all(|(c, _)| old.iter().any(|(d, _)| c == d)), "nothing is invented");
    }
    let p = plate::same_plate(&odds, &ranked, 0.3);
    assert!((0.0..=1.0).contains(&p));
    assert!(odds.readings(4).len() <= 4);
});
